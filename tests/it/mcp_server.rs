//! MCP servers as targets: MCP's reference server behind a gateway, and a scripted fake on loopback that
//! records its requests.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use crate::{
    env::{Env, Run, Server, node_peers, path},
    world::World,
};

/// The MCP reference server, stopped on drop.
struct Everything(Child, u16);

impl Everything {
    fn start() -> Self {
        let (node, packages) = node_peers();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let program = packages.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
        let mut process = Command::new(node)
            .arg(program)
            .arg("streamableHttp")
            .env_clear()
            .env("PATH", path())
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Its launcher is a script, which starts Node.js as a child.
            .process_group(0)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap().contains("listening")).expect("the server starts").unwrap();
        thread::spawn(move || lines.for_each(drop));
        Self(process, port)
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.1)
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        drop(Command::new("kill").args(["-9", "--", &group]).status());
        drop(self.0.wait());
    }
}

/// What the TypeScript SDK gets from the target `every` of a gateway.
fn seen(env: &Env, gateway: &str) -> Value {
    let (node, packages) = node_peers();
    let script = packages.join("everything.mjs");
    // Modules are resolved relative to the script.
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/node/everything.mjs");
    fs::copy(source, &script).unwrap();
    let token = env.home().join("token");
    fs::write(&token, env.ok(&["--local", "token", gateway]).stdout).unwrap();
    let url = env.ok(&["--local", "get", gateway]).json()["gatewayUrl"].as_str().unwrap().to_owned();
    let mut client = Command::new(node);
    client.arg(script).arg(url).arg(&token).arg("every").env_clear().env("PATH", path()).env("HOME", env.home());
    let run = Run::of(client.output().unwrap());
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    run.json()
}

fn names<'a>(items: &'a Value, member: &str) -> BTreeSet<&'a str> {
    items.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap()).collect()
}

#[test]
fn the_reference_server_is_proxied_and_synchronized() {
    let (env, server) = (Env::new(), Everything::start());
    env.ok(&["--local", "create", "g", "--no-observability"]);
    env.ok(&["--local", "target", "add", "mcp-server", "every", "--gateway", "g", "--endpoint", &server.endpoint()]);

    let plain = seen(&env, "g");
    assert_eq!((&plain["session"], &plain["capabilities"]["prompts"]), (&json!(false), &json!({})));
    let tools = names(&plain["tools"], "name");
    assert!(tools.contains("x_amz_bedrock_agentcore_search") && tools.contains("every___get-sum"), "{tools:?}");
    let of_server: Vec<_> =
        plain["tools"].as_array().unwrap().iter().filter(|it| it["outputSchema"].is_object()).collect();
    assert_eq!(of_server[0]["name"], "every___get-structured-content");
    assert_eq!(of_server[0]["annotations"]["readOnlyHint"], true, "what a server says of its tools is kept");
    assert_eq!(plain["echo"]["content"][0]["text"], "Echo: through the gateway");
    assert_eq!(plain["structured"]["structuredContent"]["humidity"], 82);
    assert_eq!(plain["image"]["content"][1]["mimeType"], "image/png");
    assert!(plain["sum"]["content"][0]["text"].as_str().unwrap().contains("Field '/b' has invalid type"));
    assert!(plain["long"]["content"][0]["text"].as_str().unwrap().starts_with("Long running operation completed"));
    // Without a session and a stream, the client gets neither notifications nor requests.
    assert_eq!((&plain["progress"], &plain["asked"]), (&json!([]), &json!([])));
    assert_eq!(plain["elicited"]["code"], -32602);
    assert!(names(&plain["prompts"]["prompts"], "name").contains("every___args-prompt"));
    assert_eq!(plain["prompt"]["messages"][0]["content"]["text"], "What's weather in Rome?");
    assert_eq!(plain["noPrompt"]["code"], -32602);
    let resource = "demo://resource/static/document/architecture.md";
    assert!(names(&plain["resources"]["resources"], "uri").contains(resource));
    assert_eq!(plain["resource"]["contents"][0]["uri"], resource);
    let templates = names(&plain["templates"]["resourceTemplates"], "uriTemplate");
    assert!(templates.contains("demo://resource/dynamic/text/{resourceId}"), "{templates:?}");
    assert!(plain["dynamic"]["contents"][0]["text"].as_str().unwrap().starts_with("Resource 3"));
    assert_eq!(plain["noResource"]["code"], -32002);

    // With both, progress, requests and responses are forwarded; and a server offers more tools to a client that
    // can answer requests.
    let id = env.ok(&["--local", "get", "g"]).json()["gatewayId"].as_str().unwrap().to_owned();
    let members = json!({
        "sessionConfiguration": {"sessionTimeoutInSeconds": 900},
        "streamingConfiguration": {"enableResponseStreaming": true},
    });
    env.with_boto3("configure_mcp.py", &[&id, &members.to_string()]);
    assert_eq!(seen(&env, "g")["elicited"]["code"], -32602, "what was listed is kept until it is synchronized");
    let synced = env.ok(&["--local", "target", "sync", "every", "--gateway", "g", "-o", "json"]).json();
    assert_eq!(synced["status"], "READY");
    let full = seen(&env, "g");
    assert_eq!((&full["session"], &full["progress"]), (&json!(true), &json!([[1, 3], [2, 3], [3, 3]])));
    let (elicited, sampled) = (full["elicited"]["content"].to_string(), full["sampled"]["content"].to_string());
    assert!(elicited.contains("Name: Ada"), "{}", full["elicited"]);
    assert!(sampled.contains("an answer"), "{}", full["sampled"]);
    let asked: Vec<_> = full["asked"].as_array().unwrap().iter().map(|one| one[0].clone()).collect();
    assert_eq!(asked, ["elicitation", "sampling"]);
    env.ok(&["--local", "cleanup", "g", "--yes"]);
    assert!(env.is_empty(), "{}", env.state());
}

/// A message or a request that the fake server received.
#[derive(Debug, Clone)]
struct Asked {
    method: String,
    headers: HeaderMap,
    message: Value,
}

impl Asked {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

const STATELESS: &str = "2026-07-28";

/// The fake server's behaviour, and the requests that it received.
#[derive(Debug)]
struct Desk {
    asked: Vec<Asked>,
    version: &'static str,
    capabilities: Value,
    tools: Vec<&'static str>,
    /// Other items that it lists besides them.
    oddities: Vec<Value>,
    resources: Vec<&'static str>,
    /// Whether it supports `resources/templates/list`.
    templates: bool,
    /// A header that it requires, and its value.
    wants: Option<(&'static str, &'static str)>,
    /// Whether it has sessions, and the open ones.
    sessions: Option<BTreeSet<String>>,
    opened: usize,
    hangs: bool,
    /// Whether it keeps sending bytes without ever completing a message.
    drips: bool,
    /// The status that it returns for an unknown session.
    forgotten: u16,
}

impl Desk {
    fn listed_resources(&self, origin: &str) -> Value {
        let of = |uri: &&str| json!({ "uri": uri, "name": origin });
        json!({ "resources": self.resources.iter().map(of).collect::<Vec<_>>() })
    }
}

/// A scripted MCP server.
pub struct StandIn {
    origin: String,
    desk: Arc<Mutex<Desk>>,
}

impl StandIn {
    pub fn start(tools: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let desk = Desk { tools: tools.to_vec(), ..fresh() };
        let desk = Arc::new(Mutex::new(desk));
        let router = Router::new().fallback(answer).with_state((origin.clone(), desk.clone()));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
            });
        });
        Self { origin, desk }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap()
    }

    pub fn endpoint(&self) -> String {
        format!("{}/mcp", self.origin)
    }

    /// The requests since the last call, as `METHOD` or the message's own method.
    fn taken(&self) -> Vec<Asked> {
        std::mem::take(&mut self.desk().asked)
    }

    pub fn methods(&self) -> Vec<String> {
        self.taken().into_iter().map(|asked| asked.method).collect()
    }
}

async fn answer(State((origin, desk)): State<(String, Arc<Mutex<Desk>>)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if parts.uri.path() == "/token" {
        return json!({ "access_token": "a-token", "expires_in": 3600 }).to_string().into_response();
    }
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let method = message["method"].as_str().map_or_else(|| parts.method.to_string(), str::to_owned);
    let asked = Asked { method: method.clone(), headers: parts.headers.clone(), message: message.clone() };
    let (hangs, drips) = {
        let mut desk = desk.lock().unwrap();
        desk.asked.push(asked.clone());
        (desk.hangs, desk.drips)
    };
    if hangs {
        return std::future::pending().await;
    }
    if drips {
        return dripping();
    }
    let mut desk = desk.lock().unwrap();
    if let Some((name, value)) = desk.wants
        && asked.header(name) != value
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let session = asked.header("mcp-session-id").to_owned();
    if parts.method == "DELETE" {
        let ended = desk.sessions.as_mut().is_some_and(|open| open.remove(&session));
        return if ended { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }.into_response();
    }
    if method != "initialize" && desk.sessions.as_ref().is_some_and(|open| !open.contains(&session)) {
        return StatusCode::from_u16(desk.forgotten).unwrap().into_response();
    }
    let (id, params) = (&message["id"], &message["params"]);
    let result = match method.as_str() {
        "initialize" | "notifications/initialized" if desk.version == STATELESS => {
            let error = json!({ "code": -32601, "message": "Method not found" });
            return (StatusCode::NOT_FOUND, json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string())
                .into_response();
        }
        "server/discover" if desk.version == STATELESS => {
            json!({ "supportedVersions": [STATELESS], "capabilities": desk.capabilities, "resultType": "complete" })
        }
        "initialize" => {
            let welcome = json!({ "protocolVersion": desk.version, "capabilities": desk.capabilities });
            desk.opened += 1;
            let session = format!("s-{}", desk.opened);
            let answer = json!({ "jsonrpc": "2.0", "id": id, "result": welcome }).to_string();
            if let Some(open) = &mut desk.sessions {
                open.insert(session.clone());
                return ([("mcp-session-id", session)], answer).into_response();
            }
            return answer.into_response();
        }
        "tools/list" => {
            // One per page.
            let at: usize = params["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
            let tools: Vec<Value> = desk.tools[at..].iter().take(1).map(|name| tool(name)).collect();
            let mut page = json!({ "tools": tools });
            if at + 1 < desk.tools.len() {
                page["nextCursor"] = json!((at + 1).to_string());
            } else {
                page["tools"].as_array_mut().unwrap().extend(desk.oddities.clone());
            }
            page
        }
        "resources/list" => desk.listed_resources(&origin),
        "resources/templates/list" if desk.templates => json!({ "resourceTemplates": [] }),
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
    let (id, params) = (&asked.message["id"], &asked.message["params"]);
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

fn tool(name: &str) -> Value {
    json!({ "name": name, "description": format!("Does {name}"), "inputSchema": { "type": "object" } })
}

/// A gateway without authorization, in a HOME of its own.
struct Setting {
    env: Env,
}

impl Setting {
    fn new() -> Self {
        let env = Env::new();
        env.ok(&["--local", "create", "g", "--authorizer", "none", "-y", "--no-observability", "--debug-errors"]);
        Self { env }
    }

    /// Runs `target VERB NAME … --gateway g` with a secret in the variable SECRET.
    fn target(&self, verb: &[&str], flags: &[&str]) -> Run {
        let args = [&["--local", "target"], verb, &["--gateway", "g"], flags].concat();
        Run::of(self.env.command(&args).env("SECRET", "the-secret").output().unwrap())
    }

    #[track_caller]
    fn add(&self, name: &str, server: &StandIn, flags: &[&str]) {
        let endpoint = server.endpoint();
        let added = self.target(&["add", "mcp-server", name], &[&["--endpoint", &endpoint], flags].concat());
        assert_eq!(added.code, 0, "{added:?}");
        assert_eq!(self.shown(name)["status"], "READY");
    }

    fn shown(&self, name: &str) -> Value {
        self.env.ok(&["--local", "target", "get", name, "--gateway", "g"]).json()
    }

    fn tools(&self) -> Vec<String> {
        let listed = self.env.ok(&["--local", "tools", "list", "g", "-o", "json"]).json();
        let names = listed["items"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned());
        names.filter(|name| name.contains("___")).collect()
    }

    fn call(&self, tool: &str, arguments: &Value) -> Run {
        self.env.run(&["--local", "tools", "call", "g", tool, &arguments.to_string()])
    }

    fn url(&self) -> String {
        self.env.ok(&["--local", "get", "g"]).json()["gatewayUrl"].as_str().unwrap().to_owned()
    }

    fn ask(&self, method: &str, params: &Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        send(&self.url(), &[], "POST", &message.to_string()).1
    }

    /// Deletes the gateway, and checks that nothing is left.
    fn end(&self) {
        self.env.ok(&["--local", "cleanup", "g", "--yes"]);
        assert!(self.env.is_empty(), "{}", self.env.state());
    }
}

/// Sends one message to a gateway, without waiting for the response.
fn begin(url: &str, headers: &[(&str, &str)], method: &str, message: &str) -> TcpStream {
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = message.len();
    let head = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}");
    write!(stream, "{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{message}").unwrap();
    stream
}

/// Sends one message to a gateway; returns the response's head and message.
fn send(url: &str, headers: &[(&str, &str)], method: &str, message: &str) -> (String, Value) {
    let mut answer = String::new();
    begin(url, headers, method, message).read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn what_was_listed_is_kept_until_it_is_synchronized() {
    let (setting, server) = (Setting::new(), StandIn::start(&["one", "two", "three"]));
    server.desk().sessions = Some(BTreeSet::new());
    setting.add("s", &server, &[]);
    assert_eq!(setting.tools(), ["s___one", "s___three", "s___two"], "every page is read");
    assert_eq!(server.desk().sessions, Some(BTreeSet::new()), "a session ends when its work is done");
    let first = setting.shown("s")["lastSynchronizedAt"].clone();

    server.desk().tools = vec!["four"];
    server.taken();
    assert_eq!(setting.tools(), ["s___one", "s___three", "s___two"]);
    assert_eq!(setting.call("s___four", &json!({})).code, 1, "nobody knows of it");
    assert!(server.taken().is_empty());
    assert_eq!(setting.call("s___one", &json!({ "a": 1 })).stdout, "one {\"a\":1}\n");
    assert_eq!(server.methods(), ["initialize", "notifications/initialized", "tools/call", "DELETE"]);

    let synced = setting.target(&["sync", "s"], &[]);
    assert!(synced.code == 0 && synced.stdout.contains("Target s of g is READY, as its server was at"), "{synced:?}");
    assert_eq!(setting.tools(), ["s___four"]);
    assert_ne!(setting.shown("s")["lastSynchronizedAt"], first);
    let listed = setting.env.ok(&["--local", "target", "list", "--gateway", "g", "-o", "json"]).json();
    assert_eq!(listed["items"][0]["targetType"], "MCP_SERVER");
    assert_eq!(listed["items"][0]["lastSynchronizedAt"], setting.shown("s")["lastSynchronizedAt"]);
    // Nothing has to be changed, so no request is made.
    server.taken();
    setting.add("s", &server, &[]);
    assert!(server.taken().is_empty());
    setting.end();
}

type Spoil = fn(&mut Desk);

const NOT_LISTED: &str = "Failed to connect and fetch tools from the provided MCP target server";

#[test]
fn a_server_that_cannot_be_listed_fails_its_target_in_the_services_words() {
    let (setting, server) = (Setting::new(), StandIn::start(&["one"]));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{nobody}/mcp");
    let endpoint = server.endpoint();
    let cases: [(&str, Spoil, &str); 7] = [
        (&endpoint, |desk| desk.templates = false, "Error - Method not found: resources/templates/list"),
        (&nobody, |_| (), "Unable to connect to the MCP server. Please check the server"),
        (
            &endpoint,
            |desk| desk.wants = Some(("authorization", "Bearer x")),
            "Authorization error when sending message",
        ),
        (&endpoint, |desk| desk.capabilities = json!({}), "has no tools"),
        (&endpoint, |desk| desk.tools = Vec::new(), "has no tools"),
        (&endpoint, |desk| desk.version = "2024-11-05", "speaks version `2024-11-05`"),
        (&endpoint, |desk| desk.tools = vec![""; 1001], "list has no end"),
    ];
    for (endpoint, spoil, why) in cases {
        *server.desk() = fresh();
        spoil(&mut server.desk());
        let failed = setting.target(&["add", "mcp-server", "s"], &["--endpoint", endpoint]);
        assert!(failed.code == 1 && (failed.stderr.contains(NOT_LISTED) || why == "has no tools"), "{why}: {failed:?}");
        assert!(failed.stderr.contains(why), "{why}: {failed:?}");
        let left = setting.env.ok(&["--local", "target", "list", "--gateway", "g", "-o", "json"]).json();
        assert_eq!(left["items"], json!([]), "{why}: nothing is left of it");
    }

    *server.desk() = fresh();
    setting.add("s", &server, &[]);
    server.desk().wants = Some(("authorization", "Bearer x"));
    let failed = setting.target(&["sync", "s"], &[]);
    assert!(failed.code == 1 && failed.stderr.contains("SYNCHRONIZE_UNSUCCESSFUL"), "{failed:?}");
    assert_eq!(setting.tools(), ["s___one"], "what was listed before is still served");
    // The same command repairs it, once the server can be listed.
    *server.desk() = fresh();
    setting.add("s", &server, &[]);
    setting.end();
}

/// The fake server's initial state.
fn fresh() -> Desk {
    Desk {
        asked: Vec::new(),
        version: "2025-06-18",
        capabilities: json!({ "tools": {}, "resources": {} }),
        tools: vec!["one"],
        oddities: Vec::new(),
        resources: vec!["mem://shared"],
        templates: true,
        wants: None,
        sessions: None,
        opened: 0,
        hangs: false,
        drips: false,
        forgotten: 404,
    }
}

#[test]
fn a_server_is_shown_the_credential_that_it_wants() {
    let (setting, server) = (Setting::new(), StandIn::start(&["one"]));
    let token_endpoint = format!("{}/token", server.origin);
    let oauth = ["--oauth-client-id", "client", "--oauth-client-secret-env", "SECRET", "--oauth-scope", "read"];
    let oauth = [&oauth[..], &["--oauth-token-endpoint", &token_endpoint]].concat();
    let cases: [(&[&str], (&str, &str)); 2] = [
        (&["--api-key-env", "SECRET", "--api-key-header", "X-Key"], ("x-key", "the-secret")),
        (&oauth, ("authorization", "Bearer a-token")),
    ];
    for (flags, (header, value)) in cases {
        server.desk().wants = Some((header, value));
        setting.add("s", &server, flags);
        assert_eq!(setting.call("s___one", &json!({})).stdout, "one {}\n");
        assert!(server.taken().iter().all(|asked| asked.header(header) == value), "with every message");
        server.desk().wants = None;
        assert_eq!(setting.target(&["remove", "s"], &[]).code, 0);
        assert_eq!(setting.env.state()["agentcore"]["providers"], json!({}), "its provider goes with it");
    }
    setting.add("s", &server, &["--iam-service", "bedrock-agentcore"]);
    setting.call("s___one", &json!({}));
    for asked in server.taken() {
        let signed = asked.header("authorization");
        assert!(signed.contains("/us-west-2/bedrock-agentcore/aws4_request"), "{signed}");
    }
    // Another address, and no credential from now on.
    let other = StandIn::start(&["two"]);
    let updated = setting.target(&["update", "s"], &["--endpoint", &other.endpoint(), "--no-credential"]);
    assert_eq!(updated.code, 0, "{updated:?}");
    assert_eq!(setting.tools(), ["s___two"], "an update lists the server anew");
    assert!(other.taken().iter().all(|asked| asked.header("authorization").is_empty()));
    assert!(server.taken().is_empty());
    setting.end();
}

#[test]
fn a_dynamic_target_is_listed_with_every_request() {
    let (setting, server) = (Setting::new(), StandIn::start(&["one"]));
    server.desk().hangs = true;
    setting.add("s", &server, &["--dynamic-listing"]);
    server.desk().hangs = false;
    assert_eq!(setting.tools(), ["s___one"]);
    server.desk().tools = vec!["two"];
    assert_eq!(setting.tools(), ["s___two"]);
    assert_eq!(setting.call("s___two", &json!({})).stdout, "two {}\n");
    assert_eq!(
        setting.ask("resources/read", &json!({ "uri": "mem://shared" }))["result"]["contents"][0]["text"],
        server.origin
    );
    let wrong = setting.ask("tools/call", &json!({ "name": "s___two", "arguments": "text" }));
    assert!(wrong.to_string().contains("invalid type: string found, object expected"), "{wrong}");
    let found = setting.call("x_amz_bedrock_agentcore_search", &json!({ "query": "two" }));
    assert!(found.code == 0 && !found.stdout.contains("s___two"), "it is not searched: {found:?}");
    let synced = setting.target(&["sync", "s"], &[]);
    assert!(synced.code == 1 && synced.stderr.contains("DYNAMIC"), "{synced:?}");
    server.desk().wants = Some(("authorization", "x"));
    assert_eq!(setting.tools(), Vec::<String>::new(), "who does not answer offers nothing");
    setting.end();
}

#[test]
fn of_two_servers_with_one_resource_the_one_with_the_lower_priority_answers() {
    let setting = Setting::new();
    let (late, early) = (StandIn::start(&["one"]), StandIn::start(&["one"]));
    late.desk().resources = vec!["mem://shared", "mem://own"];
    setting.add("a", &late, &["--resource-priority", "20"]);
    setting.add("b", &early, &["--resource-priority", "10"]);
    assert_eq!(BTreeSet::from_iter(setting.tools()), BTreeSet::from(["a___one".to_owned(), "b___one".to_owned()]));
    let listed = setting.ask("resources/list", &json!({}));
    let owners: Vec<_> =
        listed["result"]["resources"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(owners, [json!(early.origin), json!(late.origin)]);
    let read =
        |uri: &str| setting.ask("resources/read", &json!({ "uri": uri }))["result"]["contents"][0]["text"].clone();
    assert_eq!((read("mem://shared"), read("mem://own")), (json!(early.origin), json!(late.origin)));
    assert_eq!(setting.ask("prompts/list", &json!({}))["error"]["code"], -32601, "no server has any");
    setting.end();
}

#[test]
fn a_servers_errors_are_passed_on_and_its_breakdowns_are_told_of() {
    let (setting, server) =
        (Setting::new(), StandIn::start(&["refuse", "break", "tell", "bare", "text", "meta", "ask", "other"]));
    let odd = [
        json!({ "name": "no-schema" }),
        json!({ "name": "no-type", "inputSchema": {} }),
        json!({ "name": "", "inputSchema": { "type": "object" } }),
        json!({ "inputSchema": { "type": "object" } }),
        json!(7),
        tool("break"),
    ];
    server.desk().oddities = odd.to_vec();
    let key = ["--api-key-env", "SECRET", "--api-key-header", "X-Key", "--api-key-prefix", "Token"];
    setting.add("s", &server, &key);
    assert_eq!(setting.tools().len(), 8, "what no client would take is left out");
    let call = |name: &str| setting.ask("tools/call", &json!({ "name": format!("s___{name}"), "arguments": {} }));
    assert_eq!(call("tell")["error"]["message"], "you are (credential)");
    assert_eq!(call("bare")["error"]["message"], "your key is \"(credential)\"");
    assert_eq!(call("other")["result"]["content"][0]["text"], "mine", "somebody else's error is none of ours");
    assert_eq!(call("text")["result"]["content"][0]["text"], "The MCP server answered HTTP 200 without a result");
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "s___meta",
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": STATELESS,
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    } });
    let headers = [("MCP-Protocol-Version", STATELESS), ("Mcp-Method", "tools/call"), ("Mcp-Name", "s___meta")];
    let (_, answer) = send(&setting.url(), &headers, "POST", &message.to_string());
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    // A server's request without a recipient is rejected, and the work continues.
    server.taken();
    assert_eq!(call("ask")["result"]["content"][0]["text"], "asked");
    let refused = server.taken().into_iter().find(|asked| asked.message["id"] == "q").unwrap();
    assert_eq!(refused.message["error"]["code"], -32601);
    assert_eq!(call("refuse")["error"], json!({ "code": -32099, "message": "no", "data": { "why": "so" } }));
    server.desk().wants = None;
    let broken = call("break");
    assert_eq!(broken["result"]["isError"], true);
    assert_eq!(broken["result"]["content"][0]["text"], "The MCP server answered HTTP 500 without a result");
    setting.end();
}

#[test]
fn a_server_without_a_handshake_is_spoken_to_without_one() {
    let (setting, server) = (Setting::new(), StandIn::start(&["one", "more"]));
    server.desk().version = STATELESS;
    setting.add("s", &server, &[]);
    assert_eq!(setting.tools(), ["s___more", "s___one"]);
    server.taken();
    assert_eq!(setting.call("s___one", &json!({})).stdout, "one {}\n");
    let call = server.taken().pop().unwrap();
    let headers = ["mcp-protocol-version", "mcp-method", "mcp-name"].map(|name| call.header(name).to_owned());
    assert_eq!(headers, [STATELESS, "tools/call", "one"]);
    let meta = &call.message["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], STATELESS);
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
    let more = setting.call("s___more", &json!({}));
    assert!(more.code == 1 && more.stdout.contains("asks for more input"), "{more:?}");
    setting.end();
}

#[test]
fn a_session_has_one_connection_to_a_server_which_ends_with_it() {
    let (setting, server) = (Setting::new(), StandIn::start(&["one"]));
    server.desk().sessions = Some(BTreeSet::new());
    setting.add("s", &server, &[]);
    let url = setting.url();
    let id = url.split('/').nth(4).unwrap();
    setting.env.with_boto3("configure_mcp.py", &[id, r#"{"sessionConfiguration": {"sessionTimeoutInSeconds": 900}}"#]);
    server.taken();
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": { "sampling": {} }, "clientInfo": { "name": "t", "version": "1" },
    } });
    let (head, _) = send(&url, &[], "POST", &hello.to_string());
    let session = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).unwrap().to_owned();
    let headers = [("Mcp-Session-Id", session.as_str()), ("MCP-Protocol-Version", "2025-11-25")];
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
        "name": "s___one", "arguments": {}, "_meta": { "progressToken": 1, "mine": true },
    } });
    let call = || send(&url, &headers, "POST", &call.to_string()).1["result"]["content"][0]["text"].clone();
    assert_eq!((call(), call()), (json!("one {}"), json!("one {}")));
    let asked = server.taken();
    let methods: Vec<_> = asked.iter().map(|asked| asked.method.as_str()).collect();
    assert_eq!(methods, ["initialize", "notifications/initialized", "tools/call", "tools/call"]);
    assert_eq!(asked[0].message["params"]["capabilities"], json!({}), "nobody can be asked without a stream");
    assert_eq!(asked[2].message["params"]["_meta"], json!({ "mine": true }), "nobody would hear of progress");
    // If a server no longer knows the session, whichever status it returns, a new session is opened.
    for status in [404, 400] {
        server.desk().forgotten = status;
        server.desk().sessions = Some(BTreeSet::new());
        assert_eq!(call(), json!("one {}"), "{status}");
        assert_eq!(server.methods(), ["tools/call", "initialize", "notifications/initialized", "tools/call"]);
    }
    let (head, _) = send(&url, &headers, "DELETE", "");
    assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    // Ending the session is not waited for, but happens.
    while server.desk().sessions != Some(BTreeSet::new()) {
        thread::yield_now();
    }
    setting.end();
}

#[test]
fn a_gateway_that_is_its_own_target_comes_to_an_end() {
    let setting = Setting::new();
    let url = setting.url();
    let added = setting.target(&["add", "mcp-server", "me"], &["--endpoint", &url, "--dynamic-listing"]);
    assert_eq!(added.code, 0, "{added:?}");
    assert_eq!(setting.tools(), [format!("me___{SEARCH}")], "of itself it sees what asks no server");
    setting.end();
}

/// The tool that a gateway itself adds to those of its targets.
const SEARCH: &str = "x_amz_bedrock_agentcore_search";

/// Depth is limited; without a limit on breadth, five levels of two would cause 31 requests.
#[test]
fn a_gateway_that_is_its_own_target_twice_asks_its_servers_once() {
    let (setting, server) = (Setting::new(), StandIn::start(&["one"]));
    setting.add("s", &server, &["--dynamic-listing"]);
    let url = setting.url();
    for name in ["me", "also-me"] {
        let added = setting.target(&["add", "mcp-server", name], &["--endpoint", &url, "--dynamic-listing"]);
        assert_eq!(added.code, 0, "{added:?}");
    }
    server.taken();
    let mut tools = setting.tools();
    tools.sort();
    assert_eq!(tools, [format!("also-me___{SEARCH}"), format!("me___{SEARCH}"), "s___one".to_owned()]);
    assert_eq!(server.methods().iter().filter(|method| *method == "tools/list").count(), 1);
    setting.end();
}

#[test]
fn in_a_session_a_server_that_hangs_holds_up_no_other() {
    let (setting, slow, quick) = (Setting::new(), StandIn::start(&["one"]), StandIn::start(&["one"]));
    setting.add("slow", &slow, &["--dynamic-listing"]);
    setting.add("quick", &quick, &[]);
    let url = setting.url();
    let id = url.split('/').nth(4).unwrap();
    setting.env.with_boto3("configure_mcp.py", &[id, r#"{"sessionConfiguration": {"sessionTimeoutInSeconds": 900}}"#]);
    slow.desk().hangs = true;
    slow.taken();
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" },
    } });
    let (head, _) = send(&url, &[], "POST", &hello.to_string());
    let session = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).unwrap().to_owned();
    let headers = [("Mcp-Session-Id", session.as_str())];
    let call = |name: &str| {
        let params = json!({ "name": name, "arguments": {} });
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params }).to_string()
    };
    let hanging = begin(&url, &headers, "POST", &call("slow___one"));
    while slow.desk().asked.is_empty() {
        thread::yield_now();
    }
    let (_, answer) = send(&url, &headers, "POST", &call("quick___one"));
    assert_eq!(answer["result"]["content"][0]["text"], "one {}");
    drop(hanging);
    setting.end();
}

/// A server has one second here to negotiate a version.
#[tokio::test]
async fn a_server_that_says_nothing_at_length_is_given_up() {
    let (world, server) = (World::new(Duration::ZERO), StandIn::start(&["one"]));
    world.run(&["create", "g", "--authorizer", "none", "-y", "--no-observability"]).await.expect(0);
    server.desk().drips = true;
    let target = json!({
        "name": "s",
        "targetConfiguration": { "mcp": { "mcpServer": { "endpoint": server.endpoint() } } },
    });
    world.create_target("g", &target).await;
    let settled = async || {
        let shown = world.run(&["target", "get", "s", "--gateway", "g"]).await.expect(0).json();
        (shown["status"] != "CREATING").then_some(shown)
    };
    let shown = loop {
        tokio::task::yield_now().await;
        if let Some(shown) = settled().await {
            break shown;
        }
    };
    assert_eq!(shown["status"], "FAILED");
    assert_eq!(shown["statusReasons"], json!([format!("{NOT_LISTED}. Error - The MCP server took more than 1 s")]));
    world.run(&["cleanup", "g", "--yes", "--settle", "0"]).await.expect(0);
    assert!(world.is_empty());
}

#[test]
fn what_a_failed_run_made_for_a_target_goes_with_it() {
    let setting = Setting::new();
    let key = ["--endpoint", "http://127.0.0.1:1/mcp", "--api-key-env", "SECRET", "--api-key-header", "X-Key"];
    let failed = setting.target(&["add", "mcp-server", "s"], &key);
    assert!(failed.code == 1 && failed.stderr.contains("target remove s --gateway g"), "{failed:?}");
    let exists = failed.stderr.lines().find(|line| line.contains("exists now")).unwrap();
    assert!(exists.contains("credential provider") && !exists.contains("gateway `g`"), "its own only: {exists}");
    assert_ne!(setting.env.state()["agentcore"]["providers"], json!({}));
    let removed = setting.target(&["remove", "s"], &[]);
    assert!(removed.code == 0 && removed.stdout.contains("was not there"), "{removed:?}");
    assert_eq!(setting.env.state()["agentcore"]["providers"], json!({}));
    assert_eq!(setting.env.state()["secrets"]["secrets"], json!({}));
    setting.end();
}

#[test]
fn a_listing_that_a_killed_server_had_begun_is_made_when_it_is_back() {
    let (env, server) = (Env::new(), StandIn::start(&["one"]));
    let local = Server::start(&env, &[]);
    env.ok(&["--local", "create", "g", "--authorizer", "none", "-y", "--no-observability"]);
    server.desk().hangs = true;
    let endpoint = server.endpoint();
    let add = ["--local", "target", "add", "mcp-server", "s", "--gateway", "g", "--endpoint", &endpoint];
    let added = env.ok(&[&add[..], &["--no-wait", "-o", "json"]].concat()).json();
    assert_eq!(added["target"]["status"], "CREATING");
    local.kill();
    server.desk().hangs = false;
    let _local = Server::start(&env, &[]);
    let added = env.ok(&[&add[..], &["-o", "json"]].concat()).json();
    assert_eq!(added["target"]["status"], "READY");
    env.ok(&["--local", "cleanup", "g", "--yes"]);
    assert!(env.is_empty(), "{}", env.state());
}
