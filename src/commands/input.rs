//! Input files: read from disk or standard input, parsed, and checked against the gateway's rules.

use std::{
    fs,
    io::{self, Read as _},
};

use serde::Serialize;

use crate::{
    error::{Error, ErrorKind},
    model::{
        document::Document,
        finding::{Finding, Reading, Severity},
        openapi::{Api, Operation},
        smithy::{self, Model},
        target::{INLINE_SCHEMA_LIMIT, S3_SCHEMA_LIMIT},
        tool::{self, Tool},
    },
};

/// Maximum size of a file, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A file's text, or standard input's.
pub fn read(file: &str) -> Result<String, Error> {
    let invalid = |problem: String| Error::new(ErrorKind::InvalidInput, format!("{}: {problem}", place(file)));
    let mut bytes = Vec::new();
    let read = if file == "-" {
        io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        fs::File::open(file).and_then(|open| open.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| invalid(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(invalid(format!("has more than {} MB", LARGEST / 1024 / 1024)));
    }
    String::from_utf8(bytes)
        .map_err(|error| invalid(format!("is no text: the byte {} is not UTF-8", error.utf8_error().valid_up_to())))
}

/// The name of a file in messages: `-` is standard input.
pub fn place(file: &str) -> &str {
    if file == "-" { "standard input" } else { file }
}

/// Parses a file's text as a document.
pub fn parse(file: &str, text: &str) -> Result<Document, Error> {
    Document::parse(text).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("{}, {error}", place(file))).with_hint("it is to be JSON or YAML")
    })
}

/// Reads an OpenAPI document, and its findings.
pub fn openapi(file: &str, text: &str, reading: Reading<'_>) -> Result<(Document, Validated), Error> {
    let document = parse(file, text)?;
    let Api { operations, mut findings } = Api::read(&document, reading);
    check_size(&document, &mut findings);
    let tools: Vec<Tool> = operations.iter().map(Operation::tool).collect();
    let validated = Validated::new(file, reading, &tools, findings);
    Ok((document, validated))
}

/// Reads a Smithy model, and its findings.
pub fn smithy(file: &str, text: &str, reading: Reading<'_>) -> Result<(Document, Model, Validated), Error> {
    // Smithy's IDL is neither JSON nor YAML.
    let is_idl = text.lines().any(|line| line.starts_with("$version") || line.starts_with("namespace "));
    let document = match parse(file, text) {
        Err(_) if is_idl => {
            let error = Error::new(ErrorKind::InvalidInput, format!("{file}: this is Smithy's own language"));
            return Err(error.with_hint("the gateway takes JSON AST: `smithy ast FILE` writes it"));
        }
        parsed => parsed?,
    };
    let mut model = Model::read(&document, reading);
    let mut findings = std::mem::take(&mut model.findings);
    check_size(&document, &mut findings);
    let tools: Vec<Tool> = model.operations.iter().map(smithy::Operation::tool).collect();
    let validated = Validated::new(file, reading, &tools, findings);
    Ok((document, model, validated))
}

/// Checks that a document is small enough to be sent, or at least to be kept in S3.
fn check_size(document: &Document, findings: &mut Vec<Finding>) {
    let size = document.value.to_string().len();
    let (severity, limit, remedy) = match size {
        0..=INLINE_SCHEMA_LIMIT => return,
        size if size > S3_SCHEMA_LIMIT => {
            (Severity::Error, S3_SCHEMA_LIMIT, "take out what no tool needs, or split it, one target each")
        }
        _ => (Severity::Warning, INLINE_SCHEMA_LIMIT, "put it into S3, and give `target add` its s3:// address"),
    };
    let problem = format!("as JSON it has {size} bytes, and {limit} are the limit");
    let (pointer, construct, remedy) = (String::new(), "size", remedy.to_owned());
    findings.insert(0, Finding { severity, pointer, line: 1, construct, problem, remedy });
}

/// The result of a check.
#[derive(Debug, Serialize)]
pub struct Validated {
    pub file: String,
    pub valid: bool,
    pub tools: Vec<ToolInfo>,
    pub findings: Vec<Finding>,
}

/// A tool that the file defines.
#[derive(Debug, Serialize)]
pub struct ToolInfo {
    pub name: String,
    pub description: String,
}

impl Validated {
    pub fn new(file: &str, reading: Reading<'_>, tools: &[Tool], findings: Vec<Finding>) -> Self {
        let info = |tool: &Tool| ToolInfo {
            name: tool::qualified(reading.target, &tool.name),
            description: tool.description.lines().next().unwrap_or_default().to_owned(),
        };
        let valid = findings.iter().all(|finding| finding.severity != Severity::Error);
        let file = place(file);
        Self { file: file.to_owned(), valid, tools: tools.iter().map(info).collect(), findings }
    }

    /// The errors as one error, for a command that stops there.
    pub fn refusal(&self) -> Option<Error> {
        let mut errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let first = errors.next()?;
        let more = errors.count();
        let and_more = if more == 0 { String::new() } else { format!(", and {} more", some(more, "error")) };
        let message = format!("{}, line {}: {}{and_more}", self.file, first.line, first.problem);
        Some(
            Error::new(ErrorKind::InvalidInput, message)
                .with_cause(format!("at {}", first.pointer))
                .with_hint(first.remedy.clone()),
        )
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
