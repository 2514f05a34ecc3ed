//! How many AWS calls follow one another in each command, and how many there are.

use std::{collections::BTreeSet, fmt::Write as _, path::Path, time::Duration};

use agentcore_gw::{config::Env, local::Faults};
use tokio::time::Instant;

use crate::support::world::{Outcome, THEIR_FUNCTION, World};

/// How long each AWS call takes.
const LATENCY: Duration = Duration::from_millis(80);

/// A command, and the most that it may need when nothing is refused.
struct Limit<'a> {
    args: &'a [&'a str],
    /// Calls that follow one another.
    levels: u32,
    calls: usize,
}

/// A token request or an OpenID document, neither of which is a call of an AWS API; nor is one to the gateway.
fn is_apart(call: &str) -> bool {
    ["/oauth2/token", "/.well-known/openid-configuration", "/mcp"].iter().any(|path| call.ends_with(path))
}

/// Whether a call only reads.
fn reads(call: &str) -> bool {
    ["GET ", "POST Get", "POST List", "POST Describe", "POST /identities/Get", "POST /identities/List"]
        .iter()
        .any(|begin| call.starts_with(begin))
}

/// The reads of a run that it had made already, with nothing written in between. What an update replaces as a whole is
/// read again right before it, as another run may have changed it.
fn asked_twice(outcome: &Outcome) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let mut twice = Vec::new();
    let calls: Vec<_> = outcome.calls.iter().zip(&outcome.traces).filter(|(call, _)| !is_apart(call)).collect();
    for (place, (call, trace)) in calls.iter().enumerate() {
        let next = calls.get(place + 1).map(|(next, _)| next.as_str());
        let is_replaced = next.is_some_and(|next| next.strip_prefix("PUT ") == call.strip_prefix("GET "));
        if !reads(call) {
            seen.clear();
        } else if !seen.insert(&trace.request) && !is_replaced {
            twice.push(call.as_str());
        }
    }
    twice
}

/// Each call with when it began and ended, in units of the latency.
fn chain(outcome: &Outcome, begin: Instant) -> String {
    let mut chain = String::new();
    let level = |at: Instant| (at - begin).as_secs_f64() / LATENCY.as_secs_f64();
    for (call, trace) in outcome.calls.iter().zip(&outcome.traces) {
        let _ = writeln!(chain, "  {:>5.2} {:>5.2}  {call}", level(trace.begin), level(trace.end));
    }
    chain
}

/// Runs a command, and says where it needs more than its limit.
async fn check(world: &World, limit: &Limit<'_>) -> Option<String> {
    let begin = Instant::now();
    let outcome = world.run(limit.args).await;
    let took = begin.elapsed();
    assert_eq!(outcome.code, 0, "{:?}\n{}", limit.args, outcome.stderr);
    let calls = outcome.calls.iter().filter(|call| !is_apart(call)).count();
    let twice = asked_twice(&outcome);
    // Waits that are not calls count, too: the clock is virtual.
    let is_within = took <= LATENCY * limit.levels && calls <= limit.calls && twice.is_empty();
    let levels = took.as_secs_f64() / LATENCY.as_secs_f64();
    let found = format!(
        "{}: {levels:.2} levels of {}, {calls} calls of {}, asked twice: {twice:?}\n{}",
        limit.args.join(" "),
        limit.levels,
        limit.calls,
        chain(&outcome, begin)
    );
    (!is_within).then_some(found)
}

fn file(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

const SPEC: &str = r#"{"openapi": "3.0.0", "info": {"title": "t", "version": "1"},
    "servers": [{"url": "https://api.example.com"}],
    "paths": {"/a": {"get": {"operationId": "getA", "responses": {"200": {"description": "ok"}}}}}}"#;
const TOOLS: &str = r#"[{"name": "t", "description": "d", "inputSchema": {"type": "object"}}]"#;

/// The life of one stack, with a target of each of three kinds beside the sample.
#[tokio::test(start_paused = true)]
async fn no_command_makes_more_calls_after_one_another_than_it_has_to() {
    let world = World::with_faults(Faults::new(LATENCY, Duration::ZERO, Vec::new())).with_their_functions();
    let world = world.with_env(Env::only([("KEY", "secret")]));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (spec, tools) = (file(folder.path(), "spec.json", SPEC), file(folder.path(), "tools.json", TOOLS));
    let key = ["--api-key-env", "KEY", "--api-key-query", "appid"];
    let add_api = [&["target", "add", "openapi", "api", "--gateway", "g", "--spec", &spec], &key[..]].concat();
    let add_lambda =
        ["target", "add", "lambda", "l", "--gateway", "g", "--lambda-arn", THEIR_FUNCTION, "--tools", &tools];
    let limit = |args, levels, calls| Limit { args, levels, calls };
    let limits = [
        limit(&["create", "g", "--sample"], 9, 35),
        limit(&["create", "g", "--sample"], 3, 19),
        limit(&add_api, 7, 25),
        limit(&add_api, 4, 21),
        limit(&add_lambda, 7, 24),
        limit(&["target", "add", "smithy", "s", "--gateway", "g"], 7, 27),
        limit(&["target", "update", "s", "--gateway", "g", "--description", "other"], 6, 28),
        limit(&["target", "update", "api", "--gateway", "g", "--api-key-env", "KEY", "--api-key-query", "id"], 7, 29),
        limit(&["update", "g", "--description", "x"], 6, 28),
        limit(&["status", "g"], 4, 26),
        limit(&["credentials", "g"], 3, 25),
        limit(&["token", "g"], 3, 25),
        limit(&["get", "g"], 3, 25),
        limit(&["list"], 2, 3),
        limit(&["list", "--no-maker"], 1, 1),
        limit(&["target", "list", "--gateway", "g"], 3, 25),
        limit(&["target", "get", "api", "--gateway", "g"], 3, 25),
        limit(&["tools", "list", "g"], 3, 25),
        limit(&["doctor", "g"], 5, 33),
        limit(&["export", "g"], 5, 28),
        limit(&["client-config", "g", "--client", "curl"], 3, 25),
        limit(&["client", "add", "g", "c"], 10, 35),
        limit(&["client", "list", "g"], 5, 29),
        limit(&["target", "remove", "s", "--gateway", "g", "-y"], 7, 30),
        limit(&["target", "remove", "api", "--gateway", "g", "-y"], 7, 27),
        limit(&add_api, 7, 28),
        limit(&["cleanup", "g", "-y"], 10, 58),
        limit(&["cleanup", "g", "-y"], 2, 17),
    ];
    let mut over = Vec::new();
    for limit in &limits {
        over.extend(check(&world, limit).await);
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}
