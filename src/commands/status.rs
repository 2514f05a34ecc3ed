//! `status`: a stack, resource by resource.

mod tree;

use std::io::{self, Write as _};

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{Outcome, shown::tool_names};
use crate::{
    aws::{
        Aws, Caller,
        agentcore::ApiDocument,
        providers,
        wait::{self, Deadline, Poll},
    },
    context::Context,
    error::{Error, exit},
    model::{policy, target::TargetKind},
    ops::{
        self, Resource, find,
        health::{self, Problem, Trouble},
        stack::{Gateway, Stack},
    },
    ui::{
        report::{Page, Report},
        style,
    },
};

const MISSING: &str = "missing";
const BROKEN: &str = "broken";

/// Show what exists of a gateway, and what is wrong with it
///
/// Exits with 1 if the gateway or a target has FAILED, or its last change has, and with 3 if something is missing
/// that the gateway cannot do without, or AWS is still at work.
#[derive(Debug, Args)]
pub struct Status {
    /// Name, id or ARN of the gateway
    pub name: String,

    /// Wait until AWS is no longer at work on the gateway and its targets
    #[arg(long)]
    pub wait: bool,
}

impl Status {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let on_wait = |reason: &str| ctx.ui.note(reason);
        let (stack, problems) = wait::until(&Deadline::of(&ctx.stop), on_wait, async || {
            let (stack, problems) = look(&aws, &self.name).await?;
            let moving = problems.iter().find(|problem| problem.trouble == Trouble::Moving);
            match moving.filter(|_| self.wait) {
                Some(problem) => Ok(Poll::Pending(format!("the {} is {}", problem.resource, problem.detail))),
                None => Ok::<_, Error>(Poll::Ready((stack, problems))),
            }
        })
        .await?;
        for operation in &stack.not_offered {
            ctx.ui.warn(&format!("this endpoint does not offer {operation}"));
        }
        Ok(Box::new(StackReport::new(&aws, &stack, problems)))
    }
}

async fn look(aws: &Aws, name: &str) -> Result<(Stack, Vec<Problem>), Error> {
    let stack = find::stack(aws, name).await.map_err(|error| match error {
        ops::Error::NotFound(_) => Error::from(error).with_hint(format!(
            "check the name, `--region`, `--profile` and `--local`; `agentcore-gw cleanup {name}` finds what a gateway \
             left behind that was deleted another way"
        )),
        error => error.into(),
    })?;
    let problems = health::problems(aws, &stack).await;
    Ok((stack, problems))
}

/// The report of `status`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackReport {
    name: String,
    region: String,
    #[serde(flatten)]
    caller: Caller,
    /// READY and so on; null if there is no gateway.
    status: Option<String>,
    status_reasons: Vec<String>,
    gateway_url: Option<String>,
    /// CUSTOM_JWT and so on.
    authorizer: Option<String>,
    /// The role under which the gateway calls its targets.
    role_arn: Option<String>,
    /// What a role of this stack may do.
    permissions: Vec<Permission>,
    targets: Vec<Target>,
    /// AgentCore's page in the console.
    console_url: Option<String>,
    /// Whether agentcore-gw made the gateway.
    managed: bool,
    /// Whether nothing is wrong with it.
    complete: bool,
    problems: Vec<Wrong>,
    resources: Vec<Entry>,
}

/// Something missing, moving, waiting or broken.
#[derive(Debug, Serialize)]
struct Wrong {
    kind: &'static str,
    name: String,
    trouble: &'static str,
    detail: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// What it belongs to.
    #[serde(skip)]
    part: Part,
}

/// The parts of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The gateway, its role and its targets, which the report has by themselves.
    Itself,
    Authorizer,
    /// A user pool, and what is in it, whose tokens the gateway does not accept.
    Unused,
    Sample,
    Provider,
    Delivery,
}

/// A statement of a policy.
#[derive(Debug, Serialize)]
struct Permission {
    actions: Vec<String>,
    resources: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    name: String,
    status: String,
    /// `lambda` and so on, as the member of its configuration is called; null for one that this program does not know.
    kind: Option<&'static str>,
    /// Qualified names; null if only a list of the gateway's tools shows them.
    tools: Option<Vec<String>>,
    /// GATEWAY_IAM_ROLE and so on; null if its calls have none.
    credential: Option<String>,
    /// The name of the credential provider, if one is used.
    provider: Option<String>,
    #[serde(skip)]
    is_sample: bool,
}

impl Target {
    fn new(stack: &Stack, document: &ApiDocument) -> Self {
        let kind = TargetKind::of(&document.0["targetConfiguration"]["mcp"]);
        let credential = &document.0["credentialProviderConfigurations"][0]["credentialProviderType"];
        let provider = providers::of_target(&document.0).and_then(providers::of_arn);
        Self {
            name: document.name().to_owned(),
            status: document.status().to_owned(),
            kind: kind.map(TargetKind::member),
            tools: tool_names(document.name(), &document.0),
            credential: credential.as_str().map(str::to_owned),
            provider: provider.map(|(_, name)| name.to_owned()),
            is_sample: document.lambda_arn().is_some_and(|arn| stack.names.is_function_arn(arn)),
        }
    }
}

/// What the statements of a role's policies allow.
fn permissions(stack: &Stack) -> Vec<Permission> {
    let policies = stack.base_policy.iter().chain(stack.grants.values());
    let statements = policies.flat_map(|policy| policy::list(&policy["Statement"]));
    let permission = |statement: Value| Permission {
        actions: policy::texts(&statement["Action"]),
        resources: policy::texts(&statement["Resource"]),
    };
    statements.map(permission).collect()
}

/// The targets of a gateway, by name.
fn targets(stack: &Stack, gateway: &Gateway) -> Vec<Target> {
    let mut targets: Vec<Target> = gateway.targets.iter().map(|target| Target::new(stack, target)).collect();
    targets.sort_by(|one, other| one.name.cmp(&other.name));
    targets
}

fn part(aws: &Aws, stack: &Stack, resource: &Resource) -> Part {
    use ops::ResourceKind as Kind;

    match resource.kind {
        Kind::UserPool | Kind::Domain | Kind::ResourceServer | Kind::AppClient | Kind::Consumer => {
            let is_unused = stack.gateway.is_some() && stack.issuer(aws).is_none();
            if is_unused { Part::Unused } else { Part::Authorizer }
        }
        Kind::Function | Kind::FunctionRole => Part::Sample,
        Kind::LogGroup if resource.name == stack.names.function_log_group => Part::Sample,
        Kind::LogGroup | Kind::AccessLogs | Kind::Traces => Part::Delivery,
        Kind::Provider => Part::Provider,
        _ => Part::Itself,
    }
}

impl StackReport {
    fn new(aws: &Aws, stack: &Stack, problems: Vec<Problem>) -> Self {
        let gateway = stack.gateway.as_ref();
        let document = gateway.map(|gateway| &gateway.document);
        let entry = |resource: Resource| Entry {
            part: part(aws, stack, &resource),
            kind: resource.kind.label(),
            status: match resource.kind {
                ops::ResourceKind::Gateway => document.map(|document| document.status().to_owned()),
                ops::ResourceKind::Target => {
                    gateway.and_then(|gateway| gateway.target(&resource.name)).map(|target| target.status().to_owned())
                }
                _ => None,
            },
            name: resource.name,
        };
        // A stack's resources are its own; for a gateway of another owner, its targets are still shown.
        let foreign = gateway.filter(|gateway| !gateway.ours);
        let foreign_targets = foreign.into_iter().flat_map(|gateway| &gateway.targets);
        let foreign_targets = foreign_targets.map(|target| Resource::new(ops::ResourceKind::Target, target.name()));
        let wrong = |problem: Problem| Wrong {
            kind: problem.resource.kind.label(),
            name: problem.resource.name,
            trouble: match problem.trouble {
                Trouble::Missing => MISSING,
                Trouble::Moving => "moving",
                Trouble::Waiting => "waiting",
                Trouble::Broken => BROKEN,
            },
            detail: problem.detail,
        };
        Self {
            name: stack.names.gateway.to_string(),
            region: stack.names.region.to_string(),
            caller: stack.caller.clone(),
            status: document.map(|document| document.status().to_owned()),
            status_reasons: document.into_iter().flat_map(ApiDocument::status_reasons).map(str::to_owned).collect(),
            gateway_url: document.map(|document| document.gateway_url().to_owned()),
            authorizer: document.and_then(|document| document.0["authorizerType"].as_str()).map(str::to_owned),
            role_arn: document.map(|document| document.role_arn().to_owned()),
            permissions: permissions(stack),
            targets: gateway.into_iter().flat_map(|gateway| targets(stack, gateway)).collect(),
            console_url: aws.console_url(),
            managed: gateway.is_some_and(|gateway| gateway.ours),
            complete: problems.is_empty(),
            problems: problems.into_iter().map(wrong).collect(),
            resources: stack.resources().into_iter().chain(foreign_targets).map(entry).collect(),
        }
    }
}

impl Report for StackReport {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let (heading, reset) = (style::HEADING.render(), style::HEADING.render_reset());
        let status = self.status.as_deref().unwrap_or("not there");
        writeln!(w, "{heading}Gateway {} is {status}{reset}", self.name)?;
        w.tree(&self.branches())?;
        if !self.managed && self.status.is_some() {
            writeln!(w, "\nagentcore-gw did not make this gateway.")?;
        }
        if !self.problems.is_empty() {
            writeln!(w, "\n{heading}Problems{reset}")?;
        }
        for problem in &self.problems {
            let detail = if problem.detail.is_empty() { String::new() } else { format!(": {}", problem.detail) };
            writeln!(w, "  {} `{}` is {}{detail}", problem.kind, problem.name, problem.trouble)?;
        }
        Ok(())
    }

    fn next(&self) -> Vec<String> {
        let is_missing = self.problems.iter().any(|problem| problem.trouble == MISSING);
        // Another owner's gateway is for that owner to repair.
        match (is_missing, self.managed || self.status.is_none()) {
            (true, true) => {
                let sample =
                    [ops::ResourceKind::Function, ops::ResourceKind::FunctionRole].map(ops::ResourceKind::label);
                let of_sample = self.problems.iter().any(|problem| sample.contains(&problem.kind));
                let more = if of_sample { " --sample" } else { "" };
                vec![format!("create {}{more}", self.name), format!("cleanup {}", self.name)]
            }
            _ => Vec::new(),
        }
    }

    fn exit_code(&self) -> u8 {
        let is_broken = self.problems.iter().any(|problem| problem.trouble == BROKEN);
        match (is_broken, self.complete) {
            (true, _) => exit::FAILED,
            (false, true) => exit::DONE,
            (false, false) => exit::INCOMPLETE,
        }
    }
}
