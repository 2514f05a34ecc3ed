//! `connect`: an MCP server on standard input and output that forwards to a gateway.

use std::{
    future::pending,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{Outcome, stack_with_gateway, tools::token_source};
use crate::{
    aws::{Aws, signer::GATEWAYS},
    config::GATEWAY_TOKEN,
    context::Context,
    error::{Error, ErrorKind},
    ops::{
        self,
        bridge::{Bridge, Credential, Source, Tokens},
        stack::Stack,
    },
    ui::report::Report,
};

/// The longest message of a client, in bytes. A gateway takes 6 MB (AgentCore developer guide, "Quotas for Amazon Bedrock
/// AgentCore").
const LONGEST_LINE: u64 = 8 * 1024 * 1024;
/// Most lines that wait for the client, or for the gateway.
const MOST_LINES: usize = 64;
/// Most messages that are forwarded at once.
const MOST_AT_ONCE: usize = 256;

/// How long the last requests may take once there is no more input.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// Be an MCP server on standard input and output that forwards to a gateway
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
        let credential = self.credential(ctx, &aws, &stack).await?;
        let (out, mut lines) = mpsc::channel(MOST_LINES);
        let bridge = Arc::new(Bridge::new(aws, url, credential, ctx.stop.clone(), out));
        let mut input = client_lines();
        let mut forwarded = JoinSet::new();
        // Once there is no more input, what is under way is answered, for a limited time.
        let mut end = None;
        while end.is_none_or(|end| Instant::now() < end && !(forwarded.is_empty() && lines.is_empty())) {
            tokio::select! {
                biased;
                _ = ctx.stop.requested() => break,
                line = input.recv(), if end.is_none() && forwarded.len() < MOST_AT_ONCE => match line {
                    None => end = Some(Instant::now() + LAST_ANSWERS),
                    Some(line) => {
                        let bridge = bridge.clone();
                        forwarded.spawn(async move { bridge.forward(&line).await });
                    }
                },
                Some(line) = lines.recv() => {
                    let written = ctx.ui.write_out(format!("{line}\n").as_bytes());
                    if written.is_err() {
                        break;
                    }
                }
                Some(outcome) = forwarded.join_next() => {
                    if let Ok(Err(error)) = outcome {
                        ctx.ui.warn(&format!("a message was not delivered: {error}"));
                    }
                }
                () = until(end) => break,
            }
        }
        drop(forwarded);
        bridge.close().await;
        Ok(Box::new(Disconnected))
    }

    async fn credential(&self, ctx: &Context, aws: &Aws, stack: &Stack) -> Result<Credential, Error> {
        let kind = stack.gateway.as_ref().and_then(|gateway| gateway.document.0["authorizerType"].as_str());
        match (kind, &self.token_command) {
            (Some("CUSTOM_JWT"), Some(command)) => Ok(Credential::Token(Tokens::new(Source::Command(command.clone())))),
            (Some("CUSTOM_JWT"), None) => match token_source(ctx, aws, stack).await {
                Ok(source) => Ok(Credential::Token(Tokens::new(source))),
                Err(error) if error.kind == ErrorKind::NoCredentials => Err(error.with_hint(format!(
                    "put one into the variable {GATEWAY_TOKEN}, or name a command that prints one with `--token-command`"
                ))),
                Err(error) => Err(error),
            },
            (_, Some(_)) => Err(Error::new(ErrorKind::Usage, "the gateway takes no tokens")
                .with_hint("leave `--token-command` out")),
            (Some("AWS_IAM"), None) => Ok(Credential::Key(aws.signer(GATEWAYS)?)),
            (Some("NONE"), None) => Ok(Credential::Nothing),
            (other, None) => {
                let kind = other.unwrap_or("unknown");
                let message = format!("this client cannot sign in to a gateway with authorizer {kind}");
                Err(Error::new(ErrorKind::Failed, message))
            }
        }
    }
}

/// Waits until this moment, or for ever.
async fn until(end: Option<Instant>) {
    match end {
        Some(end) => drop(timeout_at(end, pending::<()>()).await),
        None => pending().await,
    }
}

/// The lines of standard input, until it ends.
fn client_lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(MOST_LINES);
    tokio::spawn(async move {
        let mut input = BufReader::new(tokio::io::stdin());
        let mut line = Vec::new();
        while let Ok(1..) = (&mut input).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
            let text = String::from_utf8_lossy(&line);
            if !text.trim().is_empty() && sender.send(text.trim().to_owned()).await.is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}

/// The result of a connection that ended, of which there is nothing to say.
#[derive(Debug, Serialize)]
struct Disconnected;

impl Report for Disconnected {
    fn human(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn is_silent(&self) -> bool {
        true
    }
}
