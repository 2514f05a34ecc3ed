//! The messages between a caller and the MCP servers behind a gateway, other than the caller's requests and
//! their results.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::Connection;
use crate::local::{data_plane::credentials::Failure, random};

/// The notifications that are forwarded to the caller during a request (AgentCore developer guide, "Enable MCP
/// response streaming for your AgentCore gateway").
const FORWARDED: [&str; 2] = ["notifications/progress", "notifications/message"];

/// Most connections that a session keeps; our choice.
const MOST_CONNECTIONS: usize = 64;

/// The state that a caller's session keeps for the servers behind a gateway.
#[derive(Debug, Default)]
pub(crate) struct McpSession {
    /// The capabilities of the caller's `initialize` that servers can use.
    pub(crate) capabilities: Value,
    /// Open and opening connections, by key.
    connections: Mutex<HashMap<String, Opening>>,
    /// Server requests that the caller has not answered, by the id that the caller was given.
    requests: Mutex<HashMap<String, ServerRequest>>,
}

/// A shared future of a connection: open, being opened, or failed.
type Opening = Shared<BoxFuture<'static, Result<Arc<Connection>, Failure>>>;

/// A request from a server that was forwarded to the caller.
#[derive(Debug)]
pub(crate) struct ServerRequest {
    pub(super) connection: Arc<Connection>,
    pub(super) id: Value,
}

impl ServerRequest {
    /// Forwards the caller's response to the server.
    pub(crate) async fn answer(self, mut response: Value) -> Result<(), Failure> {
        response["id"] = self.id;
        self.connection.post(&response).await.map(drop)
    }
}

impl McpSession {
    /// A new state for a caller with these capabilities.
    pub(crate) fn new(capabilities: Value) -> Self {
        Self { capabilities, ..Self::default() }
    }

    /// Whether the caller supports requests with this method.
    fn takes(&self, method: &str) -> bool {
        let capability = match method {
            "elicitation/create" => "elicitation",
            "sampling/createMessage" => "sampling",
            _ => return false,
        };
        self.capabilities.get(capability).is_some()
    }

    /// The request that a caller's response is to.
    pub(crate) fn take_pending(&self, response: &Value) -> Option<ServerRequest> {
        self.requests().remove(response["id"].as_str()?)
    }

    fn requests(&self) -> MutexGuard<'_, HashMap<String, ServerRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the connection for this key, opening it if necessary. Opening one does not block other keys, and
    /// everyone who waits for it learns at once if it fails.
    pub(crate) async fn connection(
        &self,
        key: &str,
        opening: impl Future<Output = Result<Arc<Connection>, Failure>> + Send + 'static,
    ) -> Result<Arc<Connection>, Failure> {
        self.make_room_for(key);
        let opening = self.connections().entry(key.to_owned()).or_insert_with(|| opening.boxed().shared()).clone();
        let opened = opening.clone().await;
        if opened.is_err() {
            self.connections().retain(|_, kept| !kept.ptr_eq(&opening));
        }
        opened
    }

    /// Closes a connection if there are too many: where headers are passed on, each value of them has its own.
    fn make_room_for(&self, key: &str) {
        let mut connections = self.connections();
        if connections.len() < MOST_CONNECTIONS || connections.contains_key(key) {
            return;
        }
        let is_open = |kept: &Opening| matches!(kept.peek(), Some(Ok(_)));
        let one = connections.iter().find(|(_, kept)| is_open(kept)).map(|(key, _)| key.clone());
        if let Some(Ok(connection)) = one.and_then(|key| connections.remove(&key)).and_then(|kept| kept.peek().cloned())
        {
            tokio::spawn(async move { connection.close().await });
        }
    }

    /// Drops a closed connection.
    pub(crate) fn forget(&self, connection: &Arc<Connection>) {
        let is_it = |kept: &Opening| matches!(kept.peek(), Some(Ok(kept)) if Arc::ptr_eq(kept, connection));
        self.connections().retain(|_, kept| !is_it(kept));
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<String, Opening>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes all connections.
    pub(crate) async fn close(self: Arc<Self>) {
        let connections = std::mem::take(&mut *self.connections());
        for connection in connections.values().filter_map(|kept| kept.peek()?.as_ref().ok()) {
            connection.close().await;
        }
    }
}

/// Forwards a server's messages to the caller during one request.
#[derive(Debug)]
pub(crate) struct CallerSink<'a> {
    /// The caller's event stream.
    events: &'a UnboundedSender<String>,
    session: Option<&'a McpSession>,
    /// The ids of forwarded requests. Those still open at the end are dropped.
    asked: Vec<String>,
}

impl<'a> CallerSink<'a> {
    pub(crate) fn new(events: &'a UnboundedSender<String>, session: Option<&'a McpSession>) -> Self {
        Self { events, session, asked: Vec::new() }
    }

    /// Forwards a notification. A send error means that the caller disconnected.
    pub(super) fn tell(&self, method: &str, message: &Value) {
        if FORWARDED.contains(&method) {
            drop(self.events.send(message.to_string()));
        }
    }

    /// Forwards a server's request if the caller supports its method. Returns whether it did.
    pub(super) fn ask(&mut self, method: &str, request: ServerRequest, message: &Value) -> bool {
        let Some(session) = self.session.filter(|session| session.takes(method)) else { return false };
        let (id, mut message) = (random::uuid(), message.clone());
        message["id"] = json!(id);
        session.requests().insert(id.clone(), request);
        self.asked.push(id);
        drop(self.events.send(message.to_string()));
        true
    }
}

impl Drop for CallerSink<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session {
            let mut requests = session.requests();
            self.asked.iter().for_each(|id| drop(requests.remove(id)));
        }
    }
}
