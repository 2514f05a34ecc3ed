//! Requests to the MCP servers behind a gateway (prompts, resources and tools), and the notifications during
//! them.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    content::Content,
    page::page,
    protocol::{INTERNAL_ERROR, RESOURCE_NOT_FOUND, RpcError, TERSE},
    request::McpRequest,
    snapshot::TargetSnapshot,
};
use crate::local::{
    data_plane::{
        credentials::Failure,
        mcp_server::{CallError, CallerSink, Connection, THROUGH_HEADER},
    },
    services::agentcore::Listing,
};

/// Lists the dynamic MCP servers for this request. A server that fails contributes nothing.
pub(super) async fn list_dynamic(request: &McpRequest) {
    let all = request.gateway.dynamic().map(async |target| {
        let listed = async {
            let mut connection = connect(request, target).await?;
            let mut listing = connection.list(true).await;
            // The server may have lost the session.
            if let Some(session) = request.session.as_ref().filter(|_| listing.is_err()) {
                session.forget(&connection);
                connection = connect(request, target).await?;
                listing = connection.list(true).await;
            }
            leave(request, &connection).await;
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
pub(super) fn list_prompts(request: &McpRequest, params: &Value) -> Result<Content, RpcError> {
    page(request.gateway.paged, "prompts", &request.gateway.listed_prompts(), params)
}

/// `resources/list`
pub(super) fn list_resources(request: &McpRequest, params: &Value) -> Result<Content, RpcError> {
    let items = request.gateway.listed_resources(|listing: &Listing| &listing.resources, "uri");
    page(request.gateway.paged, "resources", &items, params)
}

/// `resources/templates/list`
pub(super) fn list_templates(request: &McpRequest, params: &Value) -> Result<Content, RpcError> {
    let items = request.gateway.listed_resources(|listing: &Listing| &listing.resource_templates, "uriTemplate");
    page(request.gateway.paged, "resourceTemplates", &items, params)
}

/// `prompts/get`
pub(super) async fn get_prompt(request: &McpRequest, params: &Value) -> Result<Value, RpcError> {
    let Some(name) = params["name"].as_str() else {
        return Err(RpcError::invalid_params("params.name is missing"));
    };
    let unknown = || RpcError::invalid_params(format!("Unknown prompt: {name}"));
    let (target, own_name) = request.gateway.target_of(name).ok_or_else(unknown)?;
    let known = |listing: &Listing| listing.prompts.iter().any(|prompt| prompt["name"] == own_name);
    if !(target.is_dynamic() || target.listing().is_some_and(known)) {
        return Err(unknown());
    }
    let mut params = params.clone();
    params["name"] = json!(own_name);
    forward(request, target, "prompts/get", &params).await
}

/// `resources/read`
pub(super) async fn read_resource(request: &McpRequest, params: &Value) -> Result<Value, RpcError> {
    let Some(uri) = params["uri"].as_str() else {
        return Err(RpcError::invalid_params("params.uri is missing"));
    };
    match request.gateway.owner_of(uri) {
        Some(target) => forward(request, target, "resources/read", params).await,
        None => Err(RpcError::new(RESOURCE_NOT_FOUND, format!("Resource not found: {uri}"))),
    }
}

async fn forward(
    request: &McpRequest,
    target: &TargetSnapshot,
    method: &str,
    params: &Value,
) -> Result<Value, RpcError> {
    ask(request, target, method, params).await.map_err(|problem| match problem {
        CallError::Refused(error) => RpcError::of(&error),
        problem => {
            let failure = problem.into_failure();
            tracing::warn!(target = target.name, "{:?}", failure.0);
            RpcError::new(INTERNAL_ERROR, if request.gateway.debug { failure.0.as_str() } else { TERSE })
        }
    })
}

/// Sends a request to a target's server, with one retry if the server lost the session.
pub(super) async fn ask(
    request: &McpRequest,
    target: &TargetSnapshot,
    method: &str,
    params: &Value,
) -> Result<Value, CallError> {
    let params = passed_on(params, request.events.is_some());
    let mut sink = request.events.as_ref().map(|events| CallerSink::new(events, request.session.as_deref()));
    let back = request.passing_back(target);
    let mut connection = connect(request, target).await?;
    let mut answer = connection.request(method, &params, &mut sink, Some(&back)).await;
    if matches!(answer, Err(CallError::SessionLost)) {
        if let Some(session) = &request.session {
            session.forget(&connection);
        }
        connection = connect(request, target).await?;
        answer = connection.request(method, &params, &mut sink, Some(&back)).await;
    }
    leave(request, &connection).await;
    answer
}

/// Returns the session's connection to a target's server, or without a session a new connection for this
/// request.
async fn connect(request: &McpRequest, target: &TargetSnapshot) -> Result<Arc<Connection>, Failure> {
    if let Some(what) = target.not_served() {
        return Err(Failure(format!("The local AWS does not serve {what}")));
    }
    let server = target.server(request.outbound(target), through(request));
    let server = server.ok_or_else(|| Failure(format!("The target {} is no MCP server", target.name)))?;
    let Some(session) = &request.session else {
        return Connection::open(server, &json!({})).await;
    };
    // A changed endpoint or credential needs a new connection.
    let key = json!([target.id, server.endpoint, target.credential, server.auth.passed_on()]).to_string();
    let capabilities = session.capabilities.clone();
    session.connection(&key, async move { Connection::open(server, &capabilities).await }).await
}

/// The ids of the gateways that the request has passed through, this one last.
fn through(request: &McpRequest) -> Vec<String> {
    let header = request.headers.get(THROUGH_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let before = header.split(',').map(str::trim).filter(|id| !id.is_empty());
    before.chain([request.gateway.id.as_str()]).map(str::to_owned).collect()
}

/// Closes the connection if it is not kept by a session.
async fn leave(request: &McpRequest, connection: &Connection) {
    if request.session.is_none() {
        connection.close().await;
    }
}

/// The params to forward to a server: without the `_meta` fields that concern only caller and gateway, and
/// without a progress token if progress cannot be forwarded.
fn passed_on(params: &Value, heard: bool) -> Value {
    let mut params = params.clone();
    if let Some(Value::Object(meta)) = params.get_mut("_meta") {
        meta.retain(|key, _| !key.starts_with("io.modelcontextprotocol/") && (heard || key != "progressToken"));
    }
    params
}
