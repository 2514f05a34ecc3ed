//! Calls Lambda and OpenAPI targets.

use serde_json::{Value, json};

use super::{
    content::Content,
    credentials::{Failure, OutboundAuth},
};
use crate::{
    http::Request,
    local::{
        functions::Functions,
        runtime::{Invocation, Outcome},
        services::lambda::Function,
    },
    model::{http_request::HttpRequest, openapi::Operation},
};

/// One call of a tool, with the metadata for the Lambda client context (AgentCore developer guide, "AWS Lambda
/// function targets").
#[derive(Debug)]
pub(crate) struct ToolCall {
    pub(crate) gateway_id: String,
    /// The gateway's own id of the request.
    pub(crate) request_id: String,
    pub(crate) target_id: String,
    /// `{target}___{tool}`
    pub(crate) tool: String,
    /// The JSON-RPC request's id, as text.
    pub(crate) message_id: String,
    pub(crate) arguments: Value,
}

/// What a target answered.
pub(crate) enum Answer {
    /// The text that the caller sees.
    Output(String),
    /// Why there is no output. The message reveals nothing about the target, so it is shown without DEBUG.
    Nothing(String),
}

/// Invokes a Lambda target and returns the text that the caller sees.
pub(crate) async fn call_lambda(functions: &Functions, function: Function, call: &ToolCall) -> Result<String, Failure> {
    let client_context = json!({ "custom": {
        "bedrockAgentCoreMessageVersion": "1.0",
        "bedrockAgentCoreAwsRequestId": call.request_id,
        "bedrockAgentCoreMcpMessageId": call.message_id,
        "bedrockAgentCoreGatewayId": call.gateway_id,
        "bedrockAgentCoreTargetId": call.target_id,
        "bedrockAgentCoreToolName": call.tool,
    } });
    let arn = function.arn.clone();
    let invocation =
        Invocation { event: call.arguments.to_string().into(), client_context: Some(client_context.to_string()) };
    match functions.run(function, invocation).await {
        Outcome::Returned(payload) => as_text(&payload)
            .ok_or_else(|| Failure(format!("Lambda function {arn} returned a response that is not valid JSON"))),
        Outcome::Failed(error) => Err(Failure(format!("Lambda function {arn} failed: {error}"))),
    }
}

/// AWS's message says "unknown" for every operation (three notebooks of awslabs/agentcore-samples).
const NO_ANSWER: &str = "OpenAPIClientException - Error executing HTTP request for unknown";

/// Calls an operation of an API.
pub(crate) async fn call_api(auth: &OutboundAuth, operation: &Operation, arguments: &Value) -> Result<Answer, Failure> {
    let outgoing = operation.request(arguments).map_err(Failure)?;
    let (answer, auth) = auth.send(&request_of(&outgoing), NO_ANSWER).await?;
    let failed = |what: String| {
        Failure(format!("OpenAPIClientException - Error executing HTTP request for {}: {what}", operation.id))
    };
    let content = Content::of(&answer);
    match answer.status {
        200..=299 => Ok(match content {
            // Return JSON as written: a number may exceed the range of `Value`.
            Content::Text(text) => Answer::Output(match serde_json::from_str(&text) {
                Ok(Value::String(text)) => text,
                _ => text,
            }),
            // AWS's documentation says that binary types are not supported, and not what becomes of such an answer.
            Content::Binary(what) => Answer::Nothing(format!("The API answered with binary content: {what}")),
        }),
        // AWS's message for a 400, as reported by one team (a response interceptor with an Amazon copyright parses it).
        // That for a 500 is formed by analogy.
        status => {
            let whose = if status >= 500 { "Server" } else { "Client" };
            // The API may repeat the credential in its response.
            let body = auth.redact(&content.or_sentence());
            let hint = if status < 400 { "; redirects are not followed" } else { "" };
            Err(failed(format!("{whose} error: API request failed with status: {status} - {body}{hint}")))
        }
    }
}

/// A request as it goes over the wire, but for its credential.
pub(crate) fn request_of(outgoing: &HttpRequest) -> Request {
    let mut request = Request {
        method: outgoing.method.clone(),
        url: outgoing.url.clone(),
        headers: outgoing.headers.clone(),
        body: outgoing.payload.as_ref().map(|payload| payload.bytes.clone()).unwrap_or_default(),
    };
    if let Some(payload) = &outgoing.payload {
        request.headers.push(("content-type".to_owned(), payload.content_type.clone()));
    }
    request
}

/// A function's result as text: a string without quotes, anything else as the JSON that its runtime wrote. Not
/// documented by AWS: we chose unquoted strings.
fn as_text(payload: &[u8]) -> Option<String> {
    match serde_json::from_slice(payload).ok()? {
        Value::String(text) => Some(text),
        _ => Some(String::from_utf8_lossy(payload).trim().to_owned()),
    }
}
