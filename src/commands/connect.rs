//! `connect`: an MCP server on standard input and output that forwards to a gateway.

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use clap::Args;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    sync::mpsc,
    task::{AbortHandle, JoinSet, spawn_blocking},
    time::timeout,
};

use super::{
    Outcome,
    sign_in::{Authorizer, token_source},
    stack_with_gateway,
};
use crate::{
    aws::{Aws, signer::GATEWAYS},
    context::Context,
    error::{Error, ErrorKind},
    model::mcp_client::GATEWAY_TOKEN,
    ops::{
        self,
        bridge::{Bridge, Credential, INVALID_REQUEST, Message, PARSE_ERROR, Source, Tokens},
        stack::Stack,
    },
    ui::report::Silent,
};

/// The longest message of a client, in bytes. A gateway takes 6 MB (AgentCore developer guide, "Quotas for Amazon Bedrock
/// AgentCore").
const LONGEST_LINE: u64 = 8 * 1024 * 1024;
/// Most lines that wait for the client, or for the gateway.
const MOST_LINES: usize = 64;
/// Most requests that are forwarded at once.
const MOST_AT_ONCE: usize = 256;

/// How long the last requests may take once there is no more input.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// Be an MCP server on stdin and stdout that forwards to a gateway
///
/// For MCP clients that start a program: Claude Desktop, Claude Code, Cursor, VS Code, Kiro. Tokens are
/// requested, and renewed before they end, so the client holds none. Ends with its client.
#[derive(Debug, Args)]
pub struct Connect {
    /// Name, id or ARN of the gateway
    pub name: String,

    /// Take tokens from this command, which prints one, for a gateway with a provider of your own
    #[arg(long, value_name = "COMMAND", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub token_command: Option<String>,
}

impl Connect {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let stack = stack_with_gateway(ctx, &aws, &self.name).await?;
        let gateway = stack.gateway.as_ref().ok_or_else(|| ops::Error::NotFound(self.name.clone()))?;
        let url = gateway.document.gateway_url().to_owned();
        let credential = self.credential(ctx, &aws, &stack, Authorizer::of(&gateway.document)?).await?;
        let (out, mut lines) = mpsc::channel(MOST_LINES);
        let bridge = Arc::new(Bridge::new(aws, url, credential, ctx.stop.clone(), out));
        let write = ctx.ui.protocol_out();
        // On a thread of its own: a client that does not read must not keep the program from ending.
        let mut written = spawn_blocking(move || {
            while let Some(line) = lines.blocking_recv() {
                write(&line)?;
            }
            io::Result::Ok(())
        });
        tokio::select! {
            () = Dispatcher::new(bridge.clone()).run(client_lines(), |problem| ctx.ui.warn(problem)) => {}
            _ = &mut written => return Ok(Box::new(Silent)),
            _ = ctx.stop.requested() => {}
        }
        bridge.close().await;
        drop(bridge);
        tokio::select! {
            _ = written => {}
            _ = ctx.stop.requested() => {}
        }
        Ok(Box::new(Silent))
    }

    async fn credential(
        &self,
        ctx: &Context,
        aws: &Aws,
        stack: &Stack,
        authorizer: Authorizer,
    ) -> Result<Credential, Error> {
        match (authorizer, &self.token_command) {
            (Authorizer::Jwt, Some(command)) => Ok(Credential::Token(Tokens::new(Source::Command(command.clone())))),
            (Authorizer::Jwt, None) => match token_source(ctx, aws, stack).await {
                Ok(source) => Ok(Credential::Token(Tokens::new(source))),
                Err(error) if error.kind == ErrorKind::NoCredentials => Err(error.with_hint(format!(
                    "put one into the variable {GATEWAY_TOKEN}, or name a command that prints one with `--token-command`"
                ))),
                Err(error) => Err(error),
            },
            (Authorizer::Iam | Authorizer::None, Some(_)) => Err(no_tokens()),
            (Authorizer::Iam, None) => Ok(Credential::Key(aws.signer(GATEWAYS)?)),
            (Authorizer::None, None) => Ok(Credential::Nothing),
        }
    }
}

/// The error for a command that prints tokens where none is wanted.
pub(super) fn no_tokens() -> Error {
    Error::new(ErrorKind::Usage, "the gateway takes no tokens").with_hint("leave `--token-command` out")
}

/// Forwards the client's messages: requests side by side, and everything else in order.
struct Dispatcher {
    bridge: Arc<Bridge>,
    requests: JoinSet<()>,
    /// The requests under way, by their ids as JSON.
    open: HashMap<String, (Message, AbortHandle)>,
}

impl Dispatcher {
    fn new(bridge: Arc<Bridge>) -> Self {
        Self { bridge, requests: JoinSet::new(), open: HashMap::new() }
    }

    /// Forwards lines until they end, and what is under way then for a limited time. `warn` is told of what could not be
    /// delivered and has no answer.
    async fn run(mut self, mut lines: mpsc::Receiver<Line>, warn: impl Fn(&str)) {
        while let Some(line) = lines.recv().await {
            let messages = match line {
                Line::TooLong => {
                    let problem = format!("a message is longer than {LONGEST_LINE} bytes");
                    self.bridge.refuse(&Value::Null, INVALID_REQUEST, &problem).await;
                    continue;
                }
                Line::Text(text) => Message::in_line(&text).unwrap_or_else(|error| vec![Err(error)]),
            };
            // A batch goes out message by message.
            for message in messages {
                let message = match message {
                    Ok(message) => message,
                    Err(error) => {
                        let code = if error.is_data() { INVALID_REQUEST } else { PARSE_ERROR };
                        self.bridge.refuse(&Value::Null, code, &format!("Parse error: {error}")).await;
                        continue;
                    }
                };
                if let Err(error) = self.take(message).await {
                    warn(&format!("a message was not delivered: {error}"));
                }
            }
        }
        let last = async { while self.requests.join_next().await.is_some() {} };
        drop(timeout(LAST_ANSWERS, last).await);
    }

    async fn take(&mut self, message: Message) -> Result<(), ops::Error> {
        self.open.retain(|_, (_, request)| !request.is_finished());
        // A request that the gateway cannot have is simply dropped.
        let cancelled = message.cancels().and_then(|id| self.open.get(&id.to_string()));
        if let Some((_, request)) = cancelled.filter(|(cancelled, _)| !cancelled.is_sent()) {
            request.abort();
            return Ok(());
        }
        if message.goes_first() {
            return self.bridge.forward(&message).await;
        }
        while self.requests.len() >= MOST_AT_ONCE {
            self.requests.join_next().await;
        }
        let (bridge, forwarded) = (self.bridge.clone(), message.clone());
        let request = self.requests.spawn(async move {
            // A request is answered, with an error if need be.
            drop(bridge.forward(&forwarded).await);
        });
        if let Some(id) = message.id() {
            self.open.insert(id.to_string(), (message, request));
        }
        Ok(())
    }
}

/// A line of the client.
enum Line {
    Text(String),
    TooLong,
}

/// The lines of standard input, until it ends.
fn client_lines() -> mpsc::Receiver<Line> {
    let (sender, lines) = mpsc::channel(MOST_LINES);
    tokio::spawn(async move {
        let mut input = BufReader::new(tokio::io::stdin());
        let (mut bytes, mut is_too_long) = (Vec::new(), false);
        while let Ok(1..) = (&mut input).take(LONGEST_LINE).read_until(b'\n', &mut bytes).await {
            let is_whole = bytes.ends_with(b"\n") || (bytes.len() as u64) < LONGEST_LINE;
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            let line = if is_too_long || !is_whole { Line::TooLong } else { Line::Text(text) };
            // Of a line that is too long, the rest is skipped.
            let is_told = is_too_long || matches!(&line, Line::Text(text) if text.is_empty());
            is_too_long = !is_whole;
            bytes.clear();
            if !is_told && sender.send(line).await.is_err() {
                return;
            }
        }
    });
    lines
}
