//! Headers that a gateway may pass on between its callers and a target (AgentCore developer guide, "Header propagation
//! with Gateway").

/// The headers that AgentCore passes on in neither direction, in small letters (same page, "Header restrictions").
const RESTRICTED: [&str; 62] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-security-policy",
    "content-security-policy-report-only",
    "content-type",
    "cookie",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "etag",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "last-modified",
    "location",
    "mcp-protocol-version",
    "mcp-session-id",
    "permissions-policy",
    "pragma",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "referrer-policy",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
];
/// The one kind of header with AWS's prefix that may be passed on (same page).
const CUSTOM: &str = "x-amzn-bedrock-agentcore-runtime-custom-";
/// Longest names of headers and of query parameters, in characters (service model, `MetadataConfiguration`).
const LONGEST_HEADER: usize = 100;
const LONGEST_PARAMETER: usize = 40;

/// Checks the name of a header that is to be passed on.
///
/// # Errors
/// Why AgentCore refuses it.
pub fn check_header(name: &str) -> Result<(), String> {
    check_name(name, LONGEST_HEADER)?;
    let small = name.to_ascii_lowercase();
    let is_aws = (small.starts_with("x-amzn-") || small.starts_with("x-amz-")) && !small.starts_with(CUSTOM);
    if RESTRICTED.contains(&small.as_str()) || is_aws {
        return Err(format!("the header {name} is restricted: a gateway does not pass it on"));
    }
    Ok(())
}

/// Checks the name of a query parameter that is to be passed on.
///
/// # Errors
/// Why AgentCore refuses it.
pub fn check_parameter(name: &str) -> Result<(), String> {
    check_name(name, LONGEST_PARAMETER)
}

fn check_name(name: &str, longest: usize) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=longest).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(format!("a name has 1 to {longest} letters, digits, `-` and `_`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restricted_headers_are_refused_in_any_case() {
        assert!(RESTRICTED.is_sorted());
        for good in ["x-tenant", "X-Correlation_Id", "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant", "x-api-key"] {
            assert_eq!(check_header(good), Ok(()), "{good}");
        }
        for bad in ["Authorization", "HOST", "X-Amzn-Trace-Id", "x-amz-date", "", "a b", "a\nb", &"x".repeat(101)] {
            assert!(check_header(bad).is_err(), "{bad}");
        }
        assert!(check_parameter("tenant").is_ok() && check_parameter(&"x".repeat(41)).is_err());
    }
}
