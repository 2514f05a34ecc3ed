//! Roles: their trust, boundary and tags.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Answer, Call, Iam, ListOfRole, MOST_TAGS, Page, Role, TRUST_POLICY_LIMIT, Tag, Use, conflict, duplicate_keys,
    grammar, iso8601, limit_exceeded, percent_encoded, shown_tags, without_spaces,
};
use crate::local::{random, wire::WireError};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleName {
    role_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateRole {
    role_name: String,
    path: Option<String>,
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(iam: &mut Iam, call: &Call, input: CreateRole) -> Answer {
    duplicate_keys(&input.tags)?;
    check_trust(&input.assume_role_policy_document)?;
    let name = input.role_name;
    // Role names are case-insensitively unique.
    if iam.roles.values().any(|role| role.name.eq_ignore_ascii_case(&name)) {
        return Err(conflict("EntityAlreadyExists", format!("Role with name {name} already exists.")));
    }
    if let Some(arn) = &input.permissions_boundary {
        iam.must_be_attachable(arn)?;
    }
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let role = Role {
        id: format!("AROA{}", random::upper_alphanumeric(17)),
        arn: format!("arn:aws:iam::{}:role{path}{name}", call.account),
        path,
        trust: input.assume_role_policy_document,
        description: input.description,
        max_session_duration: input.max_session_duration.unwrap_or(3600),
        permissions_boundary: input.permissions_boundary,
        tags: input.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        inline: BTreeMap::new(),
        attached: BTreeMap::new(),
        created: call.now,
        trusted_since: call.now,
        name: name.clone(),
    };
    let answer = json!({ "Role": describe(&role) });
    iam.roles.insert(name, role);
    Ok(answer)
}

pub(super) fn get(iam: &mut Iam, _: &Call, input: RoleName) -> Answer {
    Ok(json!({ "Role": describe(iam.role(&input.role_name)?) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRoles {
    path_prefix: Option<String>,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn list(iam: &mut Iam, call: &Call, input: ListRoles) -> Answer {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let shown = iam.roles.iter().filter(|(_, role)| role.path.starts_with(prefix) && call.propagated(role.created));
    input.page.answer("Roles", shown.map(|(name, role)| (name, describe_in_list(role))))
}

pub(super) fn delete(iam: &mut Iam, _: &Call, input: RoleName) -> Answer {
    let role = iam.role(&input.role_name)?;
    if !role.attached.is_empty() {
        return Err(conflict("DeleteConflict", "Cannot delete entity, must detach all policies first."));
    }
    if !role.inline.is_empty() {
        return Err(conflict("DeleteConflict", "Cannot delete entity, must delete policies first."));
    }
    iam.roles.remove(&input.role_name);
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateRole {
    role_name: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
}

pub(super) fn update(iam: &mut Iam, _: &Call, input: UpdateRole) -> Answer {
    let role = iam.role_mut(&input.role_name)?;
    if input.description.is_some() {
        role.description = input.description;
    }
    // Omitted members are reset to their defaults, except the description.
    role.max_session_duration = input.max_session_duration.unwrap_or(3600);
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateTrust {
    role_name: String,
    policy_document: String,
}

pub(super) fn update_trust(iam: &mut Iam, call: &Call, input: UpdateTrust) -> Answer {
    let role = iam.role_mut(&input.role_name)?;
    check_trust(&input.policy_document)?;
    role.trust = input.policy_document;
    role.trusted_since = call.now;
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutBoundary {
    role_name: String,
    permissions_boundary: String,
}

pub(super) fn put_boundary(iam: &mut Iam, _: &Call, input: PutBoundary) -> Answer {
    iam.role(&input.role_name)?;
    iam.must_be_attachable(&input.permissions_boundary)?;
    iam.role_mut(&input.role_name)?.permissions_boundary = Some(input.permissions_boundary);
    Ok(Value::Null)
}

pub(super) fn delete_boundary(iam: &mut Iam, _: &Call, input: RoleName) -> Answer {
    iam.role_mut(&input.role_name)?.permissions_boundary = None;
    Ok(Value::Null)
}

/// Instance profiles are not supported, so a role is in none.
pub(super) fn list_instance_profiles(iam: &mut Iam, _: &Call, input: ListOfRole) -> Answer {
    iam.role(&input.role_name)?;
    Ok(json!({ "InstanceProfiles": [], "IsTruncated": false }))
}

pub(super) fn list_tags(iam: &mut Iam, _: &Call, input: ListOfRole) -> Answer {
    let tags = &iam.role(&input.role_name)?.tags;
    input.page.answer("Tags", tags.iter().map(|(key, value)| (key, json!({ "Key": key, "Value": value }))))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagRole {
    role_name: String,
    tags: Vec<Tag>,
}

pub(super) fn tag(iam: &mut Iam, _: &Call, input: TagRole) -> Answer {
    duplicate_keys(&input.tags)?;
    let role = iam.role_mut(&input.role_name)?;
    let mut tags = role.tags.clone();
    tags.extend(input.tags.into_iter().map(|tag| (tag.key, tag.value)));
    if tags.len() > MOST_TAGS {
        return Err(limit_exceeded(format!("The number of tags has reached the maximum limit of {MOST_TAGS}.")));
    }
    role.tags = tags;
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagRole {
    role_name: String,
    tag_keys: Vec<String>,
}

pub(super) fn untag(iam: &mut Iam, _: &Call, input: UntagRole) -> Answer {
    iam.role_mut(&input.role_name)?.tags.retain(|key, _| !input.tag_keys.contains(key));
    Ok(Value::Null)
}

pub(super) fn describe(role: &Role) -> Value {
    let mut document = describe_in_list(role);
    if !role.tags.is_empty() {
        document["Tags"] = shown_tags(&role.tags);
    }
    if let Some(arn) = &role.permissions_boundary {
        document["PermissionsBoundary"] = json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn });
    }
    document
}

/// `ListRoles` omits tags and permissions boundary (IAM API reference, `ListRoles`).
pub(super) fn describe_in_list(role: &Role) -> Value {
    json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": iso8601(role.created),
        "AssumeRolePolicyDocument": percent_encoded(&role.trust),
        "Description": role.description,
        "MaxSessionDuration": role.max_session_duration,
    })
}

pub(super) fn check_trust(text: &str) -> Result<(), WireError> {
    grammar::check(text, Use::Trust)?;
    if without_spaces(text) > TRUST_POLICY_LIMIT {
        return Err(limit_exceeded(format!("Cannot exceed quota for ACLSizePerRole: {TRUST_POLICY_LIMIT}")));
    }
    Ok(())
}
