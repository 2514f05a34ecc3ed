//! What is checked before a target is added or changed.

use serde_json::json;

use crate::{
    aws::{Aws, Class, lambda},
    context::Context,
    error::{Error, ErrorKind},
    model::name::{FunctionArn, Region},
    ops::stack::Stack,
};

/// The statement that the owner of a function in another account must add: the role's own policy is not enough
/// there (developer guide, "Add an AWS Lambda function target"). `role` is the ARN of the gateway's.
pub(super) fn statement_of_owner(stack: &Stack, role: &str, function: &FunctionArn) -> Option<String> {
    if function.account() == stack.caller.account {
        return None;
    }
    let statement = json!({
        "Sid": "AgentCoreGateway", "Effect": "Allow", "Principal": { "AWS": role },
        "Action": "lambda:InvokeFunction", "Resource": function.as_str(),
    });
    let account = function.account();
    Some(format!(
        "the function is of account {account}, whose owner must add this to its policy (`aws lambda add-permission`): {statement}"
    ))
}

/// Checks an endpoint: a gateway in AWS calls https only; one on this machine can also call what runs beside
/// it.
pub(super) fn check_endpoint(ctx: &Context, endpoint: &str) -> Result<Vec<String>, Error> {
    // terraform-provider-aws, `gateway_target_test.go`: "typically fails implicit tool sync".
    if endpoint.contains(".runtime.bedrock-agentcore.") {
        let error =
            Error::new(ErrorKind::InvalidInput, format!("{endpoint}: a gateway cannot list a runtime at its own host"));
        return Err(error.with_hint(
            "use https://bedrock-agentcore.REGION.amazonaws.com/runtimes/ARN/invocations, the runtime's ARN \
             percent-encoded, with `--iam-service bedrock-agentcore`",
        ));
    }
    if endpoint.starts_with("https://") {
        return Ok(Vec::new());
    }
    let host = endpoint.parse::<http::Uri>().ok().and_then(|url| url.host().map(str::to_owned)).unwrap_or_default();
    if ctx.settings.local && ["127.0.0.1", "localhost", "[::1]"].contains(&host.as_str()) {
        return Ok(vec![format!("{endpoint}: a gateway in AWS calls https only")]);
    }
    let error = Error::new(ErrorKind::InvalidInput, format!("{endpoint}: a gateway calls https only"));
    Err(error.with_hint("use the server's https address; with `--local`, http://127.0.0.1 will do"))
}

pub(super) fn check_region(region: &Region, arn: &FunctionArn) -> Result<(), Error> {
    if arn.region() == region.as_str() {
        return Ok(());
    }
    let message = format!("the function is in {}, and the gateway in {}", arn.region(), region);
    Err(Error::new(ErrorKind::InvalidInput, message).with_hint("a gateway calls functions of its own region only"))
}

/// Checks that a function exists, because a missing function could not be distinguished later from a permission
/// that has not propagated. If the caller may not read the function, it is taken to exist.
pub(super) async fn check_function(aws: &Aws, stack: &Stack, arn: &FunctionArn) -> Result<(), Error> {
    if arn.account() != stack.caller.account {
        return Ok(());
    }
    match lambda::find_function(aws, arn.as_str()).await {
        Ok(None) => Err(Error::new(ErrorKind::NotFound, format!("Lambda function not found: {arn}"))
            .with_hint("`aws lambda list-functions` shows the functions of the region")),
        Err(error) if error.class != Class::Denied => Err(error.into()),
        _ => Ok(()),
    }
}
