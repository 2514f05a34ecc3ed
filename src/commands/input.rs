//! Input files: read from disk or standard input, parsed, adapted, and checked against the gateway's rules.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
};

use serde::Serialize;
use serde_json::Value;

use crate::{
    context::Context,
    error::{Error, ErrorKind},
    model::{
        adapt::{Adaptation, Adapted, Adapting, Change, Kept},
        document::Document,
        finding::{Finding, Reading, Severity},
        openapi::{Api, LoadError, Loaded, Operation},
        smithy::{self, Model},
        target::{INLINE_SCHEMA_LIMIT, S3_SCHEMA_LIMIT},
        tool::{self, Tool},
    },
    ops,
};

/// Maximum size of a file, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A file's text, or standard input's. What may never end, such as a terminal or a pipe, is read only until the command
/// is to stop.
pub async fn read(ctx: &Context, file: &str) -> Result<String, Error> {
    if file != "-" && fs::metadata(file).is_ok_and(|known| known.is_file()) {
        return read_all(file);
    }
    let name = file.to_owned();
    tokio::select! {
        read = tokio::task::spawn_blocking(move || read_all(&name)) => read.map_err(|error| {
            Error::new(ErrorKind::Failed, format!("{}: cannot be read: {error}", place(file)))
        })?,
        cause = ctx.stop.requested() => {
            Err(Error::from(ops::Error::of_stop(cause)).with_cause(format!("{} had not ended yet", place(file))))
        }
    }
}

fn read_all(file: &str) -> Result<String, Error> {
    let invalid = |problem: String| Error::new(ErrorKind::InvalidInput, format!("{}: {problem}", place(file)));
    let too_large = || invalid(format!("has more than {} MB", LARGEST / 1024 / 1024));
    let mut bytes = Vec::new();
    let read = if file == "-" {
        io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        let len = fs::metadata(file).map_or(0, |known| known.len());
        if len > LARGEST {
            return Err(too_large());
        }
        bytes.reserve_exact(usize::try_from(len).unwrap_or_default());
        fs::File::open(file).and_then(|open| open.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| invalid(format!("cannot be read: {error}")).with_hint("name a file that may be read"))?;
    if bytes.len() as u64 > LARGEST {
        return Err(too_large());
    }
    String::from_utf8(bytes)
        .map_err(|error| invalid(format!("is no text: the byte {} is not UTF-8", error.utf8_error().valid_up_to())))
        .map_err(|error| error.with_hint("save it as UTF-8"))
}

/// The name of a file in messages: `-` is standard input.
pub fn place(file: &str) -> &str {
    if file == "-" { "standard input" } else { file }
}

/// Parses a file's text as a document.
pub fn parse(file: &str, text: &str) -> Result<Document, Error> {
    Document::parse(text).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &str, error: &impl ToString) -> Error {
    let message = format!("{}, {}", place(file), error.to_string());
    Error::new(ErrorKind::InvalidInput, message).with_hint("it is to be JSON or YAML")
}

fn picks_nothing(file: &str, problem: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{}: {problem}", place(file)))
        .with_hint("a pattern is METHOD PATH, a path or a name, with `*` for anything, such as 'GET /pets*'")
}

/// A document as it is sent.
pub struct Prepared {
    /// Null if there was too much of it to be read.
    pub value: Value,
    pub validated: Validated,
}

/// Reads an OpenAPI document, adapts it, and checks it.
pub fn openapi(file: &str, text: &str, reading: Reading<'_>, adapting: &Adapting) -> Result<Prepared, Error> {
    let Loaded { document, too_many } =
        Api::load(text, &adapting.pick, reading.target).map_err(|error| match error {
            LoadError::Syntax(error) => unreadable(file, &error),
            LoadError::Pick(problem) => picks_nothing(file, &problem),
        })?;
    if let Some(Kept { kept, of }) = too_many {
        let mut validated = Validated::new(file, reading, Vec::new(), vec![Api::too_many(&document, kept)]);
        if !adapting.is_nothing() {
            validated.changes = Some(Vec::new());
            validated.operations = Some(Kept { kept: 0, of });
        }
        // It was not read.
        return Ok(Prepared { value: Value::Null, validated });
    }
    let read = |document: &Document| {
        let Api { operations, findings } = Api::read(document, reading);
        (operations.into_iter().map(Operation::into_tool).collect::<Vec<_>>(), findings)
    };
    if adapting.is_nothing() {
        let (tools, findings) = read(&document);
        let is_valid = is_accepted(&findings);
        let mut prepared = Prepared::new(file, reading, document.into_value(), tools, findings);
        if !is_valid {
            // Nobody uses what is refused.
            let document = Document::of(std::mem::take(&mut prepared.value));
            prepared.validated.adaptable = adaptable(document, text, reading, adapting);
        }
        return Ok(prepared);
    }
    let adapted = Api::adapt(&document, adapting, reading).map_err(|problem| picks_nothing(file, &problem))?;
    let (mut prepared, ()) = Prepared::adapted(file, reading, &document, adapted, |document| {
        let (tools, findings) = read(document);
        (tools, findings, ())
    });
    if !prepared.validated.valid && adapting.adaptations.len() < Adaptation::ALL.len() {
        prepared.validated.adaptable = adaptable(document, text, reading, adapting);
    }
    Ok(prepared)
}

/// What `--adapt`, besides what is given, would keep of a document that is refused without it.
fn adaptable(document: Document, text: &str, reading: Reading<'_>, given: &Adapting) -> Option<Adaptable> {
    // Where neither the document nor the user says it, only the user knows the API's address.
    let unknown = given.server.is_none().then(|| Some("https://api.example.com".to_owned()));
    let mut document = Some(document);
    std::iter::once(given.server.clone()).chain(unknown).enumerate().find_map(|(attempt, server)| {
        // To read it again takes less memory than a copy of it.
        let read = || Api::load(text, &given.pick, reading.target).ok().map(|loaded| loaded.document);
        let document = document.take().or_else(read)?;
        let adapting = Adapting { server, pick: given.pick.clone(), ..Adapting::all() };
        let Adapted { value, operations, .. } = Api::adapt_in_place(document, &adapting, reading).ok()?;
        let fits = is_accepted(size_finding(&value).as_slice());
        let is_valid = fits && Api::is_accepted(&Document::of(value), reading);
        let flags = if attempt > 0 { "--adapt --server https://HOST" } else { "--adapt" };
        is_valid.then_some(Adaptable { flags, operations })
    })
}

/// Reads a Smithy model, adapts it, and checks it. Also returns the IAM actions that its operations need.
pub fn smithy(
    file: &str,
    text: String,
    reading: Reading<'_>,
    adapting: &Adapting,
) -> Result<(Prepared, BTreeSet<String>), Error> {
    // Smithy's IDL is neither JSON nor YAML.
    let is_idl = text.lines().any(|line| line.starts_with("$version") || line.starts_with("namespace "));
    let document = match parse(file, &text) {
        Err(_) if is_idl => {
            let message = format!("{}: this is Smithy's own language", place(file));
            let error = Error::new(ErrorKind::InvalidInput, message);
            return Err(error.with_hint("the gateway takes JSON AST: `smithy ast FILE` writes it"));
        }
        parsed => parsed?,
    };
    // It may be megabytes, and what follows takes several times as many.
    drop(text);
    let read = |document: &Document| {
        let model = Model::read(document, reading);
        let actions = model.actions();
        (model.operations.into_iter().map(smithy::Operation::into_tool).collect::<Vec<_>>(), model.findings, actions)
    };
    if !adapting.is_nothing() {
        let adapted = Model::adapt(&document, adapting, reading).map_err(|problem| picks_nothing(file, &problem))?;
        return Ok(Prepared::adapted(file, reading, &document, adapted, read));
    }
    let (tools, findings, actions) = read(&document);
    let is_valid = is_accepted(&findings);
    let mut prepared = Prepared::new(file, reading, document.into_value(), tools, findings);
    if !is_valid {
        // Nobody uses what is refused.
        let document = Document::of(std::mem::take(&mut prepared.value));
        let adapted = Model::adapt_in_place(document, &Adapting::all(), reading).ok();
        prepared.validated.adaptable = adapted.and_then(|Adapted { value, operations, .. }| {
            let fits = is_accepted(size_finding(&value).as_slice());
            let is_valid = fits && Model::outline(&Document::of(value), reading).error().is_none();
            is_valid.then_some(Adaptable { flags: "--adapt", operations })
        });
    }
    Ok((prepared, actions))
}

/// Reads the tool definitions of a Lambda function, converts them if wanted, and checks them.
pub fn tools(file: &str, text: &str, reading: Reading<'_>, adapt: bool) -> Result<Prepared, Error> {
    let document = parse(file, text)?;
    if !adapt {
        let (tools, findings) = tool::lint(&document, reading);
        return Ok(Prepared::new(file, reading, document.into_value(), tools, findings));
    }
    let adapted = tool::adapt(&document);
    let (mut prepared, ()) = Prepared::adapted(file, reading, &document, adapted, |document| {
        let (tools, findings) = tool::lint(document, reading);
        (tools, findings, ())
    });
    prepared.validated.unit = "tools";
    Ok(prepared)
}

impl Prepared {
    fn new(file: &str, reading: Reading<'_>, value: Value, tools: Vec<Tool>, mut findings: Vec<Finding>) -> Self {
        findings.splice(0..0, size_finding(&value));
        Self { value, validated: Validated::new(file, reading, tools, findings) }
    }

    /// An adapted document, with findings at the lines of the document that it was made from.
    fn adapted<T>(
        file: &str,
        reading: Reading<'_>,
        original: &Document,
        adapted: Adapted,
        read: impl FnOnce(&Document) -> (Vec<Tool>, Vec<Finding>, T),
    ) -> (Self, T) {
        let Adapted { value, changes, operations, places } = adapted;
        let document = Document::of(value);
        let (tools, mut findings, more) = read(&document);
        for finding in &mut findings {
            finding.line = original.line_of(&places.origin(&finding.pointer));
        }
        findings.sort_by_key(|finding| finding.line);
        let mut prepared = Self::new(file, reading, document.into_value(), tools, findings);
        prepared.validated.changes = Some(changes);
        prepared.validated.operations = Some(operations);
        (prepared, more)
    }
}

/// Whether the gateway accepts what has these findings.
fn is_accepted(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity != Severity::Error)
}

/// The length of a value as JSON, in bytes.
fn json_len(value: &Value) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // A value with texts for keys can be written.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

/// Checks that a document is small enough to be sent, or at least to be kept in S3.
fn size_finding(value: &Value) -> Option<Finding> {
    let size = json_len(value);
    let (severity, limit, remedy) = match size {
        0..=INLINE_SCHEMA_LIMIT => return None,
        size if size > S3_SCHEMA_LIMIT => (
            Severity::Error,
            S3_SCHEMA_LIMIT,
            "leave out what no agent needs, of an API with `--include` and `--exclude`, or split it, one target each",
        ),
        _ => (
            Severity::Warning,
            INLINE_SCHEMA_LIMIT,
            "put it into S3 (`aws s3 cp FILE s3://BUCKET/KEY`; adapted, first `--adapted FILE`), and give `target add` its address",
        ),
    };
    let problem = format!("as JSON it has {size} bytes, and {limit} are the limit");
    let (pointer, construct, remedy) = (String::new(), "size", remedy.to_owned());
    Some(Finding { severity, pointer, line: 1, construct, problem, remedy })
}

/// Where a description of a target comes from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// This command line.
    CommandLine(&'a str),
    /// A file for `apply`, whose members are named like flags.
    File,
}

impl Origin<'_> {
    /// What else to say there: these flags.
    fn with(self, flags: &str) -> String {
        match self {
            Self::CommandLine(again) => format!("`{} {flags}`", again.replace(" --no-adapt", "")),
            Self::File => format!("`{flags}`"),
        }
    }
}

/// The result of a check.
#[derive(Debug, Serialize)]
pub struct Validated {
    pub file: String,
    pub valid: bool,
    pub tools: Vec<ToolInfo>,
    pub findings: Vec<Finding>,
    /// If the document was adapted: in which ways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Change>>,
    /// If the document was adapted: how many operations it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<Kept>,
    /// If it is refused, and would not be if it were adapted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptable: Option<Adaptable>,
    /// The command line.
    #[serde(skip)]
    pub again: String,
    /// What becomes a tool each.
    #[serde(skip)]
    pub unit: &'static str,
}

/// What adapting a document would keep.
#[derive(Debug, Serialize)]
pub struct Adaptable {
    /// The flags that adapt it.
    pub flags: &'static str,
    pub operations: Kept,
}

/// A tool that the file defines.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolInfo {
    pub name: String,
    pub description: String,
    pub input_schema: Value,
}

impl Validated {
    pub fn new(file: &str, reading: Reading<'_>, tools: Vec<Tool>, findings: Vec<Finding>) -> Self {
        let info = |tool: Tool| ToolInfo {
            name: tool::qualified(reading.target, &tool.name),
            description: tool.description.lines().next().unwrap_or_default().to_owned(),
            input_schema: tool.input_schema,
        };
        let valid = is_accepted(&findings);
        let (file, tools) = (place(file).to_owned(), tools.into_iter().map(info).collect());
        Self {
            file,
            valid,
            tools,
            findings,
            changes: None,
            operations: None,
            adaptable: None,
            again: String::new(),
            unit: "operations",
        }
    }

    /// The errors as one error, for a command that stops there.
    pub fn refusal(&self, origin: Origin<'_>) -> Option<Error> {
        let mut errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let first = errors.next()?;
        let more = errors.count();
        let and_more = if more == 0 { String::new() } else { format!(", and {} more", some(more, "error")) };
        let message = format!("{}, line {}: {}{and_more}", self.file, first.line, first.problem);
        let error = Error::new(ErrorKind::InvalidInput, message).with_cause(format!("at {}", first.place()));
        Some(match &self.adaptable {
            None => error.with_hint(first.remedy.clone()),
            Some(Adaptable { flags, operations: Kept { kept, of } }) => error.with_hint(format!(
                "{}; or adapt it: {} keeps {kept} of {of} operations",
                first.remedy,
                origin.with(flags)
            )),
        })
    }

    /// The warnings, one sentence each.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let warnings = self.findings.iter().filter(|finding| finding.severity == Severity::Warning);
        warnings.map(|finding| format!("{}, line {}: {}", self.file, finding.line, finding.problem))
    }
}

/// `1 error`, `2 errors`.
pub fn some(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
