//! The states of the gateway and its targets, and what the targets use.

use futures_util::future::join_all;

use super::{Check, Findings, Mend, Subject};
use crate::{
    aws::{agentcore::ApiDocument, denied::Denied, lambda, providers},
    model::{provider::ProviderKind, shell::shell_word, target::TargetKind},
};

pub(super) async fn examine(subject: Subject<'_>) -> Findings {
    let mut findings = Findings::default();
    let gateway = &subject.gateway.document;
    let name = subject.name();
    findings.checks.push(state("gateway".to_owned(), gateway, || match gateway.status() {
        "FAILED" => {
            format!("`agentcore-gw cleanup {name}`, then `agentcore-gw create {name}`: AWS changes no FAILED gateway")
        }
        _ if gateway.is_moving() => format!("`agentcore-gw status {name} --wait`"),
        _ => format!("`agentcore-gw create {name}` has AWS try again"),
    }));
    let looks = subject.gateway.targets.iter().map(|target| of_target(subject, target));
    for found in join_all(looks).await {
        findings.merge(found);
    }
    findings
}

/// The check of a state, with its reasons.
fn state(name: String, document: &ApiDocument, remedy: impl FnOnce() -> String) -> Check {
    if document.is_ready() {
        return Check::good(name, "READY");
    }
    let reasons = document.status_reasons().collect::<Vec<_>>().join("; ");
    let detail =
        if reasons.is_empty() { document.status().to_owned() } else { format!("{}: {reasons}", document.status()) };
    let denied = Denied::read(&reasons).map(|denied| format!("{}; then ", denied.remedy()));
    Check::bad(name, detail, format!("{}{}", denied.unwrap_or_default(), remedy()))
}

async fn of_target(subject: Subject<'_>, target: &ApiDocument) -> Findings {
    let mut findings = Findings::default();
    let name = target.name();
    let gateway = subject.name();
    let kind = TargetKind::of(&target.0["targetConfiguration"]["mcp"]);
    findings.checks.push(state(format!("target:{name}"), target, || match (kind, target.status()) {
        _ if target.is_moving() => format!("`agentcore-gw status {} --wait`", subject.name()),
        // A failed server's target recovers by an update (seen by two projects).
        (Some(TargetKind::McpServer), "FAILED") => {
            let endpoint = target.0["targetConfiguration"]["mcp"]["mcpServer"]["endpoint"].as_str().unwrap_or("URL");
            format!(
                "see to the server, then `agentcore-gw target update {name} --gateway {gateway} --endpoint {}`",
                shell_word(endpoint)
            )
        }
        (Some(TargetKind::McpServer), _) if target.is_broken() => {
            format!("see to the server, then `agentcore-gw target sync {name} --gateway {gateway}`")
        }
        _ if target.is_broken() => format!("`agentcore-gw target remove {name} --gateway {gateway}`, and add it again"),
        _ => format!("authorize it at the address in `agentcore-gw target get {name} --gateway {gateway}`"),
    }));
    if let Some(arn) = target.lambda_arn() {
        function(subject, name, arn, &mut findings).await;
    }
    if let Some((kind, provider)) = providers::of_target(&target.0).and_then(providers::of_arn) {
        let check = format!("provider:{name}");
        match providers::moments(subject.aws, kind, provider).await.map(|found| found.is_some()) {
            Ok(true) => findings.checks.push(Check::good(check, provider)),
            Ok(false) => {
                let detail = format!("the credential provider `{provider}` is gone");
                let again = "with the other flags that the target was added with";
                let fix = match kind {
                    ProviderKind::ApiKey => {
                        format!(
                            "`agentcore-gw target update {name} --gateway {gateway} --api-key-env VARIABLE`, {again}"
                        )
                    }
                    ProviderKind::Oauth2 => format!(
                        "`agentcore-gw target update {name} --gateway {gateway}` with `--oauth-client-id` and \
                         `--oauth-client-secret-env`, {again}"
                    ),
                };
                findings.checks.push(Check::bad(check, detail, fix));
            }
            Err(error) => findings.not_seen(&format!("the credential provider of `{name}`"), &error),
        }
    }
    findings
}

/// Whether a target's function is there and can be called.
async fn function(subject: Subject<'_>, target: &str, arn: &str, findings: &mut Findings) {
    let (stack, check) = (subject.stack, format!("function:{target}"));
    let is_sample = subject.gateway.ours && stack.names.is_function_arn(arn);
    if arn.split(':').nth(4).is_some_and(|account| account != stack.caller.account) {
        return findings.warnings.push(format!("the function of `{target}` is in another account, and not looked at"));
    }
    let found = match lambda::find_function(subject.aws, arn).await {
        Ok(found) => found,
        Err(error) => return findings.not_seen(&format!("the function of `{target}`"), &error),
    };
    let gateway = subject.name();
    findings.checks.push(match found {
        None if is_sample => Check::mendable(check, "the sample's function is gone", stack, Mend::Sample),
        Some(_) if is_sample && stack.sample.role.is_none() => {
            Check::mendable(check, "the role of the sample's function is gone", stack, Mend::Sample)
        }
        None => {
            let fix = format!(
                "deploy it again, or name another one, with `--lambda-arn`, to `agentcore-gw target update {target} \
                 --gateway {gateway}`"
            );
            Check::bad(check, format!("the function {arn} is gone"), fix)
        }
        Some(function) => match function.failure {
            Some((state, reason)) => {
                let fix =
                    format!("see to the function in Lambda; `aws lambda get-function --function-name {arn}` shows it");
                Check::bad(check, format!("the function is {state}: {reason}"), fix)
            }
            None => Check::good(check, arn),
        },
    });
}
