//! `cleanup`: deletes everything of a stack, and reports what remains.

use std::{
    io::{self, Write},
    time::Duration,
};

use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::Outcome;
use crate::{
    aws::{Aws, Caller, wait::Cause},
    context::Context,
    error::{Error, ErrorKind, exit},
    model::{name::GatewayName, naming::StackNames},
    ops::{
        self, Resource,
        cleanup::{self, Cleaned},
        find,
        run::Run,
        stack::{self, Depth},
    },
    ui::{
        ErrorBody,
        report::{Page, Report},
    },
};

/// Delete a gateway and everything that was made for it
///
/// What you brought yourself is never touched. Exits with 3, and says what remains, if something
/// could not be deleted or looked at.
#[derive(Debug, Args)]
pub struct Cleanup {
    /// Name, id or ARN of the gateway
    #[arg(required_unless_present = "all")]
    pub name: Option<String>,

    /// Delete every stack of agentcore-gw in this region
    #[arg(long, conflicts_with = "name")]
    pub all: bool,

    /// Show what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,

    /// After an interrupted run, look again this many seconds after the first look
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(..=3600))]
    pub settle: u64,
}

impl Cleanup {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let names = match &self.name {
            Some(given) => vec![named(&aws, given).await?],
            None => find::all_stacks(&aws, &aws.region).await?,
        };
        if self.dry_run {
            return Ok(Box::new(dry_run(&aws, &names).await?));
        }
        if !names.is_empty() && !ctx.settings.yes && !self.confirmed(ctx, &aws, &names).await? {
            return Err(Error::new(ErrorKind::Interrupted, "nothing was deleted"));
        }
        let settle = Duration::from_secs(self.settle);
        let watch = ctx.watch();
        let run = Run { aws: &aws, observer: &watch, stop: &ctx.stop };
        let mut report = CleanupReport::new(&aws);
        report.again = ctx.invocation.again().to_owned();
        report.begun = ctx.ui.begun();
        for name in names {
            if let Some(cause) = ctx.stop.cause() {
                report.leave(name, cause);
                continue;
            }
            let stack = StackNames::new(&aws.region, &name);
            let cleaned = cleanup::cleanup(run, &stack, settle).await;
            report.add(name, cleaned.map_err(|error| ctx.ended(error, None))?);
        }
        drop(watch);
        report.caller = ctx.caller.get().cloned();
        report.warnings.iter().for_each(|warning| ctx.ui.warn(warning));
        Ok(Box::new(report))
    }

    /// Shows what would be deleted, and asks for confirmation. A stack that does not exist needs none.
    async fn confirmed(&self, ctx: &Context, aws: &Aws, names: &[GatewayName]) -> Result<bool, Error> {
        let found = dry_run(aws, names).await?;
        if found.deleted.is_empty() {
            return Ok(true);
        }
        let mut shown = Vec::new();
        drop(found.human(&mut Page::within(&mut shown)));
        let account = found.caller.as_ref().map(|caller| caller.account.as_str()).unwrap_or_default();
        let (list, place) = (String::from_utf8_lossy(&shown), format!("{} of account {account}", aws.region));
        ctx.confirm(&format!("{list}Delete all of this in {place}?")).await
    }
}

/// The name of a gateway that is given by name, id or ARN; a name needs no lookup, unless it could be an id.
async fn named(aws: &Aws, given: &str) -> Result<GatewayName, Error> {
    let name = given.parse::<GatewayName>();
    match name {
        Ok(name) if !name.could_be_id() => Ok(name),
        Err(error) if !given.contains(":gateway/") => {
            Err(Error::new(ErrorKind::InvalidInput, format!("`{given}` is no gateway's name, id or ARN: {error}")))
        }
        name => match (find::stack(aws, given).await.map_err(Error::from), name) {
            (Ok(stack), _) => Ok(stack.names.gateway),
            (Err(error), Ok(name)) if error.kind == ErrorKind::NotFound => Ok(name),
            (Err(error), _) => Err(error),
        },
    }
}

async fn dry_run(aws: &Aws, names: &[GatewayName]) -> Result<CleanupReport, Error> {
    let mut report = CleanupReport { dry_run: true, ..CleanupReport::new(aws) };
    for name in names {
        let stack = stack::discover(aws, &StackNames::new(&aws.region, name), Depth::Thorough).await?;
        report.caller = Some(stack.caller.clone());
        // If the gateway's owner cannot be determined, nothing that the gateway depends on is deleted.
        let whose = stack.gateway.as_ref().map_or(Ok(()), |gateway| gateway.tags.as_ref().map(drop));
        let deleted = if whose.is_ok() { stack.resources() } else { Vec::new() };
        let cleaned = Cleaned { deleted, unseen: stack.unseen, ..Cleaned::default() };
        report.add(name.clone(), cleaned);
    }
    Ok(report)
}

/// What was deleted, and what remains.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CleanupReport {
    gateways: Vec<String>,
    region: String,
    /// With `--dry-run`: what would be deleted.
    deleted: Vec<Entry>,
    remaining: Vec<Remaining>,
    complete: bool,
    dry_run: bool,
    warnings: Vec<String>,
    /// Why something was not deleted, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
    #[serde(skip)]
    stopped: Option<Cause>,
    /// The whole command, and when it began.
    #[serde(skip)]
    again: String,
    #[serde(skip)]
    begun: Instant,
    /// Whether there was a gateway of another owner, which is kept.
    #[serde(skip)]
    kept: bool,
    #[serde(flatten)]
    caller: Option<Caller>,
}

/// A resource in a report.
#[derive(Debug, Serialize)]
pub struct Entry {
    pub kind: &'static str,
    pub name: String,
}

impl From<Resource> for Entry {
    fn from(resource: Resource) -> Self {
        Self { kind: resource.kind.label(), name: resource.name }
    }
}

#[derive(Debug, Serialize)]
struct Remaining {
    kind: &'static str,
    name: String,
    reason: String,
}

impl CleanupReport {
    fn new(aws: &Aws) -> Self {
        Self {
            gateways: Vec::new(),
            region: aws.region.to_string(),
            deleted: Vec::new(),
            remaining: Vec::new(),
            complete: true,
            dry_run: false,
            warnings: Vec::new(),
            error: None,
            stopped: None,
            again: String::new(),
            begun: Instant::now(),
            kept: false,
            caller: None,
        }
    }

    /// Reports a stack that was not reached before the stop.
    fn leave(&mut self, name: GatewayName, cause: Cause) {
        self.remaining.push(Remaining {
            kind: "stack",
            name: name.to_string(),
            reason: ops::Error::of_stop(cause).to_string(),
        });
        self.add(name, Cleaned { stopped: Some(cause), ..Cleaned::default() });
    }

    fn add(&mut self, name: GatewayName, cleaned: Cleaned) {
        self.complete &= cleaned.is_complete();
        self.stopped = self.stopped.or(cleaned.stopped);
        self.deleted.extend(cleaned.deleted.into_iter().map(Entry::from));
        self.remaining.extend(cleaned.remaining.into_iter().map(|(resource, error)| Remaining {
            kind: resource.kind.label(),
            name: resource.name,
            reason: error.to_string(),
        }));
        self.remaining.extend(cleaned.unseen.into_iter().map(|error| Remaining {
            kind: "unknown",
            name: format!("whatever {} {} would show", error.service, error.operation),
            reason: error.to_string(),
        }));
        if let Some(kept) = cleaned.kept_gateway {
            self.kept = true;
            self.warnings.push(format!("the gateway `{kept}` was not made by agentcore-gw and stays"));
        }
        if !cleaned.not_offered.is_empty() {
            let operations = cleaned.not_offered.into_iter().collect::<Vec<_>>().join(", ");
            self.warnings
                .push(format!("this endpoint does not offer {operations}: nothing of that kind can exist there"));
        }
        self.gateways.push(name.to_string());
        let error = match (self.stopped, self.complete) {
            (Some(cause), _) => Error::from(ops::Error::of_stop(cause)),
            (None, false) => Error::new(ErrorKind::Incomplete, "not everything is deleted"),
            (None, true) => return,
        };
        let error = error.with_hint(format!("run `{}` to delete the rest", self.again));
        self.error = Some(ErrorBody::of(&error, self.begun));
    }
}

impl Report for CleanupReport {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let names = self.gateways.join(", ");
        if self.gateways.is_empty() {
            return writeln!(w, "There is no stack of agentcore-gw in {}.", self.region);
        }
        if self.dry_run && !self.deleted.is_empty() {
            writeln!(w, "Would delete:")?;
            for entry in &self.deleted {
                writeln!(w, "  {} `{}`", entry.kind, entry.name)?;
            }
        }
        if !self.remaining.is_empty() {
            writeln!(w, "{names}: not everything is gone. What remains:")?;
            for left in &self.remaining {
                writeln!(w, "  {} `{}`: {}", left.kind, left.name, left.reason)?;
            }
            let when = if self.stopped.is_some() { "to delete the rest" } else { "once the cause is mended" };
            return writeln!(w, "Run `{}` {when}.", self.again);
        }
        if let Some(cause) = self.stopped {
            let after = self.begun.elapsed().as_secs_f64();
            let ended = ops::Error::of_stop(cause);
            return writeln!(w, "{names}: {ended} after {after:.1} s; run `{}` to delete the rest.", self.again);
        }
        match (self.deleted.is_empty(), self.dry_run) {
            (true, _) if self.kept => writeln!(w, "Nothing of {names} is agentcore-gw's to delete."),
            (true, _) => writeln!(
                w,
                "Nothing of {names} was found in {}: no execution role, no gateway, no user pool, no function.",
                self.region
            ),
            (false, false) => w.outcome(&format!("{names}: everything is deleted"), false),
            (false, true) => Ok(()),
        }
    }

    fn exit_code(&self) -> u8 {
        match (self.stopped, self.complete) {
            (Some(Cause::Request), _) => exit::INTERRUPTED,
            (Some(Cause::Timeout), _) => exit::TIMED_OUT,
            (None, true) => exit::DONE,
            (None, false) => exit::INCOMPLETE,
        }
    }
}
