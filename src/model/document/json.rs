//! Reads JSON, with the lines of its nodes, and without some of them.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{Lines, segment};

/// A document's value without these nodes.
pub(super) fn value_without(text: &str, left_out: &HashSet<String>) -> serde_json::Result<Value> {
    if left_out.is_empty() {
        return serde_json::from_str(text).map(|Exact(value)| value);
    }
    // The objects around what is left out.
    let around = |pointer: &String| {
        let ends: Vec<usize> = pointer.match_indices('/').map(|(at, _)| at).collect();
        ends.into_iter().map(|end| pointer[..end].to_owned()).collect::<Vec<_>>()
    };
    let around = left_out.iter().flat_map(around).collect();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Without { left_out, around: &around, pointer: String::new() }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// An object, without those of its members that are left out.
struct Without<'a> {
    left_out: &'a HashSet<String>,
    around: &'a HashSet<String>,
    pointer: String,
}

impl<'de> DeserializeSeed<'de> for Without<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Without<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let pointer = format!("{}/{}", self.pointer, segment(&key));
            if self.left_out.contains(&pointer) {
                map.next_value::<IgnoredAny>()?;
            } else if self.around.contains(&pointer) {
                let inner = Without { left_out: self.left_out, around: self.around, pointer };
                members.insert(key, map.next_value_seed(inner)?);
            } else {
                let Exact(value) = map.next_value()?;
                members.insert(key, value);
            }
        }
        Ok(Value::Object(members))
    }
}

/// A value that takes no more memory than it needs: those of serde_json have room for more members, and large documents
/// have many.
struct Exact(Value);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExactVisitor).map(Self)
    }
}

struct ExactVisitor;

impl<'de> Visitor<'de> for ExactVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Exact(item)) = seq.next_element()? {
            items.push(item);
        }
        items.shrink_to_fit();
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some((key, Exact(value))) = map.next_entry::<String, _>()? {
            members.push((key, value));
        }
        // Of equal keys, the last one stays.
        Ok(members.into_iter().collect::<Map<_, _>>().into())
    }
}

/// Finds the lines in a text that is known to be JSON.
pub(super) struct JsonLines<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) line: usize,
    pub(super) duplicates: Vec<(String, String, usize)>,
    /// The pointers of nodes whose lines are not kept.
    pub(super) left_out: &'a HashSet<String>,
}

impl JsonLines<'_> {
    /// The next byte that is neither white space nor between two values; 0 at the end.
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
        self.skip_string();
        let end = (self.at - 1).min(self.bytes.len());
        let raw = String::from_utf8_lossy(&self.bytes[begin.min(end)..end]);
        let unescaped = raw.contains('\\').then(|| serde_json::from_str(&format!("\"{raw}\"")).ok()).flatten();
        unescaped.unwrap_or_else(|| raw.into_owned())
    }

    /// Passes over a node.
    fn skip_node(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.skip() {
                b'{' | b'[' => {
                    open += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    open = open.saturating_sub(1);
                    self.at += 1;
                }
                b'"' => self.skip_string(),
                0 => return,
                _ => self.skip_scalar(),
            }
            if open == 0 {
                return;
            }
        }
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
    }

    fn skip_scalar(&mut self) {
        while self.bytes.get(self.at).is_some_and(|byte| !b",]} \t\r\n".contains(byte)) {
            self.at += 1;
        }
    }

    pub(super) fn node(&mut self, pointer: &mut String) -> Lines {
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
                    let is_left_out = !self.left_out.is_empty() && self.left_out.contains(pointer.as_str());
                    if is_left_out {
                        self.skip_node();
                        pointer.truncate(length);
                        continue;
                    }
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
            b'"' => self.skip_string(),
            _ => self.skip_scalar(),
        }
        // Of a large document, they are as many as its nodes.
        lines.children.shrink_to_fit();
        lines
    }
}
