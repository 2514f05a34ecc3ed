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
    let deadline = Deadline::after(patience.timeout, stop);
    let find = async || agentcore::find_target(aws, gateway_id, target.target_id()).await;
    let told = |reason: &str| observer.hear(Event::Waiting(resource.clone(), reason.to_owned()));
    let settled = async || {
        wait::until(&deadline, told, async || match find().await? {
            Some(document) if document.is_moving() => Ok(Look::NotYet(format!("the target is {}", document.status()))),
            Some(document) => Ok(Look::Ready(document)),
            None => Err(Error::NotFound(target.name().to_owned())),
        })
        .await
    };
    // What another run began is to end first: what it lists may be older than what is wanted.
    settled().await?;
    let answered = agentcore::synchronize_target(aws, gateway_id, target.target_id()).await?;
    let document = if patience.wait { settled().await? } else { answered };
    if document.status().ends_with("_UNSUCCESSFUL") || document.status() == "FAILED" {
        observer.hear(Event::Failed(resource));
        return Err(Error::of_state(Kind::Target, &document));
    }
    if patience.wait {
        observer.hear(Event::Finished(resource, Change::Updated, begin.elapsed()));
    }
    Ok(document)
}
