//! Settings of targets: what is passed on, what a file describes, credentials of callers and users, and targets of kinds
//! that the local AWS keeps without serving them.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Stdio,
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, response::IntoResponse as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::functions;
use crate::support::{
    difference::differences,
    fake_mcp_server::FakeMcpServer,
    fake_server::serve,
    local_gateway::LocalGateway,
    world::{Answer, Subject, THEIR_FUNCTION, World},
};

const RUNTIME: &str = "arn:aws:bedrock-agentcore:us-west-2:000000000000:runtime/agent-abcdefghij";
const ENGINE: &str = "arn:aws:bedrock-agentcore:us-west-2:000000000000:policy-engine/engine-abcdefghij";

/// A folder of input files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn json(&self, name: &str, content: &Value) -> String {
        self.write(name, &content.to_string())
    }
}

fn api(origin: &str) -> Value {
    json!({
        "openapi": "3.0.3", "info": { "title": "t", "version": "1" }, "servers": [{ "url": origin }],
        "paths": { "/a": { "get": {
            "operationId": "a", "summary": "s", "responses": { "200": { "description": "ok" } },
        } } },
    })
}

/// An API that answers with the headers and the query that it was sent, and with headers of its own.
fn echo() -> String {
    serve(|_| {
        Router::new().fallback(async |request: Request| {
            let headers = request.headers().iter();
            let headers: serde_json::Map<String, Value> =
                headers.map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
            let said = json!({ "headers": headers, "query": request.uri().query() });
            ([("x-served-by", "echo"), ("x-inner", "not told")], said.to_string()).into_response()
        })
    })
}

/// Sends an MCP request to a gateway at this path, with these headers, and reads the response.
async fn post(world: &World, path: &str, headers: &[(&str, &str)], message: &Value) -> Answer {
    let mut request = http::Request::post(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::from(message.to_string())).unwrap()).await
}

fn call(tool: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": {} } })
}

async fn shown(world: &World, target: &str) -> Value {
    world.run(&["target", "get", target, "--gateway", "g", "-o", "json"]).await.expect(0).json()
}

const OPEN: &[&str] = &["--authorizer", "none", "-y", "--no-observability"];

/// The program takes https addresses only; the API takes those of this machine, too.
fn of_api(spec: &Value) -> Value {
    json!({ "name": "api", "targetConfiguration": { "mcp": { "openApiSchema": { "inlinePayload": spec.to_string() } } } })
}

#[tokio::test]
async fn named_headers_and_parameters_pass_through_a_gateway_and_no_others() {
    let world = World::new(Duration::ZERO);
    let path = world.create_gateway(OPEN).await;
    world.create_target("g", &of_api(&api(&echo()))).await;
    let update = ["target", "update", "api", "--gateway", "g", "--allow-request-header", "X-Tenant"];
    let flags = ["--allow-response-header", "x-served-by", "--allow-query", "place"];
    world.run(&[&update[..], &flags[..]].concat()).await.expect(0);
    let sent = [("x-tenant", "blue"), ("x-other", "secret")];
    let answer = post(&world, &format!("{path}?place=eu&other=secret"), &sent, &call("api___a")).await;
    let said: Value = serde_json::from_str(answer.json()["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!((&said["headers"]["x-tenant"], &said["query"]), (&json!("blue"), &json!("place=eu")));
    assert!(!said.to_string().contains("secret"), "{said}");
    assert_eq!((answer.header("x-served-by"), answer.header("x-inner")), ("echo", ""));
    world.run(&["target", "update", "api", "--gateway", "g", "--clear-allowed"]).await.expect(0);
    let answer = post(&world, &format!("{path}?place=eu"), &sent, &call("api___a")).await;
    let said = answer.json()["result"]["content"][0]["text"].to_string();
    assert!(!said.contains("blue") && !said.contains("place"), "{said}");
    assert_eq!(answer.header("x-served-by"), "");
}

fn of_server(server: &FakeMcpServer) -> Value {
    json!({ "name": "m", "targetConfiguration": { "mcp": { "mcpServer": { "endpoint": server.endpoint() } } } })
}

/// Of a session's connection as well, which another request has opened.
#[tokio::test]
async fn named_headers_of_an_mcp_servers_answer_reach_each_caller_once() {
    let world = World::new(Duration::ZERO);
    let server = FakeMcpServer::start(&["add"]);
    let path = world.create_gateway(OPEN).await;
    let mut target = of_server(&server);
    target["metadataConfiguration"] = json!({ "allowedResponseHeaders": ["x-served-by"] });
    world.create_target("g", &target).await;
    world.run(&["target", "sync", "m", "--gateway", "g"]).await.expect(0);
    let served_by = |answer: &Answer| answer.headers.get_all("x-served-by").iter().count();
    assert_eq!(served_by(&post(&world, &path, &[], &call("m___add")).await), 1);
    world.edit_gateway(|config| {
        config["protocolConfiguration"]["mcp"]["sessionConfiguration"] = json!({ "sessionTimeoutInSeconds": 900 });
    });
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": { "protocolVersion": "2025-11-25", "capabilities": {} } });
    let opened = post(&world, &path, &[], &hello).await;
    let named = [("mcp-session-id", opened.header("mcp-session-id")), ("mcp-protocol-version", "2025-11-25")];
    for _ in 0..3 {
        let answer = post(&world, &path, &named, &call("m___add")).await;
        assert_eq!(served_by(&answer), 1, "{}", answer.text());
    }
}

#[tokio::test]
async fn named_headers_reach_an_mcp_server() {
    let world = World::new(Duration::ZERO);
    let server = FakeMcpServer::start(&["add"]);
    let path = world.create_gateway(OPEN).await;
    let mut target = of_server(&server);
    target["metadataConfiguration"] = json!({ "allowedRequestHeaders": ["x-tenant"] });
    world.create_target("g", &target).await;
    world.run(&["target", "sync", "m", "--gateway", "g"]).await.expect(0);
    server.taken();
    post(&world, &path, &[("x-tenant", "blue"), ("x-other", "secret")], &call("m___add")).await;
    let asked = server.taken();
    let called = asked.iter().find(|asked| asked.method == "tools/call").unwrap();
    assert_eq!((called.header("x-tenant"), called.header("x-other")), ("blue", ""));
}

#[tokio::test(start_paused = true)]
async fn headers_that_aws_does_not_pass_on_are_refused() {
    let world = World::new(Duration::ZERO);
    for (flag, name) in [
        ("--allow-request-header", "authorization"),
        ("--allow-request-header", "Host"),
        ("--allow-request-header", "x-amzn-trace-id"),
        ("--allow-request-header", "a b"),
        ("--allow-response-header", "Set-Cookie "),
        ("--allow-query", ""),
    ] {
        let add = ["target", "add", "lambda", "l", "--gateway", "g", flag, name];
        let refused = world.run(&add).await.expect(2);
        assert!(refused.stderr.contains(flag), "{flag} {name}: {}", refused.stderr);
        assert!(refused.calls.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_of_one_setting_of_a_target_leaves_all_others_equal() {
    let (world, files) = (World::new(Duration::ZERO), Files::new());
    world.create_gateway(OPEN).await;
    let spec = files.json("api.json", &api("https://127.0.0.1:1"));
    let add = ["target", "add", "openapi", "api", "--gateway", "g", "--spec", &spec, "--description", "before"];
    let flags = ["--allow-request-header", "x-a", "--allow-response-header", "x-b", "--allow-query", "c"];
    let endpoint = json!({ "privateEndpoint": { "selfManagedLatticeResource": {
        "resourceConfigurationIdentifier": "rcfg-0123456789abcdefg",
    } } });
    let more = files.json("more.json", &endpoint);
    world.run(&[&add[..], &flags[..], &["--cli-input", &more]].concat()).await.expect(0);
    let before = shown(&world, "api").await;
    assert_eq!(before["privateEndpoint"], endpoint["privateEndpoint"]);
    let moment = world.moment();
    let file = |value: Value| files.json("input.json", &value);
    let metadata = "metadataConfiguration";
    let cases: [(&[&str], &str); 8] = [
        (&["--description", "after"], "description"),
        (&["--clear-description"], "description"),
        (&["--allow-request-header", "x-new"], "metadataConfiguration.allowedRequestHeaders"),
        (&["--allow-response-header", "x-new"], "metadataConfiguration.allowedResponseHeaders"),
        (&["--allow-query", "new"], "metadataConfiguration.allowedQueryParameters"),
        (&["--clear-allowed"], metadata),
        (&["--cli-input", &file(json!({ "privateEndpoint": null }))], "privateEndpoint"),
        (
            &["--spec", &files.json("other.json", &api("https://127.0.0.1:2"))],
            "targetConfiguration.mcp.openApiSchema.inlinePayload",
        ),
    ];
    for (flags, path) in cases {
        let fork = world.at(&moment);
        fork.run(&[&["target", "update", "api", "--gateway", "g"], flags].concat()).await.expect(0);
        let after = shown(&fork, "api").await;
        let of_time = ["updatedAt", "lastSynchronizedAt"];
        let differing: BTreeSet<String> =
            differences(&before, &after).into_iter().filter(|path| !of_time.contains(&path.as_str())).collect();
        assert_eq!(differing, BTreeSet::from([path.to_owned()]), "{flags:?}");
    }
}

/// What `target get` prints makes the same target again.
#[tokio::test(start_paused = true)]
async fn a_file_describes_a_target_of_each_kind_and_flags_win() {
    let (world, files) = (World::new(Duration::ZERO).with_their_functions(), Files::new());
    world.create_gateway(OPEN).await;
    let role = json!([{ "credentialProviderType": "GATEWAY_IAM_ROLE" }]);
    let schema = json!({ "inlinePayload": [{ "name": "t", "description": "d", "inputSchema": { "type": "object" } }] });
    let stage = json!({
        "restApiId": "a1b2c3d4e5", "stage": "prod",
        "apiGatewayToolConfiguration": { "toolFilters": [{ "filterPath": "/x", "methods": ["GET"] }] },
    });
    let listing = json!({ "inlinePayload": json!({ "tools": schema["inlinePayload"] }).to_string() });
    let model = include_str!("../models/sts.json");
    for (kind, configuration, credentials, more) in [
        ("lambda", json!({ "lambda": { "lambdaArn": THEIR_FUNCTION, "toolSchema": schema } }), Some(&role), &[][..]),
        ("openapi", json!({ "openApiSchema": { "inlinePayload": api("https://127.0.0.1:1").to_string() } }), None, &[]),
        ("smithy", json!({ "smithyModel": { "inlinePayload": model } }), Some(&role), &[]),
        (
            "mcp-server",
            json!({ "mcpServer": { "endpoint": "https://127.0.0.1:1/mcp", "mcpToolSchema": listing } }),
            None,
            &[],
        ),
        ("api-gateway", json!({ "apiGateway": stage }), Some(&role), &[]),
        (
            "custom",
            json!({ "connector": { "source": { "connectorId": "x" } } }),
            Some(&role),
            &["--allow-action", "s3:GetObject"],
        ),
    ] {
        let mut input =
            json!({ "name": kind, "description": "of the file", "targetConfiguration": { "mcp": configuration } });
        if let Some(credentials) = credentials {
            input["credentialProviderConfigurations"] = credentials.clone();
        }
        let file = files.json("input.json", &input);
        let add = ["target", "add", kind, kind, "--gateway", "g", "--cli-input", &file];
        let added = world.run(&[&add[..], more].concat()).await;
        assert_eq!(added.code, 0, "{kind}: {}", added.stderr);
        let made = shown(&world, kind).await;
        assert_eq!(made["targetConfiguration"]["mcp"], configuration, "{kind}");
        assert_eq!(made["description"], "of the file");
        let flag = ["--description", "of the flag"];
        let update = ["target", "update", kind, "--gateway", "g", "--cli-input", &file];
        world.run(&[&update[..], &flag[..]].concat()).await.expect(0);
        let mut updated = shown(&world, kind).await;
        assert_eq!(updated["description"].take(), "of the flag", "{kind}");
        // What `get` prints is taken back, and changes nothing.
        let whole = files.json("whole.json", &shown(&world, kind).await);
        world.run(&["target", "update", kind, "--gateway", "g", "--cli-input", &whole]).await.expect(0);
        let again = shown(&world, kind).await;
        let differing = differences(&updated, &again);
        let of_time = ["updatedAt", "lastSynchronizedAt", "description"];
        assert!(differing.iter().all(|path| of_time.contains(&path.as_str())), "{kind}: {differing:?}");
    }
    let before = world.snapshot();
    assert!(!before.to_string().contains("com.amazonaws.sts#"), "schemas are kept as blobs, and not in the state, too");
    let refused = async |args: &[&str], input: Value, said: &str| {
        let file = files.json("input.json", &input);
        let all = [&["target"], args, &["--gateway", "g", "--cli-input", &file, "-o", "json"]].concat();
        let refused = world.run(&all).await.expect(2).json();
        assert!(refused["error"]["message"].as_str().unwrap().contains(said), "{args:?}: {refused:#}");
        assert_eq!(world.snapshot(), before, "{args:?}");
    };
    let of_lambda = json!({ "targetConfiguration": { "mcp": { "lambda": {} } } });
    refused(&["add", "openapi", "new"], of_lambda.clone(), "describes LAMBDA, and the command is for another kind")
        .await;
    refused(&["add", "openapi", "new"], json!({ "name": "other" }), "`name` is `other`").await;
    // A target stays of its kind.
    let file = files.json("input.json", &of_lambda);
    let update = ["target", "update", "openapi", "--gateway", "g", "--cli-input", &file, "-o", "json"];
    assert_eq!(world.run(&update).await.expect(1).json()["error"]["code"], "conflict");
    assert_eq!(world.snapshot(), before);
    refused(&["add", "custom", "new"], json!({ "description": "x" }), "no description of the target").await;
    refused(&["add", "openapi", "new"], json!({ "TargetConfiguration": {} }), "no member of the API").await;
}

#[tokio::test(start_paused = true)]
async fn only_http_targets_take_the_callers_own_credential() {
    let (world, files) = (World::new(Duration::ZERO), Files::new());
    world.create_gateway(OPEN).await;
    let spec = files.json("api.json", &api("https://127.0.0.1:1"));
    let before = world.snapshot();
    for credential in [&["--caller-iam", "bedrock-agentcore"][..], &["--jwt-passthrough"]] {
        for source in [
            &["openapi", "t", "--spec", &spec][..],
            &["mcp-server", "t", "--endpoint", "https://127.0.0.1:1/mcp"],
            &["api-gateway", "t", "--rest-api-id", "a1b2c3d4e5", "--stage", "prod", "--filter", "/x=GET"],
        ] {
            let add = [&["target", "add"], source, credential, &["--gateway", "g", "-o", "json"]].concat();
            let refused = world.run(&add).await.expect(2).json();
            assert!(refused.to_string().contains("--no-protocol-type"), "{add:?}: {refused:#}");
        }
    }
    assert_eq!(world.snapshot(), before);
}

/// AgentCore Runtime behind a gateway without a protocol, and what a call of it says here.
#[tokio::test(start_paused = true)]
async fn a_gateway_without_a_protocol_keeps_http_targets_and_says_that_it_does_not_serve_them() {
    let (world, files) = (World::new(Duration::ZERO), Files::new());
    world.run(&["create", "g", "--authorizer", "iam", "--no-protocol-type", "--no-observability"]).await.expect(0);
    let input = json!({ "targetConfiguration": { "http": { "agentcoreRuntime": { "arn": RUNTIME } } } });
    let file = files.json("input.json", &input);
    let add = ["target", "add", "custom", "agent", "--gateway", "g", "--cli-input", &file];
    world.run(&[&add[..], &["--caller-iam", "bedrock-agentcore"]].concat()).await.expect(0);
    let made = shown(&world, "agent").await;
    assert_eq!(made["targetConfiguration"], input["targetConfiguration"]);
    assert_eq!(made["credentialProviderConfigurations"][0]["credentialProviderType"], "CALLER_IAM_CREDENTIALS");
    world.run(&["target", "update", "agent", "--gateway", "g", "--jwt-passthrough"]).await;
    let kinds = world.run(&["target", "list", "--gateway", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(kinds["items"].as_array().unwrap().len(), 1, "{kinds:#}");
    let gateways = world.run(&["list", "-o", "json"]).await.expect(0).json();
    let id = gateways["items"][0]["gatewayId"].as_str().unwrap();
    let answer = post(&world, &format!("/gateways/{id}/http/agent/invocations"), &[], &json!({})).await;
    assert_eq!(answer.status, 501, "{}", answer.text());
    world.run(&["target", "remove", "agent", "--gateway", "g"]).await.expect(0);
    world.run(&["cleanup", "g", "--yes"]).await.expect(0);
    assert!(world.is_empty());
    // On a gateway for MCP, AWS refuses it.
    world.create_gateway(OPEN).await;
    let refused = world.run(&add).await.expect(1);
    assert!(refused.stderr.contains("not supported for gateways with MCP protocol type"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--no-protocol-type"), "{}", refused.stderr);
}

/// A user has to sign in: the command ends with the address, and what it waits for ends after ten minutes.
#[tokio::test(start_paused = true)]
async fn a_target_whose_user_has_to_sign_in_says_where_and_fails_after_ten_minutes() {
    let (world, files) = (World::new(Duration::ZERO), Files::new());
    world.create_gateway(OPEN).await;
    let secret = files.write("secret", "s");
    let add = [
        "target",
        "add",
        "mcp-server",
        "m",
        "--gateway",
        "g",
        "--endpoint",
        "https://127.0.0.1:1/mcp",
        "-o",
        "json",
        "--oauth-client-id",
        "c",
        "--oauth-client-secret-file",
        &secret,
        "--oauth-token-endpoint",
        "https://idp.example.com/token",
        "--oauth-authorization-endpoint",
        "https://idp.example.com/authorize",
        "--oauth-issuer",
        "https://idp.example.com",
        "--oauth-grant",
        "authorization-code",
        "--oauth-return-url",
        "https://app.example.com/done",
    ];
    let begin = Instant::now();
    let added = world.run(&add).await.expect(0).json();
    assert!(begin.elapsed() < Duration::from_mins(1), "it does not wait for the user");
    let text = added.to_string();
    assert!(text.contains("/identities/oauth2/authorize?request_uri="), "{added:#}");
    assert!(text.contains("CREATE_PENDING_AUTH") && text.contains("callback"), "{added:#}");
    let made = shown(&world, "m").await;
    assert_eq!(made["status"], "CREATE_PENDING_AUTH");
    let grant = &made["credentialProviderConfigurations"][0]["credentialProvider"]["oauthCredentialProvider"];
    assert_eq!(grant["grantType"], "AUTHORIZATION_CODE");
    assert_eq!(grant["defaultReturnUrl"], "https://app.example.com/done");
    let moment = world.moment();
    // `cleanup` waits for the end of it.
    let fork = world.at(&moment);
    let begin = Instant::now();
    let cleaned = fork.run(&["--timeout", "1200", "cleanup", "g", "--yes"]).await.expect(0);
    assert!(fork.is_empty(), "{}", cleaned.stderr);
    assert!((8..12).contains(&(begin.elapsed().as_secs() / 60)), "{:?}", begin.elapsed());
    let fork = world.at(&moment);
    tokio::time::advance(Duration::from_mins(11)).await;
    let failed = shown(&fork, "m").await;
    assert_eq!(failed["status"], "FAILED", "{failed:#}");
}

#[tokio::test(start_paused = true)]
async fn what_the_local_gateway_does_not_serve_it_says_when_called() {
    let world = World::new(Duration::ZERO).with_their_functions();
    let path = world.create_gateway(&[OPEN, &["--sample", "--policy-engine", ENGINE]].concat()).await;
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let listing = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    assert_eq!(post(&world, &path, &[], &ping).await.status, 200, "a policy engine that only logs changes nothing");
    let moment = world.moment();
    for (members, said) in [
        (json!({ "policyEngineConfiguration": { "mode": "ENFORCE" } }), "policy engines that enforce"),
        (json!({ "customTransformConfiguration": { "lambda": { "arn": THEIR_FUNCTION } } }), "transforms of requests"),
    ] {
        let (fork, files) = (world.at(&moment), Files::new());
        let file = files.json("input.json", &members);
        fork.run(&["update", "g", "--cli-input", &file]).await.expect(0);
        let answer = post(&fork, &path, &[], &listing).await;
        assert_eq!(answer.status, 501, "{said}");
        assert!(answer.text().contains(said), "{}", answer.text());
        let tools = fork.run(&["tools", "list", "g"]).await;
        assert!(tools.code != 0 && tools.stderr.contains(said), "{}", tools.stderr);
    }
}

/// Tokens are asked for, and who has one of the provider is let in, whatever it is allowed.
#[tokio::test(start_paused = true)]
async fn an_authorizer_that_only_authenticates_is_made_and_kept() {
    let world = World::new(Duration::ZERO);
    let discovery = "https://127.0.0.1:1/.well-known/openid-configuration";
    let create = ["create", "g", "--authorizer", "authenticate-only", "--no-observability"];
    world.run(&create).await.expect(0);
    let made = world.run(&["get", "g", "-o", "json"]).await.expect(0).json();
    assert_eq!(made["authorizerType"], "AUTHENTICATE_ONLY", "{made:#} {discovery}");
    let before = world.snapshot();
    world.run(&create).await.expect(0);
    assert_eq!(world.snapshot(), before);
    world.run(&["update", "g", "--description", "d"]).await.expect(0);
    let after = world.run(&["get", "g", "-o", "json"]).await.expect(0).json();
    let differing: Vec<String> = differences(&made, &after).into_iter().filter(|path| path != "updatedAt").collect();
    assert_eq!(differing, ["description"]);
}

#[tokio::test]
async fn a_listing_that_a_file_gives_is_served_without_asking_the_server() {
    let world = World::new(Duration::ZERO);
    let server = FakeMcpServer::start(&["add"]);
    let path = world.create_gateway(OPEN).await;
    let listing = json!({ "tools": [{ "name": "only", "description": "d", "inputSchema": { "type": "object" } }] });
    let mut target = of_server(&server);
    target["targetConfiguration"]["mcp"]["mcpServer"]["mcpToolSchema"] =
        json!({ "inlinePayload": listing.to_string() });
    world.create_target("g", &target).await;
    assert!(!server.methods().contains(&"tools/list".to_owned()));
    let answer = post(&world, &path, &[], &json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })).await;
    let names: Vec<Value> =
        answer.json()["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    assert!(names.contains(&json!("m___only")) && !names.contains(&json!("m___add")), "{names:?}");
}

/// The statements of one of the gateway's role's policies; none without the policy.
fn statements(world: &World, policy: &str) -> Vec<Value> {
    let roles = world.snapshot()["iam"]["roles"].clone();
    let mut roles = roles.as_object().unwrap().values();
    let role = roles.find(|role| role["trust"].to_string().contains("bedrock-agentcore")).unwrap();
    let document = role["inline"][policy]["document"].as_str().unwrap_or("{}");
    let document: Value = serde_json::from_str(document).unwrap();
    document["Statement"].as_array().cloned().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn what_a_passed_on_target_was_allowed_stays_until_other_actions_are_named() {
    let (world, files) = (World::new(Duration::ZERO), Files::new());
    world.create_gateway(OPEN).await;
    let input = json!({ "targetConfiguration": { "mcp": { "connector": { "source": { "connectorId": "x" } } } } });
    let file = files.json("input.json", &input);
    let add = ["target", "add", "custom", "c", "--gateway", "g", "--cli-input", &file];
    let signed = ["--iam-service", "lambda"];
    let refused = world
        .run(&[&add[..], &signed[..], &["--iam-resource", "arn:aws:lambda:us-west-2:000000000000:function:f"]].concat())
        .await
        .expect(2);
    assert!(refused.stderr.contains("--allow-action"), "{}", refused.stderr);
    world.run(&[&add[..], &signed[..], &["--allow-action", "lambda:InvokeFunction"]].concat()).await.expect(0);
    let allowed = statements(&world, "smithy");
    assert_eq!((&allowed[0]["Action"], &allowed[0]["Resource"]), (&json!(["lambda:InvokeFunction"]), &json!("*")));
    assert!(statements(&world, "iam-service").is_empty());
    world.run(&["target", "update", "c", "--gateway", "g", "--description", "d"]).await.expect(0);
    assert_eq!(statements(&world, "smithy"), allowed);
    world.run(&["target", "update", "c", "--gateway", "g", "--allow-action", "s3:GetObject"]).await.expect(0);
    assert_eq!(statements(&world, "smithy")[0]["Action"], json!(["s3:GetObject"]));
}

#[tokio::test(start_paused = true)]
async fn an_update_of_a_function_keeps_what_this_program_does_not_know_of_it() {
    let world = World::new(Duration::ZERO).with_their_functions();
    world.create_gateway(OPEN).await;
    let schema = json!({ "inlinePayload": [{ "name": "t", "description": "d", "inputSchema": { "type": "object" } }] });
    let function = json!({ "lambdaArn": THEIR_FUNCTION, "toolSchema": schema });
    let target = json!({
        "name": "l", "targetConfiguration": { "mcp": { "lambda": function } },
        "credentialProviderConfigurations": [{ "credentialProviderType": "GATEWAY_IAM_ROLE" }],
    });
    let files = Files::new();
    let file = files.json("input.json", &target);
    world.run(&["target", "add", "lambda", "l", "--gateway", "g", "--cli-input", &file]).await.expect(0);
    let members = json!({ "targetConfiguration": { "mcp": { "lambda": { "ofTheFuture": [1] } } } });
    let (world, foreign) = world.with_foreign(Subject::Target, members);
    let tools =
        files.json("tools.json", &json!([{ "name": "u", "description": "d", "inputSchema": { "type": "object" } }]));
    for flags in [&["--description", "d"][..], &["--tools", &tools]] {
        foreign.sent.lock().unwrap().clear();
        world.run(&[&["target", "update", "l", "--gateway", "g"], flags].concat()).await.expect(0);
        let sent = foreign.sent.lock().unwrap()[0].clone();
        assert_eq!(sent["targetConfiguration"]["mcp"]["lambda"]["ofTheFuture"], json!([1]), "{flags:?}: {sent:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_address_to_sign_in_at_is_shown_also_if_the_callback_url_is_not_known() {
    let world = World::with_rules(&["bedrock-agentcore:GetOauth2CredentialProvider=AccessDeniedException"]);
    world.create_gateway(OPEN).await;
    let provider =
        "arn:aws:bedrock-agentcore:us-west-2:000000000000:token-vault/default/oauth2credentialprovider/theirs";
    let add =
        ["target", "add", "mcp-server", "m", "--gateway", "g", "--endpoint", "https://127.0.0.1:1/mcp", "-o", "json"];
    let flags = ["--credential-provider", provider, "--oauth-grant", "authorization-code"];
    let added = world.run(&[&add[..], &flags[..]].concat()).await.expect(0).json();
    assert!(added["target"].to_string().contains("/identities/oauth2/authorize?request_uri="), "{added:#}");
    assert!(added["warnings"].to_string().contains("callback URL"), "{added:#}");
}

/// A file on standard input is read once, whatever the kind.
#[test]
fn files_on_standard_input_are_read_once() {
    let gateway = LocalGateway::new();
    let api = json!({ "targetConfiguration": { "mcp": { "openApiSchema": { "inlinePayload": api("https://127.0.0.1:1").to_string() } } } });
    let model = json!({ "description": "by a file" });
    let stage = json!({ "targetConfiguration": { "mcp": { "apiGateway": {
        "restApiId": "a1b2c3d4e5", "stage": "prod",
        "apiGatewayToolConfiguration": { "toolFilters": [{ "filterPath": "/x", "methods": ["GET"] }] },
    } } } });
    for (kind, input) in
        [("openapi", &api), ("smithy", &model), ("api-gateway", &stage), ("lambda", &model), ("custom", &api)]
    {
        let add = ["--local", "target", "add", kind, kind, "--gateway", "g", "--cli-input", "-"];
        let mut command = gateway.env.command(&add);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        // A kind that has a command of its own is no custom one.
        assert!(ended.status.success(), "{kind}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}

/// A Lambda function finds them in its client context.
#[test]
fn named_headers_and_parameters_reach_a_function() {
    let gateway = LocalGateway::new();
    let source = "def handler(event, context): return context.client_context.custom";
    let mut echo = functions::function("echo", "python3.13", "f.handler", "f.py", source);
    echo["clientContext"] = json!({ "custom": {} });
    functions::run(&gateway.env, &json!([echo]));
    let state = gateway.env.state();
    let arn = state["lambda"]["functions"].as_object().unwrap().keys().next().unwrap();
    let tools = gateway.env.home().join("tools.json");
    fs::write(&tools, r#"[{"name":"t","description":"d","inputSchema":{"type":"object"}}]"#).unwrap();
    let add =
        ["target", "add", "lambda", "l", "--gateway", "g", "--lambda-arn", arn, "--tools", tools.to_str().unwrap()];
    gateway.ok(&[&add[..], &["--allow-request-header", "x-tenant", "--allow-query", "place"]].concat());
    let url: http::Uri = format!("{}?place=eu&other=secret", gateway.url()).parse().unwrap();
    let mut stream = TcpStream::connect(url.authority().unwrap().as_str()).unwrap();
    let (path, message) = (url.path_and_query().unwrap(), call("l___t").to_string());
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\nx-tenant: blue\r\n\
         x-other: secret\r\ncontent-length: {}\r\n\r\n{message}",
        url.authority().unwrap(),
        message.len()
    )
    .unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.contains(r#"\"bedrockAgentCorePropagatedHeaders\":{\"x-tenant\":\"blue\"}"#), "{said}");
    assert!(said.contains(r#"\"bedrockAgentCorePropagatedQueryParameters\":{\"place\":\"eu\"}"#), "{said}");
    assert!(!said.contains("secret"), "{said}");
    gateway.env.with_boto3("functions.py", &["--delete", "echo"]);
}
