//! Leaves out what the reader reports as an error: optional parts of an operation first, then the operation.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};

use super::{
    Adaptation, Adapter, Api, Document, Place, members_of, operations,
    pick::{components, part_of, pointer, references, remove_operations},
    segment,
};
use crate::model::adapt::Reach;

/// The errors of a document.
struct Faults {
    /// Problems by their pointers.
    problems: BTreeMap<String, String>,
    /// The components and operations that lead to an error, with its problem.
    parts: HashMap<String, String>,
}

impl Faults {
    fn of(document: &Value, problems: BTreeMap<String, String>) -> Self {
        let mut reach = Reach::default();
        for (section, name, component) in components(document) {
            reach.add(pointer(section, name), references(component));
        }
        for place in operations(document) {
            reach.add(place.pointer(), references(place.operation));
        }
        let mut of_part: BTreeMap<String, &String> = BTreeMap::new();
        for (pointer, problem) in &problems {
            of_part.entry(part_of(pointer)).or_insert(problem);
        }
        let ends = reach.to(of_part.keys().cloned());
        let parts = ends.into_iter().filter_map(|(part, end)| Some((part, (*of_part.get(&end)?).clone()))).collect();
        Self { problems, parts }
    }

    /// The problem of a node: within it, or within what it refers to.
    fn problem(&self, at: &str, node: &Value) -> Option<&str> {
        let referred = || references(node).iter().find_map(|part| self.parts.get(part)).map(String::as_str);
        self.within(at).or_else(referred)
    }

    /// The problem of an operation, or of what it has in common with the others of its path.
    fn of_operation(&self, place: &Place<'_>) -> Option<String> {
        let item = format!("/paths/{}", segment(place.path));
        let shared = place.item.get("parameters").unwrap_or(&Value::Null);
        let own = self.problem(&place.pointer(), place.operation);
        let common = own.or_else(|| self.problems.get(&item).map(String::as_str));
        let common = common.or_else(|| self.problem(&format!("{item}/parameters"), shared));
        common.or_else(|| self.within(&format!("{item}/servers"))).map(str::to_owned)
    }

    /// The first problem at a place or below it.
    fn within(&self, at: &str) -> Option<&str> {
        let below = format!("{at}/");
        let here = self.problems.get(at);
        let next = || self.problems.range(below.clone()..).next().filter(|(place, _)| place.starts_with(&below));
        here.or_else(|| next().map(|(_, problem)| problem)).map(String::as_str)
    }
}

impl Adapter<'_> {
    /// Leaves out the optional parts that have errors; or if none has, the operations. Returns whether it left out
    /// something.
    pub(super) fn leave_out(&mut self) -> bool {
        let (drops, skips) = (self.has(Adaptation::DropUnsupportedContent), self.has(Adaptation::SkipUnsupported));
        if !drops && !skips {
            return false;
        }
        let document = Document::of(std::mem::take(&mut self.value));
        let problems = Api::problems(&document, self.reading);
        self.value = document.into_value();
        if problems.is_empty() {
            return false;
        }
        let faults = Faults::of(&self.value, problems);
        let problem = |place: &Place<'_>| Some((place.pointer(), place.shown(), faults.of_operation(place)?));
        let bad: Vec<(String, String, String)> = operations(&self.value).filter_map(|place| problem(&place)).collect();
        let before = self.changes.len();
        if drops {
            self.drop_parts(&bad, &faults);
        }
        if skips && self.changes.len() == before {
            self.skip(bad);
        }
        self.changes.len() > before
    }

    fn drop_parts(&mut self, bad: &[(String, String, String)], faults: &Faults) {
        let items: BTreeSet<&str> = bad.iter().filter_map(|(at, ..)| Some(at.rsplit_once('/')?.0)).collect();
        self.with_value(|adapter, value| {
            for item in items {
                if let Some(level) = value.pointer_mut(item) {
                    adapter.drop_parameters(level, item, faults);
                }
            }
            for (at, ..) in bad {
                if let Some(operation) = value.pointer_mut(at) {
                    adapter.drop_parameters(operation, at, faults);
                    adapter.drop_body(operation, at, faults);
                    adapter.drop_contents(operation, at, faults);
                }
            }
        });
    }

    fn drop_parameters(&mut self, level: &mut Value, at: &str, faults: &Faults) {
        self.retain_parameters(level, at, |adapter, parameter, now, place| {
            let whole = adapter.target(parameter).unwrap_or(parameter);
            let is_unknown = parameter.get("$ref").is_some() && adapter.target(parameter).is_none();
            let is_needed = is_unknown || (whole["required"] == true && whole["name"].is_string());
            let Some(problem) = faults.problem(now, parameter).filter(|_| !is_needed) else { return true };
            let change = format!("the parameter {} is left out", whole["name"]);
            adapter.note(Adaptation::DropUnsupportedContent, place, change, problem);
            false
        });
    }

    fn drop_body(&mut self, operation: &mut Value, at: &str, faults: &Faults) {
        let Some(body) = operation.get("requestBody") else { return };
        let place = format!("{at}/requestBody");
        let is_needed = self.target(body).unwrap_or(body)["required"] == true;
        if let Some(problem) = faults.problem(&place, body).filter(|_| !is_needed) {
            self.note(Adaptation::DropUnsupportedContent, place, "the optional body is left out", problem);
            if let Value::Object(members) = operation {
                members.shift_remove("requestBody");
            }
        }
    }

    /// Nothing of a response's content reaches a tool.
    fn drop_contents(&mut self, operation: &mut Value, at: &str, faults: &Faults) {
        for (status, response) in members_of(operation, "responses") {
            let place = format!("{at}/responses/{}", segment(status));
            let Some(problem) = faults.problem(&place, response) else { continue };
            let whole = self.target(response).unwrap_or(response);
            let has_nothing = response.get("$ref").is_none() && response.as_object().is_some_and(|all| all.len() == 1);
            let Some(description) = whole["description"].as_str().filter(|_| !has_nothing).map(str::to_owned) else {
                continue;
            };
            *response = json!({ "description": description });
            self.note(Adaptation::DropUnsupportedContent, place, "the response's content is left out", problem);
        }
    }

    fn skip(&mut self, bad: Vec<(String, String, String)>) {
        let mut skipped = HashSet::new();
        for (at, shown, problem) in bad {
            let id = self.value.pointer(&at).and_then(|operation| operation["operationId"].as_str());
            let id = id.map(|id| format!(" ({id})")).unwrap_or_default();
            self.note(Adaptation::SkipUnsupported, at.clone(), format!("{shown}{id} is left out"), problem);
            skipped.insert(at);
        }
        remove_operations(&mut self.value, &skipped);
    }
}
