//! How a gateway signs in to the APIs behind it: keys and tokens of its credential providers.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_credential_types::Credentials;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::upstream::Failure;
use crate::{
    http::{Http, Request, sigv4::Scope},
    local::{
        Local,
        services::{
            Call, State,
            agentcore::{self, Credential, CredentialProvider, Discovery, Provider},
        },
    },
    model::outgoing::encode,
};

/// How long an authorization server may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Milliseconds before its end at which a token is asked for anew.
const MARGIN: i64 = 60_000;
/// Milliseconds that any token is kept: a day.
const LONGEST: i64 = 86_400_000;
/// Milliseconds that a token is kept whose answer does not say (RFC 6749 §5.1 leaves it open).
const UNSAID: i64 = 300_000;

/// Who calls: the gateway's role.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    pub(crate) role: String,
    pub(crate) region: String,
    /// What the server's own addresses begin with, as the caller sees them.
    pub(crate) base_url: String,
}

impl Gateway {
    /// As the server's own addresses begin with `base_url`.
    pub(crate) fn of(gateway: &agentcore::Gateway, base_url: &str) -> Self {
        let role = gateway.text("roleArn").unwrap_or_default().to_owned();
        Self { role, region: gateway.region.clone(), base_url: base_url.to_owned() }
    }
}

/// What goes with a request.
#[derive(Clone)]
pub(crate) enum Presented {
    Nothing,
    /// `secret` is what the value has of the credential itself.
    Header {
        name: String,
        value: String,
        secret: String,
    },
    Query {
        name: String,
        value: String,
        secret: String,
    },
    Signature {
        scope: Scope,
        credentials: Credentials,
    },
}

/// Tokens that are still good, by provider, scopes and parameters.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, Kept>>);

struct Kept {
    token: String,
    /// Unix milliseconds.
    until: i64,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("until", &self.until).finish_non_exhaustive()
    }
}

/// What a target's calls are to carry; `anew` if a kept token was refused.
pub(crate) async fn present(
    local: &Local,
    gateway: &Gateway,
    credential: Option<&Credential>,
    anew: bool,
) -> Result<Presented, Failure> {
    let Some(provider) = credential.and_then(|credential| credential.provider.as_ref()) else {
        return Ok(Presented::Nothing);
    };
    match provider {
        CredentialProvider::Iam { service, region } => Ok(Presented::Signature {
            scope: Scope { region: region.clone().unwrap_or_else(|| gateway.region.clone()), service: service.clone() },
            credentials: local.credentials(),
        }),
        CredentialProvider::ApiKey {
            provider_arn,
            credential_parameter_name,
            credential_prefix,
            credential_location,
        } => {
            let (_, key) = secret_of(local, gateway, provider_arn, "GetResourceApiKey")?;
            let in_query = credential_location.as_deref() == Some("QUERY_PARAMETER");
            let default = if in_query { "api_key" } else { "Authorization" };
            let name = credential_parameter_name.clone().unwrap_or_else(|| default.to_owned());
            // The gateway puts a space between prefix and key: "Bearer" gives "Bearer KEY", and "Bearer " has two (a
            // public end-to-end script and a runbook, August 2026). Nobody has seen a prefix where none is given.
            let value = match credential_prefix {
                Some(prefix) => format!("{prefix} {key}"),
                None => key.clone(),
            };
            Ok(if in_query {
                Presented::Query { name, value, secret: key }
            } else {
                Presented::Header { name, value, secret: key }
            })
        }
        CredentialProvider::Oauth { provider_arn, scopes, custom_parameters, .. } => {
            let (provider, secret) = secret_of(local, gateway, provider_arn, "GetResourceOauth2Token")?;
            let kept = format!("{provider_arn}\n{scopes:?}\n{custom_parameters:?}");
            let token = match local.0.tokens.good(&kept, local.now()).filter(|_| !anew) {
                Some(token) => token,
                None => {
                    let (token, lasts) = fetch(local, gateway, &provider, &secret, scopes, custom_parameters).await?;
                    local.0.tokens.keep(kept, token.clone(), local.now() + lasts);
                    token
                }
            };
            let value = format!("Bearer {token}");
            Ok(Presented::Header { name: "Authorization".to_owned(), value, secret: token })
        }
    }
}

impl Presented {
    /// A text without the credential.
    pub(crate) fn without_secret(&self, text: &str) -> String {
        match self {
            Self::Nothing | Self::Signature { .. } => text.to_owned(),
            Self::Header { value, secret, .. } | Self::Query { value, secret, .. } => {
                let forms = [value, secret].into_iter().flat_map(|text| forms(text));
                let forms = forms.filter(|form| !form.is_empty());
                forms.fold(text.to_owned(), |text, form| text.replace(&form, "(credential)"))
            }
        }
    }

    /// Takes the credential out of all texts of a document.
    pub(crate) fn take_secret_out(&self, document: &mut Value) {
        match document {
            Value::String(text) => *text = self.without_secret(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.take_secret_out(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.take_secret_out(member)),
            _ => {}
        }
    }
}

/// A secret as others may write it: as it is or read as Latin-1, bare, percent-encoded, in JSON or in JSON within
/// JSON, as Python and shells quote it, or in HTML.
fn forms(secret: &str) -> Vec<String> {
    let latin: String = secret.bytes().map(char::from).collect();
    let of = |text: &str| {
        let json = Value::from(text).to_string();
        let json = json[1..json.len() - 1].to_owned();
        let in_ascii = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
        let ascii = json.chars().map(in_ascii).collect();
        let within = Value::from(json.as_str()).to_string();
        let within = within[1..within.len() - 1].to_owned();
        let doubled = text.replace('\\', r"\\");
        let quoted = doubled.replace('\'', r"\'");
        let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let html_of_python = html.replace('\'', "&#x27;");
        [text.to_owned(), encode(text), json, ascii, within, doubled, quoted, html, html_of_python]
    };
    let mut forms = Vec::from(of(secret));
    forms.extend(of(&latin));
    forms
}

/// Whether a kept token may be the reason of this status: it may have been revoked before its time.
pub(crate) fn may_be_stale(status: u16, credential: Option<&Credential>) -> bool {
    let provider = credential.and_then(|credential| credential.provider.as_ref());
    status == 401 && matches!(provider, Some(CredentialProvider::Oauth { .. }))
}

impl Tokens {
    fn good(&self, key: &str, now: i64) -> Option<String> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(key).filter(|kept| kept.until > now).map(|kept| kept.token.clone())
    }

    fn keep(&self, key: String, token: String, until: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Kept { token, until });
    }

    /// Forgets everything: what a provider holds may have changed.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A provider and its secret, if the gateway's role may have it (reference §3.2).
fn secret_of(local: &Local, gateway: &Gateway, arn: &str, action: &str) -> Result<(Provider, String), Failure> {
    let call = local.call_in(&gateway.region, &gateway.base_url);
    local.read(|state| {
        let provider = state.agentcore.provider(arn);
        let provider = provider.ok_or_else(|| Failure(format!("Credential provider {arn} does not exist")))?;
        allowed(state, &call, gateway, arn, action, &provider.secret.arn)?;
        let secret = state.secrets.member(&provider.secret.arn, &provider.secret.json_key);
        let missing = || {
            let (secret, key) = (&provider.secret.arn, &provider.secret.json_key);
            Failure(format!("The secret {secret} has no text under the key {key}"))
        };
        Ok((provider.clone(), secret.ok_or_else(missing)?))
    })
}

fn allowed(
    state: &State,
    call: &Call,
    gateway: &Gateway,
    provider: &str,
    action: &str,
    secret: &str,
) -> Result<(), Failure> {
    // Whether GetWorkloadAccessToken on the gateway's identity is needed as well is [U]: the reference has
    // it, the starter toolkit's own policy does not. Roles of ours allow it.
    let action = format!("bedrock-agentcore:{action}");
    for (action, resource) in [(action.as_str(), provider), ("secretsmanager:GetSecretValue", secret)] {
        if !state.iam.allows(&gateway.role, action, Some(resource), None, call) {
            return Err(Failure(format!(
                "Access denied: the gateway execution role {} is not authorized to perform {action} on {resource}",
                gateway.role
            )));
        }
    }
    Ok(())
}

/// A token by the client credentials grant (RFC 6749 §4.4), and the milliseconds that it is kept.
async fn fetch(
    local: &Local,
    gateway: &Gateway,
    provider: &Provider,
    secret: &str,
    scopes: &[String],
    parameters: &BTreeMap<String, String>,
) -> Result<(String, i64), Failure> {
    let client =
        provider.oauth.as_ref().ok_or_else(|| Failure("The credential provider is none for OAuth".to_owned()))?;
    let http = &local.0.upstream;
    let endpoint = match &client.discovery {
        Discovery::TokenEndpoint(endpoint) => endpoint.clone(),
        Discovery::Url(url) => {
            let own = local.read(|state| state.cognito.pool_at(url).is_some());
            if own { format!("{}/oauth2/token", gateway.base_url) } else { token_endpoint(http, url).await? }
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
        // Both parts are form-encoded first (RFC 6749 §2.3.1).
        let pair = format!("{}:{}", encode(&client.client_id), encode(secret));
        headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(pair))));
    }
    let body = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    let body = body.collect::<Vec<_>>().join("&");
    let request = Request { method: "POST".to_owned(), url: endpoint.clone(), headers, body: body.into_bytes() };
    let answer = http.send(request, PATIENCE).await.map_err(|error| Failure(format!("No token: {error}")))?;
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(token) = document["access_token"].as_str() else {
        let said = document["error_description"].as_str().or(document["error"].as_str()).unwrap_or("no reason given");
        let status = answer.status;
        return Err(Failure(format!("No token: {endpoint} answered HTTP {status}: {said}")));
    };
    let lasts = document["expires_in"]
        .as_i64()
        .map_or(UNSAID, |seconds| seconds.saturating_mul(1000).saturating_sub(MARGIN).clamp(0, LONGEST));
    Ok((token.to_owned(), lasts))
}

async fn token_endpoint(http: &Http, discovery_url: &str) -> Result<String, Failure> {
    let headers = vec![("accept".to_owned(), "application/json".to_owned())];
    let request = Request { method: "GET".to_owned(), url: discovery_url.to_owned(), headers, body: Vec::new() };
    let answer = http.send(request, PATIENCE).await.map_err(|error| Failure(format!("No token: {error}")))?;
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let endpoint = document["token_endpoint"].as_str().map(str::to_owned);
    endpoint.ok_or_else(|| {
        let status = answer.status;
        Failure(format!("No token: {discovery_url} answered HTTP {status} without a token_endpoint"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_however_it_is_written() {
        let (secret, value) = ("pa\"ss\\wörd+1\"".to_owned(), "Token pa\"ss\\wörd+1\"".to_owned());
        let presented = Presented::Header { name: "x-key".to_owned(), value: value.clone(), secret: secret.clone() };
        let latin: String = secret.bytes().map(char::from).collect();
        for written in [
            secret.clone(),
            value.clone(),
            encode(&secret),
            Value::from(secret.as_str()).to_string(),
            Value::from(latin.as_str()).to_string(),
            latin,
            "{\"x-key\": \"pa\\\"ss\\\\w\\u00f6rd+1\\\"\"}".to_owned(),
            // Python's repr, a page, and a message that quotes a body.
            r#"'pa"ss\\wörd+1"'"#.to_owned(),
            r"<p>pa&quot;ss\wörd+1&quot;</p>".to_owned(),
            Value::from(Value::from(secret.as_str()).to_string()).to_string(),
        ] {
            let shown = presented.without_secret(&format!("you sent {written}."));
            assert!(shown.contains("(credential)") && !shown.contains("rd+1"), "{written}: {shown}");
        }
    }
}
