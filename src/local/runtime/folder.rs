//! The folder of an execution environment: the read-only package, and a folder for temporary files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::local::{package, storage::private_files};

/// The path of the unpacked package.
pub(super) fn task_root(folder: &Path) -> PathBuf {
    folder.join("task")
}

/// The path of the folder for temporary files.
pub(super) fn temporary(folder: &Path) -> PathBuf {
    folder.join("tmp")
}

/// An environment's folder. Removed on drop.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            tracing::warn!("the folder of a function's environment stays: {error}");
        }
    }
}

impl Folder {
    /// Creates the folder with an unpacked package. On error, nothing is left.
    pub(super) fn make(path: PathBuf, package: &[u8]) -> Result<Self, package::PackageError> {
        if let Some(all) = path.parent() {
            private_files::make_private_dir(all)?;
        }
        let folder = Self(path);
        let (path, task_root) = (folder.path(), task_root(folder.path()));
        private_files::make_private_dir(path)?;
        private_files::make_private_dir(&temporary(path))?;
        // Node.js looks for a `package.json` in all parent folders, and the user's home may contain one.
        private_files::write_whole(path, "package.json", b"{}")?;
        private_files::make_private_dir(&task_root)?;
        package::unpack(package, &task_root)?;
        private_files::set_writable(&task_root, false)?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

/// Removes an environment's folder, if it exists.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match private_files::remove_dir(folder) {
        // The supervisor may be removing it at the same time.
        Err(_) if !folder.exists() => Ok(()),
        removed => removed,
    }
}

/// Removes the folders of former environments. A leftover does no harm, since names are not reused.
pub(super) fn sweep(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        if let Err(error) = remove(&entry.path()) {
            tracing::warn!("{}: {error}", entry.path().display());
        }
    }
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
        Folder::make(dir.path().join("code/one"), &bad).unwrap_err();
        assert_eq!(fs::read_dir(dir.path().join("code")).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_package_is_not_to_be_written_to_and_goes_nevertheless() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("one");
        let folder = Folder::make(path.clone(), &package()).unwrap();
        for name in ["task", "task/deep", "task/deep/a.py"] {
            let mode = fs::metadata(path.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o277, 0, "{name}: {mode:o}");
        }
        drop(folder);
        assert!(!path.exists());
        remove(&path).unwrap();
    }
}
