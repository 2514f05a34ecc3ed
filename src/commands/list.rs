//! `list` and `get`: gateways as AWS shows them.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{Outcome, gateway_id};
use crate::{
    aws::agentcore,
    context::Context,
    ops,
    ui::{report::Report, style},
};

/// List the gateways of the region
#[derive(Debug, Args)]
pub struct List;

/// Show a gateway, as AWS has it
#[derive(Debug, Args)]
pub struct Get {
    /// Name, id or ARN of the gateway
    pub name: String,
}

impl List {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let items = agentcore::listed_gateways(&aws).await.map_err(|error| aws.of_region(error))?;
        Ok(Box::new(Listed { what: "gateways", items }))
    }
}

impl Get {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let id = gateway_id(ctx, &aws, &self.name).await?;
        let gateway = agentcore::find_gateway(&aws, &id).await?;
        Ok(Box::new(Shown(gateway.ok_or(ops::Error::NotFound(self.name))?.0)))
    }
}

/// AWS's own list items, unchanged.
#[derive(Debug, Serialize)]
pub struct Listed {
    #[serde(skip)]
    pub what: &'static str,
    pub items: Vec<Value>,
}

impl Report for Listed {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        if self.items.is_empty() {
            return writeln!(w, "There are no {}.", self.what);
        }
        let text = |item: &Value, member: &str| item[member].as_str().unwrap_or_default().to_owned();
        let width = self.items.iter().map(|item| text(item, "name").chars().count()).max().unwrap_or(0);
        let statuses = self.items.iter().map(|item| text(item, "status").chars().count()).max().unwrap_or(0);
        for item in &self.items {
            let (heading, reset) = (style::HEADING.render(), style::HEADING.render_reset());
            let id = if item["gatewayId"].is_string() { text(item, "gatewayId") } else { text(item, "targetId") };
            writeln!(w, "{heading}{:<width$}{reset}  {:<statuses$}  {id}", text(item, "name"), text(item, "status"))?;
        }
        Ok(())
    }
}

/// AWS's own response, unchanged.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Shown(pub Value);

impl Report for Shown {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        writeln!(w, "{:#}", self.0)
    }
}
