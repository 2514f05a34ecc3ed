//! Responses to the caller: one JSON document, or an event stream.

use super::protocol::RpcError;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

/// An HTTP response to the caller.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// JSON; `None` for an empty response.
    pub(super) body: Option<String>,
}

impl Reply {
    pub(super) fn new(status: StatusCode, body: String) -> Self {
        Self { status, headers: HeaderMap::new(), body: Some(body) }
    }

    pub(super) fn error(status: StatusCode, id: &str, error: RpcError) -> Self {
        Self::new(status, envelope(id, &Err(error)))
    }

    pub(super) fn accepted() -> Self {
        Self { status: StatusCode::ACCEPTED, headers: HeaderMap::new(), body: None }
    }

    pub(super) fn into_response(self, request_id: &str) -> Response {
        let mut response = match self.body {
            None => self.status.into_response(),
            Some(body) => (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        };
        response.headers_mut().extend(self.headers);
        identified(response, request_id)
    }

    /// The response as an event stream if it is a 200 with a body; otherwise as a plain response.
    pub(super) fn into_events(self, request_id: &str) -> Response {
        if self.body.is_none() || self.status != StatusCode::OK {
            return self.into_response(request_id);
        }
        let headers = self.headers.clone();
        let mut response = event_stream(StatusCode::OK, Body::from(event(&self.into_message())), request_id);
        response.headers_mut().extend(headers);
        response
    }

    /// The response's only message; empty if it has no body.
    pub(super) fn into_message(self) -> String {
        self.body.unwrap_or_default()
    }
}

/// Formats a message as a server-sent event (AgentCore developer guide, "Enable MCP response streaming for your
/// AgentCore gateway").
pub(super) fn event(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!("event: message\ndata: {message}\n\n") }
}

pub(super) fn event_stream(status: StatusCode, body: Body, request_id: &str) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    identified((status, headers, body).into_response(), request_id)
}

/// Adds the request id header that AWS sends.
fn identified(mut response: Response, request_id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// A JSON-RPC response; `id` and a result are JSON texts.
pub(super) fn envelope(id: &str, answer: &Result<String, RpcError>) -> String {
    match answer {
        Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
        Err(error) => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{}}}"#, error.to_json()),
    }
}
