//! Which parts of a document lead to which, by references.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use serde_json::Value;

/// The parts of a document that can be referred to, and what each refers to. A part is named by its JSON pointer.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    edges: BTreeMap<String, Vec<String>>,
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

    /// All parts that lead to one of these, these included, each with the one that it leads to: the nearest.
    pub(crate) fn to(&self, ends: impl IntoIterator<Item = String>) -> HashMap<String, String> {
        let mut backwards: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (part, next) in &self.edges {
            for next in next {
                backwards.entry(next).or_default().push(part);
            }
        }
        let mut ends_of = HashMap::new();
        let mut waiting: VecDeque<(String, String)> = ends.into_iter().map(|end| (end.clone(), end)).collect();
        while let Some((part, end)) = waiting.pop_front() {
            if ends_of.contains_key(&part) {
                continue;
            }
            let before = backwards.get(part.as_str()).into_iter().flatten();
            waiting.extend(before.map(|before| ((*before).to_owned(), end.clone())));
            ends_of.insert(part, end);
        }
        ends_of
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
        let reached = reach.from(["a".to_owned()]);
        assert!(["a", "b", "c"].iter().all(|part| reached.contains(*part)) && reached.len() == 3, "{reached:?}");
        let ends = reach.to(["c".to_owned(), "f".to_owned()]);
        for (part, end) in [("a", "c"), ("b", "c"), ("c", "c"), ("d", "c"), ("e", "f"), ("f", "f")] {
            assert_eq!(ends.get(part).map(String::as_str), Some(end), "{part}");
        }
        let value = json!({ "$ref": "x", "a": [{ "$ref": "y" }, { "$ref": 7 }] });
        let mut refs = texts(&value, "$ref");
        refs.sort_unstable();
        assert_eq!(refs, ["x", "y"]);
    }
}
