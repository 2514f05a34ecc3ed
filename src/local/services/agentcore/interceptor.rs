//! Interceptors, as a gateway is configured with them.

use serde::{Deserialize, Serialize};

/// A Lambda function that sees a gateway's requests or responses, and may change them (AgentCore developer
/// guide, "Types of interceptors").
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Interceptor {
    #[serde(rename = "interceptor")]
    pub(super) kind: InterceptorKind,
    pub(super) interception_points: Vec<InterceptionPoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input_configuration: Option<InterceptorInput>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum InterceptorKind {
    Lambda { arn: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum InterceptionPoint {
    Request,
    Response,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InterceptorInput {
    pub(super) pass_request_headers: bool,
}

impl Interceptor {
    pub(crate) fn function_arn(&self) -> &str {
        let InterceptorKind::Lambda { arn } = &self.kind;
        arn
    }

    pub(crate) fn passes_headers(&self) -> bool {
        self.input_configuration.as_ref().is_some_and(|input| input.pass_request_headers)
    }
}
