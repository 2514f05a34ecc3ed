//! APIs as tools: added, listed, called, updated and removed through the program, with a fake API on loopback
//! that records its requests.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    support::env::{Run, Server, path, python},
    support::fake_api::FakeApi,
    support::local_gateway::LocalGateway,
    support::world::World,
};

/// The quick start's OpenWeatherMap document, with some more operations.
fn document(origin: &str) -> Value {
    let query = |name: &str, required: bool| json!({ "name": name, "in": "query", "required": required, "schema": { "type": "string" } });
    let ok = json!({ "200": { "description": "ok" } });
    let plain = |id: &str| json!({ "get": { "operationId": id, "summary": "For the test", "responses": ok } });
    json!({
        "openapi": "3.0.3",
        "info": { "title": "OpenWeatherMap", "version": "2.5" },
        "servers": [{ "url": format!("{origin}/v1") }],
        "paths": {
            "/weather": {
                "get": {
                    "operationId": "getCurrentWeather",
                    "summary": "Current weather of a city",
                    "parameters": [query("q", true), query("units", false)],
                    "responses": ok,
                },
                "post": {
                    "operationId": "report",
                    "description": "Report the weather of a city",
                    "requestBody": { "required": true, "content": { "application/json": { "schema": {
                        "type": "object", "required": ["city"],
                        "properties": { "city": { "type": "string" }, "temp": { "type": "number" } },
                    } } } },
                    "responses": ok,
                },
            },
            "/moved": plain("moved"),
            "/hangs": plain("hangs"),
            "/revoked": plain("revoked"),
            "/text": plain("text"),
            "/precise": plain("precise"),
            "/key": { "get": { "operationId": "key", "summary": "s", "responses": ok, "parameters": [query("appid", false)] } },
            "/endless": plain("endless"),
        },
    })
}

/// A gateway in a HOME of its own, a document, and the API that it describes.
struct DocumentedApi {
    gateway: LocalGateway,
    api: FakeApi,
    spec: String,
}

impl DocumentedApi {
    fn new() -> Self {
        let (gateway, api) = (LocalGateway::not_yet(), FakeApi::start());
        let spec = gateway.env.home().join("openapi.json");
        fs::write(&spec, document(&api.origin).to_string()).unwrap();
        Self { spec: spec.to_str().unwrap().to_owned(), gateway, api }
    }

    #[track_caller]
    fn add(&self, secret: &str, flags: &[&str]) {
        let added =
            self.gateway.target(&["add", "openapi", "weather"], secret, &[&["--spec", &self.spec], flags].concat());
        assert_eq!(added.code, 0, "{added:?}");
        let listed = self.gateway.env.ok(&["--local", "target", "list", "--gateway", "g", "-o", "json"]).json();
        let weather = listed["items"].as_array().unwrap().iter().find(|target| target["name"] == "weather").unwrap();
        assert_eq!((&weather["status"], &weather["targetType"]), (&json!("READY"), &json!("OPEN_API_SCHEMA")));
        let tools = self.gateway.env.ok(&["--local", "tools", "list", "g", "-o", "json"]).json();
        assert!(tools["items"].as_array().unwrap().iter().any(|tool| tool["name"] == "weather___text"), "{tools}");
    }

    fn call(&self, tool: &str, arguments: &Value) -> Run {
        self.gateway.call(&format!("weather___{tool}"), arguments)
    }

    /// Deletes the target and the gateway, and checks that nothing is left.
    fn end(&self) {
        self.gateway.env.ok(&["--local", "target", "remove", "weather", "--gateway", "g"]);
        let state = self.gateway.env.state();
        assert_eq!(state["agentcore"]["providers"], json!({}), "its provider goes with a target");
        assert_eq!(state["secrets"]["secrets"], json!({}));
        self.gateway.end();
    }
}

const OSLO: fn() -> Value = || json!({ "q": "Oslo & more", "units": "metric" });

#[test]
fn an_api_without_a_credential_is_called_as_its_document_says() {
    let setting = DocumentedApi::new();
    setting.gateway.create(&["--debug-errors"]);
    setting.add("", &[]);
    let listed = setting.gateway.env.ok(&["--local", "tools", "list", "g", "-o", "json"]).json();
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    let at = names.iter().position(|name| *name == "weather___getCurrentWeather").unwrap();
    assert_eq!(listed["items"][at]["inputSchema"]["required"], json!(["q"]));
    assert_eq!(setting.call("getCurrentWeather", &OSLO()).json()["main"]["temp"], -3.5);
    let asked = setting.api.taken_one();
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("GET", "/v1/weather?q=Oslo%20%26%20more&units=metric"));
    assert_eq!(asked.header("authorization"), "");
    assert_eq!(setting.call("report", &json!({ "city": "Oslo", "temp": -3.5 })).code, 0);
    let asked = setting.api.taken_one();
    assert_eq!((asked.method.as_str(), asked.header("content-type")), ("POST", "application/json"));
    assert_eq!(serde_json::from_str::<Value>(&asked.body).unwrap(), json!({ "city": "Oslo", "temp": -3.5 }));
    assert_eq!(setting.call("text", &json!({})).stdout, "just text\n");
    assert_eq!(setting.call("precise", &json!({})).stdout, "{\"n\":12345678901234567890123}\n");

    for (tool, arguments, said) in [
        ("getCurrentWeather", json!({}), "Missing required field(s): 'q'"),
        ("getCurrentWeather", json!({ "q": 7 }), "Field '/q' has invalid type: integer found, string expected"),
        (
            "getCurrentWeather",
            json!({ "q": "Atlantis" }),
            "OpenAPIClientException - Error executing HTTP request for getCurrentWeather: Client error: API request failed with status: 404 - {\"message\":\"city not found\"",
        ),
        ("moved", json!({}), "redirects are not followed"),
        (
            "endless",
            json!({}),
            "OpenAPIClientException - Error executing HTTP request for unknown: the answer is longer than 16 MB",
        ),
    ] {
        let failed = setting.call(tool, &arguments);
        assert!(failed.code == 1 && failed.stdout.contains(said), "{tool}: {failed:?}");
    }
    // What is specified is changed, and the rest is kept.
    let mut other = document(&setting.api.origin);
    other["paths"].as_object_mut().unwrap().retain(|path, _| path == "/text");
    let smaller = setting.gateway.env.home().join("smaller.yaml");
    fs::write(&smaller, format!("# YAML is sent as JSON\n{other}")).unwrap();
    let updated = setting.gateway.target(&["update", "weather"], "", &["--spec", smaller.to_str().unwrap()]);
    assert!(updated.code == 0 && updated.stdout.contains("weather___text"), "{updated:?}");
    assert_eq!(setting.call("text", &json!({})).stdout, "just text\n");
    setting.end();
}

#[test]
fn an_api_key_goes_where_it_is_wanted_and_nowhere_else() {
    let setting = DocumentedApi::new();
    let log = setting.gateway.env.home().join("log");
    let _server = Server::start_logging(&setting.gateway.env, &["-vvv"], &log);
    setting.gateway.create(&["--debug-errors"]);
    let (first, second) = ("key-of-the-first-day", "key of the second day");
    let add = ["--spec", &setting.spec, "--api-key-env", "SECRET", "--api-key-query", "appid", "-vvv"];
    let added = setting.gateway.target(&["add", "openapi", "weather"], first, &add);
    assert_eq!(added.code, 0, "{added:?}");
    let called = setting.call("getCurrentWeather", &OSLO());
    assert_eq!(called.json()["name"], "Oslo");
    let asked = setting.api.taken_one();
    assert_eq!(asked.uri, format!("/v1/weather?q=Oslo%20%26%20more&units=metric&appid={first}"));
    assert_eq!(setting.call("key", &json!({ "appid": "mine" })).code, 0);
    assert_eq!(setting.api.taken_one().uri, format!("/v1/key?appid={first}"), "no argument takes the key's place");
    // An API may echo the credential; it is removed from the result.
    let failed = setting.call("getCurrentWeather", &json!({ "q": "Atlantis" }));
    assert!(failed.stdout.contains("/v1/weather?q=Atlantis&appid=(credential)"), "{failed:?}");
    setting.api.taken();
    // A new key for the same target, then another place for it.
    setting.add(second, &["--api-key-env", "SECRET", "--api-key-query", "appid"]);
    setting.call("text", &json!({}));
    assert_eq!(setting.api.taken_one().uri, "/v1/text?appid=key%20of%20the%20second%20day");
    let header = ["--api-key-env", "SECRET", "--api-key-header", "X-Key", "--api-key-prefix", "Token ", "-vvv"];
    let updated = setting.gateway.target(&["update", "weather"], second, &header);
    assert_eq!(updated.code, 0, "{updated:?}");
    setting.call("text", &json!({}));
    let asked = setting.api.taken_one();
    assert_eq!((asked.uri.as_str(), asked.header("x-key")), ("/v1/text", "Token key of the second day"));
    // From a file, and from something like standard input.
    let file = setting.gateway.env.home().join("key");
    fs::write(&file, "from-a-file\n").unwrap();
    setting.add("", &["--api-key-file", file.to_str().unwrap(), "--api-key-header", "X-Key"]);
    setting.call("text", &json!({}));
    assert_eq!(setting.api.taken_one().header("x-key"), "from-a-file");

    let got = setting.gateway.env.ok(&["--local", "target", "get", "weather", "--gateway", "g"]).stdout;
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("CreateApiKeyCredentialProvider"), "the log was one: {log}");
    for (place, text) in [
        ("add", &added.stderr),
        ("update", &updated.stderr),
        ("call", &called.stderr),
        ("target get", &got),
        ("the server's log", &log),
    ] {
        for secret in [first, second, "from-a-file", "key%20of"] {
            assert!(!text.contains(secret), "{place} shows {secret}");
        }
    }
    let removed = setting.gateway.target(&["update", "weather"], "", &["--no-credential"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert_eq!(setting.gateway.env.state()["agentcore"]["providers"], json!({}), "nothing uses it any more");
    setting.end();
}

#[test]
fn the_quick_starts_weather_api_answers_a_real_mcp_client() {
    let setting = DocumentedApi::new();
    let create = ["--local", "create", "g", "--no-observability", "-o", "json"];
    let created = setting.gateway.env.ok(&create).json();
    setting.add("the-key", &["--api-key-env", "SECRET", "--api-key-query", "appid"]);
    let token = setting.gateway.env.home().join("token");
    fs::write(&token, setting.gateway.env.ok(&["--local", "token", "g"]).stdout).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/call_tool.py");
    let mut client = Command::new(python("mcp-2"));
    client.arg(script).arg(created["gateway"]["gatewayUrl"].as_str().unwrap()).arg(&token);
    client.args(["weather___getCurrentWeather", r#"{"q": "Oslo"}"#]).env_clear().env("PATH", path());
    let run = Run::of(client.output().unwrap());
    assert_eq!(run.json()["name"], "Oslo", "{run:?}");
    assert_eq!(setting.api.taken_one().uri, "/v1/weather?q=Oslo&appid=the-key");
    let terse = setting.call("getCurrentWeather", &json!({ "q": "Atlantis" }));
    assert_eq!(terse.stdout, "An internal error occurred. Please retry later.\n");
    setting.end();
}

#[test]
fn documents_and_tools_come_from_s3_and_the_role_may_read_them_while_they_are_needed() {
    let setting = DocumentedApi::new();
    setting.gateway.create(&["--sample"]);
    setting.gateway.env.with_boto3("put_object.py", &["schemas", "api.json", &setting.spec]);
    let tools = setting.gateway.env.home().join("tools.json");
    let schema = json!({ "type": "object", "properties": { "location": { "type": "string" } } });
    fs::write(&tools, json!([{ "name": "get_weather", "description": "d", "inputSchema": schema }]).to_string())
        .unwrap();
    setting.gateway.env.with_boto3("put_object.py", &["tools", "x/tools.json", tools.to_str().unwrap()]);
    let allowed = || {
        let roles = setting.gateway.env.state()["iam"]["roles"].clone();
        let role = roles.as_object().unwrap().values().find(|role| role["inline"]["base"].is_object()).unwrap().clone();
        let policy = role["inline"]["s3"]["document"].as_str().map(str::to_owned);
        policy.map(|policy| serde_json::from_str::<Value>(&policy).unwrap()["Statement"][0]["Resource"].clone())
    };
    let added = setting.gateway.target(&["add", "openapi", "weather"], "", &["--spec", "s3://schemas/api.json"]);
    assert_eq!(added.code, 0, "{added:?}");
    assert_eq!(setting.call("text", &json!({})).stdout, "just text\n");
    assert_eq!(allowed(), Some(json!(["arn:aws:s3:::schemas/api.json"])));

    let functions = setting.gateway.env.state()["lambda"]["functions"].clone();
    let arn = functions.as_object().unwrap().keys().next().unwrap().clone();
    let lambda = ["--lambda-arn", &arn, "--tools", "s3://tools/x/tools.json"];
    let added = setting.gateway.target(&["add", "lambda", "mine"], "", &lambda);
    assert_eq!(added.code, 0, "{added:?}");
    let call = ["--local", "tools", "call", "g", "mine___get_weather", r#"{"location":"Oslo"}"#];
    assert_eq!(setting.gateway.env.ok(&call).json()["location"], "Oslo");
    assert_eq!(allowed().unwrap().as_array().unwrap().len(), 2);
    // A changed document at the same place is read again when the target is named again, by either command.
    let names = |names: [&str; 2]| {
        let tool = |name: &&str| json!({ "name": name, "description": "d", "inputSchema": schema });
        fs::write(&tools, json!(names.iter().map(tool).collect::<Vec<_>>()).to_string()).unwrap();
        setting.gateway.env.with_boto3("put_object.py", &["tools", "x/tools.json", tools.to_str().unwrap()]);
    };
    let listed = || setting.gateway.env.ok(&["--local", "tools", "list", "g"]).stdout;
    names(["get_weather", "added"]);
    assert!(!listed().contains("mine___added"));
    assert_eq!(setting.gateway.target(&["add", "lambda", "mine"], "", &lambda).code, 0);
    assert!(listed().contains("mine___added"), "{}", listed());
    names(["get_weather", "updated"]);
    assert_eq!(setting.gateway.target(&["update", "mine"], "", &lambda[2..]).code, 0);
    assert!(listed().contains("mine___updated") && !listed().contains("mine___added"), "{}", listed());
    setting.gateway.env.ok(&["--local", "target", "remove", "weather", "--gateway", "g"]);
    assert_eq!(allowed(), Some(json!(["arn:aws:s3:::tools/x/tools.json"])));
    setting.gateway.env.ok(&["--local", "target", "remove", "mine", "--gateway", "g"]);
    assert_eq!(allowed(), None);
    let missing = setting.gateway.target(
        &["add", "openapi", "none"],
        "",
        &["--spec", "s3://schemas/none.json", "--timeout", "5"],
    );
    assert!(missing.code != 0 && missing.stderr.contains("there is no object s3://schemas/none.json"), "{missing:?}");
}

#[test]
fn an_oauth_client_gets_a_token_keeps_it_and_gets_another_when_it_is_refused() {
    let setting = DocumentedApi::new();
    setting.gateway.create(&["--debug-errors"]);
    let discovery = format!("{}/.well-known/openid-configuration", setting.api.origin);
    let client = ["--oauth-client-id", "client", "--oauth-client-secret-env", "SECRET", "--oauth-scope", "read"];
    let by_discovery = [&client[..], &["--oauth-discovery-url", &discovery, "--oauth-param", "audience=api"]].concat();
    setting.add("wrong", &by_discovery);
    let failed = setting.call("text", &json!({}));
    assert!(failed.code == 1 && failed.stdout.contains("answered HTTP 401: who is that?"), "{failed:?}");
    assert!(!failed.stdout.contains("wrong"));

    setting.api.taken();
    setting.add("right", &by_discovery);
    for _ in 0..2 {
        assert_eq!(setting.call("text", &json!({})).stdout, "just text\n");
    }
    let asked = setting.api.taken();
    let uris: Vec<_> = asked.iter().map(|asked| asked.uri.as_str()).collect();
    assert_eq!(uris, ["/.well-known/openid-configuration", "/token", "/v1/text", "/v1/text"], "the token is kept");
    assert_eq!(asked[1].body, "grant_type=client_credentials&scope=read&audience=api");
    assert_eq!(asked[2].header("authorization"), "Bearer token-0");
    assert_eq!(setting.call("revoked", &json!({})).code, 0, "a refused token is asked for anew, once");

    setting.api.taken();
    let endpoint = format!("{}/token", setting.api.origin);
    let by_endpoint = [&client[..], &["--oauth-token-endpoint", &endpoint]].concat();
    let updated = setting.gateway.target(&["update", "weather"], "right", &by_endpoint);
    assert_eq!(updated.code, 0, "{updated:?}");
    assert_eq!(setting.call("text", &json!({})).code, 0);
    assert_eq!(setting.api.taken()[0].uri, "/token");
    setting.end();
}

#[test]
fn the_gateways_role_signs_and_a_provider_that_is_there_is_used_and_left() {
    let setting = DocumentedApi::new();
    setting.gateway.create(&["--debug-errors"]);
    setting.add("", &["--iam-service", "execute-api"]);
    setting.call("text", &json!({}));
    let signed = setting.api.taken_one().header("authorization").to_owned();
    assert!(signed.starts_with("AWS4-HMAC-SHA256 ") && signed.contains("/us-west-2/execute-api/"), "{signed}");

    let updated =
        setting.gateway.target(&["update", "weather"], "", &["--iam-service", "lambda", "--iam-region", "eu-west-1"]);
    assert_eq!(updated.code, 0, "{updated:?}");
    setting.call("text", &json!({}));
    let signed = setting.api.taken_one().header("authorization").to_owned();
    assert!(signed.contains("/eu-west-1/lambda/"), "{signed}");

    let made = setting.gateway.env.with_boto3("credential_provider.py", &["mine", "brought-key"]).json();
    let arn = made["arn"].as_str().unwrap();
    setting.add("", &["--credential-provider", arn, "--api-key-header", "X-Key"]);
    setting.call("text", &json!({}));
    assert_eq!(setting.api.taken_one().header("x-key"), "brought-key");
    let updated =
        setting.gateway.target(&["update", "weather"], "", &["--credential-provider", arn, "--api-key-query", "k"]);
    assert_eq!(updated.code, 0, "{updated:?}");
    setting.call("text", &json!({}));
    assert_eq!(setting.api.taken_one().uri, "/v1/text?k=brought-key");
    setting.gateway.env.ok(&["--local", "target", "remove", "weather", "--gateway", "g"]);
    let policies =
        setting.gateway.env.state()["iam"]["roles"].as_object().unwrap().values().next().unwrap()["inline"].clone();
    let names: Vec<_> = policies.as_object().unwrap().keys().collect();
    assert_eq!(names, ["base"], "what the role was allowed for it, it is not any more");
    assert_eq!(
        setting.gateway.env.state()["agentcore"]["providers"].as_object().unwrap().len(),
        1,
        "what is the user's stays"
    );
    setting.gateway.env.ok(&["--local", "cleanup", "g", "--yes"]);
    assert_eq!(setting.gateway.env.state()["agentcore"]["providers"].as_object().unwrap().len(), 1);
}

#[tokio::test] // in real time: the stand-in is not of this runtime
async fn a_hung_api_does_not_hang_the_gateway() {
    let (world, api) = (World::new(Duration::ZERO), FakeApi::start());
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("openapi.json");
    fs::write(&spec, document(&api.origin).to_string()).unwrap();
    world.run(&["create", "g", "--authorizer", "none", "-y", "--no-observability", "--debug-errors"]).await.expect(0);
    // This endpoint is not `--local`: private addresses are rejected, unless the document comes from S3.
    let add = ["target", "add", "openapi", "weather", "--gateway", "g", "--spec", spec.to_str().unwrap()];
    let refused = world.run(&add).await.expect(2).stderr;
    assert!(refused.contains("must use HTTPS protocol"), "{refused}");
    let text = json!({ "openApiSchema": { "inlinePayload": document(&api.origin).to_string() } });
    let request = json!({ "name": "weather", "targetConfiguration": { "mcp": text } });
    world.create_target("g", &request).await;
    let begun = Instant::now();
    let hung = world.run(&["tools", "call", "g", "weather___hangs"]).await.expect(1);
    assert!(hung.stdout.contains("Error executing HTTP request for unknown: no answer within 1 s"), "{hung:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(world.run(&["tools", "call", "g", "weather___text"]).await.expect(0).stdout, "just text\n");
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_made() {
    let setting = DocumentedApi::new();
    setting.gateway.create(&[]);
    let home = setting.gateway.env.home();
    let bad = home.join("bad.yaml");
    fs::write(&bad, "openapi: 3.0.3\ninfo: {title: x, version: 1.0.0}\nservers: [{url: https://api.example.com}]\npaths:\n  /x:\n    post:\n      operationId: x\n      responses:\n        default: {description: ok, content: {\n          text/html: {}}}\n").unwrap();
    let large = home.join("large.json");
    let mut document = document(&setting.api.origin);
    document["info"]["description"] = json!("x".repeat(1024 * 1024));
    fs::write(&large, document.to_string()).unwrap();
    let (bad, large, spec) = (bad.to_str().unwrap(), large.to_str().unwrap(), setting.spec.as_str());
    for (flags, said) in [
        (vec!["--spec", bad], "bad.yaml, line 10: MediaType text/html is not supported in response"),
        (vec!["--spec", large], "s3://BUCKET/KEY"),
        (vec!["--spec", "/no/such/file"], "cannot be read"),
        (vec!["--spec", spec, "--api-key-env", "SECRET"], "an API key needs a place"),
        (vec!["--spec", spec, "--api-key-header", "X"], "no key"),
        (vec!["--spec", spec, "--api-key-env", "NOT_SET", "--api-key-header", "X"], "NOT_SET is not set"),
        (
            vec!["--spec", spec, "--oauth-client-id", "c", "--oauth-client-secret-env", "SECRET"],
            "where this client gets its tokens",
        ),
        (vec!["--spec", spec, "--oauth-client-id", "c"], "required"),
        (vec!["--spec", spec, "--oauth-scope", "a"], "no OAuth client"),
        (vec!["--spec", "-", "--api-key-file", "-", "--api-key-query", "k"], "standard input"),
        (vec!["--spec", spec, "--api-key-env", "SECRET", "--api-key-header", "Content-Length"], "travels"),
        (vec!["--spec", spec, "--api-key-env", "SECRET", "--api-key-header", "X Y"], "letters, digits"),
        (
            vec!["--spec", spec, "--api-key-env", "SECRET", "--api-key-header", "X", "--api-key-prefix", "a\r\nb: "],
            "one line",
        ),
        (
            vec![
                "--spec",
                spec,
                "--oauth-client-id",
                "c",
                "--oauth-client-secret-env",
                "SECRET",
                "--oauth-token-endpoint",
                "nowhere",
            ],
            "https://",
        ),
        (vec!["--spec", spec, "--credential-provider", "arn:aws:s3:::x"], "no credential provider's ARN"),
        (
            vec![
                "--spec",
                spec,
                "--oauth-client-id",
                "c",
                "--oauth-client-secret-env",
                "SECRET",
                "--oauth-vendor",
                "google",
                "--oauth-tenant",
                "t",
            ],
            "has its own tenantId",
        ),
    ] {
        let refused = setting.gateway.target(&["add", "openapi", "weather"], "s3cr3t", &flags);
        assert_eq!(refused.code, 2, "{flags:?}: {refused:?}");
        assert!(refused.stderr.contains(said) && !refused.stderr.contains("s3cr3t"), "{flags:?}: {}", refused.stderr);
    }
    // A key where the name of its variable belongs.
    for key in ["sk-live-abcdef", "AKIAIOSFODNN7EXAMPLE"] {
        let flags = ["--spec", spec, "--api-key-env", key, "--api-key-header", "X"];
        for format in [&[][..], &["-o", "json"]] {
            let refused = setting.gateway.target(&["add", "openapi", "weather"], "", &[&flags[..], format].concat());
            assert!(refused.code == 2 && !format!("{refused:?}").contains(key), "{refused:?}");
            assert!(format!("{refused:?}").contains("give the variable's name"), "{refused:?}");
        }
    }
    let nothing = setting.gateway.target(&["update", "weather"], "", &[]);
    assert!(nothing.code == 2 && nothing.stderr.contains("nothing to change"), "{nothing:?}");
    let missing = setting.gateway.target(&["update", "weather"], "", &["--no-credential"]);
    assert!(missing.code == 5 && missing.stderr.contains("no target `weather`"), "{missing:?}");
    assert_eq!(setting.gateway.env.state()["agentcore"]["providers"], json!({}));
}
