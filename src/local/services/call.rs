//! The context of a call: caller, region, time, and what is visible yet.

use std::{sync::Arc, time::Duration};

use super::answer::internal;
use crate::local::{
    keys::SigningKey,
    storage::{
        blobs::{BlobId, Blobs},
        journal::Journal,
    },
    wire::WireError,
};

/// The id of the only account.
pub(crate) const ACCOUNT: &str = "000000000000";

/// Generates the signing key of a new user pool.
pub type NewKey = Arc<dyn Fn() -> SigningKey + Send + Sync>;

/// The context of a call.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    /// Whether this call completes what is in progress ([`Operation::observes`](super::Operation)).
    pub(crate) observes: bool,
    pub(crate) region: String,
    pub(crate) account: String,
    /// `http://` and the request's Host header: the prefix of this server's URLs as the caller reaches them.
    pub(crate) base_url: String,
    /// Unix time in milliseconds.
    pub(crate) now: i64,
    pub(crate) new_key: NewKey,
    /// Storage for data that is too large for the state.
    pub(crate) blobs: Blobs,
    /// The output of functions.
    pub(crate) journal: Journal,
    /// Simulated delay until lists show what was written.
    pub(crate) lag: Duration,
    /// Simulated delay until roles and policies take effect.
    pub(crate) iam_lag: Duration,
    /// Whether the account sends traces to CloudWatch Logs.
    pub(crate) transaction_search: bool,
    /// A simulated missing permission of the caller, needed by what the operation does on the caller's behalf.
    pub(crate) lacks: Option<&'static str>,
}

impl Call {
    /// Stores a blob.
    pub(crate) fn keep(&self, bytes: &[u8]) -> Result<BlobId, WireError> {
        self.blobs.put(bytes).map_err(|error| internal(format!("the local AWS cannot write its state: {error}")))
    }

    /// Reads a stored blob.
    pub(crate) fn kept(&self, id: &BlobId) -> Result<Vec<u8>, WireError> {
        self.blobs.get(id).map_err(|error| internal(format!("the local AWS cannot read its state: {error}")))
    }

    /// Whether a write at `at` (Unix milliseconds) is visible to every reader.
    pub(crate) fn propagated(&self, at: i64) -> bool {
        self.is_older(at, self.lag)
    }

    /// Whether a role or policy written at `at` (Unix milliseconds) is in effect.
    pub(crate) fn in_force(&self, at: i64) -> bool {
        self.is_older(at, self.iam_lag)
    }

    fn is_older(&self, at: i64, lag: Duration) -> bool {
        self.now.saturating_sub(at) >= i64::try_from(lag.as_millis()).unwrap_or(i64::MAX)
    }
}
