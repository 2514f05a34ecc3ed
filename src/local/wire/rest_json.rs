//! AWS restJson1: the operation is identified by method and path, and its input is in path labels, query and
//! body.

use axum::http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{DecodeError, Decoded, Received, Route, WireError};

pub(crate) fn decode(
    mut routes: impl Iterator<Item = (&'static str, &'static Route)>,
    request: &Received,
) -> Result<Decoded, DecodeError> {
    let (operation, route, labels) = routes
        .find_map(|(operation, route)| {
            let labels = (request.method == route.method).then(|| labels(route.path, &request.path))??;
            Some((operation, route, labels))
        })
        .ok_or_else(|| DecodeError::NoSuchRoute(format!("{} {}", request.method, request.path)))?;
    let mut input = if request.body.is_empty() || route.payload {
        Map::new()
    } else {
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return Err(DecodeError::Malformed("the body is not a JSON object".to_owned())),
            Err(error) => return Err(DecodeError::Malformed(format!("the body is not JSON: {error}"))),
        }
    };
    for (name, value) in query_parameters(&request.query) {
        match input.get_mut(&name) {
            Some(Value::Array(values)) => values.push(json!(value)),
            Some(first) => *first = json!([first.take(), value]),
            None => drop(input.insert(name, json!(value))),
        }
    }
    let header = |name: &str| request.headers.get(name)?.to_str().ok();
    let bound = route.headers.iter().filter_map(|(name, member)| Some(((*member).to_owned(), json!(header(name)?))));
    input.extend(bound);
    input.extend(labels);
    Ok(Decoded {
        operation: operation.to_owned(),
        input: Value::Object(input),
        success: StatusCode::from_u16(route.success).unwrap_or(StatusCode::OK),
    })
}

/// The labels of `template` in `path`, if it matches. A trailing slash is ignored.
fn labels(template: &str, path: &str) -> Option<Vec<(String, Value)>> {
    let template: Vec<&str> = template.trim_end_matches('/').split('/').collect();
    let path: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    if template.len() != path.len() {
        return None;
    }
    let mut labels = Vec::new();
    for (expected, found) in template.into_iter().zip(path) {
        match expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(_) if found.is_empty() => return None,
            Some(label) => labels.push((label.to_owned(), json!(percent_decode_str(found).decode_utf8().ok()?))),
            None if expected == found => {}
            None => return None,
        }
    }
    Some(labels)
}

/// Decoded name-value pairs of a query string or form body.
pub(crate) fn query_parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        (decode(name), decode(value))
    })
}

pub(crate) fn error_body(error: &WireError) -> Vec<u8> {
    let mut body = error.members.clone();
    body.insert("message".to_owned(), json!(error.message));
    Value::Object(body).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_decoded_and_a_final_slash_is_optional() {
        let arn = "arn%3Aaws%3Abedrock-agentcore%3Aus-west-2%3A000000000000%3Agateway%2Fg-0123456789";
        let found = labels("/tags/{resourceArn}", &format!("/tags/{arn}")).unwrap();
        assert_eq!(found[0].1, "arn:aws:bedrock-agentcore:us-west-2:000000000000:gateway/g-0123456789");
        assert!(labels("/gateways/", "/gateways").is_some());
        assert!(labels("/gateways/{id}/", "/gateways/").is_none());
        assert!(labels("/gateways/{id}/", "/gateways/a/targets/").is_none());
    }
}
