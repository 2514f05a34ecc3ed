//! `target add`, with a subcommand for each kind.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Outcome,
    change::{Common, Wanted},
    check::{check_endpoint, check_function, check_region, statement_of_owner},
    credential::CredentialFlags,
    described,
    source::{self, Given},
    with_gateway,
};
use crate::{
    commands::{
        adapt::{AdaptFlags, SmithyAdaptFlags},
        cli_input::CliInput,
    },
    context::Context,
    error::{Error, ErrorKind},
    model::{
        adapt::Change,
        name::FunctionArn,
        spec::{Credential, TargetSource},
        target::TargetKind,
        tool,
    },
};

/// Add a target, or repair the one of this name
#[derive(Debug, Args)]
pub struct Add {
    #[command(subcommand)]
    pub kind: AddKind,
}

#[derive(Debug, Subcommand)]
pub enum AddKind {
    Lambda(Box<AddLambda>),
    Openapi(Box<AddOpenapi>),
    Smithy(Box<AddSmithy>),
    McpServer(Box<AddMcpServer>),
    ApiGateway(Box<AddApiGateway>),
    Custom(Box<AddCustom>),
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
/// openapi` does; `--adapt` changes what the gateway would refuse. API keys and client secrets are kept by AgentCore; a second run replaces them.
#[derive(Debug, Args)]
pub struct AddOpenapi {
    #[command(flatten)]
    pub common: Common,

    /// The document, JSON or YAML: a file, `-`, or s3://BUCKET/KEY
    #[arg(long, value_name = "FILE", required_unless_present = "cli_input")]
    pub spec: Option<String>,

    #[command(flatten)]
    pub adapt: AdaptFlags,

    #[command(flatten)]
    pub credential: CredentialFlags,
}

/// Add an AWS service by its Smithy model
///
/// Every operation becomes a tool. The gateway's role is allowed what the operations need; `--dry-run`
/// shows it, `--allow-action` narrows it. Without a model, that of DynamoDB is used which AWS offers in
/// us-east-1, us-west-2, eu-central-1 and ap-southeast-2.
#[derive(Debug, Args)]
pub struct AddSmithy {
    #[command(flatten)]
    pub common: Common,

    /// The model, JSON AST: a file, `-`, or s3://BUCKET/KEY
    #[arg(long, value_name = "FILE")]
    pub model: Option<String>,

    /// Allow the gateway's role this and nothing else, such as dynamodb:GetItem (can be repeated)
    #[arg(long, value_name = "ACTION", value_parser = action)]
    pub allow_action: Vec<String>,

    #[command(flatten)]
    pub adapt: SmithyAdaptFlags,

    #[command(flatten)]
    pub credential: CredentialFlags,
}

/// Add the tools, prompts and resources of an MCP server
///
/// The gateway connects and lists them; what it found then is what it shows until `target sync`.
#[derive(Debug, Args)]
pub struct AddMcpServer {
    #[command(flatten)]
    pub common: Common,

    /// The server's address, streamable HTTP
    #[arg(long, value_name = "URL", value_parser = endpoint, required_unless_present = "cli_input")]
    pub endpoint: Option<String>,

    /// Ask the server for its list whenever a client asks, instead of keeping one
    #[arg(long)]
    pub dynamic_listing: bool,

    /// Whose resource it is where two servers have one of the same URI: the lowest wins, 0 to 1000
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub resource_priority: Option<u16>,

    #[command(flatten)]
    pub credential: CredentialFlags,
}

/// Add a stage of a REST API in Amazon API Gateway
///
/// The API is of this account and region, and has a deployed stage. The gateway exports it by itself.
#[derive(Debug, Args)]
pub struct AddApiGateway {
    #[command(flatten)]
    pub common: Common,

    /// Id of the REST API
    #[arg(long, value_name = "ID", value_parser = rest_api_id, required_unless_present = "cli_input", requires = "stage")]
    pub rest_api_id: Option<String>,

    /// Its stage
    #[arg(long, value_name = "STAGE", value_parser = stage, requires = "filter")]
    pub stage: Option<String>,

    /// Methods that become tools: '/pets/*=GET,POST' (can be repeated)
    #[arg(long, value_name = "PATH=METHODS", value_parser = filter, requires = "rest_api_id")]
    pub filter: Vec<Value>,

    /// Name and description of one of them: 'GET /pets/{id}=get_pet: Get a pet' (can be repeated)
    #[arg(long = "override", value_name = "METHOD PATH=NAME[: TEXT]", value_parser = tool_override)]
    pub overrides: Vec<Value>,

    #[command(flatten)]
    pub credential: CredentialFlags,
}

/// Add a target of any kind, as the API describes it
///
/// `--cli-input` has its `targetConfiguration`: AgentCore Runtime, HTTP passthrough, connectors, inference and what comes
/// after them. HTTP and inference targets need a gateway without a protocol type (`create --no-protocol-type`).
#[derive(Debug, Args)]
pub struct AddCustom {
    #[command(flatten)]
    pub common: Common,

    /// Allow the gateway's role this for the target, on any resource (can be repeated)
    #[arg(long, value_name = "ACTION", value_parser = action)]
    pub allow_action: Vec<String>,

    #[command(flatten)]
    pub credential: CredentialFlags,
}

const METHODS: [&str; 7] = ["GET", "DELETE", "HEAD", "OPTIONS", "PATCH", "PUT", "POST"];

fn method(text: &str) -> Result<String, String> {
    let method = text.trim().to_ascii_uppercase();
    let known = METHODS.contains(&method.as_str());
    if known { Ok(method) } else { Err(format!("`{text}` is none of {}", METHODS.join(", "))) }
}

fn path(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if text.starts_with('/') { Ok(text) } else { Err(format!("the path `{text}` does not begin with a slash")) }
}

fn rest_api_id(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if plain { Ok(text.to_owned()) } else { Err("an id has small letters and digits, such as a1b2c3d4e5".to_owned()) }
}

/// API Gateway's own rule for stage names (`CreateStage`).
fn stage(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=128).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err("a stage has 1 to 128 letters, digits, `_` and `-`".to_owned())
}

fn filter(text: &str) -> Result<Value, String> {
    let (place, methods) = text.rsplit_once('=').ok_or("expected PATH=METHODS, such as '/pets/*=GET,POST'")?;
    let methods = methods.split(',').map(method).collect::<Result<BTreeSet<_>, _>>()?;
    Ok(json!({ "filterPath": path(place)?, "methods": methods }))
}

fn tool_override(text: &str) -> Result<Value, String> {
    let form = "expected METHOD PATH=NAME[: TEXT], such as 'GET /pets=list_pets: List all pets'";
    let (which, named) = text.split_once('=').ok_or(form)?;
    let (verb, place) = which.trim().split_once(' ').ok_or(form)?;
    let (name, description) = named.split_once(':').map_or((named, None), |(name, text)| (name, Some(text)));
    let name = name.trim();
    if name.is_empty() {
        return Err(form.to_owned());
    }
    if !tool::is_plain_property(name) {
        return Err(format!("`{name}` as a tool's name: use letters, digits, `_`, `.` and `-`, at most 64"));
    }
    let mut written = json!({ "name": name, "path": path(place)?, "method": method(verb)? });
    if let Some(description) = description {
        written["description"] = json!(description.trim());
    }
    Ok(written)
}

fn action(text: &str) -> Result<String, String> {
    let plain = |part: &str, more: &[u8]| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let good = text.split_once(':').is_some_and(|(service, name)| plain(service, b"-") && plain(name, b"*?"));
    if good { Ok(text.to_owned()) } else { Err("an IAM action is written service:Action".to_owned()) }
}

fn endpoint(text: &str) -> Result<String, String> {
    let parsed: Option<http::Uri> = text.parse().ok();
    let good = parsed.as_ref().and_then(http::Uri::authority).is_some_and(|authority| {
        let has_port = authority.port_u16().is_some_and(|port| port > 0);
        !authority.host().is_empty() && !authority.as_str().contains('@') && (has_port || authority == authority.host())
    });
    let has_scheme = text.starts_with("https://") || text.starts_with("http://");
    match (has_scheme, good, text.contains('#')) {
        (true, true, false) => Ok(text.to_owned()),
        (false, ..) => Err("an address begins with https://, or for a server on this machine with http://".to_owned()),
        (_, false, _) => Err("an address has a host, perhaps a port up to 65535, and no user before it".to_owned()),
        (.., true) => Err("an address has no part after a `#`".to_owned()),
    }
}

impl Add {
    pub async fn run(self, ctx: &Context) -> Outcome {
        match self.kind {
            AddKind::Lambda(args) => args.run(ctx).await,
            AddKind::Openapi(args) => args.run(ctx).await,
            AddKind::Smithy(args) => Box::pin(args.run(ctx)).await,
            AddKind::McpServer(args) => args.run(ctx).await,
            AddKind::ApiGateway(args) => args.run(ctx).await,
            AddKind::Custom(args) => args.run(ctx).await,
        }
    }
}

impl AddLambda {
    async fn run(self, ctx: &Context) -> Outcome {
        let flags = CredentialFlags::default();
        let mut input = described::read(&self.common, [self.tools.as_deref()], &flags)?;
        let source = match (&self.lambda_arn, &self.tools) {
            (Some(arn), Some(tools)) => {
                let schema = source::tool_schema(&self.common.name, tools)?;
                let configuration = json!({ "lambdaArn": arn, "toolSchema": schema });
                TargetSource::configured(TargetKind::Lambda, configuration, Credential::role(), Vec::new())
            }
            _ if input.has("targetConfiguration") => {
                let described = Described { kind: Some(TargetKind::Lambda), flags: &flags, allowed: Vec::new() };
                return described.apply(ctx, self.common, input, Vec::new()).await;
            }
            _ => {
                ctx.check_sample().await?;
                TargetSource::Sample
            }
        };
        let aws = ctx.aws().await?;
        check_region(&aws, self.lambda_arn.as_ref())?;
        let (stack, gateway) = with_gateway(ctx, &aws, &self.common.gateway).await?;
        if let Some(arn) = &self.lambda_arn {
            check_function(&aws, &stack, arn).await?;
        }
        let warning = self.lambda_arn.as_ref().and_then(|arn| statement_of_owner(&stack, &gateway, arn));
        let source = described::completed(ctx, &mut input, source, &flags).await?;
        let patch = described::patch(ctx, &self.common, input);
        let warnings = warning.into_iter().collect();
        Wanted { common: self.common, source, patch, warnings, changes: Vec::new() }
            .apply(ctx, &aws, stack, gateway)
            .await
    }
}

impl AddOpenapi {
    async fn run(self, ctx: &Context) -> Outcome {
        self.credential.check_resources()?;
        let input = described::read(&self.common, [self.spec.as_deref()], &self.credential)?;
        let Some(spec) = &self.spec else {
            let allowed = self.credential.iam_resource.clone();
            let described = Described { kind: Some(TargetKind::OpenApi), flags: &self.credential, allowed };
            return described.apply(ctx, self.common, input, Vec::new()).await;
        };
        let given = Given { place: spec, flag: "--spec", adapting: self.adapt.adapting() };
        let credential = self.credential.resolve(ctx, Some(TargetKind::OpenApi)).await?;
        let schema = source::api(ctx, &self.common.name, &given, credential.fills()).await?;
        let allowed = self.credential.iam_resource.clone();
        let source = TargetSource::configured(TargetKind::OpenApi, schema.configuration, credential, allowed);
        let described = (source, schema.warnings, schema.changes);
        apply(ctx, self.common, (input, &self.credential), described).await
    }
}

impl AddSmithy {
    async fn run(self, ctx: &Context) -> Outcome {
        let input = described::read(&self.common, [self.model.as_deref()], &self.credential)?;
        if self.model.is_none() && input.has("targetConfiguration") {
            let (kind, allowed) = (Some(TargetKind::Smithy), self.allow_action);
            let described = Described { kind, flags: &self.credential, allowed };
            return described.apply(ctx, self.common, input, Vec::new()).await;
        }
        let credential = self.credential.resolve(ctx, Some(TargetKind::Smithy)).await?;
        let aws = ctx.aws().await?;
        let model = self.model.map_or_else(|| source::sample_model(&aws.region), Ok)?;
        let given = Given { place: &model, flag: "--model", adapting: self.adapt.adapting() };
        let mut schema = source::smithy(ctx, &self.common.name, &given).await?;
        let actions = match (&credential, self.allow_action) {
            // With an OAuth token for the service, the role needs no permission.
            (Credential::Oauth { .. }, _) => Vec::new(),
            (_, named) if named.is_empty() => {
                schema.needed_actions(&aws, &self.common.name, ctx.invocation.again()).await?
            }
            (_, named) => named,
        };
        let schema = schema.source;
        let source = TargetSource::configured(TargetKind::Smithy, schema.configuration, credential, actions);
        apply(ctx, self.common, (input, &self.credential), (source, schema.warnings, schema.changes)).await
    }
}

impl AddMcpServer {
    async fn run(self, ctx: &Context) -> Outcome {
        self.credential.check_resources()?;
        let allowed = self.credential.iam_resource.clone();
        let input = described::read(&self.common, [], &self.credential)?;
        let Some(endpoint) = &self.endpoint else {
            let described = Described { kind: Some(TargetKind::McpServer), flags: &self.credential, allowed };
            return described.apply(ctx, self.common, input, Vec::new()).await;
        };
        let credential = self.credential.resolve(ctx, Some(TargetKind::McpServer)).await?;
        let warnings = check_endpoint(ctx, endpoint)?;
        let mut configuration = json!({ "endpoint": endpoint });
        if self.dynamic_listing {
            configuration["listingMode"] = json!("DYNAMIC");
        }
        if let Some(priority) = self.resource_priority {
            configuration["resourcePriority"] = json!(priority);
        }
        let source = TargetSource::configured(TargetKind::McpServer, configuration, credential, allowed);
        apply(ctx, self.common, (input, &self.credential), (source, warnings, Vec::new())).await
    }
}

impl AddApiGateway {
    async fn run(self, ctx: &Context) -> Outcome {
        let mut warnings = Vec::new();
        if ctx.settings.local {
            warnings
                .push("the local AWS keeps API Gateway targets and does not serve them: they have no tools".to_owned());
        }
        let input = described::read(&self.common, [], &self.credential)?;
        let Some(rest_api_id) = &self.rest_api_id else {
            let (kind, allowed) = (Some(TargetKind::ApiGateway), Vec::new());
            let described = Described { kind, flags: &self.credential, allowed };
            return described.apply(ctx, self.common, input, warnings).await;
        };
        let credential = self.credential.resolve(ctx, Some(TargetKind::ApiGateway)).await?;
        let mut tools = json!({ "toolFilters": self.filter });
        if !self.overrides.is_empty() {
            tools["toolOverrides"] = json!(self.overrides);
        }
        let configuration =
            json!({ "restApiId": rest_api_id, "stage": self.stage, "apiGatewayToolConfiguration": tools });
        let source = TargetSource::configured(TargetKind::ApiGateway, configuration, credential, Vec::new());
        apply(ctx, self.common, (input, &self.credential), (source, warnings, Vec::new())).await
    }
}

impl AddCustom {
    async fn run(self, ctx: &Context) -> Outcome {
        if !self.credential.iam_resource.is_empty() {
            let error = Error::new(ErrorKind::Usage, "what this target calls is not known from an address");
            return Err(error.with_hint("allow the role its actions: `--allow-action`"));
        }
        let input = described::read(&self.common, [], &self.credential)?;
        let described = Described { kind: None, flags: &self.credential, allowed: self.allow_action };
        described.apply(ctx, self.common, input, Vec::new()).await
    }
}

/// Applies a target whose source flags describe, with the warnings about it, and how its document was changed.
async fn apply(
    ctx: &Context,
    common: Common,
    (mut input, flags): (CliInput, &CredentialFlags),
    (source, warnings, changes): (TargetSource, Vec<String>, Vec<Change>),
) -> Outcome {
    let source = described::completed(ctx, &mut input, source, flags).await?;
    let patch = described::patch(ctx, &common, input);
    let aws = ctx.aws().await?;
    let (stack, gateway) = with_gateway(ctx, &aws, &common.gateway).await?;
    Wanted { common, source, patch, warnings, changes }.apply(ctx, &aws, stack, gateway).await
}

/// A target that `--cli-input` describes, of this kind or of any.
struct Described<'a> {
    kind: Option<TargetKind>,
    flags: &'a CredentialFlags,
    allowed: Vec<String>,
}

impl Described<'_> {
    async fn apply(self, ctx: &Context, common: Common, mut input: CliInput, warnings: Vec<String>) -> Outcome {
        let source = described::source(ctx, &mut input, self.kind, self.flags, self.allowed).await?;
        let patch = described::patch(ctx, &common, input);
        let aws = ctx.aws().await?;
        let (stack, gateway) = with_gateway(ctx, &aws, &common.gateway).await?;
        Wanted { common, source, patch, warnings, changes: Vec::new() }.apply(ctx, &aws, stack, gateway).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_overrides_are_read_and_refused() {
        assert_eq!(filter("/pets/*=get,POST").unwrap(), json!({ "filterPath": "/pets/*", "methods": ["GET", "POST"] }));
        assert!(filter("pets=GET").is_err() && filter("/pets").is_err() && filter("/pets=FETCH").is_err());
        let read = json!({ "name": "get_pet", "path": "/pets/{id}", "method": "GET", "description": "A: pet" });
        assert_eq!(tool_override("GET /pets/{id}=get_pet: A: pet").unwrap(), read);
        assert_eq!(filter("/=POST,GET,get").unwrap()["methods"], json!(["GET", "POST"]));
        assert!(tool_override("GET /x=a b").is_err() && rest_api_id("x/../y").is_err() && stage("a b").is_err());
        assert!(endpoint("http://127.0.0.1:99999/").is_err() && endpoint("https://x/#y").is_err());
        assert!(tool_override("GET /pets").is_err() && tool_override("/pets=x").is_err());
        assert!(action("dynamodb:Get*").is_ok() && action("dynamodb").is_err() && action("*:*").is_err());
        assert!(endpoint("https://x.example/mcp").is_ok() && endpoint("https://u:p@x/").is_err());
        assert!(endpoint("ftp://x").is_err() && endpoint("x").is_err());
    }
}
