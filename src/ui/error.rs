//! Errors as JSON.

use serde::Serialize;
use tokio::time::Instant;

use super::message;
use crate::error::Error;

#[derive(Serialize)]
pub(super) struct ErrorDocument {
    pub(super) error: ErrorBody,
}

/// An error as scripts read it.
#[derive(Debug, Serialize)]
pub struct ErrorBody {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) causes: Vec<String>,
    pub(super) hint: Option<String>,
}

impl ErrorBody {
    /// The error of a run that began at `begun`.
    pub fn of(error: &Error, begun: Instant) -> Self {
        Self {
            code: error.kind.code(),
            message: message(error, begun),
            causes: error.causes.clone(),
            hint: error.hint.clone(),
        }
    }
}
