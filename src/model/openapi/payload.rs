//! The body of a request: JSON, a form, a multipart form or XML.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

use super::style::{Style, plain};
use crate::model::{
    http_request::{Payload, encode},
    tool,
};

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An operation's request body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Body {
    /// The media type as the document writes it.
    pub(super) content_type: String,
    pub(super) media_type: MediaType,
    /// Whether it is sent even if it is empty.
    pub(super) required: bool,
    pub(super) arguments: BodyArguments,
    /// How the properties of a form are written; those that are not listed by the defaults.
    pub(super) fields: BTreeMap<String, Field>,
}

/// Which arguments a body consists of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum BodyArguments {
    /// The whole body is the argument of this name.
    Whole(String),
    /// Each property is an argument.
    Properties {
        /// The properties, in the document's order, each with its argument.
        named: Vec<(String, String)>,
        /// Properties that are never sent (`readOnly`).
        hidden: BTreeSet<String>,
        /// Which of the arguments that nothing else takes are properties too.
        others: Others,
    },
}

/// Properties that a schema does not name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Others {
    All,
    /// `additionalProperties: false`, but for names that match one of these patterns (`patternProperties`).
    Matching(Vec<String>),
}

impl Others {
    fn have(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Matching(patterns) => patterns.iter().any(|pattern| tool::matches(pattern, name)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaType {
    Json,
    Form,
    Multipart,
    Xml,
}

impl MediaType {
    pub(super) fn of(name: &str) -> Option<Self> {
        match name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::Form),
            "multipart/form-data" => Some(Self::Multipart),
            "application/xml" | "text/xml" => Some(Self::Xml),
            _ => None,
        }
    }
}

/// How a property of a form is written (OpenAPI 3.0.4, "Encoding Object").
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Field {
    /// Its style, if the document names one; the media type does not matter then.
    pub(super) style: Option<Style>,
    /// The media type that the document names.
    pub(super) content_type: Option<String>,
    /// How its text stands for bytes.
    pub(super) bytes: Option<Bytes>,
}

/// How the text of a string stands for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bytes {
    /// `format: binary`: a file. The argument is base64, since JSON has no bytes.
    File,
    /// `format: byte`: base64 is what is sent, and the part says so (OpenAPI 3.0.4, "Encoding `multipart` Media Types").
    Base64,
}

impl Body {
    /// The body for these arguments, of which `is_taken` says whether a parameter has them; `None` if there is none.
    pub(super) fn payload(
        &self,
        arguments: &Map<String, Value>,
        is_taken: impl Fn(&str) -> bool,
    ) -> Result<Option<Payload>, String> {
        let value = match &self.arguments {
            BodyArguments::Whole(argument) => match arguments.get(argument) {
                None => return Ok(None),
                Some(body) => body.clone(),
            },
            BodyArguments::Properties { named, hidden, others } => {
                let mut members = Map::new();
                for (property, argument) in named {
                    members.extend(arguments.get(argument).map(|value| (property.clone(), value.clone())));
                }
                let known: BTreeSet<&String> =
                    named.iter().flat_map(|(property, argument)| [property, argument]).collect();
                let is_free = |name: &String| !(known.contains(name) || is_taken(name) || hidden.contains(name));
                for (name, value) in arguments.iter().filter(|(name, _)| is_free(name) && others.have(name)) {
                    members.insert(name.clone(), value.clone());
                }
                if members.is_empty() && !self.required {
                    return Ok(None);
                }
                Value::Object(members)
            }
        };
        let (content_type, bytes) = match self.media_type {
            MediaType::Json => (self.content_type.clone(), value.to_string().into_bytes()),
            MediaType::Form => (self.content_type.clone(), self.form(&value)?.into_bytes()),
            MediaType::Multipart => self.multipart(&value)?,
            MediaType::Xml => match value {
                Value::String(text) => (self.content_type.clone(), text.into_bytes()),
                _ => return Err("an XML body is given as its text".to_owned()),
            },
        };
        Ok(Some(Payload { content_type, bytes }))
    }

    fn field(&self, name: &str) -> Field {
        self.fields.get(name).cloned().unwrap_or_default()
    }

    /// `application/x-www-form-urlencoded`: by style where the document names one; else scalars as text, each item of a
    /// list as a pair of its own, and objects as JSON (OpenAPI 3.0.4, "Encoding the `x-www-form-urlencoded` Media Type").
    fn form(&self, value: &Value) -> Result<String, String> {
        let members = match value {
            Value::Object(members) => members,
            Value::String(text) => return Ok(text.clone()),
            _ => return Err("a form is given as an object, or as its text".to_owned()),
        };
        let mut pairs = Vec::new();
        for (name, value) in members {
            let Field { style, content_type, .. } = self.field(name);
            if let Some(style) = style {
                pairs.extend(style.pairs(name, value));
                continue;
            }
            let is_json = content_type.as_deref().is_some_and(is_json);
            let items = match value {
                Value::Array(items) if !is_json => items.as_slice(),
                value => std::slice::from_ref(value),
            };
            for item in items.iter().filter(|item| !item.is_null()) {
                let text = if is_json { item.to_string() } else { plain(item) };
                pairs.push(format!("{}={}", with_plus(name), with_plus(&text)));
            }
        }
        Ok(pairs.join("&"))
    }

    /// `multipart/form-data` (RFC 7578), with a boundary that occurs in no part: a hash of all. Each item of a list is a part
    /// of its own.
    fn multipart(&self, value: &Value) -> Result<(String, Vec<u8>), String> {
        let Value::Object(members) = value else { return Err("a form is given as an object".to_owned()) };
        let mut parts = Vec::new();
        for (name, value) in members {
            let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for item in items.iter().filter(|item| !item.is_null()) {
                parts.push(Part::new(name, item, &self.field(name))?);
            }
        }
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in &parts {
            hash.update(&part.bytes);
        }
        let hash = hash.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let boundary = format!("agentcore-gw-{hash}");
        let mut body = Vec::new();
        for Part { headers, bytes } in parts {
            body.extend(format!("--{boundary}\r\n{headers}\r\n").into_bytes());
            body.extend(bytes);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{boundary}--\r\n").into_bytes());
        Ok((format!("multipart/form-data; boundary={boundary}"), body))
    }
}

/// A part of a multipart form.
struct Part {
    /// Each ends in a line break.
    headers: String,
    bytes: Vec<u8>,
}

impl Part {
    fn new(name: &str, item: &Value, field: &Field) -> Result<Self, String> {
        let named = field.content_type.as_deref().and_then(first_media_type);
        let is_file = field.bytes == Some(Bytes::File);
        // Text has no media type: it is the default (RFC 7578 §4.4).
        let default = match (item, field.bytes) {
            (Value::Object(_) | Value::Array(_), _) => Some("application/json"),
            (Value::String(_), Some(_)) => Some("application/octet-stream"),
            _ => None,
        };
        let content_type = named.or(default);
        let bytes = match item {
            Value::String(text) if is_file => decoded(name, text)?,
            item if content_type.is_some_and(is_json) => item.to_string().into_bytes(),
            item => plain(item).into_bytes(),
        };
        let name = quoted(name);
        let mut headers = format!("content-disposition: form-data; name=\"{name}\"");
        if is_file {
            headers.push_str(&format!("; filename=\"{name}\""));
        }
        headers.push_str("\r\n");
        if let Some(content_type) = content_type {
            headers.push_str(&format!("content-type: {content_type}\r\n"));
        }
        if field.bytes == Some(Bytes::Base64) {
            headers.push_str("content-transfer-encoding: base64\r\n");
        }
        Ok(Self { headers, bytes })
    }
}

/// The bytes of a file.
fn decoded(name: &str, text: &str) -> Result<Vec<u8>, String> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64.decode(text).map_err(|error| format!("the file `{name}` is to be given in base64: {error}"))
}

/// A name in quotes, as browsers write it (HTML, "multipart form data").
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// The first media type of a list that is no wildcard and that a header can have.
fn first_media_type(list: &str) -> Option<&str> {
    let mut types = list.split(',').map(str::trim);
    types.find(|one| !one.is_empty() && !one.contains('*') && !one.contains(char::is_control))
}

fn is_json(content_type: &str) -> bool {
    let name = content_type.split([';', ',']).next().unwrap_or_default().trim().to_ascii_lowercase();
    name == "application/json" || name.ends_with("+json")
}

/// Encoded as in a form, where a space is a plus sign.
fn with_plus(text: &str) -> String {
    encode(text).replace("%20", "+")
}
