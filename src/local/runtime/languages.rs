//! The interpreters and programs that run functions of each runtime.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{process::Command, sync::Mutex, time::timeout};

use super::FunctionError;

/// Runs a Node.js handler, in place of Lambda's own runtime.
const NODE_BOOTSTRAP: &str = include_str!("../../../templates/runtime/bootstrap.mjs");
/// Runs a Python handler, in place of Lambda's own runtime.
const PYTHON_BOOTSTRAP: &str = include_str!("../../../templates/runtime/bootstrap.py");

/// Timeout for querying an interpreter's version.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A language of Lambda's managed runtimes.
struct Language {
    name: &'static str,
    /// The major version in the runtime's name.
    major: String,
    /// Possible names of its interpreter.
    candidates: Vec<String>,
    /// Arguments that make the interpreter print its version, its real path, and the paths that it reads, one per
    /// line. The real path is needed because PATH often names a version manager's shim, which would be resolved
    /// again at every start.
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
                whereabouts: [
                    "-c",
                    "import platform, sys; print(platform.python_version(), sys.executable, \
                     sys.prefix, sys.base_prefix, sys.exec_prefix, *filter(None, sys.path), sep='\\n')",
                ],
                bootstrap: &["-c", PYTHON_BOOTSTRAP],
            });
        }
        runtime.strip_prefix("nodejs").map(|version| Self {
            name: "Node.js",
            candidates: vec!["node".to_owned()],
            major: major(version),
            whereabouts: ["--print", "[process.versions.node, process.execPath].join('\\n')"],
            bootstrap: &["--input-type=module", "--eval", NODE_BOOTSTRAP],
        })
    }
}

/// Whether functions of this runtime are run by one of this project's bootstraps.
pub(super) fn has_bootstrap(runtime: &str) -> bool {
    Language::of(runtime).is_some()
}

/// An interpreter, and the paths that it reads.
#[derive(Debug, Clone)]
struct Interpreter {
    file: PathBuf,
    readable: Vec<PathBuf>,
}

/// The program to run for a function.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) file: PathBuf,
    pub(super) args: &'static [&'static str],
    /// The paths that it must be able to read, besides its package and the system.
    pub(super) readable: Vec<PathBuf>,
}

/// The interpreters found so far.
#[derive(Debug)]
pub(super) struct Languages {
    path: OsString,
    /// By runtime.
    found: std::sync::Mutex<HashMap<String, Arc<Mutex<Option<Interpreter>>>>>,
}

impl Languages {
    pub(super) fn new(path: OsString) -> Self {
        Self { path, found: std::sync::Mutex::default() }
    }

    /// Returns the program for a function of this runtime whose package is in `task_root`.
    ///
    /// # Errors
    ///
    /// `Runtime.InvalidRuntime` if no interpreter of the major version is on PATH; `Runtime.InvalidEntrypoint` if
    /// the package has no program.
    pub(super) async fn program(&self, runtime: &str, task_root: &Path) -> Result<Program, FunctionError> {
        let Some(language) = Language::of(runtime) else { return bootstrap(task_root) };
        let Interpreter { file, readable } = self.interpreter(runtime, &language).await?;
        Ok(Program { file, args: language.bootstrap, readable })
    }

    /// Checks that functions of this runtime can be run.
    ///
    /// # Errors
    ///
    /// As [`Self::program`].
    pub(super) async fn check(&self, runtime: &str) -> Result<(), FunctionError> {
        let Some(language) = Language::of(runtime) else { return Ok(()) };
        self.interpreter(runtime, &language).await.map(drop)
    }

    async fn interpreter(&self, runtime: &str, language: &Language) -> Result<Interpreter, FunctionError> {
        // Concurrent callers wait for one search per runtime.
        let place = self.lock().entry(runtime.to_owned()).or_default().clone();
        let mut found = place.lock().await;
        if let Some(known) = found.as_ref().filter(|known| known.file.exists()) {
            return Ok(known.clone());
        }
        let interpreter = self.find(language).await.ok_or_else(|| {
            let Language { name, major, .. } = language;
            let message = format!("{runtime} needs {name} {major} on PATH, and there is none");
            FunctionError::new("Runtime.InvalidRuntime", message)
        })?;
        *found = Some(interpreter.clone());
        Ok(interpreter)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Mutex<Option<Interpreter>>>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the first candidate on PATH with the wanted major version, and logs its exact version.
    async fn find(&self, language: &Language) -> Option<Interpreter> {
        for candidate in &language.candidates {
            let mut command = Command::new(candidate);
            command.args(language.whereabouts).env_clear().env("PATH", &self.path).stdin(Stdio::null());
            command.kill_on_drop(true);
            // A version manager's shim may start to download the interpreter.
            let Ok(Ok(output)) = timeout(TIMEOUT, command.output()).await else { continue };
            let said = String::from_utf8_lossy(&output.stdout);
            let mut lines = said.lines();
            let (Some(version), Some(executable)) = (lines.next(), lines.next()) else { continue };
            if version.split('.').next() == Some(&language.major) {
                tracing::info!("functions run on {} {version} ({executable})", language.name);
                let file = PathBuf::from(executable);
                // A program's libraries are often in `../lib`.
                let beside = file.parent().map(|bin| [bin.to_owned(), bin.join("../lib")]);
                let readable = lines.map(PathBuf::from).chain(beside.into_iter().flatten()).collect();
                return Some(Interpreter { file, readable });
            }
        }
        None
    }
}

/// The program of a package with a custom runtime.
fn bootstrap(task_root: &Path) -> Result<Program, FunctionError> {
    let file = task_root.join("bootstrap");
    let problem = match fs::metadata(&file) {
        Ok(metadata) if is_program(&metadata) => return Ok(Program { file, args: &[], readable: Vec::new() }),
        Ok(_) => "the package's `bootstrap` is no file that may be executed",
        Err(_) => "the package has no `bootstrap`",
    };
    Err(FunctionError::new("Runtime.InvalidEntrypoint", problem))
}

#[cfg(unix)]
fn is_program(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_program(metadata: &fs::Metadata) -> bool {
    metadata.is_file()
}
