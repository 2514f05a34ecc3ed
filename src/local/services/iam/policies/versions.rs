//! Versions of managed policies.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Iam, MOST_VERSIONS, Policy, PolicyArn, Version, check_size, conflict, limit_exceeded, no_such_entity,
    percent_encoded,
};
use crate::local::{
    services::{answer::Answer, answer::iso8601, call::Call},
    wire::WireError,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateVersion {
    policy_arn: String,
    policy_document: String,
    #[serde(default)]
    set_as_default: bool,
}

pub(crate) fn create_version(iam: &mut Iam, call: &Call, input: CreateVersion) -> Answer {
    check_size(&input.policy_document)?;
    let policy = iam.own_policy(&input.policy_arn)?;
    if policy.versions.len() >= MOST_VERSIONS {
        return Err(limit_exceeded(
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
        ));
    }
    let number = policy.versions.keys().next_back().map_or(1, |last| last + 1);
    let version = Version { document: input.policy_document, created: call.now };
    policy.versions.insert(number, version);
    policy.updated = call.now;
    if input.set_as_default {
        policy.default = number;
    }
    Ok(json!({ "PolicyVersion": describe_version(policy, number, false) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VersionId {
    policy_arn: String,
    version_id: String,
}

impl VersionId {
    /// Parses the version number, and checks that the version exists.
    fn number(&self, policy: &Policy) -> Result<u32, WireError> {
        let number = self.version_id.trim_start_matches('v').parse().ok();
        number.filter(|number| policy.versions.contains_key(number)).ok_or_else(|| {
            no_such_entity(format!("Policy {} version {} does not exist.", self.policy_arn, self.version_id))
        })
    }
}

pub(crate) fn describe_version(policy: &Policy, number: u32, with_document: bool) -> Value {
    let Some(version) = policy.versions.get(&number) else { return Value::Null };
    json!({
        "Document": with_document.then(|| percent_encoded(&version.document)),
        "VersionId": format!("v{number}"),
        "IsDefaultVersion": number == policy.default,
        "CreateDate": iso8601(version.created),
    })
}

pub(crate) fn get_version(iam: &mut Iam, _: &Call, input: VersionId) -> Answer {
    let version = iam.policy(&input.policy_arn, |policy| {
        input.number(policy).map(|number| describe_version(policy, number, true))
    })??;
    Ok(json!({ "PolicyVersion": version }))
}

pub(crate) fn list_versions(iam: &mut Iam, _: &Call, input: PolicyArn) -> Answer {
    iam.policy(&input.policy_arn, |policy| {
        let shown =
            policy.versions.keys().map(|number| (format!("{number:010}"), describe_version(policy, *number, false)));
        input.page.answer("Versions", shown)
    })?
}

pub(crate) fn set_default_version(iam: &mut Iam, _: &Call, input: VersionId) -> Answer {
    let policy = iam.own_policy(&input.policy_arn)?;
    policy.default = input.number(policy)?;
    Ok(Value::Null)
}

pub(crate) fn delete_version(iam: &mut Iam, _: &Call, input: VersionId) -> Answer {
    let policy = iam.own_policy(&input.policy_arn)?;
    let number = input.number(policy)?;
    if number == policy.default {
        return Err(conflict("DeleteConflict", "Cannot delete the default version of a policy."));
    }
    policy.versions.remove(&number);
    Ok(Value::Null)
}
