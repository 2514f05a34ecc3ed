//! The differences between MCP versions on the wire: handshake or stateless, required headers, batches, and
//! HTTP statuses of errors.

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::content::Content;
use crate::{
    http::mcp::{CAPABILITIES_META, VERSION_META},
    model::mcp::STATELESS,
};

/// The error text for a target's failure without DEBUG (AgentCore developer guide, "Debugging": "Turning on
/// debugging messages").
pub(super) use crate::model::mcp::TERSE_ERROR as TERSE;
/// The only version with JSON-RPC batches, and the version assumed for a request without a version header (MCP
/// 2025-06-18, "Protocol Version Header").
const BATCHES: &str = "2025-03-26";

pub(super) const PARSE_ERROR: i32 = -32700;
pub(super) const INVALID_REQUEST: i32 = -32600;
pub(super) const METHOD_NOT_FOUND: i32 = -32601;
pub(super) const INVALID_PARAMS: i32 = -32602;
pub(super) const INTERNAL_ERROR: i32 = -32603;
/// MCP, "Resources", error handling.
pub(super) const RESOURCE_NOT_FOUND: i32 = -32002;
/// Error codes of MCP 2026-07-28, as its SDKs have them. AWS does not document its full set of codes; the
/// AgentCore developer guide shows -32021 for a header mismatch.
const HEADER_MISMATCH: i32 = -32020;
const UNSUPPORTED_VERSION: i32 = -32022;

const SERVER_META: &str = "io.modelcontextprotocol/serverInfo";

/// A JSON-RPC error.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RpcError {
    pub(super) code: i32,
    message: String,
    data: Option<Value>,
    /// Whether it is a target's error, which does not affect the HTTP status.
    passed_on: bool,
}

impl RpcError {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None, passed_on: false }
    }

    /// An MCP server's own error, to be forwarded.
    pub(super) fn of(error: &Value) -> Self {
        let code = error["code"].as_i64().and_then(|code| i32::try_from(code).ok()).unwrap_or(INTERNAL_ERROR);
        let message = error["message"].as_str().unwrap_or_default().to_owned();
        Self { code, message, data: error.get("data").cloned(), passed_on: true }
    }

    pub(super) fn invalid_request(message: &str) -> Self {
        Self::new(INVALID_REQUEST, message)
    }

    pub(super) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        error
    }
}

/// The protocol rules for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `initialize` comes first, and later requests name the version in a header.
    Handshake {
        batches: bool,
    },
    Stateless,
}

impl Dialect {
    /// Selects the dialect by the version header, among the versions that the gateway serves.
    pub(super) fn of(headers: &HeaderMap, served: &[String], body: &Value) -> Result<Self, RpcError> {
        let header = headers.get("mcp-protocol-version").map(|value| value.to_str().unwrap_or_default());
        let offers = |version: &str| served.iter().any(|one| one == version);
        match header {
            Some(STATELESS) if offers(STATELESS) => Ok(Self::Stateless),
            None if served.iter().all(|version| version == STATELESS) => Err(unsupported("")),
            None => Ok(Self::Handshake { batches: offers(BATCHES) }),
            Some(version) if offers(version) => Ok(Self::Handshake { batches: version == BATCHES }),
            // Stateless clients choose from the versions that the error lists; clients with a handshake expect the code
            // that servers have always sent.
            Some(version) if offers(STATELESS) && body["params"]["_meta"].get(VERSION_META).is_some() => {
                Err(RpcError {
                    code: UNSUPPORTED_VERSION,
                    message: "Unsupported protocol version".to_owned(),
                    data: Some(json!({ "supported": [STATELESS], "requested": version })),
                    passed_on: false,
                })
            }
            Some(_) => Err(RpcError::invalid_request(&format!(
                "Unsupported MCP protocol version; this gateway serves {}",
                served.join(", ")
            ))),
        }
    }

    /// Checks that the headers and `_meta` of a stateless request match the message.
    pub(super) fn check(self, headers: &HeaderMap, message: &Value) -> Result<(), RpcError> {
        if self != Self::Stateless {
            return Ok(());
        }
        let meta = &message["params"]["_meta"];
        let missing: Vec<&str> =
            [VERSION_META, CAPABILITIES_META].into_iter().filter(|key| meta.get(key).is_none()).collect();
        if !missing.is_empty() {
            return Err(RpcError::invalid_params(format!("params._meta lacks {}", missing.join(", "))));
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mismatch =
            |name: &str| Err(RpcError::new(HEADER_MISMATCH, format!("The header {name} does not match the message")));
        for name in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
            if headers.get_all(name).iter().count() > 1 {
                return mismatch(name);
            }
        }
        if meta[VERSION_META].as_str() != header("mcp-protocol-version") {
            return mismatch("MCP-Protocol-Version");
        }
        if message["method"].as_str() != header("mcp-method") {
            return mismatch("Mcp-Method");
        }
        let params = &message["params"];
        let name = match message["method"].as_str() {
            Some("tools/call" | "prompts/get") => params["name"].as_str(),
            Some("resources/read") => params["uri"].as_str(),
            _ => None,
        };
        if name.is_some() && name != header("mcp-name") {
            return mismatch("Mcp-Name");
        }
        Ok(())
    }

    /// The HTTP status of an error.
    pub(super) fn status(self, error: &RpcError) -> StatusCode {
        match error.code {
            _ if error.passed_on => StatusCode::OK,
            PARSE_ERROR | INVALID_REQUEST | HEADER_MISMATCH | UNSUPPORTED_VERSION => StatusCode::BAD_REQUEST,
            INVALID_PARAMS if self == Self::Stateless => StatusCode::BAD_REQUEST,
            METHOD_NOT_FOUND if self == Self::Stateless => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        }
    }

    /// A result as JSON text, with the members that this dialect requires in every result.
    pub(super) fn complete(self, method: &str, server: impl FnOnce() -> Value, result: Content) -> String {
        if self == Self::Stateless {
            let mut result = result.to_value();
            result["resultType"] = json!("complete");
            if !result["_meta"].is_object() {
                result["_meta"] = json!({});
            }
            result["_meta"][SERVER_META] = server();
            if !["tools/call", "prompts/get"].contains(&method) {
                // Do not cache: lists may change with any control-plane call.
                result["ttlMs"] = json!(0);
                result["cacheScope"] = json!("private");
            }
            return result.to_string();
        }
        result.into_text()
    }
}

fn unsupported(requested: &str) -> RpcError {
    RpcError {
        code: UNSUPPORTED_VERSION,
        message: "Unsupported protocol version".to_owned(),
        data: Some(json!({ "supported": [STATELESS], "requested": requested })),
        passed_on: false,
    }
}

/// The version that `initialize` negotiates: the requested one, or the newest with a handshake.
pub(super) fn agreed<'a>(asked: &'a str, served: &'a [String]) -> Option<&'a str> {
    let mut with_handshake = served.iter().map(String::as_str).filter(|version| *version != STATELESS);
    if asked != STATELESS && served.iter().any(|version| version == asked) {
        return Some(asked);
    }
    with_handshake.next_back()
}

/// The versions that `server/discover` returns.
pub(super) fn discoverable(served: &[String]) -> Vec<&String> {
    served.iter().filter(|version| *version == STATELESS).collect()
}
