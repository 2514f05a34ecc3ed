//! `client`: further consumers of a gateway, each with its own secret and scopes.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Request;
use serde_json::{Value, json};

use crate::support::world::{Outcome, World};

const ADD: &[&str] = &["client", "add", "g", "team", "-o", "json"];
const ROTATE: &[&str] = &["client", "rotate", "g", "team", "-o", "json"];
const FINISH: &[&str] = &["client", "rotate", "g", "team", "--finish", "-o", "json"];
const REMOVE: &[&str] = &["client", "remove", "g", "team", "-o", "json"];

async fn with_gateway() -> World {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    later().await;
    world
}

/// What is made at once has no order.
async fn later() {
    tokio::time::advance(Duration::from_secs(1)).await;
}

/// What a consumer signs in with.
struct Credentials {
    id: String,
    secret: String,
    url: http::Uri,
}

impl Credentials {
    fn of(outcome: Outcome) -> Self {
        let shown = outcome.expect(0).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let info = &shown["clientInfo"];
        let url = text(&shown["gateway"]["gatewayUrl"]).parse().unwrap();
        Self { id: text(&info["clientId"]), secret: text(&info["clientSecret"]), url }
    }

    async fn token(&self, world: &World, scope: Option<&str>) -> Result<String, String> {
        let scope = scope.map(|scope| format!("&scope={scope}")).unwrap_or_default();
        let form = format!("grant_type=client_credentials&client_id={}&client_secret={}{scope}", self.id, self.secret);
        let request = Request::post("/oauth2/token").header("content-type", "application/x-www-form-urlencoded");
        let answer = world.send(request.body(Body::from(form)).unwrap()).await.json();
        let token = answer["access_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| answer["error"].as_str().unwrap().to_owned())
    }

    /// The status with which the gateway answers it.
    async fn call(&self, world: &World, scope: Option<&str>) -> u16 {
        let Ok(token) = self.token(world, scope).await else { return 0 };
        let request = Request::post(self.url.path()).header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {token}"));
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
        world.send(request.body(Body::from(ping)).unwrap()).await.status
    }
}

async fn listed(world: &World) -> Vec<Value> {
    let listed = world.run(&["client", "list", "g", "-o", "json"]).await.expect(0).json();
    listed["items"].as_array().unwrap().clone()
}

/// The consumer's line of `client list`.
async fn team(world: &World) -> Option<Value> {
    let mut of_team = listed(world).await.into_iter().filter(|item| item["client"] == "team");
    let team = of_team.next();
    assert_eq!(of_team.next(), None, "there is one of it");
    team
}

fn allowed_clients(world: &World) -> Vec<String> {
    let gateways = world.snapshot()["agentcore"]["gateways"].clone();
    let gateway = gateways.as_object().unwrap().values().next().unwrap().clone();
    let jwt = &gateway["config"]["authorizerConfiguration"]["customJWTAuthorizer"];
    serde_json::from_value(jwt["allowedClients"].clone()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_consumer_gets_a_secret_and_scopes_of_its_own_and_is_let_in() {
    let world = with_gateway().await;
    let own = Credentials::of(world.run(&["credentials", "g", "-o", "json"]).await);
    let added = world.run(&[ADD, &["--scope", "read"]].concat()).await.expect(0);
    assert!(!added.stderr.contains(added.json()["clientInfo"]["clientSecret"].as_str().unwrap()));
    let team_of = Credentials::of(added);
    assert!(team_of.id != own.id && team_of.secret != own.secret);
    let token = team_of.token(&world, None).await.unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((&claims["client_id"], &claims["scope"]), (&json!(team_of.id), &json!("g/read")));
    assert_eq!(team_of.call(&world, None).await, 200);
    assert_eq!(team_of.token(&world, Some("g/invoke")).await.unwrap_err(), "invalid_scope");
    assert_eq!(own.call(&world, None).await, 200);
    assert_eq!(allowed_clients(&world), [own.id.clone(), team_of.id.clone()]);
    let origins: Vec<Value> = listed(&world).await.iter().map(|item| item["origin"].clone()).collect();
    assert_eq!(origins, [json!("stack"), json!("client")]);
    // Again, also without the scope, it prints the same and changes nothing.
    let before = world.snapshot();
    let again = Credentials::of(world.run(ADD).await);
    assert_eq!((again.id, again.secret), (team_of.id.clone(), team_of.secret.clone()));
    assert_eq!(world.snapshot(), before);
    let other = world.run(&[ADD, &["--scope", "write"]].concat()).await.expect(1).json();
    assert_eq!(other["error"]["code"], "conflict", "{other:#}");
    assert!(other.to_string().contains("g/read"), "{other:#}");
    assert_eq!(world.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_was_removed_stays_out() {
    let world = with_gateway().await;
    let team_of = Credentials::of(world.run(ADD).await);
    let removed = world.run(REMOVE).await.expect(0).json();
    assert_eq!(removed["wasThere"], true);
    assert_eq!(team_of.call(&world, None).await, 0);
    for _ in 0..2 {
        assert_eq!(team(&world).await, None);
        assert!(!allowed_clients(&world).contains(&team_of.id));
        world.run(&["create", "g", "--no-observability"]).await.expect(0);
    }
    assert_eq!(world.run(REMOVE).await.expect(0).json()["wasThere"], false);
    assert_eq!(world.run(ROTATE).await.expect(5).json()["error"]["code"], "not_found");
}

/// The consumer's old secret is valid until the rotation is finished, the new one from its first moment on.
#[tokio::test(start_paused = true)]
async fn a_rotation_leaves_no_gap() {
    let world = with_gateway().await;
    let old = Credentials::of(world.run(ADD).await);
    later().await;
    let new = Credentials::of(world.run(ROTATE).await);
    assert!(new.id == old.id && new.secret != old.secret);
    assert_eq!((old.call(&world, None).await, new.call(&world, None).await), (200, 200));
    assert_eq!(team(&world).await.unwrap()["secrets"].as_array().unwrap().len(), 2);
    let older = world.run(ADD).await.expect(0).json();
    assert!(older["warnings"][0].as_str().unwrap().contains("this is the older one"), "{older:#}");
    let open = world.run(ROTATE).await.expect(1).json();
    assert!(open["error"]["hint"].as_str().unwrap().contains("--finish"), "{open:#}");
    assert_eq!(world.run(FINISH).await.expect(0).json()["wasThere"], true);
    assert_eq!((old.call(&world, None).await, new.call(&world, None).await), (0, 200));
    assert_eq!(world.run(FINISH).await.expect(0).json()["wasThere"], false);
    // Cognito shows no secret that was added.
    let gone = world.run(ADD).await.expect(1).json();
    assert!(gone["error"]["hint"].as_str().unwrap().contains("client rotate g team"), "{gone:#}");
    later().await;
    let at_once = Credentials::of(world.run(&[ROTATE, &["--now"]].concat()).await);
    assert_eq!((new.call(&world, None).await, at_once.call(&world, None).await), (0, 200));
    later().await;
    let lost = Credentials::of(world.run(ROTATE).await);
    let kept = Credentials::of(world.run(&[ROTATE, &["--replace"]].concat()).await);
    let calls = [&at_once, &lost, &kept].map(|one| one.call(&world, None));
    assert_eq!(futures_util::future::join_all(calls).await, [200, 0, 200]);
    let unknown = world.run(&["client", "rotate", "g", "nobody", "-o", "json"]).await.expect(5).json();
    assert_eq!(unknown["error"]["code"], "not_found");
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_saved_for_its_owner_only_and_not_lost_to_a_file_that_cannot_be_written() {
    let world = with_gateway().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("team.json");
    world.run(&[ADD, &["--save", file.to_str().unwrap()]].concat()).await.expect(0);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let rotated = Credentials::of(world.run(&[ROTATE, &["--save", file.to_str().unwrap()]].concat()).await);
    assert!(fs::read_to_string(&file).unwrap().contains(&rotated.secret));
    let before = world.snapshot();
    let nowhere = folder.path().join("missing/team.json");
    for args in [ADD, &[ROTATE, &["--replace"]].concat()] {
        let refused = world.run(&[args, &["--save", nowhere.to_str().unwrap()]].concat()).await;
        assert_ne!(refused.code, 0);
        assert_eq!(world.snapshot(), before, "nothing is made before it can be kept");
    }
}

#[tokio::test(start_paused = true)]
async fn cleanup_lists_consumers_and_asks() {
    let world = with_gateway().await;
    world.run(ADD).await.expect(0);
    let before = world.snapshot();
    let planned = world.run(&["cleanup", "g", "--dry-run"]).await.expect(0);
    assert!(planned.stdout.contains("team"), "{}", planned.stdout);
    let unconfirmed = world.run(&["cleanup", "g"]).await.expect(2);
    assert!(unconfirmed.stderr.contains("--yes"), "{}", unconfirmed.stderr);
    assert_eq!(world.snapshot(), before);
    world.run(&["cleanup", "g", "--yes"]).await.expect(0);
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_gateway_without_a_pool_of_ours_has_no_consumers() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--authorizer", "iam", "--no-observability"]).await.expect(0);
    let before = world.snapshot();
    for args in [ADD, ROTATE, REMOVE, &["client", "list", "g", "-o", "json"]] {
        let refused = world.run(args).await.expect(5).json();
        assert_eq!(refused["error"]["code"], "not_found", "{args:?}: {refused:#}");
    }
    assert_eq!(world.snapshot(), before);
    for bad in [&["client", "add", "g", "a b"][..], &["client", "add", "g", "x", "--scope", "a b"]] {
        world.run(bad).await.expect(2);
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_gateway_asks_for_scopes_it_asks_for_the_consumers_too() {
    let world = with_gateway().await;
    world.run(&["update", "g", "--add-allowed-scope", "g/invoke"]).await.expect(0);
    let own = Credentials::of(world.run(&["credentials", "g", "-o", "json"]).await);
    let team_of = Credentials::of(world.run(&[ADD, &["--scope", "read", "--scope", "read"]].concat()).await);
    assert_eq!((team_of.call(&world, None).await, own.call(&world, None).await), (200, 200));
    assert_eq!(team(&world).await.unwrap()["scopes"], json!(["g/read"]));
}

#[tokio::test(start_paused = true)]
async fn two_consumers_that_are_added_at_once_are_both_let_in() {
    let world = with_gateway().await;
    let (one, other) =
        tokio::join!(world.run(ADD), world.run(&["client", "add", "g", "other", "--scope", "read", "-o", "json"]));
    let (one, other) = (Credentials::of(one), Credentials::of(other));
    assert_eq!((one.call(&world, None).await, other.call(&world, None).await), (200, 200));
    // Of one name, both runs print the same.
    let world = with_gateway().await;
    let world = world.slow(&world.moment(), Duration::from_millis(50));
    let (one, again) = tokio::join!(world.run(ADD), world.run(ADD));
    let (one, again) = (Credentials::of(one), Credentials::of(again));
    assert_eq!((&one.id, &one.secret), (&again.id, &again.secret));
    assert_eq!(one.call(&world, None).await, 200);
    assert!(team(&world).await.is_some());
    // Scopes, too, are added to those of the other.
    let world = with_gateway().await;
    let add = |name: &'static str| ["client", "add", "g", name, "--scope", name, "-o", "json"];
    let (reads, writes) = (add("read"), add("write"));
    let (one, other) = tokio::join!(world.run(&reads), world.run(&writes));
    let (one, other) = (Credentials::of(one), Credentials::of(other));
    assert_eq!((one.call(&world, None).await, other.call(&world, None).await), (200, 200));
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_fails_names_the_command_that_gives_another_secret() {
    let world = with_gateway().await;
    world.run(ADD).await.expect(0);
    later().await;
    let moment = world.moment();
    let broken = world.under(&moment, &["cognito-idp:AddUserPoolClientSecret=InternalErrorException"]);
    let failed = broken.run(ROTATE).await.expect(1).json();
    assert!(failed["error"]["hint"].as_str().unwrap().contains("client rotate g team --replace"), "{failed:#}");
    // The new secret is printed also if the old one cannot be deleted, and the exit says that it is not done.
    let denied = world.under(&moment, &["cognito-idp:DeleteUserPoolClientSecret=AccessDeniedException"]);
    let half = denied.run(&[ROTATE, &["--now"]].concat()).await.expect(3).json();
    assert!(half["clientInfo"]["clientSecret"].is_string(), "{half:#}");
    assert!(half["warnings"][0].as_str().unwrap().contains("the older secret stays valid"), "{half:#}");
}

/// One of them gets the second secret; the other says so soon, and does not offer to delete it.
#[tokio::test(start_paused = true)]
async fn of_two_rotations_at_once_one_is_made() {
    let world = with_gateway().await;
    let old = Credentials::of(world.run(ADD).await);
    later().await;
    let world = world.slow(&world.moment(), Duration::from_millis(50));
    let begin = tokio::time::Instant::now();
    let (one, other) = tokio::join!(world.run(ROTATE), world.run(ROTATE));
    assert!(begin.elapsed() < Duration::from_mins(1), "{:?}", begin.elapsed());
    let (won, lost) = if one.code == 0 { (one, other) } else { (other, one) };
    assert_eq!(lost.code, 1, "{}", lost.stdout);
    assert_eq!(lost.json()["error"]["code"], "conflict", "{}", lost.stdout);
    let new = Credentials::of(won);
    assert_eq!((old.call(&world, None).await, new.call(&world, None).await), (200, 200));
}

#[tokio::test(start_paused = true)]
async fn the_gateways_own_client_is_no_consumer() {
    let world = with_gateway().await;
    let own = listed(&world).await[0]["client"].as_str().unwrap().to_owned();
    let before = world.snapshot();
    for verb in ["add", "remove", "rotate"] {
        let refused = world.run(&["client", verb, "g", &own, "-o", "json"]).await.expect(2).json();
        assert!(refused["error"]["message"].as_str().unwrap().contains("the gateway's own client"), "{refused:#}");
    }
    assert_eq!(world.snapshot(), before);
}
