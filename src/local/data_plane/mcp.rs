//! The MCP endpoint of a gateway: authorizes the caller and carries its requests and responses (AgentCore
//! developer guide, "Set up inbound authorization for your gateway" and "Use an AgentCore gateway").

mod content;
mod dispatch;
mod interceptors;
mod listed;
mod page;
mod protocol;
mod records;
mod reply;
mod request;
mod search;
mod servers;
pub(crate) mod serving;
pub(crate) mod sessions;
mod snapshot;
mod tools;

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Path, State as Shared, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::{
    protocol::{INTERNAL_ERROR, PARSE_ERROR, RpcError},
    records::Records,
    reply::{Reply, event, event_stream},
    request::{McpRequest, has_request, id_of},
    snapshot::GatewaySnapshot,
};
use super::{
    caller::{self, AuthError, Caller, Inbound, Issuers},
    credentials::PassedBack,
    state::DataPlane,
};
use crate::local::{
    http_message::{base_url, is_of_type, json_response},
    random,
    sigv4::Signed,
    wire::rest_json::query_parameters,
};

/// The largest request body, in bytes (AgentCore developer guide, "Quotas for Amazon Bedrock AgentCore").
pub(crate) const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;
/// The JSON-RPC error code for an unauthorized caller (printed output in awslabs/agentcore-samples, and a
/// CloudTrail record in the AgentCore developer guide).
const UNAUTHORIZED: i32 = -32001;
pub(super) const SESSION_HEADER: HeaderName = HeaderName::from_static(crate::http::mcp::SESSION_HEADER);

/// `POST /gateways/{gatewayId}/mcp`
pub(crate) async fn post(
    Shared(plane): Shared<Arc<DataPlane>>,
    Path(gateway_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let text = body.as_ref().cloned().unwrap_or_default();
    let parsed: Result<Value, _> = serde_json::from_slice(&text);
    // An error response carries the request's id, so it is read before the caller is authorized. Nothing else is.
    let id = parsed.as_ref().map_or_else(|_| "null".to_owned(), |message| id_of(&text, message));
    let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
    let signed = Signed { method: &Method::POST, path_and_query, headers: &headers, body: &text };
    let request_id = random::uuid();
    let (caller, gateway) = match enter(&plane, &gateway_id, &signed, (&request_id, &id)).await {
        Ok(entered) => entered,
        Err(error) => return *error,
    };
    let records = Records::new(&plane.server, &gateway.arn, gateway.log_group.clone(), &request_id);
    if let Some(what) = gateway.not_served {
        // Nothing is let through that a component which is not here would have refused or changed.
        let reply = not_served(what, &id);
        records.conclude(&id, &reply);
        return reply.into_response(&request_id);
    }
    match read_message(&headers, body.is_err(), parsed, &id) {
        Err(reply) => {
            records.conclude(&id, &reply);
            reply.into_response(&request_id)
        }
        Ok(message) => {
            let (events, session, passed_back) = (None, None, PassedBack::default());
            let query = query_parameters(uri.query().unwrap_or_default()).collect();
            let request = McpRequest {
                plane,
                gateway,
                caller,
                request_id,
                records,
                headers,
                query,
                passed_back,
                body: text,
                message,
                id,
                events,
                session,
            };
            respond(request).await
        }
    }
}

/// The message of a body, or the reply to one that is none.
fn read_message(
    headers: &HeaderMap,
    is_too_large: bool,
    parsed: serde_json::Result<Value>,
    id: &str,
) -> Result<Value, Reply> {
    if !is_of_type(headers, "application/json") {
        let error = RpcError::invalid_request("Content-Type must be application/json");
        return Err(Reply::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, id, error));
    }
    if is_too_large {
        let error = RpcError::invalid_request("Request payload is larger than 6 MB");
        return Err(Reply::error(StatusCode::PAYLOAD_TOO_LARGE, "null", error));
    }
    parsed.map_err(|_| Reply::error(StatusCode::BAD_REQUEST, "null", RpcError::new(PARSE_ERROR, "Parse error")))
}

/// Handles a request, and responds with JSON, or with an event stream where gateway and client support it.
async fn respond(mut request: McpRequest) -> Response {
    let request_id = request.request_id.clone();
    let streams = request.gateway.streaming && takes_events(&request.headers) && has_request(&request.message);
    if !streams {
        return request.run().await.into_response(&request_id);
    }
    // Nothing is streamed early on a gateway with interceptors: they see the response before the caller does.
    if request.gateway.is_intercepted() {
        return request.run().await.into_events(&request_id);
    }
    let (events, forwarded) = mpsc::unbounded_channel();
    request.events = Some(events.clone());
    let mut reply = Box::pin(request.run());
    // A reply that is ready at once can still set its own status. One that waits for a target starts the stream.
    if let Some(reply) = reply.as_mut().now_or_never() {
        return reply.into_events(&request_id);
    }
    // The response goes through the same channel as the messages before it, so that it comes last.
    let answered = async move { drop(events.send(reply.await.into_message())) };
    let forwarded = stream::unfold(forwarded, async |mut events| events.recv().await.map(|message| (message, events)));
    let all = stream::select(forwarded.map(Some), stream::once(answered).map(|()| None));
    let all = all.filter_map(async |message| message.map(|message| Ok::<_, Infallible>(event(&message))));
    event_stream(StatusCode::OK, Body::from_stream(all), &request_id)
}

/// `DELETE /gateways/{gatewayId}/mcp`: ends a session. 405 unless the gateway has sessions enabled.
pub(crate) async fn delete(
    shared: Shared<Arc<DataPlane>>,
    Path(gateway_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Shared(plane) = &shared;
    let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
    let signed = Signed { method: &Method::DELETE, path_and_query, headers: &headers, body: &[] };
    let request_id = random::uuid();
    let (caller, gateway) = match enter(plane, &gateway_id, &signed, (&request_id, "null")).await {
        Ok(entered) => entered,
        Err(error) => return *error,
    };
    if gateway.session_lifetime.is_none() {
        return not_allowed(shared, Path(gateway_id)).await;
    }
    match plane.sessions.end(&headers, &gateway_id, &caller, plane.server.now()) {
        Ok(()) => Reply { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: None },
        Err(error) => error.reply("null"),
    }
    .into_response(&request_id)
}

/// Every other method. `GET` would open a stream for server-initiated messages; clients handle a 405 for it
/// (MCP 2025-11-25, "Transports"). AWS does not document `GET`; we chose 405.
pub(crate) async fn not_allowed(Shared(plane): Shared<Arc<DataPlane>>, Path(gateway_id): Path<String>) -> Response {
    let body = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32000, "message": "Method not allowed" } });
    let mut response = json_response(StatusCode::METHOD_NOT_ALLOWED, &body);
    let found = plane.gateways.find(&plane.server, &gateway_id);
    let sessions = found.is_some_and(|found| found.gateway.session_lifetime.is_some());
    let allowed = HeaderValue::from_static(if sessions { "POST, DELETE" } else { "POST" });
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// Authorizes a caller, and takes a snapshot of the gateway.
async fn enter(
    plane: &DataPlane,
    gateway_id: &str,
    request: &Signed<'_>,
    (request_id, id): (&str, &str),
) -> Result<(Caller, Arc<GatewaySnapshot>), Box<Response>> {
    let find = || plane.gateways.find(&plane.server, gateway_id).ok_or_else(|| Box::new(not_found()));
    let serving = find()?;
    let refused = |error: AuthError| {
        let reply = refuse(&error, gateway_id, &base_url(request.headers), id);
        Records::of(&plane.server, gateway_id, request_id).conclude(id, &reply);
        Box::new(reply.into_response(request_id))
    };
    let is_signed = matches!(serving.inbound, Some(Inbound::Iam { is_authorized: true, .. }));
    let issuers = Issuers { server: &plane.server, providers: &plane.providers, tokens: &serving.tokens };
    let caller = caller::check(&issuers, serving.inbound.as_ref(), request).await.map_err(refused)?;
    // The gateway may have been deleted while the caller's identity provider was queried.
    let gateway = find()?.gateway.clone();
    match plane.server.refuses_invoking(&gateway.arn, &gateway.region).filter(|_| is_signed) {
        Some(why) => Err(refused(AuthError::NotAllowed(why))),
        None => Ok((caller, gateway)),
    }
}

fn takes_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(',')).map(|kind| kind.split(';').next().unwrap_or_default());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// `GET /.well-known/oauth-protected-resource/gateways/{gatewayId}/mcp` (RFC 9728)
pub(crate) async fn protected_resource(
    Shared(plane): Shared<Arc<DataPlane>>,
    Path(gateway_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let base = base_url(&headers);
    let found = plane.server.read(|state| {
        let authorizer = state.agentcore.serving(&gateway_id)?.jwt_authorizer()?;
        let own = state.cognito.pool_at(&authorizer.discovery_url).map(|pool| format!("{base}/{}", pool.id));
        Some((authorizer, own))
    });
    let Some((authorizer, own)) = found else { return not_found() };
    let issuer = match own {
        Some(issuer) => Some(issuer),
        None => plane.providers.issuer(&authorizer.discovery_url, plane.server.now()).await,
    };
    let mut document = json!({
        "resource": format!("{base}/gateways/{gateway_id}/mcp"),
        "authorization_servers": Vec::from_iter(issuer),
        "bearer_methods_supported": ["header"],
    });
    if !authorizer.allowed_scopes.is_empty() {
        document["scopes_supported"] = json!(authorizer.allowed_scopes);
    }
    json_response(StatusCode::OK, &document)
}

/// `/gateways/{gatewayId}/…` of gateways for HTTP and inference targets.
pub(crate) async fn not_mcp() -> Response {
    not_served("gateways without a protocolType", "null").into_response(&random::uuid())
}

fn not_served(what: &str, id: &str) -> Reply {
    let message = format!("The local AWS does not serve {what}; its control plane keeps them");
    Reply::error(StatusCode::NOT_IMPLEMENTED, id, RpcError::new(INTERNAL_ERROR, message))
}

/// The page on which a user would sign in to a target.
pub(crate) async fn sign_in() -> Response {
    let message = "The local AWS signs no users in: the target stays as it is, and fails after ten minutes.\n";
    (StatusCode::NOT_IMPLEMENTED, message).into_response()
}

fn not_found() -> Response {
    json_response(StatusCode::NOT_FOUND, &json!({ "message": "No such gateway, or it is not READY" }))
}

fn refuse(error: &AuthError, gateway_id: &str, base: &str, id: &str) -> Reply {
    let metadata =
        format!("resource_metadata=\"{base}/.well-known/oauth-protected-resource/gateways/{gateway_id}/mcp\"");
    let bearer = |error: &str| Some(format!("Bearer {error}{metadata}"));
    // If the token is missing, AWS responds with the id 0, whatever the request's id (printed output in
    // awslabs/agentcore-samples).
    let id = if *error == AuthError::Missing { "0" } else { id };
    let (status, challenge, message) = match error {
        AuthError::Missing => (StatusCode::UNAUTHORIZED, bearer(""), "Missing Bearer token"),
        AuthError::Invalid => (StatusCode::UNAUTHORIZED, bearer("error=\"invalid_token\", "), "Invalid Bearer token"),
        // The service model lets in only what a challenge can name (RFC 6750, §3).
        AuthError::InsufficientScope(scopes) => {
            let scope = format!("error=\"insufficient_scope\", scope=\"{}\", ", scopes.join(" "));
            (StatusCode::FORBIDDEN, bearer(&scope), "Insufficient scope")
        }
        // Not documented by AWS: we chose the messages of AWS's SigV4 errors.
        AuthError::Unsigned => (StatusCode::FORBIDDEN, None, "Missing Authentication Token"),
        AuthError::BadSignature => (
            StatusCode::FORBIDDEN,
            None,
            "The request signature we calculated does not match the signature you provided",
        ),
        AuthError::NotAllowed(why) => (StatusCode::FORBIDDEN, None, why.as_str()),
    };
    let mut reply = Reply::error(status, id, RpcError::new(UNAUTHORIZED, message));
    if let Some(challenge) = challenge.and_then(|challenge| HeaderValue::from_str(&challenge).ok()) {
        reply.headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    reply
}
