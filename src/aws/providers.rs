//! Credential providers: the API keys and OAuth clients that a gateway uses.

use std::collections::BTreeMap;

use aws_smithy_types::DateTime;
use serde_json::{Value, json};

use super::{
    Aws, Error,
    error::{absent, deleted, of},
    raw::exchange,
};
use crate::model::{provider::ProviderKind, spec::ProviderSpec};

const SERVICE: &str = "AgentCore";

/// A provider that was created or updated.
#[derive(Debug)]
pub struct Put {
    pub arn: String,
    pub is_new: bool,
    /// When AWS says that it was updated, in Unix milliseconds; none if it is new.
    pub updated: Option<i64>,
}

/// When a provider was created and last updated, in Unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    created: i64,
    last_updated: i64,
}

impl Moments {
    /// Whether it was last updated at this moment. Of the same time, two answers may be rounded in two ways.
    pub fn is_of(self, moment: i64) -> bool {
        self.last_updated.abs_diff(moment) <= 1
    }

    /// When it was created, if it was never updated.
    pub fn as_created(self) -> Option<i64> {
        self.is_of(self.created).then_some(self.created)
    }
}

/// Creates a provider, or updates the one of this name.
pub async fn put(aws: &Aws, name: &str, spec: &ProviderSpec, tags: &BTreeMap<String, String>) -> Result<Put, Error> {
    let mut body = spec.request(name);
    body["tags"] = json!(tags);
    let created = match spec.kind() {
        ProviderKind::ApiKey => {
            let call = aws.agentcore.create_api_key_credential_provider();
            exchange!("CreateApiKeyCredentialProvider", call, Some(&body))
        }
        ProviderKind::Oauth2 => {
            let call = aws.agentcore.create_oauth2_credential_provider();
            exchange!("CreateOauth2CredentialProvider", call, Some(&body))
        }
    };
    let (answer, is_new) = match created {
        Err(error) if is_there(&error) => {
            let body = spec.request(name);
            let updated = match spec.kind() {
                ProviderKind::ApiKey => {
                    let call = aws.agentcore.update_api_key_credential_provider();
                    exchange!("UpdateApiKeyCredentialProvider", call, Some(&body))
                }
                ProviderKind::Oauth2 => {
                    let call = aws.agentcore.update_oauth2_credential_provider();
                    exchange!("UpdateOauth2CredentialProvider", call, Some(&body))
                }
            };
            (updated?, false)
        }
        created => (created?, true),
    };
    let arn = answer["credentialProviderArn"].as_str().map(str::to_owned);
    let missing = || Error::unexpected(SERVICE, "the credential provider", "the answer has no ARN");
    let updated = answer["lastUpdatedTime"].as_f64().filter(|_| !is_new);
    let updated = updated.and_then(|seconds| DateTime::from_secs_f64(seconds).to_millis().ok());
    Ok(Put { arn: arn.ok_or_else(missing)?, is_new, updated })
}

/// A taken name is a conflict or, in some regions, a validation error that says so. Not documented by AWS.
fn is_there(error: &Error) -> bool {
    error.exists() || error.refuses_for_now() && error.message.contains("already exists")
}

/// What AWS shows of an OAuth client: vendor and configuration, without its secret.
pub async fn oauth_client(aws: &Aws, name: &str) -> Result<Value, Error> {
    let call = aws.agentcore.get_oauth2_credential_provider().name(name);
    exchange!("GetOauth2CredentialProvider", call, None)
}

/// When a provider was created and last updated; `None` if it does not exist.
pub async fn moments(aws: &Aws, kind: ProviderKind, name: &str) -> Result<Option<Moments>, Error> {
    let (created, last_updated) = match kind {
        ProviderKind::ApiKey => {
            let call = aws.agentcore.get_api_key_credential_provider().name(name);
            match absent(call.send().await.map_err(of(SERVICE, "GetApiKeyCredentialProvider")))? {
                Some(found) => (found.created_time, found.last_updated_time),
                None => return Ok(None),
            }
        }
        ProviderKind::Oauth2 => {
            let call = aws.agentcore.get_oauth2_credential_provider().name(name);
            match absent(call.send().await.map_err(of(SERVICE, "GetOauth2CredentialProvider")))? {
                Some(found) => (found.created_time, found.last_updated_time),
                None => return Ok(None),
            }
        }
    };
    Ok(created
        .to_millis()
        .ok()
        .zip(last_updated.to_millis().ok())
        .map(|(created, last_updated)| Moments { created, last_updated }))
}

/// The address to which an authorization server sends users back.
pub async fn callback_url(aws: &Aws, name: &str) -> Result<Option<String>, Error> {
    let call = aws.agentcore.get_oauth2_credential_provider().name(name);
    let found = absent(call.send().await.map_err(of(SERVICE, "GetOauth2CredentialProvider")))?;
    Ok(found.and_then(|found| found.callback_url))
}

/// Deletes a provider; false if it did not exist.
pub async fn delete(aws: &Aws, kind: ProviderKind, name: &str) -> Result<bool, Error> {
    match kind {
        ProviderKind::ApiKey => {
            let call = aws.agentcore.delete_api_key_credential_provider().name(name);
            deleted(call.send().await.map_err(of(SERVICE, "DeleteApiKeyCredentialProvider")))
        }
        ProviderKind::Oauth2 => {
            let call = aws.agentcore.delete_oauth2_credential_provider().name(name);
            deleted(call.send().await.map_err(of(SERVICE, "DeleteOauth2CredentialProvider")))
        }
    }
}

/// The names of all providers of a kind in the region.
pub async fn names(aws: &Aws, kind: ProviderKind) -> Result<Vec<String>, Error> {
    match kind {
        ProviderKind::ApiKey => {
            let pages = aws.agentcore.list_api_key_credential_providers().into_paginator().items().send();
            let listed = pages.collect::<Result<Vec<_>, _>>().await;
            let listed = listed.map_err(of(SERVICE, "ListApiKeyCredentialProviders"))?;
            Ok(listed.into_iter().map(|provider| provider.name).collect())
        }
        ProviderKind::Oauth2 => {
            let pages = aws.agentcore.list_oauth2_credential_providers().into_paginator().items().send();
            let listed = pages.collect::<Result<Vec<_>, _>>().await;
            let listed = listed.map_err(of(SERVICE, "ListOauth2CredentialProviders"))?;
            Ok(listed.into_iter().map(|provider| provider.name).collect())
        }
    }
}

/// Kind and name of the provider that an ARN names.
pub fn of_arn(arn: &str) -> Option<(ProviderKind, &str)> {
    let mut parts = arn.split('/').skip(2);
    Some((ProviderKind::of(parts.next()?)?, parts.next()?))
}

/// The ARN of the provider that a target's document names.
pub fn of_target(target: &Value) -> Option<&str> {
    let provider = &target["credentialProviderConfigurations"][0]["credentialProvider"];
    let named = ["apiKeyCredentialProvider", "oauthCredentialProvider"];
    named.into_iter().find_map(|member| provider[member]["providerArn"].as_str())
}
