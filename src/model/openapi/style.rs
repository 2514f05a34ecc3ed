//! Writes values as text in a path, a query, a header and a form (OpenAPI 3.0.4, "Parameter Object", "Style
//! Examples"; the styles are expansions of RFC 6570).

use percent_encoding::{AsciiSet, utf8_percent_encode};
use serde_json::{Number, Value};

use crate::model::http_request::{ENCODED, encode};

/// What `allowReserved` keeps: the reserved characters (RFC 3986 §2.2), without those that no query may have (`[`, `]`,
/// `#`) and those that separate its pairs or stand for a space (`&`, `+`).
const RESERVED_KEPT: &AsciiSet = &ENCODED
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) kind: StyleKind,
    /// Whether each item of a list and each member of an object is written with a name.
    pub(super) explode: bool,
    /// Whether reserved characters are written as they are.
    pub(super) allow_reserved: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StyleKind {
    Simple,
    Form,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
}

/// A value that is written. Null, an empty list and an empty object are undefined (RFC 6570 §2.3), and so left out, as
/// are nulls in a list or an object.
enum Defined<'a> {
    One(String),
    List(Vec<String>),
    Members(Vec<(&'a str, String)>),
}

impl<'a> Defined<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Array(items) => {
                let items: Vec<String> = items.iter().filter(|item| !item.is_null()).map(plain).collect();
                (!items.is_empty()).then_some(Self::List(items))
            }
            Value::Object(members) => {
                let members = members.iter().filter(|(_, value)| !value.is_null());
                let members: Vec<_> = members.map(|(name, value)| (name.as_str(), plain(value))).collect();
                (!members.is_empty()).then_some(Self::Members(members))
            }
            value => Some(Self::One(plain(value))),
        }
    }

    /// The style `simple`.
    fn simple(self, explode: bool, encode: impl Fn(&str) -> String) -> String {
        let between = if explode { "=" } else { "," };
        let parts: Vec<String> = match self {
            Self::One(text) => vec![encode(&text)],
            Self::List(items) => items.iter().map(|item| encode(item)).collect(),
            Self::Members(members) => {
                members.iter().map(|(name, value)| format!("{}{between}{}", encode(name), encode(value))).collect()
            }
        };
        parts.join(",")
    }
}

impl Style {
    /// The style that a parameter or a property has if the document names none.
    pub(super) fn new(kind: StyleKind) -> Self {
        Self { kind, explode: kind == StyleKind::Form, allow_reserved: false }
    }

    /// The value as part of a path; empty if it is undefined.
    pub(super) fn in_path(self, value: &Value) -> String {
        Defined::of(value).map(|value| value.simple(self.explode, encode)).unwrap_or_default()
    }

    /// The value of a header, which is not encoded (OpenAPI 3.0.4, "Appendix D"); `None` if it is undefined.
    pub(super) fn in_header(self, value: &Value) -> Option<String> {
        Defined::of(value).map(|value| value.simple(self.explode, str::to_owned))
    }

    /// `name=value` pairs for a query or a form; none if the value is undefined.
    pub(super) fn pairs(self, name: &str, value: &Value) -> Vec<String> {
        if self.kind == StyleKind::DeepObject && (value.is_object() || value.is_array()) {
            let mut pairs = Vec::new();
            self.deep(name, value, &mut pairs);
            return pairs;
        }
        let pair = |name: &str, value: String| format!("{}={value}", encode(name));
        let between = match self.kind {
            StyleKind::SpaceDelimited => "%20",
            StyleKind::PipeDelimited => "%7C",
            StyleKind::Simple | StyleKind::Form | StyleKind::DeepObject => ",",
        };
        match Defined::of(value) {
            None => Vec::new(),
            Some(Defined::One(text)) => vec![pair(name, self.encode(&text))],
            Some(Defined::List(items)) => {
                let items = items.iter().map(|item| self.encode(item));
                if self.explode {
                    items.map(|item| pair(name, item)).collect()
                } else {
                    vec![pair(name, items.collect::<Vec<_>>().join(between))]
                }
            }
            Some(Defined::Members(members)) => {
                let members = members.iter().map(|(name, value)| (*name, self.encode(value)));
                if self.explode {
                    members.map(|(name, value)| pair(name, value)).collect()
                } else {
                    let parts: Vec<String> = members.flat_map(|(name, value)| [encode(name), value]).collect();
                    vec![pair(name, parts.join(between))]
                }
            }
        }
    }

    /// `name[member]=value`. OpenAPI defines it for objects of scalars; deeper objects are written as most servers read
    /// them, `name[member][member]=value`, and lists as `name[member]=item` for each item.
    fn deep(self, name: &str, value: &Value, pairs: &mut Vec<String>) {
        match value {
            Value::Null => {}
            Value::Object(members) => {
                for (member, value) in members {
                    self.deep(&format!("{name}[{member}]"), value, pairs);
                }
            }
            Value::Array(items) => {
                let items = items.iter().filter(|item| !item.is_null());
                pairs.extend(items.map(|item| format!("{}={}", encode(name), self.encode(&plain(item)))));
            }
            value => pairs.push(format!("{}={}", encode(name), self.encode(&plain(value)))),
        }
    }

    fn encode(self, text: &str) -> String {
        if !self.allow_reserved {
            return encode(text);
        }
        // Percent-encoded bytes stay as they are (RFC 6570 §3.2.3).
        let mut written = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            let (before, from) = rest.split_at(at);
            written.extend(utf8_percent_encode(before, RESERVED_KEPT));
            let is_encoded = from.len() >= 3 && from.as_bytes()[1..3].iter().all(u8::is_ascii_hexdigit);
            let (sign, after) = if is_encoded { from.split_at(3) } else { ("%25", &from[1..]) };
            written.push_str(sign);
            rest = after;
        }
        written.extend(utf8_percent_encode(rest, RESERVED_KEPT));
        written
    }
}

/// A value as text: a string without quotes, anything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => digits(number),
        value => value.to_string(),
    }
}

/// A number's digits, as JavaScript writes them: without a fraction of zero, and without an exponent up to 10²¹.
fn digits(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) if float.fract() == 0.0 && float.abs() < 1e21 => format!("{float}"),
        _ => number.to_string(),
    }
}
