//! `connect`: MCP clients that start a program reach a gateway, and stay connected.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::env::{Env, Run, Server, node_peers, path, python};

const WEATHER: &str = "weather-tool___get_weather";

/// A port that nobody listens on.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// The MCP Python SDK's stdio client with `connect` as its server.
struct Client {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Client {
    fn new(env: &Env, sdk: &str, gateway: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/stdio_client.py");
        let mut command = Command::new(python(sdk));
        command.arg("-B").arg(script).arg(env!("CARGO_BIN_EXE_agentcore-gw")).args(["--local", "connect", gateway]);
        command.env_clear().env("PATH", path()).env("HOME", env.home()).env("AGENTCORE_GW_LOCAL_PORT", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
        let mut client = Self { process, input, output };
        assert!(client.line()["version"].as_str().unwrap().starts_with("20"));
        client
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Lists the tools and calls one of them, in the same session as before.
    #[track_caller]
    fn round(&mut self, location: &str) {
        writeln!(self.input.as_mut().unwrap(), "{location}").unwrap();
        let got = self.line();
        assert_eq!(got["tools"].as_array().unwrap().len(), 3, "{got}");
        let answer: Value = serde_json::from_str(got["text"].as_str().unwrap()).unwrap();
        assert_eq!(answer["location"], location);
    }

    /// Leaves, as a client does, and checks that `connect` ends with it.
    fn end(mut self) {
        drop(self.input.take());
        assert!(self.process.wait().unwrap().success());
    }
}

/// Gives a gateway sessions and event streams.
fn with_sessions(env: &Env, gateway: &str) {
    let id = env.ok(&["--local", "get", gateway]).json()["gatewayId"].as_str().unwrap().to_owned();
    let members = json!({
        "sessionConfiguration": {"sessionTimeoutInSeconds": 900},
        "streamingConfiguration": {"enableResponseStreaming": true},
    });
    env.with_boto3("configure_mcp.py", &[&id, &members.to_string()]);
}

#[test]
fn a_client_stays_connected_past_the_end_of_a_token_and_a_restart_of_the_gateway() {
    let (env, port) = (Env::new(), free_port());
    let validity = Duration::from_secs(2);
    let serve = ["--port", port.as_str(), "--token-validity", "2s"];
    let mut server = Server::start(&env, &serve);
    env.ok(&["--local", "create", "plain", "--sample", "--no-observability"]);
    env.ok(&["--local", "create", "sessions", "--sample", "--no-observability"]);
    with_sessions(&env, "sessions");
    for (sdk, gateway) in [("mcp-1", "plain"), ("mcp-2", "plain"), ("mcp-1", "sessions"), ("mcp-2", "sessions")] {
        let mut client = Client::new(&env, sdk, gateway);
        let begun = Instant::now();
        while begun.elapsed() < 2 * validity {
            client.round("Oslo");
        }
        server.kill();
        server = Server::start(&env, &serve);
        client.round("Bergen");
        // While the gateway is away, a call waits for it.
        server.kill();
        writeln!(client.input.as_mut().unwrap(), "Narvik").unwrap();
        server = Server::start(&env, &serve);
        let answer = client.line();
        assert!(answer["text"].as_str().unwrap().contains("Narvik"), "{answer}");
        client.end();
    }
    drop(server);
}

/// What `connect` prints for these lines of a client, and how it ended.
fn answers(env: &Env, args: &[&str], lines: &[&str]) -> (Vec<Value>, Run) {
    let mut command = env.command(&[&["--local", "connect"], args].concat());
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
    let run = Run::of(process.wait_with_output().unwrap());
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    (run.stdout.lines().map(read).collect(), run)
}

#[test]
fn every_request_is_answered_and_nothing_but_mcp_is_on_stdout() {
    let env = Env::new();
    env.ok(&["--local", "create", "g", "--sample", "--no-observability"]);
    let call = json!({ "jsonrpc": "2.0", "id": "call", "method": "tools/call", "params": { "name": WEATHER, "arguments": { "location": "Oslo" } } });
    let unknown = json!({ "jsonrpc": "2.0", "id": 2, "method": "no/such", "params": {} });
    let ping = |id: u32| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" },
    } });
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let batch = json!([ping(7), ping(8)]).to_string();
    let lines = [
        hello.to_string(),
        initialized.to_string(),
        call.to_string(),
        "no JSON".to_owned(),
        unknown.to_string(),
        batch,
        String::new(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (answers, run) = answers(&env, &["g"], &lines);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert_eq!(answers.len(), 6, "{answers:?}");
    let of = |id: Value| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(of(json!(0))["result"]["protocolVersion"], "2025-06-18");
    assert!(of(json!("call"))["result"]["content"][0]["text"].as_str().unwrap().contains("Oslo"));
    assert_eq!(of(json!(2))["error"]["code"], -32601);
    assert_eq!((&of(json!(7))["result"], &of(json!(8))["result"]), (&json!({}), &json!({})));
    assert_eq!(of(Value::Null)["error"]["code"], -32700);
}

#[test]
fn a_line_that_is_too_long_is_refused_and_the_next_one_answered() {
    let env = Env::new();
    env.ok(&["--local", "create", "g", "--authorizer", "none", "-y", "--no-observability"]);
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    for length in [9 << 20, 17 << 20] {
        let (answers, run) = answers(&env, &["g"], &[&"x".repeat(length), &ping]);
        assert_eq!((run.code, answers.len()), (0, 2), "{run:?}");
        let refusal = answers.iter().find(|answer| answer["id"].is_null()).unwrap();
        assert_eq!(refusal["error"], json!({ "code": -32600, "message": "a message is longer than 8388608 bytes" }));
    }
}

#[test]
fn gateways_of_every_authorizer_are_reached() {
    let env = Env::new();
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let empty = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    for (name, flags) in [("open", ["--authorizer", "none"]), ("signed", ["--authorizer", "iam"])] {
        env.ok(&[&["--local", "create", name, "-y", "--no-observability"], &flags[..]].concat());
        assert_eq!(answers(&env, &[name], &[&ping]).0, std::slice::from_ref(&empty), "{name}");
        let refused = answers(&env, &[name, "--token-command", "echo x"], &[&ping]).1;
        assert!(refused.code == 2 && refused.stderr.contains("the gateway takes no tokens"), "{refused:?}");
    }
    env.ok(&["--local", "create", "tokens", "--no-observability"]);
    let command = format!("'{}' --local token tokens", env!("CARGO_BIN_EXE_agentcore-gw"));
    assert_eq!(answers(&env, &["tokens", "--token-command", &command], &[&ping]).0, [empty]);
    for (command, said) in [
        ("exit 3", "the token command gives no token: it ended with exit status: 3"),
        ("echo a b", "the token command gives no token: it prints no token"),
        ("echo wrong", "refused the caller: HTTP 401"),
    ] {
        let (answers, run) = answers(&env, &["tokens", "--token-command", command], &[&ping]);
        let message = answers[0]["error"]["message"].as_str().unwrap();
        assert!(run.code == 0 && answers[0]["id"] == 1 && message.contains(said), "{answers:?}");
    }
    let missing = answers(&env, &["nobody"], &[&ping]).1;
    assert!(missing.code == 5 && missing.stdout.is_empty(), "{missing:?}");
}

#[test]
fn the_inspector_starts_it_and_calls_a_tool() {
    let env = Env::new();
    env.ok(&["--local", "create", "weather-gateway", "--sample", "--no-observability"]);
    let (node, packages) = node_peers();
    let config = env.home().join("inspector.json");
    let variables = json!({ "HOME": env.home(), "PATH": path().to_str(), "AGENTCORE_GW_LOCAL_PORT": "0" });
    let server = json!({ "type": "stdio", "command": env!("CARGO_BIN_EXE_agentcore-gw"), "args": ["--local", "connect", "weather-gateway"], "env": variables });
    fs::write(&config, json!({ "mcpServers": { "gateway": server } }).to_string()).unwrap();
    let inspect = |method: &[&str]| {
        let mut command = Command::new(&node);
        command.arg(packages.join("node_modules/.bin/mcp-inspector")).args(["--cli", "--config"]).arg(&config);
        command.args(["--server", "gateway", "-q", "--format", "json", "--method"]).args(method);
        let run = Run::of(command.env_clear().env("PATH", path()).env("HOME", env.home()).output().unwrap());
        assert_eq!(run.code, 0, "{method:?}\n{}{}", run.stdout, run.stderr);
        run.json()["result"].take()
    };
    assert_eq!(inspect(&["tools/list"])["tools"].as_array().unwrap().len(), 3);
    let answer = inspect(&["tools/call", "--tool-name", WEATHER, "--tool-arg", "location=Seattle"]);
    assert!(answer["content"][0]["text"].as_str().unwrap().contains("Seattle"), "{answer}");
}

#[test]
fn names_that_are_too_long_in_a_client_are_warned_of() {
    let (env, long) = (Env::new(), "a-gateway-whose-name-is-long-but-allowed");
    for (name, warnings) in [("short", 0), (long, 1)] {
        env.ok(&["--local", "create", name, "--sample", "--no-observability"]);
        let listed = env.ok(&["--local", "tools", "list", name, "-o", "json"]).json();
        assert_eq!(listed["warnings"].as_array().map_or(0, Vec::len), warnings, "{listed}");
        let shown = env.ok(&["--local", "tools", "list", name]);
        assert_eq!(
            shown.stderr.contains("has 77; give the server a name of at most 27 characters"),
            warnings == 1,
            "{shown:?}"
        );
    }
    let schema = r#"[{"name": "get_weather", "description": "Tells the weather", "inputSchema": {"type": "object"}}]"#;
    fs::write(env.home().join("tools.json"), schema).unwrap();
    let check = |flags: &[&str]| env.ok(&[&["validate", "tools", "tools.json", "-o", "json"], flags].concat()).json();
    assert_eq!(check(&[])["findings"], json!([]));
    let found = check(&["--target", "weather-tool", "--gateway", long]);
    assert_eq!(
        (&found["findings"][0]["construct"], &found["findings"][1]),
        (&json!("tool name"), &Value::Null),
        "{found}"
    );
}

/// The example clients, which leave tokens to the MCP SDKs.
#[test]
fn the_sdks_own_oauth_providers_renew_tokens() {
    let env = Env::new();
    let _server = Server::start(&env, &["--port", &free_port(), "--token-validity", "2s"]);
    env.ok(&["--local", "create", "weather-gateway", "--sample", "--no-observability"]);
    let credentials = env.ok(&["--local", "credentials", "weather-gateway", "-o", "env"]).stdout;
    assert!(credentials.contains("export AGENTCORE_GATEWAY_ISSUER="), "{credentials}");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let (node, packages) = node_peers();
    // Node.js looks for packages beside the file.
    let script = env.home().join("oauth_client.mjs");
    fs::copy(examples.join("oauth_client.mjs"), &script).unwrap();
    std::os::unix::fs::symlink(packages.join("node_modules"), env.home().join("node_modules")).unwrap();
    for (program, script) in [(python("mcp-2"), examples.join("oauth_client.py")), (node, script)] {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{credentials}\nexec \"$@\""), "sh"]).arg(&program).arg(&script);
        command.args([WEATHER, r#"{"location":"first"}"#]).env_clear().env("PATH", path()).env("HOME", env.home());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut answered = |location: &str| {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            assert!(line.contains(&format!("\"location\":\"{location}\"")), "{script:?}: {line:?}");
        };
        answered("first");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(4) {
            writeln!(input, r#"{{"location":"next"}}"#).unwrap();
            answered("next");
        }
        drop(input);
        assert!(process.wait().unwrap().success());
    }
}

#[test]
fn what_the_readme_shows_of_the_examples_is_in_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let read = |example: &str| fs::read_to_string(root.join("examples").join(example)).unwrap();
    let in_python = [read("oauth_client.py"), read("frameworks.py")];
    let mut shown = 0;
    for (language, examples) in [("python", &in_python[..]), ("js", &[read("oauth_client.mjs")])] {
        for block in readme.split(&format!("```{language}\n")).skip(1) {
            let block = block.split("```").next().unwrap();
            let is_whole = |example: &String| block.lines().all(|line| example.contains(line.trim()));
            assert!(examples.iter().any(is_whole), "{block}");
            shown += 1;
        }
    }
    assert_eq!(shown, 5);
}

#[test]
fn agents_of_other_frameworks_have_the_tools() {
    let env = Env::new();
    env.ok(&["--local", "create", "weather-gateway", "--sample", "--no-observability"]);
    let mut command = Command::new(python("frameworks"));
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/frameworks.py"));
    command.arg(env!("CARGO_BIN_EXE_agentcore-gw")).args(["--local", "connect", "weather-gateway"]);
    let run = Run::of(command.env_clear().env("PATH", path()).env("HOME", env.home()).output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    let tools = "x_amz_bedrock_agentcore_search weather-tool___get_time weather-tool___get_weather";
    let wanted = ["langgraph", "openai_agents", "pydantic_ai"].map(|framework| format!("{framework} {tools}\n"));
    assert_eq!(run.stdout, wanted.concat());
}
