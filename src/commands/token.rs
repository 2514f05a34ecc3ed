//! `token`: an access token, for whatever calls the gateway.

use std::io::{self, Write};

use clap::Args;
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{Outcome, shown::token_request, stack_with_gateway};
use crate::{
    context::Context,
    ops::token::{self, AccessToken},
    ui::report,
};

/// Print an access token for a gateway
#[derive(Debug, Args)]
pub struct Token {
    /// Name, id or ARN of the gateway
    pub name: String,

    /// Print a JSON object of HTTP headers, for MCP clients that run a helper
    #[arg(long)]
    pub header: bool,
}

impl Token {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let stack = stack_with_gateway(ctx, &aws, &self.name).await?;
        let token = token::fetch(&aws.http, &token_request(&aws, &stack).await?).await?;
        Ok(Box::new(Issued { token, header: self.header }))
    }
}

/// An issued token. It is printed in plain text, because the command exists to show it.
#[derive(Debug)]
pub struct Issued {
    token: AccessToken,
    header: bool,
}

impl Serialize for Issued {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.header {
            map.serialize_entry("Authorization", &format!("Bearer {}", self.token.secret.reveal()))?;
        } else {
            map.serialize_entry("access_token", self.token.secret.reveal())?;
            map.serialize_entry("token_type", "Bearer")?;
            map.serialize_entry("expires_in", &self.token.expires_in)?;
        }
        map.end()
    }
}

impl report::Report for Issued {
    fn human(&self, w: &mut report::Page<'_>) -> io::Result<()> {
        if self.header {
            serde_json::to_writer(&mut *w, self)?;
            return writeln!(w);
        }
        writeln!(w, "{}", self.token.secret.reveal())
    }
}
