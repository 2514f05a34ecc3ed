//! What every client of an MCP server over streamable HTTP needs, whoever it is: which versions there are,
//! what requests look like, and how answers are read.

use serde_json::{Value, json};

use super::Request;

/// The newest version that is spoken, and what `initialize` asks for.
pub const VERSION: &str = "2025-11-25";
/// Older ones that can be followed.
pub const OLDER: &[&str] = &["2025-06-18", "2025-03-26"];
/// The first version without `initialize`: each request says for itself what it is.
pub const STATELESS: &str = "2026-07-28";
/// The header that names a session.
pub const SESSION_HEADER: &str = "mcp-session-id";
/// What a request of [`STATELESS`] says of itself, in `params._meta`.
pub const VERSION_META: &str = "io.modelcontextprotocol/protocolVersion";
pub const CAPABILITIES_META: &str = "io.modelcontextprotocol/clientCapabilities";
const CLIENT_META: &str = "io.modelcontextprotocol/clientInfo";
/// Pages of a list that are read before a server is taken to be circling.
pub const MOST_PAGES: usize = 1000;

fn client_info() -> Value {
    json!({ "name": "agentcore-gw", "version": env!("CARGO_PKG_VERSION") })
}

/// What `initialize` has to say.
pub fn hello(version: &str, capabilities: &Value) -> Value {
    json!({ "protocolVersion": version, "capabilities": capabilities, "clientInfo": client_info() })
}

/// A request of [`STATELESS`], whose parameters are an object, as it is sent.
pub fn stateless(url: &str, mut message: Value, capabilities: &Value) -> Request {
    let params = &mut message["params"];
    for (key, value) in
        [(VERSION_META, json!(STATELESS)), (CAPABILITIES_META, capabilities.clone()), (CLIENT_META, client_info())]
    {
        params["_meta"][key] = value;
    }
    let mut request = post(url, STATELESS, None, &message);
    let method = message["method"].as_str().unwrap_or_default();
    let name = match method {
        "tools/call" | "prompts/get" => message["params"]["name"].as_str(),
        "resources/read" => message["params"]["uri"].as_str(),
        _ => None,
    };
    request.headers.push(("mcp-method".to_owned(), method.to_owned()));
    request.headers.extend(name.map(|name| ("mcp-name".to_owned(), name.to_owned())));
    request
}

/// The version to speak with a server that serves these and no others; with one that does not say, the newest.
pub fn version_for<'a>(served: impl Iterator<Item = &'a str> + Clone) -> Option<&'static str> {
    if served.clone().next().is_none() {
        return Some(VERSION);
    }
    let spoken = std::iter::once(VERSION).chain(OLDER.iter().copied()).chain([STATELESS]);
    spoken.into_iter().find(|version| served.clone().any(|other| other == *version))
}

/// Whether a server's version is one of those that are spoken.
pub fn speaks(version: &str) -> bool {
    version == VERSION || OLDER.contains(&version)
}

/// A message on its way to a server; `version` is empty before `initialize` was answered.
pub fn post(url: &str, version: &str, session: Option<&str>, message: &Value) -> Request {
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("accept".to_owned(), "application/json, text/event-stream".to_owned()),
    ];
    headers.extend(of_session(version, session));
    Request { method: "POST".to_owned(), url: url.to_owned(), headers, body: message.to_string().into_bytes() }
}

/// The end of a session.
pub fn delete(url: &str, version: &str, session: &str) -> Request {
    let headers = of_session(version, Some(session)).collect();
    Request { method: "DELETE".to_owned(), url: url.to_owned(), headers, body: Vec::new() }
}

fn of_session(version: &str, session: Option<&str>) -> impl Iterator<Item = (String, String)> {
    let version = Some(version).filter(|version| !version.is_empty());
    let version = version.map(|version| ("mcp-protocol-version".to_owned(), version.to_owned()));
    version.into_iter().chain(session.map(|session| (SESSION_HEADER.to_owned(), session.to_owned())))
}

/// The messages of an answer while it arrives: one JSON document, or the `data:` of an event stream (HTML,
/// "Server-sent events").
#[derive(Debug)]
pub struct Messages {
    is_stream: bool,
    /// A line that has no end yet, or the whole document.
    waiting: Vec<u8>,
    /// The data of an event that has no end yet.
    data: Vec<String>,
    /// Whether the last byte was a carriage return, to which a line feed belongs.
    after_return: bool,
}

impl Messages {
    /// Of an answer with this media type.
    pub fn of(content_type: Option<&str>) -> Self {
        let is_stream = content_type.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/event-stream"));
        Self { is_stream, waiting: Vec::new(), data: Vec::new(), after_return: false }
    }

    /// The messages that these bytes complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Value> {
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

    /// The messages that the end of the answer completes.
    pub fn finish(mut self) -> Vec<Value> {
        if !self.is_stream {
            return serde_json::from_slice(&self.waiting).into_iter().collect();
        }
        self.end_line().or_else(|| self.end_event()).into_iter().collect()
    }

    /// Takes a line; an empty one ends an event.
    fn end_line(&mut self) -> Option<Value> {
        let line = std::mem::take(&mut self.waiting);
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        if line.is_empty() {
            return self.end_event();
        }
        if let Some(data) = line.strip_prefix("data:") {
            self.data.push(data.strip_prefix(' ').unwrap_or(data).to_owned());
        }
        None
    }

    fn end_event(&mut self) -> Option<Value> {
        serde_json::from_str(&std::mem::take(&mut self.data).join("\n")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_json_and_as_events_however_they_are_cut() {
        let read = |kind: &str, body: &str, cut: usize| {
            let mut messages = Messages::of(Some(kind));
            let mut all: Vec<Value> = body.as_bytes().chunks(cut).flat_map(|bytes| messages.push(bytes)).collect();
            all.extend(messages.finish());
            all
        };
        let events = "event: message\r\ndata: {\"id\":1}\r\n\r\n: ping\n\ndata: {\"id\":\ndata: 2}\n\ndata: {\"id\":3}";
        for cut in [1, 2, 7, 1000] {
            assert_eq!(read("application/json", r#"{"id":1}"#, cut), [json!({ "id": 1 })]);
            let expected = [json!({ "id": 1 }), json!({ "id": 2 }), json!({ "id": 3 })];
            assert_eq!(read("text/event-stream; charset=utf-8", events, cut), expected);
            assert!(read("text/html", "<html>", cut).is_empty());
            let odd = "\u{feff}data: {\"id\":1}\r\revent: x\rdata:{\"id\":\r\ndata: 2}\n\r\n";
            assert_eq!(read("Text/Event-Stream", odd, cut), [json!({ "id": 1 }), json!({ "id": 2 })]);
        }
    }
}
