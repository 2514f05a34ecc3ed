//! The server's front: its routes, who may reach them, and how a request finds its operation.

use std::{
    collections::HashSet,
    io,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, Request, State as Shared},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, uri::Authority},
    middleware::{self, Next},
    response::IntoResponse as _,
    routing::{get, post},
};
use serde_json::Value;
use tokio::sync::Notify;

use super::{
    GRACE, Local, REQUEST_LIMIT, daemon,
    data_plane::{mcp, oauth},
    listen::{self, Bounds},
    pause, random,
    services::{Service, State, not_implemented},
    sigv4::Authorization,
    store::Store,
    wire::{DecodeError, Protocol, Received, WireError},
};

/// All routes: data plane, the server's own, and the control plane for everything else.
pub fn router(local: Local) -> Router {
    let data_plane = Router::new()
        .route("/oauth2/token", post(oauth::token))
        .route("/{pool_id}/.well-known/openid-configuration", get(oauth::discovery))
        .route("/{pool_id}/.well-known/jwks.json", get(oauth::jwks))
        .route("/gateways/{gateway_id}/mcp", post(mcp::post).delete(mcp::delete).fallback(mcp::not_allowed))
        .route("/.well-known/oauth-protected-resource/gateways/{gateway_id}/mcp", get(mcp::protected_resource))
        .layer(DefaultBodyLimit::max(mcp::PAYLOAD_LIMIT));
    let own = Router::new()
        .route(daemon::STATUS_PATH, get(own_status))
        .route(daemon::STOP_PATH, post(own_stop))
        .route(&format!("{}{{runtime}}", daemon::RUNTIME_PATH), get(own_runtime))
        .route(daemon::RESET_PATH, post(own_reset));
    let routes = data_plane.merge(own).fallback(control_plane);
    let objects = middleware::from_fn_with_state(local.clone(), objects_first);
    routes.layer(objects).layer(middleware::from_fn(only_from_here)).with_state(local)
}

/// Serves until `shutdown` completes; functions' processes end with it.
///
/// # Errors
/// If the system lets this process have no files.
pub async fn serve(
    listener: tokio::net::TcpListener,
    local: Local,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listen::raise_file_limit()?;
    let asked = Arc::new(Notify::new());
    let begins = asked.clone();
    let shutdown = async move {
        shutdown.await;
        begins.notify_one();
    };
    tokio::select! {
        () = listen::serve(listener, router(local.clone()), Bounds::of_server(), shutdown) => {}
        // Somebody may hold a connection open, or a function run for minutes.
        () = async { asked.notified().await; pause(GRACE).await } => {}
        () = local.runtime().end_idle() => {}
    }
    local.runtime().stop().await;
    Ok(())
}

/// Loopback is no boundary: a web page can reach it by DNS rebinding (a foreign Host) or
/// directly (a foreign Origin). Neither is let in.
async fn only_from_here(request: Request, next: Next) -> Response<Body> {
    match refusal(&request) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

/// Why a request is not let in.
fn refusal(request: &Request) -> Option<(StatusCode, &'static str)> {
    // Of two, nobody can tell which one somebody before us believed (RFC 9112, section 3.2).
    for name in [header::HOST, header::ORIGIN, header::AUTHORIZATION] {
        if request.headers().get_all(&name).iter().count() > 1 {
            return Some((StatusCode::BAD_REQUEST, "a header that may be there once is there twice"));
        }
    }
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    // The address of a request in absolute form comes before its Host.
    let target = request.uri().authority().map(Authority::as_str);
    let is_here = |authority: &str| host_of(authority).is_some_and(is_loopback);
    if !text(header::HOST).is_some_and(is_here) || !target.is_none_or(is_here) {
        return Some((StatusCode::FORBIDDEN, "the Host header does not name this machine's loopback address"));
    }
    let is_foreign = |origin: &str| {
        let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
        !is_here(authority)
    };
    // A browser says so even where it names no origin (Fetch Metadata Request Headers).
    let is_cross_site = request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    let comes_from_elsewhere = is_cross_site || text(header::ORIGIN).is_some_and(is_foreign);
    comes_from_elsewhere.then_some((StatusCode::FORBIDDEN, "requests from other origins are refused"))
}

/// An object may be called as a route of the data plane is; who signed for S3 wants the object.
async fn objects_first(local: Shared<Local>, request: Request, next: Next) -> Response<Body> {
    let signed = Authorization::of(request.headers());
    let service = signed.and_then(|signed| Service::from_scope(&signed.scope.service));
    if service == Some(Service::S3) { control_plane(local, request).await } else { next.run(request).await }
}

/// The host of an authority that is one: host, and a port from 0 to 65535 if there is a colon.
fn host_of(authority: &str) -> Option<&str> {
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
pub(super) fn is_loopback(host: &str) -> bool {
    if let Some(inside) = host.strip_prefix('[') {
        let address = inside.strip_suffix(']').and_then(|address| address.parse::<Ipv6Addr>().ok());
        return address.is_some_and(|address| address.is_loopback());
    }
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a body is of this type, or says nothing of its type. What a page of elsewhere may send unasked is of
/// another: text, or a form (Fetch standard, "CORS-safelisted request-header").
pub(super) fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    let named = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    named.is_none_or(|named| named.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
}

/// What the caller's own addresses begin with: nothing stores a port.
pub(super) fn base_url(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    format!("http://{host}")
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Every call of the AWS APIs.
async fn control_plane(Shared(local): Shared<Local>, request: Request) -> Response<Body> {
    let request_id = random::uuid();
    let (parts, body) = request.into_parts();
    let plain = |status, message: String| (status, message).into_response();
    // No signature is checked: the key id is random, and only its owner knows it.
    let Some(Authorization { access_key_id, scope, .. }) = Authorization::of(&parts.headers) else {
        let message = "nothing is served here; AWS calls carry a SigV4 Authorization header";
        return plain(StatusCode::NOT_FOUND, message.to_owned());
    };
    let Some(service) = Service::from_scope(&scope.service) else {
        let error = not_implemented(format!("the local AWS does not offer the service {}", scope.service));
        // Forms are answered with XML; which protocol any other request is of, nobody can tell.
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let form = content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let protocol = if form { Protocol::Query { xml_namespace: "" } } else { Protocol::RestJson };
        return protocol.encode_error(&error, &request_id);
    };
    let protocol = service.protocol();
    if access_key_id != local.0.access_key.access_key_id {
        let code = match service {
            Service::Iam | Service::Sts => "InvalidClientTokenId",
            Service::S3 => "InvalidAccessKeyId",
            _ => "UnrecognizedClientException",
        };
        let message = "The security token included in the request is invalid.";
        return protocol.encode_error(&WireError::new(StatusCode::FORBIDDEN, code, message), &request_id);
    }
    let body = match axum::body::to_bytes(body, REQUEST_LIMIT).await {
        Ok(body) => body,
        Err(error) => {
            let error = WireError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", error.to_string());
            return protocol.encode_error(&error, &request_id);
        }
    };
    let received = Received {
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method,
        headers: parts.headers,
        body,
    };
    let routes = service.operations().iter().filter_map(|operation| Some((operation.name, operation.route.as_ref()?)));
    let decoded = match protocol.decode(&received, routes) {
        Ok(decoded) => decoded,
        Err(DecodeError::NoSuchRoute(route)) => {
            let error = not_implemented(format!("the local AWS does not offer {}: {route}", scope.service));
            return protocol.encode_error(&error, &request_id);
        }
        Err(DecodeError::Malformed(problem)) => {
            let error = WireError::new(StatusCode::BAD_REQUEST, "SerializationException", problem);
            return protocol.encode_error(&error, &request_id);
        }
    };
    tracing::debug!(service = scope.service, operation = decoded.operation, "call");
    let answer = local.call(service, &scope, &received, &decoded, &request_id).await;
    answer.unwrap_or_else(|error| {
        tracing::debug!(service = scope.service, operation = decoded.operation, code = error.code, "{}", error.message);
        protocol.encode_error(&error, &request_id)
    })
}

impl Local {
    /// The server's own routes are for whoever can prove to know the secret key; the nonce of
    /// the proof is returned.
    fn proven(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<String, StatusCode> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(StatusCode::FORBIDDEN);
        let (nonce, proof) = (text(daemon::NONCE_HEADER)?, text(daemon::PROOF_HEADER)?);
        let expected = daemon::proof(&self.0.access_key, &format!("{method} {path}"), nonce);
        let equal = aws_lc_rs::constant_time::verify_slices_are_equal(proof.as_bytes(), expected.as_bytes());
        equal.map(|()| nonce.to_owned()).map_err(|_| StatusCode::FORBIDDEN)
    }
}

/// Answers the caller's proof with one of its own: whoever listens here may be anybody.
async fn own_status(Shared(local): Shared<Local>, headers: HeaderMap) -> Result<String, StatusCode> {
    let nonce = local.proven(&Method::GET, daemon::STATUS_PATH, &headers)?;
    Ok(daemon::proof(&local.0.access_key, daemon::ANSWER, &nonce))
}

async fn own_stop(Shared(local): Shared<Local>, headers: HeaderMap) -> Result<(), StatusCode> {
    local.proven(&Method::POST, daemon::STOP_PATH, &headers)?;
    local.0.stop.notify_one();
    Ok(())
}

/// Whether functions of a runtime can be run here: if not, why.
async fn own_runtime(
    Shared(local): Shared<Local>,
    Path(runtime): Path<String>,
    headers: HeaderMap,
) -> Result<(), (StatusCode, String)> {
    let path = format!("{}{runtime}", daemon::RUNTIME_PATH);
    local.proven(&Method::GET, &path, &headers).map_err(|status| (status, String::new()))?;
    local.runtime().check(&runtime).await.map_err(|error| (StatusCode::NOT_IMPLEMENTED, error.error_message))
}

async fn own_reset(Shared(local): Shared<Local>, headers: HeaderMap) -> Result<(), StatusCode> {
    local.proven(&Method::POST, daemon::RESET_PATH, &headers)?;
    let mut state = local.lock();
    *state = State::default();
    local.runtime().keep(|_| false);
    let reset = local.0.store.as_ref().map_or(Ok(()), Store::reset);
    let reset = reset.and_then(|()| local.0.blobs.sweep(&HashSet::new()));
    let reset = reset.and_then(|()| local.0.journal.keep_only(std::iter::empty()));
    reset.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
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
