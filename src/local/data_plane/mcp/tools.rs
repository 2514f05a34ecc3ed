//! `tools/list` and `tools/call`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    exchange::Exchange,
    protocol::RpcError,
    servers,
    view::{Callable, View},
};
use crate::{
    local::data_plane::{
        aws_service::{self, Answer},
        mcp_server::NoResult,
        search,
        upstream::{self, Failure, ToolCall},
    },
    model::tool::{self, check_arguments},
};

/// Items on a page (of tools, three or four observers; of other lists, nobody has said).
const PAGE: usize = 30;
/// Bytes of them, as clients can be expected to take.
const PAGE_BYTES: usize = 2 * 1024 * 1024;
/// All that a caller learns of a target's failure without DEBUG (reference §5.6).
pub(super) use crate::model::mcp::TERSE_ERROR as TERSE;

/// One page of the tools, the search tool first.
pub(super) fn list(view: &View, params: &Value) -> Result<Value, RpcError> {
    let mut tools = view.listed_tools();
    // By name, across targets (one observer); where the search tool stands, nobody has said.
    tools.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    if view.search {
        tools.insert(0, search::definition());
    }
    page(view, "tools", &tools, params)
}

/// One page of a list, as its member; all of it where paging is switched off.
pub(super) fn page(view: &View, member: &str, items: &[Value], params: &Value) -> Result<Value, RpcError> {
    let start = match &params["cursor"] {
        Value::Null => 0,
        cursor => cursor
            .as_str()
            .and_then(position)
            .filter(|start| view.paged && *start < items.len())
            .ok_or_else(|| RpcError::invalid_params("Invalid cursor"))?,
    };
    let mut size = 0;
    let fits = |item: &&Value| {
        size += item.to_string().len();
        size <= PAGE_BYTES
    };
    // One at least, however large.
    let page = items[start..].iter().take(PAGE).take_while(fits).count().max(1);
    let end = if view.paged { items.len().min(start + page) } else { items.len() };
    let mut result = json!({ member: items[start..end] });
    if end < items.len() {
        result["nextCursor"] = json!(URL_SAFE_NO_PAD.encode(end.to_string()));
    }
    Ok(result)
}

/// Where the page of a cursor begins, if it is one of ours.
fn position(cursor: &str) -> Option<usize> {
    let start: usize = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?.parse().ok()?;
    (start > 0).then_some(start)
}

/// Calls a tool; `id` is the message's, as text.
pub(super) async fn call(exchange: &Exchange, id: &str, params: &Value) -> Result<Value, RpcError> {
    let Exchange { local, view, .. } = exchange;
    let Some(name) = params["name"].as_str() else {
        return Err(RpcError::invalid_params("params.name is missing"));
    };
    let arguments = match &params["arguments"] {
        Value::Null => json!({}),
        arguments => arguments.clone(),
    };
    if view.search && name == search::NAME {
        return Ok(call_search(view, &arguments));
    }
    let Some((target, callable)) = view.find(name) else {
        return Err(RpcError::invalid_params(format!("Unknown tool: {name}")));
    };
    // A schema that nobody knows wants an object none the less.
    let schemas = [&json!({ "type": "object" }), callable.input_schema()];
    if let Some(invalid) = schemas.into_iter().find_map(|schema| invalid_arguments(schema, &arguments)) {
        return Ok(invalid);
    }
    let gateway = exchange.gateway();
    let credential = target.credential.as_ref();
    let called = match callable {
        Callable::Function { arn, tool } => {
            let call = ToolCall {
                gateway_id: view.id.clone(),
                request_id: exchange.request_id.clone(),
                target_id: target.id.clone(),
                tool: tool::qualified(&target.name, &tool.name),
                message_id: id.to_owned(),
                arguments,
            };
            match local.read(|state| state.lambda.by_arn(arn).cloned()) {
                Some(function) => upstream::call_lambda(local, function, &call).await,
                None => Err(Failure(format!("The Lambda function of target {} does not exist", target.name))),
            }
        }
        Callable::Operation(operation) => upstream::call_api(local, &gateway, operation, credential, &arguments).await,
        Callable::Service { model, operation } => {
            match aws_service::call(local, &gateway, (model, operation), credential, &arguments).await {
                Ok(Answer::NotOffered(why)) => return Ok(text_result(&why, true)),
                Ok(Answer::Output(output)) => Ok(output),
                Err(failure) => Err(failure),
            }
        }
        Callable::Server { name, .. } => {
            let mut params = params.clone();
            params["name"] = json!(name);
            return match servers::ask(exchange, target, "tools/call", &params).await {
                Ok(result) => Ok(result),
                Err(NoResult::Refused(error)) => Err(RpcError::of(&error)),
                Err(problem) => Ok(failed(view, &problem.into_failure())),
            };
        }
        // That is nothing of the target's that a caller had better not see.
        Callable::NotServed => {
            let why = "The local AWS does not serve API Gateway targets";
            return Ok(text_result(&format!("{why}: {} is there in its control plane only", target.name), true));
        }
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
    // On one line, and not all that somebody else wrote.
    tracing::warn!(gateway = view.id, "{:?}", failure.0.chars().take(1000).collect::<String>());
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
