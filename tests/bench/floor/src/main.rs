//! The least that an HTTP server of this kind can do, to compare the local AWS with: a bare axum handler that answers the
//! same bytes to every `POST /`, and one that passes `/through` on to another server. Prints its address. `PUT /` sets the
//! answer, `PUT /set-through` the other server's address.

use std::{
    net::Ipv4Addr,
    sync::{Arc, RwLock},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
    routing::{any, post},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

type Held = Arc<RwLock<Bytes>>;


#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (answer, upstream) = (Held::default(), Held::default());
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let held = upstream.clone();
    let through = async move |request: Request| -> Response {
        let address = String::from_utf8_lossy(&held.read().expect("nobody panics")).into_owned();
        let (mut parts, body) = request.into_parts();
        let Ok(uri) = address.parse::<Uri>() else { return StatusCode::BAD_GATEWAY.into_response() };
        parts.uri = uri;
        parts.headers.remove(header::HOST);
        client
            .request(http::Request::from_parts(parts, body))
            .await
            .map_or_else(|_| StatusCode::BAD_GATEWAY.into_response(), |answer| answer.map(Body::new).into_response())
    };
    let router = Router::new()
        .route("/", post(answered).put(set).with_state(answer))
        .route("/set-through", axum::routing::put(set).with_state(upstream))
        .route("/through", any(through));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router).await
}

async fn answered(State(answer): State<Held>, _request: Bytes) -> Response {
    let body = answer.read().expect("nobody panics").clone();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn set(State(held): State<Held>, body: Bytes) {
    *held.write().expect("nobody panics") = body;
}
