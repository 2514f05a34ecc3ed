//! What `target add` and `target update` have in common: applying a wanted target.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::{
    aws::{
        Aws,
        denied::{Denied, Whose},
    },
    commands::{create::TargetInfo, plan::PlanReport, tools::callable},
    context::Context,
    error::Error,
    model::{
        name::TargetName,
        spec::{GatewaySpec, RoleSpec, TargetKind, TargetSpec},
    },
    ops::{
        self,
        converge::{self, Patience},
        stack::{Gateway, Stack},
    },
    ui::report::Report,
};

/// What every target has.
#[derive(Debug, Args)]
pub struct Common {
    /// Name of the target: letters, digits and single hyphens
    pub name: TargetName,

    /// Name, id or ARN of the gateway
    #[arg(long, value_name = "GATEWAY")]
    pub gateway: String,

    /// Do not wait until the target is READY
    #[arg(long)]
    pub no_wait: bool,

    /// Show what would be done, and the permissions that the gateway's role would get
    #[arg(long)]
    pub dry_run: bool,
}

/// A target's desired state.
pub(super) struct Wanted {
    pub common: Common,
    pub kind: TargetKind,
    pub warnings: Vec<String>,
}

impl Wanted {
    pub(super) async fn settle(
        self,
        ctx: &Context,
        aws: &Aws,
        stack: Stack,
        gateway: Gateway,
    ) -> Result<Outcome, Error> {
        if self.common.dry_run {
            let spec = self.spec(aws, &stack, &gateway);
            let (stack, plan) = converge::plan(aws, &spec).await?;
            return Ok(Outcome::Planned(PlanReport::new(&stack, &plan, self.warnings)));
        }
        self.converge(ctx, aws, stack, gateway).await.map(Outcome::Settled)
    }

    fn spec(&self, aws: &Aws, stack: &Stack, gateway: &Gateway) -> GatewaySpec {
        GatewaySpec {
            name: stack.names.gateway.clone(),
            region: aws.region.clone(),
            authorizer: None,
            allowed_clients: Vec::new(),
            role: RoleSpec::Managed { permissions_boundary: None },
            description: None,
            instructions: None,
            mcp_versions: Vec::new(),
            semantic_search: true,
            debug_errors: None,
            kms_key_arn: None,
            tags: std::collections::BTreeMap::new(),
            observability: false,
            traces: None,
            log_retention: None,
            prove_tokens: false,
            targets: vec![TargetSpec { name: self.common.name.clone(), kind: self.kind.clone() }],
            // A target can be added to any owner's gateway, because it is given by name.
            adopt: !gateway.ours,
        }
    }

    async fn converge(self, ctx: &Context, aws: &Aws, stack: Stack, gateway: Gateway) -> Result<Settled, Error> {
        let spec = self.spec(aws, &stack, &gateway);
        let Self { common, warnings, .. } = self;
        let patience = Patience { wait: !common.no_wait };
        let watch = ctx.watch();
        let converged = converge::create(aws, &spec, patience, &watch, &ctx.stop).await;
        drop(watch);
        let existed = gateway.target(common.name.as_str()).is_some();
        let has_brought_role = stack.role.is_none();
        let document = gateway.document;
        let (name, gateway) = (&common.name, &spec.name);
        let converged = converged.map_err(|error| {
            let said = match &error {
                ops::Error::Failed { reasons, .. } => reasons,
                ops::Error::Aws(error) => &error.message,
                _ => "",
            };
            let lacks_rights = Denied::read(said).is_some_and(|denied| denied.whose == Whose::Role);
            let mut error = Error::from(error);
            // A role that the stack did not create is its owner's to fix.
            if lacks_rights && has_brought_role {
                error = error.with_hint(format!(
                    "let the role {} trust bedrock-agentcore.amazonaws.com, and allow it what the target needs",
                    document.role_arn()
                ));
            }
            let undo = format!("agentcore-gw target remove {name} --gateway {gateway}");
            ctx.ended(error, (!existed).then_some(undo.as_str()))
        })?;
        let target = converged.made.targets.get(name.as_str());
        let target = target.ok_or_else(|| ops::Error::NotFound(name.to_string()))?;
        let next = if target.is_ready()
            && callable(&document, stack.client.as_ref().filter(|_| stack.issuer(aws).is_some()))
        {
            format!("tools list {gateway}")
        } else {
            format!("target get {name} --gateway {gateway}")
        };
        let unchanged = !converged.made.changed;
        Ok(Settled { target: TargetInfo::new(target), gateway: gateway.to_string(), warnings, unchanged, next })
    }
}

/// The result of a change.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    Settled(Settled),
    Planned(PlanReport),
}

/// A target in its desired state.
#[derive(Debug, Serialize)]
pub struct Settled {
    target: TargetInfo,
    gateway: String,
    warnings: Vec<String>,
    #[serde(skip)]
    unchanged: bool,
    /// A command that shows that it works.
    #[serde(skip)]
    next: String,
}

/// Maximum number of warnings, and of tools, in text output.
const SHOWN: usize = 20;

impl Report for Outcome {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        let settled = match self {
            Self::Planned(plan) => return plan.human(w),
            Self::Settled(settled) => settled,
        };
        let unchanged = if settled.unchanged { " (nothing had to be changed)" } else { "" };
        let target = &settled.target;
        writeln!(w, "Target {} of {} is {}{unchanged}.", target.name, settled.gateway, target.status)?;
        let few = |w: &mut dyn Write, all: &[String], lead: &str| -> io::Result<()> {
            all.iter().take(SHOWN).try_for_each(|one| writeln!(w, "  {lead}{one}"))?;
            if all.len() > SHOWN { writeln!(w, "  … and {} more", all.len() - SHOWN) } else { Ok(()) }
        };
        few(w, settled.target.tools.as_deref().unwrap_or_default(), "")?;
        few(w, &settled.warnings, "Warning: ")
    }

    fn next(&self) -> Vec<String> {
        match self {
            Self::Settled(settled) => vec![settled.next.clone()],
            Self::Planned(_) => Vec::new(),
        }
    }
}
