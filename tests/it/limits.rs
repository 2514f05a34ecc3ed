//! The local AWS when the system is short of file descriptors or disk space.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::support::env::{Env, Run};

/// The program in a shell that first sets a limit.
fn limited(env: &Env, limit: &str, args: &[&str]) -> Command {
    let plain = env.command(args);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("{limit}; exec \"$@\""), "sh"]).arg(plain.get_program()).args(plain.get_args());
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(env.home()).stdin(Stdio::null());
    command
}

/// As on a full disk: a file can be created, but not written to.
const NO_ROOM: &str = "trap '' XFSZ; ulimit -f 0";

#[test]
fn a_full_disk_is_named_at_the_first_start_and_at_a_later_one() {
    let env = Env::new();
    let start = || Run::of(limited(&env, NO_ROOM, &["local", "start"]).output().unwrap());
    let first = start();
    assert_eq!(first.code, 1, "{first:?}");
    let folder = env.state_dir().to_str().unwrap().to_owned();
    let is_told = |run: &Run| run.stderr.contains(&folder) && run.stderr.contains("File too large");
    assert!(is_told(&first), "{first:?}");
    env.ok(&["local", "start"]);
    env.ok(&["local", "stop"]);
    // Now everything exists that is needed before the server itself, whose log has no space either.
    let later = start();
    assert!(later.code == 1 && is_told(&later), "{later:?}");
    env.ok(&["--local", "list"]);
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn idle_connections_shut_nobody_out_where_files_are_few() {
    let env = Env::new();
    let mut command = limited(&env, "ulimit -n 64", &["local", "serve", "-o", "json"]);
    let mut server = Ended(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let address = said["endpoint"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let idle: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).unwrap();
            drop(stream.write_all(b"GET / HTTP/1.1\r\nhost: "));
            stream
        })
        .collect();
    env.ok(&["--local", "create", "g", "--no-observability"]);
    env.ok(&["--local", "list"]);
    drop(idle);
}
