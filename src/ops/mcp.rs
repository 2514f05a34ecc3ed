//! An MCP client, as much of it as listing and calling tools takes: streamable HTTP, one request
//! at a time, answers as JSON or as an event stream.

use std::time::Duration;

use serde_json::{Value, json};

use super::Error;
use crate::{
    aws::signer::Signer,
    http::{Http, Request, Response},
    model::secret::Secret,
};

/// The newest version that this client speaks.
const VERSION: &str = "2025-11-25";
/// Older ones that it can follow.
const OLDER: &[&str] = &["2025-06-18", "2025-03-26"];
/// Pages of `tools/list` that are read before a server is taken to be circling.
const MOST_PAGES: usize = 1000;

/// How a client shows who it is.
#[derive(Debug)]
pub enum SignIn {
    /// Not at all.
    Anonymous,
    Token(Secret),
    Key(Signer),
}

/// A connection to an MCP server.
#[derive(Debug)]
pub struct Client {
    http: Http,
    url: String,
    sign_in: SignIn,
    timeout: Duration,
    version: String,
    session: Option<String>,
    next_id: u64,
}

impl Client {
    /// Connects: `initialize` and its notification.
    pub async fn connect(http: Http, url: String, sign_in: SignIn, timeout: Duration) -> Result<Self, Error> {
        let mut client = Self { http, url, sign_in, timeout, version: String::new(), session: None, next_id: 0 };
        let hello = json!({
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": { "name": "agentcore-gw", "version": env!("CARGO_PKG_VERSION") },
        });
        let welcome = client.request("initialize", &hello).await?;
        let version = welcome["protocolVersion"].as_str().unwrap_or_default();
        if version != VERSION && !OLDER.contains(&version) {
            return Err(client.problem(format!("it speaks MCP version `{version}`, which this client does not")));
        }
        version.clone_into(&mut client.version);
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        Ok(client)
    }

    /// All tools, page by page.
    pub async fn list_tools(&mut self) -> Result<Vec<Value>, Error> {
        let mut tools = Vec::new();
        let mut params = json!({});
        for _ in 0..MOST_PAGES {
            let page = self.request("tools/list", &params).await?;
            tools.extend(page["tools"].as_array().into_iter().flatten().cloned());
            match &page["nextCursor"] {
                Value::String(cursor) => params = json!({ "cursor": cursor }),
                _ => return Ok(tools),
            }
        }
        Err(self.problem("its list of tools has no end".to_owned()))
    }

    /// Calls a tool and returns the result, which may itself say that it is an error.
    pub async fn call_tool(&mut self, name: &str, arguments: &Value) -> Result<Value, Error> {
        self.request("tools/call", &json!({ "name": name, "arguments": arguments })).await
    }

    async fn request(&mut self, method: &str, params: &Value) -> Result<Value, Error> {
        self.next_id += 1;
        let id = self.next_id;
        let response = self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await?;
        if let Some(session) = response.header("mcp-session-id") {
            self.session = Some(session.to_owned());
        }
        let message = messages(&response).into_iter().find(|message| message["id"] == json!(id));
        match message {
            Some(message) if message.get("result").is_some() => Ok(message["result"].clone()),
            Some(message) if message["error"]["message"].is_string() => Err(Error::McpRefused {
                method: method.to_owned(),
                message: message["error"]["message"].as_str().unwrap_or_default().to_owned(),
            }),
            _ => Err(self.problem(format!("{method}: HTTP {} without an answer", response.status))),
        }
    }

    async fn send(&self, message: &Value) -> Result<Response, Error> {
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("accept".to_owned(), "application/json, text/event-stream".to_owned()),
        ];
        if let SignIn::Token(token) = &self.sign_in {
            headers.push(("authorization".to_owned(), format!("Bearer {}", token.reveal())));
        }
        if !self.version.is_empty() {
            headers.push(("mcp-protocol-version".to_owned(), self.version.clone()));
        }
        if let Some(session) = &self.session {
            headers.push(("mcp-session-id".to_owned(), session.clone()));
        }
        let mut request = Request {
            method: "POST".to_owned(),
            url: self.url.clone(),
            headers,
            body: message.to_string().into_bytes(),
        };
        if let SignIn::Key(signer) = &self.sign_in {
            signer.sign(&mut request).await?;
        }
        let response = self.http.send(request, self.timeout).await?;
        match response.status {
            401 | 403 => {
                let message = messages(&response).into_iter().next().unwrap_or_default();
                let said = message["error"]["message"].as_str().unwrap_or("no reason given");
                let reason = response.header("www-authenticate").unwrap_or(said).to_owned();
                Err(self.problem(format!("it refused the caller (HTTP {}, {reason})", response.status)))
            }
            _ => Ok(response),
        }
    }

    fn problem(&self, problem: String) -> Error {
        Error::Mcp { url: self.url.clone(), problem }
    }
}

/// The JSON-RPC messages of an answer: one document, or the `data:` of an event stream.
fn messages(response: &Response) -> Vec<Value> {
    let body = String::from_utf8_lossy(&response.body);
    if !response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
        return serde_json::from_str(&body).into_iter().collect();
    }
    let events = body.replace("\r\n", "\n");
    let data = |event: &str| -> String {
        event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect::<Vec<_>>().join("\n")
    };
    events.split("\n\n").filter_map(|event| serde_json::from_str(&data(event)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_json_and_as_events() {
        let response = |kind: &str, body: &str| Response {
            status: 200,
            headers: vec![("Content-Type".to_owned(), kind.to_owned())],
            body: body.as_bytes().to_vec(),
        };
        assert_eq!(messages(&response("application/json", r#"{"id":1}"#)), [json!({ "id": 1 })]);
        let events = "event: message\r\ndata: {\"id\":1}\r\n\r\n: ping\n\ndata: {\"id\":\ndata: 2}\n\n";
        assert_eq!(messages(&response("text/event-stream", events)), [json!({ "id": 1 }), json!({ "id": 2 })]);
        assert!(messages(&response("text/html", "<html>")).is_empty());
    }
}
