//! One execution environment: a process, and the listener that it gets its work from.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{FunctionError, Invocation, Outcome, Places, api, languages::Languages};
use crate::local::{package, random, services::lambda::Function, store};

#[derive(Debug)]
pub(super) struct Environment {
    function: Function,
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
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, api::router(receiver)).await {
                tracing::warn!("the runtime API of a function ended: {error}");
            }
        });
        let mut command = languages.command(&function.runtime, &task_root).await?;
        set_environment(&mut command, &function, &task_root, address);
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
        log_lines(&function.name, process.stdout.take());
        log_lines(&function.name, process.stderr.take());
        Ok(Self { function, process, queue, server })
    }

    pub(super) fn function_arn(&self) -> &str {
        &self.function.arn
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Hands one invocation to the function and waits for its answer, or its process's end.
    pub(super) async fn invoke(&mut self, invocation: Invocation, timeout: Duration) -> Result<Outcome, FunctionError> {
        let id = random::uuid();
        let (reply, answer) = oneshot::channel();
        let headers = headers(&id, &self.function, &invocation, timeout);
        let pending = api::Pending { id: id.clone(), headers, event: invocation.event, reply };
        let ended = || FunctionError::new("Runtime.ExitError", format!("RequestId: {id} Error: Runtime exited"));
        self.queue.send(pending).await.map_err(|_| ended())?;
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
        }
    }
}

/// The package's folder, unpacked on first use.
async fn unpacked(function: &Function, places: &Places) -> Result<PathBuf, FunctionError> {
    let folder = places.code_dir.join(function.code.to_string());
    if folder.is_dir() {
        return Ok(folder);
    }
    let (code, blobs) = (function.code.clone(), places.blobs.clone());
    let (target, code_dir) = (folder.clone(), places.code_dir.clone());
    let unpack = move || -> Result<(), package::PackageError> {
        store::make_private_dir(&code_dir)?;
        let temporary = code_dir.join(random::lower_alphanumeric(12));
        store::make_private_dir(&temporary)?;
        package::unpack(&blobs.get(&code)?, &temporary)?;
        // Another invocation may have been first; its folder is as good.
        if std::fs::rename(&temporary, &target).is_err() {
            std::fs::remove_dir_all(&temporary)?;
        }
        Ok(())
    };
    let unpacked = tokio::task::spawn_blocking(unpack).await;
    match unpacked {
        Ok(Ok(())) => Ok(folder),
        Ok(Err(error)) => Err(FunctionError::new("Runtime.InternalError", error.to_string())),
        Err(error) => Err(FunctionError::new("Runtime.InternalError", error.to_string())),
    }
}

/// The environment that Lambda gives a function (Lambda developer guide, "Defined runtime
/// environment variables") and the user's variables; nothing of the server's own.
fn set_environment(command: &mut Command, function: &Function, task_root: &Path, api: SocketAddr) {
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
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{}", random::lower_alphanumeric(32)))
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("AWS_LAMBDA_RUNTIME_API", api.to_string());
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

/// What a function prints goes to the server's log.
fn log_lines(function: &str, output: Option<impl AsyncRead + Unpin + Send + 'static>) {
    let Some(output) = output else { return };
    let function = function.to_owned();
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            tracing::info!(function, "{line}");
        }
    });
}
