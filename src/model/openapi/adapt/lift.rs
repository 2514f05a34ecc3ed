//! Parts of operations that others refer to become components, so that each operation can be left out alone.

use std::collections::{BTreeSet, HashMap};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{Adapter, names::plain};
use crate::model::{adapt::texts, naming::short_hash};

impl Adapter<'_> {
    pub(super) fn lift(&mut self) {
        let references: BTreeSet<String> = texts(&self.value, "$ref")
            .into_iter()
            .filter(|reference| reference.starts_with("#/paths/"))
            .map(str::to_owned)
            .collect();
        let mut renamed = HashMap::new();
        for reference in references {
            let pointer = percent_decode_str(&reference[1..]).decode_utf8_lossy().into_owned();
            let Some(section) = section(&pointer) else { continue };
            let Some(part) = self.value.pointer(&pointer).cloned().filter(|part| self.may_copy(part)) else { continue };
            let last = pointer.rsplit('/').next().unwrap_or_default();
            let name = format!("{}_{}", plain(last), short_hash(&[&pointer]));
            let Value::Object(members) = &mut self.value else { return };
            let components = members.entry("components").or_insert_with(|| json!({}));
            let Value::Object(components) = components else { return };
            if let Value::Object(named) = components.entry(section).or_insert_with(|| json!({})) {
                named.insert(name.clone(), part);
            }
            let change = format!("`{reference}` is `#/components/{section}/{name}`");
            self.note_of("adapt", pointer, change, "another operation refers to it, and each can be left out alone");
            let component = format!("#/components/{section}/{name}");
            self.lifted.insert(component.clone(), reference.clone());
            renamed.insert(reference, component);
        }
        rename(&mut self.value, &renamed);
    }
}

/// The section of the components that a part of an operation belongs to; `None` for operations and unknown parts.
fn section(pointer: &str) -> Option<&'static str> {
    let parts: Vec<&str> = pointer.split('/').skip(4).collect();
    match parts.as_slice() {
        [] => None,
        all if all.contains(&"schema") => Some("schemas"),
        [.., "parameters", _] => Some("parameters"),
        [.., "requestBody"] => Some("requestBodies"),
        [.., "responses", _] => Some("responses"),
        _ => None,
    }
}

fn rename(value: &mut Value, renamed: &HashMap<String, String>) {
    match value {
        Value::Object(members) => rename_members(members, renamed),
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, renamed)),
        _ => {}
    }
}

fn rename_members(members: &mut Map<String, Value>, renamed: &HashMap<String, String>) {
    for (key, value) in members.iter_mut() {
        match value.as_str().filter(|_| key == "$ref").and_then(|reference| renamed.get(reference)) {
            Some(component) => *value = json!(component),
            None => rename(value, renamed),
        }
    }
}
