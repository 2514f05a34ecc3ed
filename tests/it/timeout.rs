//! `--timeout` ends every command in time, and reports what exists.

use std::time::Duration;

use agentcore_gw::local::Faults;
use tokio::time::Instant;

use crate::support::world::World;

const LATE: Duration = Duration::from_secs(1);

fn slow(latency: Duration) -> World {
    World::with_faults(Faults::new(latency, Duration::ZERO, Vec::new()))
}

/// With and without responses to the calls: both end within a second.
#[tokio::test(start_paused = true)]
async fn a_command_ends_within_a_second_of_its_time_and_says_how_to_go_on() {
    for latency in [Duration::from_millis(450), Duration::from_millis(900), Duration::from_secs(50)] {
        for seconds in [1, 2, 3] {
            let world = slow(latency);
            let (begin, time) = (Instant::now(), Duration::from_secs(seconds));
            let timeout = seconds.to_string();
            let args = ["create", "g", "--sample", "--tag", "a=b", "--timeout", &timeout, "-o", "json"];
            let ended = world.run(&args).await.expect(6).json();
            let took = begin.elapsed();
            assert!(took >= time && took < time + LATE, "{latency:?} {seconds}: {took:?}");
            let error = &ended["error"];
            assert_eq!(error["code"], "timed_out");
            let message = error["message"].as_str().unwrap();
            let said: f64 = message.split("(after ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
            assert!((said - took.as_secs_f64()).abs() <= 0.051, "{took:?}: {message}");
            let again = format!("create g --sample --tag a=b --timeout {seconds} -o json` again");
            assert!(error["hint"].as_str().unwrap().contains(&again), "{ended:#}");
            let made = world.census().values().sum::<usize>() > 0;
            assert!(made || !error["causes"].to_string().contains("exists now"), "{ended:#}");
            if latency < Duration::from_secs(1) && seconds == 3 {
                assert!(error["causes"].to_string().contains("exists now: execution role"), "{ended:#}");
            }
            // Everything that was created is kept, and found again.
            let world = world.slow(&world.moment(), Duration::ZERO);
            world.run(&["cleanup", "g", "-y"]).await.expect(0);
            assert!(world.is_empty(), "{:?}", world.census());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_command_keeps_to_its_time() {
    let world = World::new(Duration::ZERO);
    world.run(&["create", "g", "--sample"]).await.expect(0);
    let whole = world.moment();
    for args in [
        &["list"][..],
        &["get", "g"],
        &["status", "g"],
        &["credentials", "g"],
        &["token", "g"],
        &["target", "list", "--gateway", "g"],
        &["target", "add", "lambda", "second", "--gateway", "g"],
        &["target", "remove", "weather-tool", "--gateway", "g"],
        &["cleanup", "g", "-y"],
        &["cleanup", "--all", "-y"],
    ] {
        let world = world.slow(&whole, Duration::from_secs(20));
        let begin = Instant::now();
        let ended = world.run(&[args, &["--timeout", "5", "-o", "json"]].concat()).await;
        let took = begin.elapsed();
        assert_eq!(ended.code, 6, "{args:?}: {}{}", ended.stdout, ended.stderr);
        assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(5) + LATE, "{args:?}: {took:?}");
        let hint = ended.json()["error"]["hint"].as_str().unwrap().to_owned();
        let changes = ["add", "remove", "cleanup"].iter().any(|verb| args.contains(verb));
        assert_eq!(hint.contains("run `"), changes, "{args:?}: {hint}");
        assert_eq!(hint.contains("a longer `--timeout`"), !changes, "{args:?}: {hint}");
    }
}

/// A wait reports what it waited for.
#[tokio::test(start_paused = true)]
async fn a_wait_that_is_cut_short_says_what_it_waited_for() {
    let world = World::new(Duration::from_mins(30));
    let ended = world.run(&["create", "g", "--sample", "--timeout", "30"]).await.expect(6);
    let waits = [
        "IAM has not spread the new role yet",
        "the user pool does not serve its OpenID document yet",
        "the user pool domain is not ACTIVE yet",
    ];
    let said = |wait: &&&str| ended.stderr.contains(&format!("timed out: {wait} (after 30.0 s)"));
    assert_eq!(waits.iter().filter(said).count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("exists now: execution role"), "{}", ended.stderr);
}
