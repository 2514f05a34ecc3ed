//! The local AWS forgets nothing: neither when it is another server for each request, nor when it
//! is killed between any two commands, or in the middle of them.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use crate::{
    env::{Env, Server},
    world::World,
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
    // After so many steps of `create`.
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
