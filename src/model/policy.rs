//! IAM documents, filled from `templates/iam`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::naming::StackNames;

/// Who may assume the execution role: the AgentCore service, for this one gateway. Gateway ids
/// are the lower-cased name and ten characters, hence the ten question marks.
pub fn gateway_trust(names: &StackNames, account: &str) -> Value {
    fill(include_str!("../../templates/iam/gateway-trust.json"), names, account)
}

/// What the execution role may do with everything that the stack makes itself. It does not grow
/// with new targets, so a new target waits for no IAM propagation.
pub fn gateway_base(names: &StackNames, account: &str) -> Value {
    fill(include_str!("../../templates/iam/gateway-base.json"), names, account)
}

/// What the execution role may do with functions that the user brought: all of them in one
/// policy, rewritten as a set.
pub fn invoke_functions(arns: &BTreeSet<String>) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Sid": "InvokeFunctionsOfTargets", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arns }
        ],
    })
}

/// Who may assume the sample function's role.
pub fn function_trust(names: &StackNames, account: &str) -> Value {
    fill(include_str!("../../templates/iam/function-trust.json"), names, account)
}

/// What the sample function may do: write streams into its log group, and not make the group
/// again after `cleanup` removed it.
pub fn function_logs(names: &StackNames, account: &str) -> Value {
    fill(include_str!("../../templates/iam/function-logs.json"), names, account)
}

/// Puts values in place of `{name}` inside the strings of a template, never into its syntax.
fn fill(template: &str, names: &StackNames, account: &str) -> Value {
    let values = [
        ("{partition}", names.region.partition().to_owned()),
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
            gateway_base(&names, "123456789012"),
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
    fn the_base_policy_leaves_room_on_the_role() {
        let names = StackNames::new(&"ap-southeast-7".parse().unwrap(), &"x-".repeat(48).parse().unwrap());
        let size = gateway_base(&names, "123456789012").to_string().len();
        assert!(size < 10_240 / 2, "{size} of the role's 10,240 characters");
    }
}
