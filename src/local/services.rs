//! The AWS services, each one's state and operations together, and what they share.
//!
//! Each service has one table of its operations: name, route, the shape of the input, and a small
//! function from state and input to an output document or a [`WireError`]. What the shape does
//! not let in never reaches the function; a member that it does not know is refused by name with
//! `NotImplemented`, never dropped in silence.

pub(crate) mod agentcore;
pub(crate) mod cognito;
pub(crate) mod iam;
pub(crate) mod lambda;
pub(crate) mod logs;
pub(crate) mod s3;
pub(crate) mod secrets;
pub(crate) mod shape;
pub(crate) mod sts;

use std::time::Duration;

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use self::shape::{Member, Refusal};
use super::{
    NewKey,
    blobs::{BlobId, Blobs},
    journal::Journal,
    wire::{Protocol, Route, WireError},
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
    #[serde(default)]
    pub(crate) s3: s3::S3,
    #[serde(default)]
    pub(crate) secrets: secrets::Secrets,
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
    /// Where bytes are kept that are too large for the state.
    pub(crate) blobs: Blobs,
    /// What functions have printed.
    pub(crate) journal: Journal,
    /// How long lists, roles and policies take to show what was written.
    pub(crate) lag: Duration,
    /// How long roles and policies are not in force.
    pub(crate) iam_lag: Duration,
    /// Whether the account sends traces to CloudWatch Logs.
    pub(crate) transaction_search: bool,
    /// An action that the caller may not do, which the operation does in the caller's name.
    pub(crate) lacks: Option<&'static str>,
}

impl State {
    /// All bytes kept outside the state that something in it refers to.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &BlobId> {
        self.lambda.blobs().chain(self.s3.blobs()).chain(self.agentcore.blobs())
    }
}

impl Call {
    /// Keeps bytes outside the state.
    pub(crate) fn keep(&self, bytes: &[u8]) -> Result<BlobId, WireError> {
        self.blobs.put(bytes).map_err(|error| internal(format!("the local AWS cannot write its state: {error}")))
    }

    /// Bytes that were kept outside the state.
    pub(crate) fn kept(&self, id: &BlobId) -> Result<Vec<u8>, WireError> {
        self.blobs.get(id).map_err(|error| internal(format!("the local AWS cannot read its state: {error}")))
    }

    /// Whether what was written at `at` (Unix milliseconds) has reached every reader.
    pub(crate) fn propagated(&self, at: i64) -> bool {
        self.is_older(at, self.lag)
    }

    /// Whether a role or policy of this age is in force.
    pub(crate) fn in_force(&self, at: i64) -> bool {
        self.is_older(at, self.iam_lag)
    }

    fn is_older(&self, at: i64, lag: Duration) -> bool {
        self.now.saturating_sub(at) >= i64::try_from(lag.as_millis()).unwrap_or(i64::MAX)
    }
}

/// One operation: where it lives, what AWS lets in, and what it does.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Method and path, where the protocol has them.
    pub(crate) route: Option<Route>,
    /// Members that AWS knows and this server does not honour are missing on purpose: naming
    /// one is an error.
    pub(crate) input: &'static [Member],
    /// What [`Operation::input`] let in, to the output's members.
    pub(crate) run: fn(&mut State, &Call, Value) -> Answer,
}

/// An operation that is found by its name alone (JSON 1.1, query).
const fn operation(
    name: &'static str,
    input: &'static [Member],
    run: fn(&mut State, &Call, Value) -> Answer,
) -> Operation {
    Operation { name, route: None, input, run }
}

/// An operation that is found by method and path, and what its success answers (restJson1).
const fn rest_operation(
    name: &'static str,
    (method, path, success): (&'static str, &'static str, u16),
    input: &'static [Member],
    run: fn(&mut State, &Call, Value) -> Answer,
) -> Operation {
    Operation { name, route: Some(Route { method, path, query: "", success, payload: false }), input, run }
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
    S3,
    Secrets,
}

impl Service {
    pub(crate) const ALL: [Self; 8] =
        [Self::Iam, Self::Sts, Self::Cognito, Self::Lambda, Self::Logs, Self::AgentCore, Self::S3, Self::Secrets];

    /// The name in the credential scope.
    pub(crate) fn scope(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Cognito => "cognito-idp",
            Self::Lambda => "lambda",
            Self::Logs => "logs",
            Self::AgentCore => "bedrock-agentcore",
            Self::S3 => "s3",
            Self::Secrets => "secretsmanager",
        }
    }

    pub(crate) fn from_scope(scope: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.scope() == scope)
    }

    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Iam => Protocol::Query { xml_namespace: "https://iam.amazonaws.com/doc/2010-05-08/" },
            Self::Sts => Protocol::Query { xml_namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
            Self::Cognito | Self::Logs | Self::Secrets => Protocol::Json11,
            Self::Lambda | Self::AgentCore => Protocol::RestJson,
            Self::S3 => Protocol::RestXml,
        }
    }

    pub(crate) fn operations(self) -> &'static [Operation] {
        match self {
            Self::Iam => iam::OPERATIONS,
            Self::Sts => sts::OPERATIONS,
            Self::Cognito => cognito::OPERATIONS,
            Self::Lambda => lambda::OPERATIONS,
            Self::Logs => logs::OPERATIONS,
            Self::AgentCore => agentcore::OPERATIONS,
            Self::S3 => s3::OPERATIONS,
            Self::Secrets => secrets::OPERATIONS,
        }
    }

    /// The operation of this name, and its input as it lets it in.
    ///
    /// # Errors
    /// The service's own for whatever is wrong with the input; `NotImplemented` for an operation
    /// or a member that is not covered.
    pub(crate) fn admit(self, name: &str, input: Value) -> Result<(&'static Operation, Value), WireError> {
        let operation = self.operations().iter().find(|operation| operation.name == name);
        let operation = operation
            .ok_or_else(|| not_implemented(format!("the local AWS does not offer {}:{name}", self.scope())))?;
        let input = shape::check(operation.input, input).map_err(|refusal| self.refuse(name, &refusal))?;
        Ok((operation, input))
    }

    fn refuse(self, operation: &str, refusal: &Refusal) -> WireError {
        let (code, message) = match refusal {
            Refusal::NotHonoured(path) => {
                let what = format!("the local AWS does not honour the member `{path}` of {operation}");
                return not_implemented(what);
            }
            Refusal::Malformed(problem) => (self.malformed_code(), format!("Invalid input of {operation}: {problem}")),
            Refusal::Violations(violations) => (self.violation_code(operation), shape::sentence(violations)),
        };
        let mut error = bad_request(code, message);
        if self == Self::AgentCore {
            error.members = agentcore::validation_members(refusal);
        }
        error
    }

    /// The error type of an input that breaks a constraint of the service model.
    fn violation_code(self, operation: &str) -> &'static str {
        match self {
            Self::Iam | Self::Sts => "ValidationError",
            Self::Logs if operation.contains("Deliver") => "ValidationException",
            Self::Cognito | Self::Logs | Self::Secrets => "InvalidParameterException",
            Self::Lambda | Self::AgentCore => "ValidationException",
            Self::S3 => "InvalidArgument",
        }
    }

    fn malformed_code(self) -> &'static str {
        match self {
            Self::Iam | Self::Sts => "MalformedInput",
            Self::Cognito | Self::Logs | Self::Lambda | Self::Secrets => "SerializationException",
            Self::AgentCore => "ValidationException",
            Self::S3 => "InvalidRequest",
        }
    }
}

pub(crate) fn bad_request(code: &str, message: impl Into<String>) -> WireError {
    WireError::new(StatusCode::BAD_REQUEST, code, message)
}

fn internal(message: String) -> WireError {
    WireError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", message)
}

/// The operation, or a member of it, that the local AWS does not offer.
pub(crate) fn not_implemented(what: impl Into<String>) -> WireError {
    WireError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", what)
}

/// An operation's input, which its shape has let in, as the operation's own type.
pub(crate) fn read<T: DeserializeOwned>(input: Value) -> Result<T, WireError> {
    serde_json::from_value(input)
        .map_err(|error| internal(format!("an operation does not understand what its shape lets in: {error}")))
}

/// One page of a list whose items come in the order of their keys, and the token of the next
/// page: the last key shown, so that pages neither skip nor repeat when items come and go.
///
/// # Errors
/// If the token is none of this function's.
pub(crate) fn page<T>(
    items: impl Iterator<Item = (impl AsRef<str>, T)>,
    most: Option<usize>,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), BadToken> {
    let after = match token {
        None => None,
        Some(token) => {
            let key = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadToken)?;
            Some(String::from_utf8(key).map_err(|_| BadToken)?)
        }
    };
    let mut rest = items.skip_while(|(key, _)| after.as_deref().is_some_and(|after| key.as_ref() <= after)).peekable();
    let (mut shown, mut last) = (Vec::new(), String::new());
    while shown.len() < most.unwrap_or(usize::MAX)
        && let Some((key, item)) = rest.next()
    {
        shown.push(item);
        key.as_ref().clone_into(&mut last);
    }
    Ok((shown, rest.peek().is_some().then(|| URL_SAFE_NO_PAD.encode(last))))
}

/// A pagination token that no list of ours gave out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadToken;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_every_table_compiles() {
        for operation in Service::ALL.into_iter().flat_map(Service::operations) {
            shape::Shape::Structure(operation.input).compile_patterns();
        }
    }

    #[test]
    fn pages_neither_skip_nor_repeat_when_items_go() {
        let mut items: std::collections::BTreeMap<String, u32> = (0..5).map(|n| (format!("k{n}"), n)).collect();
        let (first, token) = page(items.iter(), Some(2), None).unwrap();
        assert_eq!(first, [&0, &1]);
        items.remove("k1");
        let (second, token) = page(items.iter(), Some(2), token.as_deref()).unwrap();
        assert_eq!(second, [&2, &3]);
        let (third, token) = page(items.iter(), Some(2), token.as_deref()).unwrap();
        assert_eq!((third, token), (vec![&4], None));
        assert_eq!(page(items.iter(), Some(2), Some("%")), Err(BadToken));
    }
}
