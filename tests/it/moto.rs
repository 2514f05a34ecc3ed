//! Our command line against moto's server, an independent imitation of AWS.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::env::{Env, Run, path, python};

const API: &str = r#"{"openapi": "3.0.3", "info": {"title": "x", "version": "1"}, "servers": [{"url": "https://x.example"}],
"paths": {"/x": {"get": {"operationId": "x", "responses": {"200": {"description": "ok"}}}}}}"#;

/// A moto server of its own, stopped on drop.
pub struct Moto {
    process: Child,
    pub endpoint: String,
}

impl Moto {
    pub fn start(env: &Env) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = Command::new(python("moto").with_file_name("moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .env_clear()
            .env("PATH", path())
            .env("HOME", env.home())
            // The sample's role uses none, but users' roles do.
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It announces when it is up, and keeps writing: its output must be drained.
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap().contains("Running on")).expect("moto starts").unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, endpoint: format!("http://127.0.0.1:{port}") }
    }

    fn run(&self, env: &Env, args: &[&str]) -> Run {
        Run::of(self.command(env, args).output().unwrap())
    }

    /// Our program, pointed at moto by one variable per service only.
    fn command(&self, env: &Env, args: &[&str]) -> Command {
        let mut command = env.command(args);
        for service in
            ["IAM", "STS", "COGNITO_IDENTITY_PROVIDER", "LAMBDA", "CLOUDWATCH_LOGS", "BEDROCK_AGENTCORE_CONTROL"]
        {
            command.env(format!("AWS_ENDPOINT_URL_{service}"), &self.endpoint);
        }
        let key = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-west-2")];
        command.envs(key);
        command
    }

    #[track_caller]
    fn ok(&self, env: &Env, args: &[&str]) -> Run {
        let run = self.run(env, args);
        assert_eq!(run.code, 0, "{args:?}\n{}{}", run.stdout, run.stderr);
        run
    }

    /// How many of each of a stack's resources moto has.
    fn census(&self) -> Value {
        let script = "
import boto3, json, sys
client = lambda service: boto3.client(service, endpoint_url=sys.argv[1], region_name='us-west-2', aws_access_key_id='test', aws_secret_access_key='test')
print(json.dumps({
    'gateways': len(client('bedrock-agentcore-control').list_gateways()['items']),
    'pools': len(client('cognito-idp').list_user_pools(MaxResults=60)['UserPools']),
    'roles': len(client('iam').list_roles()['Roles']),
    'functions': len(client('lambda').list_functions()['Functions']),
    'log groups': len(client('logs').describe_log_groups()['logGroups']),
}))";
        let output = Command::new(python("moto")).args(["-c", script, &self.endpoint]).output().unwrap();
        Run::of(output).json()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn warnings(run: &Run) -> Vec<&str> {
    run.stderr.lines().filter(|line| line.starts_with("warning:")).collect()
}

#[test]
fn a_stack_comes_and_goes_on_moto() {
    let env = Env::new();
    let moto = Moto::start(&env);
    assert_eq!(moto.census()["roles"], 0);

    let created = moto.ok(&env, &["create", "g", "--sample", "--no-wait"]);
    assert_eq!(warnings(&created).len(), 1, "for the log delivery that moto does not offer: {}", created.stderr);
    assert!(warnings(&created)[0].contains("logs and traces are not delivered"), "{}", created.stderr);
    let one = json!({ "gateways": 1, "pools": 1, "roles": 2, "functions": 1, "log groups": 2 });
    assert_eq!(moto.census(), one);

    let again = moto.ok(&env, &["create", "g", "--sample", "--no-wait"]);
    assert!(again.stdout.contains("nothing had to be changed") && !again.stderr.contains('\u{2713}'), "{again:?}");
    assert_eq!(moto.census(), one);

    let waiting = moto.ok(&env, &["create", "g"]);
    assert!(waiting.stderr.contains("issues no tokens"), "moto has no token endpoint: {}", waiting.stderr);

    moto.ok(&env, &["target", "add", "lambda", "second", "--gateway", "g"]);
    let status = moto.ok(&env, &["status", "g"]);
    for shown in ["Gateway g is READY", "weather-tool", "second", "sample function"] {
        assert!(status.stdout.contains(shown), "{shown} is missing in {}", status.stdout);
    }

    // A provider that moto does not support is recorded on the role before its creation fails.
    std::fs::write(env.home().join("api.json"), API).unwrap();
    let add = ["target", "add", "openapi", "api", "--gateway", "g", "--spec", "api.json", "--api-key-env", "KEY"];
    let mut add = moto.command(&env, &[&add[..], &["--api-key-query", "k"]].concat());
    let refused = Run::of(add.env("KEY", "secret").output().unwrap());
    assert!(refused.code == 1 && refused.stderr.contains("does not offer"), "{refused:?}");

    let cleaned = moto.ok(&env, &["cleanup", "g", "-y"]);
    assert!(warnings(&cleaned).len() <= 1, "{}", cleaned.stderr);
    assert_eq!(moto.census(), json!({ "gateways": 0, "pools": 0, "roles": 0, "functions": 0, "log groups": 0 }));
    assert_eq!(moto.ok(&env, &["cleanup", "g", "-y"]).stdout.lines().count(), 1, "nothing is there");
}
