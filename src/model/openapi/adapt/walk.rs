//! Visits the parts of a document that adaptations change, each once and wherever it stands.

use serde_json::Value;

use super::{METHODS, members_of, segment};

/// A kind of part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Operation,
    Parameter,
    RequestBody,
    Response,
    /// A schema that is in no other.
    Schema,
}

/// Visits each part with its JSON pointer, before what is in it.
pub(super) fn each(document: &mut Value, visit: &mut dyn FnMut(Part, &mut Value, &str)) {
    for (path, item) in members_of(document, "paths") {
        let at = format!("/paths/{}", segment(path));
        list(item, "parameters", Part::Parameter, &at, visit);
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if METHODS.contains(&method.as_str()) {
                part(Part::Operation, operation, &format!("{at}/{method}"), visit);
            }
        }
    }
    let Some(components) = document.get_mut("components") else { return };
    let sections = [
        ("parameters", Part::Parameter),
        ("requestBodies", Part::RequestBody),
        ("responses", Part::Response),
        ("schemas", Part::Schema),
    ];
    for (section, kind) in sections {
        for (name, node) in members_of(components, section) {
            part(kind, node, &format!("/components/{section}/{}", segment(name)), visit);
        }
    }
    for (name, header) in members_of(components, "headers") {
        inside(header, "schema", Part::Schema, &format!("/components/headers/{}", segment(name)), visit);
    }
}

fn part(kind: Part, node: &mut Value, at: &str, visit: &mut dyn FnMut(Part, &mut Value, &str)) {
    visit(kind, node, at);
    match kind {
        Part::Schema => {}
        Part::Operation => {
            list(node, "parameters", Part::Parameter, at, visit);
            inside(node, "requestBody", Part::RequestBody, at, visit);
            for (status, response) in members_of(node, "responses") {
                part(Part::Response, response, &format!("{at}/responses/{}", segment(status)), visit);
            }
        }
        Part::Parameter | Part::RequestBody | Part::Response => {
            inside(node, "schema", Part::Schema, at, visit);
            for section in ["content", "headers"] {
                for (name, holder) in members_of(node, section) {
                    inside(holder, "schema", Part::Schema, &format!("{at}/{section}/{}", segment(name)), visit);
                }
            }
        }
    }
}

fn inside(node: &mut Value, key: &str, kind: Part, at: &str, visit: &mut dyn FnMut(Part, &mut Value, &str)) {
    if let Some(inner) = node.get_mut(key) {
        part(kind, inner, &format!("{at}/{key}"), visit);
    }
}

fn list(node: &mut Value, key: &str, kind: Part, at: &str, visit: &mut dyn FnMut(Part, &mut Value, &str)) {
    for (index, inner) in node.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
        part(kind, inner, &format!("{at}/{key}/{index}"), visit);
    }
}
