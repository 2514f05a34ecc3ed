//! Real MCP clients, which nobody here wrote, use a gateway with what `create` printed.

use std::{path::Path, process::Command};

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
