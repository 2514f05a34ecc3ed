//! IAM: roles and policies, and evaluation of whether a role may be assumed or may perform an action.

mod access;
mod grammar;
mod operations;
mod policies;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::{
    access::{Verdict, evaluate},
    grammar::Use,
};
use super::{Answer, Call, ErrorCodes, Service, bad_request, iso8601};
use crate::local::{
    random,
    wire::{Protocol, WireError},
};

/// The most characters of a role's inline policies together, without white space (IAM user guide, "IAM and AWS
/// STS quotas").
const INLINE_POLICY_LIMIT: usize = 10_240;
/// The most characters of a trust policy, without white space (same page).
const TRUST_POLICY_LIMIT: usize = 2_048;
/// Most managed policies attached to a role (same page).
const MOST_ATTACHED: usize = 10;
/// Most tags of a role (same page).
const MOST_TAGS: usize = 50;

pub(crate) const SERVICE: Service = Service {
    scope: "iam",
    protocol: Protocol::Query { xml_namespace: "https://iam.amazonaws.com/doc/2010-05-08/" },
    operations: operations::OPERATIONS,
    errors: ErrorCodes::plain("InvalidClientTokenId", "MalformedInput", "ValidationError"),
};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Iam {
    roles: BTreeMap<String, Role>,
    /// The account's own managed policies, by ARN.
    #[serde(default)]
    policies: BTreeMap<String, policies::Policy>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Role {
    name: String,
    id: String,
    path: String,
    arn: String,
    trust: String,
    description: Option<String>,
    max_session_duration: u32,
    permissions_boundary: Option<String>,
    tags: BTreeMap<String, String>,
    inline: BTreeMap<String, Inline>,
    /// Attached managed policies: ARN, and time of attachment (Unix milliseconds).
    #[serde(default)]
    attached: BTreeMap<String, i64>,
    created: i64,
    /// When the trust policy was last written. It takes effect only after the simulated delay.
    trusted_since: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Inline {
    document: String,
    written: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

/// Pagination parameters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    marker: Option<String>,
    max_items: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoleName {
    role_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateRole {
    role_name: String,
    path: Option<String>,
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

fn create_role(iam: &mut Iam, call: &Call, input: CreateRole) -> Answer {
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

fn get_role(iam: &mut Iam, _: &Call, input: RoleName) -> Answer {
    Ok(json!({ "Role": describe(iam.role(&input.role_name)?) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListRoles {
    path_prefix: Option<String>,
    #[serde(flatten)]
    page: Page,
}

fn list_roles(iam: &mut Iam, call: &Call, input: ListRoles) -> Answer {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let shown = iam.roles.iter().filter(|(_, role)| role.path.starts_with(prefix) && call.propagated(role.created));
    input.page.answer("Roles", shown.map(|(name, role)| (name, describe_in_list(role))))
}

fn delete_role(iam: &mut Iam, _: &Call, input: RoleName) -> Answer {
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
struct UpdateRole {
    role_name: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
}

fn update_role(iam: &mut Iam, _: &Call, input: UpdateRole) -> Answer {
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
struct UpdateTrust {
    role_name: String,
    policy_document: String,
}

fn update_trust(iam: &mut Iam, call: &Call, input: UpdateTrust) -> Answer {
    let role = iam.role_mut(&input.role_name)?;
    check_trust(&input.policy_document)?;
    role.trust = input.policy_document;
    role.trusted_since = call.now;
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutBoundary {
    role_name: String,
    permissions_boundary: String,
}

fn put_boundary(iam: &mut Iam, _: &Call, input: PutBoundary) -> Answer {
    iam.role(&input.role_name)?;
    iam.must_be_attachable(&input.permissions_boundary)?;
    iam.role_mut(&input.role_name)?.permissions_boundary = Some(input.permissions_boundary);
    Ok(Value::Null)
}

fn delete_boundary(iam: &mut Iam, _: &Call, input: RoleName) -> Answer {
    iam.role_mut(&input.role_name)?.permissions_boundary = None;
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRolePolicy {
    role_name: String,
    policy_name: String,
    policy_document: String,
}

fn put_role_policy(iam: &mut Iam, call: &Call, input: PutRolePolicy) -> Answer {
    let role = iam.role_mut(&input.role_name)?;
    grammar::check(&input.policy_document, Use::Identity)?;
    let others = role.inline.iter().filter(|(name, _)| **name != input.policy_name);
    let others: usize = others.map(|(_, policy)| without_spaces(&policy.document)).sum();
    if others + without_spaces(&input.policy_document) > INLINE_POLICY_LIMIT {
        let message = format!("Maximum policy size of {INLINE_POLICY_LIMIT} bytes exceeded for role {}", role.name);
        return Err(limit_exceeded(message));
    }
    role.inline.insert(input.policy_name, Inline { document: input.policy_document, written: call.now });
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyName {
    role_name: String,
    policy_name: String,
}

impl PolicyName {
    fn missing(&self) -> WireError {
        no_such_entity(format!("The role policy with name {} cannot be found.", self.policy_name))
    }
}

fn get_role_policy(iam: &mut Iam, _: &Call, input: PolicyName) -> Answer {
    let policy = iam.role(&input.role_name)?.inline.get(&input.policy_name).ok_or_else(|| input.missing())?;
    Ok(json!({
        "RoleName": input.role_name,
        "PolicyName": input.policy_name,
        "PolicyDocument": percent_encoded(&policy.document),
    }))
}

fn delete_role_policy(iam: &mut Iam, _: &Call, input: PolicyName) -> Answer {
    let removed = iam.role_mut(&input.role_name)?.inline.remove(&input.policy_name);
    removed.map(|_| Value::Null).ok_or_else(|| input.missing())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListOfRole {
    role_name: String,
    #[serde(flatten)]
    page: Page,
}

fn list_role_policies(iam: &mut Iam, _: &Call, input: ListOfRole) -> Answer {
    let names = iam.role(&input.role_name)?.inline.keys();
    input.page.answer("PolicyNames", names.map(|name| (name, json!(name))))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment {
    role_name: String,
    policy_arn: String,
}

fn attach_policy(iam: &mut Iam, call: &Call, input: Attachment) -> Answer {
    iam.role(&input.role_name)?;
    iam.must_be_attachable(&input.policy_arn)?;
    let attached = &mut iam.role_mut(&input.role_name)?.attached;
    if !attached.contains_key(&input.policy_arn) && attached.len() >= MOST_ATTACHED {
        return Err(limit_exceeded(format!("Cannot exceed quota for PoliciesPerRole: {MOST_ATTACHED}")));
    }
    attached.entry(input.policy_arn).or_insert(call.now);
    Ok(Value::Null)
}

fn detach_policy(iam: &mut Iam, _: &Call, input: Attachment) -> Answer {
    policies::check_arn(&input.policy_arn)?;
    let removed = iam.role_mut(&input.role_name)?.attached.remove(&input.policy_arn);
    removed.map(|_| Value::Null).ok_or_else(|| no_such_entity(format!("Policy {} was not found.", input.policy_arn)))
}

fn list_role_tags(iam: &mut Iam, _: &Call, input: ListOfRole) -> Answer {
    let tags = &iam.role(&input.role_name)?.tags;
    input.page.answer("Tags", tags.iter().map(|(key, value)| (key, json!({ "Key": key, "Value": value }))))
}

/// Instance profiles are not supported, so a role is in none.
fn list_instance_profiles(iam: &mut Iam, _: &Call, input: ListOfRole) -> Answer {
    iam.role(&input.role_name)?;
    Ok(json!({ "InstanceProfiles": [], "IsTruncated": false }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagRole {
    role_name: String,
    tags: Vec<Tag>,
}

fn tag_role(iam: &mut Iam, _: &Call, input: TagRole) -> Answer {
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
struct UntagRole {
    role_name: String,
    tag_keys: Vec<String>,
}

fn untag_role(iam: &mut Iam, _: &Call, input: UntagRole) -> Answer {
    iam.role_mut(&input.role_name)?.tags.retain(|key, _| !input.tag_keys.contains(key));
    Ok(Value::Null)
}

fn describe(role: &Role) -> Value {
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
fn describe_in_list(role: &Role) -> Value {
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

fn shown_tags(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// IAM returns policy documents URL-encoded (RFC 3986).
fn percent_encoded(document: &str) -> String {
    utf8_percent_encode(document, NON_ALPHANUMERIC).to_string()
}

/// The number of characters as IAM's quotas count them.
fn without_spaces(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

fn check_trust(text: &str) -> Result<(), WireError> {
    grammar::check(text, Use::Trust)?;
    if without_spaces(text) > TRUST_POLICY_LIMIT {
        return Err(limit_exceeded(format!("Cannot exceed quota for ACLSizePerRole: {TRUST_POLICY_LIMIT}")));
    }
    Ok(())
}

fn duplicate_keys(tags: &[Tag]) -> Result<(), WireError> {
    if tags.iter().any(|tag| tag.key.to_lowercase().starts_with("aws:")) {
        return Err(invalid_input("aws: prefixed tag key names are not allowed for external use."));
    }
    let mut seen = BTreeSet::new();
    if tags.iter().all(|tag| seen.insert(tag.key.to_lowercase())) {
        return Ok(());
    }
    Err(invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive."))
}

fn invalid_input(message: impl Into<String>) -> WireError {
    bad_request("InvalidInput", message)
}

fn conflict(code: &str, message: impl Into<String>) -> WireError {
    WireError::new(StatusCode::CONFLICT, code, message)
}

fn limit_exceeded(message: impl Into<String>) -> WireError {
    conflict("LimitExceeded", message)
}

fn no_such_entity(message: String) -> WireError {
    WireError::new(StatusCode::NOT_FOUND, "NoSuchEntity", message)
}

/// A service that assumes a role on behalf of a resource, with the context keys for the trust policy.
#[derive(Debug)]
pub(crate) struct Principal<'a> {
    pub(crate) service: &'a str,
    pub(crate) source_account: &'a str,
    /// Empty if the service sends none.
    pub(crate) source_arn: &'a str,
}

impl Iam {
    fn role(&self, name: &str) -> Result<&Role, WireError> {
        self.roles.get(name).ok_or_else(|| no_such_entity(format!("The role with name {name} cannot be found.")))
    }

    fn role_mut(&mut self, name: &str) -> Result<&mut Role, WireError> {
        self.roles.get_mut(name).ok_or_else(|| no_such_entity(format!("The role with name {name} cannot be found.")))
    }

    /// Whether the role exists, its trust policy has taken effect, and it trusts the service.
    pub(crate) fn can_be_assumed(&self, role_arn: &str, by: &Principal<'_>, call: &Call) -> bool {
        let Some(role) = self.roles.values().find(|role| role.arn == role_arn) else { return false };
        let context = [("aws:sourceaccount", by.source_account), ("aws:sourcearn", by.source_arn)];
        let request = access::Request {
            action: "sts:AssumeRole",
            resource: Some(""),
            principal: Some(("Service", by.service)),
            context: &context,
        };
        call.in_force(role.trusted_since) && evaluate([role.trust.as_str()], &request) == Verdict::Allowed
    }

    /// Whether the role may perform `action` on `resource`; if `resource` is `None`, on some resource. Within one
    /// account, either the role's policies or the resource's own policy may allow it.
    pub(crate) fn allows(
        &self,
        role_arn: &str,
        action: &str,
        resource: Option<&str>,
        resource_policy: Option<&str>,
        call: &Call,
    ) -> bool {
        let Some(role) = self.roles.values().find(|role| role.arn == role_arn) else { return false };
        let context = [
            ("aws:principalaccount", call.account.as_str()),
            ("aws:resourceaccount", call.account.as_str()),
            ("aws:principalarn", role_arn),
            ("aws:requestedregion", call.region.as_str()),
            ("aws:securetransport", "true"),
        ];
        let request = access::Request { action, resource, principal: None, context: &context };
        let inline = role.inline.values().filter(|policy| call.in_force(policy.written));
        let attached = role.attached.iter().filter(|(_, since)| call.in_force(**since));
        let documents = inline
            .map(|policy| policy.document.as_str())
            .chain(attached.filter_map(|(arn, _)| self.managed_document(arn)));
        let boundary = role.permissions_boundary.as_deref().and_then(|arn| self.managed_document(arn));
        let boundary = boundary.map(|document| evaluate([document], &request));
        let resource = resource_policy.map_or(Verdict::Silent, |policy| {
            evaluate([policy], &access::Request { principal: Some(("AWS", role_arn)), ..request })
        });
        let role = evaluate(documents, &request);
        let denied = [Some(role), Some(resource), boundary].contains(&Some(Verdict::Denied));
        let by_role = role == Verdict::Allowed && boundary.is_none_or(|verdict| verdict == Verdict::Allowed);
        !denied && (by_role || resource == Verdict::Allowed)
    }
}
