//! A target of a gateway: what is stored of it, and what it serves.

mod configuration;
mod listing;
mod served;

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) use self::{
    configuration::{CREDENTIALS, Configuration, Credential, CredentialProvider, McpServer},
    listing::Listing,
    served::Served,
};
use super::{Lifecycle, State, Status, check_invocable, invalid, refused};
use crate::{
    local::storage::blobs::BlobId,
    model::target::{TargetKind, listed_type},
};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) id: String,
    /// The members as given. An inline schema is null: it is kept once, as `schema`.
    pub(super) config: Map<String, Value>,
    /// The tool definitions or the document, as of the target's creation or update; for an MCP server, its last
    /// listing.
    pub(super) schema: BlobId,
    /// When an MCP server was last listed, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) synchronized: Option<i64>,
    /// The parsed schema. Set on first use.
    #[serde(skip)]
    pub(super) served: OnceLock<Arc<Served>>,
    pub(super) state: Lifecycle,
}

impl Target {
    pub(super) fn serves(&self) -> bool {
        self.state.serves()
    }

    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.config.get(member)?.as_str()
    }

    pub(super) fn schema(&self) -> &BlobId {
        &self.schema
    }

    /// The members as given, with the inline schema from these bytes of its blob.
    pub(super) fn config_with(&self, schema: Vec<u8>) -> Map<String, Value> {
        let mut config = self.config.clone();
        let place = config.get_mut("targetConfiguration").and_then(inline_schema);
        if let Some(place) = place.filter(|place| place.is_null()) {
            *place = match self.kind() {
                Some(TargetKind::Lambda) => serde_json::from_slice(&schema).unwrap_or_else(|_| json!([])),
                _ => json!(String::from_utf8(schema).unwrap_or_default()),
            };
        }
        config
    }

    pub(super) fn kind(&self) -> Option<TargetKind> {
        TargetKind::of(&self.config.get("targetConfiguration")?["mcp"])
    }

    /// The `targetType` of a list.
    pub(super) fn listed_type(&self) -> Option<&'static str> {
        listed_type(self.config.get("targetConfiguration")?)
    }

    /// Whether it is one of HTTP or inference, not of MCP.
    pub(super) fn is_http(&self) -> bool {
        self.config.get("targetConfiguration").is_some_and(|configuration| configuration["mcp"].is_null())
    }

    /// The headers and query parameters that are passed on to it, and the headers that are passed back.
    pub(crate) fn metadata(&self, member: &str) -> Vec<String> {
        let named = self.config.get("metadataConfiguration").map(|metadata| metadata[member].clone());
        named.and_then(|names| serde_json::from_value(names).ok()).unwrap_or_default()
    }

    /// Whether a user has to sign in before its server can be listed.
    pub(super) fn awaits_user(&self) -> bool {
        let server = self.mcp_server();
        server.is_some_and(|server| !server.is_static()) && self.credential().is_some_and(|it| it.needs_user())
    }

    /// The MCP server, if the target is one.
    pub(crate) fn mcp_server(&self) -> Option<McpServer> {
        serde_json::from_value(self.mcp(TargetKind::McpServer)?.clone()).ok()
    }

    pub(super) fn mcp_server_member(&self, member: &str) -> Value {
        self.mcp(TargetKind::McpServer).map(|server| server[member].clone()).unwrap_or_default()
    }

    /// Whether its status depends on a pending listing of its server.
    pub(super) fn awaits_listing(&self) -> bool {
        if self.awaits_user() {
            return false;
        }
        let waits = matches!(self.state.status, Status::Creating | Status::Updating | Status::Synchronizing);
        waits && self.mcp_server().is_some_and(|server| !server.is_dynamic() && !server.is_static())
    }

    /// Stores the listing of its server, and completes the operation that waited for it. `notes` are what of it is not
    /// listed: shown as status reasons, which AWS is not known to give for a target that is READY.
    pub(super) fn take_listing(&mut self, listing: BlobId, notes: Vec<String>, now: i64) {
        self.schema = listing;
        self.served = OnceLock::new();
        self.synchronized = Some(now);
        self.state.finish(&[]);
        self.state.reasons.extend(notes);
    }

    /// Its configuration, if the target is of this kind.
    fn mcp(&self, kind: TargetKind) -> Option<&Value> {
        self.config.get("targetConfiguration")?["mcp"].get(kind.member())
    }

    /// The credential of its calls, if there is one.
    pub(crate) fn credential(&self) -> Option<Credential> {
        let all = self.config.get(CREDENTIALS)?;
        let all: Vec<Credential> = serde_json::from_value(all.clone()).ok()?;
        all.into_iter().next()
    }
}

/// The inline tools, document or model in a target configuration, if it has one.
pub(super) fn inline_schema(configuration: &mut Value) -> Option<&mut Value> {
    let mcp = configuration.get_mut("mcp")?;
    let kind = TargetKind::of(mcp)?;
    let target = mcp.get_mut(kind.member())?;
    let schema = match kind {
        TargetKind::Lambda => target.get_mut("toolSchema")?,
        TargetKind::OpenApi | TargetKind::Smithy => target,
        TargetKind::McpServer | TargetKind::ApiGateway => return None,
    };
    schema.get_mut("inlinePayload")
}
