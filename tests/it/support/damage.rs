//! A stack in a local AWS in process, and its state, to change it as another program or AWS itself would.

use std::{fs, time::Duration};

use serde_json::{Map, Value, json};

use super::world::{Moment, World};

const CREATE: [&str; 3] = ["create", "g", "--sample"];

/// A stack with the sample, and an API with a key.
pub async fn stack() -> (World, Moment) {
    let folder = tempfile::tempdir().unwrap();
    let (spec, key) = (folder.path().join("api.yaml"), folder.path().join("key"));
    fs::write(&spec, "openapi: 3.0.3\nservers: [{url: https://x.example}]\ninfo: {title: x, version: 1.0.0}\npaths: {/x: {get: {operationId: x, responses: {default: {description: ok}}}}}")
        .unwrap();
    fs::write(&key, "secret").unwrap();
    let world = World::new(Duration::ZERO);
    world.run(&CREATE).await.expect(0);
    let (spec, key) = (spec.to_str().unwrap(), key.to_str().unwrap());
    let add = ["target", "add", "openapi", "api", "--gateway", "g", "--spec", spec, "--api-key-file", key];
    world.run(&[&add[..], &["--api-key-query", "k"]].concat()).await.expect(0);
    let moment = world.moment();
    (world, moment)
}

pub fn members<'a>(state: &'a mut Value, path: &str) -> &'a mut Map<String, Value> {
    state.pointer_mut(path).unwrap().as_object_mut().unwrap()
}

/// The only gateway, or the only user pool.
pub fn only<'a>(state: &'a mut Value, path: &str) -> &'a mut Value {
    members(state, path).values_mut().next().unwrap()
}

pub fn gateway(state: &mut Value) -> &mut Value {
    only(state, "/agentcore/gateways")
}

pub fn pool(state: &mut Value) -> &mut Value {
    only(state, "/cognito/pools")
}

pub fn target<'a>(state: &'a mut Value, name: &str) -> &'a mut Value {
    let targets = gateway(state)["targets"].as_object_mut().unwrap().values_mut();
    targets.into_iter().find(|target| target["config"]["name"] == name).unwrap()
}

pub fn role(state: &mut Value) -> &mut Value {
    let roles = members(state, "/iam/roles").values_mut();
    roles.into_iter().find(|role| !role["name"].as_str().unwrap().ends_with("-sample")).unwrap()
}

pub fn set_status(resource: &mut Value, status: &str) {
    resource["state"]["status"] = json!(status);
}

pub fn lose_provider(state: &mut Value) {
    members(state, "/agentcore/providers").clear();
    members(state, "/secrets/secrets").clear();
}
