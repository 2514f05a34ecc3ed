//! A message of the client, and the request that carries it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::Value;

use crate::{
    http::{Request, mcp},
    model::mcp::STATELESS,
};

/// A JSON-RPC message.
#[derive(Debug, Clone)]
pub struct Message {
    document: Value,
    /// Whether the gateway may have it.
    is_sent: Arc<AtomicBool>,
}

impl Message {
    pub fn new(document: Value) -> Self {
        Self { document, is_sent: Arc::default() }
    }

    pub(super) fn document(&self) -> &Value {
        &self.document
    }

    pub(super) fn set_sent(&self, is_sent: bool) {
        self.is_sent.store(is_sent, Ordering::Release);
    }

    /// Whether the gateway may have it.
    pub fn is_sent(&self) -> bool {
        self.is_sent.load(Ordering::Acquire)
    }

    /// Whether later messages must not overtake it: all but requests, and `initialize`.
    pub fn goes_first(&self) -> bool {
        self.id().is_none() || self.method() == "initialize"
    }

    /// The id of the request that this message cancels.
    pub fn cancels(&self) -> Option<&Value> {
        (self.method() == "notifications/cancelled").then(|| &self.document["params"]["requestId"])
    }

    fn is_stateless(&self) -> bool {
        self.document["params"]["_meta"][mcp::VERSION_META] == STATELESS
    }

    /// Whether its request names the session.
    pub(super) fn has_session(&self) -> bool {
        !self.is_stateless() && self.method() != "initialize"
    }

    /// Whether this document is the answer to it. `is_alone`: the response has nothing else.
    pub(super) fn is_answered_by(&self, document: &Value, is_alone: bool) -> bool {
        let is_answer =
            document.get("method").is_none() && (document.get("result").is_some() || document["error"].is_object());
        // The error of a request that the gateway could not read has no id.
        is_answer && self.id().is_some_and(|id| is_alone || document["id"] == *id || document["id"].is_null())
    }

    /// Empty for a response.
    pub(super) fn method(&self) -> &str {
        self.document["method"].as_str().unwrap_or_default()
    }

    /// The id of a request, which must be answered.
    pub fn id(&self) -> Option<&Value> {
        self.document.get("id").filter(|id| !id.is_null() && self.document.get("method").is_some())
    }

    /// Whether it changes nothing to receive it twice.
    pub(super) fn is_harmless(&self) -> bool {
        let only = ["ping", "resources/read", "prompts/get", "completion/complete", "notifications/initialized"];
        only.contains(&self.method()) || self.method().ends_with("/list")
    }

    /// The request that carries it. `version` is empty before `initialize` was answered.
    pub(super) fn request(&self, url: &str, version: &str, session: Option<&str>) -> Request {
        if self.is_stateless() {
            return mcp::post_stateless(url, &self.document);
        }
        mcp::post(url, version, session, &self.document)
    }
}
