//! Reads OpenAPI documents as AgentCore Gateway does (AgentCore developer guide, gateway-schema-openapi): which
//! operations become tools, what the gateway rejects, and what model clients would have trouble with. The
//! linter, `target add` and the local data plane share this reader.
//!
//! Takes time linear in the size of a document: every schema is checked once, however often it is referred to,
//! and a tool's own schema is expanded only up to a bound.

mod request;
mod schema;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, btree_map::Entry},
    net::IpAddr,
};

use serde_json::{Map, Value, json};

use super::{
    document::{Document, segment},
    finding::{Finding, Notes, Reading, Severity},
    tool::{self, MOST_TOOLS, Tool},
};

/// Limit on the length of a chain of references.
const MOST_HOPS: usize = 32;
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

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

#[derive(Debug, Clone, PartialEq)]
struct Parameter {
    name: String,
    location: Location,
    /// Whether each item of a list is written as a pair of its own.
    explode: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Body {
    media_type: MediaType,
    /// Whether it is sent even if it is empty.
    required: bool,
    /// The properties that are arguments; `None` if the whole body is one argument, `body`.
    properties: Option<BTreeSet<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MediaType {
    Json,
    Form,
    Multipart,
    Xml,
}

impl MediaType {
    fn of(name: &str) -> Option<Self> {
        match name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::Form),
            "multipart/form-data" => Some(Self::Multipart),
            "application/xml" | "text/xml" => Some(Self::Xml),
            _ => None,
        }
    }
}

/// Whether the gateway accepts a response of this media type: GitHub's own document was accepted once the
/// others were removed from it (one project).
fn is_response_type(name: &str) -> bool {
    let taken = ["application/json", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded"];
    taken.contains(&name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str())
}

/// AWS's messages for a document without a version that it knows, and for a server that is not https
/// (cdk-preflight, `target-openapi-schema`; the second in many public files).
const NO_VERSION: &str = "attribute openapi is missing";
const NOT_HTTPS: &str = "Server URL (located at: servers) must use HTTPS protocol.";

impl Operation {
    /// The operation as a tool.
    pub fn tool(&self) -> Tool {
        Tool {
            name: self.id.clone(),
            description: self.description.clone(),
            input_schema: self.input_schema.clone(),
            output_schema: None,
        }
    }
}

impl Api {
    /// Reads a document.
    pub fn read(document: &Document, reading: Reading<'_>) -> Self {
        let mut reader = Reader {
            document,
            reading,
            notes: Notes::new(document),
            operations: Vec::new(),
            seen: HashSet::new(),
            ids: BTreeMap::new(),
            lacks_id: false,
        };
        reader.read();
        Self { operations: reader.operations, findings: reader.notes.finish() }
    }

    /// The findings for which the gateway rejects the document.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
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
    operations: Vec<Operation>,
    /// Schemas that were checked, by the address of their JSON value.
    seen: HashSet<(usize, Side)>,
    /// The pointer of the first operation with each operationId.
    ids: BTreeMap<String, String>,
    /// Whether an operation has no operationId.
    lacks_id: bool,
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
    fn read(&mut self) {
        let root = At { value: &self.document.value, pointer: String::new() };
        if !self.is_openapi(&root) {
            return;
        }
        self.notes.duplicate_keys();
        for (member, at) in root.members().filter(|(member, _)| ["webhooks", "security"].contains(member)) {
            if at.value.as_array().is_none_or(|items| !items.is_empty()) {
                self.ignored(&at.pointer, member);
            }
        }
        if let Some(at) = root.member("components").and_then(|components| components.member("securitySchemes")) {
            self.ignored(&at.pointer, "securitySchemes");
            self.security_schemes(&at);
        }
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
        if self.operations.is_empty() && self.ids.is_empty() && !self.lacks_id {
            let remedy = "give an operationId to each operation that is to become a tool";
            self.notes.error("/paths", "operationId", "no operation becomes a tool", remedy);
        }
        if self.operations.len() > MOST_TOOLS {
            let problem = format!("{} tools are too many: at most {MOST_TOOLS} per target", self.operations.len());
            self.notes.error("/paths", "paths", problem, "split the document, one target each");
        }
    }

    fn is_openapi(&mut self, root: &At<'a>) -> bool {
        if !root.value.is_object() {
            self.notes.error(
                "",
                "openapi",
                "this is no OpenAPI document",
                "it begins with `openapi: 3.0.3` or `3.1.0`",
            );
            return false;
        }
        if root.value.get("swagger").is_some() {
            let remedy = "convert it to OpenAPI 3, for example with `npx swagger2openapi`";
            self.notes.error("/swagger", "openapi", NO_VERSION, remedy);
            return false;
        }
        let version = root.text("openapi").unwrap_or_default();
        if version.starts_with("3.0.") || version.starts_with("3.1.") {
            return true;
        }
        let problem = match root.value.get("openapi") {
            None => NO_VERSION.to_owned(),
            Some(version) => format!("version {version} is not supported"),
        };
        self.notes.error("/openapi", "openapi", problem, "the gateway reads OpenAPI 3.0 and 3.1, such as \"3.0.3\"");
        false
    }

    /// Checks security schemes like the service's parser, although nothing else uses them
    /// (awslabs/agentcore-samples#1141).
    fn security_schemes(&mut self, at: &At<'a>) {
        for (name, scheme) in at.members() {
            let Some(scheme) = self.resolve(scheme) else { continue };
            if scheme.text("type").is_none() {
                let problem = format!("attribute components.securitySchemes.{name}.type is missing");
                let remedy = "give it a type, such as `http`, or take it out";
                self.notes.error(&scheme.pointer, "security scheme", problem, remedy);
            }
        }
    }

    fn ignored(&mut self, pointer: &str, member: &str) {
        let (problem, remedy) = match member {
            "security" | "securitySchemes" => (
                "the document's own security is ignored".to_owned(),
                "the credential comes from the target: see `target add openapi --help`",
            ),
            _ => (format!("`{member}` are ignored"), "nothing of them reaches the tools; leave them or take them out"),
        };
        self.notes.warn(pointer, "ignored member", problem, remedy);
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
            let Some(value) = self.document.value.pointer(&target) else {
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

    /// The server that this level of the document declares, if any.
    fn server(&mut self, at: &At<'a>, is_root: bool) -> Option<Server> {
        let remedy = "name the API's own address, such as `https://api.example.com/v1`";
        let first = at.member("servers").and_then(|servers| servers.items().next());
        let Some(first) = first else {
            if is_root {
                // "Found 2 validation error(s) in OpenAPI schema: […]" (cdk-preflight, `target-openapi-schema`).
                self.notes.error("/servers", "server", "Server URL must not be empty.", remedy);
                self.notes.error("/servers", "server", NOT_HTTPS, remedy);
            }
            return None;
        };
        let url = first.text("url").unwrap_or_default();
        let place = format!("{}/url", first.pointer);
        let mut server = Server { url: url.trim_end_matches('/').to_owned(), variables: BTreeMap::new() };
        if let Some(variables) = first.member("variables") {
            for (name, variable) in variables.members() {
                match variable.text("default") {
                    Some(default) => {
                        let listed = variable.value["enum"].as_array().into_iter().flatten();
                        let allowed = listed.filter_map(|one| one.as_str().map(str::to_owned)).collect();
                        let variable = Variable { default: default.to_owned(), allowed };
                        server.variables.insert(name.to_owned(), variable);
                    }
                    None => {
                        let problem = format!("the server variable `{name}` has no default");
                        self.notes.error(&variable.pointer, "server variable", problem, "give it a default, a text");
                    }
                }
            }
        }
        for name in templates(url) {
            if let Entry::Vacant(unknown) = server.variables.entry(name) {
                let problem = format!("the server variable `{}` is not described", unknown.key());
                self.notes.error(&place, "server variable", problem, "describe it below `variables`, with a default");
                unknown.insert(Variable::default());
            }
        }
        let defaults = server.variables.iter().map(|(name, variable)| (name.as_str(), variable.default.clone()));
        self.check_address(&place, &fill(url, defaults), remedy);
        Some(server)
    }

    fn check_address(&mut self, place: &str, url: &str, remedy: &str) {
        let Ok(address) = url.parse::<http::Uri>() else {
            self.notes.error(place, "server", format!("`{url}` is no URL"), remedy);
            return;
        };
        // A query would come before the path, a fragment would swallow the path, and user and password would not be
        // sent; a port is a number.
        let authority = address.authority().map_or("", http::uri::Authority::as_str);
        let bad_port =
            authority.rsplit(']').next().is_some_and(|end| end.contains(':')) && address.port_u16().is_none();
        if url.contains(['?', '#', '@', '{', '}']) || url.contains(char::is_whitespace) || bad_port {
            self.notes.error(place, "server", format!("`{url}` has more than scheme, host, port and path"), remedy);
            return;
        }
        let (Some(scheme), Some(host)) = (address.scheme_str(), address.host()) else {
            self.notes.error(place, "server", format!("`{url}` is no absolute URL"), remedy);
            return;
        };
        // A gateway on this machine can reach any address; a gateway in AWS cannot.
        let severity = if self.reading.local { Severity::Warning } else { Severity::Error };
        match scheme {
            "https" => {}
            "http" => {
                self.notes.add(severity, place, "server", NOT_HTTPS, "use the API's https address");
            }
            other => self.notes.error(place, "server", format!("the gateway does not speak {other}"), remedy),
        }
        if !is_public(host) {
            let problem = format!("{host} cannot be reached from AWS");
            self.notes.add(severity, place, "server", problem, "use an address that is public");
        }
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
            }
        }
    }

    fn operation(&mut self, path: &str, method: &str, item: &At<'a>, at: &At<'a>, inherited: Option<&Server>) {
        if !at.value.is_object() {
            self.notes.error(&at.pointer, "operation", "an operation is an object", "describe it, or take it out");
            return;
        }
        let Some(id) = at.text("operationId").filter(|id| !id.is_empty()) else {
            // One operation without it makes the whole target FAILED (cdk-preflight, `target-openapi-schema`).
            let problem = format!("Operation {path} -> {} must have an operationId", method.to_uppercase());
            self.notes.error(&at.pointer, "operationId", problem, "give it one; it becomes the tool's name");
            self.lacks_id = true;
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
        let own = self.server(at, false);
        let server = own.as_ref().or(inherited).cloned().unwrap_or_default();

        let mut inputs = Inputs::default();
        for (name, variable) in &server.variables {
            let mut schema = json!({ "type": "string", "description": "Part of the server's address" });
            schema["default"] = json!(variable.default);
            if !variable.allowed.is_empty() {
                schema["enum"] = json!(variable.allowed);
            }
            inputs.add(name, schema, false);
        }
        let declared = self.parameters(item, at);
        let mut parameters = Vec::new();
        let mut in_path: BTreeSet<String> = templates(path).collect();
        for parameter in declared {
            let Some(read) = self.parameter(&parameter, at) else { continue };
            let Declared { parameter, schema, required, pointer } = read;
            if parameter.location == Location::Path && !in_path.remove(&parameter.name) {
                let problem = format!("the path {path} has no `{{{}}}`", parameter.name);
                let remedy = "put it into the path, or take the parameter out";
                self.notes.error(&pointer, "path parameter", problem, remedy);
                continue;
            }
            if !inputs.add(&parameter.name, schema, required) {
                let problem = format!("there are two inputs named `{}`: one argument fills both", parameter.name);
                let remedy = "rename one of them, if they mean different things";
                self.notes.warn(&pointer, "name collision", problem, remedy);
            }
            parameters.push(parameter);
        }
        for name in in_path {
            let problem = format!("the parameter `{name}` of the path {path} is not described");
            self.notes.error(&at.pointer, "path parameter", problem, "describe it below `parameters`, with `in: path`");
        }
        let body = self.body(method, at, &mut inputs);
        self.responses(at);
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
        self.operations.push(Operation {
            id: id.to_owned(),
            description: description.unwrap_or(id).to_owned(),
            method: method.to_uppercase(),
            path: path.to_owned(),
            server,
            parameters,
            body,
            input_schema: inputs.schema(),
        });
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

    /// The parameters of an operation, including those of its path that it does not override by name and location.
    fn parameters(&mut self, item: &At<'a>, operation: &At<'a>) -> Vec<At<'a>> {
        let mut named: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut all: Vec<At<'a>> = Vec::new();
        for level in [item, operation] {
            let Some(list) = level.member("parameters") else { continue };
            for parameter in list.items() {
                let Some(parameter) = self.resolve(parameter) else { continue };
                let text = |key: &str| parameter.text(key).unwrap_or_default().to_owned();
                match named.get(&(text("in"), text("name"))) {
                    Some(place) => all[*place] = parameter,
                    None => {
                        named.insert((text("in"), text("name")), all.len());
                        all.push(parameter);
                    }
                }
            }
        }
        all
    }

    fn parameter(&mut self, at: &At<'a>, operation: &At<'a>) -> Option<Declared> {
        let Some(name) = at.text("name").filter(|name| !name.is_empty()) else {
            self.notes.error(&at.pointer, "parameter", "a parameter has no name", "give it one");
            return None;
        };
        let location = match at.text("in") {
            Some("path") => Location::Path,
            Some("query") => Location::Query,
            Some("header") => Location::Header,
            Some("cookie") => {
                let problem = format!("the cookie parameter `{name}` is not supported");
                self.notes.error(&at.pointer, "parameter", problem, "take it out, or let the API take it in a header");
                return None;
            }
            Some("body" | "formData") => {
                let problem = format!("the parameter `{name}` is of Swagger 2.0");
                self.notes.error(&at.pointer, "parameter", problem, "describe it below `requestBody`");
                return None;
            }
            _ => {
                let problem = format!("the parameter `{name}` does not say where it stands");
                self.notes.error(&at.pointer, "parameter", problem, "`in` is path, query or header");
                return None;
            }
        };
        let required = at.value.get("required") == Some(&Value::Bool(true));
        if location == Location::Path && !required {
            let problem = format!("the path parameter `{name}` is not required");
            self.notes.error(
                &at.pointer,
                "path parameter",
                problem,
                "add `required: true`: a path needs all its parts",
            );
        }
        if location == Location::Header && http::HeaderName::try_from(name).is_err() {
            let problem = format!("`{name}` is no name of a header");
            self.notes.error(&at.pointer, "parameter", problem, "use letters, digits and hyphens");
            return None;
        }
        if location == Location::Header && is_reserved_header(name) {
            let problem = format!("the header `{name}` cannot be a parameter: it is ignored");
            self.notes.warn(&at.pointer, "parameter", problem, "take it out; the credential comes from the target");
            return None;
        }
        if at.value.get("content").is_some() {
            let problem = format!("the parameter `{name}` has `content`: a serialization that is not supported");
            self.notes.error(&at.pointer, "parameter", problem, "give it a `schema`");
            return None;
        }
        let Some(schema) = at.member("schema") else {
            let problem = format!("the parameter `{name}` has no schema");
            self.notes.error(&at.pointer, "parameter", problem, "give it one, such as `{type: string}`");
            return None;
        };
        let explode = self.check_style(at, name, location, &schema);
        self.check_schema(schema.clone(), Side::Request);
        let mut written = self.write_out(&schema);
        if let (Value::Object(members), Some(description)) = (&mut written, at.text("description"))
            && !members.contains_key("description")
        {
            members.insert("description".to_owned(), json!(description));
        }
        let parameter = Parameter { name: name.to_owned(), location, explode };
        let inside = at.pointer.starts_with(&operation.pointer);
        let pointer = if inside { at.pointer.clone() } else { operation.pointer.clone() };
        Some(Declared { parameter, schema: written, required, pointer })
    }

    /// Checks that the gateway can serialize a parameter; returns whether lists are written as one pair per item.
    fn check_style(&mut self, at: &At<'a>, name: &str, location: Location, schema: &At<'a>) -> bool {
        let usual = if location == Location::Query { "form" } else { "simple" };
        let style = at.text("style").unwrap_or(usual);
        let place = format!("{}/style", at.pointer);
        if style != usual {
            let problem = format!("the style `{style}` of `{name}` is not supported");
            self.notes.error(&place, "parameter style", problem, &format!("use `{usual}`, which is the default"));
        }
        let resolved = self.resolve(schema.clone());
        let is = |kind: &str| resolved.as_ref().is_some_and(|at| schema::has_type(at.value, kind));
        let composite = is("object") || is("array");
        let explode = at.value.get("explode").and_then(Value::as_bool).unwrap_or(usual == "form");
        if location == Location::Path && explode && composite {
            let problem = format!("`{name}` writes a list or an object into the path part by part");
            self.notes.error(&at.pointer, "parameter style", problem, "leave out `explode`, or take a text");
        }
        if location == Location::Header && composite {
            let problem = format!("the header `{name}` is a list or an object");
            self.notes.error(&at.pointer, "parameter style", problem, "let it be a text, a number or a boolean");
        }
        explode
    }

    fn body(&mut self, method: &str, operation: &At<'a>, inputs: &mut Inputs) -> Option<Body> {
        let at = self.resolve(operation.member("requestBody")?)?;
        if ["get", "head", "delete"].contains(&method) {
            let problem = format!("{} requests have a body here, which many servers ignore", method.to_uppercase());
            self.notes.warn(&at.pointer, "request body", problem, "use parameters, or POST");
        }
        let required = at.value.get("required") == Some(&Value::Bool(true));
        let content: Vec<(&str, At<'a>)> = at.member("content").iter().flat_map(At::members).collect();
        let supported = content.iter().filter_map(|(name, media)| Some((MediaType::of(name)?, media)));
        let best = supported.min_by_key(|(kind, _)| match kind {
            MediaType::Json => 0,
            MediaType::Form => 1,
            MediaType::Multipart => 2,
            MediaType::Xml => 3,
        });
        let Some((media_type, media)) = best else {
            let names: Vec<&str> = content.iter().map(|(name, _)| *name).collect();
            let problem = match names.as_slice() {
                [] => "requestBody.content is missing".to_owned(),
                names => format!("a body of {} is not supported", names.join(" or ")),
            };
            self.notes.error(&at.pointer, "media type", problem, "offer `application/json`");
            return None;
        };
        let media = media.clone();
        let Some(schema) = media.member("schema") else {
            inputs.add("body", json!({}), required);
            return Some(Body { media_type, required, properties: None });
        };
        self.check_schema(schema.clone(), Side::Request);
        let written = self.write_out(&schema);
        let is_object =
            written["properties"].is_object() && !matches!(&written["type"], Value::String(kind) if kind != "object");
        if !is_object {
            if !inputs.add("body", written, required) {
                let problem = "a parameter is named `body`, as the body that is no object: it fills both";
                self.notes.warn(&media.pointer, "name collision", problem, "rename the parameter");
            }
            return Some(Body { media_type, required, properties: None });
        }
        let needed: Vec<&str> =
            written["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut properties = BTreeSet::new();
        for (name, property) in written["properties"].as_object().into_iter().flatten() {
            if inputs.add(name, property.clone(), required && needed.contains(&name.as_str())) {
                properties.insert(name.clone());
            } else {
                let problem = format!("`{name}` is a parameter and a property of the body: the parameter gets it");
                self.notes.warn(&media.pointer, "name collision", problem, "rename one of them");
            }
        }
        Some(Body { media_type, required, properties: Some(properties) })
    }

    fn responses(&mut self, operation: &At<'a>) {
        let Some(responses) = operation.member("responses") else { return };
        for (status, response) in responses.members().filter(|(status, _)| !status.starts_with("x-")) {
            let Some(response) = self.resolve(response) else { continue };
            if response.value.is_object() && response.text("description").is_none() {
                // AWS's message was seen only for a response below `components`; others are named likewise.
                let name = response.pointer.strip_prefix("/components/").map(|pointer| pointer.replace('/', "."));
                let place = name.map_or_else(|| format!("responses.{status}"), |name| format!("components.{name}"));
                let problem = format!("attribute {place}.description is missing");
                self.notes.error(&response.pointer, "response", problem, "say in a word what it is");
            }
            let Some(content) = response.member("content") else { continue };
            for (kind, media) in content.members() {
                if !is_response_type(kind) {
                    let problem = format!("MediaType {kind} is not supported in response");
                    let remedy = "describe the response as `application/json`, or leave its content out";
                    self.notes.error(&media.pointer, "media type", problem, remedy);
                }
                if let Some(schema) = media.member("schema") {
                    self.check_schema(schema, Side::Response);
                }
            }
        }
    }

    fn check_property_names(&mut self, operation: &At<'a>, inputs: &Inputs) {
        let bad = |name: &&String| !tool::is_plain_property(name);
        let names: Vec<String> = inputs.properties.keys().filter(bad).map(|name| format!("`{name}`")).collect();
        if !names.is_empty() {
            let problem = format!("{}: names that some models' clients refuse", names.join(", "));
            let remedy = "use 1 to 64 letters, digits, `_`, `.` and `-`";
            self.notes.warn(&operation.pointer, "property name", problem, remedy);
        }
    }
}

/// A parsed parameter.
struct Declared {
    parameter: Parameter,
    schema: Value,
    required: bool,
    /// Where findings about it are reported.
    pointer: String,
}

/// A tool's arguments: parameters and the body's properties in one flat object (AgentCore developer guide,
/// gateway-schema-openapi). AWS does not document how it resolves equal names; we chose that the first argument
/// stays.
#[derive(Default)]
struct Inputs {
    properties: Map<String, Value>,
    required: Vec<String>,
}

impl Inputs {
    /// Adds an argument; false if there is one of that name already, which stays.
    fn add(&mut self, name: &str, schema: Value, required: bool) -> bool {
        let is_new = !self.properties.contains_key(name);
        if is_new {
            self.properties.insert(name.to_owned(), schema);
        }
        if required && !self.required.iter().any(|known| known == name) {
            self.required.push(name.to_owned());
        }
        is_new
    }

    fn schema(self) -> Value {
        let mut schema = json!({ "type": "object", "properties": self.properties });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        schema
    }
}

/// The names in a template's braces.
fn templates(template: &str) -> impl Iterator<Item = String> {
    template.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name.to_owned())
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

/// Whether a host may be publicly reachable.
fn is_public(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    match bare.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(v4)) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            let inner = v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared;
            !(inner || v4.is_unspecified() || v4.is_broadcast())
        }
        Ok(IpAddr::V6(v6)) => {
            let translated = v6.segments()[..2] == [0x64, 0xff9b];
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || translated)
        }
        Err(_) => {
            let lower = bare.to_ascii_lowercase();
            let inner = [".localhost", ".local", ".internal"].iter().any(|end| lower.ends_with(end));
            // A host whose last label begins with a digit is an address, in whatever notation.
            let number = lower.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
            lower != "localhost" && !inner && !number && lower.contains('.')
        }
    }
}

#[cfg(test)]
mod tests;
