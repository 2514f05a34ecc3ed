//! Progress events of a running operation.

use std::time::Duration;

use super::Resource;
use crate::{aws::Caller, model::name::Region};

/// What happened to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Created,
    Updated,
    Unchanged,
    Deleted,
    /// It was to be deleted and did not exist.
    Absent,
}

/// A progress event.
#[derive(Debug, Clone)]
pub enum Event {
    /// The caller and region of everything that follows.
    Acting(Caller, Region),
    Started(Resource),
    /// AWS has accepted the create request; the run now waits for the resource.
    Accepted(Resource),
    /// An accepted resource has FAILED and is deleted.
    Dropped(Resource),
    /// The resource that the run waits for, and the reason.
    Waiting(Resource, String),
    Finished(Resource, Change, Duration),
    Failed(Resource),
    Warning(String),
    /// Useful information that is not a warning.
    Note(String),
}

/// Receives events as they happen.
pub trait Observer: Sync {
    fn on_event(&self, event: Event);
}
