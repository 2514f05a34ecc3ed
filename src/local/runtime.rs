//! Runs Lambda functions: each execution environment is a process of its own that talks to its
//! own listener in the Lambda Runtime API. Environments are reused while they live and their
//! function has not changed.

mod api;
mod environment;
mod languages;

use std::{collections::HashMap, ffi::OsString, path::PathBuf, sync::Mutex};

use bytes::Bytes;
use tokio::sync::Semaphore;

use self::{environment::Environment, languages::Languages};
use super::{blobs::Blobs, journal::Journal, services::lambda::Function};

/// Environments that may run at once, of all functions together: processes are not free.
const MOST_ENVIRONMENTS: usize = 50;

/// What a function is called with.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) event: Bytes,
    /// JSON, as in the header `X-Amz-Client-Context` before base64.
    pub(crate) client_context: Option<String>,
}

/// How an invocation ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The handler's answer, as it sent it.
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
}

impl FunctionError {
    fn new(error_type: &str, message: impl Into<String>) -> Self {
        Self { error_type: error_type.to_owned(), error_message: message.into() }
    }
}

/// Where functions live and find their interpreters.
#[derive(Debug)]
pub(crate) struct Places {
    /// Where packages are kept.
    pub(crate) blobs: Blobs,
    /// Where what they print is kept.
    pub(crate) journal: Journal,
    /// Where packages are unpacked, one folder per package.
    pub(crate) code_dir: PathBuf,
    /// The `PATH` that interpreters are looked up on, and that functions get.
    pub(crate) path: OsString,
}

/// All execution environments of a server.
#[derive(Debug)]
pub(crate) struct Runtime {
    places: Places,
    languages: Languages,
    /// Idle environments, by function revision.
    idle: Mutex<HashMap<String, Vec<Environment>>>,
    running: Semaphore,
}

impl Runtime {
    pub(crate) fn new(places: Places) -> Self {
        let languages = Languages::new(places.path.clone());
        Self { places, languages, idle: Mutex::default(), running: Semaphore::new(MOST_ENVIRONMENTS) }
    }

    /// Invokes a function and waits for its answer, at most the function's timeout.
    pub(crate) async fn invoke(&self, function: Function, invocation: Invocation) -> Outcome {
        let _permit = self.running.acquire().await;
        let revision = function.revision.clone();
        let mut environment = match self.take_idle(&revision) {
            Some(environment) => environment,
            None => match Environment::start(function, &self.places, &self.languages).await {
                Ok(environment) => environment,
                Err(error) => return Outcome::Failed(error),
            },
        };
        // Whatever ends this wait early drops the environment, and with it its process.
        match environment.invoke(invocation).await {
            Ok(outcome) => {
                self.put_idle(revision, environment);
                outcome
            }
            Err(error) => Outcome::Failed(error),
        }
    }

    /// Ends all idle environments.
    pub(crate) fn stop(&self) {
        self.lock().clear();
    }

    fn take_idle(&self, revision: &str) -> Option<Environment> {
        let mut idle = self.lock();
        let environments = idle.get_mut(revision)?;
        while let Some(mut environment) = environments.pop() {
            if environment.is_alive() {
                return Some(environment);
            }
        }
        None
    }

    fn put_idle(&self, revision: String, environment: Environment) {
        let mut idle = self.lock();
        // Environments of an older revision of the same function will never be asked for again.
        idle.retain(|other, environments| {
            *other == revision || environments.iter().all(|other| other.function_arn() != environment.function_arn())
        });
        idle.entry(revision).or_default().push(environment);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<Environment>>> {
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
