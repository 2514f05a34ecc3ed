//! What happens while an operation runs, for whoever watches.

use std::time::Duration;

use super::Resource;
use crate::{aws::Caller, model::name::Region};

/// What became of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Created,
    Updated,
    Unchanged,
    Deleted,
    /// To be deleted, and not there.
    Absent,
}

/// One event.
#[derive(Debug, Clone)]
pub enum Event {
    /// As whom all that follows is done, and in which region.
    Acting(Caller, Region),
    Started(Resource),
    /// AWS has taken the order to make it; what follows is a wait.
    Accepted(Resource),
    /// What was accepted has FAILED and is deleted.
    Dropped(Resource),
    /// What is waited for, and why.
    Waiting(Resource, String),
    Finished(Resource, Change, Duration),
    Failed(Resource),
    Warning(String),
    /// Something good to know.
    Note(String),
}

/// Hears events as they happen.
pub trait Observer: Sync {
    fn hear(&self, event: Event);
}
