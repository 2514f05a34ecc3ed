//! Reads a service's response into a tool's result.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use roxmltree::Document;
use serde_json::{Map, Value, json};

use super::{
    Model, Operation, Protocol, header,
    shape::{Member, Shape, ShapeKind},
    time, xml,
};

/// A service's HTTP response.
#[derive(Debug, Clone, Copy)]
pub struct HttpResponse<'a> {
    pub status: u16,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

impl HttpResponse<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Model {
    /// The members of an operation's output, as JSON: blobs as base64, timestamps as RFC 3339.
    ///
    /// # Errors
    ///
    /// If the body does not conform to the protocol.
    pub fn output(&self, operation: &Operation, incoming: HttpResponse<'_>) -> Result<Value, String> {
        let Some(shape) = self.structure(operation, "output") else { return Ok(json!({})) };
        if !self.service.protocol.is_rest() {
            return self.body(operation, shape, incoming.body).map(Value::Object);
        }
        let members: Vec<Member<'_>> = self.shapes.members(shape).collect();
        let mut output = match members.iter().find(|member| member.traits.has("httpPayload")) {
            Some(member) => self.payload_of(operation, *member, incoming.body)?.into_iter().collect(),
            None => self.body(operation, shape, incoming.body)?,
        };
        for member in members {
            if let Some(name) = member.traits.text("httpHeader") {
                let value = incoming.header(name).map(|text| self.of_header(member, text));
                output.extend(value.map(|value| (member.name.to_owned(), value)));
            } else if let Some(prefix) = member.traits.text("httpPrefixHeaders") {
                let named = incoming.headers.iter().filter_map(|(name, value)| {
                    let rest = name.to_ascii_lowercase().strip_prefix(&prefix.to_ascii_lowercase())?.to_owned();
                    Some((rest, json!(value)))
                });
                let named: Map<String, Value> = named.collect();
                output.extend((!named.is_empty()).then(|| (member.name.to_owned(), Value::Object(named))));
            } else if member.traits.has("httpResponseCode") {
                output.insert(member.name.to_owned(), json!(incoming.status));
            }
        }
        Ok(Value::Object(output))
    }

    /// The members that a body contains.
    fn body(&self, operation: &Operation, shape: Shape<'_>, body: &[u8]) -> Result<Map<String, Value>, String> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Map::new());
        }
        match self.service.protocol {
            Protocol::RestJson1 | Protocol::AwsJson1_0 | Protocol::AwsJson1_1 => {
                let value: Value = serde_json::from_slice(body)
                    .map_err(|error| format!("The service's answer is not JSON: {error}"))?;
                match self.read_json(shape, &value) {
                    Value::Object(members) => Ok(members),
                    _ => Err("The service's answer is no JSON object".to_owned()),
                }
            }
            Protocol::RestXml | Protocol::AwsQuery => {
                let text = std::str::from_utf8(body).map_err(|_| "The service's answer is not UTF-8".to_owned())?;
                let document =
                    Document::parse(text).map_err(|error| format!("The service's answer is not XML: {error}"))?;
                let root = document.root_element();
                if self.traits(operation).has("aws.customizations#s3UnwrappedXmlOutput") {
                    let only = self.shapes.members(shape).next();
                    let value = only.map(|member| (member.name.to_owned(), json!(root.text().unwrap_or_default())));
                    return Ok(value.into_iter().collect());
                }
                let result = format!("{}Result", operation.name);
                let at = match self.service.protocol {
                    Protocol::AwsQuery => xml::children(root, &result).next(),
                    _ => Some(root),
                };
                Ok(at.map(|at| xml::read_structure(&self.shapes, shape, at, 0)).unwrap_or_default())
            }
        }
    }

    /// The one member that is the body.
    fn payload_of(
        &self,
        operation: &Operation,
        member: Member<'_>,
        body: &[u8],
    ) -> Result<Option<(String, Value)>, String> {
        let value = match member.shape.kind {
            // Also of a blob: Smithy's protocol tests, HttpPayloadTraitsWithNoBlobBody.
            _ if body.is_empty() => return Ok(None),
            ShapeKind::Blob => json!(BASE64.encode(body)),
            ShapeKind::Text | ShapeKind::Enum => json!(String::from_utf8_lossy(body)),
            ShapeKind::Structure | ShapeKind::Union => Value::Object(self.body(operation, member.shape, body)?),
            _ => serde_json::from_slice(body).map_err(|error| format!("The service's answer is not JSON: {error}"))?,
        };
        Ok(Some((member.name.to_owned(), value)))
    }

    fn of_header(&self, member: Member<'_>, text: &str) -> Value {
        match member.shape.kind {
            ShapeKind::List => {
                let kind = self.shapes.inner(member.shape, "member").map_or(ShapeKind::Text, |inner| inner.shape.kind);
                let items = if kind == ShapeKind::Timestamp { header::split_dates(text) } else { header::split(text) };
                items.iter().map(|item| xml::read_scalar(kind, item)).collect()
            }
            ShapeKind::Text if member.shape.traits().has("mediaType") => {
                let decoded = BASE64.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                json!(decoded.as_deref().unwrap_or(text))
            }
            kind => xml::read_scalar(kind, text),
        }
    }

    /// Reads JSON by its shape: members under their own names, timestamps as RFC 3339, the rest unchanged.
    fn read_json(&self, shape: Shape<'_>, value: &Value) -> Value {
        match (shape.kind, value) {
            (ShapeKind::Timestamp, value) => time::read(value),
            (ShapeKind::Structure | ShapeKind::Union, Value::Object(given)) => {
                let members: Vec<Member<'_>> = self.shapes.members(shape).collect();
                let renames = self.service.protocol == Protocol::RestJson1;
                let mut read = Map::new();
                for (key, value) in given.iter().filter(|(key, value)| *key != "__type" && !value.is_null()) {
                    let is_this = |member: &&Member<'_>| {
                        member.traits.text("jsonName").filter(|_| renames).unwrap_or(member.name) == key
                    };
                    match members.iter().find(is_this) {
                        Some(member) => {
                            read.insert(member.name.to_owned(), self.read_json(member.shape, value));
                        }
                        None => {
                            read.insert(key.clone(), value.clone());
                        }
                    }
                }
                Value::Object(read)
            }
            (ShapeKind::List, Value::Array(items)) => match self.shapes.inner(shape, "member") {
                Some(inner) => items.iter().map(|item| self.read_json(inner.shape, item)).collect(),
                None => value.clone(),
            },
            (ShapeKind::Map, Value::Object(entries)) => match self.shapes.inner(shape, "value") {
                Some(inner) => {
                    let read = entries.iter().map(|(key, value)| (key.clone(), self.read_json(inner.shape, value)));
                    Value::Object(read.collect())
                }
                None => value.clone(),
            },
            _ => value.clone(),
        }
    }
}

/// Code and message of a service's error, in any of the protocols.
pub fn error(incoming: HttpResponse<'_>) -> String {
    let text = String::from_utf8_lossy(incoming.body);
    let json: Value = serde_json::from_slice(incoming.body).unwrap_or_default();
    let document = Document::parse(&text).ok();
    let element = |name: &str| {
        let root = document.as_ref()?.root_element();
        root.descendants().find(|node| node.tag_name().name() == name)?.text().map(str::to_owned)
    };
    let member = |names: &[&str]| names.iter().find_map(|name| json[*name].as_str()).map(str::to_owned);
    let code = incoming.header("x-amzn-errortype").map(str::to_owned);
    let code = code.or_else(|| member(&["__type", "code", "Code"])).or_else(|| element("Code"));
    // `namespace#Code:address`
    let code = code.map(|code| {
        let bare = code.split(':').next().unwrap_or_default();
        bare.rsplit('#').next().unwrap_or_default().to_owned()
    });
    let message = member(&["message", "Message", "errorMessage"]).or_else(|| element("Message"));
    match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => text.chars().take(1000).collect(),
    }
}
