//! `doctor`: for each fault it names the link that is broken, and `--fix` adds what is missing of the stack's own.

use std::{fs, thread, time::Duration};

use axum::{Router, routing::get};
use serde_json::{Value, json};

use crate::support::{
    damage::{gateway, lose_provider, members, pool, role, set_status, stack, target},
    env::{Env, Run, Server},
    fake_server,
    world::World,
};

const DOCTOR: [&str; 4] = ["doctor", "g", "-o", "json"];
const FIX: [&str; 6] = ["doctor", "g", "--fix", "-y", "-o", "json"];

/// The checks that fail, each with its detail and its remedy.
fn failing(report: &Value) -> Vec<(String, String, String)> {
    let checks = report["checks"].as_array().unwrap().iter();
    for check in checks.clone() {
        let members: Vec<&String> = check.as_object().unwrap().keys().collect();
        assert_eq!(members, ["name", "ok", "detail", "fix"]);
        assert_eq!(check["ok"] == true, check["fix"].is_null(), "{check}");
    }
    let text = |check: &Value, member: &str| check[member].as_str().unwrap().to_owned();
    let failing = checks.filter(|check| check["ok"] == false);
    failing.map(|check| (text(check, "name"), text(check, "detail"), text(check, "fix"))).collect()
}

/// Their names; those of targets, which have no order, by name.
fn names(failing: &[(String, String, String)]) -> Vec<&str> {
    let mut names: Vec<&str> = failing.iter().map(|(name, ..)| name.as_str()).collect();
    names.sort_by_key(|name| name.starts_with("permissions:").then_some(*name));
    names
}

/// Removes or changes a document of the gateway's role.
fn edit_policy(state: &mut Value, name: &str, change: impl FnOnce(&mut Value)) {
    let inline = &mut role(state)["inline"][name]["document"];
    let mut document: Value = serde_json::from_str(inline.as_str().unwrap()).unwrap();
    change(&mut document);
    *inline = json!(document.to_string());
}

fn edit_trust(state: &mut Value, from: &str, to: &str) {
    let trust = &mut role(state)["trust"];
    let changed = trust.as_str().unwrap().replace(from, to);
    assert_ne!(changed, trust.as_str().unwrap());
    *trust = json!(changed);
}

fn authorizer(state: &mut Value) -> &mut Value {
    &mut gateway(state)["config"]["authorizerConfiguration"]["customJWTAuthorizer"]
}

/// A fault: its name, what it does to the account, the checks that fail, in order, and what the first one's detail says.
type Fault = (&'static str, fn(&mut Value), &'static [&'static str], &'static str);

const MENDED: [Fault; 12] = [
    (
        "missing statement",
        |state| {
            edit_policy(state, "base", |document| {
                document["Statement"].as_array_mut().unwrap().retain(|it| it["Action"] != "lambda:InvokeFunction");
            });
        },
        &["permissions:weather-tool"],
        "lacks `lambda:InvokeFunction` on arn:aws:lambda:us-west-2:000000000000:function:agw-g-",
    ),
    (
        "denied secret",
        |state| {
            edit_policy(state, "base", |document| {
                document["Statement"].as_array_mut().unwrap().retain(|it| it["Sid"] != "SecretsOfTheseProviders");
            });
        },
        &["permissions:api"],
        "lacks `secretsmanager:GetSecretValue` on arn:aws:secretsmanager:us-west-2:000000000000:secret:",
    ),
    (
        "no policy",
        |state| role(state)["inline"] = json!({}),
        &["permissions:api", "permissions:weather-tool"],
        "the role lacks `",
    ),
    (
        "wrong trust region",
        |state| edit_trust(state, ":us-west-2:", ":us-east-1:"),
        &["trust-policy"],
        "aws:SourceArn is arn:aws:bedrock-agentcore:us-west-2:000000000000:gateway/g-",
    ),
    (
        "deleted role",
        |state| members(state, "/iam/roles").retain(|name, _| name.ends_with("-sample")),
        &["role"],
        "is gone",
    ),
    (
        "deleted client",
        |state| pool(state)["clients"] = json!({}),
        &["app-client"],
        ", which the gateway allows, is gone",
    ),
    (
        "deleted role of the function",
        |state| members(state, "/iam/roles").retain(|name, _| !name.ends_with("-sample")),
        &["function:weather-tool"],
        "the role of the sample's function is gone",
    ),
    (
        "a client that is not there is allowed",
        |state| authorizer(state)["allowedClients"] = json!(["gone"]),
        &["app-client", "claim:client_id", "tools"],
        "the gateway allows gone, and not the stack's client ",
    ),
    ("deleted domain", |state| pool(state)["domain"] = Value::Null, &["domain"], "no domain"),
    (
        "deleted resource server",
        |state| pool(state)["resource_servers"] = json!({}),
        &["resource-server"],
        "no resource server `g`",
    ),
    (
        "deleted function",
        |state| members(state, "/lambda/functions").clear(),
        &["function:weather-tool"],
        "the sample's function is gone",
    ),
    (
        "two at once",
        |state| {
            pool(state)["clients"] = json!({});
            edit_trust(state, "000000000000", "111111111111");
        },
        &["trust-policy", "app-client"],
        "aws:SourceAccount is 000000000000, and StringEquals wants 111111111111",
    ),
];

/// A fault that is told: with what mends it.
type Told = (&'static str, fn(&mut Value), &'static [&'static str], &'static str, &'static str);

const TOLD: [Told; 17] = [
    (
        "wrong allowed client",
        |state| {
            let clients = pool(state)["clients"].as_object_mut().unwrap();
            let mut client = clients.values().next().unwrap().clone();
            client["name"] = json!("theirs");
            client["id"] = json!("another");
            clients.insert("another".to_owned(), client);
            authorizer(state)["allowedClients"] = json!(["another"]);
        },
        &["app-client", "claim:client_id", "tools"],
        "the gateway allows another, and not the stack's client ",
        "create g`",
    ),
    (
        "client without its flow",
        |state| {
            let client = pool(state)["clients"].as_object_mut().unwrap().values_mut().next().unwrap();
            client["settings"]["AllowedOAuthFlows"] = json!([]);
        },
        &["token"],
        "unauthorized_client",
        "update-user-pool-client --user-pool-id ",
    ),
    (
        "statement with more",
        |state| {
            edit_policy(state, "base", |document| {
                let statement = document["Statement"].as_array_mut().unwrap().first_mut().unwrap();
                statement["Action"] = json!("lambda:GetFunction");
                statement["Resource"] = json!("*");
            });
        },
        &["permissions:weather-tool"],
        "the role lacks `lambda:InvokeFunction`",
        "put-role-policy",
    ),
    (
        "trust of another gateway",
        |state| edit_trust(state, ":gateway/g-", ":gateway/partner-"),
        &["trust-policy"],
        "is for another gateway: ",
        "create g` writes the whole trust policy anew",
    ),
    (
        "audience instead of client",
        |state| {
            let jwt = authorizer(state);
            jwt["allowedAudience"] = jwt["allowedClients"].clone();
            jwt.as_object_mut().unwrap().remove("allowedClients");
        },
        &["claim:aud", "tools"],
        "its `aud` is nothing, and the gateway wants ",
        "create g --authorizer jwt --discovery-url ",
    ),
    (
        "a scope that the client does not have",
        |state| authorizer(state)["allowedScopes"] = json!(["g/admin"]),
        &["claim:scope", "tools"],
        "its `scope` is `g/invoke`, and the gateway wants `g/admin`",
        "get g`",
    ),
    (
        "deleted client, and another is allowed",
        |state| {
            let clients = pool(state)["clients"].as_object_mut().unwrap();
            let (id, mut client) = (clients.keys().next().unwrap().clone(), clients.values().next().unwrap().clone());
            clients.remove(&id);
            client["name"] = json!("theirs");
            clients.insert(id, client);
        },
        &["app-client"],
        "the user pool has no client of this stack",
        "create g`",
    ),
    ("deleted pool", |state| members(state, "/cognito/pools").clear(), &["user-pool"], "which is gone", "create g`"),
    ("failed gateway", |state| set_status(gateway(state), "FAILED"), &["gateway"], "FAILED", "cleanup g`, then "),
    (
        "failed gateway, and no policy",
        |state| {
            set_status(gateway(state), "FAILED");
            role(state)["inline"] = json!({});
        },
        &["gateway", "permissions:api", "permissions:weather-tool"],
        "the role lacks",
        "make the FAILED gateway anew",
    ),
    (
        "failed target",
        |state| {
            let api = target(state, "api");
            set_status(api, "FAILED");
            api["state"]["reasons"] = json!(["it broke"]);
        },
        &["target:api"],
        "FAILED: it broke",
        "target remove api --gateway g`, and add it again",
    ),
    (
        "deleted provider",
        lose_provider,
        &["provider:api"],
        "is gone",
        "target update api --gateway g --api-key-env VARIABLE`",
    ),
    (
        "trusts another service",
        |state| edit_trust(state, "bedrock-agentcore.amazonaws.com", "lambda.amazonaws.com"),
        &["trust-policy"],
        "does not let bedrock-agentcore.amazonaws.com assume it",
        "create g` writes the whole trust policy anew",
    ),
    (
        "trust denied",
        |state| edit_trust(state, "\"Effect\":\"Allow\"", "\"Effect\":\"Deny\""),
        &["trust-policy"],
        "denies bedrock-agentcore.amazonaws.com to assume it",
        "create g` writes the whole trust policy anew",
    ),
    (
        "denied role",
        |state| {
            edit_policy(state, "base", |document| {
                let deny = json!({ "Sid": "No", "Effect": "Deny", "Action": "lambda:*", "Resource": "*" });
                document["Statement"].as_array_mut().unwrap().push(deny);
            });
        },
        &["permissions:weather-tool"],
        "the role's policy `base` denies `lambda:InvokeFunction`",
        "take the Deny out of `base`",
    ),
    (
        "switched off",
        |state| {
            edit_policy(state, "base", |document| {
                let statements = document["Statement"].as_array_mut().unwrap();
                for statement in statements {
                    statement["Effect"] = json!("Deny");
                }
            });
        },
        &["permissions:api", "permissions:weather-tool"],
        "the role's policy `base` denies",
        "take the Deny out of `base`",
    ),
    (
        "boundary",
        |state| {
            role(state)["permissions_boundary"] = json!("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess");
        },
        &["permissions:api", "permissions:weather-tool"],
        "the role's permissions boundary arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess does not allow",
        "put-role-permissions-boundary",
    ),
];

#[tokio::test(start_paused = true)]
async fn each_fault_is_named_and_what_is_missing_of_ours_is_added() {
    let (world, moment) = stack().await;
    let whole = world.run(&DOCTOR).await.expect(0).json();
    assert_eq!(failing(&whole), []);
    assert_eq!(whole["checks"].as_array().unwrap().len(), 22, "{whole:#}");
    for (fault, damage, checks, detail) in MENDED {
        let world = world.at(&moment);
        world.edit(damage);
        let found = failing(&world.run(&DOCTOR).await.expect(1).json());
        assert_eq!(names(&found), checks, "{fault}: {found:?}");
        assert!(found[0].1.contains(detail), "{fault}: {found:?}");
        assert!(found[0].2.contains("doctor g --fix`"), "{fault}: {found:?}");
        // Nobody was asked, so nothing is done.
        let before = world.snapshot();
        world.run(&["doctor", "g", "--fix"]).await.expect(2);
        assert_eq!(world.snapshot(), before, "{fault}");
        let mended = world.run(&FIX).await.expect(0).json();
        assert!(!mended["mended"].as_array().unwrap().is_empty(), "{fault}: {mended:#}");
        // Then there is nothing left to do, and a tool can be called.
        let after = world.snapshot();
        world.run(&FIX).await.expect(0);
        assert_eq!(world.snapshot(), after, "{fault}");
        world.run(&["status", "g"]).await.expect(0);
        world.run(&["cleanup", "g", "-y"]).await.expect(0);
        assert!(world.is_empty(), "{fault}: {}", world.snapshot());
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_let_somebody_in_or_take_something_away_is_told_and_not_done() {
    let (world, moment) = stack().await;
    for (fault, damage, checks, detail, fix) in TOLD {
        let world = world.at(&moment);
        world.edit(damage);
        let before = world.snapshot();
        let found = failing(&world.run(&FIX).await.expect(1).json());
        assert_eq!(names(&found), checks, "{fault}: {found:?}");
        assert!(found[0].1.contains(detail) && found[0].2.contains(fix), "{fault}: {found:?}");
        assert!(found.iter().all(|(.., fix)| !fix.contains("--fix")), "{fault}: {found:?}");
        assert_eq!(world.snapshot(), before, "{fault}");
    }
    // Another owner's gateway is that owner's.
    world.forget_owner_of_gateway();
    world.edit(|state| pool(state)["domain"] = Value::Null);
    let before = world.snapshot();
    let found = failing(&world.run(&FIX).await.expect(1).json());
    assert_eq!(names(&found), ["domain"], "{found:?}");
    assert!(found[0].2.contains("did not make this gateway"), "{found:?}");
    assert_eq!(world.snapshot(), before);
}

/// What the user allowed for a target is in no other place than the policy.
#[tokio::test(start_paused = true)]
async fn no_more_is_granted_than_was_granted_before() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--sample"]).await.expect(0);
    let add = ["target", "add", "smithy", "db", "--gateway", "g", "--allow-action", "dynamodb:ListTables"];
    world.run(&add).await.expect(0);
    let moment = world.moment();
    let granted = |world: &World| {
        let mut policy = Value::Null;
        world.edit(|state| policy = role(state)["inline"]["smithy"]["document"].clone());
        policy
    };
    let before = granted(&world);
    // The other policies are completed, and this one stays.
    world.edit(|state| drop(role(state)["inline"].as_object_mut().unwrap().remove("base")));
    world.run(&FIX).await.expect(0);
    assert_eq!(granted(&world), before);
    for lose in [
        |state: &mut Value| drop(role(state)["inline"].as_object_mut().unwrap().remove("smithy")),
        |state: &mut Value| members(state, "/iam/roles").retain(|name, _| name.ends_with("-sample")),
    ] {
        let world = world.at(&moment);
        world.edit(lose);
        let found = failing(&world.run(&FIX).await.expect(1).json());
        assert_eq!(names(&found), ["permissions:db"], "{found:?}");
        assert!(found[0].2.contains("target update db --gateway g` with `--allow-action`"), "{found:?}");
        assert_eq!(granted(&world), Value::Null);
    }
}

/// A managed policy is as good as one of the stack's, and what cannot be evaluated is not reported.
#[tokio::test(start_paused = true)]
async fn all_policies_of_a_role_count() {
    let (world, moment) = stack().await;
    world.edit(|state| {
        role(state)["inline"] = json!({});
        role(state)["attached"] = json!({ "arn:aws:iam::aws:policy/AdministratorAccess": 0 });
    });
    assert_eq!(failing(&world.run(&DOCTOR).await.expect(0).json()), []);
    let world = world.at(&moment);
    world.edit(|state| {
        edit_policy(state, "base", |document| {
            for statement in document["Statement"].as_array_mut().unwrap() {
                statement["Condition"] = json!({ "StringEquals": { "aws:PrincipalTag/team": "a" } });
            }
        });
    });
    let report = world.run(&DOCTOR).await.expect(0).json();
    assert_eq!(failing(&report), []);
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(warning.contains("have conditions that are not evaluated here"), "{warning}");
    assert!(!report.to_string().contains("permissions:"), "{report:#}");
}

/// The words of the first command in backticks, without the flags that choose where it works.
fn command(fix: &str) -> Vec<String> {
    let command = fix.split('`').nth(1).unwrap();
    let command = &command[command.find("create ").unwrap_or_else(|| panic!("{fix}"))..];
    command.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_printed_commands_mend_what_fix_leaves() {
    let (world, moment) = stack().await;
    let pasted = [
        "wrong allowed client",
        "audience instead of client",
        "deleted client, and another is allowed",
        "trusts another service",
        "trust denied",
        "trust of another gateway",
    ];
    let faults: Vec<Told> = TOLD.into_iter().filter(|(fault, ..)| pasted.contains(fault)).collect();
    assert_eq!(faults.len(), pasted.len());
    for (fault, damage, ..) in faults {
        let world = world.at(&moment);
        world.edit(damage);
        let found = failing(&world.run(&DOCTOR).await.expect(1).json());
        let command = command(&found[0].2);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        world.run(&command).await.expect(0);
        assert_eq!(failing(&world.run(&DOCTOR).await.expect(0).json()), [], "{fault}: {command:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_mend_says_so_and_is_gone_on_with() {
    let (world, moment) = stack().await;
    world.edit(|state| {
        pool(state)["domain"] = Value::Null;
        pool(state)["clients"] = json!({});
        role(state)["inline"] = json!({});
    });
    drop(moment);
    let (moment, mut interrupted) = (world.moment(), 0);
    for seconds in [2, 5, 8, 11, 14, 17, 20] {
        let world = world.slow(&moment, Duration::from_secs(1));
        let stopped = world.run_and_stop(&FIX, Duration::from_secs(seconds)).await;
        assert!([0, 130].contains(&stopped.code), "{seconds}: {}", stopped.stderr);
        interrupted += usize::from(stopped.code == 130);
        let again = world.run(&FIX).await.expect(0).json();
        assert_eq!(failing(&again), [], "{seconds}");
        world.run(&["status", "g"]).await.expect(0);
        assert_eq!(world.census()["clients"], 1, "{seconds}");
    }
    assert!(interrupted > 3, "{interrupted}");
}

#[tokio::test(start_paused = true)]
async fn a_statement_of_somebody_else_stays() {
    let (world, _) = stack().await;
    let theirs = json!({ "Sid": "Theirs", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
    world.edit(|state| {
        edit_policy(state, "base", |document| {
            let statements = document["Statement"].as_array_mut().unwrap();
            statements.retain(|it| it["Action"] != "lambda:InvokeFunction");
            statements.push(theirs.clone());
        });
        edit_trust(state, "\"Statement\":[", "\"Statement\":[{\"Sid\":\"Mine\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::000000000000:root\"},\"Action\":\"sts:AssumeRole\"},");
        edit_trust(state, ":us-west-2:", ":us-east-1:");
    });
    world.run(&FIX).await.expect(0);
    world.edit(|state| {
        edit_policy(state, "base", |document| assert!(document["Statement"].as_array().unwrap().contains(&theirs)));
        let trust = role(state)["trust"].as_str().unwrap().to_owned();
        assert!(trust.contains("Mine") && trust.contains(":us-west-2:") && !trust.contains(":us-east-1:"), "{trust}");
    });
}

#[tokio::test(start_paused = true)]
async fn a_brought_role_is_left_as_it_is() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "other", "--sample"]).await.expect(0);
    let arn = world.run(&["get", "other"]).await.expect(0).json()["roleArn"].as_str().unwrap().to_owned();
    world.run(&["create", "g", "--role-arn", &arn]).await.expect(0);
    let functions = world.snapshot()["lambda"]["functions"].clone();
    let function = functions.as_object().unwrap().keys().next().unwrap().as_str();
    let tools = json!([{ "name": "t", "description": "d", "inputSchema": { "type": "object" } }]);
    let role = |state: &mut Value, change: &dyn Fn(&mut Value)| {
        members(state, "/iam/roles").values_mut().filter(|role| role["arn"] == arn.as_str()).for_each(change);
    };
    let mut of_other = Value::Null;
    world.edit(|state| {
        of_other = state["iam"]["roles"][arn.rsplit('/').next().unwrap()].clone();
        role(state, &|role| {
            let anybody = json!({ "Effect": "Allow", "Principal": { "Service": "bedrock-agentcore.amazonaws.com" }, "Action": "sts:AssumeRole" });
            role["trust"] = json!(json!({ "Statement": [anybody] }).to_string());
            let anything = json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] }).to_string();
            role["inline"]["base"]["document"] = json!(anything);
        });
    });
    let target = json!({
        "name": "theirs",
        "targetConfiguration": { "mcp": { "lambda": { "lambdaArn": function, "toolSchema": { "inlinePayload": tools } } } },
        "credentialProviderConfigurations": [{ "credentialProviderType": "GATEWAY_IAM_ROLE" }],
    });
    world.create_target("g", &target).await;
    world.edit(|state| {
        role(state, &|role| {
            *role = of_other.clone();
            role["inline"] = json!({});
        });
        members(state, "/lambda/functions").clear();
    });
    let before = world.snapshot();
    let found = failing(&world.run(&FIX).await.expect(1).json());
    assert_eq!(names(&found), ["trust-policy", "function:theirs", "permissions:theirs"], "{found:?}");
    assert_eq!(world.snapshot(), before);
    let (trust, permissions, function_fix) = (&found[0].2, &found[1].2, &found[2].2);
    let aws = "`aws --endpoint-url http://127.0.0.1:7755 iam";
    assert!(trust.starts_with(&format!("{aws} update-assume-role-policy --role-name agw-other-")), "{trust}");
    assert!(trust.contains("gateway/g-??????????") && trust.contains("gateway/other-"), "{trust}");
    let put = format!("{aws} put-role-policy --role-name agw-other-");
    assert!(
        permissions.starts_with(&put) && permissions.contains("--policy-name agentcore-gw-Target"),
        "{permissions}"
    );
    assert!(permissions.contains(function) && function_fix.contains("target update theirs --gateway g`"));
}

fn local(env: &Env, args: &[&str]) -> Run {
    env.run(&[&["--local"], args].concat())
}

#[test]
fn credentials_and_a_service_that_fail_are_the_only_links_shown() {
    let env = Env::new();
    let none = env.run(&["doctor", "--region", "us-west-2", "-o", "json"]);
    assert_eq!((none.code, names(&failing(&none.json()))), (1, vec!["caller"]));
    for (fault, check, fix) in [
        (
            "sts:GetCallerIdentity=ExpiredToken:The security token included in the request is expired",
            "caller",
            "aws sso login",
        ),
        (
            "bedrock-agentcore:ListGateways=AccessDeniedException:User is not authorized to perform: bedrock-agentcore:ListGateways on resource: x",
            "service",
            "lacks `bedrock-agentcore:ListGateways`",
        ),
    ] {
        let server = Server::start(&env, &["--fault", fault]);
        for args in [&["doctor", "-o", "json"][..], &["doctor", "g", "-o", "json"]] {
            let run = local(&env, args);
            let found = failing(&run.json());
            assert_eq!((run.code, names(&found)), (1, vec![check]), "{run:?}");
            assert!(found[0].2.contains(fix) && !found[0].1.is_empty(), "{found:?}");
        }
        drop(server);
    }
    let good = env.ok(&["--local", "doctor"]);
    assert!(good.stdout.ends_with("\nAll 2 checks hold.\n"), "{good:?}");
    let missing = local(&env, &["doctor", "g", "-o", "json"]);
    assert_eq!((missing.code, names(&failing(&missing.json()))), (1, vec!["gateway"]));
    let text = local(&env, &["doctor", "g"]);
    assert!(text.stdout.contains("failed  gateway  no gateway named `g`"), "{text:?}");
    assert!(text.stdout.contains("--local create g` makes it\n\n1 of 3 checks fails."), "{text:?}");
}

#[test]
fn a_provider_that_cannot_be_right_is_named() {
    let env = Env::new();
    let other = fake_server::serve(|origin| {
        let document = json!({ "issuer": format!("{origin}/elsewhere"), "jwks_uri": format!("{origin}/keys") });
        Router::new().route("/p/.well-known/openid-configuration", get(move || async move { document.to_string() }))
    });
    let dead = "http://127.0.0.1:9/.well-known/openid-configuration";
    let differs = format!("{other}/p/.well-known/openid-configuration");
    for (name, url, detail) in
        [("dead", dead, "cannot be read from here"), ("differs", &differs, "is not its own address")]
    {
        env.ok(&["--local", "create", name, "--authorizer", "jwt", "--discovery-url", url, "--allowed-client", "c"]);
        let run = local(&env, &["doctor", name, "-o", "json"]);
        let found = failing(&run.json());
        assert_eq!((run.code, names(&found)), (1, vec!["discovery"]), "{run:?}");
        assert!(found[0].1.contains(detail), "{found:?}");
        assert!(found[0].2.contains(&format!("create {name} --authorizer jwt --discovery-url")), "{found:?}");
    }
}

#[test]
fn a_token_that_has_ended_is_told_by_its_claim() {
    let env = Env::new();
    let server = Server::start(&env, &["--token-validity", "1s"]);
    env.ok(&["--local", "create", "issuer"]);
    let given = env.ok(&["--local", "credentials", "issuer", "-o", "json"]).json()["clientInfo"].clone();
    let (url, client) = (given["discoveryUrl"].as_str().unwrap(), given["clientId"].as_str().unwrap());
    env.ok(&["--local", "create", "g", "--authorizer", "jwt", "--discovery-url", url, "--allowed-client", client]);
    let token = env.ok(&["--local", "token", "issuer"]).stdout;
    let doctor = || {
        let mut command = env.command(&["--local", "doctor", "g", "-o", "json"]);
        Run::of(command.env("AGENTCORE_GATEWAY_TOKEN", token.trim()).output().unwrap())
    };
    let found = loop {
        let found = failing(&doctor().json());
        if names(&found).contains(&"claim:exp") {
            break found;
        }
        thread::park_timeout(Duration::from_millis(200));
    };
    assert_eq!(names(&found), ["claim:exp", "tools"]);
    assert!(found[0].1.contains("it expired ") && found[0].2.contains("get a new token"), "{found:?}");
    drop(server);
}

#[test]
fn without_a_token_it_is_said_what_is_not_checked() {
    let env = Env::new();
    env.ok(&["--local", "create", "issuer"]);
    let url = env.ok(&["--local", "credentials", "issuer", "-o", "json"]).json()["clientInfo"]["discoveryUrl"].clone();
    let jwt = ["--authorizer", "jwt", "--discovery-url", url.as_str().unwrap(), "--allowed-client", "c"];
    env.ok(&[&["--local", "create", "g", "--sample"], &jwt[..]].concat());
    let report = env.ok(&["--local", "doctor", "g", "-o", "json"]).json();
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(warning.contains("AGENTCORE_GATEWAY_TOKEN"), "{warning}");
    let called = local(&env, &["doctor", "g", "-o", "json", "--call", "weather-tool___get_weather"]);
    let found = failing(&called.json());
    assert_eq!((called.code, names(&found)), (1, vec!["call"]));
    assert!(found[0].2.contains("AGENTCORE_GATEWAY_TOKEN"), "{found:?}");
}

#[test]
fn a_tool_is_called_on_request() {
    let env = Env::new();
    env.ok(&["--local", "create", "g", "--sample"]);
    let call = |arguments: &[&str]| local(&env, &[&["doctor", "g", "-o", "json", "--call"], arguments].concat());
    assert_eq!(call(&["weather-tool___get_weather", r#"{"location":"x"}"#]).code, 0);
    for (arguments, fix) in [
        (&["weather-tool___get_time", r#"{"timezone":"Mars"}"#][..], "logs g`"),
        (&["weather-tool___get_weather"], "logs g`"),
        (&["nothing"], "tools list g`"),
    ] {
        let run = call(arguments);
        let found = failing(&run.json());
        assert_eq!((run.code, names(&found)), (1, vec!["call"]), "{run:?}");
        assert!(found[0].2.contains(fix), "{found:?}");
    }
    assert_eq!(call(&["weather-tool___get_weather", "[]"]).code, 2);
    // A list without a tool of a target is a fault.
    env.ok(&["--local", "target", "remove", "weather-tool", "--gateway", "g"]);
    let empty = local(&env, &["doctor", "g", "-o", "json"]);
    assert_eq!((empty.code, names(&failing(&empty.json()))), (1, vec!["tools"]));
    fs::metadata(env.state_dir()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_gateways_settings_need_is_checked_and_mended() {
    let world = World::new(Duration::ZERO);
    let engine = "arn:aws:bedrock-agentcore:us-west-2:000000000000:policy-engine/engine-abcdefghij";
    let create = ["create", "g", "--sample", "--no-observability", "--policy-engine", engine];
    world.run(&create).await.expect(0);
    let whole = world.run(&DOCTOR).await.expect(0).json();
    let checks = whole["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["name"] == "permissions"), "{whole:#}");
    world.edit(|state| {
        role(state)["inline"].as_object_mut().unwrap().shift_remove("policy-engine");
    });
    let report = world.run(&DOCTOR).await.expect(1).json();
    let failing = failing(&report);
    assert_eq!(names(&failing), ["permissions"]);
    let lacks = format!("`bedrock-agentcore:GetPolicyEngine` on {engine}");
    assert!(failing[0].1.contains(&lacks) && failing[0].2.contains("doctor g --fix"), "{failing:?}");
    world.run(&FIX).await.expect(0);
    world.run(&DOCTOR).await.expect(0);
}
