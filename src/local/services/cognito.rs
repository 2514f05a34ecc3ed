//! Cognito user pools, as far as a machine-to-machine OAuth provider needs them.

mod clients;
mod domains;
mod operations;
mod pools;
mod resource_servers;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::clients::Client;
use super::{Answer, Call, ErrorCodes, Service, bad_request, epoch_seconds, page};
use crate::local::{
    keys::SigningKey,
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

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), WireError> {
    if tags.len() <= MOST_TAGS {
        return Ok(());
    }
    Err(bad_request("UserPoolTaggingException", format!("A user pool can have at most {MOST_TAGS} tags.")))
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListOfPool {
    user_pool_id: String,
    next_token: Option<String>,
    max_results: Option<usize>,
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
