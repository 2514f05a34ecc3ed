//! `client`: further consumers of a gateway, each with its own secret and scopes.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Outcome,
    shown::{ClientInfo, GatewayInfo, SecretFlags},
    stack_with_gateway,
};
use crate::{
    aws::Aws,
    context::Context,
    error::{Error, ErrorKind},
    ops::{
        self,
        consumers::{self, Consumer, Origin, Ready},
        event::Change,
        run::Run,
        stack::Stack,
    },
    ui::report::{Page, Report},
};

/// Manage further clients of a gateway, each with its own secret
///
/// They are app clients of the user pool that agentcore-gw made for the gateway. `cleanup` deletes them
/// with the pool, and lists them before.
#[derive(Debug, Args)]
pub struct Client {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    Add(Add),
    List(List),
    Rotate(Rotate),
    Remove(Remove),
}

impl Verb {
    pub fn changes(&self) -> bool {
        !matches!(self, Self::List(_))
    }

    pub fn has_env_form(&self) -> bool {
        match self {
            Self::Add(_) => true,
            Self::Rotate(rotate) => !rotate.finish,
            Self::List(_) | Self::Remove(_) => false,
        }
    }
}

/// Add a consumer, and print its credentials
///
/// Running it again prints them again, and completes what is missing.
#[derive(Debug, Args)]
pub struct Add {
    #[command(flatten)]
    pub one: One,

    /// Scope of its tokens, of the gateway's own kind or RESOURCE-SERVER/SCOPE [default: the gateway's] (can be repeated)
    #[arg(long, value_name = "SCOPE", value_parser = scope)]
    pub scope: Vec<String>,

    #[command(flatten)]
    pub secrets: SecretFlags,
}

/// List the clients of a gateway's user pool
#[derive(Debug, Args)]
pub struct List {
    /// Name, id or ARN of the gateway
    pub gateway: String,
}

/// Give a consumer a second secret, so that nobody is locked out while it changes
///
/// Both secrets are valid until `--finish` deletes the older one. Cognito never shows a secret that was
/// added: it is printed once.
#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    pub one: One,

    /// Delete the older of the two secrets: everybody has the newer one
    #[arg(long, conflicts_with_all = ["replace", "now", "save"])]
    pub finish: bool,

    /// Delete the newer of two secrets first: nobody has it
    #[arg(long)]
    pub replace: bool,

    /// Delete the older secret at once, as when it is known to others
    #[arg(long)]
    pub now: bool,

    #[command(flatten)]
    pub secrets: SecretFlags,
}

/// Remove a consumer: it gets no tokens, and the gateway takes none of it
#[derive(Debug, Args)]
pub struct Remove {
    #[command(flatten)]
    pub one: One,
}

#[derive(Debug, Args)]
pub struct One {
    /// Name, id or ARN of the gateway
    pub gateway: String,

    /// Name of the consumer: 1 to 64 letters, digits, `-` and `_`
    #[arg(value_parser = consumer)]
    pub client: String,
}

impl One {
    /// The consumer's name.
    ///
    /// # Errors
    /// If it is the name of the gateway's own client.
    fn consumer(&self, stack: &Stack) -> Result<&str, Error> {
        if self.client != stack.names.app_client {
            return Ok(&self.client);
        }
        let error = Error::new(ErrorKind::Usage, format!("`{}` is the gateway's own client", self.client));
        Err(error.with_hint("choose another name; `create` makes that one, and `cleanup` deletes it"))
    }
}

fn consumer(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_valid = (1..=64).contains(&text.len()) && text.bytes().all(is_plain);
    is_valid.then(|| text.to_owned()).ok_or_else(|| "expected 1 to 64 letters, digits, `-` and `_`".to_owned())
}

/// The service model's pattern (`ScopeType`).
fn scope(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    let parts = text.split('/').all(|part| !part.is_empty());
    let is_valid = (1..=256).contains(&text.len()) && text.bytes().all(is_plain) && parts;
    is_valid.then(|| text.to_owned()).ok_or_else(|| "expected SCOPE or RESOURCE-SERVER/SCOPE".to_owned())
}

impl Client {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let outcome: LocalBoxFuture<'_, Outcome> = match self.verb {
            Verb::Add(args) => Box::pin(args.run(ctx)),
            Verb::List(args) => Box::pin(args.run(ctx)),
            Verb::Rotate(args) => Box::pin(args.run(ctx)),
            Verb::Remove(args) => Box::pin(args.run(ctx)),
        };
        outcome.await
    }
}

impl Add {
    async fn run(self, ctx: &Context) -> Outcome {
        self.secrets.check()?;
        let aws = ctx.aws().await?;
        let stack = stack_with_gateway(ctx, &aws, &self.one.gateway).await?;
        let own = &stack.names.resource_server;
        let full = |scope: &String| if scope.contains('/') { scope.clone() } else { format!("{own}/{scope}") };
        let scopes: Vec<String> = self.scope.iter().map(full).collect();
        let name = self.one.consumer(&stack)?;
        let added = ctx.observed(&aws, async |run: Run<'_>| consumers::add(run, &stack, name, &scopes).await).await;
        let undo = format!("agentcore-gw client remove {} {name}", stack.names.gateway);
        let ready = added.map_err(|error| ctx.ended(error, Some(&undo)))?;
        let mut shown = Shown::new(&aws, &stack, name, ready)?;
        shown.save(&self.secrets)?;
        Ok(Box::new(shown))
    }
}

impl Rotate {
    async fn run(self, ctx: &Context) -> Outcome {
        self.secrets.check()?;
        // Nobody could read it again.
        if self.secrets.no_secrets && self.secrets.save.is_none() && !self.finish {
            let error = Error::new(ErrorKind::Usage, "nobody would have the new secret, which is shown once");
            return Err(error.with_hint("add `--save FILE`"));
        }
        let aws = ctx.aws().await?;
        let stack = stack_with_gateway(ctx, &aws, &self.one.gateway).await?;
        let name = self.one.consumer(&stack)?;
        let finish = async |run: Run<'_>| consumers::finish_rotation(run, &stack, name).await;
        if self.finish {
            let was_there = ctx.observed(&aws, finish).await.map_err(|error| ctx.ended(error, None))?;
            let (client, gateway) = (name.to_owned(), stack.names.gateway.to_string());
            return Ok(Box::new(Gone { client, gateway, was_there, what: "The older secret of client" }));
        }
        let secret = consumers::new_secret();
        let rotate = async |run: Run<'_>| consumers::rotate(run, &stack, (name, secret), self.replace).await;
        // Nobody can read a secret again that was not printed.
        let again = |error: Error| {
            let command = format!("agentcore-gw client rotate {} {name} --replace", stack.names.gateway);
            error.with_hint(format!("`{command}` gives it another one, also if the new secret is there already"))
        };
        let ready = ctx.observed(&aws, rotate).await.map_err(|error| {
            let is_open = matches!(error, ops::Error::RotationOpen { .. } | ops::Error::NoConsumer { .. });
            if is_open { Error::from(error) } else { again(ctx.ended(error, None)) }
        })?;
        let mut shown = Shown::new(&aws, &stack, name, ready)?;
        shown.save(&self.secrets).map_err(again)?;
        if self.now {
            let finished = ctx.observed(&aws, finish).await;
            if let Err(error) = finished {
                shown.is_complete = false;
                shown.warnings.push(format!("the older secret stays valid: {error}"));
                shown.next = format!("client rotate {} {name} --finish", stack.names.gateway);
            }
        } else {
            shown.next = format!("client rotate {} {name} --finish", stack.names.gateway);
            shown.note = Some("Both secrets are valid. Once everybody has the new one, delete the older.");
        }
        Ok(Box::new(shown))
    }
}

impl Remove {
    async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let stack = stack_with_gateway(ctx, &aws, &self.one.gateway).await?;
        let name = self.one.consumer(&stack)?;
        let removed = ctx.observed(&aws, async |run: Run<'_>| consumers::remove(run, &stack, name).await).await;
        let was_there = removed.map_err(|error| ctx.ended(error, None))?;
        let (client, gateway) = (name.to_owned(), stack.names.gateway.to_string());
        Ok(Box::new(Gone { client, gateway, was_there, what: "Client" }))
    }
}

impl List {
    async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let stack = stack_with_gateway(ctx, &aws, &self.gateway).await?;
        let mut items: Vec<Item> = consumers::list(&aws, &stack).await?.iter().map(Item::new).collect();
        items.sort_by(|one, other| one.client.cmp(&other.client));
        Ok(Box::new(Items { items }))
    }
}

/// A consumer's credentials. It contains the secret in plain text, because the command exists to show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    client: String,
    gateway: GatewayInfo,
    client_info: ClientInfo,
    warnings: Vec<String>,
    #[serde(skip)]
    unchanged: bool,
    /// Whether everything was done that was asked for.
    #[serde(skip)]
    is_complete: bool,
    #[serde(skip)]
    next: String,
    #[serde(skip)]
    note: Option<&'static str>,
}

impl Shown {
    fn new(aws: &Aws, stack: &Stack, name: &str, ready: Ready) -> Result<Self, Error> {
        let gateway = stack.gateway.as_ref().ok_or_else(|| ops::Error::NotFound(name.to_owned()))?;
        let pool = stack.issuer(aws).ok_or_else(|| ops::Error::NoClient(stack.names.gateway.to_string()))?;
        let domain = pool.domain.as_deref().unwrap_or_default();
        Ok(Self {
            client: name.to_owned(),
            gateway: GatewayInfo::new(&gateway.document, &aws.region),
            client_info: ClientInfo::new(aws, &pool.id, domain, &ready.tokens),
            warnings: ready.warnings,
            unchanged: ready.change == Change::Unchanged,
            is_complete: true,
            next: format!("client list {}", stack.names.gateway),
            note: None,
        })
    }

    /// Writes the file of credentials, if there is to be one, and leaves the secret out, if it is not to be shown.
    fn save(&mut self, secrets: &SecretFlags) -> Result<(), Error> {
        secrets.apply(&self.gateway, Some(&mut self.client_info), "the client is ready")
    }
}

impl Report for Shown {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        w.outcome(&format!("Client {} of {} is ready", self.client, self.gateway.name), self.unchanged)?;
        writeln!(w)?;
        let mut shown = vec![("Gateway URL", self.gateway.gateway_url.as_str())];
        shown.extend(self.client_info.fields());
        w.fields(&shown)?;
        self.note.iter().try_for_each(|note| writeln!(w, "{note}"))?;
        self.warnings.iter().try_for_each(|warning| writeln!(w, "Warning: {warning}"))
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![("AGENTCORE_GATEWAY_URL", self.gateway.gateway_url.clone())];
        variables.extend(self.client_info.env());
        variables
    }

    fn next(&self) -> Vec<String> {
        vec![self.next.clone()]
    }

    fn exit_code(&self) -> u8 {
        if self.is_complete { 0 } else { ErrorKind::Incomplete.exit_code() }
    }
}

/// A consumer, or an old secret, that is gone.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Gone {
    client: String,
    gateway: String,
    was_there: bool,
    #[serde(skip)]
    what: &'static str,
}

impl Report for Gone {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let done = if self.was_there { "is removed" } else { "was not there" };
        w.outcome(&format!("{} {} of {} {done}", self.what, self.client, self.gateway), false)
    }
}

#[derive(Debug, Serialize)]
struct Items {
    items: Vec<Item>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    client: String,
    client_id: String,
    scopes: Vec<String>,
    /// Whether the gateway takes its tokens.
    allowed: bool,
    /// `stack` for the gateway's own client, `client` for one of `client add`, `other`
    origin: &'static str,
    /// Id and time of creation of each secret; null if the endpoint does not tell.
    secrets: Option<Vec<Value>>,
}

impl Item {
    fn new(consumer: &Consumer) -> Self {
        let time = |created: i64| Timestamp::from_millisecond(created).map(|time| time.to_string()).unwrap_or_default();
        let secrets = consumer.secrets.as_ref().map(|secrets| {
            let secret = |secret: &crate::aws::cognito::ClientSecret| {
                json!({ "clientSecretId": secret.id, "createdAt": time(secret.created) })
            };
            secrets.iter().map(secret).collect()
        });
        Self {
            client: consumer.name.clone(),
            client_id: consumer.client.id.clone(),
            scopes: consumer.client.scopes.clone(),
            allowed: consumer.allowed,
            origin: match consumer.origin {
                Origin::Stack => "stack",
                Origin::Command => "client",
                Origin::Other => "other",
            },
            secrets,
        }
    }
}

impl Report for Items {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        if self.items.is_empty() {
            return writeln!(w, "The user pool has no clients.");
        }
        let row = |item: &Item| {
            let maker = match item.origin {
                "stack" => "create",
                "client" => "client add",
                _ => "others",
            };
            let allowed = if item.allowed { "yes" } else { "no" };
            let secrets = item.secrets.as_ref();
            let secrets = secrets.map(|secrets| secrets.len().to_string()).unwrap_or_default();
            let scopes = item.scopes.join(" ");
            [item.client.clone(), item.client_id.clone(), allowed.into(), maker.into(), secrets, scopes]
        };
        let rows: Vec<[String; 6]> = self.items.iter().map(row).collect();
        w.table(["CLIENT", "ID", "ALLOWED", "MADE BY", "SECRETS", "SCOPES"], &rows)
    }
}
