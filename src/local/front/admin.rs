//! The admin routes, for callers that prove knowledge of the secret key in the state folder.

use axum::{
    extract::{Path, State as Shared},
    http::{HeaderMap, Method, StatusCode},
};

use super::Local;
use crate::local::admin::{
    ANSWER, NONCE_HEADER, PROOF_HEADER, RESET_PATH, RUNTIME_PATH, STATUS_PATH, STOP_PATH, proof,
};

impl Local {
    /// Checks the caller's proof, and returns its nonce.
    fn proven(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<String, StatusCode> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(StatusCode::FORBIDDEN);
        let (nonce, found) = (text(NONCE_HEADER)?, text(PROOF_HEADER)?);
        let expected = proof(self.server.access_key(), &format!("{method} {path}"), nonce);
        let equal = aws_lc_rs::constant_time::verify_slices_are_equal(found.as_bytes(), expected.as_bytes());
        equal.map(|()| nonce.to_owned()).map_err(|_| StatusCode::FORBIDDEN)
    }
}

/// Responds to the caller's proof with one of its own, since any program may listen on this port.
pub(super) async fn status(Shared(local): Shared<Local>, headers: HeaderMap) -> Result<String, StatusCode> {
    let nonce = local.proven(&Method::GET, STATUS_PATH, &headers)?;
    Ok(proof(local.server.access_key(), ANSWER, &nonce))
}

pub(super) async fn stop(Shared(local): Shared<Local>, headers: HeaderMap) -> Result<(), StatusCode> {
    local.proven(&Method::POST, STOP_PATH, &headers)?;
    local.stop.notify_one();
    Ok(())
}

/// Whether functions of a runtime can be run here; if not, why.
pub(super) async fn runtime(
    Shared(local): Shared<Local>,
    Path(runtime): Path<String>,
    headers: HeaderMap,
) -> Result<(), (StatusCode, String)> {
    let path = format!("{RUNTIME_PATH}{runtime}");
    local.proven(&Method::GET, &path, &headers).map_err(|status| (status, String::new()))?;
    let checked = local.functions.runtime().check(&runtime).await;
    checked.map_err(|error| (StatusCode::NOT_IMPLEMENTED, error.error_message))
}

pub(super) async fn reset(Shared(local): Shared<Local>, headers: HeaderMap) -> Result<(), StatusCode> {
    local.proven(&Method::POST, RESET_PATH, &headers)?;
    let reset = local.server.reset();
    local.functions.end_outdated();
    reset.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
