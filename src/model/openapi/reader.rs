//! Reads a document into operations and findings.

mod body;
mod document;
mod fields;
mod parameters;
mod schema;
mod server;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Value, json};

use self::parameters::Declared;
pub(super) use self::{body::is_response_type, server::address_of};
use super::{
    Api, Body, Document, Location, METHODS, MOST_HOPS, MOST_TOOLS, MediaType, Notes, Operation, PATH_MEMBERS,
    Parameter, Reading, Server, Severity, Style, Variable, fill,
    inputs::{Argument, Inputs, Named, Source},
    is_reserved_header, keyword,
    keyword::Patterns,
    payload::{BodyArguments, Bytes, Field, Others},
    referred_to, segment,
    style::StyleKind,
    templates, tool,
};
use crate::model::name::nearest;

/// AWS's messages for a document without a version that it knows, and for a server that is not https
/// (cdk-preflight, `target-openapi-schema`; the second in many public files).
const NO_VERSION: &str = "attribute openapi is missing";
const NOT_HTTPS: &str = "Server URL (located at: servers) must use HTTPS protocol.";

impl Api {
    /// Reads a document.
    pub fn read(document: &Document, reading: Reading<'_>) -> Self {
        let mut reader = Reader::new(document, reading);
        reader.read();
        let operations = reader.tools();
        Self { operations, findings: reader.notes.finish() }
    }

    /// Whether the gateway accepts a document.
    pub fn is_accepted(document: &Document, reading: Reading<'_>) -> bool {
        Self::problems(document, reading).is_empty()
    }

    /// The errors of a document, by their pointers.
    pub(super) fn problems(document: &Document, reading: Reading<'_>) -> BTreeMap<String, String> {
        let mut reader = Reader::new(document, reading);
        reader.read();
        let errors = reader.notes.finish().into_iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| (finding.pointer, finding.problem)).collect()
    }
}

/// Whether a schema is part of a request or of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Request,
    Response,
}

struct Reader<'a> {
    document: &'a Document,
    reading: Reading<'a>,
    notes: Notes<'a>,
    operations: Vec<Declaration<'a>>,
    /// Schemas that were checked, by the address of their JSON value.
    seen: HashSet<(usize, Side)>,
    /// The pointer of the first operation with each operationId.
    ids: BTreeMap<String, String>,
    /// How many operations have no operationId.
    nameless: usize,
    patterns: Patterns,
}

/// An operation whose arguments are not written out yet.
struct Declaration<'a> {
    operation: Operation,
    inputs: Inputs<'a>,
    pointer: String,
}

/// A node of the document, and its JSON pointer.
#[derive(Debug, Clone)]
struct At<'a> {
    value: &'a Value,
    pointer: String,
}

impl<'a> At<'a> {
    fn member(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key)?;
        Some(Self { value, pointer: format!("{}/{}", self.pointer, segment(key)) })
    }

    fn members(&self) -> impl Iterator<Item = (&'a str, Self)> + use<'a> {
        let pointer = self.pointer.clone();
        let members = self.value.as_object().into_iter().flatten();
        members.map(move |(key, value)| (key.as_str(), Self { value, pointer: format!("{pointer}/{}", segment(key)) }))
    }

    fn items(&self) -> impl Iterator<Item = Self> + use<'a> {
        let pointer = self.pointer.clone();
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(move |(index, value)| Self { value, pointer: format!("{pointer}/{index}") })
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key)?.as_str()
    }
}

impl<'a> Reader<'a> {
    fn new(document: &'a Document, reading: Reading<'a>) -> Self {
        Self {
            document,
            reading,
            notes: Notes::new(document),
            operations: Vec::new(),
            seen: HashSet::new(),
            ids: BTreeMap::new(),
            nameless: 0,
            patterns: Patterns::default(),
        }
    }

    fn read(&mut self) {
        let root = At { value: &self.document.value, pointer: String::new() };
        if !self.is_openapi(&root) {
            return;
        }
        self.notes.duplicate_keys();
        self.info(&root);
        for (member, at) in root.members().filter(|(member, _)| ["webhooks", "security"].contains(member)) {
            if at.value.as_array().is_none_or(|items| !items.is_empty()) {
                self.ignored(&at.pointer, member);
            }
        }
        self.security(&root);
        if let Some(at) = root.member("components").and_then(|components| components.member("securitySchemes")) {
            self.ignored(&at.pointer, "securitySchemes");
            self.security_schemes(&at);
        }
        self.shared_responses(&root);
        let server = self.server(&root, true);
        let Some(paths) = root.member("paths").filter(|paths| paths.value.is_object()) else {
            self.notes.error("/paths", "paths", "there are no paths", "describe at least one operation below `paths`");
            return;
        };
        for (path, item) in paths.members() {
            if !path.starts_with("x-") {
                self.path(path, &item, server.as_ref());
            }
        }
        if self.operations.is_empty() && self.ids.is_empty() && self.nameless == 0 {
            let remedy = "give an operationId to each operation that is to become a tool";
            self.notes.error("/paths", "operationId", "no operation becomes a tool", remedy);
        }
        let count = self.operations.len() + self.nameless;
        if count > MOST_TOOLS {
            let error = Api::too_many(self.document, count);
            self.notes.error(&error.pointer, error.construct, error.problem, &error.remedy);
        }
    }

    /// AWS's parser also reads the responses that no operation refers to: "attribute components.responses.… is missing"
    /// (cdk-preflight).
    fn shared_responses(&mut self, root: &At<'a>) {
        let responses = root.member("components").and_then(|components| components.member("responses"));
        for (name, response) in responses.iter().flat_map(At::members) {
            let is_described = response.text("description").is_some() || response.value.get("$ref").is_some();
            if response.value.is_object() && !is_described {
                let problem = format!("attribute components.responses.{name}.description is missing");
                self.notes.error(&response.pointer, "response", problem, "describe it");
            }
        }
    }

    /// The operations with their arguments written out. Too many are refused, whatever their arguments are.
    fn tools(&mut self) -> Vec<Operation> {
        let declared = std::mem::take(&mut self.operations);
        let bytes = if declared.len() > MOST_TOOLS { 0 } else { tool::schema_share(declared.len()) };
        let written = |Declaration { mut operation, inputs, pointer }| {
            let (schema, is_whole) = inputs.schema(&self.document.value, &mut self.patterns, bytes);
            operation.input_schema = schema;
            if !is_whole && bytes > 0 {
                let problem = format!("the arguments of `{}` are described in part: they are too many", operation.id);
                self.notes.warn(&pointer, "schema", problem, "leave out what no agent needs");
            }
            operation
        };
        declared.into_iter().map(written).collect()
    }

    /// Follows references within the document.
    fn resolve(&mut self, at: At<'a>) -> Option<At<'a>> {
        let mut at = at;
        for _ in 0..MOST_HOPS {
            let Some(reference) = at.value.get("$ref") else { return Some(at) };
            let place = format!("{}/$ref", at.pointer);
            let Some(reference) = reference.as_str() else {
                self.notes.error(&place, "$ref", "a reference is a text", "write it as \"#/components/…\"");
                return None;
            };
            let Some(target) = reference.strip_prefix('#') else {
                let remedy = "bundle the document into one file first, for example with `npx @redocly/cli bundle`";
                self.notes.error(&place, "$ref", format!("`{reference}` leads out of the document"), remedy);
                return None;
            };
            let target = percent_encoding::percent_decode_str(target).decode_utf8_lossy().into_owned();
            let Some(value) = referred_to(&self.document.value, reference) else {
                self.notes.error(
                    &place,
                    "$ref",
                    format!("`{reference}` leads nowhere"),
                    "define it, or mend the reference",
                );
                return None;
            };
            at = At { value, pointer: target };
        }
        self.notes.error(
            &at.pointer,
            "$ref",
            "these references lead in a circle",
            "let one of them end in a definition",
        );
        None
    }

    fn path(&mut self, path: &str, item: &At<'a>, inherited: Option<&Server>) {
        let Some(item) = self.resolve(item.clone()) else { return };
        let own = self.server(&item, false);
        let server = own.as_ref().or(inherited);
        if !path.starts_with('/') {
            let problem = format!("the path `{path}` does not begin with a slash");
            self.notes.error(&item.pointer, "path", problem, "begin it with `/`");
        }
        let braces = |brace: char| path.matches(brace).count();
        let odd = |c: char| matches!(c, '#' | '\\') || c.is_whitespace() || c.is_control();
        if path.contains('?') {
            let problem = format!("the path `{path}` has a query");
            self.notes.warn(&item.pointer, "path", problem, "describe what is in it as parameters");
        }
        if path.contains(odd) || braces('{') != braces('}') || path.split('/').any(|part| part == ".." || part == ".") {
            let problem = format!("the path `{path}` is none that can be called");
            self.notes.error(
                &item.pointer,
                "path",
                problem,
                "write it without `#`, spaces, dots alone and open braces",
            );
        }
        for (method, operation) in item.members() {
            if METHODS.contains(&method) {
                self.operation(path, method, &item, &operation, server);
            } else if method == "trace" {
                let remedy = "the gateway exposes GET, POST, PUT, DELETE, PATCH, HEAD and OPTIONS";
                self.notes.warn(&operation.pointer, "method", "TRACE operations become no tools", remedy);
            } else if !PATH_MEMBERS.contains(&method) && !method.starts_with("x-") {
                let problem = format!("`{method}` is no HTTP method, and no other member of a path");
                let remedy = match nearest(method, METHODS.into_iter()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("a path has {}", METHODS.join(", ")),
                };
                self.notes.warn(&operation.pointer, "method", problem, &remedy);
            }
        }
    }

    fn operation(&mut self, path: &str, method: &str, item: &At<'a>, at: &At<'a>, inherited: Option<&Server>) {
        if !self.is_operation(at) {
            return;
        }
        let Some(id) = at.text("operationId").filter(|id| !id.is_empty()) else {
            // One operation without it makes the whole target FAILED (cdk-preflight, `target-openapi-schema`).
            let problem = format!("Operation {path} -> {} must have an operationId", method.to_uppercase());
            self.notes.error(&at.pointer, "operationId", problem, "give it one; it becomes the tool's name");
            self.nameless += 1;
            return;
        };
        self.check_id(id, at);
        for member in ["callbacks", "security"] {
            if let Some(found) =
                at.member(member).filter(|found| found.value.as_array().is_none_or(|all| !all.is_empty()))
            {
                self.ignored(&found.pointer, member);
            }
        }
        self.security(at);
        let own = self.server(at, false);
        let mut server = own.as_ref().or(inherited).cloned().unwrap_or_default();

        let mut inputs = Inputs::new(&self.document.value);
        let declared = self.parameters(item, at);
        let mut parameters = Vec::new();
        let mut in_path: BTreeSet<String> = templates(path).collect();
        for parameter in declared {
            let Some(read) = self.parameter(&parameter, at) else { continue };
            let Declared { mut parameter, schema, description, required, pointer } = read;
            if parameter.location == Location::Path && !in_path.remove(&parameter.name) {
                // AWS's own sample has eleven of them (Zendesk-support-apis.yaml), and its tools are called.
                let problem = format!("the path {path} has no `{{{}}}`: the parameter is left out", parameter.name);
                self.notes.warn(&pointer, "path parameter", problem, "put it into the path, or take it out");
                continue;
            }
            let argument =
                Argument { description, required, ..Argument::new(&parameter.name, Source::Document(schema)) };
            let named = inputs.add(parameter.location.name(), argument);
            self.check_name(&named, &parameter.name, &pointer);
            parameter.argument = named.or(&parameter.name);
            parameters.push(parameter);
        }
        for name in in_path {
            // The words of swagger-parser, whose messages AWS's are.
            let problem = format!(
                "paths.'{path}'. Declared path parameter {name} needs to be defined as a path parameter in path or \
                 operation level"
            );
            self.notes.error(&at.pointer, "path parameter", problem, "describe it below `parameters`, with `in: path`");
        }
        let is_alone = inputs.is_empty() && server.variables.is_empty();
        let body = self.body(method, at, &mut inputs, is_alone);
        self.add_variables(&mut server, at, &mut inputs);
        self.responses(path, method, at);
        self.check_property_names(at, &inputs);

        let text = |member: &str| at.text(member).map(str::trim).filter(|text| !text.is_empty());
        let description = text("description").or(text("summary"));
        if description.is_none() {
            let problem = format!("`{id}` has neither description nor summary: a model chooses tools by them");
            self.notes.warn(
                &at.pointer,
                "description",
                problem,
                "say in a sentence what it does and when it is of use",
            );
        }
        let operation = Operation {
            id: id.to_owned(),
            description: description.unwrap_or(id).to_owned(),
            method: method.to_uppercase(),
            path: path.to_owned(),
            server,
            parameters,
            body,
            input_schema: Value::Null,
        };
        self.operations.push(Declaration { operation, inputs, pointer: at.pointer.clone() });
    }

    /// Adds the arguments for the variables of a server's address.
    fn add_variables(&mut self, server: &mut Server, operation: &At<'a>, inputs: &mut Inputs<'a>) {
        for (name, variable) in &mut server.variables {
            let mut schema = json!({ "type": "string", "description": "Part of the server's address" });
            schema["default"] = json!(variable.default);
            if !variable.allowed.is_empty() {
                schema["enum"] = json!(variable.allowed);
            }
            let named = inputs.add("server", Argument::new(name, Source::Given(schema)));
            self.check_name(&named, name, &operation.pointer);
            variable.argument = named.or(name);
        }
    }

    /// Warns of inputs that have the same name.
    fn check_name(&mut self, named: &Named, name: &str, pointer: &str) {
        let problem = match named {
            Named::Own => return,
            Named::Shared => format!("there are two inputs named `{name}`: one argument fills both"),
            Named::Other(other) => {
                format!("there are two inputs named `{name}`, which differ: this one is the argument `{other}`")
            }
        };
        let remedy = "rename one of them: AWS does not document what its gateway makes of it";
        self.notes.warn(pointer, "name collision", problem, remedy);
    }

    fn is_operation(&mut self, at: &At<'a>) -> bool {
        let is_reference = at.value.get("$ref").is_some();
        if is_reference {
            let place = format!("{}/$ref", at.pointer);
            self.notes.error(&place, "$ref", "an operation is no reference", "write it out; a path may be a reference");
        } else if !at.value.is_object() {
            self.notes.error(&at.pointer, "operation", "an operation is an object", "describe it, or take it out");
        }
        at.value.is_object() && !is_reference
    }

    fn check_id(&mut self, id: &str, at: &At<'a>) {
        let place = format!("{}/operationId", at.pointer);
        if let Some(first) = self.ids.get(id) {
            let problem = format!("the operationId `{id}` was used before, at {first}");
            self.notes.error(&place, "operationId", problem, "each operation has an operationId of its own");
        } else {
            self.ids.insert(id.to_owned(), at.pointer.clone());
        }
        for (problem, remedy) in tool::name_problems(self.reading.target, id) {
            self.notes.warn(&place, "tool name", problem, remedy);
        }
    }
}
