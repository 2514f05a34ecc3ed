//! The local AWS on the wire: which callers it accepts, and how it rejects others.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::support::world::{Answer, World};

/// A gateway with the sample: its path, and a token for it.
struct Served {
    world: World,
    path: String,
    token: String,
}

impl Served {
    async fn new() -> Self {
        let world = World::new(Duration::ZERO);
        let path = world.create_gateway(&["--sample"]).await;
        let token = world.run(&["token", "g"]).await.expect(0).stdout.trim().to_owned();
        Self { world, path, token }
    }

    fn request(&self) -> http::request::Builder {
        Request::post(&self.path).header("host", "127.0.0.1:7755").header("content-type", "application/json")
    }

    async fn call(&self, message: &Value) -> Answer {
        let request = self.request().header("authorization", format!("Bearer {}", self.token));
        self.world.send(request.body(Body::from(message.to_string())).unwrap()).await
    }

    async fn call_as(&self, authorization: Option<&str>) -> Answer {
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
        let mut request = self.request();
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        self.world.send(request.body(Body::from(message.to_string())).unwrap()).await
    }
}

fn request(id: &Value, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

#[tokio::test(start_paused = true)]
async fn a_missing_malformed_expired_tampered_or_foreign_token_gets_401() {
    let served = Served::new().await;
    let good = format!("Bearer {}", served.token);
    assert_eq!(served.call_as(Some(&good)).await.status, 200);
    assert_eq!(served.call_as(Some(&good.replace("Bearer", "bearer"))).await.status, 200);

    let missing = served.call_as(None).await;
    assert_eq!((missing.status, missing.json()["error"]["message"].as_str()), (401, Some("Missing Bearer token")));
    let metadata =
        format!("resource_metadata=\"http://127.0.0.1:7755/.well-known/oauth-protected-resource{}\"", served.path);
    assert_eq!(missing.header("www-authenticate"), format!("Bearer {metadata}"));

    let mut parts: Vec<&str> = served.token.split('.').collect();
    let claims = String::from_utf8(base64_decode(parts[1])).unwrap().replace("\"token_use\"", "\"Token_use\"");
    let tampered_claims = base64_encode(claims.as_bytes());
    let signature = parts[2].to_owned();
    parts[1] = &tampered_claims;
    let tampered = parts.join(".");
    let unsigned = format!("{}.{}.", base64_encode(br#"{"alg":"none"}"#), served.token.split('.').nth(1).unwrap());
    let cut = served.token.trim_end_matches(&signature).to_owned();

    served.world.run(&["create", "stranger"]).await.expect(0);
    let foreign = served.world.run(&["token", "stranger"]).await.expect(0).stdout.trim().to_owned();

    for (what, token) in [
        ("malformed", "x.y.z"),
        ("empty", ""),
        ("tampered", &tampered),
        ("unsigned", &unsigned),
        ("cut", &cut),
        ("foreign", &foreign),
    ] {
        let answer = served.call_as(Some(&format!("Bearer {token}"))).await;
        assert_eq!(answer.status, 401, "{what}");
        assert_eq!(
            (answer.json()["error"]["code"].as_i64(), answer.json()["id"].as_i64()),
            (Some(-32001), Some(7)),
            "{what}"
        );
        assert_eq!(answer.header("www-authenticate"), format!("Bearer error=\"invalid_token\", {metadata}"), "{what}");
    }
    assert_eq!(
        served.call_as(Some("Basic abc")).await.header("www-authenticate"),
        format!("Bearer {metadata}"),
        "another scheme is none"
    );

    tokio::time::advance(Duration::from_secs(3599)).await;
    assert_eq!(served.call_as(Some(&good)).await.status, 200);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(served.call_as(Some(&good)).await.status, 401, "expired");
}

/// What is kept of a gateway between requests is dropped with every change: whom it lets in, its pool's key, its tools.
#[tokio::test(start_paused = true)]
async fn a_gateway_is_served_as_it_is_after_every_change() {
    let served = Served::new().await;
    let good = format!("Bearer {}", served.token);
    let status = async || served.call_as(Some(&good)).await.status;
    let jwt = |config: &mut Value| config["authorizerConfiguration"]["customJWTAuthorizer"].take();
    let before = served.world.snapshot();
    for _ in 0..2 {
        assert_eq!(status().await, 200);
    }
    served.world.edit_gateway(|config| {
        let mut changed = jwt(config);
        changed["allowedClients"] = json!(["another"]);
        config["authorizerConfiguration"]["customJWTAuthorizer"] = changed;
    });
    assert_eq!(status().await, 401, "its client is not allowed any more");
    served.world.edit(|state| *state = before.clone());
    assert_eq!(status().await, 200);
    served.world.edit(|state| {
        let pools = state["cognito"]["pools"].as_object_mut().unwrap();
        pools.values_mut().for_each(|pool| pool["key"] = json!("damaged"));
    });
    assert_eq!(status().await, 401, "its pool has another key");
    served.world.edit(|state| *state = before.clone());
    let list = request(&json!(1), "tools/list", &json!({}));
    let names = async || served.call(&list).await.json()["result"]["tools"].as_array().unwrap().len();
    assert_eq!((names().await, names().await), (3, 3));
    served.world.run(&["target", "remove", "weather-tool", "--gateway", "g", "-y"]).await.expect(0);
    assert_eq!(names().await, 1, "the search tool is left");
}

fn base64_encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_metadata_that_a_401_names_leads_to_the_token_endpoint() {
    let served = Served::new().await;
    let get = async |path: &str| {
        let request = Request::get(path).header("host", "localhost:7755").body(Body::empty()).unwrap();
        served.world.send(request).await.json()
    };
    let resource = get(&format!("/.well-known/oauth-protected-resource{}", served.path)).await;
    assert_eq!(resource["resource"], format!("http://localhost:7755{}", served.path), "as the client dialled it");
    let issuer = resource["authorization_servers"][0].as_str().unwrap();
    let pool = issuer.strip_prefix("http://localhost:7755").unwrap();
    let discovery = get(&format!("{pool}/.well-known/openid-configuration")).await;
    assert_eq!(discovery["issuer"], issuer);
    assert_eq!(discovery["token_endpoint"], "http://localhost:7755/oauth2/token");
    let keys = get(&format!("{pool}/.well-known/jwks.json")).await;
    assert_eq!((keys["keys"][0]["kty"].as_str(), keys["keys"][0]["alg"].as_str()), (Some("RSA"), Some("RS256")));
}

#[tokio::test(start_paused = true)]
async fn the_token_endpoint_refuses_as_cognito_does() {
    let served = Served::new().await;
    let shown = served.world.run(&["credentials", "g", "-o", "json"]).await.expect(0).json();
    let (id, secret) =
        (shown["clientInfo"]["clientId"].as_str().unwrap(), shown["clientInfo"]["clientSecret"].as_str().unwrap());
    let ask = async |form: String| {
        let request = Request::post("/oauth2/token")
            .header("host", "127.0.0.1:7755")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let answer = served.world.send(request).await;
        (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned())
    };
    let form = |id: &str, secret: &str, rest: &str| format!("client_id={id}&client_secret={secret}&{rest}");
    let grant = "grant_type=client_credentials";
    assert_eq!(ask(form(id, secret, grant)).await, (200, String::new()));
    assert_eq!(ask(form(id, secret, &format!("{grant}&scope=g%2Finvoke"))).await, (200, String::new()));
    for (form, error) in [
        (form(id, "wrong", grant), "invalid_client"),
        (form("nobody", secret, grant), "invalid_client"),
        (form(id, secret, &format!("{grant}&scope=g/admin")), "invalid_scope"),
        (form(id, secret, "grant_type=password"), "unsupported_grant_type"),
        (form(id, secret, ""), "invalid_request"),
        (grant.to_owned(), "invalid_request"),
        (String::new(), "invalid_request"),
        (form(id, "wrong", &format!("{grant}&client_secret={secret}")), "invalid_request"),
        (form(id, secret, &format!("{grant}&{grant}")), "invalid_request"),
    ] {
        assert_eq!(ask(form.clone()).await, (400, error.to_owned()), "{}", form.replace(secret, "…"));
    }
    let of_a_page =
        Request::post("/oauth2/token").header("host", "127.0.0.1:7755").header("content-type", "text/plain");
    let answer = served.world.send(of_a_page.body(Body::from(form(id, secret, grant))).unwrap()).await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")));
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    for (kind, status) in [("text/plain", 415), ("application/json; charset=utf-8", 200), ("Application/JSON", 200)] {
        let request = Request::post(&served.path).header("host", "127.0.0.1:7755").header("content-type", kind);
        let request = request.header("authorization", format!("Bearer {}", served.token));
        let answer = served.world.send(request.body(Body::from(ping.clone())).unwrap()).await;
        assert_eq!(answer.status, status, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn mcp_messages_are_answered_as_the_gateway_does() {
    let served = Served::new().await;
    for version in ["2025-06-18", "2025-11-25"] {
        let hello =
            json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let welcome = served.call(&request(&json!("a"), "initialize", &hello)).await.json();
        assert_eq!((welcome["result"]["protocolVersion"].as_str(), welcome["id"].as_str()), (Some(version), Some("a")));
        assert_eq!(welcome["result"]["serverInfo"]["name"], "g");
    }
    let future =
        served.call(&request(&json!(1), "initialize", &json!({ "protocolVersion": "2099-01-01" }))).await.json();
    assert_eq!(future["result"]["protocolVersion"], "2025-11-25", "the newest that is served");

    let notification = served.call(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    assert_eq!((notification.status, notification.text()), (202, String::new()));
    assert_eq!(
        served.call(&request(&json!(2), "ping", &json!({}))).await.json(),
        json!({ "jsonrpc": "2.0", "id": 2, "result": {} })
    );

    let tools = served.call(&request(&json!(3), "tools/list", &json!({}))).await.json();
    let names: Vec<_> =
        tools["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["x_amz_bedrock_agentcore_search", "weather-tool___get_time", "weather-tool___get_weather"]);

    for (message, status, code) in [
        (request(&json!(1), "tools/call", &json!({ "name": "weather-tool___nope" })), 200, -32602),
        (request(&json!(1), "tools/call", &json!({})), 200, -32602),
        (request(&json!(1), "tools/list", &json!({ "cursor": "x" })), 200, -32602),
        (request(&json!(1), "no/such", &json!({})), 200, -32601),
        (request(&Value::Null, "ping", &json!({})), 400, -32600),
        (json!({ "id": 1, "method": "ping" }), 400, -32600),
        (json!({ "jsonrpc": "2.0", "id": 1 }), 400, -32600),
    ] {
        let answer = served.call(&message).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (status, Some(code)), "{message}");
    }
    let invalid = served
        .call(&request(
            &json!(1),
            "tools/call",
            &json!({ "name": "weather-tool___get_weather", "arguments": { "location": 7 } }),
        ))
        .await;
    assert_eq!(invalid.json()["result"]["isError"], true);
    let invalid = invalid.json();
    let text = invalid["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.ends_with("- Field '/location' has invalid type: integer found, string expected"), "{text}");

    let search = json!({ "name": "x_amz_bedrock_agentcore_search", "arguments": { "query": "time zone" } });
    let found = served.call(&request(&json!(1), "tools/call", &search)).await.json();
    assert_eq!(found["result"]["structuredContent"]["tools"][0]["name"], "weather-tool___get_time");
}

#[tokio::test(start_paused = true)]
async fn malformed_bodies_and_other_methods_are_refused() {
    let served = Served::new().await;
    let bearer = format!("Bearer {}", served.token);
    let with = |method: &str, body: String, version: Option<&str>| {
        let mut request = Request::builder()
            .method(method)
            .uri(&served.path)
            .header("host", "127.0.0.1:7755")
            .header("authorization", &bearer);
        if let Some(version) = version {
            request = request.header("mcp-protocol-version", version);
        }
        request.body(Body::from(body)).unwrap()
    };
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let big = format!("{{\"x\":\"{}\"}}", "y".repeat(6 * 1024 * 1024));
    for (request, status) in [
        (with("POST", "{".to_owned(), None), 400),
        (with("POST", big, None), 413),
        (with("POST", ping.clone(), Some("2025-11-25")), 200),
        (with("POST", ping, Some("1999-01-01")), 400),
        (with("GET", String::new(), None), 405),
        (with("DELETE", String::new(), None), 405),
    ] {
        let what = format!("{request:?}").chars().take(200).collect::<String>();
        assert_eq!(served.world.send(request).await.status, status, "{what}");
    }
    let elsewhere =
        Request::post("/gateways/nobody-0123456789/mcp").header("host", "127.0.0.1").body(Body::empty()).unwrap();
    assert_eq!(served.world.send(elsewhere).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_host_or_origin_is_kept_out() {
    let world = World::new(Duration::ZERO);
    let ask = async |host: &str, origin: Option<&str>| {
        let mut request = Request::get("/us-west-2_x/.well-known/jwks.json").header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        world.send(request.body(Body::empty()).unwrap()).await.status
    };
    for (host, origin, status) in [
        ("127.0.0.1:7755", None, 404),
        ("localhost", Some("http://localhost:6274"), 404),
        ("[::1]:7755", None, 404),
        ("evil.example", None, 403),
        ("evil.example:7755", None, 403),
        ("127.0.0.1.evil.example", None, 403),
        ("127.0.0.1:7755", Some("https://evil.example"), 403),
        ("127.0.0.1:7755", Some("null"), 403),
        ("[127.0.0.1", None, 403),
        ("[[::1]]", None, 403),
        ("127.0.0.1:", None, 403),
        ("localhost:99999", None, 403),
    ] {
        assert_eq!(ask(host, origin).await, status, "{host} {origin:?}");
    }
    let path = "/us-west-2_x/.well-known/jwks.json";
    for (uri, status) in [(format!("http://127.0.0.1:7755{path}"), 404), (format!("http://evil.example{path}"), 403)] {
        let request = Request::get(&uri).header("host", "127.0.0.1:7755").body(Body::empty()).unwrap();
        assert_eq!(world.send(request).await.status, status, "{uri}");
    }
    let from_a_page = Request::get(path).header("host", "127.0.0.1:7755").header("sec-fetch-site", "cross-site");
    assert_eq!(world.send(from_a_page.body(Body::empty()).unwrap()).await.status, 403);
    for name in ["host", "origin", "authorization"] {
        let request = Request::get(path).header("host", "127.0.0.1:7755").header(name, "http://127.0.0.1");
        let request = request.header(name, "http://127.0.0.1").body(Body::empty()).unwrap();
        assert_eq!(world.send(request).await.status, 400, "two of {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_routes_want_a_proof() {
    let world = World::new(Duration::ZERO);
    for path in ["status", "stop", "reset"] {
        for proof in [None, Some("0000")] {
            let method = if path == "status" { "GET" } else { "POST" };
            let mut request =
                Request::builder().method(method).uri(format!("/_agentcore-gw/{path}")).header("host", "127.0.0.1");
            if let Some(proof) = proof {
                request = request.header("x-agentcore-gw-nonce", "n").header("x-agentcore-gw-proof", proof);
            }
            assert_eq!(world.send(request.body(Body::empty()).unwrap()).await.status, 403, "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_control_plane_knows_one_key_and_says_what_it_lacks() {
    let world = World::new(Duration::ZERO);
    let sign = |key: &str, service: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential={key}/20261122/us-west-2/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    };
    let post = async |authorization: &str, target: Option<&str>, body: &str| {
        let mut request = Request::post("/").header("host", "127.0.0.1:7755").header("authorization", authorization);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        world.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let stranger = post(&sign("AKIASTRANGER", "iam"), None, "Action=GetRole&RoleName=r").await;
    assert_eq!(stranger.status, 403);
    assert!(stranger.text().contains("<Code>InvalidClientTokenId</Code>"));
    let key = world.access_key_id();
    let unknown =
        post(&sign(key, "cognito-idp"), Some("AWSCognitoIdentityProviderService.AdminCreateUser"), "{}").await;
    assert_eq!(unknown.status, 501);
    assert!(unknown.json()["message"].as_str().unwrap().contains("cognito-idp:AdminCreateUser"));
    let member = post(
        &sign(key, "cognito-idp"),
        Some("AWSCognitoIdentityProviderService.CreateUserPool"),
        r#"{"PoolName":"p","MfaConfiguration":"ON"}"#,
    )
    .await;
    assert_eq!(member.status, 501);
    assert!(member.json()["message"].as_str().unwrap().contains("`MfaConfiguration`"), "{}", member.json());
    let service = post(&sign(key, "dynamodb"), None, "{}").await;
    assert!(service.json()["message"].as_str().unwrap().contains("dynamodb"));
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn custom_claims_must_all_hold() {
    let served = Served::new().await;
    let claim = |name: &str, kind: &str, operator: &str, value: Value| {
        json!({ "inboundTokenClaimName": name, "inboundTokenClaimValueType": kind,
                "authorizingClaimMatchValue": { "claimMatchValue": value, "claimMatchOperator": operator } })
    };
    let equals = |name: &str, value: &str| claim(name, "STRING", "EQUALS", json!({ "matchValueString": value }));
    let any = |name: &str| claim(name, "STRING_ARRAY", "CONTAINS_ANY", json!({ "matchValueStringList": ["a", "b"] }));
    for (claims, status) in [
        (json!([equals("token_use", "access")]), 200),
        (json!([equals("token_use", "id")]), 401),
        (json!([equals("token_use", "access"), equals("none", "x")]), 401),
        (json!([any("token_use")]), 401),
    ] {
        served.world.edit_gateway(|config| {
            config["authorizerConfiguration"]["customJWTAuthorizer"]["customClaims"] = claims.clone();
        });
        let bearer = format!("Bearer {}", served.token);
        assert_eq!(served.call_as(Some(&bearer)).await.status, status, "{claims}");
    }
}

/// AWS's clients repeat a request whose response was lost, with the same token.
#[tokio::test]
async fn a_repeated_request_makes_nothing_new_and_another_one_with_its_token_is_refused() {
    let world = World::new(Duration::ZERO);
    world.create_gateway(&["--authorizer", "none", "-y", "--no-observability"]).await;
    let role = world.run(&["get", "g", "-o", "json"]).await.expect(0).json()["roleArn"].clone();
    let create = async |input: Value| {
        let request = world.to_service("bedrock-agentcore", "POST", "/gateways/");
        world.send(request.body(Body::from(input.to_string())).unwrap()).await
    };
    let input = json!({
        "clientToken": "0".repeat(36), "name": "again", "roleArn": role, "authorizerType": "NONE", "protocolType": "MCP",
        "tags": { "a": "1", "b": "2" },
    });
    let made = create(input.clone()).await.json();
    let mut reordered = input.clone();
    reordered["tags"] = json!({ "b": "2", "a": "1" });
    assert_eq!(create(reordered).await.json()["gatewayId"], made["gatewayId"]);
    let mut other = input;
    other["description"] = json!("another");
    let refused = create(other).await;
    assert_eq!(
        (refused.status, refused.json()["reason"].as_str()),
        (400, Some("IdempotentParameterMismatchException"))
    );
    assert_eq!(world.census()["gateways"], 2);
}
