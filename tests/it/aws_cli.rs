//! The AWS CLI against the local AWS.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::env::{Env, Run, python};

/// The JSON output of an `aws` command; null if it prints nothing.
#[track_caller]
pub fn aws(env: &Env, command: &str) -> Value {
    let program: PathBuf = python("awscli").with_file_name("aws");
    let run = Run::of(env.aws_tool(&program).args(command.split(' ')).args(["--output", "json"]).output().unwrap());
    assert_eq!(run.code, 0, "aws {command}\n{}{}", run.stdout, run.stderr);
    if run.stdout.is_empty() { Value::Null } else { run.json() }
}

#[test]
fn the_aws_cli_reads_what_create_made() {
    let env = Env::new();
    let created = env.ok(&["--local", "create", "g", "--sample", "-o", "json"]).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (id, pool) = (text(&created["gateway"]["gatewayId"]), text(&created["clientInfo"]["userPoolId"]));

    assert_eq!(aws(&env, "sts get-caller-identity")["Account"], "000000000000");

    let gateways = aws(&env, "bedrock-agentcore-control list-gateways");
    assert_eq!(gateways["items"][0]["gatewayId"], id.as_str());
    let gateway = aws(&env, &format!("bedrock-agentcore-control get-gateway --gateway-identifier {id}"));
    assert_eq!(gateway["status"], "READY");
    let targets = aws(&env, &format!("bedrock-agentcore-control list-gateway-targets --gateway-identifier {id}"));
    let target_id = text(&targets["items"][0]["targetId"]);
    let get = format!("bedrock-agentcore-control get-gateway-target --gateway-identifier {id} --target-id {target_id}");
    assert_eq!(aws(&env, &get)["name"], "weather-tool");
    let tags =
        format!("bedrock-agentcore-control list-tags-for-resource --resource-arn {}", text(&gateway["gatewayArn"]));
    assert_eq!(aws(&env, &tags)["tags"]["agentcore-gw:stack"], "g");

    let roles = aws(&env, "iam list-roles --path-prefix /BedrockAgentCore/agentcore-gw/");
    assert_eq!(roles["Roles"].as_array().unwrap().len(), 2);
    let role = text(&roles["Roles"][0]["RoleName"]);
    assert_eq!(
        aws(&env, &format!("iam get-role --role-name {role}"))["Role"]["Tags"][0]["Key"],
        "agentcore-gw:managed-by"
    );
    let policies = aws(&env, &format!("iam list-role-policies --role-name {role}"));
    let policy = text(&policies["PolicyNames"][0]);
    let document = aws(&env, &format!("iam get-role-policy --role-name {role} --policy-name {policy}"));
    assert_eq!(document["PolicyDocument"]["Version"], "2012-10-17", "decoded by the CLI");
    assert_eq!(
        aws(&env, &format!("iam list-attached-role-policies --role-name {role}"))["AttachedPolicies"],
        json!([])
    );
    assert_eq!(aws(&env, &format!("iam list-role-tags --role-name {role}"))["Tags"].as_array().unwrap().len(), 2);
    assert_eq!(aws(&env, "iam list-policies --scope Local")["Policies"], json!([]));

    assert_eq!(aws(&env, "cognito-idp list-user-pools --max-results 10")["UserPools"][0]["Id"], pool.as_str());
    let described = aws(&env, &format!("cognito-idp describe-user-pool --user-pool-id {pool}"));
    let domain = text(&described["UserPool"]["Domain"]);
    let domain = aws(&env, &format!("cognito-idp describe-user-pool-domain --domain {domain}"));
    assert_eq!(domain["DomainDescription"]["Status"], "ACTIVE");
    let servers = aws(&env, &format!("cognito-idp list-resource-servers --user-pool-id {pool} --max-results 5"));
    assert_eq!(servers["ResourceServers"][0]["Scopes"][0]["ScopeName"], "invoke");
    let clients = aws(&env, &format!("cognito-idp list-user-pool-clients --user-pool-id {pool}"));
    let client = text(&clients["UserPoolClients"][0]["ClientId"]);
    let describe = format!("cognito-idp describe-user-pool-client --user-pool-id {pool} --client-id {client}");
    assert_eq!(aws(&env, &describe)["UserPoolClient"]["ClientSecret"], created["clientInfo"]["clientSecret"]);

    let functions = aws(&env, "lambda list-functions");
    let function = text(&functions["Functions"][0]["FunctionName"]);
    assert_eq!(
        aws(&env, &format!("lambda get-function --function-name {function}"))["Configuration"]["State"],
        "Active"
    );
    let arn = text(&functions["Functions"][0]["FunctionArn"]);
    assert_eq!(aws(&env, &format!("lambda list-tags --resource {arn}"))["Tags"]["agentcore-gw:stack"], "g");
    aws(&env, &format!("lambda wait function-active-v2 --function-name {function}"));

    let groups = aws(&env, "logs describe-log-groups");
    assert_eq!(groups["logGroups"].as_array().unwrap().len(), 2, "the function's, and the gateway's");
    assert_eq!(aws(&env, "logs describe-delivery-sources")["deliverySources"].as_array().unwrap().len(), 2);
    assert_eq!(aws(&env, "logs describe-delivery-destinations")["deliveryDestinations"].as_array().unwrap().len(), 2);
    assert_eq!(aws(&env, "logs describe-deliveries")["deliveries"].as_array().unwrap().len(), 2);
}

#[test]
fn the_aws_cli_keeps_files_in_a_bucket() {
    let env = Env::new();
    env.ok(&["local", "start"]);
    std::fs::write(env.home().join("tools.json"), "[]").unwrap();
    let source = env.home().join("tools.json").display().to_string();
    let run = |command: &str| {
        let program = python("awscli").with_file_name("aws");
        let run = Run::of(env.aws_tool(&program).args(command.split(' ')).output().unwrap());
        assert_eq!(run.code, 0, "aws {command}\n{}{}", run.stdout, run.stderr);
        run.stdout
    };
    run("s3 mb s3://schemas");
    run(&format!("s3 cp {source} s3://schemas/a/tools.json"));
    assert!(run("s3 ls s3://schemas/a/").contains("2 tools.json"));
    assert!(run("s3 ls").contains("schemas"));
    assert_eq!(run("s3 cp s3://schemas/a/tools.json -"), "[]");
    run("s3 rb s3://schemas --force");
    assert_eq!(run("s3 ls"), "");
}
