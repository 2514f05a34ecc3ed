//! The lines of a JSON document.

use std::collections::HashMap;

use super::{Lines, segment};

/// Finds the lines in a text that is known to be JSON.
pub(super) struct JsonLines<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) line: usize,
    pub(super) duplicates: Vec<(String, String, usize)>,
}

impl JsonLines<'_> {
    pub(super) fn skip(&mut self) -> u8 {
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
    pub(super) fn string(&mut self) -> String {
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
