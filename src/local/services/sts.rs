//! STS: the caller's identity.

use serde_json::{Value, json};

use super::{
    Answer, Call, ErrorCodes, Service,
    operation::{Operation, handler, operation},
};
use crate::local::wire::Protocol;

pub(crate) const SERVICE: Service = Service {
    scope: "sts",
    protocol: Protocol::Query { xml_namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
    operations: OPERATIONS,
    errors: ErrorCodes::plain("InvalidClientTokenId", "MalformedInput", "ValidationError"),
};

/// STS has no state.
#[derive(Debug, Default)]
pub(crate) struct Sts;

const OPERATIONS: &[Operation] = &[operation("GetCallerIdentity", &[], handler!(get_caller_identity))];

fn get_caller_identity(_: &mut Sts, call: &Call, _: Value) -> Answer {
    Ok(json!({
        "Arn": format!("arn:aws:iam::{}:root", call.account),
        "UserId": call.account,
        "Account": call.account,
    }))
}
