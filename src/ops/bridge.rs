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

pub use self::{
    credential::{Credential, Source, Tokens},
    message::Message,
};
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
/// How long the end of a stream may take after the result.
const END: Duration = Duration::from_millis(50);
/// Most characters of what a gateway says that is no JSON-RPC.
const SHOWN: usize = 300;
/// JSON-RPC error codes.
pub const PARSE_ERROR: i64 = -32700;
pub const INVALID_REQUEST: i64 = -32600;
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
    hello: Option<Message>,
}

impl Bridge {
    pub fn new(aws: Aws, url: String, credential: Credential, stop: Stop, out: mpsc::Sender<String>) -> Self {
        Self { aws, url, credential, stop, out, session: Mutex::default(), opening: RwLock::new(()) }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forwards a message of the client, and whatever the gateway answers. Every request is answered, if need be with an
    /// error.
    ///
    /// # Errors
    ///
    /// If a message that has no answer could not be delivered.
    pub async fn forward(&self, message: &Message) -> Result<(), Error> {
        match (self.deliver(message).await, message.id()) {
            (Err(error), Some(id)) => {
                self.refuse(id, NO_ANSWER, &error.to_string()).await;
                Ok(())
            }
            (outcome, _) => outcome,
        }
    }

    /// Answers the client with an error of this program.
    pub async fn refuse(&self, id: &Value, code: i64, problem: &str) {
        let error = json!({ "code": code, "message": problem });
        self.tell(json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string()).await;
    }

    async fn deliver(&self, message: &Message) -> Result<(), Error> {
        if message.method() == "initialize" {
            let _alone = self.opening.write().await;
            self.session().hello = Some(message.clone());
            let answer = self.post(message, &Session::default()).await?;
            return self.relay(message, answer).await;
        }
        let session = {
            let _open = self.opening.read().await;
            self.session().clone()
        };
        let answer = self.post(message, &session).await?;
        // MCP specifies 404 for a session that is not known any more: the gateway did not look at the message. An answer to
        // its own question means nothing in another session.
        let is_question = !message.method().is_empty();
        if answer.status == 404 && session.id.is_some() && message.has_session() && is_question {
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
        let Some(hello) = current.hello.clone() else { return Err(self.problem("it does not know the session")) };
        let mut answer = self.post(&hello, &Session::default()).await?;
        let welcome = self.welcome(&hello, &mut answer).await?;
        let session = Session { hello: current.hello, ..agreed(&answer, &welcome) };
        let accepted = self.post(&Message::notification("notifications/initialized"), &session).await?;
        if !is_success(&accepted) {
            return Err(self.problem(&format!("HTTP {} to a new session", accepted.status)));
        }
        self.session().clone_from(&session);
        Ok(session)
    }

    /// The answer to `initialize`.
    async fn welcome(&self, hello: &Message, answer: &mut StreamingResponse) -> Result<Message, Error> {
        let mut reader = Reader::new(answer);
        while let Some(arrived) = self.next(answer, &mut reader).await? {
            let is_alone = !reader.is_stream;
            let welcome = arrived.into_iter().find(|message| hello.is_answered_by(message, is_alone));
            if let Some(welcome) = welcome.filter(Message::has_result) {
                return Ok(welcome);
            }
        }
        Err(self.problem(&format!("HTTP {} without a new session", answer.status)))
    }

    /// Sends a message until the gateway answers: again with a new token if it refuses a token, and again while it cannot
    /// be reached, as long as it cannot have acted on the message.
    async fn post(&self, message: &Message, session: &Session) -> Result<StreamingResponse, Error> {
        let mut refused = None;
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let request = message.request(&self.url, &session.version, session.id.as_deref());
            message.set_sent(true);
            match self.send(request, refused.as_ref()).await {
                Ok((answer, Some(token))) if answer.status == 401 && refused.is_none() => refused = Some(token),
                Ok((answer, _)) if [401, 403].contains(&answer.status) => return Err(self.refused(&answer)),
                Ok((answer, _)) => return Ok(answer),
                Err(Error::Transport(error)) if may_repeat(&error, message) && begun.elapsed() < PATIENCE => {
                    message.set_sent(!error.is_unsent());
                    wait::until_moment(Instant::now() + pause, &self.stop).await?;
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

    /// Passes an answer on to the client, up to the result.
    async fn relay(&self, message: &Message, mut answer: StreamingResponse) -> Result<(), Error> {
        let Some(id) = message.id() else {
            let refused = || self.problem(&format!("HTTP {}", answer.status));
            return if is_success(&answer) { Ok(()) } else { Err(refused()) };
        };
        let mut reader = Reader::new(&answer);
        let (mut in_vain, mut last_event) = (0, None);
        let mut said = String::new();
        loop {
            let arrived = match self.next(&mut answer, &mut reader).await {
                Err(Error::Transport(error)) if error.is_cut_off() && reader.resumption.is_some() => None,
                arrived => arrived?,
            };
            let Some(arrived) = arrived else {
                let resumption = reader.resumption.take().filter(|_| message.has_session());
                in_vain =
                    if resumption.as_ref().map(|(event, _)| event) == last_event.as_ref() { in_vain + 1 } else { 0 };
                let Some((event, pause)) = resumption.filter(|_| in_vain < mcp::MOST_IN_VAIN) else { break };
                wait::until_moment(Instant::now() + pause, &self.stop).await?;
                answer = self.resumed(&event).await?;
                reader = Reader::after(&event, pause);
                last_event = Some(event);
                continue;
            };
            for received in arrived {
                if message.is_answered_by(&received, !reader.is_stream) {
                    if message.method() == "initialize" && received.has_result() {
                        *self.session() = Session { hello: Some(message.clone()), ..agreed(&answer, &received) };
                    }
                    self.tell(received.with_id(id)).await;
                    // The end follows, after which the connection can be used again.
                    drop(answer.next(END).await);
                    return Ok(());
                }
                if !received.method().is_empty() {
                    self.tell(received.text().to_owned()).await;
                } else if let Some(text) = received.said() {
                    said = format!(": {}", text.chars().take(SHOWN).collect::<String>());
                }
            }
        }
        let method = message.method();
        Err(self.problem(&format!("HTTP {} without an answer to {method}{said}", answer.status)))
    }

    /// Takes up a stream that has ended early, after this event.
    async fn resumed(&self, event: &str) -> Result<StreamingResponse, Error> {
        let session = self.session().clone();
        let request = mcp::resume(&self.url, &session.version, session.id.as_deref(), event);
        let (answer, _) = self.send(request, None).await?;
        if answer.status == 200 && mcp::is_stream(answer.header("content-type")) {
            return Ok(answer);
        }
        Err(self.problem(&format!("it ended its stream early, and answered HTTP {} to its resumption", answer.status)))
    }

    /// The messages that the next bytes complete; `None` at the end.
    async fn next(&self, answer: &mut StreamingResponse, reader: &mut Reader) -> Result<Option<Vec<Message>>, Error> {
        let read = |texts: Vec<String>| texts.iter().filter_map(|text| Message::parse(text).ok()).collect();
        let Some(messages) = &mut reader.messages else { return Ok(None) };
        let Some(bytes) = answer.next(CALL_LIMIT).await? else {
            return Ok(reader.messages.take().map(|messages| read(messages.finish())));
        };
        let arrived = messages.push(&bytes);
        reader.resumption = messages.resumption();
        Ok(Some(read(arrived)))
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
    is_stream: bool,
    /// Where the stream can be taken up again, and after which pause.
    resumption: Option<(String, Duration)>,
}

impl Reader {
    fn new(answer: &StreamingResponse) -> Self {
        let kind = answer.header("content-type");
        Self { messages: Some(Messages::of(kind)), is_stream: mcp::is_stream(kind), resumption: None }
    }

    fn after(event: &str, pause: Duration) -> Self {
        let resumption = Some((event.to_owned(), pause));
        Self { messages: Some(Messages::after(event, pause)), is_stream: true, resumption }
    }
}

fn is_success(answer: &StreamingResponse) -> bool {
    (200..300).contains(&answer.status)
}

/// What gateway and client have agreed on.
fn agreed(answer: &StreamingResponse, welcome: &Message) -> Session {
    let version = welcome.protocol_version().to_owned();
    Session { id: answer.header(mcp::SESSION_HEADER).map(str::to_owned), version, hello: None }
}

/// Whether a message may be sent again after this error: if it was not sent, or if it changes nothing.
fn may_repeat(error: &TransportError, message: &Message) -> bool {
    error.is_unsent() || (message.is_harmless() && !error.is_timeout())
}
