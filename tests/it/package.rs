//! `.ci/package`: what people without Rust install.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::env::{Env, Run, in_home, node};

const PROGRAM: &str = env!("CARGO_BIN_EXE_agentcore-gw");

fn ok(command: &mut Command) -> String {
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.code, 0, "{command:?}\n{}{}", run.stdout, run.stderr);
    run.stdout
}

/// Another program, which finds the Node.js of the tests, too.
fn tool(env: &Env, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = in_home(env, program);
    let nodes = node("24").parent().unwrap().to_owned();
    let paths: Vec<PathBuf> = [nodes].into_iter().chain(std::env::split_paths(&crate::support::env::path())).collect();
    command.env("PATH", std::env::join_paths(paths).unwrap());
    command
}

/// Makes the packages of the program under test, in a folder of this HOME.
fn packages(env: &Env) -> Vec<PathBuf> {
    let folder = env.home().join("packages");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/package");
    let mut make = Command::new("python3");
    // Cargo is where the developer has it.
    let said = ok(make.args([script, PROGRAM]).arg(&folder).args(["--level", "1"]));
    said.lines().map(PathBuf::from).collect()
}

fn named(packages: &[PathBuf], end: &str) -> PathBuf {
    packages.iter().find(|path| path.to_string_lossy().ends_with(end)).unwrap().clone()
}

#[test]
fn the_archive_the_wheel_and_the_npm_package_install_offline_and_run() {
    let env = Env::new();
    let packages = packages(&env);
    let version = ok(&mut env.command(&["--version"]));
    let is_whole = |program: &Path| {
        assert_eq!(ok(tool(&env, program).arg("--version")), version);
        let created = ok(tool(&env, program).args(["--local", "create", "g", "--sample", "-o", "json"]));
        assert!(created.contains("weather-tool___get_weather"), "{created}");
    };

    for package in &packages {
        let checksum = PathBuf::from(format!("{}.sha256", package.display()));
        let folder = package.parent().unwrap();
        let checked = ok(tool(&env, "sha256sum").arg("-c").arg(checksum).current_dir(folder));
        assert!(checked.trim_end().ends_with(": OK"), "{checked}");
    }

    let archive = named(&packages, "-linux-gnu.tar.gz");
    ok(tool(&env, "tar").arg("-xzf").arg(&archive));
    let unpacked = env.home().join(archive.file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.gz"));
    is_whole(&unpacked.join("agentcore-gw"));
    let licences = fs::read_to_string(unpacked.join("THIRD-PARTY-LICENSES.txt")).unwrap();
    for needed in ["aws-sdk-iam ", "aws-lc-sys ", "tokio ", "Apache License", "Permission is hereby granted"] {
        assert!(licences.contains(needed), "{needed}");
    }
    assert!(!licences.contains("rmcp "), "what only the tests use is not in the binary");
    assert!(fs::read_to_string(unpacked.join("LICENSE")).unwrap().contains("Apache License"));

    let wheel = named(&packages, ".whl");
    assert!(wheel.to_string_lossy().contains("-py3-none-manylinux_2_"), "{wheel:?}");
    ok(tool(&env, "python3").args(["-m", "venv", "venv"]));
    ok(tool(&env, env.home().join("venv/bin/pip")).args(["install", "--quiet", "--no-index"]).arg(&wheel));
    is_whole(&env.home().join("venv/bin/agentcore-gw"));

    let tarball = named(&packages, ".tgz");
    let install = ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", "npm"];
    ok(tool(&env, "npm").args(install).arg(&tarball));
    is_whole(&env.home().join("npm/node_modules/.bin/agentcore-gw"));
}

#[test]
fn what_cannot_be_packaged_is_refused() {
    let env = Env::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/package");
    let other = env.home().join("agentcore-gw");
    fs::write(&other, "#!/bin/sh\necho agentcore-gw 9.9.9\n").unwrap();
    let refused = |said: &str| {
        let mut make = in_home(&env, "python3");
        let run = Run::of(make.arg(script).arg(&other).arg("packages").output().unwrap());
        assert!(run.code == 1 && run.stderr.starts_with("error: ") && run.stderr.contains(said), "{run:?}");
        assert!(!env.home().join("packages").exists());
    };
    ok(tool(&env, "chmod").args(["+x"]).arg(&other));
    refused("of another version");
    fs::write(&other, format!("#!/bin/sh\necho agentcore-gw {}\n", env!("CARGO_PKG_VERSION"))).unwrap();
    refused("only Linux binaries");
}
