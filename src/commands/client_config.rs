//! `client-config`: an MCP client's configuration for a gateway, printed or written.

mod file;
mod report;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use self::{
    file::ConfigFile,
    report::{Command, Printed, Written},
};
use super::{
    Outcome,
    connect::no_tokens,
    sign_in::{Authorizer, token_source},
    stack_with_gateway,
};
use crate::{
    aws::signer::GATEWAYS,
    context::Context,
    error::{Error, ErrorKind},
    model::{
        mcp_client::{Client, Entry, GATEWAY_TOKEN, Server, Token, UserFile, edit::Change},
        name::Region,
    },
    ops::{self, bridge::Source},
    ui::invocation::shell_word,
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

    /// Take it out of the project's file, in the current folder
    #[arg(long, conflicts_with_all = ["write", "http", "token_command"])]
    remove: bool,

    /// The user's own configuration instead of the project's
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

/// What every client accepts as a server's name. Source: `claude mcp add`, the strictest.
fn server_name(text: &str) -> Result<String, String> {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_valid) {
        return Err("expected 1 to 64 letters, digits, `-` or `_`".to_owned());
    }
    Ok(text.to_owned())
}

impl ClientConfig {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let Some(client) = self.client.with_file() else { return self.curl(ctx).await };
        let file = self.file(ctx, client)?;
        if self.remove {
            return self.removed(client, file);
        }
        let gateway = Gateway::find(ctx, &self.name).await?;
        let name = self.server_name.clone().unwrap_or_else(|| gateway.name.clone());
        let server = if self.http { self.address(ctx, &gateway)? } else { self.program(ctx, &gateway)? };
        let entry = client.entry(&name, &server).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("{} takes no server by its address from a file", client.title()))
                .with_hint("leave `--http` out: it then starts `connect`")
        })?;
        if let Server::Address { token, .. } = &server {
            self.tell_of_token(ctx, client, token);
        }
        match file {
            Place::Printed => Ok(Box::new(Printed(client.document(&name, &entry)))),
            Place::OwnCommand => Ok(Box::new(Command::new(claude_mcp_add(&name, &entry)))),
            Place::File(file) => {
                let change = file.put(client, &name, &entry, self.force)?;
                tell(ctx, client, self.user, change);
                Ok(Box::new(Written { file: file.path().to_owned(), server: name, change }))
            }
        }
    }

    /// Where the configuration goes.
    fn file(&self, ctx: &Context, client: Client) -> Result<Place, Error> {
        let usage = |message: String, hint: &str| Err(Error::new(ErrorKind::Usage, message).with_hint(hint));
        if self.user && client == Client::ClaudeCode {
            return Ok(Place::OwnCommand);
        }
        if !self.write && !self.remove {
            return Ok(Place::Printed);
        }
        if !self.user {
            return match client.project_file() {
                Some(file) => Ok(Place::File(ConfigFile::new(file.to_owned()))),
                None => usage(format!("{} has no project file", client.title()), "add `--user`"),
            };
        }
        let (folder, file) = match client.user_file() {
            Some(UserFile::InHome(file)) => (&ctx.settings.home_dir, file),
            Some(UserFile::InSettings(file)) => (&ctx.settings.config_dir, file),
            None => return Ok(Place::OwnCommand),
        };
        match folder {
            Some(folder) => Ok(Place::File(ConfigFile::new(folder.join(file)))),
            None => usage("your home folder is not known".to_owned(), "set HOME"),
        }
    }

    fn removed(&self, client: Client, file: Place) -> Outcome {
        let name = self.server_name.clone().unwrap_or_else(|| self.name.clone());
        match file {
            Place::File(file) => {
                let (server, change) = match file.take(client, &name, self.force)? {
                    Some(server) => (server, Change::Removed),
                    None => (name, Change::Absent),
                };
                Ok(Box::new(Written { file: file.path().to_owned(), server, change }))
            }
            Place::Printed | Place::OwnCommand => {
                Ok(Box::new(Command::new(format!("claude mcp remove --scope user {}", shell_word(&name)))))
            }
        }
    }

    /// The program that the client starts.
    fn program(&self, ctx: &Context, gateway: &Gateway) -> Result<Server, Error> {
        let mut args = ctx.settings.place();
        args.extend(["connect".to_owned(), self.name.clone()]);
        match (&gateway.callers, &self.token_command) {
            (Callers::Theirs | Callers::Ours, Some(command)) => {
                args.extend(["--token-command".to_owned(), command.clone()]);
            }
            (Callers::Signed | Callers::Anyone, Some(_)) => return Err(no_tokens()),
            (Callers::Theirs, None) => ctx.ui.hint(&format!(
                "the client must be started with a token in the variable {GATEWAY_TOKEN}; with `--token-command`, `connect` \
                 takes one from a command and renews it"
            )),
            (Callers::Ours | Callers::Signed | Callers::Anyone, None) => {}
        }
        if ctx.settings.has_keys_in_environment() {
            ctx.ui.warn(
                "the AWS keys in your environment are not part of the configuration: the client needs a profile \
                 (`--profile`) or keys of its own",
            );
        }
        Ok(Server::Program { command: program(ctx)?, args, env: ctx.settings.place_variables() })
    }

    /// The address to which the client sends requests.
    fn address(&self, ctx: &Context, gateway: &Gateway) -> Result<Server, Error> {
        let token = match gateway.callers {
            Callers::Anyone => Token::None,
            Callers::Signed => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    "the gateway wants signed requests, and no client signs them",
                )
                .with_hint("leave `--http` out: `connect` signs them"));
            }
            Callers::Ours => Token::Helper(format!("{} --header", self.token_command_line(ctx)?)),
            Callers::Theirs => Token::Users,
        };
        Ok(Server::Address { url: gateway.url.clone(), token })
    }

    /// Says how the client gets its token, if it does not fetch it.
    fn tell_of_token(&self, ctx: &Context, client: Client, token: &Token) {
        let whence = match token {
            Token::None => return,
            Token::Helper(_) if client == Client::ClaudeCode => return,
            Token::Helper(_) => format!(" (`agentcore-gw token {}` prints one)", self.name),
            Token::Users => String::new(),
        };
        let title = client.title();
        let how = match client {
            Client::VsCode => format!("{title} asks for a token when it starts the server{whence}"),
            _ => format!("start {title} with a token in the variable {GATEWAY_TOKEN}{whence}"),
        };
        ctx.ui.hint(&format!("{how}; it cannot renew it: without `--http`, `connect` does"));
    }

    /// The shell command that prints a token.
    fn token_command_line(&self, ctx: &Context) -> Result<String, Error> {
        let variables = ctx.settings.place_variables();
        let mut words = Vec::new();
        if !variables.is_empty() {
            words.push("env".to_owned());
            words.extend(variables.into_iter().map(|(name, value)| format!("{name}={}", shell_word(&value))));
        }
        words.push(shell_word(&program(ctx)?));
        words.extend(ctx.settings.place().iter().map(|word| shell_word(word)));
        words.extend(["token".to_owned(), shell_word(&self.name)]);
        Ok(words.join(" "))
    }

    /// A shell command that lists the tools with curl. Secrets go through pipes, not through arguments.
    async fn curl(&self, ctx: &Context) -> Outcome {
        if self.write || self.remove || self.user {
            return Err(Error::new(ErrorKind::Usage, "curl has no configuration file")
                .with_hint("leave `--write`, `--remove` and `--user` out"));
        }
        let gateway = Gateway::find(ctx, &self.name).await?;
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} }).to_string();
        let call = format!(
            "curl -sS {} -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' --data {}",
            shell_word(&gateway.url),
            shell_word(&request)
        );
        let bearer = |token: &str| format!("printf 'Authorization: Bearer %s\\n' {token} | {call} -H @-");
        let line = match gateway.callers {
            Callers::Anyone => call,
            Callers::Ours => bearer(&format!("\"$({})\"", self.token_command_line(ctx)?)),
            Callers::Theirs => match &self.token_command {
                Some(command) => bearer(&format!("\"$({command})\"")),
                None => bearer(&format!("\"${GATEWAY_TOKEN}\"")),
            },
            Callers::Signed => {
                let signature = shell_word(&format!("aws:amz:{}:{GATEWAYS}", gateway.region));
                format!(
                    "printf 'user = \"%s:%s\"\\nheader = \"x-amz-security-token: %s\"\\n' \"$AWS_ACCESS_KEY_ID\" \
                     \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\" | {call} --aws-sigv4 {signature} --config -"
                )
            }
        };
        Ok(Box::new(Command::new(line)))
    }
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
    path.into_os_string().into_string().map_err(|path| failed(format!("{} is not UTF-8", path.display())))
}

/// The command by which Claude Code adds a server to its user's configuration.
fn claude_mcp_add(name: &str, entry: &Entry) -> String {
    let name = shell_word(name);
    let text = |value: &Value| shell_word(value.as_str().unwrap_or_default());
    if !entry.server.contains_key("command") {
        let json = shell_word(&Value::from(entry.server.clone()).to_string());
        return format!("claude mcp add-json --scope user {name} {json}");
    }
    let variables = entry.server.get("env").and_then(Value::as_object).into_iter().flatten();
    let variables: String = variables.map(|(key, value)| format!(" -e {key}={}", text(value))).collect();
    let args = entry.server.get("args").and_then(Value::as_array).into_iter().flatten();
    let args: String = args.map(|arg| format!(" {}", text(arg))).collect();
    let command = entry.server.get("command").map(text).unwrap_or_default();
    // `-e` takes all words up to the next option, so it comes after the name.
    format!("claude mcp add --scope user {name}{variables} -- {command}{args}")
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
