//! App clients, which request tokens, and their secrets.

use aws_sdk_cognitoidentityprovider::{
    config::Builder,
    operation::create_user_pool_client::CreateUserPoolClientError,
    types::{OAuthFlowType, UserPoolClientType},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Aws, Error, LOOKS_AT_ONCE, SERVICE, ThrottlingOnly, absent, deleted, of};
use crate::model::secret::Secret;

/// An app client.
#[derive(Debug, Clone)]
pub struct AppClient {
    pub id: String,
    pub name: String,
    /// The secret that it was made with. `None` if that was deleted, or there is none: Cognito shows no secret that was
    /// added later (floci-io/floci, pull request 345, tried on AWS).
    pub secret: Option<Secret>,
    pub scopes: Vec<String>,
    /// Unix milliseconds.
    created: i64,
}

/// What Cognito shows of one of a client's secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSecret {
    pub id: String,
    /// Unix milliseconds.
    pub created: i64,
}

impl AppClient {
    /// A key that sorts the oldest first.
    pub fn age(&self) -> (i64, String) {
        (self.created, self.id.clone())
    }

    fn read(client: UserPoolClientType) -> Option<Self> {
        Some(Self {
            secret: client.client_secret.map(Secret::new),
            name: client.client_name.unwrap_or_default(),
            scopes: client.allowed_o_auth_scopes.unwrap_or_default(),
            created: client.creation_date.and_then(|date| date.to_millis().ok()).unwrap_or_default(),
            id: client.client_id?,
        })
    }
}

/// Creates a client for the client-credentials grant; see [`create_pool`](super::create_pool) for its retries.
pub async fn create_client(aws: &Aws, pool_id: &str, name: &str, scopes: &[String]) -> Result<AppClient, Error> {
    let call = aws
        .cognito
        .create_user_pool_client()
        .user_pool_id(pool_id)
        .client_name(name)
        .generate_secret(true)
        .allowed_o_auth_flows(OAuthFlowType::ClientCredentials)
        .set_allowed_o_auth_scopes(Some(scopes.to_vec()))
        .allowed_o_auth_flows_user_pool_client(true);
    let retry = Builder::new().retry_classifier(ThrottlingOnly::<CreateUserPoolClientError>::new());
    let answer = call.customize().config_override(retry).send().await.map_err(of(SERVICE, "CreateUserPoolClient"))?;
    answer
        .user_pool_client
        .and_then(AppClient::read)
        .filter(|client| client.secret.is_some())
        .ok_or_else(|| Error::unexpected(SERVICE, "CreateUserPoolClient", "the answer has no client secret"))
}

pub async fn find_client(aws: &Aws, pool_id: &str, client_id: &str) -> Result<Option<AppClient>, Error> {
    let call = aws.cognito.describe_user_pool_client().user_pool_id(pool_id).client_id(client_id);
    let answer = absent(call.send().await.map_err(of(SERVICE, "DescribeUserPoolClient")))?;
    Ok(answer.and_then(|answer| answer.user_pool_client).and_then(AppClient::read))
}

/// Ids and names of all clients of a pool; empty if the pool is gone.
pub async fn listed_clients(aws: &Aws, pool_id: &str) -> Result<Vec<(String, String)>, Error> {
    let pages =
        aws.cognito.list_user_pool_clients().user_pool_id(pool_id).max_results(60).into_paginator().items().send();
    let listed = absent(pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "ListUserPoolClients")))?;
    let listed = listed.unwrap_or_default().into_iter();
    Ok(listed.filter_map(|client| Some((client.client_id?, client.client_name.unwrap_or_default()))).collect())
}

/// All clients of a name in a pool, oldest first.
pub async fn clients_named(aws: &Aws, pool_id: &str, name: &str) -> Result<Vec<AppClient>, Error> {
    let listed = listed_clients(aws, pool_id).await?.into_iter();
    let looks = stream::iter(listed.filter(|(_, listed)| listed == name))
        .map(async |(id, _): (String, String)| find_client(aws, pool_id, &id).await);
    let found: Vec<Option<AppClient>> = looks.buffered(LOOKS_AT_ONCE).try_collect().await?;
    let mut clients: Vec<AppClient> = found.into_iter().flatten().collect();
    clients.sort_by_key(AppClient::age);
    Ok(clients)
}

pub async fn delete_client(aws: &Aws, pool_id: &str, client_id: &str) -> Result<bool, Error> {
    let call = aws.cognito.delete_user_pool_client().user_pool_id(pool_id).client_id(client_id);
    deleted(call.send().await.map_err(of(SERVICE, "DeleteUserPoolClient")))
}

/// Adds a secret of this value. A client has at most two (service model, `AddUserPoolClientSecret`).
pub async fn add_secret(aws: &Aws, pool_id: &str, client_id: &str, secret: &Secret) -> Result<(), Error> {
    let call = aws.cognito.add_user_pool_client_secret().user_pool_id(pool_id).client_id(client_id);
    call.client_secret(secret.reveal()).send().await.map(drop).map_err(of(SERVICE, "AddUserPoolClientSecret"))
}

/// A client's secrets, oldest first. Their values are never shown. The answer has no pages (service model,
/// `ListUserPoolClientSecrets`).
pub async fn secrets(aws: &Aws, pool_id: &str, client_id: &str) -> Result<Vec<ClientSecret>, Error> {
    let call = aws.cognito.list_user_pool_client_secrets().user_pool_id(pool_id).client_id(client_id);
    let listed = call.send().await.map_err(of(SERVICE, "ListUserPoolClientSecrets"))?.client_secrets;
    let read = |secret: aws_sdk_cognitoidentityprovider::types::ClientSecretDescriptorType| {
        let created = secret.client_secret_create_date.and_then(|date| date.to_millis().ok()).unwrap_or_default();
        Some(ClientSecret { id: secret.client_secret_id?, created })
    };
    let mut secrets: Vec<ClientSecret> = listed.unwrap_or_default().into_iter().filter_map(read).collect();
    secrets.sort_by_key(|secret| (secret.created, secret.id.clone()));
    Ok(secrets)
}

/// Deletes a secret; false if it did not exist. The last one of a client cannot be deleted.
pub async fn delete_secret(aws: &Aws, pool_id: &str, client_id: &str, secret_id: &str) -> Result<bool, Error> {
    let call = aws.cognito.delete_user_pool_client_secret().user_pool_id(pool_id).client_id(client_id);
    let answer = call.client_secret_id(secret_id).send().await;
    deleted(answer.map_err(of(SERVICE, "DeleteUserPoolClientSecret")))
}
