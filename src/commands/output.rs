//! Output files.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

/// Writes a file in one step, replacing an existing one. Only its owner may read it, unless other permissions are given.
pub fn replace(file: &Path, bytes: &[u8], permissions: Option<fs::Permissions>) -> io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = file.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut open| {
        permissions.map_or(Ok(()), |permissions| open.set_permissions(permissions))?;
        open.write_all(bytes)
    });
    let placed = written.and_then(|()| fs::rename(&temporary, file));
    if placed.is_err() {
        // Leave nothing of a secret behind; there may be nothing to remove.
        drop(fs::remove_file(&temporary));
    }
    placed
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
        replace(&file, b"new", None).unwrap();
        assert_eq!((fs::read(&file).unwrap(), mode()), (b"new".to_vec(), 0o600));
        replace(&file, b"newer", Some(fs::Permissions::from_mode(0o664))).unwrap();
        assert_eq!((fs::read(&file).unwrap(), mode()), (b"newer".to_vec(), 0o664));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
