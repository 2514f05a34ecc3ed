//! The parameters of an operation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{At, Location, Parameter, Reader, Side, Style, StyleKind, is_reserved_header, keyword};

/// A parsed parameter.
pub(super) struct Declared<'a> {
    pub(super) parameter: Parameter,
    pub(super) schema: &'a Value,
    pub(super) description: Option<&'a str>,
    pub(super) required: bool,
    /// Where findings about it are reported.
    pub(super) pointer: String,
}

impl<'a> Reader<'a> {
    /// The parameters of an operation, including those of its path that it does not override by name and location.
    pub(super) fn parameters(&mut self, item: &At<'a>, operation: &At<'a>) -> Vec<At<'a>> {
        let mut named: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut all: Vec<At<'a>> = Vec::new();
        for level in [item, operation] {
            let Some(list) = level.member("parameters") else { continue };
            let inherited = all.len();
            let mut replaced = BTreeSet::new();
            for parameter in list.items() {
                let Some(parameter) = self.resolve(parameter) else { continue };
                let text = |key: &str| parameter.text(key).unwrap_or_default().to_owned();
                match named.get(&(text("in"), text("name"))) {
                    Some(place) => {
                        if *place >= inherited || !replaced.insert(*place) {
                            let problem =
                                format!("there are two parameters `{}` here: the last one holds", text("name"));
                            self.notes.warn(&parameter.pointer, "parameter", problem, "keep one of the two");
                        }
                        all[*place] = parameter;
                    }
                    None => {
                        named.insert((text("in"), text("name")), all.len());
                        all.push(parameter);
                    }
                }
            }
        }
        all
    }

    pub(super) fn parameter(&mut self, at: &At<'a>, operation: &At<'a>) -> Option<Declared<'a>> {
        let Some(name) = at.text("name").filter(|name| !name.is_empty()) else {
            self.notes.error(&at.pointer, "parameter", "a parameter has no name", "give it one");
            return None;
        };
        let location = match at.text("in") {
            Some("path") => Location::Path,
            Some("query") => Location::Query,
            Some("header") => Location::Header,
            Some("cookie") => {
                let problem = format!("the cookie parameter `{name}` is not supported");
                self.notes.error(&at.pointer, "parameter", problem, "take it out, or let the API take it in a header");
                return None;
            }
            Some("body" | "formData") => {
                let problem = format!("the parameter `{name}` is of Swagger 2.0");
                self.notes.error(&at.pointer, "parameter", problem, "describe it below `requestBody`");
                return None;
            }
            _ => {
                let problem = format!("the parameter `{name}` does not say where it stands");
                self.notes.error(&at.pointer, "parameter", problem, "`in` is path, query or header");
                return None;
            }
        };
        let required = at.value.get("required") == Some(&Value::Bool(true));
        if location == Location::Path && !required {
            let problem = format!("the path parameter `{name}` is not required");
            self.notes.error(
                &at.pointer,
                "path parameter",
                problem,
                "add `required: true`: a path needs all its parts",
            );
        }
        if location == Location::Header && http::HeaderName::try_from(name).is_err() {
            let problem = format!("`{name}` is no name of a header");
            self.notes.error(&at.pointer, "parameter", problem, "use letters, digits and hyphens");
            return None;
        }
        if location == Location::Header && is_reserved_header(name) {
            let problem = format!("the header `{name}` cannot be a parameter: it is ignored");
            self.notes.warn(&at.pointer, "parameter", problem, "take it out; the credential comes from the target");
            return None;
        }
        if self.reading.filled.is_some_and(|filled| filled.is(location.name(), name)) {
            let problem = format!(
                "the target's credential fills `{name}`, which is no argument here; AWS does not document whether its \
                 gateway demands it of callers"
            );
            self.notes.warn(&at.pointer, "parameter", problem, "take it out, or let `--adapt` do it");
            return None;
        }
        if at.value.get("content").is_some() {
            let problem = format!("the parameter `{name}` has `content`: a serialization that is not supported");
            self.notes.error(&at.pointer, "parameter", problem, "give it a `schema`");
            return None;
        }
        let Some(schema) = at.member("schema") else {
            let problem = format!("the parameter `{name}` has no schema");
            self.notes.error(&at.pointer, "parameter", problem, "give it one, such as `{type: string}`");
            return None;
        };
        let style = self.check_style(at, name, location, &schema);
        self.check_schema(schema.clone(), Side::Request);
        let parameter = Parameter { name: name.to_owned(), argument: name.to_owned(), location, style };
        let inside = at.pointer.starts_with(&operation.pointer);
        let pointer = if inside { at.pointer.clone() } else { operation.pointer.clone() };
        Some(Declared { parameter, schema: schema.value, description: at.text("description"), required, pointer })
    }

    /// Checks that the gateway can serialize a parameter; returns its style.
    fn check_style(&mut self, at: &At<'a>, name: &str, location: Location, schema: &At<'a>) -> Style {
        let (usual, kind) = match location {
            Location::Query => ("form", StyleKind::Form),
            Location::Path | Location::Header => ("simple", StyleKind::Simple),
        };
        let style = at.text("style").unwrap_or(usual);
        let place = format!("{}/style", at.pointer);
        let deep_object = location == Location::Query && style == "deepObject";
        if deep_object {
            // AWS's own sample has one (Zendesk-support-apis.yaml), and its tools are called.
            let problem = format!("the style `deepObject` of `{name}` is not among those that AWS documents");
            let remedy = "AWS's own samples have it too: try it, on a gateway made with `--debug-errors`";
            self.notes.warn(&place, "parameter style", problem, remedy);
        } else if style != usual {
            let problem = format!("the style `{style}` of `{name}` is not supported");
            self.notes.error(&place, "parameter style", problem, &format!("use `{usual}`, which is the default"));
        }
        let resolved = self.resolve(schema.clone());
        let is = |kind: &str| resolved.as_ref().is_some_and(|at| keyword::has_type(at.value, kind));
        let composite = is("object") || is("array");
        let explode = at.value.get("explode").and_then(Value::as_bool).unwrap_or(usual == "form");
        if location == Location::Path && explode && composite {
            let problem = format!("`{name}` writes a list or an object into the path part by part");
            self.notes.error(&at.pointer, "parameter style", problem, "leave out `explode`, or take a text");
        }
        if location == Location::Header && composite {
            let problem = format!("the header `{name}` is a list or an object");
            self.notes.error(&at.pointer, "parameter style", problem, "let it be a text, a number or a boolean");
        }
        let kind = if deep_object { StyleKind::DeepObject } else { kind };
        // `allowReserved` is for queries only (OpenAPI 3.0.4, "Parameter Object").
        let allow_reserved = location == Location::Query && at.value["allowReserved"] == true;
        Style { kind, explode, allow_reserved }
    }
}
