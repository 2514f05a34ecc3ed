//! `credentials`: what a client of the gateway needs, read back from AWS.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::{create::GatewayInfo, stack_with_gateway};
use crate::{
    aws::{
        Aws,
        cognito::{self, AppClient},
    },
    context::Context,
    error::Error,
    ops::{self, stack::Stack, token::TokenRequest, world},
    ui::report::{Report, fields},
};

/// Show a gateway's URL and client credentials, read back from AWS
#[derive(Debug, Args)]
pub struct Credentials {
    /// Name, id or ARN of the gateway
    pub name: String,
}

impl Credentials {
    pub async fn run(self, ctx: &Context) -> Result<Shown, Error> {
        let aws = ctx.aws().await?;
        let stack = stack_with_gateway(ctx, &aws, &self.name).await?;
        let gateway = stack.gateway.as_ref().ok_or_else(|| ops::Error::NotFound(self.name.clone()))?;
        let (pool_id, domain, client) = client_of(&aws, &stack)?;
        let tokens = world::token_request(&aws, pool_id, domain, client, &stack.names.scope).await;
        Ok(Shown {
            gateway: GatewayInfo::new(&gateway.document, &aws.region),
            client_info: ClientInfo::new(&aws, pool_id, domain, &tokens),
        })
    }
}

/// Pool id, domain and client of a stack.
fn client_of<'a>(aws: &Aws, stack: &'a Stack) -> Result<(&'a str, &'a str, &'a AppClient), ops::Error> {
    let pool = stack.issuer(aws);
    let parts = pool.and_then(|pool| Some((pool.id.as_str(), pool.domain.as_deref()?)));
    let gateway = stack.names.gateway.to_string();
    let allowed = stack.gateway.as_ref().map(|gateway| &gateway.document.jwt_authorizer()["allowedClients"][0]);
    // A pool of this stack without its client had one before.
    let missing = || match allowed.and_then(Value::as_str).filter(|_| pool.is_some()) {
        Some(client) => ops::Error::ClientGone { gateway, client: client.to_owned() },
        None => ops::Error::NoClient(gateway),
    };
    let ((pool_id, domain), client) = parts.zip(stack.client.as_ref()).ok_or_else(missing)?;
    Ok((pool_id, domain, client))
}

/// How to request a token for a stack's gateway.
pub async fn token_request(aws: &Aws, stack: &Stack) -> Result<TokenRequest, ops::Error> {
    let (pool_id, domain, client) = client_of(aws, stack)?;
    Ok(world::token_request(aws, pool_id, domain, client, &stack.names.scope).await)
}

/// What `credentials` shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    gateway: GatewayInfo,
    client_info: ClientInfo,
}

/// A client of the gateway. It contains the secret in plain text, because the command exists to show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientInfo {
    client_id: String,
    client_secret: String,
    token_endpoint: String,
    scope: String,
    user_pool_id: String,
    domain_prefix: String,
    discovery_url: String,
}

impl ClientInfo {
    pub fn new(aws: &Aws, pool_id: &str, domain: &str, tokens: &TokenRequest) -> Self {
        Self {
            client_id: tokens.client_id.clone(),
            client_secret: tokens.client_secret.reveal().to_owned(),
            token_endpoint: tokens.endpoint.clone(),
            scope: tokens.scope.clone(),
            user_pool_id: pool_id.to_owned(),
            domain_prefix: domain.to_owned(),
            discovery_url: cognito::discovery_url(aws, pool_id),
        }
    }

    /// Label and value of each member that a client needs.
    pub fn fields(&self) -> [(&'static str, &str); 4] {
        [
            ("Client ID", &self.client_id),
            ("Client secret", &self.client_secret),
            ("Token endpoint", &self.token_endpoint),
            ("Scope", &self.scope),
        ]
    }

    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AGENTCORE_GATEWAY_CLIENT_ID", self.client_id.clone()),
            ("AGENTCORE_GATEWAY_CLIENT_SECRET", self.client_secret.clone()),
            ("AGENTCORE_GATEWAY_TOKEN_ENDPOINT", self.token_endpoint.clone()),
            ("AGENTCORE_GATEWAY_SCOPE", self.scope.clone()),
        ]
    }

    /// `client_info` of the starter toolkit's `gateway_config.json`.
    pub fn toolkit_shape(&self) -> Value {
        json!({
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "user_pool_id": self.user_pool_id,
            "token_endpoint": self.token_endpoint,
            "scope": self.scope,
            "domain_prefix": self.domain_prefix,
        })
    }
}

impl Report for Shown {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        let mut shown = vec![("Gateway URL", self.gateway.gateway_url.as_str())];
        shown.extend(self.client_info.fields());
        fields(w, &shown)
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![("AGENTCORE_GATEWAY_URL", self.gateway.gateway_url.clone())];
        variables.extend(self.client_info.env());
        variables
    }
}
