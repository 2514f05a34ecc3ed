//! An MCP server on loopback that behaves as a test wants, and keeps what it was asked.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    middleware::map_response,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::fake_server::{Asked, serve};

pub const STATELESS: &str = "2026-07-28";

/// The fake server's behaviour, and the requests that it received.
#[derive(Debug)]
pub struct FakeServerState {
    pub asked: Vec<Asked>,
    pub version: &'static str,
    pub capabilities: Value,
    pub tools: Vec<&'static str>,
    /// Other items that it lists besides them.
    pub oddities: Vec<Value>,
    pub resources: Vec<&'static str>,
    /// Whether it supports `resources/list`.
    pub has_resources: bool,
    /// Whether it supports `resources/templates/list`.
    pub templates: bool,
    /// What it answers `prompts/list` with; null: it does not know the method.
    pub prompts: Value,
    /// The cursor that each page of its tools names: of several, with `|` between them, one that was not asked for.
    pub cursor: Option<&'static str>,
    /// Whether it ends the stream of a call early: `once` or `always`.
    pub cuts: Option<&'static str>,
    /// A header that it requires, and its value.
    pub wants: Option<(&'static str, &'static str)>,
    /// Whether it has sessions, and the open ones.
    pub sessions: Option<BTreeSet<String>>,
    pub opened: usize,
    pub hangs: bool,
    /// Whether it keeps sending bytes without ever completing a message.
    pub drips: bool,
    /// The status that it returns for an unknown session.
    pub forgotten: u16,
}

impl FakeServerState {
    /// One per page.
    fn listed_tools(&self, params: &Value) -> Value {
        let at: usize = params["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap_or(0));
        let tools: Vec<Value> = self.tools[at..].iter().take(1).map(|name| tool(name)).collect();
        let mut page = json!({ "tools": tools });
        if at + 1 < self.tools.len() {
            page["nextCursor"] = json!((at + 1).to_string());
        } else {
            page["tools"].as_array_mut().unwrap().extend(self.oddities.clone());
        }
        if let Some(cursors) = self.cursor {
            let next = cursors.split('|').find(|cursor| params["cursor"] != *cursor).unwrap_or(cursors);
            page["nextCursor"] = json!(next);
        }
        page
    }

    fn listed_resources(&self, origin: &str) -> Value {
        let of = |uri: &&str| json!({ "uri": uri, "name": origin });
        json!({ "resources": self.resources.iter().map(of).collect::<Vec<_>>() })
    }
}

/// A scripted MCP server.
pub struct FakeMcpServer {
    pub origin: String,
    state: Arc<Mutex<FakeServerState>>,
}

impl FakeMcpServer {
    pub fn start(tools: &[&'static str]) -> Self {
        let state = FakeServerState { tools: tools.to_vec(), ..fresh() };
        let state = Arc::new(Mutex::new(state));
        let its = state.clone();
        let named = map_response(async |response: Response| ([("x-served-by", "fake")], response));
        let origin = serve(|origin| Router::new().fallback(answer).with_state((origin.to_owned(), its)).layer(named));
        Self { origin, state }
    }

    pub fn state(&self) -> MutexGuard<'_, FakeServerState> {
        self.state.lock().unwrap()
    }

    pub fn endpoint(&self) -> String {
        format!("{}/mcp", self.origin)
    }

    /// The requests since the last call, as `METHOD` or the message's own method.
    pub fn taken(&self) -> Vec<Asked> {
        let asked = std::mem::take(&mut self.state().asked);
        asked.iter().for_each(Asked::check_user_agent);
        asked
    }

    pub fn methods(&self) -> Vec<String> {
        self.taken().into_iter().map(|asked| asked.method).collect()
    }
}

async fn answer(State((origin, state)): State<(String, Arc<Mutex<FakeServerState>>)>, request: Request) -> Response {
    let is_delete = request.method() == "DELETE";
    let mut asked = Asked::of(request).await;
    if asked.uri == "/token" {
        return json!({ "access_token": "a-token", "expires_in": 3600 }).to_string().into_response();
    }
    let message = asked.message();
    if let Some(method) = message["method"].as_str() {
        method.clone_into(&mut asked.method);
    }
    let method = asked.method.clone();
    let (hangs, drips) = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        (state.hangs, state.drips)
    };
    if hangs {
        return std::future::pending().await;
    }
    if drips {
        return dripping();
    }
    let mut state = state.lock().unwrap();
    if let Some((name, value)) = state.wants
        && asked.header(name) != value
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let session = asked.header("mcp-session-id").to_owned();
    if is_delete {
        let ended = state.sessions.as_mut().is_some_and(|open| open.remove(&session));
        return if ended { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }.into_response();
    }
    if method != "initialize" && state.sessions.as_ref().is_some_and(|open| !open.contains(&session)) {
        return StatusCode::from_u16(state.forgotten).unwrap().into_response();
    }
    let (id, params) = (&message["id"], &message["params"]);
    if let Some(how) = state.cuts.filter(|_| ["GET", "tools/call"].contains(&method.as_str())) {
        return cut(&asked, how);
    }
    let result = match method.as_str() {
        "initialize" | "notifications/initialized" if state.version == STATELESS => {
            let error = json!({ "code": -32601, "message": "Method not found" });
            return (StatusCode::NOT_FOUND, json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string())
                .into_response();
        }
        "server/discover" if state.version == STATELESS => {
            json!({ "supportedVersions": [STATELESS], "capabilities": state.capabilities, "resultType": "complete" })
        }
        "initialize" => {
            let welcome = json!({ "protocolVersion": state.version, "capabilities": state.capabilities });
            state.opened += 1;
            let session = format!("s-{}", state.opened);
            let answer = json!({ "jsonrpc": "2.0", "id": id, "result": welcome }).to_string();
            if let Some(open) = &mut state.sessions {
                open.insert(session.clone());
                return ([("mcp-session-id", session)], answer).into_response();
            }
            return answer.into_response();
        }
        "tools/list" => state.listed_tools(params),
        "prompts/list" if !state.prompts.is_null() => state.prompts.clone(),
        "resources/list" if state.has_resources => state.listed_resources(&origin),
        "resources/templates/list" if state.templates => json!({ "resourceTemplates": [] }),
        "resources/read" => json!({ "contents": [{ "uri": params["uri"], "text": origin }] }),
        "tools/call" => return called(&asked),
        _ if id.is_null() => return StatusCode::ACCEPTED.into_response(),
        _ => {
            let error = json!({ "code": -32601, "message": "Method not found" });
            return json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string().into_response();
        }
    };
    json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string().into_response()
}

/// Half an answer to a call, and the rest to the second resumption of its stream.
fn cut(asked: &Asked, how: &str) -> Response {
    let message = |member: &str, value: Value| json!({ "jsonrpc": "2.0", "id": 1, member: value });
    let events = match asked.header("last-event-id") {
        last if last.is_empty() || how == "always" => "id: first\nretry: 150\ndata:\n\n".to_owned(),
        "first" => "id: second\ndata:\n\nid: third\ndata: {\"jsonrpc\":\"2.0\",\"met".to_owned(),
        last => {
            let text = format!("after {last}, session {}", asked.header("mcp-session-id"));
            format!("data: {}\n\n", message("result", json!({ "content": [{ "type": "text", "text": text }] })))
        }
    };
    ([("content-type", "text/event-stream")], events).into_response()
}

/// An endless event stream without events.
fn dripping() -> Response {
    let ticks = tokio::time::interval(Duration::from_millis(50));
    let comments = futures_util::stream::unfold(ticks, async |mut ticks| {
        ticks.tick().await;
        Some((Ok::<_, std::convert::Infallible>(": ping\n\n"), ticks))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(comments)).into_response()
}

/// The response of the fake server's tool, by its name.
fn called(asked: &Asked) -> Response {
    let asked_message = asked.message();
    let (id, params) = (&asked_message["id"], &asked_message["params"]);
    let name = params["name"].as_str().unwrap();
    let message = |member: &str, value: Value| json!({ "jsonrpc": "2.0", "id": id, member: value });
    let text = |text: &str| json!({ "content": [{ "type": "text", "text": text }] });
    let answer = match name {
        "refuse" => message("error", json!({ "code": -32099, "message": "no", "data": { "why": "so" } })),
        "tell" => message("error", json!({ "code": -32000, "message": format!("you are {}", asked.header("x-key")) })),
        "bare" => {
            let key = asked.header("x-key").trim_start_matches("Token ");
            message("error", json!({ "code": -32000, "message": format!("your key is \"{key}\"") }))
        }
        "other" => {
            let other = json!({ "jsonrpc": "2.0", "id": 12345, "error": { "code": 1, "message": "not yours" } });
            let events = format!("data: {other}\n\ndata: {}\n\n", message("result", text("mine")));
            return ([("content-type", "text/event-stream")], events).into_response();
        }
        "text" => message("result", json!("no object")),
        "meta" => message("result", json!({ "content": [], "_meta": "no object" })),
        "more" => message("result", json!({ "resultType": "input_required" })),
        "ask" => {
            let question = json!({ "jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage", "params": {} });
            let answer = message("result", text("asked"));
            let events = format!(": hello\n\ndata: {question}\n\nevent: message\r\ndata: {answer}\r\n\r\n");
            return ([("content-type", "text/event-stream")], events).into_response();
        }
        "break" => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => message("result", text(&format!("{name} {}", params["arguments"]))),
    };
    answer.to_string().into_response()
}

pub fn tool(name: &str) -> Value {
    json!({ "name": name, "description": format!("Does {name}"), "inputSchema": { "type": "object" } })
}

/// The fake server's initial state.
pub fn fresh() -> FakeServerState {
    FakeServerState {
        asked: Vec::new(),
        version: "2025-06-18",
        capabilities: json!({ "tools": {}, "resources": {} }),
        tools: vec!["one"],
        oddities: Vec::new(),
        resources: vec!["mem://shared"],
        has_resources: true,
        templates: true,
        prompts: Value::Null,
        cursor: None,
        cuts: None,
        wants: None,
        sessions: None,
        opened: 0,
        hangs: false,
        drips: false,
        forgotten: 404,
    }
}
