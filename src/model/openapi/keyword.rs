//! The keywords of JSON Schema 2020-12 that a tool's schema keeps, and what becomes of values that it does not allow.
//!
//! OpenAPI 3.0 has its own dialect, and documents contain more than either allows. One invalid schema among the tools
//! makes the APIs of models refuse a whole request (anthropics/claude-code#586, tadata-org/fastapi_mcp#218).

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Number, Value, json};

/// What a keyword's value is (JSON Schema 2020-12, meta-schema vocabularies).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Text,
    Flag,
    Number,
    /// A number greater than 0.
    Positive,
    /// An integer that is not negative.
    Count,
    /// `minimum` and `maximum`, which OpenAPI 3.0 makes exclusive by a boolean beside them.
    Bound,
    Exclusive,
    Type,
    Enum,
    Pattern,
    /// Distinct texts.
    Names,
    /// An object of such lists.
    NamesOfEach,
    /// A schema.
    One,
    /// A list of schemas.
    Many,
    /// An object of schemas.
    Named,
}

impl Kind {
    /// Whether values have schemas within.
    pub(super) fn is_schema(self) -> bool {
        matches!(self, Self::One | Self::Many | Self::Named)
    }
}

/// Whether a schema's type is this one, or includes it.
pub(super) fn has_type(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::String(one) => one == kind,
        Value::Array(all) => all.iter().any(|one| one == kind),
        _ => false,
    }
}

/// Whether a schema is that of a file: `format: binary` of OpenAPI 3.0, or in 3.1 a media type that is no text and has no
/// encoding.
pub(super) fn is_file(schema: &Value) -> bool {
    let is_text = |name: &str| name.starts_with("text/") || name.contains("json") || name.contains("xml");
    let kind = schema.get("type").is_none() || has_type(schema, "string");
    let media_type = schema["contentMediaType"].as_str().filter(|name| kind && !is_text(name));
    (has_type(schema, "string") && schema["format"] == "binary")
        || (media_type.is_some() && schema.get("contentEncoding").is_none())
}

/// Without `not`: a schema that is mended or cut inside of it would forbid more than the document does.
const KEYWORDS: [(&str, Kind); 42] = [
    ("type", Kind::Type),
    ("title", Kind::Text),
    ("description", Kind::Text),
    ("format", Kind::Text),
    ("default", Kind::Any),
    ("const", Kind::Any),
    ("enum", Kind::Enum),
    ("deprecated", Kind::Flag),
    ("readOnly", Kind::Flag),
    ("writeOnly", Kind::Flag),
    ("multipleOf", Kind::Positive),
    ("minimum", Kind::Bound),
    ("maximum", Kind::Bound),
    ("exclusiveMinimum", Kind::Exclusive),
    ("exclusiveMaximum", Kind::Exclusive),
    ("minLength", Kind::Count),
    ("maxLength", Kind::Count),
    ("pattern", Kind::Pattern),
    ("contentEncoding", Kind::Text),
    ("contentMediaType", Kind::Text),
    ("items", Kind::One),
    ("prefixItems", Kind::Many),
    ("contains", Kind::One),
    ("minContains", Kind::Count),
    ("maxContains", Kind::Count),
    ("minItems", Kind::Count),
    ("maxItems", Kind::Count),
    ("uniqueItems", Kind::Flag),
    ("properties", Kind::Named),
    ("patternProperties", Kind::Named),
    ("additionalProperties", Kind::One),
    ("propertyNames", Kind::One),
    ("required", Kind::Names),
    ("minProperties", Kind::Count),
    ("maxProperties", Kind::Count),
    ("dependentRequired", Kind::NamesOfEach),
    ("dependentSchemas", Kind::Named),
    ("oneOf", Kind::Many),
    ("anyOf", Kind::Many),
    ("allOf", Kind::Many),
    ("unevaluatedItems", Kind::One),
    ("unevaluatedProperties", Kind::One),
];

/// The kind of a keyword that tools keep; `None` for all others, such as `xml`, `example`, `discriminator` and `x-…`.
pub(super) fn kind(keyword: &str) -> Option<Kind> {
    KEYWORDS.iter().find(|(known, _)| *known == keyword).map(|(_, kind)| *kind)
}

/// A keyword's value in a tool's schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mended {
    AsItIs,
    /// Another value, and what was wrong; `None` if the document is right in its own dialect.
    Changed(Value, Option<&'static str>),
    /// No value at all, and what was wrong.
    Dropped(&'static str),
    /// None, and the document is right in its own dialect.
    Moved,
}

use Mended::{AsItIs, Changed, Dropped, Moved};

/// What becomes of a keyword in the schema `around` it. What is within schemas is not looked at.
pub(super) fn mend(
    kind: Kind,
    keyword: &str,
    value: &Value,
    around: &Map<String, Value>,
    patterns: &mut Patterns,
) -> Mended {
    match kind {
        Kind::Any => AsItIs,
        Kind::Text if value.is_string() => AsItIs,
        Kind::Text => Dropped("is no text"),
        Kind::Flag => match value {
            Value::Bool(_) => AsItIs,
            Value::String(text) if text == "true" || text == "false" => {
                Changed(json!(text == "true"), Some("is a boolean in quotes"))
            }
            _ => Dropped("is no boolean"),
        },
        Kind::Number | Kind::Positive => number(kind, value),
        Kind::Count => count(value),
        Kind::Bound => match around.get(exclusive_of(keyword)) {
            Some(Value::Bool(true)) if matches!(number(kind, value), AsItIs | Changed(..)) => Moved,
            _ => number(kind, value),
        },
        Kind::Exclusive => exclusive(keyword, value, around),
        Kind::Type => type_of(value),
        Kind::Enum => match value {
            Value::Array(values) if values.is_empty() => Dropped("has no values"),
            Value::Array(values) => distinct(values, "has the same value twice"),
            _ => Dropped("is no list"),
        },
        Kind::Pattern => match value.as_str() {
            None => Dropped("is no text"),
            Some(pattern) if patterns.holds(pattern) => AsItIs,
            Some(_) => Dropped("is no regular expression"),
        },
        Kind::Names => match value {
            Value::Array(names) if names.iter().all(Value::is_string) => distinct(names, "has the same name twice"),
            Value::Bool(_) => Dropped("is a boolean, and belongs to the object as a list of names"),
            _ => Dropped("is no list of names"),
        },
        Kind::NamesOfEach => match value.as_object() {
            Some(each) if each.values().all(|names| mend(Kind::Names, keyword, names, around, patterns) == AsItIs) => {
                AsItIs
            }
            _ => Dropped("is no object of lists of names"),
        },
        Kind::One if value.is_object() || value.is_boolean() => AsItIs,
        Kind::One if keyword == "items" && value.is_array() => Changed(json!({}), Some("is a list of schemas")),
        Kind::One => Dropped("is no schema"),
        Kind::Many if value.as_array().is_some_and(|all| !all.is_empty()) => AsItIs,
        Kind::Many => Dropped("is no list of schemas"),
        Kind::Named => match value {
            Value::Object(named) if keyword == "patternProperties" => {
                let sound: Map<String, Value> = named
                    .iter()
                    .filter(|(pattern, _)| patterns.holds(pattern))
                    .map(|(p, s)| (p.clone(), s.clone()))
                    .collect();
                if sound.len() == named.len() {
                    AsItIs
                } else {
                    Changed(Value::Object(sound), Some("has names that are no regular expressions"))
                }
            }
            Value::Object(_) => AsItIs,
            _ => Dropped("is no object of schemas"),
        },
    }
}

fn exclusive_of(bound: &str) -> &'static str {
    if bound == "minimum" { "exclusiveMinimum" } else { "exclusiveMaximum" }
}

/// In OpenAPI 3.0 a boolean, which makes the bound beside it exclusive.
fn exclusive(keyword: &str, value: &Value, around: &Map<String, Value>) -> Mended {
    let bound = if keyword == "exclusiveMinimum" { "minimum" } else { "maximum" };
    match (value, around.get(bound)) {
        (Value::Bool(true), Some(bound)) => match number(Kind::Number, bound) {
            AsItIs => Changed(bound.clone(), None),
            Changed(bound, why) => Changed(bound, why),
            _ => Moved,
        },
        (Value::Bool(_), _) => Moved,
        _ => number(Kind::Number, value),
    }
}

fn number(kind: Kind, value: &Value) -> Mended {
    let is_in_range = |number: &Number| kind != Kind::Positive || number.as_f64().is_some_and(|number| number > 0.0);
    match value {
        Value::Number(number) if is_in_range(number) => AsItIs,
        Value::String(text) => match text.trim().parse::<Number>() {
            Ok(number) if is_in_range(&number) => Changed(Value::Number(number), Some("is a number in quotes")),
            _ => Dropped("is no number"),
        },
        Value::Number(_) => Dropped("is not greater than 0"),
        _ => Dropped("is no number"),
    }
}

fn count(value: &Value) -> Mended {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    let whole = |number: f64| (number.fract() == 0.0 && (0.0..1e15).contains(&number)).then(|| json!(number as u64));
    match value {
        Value::Number(number) if number.is_u64() => AsItIs,
        Value::Number(number) => match number.as_f64().and_then(whole) {
            Some(number) => Changed(number, None),
            None => Dropped("is no integer from 0"),
        },
        Value::String(text) => match text.trim().parse::<u64>() {
            Ok(number) => Changed(json!(number), Some("is a number in quotes")),
            Err(_) => Dropped("is no integer from 0"),
        },
        _ => Dropped("is no integer from 0"),
    }
}

const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "object", "array", "null"];

/// A type by one of the names that documents use for it.
fn known_type(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let other = || match lower.as_str() {
        "file" | "binary" | "date" | "datetime" | "date-time" | "text" | "uuid" => Some("string"),
        "int" | "int32" | "int64" | "long" => Some("integer"),
        "float" | "double" | "decimal" => Some("number"),
        "bool" => Some("boolean"),
        "list" => Some("array"),
        _ => None,
    };
    TYPES.into_iter().find(|known| *known == lower).or_else(other)
}

fn type_of(value: &Value) -> Mended {
    const NO_TYPE: &str = "is no type of JSON Schema";
    match value {
        Value::String(name) if TYPES.contains(&name.as_str()) => AsItIs,
        Value::String(name) => known_type(name).map_or(Dropped(NO_TYPE), |known| Changed(json!(known), Some(NO_TYPE))),
        Value::Array(names) => {
            let mut known: Vec<&str> = Vec::new();
            for name in names.iter().filter_map(|name| known_type(name.as_str()?)) {
                if !known.contains(&name) {
                    known.push(name);
                }
            }
            match known.len() {
                0 => Dropped(NO_TYPE),
                _ if json!(known) == *value => AsItIs,
                _ => Changed(json!(known), Some(NO_TYPE)),
            }
        }
        _ => Dropped(NO_TYPE),
    }
}

/// A list whose values are to be distinct.
fn distinct(values: &[Value], problem: &'static str) -> Mended {
    let mut seen = HashSet::new();
    let kept: Vec<Value> = values.iter().filter(|value| seen.insert(value.to_string())).cloned().collect();
    if kept.len() == values.len() { AsItIs } else { Changed(Value::Array(kept), Some(problem)) }
}

/// The texts that were looked at, and whether each is a regular expression of ECMA-262, which JSON Schema names.
#[derive(Debug, Default)]
pub(super) struct Patterns(HashMap<String, bool>);

impl Patterns {
    fn holds(&mut self, pattern: &str) -> bool {
        if let Some(known) = self.0.get(pattern) {
            return *known;
        }
        let holds = ["", "u"].into_iter().any(|flags| regress::Regex::with_flags(pattern, flags).is_ok());
        self.0.insert(pattern.to_owned(), holds);
        holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_mended_or_dropped() {
        let nothing = Map::new();
        let mended = |keyword: &str, value: Value| {
            mend(kind(keyword).unwrap(), keyword, &value, &nothing, &mut Patterns::default())
        };
        for (keyword, value) in [
            ("type", json!("string")),
            ("type", json!(["string", "null"])),
            ("minimum", json!(-1.5)),
            ("exclusiveMinimum", json!(3)),
            ("maxLength", json!(3)),
            ("pattern", json!(r"^[\w\-]+\/(?<year>\d{4})$")),
            ("pattern", json!(r"^\p{L}+$")),
            ("required", json!(["a", "b"])),
            ("enum", json!(["a", 1, null])),
            ("items", json!(true)),
            ("dependentRequired", json!({ "a": ["b"] })),
            ("patternProperties", json!({ "^x-": {} })),
        ] {
            assert_eq!(mended(keyword, value.clone()), AsItIs, "{keyword}: {value}");
        }
        let sound = Changed(json!({ "^x-": {} }), Some("has names that are no regular expressions"));
        assert_eq!(mended("patternProperties", json!({ "[": {}, "^x-": {} })), sound);
        for (keyword, value, other) in [
            ("type", json!("file"), json!("string")),
            ("type", json!("Integer"), json!("integer")),
            ("type", json!(["int", "long", "null"]), json!(["integer", "null"])),
            ("minimum", json!("1"), json!(1)),
            ("multipleOf", json!("0.01"), json!(0.01)),
            ("maxLength", json!("20"), json!(20)),
            ("minItems", json!(2.0), json!(2)),
            ("uniqueItems", json!("true"), json!(true)),
            ("enum", json!(["a", "b", "a"]), json!(["a", "b"])),
            ("required", json!(["a", "a"]), json!(["a"])),
            ("items", json!([{ "type": "string" }]), json!({})),
        ] {
            assert!(matches!(mended(keyword, value.clone()), Changed(is, _) if is == other), "{keyword}: {value}");
        }
        for (keyword, value) in [
            ("type", json!("money")),
            ("type", json!({})),
            ("minimum", json!("low")),
            ("multipleOf", json!(0)),
            ("maxLength", json!(-1)),
            ("maxLength", json!(1e300)),
            ("pattern", json!("/^[a-z/i")),
            ("pattern", json!("(".repeat(100_000))),
            ("required", json!(true)),
            ("required", json!([1])),
            ("enum", json!([])),
            ("enum", json!("a")),
            ("allOf", json!([])),
            ("items", json!("string")),
            ("properties", json!([])),
            ("dependentRequired", json!({ "a": "b" })),
            ("description", json!(["a"])),
        ] {
            assert!(matches!(mended(keyword, value.clone()), Dropped(_)), "{keyword}: {value}");
        }
        assert_eq!(kind("x-internal").or(kind("discriminator")).or(kind("$ref")), None);
    }

    #[test]
    fn a_bound_is_exclusive_as_in_openapi_3_0() {
        let schema = json!({ "minimum": 0, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false });
        let around = schema.as_object().unwrap();
        let mended =
            |keyword: &str| mend(kind(keyword).unwrap(), keyword, &around[keyword], around, &mut Patterns::default());
        assert_eq!(mended("minimum"), Moved);
        assert_eq!(mended("exclusiveMinimum"), Changed(json!(0), None));
        assert_eq!((mended("maximum"), mended("exclusiveMaximum")), (AsItIs, Moved));
        let quoted = json!({ "maximum": "9", "exclusiveMaximum": true });
        let around = quoted.as_object().unwrap();
        let mended =
            |keyword: &str| mend(kind(keyword).unwrap(), keyword, &around[keyword], around, &mut Patterns::default());
        let exclusive = Changed(json!(9), Some("is a number in quotes"));
        assert_eq!((mended("maximum"), mended("exclusiveMaximum")), (Moved, exclusive));
    }
}
