//! The properties of a form: how each is written (OpenAPI 3.0.4, "Encoding Object").

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    At, Bytes, Field, MOST_HOPS, MediaType, Reader, Style, StyleKind,
    keyword::{has_type, is_file},
    schema::UNSUPPORTED,
};

impl<'a> Reader<'a> {
    /// How the properties of a form are written, where the document or their schemas say so.
    pub(super) fn fields(&mut self, kind: MediaType, media: &At<'a>, schema: &At<'a>) -> BTreeMap<String, Field> {
        let mut fields: BTreeMap<String, Field> = BTreeMap::new();
        if !matches!(kind, MediaType::Form | MediaType::Multipart) {
            return fields;
        }
        for (name, encoding) in media.member("encoding").iter().flat_map(At::members) {
            let Some(encoding) = self.resolve(encoding) else { continue };
            let field = Field {
                style: if kind == MediaType::Form { self.field_style(&encoding) } else { None },
                content_type: encoding.text("contentType").map(str::to_owned),
                bytes: None,
            };
            for member in ["headers", "style", "explode", "allowReserved"] {
                if kind == MediaType::Multipart && encoding.value.get(member).is_some() {
                    let place = format!("{}/{member}", encoding.pointer);
                    let problem = format!("`{member}` of the part `{name}` has no effect");
                    self.notes.warn(&place, "encoding", problem, "leave it out, or let the API do without it");
                }
            }
            fields.insert(name.to_owned(), field);
        }
        if kind == MediaType::Form {
            return fields;
        }
        for (name, property) in self.properties(schema) {
            let Some((bytes, media_type)) = self.bytes(property.clone()) else { continue };
            if bytes == Bytes::File {
                let problem =
                    format!("`{name}` is a file, and AWS's documentation says that binary types are not supported");
                let remedy = "try it, on a gateway made with `--debug-errors`, or let the API take a text";
                self.notes.warn(&property.pointer, "media type", problem, remedy);
            }
            let field: &mut Field = fields.entry(name.to_owned()).or_default();
            field.bytes = Some(bytes);
            if field.content_type.is_none() {
                field.content_type = media_type.map(str::to_owned);
            }
        }
        fields
    }

    /// The style of a form's property; `None` if nothing of it is named, for the media type matters then (OpenAPI
    /// 3.0.4, "Fixed Fields for RFC6570-style Serialization").
    fn field_style(&mut self, encoding: &At<'a>) -> Option<Style> {
        if !["style", "explode", "allowReserved"].iter().any(|name| encoding.value.get(name).is_some()) {
            return None;
        }
        let kind = match encoding.text("style") {
            None | Some("form") => StyleKind::Form,
            Some("spaceDelimited") => StyleKind::SpaceDelimited,
            Some("pipeDelimited") => StyleKind::PipeDelimited,
            Some("deepObject") => StyleKind::DeepObject,
            Some(other) => {
                let place = format!("{}/style", encoding.pointer);
                let problem = format!("`{other}` is no style of a form: it is written as `form`");
                self.notes.warn(&place, "encoding", problem, "use `form`, which is the default");
                StyleKind::Form
            }
        };
        let usual = Style::new(kind);
        let flag = |name: &str| encoding.value.get(name).and_then(Value::as_bool);
        Some(Style {
            explode: flag("explode").unwrap_or(usual.explode),
            allow_reserved: flag("allowReserved").unwrap_or_default(),
            ..usual
        })
    }

    /// The properties of a schema, and of those that it combines.
    fn properties(&mut self, schema: &At<'a>) -> Vec<(&'a str, At<'a>)> {
        let (mut waiting, mut found) = (vec![schema.clone()], Vec::new());
        for _ in 0..MOST_HOPS {
            let Some(at) = waiting.pop().and_then(|at| self.resolve(at)) else { continue };
            found.extend(at.member("properties").iter().flat_map(At::members));
            for keyword in UNSUPPORTED {
                waiting.extend(at.member(keyword).iter().flat_map(At::items));
            }
        }
        found
    }

    /// How the strings of a schema, or of the items of a list, stand for bytes, and the media type that the schema names.
    fn bytes(&mut self, schema: At<'a>) -> Option<(Bytes, Option<&'a str>)> {
        let mut waiting = vec![schema];
        // A list's items, and the alternatives of one that may be null.
        for _ in 0..MOST_HOPS {
            let Some(at) = waiting.pop().and_then(|at| self.resolve(at)) else { continue };
            let media_type = at.text("contentMediaType");
            if is_file(at.value) {
                return Some((Bytes::File, media_type));
            }
            if has_type(at.value, "string") {
                // The one of OpenAPI 3.0, and the one of 3.1 (OpenAPI 3.1.1, "Encoding Object", `contentType`).
                let is_base64 = at.text("format") == Some("byte") || at.text("contentEncoding") == Some("base64");
                return is_base64.then_some((Bytes::Base64, media_type));
            }
            waiting.extend(at.member("items"));
            for keyword in ["anyOf", "oneOf"] {
                waiting.extend(at.member(keyword).iter().flat_map(At::items));
            }
        }
        None
    }
}
