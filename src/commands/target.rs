//! `target`: the sources of a gateway's tools.

mod add;
mod change;
mod check;
mod credential;
mod described;
mod keep;
mod settings;
mod source;
mod sync;
mod update;
mod values;

use std::io;

use clap::{Args, Subcommand};
use futures_util::future::LocalBoxFuture;
use serde::Serialize;

pub use self::{
    add::{Add, AddKind},
    change::Wanted,
    keep::Said,
    sync::Sync,
    update::Update,
};
use super::{
    Outcome, gateway_id,
    list::{Targets, in_order},
    shown::Printed,
    stack_with_gateway,
};
use crate::{
    aws::{
        Aws,
        agentcore::{self, ApiDocument},
    },
    context::Context,
    error::{Error, ErrorKind},
    model::name::{TargetName, nearest},
    ops::{
        self, Resource,
        cleanup::{self, Cleaned},
        run::Run,
        stack::{Gateway, Stack},
    },
    ui::report::{Page, Report},
};

/// Add, change, show and remove the targets of a gateway
#[derive(Debug, Args)]
pub struct Target {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    Add(Add),
    Update(Box<Update>),
    /// List the targets of a gateway
    List(OfGateway),
    /// Show a target, as AWS has it
    Get(OneTarget),
    /// Remove a target, and what was made for it alone
    Remove(OneTarget),
    Sync(Sync),
}

impl Verb {
    pub fn changes(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Get(_))
    }
}

#[derive(Debug, Args)]
pub struct OfGateway {
    /// The same as --gateway
    #[arg(value_name = "GATEWAY", required_unless_present = "gateway", conflicts_with = "gateway")]
    pub name: Option<String>,

    /// Name, id or ARN of the gateway
    #[arg(long, value_name = "GATEWAY")]
    pub gateway: Option<String>,
}

#[derive(Debug, Args)]
pub struct OneTarget {
    /// Name or id of the target
    pub name: TargetName,

    /// Name, id or ARN of the gateway
    #[arg(long, value_name = "GATEWAY")]
    pub gateway: String,
}

impl Target {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let outcome: LocalBoxFuture<'_, Outcome> = match self.verb {
            Verb::Add(args) => Box::pin(args.run(ctx)),
            Verb::Update(args) => Box::pin(args.run(ctx)),
            Verb::List(args) => Box::pin(args.list(ctx)),
            Verb::Get(args) => Box::pin(args.get(ctx)),
            Verb::Remove(args) => Box::pin(args.remove(ctx)),
            Verb::Sync(args) => Box::pin(args.run(ctx)),
        };
        outcome.await
    }
}

/// The stack of a gateway that must exist, and the gateway.
async fn with_gateway(ctx: &Context, aws: &Aws, given: &str) -> Result<(Stack, Gateway), Error> {
    let mut stack = stack_with_gateway(ctx, aws, given).await?;
    match stack.gateway.take() {
        Some(gateway) => Ok((stack, gateway)),
        None => Err(ops::Error::NotFound(given.to_owned()).into()),
    }
}

/// A target that must exist.
fn target_of<'a>(gateway: &'a Gateway, name: &TargetName) -> Result<&'a ApiDocument, Error> {
    let missing = || {
        let given = gateway.document.name();
        let near = nearest(name.as_str(), gateway.targets.iter().map(ApiDocument::name));
        Error::new(ErrorKind::NotFound, format!("the gateway has no target `{name}`")).with_hint(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`agentcore-gw target list --gateway {given}` shows those that there are"),
        })
    };
    gateway.target(name.as_str()).ok_or_else(missing)
}

impl OfGateway {
    async fn list(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        // Clap wants one of the two.
        let gateway = self.gateway.or(self.name).unwrap_or_default();
        let id = gateway_id(ctx, &aws, &gateway).await?;
        let items = in_order(agentcore::listed_targets(&aws, &id).await?);
        Ok(Box::new(Targets { gateway, items }))
    }
}

impl OneTarget {
    /// The target of this name, or else of this id.
    fn find<'a>(&self, gateway: &'a Gateway) -> Result<&'a ApiDocument, Error> {
        let by_id = gateway.targets.iter().find(|target| target.target_id() == self.name.as_str());
        target_of(gateway, &self.name).or_else(|missing| by_id.ok_or(missing))
    }

    async fn get(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let (_, gateway) = with_gateway(ctx, &aws, &self.gateway).await?;
        Ok(Box::new(Printed(self.find(&gateway)?.0.clone())))
    }

    async fn remove(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let (mut stack, gateway) = with_gateway(ctx, &aws, &self.gateway).await?;
        let gateway_name = stack.names.gateway.to_string();
        // One that is not there is named as it was given.
        let target = self.find(&gateway).map_or(self.name.as_str(), ApiDocument::name).to_owned();
        stack.gateway = Some(gateway);
        let remove = async |run: Run<'_>| cleanup::remove_targets(run, &stack, &[&target]).await;
        let deleted = removed(ctx, ctx.observed(&aws, remove).await)?;
        let was_there = deleted.iter().any(|resource| resource.kind == ops::ResourceKind::Target);
        Ok(Box::new(Removed { target, gateway: gateway_name, was_there }))
    }
}

/// What was removed.
///
/// # Errors
/// If anything remains.
pub(super) fn removed(ctx: &Context, cleaned: Result<Cleaned, ops::Error>) -> Result<Vec<Resource>, Error> {
    let cleaned = cleaned.map_err(|error| ctx.ended(error, None))?;
    if let Some(cause) = cleaned.stopped {
        return Err(ctx.ended(ops::Error::of_stop(cause), None));
    }
    match cleaned.remaining.into_iter().next() {
        None => Ok(cleaned.deleted),
        Some((resource, error)) => {
            let mut incomplete = Error::from(error);
            incomplete.kind = ErrorKind::Incomplete;
            Err(incomplete.with_cause(format!("remains: {resource}")))
        }
    }
}

/// A target that was removed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    target: String,
    gateway: String,
    /// False if it did not exist.
    was_there: bool,
}

impl Report for Removed {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let what = if self.was_there { "is removed" } else { "was not there" };
        w.outcome(&format!("Target {} of {} {what}", self.target, self.gateway), false)
    }
}
