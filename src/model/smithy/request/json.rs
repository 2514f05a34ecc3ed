//! Writes JSON, as AWS JSON and REST JSON have it.

use serde_json::{Map, Value};

use crate::model::smithy::{
    shape::{Member, Shape, ShapeKind, Shapes},
    time::Format,
};

/// Writes arguments as JSON.
pub(super) struct Json<'a> {
    pub(super) shapes: &'a Shapes,
    /// Whether `jsonName` applies.
    pub(super) renames: bool,
}

impl Json<'_> {
    pub(super) fn structure(&self, shape: Shape<'_>, given: &Map<String, Value>) -> Result<Value, String> {
        let mut written = Map::new();
        for member in self.shapes.members(shape) {
            if let Some(value) = given.get(member.name).filter(|value| !value.is_null()) {
                let name = member.traits.text("jsonName").filter(|_| self.renames).unwrap_or(member.name);
                written.insert(name.to_owned(), self.value(member, value)?);
            }
        }
        Ok(Value::Object(written))
    }

    pub(super) fn value(&self, member: Member<'_>, value: &Value) -> Result<Value, String> {
        let shape = member.shape;
        match (shape.kind, value) {
            (ShapeKind::Timestamp, value) => {
                Format::of(member.trait_on_member_or_target("timestampFormat"), Format::EpochSeconds).write(value)
            }
            (ShapeKind::Structure | ShapeKind::Union, Value::Object(given)) => self.structure(shape, given),
            (ShapeKind::List, Value::Array(items)) => match self.shapes.inner(shape, "member") {
                Some(inner) => items.iter().map(|item| self.value(inner, item)).collect(),
                None => Ok(value.clone()),
            },
            (ShapeKind::Map, Value::Object(entries)) => match self.shapes.inner(shape, "value") {
                Some(inner) => {
                    let written = entries.iter().map(|(key, value)| Ok((key.clone(), self.value(inner, value)?)));
                    written.collect::<Result<Map<_, _>, String>>().map(Value::Object)
                }
                None => Ok(value.clone()),
            },
            _ => Ok(value.clone()),
        }
    }
}
