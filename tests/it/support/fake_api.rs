//! An API on loopback, and the authorization server in front of it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::fake_server::{Asked, serve};

/// An API, and the authorization server in front of it.
pub struct FakeApi {
    pub origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeApi {
    pub fn start() -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let origin =
            serve(|origin| Router::new().fallback(answer).with_state((origin.to_owned(), log, Arc::default())));
        Self { origin, asked }
    }

    /// The requests since the last call.
    pub fn taken(&self) -> Vec<Asked> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.iter().for_each(Asked::check_user_agent);
        asked
    }

    /// The request to the API itself.
    #[track_caller]
    pub fn taken_one(&self) -> Asked {
        let mut asked = self.taken();
        asked.retain(|asked| asked.uri.starts_with("/v1"));
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }
}

/// Its own address, the requests, and the number of tokens that it issued.
type Shared = (String, Arc<Mutex<Vec<Asked>>>, Arc<AtomicUsize>);

async fn answer(State((origin, asked, tokens)): State<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let seen = Asked::of(request).await;
    asked.lock().unwrap().push(seen.clone());
    let json = |status: u16, body: Value| (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response();
    match path.as_str() {
        "/.well-known/openid-configuration" => json(200, json!({ "token_endpoint": format!("{origin}/token") })),
        "/token" if seen.header("authorization") == "Basic Y2xpZW50OnJpZ2h0" => json(
            200,
            json!({ "access_token": format!("token-{}", tokens.fetch_add(1, Ordering::Relaxed)), "expires_in": 3600 }),
        ),
        "/token" => json(401, json!({ "error": "invalid_client", "error_description": "who is that?" })),
        "/v1/weather" if seen.uri.contains("q=Atlantis") => {
            json(404, json!({ "message": "city not found", "asked": seen.uri }))
        }
        "/v1/precise" => r#"{"n":12345678901234567890123}"#.into_response(),
        "/v1/moved" => {
            let elsewhere = [("location", "http://elsewhere.example/")];
            (StatusCode::TEMPORARY_REDIRECT, elsewhere, Body::empty()).into_response()
        }
        "/v1/hangs" => std::future::pending().await,
        "/v1/revoked" if seen.header("authorization") == "Bearer token-0" => json(401, json!({})),
        "/v1/text" => "just text".into_response(),
        "/v1/endless" => {
            let chunk = Ok::<_, std::convert::Infallible>(vec![b'x'; 1024 * 1024]);
            Body::from_stream(futures_util::stream::repeat(chunk)).into_response()
        }
        _ => json(200, json!({ "name": "Oslo", "main": { "temp": -3.5 } })),
    }
}
