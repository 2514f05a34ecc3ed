//! A function's resource policy.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Function, FunctionName, Lambda, conflict};
use crate::local::{
    random,
    services::{answer::Answer, answer::bad_request, call::Call},
    wire::WireError,
};

/// The largest resource policy, in bytes (Lambda developer guide, "Lambda quotas").
const POLICY_LIMIT: usize = 20_480;

/// The policy document in the form that Lambda returns.
pub(super) fn document(function: &Function) -> String {
    let statements: Vec<&Value> = function.policy.values().collect();
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements }).to_string()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AddPermission {
    #[serde(flatten)]
    function: FunctionName,
    statement_id: String,
    action: String,
    principal: String,
    source_arn: Option<String>,
    source_account: Option<String>,
    revision_id: Option<String>,
}

pub(super) fn add(lambda: &mut Lambda, call: &Call, input: AddPermission) -> Answer {
    let function = lambda.find_mut(call, &input.function)?;
    function.check_revision(input.revision_id.as_deref())?;
    let id = input.statement_id;
    if function.policy.contains_key(&id) {
        return Err(conflict(format!(
            "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the \
             existing statement."
        )));
    }
    let mut statement = json!({
        "Sid": id,
        "Effect": "Allow",
        "Principal": principal(&input.principal)?,
        "Action": input.action,
        "Resource": function.arn,
    });
    if let Some(arn) = input.source_arn {
        statement["Condition"]["ArnLike"] = json!({ "AWS:SourceArn": arn });
    }
    if let Some(account) = input.source_account {
        statement["Condition"]["StringEquals"] = json!({ "AWS:SourceAccount": account });
    }
    function.policy.insert(id.clone(), statement.clone());
    if document(function).len() > POLICY_LIMIT {
        function.policy.remove(&id);
        let message = format!("The final policy size is bigger than the limit ({POLICY_LIMIT}).");
        return Err(bad_request("PolicyLengthExceededException", message));
    }
    function.revision = random::uuid();
    Ok(json!({ "Statement": statement.to_string() }))
}

/// Converts a service, account id, ARN or `*` to a policy's principal.
fn principal(text: &str) -> Result<Value, WireError> {
    let account = text.len() == 12 && text.chars().all(|c| c.is_ascii_digit());
    match text {
        "*" => Ok(json!("*")),
        _ if account => Ok(json!({ "AWS": format!("arn:aws:iam::{text}:root") })),
        arn if arn.starts_with("arn:") => Ok(json!({ "AWS": arn })),
        service if service.ends_with(".amazonaws.com") => Ok(json!({ "Service": service })),
        _ => Err(super::invalid("The provided principal was invalid. Please check the principal and try again.")),
    }
}

fn none(function: &Function) -> WireError {
    let mut error = super::not_found(&function.arn);
    "The resource you requested does not exist.".clone_into(&mut error.message);
    error
}

pub(super) fn get(lambda: &mut Lambda, call: &Call, input: FunctionName) -> Answer {
    let function = lambda.find_mut(call, &input)?;
    let policy = function.resource_policy().ok_or_else(|| none(function))?;
    Ok(json!({ "Policy": policy, "RevisionId": function.revision }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RemovePermission {
    #[serde(flatten)]
    function: FunctionName,
    statement_id: String,
    revision_id: Option<String>,
}

pub(super) fn remove(lambda: &mut Lambda, call: &Call, input: RemovePermission) -> Answer {
    let function = lambda.find_mut(call, &input.function)?;
    function.check_revision(input.revision_id.as_deref())?;
    function.policy.remove(&input.statement_id).ok_or_else(|| none(function))?;
    function.revision = random::uuid();
    Ok(Value::Null)
}
