//! AWS JSON 1.1: the operation is in `X-Amz-Target`, and its input in the body.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Decoded, Received, WireError};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

pub(crate) fn decode(request: &Received) -> Result<Decoded, String> {
    let target = request.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let Some((_, operation)) = target.and_then(|target| target.rsplit_once('.')) else {
        return Err("the header X-Amz-Target is missing or malformed".to_owned());
    };
    let input = match serde_json::from_slice(&request.body) {
        _ if request.body.is_empty() => json!({}),
        Ok(input @ Value::Object(_)) => input,
        Ok(_) => return Err("the body is not a JSON object".to_owned()),
        Err(error) => return Err(format!("the body is not JSON: {error}")),
    };
    Ok(Decoded { operation: operation.to_owned(), input, success: StatusCode::OK })
}

pub(crate) fn encode(output: &Value) -> (&'static str, Vec<u8>) {
    // Operations without output have an empty response body.
    let body = if output.is_null() { Vec::new() } else { output.to_string().into_bytes() };
    (CONTENT_TYPE, body)
}

pub(crate) fn error_body(error: &WireError) -> (&'static str, Vec<u8>) {
    let mut body = error.members.clone();
    body.insert("__type".to_owned(), json!(error.code));
    body.insert("message".to_owned(), json!(error.message));
    (CONTENT_TYPE, Value::Object(body).to_string().into_bytes())
}
