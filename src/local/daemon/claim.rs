//! The claim of a server to its state folder, and its registration there.

use std::{fs::File, io};

use super::{Mode, Running, SERVER, SERVER_LOCK, Store, TIMEOUT, find, log, pause, private_file};

/// The lock that a server holds while it runs: two servers on one state would overwrite each other's changes.
#[derive(Debug)]
pub struct Claim {
    store: Store,
    lock: File,
}

impl Claim {
    /// Makes this process the server of a state folder. Must come before its port is bound, so that a process that
    /// finds the port taken can tell by whom.
    ///
    /// # Errors
    /// If another server has the folder.
    pub async fn new(store: &Store) -> io::Result<Self> {
        let lock = private_file(&store.dir().join(SERVER_LOCK))?;
        // A stopping server may take a moment to release the lock; a running one does not release it.
        let free = async {
            while lock.try_lock().is_err() {
                if let Some(running) = find(store).await? {
                    return Err(io::Error::other(format!("one already runs at {}", running.endpoint())));
                }
                pause().await;
            }
            Ok(())
        };
        let waited = tokio::time::timeout(TIMEOUT / 4, free).await;
        waited.map_err(|_| io::Error::other("another server runs on this state and does not answer"))??;
        Ok(Self { store: store.clone(), lock })
    }

    /// Records that this server listens on `port`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn register(self, port: u16, mode: Mode) -> io::Result<Registration> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let log = mode.in_background.then(|| log(&self.store));
        let running = Running { pid: std::process::id(), port, version, log, ephemeral: mode.ephemeral };
        self.store.write(SERVER, &running)?;
        Ok(Registration { store: self.store, _lock: self.lock })
    }
}

/// The record of a running server. Removed on drop.
#[derive(Debug)]
pub struct Registration {
    store: Store,
    _lock: File,
}

impl Drop for Registration {
    fn drop(&mut self) {
        // Ignore errors: the next look-up finds that nothing is listening.
        drop(self.store.remove(SERVER));
    }
}
