//! SIGKILL during every command that changes something, in real processes: running the command again leaves one
//! of everything, and `cleanup` leaves nothing.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{
    support::env::{Env, Server},
    support::fake_mcp_server::FakeMcpServer,
};

/// The number of kills, unless `AGENTCORE_GW_KILLS` sets it: `tests/bench/kills.sh` uses ten times as many.
const KILLS: usize = 20;

/// A command to kill, and the commands before it.
struct Scenario {
    before: Vec<Vec<String>>,
    killed: Vec<String>,
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn scenarios(endpoint: &str) -> Vec<Scenario> {
    let create = "create g --sample";
    let bare = "create g --no-observability";
    let add = |rest: &str| format!("target add {rest} --gateway g");
    let by_key = add("openapi api --spec api.json --api-key-file key --api-key-query k");
    let by_token = add(
        "openapi api --spec api.json --oauth-client-id c --oauth-client-secret-file key --oauth-token-endpoint https://idp.example/token",
    );
    let of = |before: &[&str], killed: &str| Scenario {
        before: before.iter().map(|line| words(line)).collect(),
        killed: words(killed),
    };
    vec![
        of(&[], create),
        of(&[bare], &add("lambda mine")),
        of(&[bare], &by_key),
        of(&[bare], &by_token),
        of(&[bare], &add("smithy dynamodb")),
        of(&[bare], &add(&format!("mcp-server mine --endpoint {endpoint}"))),
        of(&[bare], &add("api-gateway rest --rest-api-id a1b2c3d4e5 --stage prod --filter /pets=GET")),
        of(&[bare, &by_key], "target update api --gateway g --spec api.json --api-key-file key --api-key-header x-key"),
        of(&[create, &by_key], "cleanup g -y --settle 1"),
        of(&[create, &by_key], "target remove api --gateway g"),
    ]
}

#[expect(clippy::disallowed_methods, reason = "how many is for who runs it to say")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// A pseudo-random sequence, reproducible by its seed (Knuth's MMIX generator).
struct Random(u64);

impl Random {
    /// Between 0 and 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }
}

fn args(words: &[String]) -> Vec<&str> {
    ["--local"].into_iter().chain(words.iter().map(String::as_str)).collect()
}

struct Scene {
    env: Env,
    _server: Server,
    scenarios: Vec<Scenario>,
    /// How long each command takes without being killed.
    took: Vec<Duration>,
}

impl Scene {
    fn new() -> Self {
        let env = Env::new();
        let document = r#"{"openapi":"3.0.3","info":{"title":"x","version":"1"},"servers":[{"url":"https://x.example"}],
            "paths":{"/x":{"get":{"operationId":"x","responses":{"200":{"description":"ok"}}}}}}"#;
        fs::write(env.home().join("api.json"), document).unwrap();
        fs::write(env.home().join("key"), "secret").unwrap();
        let server = Server::start(&env, &["--latency", "5ms"]);
        let scenarios = scenarios(&FakeMcpServer::start(&["echo"]).endpoint());
        let mut scene = Self { env, _server: server, scenarios, took: Vec::new() };
        for scenario in &scene.scenarios {
            scene.prepare(scenario);
            let begin = Instant::now();
            scene.ok(&scenario.killed);
            scene.took.push(begin.elapsed());
            scene.clean("nothing");
        }
        scene
    }

    #[track_caller]
    fn ok(&self, words: &[String]) {
        self.env.ok(&args(words));
    }

    fn prepare(&self, scenario: &Scenario) {
        scenario.before.iter().for_each(|words| self.ok(words));
    }

    #[track_caller]
    fn clean(&self, after: &str) {
        let run = self.env.run(&["--local", "cleanup", "g", "-y", "--settle", "1"]);
        assert!(run.code == 0 && self.env.is_empty(), "after {after}: {run:?}\n{:#}", self.env.state());
    }

    /// Kills a command after a while.
    fn kill(&self, scenario: &Scenario, after: Duration) {
        let mut command = self.env.command(&args(&scenario.killed));
        let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        while begin.elapsed() < after && running.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        drop(running.kill());
        running.wait().unwrap();
    }
}

#[test]
fn after_a_sigkill_anywhere_there_is_one_of_everything_or_nothing() {
    let kills = number("AGENTCORE_GW_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    let now = u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap();
    let seed = number("AGENTCORE_GW_KILLS_SEED").unwrap_or(now);
    let mut random = Random(seed);
    let scene = Scene::new();
    for kill in 0..kills {
        let which = kill % scene.scenarios.len();
        let (scenario, took) = (&scene.scenarios[which], scene.took[which]);
        scene.prepare(scenario);
        let after = took.mul_f64(random.next() * 1.1);
        scene.kill(scenario, after);
        let story = format!("seed {seed}, kill {kill}: {} after {after:?}", scenario.killed.join(" "));
        // Half of the users continue, the other half clean up.
        if random.next() < 0.5 {
            scene.ok(&scenario.killed);
            let status = scene.env.run(&["--local", "status", "g", "-o", "json"]);
            let expected = if scenario.killed[0] == "cleanup" { 5 } else { 0 };
            assert_eq!(status.code, expected, "after {story}: {status:?}");
        }
        scene.clean(&story);
    }
}
