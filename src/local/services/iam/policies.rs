//! Managed policies: the account's own, and the few of AWS's that this server includes.

mod versions;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use self::versions::{create_version, delete_version, get_version, list_versions, set_default_version};
use super::{
    Iam, Page, Tag, conflict, duplicate_keys,
    grammar::{self, Use},
    invalid_input, limit_exceeded, no_such_entity, percent_encoded, shown_tags, without_spaces,
};
use crate::local::{
    random,
    services::{
        answer::Answer,
        answer::{iso8601, not_implemented, page},
        call::Call,
    },
    wire::WireError,
};

/// The most characters of a managed policy, without white space (IAM user guide, "IAM and AWS STS quotas").
const POLICY_SIZE_LIMIT: usize = 6_144;
/// Most versions of a managed policy (same page).
const MOST_VERSIONS: usize = 5;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Policy {
    name: String,
    id: String,
    path: String,
    description: Option<String>,
    tags: BTreeMap<String, String>,
    /// By number, from 1.
    versions: BTreeMap<u32, Version>,
    default: u32,
    created: i64,
    updated: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Version {
    document: String,
    created: i64,
}

/// An AWS managed policy, which is the same in every account.
struct AwsManaged {
    name: &'static str,
    path: &'static str,
    id: &'static str,
    document: &'static str,
}

const AWS_MANAGED: [AwsManaged; 3] = [
    AwsManaged {
        name: "AWSLambdaBasicExecutionRole",
        path: "/service-role/",
        id: "ANPAJNCQGXC42545SKXIK",
        document: include_str!("../../../../templates/iam/aws-managed/AWSLambdaBasicExecutionRole.json"),
    },
    AwsManaged {
        name: "AdministratorAccess",
        path: "/",
        id: "ANPAIWMBCKSKIEE64ZLYK",
        document: include_str!("../../../../templates/iam/aws-managed/AdministratorAccess.json"),
    },
    AwsManaged {
        name: "AmazonS3ReadOnlyAccess",
        path: "/",
        id: "ANPAIZTJ4DXE7G6AGAE6M",
        document: include_str!("../../../../templates/iam/aws-managed/AmazonS3ReadOnlyAccess.json"),
    },
];

impl AwsManaged {
    fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }

    /// The policy in the form of a customer managed policy.
    fn as_policy(&self) -> Policy {
        let version = Version { document: self.document.to_owned(), created: 0 };
        Policy {
            name: self.name.to_owned(),
            id: self.id.to_owned(),
            path: self.path.to_owned(),
            description: None,
            tags: BTreeMap::new(),
            versions: BTreeMap::from([(1, version)]),
            default: 1,
            created: 0,
            updated: 0,
        }
    }
}

impl Policy {
    fn document(&self) -> &str {
        self.versions.get(&self.default).map(|version| version.document.as_str()).unwrap_or_default()
    }

    fn arn(&self, call: &Call) -> String {
        format!("arn:aws:iam::{}:policy{}{}", call.account, self.path, self.name)
    }
}

impl Iam {
    /// The document of a managed policy's default version, if the policy exists.
    pub(super) fn managed_document(&self, arn: &str) -> Option<&str> {
        let own = self.policies.get(arn).map(Policy::document);
        own.or_else(|| AWS_MANAGED.iter().find(|policy| policy.arn() == arn).map(|policy| policy.document))
    }

    /// Checks that the policy can be attached to a role.
    pub(super) fn must_be_attachable(&self, arn: &str) -> Result<(), WireError> {
        check_arn(arn)?;
        if self.managed_document(arn).is_some() {
            return Ok(());
        }
        if arn.starts_with("arn:aws:iam::aws:policy/") {
            return Err(not_implemented(format!("the local AWS does not hold the AWS managed policy {arn}")));
        }
        Err(no_such_entity(format!("Policy {arn} does not exist or is not attachable.")))
    }

    /// Reads a policy, the account's own or AWS's.
    fn policy<T>(&self, arn: &str, look: impl FnOnce(&Policy) -> T) -> Result<T, WireError> {
        check_arn(arn)?;
        if let Some(policy) = self.policies.get(arn) {
            return Ok(look(policy));
        }
        let aws = AWS_MANAGED.iter().find(|policy| policy.arn() == arn).map(AwsManaged::as_policy);
        aws.map(|policy| look(&policy)).ok_or_else(|| missing(arn))
    }

    /// The account's own policy, to modify it.
    fn own_policy(&mut self, arn: &str) -> Result<&mut Policy, WireError> {
        check_arn(arn)?;
        self.policies.get_mut(arn).ok_or_else(|| missing(arn))
    }

    fn attachments(&self, arn: &str) -> usize {
        self.roles.values().filter(|role| role.attached.contains_key(arn)).count()
    }

    fn boundaries(&self, arn: &str) -> usize {
        self.roles.values().filter(|role| role.permissions_boundary.as_deref() == Some(arn)).count()
    }
}

pub(super) fn check_arn(arn: &str) -> Result<(), WireError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam", "", _, resource] if resource.starts_with("policy/") => Ok(()),
        _ => Err(invalid_input(format!("ARN {arn} is not valid."))),
    }
}

fn missing(arn: &str) -> WireError {
    no_such_entity(format!("Policy {arn} was not found."))
}

fn check_size(document: &str) -> Result<(), WireError> {
    grammar::check(document, Use::Identity)?;
    if without_spaces(document) > POLICY_SIZE_LIMIT {
        return Err(limit_exceeded(format!("Cannot exceed quota for PolicySize: {POLICY_SIZE_LIMIT}")));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    policy_name: String,
    path: Option<String>,
    policy_document: String,
    description: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(iam: &mut Iam, call: &Call, input: Create) -> Answer {
    duplicate_keys(&input.tags)?;
    check_size(&input.policy_document)?;
    let name = input.policy_name;
    // Names are unique regardless of case and path.
    if iam.policies.values().any(|policy| policy.name.eq_ignore_ascii_case(&name)) {
        return Err(conflict(
            "EntityAlreadyExists",
            format!("A policy called {name} already exists. Duplicate names are not allowed."),
        ));
    }
    let version = Version { document: input.policy_document, created: call.now };
    let policy = Policy {
        name,
        id: format!("ANPA{}", random::upper_alphanumeric(17)),
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        description: input.description,
        tags: input.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        versions: BTreeMap::from([(1, version)]),
        default: 1,
        created: call.now,
        updated: call.now,
    };
    let arn = policy.arn(call);
    let answer = json!({ "Policy": describe(iam, &arn, &policy) });
    iam.policies.insert(arn, policy);
    Ok(answer)
}

fn describe(iam: &Iam, arn: &str, policy: &Policy) -> Value {
    let mut document = describe_in_list(iam, arn, policy);
    document["Description"] = json!(policy.description);
    if !policy.tags.is_empty() {
        document["Tags"] = shown_tags(&policy.tags);
    }
    document
}

/// `ListPolicies` omits description and tags (IAM API reference, `ListPolicies`).
fn describe_in_list(iam: &Iam, arn: &str, policy: &Policy) -> Value {
    json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": arn,
        "Path": policy.path,
        "DefaultVersionId": format!("v{}", policy.default),
        "AttachmentCount": iam.attachments(arn),
        "PermissionsBoundaryUsageCount": iam.boundaries(arn),
        "IsAttachable": true,
        "CreateDate": iso8601(policy.created),
        "UpdateDate": iso8601(policy.updated),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyArn {
    policy_arn: String,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn get(iam: &mut Iam, _: &Call, input: PolicyArn) -> Answer {
    let arn = &input.policy_arn;
    Ok(json!({ "Policy": iam.policy(arn, |policy| describe(iam, arn, policy))? }))
}

pub(super) fn list_tags(iam: &mut Iam, _: &Call, input: PolicyArn) -> Answer {
    Ok(json!({ "Tags": iam.policy(&input.policy_arn, |policy| shown_tags(&policy.tags))?, "IsTruncated": false }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    scope: Option<String>,
    #[serde(default)]
    only_attached: bool,
    path_prefix: Option<String>,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn list(iam: &mut Iam, call: &Call, input: List) -> Answer {
    let scope = input.scope.as_deref().unwrap_or("All");
    let aws: Vec<(String, Policy)> = match scope {
        "Local" => Vec::new(),
        _ => AWS_MANAGED.iter().map(|policy| (policy.arn(), policy.as_policy())).collect(),
    };
    let own = iam.policies.iter().filter(|(_, policy)| scope != "AWS" && call.propagated(policy.created));
    let mut all: BTreeMap<&String, &Policy> = aws.iter().map(|(arn, policy)| (arn, policy)).collect();
    all.extend(own);
    let shown = all.into_iter().filter(|(arn, policy)| {
        let wanted = input.path_prefix.as_deref().is_none_or(|prefix| policy.path.starts_with(prefix));
        wanted && (!input.only_attached || iam.attachments(arn) > 0)
    });
    input.page.answer("Policies", shown.map(|(arn, policy)| (arn, describe_in_list(iam, arn, policy))))
}

pub(super) fn delete(iam: &mut Iam, _: &Call, input: PolicyArn) -> Answer {
    let arn = &input.policy_arn;
    if iam.own_policy(arn)?.versions.len() > 1 {
        return Err(conflict(
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
        ));
    }
    if iam.attachments(arn) + iam.boundaries(arn) > 0 {
        return Err(conflict("DeleteConflict", "Cannot delete a policy attached to entities."));
    }
    iam.policies.remove(arn);
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entities {
    policy_arn: String,
    entity_filter: Option<String>,
    path_prefix: Option<String>,
}

/// The entities that have the policy: roles only, since there are no users and groups here.
pub(super) fn list_entities(iam: &mut Iam, _: &Call, input: Entities) -> Answer {
    iam.policy(&input.policy_arn, |_| ())?;
    let wanted = input.entity_filter.as_deref().is_none_or(|kind| kind == "Role");
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let having = iam
        .roles
        .values()
        .filter(|role| wanted && role.attached.contains_key(&input.policy_arn) && role.path.starts_with(prefix));
    let roles: Vec<Value> = having.map(|role| json!({ "RoleName": role.name, "RoleId": role.id })).collect();
    Ok(json!({ "PolicyRoles": roles, "PolicyUsers": [], "PolicyGroups": [], "IsTruncated": false }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttachedPolicies {
    role_name: String,
    path_prefix: Option<String>,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn list_attached(iam: &mut Iam, _: &Call, input: AttachedPolicies) -> Answer {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    // `arn:…:policy/path/name`
    let path_of = |arn: &str| arn.split_once(":policy").map(|(_, path)| path.to_owned()).unwrap_or_default();
    let attached = iam.role(&input.role_name)?.attached.keys().filter(|arn| path_of(arn).starts_with(prefix));
    let shown = attached.map(|arn| {
        let name = arn.rsplit('/').next().unwrap_or_default();
        (arn, json!({ "PolicyName": name, "PolicyArn": arn }))
    });
    input.page.answer("AttachedPolicies", shown)
}

impl Page {
    /// Builds a page of an IAM list.
    pub(super) fn answer(&self, member: &str, items: impl Iterator<Item = (impl AsRef<str>, Value)>) -> Answer {
        let (items, next) = page(items, self.max_items.or(Some(100)), self.marker.as_deref())
            .map_err(|_| invalid_input("Invalid Marker."))?;
        Ok(json!({ member: items, "IsTruncated": next.is_some(), "Marker": next }))
    }
}
