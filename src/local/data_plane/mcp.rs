//! The MCP endpoint of a gateway: one JSON-RPC message in, one JSON document out (reference §5).

mod protocol;
mod tools;

use axum::{
    body::Bytes,
    extract::{Path, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

pub(crate) use self::protocol::VERSIONS;
use self::protocol::{Dialect, METHOD_NOT_FOUND, PARSE_ERROR, RpcError};
use super::auth::{self, Inbound, Refusal};
use crate::{
    local::{
        Local, base_url, json_response,
        services::agentcore::{Gateway, Target},
    },
    model::tool::{self, Tool},
};

/// Bytes of a request (reference §5.7).
pub(crate) const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;
/// The code of a caller who is turned away (reference §4.3).
const UNAUTHORIZED: i32 = -32001;
/// Messages of a batch; nobody sends more.
const LARGEST_BATCH: usize = 100;

/// What one request needs of a gateway, taken under the lock.
struct View {
    id: String,
    name: String,
    instructions: Option<Value>,
    versions: Vec<String>,
    debug: bool,
    search: bool,
    /// Whether `tools/list` comes in pages.
    paged: bool,
    targets: Vec<ServedTarget>,
}

struct ServedTarget {
    id: String,
    name: String,
    lambda_arn: Option<String>,
    tools: Vec<Tool>,
}

/// `POST /gateways/{gatewayId}/mcp`
pub(crate) async fn post(
    Shared(local): Shared<Local>,
    Path(gateway_id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let text = body.as_ref().map(Bytes::as_ref).unwrap_or_default();
    let parsed: Result<Value, _> = serde_json::from_slice(text);
    // The id goes into a refusal too; nothing else of an unchecked caller's request is looked at.
    let id = parsed.as_ref().map_or_else(|_| "null".to_owned(), |message| id_of(text, message));
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let now = local.now();
    let inbound = local.read(|state| state.agentcore.serving(&gateway_id).map(Inbound::of));
    let Some(inbound) = inbound else { return not_found() };
    if let Err(refusal) = auth::check(&local, inbound, authorization, now).await {
        return refuse(refusal, &gateway_id, &base_url(&headers), &id);
    }
    // It may have gone while the caller's provider was asked.
    let view = local.read(|state| state.agentcore.serving(&gateway_id).map(View::new));
    let Some(view) = view else { return not_found() };
    if body.is_err() {
        let error = RpcError::invalid_request("Request payload is larger than 6 MB");
        return document(StatusCode::PAYLOAD_TOO_LARGE, envelope(&id, &Err(error)));
    }
    let Ok(message) = parsed else {
        let error = RpcError::new(PARSE_ERROR, "Parse error");
        return document(StatusCode::BAD_REQUEST, envelope("null", &Err(error)));
    };
    let exchange = Exchange { local: &local, view: &view, headers: &headers };
    match Dialect::of(&headers, &view.versions, &message) {
        // How an `initialize` goes on is not for its header to say.
        Err(_) if message["method"] == "initialize" => {
            exchange.one(Dialect::Handshake { batches: false }, &id, &message).await
        }
        Err(error) => document(StatusCode::BAD_REQUEST, envelope(&id, &Err(error))),
        Ok(Dialect::Handshake { batches: true }) if message.is_array() => exchange.batch(text).await,
        Ok(dialect) => exchange.one(dialect, &id, &message).await,
    }
}

/// A caller's request, checked, with what it takes to answer it.
struct Exchange<'a> {
    local: &'a Local,
    view: &'a View,
    headers: &'a HeaderMap,
}

impl Exchange<'_> {
    async fn one(&self, dialect: Dialect, id: &str, message: &Value) -> Response {
        match self.answer(dialect, id, message).await {
            None => StatusCode::ACCEPTED.into_response(),
            Some(answer) => {
                let status = answer.as_ref().map_or_else(|error| dialect.status(error), |_| StatusCode::OK);
                document(status, envelope(id, &answer))
            }
        }
    }

    /// The answers to all requests of a batch, in their order (MCP 2025-03-26).
    async fn batch(&self, text: &[u8]) -> Response {
        let dialect = Dialect::Handshake { batches: true };
        let messages: Vec<&RawValue> = serde_json::from_slice(text).unwrap_or_default();
        if messages.is_empty() || messages.len() > LARGEST_BATCH {
            let error = RpcError::invalid_request(&format!("A batch has 1 to {LARGEST_BATCH} messages"));
            return document(StatusCode::BAD_REQUEST, envelope("null", &Err(error)));
        }
        let mut answers = Vec::new();
        for raw in messages {
            let message: Value = serde_json::from_str(raw.get()).unwrap_or_default();
            let id = id_of(raw.get().as_bytes(), &message);
            let answer = if message["method"] == "initialize" {
                Some(Err(RpcError::invalid_request("initialize comes alone")))
            } else {
                self.answer(dialect, &id, &message).await
            };
            answers.extend(answer.map(|answer| envelope(&id, &answer)));
        }
        if answers.is_empty() {
            return StatusCode::ACCEPTED.into_response();
        }
        document(StatusCode::OK, format!("[{}]", answers.join(",")))
    }

    /// Answers one message; `None` for a notification, and for a response to a request that the
    /// server never made.
    async fn answer(&self, dialect: Dialect, id: &str, message: &Value) -> Option<Result<Value, RpcError>> {
        if message.is_array() {
            return Some(Err(RpcError::invalid_request("Batches are not supported")));
        }
        if message["jsonrpc"] != "2.0" {
            return Some(Err(RpcError::invalid_request("Invalid request: not a JSON-RPC 2.0 message")));
        }
        let Some(method) = message["method"].as_str() else {
            let is_response = message.get("result").is_some() || message.get("error").is_some();
            return (!is_response).then(|| Err(RpcError::invalid_request("Invalid request: no method")));
        };
        let id_member = message.get("id")?;
        if !is_id(id_member) {
            return Some(Err(RpcError::invalid_request("Invalid request: an id is a string or a number")));
        }
        if let Err(error) = dialect.check(self.headers, message) {
            return Some(Err(error));
        }
        // What functions are told is the id as text, a string's without its quotes.
        let id = id_member.as_str().unwrap_or(id);
        let result = self.dispatch(dialect, method, id, &message["params"]).await;
        Some(result.map(|result| dialect.complete(method, &self.view.server_info(), result)))
    }

    async fn dispatch(&self, dialect: Dialect, method: &str, id: &str, params: &Value) -> Result<Value, RpcError> {
        match (dialect, method) {
            (_, "tools/list") => tools::list(self.view, params),
            (_, "tools/call") => tools::call(self.local, self.view, id, params).await,
            (Dialect::Handshake { .. }, "initialize") => initialize(self.view, params),
            (Dialect::Handshake { .. }, "ping") => Ok(json!({})),
            (Dialect::Stateless, "server/discover") => Ok(discover(self.view)),
            _ => Err(RpcError::new(METHOD_NOT_FOUND, format!("Method not found: {method}"))),
        }
    }
}

/// A message's id as it was written: a number may be larger than any that is calculated with.
fn id_of(text: &[u8], message: &Value) -> String {
    #[derive(Deserialize)]
    struct WithId<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }

    match message.get("id").filter(|id| is_id(id)) {
        None => "null".to_owned(),
        Some(id) => serde_json::from_slice::<WithId<'_>>(text)
            .map_or_else(|_| id.to_string(), |message| message.id.get().to_owned()),
    }
}

fn is_id(id: &Value) -> bool {
    id.is_string() || id.is_number()
}

/// A JSON-RPC response; `id` is JSON.
fn envelope(id: &str, answer: &Result<Value, RpcError>) -> String {
    match answer {
        Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
        Err(error) => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{}}}"#, error.to_json()),
    }
}

fn document(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// `GET` (a server stream) and `DELETE` (end of a session) of a stateless gateway: 405, which
/// clients know how to take (reference §5.1 [U]).
pub(crate) async fn not_allowed() -> Response {
    let body = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32000, "message": "Method not allowed" } });
    let mut response = json_response(StatusCode::METHOD_NOT_ALLOWED, &body);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// `GET /.well-known/oauth-protected-resource/gateways/{gatewayId}/mcp` (RFC 9728)
pub(crate) async fn protected_resource(
    Shared(local): Shared<Local>,
    Path(gateway_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let base = base_url(&headers);
    let found = local.read(|state| {
        let authorizer = state.agentcore.serving(&gateway_id)?.jwt_authorizer()?;
        let own = state.cognito.pool_at(&authorizer.discovery_url).map(|pool| format!("{base}/{}", pool.id));
        Some((authorizer, own))
    });
    let Some((authorizer, own)) = found else { return not_found() };
    let issuer = match own {
        Some(issuer) => Some(issuer),
        None => local.providers().issuer(&authorizer.discovery_url, local.now()).await,
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

fn initialize(view: &View, params: &Value) -> Result<Value, RpcError> {
    let Some(asked) = params["protocolVersion"].as_str() else {
        return Err(RpcError::invalid_params("protocolVersion is missing"));
    };
    let Some(version) = protocol::agreed(asked, &view.versions) else {
        return Err(RpcError::invalid_params("Every version that this gateway serves does without initialize"));
    };
    let mut result = json!({
        "protocolVersion": version,
        "capabilities": { "tools": { "listChanged": true } },
        "serverInfo": view.server_info(),
    });
    if let Some(instructions) = &view.instructions {
        result["instructions"] = instructions.clone();
    }
    Ok(result)
}

/// `server/discover` (MCP 2026-07-28)
fn discover(view: &View) -> Value {
    let mut result =
        json!({ "supportedVersions": protocol::discoverable(&view.versions), "capabilities": { "tools": {} } });
    if let Some(instructions) = &view.instructions {
        result["instructions"] = instructions.clone();
    }
    result
}

fn not_found() -> Response {
    json_response(StatusCode::NOT_FOUND, &json!({ "message": "No such gateway, or it is not READY" }))
}

fn refuse(refusal: Refusal, gateway_id: &str, base: &str, id: &str) -> Response {
    let metadata =
        format!("resource_metadata=\"{base}/.well-known/oauth-protected-resource/gateways/{gateway_id}/mcp\"");
    let (status, challenge, message) = match refusal {
        Refusal::Missing => (StatusCode::UNAUTHORIZED, format!("Bearer {metadata}"), "Missing Bearer token"),
        Refusal::Invalid => {
            (StatusCode::UNAUTHORIZED, format!("Bearer error=\"invalid_token\", {metadata}"), "Invalid Bearer token")
        }
        Refusal::InsufficientScope => {
            (StatusCode::FORBIDDEN, format!("Bearer error=\"insufficient_scope\", {metadata}"), "Insufficient scope")
        }
    };
    let mut response = document(status, envelope(id, &Err(RpcError::new(UNAUTHORIZED, message))));
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

impl View {
    fn new(gateway: &Gateway) -> Self {
        let configured: Option<Vec<String>> =
            gateway.mcp("supportedVersions").and_then(|versions| serde_json::from_value(versions.clone()).ok());
        // The managed gateway's default is unknown (reference §5.2 [U]); here it is all that is served.
        let mut versions = configured.unwrap_or_else(|| VERSIONS.iter().map(ToString::to_string).collect());
        versions.sort();
        let target = |target: &Target| ServedTarget {
            id: target.id.clone(),
            name: target.text("name").unwrap_or_default().to_owned(),
            lambda_arn: target.lambda_arn().map(str::to_owned),
            tools: target.tools(),
        };
        Self {
            id: gateway.id.clone(),
            name: gateway.text("name").unwrap_or_default().to_owned(),
            instructions: gateway.mcp("instructions").cloned(),
            versions,
            debug: gateway.text("exceptionLevel") == Some("DEBUG"),
            search: gateway.mcp("searchType").is_some(),
            paged: gateway.mcp("disableMcpListToolsPagination") != Some(&Value::Bool(true)),
            targets: gateway.serving_targets().map(target).collect(),
        }
    }

    fn server_info(&self) -> Value {
        json!({ "name": self.name, "version": "1.0.0" })
    }

    fn listed_tools(&self) -> Vec<Value> {
        self.targets.iter().flat_map(|target| target.tools.iter().map(|tool| tool.listed(&target.name))).collect()
    }

    /// The target and the tool that a qualified name stands for.
    fn find(&self, name: &str) -> Option<(&ServedTarget, &Tool)> {
        let (target, tool) = name.split_once(tool::SEPARATOR)?;
        let target = self.targets.iter().find(|candidate| candidate.name == target)?;
        Some((target, target.tools.iter().find(|candidate| candidate.name == tool)?))
    }
}
