//! The IAM policy that a caller of this program needs.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{fill_strings, texts};
use crate::model::name::Region;

/// What a caller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doing {
    /// All commands that change nothing.
    Show,
    Create,
    /// `update` and `client`.
    Update,
    Target,
    /// `cleanup` and `delete`.
    Cleanup,
}

impl Doing {
    fn name(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Create => "create",
            Self::Update => "update",
            Self::Target => "target",
            Self::Cleanup => "cleanup",
        }
    }
}

/// The least policy for a caller who does these things, for resources with the names that this program gives.
///
/// Which actions take which resources is from AWS's service authorization reference, except for:
///
/// - `ListGatewayTargets`, which was denied for anything but `*` (seen by one project);
/// - `AllowVendedLogDeliveryForResource`, of which it has no gateways: CloudWatch Logs user guide, "Service-specific
///   permissions", and CDK constructs that name the gateway's ARN;
/// - `CreateTokenVault`, which it does not have: AWS named it in denials;
/// - `DeleteDeliverySource`, for which it names destinations;
/// - `GetRole`, as a role that does not exist has no path.
///
/// Actions that AWS takes in the caller's name: for workload identities, token vaults, secrets of providers and credentials
/// of MCP servers, denials that named them; for deliveries, CloudWatch Logs user guide, "Logging that requires additional
/// permissions (V2)" and "Traces sent to X-Ray".
pub fn caller(doings: &BTreeSet<Doing>, region: Option<&Region>, account: Option<&str>) -> Value {
    let mut statements: Vec<Map<String, Value>> = Vec::new();
    for mut statement in templates() {
        let is_for = |doing: &Doing| contains(&statement["For"], doing.name());
        if !doings.iter().any(is_for) {
            continue;
        }
        statement.shift_remove("For");
        let same = |other: &&mut Map<String, Value>| {
            other["Resource"] == statement["Resource"] && other.get("Condition") == statement.get("Condition")
        };
        match statements.iter_mut().find(same) {
            Some(other) => {
                let actions: BTreeSet<String> =
                    texts(&other["Action"]).into_iter().chain(texts(&statement["Action"])).collect();
                other["Action"] = json!(actions);
            }
            None => statements.push(statement),
        }
    }
    let partition = region.map_or("aws", |region| region.partition().name);
    let values = [
        ("{partition}", partition.to_owned()),
        ("{region}", region.map_or("REGION".to_owned(), ToString::to_string)),
        ("{account}", account.unwrap_or("ACCOUNT").to_owned()),
    ];
    let mut policy = json!({ "Version": "2012-10-17", "Statement": statements });
    fill_strings(&mut policy, &values);
    policy
}

/// The statements of all callers, each with what it is for.
fn templates() -> Vec<Map<String, Value>> {
    serde_json::from_str(include_str!("../../../templates/iam/caller.json"))
        .expect("caller.json is a list of objects (a unit test reads it)")
}

fn contains(list: &Value, text: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|item| item == text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Doing; 5] = [Doing::Show, Doing::Create, Doing::Update, Doing::Target, Doing::Cleanup];

    #[test]
    fn every_statement_is_for_something() {
        for statement in templates() {
            let known = ALL.iter().any(|doing| contains(&statement["For"], doing.name()));
            assert!(known && !texts(&statement["Action"]).is_empty(), "{statement:?}");
        }
    }

    #[test]
    fn statements_for_the_same_resources_are_one() {
        let policy = caller(&BTreeSet::from(ALL), None, None);
        let statements = policy["Statement"].as_array().unwrap();
        // Their names are those of the resources.
        let names: BTreeSet<&str> = statements.iter().map(|statement| statement["Sid"].as_str().unwrap()).collect();
        assert_eq!(names.len(), statements.len(), "{policy:#}");
        assert!(!policy.to_string().contains("{partition}"));
    }

    #[test]
    fn a_role_can_have_it() {
        let region = "us-gov-west-1".parse().unwrap();
        for (doings, limit) in [
            (vec![Doing::Show], 6144),
            (vec![Doing::Create], 6144),
            (vec![Doing::Update], 6144),
            (vec![Doing::Target], 6144),
            (vec![Doing::Cleanup], 6144),
            // IAM's limits: 6,144 characters for a managed policy, 10,240 for the inline policies of a role.
            (ALL.to_vec(), 10_240),
        ] {
            let policy = caller(&doings.into_iter().collect(), Some(&region), Some("123456789012"));
            let length = policy.to_string().chars().filter(|c| !c.is_whitespace()).count();
            assert!(length <= limit, "{length}");
            assert!(policy.to_string().contains("arn:aws-us-gov:iam::123456789012:role/"));
        }
    }
}
