//! The server as a whole: its configuration, routes and shutdown.

mod admin;
mod admission;
mod control_plane;
mod router;

use std::{ffi::OsString, fmt, io, path::PathBuf, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::sync::Notify;

pub use self::router::router;
use super::{
    clock::{Clock, pause},
    data_plane::{DataPlane, Endpoints},
    faults::Faults,
    functions::Functions,
    listen::{self, Bounds},
    runtime::Places,
    server::{Server, Setup},
    services::NewKey,
    storage::store::{AccessKey, Store},
};

/// How long a stopping server waits for requests in progress.
const GRACE: Duration = Duration::from_secs(2);

/// A server's configuration.
pub struct Config {
    /// Where state is stored; `None` keeps it in memory.
    pub store: Option<Store>,
    pub access_key: AccessKey,
    pub faults: Faults,
    pub clock: Clock,
    /// [`SigningKey::in_advance`](super::SigningKey::in_advance), or the same key for all pools of a test.
    pub new_key: NewKey,
    /// The folder for packages, objects, logs and unpacked packages.
    pub dir: PathBuf,
    /// The `PATH` on which interpreters for functions are searched.
    pub path: OsString,
    /// The program that supervises functions: `agentcore-gw` itself.
    pub program: PathBuf,
    /// How long an idle execution environment is kept.
    pub function_idle: Duration,
    /// Timeout of requests to the APIs behind gateways.
    pub upstream_timeout: Duration,
    /// Endpoints of the services behind Smithy targets.
    pub endpoints: Endpoints,
    /// The IAM policies of all callers of the control plane; without any, everything is allowed.
    pub caller_policies: Vec<String>,
}

/// A local AWS. Clones share the same one.
#[derive(Clone)]
pub struct Local {
    server: Server,
    functions: Functions,
    data_plane: Arc<DataPlane>,
    stop: Arc<Notify>,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

impl Local {
    /// A local AWS with the state that its store holds.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn new(config: Config) -> io::Result<Self> {
        let Config { store, access_key, faults, clock, new_key, dir, caller_policies, .. } = config;
        let setup = Setup { store, access_key, faults, clock, new_key, dir: &dir, caller_policies };
        let server = Server::new(setup)?;
        let places = Places {
            blobs: server.blobs().clone(),
            journal: server.journal().clone(),
            code_dir: dir.join("code"),
            path: config.path,
            program: config.program,
            idle: config.function_idle,
        };
        let functions = Functions::new(server.clone(), places);
        let (timeout, endpoints) = (config.upstream_timeout, config.endpoints);
        let data_plane = Arc::new(DataPlane::new(server.clone(), functions.clone(), timeout, endpoints));
        Ok(Self { server, functions, data_plane, stop: Arc::default() })
    }

    /// Returns when a client with the access key requests the server to stop.
    pub async fn stop_requested(&self) {
        self.stop.notified().await;
    }

    /// Starts the processes of functions as they are needed. Never returns; nobody is served by a function without it.
    pub async fn start_functions(&self) {
        self.functions.runtime().start_needed().await;
    }

    /// The state as JSON, for tests that check for an empty account.
    pub fn snapshot(&self) -> Value {
        self.server.snapshot()
    }

    /// Edits the state as JSON, for tests that need a particular past.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        self.server.edit(change);
    }
}

/// Serves until `shutdown` completes, and then ends the processes of functions.
///
/// # Errors
/// If the limit on open files cannot be raised.
pub async fn serve(
    listener: tokio::net::TcpListener,
    local: Local,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listen::raise_file_limit()?;
    local.server.serves_at(listener.local_addr()?);
    let asked = Arc::new(Notify::new());
    let begins = asked.clone();
    let shutdown = async move {
        shutdown.await;
        begins.notify_one();
    };
    let runtime = local.functions.runtime();
    tokio::select! {
        () = listen::serve(listener, router(local.clone()), Bounds::of_server(), shutdown) => {}
        // A client may hold a connection open, or a function may run for minutes.
        () = async { asked.notified().await; pause(GRACE).await } => {}
        () = local.start_functions() => {}
        () = runtime.end_idle() => {}
    }
    runtime.stop().await;
    Ok(())
}
