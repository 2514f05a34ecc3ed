//! External OpenID providers: fetches and caches issuer and keys by discovery document, when a token first
//! needs them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jsonwebtoken::{
    Algorithm, DecodingKey, decode_header,
    jwk::{Jwk, PublicKeyUse},
};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    http::{Http, Request, TransportError},
    local::keys::signed_claims,
};

/// Timeout for each document of a provider.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long keys are cached, in milliseconds.
const FRESH: i64 = 60 * 60 * 1000;
/// A token with an unknown key id refetches the keys if they are older than this, in milliseconds.
const ASKED_JUST_NOW: i64 = 10 * 1000;

/// The providers fetched so far, by discovery URL: as many as gateways have named. Each is locked while it is fetched, so
/// that one that does not answer keeps no other gateway's callers waiting.
#[derive(Debug)]
pub(crate) struct Providers {
    http: Http,
    known: Mutex<HashMap<String, Kept>>,
}

type Kept = Arc<Mutex<Option<Arc<Provider>>>>;

#[derive(Debug)]
struct Provider {
    issuer: String,
    keys: Vec<Jwk>,
    /// Unix milliseconds.
    fetched: i64,
}

/// Why a provider cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    TransportError(#[from] TransportError),
    #[error("{url} answers with status {status}")]
    Refused { url: String, status: u16 },
    #[error("{url} is not JSON")]
    NotJson { url: String },
    #[error("{url} has no `{member}`")]
    Lacks { url: String, member: &'static str },
}

impl Providers {
    pub(crate) fn new(http: Http) -> Self {
        Self { http, known: Mutex::default() }
    }

    /// Returns the claims of a token that the provider at `discovery_url` signed and issued. The caller must check
    /// that they are valid at present. `now` is in Unix milliseconds.
    pub(crate) async fn claims(&self, discovery_url: &str, token: &str, now: i64) -> Option<Value> {
        let header = decode_header(token).ok()?;
        // Reject HMAC algorithms: the JWKS is public (algorithm confusion).
        if matches!(header.alg, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) {
            return None;
        }
        let mut provider = self.provider(discovery_url, now, FRESH).await?;
        if provider.keys_for(header.kid.as_deref(), header.alg).next().is_none() {
            provider = self.provider(discovery_url, now, ASKED_JUST_NOW).await?;
        }
        let claims = provider
            .keys_for(header.kid.as_deref(), header.alg)
            .filter_map(|key| DecodingKey::from_jwk(key).ok())
            .find_map(|key| signed_claims(token, header.alg, &key))?;
        (claims["iss"] == provider.issuer.as_str()).then_some(claims)
    }

    /// The issuer that the document at `discovery_url` names.
    pub(crate) async fn issuer(&self, discovery_url: &str, now: i64) -> Option<String> {
        Some(self.provider(discovery_url, now, FRESH).await?.issuer.clone())
    }

    /// Returns a provider, fetched at most `age` milliseconds ago. If it cannot be fetched, returns the last known
    /// state.
    async fn provider(&self, discovery_url: &str, now: i64, age: i64) -> Option<Arc<Provider>> {
        let known = self.known.lock().await.entry(discovery_url.to_owned()).or_default().clone();
        let mut known = known.lock().await;
        if let Some(provider) = known.as_ref().filter(|provider| now - provider.fetched < age) {
            return Some(provider.clone());
        }
        match self.fetch(discovery_url, now).await {
            Ok(provider) => {
                let provider = Arc::new(provider);
                *known = Some(provider.clone());
                Some(provider)
            }
            Err(error) => {
                tracing::warn!("an OpenID provider cannot be used: {error}");
                known.clone()
            }
        }
    }

    async fn fetch(&self, discovery_url: &str, now: i64) -> Result<Provider, Unusable> {
        let document = self.get(discovery_url).await?;
        let text = |member: &'static str| {
            let lacks = || Unusable::Lacks { url: discovery_url.to_owned(), member };
            document[member].as_str().ok_or_else(lacks)
        };
        let (issuer, keys_url) = (text("issuer")?, text("jwks_uri")?);
        let set = self.get(keys_url).await?;
        let lacks = || Unusable::Lacks { url: keys_url.to_owned(), member: "keys" };
        let keys = set["keys"].as_array().ok_or_else(lacks)?;
        // Skip keys of an unknown type.
        let keys = keys.iter().filter_map(|key| serde_json::from_value(key.clone()).ok()).collect();
        Ok(Provider { issuer: issuer.to_owned(), keys, fetched: now })
    }

    async fn get(&self, url: &str) -> Result<Value, Unusable> {
        let headers = vec![("accept".to_owned(), "application/json".to_owned())];
        let request = Request { method: "GET".to_owned(), url: url.to_owned(), headers, body: Vec::new() };
        let response = self.http.send(request, TIMEOUT).await?;
        if response.status != 200 {
            return Err(Unusable::Refused { url: url.to_owned(), status: response.status });
        }
        serde_json::from_slice(&response.body).map_err(|_| Unusable::NotJson { url: url.to_owned() })
    }
}

impl Provider {
    /// The keys with this id that may verify signatures with this algorithm; without an id, all such keys.
    fn keys_for(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Jwk> {
        let is_named = move |key: &&Jwk| id.is_none() || key.common.key_id.as_deref() == id;
        self.keys.iter().filter(is_named).filter(move |key| may_verify(key, algorithm))
    }
}

/// Honours a key's `use` and `alg` (RFC 7517, sections 4.2 and 4.4).
fn may_verify(key: &Jwk, algorithm: Algorithm) -> bool {
    let for_signatures = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let algorithm = format!("{algorithm:?}");
    for_signatures && key.common.key_algorithm.is_none_or(|named| format!("{named:?}") == algorithm)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_verifies_what_it_says_it_is_for() {
        let key = |more: Value| {
            let mut key = json!({ "kty": "RSA", "kid": "k", "n": "AQAB", "e": "AQAB" });
            key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<Jwk>(key).unwrap()
        };
        assert!(may_verify(&key(json!({})), Algorithm::PS256));
        assert!(may_verify(&key(json!({ "use": "sig", "alg": "RS256" })), Algorithm::RS256));
        for other in
            [json!({ "use": "enc" }), json!({ "alg": "RS512" }), json!({ "alg": "PS256" }), json!({ "use": "x" })]
        {
            assert!(!may_verify(&key(other.clone()), Algorithm::RS256), "{other}");
        }
    }
}
