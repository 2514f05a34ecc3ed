//! What a reader finds in a document of the user's: what the gateway refuses, and what a model's client
//! would stumble over.

use super::{
    document::{Document, segment},
    tool,
};

/// Characters of a name that models' clients take (tool use in the Bedrock and Anthropic APIs).
const NAME_LIMIT: usize = 64;

/// Whether the gateway refuses a document for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The gateway refuses the document.
    Error,
    /// It is taken, and not as its author may think; or a model's client stumbles over it.
    Warning,
}

/// Something about a document that its author wants to know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// JSON pointer.
    pub pointer: String,
    pub line: usize,
    /// What it is about, in a word that stays: `server`, `schema keyword`.
    pub construct: &'static str,
    pub problem: String,
    pub remedy: String,
}

/// How a document is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The target's name, which becomes part of each tool's.
    pub target: &'a str,
    /// Whether the gateway runs on this machine, and reaches what is not public.
    pub local: bool,
}

/// Findings while they are being made.
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

    /// Something for which the gateway refuses the document; `at` is a JSON pointer.
    pub fn error(&mut self, at: &str, construct: &'static str, problem: impl Into<String>, remedy: &str) {
        self.add(Severity::Error, at, construct, problem, remedy);
    }

    pub fn warn(&mut self, at: &str, construct: &'static str, problem: impl Into<String>, remedy: &str) {
        self.add(Severity::Warning, at, construct, problem, remedy);
    }

    /// Keys that stand twice in one object, of which readers take either.
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

    /// All of them, in the order of the document. What is referred to twice is found twice, and told once.
    pub fn finish(self) -> Vec<Finding> {
        let mut findings = self.findings;
        findings.sort_by(|a, b| (a.line, a.severity, &a.pointer).cmp(&(b.line, b.severity, &b.pointer)));
        findings.dedup();
        findings
    }
}

/// What models' clients have against a tool's name: problem and remedy of each.
pub fn of_tool_name(target: &str, name: &str) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        let problem = format!("`{name}` as a tool's name has characters that models' clients refuse");
        found.push((problem, "use letters, digits, `_` and `-` only"));
    }
    let qualified = tool::qualified(target, name);
    if qualified.chars().count() > NAME_LIMIT {
        let problem = format!("the tool's name `{qualified}` has more than {NAME_LIMIT} characters");
        found.push((problem, "shorten its own name, or the target's"));
    }
    found
}

/// Whether every model's client takes a property of this name.
pub fn is_plain_property(name: &str) -> bool {
    (1..=NAME_LIMIT).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}
