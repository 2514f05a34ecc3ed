//! `create`: a gateway with everything it needs.

mod flags;
pub mod report;

use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;
use tokio::join;

use self::{
    flags::{AuthorizerFlags, GatewayFlags, distinct, tag},
    report::Created,
};
use super::{Outcome, cli_input::CliInput, plan::PlanReport, settings::SettingFlags, shown::SecretFlags};
use crate::{
    aws::Aws,
    context::Context,
    error::{Error, ErrorKind},
    model::{
        gateway,
        name::GatewayName,
        naming::StackNames,
        patch::{Patch, merge},
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

    #[command(flatten)]
    pub secrets: SecretFlags,

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

    #[command(flatten)]
    pub settings: SettingFlags,

    /// Members of CreateGateway, as `aws … --cli-input-json` takes them; flags win over them: a file, or `-`. A whole
    /// request, with roleArn and authorizerType, gets no defaults
    #[arg(long, value_name = "FILE")]
    pub cli_input: Option<String>,
}

impl Create {
    pub async fn run(self, ctx: &Context) -> Outcome {
        // Everything that can be checked is checked before the first AWS call.
        let spec = self.resolve(ctx, CliInput::read(ctx, self.cli_input.as_deref()).await?).await?;
        if self.dry_run { plan(&spec, ctx).await } else { self.create(&spec, ctx).await }
    }

    async fn create(self, spec: &GatewaySpec, ctx: &Context) -> Outcome {
        self.secrets.check()?;
        confirm_open(spec, ctx).await?;
        if self.sample {
            ctx.check_sample().await?;
        }
        let aws = ctx.aws().await?;
        let create = async |run: Run<'_>| converge::create(run, spec, !self.no_wait).await;
        let (converged, warnings) = converge(ctx, &aws, spec, create).await?;
        let created = Created::new(&aws, converged, warnings, required_policy(spec))?;
        Ok(Box::new(finish(ctx, created, &self.secrets)?))
    }

    /// The flags and a file of the API's members as a specification. What is wrong with a flag is reported before a
    /// missing region.
    pub async fn resolve(&self, ctx: &Context, mut input: CliInput) -> Result<GatewaySpec, Error> {
        let flags = &self.gateway;
        input.check_same("name", &[self.name.as_str()])?;
        // To a request that is whole, AWS adds nothing, and neither does this program.
        let is_whole = ["roleArn", "authorizerType"].into_iter().all(|member| input.has(member));
        let has_protocol = !flags.no_protocol_type && (!is_whole || input.has("protocolType"));
        let of_input = authorizer_of(&mut input)?;
        let (mut of_flags, tags) = (self.authorizer.resolve()?, self.tags(&mut input)?);
        if let Some(AuthorizerSpec::Jwt(named)) = &mut of_flags {
            let mut whole = match &of_input {
                Some(AuthorizerSpec::Jwt(of_input)) => of_input.clone(),
                _ => input.take("authorizerConfiguration").unwrap_or_default(),
            };
            merge(&mut whole, named);
            *named = whole;
        }
        let role = match (&flags.role_arn, input.take_text("roleArn")?) {
            (Some(arn), _) => RoleSpec::Existing(arn.clone()),
            (None, Some(arn)) => {
                RoleSpec::Existing(arn.parse().map_err(|error| input.invalid(&format!("`roleArn`: {error}")))?)
            }
            (None, None) => RoleSpec::Managed { permissions_boundary: flags.permissions_boundary.clone() },
        };
        let mut patch = Patch::default();
        if !has_protocol {
            patch.remove(&["protocolType"]);
            patch.remove(&["protocolConfiguration"]);
        }
        input.note_unknown(ctx, [&gateway::KNOWN, &gateway::READ_ONLY]);
        patch.merge(input.rest(&gateway::READ_ONLY));
        self.settings.add_to(&mut patch)?;
        let spec = GatewaySpec {
            keeps_own_pool: of_flags.is_none(),
            authorizer: of_flags.or(of_input),
            allowed_clients: self.authorizer.clients_of_cognito(),
            role,
            patch,
            semantic_search: !flags.no_semantic_search && !is_whole,
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
            ..GatewaySpec::unchanged(self.name.clone(), ctx.region().await?)
        };
        // What `get` prints names the role that the stack made.
        let is_own = |role: &RoleSpec| matches!(role, RoleSpec::Existing(arn) if StackNames::new(&spec.region, &spec.name).is_role_arn(arn.as_str()));
        let spec = if is_own(&spec.role) {
            let role = RoleSpec::Managed { permissions_boundary: flags.permissions_boundary.clone() };
            GatewaySpec { role, ..spec }
        } else {
            spec
        };
        // An existing gateway may have what these settings are about.
        let engine = &spec.request()["policyEngineConfiguration"];
        if self.settings.enforce && self.settings.policy_engine.is_none() && engine["arn"].is_null() {
            let error = Error::new(ErrorKind::Usage, "there is no policy engine that could enforce");
            return Err(
                error.with_hint("add `--policy-engine ARN`; `update` changes the mode of the one that is there")
            );
        }
        Ok(spec)
    }

    /// The user's tags, of flags and file.
    fn tags(&self, input: &mut CliInput) -> Result<BTreeMap<String, String>, Error> {
        let mut tags = BTreeMap::new();
        if let Some(given) = input.take("tags") {
            tags = serde_json::from_value(given).map_err(|_| input.invalid("`tags` is no object of texts"))?;
            if let Some(problem) = tags.iter().find_map(|(key, value)| tag(&format!("{key}={value}")).err()) {
                return Err(input.invalid(&format!("`tags`: {problem}")));
            }
        }
        tags.extend(distinct(&self.gateway.tags)?);
        Ok(tags)
    }
}

/// The authorizer that a file describes. Further settings for the tokens of the gateway's own pool stay in it.
fn authorizer_of(input: &mut CliInput) -> Result<Option<AuthorizerSpec>, Error> {
    let kind = input.take_text("authorizerType")?;
    let configuration = input.take("authorizerConfiguration");
    let has_issuer = configuration.as_ref().is_some_and(|it| it["customJWTAuthorizer"]["discoveryUrl"].is_string());
    match (kind.as_deref(), configuration) {
        (None | Some("CUSTOM_JWT"), Some(configuration)) if has_issuer => Ok(Some(AuthorizerSpec::Jwt(configuration))),
        (None, None) => Ok(None),
        (Some("AWS_IAM"), None) => Ok(Some(AuthorizerSpec::Iam)),
        (Some("NONE"), None) => Ok(Some(AuthorizerSpec::None)),
        (Some("AUTHENTICATE_ONLY"), None) => Ok(Some(AuthorizerSpec::AuthenticateOnly)),
        (None | Some("CUSTOM_JWT"), Some(configuration)) => {
            if !configuration["customJWTAuthorizer"]["allowedClients"].is_null() {
                return Err(input.invalid(
                    "`allowedClients` goes with a `discoveryUrl`; to the gateway's own client, `--allowed-client` adds",
                ));
            }
            input.put("authorizerConfiguration", configuration);
            Ok(None)
        }
        (_, Some(_)) => Err(input.invalid("`authorizerConfiguration` goes with a `discoveryUrl`, and with CUSTOM_JWT")),
        (Some(other), None) => Err(input.invalid(&format!("`authorizerType` is `{other}`, without what it needs"))),
    }
}

/// Asks for confirmation of a gateway that anybody may call.
pub(super) async fn confirm_open(spec: &GatewaySpec, ctx: &Context) -> Result<(), Error> {
    let question = "Whoever reaches this gateway may call its tools. Go on without an authorizer?";
    let is_open = spec.authorizer == Some(AuthorizerSpec::None);
    if !is_open || ctx.settings.yes || ctx.confirm(question).await? {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Interrupted, "nothing was changed"))
}

/// Runs an operation that brings a gateway to its specification, and looks at the user's own OpenID provider meanwhile.
/// Returns what the operation returns, and warnings, which were shown.
pub(super) async fn converge<T>(
    ctx: &Context,
    aws: &Aws,
    spec: &GatewaySpec,
    operation: impl AsyncFnOnce(Run<'_>) -> Result<T, ops::Error>,
) -> Result<(T, Vec<String>), Error> {
    let both = async |run: Run<'_>| {
        let checked = async {
            tokio::select! {
                warnings = provider_warnings(run.aws, spec) => warnings,
                _ = run.stop.requested() => Vec::new(),
            }
        };
        join!(operation(run), checked)
    };
    let (done, warnings) = ctx.observed(aws, both).await;
    for warning in &warnings {
        ctx.ui.warn(warning);
    }
    Ok((done.map_err(|error| ended(ctx, spec, error))?, warnings))
}

/// Shows the warnings that were not shown yet, and saves the credentials.
pub(super) fn finish(ctx: &Context, mut created: Created, secrets: &SecretFlags) -> Result<Created, Error> {
    created.own_warnings().for_each(|warning| ctx.ui.warn(warning));
    created.save(secrets)?;
    Ok(created)
}

/// The error that ended a creation, with what to do next.
pub(super) fn ended(ctx: &Context, spec: &GatewaySpec, error: ops::Error) -> Error {
    let required_policy = required_policy(spec);
    // Suggest `cleanup`, which deletes what existed before, too, only if this run created the first resource and so all
    // of them.
    let first = if required_policy.is_some() { ops::ResourceKind::UserPool } else { ops::ResourceKind::Role };
    let made_all = ctx.made().iter().any(|made| made.kind == first);
    let undo = format!("agentcore-gw cleanup {}", spec.name);
    let error = ctx.ended(error, made_all.then_some(undo.as_str()));
    match &required_policy {
        Some(policy) => error.with_cause(format!("your role must allow: {policy}")),
        None => error,
    }
}

async fn plan(spec: &GatewaySpec, ctx: &Context) -> Outcome {
    let aws = ctx.aws().await?;
    let (planned, warnings) = join!(converge::plan(&aws, spec), provider_warnings(&aws, spec));
    let (stack, plan) = planned?;
    Ok(Box::new(PlanReport::new(&stack, &plan, warnings)))
}

/// What will not work with the user's own OpenID provider, if the flags name one.
pub(super) async fn provider_warnings(aws: &Aws, spec: &GatewaySpec) -> Vec<String> {
    let Some(AuthorizerSpec::Jwt(authorizer)) = &spec.authorizer else { return Vec::new() };
    let mut warnings = flags::with_commas(authorizer);
    if let Some(url) = authorizer["customJWTAuthorizer"]["discoveryUrl"].as_str() {
        warnings.extend(openid::problem(&aws.http, url).await);
    }
    warnings
}

/// The permissions that a user-supplied role must have: it is not changed for the user.
pub(super) fn required_policy(spec: &GatewaySpec) -> Option<Value> {
    let RoleSpec::Existing(arn) = &spec.role else { return None };
    let (names, request) = (StackNames::new(&spec.region, &spec.name), spec.request());
    let mut base = policy::gateway_base(&names, arn.account(), request["kmsKeyArn"].as_str().as_slice());
    let settings = policy::gateway_grants(&names, arn.account(), std::iter::once(&request));
    if let Some(statements) = base["Statement"].as_array_mut() {
        statements.extend(settings.values().filter_map(|policy| policy["Statement"].as_array()).flatten().cloned());
    }
    Some(base)
}
