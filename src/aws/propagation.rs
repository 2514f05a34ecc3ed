//! The one table of words that mean "IAM has not heard of this yet". AWS gives them no error
//! type of their own; everything else in this program matches modelled errors.

use super::Error;

/// (operation, error code, words in the message)
const NOT_YET: &[(&str, &str, &str)] = &[
    ("CreateFunction", "InvalidParameterValueException", "cannot be assumed by Lambda"),
    ("CreateGateway", "ValidationException", "not authorized to assume"),
    ("CreateGatewayTarget", "ValidationException", "lacks permission to invoke"),
    ("CreateGatewayTarget", "ValidationException", "not authorized to assume"),
    ("UpdateGatewayTarget", "ValidationException", "lacks permission to invoke"),
    ("PutRolePolicy", "NoSuchEntity", "cannot be found"),
];

/// Words in the `statusReasons` of a gateway or target that FAILED for the same cause.
const NOT_YET_REASONS: &[&str] = &["not authorized to assume the execution role", "lacks permission to invoke"];

/// Whether a call failed because a role or policy is too fresh. Only to be asked where the role
/// may have been changed a moment ago.
pub fn is_pending(error: &Error) -> bool {
    NOT_YET.iter().any(|(operation, code, words)| {
        error.operation == *operation && error.code.as_deref() == Some(code) && error.message.contains(words)
    })
}

/// The same question of a resource's `statusReasons`.
pub fn is_pending_status<'a>(mut reasons: impl Iterator<Item = &'a str>) -> bool {
    reasons.any(|reason| NOT_YET_REASONS.iter().any(|words| reason.contains(words)))
}
