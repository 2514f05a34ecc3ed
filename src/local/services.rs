//! The AWS services, each one's state and operations together, and what they share.
//!
//! An operation is a small function from state and typed input to an output document or a
//! [`WireError`]. An input member that an operation does not know is refused by name with
//! `NotImplemented`, never dropped in silence.

pub(crate) mod agentcore;
pub(crate) mod cognito;
pub(crate) mod iam;
pub(crate) mod lambda;
pub(crate) mod logs;
pub(crate) mod sts;

use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    NewKey,
    wire::{Protocol, WireError},
};

/// An answer: the operation's output members, or null where it has none.
pub(crate) type Answer = Result<Value, WireError>;

/// Everything that the local AWS remembers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    #[serde(default)]
    pub(crate) iam: iam::Iam,
    #[serde(default)]
    pub(crate) cognito: cognito::Cognito,
    #[serde(default)]
    pub(crate) lambda: lambda::Lambda,
    #[serde(default)]
    pub(crate) logs: logs::Logs,
    #[serde(default)]
    pub(crate) agentcore: agentcore::AgentCore,
}

/// Who calls, where, and when.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) region: String,
    pub(crate) account: String,
    /// `http://` and the request's Host: what the caller's own addresses begin with.
    pub(crate) base_url: String,
    /// Unix time in milliseconds.
    pub(crate) now: i64,
    pub(crate) new_key: NewKey,
    /// How long lists, roles and policies take to show what was written.
    pub(crate) lag: Duration,
}

impl Call {
    /// Whether what was written at `at` (Unix milliseconds) has reached every reader.
    pub(crate) fn propagated(&self, at: i64) -> bool {
        self.now.saturating_sub(at) >= i64::try_from(self.lag.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A service by the name in the `SigV4` credential scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Iam,
    Sts,
    Cognito,
    Lambda,
    Logs,
    AgentCore,
}

impl Service {
    pub(crate) fn from_scope(scope: &str) -> Option<Self> {
        Some(match scope {
            "iam" => Self::Iam,
            "sts" => Self::Sts,
            "cognito-idp" => Self::Cognito,
            "lambda" => Self::Lambda,
            "logs" => Self::Logs,
            "bedrock-agentcore" => Self::AgentCore,
            _ => return None,
        })
    }

    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Iam => Protocol::Query { xml_namespace: "https://iam.amazonaws.com/doc/2010-05-08/" },
            Self::Sts => Protocol::Query { xml_namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
            Self::Cognito | Self::Logs => Protocol::Json11,
            Self::Lambda => Protocol::RestJson(lambda::ROUTES),
            Self::AgentCore => Protocol::RestJson(agentcore::ROUTES),
        }
    }

    pub(crate) fn handle(self, state: &mut State, call: &Call, input: Value) -> Answer {
        match self {
            Self::Iam => iam::handle(&mut state.iam, call, input),
            Self::Sts => sts::handle(call),
            Self::Cognito => cognito::handle(&mut state.cognito, call, input),
            Self::Lambda => lambda::handle(&mut state.lambda, &state.iam, call, input),
            Self::Logs => logs::handle(&mut state.logs, call, input),
            Self::AgentCore => agentcore::handle(state, call, input),
        }
    }

    /// The error type that this service uses for a malformed input.
    pub(crate) fn invalid_input_code(self) -> &'static str {
        match self {
            Self::Iam | Self::Sts => "ValidationError",
            Self::Cognito | Self::Logs => "InvalidParameterException",
            Self::Lambda => "InvalidParameterValueException",
            Self::AgentCore => "ValidationException",
        }
    }
}

pub(crate) fn bad_request(code: &str, message: impl Into<String>) -> WireError {
    WireError::new(StatusCode::BAD_REQUEST, code, message)
}

/// The operation, or a member of it, that the local AWS does not offer.
pub(crate) fn not_implemented(what: impl Into<String>) -> WireError {
    WireError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", what)
}

pub(crate) fn unknown_operation(service: &str, call: &Call) -> WireError {
    not_implemented(format!("the local AWS does not offer {service}:{}", call.operation))
}

/// Reads an operation's input.
pub(crate) fn parse<T: DeserializeOwned>(service: Service, call: &Call, input: Value) -> Result<T, WireError> {
    serde_json::from_value(input).map_err(|error| {
        let text = error.to_string();
        match text.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
            Some(member) => {
                not_implemented(format!("the local AWS does not honour the member `{member}` of {}", call.operation))
            }
            None => bad_request(service.invalid_input_code(), format!("Invalid input of {}: {text}", call.operation)),
        }
    })
}

/// One page of a list, and the token of the next.
pub(crate) fn page<T>(items: Vec<T>, most: Option<usize>, token: Option<&str>) -> (Vec<T>, Option<String>) {
    let start = token.and_then(|token| token.parse().ok()).unwrap_or(0);
    let most = most.unwrap_or(usize::MAX).max(1);
    let total = items.len();
    let page: Vec<T> = items.into_iter().skip(start).take(most).collect();
    let next = start.saturating_add(page.len());
    (page, (next < total).then(|| next.to_string()))
}

/// A number that came as JSON, or as text from a query string or a form.
pub(crate) fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
        other => serde_json::from_value(other).map(Some).map_err(serde::de::Error::custom),
    }
}

/// `2026-11-22T13:59:00.123Z`.
pub(crate) fn iso8601(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// Unix time in seconds, as JSON 1.1 carries timestamps.
pub(crate) fn epoch_seconds(millis: i64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "53 bits of milliseconds reach far beyond any date here")]
    let seconds = millis as f64 / 1000.0;
    json!(seconds)
}
