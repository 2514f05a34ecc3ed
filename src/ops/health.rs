//! The problems of a stack: missing resources that its gateway needs, and failed ones.

use futures_util::future::join_all;

use super::{
    Resource, ResourceKind,
    stack::{Gateway, Stack},
};
use crate::{
    aws::{Aws, agentcore::ApiDocument, providers},
    model::provider::ProviderKind,
};

/// What is wrong with a part of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Missing,
    /// AWS is still working on it.
    Moving,
    /// It waits for a person: a target whose provider a user has to authorize (`CREATE_PENDING_AUTH` and the like
    /// in the service model's `TargetStatus`).
    Waiting,
    /// It, or its last change, failed.
    Broken,
}

/// A part of a stack that has a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub resource: Resource,
    pub trouble: Trouble,
    /// Details; may be empty.
    pub detail: String,
}

/// All problems of a stack. Never reported: what is switched off, what the endpoint does not support, and log
/// and trace deliveries, which a gateway does not need.
pub async fn problems(aws: &Aws, stack: &Stack) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut add = |kind: ResourceKind, name: &str, trouble: Trouble, detail: &str| {
        found.push(Problem { resource: Resource::new(kind, name), trouble, detail: detail.to_owned() });
    };
    let names = &stack.names;
    let Some(gateway) = &stack.gateway else {
        add(ResourceKind::Gateway, names.gateway.as_str(), Trouble::Missing, "");
        return found;
    };
    if let Some(trouble) = trouble_of(&gateway.document) {
        add(ResourceKind::Gateway, names.gateway.as_str(), trouble, &reasons(&gateway.document));
    }
    if gateway.ours {
        match (&stack.role, &stack.base_policy) {
            (None, _) if gateway.has_role(names) => add(ResourceKind::Role, &names.role, Trouble::Missing, ""),
            (Some(_), None) => add(ResourceKind::BasePolicy, &names.role, Trouble::Missing, ""),
            _ => {}
        }
        for (kind, name, detail) in missing_of_sample(stack, gateway) {
            add(kind, &name, Trouble::Missing, detail);
        }
        for (kind, name, detail) in missing_of_authorizer(aws, stack, gateway) {
            add(kind, &name, Trouble::Missing, detail);
        }
    }
    for target in &gateway.targets {
        if let Some(trouble) = trouble_of(target) {
            add(ResourceKind::Target, target.name(), trouble, &reasons(target));
        }
    }
    for (target, provider) in missing_providers(aws, gateway).await {
        add(ResourceKind::Provider, &provider, Trouble::Missing, &format!("the target `{target}` uses it"));
    }
    found
}

fn trouble_of(document: &ApiDocument) -> Option<Trouble> {
    if document.is_broken() {
        return Some(Trouble::Broken);
    }
    if document.is_moving() {
        return Some(Trouble::Moving);
    }
    (!document.is_ready()).then_some(Trouble::Waiting)
}

fn reasons(document: &ApiDocument) -> String {
    let reasons = document.status_reasons().collect::<Vec<_>>().join("; ");
    if reasons.is_empty() { document.status().to_owned() } else { format!("{}: {reasons}", document.status()) }
}

/// The missing resources of the sample function, if a target calls it.
fn missing_of_sample(stack: &Stack, gateway: &Gateway) -> Vec<(ResourceKind, String, &'static str)> {
    let names = &stack.names;
    if !gateway.targets.iter().filter_map(ApiDocument::lambda_arn).any(|arn| names.is_function_arn(arn)) {
        return Vec::new();
    }
    let mut missing = Vec::new();
    if stack.sample.function.is_none() {
        missing.push((ResourceKind::Function, names.function.clone(), "a target calls it"));
    }
    if stack.sample.role.is_none() {
        missing.push((ResourceKind::FunctionRole, names.function_role.clone(), "the sample function runs as it"));
    }
    missing
}

/// The missing resources of the stack's user pool, if the gateway accepts its tokens.
fn missing_of_authorizer(aws: &Aws, stack: &Stack, gateway: &Gateway) -> Vec<(ResourceKind, String, &'static str)> {
    let jwt = gateway.document.jwt_authorizer();
    if let Some(pool) = &stack.lost_pool {
        return vec![(ResourceKind::UserPool, pool.clone(), "the gateway takes its tokens")];
    }
    let Some(pool) = stack.issuer(aws) else { return Vec::new() };
    let mut missing = Vec::new();
    if pool.domain.is_none() {
        missing.push((ResourceKind::Domain, stack.names.domain(&stack.caller.account, 0), "it issues the tokens"));
    }
    if !stack.resource_server {
        missing.push((
            ResourceKind::ResourceServer,
            stack.names.resource_server.clone(),
            "tokens are issued for its scope",
        ));
    }
    let allowed = jwt["allowedClients"].as_array().cloned().unwrap_or_default();
    match &stack.client {
        Some(client) if !allowed.iter().any(|id| id == client.id.as_str()) => {
            missing.push((ResourceKind::AppClient, client.id.clone(), "the gateway does not allow it"));
        }
        None => missing.push((ResourceKind::AppClient, stack.names.app_client.clone(), "")),
        Some(_) => {}
    }
    missing
}

/// Targets, each with the missing credential provider that it uses. A provider that cannot be looked up is
/// taken to exist.
async fn missing_providers(aws: &Aws, gateway: &Gateway) -> Vec<(String, String)> {
    let used = gateway.targets.iter().filter_map(|target| {
        let (kind, name) = providers::of_arn(providers::of_target(&target.0)?)?;
        Some((target.name().to_owned(), kind, name.to_owned()))
    });
    let looks = used.map(async |(target, kind, name): (String, ProviderKind, String)| {
        let is_there = providers::moments(aws, kind, &name).await.map_or(true, |found| found.is_some());
        (!is_there).then_some((target, name))
    });
    join_all(looks).await.into_iter().flatten().collect()
}
