//! A structure of a Smithy model as the JSON schema of a tool's arguments.

use serde_json::{Map, Value, json};

use super::shape::{Member, Shape, ShapeKind, Shapes};
use crate::model::tool;

/// Limit on the levels of a tool's schema.
const DEEPEST: usize = 24;
/// Maximum number of characters of a member's documentation, and of a tool's: models read all of it on every
/// turn.
const MEMBER_TEXT: usize = 300;
pub(super) const TOOL_TEXT: usize = 1000;

/// The schema of an operation's input, of at most this many bytes, and whether it is complete. What has to be left out
/// for that is the same on all sides: the levels below one.
pub(super) fn of_input(shapes: &Shapes, input: Option<Shape<'_>>, bytes: usize) -> (Value, bool) {
    let nothing = || json!({ "type": "object", "properties": {} });
    let Some(input) = input else { return (nothing(), true) };
    let write = |levels, text, is_part| {
        let mut writer = Writer { shapes, open: Vec::new(), levels, bytes, text, is_part, cut: false };
        writer.structure(input).map(|schema| (schema, !writer.cut))
    };
    let written = |levels, text| write(levels, text, false);
    if let Some(whole) = written(DEEPEST, MEMBER_TEXT) {
        return whole;
    }
    let deepest = tool::deepest(DEEPEST, |levels| written(levels, MEMBER_TEXT));
    let deepest = deepest.or_else(|| written(0, 0)).or_else(|| write(0, 0, true));
    let (schema, _) = deepest.unwrap_or_else(|| (nothing(), false));
    (schema, false)
}

struct Writer<'a> {
    shapes: &'a Shapes,
    /// Shapes that are being written: a recursive one is left open.
    open: Vec<&'a str>,
    /// The number of levels below an argument.
    levels: usize,
    /// The number of bytes that may still be written.
    bytes: usize,
    /// Maximum number of characters of a member's documentation.
    text: usize,
    /// Whether the first arguments are to be written, if not all can be.
    is_part: bool,
    /// Whether something was left out because it is too deep.
    cut: bool,
}

impl<'a> Writer<'a> {
    /// Counts bytes; `None` if there are not as many left.
    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(())
    }

    fn structure(&mut self, shape: Shape<'a>) -> Option<Value> {
        let mut properties = Map::new();
        let mut required = Vec::new();
        self.spend(64)?;
        for member in self.shapes.members(shape) {
            // Once as a property, and once as a required one.
            let written = self.spend(2 * member.name.len() + 8).and_then(|()| self.member(member));
            let Some(written) = written else {
                if self.is_part && self.open.is_empty() {
                    break;
                }
                return None;
            };
            properties.insert(member.name.to_owned(), written);
            // A missing idempotency token is generated.
            if member.traits.has("required") && !member.traits.has("idempotencyToken") {
                required.push(member.name);
            }
        }
        let mut schema = composed("object", "properties", properties.into());
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        Some(schema)
    }

    fn member(&mut self, member: Member<'a>) -> Option<Value> {
        let mut schema = self.shape(member.shape)?;
        let Value::Object(keywords) = &mut schema else { return Some(schema) };
        for (of, name, keyword) in LIMITS {
            if of.contains(&member.shape.kind) {
                let (limit, bound) = name.split_once('.').unwrap_or((name, ""));
                let value = member.trait_on_member_or_target(limit).and_then(|limit| limit.get(bound));
                // A length is a count (Smithy 2.0, constraint traits); other values would make the schema invalid.
                let value = value.filter(|value| if limit == "length" { value.is_u64() } else { value.is_number() });
                keywords.extend(value.map(|value| (keyword.to_owned(), value.clone())));
            }
        }
        if let Some(default) = member.traits.get("default").filter(|default| !default.is_null()) {
            keywords.insert("default".to_owned(), default.clone());
        }
        if let Some(text) = member.trait_on_member_or_target("documentation").and_then(Value::as_str)
            && self.text > 0
        {
            let said = keywords.get("description").and_then(Value::as_str).map(|said| format!(" ({said})"));
            let text = format!("{}{}", plain(text, self.text), said.unwrap_or_default());
            keywords.insert("description".to_owned(), json!(text));
        }
        let own = keywords
            .iter()
            .filter(|(keyword, _)| !["properties", "items", "additionalProperties"].contains(&keyword.as_str()));
        let bytes = own.map(|(keyword, value)| keyword.len() + value.to_string().len() + 4).sum();
        self.spend(bytes)?;
        Some(schema)
    }

    fn shape(&mut self, shape: Shape<'a>) -> Option<Value> {
        self.spend(2)?;
        Some(match shape.kind {
            ShapeKind::Blob => json!({ "type": "string", "contentEncoding": "base64", "description": "base64" }),
            ShapeKind::Boolean => json!({ "type": "boolean" }),
            ShapeKind::Text => json!({ "type": "string" }),
            ShapeKind::Enum => enumeration("string", shape),
            ShapeKind::IntEnum => enumeration("integer", shape),
            ShapeKind::Integer => json!({ "type": "integer" }),
            ShapeKind::Float => json!({ "type": "number" }),
            ShapeKind::Timestamp => json!({ "type": "string", "format": "date-time" }),
            ShapeKind::Document => json!({}),
            ShapeKind::List | ShapeKind::Map | ShapeKind::Structure | ShapeKind::Union => self.composite(shape)?,
        })
    }

    fn composite(&mut self, shape: Shape<'a>) -> Option<Value> {
        let is_recursive = self.open.contains(&shape.id);
        if is_recursive || self.open.len() >= self.levels {
            self.cut |= !is_recursive;
            let mut schema = match shape.kind {
                ShapeKind::List => json!({ "type": "array", "items": {} }),
                _ => json!({ "type": "object" }),
            };
            if is_recursive {
                schema["description"] = json!(format!("{} again, as around it", shape.name()));
            }
            return Some(schema);
        }
        self.open.push(shape.id);
        let schema = match shape.kind {
            ShapeKind::List => composed("array", "items", self.inner(shape, "member")?),
            ShapeKind::Map => composed("object", "additionalProperties", self.inner(shape, "value")?),
            ShapeKind::Union => {
                let mut schema = self.structure(shape)?;
                schema["minProperties"] = json!(1);
                schema["maxProperties"] = json!(1);
                schema
            }
            _ => self.structure(shape)?,
        };
        self.spend(48)?;
        self.open.pop();
        Some(schema)
    }

    fn inner(&mut self, shape: Shape<'a>, part: &'static str) -> Option<Value> {
        match self.shapes.inner(shape, part) {
            Some(member) => self.member(member),
            None => Some(json!({})),
        }
    }
}

/// A schema with others inside; `json!` would copy these.
fn composed(kind: &str, keyword: &str, inner: Value) -> Value {
    Value::from_iter([("type", kind.into()), (keyword, inner)])
}

/// An enum's values, each once.
fn enumeration(kind: &str, shape: Shape<'_>) -> Value {
    let mut values: Vec<Value> = Vec::new();
    for value in shape.enumeration() {
        if !value.is_null() && !values.contains(&value) {
            values.push(value);
        }
    }
    if values.is_empty() { json!({ "type": kind }) } else { json!({ "type": kind, "enum": values }) }
}

const TEXTS: &[ShapeKind] = &[ShapeKind::Text];
const LISTS: &[ShapeKind] = &[ShapeKind::List];
const NUMBERS: &[ShapeKind] = &[ShapeKind::Integer, ShapeKind::Float];
/// The kinds, the trait and its member, and the JSON schema keyword with the same meaning.
const LIMITS: [(&[ShapeKind], &str, &str); 6] = [
    (TEXTS, "length.min", "minLength"),
    (TEXTS, "length.max", "maxLength"),
    (LISTS, "length.min", "minItems"),
    (LISTS, "length.max", "maxItems"),
    (NUMBERS, "range.min", "minimum"),
    (NUMBERS, "range.max", "maximum"),
];

/// Documentation, which is HTML, as plain text of at most `most` characters, cut after a sentence.
pub(super) fn plain(html: &str, most: usize) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find('>') else { break };
        let tag = rest[1..end].trim_start_matches('/');
        if ["p", "li", "ul", "br", "note", "dl", "dt", "dd"].iter().any(|block| tag.eq_ignore_ascii_case(block)) {
            text.push(' ');
        }
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    for (entity, character) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
    {
        text = text.replace(entity, character);
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((cut, _)) = text.char_indices().nth(most) else { return text };
    match text[..cut].rfind(". ") {
        Some(end) => text[..=end].to_owned(),
        None => format!("{}…", &text[..cut]),
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn documentation_is_plain_and_ends_with_a_sentence() {
        assert_eq!(plain("<p>Gets <code>a</code> &lt;b&gt;.</p><p>More</p>", 100), "Gets a <b>. More");
        assert_eq!(plain("One two. Three four five.", 15), "One two.");
        assert_eq!(plain("aaaaaaaaaa", 4), "aaaa…");
        assert_eq!(plain("a < b", 9), "a < b");
        assert_eq!(plain("", 9), "");
    }
}
