//! Helpers for the heads of HTTP requests, and for JSON responses.

use std::net::{IpAddr, Ipv6Addr};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use serde_json::Value;

/// The host of a valid authority: a host, and a port from 0 to 65535 if there is a colon.
pub(crate) fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => (&authority[..=end], &authority[end + 1..]),
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let has_port = port
        .strip_prefix(':')
        .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok());
    (port.is_empty() || has_port).then_some(host)
}

/// Whether a host, without port, is this machine's loopback interface.
pub(crate) fn is_loopback(host: &str) -> bool {
    if let Some(inside) = host.strip_prefix('[') {
        let address = inside.strip_suffix(']').and_then(|address| address.parse::<Ipv6Addr>().ok());
        return address.is_some_and(|address| address.is_loopback());
    }
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a body has this media type, or none. Web pages can send only other types without a preflight, such
/// as text or forms (Fetch standard, "CORS-safelisted request-header").
pub(crate) fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    let named = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    named.is_none_or(|named| named.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
}

/// The prefix of this server's URLs as the caller reaches it. Taken from Host, so that no port is stored.
pub(crate) fn base_url(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    format!("http://{host}")
}

pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_loopback() {
        let is_here = |authority: &str| host_of(authority).is_some_and(is_loopback);
        for host in ["127.0.0.1:7755", "localhost:1", "[::1]:7755", "[::1]", "127.8.8.8", "LOCALHOST"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["example.com", "127.0.0.1.evil.com:7755", "10.0.0.1", "localhost.evil.com", ""] {
            assert!(!is_here(host), "{host}");
        }
        for odd in
            ["[127.0.0.1", "[127.0.0.1]", "[[::1]]", "127.0.0.1:", "localhost:99999", "localhost:+1", "::1", "[::1]x"]
        {
            assert!(!is_here(odd), "{odd}");
        }
    }
}
