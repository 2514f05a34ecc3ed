//! The OpenID documents of user pools, and the token endpoint that all pools share; the client id identifies
//! the pool.

use std::collections::HashMap;

use axum::{
    body::Bytes,
    extract::{Path, State as Shared},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use crate::local::{
    http_message::{base_url, is_of_type, json_response},
    random,
    server::Server,
    services::cognito::{Client, Pool},
    wire::rest_json::query_parameters,
};

/// `GET /{poolId}/.well-known/openid-configuration`
///
/// Members and values are those that people copied from pools of theirs into issues and fixtures. The scopes are the same for
/// every pool: those of resource servers are not among them.
pub(crate) async fn discovery(
    Shared(server): Shared<Server>,
    Path(pool_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let base = base_url(&headers);
    let document = server.read(|state| {
        // With simulated propagation delay, a new pool's document appears later.
        let pool = state.cognito.pools.get(&pool_id).filter(|pool| server.has_reached_all(pool.created))?;
        Some(json!({
            "authorization_endpoint": format!("{base}/oauth2/authorize"),
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": format!("{base}/{}", pool.id),
            "jwks_uri": format!("{base}/{}/.well-known/jwks.json", pool.id),
            "response_types_supported": ["code", "token"],
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "token_endpoint": format!("{base}/oauth2/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "userinfo_endpoint": format!("{base}/oauth2/userInfo"),
        }))
    });
    document.map_or_else(no_such_pool, |document| json_response(StatusCode::OK, &document))
}

/// `GET /{poolId}/.well-known/jwks.json`
pub(crate) async fn jwks(Shared(server): Shared<Server>, Path(pool_id): Path<String>) -> Response {
    let keys = server.read(|state| state.cognito.pools.get(&pool_id).map(|pool| pool.key.jwks()));
    match keys {
        Some(Ok(keys)) => json_response(StatusCode::OK, &keys),
        Some(Err(damaged)) => server_error(&damaged.to_string()),
        None => no_such_pool(),
    }
}

/// `POST /oauth2/token`
pub(crate) async fn token(Shared(server): Shared<Server>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_of_type(&headers, "application/x-www-form-urlencoded") {
        return json_response(StatusCode::BAD_REQUEST, &json!({ "error": OAuthError::InvalidRequest.code() }));
    }
    let mut form = HashMap::new();
    for (name, value) in query_parameters(&String::from_utf8_lossy(&body)) {
        // Parameters must not be repeated (RFC 6749, section 3.2).
        if form.insert(name, value).is_some() {
            return json_response(StatusCode::BAD_REQUEST, &json!({ "error": OAuthError::InvalidRequest.code() }));
        }
    }
    let base = base_url(&headers);
    let now = server.now() / 1000;
    let issued = server.read(|state| {
        let (id, secret) = client_credentials(&headers, &form)?;
        let (pool, client) = state.cognito.client(&id).ok_or(OAuthError::InvalidClient)?;
        if client.is_confidential() && !client.has_secret(&secret) {
            return Err(OAuthError::InvalidClient);
        }
        match form.get("grant_type").map(String::as_str) {
            Some("client_credentials") if client.settings.machine() => {}
            Some("client_credentials") => return Err(OAuthError::UnauthorizedClient),
            Some(_) => return Err(OAuthError::UnsupportedGrantType),
            None => return Err(OAuthError::InvalidRequest),
        }
        let scope = granted_scope(client, form.get("scope").map(String::as_str))?;
        let seconds = server.token_seconds(client.settings.token_seconds());
        let claims = claims(pool, client, &scope, &base, (now, now + seconds));
        let token = pool.key.sign(&claims).map_err(|_| OAuthError::ServerError)?;
        Ok((token, seconds))
    });
    match issued {
        Ok((token, seconds)) => {
            let body = json!({ "access_token": token, "expires_in": seconds, "token_type": "Bearer" });
            let mut response = json_response(StatusCode::OK, &body);
            response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
            response
        }
        Err(OAuthError::ServerError) => server_error("server_error"),
        Err(error) => json_response(StatusCode::BAD_REQUEST, &json!({ "error": error.code() })),
    }
}

/// The claims of Cognito's access tokens for machine clients: `client_id`, and no `aud`.
fn claims(pool: &Pool, client: &Client, scope: &str, base: &str, (now, end): (i64, i64)) -> Value {
    json!({
        "sub": client.id,
        "token_use": "access",
        "scope": scope,
        "auth_time": now,
        "iss": format!("{base}/{}", pool.id),
        "exp": end,
        "iat": now,
        "version": 2,
        "jti": random::uuid(),
        "client_id": client.id,
    })
}

/// Client id and secret, from the Basic authorization header or the form.
fn client_credentials(headers: &HeaderMap, form: &HashMap<String, String>) -> Result<(String, String), OAuthError> {
    if let Some(basic) = headers.get(header::AUTHORIZATION) {
        let encoded =
            basic.to_str().ok().and_then(|text| text.strip_prefix("Basic ")).ok_or(OAuthError::InvalidClient)?;
        let decoded = BASE64.decode(encoded).map_err(|_| OAuthError::InvalidClient)?;
        let pair = String::from_utf8(decoded).map_err(|_| OAuthError::InvalidClient)?;
        let (id, secret) = pair.split_once(':').ok_or(OAuthError::InvalidClient)?;
        return Ok((id.to_owned(), secret.to_owned()));
    }
    let id = form.get("client_id").ok_or(OAuthError::InvalidRequest)?;
    Ok((id.clone(), form.get("client_secret").cloned().unwrap_or_default()))
}

/// Returns the requested scopes, all of which the client must have, or all of the client's scopes if none was
/// requested.
fn granted_scope(client: &Client, asked: Option<&str>) -> Result<String, OAuthError> {
    match asked.map(str::trim).filter(|asked| !asked.is_empty()) {
        Some(asked) if asked.split_whitespace().all(|scope| client.settings.scopes.iter().any(|has| has == scope)) => {
            Ok(asked.to_owned())
        }
        Some(_) => Err(OAuthError::InvalidScope),
        None => Ok(client.settings.scopes.join(" ")),
    }
}

/// The errors of the token endpoint (RFC 6749 §5.2).
#[derive(Debug, Clone, Copy)]
enum OAuthError {
    InvalidRequest,
    InvalidClient,
    InvalidScope,
    UnauthorizedClient,
    UnsupportedGrantType,
    ServerError,
}

impl OAuthError {
    fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidScope => "invalid_scope",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::ServerError => "server_error",
        }
    }
}

fn no_such_pool() -> Response {
    json_response(StatusCode::NOT_FOUND, &json!({ "message": "User pool does not exist." }))
}

fn server_error(message: &str) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, message.to_owned()).into_response()
}
