//! What is to be done to a target.

use serde_json::Value;

use super::{Action, Error, Plan, ResourceKind, Stack, unfinished};
use crate::{
    aws::{agentcore, agentcore::ApiDocument, providers},
    model::{
        difference::{self, Difference},
        naming::StackNames,
        provider::ProviderKind,
        spec::{GatewaySpec, ProviderSpec, TargetSpec},
        target::listed_type,
    },
};

/// Adds the steps for the targets and the credential providers that they need.
pub(super) fn target_steps(
    plan: &mut Plan,
    spec: &GatewaySpec,
    stack: &Stack,
    role: Option<usize>,
    needs: &[Option<usize>],
) -> Result<Vec<Option<usize>>, Error> {
    let names = &stack.names;
    let mut steps = Vec::new();
    for target in &spec.targets {
        let existing = stack.gateway.as_ref().and_then(|gateway| gateway.target(target.name.as_str()));
        let action = target_action(names, stack, target, existing)?;
        let mut needs = needs.to_vec();
        if let Some(kind) = target.provider().map(ProviderSpec::kind) {
            let used = existing.and_then(|existing| providers::of_target(&existing.0)).and_then(providers::of_arn);
            let all = used.into_iter().chain(stack.providers.iter().map(|(kind, name)| (*kind, name.as_str())));
            let of_target: Vec<(ProviderKind, &str)> =
                all.filter(|(_, name)| names.owns_provider_of(target.name.as_str(), name)).collect();
            let known = of_target.iter().find(|(known, _)| *known == kind).map(|(_, name)| *name);
            // One of another kind keeps its name, and with it its tag, until it is deleted.
            let is_free = |name: &String| !of_target.iter().any(|(_, taken)| taken == name);
            let mut free = (0..).map(|attempt| names.provider(target.name.as_str(), attempt)).filter(is_free);
            let name = known.map(str::to_owned).or_else(|| free.next()).unwrap_or_default();
            let action = match known {
                // AWS does not show a secret again, so it is sent again unless it is known to be the same.
                Some(_) if stack.as_sent.secrets.contains(target.name.as_str()) => Action::Keep,
                Some(_) => Action::Update(vec!["secret"]),
                None => Action::Create,
            };
            let provider = plan.add(ResourceKind::Provider, &name, action, &[role]);
            plan.steps[provider].target = Some(target.clone());
            needs.push(Some(provider));
            if plan.steps[provider].action != Action::Keep && role.is_some() {
                let noted = plan.add(ResourceKind::Fingerprint, &name, Action::Create, &[Some(provider)]);
                plan.steps[noted].target = Some(target.clone());
            }
        }
        let members = target_members(stack, target, existing, &action);
        let step = plan.add(ResourceKind::Target, target.name.as_str(), action, &needs);
        plan.steps[step].target = Some(target.clone());
        plan.steps[step].members = members;
        steps.push(Some(step));
    }
    Ok(steps)
}

pub(super) fn target_action(
    names: &StackNames,
    stack: &Stack,
    target: &TargetSpec,
    existing: Option<&ApiDocument>,
) -> Result<Action, Error> {
    // A target that is being deleted makes room for a new one of any kind.
    let Some(existing) = existing.filter(|existing| existing.status() != "DELETING") else {
        return Ok(Action::Create);
    };
    let kind = listed_type(&existing.0["targetConfiguration"]);
    if kind != listed_type(&target.request("", "")["targetConfiguration"]) {
        let (name, kind) = (target.name.to_string(), kind.unwrap_or("a newer one").to_owned());
        return Err(Error::OtherKind { name, kind, gateway: names.gateway.to_string() });
    }
    if let Some(action) = unfinished(existing, ResourceKind::Target, true)? {
        return Ok(action);
    }
    let wanted = wanted(names, stack, target, existing);
    let mut differs = Vec::new();
    for (member, what) in [("targetConfiguration", "configuration"), ("credentialProviderConfigurations", "credential")]
    {
        if !agentcore::is_same(&wanted[member], &existing.0[member]) {
            differs.push(what);
        }
    }
    if target.patch.applied(&existing.0) != existing.0 {
        differs.push("settings");
    }
    // Have AWS retry a failed update. An object in S3 may have changed.
    let may_have_changed =
        names_s3(&wanted["targetConfiguration"]) && !stack.as_sent.objects.contains(target.name.as_str());
    if differs.is_empty() && may_have_changed {
        differs.push("object in S3");
    }
    if differs.is_empty() && existing.is_broken() {
        differs.push("configuration");
    }
    Ok(if differs.is_empty() { Action::Keep } else { Action::Update(differs) })
}

/// In the place of an ARN that is known only when its function or credential provider is made.
const NOT_YET: &str = "(known when it is made)";

/// Configuration and credential of a target as they are to be.
fn wanted(names: &StackNames, stack: &Stack, target: &TargetSpec, existing: &ApiDocument) -> Value {
    let function = stack.sample.function.as_ref().map(|function| function.arn.clone());
    let provider = providers::of_target(&existing.0).filter(|arn| {
        providers::of_arn(arn).is_some_and(|(_, name)| names.owns_provider_of(target.name.as_str(), name))
    });
    let function = function.unwrap_or_else(|| NOT_YET.to_owned());
    let mut wanted = target.request(&function, provider.unwrap_or(NOT_YET));
    let configuration = wanted["targetConfiguration"].take();
    wanted["targetConfiguration"] = with_defaults(configuration, &existing.0["targetConfiguration"]);
    wanted
}

/// The members of a target that a step sets or changes.
fn target_members(
    stack: &Stack,
    target: &TargetSpec,
    existing: Option<&ApiDocument>,
    action: &Action,
) -> Vec<Difference> {
    match (action, existing) {
        (Action::Keep, _) => Vec::new(),
        (Action::Update(_), Some(existing)) => {
            let mut after = existing.0.clone();
            let wanted = wanted(&stack.names, stack, target, existing);
            // Members that AWS orders its own way are no difference.
            for member in ["targetConfiguration", "credentialProviderConfigurations"] {
                if !agentcore::is_same(&wanted[member], &existing.0[member]) {
                    after[member] = wanted[member].clone();
                }
            }
            difference::between(&existing.0, &target.patch.applied(&after))
        }
        _ => {
            let function = stack.sample.function.as_ref().map_or(NOT_YET, |function| function.arn.as_str());
            difference::between(&Value::Null, &target.patch.applied(&target.request(function, NOT_YET)))
        }
    }
}

/// Whether any part of a configuration is an object in S3.
pub(super) fn names_s3(configuration: &Value) -> bool {
    match configuration {
        Value::Object(members) => members.iter().any(|(name, value)| name == "s3" || names_s3(value)),
        _ => false,
    }
}

/// Completes a wanted configuration with the MCP-server members that AWS chose by default.
pub(super) fn with_defaults(mut wanted: Value, existing: &Value) -> Value {
    let chosen = existing["mcp"]["mcpServer"].as_object().into_iter().flatten();
    if let Some(Value::Object(server)) = wanted.pointer_mut("/mcp/mcpServer") {
        for (member, value) in
            chosen.filter(|(member, _)| ["listingMode", "resourcePriority"].contains(&member.as_str()))
        {
            server.entry(member.clone()).or_insert_with(|| value.clone());
        }
    }
    wanted
}
