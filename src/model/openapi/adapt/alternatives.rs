//! `oneOf` and `anyOf`: a schema that may be null, or an open one that describes its alternatives.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{Adaptation, Adapter};

/// Limits on a description of alternatives: how many, the properties of each, and the characters of all.
const MOST: usize = 12;
const MOST_PROPERTIES: usize = 12;
const LONGEST: usize = 600;

impl Adapter<'_> {
    pub(super) fn open_alternatives(&mut self, members: &mut Map<String, Value>, at: &str, open: &mut Vec<usize>) {
        for keyword in ["oneOf", "anyOf"] {
            let Some(all) = members.shift_remove(keyword) else { continue };
            let all = if let Value::Array(all) = all { all } else { Vec::new() };
            let given = all.len();
            // Microsoft's documents say so where an object may be null.
            let is_idiom = given == 2 && all.iter().any(|one| one.get("$ref").is_some());
            let null =
                |one: &Value| is_null(one) || (is_idiom && *one == json!({ "type": "object", "nullable": true }));
            let mut others: Vec<Value> = all.into_iter().filter(|one| !null(one)).collect();
            let has_null = others.len() < given;
            members.shift_remove("discriminator");
            // A reference cannot be null beside what it leads to.
            if has_null && others.len() == 1 {
                members.entry("nullable").or_insert(json!(true));
            }
            let change = match others.len() {
                0 => format!("`{keyword}` is left out: it offers nothing"),
                1 => self.unite(members, std::mem::take(&mut others), open, at).replace("{}", &format!("`{keyword}`")),
                _ => {
                    self.describe(members, &others, has_null);
                    self.add_properties(members, std::mem::take(&mut others), open, at);
                    format!("`{keyword}` is replaced by an open schema, whose description has the alternatives")
                }
            };
            if has_null {
                self.or_null(members);
            }
            let reason = format!("AWS's documentation says that `{keyword}` is not supported");
            self.note(Adaptation::MergeSchemas, format!("{at}/{keyword}"), change, reason);
        }
    }

    /// Lets a schema be null, in the words of the document's version.
    fn or_null(&self, members: &mut Map<String, Value>) {
        members.shift_remove("nullable");
        if let Some(one) = members.shift_remove("const") {
            members.insert("enum".to_owned(), json!([one]));
        }
        if let Some(Value::Array(values)) = members.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
        let Some(kind @ Value::String(_)) = members.get("type").cloned() else { return };
        if self.document.value["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")) {
            members.insert("type".to_owned(), json!([kind, "null"]));
        } else {
            members.insert("nullable".to_owned(), json!(true));
        }
    }

    /// Adds the properties of alternatives that are objects, none of them required.
    fn add_properties(
        &mut self,
        members: &mut Map<String, Value>,
        alternatives: Vec<Value>,
        open: &mut Vec<usize>,
        at: &str,
    ) {
        if members.get("type").is_none_or(|kind| kind != "object") {
            return;
        }
        for alternative in alternatives {
            let mut whole = Map::new();
            self.merge_all(&mut whole, vec![alternative], open, at.matches('/').count());
            if let Some(Value::Object(more)) = whole.shift_remove("properties") {
                let known = members.entry("properties").or_insert_with(|| json!({}));
                for (name, property) in more {
                    if let Value::Object(known) = known {
                        known.entry(name).or_insert(property);
                    }
                }
            }
        }
    }

    fn describe(&self, members: &mut Map<String, Value>, alternatives: &[Value], has_null: bool) {
        let whole: Vec<&Value> = alternatives.iter().map(|one| self.target(one).unwrap_or(one)).collect();
        let kinds: Vec<Option<&str>> = whole.iter().map(|one| kind(one)).collect();
        let common = kinds.first().copied().flatten().filter(|first| kinds.iter().all(|one| *one == Some(*first)));
        if let Some(common) = common.filter(|_| !members.contains_key("type")) {
            members.insert("type".to_owned(), json!(common));
        }
        let values: Option<Vec<Vec<&Value>>> = whole.iter().map(|one| values(one)).collect();
        if let (Some(values), Some(_)) = (values, common)
            && !members.contains_key("enum")
        {
            let mut seen = HashSet::new();
            let all: Vec<&Value> =
                values.into_iter().flatten().filter(|value| seen.insert(value.to_string())).collect();
            members.insert("enum".to_owned(), json!(all));
        }
        let shown = alternatives.iter().zip(&whole).take(MOST).map(|(one, whole)| alternative(one, whole));
        let mut text = format!("One of: {}", shown.collect::<Vec<_>>().join("; "));
        if alternatives.len() > MOST {
            text.push_str(&format!("; and {} more", alternatives.len() - MOST));
        }
        if has_null {
            text.push_str("; null");
        }
        if let Some((end, _)) = text.char_indices().nth(LONGEST) {
            text.truncate(end);
            text.push('…');
        }
        let said = members.get("description").and_then(Value::as_str).map(|said| format!("{} ", said.trim()));
        members.insert("description".to_owned(), json!(format!("{}({text})", said.unwrap_or_default())));
    }
}

fn is_null(schema: &Value) -> bool {
    schema["type"] == "null"
        || schema["enum"].as_array().is_some_and(|all| all.len() == 1 && all[0].is_null())
        || schema.get("const").is_some_and(Value::is_null)
}

/// The only values of a schema, if it lists them.
fn values(schema: &Value) -> Option<Vec<&Value>> {
    schema["enum"].as_array().map(|all| all.iter().collect()).or_else(|| schema.get("const").map(|one| vec![one]))
}

fn kind(schema: &Value) -> Option<&str> {
    let implied = || match values(schema)?.first()? {
        Value::String(_) => Some("string"),
        Value::Bool(_) => Some("boolean"),
        Value::Number(_) => Some("number"),
        _ => None,
    };
    let inner = || schema.get("properties").map(|_| "object").or_else(|| schema.get("items").map(|_| "array"));
    schema["type"].as_str().or_else(inner).or_else(implied)
}

/// An alternative in a few words: `Pet: object with name, tag`; `string (uuid)`; `"on"`.
fn alternative(schema: &Value, whole: &Value) -> String {
    let of_reference = || schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    let name = of_reference().or_else(|| whole["title"].as_str());
    let names = |list: Vec<&str>| {
        let more = if list.len() > MOST_PROPERTIES { ", …" } else { "" };
        format!("{}{more}", list.into_iter().take(MOST_PROPERTIES).collect::<Vec<_>>().join(", "))
    };
    let values =
        values(whole).map(|all| all.into_iter().take(MOST_PROPERTIES + 1).map(Value::to_string).collect::<Vec<_>>());
    let properties = whole["properties"].as_object().map(|all| all.keys().map(String::as_str).collect::<Vec<_>>());
    let required: Option<Vec<&str>> =
        whole["required"].as_array().map(|all| all.iter().filter_map(Value::as_str).collect());
    let what = match (kind(whole), values, properties, required) {
        (_, Some(values), ..) => names(values.iter().map(String::as_str).collect()),
        (_, _, Some(properties), _) => format!("object with {}", names(properties)),
        (None, _, None, Some(required)) if !required.is_empty() => format!("with {}", names(required)),
        (Some("array"), ..) => format!("list of {}", kind(&whole["items"]).unwrap_or("items")),
        (Some(kind), ..) => {
            whole["format"].as_str().map_or_else(|| kind.to_owned(), |format| format!("{kind} ({format})"))
        }
        (None, ..) => whole["description"].as_str().unwrap_or("any value").to_owned(),
    };
    name.map_or_else(|| what.clone(), |name| format!("{name}: {what}"))
}
