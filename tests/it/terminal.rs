//! What people see: lists, trees and results, in terminals of 80 and 120 columns.

use std::fs;

use serde_json::Value;

use crate::{
    aws_cli::aws,
    support::env::{Env, Run, in_home},
};

/// What a terminal of so many columns shows of a command, while these prompts get these answers.
fn in_terminal(env: &Env, columns: usize, answers: &[(&str, &str)], args: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/terminal.py");
    let mut terminal = in_home(env, "python3");
    terminal.args([script, &columns.to_string()]).args(answers.iter().flat_map(|(prompt, answer)| [prompt, answer]));
    let run = Run::of(terminal.args(["--", env!("CARGO_BIN_EXE_agentcore-gw")]).args(args).output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let is_interrupted = answers.iter().any(|(_, answer)| *answer == "^C");
    let end = if is_interrupted { "exit 130, echo on\n" } else { "exit 0, echo on\n" };
    assert!(run.stdout.ends_with(end), "{}", run.stdout);
    anstream::adapter::strip_str(&run.stdout).to_string()
}

#[test]
fn a_result_is_set_off_and_says_what_it_took_and_what_was_seen_to_work() {
    let env = Env::new();
    let shown = in_terminal(&env, 80, &[], &["--local", "create", "g", "--sample"]);
    let (steps, result) = shown.split_once("\n\nGateway g is READY (").expect("a blank line between them");
    assert!(steps.contains("✓ created gateway `g`"), "{shown}");
    assert!(result.split_once(" s)\n").unwrap().0.parse::<f64>().is_ok(), "{shown}");
    assert!(result.contains("  Checked         a token was issued, 1 target READY\n"), "{shown}");
    let piped = env.ok(&["--local", "create", "g", "--sample"]).stdout;
    assert!(piped.starts_with("Gateway g is READY (nothing had to be changed)\n\n"), "{piped}");
}

#[test]
fn descriptions_end_where_the_terminal_does_and_are_whole_elsewhere() {
    let env = Env::new();
    env.ok(&["--local", "create", "g"]);
    env.ok(&["--local", "target", "add", "smithy", "dynamodb", "--gateway", "g"]);
    let list = ["--local", "tools", "list", "g"];
    for columns in [80, 120] {
        let shown = in_terminal(&env, columns, &[], &list);
        let longest = shown.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= columns && longest > columns - 20, "{longest} of {columns}:\n{shown}");
    }
    let whole = env.ok(&list).stdout;
    assert!(whole.starts_with("TOOL  ") && !whole.contains('…'), "{whole}");
    let names: Vec<_> = whole.lines().skip(2).map(|line| line.split("  ").next().unwrap()).collect();
    assert!(names.is_sorted() && names.len() == 12, "{whole}");
}

#[test]
fn lists_have_headers_an_order_and_owners() {
    let env = Env::new();
    assert!(env.ok(&["--local", "list"]).stdout.starts_with("There are no gateways in us-west-2 of account 0000000"));
    for name in ["zeta", "alpha"] {
        env.ok(&["--local", "create", name, "--sample"]);
    }
    let alpha = env.ok(&["--local", "get", "alpha", "-o", "json"]).json();
    let role = alpha["roleArn"].as_str().unwrap();
    let create = format!("create-gateway --name alpha-2 --protocol-type MCP --authorizer-type NONE --role-arn {role}");
    let theirs = aws(&env, &format!("bedrock-agentcore-control {create}"));
    let json = env.ok(&["--local", "list", "-o", "json"]).json();
    let ids: Vec<&str> = json["items"].as_array().unwrap().iter().map(|it| it["gatewayId"].as_str().unwrap()).collect();
    assert_eq!(json["managed"], serde_json::json!([ids[0], ids[2]]), "{json:#}");
    assert_eq!((&json["region"], &json["account"]), (&"us-west-2".into(), &"000000000000".into()));
    assert_eq!(ids[1], theirs["gatewayId"]);
    let shown = env.ok(&["--local", "list"]).stdout;
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(shown.lines().next(), Some("Gateways in us-west-2 of account 000000000000"));
    assert_eq!(lines[2], ["NAME", "STATUS", "MADE", "BY", "AUTHORIZER", "CHANGED", "ID"]);
    let rows: Vec<_> = lines[3..].iter().map(|line| [line[0], line[2], line[3]]).collect();
    let ours = |name| [name, "agentcore-gw", "CUSTOM_JWT"];
    assert_eq!(rows, [ours("alpha"), ["alpha-2", "others", "NONE"], ours("zeta")], "{shown}");
    let one_call = env.ok(&["--local", "list", "--no-maker", "-o", "json"]).json();
    assert_eq!((&one_call["items"], one_call.get("managed")), (&json["items"], None));

    env.ok(&["--local", "target", "add", "smithy", "dynamodb", "--gateway", "alpha"]);
    let checks = in_terminal(&env, 80, &[], &["--local", "doctor", "alpha"]);
    let permissions = checks.lines().skip_while(|line| !line.contains("permissions:dynamodb")).take(2);
    let (first, second) = (permissions.clone().next().unwrap(), permissions.clone().nth(1).unwrap());
    let begin = first.find("the role may").unwrap();
    assert!(first.len() <= 80 && second.len() <= 80 && second.find("dynamodb:") == Some(begin), "{checks}");
    let targets = env.ok(&["--local", "target", "list", "--gateway", "alpha"]).stdout;
    assert_eq!(env.ok(&["--local", "target", "list", "alpha"]).stdout, targets);
    let id = env.ok(&["--local", "target", "list", "alpha", "-o", "json"]).json()["items"][0]["targetId"].clone();
    let of_id = env.ok(&["--local", "target", "get", id.as_str().unwrap(), "--gateway", "alpha"]).json();
    assert_eq!(of_id["name"], "dynamodb");
    let lines: Vec<Vec<&str>> = targets.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "STATUS", "KIND", "CHANGED", "ID"]);
    assert_eq!([lines[1][0], lines[1][2]], ["dynamodb", "SMITHY_MODEL"]);
    assert_eq!([lines[2][0], lines[2][2]], ["weather-tool", "LAMBDA"]);
}

#[test]
fn status_draws_the_stack_as_a_tree() {
    let env = Env::new();
    env.ok(&["--local", "create", "g", "--sample"]);
    env.ok(&["--local", "target", "add", "smithy", "dynamodb", "--gateway", "g"]);
    let json = env.ok(&["--local", "status", "g", "-o", "json"]).json();
    assert_eq!(json["targets"][1]["tools"][0], "weather-tool___get_weather", "{json:#}");
    assert_eq!(json["permissions"][0]["actions"][0], "lambda:InvokeFunction", "{json:#}");
    for (columns, longest) in [(80, 80), (120, 120)] {
        let shown = in_terminal(&env, columns, &[], &["--local", "status", "g"]);
        // Names of AWS are not broken.
        let wide = shown.lines().filter(|line| line.chars().count() > longest && !line.contains("/aws/vendedlogs/"));
        assert_eq!(wide.count(), 0, "{shown}");
        let known = json["resources"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap());
        let gateway = json["gatewayUrl"].as_str().unwrap();
        known.for_each(|name| assert!(shown.contains(name) || gateway.contains(name), "{name} in {shown}"));
        let branch = |text: &str| {
            let line = shown.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {shown}"));
            line.split(text).next().unwrap().to_owned()
        };
        assert_eq!((branch("URL "), branch("authorizer  CUSTOM_JWT")), ("├─ ".to_owned(), "├─ ".to_owned()));
        assert_eq!((branch("user pool  "), branch("may lambda ")), ("│  ├─ ".to_owned(), "│  ├─ ".to_owned()));
        assert_eq!(branch("weather-tool  READY, lambda, GATEWAY_IAM_ROLE, tools get_weather get_time"), "│  └─ ");
        assert_eq!(
            (branch("sample function "), branch("trace delivery ")),
            ("│     └─ ".to_owned(), "   └─ ".to_owned())
        );
    }
}

#[test]
fn a_secret_that_is_typed_is_never_shown_and_the_terminal_echoes_again() {
    let env = Env::new();
    env.ok(&["--local", "create", "g"]);
    let api = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/openweathermap.yaml");
    let add = ["--local", "target", "add", "openapi", "w", "--gateway", "g", "--spec", api, "--api-key-file", "-"];
    let add = [&add[..], &["--api-key-query", "appid"]].concat();
    let asks = "API key";
    in_terminal(&env, 80, &[(asks, "^C")], &add);
    let added = in_terminal(&env, 80, &[(asks, "s3cret-of-mine")], &add);
    assert!(added.contains("Target w of g is READY") && !added.contains("s3cret"), "{added}");
}

#[test]
fn secrets_are_left_out_where_a_log_would_keep_them() {
    let env = Env::new();
    let saved = env.home().join("config.json");
    let secret = || {
        let config: Value = serde_json::from_slice(&fs::read(&saved).unwrap()).unwrap();
        fs::remove_file(&saved).unwrap();
        config["client_info"]["client_secret"].as_str().unwrap().to_owned()
    };
    let file = ["--save", saved.to_str().unwrap()];
    let log = |args: &[&str]| env.ok(&[&["--local"], args, &["--no-secrets"], &file].concat()).stdout;
    let created = log(&["create", "g", "--sample"]);
    assert!(created.contains("Client secret   not shown (--no-secrets)") && !created.contains(&secret()), "{created}");
    let json: Value = serde_json::from_str(&log(&["create", "g", "--sample", "-o", "json"])).unwrap();
    assert_eq!((&json["clientInfo"]["clientSecret"], json.to_string().contains(&secret())), (&Value::Null, false));
    let exported = log(&["credentials", "g", "-o", "env"]);
    assert!(exported.contains("CLIENT_ID=") && !exported.contains("CLIENT_SECRET") && !exported.contains(&secret()));
    let added = log(&["client", "add", "g", "reader"]);
    assert!(!added.contains(&secret()), "{added}");
    let rotated = log(&["client", "rotate", "g", "reader"]);
    assert!(!rotated.contains(&secret()), "{rotated}");
    let lost = env.run(&["--local", "client", "rotate", "g", "reader", "--no-secrets"]);
    assert!(lost.code == 2 && lost.stderr.contains("--save"), "a secret that nobody would have: {lost:?}");
}

#[test]
fn a_near_name_of_a_tool_or_a_profile_is_offered() {
    let env = Env::new();
    env.ok(&["--local", "create", "g", "--sample"]);
    for meant in ["get_weather", "weather-tool__get_weather", "weather-tool___get_wether"] {
        let refused = env.run(&["--local", "tools", "call", "g", meant]);
        assert!(refused.stderr.contains("did you mean `weather-tool___get_weather`?"), "{meant}: {}", refused.stderr);
    }
    let refused = env.run(&["--local", "tools", "call", "g", "delete"]);
    assert!(refused.stderr.contains("tools list g` shows the tools that there are"), "{}", refused.stderr);
    fs::create_dir(env.home().join(".aws")).unwrap();
    fs::write(env.home().join(".aws/config"), "[profile development]\n[profile production]\n").unwrap();
    let refused = env.run(&["--profile", "developement", "list"]);
    let said = "only these:\n  development\n  production\nhint: did you mean `--profile development`?\n";
    assert!(refused.code == 4 && refused.stderr.ends_with(said), "before a missing region: {}", refused.stderr);
}
