//! `target add`, `list`, `get` and `remove`, with the sample and with a function that was brought.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::World;

const TOOLS: &str = r#"[{ "name": "echo", "description": "Say it again",
                          "inputSchema": { "type": "object", "properties": { "text": { "type": "string" } } } }]"#;

/// A gateway `g`, and a function that is not its own: the sample of another stack.
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

    async fn add(&self, name: &str, function: &str) -> crate::world::Outcome {
        let tools = self.tools();
        let args = ["target", "add", "lambda", name, "--gateway", "g", "--lambda-arn", function, "--tools", &tools];
        self.world.run(&[&args[..], &["-o", "json"]].concat()).await
    }

    /// The policy for brought functions on g's role.
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
    world.run(&["create", "g", "--authorizer", "none", "--no-observability"]).await.expect(0);
    let folder = tempfile::tempdir().unwrap();
    let (spec, key) = (folder.path().join("api.yaml"), folder.path().join("key"));
    let text = "openapi: 3.0.3\nservers: [{url: https://api.example.com}]\npaths: {/x: {get: {operationId: x}}}";
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
