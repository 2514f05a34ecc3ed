//! The build script: tells the program which commit it is made of, and of which day. Debug builds are not told, so that a
//! commit does not make cargo build them anew.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "cargo talks to build scripts so")]

use std::{path::Path, process::Command};

/// What git answers; `None` outside of a repository, as in a package.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

fn main() {
    println!("cargo::rerun-if-changed=.ci/version.rs");
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let is_debug = std::env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    let commit = if is_debug { None } else { git(&["log", "-1", "--format=%h %cs"]) };
    // Every commit, and every switch to another one, adds a line to this file.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| !is_debug && Path::new(log).is_file());
    if let Some(log) = log {
        println!("cargo::rerun-if-changed={log}");
    }
    let of_commit = commit.map(|commit| format!(" ({commit})")).unwrap_or_default();
    println!("cargo::rustc-env=AGENTCORE_GW_VERSION={version}{of_commit}");
}
