//! The AWS wire protocols. Each decodes a request to `(operation, input)`, and encodes an output or an error as
//! a response. This layer knows no service.

pub(crate) mod json11;
pub(crate) mod query;
pub(crate) mod rest_json;
pub(crate) mod rest_xml;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE},
};
use bytes::Bytes;
use serde_json::{Map, Value};

/// A decoded call, independent of the protocol.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) operation: String,
    /// The operation's input members: path labels, query parameters and body together.
    pub(crate) input: Value,
    /// The status of a successful response.
    pub(crate) success: StatusCode,
}

/// A complete HTTP request.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    /// Path as sent, still percent-encoded.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An error, independent of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WireError {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Members besides the message, such as `reason` and `fieldList`.
    pub(crate) members: Map<String, Value>,
}

impl WireError {
    pub(crate) fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), members: Map::new() }
    }
}

/// The route of an operation in a REST protocol.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// The model's `requestUri`; `{label}` stands for one path segment.
    pub(crate) path: &'static str,
    /// A query parameter that distinguishes this operation from others with the same path, or empty.
    pub(crate) query: &'static str,
    /// The model's `responseCode`.
    pub(crate) success: u16,
    /// Whether the body of request or response is a payload, instead of the operation's members.
    pub(crate) payload: bool,
    /// Headers that are members of the input (restJson1).
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

/// The protocol of a service.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    RestJson,
    RestXml,
    Json11,
    Query { xml_namespace: &'static str },
}

/// Why a request is not a valid call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// No operation has this method and path.
    NoSuchRoute(String),
    Malformed(String),
}

impl Protocol {
    /// Decodes a request. `routes` are the REST operations' names and routes.
    pub(crate) fn decode(
        self,
        request: &Received,
        routes: impl Iterator<Item = (&'static str, &'static Route)>,
    ) -> Result<Decoded, DecodeError> {
        match self {
            Self::RestJson => rest_json::decode(routes, request),
            Self::RestXml => rest_xml::decode(routes, request),
            Self::Json11 => json11::decode(request).map_err(DecodeError::Malformed),
            Self::Query { .. } => query::decode(request).map_err(DecodeError::Malformed),
        }
    }

    pub(crate) fn encode(
        self,
        call: &Decoded,
        route: Option<&Route>,
        output: &Value,
        request_id: &str,
    ) -> Response<Body> {
        let mut headers = HeaderMap::new();
        let (content_type, body) = match self {
            Self::RestXml => {
                let (content_type, its_headers, body) =
                    rest_xml::encode(route.is_some_and(|route| route.payload), output);
                headers = its_headers;
                (content_type, body)
            }
            Self::RestJson if call.success == StatusCode::NO_CONTENT => ("application/json", Vec::new()),
            Self::RestJson => ("application/json", output.to_string().into_bytes()),
            Self::Json11 => json11::encode(output),
            Self::Query { xml_namespace } => query::encode(xml_namespace, &call.operation, output, request_id),
        };
        let mut response = respond(call.success, content_type, body, request_id);
        response.headers_mut().extend(headers);
        response
    }

    pub(crate) fn encode_error(self, error: &WireError, request_id: &str) -> Response<Body> {
        let (content_type, body) = match self {
            Self::RestJson => ("application/json", rest_json::error_body(error)),
            Self::RestXml => rest_xml::error_body(error, request_id),
            Self::Json11 => json11::error_body(error),
            Self::Query { xml_namespace } => query::error_body(xml_namespace, error, request_id),
        };
        let mut response = respond(error.status, content_type, body, request_id);
        if let (Self::RestJson, Ok(code)) = (self, HeaderValue::from_str(&error.code)) {
            response.headers_mut().insert("x-amzn-errortype", code);
        }
        response
    }
}

fn respond(status: StatusCode, content_type: &'static str, body: Vec<u8>, request_id: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        // S3 uses a header of its own.
        response.headers_mut().insert("x-amz-request-id", id.clone());
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
