//! Cognito user pools, as far as a machine-to-machine OAuth provider needs them.

mod clients;
mod operations;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::clients::Client;
use super::{Answer, Call, ErrorCodes, Service, bad_request, epoch_seconds, page};
use crate::local::{
    keys::SigningKey,
    random,
    wire::{Protocol, WireError},
};

/// Most resource servers of a pool (Amazon Cognito developer guide, "Quotas in Amazon Cognito").
const MOST_RESOURCE_SERVERS: usize = 25;
/// Most tags of a pool.
const MOST_TAGS: usize = 50;

pub(crate) const SERVICE: Service = Service {
    scope: "cognito-idp",
    protocol: Protocol::Json11,
    operations: operations::OPERATIONS,
    errors: ErrorCodes::plain("UnrecognizedClientException", "SerializationException", "InvalidParameterException"),
};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cognito {
    /// By pool id, which begins with the region.
    pub(crate) pools: BTreeMap<String, Pool>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pool {
    pub(crate) id: String,
    name: String,
    admin_only: bool,
    deletion_protection: bool,
    tags: BTreeMap<String, String>,
    pub(crate) key: SigningKey,
    domain: Option<String>,
    /// When the domain was created, in Unix milliseconds.
    #[serde(default)]
    domain_made: i64,
    /// 1 for the classic hosted UI, 2 for managed login; neither is served here.
    managed_login_version: u8,
    resource_servers: BTreeMap<String, ResourceServer>,
    pub(crate) clients: BTreeMap<String, Client>,
    pub(crate) created: i64,
    modified: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct ResourceServer {
    name: String,
    scopes: Vec<Scope>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Scope {
    scope_name: String,
    scope_description: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PoolId {
    user_pool_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreatePool {
    pool_name: String,
    admin_create_user_config: Option<AdminCreateUser>,
    deletion_protection: Option<String>,
    #[serde(default)]
    user_pool_tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AdminCreateUser {
    #[serde(default)]
    allow_admin_create_user_only: bool,
}

fn create_pool(cognito: &mut Cognito, call: &Call, input: CreatePool) -> Answer {
    check_tags(&input.user_pool_tags)?;
    let pool = Pool {
        id: format!("{}_{}", call.region, random::lower_alphanumeric(9)),
        name: input.pool_name,
        admin_only: input.admin_create_user_config.is_some_and(|config| config.allow_admin_create_user_only),
        deletion_protection: input.deletion_protection.as_deref() == Some("ACTIVE"),
        tags: input.user_pool_tags,
        key: (call.new_key)(),
        domain: None,
        domain_made: 0,
        managed_login_version: 1,
        resource_servers: BTreeMap::new(),
        clients: BTreeMap::new(),
        created: call.now,
        modified: call.now,
    };
    let answer = json!({ "UserPool": describe_pool(&pool, call) });
    cognito.pools.insert(pool.id.clone(), pool);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdatePool {
    user_pool_id: String,
    pool_name: Option<String>,
    admin_create_user_config: Option<AdminCreateUser>,
    deletion_protection: Option<String>,
    user_pool_tags: Option<BTreeMap<String, String>>,
}

/// Omitted members are reset to their defaults, as on AWS, except name and tags.
fn update_pool(cognito: &mut Cognito, call: &Call, input: UpdatePool) -> Answer {
    let pool = cognito.pool_mut(call, &input.user_pool_id)?;
    if let Some(tags) = input.user_pool_tags {
        check_tags(&tags)?;
        pool.tags = tags;
    }
    pool.name = input.pool_name.unwrap_or_else(|| pool.name.clone());
    pool.admin_only = input.admin_create_user_config.is_some_and(|config| config.allow_admin_create_user_only);
    pool.deletion_protection = input.deletion_protection.as_deref() == Some("ACTIVE");
    pool.modified = call.now;
    Ok(json!({}))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), WireError> {
    if tags.len() <= MOST_TAGS {
        return Ok(());
    }
    Err(bad_request("UserPoolTaggingException", format!("A user pool can have at most {MOST_TAGS} tags.")))
}

fn describe_pool(pool: &Pool, call: &Call) -> Value {
    json!({
        "Id": pool.id,
        "Name": pool.name,
        "Arn": arn(call, &pool.id),
        "Domain": pool.domain,
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": pool.admin_only },
        "DeletionProtection": if pool.deletion_protection { "ACTIVE" } else { "INACTIVE" },
        "UserPoolTags": pool.tags,
        "CreationDate": epoch_seconds(pool.created),
        "LastModifiedDate": epoch_seconds(pool.modified),
        "EstimatedNumberOfUsers": 0,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListPools {
    next_token: Option<String>,
    max_results: Option<usize>,
}

fn list_pools(cognito: &mut Cognito, call: &Call, input: ListPools) -> Answer {
    let prefix = format!("{}_", call.region);
    let pools = cognito.pools.iter().filter(|(id, pool)| id.starts_with(&prefix) && call.propagated(pool.created));
    let shown = pools.map(|(id, pool)| {
        let document = json!({
            "Id": pool.id,
            "Name": pool.name,
            "LambdaConfig": {},
            "CreationDate": epoch_seconds(pool.created),
            "LastModifiedDate": epoch_seconds(pool.modified),
        });
        (id, document)
    });
    list_answer("UserPools", shown, input.max_results, input.next_token.as_deref())
}

/// Builds a page of a Cognito list.
fn list_answer(
    member: &str,
    items: impl Iterator<Item = (impl AsRef<str>, Value)>,
    most: Option<usize>,
    token: Option<&str>,
) -> Answer {
    let (items, next) = page(items, most, token).map_err(|_| invalid("Invalid pagination token given."))?;
    Ok(json!({ member: items, "NextToken": next }))
}

fn describe(cognito: &mut Cognito, call: &Call, input: PoolId) -> Answer {
    Ok(json!({ "UserPool": describe_pool(cognito.pool(call, &input.user_pool_id)?, call) }))
}

fn arn(call: &Call, pool_id: &str) -> String {
    format!("arn:aws:cognito-idp:{}:{}:userpool/{pool_id}", call.region, call.account)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceArn {
    resource_arn: String,
}

impl ResourceArn {
    /// The pool with this ARN.
    fn pool<'a>(&self, cognito: &'a mut Cognito, call: &Call) -> Result<&'a mut Pool, WireError> {
        let pool = cognito
            .pools
            .values_mut()
            .find(|pool| arn(call, &pool.id) == self.resource_arn && in_region(call, &pool.id));
        pool.ok_or_else(|| not_found(format!("The resource {} does not exist.", self.resource_arn)))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tagging {
    #[serde(flatten)]
    resource: ResourceArn,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

fn list_tags(cognito: &mut Cognito, call: &Call, input: ResourceArn) -> Answer {
    Ok(json!({ "Tags": input.pool(cognito, call)?.tags }))
}

fn tag(cognito: &mut Cognito, call: &Call, input: Tagging) -> Answer {
    let pool = input.resource.pool(cognito, call)?;
    let mut tags = pool.tags.clone();
    tags.extend(input.tags);
    if tags.len() > MOST_TAGS {
        return Err(invalid(format!("A user pool can have at most {MOST_TAGS} tags.")));
    }
    pool.tags = tags;
    Ok(json!({}))
}

fn untag(cognito: &mut Cognito, call: &Call, input: Tagging) -> Answer {
    input.resource.pool(cognito, call)?.tags.retain(|key, _| !input.tag_keys.contains(key));
    Ok(json!({}))
}

fn delete_pool(cognito: &mut Cognito, call: &Call, input: PoolId) -> Answer {
    let pool = cognito.pool(call, &input.user_pool_id)?;
    if pool.domain.is_some() {
        return Err(invalid("User pool cannot be deleted. It has a domain configured that should be deleted first."));
    }
    if pool.deletion_protection {
        return Err(invalid("The user pool cannot be deleted because deletion protection is activated."));
    }
    cognito.pools.remove(&input.user_pool_id);
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DomainOfPool {
    domain: String,
    user_pool_id: String,
    managed_login_version: Option<u8>,
}

fn create_domain(cognito: &mut Cognito, call: &Call, input: DomainOfPool) -> Answer {
    let domain = &input.domain;
    if ["aws", "amazon", "cognito"].iter().any(|word| domain.contains(word)) {
        return Err(invalid("Domain cannot contain reserved word."));
    }
    cognito.pool(call, &input.user_pool_id)?;
    // A domain is unique per region, across all accounts.
    let prefix = format!("{}_", call.region);
    let mut in_region = cognito.pools.values().filter(|pool| pool.id.starts_with(&prefix));
    if in_region.any(|pool| pool.domain.as_ref() == Some(domain)) {
        return Err(invalid("Domain already associated with another user pool."));
    }
    let pool = cognito.pool_mut(call, &input.user_pool_id)?;
    if pool.domain.is_some() {
        return Err(invalid("User pool already has a domain configured."));
    }
    pool.domain = Some(input.domain);
    pool.domain_made = call.now;
    pool.managed_login_version = input.managed_login_version.unwrap_or(1);
    Ok(json!({ "ManagedLoginVersion": pool.managed_login_version }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DomainName {
    domain: String,
}

/// For an unknown domain, the description is empty; it is not an error.
fn describe_domain(cognito: &mut Cognito, call: &Call, input: DomainName) -> Answer {
    let prefix = format!("{}_", call.region);
    let owner =
        cognito.pools.values().find(|pool| pool.id.starts_with(&prefix) && pool.domain.as_ref() == Some(&input.domain));
    let description = owner.map_or_else(
        || json!({}),
        |pool| {
            json!({
                "UserPoolId": pool.id,
                "AWSAccountId": call.account,
                "Domain": input.domain,
                "Status": if call.propagated(pool.domain_made) { "ACTIVE" } else { "CREATING" },
                "Version": pool.created.to_string(),
                "ManagedLoginVersion": pool.managed_login_version,
            })
        },
    );
    Ok(json!({ "DomainDescription": description }))
}

fn delete_domain(cognito: &mut Cognito, call: &Call, input: DomainOfPool) -> Answer {
    let pool = cognito.pool_mut(call, &input.user_pool_id)?;
    if pool.domain.as_ref() != Some(&input.domain) {
        return Err(invalid("No such domain or user pool exists."));
    }
    pool.domain = None;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateResourceServer {
    user_pool_id: String,
    identifier: String,
    name: String,
    #[serde(default)]
    scopes: Vec<Scope>,
}

fn create_resource_server(cognito: &mut Cognito, call: &Call, input: CreateResourceServer) -> Answer {
    let pool = cognito.pool_mut(call, &input.user_pool_id)?;
    if pool.resource_servers.contains_key(&input.identifier) {
        return Err(invalid(format!("{} already exists in user pool {}.", input.identifier, pool.id)));
    }
    if pool.resource_servers.len() >= MOST_RESOURCE_SERVERS {
        let message = format!("A user pool can have at most {MOST_RESOURCE_SERVERS} resource servers.");
        return Err(bad_request("LimitExceededException", message));
    }
    let server = ResourceServer { name: input.name, scopes: input.scopes };
    let answer = json!({ "ResourceServer": describe_server(pool, &input.identifier, &server) });
    pool.resource_servers.insert(input.identifier, server);
    Ok(answer)
}

fn update_resource_server(cognito: &mut Cognito, call: &Call, input: CreateResourceServer) -> Answer {
    let id = ResourceServerId { user_pool_id: input.user_pool_id, identifier: input.identifier };
    let pool = cognito.pool_mut(call, &id.user_pool_id)?;
    let server = pool.resource_servers.get_mut(&id.identifier).ok_or_else(|| id.missing())?;
    *server = ResourceServer { name: input.name, scopes: input.scopes };
    describe_resource_server(cognito, call, id)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceServerId {
    user_pool_id: String,
    identifier: String,
}

impl ResourceServerId {
    fn missing(&self) -> WireError {
        not_found(format!("Resource server {} does not exist.", self.identifier))
    }
}

fn describe_resource_server(cognito: &mut Cognito, call: &Call, input: ResourceServerId) -> Answer {
    let pool = cognito.pool(call, &input.user_pool_id)?;
    let server = pool.resource_servers.get(&input.identifier).ok_or_else(|| input.missing())?;
    Ok(json!({ "ResourceServer": describe_server(pool, &input.identifier, server) }))
}

fn delete_resource_server(cognito: &mut Cognito, call: &Call, input: ResourceServerId) -> Answer {
    let removed = cognito.pool_mut(call, &input.user_pool_id)?.resource_servers.remove(&input.identifier);
    removed.map(|_| Value::Null).ok_or_else(|| input.missing())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListOfPool {
    user_pool_id: String,
    next_token: Option<String>,
    max_results: Option<usize>,
}

fn list_resource_servers(cognito: &mut Cognito, call: &Call, input: ListOfPool) -> Answer {
    let pool = cognito.pool(call, &input.user_pool_id)?;
    let servers = pool.resource_servers.iter().map(|(id, server)| (id, describe_server(pool, id, server)));
    list_answer("ResourceServers", servers, input.max_results.or(Some(50)), input.next_token.as_deref())
}

fn describe_server(pool: &Pool, identifier: &str, server: &ResourceServer) -> Value {
    json!({ "UserPoolId": pool.id, "Identifier": identifier, "Name": server.name, "Scopes": server.scopes })
}

fn invalid(message: impl Into<String>) -> WireError {
    bad_request("InvalidParameterException", message)
}

fn not_found(message: impl Into<String>) -> WireError {
    bad_request("ResourceNotFoundException", message)
}

/// Whether the pool's id belongs to the call's region.
fn in_region(call: &Call, pool_id: &str) -> bool {
    pool_id.strip_prefix(&call.region).is_some_and(|rest| rest.starts_with('_'))
}

impl Cognito {
    fn pool(&self, call: &Call, id: &str) -> Result<&Pool, WireError> {
        let here = self.pools.get(id).filter(|_| in_region(call, id));
        here.ok_or_else(|| not_found(format!("User pool {id} does not exist.")))
    }

    fn pool_mut(&mut self, call: &Call, id: &str) -> Result<&mut Pool, WireError> {
        let here = self.pools.get_mut(id).filter(|_| in_region(call, id));
        here.ok_or_else(|| not_found(format!("User pool {id} does not exist.")))
    }

    /// Finds an app client by id, and its pool. Client ids are unique across pools.
    pub(crate) fn client(&self, client_id: &str) -> Option<(&Pool, &Client)> {
        self.pools.values().find_map(|pool| Some((pool, pool.clients.get(client_id)?)))
    }

    /// Finds the pool by the URL of its issuer or discovery document, in the local form
    /// `http://{loopback}/{poolId}…` or in AWS's form `https://cognito-idp.{region}.amazonaws.com/{poolId}…`.
    pub(crate) fn pool_at(&self, url: &str) -> Option<&Pool> {
        let url: Uri = url.parse().ok()?;
        let host = url.host()?;
        let pool = self.pools.get(url.path().split('/').nth(1)?)?;
        let region = pool.id.split('_').next()?;
        let ours =
            crate::local::http_message::is_loopback(host) || host == format!("cognito-idp.{region}.amazonaws.com");
        ours.then_some(pool)
    }
}

impl Pool {
    /// The full scopes, `{resource server}/{scope}`, that the pool's resource servers define.
    pub(crate) fn scopes(&self) -> BTreeSet<String> {
        self.resource_servers
            .iter()
            .flat_map(|(id, server)| server.scopes.iter().map(move |scope| format!("{id}/{}", scope.scope_name)))
            .collect()
    }
}
