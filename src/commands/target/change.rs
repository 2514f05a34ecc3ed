//! What `target add` and `target update` have in common: applying a wanted target.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::{
    Outcome,
    check::{check_function, statement_of_owner},
    settings::TargetFlags,
    source,
};
use crate::{
    aws::{
        self, Aws,
        agentcore::ApiDocument,
        denied::{Denied, Whose},
        providers,
    },
    commands::{input::some, plan::PlanReport, shown::TargetInfo, sign_in::callable},
    context::Context,
    error::Error,
    model::{
        adapt::{Adaptation, Change, is_adaptable},
        name::{FunctionArn, TargetName},
        spec::{GatewaySpec, TargetSource, TargetSpec},
        target::TargetKind,
    },
    ops::{
        self, converge, plan,
        run::Run,
        stack::{Gateway, Stack},
    },
    ui::report::{Page, Report},
};

/// What every target has.
#[derive(Debug, Args)]
pub struct Common {
    /// Name of the target: letters, digits and single hyphens
    pub name: TargetName,

    /// Name, id or ARN of the gateway
    #[arg(long, value_name = "GATEWAY")]
    pub gateway: String,

    #[command(flatten)]
    pub settings: TargetFlags,

    /// Do not wait until the target is READY
    #[arg(long)]
    pub no_wait: bool,

    /// Show what would be done, and the permissions that the gateway's role would get
    #[arg(long)]
    pub dry_run: bool,
}

/// A target's desired state.
pub struct Wanted {
    pub target: TargetSpec,
    /// The user's function that it calls, as far as it was not checked.
    pub function: Option<FunctionArn>,
    pub warnings: Vec<String>,
    /// How its document was changed.
    pub changes: Vec<Change>,
}

impl Wanted {
    pub fn new(target: TargetSpec) -> Self {
        Self { target, function: None, warnings: Vec::new(), changes: Vec::new() }
    }

    /// Checks the function that it calls, and tells what its owner must do; `role` is the gateway's.
    pub async fn checked(mut self, aws: &Aws, stack: &Stack, role: &str) -> Result<Self, Error> {
        if let Some(arn) = self.function.take() {
            check_function(aws, stack, &arn).await?;
            self.warnings.extend(statement_of_owner(stack, role, &arn));
        }
        Ok(self)
    }

    /// Applies it to a stack without its gateway, and that gateway.
    pub(super) async fn apply(
        mut self,
        ctx: &Context,
        aws: &Aws,
        common: &Common,
        mut stack: Stack,
        gateway: Gateway,
    ) -> Outcome {
        let spec = self.spec(aws, &stack, &gateway);
        let gateway = stack.gateway.insert(gateway).document.clone();
        stack.look_as_sent(aws, &spec).await;
        if common.dry_run {
            let plan = plan::create(aws, &spec, &stack)?;
            if !self.changes.is_empty() {
                let changes = some(self.changes.len(), "change");
                self.warnings.insert(0, format!("the document is adapted: {changes}, which `validate` shows"));
                let left_out =
                    self.changes.iter().filter(|change| change.adaptation == Adaptation::SkipUnsupported.flag());
                self.warnings.splice(1..1, left_out.map(Change::to_string));
            }
            return Ok(Box::new(PlanReport::new(&stack, &plan, self.warnings)));
        }
        Ok(Box::new(self.create(ctx, aws, !common.no_wait, (&spec, &stack, &gateway)).await?))
    }

    fn spec(&self, aws: &Aws, stack: &Stack, gateway: &Gateway) -> GatewaySpec {
        GatewaySpec {
            targets: vec![self.target.clone()],
            // Targets are added to anybody's gateway, by name.
            adopt: !gateway.ours,
            ..GatewaySpec::unchanged(stack.names.gateway.clone(), aws.region.clone())
        }
    }

    async fn create(
        self,
        ctx: &Context,
        aws: &Aws,
        wait: bool,
        (spec, stack, document): (&GatewaySpec, &Stack, &ApiDocument),
    ) -> Result<Changed, Error> {
        let Self { target, warnings, changes, .. } = self;
        let is_openapi = target.source.kind() == Some(TargetKind::OpenApi);
        let made = ctx.observed(aws, async |run: Run<'_>| converge::change(run, spec, wait, stack).await).await;
        let (name, gateway) = (&target.name, &spec.name);
        let existed = stack.gateway.as_ref().is_some_and(|gateway| gateway.target(name.as_str()).is_some());
        let has_brought_role = stack.role.is_none();
        let in_s3 = match (&made, &target.source) {
            (Err(ops::Error::Failed { .. }), TargetSource::Configured(source)) if is_openapi && changes.is_empty() => {
                source.configuration["s3"]["uri"].as_str()
            }
            _ => None,
        };
        let adapted = match in_s3 {
            Some(uri) => source::adaptable_in_s3(ctx, name, uri).await,
            None => None,
        };
        let made = made.map_err(|error| {
            let said = match &error {
                ops::Error::Failed { reasons, .. } => reasons,
                ops::Error::Aws(error) => &error.message,
                _ => "",
            };
            let adapts = is_openapi && changes.is_empty() && is_adaptable(said);
            let is_for_http = said.contains("not supported for gateways with MCP protocol type");
            let lacks_rights = Denied::read(said).is_some_and(|denied| denied.whose == Whose::Role);
            let mut error = Error::from(error);
            // A role that the stack did not create is its owner's to fix.
            if lacks_rights && has_brought_role {
                error = error.with_hint(format!(
                    "let the role {} trust bedrock-agentcore.amazonaws.com, and allow it what the target needs",
                    document.role_arn()
                ));
            }
            if is_for_http {
                error = error.with_hint("make a gateway for it with `create --no-protocol-type`".to_owned());
            }
            if let Some(adapted) = adapted {
                error = error.with_hint(adapted);
            } else if adapts {
                error = error.with_hint(format!(
                    "`{} --adapt` sends a document that is changed so that AWS accepts it",
                    ctx.invocation.again()
                ));
            }
            let undo = format!("agentcore-gw target remove {name} --gateway {gateway}");
            ctx.ended(error, (!existed).then_some(undo.as_str()))
        })?;
        let target = made.targets.get(name.as_str());
        let target = target.ok_or_else(|| ops::Error::NotFound(name.to_string()))?;
        let next =
            if target.is_ready() && callable(document, stack.client.as_ref().filter(|_| stack.issuer(aws).is_some())) {
                format!("tools list {gateway}")
            } else {
                format!("target get {name} --gateway {gateway}")
            };
        let unchanged = !made.changed;
        let mut warnings = warnings;
        warnings.extend(remarks(target));
        let callback_url = callback_url(aws, target).await.unwrap_or_else(|error| {
            warnings.push(format!("the callback URL of the credential provider is not known: {error}"));
            None
        });
        Ok(Changed {
            callback_url,
            target: TargetInfo::new(target),
            gateway: gateway.to_string(),
            changes,
            warnings,
            unchanged,
            next,
        })
    }
}

/// The address to which an authorization server sends users back, of a target that users sign in to.
async fn callback_url(aws: &Aws, target: &ApiDocument) -> Result<Option<String>, aws::Error> {
    let provider = &target.0["credentialProviderConfigurations"][0]["credentialProvider"]["oauthCredentialProvider"];
    if provider["grantType"] != "AUTHORIZATION_CODE" {
        return Ok(None);
    }
    let name = provider["providerArn"].as_str().and_then(providers::of_arn).map(|(_, name)| name);
    Ok(match name {
        Some(name) => providers::callback_url(aws, name).await?,
        None => None,
    })
}

/// What AWS remarks on a target that is READY.
pub(super) fn remarks(target: &ApiDocument) -> Vec<String> {
    if target.is_ready() { target.status_reasons().map(str::to_owned).collect() } else { Vec::new() }
}

/// A target in its desired state.
#[derive(Debug, Serialize)]
struct Changed {
    target: TargetInfo,
    gateway: String,
    /// What the OAuth client's own settings must name, where users sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    warnings: Vec<String>,
    #[serde(skip)]
    unchanged: bool,
    /// A command that shows that it works.
    #[serde(skip)]
    next: String,
}

/// Maximum number of warnings, and of tools, in text output.
const SHOWN: usize = 20;

/// Writes lines with this beginning, as many as are shown in text.
pub(super) fn few(w: &mut dyn Write, all: &[String], lead: &str) -> io::Result<()> {
    all.iter().take(SHOWN).try_for_each(|one| writeln!(w, "  {lead}{one}"))?;
    if all.len() > SHOWN { writeln!(w, "  … and {} more", all.len() - SHOWN) } else { Ok(()) }
}

impl Report for Changed {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let target = &self.target;
        w.outcome(&format!("Target {} of {} is {}", target.name, self.gateway, target.status), self.unchanged)?;
        few(w, self.target.tools.as_deref().unwrap_or_default(), "")?;
        if let Some(url) = &self.callback_url {
            writeln!(w, "  Callback URL, to be named in the settings of the OAuth client: {url}")?;
        }
        if let Some(url) = &target.authorization_url {
            writeln!(w, "  Sign in within ten minutes at {url}")?;
        }
        // Each operation that is left out is named.
        let (left_out, changes): (Vec<&Change>, Vec<&Change>) =
            self.changes.iter().partition(|change| change.adaptation == Adaptation::SkipUnsupported.flag());
        left_out.iter().try_for_each(|change| writeln!(w, "  Changed: {change}"))?;
        let changes: Vec<String> = changes.into_iter().map(Change::to_string).collect();
        few(w, &changes, "Changed: ")?;
        few(w, &self.warnings, "Warning: ")
    }

    fn next(&self) -> Vec<String> {
        vec![self.next.clone()]
    }
}
