//! App clients, which request tokens.

use std::collections::BTreeMap;

use aws_lc_rs::constant_time;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Cognito, ListOfPool, Pool, invalid, list_answer, not_found};
use crate::local::{
    random,
    services::{
        answer::Answer,
        answer::{bad_request, epoch_seconds, not_implemented},
        call::Call,
    },
    wire::WireError,
};

/// Default lifetime of an access token, in seconds.
const DEFAULT_TOKEN_SECONDS: i64 = 3600;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) id: String,
    name: String,
    /// The secret that it was made with, until that is deleted: `DescribeUserPoolClient` shows this one alone
    /// (floci-io/floci, pull request 345, tried on AWS).
    secret: Option<String>,
    /// All secrets that are valid, oldest first.
    #[serde(default)]
    secrets: Vec<Secret>,
    pub(crate) settings: ClientSettings,
    created: i64,
    modified: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Secret {
    id: String,
    value: String,
    created: i64,
}

/// Most valid secrets of a client (service model, `AddUserPoolClientSecret`).
const MOST_SECRETS: usize = 2;

impl Client {
    /// Whether it is to show a secret.
    pub(crate) fn is_confidential(&self) -> bool {
        !self.valid_secrets().is_empty()
    }

    /// Whether this secret is valid.
    pub(crate) fn has_secret(&self, secret: &str) -> bool {
        let is_same =
            |valid: &Secret| constant_time::verify_slices_are_equal(valid.value.as_bytes(), secret.as_bytes()).is_ok();
        // Each is compared, so that the time tells nothing.
        self.valid_secrets().iter().map(is_same).fold(false, |found, same| found | same)
    }

    /// The valid secrets, oldest first. The state of an older version has only the one that the client was made with.
    fn valid_secrets(&self) -> Vec<Secret> {
        let first = self.secret.iter().filter(|_| self.secrets.is_empty());
        let first =
            first.map(|value| Secret { id: self.secret_id(self.created), value: value.clone(), created: self.created });
        first.chain(self.secrets.iter().cloned()).collect()
    }

    /// `<client id>--<time of creation>` (service model, `ClientSecretDescriptorType`); we chose milliseconds.
    fn secret_id(&self, made: i64) -> String {
        format!("{}--{made}", self.id)
    }
}

#[derive(Deserialize)]
pub(super) struct ClientInput {
    #[serde(rename = "UserPoolId")]
    user_pool_id: String,
    #[serde(rename = "ClientId")]
    client_id: Option<String>,
    #[serde(rename = "ClientName")]
    name: Option<String>,
    #[serde(rename = "GenerateSecret", default)]
    generate_secret: bool,
    #[serde(flatten)]
    settings: ClientSettings,
}

/// The settings of a client. An update replaces all of them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClientSettings {
    #[serde(rename = "AllowedOAuthFlows", default)]
    flows: Vec<String>,
    #[serde(rename = "AllowedOAuthScopes", default)]
    pub(crate) scopes: Vec<String>,
    #[serde(rename = "AllowedOAuthFlowsUserPoolClient", default)]
    oauth_enabled: bool,
    #[serde(rename = "SupportedIdentityProviders", default)]
    identity_providers: Vec<String>,
    #[serde(rename = "AccessTokenValidity", skip_serializing_if = "Option::is_none")]
    access_token_validity: Option<i64>,
    #[serde(rename = "TokenValidityUnits", skip_serializing_if = "Option::is_none")]
    units: Option<BTreeMap<String, String>>,
    /// Settings for user sign-in: stored and returned only, since there are no users here.
    #[serde(flatten)]
    of_users: BTreeMap<String, Value>,
}

impl ClientSettings {
    /// Checks that the settings are valid for the pool, and for a client with or without a secret.
    fn check(&self, pool: &Pool, has_secret: bool) -> Result<(), WireError> {
        if self.identity_providers.iter().any(|provider| provider != "COGNITO") {
            return Err(invalid("The provider does not exist for User Pool."));
        }
        let wrong_flow = |message: &str| Err(bad_request("InvalidOAuthFlowException", message));
        let flow = |name: &str| self.flows.iter().any(|flow| flow == name);
        if self.oauth_enabled && self.flows.is_empty() {
            return wrong_flow(
                "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth \
                 flows.",
            );
        }
        if flow("code") || flow("implicit") {
            if flow("client_credentials") {
                return wrong_flow(
                    "client_credentials flow can not be selected along with code flow or implicit flow.",
                );
            }
            return Err(not_implemented("the local AWS serves the OAuth flow client_credentials only"));
        }
        if flow("client_credentials") && !has_secret {
            return wrong_flow("client_credentials flow can not be selected if client does not have a client secret.");
        }
        let known = pool.scopes();
        if let Some(scope) = self.scopes.iter().find(|scope| !known.contains(*scope)) {
            return Err(bad_request("ScopeDoesNotExistException", format!("Scope {scope} does not exist.")));
        }
        if !(300..=86_400).contains(&self.token_seconds()) {
            return Err(invalid("Invalid range for token validity."));
        }
        Ok(())
    }

    /// Whether the client may use the client credentials grant.
    pub(crate) fn machine(&self) -> bool {
        self.oauth_enabled && self.flows.iter().any(|flow| flow == "client_credentials")
    }

    /// Lifetime of its access tokens, in seconds.
    pub(crate) fn token_seconds(&self) -> i64 {
        let unit = match self.units.as_ref().and_then(|units| units.get("AccessToken")).map(String::as_str) {
            Some("seconds") => 1,
            Some("minutes") => 60,
            Some("days") => 86_400,
            _ => 3600,
        };
        self.access_token_validity.map_or(DEFAULT_TOKEN_SECONDS, |validity| validity.saturating_mul(unit))
    }
}

pub(super) fn create(cognito: &mut Cognito, call: &Call, input: ClientInput) -> Answer {
    let pool = cognito.pool_mut(call, &input.user_pool_id)?;
    input.settings.check(pool, input.generate_secret)?;
    let client = Client {
        id: random::lower_alphanumeric(26),
        name: input.name.unwrap_or_default(),
        secret: input.generate_secret.then(|| random::lower_alphanumeric(51)),
        secrets: Vec::new(),
        settings: input.settings,
        created: call.now,
        modified: call.now,
    };
    let answer = json!({ "UserPoolClient": describe_one(pool, &client) });
    pool.clients.insert(client.id.clone(), client);
    Ok(answer)
}

/// Omitted members are reset to their defaults, as on AWS, except name and secret.
pub(super) fn update(cognito: &mut Cognito, call: &Call, input: ClientInput) -> Answer {
    let id = ClientId { user_pool_id: input.user_pool_id, client_id: input.client_id.unwrap_or_default() };
    let pool = cognito.pool_mut(call, &id.user_pool_id)?;
    let has_secret = pool.clients.get(&id.client_id).ok_or_else(|| id.missing())?.is_confidential();
    input.settings.check(pool, has_secret)?;
    if let Some(client) = pool.clients.get_mut(&id.client_id) {
        client.name = input.name.unwrap_or_else(|| client.name.clone());
        client.settings = input.settings;
        client.modified = call.now;
    }
    describe(cognito, call, id)
}

fn describe_one(pool: &Pool, client: &Client) -> Value {
    let mut document = json!({
        "UserPoolId": pool.id,
        "ClientId": client.id,
        "ClientName": client.name,
        "CreationDate": epoch_seconds(client.created),
        "LastModifiedDate": epoch_seconds(client.modified),
        "RefreshTokenValidity": 30,
        "EnableTokenRevocation": true,
    });
    if let Some(secret) = &client.secret {
        document["ClientSecret"] = json!(secret);
    }
    for (name, value) in json!(client.settings).as_object().into_iter().flatten() {
        document[name] = value.clone();
    }
    document
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ClientId {
    user_pool_id: String,
    client_id: String,
}

impl ClientId {
    fn missing(&self) -> WireError {
        not_found(format!("User pool client {} does not exist.", self.client_id))
    }
}

pub(super) fn describe(cognito: &mut Cognito, call: &Call, input: ClientId) -> Answer {
    let pool = cognito.pool(call, &input.user_pool_id)?;
    let client = pool.clients.get(&input.client_id).ok_or_else(|| input.missing())?;
    Ok(json!({ "UserPoolClient": describe_one(pool, client) }))
}

pub(super) fn list(cognito: &mut Cognito, call: &Call, input: ListOfPool) -> Answer {
    let pool = cognito.pool(call, &input.user_pool_id)?;
    let clients = pool.clients.iter().filter(|(_, client)| call.propagated(client.created));
    let shown =
        clients.map(|(id, client)| (id, json!({ "ClientId": id, "UserPoolId": pool.id, "ClientName": client.name })));
    list_answer("UserPoolClients", shown, input.max_results.or(Some(60)), input.next_token.as_deref())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SecretInput {
    #[serde(flatten)]
    client: ClientId,
    client_secret: Option<String>,
    client_secret_id: Option<String>,
}

/// The client of an input, and its valid secrets.
fn with_secrets<'a>(
    cognito: &'a mut Cognito,
    call: &Call,
    id: &ClientId,
) -> Result<(&'a mut Client, Vec<Secret>), WireError> {
    let pool = cognito.pool_mut(call, &id.user_pool_id)?;
    let client = pool.clients.get_mut(&id.client_id).ok_or_else(|| id.missing())?;
    let secrets = client.valid_secrets();
    if secrets.is_empty() {
        return Err(invalid("The app client has no secret."));
    }
    Ok((client, secrets))
}

/// AWS's own words for the errors of these three are not known; their types are those of the service model.
pub(super) fn add_secret(cognito: &mut Cognito, call: &Call, input: SecretInput) -> Answer {
    let (client, mut secrets) = with_secrets(cognito, call, &input.client)?;
    if secrets.len() >= MOST_SECRETS {
        let message = format!("An app client can have at most {MOST_SECRETS} secrets.");
        return Err(bad_request("LimitExceededException", message));
    }
    let is_own = input.client_secret.is_some();
    let value = input.client_secret.unwrap_or_else(|| random::lower_alphanumeric(51));
    // Two that are made at once have different ids, too.
    let made = (call.now..call.now + 3).find(|made| secrets.iter().all(|other| other.id != client.secret_id(*made)));
    let secret = Secret { id: client.secret_id(made.unwrap_or(call.now)), value, created: call.now };
    let mut descriptor = describe_secret(&secret);
    if !is_own {
        descriptor["ClientSecretValue"] = json!(secret.value);
    }
    secrets.push(secret);
    client.secrets = secrets;
    Ok(json!({ "ClientSecretDescriptor": descriptor }))
}

pub(super) fn list_secrets(cognito: &mut Cognito, call: &Call, input: SecretInput) -> Answer {
    let (_, secrets) = with_secrets(cognito, call, &input.client)?;
    Ok(json!({ "ClientSecrets": secrets.iter().map(describe_secret).collect::<Vec<Value>>() }))
}

pub(super) fn delete_secret(cognito: &mut Cognito, call: &Call, input: SecretInput) -> Answer {
    let id = input.client_secret_id.unwrap_or_default();
    let (client, mut secrets) = with_secrets(cognito, call, &input.client)?;
    if !secrets.iter().any(|secret| secret.id == id) {
        return Err(not_found(format!("Client secret {id} does not exist.")));
    }
    if secrets.len() == 1 {
        return Err(invalid("The last secret of an app client cannot be deleted."));
    }
    let first = client.secret_id(client.created);
    if id == first {
        client.secret = None;
    }
    secrets.retain(|secret| secret.id != id);
    client.secrets = secrets;
    Ok(Value::Null)
}

fn describe_secret(secret: &Secret) -> Value {
    json!({ "ClientSecretId": secret.id, "ClientSecretCreateDate": epoch_seconds(secret.created) })
}

pub(super) fn delete(cognito: &mut Cognito, call: &Call, input: ClientId) -> Answer {
    let removed = cognito.pool_mut(call, &input.user_pool_id)?.clients.remove(&input.client_id);
    removed.map(|_| Value::Null).ok_or_else(|| input.missing())
}
