//! Converts tool definitions of others to those of a Lambda target, whose schemas say less.

use serde_json::{Map, Value, json};

use super::lambda::{SCHEMA_KEYWORDS, TYPES};
use crate::model::{
    adapt::{Adapted, Change, Kept, Places},
    document::{Document, segment},
};

/// Limits on the length of a chain of references, and on the schemas that one consists of.
const DEEPEST: usize = 32;
const MOST_PARTS: usize = 64;
/// Maximum number of schemas, those within others included.
const MOST: usize = 50_000;
/// Maximum number of characters that a description is given.
const LONGEST: usize = 400;
const FLAG: &str = "adapt";

/// Whose form of tool definitions it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `{"tools": [{"name", "description", "inputSchema"}]}`, as `tools/list` answers (MCP 2025-11-25).
    Mcp,
    /// `{"type": "function", "function": {"name", "description", "parameters"}}`, or without the inner object.
    OpenAi,
    /// `{"name", "description", "input_schema"}`.
    Anthropic,
    /// `{"toolSpec": {"name", "description", "inputSchema": {"json": {…}}}}` (Bedrock, Converse).
    Bedrock,
}

impl Form {
    /// `None` if it is the form of a Lambda target, or unknown.
    pub(super) fn of(document: &Value) -> Option<Self> {
        let listed = tools(document)?;
        let has = |member: &str| listed.iter().any(|tool| tool.get(member).is_some());
        let is_function = listed.iter().any(|tool| tool["type"] == "function");
        if has("toolSpec") {
            Some(Self::Bedrock)
        } else if is_function || has("function") || has("parameters") {
            Some(Self::OpenAi)
        } else if has("input_schema") {
            Some(Self::Anthropic)
        } else {
            document.is_object().then_some(Self::Mcp)
        }
    }

    pub(super) fn vendor(self) -> &'static str {
        match self {
            Self::Mcp => "MCP",
            Self::OpenAi => "OpenAI",
            Self::Anthropic => "Anthropic",
            Self::Bedrock => "Bedrock",
        }
    }
}

/// The list of tools, wherever it stands.
fn tools(document: &Value) -> Option<&Vec<Value>> {
    let whole = document.get("toolConfig").or_else(|| document.get("result")).unwrap_or(document);
    whole.get("tools").unwrap_or(whole).as_array()
}

/// Converts tool definitions. What a Lambda tool's schema has no keyword for is said in its description.
pub fn adapt(document: &Document) -> Adapted {
    let Some(listed) = tools(&document.value) else {
        return Adapted {
            value: (*document.value).clone(),
            changes: Vec::new(),
            operations: Kept { kept: 0, of: 0 },
            places: Places::default(),
        };
    };
    let mut conversion = Converter { document, root: &Value::Null, changes: Vec::new(), schemas: MOST };
    if let Some(form) = Form::of(&document.value) {
        conversion.note(
            "",
            format!("the tools of {} are converted", form.vendor()),
            "a Lambda target has its own form",
        );
    }
    let place = ["/toolConfig/tools", "/result/tools", "/tools", ""];
    let place = place.into_iter().find(|place| document.value.pointer(place).is_some_and(Value::is_array));
    let place = place.unwrap_or_default();
    let converted: Vec<Value> = listed
        .iter()
        .enumerate()
        .filter_map(|(index, tool)| conversion.entry(tool, &format!("{place}/{index}")))
        .collect();
    let operations = Kept { kept: converted.len(), of: listed.len() };
    Adapted {
        value: Value::Array(converted),
        changes: conversion.changes,
        operations,
        places: Places { root: place.to_owned(), ..Places::default() },
    }
}

struct Converter<'a> {
    document: &'a Document,
    /// The schema that references lead into.
    root: &'a Value,
    changes: Vec<Change>,
    /// How many schemas may still be written: references can lead to more than any model reads.
    schemas: usize,
}

impl<'a> Converter<'a> {
    fn note(&mut self, pointer: &str, change: String, reason: &str) {
        let (line, pointer, reason) = (self.document.line_of(pointer), pointer.to_owned(), reason.to_owned());
        self.changes.push(Change { pointer, line, adaptation: FLAG, change, reason });
    }

    /// An entry of the list; Bedrock's `cachePoint` is no tool.
    fn entry(&mut self, tool: &'a Value, at: &str) -> Option<Value> {
        if tool.get("cachePoint").is_none() || tool.get("toolSpec").is_some() {
            return Some(self.tool(tool, at));
        }
        self.note(at, "`cachePoint` is left out".to_owned(), "it is no tool");
        None
    }

    fn tool(&mut self, tool: &'a Value, at: &str) -> Value {
        let inner = ["toolSpec", "function"].into_iter().find(|member| tool.get(*member).is_some_and(Value::is_object));
        let (tool, at) = match inner {
            Some(member) => (&tool[member], format!("{at}/{member}")),
            None => (tool, at.to_owned()),
        };
        let mut written = Map::new();
        let name = tool["name"].as_str().unwrap_or_default();
        written.insert("name".to_owned(), tool["name"].clone());
        let said = tool["description"].as_str().filter(|said| !said.trim().is_empty());
        let title = tool["title"].as_str().or_else(|| tool["annotations"]["title"].as_str());
        if said.is_none() {
            let what = if title.is_some() { "title" } else { "name" };
            self.note(&at, format!("the description of `{name}` is its {what}"), "a Lambda tool must have one");
        }
        written.insert("description".to_owned(), json!(said.or(title).unwrap_or(name)));
        let input =
            ["inputSchema", "input_schema", "parameters"].into_iter().find(|member| tool.get(*member).is_some());
        let input = input
            .map_or_else(|| json!({ "type": "object" }), |member| self.whole(&tool[member], &format!("{at}/{member}")));
        written.insert("inputSchema".to_owned(), input);
        if let Some(output) = tool.get("outputSchema").filter(|output| output.is_object()) {
            written.insert("outputSchema".to_owned(), self.whole(output, &format!("{at}/outputSchema")));
        }
        Value::Object(written)
    }

    /// The schema of a tool's arguments or results.
    fn whole(&mut self, schema: &'a Value, at: &str) -> Value {
        let inner = schema.get("json").filter(|inner| inner.is_object() && schema.get("type").is_none());
        self.root = inner.unwrap_or(schema);
        let mut written = self.schema(self.root, at, &mut Vec::new());
        if written["type"] != "object" {
            written["type"] = json!("object");
        }
        written
    }

    /// A schema in the keywords of a Lambda tool. `open` holds the references that it was reached by.
    fn schema(&mut self, schema: &'a Value, at: &str, open: &mut Vec<&'a str>) -> Value {
        self.schemas = self.schemas.saturating_sub(1);
        if self.schemas == 0 {
            return json!({ "type": "object" });
        }
        let before = open.len();
        let mut parts = Vec::new();
        self.parts(schema, at, open, &mut parts);
        let said = parts.iter().find_map(|part| part.get("description").and_then(Value::as_str));
        let written = self.united(&parts, said, at, open);
        open.truncate(before);
        written
    }

    /// What a schema consists of: itself, what it refers to, all of its `allOf`, and if none of these has a type, the
    /// first of its alternatives that is not null.
    fn parts(&mut self, schema: &'a Value, at: &str, open: &mut Vec<&'a str>, parts: &mut Vec<&'a Map<String, Value>>) {
        let Some(members) = schema.as_object().filter(|_| parts.len() < MOST_PARTS) else { return };
        parts.push(members);
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            match target.filter(|_| !open.contains(&reference) && open.len() < DEEPEST) {
                Some(target) => {
                    open.push(reference);
                    self.parts(target, at, open, parts);
                }
                None => self.note(
                    at,
                    format!("`{reference}` is an open object"),
                    "a Lambda tool's schema has no references",
                ),
            }
        }
        for part in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.parts(part, at, open, parts);
        }
        let alternatives = ["anyOf", "oneOf"].into_iter().find_map(|keyword| members.get(keyword)?.as_array());
        let has_type = parts.iter().any(|part| part.contains_key("type") || part.contains_key("properties"));
        let others: Vec<&Value> = alternatives.into_iter().flatten().filter(|one| one["type"] != "null").collect();
        // Alternatives that are values are said in the description.
        if let Some(first) = others.first().filter(|_| !has_type && constants(members).is_none()) {
            let change = if others.len() > 1 { "it is the first alternative" } else { "it is not null" };
            self.note(at, change.to_owned(), "a Lambda tool's schema has one type");
            self.parts(first, at, open, parts);
        }
    }

    /// One schema of all parts.
    fn united(
        &mut self,
        parts: &[&'a Map<String, Value>],
        said: Option<&str>,
        at: &str,
        open: &mut Vec<&'a str>,
    ) -> Value {
        let kind = kind(parts);
        let mut written = Map::new();
        let declared = parts.iter().find_map(|part| part.get("type"));
        if let Some(declared) = declared.filter(|declared| **declared != kind && !is_nullable(declared, kind)) {
            let change = format!("its type is {kind}, not {declared}");
            self.note(&format!("{at}/type"), change, "a Lambda tool's schema has one of six types");
        }
        written.insert("type".to_owned(), json!(kind));
        let described = self.described(parts, said, at);
        written.extend(described.map(|described| ("description".to_owned(), json!(described))));
        let of_all = |keyword: &'static str| parts.iter().filter_map(move |part| part.get(keyword));
        if kind == "object" {
            let mut inner = Map::new();
            for (name, property) in of_all("properties").filter_map(Value::as_object).flatten() {
                if !inner.contains_key(name) {
                    let written = self.schema(property, &format!("{at}/properties/{}", segment(name)), open);
                    inner.insert(name.clone(), written);
                }
            }
            if of_all("properties").next().is_some() {
                written.insert("properties".to_owned(), Value::Object(inner));
            }
            let mut names: Vec<&str> =
                of_all("required").filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
            names.sort_unstable();
            names.dedup();
            let own = of_all("required").next();
            match own.and_then(Value::as_array) {
                Some(own) if own.len() == names.len() => drop(written.insert("required".to_owned(), json!(own))),
                None if names.is_empty() => {}
                _ => drop(written.insert("required".to_owned(), json!(names))),
            }
        }
        if kind == "array" {
            let items = of_all("items").find(|items| items.is_object());
            let items = items
                .map_or_else(|| json!({ "type": "string" }), |items| self.schema(items, &format!("{at}/items"), open));
            written.insert("items".to_owned(), items);
        }
        Value::Object(written)
    }

    /// The description, with what the other keywords say.
    fn described(&mut self, parts: &[&Map<String, Value>], said: Option<&str>, at: &str) -> Option<String> {
        let reason = "the gateway has no place for it in a Lambda tool's schema";
        let mut more = Vec::new();
        for (keyword, value) in parts.iter().copied().flatten() {
            let is_taken = ["allOf", "anyOf", "oneOf"].contains(&keyword.as_str());
            if is_taken && let Some(values) = constants(&Map::from_iter([(keyword.clone(), value.clone())])) {
                self.note(&format!("{at}/{keyword}"), "the description says which values there are".to_owned(), reason);
                more.extend(words("enum", &Value::Array(values)));
            } else if is_taken && keyword != "allOf" {
                more.extend(alternatives(value));
            }
            if is_taken || SCHEMA_KEYWORDS.contains(&keyword.as_str()) || keyword.starts_with('$') {
                continue;
            }
            let words = words(keyword, value);
            let change = match &words {
                Some(_) => format!("the description says `{keyword}`"),
                None => format!("`{keyword}` is left out"),
            };
            self.note(&format!("{at}/{}", segment(keyword)), change, reason);
            more.extend(words);
        }
        if more.is_empty() {
            return said.map(str::to_owned);
        }
        let mut more = more.join("; ");
        if let Some((end, _)) = more.char_indices().nth(LONGEST) {
            more.truncate(end);
            more.push('…');
        }
        Some(said.map_or_else(|| more.clone(), |said| format!("{} ({more})", said.trim())))
    }
}

/// The values of `anyOf` or `oneOf`, if each alternative is one.
fn constants(members: &Map<String, Value>) -> Option<Vec<Value>> {
    let all = ["anyOf", "oneOf"].into_iter().find_map(|keyword| members.get(keyword)?.as_array())?;
    let values: Option<Vec<Value>> = all.iter().map(|one| one.get("const").cloned()).collect();
    values.filter(|values| values.len() > 1)
}

/// Whether a list of types has this one and null.
fn is_nullable(types: &Value, kind: &str) -> bool {
    types.as_array().is_some_and(|all| all.len() == 2 && all.contains(&json!(kind)) && all.contains(&json!("null")))
}

/// The types of alternatives, if there is more than one.
fn alternatives(value: &Value) -> Option<String> {
    let types = value.as_array()?.iter().map(|one| one["type"].as_str().filter(|kind| *kind != "null"));
    let mut types: Vec<&str> = types.flatten().collect();
    types.dedup();
    (types.len() > 1).then(|| format!("one of the types {}", types.join(", ")))
}

/// The type of a schema, as far as a Lambda tool has it.
fn kind(parts: &[&Map<String, Value>]) -> &'static str {
    let named = parts.iter().find_map(|part| match part.get("type")? {
        Value::String(one) => Some(one.as_str()),
        Value::Array(all) => all.iter().filter_map(Value::as_str).find(|one| *one != "null"),
        _ => None,
    });
    let known = named.and_then(|named| TYPES.into_iter().find(|known| *known == named));
    let has = |keyword: &str| parts.iter().any(|part| part.contains_key(keyword));
    let of_part = |part: &&&Map<String, Value>| part.get("const").or_else(|| part.get("enum")?.get(0)).cloned();
    let listed = || parts.iter().find_map(|part| constants(part)?.into_iter().next());
    let value = || parts.iter().find_map(|part| of_part(&part)).or_else(listed);
    let only_reference = || has("$ref") && parts.len() == 1;
    known.unwrap_or_else(|| match (has("properties") || only_reference(), has("items"), value()) {
        (true, ..) => "object",
        (_, true, _) => "array",
        (.., Some(Value::Number(_))) => "number",
        (.., Some(Value::Bool(_))) => "boolean",
        _ => "string",
    })
}

/// What a keyword says, in words; `None` if a model has no use for it.
fn words(keyword: &str, value: &Value) -> Option<String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(match keyword {
        "enum" => {
            let values = value.as_array()?.iter().map(Value::to_string);
            format!("one of {}", values.collect::<Vec<_>>().join(", "))
        }
        "const" => format!("always {value}"),
        "default" if !value.is_null() => format!("default {value}"),
        "format" => format!("format {text}"),
        "pattern" => format!("pattern {text}"),
        "minimum" => format!("at least {text}"),
        "maximum" => format!("at most {text}"),
        "exclusiveMinimum" => format!("more than {text}"),
        "exclusiveMaximum" => format!("less than {text}"),
        "multipleOf" => format!("a multiple of {text}"),
        "minLength" => format!("at least {text} characters"),
        "maxLength" => format!("at most {text} characters"),
        "minItems" => format!("at least {text} items"),
        "maxItems" => format!("at most {text} items"),
        "uniqueItems" if *value == json!(true) => "each item once".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{finding::Reading, tool::lint};

    fn adapted(value: Value) -> Value {
        adapt(&Document::of(value)).value
    }

    #[test]
    fn the_forms_of_others_become_tools_of_a_lambda_target() {
        let schema = json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] });
        let expected = json!([{ "name": "t", "description": "d", "inputSchema": schema }]);
        let named = |member: &str| json!({ "name": "t", "description": "d", member: schema });
        for (form, given) in [
            (Form::Mcp, json!({ "tools": [named("inputSchema")] })),
            (Form::Mcp, json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": [named("inputSchema")] } })),
            (Form::OpenAi, json!([{ "type": "function", "function": named("parameters") }])),
            (Form::OpenAi, json!({ "tools": [{ "type": "function", "function": named("parameters") }] })),
            (Form::OpenAi, json!([{ "type": "function", "name": "t", "description": "d", "parameters": schema }])),
            (Form::Anthropic, json!([named("input_schema")])),
            (
                Form::Bedrock,
                json!({ "toolConfig": { "tools": [{ "toolSpec": { "name": "t", "description": "d", "inputSchema": { "json": schema } } }] } }),
            ),
        ] {
            assert_eq!(Form::of(&given), Some(form), "{given}");
            let findings = lint(&Document::of(given.clone()), Reading::of("t", false)).1;
            assert!(findings[0].problem.contains(form.vendor()), "{findings:?}");
            assert_eq!(adapted(given), expected);
        }
        assert_eq!(Form::of(&expected), None);
    }

    #[test]
    fn what_the_schema_cannot_say_is_in_the_description() {
        let input = json!({
            "$defs": { "Node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/Node" }, "id": { "type": "integer", "minimum": 1 } } } },
            "type": "object",
            "title": "Arguments",
            "additionalProperties": false,
            "properties": {
                "unit": { "type": "string", "enum": ["c", "f"], "default": "c", "description": "The unit" },
                "day": { "anyOf": [{ "type": "string", "format": "date" }, { "type": "null" }], "description": "When" },
                "node": { "$ref": "#/$defs/Node" },
                "tags": { "type": ["array", "null"] },
            },
        });
        let tools = adapted(json!([{ "name": "t", "description": "d", "inputSchema": input }]));
        let properties = json!({
            "unit": { "type": "string", "description": "The unit (one of \"c\", \"f\"; default \"c\")" },
            "day": { "type": "string", "description": "When (format date)" },
            "node": { "type": "object", "properties": {
                "next": { "type": "object" },
                "id": { "type": "integer", "description": "at least 1" },
            } },
            "tags": { "type": "array", "items": { "type": "string" } },
        });
        assert_eq!(tools[0]["inputSchema"], json!({ "type": "object", "properties": properties }));
        let (tools, findings) = lint(&Document::of(tools), Reading::of("t", false));
        assert_eq!((tools.len(), findings), (1, Vec::new()));
    }

    #[test]
    fn what_is_odd_is_converted_and_said() {
        let flat = json!([{ "type": "function", "name": "a", "description": "d" }, { "type": "function", "name": "b", "description": "d", "parameters": {} }]);
        assert_eq!(Form::of(&flat), Some(Form::OpenAi));
        assert_eq!(Form::of(&json!({ "tools": flat })), Some(Form::OpenAi));
        let cached = json!({ "tools": [{ "toolSpec": { "name": "t", "description": "d", "inputSchema": { "json": {} } } }, { "cachePoint": { "type": "default" } }] });
        let Adapted { value, changes, .. } = adapt(&Document::of(cached));
        assert_eq!(value.as_array().unwrap().len(), 1);
        assert!(changes.iter().any(|change| change.change == "`cachePoint` is left out"), "{changes:?}");
        let input = json!({ "type": "object", "required": true, "properties": {
            "f": { "type": "file" }, "n": { "type": ["string", "null"] }, "m": { "type": ["string", "integer"] },
            "o": { "oneOf": [{ "type": "string" }, { "type": "integer" }] },
        } });
        let Adapted { value, changes, .. } =
            adapt(&Document::of(json!([{ "name": "t", "description": "d", "inputSchema": input }])));
        let properties = json!({
            "f": { "type": "string" }, "n": { "type": "string" }, "m": { "type": "string" },
            "o": { "type": "string", "description": "one of the types string, integer" },
        });
        assert_eq!(value[0]["inputSchema"], json!({ "type": "object", "properties": properties }));
        let said: Vec<&str> = changes.iter().map(|change| change.change.as_str()).collect();
        assert_eq!(
            said,
            [
                "its type is string, not \"file\"",
                "its type is string, not [\"string\",\"integer\"]",
                "it is the first alternative"
            ]
        );
    }

    #[test]
    fn combined_schemas_lose_no_argument() {
        let of = |input: Value| {
            adapted(json!([{ "name": "t", "description": "d", "inputSchema": input }]))[0]["inputSchema"].clone()
        };
        let text = json!({ "type": "string" });
        let all = of(json!({
            "properties": { "a": text }, "required": ["a"],
            "allOf": [{ "properties": { "b": text }, "required": ["b"] }, { "properties": { "c": text } }],
        }));
        assert_eq!(
            all,
            json!({ "type": "object", "properties": { "a": text, "b": text, "c": text }, "required": ["a", "b"] })
        );
        let any = of(
            json!({ "properties": { "a": text, "b": text }, "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] }),
        );
        assert_eq!(any, json!({ "type": "object", "properties": { "a": text, "b": text } }));
        let referred = of(
            json!({ "$defs": { "A": { "type": "object", "properties": { "a": text } } }, "allOf": [{ "$ref": "#/$defs/A" }] }),
        );
        assert_eq!(referred, json!({ "type": "object", "properties": { "a": text } }));
    }

    #[test]
    fn whatever_it_is_it_becomes_something_that_is_checked() {
        for odd in [
            json!(7),
            json!([]),
            json!([7]),
            json!({ "tools": 7 }),
            json!([{ "function": 7 }]),
            json!({ "result": {} }),
        ] {
            let adapted = adapt(&Document::of(odd.clone()));
            let (tools, findings) = lint(&Document::of(adapted.value), Reading::of("t", false));
            assert!(tools.is_empty() && !findings.is_empty(), "{odd}");
        }
    }
}
