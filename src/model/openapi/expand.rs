//! Expands a document's schemas for a tool: JSON Schema 2020-12 without references, down to a level and up to a size.

use serde_json::{Map, Value, json};

use super::keyword::{self, Kind, Mended, Patterns};

/// Writes schemas until a number of bytes is spent.
pub(super) struct Expander<'a, 'p> {
    document: &'a Value,
    patterns: &'p mut Patterns,
    /// The number of levels below an argument.
    levels: usize,
    bytes: usize,
    /// Maximum number of characters of a text.
    longest: usize,
    cut: bool,
    /// The references that are being expanded: a recursive one becomes its type only.
    open: Vec<&'a str>,
}

impl<'a, 'p> Expander<'a, 'p> {
    pub(super) fn new(document: &'a Value, patterns: &'p mut Patterns, levels: usize, bytes: usize) -> Self {
        Self { document, patterns, levels, bytes, longest: usize::MAX, cut: false, open: Vec::new() }
    }

    pub(super) fn with_short_texts(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    /// Whether something was left out because it is too deep.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Counts bytes; `None` if there are not as many left.
    pub(super) fn spend(&mut self, bytes: usize) -> Option<()> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(())
    }

    /// Counts a member: its key, its value, quotes, colon and comma.
    pub(super) fn spend_on(&mut self, key: &str, value: &str) -> Option<()> {
        self.spend(escaped_len(key) + escaped_len(value) + 4)
    }

    /// An argument's schema; `None` if it has more bytes than are left.
    pub(super) fn argument(&mut self, schema: &'a Value) -> Option<Value> {
        self.open.clear();
        self.schema(schema, 0)
    }

    fn schema(&mut self, schema: &'a Value, level: usize) -> Option<Value> {
        self.spend(2)?;
        let Value::Object(members) = schema else {
            return Some(if schema.is_boolean() { schema.clone() } else { json!({}) });
        };
        match members.get("$ref") {
            Some(reference) => self.referred(reference.as_str(), members, level),
            None => self.members(members, level).map(Value::Object),
        }
    }

    fn referred(&mut self, reference: Option<&'a str>, beside: &'a Map<String, Value>, level: usize) -> Option<Value> {
        let target = reference.and_then(|reference| super::referred_to(self.document, reference));
        let (Some(reference), Some(target)) = (reference, target) else { return Some(json!({})) };
        let is_recursive = self.open.contains(&reference);
        self.open.push(reference);
        let mut written = match target {
            _ if self.open.len() > super::MOST_HOPS + self.levels => json!({}),
            Value::Object(members) if is_recursive => self.type_only(members)?,
            target => self.schema(target, level)?,
        };
        self.open.pop();
        // OpenAPI 3.1 allows a description beside a reference.
        if let (Value::Object(written), Some(description)) =
            (&mut written, beside.get("description").and_then(Value::as_str))
        {
            self.spend_on("description", description)?;
            written.insert("description".to_owned(), json!(self.short(description)));
        }
        Some(written)
    }

    /// A schema that is not written again inside of itself.
    fn type_only(&mut self, members: &Map<String, Value>) -> Option<Value> {
        self.spend(20)?;
        let is_list = members.get("type").is_some_and(|kind| kind == "array");
        Some(if is_list { json!({ "type": "array", "items": {} }) } else { json!({ "type": "object" }) })
    }

    /// These keywords of a schema; `None` if they have more bytes than are left.
    pub(super) fn keywords(&mut self, members: &'a Map<String, Value>, names: &[&str]) -> Option<Map<String, Value>> {
        self.open.clear();
        self.those(members, |keyword| names.contains(&keyword), 0)
    }

    fn those(
        &mut self,
        members: &'a Map<String, Value>,
        is_wanted: impl Fn(&str) -> bool,
        level: usize,
    ) -> Option<Map<String, Value>> {
        let mut written = Map::new();
        for (keyword, value) in members.iter().filter(|(keyword, _)| is_wanted(keyword)) {
            let Some(kind) = keyword::kind(keyword) else { continue };
            let value = match keyword::mend(kind, keyword, value, members, self.patterns) {
                Mended::Dropped(_) | Mended::Moved => continue,
                Mended::Changed(value, _) => {
                    self.spend(value.to_string().len())?;
                    value
                }
                Mended::AsItIs if kind.is_schema() && level >= self.levels && !value.is_boolean() => {
                    self.cut = true;
                    continue;
                }
                Mended::AsItIs => self.value(kind, value, level)?,
            };
            self.spend(keyword.len() + 4)?;
            written.insert(keyword.clone(), value);
        }
        Some(written)
    }

    fn members(&mut self, members: &'a Map<String, Value>, level: usize) -> Option<Map<String, Value>> {
        let mut written = self.those(members, |_| true, level)?;
        if members.get("nullable") == Some(&Value::Bool(true))
            && let Some(kind @ Value::String(_)) = written.get("type").cloned()
        {
            self.spend(16)?;
            written.insert("type".to_owned(), json!([kind, "null"]));
            if let Some(Value::Array(values)) = written.get_mut("enum")
                && !values.contains(&Value::Null)
            {
                values.push(Value::Null);
            }
        }
        drop_required_read_only(members, &mut written);
        // The APIs of models refuse a list without it.
        if is_list(&written) && !written.contains_key("items") {
            self.spend(12)?;
            written.insert("items".to_owned(), json!({}));
        }
        Some(written)
    }

    /// A value that JSON Schema allows.
    fn value(&mut self, kind: Kind, value: &'a Value, level: usize) -> Option<Value> {
        let inner = level + 1;
        Some(match (kind, value) {
            (Kind::One, schema) => self.schema(schema, inner)?,
            (Kind::Many, Value::Array(all)) => {
                Value::Array(all.iter().map(|schema| self.schema(schema, inner)).collect::<Option<_>>()?)
            }
            (Kind::Named, Value::Object(named)) => {
                let mut written = Map::new();
                for (name, schema) in named.iter().filter(|(_, schema)| schema["readOnly"] != true) {
                    self.spend(escaped_len(name) + 4)?;
                    written.insert(name.clone(), self.schema(schema, inner)?);
                }
                Value::Object(written)
            }
            (Kind::Text, Value::String(text)) => {
                let text = self.short(text);
                self.spend(escaped_len(text))?;
                json!(text)
            }
            (_, value) => {
                self.spend(value.to_string().len())?;
                value.clone()
            }
        })
    }

    fn short<'t>(&self, text: &'t str) -> &'t str {
        text.char_indices().nth(self.longest).map_or(text, |(end, _)| &text[..end])
    }
}

/// The length of a text in JSON, quotes included, as long as it has no control characters but line ends and tabs; else
/// more than it.
fn escaped_len(text: &str) -> usize {
    let more = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
        0..0x20 => 5,
        _ => 0,
    };
    text.len() + text.bytes().map(more).sum::<usize>() + 2
}

fn is_list(schema: &Map<String, Value>) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == "array",
        Some(Value::Array(all)) => all.iter().any(|one| one == "array"),
        _ => false,
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
