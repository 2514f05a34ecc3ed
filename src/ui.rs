//! The terminal: what goes to stdout and to stderr, and its style. All output goes through this module.

mod ask;
mod error;
pub mod invocation;
pub mod log;
pub mod page;
mod plain;
pub mod progress;
pub mod report;
pub mod style;

use std::{
    fmt,
    io::{self, BufWriter, IsTerminal as _, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use indicatif::MultiProgress;
use tokio::time::Instant;

pub use self::error::ErrorBody;
use self::{
    error::ErrorDocument,
    invocation::Invocation,
    page::Page,
    plain::{Stripped, harmless, strip_styles},
    progress::Progress,
    report::{Report, ToJson},
};
use crate::error::{Error, ErrorKind, exit};

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One JSON document, also for errors
    Json,
    /// Shell `export` lines
    Env,
}

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

/// How much is printed besides the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loudness {
    /// Nothing but warnings and errors.
    Quiet,
    Usual,
    /// The log goes to stderr, too, so no progress is drawn there.
    Verbose,
}

type Stream = Arc<Mutex<dyn Write + Send>>;

/// Where output goes.
#[derive(Clone)]
pub struct Streams {
    pub out: Stream,
    pub err: Stream,
    pub out_is_terminal: bool,
    pub err_is_terminal: bool,
    pub in_is_terminal: bool,
    /// `NO_COLOR` is set, or the terminal is dumb.
    pub plain: bool,
}

impl Streams {
    /// The streams of the process.
    pub fn of_process(plain: bool) -> Self {
        Self {
            out: Arc::new(Mutex::new(io::stdout())),
            err: Arc::new(Mutex::new(io::stderr())),
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            in_is_terminal: io::stdin().is_terminal(),
            plain,
        }
    }

    /// Captured output without a terminal, for tests.
    pub fn captured(out: Arc<Mutex<Vec<u8>>>, err: Arc<Mutex<Vec<u8>>>) -> Self {
        Self { out, err, out_is_terminal: false, err_is_terminal: false, in_is_terminal: false, plain: true }
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// The user interface of one run.
#[derive(Debug)]
pub struct Ui {
    format: Format,
    loudness: Loudness,
    color: Color,
    streams: Streams,
    /// How the program was called, for the commands in messages.
    invocation: Invocation,
    /// When the run began.
    begun: Instant,
    /// For how many milliseconds questions waited for their answers.
    asked: AtomicU64,
    /// Whether anything went to stderr.
    has_noted: AtomicBool,
    /// Progress bars on stderr; lines that are written there go above them.
    bars: MultiProgress,
}

impl Ui {
    pub fn new(format: Format, loudness: Loudness, color: Color, streams: Streams) -> Self {
        let bars = MultiProgress::new();
        if !streams.err_is_terminal {
            bars.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        Self {
            format,
            loudness,
            color,
            streams,
            invocation: Invocation::default(),
            begun: Instant::now(),
            asked: AtomicU64::new(0),
            has_noted: AtomicBool::new(false),
            bars,
        }
    }

    /// From now on, shows commands in the form of this invocation.
    pub fn set_invocation(&mut self, invocation: &Invocation) {
        self.invocation = invocation.clone();
    }

    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// For how long the run has worked, without the time that people took to answer.
    fn worked(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.asked.load(Ordering::Relaxed)))
    }

    /// Whether notes and next steps are shown.
    pub fn is_quiet(&self) -> bool {
        self.loudness == Loudness::Quiet
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// An observer that shows an operation's events.
    pub fn progress(&self) -> Progress<'_> {
        let shown = !self.is_quiet() && self.format != Format::Json;
        let drawn = self.loudness == Loudness::Usual && self.streams.err_is_terminal;
        Progress::new(self, shown, shown && drawn)
    }

    fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Prints useful information to stderr.
    pub fn note(&self, text: &str) {
        if !self.is_quiet() && self.format != Format::Json {
            let text = self.invocation.in_commands(text);
            self.write_err(&format!("{}note:{} {text}", style::DIM.render(), style::DIM.render_reset()));
        }
    }

    /// Prints what to do next to stderr; not with JSON output.
    pub fn hint(&self, text: &str) {
        if self.format != Format::Json {
            let text = self.invocation.in_commands(text);
            self.write_err(&format!("{}hint:{} {text}", style::HINT.render(), style::HINT.render_reset()));
        }
    }

    /// Prints a warning to stderr. With JSON output, it is in the report instead.
    pub fn warn(&self, text: &str) {
        if self.format != Format::Json {
            let text = text.replace('\n', "\n    ");
            self.write_err(&format!("{}warning:{} {text}", style::WARN.render(), style::WARN.render_reset()));
        }
    }

    /// Prints a line to stderr, above the progress bars.
    pub fn write_err(&self, line: &str) {
        self.has_noted.store(true, Ordering::Relaxed);
        let bytes = strip_styles(&harmless(&format!("{line}\n")), self.colors(self.streams.err_is_terminal));
        self.bars.suspend(|| {
            let mut err = self.streams.err.lock().unwrap_or_else(PoisonError::into_inner);
            // Ignore a closed stderr.
            drop(err.write_all(&bytes).and_then(|()| err.flush()));
        });
    }

    /// Prints a command's result or its error, and returns the exit code.
    pub fn finish(&self, result: Result<Box<dyn Report>, Error>) -> u8 {
        match result {
            Ok(report) => self.print(&*report),
            Err(error) => self.fail(&error),
        }
    }

    fn print(&self, report: &dyn Report) -> u8 {
        if report.is_silent() {
            return report.exit_code();
        }
        let written = match self.format {
            Format::Json => self.write_json(report),
            Format::Env => self.write_out(&env_lines(&report.env())),
            Format::Text => {
                let mut text = Vec::new();
                let mut page = Page::new(&mut text, self.width(), self.worked());
                let written = report.human(&mut page).and_then(|()| self.next_steps(&mut page, &report.next()));
                written.and_then(|()| self.write_result(&text))
            }
        };
        match written {
            // The reader has closed the pipe.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit::DONE,
            Err(error) => self.fail(&Error::new(ErrorKind::Failed, format!("the result cannot be written: {error}"))),
            Ok(()) => report.exit_code(),
        }
    }

    fn next_steps(&self, w: &mut dyn Write, commands: &[String]) -> io::Result<()> {
        if commands.is_empty() || self.is_quiet() {
            return Ok(());
        }
        writeln!(w, "\n{}Next{}", style::HEADING.render(), style::HEADING.render_reset())?;
        let program = self.invocation.program();
        commands.iter().try_for_each(|command| writeln!(w, "  {program} {command}"))
    }

    /// Writes a result for people; on a terminal that shows stderr, too, a blank line sets it off.
    fn write_result(&self, text: &[u8]) -> io::Result<()> {
        let both = self.streams.out_is_terminal && self.streams.err_is_terminal;
        if both && self.has_noted.load(Ordering::Relaxed) {
            self.write_err("");
        }
        self.write_out(text)
    }

    /// The columns of the terminal that shows the result; `None` if none does.
    fn width(&self) -> Option<usize> {
        self.streams.out_is_terminal.then(columns).flatten()
    }

    /// Writes bytes to stdout, without colour if it is off.
    pub fn write_out(&self, bytes: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(bytes);
        let colors = self.colors(self.streams.out_is_terminal) && self.format == Format::Text;
        // Output for programs is unchanged, except that colours are removed.
        let is_shown = colors || self.streams.out_is_terminal && self.format == Format::Text;
        let bytes = if is_shown { strip_styles(&harmless(&text), colors) } else { strip_styles(&text, false) };
        let mut out = self.streams.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(&bytes)?;
        out.flush()
    }

    /// Stdout for lines of a protocol, which are written as they are, from any thread.
    pub fn protocol_out(&self) -> impl Fn(&str) -> io::Result<()> + Send + use<> {
        let out = self.streams.out.clone();
        move |line| {
            let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
            out.write_all(format!("{line}\n").as_bytes())?;
            out.flush()
        }
    }

    /// Writes a document to stdout as it is serialized: a report can be large.
    fn write_json(&self, document: &(impl ToJson + ?Sized)) -> io::Result<()> {
        let mut out = self.streams.out.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stripped = BufWriter::new(Stripped::new(&mut *out));
        document.write_json(&mut stripped)?;
        stripped.flush()
    }

    /// Prints an error, as text or JSON, and returns the exit code.
    pub fn fail(&self, error: &Error) -> u8 {
        if self.format == Format::Json {
            let mut body = ErrorBody::of(error, self.begun);
            body.hint = body.hint.map(|hint| self.invocation.in_commands(&hint));
            let document = ErrorDocument { error: body };
            // If stdout is closed, the exit code still reports the error.
            drop(self.write_json(&document));
            return error.kind.exit_code();
        }
        // Indent further lines, so that foreign text cannot pass for a message of this program.
        let within = |text: &str| text.replace('\n', "\n    ");
        let message = within(&message(error, self.begun));
        self.write_err(&format!("{}error:{} {message}", style::ERROR.render(), style::ERROR.render_reset()));
        for cause in &error.causes {
            self.write_err(&format!("  {}", within(cause)));
        }
        if let Some(hint) = &error.hint {
            self.hint(hint);
        }
        error.kind.exit_code()
    }

    fn colors(&self, terminal: bool) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !self.streams.plain,
        }
    }
}

/// The columns of the terminal at stdout.
fn columns() -> Option<usize> {
    #[cfg(unix)]
    let columns = rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    #[cfg(not(unix))]
    let columns = None;
    columns.filter(|columns| *columns > 0)
}

/// `export NAME='value'`, safe for a shell to read.
pub fn env_lines(variables: &[(&'static str, String)]) -> Vec<u8> {
    let line = |(name, value): &(&str, String)| format!("export {name}='{}'\n", value.replace('\'', r"'\''"));
    variables.iter().map(line).collect::<String>().into_bytes()
}

/// An error's message; for a timeout, with the time that elapsed.
fn message(error: &Error, begun: Instant) -> String {
    match error.kind {
        ErrorKind::TimedOut => format!("{} (after {:.1} s)", error.message, begun.elapsed().as_secs_f64()),
        _ => error.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_values_are_quoted_for_the_shell() {
        let lines = env_lines(&[("A", "it's $HOME `x`".to_owned())]);
        assert_eq!(String::from_utf8(lines).unwrap(), "export A='it'\\''s $HOME `x`'\n");
    }
}
