//! Input validation: the shape of each operation's input, as in its service model, and validation against it
//! with AWS's error messages.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use regex_lite::Regex;
use serde_json::{Map, Value, json};

/// The shape of a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text {
        /// Characters.
        least: usize,
        most: usize,
        /// As in the service model. Must match the whole string.
        pattern: Option<&'static str>,
        /// Never shown in an error.
        sensitive: bool,
    },
    Enum(&'static [&'static str]),
    Integer {
        least: i64,
        most: i64,
    },
    Boolean,
    List {
        item: &'static Shape,
        least: usize,
        most: usize,
    },
    /// A map from strings to values.
    Map {
        key: &'static Shape,
        value: &'static Shape,
        least: usize,
        most: usize,
    },
    Structure(&'static [Member]),
    /// A structure with exactly one member set.
    Union(&'static [Member]),
    /// Not validated here, but by the operation.
    Any,
}

/// A member of a structure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    name: &'static str,
    shape: Shape,
    required: bool,
}

pub(crate) const fn required(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, required: true }
}

pub(crate) const fn optional(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, required: false }
}

/// A string of any length.
pub(crate) const TEXT: Shape = text(0, usize::MAX);

/// A string of `least` to `most` characters.
pub(crate) const fn text(least: usize, most: usize) -> Shape {
    Shape::Text { least, most, pattern: None, sensitive: false }
}

pub(crate) const fn integer(least: i64, most: i64) -> Shape {
    Shape::Integer { least, most }
}

pub(crate) const fn list(item: &'static Shape, least: usize, most: usize) -> Shape {
    Shape::List { item, least, most }
}

pub(crate) const fn map(key: &'static Shape, value: &'static Shape, least: usize, most: usize) -> Shape {
    Shape::Map { key, value, least, most }
}

impl Shape {
    /// Restricts a string to a pattern, which must match the whole string.
    pub(crate) const fn matching(self, pattern: &'static str) -> Self {
        match self {
            Self::Text { least, most, sensitive, .. } => Self::Text { least, most, pattern: Some(pattern), sensitive },
            other => other,
        }
    }

    /// Marks a string as sensitive: errors do not show it.
    pub(crate) const fn sensitive(self) -> Self {
        match self {
            Self::Text { least, most, pattern, .. } => Self::Text { least, most, pattern, sensitive: true },
            other => other,
        }
    }
}

/// The members as JSON, for tests that compare them with the service model; no bound is null.
pub(crate) fn describe(members: &[Member]) -> Value {
    let described =
        |member: &Member| json!({ "name": member.name, "required": member.required, "shape": member.shape.describe() });
    members.iter().map(described).collect()
}

impl Shape {
    fn describe(&self) -> Value {
        let most = |most: usize| if most == usize::MAX { Value::Null } else { json!(most) };
        match *self {
            Self::Any => json!({ "kind": "any" }),
            Self::Text { least, most: bound, pattern, sensitive } => {
                json!({ "kind": "text", "least": least, "most": most(bound), "pattern": pattern, "sensitive": sensitive })
            }
            Self::Enum(values) => json!({ "kind": "enum", "values": values, "sensitive": false }),
            Self::Integer { least, most } => {
                let bound =
                    |bound: i64| if bound.unsigned_abs() >= i64::MAX as u64 { Value::Null } else { json!(bound) };
                json!({ "kind": "integer", "least": bound(least), "most": bound(most) })
            }
            Self::Boolean => json!({ "kind": "boolean" }),
            Self::List { item, least, most: bound } => {
                json!({ "kind": "list", "item": item.describe(), "least": least, "most": most(bound) })
            }
            Self::Map { key, value, least, most: bound } => {
                json!({ "kind": "map", "key": key.describe(), "value": value.describe(), "least": least, "most": most(bound) })
            }
            Self::Structure(members) => json!({ "kind": "structure", "members": describe(members) }),
            Self::Union(members) => json!({ "kind": "union", "members": describe(members) }),
        }
    }
}

/// Why an input is invalid.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ValidationError {
    /// A member that this server does not support, although AWS may.
    UnsupportedMember(String),
    /// A value of the wrong type.
    Malformed(String),
    /// All violated constraints.
    Violations(Vec<Violation>),
}

/// One violated constraint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// `tags.1.member.key`
    pub(crate) path: String,
    /// The value as the error shows it, or `None` if it is hidden.
    value: Option<String>,
    /// `Member must …`
    pub(crate) constraint: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, value, constraint } = self;
        match value {
            Some(value) => write!(f, "Value {value} at '{path}' failed to satisfy constraint: {constraint}"),
            None => write!(f, "Value at '{path}' failed to satisfy constraint: {constraint}"),
        }
    }
}

/// AWS's error message for violations.
pub(crate) fn sentence(violations: &[Violation]) -> String {
    let plural = if violations.len() == 1 { "" } else { "s" };
    let all: Vec<String> = violations.iter().map(Violation::to_string).collect();
    format!("{} validation error{plural} detected: {}", violations.len(), all.join("; "))
}

/// Validates an operation's input and returns it in canonical form: without nulls, and with strings from a
/// query string or form converted to numbers, booleans and lists.
pub(crate) fn check(members: &[Member], input: Value) -> Result<Value, ValidationError> {
    let mut findings = Findings::default();
    let checked = findings.structure(members, input, "", false);
    if let Some(path) = findings.unsupported {
        return Err(ValidationError::UnsupportedMember(path));
    }
    if let Some(problem) = findings.malformed {
        return Err(ValidationError::Malformed(problem));
    }
    if findings.violations.is_empty() { Ok(checked) } else { Err(ValidationError::Violations(findings.violations)) }
}

#[derive(Default)]
struct Findings {
    unsupported: Option<String>,
    malformed: Option<String>,
    violations: Vec<Violation>,
}

impl Findings {
    fn violate(&mut self, path: &str, value: Option<String>, constraint: impl Into<String>) {
        self.violations.push(Violation { path: path.to_owned(), value, constraint: constraint.into() });
    }

    fn malformed(&mut self, path: &str, expected: &str) -> Value {
        self.malformed.get_or_insert_with(|| format!("the member '{path}' is not {expected}"));
        Value::Null
    }

    fn value(&mut self, shape: &Shape, value: Value, path: &str) -> Value {
        match *shape {
            Shape::Any => value,
            Shape::Text { least, most, pattern, sensitive } => {
                let Value::String(text) = value else { return self.malformed(path, "a string") };
                let shown = (!sensitive).then(|| quoted(&text));
                self.length(text.chars().count(), least, most, path, shown.as_ref());
                if let Some(pattern) = pattern
                    && !whole_match(pattern, &text)
                {
                    self.violate(path, shown, format!("Member must satisfy regular expression pattern: {pattern}"));
                }
                Value::String(text)
            }
            Shape::Enum(values) => {
                let Value::String(text) = value else { return self.malformed(path, "a string") };
                if !values.contains(&text.as_str()) {
                    let set = values.join(", ");
                    self.violate(path, Some(quoted(&text)), format!("Member must satisfy enum value set: [{set}]"));
                }
                Value::String(text)
            }
            Shape::Integer { least, most } => self.integer(value, least, most, path),
            Shape::Boolean => match &value {
                Value::Bool(_) => value,
                Value::String(text) if text == "true" => Value::Bool(true),
                Value::String(text) if text == "false" => Value::Bool(false),
                _ => self.malformed(path, "a boolean"),
            },
            Shape::List { item, least, most } => {
                let items = match value {
                    Value::Array(items) => items,
                    // A query string repeats the name for each item; a form has an empty string for an empty list.
                    Value::String(text) if text.is_empty() => Vec::new(),
                    text @ Value::String(_) => vec![text],
                    _ => return self.malformed(path, "a list"),
                };
                self.length(items.len(), least, most, path, None);
                let numbered = items.into_iter().enumerate();
                numbered
                    .map(|(index, value)| self.value(item, value, &format!("{path}.{}.member", index + 1)))
                    .collect()
            }
            Shape::Map { key, value: of, least, most } => {
                let Value::Object(entries) = value else { return self.malformed(path, "a map") };
                self.length(entries.len(), least, most, path, None);
                let mut checked = Map::new();
                for (name, entry) in entries {
                    self.value(key, Value::String(name.clone()), &format!("{path}.key"));
                    let entry = self.value(of, entry, &format!("{path}.{name}.member"));
                    checked.insert(name, entry);
                }
                Value::Object(checked)
            }
            Shape::Structure(members) => self.structure(members, value, path, false),
            Shape::Union(members) => self.structure(members, value, path, true),
        }
    }

    fn structure(&mut self, members: &[Member], value: Value, path: &str, union: bool) -> Value {
        let mut given = match value {
            Value::Object(given) => given,
            // A form has an empty string for an empty structure.
            Value::String(text) if text.is_empty() => Map::new(),
            _ => return self.malformed(path, "a structure"),
        };
        given.retain(|_, value| !value.is_null());
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let known = |name: &str| members.iter().any(|member| member.name == name);
        if let Some(name) = given.keys().find(|name| !known(name)) {
            self.unsupported.get_or_insert_with(|| below(name));
        }
        if union && given.len() != 1 {
            self.violate(path, None, "Member must have exactly one of its members set");
        }
        let mut checked = Map::new();
        for member in members {
            let at = below(&lower_first(member.name));
            match given.remove(member.name) {
                Some(value) => {
                    let value = self.value(&member.shape, value, &at);
                    checked.insert(member.name.to_owned(), value);
                }
                None if member.required => self.violate(&at, Some("null".to_owned()), "Member must not be null"),
                None => {}
            }
        }
        Value::Object(checked)
    }

    fn integer(&mut self, value: Value, least: i64, most: i64, path: &str) -> Value {
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let Some(number) = number else { return self.malformed(path, "an integer") };
        let shown = || Some(format!("'{number}'"));
        if number < least {
            self.violate(path, shown(), format!("Member must have value greater than or equal to {least}"));
        }
        if number > most {
            self.violate(path, shown(), format!("Member must have value less than or equal to {most}"));
        }
        number.into()
    }

    fn length(&mut self, found: usize, least: usize, most: usize, path: &str, shown: Option<&String>) {
        if found < least {
            self.violate(path, shown.cloned(), format!("Member must have length greater than or equal to {least}"));
        }
        if found > most {
            self.violate(path, shown.cloned(), format!("Member must have length less than or equal to {most}"));
        }
    }
}

/// `'text'`, truncated to 256 characters.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(256) {
        Some((end, _)) => format!("'{}…'", &text[..end]),
        None => format!("'{text}'"),
    }
}

/// AWS's errors show member names with a lower-case first letter.
fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

/// Whether a service model's pattern matches the whole text.
fn whole_match(pattern: &'static str, text: &str) -> bool {
    static COMPILED: LazyLock<Mutex<HashMap<&'static str, Arc<Regex>>>> = LazyLock::new(Mutex::default);
    let regex = {
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.entry(pattern).or_insert_with(|| Arc::new(compile(pattern))).clone()
    };
    if !pattern.contains(UNICODE_CLASSES) {
        return regex.is_match(text);
    }
    // `regex_lite` has no Unicode classes, so each non-ASCII letter, number or space is replaced by `a` first.
    let plain = |c: char| if !c.is_ascii() && (c.is_alphanumeric() || c.is_whitespace()) { 'a' } else { c };
    regex.is_match(&text.chars().map(plain).collect::<String>())
}

/// Letters, separators and numbers of any script.
const UNICODE_CLASSES: &str = r"\p{L}\p{Z}\p{N}";
/// All characters but controls and unassigned ones.
const VISIBLE_CLASSES: &str = r"\p{L}\p{M}\p{S}\p{N}\p{P}\p{Z}";

fn compile(pattern: &str) -> Regex {
    let classes = pattern.replace(VISIBLE_CLASSES, r"\x20-\x7E\x{A0}-\x{10FFFF}");
    let classes = classes.replace(UNICODE_CLASSES, r"0-9A-Za-z ");
    Regex::new(&format!("^(?s:{classes})$")).expect("a unit test compiles every pattern of every table")
}

#[cfg(test)]
impl Shape {
    /// Compiles every pattern in it.
    pub(crate) fn compile_patterns(&self) {
        match self {
            Self::Text { pattern: Some(pattern), .. } => drop(compile(pattern)),
            Self::List { item, .. } => item.compile_patterns(),
            Self::Map { key, value, .. } => {
                key.compile_patterns();
                value.compile_patterns();
            }
            Self::Structure(members) | Self::Union(members) => {
                members.iter().for_each(|member| member.shape.compile_patterns());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Shape = text(1, 4).matching(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+");
    const TAG: Shape = Shape::Structure(&[required("Key", KEY), optional("Value", TEXT)]);
    const MEMBERS: &[Member] = &[
        required("RoleName", text(1, 5).matching(r"[\w+=,.@-]+")),
        optional("Secret", text(3, 9).sensitive()),
        optional("MaxItems", integer(1, 10)),
        optional("Kind", Shape::Enum(&["A", "B"])),
        optional("Dry", Shape::Boolean),
        optional("Tags", list(&TAG, 0, 2)),
        optional("One", Shape::Union(&[optional("a", TEXT), optional("b", TEXT)])),
    ];

    fn refusal(input: Value) -> String {
        match check(MEMBERS, input).unwrap_err() {
            ValidationError::Violations(violations) => sentence(&violations),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_input_becomes_canonical() {
        let from_a_form = json!({ "RoleName": "r", "MaxItems": "7", "Dry": "true", "Tags": "", "Kind": null });
        let canonical = json!({ "RoleName": "r", "MaxItems": 7, "Dry": true, "Tags": [] });
        assert_eq!(check(MEMBERS, from_a_form).unwrap(), canonical);
        let unicode = json!({ "RoleName": "r", "Tags": [{ "Key": "Größ" }] });
        assert_eq!(check(MEMBERS, unicode.clone()).unwrap(), unicode);
        for beyond in ["\u{fffe}", "\u{1f600}", "\t"] {
            assert!(refusal(json!({ "RoleName": "r", "Tags": [{ "Key": beyond }] })).contains("regular"), "{beyond:?}");
        }
    }

    #[test]
    fn every_violation_is_told_in_awss_words() {
        let all = refusal(json!({ "Secret": "x", "MaxItems": 11, "Kind": "C", "Tags": [{ "Key": "a!" }] }));
        for expected in [
            "5 validation errors detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null",
            "; Value at 'secret' failed to satisfy constraint: Member must have length greater than or equal to 3",
            "; Value '11' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 10",
            "; Value 'C' at 'kind' failed to satisfy constraint: Member must satisfy enum value set: [A, B]",
            "; Value 'a!' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression",
        ] {
            assert!(all.contains(expected), "{expected}\n{all}");
        }
        assert!(refusal(json!({ "RoleName": "r", "One": {} })).contains("exactly one"));
        assert!(refusal(json!({ "RoleName": "r", "One": { "a": "", "b": "" } })).contains("exactly one"));
    }

    #[test]
    fn unknown_members_and_wrong_types_come_first() {
        assert_eq!(refusal(json!({ "Nope": 1 })), r#"UnsupportedMember("Nope")"#);
        assert_eq!(refusal(json!({ "Tags": [{ "Key": "k", "X": 1 }] })), r#"UnsupportedMember("tags.1.member.X")"#);
        assert_eq!(refusal(json!({ "RoleName": 7 })), r#"Malformed("the member 'roleName' is not a string")"#);
        assert_eq!(refusal(json!([])), r#"Malformed("the member '' is not a structure")"#);
    }
}
