//! The tool definitions of a Lambda target: the service's own subset of JSON Schema.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{MOST_TOOLS, Tool, qualified};
use crate::model::document::segment;

/// AWS's message for a definition without tools.
pub const NO_TOOLS: &str = "No Lambda tool schema found in target configuration";
pub(super) const TOOL_MEMBERS: [&str; 4] = ["name", "description", "inputSchema", "outputSchema"];
pub(super) const SCHEMA_KEYWORDS: [&str; 5] = ["type", "description", "properties", "required", "items"];
pub(super) const TYPES: [&str; 6] = ["string", "number", "object", "array", "boolean", "integer"];
/// Schemas nested deeper than this are rejected, so that recursion is bounded.
const DEEPEST: usize = 64;

/// Why a tool schema is rejected, and where (a JSON pointer).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {problem}")]
pub struct SchemaError {
    pub pointer: String,
    pub problem: String,
}

/// Parses a Lambda target's inline tool schema: an array of tool definitions. The service model has no keywords
/// but `type`, `description`, `properties`, `required` and `items`.
///
/// # Errors
///
/// The first one.
pub fn parse_inline(schema: &Value) -> Result<Vec<Tool>, SchemaError> {
    let (tools, errors) = parse(schema);
    let tools = tools.into_iter().map(|(_, tool)| tool).collect();
    errors.into_iter().next().map_or(Ok(tools), Err)
}

/// The tools that have no errors, with their positions, and all errors.
pub(super) fn parse(schema: &Value) -> (Vec<(usize, Tool)>, Vec<SchemaError>) {
    let mut checker = Checker(Vec::new());
    let tools = checker.tools(schema);
    (tools, checker.0)
}

/// The index of the first tool whose name is a duplicate, and AWS's message (badmintoncryer/cdk-preflight,
/// `lambda-tool-name-unique`). Such a target is created, and then becomes FAILED.
pub fn duplicate(tools: &[Tool], target: &str) -> Option<(usize, String)> {
    let mut names = HashSet::new();
    let index = tools.iter().position(|tool| !names.insert(tool.name.as_str()))?;
    Some((index, duplicated(target, &tools[index].name)))
}

/// AWS's message about a tool whose name another one has.
pub(super) fn duplicated(target: &str, name: &str) -> String {
    format!("Duplicate tool found in target configuration: {}", qualified(target, name))
}

/// A tool schema in S3 as the gateway reads it: unknown keywords are dropped, not rejected (several projects
/// compared their schemas with `tools/list`).
pub fn without_unknown_keywords(schema: &Value) -> Value {
    fn schema_of(schema: &Value) -> Value {
        let Value::Object(members) = schema else { return schema.clone() };
        let known = members.iter().filter(|(name, _)| SCHEMA_KEYWORDS.contains(&name.as_str()));
        let read = |name: &str, value: &Value| match (name, value) {
            ("properties", Value::Object(properties)) => {
                properties.iter().map(|(name, property)| (name.clone(), schema_of(property))).collect()
            }
            ("items", items) => schema_of(items),
            (_, value) => value.clone(),
        };
        Value::Object(known.map(|(name, value)| (name.clone(), read(name, value))).collect())
    }
    let Value::Array(tools) = schema else { return schema.clone() };
    let tool = |tool: &Value| {
        let Value::Object(members) = tool else { return tool.clone() };
        let known = members.iter().filter(|(name, _)| TOOL_MEMBERS.contains(&name.as_str()));
        let read = |name: &str, value: &Value| if name.ends_with("Schema") { schema_of(value) } else { value.clone() };
        Value::Object(known.map(|(name, value)| (name.clone(), read(name, value))).collect())
    };
    tools.iter().map(tool).collect()
}

/// Collects errors.
struct Checker(Vec<SchemaError>);

impl Checker {
    fn refuse(&mut self, pointer: &str, problem: impl Into<String>) {
        let pointer = if pointer.is_empty() { "/".to_owned() } else { pointer.to_owned() };
        self.0.push(SchemaError { pointer, problem: problem.into() });
    }

    fn tools(&mut self, schema: &Value) -> Vec<(usize, Tool)> {
        let Value::Array(items) = schema else {
            self.refuse("", "expected an array of tool definitions");
            return Vec::new();
        };
        // AWS's message (badmintoncryer/cdk-preflight, `lambda-tool-schema-empty`).
        if items.is_empty() {
            self.refuse("", NO_TOOLS);
        }
        if items.len() > MOST_TOOLS {
            self.refuse("", format!("{} tools are too many: at most {MOST_TOOLS} per target", items.len()));
        }
        let tool = |(index, item)| Some((index, self.tool(item, &format!("/{index}"))?));
        items.iter().enumerate().filter_map(tool).collect()
    }

    fn tool(&mut self, item: &Value, pointer: &str) -> Option<Tool> {
        let before = self.0.len();
        let members = self.object(item, pointer)?;
        self.only_members(members, &TOOL_MEMBERS, pointer);
        let name = self.text(members, "name", pointer);
        let description = self.text(members, "description", pointer);
        if !members.contains_key("inputSchema") {
            self.refuse(pointer, "`inputSchema` is missing");
        }
        for key in ["inputSchema", "outputSchema"] {
            let Some(schema) = members.get(key) else { continue };
            let at = format!("{pointer}/{key}");
            self.schema(schema, &at, 0);
            if schema.get("type").is_some_and(|kind| kind != "object") {
                self.refuse(&format!("{at}/type"), "the top level of a tool's schema is an `object`");
            }
        }
        let (input_schema, output_schema) = (members.get("inputSchema")?.clone(), members.get("outputSchema").cloned());
        let tool = Tool { name: name?, description: description?, input_schema, output_schema };
        (self.0.len() == before).then_some(tool)
    }

    fn schema(&mut self, schema: &Value, pointer: &str, depth: usize) {
        if depth > DEEPEST {
            self.refuse(pointer, format!("nested more than {DEEPEST} levels deep"));
            return;
        }
        let Some(members) = self.object(schema, pointer) else { return };
        self.only_members(members, &SCHEMA_KEYWORDS, pointer);
        if let Some(kind) = self.text(members, "type", pointer)
            && !TYPES.contains(&kind.as_str())
        {
            let problem = format!("`{kind}` is not one of {}", TYPES.join(", "));
            self.refuse(&format!("{pointer}/type"), problem);
        }
        if let Some(properties) = members.get("properties") {
            let at = format!("{pointer}/properties");
            for (name, property) in self.object(properties, &at).into_iter().flatten() {
                self.schema(property, &format!("{at}/{}", segment(name)), depth + 1);
            }
        }
        if let Some(items) = members.get("items") {
            self.schema(items, &format!("{pointer}/items"), depth + 1);
        }
        let is_names = |required: &Value| required.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        if members.get("required").is_some_and(|required| !is_names(required)) {
            self.refuse(&format!("{pointer}/required"), "expected an array of strings");
        }
    }

    fn object<'a>(&mut self, value: &'a Value, pointer: &str) -> Option<&'a Map<String, Value>> {
        if !value.is_object() {
            self.refuse(pointer, "expected an object");
        }
        value.as_object()
    }

    fn text(&mut self, members: &Map<String, Value>, key: &str, pointer: &str) -> Option<String> {
        match members.get(key) {
            Some(Value::String(text)) if !text.is_empty() => return Some(text.clone()),
            Some(_) => self.refuse(&format!("{pointer}/{key}"), "expected a non-empty string"),
            None => self.refuse(pointer, format!("`{key}` is missing")),
        }
        None
    }

    fn only_members(&mut self, members: &Map<String, Value>, known: &[&str], pointer: &str) {
        for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
            let problem = format!("the gateway has no place for `{key}` here; remove it (in S3 it would be dropped)");
            self.refuse(&format!("{pointer}/{}", segment(key)), problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{document::Document, finding::Reading};

    fn schema_error(schema: &Value) -> String {
        parse_inline(schema).unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_names_the_place_and_the_keyword() {
        let tool = |input: Value| json!([{ "name": "t", "description": "d", "inputSchema": input }]);
        let bad = tool(json!({ "type": "object", "properties": { "a": { "type": "string", "enum": ["x"] } } }));
        assert!(
            schema_error(&bad).starts_with("/0/inputSchema/properties/a/enum: the gateway has no place for `enum`")
        );
        assert!(schema_error(&tool(json!({ "type": "string" }))).starts_with("/0/inputSchema/type"));
        assert!(schema_error(&json!([{ "name": "t", "inputSchema": {} }])).contains("`description` is missing"));
        assert!(schema_error(&json!({})).contains("expected an array"));
        assert!(schema_error(&json!([])).contains(NO_TOOLS));
        let stripped = without_unknown_keywords(&bad);
        assert_eq!(stripped, tool(json!({ "type": "object", "properties": { "a": { "type": "string" } } })));
        let twice = [parse_inline(&stripped).unwrap(), parse_inline(&stripped).unwrap()].concat();
        let words = "Duplicate tool found in target configuration: tgt___t";
        assert_eq!(duplicate(&twice, "tgt"), Some((1, words.to_owned())));
    }

    #[test]
    fn a_very_deep_schema_is_refused_not_a_crash() {
        let mut schema = json!({ "type": "string" });
        for _ in 0..500 {
            schema = json!({ "type": "array", "items": schema });
        }
        let tool = json!([{ "name": "t", "description": "d", "inputSchema": { "type": "object", "properties": { "a": schema } } }]);
        assert!(schema_error(&tool).contains("levels deep"));
    }

    #[test]
    fn all_errors_are_found_at_once() {
        let bad = json!([
            { "name": "a", "inputSchema": { "type": "object", "title": "T", "properties": {
                "x": { "type": "string", "enum": ["p"] }, "y": { "type": "integer", "default": 1 }, "z": { "format": "date" },
            } } },
            { "name": "b", "description": "d", "inputSchema": { "type": "array" } },
            7,
        ]);
        let (tools, errors) = parse(&bad);
        let places: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        let properties = "/0/inputSchema/properties";
        let expected = [
            "/0".to_owned(),
            "/0/inputSchema/title".to_owned(),
            format!("{properties}/x/enum"),
            format!("{properties}/y/default"),
            format!("{properties}/z/format"),
            format!("{properties}/z"),
            "/1/inputSchema/type".to_owned(),
            "/2".to_owned(),
        ];
        assert_eq!(places, expected);
        assert!(tools.is_empty());
        // Names and lists of tools with errors are looked at, too.
        let tool = |name: &str, property: Value| json!({ "name": name, "inputSchema": { "type": "object", "properties": { "x": property } } });
        let list = json!({ "type": "array" });
        let bad = json!([
            tool("t", list.clone()),
            tool("t", list.clone()),
            tool("u", list.clone()),
            tool("u", list.clone()),
            tool("t", list)
        ]);
        let (_, findings) = super::super::lint::lint(&Document::of(bad), Reading::of("x", false));
        let of = |construct: &str| findings.iter().filter(|finding| finding.construct == construct).count();
        let lists =
            findings.iter().filter(|finding| finding.problem.contains("does not say what its items are")).count();
        assert_eq!((of("tool name"), lists), (3, 5), "{findings:?}");
    }
}
