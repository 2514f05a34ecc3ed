//! MCP client for MCP server targets: connects, lists capabilities, and sends requests (AgentCore developer
//! guide, "MCP servers targets").

mod listing;
mod session;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::timeout;

use self::session::ServerRequest;
pub(crate) use self::{
    listing::Listings,
    session::{CallerSink, McpSession},
};
use super::credentials::{Failure, OutboundAuth, PassingBack, RequestAuth};
use crate::{
    http::{
        Request, StreamingResponse,
        mcp::{self, Messages},
    },
    local::clock,
    model::mcp::{NEWEST_WITH_HANDSHAKE, STATELESS},
};

/// Overall timeout of a request (AgentCore developer guide, "Quotas for Amazon Bedrock AgentCore"). Also the
/// read timeout while a server waits for the caller to answer its request.
const REQUEST_LIMIT: Duration = Duration::from_mins(15);
/// Request header with the comma-separated ids of the gateways that a request has passed through. Used to
/// detect a gateway that is its own target, which would call itself without end.
pub(crate) const THROUGH_HEADER: &str = "agentcore-gw-through";
const MOST_GATEWAYS: usize = 5;
/// AWS's message for a server that does not respond.
const NOT_THERE: &str = "Unable to connect to the MCP server. Please check the server";

/// An MCP server target, with the credential of its calls.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) endpoint: String,
    pub(crate) auth: OutboundAuth,
    /// The ids of the gateways that the request has passed through, this one last.
    pub(crate) through: Vec<String>,
}

impl Server {
    /// Fails if the request has passed through this gateway before, or through too many gateways.
    fn check_way(&self) -> Result<(), Failure> {
        let Some((last, before)) = self.through.split_last() else { return Ok(()) };
        if before.contains(last) {
            return Err(Failure(format!(
                "The request has come through the gateway {last} before: it is its own target"
            )));
        }
        if before.len() >= MOST_GATEWAYS {
            return Err(Failure(format!("The request has come through {MOST_GATEWAYS} gateways, and goes no further")));
        }
        Ok(())
    }
}

/// A connection with a negotiated protocol version.
#[derive(Debug)]
pub(crate) struct Connection {
    server: Server,
    version: String,
    session: Option<String>,
    /// The server's capabilities.
    capabilities: Value,
    /// The client capabilities that were offered to the server.
    offered: Value,
    next_id: AtomicU64,
}

/// Why a request has no result.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The server's own JSON-RPC error.
    Refused(Value),
    /// The server no longer knows the session.
    SessionLost,
    Failed(Failure),
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl CallError {
    /// Converts to a failure with a message.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Refused(error) => {
                Failure(format!("The MCP server refused: {}", error["message"].as_str().unwrap_or("?")))
            }
            Self::SessionLost => Failure("The MCP server does not know its own session".to_owned()),
            Self::Failed(failure) => failure,
        }
    }
}

impl Connection {
    /// Connects to a server. `offered` are the client capabilities.
    pub(crate) async fn open(server: Server, offered: &Value) -> Result<Arc<Self>, Failure> {
        server.check_way()?;
        let limit = server.auth.timeout();
        let opened = timeout(limit, Self::agree(server, offered)).await;
        opened.unwrap_or_else(|_| Err(Failure(format!("The MCP server took more than {} s", limit.as_secs()))))
    }

    /// Negotiates the protocol version.
    async fn agree(server: Server, offered: &Value) -> Result<Arc<Self>, Failure> {
        let new = |version: &str| Self {
            server: server.clone(),
            version: version.to_owned(),
            session: None,
            capabilities: Value::Null,
            offered: offered.clone(),
            next_id: AtomicU64::new(1),
        };
        let mut connection = new("");
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": mcp::hello(NEWEST_WITH_HANDSHAKE, offered) });
        let (answer, auth) = connection.post(&hello).await?;
        let status = answer.status;
        connection.session = answer.header(mcp::SESSION_HEADER).map(str::to_owned);
        let mut connection = Arc::new(connection);
        let welcome = match connection.result(answer, &auth, 0, &mut None).await {
            Ok(welcome) => welcome,
            // The server may not know `initialize`: try the stateless protocol.
            Err(why) if ![401, 403].contains(&status) => {
                let stateless = Arc::new(new(STATELESS));
                let found = stateless.request("server/discover", &json!({}), &mut None, None).await;
                let found = found.map_err(|_| refused_handshake(&server.endpoint, status, why.into_failure()))?;
                connection = stateless;
                json!({ "protocolVersion": STATELESS, "capabilities": found["capabilities"] })
            }
            // A role that has not propagated, or a refused credential; AWS's message (several public reports).
            Err(why) => {
                return Err(Failure(format!("Authorization error when sending message: {}", why.into_failure().0)));
            }
        };
        let version = welcome["protocolVersion"].as_str().unwrap_or_default();
        if version.is_empty() {
            return Err(Failure("The MCP server does not say which version it speaks".to_owned()));
        }
        if version != STATELESS && !mcp::speaks(version) {
            return Err(Failure(format!("The MCP server speaks version `{version}`, which the gateway does not")));
        }
        let (session, capabilities) = (connection.session.clone(), welcome["capabilities"].clone());
        let opened = Self { session, capabilities, ..new(version) };
        if version != STATELESS {
            opened.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        }
        Ok(Arc::new(opened))
    }

    /// Sends a request and returns its result, an object. `back`: what its caller gets of the response's head.
    pub(crate) async fn request(
        self: &Arc<Self>,
        method: &str,
        params: &Value,
        sink: &mut Option<CallerSink<'_>>,
        back: Option<&PassingBack>,
    ) -> Result<Value, CallError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let asked = async {
            let (answer, auth) = self.post(&message).await?;
            if let Some(back) = back.filter(|_| answer.status < 300) {
                back.keep(&answer.headers);
            }
            self.result(answer, &auth, id, sink).await
        };
        let minutes = REQUEST_LIMIT.as_secs() / 60;
        let too_long = |_| Err(Failure(format!("The MCP server took more than {minutes} minutes")).into());
        timeout(REQUEST_LIMIT, asked).await.unwrap_or_else(too_long)
    }

    /// Ends the MCP session. Best effort.
    pub(crate) async fn close(&self) {
        let Some(session) = &self.session else { return };
        let request = mcp::delete(&self.server.endpoint, &self.version, session);
        if let Err(Failure(problem)) = self.send(request).await {
            tracing::debug!("a session with an MCP server was not ended: {problem}");
        }
    }

    async fn post(&self, message: &Value) -> Result<(StreamingResponse, RequestAuth), Failure> {
        let url = &self.server.endpoint;
        self.send(if self.version == STATELESS {
            mcp::stateless(url, message.clone(), &self.offered)
        } else {
            mcp::post(url, &self.version, self.session.as_deref(), message.to_string())
        })
        .await
    }

    /// Sends a request, and returns the response with the credential that was used.
    async fn send(&self, mut request: Request) -> Result<(StreamingResponse, RequestAuth), Failure> {
        request.headers.push((THROUGH_HEADER.to_owned(), self.server.through.join(",")));
        self.server.auth.open(request, NOT_THERE).await
    }

    /// Reads a response until the result of this request.
    async fn result(
        self: &Arc<Self>,
        mut answer: StreamingResponse,
        auth: &RequestAuth,
        id: u64,
        sink: &mut Option<CallerSink<'_>>,
    ) -> Result<Value, CallError> {
        // MCP specifies 404 for a lost session. Restarted servers may send 400, which counts only if the session has
        // worked before.
        let lost = answer.status == 404 || (answer.status == 400 && id > 1);
        if lost && self.session.is_some() && !self.version.is_empty() {
            return Err(CallError::SessionLost);
        }
        let mut limit = self.server.auth.timeout();
        let mut messages = Messages::of(answer.header("content-type"));
        let mut auth = auth.clone();
        let (mut last_event, mut in_vain) = (None, 0);
        loop {
            let bytes = answer.next(limit).await;
            let resumption = messages.resumption().filter(|_| self.version != STATELESS);
            let (arrived, ended) = match bytes {
                Ok(Some(bytes)) => (messages.push(&bytes), false),
                Ok(None) => (std::mem::replace(&mut messages, Messages::of(None)).finish(), true),
                Err(error) if error.is_cut_off() && resumption.is_some() => (Vec::new(), true),
                Err(error) => {
                    return Err(Failure(auth.redact(&format!("{NOT_THERE}: {}", error.problem()))).into());
                }
            };
            for message in arrived.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok()) {
                match (&message["method"], message.get("id")) {
                    (Value::String(method), None) => sink.iter().for_each(|sink| sink.tell(method, &message)),
                    (Value::String(method), Some(_)) => {
                        let asked = self.ask(method, &message, sink).await?;
                        limit = if asked { REQUEST_LIMIT } else { limit };
                    }
                    _ if message["result"].is_object() && message["id"] == id => {
                        return self.complete(message["result"].clone());
                    }
                    // The error of a request that the server could not parse has no id.
                    (_, of) if message["error"].is_object() && of.is_none_or(|of| *of == id || of.is_null()) => {
                        let mut error = message["error"].clone();
                        // The server may repeat the credential in its error.
                        auth.redact_document(&mut error);
                        return Err(CallError::Refused(error));
                    }
                    _ => {}
                }
            }
            if !ended {
                continue;
            }
            // Every turn waits for the pause that the server names, and few may pass without a new event.
            in_vain = if resumption.as_ref().map(|(event, _)| event) == last_event.as_ref() { in_vain + 1 } else { 0 };
            if let Some((event, pause)) = resumption.filter(|_| in_vain < mcp::MOST_IN_VAIN) {
                clock::pause(pause).await;
                (answer, auth) = self.resumed(&event).await?;
                messages = Messages::after(&event, pause);
                last_event = Some(event);
            } else {
                let hint = if (300..400).contains(&answer.status) { "; redirects are not followed" } else { "" };
                let status = answer.status;
                return Err(Failure(format!("The MCP server answered HTTP {status} without a result{hint}")).into());
            }
        }
    }

    /// Takes up a stream that has ended early, after this event.
    async fn resumed(&self, event: &str) -> Result<(StreamingResponse, RequestAuth), Failure> {
        let request = mcp::resume(&self.server.endpoint, &self.version, self.session.as_deref(), event);
        let (answer, auth) = self.send(request).await?;
        if answer.status == 200 && mcp::is_stream(answer.header("content-type")) {
            return Ok((answer, auth));
        }
        Err(Failure(format!(
            "The MCP server ended its stream early, and answered HTTP {} to its resumption",
            answer.status
        )))
    }

    /// Checks and cleans a result of the stateless protocol. `input_required` is an error: only a caller that
    /// speaks the server's version could answer it.
    fn complete(&self, mut result: Value) -> Result<Value, CallError> {
        if self.version == STATELESS {
            if result["resultType"] == "input_required" {
                let problem = "The MCP server asks for more input, which is not passed on".to_owned();
                return Err(Failure(problem).into());
            }
            if let Some(members) = result.as_object_mut() {
                members.retain(|member, _| !["resultType", "ttlMs", "cacheScope"].contains(&member.as_str()));
            }
        }
        Ok(result)
    }

    /// Forwards a request of the server to the caller, or answers it. Returns true if it was forwarded.
    async fn ask(
        self: &Arc<Self>,
        method: &str,
        message: &Value,
        sink: &mut Option<CallerSink<'_>>,
    ) -> Result<bool, Failure> {
        let id = &message["id"];
        let question = ServerRequest { connection: self.clone(), id: id.clone() };
        if sink.as_mut().is_some_and(|sink| sink.ask(method, question, message)) {
            return Ok(true);
        }
        let answer = if method == "ping" {
            json!({ "jsonrpc": "2.0", "id": id, "result": {} })
        } else {
            let error = json!({ "code": -32601, "message": format!("Method not found: {method}") });
            json!({ "jsonrpc": "2.0", "id": id, "error": error })
        };
        self.post(&answer).await?;
        Ok(false)
    }
}

/// The failure for an HTTP error in response to `initialize`, in AWS's words (several public reports, in two
/// regions).
fn refused_handshake(endpoint: &str, status: u16, why: Failure) -> Failure {
    match status {
        400..=599 => Failure(format!("MCP server '{endpoint}' returned HTTP {status} to the initialize handshake.")),
        _ => why,
    }
}
