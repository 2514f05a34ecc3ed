//! `credentials`: what a client of the gateway needs, read back from AWS.

use std::io;

use clap::Args;
use serde::Serialize;

use super::{
    Outcome,
    shown::{ClientInfo, GatewayInfo, SecretFlags, client_of},
    stack_with_gateway,
};
use crate::{
    context::Context,
    ops::{self, world},
    ui::report::{Page, Report},
};

/// Show a gateway's URL and client credentials, read back from AWS
#[derive(Debug, Args)]
pub struct Credentials {
    /// Name, id or ARN of the gateway
    pub name: String,

    #[command(flatten)]
    pub secrets: SecretFlags,
}

impl Credentials {
    pub async fn run(self, ctx: &Context) -> Outcome {
        self.secrets.check()?;
        let aws = ctx.aws().await?;
        let stack = stack_with_gateway(ctx, &aws, &self.name).await?;
        let gateway = stack.gateway.as_ref().ok_or_else(|| ops::Error::NotFound(self.name.clone()))?;
        let (pool_id, domain, client) = client_of(&aws, &stack)?;
        let tokens = world::token_request(&aws, (pool_id, domain), client, &stack.names).await?;
        let gateway = GatewayInfo::new(&gateway.document, &aws.region);
        let mut client_info = ClientInfo::new(&aws, pool_id, domain, &tokens);
        self.secrets.apply(&gateway, Some(&mut client_info), "the credentials are there")?;
        Ok(Box::new(Shown { gateway, client_info }))
    }
}

/// What `credentials` shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    gateway: GatewayInfo,
    client_info: ClientInfo,
}

impl Report for Shown {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let mut shown = vec![("Gateway URL", self.gateway.gateway_url.as_str())];
        shown.extend(self.client_info.fields());
        shown.push(("Issuer", self.client_info.issuer()));
        w.fields(&shown)
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![("AGENTCORE_GATEWAY_URL", self.gateway.gateway_url.clone())];
        variables.extend(self.client_info.env());
        variables
    }
}
