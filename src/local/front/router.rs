//! The routes: data plane, admin, and the control plane for everything else.

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State as Shared},
    http::Response,
    middleware::{self, Next},
    response::IntoResponse as _,
    routing::{any, get, post},
};

use super::{Local, admin, admission::refusal, control_plane::control_plane};
use crate::local::{
    admin::{RESET_PATH, RUNTIME_PATH, STATUS_PATH, STOP_PATH},
    data_plane::{mcp, oauth},
    services::{Service, agentcore::SIGN_IN_PATH, s3},
    sigv4::Authorization,
};

/// All routes of a local AWS.
pub fn router(local: Local) -> Router {
    let tokens = Router::new()
        .route("/oauth2/token", post(oauth::token))
        .route("/{pool_id}/.well-known/openid-configuration", get(oauth::discovery))
        .route("/{pool_id}/.well-known/jwks.json", get(oauth::jwks))
        .with_state(local.server.clone());
    let gateways = Router::new()
        .route("/gateways/{gateway_id}/mcp", post(mcp::post).delete(mcp::delete).fallback(mcp::not_allowed))
        .route("/gateways/{gateway_id}/http", any(mcp::not_mcp))
        .route("/gateways/{gateway_id}/http/{*rest}", any(mcp::not_mcp))
        .route(SIGN_IN_PATH, get(mcp::sign_in))
        .route("/.well-known/oauth-protected-resource/gateways/{gateway_id}/mcp", get(mcp::protected_resource))
        .with_state(local.data_plane.clone());
    let admin = Router::new()
        .route(STATUS_PATH, get(admin::status))
        .route(STOP_PATH, post(admin::stop))
        .route(&format!("{RUNTIME_PATH}{{runtime}}"), get(admin::runtime))
        .route(RESET_PATH, post(admin::reset));
    let data_plane = tokens.merge(gateways).layer(DefaultBodyLimit::max(mcp::PAYLOAD_LIMIT));
    let routes = admin.merge(data_plane).fallback(control_plane);
    routes.layer(middleware::from_fn_with_state(local.clone(), before_routes)).with_state(local)
}

/// Refuses what comes from web pages. An object's path may equal a data-plane route, so requests signed for S3 go to S3
/// first.
async fn before_routes(local: Shared<Local>, request: Request, next: Next) -> Response<Body> {
    if let Some(refusal) = refusal(&request) {
        return refusal.into_response();
    }
    let signed = Authorization::of(request.headers());
    let service = signed.and_then(|signed| Service::of_scope(&signed.scope.service));
    let is_object = service.is_some_and(|service| service.scope == s3::SERVICE.scope);
    if is_object { Box::pin(control_plane(local, request)).await } else { next.run(request).await }
}
