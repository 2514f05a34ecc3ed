//! `list` and `get`: gateways as AWS shows them.

use std::io::{self, Write as _};

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{Outcome, gateway_id, shown::Printed};
use crate::{
    aws::{Caller, agentcore},
    context::Context,
    ops::{
        self,
        find::{self, Maker},
    },
    ui::report::{Page, Report},
};

/// List the gateways of the region, and who made them
///
/// Who made a gateway is told by its tags, with one call for each gateway.
#[derive(Debug, Args)]
pub struct List {
    /// Do not look who made them, which takes one call in all
    #[arg(long)]
    pub no_maker: bool,
}

/// Show a gateway, as AWS has it
#[derive(Debug, Args)]
pub struct Get {
    /// Name, id or ARN of the gateway
    pub name: String,
}

impl List {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let items = async { agentcore::listed_gateways(&aws).await.map_err(|error| aws.of_region(error)) };
        let region = aws.region.to_string();
        if self.no_maker {
            let items = in_order(items.await?);
            return Ok(Box::new(Gateways { region, caller: None, managed: None, makers: Vec::new(), items }));
        }
        // Who may list gateways sees them, whether STS can be reached or not.
        let (items, caller) = tokio::join!(items, aws.caller());
        let (items, caller) = (in_order(items?), caller.ok());
        let named = items.iter().map(|item| (text(item, "gatewayId"), text(item, "name")));
        let account = caller.as_ref().map(|caller| caller.account.as_str());
        let makers = find::makers(&aws, account, &named.collect::<Vec<_>>()).await;
        let ours = items.iter().zip(&makers).filter(|(_, maker)| **maker == Maker::Us);
        let managed = Some(ours.map(|(item, _)| text(item, "gatewayId")).collect());
        Ok(Box::new(Gateways { region, caller, managed, makers, items }))
    }
}

impl Get {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let id = gateway_id(ctx, &aws, &self.name).await?;
        let gateway = agentcore::find_gateway(&aws, &id).await?;
        Ok(Box::new(Printed(gateway.ok_or(ops::Error::NotFound(self.name))?.0)))
    }
}

/// AWS lists items in no order; here they are in that of their names.
pub(super) fn in_order(mut items: Vec<Value>) -> Vec<Value> {
    items.sort_by_cached_key(|item| text(item, "name"));
    items
}

/// A member's text; empty if there is none.
fn text(item: &Value, member: &str) -> String {
    item[member].as_str().unwrap_or_default().to_owned()
}

/// The day of an item's last change, or else of its creation.
fn changed(item: &Value) -> String {
    let moment = [text(item, "updatedAt"), text(item, "createdAt")].into_iter().find(|moment| !moment.is_empty());
    moment.unwrap_or_default().split('T').next().unwrap_or_default().to_owned()
}

/// The gateways of a region: AWS's own list items, unchanged.
#[derive(Debug, Serialize)]
struct Gateways {
    region: String,
    #[serde(flatten)]
    caller: Option<Caller>,
    /// The ids of those that this program made, if that was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    managed: Option<Vec<String>>,
    /// Who made each.
    #[serde(skip)]
    makers: Vec<Maker>,
    items: Vec<Value>,
}

impl Gateways {
    fn maker(&self, n: usize) -> &'static str {
        match self.makers.get(n) {
            Some(Maker::Us) => "agentcore-gw",
            Some(Maker::Others) => "others",
            Some(Maker::Unknown) => "unknown",
            None => "",
        }
    }
}

impl Report for Gateways {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let account = self.caller.as_ref().map(|caller| format!(" of account {}", caller.account)).unwrap_or_default();
        if self.items.is_empty() {
            return writeln!(w, "There are no gateways in {}{account}.", self.region);
        }
        writeln!(w, "Gateways in {}{account}\n", self.region)?;
        let row = |(n, item): (usize, &Value)| {
            let [name, status, id] = ["name", "status", "gatewayId"].map(|member| text(item, member));
            [name, status, self.maker(n).to_owned(), text(item, "authorizerType"), changed(item), id]
        };
        let rows: Vec<[String; 6]> = self.items.iter().enumerate().map(row).collect();
        w.table(["NAME", "STATUS", "MADE BY", "AUTHORIZER", "CHANGED", "ID"], &rows)
    }
}

/// The targets of a gateway: AWS's own list items, unchanged.
#[derive(Debug, Serialize)]
pub struct Targets {
    #[serde(skip)]
    pub gateway: String,
    pub items: Vec<Value>,
}

impl Report for Targets {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        if self.items.is_empty() {
            return writeln!(w, "The gateway {} has no targets.", self.gateway);
        }
        let row = |item: &Value| {
            let [name, status, kind, id] =
                ["name", "status", "targetType", "targetId"].map(|member| text(item, member));
            [name, status, kind, changed(item), id]
        };
        let rows: Vec<[String; 5]> = self.items.iter().map(row).collect();
        w.table(["NAME", "STATUS", "KIND", "CHANGED", "ID"], &rows)
    }
}
