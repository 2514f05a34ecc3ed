//! Gateway and target documents as JSON, sent and received through the SDK client.
//!
//! The SDK's types do not implement serde, and drop members newer than the SDK; only its signing, retries and
//! endpoint are used. So the request's body is replaced here, and the response's body is captured.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::AfterDeserializationInterceptorContextRef, dyn_dispatch_hint},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use serde_json::Value;

use super::Error;

/// Captures the body of the last response.
#[derive(Debug, Clone, Default)]
pub(super) struct AnswerBody(Arc<Mutex<Vec<u8>>>);

#[dyn_dispatch_hint]
impl Intercept for AnswerBody {
    fn name(&self) -> &'static str {
        "answer body"
    }

    // Before deserialization the body is not in memory yet.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(bytes) = context.response().body().bytes() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes.to_vec();
        }
        Ok(())
    }
}

impl AnswerBody {
    /// The response's JSON document.
    pub(super) fn document(&self, operation: &'static str) -> Result<Value, Error> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::unexpected("AgentCore", operation, &format!("the answer is not JSON: {error}")))
    }
}

/// Sends an operation's fluent builder with our own JSON body, and returns the response's JSON.
macro_rules! exchange {
    ($operation:literal, $builder:expr, $body:expr) => {{
        let answer = $crate::aws::raw::AnswerBody::default();
        let body: Option<&serde_json::Value> = $body;
        let mut call = $builder.customize().interceptor(answer.clone());
        if let Some(body) = body {
            let body = body.to_string();
            call = call.mutate_request(move |request| $crate::aws::raw::set_body(request, &body));
        }
        match call.send().await {
            Ok(_) => answer.document($operation),
            Err(error) => Err($crate::aws::error::of("AgentCore", $operation)(error)),
        }
    }};
}
pub(super) use exchange;

pub(super) fn set_body(request: &mut aws_smithy_runtime_api::http::Request<SdkBody>, body: &str) {
    request.headers_mut().insert("content-length", body.len().to_string());
    request.headers_mut().insert("content-type", "application/json");
    *request.body_mut() = SdkBody::from(body);
}
