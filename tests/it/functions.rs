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
        node("throws", "exports.handler = () => { throw new RangeError('far'); };"),
        node(
            "throws-late",
            "exports.handler = (event, _, callback) => { callback(null, 1); throw new Error('late'); };"
        ),
        node("both", "exports.handler = async (event, _, callback) => { callback(null, { first: 1 }); };"),
        node("twice", "exports.handler = (event, _, callback) => { callback(null, 1); callback(null, 2); };"),
        node(
            "then-fails",
            "exports.handler = (event, _, callback) => { callback(null, 1); callback(new Error('late')); };"
        ),
        node("never", "exports.handler = async () => new Promise(() => {});"),
        node("dies-early", "Promise.reject(new RangeError('far')); exports.handler = async () => 1;"),
        node("no-function", "exports.handler = 1;"),
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
        ("throws-late", json!(1)),
        ("both", json!({"first": 1})),
        ("twice", json!(1)),
        ("then-fails", json!(1)),
        ("never", json!(null)),
        ("waits", json!({"late": true})),
        ("hurries", json!(1)),
    ] {
        assert_eq!(said[name], json!([{"error": null, "payload": payload}]), "{name}");
    }
    assert_eq!(error(&said["refused"]), "RangeError");
    assert_eq!(error(&said["throws"]), "RangeError");
    assert_eq!(error(&said["dies-early"]), "Runtime.UnhandledPromiseRejection");
    assert_eq!(error(&said["no-function"]), "Runtime.HandlerNotFound");
    assert_eq!(said["no-function"][0]["payload"]["errorMessage"], "index.handler is not a function");
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

/// The expected answers are those of awslambdaric 4.2.2's own marshaller for the same values.
#[test]
fn python_results_are_written_as_lambdas_runtime_writes_them() {
    let source = r#"
import collections, datetime, decimal, enum, json, logging, sys

Point = collections.namedtuple('Point', 'a b')
class Kind(str, enum.Enum): A = 'x'
class Dictish:
    def _asdict(self): return {'z': 1}
circle = []
circle.append(circle)
D = decimal.Decimal
VALUES = {
    'decimal': {'v': D('1.50'), 'n': D('3')}, 'large': 2 ** 70, 'exponent': [D('1E+3'), 1e16],
    'bytes': b'{"a":1}', 'inner': {'v': b'abc'}, 'keys': {1: 'a', None: 'b', 1.5: 'd', b'k': 'e', False: 0},
    'named': {'p': Point(1, [Point(3, 4)])}, 'tuple': (1, 2), 'enum': {'e': Kind.A}, 'dictish': Dictish(),
    'text': 'é\u2028"', 'none': None, 'not bytes': {'v': b'\xff'}, 'array': bytearray(b'x'), 'set': {'s': {1}},
    'date': datetime.date(2020, 1, 1), 'key': {(1, 2): 3}, 'decimal key': {D('1'): 1}, 'circle': circle,
}
def handler(event, context):
    if event == 'raises':
        raise KeyError('k')
    return VALUES[event]
"#;
    let written = [
        ("decimal", r#"{"v": 1.50, "n": 3}"#),
        ("large", "1180591620717411303424"),
        ("exponent", "[1E+3, 1e+16]"),
        ("bytes", r#"{"a":1}"#),
        ("inner", r#"{"v": "abc"}"#),
        ("keys", r#"{"1": "a", "null": "b", "1.5": "d", "k": "e", "false": 0}"#),
        ("named", r#"{"p": {"a": 1, "b": [{"a": 3, "b": 4}]}}"#),
        ("tuple", "[1, 2]"),
        ("enum", r#"{"e": "x"}"#),
        ("dictish", r#"{"z": 1}"#),
        ("text", "\"é\u{2028}\\\"\""),
        ("none", "null"),
    ];
    let refused = [
        ("not bytes", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        ("array", "Object of type bytearray is not JSON serializable"),
        ("set", "Object of type set is not JSON serializable"),
        ("date", "Object of type date is not JSON serializable"),
        ("key", "keys must be str, int, float, bool or None, not tuple"),
        ("decimal key", "keys must be str, int, float, bool or None, not Decimal"),
        ("circle", "Circular reference detected"),
    ];
    let events: Vec<&str> = written.iter().chain(&refused).map(|(event, _)| *event).chain(["raises"]).collect();
    let mut current = function("current", "python3.13", "main.handler", "main.py", source);
    current["events"] = json!(events);
    current["raw"] = json!(true);
    let mut older = function("older", "python3.11", "main.handler", "main.py", source);
    older["events"] = json!(["text"]);
    older["raw"] = json!(true);
    let env = Env::new();
    env.ok(&["local", "start"]);
    let said = run(&env, &json!([current, older]));
    let answers = said["current"].as_array().unwrap();
    for ((event, expected), answer) in written.iter().zip(answers) {
        assert_eq!((&answer["error"], &answer["payload"]), (&json!(null), &json!(expected)), "{event}");
    }
    for ((event, expected), answer) in refused.iter().zip(&answers[written.len()..]) {
        let payload: Value = serde_json::from_str(answer["payload"].as_str().unwrap()).unwrap();
        let message = format!("Unable to marshal response: {expected}");
        assert_eq!(
            (&payload["errorType"], &payload["errorMessage"]),
            (&json!("Runtime.MarshalError"), &json!(message)),
            "{event}"
        );
    }
    let raised: Value = serde_json::from_str(answers.last().unwrap()["payload"].as_str().unwrap()).unwrap();
    assert_eq!((&raised["errorType"], &raised["errorMessage"]), (&json!("KeyError"), &json!("'k'")));
    let trace = raised["stackTrace"].as_array().unwrap();
    assert!(trace.len() == 1 && trace[0].as_str().unwrap().contains("main.py\", line"), "{raised}");
    assert_eq!(raised["requestId"].as_str().unwrap().len(), 36);
    assert_eq!(said["older"][0]["payload"], "\"\\u00e9\\u2028\\\"\"");
}

#[test]
fn python_handlers_that_cannot_be_loaded_have_lambdas_errors() {
    let python = |name: &str, handler: &str, source: &str| function(name, "python3.13", handler, "main.py", source);
    let env = Env::new();
    env.ok(&["local", "start"]);
    let functions = json!([
        python("missing", "other.handler", ""),
        python("unknown", "main.other", ""),
        python("dotless", "main", ""),
        python("builtin", "sys.exit", ""),
        python("broken", "main.handler", "def handler(:"),
        python("raises", "main.handler", "1 / 0"),
        python("exits", "main.handler", "import sys\nsys.exit(3)"),
    ]);
    let said = run(&env, &functions);
    for (name, kind, message) in [
        ("missing", "Runtime.ImportModuleError", "Unable to import module 'other': No module named 'other'"),
        ("unknown", "Runtime.HandlerNotFound", "Handler 'other' missing on module 'main'"),
        (
            "dotless",
            "Runtime.MalformedHandlerName",
            "Bad handler 'main': not enough values to unpack (expected 2, got 1)",
        ),
        ("builtin", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
        ("broken", "Runtime.UserCodeSyntaxError", "Syntax error in module 'main': invalid syntax (main.py, line 1)"),
        ("raises", "ZeroDivisionError", "division by zero"),
    ] {
        assert_eq!((error(&said[name]), &said[name][0]["payload"]["errorMessage"]), (kind, &json!(message)));
    }
    assert_eq!(error(&said["exits"]), "Runtime.ExitError");
    assert!(said["exits"][0]["payload"]["errorMessage"].as_str().unwrap().ends_with("exit status 3"), "{said:?}");
}

#[test]
fn a_function_that_answers_too_much_is_told_so_and_answers_the_next_call() {
    let mut large =
        function("large", "python3.13", "main.handler", "main.py", "def handler(event, context): return 'x' * event");
    large["events"] = json!([7_000_000, 2, 6 * 1024 * 1024 - 2]);
    let env = Env::new();
    env.ok(&["local", "start"]);
    let said = run(&env, &json!([large]));
    let answers = said["large"].as_array().unwrap();
    assert_eq!(answers[0]["payload"]["errorType"], "Function.ResponseSizeTooLarge");
    assert_eq!(answers[1]["payload"], "xx");
    assert_eq!(answers[2]["payload"].as_str().map(str::len), Some(6 * 1024 * 1024 - 2), "the limit counts the quotes");
}

#[test]
fn a_function_that_ends_its_process_harms_its_own_call_only() {
    let python = "import os, sys
def handler(event, context):
    if event == 'exit': exit(0)
    if event == 'sys': sys.exit(7)
    if event == 'interrupt': raise KeyboardInterrupt()
    if event == 'generator': raise GeneratorExit()
    if event == 'os': os._exit(9)
    return event
";
    let node = "exports.handler = async (event) => {
    if (event === 'exit') process.exit(0);
    if (event === 'rejects') { Promise.reject(new RangeError('far')); await new Promise((resolve) => setTimeout(resolve, 1000)); }
    if (event === 'throws') { setTimeout(() => { throw new TypeError('late'); }); await new Promise((resolve) => setTimeout(resolve, 1000)); }
    return event;
};";
    let with_calls_between = |events: &[&str]| {
        let events: Vec<&str> = events.iter().flat_map(|event| [*event, "fine"]).collect();
        json!([&["fine"], &events[..]].concat())
    };
    let python_ends = ["exit", "sys", "interrupt", "generator", "os"];
    let node_ends = ["exit", "rejects", "throws"];
    let mut in_python = function("in-python", "python3.13", "main.handler", "main.py", python);
    in_python["events"] = with_calls_between(&python_ends);
    let mut in_node = function("in-node", "nodejs24.x", "index.handler", "index.js", node);
    in_node["events"] = with_calls_between(&node_ends);
    let said = run_on_node("24", &json!([in_python, in_node]));
    let types = |name: &str| {
        let mut types = Vec::new();
        for answer in said[name].as_array().unwrap() {
            let payload = &answer["payload"];
            types.push(if *payload == "fine" {
                "fine".to_owned()
            } else {
                payload["errorType"].as_str().unwrap().to_owned()
            });
        }
        types
    };
    let exit = "Runtime.ExitError";
    assert_eq!(
        types("in-python"),
        ["fine", exit, "fine", exit, "fine", exit, "fine", exit, "fine", exit, "fine"],
        "{said:?}"
    );
    let rejection = "Runtime.UnhandledPromiseRejection";
    assert_eq!(types("in-node"), ["fine", exit, "fine", rejection, "fine", "TypeError", "fine"], "{said:?}");
    assert_eq!(said["in-node"][3]["payload"]["errorMessage"], "RangeError: far");
}

/// Answers and errors of AWS's own client for Node.js (aws-lambda-ric 3.3.0).
#[test]
fn node_results_are_written_as_lambdas_runtime_writes_them() {
    let source = "const circle = {}; circle.self = circle;
const values = { date: new Date(0), map: new Map([[1, 2]]), buffer: Buffer.from('a'), undefined: undefined, nan: [NaN, undefined],
    json: { toJSON: () => 'own' }, big: 1n, circle };
exports.handler = async (event) => {
    if (event === 'text') throw 'no';
    if (event === 'nothing') throw null;
    if (event === 'alike') throw { name: 'Custom', message: 'm', stack: 'a\\nb' };
    return values[event];
};";
    let mut node = function("answers", "nodejs24.x", "index.handler", "index.js", source);
    node["events"] =
        json!(["date", "map", "buffer", "undefined", "nan", "json", "big", "circle", "text", "nothing", "alike"]);
    let done = "exports.handler = (event, context) => {
    setInterval(() => {}, 60000);
    if (event === 'succeed') context.succeed({ ok: 1 });
    if (event === 'done') context.done(null, [1]);
    if (event === 'fail') context.fail(new RangeError('far'));
    if (event === 'handled') context.fail();
};";
    let mut older = function("older", "nodejs22.x", "index.handler", "index.js", done);
    older["events"] = json!(["succeed", "done", "fail", "handled"]);
    let said = run_on_node("24", &json!([node]));
    let payload = |at: usize| &said["answers"][at]["payload"];
    assert_eq!(payload(0), "1970-01-01T00:00:00.000Z");
    assert_eq!((payload(1), payload(2)), (&json!({}), &json!({"type": "Buffer", "data": [97]})));
    assert_eq!((payload(3), payload(4), payload(5)), (&json!(null), &json!([null, null]), &json!("own")));
    for (at, kind, message) in [
        (6, "Error", "Unable to stringify response body"),
        (7, "Error", "Unable to stringify response body"),
        (8, "string", "no"),
        (9, "string", "handled"),
        (10, "Custom", "m"),
    ] {
        assert_eq!((&payload(at)["errorType"], &payload(at)["errorMessage"]), (&json!(kind), &json!(message)), "{at}");
    }
    assert_eq!(payload(10)["trace"], json!(["a", "b"]));
    let said = run_on_node("22", &json!([older]));
    let payload = |at: usize| &said["older"][at]["payload"];
    assert_eq!((payload(0), payload(1)), (&json!({"ok": 1}), &json!([1])));
    assert_eq!((&payload(2)["errorType"], &payload(3)["errorMessage"]), (&json!("RangeError"), &json!("handled")));
}

#[test]
fn what_a_function_prints_is_in_a_log_group_that_its_role_may_make() {
    let source = "import logging, sys, time
def handler(event, context):
    print('printed', event['n'])
    logging.getLogger().warning('warned')
    logging.getLogger().info('not shown')
    if event['n'] == 2:
        raise ValueError('no')
    if event['n'] == 3:
        sys.stdout.write('no line end')
        sys.stdout.flush()
        time.sleep(1)
";
    let mut allowed = function("allowed", "python3.13", "main.handler", "main.py", source);
    allowed["events"] = json!([{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}]);
    allowed["mayLog"] = json!(true);
    let mut not_allowed = function("not-allowed", "python3.13", "main.handler", "main.py", source);
    not_allowed["log"] = json!(true);
    let env = Env::new();
    env.ok(&["local", "start"]);
    let said = run(&env, &json!([not_allowed, allowed]));
    assert_eq!(said["not-allowed.log"], json!(null), "a role without logs:CreateLogGroup makes none");
    let log: Vec<&str> = said["allowed.log"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let has = |start: &str| log.iter().any(|line| line.starts_with(start));
    assert!(log.contains(&"no line end"), "it belongs to this call, not to the next one: {log:?}");
    assert!(has("printed 1") && has("printed 2") && has("START RequestId: ") && has("REPORT RequestId: "), "{log:?}");
    assert!(has("[WARNING]\t") && log.iter().any(|line| line.ends_with("\twarned")), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("not shown")), "{log:?}");
    let failed = log.iter().find(|line| line.starts_with("[ERROR] ValueError: no")).unwrap();
    assert!(failed.contains("\rTraceback (most recent call last):\r\u{a0}\u{a0}File"), "{failed:?}");
}
