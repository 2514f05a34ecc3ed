//! Who the gateway's callers are: the user pool, the discovery document, and a token with its claims.

use serde_json::{Value, json};

use super::{Check, Error, Findings, Mend, Subject, Token, Tokens, openid};
use crate::{
    aws::cognito::{self, Pool},
    model::{shell::shell_word, token},
};

/// The checks, and a token for the gateway, if there is one.
pub(super) async fn examine(subject: Subject<'_>, tokens: Result<Tokens, String>) -> (Findings, Token) {
    let mut findings = Findings::default();
    if subject.gateway.document.0["authorizerType"] != "CUSTOM_JWT" {
        return (findings, None);
    }
    let pool = subject.stack.issuer(subject.aws);
    match (&subject.stack.lost_pool, pool) {
        (Some(lost), _) => {
            let detail = format!("the gateway takes the tokens of the user pool {lost}, which is gone");
            let fix = format!("`agentcore-gw create {}` makes another one, with new credentials", subject.name());
            findings.checks.push(Check::bad("user-pool", detail, fix));
            return (findings, None);
        }
        (None, Some(pool)) => findings.checks.extend(parts_of(subject, pool).await),
        (None, None) => {}
    }
    // The address of an emulator may have changed since the gateway was made.
    let stored = subject.jwt()["discoveryUrl"].as_str().unwrap_or_default().to_owned();
    let url = pool.map_or(stored, |pool| cognito::discovery_url(subject.aws, &pool.id));
    let problem = openid::problem(&subject.aws.http, &url).await;
    let problem = problem.map(|problem| (problem, remedy_of_issuer(subject, pool)));
    findings.checks.push(Check::of("discovery", problem, format!("{url} names its issuer and its keys")));
    let tokens = match tokens {
        Ok(tokens) => tokens,
        Err(problem) => {
            // Of the stack's own pool, the checks above say what is missing.
            if pool.is_none() {
                findings.warnings.push(format!("no token is checked, and no tool is listed: {problem}"));
            }
            return (findings, None);
        }
    };
    match tokens.get(subject.aws, None).await {
        Err(error) => {
            findings.checks.push(not_issued(subject, pool, &error));
            (findings, None)
        }
        Ok(token) => {
            findings.checks.push(Check::good("token", if tokens.is_given() { "given" } else { "issued" }));
            let mut authorizer = subject.jwt().clone();
            authorizer["discoveryUrl"] = json!(url);
            for claim in token::claims(token.reveal(), &authorizer, subject.aws.unix_millis() / 1000) {
                let (name, is_given) = (format!("claim:{}", claim.name), tokens.is_given());
                let problem = claim.problem.map(|problem| {
                    (format!("the token: {problem}"), remedy_of_claim(subject, pool, claim.name, is_given))
                });
                findings.checks.push(Check::of(name, problem, claim.found));
            }
            (findings, Some(token))
        }
    }
}

/// The parts of the stack's own pool.
async fn parts_of(subject: Subject<'_>, pool: &Pool) -> Vec<Check> {
    let stack = subject.stack;
    let mut checks = vec![Check::good("user-pool", &pool.id)];
    checks.push(match &pool.domain {
        Some(domain) => Check::good("domain", domain),
        None if stack.orphaned_pools.is_empty() => {
            Check::mendable("domain", "the user pool has no domain, so nothing issues tokens", stack, Mend::Domain)
        }
        // A second pool of the stack may have the domain.
        None => {
            let fix = format!("`agentcore-gw create {}` sorts out which pool it uses", subject.name());
            Check::bad("domain", "the user pool has no domain, and there is a second pool of this stack", fix)
        }
    });
    let server = &stack.names.resource_server;
    checks.push(if stack.resource_server {
        Check::good("resource-server", server)
    } else {
        let detail = format!("the user pool has no resource server `{server}`, so its scope is issued to nobody");
        Check::mendable("resource-server", detail, stack, Mend::ResourceServer)
    });
    let allowed = subject.jwt()["allowedClients"].as_array();
    let allowed: Vec<&str> = allowed.into_iter().flatten().filter_map(Value::as_str).collect();
    checks.push(match &stack.client {
        None => lost_client(subject, pool, &allowed).await,
        Some(client) if !allowed.is_empty() && !allowed.contains(&client.id.as_str()) => {
            let detail = format!("the gateway allows {}, and not the stack's client {}", allowed.join(", "), client.id);
            // An interrupted mend has made the client that takes the place of a deleted one.
            match gone(subject, pool, &allowed).await {
                Some(_) => Check::mendable("app-client", detail, stack, Mend::AppClient),
                None => {
                    Check::bad("app-client", detail, format!("`agentcore-gw create {}` lets it in", subject.name()))
                }
            }
        }
        Some(client) => Check::good("app-client", &client.id),
    });
    checks
}

/// The check of a client that is gone. A new one takes the place of one that the gateway still allows; otherwise a new
/// caller would be let in, or others shut out.
async fn lost_client(subject: Subject<'_>, pool: &Pool, allowed: &[&str]) -> Check {
    if let Some(id) = gone(subject, pool, allowed).await {
        let detail = format!("the client {id}, which the gateway allows, is gone");
        return Check::mendable("app-client", detail, subject.stack, Mend::AppClient);
    }
    let detail = "the user pool has no client of this stack";
    Check::bad("app-client", detail, format!("`agentcore-gw create {}` makes one, and lets it in", subject.name()))
}

/// A client that the gateway allows, and that is not in the pool.
async fn gone<'a>(subject: Subject<'_>, pool: &Pool, allowed: &[&'a str]) -> Option<&'a str> {
    for id in allowed {
        if let Ok(None) = cognito::find_client(subject.aws, &pool.id, id).await {
            return Some(id);
        }
    }
    None
}

fn not_issued(subject: Subject<'_>, pool: Option<&Pool>, error: &Error) -> Check {
    let (stack, client) = (subject.stack, subject.stack.client.as_ref());
    let fix = match (error, pool, client) {
        // What else is missing has a check of its own.
        (Error::Token { .. }, Some(pool), Some(client)) if pool.domain.is_some() && stack.resource_server => format!(
            "give the client the flow client_credentials and the scope of the resource server: `aws cognito-idp \
             update-user-pool-client --user-pool-id {} --client-id {} --allowed-o-auth-flows-user-pool-client \
             --allowed-o-auth-flows client_credentials --allowed-o-auth-scopes {}`",
            pool.id, client.id, stack.names.scope
        ),
        (Error::Token { .. }, Some(_), _) => "see the checks before this one".to_owned(),
        (Error::Transport(_), ..) => {
            "check the network; a resolver remembers for 15 minutes that a new domain was not there".to_owned()
        }
        _ => "see what the provider of the tokens says".to_owned(),
    };
    Check::bad("token", error.to_string(), fix)
}

/// The command that gives the gateway another provider, or lets in its own client alone.
fn another_authorizer(subject: Subject<'_>, discovery_url: &str, only: Option<&str>) -> String {
    let jwt = subject.jwt();
    let lists = [("allowedClients", "client"), ("allowedAudience", "audience"), ("allowedScopes", "scope")];
    let values = |member: &str| -> Vec<String> {
        let values = jwt[member].as_array().into_iter().flatten();
        values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let mut flags = String::new();
    for (member, flag) in lists {
        let values = match (only, member) {
            (None, _) | (Some(_), "allowedScopes") => values(member),
            (Some(client), "allowedClients") => vec![client.to_owned()],
            _ => Vec::new(),
        };
        for value in values {
            flags.push_str(&format!(" --allowed-{flag} {}", shell_word(&value)));
        }
    }
    let (name, url) = (subject.name(), shell_word(discovery_url));
    format!("`agentcore-gw create {name} --authorizer jwt --discovery-url {url}{flags}`")
}

fn remedy_of_issuer(subject: Subject<'_>, pool: Option<&Pool>) -> String {
    if pool.is_some() {
        return "a new user pool serves it after some minutes at most; else check the network".to_owned();
    }
    let command = another_authorizer(subject, "URL", None);
    format!("see to the provider, or name another one: {command}")
}

fn remedy_of_claim(subject: Subject<'_>, pool: Option<&Pool>, claim: &str, is_given: bool) -> String {
    let get = format!("`agentcore-gw get {}` shows what the authorizer wants", subject.name());
    match (claim, pool, &subject.stack.client) {
        ("client_id", Some(_), _) => format!("`agentcore-gw create {}` lets the stack's client in", subject.name()),
        // Cognito's access tokens have a client_id and no aud.
        ("aud", Some(_), Some(client)) => {
            let url = subject.jwt()["discoveryUrl"].as_str().unwrap_or_default();
            let command = another_authorizer(subject, url, Some(&client.id));
            format!("Cognito's tokens have no audience: allow the client instead, {command}")
        }
        ("exp" | "nbf" | "token" | "alg", ..) if is_given => {
            "get a new token, and check this machine's clock".to_owned()
        }
        ("iss", None, _) => {
            let command = another_authorizer(subject, "URL", None);
            format!("get a token of the gateway's provider, or name the provider of this one: {command}")
        }
        _ => format!("get a token that has it; {get}"),
    }
}
