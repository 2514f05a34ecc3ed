//! Synchronizes a target with its MCP server.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{
    Error, Resource, ResourceKind,
    event::{Change, Event},
    run::Run,
};
use crate::aws::{
    self, Aws,
    agentcore::{self, ApiDocument},
    wait::{self, Deadline, Poll},
};

/// Has AWS list the tools of a target's MCP server again, and waits for the result if the run is to wait.
///
/// # Errors
///
/// If the target is not an MCP server, or its server cannot be listed.
pub async fn synchronize(
    run: Run<'_>,
    gateway_id: &str,
    target: &ApiDocument,
    wait: bool,
) -> Result<ApiDocument, Error> {
    let Run { aws, observer, .. } = run;
    let begin = Instant::now();
    let resource = Resource::new(ResourceKind::Target, target.name());
    observer.on_event(Event::Started(resource.clone()));
    let deadline = run.deadline();
    let on_wait = |reason: &str| observer.on_event(Event::Waiting(resource.clone(), reason.to_owned()));
    let settled = async || {
        let found = settled_target(aws, gateway_id, target.target_id(), None, &deadline, on_wait).await?;
        found.ok_or_else(|| Error::NotFound(target.name().to_owned()))
    };
    // Wait for what another run began: its result may predate the wanted one.
    settled().await?;
    let answered = agentcore::synchronize_target(aws, gateway_id, target.target_id()).await?;
    let document = if wait { settled().await? } else { answered };
    if document.is_broken() {
        observer.on_event(Event::Failed(resource));
        return Err(Error::of_state(ResourceKind::Target, &document));
    }
    if wait {
        observer.on_event(Event::Finished(resource, Change::Updated, begin.elapsed()));
    }
    Ok(document)
}

/// Waits until a gateway or target that is being deleted is gone; `before` is its state before the deletion.
/// The deletion may fail: for a caller without `bedrock-agentcore:DeleteWorkloadIdentity` the request succeeds,
/// and DELETING ends in FAILED, permanently (measured by one project, seen by another).
///
/// # Errors
/// If the deletion fails, with AWS's reasons.
pub(super) async fn gone(
    before: Option<&ApiDocument>,
    deadline: &Deadline,
    on_wait: impl Fn(&str),
    mut find: impl AsyncFnMut() -> Result<Option<ApiDocument>, aws::Error>,
) -> Result<(), aws::Error> {
    let begin = Instant::now();
    let mut is_moving = false;
    let look = async || match find().await? {
        None => Ok(Poll::Ready(())),
        Some(document) => {
            is_moving |= document.status() == "DELETING";
            // A document that was FAILED before the deletion may be returned as such for a moment.
            let is_new = is_moving || Some(&document) != before || begin.elapsed() >= SHOWN_AS_BEFORE;
            if document.status() == "FAILED" && is_new {
                return Err(agentcore::not_deleted(&document));
            }
            Ok(Poll::Pending("it is being deleted".to_owned()))
        }
    };
    wait::until(deadline, on_wait, look).await
}

/// How long AWS may return a document as it was before an update.
const SHOWN_AS_BEFORE: Duration = Duration::from_secs(15);

/// Whether AWS may be returning a document from before its update: READY with the old configuration (one
/// deployer has a test for it). AWS does not document for how long.
pub(super) fn is_stale(document: &ApiDocument, updated: &Updated) -> bool {
    updated.at.elapsed() < SHOWN_AS_BEFORE
        && !updated.since.is_null()
        && document.0["updatedAt"] == updated.since
        && updated.answered != updated.since
}

/// An update that AWS has accepted.
pub(super) struct Updated {
    /// The document's `updatedAt` before the update, and in its response.
    since: Value,
    answered: Value,
    at: Instant,
}

impl Updated {
    pub(super) fn new(before: &ApiDocument, answer: &ApiDocument) -> Self {
        Self { since: before.0["updatedAt"].clone(), answered: answer.0["updatedAt"].clone(), at: Instant::now() }
    }
}

/// Waits until AWS is no longer working on a target; `None` if it is gone.
pub(super) async fn settled_target(
    aws: &Aws,
    gateway_id: &str,
    target_id: &str,
    updated: Option<&Updated>,
    deadline: &Deadline,
    on_wait: impl Fn(&str),
) -> Result<Option<ApiDocument>, Error> {
    let look = async || match agentcore::find_target(aws, gateway_id, target_id).await? {
        Some(document) if updated.is_some_and(|updated| is_stale(&document, updated)) => {
            Ok(Poll::Pending("the target is shown as it was before".to_owned()))
        }
        Some(document) if document.is_moving() => Ok(Poll::Pending(format!("the target is {}", document.status()))),
        found => Ok(Poll::Ready(found)),
    };
    wait::until(deadline, on_wait, look).await
}
