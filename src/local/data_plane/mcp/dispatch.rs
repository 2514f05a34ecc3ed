//! Handles a request: interceptors, session, batch, and method.

use std::sync::PoisonError;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    SESSION_HEADER,
    content::Content,
    protocol::{self, Dialect, METHOD_NOT_FOUND, RpcError},
    reply::{Reply, envelope},
    request::{McpRequest, id_of, is_id},
    servers,
    snapshot::GatewaySnapshot,
    tools,
};
use crate::local::data_plane::{credentials::Failure, mcp_server::McpSession};

/// Most messages in a batch; larger ones are not expected.
const LARGEST_BATCH: usize = 100;

impl McpRequest {
    /// Answers the request, with the interceptors applied.
    pub(super) async fn run(mut self) -> Reply {
        let reply = match self.intercept_request().await {
            Some(reply) => reply,
            None => self.reply().await,
        };
        let mut reply = self.intercept_response(reply).await;
        let passed_back = std::mem::take(&mut *self.passed_back.lock().unwrap_or_else(PoisonError::into_inner));
        for (name, value) in passed_back {
            let pair = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
            reply.headers.extend(pair);
        }
        // A notification has no answer, and no record.
        if reply.body.is_some() {
            self.records.conclude(&self.id, &reply);
        }
        reply
    }

    async fn reply(&mut self) -> Reply {
        let opening = self.message["method"] == "initialize";
        let dialect = match Dialect::of(&self.headers, &self.gateway.versions, &self.message) {
            Ok(dialect) => dialect,
            // `initialize` negotiates the version in its body; ignore the header.
            Err(_) if opening => Dialect::Handshake { batches: false },
            Err(error) => return Reply::error(StatusCode::BAD_REQUEST, &self.id, error),
        };
        let lifetime = self.gateway.session_lifetime.filter(|_| dialect != Dialect::Stateless);
        let (sessions, now) = (&self.plane.sessions, self.plane.server.now());
        if let Some(lifetime) = lifetime.filter(|_| opening) {
            let answer = self.answer(dialect, &self.id, &self.message).await;
            let opened = matches!(answer, Some(Ok(_)));
            let mut reply = self.one(dialect, answer);
            if opened {
                let session = McpSession::new(self.usable_capabilities());
                let id = sessions.open(&self.gateway.id, &self.caller, (now, now + lifetime * 1000), session);
                reply.headers.extend(HeaderValue::from_str(&id).ok().map(|id| (SESSION_HEADER, id)));
            }
            return reply;
        }
        if lifetime.is_some() {
            match sessions.find(&self.headers, &self.gateway.id, &self.caller, now) {
                Ok(session) => self.session = Some(session),
                Err(error) => return error.reply(&self.id),
            }
        }
        match dialect {
            Dialect::Handshake { batches: true } if self.message.is_array() => self.batch().await,
            _ => self.one(dialect, self.answer(dialect, &self.id, &self.message).await),
        }
    }

    /// The capabilities of a caller that opens a session which servers can use. Server requests need response
    /// streaming.
    fn usable_capabilities(&self) -> Value {
        let named = &self.message["params"]["capabilities"];
        let usable = ["elicitation", "sampling"].into_iter().filter(|_| self.gateway.streaming);
        let usable = usable.filter_map(|name| Some((name.to_owned(), named.get(name)?.clone())));
        Value::Object(usable.collect::<Map<_, _>>())
    }

    fn one(&self, dialect: Dialect, answer: Option<Result<String, RpcError>>) -> Reply {
        match answer {
            None => Reply::accepted(),
            Some(answer) => {
                let status = answer.as_ref().map_or_else(|error| dialect.status(error), |_| StatusCode::OK);
                Reply::new(status, envelope(&self.id, &answer))
            }
        }
    }

    /// Answers all requests of a batch, in order (MCP 2025-03-26).
    async fn batch(&self) -> Reply {
        let dialect = Dialect::Handshake { batches: true };
        let messages: Vec<&RawValue> = serde_json::from_slice(&self.body).unwrap_or_default();
        if messages.is_empty() || messages.len() > LARGEST_BATCH {
            let error = RpcError::invalid_request(&format!("A batch has 1 to {LARGEST_BATCH} messages"));
            return Reply::error(StatusCode::BAD_REQUEST, "null", error);
        }
        let mut answers = Vec::new();
        for raw in messages {
            let message: Value = serde_json::from_str(raw.get()).unwrap_or_default();
            let id = id_of(raw.get().as_bytes(), &message);
            let answer = if message["method"] == "initialize" {
                Some(Err(RpcError::invalid_request("initialize comes alone")))
            } else {
                self.answer(dialect, &id, &message).await
            };
            answers.extend(answer.map(|answer| envelope(&id, &answer)));
        }
        if answers.is_empty() {
            return Reply::accepted();
        }
        Reply::new(StatusCode::OK, format!("[{}]", answers.join(",")))
    }

    /// Answers one message, with the result as JSON text; `None` for a notification or a response.
    async fn answer(&self, dialect: Dialect, id: &str, message: &Value) -> Option<Result<String, RpcError>> {
        if message.is_array() {
            return Some(Err(RpcError::invalid_request("Batches are not supported")));
        }
        if message["jsonrpc"] != "2.0" {
            return Some(Err(RpcError::invalid_request("Invalid request: not a JSON-RPC 2.0 message")));
        }
        let Some(method) = message["method"].as_str() else {
            let is_response = message.get("result").is_some() || message.get("error").is_some();
            if is_response {
                self.pass_response(message);
                return None;
            }
            return Some(Err(RpcError::invalid_request("Invalid request: no method")));
        };
        let id_member = message.get("id")?;
        if !is_id(id_member) {
            return Some(Err(RpcError::invalid_request("Invalid request: an id is a string or a number")));
        }
        if let Err(error) = dialect.check(&self.headers, message) {
            return Some(Err(error));
        }
        // The Lambda client context carries the id as text, a string id without its quotes.
        let id = id_member.as_str().unwrap_or(id);
        self.records.started(id, message);
        self.records.received(id, method);
        let result = self.dispatch(dialect, method, id, &message["params"]).await;
        self.records.answered(id, &result);
        Some(result.map(|result| dialect.complete(method, || self.gateway.server_info(), result)))
    }

    /// Forwards a caller's response to the server whose request it answers, without waiting for the outcome.
    fn pass_response(&self, message: &Value) {
        let Some(question) = self.session.as_ref().and_then(|session| session.take_pending(message)) else { return };
        let message = message.clone();
        tokio::spawn(async move {
            if let Err(Failure(problem)) = question.answer(message).await {
                tracing::warn!("{problem:?}");
            }
        });
    }

    async fn dispatch(&self, dialect: Dialect, method: &str, id: &str, params: &Value) -> Result<Content, RpcError> {
        let lists = ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"];
        // The futures that may call a target are boxed, so that those of other requests, which are moved, are small.
        if lists.contains(&method) {
            Box::pin(servers::list_dynamic(self)).await;
        }
        let offered = |capability: &str| self.gateway.capabilities(Value::Null).get(capability).is_some();
        match (dialect, method) {
            (_, "tools/list") => tools::list(&self.gateway, params),
            (_, "tools/call") => Box::pin(tools::call(self, id, params)).await,
            (_, "prompts/list") if offered("prompts") => servers::list_prompts(self, params),
            (_, "prompts/get") if offered("prompts") => {
                Box::pin(servers::get_prompt(self, params)).await.map(Content::Value)
            }
            (_, "resources/list") if offered("resources") => servers::list_resources(self, params),
            (_, "resources/templates/list") if offered("resources") => servers::list_templates(self, params),
            (_, "resources/read") if offered("resources") => {
                Box::pin(servers::read_resource(self, params)).await.map(Content::Value)
            }
            (Dialect::Handshake { .. }, "initialize") => initialize(&self.gateway, params).map(Content::Value),
            (Dialect::Handshake { .. }, "ping") => Ok(Content::Text("{}".to_owned())),
            (Dialect::Stateless, "server/discover") => Ok(discover(&self.gateway).into()),
            _ => Err(RpcError::new(METHOD_NOT_FOUND, format!("Method not found: {method}"))),
        }
    }
}

fn initialize(gateway: &GatewaySnapshot, params: &Value) -> Result<Value, RpcError> {
    let Some(asked) = params["protocolVersion"].as_str() else {
        return Err(RpcError::invalid_params("protocolVersion is missing"));
    };
    let Some(version) = protocol::agreed(asked, &gateway.versions) else {
        return Err(RpcError::invalid_params("Every version that this gateway serves does without initialize"));
    };
    let mut result = json!({
        "protocolVersion": version,
        "capabilities": gateway.capabilities(json!({ "listChanged": true })),
        "serverInfo": gateway.server_info(),
    });
    if let Some(instructions) = &gateway.instructions {
        result["instructions"] = instructions.clone();
    }
    Ok(result)
}

/// `server/discover` (MCP 2026-07-28)
fn discover(gateway: &GatewaySnapshot) -> Value {
    let mut result = json!({ "supportedVersions": protocol::discoverable(&gateway.versions), "capabilities": gateway.capabilities(json!({})) });
    if let Some(instructions) = &gateway.instructions {
        result["instructions"] = instructions.clone();
    }
    result
}
