//! `target`: what a gateway's tools come from.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::{
    create::TargetInfo,
    list::{Listed, Shown},
    program, stack_with_gateway,
    tools::callable,
};
use crate::{
    aws::{Aws, Class, agentcore, lambda},
    context::Context,
    error::{Error, Kind},
    model::{
        name::{FunctionArn, TargetName},
        spec::{GatewaySpec, RoleSpec, TargetKind, TargetSpec},
        tool,
    },
    ops::{
        self, cleanup,
        converge::{self, Patience},
        stack::{Gateway, Stack},
    },
    ui::report::Report,
};

/// Add, show and remove the targets of a gateway
#[derive(Debug, Args)]
pub struct Target {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    Add(Add),
    /// List the targets of a gateway
    List(OfGateway),
    /// Show a target, as AWS has it
    Get(OneTarget),
    /// Remove a target, and what was made for it alone
    Remove(OneTarget),
}

/// Add a target, or repair the one of this name
#[derive(Debug, Args)]
pub struct Add {
    #[command(subcommand)]
    pub kind: AddKind,
}

#[derive(Debug, Subcommand)]
pub enum AddKind {
    Lambda(AddLambda),
}

/// Add a Lambda function
///
/// Without a function of your own, the sample with the tools get_weather and get_time is made.
#[derive(Debug, Args)]
pub struct AddLambda {
    /// Name of the target: letters, digits and single hyphens
    pub name: TargetName,

    /// Name, id or ARN of the gateway
    #[arg(long, value_name = "GATEWAY")]
    pub gateway: String,

    /// The function, with or without a version or alias
    #[arg(long, value_name = "ARN", requires = "tools")]
    pub lambda_arn: Option<FunctionArn>,

    /// File with the function's tool definitions, a JSON array
    #[arg(long, value_name = "FILE", requires = "lambda_arn")]
    pub tools: Option<PathBuf>,

    /// Do not wait until the target is READY
    #[arg(long)]
    pub no_wait: bool,
}

#[derive(Debug, Args)]
pub struct OfGateway {
    /// Name, id or ARN of the gateway
    #[arg(long, value_name = "GATEWAY")]
    pub gateway: String,
}

#[derive(Debug, Args)]
pub struct OneTarget {
    /// Name of the target
    pub name: TargetName,

    /// Name, id or ARN of the gateway
    #[arg(long, value_name = "GATEWAY")]
    pub gateway: String,
}

impl Target {
    pub async fn run(self, ctx: &Context) -> u8 {
        match self.verb {
            Verb::Add(Add { kind: AddKind::Lambda(args) }) => ctx.ui.finish(Box::pin(args.run(ctx)).await),
            Verb::List(args) => ctx.ui.finish(Box::pin(args.list(ctx)).await),
            Verb::Get(args) => ctx.ui.finish(Box::pin(args.get(ctx)).await),
            Verb::Remove(args) => ctx.ui.finish(Box::pin(args.remove(ctx)).await),
        }
    }
}

/// The stack of a gateway that must be there, and the gateway.
async fn with_gateway(ctx: &Context, aws: &Aws, given: &str) -> Result<(Stack, Gateway), Error> {
    let mut stack = stack_with_gateway(ctx, aws, given).await?;
    match stack.gateway.take() {
        Some(gateway) => Ok((stack, gateway)),
        None => Err(ops::Error::NotFound(given.to_owned()).into()),
    }
}

impl AddLambda {
    async fn run(self, ctx: &Context) -> Result<Added, Error> {
        let kind = self.kind()?;
        let aws = ctx.aws().await?;
        if let Some(arn) = &self.lambda_arn
            && arn.region() != aws.region.as_str()
        {
            let message = format!("the function is in {}, and the gateway in {}", arn.region(), aws.region);
            return Err(
                Error::new(Kind::InvalidInput, message).with_hint("a gateway calls functions of its own region only")
            );
        }
        let (stack, gateway) = with_gateway(ctx, &aws, &self.gateway).await?;
        if let Some(arn) = self.lambda_arn.as_ref().filter(|arn| arn.account() == stack.account) {
            must_exist(&aws, arn).await?;
        }
        let spec = GatewaySpec {
            name: stack.names.gateway.clone(),
            region: aws.region.clone(),
            authorizer: None,
            role: RoleSpec::Managed { permissions_boundary: None },
            description: None,
            instructions: None,
            mcp_versions: Vec::new(),
            semantic_search: true,
            debug_errors: false,
            kms_key_arn: None,
            tags: std::collections::BTreeMap::new(),
            observability: false,
            prove_tokens: false,
            targets: vec![TargetSpec { name: self.name.clone(), kind }],
            // Targets are added to anybody's gateway, by name.
            adopt: !gateway.ours,
        };
        let patience = Patience { timeout: ctx.settings.timeout, wait: !self.no_wait };
        let progress = ctx.ui.progress();
        let converged = converge::create(&aws, &spec, patience, &progress, &ctx.stop).await;
        drop(progress);
        let document = gateway.document;
        let (program, name, gateway) = (program(ctx), &self.name, &spec.name);
        let converged = converged.map_err(|failure| {
            let next = format!("{program} target add lambda {name} --gateway {gateway}");
            Error::of_change(failure, &next, &format!("{program} target remove {name} --gateway {gateway}"))
        })?;
        let target = converged.made.targets.get(self.name.as_str());
        let target = target.ok_or_else(|| ops::Error::NotFound(self.name.to_string()))?;
        let next = if callable(&document, stack.client.as_ref()) {
            format!("{program} tools list {gateway}")
        } else {
            format!("{program} target get {name} --gateway {gateway}")
        };
        Ok(Added { target: TargetInfo::new(target), gateway: gateway.to_string(), next })
    }

    fn kind(&self) -> Result<TargetKind, Error> {
        let (Some(arn), Some(file)) = (&self.lambda_arn, &self.tools) else { return Ok(TargetKind::Sample) };
        let invalid = |problem: String| Error::new(Kind::InvalidInput, format!("{}: {problem}", file.display()));
        let text = fs::read_to_string(file).map_err(|error| invalid(format!("cannot be read: {error}")))?;
        let tools: Value = serde_json::from_str(&text).map_err(|error| invalid(format!("not JSON: {error}")))?;
        tool::parse_inline(&tools).map_err(|error| {
            invalid(error.to_string())
                .with_hint("a Lambda tool's schema has type, description, properties, required and items")
        })?;
        Ok(TargetKind::Lambda { arn: arn.clone(), tools })
    }
}

/// A function that is not there would be told from a permission that has not spread by nobody.
/// Who may not look at it is taken at their word.
async fn must_exist(aws: &Aws, arn: &FunctionArn) -> Result<(), Error> {
    match lambda::find_function(aws, arn.as_str()).await {
        Ok(None) => Err(Error::new(Kind::NotFound, format!("there is no function {arn}"))
            .with_hint("`aws lambda list-functions` shows the functions of the region")),
        Err(error) if error.class != Class::Denied => Err(error.into()),
        _ => Ok(()),
    }
}

impl OfGateway {
    async fn list(self, ctx: &Context) -> Result<Listed, Error> {
        let aws = ctx.aws().await?;
        let (_, gateway) = with_gateway(ctx, &aws, &self.gateway).await?;
        Ok(Listed { what: "targets", items: agentcore::listed_targets(&aws, gateway.id()).await? })
    }
}

impl OneTarget {
    async fn get(self, ctx: &Context) -> Result<Shown, Error> {
        let aws = ctx.aws().await?;
        let (_, gateway) = with_gateway(ctx, &aws, &self.gateway).await?;
        let target = gateway.target(self.name.as_str());
        let missing = || Error::new(Kind::NotFound, format!("the gateway has no target `{}`", self.name));
        Ok(Shown(target.ok_or_else(missing)?.0.clone()))
    }

    async fn remove(self, ctx: &Context) -> Result<Removed, Error> {
        let aws = ctx.aws().await?;
        let (mut stack, gateway) = with_gateway(ctx, &aws, &self.gateway).await?;
        let name = stack.names.gateway.to_string();
        stack.gateway = Some(gateway);
        let progress = ctx.ui.progress();
        let patience = cleanup::Patience { timeout: ctx.settings.timeout, settle: std::time::Duration::ZERO };
        let cleaned = cleanup::remove_target(&aws, &stack, self.name.as_str(), patience, &progress, &ctx.stop).await?;
        drop(progress);
        match cleaned.remaining.into_iter().next() {
            None => {
                Ok(Removed { target: self.name.to_string(), gateway: name, was_there: !cleaned.deleted.is_empty() })
            }
            Some((resource, error)) => {
                let mut incomplete = Error::from(error);
                incomplete.kind = Kind::Incomplete;
                Err(incomplete.with_cause(format!("remains: {resource}")))
            }
        }
    }
}

/// A target that is as it should be.
#[derive(Debug, Serialize)]
pub struct Added {
    target: TargetInfo,
    gateway: String,
    /// A command that shows that it works.
    #[serde(skip)]
    next: String,
}

impl Report for Added {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        writeln!(w, "Target {} of {} is {}.", self.target.name, self.gateway, self.target.status)?;
        self.target.tools.iter().try_for_each(|tool| writeln!(w, "  {tool}"))?;
        writeln!(w, "\nNext\n  {}", self.next)
    }
}

/// A target that is gone.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    target: String,
    gateway: String,
    /// False if it was not there.
    was_there: bool,
}

impl Report for Removed {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        let what = if self.was_there { "is removed" } else { "was not there" };
        writeln!(w, "Target {} of {} {what}.", self.target, self.gateway)
    }
}
