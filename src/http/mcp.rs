//! Shared by all MCP clients (streamable HTTP): protocol versions, requests, and reading of responses.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::Request;
use crate::model::mcp::{NEWEST_WITH_HANDSHAKE, STATELESS, VERSIONS};

/// The header with the session id.
pub const SESSION_HEADER: &str = "mcp-session-id";
/// Keys in `params._meta` with which a [`STATELESS`] request describes itself.
pub const VERSION_META: &str = "io.modelcontextprotocol/protocolVersion";
pub const CAPABILITIES_META: &str = "io.modelcontextprotocol/clientCapabilities";
const CLIENT_META: &str = "io.modelcontextprotocol/clientInfo";
/// Most pages of a list to read, in case a server's pages never end.
pub const MOST_PAGES: usize = 1000;
/// How often a stream is taken up again that brings no new event.
pub const MOST_IN_VAIN: u32 = 5;

fn client_info() -> Value {
    json!({ "name": "agentcore-gw", "version": env!("CARGO_PKG_VERSION") })
}

/// The params of `initialize`.
pub fn hello(version: &str, capabilities: &Value) -> Value {
    json!({ "protocolVersion": version, "capabilities": capabilities, "clientInfo": client_info() })
}

/// Builds a [`STATELESS`] request from a message whose params are an object.
pub fn stateless(url: &str, mut message: Value, capabilities: &Value) -> Request {
    let params = &mut message["params"];
    for (key, value) in
        [(VERSION_META, json!(STATELESS)), (CAPABILITIES_META, capabilities.clone()), (CLIENT_META, client_info())]
    {
        params["_meta"][key] = value;
    }
    let (method, params) = (message["method"].as_str().unwrap_or_default(), &message["params"]);
    post_stateless(url, method, params["name"].as_str(), params["uri"].as_str(), message.to_string())
}

/// Builds the request that posts a [`STATELESS`] message that describes itself. `name` and `uri` are those in its params.
pub fn post_stateless(url: &str, method: &str, name: Option<&str>, uri: Option<&str>, message: String) -> Request {
    let mut request = post(url, STATELESS, None, message);
    let name = match method {
        "tools/call" | "prompts/get" => name,
        "resources/read" => uri,
        _ => None,
    };
    request.headers.push(("mcp-method".to_owned(), method.to_owned()));
    request.headers.extend(name.map(|name| ("mcp-name".to_owned(), name.to_owned())));
    request
}

/// The version to use with a server that supports these; the newest handshake version if it names none.
pub fn version_for<'a>(served: impl Iterator<Item = &'a str> + Clone) -> Option<&'static str> {
    if served.clone().next().is_none() {
        return Some(NEWEST_WITH_HANDSHAKE);
    }
    let with_handshake = VERSIONS.iter().copied().rev().filter(|version| *version != STATELESS);
    let spoken = with_handshake.chain([STATELESS]);
    spoken.into_iter().find(|version| served.clone().any(|other| other == *version))
}

/// Whether a version with a handshake is supported.
pub fn speaks(version: &str) -> bool {
    version != STATELESS && VERSIONS.contains(&version)
}

/// Builds the request that posts a message. `version` is empty before `initialize` was answered.
pub fn post(url: &str, version: &str, session: Option<&str>, message: String) -> Request {
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("accept".to_owned(), "application/json, text/event-stream".to_owned()),
    ];
    headers.extend(of_session(version, session));
    Request { method: "POST".to_owned(), url: url.to_owned(), headers, body: message.into_bytes() }
}

/// Builds the request that takes up a stream after this event (MCP 2025-11-25, "Resumability and Redelivery").
pub fn resume(url: &str, version: &str, session: Option<&str>, last_event: &str) -> Request {
    let mut headers = vec![
        ("accept".to_owned(), "text/event-stream".to_owned()),
        ("last-event-id".to_owned(), last_event.to_owned()),
    ];
    headers.extend(of_session(version, session));
    Request { method: "GET".to_owned(), url: url.to_owned(), headers, body: Vec::new() }
}

/// Builds the request that ends a session.
pub fn delete(url: &str, version: &str, session: &str) -> Request {
    let headers = of_session(version, Some(session)).collect();
    Request { method: "DELETE".to_owned(), url: url.to_owned(), headers, body: Vec::new() }
}

fn of_session(version: &str, session: Option<&str>) -> impl Iterator<Item = (String, String)> {
    let version = Some(version).filter(|version| !version.is_empty());
    let version = version.map(|version| ("mcp-protocol-version".to_owned(), version.to_owned()));
    version.into_iter().chain(session.map(|session| (SESSION_HEADER.to_owned(), session.to_owned())))
}

/// Incremental reader for the messages of a response, as JSON texts: one document, or the `data:` of an event stream
/// (HTML, "Server-sent events"). What is no JSON is left out.
#[derive(Debug)]
pub struct Messages {
    is_stream: bool,
    /// An incomplete line, or the whole document.
    waiting: Vec<u8>,
    /// The data of an incomplete event.
    data: Vec<String>,
    /// Whether the last byte was a carriage return, to which a line feed belongs.
    after_return: bool,
    /// The id of an incomplete event, or of an earlier one.
    id: Option<String>,
    /// The id of the last complete event.
    last_event: Option<String>,
    /// How long to wait before the stream is taken up again.
    retry: Duration,
}

/// The pause before a stream is taken up again whose server names none, and the limits on what servers name.
const RETRY: Duration = Duration::from_secs(1);
const SHORTEST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// Whether a media type is that of an event stream.
pub fn is_stream(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/event-stream"))
}

impl Messages {
    /// A reader for a response with this media type.
    pub fn of(content_type: Option<&str>) -> Self {
        Self {
            is_stream: is_stream(content_type),
            waiting: Vec::new(),
            data: Vec::new(),
            after_return: false,
            id: None,
            last_event: None,
            retry: RETRY,
        }
    }

    /// A reader for a stream that was taken up after this event.
    pub fn after(event: &str, retry: Duration) -> Self {
        let id = Some(event.to_owned());
        Self { last_event: id.clone(), id, retry, ..Self::of(Some("text/event-stream")) }
    }

    /// Where a stream that has ended early can be taken up again, and after which pause; `None` if it has no ids.
    pub fn resumption(&self) -> Option<(String, Duration)> {
        self.last_event.clone().map(|event| (event, self.retry))
    }

    /// Adds bytes, and returns the messages that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        if !self.is_stream {
            self.waiting.extend_from_slice(bytes);
            return Vec::new();
        }
        let mut messages = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if self.after_return => {}
                b'\n' | b'\r' => messages.extend(self.end_line()),
                other => self.waiting.push(*other),
            }
            self.after_return = *byte == b'\r';
        }
        messages
    }

    /// Ends the response, and returns the messages that this completes.
    pub fn finish(mut self) -> Vec<String> {
        if !self.is_stream {
            return String::from_utf8(self.waiting).ok().filter(|text| is_json(text)).into_iter().collect();
        }
        self.end_line().or_else(|| self.end_event()).into_iter().collect()
    }

    /// Handles a line; an empty one ends an event.
    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.waiting);
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        if line.is_empty() {
            self.last_event.clone_from(&self.id);
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => self.data.push(value.to_owned()),
            // An empty id says that there is none; one that no header can have is of no use.
            "id" if !value.contains(char::is_control) => {
                self.id = Some(value.to_owned()).filter(|id| !id.is_empty());
            }
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                let named = value.parse().map_or(RETRY, Duration::from_millis);
                self.retry = named.clamp(SHORTEST_RETRY, LONGEST_RETRY);
            }
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.data).join("\n")).filter(|text| is_json(text))
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_json_and_as_events_however_they_are_cut() {
        let read = |kind: &str, body: &str, cut: usize| {
            let mut messages = Messages::of(Some(kind));
            let mut all: Vec<String> = body.as_bytes().chunks(cut).flat_map(|bytes| messages.push(bytes)).collect();
            all.extend(messages.finish());
            all.iter().map(|text| serde_json::from_str(text).unwrap()).collect::<Vec<Value>>()
        };
        let events = "event: message\r\ndata: {\"id\":1}\r\n\r\n: ping\n\ndata: {\"id\":\ndata: 2}\n\ndata: {\"id\":3}";
        for cut in [1, 2, 7, 1000] {
            assert_eq!(read("application/json", r#"{"id":1}"#, cut), [json!({ "id": 1 })]);
            let expected = [json!({ "id": 1 }), json!({ "id": 2 }), json!({ "id": 3 })];
            assert_eq!(read("text/event-stream; charset=utf-8", events, cut), expected);
            assert!(read("text/html", "<html>", cut).is_empty());
            let events = "id: 1\nretry: 500\ndata:\n\nid: 2\ndata: {\"id\":1}\n\nretry: soon\nid\n\nid: a\0b\n\n";
            let mut messages = Messages::of(Some("text/event-stream"));
            let mut resumptions = Vec::new();
            for byte in events.as_bytes().chunks(cut) {
                messages.push(byte);
                resumptions.push(messages.resumption());
            }
            assert_eq!(messages.resumption(), None, "an empty id is none");
            let mut cut_off = Messages::of(Some("text/event-stream"));
            cut_off.push(b"id: 1\ndata:\n\nid: 2\ndata: {\"id\":1}\n");
            assert_eq!(cut_off.resumption().unwrap().0, "1", "an event that is not complete comes once more");
            if cut == 1 {
                assert!(resumptions.contains(&Some(("2".to_owned(), Duration::from_millis(500)))));
            }
            let odd = "\u{feff}data: {\"id\":1}\r\revent: x\rdata:{\"id\":\r\ndata: 2}\n\r\n";
            assert_eq!(read("Text/Event-Stream", odd, cut), [json!({ "id": 1 }), json!({ "id": 2 })]);
        }
    }
}
