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
    /// The headers and query parameters of the caller that are passed on.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
}

/// What a target answered.
pub(crate) enum Answer {
    /// The text that the caller sees.
    Output(String),
    /// Why there is no output. The message reveals nothing about the target, so it is shown without DEBUG.
    Nothing(String),
}

/// The largest client context, in bytes of base64 (Lambda API reference, Invoke). It holds the message's id, of any length.
const MOST_OF_CONTEXT: usize = 3583;

/// Invokes a Lambda target and returns the text that the caller sees.
pub(crate) async fn call_lambda(functions: &Functions, function: Function, call: &ToolCall) -> Result<String, Failure> {
    let mut custom = json!({
        "bedrockAgentCoreMessageVersion": "1.0",
        "bedrockAgentCoreAwsRequestId": call.request_id,
        "bedrockAgentCoreMcpMessageId": call.message_id,
        "bedrockAgentCoreGatewayId": call.gateway_id,
        "bedrockAgentCoreTargetId": call.target_id,
        "bedrockAgentCoreToolName": call.tool,
    });
    // Measured on a gateway by one project, and read by several public handlers.
    let passed = [
        ("bedrockAgentCorePropagatedHeaders", &call.headers),
        ("bedrockAgentCorePropagatedQueryParameters", &call.query),
    ];
    for (member, pairs) in passed.into_iter().filter(|(_, pairs)| !pairs.is_empty()) {
        custom[member] = pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    }
    let client_context = format!(r#"{{"custom":{custom}}}"#);
    let arn = function.arn.clone();
    if client_context.len().div_ceil(3) * 4 > MOST_OF_CONTEXT {
        return Err(Failure(format!("Lambda function {arn} is not invoked: the client context is too long")));
    }
    let invocation = Invocation { event: call.arguments.to_string().into(), client_context: Some(client_context) };
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
    let (answer, auth) = auth.send(request_of(outgoing), NO_ANSWER).await?;
    let failed = |what: String| {
        Failure(format!("OpenAPIClientException - Error executing HTTP request for {}: {what}", operation.id))
    };
    let content = Content::of(&answer);
    match answer.status {
        200..=299 => Ok(match content {
            // Return JSON as written: a number may exceed the range of `Value`.
            Content::Text(text) => Answer::Output(serde_json::from_str::<String>(&text).unwrap_or(text)),
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
pub(crate) fn request_of(outgoing: HttpRequest) -> Request {
    let HttpRequest { method, url, mut headers, payload } = outgoing;
    let body = payload.map(|payload| {
        headers.push(("content-type".to_owned(), payload.content_type));
        payload.bytes
    });
    Request { method, url, headers, body: body.unwrap_or_default() }
}

/// A function's result as text. A string is without its quotes, which AWS does not document. Anything else is JSON without
/// spaces: a captured answer has none, though Python's runtime writes them (three files of a market data agent, which
/// quote it). Whether AWS keeps the digits of numbers is not known; we do.
fn as_text(payload: &[u8]) -> Option<String> {
    match serde_json::from_slice(payload).ok()? {
        Value::String(text) => Some(text),
        _ => Some(compact(std::str::from_utf8(payload).ok()?)),
    }
}

/// Valid JSON without spaces between its tokens, its strings with no more escapes than they need.
fn compact(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('"') {
        let (before, string) = rest.split_at(at);
        written.extend(before.chars().filter(|c| !c.is_ascii_whitespace()));
        let mut is_escaped = false;
        let end = string.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            ends
        });
        let (string, after) = string.split_at(end.map_or(string.len(), |(at, _)| at + 1));
        // What serde_json does not take, such as half a surrogate pair, stays as it is.
        let decoded = serde_json::from_str::<String>(string).ok();
        written.push_str(&decoded.map_or_else(|| string.to_owned(), |text| json!(text).to_string()));
        rest = after;
    }
    written.extend(rest.chars().filter(|c| !c.is_ascii_whitespace()));
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_json_without_spaces() {
        for (payload, text) in [
            (
                r#"{"v": 1.50, "n": [3, 1E+3, 123456789012345678901234567890]}"#,
                r#"{"v":1.50,"n":[3,1E+3,123456789012345678901234567890]}"#,
            ),
            ("{\n  \"a b\" : \" c \\\" : , d\\\\\" }", "{\"a b\":\" c \\\" : , d\\\\\"}"),
            (r#"{"u": "\u00e9\u2028\ud83d\ude00"}"#, "{\"u\":\"é\u{2028}😀\"}"),
            (r#"[ "\/", "" ]"#, r#"["/",""]"#),
            (" true ", "true"),
            (r#""a \" b""#, "a \" b"),
        ] {
            assert_eq!(as_text(payload.as_bytes()).as_deref(), Some(text), "{payload}");
        }
        assert_eq!(as_text(b"NaN"), None);
    }
}
