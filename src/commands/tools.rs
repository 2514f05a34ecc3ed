//! `tools`: an MCP client, through the real gateway.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::{credentials::token_request, stack_with_gateway};
use crate::{
    aws::{Aws, agentcore::Document, cognito::AppClient, signer::GATEWAYS},
    config::GATEWAY_TOKEN,
    context::Context,
    error::{Error, Kind, exit},
    model::secret::Secret,
    ops::{
        self,
        mcp::{Client, SignIn},
        stack::Stack,
        token,
    },
    ui::report::{self, Report},
};

/// List and call a gateway's tools, as an MCP client
#[derive(Debug, Args)]
pub struct Tools {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    List(List),
    Call(Call),
}

/// List the tools that clients see
#[derive(Debug, Args)]
pub struct List {
    /// Name, id or ARN of the gateway
    pub name: String,
}

/// Call a tool and print its answer
///
/// Exits with 1 if the tool says that it failed.
#[derive(Debug, Args)]
pub struct Call {
    /// Name, id or ARN of the gateway
    pub name: String,

    /// The tool, as `tools list` shows it: TARGET___TOOL
    pub tool: String,

    /// The arguments, a JSON object
    #[arg(value_name = "JSON", default_value = "{}", value_parser = arguments)]
    pub arguments: Value,
}

fn arguments(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(arguments @ Value::Object(_)) => Ok(arguments),
        Ok(_) => Err("the arguments are a JSON object, such as '{\"location\":\"Seattle\"}'".to_owned()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

impl Tools {
    pub async fn run(self, ctx: &Context) -> u8 {
        match self.verb {
            Verb::List(args) => ctx.ui.finish(args.run(ctx).await),
            Verb::Call(args) => ctx.ui.finish(args.run(ctx).await),
        }
    }
}

/// An MCP client of a gateway, signed in as the gateway wants it.
async fn connect(ctx: &Context, name: &str) -> Result<Client, Error> {
    let aws = ctx.aws().await?;
    let stack = stack_with_gateway(ctx, &aws, name).await?;
    let gateway = stack.gateway.as_ref().ok_or_else(|| ops::Error::NotFound(name.to_owned()))?;
    let sign_in = match gateway.document.0["authorizerType"].as_str() {
        Some("CUSTOM_JWT") => SignIn::Token(token_for(ctx, &aws, &stack).await?),
        Some("AWS_IAM") => SignIn::Key(aws.signer(GATEWAYS)?),
        Some("NONE") => SignIn::Anonymous,
        other => {
            let kind = other.unwrap_or("unknown");
            return Err(Error::new(
                Kind::Failed,
                format!("this client cannot sign in to a gateway with authorizer {kind}"),
            ));
        }
    };
    Ok(Client::connect(aws.http, gateway.document.gateway_url().to_owned(), sign_in, ctx.settings.timeout).await?)
}

/// A token of the stack's own client; where callers come from another provider, the user's.
async fn token_for(ctx: &Context, aws: &Aws, stack: &Stack) -> Result<Secret, Error> {
    match (token_request(aws, stack), &ctx.settings.gateway_token) {
        (Ok(request), _) => Ok(token::fetch(&aws.http, &request).await?.secret),
        (Err(_), Some(token)) => Ok(token.clone()),
        (Err(error), None) => Err(Error::from(error)
            .with_hint(format!("put a token of the gateway's own provider into the variable {GATEWAY_TOKEN}"))),
    }
}

/// Whether `tools` can call a gateway with nothing but what AWS knows.
pub fn callable(gateway: &Document, client: Option<&AppClient>) -> bool {
    let authorizer = &gateway.0["authorizerType"];
    authorizer == "NONE" || authorizer == "AWS_IAM" || client.is_some()
}

impl List {
    async fn run(self, ctx: &Context) -> Result<Listed, Error> {
        Ok(Listed { items: connect(ctx, &self.name).await?.list_tools().await? })
    }
}

impl Call {
    async fn run(self, ctx: &Context) -> Result<Called, Error> {
        Ok(Called(connect(ctx, &self.name).await?.call_tool(&self.tool, &self.arguments).await?))
    }
}

fn text<'a>(tool: &'a Value, member: &str) -> &'a str {
    tool[member].as_str().unwrap_or_default()
}

/// Tools as MCP shows them.
#[derive(Debug, Serialize)]
pub struct Listed {
    items: Vec<Value>,
}

impl Report for Listed {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        if self.items.is_empty() {
            return writeln!(w, "The gateway has no tools.");
        }
        report::tools(w, "", self.items.iter().map(|tool| (text(tool, "name"), text(tool, "description"))))
    }
}

/// A tool's answer, as MCP has it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Called(Value);

impl Report for Called {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        for content in self.0["content"].as_array().into_iter().flatten() {
            match content["text"].as_str() {
                Some(text) => writeln!(w, "{text}")?,
                None => writeln!(w, "{content}")?,
            }
        }
        Ok(())
    }

    fn exit_code(&self) -> u8 {
        if self.0["isError"] == true { exit::FAILED } else { exit::DONE }
    }
}
