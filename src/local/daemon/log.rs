//! The log of a server in the background, which is rotated at a size.

use std::{fs::File, io, path::Path, time::Duration};

use super::{Store, log, private_file};

pub(super) const LOG: &str = "server.log";

/// The previous log, after rotation.
const OLDER_LOG: &str = "server.log.1";

/// The size at which the log is rotated, in bytes.
pub(super) const LOG_LIMIT: u64 = 16 * 1024 * 1024;

/// How often the log's size is checked.
const LOG_LOOKS: Duration = Duration::from_millis(500);

/// Keeps the log of a background server within its size limit, while the server runs.
pub async fn keep_log_bounded(store: &Store) {
    let mut looks = tokio::time::interval(LOG_LOOKS);
    let mut reported = String::new();
    loop {
        looks.tick().await;
        let (log, older) = (log(store), store.dir().join(OLDER_LOG));
        match rotate(&log, &older, LOG_LIMIT) {
            Err(error) if error.kind() != io::ErrorKind::NotFound && error.to_string() != reported => {
                tracing::warn!("{}: {error}", log.display());
                reported = error.to_string();
            }
            _ => {}
        }
    }
}

/// Moves the contents of a log of more than `most` bytes to another file. The server keeps appending to the
/// same file, which is its standard error.
fn rotate(log: &Path, older: &Path, most: u64) -> io::Result<()> {
    if std::fs::metadata(log)?.len() <= most {
        return Ok(());
    }
    let mut from = File::open(log)?;
    let mut to = private_file(older)?;
    io::copy(&mut io::Read::take(&mut from, 2 * most), &mut to)?;
    File::options().write(true).open(log)?.set_len(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::local::storage::private_files::log_file;

    #[test]
    fn a_log_that_grows_begins_anew_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (path, older) = (dir.path().join(LOG), dir.path().join(OLDER_LOG));
        let mut log = log_file(&path, 1000).unwrap();
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        log.write_all(&[b'a'; 1000]).unwrap();
        rotate(&path, &older, 1000).unwrap();
        assert_eq!((length(&path), length(&older)), (1000, 0));
        for _ in 0..5 {
            log.write_all(&[b'b'; 1500]).unwrap();
            rotate(&path, &older, 1000).unwrap();
            assert_eq!(length(&path), 0);
            assert!((1500..=2000).contains(&length(&older)), "{}", length(&older));
        }
        log.write_all(b"after").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"after");
    }
}
