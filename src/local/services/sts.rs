//! STS: who am I.

use serde_json::json;

use super::{Answer, Call, unknown_operation};

pub(crate) fn handle(call: &Call) -> Answer {
    match call.operation.as_str() {
        "GetCallerIdentity" => Ok(json!({
            "Arn": format!("arn:aws:iam::{}:root", call.account),
            "UserId": call.account,
            "Account": call.account,
        })),
        _ => Err(unknown_operation("sts", call)),
    }
}
