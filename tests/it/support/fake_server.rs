//! A server on loopback that runs until the process ends, and what it was asked.

use std::{net::TcpListener, thread};

use axum::{Router, extract::Request, http::HeaderMap};
use serde_json::Value;

/// Serves a router, which may depend on the server's origin, on a thread of its own; returns the origin.
pub fn serve(router: impl FnOnce(&str) -> Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let router = router(&origin);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
        });
    });
    origin
}

/// A request that a fake server received.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Of HTTP, or of the JSON-RPC message.
    pub method: String,
    pub uri: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Asked {
    /// Every request says which program makes it, also those for tokens and for discovery documents.
    #[track_caller]
    pub fn check_user_agent(&self) {
        let agent = self.headers.get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        assert!(agent.starts_with("agentcore-gw/"), "{} {}: {agent:?}", self.method, self.uri);
    }

    /// Reads a request.
    pub async fn of(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Self { method: parts.method.to_string(), uri: parts.uri.to_string(), headers: parts.headers, body }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON; null if it is none.
    pub fn message(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}
