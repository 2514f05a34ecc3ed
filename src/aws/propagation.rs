//! Recognizes messages that mean "IAM has not propagated this yet". AWS has no error type for them. Callers
//! must know that a role or a policy was written only minutes ago: a role that lacks a permission permanently
//! causes messages of the same family.

use super::{
    Error,
    agentcore::ApiDocument,
    denied::{Denied, Whose},
};

/// Whether a call failed because its role or policy may not have propagated.
///
/// CreateGatewayTarget fails with "Gateway service is not authorized to perform AssumeRole on Gateway role.
/// Update trust policy and retry", or "Gateway execution role lacks permission to invoke Lambda function …"
/// (both in many public deploy scripts; terraform-provider-aws `gateway_target.go` retries the second). AWS's
/// own CLI retries any message of the family (aws/agentcore-cli `src/core/gatewayExecutionRole.ts`), and so
/// does this.
pub fn is_pending(error: &Error) -> bool {
    let message = error.message.to_lowercase();
    match (error.operation, error.code.as_deref().unwrap_or_default()) {
        ("CreateGateway" | "UpdateGateway" | "CreateGatewayTarget" | "UpdateGatewayTarget", "ValidationException") => {
            speaks_of_a_role(&message) || speaks_of_a_key(&message)
        }
        ("CreateGateway" | "UpdateGateway", "AccessDeniedException") => speaks_of_a_key(&message),
        // terraform-provider-aws `function.go` retries it.
        ("CreateFunction", "InvalidParameterValueException") => message.contains("cannot be assumed by lambda"),
        ("PutRolePolicy", "NoSuchEntity") => message.contains("cannot be found"),
        _ => false,
    }
}

/// The same for the `statusReasons` of a gateway or target that FAILED. An MCP server's authorization error is
/// about the role only if the role signs the requests.
pub fn is_pending_state(document: &ApiDocument) -> bool {
    let signs = document.0["credentialProviderConfigurations"][0]["credentialProviderType"] == "GATEWAY_IAM_ROLE";
    document.status_reasons().any(|reason| {
        // Waiting does not help if the caller lacks a permission.
        if Denied::read(reason).is_some_and(|denied| denied.whose == Whose::Caller) {
            return false;
        }
        let reason = reason.to_lowercase();
        speaks_of_a_role(&reason) || signs && MCP_SERVER.iter().any(|words| reason.contains(words))
    })
}

/// Whether the reason why a gateway or target FAILED may have passed since.
pub fn may_pass(document: &ApiDocument) -> bool {
    is_pending_state(document) || misses_discovery(document.status_reasons())
}

/// Whether a gateway FAILED because AgentCore could not fetch its issuer's OpenID document: a user pool's may
/// be missing for a short while after the pool was created (seen once, literally: "Failed to create gateway
/// dependencies: Failed to fetch discovery document from: https://cognito-idp…").
pub fn misses_discovery<'a>(mut reasons: impl Iterator<Item = &'a str>) -> bool {
    reasons.any(|reason| reason.contains("Failed to fetch discovery document"))
}

/// Status reasons of MCP servers that AWS hosts, while the role's policy propagates
/// (awslabs/nx-plugin-for-aws#1066; the second is about a session of that role).
const MCP_SERVER: &[&str] =
    &["authorization error when sending message", "is not authorized to perform: bedrock-agentcore:"];

/// "not authorized to perform kms:GenerateDataKey": CreateGateway with a key that the role was just allowed to
/// use (seen once, without its code).
fn speaks_of_a_key(text: &str) -> bool {
    text.contains("perform kms:") || text.contains("perform: kms:")
}

/// Whether a lower-case text is about a role, and about its permissions or who may assume it.
fn speaks_of_a_role(text: &str) -> bool {
    let is_of = ["assum", "trust", "lack", "missing", "permission", "authoriz"];
    text.contains("role") && is_of.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let failed_with = |credential: &str, reason: &str| {
            let credential = json!([{ "credentialProviderType": credential }]);
            ApiDocument(json!({ "statusReasons": [reason], "credentialProviderConfigurations": credential }))
        };
        let failed = |reason: &str| failed_with("GATEWAY_IAM_ROLE", reason);
        let message = "Error - Authorization error when sending message";
        assert!(is_pending_state(&failed(message)) && !is_pending_state(&failed_with("API_KEY", message)));
        for reason in [
            "Failed to connect and fetch tools from the provided MCP target server. Error - Authorization error when sending message",
            "User: arn:aws:sts::1:assumed-role/x/mcp-iam-auth-session is not authorized to perform: bedrock-agentcore:InvokeAgentRuntime on resource: y",
            "Gateway service is not authorized to perform AssumeRole on Gateway role. Update trust policy and retry",
        ] {
            assert!(is_pending_state(&failed(reason)), "{reason}");
        }
        for reason in [
            "Failed to connect and fetch tools from the provided MCP target server",
            "Failed to create gateway dependencies: User: arn:aws:sts::1:assumed-role/Dev/x is not authorized to perform: bedrock-agentcore:CreateWorkloadIdentity on resource: y",
        ] {
            assert!(!is_pending_state(&failed(reason)), "{reason}");
        }
    }
}
