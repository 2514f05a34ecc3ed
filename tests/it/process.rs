//! The program as a process: what a new user runs, restarts and kills, and what is left on disk.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::env::{Env, Run, Server, path};

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
    for member in
        ["clientId", "clientSecret", "tokenEndpoint", "scope", "userPoolId", "domainPrefix", "discoveryUrl", "issuer"]
    {
        assert!(shape["clientInfo"][member].is_string(), "clientInfo.{member}: {shape:#}");
    }
    assert_eq!(shape["targets"][0]["tools"][0], "weather-tool___get_weather");
    assert_eq!(shape["warnings"], serde_json::json!([]));

    // Another machine has only credentials and an endpoint.
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
    // Once it has created something, it is asked to stop.
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

/// A terminal or a pipe whose other end stays open never ends.
#[test]
fn a_command_that_reads_standard_input_ends_at_one_interrupt_and_at_its_timeout() {
    let env = Env::new();
    for (args, is_interrupted, code, said) in [
        (&["-o", "json", "validate", "openapi", "-"][..], true, 130, "interrupted"),
        (&["-o", "json", "--timeout", "1", "validate", "openapi", "-"], false, 6, "timed_out"),
        (&["-o", "json", "--local", "--timeout", "1", "apply", "-f", "-"], false, 6, "timed_out"),
    ] {
        let mut command = env.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let open = child.stdin.take();
        let pid = child.id().to_string();
        // It may not listen yet: without a handler the first signal ends it in another way.
        let mut is_asked = !is_interrupted;
        while !is_asked {
            let caught = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let caught = caught.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
            is_asked = u64::from_str_radix(&caught, 16).unwrap() & 2 != 0;
            if is_asked {
                assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
            }
            std::thread::yield_now();
        }
        let ended = Run::of(child.wait_with_output().unwrap());
        assert_eq!((ended.code, &ended.json()["error"]["code"]), (code, &Value::from(said)), "{ended:?}");
        drop(open);
    }
}

#[test]
fn one_interrupt_ends_a_command_that_only_reads() {
    let env = Env::new();
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", deaf.local_addr().unwrap());
    let args = ["--region", "us-west-2", "--endpoint-url", &endpoint, "--timeout", "30", "-o", "json", "list"];
    let mut command = env.command(&args);
    command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // Once it has asked, it waits for an answer.
    let asked = deaf.accept().unwrap();
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = Run::of(child.wait_with_output().unwrap());
    assert_eq!((ended.code, &ended.json()["error"]["code"]), (130, &Value::from("interrupted")), "{ended:?}");
    drop(asked);
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
fn a_server_of_a_newer_version_is_left_running_and_both_are_named() {
    let env = Env::new();
    let newer = env.ok(&["local", "start", "-o", "json"]).json();
    let file = env.state_dir().join("server.json");
    let said = fs::read_to_string(&file).unwrap();
    fs::write(&file, said.replace(env!("CARGO_PKG_VERSION"), "99.0.0")).unwrap();
    let run = env.run(&["--local", "list"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("99.0.0") && run.stderr.contains(env!("CARGO_PKG_VERSION")), "{run:?}");
    assert_eq!(env.ok(&["local", "status", "-o", "json"]).json()["pid"], newer["pid"]);
}

/// A folder with someone's project: nothing in it is changed by any command that is told to use it.
#[test]
fn a_folder_of_somebody_else_is_an_error_that_touches_nothing() {
    let env = Env::new();
    let project = env.home().join("project");
    for folder in ["code", "blobs", "logs"] {
        fs::create_dir_all(project.join(folder)).unwrap();
        fs::write(project.join(folder).join("main.c"), "int main;").unwrap();
    }
    let mut list = env.command(&["--local", "list"]);
    let list = Run::of(list.env("AGENTCORE_GW_LOCAL_DIR", &project).output().unwrap());
    let serve = env.run(&["local", "serve", "--port", "0", "--state-dir", project.to_str().unwrap()]);
    for run in [list, serve] {
        assert!(run.code == 1 && run.stderr.contains("nothing in it was touched"), "{run:?}");
    }
    assert_eq!(fs::read_dir(&project).unwrap().count(), 3);
    assert_eq!(fs::read_to_string(project.join("code/main.c")).unwrap(), "int main;");
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

/// As in every AWS tool: a profile that is given as a flag takes precedence over keys in the environment.
#[test]
fn a_profile_that_a_flag_names_beats_keys_in_the_environment() {
    let env = Env::new();
    env.ok(&["local", "start"]);
    let keys = env.ok(&["local", "env", "-o", "json"]).json();
    let text = |name: &str| keys[name].as_str().unwrap().to_owned();
    let config = env.home().join("config");
    let profile = format!(
        "[profile good]\naws_access_key_id = {}\naws_secret_access_key = {}\nregion = us-west-2\n",
        text("AWS_ACCESS_KEY_ID"),
        text("AWS_SECRET_ACCESS_KEY")
    );
    fs::write(&config, profile).unwrap();
    let run = |args: &[&str], variable: Option<&str>| {
        let mut command = env.command(&[&["list", "--endpoint-url", &text("AWS_ENDPOINT_URL")], args].concat());
        command
            .env("AWS_CONFIG_FILE", &config)
            .env("AWS_ACCESS_KEY_ID", "AKIAOFSOMEBODY")
            .env("AWS_SECRET_ACCESS_KEY", "x");
        if let Some(profile) = variable {
            command.env("AWS_PROFILE", profile);
        }
        Run::of(command.output().unwrap())
    };
    let by_flag = run(&["--profile", "good"], None);
    assert_eq!(by_flag.code, 0, "{by_flag:?}");
    let of_environment = run(&["--region", "us-west-2"], None);
    assert_eq!(of_environment.code, 4, "{of_environment:?}");
    let by_variable = run(&[], Some("good"));
    assert_eq!(by_variable.code, 4, "a variable does not: {by_variable:?}");
    let unknown = run(&["--profile", "nobody", "--region", "us-west-2"], None);
    assert!(unknown.code == 4 && unknown.stderr.contains("there is no profile `nobody`"), "{unknown:?}");
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

fn free_port() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// `local serve`, and commands that need it while it starts, all at the same time.
#[test]
fn a_command_beside_a_server_that_is_coming_up_waits_for_it() {
    for ephemeral in [false, true] {
        for _ in 0..10 {
            let env = Env::new();
            let port = free_port();
            let flags: &[&str] = if ephemeral { &["local", "serve", "--ephemeral"] } else { &["local", "serve"] };
            let mut server = env.command(flags);
            server.env("AGENTCORE_GW_LOCAL_PORT", &port).stdout(Stdio::null()).stderr(Stdio::null());
            let mut server = server.spawn().unwrap();
            // The server has the port, or the lock on the state, and has not announced itself yet.
            let begin = Instant::now();
            let dir = if ephemeral { format!("local-ephemeral-{port}") } else { "local".to_owned() };
            let lock = env.home().join(".local/state/agentcore-gw").join(dir).join("server.lock");
            while !lock.exists() && begin.elapsed() < Duration::from_secs(20) {
                std::thread::yield_now();
            }
            let lists: Vec<_> = (0..3)
                .map(|_| {
                    let mut list = env.command(&["--local", "list"]);
                    list.env("AGENTCORE_GW_LOCAL_PORT", &port).stdout(Stdio::piped()).stderr(Stdio::piped());
                    list.spawn().unwrap()
                })
                .collect();
            for list in lists {
                let run = Run::of(list.wait_with_output().unwrap());
                assert_eq!((run.code, run.stderr.as_str()), (0, ""), "ephemeral: {ephemeral}");
            }
            assert!(server.try_wait().unwrap().is_none(), "it is the server that was started by hand");
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_the_remedy() {
    let env = Env::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut list = env.command(&["--local", "list"]);
    let list = Run::of(list.env("AGENTCORE_GW_LOCAL_PORT", &port).output().unwrap());
    let serve = env.run(&["local", "serve", "--port", &port]);
    for run in [list, serve] {
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains(&format!("port {port} of 127.0.0.1 is taken by another program")), "{run:?}");
        assert!(run.stderr.contains("AGENTCORE_GW_LOCAL_PORT") && !run.stderr.contains("reset"), "{run:?}");
    }
}

#[test]
fn an_ephemeral_server_is_found_by_its_port_and_key() {
    let env = Env::new();
    let port = free_port();
    let with_port = |args: &[&str]| {
        let mut command = env.command(args);
        Run::of(command.env("AGENTCORE_GW_LOCAL_PORT", &port).output().unwrap())
    };
    let server = Server::start(&env, &["--ephemeral", "--port", &port]);
    let created = with_port(&["--local", "create", "g", "--no-observability"]);
    assert!(created.code == 0 && !created.stderr.contains("started the local AWS"), "{created:?}");
    let status = with_port(&["local", "status", "-o", "json"]).json();
    assert_eq!(status["endpoint"], format!("http://127.0.0.1:{port}"));
    assert!(!env.state_dir().exists(), "nothing is kept");
    // When killed, it leaves a folder, which the next server takes over.
    server.kill();
    let server = Server::start(&env, &["--ephemeral", "--port", &port]);
    assert_eq!(with_port(&["--local", "status", "g"]).code, 5);
    assert_eq!(with_port(&["local", "stop"]).code, 0);
    drop(server);
    assert!(!env.home().join(".local/state/agentcore-gw").join(format!("local-ephemeral-{port}")).exists());
}

#[test]
fn verbose_is_a_line_for_each_call_and_never_a_secret() {
    let env = Env::new();
    let run = env.ok(&["--local", "-v", "create", "g", "--sample", "-o", "json"]);
    let created = run.json();
    let calls: Vec<_> = run.stderr.lines().filter(|line| line.contains("request-id=")).collect();
    for call in
        ["IAM CreateRole us-west-2 ", "Cognito Identity Provider CreateUserPool us-west-2 ", "CreateGateway us-west-2 "]
    {
        let line = calls.iter().find(|line| line.contains(call)).unwrap_or_else(|| panic!("{call}\n{}", run.stderr));
        let rest = line.split(call).nth(1).unwrap();
        let words: Vec<_> = rest.split(' ').collect();
        assert!(words[0].parse::<u64>().is_ok() && words[1] == "ms", "{line}");
        assert!(words[2].starts_with("20") && words[3] == "retries=0", "{line}");
        assert!(words[4].strip_prefix("request-id=").is_some_and(|id| id.len() == 36), "{line}");
    }
    let token = calls.iter().find(|line| line.contains("/oauth2/token")).expect("HTTP calls are there, too");
    assert!(token.contains("HTTP POST http://127.0.0.1:"), "{token}");
    let more = env.ok(&["--local", "-vv", "status", "g"]);
    assert!(more.stderr.contains(" bytes to http") && more.stderr.contains(" bytes, HTTP 200"), "{}", more.stderr);
    let secret = created["clientInfo"]["clientSecret"].as_str().unwrap();
    let plain = env.ok(&["--local", "status", "g"]);
    assert!(!run.stderr.contains(secret) && !more.stderr.contains(secret) && plain.stderr.is_empty(), "{plain:?}");
}

#[test]
fn a_terse_failure_says_where_its_reason_is() {
    let env = Env::new();
    env.ok(&["--local", "create", "g", "--sample"]);
    let call = ["--local", "tools", "call", "g", "weather-tool___get_time", r#"{"timezone":"Nowhere"}"#];
    let failed = env.run(&call);
    assert_eq!((failed.code, failed.stdout.trim()), (1, "An internal error occurred. Please retry later."));
    assert!(failed.stderr.contains("logs g` shows") && failed.stderr.contains("--debug-errors"), "{failed:?}");
    assert!(env.ok(&["--local", "logs", "g"]).stdout.contains("unknown timezone 'Nowhere'"), "the reason is there");
    let json = env.run(&[&call[..], &["-o", "json"]].concat());
    assert!(json.stderr.is_empty() && json.json()["isError"] == true, "{json:?}");
    env.ok(&["--local", "create", "g", "--debug-errors"]);
    let told = env.run(&call);
    assert!(told.stdout.contains("Nowhere") && !told.stderr.contains("--debug-errors"), "{told:?}");
    assert!(told.stderr.contains("logs g` shows"), "{told:?}");
}

#[test]
fn tools_are_searched_by_what_they_do() {
    let env = Env::new();
    env.ok(&["--local", "create", "g", "--sample"]);
    let found = env.ok(&["--local", "tools", "search", "g", "current weather", "-o", "json"]).json();
    assert_eq!(found["items"][0]["name"], "weather-tool___get_weather");
    let shown = env.ok(&["--local", "tools", "search", "g", "weather"]);
    let best = shown.stdout.lines().nth(1).unwrap();
    assert!(best.starts_with("weather-tool___get_weather"), "the best one first: {}", shown.stdout);
    env.ok(&["--local", "create", "plain", "--no-semantic-search", "--no-observability"]);
    let without = env.run(&["--local", "tools", "search", "plain", "weather", "-o", "json"]);
    assert_eq!((without.code, &without.json()["error"]["code"]), (5, &serde_json::json!("not_found")), "{without:?}");
}

#[test]
fn what_is_shown_is_the_program_as_it_was_called() {
    let env = Env::new();
    let link = env.home().join("gw");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_agentcore-gw"), &link).unwrap();
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new("./gw");
        command.args(args).env_clear().env("PATH", path()).env("HOME", env.home()).env("AGENTCORE_GW_LOCAL_PORT", "0");
        Run::of(command.current_dir(env.home()).output().unwrap())
    };
    let created = run(&["--local", "create", "g", "--no-observability"]);
    assert!(created.stdout.contains("\n  ./gw --local cleanup g"), "{created:?}");
    assert!(created.stderr.contains("`./gw local stop`"), "{created:?}");
    let quiet = run(&["--local", "-q", "create", "g", "--no-observability"]);
    assert!(!quiet.stdout.contains("Next") && quiet.stderr.is_empty(), "{quiet:?}");
    let unknown = run(&["--local", "tools", "call", "g", "nothing___at_all"]);
    assert!(unknown.stderr.contains("`./gw --local tools list g` shows the tools"), "{unknown:?}");
}
