//! Structures as XML, written and read by their shapes (Smithy 2.0, "XML bindings").

use std::borrow::Cow;

use roxmltree::Node;
use serde_json::{Map, Value, json};

use super::{
    shape::{Member, Shape, ShapeKind, Shapes},
    time::{self, Format},
};

/// Limit on a response's nesting; deeper elements are omitted.
const DEEPEST: usize = 64;

/// A member's name in XML, and in a form.
pub(super) fn name_of(member: Member<'_>) -> &str {
    member.traits.text("xmlName").unwrap_or(member.name)
}

/// Serializes a structure as a document with this root.
pub(super) fn write(
    shapes: &Shapes,
    shape: Shape<'_>,
    root: &str,
    namespace: Option<&str>,
    value: &Value,
) -> Result<String, String> {
    let mut text = String::new();
    let own = shape.traits().get("xmlNamespace").map(declaration);
    let namespace = own.or_else(|| namespace.map(|uri| format!(" xmlns=\"{}\"", escaped(uri))));
    structure(shapes, shape, root, &namespace.unwrap_or_default(), value, &mut text)?;
    Ok(text)
}

/// The attribute that declares a namespace, which the trait `xmlNamespace` describes.
fn declaration(space: &Value) -> String {
    let prefix = space["prefix"].as_str().map(|prefix| format!(":{prefix}")).unwrap_or_default();
    format!(" xmlns{prefix}=\"{}\"", escaped(space["uri"].as_str().unwrap_or_default()))
}

/// Escapes text for XML.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\r', '\n']) {
        return Cow::Borrowed(text);
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    Cow::Owned(text.replace('\r', "&#xD;").replace('\n', "&#xA;"))
}

fn structure(
    shapes: &Shapes,
    shape: Shape<'_>,
    name: &str,
    namespace: &str,
    value: &Value,
    text: &mut String,
) -> Result<(), String> {
    let given = |member: &Member<'_>| value.get(member.name).filter(|value| !value.is_null());
    let (attributes, elements): (Vec<Member<'_>>, Vec<Member<'_>>) =
        shapes.members(shape).partition(|member| member.traits.has("xmlAttribute"));
    text.push_str(&format!("<{name}{namespace}"));
    for member in attributes {
        if let Some(value) = given(&member) {
            text.push_str(&format!(" {}=\"{}\"", name_of(member), escaped(&scalar(member, value)?)));
        }
    }
    text.push('>');
    for member in elements {
        if let Some(value) = given(&member) {
            element(shapes, name_of(member), member, value, text)?;
        }
    }
    text.push_str(&format!("</{name}>"));
    Ok(())
}

fn element(shapes: &Shapes, name: &str, member: Member<'_>, value: &Value, text: &mut String) -> Result<(), String> {
    let flattened = member.traits.has("xmlFlattened");
    let namespace = member.trait_on_member_or_target("xmlNamespace").map(declaration).unwrap_or_default();
    match (member.shape.kind, value) {
        (ShapeKind::Structure | ShapeKind::Union, Value::Object(_)) => {
            structure(shapes, member.shape, name, &namespace, value, text)
        }
        (ShapeKind::List, Value::Array(items)) => {
            let Some(inner) = shapes.inner(member.shape, "member") else { return Ok(()) };
            if flattened {
                return items.iter().try_for_each(|item| element(shapes, name, inner, item, text));
            }
            text.push_str(&format!("<{name}{namespace}>"));
            items.iter().try_for_each(|item| element(shapes, name_of(inner), inner, item, text))?;
            text.push_str(&format!("</{name}>"));
            Ok(())
        }
        (ShapeKind::Map, Value::Object(entries)) => {
            let (Some(key), Some(inner)) = (shapes.inner(member.shape, "key"), shapes.inner(member.shape, "value"))
            else {
                return Ok(());
            };
            let around = if flattened { name } else { "entry" };
            if !flattened {
                text.push_str(&format!("<{name}{namespace}>"));
            }
            for (entry, value) in entries {
                text.push_str(&format!("<{around}>"));
                element(shapes, name_of(key), key, &json!(entry), text)?;
                element(shapes, name_of(inner), inner, value, text)?;
                text.push_str(&format!("</{around}>"));
            }
            if !flattened {
                text.push_str(&format!("</{name}>"));
            }
            Ok(())
        }
        _ => {
            text.push_str(&format!("<{name}{namespace}>{}</{name}>", escaped(&scalar(member, value)?)));
            Ok(())
        }
    }
}

fn scalar(member: Member<'_>, value: &Value) -> Result<String, String> {
    let value = match member.shape.kind {
        ShapeKind::Timestamp => {
            Format::of(member.trait_on_member_or_target("timestampFormat"), Format::DateTime).write(value)?
        }
        _ => value.clone(),
    };
    Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The child elements of a node with this name, in any namespace.
pub(super) fn children<'a, 'input>(
    node: Node<'a, 'input>,
    name: &'a str,
) -> impl Iterator<Item = Node<'a, 'input>> + use<'a, 'input> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == local(name))
}

/// A name without its namespace prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Reads the members of a structure from an element.
pub(super) fn read_structure(
    shapes: &Shapes,
    shape: Shape<'_>,
    node: Node<'_, '_>,
    depth: usize,
) -> Map<String, Value> {
    let mut members = Map::new();
    for member in shapes.members(shape) {
        let value = if member.traits.has("xmlAttribute") {
            let name = local(name_of(member));
            let attribute = node.attributes().find(|attribute| attribute.name() == name);
            attribute.map(|attribute| read_scalar(member.shape.kind, attribute.value()))
        } else {
            read_member(shapes, member, node, depth)
        };
        members.extend(value.map(|value| (member.name.to_owned(), value)));
    }
    members
}

fn read_member(shapes: &Shapes, member: Member<'_>, node: Node<'_, '_>, depth: usize) -> Option<Value> {
    let name = name_of(member);
    if !member.traits.has("xmlFlattened") {
        let child = children(node, name).next()?;
        return read(shapes, member.shape, child, depth + 1);
    }
    let all: Vec<Node<'_, '_>> = children(node, name).collect();
    if all.is_empty() {
        return None;
    }
    match member.shape.kind {
        ShapeKind::Map => Some(read_entries(shapes, member.shape, all.into_iter(), depth)),
        _ => {
            let inner = shapes.inner(member.shape, "member")?;
            Some(all.into_iter().filter_map(|child| read(shapes, inner.shape, child, depth + 1)).collect())
        }
    }
}

fn read(shapes: &Shapes, shape: Shape<'_>, node: Node<'_, '_>, depth: usize) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    Some(match shape.kind {
        ShapeKind::Structure | ShapeKind::Union => Value::Object(read_structure(shapes, shape, node, depth)),
        ShapeKind::List => {
            let inner = shapes.inner(shape, "member")?;
            let items = children(node, name_of(inner));
            items.filter_map(|child| read(shapes, inner.shape, child, depth + 1)).collect()
        }
        ShapeKind::Map => read_entries(shapes, shape, children(node, "entry"), depth),
        kind => {
            let text: String = node.descendants().filter(Node::is_text).filter_map(|text| text.text()).collect();
            read_scalar(kind, &text)
        }
    })
}

fn read_entries<'a, 'input: 'a>(
    shapes: &Shapes,
    shape: Shape<'_>,
    entries: impl Iterator<Item = Node<'a, 'input>>,
    depth: usize,
) -> Value {
    let (Some(key), Some(inner)) = (shapes.inner(shape, "key"), shapes.inner(shape, "value")) else {
        return json!({});
    };
    let entry = |entry: Node<'a, 'input>| {
        let text = |node: Node<'_, '_>| node.text().unwrap_or_default().to_owned();
        let key = entry.children().find(|child| child.tag_name().name() == local(name_of(key))).map(text)?;
        let value = entry.children().find(|child| child.tag_name().name() == local(name_of(inner)))?;
        Some((key, read(shapes, inner.shape, value, depth + 1)?))
    };
    Value::Object(entries.filter_map(entry).collect())
}

/// Parses a scalar's text; it stays text if it is not valid.
pub(super) fn read_scalar(kind: ShapeKind, text: &str) -> Value {
    let parsed = match kind {
        ShapeKind::Boolean => text.trim().parse::<bool>().ok().map(Value::Bool),
        ShapeKind::Integer | ShapeKind::IntEnum | ShapeKind::Float => {
            serde_json::from_str::<serde_json::Number>(text.trim()).ok().map(Value::Number)
        }
        ShapeKind::Timestamp => Some(time::read(&json!(text.trim()))),
        _ => None,
    };
    parsed.unwrap_or_else(|| json!(text))
}
