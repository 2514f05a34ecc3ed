//! How each kind of target is called.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::outbound::{self, Presented};
use crate::{
    http::{Request, Response, sigv4},
    local::{
        Local,
        runtime::{Invocation, Outcome},
        services::{agentcore::Credential, lambda::Function},
    },
    model::{
        openapi::Operation,
        outgoing::{Outgoing, encode},
    },
};

/// One call of a tool, with what the function is told about it (reference §6.1).
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

/// A failure, as a caller of a gateway with exceptionLevel DEBUG may read it.
#[derive(Debug, Clone)]
pub(crate) struct Failure(pub(crate) String);

/// Invokes a Lambda target and returns the text that the caller sees.
pub(crate) async fn call_lambda(local: &Local, function: Function, call: &ToolCall) -> Result<String, Failure> {
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
    match local.run(function, invocation).await {
        Outcome::Returned(payload) => as_text(&payload)
            .ok_or_else(|| Failure(format!("Lambda function {arn} returned a response that is not valid JSON"))),
        Outcome::Failed(error) => Err(Failure(format!("Lambda function {arn} failed: {error}"))),
    }
}

/// Of any operation, AWS says "unknown" here (three of its notebooks).
const NO_ANSWER: &str = "OpenAPIClientException - Error executing HTTP request for unknown";

/// Calls an operation of an API and returns the text that the caller sees.
pub(crate) async fn call_api(
    local: &Local,
    gateway: &outbound::Gateway,
    operation: &Operation,
    credential: Option<&Credential>,
    arguments: &Value,
) -> Result<String, Failure> {
    let outgoing = operation.request(arguments).map_err(Failure)?;
    let (answer, presented) = exchange(local, gateway, &outgoing, credential, NO_ANSWER).await?;
    let failed = |what: String| {
        Failure(format!("OpenAPIClientException - Error executing HTTP request for {}: {what}", operation.id))
    };
    let text = || String::from_utf8_lossy(&answer.body).into_owned();
    match answer.status {
        // JSON as it was written: a number may be larger than any that is calculated with.
        200..=299 => Ok(match serde_json::from_slice(&answer.body) {
            Ok(Value::String(text)) => text,
            _ => text(),
        }),
        // The sentence is one team's, of a 400 (an interceptor of AWS's own parses it); that of a 500 is made alike.
        status => {
            let whose = if status >= 500 { "Server" } else { "Client" };
            // An API may well repeat what it was sent.
            let body = presented.without_secret(&text());
            let hint = if status < 400 { "; redirects are not followed" } else { "" };
            Err(failed(format!("{whose} error: API request failed with status: {status} - {body}{hint}")))
        }
    }
}

/// Sends a request with its target's credential, and says what that was. Redirects are not followed: no
/// credential goes where the target does not name.
pub(crate) async fn exchange(
    local: &Local,
    gateway: &outbound::Gateway,
    outgoing: &Outgoing,
    credential: Option<&Credential>,
    no_answer: &str,
) -> Result<(Response, Presented), Failure> {
    let mut anew = false;
    loop {
        let presented = outbound::present(local, gateway, credential, anew).await?;
        let answer = send(local, outgoing, &presented, no_answer).await?;
        if !anew && outbound::may_be_stale(answer.status, credential) {
            anew = true;
            continue;
        }
        return Ok((answer, presented));
    }
}

/// Sends a request with this credential; `no_answer` is what is said if none comes.
pub(crate) async fn send(
    local: &Local,
    outgoing: &Outgoing,
    presented: &Presented,
    no_answer: &str,
) -> Result<Response, Failure> {
    let mut request = Request {
        method: outgoing.method.clone(),
        url: outgoing.url.clone(),
        headers: outgoing.headers.clone(),
        body: outgoing.payload.as_ref().map(|payload| payload.bytes.clone()).unwrap_or_default(),
    };
    if let Some(payload) = &outgoing.payload {
        request.headers.push(("content-type".to_owned(), payload.content_type.clone()));
    }
    present(local, &mut request, presented)?;
    let answer = local.0.upstream.send(request, local.0.upstream_timeout).await;
    answer.map_err(|error| Failure(format!("{no_answer}: {}", error.problem())))
}

/// Gives a request its credential.
pub(crate) fn present(local: &Local, request: &mut Request, presented: &Presented) -> Result<(), Failure> {
    match presented {
        Presented::Nothing => {}
        Presented::Header { name, value, .. } => {
            // No argument takes the credential's place.
            request.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            request.headers.push((name.clone(), value.clone()));
        }
        Presented::Query { name, value, .. } => {
            // No argument takes the credential's place.
            let (address, query) = request.url.split_once('?').unwrap_or((request.url.as_str(), ""));
            let name = encode(name);
            let others = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(&name));
            let pairs: Vec<String> = others.map(str::to_owned).chain([format!("{name}={}", encode(value))]).collect();
            request.url = format!("{address}?{}", pairs.join("&"));
        }
        Presented::Signature { scope, credentials } => {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(local.clock().unsigned_abs());
            sigv4::sign(request, credentials, scope, time)
                .map_err(|error| Failure(format!("The request cannot be signed: {error}")))?;
        }
    }
    Ok(())
}

/// A function's answer as text: a string bare (reference §6.3 [U]), anything else as JSON.
fn as_text(payload: &[u8]) -> Option<String> {
    match serde_json::from_slice(payload).ok()? {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
