//! Inbound authorization of a gateway (AgentCore developer guide, "Set up inbound authorization for your
//! gateway").

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest;
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

/// The service name of gateways in a SigV4 credential scope (AgentCore developer guide, "Set up inbound
/// authorization for your gateway").
const SIGNING_NAME: &str = "bedrock-agentcore";

/// Why a caller is not authorized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuthError {
    /// No `Authorization: Bearer …`.
    Missing,
    /// Not a JWT, or one that fails validation. AWS does not tell the caller which.
    Invalid,
    /// A valid token without any of these scopes, of which it needs one.
    InsufficientScope(Vec<String>),
    /// No AWS signature.
    Unsigned,
    /// A signature by another key, for another request, or from another time.
    BadSignature,
    /// A good signature of a caller who may not call the gateway, and why.
    NotAllowed(String),
}

/// A gateway's inbound authorizer.
pub(crate) enum Inbound {
    Anyone,
    Jwt(JwtAuthorizer),
    /// Requests signed with the account's key, for this region.
    Iam {
        region: String,
        /// Whether the caller needs a permission, besides a good signature.
        is_authorized: bool,
    },
}

/// The caller: a token's subject or an IAM principal's ARN. `None` if the gateway does not authorize callers.
pub(crate) type Caller = Option<String>;

impl Inbound {
    /// `None` for an authorizer that cannot be read. AUTHENTICATE_ONLY checks the signature, and leaves the decision to
    /// targets (AgentCore developer guide, "Offloaded inbound authorization").
    pub(crate) fn of(gateway: &Gateway) -> Option<Self> {
        match gateway.text("authorizerType") {
            Some("NONE") => Some(Self::Anyone),
            Some(kind @ ("AWS_IAM" | "AUTHENTICATE_ONLY")) => {
                Some(Self::Iam { region: gateway.region.clone(), is_authorized: kind == "AWS_IAM" })
            }
            _ => gateway.jwt_authorizer().map(Self::Jwt),
        }
    }
}

/// Who issues the tokens of a gateway's callers.
pub(crate) struct Issuers<'a> {
    pub(crate) server: &'a Server,
    pub(crate) providers: &'a Providers,
    /// The tokens that the gateway has let in.
    pub(crate) tokens: &'a Tokens,
}

/// Most tokens that are remembered of a gateway.
const MOST_TOKENS: usize = 1000;

/// Tokens of own pools that a gateway has let in, by their SHA-256. They are good until they expire: whoever keeps them drops
/// them when authorizer, pool or client change.
#[derive(Default)]
pub(crate) struct Tokens {
    seen: Mutex<HashMap<[u8; 32], Passed>>,
}

/// A token that was let in.
#[derive(Clone)]
struct Passed {
    caller: Caller,
    /// The claim `exp`, in seconds.
    until: f64,
}

impl Tokens {
    fn find(&self, hash: &[u8; 32], now: i64) -> Option<Caller> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(hash).filter(|passed| passed.until > seconds(now)).map(|passed| passed.caller.clone())
    }

    fn keep(&self, hash: [u8; 32], passed: Passed) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST_TOKENS {
            seen.clear();
        }
        seen.insert(hash, passed);
    }
}

/// Authorizes the caller of a request.
pub(crate) async fn check(
    issuers: &Issuers<'_>,
    inbound: Option<&Inbound>,
    request: &Signed<'_>,
) -> Result<Caller, AuthError> {
    match inbound {
        Some(Inbound::Anyone) => Ok(None),
        Some(Inbound::Jwt(authorizer)) => check_token(issuers, authorizer, request).await,
        Some(Inbound::Iam { region, .. }) => check_signature(issuers.server, region, request),
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
    issuers: &Issuers<'_>,
    authorizer: &JwtAuthorizer,
    request: &Signed<'_>,
) -> Result<Caller, AuthError> {
    let authorization = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    // The scheme is case-insensitive (RFC 9110 §11.1).
    let token = match authorization.map(|value| value.split_once(' ').unwrap_or((value, ""))) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => return Err(AuthError::Missing),
    };
    let Issuers { server, providers, tokens } = issuers;
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    let hash = <[u8; 32]>::try_from(hash.as_ref()).ok();
    if let Some(caller) = hash.and_then(|hash| tokens.find(&hash, server.now())) {
        return Ok(caller);
    }
    let url = &authorizer.discovery_url;
    let of_own_pool = server.read(|state| {
        let pool = state.cognito.pool_at(url)?;
        Some(pool_claims(state, pool, token))
    });
    // Another provider's keys may change at any time.
    let hash = hash.filter(|_| of_own_pool.is_some());
    let (claims, now) = match of_own_pool {
        Some(claims) => (claims, server.now()),
        None => (Box::pin(providers.claims(url, token, server.clock())).await, server.clock()),
    };
    let claims = claims.filter(|claims| hold_at(claims, now)).ok_or(AuthError::Invalid)?;
    let caller = allowed(authorizer, &claims)?;
    if let (Some(hash), Some(until)) = (hash, claims["exp"].as_f64()) {
        tokens.keep(hash, Passed { caller: caller.clone(), until });
    }
    Ok(caller)
}

/// The subject of claims that an authorizer allows.
fn allowed(authorizer: &JwtAuthorizer, claims: &Value) -> Result<Caller, AuthError> {
    // Every configured kind must pass; within a kind, any one value is enough (AgentCore developer guide,
    // "Configure inbound JWT authorizer").
    let overlaps = |allowed: &[String], found: &[&str]| {
        allowed.is_empty() || found.iter().any(|value| allowed.iter().any(|one| one == value))
    };
    let audience = texts(&claims["aud"]);
    let client: Vec<&str> = claims["client_id"].as_str().into_iter().collect();
    if !overlaps(&authorizer.allowed_audience, &audience) || !overlaps(&authorizer.allowed_clients, &client) {
        return Err(AuthError::Invalid);
    }
    if !authorizer.custom_claims.iter().all(|claim| claim.holds(claims)) {
        return Err(AuthError::Invalid);
    }
    // Cognito sends `scope`, a string; other providers send `scp`, a string or an array.
    let scopes = [&claims["scope"], &claims["scp"]].into_iter().flat_map(texts);
    let scopes: Vec<&str> = scopes.flat_map(|text| text.split(' ')).collect();
    if !overlaps(&authorizer.allowed_scopes, &scopes) {
        return Err(AuthError::InsufficientScope(authorizer.allowed_scopes.clone()));
    }
    Ok(claims["sub"].as_str().map(str::to_owned))
}

/// Whether a token is valid at `now` (Unix milliseconds) by `exp` and `nbf`.
fn hold_at(claims: &Value, now: i64) -> bool {
    let second = |claim: &str| claims[claim].as_f64();
    let now = seconds(now);
    // Reject a time that is not a number (RFC 7519, section 4.1.5).
    let has_begun = claims["nbf"].is_null() || second("nbf").is_some_and(|begin| begin <= now);
    second("exp").is_some_and(|end| end > now) && has_begun
}

/// Unix milliseconds in whole seconds.
#[expect(clippy::cast_precision_loss, reason = "seconds of this era are exact")]
fn seconds(milliseconds: i64) -> f64 {
    (milliseconds / 1000) as f64
}

/// The claims of an access token that `pool` issued.
fn pool_claims(state: &State, pool: &Pool, token: &str) -> Option<Value> {
    let (modulus, exponent) = pool.key.public_components().ok()?;
    let key = DecodingKey::from_rsa_components(&modulus, &exponent).ok()?;
    let claims = signed_claims(token, Algorithm::RS256, &key)?;
    // The issuer is built from the Host header of the token request, so any loopback name of this pool is accepted.
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
