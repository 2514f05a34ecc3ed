//! Fault injection: latency, propagation delay and errors, to test tools under realistic conditions.

use std::{str::FromStr, sync::Mutex, time::Duration};

use axum::http::StatusCode;

use super::{
    services::Service,
    wire::{Protocol, WireError},
};

/// The configured faults.
#[derive(Debug, Default)]
pub struct Faults {
    /// Added to every control-plane call.
    pub latency: Duration,
    /// Delay until lists, roles and policies show what was written.
    pub consistency_lag: Duration,
    /// Delay for roles and policies, if longer.
    pub iam_lag: Duration,
    /// Whether the account sends traces to CloudWatch Logs, as after Transaction Search was enabled.
    pub transaction_search: bool,
    /// How long access tokens are valid, instead of what their client says.
    pub token_validity: Option<Duration>,
    rules: Mutex<Vec<Rule>>,
}

/// `service:Operation=ErrorCode*times:message`; without `*times`, every call fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    service: String,
    operation: String,
    code: String,
    message: Option<String>,
    /// How many more calls fail; `None` for all.
    left: Option<u32>,
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            "expected SERVICE:OPERATION=ERROR[*TIMES][:MESSAGE], for example iam:CreateRole=ThrottlingException*2";
        let (call, error) = text.split_once('=').ok_or(form)?;
        let (error, message) =
            error.split_once(':').map_or((error, None), |(error, message)| (error, Some(message.to_owned())));
        let (service, operation) = call.split_once(':').ok_or(form)?;
        let (code, left) = match error.split_once('*') {
            Some((code, times)) => (code, Some(times.parse().map_err(|_| form)?)),
            None => (error, None),
        };
        if [service, operation, code].contains(&"") {
            return Err(form.to_owned());
        }
        let known = |found: &Service| {
            found.operations.iter().any(|covered| covered.name == operation)
                || service == IN_NAME_OF_CALLER.0 && IN_NAME_OF_CALLER.1.iter().any(|(_, action)| *action == operation)
        };
        if !Service::of_scope(service).is_some_and(known) {
            return Err(format!("the local AWS does not offer {service}:{operation}"));
        }
        Ok(Self { service: service.to_owned(), operation: operation.to_owned(), code: code.to_owned(), message, left })
    }
}

/// Operations that perform another action on behalf of the caller, by operation and action. If the caller may
/// not perform it, the operation succeeds and fails later (`CreateWorkloadIdentity`: many public reports;
/// `DeleteWorkloadIdentity`: measured by one project).
const IN_NAME_OF_CALLER: (&str, [(&str, &str); 2]) =
    ("bedrock-agentcore", [("CreateGateway", "CreateWorkloadIdentity"), ("DeleteGateway", "DeleteWorkloadIdentity")]);

impl Faults {
    pub fn new(latency: Duration, consistency_lag: Duration, rules: Vec<Rule>) -> Self {
        Self {
            latency,
            consistency_lag,
            iam_lag: Duration::ZERO,
            transaction_search: true,
            token_validity: None,
            rules: Mutex::new(rules),
        }
    }

    #[must_use]
    pub fn with_iam_lag(self, iam_lag: Duration) -> Self {
        Self { iam_lag, ..self }
    }

    #[must_use]
    pub fn without_transaction_search(self, without: bool) -> Self {
        Self { transaction_search: !without, ..self }
    }

    #[must_use]
    pub fn with_token_validity(self, token_validity: Option<Duration>) -> Self {
        Self { token_validity, ..self }
    }

    /// The action that the caller may not perform, if this operation needs one on the caller's behalf.
    pub(crate) fn lacking(&self, service: &str, operation: &str) -> Option<&'static str> {
        let (of, actions) = IN_NAME_OF_CALLER;
        let (_, action) = actions.into_iter().find(|(name, _)| service == of && *name == operation)?;
        self.next_error(service, action).map(|_| action)
    }

    /// The injected error for this call, if any. `service` is the name in the credential scope.
    pub(crate) fn next_error(&self, service: &str, operation: &str) -> Option<WireError> {
        let mut rules = self.rules.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let rule = rules
            .iter_mut()
            .find(|rule| rule.service == service && rule.operation == operation && rule.left != Some(0))?;
        if let Some(left) = &mut rule.left {
            *left -= 1;
        }
        let rest = Service::of_scope(service).is_some_and(|service| matches!(service.protocol, Protocol::RestJson));
        let status = match rule.code.as_str() {
            "ServiceUnavailable" | "ServiceUnavailableException" => StatusCode::SERVICE_UNAVAILABLE,
            "ThrottlingException" | "TooManyRequestsException" if rest => StatusCode::TOO_MANY_REQUESTS,
            code if code.starts_with("Internal") || code.starts_with("ServiceFailure") => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            code if code.starts_with("AccessDenied") => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        let message = rule.message.clone().unwrap_or_else(|| "This error was asked for with --fault".to_owned());
        Some(WireError::new(status, rule.code.clone(), message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_strikes_as_often_as_it_says() {
        let rules = vec![
            "iam:CreateRole=ThrottlingException*2".parse().unwrap(),
            "sts:GetCallerIdentity=AccessDenied".parse().unwrap(),
        ];
        let faults = Faults::new(Duration::ZERO, Duration::ZERO, rules);
        let strikes: Vec<bool> = (0..3).map(|_| faults.next_error("iam", "CreateRole").is_some()).collect();
        assert_eq!(strikes, [true, true, false]);
        assert!((0..9).all(|_| {
            faults.next_error("sts", "GetCallerIdentity").is_some_and(|error| error.status == StatusCode::FORBIDDEN)
        }));
        assert!(faults.next_error("iam", "GetRole").is_none());
    }

    #[test]
    fn a_malformed_rule_shows_the_form() {
        for text in ["", "iam", "iam:CreateRole", "iam:=X", "iam:CreateRole=X*many"] {
            assert!(Rule::from_str(text).unwrap_err().contains("SERVICE:OPERATION"), "{text}");
        }
        assert_eq!(Rule::from_str("iam:MakeRole=X").unwrap_err(), "the local AWS does not offer iam:MakeRole");
    }
}
