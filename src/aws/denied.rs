//! Reads from AWS's messages which permission is missing, and whose: AWS returns both only as text.

/// A missing permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    pub whose: Whose,
    /// As `service:Action`, if AWS names it.
    pub action: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Caller,
    /// The gateway's execution role.
    Role,
}

/// The text before an action: "… is not authorized to perform: iam:PassRole on resource …".
const PERFORMS: [&str; 2] = ["perform: ", "perform "];
/// Text that identifies the gateway's role: by name, or by the sessions that the gateway opens with it.
const ROLES: [&str; 4] = ["gateway execution role", "gateway role", "assumed-role/agw-", "mcp-iam-auth-session"];
/// Messages without an action, and the action that they are about. The first is about an MCP-server target with
/// a credential, whose provider AgentCore calls as the caller (each seen by one project).
const WITHOUT_ACTION: [(&str, &str); 2] = [
    ("failed to get api key from credential provider", "bedrock-agentcore:GetResourceApiKey"),
    ("lacks permission to invoke lambda function", "lambda:InvokeFunction"),
];

impl Denied {
    /// Reads an error's message or a `statusReasons` member; `None` if it is about something else.
    pub fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let action = PERFORMS.iter().find_map(|before| action(&text[lower.find(before)? + before.len()..]));
        let action = action.or_else(|| {
            let known = WITHOUT_ACTION.iter().find(|(words, _)| lower.contains(words));
            known.map(|(_, action)| (*action).to_owned())
        });
        let is_denied = lower.contains("not authorized") || lower.contains("lacks permission");
        // AgentCore reads an object in S3 as the caller, not as the role (tried by one user, aws/agentcore-cli#1241).
        let of_s3 = action.as_ref().is_some_and(|action| action.starts_with("s3:"));
        let whose = if ROLES.iter().any(|words| lower.contains(words)) && !of_s3 { Whose::Role } else { Whose::Caller };
        (is_denied && (action.is_some() || whose == Whose::Role)).then_some(Self { whose, action })
    }

    /// How to fix it.
    pub fn remedy(&self) -> String {
        let action = self.action.as_deref();
        match (self.whose, action) {
            (Whose::Caller, Some(action)) => {
                let more = needs_both_arns(action)
                    .then_some(", on the workload identity directory `default` and on all identities in it");
                let more = more.unwrap_or_default();
                format!("your identity lacks `{action}`{more}: ask for it, or choose another one with `--profile`")
            }
            (Whose::Role, Some(action)) => format!("the gateway's execution role lacks `{action}`: allow it that"),
            (_, None) => "look at the trust policy and the permissions of the gateway's execution role: \
                          `agentcore-gw get NAME` shows its ARN"
                .to_owned(),
        }
    }
}

/// Each denial names only one of the two ARNs (measured by one project with five gateways).
fn needs_both_arns(action: &str) -> bool {
    ["bedrock-agentcore:CreateWorkloadIdentity", "bedrock-agentcore:DeleteWorkloadIdentity"].contains(&action)
}

/// The action at the start of a text.
fn action(text: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let (service, rest) = text.split_once(':')?;
    let name: String = rest.chars().take_while(|c| is_part(*c)).collect();
    let good = !service.is_empty() && service.chars().all(is_part) && !name.is_empty();
    good.then(|| format!("{service}:{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_names_whose_right_is_missing_and_which() {
        for (text, whose, action) in [
            (
                "User: arn:aws:iam::1:user/x is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/BedrockAgentCore/agw-g",
                Whose::Caller,
                Some("iam:PassRole"),
            ),
            (
                "Failed to create gateway dependencies: User: arn:aws:sts::1:assumed-role/Dev/x is not authorized to perform: bedrock-agentcore:CreateWorkloadIdentity on resource: y",
                Whose::Caller,
                Some("bedrock-agentcore:CreateWorkloadIdentity"),
            ),
            (
                "User: arn:aws:sts::1:assumed-role/x/mcp-iam-auth-session is not authorized to perform: bedrock-agentcore:InvokeAgentRuntime on resource: y",
                Whose::Role,
                Some("bedrock-agentcore:InvokeAgentRuntime"),
            ),
            (
                "Gateway execution role lacks permission to invoke Lambda function arn:x. Update the permission and retry",
                Whose::Role,
                Some("lambda:InvokeFunction"),
            ),
            (
                "Gateway service is not authorized to perform AssumeRole on Gateway role. Update trust policy and retry",
                Whose::Role,
                None,
            ),
            (
                "You are not authorized to perform: secretsmanager:GetSecretValue (Service: AgentCredentialProvider, Status Code: 403)",
                Whose::Caller,
                Some("secretsmanager:GetSecretValue"),
            ),
            (
                "Failed to get API key from credential provider - not authorized",
                Whose::Caller,
                Some("bedrock-agentcore:GetResourceApiKey"),
            ),
            (
                "User: arn:aws:sts::1:assumed-role/agw-g/x is not authorized to perform: s3:GetObject on y",
                Whose::Caller,
                Some("s3:GetObject"),
            ),
        ] {
            let denied = Denied { whose, action: action.map(str::to_owned) };
            assert_eq!(Denied::read(text), Some(denied), "{text}");
        }
        for other in
            ["Failed to connect and fetch tools", "perform: ", "is not authorized to perform this", "İİİ perform İ"]
        {
            assert_eq!(Denied::read(other), None, "{other}");
        }
    }
}
