//! What is kept of gateways between requests, until the account's state changes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::snapshot::GatewaySnapshot;
use crate::local::{
    data_plane::caller::{Inbound, Tokens},
    server::Server,
};

/// A gateway that serves.
pub(super) struct Serving {
    pub(super) gateway: Arc<GatewaySnapshot>,
    /// Its authorizer; `None` if that cannot be read.
    pub(super) inbound: Option<Inbound>,
    /// The tokens that it has let in.
    pub(super) tokens: Tokens,
}

/// The gateways that were called since the state changed.
#[derive(Default)]
pub(crate) struct Gateways {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The state that these gateways are of.
    revision: u64,
    gateways: HashMap<String, Arc<Serving>>,
}

impl std::fmt::Debug for Gateways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateways").finish_non_exhaustive()
    }
}

impl Gateways {
    /// A gateway that serves, by its id.
    pub(super) fn find(&self, server: &Server, id: &str) -> Option<Arc<Serving>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.revision == server.revision()
            && let Some(found) = kept.gateways.get(id)
        {
            return Some(found.clone());
        }
        let (found, revision) = server.read(|state| {
            let found = state.agentcore.serving(id).and_then(|gateway| {
                let snapshot = GatewaySnapshot::of(state, id, server.blobs())?;
                let (gateway, inbound) = (Arc::new(snapshot), Inbound::of(gateway));
                Some(Arc::new(Serving { gateway, inbound, tokens: Tokens::default() }))
            });
            (found, server.revision())
        });
        if kept.revision != revision {
            *kept = Kept { revision, gateways: HashMap::new() };
        }
        let found = found?;
        // What an MCP server lists is of one request.
        if found.gateway.dynamic().next().is_none() {
            kept.gateways.insert(id.to_owned(), found.clone());
        }
        Some(found)
    }
}
