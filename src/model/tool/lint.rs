//! Checks the tool definitions of a Lambda target.

use std::collections::HashSet;

use super::{
    Tool, convert, is_plain_property,
    lambda::{NO_TOOLS, SCHEMA_KEYWORDS, SchemaError, TYPES, duplicated, parse},
    name_problems,
};
use crate::model::{
    document::{Document, segment},
    finding::{Finding, Notes, Reading},
};

/// The tools of a Lambda target's schema, and the findings: all of its errors, and the problems that model clients have
/// with it.
pub fn lint(document: &Document, reading: Reading<'_>) -> (Vec<Tool>, Vec<Finding>) {
    let mut notes = Notes::new(document);
    if let Some(form) = convert::Form::of(&document.value) {
        let problem = format!("these are tools in the form of {}", form.vendor());
        notes.error(
            "",
            "tool schema",
            problem,
            "a Lambda target has a list of tools; `validate tools --adapt` converts them",
        );
        return (Vec::new(), notes.finish());
    }
    let (tools, errors) = parse(&document.value);
    for SchemaError { pointer, problem } in errors {
        let remedy = remedy(&pointer, &problem);
        notes.error(&pointer, "tool schema", problem, &remedy);
    }
    let mut names = HashSet::new();
    // Tools with errors are looked at, too.
    for (index, tool) in document.value.as_array().into_iter().flatten().enumerate() {
        let place = format!("/{index}/name");
        if let Some(name) = tool["name"].as_str().filter(|name| !name.is_empty()) {
            if !names.insert(name) {
                let problem = duplicated(reading.target, name);
                notes.error(&place, "tool name", problem, "give each tool a name of its own");
            }
            for (problem, remedy) in name_problems(reading.target, name) {
                notes.warn(&place, "tool name", problem, remedy);
            }
        }
        let mut waiting = vec![(format!("/{index}/inputSchema"), &tool["inputSchema"])];
        while let Some((pointer, schema)) = waiting.pop() {
            if schema["type"] == "array" && schema.get("items").is_none() {
                let problem = "the list does not say what its items are: some models' clients refuse it";
                notes.warn(&pointer, "tool schema", problem, "give it `items`, such as `{\"type\": \"string\"}`");
            }
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                let place = format!("{pointer}/properties/{}", segment(name));
                if !is_plain_property(name) {
                    let problem = format!("`{name}` is a name that some models' clients refuse");
                    notes.warn(&place, "property name", problem, "use 1 to 64 letters, digits, `_`, `.` and `-`");
                }
                waiting.push((place, property));
            }
            waiting.extend(schema.get("items").map(|items| (format!("{pointer}/items"), items)));
        }
    }
    let tools = tools.into_iter().map(|(_, tool)| tool).collect();
    (tools, notes.finish())
}

fn remedy(pointer: &str, problem: &str) -> String {
    if problem == NO_TOOLS {
        return "define at least one tool".to_owned();
    }
    let member = pointer.rsplit('/').next().unwrap_or_default();
    if pointer.contains("Schema/") || pointer.ends_with("Schema") {
        return match member {
            "type" => format!("a schema's type is one of {}", TYPES.join(", ")),
            _ if problem.contains("has no place") => {
                "say it in the `description`, which the model reads, or let `validate tools --adapt` do it".to_owned()
            }
            _ => format!("a schema has {}", SCHEMA_KEYWORDS.join(", ")),
        };
    }
    "a tool has name, description and inputSchema, and may have outputSchema".to_owned()
}
