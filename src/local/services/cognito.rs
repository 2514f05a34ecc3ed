//! Cognito user pools: what a machine-to-machine OAuth provider needs.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Call, Service, bad_request, epoch_seconds, number_or_text, page, parse, unknown_operation};
use crate::local::{data_plane::keys::SigningKey, random, wire::WireError};

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
    resource_servers: BTreeMap<String, ResourceServer>,
    pub(crate) clients: BTreeMap<String, Client>,
    created: i64,
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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) id: String,
    name: String,
    pub(crate) secret: Option<String>,
    pub(crate) flows: Vec<String>,
    pub(crate) scopes: Vec<String>,
    oauth_enabled: bool,
    created: i64,
}

pub(crate) fn handle(cognito: &mut Cognito, call: &Call, input: Value) -> Answer {
    match call.operation.as_str() {
        "CreateUserPool" => create_pool(cognito, call, parse(Service::Cognito, call, input)?),
        "DescribeUserPool" => {
            let input: PoolId = parse(Service::Cognito, call, input)?;
            Ok(json!({ "UserPool": describe_pool(cognito.pool(&input.user_pool_id)?, call) }))
        }
        "ListUserPools" => list_pools(cognito, call, &parse(Service::Cognito, call, input)?),
        "DeleteUserPool" => delete_pool(cognito, &parse(Service::Cognito, call, input)?),
        "CreateUserPoolDomain" => create_domain(cognito, call, parse(Service::Cognito, call, input)?),
        "DescribeUserPoolDomain" => describe_domain(cognito, call, &parse(Service::Cognito, call, input)?),
        "DeleteUserPoolDomain" => delete_domain(cognito, &parse(Service::Cognito, call, input)?),
        "CreateResourceServer" => create_resource_server(cognito, parse(Service::Cognito, call, input)?),
        "DescribeResourceServer" => describe_resource_server(cognito, &parse(Service::Cognito, call, input)?),
        "ListResourceServers" => list_resource_servers(cognito, &parse(Service::Cognito, call, input)?),
        "DeleteResourceServer" => delete_resource_server(cognito, &parse(Service::Cognito, call, input)?),
        "CreateUserPoolClient" => create_client(cognito, call, parse(Service::Cognito, call, input)?),
        "DescribeUserPoolClient" => describe_client(cognito, &parse(Service::Cognito, call, input)?),
        "ListUserPoolClients" => list_clients(cognito, call, &parse(Service::Cognito, call, input)?),
        "DeleteUserPoolClient" => delete_client(cognito, &parse(Service::Cognito, call, input)?),
        _ => Err(unknown_operation("cognito-idp", call)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PoolId {
    user_pool_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreatePool {
    pool_name: String,
    admin_create_user_config: Option<AdminCreateUser>,
    deletion_protection: Option<String>,
    #[serde(default)]
    user_pool_tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AdminCreateUser {
    #[serde(default)]
    allow_admin_create_user_only: bool,
    /// SDKs send its default of 0; there are no users whose accounts could expire.
    #[expect(dead_code, reason = "named so that it is not refused")]
    #[serde(default)]
    unused_account_validity_days: u32,
}

fn create_pool(cognito: &mut Cognito, call: &Call, input: CreatePool) -> Answer {
    if input.pool_name.is_empty() || input.pool_name.len() > 128 {
        return Err(invalid("1 validation error detected: Value at 'poolName' failed to satisfy constraint"));
    }
    let pool = Pool {
        id: format!("{}_{}", call.region, random::lower_alphanumeric(9)),
        name: input.pool_name,
        admin_only: input.admin_create_user_config.is_some_and(|config| config.allow_admin_create_user_only),
        deletion_protection: input.deletion_protection.as_deref() == Some("ACTIVE"),
        tags: input.user_pool_tags,
        key: (call.new_key)(),
        domain: None,
        resource_servers: BTreeMap::new(),
        clients: BTreeMap::new(),
        created: call.now,
    };
    let answer = json!({ "UserPool": describe_pool(&pool, call) });
    cognito.pools.insert(pool.id.clone(), pool);
    Ok(answer)
}

fn describe_pool(pool: &Pool, call: &Call) -> Value {
    json!({
        "Id": pool.id,
        "Name": pool.name,
        "Arn": format!("arn:aws:cognito-idp:{}:{}:userpool/{}", call.region, call.account, pool.id),
        "Domain": pool.domain,
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": pool.admin_only },
        "DeletionProtection": if pool.deletion_protection { "ACTIVE" } else { "INACTIVE" },
        "UserPoolTags": pool.tags,
        "CreationDate": epoch_seconds(pool.created),
        "LastModifiedDate": epoch_seconds(pool.created),
        "EstimatedNumberOfUsers": 0,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListPools {
    next_token: Option<String>,
    #[serde(deserialize_with = "number_or_text")]
    max_results: Option<usize>,
}

fn list_pools(cognito: &Cognito, call: &Call, input: &ListPools) -> Answer {
    let prefix = format!("{}_", call.region);
    let pools = cognito.pools.values().filter(|pool| pool.id.starts_with(&prefix) && call.propagated(pool.created));
    let shown = pools.map(|pool| {
        json!({
            "Id": pool.id,
            "Name": pool.name,
            "LambdaConfig": {},
            "CreationDate": epoch_seconds(pool.created),
            "LastModifiedDate": epoch_seconds(pool.created),
        })
    });
    let (pools, next) = page(shown.collect(), input.max_results, input.next_token.as_deref());
    Ok(json!({ "UserPools": pools, "NextToken": next }))
}

fn delete_pool(cognito: &mut Cognito, input: &PoolId) -> Answer {
    let pool = cognito.pool(&input.user_pool_id)?;
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
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DomainOfPool {
    domain: String,
    user_pool_id: String,
}

fn create_domain(cognito: &mut Cognito, call: &Call, input: DomainOfPool) -> Answer {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edge = |c: char| c != '-';
    let domain = &input.domain;
    let well_formed = (1..=63).contains(&domain.len())
        && domain.chars().all(allowed)
        && domain.starts_with(edge)
        && domain.ends_with(edge);
    if !well_formed {
        return Err(invalid(
            "1 validation error detected: Value at 'domain' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: ^[a-z0-9](?:[a-z0-9\\-]{0,61}[a-z0-9])?$",
        ));
    }
    if ["aws", "amazon", "cognito"].iter().any(|word| domain.contains(word)) {
        return Err(invalid("Domain cannot contain reserved word."));
    }
    cognito.pool(&input.user_pool_id)?;
    // A domain is unique in its region, across all accounts.
    let prefix = format!("{}_", call.region);
    let mut in_region = cognito.pools.values().filter(|pool| pool.id.starts_with(&prefix));
    if in_region.any(|pool| pool.domain.as_ref() == Some(domain)) {
        return Err(invalid("Domain already associated with another user pool."));
    }
    let pool = cognito.pool_mut(&input.user_pool_id)?;
    if pool.domain.is_some() {
        return Err(invalid("User pool already has a domain configured."));
    }
    pool.domain = Some(input.domain);
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DomainName {
    domain: String,
}

/// A domain that is not there is an empty description, not an error.
fn describe_domain(cognito: &Cognito, call: &Call, input: &DomainName) -> Answer {
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
                "Status": "ACTIVE",
                "Version": pool.created.to_string(),
                "ManagedLoginVersion": 1,
            })
        },
    );
    Ok(json!({ "DomainDescription": description }))
}

fn delete_domain(cognito: &mut Cognito, input: &DomainOfPool) -> Answer {
    let pool = cognito.pool_mut(&input.user_pool_id)?;
    if pool.domain.as_ref() != Some(&input.domain) {
        return Err(invalid("No such domain or user pool exists."));
    }
    pool.domain = None;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateResourceServer {
    user_pool_id: String,
    identifier: String,
    name: String,
    #[serde(default)]
    scopes: Vec<Scope>,
}

fn create_resource_server(cognito: &mut Cognito, input: CreateResourceServer) -> Answer {
    let pool = cognito.pool_mut(&input.user_pool_id)?;
    if pool.resource_servers.contains_key(&input.identifier) {
        return Err(invalid(format!("{} already exists in user pool {}.", input.identifier, pool.id)));
    }
    let server = ResourceServer { name: input.name, scopes: input.scopes };
    let answer = json!({ "ResourceServer": describe_server(pool, &input.identifier, &server) });
    pool.resource_servers.insert(input.identifier, server);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ResourceServerId {
    user_pool_id: String,
    identifier: String,
}

impl ResourceServerId {
    fn missing(&self) -> WireError {
        not_found(format!("Resource server {} does not exist.", self.identifier))
    }
}

fn describe_resource_server(cognito: &Cognito, input: &ResourceServerId) -> Answer {
    let pool = cognito.pool(&input.user_pool_id)?;
    let server = pool.resource_servers.get(&input.identifier).ok_or_else(|| input.missing())?;
    Ok(json!({ "ResourceServer": describe_server(pool, &input.identifier, server) }))
}

fn delete_resource_server(cognito: &mut Cognito, input: &ResourceServerId) -> Answer {
    let removed = cognito.pool_mut(&input.user_pool_id)?.resource_servers.remove(&input.identifier);
    removed.map(|_| Value::Null).ok_or_else(|| input.missing())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListOfPool {
    user_pool_id: String,
    next_token: Option<String>,
    #[serde(default, deserialize_with = "number_or_text")]
    max_results: Option<usize>,
}

fn list_resource_servers(cognito: &Cognito, input: &ListOfPool) -> Answer {
    let pool = cognito.pool(&input.user_pool_id)?;
    let servers = pool.resource_servers.iter().map(|(id, server)| describe_server(pool, id, server)).collect();
    let (servers, next) = page(servers, input.max_results.or(Some(50)), input.next_token.as_deref());
    Ok(json!({ "ResourceServers": servers, "NextToken": next }))
}

fn describe_server(pool: &Pool, identifier: &str, server: &ResourceServer) -> Value {
    json!({ "UserPoolId": pool.id, "Identifier": identifier, "Name": server.name, "Scopes": server.scopes })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateClient {
    #[serde(rename = "UserPoolId")]
    user_pool_id: String,
    #[serde(rename = "ClientName")]
    name: String,
    #[serde(rename = "GenerateSecret", default)]
    generate_secret: bool,
    #[serde(rename = "AllowedOAuthFlows", default)]
    flows: Vec<String>,
    #[serde(rename = "AllowedOAuthScopes", default)]
    scopes: Vec<String>,
    #[serde(rename = "AllowedOAuthFlowsUserPoolClient", default)]
    oauth_enabled: bool,
    #[serde(rename = "SupportedIdentityProviders", default)]
    identity_providers: Vec<String>,
}

fn create_client(cognito: &mut Cognito, call: &Call, input: CreateClient) -> Answer {
    if input.identity_providers.iter().any(|provider| provider != "COGNITO") {
        return Err(invalid("The provider does not exist for User Pool."));
    }
    let pool = cognito.pool_mut(&input.user_pool_id)?;
    let machine = input.flows.iter().any(|flow| flow == "client_credentials");
    if machine && !input.generate_secret {
        return Err(bad_request(
            "InvalidOAuthFlowException",
            "client_credentials flow can not be selected if client does not have a client secret.",
        ));
    }
    let known = pool.scopes();
    if let Some(scope) = input.scopes.iter().find(|scope| !known.contains(*scope)) {
        return Err(bad_request("ScopeDoesNotExistException", format!("Scope {scope} does not exist.")));
    }
    let client = Client {
        id: random::lower_alphanumeric(26),
        name: input.name,
        secret: input.generate_secret.then(|| random::lower_alphanumeric(51)),
        flows: input.flows,
        scopes: input.scopes,
        oauth_enabled: input.oauth_enabled,
        created: call.now,
    };
    let answer = json!({ "UserPoolClient": describe_one_client(pool, &client) });
    pool.clients.insert(client.id.clone(), client);
    Ok(answer)
}

fn describe_one_client(pool: &Pool, client: &Client) -> Value {
    let mut document = json!({
        "UserPoolId": pool.id,
        "ClientId": client.id,
        "ClientName": client.name,
        "AllowedOAuthFlows": client.flows,
        "AllowedOAuthScopes": client.scopes,
        "AllowedOAuthFlowsUserPoolClient": client.oauth_enabled,
        "CreationDate": epoch_seconds(client.created),
        "LastModifiedDate": epoch_seconds(client.created),
        "RefreshTokenValidity": 30,
        "EnableTokenRevocation": true,
    });
    if let Some(secret) = &client.secret {
        document["ClientSecret"] = json!(secret);
    }
    document
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ClientId {
    user_pool_id: String,
    client_id: String,
}

impl ClientId {
    fn missing(&self) -> WireError {
        not_found(format!("User pool client {} does not exist.", self.client_id))
    }
}

fn describe_client(cognito: &Cognito, input: &ClientId) -> Answer {
    let pool = cognito.pool(&input.user_pool_id)?;
    let client = pool.clients.get(&input.client_id).ok_or_else(|| input.missing())?;
    Ok(json!({ "UserPoolClient": describe_one_client(pool, client) }))
}

fn list_clients(cognito: &Cognito, call: &Call, input: &ListOfPool) -> Answer {
    let pool = cognito.pool(&input.user_pool_id)?;
    let clients = pool.clients.values().filter(|client| call.propagated(client.created));
    let shown =
        clients.map(|client| json!({ "ClientId": client.id, "UserPoolId": pool.id, "ClientName": client.name }));
    let (clients, next) = page(shown.collect(), input.max_results.or(Some(60)), input.next_token.as_deref());
    Ok(json!({ "UserPoolClients": clients, "NextToken": next }))
}

fn delete_client(cognito: &mut Cognito, input: &ClientId) -> Answer {
    let removed = cognito.pool_mut(&input.user_pool_id)?.clients.remove(&input.client_id);
    removed.map(|_| Value::Null).ok_or_else(|| input.missing())
}

fn invalid(message: impl Into<String>) -> WireError {
    bad_request("InvalidParameterException", message)
}

fn not_found(message: impl Into<String>) -> WireError {
    bad_request("ResourceNotFoundException", message)
}

impl Cognito {
    fn pool(&self, id: &str) -> Result<&Pool, WireError> {
        self.pools.get(id).ok_or_else(|| not_found(format!("User pool {id} does not exist.")))
    }

    fn pool_mut(&mut self, id: &str) -> Result<&mut Pool, WireError> {
        self.pools.get_mut(id).ok_or_else(|| not_found(format!("User pool {id} does not exist.")))
    }

    /// The app client of this id, and its pool. Client ids are unique across pools.
    pub(crate) fn client(&self, client_id: &str) -> Option<(&Pool, &Client)> {
        self.pools.values().find_map(|pool| Some((pool, pool.clients.get(client_id)?)))
    }

    /// The pool whose issuer or discovery document `url` names, in the local form
    /// `http://{loopback}/{poolId}…` or in Amazon's `https://cognito-idp.{region}.amazonaws.com/{poolId}…`.
    pub(crate) fn pool_at(&self, url: &str) -> Option<&Pool> {
        let url: Uri = url.parse().ok()?;
        let host = url.host()?;
        let pool = self.pools.get(url.path().split('/').nth(1)?)?;
        let region = pool.id.split('_').next()?;
        let ours = crate::local::is_loopback(host) || host == format!("cognito-idp.{region}.amazonaws.com");
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
