//! MCP sessions of gateways that have them enabled (AgentCore developer guide, "Use MCP sessions with your
//! AgentCore gateway"). They are lost when the server stops.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::{HeaderMap, StatusCode};

use super::{SESSION_HEADER, UNAUTHORIZED, protocol::RpcError, reply::Reply};
use crate::local::{
    data_plane::{caller::Caller, mcp_server::McpSession},
    random,
};

/// Most open sessions of a gateway; beyond that, the oldest is ended.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

#[derive(Debug)]
struct Session {
    gateway_id: String,
    owner: Caller,
    /// Unix milliseconds.
    ends: i64,
    mcp: Arc<McpSession>,
}

/// Why a request's session was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionError {
    /// The request has no session header.
    Unnamed,
    /// Unknown, expired, or owned by another caller. Callers cannot tell which.
    Gone,
}

impl SessionError {
    pub(super) fn reply(self, id: &str) -> Reply {
        match self {
            Self::Unnamed => Reply::error(
                StatusCode::BAD_REQUEST,
                id,
                RpcError::invalid_request("The header Mcp-Session-Id is required"),
            ),
            // The code that servers of the MCP SDKs send.
            Self::Gone => Reply::error(StatusCode::NOT_FOUND, id, RpcError::new(UNAUTHORIZED, "Session not found")),
        }
    }
}

impl Sessions {
    /// Opens a session that expires at `ends` (Unix milliseconds), regardless of activity.
    pub(super) fn open(&self, gateway_id: &str, owner: &Caller, (now, ends): (i64, i64), mcp: McpSession) -> String {
        let mut sessions = self.lock();
        let mut ended: Vec<Arc<McpSession>> =
            sessions.extract_if(|_, session| session.ends <= now).map(|(_, session)| session.mcp).collect();
        let own = || sessions.iter().filter(|(_, session)| session.gateway_id == gateway_id);
        let oldest = own().min_by_key(|(_, session)| session.ends).map(|(id, _)| id.clone());
        if let Some(oldest) = oldest.filter(|_| own().count() >= MOST) {
            ended.extend(sessions.remove(&oldest).map(|session| session.mcp));
        }
        let id = random::uuid();
        let mcp = Arc::new(mcp);
        let session = Session { gateway_id: gateway_id.to_owned(), owner: owner.clone(), ends, mcp };
        sessions.insert(id.clone(), session);
        for mcp in ended {
            tokio::spawn(mcp.close());
        }
        id
    }

    /// Finds the request's session, which must be open and belong to this gateway and caller.
    pub(super) fn find(
        &self,
        headers: &HeaderMap,
        gateway_id: &str,
        caller: &Caller,
        now: i64,
    ) -> Result<Arc<McpSession>, SessionError> {
        let id = headers.get(SESSION_HEADER).ok_or(SessionError::Unnamed)?;
        let sessions = self.lock();
        let found = id.to_str().ok().and_then(|id| sessions.get(id));
        let open =
            |session: &&Session| session.gateway_id == gateway_id && session.owner == *caller && session.ends > now;
        found.filter(open).map(|session| session.mcp.clone()).ok_or(SessionError::Gone)
    }

    pub(super) fn end(
        &self,
        headers: &HeaderMap,
        gateway_id: &str,
        caller: &Caller,
        now: i64,
    ) -> Result<(), SessionError> {
        let mcp = self.find(headers, gateway_id, caller, now)?;
        if let Some(id) = headers.get(SESSION_HEADER).and_then(|id| id.to_str().ok()) {
            self.lock().remove(id);
        }
        tokio::spawn(mcp.close());
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
