//! IAM policy documents, filled in from `templates/iam`.

mod caller;
pub mod evaluate;
mod gateway;
mod grants;

use serde_json::{Value, json};

pub use self::caller::{Doing, caller};
pub use self::gateway::{GATEWAY_GRANTS, gateway_grants};
pub use self::grants::{
    Need, gateway_needs, granted, granted_by_address, grants, is_granted_by_name, needs, unknown_resource,
};
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

/// A policy document, or an element of one, as a list: they may be written as one item.
pub fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

/// The texts of an element of a policy.
pub fn texts(value: &Value) -> Vec<String> {
    list(value).into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// A policy document with what it lacks of another one's statements, which are told by their `Sid`; nothing is taken
/// away. `None` if somebody has changed such a statement in another way, so that adding to it would undo that.
pub fn completed(existing: &Value, wanted: &Value) -> Option<Value> {
    let mut statements = list(&existing["Statement"]);
    for statement in list(&wanted["Statement"]) {
        let is_same = |other: &Value| other["Sid"].is_string() && other["Sid"] == statement["Sid"];
        match statements.iter_mut().find(|other| is_same(other)) {
            Some(other) => *other = completed_statement(other, &statement)?,
            None => statements.push(statement),
        }
    }
    let mut document = existing.clone();
    if document.is_null() {
        document = wanted.clone();
    }
    // A document with one statement may have it without a list.
    let is_one = existing["Statement"].is_object() && statements.len() == 1;
    document["Statement"] = if is_one { statements.remove(0) } else { Value::Array(statements) };
    Some(document)
}

fn completed_statement(existing: &Value, wanted: &Value) -> Option<Value> {
    let members = existing.as_object()?;
    let is_same = |member: &str| existing[member] == wanted[member];
    let has_others = members.keys().any(|member| wanted.get(member).is_none());
    if has_others || !is_same("Effect") || !is_same("Principal") {
        return None;
    }
    let mut statement = existing.clone();
    if !is_same("Condition") {
        let is_trust = wanted["Resource"].is_null();
        if !is_trust || !is_same("Action") || !is_of_another_place(&existing["Condition"], &wanted["Condition"]) {
            return None;
        }
        statement["Condition"] = wanted["Condition"].clone();
    }
    let missing = |member: &str| -> Vec<Value> {
        let there = list(&existing[member]);
        list(&wanted[member]).into_iter().filter(|item| !there.contains(item)).collect()
    };
    let is_equal =
        |member: &str| missing(member).is_empty() && list(&existing[member]).len() == list(&wanted[member]).len();
    let (actions, resources) = (missing("Action"), missing("Resource"));
    // The statement would allow what neither of the two does.
    if !(actions.is_empty() && resources.is_empty() || is_equal("Action") || is_equal("Resource")) {
        return None;
    }
    for (member, missing) in [("Action", actions), ("Resource", resources)] {
        if !missing.is_empty() {
            statement[member] = list(&existing[member]).into_iter().chain(missing).collect();
        }
    }
    Some(statement)
}

/// Whether conditions have the same operators and keys, and each value is one text that names another partition, region or
/// account at most.
fn is_of_another_place(existing: &Value, wanted: &Value) -> bool {
    match (existing, wanted) {
        (Value::Object(one), Value::Object(other)) => {
            let is_same =
                |(key, value): (&String, &Value)| other.get(key).is_some_and(|it| is_of_another_place(value, it));
            one.len() == other.len() && one.iter().all(is_same)
        }
        (Value::String(one), Value::String(other)) => {
            let (one, other): (Vec<&str>, Vec<&str>) = (one.split(':').collect(), other.split(':').collect());
            let is_account = |text: &[&str]| text.len() == 1 && text[0].bytes().all(|byte| byte.is_ascii_digit());
            // arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE
            let is_same = |place: usize| [1, 3, 4].contains(&place) || one[place] == other[place];
            is_account(&one) && is_account(&other)
                || one.len() == other.len() && (0..one.len()).all(is_same) && one.len() > 1
        }
        _ => false,
    }
}

fn allow(sid: &str, action: &str, resources: Vec<String>) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": action, "Resource": resources })
}

fn policy(statements: Vec<Value>) -> Value {
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
    fn a_document_is_completed_and_nothing_is_taken_away() {
        let mine = json!({ "Sid": "Mine", "Effect": "Deny", "Action": "s3:*", "Resource": "*" });
        let allow = |sid: &str, resources: Value| json!({ "Sid": sid, "Effect": "Allow", "Action": "a:B", "Resource": resources });
        let complete = |existing: Value, wanted: Value| {
            let existing = json!({ "Version": "2008-10-17", "Id": "i", "Statement": existing });
            let completed = completed(&existing, &json!({ "Version": "2012-10-17", "Statement": wanted }))?;
            assert_eq!((&completed["Version"], &completed["Id"]), (&json!("2008-10-17"), &json!("i")));
            Some(completed["Statement"].clone())
        };
        let both = complete(
            json!([mine, allow("A", json!(["x", "y"]))]),
            json!([allow("A", json!(["y", "z"])), allow("B", json!("x"))]),
        );
        assert_eq!(both, Some(json!([mine, allow("A", json!(["x", "y", "z"])), allow("B", json!("x"))])));
        // What is whole stays as it is written.
        for whole in [json!([allow("A", json!("x"))]), json!([allow("A", json!(["x"])), mine]), allow("A", json!("x"))]
        {
            assert_eq!(complete(whole.clone(), json!([allow("A", json!(["x"]))])), Some(whole));
        }
        let trust = |region: &str| json!({ "Sid": "T", "Effect": "Allow", "Principal": { "Service": "s" }, "Action": "a:B", "Condition": { "ArnLike": { "k": format!("arn:aws:s:{region}:1:g") }, "StringEquals": { "a": "1" } } });
        assert_eq!(complete(json!([trust("old"), mine]), json!([trust("new")])), Some(json!([trust("new"), mine])));
        assert_eq!(complete(json!([]), json!([trust("new")])), Some(json!([trust("new")])));
        // Whoever changed a statement otherwise meant it.
        let changed = |member: &str, value: Value| {
            let mut statement = trust("old");
            statement[member] = value;
            complete(json!([statement]), json!([trust("new")]))
        };
        assert_eq!(changed("Effect", json!("Deny")), None);
        assert_eq!(changed("Principal", json!({ "Service": ["s", "t"] })), None);
        for condition in [
            json!({ "ArnLike": { "k": "arn:aws:s:old:1:g" } }),
            json!({ "ArnLike": { "k": "arn:aws:s:old:1:other" }, "StringEquals": { "a": "1" } }),
            json!({ "ArnLike": { "k": ["arn:aws:s:old:1:g"] }, "StringEquals": { "a": "1" } }),
            json!({ "ArnLike": { "k": "arn:aws:s:old:1:g" }, "StringEquals": { "a": "1", "aws:SourceOrgID": "o" } }),
        ] {
            assert_eq!(changed("Condition", condition), None);
        }
        assert_eq!(changed("NotResource", json!("x")), None);
        let mut hardened = allow("A", json!("x"));
        hardened["Condition"] = json!({ "StringEquals": { "aws:SourceVpc": "v" } });
        assert_eq!(complete(json!([hardened]), json!([allow("A", json!("y"))])), None);
        // Actions of the one on resources of the other are in neither.
        let other = json!({ "Sid": "A", "Effect": "Allow", "Action": ["a:C"], "Resource": ["*"] });
        assert_eq!(complete(json!([other]), json!([allow("A", json!(["x"]))])), None);
        let more = json!({ "Sid": "A", "Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": ["x"] });
        assert_eq!(complete(json!([more]), json!([allow("A", json!(["x"]))])), Some(json!([more])));
        assert_eq!(complete(json!([more]), json!([allow("A", json!(["x", "y"]))])), None);
        let nameless = json!({ "Effect": "Allow", "Action": "a:B", "Resource": "x" });
        assert_eq!(complete(json!([nameless]), json!([nameless])), Some(json!([nameless, nameless])));
    }

    #[test]
    fn whole_documents_stay_as_they_are() {
        let names = StackNames::new(&"us-west-2".parse().unwrap(), &"g".parse().unwrap());
        for document in [gateway_trust(&names, "1"), gateway_base(&names, "1", &["arn:k"]), function_logs(&names, "1")]
        {
            assert_eq!(completed(&document, &document), Some(document));
        }
        let lambda = json!({ "targetConfiguration": { "mcp": { "lambda": { "lambdaArn": "arn:f" } } } });
        for document in grants(&names, "1", [&lambda].into_iter(), |_| None).values() {
            assert_eq!(completed(document, document).as_ref(), Some(document));
            assert_eq!(completed(&Value::Null, document).as_ref(), Some(document));
        }
    }

    #[test]
    fn the_base_policy_leaves_room_on_the_role() {
        let names = StackNames::new(&"ap-southeast-7".parse().unwrap(), &"x-".repeat(48).parse().unwrap());
        let size = gateway_base(&names, "123456789012", &[]).to_string().len();
        assert!(size < 10_240 / 2, "{size} of the role's 10,240 characters");
    }
}
