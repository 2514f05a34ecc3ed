//! What a caller sees: the list of tools, and a call.

use std::time::Duration;

use serde_json::Value;

use super::{Check, Client, Error, Findings, SignIn, Subject, Token, versions_of};
use crate::{
    aws::signer::GATEWAYS,
    model::{mcp_client::GATEWAY_TOKEN, tool},
};

/// A tool, and the arguments to call it with.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    pub tool: &'a str,
    pub arguments: &'a Value,
}

pub(super) async fn examine(subject: Subject<'_>, token: Token, call: Option<Call<'_>>, timeout: Duration) -> Findings {
    let mut findings = Findings::default();
    let gateway = &subject.gateway.document;
    // One that is not READY serves nothing; its own check says so. One for HTTP targets has no tools.
    if !gateway.is_ready() || !gateway.serves_mcp() {
        return findings;
    }
    let sign_in = match (gateway.0["authorizerType"].as_str(), token) {
        (Some("NONE"), _) => SignIn::Anonymous,
        (Some("CUSTOM_JWT"), Some(token)) => SignIn::Token(token),
        (Some("AWS_IAM" | "AUTHENTICATE_ONLY"), _) => match subject.aws.signer(GATEWAYS) {
            Ok(signer) => SignIn::Key(signer),
            Err(error) => {
                findings.not_seen("the list of tools", &error);
                return findings;
            }
        },
        // Without a token nothing can be listed; the checks of the authorizer, or a warning, say why.
        _ => {
            let fix = format!("put a token into the variable {GATEWAY_TOKEN}, or see the checks of the authorizer");
            findings.checks.extend(call.map(|_| Check::bad("call", "there is no token to call it with", fix)));
            return findings;
        }
    };
    let (http, url) = (subject.aws.http.clone(), gateway.gateway_url().to_owned());
    let mut client = match Client::connect(http, url, sign_in, timeout, &versions_of(gateway)).await {
        Ok(client) => client,
        Err(error) => {
            findings.checks.push(refused(subject, &error));
            return findings;
        }
    };
    findings.checks.push(match client.list_tools().await {
        Ok(tools) => listed(subject, &tools),
        Err(error) => refused(subject, &error),
    });
    if let Some(call) = call {
        findings.checks.push(called(subject, call, client.call_tool(call.tool, call.arguments).await));
    }
    findings
}

fn refused(subject: Subject<'_>, error: &Error) -> Check {
    let fix = match error {
        Error::Refused { .. } => {
            format!(
                "see the checks of the token; `agentcore-gw get {}` shows what the authorizer wants",
                subject.name()
            )
        }
        _ => "a gateway's name may take a minute until it is known; then check the network".to_owned(),
    };
    Check::bad("tools", error.to_string(), fix)
}

fn listed(subject: Subject<'_>, tools: &[Value]) -> Check {
    // The search tool is every gateway's that has it.
    let is_of_target = |tool: &&Value| tool["name"].as_str().is_some_and(|name| name.contains(tool::SEPARATOR));
    let count = tools.iter().filter(is_of_target).count();
    if count > 0 {
        return Check::good("tools", format!("{count} listed"));
    }
    let name = subject.name();
    let fix = if subject.gateway.targets.is_empty() {
        format!(
            "`agentcore-gw target add lambda NAME --gateway {name}` adds the sample; its help names the other kinds"
        )
    } else {
        // A gateway may be READY and list nothing for ever; only making it anew helped
        // (aws-samples/sample-agentcore-lowcode-nocode).
        format!(
            "see the checks of the targets; if all are READY, `agentcore-gw cleanup {name}` and `agentcore-gw create {name}` make it anew"
        )
    };
    Check::bad("tools", "the gateway lists no tool of a target", fix)
}

fn called(subject: Subject<'_>, call: Call<'_>, answer: Result<Value, Error>) -> Check {
    let logs = format!("`agentcore-gw logs {}` shows what the gateway and its functions logged", subject.name());
    let text = |answer: &Value| answer["content"][0]["text"].as_str().unwrap_or_default().to_owned();
    match answer {
        Err(error @ Error::McpRefused { .. }) if error.to_string().contains("Unknown tool") => {
            let fix = format!("`agentcore-gw tools list {}` shows the tools that there are", subject.name());
            Check::bad("call", error.to_string(), fix)
        }
        Err(error) => Check::bad("call", error.to_string(), logs),
        Ok(answer) if answer["isError"] == true => {
            Check::bad("call", format!("{} failed: {}", call.tool, text(&answer)), logs)
        }
        Ok(answer) => Check::good("call", format!("{} answered: {}", call.tool, text(&answer))),
    }
}
