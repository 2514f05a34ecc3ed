//! The MCP endpoint on the wire: request in, status and body out, version by version. The numbers
//! are sections of the reference that the row follows.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::world::World;

const TOKEN_META: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_META: &str = "io.modelcontextprotocol/clientCapabilities";

/// What it is about, headers, body, status, and the error's code (none: no error).
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Value, u16, Option<i64>);

/// A gateway that checks nobody, and serves these versions; none: all.
struct Gateway {
    world: World,
    path: String,
}

impl Gateway {
    async fn new(flags: &[&str]) -> Self {
        let world = World::new(Duration::ZERO);
        let args =
            [&["create", "g", "--sample", "--authorizer", "none", "--no-observability", "-o", "json"], flags].concat();
        let created = world.run(&args).await.expect(0).json();
        let url: http::Uri = created["gateway"]["gatewayUrl"].as_str().unwrap().parse().unwrap();
        Self { path: url.path().to_owned(), world }
    }

    /// Status and body; a body that is no JSON is null.
    async fn post(&self, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let mut request = Request::post(&self.path).header("host", "127.0.0.1:7755");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let answer = self.world.router().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status.as_u16(), serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn table(&self, rows: &[Row<'_>]) {
        for (what, headers, body, status, code) in rows {
            let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            let (found, answer) = self.post(headers, &text).await;
            assert_eq!((found, answer["error"]["code"].as_i64()), (*status, *code), "{what}: {answer}");
        }
    }
}

fn message(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// A message of 2026-07-28, with its envelope.
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
        let (_, hello) =
            gateway.post(&[], &message("initialize", json!({ "protocolVersion": asked })).to_string()).await;
        assert_eq!(hello["result"]["protocolVersion"], agreed, "5.2 initialize with {asked}");
    }

    let batch = json!([message("ping", json!({})), { "jsonrpc": "2.0", "method": "notifications/x" },
                       { "jsonrpc": "2.0", "id": "b", "method": "no/such" }, 7,
                       message("initialize", json!({ "protocolVersion": "2025-03-26" }))]);
    let (status, answers) = gateway.post(old, &batch.to_string()).await;
    let codes: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer["error"]["code"].as_i64()).collect();
    assert_eq!((status, codes), (200, vec![None, Some(-32601), Some(-32600), Some(-32600)]), "{answers}");
    let silent = json!([{ "jsonrpc": "2.0", "method": "notifications/x" }]).to_string();
    assert_eq!(gateway.post(old, &silent).await.0, 202, "nothing to answer");
}

/// What it is about, method, headers, body; status, content type, `Allow`, and the error's code (none:
/// no error, or no body).
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
        let mut request = Request::builder().method(method).uri(&gateway.path).header("host", "127.0.0.1:7755");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = gateway.world.router().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let found = answer.status().as_u16();
        let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let seen = (header("content-type"), header("allow"));
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        assert_eq!(bytes.is_empty(), content_type.is_empty(), "{what}: a body says what it is");
        let error: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let expected = (status, (content_type.to_owned(), allow.to_owned()), code);
        assert_eq!((found, seen, error["error"]["code"].as_i64()), expected, "{what}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn ids_come_back_as_they_were_sent() {
    let gateway = Gateway::new(&[]).await;
    for id in ["1", "0", "-7", "\"a\"", "\"\"", "1.5", "123456789012345678901234567890", "1e3"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let request = Request::post(&gateway.path).header("host", "127.0.0.1").body(Body::from(body)).unwrap();
        let answer = gateway.world.router().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        assert_eq!(bytes, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#), "{id}");
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
    let (_, found) = gateway.post(&discover, &modern("server/discover", json!({})).to_string()).await;
    assert_eq!(found["result"]["supportedVersions"], json!(["2026-07-28"]));
    for member in ["resultType", "ttlMs", "cacheScope"] {
        assert!(!found["result"][member].is_null(), "{member}: {found}");
    }
    assert_eq!(found["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "g");
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
        let (_, page) = gateway.post(&[], &message("tools/list", params).to_string()).await;
        let tools = page["result"]["tools"].as_array().unwrap();
        sizes.push(tools.len());
        names.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
        cursor = page["result"]["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    // The search tool, the sample's two, and those.
    assert_eq!((sizes, names.len()), (vec![100, 100, 53], 253));
    let listed = gateway.world.run(&["tools", "list", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 253, "our own client follows");

    gateway.world.edit_gateway(|config| {
        config["protocolConfiguration"]["mcp"]["disableMcpListToolsPagination"] = json!(true);
    });
    let (_, all) = gateway.post(&[], &message("tools/list", json!({})).to_string()).await;
    assert_eq!(all["result"]["tools"].as_array().unwrap().len(), 253);
    assert!(all["result"]["nextCursor"].is_null());
}
