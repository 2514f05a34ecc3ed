//! HTTP requests of a target's tools.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters to encode in a path segment and in a query: all but the unreserved ones (RFC 3986 §2.3).
pub const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An HTTP request without its credential.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub payload: Option<Payload>,
}

/// A body and its media type.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    pub content_type: String,
    pub bytes: Vec<u8>,
}

/// Percent-encodes all but unreserved characters.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
