//! How a function of each runtime is started.

use std::{
    collections::HashMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{process::Command, sync::Mutex};

use super::FunctionError;

/// Runs a Node.js handler; Lambda's own runtime does the same job there.
const NODE_BOOTSTRAP: &str = include_str!("../../../templates/runtime/bootstrap.mjs");
/// Runs a Python handler, likewise.
const PYTHON_BOOTSTRAP: &str = include_str!("../../../templates/runtime/bootstrap.py");

/// A language that Lambda's own runtimes speak.
struct Language {
    name: &'static str,
    /// The major version that the runtime's name asks for.
    major: String,
    /// What its interpreter may be called.
    candidates: Vec<String>,
    /// Arguments that have the interpreter print its version and where it really is. What PATH
    /// names is often a version manager's shim, which would be asked anew at every start.
    whereabouts: [&'static str; 2],
    bootstrap: &'static [&'static str],
}

impl Language {
    /// The language of a runtime such as `python3.13` or `nodejs24.x`.
    fn of(runtime: &str) -> Option<Self> {
        let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
        if let Some(version) = runtime.strip_prefix("python") {
            let major = major(version);
            return Some(Self {
                name: "Python",
                candidates: vec![runtime.to_owned(), format!("python{major}"), "python".to_owned()],
                major,
                whereabouts: ["-c", "import platform, sys; print(platform.python_version(), sys.executable)"],
                bootstrap: &["-c", PYTHON_BOOTSTRAP],
            });
        }
        runtime.strip_prefix("nodejs").map(|version| Self {
            name: "Node.js",
            candidates: vec!["node".to_owned()],
            major: major(version),
            whereabouts: ["--print", "`${process.versions.node} ${process.execPath}`"],
            bootstrap: &["--input-type=module", "--eval", NODE_BOOTSTRAP],
        })
    }
}

/// Whether a function of this runtime is run by a bootstrap of ours.
pub(super) fn has_bootstrap(runtime: &str) -> bool {
    Language::of(runtime).is_some()
}

/// The interpreters found so far.
#[derive(Debug)]
pub(super) struct Languages {
    path: OsString,
    found: Mutex<HashMap<String, PathBuf>>,
}

impl Languages {
    pub(super) fn new(path: OsString) -> Self {
        Self { path, found: Mutex::default() }
    }

    /// What starts a function of this runtime whose package lies in `task_root`.
    ///
    /// # Errors
    ///
    /// `Runtime.InvalidRuntime`, where no interpreter of the major version is on PATH.
    pub(super) async fn command(&self, runtime: &str, task_root: &Path) -> Result<Command, FunctionError> {
        let Some(language) = Language::of(runtime) else { return Ok(Command::new(task_root.join("bootstrap"))) };
        // Whoever comes while one looks waits for what it finds.
        let mut found = self.found.lock().await;
        let interpreter = match found.get(runtime).filter(|known| known.exists()) {
            Some(known) => known.clone(),
            None => self.find(&language).await.ok_or_else(|| {
                let Language { name, major, .. } = language;
                let message = format!("{runtime} needs {name} {major} on PATH, and there is none");
                FunctionError::new("Runtime.InvalidRuntime", message)
            })?,
        };
        found.insert(runtime.to_owned(), interpreter.clone());
        let mut command = Command::new(interpreter);
        command.args(language.bootstrap);
        Ok(command)
    }

    /// The first candidate on PATH that is of the wanted version; its true version is logged.
    async fn find(&self, language: &Language) -> Option<PathBuf> {
        for candidate in &language.candidates {
            let mut command = Command::new(candidate);
            command.args(language.whereabouts).env_clear().env("PATH", &self.path).stdin(Stdio::null());
            let Ok(output) = command.output().await else { continue };
            let said = String::from_utf8_lossy(&output.stdout);
            let Some((version, executable)) = said.trim().split_once(' ') else { continue };
            if version.split('.').next() == Some(&language.major) {
                tracing::info!("functions run on {} {version} ({executable})", language.name);
                return Some(PathBuf::from(executable));
            }
        }
        None
    }
}
