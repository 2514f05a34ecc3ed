//! A call: who calls, where and when, and what the account lets it see.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::answer::internal;
use crate::local::{
    keys::SigningKey,
    storage::{
        blobs::{BlobId, Blobs},
        journal::Journal,
    },
    wire::WireError,
};

/// The account that everything belongs to.
pub(crate) const ACCOUNT: &str = "000000000000";

/// Makes the signing key of a new user pool.
pub type NewKey = Arc<dyn Fn() -> SigningKey + Send + Sync>;

/// An answer: the operation's output members, or null where it has none.
pub(crate) type Answer = Result<Value, WireError>;

/// Who calls, where, and when.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    /// Whether what is in progress is done once this call looks ([`Operation::observes`](super::Operation)).
    pub(crate) observes: bool,
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
