//! Invalid input: its exit code, a message with the remedy, JSON if requested, and nothing created.

use std::{fs, time::Duration};

use agentcore_gw::local::Faults;
use insta::assert_snapshot;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    support::env::{Env, Run},
    support::world::World,
};

/// Exit code, stdout and stderr as one text.
fn shown(env: &Env, args: &[&str]) -> String {
    let run = env.run(args);
    let home = env.home().to_str().unwrap();
    format!("exit {}\n--- stdout\n{}--- stderr\n{}", run.code, run.stdout, run.stderr)
        .replace(home, "[HOME]")
        .replace(env!("CARGO_BIN_EXE_agentcore-gw"), "agentcore-gw")
}

#[test]
fn an_underscore_in_the_name_is_refused_with_the_remedy() {
    assert_snapshot!(shown(&Env::new(), &["--local", "create", "my_gateway"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: invalid value 'my_gateway' for '<NAME>': '_' is not allowed in a name, try a hyphen; use letters, digits and single hyphens, and begin with a letter or digit

    For more information, try '--help'.
    ");
    assert_snapshot!(shown(&Env::new(), &["-o", "json", "--local", "create", "my_gateway"]), @r#"
    exit 2
    --- stdout
    {
      "error": {
        "code": "usage",
        "message": "invalid value 'my_gateway' for '<NAME>': '_' is not allowed in a name, try a hyphen; use letters, digits and single hyphens, and begin with a letter or digit",
        "causes": [],
        "hint": "run `agentcore-gw --help`"
      }
    }
    --- stderr
    "#);
}

#[test]
fn an_unknown_flag_value_is_refused() {
    assert_snapshot!(shown(&Env::new(), &["create", "g", "--authorizer", "magic"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: invalid value 'magic' for '--authorizer <AUTHORIZER>'
      [possible values: cognito, jwt, iam, authenticate-only, none]

    For more information, try '--help'.
    ");
}

#[test]
fn no_region_says_where_one_can_be_given() {
    assert_snapshot!(shown(&Env::new(), &["create", "g"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: no AWS region is given anywhere
    hint: add `--region us-west-2`, set AWS_REGION, or add `--local`
    ");
    assert_snapshot!(shown(&Env::new(), &["-o", "json", "create", "g"]), @r#"
    exit 2
    --- stdout
    {
      "error": {
        "code": "no_region",
        "message": "no AWS region is given anywhere",
        "causes": [],
        "hint": "add `--region us-west-2`, set AWS_REGION, or add `--local`"
      }
    }
    --- stderr
    "#);
}

#[test]
fn a_wrong_flag_is_reported_before_a_missing_region() {
    let run = Env::new().run(&["create", "g", "--authorizer", "jwt"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--discovery-url") && !run.stderr.contains("region"), "{}", run.stderr);
}

#[test]
fn flags_that_contradict_each_other_are_refused_before_anything_is_made() {
    assert_snapshot!(shown(&Env::new(), &["--local", "create", "g", "--allowed-scope", "x"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: `--discovery-url`, `--authorizer-config`, `--allowed-audience`, `--allowed-scope` and `--custom-claim` describe your own OpenID provider; `--allowed-client` goes with it, or with cognito
    hint: add `--authorizer jwt`
    ");
    assert_snapshot!(shown(&Env::new(), &["--local", "create", "g", "--authorizer", "jwt"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: `--authorizer jwt` needs to know your OpenID provider
    hint: add `--discovery-url https://…/.well-known/openid-configuration`
    ");
    let env = Env::new();
    assert_snapshot!(shown(&env, &["--local", "create", "g", "--save", "no/such/folder/f.json"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: no/such/folder/f.json cannot be written: its folder does not exist
    ");
    assert_snapshot!(shown(&env, &["--local", "status", "g", "-o", "env"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: this command has no `--output env` form
    hint: use `--output json` or `--output text`
    ");
    assert!(!env.home().join(".local").exists(), "no local AWS was started");
}

#[test]
fn arguments_of_a_tool_are_checked_before_the_call() {
    assert_snapshot!(shown(&Env::new(), &["--local", "tools", "call", "g", "t", "[1]"]), @r#"
    exit 2
    --- stdout
    --- stderr
    error: invalid value '[1]' for '[JSON]': the arguments are a JSON object, written like '{"location":"Seattle"}'

    For more information, try '--help'.
    "#);
}

#[test]
fn without_credentials_it_ends_with_4() {
    let env = Env::new();
    let run = |args: &[&str]| {
        // A machine's instance metadata service must not affect this test.
        let output = env.command(args).env("AWS_EC2_METADATA_DISABLED", "true").output().unwrap();
        Run::of(output)
    };
    let text = run(&["--region", "us-west-2", "create", "g"]);
    assert_eq!(text.code, 4, "{text:?}");
    assert!(
        text.stderr.contains("AWS credentials: there are none that work") && text.stderr.contains("--local"),
        "{}",
        text.stderr
    );
    let json = run(&["--region", "us-west-2", "-o", "json", "create", "g"]);
    assert_eq!((json.code, json.json()["error"]["code"].as_str()), (4, Some("no_credentials")));
    assert_eq!(json.stderr, "");
}

#[test]
fn an_unreachable_endpoint_ends_with_1() {
    let env = Env::new();
    // A port that was just free.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let output = env
        .command(&["--region", "us-west-2", "--endpoint-url", &url, "-o", "json", "create", "g"])
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .output()
        .unwrap();
    let run = Run::of(output);
    assert_eq!((run.code, run.json()["error"]["code"].as_str()), (1, Some("unreachable")));
    assert!(run.json()["error"]["hint"].as_str().unwrap().contains("--endpoint-url"));
}

#[test]
fn a_bundle_without_certificates_is_refused() {
    let env = Env::new();
    let file = env.home().join("bundle.pem");
    fs::write(&file, "nothing").unwrap();
    let output = env.command(&["--region", "us-west-2", "status", "g"]).env("AWS_CA_BUNDLE", &file).output().unwrap();
    let run = Run::of(output);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("it holds no PEM certificate"), "{}", run.stderr);
}

#[test]
fn a_wrong_key_ends_with_4() {
    let env = Env::new();
    let endpoint = env.ok(&["local", "start", "-o", "json"]).json()["endpoint"].as_str().unwrap().to_owned();
    let output = env
        .command(&["--region", "us-west-2", "--endpoint-url", &endpoint, "-o", "json", "status", "g"])
        .env("AWS_ACCESS_KEY_ID", "AKIAWRONG")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .output()
        .unwrap();
    let run = Run::of(output);
    assert_eq!((run.code, run.json()["error"]["code"].as_str()), (4, Some("no_credentials")), "{run:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_found() {
    let world = World::new(Duration::ZERO);
    for args in [&["status", "g"][..], &["credentials", "g"], &["token", "g"], &["tools", "list", "g"]] {
        let outcome = world.run(&[&["-o", "json"], args].concat()).await.expect(5);
        assert_eq!(outcome.json()["error"]["code"], "not_found", "{args:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_confirmed_on_a_terminal_or_with_yes() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g"]).await.expect(0);
    let refused = world.run(&["-o", "json", "cleanup", "g"]).await.expect(2);
    assert!(refused.json()["error"]["hint"].as_str().unwrap().contains("--yes"));
    assert_eq!(world.census()["gateways"], 1);
    let dry = world.run(&["-o", "json", "cleanup", "g", "--dry-run"]).await.expect(0).json();
    assert!(dry["deleted"].to_string().contains("execution role"), "{dry:#}");
    assert_eq!(world.census()["gateways"], 1);
    world.run(&["cleanup", "--all", "--yes"]).await.expect(0);
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_the_plan_and_does_nothing() {
    let world = World::new(Duration::ZERO);
    let plan = world.run(&["create", "g", "--sample", "--dry-run"]).await.expect(0);
    assert!(world.is_empty());
    assert_snapshot!(plan.stdout, @r#"
    Would do for g:
      create execution role `agw-g-5c607ceb`
      create role policy `agw-g-5c607ceb`
      create user pool `agentcore-gw-g`
      create user pool domain `agw-g-1537ee96`
      create resource server `g`
      create app client `agentcore-gw-g`
      create function role `agw-g-5c607ceb-sample`
      create function policy `agw-g-5c607ceb-sample`
      create log group `/aws/lambda/agw-g-5c607ceb-sample`
      create sample function `agw-g-5c607ceb-sample`
      create gateway `g`
          + authorizerType: "CUSTOM_JWT"
          + name: "g"
          + protocolConfiguration.mcp.searchType: "SEMANTIC"
          + protocolType: "MCP"
      create target `weather-tool`
          + credentialProviderConfigurations: [{"credentialProviderType":"GATEWAY_IAM_ROLE"}]
          + description: "Sample tools of agentcore-gw"
          + name: "weather-tool"
          + targetConfiguration.mcp.lambda.lambdaArn: "(known when it is made)"
          + targetConfiguration.mcp.lambda.toolSchema.inlinePayload: [{"name":"get_weather","description":"Get the current weathe … (471 characters)
      create log delivery `g`
      create trace delivery `g`
    "#);
    world.run(&["create", "g", "--sample"]).await.expect(0);
    let plan = world.run(&["create", "g", "--sample", "--dry-run"]).await.expect(0);
    assert_snapshot!(plan.stdout, @"Nothing to do: g is as it should be.");
    let plan = world.run(&["create", "g", "--description", "d", "--dry-run", "-o", "json"]).await.expect(0).json();
    assert_eq!(plan["changes"][0]["differs"][0], "settings", "{plan:#}");
}

#[tokio::test(start_paused = true)]
async fn what_the_user_names_is_repaired_and_the_rest_is_left() {
    let world = World::new(Duration::ZERO);
    let get = |world: &World| {
        world.snapshot()["agentcore"]["gateways"].as_object().unwrap().values().next().unwrap()["config"].clone()
    };
    world.run(&["create", "g", "--description", "first", "--instructions", "be kind"]).await.expect(0);
    world.run(&["create", "g", "--description", "second", "--debug-errors"]).await.expect(0);
    let config = get(&world);
    assert_eq!((config["description"].as_str(), config["exceptionLevel"].as_str()), (Some("second"), Some("DEBUG")));
    assert_eq!(config["protocolConfiguration"]["mcp"]["instructions"], "be kind");
    world.run(&["create", "g"]).await.expect(0);
    assert_eq!(get(&world), config, "what is not named is left alone");
}

#[tokio::test(start_paused = true)]
async fn a_key_of_the_users_comes_with_the_permissions_that_its_gateway_needs() {
    let world = World::new(Duration::ZERO);
    let key = "arn:aws:kms:us-west-2:000000000000:key/01234567-89ab-cdef-0123-456789abcdef";
    world.run(&["create", "g", "--kms-key-arn", key]).await.expect(0);
    let roles = world.snapshot()["iam"]["roles"].to_string();
    assert!(roles.contains("kms:CreateGrant") && roles.contains(key), "{roles}");
    let again = world.run(&["create", "g"]).await.expect(0);
    assert!(again.stdout.contains("nothing had to be changed"), "{}", again.stdout);
    // When the key is replaced, the role may use both keys in the meantime, and only the new one afterwards.
    let other_key = key.replace("cdef-0123", "cdef-9876");
    let changed = world.run(&["create", "g", "--kms-key-arn", &other_key]).await.expect(0);
    let policies = changed.calls.iter().filter(|call| call.contains("PutRolePolicy")).count();
    assert_eq!(policies, 2, "{:?}", changed.calls);
    let roles = world.snapshot()["iam"]["roles"].to_string();
    assert!(roles.contains(&other_key) && !roles.contains(key), "{roles}");
    let again = world.run(&["create", "g"]).await.expect(0);
    assert!(again.stdout.contains("nothing had to be changed"), "{}", again.stdout);
    let other = World::new(Duration::ZERO);
    other.run(&["create", "g"]).await.expect(0);
    assert!(!other.snapshot()["iam"]["roles"].to_string().contains("kms:"));
}

/// AWS does not change the kind of an authorizer, so the command fails before anything is created.
#[tokio::test(start_paused = true)]
async fn another_kind_of_authorizer_is_a_conflict_before_anything_is_made() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--authorizer", "none", "-y"]).await.expect(0);
    let listed = world.run(&["tools", "list", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(listed["items"][0]["name"], "x_amz_bedrock_agentcore_search");
    let before = world.snapshot();
    for kind in ["cognito", "iam"] {
        let refused = world.run(&["create", "g", "--authorizer", kind, "-o", "json"]).await.expect(1).json();
        assert_eq!(refused["error"]["code"], "conflict", "{refused:#}");
        assert!(refused["error"]["message"].as_str().unwrap().contains("has the authorizer NONE"), "{refused:#}");
        assert!(refused["error"]["hint"].as_str().unwrap().contains("cleanup g"), "{refused:#}");
    }
    assert_eq!(world.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn without_waiting_the_gateway_may_still_be_under_way() {
    let world = World::new(Duration::ZERO);
    let created = world.run(&["create", "g", "--no-wait", "-o", "json"]).await.expect(0).json();
    assert_eq!(created["gateway"]["status"], "CREATING");
    world.run(&["create", "g"]).await.expect(0);
    let created = world.run(&["create", "h", "--sample", "--no-wait", "-o", "json"]).await.expect(0).json();
    assert_eq!(created["targets"][0]["status"], "CREATING");
}

#[tokio::test(start_paused = true)]
async fn when_time_is_up_everything_is_kept_and_the_exit_code_is_6() {
    // A role that takes IAM an hour to propagate.
    let world = World::new(Duration::from_hours(1));
    let error = world.run(&["create", "g", "--sample", "--timeout", "60", "-o", "json"]).await.expect(6).json();
    assert_eq!(error["error"]["code"], "timed_out");
    assert!(error["error"]["message"].as_str().unwrap().contains("IAM has not spread the new role yet"), "{error:#}");
    assert!(error["error"]["causes"].to_string().contains("exists now: execution role"), "{error:#}");
    assert_eq!((world.census()["roles"], world.census()["pools"]), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn as_whom_something_is_changed_is_said_first() {
    let world = World::new(Duration::ZERO);
    let words = "note: as arn:aws:iam::000000000000:root in account 000000000000, us-west-2";
    let created = world.run(&["create", "g", "--no-observability"]).await.expect(0);
    assert_eq!(created.stderr.lines().next(), Some(words));
    assert_eq!(created.stderr.matches(words).count(), 1);
    for args in [&["create", "g"][..], &["status", "g"], &["cleanup", "g", "-y"]] {
        let run = world.run(&[args, &["-o", "json"]].concat()).await;
        let said = run.json();
        assert_eq!(said["account"], "000000000000", "{said:#}");
        assert_eq!(said["caller"], "arn:aws:iam::000000000000:root", "{said:#}");
        assert!(run.stderr.is_empty(), "{run:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_of_somebody_else_is_refused_or_adopted_and_never_deleted() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--authorizer", "none", "-y"]).await.expect(0);
    world.forget_owner_of_gateway();
    let refused = world.run(&["create", "g", "-o", "json"]).await.expect(1).json();
    assert_eq!(refused["error"]["code"], "conflict");
    assert!(refused["error"]["hint"].as_str().unwrap().contains("--adopt"), "{refused:#}");
    world.run(&["create", "g", "--adopt"]).await.expect(0);
    let cleaned = world.run(&["cleanup", "g", "--yes", "-o", "json"]).await.expect(0).json();
    assert!(cleaned["warnings"].to_string().contains("stays"), "{cleaned:#}");
    assert_eq!(world.census()["gateways"], 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_is_never_touched() {
    let world = World::new(Duration::ZERO);
    // A user-supplied role, used by two gateways.
    world.run(&["create", "donor"]).await.expect(0);
    let roles = world.snapshot()["iam"]["roles"].clone();
    let arn = roles.as_object().unwrap().values().next().unwrap()["arn"].as_str().unwrap().to_owned();
    let taker = ["create", "taker", "--role-arn", &arn, "--sample", "-o", "json"];
    let begun = Instant::now();
    let failed = world.run(&taker).await.expect(1).json();
    // The donor's role trusts the donor only: AWS says so, and does so permanently.
    assert!(
        failed["error"]["message"].as_str().unwrap().contains("not authorized to perform AssumeRole"),
        "{failed:#}"
    );
    assert!(failed["error"]["causes"].to_string().contains("your role must allow: "), "{failed:#}");
    assert!(failed["error"]["hint"].as_str().unwrap().contains("trust policy"), "{failed:#}");
    let waited = begun.elapsed();
    assert!((150..200).contains(&waited.as_secs()), "as long as a new role may take to be known: {waited:?}");
    assert_eq!(world.census()["gateways"], 2);
    // Even without an anchor, the second run finds the first one's pool.
    world.run(&taker).await.expect(1);
    assert_eq!((world.census()["pools"], world.census()["clients"]), (2, 2));
    world.run(&["cleanup", "taker", "--yes"]).await.expect(0);
    assert_eq!(world.snapshot()["iam"]["roles"], roles, "a brought role is left as it was");
    assert_eq!((world.census()["pools"], world.census()["gateways"]), (1, 1), "the donor's own");
}

#[tokio::test(start_paused = true)]
async fn one_interrupt_ends_every_wait_at_once() {
    // IAM takes ten minutes here; the command does not wait for that after Ctrl-C.
    let world = World::new(Duration::from_mins(10));
    let begin = Instant::now();
    let stopped = world.run_and_stop(&["create", "g", "--sample", "-o", "json"], Duration::from_secs(30)).await;
    let stopped = stopped.expect(130);
    assert!(begin.elapsed() < Duration::from_secs(31), "{:?}", begin.elapsed());
    assert_eq!(stopped.json()["error"]["code"], "interrupted");

    let begin = Instant::now();
    let stopped = world.run_and_stop(&["cleanup", "g", "-y", "-o", "json"], Duration::from_secs(3)).await.expect(130);
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    let report = stopped.json();
    assert_eq!((&report["error"]["code"], &report["remaining"]), (&json!("interrupted"), &json!([])));
}

#[tokio::test(start_paused = true)]
async fn the_first_error_ends_the_waits_beside_it() {
    let lag = Duration::from_mins(9);
    let rule = "cognito-idp:CreateUserPoolClient=AccessDeniedException".parse().unwrap();
    let world = World::with_faults(Faults::new(Duration::ZERO, lag, vec![rule]));
    let begin = Instant::now();
    let failed = world.run(&["create", "g", "--sample"]).await.expect(4);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}: {}", begin.elapsed(), failed.stderr);
    assert!(failed.stderr.contains("create g --sample` again to go on"), "{}", failed.stderr);
}

#[tokio::test(start_paused = true)]
async fn cleanup_takes_a_name_an_id_or_an_arn() {
    let world = World::new(Duration::ZERO);
    for member in ["name", "gatewayId", "gatewayArn"] {
        let created = world.run(&["create", "g", "--no-observability", "-o", "json"]).await.expect(0).json();
        let given = created["gateway"][member].as_str().unwrap().to_owned();
        world.run(&["cleanup", &given, "-y"]).await.expect(0);
        assert!(world.is_empty(), "{member}: {:?}", world.census());
    }
    let nothing = world.run(&["cleanup", "g-0123456789", "-y"]).await.expect(0);
    assert!(nothing.stdout.contains("Nothing of g-0123456789 was found"), "{}", nothing.stdout);
    let wrong = world.run(&["cleanup", "my_gateway", "-y"]).await.expect(2);
    assert!(wrong.stderr.contains("no gateway's name, id or ARN"), "{}", wrong.stderr);
}

#[tokio::test(start_paused = true)]
async fn what_an_existing_gateway_does_not_take_is_said() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--tag", "team=a"]).await.expect(0);
    let again = world.run(&["create", "g", "--tag", "team=a"]).await.expect(0);
    assert!(!again.stderr.contains("warning"), "{}", again.stderr);
    let key = "arn:aws:kms:us-west-2:000000000000:key/01234567-89ab-cdef-0123-456789abcdef";
    let asked = ["create", "g", "--tag", "team=b", "--no-semantic-search", "--kms-key-arn", key];
    let warned = world.run(&asked).await.expect(0);
    for what in ["does not get `team`", "the search tool"] {
        assert!(warned.stderr.contains(what), "{what} is missing in {}", warned.stderr);
    }
    let status = world.run(&["status", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(status["authorizer"], "CUSTOM_JWT");
    assert!(
        status["roleArn"].as_str().unwrap().contains(":role/BedrockAgentCore/agentcore-gw/us-west-2/g/"),
        "{status}"
    );
}

#[test]
fn flags_are_checked_before_anything_is_asked() {
    let env = Env::new();
    for (flags, says) in [
        (vec!["--tag", "a=1", "--tag", "A=2"], "the tag key `A` is given twice"),
        (vec!["--kms-key-arn", "alias/mine"], "not the ARN of a KMS key"),
        (vec!["--permissions-boundary", "mine"], "not the ARN of an IAM policy"),
    ] {
        let run = env.run(&[&["--local", "create", "g"], &flags[..]].concat());
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(says), "{says} is missing in {}", run.stderr);
    }
    assert!(!env.state_dir().exists(), "nothing was started");
}

#[tokio::test(start_paused = true)]
async fn cleanup_all_finds_what_a_failed_create_on_a_brought_role_left() {
    let world = World::with_rules(&["bedrock-agentcore:CreateGateway=AccessDeniedException"]);
    let role = "arn:aws:iam::000000000000:role/mine";
    world.run(&["create", "g", "--role-arn", role]).await.expect(4);
    assert_eq!(world.census()["pools"], 1);
    let cleaned = world.run(&["cleanup", "--all", "-y"]).await.expect(0);
    assert!(world.is_empty(), "{} {:?}", cleaned.stdout, world.census());
}

#[test]
fn a_profile_that_is_not_there_is_named() {
    let env = Env::new();
    let mut command = env.command(&["--profile", "nope", "--region", "us-west-2", "list"]);
    let run = Run::of(command.env("AWS_EC2_METADATA_DISABLED", "true").output().unwrap());
    assert_eq!(run.code, 4, "{run:?}");
    assert!(run.stderr.contains("there is no profile `nope` in ~/.aws/config, and no other one"), "{}", run.stderr);
    fs::create_dir(env.home().join(".aws")).unwrap();
    fs::write(env.home().join(".aws/config"), "[default]\n[profile dev]\nregion = us-east-1\n").unwrap();
    let mut command = env.command(&["--profile", "nope", "--region", "us-west-2", "list"]);
    let run = Run::of(command.env("AWS_EC2_METADATA_DISABLED", "true").output().unwrap());
    assert!(run.code == 4 && run.stderr.contains("only these:\n  default\n  dev\n"), "{}", run.stderr);
}

#[tokio::test] // in real time: the sample runs
async fn what_is_shown_as_next_works() {
    let world = World::new(Duration::ZERO);
    let url = "https://idp.example.com/.well-known/openid-configuration";
    let own = ["--authorizer", "jwt", "--discovery-url", url, "--allowed-audience", "x"];
    for (name, flags) in [("pool", &[][..]), ("open", &["--authorizer", "none", "-y"]), ("own", &own)] {
        let said = world.run(&[&["create", name, "--sample"], flags].concat()).await.expect(0).stdout;
        let next: Vec<_> = said.lines().skip_while(|line| *line != "Next").skip(1).collect();
        assert_eq!(next.len(), 2, "{said}");
        for line in next {
            // The flags before the command are added by this test.
            let command = line.split_once(&format!("{} ", crate::support::world::ENDPOINT)).unwrap().1;
            let args: Vec<_> = command.split(' ').map(|word| word.trim_matches('\'')).collect();
            let yes: &[&str] = if args[0] == "cleanup" { &["--yes"] } else { &[] };
            world.run(&[&args, yes].concat()).await.expect(0);
        }
    }
    assert!(world.is_empty(), "{}", world.snapshot());
}

#[test]
fn validate_shows_line_pointer_and_remedy_and_the_tools() {
    let env = Env::new();
    let document = "openapi: 3.0.3
info: {title: Pets, version: 1.0.0}
servers:
  - url: http://10.0.0.1/v1
paths:
  /pets/{id}:
    get:
      operationId: pets/get
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
      responses: {default: {description: ok}}
";
    fs::write(env.home().join("pets.yaml"), document).unwrap();
    let at_home = |args: &[&str]| shown(&env, args);
    assert_snapshot!("validate", at_home(&["validate", "openapi", "pets.yaml"]));
    assert_snapshot!("validate_local", at_home(&["--local", "validate", "openapi", "pets.yaml", "--target", "shop"]));
    let json = env.run(&["validate", "openapi", "pets.yaml", "-o", "json"]);
    let report = json.json();
    assert_eq!((json.code, &report["valid"]), (2, &serde_json::json!(false)));
    assert_eq!(report["findings"][0]["line"], 4);
    assert_eq!(report["tools"][0]["name"], "target___pets/get");

    fs::write(env.home().join("tools.json"), r#"[{"name": "a", "description": "d", "inputSchema": {"type": "text"}}]"#)
        .unwrap();
    assert_snapshot!("validate_tools", at_home(&["validate", "tools", "tools.json"]));
    for (file, content) in [("empty", &b""[..]), ("binary", b"\xff\xfe\x00"), ("broken", b"{\n\"a\": ")] {
        fs::write(env.home().join(file), content).unwrap();
        let run = env.run(&["validate", "openapi", file]);
        assert_eq!(run.code, 2, "{run:?}");
    }
    assert_eq!(env.run(&["validate", "openapi", "."]).code, 2);
}

#[test]
fn flags_that_people_try_lead_to_those_that_there_are() {
    let env = Env::new();
    let add = ["target", "add", "openapi", "x", "--gateway", "g", "--spec", "f"];
    for (tried, meant) in [("--oauth", "--oauth-vendor"), ("--api-key", "--api-key-env")] {
        let run = env.run(&[&add[..], &[tried, "custom"]].concat());
        assert!(run.code == 2 && run.stderr.contains(&format!("'{meant}'")), "{run:?}");
    }
    let elsewhere = env.run(&["create", "g", "--oauth", "x"]);
    assert!(elsewhere.code == 2 && !elsewhere.stderr.contains("--oauth-vendor"), "{elsewhere:?}");
}

#[test]
fn a_version_of_mcp_that_there_is_not_is_refused_before_anything_is_made() {
    let env = Env::new();
    for version in ["2020-01-01", "2025-13-01", "x"] {
        let run = env.run(&["--local", "create", "g", "--mcp-version", version]);
        assert!(run.code == 2 && run.stderr.contains("supported: 2025-03-26, 2025-06-18"), "{run:?}");
    }
    let run = env.run(&[
        "create",
        "g",
        "--mcp-version",
        "2031-01-01",
        "--region",
        "us-west-2",
        "--endpoint-url",
        "http://127.0.0.1:9",
    ]);
    assert_ne!(run.code, 2, "one that is newer than this program is for AWS to judge: {run:?}");
}

#[test]
fn standard_input_is_called_by_its_name() {
    use std::io::Write as _;

    let env = Env::new();
    let mut command = env.command(&["validate", "openapi", "-"]);
    let pipes = (std::process::Stdio::piped(), std::process::Stdio::piped());
    let mut child = command.stdin(pipes.0).stderr(pipes.1).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a: [\n").unwrap();
    let run = Run::of(child.wait_with_output().unwrap());
    assert!(run.code == 2 && run.stderr.contains("error: standard input, line"), "{run:?}");
}

/// A response that never ends is abandoned, whatever reads it.
#[test]
fn an_answer_without_an_end_is_given_up() {
    use std::io::{Read as _, Write as _};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map(Result::unwrap) {
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                drop(stream.read(&mut request));
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
                let mut written = stream.write_all(head.as_bytes());
                while written.is_ok() {
                    written = stream.write_all(chunk.as_bytes());
                }
            });
        }
    });
    let env = Env::new();
    for args in [&["list"][..], &["cleanup", "g", "-y"]] {
        let mut command = env.command(&[args, &["--endpoint-url", &endpoint, "--region", "us-west-2"]].concat());
        command.env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "y");
        let run = Run::of(command.output().unwrap());
        assert!(run.code == 1 && run.stderr.contains("longer than 16 MB"), "{args:?}: {run:?}");
    }
}

#[test]
fn a_name_that_is_nearly_right_leads_to_the_one_that_is() {
    let env = Env::new();
    env.ok(&["--local", "create", "weather", "--sample"]);
    for command in [&["get", "wether"][..], &["token", "wether"], &["tools", "list", "Weather"], &["status", "weathr"]]
    {
        let run = env.run(&[&["--local"], command].concat());
        assert_eq!(run.code, 5, "{command:?}: {run:?}");
        assert!(run.stderr.contains("did you mean `weather`?"), "{command:?}: {}", run.stderr);
    }
    let far = env.run(&["--local", "get", "orders"]);
    assert!(far.code == 5 && !far.stderr.contains("did you mean"), "{}", far.stderr);
    let target = env.run(&["--local", "target", "get", "wether-tool", "--gateway", "weather"]);
    assert!(target.code == 5 && target.stderr.contains("did you mean `weather-tool`?"), "{target:?}");
}
