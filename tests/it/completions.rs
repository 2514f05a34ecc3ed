//! What `completions` prints works in a shell: commands, flags, and names of gateways.

use crate::support::env::{Env, Run, in_home};

/// What bash completes the last of these words to.
fn completed(env: &Env, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "eval \"$(agentcore-gw completions bash)\"
         COMP_WORDS=({}); COMP_CWORD={}; COMP_TYPE=9
         _clap_complete_agentcore_gw agentcore-gw '{}' ''
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len() - 1,
        words.last().unwrap()
    );
    let run = Run::of(in_home(env, "bash").args(["-c", &script]).output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    run.stdout.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn bash_completes_commands_flags_and_the_names_of_gateways() {
    let env = Env::new();
    assert_eq!(completed(&env, &["agentcore-gw", "cred"]), ["credentials"]);
    assert!(completed(&env, &["agentcore-gw", "create", "--sam"]).contains(&"--sample".to_owned()));
    assert_eq!(completed(&env, &["agentcore-gw", "completions", "z"]), ["zsh"]);
    assert!(completed(&env, &["agentcore-gw", "--local", "get", ""]).iter().all(|word| word.starts_with('-')));
    assert_eq!(env.ok(&["local", "status", "-o", "json"]).json()["running"], false, "no local AWS is started for it");
    for name in ["weather", "weather-two", "orders"] {
        env.ok(&["--local", "create", name, "--authorizer", "iam"]);
    }
    for command in
        [&["get"][..], &["tools", "list"], &["client", "add"], &["target", "add", "lambda", "x", "--gateway"]]
    {
        let words = [&["agentcore-gw", "--local"][..], command, &["wea"]].concat();
        // On a busy machine, the names may not be there within a second.
        let found = (0..20).map(|_| completed(&env, &words)).find(|found| !found.is_empty());
        assert_eq!(found.unwrap_or_default(), ["weather", "weather-two"], "{command:?}");
    }
    let new = completed(&env, &["agentcore-gw", "--local", "create", "wea"]);
    assert!(new.is_empty(), "a gateway that is to be made has a name of its own: {new:?}");
}

#[test]
fn every_shell_has_a_script_that_names_the_program() {
    let env = Env::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = env.ok(&["completions", shell]);
        assert!(run.stdout.contains("AGENTCORE_GW_COMPLETE") && run.stdout.contains("agentcore-gw"), "{run:?}");
        assert_eq!(env.ok(&["completions", shell, "-o", "json"]).json()["script"], run.stdout.as_str());
    }
}
