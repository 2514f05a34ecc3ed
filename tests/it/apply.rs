//! `apply` and `schema`: files that describe a gateway and its targets.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use agentcore_gw::{config::Env, local::Faults};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::{
    difference::differences,
    env::{Env as Home, python},
    world::{Mishap, Moment, Outcome, THEIR_FUNCTION, World},
};

pub const SPEC: &str = r#"{"openapi":"3.0.3","info":{"title":"t","version":"1"},"servers":[{"url":"https://api.example.com"}],
"paths":{"/x":{"get":{"operationId":"x","description":"d","responses":{"200":{"description":""}}}}}}"#;
pub const TOOLS: &str = r#"[{"name":"echo","description":"Echoes","inputSchema":{"type":"object"}}]"#;

/// A gateway with five targets of different kinds, besides the sample.
pub fn five(name: &str) -> String {
    format!(
        "# A comment
gateway:
  name: {name}
  description: five targets
  authorizer: {{ type: cognito }}
  tags: {{ team: x }}
targets:
  weather: {{ type: lambda, sample: true }}
  by-key:
    type: openapi
    spec: api.json
    credential: {{ apiKeyEnv: THE_KEY, header: x-api-key }}
    allowRequestHeaders: [x-trace]
  by-token:
    type: openapi
    spec: odd.json
    adapt: true
    credential:
      oauthClientId: me
      oauthClientSecretFile: secret.txt
      oauthDiscoveryUrl: https://idp.example.com/.well-known/openid-configuration
      oauthScopes: [read]
      oauthParams: {{ audience: a }}
  theirs: {{ type: lambda, lambdaArn: '{THEIR_FUNCTION}', tools: tools.json, description: theirs }}
  docs: {{ type: mcp-server, endpoint: 'https://mcp.example.com/mcp', dynamicListing: true }}
"
    )
}

/// A folder with a file `gateway.yaml` and what it names.
pub fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let odd = SPEC.replace("\"operationId\":\"x\",", "");
    let files = [
        ("gateway.yaml", text),
        ("api.json", SPEC),
        ("odd.json", odd.as_str()),
        ("tools.json", TOOLS),
        ("secret.txt", "the-client-secret\n"),
    ];
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

pub fn env() -> Env {
    Env::only([
        ("THE_KEY", "the-api-key"),
        ("BY_KEY_API_KEY", "the-api-key"),
        ("BY_TOKEN_CLIENT_SECRET", "the-client-secret"),
    ])
}

pub async fn apply(world: &World, file: &Path, flags: &[&str]) -> Outcome {
    let file = file.join("gateway.yaml");
    world.run_in(env(), &[&["apply", "-f", file.to_str().unwrap(), "-o", "json"], flags].concat()).await
}

/// The calls that change something.
fn writes(outcome: &Outcome) -> Vec<&String> {
    let reads =
        ["POST Get", "POST List", "POST Describe", "POST /identities/Get", "GET ", "HEAD ", "POST /oauth2/token"];
    outcome.calls.iter().filter(|call| !reads.iter().any(|read| call.starts_with(read))).collect()
}

/// What a stack is, but for times, ids and secrets.
pub fn essence(world: &World) -> Value {
    let state = world.snapshot();
    let gateways = state["agentcore"]["gateways"].as_object().unwrap().values();
    let targets = |gateway: &Value| -> Vec<Value> {
        let targets = gateway["targets"].as_object().unwrap().values();
        let mut targets: Vec<Value> = targets.map(|target| target["config"].clone()).collect();
        targets.sort_by_key(|target| target["name"].to_string());
        targets
    };
    let shown: Vec<Value> =
        gateways.map(|gateway| json!({ "config": gateway["config"], "targets": targets(gateway) })).collect();
    let roles = state["iam"]["roles"].as_object().unwrap().iter();
    let policies = |role: &Value| -> Value {
        let all = role["inline"].as_object().unwrap().iter();
        Value::Object(all.map(|(name, policy)| (name.clone(), policy["document"].clone())).collect())
    };
    let roles: Value = Value::Object(roles.map(|(name, role)| (name.clone(), policies(role))).collect());
    json!({ "gateways": shown, "roles": roles, "census": world.census() })
}

#[tokio::test(start_paused = true)]
async fn a_file_makes_a_gateway_and_applied_again_it_writes_nothing() {
    let folder = folder(&five("g"));
    let world = World::new(Duration::ZERO).with_their_functions();
    let planned = apply(&world, folder.path(), &["--dry-run", "--detailed-exitcode"]).await.expect(10);
    assert!(world.is_empty());
    let changes = planned.json()["changes"].as_array().unwrap().clone();
    let change = |kind: &str, name: &str| {
        changes.iter().find(|change| change["kind"] == kind && change["name"] == name).unwrap().clone()
    };
    let description = json!({ "path": "description", "after": "five targets" });
    assert!(change("gateway", "g")["members"].as_array().unwrap().contains(&description), "{planned:?}");
    assert!(change("target", "docs")["members"].to_string().contains("https://mcp.example.com/mcp"));

    let made = apply(&world, folder.path(), &[]).await.expect(0).json();
    assert_eq!(made["targets"].as_array().unwrap().len(), 5, "{made:#}");
    assert!(made["targets"].as_array().unwrap().iter().all(|target| target["status"] == "READY"));
    assert!(made["clientInfo"]["clientSecret"].is_string() && made["adapted"]["by-token"].is_array(), "{made:#}");
    assert_eq!(world.census()["providers"], 2);

    tokio::time::advance(Duration::from_mins(1)).await;
    let before = world.snapshot();
    let again = apply(&world, folder.path(), &[]).await.expect(0);
    assert_eq!(writes(&again), Vec::<&String>::new());
    assert_eq!(world.snapshot(), before);
    let same = apply(&world, folder.path(), &["--dry-run", "--detailed-exitcode"]).await.expect(0);
    assert_eq!(same.json()["changes"], json!([]));

    // What differs is shown member by member, and changed.
    let text =
        five("g").replace("five targets", "others").replace("audience: a", "audience: b").replace("x-trace", "x-other");
    fs::write(folder.path().join("gateway.yaml"), text).unwrap();
    let planned = apply(&world, folder.path(), &["--dry-run", "--detailed-exitcode"]).await.expect(10).json();
    let members: Vec<String> = planned["changes"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|change| change["members"].as_array().cloned().unwrap_or_default())
        .map(|member| format!("{}: {} -> {}", member["path"].as_str().unwrap(), member["before"], member["after"]))
        .collect();
    let expected = [
        "description: \"five targets\" -> \"others\"",
        "metadataConfiguration.allowedRequestHeaders: [\"x-trace\"] -> [\"x-trace\",\"x-other\"]",
        "credentialProviderConfigurations.0.credentialProvider.oauthCredentialProvider.customParameters.audience: \"a\" -> \"b\"",
    ];
    assert_eq!(members, expected);
    assert_eq!(world.snapshot(), before, "a dry run changes nothing");
    apply(&world, folder.path(), &[]).await.expect(0);
    let gone = world.run_in(env(), &["cleanup", "g", "--yes"]).await.expect(0);
    assert!(world.is_empty(), "{}", gone.stderr);
}

/// A secret is sent again if it is another one, if its provider's other settings are, or if somebody changed the provider.
#[tokio::test(start_paused = true)]
async fn a_secret_is_sent_only_where_it_differs() {
    let folder = folder(&five("g"));
    let world = World::new(Duration::ZERO).with_their_functions();
    apply(&world, folder.path(), &[]).await.expect(0);
    tokio::time::advance(Duration::from_mins(1)).await;
    let file = folder.path().join("gateway.yaml");
    let run = async |world: &World, key: &str, flags: &[&str]| {
        let env = Env::only([("THE_KEY", key)]);
        world.run_in(env, &[&["apply", "-f", file.to_str().unwrap(), "-o", "json"], flags].concat()).await.expect(0)
    };
    let updated = |outcome: &Outcome| outcome.calls.iter().any(|call| call.contains("UpdateApiKeyCredentialProvider"));
    assert!(!updated(&run(&world, "the-api-key", &[]).await));
    assert!(updated(&run(&world, "another", &[]).await), "another key");
    tokio::time::advance(Duration::from_mins(1)).await;
    assert!(!updated(&run(&world, "another", &[]).await), "it is known now");
    let planned = run(&world, "the-api-key", &["--dry-run"]).await;
    assert_eq!(planned.json()["changes"][0]["differs"], json!(["secret"]));
    assert!(!planned.stdout.contains("the-api-key") && !planned.stdout.contains("another"));
    // Somebody changed the provider: what it has is not known.
    tokio::time::advance(Duration::from_mins(1)).await;
    world.edit(|state| {
        for provider in state["agentcore"]["providers"].as_object_mut().unwrap().values_mut() {
            provider["updated"] = json!(provider["updated"].as_i64().unwrap() + 5000);
        }
    });
    assert!(updated(&run(&world, "another", &[]).await), "the provider was updated by somebody");
    // The fingerprint says nothing of the key.
    let role = world.snapshot()["iam"]["roles"].to_string();
    assert!(role.contains("agentcore-gw:provider:") && !role.contains("another") && !role.contains("the-api-key"));
    // `target add` knows it, too.
    let spec = folder.path().join("api.json");
    let add = ["target", "add", "openapi", "by-key", "--gateway", "g", "--spec", spec.to_str().unwrap()];
    let add = [&add[..], &["--api-key-env", "THE_KEY", "--api-key-header", "x-api-key"]].concat();
    tokio::time::advance(Duration::from_mins(1)).await;
    let before = run(&world, "another", &[]).await;
    assert!(!updated(&before));
    let again = world.run_in(Env::only([("THE_KEY", "another")]), &add).await.expect(0);
    assert!(!updated(&again) && again.stdout.contains("nothing had to be changed"), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn targets_that_the_file_does_not_name_are_removed_on_request_only() {
    let of = |names: &[&str]| {
        let target = |name: &&str| {
            format!("  {name}: {{ type: mcp-server, endpoint: 'https://x.example/{name}', dynamicListing: true }}\n")
        };
        format!(
            "gateway: {{ name: g, authorizer: {{ type: iam }} }}\ntargets:\n{}",
            names.iter().map(target).collect::<String>()
        )
    };
    let folder = folder(&of(&["a", "b", "c", "d"]));
    let world = World::new(Duration::ZERO);
    let write = |text: String| fs::write(folder.path().join("gateway.yaml"), text).unwrap();
    apply(&world, folder.path(), &[]).await.expect(0);
    write(of(&["a", "b", "e"]));
    let kept = apply(&world, folder.path(), &[]).await.expect(0).json();
    assert_eq!((kept["targets"].as_array().unwrap().len(), &kept["removed"]), (5, &Value::Null));
    let planned =
        apply(&world, folder.path(), &["--prune", "--dry-run", "--detailed-exitcode"]).await.expect(10).json();
    let deleted: Vec<&Value> = planned["changes"].as_array().unwrap().iter().map(|change| &change["name"]).collect();
    assert_eq!((deleted, &planned["changes"][0]["action"]), (vec![&json!("c"), &json!("d")], &json!("delete")));
    let pruned = apply(&world, folder.path(), &["--prune"]).await.expect(0).json();
    assert_eq!((pruned["targets"].as_array().unwrap().len(), &pruned["removed"]), (3, &json!(["c", "d"])));

    // More than half of them are a question, which nobody can answer here.
    write(of(&["a"]));
    let before = world.snapshot();
    let refused = apply(&world, folder.path(), &["--prune"]).await.expect(2);
    let error = &refused.json()["error"];
    assert!(error["message"].as_str().unwrap().contains("2 of 3 targets are to be removed"));
    assert_eq!(error["causes"], json!(["b", "e"]));
    assert!(refused.json()["error"]["hint"].as_str().unwrap().contains("--prune=all"));
    assert_eq!(world.snapshot(), before);
    apply(&world, folder.path(), &["--prune=all"]).await.expect(0);
    assert_eq!(world.census()["targets"], 1);

    // A file that says nothing about targets removes none; one that says that there are none removes them.
    write("gateway: { name: g, authorizer: { type: iam } }\n".to_owned());
    let refused = apply(&world, folder.path(), &["--prune=all"]).await.expect(2);
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("says nothing about targets"), "{refused:?}");
    apply(&world, folder.path(), &[]).await.expect(0);
    assert_eq!(world.census()["targets"], 1);
    write("gateway: { name: g, authorizer: { type: iam } }\ntargets:\n".to_owned());
    apply(&world, folder.path(), &["--prune=all"]).await.expect(0);
    assert_eq!(world.census()["targets"], 0);
}

/// What is left has its permissions, and what is gone has none, also while IAM and lists show what was before.
#[tokio::test(start_paused = true)]
async fn a_prune_takes_away_what_the_removed_targets_needed_only() {
    let of = |names: &[&str]| {
        let target = |name: &&str| format!("  {name}: {{ type: smithy, allowActions: ['dynamodb:{name}'] }}\n");
        format!(
            "gateway: {{ name: g, authorizer: {{ type: iam }} }}\ntargets:\n{}",
            names.iter().map(target).collect::<String>()
        )
    };
    for lag in [Duration::ZERO, Duration::from_secs(12)] {
        let folder = folder(&of(&["A", "B"]));
        let world = World::new(lag);
        apply(&world, folder.path(), &[]).await.expect(0);
        tokio::time::advance(Duration::from_mins(1)).await;
        fs::write(folder.path().join("gateway.yaml"), of(&["B", "C"])).unwrap();
        let pruned = apply(&world, folder.path(), &["--prune"]).await.expect(0).json();
        assert_eq!(pruned["removed"], json!(["A"]));
        let roles = world.snapshot()["iam"]["roles"].clone();
        let role = roles.as_object().unwrap().values().next().unwrap();
        let policy = role["inline"]["smithy"]["document"].to_string().replace('\\', "");
        let allowed = ["A", "B", "C"].map(|name| policy.contains(&format!("dynamodb:{name}\"")));
        assert_eq!(allowed, [false, true, true], "{lag:?}: {policy}");
        // The last ones go with their policies.
        tokio::time::advance(Duration::from_mins(1)).await;
        fs::write(folder.path().join("gateway.yaml"), "gateway: { name: g, authorizer: { type: iam } }\ntargets:\n")
            .unwrap();
        apply(&world, folder.path(), &["--prune=all"]).await.expect(0);
        let roles = world.snapshot()["iam"]["roles"].clone();
        let role = roles.as_object().unwrap().values().next().unwrap();
        assert!(role["inline"].get("smithy").is_none() && role["inline"].get("s3").is_none(), "{role:#}");
    }
}

/// Nothing of a gateway that somebody else made is removed.
#[tokio::test(start_paused = true)]
async fn a_gateway_of_others_keeps_its_targets() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--authorizer", "iam", "--no-observability"]).await.expect(0);
    world.forget_owner_of_gateway();
    let target = json!({ "name": "theirs", "targetConfiguration": { "mcp": { "mcpServer": { "endpoint": "https://x.example/mcp", "listingMode": "DYNAMIC" } } } });
    world.create_target("g", &target).await;
    let text = "gateway: { name: g, adopt: true, noObservability: true, authorizer: { type: iam } }\ntargets:\n  mine: { type: mcp-server, endpoint: 'https://y.example/mcp', dynamicListing: true }\n";
    let folder = folder(text);
    let refused = apply(&world, folder.path(), &["--prune=all"]).await.expect(1);
    assert!(
        refused.json()["error"]["message"].as_str().unwrap().contains("its targets are not removed"),
        "{refused:?}"
    );
    apply(&world, folder.path(), &[]).await.expect(0);
    assert_eq!(world.census()["targets"], 2);
}

/// `apply` with five targets dies, is refused and loses a response at every request: the next run makes the same.
async fn after_any_mishap(lag: Duration, which: (usize, usize)) {
    let folder = folder(&five("g"));
    let file = folder.path().join("gateway.yaml");
    let args = ["apply", "-f", file.to_str().unwrap(), "-o", "json"];
    let fresh = || World::new(lag).with_their_functions().with_env(env());
    let undisturbed = fresh();
    undisturbed.run(&args).await.expect(0);
    let expected = normal(&essence(&undisturbed));
    let check = async |world: &World, after: &str| {
        let again = world.run(&args).await;
        assert_eq!(again.code, 0, "{after}: {}{}", again.stdout, again.stderr);
        let differing = differences(&normal(&essence(world)), &expected);
        assert!(differing.is_empty(), "{after}: {differing:?}\n{}", again.stderr);
        world.run(&["cleanup", "g", "--yes"]).await.expect(0);
        assert!(world.is_empty(), "{after}: {:?}", world.census());
    };
    let moments: Vec<Moment> = fresh().moments_of(&args).await;
    let world = fresh();
    for (k, moment) in moments.iter().enumerate().filter(|(k, _)| k % which.1 == which.0) {
        check(&world.at(moment), &format!("it died at moment {k}")).await;
        let fork = world.at(moment);
        let cleaned = fork.run(&["cleanup", "g", "--yes"]).await.expect(0);
        assert!(fork.is_empty(), "cleanup at moment {k}: {:?}\n{}", fork.census(), cleaned.stderr);
    }
    let calls = fresh().run(&args).await.expect(0).calls;
    let repeated = |k: usize| calls[..k].iter().filter(|call| **call == calls[k]).count() > 2;
    for k in
        (0..calls.len()).filter(|k| !repeated(*k) && !calls[*k].contains("/oauth2/token") && k % which.1 == which.0)
    {
        for mishap in [Mishap::LoseAnswer(k + 1), Mishap::Close(k + 1), Mishap::Deny(k + 1)] {
            let world = fresh();
            let first = world.run_with(&args, Some(mishap)).await.unwrap();
            let is_well = first.code == 0 || first.code == 4 && matches!(mishap, Mishap::Deny(_));
            assert!(is_well, "{mishap:?} at {}: {} {}{}", calls[k], first.code, first.stdout, first.stderr);
            check(&world, &format!("{mishap:?} at {}", calls[k])).await;
        }
    }
}

/// Without what is another in each account: ids of clients and pools.
fn normal(essence: &Value) -> Value {
    let mut essence = essence.clone();
    for gateway in essence["gateways"].as_array_mut().unwrap() {
        gateway["config"].as_object_mut().unwrap().shift_remove("authorizerConfiguration");
    }
    essence
}

#[tokio::test(start_paused = true)]
async fn after_any_mishap_in_apply_a_second_one_makes_the_same_1() {
    after_any_mishap(Duration::ZERO, (0, 2)).await;
}

#[tokio::test(start_paused = true)]
async fn after_any_mishap_in_apply_a_second_one_makes_the_same_2() {
    after_any_mishap(Duration::ZERO, (1, 2)).await;
}

/// A gateway has five target operations at once, and an account starts five in a second: 100 targets take 20 seconds.
#[tokio::test(start_paused = true)]
async fn a_hundred_targets_take_as_long_as_the_quotas_say() {
    let target =
        |n: usize| format!("  t{n}: {{ type: mcp-server, endpoint: 'https://x.example/{n}', dynamicListing: true }}\n");
    let text = format!(
        "gateway: {{ name: g, authorizer: {{ type: iam }} }}\ntargets:\n{}",
        (0..100).map(target).collect::<String>()
    );
    let folder = folder(&text);
    let world = World::with_faults(Faults::new(Duration::from_millis(80), Duration::ZERO, Vec::new()));
    let begun = Instant::now();
    world.run(&["create", "g", "--authorizer", "iam"]).await.expect(0);
    let alone = begun.elapsed();
    world.run(&["cleanup", "g", "--yes"]).await.expect(0);
    let begun = Instant::now();
    let made = apply(&world, folder.path(), &[]).await.expect(0);
    let took = begun.elapsed().saturating_sub(alone);
    assert_eq!(world.census()["targets"], 100);
    assert!(took <= Duration::from_secs(22), "{took:?}");
    let creations =
        made.calls.iter().filter(|call| call.starts_with("POST /gateways/") && call.ends_with("/targets")).count();
    assert_eq!(creations, 100, "none was refused");
    assert!(took >= Duration::from_secs(19), "five in a second: {took:?}");
}

/// Files that are not right: the text, the line, what is said, and the remedy.
#[rustfmt::skip]
const BROKEN_FILES: &[(&str, usize, &str, &str)] = &[
    ("gateway: [", 2, "not YAML", "JSON or YAML"),
    ("{\n\"gateway\": }", 2, "not JSON", "JSON or YAML"),
    ("", 1, "the file is no object", "`gateway: { name: NAME }`"),
    ("- a", 1, "the file is no object", "`gateway: { name: NAME }`"),
    ("targets: {}", 1, "there is no `gateway`", "`gateway: { name: NAME }`"),
    ("gateway: {}", 1, "the gateway has no `name`", "`name: NAME`"),
    ("gateway:\n  name: 7", 2, "`name` is no text", "`name: NAME`"),
    ("gateway:\n  name: a--b", 2, "`name: a--b`:", "correct the value"),
    ("gateway:\n  name: g\n  name: h", 3, "`name` is there twice", "leave one of them out"),
    ("gateway: { name: g }\ntarget: {}", 2, "has no member `target`", "did you mean `targets`?"),
    ("gateway:\n  name: g\n  descripton: d", 3, "has no member `descripton`", "did you mean `description`?"),
    ("gateway:\n  name: g\n  xyz: d", 3, "has no member `xyz`", "schema` prints all members"),
    ("gateway:\n  name: g\n  description: 5", 3, "`description` is no text", "\"5\""),
    ("gateway:\n  name: g\n  description:", 3, "`description` is empty", "leave it out"),
    ("gateway:\n  name: g\n  logRetention: 2", 3, "CloudWatch Logs keeps logs for", "correct the value"),
    ("gateway:\n  name: g\n  logRetention: '30'", 3, "`logRetention` is no number", "logRetention: 30"),
    ("gateway:\n  name: g\n  debugErrors: 'yes'", 3, "neither true nor false", "debugErrors: true"),
    ("gateway:\n  name: g\n  authorizer: jwt", 3, "`authorizer` is no object", "authorizer: {"),
    ("gateway:\n  name: g\n  authorizer:\n    type: jwtt", 4, "`authorizer.type` cannot be `jwtt`", "`cognito`, `jwt`"),
    ("gateway:\n  name: g\n  authorizer: { type: jwt }", 3, "needs to know your OpenID provider", "authorizer.discoveryUrl:"),
    ("gateway:\n  name: g\n  authorizer: { type: iam, aws: { customJWTAuthorizer: {} } }", 3, "has no configuration", "name the type `jwt`"),
    ("gateway:\n  name: g\n  authorizer: { allowedAudiences: [a] }", 3, "describe your own OpenID provider", "`authorizer.type: jwt`"),
    ("gateway:\n  name: g\n  tags: [a]", 3, "`tags` is no object", "tags: { key: \"value\" }"),
    ("gateway:\n  name: g\n  tags: { aws:x: y }", 3, "is reserved", "correct the value"),
    ("gateway:\n  name: g\n  stream: true\n  noStream: true", 4, "exclude each other", "leave one of them out"),
    ("gateway:\n  name: g\n  aws: { RoleArn: x }", 3, "`RoleArn` is no member of the API", "small letter"),
    ("gateway: { name: g }\ntargets: [a]", 2, "`targets` is no object", "targets: { NAME:"),
    ("gateway: { name: g }\ntargets:\n  'a b': { type: custom }\n", 3, "`name: a b`:", "correct the value"),
];

/// Targets that are not right, at line 3: the text, what is said, and the remedy.
#[rustfmt::skip]
const BROKEN_TARGETS: &[(&str, &str, &str)] = &[
    ("7", "target `x` is no object", "a target has a `type`"),
    ("{}", "target `x` has no `type`", "`lambda`, `openapi`"),
    ("{ type: grpc }", "there is no type `grpc`", "`lambda`, `openapi`"),
    ("{ type: openapi, spec: api.json, credential: { aws: {} } }", "`aws` is empty", "describe the credential"),
    ("{ type: openapi, spec: api.json, credential: { oauthClientId: i, oauthClientSecretEnv: THE_KEY, oauthVendor: Google, oauthParams: { a=b: c } } }", "has a key with `=`", "name one without it"),
    ("{ type: lambda, description: d, sample: false }", "no function is named", "`sample: true`"),
    ("{ type: lambda, sample: true, aws: { targetConfiguration: {} } }", "`sample` is a function of its own", "leave `sample` out"),
    ("{ type: openapi, spec: api.json, allowRequestHeaders: [] }", "`allowRequestHeaders` is an empty list", "leave it out"),
    ("{ type: openapi, spec: api.json, credential: { oauthClientId: me } }", "missing: `credential.apiKeyEnv`", "credential."),
    ("{ type: mcp-server, dynamicListing: true, aws: { targetConfiguration: { mcp: { mcpServer: {} } } } }", "missing: `endpoint`", "add `endpoint`"),
    ("{ type: openapi, adapt: true, aws: { targetConfiguration: { mcp: { openApiSchema: {} } } } }", "there is no document to adapt", "`spec`"),
    ("{ type: lambda }", "no function is named", "`sample: true`"),
    ("{ type: lambda, sample: true, lambdaArn: 'arn:aws:lambda:us-west-2:000000000000:function:f', tools: tools.json }", "`sample` is a function of its own", "leave `sample` out"),
    ("{ type: lambda, lambdaArn: 'arn:aws:lambda:us-west-2:000000000000:function:f' }", "missing: `tools`", "add `tools`"),
    ("{ type: lambda, lambdaArn: nonsense, tools: tools.json }", "`lambdaArn: nonsense`:", "correct the value"),
    ("{ type: openapi }", "missing: `spec`", "add `spec`"),
    ("{ type: openapi, spec: none.json }", "none.json: cannot be read", ""),
    ("{ type: openapi, spec: '-' }", "`spec` is standard input", "name a file"),
    ("{ type: openapi, spec: tools.json }", "tools.json, line 1:", ""),
    ("{ type: openapi, spec: odd.json }", "must have an operationId", "`adapt: true` keeps 1 of 1 operations"),
    ("{ type: openapi, spec: api.json, credential: { apiKeyEnv: THE_KEY } }", "an API key needs a place", "`credential.header: NAME` or `credential.query: NAME`"),
    ("{ type: openapi, spec: api.json, credential: { apiKeyEnv: NOT_SET, query: k } }", "the variable NOT_SET is not set", "export NOT_SET"),
    ("{ type: openapi, spec: api.json, credential: { apiKey: k } }", "`credential` has no member `apiKey`", "did you mean `apiKeyEnv`?"),
    ("{ type: openapi, spec: api.json, credential: { aws: {}, query: k } }", "`aws` describes the whole credential", "leave it out"),
    ("{ type: mcp-server, endpoint: 'ftp://x' }", "an address begins with https://", "correct the value"),
    ("{ type: mcp-server, endpoint: 'https://x/mcp', resourcePriority: 5000 }", "`resourcePriority: 5000`:", "correct the value"),
    ("{ type: smithy, allowActions: dynamodb:GetItem }", "`allowActions` is no list", "allowActions: […]"),
    ("{ type: smithy, allowActions: [dynamodb] }", "an IAM action is written service:Action", "correct the value"),
    ("{ type: api-gateway, restApiId: abc }", "missing: ", "and `stage`"),
    ("{ type: custom }", "no description of the target", "aws"),
];

/// Files that are not right: what is wrong, its line, and a remedy; nothing is asked of AWS.
#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_file_is_said_with_line_and_remedy() {
    let target = |(target, problem, remedy): &(&str, &'static str, &'static str)| {
        (format!("gateway: {{ name: g }}\ntargets:\n  x: {target}\n"), 3, *problem, *remedy)
    };
    let files = BROKEN_FILES.iter().map(|(text, line, problem, remedy)| ((*text).to_owned(), *line, *problem, *remedy));
    let cases: Vec<(String, usize, &str, &str)> = files.chain(BROKEN_TARGETS.iter().map(target)).collect();
    assert!(cases.len() >= 30);
    let folder = folder("");
    let world = World::new(Duration::ZERO);
    for (text, line, problem, remedy) in cases {
        fs::write(folder.path().join("gateway.yaml"), &text).unwrap();
        let refused = apply(&world, folder.path(), &[]).await;
        assert_eq!(refused.code, 2, "{text}\n{refused:?}");
        let error = refused.json()["error"].clone();
        let message = error["message"].as_str().unwrap();
        let at = format!("gateway.yaml, line {line}: ");
        assert!(message.contains(&at) && message.contains(problem), "{text}\n{message}");
        let hint = error["hint"].as_str().unwrap_or_default();
        assert!(!hint.is_empty() && hint.contains(remedy), "{text}\n{message}\n{hint}");
        assert!(!message.contains("`--") && !hint.contains("`--"), "members, not flags: {message}\n{hint}");
        assert_eq!(refused.calls, Vec::<String>::new(), "{text}");
    }
    let twice = world.run(&["apply", "-f", "/nowhere/gateway.yaml", "-o", "json"]).await.expect(2);
    assert!(twice.json()["error"]["message"].as_str().unwrap().contains("/nowhere/gateway.yaml: cannot be read"));
}

/// What the file does not name stays, and raw members of the API are merged in.
#[tokio::test(start_paused = true)]
async fn raw_members_are_merged_in_at_each_object() {
    let text = "
gateway:
  name: g
  noSemanticSearch: true
  authorizer:
    type: jwt
    discoveryUrl: https://idp.example.com/.well-known/openid-configuration
    allowedAudiences: [a]
    aws: { customJWTAuthorizer: { allowedScopes: [s] } }
  aws: { description: raw, protocolConfiguration: { mcp: { instructions: kindly } } }
targets:
  docs:
    type: mcp-server
    endpoint: https://x.example/mcp
    aws: { targetConfiguration: { mcp: { mcpServer: { listingMode: DYNAMIC } } }, description: raw too }
    credential:
      aws: { credentialProviderType: GATEWAY_IAM_ROLE, credentialProvider: { iamCredentialProvider: { service: bedrock-agentcore } } }
";
    let folder = folder(text);
    let world = World::new(Duration::ZERO);
    apply(&world, folder.path(), &[]).await.expect(0);
    let gateway = world.run(&["get", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(
        (&gateway["description"], &gateway["protocolConfiguration"]["mcp"]["instructions"]),
        (&json!("raw"), &json!("kindly"))
    );
    let jwt = &gateway["authorizerConfiguration"]["customJWTAuthorizer"];
    assert_eq!((&jwt["allowedAudience"], &jwt["allowedScopes"]), (&json!(["a"]), &json!(["s"])), "{gateway:#}");
    let target = world.run(&["target", "get", "docs", "--gateway", "g", "-o", "json"]).await.expect(0).json();
    let server = json!({ "endpoint": "https://x.example/mcp", "listingMode": "DYNAMIC" });
    assert_eq!(
        (&target["targetConfiguration"]["mcp"]["mcpServer"]["endpoint"], &target["description"]),
        (&server["endpoint"], &json!("raw too"))
    );
    assert_eq!(
        target["credentialProviderConfigurations"][0]["credentialProvider"]["iamCredentialProvider"]["service"],
        "bedrock-agentcore"
    );
    tokio::time::advance(Duration::from_mins(1)).await;
    let again = apply(&world, folder.path(), &[]).await.expect(0);
    assert_eq!(writes(&again), Vec::<&String>::new());
}

/// An object in S3 is sent again if it is newer than the target.
#[test]
fn an_object_in_s3_is_sent_again_if_it_changed() {
    let home = Home::new();
    home.ok(&["local", "start"]);
    let spec = home.home().join("api.json");
    fs::write(&spec, SPEC).unwrap();
    home.with_boto3("put_object.py", &["specs", "api.json", spec.to_str().unwrap()]);
    let file = home.home().join("gateway.yaml");
    let text = "gateway: { name: g, authorizer: { type: iam }, noObservability: true }\ntargets:\n  api: { type: openapi, spec: 's3://specs/api.json' }\n";
    fs::write(&file, text).unwrap();
    let apply = || home.ok(&["--local", "apply", "-f", file.to_str().unwrap(), "-o", "json", "-v"]);
    apply();
    let updates = |run: &crate::support::env::Run| run.stderr.contains("UpdateGatewayTarget");
    assert!(updates(&apply()), "the object is not yet a minute older than the target");
    // The object of an hour ago.
    home.ok(&["local", "stop"]);
    let mut state = home.state();
    let buckets = state["s3"]["buckets"].as_object_mut().unwrap();
    for object in buckets.values_mut().flat_map(|bucket| bucket["objects"].as_object_mut().unwrap().values_mut()) {
        object["modified"] = json!(object["modified"].as_i64().unwrap() - 3_600_000);
    }
    fs::write(home.state_dir().join("state.json"), state.to_string()).unwrap();
    assert!(!updates(&apply()));
    home.with_boto3("put_object.py", &["specs", "api.json", spec.to_str().unwrap()]);
    assert!(updates(&apply()), "it was written again");
    home.ok(&["--local", "cleanup", "g", "--yes"]);
}

/// The schema takes the files that `apply` takes, and refuses what editors should mark.
#[test]
fn the_schema_is_valid_and_takes_what_apply_takes() {
    let home = Home::new();
    let schema = home.run(&["schema"]).json();
    let page = crate::docs::readme();
    let readme = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let example = include_str!("../../examples/gateway.yaml");
    let good = [readme.to_owned(), example.to_owned(), five("g"), "gateway: { name: g }\ntargets:\n".to_owned()];
    let bad = [
        json!({}),
        json!({ "gateway": {} }),
        json!({ "gateway": { "name": "g", "descripton": "d" } }),
        json!({ "gateway": { "name": "g", "authorizer": { "type": "jwtt" } } }),
        json!({ "gateway": { "name": "g" }, "targets": { "x": {} } }),
        json!({ "gateway": { "name": "g" }, "targets": { "x": { "type": "openapi", "endpoint": "https://x" } } }),
        json!({ "gateway": { "name": "g" }, "targets": { "x": { "type": "lambda", "sample": "yes" } } }),
        json!({ "gateway": { "name": "g" }, "targets": { "x": { "type": "smithy", "allowActions": "a:b" } } }),
    ];
    let good: Vec<Value> =
        good.iter().map(|text| agentcore_gw::model::document::Document::parse(text).unwrap().into_value()).collect();
    check_schema(&schema, &good, &bad);
}

/// Checks documents with PyPI's `jsonschema`.
pub fn check_schema(schema: &Value, good: &[Value], bad: &[Value]) {
    let script = "
import json, sys
from jsonschema import Draft202012Validator
given = json.load(sys.stdin)
Draft202012Validator.check_schema(given['schema'])
validator = Draft202012Validator(given['schema'])
for document in given['good']:
    for error in validator.iter_errors(document):
        sys.exit(f'{error.json_path}: {error.message[:300]}')
for document in given['bad']:
    if validator.is_valid(document):
        sys.exit(f'is valid: {document}')
";
    let mut child = Command::new(python("jsonschema"))
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({ "schema": schema, "good": good, "bad": bad });
    serde_json::to_writer(child.stdin.take().unwrap(), &given).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A file that says less changes nothing: a credential and permissions stay as they are.
#[tokio::test(start_paused = true)]
async fn what_the_file_does_not_name_stays_as_it_is() {
    let whole = "
gateway: { name: g, authorizer: { type: iam }, description: d, debugErrors: true, logRetention: 7, tags: { a: b } }
targets:
  z-model: { type: smithy, model: model.json, allowActions: ['lambda:GetAccountSettings'] }
  db: { type: smithy, allowActions: ['dynamodb:ListTables'] }
  api: { type: openapi, spec: api.json, description: d, allowQueries: [q], credential: { apiKeyEnv: THE_KEY, query: k } }
";
    let less = "
gateway: { name: g }
targets:
  api: { type: openapi, spec: api.json, credential: {} }
  z-model: { type: smithy, model: model.json }
  db: { type: smithy }
";
    let folder = folder(whole);
    fs::write(folder.path().join("model.json"), crate::export::MODEL).unwrap();
    let world = World::new(Duration::ZERO);
    apply(&world, folder.path(), &[]).await.expect(0);
    tokio::time::advance(Duration::from_mins(2)).await;
    let before = world.snapshot();
    // The same again, in another order, with less, and what AWS has: nothing is written.
    let exported = world.run(&["export", "g"]).await.expect(0).stdout;
    assert!(exported.contains("logRetention: 7"), "{exported}");
    for text in [whole, less, &exported] {
        fs::write(folder.path().join("gateway.yaml"), text).unwrap();
        let world = world.with_env(Env::only([("THE_KEY", "the-api-key"), ("API_API_KEY", "the-api-key")]));
        let file = folder.path().join("gateway.yaml");
        let planned = world.run(&["apply", "-f", file.to_str().unwrap(), "--dry-run", "--detailed-exitcode"]).await;
        assert_eq!(planned.code, 0, "{text}\n{}", planned.stdout);
        let again = world.run(&["apply", "-f", file.to_str().unwrap(), "-o", "json"]).await.expect(0);
        assert_eq!(writes(&again), Vec::<&String>::new(), "{text}");
        assert_eq!(world.snapshot(), before, "{text}");
        let warned = again.json()["warnings"].to_string().contains("the role stays without dynamodb:BatchGetItem");
        assert_eq!(warned, text == less, "{text}\n{}", again.stdout);
    }
    // What it does name changes, also to the contrary.
    let other = "gateway: { name: g, debugErrors: false, noStream: false, stream: true }\ntargets:\n  api: { type: openapi, spec: api.json, credential: { oauthClientId: i, oauthClientSecretFile: secret.txt, oauthVendor: Google } }\n";
    fs::write(folder.path().join("gateway.yaml"), other).unwrap();
    let planned = apply(&world, folder.path(), &["--dry-run"]).await.expect(0).json();
    let change =
        |kind: &str| planned["changes"].as_array().unwrap().iter().find(|change| change["kind"] == kind).unwrap();
    assert_eq!(
        (&change("gateway")["members"][0]["path"], &change("credential provider")["action"]),
        (&json!("exceptionLevel"), &json!("create"))
    );
    // Whenever it dies while one kind of provider takes the place of another, nothing is forgotten.
    for moment in
        world.with_env(env()).moments_of(&["apply", "-f", folder.path().join("gateway.yaml").to_str().unwrap()]).await
    {
        let fork = world.at(&moment);
        fork.run(&["cleanup", "g", "--yes"]).await.expect(0);
        assert!(fork.is_empty(), "{:?}", fork.census());
        let fork = world.at(&moment);
        apply(&fork, folder.path(), &[]).await.expect(0);
        fork.run(&["cleanup", "g", "--yes"]).await.expect(0);
        assert!(fork.is_empty(), "{:?}", fork.census());
    }
    assert_eq!(world.census()["providers"], 1, "the key's provider goes with its use");
    tokio::time::advance(Duration::from_mins(2)).await;
    let planned = apply(&world, folder.path(), &["--dry-run", "--detailed-exitcode"]).await;
    assert_eq!(planned.code, 0, "{}", planned.stdout);
    world.run(&["cleanup", "g", "--yes"]).await.expect(0);
    assert!(world.is_empty());
}

/// A question is asked when a gateway becomes open, not each time.
#[tokio::test(start_paused = true)]
async fn an_open_gateway_is_confirmed_when_it_is_made_and_an_adopted_one_is_exported_so() {
    let folder = folder("gateway: { name: g, authorizer: { type: none }, noObservability: true }\n");
    let world = World::new(Duration::ZERO);
    apply(&world, folder.path(), &[]).await.expect(2);
    assert!(world.is_empty());
    apply(&world, folder.path(), &["-y"]).await.expect(0);
    apply(&world, folder.path(), &[]).await.expect(0);
    world.forget_owner_of_gateway();
    let refused = apply(&world, folder.path(), &[]).await.expect(1).json();
    assert!(refused["error"]["hint"].as_str().unwrap().contains("`adopt: true`"), "{refused:#}");
    let exported = world.run(&["export", "g"]).await.expect(0).stdout;
    assert!(exported.contains("adopt: true"), "{exported}");
    fs::write(folder.path().join("gateway.yaml"), exported).unwrap();
    apply(&world, folder.path(), &["--dry-run", "--detailed-exitcode"]).await.expect(0);
}
