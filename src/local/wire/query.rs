//! The AWS query protocol: requests are forms, responses are XML.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Decoded, Received, WireError, rest_json::query_parameters};

const CONTENT_TYPE: &str = "text/xml";
/// Deepest nesting of a form, to bound recursion. No AWS input is nested more deeply.
const DEEPEST: usize = 32;

pub(crate) fn decode(request: &Received) -> Result<Decoded, String> {
    let form = str::from_utf8(&request.body).map_err(|_| "the form is not UTF-8".to_owned())?;
    let mut input = Value::Object(Map::new());
    let mut operation = None;
    for (name, value) in query_parameters(form).chain(query_parameters(&request.query)) {
        match name.as_str() {
            "Action" => operation = Some(value),
            "Version" => {}
            name => insert(&mut input, name, value)?,
        }
    }
    let operation = operation.ok_or("the form has no Action")?;
    Ok(Decoded { operation, input: lists(input), success: StatusCode::OK })
}

/// Inserts a parameter such as `Tags.member.1.Key=x` as nested objects.
fn insert(input: &mut Value, name: &str, value: String) -> Result<(), String> {
    let mut at = input;
    if name.split('.').count() > DEEPEST {
        return Err(format!("a member of the form is nested more than {DEEPEST} levels deep"));
    }
    for part in name.split('.') {
        let Value::Object(members) = at else {
            return Err(format!("the form's member {name} stands under a value"));
        };
        at = members.entry(part.to_owned()).or_insert_with(|| json!({}));
    }
    *at = Value::String(value);
    Ok(())
}

/// Converts `{"member": {"1": a, "2": b}}` to `[a, b]`, recursively.
fn lists(value: Value) -> Value {
    match value {
        Value::Object(mut members) => {
            if members.len() == 1
                && let Some(Value::Object(numbered)) = members.get_mut("member").map(Value::take)
            {
                let mut numbered: Vec<(u32, Value)> =
                    numbered.into_iter().filter_map(|(index, item)| Some((index.parse().ok()?, item))).collect();
                numbered.sort_by_key(|(index, _)| *index);
                return Value::Array(numbered.into_iter().map(|(_, item)| lists(item)).collect());
            }
            Value::Object(members.into_iter().map(|(name, member)| (name, lists(member))).collect())
        }
        other => other,
    }
}

pub(crate) fn encode(namespace: &str, operation: &str, output: &Value, request_id: &str) -> (&'static str, Vec<u8>) {
    let mut xml = format!("<{operation}Response xmlns=\"{namespace}\">");
    if !output.is_null() {
        write_element(&mut xml, &format!("{operation}Result"), output);
    }
    xml.push_str(&format!(
        "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    ));
    (CONTENT_TYPE, xml.into_bytes())
}

pub(crate) fn error_body(namespace: &str, error: &WireError, request_id: &str) -> (&'static str, Vec<u8>) {
    let mut xml = format!("<ErrorResponse xmlns=\"{namespace}\">");
    let fault = if error.status.is_server_error() { "Receiver" } else { "Sender" };
    write_element(&mut xml, "Error", &json!({ "Type": fault, "Code": error.code, "Message": error.message }));
    xml.push_str(&format!("<RequestId>{request_id}</RequestId></ErrorResponse>"));
    (CONTENT_TYPE, xml.into_bytes())
}

fn write_element(xml: &mut String, name: &str, value: &Value) {
    if value.is_null() {
        return;
    }
    xml.push_str(&format!("<{name}>"));
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| write_element(xml, name, member)),
        Value::Array(items) => items.iter().for_each(|item| write_element(xml, "member", item)),
        Value::String(text) => escape(xml, text),
        other => xml.push_str(&other.to_string()),
    }
    xml.push_str(&format!("</{name}>"));
}

pub(crate) fn escape(xml: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '&' => xml.push_str("&amp;"),
            '"' => xml.push_str("&quot;"),
            '\r' => xml.push_str("&#xD;"),
            // Characters that XML does not allow (XML 1.0, section 2.2).
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            c => xml.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method};

    use super::*;

    #[test]
    fn a_form_becomes_nested_lists() {
        let body = "Action=CreateRole&Version=2010-05-08&RoleName=r&Tags.member.2.Key=b&Tags.member.1.Key=a%2Bc";
        let request = Received {
            method: Method::POST,
            path: "/".into(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: body.into(),
        };
        let decoded = decode(&request).unwrap();
        assert_eq!(decoded.operation, "CreateRole");
        assert_eq!(decoded.input, json!({ "RoleName": "r", "Tags": [{ "Key": "a+c" }, { "Key": "b" }] }));
    }

    #[test]
    fn text_is_escaped() {
        let (_, body) = encode("urn:x", "GetRole", &json!({ "Role": { "Tags": [{ "Value": "<&>" }] } }), "id");
        let xml = String::from_utf8(body).unwrap();
        assert!(xml.contains("<Tags><member><Value>&lt;&amp;&gt;</Value></member></Tags>"), "{xml}");
        let mut text = String::new();
        escape(&mut text, "a\u{1}\u{fffe}\tb");
        assert_eq!(text, "a\u{fffd}\u{fffd}\tb");
    }
}
