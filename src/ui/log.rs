//! Logging to standard error, one line per event.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::report::escape_control;

/// Writes each event on one line, whoever wrote parts of it: without control or format characters except tabs
/// and the final line break, so that no line can be forged and the terminal cannot be manipulated.
#[derive(Debug)]
pub struct EventLines<W>(pub W);

impl<W: Write> Write for EventLines<W> {
    /// `event` is a complete event, as `tracing_subscriber` writes it.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let parts: Vec<_> = text.trim_end_matches(['\r', '\n']).split('\t').map(escape_control).collect();
        self.0.write_all(format!("{}\n", parts.join("\t")).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reports an error that occurs before there is a user interface.
pub fn last_words(error: &io::Error) -> ExitCode {
    // Ignore a closed stderr.
    drop(EventLines(io::stderr()).write_all(format!("error: {error}\n").as_bytes()));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stays_in_its_line() {
        let mut log = Vec::new();
        let event = "WARN it said:\ta\r\n2026 INFO forged\u{1b}[2J\u{202e}b\n";
        assert_eq!(EventLines(&mut log).write(event.as_bytes()).unwrap(), event.len());
        let line = "WARN it said:\ta\\r\\n2026 INFO forged\\u{1b}[2J\\u{202e}b\n";
        assert_eq!(String::from_utf8(log).unwrap(), line);
    }
}
