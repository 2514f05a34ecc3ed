//! Runs Lambda functions: each execution environment is a process with its own listener for the Lambda Runtime
//! API, in its own folder, sandboxed where the system supports it. Environments are reused while they are alive
//! and their function has not changed.

mod api;
mod environment;
mod fence;
mod folder;
mod languages;
mod log;
mod processes;
mod supervisor;

use std::{
    collections::VecDeque,
    convert::Infallible,
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, mpsc};

use self::{
    environment::{Ended, Environment},
    languages::Languages,
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
    /// Ordered by idle time, longest first.
    idle: Mutex<VecDeque<Idle>>,
    running: Semaphore,
    processes: Arc<Processes>,
    /// Each running supervisor holds a clone of the sender.
    supervisors: Mutex<Option<mpsc::Sender<Infallible>>>,
    supervisors_end: tokio::sync::Mutex<mpsc::Receiver<Infallible>>,
}

#[derive(Debug)]
struct Idle {
    since: Instant,
    environment: Environment,
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
            idle: Mutex::default(),
            running: Semaphore::new(MOST_ENVIRONMENTS),
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

    /// Invokes a function and waits for its response, at most for the function's timeout.
    pub(crate) async fn invoke(&self, function: Function, invocation: Invocation) -> Outcome {
        let _permit = self.running.acquire().await;
        // A process may end after it has answered: whoever comes next is not to suffer from it.
        while let Some(environment) = self.take_idle(&function.revision) {
            if let Some(outcome) = self.invoke_in(environment, invocation.clone()).await {
                return outcome;
            }
        }
        self.make_room();
        match Environment::start(function, self).await {
            Ok(environment) => self
                .invoke_in(environment, invocation)
                .await
                .unwrap_or_else(|| Outcome::Failed(FunctionError::new("Runtime.ExitError", environment::NO_REASON))),
            Err(error) => Outcome::Failed(error),
        }
    }

    /// Invokes a function in this environment, and keeps it for the next invocation unless it has failed. `None` if it
    /// had ended before it took the event. If this future is dropped, so is the environment, which ends its process.
    async fn invoke_in(&self, mut environment: Environment, invocation: Invocation) -> Option<Outcome> {
        match environment.invoke(invocation).await {
            Ok(outcome) => {
                self.lock().push_back(Idle { since: Instant::now(), environment });
                Some(outcome)
            }
            Err(Ended::Before) => None,
            Err(Ended::During(error)) => Some(Outcome::Failed(error)),
        }
    }

    /// Ends idle environments whose function's revision is no longer current.
    pub(crate) fn keep(&self, is_current: impl Fn(&str) -> bool) {
        self.lock().retain(|idle| is_current(&idle.environment.function().revision));
    }

    /// Ends environments that have been idle too long. Never returns.
    pub(crate) async fn end_idle(&self) {
        let mut looks = tokio::time::interval(self.places.idle.div_f64(4.0).max(Duration::from_millis(50)));
        loop {
            looks.tick().await;
            self.lock().retain(|idle| idle.since.elapsed() < self.places.idle && idle.environment.is_alive());
        }
    }

    /// Ends all idle environments, and waits (for a limited time) until no process of any environment is left.
    pub(crate) async fn stop(&self) {
        self.lock().clear();
        drop(self.supervisors.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut last = self.supervisors_end.lock().await;
        drop(tokio::time::timeout(GRACE, last.recv()).await);
    }

    /// The sender that a running supervisor holds.
    fn running_processes(&self) -> Option<mpsc::Sender<Infallible>> {
        self.supervisors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the most recently used environment, which is likely the fastest.
    fn take_idle(&self, revision: &str) -> Option<Environment> {
        let mut idle = self.lock();
        idle.retain(|idle| idle.environment.is_alive());
        let at = idle.iter().rposition(|idle| idle.environment.function().revision == revision)?;
        idle.remove(at).map(|idle| idle.environment)
    }

    /// Ends the longest idle environments until there is room for one more.
    fn make_room(&self) {
        let running = MOST_ENVIRONMENTS - self.running.available_permits();
        let mut idle = self.lock();
        while idle.len() + running > MOST_ENVIRONMENTS && idle.pop_front().is_some() {}
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
