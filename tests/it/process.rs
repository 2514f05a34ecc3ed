//! The program as a process: what a newcomer runs, restarts, kills, and what is left on disk.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::env::{Env, Run, Server, path};

#[test]
fn the_quick_start_works_from_an_empty_home_and_another_home_cleans_up() {
    let env = Env::new();
    let created = env.ok(&["--local", "create", "weather-gateway", "--sample"]);
    for promised in ["Gateway URL", "Client ID", "Client secret", "Token endpoint", "weather-gateway/invoke"] {
        assert!(created.stdout.contains(promised), "{promised} is missing in\n{}", created.stdout);
    }
    let call =
        "agentcore-gw --local tools call weather-gateway weather-tool___get_weather '{\"location\":\"Seattle\"}'";
    assert!(created.stdout.contains(call), "the next command is shown: {}", created.stdout);
    let answer = env.ok(&[
        "--local",
        "tools",
        "call",
        "weather-gateway",
        "weather-tool___get_weather",
        r#"{"location":"Seattle"}"#,
    ]);
    assert_eq!(answer.json()["location"], "Seattle");
    let failed = env.run(&[
        "--local",
        "tools",
        "call",
        "weather-gateway",
        "weather-tool___get_time",
        r#"{"timezone":"Nowhere"}"#,
    ]);
    assert_eq!((failed.code, failed.stdout.trim()), (1, "An internal error occurred. Please retry later."));

    let again = env.ok(&["--local", "create", "weather-gateway", "--sample", "-o", "json"]);
    assert_eq!(again.stderr, "", "JSON comes alone");
    let shape = again.json();
    for member in ["name", "gatewayId", "gatewayArn", "gatewayUrl", "status", "region"] {
        assert!(shape["gateway"][member].is_string(), "gateway.{member}: {shape:#}");
    }
    for member in ["clientId", "clientSecret", "tokenEndpoint", "scope", "userPoolId", "domainPrefix", "discoveryUrl"] {
        assert!(shape["clientInfo"][member].is_string(), "clientInfo.{member}: {shape:#}");
    }
    assert_eq!(shape["targets"][0]["tools"][0], "weather-tool___get_weather");
    assert_eq!(shape["warnings"], serde_json::json!([]));

    // Another machine has nothing but credentials and an endpoint.
    let other = Env::new();
    let variables = env.ok(&["--local", "local", "env", "-o", "json"]).json();
    let mut cleanup = other.command(&["cleanup", "weather-gateway", "-y"]);
    for (name, value) in variables.as_object().unwrap() {
        cleanup.env(name, value.as_str().unwrap());
    }
    let cleaned = Run::of(cleanup.output().unwrap());
    assert_eq!(cleaned.code, 0, "{cleaned:?}");
    assert!(env.is_empty(), "{:#}", env.state());
    assert!(!other.home().join(".local").exists());
}

#[test]
fn a_create_that_is_killed_is_finished_by_the_next_and_cleaned_by_another() {
    let env = Env::new();
    let server = Server::start(&env, &["--latency", "30ms"]);
    for after in [20, 90, 160, 250, 400] {
        let mut create = env
            .command(&["--local", "create", "g", "--sample"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(after) && create.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        drop(create.kill());
        create.wait().unwrap();
    }
    env.ok(&["--local", "create", "g", "--sample"]);
    let second = env.ok(&["--local", "create", "g", "--sample"]);
    assert!(second.stdout.contains("nothing had to be changed"), "{}", second.stdout);
    assert_eq!(env.state()["cognito"]["pools"].as_object().unwrap().len(), 1);
    env.ok(&["--local", "cleanup", "g", "-y"]);
    assert!(env.is_empty());
    drop(server);
}

#[test]
fn an_interrupted_create_says_what_exists_and_ends_with_130() {
    let env = Env::new();
    let server = Server::start(&env, &["--latency", "100ms"]);
    let mut create = env
        .command(&["--local", "create", "g", "--sample"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once it has made something, it is asked to stop.
    let mut lines = BufReader::new(create.stderr.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains("created")).unwrap().unwrap();
    assert!(std::process::Command::new("kill").args(["-INT", &create.id().to_string()]).status().unwrap().success());
    let rest = lines.map(Result::unwrap).collect::<Vec<_>>().join("\n");
    assert_eq!(create.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("error: interrupted") && rest.contains("exists now: execution role"), "{rest}");
    assert!(rest.contains("create g --sample` again to go on") && rest.contains("cleanup g`"), "{rest}");
    env.ok(&["--local", "cleanup", "g", "-y", "--settle", "1"]);
    assert!(env.is_empty());
    drop(server);
}

#[test]
fn a_server_of_another_version_is_replaced() {
    let env = Env::new();
    let old = env.ok(&["local", "start", "-o", "json"]).json();
    let file = env.state_dir().join("server.json");
    let said = fs::read_to_string(&file).unwrap();
    fs::write(&file, said.replace(env!("CARGO_PKG_VERSION"), "0.0.1")).unwrap();
    let new = env.ok(&["local", "start", "-o", "json"]).json();
    assert_ne!(old["pid"], new["pid"]);
    assert_eq!(new["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn an_ephemeral_server_leaves_nothing_behind() {
    let env = Env::new();
    let temporary = env.home().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut child = env
        .command(&["local", "serve", "--ephemeral", "-o", "json"])
        .env("TMPDIR", &temporary)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let mut create = env.command(&["create", "g", "--sample"]);
    for (name, value) in said["env"].as_object().unwrap() {
        create.env(name, value.as_str().unwrap());
    }
    let created = Run::of(create.output().unwrap());
    assert_eq!(created.code, 0, "{created:?}");
    assert!(std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(!env.state_dir().exists());
}

#[test]
fn start_stop_status_and_reset_do_what_they_say() {
    let env = Env::new();
    assert_eq!(env.ok(&["local", "status", "-o", "json"]).json()["running"], false);
    let started = env.ok(&["local", "start", "-o", "json"]).json();
    assert_eq!(env.ok(&["local", "start", "-o", "json"]).json()["pid"], started["pid"], "one server");
    env.ok(&["--local", "create", "g", "--no-observability"]);
    assert_eq!(env.run(&["local", "reset"]).code, 2, "needs a yes");
    env.ok(&["local", "reset", "-y"]);
    assert_eq!(env.run(&["--local", "status", "g"]).code, 5);
    env.ok(&["local", "stop"]);
    assert_eq!(env.ok(&["local", "status", "-o", "json"]).json()["running"], false);
}

#[cfg(unix)]
#[test]
fn secrets_are_private_and_never_logged() {
    use std::os::unix::fs::PermissionsExt as _;

    let env = Env::new();
    let run = env.ok(&["--local", "-vvv", "create", "g", "--sample", "--save", "gateway_config.json"]);
    let saved: Value = serde_json::from_slice(&fs::read(env.home().join("gateway_config.json")).unwrap()).unwrap();
    let secret = saved["client_info"]["client_secret"].as_str().unwrap();
    for member in ["client_id", "user_pool_id", "token_endpoint", "scope", "domain_prefix"] {
        assert!(saved["client_info"][member].is_string(), "{member}");
    }
    assert!(saved["gateway_url"].is_string() && saved["gateway_id"].is_string() && saved["region"].is_string());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&env.home().join("gateway_config.json")), 0o600);
    let key: Value = serde_json::from_slice(&fs::read(env.state_dir().join("access-key.json")).unwrap()).unwrap();
    let token = env.ok(&["--local", "-vvv", "token", "g"]);
    let log = fs::read_to_string(env.state_dir().join("server.log")).unwrap();
    for hidden in [secret, token.stdout.trim(), key["secretAccessKey"].as_str().unwrap()] {
        for text in [&run.stderr, &token.stderr, &log] {
            assert!(!text.contains(hidden), "a secret was logged");
        }
    }
    assert_eq!(mode(&env.state_dir()), 0o700);
    for entry in fs::read_dir(env.state_dir()).unwrap().map(Result::unwrap) {
        let expected = if entry.path().is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&entry.path()), expected, "{}", entry.path().display());
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let env = Env::new();
    let script = "\"$0\" --help | head -1; exit ${PIPESTATUS:-0}";
    let output = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_agentcore-gw")])
        .env_clear()
        .env("PATH", path())
        .env("HOME", env.home())
        .output()
        .unwrap();
    let run = Run::of(output);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}
