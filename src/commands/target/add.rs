//! `target add`, with a subcommand for each kind.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Outcome,
    change::{Common, Wanted},
    check::{check_endpoint, check_region},
    credential::CredentialFlags,
    described,
    keep::Said,
    source::{self, Given},
    values::{action, endpoint, filter, rest_api_id, stage, tool_override},
    with_gateway,
};
use crate::{
    commands::{
        adapt::{AdaptFlags, SmithyAdaptFlags},
        cli_input::{CliInput, check_stdin},
        input::Origin,
    },
    context::Context,
    error::{Error, ErrorKind},
    model::{
        adapt::Adapting,
        name::FunctionArn,
        spec::{Credential, TargetSource, TargetSpec},
        target::TargetKind,
    },
    ops::stack::Stack,
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
    #[arg(long, requires = "endpoint")]
    pub dynamic_listing: bool,

    /// Whose resource it is where two servers have one of the same URI: the lowest wins, 0 to 1000
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(0..=1000), requires = "endpoint")]
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
    #[arg(long = "override", value_name = "METHOD PATH=NAME[: TEXT]", value_parser = tool_override, requires = "rest_api_id")]
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

impl Add {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let Self { kind } = self;
        let input = kind.input(ctx).await?;
        let wanted = Box::pin(kind.describe(ctx, input, Origin::CommandLine(ctx.invocation.again()))).await?;
        let aws = ctx.aws().await?;
        let (stack, gateway) = with_gateway(ctx, &aws, &kind.common().gateway).await?;
        let mut wanted = wanted.checked(&aws, &stack, gateway.document.role_arn()).await?;
        wanted.warnings.extend(kind.widening(&stack, wanted.target.allowed()));
        wanted.apply(ctx, &aws, kind.common(), stack, gateway).await
    }
}

impl AddKind {
    pub fn common(&self) -> &Common {
        match self {
            Self::Lambda(args) => &args.common,
            Self::Openapi(args) => &args.common,
            Self::Smithy(args) => &args.common,
            Self::McpServer(args) => &args.common,
            Self::ApiGateway(args) => &args.common,
            Self::Custom(args) => &args.common,
        }
    }

    fn credential(&self) -> Option<&CredentialFlags> {
        match self {
            Self::Lambda(_) => None,
            Self::Openapi(args) => Some(&args.credential),
            Self::Smithy(args) => Some(&args.credential),
            Self::McpServer(args) => Some(&args.credential),
            Self::ApiGateway(args) => Some(&args.credential),
            Self::Custom(args) => Some(&args.credential),
        }
    }

    /// A warning that the role gets more than was named when the target was added before, as nothing is named now.
    fn widening(&self, stack: &Stack, wanted: &[String]) -> Option<String> {
        let Self::Smithy(smithy) = self else { return None };
        let AddSmithy { common, allow_action, .. } = &**smithy;
        let granted = stack.granted(common.name.as_str()).filter(|_| allow_action.is_empty())?;
        let more: Vec<&str> = wanted.iter().filter(|one| !granted.contains(one)).map(String::as_str).collect();
        (!more.is_empty()).then(|| {
            format!(
                "the role gets more than it was allowed before, {}: without `--allow-action` all that the model needs",
                more.join(", ")
            )
        })
    }

    /// What is said about the target besides its source.
    pub fn said(&self, input: &CliInput) -> Said {
        let actions = match self {
            Self::Smithy(args) => args.allow_action.as_slice(),
            Self::Custom(args) => args.allow_action.as_slice(),
            _ => &[],
        };
        let flags = self.credential();
        let credential = flags.is_some_and(CredentialFlags::is_given) || input.has("credentialProviderConfigurations");
        let resources = flags.is_some_and(|flags| !flags.iam_resource.is_empty());
        Said { credential, permissions: resources || !actions.is_empty() }
    }

    /// The members of the file of `--cli-input`. One of the files may be standard input.
    async fn input(&self, ctx: &Context) -> Result<CliInput, Error> {
        let file = match self {
            Self::Lambda(args) => args.tools.as_deref(),
            Self::Openapi(args) => args.spec.as_deref(),
            Self::Smithy(args) => args.model.as_deref(),
            Self::McpServer(_) | Self::ApiGateway(_) | Self::Custom(_) => None,
        };
        let given = self.common().settings.cli_input.as_deref();
        check_stdin([given, file].into_iter().chain(self.credential().into_iter().flat_map(CredentialFlags::files)))?;
        CliInput::read(ctx, given).await
    }

    /// What flags and a file of the API's members, which is for this target, say of it. What is wrong with them is
    /// reported before a missing region.
    pub async fn describe(&self, ctx: &Context, mut input: CliInput, origin: Origin<'_>) -> Result<Wanted, Error> {
        described::check_names(&mut input, self.common())?;
        match self {
            Self::Lambda(args) => args.describe(ctx, input).await,
            Self::Openapi(args) => args.describe(ctx, input, origin).await,
            Self::Smithy(args) => Box::pin(args.describe(ctx, input, origin)).await,
            Self::McpServer(args) => args.describe(ctx, input).await,
            Self::ApiGateway(args) => args.describe(ctx, input).await,
            Self::Custom(args) => args.describe(ctx, input).await,
        }
    }
}

impl AddLambda {
    async fn describe(&self, ctx: &Context, input: CliInput) -> Result<Wanted, Error> {
        let flags = CredentialFlags::default();
        let source = match (&self.lambda_arn, &self.tools) {
            (Some(arn), Some(tools)) => {
                check_region(&ctx.region().await?, arn)?;
                let schema = source::tool_schema(ctx, &self.common.name, tools).await?;
                let configuration = json!({ "lambdaArn": arn, "toolSchema": schema });
                TargetSource::configured(TargetKind::Lambda, configuration, Credential::role(), Vec::new())
            }
            _ if input.has("targetConfiguration") => {
                let described = Described { kind: Some(TargetKind::Lambda), flags: &flags, allowed: &[] };
                return described.wanted(ctx, &self.common, input).await;
            }
            _ => {
                ctx.check_sample().await?;
                TargetSource::Sample
            }
        };
        let wanted = wanted(ctx, &self.common, (input, &flags), source).await?;
        Ok(Wanted { function: self.lambda_arn.clone(), ..wanted })
    }
}

impl AddOpenapi {
    async fn describe(&self, ctx: &Context, input: CliInput, origin: Origin<'_>) -> Result<Wanted, Error> {
        self.credential.check_resources()?;
        let allowed = &self.credential.iam_resource;
        let Some(spec) = &self.spec else {
            check_unadapted(&self.adapt.adapting(), "--spec")?;
            let described = Described { kind: Some(TargetKind::OpenApi), flags: &self.credential, allowed };
            return described.wanted(ctx, &self.common, input).await;
        };
        let given = Given { place: spec, flag: "--spec", adapting: self.adapt.adapting(), origin };
        let credential = self.credential.resolve(ctx, Some(TargetKind::OpenApi)).await?;
        let schema = source::api(ctx, &self.common.name, &given, credential.fills()).await?;
        let source = TargetSource::configured(TargetKind::OpenApi, schema.configuration, credential, allowed.clone());
        let wanted = wanted(ctx, &self.common, (input, &self.credential), source).await?;
        Ok(Wanted { warnings: schema.warnings, changes: schema.changes, ..wanted })
    }
}

impl AddSmithy {
    async fn describe(&self, ctx: &Context, input: CliInput, origin: Origin<'_>) -> Result<Wanted, Error> {
        if self.model.is_none() && input.has("targetConfiguration") {
            check_unadapted(&self.adapt.adapting(), "--model")?;
            let (kind, allowed) = (Some(TargetKind::Smithy), &self.allow_action);
            return Described { kind, flags: &self.credential, allowed }.wanted(ctx, &self.common, input).await;
        }
        let credential = self.credential.resolve(ctx, Some(TargetKind::Smithy)).await?;
        let model = match &self.model {
            Some(model) => model.clone(),
            None => source::sample_model(&ctx.region().await?)?,
        };
        let given = Given { place: &model, flag: "--model", adapting: self.adapt.adapting(), origin };
        let mut schema = source::smithy(ctx, &self.common.name, &given).await?;
        let actions = match &credential {
            // With an OAuth token for the service, the role needs no permission.
            Credential::Oauth { .. } => Vec::new(),
            _ if self.allow_action.is_empty() => schema.needed_actions(ctx, &self.common.name, origin).await?,
            _ => self.allow_action.clone(),
        };
        let schema = schema.source;
        let source = TargetSource::configured(TargetKind::Smithy, schema.configuration, credential, actions);
        let wanted = wanted(ctx, &self.common, (input, &self.credential), source).await?;
        Ok(Wanted { warnings: schema.warnings, changes: schema.changes, ..wanted })
    }
}

impl AddMcpServer {
    async fn describe(&self, ctx: &Context, input: CliInput) -> Result<Wanted, Error> {
        self.credential.check_resources()?;
        let allowed = &self.credential.iam_resource;
        let Some(endpoint) = &self.endpoint else {
            let described = Described { kind: Some(TargetKind::McpServer), flags: &self.credential, allowed };
            return described.wanted(ctx, &self.common, input).await;
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
        let source = TargetSource::configured(TargetKind::McpServer, configuration, credential, allowed.clone());
        let wanted = wanted(ctx, &self.common, (input, &self.credential), source).await?;
        Ok(Wanted { warnings, ..wanted })
    }
}

impl AddApiGateway {
    async fn describe(&self, ctx: &Context, input: CliInput) -> Result<Wanted, Error> {
        let wanted = match &self.rest_api_id {
            None => {
                let (kind, allowed) = (Some(TargetKind::ApiGateway), &[][..]);
                Described { kind, flags: &self.credential, allowed }.wanted(ctx, &self.common, input).await?
            }
            Some(rest_api_id) => {
                let credential = self.credential.resolve(ctx, Some(TargetKind::ApiGateway)).await?;
                let mut tools = json!({ "toolFilters": self.filter });
                if !self.overrides.is_empty() {
                    tools["toolOverrides"] = json!(self.overrides);
                }
                let configuration =
                    json!({ "restApiId": rest_api_id, "stage": self.stage, "apiGatewayToolConfiguration": tools });
                let source = TargetSource::configured(TargetKind::ApiGateway, configuration, credential, Vec::new());
                wanted(ctx, &self.common, (input, &self.credential), source).await?
            }
        };
        let unserved = "the local AWS keeps API Gateway targets and does not serve them: they have no tools";
        let warnings = ctx.settings.local.then(|| unserved.to_owned()).into_iter().collect();
        Ok(Wanted { warnings, ..wanted })
    }
}

impl AddCustom {
    async fn describe(&self, ctx: &Context, input: CliInput) -> Result<Wanted, Error> {
        if !self.credential.iam_resource.is_empty() {
            let error = Error::new(ErrorKind::Usage, "what this target calls is not known from an address");
            return Err(error.with_hint("allow the role its actions: `--allow-action`"));
        }
        let described = Described { kind: None, flags: &self.credential, allowed: &self.allow_action };
        described.wanted(ctx, &self.common, input).await
    }
}

/// Refuses to adapt a document that this flag does not name.
fn check_unadapted(adapting: &Adapting, flag: &str) -> Result<(), Error> {
    if adapting.is_nothing() {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Usage, "there is no document to adapt");
    Err(error.with_hint(format!("name it with `{flag}`: in `--cli-input` it is as it is sent")))
}

/// A target whose source flags describe.
async fn wanted(
    ctx: &Context,
    common: &Common,
    (mut input, flags): (CliInput, &CredentialFlags),
    source: TargetSource,
) -> Result<Wanted, Error> {
    let source = described::completed(ctx, &mut input, source, flags).await?;
    let patch = described::patch(ctx, common, input);
    Ok(Wanted::new(TargetSpec { name: common.name.clone(), source, patch }))
}

/// A target that a file of the API's members describes, of this kind or of any.
struct Described<'a> {
    kind: Option<TargetKind>,
    flags: &'a CredentialFlags,
    allowed: &'a [String],
}

impl Described<'_> {
    async fn wanted(self, ctx: &Context, common: &Common, mut input: CliInput) -> Result<Wanted, Error> {
        let source = described::source(ctx, &mut input, self.kind, self.flags, self.allowed.to_vec()).await?;
        let patch = described::patch(ctx, common, input);
        Ok(Wanted::new(TargetSpec { name: common.name.clone(), source, patch }))
    }
}
