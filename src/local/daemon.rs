//! The background server: starts it, finds it by its state folder, and stops it.

mod claim;
mod log;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{
    body::Bytes,
    http::{Method, Request, StatusCode, header},
};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};

use self::log::{LOG, LOG_LIMIT};
pub use self::{
    claim::{Claim, Registration},
    log::keep_log_bounded,
};
use super::{
    DEFAULT_PORT,
    admin::{ANSWER, NONCE_HEADER, PROOF_HEADER, RESET_PATH, RUNTIME_PATH, STATUS_PATH, STOP_PATH, proof},
    random,
    storage::{
        private_files::{log_file, private_file},
        store::{AccessKey, Store},
    },
};

const SERVER: &str = "server.json";
const SERVER_LOCK: &str = "server.lock";
const LOCK: &str = "start.lock";
/// Most attempts to remove a folder that is still in use.
const REMOVALS: u32 = 40;
/// Timeout for the start and for the stop of a server.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A running server, as recorded in its state folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    pub pid: u32,
    pub port: u16,
    pub version: String,
    /// The path of its log, if it runs in the background.
    #[serde(default)]
    pub log: Option<PathBuf>,
    /// Whether its state is discarded when it stops.
    #[serde(default)]
    pub ephemeral: bool,
}

/// The mode of a server in this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mode {
    /// Whether it runs in the background, with its log in the state folder.
    pub in_background: bool,
    /// Whether its state is discarded when it stops.
    pub ephemeral: bool,
}

impl Running {
    /// Whether it has this program's version; false if it has an older one.
    ///
    /// # Errors
    /// If it has a newer version; this program must not stop that.
    fn is_up_to_date(&self) -> io::Result<bool> {
        let numbers = |version: &str| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u64>>();
        let (own, its) = (env!("CARGO_PKG_VERSION"), &self.version);
        if numbers(its) > numbers(own) {
            let problem = format!("the one at {} is of version {its}, and this program of {own}", self.endpoint());
            return Err(io::Error::new(io::ErrorKind::Unsupported, problem));
        }
        Ok(own == its)
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Whether a server had to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    Now,
    Before,
}

/// The parameters for starting a background server.
#[derive(Debug, Clone)]
pub struct Launch {
    pub store: Store,
    /// The path of this program.
    pub executable: PathBuf,
    /// `None` for the default port, or any free port if that is taken.
    pub port: Option<u16>,
    /// The `PATH` for the server. From the environment it inherits only this and `endpoints`.
    pub path: OsString,
    /// Environment variables with the endpoint URLs of AWS services.
    pub endpoints: BTreeMap<String, String>,
}

/// Finds the server of this state folder, if it runs and proves to know this folder's key.
///
/// # Errors
/// If the folder's files cannot be read.
pub async fn find(store: &Store) -> io::Result<Option<Running>> {
    // Treat a malformed file like a missing one.
    let running = match store.read::<Running>(SERVER) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
        read => read?,
    };
    let Some(running) = running else { return Ok(None) };
    let key = store.access_key()?;
    // The file may be stale after a kill, and another program may have the port now.
    let nonce = random::lower_alphanumeric(32);
    let answer = ask(&running, &key, Method::GET, STATUS_PATH, &nonce).await;
    let proven = answer.is_ok_and(|(status, body)| status == StatusCode::OK && body == proof(&key, ANSWER, &nonce));
    Ok(proven.then_some(running))
}

/// Like [`find`], but a server that runs without responding is an error.
///
/// # Errors
/// If the folder's files cannot be read, or its server is stuck.
pub async fn find_or_stuck(store: &Store) -> io::Result<Option<Running>> {
    let found = find(store).await?;
    let holder = store.read::<Running>(SERVER).ok().flatten();
    let Some(Running { pid, .. }) = holder.filter(|_| found.is_none()) else { return Ok(found) };
    if is_claimed(store)? {
        // A stopping server releases its lock shortly after it stops responding.
        pause().await;
        if !is_claimed(store)? {
            return Ok(None);
        }
        let problem = format!("the local AWS runs as process {pid} and does not answer: end it with `kill -9 {pid}`");
        return Err(io::Error::other(problem));
    }
    Ok(found)
}

/// Returns the server of this state folder. Starts one if none runs, replaces one of an older version, and
/// waits for one that is starting.
///
/// # Errors
/// If it does not start; the message names its log. `AddrInUse` if another program has its port.
pub async fn ensure(launch: &Launch) -> io::Result<(Running, Started)> {
    if let Some(running) = find(&launch.store).await?
        && running.is_up_to_date()?
    {
        return Ok((running, Started::Before));
    }
    let _lock = lock(&launch.store).await?;
    // Another process may have started it while this one waited for the lock.
    if let Some(running) = find(&launch.store).await? {
        if running.is_up_to_date()? {
            return Ok((running, Started::Before));
        }
        stop(&launch.store).await?;
    }
    if let Some(running) = coming_up(&launch.store, None).await? {
        return Ok((running, Started::Before));
    }
    let mut server = spawn(launch)?;
    match coming_up(&launch.store, Some(&mut server)).await? {
        Some(running) => {
            let started = if running.pid == server.id() { Started::Now } else { Started::Before };
            Ok((running, started))
        }
        None => {
            let log = log(&launch.store);
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            // On a full disk, the server cannot log that.
            launch.store.check_room()?;
            let last = said.lines().rfind(|line| line.contains("error:")).unwrap_or("it said nothing");
            Err(io::Error::other(format!("it did not come up: {last} (all that it said is in {})", log.display())))
        }
    }
}

/// Waits for the server of this state folder to start: `server`, or another one that holds the state's lock.
/// Returns `None` if there is no such server, if it ended, or after a timeout.
///
/// # Errors
/// If the folder's files cannot be read.
pub async fn coming_up(store: &Store, mut server: Option<&mut Child>) -> io::Result<Option<Running>> {
    let up = tokio::time::timeout(TIMEOUT, async {
        loop {
            if let Some(running) = find(store).await? {
                return Ok(Some(running));
            }
            let has_ended = match &mut server {
                Some(server) => server.try_wait()?.is_some(),
                None => true,
            };
            // A server that another process started may have been faster.
            if has_ended && !is_claimed(store)? {
                return Ok(None);
            }
            pause().await;
        }
    });
    up.await.unwrap_or(Ok(None))
}

/// Whether a server holds the lock of this state folder.
fn is_claimed(store: &Store) -> io::Result<bool> {
    match private_file(&store.dir().join(SERVER_LOCK)) {
        // An ephemeral server removes its folder.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        lock => Ok(lock?.try_lock().is_err()),
    }
}

/// The log of a server in the background.
fn log(store: &Store) -> PathBuf {
    store.dir().join(LOG)
}

/// Stops the server and waits for its end. Returns false if none ran.
///
/// # Errors
/// If it does not stop.
pub async fn stop(store: &Store) -> io::Result<bool> {
    let Some(running) = find_or_stuck(store).await? else { return Ok(false) };
    // The server releases its lock last, and an ephemeral one removes its folder.
    let lock = private_file(&store.dir().join(SERVER_LOCK))?;
    ask(&running, &store.access_key()?, Method::POST, STOP_PATH, &random::lower_alphanumeric(32)).await?;
    // Another server that waited for the lock may hold it by then.
    let is_another = || store.read::<Running>(SERVER).ok().flatten().is_some_and(|other| other.pid != running.pid);
    let gone = tokio::time::timeout(TIMEOUT, async {
        while lock.try_lock().is_err() && !is_another() {
            pause().await;
        }
    });
    gone.await.map_err(|_| io::Error::other(format!("process {} does not stop", running.pid)))?;
    Ok(true)
}

/// Why the server cannot run functions of a Lambda runtime; `None` if it can.
///
/// # Errors
/// If the server does not respond.
pub async fn cannot_run(store: &Store, running: &Running, runtime: &str) -> io::Result<Option<String>> {
    let path = format!("{RUNTIME_PATH}{runtime}");
    match ask(running, &store.access_key()?, Method::GET, &path, &random::lower_alphanumeric(32)).await? {
        (StatusCode::NOT_IMPLEMENTED, problem) => Ok(Some(problem)),
        _ => Ok(None),
    }
}

/// Removes the folder of an ephemeral server that has ended.
///
/// # Errors
/// If something in it cannot be removed.
pub async fn remove(store: &Store) -> io::Result<()> {
    let mut looks = 0;
    while let Err(error) = store.remove_all() {
        if !store.dir().exists() {
            break;
        }
        // After a SIGKILL of the server, the supervisors of its functions are still cleaning up.
        looks += 1;
        if looks == REMOVALS {
            return Err(error);
        }
        pause().await;
    }
    Ok(())
}

/// Deletes all resources of the state folder, through its server if one runs.
///
/// # Errors
/// If the state cannot be removed.
pub async fn reset(store: &Store) -> io::Result<()> {
    match find(store).await? {
        Some(running) => {
            let nonce = random::lower_alphanumeric(32);
            match ask(&running, &store.access_key()?, Method::POST, RESET_PATH, &nonce).await? {
                (StatusCode::OK, _) => Ok(()),
                (status, _) => Err(io::Error::other(format!("the local AWS answered {status}"))),
            }
        }
        None => store.reset(),
    }
}

fn spawn(launch: &Launch) -> io::Result<Child> {
    let is_taken = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_err_and(|error| is_in_use(&error));
    let port = match launch.port {
        Some(port) if is_taken(port) => return Err(port_taken(port)),
        Some(port) => port,
        // Another user of this machine may have the default port; then any free port will do.
        None if is_taken(DEFAULT_PORT) => 0,
        None => DEFAULT_PORT,
    };
    let log = log_file(&log(&launch.store), LOG_LIMIT)?;
    let mut command = Command::new(&launch.executable);
    command
        .args(["local", "serve", "-v", "--in-background", "--port", &port.to_string(), "--state-dir"])
        .arg(launch.store.dir())
        .env_clear()
        .env("PATH", &launch.path)
        .envs(&launch.endpoints)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    // Its own process group, so that Ctrl-C in the terminal does not reach it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn()
}

fn is_in_use(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

fn port_taken(port: u16) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, format!("port {port} of 127.0.0.1 is taken by another program"))
}

/// Listens on a port of 127.0.0.1.
///
/// # Errors
/// `AddrInUse`, with the port, if another program has it.
pub async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| match error {
        error if is_in_use(&error) => port_taken(port),
        error => io::Error::new(error.kind(), format!("cannot listen on 127.0.0.1:{port}: {error}")),
    })
}

/// Takes the lock for starting a server in this folder.
async fn lock(store: &Store) -> io::Result<File> {
    let path = store.dir().join(LOCK);
    let locked = tokio::task::spawn_blocking(move || {
        let file = private_file(&path)?;
        file.lock()?;
        Ok(file)
    });
    locked.await.map_err(io::Error::other)?
}

/// Sends one request to an admin route of the server.
async fn ask(
    running: &Running,
    key: &AccessKey,
    method: Method,
    path: &str,
    nonce: &str,
) -> io::Result<(StatusCode, String)> {
    let address = SocketAddr::from(([127, 0, 0, 1], running.port));
    let exchange = async {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        let request = Request::builder()
            .uri(path)
            .header(header::HOST, address.to_string())
            .header(NONCE_HEADER, nonce)
            .header(PROOF_HEADER, proof(key, &format!("{method} {path}"), nonce))
            .method(method)
            .body(Empty::<Bytes>::new())
            .map_err(io::Error::other)?;
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), 1024).collect().await.map_err(io::Error::other)?;
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    tokio::time::timeout(Duration::from_secs(5), exchange).await.map_err(io::Error::other)?
}

#[expect(clippy::disallowed_methods, reason = "another process tells of its start and end by no other means")]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
