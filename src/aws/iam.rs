//! Roles and their inline policies.

use std::{collections::BTreeMap, time::SystemTime};

use aws_sdk_iam::types::{Role as SdkRole, Tag};
use futures_util::future::{try_join, try_join_all};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    Aws, Error,
    error::{absent, deleted, of},
};

const SERVICE: &str = "IAM";

/// A role's desired state.
#[derive(Debug, Clone)]
pub struct RoleSpec {
    pub name: String,
    pub path: String,
    pub description: String,
    pub trust: Value,
    pub permissions_boundary: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// A role's actual state.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    pub name: String,
    pub arn: String,
    pub path: String,
    pub trust: Value,
    pub tags: BTreeMap<String, String>,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// By IAM's clock.
    pub created: SystemTime,
}

impl Role {
    /// The account that its ARN names.
    pub fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    fn read(role: SdkRole) -> Self {
        let tags = role.tags.unwrap_or_default();
        Self {
            name: role.role_name,
            arn: role.arn,
            path: role.path,
            trust: document(role.assume_role_policy_document.as_deref().unwrap_or_default()),
            boundary: role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
            tags: tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            created: SystemTime::try_from(role.create_date).unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }
}

/// Decodes a document, which IAM returns URL-encoded; null if it is not JSON.
fn document(encoded: &str) -> Value {
    serde_json::from_str(&percent_decode_str(encoded).decode_utf8_lossy()).unwrap_or_default()
}

/// Creates a role with its owner's tags; an error of class `Exists` if the name is taken.
pub async fn create_role(aws: &Aws, spec: &RoleSpec) -> Result<Role, Error> {
    let tag =
        |(key, value): (&String, &String)| {
            Tag::builder().key(key).value(value).build().map_err(|error| {
                Error::unexpected(SERVICE, "CreateRole", &format!("the tag {key} is incomplete: {error}"))
            })
        };
    let answer = aws
        .iam
        .create_role()
        .role_name(&spec.name)
        .path(&spec.path)
        .description(&spec.description)
        .assume_role_policy_document(spec.trust.to_string())
        .set_permissions_boundary(spec.permissions_boundary.clone())
        .set_tags(Some(spec.tags.iter().map(tag).collect::<Result<_, _>>()?))
        .send()
        .await
        .map_err(of(SERVICE, "CreateRole"))?;
    answer.role.map(Role::read).ok_or_else(|| Error::unexpected(SERVICE, "CreateRole", "the answer has no role"))
}

pub async fn find_role(aws: &Aws, name: &str) -> Result<Option<Role>, Error> {
    let answer = aws.iam.get_role().role_name(name).send().await.map_err(of(SERVICE, "GetRole"));
    Ok(absent(answer)?.and_then(|answer| answer.role).map(Role::read))
}

pub async fn update_trust(aws: &Aws, name: &str, trust: &Value) -> Result<(), Error> {
    let call = aws.iam.update_assume_role_policy().role_name(name).policy_document(trust.to_string());
    call.send().await.map(drop).map_err(of(SERVICE, "UpdateAssumeRolePolicy"))
}

/// Adds a tag to a role.
pub async fn tag_role(aws: &Aws, role: &str, key: &str, value: &str) -> Result<(), Error> {
    let tag = Tag::builder().key(key).value(value).build();
    let tag = tag.map_err(|error| Error::unexpected(SERVICE, "TagRole", &error.to_string()))?;
    aws.iam.tag_role().role_name(role).tags(tag).send().await.map(drop).map_err(of(SERVICE, "TagRole"))
}

/// Removes a tag from a role; false if there is no such role.
pub async fn untag_role(aws: &Aws, role: &str, key: &str) -> Result<bool, Error> {
    deleted(aws.iam.untag_role().role_name(role).tag_keys(key).send().await.map_err(of(SERVICE, "UntagRole")))
}

pub async fn find_policy(aws: &Aws, role: &str, policy: &str) -> Result<Option<Value>, Error> {
    let call = aws.iam.get_role_policy().role_name(role).policy_name(policy);
    let answer = call.send().await.map_err(of(SERVICE, "GetRolePolicy"));
    Ok(absent(answer)?.map(|answer| document(&answer.policy_document)))
}

/// The names of a role's inline policies; none if the role is gone.
pub async fn policy_names(aws: &Aws, role: &str) -> Result<Vec<String>, Error> {
    Ok(inline_policies(aws, role).await?.unwrap_or_default())
}

pub async fn put_policy(aws: &Aws, role: &str, policy: &str, document: &Value) -> Result<(), Error> {
    let call = aws.iam.put_role_policy().role_name(role).policy_name(policy).policy_document(document.to_string());
    call.send().await.map(drop).map_err(of(SERVICE, "PutRolePolicy"))
}

pub async fn delete_policy(aws: &Aws, role: &str, policy: &str) -> Result<bool, Error> {
    let call = aws.iam.delete_role_policy().role_name(role).policy_name(policy);
    deleted(call.send().await.map_err(of(SERVICE, "DeleteRolePolicy")))
}

/// Deletes a role that has no other policies than the inline ones of these names; false if it did not exist.
///
/// # Errors
/// `DeleteConflict` if it has others.
pub async fn delete_role_with(aws: &Aws, name: &str, inline: &[String]) -> Result<bool, Error> {
    delete_policies(aws, name, inline).await?;
    deleted(aws.iam.delete_role().role_name(name).send().await.map_err(of(SERVICE, "DeleteRole")))
}

/// Deletes a role and all its policies; false if it did not exist.
pub async fn delete_role(aws: &Aws, name: &str) -> Result<bool, Error> {
    let (Some(inline), Some(attached)) = try_join(inline_policies(aws, name), attached_policies(aws, name)).await?
    else {
        return Ok(false);
    };
    for arn in attached {
        let call = aws.iam.detach_role_policy().role_name(name).policy_arn(arn);
        deleted(call.send().await.map_err(of(SERVICE, "DetachRolePolicy")))?;
    }
    delete_role_with(aws, name, &inline).await
}

/// Deletes inline policies of a role, one after the other: concurrent changes of a role are rejected (service model,
/// `ConcurrentModificationException`).
pub async fn delete_policies(aws: &Aws, role: &str, names: &[String]) -> Result<(), Error> {
    for name in names {
        delete_policy(aws, role, name).await?;
    }
    Ok(())
}

/// The documents of a role's inline policies, by name.
pub async fn find_policies(aws: &Aws, role: &str, names: &[String]) -> Result<Vec<(String, Value)>, Error> {
    let looks = names.iter().map(async |name| {
        let found = find_policy(aws, role, name).await?;
        Ok::<_, Error>(found.map(|document| (name.clone(), document)))
    });
    Ok(try_join_all(looks).await?.into_iter().flatten().collect())
}

/// The documents of the managed policies that somebody attached to a role, by ARN.
pub async fn find_attached_policies(aws: &Aws, role: &str) -> Result<Vec<(String, Value)>, Error> {
    let arns = attached_policies(aws, role).await?.unwrap_or_default();
    let looks = arns.into_iter().map(async |arn| {
        let document = managed_policy(aws, &arn).await?;
        Ok::<_, Error>((arn, document))
    });
    try_join_all(looks).await
}

/// The document of a managed policy's default version.
pub async fn managed_policy(aws: &Aws, arn: &str) -> Result<Value, Error> {
    let answer = aws.iam.get_policy().policy_arn(arn).send().await.map_err(of(SERVICE, "GetPolicy"))?;
    let version = answer.policy.and_then(|policy| policy.default_version_id);
    let missing = || Error::unexpected(SERVICE, "GetPolicy", "the answer has no version");
    let call = aws.iam.get_policy_version().policy_arn(arn).version_id(version.ok_or_else(missing)?);
    let answer = call.send().await.map_err(of(SERVICE, "GetPolicyVersion"))?;
    let version = answer.policy_version.and_then(|version| version.document);
    Ok(document(version.as_deref().unwrap_or_default()))
}

/// Names of a role's inline policies; `None` if there is no such role.
async fn inline_policies(aws: &Aws, role: &str) -> Result<Option<Vec<String>>, Error> {
    let pages = aws.iam.list_role_policies().role_name(role).into_paginator().items().send();
    absent(pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "ListRolePolicies")))
}

/// ARNs of the managed policies that somebody attached to a role.
async fn attached_policies(aws: &Aws, role: &str) -> Result<Option<Vec<String>>, Error> {
    let pages = aws.iam.list_attached_role_policies().role_name(role).into_paginator().items().send();
    let policies = pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "ListAttachedRolePolicies"));
    Ok(absent(policies)?.map(|policies| policies.into_iter().filter_map(|policy| policy.policy_arn).collect()))
}

/// The paths of all roles below an IAM path, for `cleanup --all`.
pub async fn paths_below(aws: &Aws, prefix: &str) -> Result<Vec<String>, Error> {
    let pages = aws.iam.list_roles().path_prefix(prefix).into_paginator().items().send();
    let roles = pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "ListRoles"))?;
    Ok(roles.into_iter().map(|role| role.path).collect())
}
