//! `apply`: a gateway and its targets, as a file describes them.

mod file;
pub mod member;
mod place;

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, ValueEnum};
use futures_util::future::try_join_all;

use self::file::{Entry, File};
use super::{
    Outcome,
    create::{self, report::Created},
    input::Origin,
    plan::PlanReport,
    shown::SecretFlags,
    target::{AddKind, Wanted, removed},
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
        Resource, ResourceKind, cleanup,
        converge::{self, Converged},
        plan::{self, Action, Plan},
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

    #[command(flatten)]
    pub secrets: SecretFlags,

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
        let file = File::read(ctx, &self.file).await?;
        let wanted = Self::described(ctx, &file).await?;
        let mut spec = self.resolved(ctx, &file).await?;
        spec.targets = wanted.iter().map(|wanted| wanted.target.clone()).collect();
        self.secrets.check()?;
        let names: BTreeSet<String> = spec.targets.iter().map(|target| target.name.to_string()).collect();
        if self.prune.is_some() && file.targets.is_none() {
            let error = Error::new(ErrorKind::Usage, "the file says nothing about targets, so none are to be removed");
            return Err(
                error.with_hint("write `targets:` in the file, also if there are to be none; or leave `--prune` out")
            );
        }
        let aws = ctx.aws().await?;
        let failed = |error| file.in_members(create::ended(ctx, &spec, error));
        let stack = converge::look(&aws, &spec).await.map_err(failed)?;
        let role = role_of(&spec, &stack);
        let mut described = Vec::new();
        for (wanted, entry) in wanted.into_iter().zip(file.targets.iter().flatten()) {
            let kept = wanted.keeping(&stack, entry.args.said(&entry.input));
            let checked = kept.checked(&aws, &stack, &role).await;
            described.push(checked.map_err(|error| file.located(entry, error))?);
        }
        spec.targets = described.iter().map(|wanted| wanted.target.clone()).collect();
        let plan = plan::create(&aws, &spec, &stack);
        let plan = plan.map_err(|error| file.in_members(create::ended(ctx, &spec, error)))?;
        let surplus = self.surplus(&stack, &names)?;
        if self.dry_run {
            return self.show(&aws, (&spec, &stack, &plan), &surplus, &described).await;
        }
        if opens(&plan) {
            create::confirm_open(&spec, ctx).await?;
        }
        self.confirm_removal(ctx, &stack, &surplus).await?;
        Ok(Box::new(self.apply(ctx, &aws, (&spec, stack, &plan), described, surplus).await?))
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
        warnings.extend(described.iter().flat_map(of_target));
        let all = stack.gateway.as_ref().map_or(0, |gateway| gateway.targets.len());
        if self.prune == Some(Prune::Few) && surplus.len() * 2 > all {
            let more = "more than half of the targets are to be removed, which without a terminal wants `--prune=all`";
            warnings.push(more.to_owned());
        }
        let report = PlanReport::new(stack, plan, warnings).with_deletions(surplus);
        Ok(Box::new(if self.detailed_exitcode { report.with_detailed_exit_code() } else { report }))
    }

    /// Asks before more than half of the targets are removed.
    async fn confirm_removal(&self, ctx: &Context, stack: &Stack, surplus: &[Resource]) -> Result<(), Error> {
        let all = stack.gateway.as_ref().map_or(0, |gateway| gateway.targets.len());
        if self.prune != Some(Prune::Few) || surplus.len() * 2 <= all {
            return Ok(());
        }
        let names = surplus.iter().map(|target| target.name.as_str());
        let question = format!("{} of {all} targets are to be removed, which is more than half", surplus.len());
        if !ctx.ui.can_ask() {
            let error = names.fold(Error::new(ErrorKind::Usage, format!("{question}:")), Error::with_cause);
            return Err(error.with_hint("if that is meant, say so: `--prune=all`"));
        }
        let list: String = names.map(|name| format!("\n  {name}")).collect();
        if ctx.confirm(&format!("{question}:{list}\nGo on?")).await? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Interrupted, "nothing was changed"))
    }

    async fn apply(
        &self,
        ctx: &Context,
        aws: &Aws,
        (spec, stack, plan): (&GatewaySpec, Stack, &Plan),
        described: Vec<Wanted>,
        surplus: Vec<Resource>,
    ) -> Result<Created, Error> {
        let converge = async |run: Run<'_>| converge::change(run, spec, !self.no_wait, &stack).await;
        let (made, mut warnings) = create::converge(ctx, aws, spec, converge).await?;
        let mut adapted: BTreeMap<String, Vec<Change>> = BTreeMap::new();
        for wanted in described {
            of_target(&wanted).for_each(|warning| ctx.ui.warn(&warning));
            warnings.extend(of_target(&wanted));
            if !wanted.changes.is_empty() {
                adapted.insert(wanted.target.name.to_string(), wanted.changes);
            }
        }
        let stack = converge::after(stack, plan, &made);
        if !surplus.is_empty() {
            let names: Vec<&str> = surplus.iter().map(|target| target.name.as_str()).collect();
            let remove = async |run: Run<'_>| cleanup::remove_targets(run, &stack, &names).await;
            let cleaned = ctx.observed(aws, remove).await;
            removed(ctx, cleaned)?;
        }
        let created = Created::new(aws, Converged { stack, made }, warnings, create::required_policy(spec))?;
        let removed = surplus.into_iter().map(|target| target.name).collect();
        create::finish(ctx, created.with_targets(removed, adapted), &self.secrets)
    }
}

/// The warnings about a target, with its name.
fn of_target(wanted: &Wanted) -> impl Iterator<Item = String> + '_ {
    wanted.warnings.iter().map(|warning| format!("target `{}`: {warning}", wanted.target.name))
}

/// Whether a plan makes a gateway, or changes who may call it.
fn opens(plan: &Plan) -> bool {
    let gateway = plan.steps.iter().find(|step| step.resource.kind == ResourceKind::Gateway);
    gateway.is_some_and(|gateway| match &gateway.action {
        Action::Keep => false,
        Action::Create | Action::Replace => true,
        Action::Update(differs) => differs.contains(&"authorizer"),
    })
}

/// The ARN of the role that the gateway has or will have.
fn role_of(spec: &GatewaySpec, stack: &Stack) -> String {
    match (&spec.role, &stack.gateway) {
        (RoleSpec::Existing(arn), _) => arn.to_string(),
        (_, Some(gateway)) => gateway.document.role_arn().to_owned(),
        (_, None) => stack.names.role_arn(&stack.caller.account),
    }
}
