//! The reports of `client-config`.

use std::io::{self, Write};

use serde::Serialize;

use crate::{
    model::mcp_client::edit::Change,
    ui::report::{Page, Report},
};

/// A shell command that does the rest.
#[derive(Debug, Serialize)]
pub(super) struct Command {
    command: String,
}

impl Command {
    pub(super) fn new(command: String) -> Self {
        Self { command }
    }
}

impl Report for Command {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        writeln!(w, "{}", self.command)
    }
}

/// What became of a file.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    pub(super) file: String,
    pub(super) server: String,
    pub(super) change: Change,
}

impl Report for Written {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let (server, file) = (&self.server, &self.file);
        match self.change {
            Change::Added => writeln!(w, "Added the server {server} to {file}"),
            Change::Updated => writeln!(w, "Updated the server {server} in {file}"),
            Change::Unchanged => writeln!(w, "The server {server} in {file} is up to date"),
            Change::Removed => writeln!(w, "Removed the server {server} from {file}"),
            Change::Absent => writeln!(w, "There is no server {server} in {file}"),
        }
    }
}
