//! `apply`: a gateway and its targets, as a file describes them.

mod file;
pub mod member;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use futures_util::future::try_join_all;
use tokio::join;

use self::file::{Entry, File};
use super::{
    Outcome,
    create::{self, report::Created},
    input::Origin,
    output::check_writable,
    plan::PlanReport,
    target::{AddKind, Wanted},
};
use crate::{
    aws::{Aws, agentcore::ApiDocument},
    context::Context,
    error::{Error, ErrorKind},
    model::{
        adapt::Change,
        spec::{GatewaySpec, RoleSpec},
    },
    ops::{
        self, Resource, ResourceKind, cleanup,
        converge::{self, Converged},
        plan::Plan,
        run::Run,
        stack::Stack,
    },
};

/// Make a gateway and its targets as a file describes them
///
/// What is missing is made, what differs is changed, and what the file does not name stays as it is.
/// Running it again changes nothing; after an interruption it goes on where that stopped. `schema`
/// prints the JSON Schema of the file, and `export` writes such a file from a gateway.
#[derive(Debug, Args)]
pub struct Apply {
    /// The file, YAML or JSON; `-` is standard input
    #[arg(short, long = "file", value_name = "FILE")]
    pub file: String,

    /// Show what would be done, member by member, and do nothing
    #[arg(long, conflicts_with_all = ["save", "no_wait"])]
    pub dry_run: bool,

    /// With --dry-run: end with the exit code 10 if there is anything to do
    #[arg(long, requires = "dry_run")]
    pub detailed_exitcode: bool,

    /// Remove the targets that the file does not name; `all`: also if they are more than half of all
    #[arg(long, value_name = "HOW", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "few")]
    pub prune: Option<Prune>,

    /// Write the credentials to this file, in the shape of the starter toolkit's gateway_config.json
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Do not wait until everything is READY
    #[arg(long)]
    pub no_wait: bool,
}

/// How many targets may be removed without a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Prune {
    /// Up to half of the gateway's targets; for more, a question at a terminal
    Few,
    /// Any number
    All,
}

impl Apply {
    pub async fn run(self, ctx: &Context) -> Outcome {
        // Everything that can be checked is checked before the first AWS call.
        let file = File::read(&self.file)?;
        let wanted = Self::described(ctx, &file).await?;
        let mut spec = self.resolved(ctx, &file).await?;
        spec.targets = wanted.iter().map(|wanted| wanted.target.clone()).collect();
        if let Some(save) = &self.save {
            check_writable(save)?;
        }
        let names: BTreeSet<String> = spec.targets.iter().map(|target| target.name.to_string()).collect();
        if self.prune.is_some() && file.targets.is_none() {
            let error = Error::new(ErrorKind::Usage, "the file says nothing about targets, so none are to be removed");
            return Err(
                error.with_hint("write `targets:` in the file, also if there are to be none; or leave `--prune` out")
            );
        }
        if !self.dry_run {
            create::confirm_open(&spec, ctx).await?;
        }
        let aws = ctx.aws().await?;
        let planned = converge::plan(&aws, &spec).await;
        let (stack, plan) = planned.map_err(|error| create::ended(ctx, &spec, error))?;
        let surplus = self.surplus(&stack, &names)?;
        let role = role_of(&spec, &stack);
        let mut described = Vec::new();
        for (wanted, entry) in wanted.into_iter().zip(file.targets.iter().flatten()) {
            let checked = wanted.checked(&aws, &stack, &role).await;
            described.push(checked.map_err(|error| file.located(entry, error))?);
        }
        if self.dry_run {
            return self.show(&aws, (&spec, &stack, &plan), &surplus, &described).await;
        }
        self.confirm_removal(ctx, &stack, &surplus).await?;
        Ok(Box::new(self.apply(ctx, &aws, (&spec, stack), described, &names).await?))
    }

    /// The gateway's members as a specification.
    async fn resolved(&self, ctx: &Context, file: &File) -> Result<GatewaySpec, Error> {
        let gateway = &file.gateway;
        gateway.args.resolve(ctx, gateway.input.clone()).await.map_err(|error| file.located(gateway, error))
    }

    /// The targets' members as specifications.
    async fn described(ctx: &Context, file: &File) -> Result<Vec<Wanted>, Error> {
        let targets = file.targets.as_deref().unwrap_or_default();
        let describe = async |entry: &Entry<AddKind>| {
            let wanted = entry.args.describe(ctx, entry.input.clone(), Origin::File).await;
            wanted.map_err(|error| file.located(entry, error))
        };
        try_join_all(targets.iter().map(describe)).await
    }

    /// The gateway's targets that the file does not name, if they are to be removed.
    fn surplus(&self, stack: &Stack, names: &BTreeSet<String>) -> Result<Vec<Resource>, Error> {
        let Some(gateway) = stack.gateway.as_ref().filter(|_| self.prune.is_some()) else { return Ok(Vec::new()) };
        if !gateway.ours {
            let problem = format!("the gateway `{}` is not managed by agentcore-gw", stack.names.gateway);
            let error = Error::new(ErrorKind::Conflict, format!("{problem}: its targets are not removed"));
            let remove = format!("agentcore-gw target remove NAME --gateway {}", stack.names.gateway);
            return Err(error.with_hint(format!("leave `--prune` out; `{remove}` removes one of them")));
        }
        let surplus: BTreeSet<&str> =
            gateway.targets.iter().map(ApiDocument::name).filter(|name| !names.contains(*name)).collect();
        Ok(surplus.into_iter().map(|name| Resource::new(ResourceKind::Target, name)).collect())
    }

    async fn show(
        &self,
        aws: &Aws,
        (spec, stack, plan): (&GatewaySpec, &Stack, &Plan),
        surplus: &[Resource],
        described: &[Wanted],
    ) -> Outcome {
        let mut warnings = create::provider_warnings(aws, spec).await;
        warnings.extend(plan.warnings.iter().cloned());
        warnings.extend(described.iter().flat_map(|wanted| wanted.warnings.iter().cloned()));
        let report = PlanReport::new(stack, plan, warnings).with_deletions(surplus);
        Ok(Box::new(if self.detailed_exitcode { report.with_detailed_exit_code() } else { report }))
    }

    /// Asks before more than half of the targets are removed.
    async fn confirm_removal(&self, ctx: &Context, stack: &Stack, surplus: &[Resource]) -> Result<(), Error> {
        let all = stack.gateway.as_ref().map_or(0, |gateway| gateway.targets.len());
        if self.prune != Some(Prune::Few) || surplus.len() * 2 <= all {
            return Ok(());
        }
        let names: Vec<&str> = surplus.iter().map(|target| target.name.as_str()).collect();
        let question = format!("{} of {all} targets are to be removed: {}", surplus.len(), names.join(", "));
        if !ctx.ui.can_ask() {
            let error = Error::new(ErrorKind::Usage, format!("{question}; that is more than half of them"));
            return Err(error.with_hint("if that is meant, say so: `--prune=all`"));
        }
        if ctx.confirm(&format!("{question}. Go on?")).await? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Interrupted, "nothing was changed"))
    }

    async fn apply(
        &self,
        ctx: &Context,
        aws: &Aws,
        (spec, stack): (&GatewaySpec, Stack),
        described: Vec<Wanted>,
        names: &BTreeSet<String>,
    ) -> Result<Created, Error> {
        let mut removed = Vec::new();
        let converge = async |run: Run<'_>| {
            let checked = async {
                tokio::select! {
                    warnings = create::provider_warnings(run.aws, spec) => warnings,
                    _ = run.stop.requested() => Vec::new(),
                }
            };
            let (made, warnings) = join!(converge::change(run, spec, !self.no_wait, &stack), checked);
            let made = made?;
            if self.prune.is_some() {
                removed = remove_surplus(run, spec, names).await?;
            }
            Ok((made, warnings))
        };
        let converged = ctx.observed(aws, converge).await;
        let (made, mut warnings) = converged.map_err(|error| create::ended(ctx, spec, error))?;
        let mut adapted: BTreeMap<String, Vec<Change>> = BTreeMap::new();
        for wanted in described {
            warnings.extend(wanted.warnings);
            if !wanted.changes.is_empty() {
                adapted.insert(wanted.target.name.to_string(), wanted.changes);
            }
        }
        for warning in &warnings {
            ctx.ui.warn(warning);
        }
        let converged = Converged { stack, made };
        let created = Created::new(aws, converged, warnings, create::required_policy(spec))?;
        let created = created.with_targets(removed, adapted);
        created.own_warnings().for_each(|warning| ctx.ui.warn(warning));
        if let Some(file) = &self.save {
            created.save(file)?;
        }
        Ok(created)
    }
}

/// Removes the targets that are not named, from the stack as it is now; returns their names.
async fn remove_surplus(run: Run<'_>, spec: &GatewaySpec, names: &BTreeSet<String>) -> Result<Vec<String>, ops::Error> {
    let (stack, _) = converge::plan(run.aws, spec).await?;
    let targets = stack.gateway.iter().filter(|gateway| gateway.ours).flat_map(|gateway| &gateway.targets);
    let mut surplus: Vec<&str> = targets.map(ApiDocument::name).filter(|name| !names.contains(*name)).collect();
    surplus.sort_unstable();
    if surplus.is_empty() {
        return Ok(Vec::new());
    }
    let cleaned = cleanup::remove_targets(run, &stack, &surplus).await?;
    if let Some(cause) = cleaned.stopped {
        return Err(ops::Error::of_stop(cause));
    }
    match cleaned.remaining.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(surplus.into_iter().map(str::to_owned).collect()),
    }
}

/// The ARN of the role that the gateway has or will have.
fn role_of(spec: &GatewaySpec, stack: &Stack) -> String {
    match (&spec.role, &stack.gateway) {
        (RoleSpec::Existing(arn), _) => arn.to_string(),
        (_, Some(gateway)) => gateway.document.role_arn().to_owned(),
        (_, None) => stack.names.role_arn(&stack.caller.account),
    }
}
