//! `update`, `client` and `delete`, killed or deprived of a response at every request.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{LAG, cleanup_leaves_nothing, kinds, lists_catch_up, mishaps, requests};
use crate::support::{
    difference::differences,
    world::{Mishap, Moment, Outcome, THEIR_FUNCTION, THEIR_OTHER_FUNCTION, World},
};

const ENGINE: &str = "arn:aws:bedrock-agentcore:us-west-2:000000000000:policy-engine/engine-abcdefghij";

const ADD: &[&str] = &["client", "add", "g", "team", "--scope", "read", "-o", "json"];
const ROTATE: &[&str] = &["client", "rotate", "g", "team", "-o", "json"];
const FINISH: &[&str] = &["client", "rotate", "g", "team", "--finish", "-o", "json"];
const REMOVE: &[&str] = &["client", "remove", "g", "team", "-o", "json"];
const DELETE: &[&str] = &["delete", "g", "--yes", "-o", "json"];
const UPDATE: &[&str] = &[
    "update",
    "g",
    "--description",
    "after",
    "--request-interceptor",
    THEIR_OTHER_FUNCTION,
    "--policy-engine",
    ENGINE,
    "--enforce",
    "--add-allowed-scope",
    "g/invoke",
];

/// A stack, after these commands.
async fn stack(lag: Duration, commands: &[&[&str]]) -> World {
    let world = World::new(lag).with_their_functions();
    let create = ["create", "g", "--no-observability", "--request-interceptor", THEIR_FUNCTION];
    world.run(&create).await.expect(0);
    for args in commands {
        lists_catch_up().await;
        world.run(args).await.expect(0);
    }
    lists_catch_up().await;
    world
}

/// What a stack is, but for times and secrets: the gateway, permissions, and each client with its number of secrets.
fn essence(world: &World) -> Value {
    let state = world.snapshot();
    let mut gateways = state["agentcore"]["gateways"].clone();
    for gateway in gateways.as_object_mut().unwrap().values_mut() {
        gateway["config"].as_object_mut().unwrap().shift_remove("updatedAt");
    }
    let configs: Vec<&Value> = gateways.as_object().unwrap().values().map(|gateway| &gateway["config"]).collect();
    let roles = state["iam"]["roles"].as_object().unwrap().iter();
    let documents = |role: &Value| -> BTreeMap<String, Value> {
        let policies = role["inline"].as_object().unwrap().iter();
        policies.map(|(name, policy)| (name.clone(), policy["document"].clone())).collect()
    };
    let roles: BTreeMap<&String, _> = roles.map(|(name, role)| (name, documents(role))).collect();
    let pools = state["cognito"]["pools"].as_object().unwrap().values();
    let clients = pools.flat_map(|pool| pool["clients"].as_object().unwrap().values());
    let mut clients: Vec<String> = clients.map(|client| client["name"].to_string()).collect();
    clients.sort();
    json!({ "gateways": configs, "roles": roles, "clients": clients, "census": world.census() })
}

/// A change with every mishap at every request: `converge` does what a user does then, and checks what came of it.
async fn after_any_mishap(world: &World, args: &[&str], converge: impl AsyncFn(&World, &str)) {
    let before = world.moment();
    let check = async |moment: &Moment, after: &str| {
        converge(&world.at(moment), after).await;
        cleanup_leaves_nothing(&world.at(moment), "g", after).await;
    };
    for (k, moment) in world.at(&before).moments_of(args).await.iter().enumerate() {
        check(moment, &format!("it died at moment {k} of {args:?}")).await;
    }
    let calls = requests(&world.at(&before), args).await;
    for mishap in mishaps(&calls, kinds(true)) {
        let fork = world.at(&before);
        let first = fork.run_with(args, Some(mishap)).await.unwrap();
        let is_well = first.code == 0 || matches!((mishap, first.code), (Mishap::Deny(_), 3 | 4));
        assert!(is_well, "{args:?} {mishap:?}: {} {}{}", first.code, first.stdout, first.stderr);
        check(&fork.moment(), &format!("{args:?} {mishap:?}")).await;
    }
}

/// The same command again comes to the same as without a mishap.
async fn the_same_again(world: &World, args: &[&str]) {
    let undisturbed = world.at(&world.moment());
    undisturbed.run(args).await.expect(0);
    let expected = essence(&undisturbed);
    after_any_mishap(world, args, async |fork, after| {
        let again = fork.run(args).await;
        assert_eq!(again.code, 0, "{after}: {}{}", again.stdout, again.stderr);
        let differing = differences(&essence(fork), &expected);
        assert!(differing.is_empty(), "{after}: {differing:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn after_any_mishap_in_update_a_second_one_makes_the_same() {
    the_same_again(&stack(Duration::ZERO, &[]).await, UPDATE).await;
}

#[tokio::test(start_paused = true)]
async fn update_too_while_lists_roles_and_policies_lag() {
    the_same_again(&stack(LAG, &[]).await, UPDATE).await;
}

#[tokio::test(start_paused = true)]
async fn after_any_mishap_in_clearing_settings_a_second_one_makes_the_same() {
    let world = stack(Duration::ZERO, &[UPDATE]).await;
    the_same_again(&world, &["update", "g", "--clear-request-interceptor", "--clear-policy-engine"]).await;
}

#[tokio::test(start_paused = true)]
async fn after_any_mishap_in_delete_a_second_one_makes_the_same() {
    the_same_again(&stack(Duration::ZERO, &[ADD]).await, DELETE).await;
}

#[tokio::test(start_paused = true)]
async fn after_any_mishap_in_removing_a_client_a_second_one_makes_the_same() {
    the_same_again(&stack(Duration::ZERO, &[ADD]).await, REMOVE).await;
}

/// The consumer's line of `client list`, which must be one.
async fn team(world: &World, after: &str) -> Value {
    let listed = world.run(&["client", "list", "g", "-o", "json"]).await.expect(0).json();
    let items = listed["items"].as_array().unwrap();
    let team: Vec<&Value> = items.iter().filter(|item| item["client"] == "team").collect();
    assert_eq!((items.len(), team.len()), (2, 1), "{after}: {listed:#}");
    assert_eq!(team[0]["allowed"], true, "{after}: {listed:#}");
    team[0].clone()
}

/// Whether the gateway allows its own client and this consumer, and nobody else.
fn allows_two(world: &World) -> bool {
    let gateways = world.snapshot()["agentcore"]["gateways"].clone();
    let gateway = gateways.as_object().unwrap().values().next().unwrap().clone();
    let jwt = &gateway["config"]["authorizerConfiguration"]["customJWTAuthorizer"];
    jwt["allowedClients"].as_array().is_some_and(|clients| clients.len() == 2)
}

async fn a_client_is_added_once(lag: Duration) {
    after_any_mishap(&stack(lag, &[]).await, ADD, async |fork, after| {
        let again = fork.run(ADD).await;
        assert_eq!(again.code, 0, "{after}: {}{}", again.stdout, again.stderr);
        // While lists lag, there may be two of them: the next run leaves the one that was printed.
        lists_catch_up().await;
        let last = fork.run(ADD).await.expect(0).json();
        assert_eq!(last["clientInfo"], again.json()["clientInfo"], "{after}");
        team(fork, after).await;
        assert!(allows_two(fork), "{after}");
        assert_eq!(fork.census()["clients"], 2, "{after}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn after_any_mishap_a_client_is_added_once() {
    a_client_is_added_once(Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_too_while_lists_lag() {
    a_client_is_added_once(LAG).await;
}

/// The hint of the refusal says what to do.
async fn rotated(world: &World, after: &str) -> Outcome {
    let again = world.run(ROTATE).await;
    if again.code == 0 {
        return again;
    }
    let said = again.json();
    assert!(said["error"]["hint"].as_str().unwrap().contains("--replace"), "{after}: {said:#}");
    world.run(&[ROTATE, &["--replace"]].concat()).await.expect(0)
}

#[tokio::test(start_paused = true)]
async fn after_any_mishap_a_rotation_can_be_ended() {
    let world = stack(Duration::ZERO, &[ADD]).await;
    after_any_mishap(&world, ROTATE, async |fork, after| {
        let new = rotated(fork, after).await.json();
        assert_eq!(team(fork, after).await["secrets"].as_array().unwrap().len(), 2, "{after}");
        fork.run(FINISH).await.expect(0);
        assert_eq!(team(fork, after).await["secrets"].as_array().unwrap().len(), 1, "{after}");
        assert!(allows_two(fork), "{after}");
        // The secret that was printed is the one that is left.
        let secret = new["clientInfo"]["clientSecret"].as_str().unwrap();
        assert!(fork.snapshot()["cognito"].to_string().contains(secret), "{after}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn after_any_mishap_in_replacing_a_secret_it_can_be_replaced() {
    let world = stack(Duration::ZERO, &[ADD, ROTATE]).await;
    after_any_mishap(&world, &[ROTATE, &["--replace"]].concat(), async |fork, after| {
        rotated(fork, after).await;
        assert_eq!(team(fork, after).await["secrets"].as_array().unwrap().len(), 2, "{after}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn after_any_mishap_in_finishing_a_rotation_it_can_be_finished() {
    let world = stack(Duration::ZERO, &[ADD, ROTATE]).await;
    after_any_mishap(&world, FINISH, async |fork, after| {
        fork.run(FINISH).await.expect(0);
        assert_eq!(team(fork, after).await["secrets"].as_array().unwrap().len(), 1, "{after}");
    })
    .await;
}
