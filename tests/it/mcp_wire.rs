//! The MCP endpoint on the wire: request in, response out. The number of a case is its topic: 4.3 rejected
//! callers, 5.1 methods, 5.2 versions, 5.3 sessions and streaming, 5.4 `tools/list`, 5.6 `tools/call`, 5.7
//! limits (AgentCore developer guide, inbound-jwt-authorizer, gateway-using, gateway-sessions,
//! gateway-mcp-streaming, gateway-using-mcp-list, gateway-using-mcp-call, bedrock-agentcore-limits). The
//! snapshots hold every response completely.

use std::{fmt::Write as _, sync::Mutex, time::Duration};

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use crate::support::world::{Answer, World};

const TOKEN_META: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_META: &str = "io.modelcontextprotocol/clientCapabilities";

/// The case, headers, body, status, and the error's code (`None`: no error).
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Value, u16, Option<i64>);

/// A gateway, and the transcript of its requests.
struct Gateway {
    world: World,
    path: String,
    transcript: Mutex<String>,
}

impl Gateway {
    /// A gateway without authorization.
    async fn new(flags: &[&str]) -> Self {
        Self::checked(&[&["--authorizer", "none", "-y"], flags].concat()).await
    }

    async fn checked(flags: &[&str]) -> Self {
        let world = World::new(Duration::ZERO);
        let path = world.create_gateway(&[&["--sample", "--no-observability"], flags].concat()).await;
        Self { path, world, transcript: Mutex::default() }
    }

    async fn send(&self, what: &str, method: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(&self.path).header("host", "127.0.0.1:7755");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.world.send(request.body(Body::from(body.clone())).unwrap()).await;
        self.note(what, method, headers, &body, &answer);
        answer
    }

    /// Appends to the transcript, without what differs in each run.
    fn note(&self, what: &str, method: &str, headers: &[(&str, &str)], body: &[u8], answer: &Answer) {
        let short = |text: &str| match text.char_indices().nth(1000) {
            None => text.to_owned(),
            Some((at, _)) => format!("{}… ({} bytes)", &text[..at.min(60)], text.len()),
        };
        let mut text = format!("## {what}\n> {method}\n");
        for (name, value) in headers {
            writeln!(text, "> {name}: {value}").unwrap();
        }
        writeln!(text, "> {}", short(&String::from_utf8_lossy(body))).unwrap();
        writeln!(text, "< {}", answer.status).unwrap();
        for (name, value) in &answer.headers {
            if !matches!(name.as_str(), "x-amzn-requestid" | "content-length") {
                writeln!(text, "< {name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        writeln!(text, "< {}\n", short(&answer.text())).unwrap();
        assert_eq!(answer.header("x-amzn-requestid").len(), if answer.status == 405 { 0 } else { 36 }, "{what}");
        let id = self.path.split('/').nth(2).unwrap();
        self.transcript.lock().unwrap().push_str(&text.replace(id, "{gatewayId}"));
    }

    /// Posts a message; returns status and body.
    async fn post(&self, what: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let answer = self.send(what, "POST", headers, body.as_bytes().to_vec()).await;
        (answer.status, answer.json())
    }

    /// Every request and response, byte by byte.
    fn transcript(&self) -> String {
        self.transcript.lock().unwrap().clone()
    }

    async fn table(&self, rows: &[Row<'_>]) {
        for (what, headers, body, status, code) in rows {
            let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            let (found, answer) = self.post(what, headers, &text).await;
            assert_eq!((found, answer["error"]["code"].as_i64()), (*status, *code), "{what}: {answer}");
        }
    }
}

fn message(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// A message of version 2026-07-28, with its envelope.
fn modern(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({ TOKEN_META: "2026-07-28", CAPABILITIES_META: {} });
    message(method, params)
}

const V: &str = "mcp-protocol-version";

#[tokio::test(start_paused = true)]
async fn versions_with_a_handshake() {
    let gateway = Gateway::new(&[]).await;
    let list = || message("tools/list", json!({}));
    let old: &[(&str, &str)] = &[(V, "2025-03-26")];
    let middle: &[(&str, &str)] = &[(V, "2025-06-18")];
    gateway
        .table(&[
            ("5.2 a version in the header", &[(V, "2025-11-25")], list(), 200, None),
            ("5.2 no version in the header", &[], list(), 200, None),
            ("5.2 a version that is not served", &[(V, "1999-01-01")], list(), 400, Some(-32600)),
            ("5.2 initialize without a version", &[], message("initialize", json!({})), 200, Some(-32602)),
            (
                "5.2 a stale header on initialize",
                &[(V, "1999-01-01")],
                message("initialize", json!({ "protocolVersion": "2025-06-18" })),
                200,
                None,
            ),
            ("5.1 ping", middle, message("ping", json!({})), 200, None),
            ("5.1 a method of 2026-07-28", middle, message("server/discover", json!({})), 200, Some(-32601)),
            ("5.1 an unknown method", middle, message("no/such", json!({})), 200, Some(-32601)),
            (
                "5.1 a notification",
                middle,
                json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
                202,
                None,
            ),
            ("5.1 an unknown notification", middle, json!({ "jsonrpc": "2.0", "method": "no/such" }), 202, None),
            ("5.1 a response to nobody", middle, json!({ "jsonrpc": "2.0", "id": 1, "result": {} }), 202, None),
            ("5.6 no JSON", middle, json!("{"), 400, Some(-32700)),
            ("5.6 nothing", middle, json!(""), 400, Some(-32700)),
            ("5.6 not JSON-RPC", middle, json!({ "id": 1, "method": "ping" }), 400, Some(-32600)),
            ("5.6 neither request nor response", middle, json!({ "jsonrpc": "2.0", "id": 1 }), 400, Some(-32600)),
            (
                "5.6 an id that is null",
                middle,
                json!({ "jsonrpc": "2.0", "id": null, "method": "ping" }),
                400,
                Some(-32600),
            ),
            (
                "5.6 an id that is a list",
                middle,
                json!({ "jsonrpc": "2.0", "id": [], "method": "ping" }),
                400,
                Some(-32600),
            ),
            ("5.6 an unknown tool", middle, message("tools/call", json!({ "name": "nope" })), 200, Some(-32602)),
            ("5.6 no tool", middle, message("tools/call", json!({})), 200, Some(-32602)),
            ("5.4 a cursor of nobody", middle, message("tools/list", json!({ "cursor": "x" })), 200, Some(-32602)),
            ("batches: not since 2025-06-18", middle, json!([list()]), 400, Some(-32600)),
            ("batches: empty", old, json!([]), 400, Some(-32600)),
        ])
        .await;

    for (asked, agreed) in [
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
    ] {
        let what = format!("5.2 initialize with {asked}");
        let hello = message("initialize", json!({ "protocolVersion": asked })).to_string();
        let (_, hello) = gateway.post(&what, &[], &hello).await;
        assert_eq!(hello["result"]["protocolVersion"], agreed, "{what}");
    }

    let batch = json!([message("ping", json!({})), { "jsonrpc": "2.0", "method": "notifications/x" },
                       { "jsonrpc": "2.0", "id": "b", "method": "no/such" }, 7,
                       message("initialize", json!({ "protocolVersion": "2025-03-26" }))]);
    let (status, answers) = gateway.post("batches: all kinds", old, &batch.to_string()).await;
    let codes: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer["error"]["code"].as_i64()).collect();
    assert_eq!((status, codes), (200, vec![None, Some(-32601), Some(-32600), Some(-32600)]), "{answers}");
    let silent = json!([{ "jsonrpc": "2.0", "method": "notifications/x" }]).to_string();
    assert_eq!(gateway.post("batches: nothing to answer", old, &silent).await.0, 202);
    insta::assert_snapshot!("mcp_handshake", gateway.transcript());
}

/// The case, method, headers, body; status, content type, `Allow`, and the error's code (`None`: no error, or
/// no body).
type Transport<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Vec<u8>, u16, &'a str, &'a str, Option<i64>);

#[tokio::test(start_paused = true)]
async fn the_transport() {
    let gateway = Gateway::new(&[]).await;
    let ping = message("ping", json!({})).to_string().into_bytes();
    let with_bom = [b"\xef\xbb\xbf", &ping[..]].concat();
    let no_utf8 = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}".to_vec();
    let notification = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_vec();
    let large = format!("{{\"x\":\"{}\"}}", "y".repeat(6 * 1024 * 1024)).into_bytes();
    let deep = "[".repeat(100_000).into_bytes();
    let (json, events) = ("application/json", ("accept", "text/event-stream"));
    let cases: [Transport<'_>; 14] = [
        ("5.1 a request", "POST", &[], ping.clone(), 200, json, "", None),
        ("5.1 that takes JSON", "POST", &[("accept", json)], ping.clone(), 200, json, "", None),
        (
            "5.1 that takes both",
            "POST",
            &[("accept", "application/json, text/event-stream")],
            ping.clone(),
            200,
            json,
            "",
            None,
        ),
        (
            "5.2 a header's name has no case",
            "POST",
            &[("MCP-Protocol-Version", "1999-01-01")],
            ping.clone(),
            400,
            json,
            "",
            Some(-32600),
        ),
        ("5.1 a notification", "POST", &[], notification, 202, "", "", None),
        ("5.1 no stream to listen to", "GET", &[events], Vec::new(), 405, json, "POST", Some(-32000)),
        ("5.1 a GET without Accept", "GET", &[], Vec::new(), 405, json, "POST", Some(-32000)),
        ("5.1 no session to end", "DELETE", &[], Vec::new(), 405, json, "POST", Some(-32000)),
        ("5.1 another method", "PUT", &[], ping.clone(), 405, json, "POST", Some(-32000)),
        ("5.6 nothing", "POST", &[], Vec::new(), 400, json, "", Some(-32700)),
        ("5.6 a byte order mark", "POST", &[], with_bom, 400, json, "", Some(-32700)),
        ("5.6 no UTF-8", "POST", &[], no_utf8, 400, json, "", Some(-32700)),
        ("5.6 too deep", "POST", &[], deep, 400, json, "", Some(-32700)),
        ("5.7 more than 6 MB", "POST", &[], large, 413, json, "", Some(-32600)),
    ];
    for (what, method, headers, body, status, content_type, allow, code) in cases {
        let answer = gateway.send(what, method, headers, body).await;
        let seen = (answer.header("content-type").to_owned(), answer.header("allow").to_owned());
        assert_eq!(answer.body.is_empty(), content_type.is_empty(), "{what}: a body says what it is");
        let expected = (status, (content_type.to_owned(), allow.to_owned()), code);
        let error = answer.json();
        assert_eq!((answer.status, seen, error["error"]["code"].as_i64()), expected, "{what}: {error}");
    }
    insta::assert_snapshot!("mcp_transport", gateway.transcript());
}

#[tokio::test(start_paused = true)]
async fn ids_come_back_as_they_were_sent() {
    let gateway = Gateway::new(&[]).await;
    for id in ["1", "0", "-7", "\"a\"", "\"\"", "1.5", "123456789012345678901234567890", "1e3"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let answer = gateway.send("5.1 an id", "POST", &[], body.into_bytes()).await;
        let echoed = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
        assert_eq!((answer.status, answer.text()), (200, echoed), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_version_without_a_handshake() {
    let gateway = Gateway::new(&[]).await;
    let headers = |method: &'static str| vec![(V, "2026-07-28"), ("mcp-method", method)];
    let list = headers("tools/list");
    let call = headers("tools/call");
    let named = [&call[..], &[("mcp-name", "nope")]].concat();
    let twice = [&list[..], &[("mcp-method", "tools/list")]].concat();
    let (discover, ping, hello, unknown) =
        (headers("server/discover"), headers("ping"), headers("initialize"), headers("no/such"));
    let other = [(V, "2025-11-25"), ("mcp-method", "tools/list")];
    let later = [(V, "2027-01-01"), ("mcp-method", "tools/list")];
    let mut older_envelope = modern("tools/list", json!({}));
    older_envelope["params"]["_meta"][TOKEN_META] = json!("2025-11-25");
    gateway
        .table(&[
            ("5.2 discover", &discover, modern("server/discover", json!({})), 200, None),
            ("5.2 list", &list, modern("tools/list", json!({})), 200, None),
            ("5.2 no envelope", &list, message("tools/list", json!({})), 400, Some(-32602)),
            ("5.2 no Mcp-Method", &[(V, "2026-07-28")], modern("tools/list", json!({})), 400, Some(-32020)),
            ("5.2 another Mcp-Method", &call, modern("tools/list", json!({})), 400, Some(-32020)),
            ("5.2 a header twice", &twice, modern("tools/list", json!({})), 400, Some(-32020)),
            ("5.2 envelope and header disagree", &list, older_envelope, 400, Some(-32020)),
            ("5.2 no Mcp-Name", &call, modern("tools/call", json!({ "name": "nope" })), 400, Some(-32020)),
            ("5.6 an unknown tool", &named, modern("tools/call", json!({ "name": "nope" })), 400, Some(-32602)),
            ("5.2 no ping", &ping, modern("ping", json!({})), 404, Some(-32601)),
            (
                "5.2 no initialize",
                &hello,
                modern("initialize", json!({ "protocolVersion": "2026-07-28" })),
                404,
                Some(-32601),
            ),
            ("5.6 an unknown method", &unknown, modern("no/such", json!({})), 404, Some(-32601)),
            ("5.2 a version to come", &later, modern("tools/list", json!({})), 400, Some(-32022)),
            ("5.2 an envelope of no moment", &other, modern("tools/list", json!({})), 200, None),
            (
                "5.1 a notification",
                &[(V, "2026-07-28")],
                json!({ "jsonrpc": "2.0", "method": "notifications/x" }),
                202,
                None,
            ),
            ("batches", &list, json!([modern("tools/list", json!({}))]), 400, Some(-32600)),
        ])
        .await;
    let (_, found) = gateway.post("5.2 discover", &discover, &modern("server/discover", json!({})).to_string()).await;
    assert_eq!(found["result"]["supportedVersions"], json!(["2026-07-28"]));
    for member in ["resultType", "ttlMs", "cacheScope"] {
        assert!(!found["result"][member].is_null(), "{member}: {found}");
    }
    assert_eq!(found["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "g");
    insta::assert_snapshot!("mcp_stateless", gateway.transcript());
}

#[tokio::test(start_paused = true)]
async fn only_configured_versions_are_served() {
    let older = Gateway::new(&["--mcp-version", "2025-06-18"]).await;
    let list = || message("tools/list", json!({}));
    older
        .table(&[
            ("5.2 the one", &[(V, "2025-06-18")], list(), 200, None),
            ("5.2 another", &[(V, "2025-11-25")], list(), 400, Some(-32600)),
            ("5.2 without a handshake", &[(V, "2026-07-28")], modern("server/discover", json!({})), 400, Some(-32600)),
            ("batches", &[], json!([list()]), 400, Some(-32600)),
        ])
        .await;
    let stateless = Gateway::new(&["--mcp-version", "2026-07-28"]).await;
    stateless
        .table(&[
            ("5.2 no header", &[], list(), 400, Some(-32022)),
            (
                "5.2 initialize",
                &[],
                message("initialize", json!({ "protocolVersion": "2025-11-25" })),
                200,
                Some(-32602),
            ),
        ])
        .await;
    insta::assert_snapshot!("mcp_configured_versions", older.transcript() + &stateless.transcript());
}

#[tokio::test(start_paused = true)]
async fn tools_come_in_pages_that_clients_follow() {
    let gateway = Gateway::new(&[]).await;
    let functions = gateway.world.snapshot()["lambda"]["functions"].clone();
    let function = functions.as_object().unwrap().keys().next().unwrap().clone();
    let tool = |n: usize| json!({ "name": format!("t{n}"), "description": "d", "inputSchema": { "type": "object" } });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tools.json");
    std::fs::write(&file, json!((0..250).map(tool).collect::<Vec<_>>()).to_string()).unwrap();
    let add = ["target", "add", "lambda", "many", "--gateway", "g", "--lambda-arn", &function, "--tools"];
    gateway.world.run(&[&add[..], &[file.to_str().unwrap()]].concat()).await.expect(0);

    let (mut cursor, mut sizes, mut names) = (Value::Null, Vec::new(), std::collections::BTreeSet::new());
    loop {
        let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
        let (_, page) = gateway.post("5.4 a page", &[], &message("tools/list", params).to_string()).await;
        let tools = page["result"]["tools"].as_array().unwrap();
        sizes.push(tools.len());
        names.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
        cursor = page["result"]["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    // The search tool, the sample's two tools, and these.
    assert_eq!((sizes, names.len()), (vec![30, 30, 30, 30, 30, 30, 30, 30, 13], 253));
    let listed = gateway.world.run(&["tools", "list", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 253, "our own client follows");

    gateway.world.edit_gateway(|config| {
        config["protocolConfiguration"]["mcp"]["disableMcpListToolsPagination"] = json!(true);
    });
    let (_, all) = gateway.post("5.4 no pages", &[], &message("tools/list", json!({})).to_string()).await;
    assert_eq!(all["result"]["tools"].as_array().unwrap().len(), 253);
    assert!(all["result"]["nextCursor"].is_null());
}

/// A message with the id 1, as it is sent.
fn bytes(method: &str, params: Value) -> Vec<u8> {
    message(method, params).to_string().into_bytes()
}

fn hello() -> Vec<u8> {
    bytes("initialize", json!({ "protocolVersion": "2025-11-25", "capabilities": {} }))
}

#[tokio::test(start_paused = true)]
async fn sessions_are_opened_needed_ended_and_end_by_themselves() {
    let gateway = Gateway::new(&[]).await;
    gateway.world.edit_gateway(|config| {
        config["protocolConfiguration"]["mcp"]["sessionConfiguration"] = json!({ "sessionTimeoutInSeconds": 900 });
    });
    let opened = gateway.send("5.3 initialize", "POST", &[], hello()).await;
    let session = opened.header("mcp-session-id").to_owned();
    assert_eq!((opened.status, session.len()), (200, 36));
    let named = [("mcp-session-id", session.as_str()), (V, "2025-11-25")];
    let other = [("mcp-session-id", "00000000-0000-4000-8000-000000000000")];
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string().into_bytes();
    let stateless = [(V, "2026-07-28"), ("mcp-method", "tools/list")];
    let modern_list = modern("tools/list", json!({})).to_string().into_bytes();
    let list = || bytes("tools/list", json!({}));
    for (what, method, headers, body, status, code) in [
        ("5.3 the session", "POST", &named[..], list(), 200, None),
        ("5.3 a notification in it", "POST", &named, notification.clone(), 202, None),
        ("5.3 no session", "POST", &[], list(), 400, Some(-32600)),
        ("5.3 a notification without", "POST", &[], notification, 400, Some(-32600)),
        ("5.3 an unknown session", "POST", &other, list(), 404, Some(-32001)),
        ("5.3 a failed initialize", "POST", &[], bytes("initialize", json!({})), 200, Some(-32602)),
        ("5.2 the version without sessions", "POST", &stateless, modern_list, 200, None),
        ("5.1 no stream to listen to", "GET", &named, Vec::new(), 405, Some(-32000)),
        ("5.3 the end of no session", "DELETE", &[], Vec::new(), 400, Some(-32600)),
        ("5.3 the end of an unknown one", "DELETE", &other, Vec::new(), 404, Some(-32001)),
        ("5.3 the end", "DELETE", &named, Vec::new(), 204, None),
        ("5.3 the ended session", "POST", &named, list(), 404, Some(-32001)),
    ] {
        let answer = gateway.send(what, method, headers, body).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (status, code), "{what}");
        assert_eq!(answer.header("mcp-session-id"), "", "{what}: only initialize opens one");
        assert_eq!(answer.header("allow"), if method == "GET" { "POST, DELETE" } else { "" }, "{what}");
    }
    let transcript = gateway.transcript().replace(&session, "{session}");
    insta::assert_snapshot!("mcp_sessions", transcript);

    let opened = gateway.send("5.3 initialize", "POST", &[], hello()).await;
    let named = [("mcp-session-id", opened.header("mcp-session-id"))];
    tokio::time::advance(Duration::from_secs(899)).await;
    assert_eq!(gateway.send("5.3 before its time", "POST", &named, list()).await.status, 200);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(gateway.send("5.3 it lasts from initialize on", "POST", &named, list()).await.status, 404);
}

#[tokio::test] // in real time: a function runs
async fn answers_are_events_where_gateway_and_client_want_them() {
    let gateway = Gateway::new(&[]).await;
    let both = [("accept", "application/json, text/event-stream"), (V, "2025-11-25")];
    let json_only = [("accept", "application/json"), (V, "2025-11-25")];
    let call =
        || bytes("tools/call", json!({ "name": "weather-tool___get_weather", "arguments": { "location": "X" } }));
    let notification = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_vec();
    let before = gateway.send("5.3 not configured", "POST", &both, bytes("ping", json!({}))).await;
    assert_eq!(before.header("content-type"), "application/json");
    gateway.world.edit_gateway(|config| {
        config["protocolConfiguration"]["mcp"]["streamingConfiguration"] = json!({ "enableResponseStreaming": true });
    });
    for (what, headers, body, status, kind) in [
        ("5.3 an answer at once", &both[..], bytes("ping", json!({})), 200, "text/event-stream"),
        ("5.3 an answer that takes a while", &both, call(), 200, "text/event-stream"),
        ("5.3 initialize", &both, hello(), 200, "text/event-stream"),
        ("5.3 an error", &both, bytes("no/such", json!({})), 200, "text/event-stream"),
        ("5.3 a client that takes JSON only", &json_only, call(), 200, "application/json"),
        ("5.3 a notification", &both, notification, 202, ""),
        ("5.3 a refusal keeps its status", &both, b"[]".to_vec(), 400, "application/json"),
    ] {
        let answer = gateway.send(what, "POST", headers, body).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, kind), "{what}");
        if kind == "text/event-stream" {
            let text = answer.text();
            let data = text.strip_prefix("event: message\ndata: ").and_then(|rest| rest.strip_suffix("\n\n"));
            let data: Value = serde_json::from_str(data.expect("one event")).unwrap();
            assert_eq!(data["id"], 1, "{what}");
        }
    }
    insta::assert_snapshot!("mcp_streaming", gateway.transcript());
}

#[tokio::test(start_paused = true)]
async fn who_may_not_call_is_told_how() {
    let gateway = Gateway::checked(&[]).await;
    let ping = || bytes("ping", json!({}));
    for (what, headers, status, challenge) in [
        ("4.3 no token", &[][..], 401, "Bearer resource_metadata="),
        ("4.3 another scheme", &[("authorization", "Basic eDp5")], 401, "Bearer resource_metadata="),
        ("4.3 no JWT", &[("authorization", "Bearer x")], 401, "Bearer error=\"invalid_token\", resource_metadata="),
        ("4.3 an empty token", &[("authorization", "Bearer ")], 401, "Bearer error=\"invalid_token\", "),
    ] {
        let answer = gateway.send(what, "POST", headers, ping()).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (status, Some(-32001)), "{what}");
        assert!(answer.header("www-authenticate").starts_with(challenge), "{what}");
    }
    let ended = gateway.send("4.3 the end of a session", "DELETE", &[], Vec::new()).await;
    assert_eq!(ended.status, 401);

    let signed = Gateway::checked(&["--authorizer", "iam"]).await;
    let other = "AWS4-HMAC-SHA256 Credential=AKIAX/20261122/us-west-2/bedrock-agentcore/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature=0";
    for (what, headers) in [
        ("4.3 no signature", &[][..]),
        ("4.3 a token instead", &[("authorization", "Bearer x")]),
        ("4.3 a signature of nobody", &[("authorization", other), ("x-amz-date", "20270115T080000Z")]),
        ("4.3 a signature without a date", &[("authorization", other)]),
    ] {
        let answer = signed.send(what, "POST", headers, ping()).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (403, Some(-32001)), "{what}");
        assert_eq!(answer.header("www-authenticate"), "", "{what}: no token would help");
    }
    insta::assert_snapshot!("mcp_inbound", gateway.transcript() + &signed.transcript());
}
