//! How each kind of target is called.

use serde_json::{Value, json};

use crate::{
    local::{
        Local,
        runtime::{Invocation, Outcome},
        services::lambda::Function,
    },
    model::tool,
};

/// One call of a tool, with what the function is told about it (reference §6.1).
#[derive(Debug)]
pub(crate) struct ToolCall {
    pub(crate) gateway_id: String,
    /// The gateway's own id of the request.
    pub(crate) request_id: String,
    pub(crate) target_id: String,
    pub(crate) target: String,
    pub(crate) tool: String,
    /// The JSON-RPC request's id, as text.
    pub(crate) message_id: String,
    pub(crate) arguments: Value,
}

/// A failure, as a caller of a gateway with exceptionLevel DEBUG may read it.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

/// Invokes a Lambda target and returns the text that the caller sees.
pub(crate) async fn call_lambda(local: &Local, function: Function, call: &ToolCall) -> Result<String, Failure> {
    let client_context = json!({ "custom": {
        "bedrockAgentCoreMessageVersion": "1.0",
        "bedrockAgentCoreAwsRequestId": call.request_id,
        "bedrockAgentCoreMcpMessageId": call.message_id,
        "bedrockAgentCoreGatewayId": call.gateway_id,
        "bedrockAgentCoreTargetId": call.target_id,
        "bedrockAgentCoreToolName": tool::qualified(&call.target, &call.tool),
    } });
    let arn = function.arn.clone();
    let invocation =
        Invocation { event: call.arguments.to_string().into(), client_context: Some(client_context.to_string()) };
    match local.runtime().invoke(function, invocation).await {
        Outcome::Returned(payload) => as_text(&payload)
            .ok_or_else(|| Failure(format!("Lambda function {arn} returned a response that is not valid JSON"))),
        Outcome::Failed(error) => Err(Failure(format!("Lambda function {arn} failed: {error}"))),
    }
}

/// A function's answer as text: a string bare (reference §6.3 [U]), anything else as JSON.
fn as_text(payload: &[u8]) -> Option<String> {
    match serde_json::from_slice(payload).ok()? {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
