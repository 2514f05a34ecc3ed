//! Gateways that verify the tokens of the user's own OpenID provider.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agentcore_gw::{config::Env, local::SigningKey};
use axum::{Router, body::Body, routing::get};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{env::Env as Home, fake_server::serve, world::World};

/// An OpenID provider on loopback whose key may change.
struct Provider {
    origin: String,
    key: Arc<Mutex<SigningKey>>,
    /// How often its keys were requested.
    asked: Arc<Mutex<usize>>,
}

impl Provider {
    fn start() -> Self {
        let key = Arc::new(Mutex::new(SigningKey::generate()));
        let asked = Arc::new(Mutex::new(0));
        let (its_key, its_asked) = (key.clone(), asked.clone());
        let keys = move || async move {
            *its_asked.lock().unwrap() += 1;
            let mut set = its_key.lock().unwrap().jwks().unwrap();
            // Unknown key types must be ignored.
            set["keys"].as_array_mut().unwrap().insert(0, json!({ "kty": "AKP", "kid": "x" }));
            set.to_string()
        };
        let origin = serve(|origin| {
            let document = json!({ "issuer": origin, "jwks_uri": format!("{origin}/keys") });
            Router::new()
                .route("/.well-known/openid-configuration", get(async move || document.to_string()))
                .route("/keys", get(keys))
        });
        Self { origin, key, asked }
    }

    fn token(&self, claims: &Value) -> String {
        let mut all = json!({ "iss": self.origin, "exp": 4_000_000_000_u64 });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        self.key.lock().unwrap().sign(&all).unwrap()
    }
}

/// A gateway for the tokens of a provider.
struct Gateway {
    world: World,
    path: String,
}

impl Gateway {
    async fn new(origin: &str, flags: &[&str]) -> Self {
        let world = World::new(Duration::ZERO);
        let url = format!("{origin}/.well-known/openid-configuration");
        let args = ["--authorizer", "jwt", "--no-observability", "--discovery-url", &url];
        let path = world.create_gateway(&[&args[..], flags].concat()).await;
        Self { world, path }
    }

    async fn send(&self, request: http::request::Builder, body: String) -> (StatusCode, Value) {
        let answer = self.world.send(request.body(Body::from(body)).unwrap()).await;
        (StatusCode::from_u16(answer.status).unwrap(), answer.json())
    }

    async fn ping(&self, token: &str) -> u16 {
        let request = Request::post(&self.path).header("authorization", format!("Bearer {token}"));
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        self.send(request, message.to_string()).await.0.as_u16()
    }
}

#[tokio::test]
async fn tokens_of_ones_own_provider_are_checked_by_its_keys_and_the_configured_lists() {
    let provider = Provider::start();
    let gateway = Gateway::new(&provider.origin, &["--allowed-audience", "tools", "--allowed-scope", "use"]).await;
    let good = json!({ "aud": ["other", "tools"], "scp": ["read", "use"] });
    let but = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        claims
    };
    for (what, claims, status) in [
        ("good", good.clone(), 200),
        ("scope as a text", json!({ "aud": "tools", "scope": "read use" }), 200),
        ("another audience", but("aud", json!("other")), 401),
        ("no scope of the list", but("scp", json!(["read"])), 403),
        ("another issuer", but("iss", json!(format!("{}/", provider.origin))), 401),
        ("expired", but("exp", json!(1)), 401),
        ("no end", but("exp", Value::Null), 401),
        ("not yet", but("nbf", json!(3_999_999_999_u64)), 401),
        ("a beginning that is no time", but("nbf", json!("1")), 401),
    ] {
        assert_eq!(gateway.ping(&provider.token(&claims)).await, status, "{what}");
    }
    let good = provider.token(&good);
    let (content, _signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = content.split_once('.').unwrap();
    let shared = "eyJhbGciOiJIUzI1NiJ9"; // {"alg":"HS256"}
    let none = "eyJhbGciOiJub25lIn0"; // {"alg":"none"}
    for token in [format!("{header}.{claims}."), format!("{shared}.{claims}.AAAA"), format!("{none}.{claims}.")] {
        assert_eq!(gateway.ping(&token).await, 401, "{token}");
    }
    assert_eq!(*provider.asked.lock().unwrap(), 1, "keys are kept");

    let metadata = format!("/.well-known/oauth-protected-resource{}", gateway.path);
    let (status, document) = gateway.send(Request::get(metadata), String::new()).await;
    assert_eq!((status, &document["authorization_servers"]), (StatusCode::OK, &json!([provider.origin])));
    assert_eq!(document["scopes_supported"], json!(["use"]));
}

#[tokio::test]
async fn our_client_takes_a_token_of_ones_own_provider_from_the_environment() {
    let provider = Provider::start();
    let gateway = Gateway::new(&provider.origin, &["--allowed-audience", "tools", "--sample"]).await;
    let list = ["tools", "list", "g", "-o", "json"];
    let without = gateway.world.run(&list).await;
    assert_eq!(without.code, 4, "{without:?}");
    assert!(without.stdout.contains("AGENTCORE_GATEWAY_TOKEN"), "{without:?}");
    let token = provider.token(&json!({ "aud": "tools" }));
    let with = gateway.world.run_in(Env::only([("AGENTCORE_GATEWAY_TOKEN", token.as_str())]), &list).await;
    assert_eq!(with.expect(0).json()["items"].as_array().unwrap().len(), 3);
    let token = provider.token(&json!({ "aud": "other" }));
    let refused = gateway.world.run_in(Env::only([("AGENTCORE_GATEWAY_TOKEN", token.as_str())]), &list).await;
    assert!(refused.code == 4 && !refused.stdout.contains(&token), "{refused:?}");
    assert!(refused.stdout.contains("invalid_token"), "{refused:?}");
}

#[tokio::test]
async fn an_unknown_key_id_has_the_provider_asked_again_but_not_at_every_call() {
    let provider = Provider::start();
    let gateway = Gateway::new(&provider.origin, &["--allowed-audience", "tools"]).await;
    let claims = json!({ "aud": "tools" });
    let old = provider.token(&claims);
    assert_eq!(gateway.ping(&old).await, 200);
    *provider.key.lock().unwrap() = SigningKey::generate();
    let new = provider.token(&claims);
    for _ in 0..3 {
        assert_eq!(gateway.ping(&new).await, 401, "it was asked just now");
    }
    assert_eq!(*provider.asked.lock().unwrap(), 1);
    // The clock runs while the provider is called.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    assert_eq!(gateway.ping(&new).await, 200);
    assert_eq!(gateway.ping(&old).await, 401, "its key is gone");
    assert_eq!(*provider.asked.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_lets_nobody_in() {
    let gateway = Gateway::new("http://127.0.0.1:9", &["--allowed-audience", "tools"]).await;
    let token = SigningKey::generate().sign(&json!({ "aud": "tools", "exp": 4_000_000_000_u64 })).unwrap();
    assert_eq!(gateway.ping(&token).await, 401);
}

#[tokio::test]
async fn a_provider_that_hangs_keeps_the_callers_of_other_gateways_not_waiting() {
    let provider = Provider::start();
    let gateway = Gateway::new(&provider.origin, &["--allowed-audience", "tools"]).await;
    let (hangs, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let (its_hangs, its_asked) = (hangs.clone(), asked.clone());
    let other = serve(|origin| {
        let document = json!({ "issuer": origin, "jwks_uri": format!("{origin}/keys") }).to_string();
        let answer = async move || {
            if its_hangs.load(Ordering::Relaxed) {
                its_asked.notify_one();
                std::future::pending::<()>().await;
            }
            document
        };
        Router::new().route("/.well-known/openid-configuration", get(answer))
    });
    let url = format!("{other}/.well-known/openid-configuration");
    let create = ["create", "h", "--authorizer", "jwt", "--no-observability", "--allowed-audience", "tools"];
    gateway.world.run(&[&create[..], &["--discovery-url", &url]].concat()).await.expect(0);
    let hung = gateway.world.run(&["get", "h", "-o", "json"]).await.expect(0).json();
    let (_, hung) = hung["gatewayUrl"].as_str().unwrap().split_once("/gateways").unwrap();
    hangs.store(true, Ordering::Relaxed);
    let ask = |path: &str| {
        let metadata = format!("/.well-known/oauth-protected-resource{path}");
        gateway.send(Request::get(metadata), String::new())
    };
    let mut hung = pin!(ask(&format!("/gateways{hung}")));
    tokio::select! {
        () = asked.notified() => {}
        answer = &mut hung => panic!("{answer:?}"),
    }
    tokio::select! {
        biased;
        answer = &mut hung => panic!("{answer:?}"),
        (status, _) = ask(&gateway.path) => assert_eq!(status, StatusCode::OK),
    }
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_which_one_is_missing() {
    let provider = Provider::start();
    let flags = ["--allowed-audience", "tools", "--allowed-scope", "mcp:invoke", "--allowed-scope", "mcp:read"];
    let gateway = Gateway::new(&provider.origin, &flags).await;
    let token = provider.token(&json!({ "aud": "tools", "scope": "openid" }));
    let request = Request::post(&gateway.path).header("authorization", format!("Bearer {token}"));
    let answer = gateway.world.send(request.body(Body::from("{}")).unwrap()).await;
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    let start = r#"Bearer error="insufficient_scope", scope="mcp:invoke mcp:read", resource_metadata=""#;
    assert!(answer.status == 403 && challenge.starts_with(start), "{challenge}");
}

#[test]
fn what_cannot_work_with_a_provider_is_said_when_the_gateway_is_made() {
    let document =
        |issuer: String| async move || json!({ "issuer": issuer, "jwks_uri": "http://127.0.0.1:9/" }).to_string();
    let openid = "/.well-known/openid-configuration";
    let origin = serve(|origin| {
        Router::new()
            .route(openid, get(document(origin.to_owned())))
            .route(&format!("/common/v2.0{openid}"), get(document(format!("{origin}/{{tenantid}}/v2.0"))))
            .route(&format!("/other{openid}"), get(document("https://other.example".to_owned())))
            .route(&format!("/text{openid}"), get(async || "Welcome"))
            .route(&format!("/keyless{openid}"), get(async || json!({ "issuer": "x" }).to_string()))
    });
    let env = Home::new();
    let create = |url: &str, audience: &str, more: &[&str]| {
        let args = ["--local", "create", "g", "--no-observability", "--authorizer", "jwt", "--discovery-url", url];
        env.run(&[&args[..], &["--allowed-audience", audience], more].concat())
    };
    for (path, said) in [
        ("/nope", "answers HTTP 404: without it the gateway lets in nobody"),
        ("/common/v2.0", "/{tenantid}/v2.0`, a template that no token has"),
        ("/other", "names the issuer `https://other.example`, which is not its own address"),
        ("/text", "is no JSON document"),
        ("/keyless", "has no `jwks_uri`"),
    ] {
        let created = create(&format!("{origin}{path}{openid}"), "tools", &[]);
        assert!(created.code == 0 && created.stderr.contains(said), "{said}: {created:?}");
    }
    let created = create(&format!("http://127.0.0.1:9{openid}"), "tools", &["-o", "json"]);
    let warnings = created.json()["warnings"].clone();
    assert!(warnings[0].as_str().unwrap().contains("cannot be read from here"), "{warnings}");
    let planned = create(&format!("{origin}/nope{openid}"), "tools", &["--dry-run"]);
    assert!(planned.stdout.contains("answers HTTP 404"), "{planned:?}");
    let created = create(&format!("{origin}{openid}"), "aud1,aud2", &["--allowed-client", "a,b", "-o", "json"]);
    let warnings = created.json()["warnings"].clone();
    assert_eq!(warnings.as_array().unwrap().len(), 2, "{warnings}");
    assert!(warnings[0].as_str().unwrap().starts_with("`aud1,aud2` is one audience with a comma"), "{warnings}");
    let created = create(&format!("{origin}{openid}"), "tools", &["-o", "json"]);
    assert_eq!(created.json()["warnings"], json!([]), "a provider that is right costs no word");
    env.ok(&["--local", "cleanup", "g", "--yes"]);
}
