//! Tools: their names, their definitions in Lambda targets, and the validation of their arguments.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{
    document::{Document, segment},
    finding::{Finding, Reading, Severity},
};

/// Maximum length of a name that model clients accept (tool use in the Bedrock and Anthropic APIs).
const NAME_LIMIT: usize = 64;
/// Separates target and tool in a qualified name. A target's name has no underscore, so the first occurrence is
/// the separator.
pub const SEPARATOR: &str = "___";
/// Maximum number of tools per target (AgentCore developer guide, "Quotas for Amazon Bedrock AgentCore").
pub const MOST_TOOLS: usize = 1000;
/// AWS's message for a definition without tools.
pub const NO_TOOLS: &str = "No Lambda tool schema found in target configuration";
const TOOL_MEMBERS: [&str; 4] = ["name", "description", "inputSchema", "outputSchema"];
const SCHEMA_KEYWORDS: [&str; 5] = ["type", "description", "properties", "required", "items"];
/// Schemas nested deeper than this are rejected, so that recursion is bounded.
const DEEPEST: usize = 64;

/// `{target}___{tool}`, the name under which MCP clients see a tool.
pub fn qualified(target: &str, tool: &str) -> String {
    format!("{target}{SEPARATOR}{tool}")
}

/// A tool of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    pub name: String,
    pub description: String,
    pub input_schema: Value,
    pub output_schema: Option<Value>,
}

impl Tool {
    /// The tool as in `tools/list`, with its members in the gateway's order (AgentCore developer guide,
    /// gateway-using-mcp-list).
    pub fn listed(&self, target: &str) -> Value {
        let mut listed = json!({
            "inputSchema": self.input_schema,
            "name": qualified(target, &self.name),
            "description": self.description,
        });
        if let Some(schema) = &self.output_schema {
            listed["outputSchema"] = schema.clone();
        }
        listed
    }
}

/// Why a tool schema is rejected, and where (a JSON pointer).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {problem}")]
pub struct SchemaError {
    pub pointer: String,
    pub problem: String,
}

fn refuse<T>(pointer: &str, problem: impl Into<String>) -> Result<T, SchemaError> {
    let pointer = if pointer.is_empty() { "/".to_owned() } else { pointer.to_owned() };
    Err(SchemaError { pointer, problem: problem.into() })
}

/// Parses a Lambda target's inline tool schema: an array of tool definitions. The service model has no keywords
/// but `type`, `description`, `properties`, `required` and `items`.
pub fn parse_inline(schema: &Value) -> Result<Vec<Tool>, SchemaError> {
    let Value::Array(items) = schema else {
        return refuse("", "expected an array of tool definitions");
    };
    // AWS's message (badmintoncryer/cdk-preflight, `lambda-tool-schema-empty`).
    if items.is_empty() {
        return refuse("", NO_TOOLS);
    }
    if items.len() > MOST_TOOLS {
        return refuse("", format!("{} tools are too many: at most {MOST_TOOLS} per target", items.len()));
    }
    let mut tools: Vec<Tool> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        tools.push(parse_tool(item, &format!("/{index}"))?);
    }
    Ok(tools)
}

/// The index of the first tool whose name is a duplicate, and AWS's message (badmintoncryer/cdk-preflight,
/// `lambda-tool-name-unique`). Such a target is created, and then becomes FAILED.
pub fn duplicate(tools: &[Tool], target: &str) -> Option<(usize, String)> {
    let mut names = HashSet::new();
    let index = tools.iter().position(|tool| !names.insert(tool.name.as_str()))?;
    let name = qualified(target, &tools[index].name);
    Some((index, format!("Duplicate tool found in target configuration: {name}")))
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

/// The tools of a Lambda target's schema, and the findings: its first error, or the problems that model clients
/// have with its names.
pub fn lint(document: &Document, reading: Reading<'_>) -> (Vec<Tool>, Vec<Finding>) {
    let finding = |severity, pointer: &str, construct, problem, remedy: &str| Finding {
        severity,
        pointer: pointer.to_owned(),
        line: document.line_of(pointer),
        construct,
        problem,
        remedy: remedy.to_owned(),
    };
    let tools = match parse_inline(&document.value) {
        Ok(tools) => tools,
        Err(SchemaError { pointer, problem }) => {
            let remedy = match problem.as_str() {
                NO_TOOLS => "define at least one tool",
                _ => {
                    "a tool has name, description and inputSchema; a schema type, description, properties, required and items"
                }
            };
            return (Vec::new(), vec![finding(Severity::Error, &pointer, "tool schema", problem, remedy)]);
        }
    };
    let mut findings = Vec::new();
    if let Some((index, problem)) = duplicate(&tools, reading.target) {
        let remedy = "give each tool a name of its own";
        findings.push(finding(Severity::Error, &format!("/{index}/name"), "tool name", problem, remedy));
    }
    for (index, tool) in tools.iter().enumerate() {
        for (problem, remedy) in name_problems(reading.target, &tool.name) {
            findings.push(finding(Severity::Warning, &format!("/{index}/name"), "tool name", problem, remedy));
        }
        for name in tool.input_schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name) {
            if !is_plain_property(name) {
                let problem = format!("`{name}` is a name that some models' clients refuse");
                let remedy = "use 1 to 64 letters, digits, `_`, `.` and `-`";
                let pointer = format!("/{index}/inputSchema/properties/{}", segment(name));
                findings.push(finding(Severity::Warning, &pointer, "property name", problem, remedy));
            }
        }
    }
    (tools, findings)
}

fn parse_tool(item: &Value, pointer: &str) -> Result<Tool, SchemaError> {
    let members = object(item, pointer)?;
    only_members(members, &TOOL_MEMBERS, pointer)?;
    let name = text(members, "name", pointer)?;
    let description = text(members, "description", pointer)?;
    let Some(input_schema) = members.get("inputSchema") else {
        return refuse(pointer, "`inputSchema` is missing");
    };
    let output_schema = members.get("outputSchema").cloned();
    for (key, schema) in [("inputSchema", Some(input_schema)), ("outputSchema", output_schema.as_ref())] {
        let Some(schema) = schema else { continue };
        let at = format!("{pointer}/{key}");
        check_schema(schema, &at, 0)?;
        if schema["type"] != "object" {
            return refuse(&format!("{at}/type"), "the top level of a tool's schema is an `object`");
        }
    }
    Ok(Tool { name, description, input_schema: input_schema.clone(), output_schema })
}

fn check_schema(schema: &Value, pointer: &str, depth: usize) -> Result<(), SchemaError> {
    if depth > DEEPEST {
        return refuse(pointer, format!("nested more than {DEEPEST} levels deep"));
    }
    let members = object(schema, pointer)?;
    only_members(members, &SCHEMA_KEYWORDS, pointer)?;
    let kind = text(members, "type", pointer)?;
    if !["string", "number", "object", "array", "boolean", "integer"].contains(&kind.as_str()) {
        return refuse(
            &format!("{pointer}/type"),
            format!("`{kind}` is not one of string, number, object, array, boolean, integer"),
        );
    }
    if let Some(properties) = members.get("properties") {
        for (name, property) in object(properties, &format!("{pointer}/properties"))? {
            check_schema(property, &format!("{pointer}/properties/{}", segment(name)), depth + 1)?;
        }
    }
    if let Some(items) = members.get("items") {
        check_schema(items, &format!("{pointer}/items"), depth + 1)?;
    }
    match members.get("required") {
        None => Ok(()),
        Some(Value::Array(names)) if names.iter().all(Value::is_string) => Ok(()),
        Some(_) => refuse(&format!("{pointer}/required"), "expected an array of strings"),
    }
}

fn object<'a>(value: &'a Value, pointer: &str) -> Result<&'a Map<String, Value>, SchemaError> {
    value.as_object().map_or_else(|| refuse(pointer, "expected an object"), Ok)
}

fn text(members: &Map<String, Value>, key: &str, pointer: &str) -> Result<String, SchemaError> {
    match members.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(_) => refuse(&format!("{pointer}/{key}"), "expected a non-empty string"),
        None => refuse(pointer, format!("`{key}` is missing")),
    }
}

fn only_members(members: &Map<String, Value>, known: &[&str], pointer: &str) -> Result<(), SchemaError> {
    match members.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => refuse(
            &format!("{pointer}/{key}"),
            format!("the gateway has no place for `{key}` here; remove it (in S3 it would be dropped)"),
        ),
        None => Ok(()),
    }
}

/// Validates a call's arguments against the tool's schema. Empty if they are valid, else one line per finding,
/// in the words of AWS's gateway (captured by several projects; AWS does not document them).
pub fn check_arguments(schema: &Value, arguments: &Value) -> Vec<String> {
    let mut findings = Vec::new();
    check_value(schema, arguments, "", &mut findings);
    findings
}

fn check_value(schema: &Value, value: &Value, pointer: &str, findings: &mut Vec<String>) {
    let at = if pointer.is_empty() { "/" } else { pointer };
    let expected: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !expected.is_empty() && !expected.iter().any(|expected| has_type(value, expected)) {
        let expected = expected.join(", ");
        findings.push(format!("- Field '{at}' has invalid type: {} found, {expected} expected", type_name(value)));
        return;
    }
    if let Some(Value::Array(allowed)) = schema.get("enum")
        && !allowed.contains(value)
    {
        let allowed = Value::Array(allowed.clone());
        findings.push(format!("- Field '{at}' does not have a value in the enumeration {allowed}"));
    }
    if let Value::Object(members) = value {
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        // One line each (three captures).
        for name in required.iter().filter_map(Value::as_str).filter(|name| !members.contains_key(*name)) {
            let place = format!("{pointer}/{name}");
            findings.push(format!("- Missing required field(s): '{}'", place.trim_start_matches('/')));
        }
        for (name, member) in members {
            match schema["properties"].get(name) {
                Some(property) => check_value(property, member, &format!("{pointer}/{name}"), findings),
                None if schema["additionalProperties"] == false => findings.push(format!(
                    "- additionalProperties validation failed: property '{name}' is not defined in the schema and the schema does not allow additional properties"
                )),
                None => {}
            }
        }
    }
    if let (Value::Array(items), Some(item_schema)) = (value, schema.get("items")) {
        for (index, item) in items.iter().enumerate() {
            check_value(item_schema, item, &format!("{pointer}/{index}"), findings);
        }
    }
}

fn has_type(value: &Value, expected: &str) -> bool {
    match expected {
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        expected => type_name(value) == expected,
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The problems that model clients have with a tool's name, each with its remedy.
pub fn name_problems(target: &str, name: &str) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        let problem = format!("`{name}` as a tool's name has characters that models' clients refuse");
        found.push((problem, "use letters, digits, `_` and `-` only"));
    }
    let qualified = qualified(target, name);
    if qualified.chars().count() > NAME_LIMIT {
        let problem = format!("the tool's name `{qualified}` has more than {NAME_LIMIT} characters");
        found.push((problem, "shorten its own name, or the target's"));
    }
    found
}

/// Whether every model client accepts a property of this name.
pub fn is_plain_property(name: &str) -> bool {
    (1..=NAME_LIMIT).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn arguments_are_checked_in_the_gateways_words() {
        let schema = json!({
            "type": "object",
            "properties": {
                "amount": { "type": "integer" },
                "tags": { "type": "array", "items": { "type": "string" } },
            },
            "required": ["amount", "x", "y"],
        });
        assert_eq!(
            check_arguments(&schema, &json!({ "amount": "7", "tags": ["a", 1] })),
            [
                "- Missing required field(s): 'x'",
                "- Missing required field(s): 'y'",
                "- Field '/amount' has invalid type: string found, integer expected",
                "- Field '/tags/1' has invalid type: integer found, string expected",
            ]
        );
        assert!(check_arguments(&schema, &json!({ "amount": 7.0, "x": null, "y": 1, "extra": true })).is_empty());
    }
}
