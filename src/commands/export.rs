//! `export`: what AWS has of a gateway, as a file for `apply`, a CloudFormation template or Terraform `import` blocks.

mod cloudformation;
mod declaration;
mod terraform;

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use clap::{Args, ValueEnum};
use futures_util::future::{try_join_all, try_join3};
use serde::Serialize;
use serde_json::Value;

use super::{Outcome, stack_with_gateway};
use crate::{
    aws::{Aws, cognito, logs, providers},
    context::Context,
    error::{Error, ErrorKind},
    model::{
        document::to_yaml,
        name::TargetName,
        naming::{StackNames, consumer_of},
        provider::ProviderKind,
    },
    ops::{
        self,
        stack::{Gateway, Stack},
    },
    ui::report::{Page, Report},
};

/// Write a gateway and its targets to a file that makes them again
///
/// Prints what AWS has now, for `apply` or for another tool. Secrets are not shown by AWS, and so not
/// exported: the file names variables, the template has parameters.
#[derive(Debug, Args)]
pub struct Export {
    /// Name, id or ARN of the gateway
    pub name: String,

    /// What to write
    #[arg(long, value_enum, default_value_t = Form::Yaml)]
    pub format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A file for `apply`
    Yaml,
    /// A CloudFormation template of the whole stack
    Cloudformation,
    /// Terraform's `import` blocks, from which it writes its own configuration
    TerraformImport,
}

/// What is exported.
struct Exported {
    stack: Stack,
    gateway: Gateway,
    /// Targets by name, as AWS has them.
    targets: Vec<(TargetName, Value)>,
    /// The stack's own OAuth clients, by provider name: what AWS shows of them.
    oauth: BTreeMap<String, Value>,
    /// Id and name of each app client of the stack's pool.
    clients: Vec<(String, String)>,
    /// Ids of deliveries by the name of their source.
    deliveries: BTreeMap<String, String>,
    log_retention: Option<i32>,
    /// Whether the gateway takes the tokens of the stack's own pool.
    has_pool: bool,
}

impl Export {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let exported = Exported::read(ctx, &aws, &self.name).await?;
        let document = match self.format {
            Form::Yaml => declaration::of(&exported)?,
            Form::Cloudformation => cloudformation::of(&exported)?,
            Form::TerraformImport => terraform::of(&exported),
        };
        for warning in &document.warnings {
            ctx.ui.warn(warning);
        }
        Ok(Box::new(document))
    }
}

impl Exported {
    async fn read(ctx: &Context, aws: &Aws, name: &str) -> Result<Self, Error> {
        let mut stack = stack_with_gateway(ctx, aws, name).await?;
        let has_pool = stack.issuer(aws).is_some();
        let gateway = stack.gateway.take().ok_or_else(|| ops::Error::NotFound(name.to_owned()))?;
        let targets = gateway.targets.iter().map(|target| {
            let named = target.name().parse().map_err(|error| {
                Error::new(ErrorKind::Failed, format!("the target `{}` cannot be exported: {error}", target.name()))
            })?;
            Ok((named, target.0.clone()))
        });
        let mut targets = targets.collect::<Result<Vec<(TargetName, Value)>, Error>>()?;
        targets.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        let own = targets.iter().filter_map(|(_, target)| own_provider(&stack.names, target));
        let own_clients = own.filter(|(kind, _)| *kind == ProviderKind::Oauth2);
        let oauth = try_join_all(
            own_clients
                .map(async |(_, name)| Ok::<_, Error>((name.to_owned(), providers::oauth_client(aws, name).await?))),
        );
        let clients = async {
            match stack.pool.as_ref().filter(|_| has_pool) {
                Some(pool) => Ok::<_, Error>(cognito::listed_clients(aws, &pool.id).await?),
                None => Ok(Vec::new()),
            }
        };
        let names = gateway.delivery_names();
        let delivered = async {
            if !gateway.delivers_logs && !gateway.delivers_traces {
                return Ok::<_, Error>((BTreeMap::new(), None));
            }
            let group = logs::find_group(aws, &names.log_group).await?;
            let own = |(source, _): &&(String, String)| *source == names.logs || *source == names.traces;
            let own = stack.deliveries.iter().filter(own).cloned().collect();
            Ok((own, group.and_then(|group| group.retention_days)))
        };
        let (oauth, clients, (deliveries, log_retention)) = try_join3(oauth, clients, delivered).await?;
        let oauth = oauth.into_iter().collect();
        Ok(Self { stack, gateway, targets, oauth, clients, deliveries, log_retention, has_pool })
    }

    fn names(&self) -> &StackNames {
        &self.stack.names
    }

    /// The user's own tags.
    fn tags(&self) -> BTreeMap<String, String> {
        let tags = self.gateway.tags.as_ref().ok().into_iter().flatten();
        let is_own = |key: &str| !key.starts_with("agentcore-gw:") && !key.starts_with("aws:");
        tags.filter(|(key, _)| is_own(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether a target calls the sample function.
    fn calls_sample(&self, target: &Value) -> bool {
        let function = self.stack.sample.function.as_ref().map(|function| function.arn.as_str());
        function.is_some() && target["targetConfiguration"]["mcp"]["lambda"]["lambdaArn"].as_str() == function
    }

    /// Warns that consumers are not exported, if there are any.
    fn without_consumers(&self) -> Option<String> {
        let consumers: Vec<&str> = self.clients.iter().filter_map(|(_, name)| consumer_of(name)).collect();
        let said = || format!("consumers are not exported, as their secrets are not: {}", consumers.join(", "));
        (!consumers.is_empty()).then(said)
    }

    /// Whether the stack made the gateway's role.
    fn has_own_role(&self) -> bool {
        self.stack.role.is_some() && self.gateway.has_role(self.names())
    }
}

/// Kind and name of a target's credential provider, if the stack made it.
fn own_provider<'a>(names: &StackNames, target: &'a Value) -> Option<(ProviderKind, &'a str)> {
    let provider = providers::of_target(target).and_then(providers::of_arn);
    provider.filter(|(_, name)| names.owns_provider(name))
}

/// An exported document. It is printed alone, in its own form or as JSON.
#[derive(Debug, Serialize)]
struct Document {
    #[serde(flatten)]
    value: Value,
    #[serde(skip)]
    text: String,
    /// What it does not have.
    #[serde(skip)]
    warnings: Vec<String>,
}

impl Document {
    /// A document in YAML, after comments.
    fn yaml(value: Value, comments: &[String], warnings: Vec<String>) -> Result<Self, Error> {
        let yaml = to_yaml(&value)
            .map_err(|error| Error::new(ErrorKind::Bug, format!("the document cannot be written: {error}")))?;
        let comments: String = comments.iter().map(|line| format!("# {line}\n")).collect();
        Ok(Self { value, text: comments + &yaml, warnings })
    }
}

impl Report for Document {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        w.write_all(self.text.as_bytes())
    }
}

/// The name of the variable for a target's secret, `WEATHER_API_API_KEY`, which is added to those that are taken.
fn variable(target: &str, secret: &str, taken: &mut Vec<String>) -> String {
    let name: String =
        target.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let begin = if name.starts_with(|c: char| c.is_ascii_digit()) { "TARGET_" } else { "" };
    let mut variable = format!("{begin}{name}_{secret}");
    // Names of targets may differ in case alone.
    while taken.contains(&variable) {
        variable.push_str("_2");
    }
    taken.push(variable.clone());
    variable
}
