//! What passes between a caller and the MCP servers behind a gateway beside requests and results.

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

/// What a server may say while it works that its caller is told (reference §5.1).
const FORWARDED: [&str; 2] = ["notifications/progress", "notifications/message"];

/// What a caller and the servers behind a gateway have with each other in a session.
#[derive(Debug, Default)]
pub(crate) struct McpSession {
    /// Of what the caller's `initialize` named, what servers may make use of.
    pub(crate) capabilities: Value,
    /// Connections that are open or being opened, by what they are to.
    connections: Mutex<HashMap<String, Opening>>,
    /// Questions of servers that the caller has not take_pending, by the id that it knows them by.
    requests: Mutex<HashMap<String, ServerRequest>>,
}

/// A connection that is open, being opened, or that came to nothing, for all who want it.
type Opening = Shared<BoxFuture<'static, Result<Arc<Connection>, Failure>>>;

/// A request of a server's, whose answer is to go back to it.
#[derive(Debug)]
pub(crate) struct ServerRequest {
    pub(super) connection: Arc<Connection>,
    pub(super) id: Value,
}

impl ServerRequest {
    /// Passes the caller's response on.
    pub(crate) async fn answer(self, mut response: Value) -> Result<(), Failure> {
        response["id"] = self.id;
        self.connection.post(&response).await.map(drop)
    }
}

impl McpSession {
    /// With a caller who can be asked for these.
    pub(crate) fn new(capabilities: Value) -> Self {
        Self { capabilities, ..Self::default() }
    }

    /// Whether the caller takes requests of this method.
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

    /// The connection to what this key stands for. One that is opened holds up nobody else's, and all who wait
    /// for it hear at once if it comes to nothing.
    pub(crate) async fn connection(
        &self,
        key: &str,
        opening: impl Future<Output = Result<Arc<Connection>, Failure>> + Send + 'static,
    ) -> Result<Arc<Connection>, Failure> {
        let opening = self.connections().entry(key.to_owned()).or_insert_with(|| opening.boxed().shared()).clone();
        let opened = opening.clone().await;
        if opened.is_err() {
            self.connections().retain(|_, kept| !kept.ptr_eq(&opening));
        }
        opened
    }

    /// Forgets a connection that is none any more.
    pub(crate) fn forget(&self, connection: &Arc<Connection>) {
        let is_it = |kept: &Opening| matches!(kept.peek(), Some(Ok(kept)) if Arc::ptr_eq(kept, connection));
        self.connections().retain(|_, kept| !is_it(kept));
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<String, Opening>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes leave of all servers.
    pub(crate) async fn close(self: Arc<Self>) {
        let connections = std::mem::take(&mut *self.connections());
        for connection in connections.values().filter_map(|kept| kept.peek()?.as_ref().ok()) {
            connection.close().await;
        }
    }
}

/// Who hears what a server says before its answer.
#[derive(Debug)]
pub(crate) struct NotificationSink<'a> {
    /// The caller's event stream.
    events: &'a UnboundedSender<String>,
    session: Option<&'a McpSession>,
    /// The ids of requests that were passed on; those that are open at the end stay unanswered.
    asked: Vec<String>,
}

impl<'a> NotificationSink<'a> {
    pub(crate) fn new(events: &'a UnboundedSender<String>, session: Option<&'a McpSession>) -> Self {
        Self { events, session, asked: Vec::new() }
    }

    /// Passes on what a server says while it works; a caller who is gone needs no news.
    pub(super) fn tell(&self, method: &str, message: &Value) {
        if FORWARDED.contains(&method) {
            drop(self.events.send(message.to_string()));
        }
    }

    /// Passes a request on, if the caller takes such.
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

impl Drop for NotificationSink<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session {
            let mut requests = session.requests();
            self.asked.iter().for_each(|id| drop(requests.remove(id)));
        }
    }
}
