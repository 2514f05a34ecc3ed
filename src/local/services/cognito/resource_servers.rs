//! Resource servers of user pools, with their scopes.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Answer, Call, Cognito, ListOfPool, MOST_RESOURCE_SERVERS, Pool, ResourceServer, Scope, bad_request, invalid,
    list_answer, not_found,
};
use crate::local::wire::WireError;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateResourceServer {
    user_pool_id: String,
    identifier: String,
    name: String,
    #[serde(default)]
    scopes: Vec<Scope>,
}

pub(super) fn create(cognito: &mut Cognito, call: &Call, input: CreateResourceServer) -> Answer {
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

pub(super) fn update(cognito: &mut Cognito, call: &Call, input: CreateResourceServer) -> Answer {
    let id = ResourceServerId { user_pool_id: input.user_pool_id, identifier: input.identifier };
    let pool = cognito.pool_mut(call, &id.user_pool_id)?;
    let server = pool.resource_servers.get_mut(&id.identifier).ok_or_else(|| id.missing())?;
    *server = ResourceServer { name: input.name, scopes: input.scopes };
    describe(cognito, call, id)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ResourceServerId {
    user_pool_id: String,
    identifier: String,
}

impl ResourceServerId {
    fn missing(&self) -> WireError {
        not_found(format!("Resource server {} does not exist.", self.identifier))
    }
}

pub(super) fn describe(cognito: &mut Cognito, call: &Call, input: ResourceServerId) -> Answer {
    let pool = cognito.pool(call, &input.user_pool_id)?;
    let server = pool.resource_servers.get(&input.identifier).ok_or_else(|| input.missing())?;
    Ok(json!({ "ResourceServer": describe_server(pool, &input.identifier, server) }))
}

pub(super) fn delete(cognito: &mut Cognito, call: &Call, input: ResourceServerId) -> Answer {
    let removed = cognito.pool_mut(call, &input.user_pool_id)?.resource_servers.remove(&input.identifier);
    removed.map(|_| Value::Null).ok_or_else(|| input.missing())
}

pub(super) fn list(cognito: &mut Cognito, call: &Call, input: ListOfPool) -> Answer {
    let pool = cognito.pool(call, &input.user_pool_id)?;
    let servers = pool.resource_servers.iter().map(|(id, server)| (id, describe_server(pool, id, server)));
    list_answer("ResourceServers", servers, input.max_results.or(Some(50)), input.next_token.as_deref())
}

pub(super) fn describe_server(pool: &Pool, identifier: &str, server: &ResourceServer) -> Value {
    json!({ "UserPoolId": pool.id, "Identifier": identifier, "Name": server.name, "Scopes": server.scopes })
}
