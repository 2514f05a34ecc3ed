//! STS: who am I.

use serde_json::json;

use super::{Answer, Call, Operation};

pub(crate) const OPERATIONS: &[Operation] =
    &[Operation { name: "GetCallerIdentity", route: None, input: &[], run: |_, call, _| get_caller_identity(call) }];

fn get_caller_identity(call: &Call) -> Answer {
    Ok(json!({
        "Arn": format!("arn:aws:iam::{}:root", call.account),
        "UserId": call.account,
        "Account": call.account,
    }))
}
