//! The third-party programs are completely locked, so tests run against the same versions on any day.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

use crate::support::env::{Run, peers};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers"))
}

/// The requirements of a lock file, each with its options.
fn requirements(lock: &str) -> Vec<String> {
    let joined = lock.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// The requirements without a hash.
fn unlocked(lock: &str) -> Vec<String> {
    let is_locked = |requirement: &String| {
        let version = requirement.split(';').next().unwrap().split(" --hash").next().unwrap().split_once("==");
        version.is_some_and(|(_, version)| !version.trim().contains(['*', ' ']))
            && requirement.contains(" --hash=sha256:")
    };
    requirements(lock).into_iter().filter(|requirement| !is_locked(requirement)).collect()
}

fn stems(kind: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder().join("locks")).unwrap().map(|entry| entry.unwrap().path());
    let of_kind = files.filter(|path| path.extension().is_some_and(|extension| extension == kind));
    of_kind.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_python_peer_is_locked_by_version_and_hash() {
    let named = stems("in");
    assert_eq!(named, stems("txt"), "each list of packages has its lock file");
    assert!(named.len() >= 9, "{named:?}");
    for peer in named {
        is_locked(&folder().join("locks").join(peer));
    }
    for agent in ["strands", "mcp-python"] {
        is_locked(&agents().join(agent).join("requirements"));
    }
}

/// Checks a list of packages, `.in`, and its lock file, `.txt`.
#[track_caller]
fn is_locked(list: &Path) {
    let read = |kind| fs::read_to_string(list.with_added_extension(kind)).unwrap();
    let (wanted, lock) = (read("in"), read("txt"));
    assert_eq!(unlocked(&lock), [""; 0], "{}", list.display());
    for package in requirements(&wanted) {
        let locked = requirements(&lock).iter().any(|locked| locked.starts_with(&package));
        assert!(locked, "{}: {package} is not in the lock file: run tests/peers/lock.sh", list.display());
    }
}

/// The templates of the projects that `init` makes.
fn agents() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/agents"))
}

#[test]
fn what_is_not_locked_is_seen() {
    let hash = format!("--hash=sha256:{}", "0".repeat(64));
    assert_eq!(unlocked(&format!("six==1.17.0 \\\n    {hash}\n# six\n")), [""; 0]);
    for loose in ["six", "six>=1.17.0", "six==1.*", "six==1.17.0", "-e .", "https://example.com/six.whl"] {
        assert_eq!(unlocked(loose), [loose]);
        let with_hash = format!("{loose} {hash}");
        assert!(loose == "six==1.17.0" || unlocked(&with_hash) == [with_hash]);
    }
}

#[test]
fn every_node_peer_is_locked_by_version_and_hash() {
    is_locked_for_node(&folder().join("node"));
    is_locked_for_node(&agents().join("mcp-typescript"));
}

#[track_caller]
fn is_locked_for_node(folder: &Path) {
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap() };
    let (wanted, lock) = (read("package.json"), read("package-lock.json"));
    let of = |kind: &str| wanted[kind].as_object().cloned().unwrap_or_default();
    for (name, version) in &of("dependencies").into_iter().chain(of("devDependencies")).collect::<Vec<_>>() {
        let exact = version.as_str().unwrap().bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        assert!(exact, "{name}: {version}");
        assert_eq!(&lock["packages"][format!("node_modules/{name}")]["version"], version, "{name}");
    }
    let installed = lock["packages"].as_object().unwrap().iter().filter(|(path, _)| !path.is_empty());
    for (path, package) in installed {
        assert!(package["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-")), "{path}");
    }
}

/// Whatever is missing in a lock file is not fetched: neither a hash, nor a package that another one needs.
#[test]
fn the_installer_refuses_what_is_not_in_the_lock_file() {
    let tests = tempfile::tempdir().unwrap();
    let locks = tests.path().join("locks");
    fs::create_dir(&locks).unwrap();
    for file in ["install.py", "locks/uv.txt"] {
        fs::copy(folder().join(file), tests.path().join(file)).unwrap();
    }
    let whole = fs::read_to_string(folder().join("locks/boto3.txt")).unwrap();
    let boto3 = requirements(&whole).into_iter().find(|requirement| requirement.starts_with("boto3==")).unwrap();
    fs::write(locks.join("incomplete.txt"), boto3).unwrap();
    fs::write(locks.join("unhashed.txt"), "six==1.17.0\n").unwrap();
    for (peer, reason) in [("incomplete", "requires `botocore"), ("unhashed", "six==1.17.0")] {
        let install = tests.path().join("install.py");
        let run = Run::of(Command::new("python3").arg(install).arg(peers()).arg(peer).output().unwrap());
        assert!(run.code == 1 && run.stderr.contains(reason), "{peer}: {run:?}");
        drop(fs::remove_dir_all(peers().join(peer)));
    }
}
