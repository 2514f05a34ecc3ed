//! Schemas without `allOf`, `oneOf` and `anyOf`, and with values that JSON Schema allows.

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value, json};

use super::{
    Adaptation, Adapter,
    keyword::{self, Kind, Mended},
    segment, walk,
};

/// Keywords that say something of a schema and nothing of its values.
const NOTES: [&str; 7] = ["description", "title", "example", "examples", "deprecated", "externalDocs", "xml"];
/// Limit on the parts of a pointer below which nothing is merged: JSON parsers limit the depth of documents.
const DEEPEST: usize = 64;
/// How often a schema may be merged within itself.
const MOST_NESTED: usize = 2;
/// How often the same schema is merged and opened: each time, a part can bring further combinations.
const ROUNDS: usize = 16;
const COMBINED: [&str; 3] = ["allOf", "oneOf", "anyOf"];

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
        if members.contains_key("$ref") && !(self.has(Adaptation::MergeSchemas) && self.reference_as_part(members)) {
            return;
        }
        let before = open.len();
        if self.has(Adaptation::MergeSchemas) {
            self.drop_not(members, at);
            for _ in 0..ROUNDS {
                let is_combined = COMBINED.iter().any(|keyword| members.contains_key(*keyword));
                if !is_combined || !self.merge(members, at, open) {
                    break;
                }
                self.open_alternatives(members, at, open);
            }
        }
        if self.has(Adaptation::MendValues) {
            self.mend(members, at);
        }
        for (keyword, value) in members.iter_mut() {
            let length = at.len();
            let kind = if keyword == "$defs" { Some(Kind::Named) } else { keyword::kind(keyword) };
            match kind {
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

    /// OpenAPI 3.1 allows keywords beside a reference: both are parts of `allOf` then. Returns whether there are such.
    fn reference_as_part(&self, members: &mut Map<String, Value>) -> bool {
        let is_3_1 = self.document.value["openapi"].as_str().is_some_and(|version| version.starts_with("3.1"));
        let is_note = |keyword: &String| keyword == "$ref" || NOTES.contains(&keyword.as_str());
        if !is_3_1 || members.keys().all(|keyword| is_note(keyword) || keyword.starts_with("x-")) {
            return false;
        }
        let reference = members.shift_remove("$ref");
        let mut parts: Vec<Value> = reference.map(|reference| json!({ "$ref": reference })).into_iter().collect();
        parts.extend(members.get("allOf").and_then(Value::as_array).into_iter().flatten().cloned());
        members.insert("allOf".to_owned(), Value::Array(parts));
        true
    }

    /// Drops a negation of combined schemas: opened inside, it would forbid more than it did.
    fn drop_not(&mut self, members: &mut Map<String, Value>, at: &str) {
        let has_combined = |value: &Value| {
            let text = value.to_string();
            COMBINED.iter().any(|keyword| text.contains(&format!("\"{keyword}\"")))
        };
        if members.get("not").is_some_and(has_combined) {
            members.shift_remove("not");
            let reason = "AWS's documentation says that what it consists of is not supported";
            self.note(Adaptation::MergeSchemas, format!("{at}/not"), "`not` is left out", reason);
        }
    }

    /// Replaces `allOf`: by its only reference, or by one schema with what all of its parts say. Returns false if parts
    /// of it have to stay.
    fn merge(&mut self, members: &mut Map<String, Value>, at: &str, open: &mut Vec<usize>) -> bool {
        let Some(parts) = members.shift_remove("allOf") else { return true };
        let parts = if let Value::Array(parts) = parts { parts } else { Vec::new() };
        let change = self.unite(members, parts, open, at).replace("{}", "`allOf`");
        let reason = "AWS's documentation says that `allOf` is not supported";
        self.note(Adaptation::MergeSchemas, format!("{at}/allOf"), change, reason);
        !members
            .get("allOf")
            .and_then(Value::as_array)
            .is_some_and(|left| left.iter().any(|part| part.get("$ref").is_some()))
    }

    /// Makes one schema of a schema and others that hold as well; returns what became of them.
    pub(super) fn unite(
        &mut self,
        members: &mut Map<String, Value>,
        parts: Vec<Value>,
        open: &mut Vec<usize>,
        at: &str,
    ) -> &'static str {
        const ONE: &str = "{} is replaced by its one reference";
        if let Some(reference) = only_reference(members, &parts) {
            *members = reference;
            return ONE;
        }
        let Left { around, unmerged } = self.merge_all(members, parts, open, at.matches('/').count());
        if let [one] = around.as_slice()
            && let Some(reference) = only_reference(members, std::slice::from_ref(one))
        {
            *members = reference;
            return ONE;
        }
        if !unmerged.is_empty() {
            let more = members.entry("allOf").or_insert_with(|| json!([]));
            if let Value::Array(more) = more {
                more.extend(unmerged);
            }
            return "{} keeps the parts that cannot be merged";
        }
        if around.is_empty() {
            "{} is replaced by one schema with what its parts say"
        } else {
            "{} is replaced by one schema, which is open where a part contains itself"
        }
    }

    /// Merges schemas into one, and those that they consist of.
    pub(super) fn merge_all(
        &mut self,
        members: &mut Map<String, Value>,
        parts: Vec<Value>,
        open: &mut Vec<usize>,
        depth: usize,
    ) -> Left {
        let mut waiting = VecDeque::from(parts);
        let mut seen = HashSet::new();
        let mut left = Left::default();
        while let Some(part) = waiting.pop_front() {
            let Value::Object(mut part) = part else { continue };
            if let Some(reference) = part.shift_remove("$ref") {
                if !part.is_empty() {
                    waiting.push_front(Value::Object(part));
                }
                let reference = json!({ "$ref": reference });
                let Some(target) = self.target(&reference) else {
                    left.unmerged.push(reference);
                    continue;
                };
                let address = std::ptr::from_ref(target).addr();
                if !seen.insert(address) {
                    continue;
                }
                let times = open.iter().filter(|other| **other == address).count();
                if times >= MOST_NESTED || depth > DEEPEST {
                    left.around.push(reference);
                } else if self.may_copy(target) {
                    open.push(address);
                    waiting.push_front(target.clone());
                } else {
                    left.unmerged.push(reference);
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
        left
    }

    /// Mends values that JSON Schema does not allow.
    fn mend(&mut self, members: &mut Map<String, Value>, at: &str) {
        let reason = "JSON Schema does not allow it, and the APIs of models refuse the tool";
        for keyword in members.keys().cloned().collect::<Vec<_>>() {
            let Some(kind) = keyword::kind(&keyword) else { continue };
            let change = match keyword::mend(kind, &keyword, &members[&keyword], members, &mut self.patterns) {
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

/// The references of a combination that are not merged.
#[derive(Default)]
pub(super) struct Left {
    /// To schemas around it.
    around: Vec<Value>,
    /// To nowhere, or to more than there is room for.
    unmerged: Vec<Value>,
}

/// The reference that a schema is, if it has nothing else that matters: with its description.
fn only_reference(members: &Map<String, Value>, parts: &[Value]) -> Option<Map<String, Value>> {
    let is_note = |members: &Map<String, Value>| {
        members.keys().all(|keyword| NOTES.contains(&keyword.as_str()) || keyword.starts_with("x-"))
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
            ("type", Some(kind)) => *kind = narrower(kind, value),
            ("items" | "additionalProperties", Some(known)) if known.is_object() => refine(known, &value),
            ("minimum" | "minLength" | "minItems" | "minProperties", Some(known)) => {
                *known = bounded(known, value, |known, other| other > known);
            }
            ("maximum" | "maxLength" | "maxItems" | "maxProperties", Some(known)) => {
                *known = bounded(known, value, |known, other| other < known);
            }
            // A parent lists its variants, of which this schema is one.
            ("oneOf" | "anyOf", _) if is_variant => {}
            // Each part alone would forbid what the others have.
            ("additionalProperties", _) if value == json!(false) => {}
            ("nullable" | "discriminator" | "xml" | "example" | "examples" | "externalDocs", _) => {}
            (other, _) if other.starts_with("x-") => {}
            // Both hold: the second is merged in the next round.
            ("oneOf" | "anyOf", Some(_)) => {
                if let Value::Array(parts) = members.entry("allOf").or_insert_with(|| json!([])) {
                    parts.push(json!({ keyword: value }));
                }
            }
            (_, Some(_)) => {}
            (_, None) => drop(members.insert(keyword, value)),
        }
    }
}

/// The type that holds where two do.
fn narrower(known: &Value, other: Value) -> Value {
    let is_within = |one: &Value, all: &Value| all.as_array().is_some_and(|all| all.contains(one));
    let narrows = is_within(&other, known) || (known == "number" && other == "integer");
    if narrows { other } else { known.clone() }
}

/// The limit that holds where two do.
fn bounded(known: &Value, other: Value, is_closer: impl Fn(f64, f64) -> bool) -> Value {
    match (known.as_f64(), other.as_f64()) {
        (Some(one), Some(two)) if is_closer(one, two) => other,
        _ => known.clone(),
    }
}

/// A property that two parts describe: both hold where both are written out, else the one that says more.
fn refine(known: &mut Value, other: &Value) {
    let is_bare = |schema: &Value| {
        let says_little = |key: &String| key == "type" || NOTES.contains(&key.as_str());
        schema.as_object().is_some_and(|members| members.keys().all(says_little))
    };
    match (&mut *known, other) {
        (Value::Object(members), Value::Object(other))
            if !members.contains_key("$ref") && !other.contains_key("$ref") =>
        {
            combine(members, other.clone());
        }
        (known, other) if is_bare(known) && !is_bare(other) => *known = other.clone(),
        _ => {}
    }
}
