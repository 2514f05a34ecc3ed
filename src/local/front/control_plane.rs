//! Handles calls of the AWS APIs: finds service and operation, and responds in the service's protocol.

use axum::{
    body::Body,
    extract::{Request, State as Shared},
    http::{Response, StatusCode, header},
    response::IntoResponse as _,
};
use serde_json::Value;

use super::Local;
use crate::{
    http::sigv4::Scope,
    local::{
        http_message::base_url,
        random,
        services::{
            Service, not_implemented,
            operation::{Resource, Run},
        },
        sigv4::Authorization,
        wire::{DecodeError, Decoded, Protocol, Received, WireError},
    },
};

/// The largest control-plane request, in bytes: a 50 MB package in base64, plus the rest of the request.
const REQUEST_LIMIT: usize = 70 * 1024 * 1024;

pub(super) async fn control_plane(Shared(local): Shared<Local>, request: Request) -> Response<Body> {
    let request_id = random::uuid();
    // The signature is not verified: the key id is random and secret, and serves as the credential.
    let Some(Authorization { access_key_id, scope, .. }) = Authorization::of(request.headers()) else {
        let message = "nothing is served here; AWS calls carry a SigV4 Authorization header";
        return (StatusCode::NOT_FOUND, message).into_response();
    };
    let Some(service) = Service::of_scope(&scope.service) else {
        let error = not_implemented(format!("the local AWS does not offer the service {}", scope.service));
        return protocol_of_unknown(&request).encode_error(&error, &request_id);
    };
    let answer = if access_key_id == local.server.access_key().access_key_id {
        local.answer(service, &scope, request, &request_id).await
    } else {
        let message = "The security token included in the request is invalid.";
        Err(WireError::new(StatusCode::FORBIDDEN, service.errors.unknown_key, message))
    };
    answer.unwrap_or_else(|error| service.protocol.encode_error(&error, &request_id))
}

/// The protocol for the error: XML for forms, which are of the query protocol; for others it is unknown.
fn protocol_of_unknown(request: &Request) -> Protocol {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if is_form { Protocol::Query { xml_namespace: "" } } else { Protocol::RestJson }
}

impl Local {
    async fn answer(
        &self,
        service: &'static Service,
        scope: &Scope,
        request: Request,
        request_id: &str,
    ) -> Result<Response<Body>, WireError> {
        let received = receive(request).await?;
        let mut decoded = decode(service, &received)?;
        let input = std::mem::take(&mut decoded.input);
        let (service_name, operation) = (&scope.service, &decoded.operation);
        tracing::debug!(service = service_name, operation, "call");
        let answer = self.call(service, scope, (&received, &decoded, input), request_id).await;
        answer.inspect_err(|error| {
            tracing::debug!(service = service_name, operation, code = error.code, "{}", error.message);
        })
    }

    async fn call(
        &self,
        service: &'static Service,
        scope: &Scope,
        (received, decoded, input): (&Received, &Decoded, Value),
        request_id: &str,
    ) -> Result<Response<Body>, WireError> {
        let base_url = base_url(&received.headers);
        let place = (scope.region.as_str(), base_url.as_str());
        let (operation, call, input) = self.server.prepare(service, place, (&decoded.operation, input)).await?;
        let handler = match operation.run {
            Run::Function => return self.functions.invoke(&call, &received.body, input, request_id).await,
            Run::Events(handler) => {
                let output = handler(self.server.events(&call, &input).await?, input)?;
                return Ok(service.protocol.encode(decoded, operation.route.as_ref(), &output, request_id));
            }
            Run::State(handler) => handler,
        };
        let output = self.server.run(operation, handler, &call, input)?;
        match operation.resource {
            Resource::Functions => self.functions.end_outdated(),
            Resource::Gateways => self.data_plane.listings.begin(&base_url),
            Resource::CredentialProviders => self.data_plane.upstream.forget_tokens(),
            Resource::Other => {}
        }
        Ok(service.protocol.encode(decoded, operation.route.as_ref(), &output?, request_id))
    }
}

async fn receive(request: Request) -> Result<Received, WireError> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, REQUEST_LIMIT)
        .await
        .map_err(|error| WireError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", error.to_string()))?;
    Ok(Received {
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method,
        headers: parts.headers,
        body,
    })
}

fn decode(service: &'static Service, received: &Received) -> Result<Decoded, WireError> {
    let routes = service.operations.iter().filter_map(|operation| Some((operation.name, operation.route.as_ref()?)));
    service.protocol.decode(received, routes).map_err(|error| match error {
        DecodeError::NoSuchRoute(route) => {
            not_implemented(format!("the local AWS does not offer {}: {route}", service.scope))
        }
        DecodeError::Malformed(problem) => WireError::new(StatusCode::BAD_REQUEST, "SerializationException", problem),
    })
}
