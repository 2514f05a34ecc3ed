//! The commands, one file each, and their dispatch.

pub mod adapt;
pub mod apply;
pub mod cleanup;
pub mod cli_input;
pub mod client;
pub mod client_config;
pub mod completions;
pub mod connect;
pub mod create;
pub mod credentials;
pub mod delete;
pub mod doctor;
pub mod export;
pub mod init;
pub mod input;
pub mod list;
pub mod local;
pub mod logs;
pub mod output;
pub mod plan;
pub mod policy;
pub mod schema;
pub mod settings;
pub mod shown;
pub mod sign_in;
pub mod status;
pub mod target;
pub mod token;
pub mod tools;
pub mod update;
pub mod validate;

use clap::Subcommand;
use futures_util::{future::LocalBoxFuture, future::ready};

use crate::{
    aws::Aws,
    context::Context,
    error::{Error, ErrorKind},
    ops::{find, stack::Stack},
    ui::{Format, report::Report},
};

/// What a command returns: its report, or why it has none.
pub type Outcome = Result<Box<dyn Report>, Error>;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Create(Box<create::Create>),
    Apply(apply::Apply),
    Export(export::Export),
    Schema(schema::Schema),
    Target(target::Target),
    List(list::List),
    Get(list::Get),
    Update(Box<update::Update>),
    Delete(delete::Delete),
    Client(client::Client),
    Status(status::Status),
    Credentials(credentials::Credentials),
    Token(token::Token),
    Tools(tools::Tools),
    Connect(connect::Connect),
    ClientConfig(client_config::ClientConfig),
    Init(init::Init),
    Doctor(doctor::Doctor),
    Logs(logs::Logs),
    Policy(policy::Policy),
    Validate(validate::Validate),
    Cleanup(cleanup::Cleanup),
    Local(local::Local),
    Completions(completions::Completions),
}

impl Command {
    /// Runs the command.
    pub async fn run(self, ctx: &Context) -> Outcome {
        if ctx.ui.format() == Format::Env && !self.has_env_form() {
            let error = Error::new(ErrorKind::Usage, "this command has no `--output env` form");
            return Err(error.with_hint("use `--output json` or `--output text`"));
        }
        self.start(ctx).await
    }

    /// Not part of [`Self::run`], where it would keep a place on the stack for each command.
    fn start(self, ctx: &Context) -> LocalBoxFuture<'_, Outcome> {
        match self {
            Self::Create(args) => Box::pin(args.run(ctx)),
            Self::Apply(args) => Box::pin(args.run(ctx)),
            Self::Export(args) => Box::pin(args.run(ctx)),
            Self::Schema(args) => Box::pin(ready(args.run())),
            Self::Target(args) => Box::pin(args.run(ctx)),
            Self::List(args) => Box::pin(args.run(ctx)),
            Self::Get(args) => Box::pin(args.run(ctx)),
            Self::Update(args) => Box::pin(args.run(ctx)),
            Self::Delete(args) => Box::pin(args.run(ctx)),
            Self::Client(args) => Box::pin(args.run(ctx)),
            Self::Status(args) => Box::pin(args.run(ctx)),
            Self::Credentials(args) => Box::pin(args.run(ctx)),
            Self::Token(args) => Box::pin(args.run(ctx)),
            Self::Tools(args) => Box::pin(args.run(ctx)),
            Self::Connect(args) => Box::pin(args.run(ctx)),
            Self::ClientConfig(args) => Box::pin(args.run(ctx)),
            Self::Init(args) => Box::pin(ready(args.run(ctx))),
            Self::Doctor(args) => Box::pin(args.run(ctx)),
            Self::Logs(args) => Box::pin(args.run(ctx)),
            Self::Policy(args) => Box::pin(ready(args.run(ctx))),
            Self::Validate(args) => Box::pin(args.run(ctx)),
            Self::Cleanup(args) => Box::pin(args.run(ctx)),
            Self::Local(args) => Box::pin(args.run(ctx)),
            Self::Completions(args) => Box::pin(ready(args.run())),
        }
    }

    /// Whether the command runs until it is stopped.
    pub fn serves(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Local(local::Local { verb: local::Verb::Serve(_) }) => true,
            Self::Logs(logs) => logs.follow,
            _ => false,
        }
    }

    /// Whether the command changes anything in AWS, so that running it again continues.
    pub fn changes(&self) -> bool {
        match self {
            Self::Create(_) | Self::Apply(_) | Self::Update(_) | Self::Delete(_) | Self::Cleanup(_) => true,
            Self::Target(target) => target.verb.changes(),
            Self::Client(client) => client.verb.changes(),
            Self::Doctor(doctor) => doctor.fix,
            _ => false,
        }
    }

    fn has_env_form(&self) -> bool {
        match self {
            Self::Create(create) => !create.dry_run,
            Self::Apply(apply) => !apply.dry_run,
            Self::Credentials(_) => true,
            Self::Local(local) => local.has_env_form(),
            Self::Client(client) => client.verb.has_env_form(),
            Self::Update(_)
            | Self::Export(_)
            | Self::Schema(_)
            | Self::Completions(_)
            | Self::Delete(_)
            | Self::Target(_)
            | Self::List(_)
            | Self::Get(_)
            | Self::Status(_)
            | Self::Token(_)
            | Self::Tools(_)
            | Self::Connect(_)
            | Self::ClientConfig(_)
            | Self::Init(_)
            | Self::Doctor(_)
            | Self::Logs(_)
            | Self::Policy(_)
            | Self::Validate(_)
            | Self::Cleanup(_) => false,
        }
    }
}

/// The stack of a gateway that must exist. The user is told if the list of gateways does not show it yet.
async fn stack_with_gateway(ctx: &Context, aws: &Aws, given: &str) -> Result<Stack, Error> {
    Ok(find::stack_with_gateway(aws, given, &ctx.stop, |seconds| note_lag(ctx, seconds)).await?)
}

/// The id of a gateway that must exist.
async fn gateway_id(ctx: &Context, aws: &Aws, given: &str) -> Result<String, Error> {
    Ok(find::gateway_id(aws, given, &ctx.stop, |seconds| note_lag(ctx, seconds)).await?)
}

fn note_lag(ctx: &Context, seconds: u64) {
    ctx.ui.note(&format!(
        "the gateway's role is there, and the gateway is not listed: looking for it for {seconds} s, as lists lag"
    ));
}
