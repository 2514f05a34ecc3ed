//! AWS restXml as S3 uses it, with path-style addressing: members are in path, query and headers, the request
//! body is a payload, and responses are XML.

use aws_lc_rs::digest;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{DecodeError, Decoded, Received, Route, WireError, query::escape, rest_json::query_parameters};

const CONTENT_TYPE: &str = "application/xml";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Headers that are members of an object operation, besides those that start with `x-amz-` and `if-`.
const OF_OBJECTS: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "range",
];
/// Headers that are not members of the input.
const ABOUT_THE_MESSAGE: [&str; 8] = [
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-trailer",
    "x-amz-user-agent",
    "x-amz-checksum-mode",
];

pub(crate) fn decode(
    mut routes: impl Iterator<Item = (&'static str, &'static Route)>,
    request: &Received,
) -> Result<Decoded, DecodeError> {
    let labels = labels(&request.path)
        .ok_or_else(|| DecodeError::Malformed("the path is not percent-encoded UTF-8".to_owned()))?;
    let depth = |template: &str| template.matches('{').count();
    let asks = |wanted: &str| wanted.is_empty() || request.query.split('&').any(|pair| pair == wanted);
    let (operation, route) = routes
        .find(|(_, route)| request.method == route.method && depth(route.path) == labels.len() && asks(route.query))
        .ok_or_else(|| DecodeError::NoSuchRoute(format!("{} {}", request.method, request.path)))?;
    // A parameter without a value selects another operation: `?tagging`.
    let selects = |pair: &&str| !pair.is_empty() && !pair.contains('=') && *pair != route.query;
    if let Some(selected) = request.query.split('&').find(selects) {
        return Err(DecodeError::NoSuchRoute(format!("{} {}?{selected}", request.method, request.path)));
    }
    let mut input = Map::new();
    let used = route.query.split('=').next().unwrap_or_default();
    for (name, value) in query_parameters(&request.query) {
        // SDKs repeat the operation's name as `x-id`.
        if name != "x-id" && name != used {
            input.insert(pascal_case(&name), json!(value));
        }
    }
    input.extend(headers(&request.headers));
    if !request.body.is_empty() {
        let (body, trailers) = if is_chunked(&request.headers) {
            dechunk(&request.body)
                .ok_or_else(|| DecodeError::Malformed("the chunks of the body do not add up".to_owned()))?
        } else {
            (request.body.to_vec(), String::new())
        };
        input.insert("Body".to_owned(), json!(BASE64.encode(&body)));
        input.extend(checksums(&request.headers, &trailers, &body));
    }
    input.extend(labels);
    Ok(Decoded {
        operation: operation.to_owned(),
        input: Value::Object(input),
        success: StatusCode::from_u16(route.success).unwrap_or(StatusCode::OK),
    })
}

/// `/bucket/key/with/slashes`
fn labels(path: &str) -> Option<Vec<(String, Value)>> {
    let decoded = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let named = [("Bucket", decoded(bucket)?), ("Key", decoded(key)?)].into_iter();
    Some(named.filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.to_owned(), json!(text))).collect())
}

/// `max-keys` is the member `MaxKeys`.
fn pascal_case(name: &str) -> String {
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>()
    };
    name.split('-').map(capital).collect()
}

/// The members that come in headers.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, value) in headers {
        let (name, Ok(value)) = (name.as_str(), value.to_str()) else { continue };
        let of_message = ABOUT_THE_MESSAGE.contains(&name) || name.starts_with("x-amz-checksum-");
        let chunks = name == "content-encoding" && value == "aws-chunked";
        if let Some(key) = name.strip_prefix("x-amz-meta-") {
            members.entry("Metadata").or_insert_with(|| json!({}))[key] = json!(value);
        } else if (OF_OBJECTS.contains(&name) && !chunks) || name.starts_with("if-") {
            members.insert(pascal_case(name), json!(value));
        } else if let Some(rest) = name.strip_prefix("x-amz-").filter(|_| !of_message) {
            members.insert(pascal_case(rest), json!(value));
        }
    }
    members
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let hash = headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    hash.is_some_and(|hash| hash.starts_with("STREAMING-"))
}

/// Verifies the known checksums that were sent with the body. Returns those that do not match as the member
/// `BadDigest`. SDKs send CRC32 by default.
fn checksums(headers: &HeaderMap, trailers: &str, body: &[u8]) -> Option<(String, Value)> {
    let crc32 = BASE64.encode(crc32fast::hash(body).to_be_bytes());
    let sha256 = BASE64.encode(digest::digest(&digest::SHA256, body));
    let given = |name: &str| {
        let trailer = trailers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        trailer.or_else(|| headers.get(name)?.to_str().ok()).map(|value| value.trim().to_owned())
    };
    let wrong: Vec<&str> = [("x-amz-checksum-crc32", crc32), ("x-amz-checksum-sha256", sha256)]
        .into_iter()
        .filter(|(name, found)| given(name).is_some_and(|given| given != *found))
        .map(|(name, _)| name)
        .collect();
    (!wrong.is_empty()).then(|| ("BadDigest".to_owned(), json!(wrong.join(", "))))
}

/// Decodes an `aws-chunked` body: `hex-size[;…]\r\n data \r\n`, until a size of 0; trailers follow.
fn dechunk(mut body: &[u8]) -> Option<(Vec<u8>, String)> {
    let mut data = Vec::with_capacity(body.len());
    loop {
        let end = body.windows(2).position(|pair| pair == b"\r\n")?;
        let line = str::from_utf8(&body[..end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        body = &body[end + 2..];
        if size == 0 {
            return Some((data, String::from_utf8_lossy(body).into_owned()));
        }
        data.extend_from_slice(body.get(..size)?);
        body = body.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

/// Encodes an output: as XML of its single member; or, for a payload route, as headers and body.
pub(crate) fn encode(payload: bool, output: &Value) -> (&'static str, HeaderMap, Vec<u8>) {
    if !payload {
        let mut xml = String::new();
        for (root, document) in output.as_object().into_iter().flatten() {
            write_element(&mut xml, root, document, &format!(" xmlns=\"{NAMESPACE}\""));
        }
        return (CONTENT_TYPE, HeaderMap::new(), xml.into_bytes());
    }
    let (mut headers, mut body) = (HeaderMap::new(), Vec::new());
    let mut set = |name: &str, value: &str| {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    };
    for (name, value) in output.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("Body", Value::String(encoded)) => body = BASE64.decode(encoded).unwrap_or_default(),
            ("Metadata", Value::Object(entries)) => entries
                .iter()
                .for_each(|(key, value)| set(&format!("x-amz-meta-{key}"), value.as_str().unwrap_or_default())),
            (name, Value::String(text)) => set(name, text),
            (name, other) => set(name, &other.to_string()),
        }
    }
    ("binary/octet-stream", headers, body)
}

pub(crate) fn error_body(error: &WireError, request_id: &str) -> (&'static str, Vec<u8>) {
    let mut xml = String::new();
    let document = json!({ "Code": error.code, "Message": error.message, "RequestId": request_id });
    write_element(&mut xml, "Error", &document, "");
    (CONTENT_TYPE, xml.into_bytes())
}

/// Writes an element. A list repeats its element.
fn write_element(xml: &mut String, name: &str, value: &Value, attributes: &str) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| write_element(xml, name, item, attributes)),
        value => {
            xml.push_str(&format!("<{name}{attributes}>"));
            match value {
                Value::Object(members) => {
                    members.iter().for_each(|(name, member)| write_element(xml, name, member, ""));
                }
                Value::String(text) => escape(xml, text),
                other => xml.push_str(&other.to_string()),
            }
            xml.push_str(&format!("</{name}>"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        let body = b"4;chunk-signature=x\r\nWiki\r\n6\r\npedia \r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        let (data, trailers) = dechunk(body).unwrap();
        assert_eq!((data.as_slice(), trailers.trim()), (b"Wikipedia ".as_slice(), "x-amz-checksum-crc32:AAAAAA=="));
        let (member, wrong) = checksums(&HeaderMap::new(), &trailers, &data).unwrap();
        assert_eq!((member.as_str(), wrong), ("BadDigest", json!("x-amz-checksum-crc32")));
        for broken in ["4\r\nWi", "4\r\nWikipedia", "x\r\n", "ffffffffffffffff\r\n", "", "4\r\nWiki\r\n"] {
            assert!(dechunk(broken.as_bytes()).is_none(), "{broken}");
        }
    }

    #[test]
    fn a_list_repeats_its_element() {
        let (_, _, xml) = encode(false, &json!({ "R": { "A": [{ "B": "<" }, { "B": 1 }], "C": null } }));
        let expected = format!("<R xmlns=\"{NAMESPACE}\"><A><B>&lt;</B></A><A><B>1</B></A></R>");
        assert_eq!(String::from_utf8(xml).unwrap(), expected);
    }

    #[test]
    fn a_path_is_a_bucket_and_a_key() {
        let found = |path| labels(path).unwrap().into_iter().map(|(_, value)| value).collect::<Vec<_>>();
        assert!(found("/").is_empty());
        assert_eq!(found("/b/"), [json!("b")]);
        assert_eq!(found("/b/a/%C3%A4/"), [json!("b"), json!("a/ä/")]);
        assert!(labels("/b/%FF").is_none());
    }
}
