//! `tools/list` and `tools/call`.

use serde_json::{Value, json};

use super::{
    content::Content,
    page::page,
    protocol::{RpcError, TERSE},
    request::McpRequest,
    search, servers,
    snapshot::{GatewaySnapshot, ResolvedTool, TargetSnapshot},
};
use crate::{
    local::data_plane::{
        aws_service,
        credentials::Failure,
        mcp_server::CallError,
        state::DataPlane,
        target::{self, Answer, ToolCall},
    },
    model::tool::{self, check_arguments},
};

/// One page of the tools, the search tool first.
pub(super) fn list(gateway: &GatewaySnapshot, params: &Value) -> Result<Content, RpcError> {
    page(gateway.paged, "tools", &gateway.tools().texts, params)
}

/// Calls a tool. `id` is the message's id as text.
pub(super) async fn call(request: &McpRequest, id: &str, params: &Value) -> Result<Content, RpcError> {
    let gateway = &request.gateway;
    let Some(name) = params["name"].as_str() else {
        return Err(RpcError::invalid_params("params.name is missing"));
    };
    let arguments = match &params["arguments"] {
        Value::Null => json!({}),
        arguments => arguments.clone(),
    };
    if gateway.search && name == search::NAME {
        return Ok(call_search(gateway, &arguments));
    }
    let Some((target, tool)) = gateway.find(name) else {
        return Err(RpcError::invalid_params(format!("Unknown tool: {name}")));
    };
    request.records.executing(id, name, &target.id);
    if let Some(what) = target.not_served() {
        let why = format!("The local AWS does not serve {what}: {} is there in its control plane only", target.name);
        request.records.tool_failed(id, name, &target.id, &why);
        return Ok(text_result(&why, true).into());
    }
    // Arguments must be an object even if the schema is unknown.
    let schemas = [&json!({ "type": "object" }), tool.input_schema()];
    let invalid = schemas.into_iter().find_map(|schema| invalid_arguments(schema, &arguments));
    let called = match (invalid, tool) {
        (Some(invalid), _) => Ok(invalid),
        (None, ResolvedTool::Server { name, .. }) => call_server(request, target, name, params).await?,
        (None, tool) => call_target(request, target, tool, id, arguments).await,
    };
    let reason = match &called {
        Err(Failure(reason)) => Some(reason.as_str()),
        Ok(result) if result["isError"] == true => Some(result["content"][0]["text"].as_str().unwrap_or_default()),
        Ok(_) => None,
    };
    if let Some(reason) = reason {
        request.records.tool_failed(id, name, &target.id, reason);
    }
    Ok(called.unwrap_or_else(|failure| failed(gateway, &failure)).into())
}

/// Calls a tool of anything but an MCP server.
async fn call_target(
    request: &McpRequest,
    target: &TargetSnapshot,
    tool: ResolvedTool<'_>,
    id: &str,
    arguments: Value,
) -> Result<Value, Failure> {
    let DataPlane { functions, endpoints, .. } = &*request.plane;
    let answer = match tool {
        ResolvedTool::Function { arn, tool } => {
            let (headers, query) = request.passed_on(target);
            let call = ToolCall {
                headers,
                query,
                gateway_id: request.gateway.id.clone(),
                request_id: request.request_id.clone(),
                target_id: target.id.clone(),
                tool: tool::qualified(&target.name, &tool.name),
                message_id: id.to_owned(),
                arguments,
            };
            let missing = || Failure(format!("The Lambda function of target {} does not exist", target.name));
            Answer::Output(target::call_lambda(functions, functions.find(arn).ok_or_else(missing)?, &call).await?)
        }
        ResolvedTool::Operation(operation) => {
            target::call_api(&request.outbound(target), operation, &arguments).await?
        }
        ResolvedTool::Service { model, operation } => {
            let auth = request.outbound(target);
            aws_service::call(&auth, endpoints, (model, operation), &arguments).await?
        }
        ResolvedTool::Server { .. } | ResolvedTool::NotServed => Answer::Nothing(String::new()),
    };
    Ok(match answer {
        Answer::Output(text) => text_result(&text, false),
        Answer::Nothing(why) => text_result(&why, true),
    })
}

/// Calls a tool of an MCP server, by the name that it has there. The outer error is the server's own.
async fn call_server(
    request: &McpRequest,
    target: &TargetSnapshot,
    name: &str,
    params: &Value,
) -> Result<Result<Value, Failure>, RpcError> {
    let mut params = params.clone();
    params["name"] = json!(name);
    match servers::ask(request, target, "tools/call", &params).await {
        Ok(result) => Ok(Ok(result)),
        Err(CallError::Refused(error)) => Err(RpcError::of(&error)),
        Err(problem) => Ok(Err(problem.into_failure())),
    }
}

fn call_search(gateway: &GatewaySnapshot, arguments: &Value) -> Content {
    if let Some(invalid) = invalid_arguments(&search::definition()["inputSchema"], arguments) {
        return invalid.into();
    }
    let query = arguments["query"].as_str().unwrap_or_default();
    let found = format!(r#"{{"tools":[{}]}}"#, gateway.tools().search(query).join(","));
    let result = text_result(&found, false).to_string();
    Content::Text(format!(r#"{},"structuredContent":{found}}}"#, result.trim_end_matches('}')))
}

fn invalid_arguments(schema: &Value, arguments: &Value) -> Option<Value> {
    let findings = check_arguments(schema, arguments);
    let prefix = "ValidationException - Parameter validation failed: Invalid request parameters:";
    (!findings.is_empty()).then(|| text_result(&format!("{prefix}\n{}", findings.join("\n")), true))
}

fn failed(gateway: &GatewaySnapshot, failure: &Failure) -> Value {
    // One line of limited length, since the text may come from elsewhere.
    tracing::warn!(gateway = gateway.id, "{:?}", failure.0.chars().take(1000).collect::<String>());
    if !gateway.debug {
        return text_result(TERSE, true);
    }
    let mut result = text_result(&failure.0, true);
    result["_meta"] = json!({ "debug": { "type": "text", "text": failure.0 } });
    result
}

fn text_result(text: &str, is_error: bool) -> Value {
    json!({ "isError": is_error, "content": [{ "type": "text", "text": text }] })
}
