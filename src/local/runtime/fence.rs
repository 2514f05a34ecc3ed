//! What a function's processes may reach of the file system, where the kernel can hold them to it: Landlock, since Linux
//! 5.13. The same restriction keeps them from other processes' `/proc`, and since Linux 6.12 from signalling them and
//! from their abstract sockets (`landlock`(7)). Files' modes hold everywhere.

use std::{io, path::PathBuf};

/// Where programs, libraries, certificates and settings of the system are.
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
/// Devices that a program may expect.
#[cfg(target_os = "linux")]
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];
/// What Lambda lets a function write to, beside its environment's own folder.
#[cfg(target_os = "linux")]
const TEMPORARY: &str = "/tmp";

/// Restricts this thread, and all processes that it starts, to reading the system, the package and what is `readable`,
/// and to writing to the temporary folders.
#[cfg(target_os = "linux")]
pub(super) fn raise(folder: &std::path::Path, readable: &[PathBuf]) -> io::Result<()> {
    use landlock::{
        ABI, Access as _, AccessFs, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
        path_beneath_rules,
    };

    // What the rules below were tried with. An older kernel holds what it knows of them.
    let abi = ABI::V6;
    // Where the server's state is, and other environments are.
    let state = folder.ancestors().nth(2).unwrap_or(folder);
    let resolver = PathBuf::from("/etc/resolv.conf").canonicalize().ok();
    let read = SYSTEM.iter().map(PathBuf::from).chain(resolver).chain(readable.iter().cloned());
    let read = read.flat_map(|path| all_but(&path, state)).chain([folder.to_owned()]);
    let write = [super::folder::temporary(folder), PathBuf::from(TEMPORARY)];
    let restrict = || -> Result<_, RulesetError> {
        Ruleset::default()
            .handle_access(AccessFs::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(read, AccessFs::from_read(abi)))?
            .add_rules(path_beneath_rules(write, AccessFs::from_all(abi)))?
            .add_rules(path_beneath_rules(DEVICES, AccessFs::from_all(abi)))?
            .restrict_self()
    };
    restrict().map_err(io::Error::other)?;
    drop_capabilities();
    Ok(())
}

/// As in Lambda, no function is privileged, though the server may be: a privileged process reads the environment of
/// others whatever restricts it (`mm_access` in the kernel's `fork.c`). Who has no capabilities cannot drop any.
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

/// A path, or where `kept` is below it, all in it but what leads there.
#[cfg(target_os = "linux")]
fn all_but(path: &std::path::Path, kept: &std::path::Path) -> Vec<PathBuf> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if path.starts_with(kept) {
        return Vec::new();
    }
    if !kept.starts_with(&path) {
        return vec![path];
    }
    let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
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
        let mut seen = all_but(&root, &root.join("state/mine"));
        seen.sort();
        assert_eq!(seen, ["bin", "lib", "state/theirs"].map(|name| root.join(name)));
        assert_eq!(all_but(&root.join("bin"), &root.join("state")), [root.join("bin")]);
        assert!(all_but(&root.join("state/mine/code"), &root.join("state/mine")).is_empty());
    }
}
