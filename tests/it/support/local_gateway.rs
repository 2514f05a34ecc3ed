//! A gateway `g` at the local AWS, in a HOME of its own.

use serde_json::Value;

use super::env::{Env, Run};

pub struct LocalGateway {
    pub env: Env,
    /// Variables of every command.
    pub variables: Vec<(String, String)>,
}

impl LocalGateway {
    /// A gateway without authorization that shows the causes of errors.
    pub fn new() -> Self {
        let gateway = Self::not_yet();
        gateway.create(&["--debug-errors"]);
        gateway
    }

    /// A HOME without a gateway.
    pub fn not_yet() -> Self {
        Self { env: Env::new(), variables: Vec::new() }
    }

    /// Creates the gateway, without authorization.
    #[track_caller]
    pub fn create(&self, flags: &[&str]) {
        let create = ["create", "g", "--authorizer", "none", "-y", "--no-observability"];
        self.ok(&[&create[..], flags].concat());
    }

    /// Runs a command with the variables, and with a secret in the variable SECRET.
    pub fn run_with(&self, secret: &str, args: &[&str]) -> Run {
        let mut command = self.env.command(&[&["--local"], args].concat());
        command.envs(self.variables.iter().cloned());
        Run::of(command.env("SECRET", secret).output().unwrap())
    }

    pub fn run(&self, args: &[&str]) -> Run {
        self.run_with("the-secret", args)
    }

    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, 0, "{args:?}\n{}{}", run.stdout, run.stderr);
        run
    }

    /// Runs `target VERB NAME … --gateway g` with a secret in the variable SECRET.
    pub fn target(&self, verb: &[&str], secret: &str, flags: &[&str]) -> Run {
        self.run_with(secret, &[&["target"], verb, &["--gateway", "g"], flags].concat())
    }

    /// The target as AWS shows it.
    pub fn shown(&self, target: &str) -> Value {
        self.ok(&["target", "get", target, "--gateway", "g"]).json()
    }

    /// The names of the targets' tools.
    pub fn tools(&self) -> Vec<String> {
        let listed = self.ok(&["tools", "list", "g", "-o", "json"]).json();
        let names = listed["items"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned());
        names.filter(|name| name.contains("___")).collect()
    }

    pub fn call(&self, tool: &str, arguments: &Value) -> Run {
        self.run(&["tools", "call", "g", tool, &arguments.to_string()])
    }

    /// The gateway's address.
    pub fn url(&self) -> String {
        self.ok(&["get", "g"]).json()["gatewayUrl"].as_str().unwrap().to_owned()
    }

    /// Deletes the gateway, and checks that nothing is left.
    #[track_caller]
    pub fn end(&self) {
        self.ok(&["cleanup", "g", "--yes"]);
        assert!(self.env.is_empty(), "{}", self.env.state());
    }
}
