//! Credential providers: the API keys and OAuth clients that gateways use to call targets.

mod oauth2;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::oauth2::{Oauth2Input, put_oauth2};
use super::{State, invalid, not_found, refused, without_nulls};
use crate::{
    local::{
        services::{
            answer::Answer,
            answer::{epoch_seconds, page},
            call::Call,
            secrets::Secrets,
        },
        wire::WireError,
    },
    model::provider::ProviderKind,
};

/// The owning service of managed secrets.
const OWNER: &str = "bedrock-agentcore-identity";
/// Members of a managed secret's JSON.
const API_KEY: &str = "api_key_value";
const CLIENT_SECRET: &str = "client_secret";

/// A credential provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Provider {
    name: String,
    region: String,
    pub(crate) secret: SecretAt,
    /// Vendor, client and endpoints; `None` for an API key.
    pub(crate) oauth: Option<OauthClient>,
    pub(super) tags: BTreeMap<String, String>,
    created: i64,
    updated: i64,
}

/// The location of a secret: its ARN and the key in its JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SecretAt {
    pub(crate) arn: String,
    pub(crate) json_key: String,
    managed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OauthClient {
    vendor: String,
    pub(crate) client_id: String,
    /// The union member in inputs and outputs, and the output's content.
    member: String,
    shown: Value,
    /// Where to find the token endpoint.
    pub(crate) discovery: Discovery,
    /// `CLIENT_SECRET_BASIC` or `CLIENT_SECRET_POST`, if given.
    pub(crate) method: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Discovery {
    Url(String),
    TokenEndpoint(String),
}

/// The ARN of a provider of this name.
fn arn_of(kind: ProviderKind, call: &Call, name: &str) -> String {
    let (region, account) = (&call.region, &call.account);
    format!("arn:aws:bedrock-agentcore:{region}:{account}:token-vault/default/{}/{name}", kind.path())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiKeyInput {
    name: String,
    api_key: Option<String>,
    api_key_secret_source: Option<String>,
    api_key_secret_config: Option<SecretReference>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretReference {
    secret_id: String,
    json_key: String,
}

/// The secret for a provider: a value to store, or one of the user's secrets.
enum Wanted {
    Value(String),
    External { arn: String, json_key: String },
}

impl Wanted {
    fn read(
        secrets: &Secrets,
        call: &Call,
        member: &str,
        value: Option<String>,
        source: Option<&str>,
        reference: Option<SecretReference>,
    ) -> Result<Self, WireError> {
        match (source, value, reference) {
            (Some("EXTERNAL"), None, Some(reference)) => {
                let arn = secrets.arn_of(call, &reference.secret_id);
                let arn = arn.ok_or_else(|| not_found(format!("Secret {} not found", reference.secret_id)))?;
                Ok(Self::External { arn, json_key: reference.json_key })
            }
            (None | Some("MANAGED"), Some(value), None) => Ok(Self::Value(value)),
            (source, value, reference) => Err(mismatch(member, source, value.is_some(), reference.is_some())),
        }
    }
}

/// The error for an inconsistent secret and source. AWS's messages for API keys (badmintoncryer/cdk-preflight,
/// `apikey-provider-secret-source`); those for client secrets are formed by analogy.
fn mismatch(member: &str, source: Option<&str>, has_value: bool, has_reference: bool) -> WireError {
    let (value, config) = match member {
        "apiKey" => ("ApiKey", "ApiKeySecretConfig"),
        _ => ("ClientSecret", "ClientSecretConfig"),
    };
    let managed = "when secret source is MANAGED or not specified";
    let external = "when secret source is EXTERNAL";
    refused(match (source == Some("EXTERNAL"), has_value, has_reference) {
        (true, true, _) => format!("{value} must not be provided {external}"),
        (true, false, _) => format!("{config} is required {external}"),
        (false, _, true) => format!("{config} must not be provided {managed}"),
        (false, ..) => format!("{value} is required {managed}"),
    })
}

impl Provider {
    fn arn(&self, call: &Call) -> String {
        let kind = if self.oauth.is_some() { ProviderKind::Oauth2 } else { ProviderKind::ApiKey };
        arn_of(kind, call, &self.name)
    }

    fn show(&self, call: &Call, with_times: bool) -> Value {
        let source = if self.secret.managed { "MANAGED" } else { "EXTERNAL" };
        let secret = json!({ "secretArn": self.secret.arn });
        let mut shown = without_nulls([("name", json!(self.name)), ("credentialProviderArn", json!(self.arn(call)))]);
        match &self.oauth {
            None => shown.extend(without_nulls([
                ("apiKeySecretArn", secret),
                ("apiKeySecretJsonKey", json!(self.secret.json_key)),
                ("apiKeySecretSource", json!(source)),
            ])),
            Some(client) => shown.extend(without_nulls([
                ("clientSecretArn", secret),
                ("clientSecretJsonKey", json!(self.secret.json_key)),
                ("clientSecretSource", json!(source)),
                ("credentialProviderVendor", json!(client.vendor)),
                ("oauth2ProviderConfigOutput", json!({ &client.member: client.shown })),
                ("callbackUrl", json!(format!("{}/identities/oauth2/callback/{}", call.base_url, self.name))),
                ("status", json!("READY")),
            ])),
        }
        if with_times {
            shown.extend(without_nulls([
                ("createdTime", epoch_seconds(self.created)),
                ("lastUpdatedTime", epoch_seconds(self.updated)),
            ]));
        }
        Value::Object(shown)
    }

    fn listed(&self, call: &Call) -> Value {
        let vendor = self.oauth.as_ref().map(|client| &client.vendor);
        Value::Object(without_nulls([
            ("name", json!(self.name)),
            ("credentialProviderVendor", json!(vendor)),
            ("credentialProviderArn", json!(self.arn(call))),
            ("createdTime", epoch_seconds(self.created)),
            ("lastUpdatedTime", epoch_seconds(self.updated)),
        ]))
    }
}

/// A provider to create or update. `tags` are present for a creation only.
struct Put {
    name: String,
    wanted: Wanted,
    oauth: Option<OauthClient>,
    tags: Option<BTreeMap<String, String>>,
}

/// Creates or updates a provider.
fn keep(state: &mut State, call: &Call, put: Put) -> Answer {
    let Put { name, wanted, oauth, tags } = put;
    let (name, kind) = (name.as_str(), if oauth.is_some() { ProviderKind::Oauth2 } else { ProviderKind::ApiKey });
    let arn = arn_of(kind, call, name);
    let existing = state.agentcore.providers.get(&arn).cloned();
    let is_new = tags.is_some();
    match (&existing, is_new) {
        // A ValidationException, not a conflict (four public projects).
        (Some(_), true) => return Err(refused(format!("Credential provider with name: {name} already exists"))),
        (None, false) => return Err(missing(name)),
        _ => {}
    }
    let (folder, json_key) = match kind {
        ProviderKind::ApiKey => ("apikey", API_KEY),
        ProviderKind::Oauth2 => ("oauth2", CLIENT_SECRET),
    };
    let managed = existing.as_ref().map(|provider| &provider.secret).filter(|secret| secret.managed);
    let secret = match wanted {
        Wanted::Value(value) => {
            let document = Some(json!({ json_key: value }).to_string());
            let secret_arn = match managed {
                Some(secret) => {
                    state.secrets.set(&secret.arn, document, call);
                    secret.arn.clone()
                }
                None => {
                    let name = format!("{OWNER}!default/{folder}/{name}");
                    state.secrets.insert(call, &name, document, Some(OWNER))
                }
            };
            SecretAt { arn: secret_arn, json_key: json_key.to_owned(), managed: true }
        }
        Wanted::External { arn, json_key } => {
            if let Some(secret) = managed {
                state.secrets.remove(&secret.arn);
            }
            SecretAt { arn, json_key, managed: false }
        }
    };
    let provider = Provider {
        name: name.to_owned(),
        region: call.region.clone(),
        secret,
        oauth,
        tags: tags.or(existing.as_ref().map(|provider| provider.tags.clone())).unwrap_or_default(),
        created: existing.map_or(call.now, |provider| provider.created),
        updated: call.now,
    };
    let answer = provider.show(call, !is_new);
    state.agentcore.providers.insert(arn, provider);
    Ok(answer)
}

fn missing(name: &str) -> WireError {
    not_found(format!("Credential provider with name: {name} not found"))
}

fn put_api_key(state: &mut State, call: &Call, input: ApiKeyInput, create: bool) -> Answer {
    let source = input.api_key_secret_source.as_deref();
    let wanted = Wanted::read(&state.secrets, call, "apiKey", input.api_key, source, input.api_key_secret_config)?;
    keep(state, call, Put { name: input.name, wanted, oauth: None, tags: create.then_some(input.tags) })
}

#[derive(Deserialize)]
pub(super) struct Name {
    name: String,
}

pub(super) fn get_api_key(state: &mut State, call: &Call, input: Name) -> Answer {
    get(state, call, ProviderKind::ApiKey, &input)
}

pub(super) fn get_oauth2(state: &mut State, call: &Call, input: Name) -> Answer {
    get(state, call, ProviderKind::Oauth2, &input)
}

fn get(state: &State, call: &Call, kind: ProviderKind, input: &Name) -> Answer {
    let provider = state.agentcore.providers.get(&arn_of(kind, call, &input.name));
    Ok(provider.ok_or_else(|| missing(&input.name))?.show(call, true))
}

/// Deleting an absent provider, or one of the other kind, succeeds, although the service model declares an
/// error for it: a public sample's notes say "verified live" that `delete_oauth2_credential_provider` "on an
/// API-key provider returns success without deleting it" (2026; others report the same for absent names).
fn delete(state: &mut State, call: &Call, kind: ProviderKind, input: &Name) -> Answer {
    if let Some(removed) = state.agentcore.providers.remove(&arn_of(kind, call, &input.name))
        && removed.secret.managed
    {
        state.secrets.remove(&removed.secret.arn);
    }
    Ok(Value::Null)
}

pub(super) fn delete_api_key(state: &mut State, call: &Call, input: Name) -> Answer {
    delete(state, call, ProviderKind::ApiKey, &input)
}

pub(super) fn delete_oauth2(state: &mut State, call: &Call, input: Name) -> Answer {
    delete(state, call, ProviderKind::Oauth2, &input)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List {
    next_token: Option<String>,
    max_results: Option<usize>,
}

pub(super) fn list_api_keys(state: &mut State, call: &Call, input: List) -> Answer {
    list(state, call, ProviderKind::ApiKey, &input)
}

pub(super) fn list_oauth2(state: &mut State, call: &Call, input: List) -> Answer {
    list(state, call, ProviderKind::Oauth2, &input)
}

fn list(state: &State, call: &Call, kind: ProviderKind, input: &List) -> Answer {
    let own = state
        .agentcore
        .providers
        .iter()
        .filter(|(arn, provider)| arn.split('/').nth(2) == Some(kind.path()) && provider.region == call.region);
    let shown = own.filter(|(_, provider)| call.propagated(provider.created));
    let shown = shown.map(|(arn, provider)| (arn, provider.listed(call)));
    let (items, next) = page(shown, input.max_results.or(Some(10)), input.next_token.as_deref())
        .map_err(|_| invalid("nextToken", "The token is none that this operation gave"))?;
    Ok(Value::Object(without_nulls([("credentialProviders", json!(items)), ("nextToken", json!(next))])))
}

pub(super) fn create_api_key(state: &mut State, call: &Call, input: ApiKeyInput) -> Answer {
    put_api_key(state, call, input, true)
}

pub(super) fn update_api_key(state: &mut State, call: &Call, input: ApiKeyInput) -> Answer {
    put_api_key(state, call, input, false)
}

pub(super) fn create_oauth2(state: &mut State, call: &Call, input: Oauth2Input) -> Answer {
    put_oauth2(state, call, input, true)
}

pub(super) fn update_oauth2(state: &mut State, call: &Call, input: Oauth2Input) -> Answer {
    put_oauth2(state, call, input, false)
}
