//! The stored listing of an MCP server, and the targets that wait for one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{AgentCore, Gateway, State, Status, Target, role_problem};
use crate::{
    local::{services::call::Call, storage::blobs::BlobId},
    model::tool,
};

/// AWS's message before the cause (many public reports, on several causes).
const NOT_LISTED: &str = "Failed to connect and fetch tools from the provided MCP target server. Error - ";
/// A cause with this prefix stands alone: "MCP server '…' returned HTTP 400 to the initialize handshake."
const OF_SERVER: &str = "MCP server ";

/// The capabilities that a server listed, unchanged.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing {
    pub(crate) tools: Vec<Value>,
    pub(crate) prompts: Vec<Value>,
    pub(crate) resources: Vec<Value>,
    pub(crate) resource_templates: Vec<Value>,
}

impl Listing {
    /// The tool with this name, which has no target prefix.
    pub(crate) fn tool(&self, name: &str) -> Option<&Value> {
        self.tools.iter().find(|tool| tool["name"] == name)
    }

    /// Tools or prompts with qualified names.
    pub(crate) fn qualified(items: &[Value], target: &str) -> Vec<Value> {
        let named = |item: &Value| {
            let mut item = item.clone();
            item["name"] = json!(tool::qualified(target, item["name"].as_str()?));
            Some(item)
        };
        items.iter().filter_map(named).collect()
    }

    /// Whether a resource has this URI, or a template matches it.
    pub(crate) fn has_resource(&self, uri: &str) -> bool {
        self.resources.iter().any(|resource| resource["uri"] == uri)
            || self.resource_templates.iter().any(|one| one["uriTemplate"].as_str().is_some_and(|it| fits(it, uri)))
    }
}

/// Whether a URI template (RFC 6570) may expand to this URI. An expression matches any text.
fn fits(template: &str, uri: &str) -> bool {
    let mut parts = template.split('{').enumerate().map(|(index, part)| match index {
        0 => part,
        _ => part.split_once('}').map_or("", |(_, literal)| literal),
    });
    let Some(mut rest) = parts.next().and_then(|first| uri.strip_prefix(first)) else { return false };
    let literals: Vec<&str> = parts.collect();
    let Some((last, between)) = literals.split_last() else { return rest.is_empty() };
    for literal in between {
        match rest.find(literal) {
            Some(at) => rest = &rest[at + literal.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// A target that waits for the listing of its server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Awaiting {
    pub(crate) gateway_id: String,
    pub(crate) target_id: String,
}

impl Target {
    /// Whether its status depends on a pending listing of its server.
    pub(super) fn awaits_listing(&self) -> bool {
        let waits = matches!(self.state.status, Status::Creating | Status::Updating | Status::Synchronizing);
        waits && self.mcp_server().is_some_and(|server| !server.is_dynamic())
    }
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
pub(crate) fn listed(state: &mut State, call: &Call, awaiting: &Awaiting, outcome: Result<BlobId, String>) {
    let State { agentcore, iam, .. } = state;
    let Some(gateway) = agentcore.gateways.get_mut(&awaiting.gateway_id) else { return };
    let problem = role_problem(iam, gateway, call);
    let Some(target) = gateway.targets.get_mut(&awaiting.target_id).filter(|target| target.awaits_listing()) else {
        return;
    };
    match (problem, outcome) {
        (None, Ok(listing)) => target.take_listing(listing, call.now),
        (Some(problem), _) => target.state.finish(&[problem]),
        (None, Err(why)) if why.starts_with(OF_SERVER) => target.state.finish(&[&why]),
        (None, Err(why)) => target.state.finish(&[&format!("{NOT_LISTED}{why}")]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_fits_what_it_expands_to() {
        let cases = [
            ("file:///{path}", "file:///a/b", true),
            ("file:///{path}", "http://a", false),
            ("demo://r/{id}/text", "demo://r/1/text", true),
            ("demo://r/{id}/text", "demo://r/1/blob", false),
            ("a{b}c{d}e", "a1c2e", true),
            ("a{b}c{d}e", "a1e", false),
            ("a", "a", true),
            ("a", "ab", false),
            ("{+all}", "anything", true),
            ("a{open", "a1", true),
        ];
        for (template, uri, expected) in cases {
            assert_eq!(fits(template, uri), expected, "{template} {uri}");
        }
    }
}
