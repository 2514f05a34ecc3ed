//! Builds an operation's HTTP request from a tool's arguments.

use serde_json::{Map, Value};

use super::{Body, Location, MediaType, Operation, Server, fill};
use crate::model::http_request::{HttpRequest, Payload, encode};

impl Operation {
    /// The request for these arguments, an object.
    ///
    /// # Errors
    ///
    /// If an argument is not possible in the path, in the server's address or in the body's media type.
    pub fn request(&self, arguments: &Value) -> Result<HttpRequest, String> {
        let empty = Map::new();
        let arguments = arguments.as_object().unwrap_or(&empty);
        let mut path = self.path.clone();
        let mut query = Vec::new();
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        for parameter in &self.parameters {
            let Some(value) = arguments.get(&parameter.name).filter(|value| !value.is_null()) else { continue };
            match parameter.location {
                Location::Path => {
                    let part = listed(value, encode).join(",");
                    // An empty segment or a dot segment would be another path, even if it is encoded.
                    if part.is_empty() || part == "." || part == ".." {
                        return Err(format!("the path parameter `{}` cannot be `{part}`", parameter.name));
                    }
                    path = path.replace(&format!("{{{}}}", parameter.name), &part);
                }
                Location::Query if parameter.deep_object => query.extend(deep(&parameter.name, value)),
                Location::Query if parameter.explode => query.extend(pairs(&parameter.name, value)),
                Location::Query => {
                    let text = listed(value, encode).join(",");
                    query.push(format!("{}={text}", encode(&parameter.name)));
                }
                Location::Header => headers.push((parameter.name.clone(), plain(value))),
            }
        }
        let mut url = format!("{}{path}", self.server.address(arguments)?);
        if !query.is_empty() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&query.join("&"));
        }
        let payload = match &self.body {
            Some(body) => body.payload(arguments)?,
            None => None,
        };
        Ok(HttpRequest { method: self.method.clone(), url, headers, payload })
    }
}

impl Server {
    /// The server's address with its variables filled in. No variable may lead to a host other than the document's:
    /// the credential is sent with the request.
    fn address(&self, arguments: &Map<String, Value>) -> Result<String, String> {
        let mut values = Vec::new();
        for (name, variable) in &self.variables {
            let value = arguments.get(name).map_or_else(|| variable.default.clone(), plain);
            let named = value == variable.default || variable.allowed.contains(&value);
            let is_a_label =
                !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !named && (!variable.allowed.is_empty() || !is_a_label || !self.is_within_a_domain(name)) {
                return Err(format!("the server variable `{name}` cannot be `{value}`"));
            }
            values.push((name.as_str(), value));
        }
        Ok(fill(&self.url, values.into_iter()))
    }
}

impl Server {
    /// Whether a variable stands before a domain that the document gives, such as `.example.com`, or in the path,
    /// so that no value of it leads elsewhere.
    fn is_within_a_domain(&self, name: &str) -> bool {
        let after_scheme = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let authority = after_scheme.split('/').next().unwrap_or_default();
        let Some((_, rest)) = authority.split_once(&format!("{{{name}}}")) else { return true };
        let domain = rest.split(':').next().unwrap_or_default();
        domain.starts_with('.') && domain[1..].contains('.') && !domain.contains('{')
    }
}

impl Body {
    fn payload(&self, arguments: &Map<String, Value>) -> Result<Option<Payload>, String> {
        let value = match &self.properties {
            None => match arguments.get("body") {
                None => return Ok(None),
                Some(body) => body.clone(),
            },
            Some(properties) => {
                let own = arguments.iter().filter(|(name, _)| properties.contains(*name));
                let members: Map<String, Value> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
                if members.is_empty() && !self.required && !properties.is_empty() {
                    return Ok(None);
                }
                Value::Object(members)
            }
        };
        let (content_type, text) = match self.media_type {
            MediaType::Json => ("application/json".to_owned(), value.to_string()),
            MediaType::Form => {
                let pairs = value.as_object().into_iter().flatten().flat_map(|(name, value)| pairs(name, value));
                ("application/x-www-form-urlencoded".to_owned(), pairs.collect::<Vec<_>>().join("&"))
            }
            MediaType::Multipart => multipart(&value),
            MediaType::Xml => match value {
                Value::String(text) => ("application/xml".to_owned(), text),
                _ => return Err("an XML body is given as its text, in the argument `body`".to_owned()),
            },
        };
        Ok(Some(Payload { content_type, bytes: text.into_bytes() }))
    }
}

/// `name=value` for each item of a list and each member of an object.
fn pairs(name: &str, value: &Value) -> Vec<String> {
    let pair = |name: &str, value: &Value| format!("{}={}", encode(name), encode(&plain(value)));
    match value {
        Value::Array(items) => items.iter().map(|item| pair(name, item)).collect(),
        Value::Object(members) => members.iter().map(|(key, value)| pair(key, value)).collect(),
        value => vec![pair(name, value)],
    }
}

/// `name[member]=value` for each member of an object, and for each item of a member that is a list (OpenAPI 3.0.4,
/// §4.7.12.4; deeper objects have no form there).
fn deep(name: &str, value: &Value) -> Vec<String> {
    let Value::Object(members) = value else { return pairs(name, value) };
    members.iter().flat_map(|(key, value)| pairs(&format!("{name}[{key}]"), value)).collect()
}

/// The items of a list, or the keys and values of an object in turn.
fn listed(value: &Value, encode: impl Fn(&str) -> String) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(|item| encode(&plain(item))).collect(),
        Value::Object(members) => {
            members.iter().flat_map(|(key, value)| [encode(key), encode(&plain(value))]).collect()
        }
        value => vec![encode(&plain(value))],
    }
}

/// A value as text: a string without quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `multipart/form-data` (RFC 7578) of text parts, with a boundary that occurs in none of them.
fn multipart(value: &Value) -> (String, String) {
    let parts: Vec<(String, String)> =
        value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), plain(value))).collect();
    let mut boundary = "agentcore-gw".to_owned();
    while parts.iter().any(|(_, text)| text.contains(&boundary)) {
        boundary.push('-');
    }
    let mut body = String::new();
    for (name, text) in parts {
        let name = name.replace('"', "%22").replace(['\r', '\n'], " ");
        body.push_str(&format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"));
    }
    (format!("multipart/form-data; boundary={boundary}"), format!("{body}--{boundary}--\r\n"))
}
