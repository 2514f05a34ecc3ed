//! Real MCP clients, which nobody here wrote, use a gateway with what `create` printed.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    env::{Env, Run, path, python},
    functions::run as run_functions,
};

/// Runs the seed's agent with this version of the MCP Python SDK.
fn weather_agent(env: &Env, sdk: &str) -> Value {
    let python = python(&format!("mcp-{sdk}"), &format!("mcp=={sdk}\nrequests==2.32.5\n"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/weather_agent.py");
    let credentials = env.ok(&["--local", "credentials", "weather-gateway", "-o", "env"]).stdout;
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
        let seen = weather_agent(&env, sdk);
        assert_eq!(seen["sdk"], sdk);
        let tools: Vec<_> = seen["tools"].as_array().unwrap().iter().map(|tool| tool.as_str().unwrap()).collect();
        assert_eq!(
            tools,
            ["x_amz_bedrock_agentcore_search", "weather-tool___get_weather", "weather-tool___get_time"],
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

/// What a script of `tests/peers` that uses SDK 2's client prints of a gateway.
fn sdk_2(env: &Env, script: &str, gateway: &str, args: &[&str]) -> Value {
    let python = python("mcp-2.3.0", "mcp==2.3.0\nrequests==2.32.5\n");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
    let url = env.ok(&["--local", "get", gateway, "-o", "json"]).json()["gatewayUrl"].as_str().unwrap().to_owned();
    // A secret in argv would be there for all to see.
    let token = env.home().join("token");
    fs::write(&token, env.ok(&["--local", "token", gateway]).stdout).unwrap();
    let mut command = Command::new(python);
    command.arg(script).arg(url).arg(&token).args(args).env_clear().env("PATH", path()).env("HOME", env.home());
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.code, 0, "{gateway} {args:?}\n{}{}", run.stdout, run.stderr);
    run.json()
}

/// The version that SDK 2's client agrees on with a gateway in each of these modes.
fn in_modes(env: &Env, gateway: &str, modes: &[&str]) -> Vec<(String, String)> {
    let seen = sdk_2(env, "mcp_modes.py", gateway, modes);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    seen.as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert_eq!(one["tools"].as_array().unwrap().len(), 3, "{one}");
            assert_eq!(one["location"], "Seattle");
            (text(&one["mode"]), text(&one["protocol"]))
        })
        .collect()
}

#[test]
fn clients_with_and_without_a_handshake_agree_on_a_version() {
    let env = Env::new();
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(mode, version)| ((*mode).to_owned(), (*version).to_owned())).collect()
    };
    env.ok(&["--local", "create", "every", "--sample"]);
    let seen = in_modes(&env, "every", &["auto", "legacy", "2026-07-28"]);
    assert_eq!(seen, pairs(&[("auto", "2026-07-28"), ("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")]));
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let gateway = format!("only-{version}");
        env.ok(&["--local", "create", &gateway, "--sample", "--mcp-version", version]);
        assert_eq!(in_modes(&env, &gateway, &["auto"]), pairs(&[("auto", version)]));
    }
}

#[test]
fn two_hundred_calls_at_once_each_get_their_own_answer() {
    let env = Env::new();
    env.ok(&["--local", "create", "busy"]);
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
    let arn = state["lambda"]["functions"].as_object().unwrap().keys().next().unwrap();
    let tools = env.home().join("tools.json");
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    fs::write(&tools, json!([{"name": "same", "description": "Says it again", "inputSchema": schema}]).to_string())
        .unwrap();
    let add = ["--local", "target", "add", "lambda", "slow", "--gateway", "busy", "--lambda-arn", arn, "--tools"];
    env.ok(&[&add[..], &[tools.to_str().unwrap()]].concat());
    let seen = sdk_2(&env, "concurrent_calls.py", "busy", &["slow___same", "200"]);
    assert_eq!(seen, (0..200).map(|n| json!([n, n])).collect::<Value>());
}
