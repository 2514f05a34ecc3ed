//! The parts of reports that several commands share: gateway, client and targets.

use std::{
    io::{self, Write},
    path::Path,
};

use serde::Serialize;
use serde_json::{Value, json};

use super::output::{self, Access};

use crate::{
    aws::{
        Aws,
        agentcore::ApiDocument,
        cognito::{self, AppClient},
    },
    model::{
        document::Document, finding::Reading, name::Region, openapi::Api, smithy::Model, target::TargetKind, tool,
    },
    ops::{self, stack::Stack, token::TokenRequest, world},
    ui::report::Report,
};

/// A document that other programs take, alone.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Printed(pub Value);

impl Report for Printed {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        writeln!(w, "{:#}", self.0)
    }
}

/// The gateway, as `create` and `credentials` show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayInfo {
    pub name: String,
    pub gateway_id: String,
    pub gateway_arn: String,
    pub gateway_url: String,
    pub status: String,
    pub region: String,
}

impl GatewayInfo {
    pub fn new(document: &ApiDocument, region: &Region) -> Self {
        Self {
            name: document.name().to_owned(),
            gateway_id: document.gateway_id().to_owned(),
            gateway_arn: document.gateway_arn().to_owned(),
            gateway_url: document.gateway_url().to_owned(),
            status: document.status().to_owned(),
            region: region.to_string(),
        }
    }
}

/// A target, as `create` and `target add` show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetInfo {
    pub name: String,
    target_id: String,
    pub status: String,
    /// Where a user signs in to it, if one has to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_url: Option<String>,
    /// Qualified names; `None` if only a list of the gateway's tools shows them.
    pub tools: Option<Vec<String>>,
}

impl TargetInfo {
    pub fn new(target: &ApiDocument) -> Self {
        Self {
            name: target.name().to_owned(),
            target_id: target.target_id().to_owned(),
            status: target.status().to_owned(),
            authorization_url: target.sign_in_url().filter(|_| target.awaits_user()).map(str::to_owned),
            // A FAILED target has none.
            tools: if target.status() == "FAILED" { Some(Vec::new()) } else { tool_names(target.name(), &target.0) },
        }
    }
}

/// The qualified names of a target's tools, if its document contains them; tools in S3 or from an MCP server
/// are not in it.
fn tool_names(target: &str, document: &Value) -> Option<Vec<String>> {
    let mcp = &document["targetConfiguration"]["mcp"];
    let kind = TargetKind::of(mcp)?;
    let configuration = &mcp[kind.member()];
    let inline = || Document::parse(configuration["inlinePayload"].as_str()?).ok();
    let reading = Reading::of(target, true);
    let names: Vec<String> = match kind {
        TargetKind::Lambda => {
            let tools = configuration["toolSchema"]["inlinePayload"].as_array()?.iter();
            tools.filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect()
        }
        TargetKind::OpenApi => Api::read(&inline()?, reading).operations.into_iter().map(|it| it.id).collect(),
        TargetKind::Smithy => Model::outline(&inline()?, reading).operations.into_iter().map(|it| it.name).collect(),
        TargetKind::McpServer | TargetKind::ApiGateway => return None,
    };
    Some(names.into_iter().map(|name| tool::qualified(target, &name)).collect())
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
    /// Of the tokens, by which OAuth libraries find the token endpoint.
    issuer: String,
}

impl ClientInfo {
    pub fn new(aws: &Aws, pool_id: &str, domain: &str, tokens: &TokenRequest) -> Self {
        let discovery_url = cognito::discovery_url(aws, pool_id);
        let issuer = discovery_url.split("/.well-known/").next().unwrap_or_default().to_owned();
        Self {
            client_id: tokens.client_id.clone(),
            client_secret: tokens.client_secret.reveal().to_owned(),
            token_endpoint: tokens.endpoint.clone(),
            scope: tokens.scope.clone(),
            user_pool_id: pool_id.to_owned(),
            domain_prefix: domain.to_owned(),
            discovery_url,
            issuer,
        }
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
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
            ("AGENTCORE_GATEWAY_ISSUER", self.issuer.clone()),
        ]
    }

    /// `client_info` of the starter toolkit's `gateway_config.json`.
    fn toolkit_shape(&self) -> Value {
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

/// Writes the starter toolkit's `gateway_config.json`, readable by its owner only.
pub fn save_config(file: &Path, gateway: &GatewayInfo, client: Option<&ClientInfo>) -> io::Result<()> {
    let mut document = json!({
        "gateway_url": gateway.gateway_url,
        "gateway_id": gateway.gateway_id,
        "region": gateway.region,
    });
    if let Some(client) = client {
        document["client_info"] = client.toolkit_shape();
    }
    output::replace(file, format!("{document:#}\n").as_bytes(), &Access::Private)
}

/// Pool id, domain and client of a stack.
pub fn client_of<'a>(aws: &Aws, stack: &'a Stack) -> Result<(&'a str, &'a str, &'a AppClient), ops::Error> {
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
    world::token_request(aws, (pool_id, domain), client, &stack.names).await
}
