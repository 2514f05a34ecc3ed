//! Runs Lambda functions: each execution environment is a process with its own listener for the Lambda Runtime
//! API, in its own folder, sandboxed where the system supports it. Environments are reused while they are alive
//! and their function has not changed.

mod api;
mod environment;
mod fence;
mod folder;
mod languages;
mod log;
mod pool;
mod processes;
mod supervisor;

use std::{
    convert::Infallible,
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use serde_json::{Map, Value};
use tokio::{sync::mpsc, time::timeout};

use self::{
    environment::{Ended, Environment},
    languages::Languages,
    pool::{Pool, Serves as _},
    processes::Processes,
};
use super::{
    services::lambda::Function,
    storage::{blobs::Blobs, journal::Journal},
};

pub(crate) use self::log::log_group;
pub use self::supervisor::{of_args as supervise, own_program};

/// Most environments of all functions together, to bound the number of processes.
const MOST_ENVIRONMENTS: usize = 50;
/// How long the start of an environment may keep others from starting. An interpreter needs a tenth of it; a function that
/// needs more is likely to wait for something.
const START: Duration = Duration::from_secs(1);
/// How long supervisors may take to end their processes when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// The input of an invocation.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) event: Bytes,
    /// JSON, as in the header `X-Amz-Client-Context` before base64.
    pub(crate) client_context: Option<String>,
}

/// How an invocation ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The handler's response, unchanged.
    Returned(Bytes),
    /// An error of the function or of its process.
    Failed(FunctionError),
}

/// A failed invocation, as Lambda describes it.
#[derive(Debug, Clone, serde::Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{error_type}: {error_message}")]
pub(crate) struct FunctionError {
    pub(crate) error_message: String,
    pub(crate) error_type: String,
    /// What else the runtime says, such as `stackTrace`.
    #[serde(flatten)]
    details: Map<String, Value>,
}

impl FunctionError {
    fn new(error_type: &str, message: impl Into<String>) -> Self {
        Self { error_type: error_type.to_owned(), error_message: message.into(), details: Map::new() }
    }
}

/// The files and programs that functions need.
#[derive(Debug)]
pub(crate) struct Places {
    /// Storage of packages.
    pub(crate) blobs: Blobs,
    /// Storage of their output.
    pub(crate) journal: Journal,
    /// The parent of the environments' folders.
    pub(crate) code_dir: PathBuf,
    /// The `PATH` for finding interpreters, which functions get as well.
    pub(crate) path: OsString,
    /// This program, which supervises them.
    pub(crate) program: PathBuf,
    /// How long an idle environment is kept.
    pub(crate) idle: Duration,
}

/// All execution environments of a server.
#[derive(Debug)]
pub(crate) struct Runtime {
    places: Places,
    languages: Languages,
    pool: Pool<Environment>,
    processes: Arc<Processes>,
    /// Each running supervisor holds a clone of the sender.
    supervisors: Mutex<Option<mpsc::Sender<Infallible>>>,
    supervisors_end: tokio::sync::Mutex<mpsc::Receiver<Infallible>>,
}

impl Runtime {
    pub(crate) fn new(places: Places) -> Self {
        folder::sweep(&places.code_dir);
        if !fence::holds() {
            tracing::warn!("this system has no Landlock: functions may read and write what the server may");
        }
        let languages = Languages::new(places.path.clone());
        let (supervisors, supervisors_end) = mpsc::channel(1);
        Self {
            places,
            languages,
            pool: Pool::new(MOST_ENVIRONMENTS, available_parallelism().map_or(1, usize::from)),
            processes: Arc::default(),
            supervisors: Mutex::new(Some(supervisors)),
            supervisors_end: tokio::sync::Mutex::new(supervisors_end),
        }
    }

    /// Checks that functions of this runtime can be run.
    ///
    /// # Errors
    /// If there is no interpreter.
    pub(crate) async fn check(&self, runtime: &str) -> Result<(), FunctionError> {
        self.languages.check(runtime).await
    }

    /// Invokes a function and waits for its response, at most for the function's timeout once an environment has it. If
    /// this future is dropped, so is the environment, which ends its process.
    pub(crate) async fn invoke(&self, function: &Function, invocation: Invocation) -> Outcome {
        loop {
            let mut lease = match self.pool.lease(function).await {
                Ok(lease) => lease,
                Err(error) => return Outcome::Failed(error),
            };
            match lease.environment.invoke(invocation.clone()).await {
                Ok(outcome) => {
                    lease.give_back();
                    return outcome;
                }
                // Whoever comes next is not to suffer from it.
                Err(Ended::Before) => {}
                Err(Ended::During(error)) => return Outcome::Failed(error),
            }
        }
    }

    /// Starts environments as they are needed. Never returns.
    pub(crate) async fn start_needed(&self) {
        let mut starts = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = self.pool.changed() => starts.extend(self.pool.begin_starts().into_iter().map(|function| self.start(function))),
                Some(()) = starts.next() => {}
            }
        }
    }

    async fn start(&self, function: Function) {
        let revision = function.revision.clone();
        let mut start = std::pin::pin!(Environment::start(function, self));
        let (has_core, started) = match timeout(START, &mut start).await {
            Ok(started) => (true, started),
            Err(_) => {
                self.pool.needs_no_core(&revision);
                (false, start.await)
            }
        };
        self.pool.started(&revision, has_core, started);
    }

    /// Ends idle environments whose function's revision is no longer current.
    pub(crate) fn keep(&self, is_current: impl Fn(&str) -> bool) {
        self.pool.retain(|environment, _| is_current(&environment.function().revision));
    }

    /// Ends environments that have been idle too long. Never returns.
    pub(crate) async fn end_idle(&self) {
        let mut looks = tokio::time::interval(self.places.idle.div_f64(4.0).max(Duration::from_millis(50)));
        loop {
            looks.tick().await;
            self.pool.retain(|environment, idle| idle < self.places.idle && environment.is_alive());
        }
    }

    /// Ends all idle environments, and waits (for a limited time) until no process of any environment is left.
    pub(crate) async fn stop(&self) {
        self.pool.stop();
        drop(self.supervisors.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut last = self.supervisors_end.lock().await;
        drop(timeout(GRACE, last.recv()).await);
    }

    /// The sender that a running supervisor holds.
    fn running_processes(&self) -> Option<mpsc::Sender<Infallible>> {
        self.supervisors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
