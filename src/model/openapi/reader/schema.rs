//! The schemas of an OpenAPI document: checks of what the gateway rejects, and their expansion for tools.

use serde_json::{Map, Value, json};

use super::{At, Reader, Side};

/// Keywords that the gateway does not support (AgentCore developer guide, gateway-schema-openapi).
const UNSUPPORTED: [&str; 3] = ["oneOf", "anyOf", "allOf"];
/// Keywords whose values are schemas, lists of them, or objects of them.
const ONE: [&str; 5] = ["items", "additionalProperties", "not", "contains", "propertyNames"];
const MANY: [&str; 4] = ["oneOf", "anyOf", "allOf", "prefixItems"];
const NAMED: [&str; 4] = ["properties", "patternProperties", "$defs", "dependentSchemas"];
/// Keywords without meaning to the caller of a tool.
const SILENT: [&str; 8] = ["xml", "example", "examples", "externalDocs", "discriminator", "$schema", "$id", "$comment"];
/// Limits on the nodes and levels of one tool's schema; what is beyond them becomes an empty schema.
const MOST_NODES: usize = 4000;
const DEEPEST: usize = 24;

/// Whether a schema's type is this one, or includes it.
pub(super) fn has_type(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::String(one) => one == kind,
        Value::Array(all) => all.iter().any(|one| one == kind),
        _ => false,
    }
}

impl<'a> Reader<'a> {
    /// Checks a schema and everything that it refers to, each once.
    pub(super) fn check_schema(&mut self, at: At<'a>, side: Side) {
        let mut waiting = vec![at];
        while let Some(at) = waiting.pop() {
            if !self.seen.insert((std::ptr::from_ref(at.value).addr(), side)) {
                continue;
            }
            if at.value.get("$ref").is_some() {
                waiting.extend(self.resolve(at));
                continue;
            }
            if !at.value.is_object() {
                if !at.value.is_boolean() {
                    self.notes.error(&at.pointer, "schema", "a schema is an object", "write it as `{type: …}`");
                }
                continue;
            }
            for keyword in UNSUPPORTED {
                if let Some(found) = at.member(keyword) {
                    self.combined(&found, keyword, side);
                }
            }
            for (keyword, member) in at.members() {
                if ONE.contains(&keyword) {
                    waiting.push(member);
                } else if MANY.contains(&keyword) {
                    waiting.extend(member.items());
                } else if NAMED.contains(&keyword) {
                    waiting.extend(member.members().map(|(_, schema)| schema));
                }
            }
        }
    }

    /// `oneOf` is rejected, in requests and responses alike (GitHub's document, one project); the others are on
    /// AWS's list of unsupported keywords, but documents with them were accepted.
    fn combined(&mut self, at: &At<'a>, keyword: &'static str, side: Side) {
        let remedy = match (keyword, side) {
            ("allOf", _) => "write the schemas out as one object",
            (_, Side::Request) => "describe one object that has the properties of all, or make an operation of each",
            (_, Side::Response) => "nothing of a response's schema reaches the tool: leave it out",
        };
        if keyword == "oneOf" {
            self.notes.error(&at.pointer, "schema keyword", "schema with oneOf is currently not supported", remedy);
        } else {
            let problem = format!("AWS's documentation says that `{keyword}` is not supported");
            self.notes.warn(&at.pointer, "schema keyword", problem, remedy);
        }
    }

    /// Expands a schema for a tool, without references.
    pub(super) fn write_out(&mut self, at: &At<'a>) -> Value {
        let mut nodes = 0;
        self.written(at.value, &mut Vec::new(), &mut nodes)
    }

    /// `open` holds the references that are being expanded; a recursive one becomes an object without properties.
    fn written(&self, schema: &'a Value, open: &mut Vec<&'a str>, nodes: &mut usize) -> Value {
        *nodes += 1;
        if *nodes > MOST_NODES || open.len() > DEEPEST {
            return json!({});
        }
        let Value::Object(members) = schema else { return schema.clone() };
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            let target = reference
                .strip_prefix('#')
                .map(|target| percent_encoding::percent_decode_str(target).decode_utf8_lossy());
            let target = target.and_then(|target| self.document.value.pointer(&target));
            let Some(target) = target.filter(|_| !open.contains(&reference)) else {
                return json!({ "type": "object" });
            };
            open.push(reference);
            let mut written = self.written(target, open, nodes);
            open.pop();
            // OpenAPI 3.1 allows a description beside a reference.
            if let (Value::Object(written), Some(description)) = (&mut written, members.get("description")) {
                written.insert("description".to_owned(), description.clone());
            }
            return written;
        }
        let mut written = Map::new();
        for (keyword, value) in members {
            if SILENT.contains(&keyword.as_str()) || keyword.starts_with("x-") || keyword == "nullable" {
                continue;
            }
            let value = match value {
                Value::Object(named) if NAMED.contains(&keyword.as_str()) => {
                    let sent = named.iter().filter(|(_, schema)| schema["readOnly"] != true);
                    Value::Object(sent.map(|(name, schema)| (name.clone(), self.nested(schema, open, nodes))).collect())
                }
                Value::Array(all) if MANY.contains(&keyword.as_str()) => {
                    all.iter().map(|schema| self.nested(schema, open, nodes)).collect()
                }
                value if ONE.contains(&keyword.as_str()) => self.nested(value, open, nodes),
                value => value.clone(),
            };
            written.insert(keyword.clone(), value);
        }
        if members.get("nullable") == Some(&Value::Bool(true))
            && let Some(kind @ Value::String(_)) = written.get("type").cloned()
        {
            written.insert("type".to_owned(), json!([kind, "null"]));
        }
        drop_required_read_only(members, &mut written);
        Value::Object(written)
    }

    fn nested(&self, schema: &'a Value, open: &mut Vec<&'a str>, nodes: &mut usize) -> Value {
        if open.len() > DEEPEST {
            return json!({});
        }
        open.push("");
        let written = self.written(schema, open, nodes);
        open.pop();
        written
    }
}

/// Removes read-only properties from `required`: requests do not have them.
fn drop_required_read_only(members: &Map<String, Value>, written: &mut Map<String, Value>) {
    let Some(Value::Array(required)) = written.get_mut("required") else { return };
    let read_only = |name: &Value| {
        let property = name.as_str().and_then(|name| members.get("properties")?.get(name));
        property.is_some_and(|property| property["readOnly"] == true)
    };
    required.retain(|name| !read_only(name));
    if required.is_empty() {
        written.remove("required");
    }
}
