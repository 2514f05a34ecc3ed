//! The records of its requests that a gateway delivers to its log group.
//!
//! Members, the form of the bodies and the sentences of a good request: AgentCore developer guide, "AgentCore provided
//! gateway metrics and logs", and a log printed in a lab of awslabs/agentcore-samples. That a failed call of a tool has a
//! record that names the tool, and then one with the reason: a log check of one project, and the README of a travel agent that
//! quotes both. AWS publishes no
//! sentence for a refused message; it is the message of the error here.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};

use super::{content::Content, protocol::RpcError, reply::Reply};
use crate::local::{
    random,
    server::Server,
    services::{ACCOUNT, State},
    storage::journal::Event,
};

/// The log stream of every gateway (labs of awslabs/agentcore-samples, and other projects).
const STREAM: &str = "BedrockAgentCoreGateway_ApplicationLogs";
/// Most bytes of a body in a record, and of anything else that a caller or a target wrote. AWS does not document what
/// becomes of more.
const MOST_OF_BODY: usize = 64 * 1024;
const MOST_OF_TEXT: usize = 4 * 1024;

/// The records of one HTTP request, which are written when it ends. None are kept where none are delivered.
pub(super) struct Records {
    to: Option<Destination>,
    kept: Mutex<Vec<Event>>,
    /// Whether anything was recorded.
    is_begun: AtomicBool,
}

struct Destination {
    server: Server,
    group_arn: String,
    gateway_arn: String,
    request_id: String,
    trace_id: String,
    span_id: String,
}

impl Records {
    pub(super) fn new(server: &Server, gateway_arn: &str, group_arn: Option<String>, request_id: &str) -> Self {
        let to = group_arn.map(|group_arn| Destination {
            server: server.clone(),
            group_arn,
            gateway_arn: gateway_arn.to_owned(),
            request_id: request_id.to_owned(),
            trace_id: random::hex(&random::bytes::<16>()),
            span_id: random::hex(&random::bytes::<8>()),
        });
        Self { to, kept: Mutex::default(), is_begun: AtomicBool::new(false) }
    }

    /// Of a gateway, by its id.
    pub(super) fn of(server: &Server, gateway_id: &str, request_id: &str) -> Self {
        let found = server.read(|state: &State| {
            let gateway = state.agentcore.serving(gateway_id)?;
            Some((gateway.arn.clone(), state.logs.receives_logs_of(&gateway.arn)?.to_owned()))
        });
        let (arn, group) = found.unzip();
        Self::new(server, arn.as_deref().unwrap_or_default(), group, request_id)
    }

    /// `id` is that of the message, as JSON or as text.
    pub(super) fn started(&self, id: &str, message: &Value) {
        self.keep(id, || json!({ "isError": false, "log": format!("Started processing request with requestId: {}", cut(bare(id), MOST_OF_TEXT)), "requestBody": as_java(message) }));
    }

    pub(super) fn received(&self, id: &str, method: &str) {
        self.keep(
            id,
            || json!({ "isError": false, "log": format!("Received request for {} method", cut(method, MOST_OF_TEXT)) }),
        );
    }

    pub(super) fn executing(&self, id: &str, tool: &str, target_id: &str) {
        let tool = cut(tool, MOST_OF_TEXT);
        self.keep(id, || json!({ "isError": false, "log": format!("Executing tool {tool} from target {target_id}") }));
        // The call may take minutes.
        self.write();
    }

    pub(super) fn tool_failed(&self, id: &str, tool: &str, target_id: &str, reason: &str) {
        let tool = cut(tool, MOST_OF_TEXT);
        let log = format!("An error occurred while executing tool: {tool} from target {target_id}");
        self.keep(id, || json!({ "isError": true, "log": log }));
        self.keep(id, || json!({ "isError": true, "log": cut(reason, MOST_OF_BODY) }));
    }

    pub(super) fn answered(&self, id: &str, answer: &Result<Content, RpcError>) {
        let id = bare(id);
        let shown = cut(id, MOST_OF_TEXT);
        self.keep(id, || match answer {
            Ok(result) => json!({
                "isError": false,
                "log": format!("Successfully processed request with requestId: {shown}"),
                "responseBody": cut(&format!("{{jsonrpc=2.0, id={shown}, result={}}}", as_java(&result.to_value())), MOST_OF_BODY),
            }),
            Err(error) => json!({
                "isError": true,
                "log": cut(error.message(), MOST_OF_TEXT),
                "responseBody": cut(&format!("{{jsonrpc=2.0, id={shown}, error={}}}", as_java(&error.to_json())), MOST_OF_BODY),
            }),
        });
    }

    /// Of a message that was answered before it was looked at.
    pub(super) fn turned_away(&self, id: &str, reason: &str) {
        self.keep(id, || json!({ "isError": true, "log": cut(reason, MOST_OF_TEXT) }));
    }

    /// The reply to a request that nothing is recorded of yet.
    pub(super) fn conclude(&self, id: &str, reply: &Reply) {
        let is_known = self.is_begun.load(Ordering::Relaxed);
        if is_known || self.to.is_none() {
            return;
        }
        let body: Value = serde_json::from_str(reply.body.as_deref().unwrap_or_default()).unwrap_or_default();
        match body["error"]["message"].as_str() {
            Some(message) => self.turned_away(id, message),
            None if reply.status.is_success() => self.answered(id, &Ok(Content::Value(body["result"].clone()))),
            None => self.turned_away(id, reply.status.as_str()),
        }
    }

    fn keep(&self, id: &str, body: impl FnOnce() -> Value) {
        let Some(to) = &self.to else { return };
        let (time, mut body) = (to.server.clock(), body());
        body["id"] = json!(cut(bare(id), MOST_OF_TEXT));
        let record = json!({
            "resource_arn": to.gateway_arn,
            "event_timestamp": time,
            "body": body,
            "account_id": ACCOUNT,
            "request_id": to.request_id,
            "trace_id": to.trace_id,
            "span_id": to.span_id,
        });
        let event = Event::new(STREAM, time, record.to_string());
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        self.is_begun.store(true, Ordering::Relaxed);
    }

    fn write(&self) {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(to) = self.to.as_ref().filter(|_| !kept.is_empty()) {
            to.server.journal().write_all(&to.group_arn, &kept);
        }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.write();
    }
}

/// A message's id without the quotes of a string.
fn bare(id: &str) -> &str {
    id.strip_prefix('"').and_then(|id| id.strip_suffix('"')).unwrap_or(id)
}

/// At most so many bytes of a text.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(most)])
}

/// JSON as Java prints its maps and lists, cut.
fn as_java(value: &Value) -> String {
    let mut text = String::new();
    print_java(value, &mut text);
    cut(&text, MOST_OF_BODY)
}

/// Prints a value, or not much more of it than is shown.
fn print_java(value: &Value, text: &mut String) {
    let is_full = |text: &String| text.len() > MOST_OF_BODY;
    match value {
        Value::Object(members) => {
            text.push('{');
            for (place, (name, value)) in members.iter().enumerate() {
                if is_full(text) {
                    return;
                }
                text.push_str(if place == 0 { "" } else { ", " });
                text.push_str(&cut(name, MOST_OF_BODY));
                text.push('=');
                print_java(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if is_full(text) {
                    return;
                }
                text.push_str(if place == 0 { "" } else { ", " });
                print_java(item, text);
            }
            text.push(']');
        }
        Value::String(string) => text.push_str(&cut(string, MOST_OF_BODY)),
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_printed_as_java_prints_maps() {
        // The request and the response in the developer guide.
        let request = r#"{"id":1,"jsonrpc":"2.0","method":"tools/call","params":{"name":"target-quick-start-f9scus___LocationTool","arguments":{"location":"seattle"}}}"#;
        assert_eq!(
            as_java(&serde_json::from_str(request).unwrap()),
            "{id=1, jsonrpc=2.0, method=tools/call, params={name=target-quick-start-f9scus___LocationTool, arguments={location=seattle}}}"
        );
        let result = json!({ "isError": false, "content": [{ "type": "text", "text": "\"good\"" }] });
        assert_eq!(as_java(&result), "{isError=false, content=[{type=text, text=\"good\"}]}");
        assert_eq!(as_java(&json!([null, 1.5, {}, []])), "[null, 1.5, {}, []]");
    }

    #[test]
    fn a_body_is_cut_between_characters() {
        let long = as_java(&json!({ "a": "é".repeat(MOST_OF_BODY) }));
        assert!(long.len() <= MOST_OF_BODY + 3 && long.ends_with("é…"), "{}", long.len());
    }
}
