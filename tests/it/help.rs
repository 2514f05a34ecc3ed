//! The examples of help do what they say.

use std::{collections::BTreeSet, fs, path::Path};

use agentcore_gw::cli::App;
use serde_json::json;

use crate::{
    docs::words,
    support::{
        env::{Env, Run, in_home},
        fake_mcp_server::FakeMcpServer,
    },
};

/// The examples of all commands' help, as the program prints them.
fn examples() -> BTreeSet<String> {
    fn all(command: &mut clap::Command, found: &mut BTreeSet<String>) {
        let help = command.render_long_help().to_string().replace(" \\\n      ", " ");
        let lines = help.lines().filter(|line| line.starts_with("  agentcore-gw "));
        found.extend(lines.map(|line| line.trim_start().to_owned()));
        command.get_subcommands_mut().for_each(|sub| all(sub, found));
    }
    let mut found = BTreeSet::new();
    let mut command = App::whole();
    command.build();
    all(&mut command, &mut found);
    found
}

/// A model of one operation.
fn smithy_model() -> String {
    let shape = |target: &str| json!({ "target": format!("example.s3#{target}") });
    let rules = json!({ "version": "1.0", "parameters": {}, "rules": [
        { "conditions": [], "endpoint": { "url": "https://s3.amazonaws.com" }, "type": "endpoint" },
    ] });
    let service = json!({
        "aws.api#service": { "sdkId": "S3", "arnNamespace": "s3", "endpointPrefix": "s3" },
        "aws.auth#sigv4": { "name": "s3" },
        "aws.protocols#restXml": {},
        "smithy.rules#endpointRuleSet": rules,
    });
    let http = json!({
        "smithy.api#http": { "method": "GET", "uri": "/", "code": 200 },
        "smithy.api#documentation": "Lists buckets",
    });
    let (empty, operations) = (shape("Empty"), [shape("ListBuckets")]);
    json!({ "smithy": "2.0", "shapes": {
        "example.s3#S3": { "type": "service", "version": "2006-03-01", "operations": operations, "traits": service },
        "example.s3#ListBuckets": { "type": "operation", "input": empty, "output": empty, "traits": http },
        "example.s3#Empty": { "type": "structure", "members": {} },
    } })
    .to_string()
}

/// Makes the files that the examples name.
fn prepare(env: &Env, server: &FakeMcpServer) {
    let write = |name: &str, text: &str| fs::write(env.home().join(name), text).unwrap();
    let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/openweathermap.yaml");
    let api = fs::read_to_string(api).unwrap();
    write("api.yaml", &api);
    write("pets.yaml", &api);
    let tools = json!([{ "name": "order", "description": "Orders", "inputSchema": { "type": "object" } }]);
    write("tools.json", &tools.to_string());
    let target = json!({ "targetConfiguration": { "mcp": { "mcpServer": { "endpoint": server.endpoint() } } } });
    write("target.json", &target.to_string());
    write("model.json", &smithy_model());
    write("s3.json", &smithy_model());
    fs::create_dir_all(env.home().join(".local/share/bash-completion/completions")).unwrap();
}

/// In which order examples run: what makes things, what looks at them, and what takes them away.
fn rank(line: &str) -> usize {
    const ORDER: [&str; 16] = [
        "create",
        "target add",
        "client add",
        "export",
        "",
        "client rotate weather reports",
        "client rotate weather reports --finish",
        "target remove",
        "client remove",
        "delete",
        "create weather --sample -o",
        "cleanup weather",
        "cleanup weather -y",
        "cleanup --all",
        "local stop",
        "local reset",
    ];
    let command = line.trim_start_matches("agentcore-gw ").trim_start_matches("--local ");
    let known = ORDER.iter().enumerate().filter(|(_, begin)| command.starts_with(**begin));
    known.max_by_key(|(_, begin)| begin.len()).map_or(0, |(rank, _)| rank)
}

#[test]
fn every_example_in_help_runs() {
    let (env, server) = (Env::new(), FakeMcpServer::start(&["echo"]));
    prepare(&env, &server);
    let mut lines: Vec<String> = examples().into_iter().collect();
    assert!(lines.len() > 60, "{lines:?}");
    lines.sort_by_key(|line| rank(line));
    let mut arn = "arn:aws:lambda:us-west-2:000000000000:function:".to_owned();
    for line in lines {
        let command = line.split(" > ").next().unwrap().replace("$ARN", &format!("{arn}f"));
        let parsed = App::parse_args(words(&command));
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        // These end when they are interrupted.
        if line.contains("local serve") || line.ends_with("--follow") {
            continue;
        }
        if line.contains("$ARN") {
            let stack = env.ok(&["--local", "status", "weather", "-o", "json"]).json();
            let function = stack["resources"].as_array().unwrap().iter().find(|it| it["kind"] == "sample function");
            arn += function.unwrap()["name"].as_str().unwrap();
        }
        let run = line.replace("--local ", "").replacen("agentcore-gw", "agentcore-gw --local", 1);
        let run = run.replace("https://example.com/mcp", &server.endpoint());
        let mut shell = in_home(&env, "sh");
        let ran = Run::of(
            shell.args(["-c", &run]).env("KEY", "k").env("API_API_KEY", "k").env("ARN", &arn).output().unwrap(),
        );
        // Nobody is there to answer.
        let asks = ["agentcore-gw cleanup weather", "agentcore-gw doctor weather --fix"].contains(&line.as_str());
        assert_eq!(ran.code, if asks { 2 } else { 0 }, "{line}\n{ran:?}");
        if line.contains("cleanup --all") {
            assert!(env.is_empty(), "{:#}", env.state());
        }
    }
}
