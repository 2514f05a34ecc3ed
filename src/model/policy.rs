//! IAM policy documents, filled in from `templates/iam`.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{document::Document, finding::Reading, naming::StackNames, smithy::Model};

/// The execution role's trust policy: the AgentCore service may assume it, for this one gateway. A gateway id
/// is the lower-cased name, a hyphen and ten characters, hence the ten question marks.
pub fn gateway_trust(names: &StackNames, account: &str) -> Value {
    fill(include_str!("../../templates/iam/gateway-trust.json"), names, account)
}

/// The execution role's permissions for everything that the stack creates itself. They do not grow with new
/// targets, so a new target need not wait for IAM propagation.
///
/// AgentCore uses a gateway's customer-managed key as the gateway's role (developer guide, "Encrypt your
/// gateway with a customer-managed KMS key"); while the key is changed, both keys are named.
pub fn gateway_base(names: &StackNames, account: &str, kms_keys: &[&str]) -> Value {
    let mut policy = fill(include_str!("../../templates/iam/gateway-base.json"), names, account);
    if let (false, Some(statements)) = (kms_keys.is_empty(), policy["Statement"].as_array_mut()) {
        let mut statement = fill(include_str!("../../templates/iam/gateway-kms.json"), names, account);
        statement["Resource"] = if let [key] = kms_keys { json!(key) } else { json!(kms_keys) };
        statements.push(statement);
    }
    policy
}

/// The execution role's permissions for what the user supplied, one policy per kind, by its name. Each policy
/// is rewritten as a whole: `targets` are the documents of all targets, and `allowed` returns what the user
/// named for one ([`super::spec::Configured::allowed`]).
pub fn grants<'a>(
    names: &StackNames,
    account: &str,
    targets: impl Iterator<Item = &'a Value>,
    allowed: impl Fn(&str) -> Option<Vec<String>>,
) -> BTreeMap<&'static str, Value> {
    let [mut functions, mut objects, mut keys, mut clients] = [const { BTreeSet::<String>::new() }; 4];
    let [mut services, mut rest_apis, mut servers, mut signed] = [const { Vec::<Value>::new() }; 4];
    let allow = |sid: &str, action: &str, resources: Vec<String>| json!({ "Sid": sid, "Effect": "Allow", "Action": action, "Resource": resources });
    let (partition, region) = (names.region.partition().name, &names.region);
    for target in targets {
        let mcp = &target["targetConfiguration"]["mcp"];
        let own = format!(":function:{}", names.function);
        let function = mcp["lambda"]["lambdaArn"].as_str().filter(|arn| !arn.is_empty() && !arn.ends_with(&own));
        functions.extend(function.map(str::to_owned));
        for schema in [&mcp["lambda"]["toolSchema"], &mcp["openApiSchema"], &mcp["smithyModel"]] {
            let object = schema["s3"]["uri"].as_str().and_then(|uri| uri.strip_prefix("s3://"));
            objects.extend(object.map(|object| format!("arn:{partition}:s3:::{object}")));
        }
        let credential = &target["credentialProviderConfigurations"][0];
        if credential["credentialProviderType"] == "GATEWAY_IAM_ROLE" {
            let name = target["name"].as_str().unwrap_or_default();
            let sid = names.statement_of(name);
            if mcp["smithyModel"].is_object() {
                let actions = allowed(name).unwrap_or_else(|| inline_actions(name, &mcp["smithyModel"]));
                let statement = json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": "*" });
                services.extend((!actions.is_empty()).then_some(statement));
            }
            if let (Some(api), Some(stage)) =
                (mcp["apiGateway"]["restApiId"].as_str(), mcp["apiGateway"]["stage"].as_str())
            {
                let methods = format!("arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/*/*");
                rest_apis.push(allow(&sid, "execute-api:Invoke", vec![methods]));
            }
            let endpoint = mcp["mcpServer"]["endpoint"].as_str().unwrap_or_default();
            let invoked = agentcore_resource(endpoint, partition, region.as_str(), account);
            servers.extend(invoked.map(|(action, resources)| allow(&sid, action, resources)));
            if let Some(service) = signed_service(target) {
                let resources = resources(names, account, service, mcp, allowed(name));
                signed.extend(signed_statements(&sid, service, resources));
            }
        }
        let provider = &credential["credentialProvider"];
        for (member, into) in [("apiKeyCredentialProvider", &mut keys), ("oauthCredentialProvider", &mut clients)] {
            let arn = provider[member]["providerArn"].as_str().filter(|arn| !arn.is_empty());
            let brought = arn.filter(|arn| !arn.rsplit('/').next().is_some_and(|name| names.owns_provider(name)));
            into.extend(brought.map(str::to_owned));
        }
    }
    let policy = |statements: Vec<Value>| json!({ "Version": "2012-10-17", "Statement": statements });
    let identity = format!("arn:{partition}:bedrock-agentcore:{region}:{account}");
    let directory = format!("{identity}:workload-identity-directory/default");
    let this_gateway = format!("{directory}/workload-identity/{}-??????????", names.lower_gateway());
    let provider = |action: &str, folder: &str, arns: BTreeSet<String>| {
        let secrets = arns.iter().filter_map(|arn| arn.rsplit('/').next());
        let place =
            format!("arn:{partition}:secretsmanager:{region}:{account}:secret:bedrock-agentcore-identity!default");
        let secrets = secrets.map(|name| format!("{place}/{folder}/{name}-*")).collect();
        let mut resources: Vec<String> = arns.into_iter().collect();
        resources.extend([format!("{identity}:token-vault/default"), directory.clone(), this_gateway.clone()]);
        policy(vec![
            allow(
                "WorkloadIdentity",
                "bedrock-agentcore:GetWorkloadAccessToken",
                vec![directory.clone(), this_gateway.clone()],
            ),
            allow("CredentialProvidersOfTargets", action, resources),
            allow("SecretsOfTheseProviders", "secretsmanager:GetSecretValue", secrets),
        ])
    };
    let mut grants = BTreeMap::new();
    if !functions.is_empty() {
        let functions = functions.into_iter().collect();
        grants.insert("lambda", policy(vec![allow("InvokeFunctionsOfTargets", "lambda:InvokeFunction", functions)]));
    }
    if !objects.is_empty() {
        let objects = objects.into_iter().collect();
        grants.insert("s3", policy(vec![allow("ReadSchemasOfTargets", "s3:GetObject", objects)]));
    }
    if !keys.is_empty() {
        grants.insert("api-key", provider("bedrock-agentcore:GetResourceApiKey", "apikey", keys));
    }
    if !clients.is_empty() {
        grants.insert("oauth", provider("bedrock-agentcore:GetResourceOauth2Token", "oauth2", clients));
    }
    for (name, statements) in
        [("smithy", services), ("api-gateway", rest_apis), ("mcp-server", servers), ("iam-service", signed)]
    {
        if !statements.is_empty() {
            grants.insert(name, policy(statements));
        }
    }
    grants
}

/// What the user named for a target ([`super::spec::Configured::allowed`]), read back from the role's policies.
pub fn granted(names: &StackNames, grants: &BTreeMap<&'static str, Value>, target: &str) -> Option<Vec<String>> {
    let sid = names.statement_of(target);
    let read = |policy: &str, member: &str| {
        let statements = grants.get(policy)?["Statement"].as_array()?;
        let statement = statements.iter().find(|statement| statement["Sid"] == sid.as_str())?;
        Some(statement[member].as_array()?.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect())
    };
    read("smithy", "Action").or_else(|| read("iam-service", "Resource"))
}

/// The service that a target's requests are signed for with the gateway's role, if the target's address may not
/// determine the permission.
fn signed_service(target: &Value) -> Option<&str> {
    let credential = &target["credentialProviderConfigurations"][0]["credentialProvider"];
    let service = credential["iamCredentialProvider"]["service"].as_str()?;
    [EXECUTE_API, LAMBDA].contains(&service).then_some(service)
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
    let mcp = &target["targetConfiguration"]["mcp"];
    // An address without TLS is local, as with the local AWS, and involves no IAM.
    let addresses = addresses(mcp);
    let is_here = !addresses.is_empty() && addresses.iter().all(|address| address.starts_with("http://"));
    let is_known = is_here || !resources(names, account, service, mcp, Some(allowed.to_vec())).is_empty();
    (!is_known).then_some(service)
}

/// The resources that the role may call: those that were named, else the API Gateway REST and HTTP APIs of the
/// addresses, with all of their stages. A function's URL does not identify the function.
fn resources(
    names: &StackNames,
    account: &str,
    service: &str,
    mcp: &Value,
    allowed: Option<Vec<String>>,
) -> Vec<String> {
    if let Some(allowed) = allowed.filter(|allowed| !allowed.is_empty()) {
        return allowed;
    }
    let partition = names.region.partition();
    let api = |address: &String| {
        let host = address.strip_prefix("https://")?.split(['/', ':', '?']).next()?;
        let (id, rest) = host.split_once(".execute-api.")?;
        let region = rest.strip_suffix(partition.dns_suffix)?.strip_suffix('.')?;
        Some(format!("arn:{}:execute-api:{region}:{account}:{id}/*", partition.name))
    };
    let apis: BTreeSet<String> = addresses(mcp).iter().filter(|_| service == EXECUTE_API).filter_map(api).collect();
    apis.into_iter().collect()
}

/// The resources that the role may call according to a target's address alone.
pub fn granted_by_address(names: &StackNames, account: &str, target: &Value) -> Vec<String> {
    let mcp = &target["targetConfiguration"]["mcp"];
    signed_service(target).map(|service| resources(names, account, service, mcp, None)).unwrap_or_default()
}

/// The addresses that an OpenAPI or MCP-server target calls.
fn addresses(mcp: &Value) -> Vec<String> {
    let document = mcp["openApiSchema"]["inlinePayload"].as_str().and_then(|text| Document::parse(text).ok());
    let servers = document.map(|document| document.value["servers"].clone()).unwrap_or_default();
    let servers = servers.as_array().into_iter().flatten().filter_map(|server| server["url"].as_str());
    servers.chain(mcp["mcpServer"]["endpoint"].as_str()).map(str::to_owned).collect()
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
    let actions = document.map(|document| Model::read(&document, Reading { target, local: true }).actions());
    actions.into_iter().flatten().collect()
}

/// The action and the resources for calling an MCP server that AgentCore itself hosts: a runtime or another
/// gateway (AgentCore developer guide, gateway-outbound-auth and gateway-target-MCPservers).
fn agentcore_resource(
    endpoint: &str,
    partition: &str,
    region: &str,
    account: &str,
) -> Option<(&'static str, Vec<String>)> {
    let (host, path) = endpoint.strip_prefix("https://")?.split_once('/')?;
    if let Some(rest) = path.strip_prefix("runtimes/").filter(|_| host.starts_with("bedrock-agentcore.")) {
        let runtime = percent_decode_str(rest.split('/').next()?).decode_utf8().ok()?;
        let endpoints = format!("{runtime}/runtime-endpoint/*");
        return Some(("bedrock-agentcore:InvokeAgentRuntime", vec![runtime.into_owned(), endpoints]));
    }
    let (gateway, rest) = host.split_once('.')?;
    rest.starts_with("gateway.bedrock-agentcore.").then(|| {
        let arn = format!("arn:{partition}:bedrock-agentcore:{region}:{account}:gateway/{gateway}");
        ("bedrock-agentcore:InvokeGateway", vec![arn])
    })
}

/// The trust policy of the sample function's role.
pub fn function_trust(names: &StackNames, account: &str) -> Value {
    fill(include_str!("../../templates/iam/function-trust.json"), names, account)
}

/// The sample function's permissions: to write streams into its log group, but not to recreate the group after
/// `cleanup` deleted it.
pub fn function_logs(names: &StackNames, account: &str) -> Value {
    fill(include_str!("../../templates/iam/function-logs.json"), names, account)
}

/// Replaces `{name}` inside the strings of a template, never in its syntax.
fn fill(template: &str, names: &StackNames, account: &str) -> Value {
    let values = [
        ("{partition}", names.region.partition().name.to_owned()),
        ("{region}", names.region.to_string()),
        ("{account}", account.to_owned()),
        ("{gateway}", names.lower_gateway()),
        ("{functions}", names.function_pattern()),
        ("{providers}", names.provider_pattern()),
        ("{log_group}", names.function_log_group.clone()),
    ];
    let mut document = serde_json::from_str(template).expect("templates/iam is JSON (a unit test parses each)");
    fill_strings(&mut document, &values);
    document
}

fn fill_strings(value: &mut Value, values: &[(&str, String)]) {
    match value {
        Value::String(text) => {
            for (key, with) in values {
                *text = text.replace(key, with);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_strings(item, values)),
        Value::Object(members) => members.values_mut().for_each(|item| fill_strings(item, values)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses_and_is_filled() {
        let names = StackNames::new(&"us-gov-west-1".parse().unwrap(), &"My-Gateway".parse().unwrap());
        for document in [
            gateway_trust(&names, "123456789012"),
            gateway_base(&names, "123456789012", &["arn:aws:kms:us-west-2:123456789012:key/k"]),
            function_trust(&names, "123456789012"),
            function_logs(&names, "123456789012"),
        ] {
            assert!(!document.to_string().contains("{p") && !document.to_string().contains("{a"), "{document}");
        }
        let trust = gateway_trust(&names, "123456789012").to_string();
        assert!(
            trust.contains("arn:aws-us-gov:bedrock-agentcore:us-gov-west-1:123456789012:gateway/my-gateway-??????????")
        );
    }

    #[test]
    fn what_the_user_brought_is_granted_by_kind_and_what_is_ours_is_not() {
        let names = StackNames::new(&"us-west-2".parse().unwrap(), &"My-Gateway".parse().unwrap());
        let vault = "arn:aws:bedrock-agentcore:us-west-2:1:token-vault/default";
        let api = |provider: &str| {
            let provider = json!({ "apiKeyCredentialProvider": { "providerArn": format!("{vault}/apikeycredentialprovider/{provider}") } });
            json!({
                "targetConfiguration": { "mcp": { "openApiSchema": { "s3": { "uri": "s3://b/k.json" } } } },
                "credentialProviderConfigurations": [{ "credentialProvider": provider }],
            })
        };
        let lambda = json!({ "targetConfiguration": { "mcp": { "lambda": { "lambdaArn": "arn:f" } } } });
        let [mine, ours] = [api("mine"), api(&names.provider("api", 0))];
        let grants = grants(&names, "1", [&mine, &ours, &lambda].into_iter(), |_| None);
        let resources = |policy: &str, statement: usize| grants[policy]["Statement"][statement]["Resource"].clone();
        assert_eq!(grants.keys().copied().collect::<Vec<_>>(), ["api-key", "lambda", "s3"]);
        assert_eq!(resources("s3", 0), json!(["arn:aws:s3:::b/k.json"]));
        assert_eq!(resources("lambda", 0), json!(["arn:f"]));
        let directory = "arn:aws:bedrock-agentcore:us-west-2:1:workload-identity-directory/default";
        let identity = format!("{directory}/workload-identity/my-gateway-??????????");
        assert_eq!(resources("api-key", 0), json!([directory, identity]));
        let provider = format!("{vault}/apikeycredentialprovider/mine");
        assert_eq!(resources("api-key", 1), json!([provider, vault, directory, identity]));
        let secret = "arn:aws:secretsmanager:us-west-2:1:secret:bedrock-agentcore-identity!default/apikey/mine-*";
        assert_eq!(resources("api-key", 2), json!([secret]));
    }

    #[test]
    fn the_base_policy_leaves_room_on_the_role() {
        let names = StackNames::new(&"ap-southeast-7".parse().unwrap(), &"x-".repeat(48).parse().unwrap());
        let size = gateway_base(&names, "123456789012", &[]).to_string().len();
        assert!(size < 10_240 / 2, "{size} of the role's 10,240 characters");
    }
}
