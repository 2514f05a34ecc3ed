//! `create` and `cleanup`, killed or deprived of a response at every request.

mod changes;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use agentcore_gw::local::Faults;
use serde_json::{Value, json};

use crate::support::world::{Mishap, Moment, World};

const CREATE: &[&str] = &["create", "weather-gateway", "--sample"];
const CLEANUP: &[&str] = &["cleanup", "weather-gateway", "--yes"];
/// Shorter than the settle time of 15 seconds, as we assume AWS's lag to be.
const LAG: Duration = Duration::from_secs(12);

fn one_of_everything() -> BTreeMap<&'static str, usize> {
    BTreeMap::from([
        ("roles", 2),
        ("policies", 2),
        ("pools", 1),
        ("clients", 1),
        ("resource servers", 1),
        ("functions", 1),
        ("log groups", 2),
        ("sources", 2),
        ("destinations", 2),
        ("deliveries", 2),
        ("gateways", 1),
        ("targets", 1),
        ("providers", 0),
        ("secrets", 0),
    ])
}

async fn whole_stack(lag: Duration) -> World {
    let world = World::new(lag);
    world.run(CREATE).await.expect(0);
    world
}

/// The requests that a command makes without a mishap.
async fn requests(world: &World, args: &[&str]) -> Vec<String> {
    world.run(args).await.expect(0).calls
}

/// Lets lists catch up, at most as long as a person takes between two commands.
async fn lists_catch_up() {
    tokio::time::advance(Duration::from_mins(1)).await;
}

/// The number of kinds of mishaps to try: all, or only a lost response where the others add nothing.
fn kinds(is_first: bool) -> usize {
    if is_first { 3 } else { 1 }
}

/// This many kinds of mishaps at every request, with the program surviving. While something lags, the same
/// request is repeated many times; after the third repetition, another one adds nothing.
fn mishaps(calls: &[String], kinds: usize) -> impl Iterator<Item = Mishap> {
    let repeated = |k: usize| calls[..k].iter().filter(|call| **call == calls[k]).count() > 2;
    let is_aws = |k: usize| !calls[k].contains("/oauth2/token");
    let numbers: Vec<usize> = (0..calls.len()).filter(|k| !repeated(*k) && is_aws(*k)).map(|k| k + 1).collect();
    let of_one = move |k| [Mishap::LoseAnswer(k), Mishap::Close(k), Mishap::Deny(k)].into_iter().take(kinds);
    numbers.into_iter().flat_map(of_one)
}

/// Every `parts`-th item, so that the parts of a test can run in parallel.
fn part<T>(all: impl IntoIterator<Item = T>, (part, parts): (usize, usize)) -> impl Iterator<Item = T> {
    all.into_iter().enumerate().filter(move |(index, _)| index % parts == part).map(|(_, one)| one)
}

async fn create_makes_one_of_everything(world: &World, after: &str) {
    let again = world.run(CREATE).await;
    assert_eq!(again.code, 0, "create after {after}: {}", again.stderr);
    assert_eq!(world.census(), one_of_everything(), "create after {after}\n{}", again.stderr);
}

async fn cleanup_leaves_nothing(world: &World, name: &str, after: &str) {
    let cleaned = world.run(&["cleanup", name, "--yes"]).await;
    assert_eq!(cleaned.code, 0, "cleanup after {after}: {}{}", cleaned.stdout, cleaned.stderr);
    assert!(world.is_empty(), "cleanup after {after}: {:?}\n{}", world.census(), cleaned.stderr);
}

async fn after_any_mishap_in_create(lag: Duration, which: (usize, usize)) {
    let world = World::new(lag);
    let moments = world.moments_of(CREATE).await;
    for (k, moment) in part(moments.iter().enumerate(), which) {
        let dead = format!("it died at moment {k} of create");
        let fork = world.at(moment);
        create_makes_one_of_everything(&fork, &dead).await;
        cleanup_leaves_nothing(&fork, "weather-gateway", &dead).await;
        cleanup_leaves_nothing(&world.at(moment), "weather-gateway", &dead).await;
    }
    let calls = requests(&World::new(lag), CREATE).await;
    for mishap in part(mishaps(&calls, kinds(lag.is_zero())), which) {
        let world = World::new(lag);
        let first = world.run_with(CREATE, Some(mishap)).await.unwrap();
        let is_well = first.code == 0 || first.code == 4 && matches!(mishap, Mishap::Deny(_));
        assert!(is_well, "{mishap:?}: {} {}", first.code, first.stderr);
        let after = format!("{mishap:?}");
        let moment = world.moment();
        create_makes_one_of_everything(&world, &after).await;
        cleanup_leaves_nothing(&world.at(&moment), "weather-gateway", &after).await;
    }
}

async fn after_any_mishap_in_cleanup(which: (usize, usize)) {
    let folder = tempfile::tempdir().unwrap();
    let world = whole_stack(Duration::ZERO).await;
    for add in
        [add_api(&folder, "by-key", "--api-key-file"), add_api(&folder, "by-token", "--oauth-client-secret-file")]
    {
        world.run(&add.iter().map(String::as_str).collect::<Vec<_>>()).await.expect(0);
    }
    assert_eq!(world.census()["providers"], 2);
    lists_catch_up().await;
    let whole = world.moment();
    let moments = world.moments_of(CLEANUP).await;
    for (k, moment) in part(moments.iter().enumerate(), which) {
        let dead = format!("it died at moment {k} of cleanup");
        let fork = world.at(moment);
        cleanup_leaves_nothing(&fork, "weather-gateway", &dead).await;
        create_makes_one_of_everything(&fork, &dead).await;
    }
    let calls = requests(&world.at(&whole), CLEANUP).await;
    for mishap in part(mishaps(&calls, kinds(true)), which) {
        let fork = world.at(&whole);
        let first = fork.run_with(CLEANUP, Some(mishap)).await.unwrap();
        let is_well = first.code == 0 || matches!((mishap, first.code), (Mishap::Deny(_), 3 | 4));
        assert!(is_well, "{mishap:?}: {} {}{}", first.code, first.stdout, first.stderr);
        cleanup_leaves_nothing(&fork, "weather-gateway", &format!("{mishap:?}")).await;
    }
}

/// `target add openapi` with a secret of this kind.
fn add_api(folder: &tempfile::TempDir, name: &str, secret: &str) -> Vec<String> {
    let (spec, key) = (folder.path().join("api.yaml"), folder.path().join("key"));
    let document = "openapi: 3.0.3\nservers: [{url: https://api.example.com}]\ninfo: {title: x, version: 1.0.0}\npaths: {/x: {get: {operationId: x, responses: {default: {description: ok}}}}}";
    std::fs::write(&spec, document).unwrap();
    std::fs::write(&key, "secret").unwrap();
    let more: &[&str] = if secret.starts_with("--oauth") {
        &["--oauth-client-id", "c", "--oauth-token-endpoint", "https://idp.example.com/token"]
    } else {
        &["--api-key-query", "k"]
    };
    let (spec, key) = (spec.to_str().unwrap(), key.to_str().unwrap());
    let fixed = ["target", "add", "openapi", name, "--gateway", "weather-gateway", "--spec", spec, secret, key];
    fixed.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

/// An API with a secret, added to a gateway, with every mishap at every request.
async fn after_any_mishap_in_adding_an_api(lag: Duration, secret: &str) {
    let folder = tempfile::tempdir().unwrap();
    let add = add_api(&folder, "api", secret);
    let add: Vec<&str> = add.iter().map(String::as_str).collect();
    let world = World::new(lag);
    world.run(&["create", "weather-gateway", "--authorizer", "none", "--no-observability", "-y"]).await.expect(0);
    lists_catch_up().await;
    let before = world.moment();
    let check = async |world: &World, moment: &Moment, after: &str| {
        cleanup_leaves_nothing(&world.at(moment), "weather-gateway", after).await;
        let fork = world.at(moment);
        lists_catch_up().await;
        let again = fork.run(&add).await;
        assert_eq!(again.code, 0, "add after {after}: {}", again.stderr);
        let made = ["gateways", "targets", "providers", "secrets"].map(|kind| fork.census()[kind]);
        assert_eq!(made, [1; 4], "add after {after}");
        lists_catch_up().await;
        let removed = fork.run(&["target", "remove", "api", "--gateway", "weather-gateway"]).await;
        assert_eq!(removed.code, 0, "remove after {after}: {}", removed.stderr);
        let left = ["targets", "providers", "secrets"].map(|kind| fork.census()[kind]);
        assert_eq!(left, [0; 3], "remove after {after}");
    };
    for (k, moment) in world.moments_of(&add).await.iter().enumerate() {
        check(&world, moment, &format!("it died at moment {k} of add")).await;
    }
    let calls = requests(&world.at(&before), &add).await;
    for mishap in mishaps(&calls, kinds(lag.is_zero() && secret == "--api-key-file")) {
        let fork = world.at(&before);
        let first = fork.run_with(&add, Some(mishap)).await.unwrap();
        let is_well = first.code == 0 || first.code == 4 && matches!(mishap, Mishap::Deny(_));
        assert!(is_well, "{mishap:?}: {} {}", first.code, first.stderr);
        check(&fork, &fork.moment(), &format!("{mishap:?}")).await;
    }
}

/// One test for each part of a long one.
macro_rules! parts {
    ($($name:ident: $test:expr;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                $test.await;
            }
        )*
    };
}

parts! {
    after_any_mishap_in_create_there_is_one_of_everything_and_cleanup_leaves_nothing_1: after_any_mishap_in_create(Duration::ZERO, (0, 2));
    after_any_mishap_in_create_there_is_one_of_everything_and_cleanup_leaves_nothing_2: after_any_mishap_in_create(Duration::ZERO, (1, 2));
    the_same_while_lists_roles_and_policies_lag_1: after_any_mishap_in_create(LAG, (0, 4));
    the_same_while_lists_roles_and_policies_lag_2: after_any_mishap_in_create(LAG, (1, 4));
    the_same_while_lists_roles_and_policies_lag_3: after_any_mishap_in_create(LAG, (2, 4));
    the_same_while_lists_roles_and_policies_lag_4: after_any_mishap_in_create(LAG, (3, 4));
    after_any_mishap_in_cleanup_a_second_one_leaves_nothing_1: after_any_mishap_in_cleanup((0, 2));
    after_any_mishap_in_cleanup_a_second_one_leaves_nothing_2: after_any_mishap_in_cleanup((1, 2));
    after_any_mishap_an_api_with_a_key_is_added_once_and_removed_whole: after_any_mishap_in_adding_an_api(Duration::ZERO, "--api-key-file");
    an_api_with_a_key_too_while_lists_lag: after_any_mishap_in_adding_an_api(LAG, "--api-key-file");
    after_any_mishap_an_api_with_an_oauth_client_is_added_once_and_removed_whole: after_any_mishap_in_adding_an_api(Duration::ZERO, "--oauth-client-secret-file");
}

/// AWS does not document how long IAM takes. For the targets, an earlier run created the role, seconds ago.
#[tokio::test(start_paused = true)]
async fn roles_and_policies_that_hold_forty_seconds_later_stop_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let late = || Faults::new(Duration::ZERO, Duration::ZERO, Vec::new()).with_iam_lag(Duration::from_secs(40));
    let world = World::with_faults(late());
    world.run(CREATE).await.expect(0);
    assert_eq!(world.census(), one_of_everything());
    let api = add_api(&folder, "api", "--api-key-file");
    world.run(&api.iter().map(String::as_str).collect::<Vec<_>>()).await.expect(0);
    let bare = World::with_faults(late());
    bare.run(&["create", "weather-gateway", "--authorizer", "none", "-y"]).await.expect(0);
    for target in ["lambda", "smithy"] {
        bare.run(&["target", "add", target, target, "--gateway", "weather-gateway"]).await.expect(0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_create_changes_nothing_and_makes_no_write() {
    let world = whole_stack(Duration::ZERO).await;
    let before = world.snapshot();
    let second = world.run(CREATE).await.expect(0);
    assert_eq!(world.snapshot(), before);
    let writes = ["Create", "Put", "Update", "Delete", "Tag"];
    let wrote = second.calls.iter().find(|call| writes.iter().any(|verb| call.contains(&format!(" {verb}"))));
    assert_eq!(wrote, None);
    assert!(second.stdout.contains("nothing had to be changed"), "{}", second.stdout);
}

#[tokio::test(start_paused = true)]
async fn on_an_empty_account_create_keeps_to_its_budget_of_calls() {
    let calls = World::new(Duration::ZERO).run(CREATE).await.expect(0).calls;
    let aws: Vec<_> = calls.iter().filter(|call| !call.contains("/oauth2/token")).collect();
    // Seven of them look at what has a known name before it is known whether there is anything: they save a level.
    assert!(aws.len() <= 42, "{} calls: {aws:#?}", aws.len());
    let is_read =
        |call: &str| ["GET ", "POST Get", "POST List", "POST Describe"].iter().any(|read| call.starts_with(read));
    let mut writes: Vec<_> = aws.iter().filter(|call| !call.contains("Put") && !is_read(call)).collect();
    let all = writes.len();
    writes.sort();
    writes.dedup();
    // Roles, role policies, log groups and deliveries are created twice, with two names.
    assert!(all - writes.len() <= 3, "repeated: {aws:#?}");
}

#[tokio::test(start_paused = true)]
async fn cleanup_of_nothing_says_where_it_looked() {
    let world = World::new(Duration::ZERO);
    let outcome = world.run(CLEANUP).await.expect(0);
    assert!(outcome.stdout.contains("Nothing of weather-gateway was found in us-west-2"), "{}", outcome.stdout);
}

#[tokio::test(start_paused = true)]
async fn two_creates_at_once_make_one_of_everything() {
    for lag in [Duration::ZERO, LAG] {
        let world = World::new(lag);
        let (first, second) = tokio::join!(world.run(CREATE), world.run(CREATE));
        assert_eq!((first.code, second.code), (0, 0), "{}{}", first.stderr, second.stderr);
        world.run(CREATE).await.expect(0);
        assert_eq!(world.census(), one_of_everything(), "lag {lag:?}\n{}\n{}", first.stderr, second.stderr);
    }
}

#[tokio::test(start_paused = true)]
async fn what_aws_throttles_is_tried_again_and_made_once() {
    let world = World::with_rules(&[
        "cognito-idp:CreateUserPool=TooManyRequestsException*2",
        "cognito-idp:CreateUserPoolClient=ThrottlingException*2",
        "iam:CreateRole=Throttling*1",
        "bedrock-agentcore:CreateGateway=ServiceUnavailable*1",
        "logs:CreateDelivery=ThrottlingException*1",
    ]);
    world.run(CREATE).await.expect(0);
    assert_eq!(world.census(), one_of_everything());
}

#[tokio::test(start_paused = true)]
async fn a_denied_call_ends_create_with_4_and_names_what_exists() {
    let world = World::with_rules(&["bedrock-agentcore:CreateGateway=AccessDeniedException"]);
    let mut args = vec!["-o", "json"];
    args.extend(CREATE);
    let error = world.run(&args).await.expect(4).json();
    assert_eq!(error["error"]["code"], "access_denied");
    let causes = error["error"]["causes"].to_string();
    assert!(causes.contains("exists now: execution role"), "{error:#}");
    let world = World::with_rules(&["logs:CreateDelivery=AccessDeniedException"]);
    let created = world.run(&args).await.expect(0).json();
    assert!(created["warnings"].to_string().contains("not delivered"), "observability only warns: {created:#}");
}

#[tokio::test(start_paused = true)]
async fn cleanup_that_is_denied_goes_on_ends_with_3_and_keeps_the_anchor() {
    let rules = ["lambda:DeleteFunction=AccessDeniedException*1", "cognito-idp:ListUserPools=AccessDeniedException*0"];
    let world = World::with_rules(&rules);
    world.run(CREATE).await.expect(0);
    let mut args = vec!["-o", "json"];
    args.extend(CLEANUP);
    let report = world.run(&args).await.expect(3).json();
    assert_eq!(report["remaining"][0]["kind"], "sample function", "{report:#}");
    let census = world.census();
    assert_eq!((census["gateways"], census["pools"], census["functions"], census["roles"]), (0, 0, 1, 1), "{census:?}");
    world.run(CLEANUP).await.expect(0);
    assert!(world.is_empty());
}

/// What AWS returns while something that was deleted, or is being changed, is still in the way.
#[tokio::test(start_paused = true)]
async fn a_refusal_that_passes_by_itself_is_waited_for() {
    for rule in [
        "iam:DeleteRole=DeleteConflict*3:Cannot delete entity, must delete policies first.",
        "iam:DeleteRolePolicy=ConcurrentModification*3:Another operation is in progress.",
        "cognito-idp:DeleteUserPool=InvalidParameterException*3:User pool cannot be deleted. It has a domain configured that should be deleted first.",
        "logs:DeleteDelivery=ConflictException*3:Requested resource is currently being updated. Please try again later.",
        "logs:DeleteLogGroup=OperationAbortedException*3:A conflicting operation is currently in progress against this resource. Please try again.",
        "lambda:DeleteFunction=ResourceConflictException*3:The operation cannot be performed at this time. An update is in progress for resource: x",
    ] {
        let world = World::with_rules(&[rule]);
        world.run(CREATE).await.expect(0);
        let cleaned = world.run(CLEANUP).await;
        assert_eq!(cleaned.code, 0, "{rule}: {}{}", cleaned.stdout, cleaned.stderr);
        assert!(world.is_empty(), "{rule}: {:?}", world.census());
    }
    // A refusal that does not pass is reported after a while, in AWS's words.
    let world =
        World::with_rules(&["iam:DeleteRole=DeleteConflict:Cannot delete entity, must detach all policies first."]);
    world.run(CREATE).await.expect(0);
    let begun = tokio::time::Instant::now();
    let left = world.run(CLEANUP).await.expect(3);
    assert!(left.stdout.contains("must detach all policies first"), "{}{}", left.stdout, left.stderr);
    assert!(begun.elapsed() < Duration::from_mins(8), "{:?}", begun.elapsed());
}

/// IAM serializes changes of a role, and rejects concurrent ones.
#[tokio::test(start_paused = true)]
async fn two_changes_of_a_role_at_once_are_made_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = "ConcurrentModification*3:Another change of this role is under way.";
    let world = World::with_rules(&[&format!("iam:PutRolePolicy={refusal}"), &format!("iam:TagRole={refusal}")]);
    world.run(CREATE).await.expect(0);
    assert_eq!(world.census(), one_of_everything());
    let add = add_api(&folder, "api", "--api-key-file");
    world.run(&add.iter().map(String::as_str).collect::<Vec<_>>()).await.expect(0);
    assert_eq!(world.census()["providers"], 1);
}

/// As while another target or another run is changing it.
#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_updating_is_waited_for() {
    for operation in ["CreateGatewayTarget", "DeleteGatewayTarget", "DeleteGateway"] {
        let words = "Cannot perform operation when gateway is in UPDATING status";
        let world = World::with_rules(&[&format!("bedrock-agentcore:{operation}=ConflictException*3:{words}")]);
        world.run(CREATE).await.expect(0);
        assert_eq!(world.census(), one_of_everything(), "{operation}");
        world.run(CLEANUP).await.expect(0);
        assert!(world.is_empty(), "{operation}: {:?}", world.census());
    }
}

/// AWS fetches the pool's OpenID document when it creates the gateway, and a new pool may not serve it yet.
#[tokio::test(start_paused = true)]
async fn a_gateway_that_failed_for_its_new_pool_is_made_again() {
    static LOOKS: AtomicUsize = AtomicUsize::new(0);
    fn fails_once(call: &str, document: &mut Value) {
        let is_gateway = call.starts_with("GET /gateways/") && document["gatewayId"].is_string();
        if is_gateway && LOOKS.fetch_add(1, Ordering::Relaxed) == 0 {
            document["status"] = json!("FAILED");
            document["statusReasons"] =
                json!(["Failed to create gateway dependencies: Failed to fetch discovery document \
                from: https://x (Service: AgentCredentialProvider, Status Code: 400)"]);
        }
    }
    let world = World::new(Duration::ZERO).rewriting(fails_once);
    let created = world.run(CREATE).await.expect(0);
    assert!(created.stderr.contains("does not serve its OpenID document yet"), "{}", created.stderr);
    assert_eq!(world.census(), one_of_everything());
}

/// A resolver that is asked for the name of a new domain too early caches for 15 minutes that it does not
/// exist.
#[tokio::test(start_paused = true)]
async fn amazons_token_host_is_looked_up_last_and_not_before_its_name_is_there() {
    let world = World::new(Duration::ZERO).at_amazon();
    let begun = tokio::time::Instant::now();
    let created = world.run(CREATE).await.expect(0);
    assert!((90..95).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(created.stderr.contains("asking for a token in 90 s"), "{}", created.stderr);
    let asked = created.calls.iter().position(|call| call.contains("/oauth2/token"));
    assert_eq!(asked, Some(created.calls.len() - 1), "{:?}", created.calls);
    assert!(created.stdout.contains(".auth.us-west-2.amazoncognito.com/oauth2/token"), "{}", created.stdout);
    let begun = tokio::time::Instant::now();
    world.run(CREATE).await.expect(0);
    assert!(begun.elapsed() < Duration::from_secs(5), "its name was there before: {:?}", begun.elapsed());
    world.run(&["create", "other", "--no-wait"]).await.expect(0);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_cleanup_cannot_look_at_makes_it_incomplete() {
    let world = World::with_rules(&["cognito-idp:ListUserPools=AccessDeniedException"]);
    world.run(CREATE).await.expect(0);
    let mut args = vec!["-o", "json"];
    args.extend(CLEANUP);
    let report = world.run(&args).await.expect(3).json();
    assert_eq!(report["complete"], false);
    assert!(report["remaining"].to_string().contains("ListUserPools"), "{report:#}");
    assert_eq!(world.census()["roles"], 1, "the anchor stays");
}
