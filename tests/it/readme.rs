//! Runs README's blocks in order, in a shell, from an empty HOME.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

use crate::support::{fake_api::FakeApi, fake_mcp_server::FakeMcpServer};
use crate::{
    docs::{commands, readme},
    support::env::{Env, Run, in_home},
};

/// The API that `examples/openweathermap.yaml` describes, and the MCP server that README assumes to be the
/// reader's.
const API: &str = "https://api.openweathermap.org/data/2.5";
const MCP_SERVER: &str = "http://127.0.0.1:3001";

fn shell(env: &Env, script: &str) -> Command {
    let mut shell = in_home(env, "sh");
    shell.args(["-c", script]);
    shell
}

#[test]
fn the_blocks_of_the_readme_run_in_the_order_printed() {
    let env = Env::new();
    let (api, server) = (FakeApi::start(), FakeMcpServer::start(&["echo"]));
    let examples = env.home().join("examples");
    fs::create_dir(&examples).unwrap();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            fs::copy(entry.path(), examples.join(entry.file_name())).unwrap();
        }
    }
    let lines = commands(&readme());
    let sent: Vec<&String> = lines.iter().filter(|line| !line.starts_with("cargo ")).collect();
    assert!(sent.len() >= 17 && lines.len() - sent.len() <= 4, "{lines:#?}");
    let mut script = "set -e\n".to_owned();
    for line in sent {
        script.push_str(&format!("echo; echo '$ {}'\n", line.replace('\'', r"'\''")));
        script.push_str(&line.replace(&format!("{MCP_SERVER}/mcp"), &server.endpoint()));
        script.push('\n');
        // It is validated unchanged, and added with the fake API's address.
        if line.contains("validate openapi") {
            let edit = format!("s#{API}#{}/v1#", api.origin);
            script.push_str(&format!("sed -i.before '{edit}' examples/openweathermap.yaml\n"));
        }
    }
    let run = Run::of(shell(&env, &script).output().unwrap());
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let asked = api.taken();
    assert!(asked.iter().any(|asked| asked.uri == "/v1/weather?q=Seattle&appid=your-key"), "{asked:?}");
    assert!(server.methods().contains(&"tools/list".to_owned()));
    assert!(env.is_empty(), "the last line cleans up: {:#}", env.state());
}

/// Text without what differs from run to run: ids, secrets, ports and times.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_id = bare.len() >= 20 || bare.len() == 10 && masked.ends_with("weather-");
        let is_number = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit());
        masked.push_str(if is_id || is_number { "…" } else { bare });
        masked.push_str(&word[bare.len()..]);
    }
    masked
}

#[test]
fn the_session_that_the_readme_shows_is_what_the_program_prints() {
    let readme = readme();
    let session = readme.split("```text\n$ agentcore-gw").nth(1).unwrap().split("```").next().unwrap();
    let session = format!("$ agentcore-gw{session}");
    let lines = session.lines().filter_map(|line| line.strip_prefix("$ "));
    let script = lines.map(|line| format!("echo '$ {}'\n{line}\n", line.replace('\'', r"'\''"))).collect::<String>();
    assert!(script.lines().count() >= 6, "{script}");
    let env = Env::new();
    let run = Run::of(shell(&env, &format!("set -e\n{script}")).output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(masked(&run.stdout), masked(&session));
}

/// The cells of the README's table with this head, in rows.
fn table(readme: &str, head: &str) -> Vec<Vec<String>> {
    let rows = readme.split(head).nth(1).unwrap().lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands in backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The commands among these, without those of which only a flag stands there.
fn whole(cell: &str) -> Vec<String> {
    let flags = |text: &String| !text.starts_with("--");
    quoted(cell).into_iter().filter(flags).collect()
}

#[test]
fn the_blocks_of_awss_quick_start_have_commands_that_run() {
    let env = Env::new();
    let api = FakeApi::start();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/openweathermap.yaml");
    let document = fs::read_to_string(examples).unwrap().replace(API, &format!("{}/v1", api.origin));
    fs::create_dir(env.home().join("examples")).unwrap();
    fs::write(env.home().join("examples/openweathermap.yaml"), document).unwrap();
    let rows = table(&readme(), "| quick start | agentcore-gw |\n");
    assert!(rows.len() >= 14, "{rows:?}");
    let commands = rows.iter().flat_map(|row| whole(&row[1]));
    let mut script = "set -e\nexport OPENWEATHER_KEY=key\n".to_owned();
    for command in commands {
        script.push_str(&format!("echo '$ {}'\nagentcore-gw --local {command}\n", command.replace('\'', r"'\''")));
    }
    let run = Run::of(shell(&env, &script).output().unwrap());
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    assert!(run.stdout.matches("\n$ ").count() >= 15, "{}", run.stdout);
    assert!(env.is_empty(), "the last one cleans up: {:#}", env.state());
}

#[test]
fn the_commands_for_those_who_come_from_the_toolkit_parse() {
    let rows = table(&readme(), "| `agentcore gateway …` | agentcore-gw |\n");
    let commands: Vec<String> = rows.iter().flat_map(|row| whole(&row[1])).collect();
    assert!(commands.len() >= 10, "{commands:?}");
    let arn = "arn:aws:lambda:us-west-2:123456789012:function:x";
    for command in commands {
        let words: Vec<&str> = command.split(' ').map(|word| if word == "ARN" { arn } else { word }).collect();
        let parsed = agentcore_gw::cli::App::parse_args([&["agentcore-gw"][..], &words].concat());
        assert!(parsed.is_ok(), "{command}: {}", parsed.unwrap_err());
    }
}

#[test]
fn the_messages_that_the_readme_explains_are_the_programs() {
    fn sources(folder: &Path, found: &mut String) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() { sources(&path, found) } else { found.push_str(&fs::read_to_string(path).unwrap()) }
        }
    }
    let mut source = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut source);
    let rows = table(&readme(), "| message | what to do |\n");
    let messages: Vec<String> = rows.iter().flat_map(|row| quoted(&row[0])).filter(|text| text != "cleanup").collect();
    assert!(messages.len() >= 6, "{messages:?}");
    for message in messages {
        let parts = message.split('…').map(|part| part.trim_matches([' ', '`']));
        for part in parts {
            assert!(source.contains(part), "{part:?}");
        }
    }
}

/// Members of a report, at all levels, but for those of AWS's and MCP's own documents.
fn members(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                found.insert(name.clone());
                if !["inputSchema", "policy", "before", "after"].contains(&name.as_str()) {
                    members(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, found)),
        _ => {}
    }
}

#[test]
fn every_member_of_a_report_is_named_in_the_readme() {
    let readme = readme();
    let section = readme.split("\n## For scripts\n").nth(1).unwrap().split("\n## ").next().unwrap();
    // Members stand in quotation marks, a few in backquotes.
    let words: BTreeSet<&str> = section.split(['"', '`']).collect();
    let env = Env::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let api = root.join("examples/openweathermap.yaml").display().to_string();
    env.ok(&["--local", "create", "g"]);
    let mut unnamed = Vec::new();
    for command in [
        "create g --sample",
        "credentials g",
        "token g",
        "status g",
        "doctor g",
        "tools list g",
        "logs g --bodies",
        "validate openapi API",
        "target add openapi w --gateway g --spec API --api-key-env KEY --api-key-query appid",
        "target update w --gateway g --description D",
        "client add g reader",
        "client list g",
        "client rotate g reader",
        "client rotate g reader --finish",
        "client remove g reader",
        "client-config g --client cursor --write",
        "client-config g --client curl",
        "update g --description D",
        "update g --description E --dry-run",
        "init agent --gateway g",
        "target remove w --gateway g",
        "delete g --dry-run",
        "cleanup g --dry-run",
        "cleanup g -y",
        "local status",
        "completions bash",
        "create other --dry-run",
        "get none",
    ] {
        let command = command.replace("API", &api);
        let args: Vec<&str> = command.split(' ').collect();
        let run = env.command(&[&["--local"], &args[..], &["-o", "json"]].concat()).env("KEY", "k").output().unwrap();
        let mut found = BTreeSet::new();
        members(&Run::of(run).json(), &mut found);
        assert!(!found.is_empty(), "{command}");
        found.retain(|member| !words.contains(member.as_str()));
        unnamed.extend(found.iter().map(|member| format!("{command}: {member}")));
    }
    assert!(unnamed.is_empty(), "{unnamed:#?}");
}
