//! Schemas without `allOf`, `oneOf` and `anyOf`, and with values that JSON Schema allows.

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value, json};

use super::{
    Adaptation, Adapter,
    keyword::{self, Kind, Mended},
    segment, walk,
};

/// Keywords that say something of a schema and nothing of its values.
const ANNOTATIONS: [&str; 12] = [
    "description",
    "title",
    "nullable",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "externalDocs",
    "xml",
    "discriminator",
];
/// Limits on what merged schemas are given from elsewhere, in nodes, and on how deep that nests.
const MOST_INLINED: usize = 200_000;
const DEEPEST: usize = 64;

impl Adapter<'_> {
    pub(super) fn schemas(&mut self) {
        if !self.has(Adaptation::MergeSchemas) && !self.has(Adaptation::MendValues) {
            return;
        }
        self.with_value(|adapter, value| {
            walk::each(value, &mut |part, node, at| {
                if part == walk::Part::Schema {
                    adapter.schema(node, &mut at.to_owned(), &mut Vec::new());
                }
            });
        });
    }

    /// `open` holds the addresses of what the schemas around this one were merged from.
    fn schema(&mut self, schema: &mut Value, at: &mut String, open: &mut Vec<usize>) {
        let Value::Object(members) = schema else { return };
        if members.contains_key("$ref") {
            return;
        }
        let before = open.len();
        if self.has(Adaptation::MergeSchemas) {
            self.merge(members, at, open);
            self.open_alternatives(members, at, open);
        }
        if self.has(Adaptation::MendValues) {
            self.mend(members, at);
        }
        for (keyword, value) in members.iter_mut() {
            let length = at.len();
            match keyword::kind(keyword) {
                Some(Kind::One) => {
                    at.push_str(&format!("/{keyword}"));
                    self.schema(value, at, open);
                }
                Some(Kind::Many) => {
                    for (index, inner) in value.as_array_mut().into_iter().flatten().enumerate() {
                        at.push_str(&format!("/{keyword}/{index}"));
                        self.schema(inner, at, open);
                        at.truncate(length);
                    }
                }
                Some(Kind::Named) => {
                    for (name, inner) in value.as_object_mut().into_iter().flatten() {
                        at.push_str(&format!("/{keyword}/{}", segment(name)));
                        self.schema(inner, at, open);
                        at.truncate(length);
                    }
                }
                _ => {}
            }
            at.truncate(length);
        }
        open.truncate(before);
    }

    /// Replaces `allOf`: by the reference that it consists of, or by one schema with what all of its parts say.
    fn merge(&mut self, members: &mut Map<String, Value>, at: &str, open: &mut Vec<usize>) {
        let Some(parts) = members.shift_remove("allOf") else { return };
        let parts = if let Value::Array(parts) = parts { parts } else { Vec::new() };
        let change = if let Some(reference) = only_reference(members, &parts) {
            *members = reference;
            "`allOf` is the schema that it consists of"
        } else {
            self.merge_all(members, parts, open, at.matches('/').count());
            "`allOf` is one schema with what its parts say"
        };
        let reason = "AWS's documentation says that `allOf` is not supported";
        self.note(Adaptation::MergeSchemas, format!("{at}/allOf"), change, reason);
    }

    /// Merges schemas into one, and those that they consist of.
    pub(super) fn merge_all(
        &mut self,
        members: &mut Map<String, Value>,
        parts: Vec<Value>,
        open: &mut Vec<usize>,
        depth: usize,
    ) {
        let mut waiting = VecDeque::from(parts);
        let mut seen = HashSet::new();
        while let Some(part) = waiting.pop_front() {
            let Value::Object(mut part) = part else { continue };
            if part.contains_key("$ref") {
                let Some(target) = self.target(&Value::Object(part)) else { continue };
                let address = std::ptr::from_ref(target).addr();
                // What is merged within itself, or too often, is left open.
                if open.contains(&address) || !seen.insert(address) || depth > DEEPEST {
                    continue;
                }
                self.inlined += count(target);
                if self.inlined <= MOST_INLINED {
                    open.push(address);
                    waiting.push_front(target.clone());
                }
                continue;
            }
            if let Some(Value::Array(inner)) = part.shift_remove("allOf") {
                for inner in inner.into_iter().rev() {
                    waiting.push_front(inner);
                }
            }
            combine(members, part);
        }
        if members.contains_key("properties") && !members.contains_key("type") {
            members.insert("type".to_owned(), json!("object"));
        }
    }

    /// Mends values that JSON Schema does not allow.
    fn mend(&mut self, members: &mut Map<String, Value>, at: &str) {
        let reason = "JSON Schema does not allow it, and the APIs of models refuse the tool";
        for keyword in members.keys().cloned().collect::<Vec<_>>() {
            let Some(kind) = keyword::kind(&keyword) else { continue };
            let change = match keyword::mend(kind, &keyword, &members[&keyword], members) {
                Mended::AsItIs | Mended::Moved | Mended::Changed(_, None) => continue,
                Mended::Changed(value, Some(problem)) => {
                    let change = format!("`{keyword}` {problem}: it is `{value}`");
                    members.insert(keyword.clone(), value);
                    change
                }
                Mended::Dropped(problem) => {
                    members.shift_remove(&keyword);
                    format!("`{keyword}` {problem}: it is left out")
                }
            };
            self.note(Adaptation::MendValues, format!("{at}/{}", segment(&keyword)), change, reason);
        }
        if members.get("type").is_some_and(|kind| kind == "array") && !members.contains_key("items") {
            members.insert("items".to_owned(), json!({}));
            self.note(Adaptation::MendValues, at, "the list has items of any kind", reason);
        }
    }
}

/// The reference that a schema is, if it has nothing else that matters: with its description.
pub(super) fn only_reference(members: &Map<String, Value>, parts: &[Value]) -> Option<Map<String, Value>> {
    let is_note = |members: &Map<String, Value>| {
        members.keys().all(|keyword| ANNOTATIONS.contains(&keyword.as_str()) || keyword.starts_with("x-"))
    };
    let mut reference = None;
    for part in parts {
        match part.get("$ref") {
            Some(Value::String(_)) if reference.is_some() => return None,
            Some(Value::String(text)) => reference = Some(text),
            _ if part.as_object().is_some_and(is_note) => {}
            _ => return None,
        }
    }
    let mut kept = Map::new();
    kept.insert("$ref".to_owned(), json!(reference.filter(|_| is_note(members))?));
    let said = members.get("description").or_else(|| parts.iter().find_map(|part| part.get("description")));
    kept.extend(said.map(|said| ("description".to_owned(), said.clone())));
    Some(kept)
}

/// Adds to a schema what another one says as well.
fn combine(members: &mut Map<String, Value>, part: Map<String, Value>) {
    let is_variant = part.contains_key("discriminator");
    for (keyword, value) in part {
        match (keyword.as_str(), members.get_mut(&keyword)) {
            ("properties", Some(Value::Object(properties))) => {
                for (name, property) in value.as_object().into_iter().flatten() {
                    match properties.get_mut(name) {
                        None => drop(properties.insert(name.clone(), property.clone())),
                        Some(known) => refine(known, property),
                    }
                }
            }
            ("required", Some(Value::Array(required))) => {
                let known: HashSet<String> = required.iter().map(Value::to_string).collect();
                let more = value.as_array().into_iter().flatten().filter(|name| !known.contains(&name.to_string()));
                required.extend(more.cloned());
            }
            ("enum", Some(Value::Array(values))) => {
                let other: HashSet<String> = value.as_array().into_iter().flatten().map(Value::to_string).collect();
                if values.iter().any(|value| other.contains(&value.to_string())) {
                    values.retain(|value| other.contains(&value.to_string()));
                }
            }
            ("type", Some(kind)) if kind == "number" && value == "integer" => *kind = value,
            // A parent lists its variants, of which this schema is one.
            ("oneOf" | "anyOf", _) if is_variant => {}
            // Each part alone would forbid what the others have.
            ("additionalProperties", _) if value == json!(false) => {}
            ("nullable" | "discriminator" | "xml" | "example" | "examples" | "externalDocs", _) => {}
            (other, _) if other.starts_with("x-") => {}
            (_, Some(_)) => {}
            (_, None) => drop(members.insert(keyword, value)),
        }
    }
}

/// A property that two parts describe: both hold where both are written out, else the one that says more.
fn refine(known: &mut Value, other: &Value) {
    let is_bare = |schema: &Value| {
        schema.as_object().is_some_and(|members| members.keys().all(|key| ANNOTATIONS.contains(&key.as_str())))
    };
    match (&mut *known, other) {
        (Value::Object(members), Value::Object(other))
            if !members.contains_key("$ref") && !other.contains_key("$ref") =>
        {
            combine(members, other.clone());
        }
        (known, other) if is_bare(known) => *known = other.clone(),
        _ => {}
    }
}

/// The number of nodes of a value.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}
