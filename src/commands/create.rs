//! `create`: a gateway with everything it needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use super::{credentials::ClientInfo, program};
use crate::{
    aws::{Aws, agentcore::Document},
    context::Context,
    error::{Error, Kind},
    model::{
        name::{GatewayName, KmsKeyArn, PolicyArn, Region, RoleArn},
        naming::{DeliveryNames, StackNames},
        policy,
        spec::{AuthorizerSpec, GatewaySpec, RoleSpec, TargetSpec},
        tool,
    },
    ops::{
        converge::{self, Converged, Patience},
        plan::{Change, Plan},
        stack::Stack,
    },
    ui::{
        report::{Report, fields},
        style,
    },
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

/// Who may call the gateway.
#[derive(Debug, Args)]
#[command(next_help_heading = "Authorizer")]
pub struct AuthorizerFlags {
    /// How callers are checked [default: cognito for a new gateway]
    #[arg(long, value_enum)]
    pub authorizer: Option<AuthorizerKind>,

    /// OpenID discovery document of your provider (with --authorizer jwt)
    #[arg(long, value_name = "URL")]
    pub discovery_url: Option<String>,

    /// Client id that may call the gateway (with --authorizer jwt; can be repeated)
    #[arg(long, value_name = "ID")]
    pub allowed_client: Vec<String>,

    /// Audience that may call the gateway (with --authorizer jwt; can be repeated)
    #[arg(long, value_name = "AUDIENCE")]
    pub allowed_audience: Vec<String>,

    /// Scope that may call the gateway (with --authorizer jwt; can be repeated)
    #[arg(long, value_name = "SCOPE")]
    pub allowed_scope: Vec<String>,

    /// The authorizer configuration as the API takes it: JSON, or `file://PATH` (with --authorizer jwt)
    #[arg(long, value_name = "JSON", conflicts_with_all = ["discovery_url", "allowed_client", "allowed_audience", "allowed_scope"])]
    pub authorizer_config: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuthorizerKind {
    /// A Cognito user pool, made for this gateway
    Cognito,
    /// Your own OpenID provider
    Jwt,
    /// AWS signatures
    Iam,
    /// Nobody is checked
    None,
}

/// How the gateway is set up.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway")]
pub struct GatewayFlags {
    /// Use this execution role of yours instead of making one
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<RoleArn>,

    /// Permissions boundary of the execution role that is made
    #[arg(long, value_name = "ARN", conflicts_with = "role_arn")]
    pub permissions_boundary: Option<PolicyArn>,

    /// Do not add the search tool (can be chosen at creation only)
    #[arg(long)]
    pub no_semantic_search: bool,

    /// Do not deliver the gateway's logs and traces to CloudWatch
    #[arg(long)]
    pub no_observability: bool,

    /// What the gateway is for, at most 200 characters
    #[arg(long, value_name = "TEXT", value_parser = |text: &str| limited(text, 200))]
    pub description: Option<String>,

    /// Instructions for agents that use the gateway, at most 2048 characters
    #[arg(long, value_name = "TEXT", value_parser = |text: &str| limited(text, 2048))]
    pub instructions: Option<String>,

    /// MCP version to serve [default: the service's] (can be repeated)
    #[arg(long, value_name = "VERSION")]
    pub mcp_version: Vec<String>,

    /// Let callers see why a tool failed (exceptionLevel DEBUG)
    #[arg(long)]
    pub debug_errors: bool,

    /// KMS key that encrypts the gateway's data
    #[arg(long, value_name = "ARN")]
    pub kms_key_arn: Option<KmsKeyArn>,

    /// Tag for everything that is made (can be repeated)
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    pub tags: Vec<(String, String)>,

    /// Use an existing gateway of this name that agentcore-gw did not make; it is never deleted
    #[arg(long)]
    pub adopt: bool,
}

fn limited(text: &str, most: usize) -> Result<String, String> {
    match text.chars().count() {
        0 => Err("cannot be empty".to_owned()),
        length if length > most => Err(format!("{length} characters are too many: at most {most}")),
        _ => Ok(text.to_owned()),
    }
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, _)) if key.starts_with("agentcore-gw:") || key.starts_with("aws:") => {
            Err(format!("the tag key `{key}` is reserved"))
        }
        Some((key, value)) if (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256 => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("expected KEY=VALUE, the key of 1 to 128 characters, the value of at most 256".to_owned()),
    }
}

impl Create {
    pub async fn run(self, ctx: &Context) -> u8 {
        if self.dry_run { ctx.ui.finish(self.plan(ctx).await) } else { ctx.ui.finish(self.create(ctx).await) }
    }

    async fn plan(self, ctx: &Context) -> Result<PlanReport, Error> {
        self.resolve_without_region()?;
        let aws = ctx.aws().await?;
        let spec = self.resolve(&aws.region)?;
        let (stack, plan) = converge::plan(&aws, &spec).await?;
        Ok(PlanReport::new(&stack, &plan))
    }

    async fn create(self, ctx: &Context) -> Result<Created, Error> {
        self.resolve_without_region()?;
        if let Some(file) = &self.save {
            check_writable(file)?;
        }
        let aws = ctx.aws().await?;
        let spec = self.resolve(&aws.region)?;
        let patience = Patience { timeout: ctx.settings.timeout, wait: !self.no_wait };
        let progress = ctx.ui.progress();
        let converged = converge::create(&aws, &spec, patience, &progress, &ctx.stop).await;
        drop(progress);
        let program = program(ctx);
        let required_policy = required_policy(&spec);
        let converged = converged.map_err(|failure| {
            let next = self.again(&program);
            let undo = format!("{program} cleanup {}", spec.name);
            let error = Error::of_change(failure, &next, &undo);
            match &required_policy {
                Some(policy) => error.with_cause(format!("your role must allow: {policy}")),
                None => error,
            }
        })?;
        let created = Created::new(&aws, converged, required_policy, program);
        if let Some(file) = &self.save {
            created.save(file)?;
        }
        Ok(created)
    }

    /// The command that goes on with this one, with the flags that decide what is made.
    fn again(&self, program: &str) -> String {
        let mut command = format!("{program} create {}", self.name);
        if self.sample {
            command.push_str(" --sample");
        }
        if let Some(arn) = &self.gateway.role_arn {
            command.push_str(&format!(" --role-arn {arn}"));
        }
        if self.gateway.no_observability {
            command.push_str(" --no-observability");
        }
        if self.gateway.adopt {
            command.push_str(" --adopt");
        }
        command
    }

    /// All questions that can be settled are, before the first AWS call.
    fn resolve_without_region(&self) -> Result<(), Error> {
        let region = crate::local::DEFAULT_REGION.parse().map_err(|error| Error::new(Kind::Bug, format!("{error}")))?;
        self.resolve(&region).map(drop)
    }

    fn resolve(&self, region: &Region) -> Result<GatewaySpec, Error> {
        let flags = &self.gateway;
        Ok(GatewaySpec {
            name: self.name.clone(),
            region: region.clone(),
            authorizer: self.authorizer.resolve()?,
            role: match &flags.role_arn {
                Some(arn) => RoleSpec::Brought(arn.clone()),
                None => RoleSpec::Managed { permissions_boundary: flags.permissions_boundary.clone() },
            },
            description: flags.description.clone(),
            instructions: flags.instructions.clone(),
            mcp_versions: flags.mcp_version.clone(),
            semantic_search: !flags.no_semantic_search,
            debug_errors: flags.debug_errors,
            kms_key_arn: flags.kms_key_arn.clone(),
            tags: distinct(&flags.tags)?,
            observability: !flags.no_observability,
            prove_tokens: true,
            targets: if self.sample { vec![TargetSpec::sample()] } else { Vec::new() },
            adopt: flags.adopt,
        })
    }
}

/// The user's tags; AWS tells keys apart without regard to case on roles.
fn distinct(tags: &[(String, String)]) -> Result<BTreeMap<String, String>, Error> {
    let mut keys = BTreeSet::new();
    match tags.iter().find(|(key, _)| !keys.insert(key.to_lowercase())) {
        None => Ok(tags.iter().cloned().collect()),
        Some((key, _)) => Err(Error::new(Kind::InvalidInput, format!("the tag key `{key}` is given twice"))),
    }
}

/// What a role that was brought must be allowed to do: it is not changed for the user.
fn required_policy(spec: &GatewaySpec) -> Option<Value> {
    let RoleSpec::Brought(arn) = &spec.role else { return None };
    Some(policy::gateway_base(&StackNames::new(&spec.region, &spec.name), arn.account()))
}

impl AuthorizerFlags {
    fn resolve(&self) -> Result<Option<AuthorizerSpec>, Error> {
        let lists = [&self.allowed_client, &self.allowed_audience, &self.allowed_scope];
        let jwt_flags = self.discovery_url.is_some()
            || self.authorizer_config.is_some()
            || lists.iter().any(|list| !list.is_empty());
        if jwt_flags && self.authorizer != Some(AuthorizerKind::Jwt) {
            return Err(Error::new(
                Kind::Usage,
                "`--discovery-url`, `--allowed-…` and `--authorizer-config` describe your own OpenID provider",
            )
            .with_hint("add `--authorizer jwt`"));
        }
        Ok(match self.authorizer {
            None => None,
            Some(AuthorizerKind::Cognito) => Some(AuthorizerSpec::Cognito),
            Some(AuthorizerKind::Iam) => Some(AuthorizerSpec::Iam),
            Some(AuthorizerKind::None) => Some(AuthorizerSpec::None),
            Some(AuthorizerKind::Jwt) => Some(AuthorizerSpec::Jwt(self.jwt()?)),
        })
    }

    fn jwt(&self) -> Result<Value, Error> {
        if let Some(given) = &self.authorizer_config {
            return authorizer_document(given);
        }
        let usage = |message: &str, hint: &str| Error::new(Kind::Usage, message).with_hint(hint);
        let Some(url) = &self.discovery_url else {
            return Err(usage(
                "`--authorizer jwt` needs to know your OpenID provider",
                "add `--discovery-url https://…/.well-known/openid-configuration`",
            ));
        };
        if !url.contains("/.well-known/openid-configuration")
            && !url.contains("/.well-known/oauth-authorization-server")
        {
            return Err(usage(
                &format!("`{url}` is not a discovery document"),
                "it ends in `/.well-known/openid-configuration`",
            ));
        }
        let mut jwt = json!({ "discoveryUrl": url });
        let lists = [
            ("allowedClients", &self.allowed_client),
            ("allowedAudience", &self.allowed_audience),
            ("allowedScopes", &self.allowed_scope),
        ];
        for (member, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
            jwt[member] = json!(values);
        }
        if jwt.as_object().is_some_and(|members| members.len() == 1) {
            return Err(usage(
                "the gateway would let in nobody, or everybody, of your provider",
                "add `--allowed-client`, `--allowed-audience` or `--allowed-scope`",
            ));
        }
        Ok(json!({ "customJWTAuthorizer": jwt }))
    }
}

/// `--authorizer-config`, from the command line or a file.
fn authorizer_document(given: &str) -> Result<Value, Error> {
    let (text, place) = match given.strip_prefix("file://") {
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|error| Error::new(Kind::InvalidInput, format!("{path} cannot be read: {error}")))?;
            (text, path)
        }
        None => (given.to_owned(), "--authorizer-config"),
    };
    let document: Value = serde_json::from_str(&text)
        .map_err(|error| Error::new(Kind::InvalidInput, format!("{place} is not JSON: {error}")))?;
    if document["customJWTAuthorizer"]["discoveryUrl"].is_string() {
        return Ok(document);
    }
    Err(Error::new(Kind::InvalidInput, format!("{place} has no `customJWTAuthorizer.discoveryUrl`")))
}

/// A file that cannot be written is better known before anything is made.
fn check_writable(file: &Path) -> Result<(), Error> {
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    // The file is put in place by a rename, which would replace a link or a device.
    if fs::symlink_metadata(file).is_ok_and(|there| !there.is_file()) {
        return Err(Error::new(Kind::InvalidInput, format!("{} is there and is no regular file", file.display())));
    }
    if dir.is_dir() {
        return Ok(());
    }
    Err(Error::new(Kind::InvalidInput, format!("{} cannot be written: its folder does not exist", file.display())))
}

/// What `create --dry-run` found out.
#[derive(Debug, Serialize)]
pub struct PlanReport {
    gateway: String,
    changes: Vec<PlannedChange>,
}

#[derive(Debug, Serialize)]
struct PlannedChange {
    action: &'static str,
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differs: Vec<&'static str>,
}

impl PlanReport {
    fn new(stack: &Stack, plan: &Plan) -> Self {
        let change = |step: &crate::ops::plan::Step| {
            let (action, differs) = match &step.change {
                Change::Keep => return None,
                Change::Create => ("create", Vec::new()),
                Change::Replace => ("replace", Vec::new()),
                Change::Update(differs) => ("update", differs.clone()),
            };
            Some(PlannedChange { action, kind: step.resource.kind.label(), name: step.resource.name.clone(), differs })
        };
        Self { gateway: stack.names.gateway.to_string(), changes: plan.steps.iter().filter_map(change).collect() }
    }
}

impl Report for PlanReport {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        if self.changes.is_empty() {
            return writeln!(w, "Nothing to do: {} is as it should be.", self.gateway);
        }
        writeln!(w, "Would do for {}:", self.gateway)?;
        for change in &self.changes {
            let differs =
                if change.differs.is_empty() { String::new() } else { format!(" ({})", change.differs.join(", ")) };
            writeln!(w, "  {} {} `{}`{differs}", change.action, change.kind, change.name)?;
        }
        Ok(())
    }
}

/// What `create` made, or found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    gateway: GatewayInfo,
    client_info: Option<ClientInfo>,
    targets: Vec<TargetInfo>,
    console_url: Option<String>,
    log_group: Option<String>,
    warnings: Vec<String>,
    /// What a role that was brought must be allowed to do; it is not changed for you.
    #[serde(skip_serializing_if = "Option::is_none")]
    required_policy: Option<Value>,
    #[serde(skip)]
    unchanged: bool,
    /// The program with its flags, for the commands that are shown.
    #[serde(skip)]
    program: String,
}

/// The gateway, as `create` and `credentials` show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayInfo {
    pub name: String,
    pub gateway_id: String,
    pub gateway_arn: String,
    pub gateway_url: String,
    pub status: String,
    pub region: String,
}

/// A target, as `create` and `target add` show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetInfo {
    pub name: String,
    target_id: String,
    pub status: String,
    /// Qualified names.
    pub tools: Vec<String>,
}

impl TargetInfo {
    pub fn new(target: &Document) -> Self {
        Self {
            name: target.name().to_owned(),
            target_id: target.target_id().to_owned(),
            status: target.status().to_owned(),
            tools: tool_names(target.name(), &target.0),
        }
    }
}

impl Created {
    fn new(aws: &Aws, converged: Converged, required_policy: Option<Value>, program: String) -> Self {
        let Converged { stack, made } = converged;
        let unchanged = !made.changed;
        let mut warnings = made.warnings();
        let document = made.gateway.unwrap_or_else(|| Document(Value::Null));
        let open = document.0["authorizerType"] == "NONE";
        let checked = document.0["authorizerType"] == "CUSTOM_JWT";
        let client = made.client.as_ref().zip(made.domain.as_deref()).zip(made.pool_id.as_deref()).filter(|_| checked);
        if open {
            warnings.push("the gateway checks nobody: whoever reaches it may call its tools".to_owned());
        }
        let log_group = made.delivers_logs.then(|| DeliveryNames::new(document.gateway_id()).log_group);
        Self {
            client_info: client
                .map(|((client, domain), pool_id)| ClientInfo::new(aws, &stack.names, pool_id, domain, client)),
            targets: made.targets.values().map(TargetInfo::new).collect(),
            console_url: aws.console_url(),
            log_group,
            warnings,
            required_policy,
            gateway: GatewayInfo::new(&document, &aws.region),
            unchanged,
            program,
        }
    }

    /// Writes the toolkit's `gateway_config.json`, for nobody else to read.
    fn save(&self, file: &Path) -> Result<(), Error> {
        let failed = |error: io::Error| {
            Error::new(Kind::Failed, format!("the gateway is ready, but {} cannot be written: {error}", file.display()))
                .with_hint(format!("run `{} credentials {}`", self.program, self.gateway.name))
        };
        let mut document = json!({
            "gateway_url": self.gateway.gateway_url,
            "gateway_id": self.gateway.gateway_id,
            "region": self.gateway.region,
        });
        if let Some(client) = &self.client_info {
            document["client_info"] = client.toolkit_shape();
        }
        let text = serde_json::to_string_pretty(&document).map_err(|error| failed(error.into()))?;
        write_private(file, format!("{text}\n").as_bytes()).map_err(failed)
    }
}

/// Writes a file of mode 0600, whole or not at all, whatever was there before.
fn write_private(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = file.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut open| open.write_all(bytes));
    let placed = written.and_then(|()| fs::rename(&temporary, file));
    if placed.is_err() {
        // Nothing of the secret may stay behind; that there is nothing to remove is fine.
        drop(fs::remove_file(&temporary));
    }
    placed
}

impl GatewayInfo {
    pub fn new(document: &Document, region: &Region) -> Self {
        Self {
            name: document.name().to_owned(),
            gateway_id: document.gateway_id().to_owned(),
            gateway_arn: document.gateway_arn().to_owned(),
            gateway_url: document.gateway_url().to_owned(),
            status: document.status().to_owned(),
            region: region.to_string(),
        }
    }
}

/// The qualified names of a Lambda target's inline tools.
fn tool_names(target: &str, document: &Value) -> Vec<String> {
    let tools = &document["targetConfiguration"]["mcp"]["lambda"]["toolSchema"]["inlinePayload"];
    let names = tools.as_array().into_iter().flatten().filter_map(|tool| tool["name"].as_str());
    names.map(|name| tool::qualified(target, name)).collect()
}

impl Report for Created {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        let (heading, reset) = (style::HEADING.render(), style::HEADING.render_reset());
        let gateway = &self.gateway;
        let unchanged = if self.unchanged { " (nothing had to be changed)" } else { "" };
        writeln!(w, "{heading}Gateway {} is {}{reset}{unchanged}\n", gateway.name, gateway.status)?;
        let tools = self.targets.iter().flat_map(|target| &target.tools).cloned().collect::<Vec<_>>();
        let tool_list = tools.join(", ");
        let mut shown = vec![("Gateway URL", gateway.gateway_url.as_str())];
        shown.extend(self.client_info.iter().flat_map(ClientInfo::fields));
        shown.extend([("Tools", tool_list.as_str()), ("Logs", self.log_group.as_deref().unwrap_or_default())]);
        fields(w, &shown)?;
        if let Some(policy) = &self.required_policy {
            writeln!(w, "\n{heading}Your role needs this policy{reset}\n{policy:#}")?;
        }
        if self.client_info.is_none() {
            self.warnings.iter().try_for_each(|warning| writeln!(w, "\nWarning: {warning}"))?;
        }
        let (name, program) = (&gateway.name, &self.program);
        writeln!(w, "\n{heading}Next{reset}")?;
        match tools.iter().find(|tool| tool.ends_with("get_weather")) {
            Some(tool) => writeln!(w, "  {program} tools call {name} {tool} '{{\"location\":\"Seattle\"}}'")?,
            None if tools.is_empty() => writeln!(w, "  {program} create {name} --sample")?,
            None => writeln!(w, "  {program} tools list {name}")?,
        }
        writeln!(w, "  {program} cleanup {name}")
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![("AGENTCORE_GATEWAY_URL", self.gateway.gateway_url.clone())];
        variables.extend(self.client_info.iter().flat_map(ClientInfo::env));
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_ours_and_of_aws_are_reserved() {
        assert_eq!(tag("team=a=b").unwrap(), ("team".to_owned(), "a=b".to_owned()));
        for bad in ["team", "=x", "aws:x=1", "agentcore-gw:stack=other"] {
            assert!(tag(bad).is_err(), "{bad}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_saved_file_is_private_even_where_a_wider_one_was() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway_config.json");
        fs::write(&file, "old").unwrap();
        write_private(&file, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
