//! The grammar of policy documents (IAM user guide, "Grammar of the IAM JSON policy language"), as far as IAM
//! enforces it when a policy is written.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::local::{
    services::answer::{bad_request, not_implemented},
    wire::WireError,
};
use crate::model::policy::evaluate::is_evaluated;

/// AWS's condition operators that this server does not support.
const NOT_EVALUATED: [&str; 15] = [
    "BinaryEquals",
    "DateEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateNotEquals",
    "IpAddress",
    "NotIpAddress",
    "NumericEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericNotEquals",
];

/// The type of a policy document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// An identity policy: it names resources, and no principals.
    Identity,
    /// A trust policy: it names principals, and no resources.
    Trust,
}

/// Checks that the text is a valid policy document of this type.
pub(super) fn check(text: &str, used: Use) -> Result<(), WireError> {
    let Ok(document) = serde_json::from_str::<Value>(text) else {
        return malformed("This policy contains invalid Json");
    };
    let Value::Object(members) = &document else { return malformed("Syntax errors in policy.") };
    if members.keys().any(|key| !["Version", "Id", "Statement"].contains(&key.as_str())) {
        return malformed("Syntax errors in policy.");
    }
    if !matches!(members.get("Version").map(Value::as_str), None | Some(Some("2012-10-17" | "2008-10-17"))) {
        return malformed("The policy must contain a valid version string");
    }
    let statements = match members.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.as_slice(),
        Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
        _ => return malformed("Syntax errors in policy."),
    };
    let mut ids = BTreeSet::new();
    for statement in statements {
        check_statement(statement, used)?;
        if let Some(id) = statement["Sid"].as_str()
            && !(id.chars().all(|c| c.is_ascii_alphanumeric()) && (id.is_empty() || ids.insert(id)))
        {
            return malformed(
                "Statement IDs (SID) must be alpha-numeric and unique within a policy. Check that your input satisfies \
                 the regular expression [0-9A-Za-z]*",
            );
        }
    }
    Ok(())
}

fn malformed<T>(why: &str) -> Result<T, WireError> {
    Err(bad_request("MalformedPolicyDocument", why))
}

fn check_statement(statement: &Value, used: Use) -> Result<(), WireError> {
    const KEYS: [&str; 9] =
        ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal", "NotPrincipal"];
    let syntax = || malformed("Syntax errors in policy.");
    let Value::Object(members) = statement else { return syntax() };
    if members.keys().any(|key| !KEYS.contains(&key.as_str())) || members.get("Sid").is_some_and(|id| !id.is_string()) {
        return syntax();
    }
    if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
        return syntax();
    }
    let one_of = |plain: &str, not: &str| match (members.get(plain), members.get(not)) {
        (Some(element), None) | (None, Some(element)) => texts(element),
        _ => None,
    };
    let Some(actions) = one_of("Action", "NotAction") else { return syntax() };
    let well_formed =
        |action: &&str| *action == "*" || action.split_once(':').is_some_and(|(service, _)| !service.is_empty());
    if !actions.iter().all(well_formed) {
        return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    }
    let has = |key: &str| members.contains_key(key);
    match used {
        Use::Identity => {
            if has("Principal") || has("NotPrincipal") {
                return malformed("Policy document should not specify a principal.");
            }
            let Some(resources) = one_of("Resource", "NotResource") else {
                return malformed("Policy statement must contain resources.");
            };
            if let Some(resource) = resources.iter().find(|resource| **resource != "*" && !resource.starts_with("arn:"))
            {
                return malformed(&format!("Resource {resource} must be in ARN format or \"*\"."));
            }
        }
        Use::Trust => {
            if has("Resource") || has("NotResource") {
                return malformed("Has prohibited field Resource");
            }
            if !has("Principal") && !has("NotPrincipal") {
                return malformed("Missing required field Principal");
            }
            if !actions.iter().all(|action| *action == "*" || action.to_lowercase().starts_with("sts:")) {
                return malformed("AssumeRole policy may only specify STS AssumeRole actions.");
            }
        }
    }
    check_conditions(members.get("Condition"))
}

fn check_conditions(conditions: Option<&Value>) -> Result<(), WireError> {
    let Some(conditions) = conditions else { return Ok(()) };
    let Value::Object(operators) = conditions else { return malformed("Syntax errors in policy.") };
    for (operator, keys) in operators {
        let bare = operator.rsplit_once(':').map_or(operator.as_str(), |(_, bare)| bare);
        let bare = bare.strip_suffix("IfExists").unwrap_or(bare);
        if NOT_EVALUATED.contains(&bare) {
            return Err(not_implemented(format!("the local AWS does not evaluate the condition operator {operator}")));
        }
        if !is_evaluated(operator) {
            return malformed(&format!("Invalid Condition type : {operator}."));
        }
        if !keys.as_object().is_some_and(|keys| keys.values().all(|values| scalars(values).is_some())) {
            return malformed("Syntax errors in policy.");
        }
    }
    Ok(())
}

/// A string, or a non-empty list of strings.
fn texts(element: &Value) -> Option<Vec<&str>> {
    match element {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) if !items.is_empty() => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Checks the values of a condition: strings, booleans and numbers.
fn scalars(values: &Value) -> Option<()> {
    let scalar = |value: &Value| value.is_string() || value.is_boolean() || value.is_number();
    match values {
        Value::Array(items) => items.iter().all(scalar).then_some(()),
        value => scalar(value).then_some(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(used: Use, statement: Value) -> Option<String> {
        let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        check(&document, used).err().map(|error| error.code)
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        let with = |more: Value| {
            let mut statement = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" });
            statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            statement.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            statement
        };
        assert_eq!(refusal(Use::Identity, with(json!({}))), None);
        for bad in [
            json!({ "Resource": null }),
            json!({ "Principal": "*" }),
            json!({ "Action": "foo" }),
            json!({ "Action": 5 }),
            json!({ "NotAction": "s3:*" }),
            json!({ "Resource": "foo" }),
            json!({ "Resources": "*" }),
            json!({ "Condition": "x" }),
            json!({ "Condition": { "Foo": { "a": "b" } } }),
            json!({ "Sid": "a b!" }),
            json!({ "Effect": "Maybe" }),
        ] {
            assert_eq!(refusal(Use::Identity, with(bad.clone())).as_deref(), Some("MalformedPolicyDocument"), "{bad}");
        }
        assert!(refusal(Use::Identity, json!([])).is_some());
        assert!(refusal(Use::Identity, json!([with(json!({ "Sid": "a" })), with(json!({ "Sid": "a" }))])).is_some());
        let dated = with(json!({ "Condition": { "DateLessThan": { "aws:CurrentTime": "2030-01-01" } } }));
        assert_eq!(refusal(Use::Identity, dated).as_deref(), Some("NotImplemented"));
    }

    #[test]
    fn a_trust_policy_has_principals_and_no_resources() {
        let trust = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "x" } });
        assert_eq!(refusal(Use::Trust, trust.clone()), None);
        for (key, value) in [("Principal", Value::Null), ("Resource", json!("*")), ("Action", json!("s3:GetObject"))] {
            let mut statement = trust.clone();
            match value {
                Value::Null => drop(statement.as_object_mut().unwrap().remove(key)),
                value => statement[key] = value,
            }
            assert!(refusal(Use::Trust, statement).is_some(), "{key}");
        }
        let document = json!({ "Version": "2020-01-01", "Statement": trust }).to_string();
        assert!(check(&document, Use::Trust).is_err());
    }
}
