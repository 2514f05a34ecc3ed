//! The Lambda Runtime API of one execution environment, version 2018-06-01.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};

use super::{FunctionError, Outcome};

/// What all paths begin with, after the secret one.
const VERSION: &str = "/2018-06-01/runtime/";
/// The largest synchronous response, in bytes (Lambda developer guide, "Lambda quotas": 6 MB).
const ANSWER_LIMIT: usize = 6 * 1024 * 1024;

/// An invocation to be sent to the function.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: String,
    pub(super) headers: HeaderMap,
    pub(super) event: Bytes,
    /// Set when the function takes it.
    pub(super) is_taken: Arc<AtomicBool>,
    pub(super) reply: oneshot::Sender<Result<Outcome, FunctionError>>,
}

/// How the start of a runtime and its function has gone.
#[derive(Debug)]
pub(super) enum Init {
    InProgress,
    /// It has asked for an invocation.
    Done,
    Failed(FunctionError),
}

type Reply = oneshot::Sender<Result<Outcome, FunctionError>>;

#[derive(Debug)]
struct Shared {
    /// The only value of the header Host.
    host: String,
    /// What the paths of all requests begin with.
    base: String,
    queue: AsyncMutex<mpsc::Receiver<Pending>>,
    /// The invocation that the function is handling.
    current: Mutex<Option<(String, Reply)>>,
    init: watch::Sender<Init>,
}

/// The API at a listener's address, below a path that is empty or begins with a slash. Invocations arrive through `queue`.
pub(super) fn router(
    queue: mpsc::Receiver<Pending>,
    init: watch::Sender<Init>,
    (address, path): (SocketAddr, &str),
) -> Router {
    let (host, base) = (address.to_string(), format!("{path}{VERSION}"));
    let shared = Shared { host, base, queue: AsyncMutex::new(queue), current: Mutex::new(None), init };
    // A handful of paths: to match them here costs a call less than axum's routes and layers.
    Router::new().fallback(answer).with_state(Arc::new(shared))
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if !shared.comes_from_a_program(&head.headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(path) = head.uri.path().strip_prefix(&shared.base) else { return StatusCode::NOT_FOUND.into_response() };
    let segments: Vec<&str> = path.split('/').collect();
    match (head.method.as_str(), &segments[..]) {
        ("GET", ["invocation", "next"]) => shared.next().await,
        ("POST", ["invocation", id, "response"]) => {
            shared.finish(id, received(body, Outcome::Returned).await).into_response()
        }
        // AWS does not have it: this project's bootstraps ask for the next invocation with the response, which saves an
        // exchange.
        ("POST", ["invocation", id, "response", "next"]) => {
            match shared.finish(id, received(body, Outcome::Returned).await) {
                StatusCode::ACCEPTED => shared.next().await,
                refused => refused.into_response(),
            }
        }
        ("POST", ["invocation", id, "error"]) => {
            shared.finish(id, received(body, |body| Outcome::Failed(function_error(&body))).await).into_response()
        }
        // The function could not be loaded.
        ("POST", ["init", "error"]) => {
            let Ok(said) = Limited::new(body, ANSWER_LIMIT).collect().await else {
                return StatusCode::PAYLOAD_TOO_LARGE.into_response();
            };
            shared.has_started(Init::Failed(function_error(&said.to_bytes())));
            StatusCode::ACCEPTED.into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The outcome of a response from the function. After a broken connection, the environment must not be reused.
async fn received(body: Body, outcome: impl FnOnce(Bytes) -> Outcome) -> Result<Outcome, FunctionError> {
    match Limited::new(body, ANSWER_LIMIT).collect().await {
        Ok(body) => Ok(outcome(body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => {
            let limit = format!("Response payload size exceeded maximum allowed payload size ({ANSWER_LIMIT} bytes).");
            Ok(Outcome::Failed(FunctionError::new("Function.ResponseSizeTooLarge", limit)))
        }
        Err(broken_off) => {
            Err(FunctionError::new("Runtime.ExitError", format!("Runtime exited while it answered: {broken_off}")))
        }
    }
}

fn function_error(body: &[u8]) -> FunctionError {
    let mut details: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let mut text = |member: &str, default: &str| match details.shift_remove(member) {
        Some(Value::String(text)) => text,
        _ => default.to_owned(),
    };
    let (error_message, error_type) = (text("errorMessage", ""), text("errorType", "Unhandled"));
    FunctionError { error_message, error_type, details }
}

impl Shared {
    /// Whether a request is not one of a web page: those have an Origin header or a `Sec-Fetch-Site` header (Fetch Metadata
    /// Request Headers), or, with DNS rebinding, another Host.
    fn comes_from_a_program(&self, headers: &HeaderMap) -> bool {
        headers.get_all(header::HOST).iter().eq([self.host.as_str()])
            && !headers.contains_key(header::ORIGIN)
            && !headers.contains_key("sec-fetch-site")
    }

    async fn next(&self) -> Response {
        self.has_started(Init::Done);
        let Some(pending) = self.queue.lock().await.recv().await else {
            return StatusCode::GONE.into_response();
        };
        pending.is_taken.store(true, Ordering::Release);
        let mut response = Response::new(Body::from(pending.event));
        *response.headers_mut() = pending.headers;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.set_current(Some((pending.id, pending.reply)));
        response
    }

    /// Only the first end of a start counts.
    fn has_started(&self, how: Init) {
        self.init.send_if_modified(|init| {
            let is_first = matches!(init, Init::InProgress);
            if is_first {
                *init = how;
            }
            is_first
        });
    }

    fn set_current(&self, invocation: Option<(String, Reply)>) -> Option<(String, Reply)> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut current, invocation)
    }

    fn finish(&self, id: &str, outcome: Result<Outcome, FunctionError>) -> StatusCode {
        match self.set_current(None) {
            Some((current, reply)) if current == id => {
                drop(reply.send(outcome));
                StatusCode::ACCEPTED
            }
            other => {
                self.set_current(other);
                StatusCode::BAD_REQUEST
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn pages_in_a_browser_are_kept_out() {
        let address = SocketAddr::from(([127, 0, 0, 1], 4711));
        let (_queue, receiver) = mpsc::channel(1);
        let router = router(receiver, watch::channel(Init::InProgress).0, (address, ""));
        let ask = async |headers: &[(&str, &str)]| {
            let mut request = Request::post("/2018-06-01/runtime/invocation/x/response");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
        };
        let host = ("host", "127.0.0.1:4711");
        assert_eq!(ask(&[host]).await, StatusCode::BAD_REQUEST, "there is no such invocation");
        for headers in [
            &[][..],
            &[("host", "evil.example")],
            &[("host", "127.0.0.1:4712")],
            &[host, host],
            &[host, ("origin", "http://evil.example")],
            &[host, ("origin", "null")],
            &[host, ("sec-fetch-site", "cross-site")],
        ] {
            assert_eq!(ask(headers).await, StatusCode::FORBIDDEN, "{headers:?}");
        }
    }

    #[tokio::test]
    async fn a_response_may_ask_for_the_next_invocation_unless_it_is_refused() {
        let address = SocketAddr::from(([127, 0, 0, 1], 4711));
        let (queue, receiver) = mpsc::channel(2);
        let router = router(receiver, watch::channel(Init::InProgress).0, (address, "/secret"));
        let ask = async |method: &str, path: &str, body: &'static str| {
            let request = Request::builder().method(method).uri(path).header("host", address.to_string());
            let answer = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
            let status = answer.status();
            (status, answer.into_body().collect().await.unwrap().to_bytes())
        };
        let mut replies = Vec::new();
        for id in ["a", "b"] {
            let (reply, answer) = oneshot::channel();
            let (headers, is_taken) = (HeaderMap::new(), Arc::default());
            queue.send(Pending { id: id.to_owned(), headers, event: id.into(), is_taken, reply }).await.unwrap();
            replies.push(answer);
        }
        let base = "/secret/2018-06-01/runtime/invocation";
        assert_eq!(ask("GET", "/2018-06-01/runtime/invocation/next", "").await.0, StatusCode::NOT_FOUND);
        assert_eq!(ask("GET", &format!("{base}/next"), "").await, (StatusCode::OK, "a".into()));
        let refused = ask("POST", &format!("{base}/x/response/next"), "1").await;
        assert_eq!(refused.0, StatusCode::BAD_REQUEST, "nobody waits for that");
        assert_eq!(ask("POST", &format!("{base}/a/response/next"), "1").await, (StatusCode::OK, "b".into()));
        let answered = replies.remove(0).await.unwrap();
        assert!(matches!(answered, Ok(Outcome::Returned(body)) if body == "1"));
        assert_eq!(ask("POST", &format!("{base}/b/response"), "2").await.0, StatusCode::ACCEPTED);
        assert!(matches!(replies.remove(0).await.unwrap(), Ok(Outcome::Returned(body)) if body == "2"));
    }
}
