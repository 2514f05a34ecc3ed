//! One execution environment: a supervised process, and its listener for the Runtime API.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderValue};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpListener,
    process::{ChildStdin, Command},
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use super::{
    FunctionError, Invocation, Outcome, Runtime,
    api::{self, Init},
    folder::{self, Folder},
    languages::{self, Program},
    log::{self, Log},
    pool::Serves,
    processes::Processes,
    supervisor::{self, Job},
};
use crate::local::{
    clock::pause,
    listen::{self, Admission, Bounds},
    random,
    services::lambda::Function,
};

/// Most connections to an environment's Runtime API; a runtime needs one or two.
const MOST_CONNECTIONS: usize = 32;
/// How long a function may take to start before its first invocation is sent nevertheless, which then counts as running
/// (Lambda developer guide, "Lambda execution environment lifecycle": "The Init phase is limited to 10 seconds").
const INIT: Duration = Duration::from_secs(10);
/// How often a running function's memory is checked.
const MEMORY_LOOKS: Duration = Duration::from_millis(100);

/// Dropping it closes the supervisor's standard input, which ends its processes.
#[derive(Debug)]
pub(super) struct Environment {
    function: Function,
    log: Log,
    supervisor: u32,
    _wanted: ChildStdin,
    ended: watch::Receiver<Option<ExitStatus>>,
    init: watch::Receiver<Init>,
    queue: mpsc::Sender<api::Pending>,
    processes: Arc<Processes>,
    has_answered: bool,
}

/// Why an invocation has no outcome of the function's own.
#[derive(Debug)]
pub(super) enum Ended {
    /// The process had ended after an earlier invocation, before it took this one.
    Before,
    During(FunctionError),
}

/// Which limit of its function an environment exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exceeded {
    Memory,
    Time,
}

impl Serves for Environment {
    type Function = Function;

    fn function(&self) -> &Function {
        &self.function
    }

    fn revision(function: &Function) -> &str {
        &function.revision
    }

    fn is_alive(&self) -> bool {
        self.ended.has_changed().is_ok() && self.ended.borrow().is_none()
    }
}

impl Environment {
    /// Starts an environment, and waits until its function is loaded. One whose function cannot be loaded, or whose
    /// process ends, is returned as well: its invocation tells why.
    ///
    /// # Errors
    /// If its process cannot be started, or uses too much memory.
    pub(super) async fn start(function: Function, runtime: &Runtime) -> Result<Self, FunctionError> {
        let folder = unpacked(&function, runtime).await?;
        let program = runtime.languages.program(&function.runtime, &folder::task_root(folder.path())).await?;
        let environment = Self::run(function, program, folder, runtime).await?;
        let (mut init, mut ended) = (environment.init.clone(), environment.ended.clone());
        tokio::select! {
            _ = init.wait_for(|init| !matches!(init, Init::InProgress)) => {}
            _ = ended.wait_for(Option::is_some) => {}
            exceeded = environment.exceeds(INIT) => {
                if exceeded == Exceeded::Memory {
                    return Err(FunctionError::new("Runtime.OutOfMemory", KILLED));
                }
            }
        }
        Ok(environment)
    }

    async fn run(
        function: Function,
        program: Program,
        folder: Folder,
        runtime: &Runtime,
    ) -> Result<Self, FunctionError> {
        let internal = |error: std::io::Error| FunctionError::new("Runtime.InternalError", error.to_string());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(internal)?;
        let address = listener.local_addr().map_err(internal)?;
        // Other local processes can reach loopback. This project's bootstraps get a secret path; other runtimes build
        // their URLs from host and port alone, as Lambda defines.
        let secret =
            languages::has_bootstrap(&function.runtime).then(|| format!("/{}", random::lower_alphanumeric(32)));
        let path = secret.clone().unwrap_or_default();
        let log = Log::new(&function, runtime.places.journal.clone());
        let mut variables = variables(&function, folder.path());
        let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
        set("AWS_LAMBDA_LOG_GROUP_NAME", log::log_group(&function.name));
        set("AWS_LAMBDA_LOG_STREAM_NAME", log.stream.clone());
        set("AWS_LAMBDA_RUNTIME_API", format!("{address}{path}"));
        set("PATH", runtime.places.path.to_string_lossy().into_owned());
        let Program { file, args, readable } = program;
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let job = Job { folder: folder.path().to_owned(), program: file, args, variables, readable };
        let mut command = Command::new(&runtime.places.program);
        command.arg(supervisor::SUBCOMMAND).env_clear();
        // Signals from the server's terminal must not reach the supervisor directly.
        #[cfg(unix)]
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(internal)?;
        log.lines_of(process.stdout.take());
        log.lines_of(process.stderr.take());
        let supervisor = process.id().unwrap_or_default();
        let mut wanted = process.stdin.take().ok_or_else(|| internal(std::io::Error::other("no pipe")))?;
        let mut line = serde_json::to_vec(&job).map_err(|error| internal(error.into()))?;
        line.push(b'\n');
        wanted.write_all(&line).await.map_err(internal)?;
        let (queue, receiver) = mpsc::channel(1);
        let processes = runtime.processes.clone();
        let admission = secret.is_none().then(|| own_processes_only(processes.clone(), supervisor, address));
        let (begins, init) = watch::channel(Init::InProgress);
        let router = api::router(receiver, begins, (address, &path));
        // No head timeout: a runtime may keep a connection open while its handler works.
        let bounds = Bounds { connections: MOST_CONNECTIONS, head: None, admission };
        let server = tokio::spawn(listen::serve(listener, router, bounds, std::future::pending()));
        let (ends, ended) = watch::channel(None);
        let running = runtime.running_processes();
        tokio::spawn(async move {
            // Even without a status, the process has ended: the receivers see that the sender is dropped.
            if let Ok(status) = process.wait().await {
                let _ = ends.send(Some(status));
            }
            // Abort only now, or the runtime would report a lost connection.
            server.abort();
            // The supervisor has removed the folder, unless it was killed.
            drop(tokio::task::spawn_blocking(|| drop(folder)).await);
            drop(running);
        });
        Ok(Self { function, log, supervisor, _wanted: wanted, ended, init, queue, processes, has_answered: false })
    }

    /// Sends one invocation to the function, and waits for its response, its process's end, or the timeout. After
    /// an error, the environment must not be reused.
    pub(super) async fn invoke(&mut self, invocation: Invocation) -> Result<Outcome, Ended> {
        let (id, timeout) = (random::uuid(), Duration::from_secs(self.function.timeout));
        self.log.write([&format!("START RequestId: {id} Version: $LATEST")]);
        let (begun, is_taken) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let outcome = self.answer(&id, invocation, timeout, &is_taken).await;
        if outcome.is_err() && self.has_answered && !self.is_alive() && !is_taken.load(Ordering::Acquire) {
            return Err(Ended::Before);
        }
        self.has_answered = true;
        let taken = begun.elapsed().as_secs_f64() * 1000.0;
        let mut report = format!(
            "REPORT RequestId: {id}\tDuration: {taken:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: {} MB",
            taken.ceil(),
            self.function.memory
        );
        if let Err(error) = &outcome {
            report.push_str(&format!("\tStatus: error\tError Type: {}", error.error_type));
        }
        self.log.write([&format!("END RequestId: {id}"), &report]);
        outcome.map_err(Ended::During)
    }

    async fn answer(
        &mut self,
        id: &str,
        invocation: Invocation,
        timeout: Duration,
        is_taken: &Arc<AtomicBool>,
    ) -> Result<Outcome, FunctionError> {
        let (reply, answer) = oneshot::channel();
        let headers = headers(id, &self.function, &invocation, timeout);
        let pending =
            api::Pending { id: id.to_owned(), headers, event: invocation.event, is_taken: is_taken.clone(), reply };
        let failed =
            |error_type: &str, how: &str| FunctionError::new(error_type, format!("RequestId: {id} Error: {how}"));
        let exited = |status| failed("Runtime.ExitError", &how_it_ended(status));
        // The API answers nobody any more once the process has ended.
        if self.queue.send(pending).await.is_err() {
            let error = self.init_error();
            return Err(error.unwrap_or_else(|| exited(self.exit_status())));
        }
        let mut ended = self.ended.clone();
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err(self.init_error().unwrap_or_else(|| exited(self.exit_status())))),
            error = self.init_fails() => Err(error),
            _ = ended.wait_for(Option::is_some) => Err(exited(self.exit_status())),
            exceeded = self.exceeds(timeout) => Err(match exceeded {
                Exceeded::Memory => failed("Runtime.OutOfMemory", KILLED),
                Exceeded::Time => {
                    let how = format!("Task timed out after {:.2} seconds", timeout.as_secs_f64());
                    failed("Sandbox.Timedout", &how)
                }
            }),
        }
    }

    /// Why the function could not be loaded.
    fn init_error(&self) -> Option<FunctionError> {
        match &*self.init.borrow() {
            Init::Failed(error) => Some(error.clone()),
            Init::InProgress | Init::Done => None,
        }
    }

    /// Returns when the function could not be loaded.
    async fn init_fails(&self) -> FunctionError {
        let mut init = self.init.clone();
        let fails = init.wait_for(|init| matches!(init, Init::Failed(_))).await.is_ok();
        match self.init_error() {
            Some(error) if fails => error,
            _ => std::future::pending().await,
        }
    }

    /// As a shell would report it; `None` if the system did not tell.
    fn exit_status(&self) -> Option<i32> {
        self.ended.borrow().and_then(|status| status.code())
    }

    /// Returns when the processes of the environment use more memory than its function has, or after so long. Both are one
    /// timer, as to set one can wake another thread.
    async fn exceeds(&self, time: Duration) -> Exceeded {
        let (begun, mut until_look) = (Instant::now(), MEMORY_LOOKS);
        loop {
            pause(time.saturating_sub(begun.elapsed()).min(until_look)).await;
            let left = time.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Exceeded::Time;
            }
            let (processes, supervisor) = (self.processes.clone(), self.supervisor);
            let look = tokio::task::spawn_blocking(move || processes.memory_below(supervisor));
            match timeout(left, look).await {
                Ok(Ok(Some(bytes))) if bytes <= self.function.memory * 1024 * 1024 => {}
                Ok(Ok(Some(bytes))) => {
                    tracing::info!("its processes take {} MB", bytes >> 20);
                    return Exceeded::Memory;
                }
                // The system does not tell.
                Ok(Ok(None) | Err(_)) => until_look = Duration::MAX,
                Err(_) => return Exceeded::Time,
            }
        }
    }
}

const NO_REASON: &str = "Runtime exited without providing a reason";
const KILLED: &str = "Runtime exited with error: signal: killed";

/// Lambda's message for how a function's process ended, as seen in public logs, by its exit status as a shell
/// reports it. After a signal, some logs have "(core dumped)" appended; AWS does not document when.
fn how_it_ended(status: Option<i32>) -> String {
    match status {
        None | Some(0) => NO_REASON.to_owned(),
        Some(134) => "Runtime exited with error: signal: aborted".to_owned(),
        Some(137) => KILLED.to_owned(),
        Some(139) => "Runtime exited with error: signal: segmentation fault".to_owned(),
        Some(status) => format!("Runtime exited with error: exit status {status}"),
    }
}

/// Refuses connections from other processes of this machine, where the system can identify the process of a
/// connection.
fn own_processes_only(processes: Arc<Processes>, supervisor: u32, address: SocketAddr) -> Admission {
    Arc::new(move |peer| processes.owns_connection(supervisor, peer, address).unwrap_or(true))
}

/// Creates an environment's folder with the function's package.
async fn unpacked(function: &Function, runtime: &Runtime) -> Result<Folder, FunctionError> {
    let path = runtime.places.code_dir.join(random::lower_alphanumeric(20));
    let (code, blobs) = (function.code.clone(), runtime.places.blobs.clone());
    let unpack = move || Folder::make(path, &blobs.get(&code)?);
    let problem = match tokio::task::spawn_blocking(unpack).await {
        Ok(Ok(folder)) => return Ok(folder),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Err(FunctionError::new("Runtime.InternalError", problem))
}

/// The environment variables that Lambda sets (Lambda developer guide, "Defined runtime environment variables")
/// and the user's; none of the server's own.
fn variables(function: &Function, folder: &std::path::Path) -> BTreeMap<String, String> {
    let mut variables = function.environment.clone();
    let task_root = folder::task_root(folder).to_string_lossy().into_owned();
    let memory = function.memory.to_string();
    let temporary = folder::temporary(folder).to_string_lossy().into_owned();
    let fixed = [
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("PYTHONUNBUFFERED", "1"),
        // A package's folder is read-only in Lambda.
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("TMPDIR", &temporary),
        ("_HANDLER", &function.handler),
        ("LAMBDA_TASK_ROOT", &task_root),
        ("LAMBDA_RUNTIME_DIR", &task_root),
        ("AWS_REGION", &function.region),
        ("AWS_DEFAULT_REGION", &function.region),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ];
    variables.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables.insert("AWS_EXECUTION_ENV".to_owned(), format!("AWS_Lambda_{}", function.runtime));
    variables
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
