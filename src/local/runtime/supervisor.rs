//! The process that all processes of an execution environment descend from: this program with a hidden subcommand,
//! which no user calls. It starts the function behind a fence. When the function's own process ends, or the server that
//! holds its standard input does, it kills what is left of the environment and removes its folder.

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

/// What is to be run: one line of JSON on standard input, which stays open for as long as the environment is wanted. A
/// function's variables hold secrets, and may change how a program is loaded: they are not the supervisor's own.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// The environment's own folder.
    pub(super) folder: PathBuf,
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) variables: BTreeMap<String, String>,
    /// Files and folders that the function may read beside the system's.
    pub(super) readable: Vec<PathBuf>,
}

/// This very program, also after its file was replaced where the system can tell.
///
/// # Errors
/// If the system does not tell where it is.
pub fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// Supervises a function, if that is what the arguments ask for, and answers its exit status as shells have it.
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

/// Returns when the function's process has ended, or nobody wants it any more.
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

/// Returns when somebody asks this process to end, who cannot have thought of those below it.
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

/// The server writes nothing more: this is the end of its pipe, however it came.
fn read_to_end(mut server: impl Read) {
    drop(io::copy(&mut server, &mut io::sink()));
}

/// Starts the function in a thread behind the fence, which its processes inherit and this one's other threads do not.
fn start(job: &Job) -> io::Result<Child> {
    let fenced = || {
        fence::raise(&job.folder, &job.readable)?;
        let mut command = Command::new(&job.program);
        command.args(&job.args).env_clear().envs(&job.variables).stdin(Stdio::null());
        // What a function does to its group, this process survives.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.current_dir(folder::task_root(&job.folder)).spawn()
    };
    thread::scope(|scope| scope.spawn(fenced).join()).unwrap_or_else(|_| Err(io::Error::other("its start failed")))
}

/// What the function's processes leave behind becomes this process's children, instead of the system's. Only Linux can
/// do that.
fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Waits for the function's process to end, and for the orphans that end before.
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
