//! Documents as they are: adapted, picked from, refused with the command that adapts them, and made into targets.

use std::{fs, io::Write as _, path::Path};

use serde_json::{Value, json};

use crate::support::{env::Env, fake_api::FakeApi, local_gateway::LocalGateway};

/// A document with these paths, with the other things that it must have.
fn document(origin: &str, paths: Value) -> Value {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "x", "version": "1" },
        "servers": [{ "url": origin }],
        "paths": paths,
    })
}

fn operation(id: &str) -> Value {
    json!({ "operationId": id, "summary": "s", "responses": { "200": { "description": "ok" } } })
}

fn written(folder: &Path, name: &str, content: &Value) -> String {
    let path = folder.join(name);
    fs::write(&path, content.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// In the forms of AWS's own samples: a support desk's API whose paths lack some of their parameters, with an object in
/// the query and combined schemas; an agent's own API with one value or many.
fn samples(origin: &str) -> [(&'static str, Value); 2] {
    let mut desk = document(
        origin,
        json!({
            "/text": {
                "parameters": [{ "name": "user_id", "in": "path", "required": true, "schema": { "type": "integer" } }],
                "get": operation("CountTickets"),
            },
            "/weather": {
                "get": operation("ListTickets"),
                "post": operation("CreateTicket"),
            },
        }),
    );
    desk["paths"]["/weather"]["get"]["parameters"] = json!([
        { "name": "page", "in": "query", "style": "deepObject", "explode": true, "schema": { "type": "object" } },
        { "name": "q", "in": "query", "schema": { "anyOf": [{ "type": "string" }, { "type": "integer" }] } },
    ]);
    desk["paths"]["/weather"]["post"]["requestBody"] = json!({ "content": { "application/json": { "schema": {
        "allOf": [{ "$ref": "#/components/schemas/Ticket" }, { "type": "object", "properties": {
            "id": { "oneOf": [{ "type": "integer" }, { "type": "string" }] },
        } }],
    } } } });
    desk["components"] =
        json!({ "schemas": { "Ticket": { "type": "object", "properties": { "subject": { "type": "string" } } } } });
    let mut agent = document(origin, json!({ "/weather": { "post": operation("ask") } }));
    agent["paths"]["/weather"]["post"]["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": {
        "type": "object", "properties": { "subject": { "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] } },
    } } } });
    [("desk", desk), ("agent", agent)]
}

/// In the form of a model that one of AWS's samples deploys: no endpoint rules.
fn monitoring() -> Value {
    json!({ "smithy": "2.0", "shapes": {
        "m#Logs": {
            "type": "service", "version": "1",
            "operations": [{ "target": "m#DescribeLogGroups" }, { "target": "m#FilterLogEvents" }],
            "traits": {
                "aws.api#service": { "sdkId": "CloudWatch Logs", "endpointPrefix": "logs" },
                "aws.protocols#awsJson1_1": {},
                "aws.auth#sigv4": { "name": "logs" },
            },
        },
        "m#DescribeLogGroups": {
            "type": "operation", "input": { "target": "m#Input" }, "output": { "target": "smithy.api#Unit" },
            "traits": { "smithy.api#documentation": "Lists groups." },
        },
        "m#FilterLogEvents": {
            "type": "operation", "input": { "target": "m#Filter" }, "output": { "target": "smithy.api#Unit" },
            "traits": { "smithy.api#documentation": "Finds events." },
        },
        "m#Input": { "type": "structure", "members": { "limit": { "target": "smithy.api#Integer" } } },
        "m#Filter": { "type": "structure", "members": { "logGroupName": { "target": "smithy.api#String" } } },
    } })
}

#[test]
fn the_documents_of_awss_samples_become_targets_as_they_are_and_adapted() {
    let (gateway, api) = (LocalGateway::new(), FakeApi::start());
    let home = gateway.env.home().to_owned();
    for (name, sample) in samples(&format!("{}/v1", api.origin)) {
        let spec = written(&home, "sample.json", &sample);
        for flags in [&["--adapt"][..], &[]] {
            let added = gateway.target(&["add", "openapi", name], "", &[&["--spec", &spec], flags].concat());
            assert_eq!(added.code, 0, "{name} {flags:?}: {added:?}");
            assert_eq!(gateway.shown(name)["status"], "READY");
        }
        let validated = gateway.env.run(&["validate", "openapi", &spec.clone(), "--adapt", "-o", "json"]).json();
        assert!(validated["findings"].as_array().unwrap().iter().all(|found| found["construct"] != "schema keyword"));
    }
    assert_eq!(gateway.call("desk___CountTickets", &json!({})).stdout, "just text\n");
    api.taken();
    let found = gateway.call("desk___ListTickets", &json!({ "page": { "size": 2, "after": "a b" }, "q": "Oslo" }));
    assert_eq!(found.code, 0, "{found:?}");
    assert_eq!(api.taken_one().uri, "/v1/weather?page%5Bsize%5D=2&page%5Bafter%5D=a%20b&q=Oslo");
    let asked = gateway.call("agent___ask", &json!({ "subject": ["a", "b"] }));
    assert_eq!((asked.code, api.taken_one().body.as_str()), (0, r#"{"subject":["a","b"]}"#), "{asked:?}");

    let model = written(&home, "monitoring.json", &monitoring());
    let add = |flags: &[&str]| gateway.target(&["add", "smithy", "logs"], "", &[&["--model", &model], flags].concat());
    assert_eq!(add(&[]).code, 0);
    let called = gateway.call("logs___DescribeLogGroups", &json!({ "limit": 1 }));
    assert_eq!(called.code, 0, "without endpoint rules, the service is known by its prefix: {called:?}");
    // The role gets the actions of the operations that are picked, and no others.
    let actions = || gateway.env.state()["iam"]["roles"].to_string();
    assert!(actions().contains("logs:FilterLogEvents"));
    assert_eq!(gateway.target(&["remove", "logs"], "", &[]).code, 0);
    let picked = add(&["--operations", "DescribeLogGroups"]);
    assert_eq!(picked.code, 0, "{picked:?}");
    assert!(actions().contains("logs:DescribeLogGroups") && !actions().contains("logs:FilterLogEvents"));
    assert_eq!(gateway.tools().iter().filter(|tool| tool.starts_with("logs___")).count(), 1);
    let other = gateway.target(&["add", "smithy", "logs"], "", &["--model", &model, "--operations", "DescribeNothing"]);
    assert!(other.code == 2 && other.stderr.contains("no operation is named `DescribeNothing`"), "{other:?}");
    let openapi_only = gateway.target(&["update", "logs"], "", &["--model", &model, "--clean-names"]);
    assert!(openapi_only.code == 2 && openapi_only.stderr.contains("is for OpenAPI documents"), "{openapi_only:?}");
}

#[test]
fn a_refusal_ends_with_the_command_that_adapts_and_what_it_keeps() {
    let gateway = LocalGateway::new();
    let home = gateway.env.home().to_owned();
    let mut paths = json!({ "/good": { "get": operation("good") }, "/named": { "get": operation("x") }, "/#no": { "get": operation("no") } });
    paths["/named"]["get"].as_object_mut().unwrap().remove("operationId");
    let spec = written(&home, "api.json", &document("https://api.example.com", paths.clone()));
    let refused = gateway.target(&["add", "openapi", "api"], "", &["--spec", &spec]);
    assert_eq!(refused.code, 2, "{refused:?}");
    let again = format!("target add openapi api --gateway g --spec {spec} --adapt` keeps 2 of 3 operations");
    assert!(refused.stderr.contains(&again), "{}", refused.stderr);
    let validated = gateway.env.run(&["validate", "openapi", &spec]);
    let said = format!("validate openapi {spec} --adapt` changes it so that the gateway takes it, 2 of 3 operations.");
    assert!(validated.code == 2 && validated.stdout.contains(&said), "{validated:?}");
    let report = gateway.env.run(&["validate", "openapi", &spec, "-o", "json"]).json();
    assert_eq!(report["adaptable"], json!({ "flags": "--adapt", "operations": { "kept": 2, "of": 3 } }));
    // Without an address, the user has to say it.
    let nowhere = written(&home, "nowhere.json", &document("/v1", paths));
    let refused = gateway.target(&["add", "openapi", "api"], "", &["--spec", &nowhere]);
    assert!(refused.stderr.contains("--adapt --server https://HOST` keeps 2 of 3"), "{}", refused.stderr);
    // One that AWS reads itself, and lets fail.
    gateway.env.with_boto3("put_object.py", &["specs", "api.json", &spec]);
    let stored = ["--spec", "s3://specs/api.json"];
    let failed = gateway.target(&["add", "openapi", "api"], "", &stored);
    assert!(failed.code == 1 && failed.stderr.contains("must have an operationId"), "{failed:?}");
    assert!(
        failed
            .stderr
            .contains("--spec s3://specs/api.json --adapt` sends a document that AWS accepts, with 2 of 3 operations"),
        "{failed:?}"
    );
    // Also for what no phrase of AWS's names: it is read to know.
    let mut odd = document("/v1", json!({ "/x": { "get": operation("x") }, "/y": { "get": operation("y") } }));
    odd["paths"]["/x"]["get"]["parameters"] = json!([{ "name": "c", "in": "cookie", "schema": { "type": "string" } }]);
    gateway.env.with_boto3("put_object.py", &["specs", "odd.json", &written(&home, "odd.json", &odd)]);
    let failed = gateway.target(&["add", "openapi", "odd"], "", &["--spec", "s3://specs/odd.json"]);
    let said =
        "--spec s3://specs/odd.json --adapt --server https://HOST` sends a document that AWS accepts, with 2 of 2";
    assert!(failed.code == 1 && failed.stderr.contains(said), "{failed:?}");
    assert!(!failed.stderr.contains("again to go on"), "{failed:?}");
    // With other flags, too.
    for flags in [&["--include", "/named", "--include", "/good"][..], &["--choose-server"]] {
        let refused = gateway.target(&["add", "openapi", "p"], "", &[&["--spec", spec.as_str()], flags].concat());
        let said = format!("{} --adapt` keeps", flags.join(" "));
        assert!(refused.code == 2 && refused.stderr.contains(&said), "{said}: {refused:?}");
    }
    // Read, adapted and sent inline; the object stays as it is.
    let added = gateway.target(&["add", "openapi", "api"], "", &[&stored[..], &["--adapt"]].concat());
    assert_eq!(added.code, 0, "{added:?}");
    let sent = &gateway.shown("api")["targetConfiguration"]["mcp"]["openApiSchema"];
    assert!(sent["inlinePayload"].as_str().unwrap().contains("get_named"), "{sent}");
    assert_eq!(gateway.tools(), ["api___get_named", "api___good"]);
    let object = gateway.env.with_boto3("get_object.py", &["specs", "api.json"]);
    assert_eq!(object.stdout, fs::read_to_string(&spec).unwrap());
}

#[test]
fn an_update_needs_the_flags_again_and_says_which() {
    let gateway = LocalGateway::new();
    let paths = json!({ "/pets/{id}": { "get": operation("pets/get") }, "/admin": { "get": operation("admin") } });
    let mut paths = paths;
    paths["/pets/{id}"]["get"]["parameters"] =
        json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }]);
    let spec = written(gateway.env.home(), "api.json", &document("https://api.example.com", paths));
    let flags = ["--spec", &spec, "--adapt", "--include", "GET /pets*"];
    let added = gateway.target(&["add", "openapi", "api"], "", &[&flags[..], &["-o", "json"]].concat());
    assert_eq!(added.code, 0, "{added:?}");
    let changes = added.json()["changes"].clone();
    for member in ["pointer", "line", "adaptation", "change", "reason"] {
        assert!(changes.as_array().unwrap().iter().all(|change| !change[member].is_null()), "{member}: {changes}");
    }
    assert_eq!(gateway.tools(), ["api___pets_get"]);
    let again = gateway.target(&["add", "openapi", "api"], "", &flags);
    assert!(again.code == 0 && again.stdout.contains("nothing had to be changed"), "{again:?}");
    let refused = gateway.target(&["update", "api"], "", &["--spec", &spec]);
    assert!(
        refused.code == 2 && refused.stderr.contains("adapted with `--adapt --include 'GET /pets*'`"),
        "{refused:?}"
    );
    assert_eq!(gateway.target(&["update", "api"], "", &flags).code, 0);
    assert_eq!(gateway.target(&["update", "api"], "", &["--spec", &spec, "--no-adapt"]).code, 0);
    assert_eq!(gateway.tools(), ["api___admin", "api___pets/get"]);
    let nothing = gateway.target(&["update", "api"], "", &["--adapt"]);
    assert!(nothing.code == 2 && nothing.stderr.contains("--spec"), "{nothing:?}");
}

#[test]
fn an_adapted_document_is_written_to_a_file_and_the_report_to_stdout() {
    let env = Env::new();
    let mut paths = json!({ "/x": { "get": operation("a/b") } });
    paths["/x"]["get"]["responses"] = json!({ "200": {} });
    let spec = written(env.home(), "api.json", &document("https://api.example.com", paths));
    let before = fs::read_to_string(&spec).unwrap();
    let adapted = env.home().join("adapted.json");
    let to = adapted.to_str().unwrap();
    let run = env.run(&["validate", "openapi", &spec, "--adapt", "--adapted", to, "-o", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let report = run.json();
    assert_eq!(
        (&report["operations"], report["changes"].as_array().unwrap().len()),
        (&json!({ "kept": 1, "of": 1 }), 2)
    );
    assert_eq!(report["tools"][0]["inputSchema"], json!({ "type": "object", "properties": {} }));
    let value: Value = serde_json::from_str(&fs::read_to_string(&adapted).unwrap()).unwrap();
    assert_eq!(value["paths"]["/x"]["get"]["operationId"], "a_b");
    assert_eq!(env.run(&["validate", "openapi", to]).code, 0);
    assert_eq!(fs::read_to_string(&spec).unwrap(), before);
    for (flags, said) in [
        (&["--adapt", "--adapted", &spec][..], "not a file of its own"),
        (&["--adapt", "--adapted", "-"], "not a file of its own"),
        (&["--adapted", to], "add `--adapt`"),
        (&["--adapt", "--adapted", "/no/such/folder/x"], "cannot be written"),
        (&["--include", "GET /none*"], "matches no operation"),
        (&["--include", "GET pets"], "does not begin with a slash"),
        (&["--server", "api.example.com"], "https://HOST"),
        (&["--server", "ftp://api.example.com"], "https://HOST"),
    ] {
        let refused = env.run(&[&["validate", "openapi", &spec], flags].concat());
        assert!(refused.code == 2 && refused.stderr.contains(said), "{flags:?}: {refused:?}");
    }
    assert_eq!(fs::read_to_string(&spec).unwrap(), before);
    // Foreign text does not reach a terminal as it is.
    let evil = written(
        env.home(),
        "evil.json",
        &document("https://x.example", json!({ "/x": { "get": operation("a\u{1b}[2Jb") } })),
    );
    let shown = env.run(&["validate", "openapi", &evil, "--adapt"]);
    assert!(!shown.stdout.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn sizes_are_those_of_what_is_sent() {
    let gateway = LocalGateway::new();
    let home = gateway.env.home().to_owned();
    // A file that nobody reads: it has no blocks on disk.
    let giant = home.join("giant.json");
    let mut file = fs::File::create(&giant).unwrap();
    file.write_all(b"{").unwrap();
    file.set_len(64 * 1024 * 1024 + 1).unwrap();
    let refused = gateway.env.run(&["validate", "openapi", giant.to_str().unwrap()]);
    assert!(refused.code == 2 && refused.stderr.contains("has more than 64 MB"), "{refused:?}");

    let many: serde_json::Map<String, Value> = (0..1200)
        .map(|n| {
            (format!("/{}/{n}", if n % 2 == 0 { "even" } else { "odd" }), json!({ "get": operation(&format!("o{n}")) }))
        })
        .collect();
    let spec = written(&home, "many.json", &document("https://api.example.com", Value::Object(many)));
    let refused = gateway.target(&["add", "openapi", "many"], "", &["--spec", &spec]);
    assert!(refused.code == 2 && refused.stderr.contains("1200 tools are too many"), "{refused:?}");
    assert!(refused.stderr.contains("--include"), "{refused:?}");
    let picked = gateway.target(
        &["add", "openapi", "many"],
        "",
        &["--spec", &spec, "--include", "/even/*", "--exclude", "*9*", "--exclude", "/even/?", "--exclude", "/even/1*"],
    );
    assert!(picked.code == 2, "a pattern that matches nothing is a mistake: {picked:?}");
    let picked = gateway.target(&["add", "openapi", "many"], "", &["--spec", &spec, "--include", "/even/11*"]);
    assert_eq!(picked.code, 0, "{picked:?}");
    assert_eq!(gateway.tools().len(), 55);

    let nameless: serde_json::Map<String, Value> = (0..1200)
        .map(|n| {
            let mut get = operation("x");
            get.as_object_mut().unwrap().remove("operationId");
            (format!("/{n}"), json!({ "get": get }))
        })
        .collect();
    let spec = written(&home, "nameless.json", &document("https://api.example.com", Value::Object(nameless)));
    let checked = gateway.env.run(&["validate", "openapi", &spec]);
    assert!(checked.code == 2 && checked.stdout.contains("1200 tools are too many"), "{checked:?}");
    assert!(checked.stdout.contains("--include"), "{checked:?}");

    let mut large = document(
        "https://api.example.com",
        json!({ "/x": { "post": operation("x") }, "/y": { "get": operation("y") } }),
    );
    large["paths"]["/x"]["post"]["description"] = json!("x".repeat(1024 * 1024));
    let spec = written(&home, "large.json", &large);
    let refused = gateway.target(&["add", "openapi", "large"], "", &["--spec", &spec, "--adapt"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    for said in [
        "validate openapi",
        "large.json --target large --adapt --adapted adapted.json`",
        "`aws s3 cp adapted.json s3://BUCKET/KEY`",
        "`--spec s3://BUCKET/KEY`",
    ] {
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
    let small = gateway.target(&["add", "openapi", "large"], "", &["--spec", &spec, "--operations", "y"]);
    assert_eq!(small.code, 0, "the limit is that of what is sent: {small:?}");
}

#[test]
fn tools_of_others_are_named_and_converted() {
    let env = Env::new();
    let input = json!({ "type": "object", "properties": { "a": { "type": "string", "enum": ["x"] }, "b": { "type": "array" } } });
    let given = json!({ "tools": [{ "name": "t", "description": "d", "inputSchema": input }] });
    let file = written(env.home(), "tools.json", &given);
    let refused = env.run(&["validate", "tools", &file]);
    assert!(refused.code == 2 && refused.stdout.contains("these are tools in the form of MCP"), "{refused:?}");
    assert!(refused.stdout.contains("--adapt"), "{refused:?}");
    let adapted = env.home().join("adapted.json");
    let run = env.run(&["validate", "tools", &file, "--adapt", "--adapted", adapted.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    let written: Value = serde_json::from_str(&fs::read_to_string(&adapted).unwrap()).unwrap();
    let properties = json!({
        "a": { "type": "string", "description": "one of \"x\"" }, "b": { "type": "array", "items": { "type": "string" } },
    });
    assert_eq!(
        written,
        json!([{ "name": "t", "description": "d", "inputSchema": { "type": "object", "properties": properties } }])
    );
    assert_eq!(env.run(&["validate", "tools", adapted.to_str().unwrap()]).code, 0);
    let four = json!([{ "name": "t", "description": "d", "inputSchema": { "type": "object", "title": "T", "properties": {
        "a": { "type": "string", "enum": ["x"] }, "b": { "type": "integer", "default": 1 }, "c": { "type": "string", "format": "date" },
    } } }]);
    let file = self::written(env.home(), "four.json", &four);
    let found = env.run(&["validate", "tools", &file, "-o", "json"]).json();
    assert_eq!(found["findings"].as_array().unwrap().len(), 4, "{found}");
}
