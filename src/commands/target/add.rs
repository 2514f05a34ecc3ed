//! `target add` and `target update`.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};

use super::{credential::CredentialFlags, with_gateway};
use crate::{
    aws::{Aws, Class, lambda},
    commands::{create::TargetInfo, program, tools::callable, validate},
    context::Context,
    error::{Error, Kind},
    model::{
        finding::Reading,
        name::{FunctionArn, TargetName},
        openapi::INLINE_LIMIT,
        spec::{Credential, GatewaySpec, RoleSpec, TargetKind, TargetSpec},
        tool,
    },
    ops::{
        self,
        converge::{self, Patience},
        stack::{Gateway, Stack},
    },
    ui::report::Report,
};

/// Add a target, or repair the one of this name
#[derive(Debug, Args)]
pub struct Add {
    #[command(subcommand)]
    pub kind: AddKind,
}

#[derive(Debug, Subcommand)]
pub enum AddKind {
    Lambda(AddLambda),
    Openapi(Box<AddOpenapi>),
}

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
}

/// Add a Lambda function
///
/// Without a function of your own, the sample with the tools get_weather and get_time is made.
#[derive(Debug, Args)]
pub struct AddLambda {
    #[command(flatten)]
    pub common: Common,

    /// The function, with or without a version or alias
    #[arg(long, value_name = "ARN", requires = "tools")]
    pub lambda_arn: Option<FunctionArn>,

    /// The function's tool definitions, a JSON array: a file, `-`, or s3://BUCKET/KEY
    #[arg(long, value_name = "FILE", requires = "lambda_arn")]
    pub tools: Option<String>,
}

/// Add an API by its OpenAPI document
///
/// Every operation with an operationId becomes a tool. The document is checked first, as `validate
/// openapi` does. API keys and client secrets are kept by AgentCore; a second run replaces them.
#[derive(Debug, Args)]
pub struct AddOpenapi {
    #[command(flatten)]
    pub common: Common,

    /// The document, JSON or YAML: a file, `-`, or s3://BUCKET/KEY
    #[arg(long, value_name = "FILE")]
    pub spec: String,

    #[command(flatten)]
    pub credential: CredentialFlags,
}

/// Change a target: what is not named stays as it is
#[derive(Debug, Args)]
pub struct Update {
    #[command(flatten)]
    pub common: Common,

    /// Another OpenAPI document: a file, `-`, or s3://BUCKET/KEY
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tools", "lambda_arn"])]
    pub spec: Option<String>,

    /// Other tool definitions of a Lambda function: a file, `-`, or s3://BUCKET/KEY
    #[arg(long, value_name = "FILE")]
    pub tools: Option<String>,

    /// Another Lambda function
    #[arg(long, value_name = "ARN")]
    pub lambda_arn: Option<FunctionArn>,

    /// Call the API without a credential from now on
    #[arg(long, conflicts_with_all = ["secret", "credential_provider", "iam_service"])]
    pub no_credential: bool,

    #[command(flatten)]
    pub credential: CredentialFlags,
}

impl Add {
    pub async fn run(self, ctx: &Context) -> Result<Added, Error> {
        match self.kind {
            AddKind::Lambda(args) => args.run(ctx).await,
            AddKind::Openapi(args) => args.run(ctx).await,
        }
    }
}

impl AddLambda {
    async fn run(self, ctx: &Context) -> Result<Added, Error> {
        let kind = match (&self.lambda_arn, &self.tools) {
            (Some(arn), Some(tools)) => TargetKind::Lambda { arn: arn.to_string(), schema: tool_schema(tools)? },
            _ => TargetKind::Sample,
        };
        let aws = ctx.aws().await?;
        check_region(&aws, self.lambda_arn.as_ref())?;
        let (stack, gateway) = with_gateway(ctx, &aws, &self.common.gateway).await?;
        if let Some(arn) = &self.lambda_arn {
            check_function(&aws, &stack, arn).await?;
        }
        let wanted = Wanted { common: self.common, kind, warnings: Vec::new(), again: "target add lambda" };
        wanted.converge(ctx, &aws, stack, gateway).await
    }
}

impl AddOpenapi {
    async fn run(self, ctx: &Context) -> Result<Added, Error> {
        check_stdin(Some(&self.spec), &self.credential)?;
        let (schema, warnings) = api_schema(ctx, &self.common.name, &self.spec)?;
        let credential = self.credential.resolve(ctx)?;
        let aws = ctx.aws().await?;
        let (stack, gateway) = with_gateway(ctx, &aws, &self.common.gateway).await?;
        let kind = TargetKind::OpenApi { schema, credential };
        let wanted = Wanted { common: self.common, kind, warnings, again: "target add openapi" };
        wanted.converge(ctx, &aws, stack, gateway).await
    }
}

impl Update {
    pub async fn run(self, ctx: &Context) -> Result<Added, Error> {
        let usage = |problem: &str, remedy: &str| Error::new(Kind::Usage, problem).with_hint(remedy);
        let nothing = self.spec.is_none() && self.tools.is_none() && self.lambda_arn.is_none();
        if nothing && !self.no_credential && !self.credential.says_something() {
            return Err(usage("there is nothing to change", "add `--spec`, `--tools`, `--lambda-arn` or a credential"));
        }
        check_stdin(self.spec.as_deref().or(self.tools.as_deref()), &self.credential)?;
        let schema = self.spec.as_ref().map(|spec| api_schema(ctx, &self.common.name, spec)).transpose()?;
        let tools = self.tools.as_ref().map(|tools| tool_schema(tools)).transpose()?;
        let credential = self.credential.resolve(ctx)?;
        let aws = ctx.aws().await?;
        check_region(&aws, self.lambda_arn.as_ref())?;
        let (stack, gateway) = with_gateway(ctx, &aws, &self.common.gateway).await?;
        let existing = gateway.target(self.common.name.as_str()).map(|target| target.0.clone());
        let existing = existing.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("the gateway has no target `{}`", self.common.name))
                .with_hint("`target list` shows those that there are")
        })?;
        let mcp = &existing["targetConfiguration"]["mcp"];
        let is_api = mcp["openApiSchema"].is_object();
        let (kind, warnings) = if is_api {
            if self.tools.is_some() || self.lambda_arn.is_some() {
                return Err(usage("the target is an API, and no function", "use `--spec` and credential flags"));
            }
            let (schema, warnings) = schema.unwrap_or_else(|| (mcp["openApiSchema"].clone(), Vec::new()));
            let kept = || existing.get("credentialProviderConfigurations").filter(|all| **all != json!([])).cloned();
            let keeps = self.credential.is_empty() && !self.no_credential;
            let credential = if keeps { Credential::Given(kept()) } else { credential };
            (TargetKind::OpenApi { schema, credential }, warnings)
        } else if mcp["lambda"].is_object() {
            if schema.is_some() || !self.credential.is_empty() || self.no_credential {
                let remedy = "use `--tools` and `--lambda-arn`: the gateway's role calls it";
                return Err(usage("the target is a function, and no API", remedy));
            }
            if let Some(arn) = &self.lambda_arn {
                check_function(&aws, &stack, arn).await?;
            }
            let arn = self.lambda_arn.as_ref().map(ToString::to_string);
            let arn = arn.or_else(|| mcp["lambda"]["lambdaArn"].as_str().map(str::to_owned)).unwrap_or_default();
            let schema = tools.unwrap_or_else(|| mcp["lambda"]["toolSchema"].clone());
            (TargetKind::Lambda { arn, schema }, Vec::new())
        } else {
            let message = format!("`target update` does not know the kind of `{}`", self.common.name);
            return Err(Error::new(Kind::InvalidInput, message));
        };
        let wanted = Wanted { common: self.common, kind, warnings, again: "target update" };
        wanted.converge(ctx, &aws, stack, gateway).await
    }
}

/// A target as it should be.
struct Wanted {
    common: Common,
    kind: TargetKind,
    warnings: Vec<String>,
    /// The command that goes on with this one.
    again: &'static str,
}

impl Wanted {
    async fn converge(self, ctx: &Context, aws: &Aws, stack: Stack, gateway: Gateway) -> Result<Added, Error> {
        let Self { common, kind, warnings, again } = self;
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
            targets: vec![TargetSpec { name: common.name.clone(), kind }],
            // Targets are added to anybody's gateway, by name.
            adopt: !gateway.ours,
        };
        let patience = Patience { timeout: ctx.settings.timeout, wait: !common.no_wait };
        let progress = ctx.ui.progress();
        let converged = converge::create(aws, &spec, patience, &progress, &ctx.stop).await;
        drop(progress);
        let document = gateway.document;
        let (program, name, gateway) = (program(ctx), &common.name, &spec.name);
        let converged = converged.map_err(|failure| {
            let next = format!("{program} {again} {name} --gateway {gateway}");
            Error::of_change(failure, &next, &format!("{program} target remove {name} --gateway {gateway}"))
        })?;
        let target = converged.made.targets.get(name.as_str());
        let target = target.ok_or_else(|| ops::Error::NotFound(name.to_string()))?;
        let next = if callable(&document, stack.client.as_ref()) {
            format!("{program} tools list {gateway}")
        } else {
            format!("{program} target get {name} --gateway {gateway}")
        };
        Ok(Added { target: TargetInfo::new(target), gateway: gateway.to_string(), warnings, next })
    }
}

/// Standard input can be read once.
fn check_stdin(file: Option<&str>, credential: &CredentialFlags) -> Result<(), Error> {
    if file == Some("-") && credential.reads_stdin() {
        let error = Error::new(Kind::Usage, "standard input cannot be two files at once");
        return Err(error.with_hint("give the secret in a variable, or one of the two in a file"));
    }
    Ok(())
}

fn check_region(aws: &Aws, arn: Option<&FunctionArn>) -> Result<(), Error> {
    match arn.filter(|arn| arn.region() != aws.region.as_str()) {
        None => Ok(()),
        Some(arn) => {
            let message = format!("the function is in {}, and the gateway in {}", arn.region(), aws.region);
            let error = Error::new(Kind::InvalidInput, message);
            Err(error.with_hint("a gateway calls functions of its own region only"))
        }
    }
}

/// A function that is not there would be told from a permission that has not spread by nobody. Who may
/// not look at it is taken at their word.
async fn check_function(aws: &Aws, stack: &Stack, arn: &FunctionArn) -> Result<(), Error> {
    if arn.account() != stack.account {
        return Ok(());
    }
    match lambda::find_function(aws, arn.as_str()).await {
        Ok(None) => Err(Error::new(Kind::NotFound, format!("there is no function {arn}"))
            .with_hint("`aws lambda list-functions` shows the functions of the region")),
        Err(error) if error.class != Class::Denied => Err(error.into()),
        _ => Ok(()),
    }
}

/// The API's `toolSchema`, from a file, standard input or S3.
fn tool_schema(place: &str) -> Result<Value, Error> {
    if place.starts_with("s3://") {
        return Ok(json!({ "s3": { "uri": place } }));
    }
    let document = validate::parse(place, &validate::read(place)?)?;
    let problem = tool::parse_inline(&document.value).err();
    if let Some(error) = problem {
        let message = format!("{place}: line {}, {error}", document.line_of(&error.pointer));
        return Err(Error::new(Kind::InvalidInput, message)
            .with_hint("a Lambda tool's schema has type, description, properties, required and items"));
    }
    Ok(json!({ "inlinePayload": document.value }))
}

/// The API's `openApiSchema`, from a file, standard input or S3, and what is to be said of it. The
/// gateway takes JSON.
fn api_schema(ctx: &Context, target: &TargetName, place: &str) -> Result<(Value, Vec<String>), Error> {
    if place.starts_with("s3://") {
        return Ok((json!({ "s3": { "uri": place } }), Vec::new()));
    }
    let reading = Reading { target: target.as_str(), local: ctx.settings.local };
    let (document, validated) = validate::openapi(place, &validate::read(place)?, reading)?;
    if let Some(error) = validated.refusal() {
        return Err(error);
    }
    let text = document.value.to_string();
    if text.len() > INLINE_LIMIT {
        let message = format!("{place}: as JSON it has {} bytes, and {INLINE_LIMIT} can be sent", text.len());
        return Err(Error::new(Kind::InvalidInput, message)
            .with_hint("put it into S3, and give `--spec` its s3://BUCKET/KEY (up to 10 MB)"));
    }
    let warnings = validated.warnings().collect();
    Ok((json!({ "inlinePayload": text }), warnings))
}

/// A target that is as it should be.
#[derive(Debug, Serialize)]
pub struct Added {
    target: TargetInfo,
    gateway: String,
    warnings: Vec<String>,
    /// A command that shows that it works.
    #[serde(skip)]
    next: String,
}

/// Warnings and tools that people are shown.
const SHOWN: usize = 20;

impl Report for Added {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        writeln!(w, "Target {} of {} is {}.", self.target.name, self.gateway, self.target.status)?;
        let few = |w: &mut dyn Write, all: &[String], lead: &str| -> io::Result<()> {
            all.iter().take(SHOWN).try_for_each(|one| writeln!(w, "  {lead}{one}"))?;
            if all.len() > SHOWN { writeln!(w, "  … and {} more", all.len() - SHOWN) } else { Ok(()) }
        };
        few(w, &self.target.tools, "")?;
        few(w, &self.warnings, "Warning: ")?;
        writeln!(w, "\nNext\n  {}", self.next)
    }
}
