//! What users added, created or chose is kept, or asked about.

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::{Value, json};

use crate::support::world::{Subject, World};

fn allowed_clients(world: &World) -> Value {
    let gateways = world.snapshot()["agentcore"]["gateways"].clone();
    let gateway = gateways.as_object().unwrap().values().next().unwrap().clone();
    gateway["config"]["authorizerConfiguration"]["customJWTAuthorizer"]["allowedClients"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_repair_adds_our_client_and_keeps_those_that_others_added() {
    let world = World::new(Duration::ZERO);
    let created = world.run(&["create", "g", "-o", "json"]).await.expect(0).json();
    let own = created["clientInfo"]["clientId"].clone();
    world.edit_gateway(|config| {
        let jwt = &mut config["authorizerConfiguration"]["customJWTAuthorizer"];
        jwt["allowedClients"] = json!(["theirs", "second"]);
        jwt["allowedScopes"] = json!(["g/invoke"]);
    });
    let repaired = world.run(&["create", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(allowed_clients(&world), json!(["theirs", "second", own]));
    assert_eq!(repaired["clientInfo"]["clientId"], own);
    let warning = "the gateway goes on allowing the clients `theirs`, `second` beside its own";
    assert_eq!(repaired["warnings"], json!([warning]), "{repaired:#}");
    let gateways = world.snapshot()["agentcore"]["gateways"].clone();
    assert!(gateways.to_string().contains(r#""allowedScopes":["g/invoke"]"#), "{gateways:#}");
    let again = world.run(&["create", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(again["warnings"], json!([]), "said once");
}

#[tokio::test(start_paused = true)]
async fn allowed_clients_are_added_to_a_cognito_gateway_and_to_no_other() {
    let world = World::new(Duration::ZERO);
    let created = world.run(&["create", "g", "--allowed-client", "second", "-o", "json"]).await.expect(0).json();
    let own = &created["clientInfo"]["clientId"];
    assert_eq!(allowed_clients(&world), json!([own, "second"]));
    world.run(&["create", "g", "--allowed-client", "third"]).await.expect(0);
    assert_eq!(allowed_clients(&world), json!([own, "second", "third"]));
    let before = world.snapshot();
    world.run(&["create", "g", "--allowed-client", "second"]).await.expect(0);
    assert_eq!(world.snapshot(), before);
    // A client of the pool that is not the stack's own is not used as such.
    world.run(&["credentials", "g", "-o", "json"]).await.expect(0);
    let iam = World::new(Duration::ZERO);
    iam.run(&["create", "g", "--authorizer", "iam"]).await.expect(0);
    let refused = iam.run(&["create", "g", "--allowed-client", "x", "-o", "json"]).await.expect(1).json();
    assert_eq!(refused["error"]["code"], "conflict", "{refused:#}");
}

#[tokio::test(start_paused = true)]
async fn a_target_of_another_kind_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("api.yaml");
    fs::write(&spec, "openapi: 3.0.3\ninfo: {title: x, version: 1.0.0}\nservers: [{url: https://x.example}]\npaths: {/x: {get: {operationId: x, responses: {default: {description: ok}}}}}")
        .unwrap();
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--sample"]).await.expect(0);
    let before = world.snapshot();
    let add =
        ["target", "add", "openapi", "weather-tool", "--gateway", "g", "--spec", spec.to_str().unwrap(), "-o", "json"];
    for more in [&[][..], &["--dry-run"]] {
        let refused = world.run(&[&add[..], more].concat()).await.expect(1).json();
        assert_eq!(refused["error"]["code"], "conflict", "{refused:#}");
        assert!(refused["error"]["message"].as_str().unwrap().contains("of another kind (LAMBDA)"), "{refused:#}");
    }
    assert_eq!(world.snapshot(), before);
}

/// A target of each kind, as the API accepts it.
fn targets_of_each_kind(function: &str) -> Vec<(&'static str, Value)> {
    let role = json!([{ "credentialProviderType": "GATEWAY_IAM_ROLE" }]);
    let tool = json!([{ "name": "t", "description": "d", "inputSchema": { "type": "object" } }]);
    let api = r#"{"openapi":"3.0.3","info":{"title":"x","version":"1"},"servers":[{"url":"https://x.example"}],
            "paths":{"/x":{"get":{"operationId":"x","responses":{"200":{"description":"ok"}}}}}}"#;
    let model = include_str!("../models/sts.json");
    let target = |name: &str, configuration: Value, credential: Option<Value>| {
        let mut target =
            json!({ "name": name, "description": "theirs", "targetConfiguration": { "mcp": configuration } });
        if let Some(credential) = credential {
            target["credentialProviderConfigurations"] = credential;
        }
        target
    };
    let schema = json!({ "inlinePayload": tool });
    let stage = json!({
        "restApiId": "a1b2c3d4e5", "stage": "prod",
        "apiGatewayToolConfiguration": { "toolFilters": [{ "filterPath": "/x", "methods": ["GET"] }] },
    });
    let server = json!({ "endpoint": "https://127.0.0.1:1/mcp", "listingMode": "DYNAMIC", "resourcePriority": 7 });
    vec![
        (
            "lambda",
            target("lambda", json!({ "lambda": { "lambdaArn": function, "toolSchema": schema } }), Some(role.clone())),
        ),
        ("openApiSchema", target("openapi", json!({ "openApiSchema": { "inlinePayload": api } }), None)),
        ("smithyModel", target("smithy", json!({ "smithyModel": { "inlinePayload": model } }), Some(role.clone()))),
        ("mcpServer", target("server", json!({ "mcpServer": server }), None)),
        ("apiGateway", target("stage", json!({ "apiGateway": stage }), Some(role))),
    ]
}

/// An update replaces the whole target, so everything is sent that the target had, including members that this
/// program does not know, except for what was specified.
#[tokio::test(start_paused = true)]
async fn what_others_set_on_a_target_outlives_an_update() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).to_str().unwrap().to_owned()
    };
    let api = file(
        "api.yaml",
        "openapi: 3.0.3\ninfo: {title: y, version: 1.0.0}\nservers: [{url: https://y.example}]\npaths: {/y: {get: {operationId: y, responses: {default: {description: ok}}}}}",
    );
    let tools = file("tools.json", r#"[{"name":"u","description":"d","inputSchema":{"type":"object"}}]"#);
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models/sqs.json");
    let key = file("key", "secret");
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--sample", "--no-observability"]).await.expect(0);
    let functions = world.snapshot()["lambda"]["functions"].clone();
    let function = functions.as_object().unwrap().values().next().unwrap()["arn"].as_str().unwrap().to_owned();
    let targets = targets_of_each_kind(&function);
    for (_, target) in &targets {
        world.create_target("g", target).await;
    }
    let members = json!({
        "metadataConfiguration": { "allowedRequestHeaders": ["x-theirs"] },
        "privateEndpoint": { "selfManagedLatticeResource": { "resourceConfigurationIdentifier": "rcfg-1" } },
        "certificateConfigurations": [{ "of": "theirs" }], "ofTheFuture": { "deep": [1, { "x": null }] },
    });
    let (world, foreign) = world.with_foreign(Subject::Target, members.clone());
    // No server answers there; only the request matters here.
    let keyed = ["--api-key-file", &key, "--api-key-header", "x-key"];
    let credential = "credentialProviderConfigurations";
    for (kind, flags, changed) in [
        ("lambda", &["--tools", &tools][..], "targetConfiguration"),
        ("openApiSchema", &["--spec", &api], "targetConfiguration"),
        ("openApiSchema", &keyed, credential),
        ("openApiSchema", &["--no-credential"], credential),
        ("smithyModel", &["--model", model], "targetConfiguration"),
        ("mcpServer", &["--endpoint", "https://127.0.0.1:2/mcp"], "targetConfiguration"),
        ("mcpServer", &keyed, credential),
        ("apiGateway", &keyed, credential),
        ("apiGateway", &["--no-credential"], credential),
    ] {
        let name = targets.iter().find(|(other, _)| *other == kind).unwrap().1["name"].as_str().unwrap();
        let get = ["target", "get", name, "--gateway", "g", "-o", "json"];
        let before = world.run(&get).await.expect(0).json();
        foreign.sent.lock().unwrap().clear();
        world.run(&[&["target", "update", name, "--gateway", "g"], flags].concat()).await;
        let sent = foreign.sent.lock().unwrap().first().unwrap_or_else(|| panic!("{kind} {flags:?}")).clone();
        let of_answers = [
            "targetId",
            "gatewayArn",
            "status",
            "statusReasons",
            "createdAt",
            "updatedAt",
            "lastSynchronizedAt",
            "protocolType",
        ];
        let names: BTreeSet<&String> =
            before.as_object().unwrap().keys().chain(sent.as_object().unwrap().keys()).collect();
        for member in names.into_iter().filter(|member| !of_answers.contains(&member.as_str())) {
            // "No credential" may be returned as an empty list.
            let of = |document: &Value| {
                Some(document[member].clone()).filter(|value| *value != json!([])).unwrap_or_default()
            };
            assert_eq!(of(&sent) != of(&before), member == changed, "{kind} {flags:?}: {member}: {sent:#}");
        }
        if kind == "mcpServer" && changed == "targetConfiguration" {
            let server = &sent["targetConfiguration"]["mcp"]["mcpServer"];
            assert_eq!((&server["listingMode"], &server["resourcePriority"]), (&json!("DYNAMIC"), &json!(7)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_checks_nobody_is_made_by_who_says_yes() {
    let world = World::new(Duration::ZERO);
    let open = ["create", "g", "--authorizer", "none", "-o", "json"];
    let refused = world.run(&open).await.expect(2).json();
    assert!(refused["error"]["hint"].as_str().unwrap().contains("--yes"), "{refused:#}");
    assert!(world.is_empty());
    world.run(&[&open[..], &["--dry-run"]].concat()).await.expect(0);
    world.run(&[&open[..], &["-y"]].concat()).await.expect(0);
}

#[tokio::test(start_paused = true)]
async fn cleanup_is_offered_for_what_this_run_made_and_for_nothing_else() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g"]).await.expect(0);
    let moment = world.moment();
    let world = world.under(&moment, &["bedrock-agentcore:UpdateGateway=ServiceQuotaExceededException"]);
    let refused = world.run(&["create", "g", "--description", "it's mine", "-o", "json"]).await.expect(1).json();
    let (causes, hint) = (refused["error"]["causes"].to_string(), refused["error"]["hint"].as_str().unwrap());
    assert!(!causes.contains("exists now") && !hint.contains("cleanup"), "{refused:#}");
    // A hint that repeats the command repeats all of it, quoted for a shell.
    assert!(hint.contains(r"create g --description 'it'\''s mine' -o json`"), "{hint}");
    let world = World::with_rules(&["bedrock-agentcore:CreateGateway=ValidationException"]);
    let refused = world.run(&["create", "g", "-o", "json"]).await.expect(1).json();
    let causes = refused["error"]["causes"].as_array().unwrap();
    let made: Vec<_> = causes.iter().filter(|cause| cause.as_str().unwrap().starts_with("exists now: ")).collect();
    assert!(made.len() >= 5, "each on a line of its own: {refused:#}");
    assert!(refused["error"]["hint"].as_str().unwrap().contains("cleanup g`"), "{refused:#}");
}

#[tokio::test(start_paused = true)]
async fn debug_errors_are_switched_on_and_off() {
    let world = World::new(Duration::ZERO);
    let level = |world: &World| {
        let gateways = world.snapshot()["agentcore"]["gateways"].clone();
        gateways.as_object().unwrap().values().next().unwrap()["config"]["exceptionLevel"].clone()
    };
    world.run(&["create", "g", "--debug-errors"]).await.expect(0);
    assert_eq!(level(&world), "DEBUG");
    world.run(&["create", "g"]).await.expect(0);
    assert_eq!(level(&world), "DEBUG", "what is not named stays");
    world.run(&["create", "g", "--no-debug-errors"]).await.expect(0);
    assert_eq!(level(&world), Value::Null);
    let again = world.run(&["create", "g", "--no-debug-errors"]).await.expect(0);
    assert!(again.stdout.contains("nothing had to be changed"), "{}", again.stdout);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_deleted_is_named_and_made_again() {
    let world = World::new(Duration::ZERO);
    let created = world.run(&["create", "g", "-o", "json"]).await.expect(0).json();
    let client = created["clientInfo"]["clientId"].as_str().unwrap();
    world.edit(|state| {
        let pools = state["cognito"]["pools"].as_object_mut().unwrap();
        pools.values_mut().for_each(|pool| pool["clients"] = json!({}));
    });
    for command in [["credentials", "g"], ["token", "g"]] {
        let gone = world.run(&[&command[..], &["-o", "json"]].concat()).await.expect(5).json();
        let message = gone["error"]["message"].as_str().unwrap();
        assert!(message.contains(client) && message.contains("is gone"), "{message}");
        assert!(gone["error"]["hint"].as_str().unwrap().contains("create"), "{gone:#}");
    }
    world.run(&["create", "g"]).await.expect(0);
    world.run(&["credentials", "g"]).await.expect(0);
}

#[tokio::test(start_paused = true)]
async fn a_role_of_theirs_that_lacks_rights_is_theirs_to_mend_and_the_hint_says_how() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "donor", "--sample"]).await.expect(0);
    let function = world.snapshot()["lambda"]["functions"].as_object().unwrap().keys().next().unwrap().clone();
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    world.edit(|state| {
        let roles = state["iam"]["roles"].as_object_mut().unwrap();
        let mut role =
            roles.values().find(|role| role["name"].as_str().unwrap().starts_with("agw-g-")).unwrap().clone();
        roles.retain(|name, _| !name.starts_with("agw-g-"));
        for (member, value) in [("name", "theirs"), ("path", "/"), ("arn", "arn:aws:iam::000000000000:role/theirs")] {
            role[member] = json!(value);
        }
        role["trust"] =
            json!(role["trust"].as_str().unwrap().replace("bedrock-agentcore.amazonaws.com", "ec2.amazonaws.com"));
        role["tags"] = json!({});
        roles.insert("theirs".to_owned(), role);
        let gateways = state["agentcore"]["gateways"].as_object_mut().unwrap();
        let gateway = gateways.values_mut().find(|gateway| gateway["config"]["name"] == "g").unwrap();
        gateway["tags"] = json!({});
        gateway["config"]["roleArn"] = json!("arn:aws:iam::000000000000:role/theirs");
    });
    let folder = tempfile::tempdir().unwrap();
    let tools = folder.path().join("tools.json");
    fs::write(&tools, r#"[{"name": "x", "description": "d", "inputSchema": {"type": "object"}}]"#).unwrap();
    let status = world.run(&["status", "g"]).await.expect(0);
    assert!(
        status.stdout.contains("did not make this gateway") && !status.stdout.contains("interrupted"),
        "{}",
        status.stdout
    );
    let add = ["target", "add", "lambda", "mine", "--gateway", "g", "--lambda-arn", &function, "--tools"];
    let refused = world.run(&[&add[..], &[tools.to_str().unwrap()]].concat()).await.expect(1);
    let hint = "hint: let the role arn:aws:iam::000000000000:role/theirs trust bedrock-agentcore.amazonaws.com";
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
}

#[tokio::test(start_paused = true)]
async fn a_warning_is_said_once_with_its_remedy() {
    let world = World::new(Duration::ZERO);
    for authorizer in [&["--authorizer", "iam"][..], &["--authorizer", "none", "-y"]] {
        let create = [&["create", "g"][..], authorizer].concat();
        world.run(&create).await.expect(0);
        let again = world.run(&[&create[..], &["--tag", "env=dev"]].concat()).await.expect(0);
        let said = format!("{}{}", again.stdout, again.stderr);
        assert_eq!(said.matches("does not get `env`").count(), 1, "{said}");
        assert_eq!(said.matches("checks nobody").count(), usize::from(authorizer.len() == 3), "{said}");
        assert!(said.contains("aws bedrock-agentcore-control tag-resource --resource-arn arn:"), "{said}");
        world.run(&["cleanup", "g", "-y"]).await.expect(0);
    }
}

#[tokio::test(start_paused = true)]
async fn cleanup_is_not_offered_where_it_would_take_what_was_there_before() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g"]).await.expect(0);
    let moment = world.moment();
    let world = world.under(&moment, &["bedrock-agentcore:CreateGatewayTarget=ValidationException"]);
    let refused = world.run(&["create", "g", "--sample", "-o", "json"]).await.expect(1).json();
    assert!(refused["error"]["causes"].to_string().contains("exists now: sample function"), "{refused:#}");
    assert!(!refused["error"]["hint"].as_str().unwrap().contains("cleanup"), "{refused:#}");
}

/// A client that the token endpoint rejects permanently is an error at once, not a wait.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_refused_for_good_is_an_error() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g"]).await.expect(0);
    world.edit(|state| {
        let pools = state["cognito"]["pools"].as_object_mut().unwrap();
        let clients = pools.values_mut().next().unwrap()["clients"].as_object_mut().unwrap();
        for client in clients.values_mut() {
            let text = client.to_string().replace("client_credentials", "implicit");
            *client = serde_json::from_str(&text).unwrap();
        }
    });
    let begin = tokio::time::Instant::now();
    let refused = world.run(&["create", "g"]).await.expect(1);
    assert!(refused.stderr.contains("unauthorized_client"), "{}", refused.stderr);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}
