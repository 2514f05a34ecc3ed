//! The MCP servers behind targets: connected to, listed and asked (reference §9.1).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    outbound::{self, Presented},
    upstream::{self, Failure},
};
use crate::{
    http::{
        Opened, Request,
        mcp::{self, MOST_PAGES, Messages},
    },
    local::{
        Local,
        services::agentcore::{Awaiting, Credential, Gateway, Listing, listed},
    },
    model::tool::MOST_TOOLS,
};

/// Items of each kind that a server may list beside tools.
const MOST_ITEMS: usize = 10_000;
/// How long a server may take once somebody was asked a question: people think.
const A_PERSON: Duration = Duration::from_hours(1);
/// What a server may say while it works that its caller is told (reference §5.1).
const TOLD: [&str; 2] = ["notifications/progress", "notifications/message"];

/// A server, and how its calls are signed in.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) endpoint: String,
    pub(crate) credential: Option<Credential>,
    pub(crate) gateway: outbound::Gateway,
}

/// A server that has answered `initialize`.
#[derive(Debug)]
pub(crate) struct Connection {
    local: Local,
    server: Server,
    version: String,
    session: Option<String>,
    /// The server's.
    capabilities: Value,
    next_id: AtomicU64,
}

/// Why a request has no result.
#[derive(Debug)]
pub(crate) enum NoResult {
    /// The server's own JSON-RPC error.
    Refused(Value),
    /// It does not know the session any more.
    SessionLost,
    Failed(Failure),
}

impl From<Failure> for NoResult {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl NoResult {
    /// In words.
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

/// Who hears what a server says before its answer.
pub(crate) struct Relay<'a> {
    /// The caller's event stream.
    pub(crate) events: UnboundedSender<String>,
    /// Takes a question of this method, and gives it the id that the caller sees; none if the caller
    /// takes no such questions.
    pub(crate) ask: &'a (dyn Fn(&str, Question) -> Option<String> + Send + Sync),
}

/// A request of a server's, whose answer is to go back to it.
#[derive(Debug)]
pub(crate) struct Question {
    connection: Arc<Connection>,
    id: Value,
}

impl Question {
    /// Passes the caller's response on.
    pub(crate) async fn answer(self, mut response: Value) -> Result<(), Failure> {
        response["id"] = self.id;
        self.connection.post(&response).await.map(drop)
    }
}

impl Connection {
    /// Connects to a server, with the capabilities of a client.
    pub(crate) async fn open(local: &Local, server: Server, capabilities: &Value) -> Result<Arc<Self>, Failure> {
        let mut connection = Self {
            local: local.clone(),
            server,
            version: String::new(),
            session: None,
            capabilities: Value::Null,
            next_id: AtomicU64::new(1),
        };
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": mcp::hello(capabilities) });
        let answer = connection.post(&hello).await?;
        connection.session = answer.header(mcp::SESSION_HEADER).map(str::to_owned);
        let connection = Arc::new(connection);
        let welcome = connection.result(answer, 0, None).await.map_err(NoResult::into_failure)?;
        let version = welcome["protocolVersion"].as_str().unwrap_or_default().to_owned();
        if !mcp::speaks(&version) {
            return Err(Failure(format!("The MCP server speaks version `{version}`, which the gateway does not")));
        }
        let opened = Self {
            local: local.clone(),
            server: connection.server.clone(),
            version,
            session: connection.session.clone(),
            capabilities: welcome["capabilities"].clone(),
            next_id: AtomicU64::new(1),
        };
        opened.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        Ok(Arc::new(opened))
    }

    /// Sends a request and returns its result.
    pub(crate) async fn request(
        self: &Arc<Self>,
        method: &str,
        params: &Value,
        relay: Option<&Relay<'_>>,
    ) -> Result<Value, NoResult> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let answer = self.post(&message).await?;
        self.result(answer, id, relay).await
    }

    /// Ends the session, if there is one; who does not hear of it is none the worse.
    pub(crate) async fn close(&self) {
        let Some(session) = &self.session else { return };
        let request = mcp::delete(&self.server.endpoint, &self.version, session);
        if let Err(Failure(problem)) = self.send(request).await {
            tracing::debug!("a session with an MCP server was not ended: {problem}");
        }
    }

    async fn post(&self, message: &Value) -> Result<Opened, Failure> {
        self.send(mcp::post(&self.server.endpoint, &self.version, self.session.as_deref(), message)).await
    }

    /// Sends a request with the target's credential.
    async fn send(&self, request: Request) -> Result<Opened, Failure> {
        let Self { local, server, .. } = self;
        let mut anew = false;
        loop {
            let presented = outbound::present(local, &server.gateway, server.credential.as_ref(), anew).await?;
            let mut request = request.clone();
            upstream::present(local, &mut request, &presented)?;
            let answer = local.0.upstream.open(request, local.0.upstream_timeout).await;
            let answer = answer.map_err(|error| not_there(&presented, error.problem()))?;
            if !anew && outbound::may_be_stale(answer.status, server.credential.as_ref()) {
                anew = true;
                continue;
            }
            return Ok(answer);
        }
    }

    /// Reads an answer up to the result of this request.
    async fn result(
        self: &Arc<Self>,
        mut answer: Opened,
        id: u64,
        relay: Option<&Relay<'_>>,
    ) -> Result<Value, NoResult> {
        if answer.status == 404 && self.session.is_some() && !self.version.is_empty() {
            return Err(NoResult::SessionLost);
        }
        let mut patience = self.local.0.upstream_timeout;
        let mut messages = Messages::of(answer.header("content-type"));
        loop {
            let bytes = answer.next(patience).await;
            let bytes = bytes.map_err(|error| not_there(&Presented::Nothing, error.problem()))?;
            let (arrived, ended) = match bytes {
                Some(bytes) => (messages.push(&bytes), false),
                None => (std::mem::replace(&mut messages, Messages::of(None)).finish(), true),
            };
            for message in arrived {
                match (&message["method"], message.get("id")) {
                    (Value::String(method), None) => tell(method, &message, relay),
                    (Value::String(method), Some(question)) => {
                        let asked = self.ask(method, question, &message, relay).await?;
                        patience = if asked { A_PERSON } else { patience };
                    }
                    _ if message.get("result").is_some() && message["id"] == id => {
                        return Ok(message["result"].clone());
                    }
                    _ if message["error"].is_object() => return Err(NoResult::Refused(message["error"].clone())),
                    _ => {}
                }
            }
            if ended {
                let status = answer.status;
                return Err(Failure(format!("The MCP server answered HTTP {status} without a result")).into());
            }
        }
    }

    /// Passes a server's question on, or answers it; true if somebody else is to answer it.
    async fn ask(
        self: &Arc<Self>,
        method: &str,
        id: &Value,
        message: &Value,
        relay: Option<&Relay<'_>>,
    ) -> Result<bool, Failure> {
        let question = || Question { connection: self.clone(), id: id.clone() };
        let asked = relay.and_then(|relay| Some((relay, (relay.ask)(method, question())?)));
        if let Some((relay, seen_as)) = asked {
            let mut message = message.clone();
            message["id"] = json!(seen_as);
            drop(relay.events.send(message.to_string()));
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

    /// All that the server has to offer.
    pub(crate) async fn list(self: &Arc<Self>) -> Result<Listing, Failure> {
        if self.capabilities.get("tools").is_none() {
            return Err(Failure("The MCP server does not offer tools".to_owned()));
        }
        let mut listing = Listing { tools: self.all("tools/list", "tools", MOST_TOOLS).await?, ..Listing::default() };
        if self.capabilities.get("prompts").is_some() {
            listing.prompts = self.all("prompts/list", "prompts", MOST_ITEMS).await?;
        }
        if self.capabilities.get("resources").is_some() {
            listing.resources = self.all("resources/list", "resources", MOST_ITEMS).await?;
            // Servers with resources need not have templates.
            let templates = self.all("resources/templates/list", "resourceTemplates", MOST_ITEMS).await;
            listing.resource_templates = templates.unwrap_or_default();
        }
        Ok(listing)
    }

    /// A list, page by page.
    async fn all(self: &Arc<Self>, method: &str, member: &str, most: usize) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut params = json!({});
        for _ in 0..MOST_PAGES {
            let page = self.request(method, &params, None).await;
            let page = page.map_err(|problem| Failure(format!("{method}: {}", problem.into_failure().0)))?;
            let Value::Array(found) = &page[member] else {
                return Err(Failure(format!("{method}: the MCP server's result has no `{member}`")));
            };
            items.extend(found.iter().cloned());
            if items.len() > most {
                return Err(Failure(format!("{method}: the MCP server lists more than {most}")));
            }
            match &page["nextCursor"] {
                Value::String(cursor) => params = json!({ "cursor": cursor }),
                _ => return Ok(items),
            }
        }
        Err(Failure(format!("{method}: the MCP server's list has no end")))
    }
}

fn not_there(presented: &Presented, problem: &str) -> Failure {
    Failure(presented.without_secret(&format!("The MCP server did not answer: {problem}")))
}

/// Passes on what a server says while it works.
fn tell(method: &str, message: &Value, relay: Option<&Relay<'_>>) {
    if let Some(relay) = relay.filter(|_| TOLD.contains(&method)) {
        // A caller who is gone needs no news.
        drop(relay.events.send(message.to_string()));
    }
}

/// What servers that are listed for a gateway are told of its callers, where its sessions can carry questions:
/// some offer tools to those only whom they could ask.
fn of_callers(gateway: &Gateway) -> Value {
    let streaming = gateway.mcp("streamingConfiguration").is_some_and(|it| it["enableResponseStreaming"] == true);
    if streaming && gateway.mcp("sessionConfiguration").is_some() {
        json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {} })
    } else {
        json!({})
    }
}

/// Connects to a server, lists all, and takes its leave.
pub(crate) async fn list(local: &Local, server: Server, capabilities: &Value) -> Result<Listing, Failure> {
    let connection = Connection::open(local, server, capabilities).await?;
    let listing = connection.list().await;
    connection.close().await;
    listing
}

impl Local {
    /// Begins to list the servers whose targets wait for it, but for those where that is under way.
    pub(crate) fn list_servers(&self, base_url: &str) {
        for awaiting in self.read(|state| state.agentcore.awaiting_listing()) {
            if self.listing_under_way().insert(awaiting.clone()) {
                let (local, base_url) = (self.clone(), base_url.to_owned());
                tokio::spawn(async move { local.list_server(awaiting, base_url).await });
            }
        }
    }

    async fn list_server(&self, awaiting: Awaiting, base_url: String) {
        let found = self.read(|state| {
            let (gateway, target) = state.agentcore.awaits(&awaiting)?;
            let endpoint = target.mcp_server()?.endpoint;
            let by = outbound::Gateway::of(gateway, &base_url);
            Some((Server { endpoint, credential: target.credential(), gateway: by }, of_callers(gateway)))
        });
        let Some((server, capabilities)) = found else {
            self.listing_under_way().remove(&awaiting);
            return;
        };
        let call = self.call_in(&server.gateway.region, &base_url);
        let outcome = list(self, server, &capabilities).await.map_err(|Failure(problem)| problem);
        let outcome = outcome.and_then(|listing| {
            let bytes = serde_json::to_vec(&listing).map_err(|error| error.to_string())?;
            call.keep(&bytes).map_err(|error| error.message)
        });
        // Before the target is at rest: it may be synchronized again at once.
        self.listing_under_way().remove(&awaiting);
        if let Err(error) = self.change(|state| listed(state, &call, &awaiting, outcome)) {
            tracing::error!("{}", error.message);
        }
    }
}
