//! The IAM actions that a service's operations need.
//!
//! Most actions have the operation's name, with the service's signing name as their prefix. The exceptions are
//! in `actions.json`, collected from the service authorization reference, from AWS's models and from AWS's
//! guides. An operation that the reference lacks keeps its own name, because the reference lags behind.

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

use super::shape::Traits;

#[derive(Deserialize)]
struct Table {
    /// The prefix of a service's actions, by its signing name; null if the service needs no IAM permission.
    prefixes: HashMap<String, Option<String>>,
    /// Actions by signing name and operation; with a prefix if they belong to another service.
    operations: HashMap<String, HashMap<String, Vec<String>>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    serde_json::from_str(include_str!("actions.json")).expect("actions.json is a table (a unit test reads it)")
});

/// The key of a service's operations in the table; `None` if its requests are not signed and so need no IAM
/// permission.
pub(super) fn key(signing_name: Option<&str>, sdk_id: &str) -> Option<String> {
    Some(match sdk_id {
        // The signing names of these two are those of S3 and of API Gateway's APIs.
        "S3 Control" => "s3-control".to_owned(),
        "ConnectParticipant" => "connect-participant".to_owned(),
        _ => signing_name?.to_owned(),
    })
}

/// The actions of an operation, as `service:Action`.
pub(super) fn of_operation(key: Option<&str>, name: &str, traits: Traits<'_>) -> Vec<String> {
    // A request without credentials needs no IAM permission.
    let is_unsigned = traits.get("auth").and_then(|schemes| schemes.as_array()).is_some_and(Vec::is_empty);
    let Some(key) = key.filter(|_| !is_unsigned) else { return Vec::new() };
    let prefix = match TABLE.prefixes.get(key) {
        Some(None) => return Vec::new(),
        Some(Some(prefix)) => prefix,
        None => key,
    };
    let own = traits.text("aws.iam#actionName").or_else(|| traits.get("aws.iam#iamAction")?["name"].as_str());
    let known = TABLE.operations.get(key).and_then(|operations| operations.get(name));
    let actions: Vec<&str> = match (own, known) {
        (Some(own), _) => vec![own],
        (None, Some(actions)) => actions.iter().map(String::as_str).collect(),
        (None, None) => vec![verb_of_api_gateway(key, name, traits).unwrap_or(name)],
    };
    let further = traits.get("aws.iam#requiredActions").and_then(|all| all.as_array()).into_iter().flatten();
    let further = further.filter_map(|action| action.as_str().map(str::to_owned));
    let full = |action: &str| if action.contains(':') { action.to_owned() } else { format!("{prefix}:{action}") };
    actions.into_iter().map(full).chain(further).collect()
}

/// API Gateway's actions are HTTP methods, except for its newer resources.
fn verb_of_api_gateway<'a>(key: &str, name: &str, traits: Traits<'a>) -> Option<&'a str> {
    let is_newer = ["Portal", "Product", "RoutingRule"].iter().any(|word| name.contains(word));
    traits.get("http")?["method"].as_str().filter(|_| key == "apigateway" && !is_newer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_actions() {
        for (key, operations) in &TABLE.operations {
            assert!(TABLE.prefixes.get(key).is_none_or(Option::is_some), "{key}");
            for (name, actions) in operations {
                let good = |action: &String| !action.is_empty() && action.matches(':').count() <= 1;
                assert!(!actions.is_empty() && actions.iter().all(good), "{key}:{name}");
            }
        }
    }
}
