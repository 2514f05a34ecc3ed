//! The paths of the admin routes, and the proof of knowing the secret key that both sides exchange.

use aws_lc_rs::hmac;

use super::storage::store::AccessKey;

pub(crate) const STATUS_PATH: &str = "/_agentcore-gw/status";
pub(crate) const STOP_PATH: &str = "/_agentcore-gw/stop";
pub(crate) const RESET_PATH: &str = "/_agentcore-gw/reset";
/// Followed by the name of a Lambda runtime.
pub(crate) const RUNTIME_PATH: &str = "/_agentcore-gw/runtimes/";

pub(crate) const NONCE_HEADER: &str = "x-agentcore-gw-nonce";
pub(crate) const PROOF_HEADER: &str = "x-agentcore-gw-proof";
/// What the server's response proves, as opposed to the client's request.
pub(crate) const ANSWER: &str = "answer";

/// Proves knowledge of the secret key without sending it: after a server has ended, another user of this
/// machine may listen on its port.
pub(crate) fn proof(key: &AccessKey, what: &str, nonce: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.secret_access_key.as_bytes());
    let tag = hmac::sign(&key, format!("{what} {nonce}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
