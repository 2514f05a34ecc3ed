//! The folder of an execution environment: the package, which is not to be written to, and a place for temporary files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::local::{package, store};

/// Where the package is.
pub(super) fn task_root(folder: &Path) -> PathBuf {
    folder.join("task")
}

/// Where temporary files go.
pub(super) fn temporary(folder: &Path) -> PathBuf {
    folder.join("tmp")
}

/// Makes an environment's folder of a package, whole or not at all.
pub(super) fn make(folder: &Path, package: &[u8]) -> Result<(), package::PackageError> {
    let made = || -> Result<(), package::PackageError> {
        if let Some(all) = folder.parent() {
            store::make_private_dir(all)?;
        }
        store::make_private_dir(folder)?;
        store::make_private_dir(&temporary(folder))?;
        // Node.js looks for the package that a file belongs to upwards, and a home may well be one.
        store::write_whole(folder, "package.json", b"{}")?;
        let task_root = task_root(folder);
        store::make_private_dir(&task_root)?;
        package::unpack(package, &task_root)?;
        Ok(set_writable(&task_root, false)?)
    };
    made().inspect_err(|_| drop(remove(folder)))
}

/// Removes an environment's folder, if it is there.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    // What is in a folder that cannot be written to cannot be removed.
    drop(set_writable(folder, true));
    fs::remove_dir_all(folder)
}

/// Removes the folders of environments that are no more.
pub(super) fn sweep(all: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(all) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let removed = if entry.file_type()?.is_dir() { remove(&entry.path()) } else { fs::remove_file(entry.path()) };
        match removed {
            // Its supervisor may be about to remove it, too.
            Err(error) if entry.path().exists() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Sets the modes of a folder and all that is in it.
#[cfg(unix)]
fn set_writable(path: &Path, writable: bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let metadata = fs::symlink_metadata(path)?;
    let set = |mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    if metadata.is_dir() {
        if writable {
            set(0o700)?;
        }
        for entry in fs::read_dir(path)? {
            set_writable(&entry?.path(), writable)?;
        }
    }
    if metadata.is_symlink() || writable {
        return Ok(());
    }
    set(metadata.permissions().mode() & 0o500)
}

#[cfg(not(unix))]
fn set_writable(_: &Path, _: bool) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn package() -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file("deep/a.py", stored).unwrap();
        zip.write_all(b"some code").unwrap();
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn a_package_that_cannot_be_unpacked_leaves_nothing() {
        let mut bad = package();
        let at = bad.windows(4).position(|bytes| bytes == b"some").unwrap();
        bad[at] = b'S';
        let dir = tempfile::tempdir().unwrap();
        make(&dir.path().join("code/one"), &bad).unwrap_err();
        assert_eq!(fs::read_dir(dir.path().join("code")).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_package_is_not_to_be_written_to_and_goes_nevertheless() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("one");
        make(&folder, &package()).unwrap();
        for name in ["task", "task/deep", "task/deep/a.py"] {
            let mode = fs::metadata(folder.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o277, 0, "{name}: {mode:o}");
        }
        remove(&folder).unwrap();
        remove(&folder).unwrap();
        assert!(!folder.exists());
    }
}
