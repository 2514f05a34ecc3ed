//! `update` and `delete`: what is named changes, and nothing else.

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    difference::differences,
    world::{Subject, THEIR_FUNCTION, THEIR_OTHER_FUNCTION, World},
};

const ENGINE: &str = "arn:aws:bedrock-agentcore:us-west-2:000000000000:policy-engine/engine-abcdefghij";
const OTHER_ENGINE: &str = "arn:aws:bedrock-agentcore:us-west-2:000000000000:policy-engine/other-abcdefghij";
const KEY: &str = "arn:aws:kms:us-west-2:000000000000:key/00000000-0000-0000-0000-000000000001";
const OTHER_KEY: &str = "arn:aws:kms:us-west-2:000000000000:key/00000000-0000-0000-0000-000000000002";
const ROLE: &str = "arn:aws:iam::000000000000:role/theirs";
const DISCOVERY: &str = "https://127.0.0.1:1/.well-known/openid-configuration";

/// Every setting that has a flag.
const EVERYTHING: &[&str] = &[
    "--description",
    "before",
    "--instructions",
    "before",
    "--mcp-version",
    "2025-06-18",
    "--debug-errors",
    "--kms-key-arn",
    KEY,
    "--request-interceptor",
    THEIR_FUNCTION,
    "--response-interceptor",
    THEIR_FUNCTION,
    "--session-timeout",
    "900",
    "--stream",
    "--no-list-paging",
    "--policy-engine",
    ENGINE,
];

async fn shown(world: &World) -> Value {
    world.run(&["get", "g", "-o", "json"]).await.expect(0).json()
}

/// What the gateway's role is allowed, as text.
fn grants(world: &World) -> String {
    let roles = world.snapshot()["iam"]["roles"].clone();
    let mut roles = roles.as_object().unwrap().values();
    let is_ours = |role: &&Value| role["trust"].to_string().contains("bedrock-agentcore") && role["name"] != "theirs";
    roles.find(is_ours).unwrap()["inline"].to_string()
}

/// A role of the user's own, which may do everything.
fn add_their_role(world: &World) {
    let all = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    world.edit(|state| {
        let roles = state["iam"]["roles"].as_object_mut().unwrap();
        let mut theirs = roles.values().find(|role| role["trust"].to_string().contains("bedrock")).unwrap().clone();
        theirs["name"] = json!("theirs");
        theirs["path"] = json!("/");
        theirs["arn"] = json!(ROLE);
        theirs["tags"] = json!({});
        let principal = json!({ "Service": "bedrock-agentcore.amazonaws.com" });
        let trust = json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" });
        theirs["trust"] = json!(json!({ "Version": "2012-10-17", "Statement": [trust] }).to_string());
        let mut policy = theirs["inline"]["base"].clone();
        policy["document"] = json!(all.to_string());
        theirs["inline"] = json!({ "all": policy });
        roles.insert("theirs".to_owned(), theirs);
    });
}

async fn with_everything() -> World {
    let world = World::new(Duration::ZERO).with_their_functions();
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    world.run(&[&["update", "g"], EVERYTHING].concat()).await.expect(0);
    let jwt = ["--add-allowed-scope", "g/invoke", "--add-allowed-client", "kept", "--custom-claim", "team=a"];
    world.run(&[&["update", "g"], &jwt[..]].concat()).await.expect(0);
    add_their_role(&world);
    world
}

/// Members that neither our SDK nor the local AWS has, at the root and in what the flags change.
fn of_the_future() -> Value {
    let deep = json!({ "deep": [1, { "x": null }] });
    json!({
        "ofTheFuture": deep,
        "protocolConfiguration": { "mcp": { "ofTheFuture": deep } },
        "authorizerConfiguration": { "customJWTAuthorizer": { "ofTheFuture": deep } },
        "policyEngineConfiguration": { "ofTheFuture": 1 },
    })
}

#[tokio::test(start_paused = true)]
async fn an_update_of_one_member_leaves_all_others_equal() {
    let (world, foreign) = with_everything().await.with_foreign(Subject::Gateway, of_the_future());
    let before = shown(&world).await;
    let moment = world.moment();
    let mcp = "protocolConfiguration.mcp";
    let jwt = "authorizerConfiguration.customJWTAuthorizer";
    let cases: Vec<(&[&str], String)> = vec![
        (&["--description", "after"], "description".into()),
        (&["--clear-description"], "description".into()),
        (&["--instructions", "after"], format!("{mcp}.instructions")),
        (&["--clear-instructions"], format!("{mcp}.instructions")),
        (&["--mcp-version", "2025-11-25"], format!("{mcp}.supportedVersions")),
        (&["--clear-mcp-versions"], format!("{mcp}.supportedVersions")),
        (&["--no-debug-errors"], "exceptionLevel".into()),
        (&["--kms-key-arn", OTHER_KEY], "kmsKeyArn".into()),
        (&["--clear-kms-key"], "kmsKeyArn".into()),
        (&["--request-interceptor", THEIR_OTHER_FUNCTION], "interceptorConfigurations".into()),
        (
            &["--response-interceptor", THEIR_OTHER_FUNCTION, "--pass-request-headers"],
            "interceptorConfigurations".into(),
        ),
        (&["--clear-request-interceptor"], "interceptorConfigurations".into()),
        (&["--clear-response-interceptor"], "interceptorConfigurations".into()),
        (&["--clear-request-interceptor", "--clear-response-interceptor"], "interceptorConfigurations".into()),
        (&["--session-timeout", "1800"], format!("{mcp}.sessionConfiguration.sessionTimeoutInSeconds")),
        (&["--clear-sessions"], format!("{mcp}.sessionConfiguration")),
        (&["--no-stream"], format!("{mcp}.streamingConfiguration.enableResponseStreaming")),
        (&["--list-paging"], format!("{mcp}.disableMcpListToolsPagination")),
        (&["--policy-engine", OTHER_ENGINE], "policyEngineConfiguration.arn".into()),
        (&["--enforce"], "policyEngineConfiguration.mode".into()),
        (&["--add-allowed-client", "another"], format!("{jwt}.allowedClients")),
        (&["--remove-allowed-client", "kept"], format!("{jwt}.allowedClients")),
        (&["--add-allowed-scope", "g/write"], format!("{jwt}.allowedScopes")),
        (&["--remove-allowed-scope", "g/invoke"], format!("{jwt}.allowedScopes")),
        (&["--clear-allowed-scopes"], format!("{jwt}.allowedScopes")),
        (&["--custom-claim", "team=b"], format!("{jwt}.customClaims")),
        (&["--custom-claim", "groups:contains=x"], format!("{jwt}.customClaims")),
        (&["--remove-custom-claim", "team"], format!("{jwt}.customClaims")),
        (&["--clear-custom-claims"], format!("{jwt}.customClaims")),
        (&["--role-arn", ROLE], "roleArn".into()),
    ];
    for (flags, path) in cases {
        let fork = world.at(&moment).sharing(&foreign);
        foreign.sent.lock().unwrap().clear();
        let updated = fork.run(&[&["update", "g", "-o", "json"], flags].concat()).await.expect(0).json();
        let after = shown(&fork).await;
        let differing: BTreeSet<String> =
            differences(&before, &after).into_iter().filter(|path| path != "updatedAt").collect();
        assert_eq!(differing, BTreeSet::from([path.clone()]), "{flags:?}");
        let said = updated["changed"].as_array().unwrap();
        // A member that is gone is named at the highest level.
        assert!(said.len() == 1 && path.starts_with(said[0].as_str().unwrap()), "{flags:?}: {said:?}");
        let sent = foreign.sent.lock().unwrap().clone();
        assert_eq!(sent.len(), 1, "{flags:?}: one write");
        let unsent = differences(&sent[0], &after);
        let read_only = [
            "gatewayArn",
            "gatewayId",
            "gatewayIdentifier",
            "gatewayUrl",
            "status",
            "createdAt",
            "updatedAt",
            "workloadIdentityDetails",
        ];
        let unsent: Vec<&String> = unsent.iter().filter(|path| !read_only.contains(&path.as_str())).collect();
        assert!(unsent.is_empty(), "{flags:?}: {unsent:?}");
        // The same again changes nothing.
        let again = fork.run(&[&["update", "g", "-o", "json"], flags].concat()).await.expect(0).json();
        assert_eq!(again["changed"], json!([]), "{flags:?}");
        assert_eq!(foreign.sent.lock().unwrap().len(), 1, "{flags:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_engine_is_taken_away_whole() {
    let world = with_everything().await;
    let before = shown(&world).await;
    world.run(&["update", "g", "--clear-policy-engine"]).await.expect(0);
    let after = shown(&world).await;
    assert_eq!(after.get("policyEngineConfiguration"), None);
    let differing = differences(&before, &after);
    assert!(differing.iter().all(|path| path == "policyEngineConfiguration" || path == "updatedAt"));
    assert!(!grants(&world).contains("policy-engine"), "{}", grants(&world));
    let refused = world.run(&["update", "g", "--enforce", "-o", "json"]).await.expect(2).json();
    assert!(refused.to_string().contains("--policy-engine"), "{refused:#}");
}

/// Each member of UpdateGateway, from a file.
#[tokio::test(start_paused = true)]
async fn a_file_changes_each_member_of_the_api_and_leaves_all_others_equal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input.json");
    let world = with_everything().await;
    let before = shown(&world).await;
    let moment = world.moment();
    let jwt =
        |member: &str, value: Value| json!({ "authorizerConfiguration": { "customJWTAuthorizer": { member: value } } });
    let mcp = |member: &str, value: Value| json!({ "protocolConfiguration": { "mcp": { member: value } } });
    let vpc = json!({ "managedVpcResource": {
        "vpcIdentifier": "vpc-12345678", "subnetIds": ["subnet-12345678"], "endpointIpAddressType": "IPV4",
    } });
    let lattice = json!({ "selfManagedLatticeResource": {
        "resourceConfigurationIdentifier": "rcfg-0123456789abcdefg",
    } });
    for input in [
        json!({ "description": "after" }),
        json!({ "description": null }),
        json!({ "roleArn": ROLE }),
        mcp("supportedVersions", json!(["2025-11-25"])),
        mcp("instructions", json!("after")),
        mcp("sessionConfiguration", json!({ "sessionTimeoutInSeconds": 1800 })),
        mcp("streamingConfiguration", json!({ "enableResponseStreaming": false })),
        mcp("disableMcpListToolsPagination", json!(false)),
        jwt("allowedScopes", json!(["g/invoke", "g/other"])),
        jwt("customClaims", json!(null)),
        jwt("advertisedScopeMapping", json!({ "g/invoke": "api://x/invoke" })),
        jwt("privateEndpoint", vpc),
        jwt("privateEndpointOverrides", json!([{ "domain": "a.example.com", "privateEndpoint": lattice }])),
        jwt("certificateConfigurations", json!([{ "s3": { "uri": "s3://b/k" } }])),
        jwt("allowedWorkloadConfiguration", json!({ "workloadIdentities": ["agent"] })),
        json!({ "kmsKeyArn": OTHER_KEY }),
        json!({ "customTransformConfiguration": { "lambda": { "arn": THEIR_FUNCTION } } }),
        json!({ "interceptorConfigurations": [{
            "interceptor": { "lambda": { "arn": THEIR_OTHER_FUNCTION } },
            "interceptionPoints": ["REQUEST", "RESPONSE"],
            "inputConfiguration": { "passRequestHeaders": true },
            "responseInterceptionMode": "STREAM",
            "responseStreamingConfiguration": { "maxEventsPerInvocation": 8 },
        }] }),
        json!({ "policyEngineConfiguration": { "mode": "ENFORCE" } }),
        json!({ "exceptionLevel": null }),
        json!({ "wafConfiguration": { "failureMode": "FAIL_OPEN" } }),
        json!({ "domainOverride": { "defaultDomain": "tools.example.com" } }),
    ] {
        let fork = world.at(&moment);
        fs::write(&file, input.to_string()).unwrap();
        let update = ["update", "g", "--cli-input", file.to_str().unwrap(), "-o", "json"];
        let updated = fork.run(&update).await.expect(0).json();
        let after = shown(&fork).await;
        let differing: Vec<String> =
            differences(&before, &after).into_iter().filter(|path| path != "updatedAt").collect();
        let top = input.as_object().unwrap().keys().next().unwrap();
        let is_within = |path: &String| path.split('.').next() == Some(top);
        assert!(!differing.is_empty() && differing.iter().all(is_within), "{input}: {differing:?}");
        let pointer = |document: &Value| {
            let mut at = (input.clone(), document.clone());
            while let Value::Object(members) = at.0.clone() {
                let (name, inner) = members.iter().next().unwrap();
                at = (inner.clone(), at.1[name].clone());
            }
            at
        };
        let (given, got) = pointer(&after);
        assert_eq!(given, got, "{input}");
        assert_eq!(updated["gateway"]["gatewayId"], before["gatewayId"]);
        assert_eq!(fork.run(&update).await.expect(0).json()["changed"], json!([]), "{input}");
    }
}

/// What `get` prints can be edited and given back; flags win over it.
#[tokio::test(start_paused = true)]
async fn what_get_prints_is_taken_back_and_flags_win() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input.json");
    let world = with_everything().await;
    let mut edited = shown(&world).await;
    edited["description"] = json!("of the file");
    edited["exceptionLevel"].take();
    fs::write(&file, edited.to_string()).unwrap();
    let input = file.to_str().unwrap();
    let update = ["update", "g", "--cli-input", input, "-o", "json"];
    let planned = world.run(&[&update[..], &["--dry-run"]].concat()).await.expect(0);
    assert!(planned.stdout.contains("exceptionLevel"), "{}", planned.stdout);
    assert_eq!(shown(&world).await["description"], "before", "a dry run does nothing");
    let updated = world.run(&[&update[..], &["--description", "of the flag"]].concat()).await.expect(0);
    assert!(!updated.stderr.contains("does not know"), "{}", updated.stderr);
    let updated = updated.json();
    assert_eq!(updated["changed"], json!(["description", "exceptionLevel"]));
    assert_eq!(shown(&world).await["description"], "of the flag");
    let before = world.snapshot();
    for (input, said) in [
        (json!({ "name": "other" }), "`name` is `other`, and the command is for `g`"),
        (json!({ "gatewayIdentifier": "other-abcdefghij" }), "`gatewayIdentifier` is `other-abcdefghij`"),
        (json!({ "authorizerType": "NONE" }), "`authorizerType` is `NONE`"),
        (json!({ "Description": "x" }), "line 1: `Description` is no member of the API"),
        (json!({ "roleArn": "me" }), "`roleArn`: "),
        (json!({ "roleArn": 1 }), "`roleArn` is no text"),
        (json!({ "gatewayId": "other-abcdefghij" }), "`gatewayId` is `other-abcdefghij`"),
        (json!([]), "is no object"),
    ] {
        fs::write(&file, input.to_string()).unwrap();
        let refused = world.run(&update).await.expect(2).json();
        assert_eq!(refused["error"]["code"], "invalid_input", "{refused:#}");
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(said) && message.contains("input.json"), "{input}: {message}");
    }
    fs::write(&file, "{\"a\": 1,\n  oops}").unwrap();
    let refused = world.run(&update).await.expect(2).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("line 2"), "{refused:#}");
    assert_eq!(world.snapshot(), before);
    let nothing = world.run(&["update", "g", "-o", "json"]).await.expect(2).json();
    assert_eq!(nothing["error"]["message"], "there is nothing to change");
}

/// While the one replaces the other, the role may call both: a request may come at any moment.
#[tokio::test(start_paused = true)]
async fn a_new_interceptor_is_permitted_before_it_is_set_and_an_old_one_until_it_is_gone() {
    let world = World::new(Duration::ZERO).with_their_functions();
    world.run(&["create", "g", "--no-observability", "--request-interceptor", THEIR_FUNCTION]).await.expect(0);
    assert!(grants(&world).contains(THEIR_FUNCTION));
    let before = world.moment();
    let args = ["update", "g", "--request-interceptor", THEIR_OTHER_FUNCTION];
    for moment in world.moments_of(&args).await {
        let at = world.at(&moment);
        let interceptors = shown(&at).await["interceptorConfigurations"].to_string();
        let set = if interceptors.contains(THEIR_OTHER_FUNCTION) { THEIR_OTHER_FUNCTION } else { THEIR_FUNCTION };
        assert!(grants(&at).contains(set), "{set}: {}", grants(&at));
        at.run(&args).await.expect(0);
        assert_eq!((grants(&at).contains(THEIR_OTHER_FUNCTION), grants(&at).contains(THEIR_FUNCTION)), (true, false));
    }
    let world = world.at(&before);
    world.run(&["update", "g", "--clear-request-interceptor"]).await.expect(0);
    assert!(!grants(&world).contains("InvokeInterceptors"), "{}", grants(&world));
    assert_eq!(shown(&world).await.get("interceptorConfigurations"), None);
}

/// As the role of a target's function, those of the settings outlive a later `create`, and the removal of a target.
#[tokio::test(start_paused = true)]
async fn what_the_settings_need_stays_permitted() {
    let world = World::new(Duration::ZERO).with_their_functions();
    let create = ["create", "g", "--sample", "--no-observability"];
    world.run(&create).await.expect(0);
    world.run(&["update", "g", "--request-interceptor", THEIR_FUNCTION, "--policy-engine", ENGINE]).await.expect(0);
    let before = world.snapshot();
    world.run(&create).await.expect(0);
    assert_eq!(world.snapshot(), before);
    world.run(&["target", "remove", "weather-tool", "--gateway", "g"]).await.expect(0);
    assert!(grants(&world).contains(THEIR_FUNCTION) && grants(&world).contains(ENGINE), "{}", grants(&world));
}

#[tokio::test(start_paused = true)]
async fn the_gateways_own_client_cannot_be_locked_out() {
    let world = with_everything().await;
    let before = world.snapshot();
    let created = world.run(&["credentials", "g", "-o", "json"]).await.expect(0).json();
    let own = created["clientInfo"]["clientId"].as_str().unwrap();
    for flags in [&["--remove-allowed-client", own][..], &["--clear-allowed-clients"]] {
        let refused = world.run(&[&["update", "g", "-o", "json"], flags].concat()).await.expect(2).json();
        assert!(refused.to_string().contains("client add"), "{refused:#}");
    }
    assert_eq!(world.snapshot(), before);
}

/// Flags for tokens are for a gateway that takes tokens.
#[tokio::test(start_paused = true)]
async fn what_the_type_of_authorizer_does_not_have_is_refused() {
    let world = World::new(Duration::ZERO).with_their_functions();
    world.run(&["create", "i", "--authorizer", "iam", "--no-observability"]).await.expect(0);
    let before = world.snapshot();
    for flags in [
        &["--add-allowed-client", "x"][..],
        &["--add-allowed-scope", "x"],
        &["--custom-claim", "a=b"],
        &["--discovery-url", DISCOVERY],
    ] {
        let refused = world.run(&[&["update", "i", "-o", "json"], flags].concat()).await.expect(2).json();
        assert!(refused.to_string().contains("AWS_IAM"), "{refused:#}");
    }
    assert_eq!(world.snapshot(), before);
    let jwt = ["create", "j", "--authorizer", "jwt", "--discovery-url", DISCOVERY, "--allowed-client", "a"];
    world.run(&[&jwt[..], &["--allowed-audience", "a", "--no-observability"]].concat()).await.expect(0);
    let other = DISCOVERY.replace(":1/", ":2/");
    let flags = ["--discovery-url", &other, "--remove-allowed-audience", "a", "--clear-allowed-clients"];
    let last = world.run(&[&["update", "j", "-o", "json"], &flags[..]].concat()).await.expect(2).json();
    assert!(last.to_string().contains("every token of its provider"), "{last:#}");
    world.run(&[&["update", "j"], &flags[..3]].concat()).await;
    let updated =
        world.run(&["update", "j", "--add-allowed-scope", "s", "-o", "json", "--discovery-url", &other]).await;
    let updated = updated.expect(0).json();
    assert_eq!(updated["gateway"]["status"], "READY", "{updated:#}");
}

/// A gateway of somebody else is changed when it is named, and only what was named.
#[tokio::test(start_paused = true)]
async fn another_owners_gateway_is_changed_when_it_is_named_and_its_role_is_not() {
    let world = World::new(Duration::ZERO).with_their_functions();
    world.run(&["create", "g", "--no-observability", "--sample"]).await.expect(0);
    world.forget_owner_of_gateway();
    world.edit_gateway(|config| config["roleArn"] = json!(ROLE));
    add_their_role(&world);
    let before = shown(&world).await;
    let all = world.snapshot();
    let flags = ["--request-interceptor", THEIR_FUNCTION, "--description", "mine", "-o", "json"];
    let updated = world.run(&[&["update", "g"], &flags[..]].concat()).await.expect(0).json();
    let warning = updated["warnings"][0].as_str().unwrap();
    assert!(warning.contains(ROLE) && warning.contains(THEIR_FUNCTION), "{updated:#}");
    let after = shown(&world).await;
    let differing: Vec<String> = differences(&before, &after).into_iter().filter(|path| path != "updatedAt").collect();
    assert_eq!(differing, ["description", "interceptorConfigurations"]);
    let mut now = world.snapshot();
    now["agentcore"] = all["agentcore"].clone();
    assert_eq!(now, all, "nothing but the gateway");
    // Nothing else that the program does touches it.
    world.run(&["cleanup", "--all", "--yes"]).await;
    assert_eq!(shown(&world).await["description"], "mine");
}

#[tokio::test(start_paused = true)]
async fn two_updates_at_once_are_both_made() {
    let world = World::with_rules(&[
        "bedrock-agentcore:UpdateGateway=ConflictException*2:Cannot perform operation when gateway is in UPDATING status",
    ]);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    let (one, other) = tokio::join!(
        world.run(&["update", "g", "--description", "one"]),
        world.run(&["update", "g", "--instructions", "other"]),
    );
    assert_eq!((one.code, other.code), (0, 0), "{}{}", one.stderr, other.stderr);
    let after = shown(&world).await;
    assert_eq!(after["description"], "one", "{after:#}");
    assert_eq!(after["protocolConfiguration"]["mcp"]["instructions"], "other", "{after:#}");
}

#[tokio::test(start_paused = true)]
async fn delete_takes_the_gateway_alone_and_says_what_remains() {
    let world = World::new(Duration::ZERO).with_their_functions();
    world.run(&["create", "g", "--sample"]).await.expect(0);
    let before = world.snapshot();
    let planned = world.run(&["delete", "g", "--dry-run", "-o", "json"]).await.expect(0).json();
    assert_eq!((&planned["dryRun"], planned["deleted"].as_array().unwrap().len()), (&json!(true), 2), "{planned:#}");
    let unconfirmed = world.run(&["delete", "g", "-o", "json"]).await.expect(2).json();
    assert!(unconfirmed["error"]["hint"].as_str().unwrap().contains("--yes"), "{unconfirmed:#}");
    assert_eq!(world.snapshot(), before);
    let deleted = world.run(&["delete", "g", "--yes", "-o", "json"]).await.expect(0).json();
    let kinds = |entries: &Value| -> BTreeSet<String> {
        entries.as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&deleted["deleted"]), BTreeSet::from(["gateway".into(), "target".into()]));
    for kind in ["execution role", "user pool", "sample function"] {
        assert!(kinds(&deleted["remaining"]).contains(kind), "{kind}: {deleted:#}");
    }
    let census = world.census();
    assert_eq!((census["gateways"], census["targets"], census["pools"], census["roles"]), (0, 0, 1, 2));
    let again = world.run(&["delete", "g", "--yes", "-o", "json"]).await.expect(0).json();
    assert_eq!((&again["wasThere"], &again["deleted"]), (&json!(false), &json!([])), "{again:#}");
    assert_eq!(kinds(&again["remaining"]), kinds(&deleted["remaining"]));
    // What remains is used again, or cleaned up.
    let moment = world.moment();
    world.run(&["create", "g", "--sample"]).await.expect(0);
    assert_eq!(world.census()["pools"], 1);
    let other = world.at(&moment);
    other.run(&["cleanup", "g", "--yes"]).await.expect(0);
    assert!(other.is_empty(), "{:?}", other.census());
}

#[tokio::test(start_paused = true)]
async fn another_owners_gateway_is_deleted_when_it_is_named_and_nothing_with_it() {
    let world = World::new(Duration::ZERO).with_their_functions();
    world.run(&["create", "g", "--no-observability", "--authorizer", "iam"]).await.expect(0);
    world.forget_owner_of_gateway();
    let unconfirmed = world.run(&["delete", "g", "-o", "json"]).await.expect(2);
    assert_eq!(world.census()["gateways"], 1, "{}", unconfirmed.stdout);
    let before = world.census();
    let deleted = world.run(&["delete", "g", "--yes", "-o", "json"]).await.expect(0).json();
    assert_eq!(deleted["wasThere"], true);
    let mut expected = before.clone();
    expected.insert("gateways", 0);
    assert_eq!(world.census(), expected);
}

/// The requests of the quick start's "More Operations on Gateways and Targets", with its placeholders filled in.
#[tokio::test(start_paused = true)]
async fn the_requests_of_the_quick_start_are_taken_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, request: &Value| {
        let path = folder.path().join(name);
        fs::write(&path, request.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let world = World::new(Duration::ZERO).with_their_functions();
    // Another stack, of whose role the user's is made.
    world.run(&["create", "other", "--authorizer", "iam", "--no-observability"]).await.expect(0);
    add_their_role(&world);
    let mut request = json!({
        "name": "TestGateway", "roleArn": ROLE, "protocolType": "MCP", "authorizerType": "CUSTOM_JWT",
        "authorizerConfiguration": { "customJWTAuthorizer": { "discoveryUrl": DISCOVERY, "allowedClients": ["c"] } },
    });
    let input = file("create.json", &request);
    let create = ["create", "TestGateway", "--cli-input", &input, "--no-observability"];
    world.run(&create).await.expect(0);
    let made = world.run(&["get", "TestGateway", "-o", "json"]).await.expect(0).json();
    for (member, value) in request.as_object().unwrap() {
        assert_eq!(&made[member], value, "{member}");
    }
    let before = world.snapshot();
    world.run(&create).await.expect(0);
    assert_eq!(world.snapshot(), before, "again, it changes nothing");
    request["gatewayIdentifier"] = made["gatewayId"].clone();
    request["description"] = json!("updated");
    let update = ["update", "TestGateway", "--cli-input", &file("update.json", &request)];
    world.run(&update).await.expect(0);
    let updated = world.run(&["get", "TestGateway", "-o", "json"]).await.expect(0).json();
    let differing: Vec<String> = differences(&made, &updated).into_iter().filter(|path| path != "updatedAt").collect();
    assert_eq!(differing, ["description"]);
    let schema = json!([{ "name": "t", "description": "d", "inputSchema": { "type": "object" } }]);
    let mut request = json!({
        "gatewayIdentifier": made["gatewayId"], "name": "TestLambdaTarget",
        "targetConfiguration": { "mcp": { "lambda": {
            "lambdaArn": THEIR_FUNCTION, "toolSchema": { "inlinePayload": schema },
        } } },
        "credentialProviderConfigurations": [{ "credentialProviderType": "GATEWAY_IAM_ROLE" }],
    });
    let target = ["TestLambdaTarget", "--gateway", "TestGateway", "--cli-input"];
    let input = file("target.json", &request);
    world.run(&[&["target", "add", "lambda"], &target[..], &[&input]].concat()).await.expect(0);
    request["description"] = json!("updated");
    let input = file("target.json", &request);
    world.run(&[&["target", "update"], &target[..], &[&input]].concat()).await.expect(0);
    let get = ["target", "get", "TestLambdaTarget", "--gateway", "TestGateway", "-o", "json"];
    let shown = world.run(&get).await.expect(0).json();
    assert_eq!((&shown["description"], &shown["status"]), (&json!("updated"), &json!("READY")));
    world.run(&["target", "remove", "TestLambdaTarget", "--gateway", "TestGateway"]).await.expect(0);
    world.run(&["delete", "TestGateway", "--yes"]).await.expect(0);
    assert_eq!(world.census()["gateways"], 1);
}

/// A change that finds the gateway UPDATING waits for it, and is made then.
#[tokio::test(start_paused = true)]
async fn a_change_that_finds_the_gateway_updating_is_made_after_it() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    world.run(&["update", "g", "--description", "one", "--no-wait"]).await.expect(0);
    world.run(&["update", "g", "--instructions", "two"]).await.expect(0);
    let after = shown(&world).await;
    assert_eq!((&after["description"], &after["status"]), (&json!("one"), &json!("READY")));
    assert_eq!(after["protocolConfiguration"]["mcp"]["instructions"], "two");
}

#[tokio::test(start_paused = true)]
async fn without_waiting_the_role_may_still_call_what_the_gateway_still_uses() {
    let world = World::new(Duration::ZERO).with_their_functions();
    world.run(&["create", "g", "--no-observability", "--request-interceptor", THEIR_FUNCTION]).await.expect(0);
    let change = ["update", "g", "--request-interceptor", THEIR_OTHER_FUNCTION];
    world.run(&[&change[..], &["--no-wait"]].concat()).await.expect(0);
    let both = grants(&world);
    assert!(both.contains(&format!("{THEIR_FUNCTION}\\\"")) && both.contains(THEIR_OTHER_FUNCTION), "{both}");
    world.run(&change).await.expect(0);
    let after = grants(&world);
    assert!(!after.contains(&format!("{THEIR_FUNCTION}\\\"")) && after.contains(THEIR_OTHER_FUNCTION), "{after}");
}

#[tokio::test(start_paused = true)]
async fn what_would_keep_the_gateways_own_client_out_is_refused() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    let before = world.snapshot();
    for (flags, remedy) in [
        (["--add-allowed-scope", "g/read"], "--add-allowed-scope g/invoke"),
        (["--add-allowed-audience", "a"], "--add-allowed-client"),
        (["--discovery-url", DISCOVERY], "create g --authorizer jwt"),
    ] {
        let refused = world.run(&[&["update", "g", "-o", "json"], &flags[..]].concat()).await.expect(2).json();
        assert!(refused["error"]["hint"].as_str().unwrap().contains(remedy), "{refused:#}");
        assert_eq!(world.snapshot(), before);
    }
    // One that is out already stands in the way of no other change.
    world.edit_gateway(|config| {
        config["authorizerConfiguration"]["customJWTAuthorizer"]["allowedClients"] = json!(["theirs"]);
    });
    world.run(&["update", "g", "--description", "d"]).await.expect(0);
}

#[tokio::test(start_paused = true)]
async fn a_pool_whose_tokens_the_gateway_does_not_accept_is_shown_apart() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    let used = world.run(&["status", "g"]).await.expect(0).stdout;
    assert!(used.contains("user pool") && !used.contains("unused"), "{used}");
    world.edit_gateway(|config| {
        config["authorizerConfiguration"]["customJWTAuthorizer"]["discoveryUrl"] = json!(DISCOVERY);
    });
    let shown = world.run(&["status", "g"]).await.stdout;
    let (before, after) = shown.split_once("─ unused\n").unwrap_or_else(|| panic!("{shown}"));
    assert!(!before.contains("user pool") && after.contains("user pool"), "{shown}");
}

/// What `get` printed makes the same gateway: with the stack's own role and pool, and with its consumers.
#[tokio::test(start_paused = true)]
async fn create_takes_what_get_prints_for_the_stack_that_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input.json");
    let world = World::new(Duration::ZERO).with_their_functions();
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    let mut edited = shown(&world).await;
    world.run(&["client", "add", "g", "team"]).await.expect(0);
    edited["interceptorConfigurations"] = json!([{
        "interceptor": { "lambda": { "arn": THEIR_FUNCTION } }, "interceptionPoints": ["REQUEST"],
    }]);
    fs::write(&file, edited.to_string()).unwrap();
    let create = ["create", "g", "--no-observability", "--cli-input", file.to_str().unwrap(), "-o", "json"];
    let created = world.run(&create).await.expect(0).json();
    assert!(created["clientInfo"]["clientId"].is_string(), "{created:#}");
    assert!(grants(&world).contains(THEIR_FUNCTION));
    let allowed = &shown(&world).await["authorizerConfiguration"]["customJWTAuthorizer"]["allowedClients"];
    assert_eq!(allowed.as_array().unwrap().len(), 2, "{allowed}");
    let claims = json!({ "authorizerConfiguration": { "customJWTAuthorizer": { "customClaims": [{
        "inboundTokenClaimName": "scope", "inboundTokenClaimValueType": "STRING",
        "authorizingClaimMatchValue": {
            "claimMatchValue": { "matchValueString": "invoke" }, "claimMatchOperator": "EQUALS",
        },
    }] } } });
    fs::write(&file, claims.to_string()).unwrap();
    world.run(&create).await.expect(0);
    let jwt = shown(&world).await["authorizerConfiguration"]["customJWTAuthorizer"].clone();
    assert!(jwt["customClaims"].is_array() && jwt["allowedClients"].as_array().unwrap().len() == 2, "{jwt:#}");
}

#[tokio::test(start_paused = true)]
async fn a_whole_request_gets_no_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input.json");
    let world = World::new(Duration::ZERO);
    world.run(&["create", "other", "--authorizer", "iam", "--no-observability"]).await.expect(0);
    add_their_role(&world);
    fs::write(&file, json!({ "roleArn": ROLE, "authorizerType": "AWS_IAM" }).to_string()).unwrap();
    let create = ["create", "g", "--no-observability", "--cli-input", file.to_str().unwrap()];
    world.run(&create).await.expect(0);
    let made = shown(&world).await;
    assert_eq!((made.get("protocolType"), made.get("protocolConfiguration")), (None, None), "{made:#}");
    let before = world.snapshot();
    world.run(&create).await.expect(0);
    assert_eq!(world.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_says_all_that_remains() {
    let world = World::with_rules(&["bedrock-agentcore:DeleteGatewayTarget=AccessDeniedException"]);
    world.run(&["create", "g", "--sample", "--no-observability"]).await.expect(0);
    world.run(&["client", "add", "g", "team"]).await.expect(0);
    let planned = world.run(&["delete", "g", "--dry-run"]).await.expect(0);
    assert!(planned.stdout.contains("team"), "{}", planned.stdout);
    let left = world.run(&["delete", "g", "--yes", "-o", "json"]).await.expect(3).json();
    let causes = left["error"]["causes"].to_string();
    assert!(causes.contains("weather-tool") && causes.contains("remains: gateway"), "{left:#}");
}

#[tokio::test(start_paused = true)]
async fn what_a_file_says_wrongly_is_told_before_the_role_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input.json");
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    let before = world.snapshot();
    let lambda = json!({ "lambda": { "arn": "nope" } });
    for input in [
        json!({ "kmsKeyArn": "x" }),
        json!({ "policyEngineConfiguration": { "arn": "x", "mode": "ENFORCE" } }),
        json!({ "interceptorConfigurations": [{ "interceptor": lambda, "interceptionPoints": ["REQUEST"] }] }),
    ] {
        fs::write(&file, input.to_string()).unwrap();
        let place = format!("file://{}", file.to_str().unwrap());
        let refused = world.run(&["update", "g", "--cli-input", &place, "-o", "json"]).await.expect(2).json();
        assert!(refused["error"]["message"].as_str().unwrap().contains("is not the ARN"), "{refused:#}");
        assert_eq!(world.snapshot(), before);
    }
    fs::write(&file, r#"{"descripton":"x"}"#).unwrap();
    let noted = world.run(&["update", "g", "--cli-input", file.to_str().unwrap()]).await;
    assert!(noted.stderr.contains("does not know `descripton`"), "{}", noted.stderr);
    fs::write(&file, r#"{"exceptionLevel":"LOUD"}"#).unwrap();
    let refused = world.run(&["update", "g", "--cli-input", file.to_str().unwrap()]).await.expect(1);
    assert!(refused.stderr.contains("hint: correct what AWS does not take\n"), "{}", refused.stderr);
    fs::write(&file, r#"{"protocolType":null}"#).unwrap();
    let updated = world.run(&["update", "g", "--cli-input", file.to_str().unwrap(), "-o", "json"]).await.expect(0);
    assert!(updated.json()["warnings"][0].as_str().unwrap().contains("serves no MCP"), "{}", updated.stdout);
}

/// Back at the stack's own role, that is allowed what the settings need.
#[tokio::test(start_paused = true)]
async fn a_gateway_goes_to_a_role_of_the_users_and_back() {
    let world = World::new(Duration::ZERO).with_their_functions();
    world.run(&["create", "g", "--no-observability"]).await.expect(0);
    let own = shown(&world).await["roleArn"].as_str().unwrap().to_owned();
    add_their_role(&world);
    let there = world.run(&["update", "g", "--role-arn", ROLE, "-o", "json"]).await.expect(0).json();
    let warning = there["warnings"][0].as_str().unwrap();
    assert!(warning.contains("yours to change") && warning.contains("--endpoint-url"), "{warning}");
    world.run(&["update", "g", "--request-interceptor", THEIR_FUNCTION]).await.expect(0);
    assert!(!grants(&world).contains(THEIR_FUNCTION));
    let back = world.run(&["update", "g", "--role-arn", &own, "-o", "json"]).await.expect(0).json();
    assert_eq!((&back["changed"], &back["warnings"]), (&json!(["roleArn"]), &json!([])));
    assert!(grants(&world).contains(THEIR_FUNCTION));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_each_member_that_changes_also_of_the_authorizer() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g"]).await.expect(0);
    let flags = ["update", "g", "--add-allowed-scope", "g/invoke", "--description", "d", "--dry-run", "-o", "json"];
    let plan = world.run(&flags).await.expect(0).json();
    let expected = serde_json::json!([
        { "path": "authorizerConfiguration.customJWTAuthorizer.allowedScopes", "after": ["g/invoke"] },
        { "path": "description", "after": "d" },
    ]);
    assert_eq!(plan["changes"][0]["members"], expected, "{plan:#}");
}
