//! AWS's own starter toolkit, our predecessor, drives the local AWS.

use std::path::Path;

use serde_json::json;

use crate::env::{Env, Run, python};

const REQUIREMENTS: &str = "bedrock-agentcore-starter-toolkit==0.3.14\nboto3==1.44.5\nmcp==1.30.0\n";

#[test]
fn the_starter_toolkit_makes_a_gateway_that_answers_an_mcp_client_and_cleans_up() {
    let env = Env::new();
    env.ok(&["local", "start"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/toolkit.py");
    let run = Run::of(env.aws_tool(&python("toolkit", REQUIREMENTS)).arg(script).output().unwrap());
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let seen = run.json();
    assert_eq!(seen["observability"], "success", "{}", run.stderr);
    assert!(seen["log_group"].as_str().unwrap().starts_with("/aws/vendedlogs/bedrock-agentcore/gateway/"), "{seen}");
    assert_eq!(seen["listed"], json!([seen["target"]]));
    assert_eq!(
        seen["tools"],
        json!(["x_amz_bedrock_agentcore_search", "weather-tool___get_weather", "weather-tool___get_time"])
    );
    assert_eq!(seen["failed"], false, "{seen}");
    assert!(seen["text"].as_str().unwrap().contains("Seattle"), "{seen}");
    assert_eq!((&seen["gateways"], &seen["pools"]), (&json!(0), &json!(0)), "{}", run.stderr);
    for complaint in ["Error", "error", "failed", "\u{26a0}"] {
        assert!(!run.stderr.contains(complaint), "the toolkit complains: {}", run.stderr);
    }
}
