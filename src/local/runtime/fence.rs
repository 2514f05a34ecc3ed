//! The sandbox of a function's processes: restricts their access to the file system with Landlock (used since
//! Linux 5.19). The restriction also keeps them from other processes' `/proc`, and since Linux 6.12 from
//! signalling these and from their abstract sockets (`landlock`(7)). File permissions apply on every system.

use std::{io, path::PathBuf};

/// The system's programs, libraries, certificates and settings.
#[cfg(target_os = "linux")]
const SYSTEM: &[&str] = &[
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/usr",
    "/etc",
    "/opt",
    "/nix",
    "/snap",
    "/home/linuxbrew/.linuxbrew",
    "/var/lib/ca-certificates",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/proc",
    "/sys",
];
/// Devices that programs expect.
#[cfg(target_os = "linux")]
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];
/// A folder that functions may write to on Lambda, besides their environment's own folder.
#[cfg(target_os = "linux")]
const TEMPORARY: &str = "/tmp";

/// Restricts this thread, and all processes that it starts, to reading the system, the package and the
/// `readable` paths, and to writing to the temporary folders.
#[cfg(target_os = "linux")]
pub(super) fn raise(folder: &std::path::Path, readable: &[PathBuf]) -> io::Result<()> {
    use landlock::{Access as _, AccessFs, RulesetCreatedAttr as _, RulesetError, path_beneath_rules};

    drop_capabilities();
    let Some(ruleset) = ruleset() else { return Ok(()) };
    // The server's state folder, which contains the other environments.
    let state = folder.ancestors().nth(2).unwrap_or(folder);
    let resolver = PathBuf::from("/etc/resolv.conf").canonicalize().ok();
    let read = SYSTEM.iter().map(PathBuf::from).chain(resolver).chain(readable.iter().cloned());
    let read = read.flat_map(|path| all_but(&path, state)).chain([folder.to_owned()]);
    let write = [super::folder::temporary(folder), PathBuf::from(TEMPORARY)];
    let restrict = || -> Result<_, RulesetError> {
        ruleset
            .create()?
            .add_rules(path_beneath_rules(read, AccessFs::from_read(KNOWN)))?
            .add_rules(path_beneath_rules(write, AccessFs::from_all(KNOWN)))?
            .add_rules(path_beneath_rules(DEVICES, AccessFs::from_all(KNOWN)))?
            .restrict_self()
    };
    restrict().map(drop).map_err(io::Error::other)
}

/// The newest requested version of Landlock. An older kernel enforces what it supports. Tested on kernels that
/// support up to V7.
#[cfg(target_os = "linux")]
const KNOWN: landlock::ABI = landlock::ABI::V9;

/// The ruleset to enforce, if possible. `None` before Linux 5.19, where a sandbox would keep functions from
/// moving files between any two folders.
#[cfg(target_os = "linux")]
fn ruleset() -> Option<landlock::Ruleset> {
    use landlock::{Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, Scope};

    let needed =
        Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::Refer).ok()?;
    let wanted = needed.set_compatibility(CompatLevel::BestEffort).handle_access(AccessFs::from_all(KNOWN)).ok()?;
    wanted.scope(Scope::from_all(KNOWN)).ok()
}

/// Whether this system supports the sandbox.
#[cfg(target_os = "linux")]
pub(super) fn holds() -> bool {
    use landlock::RulesetStatus;

    // Landlock cannot be lifted again, so try it in a separate thread.
    let tried = std::thread::spawn(|| {
        let restricted = ruleset()?.create().and_then(landlock::RulesetCreated::restrict_self).ok()?;
        Some(restricted.ruleset != RulesetStatus::NotEnforced)
    });
    tried.join().ok().flatten().unwrap_or(false)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn holds() -> bool {
    false
}

/// Drops all capabilities: as on Lambda, no function is privileged, even if the server is. A privileged process
/// could read the environment of others despite the sandbox (`may_access_mm` in the kernel's `fork.c`). Errors
/// are ignored: a process without capabilities cannot drop any.
#[cfg(target_os = "linux")]
fn drop_capabilities() {
    use rustix::thread::{CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities};

    for capability in CapabilitySet::all().iter() {
        let _ = remove_capability_from_bounding_set(capability);
    }
    let none = CapabilitySet::empty();
    let _ = set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none });
}

#[cfg(not(target_os = "linux"))]
pub(super) fn raise(_: &std::path::Path, _: &[PathBuf]) -> io::Result<()> {
    Ok(())
}

/// The path itself, or if `kept` is below it, everything in it except the way to `kept`. Empty if the path is
/// in `kept`.
#[cfg(target_os = "linux")]
fn all_but(path: &std::path::Path, kept: &std::path::Path) -> Vec<PathBuf> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if path.starts_with(kept) {
        return Vec::new();
    }
    if !kept.starts_with(&path) {
        return vec![path];
    }
    // Skip symbolic links, which may lead anywhere, even back up.
    let is_link = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_symlink());
    let entries = std::fs::read_dir(&path).into_iter().flatten().flatten().filter(|entry| !is_link(entry));
    entries.flat_map(|entry| all_but(&entry.path(), kept)).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_kept_from_functions_is_left_out_of_what_is_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for name in ["bin", "lib", "state/mine/code", "state/theirs"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::os::unix::fs::symlink("..", root.join("state/up")).unwrap();
        let mut seen = all_but(&root, &root.join("state/mine"));
        seen.sort();
        assert_eq!(seen, ["bin", "lib", "state/theirs"].map(|name| root.join(name)));
        assert_eq!(all_but(&root.join("bin"), &root.join("state")), [root.join("bin")]);
        assert!(all_but(&root.join("state/mine/code"), &root.join("state/mine")).is_empty());
    }
}
