//! Sessions of gateways that have them (reference §5.3). They end with the server.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{Reply, SESSION_HEADER, UNAUTHORIZED, protocol::RpcError};
use crate::local::{
    data_plane::{
        auth::Caller,
        mcp_server::{Connection, Question},
    },
    random,
};

/// Sessions that a gateway has open at most; the oldest give way.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

#[derive(Debug)]
struct Session {
    gateway_id: String,
    owner: Caller,
    /// Unix milliseconds.
    ends: i64,
    talk: Arc<Talk>,
}

/// What a caller and the MCP servers behind a gateway have with each other in a session.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Of those that the caller's `initialize` named, what servers may make use of.
    pub(super) capabilities: Value,
    /// Connections that are open, by what they are to.
    pub(super) servers: tokio::sync::Mutex<HashMap<String, Arc<Connection>>>,
    /// Questions of servers that the caller has not answered, by the id that it knows them by.
    questions: Mutex<HashMap<String, Question>>,
}

/// Questions that a caller leaves open at most.
const MOST_QUESTIONS: usize = 100;

impl Talk {
    /// With a caller who can be asked for these.
    pub(super) fn new(capabilities: Value) -> Self {
        Self { capabilities, ..Self::default() }
    }

    /// Keeps a question, and gives it an id; none if the caller takes no such questions.
    pub(super) fn ask(&self, method: &str, question: Question) -> Option<String> {
        let capability = match method {
            "elicitation/create" => "elicitation",
            "sampling/createMessage" => "sampling",
            _ => return None,
        };
        self.capabilities.get(capability)?;
        let mut questions = self.questions();
        if questions.len() >= MOST_QUESTIONS {
            return None;
        }
        let id = random::uuid();
        questions.insert(id.clone(), question);
        Some(id)
    }

    /// The question that a caller's response is to.
    pub(super) fn answered(&self, response: &Value) -> Option<Question> {
        self.questions().remove(response["id"].as_str()?)
    }

    fn questions(&self) -> MutexGuard<'_, HashMap<String, Question>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes leave of all servers.
    async fn close(self: Arc<Self>) {
        for connection in std::mem::take(&mut *self.servers.lock().await).into_values() {
            connection.close().await;
        }
    }
}

/// Why a request has no session to go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// It names none.
    Unnamed,
    /// Unknown, at its end, or somebody else's: which, nobody is told.
    Gone,
}

impl Lost {
    pub(super) fn reply(self, id: &str) -> Reply {
        match self {
            Self::Unnamed => Reply::error(
                StatusCode::BAD_REQUEST,
                id,
                RpcError::invalid_request("The header Mcp-Session-Id is required"),
            ),
            // The code that the SDKs' servers send.
            Self::Gone => Reply::error(StatusCode::NOT_FOUND, id, RpcError::new(UNAUTHORIZED, "Session not found")),
        }
    }
}

impl Sessions {
    /// Opens a session that ends at `ends` (Unix milliseconds), whatever happens in it.
    pub(super) fn open(&self, gateway_id: &str, owner: &Caller, (now, ends): (i64, i64), talk: Talk) -> String {
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.ends > now);
        let own = || sessions.iter().filter(|(_, session)| session.gateway_id == gateway_id);
        let oldest = own().min_by_key(|(_, session)| session.ends).map(|(id, _)| id.clone());
        if let Some(oldest) = oldest.filter(|_| own().count() >= MOST) {
            sessions.remove(&oldest);
        }
        let id = random::uuid();
        let talk = Arc::new(talk);
        let session = Session { gateway_id: gateway_id.to_owned(), owner: owner.clone(), ends, talk };
        sessions.insert(id.clone(), session);
        id
    }

    /// The open session of this gateway and caller that a request names.
    pub(super) fn find(
        &self,
        headers: &HeaderMap,
        gateway_id: &str,
        caller: &Caller,
        now: i64,
    ) -> Result<Arc<Talk>, Lost> {
        let id = headers.get(SESSION_HEADER).ok_or(Lost::Unnamed)?;
        let sessions = self.lock();
        let found = id.to_str().ok().and_then(|id| sessions.get(id));
        let open =
            |session: &&Session| session.gateway_id == gateway_id && session.owner == *caller && session.ends > now;
        found.filter(open).map(|session| session.talk.clone()).ok_or(Lost::Gone)
    }

    pub(super) fn end(&self, headers: &HeaderMap, gateway_id: &str, caller: &Caller, now: i64) -> Result<(), Lost> {
        let talk = self.find(headers, gateway_id, caller, now)?;
        if let Some(id) = headers.get(SESSION_HEADER).and_then(|id| id.to_str().ok()) {
            self.lock().remove(id);
        }
        tokio::spawn(talk.close());
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
