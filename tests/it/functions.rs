//! The Lambda runtimes: functions in each language as users write them.

use std::{collections::BTreeMap, env::join_paths, fs, iter::once, path::Path, process::Command};

use serde_json::{Value, json};

use crate::support::env::{Env, node, path};

/// Runs these functions on a local AWS that finds this version of Node.js first on its PATH.
fn run_on_node(version: &str, functions: &Value) -> BTreeMap<String, Value> {
    let node = node(version);
    let outer = path();
    let paths = once(node.parent().unwrap().to_owned()).chain(std::env::split_paths(&outer));
    let env = Env::new();
    // The home's own module settings must not affect functions.
    fs::write(env.home().join("package.json"), r#"{"type": "module"}"#).unwrap();
    let started = env.command(&["local", "start"]).env("PATH", join_paths(paths).unwrap()).output().unwrap();
    assert!(started.status.success(), "{started:?}");
    run(&env, functions)
}

/// Creates these functions, and invokes them.
pub fn run(env: &Env, functions: &Value) -> BTreeMap<String, Value> {
    let list = env.home().join("functions.json");
    fs::write(&list, functions.to_string()).unwrap();
    let run = env.with_boto3("functions.py", &[list.to_str().unwrap()]);
    serde_json::from_value(run.json()).unwrap()
}

pub fn function(name: &str, runtime: &str, handler: &str, file: &str, source: &str) -> Value {
    json!({"name": name, "runtime": runtime, "handler": handler, "files": {file: source}, "events": [{"n": 1}]})
}

/// The type of the error that an invocation returned.
pub fn error(said: &Value) -> &str {
    assert_eq!(said[0]["error"], "Unhandled", "{said}");
    said[0]["payload"]["errorType"].as_str().unwrap()
}

#[test]
fn node_24_functions_answer_by_what_they_return() {
    let node =
        |name: &str, handler: &str, file: &str, source: &str| function(name, "nodejs24.x", handler, file, source);
    let mut module = node(
        "module",
        "index.handler",
        "index.mjs",
        "let calls = 0;
         export const handler = async (event, context) => ({
             event,
             calls: ++calls,
             node: process.versions.node.split('.')[0],
             greeting: process.env.GREETING,
             custom: context.clientContext.custom,
             name: context.functionName,
             arn: context.invokedFunctionArn.split(':').at(-1),
             inTime: context.getRemainingTimeInMillis() > 0 && context.getRemainingTimeInMillis() <= 10000,
             id: context.awsRequestId.length,
         });",
    );
    module["events"] = json!([{"n": 1}, {"n": 2}]);
    module["clientContext"] = json!({"custom": {"bedrockAgentCoreToolName": "t___x"}});
    let functions = json!([
        module,
        node("common", "src/app.run", "src/app.js", "exports.run = (event) => event.n + 1;"),
        node("nothing", "a.handler", "a.mjs", "export const handler = async () => {};"),
        node("throws", "a.handler", "a.mjs", "export const handler = async () => { throw new TypeError('no'); };"),
        node("callback", "a.handler", "a.mjs", "export const handler = (event, context, callback) => callback();"),
        node("missing", "b.handler", "a.mjs", "export const handler = async () => 1;"),
        node("unexported", "a.other", "a.mjs", "export const handler = async () => 1;"),
        node("broken", "a.handler", "a.mjs", "export const handler = ;"),
        node("lacks", "a.handler", "a.mjs", "import 'left-pad';\nexport const handler = async () => 1;"),
        node("exits", "a.handler", "a.mjs", "export const handler = async () => process.exit(3);"),
        function("older", "nodejs6.x", "a.handler", "a.js", "exports.handler = async () => 1;"),
    ]);
    let said = run_on_node("24", &functions);
    let mut expected = json!({
        "event": {"n": 1}, "calls": 1, "node": "24", "greeting": "hello", "name": "module", "arn": "module",
        "custom": {"bedrockAgentCoreToolName": "t___x"}, "inTime": true, "id": 36,
    });
    assert_eq!(said["module"][0]["payload"], expected);
    expected["event"] = json!({"n": 2});
    expected["calls"] = json!(2);
    assert_eq!(said["module"][1]["payload"], expected, "the second call is warm");
    assert_eq!(said["common"], json!([{"error": null, "payload": 2}]));
    assert_eq!(said["nothing"], json!([{"error": null, "payload": null}]));
    assert_eq!(error(&said["throws"]), "TypeError");
    assert_eq!(said["throws"][0]["payload"]["errorMessage"], "no");
    assert_eq!(error(&said["callback"]), "Runtime.CallbackHandlerDeprecated");
    assert_eq!(error(&said["missing"]), "Runtime.ImportModuleError");
    assert_eq!(error(&said["unexported"]), "Runtime.HandlerNotFound");
    assert_eq!(error(&said["broken"]), "Runtime.UserCodeSyntaxError");
    assert_eq!(error(&said["lacks"]), "Runtime.ImportModuleError");
    assert_eq!(error(&said["exits"]), "Runtime.ExitError");
    assert_eq!(error(&said["older"]), "Runtime.InvalidRuntime");
    assert!(said["older"][0]["payload"]["errorMessage"].as_str().unwrap().contains("Node.js 6"), "{said:?}");
}

#[test]
fn node_22_functions_may_answer_by_a_callback() {
    let node = |name: &str, source: &str| function(name, "nodejs22.x", "index.handler", "index.js", source);
    let functions = json!([
        node("promise", "exports.handler = async (event) => event.n;"),
        node("later", "exports.handler = (event, _, callback) => { setTimeout(() => callback(null, event.n), 5); };"),
        node("refused", "exports.handler = (event, _, callback) => callback(new RangeError('far'));"),
        node("returned", "exports.handler = (event) => event.n;"),
        node(
            "waits",
            "exports.handler = (event, _, callback) => {
                 const answer = {};
                 callback(null, answer);
                 setTimeout(() => { answer.late = true; }, 5);
             };",
        ),
        node(
            "hurries",
            "exports.handler = (event, context, callback) => {
                 context.callbackWaitsForEmptyEventLoop = false;
                 setInterval(() => {}, 60000);
                 callback(null, event.n);
             };",
        ),
    ]);
    let said = run_on_node("22", &functions);
    for (name, payload) in [
        ("promise", json!(1)),
        ("later", json!(1)),
        ("returned", json!(null)),
        ("waits", json!({"late": true})),
        ("hurries", json!(1)),
    ] {
        assert_eq!(said[name], json!([{"error": null, "payload": payload}]), "{name}");
    }
    assert_eq!(error(&said["refused"]), "RangeError");
}

#[test]
fn a_function_keeps_its_memory_until_its_code_changes_and_within_its_limit() {
    let env = Env::new();
    env.ok(&["local", "start"]);
    let python = |name: &str, source: &str| function(name, "python3.13", "main.handler", "main.py", source);
    let counter = "calls = 0
def handler(event, context):
    global calls
    calls += 1
    print('call', calls)
    return [VERSION, calls]
";
    let mut counts = python("counts", &counter.replace("VERSION", "'old'"));
    counts["events"] = json!([{}, {}]);
    counts["logged"] = json!(true);
    counts["updatedFiles"] = json!({"main.py": counter.replace("VERSION", "'new'")});
    let takes = "import time
def handler(event, context):
    block = bytearray(event['n'] * 200 * 1024 * 1024)
    block[::4096] = b'x' * len(block[::4096])
    for _ in range(40 * event['n']):
        time.sleep(0.1)
    return len(block)
";
    let mut grows = python("grows", takes);
    grows["memory"] = json!(128);
    let mut fits = python("fits", takes);
    fits["memory"] = json!(512);
    fits["events"] = json!([{"n": 0}, {"n": 0}]);
    let prints = "import sys
def handler(event, context):
    sys.stdout.buffer.write(bytes([255, 254]) + b' no text\\n')
    sys.stdout.write('x' * (3 * 1024 * 1024) + '\\n')
    print('after all')
    sys.stdout.flush()
    return 'printed'
";
    let mut prints = python("prints", prints);
    prints["events"] = json!([{}, {}]);
    prints["logged"] = json!(true);
    let mut submodule = python("submodule", "");
    submodule["handler"] = json!("package/deep/main.handler");
    submodule["files"] = json!({
        "package/deep/main.py": "import sibling\ndef handler(event, context):\n    return sibling.answer",
        "sibling.py": "answer = 42",
    });
    let said = run(&env, &json!([counts, grows, fits, submodule, prints]));
    let answers: Vec<_> = said["counts"].as_array().unwrap().iter().map(|one| one["payload"].clone()).collect();
    assert_eq!(answers, [json!(["old", 1]), json!(["old", 2]), json!(["new", 1]), json!(["new", 2])]);
    assert_eq!(error(&said["grows"]), "Runtime.OutOfMemory");
    assert_eq!(said["fits"], json!([{"error": null, "payload": 0}, {"error": null, "payload": 0}]));
    assert_eq!(said["prints"], json!([{"error": null, "payload": "printed"}, {"error": null, "payload": "printed"}]));
    let printed: Vec<_> = said["prints.log"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let longest = printed.iter().map(|line| line.len()).max().unwrap();
    assert!(longest <= 256 * 1024 && printed.iter().any(|line| line.ends_with(" no text")), "{longest}");
    assert_eq!(said["submodule"], json!([{"error": null, "payload": 42}]));
    let log: Vec<_> = said["counts.log"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let begin = |start: &str| log.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(["START", "call 1", "call 2", "END", "REPORT"].map(begin), [4, 2, 2, 4, 4], "{log:?}");
}

#[test]
fn the_example_in_rust_serves_its_tools_on_a_gateway() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_BIN_EXE_agentcore-gw")).ancestors().nth(2).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--quiet", "--example", "temperature", "--target-dir"]).arg(target);
    let built = cargo.current_dir(manifest).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let env = Env::new();
    env.ok(&["--local", "create", "weather-gateway"]);
    let mut function = function("temperature", "provided.al2023", "bootstrap", "README", "");
    function["bootstrap"] = json!(target.join("debug/examples/temperature"));
    function["events"] = json!([{"degrees": "warm"}]);
    let said = run(&env, &json!([function]));
    assert_ne!(error(&said["temperature"]), "Runtime.ExitError", "the runtime says what is wrong: {said:?}");
    let state = env.state();
    let arn = state["lambda"]["functions"].as_object().unwrap().keys().next().unwrap();
    let tools = manifest.join("examples/temperature.json");
    let add = ["--local", "target", "add", "lambda", "temperature", "--gateway", "weather-gateway"];
    env.ok(&[&add[..], &["--lambda-arn", arn, "--tools", tools.to_str().unwrap()]].concat());
    for (tool, degrees, answer) in [
        ("temperature___to_fahrenheit", "21.5", json!({"fahrenheit": 70.7})),
        ("temperature___to_celsius", "14", json!({"celsius": -10.0})),
    ] {
        let arguments = format!("{{\"degrees\":{degrees}}}");
        let called = env.ok(&["--local", "tools", "call", "weather-gateway", tool, &arguments]);
        assert_eq!(called.json(), answer, "{tool}");
    }
}
