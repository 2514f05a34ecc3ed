//! `client-config`: each client's configuration is one that the client takes, and leads to the gateway.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::env::{Env, Run, node_peers, path, python};

const WITH_FILE: [&str; 5] = ["claude-code", "claude-desktop", "cursor", "vscode", "kiro"];

/// Where each client looks for a project's servers, and the member that has them.
const PROJECT_FILES: [(&str, &str, &str); 4] = [
    ("claude-code", ".mcp.json", "mcpServers"),
    ("cursor", ".cursor/mcp.json", "mcpServers"),
    ("vscode", ".vscode/mcp.json", "servers"),
    ("kiro", ".kiro/settings/mcp.json", "mcpServers"),
];

fn with_gateway() -> Env {
    let env = Env::new();
    env.ok(&["--local", "create", "weather-gateway", "--sample", "--no-observability"]);
    env
}

/// The arguments for a client of the gateway.
fn args<'a>(client: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
    [&["--local", "client-config", "weather-gateway", "--client", client], flags].concat()
}

/// What Claude Code prints, in this HOME and project.
fn claude(env: &Env, args: &[&str]) -> Run {
    Run::of(claude_command(env).args(args).output().unwrap())
}

fn claude_command(env: &Env) -> Command {
    let (node, packages) = node_peers();
    let mut command = Command::new(node);
    command.arg(packages.join("node_modules/@anthropic-ai/claude-code/cli-wrapper.cjs"));
    command.env_clear().env("PATH", path()).env("HOME", env.home()).current_dir(env.home()).stdin(Stdio::null());
    command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1").env("DISABLE_AUTOUPDATER", "1");
    command
}

/// Answers Claude Code's questions whether this HOME's project and its servers are trusted.
fn trust(env: &Env) {
    fs::create_dir_all(env.home().join(".claude")).unwrap();
    fs::write(env.home().join(".claude/settings.json"), r#"{"enableAllProjectMcpServers": true}"#).unwrap();
    let folder = env.home().canonicalize().unwrap();
    let projects = json!({ "projects": { folder.to_str().unwrap(): { "hasTrustDialogAccepted": true } } });
    fs::write(env.home().join(".claude.json"), projects.to_string()).unwrap();
}

#[test]
fn claude_code_connects_by_its_project_file_in_both_forms() {
    let env = with_gateway();
    trust(&env);
    for flags in [&["--write"][..], &["--write", "--http"]] {
        env.ok(&args("claude-code", flags));
        let listed = claude(&env, &["mcp", "list"]);
        assert!(listed.stdout.contains("weather-gateway: ") && listed.stdout.contains("✔ Connected"), "{listed:?}");
        assert!(!listed.stdout.contains("diagnostics"), "{listed:?}");
    }
    // The helper's command is what makes it connect.
    let file = env.home().join(".mcp.json");
    let broken = fs::read_to_string(&file).unwrap().replace(" token weather-gateway", " token no-gateway");
    fs::write(&file, broken).unwrap();
    let listed = claude(&env, &["mcp", "list"]);
    assert!(!listed.stdout.contains("✔ Connected"), "{listed:?}");
    env.ok(&args("claude-code", &["--remove"]));
    let listed = claude(&env, &["mcp", "list"]);
    assert!(listed.stdout.contains("No MCP servers configured"), "{listed:?}");
}

#[test]
fn claude_code_adds_it_to_the_users_own_by_the_printed_line() {
    let env = with_gateway();
    let bin = env.home().join("bin");
    fs::create_dir(&bin).unwrap();
    let wrapper = claude_command(&env);
    let words: Vec<&str> =
        [wrapper.get_program()].into_iter().chain(wrapper.get_args()).map(|word| word.to_str().unwrap()).collect();
    fs::write(bin.join("claude"), format!("#!/bin/sh\nexec '{}' \"$@\"\n", words.join("' '"))).unwrap();
    fs::set_permissions(bin.join("claude"), fs::Permissions::from_mode(0o755)).unwrap();
    let shell = |line: &str| {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(line).env_clear().env("HOME", env.home()).current_dir(env.home());
        let run = Run::of(command.env("PATH", format!("{}:{}", bin.display(), path().display())).output().unwrap());
        assert_eq!(run.code, 0, "{line}\n{run:?}");
    };
    for (flags, form) in [(&["--user"][..], "stdio"), (&["--user", "--http", "--write"], "http")] {
        let line = env.ok(&args("claude-code", flags)).stdout;
        assert!(line.starts_with("claude mcp add"), "{line}");
        shell(&line);
        let shown = claude(&env, &["mcp", "get", "weather-gateway"]).stdout;
        assert!(shown.contains("Scope: User config") && shown.contains(&format!("Type: {form}")), "{shown}");
        assert!(shown.contains("✔ Connected"), "{shown}");
        shell(&env.ok(&args("claude-code", &["--user", "--remove"])).stdout);
        assert_ne!(claude(&env, &["mcp", "get", "weather-gateway"]).code, 0);
    }
}

/// The file, with what the client puts in place of its references to a token.
fn with_token(document: &Value, token: &str) -> Value {
    let mut text = document.to_string();
    for reference in ["${AGENTCORE_GATEWAY_TOKEN}", "${env:AGENTCORE_GATEWAY_TOKEN}", "${input:weather-gateway-token}"]
    {
        text = text.replace(reference, token);
    }
    assert!(!text.contains("${"), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_configuration_fits_what_the_client_publishes_and_leads_to_the_gateway() {
    let env = with_gateway();
    let (node, packages) = node_peers();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/client_configs.py");
    let token = env.ok(&["--local", "token", "weather-gateway"]).stdout.trim().to_owned();
    for client in WITH_FILE {
        for flags in [&[][..], &["--http"]] {
            if client == "claude-code" || (client, flags) == ("claude-desktop", &["--http"]) {
                continue;
            }
            let printed = env.ok(&args(client, flags)).stdout;
            let file = env.home().join("printed.json");
            fs::write(&file, &printed).unwrap();
            let mut check = Command::new(python("jsonschema"));
            let checked = Run::of(check.arg("-B").arg(&script).arg(client).arg(&file).output().unwrap());
            assert_eq!(checked.code, 0, "{client} {flags:?}: {printed}{checked:?}");
            // The Inspector starts it as these clients do, by their own form of the file.
            let document = with_token(&serde_json::from_str(&printed).unwrap(), &token);
            let servers = document.get("servers").or(document.get("mcpServers")).unwrap();
            let mut servers = json!({ "mcpServers": servers });
            let server = &mut servers["mcpServers"]["weather-gateway"];
            if server["url"].is_string() {
                server["type"] = json!("http");
            }
            fs::write(&file, servers.to_string()).unwrap();
            let mut command = Command::new(&node);
            command.arg(packages.join("node_modules/.bin/mcp-inspector")).args(["--cli", "--config"]).arg(&file);
            command.args(["--server", "weather-gateway", "-q", "--format", "json", "--method", "tools/list"]);
            let run = Run::of(command.env_clear().env("PATH", path()).env("HOME", env.home()).output().unwrap());
            assert_eq!(run.code, 0, "{client} {flags:?}: {printed}{run:?}");
            assert_eq!(run.json()["result"]["tools"].as_array().unwrap().len(), 3, "{run:?}");
        }
    }
}

#[test]
fn curl_gets_its_token_by_a_pipe() {
    let env = with_gateway();
    let bin = env.home().join("bin");
    fs::create_dir(&bin).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/curl.py");
    fs::write(bin.join("curl"), format!("#!/bin/sh\nexec python3 -B '{}' \"$@\"\n", script.display())).unwrap();
    fs::set_permissions(bin.join("curl"), fs::Permissions::from_mode(0o755)).unwrap();
    let log = env.home().join("curl.log");
    // The arguments, the standard input and the answer of the curl in this line.
    let run = |line: &str, variables: &[(&str, &str)]| -> (Vec<String>, String, Run) {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(line).env_clear().env("HOME", env.home()).env("CURL_LOG", &log).stdin(Stdio::null());
        command.env("PATH", format!("{}:{}", bin.display(), path().display())).envs(variables.iter().copied());
        let run = Run::of(command.output().unwrap());
        let logged = fs::read_to_string(&log).unwrap_or_else(|error| panic!("{error}: {run:?}"));
        let (args, piped) = logged.trim().split_once('\n').unwrap();
        (serde_json::from_str(args).unwrap(), serde_json::from_str(piped).unwrap(), run)
    };
    let line = env.ok(&args("curl", &[])).stdout;
    let (args, piped, answered) = run(&line, &[]);
    let token = piped.strip_prefix("Authorization: Bearer ").unwrap().trim();
    assert!(token.starts_with("eyJ") && !args.iter().any(|arg| arg.contains(token)), "{args:?}");
    assert_eq!(answered.json()["result"]["tools"].as_array().unwrap().len(), 3, "{answered:?}");
    // Keys go the same way.
    env.ok(&["--local", "create", "signed", "--authorizer", "iam", "--no-observability"]);
    let line = env.ok(&["--local", "client-config", "signed", "--client", "curl", "-o", "json"]).json();
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret/key"),
        ("AWS_SESSION_TOKEN", "session"),
    ];
    let line = format!("set -u; {}", line["command"].as_str().unwrap());
    let (args, piped, _) = run(&line, &keys);
    assert_eq!(piped, "user = \"AKIDEXAMPLE:secret/key\"\nheader = \"x-amz-security-token: session\"\n");
    // Keys of a user have no session token.
    assert_eq!(run(&line, &keys[..2]).1, "user = \"AKIDEXAMPLE:secret/key\"\n\n");
    assert!(
        args.ends_with(&["--aws-sigv4", "aws:amz:us-west-2:bedrock-agentcore", "--config", "-"].map(str::to_owned))
    );
    let ignored = env.run(&["--local", "client-config", "signed", "--client", "curl", "--token-command", "x"]);
    assert_eq!(ignored.code, 2, "{ignored:?}");
    // A command may have what would end the line.
    let commented =
        ["--local", "client-config", "weather-gateway", "--client", "curl", "--token-command", "echo \"a b\" # token"];
    assert_eq!(run(&env.ok(&commented).stdout, &[]).1, "Authorization: Bearer a b\n");
    // A gateway that is open wants nothing.
    env.ok(&["--local", "create", "open", "--authorizer", "none", "--no-observability", "--yes"]);
    let line = env.ok(&["--local", "client-config", "open", "--client", "curl"]).stdout;
    assert_eq!(run(&line, &[]).2.json()["result"]["tools"][0]["name"], "x_amz_bedrock_agentcore_search");
}

#[test]
fn no_form_has_a_secret() {
    let env = with_gateway();
    let known = env.ok(&["--local", "credentials", "weather-gateway", "-o", "json"]).json();
    let key = env.ok(&["local", "env", "-o", "json"]).json();
    let secrets =
        [&known["clientInfo"]["clientSecret"], &key["AWS_SECRET_ACCESS_KEY"]].map(|it| it.as_str().unwrap().to_owned());
    for client in WITH_FILE.into_iter().chain(["curl"]) {
        for flags in [&[][..], &["--http"], &["-o", "json"]] {
            if (client, flags) == ("claude-desktop", &["--http"]) {
                continue;
            }
            let run = env.run(&args(client, flags));
            assert_eq!(run.code, 0, "{run:?}");
            assert!(!secrets.iter().any(|secret| run.stdout.contains(secret) || run.stdout.contains("eyJ")), "{run:?}");
        }
    }
}

#[test]
fn a_projects_file_keeps_what_others_wrote() {
    let env = with_gateway();
    for (client, file, member) in PROJECT_FILES {
        let file = env.home().join(file);
        let written = env.ok(&args(client, &["--write", "-o", "json"])).json();
        assert_eq!(written["change"], "added", "{client}");
        let new: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(new, env.ok(&args(client, &[])).json(), "{client}: the file has what is printed");
        // Claude Code reads no comments.
        let comment = if client == "claude-code" { "" } else { "  // mine\n" };
        let before = format!("{{\n{comment}  \"{member}\": {{\n    \"other\": {{\"command\": \"x\"}}\n  }}\n}}\n");
        fs::write(&file, &before).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        env.ok(&args(client, &["--write"]));
        let after = fs::read_to_string(&file).unwrap();
        assert!(after.contains(comment) && after.contains("\"other\": {\"command\": \"x\"},"), "{after}");
        let kept = (fs::metadata(&file).unwrap().ino(), fs::metadata(&file).unwrap().modified().unwrap());
        assert_eq!(env.ok(&args(client, &["--write", "-o", "json"])).json()["change"], "unchanged");
        assert_eq!((fs::metadata(&file).unwrap().ino(), fs::metadata(&file).unwrap().modified().unwrap()), kept);
        assert_eq!(env.ok(&args(client, &["--remove", "-o", "json"])).json()["change"], "removed");
        assert_eq!(fs::read_to_string(&file).unwrap(), before, "{client}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640, "{client}");
        assert_eq!(env.ok(&args(client, &["--remove", "-o", "json"])).json()["change"], "absent");
        assert_eq!(
            fs::read_dir(file.parent().unwrap())
                .unwrap()
                .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().contains("tmp") })
                .count(),
            0
        );
    }
}

#[test]
fn links_to_the_file_stay_links() {
    let env = with_gateway();
    let (real, other) = (env.home().join("dotfiles.json"), env.home().join("other-name.json"));
    fs::write(&real, "{}").unwrap();
    symlink("dotfiles.json", env.home().join(".mcp.json")).unwrap();
    env.ok(&args("claude-code", &["--write"]));
    assert!(env.home().join(".mcp.json").is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("weather-gateway"));
    fs::hard_link(&real, &other).unwrap();
    env.ok(&args("claude-code", &["--remove"]));
    assert_eq!(fs::read_to_string(&other).unwrap(), fs::read_to_string(&real).unwrap());
    assert_eq!(fs::metadata(&real).unwrap().nlink(), 2);
}

#[test]
fn a_file_that_does_not_parse_and_an_entry_of_others_are_left_alone() {
    let env = with_gateway();
    let file = env.home().join(".mcp.json");
    for broken in ["{", "[]", "{} // c", "{\"mcpServers\": 1}", "{\"mcpServers\": {}, \"mcpServers\": {}}", "{'a': 1}"]
    {
        fs::write(&file, broken).unwrap();
        for flags in [&["--write"][..], &["--write", "--force"], &["--remove"]] {
            let run = env.run(&args("claude-code", flags));
            assert!(run.code == 2 && run.stderr.contains(".mcp.json"), "{broken}: {run:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), broken);
        }
    }
    fs::write(&file, [0xff, 0xfe]).unwrap();
    assert_eq!(env.run(&args("claude-code", &["--write"])).code, 2);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(env.run(&args("claude-code", &["--write"])).code, 2);
    fs::remove_dir(&file).unwrap();
    symlink("nowhere", &file).unwrap();
    let dangling = env.run(&args("claude-code", &["--write"]));
    assert!(dangling.code == 2 && dangling.stderr.contains("a link to a file that is not there"), "{dangling:?}");
    fs::remove_file(&file).unwrap();
    // Whoever opens a pipe waits for its other end.
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    assert_eq!(env.run(&args("claude-code", &["--write"])).code, 2);
    fs::remove_file(&file).unwrap();
    let others = r#"{"mcpServers": {"weather-gateway": {"command": "npx", "args": ["connect"]}}}"#;
    fs::write(&file, others).unwrap();
    for flag in ["--write", "--remove"] {
        let run = env.run(&args("claude-code", &[flag]));
        assert!(run.code == 1 && run.stderr.contains("add `--force`"), "{run:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), others);
    }
    env.ok(&args("claude-code", &["--write", "--server-name", "ours"]));
    assert!(fs::read_to_string(&file).unwrap().contains("npx"));
    let removed = env.ok(&args("claude-code", &["--remove", "--server-name", "ours", "-o", "json"])).json();
    assert_eq!((&removed["server"], &removed["change"]), (&json!("ours"), &json!("removed")));
    // Without its name it is found by the gateway that it leads to, which need not exist any more.
    env.ok(&["--local", "client-config", "weather-gateway", "--client", "kiro", "--write", "--server-name", "ours"]);
    env.ok(&["--local", "cleanup", "weather-gateway", "--yes"]);
    assert_eq!(env.ok(&args("kiro", &["--remove", "-o", "json"])).json()["server"], "ours");
    env.ok(&["--local", "create", "weather-gateway", "--sample", "--no-observability"]);
    env.ok(&args("claude-code", &["--write", "--force"]));
    assert!(!fs::read_to_string(&file).unwrap().contains("npx"));
}

#[test]
fn runs_at_once_all_add_their_entries() {
    let env = with_gateway();
    let names: Vec<String> = (0..8).map(|n| format!("server{n}")).collect();
    let start = |name: &String| {
        let mut command = env.command(&args("cursor", &["--write", "--server-name", name]));
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let runs: Vec<_> = names.iter().map(start).collect();
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    let file: Value = serde_json::from_slice(&fs::read(env.home().join(".cursor/mcp.json")).unwrap()).unwrap();
    assert_eq!(file["mcpServers"].as_object().unwrap().len(), names.len(), "{file}");
}

#[test]
fn a_file_that_cannot_be_written_keeps_its_contents() {
    let env = with_gateway();
    let file = env.home().join(".cursor/mcp.json");
    fs::create_dir(env.home().join(".cursor")).unwrap();
    let before = format!("{{\"mcpServers\": {{}}, \"long\": \"{}\"}}", "x".repeat(2000));
    for links in [1, 2] {
        fs::write(&file, &before).unwrap();
        if links == 2 {
            fs::hard_link(&file, env.home().join("other-name.json")).unwrap();
        }
        // No file may have more than a block.
        let limited = "ulimit -f 1; trap '' XFSZ; exec \"$@\"";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", limited, "sh", env!("CARGO_BIN_EXE_agentcore-gw")]).args(args("cursor", &["--write"]));
        command.env_clear().env("HOME", env.home()).env("PATH", path()).current_dir(env.home());
        let run = Run::of(command.output().unwrap());
        assert!(run.code == 1 && run.stderr.contains("cannot be written"), "{run:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), before, "{links} names");
        assert_eq!(fs::read_dir(env.home().join(".cursor")).unwrap().count(), 1, "{links} names");
    }
}

#[test]
fn what_a_client_would_replace_is_refused() {
    let env = with_gateway();
    let run = env.run(&args("cursor", &["--token-command", "printf %s \"${TOKEN}\""]));
    assert!(run.code == 2 && run.stderr.contains("would replace the `${…}`"), "{run:?}");
    env.ok(&args("cursor", &["--token-command", "printf %s \"$TOKEN\""]));
    let odd = env.home().join("${X}");
    fs::create_dir(&odd).unwrap();
    symlink(env!("CARGO_BIN_EXE_agentcore-gw"), odd.join("agentcore-gw")).unwrap();
    let run_from = |program: &Path, flags: &[&str]| {
        let mut command = Command::new(program);
        command.args(args("claude-code", flags)).env_clear().env("HOME", env.home()).env("PATH", path());
        Run::of(command.current_dir(env.home()).output().unwrap())
    };
    assert_eq!(run_from(&odd.join("agentcore-gw"), &[]).code, 2);
    assert_eq!(run_from(&odd.join("agentcore-gw"), &["--http"]).code, 2);
    // A path is one word in every form, and an entry is known by it.
    let spaced = env.home().join("it's a=b");
    fs::create_dir(&spaced).unwrap();
    let program = spaced.join("gateway tool");
    symlink(env!("CARGO_BIN_EXE_agentcore-gw"), &program).unwrap();
    trust(&env);
    for flags in [&["--write"][..], &["--write"], &["--write", "--http"]] {
        let run = run_from(&program, flags);
        assert_eq!(run.code, 0, "{run:?}");
        let listed = claude(&env, &["mcp", "list"]);
        assert!(listed.stdout.contains("✔ Connected"), "{listed:?}");
    }
    assert_eq!(run_from(&program, &["--remove", "-o", "json"]).json()["change"], "removed");
}

#[test]
fn names_that_claude_code_does_not_take_are_refused() {
    let env = Env::new();
    env.ok(&["--local", "create", "workspace", "--no-observability"]);
    let of = |client: &str, flags: &[&str]| {
        env.run(&[&["--local", "client-config", "workspace", "--client", client], flags].concat())
    };
    let refused = of("claude-code", &["--write"]);
    assert!(refused.code == 2 && refused.stderr.contains("add `--server-name`"), "{refused:?}");
    assert_ne!(claude(&env, &["mcp", "add", "--scope", "user", "workspace", "--", "true"]).code, 0);
    assert_eq!(of("claude-code", &["--server-name", "mine"]).code, 0);
    assert_eq!(of("cursor", &[]).code, 0);
    for name in ["-x", "--help", "a b", "", "__proto__"] {
        assert_eq!(of("cursor", &[&format!("--server-name={name}")]).code, 2, "{name}");
    }
}

#[test]
fn the_users_own_files_are_written_only_on_request() {
    let env = with_gateway();
    let desktop = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
    let files = [
        ("claude-desktop", format!("{desktop}/Claude/claude_desktop_config.json")),
        ("cursor", ".cursor/mcp.json".to_owned()),
        ("vscode", format!("{desktop}/Code/User/mcp.json")),
        ("kiro", ".kiro/settings/mcp.json".to_owned()),
    ];
    // A project of its own, so that the two files differ.
    let project = env.home().join("project");
    fs::create_dir(&project).unwrap();
    for (client, file) in files {
        let run = |flags: &[&str]| Run::of(env.command(&args(client, flags)).current_dir(&project).output().unwrap());
        let file = env.home().join(file);
        drop(run(&["--write"]));
        assert!(!file.exists(), "{client}");
        let written = run(&["--write", "--user"]);
        assert_eq!(written.code, 0, "{written:?}");
        assert!(fs::read_to_string(&file).unwrap().contains("weather-gateway"), "{client}");
        assert_eq!(run(&["--remove", "--user"]).code, 0);
        assert!(!fs::read_to_string(&file).unwrap().contains("weather-gateway"), "{client}");
    }
    let none = env.run(&args("claude-desktop", &["--write"]));
    assert!(none.code == 2 && none.stderr.contains("add `--user`"), "{none:?}");
}

#[test]
fn the_entry_has_the_place_where_the_gateway_is() {
    let env = with_gateway();
    // The same local AWS, reached as another endpoint with a profile.
    let variables = env.ok(&["local", "env", "-o", "json"]).json();
    let text = |name: &str| variables[name].as_str().unwrap().to_owned();
    let profile = format!(
        "[profile work]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        text("AWS_ACCESS_KEY_ID"),
        text("AWS_SECRET_ACCESS_KEY")
    );
    fs::write(env.home().join("aws-config"), profile).unwrap();
    let endpoint = text("AWS_ENDPOINT_URL");
    let entry = |flags: &[&str], variables: &[(&str, &str)]| {
        let args =
            [&["client-config", "weather-gateway", "--client", "kiro", "--endpoint-url", &endpoint], flags].concat();
        let run = Run::of(
            env.command(&args).env("AWS_CONFIG_FILE", "aws-config").envs(variables.iter().copied()).output().unwrap(),
        );
        assert_eq!(run.code, 0, "{run:?}");
        (run.json()["mcpServers"]["weather-gateway"].take(), run.stderr)
    };
    let config = json!(env.home().canonicalize().unwrap().join("aws-config"));
    let (server, said) = entry(&["--region", "us-west-2", "--profile", "work"], &[]);
    let place = ["--region", "us-west-2", "--profile", "work", "--endpoint-url", &endpoint];
    assert_eq!(server["args"], json!([&place[..], &["connect", "weather-gateway"]].concat()));
    assert_eq!((&server["env"]["AWS_CONFIG_FILE"], said.as_str()), (&config, ""));
    // A profile from a variable is one for `connect`, too.
    let (server, _) = entry(&[], &[("AWS_PROFILE", "work"), ("AWS_REGION", "us-west-2")]);
    assert_eq!(server["env"], json!({ "AWS_PROFILE": "work", "AWS_CONFIG_FILE": config }));
    // Keys are not written down, and that is said.
    let (id, secret) = (text("AWS_ACCESS_KEY_ID"), text("AWS_SECRET_ACCESS_KEY"));
    let keys = [("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", &secret), ("AWS_REGION", "us-west-2")];
    let (server, said) = entry(&[], &keys);
    assert!(!server.to_string().contains(&id) && said.contains("warning: the AWS keys in your environment"), "{said}");
    // The program is the one that was called, by its absolute path; a link to it stays one.
    assert_eq!(server["command"], env!("CARGO_BIN_EXE_agentcore-gw"));
    let link = env.home().canonicalize().unwrap().join("agentcore-gw");
    symlink(env!("CARGO_BIN_EXE_agentcore-gw"), &link).unwrap();
    let mut command = Command::new("./agentcore-gw");
    command.args(args("kiro", &[])).env_clear().env("HOME", env.home()).env("PATH", path()).current_dir(env.home());
    let server = Run::of(command.output().unwrap()).json()["mcpServers"]["weather-gateway"].take();
    assert_eq!(server["command"], json!(link));
    assert_eq!(server["env"], Value::Null);
    // An address with a password is not written down.
    let mut command =
        env.command(&["client-config", "weather-gateway", "--client", "kiro", "--endpoint-url", &endpoint]);
    command.env("AWS_ENDPOINT_URL_STS", endpoint.replace("http://", "http://user:password@")).envs(keys);
    let refused = Run::of(command.output().unwrap());
    assert!(refused.code == 2 && refused.stderr.contains("AWS_ENDPOINT_URL_STS holds a user"), "{refused:?}");
    // A state folder is absolute.
    let mut command = env.command(&args("kiro", &[]));
    let run = command.env("AGENTCORE_GW_LOCAL_DIR", ".local/state/agentcore-gw/local").output().unwrap();
    let server = Run::of(run).json()["mcpServers"]["weather-gateway"].take();
    let state = env.home().canonicalize().unwrap().join(".local/state/agentcore-gw/local");
    assert_eq!(server["env"], json!({ "AGENTCORE_GW_LOCAL_DIR": state, "AGENTCORE_GW_LOCAL_PORT": "0" }));
}

#[test]
fn gateways_that_others_guard_have_a_configuration_too() {
    let env = Env::new();
    let create = |name: &str, flags: &[&str]| {
        env.ok(&[&["--local", "create", name, "--no-observability", "--yes"], flags].concat())
    };
    create("signed", &["--authorizer", "iam"]);
    create("open", &["--authorizer", "none"]);
    let discovery = "http://127.0.0.1:9/.well-known/openid-configuration";
    create("theirs", &["--authorizer", "jwt", "--discovery-url", discovery, "--allowed-audience", "a"]);
    let of = |name: &str, flags: &[&str]| {
        env.run(&[&["--local", "client-config", name, "--client", "kiro"], flags].concat())
    };
    let signed = of("signed", &["--http"]);
    assert!(signed.code == 2 && signed.stderr.contains("`connect` signs them"), "{signed:?}");
    assert_eq!(of("signed", &[]).json()["mcpServers"]["signed"]["args"], json!(["--local", "connect", "signed"]));
    assert_eq!(of("open", &["--http"]).json()["mcpServers"]["open"]["headers"], Value::Null);
    assert_eq!(of("open", &["--token-command", "x"]).code, 2);
    let theirs = of("theirs", &["--token-command", "my-helper --fresh"]);
    let args = json!(["--local", "connect", "theirs", "--token-command", "my-helper --fresh"]);
    assert_eq!(theirs.json()["mcpServers"]["theirs"]["args"], args);
    assert_eq!(theirs.stderr, "");
    assert!(of("theirs", &[]).stderr.contains("AGENTCORE_GATEWAY_TOKEN"));
    let http = of("theirs", &["--http"]);
    assert_eq!(http.json()["mcpServers"]["theirs"]["headers"]["Authorization"], "Bearer ${AGENTCORE_GATEWAY_TOKEN}");
}
