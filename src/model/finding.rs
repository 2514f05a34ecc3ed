//! What a reader finds in a document of the user's: what the gateway refuses, and what a model's client
//! would stumble over.

use super::tool;

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
