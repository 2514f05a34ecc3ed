//! Policies of roles: inline ones, and those that are attached.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Answer, Call, INLINE_POLICY_LIMIT, Iam, Inline, ListOfRole, MOST_ATTACHED, Use, grammar, limit_exceeded,
    no_such_entity, percent_encoded, policies, without_spaces,
};
use crate::local::wire::WireError;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutRolePolicy {
    role_name: String,
    policy_name: String,
    policy_document: String,
}

pub(super) fn put(iam: &mut Iam, call: &Call, input: PutRolePolicy) -> Answer {
    let role = iam.role_mut(&input.role_name)?;
    grammar::check(&input.policy_document, Use::Identity)?;
    let others = role.inline.iter().filter(|(name, _)| **name != input.policy_name);
    let others: usize = others.map(|(_, policy)| without_spaces(&policy.document)).sum();
    if others + without_spaces(&input.policy_document) > INLINE_POLICY_LIMIT {
        let message = format!("Maximum policy size of {INLINE_POLICY_LIMIT} bytes exceeded for role {}", role.name);
        return Err(limit_exceeded(message));
    }
    role.inline.insert(input.policy_name, Inline { document: input.policy_document, written: call.now });
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyName {
    role_name: String,
    policy_name: String,
}

impl PolicyName {
    fn missing(&self) -> WireError {
        no_such_entity(format!("The role policy with name {} cannot be found.", self.policy_name))
    }
}

pub(super) fn get(iam: &mut Iam, _: &Call, input: PolicyName) -> Answer {
    let policy = iam.role(&input.role_name)?.inline.get(&input.policy_name).ok_or_else(|| input.missing())?;
    Ok(json!({
        "RoleName": input.role_name,
        "PolicyName": input.policy_name,
        "PolicyDocument": percent_encoded(&policy.document),
    }))
}

pub(super) fn delete(iam: &mut Iam, _: &Call, input: PolicyName) -> Answer {
    let removed = iam.role_mut(&input.role_name)?.inline.remove(&input.policy_name);
    removed.map(|_| Value::Null).ok_or_else(|| input.missing())
}

pub(super) fn list(iam: &mut Iam, _: &Call, input: ListOfRole) -> Answer {
    let names = iam.role(&input.role_name)?.inline.keys();
    input.page.answer("PolicyNames", names.map(|name| (name, json!(name))))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attachment {
    role_name: String,
    policy_arn: String,
}

pub(super) fn attach(iam: &mut Iam, call: &Call, input: Attachment) -> Answer {
    iam.role(&input.role_name)?;
    iam.must_be_attachable(&input.policy_arn)?;
    let attached = &mut iam.role_mut(&input.role_name)?.attached;
    if !attached.contains_key(&input.policy_arn) && attached.len() >= MOST_ATTACHED {
        return Err(limit_exceeded(format!("Cannot exceed quota for PoliciesPerRole: {MOST_ATTACHED}")));
    }
    attached.entry(input.policy_arn).or_insert(call.now);
    Ok(Value::Null)
}

pub(super) fn detach(iam: &mut Iam, _: &Call, input: Attachment) -> Answer {
    policies::check_arn(&input.policy_arn)?;
    let removed = iam.role_mut(&input.role_name)?.attached.remove(&input.policy_arn);
    removed.map(|_| Value::Null).ok_or_else(|| no_such_entity(format!("Policy {} was not found.", input.policy_arn)))
}
