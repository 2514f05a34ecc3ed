//! A command's result: the data once, rendered for people and for scripts.

use std::io::{self, Write};

use serde::Serialize;

use super::style;
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
    fn human(&self, w: &mut dyn Write) -> io::Result<()>;

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
    fn human(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn is_silent(&self) -> bool {
        true
    }
}

/// Foreign text on one line, with control and format characters escaped.
pub fn escape_control(text: &str) -> String {
    let is_odd = |c: char| c.is_control() || is_format(c);
    let shown = |c: char| if is_odd(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// Whether a character has no width or reorders others: Unicode's categories Cf, Zl and Zp, except what scripts
/// and emoji need: Arabic's number signs, the joiners, and the tags of flags.
pub fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}')
}

/// Maximum number of characters of a tool's description in text output.
const BRIEF: usize = 100;

/// Writes one line per tool: its name, aligned, and the beginning of its description.
pub fn tools<'a>(w: &mut dyn Write, lead: &str, tools: impl Iterator<Item = (&'a str, &'a str)>) -> io::Result<()> {
    let tools: Vec<(String, String)> =
        tools.map(|(name, text)| (escape_control(name), escape_control(&first_sentence(text)))).collect();
    let width = tools.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).min(64);
    let (heading, reset) = (style::HEADING.render(), style::HEADING.render_reset());
    for (name, text) in tools {
        writeln!(w, "{lead}{heading}{name:<width$}{reset}  {text}")?;
    }
    Ok(())
}

/// The first sentence of a text, or as much of it as fits a line.
fn first_sentence(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let sentence = line.find(". ").map_or(line, |end| &line[..=end]);
    match sentence.char_indices().nth(BRIEF) {
        None => sentence.to_owned(),
        Some((end, _)) => {
            let cut = sentence[..end].rsplit_once(' ').map_or(&sentence[..end], |(whole_words, _)| whole_words);
            format!("{cut} …")
        }
    }
}

/// Writes lines of label and value, aligned; empty values are skipped.
pub fn fields(w: &mut dyn Write, fields: &[(&str, &str)]) -> io::Result<()> {
    let width = fields.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    for (label, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let (dim, reset) = (style::DIM.render(), style::DIM.render_reset());
        writeln!(w, "  {dim}{label:<width$}{reset}  {value}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_shown_by_its_first_sentence() {
        assert_eq!(first_sentence("Gets it. Needs e.g. a key.\nMore"), "Gets it.");
        assert_eq!(first_sentence("Gets version 2.0 of it"), "Gets version 2.0 of it");
        assert_eq!(first_sentence(&"word ".repeat(30)), format!("{} …", "word ".repeat(19) + "word"));
        assert_eq!(first_sentence(&"x".repeat(101)), format!("{} …", "x".repeat(100)));
        assert_eq!(first_sentence(""), "");
    }
}
