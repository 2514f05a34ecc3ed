//! Which parts of a document lead to which, by references.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// The parts of a document that can be referred to, and what each refers to. A part is named by its JSON pointer.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    edges: HashMap<String, Vec<String>>,
}

impl Reach {
    pub(crate) fn add(&mut self, part: String, refers_to: Vec<String>) {
        self.edges.entry(part).or_default().extend(refers_to);
    }

    /// All that these parts lead to, themselves included.
    pub(crate) fn from(&self, begin: impl IntoIterator<Item = String>) -> HashSet<String> {
        let mut reached = HashSet::new();
        let mut waiting: Vec<String> = begin.into_iter().collect();
        while let Some(part) = waiting.pop() {
            if let Some(next) = self.edges.get(&part) {
                waiting.extend(next.iter().filter(|next| !reached.contains(*next)).cloned());
            }
            reached.insert(part);
        }
        reached
    }

    /// All parts that lead to one of these, these included.
    pub(crate) fn to(&self, ends: impl IntoIterator<Item = String>) -> HashSet<String> {
        let mut backwards = Self::default();
        for (part, next) in &self.edges {
            for next in next {
                backwards.add(next.clone(), vec![part.clone()]);
            }
        }
        backwards.from(ends)
    }
}

/// The texts that stand as `key`'s value anywhere in a value.
pub(crate) fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(members) => {
                found.extend(members.get(key).and_then(Value::as_str));
                waiting.extend(members.values());
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_leads_where() {
        let mut reach = Reach::default();
        for (part, to) in [("a", "b"), ("b", "c"), ("c", "b"), ("d", "c"), ("e", "f")] {
            reach.add(part.to_owned(), vec![to.to_owned()]);
        }
        let sorted = |found: HashSet<String>| {
            let mut found: Vec<String> = found.into_iter().collect();
            found.sort();
            found.concat()
        };
        assert_eq!(sorted(reach.from(["a".to_owned()])), "abc");
        assert_eq!(sorted(reach.to(["c".to_owned()])), "abcd");
        let value = json!({ "$ref": "x", "a": [{ "$ref": "y" }, { "$ref": 7 }] });
        let mut refs = texts(&value, "$ref");
        refs.sort_unstable();
        assert_eq!(refs, ["x", "y"]);
    }
}
