//! Where logs go: standard error, a line for each event.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::report::visible;

/// Writes each event on one line. Whoever wrote a part of it, it has no control or format character but tabs and the
/// line break at its end: a line cannot be forged, nor a terminal moved.
#[derive(Debug)]
pub struct EventLines<W>(pub W);

impl<W: Write> Write for EventLines<W> {
    /// `event` is a whole one, as `tracing_subscriber` writes them.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let parts: Vec<_> = text.trim_end_matches(['\r', '\n']).split('\t').map(visible).collect();
        self.0.write_all(format!("{}\n", parts.join("\t")).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What a process says that fails before it has anything else to say it with.
pub fn last_words(error: &io::Error) -> ExitCode {
    // A closed stderr has nobody to tell.
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
