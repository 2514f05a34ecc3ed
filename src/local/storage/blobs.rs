//! Blob storage for packages and objects that are too large for the state: one file each, named by the hash of
//! its content.

use std::{collections::HashSet, fmt, fs, io, path::PathBuf};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::private_files;

/// SHA-256 of the content, hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct BlobId(String);

impl BlobId {
    fn of(bytes: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, bytes);
        Self(hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Blobs in a private folder (0700), with files of mode 0600.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    dir: PathBuf,
}

impl Blobs {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Stores these bytes atomically.
    pub(crate) fn put(&self, bytes: &[u8]) -> io::Result<BlobId> {
        let id = BlobId::of(bytes);
        // Replace an existing blob if it is damaged.
        if self.get(&id).is_err() {
            private_files::make_private_dir(&self.dir)?;
            private_files::write_whole(&self.dir, &id.0, bytes)?;
        }
        Ok(id)
    }

    /// # Errors
    /// If the blob is missing or damaged.
    pub(crate) fn get(&self, id: &BlobId) -> io::Result<Vec<u8>> {
        let path = self.dir.join(&id.0);
        let bytes = fs::read(&path).map_err(|error| private_files::at(&path, &error))?;
        if BlobId::of(&bytes) == *id {
            return Ok(bytes);
        }
        Err(private_files::at(&path, &io::Error::new(io::ErrorKind::InvalidData, "it is damaged")))
    }

    /// Removes all blobs that are not in `kept`.
    pub(crate) fn sweep(&self, kept: &HashSet<&BlobId>) -> io::Result<()> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        let kept: HashSet<&str> = kept.iter().map(|id| id.0.as_str()).collect();
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| kept.contains(name)) {
                continue;
            }
            if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_removes_what_nothing_refers_to() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path().join("blobs"));
        blobs.sweep(&HashSet::new()).unwrap();
        let (kept, gone) = (blobs.put(b"kept").unwrap(), blobs.put(b"gone").unwrap());
        assert_eq!(blobs.put(b"kept").unwrap(), kept);
        blobs.sweep(&HashSet::from([&kept])).unwrap();
        assert_eq!(blobs.get(&kept).unwrap(), b"kept");
        assert_eq!(blobs.get(&gone).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_damaged_is_said_and_put_back() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path().to_owned());
        let id = blobs.put(b"code").unwrap();
        fs::write(dir.path().join(&id.0), b"c0de").unwrap();
        let said = blobs.get(&id).unwrap_err().to_string();
        assert!(said.contains(&id.0) && said.contains("damaged"), "{said}");
        assert_eq!(blobs.put(b"code").unwrap(), id);
        assert_eq!(blobs.get(&id).unwrap(), b"code");
    }
}
