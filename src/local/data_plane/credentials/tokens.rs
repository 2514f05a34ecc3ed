//! OAuth access tokens of credential providers: fetched by the client credentials grant, and cached.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{CallerIdentity, Failure, Upstream};
use crate::{
    http::{Http, Request},
    local::services::agentcore::{Discovery, Provider},
    model::http_request::encode,
};

/// Timeout of a request to an authorization server.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A cached token is refreshed this many milliseconds before it expires.
const EXPIRY_MARGIN: i64 = 60_000;
/// The longest that a token is cached, in milliseconds: one day.
const MAX_TTL: i64 = 86_400_000;
/// How long a token without `expires_in` is cached, in milliseconds (RFC 6749 §5.1 leaves this open).
const DEFAULT_TTL: i64 = 300_000;
/// The maximum number of cached tokens. When it is reached, expired ones are dropped, or else all.
const MOST: usize = 10_000;

/// Cached access tokens, by provider, scopes and custom parameters.
#[derive(Debug, Default)]
pub(super) struct TokenCache(Mutex<Tokens>);

#[derive(Debug, Default)]
struct Tokens {
    cached: HashMap<String, CachedToken>,
    /// How often the cache was emptied.
    cleared: u64,
}

struct CachedToken {
    token: String,
    /// Unix milliseconds.
    expires: i64,
}

impl fmt::Debug for CachedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedToken").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl TokenCache {
    pub(super) fn get(&self, key: &str, now: i64) -> Option<String> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.cached.get(key).filter(|cached| cached.expires > now).map(|cached| cached.token.clone())
    }

    /// How often the cache was emptied, for [`Self::insert`].
    pub(super) fn cleared(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cleared
    }

    /// Keeps a token, unless the cache was emptied since it was asked for: it may be one of a provider's former client.
    pub(super) fn insert(&self, key: String, token: String, (now, ttl): (i64, i64), cleared: u64) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.cleared != cleared {
            return;
        }
        if tokens.cached.len() >= MOST {
            tokens.cached.retain(|_, cached| cached.expires > now);
        }
        if tokens.cached.len() >= MOST {
            tokens.cached.clear();
        }
        tokens.cached.insert(key, CachedToken { token, expires: now + ttl });
    }

    /// Empties the cache, because a provider's secret may have changed.
    pub(super) fn clear(&self) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.cached.clear();
        tokens.cleared += 1;
    }
}

/// Fetches a token by the client credentials grant (RFC 6749 §4.4). Returns it with the milliseconds to cache
/// it for.
pub(super) async fn fetch(
    upstream: &Upstream,
    caller: &CallerIdentity,
    (provider, secret): (&Provider, &str),
    scopes: &[String],
    parameters: &BTreeMap<String, String>,
) -> Result<(String, i64), Failure> {
    let client =
        provider.oauth.as_ref().ok_or_else(|| Failure("The credential provider is none for OAuth".to_owned()))?;
    let http = &upstream.http;
    let endpoint = match &client.discovery {
        Discovery::TokenEndpoint(endpoint) => endpoint.clone(),
        Discovery::Url(url) => {
            let own = upstream.server.read(|state| state.cognito.pool_at(url).is_some());
            if own {
                format!("{}/oauth2/token", upstream.server.own_url(&caller.base_url))
            } else {
                token_endpoint(http, url).await?
            }
        }
    };
    let mut form = vec![("grant_type", "client_credentials".to_owned())];
    if !scopes.is_empty() {
        form.push(("scope", scopes.join(" ")));
    }
    form.extend(parameters.iter().map(|(name, value)| (name.as_str(), value.clone())));
    let mut headers = vec![
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("accept".to_owned(), "application/json".to_owned()),
    ];
    if client.method.as_deref() == Some("CLIENT_SECRET_POST") {
        form.push(("client_id", client.client_id.clone()));
        form.push(("client_secret", secret.to_owned()));
    } else {
        // Client id and secret are form-encoded first (RFC 6749 §2.3.1).
        let pair = format!("{}:{}", encode(&client.client_id), encode(secret));
        headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(pair))));
    }
    let body = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    let body = body.collect::<Vec<_>>().join("&");
    let request = Request { method: "POST".to_owned(), url: endpoint.clone(), headers, body: body.into_bytes() };
    let answer = http.send(request, TIMEOUT).await.map_err(|error| Failure(format!("No token: {error}")))?;
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(token) = document["access_token"].as_str() else {
        let said = document["error_description"].as_str().or(document["error"].as_str()).unwrap_or("no reason given");
        let status = answer.status;
        return Err(Failure(format!("No token: {endpoint} answered HTTP {status}: {said}")));
    };
    let lasts = document["expires_in"]
        .as_i64()
        .map_or(DEFAULT_TTL, |seconds| seconds.saturating_mul(1000).saturating_sub(EXPIRY_MARGIN).clamp(0, MAX_TTL));
    Ok((token.to_owned(), lasts))
}

async fn token_endpoint(http: &Http, discovery_url: &str) -> Result<String, Failure> {
    let headers = vec![("accept".to_owned(), "application/json".to_owned())];
    let request = Request { method: "GET".to_owned(), url: discovery_url.to_owned(), headers, body: Vec::new() };
    let answer = http.send(request, TIMEOUT).await.map_err(|error| Failure(format!("No token: {error}")))?;
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let endpoint = document["token_endpoint"].as_str().map(str::to_owned);
    endpoint.ok_or_else(|| {
        let status = answer.status;
        Failure(format!("No token: {discovery_url} answered HTTP {status} without a token_endpoint"))
    })
}
