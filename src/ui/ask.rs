//! Questions to whoever is at the terminal.

use std::{fmt, io, sync::atomic::Ordering};

use tokio::time::Instant;

use super::Ui;
use crate::error::{Error, ErrorKind};

impl Ui {
    /// Asks for confirmation. Without a terminal nobody can answer, so the error names the flag `--yes`.
    ///
    /// # Errors
    /// If there is no terminal to ask on.
    pub async fn confirm(&self, question: &str) -> Result<bool, Error> {
        if !self.can_ask() {
            let last = question.lines().next_back().unwrap_or_default();
            return Err(Error::new(ErrorKind::Usage, "this needs a confirmation, and there is no terminal to ask on")
                .with_cause(last)
                .with_hint("add `--yes` to confirm"));
        }
        self.write_err(&format!("{question} [y/N]"));
        let answer = self.answer().await?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Waits for a line.
    async fn answer(&self) -> Result<String, Error> {
        let begun = Instant::now();
        let line = read_line().await;
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.asked.fetch_add(took, Ordering::Relaxed);
        line
    }

    /// Whether there is a terminal to ask on.
    pub fn can_ask(&self) -> bool {
        self.streams.in_is_terminal && self.streams.err_is_terminal
    }

    /// Asks for a secret, without echo.
    ///
    /// # Errors
    /// If no answer can be read.
    pub async fn ask_secret(&self, what: &str) -> Result<String, Error> {
        let _silence = Silence::new();
        self.write_err(&format!("{what}:"));
        self.answer().await
    }
}

async fn read_line() -> Result<String, Error> {
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let no_answer = |error: &dyn fmt::Display| Error::new(ErrorKind::Failed, format!("no answer: {error}"));
    read.await.map_err(|error| no_answer(&error))?.map_err(|error| no_answer(&error))
}

/// Switches off the terminal's echo until it is dropped.
struct Silence {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Silence {
    #[cfg(unix)]
    fn new() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

        let before = tcgetattr(io::stdin()).ok();
        if let Some(mut silent) = before.clone() {
            silent.local_modes.remove(LocalModes::ECHO);
            // If this fails, the terminal shows what is typed, as before.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &silent);
        }
        Self { before }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }
}

#[cfg(unix)]
impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Ignore a terminal that no longer exists.
            let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, before);
        }
    }
}
