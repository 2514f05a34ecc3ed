//! Values of the credential flags.

use http::HeaderName;

use crate::model::{openapi::is_reserved_header, provider, provider::VENDOR_NAMES};

/// A vendor, with or without the API's suffix `Oauth2`.
pub(super) fn vendor(text: &str) -> Result<String, String> {
    provider::vendor(text).map(str::to_owned).ok_or_else(|| {
        let known: Vec<&str> = VENDOR_NAMES.into_iter().map(provider::short).collect();
        format!("the vendors are\n  {}", known.join("\n  "))
    })
}

/// A header that can carry a key.
pub(super) fn header_name(text: &str) -> Result<String, String> {
    let free = ["authorization", "cookie"].contains(&text.to_ascii_lowercase().as_str()) || !is_reserved_header(text);
    match HeaderName::try_from(text) {
        Ok(_) if free => Ok(text.to_owned()),
        Ok(_) => Err("this header says how the request travels, or who signed it".to_owned()),
        Err(_) => Err("a header's name has letters, digits and hyphens".to_owned()),
    }
}

pub(super) fn url(text: &str) -> Result<String, String> {
    let parsed: Option<http::Uri> = text.parse().ok();
    let is_absolute =
        parsed.is_some_and(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some());
    if is_absolute { Ok(text.to_owned()) } else { Err("expected an https:// address".to_owned()) }
}

/// The ARN of a function or of an API.
pub(super) fn resource(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let known = matches!(parts[..], ["arn", _, "lambda" | "execute-api", region, account, what]
        if !region.is_empty() && account.len() == 12 && !what.is_empty());
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if known && is_plain { Ok(text.to_owned()) } else { Err("expected the ARN of a function or of an API".to_owned()) }
}

pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
