//! The context of an operation: the account, the observer of its progress, and the signal that stops it.

use super::event::Observer;
use crate::aws::{
    Aws,
    wait::{Deadline, Stop},
};

/// The surroundings of one operation.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub aws: &'a Aws,
    pub observer: &'a dyn Observer,
    /// Ends the operation at its next step.
    pub stop: &'a Stop,
}

impl Run<'_> {
    /// The deadline of waits that end only with the run.
    pub fn deadline(&self) -> Deadline {
        Deadline::of(self.stop)
    }
}
