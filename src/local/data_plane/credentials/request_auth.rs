//! The credential of one request, and its redaction from responses and errors.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use serde_json::Value;

use super::Failure;
use crate::{
    http::{
        Request,
        sigv4::{self, Scope},
    },
    model::http_request::encode,
};

/// The credential to send with a request.
#[derive(Clone)]
pub(crate) enum RequestAuth {
    Nothing,
    /// `secret` is the credential itself, which is part of `value`.
    Header {
        name: String,
        value: String,
        secret: String,
    },
    Query {
        name: String,
        value: String,
        secret: String,
    },
    Signature {
        scope: Scope,
        credentials: Credentials,
    },
}

impl RequestAuth {
    /// Adds the credential to a request; `now` is in Unix milliseconds. A tool's argument cannot override it.
    ///
    /// # Errors
    /// If the request cannot be signed.
    pub(super) fn apply_to(&self, request: &mut Request, now: i64) -> Result<(), Failure> {
        match self {
            Self::Nothing => {}
            Self::Header { name, value, .. } => {
                request.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
                request.headers.push((name.clone(), value.clone()));
            }
            Self::Query { name, value, .. } => {
                let (address, query) = request.url.split_once('?').unwrap_or((request.url.as_str(), ""));
                let name = encode(name);
                let others = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(&name));
                let own = format!("{name}={}", encode(value));
                let pairs: Vec<String> = others.map(str::to_owned).chain([own]).collect();
                request.url = format!("{address}?{}", pairs.join("&"));
            }
            Self::Signature { scope, credentials } => {
                let time = SystemTime::UNIX_EPOCH + Duration::from_millis(now.unsigned_abs());
                sigv4::sign(request, credentials, scope, time)
                    .map_err(|error| Failure(format!("The request cannot be signed: {error}")))?;
            }
        }
        Ok(())
    }

    /// Replaces every occurrence of the credential in a text.
    pub(crate) fn redact(&self, text: &str) -> String {
        match self {
            Self::Nothing | Self::Signature { .. } => text.to_owned(),
            Self::Header { value, secret, .. } | Self::Query { value, secret, .. } => {
                let forms = [value, secret].into_iter().flat_map(|text| forms(text));
                // Each form once: a credential that is part of the word in its place would multiply.
                let mut seen = HashSet::new();
                let forms = forms.filter(|form| !form.is_empty() && seen.insert(form.clone()));
                forms.fold(text.to_owned(), |text, form| text.replace(&form, "(credential)"))
            }
        }
    }

    /// Replaces the credential in every string of a JSON document.
    pub(crate) fn redact_document(&self, document: &mut Value) {
        match document {
            Value::String(text) => *text = self.redact(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_document(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.redact_document(member)),
            _ => {}
        }
    }
}

/// The forms in which a response may repeat a secret: in UTF-8 or misread as Latin-1, each of them plain,
/// percent-encoded, in JSON, in JSON within JSON, quoted as by Python and shells, or in HTML.
fn forms(secret: &str) -> Vec<String> {
    let latin: String = secret.bytes().map(char::from).collect();
    let of = |text: &str| {
        let json = Value::from(text).to_string();
        let json = json[1..json.len() - 1].to_owned();
        let in_ascii = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
        let ascii = json.chars().map(in_ascii).collect();
        let within = Value::from(json.as_str()).to_string();
        let within = within[1..within.len() - 1].to_owned();
        let doubled = text.replace('\\', r"\\");
        let quoted = doubled.replace('\'', r"\'");
        let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let html_of_python = html.replace('\'', "&#x27;");
        [text.to_owned(), encode(text), json, ascii, within, doubled, quoted, html, html_of_python]
    };
    let mut forms = Vec::from(of(secret));
    forms.extend(of(&latin));
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_however_it_is_written() {
        let (secret, value) = ("pa\"ss\\wörd+1\"".to_owned(), "Token pa\"ss\\wörd+1\"".to_owned());
        let auth = RequestAuth::Header { name: "x-key".to_owned(), value: value.clone(), secret: secret.clone() };
        let latin: String = secret.bytes().map(char::from).collect();
        for written in [
            secret.clone(),
            value.clone(),
            encode(&secret),
            Value::from(secret.as_str()).to_string(),
            Value::from(latin.as_str()).to_string(),
            latin,
            "{\"x-key\": \"pa\\\"ss\\\\w\\u00f6rd+1\\\"\"}".to_owned(),
            // Python's repr, an HTML page, and a message that quotes a JSON body.
            r#"'pa"ss\\wörd+1"'"#.to_owned(),
            r"<p>pa&quot;ss\wörd+1&quot;</p>".to_owned(),
            Value::from(Value::from(secret.as_str()).to_string()).to_string(),
        ] {
            let shown = auth.redact(&format!("you sent {written}."));
            assert!(shown.contains("(credential)") && !shown.contains("rd+1"), "{written}: {shown}");
        }
    }

    #[test]
    fn a_credential_that_is_part_of_the_word_in_its_place_is_replaced_once() {
        let auth = RequestAuth::Header { name: "x-key".to_owned(), value: "e".to_owned(), secret: "e".to_owned() };
        assert_eq!(auth.redact("se"), "s(credential)");
    }
}
