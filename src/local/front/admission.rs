//! Protection against requests from web pages, which can reach loopback.

use axum::{
    extract::Request,
    http::{StatusCode, header, uri::Authority},
};

use crate::local::http_message::{host_of, is_loopback};

/// Why a request is refused: it comes from a web page, by DNS rebinding (a foreign Host) or directly (a foreign Origin).
pub(super) fn refusal(request: &Request) -> Option<(StatusCode, &'static str)> {
    // With duplicates, another component may have used a different value (RFC 9112, section 3.2).
    for name in [header::HOST, header::ORIGIN, header::AUTHORIZATION] {
        if request.headers().get_all(&name).iter().count() > 1 {
            return Some((StatusCode::BAD_REQUEST, "a header that may be there once is there twice"));
        }
    }
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    // An absolute-form request target takes precedence over Host.
    let target = request.uri().authority().map(Authority::as_str);
    let is_here = |authority: &str| host_of(authority).is_some_and(is_loopback);
    if !text(header::HOST).is_some_and(is_here) || !target.is_none_or(is_here) {
        return Some((StatusCode::FORBIDDEN, "the Host header does not name this machine's loopback address"));
    }
    let is_foreign = |origin: &str| {
        let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
        !is_here(authority)
    };
    // Browsers send this header even without Origin (Fetch Metadata Request Headers).
    let is_cross_site = request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    let comes_from_elsewhere = is_cross_site || text(header::ORIGIN).is_some_and(is_foreign);
    comes_from_elsewhere.then_some((StatusCode::FORBIDDEN, "requests from other origins are refused"))
}
