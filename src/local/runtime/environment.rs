//! One execution environment: a process, and the listener that it gets its work from.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{HeaderMap, HeaderValue},
};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    FunctionError, Invocation, Outcome, Places, api,
    languages::{self, Languages},
};
use crate::local::{ACCOUNT, journal::Journal, package, random, services::lambda::Function, store};

/// Bytes of a log event (CloudWatch Logs quota page); a longer line becomes several.
const LONGEST_LINE: u64 = 256 * 1024;
/// Characters of a line that the server's own log shows.
const LOGGED: usize = 2000;
/// How often a running function's memory is looked at.
const MEMORY_LOOKS: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Environment {
    function: Function,
    log: Log,
    process: Child,
    queue: mpsc::Sender<api::Pending>,
    server: JoinHandle<()>,
}

impl Drop for Environment {
    fn drop(&mut self) {
        // The process ends with `kill_on_drop`; what it started itself, with its group.
        #[cfg(unix)]
        if let Some(group) = self.process.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?)) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        self.server.abort();
    }
}

impl Environment {
    pub(super) async fn start(
        function: Function,
        places: &Places,
        languages: &Languages,
    ) -> Result<Self, FunctionError> {
        let internal = |error: std::io::Error| FunctionError::new("Runtime.InternalError", error.to_string());
        let task_root = unpacked(&function, places).await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(internal)?;
        let address = listener.local_addr().map_err(internal)?;
        let (queue, receiver) = mpsc::channel(1);
        // Loopback is no boundary: only our bootstraps know the path that their work comes from. Runtimes
        // of others build on host and port alone, as Lambda has it.
        let secret =
            languages::has_bootstrap(&function.runtime).then(|| format!("/{}", random::lower_alphanumeric(32)));
        let path = secret.unwrap_or_default();
        let router =
            if path.is_empty() { api::router(receiver) } else { Router::new().nest(&path, api::router(receiver)) };
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!("the runtime API of a function ended: {error}");
            }
        });
        let mut command = languages.command(&function.runtime, &task_root).await?;
        let log = Log::new(&function, places.journal.clone());
        set_environment(&mut command, &function, &task_root);
        command
            .env("AWS_LAMBDA_LOG_GROUP_NAME", log_group(&function))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", &log.stream)
            .env("AWS_LAMBDA_RUNTIME_API", format!("{address}{path}"));
        command.env("PATH", &places.path);
        #[cfg(unix)]
        command.process_group(0);
        let mut process = command
            .current_dir(&task_root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                FunctionError::new("Runtime.InvalidEntrypoint", format!("cannot start the function: {error}"))
            })?;
        log.lines_of(process.stdout.take());
        log.lines_of(process.stderr.take());
        Ok(Self { function, log, process, queue, server })
    }

    pub(super) fn function_arn(&self) -> &str {
        &self.function.arn
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Hands one invocation to the function and waits for its answer, its process's end, or the end
    /// of its time. Whatever is not an outcome, the environment does not survive.
    pub(super) async fn invoke(&mut self, invocation: Invocation) -> Result<Outcome, FunctionError> {
        let (id, timeout) = (random::uuid(), Duration::from_secs(self.function.timeout));
        self.log.write(&format!("START RequestId: {id} Version: $LATEST"));
        let begun = Instant::now();
        let outcome = tokio::time::timeout(timeout, self.answer(&id, invocation, timeout)).await.unwrap_or_else(|_| {
            let message = format!("Task timed out after {:.2} seconds", timeout.as_secs_f64());
            Err(FunctionError::new("Sandbox.Timedout", format!("RequestId: {id} Error: {message}")))
        });
        self.log.write(&format!("END RequestId: {id}"));
        let taken = begun.elapsed().as_secs_f64() * 1000.0;
        let mut report = format!(
            "REPORT RequestId: {id}\tDuration: {taken:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: {} MB",
            taken.ceil(),
            self.function.memory
        );
        if let Err(error) = &outcome {
            report.push_str(&format!("\tStatus: error\tError Type: {}", error.error_type));
        }
        self.log.write(&report);
        outcome
    }

    async fn answer(&mut self, id: &str, invocation: Invocation, timeout: Duration) -> Result<Outcome, FunctionError> {
        let (reply, answer) = oneshot::channel();
        let headers = headers(id, &self.function, &invocation, timeout);
        let pending = api::Pending { id: id.to_owned(), headers, event: invocation.event, reply };
        let ended = || FunctionError::new("Runtime.ExitError", format!("RequestId: {id} Error: Runtime exited"));
        self.queue.send(pending).await.map_err(|_| ended())?;
        let too_large = outgrows(self.process.id(), self.function.memory);
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err(ended())),
            status = self.process.wait() => match status {
                Ok(status) => Err(FunctionError::new(
                    "Runtime.ExitError",
                    format!("RequestId: {id} Error: Runtime exited: {status}"),
                )),
                Err(_) => Err(ended()),
            },
            () = too_large => Err(FunctionError::new(
                "Runtime.OutOfMemory",
                format!("RequestId: {id} Error: Runtime exited with error: signal: killed"),
            )),
        }
    }
}

/// Returns when a process takes more memory than `megabytes`. What it starts itself is not counted.
async fn outgrows(process: Option<u32>, megabytes: u64) {
    let (Some(process), Ok(mut system)) = (process.map(sysinfo::Pid::from_u32), sysinfo::System::new()) else {
        return std::future::pending().await;
    };
    let mut looks = tokio::time::interval(MEMORY_LOOKS);
    loop {
        looks.tick().await;
        let memory = ProcessRefreshKind::nothing().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[process]), false, memory);
        if system.process(process).is_some_and(|process| process.memory() > megabytes * 1024 * 1024) {
            return;
        }
    }
}

/// The package's folder, unpacked on first use.
async fn unpacked(function: &Function, places: &Places) -> Result<PathBuf, FunctionError> {
    let folder = places.code_dir.join(function.code.to_string());
    let fence = places.code_dir.join("package.json");
    if folder.is_dir() && fence.is_file() {
        return Ok(folder);
    }
    let (code, blobs) = (function.code.clone(), places.blobs.clone());
    let (target, code_dir) = (folder.clone(), places.code_dir.clone());
    let unpack = move || unpack_to(&target, &blobs.get(&code)?, &code_dir);
    let unpacked = tokio::task::spawn_blocking(unpack).await;
    match unpacked {
        Ok(Ok(())) => Ok(folder),
        Ok(Err(error)) => Err(FunctionError::new("Runtime.InternalError", error.to_string())),
        Err(error) => Err(FunctionError::new("Runtime.InternalError", error.to_string())),
    }
}

/// Unpacks a package to a folder of `code_dir`, whole or not at all.
fn unpack_to(target: &Path, package: &[u8], code_dir: &Path) -> Result<(), package::PackageError> {
    store::make_private_dir(code_dir)?;
    // Node.js looks for the package that a file belongs to upwards, and a home may well be one.
    store::write_whole(code_dir, "package.json", b"{}")?;
    let temporary = code_dir.join(random::lower_alphanumeric(12));
    store::make_private_dir(&temporary)?;
    let unpacked = package::unpack(package, &temporary);
    // It may be there, or another invocation may have been first; that folder is as good.
    if unpacked.is_err() || std::fs::rename(&temporary, target).is_err() {
        std::fs::remove_dir_all(&temporary)?;
    }
    unpacked
}

/// The environment that Lambda gives a function (Lambda developer guide, "Defined runtime
/// environment variables") and the user's variables; nothing of the server's own.
fn set_environment(command: &mut Command, function: &Function, task_root: &Path) {
    command
        .env_clear()
        .envs(&function.environment)
        .env("LANG", "en_US.UTF-8")
        .env("TZ", ":UTC")
        .env("PYTHONUNBUFFERED", "1")
        // A package's folder is read-only in Lambda.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("_HANDLER", &function.handler)
        .env("LAMBDA_TASK_ROOT", task_root)
        .env("LAMBDA_RUNTIME_DIR", task_root)
        .env("AWS_REGION", &function.region)
        .env("AWS_DEFAULT_REGION", &function.region)
        .env("AWS_EXECUTION_ENV", format!("AWS_Lambda_{}", function.runtime))
        .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory.to_string())
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
}

fn headers(id: &str, function: &Function, invocation: &Invocation, timeout: Duration) -> HeaderMap {
    let deadline = std::time::UNIX_EPOCH.elapsed().unwrap_or_default() + timeout;
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("lambda-runtime-aws-request-id", id);
    set("lambda-runtime-invoked-function-arn", &function.arn);
    set("lambda-runtime-deadline-ms", &deadline.as_millis().to_string());
    if let Some(context) = &invocation.client_context {
        set("lambda-runtime-client-context", context);
    }
    headers
}

fn log_group(function: &Function) -> String {
    format!("/aws/lambda/{}", function.name)
}

/// The beginning of a text, with what would move a terminal's cursor written out: a carriage return would let a
/// function write over the lines of others.
fn on_one_line(text: &str) -> String {
    let moves = |c: char| c.is_control() && c != '\t' || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}');
    let shown = |c: char| if moves(c) { c.escape_unicode().to_string() } else { c.to_string() };
    text.chars().take(LOGGED).map(shown).collect()
}

/// Where an environment's lines go: its stream in the function's log group, and the server's log.
#[derive(Debug, Clone)]
struct Log {
    function: String,
    group_arn: String,
    stream: String,
    journal: Journal,
}

impl Log {
    fn new(function: &Function, journal: Journal) -> Self {
        // As Lambda names them: the day, the version, and a name of its own.
        let day = jiff::Timestamp::now().strftime("%Y/%m/%d").to_string();
        Self {
            function: function.name.clone(),
            group_arn: format!("arn:aws:logs:{}:{ACCOUNT}:log-group:{}", function.region, log_group(function)),
            stream: format!("{day}/[$LATEST]{}", random::lower_alphanumeric(32)),
            journal,
        }
    }

    fn write(&self, line: &str) {
        self.journal.write(&self.group_arn, &self.stream, line);
    }

    fn lines_of(&self, output: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let Some(output) = output else { return };
        let log = self.clone();
        tokio::spawn(async move {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            // Whatever it prints, text or not, with or without an end, the pipe is kept empty.
            while let Ok(1..) = (&mut output).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end_matches(['\r', '\n']);
                tracing::info!(function = log.function, "{}", on_one_line(text));
                log.write(text);
                line.clear();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_cannot_be_unpacked_leaves_nothing() {
        use std::io::Write as _;

        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file("a.py", stored).unwrap();
        zip.write_all(b"some code").unwrap();
        let good = zip.finish().unwrap().into_inner();
        let mut bad = good.clone();
        let at = bad.windows(4).position(|bytes| bytes == b"some").unwrap();
        bad[at] = b'S';
        let dir = tempfile::tempdir().unwrap();
        let names =
            || std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        let target = dir.path().join("code");
        for _ in 0..3 {
            unpack_to(&target, &bad, dir.path()).unwrap_err();
            assert_eq!(names(), ["package.json"]);
        }
        unpack_to(&target, &good, dir.path()).unwrap();
        unpack_to(&target, &good, dir.path()).unwrap();
        assert_eq!(names().len(), 2);
    }

    #[test]
    fn a_line_in_the_log_stays_in_its_line() {
        assert_eq!(
            on_one_line("\r2026 INFO forged\u{1b}[2J\ta\u{202e}b"),
            "\\u{d}2026 INFO forged\\u{1b}[2J\ta\\u{202e}b"
        );
    }
}
