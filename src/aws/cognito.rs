//! User pools with domain, resource server and app client: a machine-to-machine OAuth provider.

mod clients;

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_cognitoidentityprovider::{
    config::Builder,
    operation::create_user_pool::CreateUserPoolError,
    types::{AdminCreateUserConfigType, DomainStatusType, ResourceServerScopeType, UserPoolType},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

pub use self::clients::{
    AppClient, ClientSecret, add_secret, clients_named, create_client, delete_client, delete_secret, find_client,
    listed_clients, secrets,
};
use super::{
    Aws, Error, ThrottlingOnly,
    error::{absent, deleted, of},
};
use crate::http::{Request, TransportError};

const SERVICE: &str = "Cognito";

/// Statuses of a pool's metadata URL when there is no document.
const NOT_THERE: [u16; 2] = [400, 404];
/// Pools or clients that are described at a time.
pub const LOOKS_AT_ONCE: usize = 5;
/// Timeout for fetching a pool's metadata.
const TIMEOUT: Duration = Duration::from_secs(15);

/// An existing user pool.
#[derive(Debug, Clone)]
pub struct Pool {
    pub id: String,
    pub domain: Option<String>,
    pub tags: BTreeMap<String, String>,
}

impl Pool {
    fn read(pool: UserPoolType) -> Option<Self> {
        let tags = pool.user_pool_tags.unwrap_or_default().into_iter().collect();
        Some(Self { id: pool.id?, domain: pool.domain, tags })
    }
}

/// An existing domain.
#[derive(Debug, Clone)]
pub struct Domain {
    pub pool_id: String,
    pub active: bool,
}

/// Creates a pool. The SDK retries only throttling: names are not unique and there is no idempotency token, so
/// after any other failure with an unknown outcome the caller looks before trying again.
pub async fn create_pool(aws: &Aws, name: &str, tags: &BTreeMap<String, String>) -> Result<Pool, Error> {
    let admin_only = AdminCreateUserConfigType::builder().allow_admin_create_user_only(true).build();
    let call = aws
        .cognito
        .create_user_pool()
        .pool_name(name)
        .admin_create_user_config(admin_only)
        .set_user_pool_tags(Some(tags.clone().into_iter().collect()));
    let retry = Builder::new().retry_classifier(ThrottlingOnly::<CreateUserPoolError>::new());
    let answer = call.customize().config_override(retry).send().await.map_err(of(SERVICE, "CreateUserPool"))?;
    answer
        .user_pool
        .and_then(Pool::read)
        .ok_or_else(|| Error::unexpected(SERVICE, "CreateUserPool", "the answer has no pool"))
}

pub async fn find_pool(aws: &Aws, id: &str) -> Result<Option<Pool>, Error> {
    let answer = aws.cognito.describe_user_pool().user_pool_id(id).send().await;
    Ok(absent(answer.map_err(of(SERVICE, "DescribeUserPool")))?
        .and_then(|answer| answer.user_pool)
        .and_then(Pool::read))
}

/// All pools of a name, with their tags, oldest first.
pub async fn pools_named(aws: &Aws, name: &str) -> Result<Vec<Pool>, Error> {
    pools(aws, |found| found == name).await
}

/// All pools whose name matches `wanted`, with their tags, oldest first.
pub async fn pools(aws: &Aws, wanted: impl Fn(&str) -> bool) -> Result<Vec<Pool>, Error> {
    let pages = aws.cognito.list_user_pools().max_results(60).into_paginator().items().send();
    let mut pools = pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "ListUserPools"))?;
    pools.retain(|pool| pool.name.as_deref().is_some_and(&wanted));
    pools.sort_by_key(|pool| (pool.creation_date.map(|date| date.as_nanos()), pool.id.clone()));
    let looks = stream::iter(pools.into_iter().filter_map(|pool| pool.id)).map(async |id| find_pool(aws, &id).await);
    let found = looks.buffered(LOOKS_AT_ONCE).try_collect::<Vec<_>>().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Deletes a pool and its domain, as it was seen to have it; Cognito deletes its clients and resource servers with it.
pub async fn delete_pool(aws: &Aws, id: &str, domain: Option<&str>) -> Result<bool, Error> {
    if let Some(domain) = domain {
        delete_domain(aws, domain, id).await?;
    }
    deleted(aws.cognito.delete_user_pool().user_pool_id(id).send().await.map_err(of(SERVICE, "DeleteUserPool")))
}

/// The same for a pool whose domain is not known; false if there is no such pool.
pub async fn find_and_delete_pool(aws: &Aws, id: &str) -> Result<bool, Error> {
    let Some(pool) = find_pool(aws, id).await? else { return Ok(false) };
    delete_pool(aws, id, pool.domain.as_deref()).await
}

/// A missing domain has no error type of its own; it is an `InvalidParameterException`, "No such domain or user
/// pool exists." (AWS re:Post; the service model declares no other). After that error, look up whether the
/// domain exists.
async fn delete_domain(aws: &Aws, domain: &str, pool_id: &str) -> Result<bool, Error> {
    let call = aws.cognito.delete_user_pool_domain().domain(domain).user_pool_id(pool_id);
    match deleted(call.send().await.map_err(of(SERVICE, "DeleteUserPoolDomain"))) {
        Err(error) if error.code.as_deref() == Some("InvalidParameterException") => {
            match find_domain(aws, domain).await? {
                Some(found) if found.pool_id == pool_id => Err(error),
                _ => Ok(false),
            }
        }
        deleted => deleted,
    }
}

pub async fn create_domain(aws: &Aws, domain: &str, pool_id: &str) -> Result<(), Error> {
    let call = aws.cognito.create_user_pool_domain().domain(domain).user_pool_id(pool_id);
    call.send().await.map(drop).map_err(of(SERVICE, "CreateUserPoolDomain"))
}

/// A missing domain has an empty description; it is not an error.
pub async fn find_domain(aws: &Aws, domain: &str) -> Result<Option<Domain>, Error> {
    let answer = aws.cognito.describe_user_pool_domain().domain(domain).send().await;
    let description =
        absent(answer.map_err(of(SERVICE, "DescribeUserPoolDomain")))?.and_then(|answer| answer.domain_description);
    Ok(description.and_then(|found| {
        // An endpoint that returns no status needs no wait.
        let active = found.status.is_none_or(|status| status == DomainStatusType::Active);
        Some(Domain { pool_id: found.user_pool_id?, active })
    }))
}

/// A scope with the description of every scope that this program makes.
fn scope_named(name: &str, operation: &'static str) -> Result<ResourceServerScopeType, Error> {
    let scope = ResourceServerScopeType::builder().scope_name(name).scope_description("Call the gateway's tools");
    scope.build().map_err(|error| Error::unexpected(SERVICE, operation, &error.to_string()))
}

/// Creates the resource server with its one scope.
pub async fn create_resource_server(aws: &Aws, pool_id: &str, identifier: &str, scope: &str) -> Result<(), Error> {
    const OPERATION: &str = "CreateResourceServer";
    let call = aws.cognito.create_resource_server().user_pool_id(pool_id).identifier(identifier).name(identifier);
    call.scopes(scope_named(scope, OPERATION)?).send().await.map(drop).map_err(of(SERVICE, OPERATION))
}

pub async fn has_resource_server(aws: &Aws, pool_id: &str, identifier: &str) -> Result<bool, Error> {
    let call = aws.cognito.describe_resource_server().user_pool_id(pool_id).identifier(identifier);
    Ok(absent(call.send().await.map_err(of(SERVICE, "DescribeResourceServer")))?.is_some())
}

/// How often to add scopes until they are there: an update replaces them all, those of another run, too.
const SCOPE_ATTEMPTS: usize = 3;

/// Adds scopes that a resource server lacks; its other scopes and its name stay.
///
/// # Errors
/// Also if there is no such resource server.
pub async fn add_scopes(aws: &Aws, pool_id: &str, identifier: &str, names: &[&str]) -> Result<(), Error> {
    for _ in 0..SCOPE_ATTEMPTS {
        if !add_missing_scopes(aws, pool_id, identifier, names).await? {
            break;
        }
    }
    Ok(())
}

/// False if it lacked none.
async fn add_missing_scopes(aws: &Aws, pool_id: &str, identifier: &str, names: &[&str]) -> Result<bool, Error> {
    const OPERATION: &str = "UpdateResourceServer";
    let found = aws.cognito.describe_resource_server().user_pool_id(pool_id).identifier(identifier).send().await;
    let server = found
        .map_err(of(SERVICE, "DescribeResourceServer"))?
        .resource_server
        .unwrap_or_else(|| aws_sdk_cognitoidentityprovider::types::ResourceServerType::builder().build());
    let mut scopes = server.scopes.unwrap_or_default();
    let before = scopes.len();
    for name in names {
        if !scopes.iter().any(|scope| scope.scope_name == *name) {
            scopes.push(scope_named(name, OPERATION)?);
        }
    }
    if scopes.len() == before {
        return Ok(false);
    }
    let name = server.name.unwrap_or_else(|| identifier.to_owned());
    let call = aws.cognito.update_resource_server().user_pool_id(pool_id).identifier(identifier).name(name);
    call.set_scopes(Some(scopes)).send().await.map_err(of(SERVICE, OPERATION))?;
    Ok(true)
}

/// The URL of a pool's OpenID document: Cognito's own address, or that of the emulator, which serves the
/// document itself.
pub fn discovery_url(aws: &Aws, pool_id: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer(aws, pool_id))
}

fn issuer(aws: &Aws, pool_id: &str) -> String {
    match emulator_endpoint(aws) {
        Some(endpoint) => format!("{endpoint}/{pool_id}"),
        // In GovCloud too (aws-jwt-verify has these issuers in its tests).
        None => format!("https://cognito-idp.{}.{}/{pool_id}", aws.region, aws.region.partition().dns_suffix),
    }
}

/// The token endpoint; `domain` is the prefix that was read back from the pool. It is in the pool's OpenID
/// document; if that is not available, or names another domain (the pool may also have a custom domain), it is
/// derived from the partition.
pub async fn token_endpoint(aws: &Aws, pool_id: &str, domain: &str) -> String {
    if let Some(endpoint) = emulator_endpoint(aws) {
        return format!("{endpoint}/oauth2/token");
    }
    let document = openid_document(aws, pool_id).await.map(|(_, document)| document).unwrap_or_default();
    let stated = document["token_endpoint"].as_str().filter(|url| url.starts_with(&format!("https://{domain}.")));
    stated.map_or_else(|| usual_token_endpoint(aws, domain), str::to_owned)
}

fn usual_token_endpoint(aws: &Aws, domain: &str) -> String {
    let (region, partition) = (&aws.region, aws.region.partition());
    format!("https://{domain}.{}.{region}.{}/oauth2/token", partition.token_host, partition.token_suffix)
}

/// A pool's OpenID document, if it has everything that AgentCore requires; `None` if that cannot be determined.
/// AgentCore fetches it when it creates a gateway. For a short while after the pool's creation the response may
/// be a 400 or 404 (a CDK resource waits up to two minutes for a 200, after a gateway ended as FAILED for it),
/// and a document without `authorization_endpoint` is rejected like a missing one (seen once). No response at
/// all here proves nothing: AgentCore may still get one.
///
/// # Errors
/// What the document lacks, if it is missing or incomplete.
pub async fn whole_document(aws: &Aws, pool_id: &str) -> Result<Option<Value>, String> {
    match openid_document(aws, pool_id).await {
        Ok((200, document)) if document["authorization_endpoint"].is_string() => Ok(Some(document)),
        Ok((200, _)) => Err("the user pool's OpenID document has no authorization_endpoint yet".to_owned()),
        Ok((status, _)) if NOT_THERE.contains(&status) => {
            Err(format!("the user pool does not serve its OpenID document yet (HTTP {status})"))
        }
        // No response at all, or a proxy's.
        _ => Ok(None),
    }
}

/// A pool's discovery URL according to its own document: below its issuer, if that is one of Cognito's for this
/// pool.
pub fn configured_discovery_url(aws: &Aws, pool_id: &str, document: &Value) -> Option<String> {
    let url = format!("{}/.well-known/openid-configuration", document["issuer"].as_str()?);
    (!is_emulated(aws) && pool_of_discovery_url(aws, &url).as_deref() == Some(pool_id)).then_some(url)
}

/// Whether a discovery URL belongs to the pool. For an emulator, only its current address counts.
pub fn is_discovery_url(aws: &Aws, pool_id: &str, url: &str) -> bool {
    if is_emulated(aws) {
        url == discovery_url(aws, pool_id)
    } else {
        pool_of_discovery_url(aws, url).as_deref() == Some(pool_id)
    }
}

/// The status, and the document; null if it is not JSON.
async fn openid_document(aws: &Aws, pool_id: &str) -> Result<(u16, Value), TransportError> {
    let request =
        Request { method: "GET".to_owned(), url: discovery_url(aws, pool_id), headers: Vec::new(), body: Vec::new() };
    let answer = aws.http.send(request, TIMEOUT).await?;
    Ok((answer.status, serde_json::from_slice(&answer.body).unwrap_or_default()))
}

/// Whether Cognito's endpoint is an emulator.
pub fn is_emulated(aws: &Aws) -> bool {
    emulator_endpoint(aws).is_some()
}

fn emulator_endpoint(aws: &Aws) -> Option<&str> {
    aws.cognito_endpoint.as_deref().filter(|url| !super::is_amazons(url))
}

/// Whether the pool is public, or that cannot be determined: a pool of another account, which this one cannot
/// describe, publishes its metadata, too.
///
/// AWS does not document what a deleted pool's address returns. A 400 or 404 counts as "gone"; any other
/// response, such as a proxy's 403, or none at all counts as published, which leaves the gateway unchanged.
pub async fn is_published(aws: &Aws, pool_id: &str) -> bool {
    openid_document(aws, pool_id).await.map_or(true, |(status, _)| !NOT_THERE.contains(&status))
}

/// The pool that a discovery URL refers to, if it is one of Cognito's: the last path segment of its issuer. An
/// emulator's address is ignored: its port or host name may have changed since the pool was created.
pub fn pool_of_discovery_url(aws: &Aws, url: &str) -> Option<String> {
    let issuer = url.strip_suffix("/.well-known/openid-configuration")?;
    let (origin, pool_id) = issuer.rsplit_once('/')?;
    let ours = is_emulated(aws) || (origin.contains("://cognito-idp") && super::is_amazons(origin));
    (ours && pool_id.starts_with(&format!("{}_", aws.region))).then(|| pool_id.to_owned())
}
