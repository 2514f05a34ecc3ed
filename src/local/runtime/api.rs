//! The Lambda Runtime API of one execution environment, version 2018-06-01.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, Path, Request, State,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Map, Value};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};

use super::{FunctionError, Outcome};

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
    queue: AsyncMutex<mpsc::Receiver<Pending>>,
    /// The invocation that the function is handling.
    current: Mutex<Option<(String, Reply)>>,
    init: watch::Sender<Init>,
}

/// The API's routes, for a listener at `address`. Invocations arrive through `queue`.
pub(super) fn router(queue: mpsc::Receiver<Pending>, init: watch::Sender<Init>, address: SocketAddr) -> Router {
    let shared = Arc::new(Shared { queue: AsyncMutex::new(queue), current: Mutex::new(None), init });
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::max(ANSWER_LIMIT))
        .layer(middleware::from_fn_with_state(address, programs_only))
        .with_state(shared)
}

/// Refuses requests from web pages: those have an Origin header or a `Sec-Fetch-Site` header (Fetch Metadata
/// Request Headers), or, with DNS rebinding, another Host.
async fn programs_only(State(address): State<SocketAddr>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_named = headers.get_all(header::HOST).iter().eq([address.to_string().as_str()]);
    if is_named && !headers.contains_key(header::ORIGIN) && !headers.contains_key("sec-fetch-site") {
        return next.run(request).await;
    }
    StatusCode::FORBIDDEN.into_response()
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    shared.has_started(Init::Done);
    let Some(pending) = shared.queue.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    pending.is_taken.store(true, Ordering::Release);
    let mut response = pending.event.into_response();
    response.headers_mut().extend(pending.headers);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    shared.set_current(Some((pending.id, pending.reply)));
    response
}

async fn response(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> StatusCode {
    shared.finish(&id, received(body, Outcome::Returned))
}

async fn error(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> StatusCode {
    shared.finish(&id, received(body, |body| Outcome::Failed(function_error(&body))))
}

/// The outcome of a response from the function. After a broken connection, the environment must not be reused.
fn received(
    body: Result<Bytes, BytesRejection>,
    outcome: impl FnOnce(Bytes) -> Outcome,
) -> Result<Outcome, FunctionError> {
    match body {
        Ok(body) => Ok(outcome(body)),
        Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_))) => {
            let limit = format!("Response payload size exceeded maximum allowed payload size ({ANSWER_LIMIT} bytes).");
            Ok(Outcome::Failed(FunctionError::new("Function.ResponseSizeTooLarge", limit)))
        }
        Err(broken_off) => {
            Err(FunctionError::new("Runtime.ExitError", format!("Runtime exited while it answered: {broken_off}")))
        }
    }
}

/// The function could not be loaded.
async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    shared.has_started(Init::Failed(function_error(&body)));
    StatusCode::ACCEPTED
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
        let mut current = self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
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
    use axum::body::Body;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn pages_in_a_browser_are_kept_out() {
        let address = SocketAddr::from(([127, 0, 0, 1], 4711));
        let (_queue, receiver) = mpsc::channel(1);
        let router = router(receiver, watch::channel(Init::InProgress).0, address);
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
}
