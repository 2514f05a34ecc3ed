//! Deployment packages: validated before anything is written, then unpacked.

use std::{
    collections::HashSet,
    fs,
    io::{self, Cursor, Read},
    path::{Component, Path, PathBuf},
};

use zip::ZipArchive;

/// Largest package for a direct upload, and its largest unpacked size, in bytes (Lambda developer guide,
/// "Lambda quotas").
const PACKED_LIMIT: usize = 50 * 1024 * 1024;
const UNPACKED_LIMIT: u64 = 250 * 1024 * 1024;
/// Largest compression ratio. Deflate does not exceed 1000:1 by much, so a higher ratio indicates a zip bomb.
const RATIO_LIMIT: u64 = 1200;

/// Why a package is invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackageError {
    #[error("the package has more than 50 MB")]
    TooLarge,
    #[error("the package unpacks to more than 250 MB")]
    UnpacksTooLarge,
    #[error("entry {0} is compressed beyond any real ratio")]
    Bomb(String),
    #[error("entry {0} would be written outside the package's folder")]
    Escapes(String),
    #[error("entry {0} has a name that no file can have")]
    Named(String),
    #[error("entry {0} is a link")]
    Link(String),
    #[error("it is empty")]
    Empty,
    #[error("entry {0} is a file and a folder, or there twice")]
    Twice(String),
    #[error("{0}")]
    Unreadable(#[from] zip::result::ZipError),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Checks sizes and paths of all entries, without writing anything.
pub(crate) fn check(package: &[u8]) -> Result<(), PackageError> {
    if package.len() > PACKED_LIMIT {
        return Err(PackageError::TooLarge);
    }
    let mut archive = ZipArchive::new(Cursor::new(package))?;
    let mut total = 0u64;
    let (mut files, mut folders) = (HashSet::new(), HashSet::new());
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        let name = entry.name()?.into_owned();
        if name.contains('\0') {
            return Err(PackageError::Named(name.replace('\0', "\\0")));
        }
        total = total.saturating_add(entry.size());
        if total > UNPACKED_LIMIT {
            return Err(PackageError::UnpacksTooLarge);
        }
        if entry.size() / RATIO_LIMIT > entry.compressed_size().max(1) {
            return Err(PackageError::Bomb(name));
        }
        if entry.is_symlink() {
            return Err(PackageError::Link(name));
        }
        if !stays_inside(Path::new(&name)) {
            return Err(PackageError::Escapes(name));
        }
        let path: PathBuf = Path::new(&name).components().filter(|part| *part != Component::CurDir).collect();
        folders.extend(path.ancestors().skip(1).map(Path::to_owned));
        if entry.is_dir() {
            folders.insert(path);
        } else if !files.insert(path) {
            return Err(PackageError::Twice(name));
        }
    }
    if files.is_empty() {
        return Err(PackageError::Empty);
    }
    match files.intersection(&folders).next() {
        Some(path) => Err(PackageError::Twice(path.display().to_string())),
        // The reader keeps only the last of several entries with one name, so compare with the count in the directory.
        None if entries_in_directory(package).is_some_and(|count| count != archive.len()) => {
            Err(PackageError::Twice("of one name".to_owned()))
        }
        None => Ok(()),
    }
}

/// The number of entries in the end of central directory record (APPNOTE.TXT 4.3.16); `None` for archives of
/// more than 65,534 entries, which store it elsewhere.
fn entries_in_directory(package: &[u8]) -> Option<usize> {
    let at = package.windows(4).rposition(|bytes| bytes == b"PK\x05\x06")?;
    let count = u16::from_le_bytes(package.get(at + 10..at + 12)?.try_into().ok()?);
    (count != u16::MAX).then_some(usize::from(count))
}

fn stays_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Unpacks a package into a new folder `into`. Enforces the size limit while writing, too, since an entry's
/// header may lie.
pub(crate) fn unpack(package: &[u8], into: &Path) -> Result<(), PackageError> {
    check(package)?;
    let mut archive = ZipArchive::new(Cursor::new(package))?;
    let mut left = UNPACKED_LIMIT;
    for index in 0..archive.len() {
        let entry = archive.by_index(index)?;
        let path = into.join(entry.name()?.as_ref());
        if entry.is_dir() {
            fs::create_dir_all(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let mut file = fs::File::create(&path)?;
        let written = io::copy(&mut entry.take(left + 1), &mut file)?;
        left = left.checked_sub(written).ok_or(PackageError::UnpacksTooLarge)?;
        set_mode(&file, if executable { 0o700 } else { 0o600 })?;
    }
    Ok(())
}

#[cfg(unix)]
fn set_mode(file: &fs::File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &fs::File, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn package(build: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        build(&mut zip);
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn a_package_that_leaves_its_folder_is_refused_before_writing() {
        for name in ["../evil.py", "a/../../evil.py", "/etc/evil.py"] {
            let bytes = package(|zip| zip.start_file(name, SimpleFileOptions::default()).unwrap());
            assert!(matches!(check(&bytes), Err(PackageError::Escapes(_))), "{name}");
        }
        let link = package(|zip| zip.add_symlink("a", "/etc/passwd", SimpleFileOptions::default()).unwrap());
        assert!(matches!(check(&link), Err(PackageError::Link(_))));
        assert!(matches!(check(b"not a zip"), Err(PackageError::Unreadable(_))));
        assert!(matches!(check(&package(|_| ())), Err(PackageError::Empty)));
        let both = |names: &[&str]| {
            package(|zip| names.iter().for_each(|name| zip.start_file(*name, SimpleFileOptions::default()).unwrap()))
        };
        for names in [["a", "a/b"], ["a", "./a"], [".", "a"]] {
            assert!(matches!(check(&both(&names)), Err(PackageError::Twice(_))), "{names:?}");
        }
    }

    #[test]
    fn entries_with_impossible_names_or_there_twice_are_refused() {
        let one = package(|zip| {
            for name in ["same.py", "twin.py"] {
                zip.start_file(name, SimpleFileOptions::default()).unwrap();
                zip.write_all(name.as_bytes()).unwrap();
            }
        });
        check(&one).unwrap();
        let renamed = |from: &[u8], to: &[u8]| {
            let mut bytes = one.clone();
            for at in 0..bytes.len() - from.len() {
                if &bytes[at..at + from.len()] == from {
                    bytes[at..at + from.len()].copy_from_slice(to);
                }
            }
            bytes
        };
        assert!(matches!(check(&renamed(b"twin.py", b"same.py")), Err(PackageError::Twice(_))));
        let nul = check(&renamed(b"twin.py", b"tw\0n.py"));
        assert!(matches!(nul, Err(PackageError::Named(_))), "{nul:?}");
    }

    #[test]
    fn a_bomb_is_refused() {
        let bytes = package(|zip| {
            zip.start_file("big", SimpleFileOptions::default()).unwrap();
            let zeros = vec![0; 1 << 20];
            for _ in 0..251 {
                zip.write_all(&zeros).unwrap();
            }
        });
        assert!(matches!(check(&bytes), Err(PackageError::UnpacksTooLarge)));
    }

    #[test]
    fn a_good_package_is_unpacked() {
        let bytes = package(|zip| {
            zip.start_file("pkg/mod.py", SimpleFileOptions::default()).unwrap();
            zip.write_all(b"x = 1").unwrap();
        });
        let dir = tempfile::tempdir().unwrap();
        unpack(&bytes, dir.path()).unwrap();
        assert_eq!(fs::read(dir.path().join("pkg/mod.py")).unwrap(), b"x = 1");
    }
}
