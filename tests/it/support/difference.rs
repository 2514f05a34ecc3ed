//! Where two documents differ.

use std::collections::BTreeSet;

use serde_json::Value;

/// The members in which two documents differ, as dotted paths; lists are compared as a whole.
pub fn differences(one: &Value, other: &Value) -> BTreeSet<String> {
    let (Value::Object(left), Value::Object(right)) = (one, other) else {
        return if one == other { BTreeSet::new() } else { BTreeSet::from([String::new()]) };
    };
    let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let part = |members: &serde_json::Map<String, Value>, name: &str| members.get(name).cloned().unwrap_or_default();
    let below = names.into_iter().flat_map(|name| {
        let inner = differences(&part(left, name), &part(right, name));
        inner.into_iter().map(move |path| if path.is_empty() { name.clone() } else { format!("{name}.{path}") })
    });
    below.collect()
}
