//! `export`: a file that makes the same gateway again, and the ways to other tools.

use std::{collections::BTreeSet, fs, process::Command, time::Duration};

use agentcore_gw::{config::Env, model::document::Document};
use serde_json::{Value, json};

use crate::{
    apply::{apply, check_schema, essence, five, folder},
    support::{difference::differences, env::python, world::World},
};

/// A Smithy model with one operation.
pub const MODEL: &str = r#"{"smithy":"2.0","shapes":{
"com.amazonaws.lambda#Svc":{"type":"service","version":"2015-03-31","operations":[{"target":"com.amazonaws.lambda#GetAccountSettings"}],
"traits":{"aws.api#service":{"sdkId":"Lambda","arnNamespace":"lambda","endpointPrefix":"lambda"},"aws.auth#sigv4":{"name":"lambda"},"aws.protocols#restJson1":{},
"smithy.rules#endpointRuleSet":{"version":"1.0","parameters":{"Region":{"builtIn":"AWS::Region","required":true,"documentation":"r","type":"string"}},
"rules":[{"conditions":[],"endpoint":{"url":"https://lambda.{Region}.amazonaws.com","properties":{},"headers":{}},"type":"endpoint"}]}}},
"com.amazonaws.lambda#GetAccountSettings":{"type":"operation","input":{"target":"smithy.api#Unit"},"output":{"target":"smithy.api#Unit"},
"traits":{"smithy.api#documentation":"Gets limits","smithy.api#http":{"method":"GET","uri":"/2016-08-19/account-settings","code":200}}}}}"#;

/// Further targets, one of each kind and credential that [`five`] does not have.
const OTHERS: &str = "  smithy: { type: smithy, model: model.json, allowActions: ['lambda:GetAccountSettings'], description: 'a: b' }
  tables: { type: smithy, allowActions: ['dynamodb:ListTables', 'dynamodb:GetItem'] }
  stage:
    type: api-gateway
    restApiId: a1b2c3d4e5
    stage: prod
    filters: ['/pets/*=GET']
    overrides: ['GET /pets=list_pets: Lists the pets']
    allowQueries: [lang]
    allowResponseHeaders: [x-count]
  runtime:
    type: mcp-server
    endpoint: https://bedrock-agentcore.us-west-2.amazonaws.com/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-west-2%3A000000000000%3Aruntime%2Ftools-AbCdEf1234/invocations
    dynamicListing: true
    resourcePriority: 7
    credential: { iamService: bedrock-agentcore }
  url:
    type: mcp-server
    endpoint: https://abcdefg.lambda-url.us-west-2.on.aws/mcp
    dynamicListing: true
    credential: { iamService: lambda, iamResources: ['arn:aws:lambda:us-west-2:000000000000:function:f'] }
  by-vendor: { type: openapi, spec: api.json, credential: { oauthClientId: me, oauthClientSecretFile: secret.txt, oauthVendor: Google, oauthScopes: [a, b] } }
  by-endpoint: { type: openapi, spec: api.json, credential: { oauthClientId: me, oauthClientSecretFile: secret.txt, oauthTokenEndpoint: 'https://idp.example.com/token' } }
  tenant: { type: openapi, spec: api.json, credential: { oauthClientId: me, oauthClientSecretFile: secret.txt, oauthVendor: Microsoft, oauthTenant: t1 } }
  okta: { type: openapi, spec: api.json, description: 'Has ${AWS::Region} in it', credential: { oauthClientId: me, oauthClientSecretFile: secret.txt, oauthVendor: Okta, oauthIssuer: 'https://x.okta.com', oauthAuthorizationEndpoint: 'https://x.okta.com/a', oauthTokenEndpoint: 'https://x.okta.com/t' } }
  keyed: { type: openapi, spec: api.json, credential: { apiKeyEnv: THE_KEY, query: key } }
  bearer: { type: openapi, spec: api.json, credential: { apiKeyEnv: THE_KEY, header: Authorization, prefix: Bearer } }
";

fn whole(text: &str) -> tempfile::TempDir {
    let folder = folder(text);
    fs::write(folder.path().join("model.json"), MODEL).unwrap();
    folder
}

/// The variables of secrets in an exported file.
fn secrets() -> Env {
    let keys = ["BY_KEY_API_KEY", "KEYED_API_KEY", "BEARER_API_KEY"].map(|name| (name, "the-api-key"));
    let clients = [
        "BY_TOKEN_CLIENT_SECRET",
        "BY_VENDOR_CLIENT_SECRET",
        "BY_ENDPOINT_CLIENT_SECRET",
        "TENANT_CLIENT_SECRET",
        "OKTA_CLIENT_SECRET",
    ];
    Env::only(keys.into_iter().chain(clients.map(|name| (name, "the-client-secret"))))
}

async fn export(world: &World, format: &str) -> String {
    world.run(&["export", "g", "--format", format]).await.expect(0).stdout
}

/// The same without ids that each account makes anew.
fn normal(world: &World) -> Value {
    let mut essence = essence(world);
    for gateway in essence["gateways"].as_array_mut().unwrap() {
        if let Some(jwt) = gateway["config"].pointer_mut("/authorizerConfiguration/customJWTAuthorizer") {
            jwt["discoveryUrl"] = json!(null);
            jwt["allowedClients"] = json!(jwt["allowedClients"].as_array().map_or(0, Vec::len));
        }
    }
    essence
}

async fn comes_back(world: &World, without: &[&str]) -> Value {
    tokio::time::advance(Duration::from_mins(1)).await;
    let before = normal(world);
    let exported = export(world, "yaml").await;
    let as_json = world.run(&["export", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(Document::parse(&exported).unwrap().into_value(), as_json, "{exported}");
    for secret in ["the-api-key", "the-client-secret"] {
        assert!(!exported.contains(secret));
    }
    for member in without {
        assert!(!exported.contains(member), "{member}: {exported}");
    }
    world.run(&["cleanup", "g", "--yes"]).await.expect(0);
    assert!(world.is_empty());
    tokio::time::advance(Duration::from_mins(1)).await;
    let folder = folder(&exported);
    let again = world.with_env(secrets());
    let file = folder.path().join("gateway.yaml");
    let applied = again.run(&["apply", "-y", "-f", file.to_str().unwrap()]).await;
    assert_eq!(applied.code, 0, "{}\n{exported}", applied.stderr);
    let differing = differences(&normal(world), &before);
    assert!(differing.is_empty(), "{differing:?}\n{exported}");
    let second = export(world, "yaml").await;
    assert_eq!(second, exported, "an export of what it makes is the same");
    as_json
}

#[tokio::test(start_paused = true)]
async fn export_cleanup_apply_make_an_equal_gateway() {
    let folder = whole(&(five("g") + OTHERS));
    let world = World::new(Duration::ZERO).with_their_functions();
    let flags = [
        "--instructions",
        "Be kind\nalways",
        "--mcp-version",
        "2025-06-18",
        "--debug-errors",
        "--session-timeout",
        "900",
    ];
    world.run(&[&["create", "g", "--log-retention", "7"][..], &flags].concat()).await.expect(0);
    apply(&world, folder.path(), &[]).await.expect(0);
    world.run(&["update", "g", "--add-allowed-scope", "g/invoke"]).await.expect(0);
    world.edit(|state| {
        for gateway in state["agentcore"]["gateways"].as_object_mut().unwrap().values_mut() {
            gateway["tags"]["team"] = json!("x");
        }
    });
    let exported = comes_back(&world, &["READY", "arn:aws:iam", "gatewayId", "createdAt", "discoveryUrl: http"]).await;
    let schema = world.run(&["schema"]).await.expect(0).json();
    check_schema(&schema, &[exported], &[]);
}

#[tokio::test(start_paused = true)]
async fn other_authorizers_and_settings_come_back_too() {
    let jwt = [
        "--authorizer",
        "jwt",
        "--discovery-url",
        "https://idp.example.com/.well-known/openid-configuration",
        "--allowed-audience",
        "a",
        "--custom-claim",
        "team=x",
    ];
    for flags in [
        &["--authorizer", "iam", "--no-observability", "--no-semantic-search"][..],
        &["--authorizer", "none", "-y", "--no-traces"],
        &["--authorizer", "authenticate-only", "--description", "a: 'b' # c"],
        &["--no-protocol-type"],
        &["--role-arn", "arn:aws:iam::000000000000:role/mine"],
        &jwt,
    ] {
        let world = World::new(Duration::ZERO);
        world.run(&[&["create", "g", "--tag", "team=y"], flags].concat()).await;
        assert_eq!(world.census()["gateways"], 1, "{flags:?}");
        comes_back(&world, &["READY"]).await;
    }
}

/// The CloudFormation template of a gateway with a target of each kind, as `cfn-lint` sees it.
#[tokio::test(start_paused = true)]
async fn the_cloudformation_template_is_clean_and_whole() {
    let folder = whole(&(five("g") + OTHERS));
    let world = World::new(Duration::ZERO).with_their_functions();
    apply(&world, folder.path(), &[]).await.expect(0);
    let template = export(&world, "cloudformation").await;
    lint(&template);
    let document = Document::parse(&template).unwrap().into_value();
    let resources = document["Resources"].as_object().unwrap();
    let of = |kind: &str| resources.values().filter(|resource| resource["Type"] == kind).count();
    for (kind, count) in [
        ("AWS::BedrockAgentCore::Gateway", 1),
        ("AWS::BedrockAgentCore::GatewayTarget", 16),
        ("AWS::BedrockAgentCore::ApiKeyCredentialProvider", 3),
        ("AWS::BedrockAgentCore::OAuth2CredentialProvider", 5),
        ("AWS::Cognito::UserPool", 1),
        ("AWS::Cognito::UserPoolDomain", 1),
        ("AWS::Cognito::UserPoolResourceServer", 1),
        ("AWS::Cognito::UserPoolClient", 1),
        ("AWS::IAM::Role", 2),
        ("AWS::Lambda::Function", 1),
        ("AWS::Logs::LogGroup", 2),
        ("AWS::Logs::Delivery", 2),
    ] {
        assert_eq!(of(kind), count, "{kind}");
    }
    // What cfn-lint does not see: each target names its gateway, a secret is a parameter that is not shown, the handler is
    // that of inline code, and no id of this account is left.
    let targets: Vec<&Value> =
        resources.values().filter(|resource| resource["Type"] == "AWS::BedrockAgentCore::GatewayTarget").collect();
    let gateway = json!({ "Fn::GetAtt": ["Gateway", "GatewayIdentifier"] });
    assert!(targets.iter().all(|target| target["Properties"]["GatewayIdentifier"] == gateway));
    let waiting = targets.iter().filter(|target| target["DependsOn"].is_string()).count();
    assert_eq!(waiting, 16 - 5, "five target operations at once");
    let parameters = document["Parameters"].as_object().unwrap();
    let hidden = parameters.values().filter(|parameter| parameter["NoEcho"] == true).count();
    assert_eq!(hidden, 8);
    assert_eq!(resources["SampleFunction"]["Properties"]["Handler"], "index.lambda_handler");
    let state = world.snapshot();
    let ids = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for id in ids(&state["cognito"]["pools"]).into_iter().chain(ids(&state["agentcore"]["gateways"])) {
        assert!(!template.contains(&id), "{id}");
    }
    assert!(!template.contains("the-api-key") && !template.contains("the-client-secret"));
    let texts = json!({ "Fn::Join": ["", ["Has $", "{AWS::Region} in it"]] });
    assert_eq!(resources["OktaTarget"]["Properties"]["Description"], texts);
    let function =
        json!({ "Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:their-function" });
    assert_eq!(resources["TheirsTarget"]["Properties"]["TargetConfiguration"]["Mcp"]["Lambda"]["LambdaArn"], function);
    let policies = resources["GatewayRole"]["Properties"]["Policies"].to_string();
    assert!(!policies.contains("000000000000:gateway") && policies.contains("${AWS::AccountId}"), "{policies}");
}

#[tokio::test(start_paused = true)]
async fn gateways_without_a_pool_of_their_own_are_clean_too() {
    let http = "gateway: { name: g, noProtocolType: true, authorizer: { type: iam } }
targets:
  echo: { type: custom, allowActions: ['s3:GetObject'], aws: { targetConfiguration: { http: { passthrough: { endpoint: 'https://echo.example.com', protocolType: CUSTOM } } } } }
  agent: { type: custom, credential: { aws: { credentialProviderType: GATEWAY_IAM_ROLE } }, aws: { targetConfiguration: { http: { agentcoreRuntime: { arn: 'arn:aws:bedrock-agentcore:us-west-2:000000000000:runtime/tools-AbCdEf1234' } } } } }
";
    let brought = "gateway:
  name: g
  roleArn: arn:aws:iam::000000000000:role/mine
  noObservability: true
  authorizer: { type: jwt, discoveryUrl: 'https://idp.example.com/.well-known/openid-configuration', allowedAudiences: [a] }
  aws: { protocolConfiguration: { mcp: { disableMcpListToolsPagination: true } } }
targets: {}
";
    for (text, warned) in [(http, false), (brought, true)] {
        let folder = folder(text);
        let world = World::new(Duration::ZERO);
        let applied = apply(&world, folder.path(), &[]).await;
        assert_eq!(world.census()["gateways"], 1, "{applied:?}");
        let exported = world.run(&["export", "g", "--format", "cloudformation"]).await.expect(0);
        lint(&exported.stdout);
        let said = "CloudFormation has no `protocolConfiguration.mcp.disableMcpListToolsPagination`";
        assert_eq!(exported.stderr.contains(said), warned, "{exported:?}");
        let yaml = export(&world, "yaml").await;
        assert_eq!(yaml.contains("s3:GetObject"), !warned, "{yaml}");
        fs::write(folder.path().join("gateway.yaml"), &yaml).unwrap();
        apply(&world, folder.path(), &["--dry-run", "--detailed-exitcode"]).await.expect(0);
    }
}

/// Runs cfn-lint, which must find nothing.
fn lint(template: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("template.yaml");
    fs::write(&file, template).unwrap();
    let linted = Command::new(python("cfn-lint").with_file_name("cfn-lint")).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&linted.stdout).into_owned();
    assert!(linted.status.success() && said.trim().is_empty(), "{said}{}", String::from_utf8_lossy(&linted.stderr));
}

/// Each thing of the stack has an `import` block with the id that Terraform's documentation names.
#[tokio::test(start_paused = true)]
async fn terraform_finds_everything_by_its_id() {
    let folder = folder(&five("g"));
    let world = World::new(Duration::ZERO).with_their_functions();
    apply(&world, folder.path(), &[]).await.expect(0);
    let text = export(&world, "terraform-import").await;
    let blocks = world.run(&["export", "g", "--format", "terraform-import", "-o", "json"]).await.expect(0).json();
    let blocks: Vec<(String, String)> = blocks["import"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| (block["to"].as_str().unwrap().to_owned(), block["id"].as_str().unwrap().to_owned()))
        .collect();
    for (to, id) in &blocks {
        assert!(text.contains(&format!("import {{\n  to = {to}\n  id = \"{id}\"\n}}")), "{to}\n{text}");
    }
    let addresses: BTreeSet<&String> = blocks.iter().map(|(to, _)| to).collect();
    assert_eq!(addresses.len(), blocks.len(), "each address once: {blocks:?}");
    let state = world.snapshot();
    let first = |value: &Value| value.as_object().unwrap().keys().next().unwrap().clone();
    let (pool, gateway) = (first(&state["cognito"]["pools"]), first(&state["agentcore"]["gateways"]));
    let client = first(&state["cognito"]["pools"][&pool]["clients"]);
    let id = |to: &str| blocks.iter().find(|(address, _)| address == to).map(|(_, id)| id.clone()).unwrap_or_default();
    assert_eq!(id("aws_bedrockagentcore_gateway.gateway"), gateway);
    assert_eq!(id("aws_cognito_user_pool.gateway"), pool);
    assert_eq!(id("aws_cognito_resource_server.gateway"), format!("{pool}|g"));
    assert_eq!(id("aws_cognito_user_pool_client.gateway"), format!("{pool}/{client}"));
    for (target, document) in state["agentcore"]["gateways"][&gateway]["targets"].as_object().unwrap() {
        let name = document["config"]["name"].as_str().unwrap().replace('-', "_");
        assert_eq!(id(&format!("aws_bedrockagentcore_gateway_target.{name}")), format!("{gateway},{target}"));
    }
    let census = world.census();
    let of = |kind: &str| blocks.iter().filter(|(to, _)| to.starts_with(&format!("{kind}."))).count();
    assert_eq!(of("aws_iam_role"), census["roles"]);
    assert_eq!(of("aws_iam_role_policy"), census["policies"]);
    assert_eq!(of("aws_cloudwatch_log_group"), census["log groups"]);
    assert_eq!(of("aws_cloudwatch_log_delivery"), census["deliveries"]);
    assert_eq!(of("aws_bedrockagentcore_api_key_credential_provider"), 1);
    assert_eq!(of("aws_bedrockagentcore_oauth2_credential_provider"), 1);
    assert_eq!(of("aws_lambda_function"), census["functions"]);
}

/// What is not of this gateway is not exported, and a missing gateway is said.
#[tokio::test(start_paused = true)]
async fn a_missing_gateway_and_consumers_are_said() {
    let world = World::new(Duration::ZERO);
    world.run(&["export", "g"]).await.expect(5);
    world.run(&["create", "g"]).await.expect(0);
    world.run(&["client", "add", "g", "team"]).await.expect(0);
    let exported = world.run(&["export", "g"]).await.expect(0);
    assert!(exported.stderr.contains("consumers are not exported, as their secrets are not: team"), "{exported:?}");
    assert!(!exported.stdout.contains("allowedClients"), "{}", exported.stdout);
}
