//! A minimal MCP client for listing and calling tools: streamable HTTP, one request at a time, responses as
//! JSON or as an event stream.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use super::Error;
use crate::{
    aws::{agentcore::ApiDocument, signer::Signer},
    http::{
        Http, Response,
        mcp::{self, MOST_PAGES, Messages},
    },
    model::{mcp::STATELESS, secret::Secret},
};

/// How a client authenticates.
#[derive(Debug)]
pub enum SignIn {
    /// No authentication.
    Anonymous,
    Token(Secret),
    Key(Signer),
}

/// The MCP versions that a gateway names.
pub fn versions_of(gateway: &ApiDocument) -> Vec<&str> {
    let versions = gateway.0["protocolConfiguration"]["mcp"]["supportedVersions"].as_array();
    versions.into_iter().flatten().filter_map(Value::as_str).collect()
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
    /// Connects to a server of these versions. Versions with a handshake get `initialize` and its notification.
    pub async fn connect(
        http: Http,
        url: String,
        sign_in: SignIn,
        timeout: Duration,
        versions: &[&str],
    ) -> Result<Self, Error> {
        let mut client = Self { http, url, sign_in, timeout, version: String::new(), session: None, next_id: 0 };
        let Some(version) = mcp::version_for(versions.iter().copied()) else {
            let served = versions.join(", ");
            return Err(client.problem(format!("it serves MCP {served}, which this client does not speak")));
        };
        // "Clients do not perform an initialize handshake", and a gateway "accepts only versions in supportedVersions"
        // (developer guide, "Using an AgentCore gateway").
        if version == STATELESS {
            version.clone_into(&mut client.version);
            return Ok(client);
        }
        let welcome = client.request("initialize", &mcp::hello(version, &json!({}))).await?;
        let version = welcome["protocolVersion"].as_str().unwrap_or_default();
        if !mcp::speaks(version) {
            return Err(client.problem(format!("it speaks MCP version `{version}`, which this client does not")));
        }
        version.clone_into(&mut client.version);
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        Ok(client)
    }

    /// All tools, page by page.
    pub async fn list_tools(&mut self) -> Result<Vec<Value>, Error> {
        let (mut tools, mut cursors) = (Vec::new(), BTreeSet::new());
        let mut params = json!({});
        for _ in 0..MOST_PAGES {
            let page = self.request("tools/list", &params).await?;
            tools.extend(page["tools"].as_array().into_iter().flatten().cloned());
            match &page["nextCursor"] {
                // A cursor that comes back would lead round for ever: return the tools so far, as the MCP SDKs do.
                Value::String(cursor) if cursors.insert(cursor.clone()) => params = json!({ "cursor": cursor }),
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
        if let Some(session) = response.header(mcp::SESSION_HEADER) {
            self.session = Some(session.to_owned());
        }
        let message = messages(&response).into_iter().find(|message| message["id"] == json!(id));
        match message {
            Some(message) if message.get("result").is_some() => Ok(message["result"].clone()),
            Some(message) if message["error"].is_object() => {
                let said = message["error"]["message"].as_str().filter(|said| !said.is_empty());
                let code = || format!("error {}, without a word", message["error"]["code"]);
                Err(Error::McpRefused { method: method.to_owned(), message: said.map_or_else(code, str::to_owned) })
            }
            _ => Err(self.problem(format!("{method}: HTTP {} without an answer", response.status))),
        }
    }

    async fn send(&self, message: &Value) -> Result<Response, Error> {
        let mut request = if self.version == STATELESS {
            mcp::stateless(&self.url, message.clone(), &json!({}))
        } else {
            mcp::post(&self.url, &self.version, self.session.as_deref(), message.to_string())
        };
        if let SignIn::Token(token) = &self.sign_in {
            request.headers.push(("authorization".to_owned(), format!("Bearer {}", token.reveal())));
        }
        if let SignIn::Key(signer) = &self.sign_in {
            signer.sign(&mut request).await?;
        }
        let response = self.http.send(request, self.timeout).await?;
        match response.status {
            401 | 403 => {
                let message = messages(&response).into_iter().next().unwrap_or_default();
                let said = message["error"]["message"].as_str().unwrap_or("no reason given");
                let said = response.header("www-authenticate").unwrap_or(said).to_owned();
                Err(Error::Refused { url: self.url.clone(), status: response.status, said })
            }
            _ => Ok(response),
        }
    }

    fn problem(&self, problem: String) -> Error {
        Error::Mcp { url: self.url.clone(), problem }
    }
}

/// The JSON-RPC messages of a response.
fn messages(response: &Response) -> Vec<Value> {
    let mut messages = Messages::of(response.header("content-type"));
    let mut all = messages.push(&response.body);
    all.extend(messages.finish());
    all.iter().filter_map(|text| serde_json::from_str(text).ok()).collect()
}
