//! What will not work with an OpenID provider of the user's own, seen before the first token is refused.

use std::time::Duration;

use serde_json::Value;

use crate::http::{Http, Request};

/// How long the provider may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most characters of what the provider says.
const SHOWN: usize = 200;

/// What is wrong with the discovery document at this address, if anything is.
pub async fn problem(http: &Http, url: &str) -> Option<String> {
    read(http, url).await.map_or_else(Some, |document| about(url, &document))
}

/// The discovery document, or what is wrong with it.
async fn read(http: &Http, url: &str) -> Result<Value, String> {
    let headers = vec![("accept".to_owned(), "application/json".to_owned())];
    let request = Request { method: "GET".to_owned(), url: url.to_owned(), headers, body: Vec::new() };
    let end = "without it the gateway lets in nobody";
    let response = http
        .send(request, TIMEOUT)
        .await
        .map_err(|error| format!("{url} cannot be read from here ({}): {end}", error.problem()))?;
    if response.status != 200 {
        return Err(format!("{url} answers HTTP {}: {end}", response.status));
    }
    serde_json::from_slice(&response.body).map_err(|_| format!("{url} is no JSON document: {end}"))
}

/// What is wrong with a discovery document.
fn about(url: &str, document: &Value) -> Option<String> {
    let text = |member: &str| document[member].as_str().filter(|text| !text.is_empty());
    let Some(issuer) = text("issuer") else {
        return Some(format!("{url} has no `issuer`: the gateway lets in nobody"));
    };
    if text("jwks_uri").is_none() {
        return Some(format!("{url} has no `jwks_uri`, and so no keys: the gateway lets in nobody"));
    }
    let shown: String = issuer.chars().take(SHOWN).collect();
    if issuer.contains(['{', '}']) {
        return Some(format!(
            "the issuer in {url} is `{shown}`, a template that no token has: use the address with your tenant's own id, \
             for Microsoft Entra instead of /common/ or /organizations/"
        ));
    }
    (!is_issuer_of(issuer, url)).then(|| {
        format!(
            "{url} names the issuer `{shown}`, which is not its own address: tokens are accepted from that issuer, if at \
             all"
        )
    })
}

/// Whether an issuer's discovery document is at this address: after the issuer (OpenID Connect Discovery 1.0, §4), or
/// between its host and its path (RFC 8414, §3).
fn is_issuer_of(issuer: &str, url: &str) -> bool {
    let Some((before, after)) = url.split_once("/.well-known/") else { return false };
    let path = after.split_once('/').map_or("", |(_, path)| path);
    let (issuer, before) = (issuer.trim_end_matches('/'), before.trim_end_matches('/'));
    issuer == before || issuer == format!("{before}/{path}").trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_issuer_is_told_from_another() {
        let openid = "/.well-known/openid-configuration";
        for (issuer, url) in [
            ("https://a.example", format!("https://a.example{openid}")),
            ("https://a.example/", format!("https://a.example{openid}")),
            ("https://a.example/t1/v2.0", format!("https://a.example/t1/v2.0{openid}")),
            ("https://a.example/slash/", format!("https://a.example/slash{openid}")),
            ("https://a.example/t", "https://a.example/.well-known/oauth-authorization-server/t".to_owned()),
            ("https://a.example", "https://a.example/.well-known/oauth-authorization-server".to_owned()),
        ] {
            assert_eq!(about(&url, &json!({ "issuer": issuer, "jwks_uri": "x" })), None, "{issuer} {url}");
        }
        let url = format!("https://a.example/t{openid}");
        for (document, said) in [
            (json!({ "issuer": "https://a.example", "jwks_uri": "x" }), "names the issuer `https://a.example`"),
            (json!({ "issuer": "https://evil.example/t", "jwks_uri": "x" }), "which is not its own address"),
            (json!({ "issuer": "https://a.example/{tenantid}/v2.0", "jwks_uri": "x" }), "a template that no token has"),
            (json!({ "issuer": "", "jwks_uri": "x" }), "has no `issuer`"),
            (json!({ "issuer": "https://a.example/t" }), "has no `jwks_uri`"),
            (json!([]), "has no `issuer`"),
        ] {
            let warning = about(&url, &document).unwrap_or_default();
            assert!(warning.contains(said), "{document}: {warning}");
        }
    }
}
