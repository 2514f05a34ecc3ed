//! Reads YAML, with the lines of its nodes.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

use super::{DEEPEST, Lines, MOST_ALIASED, SyntaxError, fail, segment};

/// A value under construction, or a finished one, with its lines.
pub(super) type Node = (Value, Lines);

/// Builds values from the events of a YAML parser.
#[derive(Default)]
pub(super) struct Yaml {
    pub(super) root: Option<Node>,
    pub(super) open: Vec<Open>,
    pub(super) anchors: HashMap<usize, Anchored>,
    pub(super) nodes: usize,
    /// The number of nodes that aliases stand for.
    aliased: usize,
    pub(super) duplicates: Vec<(String, String, usize)>,
    pub(super) documents: usize,
}

/// The node that an alias refers to.
pub(super) struct Anchored {
    pub(super) value: Value,
    pub(super) height: usize,
    /// Its number of nodes.
    pub(super) size: usize,
}

pub(super) struct Open {
    pub(super) node: Node,
    /// The number of nodes before it.
    pub(super) before: usize,
    pub(super) anchor: usize,
    /// In a mapping: the key whose value comes next, and its line.
    pub(super) key: Option<(String, usize)>,
    /// Whether that key is `<<` without quotes, which merges its value into the mapping.
    pub(super) merges: bool,
    /// In a mapping: the keys from a merge, which the mapping's own keys override.
    pub(super) merged: HashSet<String>,
    /// The height of the tallest child.
    pub(super) height: usize,
}

impl Yaml {
    pub(super) fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), SyntaxError> {
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
                if let Some(open) = self.open.last_mut().filter(|_| is_key) {
                    open.merges = text == "<<" && style == ScalarStyle::Plain;
                }
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
                self.aliased += anchored.size;
                if self.aliased > MOST_ALIASED {
                    return fail(line, "its aliases come to more than any document is");
                }
                let (value, height) = (anchored.value.clone(), anchored.height);
                self.finish((value, Lines::leaf(line)), 0, (height, before), line)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    /// The pointer of the innermost open node.
    pub(super) fn pointer(&self) -> String {
        let around = &self.open[..self.open.len().saturating_sub(1)];
        let part = |open: &Open| match (&open.node.0, &open.key) {
            (Value::Array(items), _) => format!("/{}", items.len()),
            (_, Some((key, _))) => format!("/{}", segment(key)),
            _ => String::new(),
        };
        around.iter().map(part).collect()
    }

    pub(super) fn begin(&mut self, value: Value, anchor: usize, line: usize) -> Result<(), SyntaxError> {
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
            merges: false,
            merged: HashSet::new(),
            height: 0,
        });
        Ok(())
    }

    /// Adds a complete node, given its height and the number of nodes before it, to its parent.
    pub(super) fn finish(
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
                if open.merges {
                    open.merged.extend(merge(members, &mut open.node.1, node.0, key_line));
                    open.merges = false;
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
pub(super) fn merge(members: &mut Map<String, Value>, lines: &mut Lines, from: Value, line: usize) -> Vec<String> {
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

/// A scalar by YAML 1.2's core schema.
pub(super) fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
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
