//! Values of the flags that describe targets.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::model::tool;

const METHODS: [&str; 7] = ["GET", "DELETE", "HEAD", "OPTIONS", "PATCH", "PUT", "POST"];

fn method(text: &str) -> Result<String, String> {
    let method = text.trim().to_ascii_uppercase();
    let known = METHODS.contains(&method.as_str());
    if known { Ok(method) } else { Err(format!("`{text}` is none of {}", METHODS.join(", "))) }
}

fn path(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if text.starts_with('/') { Ok(text) } else { Err(format!("the path `{text}` does not begin with a slash")) }
}

pub(super) fn rest_api_id(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if plain { Ok(text.to_owned()) } else { Err("an id has small letters and digits, such as a1b2c3d4e5".to_owned()) }
}

/// API Gateway's own rule for stage names (`CreateStage`).
pub(super) fn stage(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=128).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err("a stage has 1 to 128 letters, digits, `_` and `-`".to_owned())
}

pub(super) fn filter(text: &str) -> Result<Value, String> {
    let (place, methods) = text.rsplit_once('=').ok_or("expected PATH=METHODS, such as '/pets/*=GET,POST'")?;
    let methods = methods.split(',').map(method).collect::<Result<BTreeSet<_>, _>>()?;
    Ok(json!({ "filterPath": path(place)?, "methods": methods }))
}

pub(super) fn tool_override(text: &str) -> Result<Value, String> {
    let form = "expected METHOD PATH=NAME[: TEXT], such as 'GET /pets=list_pets: List all pets'";
    let (which, named) = text.split_once('=').ok_or(form)?;
    let (verb, place) = which.trim().split_once(' ').ok_or(form)?;
    let (name, description) = named.split_once(':').map_or((named, None), |(name, text)| (name, Some(text)));
    let name = name.trim();
    if name.is_empty() {
        return Err(form.to_owned());
    }
    if !tool::is_plain_property(name) {
        return Err(format!("`{name}` as a tool's name: use letters, digits, `_`, `.` and `-`, at most 64"));
    }
    let mut written = json!({ "name": name, "path": path(place)?, "method": method(verb)? });
    if let Some(description) = description {
        written["description"] = json!(description.trim());
    }
    Ok(written)
}

pub(super) fn action(text: &str) -> Result<String, String> {
    let plain = |part: &str, more: &[u8]| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let good = text.split_once(':').is_some_and(|(service, name)| plain(service, b"-") && plain(name, b"*?"));
    if good { Ok(text.to_owned()) } else { Err("an IAM action is written service:Action".to_owned()) }
}

pub(super) fn endpoint(text: &str) -> Result<String, String> {
    let parsed: Option<http::Uri> = text.parse().ok();
    let good = parsed.as_ref().and_then(http::Uri::authority).is_some_and(|authority| {
        let has_port = authority.port_u16().is_some_and(|port| port > 0);
        !authority.host().is_empty() && !authority.as_str().contains('@') && (has_port || authority == authority.host())
    });
    let has_scheme = text.starts_with("https://") || text.starts_with("http://");
    match (has_scheme, good, text.contains('#')) {
        (true, true, false) => Ok(text.to_owned()),
        (false, ..) => Err("an address begins with https://, or for a server on this machine with http://".to_owned()),
        (_, false, _) => Err("an address has a host, perhaps a port up to 65535, and no user before it".to_owned()),
        (.., true) => Err("an address has no part after a `#`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_overrides_are_read_and_refused() {
        assert_eq!(filter("/pets/*=get,POST").unwrap(), json!({ "filterPath": "/pets/*", "methods": ["GET", "POST"] }));
        assert!(filter("pets=GET").is_err() && filter("/pets").is_err() && filter("/pets=FETCH").is_err());
        let read = json!({ "name": "get_pet", "path": "/pets/{id}", "method": "GET", "description": "A: pet" });
        assert_eq!(tool_override("GET /pets/{id}=get_pet: A: pet").unwrap(), read);
        assert_eq!(filter("/=POST,GET,get").unwrap()["methods"], json!(["GET", "POST"]));
        assert!(tool_override("GET /x=a b").is_err() && rest_api_id("x/../y").is_err() && stage("a b").is_err());
        assert!(endpoint("http://127.0.0.1:99999/").is_err() && endpoint("https://x/#y").is_err());
        assert!(tool_override("GET /pets").is_err() && tool_override("/pets=x").is_err());
        assert!(action("dynamodb:Get*").is_ok() && action("dynamodb").is_err() && action("*:*").is_err());
        assert!(endpoint("https://x.example/mcp").is_ok() && endpoint("https://u:p@x/").is_err());
        assert!(endpoint("ftp://x").is_err() && endpoint("x").is_err());
    }
}
