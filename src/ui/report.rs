//! A command's result: the data once, rendered for people and for scripts.

use std::io::{self, Write};

use serde::Serialize;

pub use super::{
    page::{Page, padded},
    plain::escape_control,
};
use crate::error::exit;

/// A document that can be printed as JSON.
pub trait ToJson {
    /// Writes the serialization, for people to read, with a line break at its end.
    fn write_json(&self, w: &mut dyn Write) -> io::Result<()>;
}

impl<T: Serialize> ToJson for T {
    fn write_json(&self, mut w: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut w, self)?;
        w.write_all(b"\n")
    }
}

/// What a command returns. As JSON it is its own serialization.
pub trait Report: ToJson {
    /// Writes the result for people, with styles; the caller strips them if they are not wanted.
    fn human(&self, w: &mut Page<'_>) -> io::Result<()>;

    /// The next commands, each without the program's name.
    fn next(&self) -> Vec<String> {
        Vec::new()
    }

    /// As environment variables, for the commands that have such a form.
    fn env(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Whether there is nothing left to print.
    fn is_silent(&self) -> bool {
        false
    }

    /// The exit code of the process.
    fn exit_code(&self) -> u8 {
        exit::DONE
    }
}

/// The result of a command that has printed everything, or has nothing to say.
#[derive(Debug, Serialize)]
pub struct Silent;

impl Report for Silent {
    fn human(&self, _: &mut Page<'_>) -> io::Result<()> {
        Ok(())
    }

    fn is_silent(&self) -> bool {
        true
    }
}
