//! What MCP servers behind a gateway are asked: prompts, resources, and tools; and what they say in between.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    exchange::Exchange,
    protocol::{INTERNAL_ERROR, RESOURCE_NOT_FOUND, RpcError},
    tools::{TERSE, page},
    view::ServedTarget,
};
use crate::local::{
    data_plane::{
        mcp_server::{Connection, NoResult, Relay, THROUGH_HEADER},
        upstream::Failure,
    },
    services::agentcore::Listing,
};

/// Lists those servers that are listed anew for each request; who does not answer offers nothing.
pub(super) async fn list_dynamic(exchange: &Exchange) {
    let all = exchange.view.dynamic().map(async |target| {
        let listed = async {
            let connection = connect(exchange, target).await?;
            let listing = connection.list(true).await;
            leave(exchange, &connection).await;
            listing
        };
        match listed.await {
            Ok(listing) => drop(target.listed_now.set(listing)),
            Err(failure) => tracing::warn!(target = target.name, "{:?}", failure.0),
        }
    });
    join_all(all).await;
}

/// `prompts/list`
pub(super) fn list_prompts(exchange: &Exchange, params: &Value) -> Result<Value, RpcError> {
    page(&exchange.view, "prompts", &exchange.view.listed_prompts(), params)
}

/// `resources/list`
pub(super) fn list_resources(exchange: &Exchange, params: &Value) -> Result<Value, RpcError> {
    let items = exchange.view.listed_resources(|listing: &Listing| &listing.resources, "uri");
    page(&exchange.view, "resources", &items, params)
}

/// `resources/templates/list`
pub(super) fn list_templates(exchange: &Exchange, params: &Value) -> Result<Value, RpcError> {
    let items = exchange.view.listed_resources(|listing: &Listing| &listing.resource_templates, "uriTemplate");
    page(&exchange.view, "resourceTemplates", &items, params)
}

/// `prompts/get`
pub(super) async fn get_prompt(exchange: &Exchange, params: &Value) -> Result<Value, RpcError> {
    let Some(name) = params["name"].as_str() else {
        return Err(RpcError::invalid_params("params.name is missing"));
    };
    let unknown = || RpcError::invalid_params(format!("Unknown prompt: {name}"));
    let (target, own_name) = exchange.view.target_of(name).ok_or_else(unknown)?;
    let known = |listing: &Listing| listing.prompts.iter().any(|prompt| prompt["name"] == own_name);
    if !(target.is_dynamic() || target.listing().is_some_and(known)) {
        return Err(unknown());
    }
    let mut params = params.clone();
    params["name"] = json!(own_name);
    forward(exchange, target, "prompts/get", &params).await
}

/// `resources/read`
pub(super) async fn read_resource(exchange: &Exchange, params: &Value) -> Result<Value, RpcError> {
    let Some(uri) = params["uri"].as_str() else {
        return Err(RpcError::invalid_params("params.uri is missing"));
    };
    match exchange.view.owner_of(uri) {
        Some(target) => forward(exchange, target, "resources/read", params).await,
        None => Err(RpcError::new(RESOURCE_NOT_FOUND, format!("Resource not found: {uri}"))),
    }
}

async fn forward(exchange: &Exchange, target: &ServedTarget, method: &str, params: &Value) -> Result<Value, RpcError> {
    ask(exchange, target, method, params).await.map_err(|problem| match problem {
        NoResult::Refused(error) => RpcError::of(&error),
        problem => {
            let failure = problem.into_failure();
            tracing::warn!(target = target.name, "{:?}", failure.0);
            RpcError::new(INTERNAL_ERROR, if exchange.view.debug { failure.0.as_str() } else { TERSE })
        }
    })
}

/// Asks a target's server.
pub(super) async fn ask(
    exchange: &Exchange,
    target: &ServedTarget,
    method: &str,
    params: &Value,
) -> Result<Value, NoResult> {
    let params = passed_on(params, exchange.events.is_some());
    let mut relay = exchange.events.as_ref().map(|events| Relay::new(events, exchange.talk.as_deref()));
    let connection = connect(exchange, target).await?;
    let answer = match connection.request(method, &params, &mut relay).await {
        Err(NoResult::SessionLost) => {
            if let Some(talk) = &exchange.talk {
                talk.forget(&connection);
            }
            connect(exchange, target).await?.request(method, &params, &mut relay).await
        }
        answer => answer,
    };
    leave(exchange, &connection).await;
    answer
}

/// The session's connection to a target's server, or one for this request alone where there is no session.
async fn connect(exchange: &Exchange, target: &ServedTarget) -> Result<Arc<Connection>, Failure> {
    let server = target.server(exchange.gateway(), through(exchange));
    let server = server.ok_or_else(|| Failure(format!("The target {} is no MCP server", target.name)))?;
    let Some(talk) = &exchange.talk else {
        return Connection::open(&exchange.local, server, &json!({})).await;
    };
    // Another address or another credential makes another connection.
    let key = json!([target.id, server.endpoint, server.credential]).to_string();
    let (local, capabilities) = (exchange.local.clone(), talk.capabilities.clone());
    talk.connection(&key, async move { Connection::open(&local, server, &capabilities).await }).await
}

/// The gateways that the request has come through, this one last.
fn through(exchange: &Exchange) -> Vec<String> {
    let header = exchange.headers.get(THROUGH_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let before = header.split(',').map(str::trim).filter(|id| !id.is_empty());
    before.chain([exchange.view.id.as_str()]).map(str::to_owned).collect()
}

/// Takes leave of a server, unless the session will ask it again.
async fn leave(exchange: &Exchange, connection: &Connection) {
    if exchange.talk.is_none() {
        connection.close().await;
    }
}

/// What a server is to see of a request: nothing of the envelope that was between caller and gateway, and
/// no token for progress that nobody would hear of.
fn passed_on(params: &Value, heard: bool) -> Value {
    let mut params = params.clone();
    if let Some(Value::Object(meta)) = params.get_mut("_meta") {
        meta.retain(|key, _| !key.starts_with("io.modelcontextprotocol/") && (heard || key != "progressToken"));
    }
    params
}
