//! The inbound check of a gateway (reference §4).

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;

use crate::local::services::{State, agentcore::Gateway, cognito::Pool};

/// Why a caller is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No `Authorization: Bearer …`.
    Missing,
    /// Not a token, or one that does not pass: the managed gateway does not say which.
    Invalid,
    /// A good token without any of the scopes that are asked for.
    InsufficientScope,
}

/// Checks the caller of `gateway` at `now` (Unix milliseconds).
pub(crate) fn check(state: &State, gateway: &Gateway, authorization: Option<&str>, now: i64) -> Result<(), Refusal> {
    if gateway.text("authorizerType") == Some("NONE") {
        return Ok(());
    }
    // The scheme's name has no case (RFC 9110 §11.1).
    let token = match authorization.map(|value| value.split_once(' ').unwrap_or((value, ""))) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => return Err(Refusal::Missing),
    };
    let authorizer = gateway.jwt_authorizer().ok_or(Refusal::Invalid)?;
    let pool = state.cognito.pool_at(&authorizer.discovery_url).ok_or(Refusal::Invalid)?;
    let claims = verified_claims(state, pool, token, now).ok_or(Refusal::Invalid)?;

    // Every kind that is configured must pass; within a kind, any one value does.
    let overlaps = |allowed: &[String], found: &[&str]| {
        allowed.is_empty() || found.iter().any(|value| allowed.iter().any(|one| one == value))
    };
    let audience = texts(&claims["aud"]);
    let client: Vec<&str> = claims["client_id"].as_str().into_iter().collect();
    if !overlaps(&authorizer.allowed_audience, &audience) || !overlaps(&authorizer.allowed_clients, &client) {
        return Err(Refusal::Invalid);
    }
    if !authorizer.custom_claims.iter().all(|claim| claim.holds(&claims)) {
        return Err(Refusal::Invalid);
    }
    let scopes: Vec<&str> = claims["scope"].as_str().unwrap_or_default().split(' ').collect();
    if overlaps(&authorizer.allowed_scopes, &scopes) { Ok(()) } else { Err(Refusal::InsufficientScope) }
}

/// The claims of a token that `pool` issued and that is good now.
fn verified_claims(state: &State, pool: &Pool, token: &str, now: i64) -> Option<Value> {
    let (modulus, exponent) = pool.key.public_components().ok()?;
    let key = DecodingKey::from_rsa_components(&modulus, &exponent).ok()?;
    let mut validation = Validation::new(Algorithm::RS256);
    // Times are checked below, against the server's own clock; audiences by the caller.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = decode::<Value>(token, &key, &validation).ok()?.claims;
    let seconds = now / 1000;
    let in_time = claims["exp"].as_i64()? > seconds && claims["nbf"].as_i64().is_none_or(|begin| begin <= seconds);
    // The issuer is built from the Host of the token request, so any loopback name of this pool is it.
    let issuer = state.cognito.pool_at(claims["iss"].as_str()?)?;
    (in_time && issuer.id == pool.id && claims["token_use"] == "access").then_some(claims)
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
