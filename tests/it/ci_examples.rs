//! The examples for CI work: the shell script, what the workflows run, and the pytest fixture.

use std::{
    fs,
    path::{Path, PathBuf},
};

use agentcore_gw::model::document::Document;
use serde_json::Value;

use crate::support::env::{Env, Run, in_home, python};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci")
}

fn shell(env: &Env, script: &str) -> Run {
    Run::of(in_home(env, "sh").args(["-euc", script]).output().unwrap())
}

#[test]
fn the_shell_script_leaves_nothing_also_when_its_tests_fail() {
    let env = Env::new();
    let script = fs::read_to_string(examples().join("gateway.sh")).unwrap();
    let run = shell(&env, &script);
    assert_eq!((run.code, run.stdout.as_str()), (0, "the tool answered\n"), "{}", run.stderr);
    assert!(env.is_empty(), "{:#}", env.state());
    let failing = script.replace("*Seattle*)", "*Atlantis*)");
    assert_ne!(failing, script);
    let run = shell(&env, &failing);
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("unexpected: ") && env.is_empty(), "{:#}", env.state());
}

/// The lines that a step or a job runs.
fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.lines().map(str::to_owned).collect(),
        Value::Array(all) => all.iter().flat_map(lines).collect(),
        _ => Vec::new(),
    }
}

fn workflow(file: &str) -> Value {
    Document::parse(&fs::read_to_string(examples().join(file)).unwrap()).unwrap().into_value()
}

/// Runs the lines of a job, but for what installs the program, and those that follow a failure.
fn run_job(env: &Env, all: Vec<String>) {
    let (install, run): (Vec<String>, Vec<String>) =
        all.into_iter().partition(|line| line.starts_with("cargo install"));
    assert_eq!(install.len(), 1, "{install:?}");
    assert!(run.len() >= 4, "{run:?}");
    let run = shell(env, &run.join("\n"));
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("Seattle"), "{}", run.stdout);
    assert!(env.is_empty(), "{:#}", env.state());
}

#[test]
fn the_workflow_for_github_runs() {
    let jobs = &workflow("github.yml")["jobs"];
    let steps = |job: &str| -> Vec<String> {
        jobs[job]["steps"].as_array().unwrap().iter().flat_map(|step| lines(&step["run"])).collect()
    };
    let env = Env::new();
    run_job(&env, steps("local"));
    // On AWS, the same but for the name, and for the local AWS, which nobody has to stop.
    let there: Vec<String> = steps("aws").iter().map(|line| line.replace("\"$NAME\"", "weather")).collect();
    let here: Vec<String> = steps("local").iter().map(|line| line.replace(" --local", "")).collect();
    assert_eq!(there, here[..here.len() - 1]);
    for job in ["local", "aws"] {
        let last = jobs[job]["steps"].as_array().unwrap().last().unwrap();
        assert_eq!(last["if"], "always()", "{job}: also after a failure");
    }
}

#[test]
fn the_job_for_gitlab_runs() {
    let job = &workflow("gitlab.yml")["gateway"];
    run_job(
        &Env::new(),
        ["before_script", "script", "after_script"].into_iter().flat_map(|part| lines(&job[part])).collect(),
    );
}

#[test]
fn the_fixture_for_pytest_makes_a_gateway_and_deletes_it() {
    let env = Env::new();
    for file in ["conftest.py", "test_weather.py"] {
        fs::copy(examples().join(file), env.home().join(file)).unwrap();
    }
    let pytest = |env: &Env| {
        Run::of(in_home(env, python("pytest")).args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).output().unwrap())
    };
    let run = pytest(&env);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("1 passed"), "{}", run.stdout);
    assert!(env.is_empty(), "{:#}", env.state());
    fs::write(env.home().join("test_weather.py"), "def test_it(gateway): assert gateway.call('nobody')\n").unwrap();
    let run = pytest(&env);
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    assert!(env.is_empty(), "also after a failure: {:#}", env.state());
}
