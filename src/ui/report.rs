//! A command's result: the data once, rendered for people and for scripts.

use std::io::{self, Write};

use serde::Serialize;

use super::style;
use crate::error::exit;

/// What a command returns. As JSON it is its own serialization.
pub trait Report: Serialize {
    /// For people, with styles; whoever prints it strips them where they are not wanted.
    fn human(&self, w: &mut dyn Write) -> io::Result<()>;

    /// As environment variables, for the commands that have such a form.
    fn env(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Whether there is nothing left to print.
    fn is_silent(&self) -> bool {
        false
    }

    /// How the process ends.
    fn exit_code(&self) -> u8 {
        exit::DONE
    }
}

/// A text of somebody else's on one line, with what would move a terminal's cursor written out.
pub fn visible(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// Lines of label and value, aligned; no value, no line.
pub fn fields(w: &mut dyn Write, fields: &[(&str, &str)]) -> io::Result<()> {
    let width = fields.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    for (label, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let (dim, reset) = (style::DIM.render(), style::DIM.render_reset());
        writeln!(w, "  {dim}{label:<width$}{reset}  {value}")?;
    }
    Ok(())
}
