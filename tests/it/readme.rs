//! Runs README's blocks in order, in a shell, from an empty HOME.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{fake_api::FakeApi, fake_mcp_server::FakeMcpServer};
use crate::{
    docs::{commands, readme},
    support::env::{Env, Run, path},
};

/// The API that `examples/openweathermap.yaml` describes, and the MCP server that README assumes to be the
/// reader's.
const API: &str = "https://api.openweathermap.org/data/2.5";
const MCP_SERVER: &str = "http://127.0.0.1:3001";

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
    let program = Path::new(env!("CARGO_BIN_EXE_agentcore-gw")).parent().unwrap();
    let mut paths = vec![program.to_owned()];
    paths.extend(std::env::split_paths(&path()));
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env_clear().env("HOME", env.home()).env("AGENTCORE_GW_LOCAL_PORT", "0");
    shell.env("PATH", std::env::join_paths(paths).unwrap()).current_dir(env.home()).stdin(Stdio::null());
    let run = Run::of(shell.output().unwrap());
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let asked = api.taken();
    assert!(asked.iter().any(|asked| asked.uri == "/v1/weather?q=Seattle&appid=your-key"), "{asked:?}");
    assert!(server.methods().contains(&"tools/list".to_owned()));
    assert!(env.is_empty(), "the last line cleans up: {:#}", env.state());
}
