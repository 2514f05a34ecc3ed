//! The shapes of a Smithy model, in its JSON AST (Smithy 2.0, "JSON AST").

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value, json};

/// Limit on the depth of nested mixins.
const DEEPEST_MIXIN: usize = 32;
/// Limit on the members that mixins may add to all shapes together.
const MOST_MIXED: usize = 100_000;

/// The kind of a shape, as far as requests and schemas depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShapeKind {
    Blob,
    Boolean,
    Text,
    Enum,
    IntEnum,
    Integer,
    Float,
    Timestamp,
    Document,
    List,
    Map,
    Structure,
    Union,
}

impl ShapeKind {
    /// The kind of an AST's `type`; `None` for services, operations and unknown types.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "blob" => Self::Blob,
            "boolean" => Self::Boolean,
            "string" => Self::Text,
            "enum" => Self::Enum,
            "intEnum" => Self::IntEnum,
            "byte" | "short" | "integer" | "long" | "bigInteger" => Self::Integer,
            "float" | "double" | "bigDecimal" => Self::Float,
            "timestamp" => Self::Timestamp,
            "document" => Self::Document,
            "list" | "set" => Self::List,
            "map" => Self::Map,
            "structure" => Self::Structure,
            "union" => Self::Union,
            _ => return None,
        })
    }

    /// The kind of a shape of Smithy's prelude.
    fn of_prelude(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("Primitive").unwrap_or(name) {
            "Blob" => Self::Blob,
            "Boolean" => Self::Boolean,
            "String" => Self::Text,
            "Byte" | "Short" | "Integer" | "Long" | "BigInteger" => Self::Integer,
            "Float" | "Double" | "BigDecimal" => Self::Float,
            "Timestamp" => Self::Timestamp,
            "Document" => Self::Document,
            "Unit" => Self::Structure,
            _ => return None,
        })
    }
}

/// The traits of a shape or of a member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traits<'a>(&'a Value);

impl<'a> Traits<'a> {
    /// A trait's value. Smithy's own traits are named without their namespace.
    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        if name.contains('#') { self.0.get(name) } else { self.0.get(format!("smithy.api#{name}")) }
    }

    pub(super) fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    pub(super) id: &'a str,
    pub(super) kind: ShapeKind,
    value: &'a Value,
}

impl<'a> Shape<'a> {
    pub(super) fn traits(self) -> Traits<'a> {
        Traits(&self.value["traits"])
    }

    /// Its id without the namespace.
    pub(super) fn name(self) -> &'a str {
        local_name(self.id)
    }

    /// The values of an enum.
    pub(super) fn enumeration(self) -> Vec<Value> {
        if let Some(Value::Array(named)) = self.traits().get("enum") {
            return named.iter().map(|one| one["value"].clone()).collect();
        }
        let members = self.value["members"].as_object().into_iter().flatten();
        let value = |(name, member): (&String, &Value)| {
            Traits(&member["traits"]).get("enumValue").cloned().unwrap_or_else(|| json!(name))
        };
        members.map(value).collect()
    }
}

/// A member of a structure or a union, the member of a list, or the key or the value of a map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Shape<'a>,
    /// Its own traits, in addition to those of its shape.
    pub(super) traits: Traits<'a>,
}

impl<'a> Member<'a> {
    /// A trait of the member, else of its shape.
    pub(super) fn trait_on_member_or_target(self, name: &str) -> Option<&'a Value> {
        self.traits.get(name).or_else(|| self.shape.traits().get(name))
    }
}

/// All shapes of a model, by id.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    model: Arc<Value>,
    /// Those that are not as the model has them: with mixins and applied traits merged in.
    merged: HashMap<String, Value>,
}

impl Shapes {
    /// The shapes of an AST, and those whose mixins cannot be merged.
    pub(super) fn new(model: Arc<Value>) -> (Self, Vec<Unmixed>) {
        let Value::Object(shapes) = &model["shapes"] else { return Default::default() };
        let mut merged = HashMap::new();
        let mut mixer = Mixer { shapes, known: HashMap::new(), open: Vec::new(), added: 0 };
        let mut unmixed = Vec::new();
        for (id, shape) in shapes.iter().filter(|(_, shape)| shape.get("mixins").is_some()) {
            let members = match mixer.members(id) {
                Ok(members) => members,
                Err(why) => {
                    unmixed.push(Unmixed { id: id.clone(), why });
                    continue;
                }
            };
            let mut shape = shape.clone();
            shape["members"] = Value::Object(members);
            merged.insert(id.clone(), shape);
        }
        for (id, traits) in shapes.iter().filter(|(_, shape)| shape["type"] == "apply") {
            apply(id, &traits["traits"], shapes, &mut merged);
        }
        (Self { merged, model: model.clone() }, unmixed)
    }

    /// The AST of a shape of any type.
    pub(super) fn raw(&self, id: &str) -> Option<&Value> {
        self.merged.get(id).or_else(|| self.model["shapes"].get(id))
    }

    /// The traits of a shape of any type.
    pub(super) fn traits_of(&self, id: &str) -> Traits<'_> {
        Traits(self.raw(id).map_or(&Value::Null, |shape| &shape["traits"]))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        let shapes = self.model["shapes"].as_object().into_iter().flatten();
        shapes.map(|(id, shape)| (id, self.merged.get(id).unwrap_or(shape)))
    }

    /// A shape that describes data.
    pub(super) fn get<'a>(&'a self, id: &'a str) -> Option<Shape<'a>> {
        if let Some(value) = self.raw(id) {
            let kind = ShapeKind::of(value["type"].as_str()?)?;
            // An enum as in Smithy 1.0.
            let is_enum = kind == ShapeKind::Text && value["traits"].get("smithy.api#enum").is_some();
            return Some(Shape { id, kind: if is_enum { ShapeKind::Enum } else { kind }, value });
        }
        let kind = ShapeKind::of_prelude(id.strip_prefix("smithy.api#")?)?;
        Some(Shape { id, kind, value: &Value::Null })
    }

    /// The members of a structure or a union whose targets exist.
    pub(super) fn members<'a>(&'a self, shape: Shape<'a>) -> impl Iterator<Item = Member<'a>> {
        let members = shape.value["members"].as_object().into_iter().flatten();
        members.filter_map(|(name, member)| self.member_of(name, member))
    }

    /// `member` of a list, `key` and `value` of a map.
    pub(super) fn inner<'a>(&'a self, shape: Shape<'a>, part: &'static str) -> Option<Member<'a>> {
        self.member_of(part, shape.value.get(part)?)
    }

    fn member_of<'a>(&'a self, name: &'a str, member: &'a Value) -> Option<Member<'a>> {
        let shape = self.get(member["target"].as_str()?)?;
        Some(Member { name, shape, traits: Traits(&member["traits"]) })
    }
}

/// Adds traits to a shape, or to a member: `namespace#Shape$member`.
fn apply(id: &str, traits: &Value, shapes: &Map<String, Value>, merged: &mut HashMap<String, Value>) {
    let (shape, member) = id.split_once('$').map_or((id, None), |(shape, member)| (shape, Some(member)));
    let Some(written) = shapes.get(shape) else { return };
    let shape = merged.entry(shape.to_owned()).or_insert_with(|| written.clone());
    let place = match member {
        None => Some(shape),
        Some(member @ ("member" | "key" | "value")) if shape.get(member).is_some() => shape.get_mut(member),
        Some(member) => shape.get_mut("members").and_then(|members| members.get_mut(member)),
    };
    let (Some(Value::Object(place)), Some(traits)) = (place, traits.as_object()) else { return };
    if let Value::Object(known) = place.entry("traits").or_insert_with(|| json!({})) {
        known.extend(traits.clone());
    }
}

/// A shape whose mixins cannot be merged, and why.
pub(super) struct Unmixed {
    pub(super) id: String,
    pub(super) why: &'static str,
}

/// Finds the members of shapes with mixins, each shape once.
struct Mixer<'a> {
    shapes: &'a Map<String, Value>,
    known: HashMap<&'a str, Map<String, Value>>,
    /// Shapes whose mixins are being resolved.
    open: Vec<&'a str>,
    added: usize,
}

impl<'a> Mixer<'a> {
    fn members(&mut self, id: &'a str) -> Result<Map<String, Value>, &'static str> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let Some(shape) = self.shapes.get(id) else { return Ok(Map::new()) };
        if self.open.contains(&id) {
            return Err("its mixins, followed, lead back to one of them");
        }
        if self.open.len() >= DEEPEST_MIXIN {
            return Err("mixins of mixins are too deep");
        }
        self.open.push(id);
        let mut members = Map::new();
        for mixin in shape["mixins"].as_array().into_iter().flatten().filter_map(|mixin| mixin["target"].as_str()) {
            members.extend(self.members(mixin)?);
        }
        self.open.pop();
        self.added += members.len();
        if self.added > MOST_MIXED {
            return Err("mixins add too many members");
        }
        members.extend(shape["members"].as_object().cloned().unwrap_or_default());
        self.known.insert(id, members.clone());
        Ok(members)
    }
}

/// An id without its namespace.
pub(super) fn local_name(id: &str) -> &str {
    id.rsplit_once('#').map_or(id, |(_, name)| name)
}
