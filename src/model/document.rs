//! Documents that users write, in JSON or YAML, with the line of every node.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

/// Limit on a document's nesting.
const DEEPEST: usize = 128;
/// Limit on a document's nodes, with YAML's aliases expanded.
const MOST_NODES: usize = 5_000_000;

/// A document, and the lines of its nodes.
#[derive(Debug)]
pub struct Document {
    pub value: Value,
    lines: Lines,
    /// Duplicate keys of an object: the object's JSON pointer, the key, and the second one's line.
    pub duplicates: Vec<(String, String, usize)>,
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
        if is_json { Self::json(text) } else { Self::yaml(text) }
    }

    fn json(text: &str) -> Result<Self, SyntaxError> {
        let value = serde_json::from_str(text)
            .map_err(|error| SyntaxError { line: error.line(), problem: format!("not JSON: {error}") })?;
        let mut scanner = JsonLines { bytes: text.as_bytes(), at: 0, line: 1, duplicates: Vec::new() };
        let lines = scanner.node(&mut String::new());
        Ok(Self { value, lines, duplicates: scanner.duplicates, places: Mutex::default() })
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
        Ok(Self { value, lines, duplicates: builder.duplicates, places: Mutex::default() })
    }

    /// The line of the node that a JSON pointer refers to, or of its nearest existing ancestor; from 1.
    pub fn line_of(&self, pointer: &str) -> usize {
        let (mut value, mut lines) = (&self.value, &self.lines);
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

/// Escapes a key as one segment of a JSON pointer (RFC 6901).
pub fn segment(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Finds the lines in a text that is known to be JSON.
struct JsonLines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    duplicates: Vec<(String, String, usize)>,
}

impl JsonLines<'_> {
    fn skip(&mut self) -> u8 {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' | b',' | b':' => {}
                other => return *other,
            }
            self.at += 1;
        }
        0
    }

    /// Reads a string.
    fn string(&mut self) -> String {
        let begin = self.at + 1;
        self.at = begin;
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let end = self.at.min(self.bytes.len());
        self.at = end + 1;
        let raw = String::from_utf8_lossy(&self.bytes[begin.min(end)..end]);
        let unescaped = raw.contains('\\').then(|| serde_json::from_str(&format!("\"{raw}\"")).ok()).flatten();
        unescaped.unwrap_or_else(|| raw.into_owned())
    }

    fn node(&mut self, pointer: &mut String) -> Lines {
        let first = self.skip();
        let mut lines = Lines::leaf(self.line);
        match first {
            b'{' => {
                self.at += 1;
                let mut places: HashMap<String, usize> = HashMap::new();
                while self.skip() == b'"' {
                    let line = self.line;
                    let key = self.string();
                    let length = pointer.len();
                    pointer.push('/');
                    pointer.push_str(&segment(&key));
                    let mut child = self.node(pointer);
                    pointer.truncate(length);
                    child.line = Lines::leaf(line).line;
                    match places.get(&key) {
                        Some(place) => {
                            lines.children[*place] = child;
                            self.duplicates.push((pointer.clone(), key, line));
                        }
                        None => {
                            places.insert(key, lines.children.len());
                            lines.children.push(child);
                        }
                    }
                }
                self.at += 1;
            }
            b'[' => {
                self.at += 1;
                while !matches!(self.skip(), b']' | 0) {
                    let child = self.node(pointer);
                    lines.children.push(child);
                }
                self.at += 1;
            }
            b'"' => drop(self.string()),
            _ => {
                while self.bytes.get(self.at).is_some_and(|byte| !b",]} \t\r\n".contains(byte)) {
                    self.at += 1;
                }
            }
        }
        lines
    }
}

/// A value under construction, or a finished one, with its lines.
type Node = (Value, Lines);

/// Builds values from the events of a YAML parser.
#[derive(Default)]
struct Yaml {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    duplicates: Vec<(String, String, usize)>,
    documents: usize,
}

/// The node that an alias refers to.
struct Anchored {
    value: Value,
    height: usize,
    /// Its number of nodes.
    size: usize,
}

struct Open {
    node: Node,
    /// The number of nodes before it.
    before: usize,
    anchor: usize,
    /// In a mapping: the key whose value comes next, and its line.
    key: Option<(String, usize)>,
    /// In a mapping: the keys from a merge, which the mapping's own keys override.
    merged: HashSet<String>,
    /// The height of the tallest child.
    height: usize,
}

impl Yaml {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), SyntaxError> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return fail(line, "a file holds one document; here begins a second");
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_key = self.open.last().is_some_and(|open| open.node.0.is_object() && open.key.is_none());
                let value =
                    if is_key { Value::String(text.into_owned()) } else { scalar(&text, style, tag.as_deref()) };
                self.finish((value, Lines::leaf(line)), anchor, (0, self.nodes), line)
            }
            Event::SequenceStart(anchor, _) => self.begin(Value::Array(Vec::new()), anchor, line),
            Event::MappingStart(anchor, _) => self.begin(Value::Object(Map::new()), anchor, line),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.finish(open.node, open.anchor, (open.height + 1, open.before), line),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let Some(anchored) = self.anchors.get(&anchor) else {
                    return fail(line, "an alias inside of what it stands for has no end");
                };
                let before = self.nodes;
                self.nodes += anchored.size;
                if self.nodes > MOST_NODES {
                    return fail(line, "its aliases come to more than any document is");
                }
                let (value, height) = (anchored.value.clone(), anchored.height);
                self.finish((value, Lines::leaf(line)), 0, (height, before), line)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    /// The pointer of the innermost open node.
    fn pointer(&self) -> String {
        let around = &self.open[..self.open.len().saturating_sub(1)];
        let part = |open: &Open| match (&open.node.0, &open.key) {
            (Value::Array(items), _) => format!("/{}", items.len()),
            (_, Some((key, _))) => format!("/{}", segment(key)),
            _ => String::new(),
        };
        around.iter().map(part).collect()
    }

    fn begin(&mut self, value: Value, anchor: usize, line: usize) -> Result<(), SyntaxError> {
        let waits_for_key = self.open.last().is_some_and(|open| open.node.0.is_object() && open.key.is_none());
        if waits_for_key {
            return fail(line, "a key is a text");
        }
        if self.open.len() >= DEEPEST {
            return fail(line, &format!("nested more than {DEEPEST} levels deep"));
        }
        self.open.push(Open {
            node: (value, Lines::leaf(line)),
            before: self.nodes,
            anchor,
            key: None,
            merged: HashSet::new(),
            height: 0,
        });
        Ok(())
    }

    /// Adds a complete node, given its height and the number of nodes before it, to its parent.
    fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        (height, before): (usize, usize),
        line: usize,
    ) -> Result<(), SyntaxError> {
        self.nodes += 1;
        if height + self.open.len() > DEEPEST {
            return fail(line, &format!("nested more than {DEEPEST} levels deep"));
        }
        if anchor > 0 {
            let anchored = Anchored { value: node.0.clone(), height, size: self.nodes - before };
            self.anchors.insert(anchor, anchored);
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.height = open.height.max(height);
        let mut twice = None;
        match (&mut open.node.0, open.key.take()) {
            (Value::Array(items), _) => {
                items.push(node.0);
                open.node.1.children.push(node.1);
            }
            (Value::Object(_), None) => match node.0 {
                Value::String(key) => open.key = Some((key, line)),
                _ => return fail(line, "a key is a text"),
            },
            (Value::Object(members), Some((key, key_line))) => {
                if key == "<<" {
                    open.merged.extend(merge(members, &mut open.node.1, node.0, key_line));
                    return Ok(());
                }
                let lines = Lines { line: Lines::leaf(key_line).line, children: node.1.children };
                if members.contains_key(&key) {
                    let place = members.keys().position(|known| *known == key).unwrap_or_default();
                    open.node.1.children[place] = lines;
                    if !open.merged.remove(&key) {
                        twice = Some(key.clone());
                    }
                } else {
                    open.node.1.children.push(lines);
                }
                members.insert(key, node.0);
                if let Some(key) = twice {
                    let pointer = self.pointer();
                    self.duplicates.push((pointer, key, key_line));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// YAML's merge key: adds those members of others that do not exist yet, and returns their keys.
fn merge(members: &mut Map<String, Value>, lines: &mut Lines, from: Value, line: usize) -> Vec<String> {
    let mut merged = Vec::new();
    let sources = if let Value::Array(items) = from { items } else { vec![from] };
    for source in sources {
        let Value::Object(source) = source else { continue };
        for (key, value) in source {
            if !members.contains_key(&key) {
                members.insert(key.clone(), value);
                lines.children.push(Lines::leaf(line));
                merged.push(key);
            }
        }
    }
    merged
}

fn fail<T>(line: usize, problem: &str) -> Result<T, SyntaxError> {
    Err(SyntaxError { line, problem: problem.to_owned() })
}

/// A scalar by YAML 1.2's core schema.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    if style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str") {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let radix =
        |prefix: &str, radix: u32| text.strip_prefix(prefix).and_then(|rest| u64::from_str_radix(rest, radix).ok());
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Value::from(number);
    }
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let text = text.strip_prefix('+').unwrap_or(text);
        if let Ok(number) = text.parse::<i64>() {
            return Value::from(number);
        }
        if let Ok(number) = text.parse::<u64>() {
            return Value::from(number);
        }
    }
    let looks_like_a_number = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
        && digits.bytes().any(|byte| byte.is_ascii_digit());
    let number = looks_like_a_number.then(|| text.parse::<f64>().ok()).flatten().and_then(Number::from_f64);
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
        let value = document.value;
        let expected = json!({
            "a": 3.0, "b": "3.0", "c": "no", "d": 200, "200": "e", "f": null, "g": {"h": 31}, "i": {"h": 31},
            "j": {"h": 31, "k": -1500.0}, "l": "7", "m": "3.0.1", "n": 0.5,
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn yaml_has_braces_too_and_large_objects_know_their_lines() {
        assert_eq!(Document::parse("{a: 'x', b: [1]}").unwrap().value, json!({"a": "x", "b": [1]}));
        assert!(Document::parse("{\"a\": 1,}x").unwrap_err().problem.starts_with("not JSON"));
        let lines: String = (0..500).map(|n| format!("k{n}: {n}\n")).collect();
        let document = Document::parse(&lines).unwrap();
        assert_eq!((document.line_of("/k0"), document.line_of("/k499"), document.line_of("/none")), (1, 500, 1));
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
        assert_eq!(Document::parse("").unwrap().value, Value::Null);
        let twice = |text: &str| Document::parse(text).unwrap().duplicates;
        assert_eq!(twice("{\"a\":1,\n\"\\u0061\":2}"), [(String::new(), "a".to_owned(), 2)]);
        assert_eq!(twice("x:\n  - y/z:\n      a: 1\n      a: 2"), [("/x/0/y~1z".to_owned(), "a".to_owned(), 4)]);
    }
}
