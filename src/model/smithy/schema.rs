//! A structure of a Smithy model as the JSON schema of a tool's arguments.

use serde_json::{Map, Value, json};

use super::shape::{Member, Shape, ShapeKind, Shapes};

/// Limits on the nodes and levels of one tool's schema; what is beyond them is left open.
const MOST_NODES: usize = 4000;
const DEEPEST: usize = 24;
/// Limit on the nodes of all tools' schemas together; AWS's own largest services have a tenth of it.
const MOST_OF_ALL: usize = 50_000;
/// Maximum number of characters of a member's documentation, and of a tool's: models read all of it on every
/// turn.
const MEMBER_TEXT: usize = 300;
pub(super) const TOOL_TEXT: usize = 1000;

/// The remaining budget of a model's schemas.
#[derive(Debug)]
pub(super) struct Budget {
    nodes: usize,
    overdrawn: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { nodes: MOST_OF_ALL, overdrawn: false }
    }
}

impl Budget {
    /// Whether the last schema is incomplete.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.overdrawn
    }
}

/// The schema of an operation's input.
pub(super) fn of_input(shapes: &Shapes, input: Option<Shape<'_>>, budget: &mut Budget) -> Value {
    let nodes = budget.nodes.min(MOST_NODES);
    let mut writer = Writer { shapes, open: Vec::new(), nodes, overdrawn: false };
    let schema = match input {
        Some(shape) => writer.structure(shape),
        None => json!({ "type": "object", "properties": {} }),
    };
    budget.nodes -= nodes - writer.nodes;
    budget.overdrawn = writer.overdrawn;
    schema
}

struct Writer<'a> {
    shapes: &'a Shapes,
    /// Shapes that are being written: a recursive one is left open.
    open: Vec<&'a str>,
    /// The number of nodes that may still be written.
    nodes: usize,
    overdrawn: bool,
}

impl<'a> Writer<'a> {
    fn structure(&mut self, shape: Shape<'a>) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for member in self.shapes.members(shape) {
            properties.insert(member.name.to_owned(), self.member(member));
            // A missing idempotency token is generated.
            if member.traits.has("required") && !member.traits.has("idempotencyToken") {
                required.push(member.name);
            }
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }

    fn member(&mut self, member: Member<'a>) -> Value {
        let mut schema = self.shape(member.shape);
        if self.nodes == 0 {
            return schema;
        }
        let Value::Object(keywords) = &mut schema else { return schema };
        for (of, name, keyword) in LIMITS {
            if of.contains(&member.shape.kind) {
                let (limit, bound) = name.split_once('.').unwrap_or((name, ""));
                let value = member.trait_on_member_or_target(limit).and_then(|limit| limit.get(bound));
                keywords.extend(value.map(|value| (keyword.to_owned(), value.clone())));
            }
        }
        if let Some(default) = member.traits.get("default").filter(|default| !default.is_null()) {
            keywords.insert("default".to_owned(), default.clone());
        }
        if let Some(text) = member.trait_on_member_or_target("documentation").and_then(Value::as_str) {
            let said = keywords.get("description").and_then(Value::as_str).map(|said| format!(" ({said})"));
            let text = format!("{}{}", plain(text, MEMBER_TEXT), said.unwrap_or_default());
            keywords.insert("description".to_owned(), json!(text));
        }
        schema
    }

    fn shape(&mut self, shape: Shape<'a>) -> Value {
        if self.nodes == 0 || self.open.len() > DEEPEST {
            self.overdrawn = true;
            return json!({});
        }
        self.nodes -= 1;
        match shape.kind {
            ShapeKind::Blob => json!({ "type": "string", "contentEncoding": "base64", "description": "base64" }),
            ShapeKind::Boolean => json!({ "type": "boolean" }),
            ShapeKind::Text => json!({ "type": "string" }),
            ShapeKind::Enum => json!({ "type": "string", "enum": shape.enumeration() }),
            ShapeKind::IntEnum => json!({ "type": "integer", "enum": shape.enumeration() }),
            ShapeKind::Integer => json!({ "type": "integer" }),
            ShapeKind::Float => json!({ "type": "number" }),
            ShapeKind::Timestamp => json!({ "type": "string", "format": "date-time" }),
            ShapeKind::Document => json!({}),
            ShapeKind::List | ShapeKind::Map | ShapeKind::Structure | ShapeKind::Union => self.composite(shape),
        }
    }

    fn composite(&mut self, shape: Shape<'a>) -> Value {
        if self.open.contains(&shape.id) {
            let kind = if shape.kind == ShapeKind::List { "array" } else { "object" };
            return json!({ "type": kind, "description": format!("{} again, as around it", shape.name()) });
        }
        self.open.push(shape.id);
        let schema = match shape.kind {
            ShapeKind::List => {
                let items = self.shapes.inner(shape, "member").map_or_else(|| json!({}), |member| self.member(member));
                json!({ "type": "array", "items": items })
            }
            ShapeKind::Map => {
                let values = self.shapes.inner(shape, "value").map_or_else(|| json!({}), |member| self.member(member));
                json!({ "type": "object", "additionalProperties": values })
            }
            ShapeKind::Union => {
                let mut schema = self.structure(shape);
                schema["minProperties"] = json!(1);
                schema["maxProperties"] = json!(1);
                schema
            }
            _ => self.structure(shape),
        };
        self.open.pop();
        schema
    }
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
