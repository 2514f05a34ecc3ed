//! Malformed documents, for the property tests of their readers.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::document::segment;

/// Any JSON, with these texts among its strings and these keys among its keys.
pub(super) fn any_json(
    texts: &'static [&'static str],
    keys: &'static [&'static str],
    other_key: &'static str,
) -> impl Strategy<Value = Value> {
    let weight = |all: &[&str]| u32::try_from(all.len()).unwrap();
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i32>().prop_map(Value::from),
        1 => any::<i16>().prop_map(|eighths| json!(f64::from(eighths) / 8.0)),
        1 => "[a-z{}/#$~%. ]{0,12}".prop_map(Value::from),
        weight(texts) => prop::sample::select(texts).prop_map(Value::from),
    ];
    let key = prop_oneof![
        weight(keys) => prop::sample::select(keys).prop_map(str::to_owned),
        1 => other_key,
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A document in which one node is replaced by `part`.
pub(super) fn with_one_part_else(mut document: Value, part: Value, place: prop::sample::Index) -> Value {
    let mut places = Vec::new();
    pointers(&document, String::new(), &mut places);
    let place: &String = place.get(&places);
    if let Some(value) = document.pointer_mut(place) {
        *value = part;
    }
    document
}

fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                pointers(member, format!("{at}/{}", segment(key)), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
    found.push(at);
}
