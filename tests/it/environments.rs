//! The execution environments of functions: what a function can reach, and that everything it started ends with
//! it.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    functions::{error, function, run},
    support::env::{Env, Server},
};

/// How long to wait for something that must end.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

fn python(name: &str, source: &str, event: Value) -> Value {
    let mut function = function(name, "python3.13", "main.handler", "main.py", source);
    function["events"] = json!([event]);
    function
}

/// Waits until a condition holds.
#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < WAIT_LIMIT, "{what}");
        thread::yield_now();
    }
}

/// Names of the environments' folders.
fn folders(env: &Env) -> Vec<String> {
    let folders = fs::read_dir(env.state_dir().join("code")).into_iter().flatten();
    folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Tries operations, and returns for each the error number, or the result.
const TRIES: &str = r#"
import errno, multiprocessing, os, signal, socket, ssl, subprocess, sys, tempfile

def write(path):
    with open(path, 'w') as file:
        file.write('x')

def read(path):
    with open(path) as file:
        return len(file.read(1)) == 1

def talk(connection):
    connection.send(os.getpid())

def child():
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context('fork').Process(target=talk, args=[theirs])
    process.start()
    process.join()
    return ours.recv() != os.getpid()

def connect(port):
    with socket.create_connection(('127.0.0.1', port)) as connection:
        return connection.recv(2).decode()

def handler(event, context):
    root = os.environ['LAMBDA_TASK_ROOT']
    other = event['other']
    tries = {
        'state': lambda: read(event['state'] + '/state.json'),
        'key': lambda: read(event['state'] + '/access-key.json'),
        'folders': lambda: os.listdir(event['state'] + '/code'),
        'other folder': lambda: read(other.get('folder', '') + '/main.py'),
        'write state': lambda: write(event['state'] + '/code/mine'),
        'server': lambda: read(f'/proc/{event["server"]}/environ'),
        'server file': lambda: os.readlink(f'/proc/{event["server"]}/fd/0'),
        'supervisor': lambda: read(f'/proc/{os.getppid()}/environ'),
        'other process': lambda: read(f'/proc/{other.get("process")}/environ'),
        'signal': lambda: os.kill(event['server'], 0),
        'write package': lambda: write(root + '/more.py'),
        'change package': lambda: write(root + '/main.py'),
        'work': lambda: write(tempfile.gettempdir() + '/x'),
        'tmp': lambda: tempfile.TemporaryFile(dir='/tmp').close(),
        'certificates': lambda: bool(ssl.create_default_context().cert_store_stats()),
        'shell': lambda: subprocess.run(['/bin/sh', '-c', 'echo hi'], capture_output=True).stdout.decode(),
        'interpreter': lambda: subprocess.run([sys.executable, '-c', 'import json; print(1)'],
                                              capture_output=True).stdout.decode(),
        'child': child,
        'tcp': lambda: connect(event['port']),
        'name': lambda: bool(socket.getaddrinfo('localhost', 80)),
        'null': lambda: write('/dev/null'),
        'random': lambda: len(os.urandom(3)),
        'own': lambda: read('/proc/self/status'),
    }
    if event['port'] is None:
        tries = {}
    found = {'process': os.getpid(), 'folder': root, 'temporary': tempfile.gettempdir(), 'landlock': landlock()}
    for name, attempt in tries.items():
        try:
            found[name] = attempt()
        except OSError as error:
            found[name] = errno.errorcode[error.errno]
    return found

def landlock():
    import ctypes
    # landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) answers what the kernel can do.
    return ctypes.CDLL(None).syscall(444, None, 0, 1)
"#;

#[cfg(target_os = "linux")]
#[test]
fn a_function_reaches_neither_the_state_nor_others_and_all_that_lambda_allows() {
    let env = Env::out_of_tmp();
    env.ok(&["local", "start"]);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            drop(stream.unwrap().write_all(b"hi"));
        }
    });
    let server = env.ok(&["local", "status", "-o", "json"]).json()["pid"].clone();
    let event = |port: Option<u16>, other: &Value| json!({"state": env.state_dir(), "server": server, "port": port, "other": other});
    let other = run(&env, &json!([python("other", TRIES, event(None, &json!({})))]))["other"][0]["payload"].clone();
    let again = env.with_boto3("invoke.py", &["other", &event(Some(port), &other).to_string()]).json();
    let said = run_again(&env, python("mine", TRIES, event(Some(port), &other)));
    assert_ne!(said["temporary"], other["temporary"]);
    assert_eq!(again["process"], other["process"], "the first one is warm");

    let kernel = said["landlock"].as_i64().unwrap();
    let denied = |since: i64, name: &str| {
        // Without Landlock, a process of the same user may reach all of this; README documents that.
        assert!(kernel < since || said[name] == "EACCES" || said[name] == "EPERM", "{name}: {said:#}");
    };
    for name in ["state", "key", "folders", "other folder", "write state"] {
        denied(1, name);
    }
    for name in ["server", "server file", "supervisor", "other process"] {
        denied(1, name);
    }
    // File modes apply everywhere.
    denied(0, "write package");
    denied(0, "change package");
    denied(6, "signal");
    let expected = json!({
        "work": null, "tmp": null, "certificates": true, "shell": "hi\n", "interpreter": "1\n", "child": true,
        "tcp": "hi", "name": true, "null": null, "random": 3, "own": true,
    });
    for (name, expected) in expected.as_object().unwrap() {
        assert_eq!(&said[name], expected, "{name}: {said:#}");
    }
}

/// Creates one more function, and returns its result.
fn run_again(env: &Env, function: Value) -> Value {
    let name = function["name"].as_str().unwrap().to_owned();
    run(env, &json!([function]))[&name][0]["payload"].clone()
}

/// Starts a process without a visible parent, in a session of its own, which holds a lock as long as it lives.
const DAEMON: &str = r"
import fcntl, os, subprocess, time

def handler(event, context):
    file = open(event['lock'], 'w')
    fcntl.flock(file, fcntl.LOCK_EX)
    command = 'setsid sleep 600 & exit 0'
    subprocess.run(['/bin/sh', '-c', command], pass_fds=[file.fileno()], env={'PATH': os.environ['PATH']})
    file.write('locked')
    file.close()
    time.sleep(event['seconds'])
    return 'done'
";

struct Locked {
    file: std::path::PathBuf,
}

impl Locked {
    fn new(folder: &TempDir, name: &str) -> Self {
        Self { file: folder.path().join(name) }
    }

    fn function(&self, name: &str, seconds: u32) -> Value {
        let mut function = python(name, DAEMON, json!({"lock": self.file, "seconds": seconds}));
        function["timeout"] = json!(if seconds == 0 { 30 } else { 8 });
        function
    }

    #[track_caller]
    fn is_freed(&self, how: &str) {
        assert_eq!(fs::read_to_string(&self.file).unwrap(), "locked", "{how}");
        let file = File::open(&self.file).unwrap();
        let (freed, wait) = mpsc::channel();
        thread::spawn(move || freed.send(file.lock().is_ok()));
        assert_eq!(wait.recv_timeout(WAIT_LIMIT), Ok(true), "what it started lives on, {how}");
    }

    fn is_held(&self) -> bool {
        File::open(&self.file).unwrap().try_lock().is_err()
    }
}

/// Only on Linux can processes that left their parent be found.
#[cfg(target_os = "linux")]
#[test]
fn what_a_function_started_ends_with_its_environment_however_that_ends() {
    let env = Env::new();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let log = env.home().join("log");
    let server = Server::start_logging(&env, &["-v"], &log);
    let [late, deleted, killed] = ["late", "deleted", "killed"].map(|name| Locked::new(&folder, name));
    let said = run(&env, &json!([late.function("late", 600), deleted.function("deleted", 0)]));
    assert_eq!(error(&said["late"]), "Sandbox.Timedout");
    late.is_freed("after its time");
    assert_eq!(said["deleted"][0]["payload"], "done");
    assert!(deleted.is_held(), "an idle environment lives");
    env.with_boto3("functions.py", &["--delete", "deleted"]);
    deleted.is_freed("after it was deleted");
    until("folders of environments are removed", || folders(&env).is_empty());
    let said = fs::read_to_string(&log).unwrap();
    assert!(!said.contains("Traceback"), "what ends quietly says nothing: {said}");

    let said = run_again(&env, killed.function("killed", 0));
    assert_eq!(said, "done");
    assert!(killed.is_held() && folders(&env).len() == 1);
    server.kill();
    killed.is_freed("after the server was killed");
    until("its folder is removed without the server", || folders(&env).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn an_environment_that_nobody_calls_ends_and_there_are_at_most_fifty() {
    let env = Env::new();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let idle = Locked::new(&folder, "idle");
    let server = Server::start(&env, &["--function-idle", "1s"]);
    assert_eq!(run_again(&env, idle.function("idle", 0)), "done");
    idle.is_freed("after it was idle");
    until("its folder goes with it", || folders(&env).is_empty());
    drop(server);
    // Cheap processes of as many functions.
    let _server = Server::start(&env, &[]);
    let one = |n: usize| {
        let mut one = function(&format!("f{n}"), "provided.al2023", "x", "README", "");
        one["source"] = json!(SHELL);
        one
    };
    let said = run(&env, &Value::from((0..53).map(one).collect::<Vec<_>>()));
    assert!(said.values().all(|said| said[0]["payload"] == "served"), "{said:?}");
    until("there are fifty", || folders(&env).len() <= 50);
    assert!(folders(&env).len() > 40, "and they are kept");
}

#[cfg(target_os = "linux")]
#[test]
fn one_interpreter_starts_per_core_at_a_time() {
    let env = Env::new();
    env.ok(&["local", "start"]);
    let source = "import os, time
with open('/proc/self/stat') as stat:
    begun = int(stat.read().rpartition(')')[2].split()[19]) / os.sysconf('SC_CLK_TCK')
time.sleep(0.3)
ready = time.monotonic()

def handler(event, context):
    time.sleep(0.3)
    return [os.getpid(), begun, ready]
";
    let mut cold = python("cold", source, Value::Null);
    cold["events"] = json!([]);
    run(&env, &json!([cold]));
    let cores = thread::available_parallelism().unwrap().get();
    let callers = (4 * cores).max(8).to_string();
    let answers = env.with_boto3("invoke.py", &["cold", "{}", &callers]).json();
    let mut starts: Vec<(i64, f64, f64)> = serde_json::from_value(answers).unwrap();
    starts.sort_by(|one, other| one.partial_cmp(other).unwrap());
    starts.dedup();
    // A start that takes a second lets others begin; on a busy machine, one may.
    let is_quick = |(_, begun, ready): &&(i64, f64, f64)| ready - begun < 0.6;
    for (process, _, ready) in starts.iter().filter(is_quick) {
        let at_once = starts.iter().filter(is_quick).filter(|(_, begun, until)| begun <= ready && ready <= until);
        let beside = at_once.count();
        assert!(beside <= cores, "{beside} were starting when {process} was ready: {starts:?}");
    }
}

/// A custom runtime in Python that starts quickly.
const SHELL: &str = r#"#!/usr/bin/env -S python3 -S
import http.client, os
api = os.environ['AWS_LAMBDA_RUNTIME_API']
while True:
    connection = http.client.HTTPConnection(api)
    connection.request('GET', '/2018-06-01/runtime/invocation/next')
    answer = connection.getresponse()
    event = answer.read()
    at = answer.headers['Lambda-Runtime-Aws-Request-Id']
    said = '"served"' if event == b'{"n": 1}' else '"' + api + '"'
    connection.request('POST', f'/2018-06-01/runtime/invocation/{at}/response', said)
    connection.getresponse().read()
"#;

#[cfg(target_os = "linux")]
#[test]
fn the_runtime_api_is_for_the_environments_own_processes() {
    let env = Env::new();
    env.ok(&["local", "start"]);
    let mut one = function("one", "provided.al2023", "x", "README", "");
    one["source"] = json!(SHELL);
    one["events"] = json!([{"n": 2}]);
    let api = run_again(&env, one);
    let address: SocketAddr = api.as_str().unwrap().parse().unwrap();
    let mut stranger = TcpStream::connect(address).unwrap();
    stranger.set_read_timeout(Some(WAIT_LIMIT)).unwrap();
    let asks = format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: {address}\r\n\r\n");
    drop(stranger.write_all(asks.as_bytes()));
    let mut said = Vec::new();
    let closed = stranger.read_to_end(&mut said);
    let is_reset = closed.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
    assert!(said.is_empty() && (closed.is_ok() || is_reset), "it is not to wait for an event: {closed:?}");
    let answer = env.with_boto3("invoke.py", &["one", r#"{"n": 1}"#]).json();
    assert_eq!(answer, "served", "nobody took its event");
}

#[test]
fn what_a_function_starts_counts_for_its_memory_once() {
    let env = Env::new();
    env.ok(&["local", "start"]);
    let source = "import os, time
def handler(event, context):
    block = bytearray(event['before'] << 20)
    block[::4096] = b'x' * len(block[::4096])
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            own = bytearray(event['each'] << 20)
            own[::4096] = b'x' * len(own[::4096])
            time.sleep(event['seconds'])
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return 'fits'
";
    let event = |before: u32, each: u32, seconds: f64| json!({"before": before, "each": each, "seconds": seconds});
    let mut grows = python("grows", source, event(0, 60, 8.0));
    grows["memory"] = json!(128);
    let mut shares = python("shares", source, event(80, 1, 0.7));
    shares["memory"] = json!(256);
    let said = run(&env, &json!([grows, shares]));
    assert_eq!(error(&said["grows"]), "Runtime.OutOfMemory");
    assert_eq!(said["shares"][0]["payload"], "fits", "pages that are shared count once: {said:?}");
}

/// A runtime keeps its connection while its handler works, even longer than a client's connection may be idle.
#[test]
fn a_handler_may_work_for_longer_than_a_connection_may_be_idle() {
    let env = Env::new();
    env.ok(&["local", "start"]);
    let source = "import time
def handler(event, context):
    time.sleep(32)
    return 'late'
";
    let mut slow = python("slow", source, json!({}));
    slow["timeout"] = json!(60);
    assert_eq!(run_again(&env, slow), "late");
}

/// Some of a function's folders are read-only.
#[test]
fn a_server_that_keeps_nothing_starts_again_after_a_kill_with_functions() {
    let env = Env::new();
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
    let serve = || Server::start(&env, &["--ephemeral", "--port", &port]);
    let at_port = |args: &[&str]| {
        crate::support::env::Run::of(env.command(args).env("AGENTCORE_GW_LOCAL_PORT", &port).output().unwrap())
    };
    let server = serve();
    for args in [
        &["--local", "create", "g", "--sample", "--authorizer", "none", "-y"][..],
        &["--local", "tools", "call", "g", "weather-tool___get_time", r#"{"timezone": "UTC"}"#],
    ] {
        let run = at_port(args);
        assert_eq!(run.code, 0, "{run:?}");
    }
    server.kill();
    let server = serve();
    let listed = at_port(&["--local", "list", "-o", "json"]);
    assert_eq!(listed.json()["items"], json!([]), "{listed:?}");
    drop(server);
}

#[test]
fn without_an_interpreter_the_sample_is_refused_before_anything_is_made() {
    let env = Env::new();
    let empty = tempfile::tempdir().unwrap();
    let without = |args: &[&str]| {
        let mut command = env.command(args);
        command.env("PATH", empty.path()).env("HOME", env.home()).output().unwrap()
    };
    for args in [
        &["--local", "create", "g", "--sample"][..],
        &["--local", "target", "add", "lambda", "sample", "--gateway", "g"],
    ] {
        let run = crate::support::env::Run::of(without(args));
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains("python3.13 needs Python 3 on PATH, and there is none"), "{run:?}");
        assert!(run.stderr.contains("local stop"), "{run:?}");
        assert!(!Path::new(&env.state_dir().join("state.json")).exists() || env.is_empty(), "{:#}", env.state());
    }
    let run = crate::support::env::Run::of(without(&["--local", "create", "g"]));
    assert_eq!(run.code, 0, "without the sample there is no need of one: {run:?}");
}
