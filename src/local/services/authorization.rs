//! What a caller must be allowed, where policies of callers are enforced: for each call the actions and resources of AWS's
//! service authorization reference, and what AWS does in the caller's name.
//!
//! The latter is from denials that named the action (workload identities, token vaults, secrets of providers,
//! `SynchronizeGatewayTargets`), CloudWatch Logs user guide, "Logging that requires additional permissions (V2)" and
//! "Traces sent to X-Ray", and IAM user guide, "Granting a user permissions to pass a role to an AWS service".

use axum::http::StatusCode;
use serde_json::Value;

use super::{ACCOUNT, Service, State};
use crate::{
    local::wire::{Protocol, WireError},
    model::policy::evaluate::{Request, Verdict, evaluate},
};

/// The only caller, as STS names it.
const CALLER: &str = "arn:aws:iam::000000000000:root";

/// What a call needs.
struct Demand {
    action: String,
    resource: String,
    /// The service that a role is passed to.
    passed_to: Option<&'static str>,
    /// The action, if the call succeeds without it, and what it began fails later.
    late_action: Option<&'static str>,
}

/// The policies of all callers.
#[derive(Debug)]
pub(crate) struct CallerPolicies(Vec<String>);

impl CallerPolicies {
    pub(crate) fn new(documents: Vec<String>) -> Self {
        Self(documents)
    }

    /// The action that the caller lacks for what the call begins, if there is one.
    ///
    /// # Errors
    /// If the caller may not make the call.
    pub(crate) fn check(
        &self,
        state: &State,
        service: &Service,
        (operation, input, region): (&str, &Value, &str),
    ) -> Result<Option<&'static str>, WireError> {
        let call = Asked { state, operation, input, region };
        for demand in call.demands(service.scope) {
            match self.refuses(&demand, region) {
                None => {}
                Some(_) if demand.late_action.is_some() => return Ok(demand.late_action),
                Some(message) => return Err(refusal(service, message)),
            }
        }
        Ok(None)
    }

    /// Why a caller may not do it, if that is so.
    fn refuses(&self, demand: &Demand, region: &str) -> Option<String> {
        let mut context = vec![
            ("aws:principalaccount", ACCOUNT),
            ("aws:principalarn", CALLER),
            ("aws:resourceaccount", ACCOUNT),
            ("aws:requestedregion", region),
            ("aws:securetransport", "false"),
        ];
        context.extend(demand.passed_to.map(|service| ("iam:passedtoservice", service)));
        let (action, resource) = (demand.action.as_str(), demand.resource.as_str());
        let request = Request { action, resource: Some(resource), principal: None, context: &context };
        let why = match evaluate(self.0.iter().map(String::as_str), &request) {
            Verdict::Allow => return None,
            Verdict::ExplicitDeny => "with an explicit deny in an identity-based policy".to_owned(),
            Verdict::ImplicitDeny => format!("because no identity-based policy allows the {action} action"),
        };
        // The sentence: IAM user guide, "Troubleshoot access denied error messages".
        Some(format!("User: {CALLER} is not authorized to perform: {action} on resource: {resource} {why}"))
    }

    /// Why a caller who signs may not call a gateway, if that is so.
    pub(crate) fn refuses_invoking(&self, gateway_arn: &str, region: &str) -> Option<String> {
        self.refuses(&demand("bedrock-agentcore:InvokeGateway", gateway_arn.to_owned()), region)
    }
}

fn refusal(service: &Service, message: String) -> WireError {
    match service.protocol {
        Protocol::Json11 => WireError::new(StatusCode::BAD_REQUEST, "AccessDeniedException", message),
        Protocol::RestJson => WireError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message),
        Protocol::Query { .. } | Protocol::RestXml => WireError::new(StatusCode::FORBIDDEN, "AccessDenied", message),
    }
}

/// A call.
struct Asked<'a> {
    state: &'a State,
    operation: &'a str,
    input: &'a Value,
    region: &'a str,
}

impl Asked<'_> {
    fn text(&self, member: &str) -> &str {
        self.input[member].as_str().unwrap_or_default()
    }

    fn has(&self, member: &str) -> bool {
        !self.input[member].is_null()
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{ACCOUNT}:{resource}", self.region)
    }

    /// The ARN of a secret, which is named by its ARN or its name.
    fn secret(&self) -> String {
        match self.text("SecretId") {
            arn if arn.starts_with("arn:") => arn.to_owned(),
            "" => self.arn("secretsmanager", &format!("secret:{}-AbCdEf", self.text("Name"))),
            name => self.arn("secretsmanager", &format!("secret:{name}-AbCdEf")),
        }
    }

    fn demands(&self, scope: &str) -> Vec<Demand> {
        match scope {
            "bedrock-agentcore" => self.of_agentcore(),
            "cognito-idp" => self.of_cognito(),
            "iam" => self.of_iam(),
            "lambda" => self.of_lambda(),
            "logs" => self.of_logs(),
            "s3" => self.of_s3(),
            "secretsmanager" => vec![self.itself("secretsmanager", self.secret())],
            // Everybody may ask who they are (STS API reference, GetCallerIdentity).
            "sts" => Vec::new(),
            other => vec![self.itself(other, "*".to_owned())],
        }
    }

    /// The action of the operation's own name.
    fn itself(&self, service: &str, resource: String) -> Demand {
        demand(&format!("{service}:{}", self.operation), resource)
    }

    fn of_agentcore(&self) -> Vec<Demand> {
        const SERVICE: &str = "bedrock-agentcore";
        let arn = |resource: &str| self.arn(SERVICE, resource);
        // An id, or an ARN.
        let id = self.text("gatewayIdentifier");
        let gateway = || if id.starts_with("arn:") { id.to_owned() } else { arn(&format!("gateway/{id}")) };
        let action = |name: &str, resource: String| demand(&format!("{SERVICE}:{name}"), resource);
        let identities = |name: &'static str| {
            let directory = "workload-identity-directory/default";
            [arn(directory), arn(&format!("{directory}/workload-identity/x"))]
                .map(|resource| Demand { late_action: Some(name), ..action(name, resource) })
        };
        let passes = || pass_role(self.text("roleArn"), "bedrock-agentcore.amazonaws.com");
        let mut demands = Vec::new();
        match self.operation {
            "CreateGateway" => {
                demands.extend([self.itself(SERVICE, "*".to_owned()), passes()]);
                if self.has("tags") {
                    demands.push(action("TagResource", arn("gateway/x")));
                }
                demands.extend(identities("CreateWorkloadIdentity"));
            }
            "UpdateGateway" => demands.extend([self.itself(SERVICE, gateway()), passes()]),
            "DeleteGateway" => {
                demands.push(self.itself(SERVICE, gateway()));
                demands.extend(identities("DeleteWorkloadIdentity"));
            }
            // The reference has no resource for the first, and gateways for the second, which was denied for anything but
            // `*` (one project's CDK construct).
            "ListGateways" | "ListGatewayTargets" => demands.push(self.itself(SERVICE, "*".to_owned())),
            "CreateGatewayTarget" | "UpdateGatewayTarget" | "DeleteGatewayTarget" => {
                demands.extend([self.itself(SERVICE, gateway()), action("SynchronizeGatewayTargets", gateway())]);
            }
            "TagResource" | "UntagResource" | "ListTagsForResource" => {
                demands.push(self.itself(SERVICE, self.text("resourceArn").to_owned()));
            }
            name if name.contains("CredentialProvider") => self.of_providers(&mut demands),
            _ => demands.push(self.itself(SERVICE, gateway())),
        }
        demands
    }

    fn of_providers(&self, demands: &mut Vec<Demand>) {
        const SERVICE: &str = "bedrock-agentcore";
        let vault = self.arn(SERVICE, "token-vault/default");
        let (kind, folder) = if self.operation.contains("ApiKey") {
            ("apikeycredentialprovider", "apikey")
        } else {
            ("oauth2credentialprovider", "oauth2")
        };
        demands.push(self.itself(SERVICE, vault.clone()));
        if self.operation.starts_with("List") {
            return;
        }
        let name = self.text("name");
        let secret =
            self.arn("secretsmanager", &format!("secret:bedrock-agentcore-identity!default/{folder}/{name}-AbCdEf"));
        let secrets = |actions: &[&str]| -> Vec<Demand> {
            actions.iter().map(|action| demand(&format!("secretsmanager:{action}"), secret.clone())).collect()
        };
        let provider = format!("{vault}/{kind}/{name}");
        if self.has("tags") {
            demands.push(demand("bedrock-agentcore:TagResource", provider.clone()));
        }
        demands.push(self.itself(SERVICE, provider));
        if self.operation.starts_with("Create") {
            demands.push(demand("bedrock-agentcore:CreateTokenVault", vault.clone()));
            demands.push(demand("bedrock-agentcore:GetTokenVault", vault));
            demands.extend(secrets(&["CreateSecret", "PutSecretValue", "TagResource", "DescribeSecret"]));
        } else if self.operation.starts_with("Update") {
            demands.extend(secrets(&["UpdateSecret", "PutSecretValue", "DescribeSecret"]));
        } else if self.operation.starts_with("Delete") {
            demands.extend(secrets(&["DeleteSecret"]));
        }
    }

    fn of_cognito(&self) -> Vec<Demand> {
        const SERVICE: &str = "cognito-idp";
        let pool = |id: &str| self.arn(SERVICE, &format!("userpool/{id}"));
        match self.operation {
            "CreateUserPool" => {
                let tags = self.has("UserPoolTags").then(|| demand("cognito-idp:TagResource", pool("x")));
                [Some(self.itself(SERVICE, "*".to_owned())), tags].into_iter().flatten().collect()
            }
            "ListUserPools" | "DescribeUserPoolDomain" => vec![self.itself(SERVICE, "*".to_owned())],
            "TagResource" | "UntagResource" | "ListTagsForResource" => {
                vec![self.itself(SERVICE, self.text("ResourceArn").to_owned())]
            }
            _ => vec![self.itself(SERVICE, pool(self.text("UserPoolId")))],
        }
    }

    fn of_iam(&self) -> Vec<Demand> {
        let name = self.text("RoleName");
        // A role that is not there has no path.
        let existing = self.state.iam.role_arn(name).map(str::to_owned);
        let role = existing.unwrap_or_else(|| format!("arn:aws:iam::{ACCOUNT}:role/{name}"));
        match self.operation {
            "CreateRole" => {
                let path = if self.has("Path") { self.text("Path") } else { "/" };
                let role = format!("arn:aws:iam::{ACCOUNT}:role{path}{name}");
                let tags = self.has("Tags").then(|| demand("iam:TagRole", role.clone()));
                [Some(self.itself("iam", role)), tags].into_iter().flatten().collect()
            }
            "ListRoles" | "ListPolicies" => vec![self.itself("iam", "*".to_owned())],
            _ if self.has("RoleName") => vec![self.itself("iam", role)],
            _ if self.has("PolicyArn") => vec![self.itself("iam", self.text("PolicyArn").to_owned())],
            _ => vec![self.itself("iam", format!("arn:aws:iam::{ACCOUNT}:policy/{}", self.text("PolicyName")))],
        }
    }

    fn of_lambda(&self) -> Vec<Demand> {
        const SERVICE: &str = "lambda";
        let name = self.text("FunctionName");
        let function =
            if name.starts_with("arn:") { name.to_owned() } else { self.arn(SERVICE, &format!("function:{name}")) };
        match self.operation {
            "ListFunctions" => vec![self.itself(SERVICE, "*".to_owned())],
            "Invoke" => vec![demand("lambda:InvokeFunction", function)],
            "ListTags" | "TagResource" | "UntagResource" => {
                vec![self.itself(SERVICE, self.text("Resource").to_owned())]
            }
            "CreateFunction" => {
                let tags = self.has("Tags").then(|| demand("lambda:TagResource", function.clone()));
                let role = pass_role(self.text("Role"), "lambda.amazonaws.com");
                [Some(self.itself(SERVICE, function)), Some(role), tags].into_iter().flatten().collect()
            }
            "UpdateFunctionConfiguration" if self.has("Role") => {
                vec![self.itself(SERVICE, function), pass_role(self.text("Role"), "lambda.amazonaws.com")]
            }
            _ => vec![self.itself(SERVICE, function)],
        }
    }

    fn of_logs(&self) -> Vec<Demand> {
        const SERVICE: &str = "logs";
        let arn = |kind: &str, name: &str| self.arn(SERVICE, &format!("{kind}:{name}"));
        let group = match (self.text("logGroupName"), self.text("logGroupIdentifier")) {
            ("", named) if named.starts_with("arn:") => named.to_owned(),
            ("", name) | (name, _) => arn("log-group", name),
        };
        // Denials name a group with its streams, such as `log-group:NAME:log-stream:`.
        let group = format!("{group}:log-stream:");
        let itself = |resource: String| self.itself(SERVICE, resource);
        let tags = |resource: String| self.has("tags").then(|| demand("logs:TagResource", resource));
        let (source, destination) =
            (arn("delivery-source", self.text("name")), arn("delivery-destination", self.text("name")));
        match self.operation {
            "DescribeLogGroups" | "DescribeDeliverySources" | "DescribeDeliveryDestinations" | "DescribeDeliveries" => {
                vec![itself("*".to_owned())]
            }
            "CreateLogGroup" => [Some(itself(group.clone())), tags(group)].into_iter().flatten().collect(),
            "TagResource" | "UntagResource" | "ListTagsForResource" => {
                vec![itself(self.text("resourceArn").to_owned())]
            }
            "PutDeliverySource" => {
                let resource = self.text("resourceArn").to_owned();
                let vended = demand("bedrock-agentcore:AllowVendedLogDeliveryForResource", resource);
                [Some(itself(source.clone())), Some(vended), tags(source)].into_iter().flatten().collect()
            }
            "PutDeliveryDestination" => {
                let mut demands = vec![itself(destination.clone())];
                demands.extend(tags(destination));
                if self.has("deliveryDestinationConfiguration") {
                    let actions = ["logs:DescribeResourcePolicies", "logs:PutResourcePolicy"];
                    demands.extend(actions.map(|action| demand(action, self.arn(SERVICE, "*"))));
                } else {
                    let actions =
                        ["xray:ListResourcePolicies", "xray:PutResourcePolicy", "xray:GetTraceSegmentDestination"];
                    demands.extend(actions.map(|action| demand(action, "*".to_owned())));
                }
                demands
            }
            "CreateDelivery" => {
                let delivery = arn("delivery", "x");
                let source = arn("delivery-source", self.text("deliverySourceName"));
                let ends = [source, self.text("deliveryDestinationArn").to_owned(), delivery.clone()];
                ends.map(itself).into_iter().chain(tags(delivery)).collect()
            }
            "GetDelivery" | "DeleteDelivery" => vec![itself(arn("delivery", self.text("id")))],
            name if name.contains("DeliverySource") => vec![itself(source)],
            name if name.contains("DeliveryDestination") => vec![itself(destination)],
            _ => vec![itself(group)],
        }
    }

    /// Actions of objects and buckets: Amazon S3 user guide, "Required permissions for Amazon S3 API operations".
    fn of_s3(&self) -> Vec<Demand> {
        let bucket = format!("arn:aws:s3:::{}", self.text("Bucket"));
        let object = format!("{bucket}/{}", self.text("Key"));
        vec![match self.operation {
            "ListBuckets" => demand("s3:ListAllMyBuckets", "*".to_owned()),
            "HeadBucket" | "ListObjectsV2" => demand("s3:ListBucket", bucket),
            "HeadObject" => demand("s3:GetObject", object),
            "GetObject" | "PutObject" | "DeleteObject" => self.itself("s3", object),
            _ => self.itself("s3", bucket),
        }]
    }
}

fn pass_role(role_arn: &str, passed_to: &'static str) -> Demand {
    Demand { passed_to: Some(passed_to), ..demand("iam:PassRole", role_arn.to_owned()) }
}

fn demand(action: &str, resource: String) -> Demand {
    Demand { action: action.to_owned(), resource, passed_to: None, late_action: None }
}
