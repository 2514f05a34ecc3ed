//! `target update`: changes what is specified, and leaves the rest unchanged.

use clap::Args;
use serde_json::{Value, json};

use super::{
    Outcome,
    change::{Common, Wanted},
    check::{check_endpoint, check_region},
    credential::CredentialFlags,
    described,
    keep::{credentials_of, kept_actions},
    settings::ClearFlags,
    source::{self, Given},
    target_of, with_gateway,
};
use crate::{
    commands::{
        adapt::AdaptFlags,
        cli_input::{CliInput, check_stdin},
        input::Origin,
    },
    context::Context,
    error::{Error, ErrorKind},
    model::{
        adapt::{Change, flags_of},
        name::FunctionArn,
        patch::{Patch, merge},
        policy,
        shell::shell_word,
        spec::{Credential, Other, TargetSource, TargetSpec},
        target::{KNOWN, READ_ONLY, TargetKind, listed_type},
    },
    ops::stack::Stack,
};

/// Change a target: what is not named stays as it is
#[derive(Debug, Args)]
pub struct Update {
    #[command(flatten)]
    pub common: Common,

    /// Another OpenAPI document: a file, `-`, or s3://BUCKET/KEY
    #[arg(long, value_name = "FILE", group = "described")]
    pub spec: Option<String>,

    /// Another Smithy model: a file, `-`, or s3://BUCKET/KEY
    #[arg(long, value_name = "FILE", group = "described")]
    pub model: Option<String>,

    /// Another address of an MCP server
    #[arg(long, value_name = "URL", group = "described")]
    pub endpoint: Option<String>,

    /// Other tool definitions of a Lambda function: a file, `-`, or s3://BUCKET/KEY
    #[arg(long, value_name = "FILE", group = "described")]
    pub tools: Option<String>,

    /// Another Lambda function
    #[arg(long, value_name = "ARN", conflicts_with_all = ["spec", "model", "endpoint"])]
    pub lambda_arn: Option<FunctionArn>,

    /// Of a Smithy target: allow the gateway's role this and nothing else (can be repeated)
    #[arg(long, value_name = "ACTION", conflicts_with_all = ["spec", "endpoint", "tools", "lambda_arn"])]
    pub allow_action: Vec<String>,

    /// Call the target without a credential from now on
    #[arg(long, conflicts_with_all = ["secret", "credential_provider", "iam_service"])]
    pub no_credential: bool,

    /// Send the document or model as it is, although the one before was adapted
    #[arg(long, conflicts_with_all = ["adapt", "server", "include", "exclude", "operations", "skip_unsupported"])]
    pub no_adapt: bool,

    #[command(flatten)]
    pub adapt: AdaptFlags,

    #[command(flatten)]
    pub credential: CredentialFlags,

    #[command(flatten)]
    pub clear: ClearFlags,
}

fn usage(problem: &str, remedy: &str) -> Error {
    Error::new(ErrorKind::Usage, problem).with_hint(remedy)
}

/// What a target of this kind is, and the flags that change it.
fn wording(kind: TargetKind) -> (&'static str, &'static str) {
    match kind {
        TargetKind::Lambda => ("a function", "`--tools` and `--lambda-arn`: the gateway's role calls it"),
        TargetKind::OpenApi => ("an API", "`--spec` and credential flags"),
        TargetKind::Smithy => ("an AWS service", "`--model`, `--allow-action` and credential flags"),
        TargetKind::McpServer => ("an MCP server", "`--endpoint` and credential flags"),
        TargetKind::ApiGateway => ("a stage of API Gateway", "credential flags"),
    }
}

impl Update {
    pub async fn run(self, ctx: &Context) -> Outcome {
        if !self.is_given() {
            let remedy = "add `--spec`, `--model`, `--allow-action`, `--endpoint`, `--tools`, `--lambda-arn`, a credential, `--no-credential` or a setting";
            return Err(usage("there is nothing to change", remedy));
        }
        if !self.adapt.adapting().is_nothing() && self.spec.is_none() && self.model.is_none() {
            return Err(usage(
                "there is no document to adapt",
                "name it with `--spec` or `--model`: AWS has it as it was changed",
            ));
        }
        let described = self.spec.as_ref().or(self.model.as_ref()).or(self.tools.as_ref());
        let given = self.common.settings.cli_input.as_deref();
        check_stdin([given, described.map(String::as_str)].into_iter().chain(self.credential.files()))?;
        let mut input = CliInput::read(ctx, given).await?;
        described::check_names(&mut input, &self.common)?;
        let aws = ctx.aws().await?;
        if let Some(arn) = &self.lambda_arn {
            check_region(&aws.region, arn)?;
        }
        let (stack, gateway) = with_gateway(ctx, &aws, &self.common.gateway).await?;
        let mut existing = target_of(&gateway, &self.common.name)?.0.clone();
        let before = existing["targetConfiguration"].clone();
        // Source and credential that the file names are in the place of those that there are.
        input.note_unknown(ctx, [&KNOWN, &READ_ONLY]);
        if input.is_null("targetConfiguration") {
            return Err(input.invalid("`targetConfiguration` is null, and every target has one"));
        }
        let described = input.rest(&READ_ONLY);
        merge(&mut existing, &described);
        let mut patch = Patch::default();
        patch.merge(without_source(described));
        self.common.settings.add_to(&mut patch);
        self.clear.add_to(&mut patch);
        let mcp = &existing["targetConfiguration"]["mcp"];
        let Some(kind) = TargetKind::of(mcp) else {
            let source = self.passed_on(ctx, &stack, &existing).await?;
            let wanted = Wanted::new(TargetSpec { name: self.common.name.clone(), source, patch });
            return wanted.apply(ctx, &aws, &self.common, stack, gateway).await;
        };
        if !self.fits(kind) {
            let (what, flags) = wording(kind);
            return Err(usage(&format!("the target is {what}"), &format!("use {flags}")));
        }
        let (source, warnings, changes) = match kind {
            TargetKind::Lambda => (self.function(ctx, &existing).await?, Vec::new(), Vec::new()),
            kind => self.other(ctx, &stack, (kind, &existing, &before["mcp"][kind.member()])).await?,
        };
        let target = TargetSpec { name: self.common.name.clone(), source, patch };
        let wanted = Wanted { target, function: self.lambda_arn.clone(), warnings, changes };
        let wanted = wanted.checked(&aws, &stack, gateway.document.role_arn()).await?;
        wanted.apply(ctx, &aws, &self.common, stack, gateway).await
    }

    fn is_given(&self) -> bool {
        let files = [&self.spec, &self.model, &self.endpoint, &self.tools];
        files.into_iter().any(Option::is_some)
            || self.lambda_arn.is_some()
            || !self.allow_action.is_empty()
            || self.no_credential
            || self.credential.is_given()
            || self.common.settings.is_given()
            || self.clear.is_given()
    }

    /// The source of a target of a kind that this program passes on.
    async fn passed_on(&self, ctx: &Context, stack: &Stack, existing: &Value) -> Result<TargetSource, Error> {
        let files = [&self.spec, &self.model, &self.endpoint, &self.tools];
        if files.into_iter().any(Option::is_some) || self.lambda_arn.is_some() {
            let what = listed_type(&existing["targetConfiguration"]).unwrap_or("a newer kind");
            let problem = format!("the target is {what}, which has no flags for its source");
            return Err(usage(&problem, "change it with `--cli-input`, which has its `targetConfiguration`"));
        }
        let credential = if self.credential.is_given() {
            self.credential.resolve(ctx, None).await?
        } else {
            Credential::Given(credentials_of(existing).filter(|_| !self.no_credential))
        };
        let configuration = existing["targetConfiguration"].clone();
        let named = Some(self.allow_action.clone()).filter(|actions| !actions.is_empty());
        let allowed = named.or_else(|| stack.granted(self.common.name.as_str())).unwrap_or_default();
        Ok(TargetSource::Other(Box::new(Other { configuration, credential, allowed })))
    }

    /// Whether a target of this kind accepts the given flags.
    fn fits(&self, kind: TargetKind) -> bool {
        let credential = self.no_credential || self.credential.is_given();
        let only = |named: bool, of: TargetKind| !named || kind == of;
        only(self.tools.is_some() || self.lambda_arn.is_some(), TargetKind::Lambda)
            && only(self.spec.is_some(), TargetKind::OpenApi)
            && only(self.model.is_some() || !self.allow_action.is_empty(), TargetKind::Smithy)
            && only(self.endpoint.is_some(), TargetKind::McpServer)
            && !(credential && kind == TargetKind::Lambda)
    }

    async fn function(&self, ctx: &Context, existing: &Value) -> Result<TargetSource, Error> {
        let kind = TargetKind::Lambda;
        let tools = match &self.tools {
            Some(tools) => Some(source::tool_schema(ctx, &self.common.name, tools).await?),
            None => None,
        };
        let mut configuration = existing["targetConfiguration"]["mcp"][kind.member()].clone();
        if let Some(arn) = &self.lambda_arn {
            configuration["lambdaArn"] = json!(arn);
        }
        if let Some(tools) = tools {
            configuration["toolSchema"] = tools;
        }
        let credential = Credential::Given(credentials_of(existing));
        Ok(TargetSource::configured(kind, configuration, credential, Vec::new()))
    }

    async fn other(
        &self,
        ctx: &Context,
        stack: &Stack,
        (kind, existing, before): (TargetKind, &Value, &Value),
    ) -> Result<(TargetSource, Vec<String>, Vec<Change>), Error> {
        let named = self.credential.in_known_place(existing).resolve(ctx, Some(kind)).await?;
        let keeps = self.credential.is_empty() && !self.no_credential;
        let credential = if keeps { Credential::Given(credentials_of(existing)) } else { named };
        let service = &existing["credentialProviderConfigurations"][0]["credentialProvider"]["iamCredentialProvider"];
        let service = service["service"].as_str().unwrap_or_default();
        let is_other = |arn: &&String| keeps && arn.split(':').nth(2) != Some(service);
        if let Some(other) = self.credential.iam_resource.iter().find(is_other) {
            let remedy = "leave it out, or name the service with `--iam-service`";
            return Err(usage(&format!("`{other}` is nothing that the target signs for"), remedy));
        }
        let name = &self.common.name;
        let mut configuration = existing["targetConfiguration"]["mcp"][kind.member()].clone();
        self.check_adapting(&configuration)?;
        // Without `allowed`, the role gets what an inline model needs.
        let is_new_model = kind == TargetKind::Smithy && self.model.is_none() && configuration != *before;
        if is_new_model && self.allow_action.is_empty() && configuration["inlinePayload"].is_null() {
            return Err(described::unread_model());
        }
        let origin = Origin::CommandLine(ctx.invocation.again());
        let (mut warnings, mut changes) = (Vec::new(), Vec::new());
        let mut actions = [self.allow_action.as_slice(), &self.credential.iam_resource].concat();
        let granted = stack.granted(name.as_str()).unwrap_or_default();
        // Permissions that were derived from the old address are not kept for another one.
        let by_address = policy::granted_by_address(&stack.names, &stack.caller.account, existing);
        let granted: Vec<String> = granted.into_iter().filter(|one| !by_address.contains(one)).collect();
        if let Some(spec) = &self.spec {
            let given = Given { place: spec, flag: "--spec", adapting: self.adapt.adapting(), origin };
            let source = source::api(ctx, name, &given, credential.fills()).await?;
            (configuration, warnings, changes) = (source.configuration, source.warnings, source.changes);
        }
        if let Some(endpoint) = &self.endpoint {
            warnings = check_endpoint(ctx, endpoint)?;
            configuration["endpoint"] = json!(endpoint);
        }
        if let Some(model) = &self.model {
            let given = Given { place: model, flag: "--model", adapting: self.adapt.of_smithy()?, origin };
            let mut source = source::smithy(ctx, name, &given).await?;
            let needed = if actions.is_empty() { source.needed_actions(ctx, name, origin).await? } else { Vec::new() };
            let before = configuration;
            (configuration, warnings, changes) =
                (source.source.configuration, source.source.warnings, source.source.changes);
            if actions.is_empty() {
                let kept = kept_actions(&granted, &needed, &before);
                if kept.len() < needed.len() {
                    let which: Vec<&str> =
                        needed.iter().filter(|action| !kept.contains(action)).map(String::as_str).collect();
                    warnings.push(format!(
                        "the role stays without {}: it was allowed less than the model needs; `--allow-action` allows it",
                        which.join(", ")
                    ));
                }
                actions = kept;
            }
        } else if actions.is_empty() && (keeps || kind == TargetKind::Smithy) && !is_new_model {
            actions = granted;
        }
        Ok((TargetSource::configured(kind, configuration, credential, actions), warnings, changes))
    }

    /// Refuses another document without the flags by which the one before was adapted.
    fn check_adapting(&self, before: &Value) -> Result<(), Error> {
        let has_document = self.spec.is_some() || self.model.is_some();
        if !has_document || self.no_adapt || !self.adapt.adapting().is_nothing() {
            return Ok(());
        }
        let before = before["inlinePayload"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let flags: Vec<String> = before.iter().flat_map(flags_of).map(|flag| shell_word(&flag)).collect();
        if flags.is_empty() {
            return Ok(());
        }
        let flags = flags.join(" ");
        let problem = format!("the document of before was adapted with `{flags}`");
        Err(usage(&problem, "add these flags, or others; `--no-adapt` sends it as it is"))
    }
}

/// The members of a file besides source and credential.
fn without_source(mut described: Value) -> Value {
    if let Some(members) = described.as_object_mut() {
        members.retain(|name, _| !["targetConfiguration", "credentialProviderConfigurations"].contains(&name.as_str()));
    }
    described
}
