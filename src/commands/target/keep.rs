//! What a target keeps that nothing is said about: its credential, and what the gateway's role is allowed for it.

use serde_json::{Value, json};

use super::change::Wanted;
use crate::{
    model::{
        document::Document,
        finding::Reading,
        policy,
        smithy::Model,
        spec::{Credential, TargetSource},
        target::TargetKind,
    },
    ops::stack::Stack,
};

/// The credential that a target has.
pub(super) fn credentials_of(target: &Value) -> Option<Value> {
    target.get("credentialProviderConfigurations").filter(|all| **all != json!([])).cloned()
}

/// The actions that the role is allowed for a target that gets another model: those that the model needs. If
/// the role was allowed less than the previous model needed, only those of them that it was allowed before, if
/// any.
pub(super) fn kept_actions(granted: &[String], needed: &[String], before: &Value) -> Vec<String> {
    let before = before["inlinePayload"].as_str().and_then(|text| Document::parse(text).ok());
    let needed_before = before.map(|document| Model::outline(&document, Reading::of("", true)).actions());
    let was_narrowed = needed_before.is_none_or(|before| before.iter().any(|action| !granted.contains(action)));
    let kept: Vec<String> = needed.iter().filter(|action| granted.contains(action)).cloned().collect();
    if was_narrowed && !kept.is_empty() { kept } else { needed.to_vec() }
}

/// What is said about a target besides its source.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    pub credential: bool,
    pub permissions: bool,
}

impl Wanted {
    /// Keeps what the target that there is has, as far as nothing is said about it.
    #[must_use]
    pub fn keeping(mut self, stack: &Stack, said: Said) -> Self {
        let name = self.target.name.as_str();
        let Some(existing) = stack.gateway.as_ref().and_then(|gateway| gateway.target(name)) else { return self };
        let granted = stack.granted(name);
        let kept = || Credential::Given(credentials_of(&existing.0));
        match &mut self.target.source {
            TargetSource::Configured(target) if target.kind != TargetKind::Lambda => {
                if !said.credential {
                    target.credential = kept();
                }
                if let Some(granted) = granted.filter(|_| !said.permissions) {
                    let by_address = policy::granted_by_address(&stack.names, &stack.caller.account, &existing.0);
                    let before = &existing.0["targetConfiguration"]["mcp"][target.kind.member()];
                    let needed = std::mem::take(&mut target.allowed);
                    target.allowed = match target.kind {
                        TargetKind::Smithy if target.configuration == *before => granted,
                        TargetKind::Smithy => kept_actions(&granted, &needed, before),
                        // What followed from the address before follows from the address now.
                        _ => granted.into_iter().filter(|one| !by_address.contains(one)).collect(),
                    };
                    // What a model in S3 needed before is not known, and neither whether the role was to have less.
                    let is_unknown = target.configuration.get("s3").is_some() || target.configuration != *before;
                    let lacking: Vec<&str> = needed
                        .iter()
                        .filter(|action| {
                            target.kind == TargetKind::Smithy && is_unknown && !target.allowed.contains(action)
                        })
                        .map(String::as_str)
                        .collect();
                    if !lacking.is_empty() {
                        let which = lacking.join(", ");
                        self.warnings.push(format!("the role stays without {which}: `allowActions` allows it"));
                    }
                }
            }
            TargetSource::Other(target) => {
                if !said.credential {
                    target.credential = kept();
                }
                target.allowed = granted.filter(|_| !said.permissions).unwrap_or_else(|| target.allowed.clone());
            }
            TargetSource::Configured(_) | TargetSource::Sample => {}
        }
        self
    }
}
