//! Ready, or an error: whatever is missing or broken, `status` reports it by its exit code, `create` repairs it
//! or fails, and `cleanup` ends.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    damage::{gateway, lose_provider, members, only, pool, role, set_status, stack, target},
    world::World,
};

const CREATE: [&str; 3] = ["create", "g", "--sample"];
const STATUS: [&str; 4] = ["status", "g", "-o", "json"];
const CLEANUP: [&str; 3] = ["cleanup", "g", "-y"];

/// A name, a change to the stack, and the kind and trouble that `status` reports.
type Damage = (&'static str, fn(&mut Value), &'static str, &'static str);

const MISSING: [Damage; 7] = [
    (
        "role",
        |state| members(state, "/iam/roles").retain(|name, _| name.ends_with("-sample")),
        "execution role",
        "missing",
    ),
    (
        "base policy",
        |state| drop(role(state)["inline"].as_object_mut().unwrap().remove("base")),
        "role policy",
        "missing",
    ),
    ("pool", |state| members(state, "/cognito/pools").clear(), "user pool", "missing"),
    ("domain", |state| pool(state)["domain"] = Value::Null, "user pool domain", "missing"),
    ("client", |state| pool(state)["clients"] = json!({}), "app client", "missing"),
    ("gateway", |state| members(state, "/agentcore/gateways").clear(), "gateway", "missing"),
    ("provider", lose_provider, "credential provider", "missing"),
];

const BROKEN: [Damage; 5] = [
    ("FAILED", |state| set_status(gateway(state), "FAILED"), "gateway", "broken"),
    ("UPDATE_UNSUCCESSFUL", |state| set_status(gateway(state), "UPDATE_UNSUCCESSFUL"), "gateway", "broken"),
    ("target FAILED", |state| set_status(target(state, "weather-tool"), "FAILED"), "target", "broken"),
    (
        "target UPDATE_UNSUCCESSFUL",
        |state| set_status(target(state, "weather-tool"), "UPDATE_UNSUCCESSFUL"),
        "target",
        "broken",
    ),
    (
        "both",
        |state| {
            set_status(gateway(state), "FAILED");
            members(state, "/cognito/pools").clear();
        },
        "gateway",
        "broken",
    ),
];

#[tokio::test(start_paused = true)]
async fn status_ends_with_3_where_something_is_missing_or_moving_and_with_1_where_it_is_broken() {
    let (world, whole) = stack().await;
    let status = world.run(&STATUS).await.expect(0).json();
    assert_eq!((&status["complete"], &status["problems"]), (&json!(true), &json!([])));
    for (code, damages) in [(3, &MISSING[..]), (1, &BROKEN[..])] {
        for (name, damage, kind, trouble) in damages {
            let world = world.at(&whole);
            world.edit(damage);
            let status = world.run(&STATUS).await;
            assert_eq!(status.code, code, "{name}: {}", status.stdout);
            let status = status.json();
            let problem = json!({ "kind": kind, "trouble": trouble });
            let is_named = |found: &Value| found["kind"] == problem["kind"] && found["trouble"] == problem["trouble"];
            assert!(status["problems"].as_array().unwrap().iter().any(is_named), "{name}: {status:#}");
            assert_eq!(status["complete"], false, "{name}");
            let shown = world.run(&["status", "g"]).await.stdout;
            assert!(shown.contains(&format!("is {trouble}")), "{name}: {shown}");
        }
    }
}

fn always_updating(call: &str, answer: &mut Value) {
    if call.starts_with("GET /gateways/g-") && answer["gatewayUrl"].is_string() {
        answer["status"] = json!("UPDATING");
    }
}

fn target_always_updating(call: &str, answer: &mut Value) {
    if call.starts_with("GET /gateways/g-") && answer["targetId"].is_string() {
        answer["status"] = json!("SYNCHRONIZING");
    }
}

#[tokio::test(start_paused = true)]
async fn deliveries_and_what_was_left_out_never_count() {
    let (world, whole) = stack().await;
    for (name, damage) in [
        ("deliveries", (|state| members(state, "/logs/deliveries").clear()) as fn(&mut Value)),
        ("log groups", |state| members(state, "/logs/groups").clear()),
    ] {
        let world = world.at(&whole);
        world.edit(damage);
        let status = world.run(&STATUS).await;
        assert_eq!(status.code, 0, "{name}: {}", status.stdout);
    }
    let plain = World::new(Duration::ZERO);
    plain.run(&["create", "g", "--authorizer", "iam", "--no-observability"]).await.expect(0);
    plain.run(&STATUS).await.expect(0);
    plain.forget_owner_of_gateway();
    let theirs = plain.run(&["status", "g"]).await.expect(0);
    assert!(
        theirs.stdout.contains("did not make this gateway") && !theirs.stdout.contains("Wrong"),
        "{}",
        theirs.stdout
    );
}

#[tokio::test(start_paused = true)]
async fn status_waits_for_what_is_moving_and_not_for_what_is_missing() {
    let (world, whole) = stack().await;
    let wait = [&STATUS[..], &["--wait", "--timeout", "20"]].concat();
    for (kind, rewrite) in [("gateway", always_updating as fn(&str, &mut Value)), ("target", target_always_updating)] {
        let moving = world.rewriting(rewrite);
        let status = moving.run(&STATUS).await.expect(3).json();
        assert_eq!(
            (&status["problems"][0]["kind"], &status["problems"][0]["trouble"]),
            (&json!(kind), &json!("moving"))
        );
        let waited = moving.run(&wait).await.expect(6).json();
        assert!(waited["error"]["message"].as_str().unwrap().contains("(after 20.0 s)"), "{waited:#}");
    }
    let world = world.at(&whole);
    world.edit(|state| members(state, "/cognito/pools").clear());
    let begin = tokio::time::Instant::now();
    world.run(&wait).await.expect(3);
    assert_eq!(begin.elapsed(), Duration::ZERO);
    let fresh = World::new(Duration::ZERO);
    fresh.run(&["create", "g", "--no-wait", "--no-observability"]).await.expect(0);
    fresh.run(&wait).await.expect(0);
}

/// Adds a target, and runs `create` without specifying the authorizer.
async fn authorizer_after_other_changes(world: &World) -> Value {
    world.run(&CREATE).await.expect(0);
    let function = only(&mut world.snapshot(), "/lambda/functions")["arn"].take();
    let arn = function.as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("tools.json");
    fs::write(&schema, r#"[{"name":"t","description":"d","inputSchema":{"type":"object"}}]"#).unwrap();
    let schema = schema.to_str().unwrap();
    let add = ["target", "add", "lambda", "more", "--gateway", "g", "--lambda-arn", arn, "--tools", schema];
    world.run(&add).await.expect(0);
    let mut snapshot = world.snapshot();
    gateway(&mut snapshot)["config"]["authorizerConfiguration"]["customJWTAuthorizer"].take()
}

#[tokio::test(start_paused = true)]
async fn an_authorizer_of_the_users_own_is_never_replaced() {
    let (world, whole) = stack().await;
    let own = "https://idp.example/.well-known/openid-configuration";
    world
        .run(&["create", "g", "--authorizer", "jwt", "--discovery-url", own, "--allowed-audience", "x"])
        .await
        .expect(0);
    // The gateway's previous pool still exists, and so does its client, whose tokens the gateway does not accept.
    assert_eq!(world.census()["pools"], 1);
    assert_eq!(world.run(&["create", "g", "-o", "json"]).await.expect(0).json()["clientInfo"], Value::Null);
    for command in [["credentials", "g"], ["token", "g"]] {
        let refused = world.run(&command).await;
        assert!(refused.code != 0 && refused.stdout.is_empty(), "{}", refused.stdout);
    }
    assert!(world.run(&["tools", "list", "g"]).await.expect(4).stderr.contains("a token of its own provider"));
    assert_eq!(authorizer_after_other_changes(&world).await, json!({ "discoveryUrl": own, "allowedAudience": ["x"] }));
    // Back at the pool, no setting for the other issuer is left.
    world.run(&["create", "g", "--authorizer", "cognito"]).await.expect(0);
    let authorizer = authorizer_after_other_changes(&world).await;
    assert_ne!(authorizer["discoveryUrl"], own);
    assert_eq!(
        (&authorizer["allowedAudience"], authorizer["allowedClients"].as_array().unwrap().len()),
        (&json!(null), 1)
    );

    // A pool of another account: it cannot be described, but publishes its metadata.
    let hidden = world.under(&whole, &["cognito-idp:DescribeUserPool=ResourceNotFoundException*1000"]);
    let before = gateway(&mut hidden.snapshot())["config"]["authorizerConfiguration"]["customJWTAuthorizer"].take();
    assert_eq!(authorizer_after_other_changes(&hidden).await, before);

    // The same pool, of a local AWS that used another port when the pool was created.
    let moved = world.at(&whole);
    moved.edit(|state| {
        let jwt = &mut gateway(state)["config"]["authorizerConfiguration"]["customJWTAuthorizer"];
        let pool = jwt["discoveryUrl"].as_str().unwrap().split('/').nth(3).unwrap().to_owned();
        jwt["discoveryUrl"] = json!(format!("http://127.0.0.1:1/{pool}/.well-known/openid-configuration"));
    });
    moved.run(&["token", "g"]).await.expect(0);
    assert_eq!(authorizer_after_other_changes(&moved).await, before);
    assert_eq!(hidden.census()["pools"], 1);
}

#[tokio::test(start_paused = true)]
async fn create_repairs_what_is_missing_or_ends_with_1() {
    let (world, whole) = stack().await;
    for (name, damage, ..) in MISSING.iter().chain(&BROKEN) {
        // Only `target add` can restore what only it knows.
        if *name == "provider" {
            continue;
        }
        let world = world.at(&whole);
        world.edit(damage);
        let created = world.run(&[&CREATE[..], &["-o", "json"]].concat()).await;
        let status = world.run(&STATUS).await;
        match *name {
            "FAILED" | "both" => {
                assert_eq!((created.code, status.code), (1, 1), "{name}: {}", created.stdout);
                assert!(created.json()["error"]["message"].as_str().unwrap().contains("FAILED"), "{name}");
            }
            _ => assert_eq!((created.code, status.code), (0, 0), "{name}: {}{}", created.stdout, status.stdout),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_of_somebody_else_that_is_broken_is_not_said_to_be_ready() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--authorizer", "iam", "--no-observability"]).await.expect(0);
    world.forget_owner_of_gateway();
    world.edit(|state| set_status(gateway(state), "UPDATE_UNSUCCESSFUL"));
    let before = world.snapshot();
    let adopted = world.run(&["create", "g", "--adopt", "--authorizer", "iam", "--no-observability"]).await.expect(1);
    assert!(adopted.stderr.contains("UPDATE_UNSUCCESSFUL"), "{}", adopted.stderr);
    assert_eq!(world.snapshot()["agentcore"], before["agentcore"], "it is theirs to mend");
    world.run(&STATUS).await.expect(1);
}

#[tokio::test(start_paused = true)]
async fn cleanup_ends_whatever_is_missing_or_broken() {
    let (world, whole) = stack().await;
    for (name, damage, ..) in MISSING.iter().chain(&BROKEN) {
        let world = world.at(&whole);
        world.edit(damage);
        let cleaned = world.run(&CLEANUP).await;
        assert_eq!(cleaned.code, 0, "{name}: {}{}", cleaned.stdout, cleaned.stderr);
        assert!(world.is_empty(), "{name}: {:?}", world.census());
    }
}

/// A gateway that was deleted by other means leaves a provider that only the role's tag names; and AWS reports
/// success for deleting a provider that does not exist, so such a success is no progress.
#[tokio::test(start_paused = true)]
async fn cleanup_ends_when_a_provider_is_gone_and_the_roles_tag_still_names_it() {
    let (world, _) = stack().await;
    world.edit(|state| {
        members(state, "/agentcore/gateways").clear();
        lose_provider(state);
    });
    let begin = tokio::time::Instant::now();
    let cleaned = world.run(&CLEANUP).await.expect(0);
    assert!(world.is_empty(), "{:?}\n{}", world.census(), cleaned.stderr);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    let deletions = cleaned.calls.iter().filter(|call| call.contains("DeleteApiKeyCredentialProvider")).count();
    assert!((1..=3).contains(&deletions), "{deletions}: {:?}", cleaned.calls);
}

#[tokio::test(start_paused = true)]
async fn where_tags_may_not_be_read_nothing_goes_that_the_gateway_lives_on() {
    let (world, whole) = stack().await;
    let world = world.under(&whole, &["bedrock-agentcore:ListTagsForResource=AccessDeniedException"]);
    let before = world.census();
    let planned = world.run(&["cleanup", "g", "--dry-run", "-o", "json"]).await.json();
    assert_eq!(planned["deleted"], json!([]), "{planned:#}");
    let cleaned = world.run(&["cleanup", "g", "-y", "-o", "json"]).await.expect(3).json();
    assert_eq!(world.census(), before);
    assert_eq!(cleaned["deleted"], json!([]), "{cleaned:#}");
    let kinds: Vec<_> =
        cleaned["remaining"].as_array().unwrap().iter().map(|left| left["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"gateway") && kinds.contains(&"execution role"), "{cleaned:#}");
    world.at(&whole).run(&CLEANUP).await.expect(0);
}

#[tokio::test(start_paused = true)]
async fn where_a_function_may_not_be_looked_at_its_role_and_log_group_stay() {
    let (world, whole) = stack().await;
    let world = world.under(&whole, &["lambda:GetFunction=AccessDeniedException"]);
    world.run(&CLEANUP).await.expect(3);
    let census = world.census();
    assert_eq!((census["functions"], census["roles"], census["log groups"]), (1, 2, 1), "{census:?}");
    let moment = world.moment();
    let world = world.at(&moment);
    world.run(&CLEANUP).await.expect(0);
    assert!(world.is_empty(), "{:?}", world.census());
}

#[tokio::test(start_paused = true)]
async fn three_cleanups_at_once_leave_nothing_and_all_end_well() {
    let (world, whole) = stack().await;
    for latency in [0, 7, 40] {
        let world = world.slow(&whole, Duration::from_millis(latency));
        let (one, two, three) = tokio::join!(world.run(&CLEANUP), world.run(&CLEANUP), world.run(&CLEANUP));
        for cleaned in [&one, &two, &three] {
            assert_eq!(cleaned.code, 0, "{latency} ms: {}{}", cleaned.stdout, cleaned.stderr);
        }
        assert!(world.is_empty(), "{latency} ms: {:?}", world.census());
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_gateway_that_is_gone_with_its_role_the_hint_names_cleanup() {
    let (world, _) = stack().await;
    world.edit(|state| {
        members(state, "/agentcore/gateways").clear();
        members(state, "/iam/roles").retain(|name, _| name.ends_with("-sample"));
    });
    let status = world.run(&STATUS).await.expect(5).json();
    assert!(status["error"]["hint"].as_str().unwrap().contains("cleanup g` finds"), "{status:#}");
    world.run(&CLEANUP).await.expect(0);
    assert!(world.is_empty(), "{:?}", world.census());
}

/// What is broken or missing, but was not specified, is reported, not repaired.
#[tokio::test(start_paused = true)]
async fn create_warns_of_a_target_that_is_broken() {
    let (world, _) = stack().await;
    world.edit(|state| set_status(target(state, "api"), "FAILED"));
    let created = world.run(&[&CREATE[..], &["-o", "json"]].concat()).await.expect(0).json();
    assert!(created["warnings"][0].as_str().unwrap().contains("the target `api` is FAILED"), "{created:#}");
}

#[tokio::test(start_paused = true)]
async fn what_the_sample_needs_is_missed_where_a_target_calls_it() {
    let (world, whole) = stack().await;
    for (name, damage) in [
        ("sample function", (|state| members(state, "/lambda/functions").clear()) as fn(&mut Value)),
        ("function role", |state| members(state, "/iam/roles").retain(|name, _| !name.ends_with("-sample"))),
        ("resource server", |state| pool(state)["resource_servers"] = json!({})),
    ] {
        let world = world.at(&whole);
        world.edit(damage);
        let status = world.run(&STATUS).await.expect(3).json();
        assert_eq!(
            (&status["problems"][0]["kind"], &status["problems"][0]["trouble"]),
            (&json!(name), &json!("missing"))
        );
        world.run(&CREATE).await.expect(0);
        world.run(&STATUS).await.expect(0);
    }
}
