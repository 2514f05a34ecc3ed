//! `doctor --fix`: adds what is missing of a stack's own. Nothing that somebody may rely on is taken away, and nobody is
//! let in or out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Error, ResourceKind,
    doctor::Mend,
    plan::{self, Action, Plan, Step, check_total},
    stack::Stack,
};
use crate::{
    aws::Aws,
    model::{
        policy,
        spec::{GatewaySpec, TargetSpec},
    },
};

/// The role's policies that are made from the gateway's settings and its targets alone. Of the others a part is what the user named for a target,
/// which is nowhere else.
const GRANTS: [&str; 8] =
    ["lambda", "s3", "api-key", "oauth", "api-gateway", "mcp-server", "interceptor", "policy-engine"];

/// What mends these links: those steps of `create` that add something of theirs, with policies that keep what else is
/// in them.
///
/// # Errors
/// If the gateway has FAILED, so that AWS changes nothing of it, or IAM would not take the policies.
pub fn plan(aws: &Aws, stack: &Stack, mends: &BTreeSet<Mend>) -> Result<(GatewaySpec, Plan), Error> {
    let spec = GatewaySpec {
        prove_tokens: true,
        targets: if mends.contains(&Mend::Sample) { vec![TargetSpec::sample()] } else { Vec::new() },
        ..GatewaySpec::unchanged(stack.names.gateway.clone(), aws.region.clone())
    };
    let mut plan = plan::create(aws, &spec, stack)?;
    plan.warnings.clear();
    plan.retain(|step| mend_of(step).is_some_and(|of| of.iter().any(|mend| mends.contains(mend))));
    for step in &mut plan.steps {
        keep_what_is_there(step, stack);
    }
    if mends.contains(&Mend::Permissions) || mends.contains(&Mend::Role) {
        add_grants(&mut plan, stack);
    }
    plan.retain(|step| step.action != Action::Keep || step.resource.kind == ResourceKind::TokenEndpoint);
    check_size(&plan, stack)?;
    Ok((spec, plan))
}

/// The links that a step mends; `None` if it does more than to add something that is missing.
fn mend_of(step: &Step) -> Option<&'static [Mend]> {
    use ResourceKind as Kind;
    Some(match (step.resource.kind, &step.action) {
        (Kind::Role, Action::Create) => &[Mend::Role],
        (Kind::Role, Action::Update(_)) => &[Mend::Trust],
        (Kind::BasePolicy, Action::Create | Action::Update(_)) => &[Mend::Role, Mend::Permissions],
        (Kind::Domain, Action::Create) => &[Mend::Domain],
        (Kind::ResourceServer, Action::Create) => &[Mend::ResourceServer],
        // The gateway allows the new client, in the place of the one that is gone.
        (Kind::AppClient, Action::Create) | (Kind::Gateway, Action::Update(_)) => &[Mend::AppClient],
        (Kind::FunctionRole | Kind::FunctionPolicy | Kind::LogGroup | Kind::Function, Action::Create) => {
            &[Mend::Sample]
        }
        // It asks for a token, and changes nothing.
        (Kind::TokenEndpoint, _) => &[Mend::Domain, Mend::ResourceServer, Mend::AppClient],
        _ => return None,
    })
}

/// Adds to the documents that are there what a step would write in their place. One that cannot be completed is kept.
fn keep_what_is_there(step: &mut Step, stack: &Stack) {
    let existing = match step.resource.kind {
        ResourceKind::Role => stack.role.as_ref().map(|role| &role.trust),
        ResourceKind::BasePolicy => stack.base_policy.as_ref(),
        _ => None,
    };
    let (Some(existing), Some(wanted)) = (existing, &step.policy) else { return };
    match policy::completed(existing, wanted) {
        Some(completed) if completed != *existing => step.policy = Some(completed),
        _ => step.action = Action::Keep,
    }
}

/// Adds the permissions for all targets that the role does not have.
fn add_grants(plan: &mut Plan, stack: &Stack) {
    let (names, account) = (&stack.names, &stack.caller.account);
    let targets = stack.gateway.iter().flat_map(|gateway| &gateway.targets).map(|target| &target.0);
    let mut wanted = policy::grants(names, account, targets, |target| stack.granted(target));
    let gateway = stack.gateway.as_ref().map(|gateway| &gateway.document.0);
    wanted.extend(policy::gateway_grants(names, account, gateway.into_iter()));
    let role = plan.steps.iter().position(|step| step.resource.kind == ResourceKind::Role);
    for name in GRANTS {
        let Some(wanted) = wanted.get(name) else { continue };
        let existing = stack.grants.get(name);
        let completed = policy::completed(existing.unwrap_or(&Value::Null), wanted);
        let Some(completed) = completed.filter(|completed| existing != Some(completed)) else { continue };
        let action = if existing.is_some() { Action::Update(vec!["what it allows"]) } else { Action::Create };
        let step = plan.add(ResourceKind::Grant, name, action, &[role]);
        plan.steps[step].policy = Some(completed);
    }
}

/// Rejects early what IAM would reject after other steps are done.
fn check_size(plan: &Plan, stack: &Stack) -> Result<(), Error> {
    let written = |kind: ResourceKind, name: &str| {
        let is_it = |step: &&Step| step.resource.kind == kind && (name.is_empty() || step.resource.name == name);
        plan.steps.iter().find(is_it).and_then(|step| step.policy.as_ref())
    };
    let size = |document: &Value| document.to_string().chars().count();
    let base = written(ResourceKind::BasePolicy, "").or(stack.base_policy.as_ref()).map_or(0, size);
    let names: BTreeSet<&'static str> = GRANTS.into_iter().chain(stack.grants.keys().copied()).collect();
    let sizes = names
        .into_iter()
        .filter_map(|name| Some((name, size(written(ResourceKind::Grant, name).or(stack.grants.get(name))?))));
    if plan.steps.is_empty() { Ok(()) } else { check_total(base, sizes.collect()) }
}
