//! The supervisor of an execution environment, the ancestor of all its processes: this program with a hidden
//! subcommand. It starts the function in a sandbox. When the function's process ends, or the server that holds
//! the supervisor's standard input does, it kills the environment's remaining processes and removes its folder.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, BufRead as _, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};

use serde::{Deserialize, Serialize};

use super::{fence, folder, processes};

/// The hidden subcommand.
pub(super) const SUBCOMMAND: &str = "run-function";

/// The function to run: one line of JSON on standard input, which stays open while the environment is needed.
/// The variables are sent this way because they hold secrets and may change how a program is loaded, so they
/// must not be the supervisor's own environment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// The environment's own folder.
    pub(super) folder: PathBuf,
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) variables: BTreeMap<String, String>,
    /// Files and folders that the function may read besides the system's.
    pub(super) readable: Vec<PathBuf>,
}

/// The path of this program; on Linux, valid even after its file was replaced.
///
/// # Errors
/// If the system does not know the path.
pub fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// Supervises a function if the arguments ask for it, and returns its exit status as a shell would.
pub fn of_args(mut args: impl Iterator<Item = OsString>) -> Option<io::Result<u8>> {
    (args.nth(1)? == SUBCOMMAND && args.next().is_none()).then(supervise)
}

fn supervise() -> io::Result<u8> {
    let mut input = BufReader::new(io::stdin());
    let mut line = String::new();
    input.read_line(&mut line)?;
    let job: Job = serde_json::from_str(&line).map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("there is no function to run: {error}"))
    })?;
    let ended = run(&job, input);
    processes::kill_all_below_this()?;
    folder::remove(&job.folder)?;
    ended.map_err(|error| io::Error::new(error.kind(), format!("cannot start the function: {error}")))
}

/// Runs the function until its process ends, or until the environment is no longer needed.
fn run(job: &Job, server: impl Read + Send + 'static) -> io::Result<u8> {
    adopt_orphans();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let function = start(job)?;
    let status = runtime.block_on(async {
        tokio::select! {
            status = tokio::task::spawn_blocking(|| wait_for(function)) => status.unwrap_or_default(),
            _ = tokio::task::spawn_blocking(|| read_to_end(server)) => 0,
            () = told_to_end() => 0,
        }
    });
    runtime.shutdown_background();
    Ok(status)
}

/// Returns on SIGTERM or SIGHUP, which would otherwise end this process and not its descendants.
async fn told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        if let (Ok(mut terminate), Ok(mut hang_up)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// Returns at the end of the server's pipe: the server writes nothing more.
fn read_to_end(mut server: impl Read) {
    drop(io::copy(&mut server, &mut io::sink()));
}

/// Starts the function in a sandboxed thread. The function's processes inherit the sandbox; this process's
/// other threads are not in it.
fn start(job: &Job) -> io::Result<Child> {
    let fenced = || {
        fence::raise(&job.folder, &job.readable)?;
        let mut command = Command::new(&job.program);
        command.args(&job.args).env_clear().envs(&job.variables).stdin(Stdio::null());
        // Its own process group, so that signals to that group do not reach this process.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.current_dir(folder::task_root(&job.folder)).spawn()
    };
    thread::scope(|scope| scope.spawn(fenced).join()).unwrap_or_else(|_| Err(io::Error::other("its start failed")))
}

/// Makes orphans of the function's processes children of this process instead of init's. Linux only.
fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Waits for the function's process to end. Reaps orphans that end before it.
#[cfg(unix)]
fn wait_for(function: Child) -> u8 {
    let id = i32::try_from(function.id()).unwrap_or_default();
    loop {
        match rustix::process::wait(rustix::process::WaitOptions::empty()) {
            Ok(Some((ended, status))) if ended.as_raw_nonzero().get() == id => {
                let signal = status.terminating_signal().map(|signal| 128 + signal);
                let status = status.exit_status().or(signal).and_then(|status| u8::try_from(status).ok());
                return status.unwrap_or_default();
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return 0,
        }
    }
}

#[cfg(not(unix))]
fn wait_for(mut function: Child) -> u8 {
    let status = function.wait().ok().and_then(|status| status.code());
    status.and_then(|status| u8::try_from(status).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_name_alone_asks_for_it() {
        for args in [&["agentcore-gw"][..], &["agentcore-gw", "create"], &["agentcore-gw", SUBCOMMAND, "--help"]] {
            assert!(of_args(args.iter().map(OsString::from)).is_none(), "{args:?}");
        }
    }
}
