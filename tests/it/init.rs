//! `init`: each example agent runs as its README says, with its dependencies as they are locked.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use axum::{Router, extract::Request, http::header, response::IntoResponse as _};
use serde_json::{Value, json};

use crate::support::{
    env::{Env, Group, Run, Server, agent, node, path},
    fake_server::{Asked, serve},
};

const FRAMEWORKS: [&str; 3] = ["strands", "mcp-python", "mcp-typescript"];
const WEATHER: &str = "weather-tool___get_weather";
/// A model asks for a tool in two rounds.
const PROMPT: &str = "What is the weather in Oslo?";

/// A project, and what it needs.
struct Project<'a> {
    env: &'a Env,
    framework: &'static str,
    variables: Vec<(String, String)>,
}

impl<'a> Project<'a> {
    /// Makes a project for this gateway.
    fn new(env: &'a Env, framework: &'static str, gateway: &str) -> Self {
        env.ok(&["--local", "init", framework, "--framework", framework, "--gateway", gateway]);
        if framework == "mcp-typescript" {
            symlink(agent(framework).join("node_modules"), env.home().join(framework).join("node_modules")).unwrap();
        }
        let shown = env.ok(&["--local", "credentials", gateway, "-o", "env"]).stdout;
        let variables = shown.lines().map(|line| {
            let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('\'').to_owned())
        });
        Self { env, framework, variables: variables.collect() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let folder = self.env.home().join(self.framework);
        let mut command = if self.framework == "mcp-typescript" {
            let mut command = Command::new(node("24"));
            command.arg("agent.ts");
            command
        } else {
            let mut command = Command::new(agent(self.framework).join("bin/python"));
            command.args(["-B", "agent.py"]);
            command
        };
        command.args(args).env_clear().env("PATH", path()).env("HOME", self.env.home()).current_dir(folder);
        command.envs(self.variables.iter().cloned()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!(run.code, 0, "{}: {args:?}: {run:?}", self.framework);
        run.stdout
    }

    /// Lets the agent ask this model.
    fn with_model(mut self, model: &Model) -> Self {
        for (name, value) in [
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", model.origin.as_str()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-west-2"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("MODEL_ID", "anthropic.claude-scripted"),
        ] {
            self.variables.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

/// Amazon Bedrock's Converse with a model that follows a script: it asks for the weather, and then repeats the result. Strands
/// tells only models of Claude whether a tool succeeded.
struct Model {
    origin: String,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Model {
    fn start() -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let origin = serve(move |_| {
            Router::new().fallback(async move |request: Request| {
                let asked = Asked::of(request).await;
                assert!(asked.uri.ends_with("/model/anthropic.claude-scripted/converse"), "{}", asked.uri);
                let message = asked.message();
                log.lock().unwrap().push(message.clone());
                ([(header::CONTENT_TYPE, "application/json")], Self::answer(&message).to_string()).into_response()
            })
        });
        Self { origin, asked }
    }

    fn answer(request: &Value) -> Value {
        let last = request["messages"].as_array().unwrap().last().unwrap();
        let results = last["content"].as_array().unwrap().iter().filter(|part| part["toolResult"].is_object());
        let results: Vec<&Value> = results.map(|part| &part["toolResult"]["content"][0]["text"]).collect();
        let use_of = |id: &str, name: &str, input: Value| json!({ "toolUse": { "toolUseId": id, "name": name, "input": input } });
        let (content, reason) = if results.is_empty() {
            let uses =
                [use_of("a", WEATHER, json!({ "location": "Oslo" })), use_of("b", WEATHER, json!({ "place": "Oslo" }))];
            (json!(uses), "tool_use")
        } else {
            (json!([{ "text": json!(results).to_string() }]), "end_turn")
        };
        json!({
            "output": { "message": { "role": "assistant", "content": content } },
            "stopReason": reason,
            "usage": { "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 },
            "metrics": { "latencyMs": 1 },
        })
    }

    /// Checks what an agent made of the model's two calls, of which the second one is wrong.
    #[track_caller]
    fn check(&self, framework: &str, answer: &str) {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        assert_eq!(asked.len(), 2, "{framework}: {asked:?}");
        let tools = asked[0]["toolConfig"]["tools"].as_array().unwrap();
        assert_eq!(tools.len(), 3, "{framework}: {tools:?}");
        assert!(tools.iter().all(|tool| tool["toolSpec"]["inputSchema"]["json"]["type"] == "object"), "{tools:?}");
        let statuses: Vec<&str> = asked[1]["messages"][2]["content"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["toolResult"]["status"].as_str().unwrap())
            .collect();
        assert_eq!(statuses, ["success", "error"], "{framework}: {asked:?}");
        let results: Vec<String> = serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert!(results[0].contains("Oslo") && results[0].contains("conditions"), "{framework}: {results:?}");
    }
}

#[test]
fn each_agent_lists_and_calls_tools_and_answers_prompts() {
    let env = Env::new();
    env.ok(&["--local", "create", "weather-gateway", "--sample", "--no-observability"]);
    let model = Model::start();
    for framework in FRAMEWORKS {
        let project = Project::new(&env, framework, "weather-gateway");
        let tools = project.ok(&["tools"]);
        assert_eq!(tools.lines().count(), 3, "{framework}: {tools}");
        let weather: Value = serde_json::from_str(&project.ok(&["call", WEATHER, r#"{"location": "Oslo"}"#])).unwrap();
        assert_eq!(weather["location"], "Oslo", "{framework}");
        let unknown = project.run(&["call", "no_tool", "{}"]);
        assert!(unknown.code == 1 && unknown.stdout.contains("no_tool"), "{framework}: {unknown:?}");
        let no_model = project.run(&["ask", PROMPT]);
        assert!(no_model.code == 1 && no_model.stderr.contains("MODEL_ID is not set"), "{framework}: {no_model:?}");
        let project = project.with_model(&model);
        model.check(framework, project.ok(&["ask", PROMPT]).trim());
        let mut bare = project.command(&["tools"]);
        let bare = Run::of(bare.env_remove("AGENTCORE_GATEWAY_CLIENT_SECRET").output().unwrap());
        assert!(bare.code == 1 && bare.stderr.ends_with("README.md says how to set it\n"), "{framework}: {bare:?}");
        assert_eq!(project.run(&["sing"]).code, 2, "{framework}");
    }
}

/// An agent that serves, ended when it is dropped.
struct Serving(Group, u16);

impl Serving {
    fn start(project: &Project) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = project.command(&[]);
        command.env("PORT", port.to_string()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut serving = Self(Group::spawn(&mut command), port);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = serving.0.0.try_wait().unwrap();
            if ended.is_some() || begun.elapsed() > Duration::from_mins(1) {
                let mut said = String::new();
                serving.0.kill();
                serving.0.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("{ended:?}: {said}");
            }
            thread::park_timeout(Duration::from_millis(20));
        }
        // What it logs is read, so that it can go on.
        let log = serving.0.0.stderr.take().unwrap();
        thread::spawn(move || BufReader::new(log).lines().for_each(drop));
        serving
    }

    /// The status and the body of the answer to a request.
    fn ask(&self, method: &str, path: &str, body: &str) -> (String, Value) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.1)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             X-Amzn-Bedrock-AgentCore-Runtime-Session-Id: test\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let json = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        (head.lines().next().unwrap().to_owned(), json)
    }
}

#[test]
fn each_agent_serves_as_agentcore_runtime_asks_and_outlives_its_token() {
    let env = Env::new();
    let validity = Duration::from_secs(2);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let serve = ["--port", port.as_str(), "--token-validity", "2s"];
    let mut server = Server::start(&env, &serve);
    env.ok(&["--local", "create", "weather-gateway", "--sample", "--no-observability"]);
    let model = Model::start();
    for framework in FRAMEWORKS {
        let project = Project::new(&env, framework, "weather-gateway").with_model(&model);
        let agent = Serving::start(&project);
        let (status, health) = agent.ask("GET", "/ping", "");
        assert!(status.contains(" 200 ") && health["status"] == "Healthy", "{framework}: {status} {health}");
        let begun = Instant::now();
        while begun.elapsed() < 2 * validity {
            let (status, answer) = agent.ask("POST", "/invocations", &json!({ "prompt": PROMPT }).to_string());
            assert!(status.contains(" 200 "), "{framework}: {status} {answer}");
            model.check(framework, answer["response"].as_str().unwrap_or_else(|| panic!("{framework}: {answer}")));
        }
        let (status, _) = agent.ask("POST", "/invocations", "{}");
        assert!(!status.contains(" 200 "), "{framework}: {status}");
        // A gateway that was away is found again.
        server.kill();
        let (status, _) = agent.ask("POST", "/invocations", &json!({ "prompt": PROMPT }).to_string());
        assert!(!status.contains(" 200 "), "{framework}: {status}");
        server = Server::start(&env, &serve);
        let (status, answer) = agent.ask("POST", "/invocations", &json!({ "prompt": PROMPT }).to_string());
        assert!(status.contains(" 200 "), "{framework}: {status} {answer}");
        model.check(framework, answer["response"].as_str().unwrap());
    }
    drop(server);
}

#[test]
fn each_agent_lists_all_pages_of_tools() {
    let env = Env::new();
    env.ok(&["--local", "create", "many", "--no-observability"]);
    let operation = |n: usize| {
        (
            format!("/{n}"),
            json!({ "get": { "operationId": format!("op{n}"), "responses": { "200": { "description": "d" } } } }),
        )
    };
    let paths: serde_json::Map<_, _> = (0..70).map(operation).collect();
    let document = json!({ "openapi": "3.0.3", "info": { "title": "t", "version": "1" }, "servers": [{ "url": "http://127.0.0.1:9" }], "paths": paths });
    fs::write(env.home().join("api.json"), document.to_string()).unwrap();
    env.ok(&["--local", "target", "add", "openapi", "api", "--gateway", "many", "--spec", "api.json"]);
    for framework in FRAMEWORKS {
        let tools = Project::new(&env, framework, "many").ok(&["tools"]);
        assert_eq!(tools.lines().count(), 71, "{framework}: {tools}");
    }
}

#[test]
fn the_types_of_the_typescript_agent_are_right() {
    let env = Env::new();
    env.ok(&["init", "ts", "--framework", "mcp-typescript"]);
    symlink(agent("mcp-typescript").join("node_modules"), env.home().join("ts/node_modules")).unwrap();
    let mut command = Command::new(node("24"));
    command.arg("node_modules/typescript/bin/tsc").arg("--noEmit").current_dir(env.home().join("ts"));
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn what_is_there_stays() {
    let env = Env::new();
    let project = env.home().join("new/agent");
    let made = env.ok(&["init", "new/agent", "-o", "json"]).json();
    let names = |made: &Value, member: &str| made[member].as_array().unwrap().len();
    assert_eq!((names(&made, "files"), names(&made, "created")), (5, 5), "{made}");
    assert_eq!((&made["framework"], &made["gateway"]), (&json!("strands"), &json!("weather-gateway")));
    // Whatever is missing is made again, and nothing else.
    fs::remove_file(project.join(".gitignore")).unwrap();
    let again = env.ok(&["init", "new/agent", "-o", "json"]).json();
    assert_eq!(again["created"], json!([".gitignore"]));
    assert_eq!(names(&env.ok(&["init", "new/agent", "-o", "json"]).json(), "created"), 0);
    fs::write(project.join("agent.py"), "mine").unwrap();
    fs::remove_file(project.join("README.md")).unwrap();
    let refused = env.run(&["init", "new/agent"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("already has other files of these names:\n  agent.py\n"),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(project.join("agent.py")).unwrap(), "mine");
    assert!(!project.join("README.md").exists());
    let below = env.run(&["init", "new/agent/agent.py/below"]);
    assert!(below.code == 1 && below.stderr.contains("cannot be written"), "{below:?}");
    // A run that had no room leaves nothing that the next one would take for somebody else's.
    let mut limited = Command::new("/bin/sh");
    let line = "ulimit -f 8; trap '' XFSZ; exec \"$@\"";
    limited.args(["-c", line, "sh", env!("CARGO_BIN_EXE_agentcore-gw"), "init", "full"]).current_dir(env.home());
    let run = Run::of(limited.env("HOME", env.home()).output().unwrap());
    assert!(run.code == 1 && run.stderr.contains(" cannot be written: "), "{run:?}");
    env.ok(&["init", "full"]);
    // Whoever opens a pipe waits for its other end.
    fs::create_dir(env.home().join("pipe")).unwrap();
    assert!(Command::new("mkfifo").arg(env.home().join("pipe/agent.py")).status().unwrap().success());
    assert_eq!(env.run(&["init", "pipe"]).code, 1);
}

/// The commands of a project's README are those of this place, and nothing in it is secret.
#[test]
fn a_projects_files_name_the_gateway_and_no_secret() {
    let env = Env::new();
    env.ok(&["--local", "create", "mine", "--sample", "--no-observability"]);
    let known = env.ok(&["--local", "credentials", "mine", "-o", "json"]).json();
    let secret = known["clientInfo"]["clientSecret"].as_str().unwrap();
    for framework in FRAMEWORKS {
        let shown = env.ok(&["--local", "init", framework, "--framework", framework, "--gateway", "mine"]).stdout;
        assert!(shown.contains("eval \"$(agentcore-gw --local credentials mine -o env)\""), "{shown}");
        for file in fs::read_dir(env.home().join(framework)).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains(secret) && !text.contains(env.home().to_str().unwrap()), "{}", path.display());
        }
        let readme = fs::read_to_string(Path::new(env.home()).join(framework).join("README.md")).unwrap();
        assert!(readme.contains("eval \"$(agentcore-gw --local credentials mine -o env)\""), "{readme}");
    }
}
