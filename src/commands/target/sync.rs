//! `target sync`

use std::io;

use clap::Args;
use serde::Serialize;

use super::{
    Outcome,
    change::{few, remarks},
    target_of, with_gateway,
};
use crate::{
    context::Context,
    error::{Error, ErrorKind},
    model::{name::TargetName, target::TargetKind},
    ops::{self, run::Run, sync},
    ui::report::{Page, Report},
};

/// List an MCP server anew: what it offers is kept until then
#[derive(Debug, Args)]
pub struct Sync {
    /// Name of the target
    pub name: TargetName,

    /// Name, id or ARN of the gateway
    #[arg(long, value_name = "GATEWAY")]
    pub gateway: String,

    /// Do not wait until it is done
    #[arg(long)]
    pub no_wait: bool,
}

impl Sync {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let (stack, gateway) = with_gateway(ctx, &aws, &self.gateway).await?;
        let target = target_of(&gateway, &self.name)?;
        if TargetKind::of(&target.0["targetConfiguration"]["mcp"]) != Some(TargetKind::McpServer) {
            return Err(Error::new(ErrorKind::InvalidInput, format!("the target `{}` is no MCP server", self.name))
                .with_hint("only MCP servers are listed; other targets are changed with `target update`"));
        }
        let synchronize = async |run: Run<'_>| sync::synchronize(run, gateway.id(), target, !self.no_wait).await;
        let done = ctx.observed(&aws, synchronize).await;
        let document = done.map_err(|error| match error {
            failed @ ops::Error::Failed { .. } => Error::from(failed)
                .with_hint("what was listed before is still served; see to the server, and try again"),
            other => other.into(),
        })?;
        let member = |member: &str| document.0[member].as_str().map(str::to_owned);
        Ok(Box::new(Synchronized {
            target: self.name.to_string(),
            gateway: stack.names.gateway.to_string(),
            status: document.status().to_owned(),
            last_synchronized_at: member("lastSynchronizedAt"),
            warnings: remarks(&document),
            next: if self.no_wait {
                format!("target get {} --gateway {}", self.name, stack.names.gateway)
            } else {
                format!("tools list {}", stack.names.gateway)
            },
        }))
    }
}

/// A target that is synchronized, or being synchronized.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Synchronized {
    target: String,
    gateway: String,
    status: String,
    last_synchronized_at: Option<String>,
    warnings: Vec<String>,
    /// A command that shows the result.
    #[serde(skip)]
    next: String,
}

impl Report for Synchronized {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let at = self.last_synchronized_at.as_ref().filter(|_| self.status == "READY");
        let at = at.map(|at| format!(", as its server was at {at}"));
        let at = at.unwrap_or_default();
        w.outcome(&format!("Target {} of {} is {}{at}", self.target, self.gateway, self.status), false)?;
        few(w, &self.warnings, "Warning: ")
    }

    fn next(&self) -> Vec<String> {
        vec![self.next.clone()]
    }
}
