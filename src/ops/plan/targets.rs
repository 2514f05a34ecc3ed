//! What is to be done to a target.

use serde_json::Value;

use super::{Action, Error, ResourceKind, Stack, unfinished};
use crate::{
    aws::{agentcore, agentcore::ApiDocument, providers},
    model::{naming::StackNames, spec::TargetSpec, target::listed_type},
};

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
        return Err(Error::OtherKind { name, kind });
    }
    if let Some(action) = unfinished(existing, ResourceKind::Target, true)? {
        return Ok(action);
    }
    let function = stack.sample.function.as_ref().map(|function| function.arn.clone());
    let provider = providers::of_target(&existing.0).filter(|arn| {
        providers::of_arn(arn).is_some_and(|(_, name)| names.owns_provider_of(target.name.as_str(), name))
    });
    let function = function.unwrap_or_else(|| names.function.clone());
    let mut wanted = target.request(&function, provider.unwrap_or_default());
    let configuration = wanted["targetConfiguration"].take();
    wanted["targetConfiguration"] = with_defaults(configuration, &existing.0["targetConfiguration"]);
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
    // Have AWS retry a failed update. An object in S3 may have changed, so such a target is always updated.
    if differs.is_empty() && (existing.is_broken() || names_s3(&wanted["targetConfiguration"])) {
        differs.push("configuration");
    }
    Ok(if differs.is_empty() { Action::Keep } else { Action::Update(differs) })
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
