//! IAM policy documents, filled in from `templates/iam`.

mod caller;
pub mod evaluate;
mod grants;

use serde_json::{Value, json};

pub use self::caller::{Doing, caller};
pub use self::grants::{Need, granted, granted_by_address, grants, needs, unknown_resource};
use super::naming::StackNames;

/// The execution role's trust policy: the AgentCore service may assume it, for this one gateway. A gateway id
/// is the lower-cased name, a hyphen and ten characters, hence the ten question marks.
pub fn gateway_trust(names: &StackNames, account: &str) -> Value {
    fill(include_str!("../../templates/iam/gateway-trust.json"), names, account)
}

/// The execution role's permissions for everything that the stack creates itself. They do not grow with new
/// targets, so a new target need not wait for IAM propagation.
///
/// AgentCore uses a gateway's customer-managed key as the gateway's role (developer guide, "Encrypt your
/// gateway with a customer-managed KMS key"); while the key is changed, both keys are named.
pub fn gateway_base(names: &StackNames, account: &str, kms_keys: &[&str]) -> Value {
    let mut policy = fill(include_str!("../../templates/iam/gateway-base.json"), names, account);
    if let (false, Some(statements)) = (kms_keys.is_empty(), policy["Statement"].as_array_mut()) {
        let mut statement = fill(include_str!("../../templates/iam/gateway-kms.json"), names, account);
        statement["Resource"] = if let [key] = kms_keys { json!(key) } else { json!(kms_keys) };
        statements.push(statement);
    }
    policy
}

/// The trust policy of the sample function's role.
pub fn function_trust(names: &StackNames, account: &str) -> Value {
    fill(include_str!("../../templates/iam/function-trust.json"), names, account)
}

/// The sample function's permissions: to write streams into its log group, but not to recreate the group after
/// `cleanup` deleted it.
pub fn function_logs(names: &StackNames, account: &str) -> Value {
    fill(include_str!("../../templates/iam/function-logs.json"), names, account)
}

/// Replaces `{name}` inside the strings of a template, never in its syntax.
fn fill(template: &str, names: &StackNames, account: &str) -> Value {
    let values = [
        ("{partition}", names.region.partition().name.to_owned()),
        ("{region}", names.region.to_string()),
        ("{account}", account.to_owned()),
        ("{gateway}", names.lower_gateway()),
        ("{functions}", names.function_pattern()),
        ("{providers}", names.provider_pattern()),
        ("{log_group}", names.function_log_group.clone()),
    ];
    let mut document = serde_json::from_str(template).expect("templates/iam is JSON (a unit test parses each)");
    fill_strings(&mut document, &values);
    document
}

/// A policy document with the statements of another added: a statement with the same `Sid` has the actions and resources
/// of both, or, if its conditions or its principal differ, is replaced. Nothing else is taken away.
pub fn merged(existing: &Value, wanted: &Value) -> Value {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let mut statements = if existing["Statement"].is_null() { Vec::new() } else { list(&existing["Statement"]) };
    for statement in list(&wanted["Statement"]) {
        let is_same = |other: &Value| other["Sid"].is_string() && other["Sid"] == statement["Sid"];
        let place = statements.iter().position(is_same);
        let Some(place) = place else {
            statements.push(statement);
            continue;
        };
        let other = &mut statements[place];
        let is_same = |member: &str| other[member] == statement[member];
        if !["Effect", "Condition", "Principal"].into_iter().all(is_same) || statement["Resource"].is_null() {
            *other = statement;
            continue;
        }
        for member in ["Action", "Resource"] {
            let mut both = list(&other[member]);
            let missing: Vec<Value> = list(&statement[member]).into_iter().filter(|it| !both.contains(it)).collect();
            both.extend(missing);
            other[member] = if let [one] = &both[..] { one.clone() } else { Value::Array(both) };
        }
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn fill_strings(value: &mut Value, values: &[(&str, String)]) {
    match value {
        Value::String(text) => {
            for (key, with) in values {
                *text = text.replace(key, with);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_strings(item, values)),
        Value::Object(members) => members.values_mut().for_each(|item| fill_strings(item, values)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses_and_is_filled() {
        let names = StackNames::new(&"us-gov-west-1".parse().unwrap(), &"My-Gateway".parse().unwrap());
        for document in [
            gateway_trust(&names, "123456789012"),
            gateway_base(&names, "123456789012", &["arn:aws:kms:us-west-2:123456789012:key/k"]),
            function_trust(&names, "123456789012"),
            function_logs(&names, "123456789012"),
        ] {
            assert!(!document.to_string().contains("{p") && !document.to_string().contains("{a"), "{document}");
        }
        let trust = gateway_trust(&names, "123456789012").to_string();
        assert!(
            trust.contains("arn:aws-us-gov:bedrock-agentcore:us-gov-west-1:123456789012:gateway/my-gateway-??????????")
        );
    }

    #[test]
    fn what_the_user_brought_is_granted_by_kind_and_what_is_ours_is_not() {
        let names = StackNames::new(&"us-west-2".parse().unwrap(), &"My-Gateway".parse().unwrap());
        let vault = "arn:aws:bedrock-agentcore:us-west-2:1:token-vault/default";
        let api = |provider: &str| {
            let provider = json!({ "apiKeyCredentialProvider": { "providerArn": format!("{vault}/apikeycredentialprovider/{provider}") } });
            json!({
                "targetConfiguration": { "mcp": { "openApiSchema": { "s3": { "uri": "s3://b/k.json" } } } },
                "credentialProviderConfigurations": [{ "credentialProvider": provider }],
            })
        };
        let lambda = json!({ "targetConfiguration": { "mcp": { "lambda": { "lambdaArn": "arn:f" } } } });
        let [mine, ours] = [api("mine"), api(&names.provider("api", 0))];
        let grants = grants(&names, "1", [&mine, &ours, &lambda].into_iter(), |_| None);
        let resources = |policy: &str, statement: usize| grants[policy]["Statement"][statement]["Resource"].clone();
        assert_eq!(grants.keys().copied().collect::<Vec<_>>(), ["api-key", "lambda", "s3"]);
        assert_eq!(resources("s3", 0), json!(["arn:aws:s3:::b/k.json"]));
        assert_eq!(resources("lambda", 0), json!(["arn:f"]));
        let directory = "arn:aws:bedrock-agentcore:us-west-2:1:workload-identity-directory/default";
        let identity = format!("{directory}/workload-identity/my-gateway-??????????");
        assert_eq!(resources("api-key", 0), json!([directory, identity]));
        let provider = format!("{vault}/apikeycredentialprovider/mine");
        assert_eq!(resources("api-key", 1), json!([provider, vault, directory, identity]));
        let secret = "arn:aws:secretsmanager:us-west-2:1:secret:bedrock-agentcore-identity!default/apikey/mine-*";
        assert_eq!(resources("api-key", 2), json!([secret]));
    }

    #[test]
    fn merging_adds_and_mends_and_takes_nothing_away() {
        let mine = json!({ "Sid": "Mine", "Effect": "Deny", "Action": "s3:*", "Resource": "*" });
        let allow = |sid: &str, resources: Value| json!({ "Sid": sid, "Effect": "Allow", "Action": "a:B", "Resource": resources });
        let merge = |existing: Value, wanted: Value| {
            merged(&json!({ "Statement": existing }), &json!({ "Statement": wanted }))["Statement"].clone()
        };
        let both = merge(
            json!([mine, allow("A", json!(["x", "y"]))]),
            json!([allow("A", json!(["y", "z"])), allow("B", json!("x"))]),
        );
        assert_eq!(both, json!([mine, allow("A", json!(["x", "y", "z"])), allow("B", json!("x"))]));
        assert_eq!(merge(mine.clone(), json!([allow("A", json!("x"))])), json!([mine, allow("A", json!("x"))]));
        let trust = |region: &str| json!({ "Sid": "T", "Effect": "Allow", "Principal": { "Service": "s" }, "Action": "a:B", "Condition": { "ArnLike": { "k": region } } });
        assert_eq!(merge(json!([trust("old"), mine]), json!([trust("new")])), json!([trust("new"), mine]));
        assert_eq!(merge(Value::Null, json!([trust("new")])), json!([trust("new")]));
        let nameless = json!({ "Effect": "Allow", "Action": "a:B", "Resource": "x" });
        assert_eq!(merge(json!([nameless]), json!([nameless])), json!([nameless, nameless]));
    }

    #[test]
    fn the_base_policy_leaves_room_on_the_role() {
        let names = StackNames::new(&"ap-southeast-7".parse().unwrap(), &"x-".repeat(48).parse().unwrap());
        let size = gateway_base(&names, "123456789012", &[]).to_string().len();
        assert!(size < 10_240 / 2, "{size} of the role's 10,240 characters");
    }
}
