//! IAM: roles and policies, and evaluation of whether a role may be assumed or may perform an action.

mod grammar;
mod operations;
mod policies;
mod role_policies;
mod roles;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::grammar::Use;
use super::{Answer, Call, ErrorCodes, Service, bad_request, iso8601};
use crate::{
    local::wire::{Protocol, WireError},
    model::policy::evaluate::{Request, Verdict, evaluate},
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
struct ListOfRole {
    role_name: String,
    #[serde(flatten)]
    page: Page,
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

/// Checks that the text is an identity policy that IAM would take, and that can be evaluated here.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_policy(text: &str) -> Result<(), WireError> {
    grammar::check(text, Use::Identity)
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
    /// The ARN of the role of this name.
    pub(crate) fn role_arn(&self, name: &str) -> Option<&str> {
        self.roles.get(name).map(|role| role.arn.as_str())
    }

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
        let request = Request {
            action: "sts:AssumeRole",
            resource: Some(""),
            principal: Some(("Service", by.service)),
            context: &context,
        };
        call.in_force(role.trusted_since) && evaluate([role.trust.as_str()], &request) == Verdict::Allow
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
        let request = Request { action, resource, principal: None, context: &context };
        let inline = role.inline.values().filter(|policy| call.in_force(policy.written));
        let attached = role.attached.iter().filter(|(_, since)| call.in_force(**since));
        let documents = inline
            .map(|policy| policy.document.as_str())
            .chain(attached.filter_map(|(arn, _)| self.managed_document(arn)));
        let boundary = role.permissions_boundary.as_deref().and_then(|arn| self.managed_document(arn));
        let boundary = boundary.map(|document| evaluate([document], &request));
        let resource = resource_policy.map_or(Verdict::ImplicitDeny, |policy| {
            evaluate([policy], &Request { principal: Some(("AWS", role_arn)), ..request })
        });
        let role = evaluate(documents, &request);
        let denied = [Some(role), Some(resource), boundary].contains(&Some(Verdict::ExplicitDeny));
        let by_role = role == Verdict::Allow && boundary.is_none_or(|verdict| verdict == Verdict::Allow);
        !denied && (by_role || resource == Verdict::Allow)
    }
}
