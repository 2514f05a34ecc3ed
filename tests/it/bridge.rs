//! The bridge behind `connect`, with a scripted gateway on loopback.

use std::{collections::BTreeSet, fs, sync::Arc, time::Duration};

use agentcore_gw::{
    aws::{Aws, Connection, wait::Stop},
    model::secret::Secret,
    ops::{
        bridge::{Bridge, Credential, Message, Source, Tokens},
        mcp::{Client, SignIn},
    },
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::fake_mcp_server::{FakeMcpServer, STATELESS};

/// A list whose cursors lead round comes to an end.
#[tokio::test]
async fn cursors_that_lead_round_end_the_list_of_tools() {
    let server = FakeMcpServer::start(&["one"]);
    for (cursors, pages) in [("a", 2), ("a|b", 3)] {
        server.state().cursor = Some(cursors);
        let http = aws(&server).await.http;
        let (url, time) = (server.endpoint(), Duration::from_secs(10));
        let client = Client::connect(http, url, SignIn::Anonymous, time, &["2025-06-18"]).await;
        server.taken();
        client.unwrap().list_tools().await.unwrap();
        assert_eq!(server.methods(), vec!["tools/list"; pages], "{cursors}");
    }
}

async fn aws(server: &FakeMcpServer) -> Aws {
    let connection = Connection {
        region: "us-west-2".parse().unwrap(),
        profile: None,
        profile_is_explicit: false,
        endpoint_url: Some(server.origin.clone()),
        credentials: Some(("AKIDEXAMPLE".to_owned(), Secret::new("secret"))),
        http_client: None,
        ca_bundle: None,
        is_loopback: true,
    };
    Aws::connect(connection).await.unwrap()
}

/// A bridge, and what it tells its client.
struct Bridged {
    bridge: Arc<Bridge>,
    told: mpsc::Receiver<String>,
}

impl Bridged {
    async fn new(gateway: &FakeMcpServer, credential: Credential) -> Self {
        let (sender, told) = mpsc::channel(64);
        let aws = aws(gateway).await;
        Self { bridge: Arc::new(Bridge::new(aws, gateway.endpoint(), credential, Stop::default(), sender)), told }
    }

    /// Opens a session, as a client does.
    async fn opened(gateway: &FakeMcpServer) -> Self {
        let mut bridged = Self::new(gateway, Credential::Nothing).await;
        let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        bridged.send(json!({ "jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": hello })).await;
        bridged.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        assert_eq!(bridged.told()[0]["result"]["protocolVersion"], "2025-06-18");
        gateway.taken();
        bridged
    }

    async fn send(&self, document: Value) {
        self.bridge.forward(&Message::parse(&document.to_string()).unwrap()).await.unwrap();
    }

    async fn call(&self, id: u64, tool: &str) {
        let params = json!({ "name": tool, "arguments": {} });
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })).await;
    }

    /// What the client was told since the last time.
    fn told(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.told.try_recv().ok()).map(|line| serde_json::from_str(&line).unwrap()).collect()
    }
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_stream_that_ends_early_is_taken_up_where_it_ended() {
    let gateway = FakeMcpServer::start(&["one"]);
    gateway.state().sessions = Some(BTreeSet::new());
    let mut bridged = Bridged::opened(&gateway).await;
    gateway.state().cuts = Some("once");
    bridged.call(1, "one").await;
    assert_eq!(text(&bridged.told()[0]), "after second, session s-1");
    assert_eq!(gateway.methods(), ["tools/call", "GET", "GET"]);
    gateway.state().cuts = Some("always");
    bridged.call(1, "one").await;
    let told = bridged.told();
    assert_eq!((told.len(), &told[0]["id"], &told[0]["error"]["code"]), (1, &json!(1), &json!(-32000)), "{told:?}");
    let resumptions = gateway.methods().len() - 1;
    assert!((1..10).contains(&resumptions), "a stream without anything new comes to an end: {resumptions}");
}

#[tokio::test]
async fn a_lost_session_is_replaced_once_for_all_that_need_it() {
    let gateway = FakeMcpServer::start(&["one"]);
    gateway.state().sessions = Some(BTreeSet::new());
    let mut bridged = Bridged::opened(&gateway).await;
    gateway.state().sessions = Some(BTreeSet::new());
    join_all((1..=8).map(|id| bridged.call(id, "one"))).await;
    let told = bridged.told();
    assert!(told.len() == 8 && told.iter().all(|answer| text(answer) == "one {}"), "{told:?}");
    let methods = gateway.methods();
    let opened = methods.iter().filter(|method| ["initialize", "notifications/initialized"].contains(&method.as_str()));
    assert_eq!(opened.collect::<Vec<_>>(), ["initialize", "notifications/initialized"]);
    // An answer of the client to a question of the lost session means nothing in a new one.
    gateway.state().sessions = Some(BTreeSet::new());
    let answer = Message::parse(r#"{"jsonrpc": "2.0", "id": "q", "result": {}}"#).unwrap();
    assert!(bridged.bridge.forward(&answer).await.unwrap_err().to_string().contains("HTTP 404"));
    assert_eq!(gateway.methods(), ["POST"]);
    // A gateway that makes no new session is asked once per message.
    gateway.state().version = STATELESS;
    bridged.call(9, "one").await;
    let told = bridged.told();
    assert!(told[0]["error"]["message"].as_str().unwrap().contains("without a new session"), "{told:?}");
    assert_eq!(gateway.methods(), ["tools/call", "initialize"]);
}

#[tokio::test]
async fn only_the_answer_to_a_request_ends_it_and_questions_are_passed_on() {
    let gateway = FakeMcpServer::start(&["one"]);
    let mut bridged = Bridged::opened(&gateway).await;
    bridged.call(1, "ask").await;
    let told = bridged.told();
    assert_eq!((told.len(), &told[0]["method"], text(&told[1])), (2, &json!("sampling/createMessage"), "asked"));
    bridged.send(json!({ "jsonrpc": "2.0", "id": "q", "result": { "model": "m" } })).await;
    bridged.send(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } })).await;
    let asked = gateway.taken();
    assert_eq!(
        (&asked[1].message()["result"], asked[2].method.as_str()),
        (&json!({ "model": "m" }), "notifications/cancelled")
    );
    bridged.call(2, "other").await;
    let told = bridged.told();
    assert_eq!((told.len(), &told[0]["id"], text(&told[0])), (1, &json!(2), "mine"), "an answer to nobody is dropped");
    bridged.call(3, "break").await;
    let told = bridged.told();
    assert!(
        told[0]["error"]["message"].as_str().unwrap().contains("HTTP 500 without an answer to tools/call"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let (dir, gateway) = (tempfile::tempdir().unwrap(), FakeMcpServer::start(&["one"]));
    let count = dir.path().join("count");
    fs::write(&count, "0").unwrap();
    let file = count.to_str().unwrap();
    let command = format!("n=$(cat '{file}'); echo \"token-$n\"; echo $((n + 1)) > '{file}'");
    let credential = || Credential::Token(Tokens::new(Source::Command(command.clone())));
    let mut bridged = Bridged::new(&gateway, credential()).await;
    for (wanted, says, requests) in [
        ("Bearer token-0", "one {}", 1),
        ("Bearer token-1", "one {}", 2),
        ("Bearer token-1", "one {}", 1),
        ("Bearer nobody's", "refused the caller: HTTP 401", 2),
    ] {
        gateway.state().wants = Some(("authorization", wanted));
        bridged.call(1, "one").await;
        let told = bridged.told();
        assert!(told.len() == 1 && told[0].to_string().contains(says), "{wanted}: {told:?}");
        assert_eq!(gateway.methods().len(), requests, "{wanted}");
    }
}

#[tokio::test]
async fn the_session_ends_with_the_client() {
    let gateway = FakeMcpServer::start(&["one"]);
    gateway.state().sessions = Some(BTreeSet::new());
    let bridged = Bridged::opened(&gateway).await;
    bridged.bridge.close().await;
    assert_eq!(
        (gateway.methods(), gateway.state().sessions.clone()),
        (vec!["DELETE".to_owned()], Some(BTreeSet::new()))
    );
    // A gateway that does not answer holds nobody up.
    let bridged = Bridged::opened(&gateway).await;
    gateway.state().hangs = true;
    tokio::time::timeout(Duration::from_mins(1), bridged.bridge.close()).await.unwrap();
}
