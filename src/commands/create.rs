//! `create`: a gateway with everything it needs.

mod flags;
mod report;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::Value;
use tokio::join;

use self::{
    flags::{AuthorizerFlags, GatewayFlags, distinct},
    report::Created,
};
use super::{Outcome, plan::PlanReport};
use crate::{
    aws::Aws,
    context::Context,
    error::{Error, ErrorKind},
    model::{
        name::{GatewayName, KmsKeyArn},
        naming::StackNames,
        policy,
        spec::{AuthorizerSpec, GatewaySpec, RoleSpec, TargetSpec},
    },
    ops::{self, converge, openid, run::Run},
};

/// Create a gateway with everything it needs
///
/// Makes the OAuth authorizer, the execution role and the gateway, waits until a real call would
/// work, and prints the gateway's URL and the client credentials. Running it again changes
/// nothing; running it after an interruption goes on where that stopped.
#[derive(Debug, Args)]
pub struct Create {
    /// Name of the gateway: letters, digits and single hyphens
    pub name: GatewayName,

    /// Add a sample target, a Lambda function with the tools get_weather and get_time
    #[arg(long)]
    pub sample: bool,

    /// Write the credentials to this file, in the shape of the starter toolkit's gateway_config.json
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with_all = ["save", "no_wait"])]
    pub dry_run: bool,

    /// Do not wait until everything is READY
    #[arg(long)]
    pub no_wait: bool,

    #[command(flatten)]
    pub authorizer: AuthorizerFlags,

    #[command(flatten)]
    pub gateway: GatewayFlags,
}

impl Create {
    pub async fn run(self, ctx: &Context) -> Outcome {
        // Everything that can be checked is checked before the first AWS call.
        let spec = self.resolve(ctx).await?;
        if self.dry_run { plan(&spec, ctx).await } else { self.create(&spec, ctx).await }
    }

    async fn create(self, spec: &GatewaySpec, ctx: &Context) -> Outcome {
        if let Some(file) = &self.save {
            check_writable(file)?;
        }
        self.confirm_open(ctx).await?;
        if self.sample {
            ctx.check_sample().await?;
        }
        let aws = ctx.aws().await?;
        let converge = async |run: Run<'_>| {
            let checked = async {
                tokio::select! {
                    warnings = provider_warnings(run.aws, spec) => warnings,
                    _ = run.stop.requested() => Vec::new(),
                }
            };
            join!(converge::create(run, spec, !self.no_wait), checked)
        };
        let (converged, warnings) = ctx.observed(&aws, converge).await;
        for warning in &warnings {
            ctx.ui.warn(warning);
        }
        let required_policy = required_policy(spec);
        let converged = converged.map_err(|error| {
            // Suggest `cleanup`, which deletes what existed before, too, only if this run created the first resource
            // and so all of them.
            let first = if required_policy.is_some() { ops::ResourceKind::UserPool } else { ops::ResourceKind::Role };
            let made_all = ctx.made().iter().any(|made| made.kind == first);
            let undo = format!("agentcore-gw cleanup {}", spec.name);
            let error = ctx.ended(error, made_all.then_some(undo.as_str()));
            match &required_policy {
                Some(policy) => error.with_cause(format!("your role must allow: {policy}")),
                None => error,
            }
        })?;
        let created = Created::new(&aws, converged, warnings, required_policy)?;
        created.own_warnings().for_each(|warning| ctx.ui.warn(warning));
        if let Some(file) = &self.save {
            created.save(file)?;
        }
        Ok(Box::new(created))
    }

    /// Asks for confirmation of a gateway that anybody may call.
    async fn confirm_open(&self, ctx: &Context) -> Result<(), Error> {
        let question = "Whoever reaches this gateway may call its tools. Go on without an authorizer?";
        if !self.authorizer.is_open() || ctx.settings.yes || ctx.confirm(question).await? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Interrupted, "nothing was changed"))
    }

    /// The flags as a specification. What is wrong with a flag is reported before a missing region.
    async fn resolve(&self, ctx: &Context) -> Result<GatewaySpec, Error> {
        let flags = &self.gateway;
        let (authorizer, tags) = (self.authorizer.resolve()?, distinct(&flags.tags)?);
        Ok(GatewaySpec {
            name: self.name.clone(),
            region: ctx.region().await?,
            authorizer,
            allowed_clients: self.authorizer.clients_of_cognito(),
            role: match &flags.role_arn {
                Some(arn) => RoleSpec::Existing(arn.clone()),
                None => RoleSpec::Managed { permissions_boundary: flags.permissions_boundary.clone() },
            },
            description: flags.description.clone(),
            instructions: flags.instructions.clone(),
            mcp_versions: flags.mcp_version.clone(),
            semantic_search: !flags.no_semantic_search,
            debug_errors: match (flags.debug_errors, flags.no_debug_errors) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
            kms_key_arn: flags.kms_key_arn.clone(),
            tags,
            observability: !flags.no_observability,
            traces: match (flags.traces, flags.no_traces) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
            log_retention: flags.log_retention,
            prove_tokens: true,
            targets: if self.sample { vec![TargetSpec::sample()] } else { Vec::new() },
            adopt: flags.adopt,
        })
    }
}

async fn plan(spec: &GatewaySpec, ctx: &Context) -> Outcome {
    let aws = ctx.aws().await?;
    let (planned, warnings) = join!(converge::plan(&aws, spec), provider_warnings(&aws, spec));
    let (stack, plan) = planned?;
    Ok(Box::new(PlanReport::new(&stack, &plan, warnings)))
}

/// What will not work with the user's own OpenID provider, if the flags name one.
async fn provider_warnings(aws: &Aws, spec: &GatewaySpec) -> Vec<String> {
    let Some(AuthorizerSpec::Jwt(authorizer)) = &spec.authorizer else { return Vec::new() };
    let mut warnings = flags::with_commas(authorizer);
    if let Some(url) = authorizer["customJWTAuthorizer"]["discoveryUrl"].as_str() {
        warnings.extend(openid::problem(&aws.http, url).await);
    }
    warnings
}

/// The permissions that a user-supplied role must have: it is not changed for the user.
fn required_policy(spec: &GatewaySpec) -> Option<Value> {
    let RoleSpec::Existing(arn) = &spec.role else { return None };
    let key = spec.kms_key_arn.as_ref().map(KmsKeyArn::as_str);
    Some(policy::gateway_base(&StackNames::new(&spec.region, &spec.name), arn.account(), key.as_slice()))
}

/// Fails before anything is created if the file cannot be written.
fn check_writable(file: &Path) -> Result<(), Error> {
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    // The file is placed by a rename, which would replace a link or a device.
    if fs::symlink_metadata(file).is_ok_and(|there| !there.is_file()) {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{} is there and is no regular file", file.display())));
    }
    if dir.is_dir() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidInput, format!("{} cannot be written: its folder does not exist", file.display())))
}
