//! MCP servers as targets: MCP's reference server behind a gateway, and a scripted fake on loopback that
//! records its requests.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    fake_mcp_server::{FakeMcpServer, FakeServerState, STATELESS, fresh, tool},
    local_gateway::LocalGateway,
    reference_server::ReferenceServer,
};
use crate::{
    support::env::{Env, Run, Server, node_peers, path},
    support::world::World,
};

/// What the TypeScript SDK gets from the target `every` of a gateway.
fn seen(env: &Env, gateway: &str) -> Value {
    let token = env.home().join("token");
    fs::write(&token, env.ok(&["--local", "token", gateway]).stdout).unwrap();
    let url = env.ok(&["--local", "get", gateway]).json()["gatewayUrl"].as_str().unwrap().to_owned();
    seen_at(env, &[&url, token.to_str().unwrap()])
}

/// The same through an address and a token, or a program.
fn seen_at(env: &Env, place: &[&str]) -> Value {
    let (node, packages) = node_peers();
    let script = packages.join("everything.mjs");
    // Modules are resolved relative to the script.
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/node/everything.mjs");
    fs::copy(source, &script).unwrap();
    let mut client = Command::new(node);
    client.arg(script).arg("every").args(place).env_clear().env("PATH", path()).env("HOME", env.home());
    client.env("AGENTCORE_GW_LOCAL_PORT", "0");
    let run = Run::of(client.output().unwrap());
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    run.json()
}

fn names<'a>(items: &'a Value, member: &str) -> BTreeSet<&'a str> {
    items.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap()).collect()
}

#[test]
fn the_reference_server_is_proxied_and_synchronized() {
    let (env, server) = (Env::new(), ReferenceServer::start());
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
    // `connect` passes all of it on. What is left out is of the HTTP connection, or has the time in it.
    let mut bridged = seen_at(&env, &[env!("CARGO_BIN_EXE_agentcore-gw"), "--local", "connect", "g"]);
    // The TypeScript SDK loses a progress notification that it reads together with the result.
    let progress = bridged["progress"].as_array().unwrap().clone();
    assert!(progress.len() >= 2 && full["progress"].as_array().unwrap().starts_with(&progress), "{progress:?}");
    for member in ["session", "dynamic", "progress"] {
        bridged[member] = full[member].clone();
    }
    assert_eq!(bridged, full);
    env.ok(&["--local", "cleanup", "g", "--yes"]);
    assert!(env.is_empty(), "{}", env.state());
}

/// Adds a target for a fake server.
#[track_caller]
fn add(gateway: &LocalGateway, name: &str, server: &FakeMcpServer, flags: &[&str]) {
    let endpoint = server.endpoint();
    let flags = [&["--endpoint", &endpoint], flags].concat();
    let added = gateway.target(&["add", "mcp-server", name], "the-secret", &flags);
    assert_eq!(added.code, 0, "{added:?}");
    assert_eq!(gateway.shown(name)["status"], "READY");
}

/// The response to a message.
fn ask(gateway: &LocalGateway, method: &str, params: &Value) -> Value {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    send(&gateway.url(), &[], "POST", &message.to_string()).1
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
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["one", "two", "three"]));
    server.state().sessions = Some(BTreeSet::new());
    add(&gateway, "s", &server, &[]);
    assert_eq!(gateway.tools(), ["s___one", "s___three", "s___two"], "every page is read");
    assert_eq!(server.state().sessions, Some(BTreeSet::new()), "a session ends when its work is done");
    let first = gateway.shown("s")["lastSynchronizedAt"].clone();

    server.state().tools = vec!["four"];
    server.taken();
    assert_eq!(gateway.tools(), ["s___one", "s___three", "s___two"]);
    assert_eq!(gateway.call("s___four", &json!({})).code, 1, "nobody knows of it");
    assert!(server.taken().is_empty());
    assert_eq!(gateway.call("s___one", &json!({ "a": 1 })).stdout, "one {\"a\":1}\n");
    assert_eq!(server.methods(), ["initialize", "notifications/initialized", "tools/call", "DELETE"]);

    let synced = gateway.target(&["sync", "s"], "the-secret", &[]);
    assert!(synced.code == 0 && synced.stdout.contains("Target s of g is READY, as its server was at"), "{synced:?}");
    assert_eq!(gateway.tools(), ["s___four"]);
    assert_ne!(gateway.shown("s")["lastSynchronizedAt"], first);
    let listed = gateway.env.ok(&["--local", "target", "list", "--gateway", "g", "-o", "json"]).json();
    assert_eq!(listed["items"][0]["targetType"], "MCP_SERVER");
    assert_eq!(listed["items"][0]["lastSynchronizedAt"], gateway.shown("s")["lastSynchronizedAt"]);
    // Nothing has to be changed, so no request is made.
    server.taken();
    add(&gateway, "s", &server, &[]);
    assert!(server.taken().is_empty());
    gateway.end();
}

type Spoil = fn(&mut FakeServerState);

const NOT_LISTED: &str = "Failed to connect and fetch tools from the provided MCP target server";

#[test]
fn a_server_that_cannot_be_listed_fails_its_target_in_the_services_words() {
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["one"]));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{nobody}/mcp");
    let endpoint = server.endpoint();
    let cases: [(&str, Spoil, &str); 8] = [
        (&endpoint, |state| state.has_resources = false, "Error - Method not found: resources/list"),
        (&endpoint, |state| state.templates = false, "Error - Method not found: resources/templates/list"),
        (&nobody, |_| (), "Unable to connect to the MCP server. Please check the server"),
        (
            &endpoint,
            |state| state.wants = Some(("authorization", "Bearer x")),
            "Authorization error when sending message",
        ),
        (&endpoint, |state| state.capabilities = json!({}), "has no tools"),
        (&endpoint, |state| state.tools = Vec::new(), "has no tools"),
        (&endpoint, |state| state.version = "2024-11-05", "speaks version `2024-11-05`"),
        (&endpoint, |state| state.tools = vec![""; 1001], "list has no end"),
    ];
    for (endpoint, spoil, why) in cases {
        *server.state() = fresh();
        spoil(&mut server.state());
        let failed = gateway.target(&["add", "mcp-server", "s"], "the-secret", &["--endpoint", endpoint]);
        assert!(failed.code == 1 && (failed.stderr.contains(NOT_LISTED) || why == "has no tools"), "{why}: {failed:?}");
        assert!(failed.stderr.contains(why), "{why}: {failed:?}");
        if let Some((_, method)) = why.split_once("Method not found: ") {
            assert!(
                failed.stderr.contains(&format!("let the server answer {method}, with an empty list")),
                "{failed:?}"
            );
        }
        let left = gateway.env.ok(&["--local", "target", "list", "--gateway", "g", "-o", "json"]).json();
        assert_eq!(left["items"], json!([]), "{why}: nothing is left of it");
    }

    *server.state() = fresh();
    add(&gateway, "s", &server, &[]);
    server.state().wants = Some(("authorization", "Bearer x"));
    let failed = gateway.target(&["sync", "s"], "the-secret", &[]);
    assert!(failed.code == 1 && failed.stderr.contains("SYNCHRONIZE_UNSUCCESSFUL"), "{failed:?}");
    assert_eq!(gateway.tools(), ["s___one"], "what was listed before is still served");
    // The same command repairs it, once the server can be listed.
    *server.state() = fresh();
    add(&gateway, "s", &server, &[]);
    gateway.end();
}

#[test]
fn a_server_is_shown_the_credential_that_it_wants() {
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["one"]));
    let token_endpoint = format!("{}/token", server.origin);
    let oauth = ["--oauth-client-id", "client", "--oauth-client-secret-env", "SECRET", "--oauth-scope", "read"];
    let oauth = [&oauth[..], &["--oauth-token-endpoint", &token_endpoint]].concat();
    let cases: [(&[&str], (&str, &str)); 2] = [
        (&["--api-key-env", "SECRET", "--api-key-header", "X-Key"], ("x-key", "the-secret")),
        (&oauth, ("authorization", "Bearer a-token")),
    ];
    for (flags, (header, value)) in cases {
        server.state().wants = Some((header, value));
        add(&gateway, "s", &server, flags);
        assert_eq!(gateway.call("s___one", &json!({})).stdout, "one {}\n");
        assert!(server.taken().iter().all(|asked| asked.header(header) == value), "with every message");
        server.state().wants = None;
        assert_eq!(gateway.target(&["remove", "s"], "the-secret", &[]).code, 0);
        assert_eq!(gateway.env.state()["agentcore"]["providers"], json!({}), "its provider goes with it");
    }
    add(&gateway, "s", &server, &["--iam-service", "bedrock-agentcore"]);
    gateway.call("s___one", &json!({}));
    for asked in server.taken() {
        let signed = asked.header("authorization");
        assert!(signed.contains("/us-west-2/bedrock-agentcore/aws4_request"), "{signed}");
    }
    // Another address, and no credential from now on.
    let other = FakeMcpServer::start(&["two"]);
    let updated = gateway.target(&["update", "s"], "the-secret", &["--endpoint", &other.endpoint(), "--no-credential"]);
    assert_eq!(updated.code, 0, "{updated:?}");
    assert_eq!(gateway.tools(), ["s___two"], "an update lists the server anew");
    assert!(other.taken().iter().all(|asked| asked.header("authorization").is_empty()));
    assert!(server.taken().is_empty());
    gateway.end();
}

#[test]
fn a_call_without_an_answer_in_time_has_timed_out() {
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["one"]));
    add(&gateway, "s", &server, &[]);
    server.state().hangs = true;
    let late = gateway.run(&["--timeout", "1", "-o", "json", "tools", "call", "g", "s___one", "{}"]);
    assert_eq!((late.code, &late.json()["error"]["code"]), (6, &json!("timed_out")), "{late:?}");
    server.state().hangs = false;
    gateway.end();
}

#[test]
fn a_target_that_failed_is_said_to_be_deleted_again() {
    let gateway = LocalGateway::new();
    let added = gateway.target(&["add", "mcp-server", "gone"], "the-secret", &["--endpoint", "http://127.0.0.1:9/mcp"]);
    assert!(added.code == 1 && added.stderr.contains("is FAILED, so it was deleted again"), "{added:?}");
    assert_eq!(gateway.ok(&["target", "list", "--gateway", "g", "-o", "json"]).json()["items"], json!([]));
    gateway.end();
}

#[test]
fn a_dynamic_target_is_listed_with_every_request() {
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["one"]));
    server.state().hangs = true;
    add(&gateway, "s", &server, &["--dynamic-listing"]);
    server.state().hangs = false;
    assert_eq!(gateway.tools(), ["s___one"]);
    server.state().tools = vec!["two"];
    assert_eq!(gateway.tools(), ["s___two"]);
    assert_eq!(gateway.call("s___two", &json!({})).stdout, "two {}\n");
    assert_eq!(
        ask(&gateway, "resources/read", &json!({ "uri": "mem://shared" }))["result"]["contents"][0]["text"],
        server.origin
    );
    let wrong = ask(&gateway, "tools/call", &json!({ "name": "s___two", "arguments": "text" }));
    assert!(wrong.to_string().contains("invalid type: string found, object expected"), "{wrong}");
    let found = gateway.call("x_amz_bedrock_agentcore_search", &json!({ "query": "two" }));
    assert!(found.code == 0 && !found.stdout.contains("s___two"), "it is not searched: {found:?}");
    let synced = gateway.target(&["sync", "s"], "the-secret", &[]);
    assert!(synced.code == 1 && synced.stderr.contains("DYNAMIC"), "{synced:?}");
    server.state().wants = Some(("authorization", "x"));
    assert_eq!(gateway.tools(), Vec::<String>::new(), "who does not answer offers nothing");
    gateway.end();
}

#[test]
fn of_two_servers_with_one_resource_the_one_with_the_lower_priority_answers() {
    let gateway = LocalGateway::new();
    let (late, early) = (FakeMcpServer::start(&["one"]), FakeMcpServer::start(&["one"]));
    late.state().resources = vec!["mem://shared", "mem://own"];
    add(&gateway, "a", &late, &["--resource-priority", "20"]);
    add(&gateway, "b", &early, &["--resource-priority", "10"]);
    assert_eq!(BTreeSet::from_iter(gateway.tools()), BTreeSet::from(["a___one".to_owned(), "b___one".to_owned()]));
    let listed = ask(&gateway, "resources/list", &json!({}));
    let owners: Vec<_> =
        listed["result"]["resources"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(owners, [json!(early.origin), json!(late.origin)]);
    let read =
        |uri: &str| ask(&gateway, "resources/read", &json!({ "uri": uri }))["result"]["contents"][0]["text"].clone();
    assert_eq!((read("mem://shared"), read("mem://own")), (json!(early.origin), json!(late.origin)));
    assert_eq!(ask(&gateway, "prompts/list", &json!({}))["error"]["code"], -32601, "no server has any");
    gateway.end();
}

#[test]
fn a_servers_errors_are_passed_on_and_its_breakdowns_are_told_of() {
    let (gateway, server) = (
        LocalGateway::new(),
        FakeMcpServer::start(&["refuse", "break", "tell", "bare", "text", "meta", "ask", "other"]),
    );
    let odd = [
        json!({ "name": "no-schema" }),
        json!({ "name": "no-type", "inputSchema": {} }),
        json!({ "name": "", "inputSchema": { "type": "object" } }),
        json!({ "inputSchema": { "type": "object" } }),
        json!(7),
        tool("break"),
    ];
    server.state().oddities = odd.to_vec();
    let key = ["--api-key-env", "SECRET", "--api-key-header", "X-Key", "--api-key-prefix", "Token"];
    add(&gateway, "s", &server, &key);
    assert_eq!(gateway.tools().len(), 8, "what no client would take is left out");
    let call = |name: &str| ask(&gateway, "tools/call", &json!({ "name": format!("s___{name}"), "arguments": {} }));
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
    let (_, answer) = send(&gateway.url(), &headers, "POST", &message.to_string());
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    // A server's request without a recipient is rejected, and the work continues.
    server.taken();
    assert_eq!(call("ask")["result"]["content"][0]["text"], "asked");
    let refused = server.taken().into_iter().find(|asked| asked.message()["id"] == "q").unwrap();
    assert_eq!(refused.message()["error"]["code"], -32601);
    assert_eq!(call("refuse")["error"], json!({ "code": -32099, "message": "no", "data": { "why": "so" } }));
    server.state().wants = None;
    let broken = call("break");
    assert_eq!(broken["result"]["isError"], true);
    assert_eq!(broken["result"]["content"][0]["text"], "The MCP server answered HTTP 500 without a result");
    gateway.end();
}

#[test]
fn a_server_without_a_handshake_is_spoken_to_without_one() {
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["one", "more"]));
    server.state().version = STATELESS;
    add(&gateway, "s", &server, &[]);
    assert_eq!(gateway.tools(), ["s___more", "s___one"]);
    server.taken();
    assert_eq!(gateway.call("s___one", &json!({})).stdout, "one {}\n");
    let call = server.taken().pop().unwrap();
    let headers = ["mcp-protocol-version", "mcp-method", "mcp-name"].map(|name| call.header(name).to_owned());
    assert_eq!(headers, [STATELESS, "tools/call", "one"]);
    let message = call.message();
    let meta = &message["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], STATELESS);
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
    let more = gateway.call("s___more", &json!({}));
    assert!(more.code == 1 && more.stdout.contains("asks for more input"), "{more:?}");
    gateway.end();
}

#[test]
fn a_session_has_one_connection_to_a_server_which_ends_with_it() {
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["one"]));
    server.state().sessions = Some(BTreeSet::new());
    add(&gateway, "s", &server, &[]);
    let url = gateway.url();
    let id = url.split('/').nth(4).unwrap();
    gateway.env.with_boto3("configure_mcp.py", &[id, r#"{"sessionConfiguration": {"sessionTimeoutInSeconds": 900}}"#]);
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
    assert_eq!(asked[0].message()["params"]["capabilities"], json!({}), "nobody can be asked without a stream");
    assert_eq!(asked[2].message()["params"]["_meta"], json!({ "mine": true }), "nobody would hear of progress");
    // If a server no longer knows the session, whichever status it returns, a new session is opened.
    for status in [404, 400] {
        server.state().forgotten = status;
        server.state().sessions = Some(BTreeSet::new());
        assert_eq!(call(), json!("one {}"), "{status}");
        assert_eq!(server.methods(), ["tools/call", "initialize", "notifications/initialized", "tools/call"]);
    }
    let dynamic = FakeMcpServer::start(&["two"]);
    dynamic.state().sessions = Some(BTreeSet::new());
    add(&gateway, "d", &dynamic, &["--dynamic-listing"]);
    let list = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" }).to_string();
    for _ in 0..2 {
        let listed = send(&url, &headers, "POST", &list).1.to_string();
        assert!(listed.contains("d___two"), "{listed}");
        dynamic.state().sessions = Some(BTreeSet::new());
    }
    let (head, _) = send(&url, &headers, "DELETE", "");
    assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    // Ending the session is not waited for, but happens.
    while server.state().sessions != Some(BTreeSet::new()) {
        thread::yield_now();
    }
    gateway.end();
}

#[test]
fn a_gateway_that_is_its_own_target_comes_to_an_end() {
    let gateway = LocalGateway::new();
    let url = gateway.url();
    let added = gateway.target(&["add", "mcp-server", "me"], "the-secret", &["--endpoint", &url, "--dynamic-listing"]);
    assert_eq!(added.code, 0, "{added:?}");
    assert_eq!(gateway.tools(), [format!("me___{SEARCH}")], "of itself it sees what asks no server");
    gateway.end();
}

/// The tool that a gateway itself adds to those of its targets.
const SEARCH: &str = "x_amz_bedrock_agentcore_search";

/// Depth is limited; without a limit on breadth, five levels of two would cause 31 requests.
#[test]
fn a_gateway_that_is_its_own_target_twice_asks_its_servers_once() {
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["one"]));
    add(&gateway, "s", &server, &["--dynamic-listing"]);
    let url = gateway.url();
    for name in ["me", "also-me"] {
        let added =
            gateway.target(&["add", "mcp-server", name], "the-secret", &["--endpoint", &url, "--dynamic-listing"]);
        assert_eq!(added.code, 0, "{added:?}");
    }
    server.taken();
    let mut tools = gateway.tools();
    tools.sort();
    assert_eq!(tools, [format!("also-me___{SEARCH}"), format!("me___{SEARCH}"), "s___one".to_owned()]);
    assert_eq!(server.methods().iter().filter(|method| *method == "tools/list").count(), 1);
    gateway.end();
}

#[test]
fn in_a_session_a_server_that_hangs_holds_up_no_other() {
    let (gateway, slow, quick) = (LocalGateway::new(), FakeMcpServer::start(&["one"]), FakeMcpServer::start(&["one"]));
    add(&gateway, "slow", &slow, &["--dynamic-listing"]);
    add(&gateway, "quick", &quick, &[]);
    let url = gateway.url();
    let id = url.split('/').nth(4).unwrap();
    gateway.env.with_boto3("configure_mcp.py", &[id, r#"{"sessionConfiguration": {"sessionTimeoutInSeconds": 900}}"#]);
    slow.state().hangs = true;
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
    while slow.state().asked.is_empty() {
        thread::yield_now();
    }
    let (_, answer) = send(&url, &headers, "POST", &call("quick___one"));
    assert_eq!(answer["result"]["content"][0]["text"], "one {}");
    drop(hanging);
    gateway.end();
}

/// A server has one second here to negotiate a version.
#[tokio::test]
async fn a_server_that_says_nothing_at_length_is_given_up() {
    let (world, server) = (World::new(Duration::ZERO), FakeMcpServer::start(&["one"]));
    world.run(&["create", "g", "--authorizer", "none", "-y", "--no-observability"]).await.expect(0);
    server.state().drips = true;
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
    let gateway = LocalGateway::new();
    let key = ["--endpoint", "http://127.0.0.1:1/mcp", "--api-key-env", "SECRET", "--api-key-header", "X-Key"];
    let failed = gateway.target(&["add", "mcp-server", "s"], "the-secret", &key);
    assert!(failed.code == 1 && failed.stderr.contains("target remove s --gateway g"), "{failed:?}");
    let exists = failed.stderr.lines().find(|line| line.contains("exists now")).unwrap();
    assert!(exists.contains("credential provider") && !exists.contains("gateway `g`"), "its own only: {exists}");
    assert_ne!(gateway.env.state()["agentcore"]["providers"], json!({}));
    let removed = gateway.target(&["remove", "s"], "the-secret", &[]);
    assert!(removed.code == 0 && removed.stdout.contains("was not there"), "{removed:?}");
    assert_eq!(gateway.env.state()["agentcore"]["providers"], json!({}));
    assert_eq!(gateway.env.state()["secrets"]["secrets"], json!({}));
    gateway.end();
}

#[test]
fn a_listing_that_a_killed_server_had_begun_is_made_when_it_is_back() {
    let (env, server) = (Env::new(), FakeMcpServer::start(&["one"]));
    let local = Server::start(&env, &[]);
    env.ok(&["--local", "create", "g", "--authorizer", "none", "-y", "--no-observability"]);
    server.state().hangs = true;
    let endpoint = server.endpoint();
    let add = ["--local", "target", "add", "mcp-server", "s", "--gateway", "g", "--endpoint", &endpoint];
    let added = env.ok(&[&add[..], &["--no-wait", "-o", "json"]].concat()).json();
    assert_eq!(added["target"]["status"], "CREATING");
    local.kill();
    server.state().hangs = false;
    let _local = Server::start(&env, &[]);
    let added = env.ok(&[&add[..], &["-o", "json"]].concat()).json();
    assert_eq!(added["target"]["status"], "READY");
    env.ok(&["--local", "cleanup", "g", "--yes"]);
    assert!(env.is_empty(), "{}", env.state());
}

#[test]
fn prompts_that_are_announced_and_not_there_cost_a_warning() {
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["one"]));
    for (prompts, said) in [
        (json!(null), "There are no prompts of the MCP server: Method not found: prompts/list"),
        (json!({}), "There are no prompts of the MCP server: prompts/list: the MCP server's result has no `prompts`"),
        (json!({ "prompts": "none" }), "the MCP server's result has no `prompts`"),
    ] {
        *server.state() = fresh();
        server.state().capabilities = json!({ "tools": {}, "prompts": {} });
        server.state().prompts = prompts;
        let added = gateway.target(&["add", "mcp-server", "s"], "the-secret", &["--endpoint", &server.endpoint()]);
        assert!(added.code == 0 && added.stdout.contains(said), "{said}: {added:?}");
        assert_eq!(gateway.tools(), ["s___one"]);
        assert!(gateway.shown("s")["statusReasons"][0].as_str().unwrap().contains(said));
        gateway.target(&["remove", "s"], "the-secret", &[]);
    }
    server.state().prompts = json!({ "prompts": [{ "name": "greet" }] });
    add(&gateway, "s", &server, &[]);
    assert_eq!(gateway.shown("s").get("statusReasons"), None);
    gateway.end();
}

#[test]
fn tools_that_are_left_out_or_changed_are_named() {
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["good"]));
    let tool = |name: &str, schema: Value| json!({ "name": name, "description": "d", "inputSchema": schema });
    let object = || json!({ "type": "object" });
    let mut bad_output = tool("bad-output", object());
    bad_output["outputSchema"] = json!({ "type": "array" });
    let refers = json!({ "type": "object", "properties": { "p": { "$ref": "#/$defs/P" } }, "$defs": { "P": { "type": "string" } } });
    let mut refers_back = tool("refers-back", object());
    refers_back["outputSchema"] = refers.clone();
    let long = "x".repeat(129);
    server.state().oddities = vec![
        json!({ "name": "no-schema", "description": "d" }),
        tool("empty", json!({})),
        tool("union", json!({ "anyOf": [object()] })),
        tool("text\u{1b}[31m", object()),
        tool(&long, object()),
        tool("closed", json!({ "type": "object", "additionalProperties": false })),
        bad_output,
        tool("refers", refers.clone()),
        refers_back,
        tool("closed", object()),
        json!({ "description": "d" }),
    ];
    let notes = [
        "Tool no-schema is left out: its inputSchema is not of type object".to_owned(),
        "Tool empty is left out: its inputSchema is not of type object".to_owned(),
        "Tool union is left out: its inputSchema is not of type object".to_owned(),
        "Tool text[31m is left out: its name is empty or has control characters".to_owned(),
        format!("Tool {} is left out: its name has more than 128 characters", &long[..64]),
        "Tool bad-output is without its outputSchema, which is not of type object".to_owned(),
        "Tool refers has $ref in its inputSchema".to_owned(),
        "Tool refers-back has $ref in its outputSchema".to_owned(),
        "Tool closed is left out: another one has its name".to_owned(),
        "Tools without a name are left out: 1".to_owned(),
    ];
    let has_all = |said: &str| notes.iter().all(|note| said.contains(note.as_str()));
    let added = gateway.target(&["add", "mcp-server", "s"], "the-secret", &["--endpoint", &server.endpoint()]);
    assert!(added.code == 0 && has_all(&added.stdout), "{added:?}");
    assert_eq!(gateway.tools(), ["s___bad-output", "s___closed", "s___good", "s___refers", "s___refers-back"]);
    let synced = gateway.target(&["sync", "s"], "the-secret", &[]);
    assert!(synced.code == 0 && has_all(&synced.stdout), "{synced:?}");
    let json = gateway.target(&["sync", "s", "-o", "json"], "the-secret", &[]).json();
    assert_eq!(json["warnings"].as_array().unwrap().len(), notes.len());
    assert!(has_all(&gateway.shown("s")["statusReasons"].to_string()), "{}", gateway.shown("s"));
    let listed = gateway.ok(&["tools", "list", "g", "-o", "json"]).json();
    let schema = |name: &str| {
        let items = listed["items"].as_array().unwrap();
        items.iter().find(|tool| tool["name"] == name).unwrap().clone()
    };
    assert_eq!(schema("s___refers")["inputSchema"], refers, "a schema is kept as it is");
    assert_eq!(schema("s___bad-output").get("outputSchema"), None);

    server.state().oddities = (0..60).map(|n| tool(&format!("odd-{n}"), json!({}))).collect();
    gateway.target(&["sync", "s"], "the-secret", &[]);
    let reasons = gateway.shown("s")["statusReasons"].as_array().unwrap().clone();
    assert_eq!((reasons.len(), &reasons[50]), (51, &json!("… and 10 more notes on its tools")));
    server.state().oddities = Vec::new();
    gateway.target(&["sync", "s"], "the-secret", &[]);
    assert_eq!(gateway.shown("s").get("statusReasons"), None, "nothing is left out any more");
    gateway.end();
}

#[test]
fn a_cursor_that_comes_back_ends_the_list() {
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["one"]));
    for cursor in ["", "x", "0"] {
        server.state().cursor = Some(cursor);
        server.taken();
        add(&gateway, "s", &server, &[]);
        assert_eq!(gateway.tools(), ["s___one"]);
        let asked = server.methods().iter().filter(|method| *method == "tools/list").count();
        assert_eq!(asked, 2, "{cursor:?}");
        gateway.target(&["remove", "s"], "the-secret", &[]);
    }
    gateway.end();
}

#[test]
fn a_stream_that_ends_early_is_taken_up_where_it_ended() {
    let (gateway, server) = (LocalGateway::new(), FakeMcpServer::start(&["one"]));
    server.state().sessions = Some(BTreeSet::new());
    add(&gateway, "s", &server, &[]);
    server.state().cuts = Some("once");
    server.taken();
    let begun = Instant::now();
    let called = gateway.call("s___one", &json!({}));
    assert!(called.stdout.starts_with("after second, session s-"), "{called:?}");
    assert!(begun.elapsed() >= Duration::from_millis(300), "the pause that the server names is kept, twice");
    assert_eq!(server.methods(), ["initialize", "notifications/initialized", "tools/call", "GET", "GET", "DELETE"]);
    server.state().cuts = Some("always");
    server.taken();
    let failed = gateway.call("s___one", &json!({}));
    assert!(failed.code == 1 && failed.stdout.contains("answered HTTP 200 without a result"), "{failed:?}");
    let resumptions = server.methods().iter().filter(|method| *method == "GET").count();
    assert!((1..10).contains(&resumptions), "a stream without anything new comes to an end: {resumptions}");
    gateway.end();
}

/// The official conformance suite's scenarios for clients, with the gateway as the client of the suite's server.
#[test]
fn the_conformance_suite_finds_the_gateway_to_be_a_client() {
    let gateway = LocalGateway::new();
    let (node, packages) = node_peers();
    let suite = packages.join("node_modules/@modelcontextprotocol/conformance/dist/index.js");
    let program = env!("CARGO_BIN_EXE_agentcore-gw");
    for (scenario, tool, arguments, checks) in [
        ("tools_call", "add_numbers", r#"{"a":5,"b":3}"#, &["tool-add-numbers"][..]),
        ("sse-retry", "test_reconnection", "{}", &["client-sse-graceful-reconnect", "client-sse-last-event-id"]),
    ] {
        let target = scenario.replace('_', "-");
        let script = gateway.env.home().join("client.sh");
        let lines = [
            "set -eu".to_owned(),
            format!("{program} --local target add mcp-server {target} --gateway g --endpoint \"$1\""),
            format!("{program} --local tools call g {target}___{tool} '{arguments}'"),
        ];
        fs::write(&script, lines.join("\n")).unwrap();
        let mut command = Command::new(&node);
        command.arg(&suite).args(["client", "--timeout", "120000", "--scenario", scenario, "--command"]);
        command.arg(format!("sh {}", script.display())).current_dir(gateway.env.home());
        let run = Run::of(command.env_clear().env("PATH", path()).env("HOME", gateway.env.home()).output().unwrap());
        let said = format!("{}{}", run.stdout, run.stderr);
        for check in checks {
            let line = said.lines().find(|line| line.contains(check)).unwrap_or_default();
            assert!(line.contains("SUCCESS"), "{check}: {said}");
        }
        assert!(!said.contains("too early"), "{said}");
    }
    gateway.end();
}
