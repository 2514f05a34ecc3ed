//! `client-config`: an MCP client's configuration for a gateway, printed or written.

mod claude;
mod curl;
mod file;
mod report;

use clap::{Args, ValueEnum};

use self::{
    file::ConfigFile,
    report::{Command, Written},
};
use super::{
    Outcome,
    connect::no_tokens,
    shown::Printed,
    sign_in::{Authorizer, token_source},
    stack_with_gateway,
};
use crate::{
    context::Context,
    error::{Error, ErrorKind},
    model::{
        mcp_client::{
            Client, GATEWAY_TOKEN, Server, Token, UserFile,
            edit::{Change, Editor},
        },
        name::Region,
        shell::shell_word,
    },
    ops::{self, bridge::Source},
    ui::report::Report,
};

/// Print or write an MCP client's configuration for a gateway
///
/// The client starts `agentcore-gw connect NAME`, which requests and renews tokens. No secret is in the configuration.
#[derive(Debug, Args)]
pub struct ClientConfig {
    /// Name, id or ARN of the gateway
    pub name: String,

    /// The client
    #[arg(long, value_enum)]
    client: ClientName,

    /// Let the client send HTTP requests itself, with a token from a helper, a variable or a prompt
    #[arg(long)]
    http: bool,

    /// Write it into the project's file, in the current folder
    #[arg(long)]
    write: bool,

    /// Take it out of the project's file, in the current folder, also if there is no gateway any more
    #[arg(long, conflicts_with_all = ["write", "http", "token_command"])]
    remove: bool,

    /// With --write or --remove: the user's own configuration instead of the project's. For Claude Code, which changes it by
    /// its own command, that command is printed
    #[arg(long)]
    user: bool,

    /// Replace or remove an entry that is not one of agentcore-gw
    #[arg(long)]
    force: bool,

    /// Name of the server in the configuration [default: the gateway's name]
    #[arg(long, value_name = "NAME", value_parser = server_name)]
    server_name: Option<String>,

    /// Let `connect` take tokens from this command, for a gateway with a provider of your own
    #[arg(long, value_name = "COMMAND", conflicts_with = "http", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    token_command: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ClientName {
    ClaudeCode,
    ClaudeDesktop,
    Cursor,
    Vscode,
    Kiro,
    Curl,
}

impl ClientName {
    /// The client, if it has a configuration file.
    fn with_file(self) -> Option<Client> {
        match self {
            Self::ClaudeCode => Some(Client::ClaudeCode),
            Self::ClaudeDesktop => Some(Client::ClaudeDesktop),
            Self::Cursor => Some(Client::Cursor),
            Self::Vscode => Some(Client::VsCode),
            Self::Kiro => Some(Client::Kiro),
            Self::Curl => None,
        }
    }
}

/// A server's name that every client accepts. Source: what `claude mcp add` 2.1.332, the strictest, says; it also takes a name
/// that begins with a hyphen for a flag.
fn server_name(text: &str) -> Result<String, String> {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if text.len() > 64 || !begins_well || !text.chars().all(is_valid) {
        return Err("expected 1 to 64 letters, digits, `-` or `_`, a letter or digit first".to_owned());
    }
    Ok(text.to_owned())
}

impl ClientConfig {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let Some(client) = self.client.with_file() else {
            return Ok(Box::new(Command::new(self.curl(ctx).await?)));
        };
        let place = self.place(ctx, client)?;
        let program = program(ctx)?;
        let editor = Editor { client, program: &program, force: self.force };
        if self.remove {
            return self.removed(ctx, editor, place).await;
        }
        let gateway = Gateway::find(ctx, &self.name).await?;
        let name = self.server_name.clone().unwrap_or_else(|| gateway.name.clone());
        if client.reserves(&name) {
            return Err(usage(format!("{} has the name `{name}` for itself", client.title()), "add `--server-name`"));
        }
        let server = self.server(ctx, &program, &gateway)?;
        let entry = client.entry(&name, &server).ok_or_else(|| {
            let message = format!("{} takes no server by its address from a file", client.title());
            usage(message, "leave `--http` out: it then starts `connect`")
        })?;
        let report: Box<dyn Report> = match place {
            Place::Printed => Box::new(Printed(client.document(&name, &entry))),
            Place::OwnCommand => {
                ctx.ui.hint(&format!("if Claude Code has it already, first `{}`", claude::remove(&name)));
                Box::new(Command::new(claude::add(&name, &entry)))
            }
            Place::File(file) => {
                let change = file.put(ctx, editor, &name, &entry).await?;
                tell(ctx, client, self.user, change);
                Box::new(Written { file: file.shown(), server: name, change })
            }
        };
        self.tell_of_credentials(ctx, client, &server, &gateway);
        Ok(report)
    }

    /// Where the configuration goes.
    fn place(&self, ctx: &Context, client: Client) -> Result<Place, Error> {
        if self.force && !self.write && !self.remove {
            return Err(usage("`--force` is for `--write` and `--remove`", "add `--write`"));
        }
        match (self.user, client.user_file()) {
            (true, None) => Ok(Place::OwnCommand),
            (false, _) if !self.write && !self.remove => Ok(Place::Printed),
            (true, _) if !self.write && !self.remove => {
                Err(usage("`--user` is for `--write` and `--remove`", "add `--write`"))
            }
            (false, _) => match client.project_file() {
                Some(file) => Ok(Place::File(ConfigFile::new(file.to_owned()))),
                None => Err(usage(format!("{} has no project file", client.title()), "add `--user`")),
            },
            (true, Some(file)) => {
                let (folder, file) = match file {
                    UserFile::InHome(file) => (&ctx.settings.home_dir, file),
                    UserFile::InSettings(file) => (&ctx.settings.config_dir, file),
                };
                let folder = folder.as_ref().ok_or_else(|| usage("your home folder is not known", "set HOME"))?;
                Ok(Place::File(ConfigFile::new(folder.join(file))))
            }
        }
    }

    async fn removed(&self, ctx: &Context, editor: Editor<'_>, place: Place) -> Outcome {
        let name = self.server_name.as_ref().unwrap_or(&self.name);
        let Place::File(file) = place else {
            server_name(name)
                .map_err(|_| usage("Claude Code knows the server by its name, not by an ARN", "add `--server-name`"))?;
            return Ok(Box::new(Command::new(claude::remove(name))));
        };
        let (server, change) = match file.take(ctx, editor, name).await? {
            Some(server) => (server, Change::Removed),
            None => (name.clone(), Change::Absent),
        };
        Ok(Box::new(Written { file: file.shown(), server, change }))
    }

    /// How the client reaches the gateway.
    fn server(&self, ctx: &Context, program: &str, gateway: &Gateway) -> Result<Server, Error> {
        let server =
            if self.http { self.address(ctx, program, gateway)? } else { self.program(ctx, program, gateway)? };
        match server.replaced() {
            Some(text) => {
                let message = format!("the client would replace the `${{…}}` in `{text}`");
                Err(usage(message, "write `$NAME`, or put the command into a script"))
            }
            None => Ok(server),
        }
    }

    /// The program that the client starts.
    fn program(&self, ctx: &Context, program: &str, gateway: &Gateway) -> Result<Server, Error> {
        let mut args = ctx.settings.place();
        args.extend(["connect".to_owned(), self.name.clone()]);
        match (&gateway.callers, &self.token_command) {
            (Callers::Theirs | Callers::Ours, Some(command)) => {
                args.extend(["--token-command".to_owned(), command.clone()]);
            }
            (Callers::Signed | Callers::Anyone, Some(_)) => return Err(no_tokens()),
            (_, None) => {}
        }
        Ok(Server::Program { command: program.to_owned(), args, env: ctx.settings.place_variables()? })
    }

    /// The address to which the client sends requests.
    fn address(&self, ctx: &Context, program: &str, gateway: &Gateway) -> Result<Server, Error> {
        let token = match gateway.callers {
            Callers::Anyone => Token::None,
            Callers::Signed => {
                let message = "the gateway wants signed requests, and no client signs them";
                return Err(usage(message, "leave `--http` out: `connect` signs them"));
            }
            Callers::Ours => Token::Helper(format!("{} --header", self.token_line(ctx, program)?)),
            Callers::Theirs => Token::Users,
        };
        Ok(Server::Address { url: gateway.url.clone(), token })
    }

    /// Says what the client needs besides the configuration.
    fn tell_of_credentials(&self, ctx: &Context, client: Client, server: &Server, gateway: &Gateway) {
        let runs_us = match server {
            Server::Program { .. } => true,
            Server::Address { token, .. } => matches!(token, Token::Helper(_)) && client == Client::ClaudeCode,
        };
        if runs_us && ctx.settings.has_keys_in_environment() {
            ctx.ui.warn(
                "the AWS keys in your environment are not part of the configuration: the client needs a profile \
                 (`--profile`) or keys of its own",
            );
        }
        let theirs = matches!(gateway.callers, Callers::Theirs);
        let title = client.title();
        let needs = match server {
            Server::Program { .. } if theirs && self.token_command.is_none() => {
                format!("start {title} with a token in the variable {GATEWAY_TOKEN}")
            }
            Server::Program { .. } | Server::Address { token: Token::None, .. } => return,
            Server::Address { .. } if runs_us => return,
            Server::Address { .. } => {
                let whence =
                    if theirs { String::new() } else { format!(" (`agentcore-gw token {}` prints one)", self.name) };
                match client {
                    Client::VsCode => format!("{title} asks for a token when it starts the server{whence}"),
                    _ => format!("start {title} with a token in the variable {GATEWAY_TOKEN}{whence}"),
                }
            }
        };
        let renewed = match server {
            Server::Address { .. } if !theirs => "without `--http`, `connect` does",
            Server::Address { .. } => "without `--http`, but with `--token-command`, `connect` does",
            Server::Program { .. } => "with `--token-command`, `connect` does",
        };
        ctx.ui.hint(&format!("{needs}; nobody renews it: {renewed}"));
    }

    /// The shell command that prints a token.
    fn token_line(&self, ctx: &Context, program: &str) -> Result<String, Error> {
        let assigned = |(name, value): (String, String)| format!("{name}={}", shell_word(&value));
        let mut words: Vec<String> = ctx.settings.place_variables()?.into_iter().map(assigned).collect();
        let command = [program.to_owned()].into_iter().chain(ctx.settings.place());
        words.extend(command.chain(["token".to_owned(), self.name.clone()]).map(|word| shell_word(&word)));
        Ok(words.join(" "))
    }
}

fn usage(message: impl Into<String>, hint: &str) -> Error {
    Error::new(ErrorKind::Usage, message).with_hint(hint)
}

/// Where the configuration goes.
enum Place {
    Printed,
    /// Claude Code changes its user's file itself.
    OwnCommand,
    File(ConfigFile),
}

/// What a client needs to know of a gateway.
struct Gateway {
    name: String,
    url: String,
    region: Region,
    callers: Callers,
}

/// How a gateway's callers show who they are.
enum Callers {
    /// By a token of the stack's own client.
    Ours,
    /// By a token of the user's own provider.
    Theirs,
    Signed,
    Anyone,
}

impl Gateway {
    async fn find(ctx: &Context, given: &str) -> Result<Self, Error> {
        let aws = ctx.aws().await?;
        let stack = stack_with_gateway(ctx, &aws, given).await?;
        let gateway = stack.gateway.as_ref().ok_or_else(|| ops::Error::NotFound(given.to_owned()))?;
        let callers = match Authorizer::of(&gateway.document)? {
            Authorizer::None => Callers::Anyone,
            Authorizer::Iam => Callers::Signed,
            Authorizer::Jwt => match token_source(ctx, &aws, &stack).await {
                Ok(Source::Client(_)) => Callers::Ours,
                Ok(Source::Given(_) | Source::Command(_)) => Callers::Theirs,
                Err(error) if error.kind == ErrorKind::NoCredentials => Callers::Theirs,
                Err(error) => return Err(error),
            },
        };
        let (name, url) = (gateway.document.name().to_owned(), gateway.document.gateway_url().to_owned());
        Ok(Self { name, url, region: aws.region.clone(), callers })
    }
}

/// The program's absolute path.
fn program(ctx: &Context) -> Result<String, Error> {
    let failed = |problem: String| Error::new(ErrorKind::Failed, format!("the path of this program: {problem}"));
    let path = ctx.program_path().map_err(|error| failed(error.to_string()))?;
    let path =
        path.into_os_string().into_string().map_err(|path| failed(format!("{} is not UTF-8", path.display())))?;
    if path.contains(char::is_control) {
        return Err(failed(format!("{path:?} has a control character, which no shell line can have")));
    }
    Ok(path)
}

/// What the user does next for the client to see the change.
fn tell(ctx: &Context, client: Client, user: bool, change: Change) {
    if change == Change::Unchanged {
        return;
    }
    match client {
        Client::ClaudeCode => ctx.ui.note("Claude Code asks for your approval when it next starts in this folder"),
        Client::ClaudeDesktop => ctx.ui.note("Claude Desktop reads it when it starts: quit it and start it again"),
        Client::VsCode if !user => ctx.ui.note("VS Code asks whether you trust the server when it first starts it"),
        Client::Cursor | Client::VsCode | Client::Kiro => {}
    }
}
