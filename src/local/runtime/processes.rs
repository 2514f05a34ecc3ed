//! The processes of an execution environment: the supervisor's descendants.

use std::{
    io,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, Signal, System};

/// How long a snapshot of all processes is reused, since taking one needs milliseconds.
const FRESH: Duration = Duration::from_millis(100);
/// Most attempts to kill all processes.
const KILLS: usize = 200;
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// The last snapshot of all processes, shared by concurrent callers.
#[derive(Debug, Default)]
pub(super) struct Processes(Mutex<Option<(Instant, System)>>);

impl Processes {
    /// Memory used by the descendants of a process, in bytes; `None` if the system does not tell.
    pub(super) fn memory_below(&self, root: u32) -> Option<u64> {
        let seen = self.look(FRESH, |system| {
            let below = below(system, Pid::from_u32(root)).into_iter();
            below.filter_map(|pid| Some((pid, system.process(pid)?.memory()))).collect::<Vec<_>>()
        });
        seen.map(|processes| processes.into_iter().map(|(pid, resident)| memory(pid, resident)).sum())
    }

    /// Whether a connection from `peer` to the listener `address` belongs to a descendant of a process; `None` if
    /// the system does not tell.
    #[cfg(target_os = "linux")]
    pub(super) fn owns_connection(&self, root: u32, peer: SocketAddr, address: SocketAddr) -> Option<bool> {
        let table = |name: &str| std::fs::read_to_string(format!("/proc/net/{name}"));
        // Dual-stack sockets are in the second table, which may not exist.
        let inode = inode_of(&table("tcp").ok()?, peer, address)
            .or_else(|| inode_of(&table("tcp6").unwrap_or_default(), peer, address));
        let Some(inode) = inode else { return Some(false) };
        let link = format!("socket:[{inode}]");
        let has = |pid: &Pid| {
            let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            files.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|file| file.as_os_str() == link.as_str())
        };
        // Take a new snapshot: the process may have started just now.
        let below = self.look(Duration::ZERO, |system| below(system, Pid::from_u32(root)))?;
        Some(below.iter().any(has))
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "where there is something to look at, it is used")]
    pub(super) fn owns_connection(&self, _: u32, _: SocketAddr, _: SocketAddr) -> Option<bool> {
        None
    }

    fn look<T>(&self, fresh: Duration, look: impl FnOnce(&System) -> T) -> Option<T> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *seen {
            Some((at, _)) if at.elapsed() < fresh => {}
            Some((at, system)) => {
                refresh(system);
                *at = Instant::now();
            }
            None => {
                let mut system = System::new().ok()?;
                refresh(&mut system);
                *seen = Some((Instant::now(), system));
            }
        }
        seen.as_ref().map(|(_, system)| look(system))
    }
}

/// Kills the descendants of this process, including those started meanwhile, until none is left.
///
/// # Errors
/// If some do not end.
pub(super) fn kill_all_below_this() -> io::Result<()> {
    let mut system = System::new().map_err(io::Error::other)?;
    let this = Pid::from_u32(std::process::id());
    for _ in 0..KILLS {
        refresh(&mut system);
        let below = below(&system, this);
        for process in below.iter().filter_map(|pid| system.process(*pid)) {
            process.kill_with(Signal::Kill);
        }
        if has_no_child(&below) {
            return Ok(());
        }
        pause();
    }
    Err(io::Error::other("processes of the function do not end"))
}

/// Reaps ended children, and returns whether no child is left.
#[cfg(unix)]
fn has_no_child(_: &[Pid]) -> bool {
    use rustix::process::{WaitOptions, wait};

    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}

#[cfg(not(unix))]
fn has_no_child(below: &[Pid]) -> bool {
    below.is_empty()
}

#[expect(clippy::disallowed_methods, reason = "the system needs a moment to end a process")]
fn pause() {
    std::thread::sleep(PAUSE);
}

fn refresh(system: &mut System) {
    let memory = ProcessRefreshKind::nothing().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, memory);
}

/// The descendants of a process. Includes those that look dead: a process whose main thread has ended may run
/// on in others.
fn below(system: &System, root: Pid) -> Vec<Pid> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = system.processes().values().filter(|process| process.parent() == Some(parent));
        let children: Vec<_> = children.map(sysinfo::Process::pid).filter(|pid| !found.contains(pid)).collect();
        found.extend(children);
        next += 1;
    }
    found.split_off(1)
}

/// The inode of the peer's socket, from the table of all connections (`proc_pid_net`(5)).
#[cfg(target_os = "linux")]
fn inode_of(connections: &str, peer: SocketAddr, address: SocketAddr) -> Option<u64> {
    let written = |end: SocketAddr| match end {
        SocketAddr::V4(end) => Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(end.ip().octets()), end.port())),
        SocketAddr::V6(_) => None,
    };
    let (peer, address) = (written(peer)?, written(address)?);
    // In the IPv6 table, IPv4 addresses have a prefix (RFC 4291, section 2.5.5.2).
    let is = |column: &str, end: &str| column.strip_prefix("0000000000000000FFFF0000").unwrap_or(column) == end;
    connections.lines().find_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let is_it = is(columns.get(1)?, &peer) && is(columns.get(2)?, &address);
        is_it.then(|| columns.get(9)?.parse().ok()).flatten()
    })
}

/// Memory used by a process, in bytes, with its proportional share of shared pages (`proc_pid_smaps`(5)).
#[cfg(target_os = "linux")]
fn memory(pid: Pid, _: u64) -> u64 {
    let proportional = || {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = maps.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    };
    // Fallback if there is no such file. An ended process uses nothing.
    let resident = || {
        let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        let resident = pages.split(' ').nth(1)?.parse::<u64>().ok()?;
        Some(resident * u64::try_from(rustix::param::page_size()).ok()?)
    };
    proportional().or_else(resident).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn memory(_: Pid, resident: u64) -> u64 {
    resident
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_from_its_peers_end() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 42 1 0 20 4 30 10 -1
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 43 1 0 20 4 30 10 -1";
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(inode_of(table, at(50000), at(8080)), Some(43));
        assert_eq!(inode_of(table, at(50001), at(8080)), None);
        let of_both = "  sl  local_address                         remote_address                        st
   0: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:1F90 01 0:0 00:0 0 1000 0 44 1 0 20 4 30 10 -1";
        assert_eq!(inode_of(of_both, at(50001), at(8080)), Some(44));
    }

    #[test]
    fn a_connection_is_its_own_processs_and_nobody_elses() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let of_both = std::net::SocketAddrV6::new(std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped(), address.port(), 0, 0);
        let processes = Processes::default();
        let parent = std::os::unix::process::parent_id();
        for to in [address, SocketAddr::V6(of_both)] {
            let stream = std::net::TcpStream::connect(to).unwrap();
            let (_, peer) = listener.accept().unwrap();
            assert_eq!(processes.owns_connection(parent, peer, address), Some(true), "{to}");
            assert_eq!(processes.owns_connection(std::process::id(), peer, address), Some(false), "not below itself");
            drop(stream);
        }
    }
}
