//! The API's documents in the words of CloudFormation, and its functions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Objects whose keys are the user's own names, and whose values are the API's.
const OWN_KEYS: [&str; 1] = ["properties"];
/// Objects that are the user's own as a whole.
const OWN: [&str; 7] = [
    "customParameters",
    "advertisedScopeMapping",
    "parameters",
    "parameterValues",
    "tags",
    "additionalHeaderClaims",
    "additionalPayloadClaims",
];

pub(super) fn reference(id: &str) -> Value {
    json!({ "Ref": id })
}

pub(super) fn attribute(id: &str, name: &str) -> Value {
    json!({ "Fn::GetAtt": [id, name] })
}

pub(super) fn substituted(text: &str) -> Value {
    json!({ "Fn::Sub": text })
}

/// Tags as a list, as most resources have them.
pub(super) fn listed(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// A name as a logical id: letters and digits.
pub(super) fn camel(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    words.map(capital).collect()
}

/// A document of the API in the words of CloudFormation.
pub(super) fn capitals(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                let value = match value {
                    value if OWN.contains(&name.as_str()) => value.clone(),
                    Value::Object(own) if OWN_KEYS.contains(&name.as_str()) => {
                        let inner = own.iter().map(|(key, value)| (key.clone(), capitals(value)));
                        Value::Object(inner.collect())
                    }
                    value => capitals(value),
                };
                (name[..1].to_ascii_uppercase() + &name[1..], value)
            };
            Value::Object(
                members.iter().filter(|(name, _)| name.starts_with(|c: char| c.is_ascii())).map(member).collect(),
            )
        }
        Value::Array(items) => items.iter().map(capitals).collect(),
        value => value.clone(),
    }
}
