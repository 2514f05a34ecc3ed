//! Path parameters: those that the path has, each described.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Adaptation, Adapter, METHODS, members_of, segment, templates, walk};

const FLAG: Adaptation = Adaptation::MatchPathParameters;

impl Adapter<'_> {
    pub(super) fn parameters(&mut self) {
        if !self.has(FLAG) {
            return;
        }
        self.with_value(|adapter, value| {
            walk::each(value, &mut |part, node, at| {
                if part == walk::Part::Parameter {
                    adapter.complete(node, at);
                }
            });
            for (path, item) in members_of(value, "paths") {
                adapter.match_path(path, item);
            }
        });
    }

    /// What a parameter has to have.
    fn complete(&mut self, parameter: &mut Value, at: &str) {
        let Value::Object(members) = parameter else { return };
        if members.contains_key("$ref") {
            return;
        }
        if members.get("in").is_some_and(|place| place == "path") && members.get("required") != Some(&json!(true)) {
            members.insert("required".to_owned(), json!(true));
            self.note(FLAG, at, "the path parameter is required", "a path needs all its parts");
        }
        let is_placed =
            members.get("in").is_some_and(|place| ["path", "query", "header"].iter().any(|one| place == one));
        if is_placed && !members.contains_key("schema") && !members.contains_key("content") {
            members.insert("schema".to_owned(), json!({ "type": "string" }));
            self.note(FLAG, at, "the parameter is a string", "it has no schema");
        }
    }

    fn match_path(&mut self, path: &str, item: &mut Value) {
        let at = format!("/paths/{}", segment(path));
        let wanted: BTreeSet<String> = templates(path).collect();
        let inherited = self.keep_wanted(item, &at, path, &wanted);
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if !METHODS.contains(&method.as_str()) || !operation.is_object() {
                continue;
            }
            let at = format!("{at}/{method}");
            let own = self.keep_wanted(operation, &at, path, &wanted);
            for name in wanted.iter().filter(|name| !inherited.contains(*name) && !own.contains(*name)) {
                let described = json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
                match operation.get_mut("parameters").and_then(Value::as_array_mut) {
                    Some(parameters) => parameters.push(described),
                    None => operation["parameters"] = json!([described]),
                }
                self.note(
                    FLAG,
                    &at,
                    format!("`{name}` is a path parameter, a string"),
                    format!("the path {path} has it"),
                );
            }
        }
    }

    /// Removes path parameters that the path does not have; returns the names of those that it has.
    fn keep_wanted(&mut self, level: &mut Value, at: &str, path: &str, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let mut described = BTreeSet::new();
        self.retain_parameters(level, at, |adapter, parameter, _, place| {
            let whole = adapter.target(parameter).unwrap_or(parameter);
            let Some(name) = whole["name"].as_str().filter(|_| whole["in"] == "path") else { return true };
            if wanted.contains(name) {
                described.insert(name.to_owned());
                return true;
            }
            let (change, reason) =
                (format!("the parameter `{name}` is left out"), format!("the path {path} does not have it"));
            adapter.note(FLAG, place, change, reason);
            false
        });
        described
    }
}
