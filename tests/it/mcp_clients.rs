//! Third-party MCP clients use a gateway with the output of `create`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rmcp::{
    model::{CallToolRequestParams, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt as _},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Value, json};

use crate::{
    functions::run as run_functions,
    support::env::{Env, Run, node_peers, path, python},
};

/// Runs `examples/weather_agent.py` with this version of the MCP Python SDK.
fn weather_agent(env: &Env, sdk: &str, gateway: &str) -> Value {
    let python = python(&format!("mcp-{}", &sdk[..1]));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/weather_agent.py");
    let credentials = env.ok(&["--local", "credentials", gateway, "-o", "env"]).stdout;
    let output = Command::new("sh")
        .args(["-c", &format!("{credentials}\nexec \"$0\" \"$1\"")])
        .args([&python, &script])
        .env_clear()
        .env("PATH", path())
        .env("HOME", env.home())
        .output()
        .unwrap();
    let run = Run::of(output);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    run.json()
}

#[test]
fn the_mcp_python_sdk_gets_a_token_lists_the_tools_and_calls_them() {
    let env = Env::new();
    env.ok(&["--local", "create", "weather-gateway", "--sample"]);
    for sdk in ["1.30.0", "2.3.0"] {
        let seen = weather_agent(&env, sdk, "weather-gateway");
        assert_eq!(seen["sdk"], sdk);
        let tools: Vec<_> = seen["tools"].as_array().unwrap().iter().map(|tool| tool.as_str().unwrap()).collect();
        assert_eq!(
            tools,
            ["x_amz_bedrock_agentcore_search", "weather-tool___get_time", "weather-tool___get_weather"],
            "{sdk}"
        );
        assert_eq!(seen["weather"]["location"], "Seattle", "{sdk}");
        assert_eq!(seen["time"]["timezone"], "Asia/Tokyo", "{sdk}");
        assert_eq!(seen["protocol"], "2025-11-25", "{sdk}");
        let told: jiff::Timestamp = seen["time"]["time"].as_str().unwrap().parse().unwrap();
        let off = jiff::Timestamp::now().duration_since(told).as_secs().abs();
        assert!(
            seen["time"]["time"].as_str().unwrap().ends_with("+09:00") && off < 60,
            "the true time of the zone: {seen}"
        );
    }
}

/// A gateway with the sample, and what its clients need: its URL, and a file with a token.
struct Gateway {
    url: String,
    token: PathBuf,
}

impl Gateway {
    fn new(env: &Env, name: &str, flags: &[&str]) -> Self {
        let create = ["--local", "create", name, "--sample", "--no-observability", "-o", "json"];
        let created = env.ok(&[&create[..], flags].concat()).json();
        // A secret on the command line would be visible to other users.
        let token = env.home().join(format!("{name}.token"));
        fs::write(&token, env.ok(&["--local", "token", name]).stdout).unwrap();
        Self { url: created["gateway"]["gatewayUrl"].as_str().unwrap().to_owned(), token }
    }

    /// A gateway that serves this version only.
    fn only(env: &Env, version: &str) -> Self {
        Self::new(env, &format!("only-{version}"), &["--mcp-version", version])
    }

    /// A gateway with sessions and event streams.
    fn with_sessions(env: &Env) -> Self {
        let gateway = Self::new(env, "sessions", &[]);
        let id = gateway.url.split('/').nth(4).unwrap();
        let members = json!({
            "sessionConfiguration": {"sessionTimeoutInSeconds": 900},
            "streamingConfiguration": {"enableResponseStreaming": true},
        });
        env.with_boto3("configure_mcp.py", &[id, &members.to_string()]);
        gateway
    }

    /// The output of a program of `tests/peers`, run with URL, token and these arguments.
    fn client(&self, env: &Env, program: &Path, script: &str, args: &[&str]) -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
        let mut command = Command::new(program);
        command.arg(script).arg(&self.url).arg(&self.token).args(args);
        command.env_clear().env("PATH", path()).env("HOME", env.home());
        let run = Run::of(command.output().unwrap());
        assert_eq!(run.code, 0, "{} {args:?}\n{}{}", self.url, run.stdout, run.stderr);
        run.json()
    }

    /// The versions that a client negotiates, in each of these modes.
    fn agreed(&self, env: &Env, program: &Path, script: &str, modes: &[&str]) -> Vec<String> {
        let seen = self.client(env, program, script, modes);
        let agreed = seen.as_array().unwrap().iter().map(|one| {
            assert_eq!(one["tools"].as_array().unwrap().len(), 3, "{one}");
            assert_eq!(one["location"], "Seattle");
            one["protocol"].as_str().unwrap().to_owned()
        });
        agreed.collect()
    }
}

#[test]
fn the_python_sdk_1_agrees_on_every_version_that_it_speaks() {
    let env = Env::new();
    for version in WITH_A_HANDSHAKE {
        Gateway::only(&env, version);
        let seen = weather_agent(&env, "1.30.0", &format!("only-{version}"));
        assert_eq!((&seen["protocol"], &seen["weather"]["location"]), (&json!(version), &json!("Seattle")));
    }
    Gateway::with_sessions(&env);
    assert_eq!(weather_agent(&env, "1.30.0", "sessions")["protocol"], "2025-11-25");
}

/// The versions with an `initialize` handshake.
const WITH_A_HANDSHAKE: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];

#[test]
fn the_python_sdk_2_agrees_on_a_version_with_and_without_a_handshake() {
    let env = Env::new();
    let (python, script) = (python("mcp-2"), "mcp_modes.py");
    let every = Gateway::new(&env, "every", &[]);
    let agreed = every.agreed(&env, &python, script, &["auto", "legacy", "2026-07-28"]);
    assert_eq!(agreed, ["2026-07-28", "2025-11-25", "2026-07-28"]);
    for version in WITH_A_HANDSHAKE {
        assert_eq!(Gateway::only(&env, version).agreed(&env, &python, script, &["auto"]), [version]);
    }
    let sessions = Gateway::with_sessions(&env);
    assert_eq!(sessions.agreed(&env, &python, script, &["auto", "legacy"]), ["2026-07-28", "2025-11-25"]);
}

#[test]
fn the_typescript_sdks_agree_on_every_version_that_they_speak() {
    let env = Env::new();
    let (node, packages) = node_peers();
    let script = packages.join("typescript_sdk.mjs");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/node/typescript_sdk.mjs");
    // Modules are resolved relative to the script.
    fs::copy(source, &script).unwrap();
    let script = script.to_str().unwrap();
    let every = Gateway::new(&env, "every", &[]);
    let modes = ["v1", "legacy", "auto", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];
    let agreed = every.agreed(&env, &node, script, &modes);
    assert_eq!(agreed[..3], ["2025-11-25", "2025-11-25", "2026-07-28"]);
    assert_eq!(agreed[3..], modes[3..]);
    for version in WITH_A_HANDSHAKE {
        let only = Gateway::only(&env, version);
        assert_eq!(only.agreed(&env, &node, script, &["v1", "legacy", "auto"]), [version; 3]);
    }
    assert_eq!(Gateway::only(&env, "2026-07-28").agreed(&env, &node, script, &["auto"]), ["2026-07-28"]);
    let seen = Gateway::with_sessions(&env).client(&env, &node, script, &["v1", "legacy", "auto"]);
    let sessions: Vec<_> = seen.as_array().unwrap().iter().map(|one| one["session"].clone()).collect();
    assert_eq!(sessions, [true, true, false], "{seen}");
}

#[test]
fn the_inspectors_command_line_lists_and_calls_in_every_era() {
    let env = Env::new();
    let (node, packages) = node_peers();
    let inspect = |gateway: &Gateway, era: &str, method: &[&str]| {
        let token = fs::read_to_string(&gateway.token).unwrap();
        let headers = json!({"Authorization": format!("Bearer {}", token.trim())});
        let config = env.home().join("inspector.json");
        let servers = json!({"mcpServers": {"gateway": {"type": "http", "url": gateway.url, "headers": headers}}});
        fs::write(&config, servers.to_string()).unwrap();
        let mut command = Command::new(&node);
        command.arg(packages.join("node_modules/.bin/mcp-inspector")).args(["--cli", "--config"]).arg(config);
        command.args(["--server", "gateway", "--protocol-era", era, "--stored-auth-only", "-q", "--format", "json"]);
        command.arg("--method").args(method).env_clear().env("PATH", path()).env("HOME", env.home());
        let run = Run::of(command.output().unwrap());
        assert_eq!(run.code, 0, "{era} {method:?}\n{}{}", run.stdout, run.stderr);
        run.json()["result"].take()
    };
    let every = Gateway::new(&env, "every", &[]);
    let mut cases = vec![(every, "legacy", "2025-11-25")];
    cases.push((Gateway::new(&env, "every", &[]), "modern", "2026-07-28"));
    cases.extend(WITH_A_HANDSHAKE.map(|version| (Gateway::only(&env, version), "auto", version)));
    cases.push((Gateway::with_sessions(&env), "legacy", "2025-11-25"));
    for (gateway, era, version) in &cases {
        assert_eq!(inspect(gateway, era, &["initialize"])["protocolVersion"], *version, "{era}");
        let listed = inspect(gateway, era, &["tools/list"]);
        assert_eq!(listed["tools"].as_array().unwrap().len(), 3, "{era}");
        let call = ["tools/call", "--tool-name", "weather-tool___get_weather", "--tool-arg", "location=Seattle"];
        let text = inspect(gateway, era, &call)["content"][0]["text"].take();
        let answer: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
        assert_eq!(answer["location"], "Seattle", "{era}");
    }
}

#[tokio::test]
async fn rmcp_agrees_on_every_version_that_it_speaks() {
    let env = Env::new();
    let every = Gateway::new(&env, "every", &[]);
    let modern = vec![ProtocolVersion::V_2026_07_28];
    let auto = || ClientLifecycleMode::Auto { preferred_versions: modern.clone(), legacy_version: None };
    let mut cases = vec![
        (every, ClientLifecycleMode::Initialize, "2025-11-25"),
        (
            Gateway::new(&env, "every", &[]),
            ClientLifecycleMode::Discover { preferred_versions: modern.clone() },
            "2026-07-28",
        ),
        (Gateway::new(&env, "every", &[]), auto(), "2026-07-28"),
        (Gateway::with_sessions(&env), ClientLifecycleMode::Initialize, "2025-11-25"),
    ];
    cases.extend(WITH_A_HANDSHAKE.map(|version| (Gateway::only(&env, version), auto(), version)));
    for (gateway, mode, version) in cases {
        let token = fs::read_to_string(&gateway.token).unwrap();
        let config = StreamableHttpClientTransportConfig::with_uri(gateway.url).auth_header(token.trim());
        let client = ().serve_with_lifecycle(StreamableHttpClientTransport::from_config(config), mode.clone());
        let client = client.await.unwrap_or_else(|error| panic!("{mode:?}: {error}"));
        assert_eq!(client.peer_info().unwrap().protocol_version.as_str(), version, "{mode:?}");
        assert_eq!(client.list_all_tools().await.unwrap().len(), 3, "{mode:?}");
        let arguments = json!({"location": "Seattle"}).as_object().unwrap().clone();
        let call = CallToolRequestParams::new("weather-tool___get_weather").with_arguments(arguments);
        let answer = json!(client.call_tool(call).await.unwrap());
        let text: Value = serde_json::from_str(answer["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text["location"], "Seattle", "{mode:?}");
        client.cancel().await.unwrap();
    }
}

#[test]
fn two_hundred_calls_at_once_each_get_their_own_answer() {
    let env = Env::new();
    let busy = Gateway::new(&env, "busy", &[]);
    let source = "import time
def handler(event, context):
    time.sleep(0.2)
    return event['n']
";
    let functions = json!([{
        "name": "slow", "runtime": "python3.13", "handler": "main.handler", "files": {"main.py": source}, "events": [],
    }]);
    run_functions(&env, &functions);
    let state = env.state();
    let mut functions = state["lambda"]["functions"].as_object().unwrap().keys();
    let arn = functions.find(|arn| arn.ends_with(":slow")).unwrap();
    let tools = env.home().join("tools.json");
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    fs::write(&tools, json!([{"name": "same", "description": "Says it again", "inputSchema": schema}]).to_string())
        .unwrap();
    let add = ["--local", "target", "add", "lambda", "slow", "--gateway", "busy", "--lambda-arn", arn, "--tools"];
    env.ok(&[&add[..], &[tools.to_str().unwrap()]].concat());
    let python = python("mcp-2");
    let seen = busy.client(&env, &python, "concurrent_calls.py", &["slow___same", "200"]);
    assert_eq!(seen, (0..200).map(|n| json!([n, n])).collect::<Value>());
}
