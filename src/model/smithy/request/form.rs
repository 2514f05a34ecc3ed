//! Writes forms, as the AWS query protocols have them.

use serde_json::Value;

use super::scalar;
use crate::model::smithy::{
    shape::{Member, ShapeKind, Shapes},
    time::Format,
    xml,
};

/// Adds the form pairs of an argument.
pub(super) fn form_pairs(
    shapes: &Shapes,
    name: &str,
    member: Member<'_>,
    value: &Value,
    pairs: &mut Vec<(String, String)>,
) -> Result<(), String> {
    let flattened = member.traits.has("xmlFlattened");
    match (member.shape.kind, value) {
        (ShapeKind::Structure | ShapeKind::Union, Value::Object(given)) => {
            for inner in shapes.members(member.shape) {
                if let Some(value) = given.get(inner.name).filter(|value| !value.is_null()) {
                    form_pairs(shapes, &format!("{name}.{}", xml::name_of(inner)), inner, value, pairs)?;
                }
            }
        }
        (ShapeKind::List, Value::Array(items)) => {
            let Some(inner) = shapes.inner(member.shape, "member") else { return Ok(()) };
            let base = if flattened { name.to_owned() } else { format!("{name}.{}", xml::name_of(inner)) };
            if items.is_empty() {
                pairs.push((name.to_owned(), String::new()));
            }
            for (index, item) in items.iter().enumerate() {
                form_pairs(shapes, &format!("{base}.{}", index + 1), inner, item, pairs)?;
            }
        }
        (ShapeKind::Map, Value::Object(entries)) => {
            let (Some(key), Some(inner)) = (shapes.inner(member.shape, "key"), shapes.inner(member.shape, "value"))
            else {
                return Ok(());
            };
            let base = if flattened { name.to_owned() } else { format!("{name}.entry") };
            for (index, (entry, value)) in entries.iter().enumerate() {
                let base = format!("{base}.{}", index + 1);
                pairs.push((format!("{base}.{}", xml::name_of(key)), entry.clone()));
                form_pairs(shapes, &format!("{base}.{}", xml::name_of(inner)), inner, value, pairs)?;
            }
        }
        _ => pairs.push((name.to_owned(), scalar(member, value, Format::DateTime)?)),
    }
    Ok(())
}
