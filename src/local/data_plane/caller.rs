//! The inbound check of a gateway (reference §4).

use std::time::{Duration, SystemTime};

use axum::http::header;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::providers::Providers;
use crate::local::{
    keys::signed_claims,
    server::Server,
    services::{
        State,
        agentcore::{Gateway, JwtAuthorizer},
        call::ACCOUNT,
        cognito::Pool,
    },
    sigv4::{Authorization, Signed},
};

/// What gateways are in a signature's scope (reference §4.1).
const SIGNING_NAME: &str = "bedrock-agentcore";

/// Why a caller is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthError {
    /// No `Authorization: Bearer …`.
    Missing,
    /// Not a token, or one that does not pass: the managed gateway does not say which.
    Invalid,
    /// A good token without any of the scopes that are asked for.
    InsufficientScope,
    /// No AWS signature.
    Unsigned,
    /// A signature of another key, of another request, or of another time.
    BadSignature,
}

/// Whom a gateway lets in.
pub(crate) enum Inbound {
    Anyone,
    Jwt(JwtAuthorizer),
    /// Whoever signs with the account's key, for this region.
    Iam {
        region: String,
    },
}

/// Who called: a token's subject, or an IAM principal's ARN. Nobody is asked where anyone may call.
pub(crate) type Caller = Option<String>;

impl Inbound {
    /// `None` for a kind that the local AWS does not let a gateway have.
    pub(crate) fn of(gateway: &Gateway) -> Option<Self> {
        match gateway.text("authorizerType") {
            Some("NONE") => Some(Self::Anyone),
            Some("AWS_IAM") => Some(Self::Iam { region: gateway.region.clone() }),
            _ => gateway.jwt_authorizer().map(Self::Jwt),
        }
    }
}

/// Checks the caller of a request.
pub(crate) async fn check(
    (server, providers): (&Server, &Providers),
    inbound: Option<Inbound>,
    request: &Signed<'_>,
) -> Result<Caller, AuthError> {
    match inbound {
        Some(Inbound::Anyone) => Ok(None),
        Some(Inbound::Jwt(authorizer)) => check_token((server, providers), &authorizer, request).await,
        Some(Inbound::Iam { region }) => check_signature(server, &region, request),
        None => Err(AuthError::Invalid),
    }
}

fn check_signature(server: &Server, region: &str, request: &Signed<'_>) -> Result<Caller, AuthError> {
    let authorization = Authorization::of(request.headers).ok_or(AuthError::Unsigned)?;
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(server.clock().unsigned_abs());
    let in_scope = authorization.scope.region == region && authorization.scope.service == SIGNING_NAME;
    if in_scope && authorization.holds(server.access_key(), request, now) {
        return Ok(Some(format!("arn:aws:iam::{ACCOUNT}:root")));
    }
    Err(AuthError::BadSignature)
}

async fn check_token(
    (server, providers): (&Server, &Providers),
    authorizer: &JwtAuthorizer,
    request: &Signed<'_>,
) -> Result<Caller, AuthError> {
    let authorization = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    // The scheme's name has no case (RFC 9110 §11.1).
    let token = match authorization.map(|value| value.split_once(' ').unwrap_or((value, ""))) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => return Err(AuthError::Missing),
    };
    let url = &authorizer.discovery_url;
    let of_own_pool = server.read(|state| {
        let pool = state.cognito.pool_at(url)?;
        Some(pool_claims(state, pool, token))
    });
    let (claims, now) = match of_own_pool {
        Some(claims) => (claims, server.now()),
        None => (providers.claims(url, token, server.clock()).await, server.clock()),
    };
    let claims = claims.filter(|claims| hold_at(claims, now)).ok_or(AuthError::Invalid)?;

    // Every kind that is configured must pass; within a kind, any one value does.
    let overlaps = |allowed: &[String], found: &[&str]| {
        allowed.is_empty() || found.iter().any(|value| allowed.iter().any(|one| one == value))
    };
    let audience = texts(&claims["aud"]);
    let client: Vec<&str> = claims["client_id"].as_str().into_iter().collect();
    if !overlaps(&authorizer.allowed_audience, &audience) || !overlaps(&authorizer.allowed_clients, &client) {
        return Err(AuthError::Invalid);
    }
    if !authorizer.custom_claims.iter().all(|claim| claim.holds(&claims)) {
        return Err(AuthError::Invalid);
    }
    // Cognito has `scope`, a text; others have `scp`, a text or a list (reference §4.2).
    let scopes = [&claims["scope"], &claims["scp"]].into_iter().flat_map(texts);
    let scopes: Vec<&str> = scopes.flat_map(|text| text.split(' ')).collect();
    if !overlaps(&authorizer.allowed_scopes, &scopes) {
        return Err(AuthError::InsufficientScope);
    }
    Ok(claims["sub"].as_str().map(str::to_owned))
}

/// Whether a token's times hold at `now` (Unix milliseconds).
fn hold_at(claims: &Value, now: i64) -> bool {
    let second = |claim: &str| claims[claim].as_f64();
    #[expect(clippy::cast_precision_loss, reason = "seconds of this era are exact")]
    let now = (now / 1000) as f64;
    // A time that is no number is none that could be checked (RFC 7519, section 4.1.5).
    let has_begun = claims["nbf"].is_null() || second("nbf").is_some_and(|begin| begin <= now);
    second("exp").is_some_and(|end| end > now) && has_begun
}

/// The claims of an access token that `pool` issued.
fn pool_claims(state: &State, pool: &Pool, token: &str) -> Option<Value> {
    let (modulus, exponent) = pool.key.public_components().ok()?;
    let key = DecodingKey::from_rsa_components(&modulus, &exponent).ok()?;
    let claims = signed_claims(token, Algorithm::RS256, &key)?;
    // The issuer is built from the Host of the token request, so any loopback name of this pool is it.
    let issuer = state.cognito.pool_at(claims["iss"].as_str()?)?;
    (issuer.id == pool.id && claims["token_use"] == "access").then_some(claims)
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
