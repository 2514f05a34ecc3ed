//! Findings in a user's document: what the gateway rejects, and what model clients would have trouble with.

use super::document::{Document, segment};

/// Whether a finding makes the gateway reject the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The gateway rejects the document.
    Error,
    /// The gateway accepts it, but perhaps not as its author expects; or model clients have trouble with it.
    Warning,
}

/// Something in a document that its author should know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// JSON pointer.
    pub pointer: String,
    pub line: usize,
    /// What it is about, as a stable term: `server`, `schema keyword`.
    pub construct: &'static str,
    pub problem: String,
    pub remedy: String,
}

impl Finding {
    /// Where in the document it is, in words where the pointer is empty.
    pub fn place(&self) -> &str {
        if self.pointer.is_empty() { "the top" } else { &self.pointer }
    }
}

/// The parameters of a check.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The target's name, which becomes part of each tool's.
    pub target: &'a str,
    /// Whether the gateway runs on this machine and can reach addresses that are not public.
    pub local: bool,
    /// The parameter that the target's credential fills.
    pub filled: Option<Filled<'a>>,
}

impl<'a> Reading<'a> {
    /// A check for a target whose credential fills no parameter.
    pub const fn of(target: &'a str, local: bool) -> Self {
        Self { target, local, filled: None }
    }
}

/// A query parameter or a header that a credential fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled<'a> {
    pub in_query: bool,
    pub name: &'a str,
}

impl Filled<'_> {
    /// Whether a parameter of an OpenAPI document is this one. The names of headers are case-insensitive.
    pub fn is(self, place: &str, name: &str) -> bool {
        if self.in_query {
            place == "query" && name == self.name
        } else {
            place == "header" && name.eq_ignore_ascii_case(self.name)
        }
    }
}

/// Collects findings.
#[derive(Debug)]
pub struct Notes<'a> {
    document: &'a Document,
    findings: Vec<Finding>,
}

impl<'a> Notes<'a> {
    pub fn new(document: &'a Document) -> Self {
        Self { document, findings: Vec::new() }
    }

    pub fn add(
        &mut self,
        severity: Severity,
        at: &str,
        construct: &'static str,
        problem: impl Into<String>,
        remedy: &str,
    ) {
        let (line, pointer) = (self.document.line_of(at), at.to_owned());
        let problem = problem.into();
        self.findings.push(Finding { severity, pointer, line, construct, problem, remedy: remedy.to_owned() });
    }

    /// Adds an error, for which the gateway rejects the document; `at` is a JSON pointer.
    pub fn error(&mut self, at: &str, construct: &'static str, problem: impl Into<String>, remedy: &str) {
        self.add(Severity::Error, at, construct, problem, remedy);
    }

    pub fn warn(&mut self, at: &str, construct: &'static str, problem: impl Into<String>, remedy: &str) {
        self.add(Severity::Warning, at, construct, problem, remedy);
    }

    /// Adds an error for each duplicate key: parsers differ in which one they take.
    pub fn duplicate_keys(&mut self) {
        for (object, key, line) in &self.document.duplicates {
            self.findings.push(Finding {
                severity: Severity::Error,
                pointer: format!("{object}/{}", segment(key)),
                line: *line,
                construct: "duplicate key",
                problem: format!("`{key}` stands here a second time"),
                remedy: "keep one of the two".to_owned(),
            });
        }
    }

    /// All findings, in document order. A finding that was made twice, through several references, is kept once.
    pub fn finish(self) -> Vec<Finding> {
        let mut findings = self.findings;
        findings.sort_by(|a, b| (a.line, a.severity, &a.pointer).cmp(&(b.line, b.severity, &b.pointer)));
        findings.dedup();
        findings
    }
}
