//! The local AWS loses nothing: neither if each request is served by a new server, nor if it is killed between
//! or during commands.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
};

use axum::body::Body;
use serde_json::Value;

use crate::{
    support::env::{Env, Server},
    support::world::World,
};

#[tokio::test(start_paused = true)]
async fn a_restart_between_any_two_requests_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::restarting(dir.path());
    world.run(&["create", "g", "--sample"]).await.expect(0);
    let again = world.run(&["create", "g", "--sample"]).await.expect(0);
    assert!(again.stdout.contains("nothing had to be changed"), "{}", again.stdout);
    world.run(&["target", "add", "lambda", "second", "--gateway", "g"]).await.expect(0);
    world.run(&["tools", "list", "g"]).await.expect(0);
    world.run(&["target", "remove", "second", "--gateway", "g", "-y"]).await.expect(0);
    world.run(&["cleanup", "g", "-y"]).await.expect(0);
    assert!(world.is_empty(), "{:?}", world.census());
}

fn kill_server(env: &Env) {
    let status = env.ok(&["local", "status", "-o", "json"]).json();
    if let Some(pid) = status["pid"].as_u64() {
        assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    }
}

#[test]
fn a_server_that_is_killed_between_any_two_commands_has_lost_nothing() {
    let env = Env::new();
    let created = env.ok(&["--local", "create", "g", "--sample", "-o", "json"]).json();
    let call = ["--local", "tools", "call", "g", "weather-tool___get_weather", r#"{"location":"Oslo"}"#];
    let commands: [&[&str]; 6] = [
        &call,
        &["--local", "create", "g", "--sample"],
        &["--local", "target", "add", "lambda", "second", "--gateway", "g"],
        &["--local", "tools", "call", "g", "second___get_weather", r#"{"location":"Oslo"}"#],
        &["--local", "target", "remove", "second", "--gateway", "g", "-y"],
        &call,
    ];
    for command in commands {
        kill_server(&env);
        let run = env.ok(command);
        assert!(run.stderr.contains("started the local AWS"), "{command:?} {}", run.stderr);
        assert!(!run.stderr.contains("created") || command[1] == "target", "{command:?} {}", run.stderr);
    }
    kill_server(&env);
    let credentials = env.ok(&["--local", "credentials", "g", "-o", "json"]).json();
    assert_eq!(credentials["clientInfo"]["clientSecret"], created["clientInfo"]["clientSecret"]);
    assert_eq!(credentials["gateway"]["gatewayId"], created["gateway"]["gatewayId"]);
    kill_server(&env);
    env.ok(&["--local", "cleanup", "g", "-y"]);
    kill_server(&env);
    assert_eq!(env.run(&["--local", "status", "g"]).code, 5);
}

#[test]
fn a_server_that_is_killed_under_a_create_keeps_what_it_answered() {
    let env = Env::new();
    // After this many steps of `create`.
    for steps in [1, 3, 6, 9, 11] {
        let server = Server::start(&env, &["--latency", "20ms"]);
        let args = ["--local", "create", "g", "--sample", "--timeout", "5"];
        let mut create = env.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(create.stderr.take().unwrap()).lines();
        lines.by_ref().take(steps).for_each(drop);
        server.kill();
        lines.for_each(drop);
        create.wait().unwrap();
    }
    let created = env.ok(&["--local", "create", "g", "--sample", "-o", "json"]).json();
    let again = env.ok(&["--local", "create", "g", "--sample", "-o", "json"]).json();
    assert_eq!(created["gateway"], again["gateway"]);
    env.ok(&["--local", "cleanup", "g", "-y"]);
    assert!(env.is_empty(), "{:#}", env.state());
}

#[test]
fn a_held_connection_does_not_hold_up_a_stop_and_the_next_start_is_at_once() {
    let env = Env::new();
    let endpoint = env.ok(&["local", "start", "-o", "json"]).json()["endpoint"].as_str().unwrap().to_owned();
    let mut held = TcpStream::connect(endpoint.trim_start_matches("http://")).unwrap();
    held.write_all(b"POST / HTTP/1.1\r\nHost: 127").unwrap();
    let stopped = env.ok(&["local", "stop"]);
    assert_eq!(stopped.stdout, "The local AWS is stopped; its state is kept.\n");
    assert_eq!(env.ok(&["local", "stop"]).stdout, "The local AWS did not run.\n");
    env.ok(&["local", "start"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_saved_did_not_happen() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, away) = (dir.path().join("state"), dir.path().join("away"));
    let world = World::restarting(&folder);
    let call = async |operation: &str, body: &str| {
        let request =
            world.to_service("logs", "POST", "/").header("x-amz-target", format!("Logs_20140328.{operation}"));
        world.send(request.body(Body::from(body.to_owned())).unwrap()).await.status
    };
    assert_eq!(call("CreateLogGroup", r#"{"logGroupName":"kept"}"#).await, 200);
    fs::rename(&folder, &away).unwrap();
    assert_eq!(call("CreateLogGroup", r#"{"logGroupName":"lost"}"#).await, 500);
    assert_eq!(call("DescribeLogGroups", "{}").await, 200, "reads go on");
    assert_eq!(world.census()["log groups"], 1);
    fs::rename(&away, &folder).unwrap();
    assert_eq!(call("CreateLogGroup", r#"{"logGroupName":"lost"}"#).await, 200);
}

/// The members of a JSON document that another one has not, or has differently.
fn lost(place: &str, before: &Value, after: &Value) -> Vec<String> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before
            .iter()
            .flat_map(|(name, value)| lost(&format!("{place}/{name}"), value, after.get(name).unwrap_or(&Value::Null)))
            .collect(),
        _ if before == after => Vec::new(),
        _ => vec![place.to_owned()],
    }
}

/// A state that 0.1.0 wrote: a gateway with the sample, a target with an API key, and a Smithy target. The pool's
/// signing key is left out.
#[tokio::test]
async fn the_state_of_an_earlier_version_is_read_whole() {
    let written = include_str!("../state/0.1.0.json");
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("state.json"), written).unwrap();
    let world = World::restarting(dir.path());
    let expected: Value = serde_json::from_str(written).unwrap();
    // It has a hash now where it had a whole request.
    let is_hashed = |place: &String| place.ends_with("/state/origin/input");
    let lost: Vec<String> = lost("", &expected, &world.snapshot()).into_iter().filter(|it| !is_hashed(it)).collect();
    assert_eq!(lost, [""; 0]);
    let shown = world.run(&["target", "list", "--gateway", "old", "-o", "json"]).await.expect(0).json();
    assert_eq!(shown["items"].as_array().map(Vec::len), Some(3), "{shown}");
}

#[test]
fn a_damaged_state_is_told_with_the_way_out() {
    let env = Env::new();
    env.ok(&["local", "start"]);
    env.ok(&["local", "stop"]);
    fs::write(env.state_dir().join("state.json"), "{").unwrap();
    let run = env.run(&["--local", "list"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("state.json") && run.stderr.contains("local reset"), "{}", run.stderr);
    env.ok(&["local", "reset", "-y"]);
    env.ok(&["--local", "list"]);
}

/// Packages are files beside the state: a lost or damaged one is reported, and `create` restores it.
#[test]
fn a_lost_or_damaged_package_is_put_back_by_create() {
    let env = Env::new();
    env.ok(&["--local", "create", "g", "--sample"]);
    let call = ["--local", "tools", "call", "g", "weather-tool___get_weather", r#"{"location":"Oslo"}"#];
    let blobs = env.state_dir().join("blobs");
    for damage in ["lost", "damaged"] {
        env.ok(&["local", "stop"]);
        let unpacked = env.state_dir().join("code");
        drop(fs::remove_dir_all(&unpacked));
        for package in fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().path()) {
            if damage == "lost" { fs::remove_file(package).unwrap() } else { fs::write(package, "PK").unwrap() }
        }
        let failed = env.run(&call);
        assert_eq!(failed.code, 1, "{damage}: {failed:?}");
        let log = fs::read_to_string(env.state_dir().join("server.log")).unwrap();
        assert!(log.contains("/blobs/"), "{damage}: {log}");
        let status = env.run(&["--local", "status", "g"]);
        assert!(status.code == 1 && status.stdout.contains("lost what this target serves"), "{damage}: {status:?}");
        let mended = env.ok(&["--local", "create", "g", "--sample"]);
        for what in ["updated sample function", "updated target"] {
            assert!(mended.stderr.contains(what), "{damage}: {mended:?}");
        }
        env.ok(&call);
    }
}
