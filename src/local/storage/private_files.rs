//! Files and folders that only their owner can read, with atomic writes.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use crate::local::random;

/// Writes a private file of this folder atomically.
pub(crate) fn write_whole(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (path, temporary) = (dir.join(name), dir.join(format!("{name}.{}.tmp", random::lower_alphanumeric(8))));
    let written = private_file(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, &path));
    written.map_err(|error| {
        // Free the space on a full disk; a leftover is removed at the next start.
        drop(fs::remove_file(&temporary));
        at(&path, &error)
    })
}

/// Adds the file's path to an error.
pub(crate) fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Removes a folder that may contain read-only folders.
pub(crate) fn remove_dir(dir: &Path) -> io::Result<()> {
    if fs::symlink_metadata(dir).is_ok_and(|found| !found.is_dir()) {
        return fs::remove_file(dir);
    }
    drop(set_writable(dir, true));
    fs::remove_dir_all(dir)
}

/// Adds or removes write permission for a folder and all its contents.
#[cfg(unix)]
pub(crate) fn set_writable(path: &Path, writable: bool) -> io::Result<()> {
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
pub(crate) fn set_writable(_: &Path, _: bool) -> io::Result<()> {
    Ok(())
}

/// Creates a private folder (0700).
pub(crate) fn make_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| at(dir, &error))?;
    // An existing folder may have wider permissions; changing those of another user's folder fails here.
    #[cfg(unix)]
    fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// Opens a private file for appending; truncates it if it has more than `most` bytes.
pub(crate) fn log_file(path: &Path, most: u64) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    if file.metadata()?.len() > most {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Creates a private file (0600), or truncates an existing one.
pub(crate) fn private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
