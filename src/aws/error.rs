//! Errors of AWS calls, with the service's own message and a class.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::http::{log::request_id, root_cause};

/// What an error means for the caller, independent of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    NotFound,
    /// The name is taken, or the resource is in use.
    Exists,
    Denied,
    /// There are no credentials, or they are not valid.
    Credentials,
    Throttled,
    /// The endpoint could not be reached.
    Unreachable,
    /// One of our own deadlines passed.
    TimedOut,
    /// The wait was stopped on request.
    Stopped,
    /// Not a response of AWS: the endpoint does not support the operation.
    NotOffered,
    Other,
}

/// A failed call.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{service} {operation}: {message}")]
pub struct Error {
    pub service: &'static str,
    pub operation: &'static str,
    pub code: Option<String>,
    pub message: String,
    pub request_id: Option<String>,
    pub class: Class,
    /// Whether the call may have taken effect nevertheless.
    pub outcome_unknown: bool,
}

/// `map_err(of("IAM", "GetRole"))`
pub(super) fn of<E>(service: &'static str, operation: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    move |error| Error::from_sdk(service, operation, &error)
}

impl Error {
    fn from_sdk<E>(service: &'static str, operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let mut found = Self {
            service,
            operation,
            code: error.code().map(str::to_owned),
            message: String::new(),
            request_id: None,
            class: Class::Other,
            outcome_unknown: true,
        };
        match error {
            SdkError::ServiceError(answer) => found.read_answer(answer.raw(), error.message()),
            SdkError::ConstructionFailure(_) => {
                found.outcome_unknown = false;
                found.message = root_cause(error);
            }
            // The request may have been sent before the connection closed.
            SdkError::DispatchFailure(_) => {
                found.class = Class::Unreachable;
                found.message = root_cause(error);
                if found.message.contains("credential") {
                    found.class = Class::Credentials;
                    found.outcome_unknown = false;
                }
            }
            SdkError::TimeoutError(_) => {
                found.class = Class::Unreachable;
                "no answer in time".clone_into(&mut found.message);
            }
            other => found.message = root_cause(other),
        }
        found
    }

    fn read_answer(&mut self, raw: &HttpResponse, message: Option<&str>) {
        let status = raw.status().as_u16();
        self.request_id = request_id(raw).map(str::to_owned);
        let shaped = status != 501 && (self.code.is_some() || self.request_id.is_some());
        self.class = if shaped { class_of(self.code.as_deref()) } else { Class::NotOffered };
        self.outcome_unknown = status >= 500 && status != 501;
        self.message = match (message, &self.code) {
            (Some(message), _) if !message.is_empty() => message.to_owned(),
            (_, Some(code)) => code.clone(),
            _ if (200..300).contains(&status) => "the answer cannot be read".to_owned(),
            _ => format!("HTTP {status}"),
        };
    }

    pub(super) fn no_credentials(error: &(dyn StdError + 'static)) -> Self {
        Self::credentials(&format!("there are none that work: {}", root_cause(error)))
    }

    pub(super) fn no_credentials_of(profile: &str, error: &(dyn StdError + 'static)) -> Self {
        Self::credentials(&format!("the profile `{profile}` gives none that work: {}", root_cause(error)))
    }

    fn credentials(message: &str) -> Self {
        Self { class: Class::Credentials, outcome_unknown: false, ..Self::unexpected("AWS", "credentials", message) }
    }

    /// An error that is part of a successful response.
    pub(super) fn of_code(service: &'static str, operation: &'static str, code: &str, message: &str) -> Self {
        let error = Self::unexpected(service, operation, message);
        Self { code: Some(code.to_owned()), class: class_of(Some(code)), ..error }
    }

    /// A response that lacks what the service guarantees.
    pub(super) fn unexpected(service: &'static str, operation: &'static str, message: &str) -> Self {
        Self {
            service,
            operation,
            code: None,
            message: message.to_owned(),
            request_id: None,
            class: Class::Other,
            outcome_unknown: false,
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.class == Class::NotFound
    }

    pub fn exists(&self) -> bool {
        self.class == Class::Exists
    }

    /// Whether AWS is still working on the gateway of a call: "Cannot perform operation … when gateway is in
    /// UPDATING status", seen by one project after an update, and for two concurrent CreateGatewayTarget calls.
    fn is_busy(&self) -> bool {
        self.service == "AgentCore" && self.message.contains("in UPDATING status")
    }

    /// Whether a change or a deletion is refused for a transient reason.
    pub fn is_transient(&self) -> bool {
        let says = |words: &str| self.message.to_lowercase().contains(words);
        match (self.service, self.code.as_deref().unwrap_or_default()) {
            ("AgentCore", _) => self.is_busy(),
            // A policy that was just deleted may still be in the way, and so may a concurrent change of the role
            // (service model; hashicorp/terraform#3222).
            ("IAM", code) => ["DeleteConflict", "ConcurrentModification"].iter().any(|name| code.starts_with(name)),
            // "User pool cannot be deleted. It has a domain configured that should be deleted first.", after its domain
            // was deleted: clean-up scripts of AWS's samples pause between the two.
            ("Cognito", "InvalidParameterException") => self.operation == "DeleteUserPool" && says("domain"),
            // Two concurrent requests for the same resource (service models).
            ("Cognito", "ConcurrentModificationException") | ("CloudWatch Logs", "OperationAbortedException") => true,
            // "Requested resource is currently being updated. Please try again later." (terraform-provider-aws#42194)
            ("CloudWatch Logs", "ConflictException") => says("being updated"),
            // "… an update is in progress for resource" (service model, `ResourceConflictException`).
            ("Lambda", "ResourceConflictException") => says("in progress"),
            _ => false,
        }
    }

    /// Whether a deletion is refused because of the current state: dependent resources, or work in progress.
    pub fn refuses_for_now(&self) -> bool {
        matches!(self.code.as_deref(), Some("ValidationException" | "ConflictException"))
    }
}

/// `Ok(None)` for a missing resource.
pub(super) fn absent<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a deletion found something; a missing resource counts as deleted.
pub(super) fn deleted<T>(result: Result<T, Error>) -> Result<bool, Error> {
    absent(result).map(|found| found.is_some())
}

/// The class of an error code. Codes are the names of modelled errors, which differ between services.
pub(super) fn class_of(code: Option<&str>) -> Class {
    match code.unwrap_or_default() {
        "NoSuchEntity" | "ResourceNotFoundException" => Class::NotFound,
        "EntityAlreadyExists"
        | "ResourceConflictException"
        | "ConflictException"
        | "ResourceAlreadyExistsException" => Class::Exists,
        "AccessDenied" | "AccessDeniedException" | "NotAuthorizedException" | "UnauthorizedException" => Class::Denied,
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => Class::Credentials,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown" => Class::Throttled,
        "NotImplemented" => Class::NotOffered,
        _ => Class::Other,
    }
}
