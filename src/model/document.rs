//! Documents that users write, in JSON or YAML, with the line of every node.

mod json;
mod yaml;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use saphyr_parser::Parser;
use serde_json::{Map, Value};

use self::{json::JsonLines, yaml::Yaml};

/// Limit on a document's nesting.
const DEEPEST: usize = 128;
/// Limit on the nodes that YAML's aliases stand for; all others are written in the file.
const MOST_ALIASED: usize = 500_000;

/// A document, and the lines of its nodes.
#[derive(Debug)]
pub struct Document {
    /// Shared with what was read from it and needs more than a part.
    pub value: Arc<Value>,
    lines: Lines,
    /// Duplicate keys of an object: the object's JSON pointer, the key, and the second one's line.
    pub duplicates: Vec<(String, String, usize)>,
    /// How many nodes were left out when it was read.
    pub left_out: usize,
    /// The positions of keys in large objects, by the object's address, because they are looked up often.
    places: Mutex<HashMap<usize, HashMap<String, usize>>>,
}

/// Up to this many keys, an object is searched linearly.
const FEW: usize = 64;

/// Why a text cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SyntaxError {
    pub line: usize,
    pub problem: String,
}

/// The line of a node, and of its children, in the order of the value's.
#[derive(Debug, Clone, Default)]
struct Lines {
    line: u32,
    children: Vec<Lines>,
}

impl Lines {
    fn leaf(line: usize) -> Self {
        Self { line: u32::try_from(line).unwrap_or(u32::MAX), children: Vec::new() }
    }
}

impl Document {
    /// Parses JSON if the text begins like it, else YAML.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let begin = text.trim_start();
        let first = begin.chars().find(|c| !c.is_whitespace() && !matches!(c, '{' | '['));
        // YAML has braces, too, but also keys that are not in double quotes.
        let is_json = begin.starts_with(['{', '[']) && !first.is_some_and(|c| c == '\'' || c.is_alphabetic());
        if is_json { Self::parse_without(text, &HashSet::new()) } else { Self::yaml(text) }
    }

    /// A document that nobody wrote: all of it is at line 1.
    pub fn of(value: Value) -> Self {
        Self::with_lines(value, Lines::leaf(1))
    }

    /// Parses JSON, and keeps nothing of these nodes, which are members of objects: JSON pointers.
    ///
    /// # Errors
    ///
    /// If it is no JSON.
    pub fn parse_without(text: &str, left_out: &HashSet<String>) -> Result<Self, SyntaxError> {
        let value = json::value_without(text, left_out)
            .map_err(|error| SyntaxError { line: error.line(), problem: format!("not JSON: {error}") })?;
        let mut scanner = JsonLines { bytes: text.as_bytes(), at: 0, line: 1, duplicates: Vec::new(), left_out };
        let lines = scanner.node(&mut String::new());
        let (duplicates, left_out) = (scanner.duplicates, left_out.len());
        Ok(Self { duplicates, left_out, ..Self::with_lines(value, lines) })
    }

    fn yaml(text: &str) -> Result<Self, SyntaxError> {
        let mut builder = Yaml::default();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| SyntaxError {
                line: error.marker().line(),
                problem: format!("not YAML: {}", error.info()),
            })?;
            builder.take(event, span.start.line())?;
        }
        let (value, lines) = builder.root.unwrap_or((Value::Null, Lines::leaf(1)));
        Ok(Self { duplicates: builder.duplicates, ..Self::with_lines(value, lines) })
    }

    fn with_lines(value: Value, lines: Lines) -> Self {
        Self { value: value.into(), lines, duplicates: Vec::new(), left_out: 0, places: Mutex::default() }
    }

    /// Takes the value out, without a copy unless it is shared. The document has no lines any more.
    pub(super) fn take(&mut self) -> Value {
        self.lines = Lines::leaf(1);
        Arc::unwrap_or_clone(std::mem::take(&mut self.value))
    }

    /// The value, without a copy unless it is shared.
    pub fn into_value(self) -> Value {
        Arc::unwrap_or_clone(self.value)
    }

    /// The line of the node that a JSON pointer refers to, or of its nearest existing ancestor; from 1.
    pub fn line_of(&self, pointer: &str) -> usize {
        let (mut value, mut lines) = (&*self.value, &self.lines);
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let found = match value {
                Value::Object(members) => {
                    self.place(members, &segment).and_then(|at| Some((at, members.get(&segment)?)))
                }
                Value::Array(items) => {
                    let index = segment.parse::<usize>().ok().filter(|index| *index < items.len());
                    match index.and_then(|index| lines.children.get(index).map(|child| (index, child))) {
                        Some((index, child)) => {
                            (value, lines) = (&items[index], child);
                            continue;
                        }
                        None => break,
                    }
                }
                _ => None,
            };
            let Some((member, child)) = found.and_then(|(at, member)| Some((member, lines.children.get(at)?))) else {
                break;
            };
            (value, lines) = (member, child);
        }
        lines.line.max(1) as usize
    }
}

impl Document {
    /// A key's position in its object.
    fn place(&self, members: &Map<String, Value>, key: &str) -> Option<usize> {
        if members.len() <= FEW {
            return members.keys().position(|other| other == key);
        }
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this = places
            .entry(std::ptr::from_ref(members).addr())
            .or_insert_with(|| members.keys().enumerate().map(|(at, key)| (key.clone(), at)).collect());
        of_this.get(key).copied()
    }
}

/// Writes a value as YAML, each text on lines of its own only where it has line breaks.
///
/// # Errors
///
/// If it cannot be written.
pub fn to_yaml(value: &Value) -> Result<String, String> {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(value, options).map_err(|error| error.to_string())
}

/// Escapes a key as one segment of a JSON pointer (RFC 6901).
pub fn segment(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn fail<T>(line: usize, problem: &str) -> Result<T, SyntaxError> {
    Err(SyntaxError { line, problem: problem.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_value_of_a_merge_key_is_merged() {
        let yaml = Document::parse("x: &k name\nbase: &b {p: 1}\nm:\n  <<: *b\n  *k : {q: 2}\n").unwrap();
        assert_eq!(yaml.value["m"], json!({ "p": 1, "name": { "q": 2 } }));
    }

    #[test]
    fn lines_are_those_of_the_keys_in_json_and_in_yaml() {
        let json = Document::parse("{\n \"a\": {\n  \"b/c\": [1,\n   {\"d\": 2}]\n }\n}").unwrap();
        for (pointer, line) in [("", 1), ("/a", 2), ("/a/b~1c", 3), ("/a/b~1c/1", 4), ("/a/b~1c/1/d", 4), ("/a/no", 2)]
        {
            assert_eq!(json.line_of(pointer), line, "{pointer}");
        }
        let yaml = Document::parse("# x\na:\n  b/c:\n    - 1\n    - d: 2\n").unwrap();
        assert_eq!(yaml.value, json.value);
        for (pointer, line) in [("/a", 2), ("/a/b~1c", 3), ("/a/b~1c/0", 4), ("/a/b~1c/1/d", 5)] {
            assert_eq!(yaml.line_of(pointer), line, "{pointer}");
        }
    }

    #[test]
    fn yaml_is_read_by_its_core_schema() {
        let text = "a: 3.0\nb: '3.0'\nc: no\nd: 200\n200: e\nf: ~\ng: &x {h: 0x1F}\ni: *x\nj:\n  <<: *x\n  h: 31\n  k: -1.5e3\nl: !!str 7\nm: 3.0.1\nn: .5";
        let document = Document::parse(text).unwrap();
        assert_eq!(document.duplicates, []);
        let value = document.into_value();
        let expected = json!({
            "a": 3.0, "b": "3.0", "c": "no", "d": 200, "200": "e", "f": null, "g": {"h": 31}, "i": {"h": 31},
            "j": {"h": 31, "k": -1500.0}, "l": "7", "m": "3.0.1", "n": 0.5,
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn yaml_has_braces_too_and_large_objects_know_their_lines() {
        assert_eq!(Document::parse("{a: 'x', b: [1]}").unwrap().into_value(), json!({"a": "x", "b": [1]}));
        assert!(Document::parse("{\"a\": 1,}x").unwrap_err().problem.starts_with("not JSON"));
        let lines: String = (0..500).map(|n| format!("k{n}: {n}\n")).collect();
        let document = Document::parse(&lines).unwrap();
        assert_eq!((document.line_of("/k0"), document.line_of("/k499"), document.line_of("/none")), (1, 500, 1));
    }

    #[test]
    fn what_is_written_as_yaml_is_read_back() {
        let texts = [
            "",
            " ",
            "no",
            "yes",
            "on",
            "~",
            "null",
            "true",
            "0",
            "-1",
            "1e3",
            "1.5",
            ".5",
            "0x1F",
            "0o7",
            "1_000",
            ".inf",
            "2026-11-27",
            "12:30:45",
            "<<",
            "=",
            "- a",
            "a: b",
            "a #b",
            "#",
            "&x",
            "*x",
            "!t",
            "|",
            ">",
            "%",
            "@",
            "`",
            "\"",
            "'",
            "{",
            "[",
            "a,b",
            "?",
            ":",
            "a\nb",
            "a\n",
            "\na",
            "  a\n b\n",
            "a\n\n\nb",
            "\t",
            "a\tb",
            "\r\n",
            "\u{85}",
            "\u{2028}",
            "\u{feff}x",
            "\0",
            "\u{1b}[31m",
            "é",
            "😀",
            "${X}",
            "---",
            "...",
            "a\\nb",
            "trailing ",
            " leading",
        ];
        for text in texts {
            let long = format!("{text} {} {text}", "word ".repeat(60));
            for text in [text, long.as_str()] {
                let value = json!({ "a": text, "b": [text, { text: [text] }], "c": { "d": { text: text } } });
                let written = to_yaml(&value).unwrap();
                assert_eq!(Document::parse(&written).unwrap().into_value(), value, "{text:?}: {written}");
            }
        }
        let value = json!({ "n": [0, -1, 1.5, 1e300, u64::MAX, 0.1], "b": [true, false, null], "e": [{}, []], "s": { "x": {}, "y": [[], [[1]]] } });
        assert_eq!(Document::parse(&to_yaml(&value).unwrap()).unwrap().into_value(), value);
    }

    #[test]
    fn what_is_no_document_says_where_and_bombs_do_not_go_off() {
        assert_eq!(Document::parse("{\n\"a\": }").unwrap_err().line, 2);
        assert!(Document::parse("a: [1").unwrap_err().problem.starts_with("not YAML"));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let before = n - 1;
            let list = vec![format!("*a{before}"); 10].join(", ");
            bomb.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        assert!(Document::parse(&bomb).unwrap_err().problem.contains("aliases"));
        assert!(Document::parse(&"[".repeat(100_000)).is_err());
        assert!(Document::parse(&format!("a: {}", "[".repeat(100_000))).is_err());
        assert!(Document::parse("a: &x [*x]").is_err());
        assert!(Document::parse("--- a\n--- b").is_err());
        assert_eq!(Document::parse("").unwrap().into_value(), Value::Null);
        let twice = |text: &str| Document::parse(text).unwrap().duplicates;
        assert_eq!(twice("{\"a\":1,\n\"\\u0061\":2}"), [(String::new(), "a".to_owned(), 2)]);
        assert_eq!(twice("x:\n  - y/z:\n      a: 1\n      a: 2"), [("/x/0/y~1z".to_owned(), "a".to_owned(), 4)]);
    }
}
