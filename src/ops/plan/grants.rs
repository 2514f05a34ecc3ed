//! What the gateway's role is to be allowed for the targets, and the steps to that.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Error, Plan, ResourceKind, Stack, document};
use crate::model::{policy, spec::GatewaySpec};

/// Limit on the characters of all inline policies of a role (IAM quotas). White space does not count; ours have
/// none.
const POLICY_LIMIT: usize = 10_240;

/// The role's policies for targets, by name.
pub(super) type Grants = BTreeMap<&'static str, Value>;

/// The policies that the new targets need, and the policies that the new and the remaining targets need
/// together.
pub(super) fn wanted_grants(spec: &GatewaySpec, stack: &Stack) -> (Grants, Grants) {
    let (names, account) = (&stack.names, stack.caller.account.as_str());
    let to_come: Vec<Value> = spec.targets.iter().map(|target| target.request("", "")).collect();
    let find = |name: &str| spec.targets.iter().find(|target| target.name.as_str() == name);
    let allowed = |name: &str| match find(name) {
        Some(target) => Some(target.allowed().to_vec()).filter(|allowed| !allowed.is_empty()),
        None => stack.granted(name),
    };
    let needed = policy::grants(names, account, to_come.iter(), allowed);
    let is_to_come = |name: &str| find(name).is_some();
    let others = stack.gateway.iter().flat_map(|gateway| &gateway.targets).filter(|target| !is_to_come(target.name()));
    let all = policy::grants(names, account, to_come.iter().chain(others.map(|target| &target.0)), allowed);
    (needed, all)
}

/// What the role needs for the gateway's settings: while they change, for both of them besides what it has, and
/// afterwards.
pub(super) struct SettingsGrants {
    during: Grants,
    after: Grants,
}

impl SettingsGrants {
    /// Commands for targets leave them alone.
    pub(super) fn new(spec: &GatewaySpec, stack: &Stack) -> Self {
        let existing = stack.gateway.as_ref().map(|gateway| &gateway.document.0);
        let wanted = spec.wanted(existing);
        let grants = |documents: &[&Value]| {
            policy::gateway_grants(&stack.names, &stack.caller.account, documents.iter().copied())
        };
        if !spec.prove_tokens && !spec.settings_only {
            return Self { during: Grants::new(), after: Grants::new() };
        }
        let both: Vec<&Value> = existing.into_iter().chain([&wanted]).collect();
        let mut during = grants(&both);
        for name in policy::GATEWAY_GRANTS {
            let Some(had) = stack.grants.get(name) else { continue };
            // Another run may have just added what it needs.
            let wider = during.get(name).and_then(|needed| policy::completed(had, needed));
            let wider = wider.or_else(|| during.get(name).cloned()).unwrap_or_else(|| had.clone());
            during.insert(name, wider);
        }
        Self { during, after: grants(&[&wanted]) }
    }

    /// Adds the steps that come before the gateway's.
    pub(super) fn steps_before(&self, plan: &mut Plan, stack: &Stack, role: Option<usize>) -> Vec<Option<usize>> {
        let mut steps = Vec::new();
        for (name, wanted) in &self.during {
            let action = document(stack.grants.get(name), wanted, "what it allows");
            let step = plan.add(ResourceKind::Grant, name, action, &[role]);
            plan.steps[step].policy = Some(wanted.clone());
            steps.push(Some(step));
        }
        steps
    }

    /// Adds the steps that take away what the settings of before needed.
    pub(super) fn steps_after(&self, plan: &mut Plan, gateway: usize) {
        for (name, during) in &self.during {
            let wanted = self.after.get(name);
            if wanted != Some(during) {
                plan.narrow(ResourceKind::Grant, name, wanted.cloned(), &[Some(gateway)]);
            }
        }
    }

    /// Their policies, which count with the others.
    pub(super) fn policies(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.during.iter().map(|(name, document)| (*name, document))
    }
}

/// Rejects a target that the role could not be allowed to call, because the resource at its address is not
/// known.
pub(super) fn check_resources(spec: &GatewaySpec, stack: &Stack) -> Result<(), Error> {
    for target in &spec.targets {
        let request = target.request("", "");
        let (names, account) = (&stack.names, &stack.caller.account);
        if let Some(service) = policy::unknown_resource(names, account, &request, target.allowed()) {
            return Err(Error::UnknownResource { target: target.name.to_string(), service: service.to_owned() });
        }
    }
    Ok(())
}

/// Rejects early what IAM would reject after everything else was created.
pub(super) fn check_size(
    plan: &Plan,
    stack: &Stack,
    (needed, all): &(Grants, Grants),
    settings: &SettingsGrants,
) -> Result<(), Error> {
    let size = |document: &Value| document.to_string().chars().count();
    // The base policy may be written twice in sequence, so only the larger document counts. No grants are planned
    // yet.
    let base = plan.steps.iter().filter(|step| step.resource.kind == ResourceKind::BasePolicy);
    let base = base.filter_map(|step| step.policy.as_ref()).map(size).max().unwrap_or_default();
    let is_written = |name: &str| needed.contains_key(name) || settings.during.contains_key(name);
    let kept = stack.grants.iter().filter(|(name, _)| !is_written(name));
    let written = all.iter().filter(|(name, _)| needed.contains_key(*name));
    if needed.is_empty() && settings.during.is_empty() {
        return Ok(());
    }
    let grants = kept.chain(written).map(|(name, document)| (*name, document)).chain(settings.policies());
    check_total(base, grants.map(|(name, document)| (name, size(document))).collect())
}

/// Rejects policies that IAM would not take on one role: the base policy of this size, and grants by name and size.
pub fn check_total(base: usize, grants: Vec<(&'static str, usize)>) -> Result<(), Error> {
    let size = base + grants.iter().map(|(_, size)| size).sum::<usize>();
    match grants.into_iter().max_by_key(|(_, size)| *size) {
        Some((largest, _)) if size > POLICY_LIMIT => Err(Error::PolicyTooLong { size, largest }),
        _ => Ok(()),
    }
}

/// Adds steps for the permissions that the role needs for existing and new targets. Only policies that new
/// targets need are planned.
pub(super) fn grant_steps(
    plan: &mut Plan,
    stack: &Stack,
    (needed, all): &(Grants, Grants),
    role: Option<usize>,
) -> Vec<usize> {
    let mut steps = Vec::new();
    for (name, wanted) in all.iter().filter(|(name, _)| needed.contains_key(*name)) {
        let action = document(stack.grants.get(name), wanted, "what it allows");
        let step = plan.add(ResourceKind::Grant, name, action, &[role]);
        plan.steps[step].policy = Some(wanted.clone());
        steps.push(step);
    }
    steps
}

/// Adds steps, after the targets, that remove permissions which the replaced targets needed and no longer need.
pub(super) fn dropped_grant_steps(
    plan: &mut Plan,
    spec: &GatewaySpec,
    stack: &Stack,
    (needed, all): &(Grants, Grants),
    targets: &[Option<usize>],
) {
    let Some(gateway) = &stack.gateway else { return };
    let replaced =
        spec.targets.iter().filter_map(|target| gateway.target(target.name.as_str())).map(|target| &target.0);
    let had = policy::grants(&stack.names, &stack.caller.account, replaced, |name| stack.granted(name));
    for name in had.keys().filter(|name| !needed.contains_key(*name)) {
        let wanted = all.get(name);
        if wanted != stack.grants.get(*name) {
            plan.narrow(ResourceKind::Grant, name, wanted.cloned(), targets);
        }
    }
}
