//! `tools`: an MCP client, through the real gateway.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Outcome,
    sign_in::{Authorizer, token_source},
    stack_with_gateway,
};
use crate::{
    aws::{Aws, agentcore::ApiDocument, signer::GATEWAYS},
    context::Context,
    error::{Error, ErrorKind, exit},
    model::{mcp, name::nearest, secret::Secret, token::why_refused, tool},
    ops::{
        self,
        bridge::Tokens,
        mcp::{Client, SignIn, versions_of},
        stack::Stack,
    },
    ui::report::{self, Page, Report},
};

/// List, call and search a gateway's tools, as an MCP client
#[derive(Debug, Args)]
pub struct Tools {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    List(List),
    Call(Call),
    Search(Search),
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

/// Find tools by what they do, as an agent does that has too many
///
/// The managed gateway ranks by meaning, the local AWS by words. At most ten are shown.
#[derive(Debug, Args)]
pub struct Search {
    /// Name, id or ARN of the gateway
    pub name: String,

    /// What the tool should do, in words
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub query: String,
}

/// Arguments as a shell takes them.
const EXAMPLE: &str = "like '{\"location\":\"Seattle\"}'";

/// The arguments of a tool's call.
pub(super) fn arguments(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(arguments @ Value::Object(_)) => Ok(arguments),
        Ok(_) => Err(format!("the arguments are a JSON object, written {EXAMPLE}")),
        Err(error) => Err(format!("not JSON: {error}; arguments are written {EXAMPLE}")),
    }
}

impl Tools {
    pub async fn run(self, ctx: &Context) -> Outcome {
        match self.verb {
            Verb::List(args) => args.run(ctx).await,
            Verb::Call(args) => args.run(ctx).await,
            Verb::Search(args) => args.run(ctx).await,
        }
    }
}

/// A connection to a gateway, with the caller's credentials.
struct Session {
    aws: Aws,
    gateway: ApiDocument,
    token: Option<Secret>,
    client: Client,
}

/// Connects to a gateway with the authorization that it requires.
async fn connect(ctx: &Context, name: &str) -> Result<Session, Error> {
    let aws = ctx.aws().await?;
    let stack = stack_with_gateway(ctx, &aws, name).await?;
    let gateway = stack.gateway.as_ref().ok_or_else(|| ops::Error::NotFound(name.to_owned()))?.document.clone();
    let mut token = None;
    let sign_in = match Authorizer::of(&gateway)? {
        Authorizer::Jwt => SignIn::Token(token.insert(token_for(ctx, &aws, &stack).await?).clone()),
        Authorizer::Iam => SignIn::Key(aws.signer(GATEWAYS)?),
        Authorizer::None => SignIn::Anonymous,
    };
    let (http, url) = (aws.http.clone(), gateway.gateway_url().to_owned());
    match Client::connect(http, url, sign_in, ctx.settings.timeout, &versions_of(&gateway)).await {
        Ok(client) => Ok(Session { aws, gateway, token, client }),
        Err(error) => Err(explained(&aws, &gateway, token.as_ref(), error)),
    }
}

impl Session {
    fn failed(&self, error: ops::Error) -> Error {
        explained(&self.aws, &self.gateway, self.token.as_ref(), error)
    }
}

/// Explains the error of a call; for a rejected token, by the check that the token fails.
fn explained(aws: &Aws, gateway: &ApiDocument, token: Option<&Secret>, error: ops::Error) -> Error {
    let name = gateway.name();
    if is_unknown_tool(&error) {
        return Error::from(error)
            .with_hint(format!("`agentcore-gw tools list {name}` shows the tools that there are"));
    }
    let refused = matches!(error, ops::Error::Refused { .. });
    let shown = Error::from(error);
    match token.filter(|_| refused) {
        None => shown,
        Some(token) => {
            let reason = why_refused(token.reveal(), gateway.jwt_authorizer(), aws.unix_millis() / 1000);
            let reason = reason.unwrap_or_else(|| {
                "all that it tells by itself holds: its key may not be the provider's, or a custom claim differs"
                    .to_owned()
            });
            shown
                .with_cause(format!("the token: {}", report::escape_control(&reason)))
                .with_hint(format!("`agentcore-gw get {name}` shows what the gateway's authorizer wants"))
        }
    }
}

fn is_unknown_tool(error: &ops::Error) -> bool {
    matches!(error, ops::Error::McpRefused { message, .. } if message.starts_with("Unknown tool"))
}

/// A token for a gateway.
async fn token_for(ctx: &Context, aws: &Aws, stack: &Stack) -> Result<Secret, Error> {
    Ok(Tokens::new(token_source(ctx, aws, stack).await?).get(aws, None).await?)
}

impl List {
    async fn run(self, ctx: &Context) -> Outcome {
        let mut session = connect(ctx, &self.name).await?;
        match session.client.list_tools().await {
            Ok(items) => {
                let names = items.iter().map(|tool| text(tool, "name"));
                let long = tool::too_long_in_clients(session.gateway.name(), names);
                let warnings = Vec::from_iter(long.map(|(problem, remedy)| format!("{problem}; {remedy}")));
                for warning in &warnings {
                    ctx.ui.warn(warning);
                }
                Ok(Box::new(Listed { items, warnings, none: "The gateway has no tools." }))
            }
            Err(error) => Err(session.failed(error)),
        }
    }
}

impl Call {
    async fn run(self, ctx: &Context) -> Outcome {
        let mut session = connect(ctx, &self.name).await?;
        match session.client.call_tool(&self.tool, &self.arguments).await {
            Ok(answer) => {
                if answer["isError"] == true {
                    ctx.ui.hint(&where_the_reason_is(&session, is_terse(&answer)));
                }
                Ok(Box::new(Called(answer)))
            }
            Err(error) => Err(self.not_called(session, error).await),
        }
    }

    /// The error of a call, with the tool that may be meant if there is none of this name.
    async fn not_called(self, mut session: Session, error: ops::Error) -> Error {
        if !is_unknown_tool(&error) {
            return session.failed(error);
        }
        let tools = session.client.list_tools().await.unwrap_or_default();
        let names = || tools.iter().map(|tool| text(tool, "name"));
        // Many leave out the target.
        let of_a_target = names().find(|name| name.split_once(tool::SEPARATOR).is_some_and(|it| it.1 == self.tool));
        let failed = session.failed(error);
        match of_a_target.or_else(|| nearest(&self.tool, names())) {
            Some(near) => failed.with_hint(format!("did you mean `{near}`?")),
            None => failed,
        }
    }
}

impl Search {
    async fn run(self, ctx: &Context) -> Outcome {
        let mut session = connect(ctx, &self.name).await?;
        let gateway = session.gateway.name().to_owned();
        match session.client.call_tool(mcp::SEARCH_TOOL, &json!({ "query": self.query })).await {
            Ok(answer) => {
                let items = found_tools(&answer).ok_or_else(|| {
                    let said = answer["content"][0]["text"].as_str().unwrap_or("nothing that can be read");
                    Error::new(ErrorKind::Failed, format!("the search of `{gateway}` answered: {said}"))
                })?;
                Ok(Box::new(Listed { items, warnings: Vec::new(), none: "No tool matches." }))
            }
            Err(error) if is_unknown_tool(&error) => {
                Err(Error::new(ErrorKind::NotFound, format!("the gateway `{gateway}` has no search tool")).with_hint(
                    format!("it is chosen when a gateway is made; `agentcore-gw tools list {gateway}` shows all tools"),
                ))
            }
            Err(error) => Err(session.failed(error)),
        }
    }
}

/// The tools in a search result: its structured content, or else the same content as text.
fn found_tools(answer: &Value) -> Option<Vec<Value>> {
    if let Some(tools) = answer["structuredContent"]["tools"].as_array() {
        return Some(tools.clone());
    }
    let text: Value = serde_json::from_str(answer["content"][0]["text"].as_str()?).ok()?;
    text["tools"].as_array().cloned()
}

/// Whether the result says only that something failed.
fn is_terse(answer: &Value) -> bool {
    answer["isError"] == true && answer["content"][0]["text"] == mcp::TERSE_ERROR
}

/// Where to find the reason of a tool's error.
fn where_the_reason_is(session: &Session, is_terse: bool) -> String {
    let name = session.gateway.name();
    let logs = format!("`agentcore-gw logs {name}` shows what the gateway and its functions logged");
    let debug = format!("; `agentcore-gw update {name} --debug-errors` lets callers see it from the next call on");
    if is_terse { logs + &debug } else { logs }
}

fn text<'a>(tool: &'a Value, member: &str) -> &'a str {
    tool[member].as_str().unwrap_or_default()
}

/// Tools as MCP lists them.
#[derive(Debug, Serialize)]
pub struct Listed {
    items: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// The text for people if there are none.
    #[serde(skip)]
    none: &'static str,
}

impl Report for Listed {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        if self.items.is_empty() {
            return writeln!(w, "{}", self.none);
        }
        let rows = self.items.iter().map(|tool| (text(tool, "name"), text(tool, "description")));
        w.described(["TOOL", "DESCRIPTION"], &rows.collect::<Vec<_>>())
    }
}

/// A tool's result, as in MCP.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Called(Value);

impl Report for Called {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
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
