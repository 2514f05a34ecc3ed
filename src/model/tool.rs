//! Tools: their names, their definitions in Lambda targets, and the validation of their arguments.

mod convert;
mod lambda;
mod lint;

use serde_json::{Value, json};

pub use self::{
    convert::adapt,
    lambda::{NO_TOOLS, SchemaError, duplicate, parse_inline, without_unknown_keywords},
    lint::lint,
};

/// Maximum length of a name that model clients accept (tool use in the Bedrock and Anthropic APIs).
pub const NAME_LIMIT: usize = 64;
/// Longest name that is matched by a regular expression that may backtrack.
const SHORT_NAME: usize = 16;
/// Separates target and tool in a qualified name. A target's name has no underscore, so the first occurrence is
/// the separator.
pub const SEPARATOR: &str = "___";
/// Maximum number of tools per target (AgentCore developer guide, "Quotas for Amazon Bedrock AgentCore").
pub const MOST_TOOLS: usize = 1000;
/// Limit on a tool's input schema, in bytes: models read all of it on every turn. With its description, a tool stays under
/// 100,000.
const LARGEST_SCHEMA: usize = 90_000;
/// Limit on the input schemas of all of a target's tools together.
const LARGEST_SCHEMAS: usize = 10_000_000;

/// `{target}___{tool}`, the name under which MCP clients see a tool.
pub fn qualified(target: &str, tool: &str) -> String {
    format!("{target}{SEPARATOR}{tool}")
}

/// The bytes that each input schema of a target with this many tools may have.
pub fn schema_share(tools: usize) -> usize {
    (LARGEST_SCHEMAS / tools.max(1)).min(LARGEST_SCHEMA)
}

/// What is written with as many levels as fit, of fewer than `most`: `None` is written if there are too many. Needs five
/// attempts for 24 levels.
pub(super) fn deepest<T>(most: usize, mut write: impl FnMut(usize) -> Option<T>) -> Option<T> {
    let (mut fitting, mut too_many, mut deepest) = (0, most, None);
    while fitting < too_many {
        let levels = usize::midpoint(fitting, too_many);
        match write(levels) {
            Some(written) => (fitting, deepest) = (levels + 1, Some(written)),
            None => too_many = levels,
        }
    }
    deepest
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
            let pointer = format!("{pointer}/{name}");
            let mut schemas: Vec<&Value> = schema["properties"].get(name).into_iter().collect();
            let patterns = schema["patternProperties"].as_object().into_iter().flatten();
            schemas.extend(patterns.filter(|(pattern, _)| matches(pattern, name)).map(|(_, schema)| schema));
            if schemas.is_empty() {
                if schema["additionalProperties"] == false {
                    findings.push(format!(
                        "- additionalProperties validation failed: property '{name}' is not defined in the schema and the schema does not allow additional properties"
                    ));
                }
                schemas.push(&schema["additionalProperties"]);
            }
            for schema in schemas {
                check_value(schema, member, &pointer, findings);
            }
        }
    }
    if let (Value::Array(items), Some(item_schema)) = (value, schema.get("items")) {
        for (index, item) in items.iter().enumerate() {
            check_value(item_schema, item, &format!("{pointer}/{index}"), findings);
        }
    }
}

/// Whether a property's name matches a pattern of `patternProperties`. One that is no regular expression matches all.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    // This engine takes time linear in the name. What it cannot compile goes to ECMA-262's, which may backtrack, so that
    // names long enough to make it slow match.
    if let Ok(linear) = regex_lite::Regex::new(pattern) {
        return linear.is_match(name);
    }
    if name.len() > SHORT_NAME {
        return true;
    }
    let compiled = ["u", ""].into_iter().find_map(|flags| regress::Regex::with_flags(pattern, flags).ok());
    compiled.is_none_or(|pattern| pattern.find(name).is_some())
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

/// Names of tools that are too long in a client that puts its server's name before them, and the remedy. Claude Code makes
/// `mcp__SERVER__TOOL`, and Anthropic's API refuses the whole request if one name has more than 64 characters
/// (anthropics/claude-code#2412, #22276).
pub fn too_long_in_clients<'a>(server: &str, names: impl IntoIterator<Item = &'a str>) -> Option<(String, String)> {
    const AROUND: usize = "mcp____".len();
    let of = |name: &str| name.chars().count();
    let is_long = |name: &&str| AROUND + of(server) + of(name) > NAME_LIMIT;
    let long: Vec<&str> = names.into_iter().filter(is_long).collect();
    let longest = long.iter().max_by_key(|name| of(name))?;
    let (tools, them) = match long.len() {
        1 => ("1 tool has".to_owned(), "it"),
        many => (format!("{many} tools have"), "them"),
    };
    let problem = format!(
        "{tools} more than {NAME_LIMIT} characters in Claude Code, which calls {them} `mcp__{server}__TOOL` and then fails: \
         `{longest}` has {}",
        AROUND + of(server) + of(longest)
    );
    let remedy = match NAME_LIMIT.saturating_sub(AROUND + of(longest)) {
        0 => "shorten the names of tools and target: no server's name is short enough".to_owned(),
        1 => "call the server by one character in the client's configuration, or shorten the names of tools and target"
            .to_owned(),
        most => format!(
            "give the server a name of at most {most} characters in the client's configuration, or shorten the names of tools \
             and target"
        ),
    };
    Some((problem, remedy))
}

/// Whether every model client accepts a property of this name.
pub fn is_plain_property(name: &str) -> bool {
    (1..=NAME_LIMIT).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_room_for_what_a_client_puts_before_them() {
        let name = |length: usize| "t".repeat(length);
        assert_eq!(too_long_in_clients("gateway", [name(50).as_str(), "short"]), None, "exactly 64");
        let (problem, remedy) = too_long_in_clients("gateway", [name(51).as_str(), "short"]).unwrap();
        assert!(
            problem.starts_with("1 tool has more than 64 characters in Claude Code") && problem.ends_with("has 65")
        );
        assert!(remedy.contains("at most 6 characters"), "{remedy}");
        let (problem, remedy) = too_long_in_clients("gateway", [name(51).as_str(), &name(56)]).unwrap();
        assert!(problem.starts_with("2 tools have") && problem.ends_with("has 70"), "{problem}");
        assert!(remedy.contains("by one character"), "{remedy}");
        assert!(too_long_in_clients("g", [name(57).as_str()]).unwrap().1.contains("no server's name"));
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
