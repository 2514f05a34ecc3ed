//! The MCP servers behind targets: connected to, listed and asked (reference §9.1).

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::mpsc::UnboundedSender, time::timeout};

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
        Local, random,
        services::agentcore::{Awaiting, Credential, Gateway, Listing, listed},
    },
    model::tool::MOST_TOOLS,
};

/// Items of each kind that a server may list beside tools.
const MOST_ITEMS: usize = 10_000;
/// How long listing a server may take.
const LONGEST_LISTING: Duration = Duration::from_mins(5);
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

/// A server that was agreed with on a version.
#[derive(Debug)]
pub(crate) struct Connection {
    local: Local,
    server: Server,
    version: String,
    session: Option<String>,
    /// What the server offers.
    capabilities: Value,
    /// What it may ask for.
    offered: Value,
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

/// What a caller and the servers behind a gateway have with each other in a session.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    /// Of what the caller's `initialize` named, what servers may make use of.
    pub(crate) capabilities: Value,
    /// Connections that are open, by what they are to.
    pub(crate) servers: tokio::sync::Mutex<HashMap<String, Arc<Connection>>>,
    /// Questions of servers that the caller has not answered, by the id that it knows them by.
    questions: Mutex<HashMap<String, Question>>,
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

impl Talk {
    /// With a caller who can be asked for these.
    pub(crate) fn new(capabilities: Value) -> Self {
        Self { capabilities, ..Self::default() }
    }

    /// Whether the caller takes questions of this method.
    fn takes(&self, method: &str) -> bool {
        let capability = match method {
            "elicitation/create" => "elicitation",
            "sampling/createMessage" => "sampling",
            _ => return false,
        };
        self.capabilities.get(capability).is_some()
    }

    /// The question that a caller's response is to.
    pub(crate) fn answered(&self, response: &Value) -> Option<Question> {
        self.questions().remove(response["id"].as_str()?)
    }

    fn questions(&self) -> MutexGuard<'_, HashMap<String, Question>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes leave of all servers.
    pub(crate) async fn close(self: Arc<Self>) {
        for connection in std::mem::take(&mut *self.servers.lock().await).into_values() {
            connection.close().await;
        }
    }
}

/// Who hears what a server says before its answer.
#[derive(Debug)]
pub(crate) struct Relay<'a> {
    /// The caller's event stream.
    events: &'a UnboundedSender<String>,
    talk: Option<&'a Talk>,
    /// The ids of questions that were passed on; those that are open at the end stay unanswered.
    asked: Vec<String>,
}

impl<'a> Relay<'a> {
    pub(crate) fn new(events: &'a UnboundedSender<String>, talk: Option<&'a Talk>) -> Self {
        Self { events, talk, asked: Vec::new() }
    }

    /// Passes on what a server says while it works; a caller who is gone needs no news.
    fn tell(&self, method: &str, message: &Value) {
        if TOLD.contains(&method) {
            drop(self.events.send(message.to_string()));
        }
    }

    /// Passes a question on, if the caller takes such.
    fn ask(&mut self, method: &str, question: Question, message: &Value) -> bool {
        let Some(talk) = self.talk.filter(|talk| talk.takes(method)) else { return false };
        let (id, mut message) = (random::uuid(), message.clone());
        message["id"] = json!(id);
        talk.questions().insert(id.clone(), question);
        self.asked.push(id);
        drop(self.events.send(message.to_string()));
        true
    }
}

impl Drop for Relay<'_> {
    fn drop(&mut self) {
        if let Some(talk) = self.talk {
            let mut questions = talk.questions();
            self.asked.iter().for_each(|id| drop(questions.remove(id)));
        }
    }
}

impl Connection {
    /// Connects to a server, which may ask for what is offered.
    pub(crate) async fn open(local: &Local, server: Server, offered: &Value) -> Result<Arc<Self>, Failure> {
        let new = |version: &str| Self {
            local: local.clone(),
            server: server.clone(),
            version: version.to_owned(),
            session: None,
            capabilities: Value::Null,
            offered: offered.clone(),
            next_id: AtomicU64::new(1),
        };
        let mut connection = new("");
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": mcp::hello(offered) });
        let (answer, presented) = connection.post(&hello).await?;
        let status = answer.status;
        connection.session = answer.header(mcp::SESSION_HEADER).map(str::to_owned);
        let mut connection = Arc::new(connection);
        let welcome = match connection.result(answer, &presented, 0, &mut None).await {
            Ok(welcome) => welcome,
            // Who has never heard of it may do without.
            Err(why) if ![401, 403].contains(&status) => {
                let stateless = Arc::new(new(mcp::STATELESS));
                let found = stateless.request("server/discover", &json!({}), &mut None).await;
                let found = found.map_err(|_| why.into_failure())?;
                connection = stateless;
                json!({ "protocolVersion": mcp::STATELESS, "capabilities": found["capabilities"] })
            }
            Err(why) => return Err(why.into_failure()),
        };
        let version = welcome["protocolVersion"].as_str().unwrap_or_default();
        if version != mcp::STATELESS && !mcp::speaks(version) {
            return Err(Failure(format!("The MCP server speaks version `{version}`, which the gateway does not")));
        }
        let (session, capabilities) = (connection.session.clone(), welcome["capabilities"].clone());
        let opened = Self { session, capabilities, ..new(version) };
        if version != mcp::STATELESS {
            opened.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        }
        Ok(Arc::new(opened))
    }

    /// Sends a request and returns its result, an object.
    pub(crate) async fn request(
        self: &Arc<Self>,
        method: &str,
        params: &Value,
        relay: &mut Option<Relay<'_>>,
    ) -> Result<Value, NoResult> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let (answer, presented) = self.post(&message).await?;
        self.result(answer, &presented, id, relay).await
    }

    /// Ends the session, if there is one; who does not hear of it is none the worse.
    pub(crate) async fn close(&self) {
        let Some(session) = &self.session else { return };
        let request = mcp::delete(&self.server.endpoint, &self.version, session);
        if let Err(Failure(problem)) = self.send(request).await {
            tracing::debug!("a session with an MCP server was not ended: {problem}");
        }
    }

    async fn post(&self, message: &Value) -> Result<(Opened, Presented), Failure> {
        let url = &self.server.endpoint;
        self.send(if self.version == mcp::STATELESS {
            mcp::stateless(url, message.clone(), &self.offered)
        } else {
            mcp::post(url, &self.version, self.session.as_deref(), message)
        })
        .await
    }

    /// Sends a request with the target's credential, and says what that was.
    async fn send(&self, request: Request) -> Result<(Opened, Presented), Failure> {
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
            return Ok((answer, presented));
        }
    }

    /// Reads an answer up to the result of this request.
    async fn result(
        self: &Arc<Self>,
        mut answer: Opened,
        presented: &Presented,
        id: u64,
        relay: &mut Option<Relay<'_>>,
    ) -> Result<Value, NoResult> {
        if answer.status == 404 && self.session.is_some() && !self.version.is_empty() {
            return Err(NoResult::SessionLost);
        }
        let mut patience = self.local.0.upstream_timeout;
        let mut messages = Messages::of(answer.header("content-type"));
        loop {
            let bytes = answer.next(patience).await.map_err(|error| not_there(presented, error.problem()))?;
            let (arrived, ended) = match bytes {
                Some(bytes) => (messages.push(&bytes), false),
                None => (std::mem::replace(&mut messages, Messages::of(None)).finish(), true),
            };
            for message in arrived {
                match (&message["method"], message.get("id")) {
                    (Value::String(method), None) => relay.iter().for_each(|relay| relay.tell(method, &message)),
                    (Value::String(method), Some(_)) => {
                        let asked = self.ask(method, &message, relay).await?;
                        patience = if asked { A_PERSON } else { patience };
                    }
                    _ if message["result"].is_object() && message["id"] == id => {
                        return self.complete(message["result"].clone());
                    }
                    _ if message["error"].is_object() => {
                        // A server may well repeat what it was sent.
                        let error = presented.without_secret(&message["error"].to_string());
                        return Err(NoResult::Refused(serde_json::from_str(&error).unwrap_or_default()));
                    }
                    _ => {}
                }
            }
            if ended {
                let hint = if (300..400).contains(&answer.status) { "; redirects are not followed" } else { "" };
                let status = answer.status;
                return Err(Failure(format!("The MCP server answered HTTP {status} without a result{hint}")).into());
            }
        }
    }

    /// A result, unless it is a question: that takes a caller who speaks the server's version.
    fn complete(&self, mut result: Value) -> Result<Value, NoResult> {
        if self.version == mcp::STATELESS {
            if result["resultType"] == "input_required" {
                let problem = "The MCP server asks for more input, which is not passed on".to_owned();
                return Err(Failure(problem).into());
            }
            if let Some(members) = result.as_object_mut() {
                ["resultType", "ttlMs", "cacheScope"].iter().for_each(|member| drop(members.shift_remove(*member)));
            }
        }
        Ok(result)
    }

    /// Passes a server's question on, or answers it; true if somebody else is to answer it.
    async fn ask(
        self: &Arc<Self>,
        method: &str,
        message: &Value,
        relay: &mut Option<Relay<'_>>,
    ) -> Result<bool, Failure> {
        let id = &message["id"];
        let question = Question { connection: self.clone(), id: id.clone() };
        if relay.as_mut().is_some_and(|relay| relay.ask(method, question, message)) {
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
        let tools = self.all("tools/list", ("tools", "name"), MOST_TOOLS).await?;
        // Clients refuse a whole list for one tool without a schema.
        let tools = tools.into_iter().filter(|tool| tool["inputSchema"].is_object()).collect();
        let mut listing = Listing { tools, ..Listing::default() };
        if self.capabilities.get("prompts").is_some() {
            listing.prompts = self.all("prompts/list", ("prompts", "name"), MOST_ITEMS).await?;
        }
        if self.capabilities.get("resources").is_some() {
            listing.resources = self.all("resources/list", ("resources", "uri"), MOST_ITEMS).await?;
            // Servers with resources need not have templates.
            let templates = ("resourceTemplates", "uriTemplate");
            let templates = self.all("resources/templates/list", templates, MOST_ITEMS).await;
            listing.resource_templates = templates.unwrap_or_default();
        }
        Ok(listing)
    }

    /// A list, page by page, of the items that have a text in `key`, the first of each.
    async fn all(
        self: &Arc<Self>,
        method: &str,
        (member, key): (&str, &str),
        most: usize,
    ) -> Result<Vec<Value>, Failure> {
        let mut seen = HashSet::new();
        let mut items = Vec::new();
        let mut params = json!({});
        for _ in 0..MOST_PAGES {
            let page = self.request(method, &params, &mut None).await;
            let page = page.map_err(|problem| Failure(format!("{method}: {}", problem.into_failure().0)))?;
            let Value::Array(found) = &page[member] else {
                return Err(Failure(format!("{method}: the MCP server's result has no `{member}`")));
            };
            let is_new = |item: &&Value| item[key].as_str().is_some_and(|text| seen.insert(text.to_owned()));
            items.extend(found.iter().filter(is_new).cloned());
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
async fn list(local: &Local, server: Server, offered: &Value) -> Result<Listing, Failure> {
    let connection = Connection::open(local, server, offered).await?;
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
        let Some((server, offered)) = found else {
            self.listing_under_way().remove(&awaiting);
            return;
        };
        let call = self.call_in(&server.gateway.region, &base_url);
        let outcome = timeout(LONGEST_LISTING, list(self, server, &offered)).await;
        let outcome =
            outcome.unwrap_or_else(|_| Err(Failure("The MCP server's lists do not come to an end".to_owned())));
        let outcome = outcome.map_err(|Failure(problem)| problem);
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
