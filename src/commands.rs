//! The commands, one file each, and their dispatch.

pub mod cleanup;
pub mod create;
pub mod credentials;
pub mod list;
pub mod local;
pub mod plan;
pub mod status;
pub mod target;
pub mod token;
pub mod tools;
pub mod validate;

use clap::Subcommand;

use crate::{
    aws::{
        Aws, agentcore,
        wait::{self, Deadline, Look},
    },
    context::Context,
    error::{Error, Kind},
    model::{name::GatewayName, naming::StackNames},
    ops::{
        self,
        stack::{self, Depth, Stack},
        world::SETTLE,
    },
    ui::Format,
};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Create(Box<create::Create>),
    Target(target::Target),
    List(list::List),
    Get(list::Get),
    Status(status::Status),
    Credentials(credentials::Credentials),
    Token(token::Token),
    Tools(tools::Tools),
    Validate(validate::Validate),
    Cleanup(cleanup::Cleanup),
    Local(local::Local),
}

impl Command {
    /// Runs the command, prints its result, and returns the exit code.
    pub async fn run(self, ctx: &Context) -> u8 {
        if ctx.ui.format() == Format::Env && !self.has_env_form() {
            let error = Error::new(Kind::Usage, "this command has no `--output env` form")
                .with_hint("use `--output json` or `--output text`");
            return ctx.ui.finish::<status::Report>(Err(error));
        }
        match self {
            Self::Create(args) => Box::pin(args.run(ctx)).await,
            Self::Target(args) => Box::pin(args.run(ctx)).await,
            Self::List(args) => ctx.ui.finish(Box::pin(args.run(ctx)).await),
            Self::Get(args) => ctx.ui.finish(Box::pin(args.run(ctx)).await),
            Self::Status(args) => ctx.ui.finish(Box::pin(args.run(ctx)).await),
            Self::Credentials(args) => ctx.ui.finish(Box::pin(args.run(ctx)).await),
            Self::Token(args) => ctx.ui.finish(Box::pin(args.run(ctx)).await),
            Self::Tools(args) => Box::pin(args.run(ctx)).await,
            Self::Validate(args) => ctx.ui.finish(args.run(ctx)),
            Self::Cleanup(args) => ctx.ui.finish(Box::pin(args.run(ctx)).await),
            Self::Local(args) => Box::pin(args.run(ctx)).await,
        }
    }

    /// Whether the command runs until it is stopped.
    pub fn serves(&self) -> bool {
        matches!(self, Self::Local(local::Local { verb: local::Verb::Serve(_) }))
    }

    /// Whether the command changes anything in AWS, so that running it again continues.
    pub fn changes(&self) -> bool {
        match self {
            Self::Create(_) | Self::Cleanup(_) => true,
            Self::Target(target) => target.verb.changes(),
            _ => false,
        }
    }

    fn has_env_form(&self) -> bool {
        match self {
            Self::Create(create) => !create.dry_run,
            Self::Credentials(_) => true,
            Self::Local(local) => local.has_env_form(),
            Self::Target(_)
            | Self::List(_)
            | Self::Get(_)
            | Self::Status(_)
            | Self::Token(_)
            | Self::Tools(_)
            | Self::Validate(_)
            | Self::Cleanup(_) => false,
        }
    }
}

/// The stack of a gateway that is given by name, id or ARN, tried in this order.
async fn find_stack(aws: &Aws, given: &str) -> Result<Stack, Error> {
    if let Ok(name) = given.parse::<GatewayName>() {
        let stack = stack::discover(aws, &StackNames::new(&aws.region, &name), Depth::Usual).await?;
        if !stack.is_empty() {
            return Ok(stack);
        }
    }
    let id = given.rsplit_once(":gateway/").map_or(given, |(_, id)| id);
    let gateways = agentcore::list_gateways(aws).await?;
    let name = gateways.into_iter().find(|(listed, _)| listed == id).and_then(|(_, name)| name.parse().ok());
    let name: GatewayName = name.ok_or_else(|| ops::Error::NotFound(given.to_owned()))?;
    Ok(stack::discover(aws, &StackNames::new(&aws.region, &name), Depth::Usual).await?)
}

/// The stack of a gateway that must exist. If its anchor exists, but the list of gateways does not show the
/// gateway yet, waits for lists to become consistent.
async fn stack_with_gateway(ctx: &Context, aws: &Aws, given: &str) -> Result<Stack, Error> {
    let look = async || {
        let stack = find_stack(aws, given).await?;
        if stack.gateway.is_some() {
            return Ok(Look::Ready(stack));
        }
        let missing = ops::Error::NotFound(given.to_owned());
        if stack.role.is_none() { Err(missing.into()) } else { Ok(Look::NotYet(missing.to_string())) }
    };
    let told = |_: &str| {
        ctx.ui.note(&format!(
            "the gateway's role is there, and the gateway is not listed: looking for it for {} s, as lists lag",
            SETTLE.as_secs()
        ));
    };
    wait::until(&Deadline::after(SETTLE, &ctx.stop), told, look).await.map_err(|error: Error| match error.kind {
        Kind::TimedOut if !ctx.stop.is_requested() => ops::Error::NotFound(given.to_owned()).into(),
        _ => error,
    })
}
