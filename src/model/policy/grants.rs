//! What the gateway's role is allowed for the targets that the user supplied, and what it was allowed.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{allow, gateway_grants, policy, texts};
use crate::model::{document::Document, finding::Reading, naming::StackNames, smithy::Model, target::TargetKind};

/// The execution role's permissions for what the user supplied, one policy per kind, by its name. Each policy
/// is rewritten as a whole: `targets` are the documents of all targets, and `allowed` returns what the user
/// named for one ([`Configured::allowed`](crate::model::spec::Configured::allowed)).
pub fn grants<'a>(
    names: &StackNames,
    account: &str,
    targets: impl Iterator<Item = &'a Value>,
    allowed: impl Fn(&str) -> Option<Vec<String>>,
) -> BTreeMap<&'static str, Value> {
    let mut needs = Needs::default();
    // In one order, whichever the targets come in.
    let mut targets: Vec<&Value> = targets.collect();
    targets.sort_by_key(|target| target["name"].as_str());
    for target in targets {
        needs.add(Place { names, account, target }, &allowed);
    }
    needs.into_policies(names, account)
}

/// A permission that the gateway's role needs for a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub action: String,
    /// An ARN, perhaps with wildcards.
    pub pattern: String,
    /// The ARN; `None` if it is not known.
    pub resource: Option<String>,
}

/// What the gateway's role needs for a target, whoever made what the target uses. Objects in S3 are not in it: AgentCore
/// reads them as the caller (tried by one user, aws/agentcore-cli#1241).
pub fn needs(
    names: &StackNames,
    account: &str,
    gateway_id: &str,
    target: &Value,
    allowed: Option<Vec<String>>,
) -> BTreeSet<Need> {
    let mut needs = Needs { with_own: true, ..Needs::default() };
    needs.add(Place { names, account, target }, &|_: &str| allowed.clone());
    needs.objects.clear();
    needs_of(names, gateway_id, &needs.into_policies(names, account))
}

/// What the gateway's role needs for the gateway's own settings.
pub fn gateway_needs(names: &StackNames, account: &str, gateway_id: &str, gateway: &Value) -> BTreeSet<Need> {
    needs_of(names, gateway_id, &gateway_grants(names, account, std::iter::once(gateway)))
}

/// What policies of ours allow.
fn needs_of(names: &StackNames, gateway_id: &str, policies: &BTreeMap<&'static str, Value>) -> BTreeSet<Need> {
    let this_gateway = format!("{}-??????????", names.lower_gateway());
    // The rest of a pattern, such as the end of a secret's name, is not known.
    let known = |resource: &str| Some(resource.replace(&this_gateway, gateway_id)).filter(|it| !it.contains('*'));
    let statements = policies.values().filter_map(|policy| policy["Statement"].as_array()).flatten();
    let of_statement = |statement: &Value| -> Vec<Need> {
        let (actions, resources) = (texts(&statement["Action"]), texts(&statement["Resource"]));
        let of = |action: &String| {
            let need = |resource: &String| Need {
                action: action.clone(),
                pattern: resource.clone(),
                resource: known(resource),
            };
            resources.iter().map(need).collect::<Vec<_>>()
        };
        actions.iter().flat_map(of).collect()
    };
    statements.flat_map(of_statement).collect()
}

/// A target of a stack's gateway, in an account.
#[derive(Clone, Copy)]
struct Place<'a> {
    names: &'a StackNames,
    account: &'a str,
    target: &'a Value,
}

impl<'a> Place<'a> {
    fn mcp(self) -> &'a Value {
        &self.target["targetConfiguration"]["mcp"]
    }

    fn credential(self) -> &'a Value {
        &self.target["credentialProviderConfigurations"][0]
    }

    fn name(self) -> &'a str {
        self.target["name"].as_str().unwrap_or_default()
    }

    fn partition(self) -> &'static str {
        self.names.region.partition().name
    }

    /// Whether the gateway's role signs the target's calls.
    fn is_by_role(self) -> bool {
        self.credential()["credentialProviderType"] == "GATEWAY_IAM_ROLE"
    }
}

/// What all targets together need: ARNs of what the role may read or call, and statements for single targets.
#[derive(Default)]
struct Needs {
    /// Whether what the stack made itself counts, too: the base policy covers that.
    with_own: bool,
    functions: BTreeSet<String>,
    objects: BTreeSet<String>,
    api_keys: BTreeSet<String>,
    clients: BTreeSet<String>,
    services: Vec<Value>,
    rest_apis: Vec<Value>,
    servers: Vec<Value>,
    signed: Vec<Value>,
}

impl Needs {
    fn add(&mut self, place: Place<'_>, allowed: &impl Fn(&str) -> Option<Vec<String>>) {
        self.add_schema(place);
        match TargetKind::of(place.mcp()) {
            Some(TargetKind::Lambda) => self.add_function(place),
            Some(kind) if place.is_by_role() => self.add_by_role(kind, place, allowed),
            None => self.add_other(place, allowed),
            Some(_) => {}
        }
        self.add_signed(place, allowed);
        self.add_provider(place);
    }

    /// A function. The sample's is in the base policy.
    fn add_function(&mut self, place: Place<'_>) {
        let function = place.mcp()[TargetKind::Lambda.member()]["lambdaArn"].as_str();
        let counts = |arn: &&str| !arn.is_empty() && (self.with_own || !place.names.is_function_arn(arn));
        self.functions.extend(function.filter(counts).map(str::to_owned));
    }

    /// A schema in S3.
    fn add_schema(&mut self, place: Place<'_>) {
        let [lambda, api, service] =
            [TargetKind::Lambda, TargetKind::OpenApi, TargetKind::Smithy].map(|kind| &place.mcp()[kind.member()]);
        for schema in [&lambda["toolSchema"], api, service] {
            let object = schema["s3"]["uri"].as_str().and_then(|uri| uri.strip_prefix("s3://"));
            self.objects.extend(object.map(|object| format!("arn:{}:s3:::{object}", place.partition())));
        }
    }

    /// What the role calls itself.
    fn add_by_role(&mut self, kind: TargetKind, place: Place<'_>, allowed: impl Fn(&str) -> Option<Vec<String>>) {
        let (sid, configuration) = (place.names.statement_of(place.name()), &place.mcp()[kind.member()]);
        match kind {
            TargetKind::Smithy => {
                let actions = allowed(place.name()).unwrap_or_else(|| inline_actions(place.name(), configuration));
                let statement = json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": "*" });
                self.services.extend((!actions.is_empty()).then_some(statement));
            }
            TargetKind::ApiGateway => self
                .rest_apis
                .extend(methods(place, configuration).map(|methods| allow(&sid, "execute-api:Invoke", vec![methods]))),
            TargetKind::McpServer => {
                let endpoint = configuration["endpoint"].as_str().unwrap_or_default();
                let invoked = agentcore_resource(place, endpoint);
                self.servers.extend(invoked.map(|(action, resources)| allow(&sid, action, resources)));
            }
            TargetKind::Lambda | TargetKind::OpenApi => {}
        }
    }

    /// A kind that this program passes on: a runtime, which the role calls, and the actions that the user named.
    fn add_other(&mut self, place: Place<'_>, allowed: impl Fn(&str) -> Option<Vec<String>>) {
        let sid = place.names.statement_of(place.name());
        let runtime = place.target["targetConfiguration"]["http"]["agentcoreRuntime"]["arn"].as_str();
        if let Some(arn) = runtime.filter(|_| place.is_by_role()) {
            let resources = vec![arn.to_owned(), format!("{arn}/runtime-endpoint/*")];
            self.servers.push(allow(&sid, "bedrock-agentcore:InvokeAgentRuntime", resources));
        }
        let actions = allowed(place.name()).unwrap_or_default();
        let statement = json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": "*" });
        self.services.extend((!actions.is_empty()).then_some(statement));
    }

    /// What the role signs for against an address.
    fn add_signed(&mut self, place: Place<'_>, allowed: impl Fn(&str) -> Option<Vec<String>>) {
        if let Some(service) = signed_service(place.target) {
            let resources = resources(place, service, allowed(place.name()));
            self.signed.extend(signed_statements(&place.names.statement_of(place.name()), service, resources));
        }
    }

    /// A credential provider that the stack does not own: the base policy covers its own ones.
    fn add_provider(&mut self, place: Place<'_>) {
        let provider = &place.credential()["credentialProvider"];
        let with_own = self.with_own;
        let is_own =
            |arn: &str| !with_own && arn.rsplit('/').next().is_some_and(|name| place.names.owns_provider(name));
        let into = [("apiKeyCredentialProvider", &mut self.api_keys), ("oauthCredentialProvider", &mut self.clients)];
        for (member, into) in into {
            let arn = provider[member]["providerArn"].as_str().filter(|arn| !arn.is_empty() && !is_own(arn));
            into.extend(arn.map(str::to_owned));
        }
    }

    fn into_policies(self, names: &StackNames, account: &str) -> BTreeMap<&'static str, Value> {
        let one = |sid: &str, action: &str, resources: BTreeSet<String>| {
            let statement = || policy(vec![allow(sid, action, resources.iter().cloned().collect())]);
            (!resources.is_empty()).then(statement)
        };
        let provider = |action: &str, folder: &str, arns: &BTreeSet<String>| {
            (!arns.is_empty()).then(|| provider_policy(names, account, (action, folder), arns))
        };
        let several = |statements: Vec<Value>| (!statements.is_empty()).then(|| policy(statements));
        let policies = [
            ("lambda", one("InvokeFunctionsOfTargets", "lambda:InvokeFunction", self.functions)),
            ("s3", one("ReadSchemasOfTargets", "s3:GetObject", self.objects)),
            ("api-key", provider("bedrock-agentcore:GetResourceApiKey", "apikey", &self.api_keys)),
            ("oauth", provider("bedrock-agentcore:GetResourceOauth2Token", "oauth2", &self.clients)),
            ("smithy", several(self.services)),
            ("api-gateway", several(self.rest_apis)),
            ("mcp-server", several(self.servers)),
            ("iam-service", several(self.signed)),
        ];
        policies.into_iter().filter_map(|(name, policy)| Some((name, policy?))).collect()
    }
}

/// The permissions for credential providers: the gateway's own workload identity gets a token, and with it the
/// provider's secret.
fn provider_policy(
    names: &StackNames,
    account: &str,
    (action, folder): (&str, &str),
    arns: &BTreeSet<String>,
) -> Value {
    let (partition, region) = (names.region.partition().name, &names.region);
    let identity = format!("arn:{partition}:bedrock-agentcore:{region}:{account}");
    let directory = format!("{identity}:workload-identity-directory/default");
    let this_gateway = format!("{directory}/workload-identity/{}-??????????", names.lower_gateway());
    let place = format!("arn:{partition}:secretsmanager:{region}:{account}:secret:bedrock-agentcore-identity!default");
    let secrets = arns.iter().filter_map(|arn| arn.rsplit('/').next());
    let secrets = secrets.map(|name| format!("{place}/{folder}/{name}-*")).collect();
    let identities = vec![directory.clone(), this_gateway.clone()];
    let mut resources: Vec<String> = arns.iter().cloned().collect();
    resources.extend([format!("{identity}:token-vault/default"), directory, this_gateway]);
    policy(vec![
        allow("WorkloadIdentity", "bedrock-agentcore:GetWorkloadAccessToken", identities),
        allow("CredentialProvidersOfTargets", action, resources),
        allow("SecretsOfTheseProviders", "secretsmanager:GetSecretValue", secrets),
    ])
}

/// The methods of a stage of API Gateway.
fn methods(place: Place<'_>, configuration: &Value) -> Option<String> {
    let (api, stage) = (configuration["restApiId"].as_str()?, configuration["stage"].as_str()?);
    let (partition, region, account) = (place.partition(), &place.names.region, place.account);
    Some(format!("arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/*/*"))
}

/// What the user named for a target ([`Configured::allowed`](crate::model::spec::Configured::allowed)), read back
/// from the role's policies.
pub fn granted(names: &StackNames, grants: &BTreeMap<&'static str, Value>, target: &str) -> Option<Vec<String>> {
    let sid = names.statement_of(target);
    let read = |policy: &str, member: &str| {
        let statements = grants.get(policy)?["Statement"].as_array()?;
        let statement = statements.iter().find(|statement| statement["Sid"] == sid.as_str())?;
        Some(texts(&statement[member]))
    };
    read("smithy", "Action").or_else(|| read("iam-service", "Resource"))
}

/// The service that a target's requests are signed for with the gateway's role, if the target's address may not
/// determine the permission. For a target that is passed on, the user names actions.
fn signed_service(target: &Value) -> Option<&str> {
    let credential = &target["credentialProviderConfigurations"][0];
    let is_by_role = credential["credentialProviderType"] == "GATEWAY_IAM_ROLE";
    let is_known = TargetKind::of(&target["targetConfiguration"]["mcp"]).is_some();
    let service = credential["credentialProvider"]["iamCredentialProvider"]["service"].as_str()?;
    (is_by_role && is_known && [EXECUTE_API, LAMBDA].contains(&service)).then_some(service)
}

/// Whether what the role may do for a target is, or may be, what the user named, so that it is read back from the role's
/// policies.
pub fn is_granted_by_name(target: &Value) -> bool {
    let is_smithy = matches!(TargetKind::of(&target["targetConfiguration"]["mcp"]), Some(TargetKind::Smithy) | None);
    let credential = &target["credentialProviderConfigurations"][0]["credentialProviderType"];
    is_smithy && credential == "GATEWAY_IAM_ROLE" || signed_service(target).is_some()
}

const EXECUTE_API: &str = "execute-api";
const LAMBDA: &str = "lambda";

/// The service of a target whose permission follows neither from its address nor from `allowed`; otherwise
/// `None`.
pub fn unknown_resource<'a>(
    names: &StackNames,
    account: &str,
    target: &'a Value,
    allowed: &[String],
) -> Option<&'a str> {
    let service = signed_service(target)?;
    let place = Place { names, account, target };
    // An address without TLS is local, as with the local AWS, and involves no IAM.
    let addresses = addresses(place.mcp());
    let is_here = !addresses.is_empty() && addresses.iter().all(|address| address.starts_with("http://"));
    let is_known = is_here || !resources(place, service, Some(allowed.to_vec())).is_empty();
    (!is_known).then_some(service)
}

/// The resources that the role may call: those that were named, else the API Gateway REST and HTTP APIs of the
/// addresses, with all of their stages. A function's URL does not identify the function.
fn resources(place: Place<'_>, service: &str, allowed: Option<Vec<String>>) -> Vec<String> {
    if let Some(allowed) = allowed.filter(|allowed| !allowed.is_empty()) {
        return allowed;
    }
    let (partition, account) = (place.names.region.partition(), place.account);
    let api = |address: &String| {
        let host = address.strip_prefix("https://")?.split(['/', ':', '?']).next()?;
        let (id, rest) = host.split_once(".execute-api.")?;
        let region = rest.strip_suffix(partition.dns_suffix)?.strip_suffix('.')?;
        Some(format!("arn:{}:execute-api:{region}:{account}:{id}/*", partition.name))
    };
    let apis: BTreeSet<String> =
        addresses(place.mcp()).iter().filter(|_| service == EXECUTE_API).filter_map(api).collect();
    apis.into_iter().collect()
}

/// The resources that the role may call according to a target's address alone.
pub fn granted_by_address(names: &StackNames, account: &str, target: &Value) -> Vec<String> {
    let place = Place { names, account, target };
    signed_service(target).map(|service| resources(place, service, None)).unwrap_or_default()
}

/// The addresses that an OpenAPI or MCP-server target calls.
fn addresses(mcp: &Value) -> Vec<String> {
    let document =
        mcp[TargetKind::OpenApi.member()]["inlinePayload"].as_str().and_then(|text| Document::parse(text).ok());
    let servers = document.map(|document| document.value["servers"].clone()).unwrap_or_default();
    let servers = servers.as_array().into_iter().flatten().filter_map(|server| server["url"].as_str());
    servers.chain(mcp[TargetKind::McpServer.member()]["endpoint"].as_str()).map(str::to_owned).collect()
}

/// The statements for one target. A function URL requires two actions (Lambda developer guide, "Control access
/// to Lambda function URLs": "Starting in October 2025, new function URLs will require both").
fn signed_statements(sid: &str, service: &str, resources: Vec<String>) -> Vec<Value> {
    if resources.is_empty() {
        return Vec::new();
    }
    if service == EXECUTE_API {
        let statement = json!({ "Sid": sid, "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resources });
        return vec![statement];
    }
    vec![
        json!({
            "Sid": sid, "Effect": "Allow", "Action": "lambda:InvokeFunctionUrl", "Resource": resources,
            "Condition": { "StringEquals": { "lambda:FunctionUrlAuthType": "AWS_IAM" } },
        }),
        json!({
            "Sid": format!("{sid}Function"), "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": resources,
            "Condition": { "Bool": { "lambda:InvokedViaFunctionUrl": "true" } },
        }),
    ]
}

/// The actions that a target's inline model needs.
fn inline_actions(target: &str, model: &Value) -> Vec<String> {
    let document = model["inlinePayload"].as_str().and_then(|text| Document::parse(text).ok());
    let actions = document.map(|document| Model::outline(&document, Reading::of(target, true)).actions());
    actions.into_iter().flatten().collect()
}

/// The action and the resources for calling an MCP server that AgentCore itself hosts: a runtime or another
/// gateway (AgentCore developer guide, gateway-outbound-auth and gateway-target-MCPservers).
fn agentcore_resource(place: Place<'_>, endpoint: &str) -> Option<(&'static str, Vec<String>)> {
    let (host, path) = endpoint.strip_prefix("https://")?.split_once('/')?;
    if let Some(rest) = path.strip_prefix("runtimes/").filter(|_| host.starts_with("bedrock-agentcore.")) {
        let runtime = percent_decode_str(rest.split('/').next()?).decode_utf8().ok()?;
        let endpoints = format!("{runtime}/runtime-endpoint/*");
        return Some(("bedrock-agentcore:InvokeAgentRuntime", vec![runtime.into_owned(), endpoints]));
    }
    let (gateway, rest) = host.split_once('.')?;
    rest.starts_with("gateway.bedrock-agentcore.").then(|| {
        let (partition, region, account) = (place.partition(), &place.names.region, place.account);
        let arn = format!("arn:{partition}:bedrock-agentcore:{region}:{account}:gateway/{gateway}");
        ("bedrock-agentcore:InvokeGateway", vec![arn])
    })
}
