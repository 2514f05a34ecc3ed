//! Words that mean "IAM has not heard of this yet". AWS gives them no error type of their own; everything else in this
//! program matches modelled errors. Who asks knows that a role or a policy may have been written minutes ago: words of
//! this family are also those of a role that lacks something for good.

use super::Error;

/// Whether a call failed as one does whose role or policy is too fresh.
///
/// The sentence of CreateGatewayTarget is "Gateway service is not authorized to perform AssumeRole on Gateway role.
/// Update trust policy and retry", or "Gateway execution role lacks permission to invoke Lambda function …" (both in
/// many public deploy scripts; terraform-provider-aws `gateway_target.go` waits for the second). AWS's own CLI tries
/// anything of the family again (aws/agentcore-cli `src/core/gatewayExecutionRole.ts`), and so does this.
pub fn is_pending(error: &Error) -> bool {
    let message = error.message.to_lowercase();
    match (error.operation, error.code.as_deref().unwrap_or_default()) {
        ("CreateGateway" | "UpdateGateway" | "CreateGatewayTarget" | "UpdateGatewayTarget", "ValidationException") => {
            speaks_of_a_role(&message) || speaks_of_a_key(&message)
        }
        ("CreateGateway" | "UpdateGateway", "AccessDeniedException") => speaks_of_a_key(&message),
        // terraform-provider-aws `function.go` waits for it.
        ("CreateFunction", "InvalidParameterValueException") => message.contains("cannot be assumed by lambda"),
        ("PutRolePolicy", "NoSuchEntity") => message.contains("cannot be found"),
        _ => false,
    }
}

/// The same question of the `statusReasons` of a gateway or target that FAILED.
pub fn is_pending_status<'a>(mut reasons: impl Iterator<Item = &'a str>) -> bool {
    reasons.any(|reason| {
        let reason = reason.to_lowercase();
        speaks_of_a_role(&reason) || MCP_SERVER.iter().any(|words| reason.contains(words))
    })
}

/// Whether a gateway FAILED because the service could not get the OpenID document of its issuer: a user pool's may be
/// missing for a short while after the pool was made (seen once, literally: "Failed to create gateway dependencies:
/// Failed to fetch discovery document from: https://cognito-idp…").
pub fn misses_discovery<'a>(mut reasons: impl Iterator<Item = &'a str>) -> bool {
    reasons.any(|reason| reason.contains("Failed to fetch discovery document"))
}

/// What an MCP server that AWS runs is said to have answered while the role's policy spreads
/// (awslabs/nx-plugin-for-aws#1066; the second is of a session of that role).
const MCP_SERVER: &[&str] =
    &["authorization error when sending message", "is not authorized to perform: bedrock-agentcore:"];

/// "not authorized to perform kms:GenerateDataKey": CreateGateway with a key whose use the role was just allowed (seen
/// once, without its code).
fn speaks_of_a_key(text: &str) -> bool {
    text.contains("perform kms:") || text.contains("perform: kms:")
}

/// Of a lower-case text: whether it is of a role, and of what that may do or who may assume it.
fn speaks_of_a_role(text: &str) -> bool {
    let is_of = ["assum", "trust", "lack", "missing", "permission", "authoriz"];
    text.contains("role") && is_of.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::error::Class;

    #[test]
    fn what_aws_says_of_a_fresh_role_is_known_and_other_faults_are_not() {
        let of = |operation, code: &str, message: &str| {
            let mut error = Error::unexpected("bedrock-agentcore-control", operation, message);
            error.class = Class::Other;
            error.code = Some(code.to_owned());
            message.clone_into(&mut error.message);
            is_pending(&error)
        };
        let assume =
            "Gateway service is not authorized to perform AssumeRole on Gateway role. Update trust policy and retry";
        for operation in ["CreateGateway", "UpdateGateway", "CreateGatewayTarget", "UpdateGatewayTarget"] {
            assert!(of(operation, "ValidationException", assume), "{operation}");
            assert!(!of(operation, "ConflictException", assume), "{operation}");
        }
        let invoke =
            "Gateway execution role lacks permission to invoke Lambda function arn:x. Update the permission and retry";
        assert!(of("CreateGatewayTarget", "ValidationException", invoke));
        assert!(!of("CreateGatewayTarget", "ValidationException", "Found 1 validation error(s) in OpenAPI schema"));
        assert!(!of("GetGateway", "ValidationException", assume));
        let key = "not authorized to perform kms:GenerateDataKey";
        assert!(of("CreateGateway", "ValidationException", key) && of("CreateGateway", "AccessDeniedException", key));
        let caller =
            "User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: bedrock-agentcore:CreateGateway";
        assert!(!of("CreateGateway", "AccessDeniedException", caller));
        let lambda = "The role defined for the function cannot be assumed by Lambda.";
        assert!(of("CreateFunction", "InvalidParameterValueException", lambda));
        assert!(of("PutRolePolicy", "NoSuchEntity", "The role with name x cannot be found."));
    }

    #[test]
    fn a_failed_target_may_be_failed_for_a_fresh_policy() {
        for reason in [
            "Failed to connect and fetch tools from the provided MCP target server. Error - Authorization error when sending message",
            "User: arn:aws:sts::1:assumed-role/x/mcp-iam-auth-session is not authorized to perform: bedrock-agentcore:InvokeAgentRuntime on resource: y",
            "Gateway service is not authorized to perform AssumeRole on Gateway role. Update trust policy and retry",
        ] {
            assert!(is_pending_status(std::iter::once(reason)), "{reason}");
        }
        assert!(!is_pending_status(std::iter::once(
            "Failed to connect and fetch tools from the provided MCP target server"
        )));
    }
}
