//! `logs`: what a gateway delivers, and what the command makes of it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::{
    env::{Env, Run},
    fake_mcp_server::FakeMcpServer,
};

/// A timezone that the sample's function throws at.
const MARS: &str = r#"{"timezone":"Mars"}"#;

fn local(env: &Env, args: &[&str]) -> Run {
    env.run(&[&["--local"], args].concat())
}

#[track_caller]
fn ok(env: &Env, args: &[&str]) -> Run {
    env.ok(&[&["--local"], args].concat())
}

fn call(env: &Env, tool: &str, arguments: &str) -> Run {
    local(env, &["tools", "call", "g", tool, arguments])
}

fn items(env: &Env, flags: &[&str]) -> Vec<Value> {
    let shown = ok(env, &[&["logs", "g", "-o", "json"], flags].concat()).json();
    shown["items"].as_array().unwrap().clone()
}

/// The records of the gateway's log group, each with its stream.
fn records(env: &Env) -> Vec<(String, Value)> {
    let arn = ok(env, &["get", "g"]).json()["gatewayArn"].as_str().unwrap().to_owned();
    serde_json::from_value(env.with_boto3("gateway_records.py", &[&arn]).json()).unwrap()
}

#[test]
fn a_function_that_throws_is_explained_in_one_line() {
    let env = Env::new();
    ok(&env, &["create", "g", "--sample"]);
    let failed = call(&env, "weather-tool___get_time", MARS);
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("logs g` shows what the gateway and its functions logged"), "{failed:?}");
    assert!(!failed.stdout.contains("Mars"), "callers are not told: {failed:?}");
    let shown = ok(&env, &["logs", "g"]);
    let lines: Vec<&str> = shown.stdout.lines().filter(|line| line.contains("  failed  ")).collect();
    let [line] = lines[..] else { panic!("{shown:?}") };
    for part in ["weather-tool___get_time  ", " ms  ", "ValueError: unknown timezone 'Mars'; use a name such as"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(line.matches("ValueError").count() == 1 && !line.contains("Traceback"), "it is said once: {line}");
    // The function's own lines are there, but for those of the platform.
    assert!(shown.stdout.contains("  |       weather-tool  [ERROR] ValueError: unknown timezone"), "{shown:?}");
    assert!(shown.stdout.contains("Traceback (most recent call last):"), "{shown:?}");
    assert!(!shown.stdout.contains("REPORT RequestId"), "{shown:?}");
    assert!(!shown.stdout.contains("arguments"), "bodies are shown on request only: {shown:?}");
    let bodies = ok(&env, &["logs", "g", "--bodies"]).stdout;
    assert!(bodies.contains("arguments={timezone=Mars}") && bodies.contains("result={isError=true"), "{bodies}");

    let all = items(&env, &[]);
    let request = all.iter().find(|item| item["status"] == "failed").unwrap();
    assert_eq!((&request["tool"], &request["method"]), (&json!("weather-tool___get_time"), &json!("tools/call")));
    assert!(request["reason"].as_str().unwrap().contains("ValueError") && request.get("requestBody").is_none());
    let times: Vec<&str> = all.iter().map(|item| item["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted() && times.len() > 3, "{times:?}");
    assert!(all.iter().any(|item| item["kind"] == "line" && item["target"] == "weather-tool"), "{all:?}");
    assert_eq!(ok(&env, &["logs", "g", "--since", "0s"]).stdout, "");
    assert_eq!(local(&env, &["logs", "g", "--since", "soon"]).code, 2);
    assert_eq!(local(&env, &["logs", "g", "--target", "other"]).code, 5);
    assert_eq!(local(&env, &["logs", "nobody"]).code, 5);
    ok(&env, &["cleanup", "g", "-y"]);
    assert!(env.is_empty());
}

#[test]
fn records_have_the_form_that_aws_documents() {
    let env = Env::new();
    ok(&env, &["create", "g", "--sample"]);
    assert_eq!(records(&env), []);
    assert_eq!(call(&env, "weather-tool___get_weather", r#"{"location":"seattle"}"#).code, 0);
    let found = records(&env);
    let arn = ok(&env, &["get", "g"]).json()["gatewayArn"].clone();
    for (stream, record) in &found {
        assert_eq!(stream, "BedrockAgentCoreGateway_ApplicationLogs");
        let members: Vec<&String> = record.as_object().unwrap().keys().collect();
        let documented = ["resource_arn", "event_timestamp", "body", "account_id", "request_id", "trace_id", "span_id"];
        assert_eq!(members, documented);
        assert_eq!((&record["resource_arn"], &record["account_id"]), (&arn, &json!("000000000000")));
        let length = |member: &str| record[member].as_str().unwrap().len();
        assert_eq!((length("request_id"), length("trace_id"), length("span_id")), (36, 32, 16));
        assert!(record["body"]["id"].is_string() && record["body"]["isError"] == false, "{record}");
    }
    let logs: Vec<&str> = found.iter().map(|(_, record)| record["body"]["log"].as_str().unwrap()).collect();
    let target = ok(&env, &["target", "get", "weather-tool", "--gateway", "g"]).json();
    let executing =
        format!("Executing tool weather-tool___get_weather from target {}", target["targetId"].as_str().unwrap());
    let expected = [
        "Started processing request with requestId: 1",
        "Received request for initialize method",
        "Successfully processed request with requestId: 1",
        "Started processing request with requestId: 2",
        "Received request for tools/call method",
        &executing,
        "Successfully processed request with requestId: 2",
    ];
    assert_eq!(logs, expected);
    let (begin, end) = (&found[3].1["body"], &found[6].1["body"]);
    let call = "{jsonrpc=2.0, id=2, method=tools/call, params={name=weather-tool___get_weather, arguments={location=seattle}}}";
    assert_eq!(begin["requestBody"], call);
    let answer = end["responseBody"].as_str().unwrap();
    assert!(answer.starts_with("{jsonrpc=2.0, id=2, result={isError=false, content=[{type=text, text="), "{answer}");
    let files: Vec<_> = fs::read_dir(env.state_dir().join("logs")).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| file.metadata().unwrap().permissions().mode() & 0o777 == 0o600));
}

#[test]
fn whoever_is_turned_away_is_recorded_and_foreign_text_is_harmless() {
    let env = Env::new();
    ok(&env, &["create", "g"]);
    let url = ok(&env, &["get", "g"]).json()["gatewayUrl"].as_str().unwrap().to_owned();
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let post = |headers: &str, body: &str| {
        let mut stream = TcpStream::connect(host).unwrap();
        let begin = format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        let length = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        stream.write_all(format!("{begin}{length}{headers}\r\n{body}").as_bytes()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    };
    post("", r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#);
    post("authorization: Bearer x.y.z\r\n", r#"{"jsonrpc":"2.0","id":"a","method":"tools/list"}"#);
    let token = ok(&env, &["token", "g"]).stdout;
    let bearer = format!("authorization: Bearer {}\r\n", token.trim());
    post(&bearer, "{");
    post(&bearer, "[]");
    post(&bearer, r#"{"jsonrpc":"2.0","id":8,"method":"sing\u001b[31m\u202e"}"#);
    let reasons: Vec<Value> = items(&env, &[]).iter().map(|item| item["reason"].clone()).collect();
    let expected = [
        "Missing Bearer token",
        "Invalid Bearer token",
        "Parse error",
        "A batch has 1 to 100 messages",
        "Method not found: sing\u{1b}[31m\u{202e}",
    ];
    assert_eq!(json!(reasons), json!(expected));
    let shown = ok(&env, &["logs", "g"]).stdout;
    assert!(shown.contains(r"Method not found: sing\u{1b}[31m\u{202e}") && !shown.contains('\u{1b}'), "{shown}");
    assert!(!shown.contains(token.trim()), "{shown}");
}

#[test]
fn calls_of_one_target_are_shown_alone_and_a_delivery_of_the_console_is_found() {
    let env = Env::new();
    let server = FakeMcpServer::start(&["look"]);
    ok(&env, &["create", "g", "--sample"]);
    ok(&env, &["target", "add", "mcp-server", "m", "--gateway", "g", "--endpoint", &server.endpoint()]);
    let arn = ok(&env, &["get", "g"]).json()["gatewayArn"].as_str().unwrap().to_owned();
    env.with_boto3("gateway_records.py", &[&arn, "--redeliver"]);
    assert_eq!(call(&env, "weather-tool___get_weather", r#"{"location":"x"}"#).code, 0);
    call(&env, "m___look", "{}");
    let tools = |flags: &[&str]| -> Vec<String> {
        items(&env, flags).iter().filter_map(|item| item["tool"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(tools(&[]), ["weather-tool___get_weather", "m___look"]);
    assert_eq!(tools(&["--target", "m"]), ["m___look"]);
    let of_sample = items(&env, &["--target", "weather-tool"]);
    assert!(of_sample.iter().any(|item| item["kind"] == "line"), "{of_sample:?}");
    assert!(items(&env, &["--target", "m"]).iter().all(|item| item["kind"] == "request"));
}

#[test]
fn a_log_group_that_is_gone_is_told() {
    let env = Env::new();
    ok(&env, &["create", "g", "--sample"]);
    let arn = ok(&env, &["get", "g"]).json()["gatewayArn"].as_str().unwrap().to_owned();
    env.with_boto3("gateway_records.py", &[&arn, "--forget"]);
    call(&env, "weather-tool___get_weather", r#"{"location":"x"}"#);
    let shown = ok(&env, &["logs", "g"]);
    assert!(
        shown.stderr.contains("is gone; `aws logs create-log-group --log-group-name /aws/vendedlogs/"),
        "{shown:?}"
    );
}

/// A response of CloudWatch Logs has at most 1 MB.
#[test]
fn large_bodies_are_read_page_by_page_and_cut() {
    let env = Env::new();
    ok(&env, &["create", "g", "--sample"]);
    let long = "x".repeat(100_000);
    for _ in 0..12 {
        call(&env, "weather-tool___get_weather", &json!({ "location": long }).to_string());
    }
    let calls: Vec<Value> = items(&env, &["--bodies"]).into_iter().filter(|item| item["tool"].is_string()).collect();
    assert_eq!(calls.len(), 12);
    for call in calls {
        let body = call["requestBody"].as_str().unwrap();
        assert!(body.ends_with("x…") && (65_000..66_000).contains(&body.len()), "{}", body.len());
        assert_eq!(call["status"], "ok");
    }
}

#[test]
fn a_gateway_that_delivers_nothing_says_so() {
    let env = Env::new();
    ok(&env, &["create", "g", "--sample", "--no-observability"]);
    call(&env, "weather-tool___get_time", MARS);
    let shown = ok(&env, &["logs", "g"]);
    assert!(shown.stderr.contains("go to no log group") && shown.stderr.contains("create g`"), "{shown:?}");
    assert!(shown.stdout.contains("[ERROR] ValueError"), "its function's lines are shown nevertheless: {shown:?}");
    let warnings = ok(&env, &["logs", "g", "-o", "json"]).json()["warnings"].clone();
    assert_eq!(warnings.as_array().unwrap().len(), 1, "{warnings}");
}

#[test]
fn what_is_logged_next_is_followed_and_told_once() {
    let env = Env::new();
    ok(&env, &["create", "g", "--sample"]);
    for format in ["text", "json"] {
        let mut command = env.command(&["--local", "logs", "g", "--follow", "-o", format]);
        let mut following = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map(Result::unwrap);
        let failing = |zone: &str| call(&env, "weather-tool___get_time", &json!({ "timezone": zone }).to_string());
        let is_failure = |line: &str, zone: &str| line.contains("failed") && line.contains(&format!("'{zone}'"));
        let (first, second) = (format!("Mars-{format}"), format!("Venus-{format}"));
        failing(&first);
        let line = lines.find(|line| is_failure(line, &first)).unwrap();
        if format == "json" {
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["kind"], "request", "{line}");
        }
        // The next look shows what is new, and nothing again.
        failing(&second);
        let until_then = lines.by_ref().take_while(|line| !is_failure(line, &second));
        assert_eq!(until_then.filter(|line| is_failure(line, &first)).count(), 0);
        let id = following.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        assert!(following.wait().unwrap().success());
    }
}
