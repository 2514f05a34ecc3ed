//! boto3, an independent client, against the local AWS.

use std::{collections::BTreeSet, fs};

use agentcore_gw::local;
use serde_json::json;

use crate::support::env::{Env, Server};

/// A valid call of every operation, and each error that AWS's service model declares for it and that can be
/// provoked.
#[test]
fn every_covered_operation_answers_boto3_as_aws_does() {
    let env = Env::new();
    env.ok(&["local", "start"]);
    let covered: Vec<_> = local::operations().collect();
    let list = env.home().join("operations.json");
    fs::write(&list, json!(covered).to_string()).unwrap();
    let report = env.with_boto3("boto3_table", &[list.to_str().unwrap()]).json();
    assert_eq!(report["failures"], json!([]), "{report:#}");
    assert!(report["rows"].as_u64().unwrap() >= 450, "{report:#}");
}

#[test]
fn faults_arrive_as_the_errors_that_boto3_knows() {
    let env = Env::new();
    let faults = [
        "iam:ListRoles=ServiceFailure*1",
        "cognito-idp:ListUserPools=TooManyRequestsException*1",
        "lambda:ListFunctions=TooManyRequestsException*1",
        "logs:DescribeLogGroups=ServiceUnavailableException*1",
        "logs:DescribeDeliveries=ThrottlingException*1",
        "bedrock-agentcore:ListGateways=ThrottlingException*1",
        "bedrock-agentcore:ListTagsForResource=InternalServerException*1",
    ];
    let args: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault]).collect();
    let _server = Server::start(&env, &args);
    let seen = env.with_boto3("boto3_faults.py", &[]).json();
    let expected: BTreeSet<String> = faults.iter().map(|fault| fault.split_once('*').unwrap().0.to_owned()).collect();
    let seen: BTreeSet<String> = serde_json::from_value(seen).unwrap();
    assert_eq!(seen, expected);
}

#[test]
fn the_quick_starts_boto3_section_runs() {
    let env = Env::new();
    env.ok(&["local", "start"]);
    let said = env.with_boto3("quick_start_boto3.py", &[]).json();
    let held = |member: &str| said["whole"][member].as_bool().unwrap_or_default();
    let members =
        ["name", "description", "protocolConfiguration", "kmsKeyArn", "exceptionLevel", "authorizerConfiguration"];
    assert!(members.into_iter().all(held), "{said:#}");
    for (step, expected) in [
        ("create", json!("CREATING")),
        ("listed", json!(["TestGateway"])),
        ("get", json!("READY")),
        ("update", json!("UPDATING")),
        ("updated", json!("READY")),
        ("misnamed", json!(true)),
        ("create target", json!("CREATING")),
        ("listed targets", json!(["TestLambdaTarget"])),
        ("get target", json!("READY")),
        ("update target", json!("UPDATING")),
        ("delete target", json!("DELETING")),
        ("delete", json!("DELETING")),
        ("left", json!(0)),
    ] {
        assert_eq!(said[step], expected, "{step}: {said:#}");
    }
}

/// Names, types, bounds, patterns and what is required, sensitive or a union, as AWS's own service models have them.
#[test]
fn the_operation_tables_agree_with_awss_service_models() {
    let env = Env::new();
    let tables = env.home().join("tables.json");
    fs::write(&tables, local::tables().to_string()).unwrap();
    let report = env.with_boto3("shapes.py", &[tables.to_str().unwrap()]).json();
    assert_eq!((&report["differences"], &report["unneeded"]), (&json!([]), &json!([])), "{report:#}");
    assert!(report["compared"].as_u64().unwrap() >= 800, "{report:#}");
}
