//! The MCP endpoint of a gateway: one JSON-RPC message in, one JSON document out (reference §5).

use axum::{
    body::Bytes,
    extract::{Path, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    auth::{self, Refusal},
    search,
    upstream::{self, Failure, ToolCall},
};
use crate::{
    local::{
        Local, base_url, json_response,
        services::agentcore::{Gateway, Target},
    },
    model::tool::{self, Tool, check_arguments},
};

/// The MCP versions served, oldest first.
pub(crate) const VERSIONS: &[&str] = &["2025-06-18", "2025-11-25"];
/// Bytes of a request (reference §5.7).
pub(crate) const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;
/// All that a caller learns of a target's failure without DEBUG (reference §5.6).
const TERSE: &str = "An internal error occurred. Please retry later.";

/// A JSON-RPC error: HTTP status, code, message.
struct RpcError(StatusCode, i32, String);

impl RpcError {
    fn invalid_request(message: &str) -> Self {
        Self(StatusCode::BAD_REQUEST, -32600, message.to_owned())
    }

    fn invalid_params(message: String) -> Self {
        Self(StatusCode::OK, -32602, message)
    }
}

/// What one request needs of a gateway, taken under the lock.
struct View {
    id: String,
    name: String,
    instructions: Option<Value>,
    versions: Vec<String>,
    debug: bool,
    search: bool,
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
    let request: Result<Value, _> = body.as_ref().map_or(Ok(Value::Null), |body| serde_json::from_slice(body));
    // The id goes into a refusal too; nothing else of an unchecked caller's request is looked at.
    let id = request.as_ref().map_or(Value::Null, |request| valid_id(&request["id"]).cloned().unwrap_or_default());
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let now = local.now();
    let view = local.read(|state| {
        let gateway = state.agentcore.serving(&gateway_id)?;
        Some(auth::check(state, gateway, authorization, now).map(|()| View::new(gateway)))
    });
    let view = match view {
        None => return not_found(),
        Some(Err(refusal)) => return refuse(refusal, &gateway_id, &base_url(&headers), id),
        Some(Ok(view)) => view,
    };
    if body.is_err() {
        return rpc_error(
            id,
            RpcError(StatusCode::PAYLOAD_TOO_LARGE, -32600, "Request payload is larger than 6 MB".to_owned()),
        );
    }
    let Ok(request) = request else {
        return rpc_error(Value::Null, RpcError(StatusCode::BAD_REQUEST, -32700, "Parse error".to_owned()));
    };
    match answer(&local, &view, &headers, &request).await {
        Ok(Some(result)) => json_response(StatusCode::OK, &json!({ "jsonrpc": "2.0", "id": id, "result": result })),
        Ok(None) => StatusCode::ACCEPTED.into_response(),
        Err(error) => rpc_error(id, error),
    }
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
    let document = local.read(|state| {
        let gateway = state.agentcore.serving(&gateway_id)?;
        let authorizer = gateway.jwt_authorizer()?;
        let pool = state.cognito.pool_at(&authorizer.discovery_url)?;
        let mut document = json!({
            "resource": format!("{base}/gateways/{gateway_id}/mcp"),
            "authorization_servers": [format!("{base}/{}", pool.id)],
            "bearer_methods_supported": ["header"],
        });
        if !authorizer.allowed_scopes.is_empty() {
            document["scopes_supported"] = json!(authorizer.allowed_scopes);
        }
        Some(document)
    });
    document.map_or_else(not_found, |document| json_response(StatusCode::OK, &document))
}

/// Answers one message; `None` for a notification.
async fn answer(local: &Local, view: &View, headers: &HeaderMap, request: &Value) -> Result<Option<Value>, RpcError> {
    if request.is_array() {
        return Err(RpcError::invalid_request("Batches are not supported"));
    }
    if request["jsonrpc"] != "2.0" {
        return Err(RpcError::invalid_request("Invalid request: not a JSON-RPC 2.0 message"));
    }
    let Some(method) = request["method"].as_str() else {
        // A response to a request that the server never made has nowhere to go.
        let is_response = request.get("result").is_some() || request.get("error").is_some();
        return if is_response { Ok(None) } else { Err(RpcError::invalid_request("Invalid request: no method")) };
    };
    let Some(id) = request.get("id") else {
        return Ok(None);
    };
    if valid_id(id).is_none() {
        return Err(RpcError::invalid_request("Invalid request: an id is a string or a number"));
    }
    if method != "initialize" {
        check_version_header(view, headers)?;
    }
    let params = &request["params"];
    match method {
        "initialize" => initialize(view, params).map(Some),
        "ping" => Ok(Some(json!({}))),
        "tools/list" => list_tools(view, params).map(Some),
        "tools/call" => call_tool(local, view, id, params).await.map(Some),
        _ => Err(RpcError(StatusCode::OK, -32601, format!("Method not found: {method}"))),
    }
}

fn valid_id(id: &Value) -> Option<&Value> {
    (id.is_string() || id.is_number()).then_some(id)
}

/// After `initialize`, clients name the version in a header; one that is not served is refused.
fn check_version_header(view: &View, headers: &HeaderMap) -> Result<(), RpcError> {
    let Some(version) = headers.get("mcp-protocol-version") else { return Ok(()) };
    if view.versions.iter().any(|served| version == served.as_str()) {
        return Ok(());
    }
    Err(RpcError::invalid_request(&format!(
        "Unsupported MCP protocol version; this gateway serves {}",
        view.versions.join(", ")
    )))
}

fn initialize(view: &View, params: &Value) -> Result<Value, RpcError> {
    let Some(asked) = params["protocolVersion"].as_str() else {
        return Err(RpcError::invalid_params("protocolVersion is missing".to_owned()));
    };
    let newest = view.versions.last().cloned().unwrap_or_default();
    let version = if view.versions.iter().any(|served| served == asked) { asked.to_owned() } else { newest };
    let mut result = json!({
        "protocolVersion": version,
        "capabilities": { "tools": { "listChanged": true } },
        "serverInfo": { "name": view.name, "version": "1.0.0" },
    });
    if let Some(instructions) = &view.instructions {
        result["instructions"] = instructions.clone();
    }
    Ok(result)
}

/// All tools in one page: a gateway's cursor is opaque, and a client that sends one has it from
/// elsewhere.
fn list_tools(view: &View, params: &Value) -> Result<Value, RpcError> {
    if params["cursor"].is_string() {
        return Err(RpcError::invalid_params("Invalid cursor".to_owned()));
    }
    let mut tools = view.listed_tools();
    if view.search {
        tools.insert(0, search::definition());
    }
    Ok(json!({ "tools": tools }))
}

async fn call_tool(local: &Local, view: &View, id: &Value, params: &Value) -> Result<Value, RpcError> {
    let Some(name) = params["name"].as_str() else {
        return Err(RpcError::invalid_params("params.name is missing".to_owned()));
    };
    let arguments = match &params["arguments"] {
        Value::Null => json!({}),
        arguments => arguments.clone(),
    };
    if view.search && name == search::NAME {
        return Ok(call_search(view, &arguments));
    }
    let Some((target, tool)) = view.find(name) else {
        return Err(RpcError::invalid_params(format!("Unknown tool: {name}")));
    };
    if let Some(invalid) = invalid_arguments(&tool.input_schema, &arguments) {
        return Ok(invalid);
    }
    let call = ToolCall {
        gateway_id: view.id.clone(),
        target_id: target.id.clone(),
        target: target.name.clone(),
        tool: tool.name.clone(),
        message_id: id.clone(),
        arguments,
    };
    let function = local.read(|state| target.lambda_arn.as_deref().and_then(|arn| state.lambda.by_arn(arn)).cloned());
    let called = match function {
        Some(function) => upstream::call_lambda(local, function, &call).await,
        None => Err(Failure(format!("The Lambda function of target {} does not exist", call.target))),
    };
    Ok(called.map_or_else(|failure| failed(view, &failure), |text| text_result(&text, false)))
}

fn call_search(view: &View, arguments: &Value) -> Value {
    if let Some(invalid) = invalid_arguments(&search::definition()["inputSchema"], arguments) {
        return invalid;
    }
    let query = arguments["query"].as_str().unwrap_or_default();
    let found = json!({ "tools": search::rank(&view.listed_tools(), query) });
    let mut result = text_result(&found.to_string(), false);
    result["structuredContent"] = found;
    result
}

fn invalid_arguments(schema: &Value, arguments: &Value) -> Option<Value> {
    let findings = check_arguments(schema, arguments);
    let prefix = "ValidationException - Parameter validation failed: Invalid request parameters:";
    (!findings.is_empty()).then(|| text_result(&format!("{prefix}\n{}", findings.join("\n")), true))
}

fn failed(view: &View, failure: &Failure) -> Value {
    tracing::warn!(gateway = view.id, "{}", failure.0);
    if !view.debug {
        return text_result(TERSE, true);
    }
    let mut result = text_result(&failure.0, true);
    result["_meta"] = json!({ "debug": { "type": "text", "text": failure.0 } });
    result
}

fn text_result(text: &str, is_error: bool) -> Value {
    json!({ "isError": is_error, "content": [{ "type": "text", "text": text }] })
}

fn rpc_error(id: Value, error: RpcError) -> Response {
    let RpcError(status, code, message) = error;
    json_response(status, &json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }))
}

fn not_found() -> Response {
    json_response(StatusCode::NOT_FOUND, &json!({ "message": "No such gateway, or it is not READY" }))
}

fn refuse(refusal: Refusal, gateway_id: &str, base: &str, id: Value) -> Response {
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
    let mut response = rpc_error(id, RpcError(status, -32001, message.to_owned()));
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
            targets: gateway.serving_targets().map(target).collect(),
        }
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
