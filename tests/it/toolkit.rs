//! AWS's own starter toolkit against the local AWS.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    moto::Moto,
    support::env::{Env, Run, python},
};

#[test]
fn the_starter_toolkit_makes_a_gateway_that_answers_an_mcp_client_and_cleans_up() {
    let env = Env::new();
    let moto = Moto::start(&env);
    let started = env.command(&["local", "start"]).env("AWS_ENDPOINT_URL_DYNAMODB", &moto.endpoint).output().unwrap();
    assert!(started.status.success(), "{started:?}");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/toolkit.py");
    let run = Run::of(env.aws_tool(&python("toolkit")).arg(script).output().unwrap());
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let seen = run.json();
    assert_eq!(seen["observability"], "success", "{}", run.stderr);
    assert!(seen["log_group"].as_str().unwrap().starts_with("/aws/vendedlogs/bedrock-agentcore/gateway/"), "{seen}");
    let listed = seen["listed"].as_array().unwrap();
    assert!(listed.len() == 4 && listed.contains(&seen["target"]), "{seen}");
    let tools = seen["tools"].as_array().unwrap();
    let mut tools: Vec<_> = tools.iter().map(|tool| tool.as_str().unwrap()).collect();
    assert_eq!(tools.remove(0), "x_amz_bedrock_agentcore_search");
    let (dynamodb, mut tools): (Vec<_>, Vec<_>) = tools.into_iter().partition(|name| name.starts_with("dynamo___"));
    assert!(dynamodb.len() == 12 && dynamodb.contains(&"dynamo___PutItem"), "{dynamodb:?}");
    assert_eq!(seen["tables"], "{\"TableNames\":[\"cities\"]}", "at moto");
    tools.sort_unstable();
    let all = ["by-key___getWeather", "by-token___getWeather", "weather-tool___get_time", "weather-tool___get_weather"];
    assert_eq!(tools, all);
    let asked = |name: &str| serde_json::from_str::<Value>(seen["apis"][name].as_str().unwrap()).unwrap_or_default();
    assert_eq!(asked("by-key"), json!({"path": "/weather?q=Oslo&appid=toolkit-key", "bearer": ""}), "{seen}");
    assert_eq!(asked("by-token"), json!({"path": "/weather?q=Oslo", "bearer": "Bearer eyJ"}), "{seen}");
    assert_eq!(seen["failed"], false, "{seen}");
    assert!(seen["text"].as_str().unwrap().contains("Seattle"), "{seen}");
    assert_eq!((&seen["gateways"], &seen["pools"]), (&json!(0), &json!(0)), "{}", run.stderr);
    for complaint in ["Error", "error", "failed", "\u{26a0}"] {
        assert!(!run.stderr.contains(complaint), "the toolkit complains: {}", run.stderr);
    }
}
