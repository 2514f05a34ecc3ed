//! Keeps the operations that are picked, and the components that they lead to.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{Adapter, METHODS, members_of, names, operations, segment};
use crate::model::adapt::{Candidate, Reach, texts};

impl Adapter<'_> {
    /// # Errors
    ///
    /// If a name or a pattern picks no operation.
    pub(super) fn pick(&mut self) -> Result<(), String> {
        let pick = &self.adapting.pick;
        if pick.is_everything() {
            return Ok(());
        }
        let all = operations(&self.value).count() + self.document.left_out;
        if self.document.left_out > 0 {
            // They were left out when the document was read.
            remove_operations(&mut self.value, &HashSet::new());
            self.note_picked(self.document.left_out, all);
            return Ok(());
        }
        // Names go by the document's own spelling, and by that of the tools.
        let spelled: Vec<(String, String)> = operations(&self.value)
            .map(|place| {
                names::spellings(place.operation["operationId"].as_str(), place.method, place.path, self.reading.target)
            })
            .collect();
        let candidates: Vec<Candidate<'_>> = operations(&self.value)
            .zip(&spelled)
            .map(|(place, (own, tool))| Candidate::new([own, tool], place.method, place.path))
            .collect();
        let picked = pick.of(&candidates)?;
        let dropped: HashSet<String> = operations(&self.value)
            .zip(&picked)
            .filter(|(_, picked)| !**picked)
            .map(|(place, _)| place.pointer())
            .collect();
        remove_operations(&mut self.value, &dropped);
        self.note_picked(dropped.len(), all);
        Ok(())
    }

    fn note_picked(&mut self, dropped: usize, all: usize) {
        if dropped > 0 {
            let change = format!("{dropped} of {all} operations are left out");
            self.note_of("include", "/paths", change, "`--include`, `--exclude` and `--operations` do not pick them");
        }
    }

    /// Removes components that no operation leads to, and returns how many.
    pub(super) fn drop_unused(&mut self) -> usize {
        let mut reach = Reach::default();
        for (section, name, component) in components(&self.value) {
            reach.add(pointer(section, name), references(component));
        }
        let begin = self.value.as_object().into_iter().flatten().filter(|(member, _)| *member != "components");
        let used = reach.from(begin.flat_map(|(_, value)| references(value)));
        let mut removed = 0;
        let Some(sections) = self.value.get_mut("components").and_then(Value::as_object_mut) else { return 0 };
        for (section, named) in sections.iter_mut() {
            // Schemes are named by `security`, not referred to.
            if section == "securitySchemes" {
                continue;
            }
            if let Value::Object(named) = named {
                let before = named.len();
                named.retain(|name, _| used.contains(&pointer(section, name)));
                removed += before - named.len();
            }
        }
        sections.retain(|_, named| named.as_object().is_none_or(|named| !named.is_empty()));
        if sections.is_empty()
            && let Value::Object(members) = &mut self.value
        {
            members.shift_remove("components");
        }
        removed
    }

    pub(super) fn note_unused(&mut self, parts: usize) {
        if parts > 0 {
            let change = if parts == 1 {
                "a component is left out".to_owned()
            } else {
                format!("{parts} components are left out")
            };
            self.note_of("adapt", "/components", change, "no operation uses what is left out");
        }
    }
}

/// Removes operations by their pointers, and paths that have none any more.
pub(super) fn remove_operations(document: &mut Value, dropped: &HashSet<String>) {
    for (path, item) in members_of(document, "paths") {
        let at = format!("/paths/{}", segment(path));
        if let Value::Object(item) = item {
            item.retain(|method, _| !dropped.contains(&format!("{at}/{method}")));
        }
    }
    if let Some(Value::Object(paths)) = document.get_mut("paths") {
        let has_operations = |item: &Value| METHODS.iter().any(|method| item.get(method).is_some());
        paths.retain(|path, item| path.starts_with("x-") || item.get("$ref").is_some() || has_operations(item));
    }
}

/// All components, with their section and name.
pub(super) fn components(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let sections = document.get("components").and_then(Value::as_object).into_iter().flatten();
    sections.flat_map(|(section, named)| {
        let named = named.as_object().into_iter().flatten();
        named.map(move |(name, component)| (section.as_str(), name.as_str(), component))
    })
}

/// The pointer of a component.
pub(super) fn pointer(section: &str, name: &str) -> String {
    format!("/components/{}/{}", segment(section), segment(name))
}

/// The components and operations that a value refers to, by their pointers.
pub(super) fn references(value: &Value) -> Vec<String> {
    let within = texts(value, "$ref").into_iter().chain(mapped(value));
    let within = within.filter_map(|reference| reference.strip_prefix('#'));
    within.map(|pointer| part_of(&percent_decode_str(pointer).decode_utf8_lossy())).collect()
}

/// The references in the `mapping` of discriminators.
fn mapped(value: &Value) -> Vec<&str> {
    let (mut found, mut waiting) = (Vec::new(), vec![value]);
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(members) => {
                let mapping = members.get("discriminator").and_then(|it| it.get("mapping")).and_then(Value::as_object);
                found.extend(mapping.into_iter().flat_map(serde_json::Map::values).filter_map(Value::as_str));
                waiting.extend(members.values());
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    found
}

/// The component or the operation that a pointer leads into: its first three parts.
pub(super) fn part_of(pointer: &str) -> String {
    pointer.splitn(5, '/').take(4).collect::<Vec<_>>().join("/")
}
