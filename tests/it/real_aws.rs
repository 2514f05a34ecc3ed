//! What the real AWS does and a local one need not do: messages, timing and states that people with accounts
//! recorded, each simulated once.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use agentcore_gw::local::Faults;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::world::{Late, STATUS, World};

const CREATE: &[&str] = &["create", "g", "--sample"];
const CLEANUP: &[&str] = &["cleanup", "g", "-y"];

/// Files that targets are created from.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let api = "openapi: 3.0.3\nservers: [{url: https://x.example}]\ninfo: {title: x, version: 1.0.0}\npaths: {/x: {get: {operationId: x, responses: {default: {description: ok}}}}}";
        fs::write(folder.path().join("api.yaml"), api).unwrap();
        fs::write(folder.path().join("key"), "secret").unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// The arguments that add a target of each kind.
    fn targets(&self) -> Vec<Vec<String>> {
        let (api, key) = (self.path("api.yaml"), self.path("key"));
        let with_key = ["openapi", "api", "--spec", &api, "--api-key-file", &key, "--api-key-header", "x-key"];
        // No server answers there; one with dynamic listing need not.
        let server = ["mcp-server", "server", "--endpoint", "https://127.0.0.1:1/mcp", "--dynamic-listing"];
        let kinds: [&[&str]; 5] = [
            &server,
            &with_key,
            &["smithy", "dynamodb"],
            &["lambda", "more"],
            &["api-gateway", "rest", "--rest-api-id", "a1b2c3d4e5", "--stage", "prod", "--filter", "/x=GET"],
        ];
        let add = |kind: &&[&str]| {
            ["target", "add"].iter().chain(*kind).chain(&["--gateway", "g"]).map(|word| (*word).to_owned()).collect()
        };
        kinds.iter().map(add).collect()
    }
}

fn words(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

/// A new account at its slowest: IAM takes 40 seconds, the pool's document 60, the domain's name 70.
#[tokio::test(start_paused = true)]
async fn create_and_a_target_of_each_kind_pass_where_everything_is_late() {
    let faults = Faults::new(Duration::ZERO, Duration::ZERO, Vec::new()).with_iam_lag(Duration::from_secs(40));
    let late = Late { document: Duration::from_mins(1), name: Duration::from_secs(70) };
    let world = World::with_faults(faults).with_late_names(late).busy();
    let begun = Instant::now();
    let created = world.run(CREATE).await.expect(0);
    assert!(begun.elapsed() < Duration::from_mins(4), "{:?}", begun.elapsed());
    assert!(created.stderr.contains("does not serve its OpenID document yet (HTTP 400)"), "{}", created.stderr);
    let gateways = created.calls.iter().filter(|call| *call == "POST /gateways").count();
    assert_eq!(gateways, 1, "none was made in vain: {:?}", created.calls);
    for target in Files::new().targets() {
        let added = world.run(&words(&target)).await;
        assert_eq!(added.code, 0, "{target:?}: {}{}", added.stdout, added.stderr);
        assert!(added.stderr.contains("in UPDATING status"), "{target:?}: {}", added.stderr);
    }
    assert_eq!(world.census()["targets"], 6);
    world.run(CLEANUP).await.expect(0);
    assert!(world.is_empty(), "{:?}", world.census());
}

/// If the document never appears, the gateway is created anyway: AWS decides.
#[tokio::test(start_paused = true)]
async fn a_pool_without_a_document_is_waited_for_two_minutes() {
    let late = Late { document: Duration::from_hours(1), name: Duration::ZERO };
    let world = World::new(Duration::ZERO).with_late_names(late);
    let begun = Instant::now();
    world.run(&["create", "g"]).await.expect(0);
    assert!((120..240).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

/// AgentCore rejects a document without `authorization_endpoint` like a missing one.
#[tokio::test(start_paused = true)]
async fn a_document_is_whole_when_it_has_an_authorization_endpoint() {
    static LOOKS: AtomicUsize = AtomicUsize::new(0);
    fn lacks(call: &str, document: &mut Value) {
        if call.ends_with("/.well-known/openid-configuration") && LOOKS.fetch_add(1, Ordering::Relaxed) < 3 {
            document.as_object_mut().unwrap().remove("authorization_endpoint");
        }
    }
    let world = World::new(Duration::ZERO).at_amazon().rewriting(lacks);
    let created = world.run(&["create", "g"]).await.expect(0);
    assert!(created.stderr.contains("has no authorization_endpoint yet"), "{}", created.stderr);
    let at = |call: &str| created.calls.iter().position(|other| other == call).unwrap();
    assert!(LOOKS.load(Ordering::Relaxed) > 3 && at("POST /gateways") > at("POST CreateUserPoolDomain"));
}

/// The document names the token endpoint; it is used only if it is for the pool's domain.
#[tokio::test(start_paused = true)]
async fn the_token_endpoint_is_the_one_that_the_pools_document_names() {
    fn fips(call: &str, document: &mut Value) {
        if call.ends_with("/.well-known/openid-configuration") {
            document["token_endpoint"] =
                json!("https://agw-g-1537ee96.auth-fips.us-west-2.amazoncognito.com/oauth2/token");
        }
    }
    fn strange(call: &str, document: &mut Value) {
        if call.ends_with("/.well-known/openid-configuration") {
            document["token_endpoint"] = json!("https://tokens.example/oauth2/token");
        }
    }
    let world = World::new(Duration::ZERO).at_amazon();
    let created = world.run(&["create", "g", "-o", "json"]).await.expect(0).json();
    let domain = created["clientInfo"]["domainPrefix"].as_str().unwrap().to_owned();
    assert_eq!(domain, "agw-g-1537ee96");
    let endpoint = async |world: &World| {
        let shown = world.run(&["credentials", "g", "-o", "json"]).await.expect(0).json();
        shown["clientInfo"]["tokenEndpoint"].as_str().unwrap().to_owned()
    };
    let usual = format!("https://{domain}.auth.us-west-2.amazoncognito.com/oauth2/token");
    assert_eq!(created["clientInfo"]["tokenEndpoint"], usual.as_str());
    assert_eq!(endpoint(&world).await, usual);
    assert_eq!(endpoint(&world.rewriting(strange)).await, usual);
    assert!(endpoint(&world.rewriting(fips)).await.contains(".auth-fips."));
}

/// DELETING ends in FAILED, permanently, if the caller lacks a permission.
#[tokio::test(start_paused = true)]
async fn a_deletion_that_aws_gives_up_ends_the_wait_with_its_reasons() {
    fn gives_up(call: &str, document: &mut Value) {
        let is_gone = call.starts_with("GET /gateways/g-") && document["message"].is_string();
        if is_gone && !call.contains("/targets/") {
            let reason = "Failed to delete gateway dependencies: User: arn:aws:iam::000000000000:user/x is not \
                          authorized to perform: bedrock-agentcore:DeleteWorkloadIdentity";
            *document = json!({ "name": "g", "status": "FAILED", "statusReasons": [reason], STATUS: 200 });
        }
    }
    fn stays_failed(call: &str, document: &mut Value) {
        if call.starts_with("GET /gateways/g-") && document["gatewayUrl"].is_string() {
            let reason = "User: x is not authorized to perform: bedrock-agentcore:DeleteWorkloadIdentity";
            document["status"] = json!("FAILED");
            document["statusReasons"] = json!([reason]);
        }
        gives_up(call, document);
    }
    let world = World::new(Duration::ZERO);
    world.run(CREATE).await.expect(0);
    let begun = Instant::now();
    let cleaned = world.rewriting(gives_up).run(CLEANUP).await.expect(3);
    assert!(cleaned.stdout.contains("bedrock-agentcore:DeleteWorkloadIdentity"), "{}", cleaned.stdout);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(world.census()["roles"], 2, "what it lives on stays");
    // A second attempt does not wait in vain, either.
    let world = World::new(Duration::ZERO);
    world.run(CREATE).await.expect(0);
    let begun = Instant::now();
    let cleaned = world.rewriting(stays_failed).run(CLEANUP).await.expect(3);
    assert!(cleaned.stdout.contains("bedrock-agentcore:DeleteWorkloadIdentity"), "{}", cleaned.stdout);
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
}

/// The same for a creation: the caller's permission is missing, not the role's.
#[tokio::test(start_paused = true)]
async fn a_gateway_that_failed_for_a_right_of_the_callers_says_whose_it_is() {
    fn fails(call: &str, document: &mut Value) {
        if call.starts_with("GET /gateways/g-") && document["gatewayUrl"].is_string() {
            document["status"] = json!("FAILED");
            document["statusReasons"] = json!([
                "Failed to create gateway dependencies: User: arn:aws:sts::000000000000:assumed-role/Dev/x is not \
                 authorized to perform: bedrock-agentcore:CreateWorkloadIdentity on resource: y"
            ]);
        }
    }
    let world = World::new(Duration::ZERO).rewriting(fails);
    let failed = world.run(&["create", "g", "--no-observability"]).await.expect(4);
    let said = "your identity lacks `bedrock-agentcore:CreateWorkloadIdentity`, on the workload identity directory";
    assert!(failed.stderr.contains(said), "{}", failed.stderr);
    let made = failed.calls.iter().filter(|call| *call == "POST /gateways").count();
    assert_eq!(made, 1, "no waiting brings it: {:?}", failed.calls);
    let denied =
        "AccessDeniedException:User: arn:aws:iam::000000000000:user/x is not authorized to perform: iam:PassRole";
    let world = World::with_rules(&[&format!("bedrock-agentcore:CreateGateway={denied}")]);
    let failed = world.run(&["create", "g", "--no-observability"]).await.expect(4);
    assert!(failed.stderr.contains("your identity lacks `iam:PassRole`"), "{}", failed.stderr);
}

/// Only the role's own gateway may assume it.
#[tokio::test(start_paused = true)]
async fn the_trust_policy_lets_no_other_gateway_assume_the_role() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    let status = world.run(&["status", "g", "-o", "json"]).await.expect(0).json();
    let role = status["roleArn"].as_str().unwrap();
    assert!(role.contains(":role/BedrockAgentCore/agentcore-gw/us-west-2/g/agw-g-"), "{role}");
    let others = ["create", "g-2", "--role-arn", role, "--authorizer", "iam", "--no-observability"];
    world.run(&others).await.expect(0);
    let refused = world.run(&["target", "add", "smithy", "x", "--gateway", "g-2", "--timeout", "400"]).await.expect(1);
    assert!(refused.stderr.contains("not authorized to perform AssumeRole on Gateway role"), "{}", refused.stderr);
    world.run(&["target", "add", "smithy", "x", "--gateway", "g"]).await.expect(0);
}

/// Roles that an older version of this program created are at an older path, and stay there.
#[tokio::test(start_paused = true)]
async fn stacks_on_the_older_path_are_found_and_keep_it() {
    let world = World::new(Duration::ZERO);
    world.run(CREATE).await.expect(0);
    let old =
        serde_json::to_string(&world.snapshot()).unwrap().replace("/BedrockAgentCore/agentcore-gw/", "/agentcore-gw/");
    let old: Value = serde_json::from_str(&old).unwrap();
    world.edit(|state| *state = old.clone());
    world.run(&["status", "g"]).await.expect(0);
    let again = world.run(CREATE).await.expect(0);
    assert!(again.stdout.contains("nothing had to be changed"), "{}", again.stdout);
    assert_eq!(world.snapshot(), old);
    world.run(&["cleanup", "--all", "-y"]).await.expect(0);
    assert!(world.is_empty(), "{:?}", world.census());
}

/// The owner of a function in another account must allow the role to invoke it.
#[tokio::test(start_paused = true)]
async fn of_a_function_in_another_account_the_owners_statement_is_printed() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    let folder = tempfile::tempdir().unwrap();
    let tools = folder.path().join("tools.json");
    fs::write(&tools, r#"[{"name":"t","description":"d","inputSchema":{"type":"object"}}]"#).unwrap();
    let arn = "arn:aws:lambda:us-west-2:111122223333:function:theirs";
    let add =
        ["target", "add", "lambda", "t", "--gateway", "g", "--lambda-arn", arn, "--tools", tools.to_str().unwrap()];
    let planned = world.run(&[&add[..], &["--dry-run", "-o", "json"]].concat()).await.expect(0).json();
    let said = planned["warnings"][0].as_str().unwrap();
    assert!(
        said.contains("111122223333") && said.contains(r#""Principal":{"AWS":"arn:aws:iam::000000000000:role/"#),
        "{said}"
    );
}

/// A role that signs requests may call the API that the address identifies, or the resource that the user
/// names.
#[tokio::test(start_paused = true)]
async fn what_is_signed_for_is_allowed_to_the_role() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    let folder = tempfile::tempdir().unwrap();
    let api = |url: &str| {
        let path = folder.path().join("api.json");
        let document = json!({
            "openapi": "3.0.3",
            "info": { "title": "x", "version": "1" },
            "servers": [{ "url": url }],
            "paths": { "/x": { "get": { "operationId": "x", "responses": { "200": { "description": "ok" } } } } },
        });
        fs::write(&path, document.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let policy = |world: &World| {
        let roles = world.snapshot()["iam"]["roles"].clone();
        let role = roles.as_object().unwrap().values().next().unwrap().clone();
        role["inline"]["iam-service"]["document"]
            .as_str()
            .map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
    };
    let signed = ["--gateway", "g", "--iam-service"];
    let spec = api("https://a1b2c3.execute-api.eu-west-1.amazonaws.com/prod");
    let add = ["target", "add", "openapi", "rest", "--spec", &spec];
    world.run(&[&add[..], &signed[..], &["execute-api"]].concat()).await.expect(0);
    let derived = policy(&world);
    let statement = &derived["Statement"][0];
    assert_eq!(statement["Action"], "execute-api:Invoke");
    assert_eq!(statement["Resource"], json!(["arn:aws:execute-api:eu-west-1:000000000000:a1b2c3/*"]), "{derived:#}");
    // The URL of a function does not identify the function.
    let spec = api("https://abc.lambda-url.us-west-2.on.aws");
    let add = ["target", "add", "openapi", "url", "--spec", &spec];
    let before = world.snapshot();
    let refused = world.run(&[&add[..], &signed[..], &["lambda"]].concat()).await.expect(2);
    assert!(refused.stderr.contains("--iam-resource arn:aws:lambda:"), "{}", refused.stderr);
    assert_eq!(world.snapshot(), before);
    let function = "arn:aws:lambda:us-west-2:000000000000:function:mine";
    world.run(&[&add[..], &signed[..], &["lambda", "--iam-resource", function]].concat()).await.expect(0);
    let both = policy(&world).to_string();
    for word in
        ["lambda:InvokeFunctionUrl", "lambda:InvokedViaFunctionUrl", "\"lambda:InvokeFunction\"", function, "a1b2c3/*"]
    {
        assert!(both.contains(word), "{word}: {both}");
    }
    // Another address means another API.
    let spec = api("https://z9y8x7.execute-api.eu-west-1.amazonaws.com/prod");
    world.run(&["target", "update", "rest", "--gateway", "g", "--spec", &spec]).await.expect(0);
    let moved = policy(&world).to_string();
    assert!(moved.contains("z9y8x7/*") && !moved.contains("a1b2c3/*"), "{moved}");
    // Changing another target, or something else of this one, keeps the permission.
    let spec = api("https://def.lambda-url.us-west-2.on.aws");
    world.run(&["target", "update", "url", "--gateway", "g", "--spec", &spec]).await.expect(0);
    world.run(&["target", "remove", "rest", "--gateway", "g", "-y"]).await.expect(0);
    let left = policy(&world).to_string();
    assert!(left.contains(function) && !left.contains("execute-api"), "{left}");
    let other = "arn:aws:lambda:us-west-2:000000000000:function:other";
    world.run(&["target", "update", "url", "--gateway", "g", "--iam-resource", other]).await.expect(0);
    assert!(policy(&world).to_string().contains(other), "the credential stays");
    let api_arn = "arn:aws:execute-api:us-west-2:000000000000:x/*";
    world.run(&["target", "update", "url", "--gateway", "g", "--iam-resource", api_arn]).await.expect(2);
    let unsigned = ["target", "add", "openapi", "plain", "--spec", &spec, "--gateway", "g", "--iam-resource", other];
    world.run(&unsigned).await.expect(2);
    let wrong = ["--iam-resource", "arn:aws:execute-api:us-west-2:000000000000:x/*"];
    world.run(&[&add[..], &signed[..], &["lambda"], &wrong[..]].concat()).await.expect(2);
    world.run(&["target", "remove", "url", "--gateway", "g", "-y"]).await.expect(0);
    assert_eq!(policy(&world), Value::Null);
}

/// A gateway cannot list a runtime at the runtime's own host, only at its address below AgentCore's.
#[tokio::test(start_paused = true)]
async fn a_runtime_at_its_own_host_is_refused_with_the_address_that_works() {
    let world = World::new(Duration::ZERO);
    let host = "https://x.runtime.bedrock-agentcore.us-west-2.amazonaws.com/mcp";
    let refused =
        world.run(&["target", "add", "mcp-server", "t", "--gateway", "g", "--endpoint", host]).await.expect(2);
    assert!(refused.stderr.contains("/runtimes/ARN/invocations"), "{}", refused.stderr);
}

/// A function may be in a state that it does not leave.
#[tokio::test(start_paused = true)]
async fn a_function_that_never_becomes_active_ends_the_wait_and_is_named() {
    fn deactivated(call: &str, document: &mut Value) {
        if call.starts_with("GET /2015-03-31/functions/") && document["Configuration"].is_object() {
            document["Configuration"]["State"] = json!("Deactivated");
        }
    }
    fn update_failed(call: &str, document: &mut Value) {
        if call.starts_with("GET /2015-03-31/functions/") && document["Configuration"].is_object() {
            document["Configuration"]["LastUpdateStatus"] = json!("Failed");
            document["Configuration"]["LastUpdateStatusReason"] = json!("no more room");
        }
    }
    fn old_code(call: &str, document: &mut Value) {
        update_failed(call, document);
        if document["Configuration"].is_object() {
            document["Configuration"]["CodeSha256"] = json!("old");
        }
    }
    let begun = Instant::now();
    let failed = World::new(Duration::ZERO).rewriting(deactivated).run(CREATE).await.expect(1);
    assert!(failed.stderr.contains("Deactivated: Lambda gives no reason"), "{}", failed.stderr);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    // A failed update leaves the function as it was; only an update by this run is reported as an error.
    let world = World::new(Duration::ZERO);
    world.run(CREATE).await.expect(0);
    world.rewriting(update_failed).run(CREATE).await.expect(0);
    let failed = world.rewriting(old_code).run(CREATE).await.expect(1);
    assert!(failed.stderr.contains("its last update Failed: no more room"), "{}", failed.stderr);
}

/// All six calls may conflict with another change of the same resource.
#[tokio::test(start_paused = true)]
async fn deliveries_that_are_being_updated_are_tried_again() {
    for operation in [
        "PutDeliverySource",
        "PutDeliveryDestination",
        "CreateDelivery",
        "DeleteDelivery",
        "DeleteDeliverySource",
        "DeleteDeliveryDestination",
    ] {
        let words = "Requested resource is currently being updated. Please try again later.";
        let world = World::with_rules(&[&format!("logs:{operation}=ConflictException*3:{words}")]);
        let created = world.run(CREATE).await.expect(0);
        assert!(!created.stderr.contains("warning"), "{operation}: {}", created.stderr);
        assert_eq!(world.census()["deliveries"], 2, "{operation}");
        world.run(CLEANUP).await.expect(0);
        assert!(world.is_empty(), "{operation}: {:?}", world.census());
    }
    // Another kind of conflict creates no delivery, and is not taken for success.
    let world = World::with_rules(&["logs:CreateDelivery=ConflictException:Something else."]);
    let created = world.run(&["create", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!((&created["logGroup"], world.census()["deliveries"]), (&Value::Null, 0), "{created:#}");
}

/// There is only one source per resource and type, whoever created it.
#[tokio::test(start_paused = true)]
async fn a_delivery_that_somebody_made_already_is_left() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g"]).await.expect(0);
    // The console uses names of its own.
    let theirs = serde_json::to_string(&world.snapshot()["logs"]).unwrap();
    let id = world.run(&["get", "g", "-o", "json"]).await.json()["gatewayId"].as_str().unwrap().to_owned();
    let theirs: Value = serde_json::from_str(&theirs.replace(&format!("{id}-logs"), "WdDeliverySource-1")).unwrap();
    world.edit(|state| state["logs"] = theirs.clone());
    let again = world.run(&["create", "g"]).await.expect(0);
    assert!(again.stderr.contains("the source `WdDeliverySource-1` is there already"), "{}", again.stderr);
    assert!(!again.stderr.contains("warning"), "{}", again.stderr);
    assert_eq!(world.snapshot()["logs"], theirs);
    // AWS's own message, if the other source was created in between.
    let words = "ConflictException:This ResourceId has already been used in another Delivery Source in this account.";
    let world = World::with_rules(&[&format!("logs:PutDeliverySource={words}")]);
    let created = world.run(&["create", "g"]).await.expect(0);
    assert!(created.stderr.contains("has already been used in another Delivery Source"), "{}", created.stderr);
    assert_eq!((world.census()["destinations"], world.census()["sources"]), (0, 0), "no litter");
}

/// An account sends traces to CloudWatch Logs only after Transaction Search was switched on, once.
#[tokio::test(start_paused = true)]
async fn traces_that_the_account_refuses_are_said_once_and_tried_again_on_demand() {
    fn refuses(call: &str, document: &mut Value) {
        let source = document["delivery"]["deliverySourceName"].as_str().unwrap_or_default();
        if call == "POST CreateDelivery" && source.ends_with("-traces") {
            let message = "X-Ray Delivery Destination is supported with CloudWatch Logs as a Trace Segment Destination. \
                           Please enable the CloudWatch Logs destination using the UpdateTraceSegmentDestination API";
            *document = json!({ "__type": "ValidationException", "message": message, STATUS: 400 });
        }
    }
    let world = World::new(Duration::ZERO);
    let refusing = world.rewriting(refuses);
    let created = refusing.run(&["create", "g"]).await.expect(0);
    let warnings = created.stderr.matches("warning").count();
    assert_eq!(warnings, 1, "{}", created.stderr);
    assert!(
        created.stderr.contains("Transaction Search") && created.stderr.contains("again with `--traces`"),
        "{}",
        created.stderr
    );
    let census = world.census();
    assert_eq!((census["sources"], census["destinations"], census["deliveries"]), (1, 1, 1), "{census:?}");
    let again = refusing.run(&["create", "g"]).await.expect(0);
    assert!(
        again.stdout.contains("nothing had to be changed") && !again.stderr.contains("warning"),
        "{}",
        again.stderr
    );
    assert!(
        !again.calls.iter().any(|call| call.contains("Delivery") && !call.contains("Describe")),
        "{:?}",
        again.calls
    );
    world.run(&["create", "g", "--traces"]).await.expect(0);
    assert_eq!(world.census()["deliveries"], 2);
    assert!(!world.snapshot()["iam"].to_string().contains("agentcore-gw:traces"));
    world.run(CLEANUP).await.expect(0);
    assert!(world.is_empty(), "{:?}", world.census());
    let created = refusing.run(&["create", "g", "--no-traces"]).await.expect(0);
    let kept = world.run(&["create", "g", "--no-observability"]).await.expect(0);
    assert!(kept.stderr.contains("the gateway's logs are delivered already"), "{}", kept.stderr);
    assert!(!created.stderr.contains("warning"), "{}", created.stderr);
    assert_eq!(world.census()["deliveries"], 1);
}

/// Log records contain requests and responses.
#[tokio::test(start_paused = true)]
async fn the_gateways_own_logs_do_not_stay_for_ever() {
    let world = World::new(Duration::ZERO);
    let retention = |world: &World| {
        let groups = world.snapshot()["logs"]["groups"].clone();
        let group = groups.as_object().unwrap().iter().find(|(name, _)| name.contains("vendedlogs")).unwrap().1.clone();
        group.to_string()
    };
    world.run(&["create", "g"]).await.expect(0);
    assert!(retention(&world).contains(":30"), "{}", retention(&world));
    let changed = world.run(&["create", "g", "--log-retention", "7"]).await.expect(0);
    assert!(retention(&world).contains(":7") && changed.stderr.contains("updated log delivery"), "{}", changed.stderr);
    let again = world.run(&["create", "g", "--log-retention", "7"]).await.expect(0);
    assert!(again.stdout.contains("nothing had to be changed"), "{}", again.stdout);
    // An interrupted run may have created it without the call that sets the retention.
    world.edit(|state| {
        for group in state["logs"]["groups"].as_object_mut().unwrap().values_mut() {
            group["retention_days"] = Value::Null;
        }
        state["logs"]["deliveries"] = json!({});
    });
    assert!(!retention(&world).contains(":30"), "{}", retention(&world));
    world.run(&["create", "g"]).await.expect(0);
    assert!(retention(&world).contains(":30"), "{}", retention(&world));
    let denied = World::with_rules(&["logs:PutRetentionPolicy=AccessDeniedException"]);
    let created = denied.run(&["create", "g", "-o", "json"]).await.expect(0).json();
    assert!(created["logGroup"].is_string(), "logs are delivered: {created:#}");
    let refused = world.run(&["create", "g", "--log-retention", "8"]).await.expect(2);
    assert!(refused.stderr.contains("1, 3, 5, 7, 14, 30"), "{}", refused.stderr);
}

/// Messages of transient refusals: each is returned three times at its operation, and no command fails.
#[tokio::test(start_paused = true)]
async fn what_aws_says_for_a_while_only_stops_nobody() {
    let assume =
        "Gateway service is not authorized to perform AssumeRole on Gateway role. Update trust policy and retry";
    let invoke =
        "Gateway execution role lacks permission to invoke Lambda function arn:x. Update the permission and retry";
    let updating = "Cannot perform operation UpdateGatewayTarget when gateway is in UPDATING status";
    let files = Files::new();
    for (operation, code, said) in [
        ("bedrock-agentcore:CreateGateway", "ValidationException", assume),
        ("bedrock-agentcore:CreateGatewayTarget", "ValidationException", assume),
        ("bedrock-agentcore:CreateGatewayTarget", "ValidationException", invoke),
        ("bedrock-agentcore:UpdateGatewayTarget", "ValidationException", assume),
        ("bedrock-agentcore:UpdateGatewayTarget", "ValidationException", updating),
        ("bedrock-agentcore:UpdateGateway", "ValidationException", assume),
        ("bedrock-agentcore:CreateGateway", "AccessDeniedException", "not authorized to perform kms:GenerateDataKey"),
        (
            "lambda:CreateFunction",
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
        ),
        ("iam:PutRolePolicy", "NoSuchEntity", "The role with name agw-g cannot be found."),
    ] {
        let world = World::with_rules(&[&format!("{operation}={code}*3:{said}")]);
        let ended = world.run(CREATE).await;
        assert_eq!(ended.code, 0, "{operation}: {said}: {}", ended.stderr);
        let (api, target) = (files.path("api.yaml"), files.targets().swap_remove(1));
        for update in [words(&target), vec!["create", "g", "--description", "d"]] {
            world.run(&update).await.expect(0);
        }
        let text = fs::read_to_string(&api).unwrap();
        fs::write(&api, text.replace("operationId: x", "operationId: y")).unwrap();
        let updated = world.run(&["target", "update", "api", "--gateway", "g", "--spec", &api]).await;
        assert_eq!(updated.code, 0, "{operation}: {said}: {}", updated.stderr);
        fs::write(&api, text).unwrap();
        world.run(CLEANUP).await.expect(0);
        assert!(world.is_empty(), "{operation}: {said}: {:?}", world.census());
    }
}

/// Messages of permanent refusals: AWS's own words are shown, with a remedy if it is known.
#[tokio::test(start_paused = true)]
async fn what_aws_says_for_good_is_shown_in_its_words() {
    let files = Files::new();
    let api = files.targets().swap_remove(1);
    let api = words(&api);
    let describe = ["create", "g", "--description", "d"];
    for (operation, code, said, command, exit) in [
        (
            "bedrock-agentcore:UpdateGateway",
            "ValidationException",
            "Authorizer type cannot be updated for an existing gateway",
            &describe[..],
            1,
        ),
        (
            "bedrock-agentcore:UpdateGateway",
            "ValidationException",
            "UpdateGateway operation can't be performed on gateway when it is in Failed state",
            &describe,
            1,
        ),
        (
            "bedrock-agentcore:CreateGatewayTarget",
            "ValidationException",
            "Cannot perform operation CreateGatewayTarget when gateway is in FAILED status",
            &api,
            1,
        ),
        (
            "bedrock-agentcore:CreateGatewayTarget",
            "AccessDeniedException",
            "User: arn:aws:iam::000000000000:user/x is not authorized to perform: bedrock-agentcore:SynchronizeGatewayTargets on resource: y",
            &api,
            4,
        ),
        (
            "bedrock-agentcore:CreateApiKeyCredentialProvider",
            "AccessDeniedException",
            "User: arn:aws:iam::000000000000:user/x is not authorized to perform: bedrock-agentcore:CreateTokenVault on resource: y",
            &api,
            4,
        ),
        (
            "logs:PutDeliverySource",
            "ConflictException",
            "Update to existing Delivery Source with new ResourceId is not allowed. Please create a new Delivery Source instead.",
            &["create", "g"],
            0,
        ),
        (
            "logs:PutDeliverySource",
            "AccessDeniedException",
            "User: arn:aws:iam::000000000000:user/x is not authorized to perform: bedrock-agentcore:AllowVendedLogDeliveryForResource on resource: y",
            &["create", "g"],
            0,
        ),
    ] {
        let whole = World::new(Duration::ZERO);
        whole.run(&["create", "g", "--no-observability"]).await.expect(0);
        let world = whole.under(&whole.moment(), &[&format!("{operation}={code}:{said}")]);
        let ended = world.run(command).await;
        assert_eq!(ended.code, exit, "{operation}: {said}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{operation}: {said}: {}", ended.stderr);
        if let Some((_, action)) = said.split_once("perform: ").filter(|_| exit == 4) {
            let action = action.split(' ').next().unwrap();
            assert!(ended.stderr.contains(&format!("your identity lacks `{action}`")), "{}", ended.stderr);
        }
    }
}

/// A taken provider name has no error type of its own: the provider's secret is replaced.
#[tokio::test(start_paused = true)]
async fn a_providers_name_that_is_taken_is_a_validation_exception() {
    let files = Files::new();
    let api = files.targets().swap_remove(1);
    let api = words(&api);
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    world.run(&api).await.expect(0);
    let taken = "ValidationException:Credential provider with name: agw-api already exists";
    let world = world.under(&world.moment(), &[&format!("bedrock-agentcore:CreateApiKeyCredentialProvider={taken}")]);
    world.run(&api).await.expect(0);
    assert_eq!(world.census()["providers"], 1);
}

/// A target may be FAILED because a policy of the role has not propagated: it is created again while that is
/// possible.
#[tokio::test(start_paused = true)]
async fn an_mcp_server_that_aws_runs_is_tried_again_while_its_policy_spreads() {
    static LOOKS: AtomicUsize = AtomicUsize::new(0);
    fn fails(call: &str, document: &mut Value) {
        if call.starts_with("GET /gateways/g-") && document["targetId"].is_string() {
            let reason = match LOOKS.fetch_add(1, Ordering::Relaxed) {
                0 => {
                    "Failed to connect and fetch tools from the provided MCP target server. Error - Authorization error when sending message"
                }
                1 => {
                    "User: arn:aws:sts::1:assumed-role/x/mcp-iam-auth-session is not authorized to perform: bedrock-agentcore:InvokeAgentRuntime on resource: y"
                }
                2 => "Gateway service is not authorized to assume the execution role",
                _ => return,
            };
            document["status"] = json!("FAILED");
            document["statusReasons"] = json!([reason]);
        }
    }
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    let added = world.rewriting(fails).run(&["target", "add", "smithy", "dynamodb", "--gateway", "g"]).await.expect(0);
    let made =
        added.calls.iter().filter(|call| call.starts_with("POST /gateways/") && call.ends_with("/targets")).count();
    assert_eq!(made, 4, "{:?}", added.calls);
    assert_eq!(world.census()["targets"], 1);
}

/// The first read after an update may return the old document, READY.
#[tokio::test(start_paused = true)]
async fn what_is_shown_as_before_an_update_is_not_its_result() {
    static BEFORE: std::sync::Mutex<Option<Value>> = std::sync::Mutex::new(None);
    static READS: AtomicUsize = AtomicUsize::new(0);
    fn stale(call: &str, document: &mut Value) {
        let before = BEFORE.lock().unwrap();
        if call.starts_with("GET /gateways/g-") && document["targetId"].is_string() {
            match &*before {
                Some(old) if READS.fetch_add(1, Ordering::Relaxed) < 4 => *document = old.clone(),
                _ => {}
            }
        }
    }
    let world = World::new(Duration::ZERO);
    let files = Files::new();
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    world.run(&words(&files.targets()[1])).await.expect(0);
    let shown = world.run(&["target", "get", "api", "--gateway", "g", "-o", "json"]).await.expect(0).json();
    *BEFORE.lock().unwrap() = Some(shown);
    tokio::time::advance(Duration::from_secs(5)).await;
    let api = files.path("api.yaml");
    fs::write(&api, fs::read_to_string(&api).unwrap().replace("operationId: x", "operationId: y")).unwrap();
    let updated = world.rewriting(stale).run(&words(&files.targets()[1])).await.expect(0);
    assert!(updated.stdout.contains("api___y"), "{}", updated.stdout);
    assert!(updated.stderr.contains("shown as it was before"), "{}", updated.stderr);
}

/// AWS adds members that were not sent, and reorders lists.
#[tokio::test(start_paused = true)]
async fn what_aws_gives_back_otherwise_than_it_was_sent_is_no_reason_to_update() {
    fn otherwise(call: &str, document: &mut Value) {
        if call.starts_with("GET /gateways/g-") && document["targetId"].is_string() {
            document["metadataConfiguration"] = json!({});
            let credentials = &mut document["credentialProviderConfigurations"];
            if credentials.is_null() {
                *credentials = json!([]);
            }
            if let Some(tools) = document.pointer_mut("/targetConfiguration/mcp/lambda/toolSchema/inlinePayload") {
                tools.as_array_mut().unwrap().reverse();
            }
        }
    }
    let world = World::new(Duration::ZERO).rewriting(otherwise);
    world.run(CREATE).await.expect(0);
    let again = world.run(CREATE).await.expect(0);
    assert!(again.stdout.contains("nothing had to be changed"), "{}", again.stdout);
}

/// A network may allow some services only.
#[tokio::test(start_paused = true)]
async fn where_sts_cannot_be_reached_the_account_is_known_otherwise() {
    let world = World::new(Duration::ZERO);
    world.run(CREATE).await.expect(0);
    let status = ["status", "g", "-o", "json"];
    let unreachable = world.without_sts();
    let shown = unreachable.run(&status).await.expect(0).json();
    assert_eq!((&shown["account"], &shown["caller"]), (&json!("000000000000"), &Value::Null), "the anchor tells it");
    let cleaned = unreachable.run(CLEANUP).await.expect(0);
    assert!(cleaned.stderr.contains("STS cannot be reached"), "{}", cleaned.stderr);
    // In a new account nothing tells it, but the caller may.
    let refused = unreachable.run(CREATE).await.expect(1);
    assert!(refused.stderr.contains("AWS_ACCOUNT_ID"), "{}", refused.stderr);
    assert!(world.is_empty(), "{:?}", world.census());
}

/// An account's keys are unknown in a region that it has not enabled.
#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_enabled_is_named() {
    let rule = "sts:GetCallerIdentity=InvalidClientTokenId:The security token included in the request is invalid";
    let world = World::with_rules(&[rule]).at_amazon();
    for (region, is_named) in [("ap-southeast-7", true), ("us-east-1", false)] {
        let refused = world.in_region(region).run(&["status", "g"]).await.expect(4);
        assert_eq!(refused.stderr.contains(&format!("{region} may not be enabled")), is_named, "{}", refused.stderr);
    }
}

/// A gateway that serves only 2026-07-28 has no `initialize`.
#[tokio::test(start_paused = true)]
async fn tools_of_a_gateway_without_a_handshake_are_listed_and_called() {
    let world = World::new(Duration::ZERO);
    for (gateway, versions) in
        [("new", &["2026-07-28"][..]), ("old", &["2025-03-26"]), ("both", &["2026-07-28", "2025-06-18"])]
    {
        let mut create = vec!["create", gateway, "--sample", "--no-observability"];
        create.extend(versions.iter().flat_map(|version| ["--mcp-version", version]));
        world.run(&create).await.expect(0);
        let listed = world.run(&["tools", "list", gateway]).await.expect(0);
        assert!(listed.stdout.contains("weather-tool___get_weather"), "{gateway}: {}", listed.stdout);
        let posts = listed.calls.iter().filter(|call| call.ends_with("/mcp")).count();
        assert_eq!(posts, if gateway == "new" { 1 } else { 3 }, "{:?}", listed.calls);
    }
}

/// The local AWS can simulate such an account.
#[tokio::test(start_paused = true)]
async fn the_local_aws_takes_rights_away_that_aws_uses_in_the_callers_name() {
    let rules = ["CreateWorkloadIdentity", "DeleteWorkloadIdentity"]
        .map(|action| format!("bedrock-agentcore:{action}=AccessDeniedException*1"));
    let world = World::with_rules(&rules.each_ref().map(String::as_str));
    let failed = world.run(CREATE).await.expect(4);
    assert!(
        failed.stderr.contains("your identity lacks `bedrock-agentcore:CreateWorkloadIdentity`"),
        "{}",
        failed.stderr
    );
    // The FAILED gateway was to be deleted, which failed, too.
    let cleaned = world.run(CLEANUP).await;
    let said = format!("{}{}{}", failed.stderr, cleaned.stdout, cleaned.stderr);
    assert!(said.contains("bedrock-agentcore:DeleteWorkloadIdentity"), "{said}");
    world.run(CLEANUP).await.expect(0);
    assert!(world.is_empty(), "{:?}", world.census());
}

#[tokio::test(start_paused = true)]
async fn the_local_aws_may_be_an_account_without_transaction_search() {
    let faults = Faults::new(Duration::ZERO, Duration::ZERO, Vec::new()).without_transaction_search(true);
    let world = World::with_faults(faults);
    let created = world.run(&["create", "g"]).await.expect(0);
    assert!(created.stderr.contains("Transaction Search"), "{}", created.stderr);
    let again = world.run(&["create", "g"]).await.expect(0);
    assert!(!again.stderr.contains("warning"), "{}", again.stderr);
    let asked = world.run(&["create", "g", "--traces"]).await.expect(0);
    assert!(asked.stderr.contains("Transaction Search"), "{}", asked.stderr);
    world.run(CLEANUP).await.expect(0);
    assert!(world.is_empty(), "{:?}", world.census());
}

/// With consistency lag, a new pool's document and domain appear later.
#[tokio::test(start_paused = true)]
async fn a_gateway_fails_for_a_pool_whose_document_is_not_there_yet() {
    let world = World::new(Duration::from_secs(15));
    let created = world.run(&["create", "g", "--no-observability", "-o", "json"]).await.expect(0);
    let made = created.calls.iter().filter(|call| *call == "POST /gateways").count();
    assert!(made > 1 && world.census()["gateways"] == 1, "it is made again: {:?}", created.calls);
    // As for a program that does not wait.
    let url = created.json()["clientInfo"]["discoveryUrl"].as_str().unwrap().to_owned();
    world.edit(|state| {
        for pool in state["cognito"]["pools"].as_object_mut().unwrap().values_mut() {
            pool["created"] = json!(i64::MAX);
        }
    });
    let hasty = [
        "create",
        "hasty",
        "--authorizer",
        "jwt",
        "--discovery-url",
        &url,
        "--allowed-client",
        "c",
        "--no-observability",
    ];
    let failed = world.run(&hasty).await.expect(1);
    assert!(failed.stderr.contains("Failed to fetch discovery document from: http"), "{}", failed.stderr);
}
