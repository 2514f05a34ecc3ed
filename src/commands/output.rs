//! Output files.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::error::{Error, ErrorKind};

/// Most temporary files that killed processes of one id may have left in a folder.
const MOST_LEFT: u32 = 100;

/// Who may read a file.
#[derive(Debug, Clone)]
pub enum Access {
    /// Its owner only.
    Private,
    /// Whoever may read new files of this process.
    Usual,
    /// The owner, the group and the mode of this file, which is replaced.
    Like(fs::Metadata),
}

/// Fails before anything is created if the file cannot be written.
pub fn check_writable(file: &Path) -> Result<(), Error> {
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    // The file is placed by a rename, which would replace a link or a device.
    if fs::symlink_metadata(file).is_ok_and(|there| !there.is_file()) {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{} is there and is no regular file", file.display())));
    }
    if dir.is_dir() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidInput, format!("{} cannot be written: its folder does not exist", file.display())))
}

/// Writes a file in one step, replacing an existing one.
pub fn replace(file: &Path, bytes: &[u8], access: &Access) -> io::Result<()> {
    let written = Written::beside(file, bytes, access)?;
    fs::rename(&written.0, file)
}

/// Writes a file of which there are other names, or whose owner cannot be kept, in its place. If that fails, its contents are
/// written again.
pub fn overwrite(file: &Path, before: &[u8], bytes: &[u8]) -> io::Result<()> {
    // That there is room is seen before the file is touched.
    let _room = Written::beside(file, bytes, &Access::Private)?;
    let open = fs::OpenOptions::new().write(true).open(file)?;
    let write = |bytes: &[u8]| {
        write_at_start(&open, bytes)?;
        open.set_len(bytes.len() as u64)
    };
    write(bytes).inspect_err(|_| drop(write(before)))
}

#[cfg(unix)]
fn write_at_start(file: &fs::File, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

#[cfg(not(unix))]
fn write_at_start(mut file: &fs::File, bytes: &[u8]) -> io::Result<()> {
    io::Seek::rewind(&mut file)?;
    file.write_all(bytes)
}

/// A temporary file, removed when it is dropped unless it was renamed.
struct Written(PathBuf);

impl Written {
    fn beside(file: &Path, bytes: &[u8], access: &Access) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if !matches!(access, Access::Usual) {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let path = |n: u32| {
            let mut name = file.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}-{n}.tmp", std::process::id()));
            file.with_file_name(name)
        };
        // A process of this id may have been killed here before.
        let free = (0..MOST_LEFT).map(path).find_map(|path| match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
            opened => Some(opened.map(|open| (open, Self(path)))),
        });
        let (mut open, written) = free.unwrap_or_else(|| Err(io::ErrorKind::AlreadyExists.into()))?;
        if let Access::Like(known) = access {
            // The mode last: a change of the owner may take bits of it away.
            #[cfg(unix)]
            {
                use std::os::unix::fs::MetadataExt as _;
                std::os::unix::fs::fchown(&open, Some(known.uid()), Some(known.gid()))?;
            }
            open.set_permissions(known.permissions())?;
        }
        open.write_all(bytes)?;
        Ok(written)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // Leave nothing of a secret behind.
        drop(fs::remove_file(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_is_private_even_where_a_wider_one_was() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway_config.json");
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        fs::write(&file, "old").unwrap();
        replace(&file, b"new", &Access::Private).unwrap();
        assert_eq!((fs::read(&file).unwrap(), mode()), (b"new".to_vec(), 0o600));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
        replace(&file, b"newer", &Access::Like(fs::metadata(&file).unwrap())).unwrap();
        assert_eq!((fs::read(&file).unwrap(), mode()), (b"newer".to_vec(), 0o664));
        overwrite(&file, b"newer", b"short").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"short");
        overwrite(&file, b"short", b"as long as it gets").unwrap();
        assert_eq!((fs::read(&file).unwrap(), mode()), (b"as long as it gets".to_vec(), 0o664));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
