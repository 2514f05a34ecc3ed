//! Builds an operation's HTTP request from a tool's arguments (Smithy 2.0, "HTTP bindings" and the AWS
//! protocols).

mod form;
mod json;

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};

use self::{form::form_pairs, json::Json};
use super::{
    Model, Operation, Protocol, endpoint, header,
    shape::{Member, Shape, ShapeKind, Shapes},
    time::Format,
    xml,
};
use crate::model::{
    http_request::{HttpRequest, Payload, encode},
    openapi::is_reserved_header,
};

/// What a request depends on besides its arguments.
#[derive(Debug, Clone, Copy)]
pub struct RequestOptions<'a> {
    pub region: &'a str,
    /// The endpoint to call instead of the one that the model's rule set gives.
    pub endpoint: Option<&'a str>,
    /// The value for members that need an idempotency token and got none.
    pub token: &'a str,
}

/// A request, and the service and region to sign it for.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRequest {
    pub outgoing: HttpRequest,
    pub signing_name: String,
    pub signing_region: String,
}

/// A request under construction.
#[derive(Default)]
struct Parts {
    method: String,
    path: String,
    query: Vec<String>,
    headers: Vec<(String, String)>,
    payload: Option<Payload>,
}

impl Model {
    /// The request for these arguments, an object.
    ///
    /// # Errors
    ///
    /// If an argument cannot be serialized where the model binds it, or the rule set has no endpoint.
    pub fn request(
        &self,
        operation: &Operation,
        arguments: &Value,
        circumstances: RequestOptions<'_>,
    ) -> Result<ServiceRequest, String> {
        let input = self.structure(operation, "input");
        let members: Vec<Member<'_>> = input.into_iter().flat_map(|input| self.shapes.members(input)).collect();
        let mut arguments = arguments.as_object().cloned().unwrap_or_default();
        arguments.retain(|_, value| !value.is_null());
        for member in members.iter().filter(|member| member.traits.has("idempotencyToken")) {
            arguments.entry(member.name).or_insert_with(|| json!(circumstances.token));
        }
        let endpoint = match circumstances.endpoint {
            Some(url) => endpoint::Endpoint { url: url.to_owned(), signing_name: None, signing_region: None },
            None => self.endpoint(operation, &members, &arguments, circumstances.region)?,
        };
        let bucket_in_host = circumstances.endpoint.is_none() && self.service.places_buckets;
        let parts = match self.service.protocol {
            Protocol::RestJson1 | Protocol::RestXml => {
                self.bound(operation, input, &members, &arguments, bucket_in_host)?
            }
            Protocol::AwsJson1_0 | Protocol::AwsJson1_1 => self.json_body(operation, input, &arguments)?,
            Protocol::AwsQuery => self.form(operation, &members, &arguments)?,
        };
        let mut url = format!("{}{}", self.host(operation, &endpoint.url, &arguments, circumstances)?, parts.path);
        if !parts.query.is_empty() {
            url = format!("{url}?{}", parts.query.join("&"));
        }
        Ok(ServiceRequest {
            outgoing: HttpRequest { method: parts.method, url, headers: parts.headers, payload: parts.payload },
            signing_name: endpoint.signing_name.unwrap_or_else(|| self.service.signing_name.clone()),
            signing_region: endpoint.signing_region.unwrap_or_else(|| circumstances.region.to_owned()),
        })
    }

    /// Evaluates the rule set with the parameters that the operation and its arguments set.
    fn endpoint(
        &self,
        operation: &Operation,
        members: &[Member<'_>],
        arguments: &Map<String, Value>,
        region: &str,
    ) -> Result<endpoint::Endpoint, String> {
        let mut parameters = BTreeMap::from([("Region".to_owned(), json!(region))]);
        let fixed = self.traits(operation).get("smithy.rules#staticContextParams").and_then(Value::as_object);
        for (name, parameter) in fixed.into_iter().flatten() {
            parameters.insert(name.clone(), parameter["value"].clone());
        }
        for member in members {
            let name = member.traits.get("smithy.rules#contextParam").and_then(|parameter| parameter["name"].as_str());
            if let Some((name, value)) = name.zip(arguments.get(member.name)) {
                parameters.insert(name.to_owned(), value.clone());
            }
        }
        if self.service.rules.is_null() {
            return Ok(endpoint::usual(&self.service.endpoint_prefix, region));
        }
        endpoint::resolve(&self.service.rules, &parameters)
    }

    /// The URL, with the host prefix from the operation's `endpoint` trait, unless the endpoint is overridden.
    fn host(
        &self,
        operation: &Operation,
        url: &str,
        arguments: &Map<String, Value>,
        circumstances: RequestOptions<'_>,
    ) -> Result<String, String> {
        let url = url.trim_end_matches('/');
        let prefix = self.traits(operation).get("endpoint").and_then(|endpoint| endpoint["hostPrefix"].as_str());
        let prefix = prefix.filter(|_| circumstances.endpoint.is_none());
        let (Some(prefix), Some((scheme, host))) = (prefix, url.split_once("://")) else { return Ok(url.to_owned()) };
        let mut prefix = prefix.to_owned();
        while let Some((before, (label, after))) =
            prefix.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            let value = arguments.get(label).and_then(Value::as_str).unwrap_or_default();
            if !endpoint::is_host_label(value, false) {
                return Err(format!("`{label}` cannot be `{value}`: it is part of the host"));
            }
            prefix = format!("{before}{value}{after}");
        }
        Ok(format!("{scheme}://{prefix}{host}"))
    }

    /// awsJson: all members in one object, the operation in a header.
    fn json_body(
        &self,
        operation: &Operation,
        input: Option<Shape<'_>>,
        arguments: &Map<String, Value>,
    ) -> Result<Parts, String> {
        let body = match input {
            Some(input) => self.json().structure(input, arguments)?,
            None => json!({}),
        };
        let version = if self.service.protocol == Protocol::AwsJson1_0 { "1.0" } else { "1.1" };
        let payload =
            Payload { content_type: format!("application/x-amz-json-{version}"), bytes: body.to_string().into_bytes() };
        let target = format!("{}.{}", self.service.name, operation.name);
        Ok(Parts {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: vec![("x-amz-target".to_owned(), target)],
            payload: Some(payload),
            ..Parts::default()
        })
    }

    /// awsQuery: a form.
    fn form(
        &self,
        operation: &Operation,
        members: &[Member<'_>],
        arguments: &Map<String, Value>,
    ) -> Result<Parts, String> {
        let mut pairs =
            vec![("Action".to_owned(), operation.name.clone()), ("Version".to_owned(), self.service.version.clone())];
        for member in members {
            if let Some(value) = arguments.get(member.name) {
                form_pairs(&self.shapes, xml::name_of(*member), *member, value, &mut pairs)?;
            }
        }
        let form: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let payload = Payload {
            content_type: "application/x-www-form-urlencoded".to_owned(),
            bytes: form.join("&").into_bytes(),
        };
        Ok(Parts { method: "POST".to_owned(), path: "/".to_owned(), payload: Some(payload), ..Parts::default() })
    }

    /// The REST protocols: each member where its trait binds it, the rest in the body.
    fn bound(
        &self,
        operation: &Operation,
        input: Option<Shape<'_>>,
        members: &[Member<'_>],
        arguments: &Map<String, Value>,
        bucket_in_host: bool,
    ) -> Result<Parts, String> {
        let http = self.traits(operation).get("http").unwrap_or(&Value::Null);
        let uri = http["uri"].as_str().unwrap_or("/");
        let (path, fixed) = uri.split_once('?').unwrap_or((uri, ""));
        let path = if bucket_in_host { path.strip_prefix("/{Bucket}").unwrap_or(path) } else { path };
        let mut parts = Parts {
            method: http["method"].as_str().unwrap_or("POST").to_owned(),
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
            query: fixed.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect(),
            ..Parts::default()
        };
        let mut body = Map::new();
        let mut has_body = false;
        // Named members go before those of maps (Smithy's protocol tests, QueryPrecedence and HttpEmptyPrefixHeaders).
        let is_given = |member: &&Member<'_>| arguments.contains_key(member.name);
        let named = |binding: &str| -> BTreeSet<String> {
            let names = members.iter().filter(is_given).filter_map(|member| member.traits.text(binding));
            names.map(str::to_owned).collect()
        };
        let in_query = named("httpQuery");
        let in_headers: BTreeSet<String> = named("httpHeader").iter().map(|name| name.to_ascii_lowercase()).collect();
        for member in members {
            let value = arguments.get(member.name);
            if let Some(name) = member.traits.text("httpQuery") {
                for text in
                    value.map_or(Ok(Vec::new()), |value| texts(&self.shapes, *member, value, Format::DateTime))?
                {
                    parts.query.push(format!("{}={}", encode(name), encode(&text)));
                }
            } else if member.traits.has("httpQueryParams") {
                let fixed: BTreeSet<&str> = fixed.split('&').filter_map(|pair| pair.split('=').next()).collect();
                let is_free = |name: &str| !in_query.contains(name) && !fixed.contains(name);
                parts.query.extend(value.into_iter().flat_map(|value| query_parameters(value, is_free)));
            } else if let Some(name) = member.traits.text("httpHeader") {
                parts.headers.extend(value.map(|value| self.header(name, *member, value)).transpose()?.flatten());
            } else if let Some(prefix) = member.traits.text("httpPrefixHeaders") {
                let headers = prefixed_headers(prefix, value)?;
                parts.headers.extend(headers.into_iter().filter(|(name, _)| !in_headers.contains(name)));
            } else if member.traits.has("httpLabel") {
                fill_label(&self.shapes, &mut parts.path, *member, value)?;
            } else if member.traits.has("httpPayload") {
                parts.payload = match value {
                    Some(value) => Some(self.payload(*member, value)?),
                    None => self.empty_payload(*member)?,
                };
            } else {
                has_body = true;
                body.extend(value.map(|value| (member.name.to_owned(), value.clone())));
            }
        }
        if let Some(input) = input.filter(|_| has_body) {
            let root = input.traits().text("xmlName").unwrap_or(input.name());
            parts.payload = Some(self.structured(input, root, &Value::Object(body))?);
        }
        self.settle_headers(operation, &mut parts);
        Ok(parts)
    }

    /// Serializes a structure as a body in the service's protocol.
    fn structured(&self, shape: Shape<'_>, root: &str, value: &Value) -> Result<Payload, String> {
        if self.service.protocol == Protocol::RestXml {
            let document = xml::write(&self.shapes, shape, root, self.service.xml_namespace.as_deref(), value)?;
            return Ok(Payload { content_type: "application/xml".to_owned(), bytes: document.into_bytes() });
        }
        let empty = Map::new();
        let json = self.json().structure(shape, value.as_object().unwrap_or(&empty))?;
        Ok(Payload { content_type: "application/json".to_owned(), bytes: json.to_string().into_bytes() })
    }

    /// Serializes the one member that is the body.
    fn payload(&self, member: Member<'_>, value: &Value) -> Result<Payload, String> {
        let media_type = |usual: &str| {
            let named = member.shape.traits().text("mediaType");
            named.unwrap_or(usual).to_owned()
        };
        match member.shape.kind {
            ShapeKind::Blob => Ok(Payload {
                content_type: media_type("application/octet-stream"),
                bytes: decoded(member.name, value)?,
            }),
            ShapeKind::Text | ShapeKind::Enum => {
                Ok(Payload { content_type: media_type("text/plain"), bytes: plain(value).into_bytes() })
            }
            ShapeKind::Structure | ShapeKind::Union => {
                let root = member.trait_on_member_or_target("xmlName").and_then(Value::as_str);
                self.structured(member.shape, root.unwrap_or(member.shape.name()), value)
            }
            _ => {
                let json = self.json().value(member, value)?;
                Ok(Payload { content_type: "application/json".to_owned(), bytes: json.to_string().into_bytes() })
            }
        }
    }

    /// The body of an operation whose payload is not given: JSON has an empty object where a structure is expected, and
    /// nothing where a union is (Smithy's protocol tests, HttpWithHeadersButNoPayload and HttpPayloadWithUnsetUnion).
    fn empty_payload(&self, member: Member<'_>) -> Result<Option<Payload>, String> {
        if self.service.protocol != Protocol::RestJson1 || member.shape.kind != ShapeKind::Structure {
            return Ok(None);
        }
        self.structured(member.shape, member.shape.name(), &json!({})).map(Some)
    }

    /// A header; `None` if it would be empty (Smithy's protocol tests, NullAndEmptyHeaders).
    fn header(&self, name: &str, member: Member<'_>, value: &Value) -> Result<Option<(String, String)>, String> {
        let texts = texts(&self.shapes, member, value, Format::HttpDate)?;
        let inner = self.shapes.inner(member.shape, "member");
        let are_texts = inner.is_some_and(|inner| matches!(inner.shape.kind, ShapeKind::Text | ShapeKind::Enum));
        let text = header::join(&texts, are_texts);
        // A string with a media type is base64-encoded in a header, so that it is one line.
        let is_media = member.shape.traits().has("mediaType") && member.shape.kind == ShapeKind::Text;
        let text = if is_media { BASE64.encode(text) } else { text };
        if text.contains(|c: char| c.is_control() && c != '\t') {
            return Err(format!("`{}` cannot have line breaks: it is a header", member.name));
        }
        Ok((!text.is_empty()).then(|| (name.to_ascii_lowercase(), text)))
    }

    /// Moves a content-type header that the model binds to the payload, and adds a checksum if one is required.
    fn settle_headers(&self, operation: &Operation, parts: &mut Parts) {
        let named = parts.headers.iter().position(|(name, _)| name == "content-type");
        if let Some((_, named)) = named.map(|at| parts.headers.remove(at))
            && let Some(payload) = &mut parts.payload
        {
            payload.content_type = named;
        }
        let checksum = self.traits(operation).get("aws.protocols#httpChecksum");
        let required = checksum.is_some_and(|checksum| checksum["requestChecksumRequired"] == true);
        // Smithy 2.0, "httpChecksumRequired trait". A service's own checksum takes its place.
        if checksum.is_none()
            && self.traits(operation).has("httpChecksumRequired")
            && let Some(payload) = &parts.payload
        {
            parts.headers.push(("content-md5".to_owned(), BASE64.encode(Md5::digest(&payload.bytes))));
        }
        if let Some(payload) = parts.payload.as_ref().filter(|_| required) {
            let crc32 = BASE64.encode(crc32fast::hash(&payload.bytes).to_be_bytes());
            parts.headers.push(("x-amz-checksum-crc32".to_owned(), crc32));
            parts.headers.push(("x-amz-sdk-checksum-algorithm".to_owned(), "CRC32".to_owned()));
        }
    }

    fn json(&self) -> Json<'_> {
        Json { shapes: &self.shapes, renames: self.service.protocol == Protocol::RestJson1 }
    }
}

/// The names in a URI's braces.
pub(super) fn labels(uri: &str) -> impl Iterator<Item = &str> {
    let path = uri.split('?').next().unwrap_or_default();
    path.split('{').skip(1).filter_map(|part| part.split('}').next()).map(|label| label.trim_end_matches('+'))
}

/// A scalar, or the items of a list, as text.
fn texts(shapes: &Shapes, member: Member<'_>, value: &Value, time: Format) -> Result<Vec<String>, String> {
    match (member.shape.kind, value) {
        (ShapeKind::List, Value::Array(items)) => {
            let Some(inner) = shapes.inner(member.shape, "member") else { return Ok(Vec::new()) };
            let items = items.iter().filter(|item| !item.is_null()).map(|item| scalar(inner, item, time));
            items.collect()
        }
        _ => scalar(member, value, time).map(|text| vec![text]),
    }
}

/// A scalar as text.
fn scalar(member: Member<'_>, value: &Value, time: Format) -> Result<String, String> {
    if member.shape.kind == ShapeKind::Timestamp {
        let written = Format::of(member.trait_on_member_or_target("timestampFormat"), time).write(value)?;
        return Ok(plain(&written));
    }
    Ok(plain(value))
}

/// A value as text: a string without quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn decoded(name: &str, value: &Value) -> Result<Vec<u8>, String> {
    let text = value.as_str().unwrap_or_default();
    BASE64.decode(text).map_err(|error| format!("`{name}` is to be base64: {error}"))
}

/// The pairs of a map whose names nothing else has.
fn query_parameters(value: &Value, is_free: impl Fn(&str) -> bool) -> Vec<String> {
    let pairs = value.as_object().into_iter().flatten().filter(|(name, value)| is_free(name) && !value.is_null());
    let of = |(name, value): (&String, &Value)| -> Vec<String> {
        let values = value.as_array().map_or_else(|| vec![value.clone()], Clone::clone);
        values.iter().map(|value| format!("{}={}", encode(name), encode(&plain(value)))).collect()
    };
    pairs.flat_map(of).collect()
}

/// The headers that an argument names; those that concern the transport or the sender are rejected.
fn prefixed_headers(prefix: &str, value: Option<&Value>) -> Result<Vec<(String, String)>, String> {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    let header = |(name, value): (&String, &Value)| {
        let name = format!("{prefix}{name}").to_ascii_lowercase();
        if http::HeaderName::try_from(&name).is_err() || (prefix.is_empty() && is_reserved_header(&name)) {
            return Err(format!("`{name}` is no header that can be set"));
        }
        Ok((name, plain(value)))
    };
    entries.map(header).collect()
}

/// Substitutes an argument into the path; a greedy label keeps its slashes.
fn fill_label(shapes: &Shapes, path: &mut String, member: Member<'_>, value: Option<&Value>) -> Result<(), String> {
    let (once, greedy) = (format!("{{{}}}", member.name), format!("{{{}+}}", member.name));
    if !path.contains(&once) && !path.contains(&greedy) {
        return Ok(());
    }
    let texts = value.map_or(Ok(Vec::new()), |value| texts(shapes, member, value, Format::DateTime))?;
    let text = texts.join(",");
    // An empty segment or a dot segment would be another path, even if it is encoded.
    if text.is_empty() || text.split('/').any(|part| part == "." || part == "..") {
        return Err(format!("`{}` cannot be `{text}`: it is part of the path", member.name));
    }
    let kept: Vec<String> = text.split('/').map(encode).collect();
    *path = path.replace(&once, &encode(&text)).replace(&greedy, &kept.join("/"));
    Ok(())
}
