//! Where two documents of the API differ, member by member.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

/// A member that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The names of the members that lead to it, with dots between them; a list's items are numbered from 0.
    pub path: String,
    /// What is there; none if the member is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is to be there; none if the member is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// The members in which a document differs from the one before, which is null for a new one. A text that is a document
/// itself, as inline OpenAPI documents are, is compared member by member, too.
pub fn between(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut found, String::new(), Some(before).filter(|before| !before.is_null()), Some(after));
    found
}

fn compare(found: &mut Vec<Difference>, path: String, before: Option<&Value>, after: Option<&Value>) {
    if before == after {
        return;
    }
    if let (Some(Value::String(one)), Some(Value::String(other))) = (before, after)
        && let (Some(one), Some(other)) = (document(one), document(other))
    {
        return compare(found, path, Some(&one), Some(&other));
    }
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (before, after) {
        (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(found, at(&index.to_string()), Some(one), Some(other));
            }
        }
        (before @ (None | Some(Value::Object(_))), after @ (None | Some(Value::Object(_)))) => {
            let nothing = Map::new();
            let one = before.and_then(Value::as_object).unwrap_or(&nothing);
            let other = after.and_then(Value::as_object).unwrap_or(&nothing);
            if one.is_empty() && other.is_empty() {
                found.push(Difference { path, before: before.cloned(), after: after.cloned() });
                return;
            }
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                compare(found, at(name), one.get(name), other.get(name));
            }
        }
        _ => found.push(Difference { path, before: before.cloned(), after: after.cloned() }),
    }
}

/// A text that is a JSON object.
fn document(text: &str) -> Option<Value> {
    if text.starts_with('{') { serde_json::from_str(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(before: &Value, after: &Value) -> Vec<String> {
        let text = |value: Option<Value>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        between(before, after)
            .into_iter()
            .map(|it| format!("{}: {} > {}", it.path, text(it.before), text(it.after)))
            .collect()
    }

    #[test]
    fn members_differ_one_by_one_also_in_lists_and_in_documents_inside_texts() {
        let before = json!({"a": 1, "b": {"c": [1, {"d": 2}]}, "e": "x", "t": "{\"p\":{\"q\":1},\"r\":2}"});
        let after = json!({"a": 1, "b": {"c": [1, {"d": 3}]}, "f": {}, "t": "{\"p\":{\"q\":5},\"r\":2}"});
        let expected = ["b.c.1.d: 2 > 3", "e: \"x\" > -", "f: - > {}", "t.p.q: 1 > 5"];
        assert_eq!(shown(&before, &after), expected);
        assert_eq!(shown(&json!({"l": [1]}), &json!({"l": [1, 2]})), ["l: [1] > [1,2]"]);
        assert_eq!(shown(&Value::Null, &json!({"a": {"b": 1}, "c": [2]})), ["a.b: - > 1", "c: - > [2]"]);
        assert_eq!(shown(&json!({"a": {"b": 1}}), &json!({})), ["a.b: 1 > -"]);
        assert_eq!(shown(&json!({"a": "{x"}), &json!({"a": "{}"})), ["a: \"{x\" > \"{}\""]);
        assert!(shown(&before, &before).is_empty());
    }
}
