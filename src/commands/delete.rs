//! `delete`: a gateway alone.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::{Outcome, cleanup::Entry};
use crate::{
    aws::Caller,
    context::Context,
    error::{Error, ErrorKind},
    ops::{
        self, Resource, ResourceKind,
        cleanup::{self, Cleaned},
        find,
        run::Run,
        stack::{self, Depth, Stack},
    },
    ui::report::{Page, Report},
};

/// Delete a gateway with its targets, and nothing else
///
/// It asks first, and says what remains. Also a gateway that agentcore-gw did not make is deleted, if you
/// name it and confirm. `cleanup` deletes everything that was made for a gateway of agentcore-gw's.
#[derive(Debug, Args)]
pub struct Delete {
    /// Name, id or ARN of the gateway
    pub name: String,

    /// Show what would be deleted and what would remain, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl Delete {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let stack = find::stack(&aws, &self.name).await?;
        let name = stack.names.gateway.to_string();
        // What there is besides; what cannot be looked at stands in the way of nothing.
        let around = stack::discover(&aws, &stack.names, Depth::Thorough).await?;
        let Some(gateway) = &stack.gateway else {
            return Ok(Box::new(Done::new(&around, Vec::new(), false)));
        };
        let its_own: Vec<Resource> = gateway
            .targets
            .iter()
            .map(|target| Resource::new(ResourceKind::Target, target.name()))
            .chain([Resource::new(ResourceKind::Gateway, gateway.id())])
            .collect();
        if self.dry_run {
            return Ok(Box::new(Done { dry_run: true, ..Done::new(&around, its_own, true) }));
        }
        if !ctx.settings.yes {
            let list: String = its_own.iter().map(|resource| format!("  {resource}\n")).collect();
            let whose = if gateway.ours { "" } else { "agentcore-gw did not make this gateway. " };
            let place = format!("{} of account {}", aws.region, stack.caller.account);
            if !ctx.confirm(&format!("Would delete:\n{list}{whose}Delete the gateway {name} in {place}?")).await? {
                return Err(Error::new(ErrorKind::Interrupted, "nothing was deleted"));
            }
        }
        let cleaned = ctx.observed(&aws, async |run: Run<'_>| cleanup::delete_gateway(run, &stack).await).await;
        let Cleaned { deleted, remaining, stopped, .. } = cleaned;
        if let Some(cause) = stopped {
            return Err(ctx.ended(ops::Error::of_stop(cause), None));
        }
        if !remaining.is_empty() {
            let again = format!("run `{}` again once the causes are mended", ctx.invocation.again());
            let incomplete =
                Error::new(ErrorKind::Incomplete, format!("not all of {name} is deleted")).with_hint(again);
            let incomplete = remaining.iter().fold(incomplete, |incomplete, (resource, error)| {
                incomplete.with_cause(format!("remains: {resource}: {error}"))
            });
            return Err(deleted.iter().fold(incomplete, |it, resource| it.with_cause(format!("deleted: {resource}"))));
        }
        Ok(Box::new(Done::new(&around, deleted, true)))
    }
}

/// What was deleted, and what remains.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    #[serde(flatten)]
    caller: Caller,
    gateway: String,
    /// False if there was no gateway.
    was_there: bool,
    deleted: Vec<Entry>,
    remaining: Vec<Entry>,
    /// What could not be looked at.
    warnings: Vec<String>,
    dry_run: bool,
    /// Whether `cleanup` deletes what remains.
    #[serde(skip)]
    is_ours: bool,
}

impl Done {
    fn new(stack: &Stack, deleted: Vec<Resource>, was_there: bool) -> Self {
        let is_of_gateway =
            |resource: &Resource| [ResourceKind::Gateway, ResourceKind::Target].contains(&resource.kind);
        let mut remaining: Vec<Resource> =
            stack.resources().into_iter().filter(|resource| !is_of_gateway(resource)).collect();
        let is_ours = !remaining.is_empty();
        // What another owner's gateway used.
        if let Some(gateway) = stack.gateway.as_ref().filter(|gateway| !gateway.has_role(&stack.names)) {
            remaining.push(Resource::new(ResourceKind::Role, gateway.document.role_arn()));
        }
        Self {
            caller: stack.caller.clone(),
            gateway: stack.names.gateway.to_string(),
            was_there,
            deleted: deleted.into_iter().map(Entry::from).collect(),
            remaining: remaining.into_iter().map(Entry::from).collect(),
            warnings: stack.unseen.iter().map(|error| format!("there may remain more: {error}")).collect(),
            dry_run: false,
            is_ours,
        }
    }
}

impl Report for Done {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let name = &self.gateway;
        let list = |w: &mut dyn Write, entries: &[Entry]| {
            entries.iter().try_for_each(|entry| writeln!(w, "  {} `{}`", entry.kind, entry.name))
        };
        match (self.was_there, self.dry_run) {
            (false, _) => writeln!(w, "There is no gateway {name}.")?,
            (true, true) => {
                writeln!(w, "Would delete:")?;
                list(w, &self.deleted)?;
            }
            (true, false) => w.outcome(&format!("Gateway {name} is deleted, with its targets"), false)?,
        }
        if !self.remaining.is_empty() {
            writeln!(w, "What remains:")?;
            list(w, &self.remaining)?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(w, "Warning: {warning}"))
    }

    fn next(&self) -> Vec<String> {
        if self.is_ours && !self.dry_run { vec![format!("cleanup {}", self.gateway)] } else { Vec::new() }
    }
}
