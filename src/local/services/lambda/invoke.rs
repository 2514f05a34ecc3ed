//! `Invoke`: which function it is to run, and how. Running it is `local::functions`' job.

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use serde_json::Value;

use super::{Function, FunctionName, Lambda};
use crate::local::{
    services::{
        answer::{bad_request, not_implemented, read},
        call::Call,
    },
    wire::WireError,
};

/// The largest payload of `Invoke`, in bytes (Lambda developer guide, "Lambda quotas").
const PAYLOAD_LIMIT: usize = 6_291_456;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Invoke {
    #[serde(flatten)]
    function: FunctionName,
    invocation_type: Option<String>,
    log_type: Option<String>,
    client_context: Option<String>,
}

/// An `Invoke` request, resolved to its function.
#[derive(Debug)]
pub(crate) struct Invoked {
    pub(crate) function: Function,
    /// `RequestResponse`, `Event` or `DryRun`; `None` means `RequestResponse`.
    pub(crate) kind: Option<String>,
    /// JSON.
    pub(crate) client_context: Option<String>,
}

/// Checks that a payload is JSON or empty, and within the size limit.
pub(crate) fn check_payload(payload: &[u8]) -> Result<(), WireError> {
    if payload.len() > PAYLOAD_LIMIT {
        let message = format!("Request must be smaller than {PAYLOAD_LIMIT} bytes for the InvokeFunction operation");
        return Err(WireError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", message));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(payload) {
        Err(error) if !payload.is_empty() => {
            let message = format!("Could not parse request body into json: {error}");
            Err(bad_request("InvalidRequestContentException", message))
        }
        _ => Ok(()),
    }
}

impl Lambda {
    /// Resolves an `Invoke` request.
    pub(crate) fn invoked(&self, call: &Call, input: Value) -> Result<Invoked, WireError> {
        let input: Invoke = read(input)?;
        if input.log_type.as_deref() == Some("Tail") {
            return Err(not_implemented(
                "the local AWS does not honour LogType Tail: what functions print is in its log",
            ));
        }
        let client_context = input.client_context.map(|encoded| {
            let decoded = BASE64.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            decoded.filter(|text| serde_json::from_str::<Value>(text).is_ok_and(|json| json.is_object())).ok_or_else(
                || {
                    bad_request(
                        "InvalidRequestContentException",
                        "Client context must be a valid Base64-encoded JSON object.",
                    )
                },
            )
        });
        let function = self.find(call, &input.function)?.clone();
        Ok(Invoked { function, kind: input.invocation_type, client_context: client_context.transpose()? })
    }
}
