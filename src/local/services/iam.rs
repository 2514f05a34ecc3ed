//! IAM: roles with their policies, and whether a role may be assumed or may do a thing.

use std::{cmp::Ordering, collections::BTreeMap};

use axum::http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Call, Service, bad_request, iso8601, number_or_text, page, parse, unknown_operation};
use crate::local::{random, wire::WireError};

/// Characters that a role's inline policies may have in all (IAM quotas; white space not counted).
const INLINE_POLICY_LIMIT: usize = 10_240;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Iam {
    roles: BTreeMap<String, Role>,
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
    created: i64,
    /// When the trust policy was last written: what is newer than the lag is not yet in force.
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

pub(crate) fn handle(iam: &mut Iam, call: &Call, input: Value) -> Answer {
    match call.operation.as_str() {
        "CreateRole" => create_role(iam, call, parse(Service::Iam, call, input)?),
        "GetRole" => {
            let input: RoleName = parse(Service::Iam, call, input)?;
            Ok(json!({ "Role": describe(iam.role(&input.role_name)?) }))
        }
        "ListRoles" => list_roles(iam, call, parse(Service::Iam, call, input)?),
        "DeleteRole" => delete_role(iam, parse(Service::Iam, call, input)?),
        "UpdateAssumeRolePolicy" => update_trust(iam, call, parse(Service::Iam, call, input)?),
        "PutRolePolicy" => put_role_policy(iam, call, parse(Service::Iam, call, input)?),
        "GetRolePolicy" => get_role_policy(iam, &parse(Service::Iam, call, input)?),
        "ListRolePolicies" => list_role_policies(iam, &parse(Service::Iam, call, input)?),
        "DeleteRolePolicy" => delete_role_policy(iam, &parse(Service::Iam, call, input)?),
        "ListAttachedRolePolicies" => list_attached(iam, &parse(Service::Iam, call, input)?),
        "ListRoleTags" => list_tags(iam, &parse(Service::Iam, call, input)?),
        "TagRole" => tag_role(iam, parse(Service::Iam, call, input)?),
        _ => Err(unknown_operation("iam", call)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RoleName {
    role_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateRole {
    role_name: String,
    path: Option<String>,
    assume_role_policy_document: String,
    description: Option<String>,
    #[serde(default, deserialize_with = "number_or_text")]
    max_session_duration: Option<usize>,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

fn create_role(iam: &mut Iam, call: &Call, input: CreateRole) -> Answer {
    let CreateRole { role_name: name, .. } = input;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return Err(bad_request(
            "ValidationError",
            "The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the \
             following: +=,.@_- and have at most 64 characters",
        ));
    }
    // Role names are unique without regard to case.
    if iam.roles.values().any(|role| role.name.eq_ignore_ascii_case(&name)) {
        return Err(WireError::new(
            StatusCode::CONFLICT,
            "EntityAlreadyExists",
            format!("Role with name {name} already exists."),
        ));
    }
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    if !path.starts_with('/') || !path.ends_with('/') {
        return Err(bad_request("ValidationError", "The specified value for path is invalid."));
    }
    policy_document(&input.assume_role_policy_document)?;
    let role = Role {
        id: format!("AROA{}", random::upper_alphanumeric(17)),
        arn: format!("arn:aws:iam::{}:role{path}{name}", call.account),
        path,
        trust: input.assume_role_policy_document,
        description: input.description,
        max_session_duration: input.max_session_duration.and_then(|n| n.try_into().ok()).unwrap_or(3600),
        permissions_boundary: input.permissions_boundary,
        tags: input.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        inline: BTreeMap::new(),
        created: call.now,
        trusted_since: call.now,
        name: name.clone(),
    };
    let answer = json!({ "Role": describe(&role) });
    iam.roles.insert(name, role);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListRoles {
    path_prefix: Option<String>,
    marker: Option<String>,
    #[serde(default, deserialize_with = "number_or_text")]
    max_items: Option<usize>,
}

fn list_roles(iam: &Iam, call: &Call, input: ListRoles) -> Answer {
    let prefix = input.path_prefix.unwrap_or_else(|| "/".to_owned());
    let shown = iam.roles.values().filter(|role| role.path.starts_with(&prefix) && call.propagated(role.created));
    let (roles, next) =
        page(shown.map(describe_in_list).collect(), input.max_items.or(Some(100)), input.marker.as_deref());
    Ok(json!({ "Roles": roles, "IsTruncated": next.is_some(), "Marker": next }))
}

fn delete_role(iam: &mut Iam, input: RoleName) -> Answer {
    if !iam.role(&input.role_name)?.inline.is_empty() {
        return Err(WireError::new(
            StatusCode::CONFLICT,
            "DeleteConflict",
            "Cannot delete entity, must delete policies first.",
        ));
    }
    iam.roles.remove(&input.role_name);
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UpdateTrust {
    role_name: String,
    policy_document: String,
}

fn update_trust(iam: &mut Iam, call: &Call, input: UpdateTrust) -> Answer {
    policy_document(&input.policy_document)?;
    let role = iam.role_mut(&input.role_name)?;
    role.trust = input.policy_document;
    role.trusted_since = call.now;
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutRolePolicy {
    role_name: String,
    policy_name: String,
    policy_document: String,
}

fn put_role_policy(iam: &mut Iam, call: &Call, input: PutRolePolicy) -> Answer {
    policy_document(&input.policy_document)?;
    let role = iam.role_mut(&input.role_name)?;
    let size = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let others: usize = role
        .inline
        .iter()
        .filter(|(name, _)| **name != input.policy_name)
        .map(|(_, policy)| size(&policy.document))
        .sum();
    if others + size(&input.policy_document) > INLINE_POLICY_LIMIT {
        return Err(WireError::new(
            StatusCode::CONFLICT,
            "LimitExceeded",
            format!("Maximum policy size of {INLINE_POLICY_LIMIT} bytes exceeded for role {}", role.name),
        ));
    }
    role.inline.insert(input.policy_name, Inline { document: input.policy_document, written: call.now });
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PolicyName {
    role_name: String,
    policy_name: String,
}

impl PolicyName {
    fn missing(&self) -> WireError {
        no_such_entity(format!("The role policy with name {} cannot be found.", self.policy_name))
    }
}

fn get_role_policy(iam: &Iam, input: &PolicyName) -> Answer {
    let policy = iam.role(&input.role_name)?.inline.get(&input.policy_name).ok_or_else(|| input.missing())?;
    Ok(json!({
        "RoleName": input.role_name,
        "PolicyName": input.policy_name,
        "PolicyDocument": percent_encoded(&policy.document),
    }))
}

fn delete_role_policy(iam: &mut Iam, input: &PolicyName) -> Answer {
    let removed = iam.role_mut(&input.role_name)?.inline.remove(&input.policy_name);
    removed.map(|_| Value::Null).ok_or_else(|| input.missing())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListOfRole {
    role_name: String,
    marker: Option<String>,
    #[serde(default, deserialize_with = "number_or_text")]
    max_items: Option<usize>,
}

fn list_role_policies(iam: &Iam, input: &ListOfRole) -> Answer {
    let names: Vec<&String> = iam.role(&input.role_name)?.inline.keys().collect();
    let (names, next) = page(names, input.max_items.or(Some(100)), input.marker.as_deref());
    Ok(json!({ "PolicyNames": names, "IsTruncated": next.is_some(), "Marker": next }))
}

/// Managed policies are not there to be attached, so a role never has any.
fn list_attached(iam: &Iam, input: &ListOfRole) -> Answer {
    iam.role(&input.role_name)?;
    Ok(json!({ "AttachedPolicies": [], "IsTruncated": false }))
}

fn list_tags(iam: &Iam, input: &ListOfRole) -> Answer {
    Ok(json!({ "Tags": tag_list(iam.role(&input.role_name)?), "IsTruncated": false }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TagRole {
    role_name: String,
    tags: Vec<Tag>,
}

fn tag_role(iam: &mut Iam, input: TagRole) -> Answer {
    let role = iam.role_mut(&input.role_name)?;
    role.tags.extend(input.tags.into_iter().map(|tag| (tag.key, tag.value)));
    Ok(Value::Null)
}

fn describe(role: &Role) -> Value {
    let mut document = describe_in_list(role);
    if !role.tags.is_empty() {
        document["Tags"] = tag_list(role);
    }
    if let Some(arn) = &role.permissions_boundary {
        document["PermissionsBoundary"] = json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn });
    }
    document
}

/// `ListRoles` leaves tags and boundary out (IAM API reference).
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

fn tag_list(role: &Role) -> Value {
    role.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// IAM answers policy documents URL-encoded (RFC 3986).
fn percent_encoded(document: &str) -> String {
    utf8_percent_encode(document, NON_ALPHANUMERIC).to_string()
}

fn policy_document(text: &str) -> Result<Value, WireError> {
    let malformed = |why: &str| bad_request("MalformedPolicyDocument", why);
    let document: Value = serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    if document["Statement"].is_null() {
        return Err(malformed("Syntax errors in policy."));
    }
    Ok(document)
}

fn no_such_entity(message: String) -> WireError {
    WireError::new(StatusCode::NOT_FOUND, "NoSuchEntity", message)
}

/// A service that wants to act for a resource: what a trust policy's conditions look at.
#[derive(Debug)]
pub(crate) struct Principal<'a> {
    pub(crate) service: &'a str,
    pub(crate) source_account: &'a str,
    /// Empty where the service sends none.
    pub(crate) source_arn: &'a str,
}

impl Iam {
    fn role(&self, name: &str) -> Result<&Role, WireError> {
        self.roles.get(name).ok_or_else(|| no_such_entity(format!("The role with name {name} cannot be found.")))
    }

    fn role_mut(&mut self, name: &str) -> Result<&mut Role, WireError> {
        self.roles.get_mut(name).ok_or_else(|| no_such_entity(format!("The role with name {name} cannot be found.")))
    }

    /// Whether the role exists, is old enough to be seen, and trusts the service.
    pub(crate) fn can_be_assumed(&self, role_arn: &str, by: &Principal<'_>, call: &Call) -> bool {
        let Some(role) = self.roles.values().find(|role| role.arn == role_arn) else { return false };
        call.propagated(role.trusted_since)
            && statements(&role.trust).iter().any(|statement| {
                statement["Effect"] == "Allow"
                    && listed(&statement["Action"], |action| action == "sts:AssumeRole")
                    && listed(&statement["Principal"]["Service"], |service| service == by.service)
                    && conditions_hold(&statement["Condition"], by)
            })
    }

    /// Whether the role's policies let it do `action` on `resource`.
    pub(crate) fn allows(&self, role_arn: &str, action: &str, resource: &str, call: &Call) -> bool {
        let Some(role) = self.roles.values().find(|role| role.arn == role_arn) else { return false };
        let applying = |effect: &str| {
            role.inline.values().filter(|policy| call.propagated(policy.written)).any(|policy| {
                statements(&policy.document).iter().any(|statement| {
                    statement["Effect"] == effect
                        && listed(&statement["Action"], |pattern| glob(&pattern.to_lowercase(), &action.to_lowercase()))
                        && listed(&statement["Resource"], |pattern| glob(pattern, resource))
                })
            })
        };
        applying("Allow") && !applying("Deny")
    }
}

fn statements(document: &str) -> Vec<Value> {
    match serde_json::from_str::<Value>(document).map(|mut document| document["Statement"].take()) {
        Ok(Value::Array(statements)) => statements,
        Ok(statement @ Value::Object(_)) => vec![statement],
        _ => Vec::new(),
    }
}

/// A policy element is one string or a list of them.
fn listed(element: &Value, matches: impl Fn(&str) -> bool) -> bool {
    match element {
        Value::String(text) => matches(text),
        Value::Array(items) => items.iter().filter_map(Value::as_str).any(matches),
        _ => false,
    }
}

/// Conditions on source account and ARN; one that is not known does not hold.
fn conditions_hold(conditions: &Value, by: &Principal<'_>) -> bool {
    let Value::Object(operators) = conditions else { return true };
    operators.iter().all(|(operator, keys)| {
        keys.as_object().into_iter().flatten().all(|(key, wanted)| {
            let found = match key.to_lowercase().as_str() {
                "aws:sourceaccount" => by.source_account,
                "aws:sourcearn" => by.source_arn,
                _ => return false,
            };
            match operator.as_str() {
                "StringEquals" | "ArnEquals" => listed(wanted, |wanted| wanted == found),
                "StringLike" | "ArnLike" => listed(wanted, |pattern| glob(pattern, found)),
                _ => false,
            }
        })
    })
}

/// IAM's wildcards: `*` for any run of characters, `?` for one.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || c.cmp(&text[t]) == Ordering::Equal => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_iam() {
        for (pattern, text, matches) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("agw-*-h-*", "agw-weather-gateway-h-sample", true),
            ("gateway/g-??????????", "gateway/g-0123456789", true),
            ("gateway/g-??????????", "gateway/g-012345678", false),
            ("gateway/g-??????????", "gateway/g-x-0123456789", false),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn a_condition_that_is_not_known_does_not_hold() {
        let by = Principal { service: "s", source_account: "1", source_arn: "arn:x" };
        assert!(conditions_hold(&Value::Null, &by));
        assert!(conditions_hold(&json!({ "StringEquals": { "aws:SourceAccount": ["2", "1"] } }), &by));
        assert!(!conditions_hold(&json!({ "Bool": { "aws:SecureTransport": "true" } }), &by));
        assert!(!conditions_hold(&json!({ "ArnLike": { "aws:SourceArn": "arn:y*" } }), &by));
    }
}
