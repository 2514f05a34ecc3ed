//! Forwards messages between an MCP client that speaks lines of JSON and a gateway that speaks HTTP (MCP 2025-11-25,
//! "Transports").

mod credential;
mod message;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    sync::{RwLock, mpsc},
    time::{Instant, timeout},
};

pub use self::credential::{Credential, Source, Tokens};
use self::message::Message;
use super::{
    Error,
    token::{self, TokenRequest},
};
use crate::{
    aws::{
        Aws,
        wait::{self, Stop},
    },
    http::{
        Request, StreamingResponse, TransportError,
        mcp::{self, Messages},
    },
    model::secret::Secret,
};

/// The longest call (AgentCore developer guide, "Quotas for Amazon Bedrock AgentCore": 15 minutes).
const CALL_LIMIT: Duration = Duration::from_mins(15);
/// How long a gateway may be unreachable, as while it restarts, before a request fails.
const PATIENCE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long the end of the session may take when the client has left.
const FAREWELL: Duration = Duration::from_secs(2);
/// The largest response that is one document, in bytes, and the largest event (AgentCore developer guide: 6 MB).
const LARGEST: usize = 16 * 1024 * 1024;
/// JSON-RPC error codes.
const PARSE_ERROR: i64 = -32700;
const NO_ANSWER: i64 = -32000;

/// A connection of a client to a gateway. Messages are forwarded side by side.
#[derive(Debug)]
pub struct Bridge {
    aws: Aws,
    url: String,
    credential: Credential,
    stop: Stop,
    /// Lines for the client.
    out: mpsc::Sender<String>,
    session: Mutex<Session>,
    /// Held by whoever makes a session, so that no other message goes out in between.
    opening: RwLock<()>,
}

/// What the gateway and the client agreed on.
#[derive(Debug, Clone, Default)]
struct Session {
    id: Option<String>,
    version: String,
    /// The client's `initialize`, for a new session in place of a lost one.
    hello: Option<Value>,
}

impl Bridge {
    pub fn new(aws: Aws, url: String, credential: Credential, stop: Stop, out: mpsc::Sender<String>) -> Self {
        Self { aws, url, credential, stop, out, session: Mutex::default(), opening: RwLock::new(()) }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forwards a line of the client, and whatever the gateway answers. Every request is answered, if need be with an
    /// error.
    ///
    /// # Errors
    ///
    /// If a message that has no answer could not be delivered.
    pub async fn forward(&self, line: &str) -> Result<(), Error> {
        let document: Value = match serde_json::from_str(line) {
            Ok(document) => document,
            Err(error) => {
                let error = json!({ "code": PARSE_ERROR, "message": format!("Parse error: {error}") });
                self.tell(json!({ "jsonrpc": "2.0", "id": null, "error": error }).to_string()).await;
                return Ok(());
            }
        };
        // A batch (MCP 2025-03-26) goes out message by message.
        let messages = match document {
            Value::Array(messages) => messages,
            message => vec![message],
        };
        let mut outcome = Ok(());
        for document in messages {
            let message = Message::new(document);
            if let Err(error) = self.deliver(&message).await {
                match message.id() {
                    Some(id) => {
                        let error = json!({ "code": NO_ANSWER, "message": error.to_string() });
                        self.tell(json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string()).await;
                    }
                    None => outcome = Err(error),
                }
            }
        }
        outcome
    }

    async fn deliver(&self, message: &Message) -> Result<(), Error> {
        if message.method() == "initialize" {
            let _alone = self.opening.write().await;
            self.session().hello = Some(message.document().clone());
            let answer = self.post(message, &Session::default()).await?;
            return self.relay(message, answer).await;
        }
        let session = {
            let _open = self.opening.read().await;
            self.session().clone()
        };
        let answer = self.post(message, &session).await?;
        // MCP specifies 404 for a session that is not known any more: the gateway did not look at the message.
        if answer.status == 404 && session.id.is_some() {
            let session = self.renew(&session).await?;
            return self.relay(message, self.post(message, &session).await?).await;
        }
        self.relay(message, answer).await
    }

    /// Makes a new session in place of a lost one, unless another message has done so.
    async fn renew(&self, lost: &Session) -> Result<Session, Error> {
        let _alone = self.opening.write().await;
        let current = self.session().clone();
        if current.id != lost.id {
            return Ok(current);
        }
        let Some(hello) = current.hello else { return Err(self.problem("it does not know the session")) };
        let hello = Message::new(hello);
        let mut answer = self.post(&hello, &Session::default()).await?;
        let welcome =
            self.whole(&mut answer).await?.into_iter().find(|welcome| welcome["id"] == hello.document()["id"]);
        match welcome {
            Some(welcome) if welcome["result"].is_object() => self.agree(&answer, &welcome),
            _ => return Err(self.problem("it makes no new session")),
        }
        let session = self.session().clone();
        let initialized = Message::new(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        self.post(&initialized, &session).await?;
        Ok(session)
    }

    /// Keeps what the answer to `initialize` says.
    fn agree(&self, answer: &StreamingResponse, welcome: &Value) {
        let mut session = self.session();
        session.id = answer.header(mcp::SESSION_HEADER).map(str::to_owned);
        let version = welcome["result"]["protocolVersion"].as_str();
        version.unwrap_or_default().clone_into(&mut session.version);
    }

    /// Sends a message until the gateway answers: again with a new token if it refuses a token, and again while it cannot
    /// be reached, as long as it cannot have acted on the message.
    async fn post(&self, message: &Message, session: &Session) -> Result<StreamingResponse, Error> {
        let mut refused = None;
        let (mut waited, mut pause) = (Duration::ZERO, FIRST_PAUSE);
        loop {
            let request = message.request(&self.url, &session.version, session.id.as_deref());
            match self.send(request, refused.as_ref()).await {
                Ok((answer, Some(token))) if answer.status == 401 && refused.is_none() => refused = Some(token),
                Ok((answer, _)) if [401, 403].contains(&answer.status) => return Err(self.refused(&answer)),
                Ok((answer, _)) => return Ok(answer),
                Err(Error::Transport(error)) if may_repeat(&error, message) && waited < PATIENCE => {
                    wait::until_moment(Instant::now() + pause, &self.stop).await?;
                    waited += pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a request once, with a token other than the one that was refused. Returns the token if there may be others.
    async fn send(
        &self,
        mut request: Request,
        refused: Option<&Secret>,
    ) -> Result<(StreamingResponse, Option<Secret>), Error> {
        let token = self.credential.add_to(&self.aws, &mut request, refused).await?;
        Ok((self.aws.http.open(request, CALL_LIMIT).await?, token))
    }

    /// Passes an answer on to the client.
    async fn relay(&self, message: &Message, mut answer: StreamingResponse) -> Result<(), Error> {
        let mut is_answered = message.id().is_none();
        let mut reader = Reader::new(&answer);
        while let Some(arrived) = self.next(&mut answer, &mut reader).await? {
            for mut document in arrived {
                if document.get("method").is_none() {
                    if message.method() == "initialize" && document["result"].is_object() {
                        self.agree(&answer, &document);
                    }
                    // The error of a request that the gateway could not read has no id.
                    if let Some(id) = message.id().filter(|_| document["id"].is_null()) {
                        document["id"] = id.clone();
                    }
                    is_answered = true;
                }
                self.tell(document.to_string()).await;
            }
        }
        if is_answered {
            return Ok(());
        }
        Err(self.problem(&format!("HTTP {} without an answer to {}", answer.status, message.method())))
    }

    /// All messages of an answer.
    async fn whole(&self, answer: &mut StreamingResponse) -> Result<Vec<Value>, Error> {
        let (mut reader, mut all) = (Reader::new(answer), Vec::new());
        while let Some(arrived) = self.next(answer, &mut reader).await? {
            all.extend(arrived);
        }
        Ok(all)
    }

    /// The messages that the next bytes complete; `None` at the end.
    async fn next(&self, answer: &mut StreamingResponse, reader: &mut Reader) -> Result<Option<Vec<Value>>, Error> {
        let Some(messages) = &mut reader.messages else { return Ok(None) };
        let Some(bytes) = answer.next(CALL_LIMIT).await? else {
            return Ok(reader.messages.take().map(Messages::finish));
        };
        let arrived = messages.push(&bytes);
        reader.waiting = if arrived.is_empty() { reader.waiting + bytes.len() } else { 0 };
        if reader.waiting > LARGEST {
            return Err(self.problem("its answer is longer than 16 MB"));
        }
        Ok(Some(arrived))
    }

    /// Ends the session. Best effort.
    pub async fn close(&self) {
        let Session { id: Some(id), version, .. } = self.session().clone() else { return };
        let farewell = self.send(mcp::delete(&self.url, &version, &id), None);
        if let Ok(Err(error)) = timeout(FAREWELL, farewell).await {
            tracing::debug!("the session was not ended: {error}");
        }
    }

    /// Sends a line to the client. A send error means that the client has left.
    async fn tell(&self, line: String) {
        drop(self.out.send(line).await);
    }

    fn problem(&self, problem: &str) -> Error {
        Error::Mcp { url: self.url.clone(), problem: problem.to_owned() }
    }

    fn refused(&self, answer: &StreamingResponse) -> Error {
        let said = answer.header("www-authenticate").unwrap_or("no reason given").to_owned();
        Error::Refused { url: self.url.clone(), status: answer.status, said }
    }
}

/// Reads the messages of an answer.
struct Reader {
    /// `None` at the end.
    messages: Option<Messages>,
    /// The number of bytes since the last complete message.
    waiting: usize,
}

impl Reader {
    fn new(answer: &StreamingResponse) -> Self {
        Self { messages: Some(Messages::of(answer.header("content-type"))), waiting: 0 }
    }
}

/// Whether a message may be sent again after this error: if it was not sent, or if it changes nothing.
fn may_repeat(error: &TransportError, message: &Message) -> bool {
    error.is_unsent() || (message.is_harmless() && !error.is_timeout())
}
