//! The targets that wait for the listing of their server.

use super::{AgentCore, Gateway, State, Target, role_problem};
use crate::local::{services::call::Call, storage::blobs::BlobId};

/// AWS's message before the cause (many public reports, on several causes).
const NOT_LISTED: &str = "Failed to connect and fetch tools from the provided MCP target server. Error - ";
/// A cause with this prefix stands alone: "MCP server '…' returned HTTP 400 to the initialize handshake."
const OF_SERVER: &str = "MCP server ";

/// A target that waits for the listing of its server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Awaiting {
    pub(crate) gateway_id: String,
    pub(crate) target_id: String,
}

impl AgentCore {
    /// The targets that wait for a listing.
    pub(crate) fn awaiting_listing(&self) -> Vec<Awaiting> {
        let of = |gateway: &Gateway| -> Vec<Awaiting> {
            let targets = gateway.targets.values().filter(|target| target.awaits_listing());
            let awaiting = |target: &Target| Awaiting { gateway_id: gateway.id.clone(), target_id: target.id.clone() };
            targets.map(awaiting).collect()
        };
        self.gateways.values().flat_map(of).collect()
    }

    /// A target that waits for a listing, and its gateway.
    pub(crate) fn awaits(&self, awaiting: &Awaiting) -> Option<(&Gateway, &Target)> {
        let gateway = self.gateways.get(&awaiting.gateway_id)?;
        let target = gateway.targets.get(&awaiting.target_id)?;
        target.awaits_listing().then_some((gateway, target))
    }
}

/// Completes an operation that waited for a listing, with the listing or with the reason why there is none.
pub(crate) fn listed(
    state: &mut State,
    call: &Call,
    awaiting: &Awaiting,
    outcome: Result<(BlobId, Vec<String>), String>,
) {
    let State { agentcore, iam, .. } = state;
    let Some(gateway) = agentcore.gateways.get_mut(&awaiting.gateway_id) else { return };
    let problem = role_problem(iam, gateway, call);
    let Some(target) = gateway.targets.get_mut(&awaiting.target_id).filter(|target| target.awaits_listing()) else {
        return;
    };
    match (problem, outcome) {
        (None, Ok((listing, notes))) => target.take_listing(listing, notes, call.now),
        (Some(problem), _) => target.state.finish(&[problem]),
        (None, Err(why)) if why.starts_with(OF_SERVER) => target.state.finish(&[&why]),
        (None, Err(why)) => target.state.finish(&[&format!("{NOT_LISTED}{why}")]),
    }
}
