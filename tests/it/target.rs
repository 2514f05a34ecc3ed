//! `target add`, `list`, `get` and `remove`, with the sample and with a user's function.

use std::{fs, time::Duration};

use axum::body::Body;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::world::World;

const TOOLS: &str = r#"[{ "name": "echo", "description": "Say it again",
                          "inputSchema": { "type": "object", "properties": { "text": { "type": "string" } } } }]"#;

#[tokio::test(start_paused = true)]
async fn after_a_target_of_a_gateway_that_can_be_called_its_tools_come_next() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    let added = world.run(&["target", "add", "lambda", "l", "--gateway", "g"]).await.expect(0);
    assert!(added.stdout.ends_with(" tools list g\n"), "{}", added.stdout);
}

/// A gateway `g`, and a function of another stack: its sample.
struct Scene {
    world: World,
    folder: TempDir,
    function: String,
}

impl Scene {
    async fn new(lag: Duration) -> Self {
        let world = World::new(lag);
        world.run(&["create", "donor", "--sample"]).await.expect(0);
        let functions = world.snapshot()["lambda"]["functions"].clone();
        let function = functions.as_object().unwrap().keys().next().unwrap().clone();
        world.run(&["create", "g"]).await.expect(0);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tools.json"), TOOLS).unwrap();
        Self { world, folder, function }
    }

    fn tools(&self) -> String {
        self.folder.path().join("tools.json").to_str().unwrap().to_owned()
    }

    async fn add(&self, name: &str, function: &str) -> crate::support::world::Outcome {
        let tools = self.tools();
        let args = ["target", "add", "lambda", name, "--gateway", "g", "--lambda-arn", function, "--tools", &tools];
        self.world.run(&[&args[..], &["-o", "json"]].concat()).await
    }

    /// The policy for users' functions on g's role.
    fn lambda_policy(&self) -> Value {
        let roles = self.world.snapshot()["iam"]["roles"].clone();
        let role =
            roles.as_object().unwrap().iter().find(|(name, _)| name.starts_with("agw-g-") && !name.ends_with("sample"));
        let document = role.unwrap().1["inline"]["lambda"]["document"].as_str().unwrap_or("null").to_owned();
        serde_json::from_str(&document).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_brought_function_gets_its_statement_and_loses_it() {
    for lag in [Duration::ZERO, Duration::from_secs(8)] {
        let scene = Scene::new(lag).await;
        assert_eq!(scene.lambda_policy(), Value::Null);
        let added = scene.add("mine", &scene.function).await.expect(0).json();
        assert_eq!(added["target"]["status"], "READY");
        assert_eq!(added["target"]["tools"], json!(["mine___echo"]));
        assert_eq!(scene.lambda_policy()["Statement"][0]["Resource"], json!([scene.function]));

        let before = scene.world.snapshot();
        let again = scene.add("mine", &scene.function).await.expect(0);
        assert_eq!(scene.world.snapshot(), before, "{}", again.stderr);

        scene.add("twin", &scene.function).await.expect(0);
        tokio::time::advance(Duration::from_mins(1)).await;
        scene.world.run(&["target", "remove", "twin", "--gateway", "g"]).await.expect(0);
        assert_eq!(scene.lambda_policy()["Statement"][0]["Resource"], json!([scene.function]), "still in use");
        scene.world.run(&["target", "remove", "mine", "--gateway", "g"]).await.expect(0);
        assert_eq!(scene.lambda_policy(), Value::Null);
        let functions = scene.world.snapshot()["lambda"]["functions"].clone();
        assert!(functions[&scene.function].is_object(), "what was brought is never deleted");
        let gone = scene.world.run(&["target", "remove", "mine", "--gateway", "g"]).await.expect(0);
        assert!(gone.stdout.contains("was not there"), "{}", gone.stdout);
    }
}

#[tokio::test(start_paused = true)]
async fn the_sample_is_added_to_a_gateway_and_goes_with_its_last_target() {
    let scene = Scene::new(Duration::ZERO).await;
    let before = scene.world.census();
    let added = scene.world.run(&["target", "add", "lambda", "weather", "--gateway", "g"]).await.expect(0);
    assert!(!added.stderr.contains("warning"), "{}", added.stderr);
    assert_eq!(scene.world.census()["functions"], before["functions"] + 1);
    let got = scene.world.run(&["target", "get", "weather", "--gateway", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!((got["name"].as_str(), got["status"].as_str()), (Some("weather"), Some("READY")));
    let listed = scene.world.run(&["target", "list", "--gateway", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(
        (listed["items"][0]["name"].as_str(), listed["items"][0]["targetType"].as_str()),
        (Some("weather"), Some("LAMBDA"))
    );
    scene.world.run(&["target", "remove", "weather", "--gateway", "g"]).await.expect(0);
    assert_eq!(scene.world.census(), before);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_work_is_refused_before_the_call() {
    let scene = Scene::new(Duration::ZERO).await;
    let before = scene.world.snapshot();
    let elsewhere = scene.function.replace("us-west-2", "eu-west-1");
    let refused = scene.add("mine", &elsewhere).await.expect(2);
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("eu-west-1"));
    assert!(!refused.calls.iter().any(|call| call.contains("/targets")), "{:?}", refused.calls);

    fs::write(scene.tools(), TOOLS.replace("\"string\"", "\"string\", \"enum\": []")).unwrap();
    let refused = scene.add("mine", &scene.function).await.expect(2).json();
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("tools.json: line 2, /0/inputSchema/properties/text/enum"), "{message}");
    fs::write(scene.tools(), "[").unwrap();
    assert_eq!(scene.add("mine", &scene.function).await.expect(2).calls, Vec::<String>::new());

    scene.world.run(&["target", "add", "lambda", "t", "--gateway", "nobody"]).await.expect(5);
    scene.world.run(&["target", "get", "t", "--gateway", "g"]).await.expect(5);
    assert_eq!(scene.world.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn gateways_are_listed_and_shown_as_aws_has_them_by_name_id_and_arn() {
    let scene = Scene::new(Duration::ZERO).await;
    let listed = scene.world.run(&["list", "-o", "json"]).await.expect(0).json();
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["donor", "g"]);
    let by_name = scene.world.run(&["get", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(by_name["protocolConfiguration"]["mcp"]["searchType"], "SEMANTIC");
    for member in ["gatewayId", "gatewayArn"] {
        let given = by_name[member].as_str().unwrap();
        assert_eq!(scene.world.run(&["get", given, "-o", "json"]).await.expect(0).json(), by_name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_providers_name_that_is_held_back_has_a_second_choice() {
    let world = World::with_rules(&["bedrock-agentcore:CreateApiKeyCredentialProvider=ConflictException*1"]);
    world.run(&["create", "g", "--authorizer", "none", "-y", "--no-observability"]).await.expect(0);
    let folder = tempfile::tempdir().unwrap();
    let (spec, key) = (folder.path().join("api.yaml"), folder.path().join("key"));
    let text = "openapi: 3.0.3\nservers: [{url: https://api.example.com}]\ninfo: {title: x, version: 1.0.0}\npaths: {/x: {get: {operationId: x, responses: {default: {description: ok}}}}}";
    fs::write(&spec, text).unwrap();
    fs::write(&key, "secret").unwrap();
    let (spec, key) = (spec.to_str().unwrap(), key.to_str().unwrap());
    let add = ["target", "add", "openapi", "api", "--gateway", "g", "--spec", spec, "--api-key-file", key];
    let add = [&add[..], &["--api-key-query", "k"]].concat();
    world.run(&add).await.expect(0);
    let named = |world: &World| -> Vec<String> {
        let providers = world.snapshot()["agentcore"]["providers"].clone();
        providers.as_object().unwrap().keys().map(|arn| arn.rsplit('/').next().unwrap().to_owned()).collect()
    };
    let first = named(&world);
    assert!(first.len() == 1 && first[0].ends_with("-2"), "{first:?}");
    world.run(&add).await.expect(0);
    assert_eq!(named(&world).len(), 1, "a second run makes no second one");
    world.run(&["cleanup", "g", "--yes"]).await.expect(0);
    assert!(world.is_empty(), "{:?}", world.census());
}

/// A service to sign for is refused before anything is created where the role signs without one.
#[tokio::test]
async fn targets_whose_role_signs_without_a_service_take_no_other() {
    let world = World::new(Duration::ZERO);
    let smithy = ["target", "add", "smithy", "dynamodb", "--gateway", "g"];
    let stage = [
        "target",
        "add",
        "api-gateway",
        "p",
        "--gateway",
        "g",
        "--rest-api-id",
        "a",
        "--stage",
        "s",
        "--filter",
        "/=GET",
    ];
    let cases: [(&[&str], &str, &str); 5] = [
        (&smithy, "execute-api", "Smithy targets take no service to sign for"),
        (&smithy, "lambda", "Smithy targets take no service to sign for"),
        (&smithy, "bedrock-agentcore", "Smithy targets take no service to sign for"),
        (&stage, "lambda", "API Gateway targets take no other service than execute-api"),
        (&stage, "bedrock-agentcore", "API Gateway targets take no other service than execute-api"),
    ];
    for (add, service, expected) in cases {
        let refused = world.run(&[add, &["--iam-service", service]].concat()).await.expect(2);
        assert!(refused.stderr.contains(expected), "{service}: {refused:?}");
    }
}

/// A stage of API Gateway is configured as on AWS; calling it is not supported here, and reported as such.
#[tokio::test]
async fn a_stage_of_api_gateway_is_there_in_the_control_plane_only() {
    let world = World::new(Duration::ZERO);
    let create = ["create", "g", "--authorizer", "none", "-y", "--no-observability", "--debug-errors", "-o", "json"];
    let created = world.run(&create).await.expect(0).json();
    let add = ["target", "add", "api-gateway", "pets", "--gateway", "g", "--rest-api-id", "abc123", "--stage", "prod"];
    let filters = [
        "--filter",
        "/pets/*=GET,POST",
        "--override",
        "GET /pets/{id}=get_pet: Get a pet",
        "--iam-service",
        "execute-api",
    ];
    let added = world.run(&[&add[..], &filters].concat()).await.expect(0);
    assert!(added.stdout.contains("Target pets of g is READY ("), "{added:?}");
    let shown = world.run(&["target", "get", "pets", "--gateway", "g"]).await.expect(0).json();
    let expected = json!({
        "restApiId": "abc123",
        "stage": "prod",
        "apiGatewayToolConfiguration": {
            "toolFilters": [{ "filterPath": "/pets/*", "methods": ["GET", "POST"] }],
            "toolOverrides": [{ "name": "get_pet", "description": "Get a pet", "path": "/pets/{id}", "method": "GET" }],
        },
    });
    assert_eq!(shown["targetConfiguration"]["mcp"]["apiGateway"], expected);
    assert_eq!(shown["credentialProviderConfigurations"], json!([{ "credentialProviderType": "GATEWAY_IAM_ROLE" }]));
    let policy = world.snapshot()["iam"]["roles"].to_string();
    assert!(policy.contains("execute-api:Invoke") && policy.contains("abc123/prod/"), "{policy}");

    // Nothing is listed; a call of one of its tools explains why.
    let url: http::Uri = created["gateway"]["gatewayUrl"].as_str().unwrap().parse().unwrap();
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "pets___get_pet" } });
    let request = http::Request::post(url.path()).body(Body::from(message.to_string())).unwrap();
    let answer = world.send(request).await.text();
    assert!(answer.contains("does not serve API Gateway targets"), "{answer}");

    for (flag, wrong) in [
        ("--filter", "pets"),
        ("--filter", "/pets=FETCH"),
        ("--filter", "/pets="),
        ("--override", "/pets=name"),
        ("--override", "GET /pets"),
    ] {
        let args =
            [&["target", "add", "api-gateway", "x"][..], &add[4..], &["--filter", "/=GET", flag, wrong]].concat();
        let refused = world.run(&args).await.expect(2);
        assert!(refused.stderr.contains(flag), "{wrong}: {refused:?}");
    }
    world.run(&["target", "remove", "pets", "--gateway", "g"]).await.expect(0);
    assert!(!world.snapshot()["iam"]["roles"].to_string().contains("execute-api"), "its permission goes with it");
    world.run(&["cleanup", "g", "--yes"]).await.expect(0);
    assert!(world.is_empty());
}
