//! The parts of reports that several commands share: gateway, client and targets.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::output::{self, Access};

use crate::{
    aws::{
        Aws,
        agentcore::ApiDocument,
        cognito::{self, AppClient},
    },
    error::{Error, ErrorKind},
    model::{
        document::Document, finding::Reading, name::Region, openapi::Api, smithy::Model, target::TargetKind, tool,
    },
    ops::{self, stack::Stack, token::TokenRequest, world},
    ui::report::{Page, Report},
};

/// A document of AWS, or one that other programs take, as it is.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Printed(pub Value);

impl Report for Printed {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
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
pub fn tool_names(target: &str, document: &Value) -> Option<Vec<String>> {
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
    /// `None` if it is not to be shown.
    client_secret: Option<String>,
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
            client_secret: Some(tokens.client_secret.reveal().to_owned()),
            token_endpoint: tokens.endpoint.clone(),
            scope: tokens.scope.clone(),
            user_pool_id: pool_id.to_owned(),
            domain_prefix: domain.to_owned(),
            discovery_url,
            issuer,
        }
    }

    /// Leaves the secret out.
    pub fn hide_secret(&mut self) {
        self.client_secret = None;
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Label and value of each member that a client needs.
    pub fn fields(&self) -> [(&'static str, &str); 4] {
        [
            ("Client ID", &self.client_id),
            ("Client secret", self.client_secret.as_deref().unwrap_or("not shown (--no-secrets)")),
            ("Token endpoint", &self.token_endpoint),
            ("Scope", &self.scope),
        ]
    }

    pub fn env(&self) -> Vec<(&'static str, String)> {
        let variables = [
            ("AGENTCORE_GATEWAY_CLIENT_ID", Some(&self.client_id)),
            ("AGENTCORE_GATEWAY_CLIENT_SECRET", self.client_secret.as_ref()),
            ("AGENTCORE_GATEWAY_TOKEN_ENDPOINT", Some(&self.token_endpoint)),
            ("AGENTCORE_GATEWAY_SCOPE", Some(&self.scope)),
            ("AGENTCORE_GATEWAY_ISSUER", Some(&self.issuer)),
        ];
        variables.into_iter().filter_map(|(name, value)| Some((name, value?.clone()))).collect()
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

/// The first of these names, at most so many, and how many more there are.
pub fn few<T: AsRef<str>>(names: &[T], most: usize, separator: &str) -> String {
    let first = names.iter().take(most).map(AsRef::as_ref).collect::<Vec<&str>>().join(separator);
    match names.len().saturating_sub(most) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Where a client's credentials go.
#[derive(Debug, Args)]
pub struct SecretFlags {
    /// Write the credentials to this file, in the shape of the starter toolkit's gateway_config.json
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Leave the client secret out of what is printed, as for the log of a CI job; a file of --save has it
    #[arg(long)]
    pub no_secrets: bool,
}

impl SecretFlags {
    /// Fails before anything is created if the file cannot be written.
    pub fn check(&self) -> Result<(), Error> {
        self.save.as_deref().map_or(Ok(()), output::check_writable)
    }

    /// Writes the file, and leaves the secret out of what is printed then. `done` is what can be relied on if the file
    /// cannot be written.
    pub fn apply(&self, gateway: &GatewayInfo, client: Option<&mut ClientInfo>, done: &str) -> Result<(), Error> {
        if let Some(file) = &self.save {
            save_config(file, gateway, client.as_deref()).map_err(|error| {
                let problem = format!("{done}, but {} cannot be written: {error}", file.display());
                Error::new(ErrorKind::Failed, problem)
            })?;
        }
        if let Some(client) = client.filter(|_| self.no_secrets) {
            client.hide_secret();
        }
        Ok(())
    }
}

/// Writes the starter toolkit's `gateway_config.json`, readable by its owner only.
fn save_config(file: &Path, gateway: &GatewayInfo, client: Option<&ClientInfo>) -> io::Result<()> {
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
