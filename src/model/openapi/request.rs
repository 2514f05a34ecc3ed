//! Builds an operation's HTTP request from a tool's arguments.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{Location, Operation, Server, fill, style::plain};
use crate::model::http_request::HttpRequest;

/// Media types that are asked for: JSON, and whatever else the API has.
const ACCEPT: &str = "application/json, */*;q=0.5";

/// Characters that a path template's literals may not have as they are (RFC 6570 §3.1: neither reserved nor unreserved).
/// `%` of a percent-encoded character stays; braces stand for parameters until they are filled.
const LITERAL: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'|');

/// The literals of a path template, encoded.
fn literal(path: &str) -> String {
    let encoded = utf8_percent_encode(path, LITERAL).to_string();
    let is_encoded = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    let mut parts = encoded.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, rest| path + if is_encoded(rest) { "%" } else { "%25" } + rest)
}

impl Operation {
    /// The request for these arguments, an object.
    ///
    /// # Errors
    ///
    /// If an argument is not possible in the path, in a header, in the server's address or in the body's media type.
    pub fn request(&self, arguments: &Value) -> Result<HttpRequest, String> {
        let empty = Map::new();
        let arguments = arguments.as_object().unwrap_or(&empty);
        let mut path = literal(&self.path);
        let mut query = Vec::new();
        let mut headers = vec![("accept".to_owned(), ACCEPT.to_owned())];
        for parameter in &self.parameters {
            let value = arguments.get(&parameter.argument).unwrap_or(&Value::Null);
            match parameter.location {
                Location::Path => {
                    let part = parameter.style.in_path(value);
                    // An empty segment or a dot segment would be another path, even if it is encoded.
                    if part.is_empty() || part == "." || part == ".." {
                        return Err(format!("the path parameter `{}` cannot be `{part}`", parameter.name));
                    }
                    path = path.replace(&format!("{{{}}}", literal(&parameter.name)), &part);
                }
                Location::Query => query.extend(parameter.style.pairs(&parameter.name, value)),
                Location::Header => {
                    let Some(text) = parameter.style.in_header(value) else { continue };
                    if text.contains(|c: char| c.is_control() && c != '\t') {
                        return Err(format!("the header `{}` cannot have line breaks", parameter.name));
                    }
                    headers.push((parameter.name.clone(), text));
                }
            }
        }
        let mut url = format!("{}{path}", self.server.address(arguments)?);
        if !query.is_empty() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&query.join("&"));
        }
        let payload = match &self.body {
            Some(body) => body.payload(arguments, |argument| self.is_outside_of_body(argument))?,
            None => None,
        };
        Ok(HttpRequest { method: self.method.clone(), url, headers, payload })
    }

    /// Whether an argument is a parameter or part of the server's address.
    fn is_outside_of_body(&self, argument: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter.argument == argument)
            || self.server.variables.values().any(|variable| variable.argument == argument)
    }
}

impl Server {
    /// The server's address with its variables filled in. No variable may lead to a host other than the document's:
    /// the credential is sent with the request.
    fn address(&self, arguments: &Map<String, Value>) -> Result<String, String> {
        let mut values = Vec::new();
        for (name, variable) in &self.variables {
            let value = arguments.get(&variable.argument).map_or_else(|| variable.default.clone(), plain);
            let named = value == variable.default || variable.allowed.contains(&value);
            let is_a_label =
                !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !named && (!variable.allowed.is_empty() || !is_a_label || !self.is_within_a_domain(name)) {
                return Err(format!("the server variable `{name}` cannot be `{value}`"));
            }
            values.push((literal(name), value));
        }
        Ok(fill(&literal(&self.url), values.iter().map(|(name, value)| (name.as_str(), value.clone()))))
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
