//! Real MCP clients, which nobody here wrote, use a gateway with what `create` printed.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::env::{Env, Run, path, python};

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

/// What SDK 2's client sees of a gateway in each of these modes.
fn in_modes(env: &Env, gateway: &str, modes: &[&str]) -> Vec<(String, String)> {
    let python = python("mcp-2.3.0", "mcp==2.3.0\nrequests==2.32.5\n");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/mcp_modes.py");
    let url = env.ok(&["--local", "get", gateway, "-o", "json"]).json()["gatewayUrl"].as_str().unwrap().to_owned();
    // A secret in argv would be there for all to see.
    let token = env.home().join("token");
    fs::write(&token, env.ok(&["--local", "token", gateway]).stdout).unwrap();
    let mut command = Command::new(python);
    command.arg(script).arg(url).arg(&token).args(modes).env_clear().env("PATH", path()).env("HOME", env.home());
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.code, 0, "{gateway} {modes:?}\n{}{}", run.stdout, run.stderr);
    let seen = run.json();
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
