//! A message of the client, and the request that carries it.

use serde_json::Value;

use crate::{
    http::{Request, mcp},
    model::mcp::STATELESS,
};

/// A JSON-RPC message.
#[derive(Debug)]
pub(super) struct Message(Value);

impl Message {
    pub(super) fn new(document: Value) -> Self {
        Self(document)
    }

    pub(super) fn document(&self) -> &Value {
        &self.0
    }

    /// Empty for a response.
    pub(super) fn method(&self) -> &str {
        self.0["method"].as_str().unwrap_or_default()
    }

    /// The id of a request, which must be answered.
    pub(super) fn id(&self) -> Option<&Value> {
        self.0.get("id").filter(|id| !id.is_null() && self.0.get("method").is_some())
    }

    /// Whether it changes nothing to receive it twice.
    pub(super) fn is_harmless(&self) -> bool {
        self.method() != "tools/call"
    }

    /// The request that carries it. `version` is empty before `initialize` was answered.
    pub(super) fn request(&self, url: &str, version: &str, session: Option<&str>) -> Request {
        if self.0["params"]["_meta"][mcp::VERSION_META] == STATELESS {
            return mcp::post_stateless(url, &self.0);
        }
        mcp::post(url, version, session, &self.0)
    }
}
