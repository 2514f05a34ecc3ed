//! Synchronizes a target with its MCP server.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{
    Error, Kind, Resource,
    event::{Change, Event},
    run::Run,
};
use crate::aws::{
    self, Aws,
    agentcore::{self, Document},
    wait::{self, Deadline, Look},
};

/// Has AWS list the tools of a target's MCP server again, and waits for the result if the run is to wait.
///
/// # Errors
///
/// If the target is not an MCP server, or its server cannot be listed.
pub async fn synchronize(run: Run<'_>, gateway_id: &str, target: &Document, wait: bool) -> Result<Document, Error> {
    let Run { aws, observer, .. } = run;
    let begin = Instant::now();
    let resource = Resource::new(Kind::Target, target.name());
    observer.hear(Event::Started(resource.clone()));
    let deadline = run.deadline();
    let told = |reason: &str| observer.hear(Event::Waiting(resource.clone(), reason.to_owned()));
    let settled = async || {
        let found = settled_target(aws, gateway_id, target.target_id(), None, &deadline, told).await?;
        found.ok_or_else(|| Error::NotFound(target.name().to_owned()))
    };
    // Wait for what another run began: its result may predate the wanted one.
    settled().await?;
    let answered = agentcore::synchronize_target(aws, gateway_id, target.target_id()).await?;
    let document = if wait { settled().await? } else { answered };
    if document.is_broken() {
        observer.hear(Event::Failed(resource));
        return Err(Error::of_state(Kind::Target, &document));
    }
    if wait {
        observer.hear(Event::Finished(resource, Change::Updated, begin.elapsed()));
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
    before: Option<&Document>,
    deadline: &Deadline,
    told: impl Fn(&str),
    mut find: impl AsyncFnMut() -> Result<Option<Document>, aws::Error>,
) -> Result<(), aws::Error> {
    let begin = Instant::now();
    let mut is_moving = false;
    let look = async || match find().await? {
        None => Ok(Look::Ready(())),
        Some(document) => {
            is_moving |= document.status() == "DELETING";
            // A document that was FAILED before the deletion may be returned as such for a moment.
            let is_new = is_moving || Some(&document) != before || begin.elapsed() >= SHOWN_AS_BEFORE;
            if document.status() == "FAILED" && is_new {
                return Err(agentcore::not_deleted(&document));
            }
            Ok(Look::NotYet("it is being deleted".to_owned()))
        }
    };
    wait::until(deadline, told, look).await
}

/// How long AWS may return a document as it was before an update.
const SHOWN_AS_BEFORE: Duration = Duration::from_secs(15);

/// Whether AWS may be returning a document from before its update: READY with the old configuration (one
/// deployer has a test for it). AWS does not document for how long.
pub(super) fn is_stale(document: &Document, updated: &Updated) -> bool {
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
    pub(super) fn new(before: &Document, answer: &Document) -> Self {
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
    told: impl Fn(&str),
) -> Result<Option<Document>, Error> {
    let look = async || match agentcore::find_target(aws, gateway_id, target_id).await? {
        Some(document) if updated.is_some_and(|updated| is_stale(&document, updated)) => {
            Ok(Look::NotYet("the target is shown as it was before".to_owned()))
        }
        Some(document) if document.is_moving() => Ok(Look::NotYet(format!("the target is {}", document.status()))),
        found => Ok(Look::Ready(found)),
    };
    wait::until(deadline, told, look).await
}
