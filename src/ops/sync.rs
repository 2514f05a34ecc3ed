//! Brings a target up to date with the MCP server behind it.

use tokio::time::Instant;

use super::{
    Error, Kind, Resource,
    converge::Patience,
    event::{Change, Event, Observer},
};
use crate::aws::{
    Aws,
    agentcore::{self, Document},
    wait::{self, Deadline, Look, Stop},
};

/// Has AWS list a target's server anew, and waits until it has.
///
/// # Errors
///
/// If the target is none of an MCP server, or its server cannot be listed.
pub async fn synchronize(
    aws: &Aws,
    gateway_id: &str,
    target: &Document,
    patience: Patience,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Document, Error> {
    let begin = Instant::now();
    let resource = Resource::new(Kind::Target, target.name());
    observer.hear(Event::Started(resource.clone()));
    let deadline = Deadline::of(stop);
    let told = |reason: &str| observer.hear(Event::Waiting(resource.clone(), reason.to_owned()));
    let settled = async || {
        let found = settled_target(aws, gateway_id, target.target_id(), &deadline, told).await?;
        found.ok_or_else(|| Error::NotFound(target.name().to_owned()))
    };
    // What another run began is to end first: what it lists may be older than what is wanted.
    settled().await?;
    let answered = agentcore::synchronize_target(aws, gateway_id, target.target_id()).await?;
    let document = if patience.wait { settled().await? } else { answered };
    if document.is_broken() {
        observer.hear(Event::Failed(resource));
        return Err(Error::of_state(Kind::Target, &document));
    }
    if patience.wait {
        observer.hear(Event::Finished(resource, Change::Updated, begin.elapsed()));
    }
    Ok(document)
}

/// A target when AWS is no longer at work on it; none if it is gone.
pub(super) async fn settled_target(
    aws: &Aws,
    gateway_id: &str,
    target_id: &str,
    deadline: &Deadline,
    told: impl Fn(&str),
) -> Result<Option<Document>, Error> {
    let look = async || match agentcore::find_target(aws, gateway_id, target_id).await? {
        Some(document) if document.is_moving() => Ok(Look::NotYet(format!("the target is {}", document.status()))),
        found => Ok(Look::Ready(found)),
    };
    wait::until(deadline, told, look).await
}
