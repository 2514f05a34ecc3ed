//! Reads OpenAPI documents as AgentCore Gateway does (AgentCore developer guide, gateway-schema-openapi): which
//! operations become tools, what the gateway rejects, and what model clients would have trouble with. The
//! linter, `target add` and the local data plane share this reader.
//!
//! Takes time linear in the size of a document: every schema is checked once, however often it is referred to,
//! and a tool's own schema is expanded only up to a bound.

mod adapt;
mod expand;
mod inputs;
mod keyword;
mod outline;
mod payload;
mod reader;
mod request;
mod style;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::outline::{LoadError, Loaded};
use self::{
    payload::{Body, MediaType},
    style::Style,
};
use super::{
    adapt::Pick,
    document::{Document, segment},
    finding::{Finding, Notes, Reading, Severity},
    tool::{self, MOST_TOOLS, Tool},
};

/// A parsed document.
#[derive(Debug)]
pub struct Api {
    /// The operations that become tools.
    pub operations: Vec<Operation>,
    /// In document order.
    pub findings: Vec<Finding>,
}

/// An operation that becomes a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub id: String,
    pub description: String,
    /// In upper case.
    pub method: String,
    /// The path's template.
    path: String,
    server: Server,
    parameters: Vec<Parameter>,
    body: Option<Body>,
    pub input_schema: Value,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Server {
    /// Without a trailing slash.
    url: String,
    variables: BTreeMap<String, Variable>,
}

/// A server variable.
#[derive(Debug, Clone, PartialEq, Default)]
struct Variable {
    /// The argument that fills it.
    argument: String,
    default: String,
    /// The allowed values; empty if the document lists none.
    allowed: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Location {
    Path,
    Query,
    Header,
}

impl Location {
    fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Parameter {
    name: String,
    /// The argument that fills it.
    argument: String,
    location: Location,
    style: Style,
}

/// Maximum number of bytes of a tool's description: models read all of it on every turn.
const LONGEST_DESCRIPTION: usize = 8 * 1024;

impl Operation {
    /// The operation as a tool.
    pub fn tool(&self) -> Tool {
        self.clone().into_tool()
    }

    pub fn into_tool(self) -> Tool {
        let Self { id: name, mut description, input_schema, .. } = self;
        if description.len() > LONGEST_DESCRIPTION {
            let end = (0..=LONGEST_DESCRIPTION).rev().find(|end| description.is_char_boundary(*end));
            description.truncate(end.unwrap_or_default());
            description.push('…');
        }
        Tool { name, description, input_schema, output_schema: None }
    }
}

impl Api {
    /// Parses a document of this target, without the operations that are not picked, if it is JSON.
    ///
    /// # Errors
    ///
    /// If it is neither JSON nor YAML, or if a name or a pattern picks no operation.
    pub fn load(text: &str, pick: &Pick, target: &str) -> Result<Loaded, LoadError> {
        outline::load(text, pick, target)
    }

    /// The error of a document with this many operations.
    pub fn too_many(document: &Document, count: usize) -> Finding {
        let (pointer, line, construct) = ("/paths".to_owned(), document.line_of("/paths"), "paths");
        let problem = format!("{count} tools are too many: at most {MOST_TOOLS} per target");
        let remedy = "pick operations, such as `--include 'GET /pets*'`, or split the document, one target each";
        Finding { severity: Severity::Error, pointer, line, construct, problem, remedy: remedy.to_owned() }
    }

    /// The findings for which the gateway rejects the document.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }
}

/// The names in a template's braces.
fn templates(template: &str) -> impl Iterator<Item = String> {
    template.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name.to_owned())
}

/// The node of the document that a reference within it leads to.
fn referred_to<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    document.pointer(&percent_encoding::percent_decode_str(pointer).decode_utf8_lossy())
}

fn fill<'a>(template: &str, values: impl Iterator<Item = (&'a str, String)>) -> String {
    values.fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), &value))
}

/// Whether a header concerns a message's transport or its sender, so that a caller cannot set it.
pub fn is_reserved_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // OpenAPI itself excludes Accept, Content-Type and Authorization (OpenAPI 3.1.0, §4.8.12.2).
    let named = [
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    named.contains(&name.as_str())
        || ["content-", "proxy-", "x-amz-", "x-amzn-"].iter().any(|begin| name.starts_with(begin))
}

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
/// What a path has besides operations (OpenAPI 3.2, "Path Item Object"; `query` and `additionalOperations` are new there).
const PATH_MEMBERS: [&str; 7] =
    ["$ref", "summary", "description", "servers", "parameters", "query", "additionalOperations"];
/// Limit on the length of a chain of references.
const MOST_HOPS: usize = 32;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire_tests;
