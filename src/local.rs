//! A local AWS: a loopback server that speaks the AWS wire protocols for every call that the
//! command line makes, and serves the gateways for real.
//!
//! It happens to live in this binary and knows nothing of the rest of it but `model`.

mod blobs;
pub mod daemon;
mod data_plane;
mod faults;
mod journal;
mod package;
mod random;
mod runtime;
mod services;
mod sigv4;
pub mod store;
mod wire;

use std::{
    collections::HashSet,
    ffi::OsString,
    fmt, io,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Request, State as Shared},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
    middleware::{self, Next},
    response::IntoResponse as _,
    routing::{get, post},
};
use serde_json::Value;
use tokio::sync::Notify;

use self::{
    blobs::Blobs,
    data_plane::{
        mcp::{self, sessions::Sessions},
        oauth,
        outbound::Tokens,
        providers::Providers,
    },
    journal::Journal,
    runtime::{Invocation, Outcome, Places, Runtime},
    services::{Call, Operation, Service, State, lambda, not_implemented},
    sigv4::Authorization,
    store::{AccessKey, Store},
    wire::{DecodeError, Decoded, Protocol, Received, WireError},
};
use crate::http::{Http, sigv4::Scope};

pub use self::{
    data_plane::keys::{DamagedKey, SigningKey},
    faults::{Faults, Rule as FaultRule},
};

/// The account that everything belongs to.
pub const ACCOUNT: &str = "000000000000";
/// The port, unless told otherwise.
pub const DEFAULT_PORT: u16 = 7755;
/// The region of `--local`, unless told otherwise.
pub const DEFAULT_REGION: &str = "us-west-2";
/// How long the APIs behind gateways may take, unless told otherwise.
pub const UPSTREAM_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a server that is asked to stop waits for the answers that are under way.
const GRACE: Duration = Duration::from_secs(2);
/// Bytes of a control-plane request: a 50 MB package in base64, and what is around it.
const REQUEST_LIMIT: usize = 70 * 1024 * 1024;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

fn unix_millis(clock: &Clock) -> i64 {
    let since = clock().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Makes the signing key of a new user pool.
pub type NewKey = Arc<dyn Fn() -> SigningKey + Send + Sync>;

/// How a server is set up.
pub struct Config {
    /// Where state is kept; `None` keeps it in memory.
    pub store: Option<Store>,
    pub access_key: AccessKey,
    pub faults: Faults,
    pub clock: Clock,
    /// [`SigningKey::generate`], unless its tenth of a second matters.
    pub new_key: NewKey,
    /// Where packages and objects are kept, and packages are unpacked.
    pub dir: PathBuf,
    /// The `PATH` that functions' interpreters are looked up on.
    pub path: OsString,
    /// How long the APIs behind gateways may take.
    pub upstream_timeout: Duration,
}

/// A server's shared state; clones are the same server.
#[derive(Clone)]
pub struct Local(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    store: Option<Store>,
    access_key: AccessKey,
    faults: Faults,
    clock: Clock,
    new_key: NewKey,
    blobs: Blobs,
    journal: Journal,
    runtime: Runtime,
    providers: Providers,
    sessions: Sessions,
    tokens: Tokens,
    /// What calls the APIs behind gateways, and those who give out tokens for them.
    upstream: Http,
    upstream_timeout: Duration,
    stop: Notify,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

impl Local {
    /// A server with the state that its store holds.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn new(config: Config) -> io::Result<Self> {
        if let Some(store) = &config.store {
            store.sweep()?;
        }
        let state = config.store.as_ref().map_or_else(|| Ok(State::default()), Store::load_state)?;
        let blobs = Blobs::new(config.dir.join("blobs"));
        if config.store.is_some() {
            let kept = state.blobs().collect();
            blobs.sweep(&kept)?;
            blobs::sweep(&config.dir.join("code"), &kept)?;
        }
        let journal = Journal::new(config.dir.join("logs"), config.clock.clone());
        journal.keep_only(state.logs.groups())?;
        let places = Places {
            blobs: blobs.clone(),
            journal: journal.clone(),
            code_dir: config.dir.join("code"),
            path: config.path,
        };
        Ok(Self(Arc::new(Inner {
            state: Mutex::new(state),
            store: config.store,
            access_key: config.access_key,
            faults: config.faults,
            clock: config.clock,
            new_key: config.new_key,
            blobs,
            journal,
            runtime: Runtime::new(places),
            providers: Providers::new(Http::new(None)),
            sessions: Sessions::default(),
            tokens: Tokens::default(),
            upstream: Http::new(None),
            upstream_timeout: config.upstream_timeout,
            stop: Notify::new(),
        })))
    }

    /// Returns when somebody with the access key has asked the server to stop.
    pub async fn stop_requested(&self) {
        self.0.stop.notified().await;
    }

    /// Everything that is there, as JSON: for tests that want to see an empty account.
    pub fn snapshot(&self) -> Value {
        self.read(|state| serde_json::to_value(state).unwrap_or_default())
    }

    /// Changes what is there, by way of its JSON: for tests that need a past of another kind.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut snapshot = self.snapshot();
        change(&mut snapshot);
        if let Ok(state) = serde_json::from_value(snapshot) {
            *self.lock() = state;
        }
    }

    /// Unix time in milliseconds.
    fn now(&self) -> i64 {
        unix_millis(&self.0.clock)
    }

    fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    fn providers(&self) -> &Providers {
        &self.0.providers
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Runs one operation, and has its effect on disk before anybody hears of it.
    fn operate(&self, operation: &Operation, call: &Call, input: Value) -> Result<Value, WireError> {
        let mut state = self.lock();
        let answer = (operation.run)(&mut state, call, input);
        if let Some(store) = &self.0.store
            && let Err(error) = store.save_state(&state)
        {
            *state = store.saved_state();
            let message = format!("the local AWS cannot write its state: {error}");
            return Err(WireError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", message));
        }
        answer
    }
}

/// Every operation of the control plane: the service's name in the credential scope, and the
/// operation's.
pub fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of = |service: Service| service.operations().iter().map(move |operation| (service.scope(), operation.name));
    Service::ALL.into_iter().flat_map(of)
}

/// All routes: data plane, the server's own, and the control plane for everything else.
pub fn router(local: Local) -> Router {
    let data_plane = Router::new()
        .route("/oauth2/token", post(oauth::token))
        .route("/{pool_id}/.well-known/openid-configuration", get(oauth::discovery))
        .route("/{pool_id}/.well-known/jwks.json", get(oauth::jwks))
        .route("/gateways/{gateway_id}/mcp", post(mcp::post).delete(mcp::delete).fallback(mcp::not_allowed))
        .route("/.well-known/oauth-protected-resource/gateways/{gateway_id}/mcp", get(mcp::protected_resource))
        .layer(DefaultBodyLimit::max(mcp::PAYLOAD_LIMIT));
    let own = Router::new()
        .route(daemon::STATUS_PATH, get(own_status))
        .route(daemon::STOP_PATH, post(own_stop))
        .route(daemon::RESET_PATH, post(own_reset));
    let routes = data_plane.merge(own).fallback(control_plane);
    let objects = middleware::from_fn_with_state(local.clone(), objects_first);
    routes.layer(objects).layer(middleware::from_fn(only_from_here)).with_state(local)
}

/// Serves until `shutdown` completes; functions' processes end with it.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    local: Local,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let asked = Arc::new(Notify::new());
    let begins = asked.clone();
    let graceful = axum::serve(listener, router(local.clone())).with_graceful_shutdown(async move {
        shutdown.await;
        begins.notify_one();
    });
    let served = tokio::select! {
        served = graceful => served,
        // Somebody may hold a connection open, or a function run for minutes.
        () = async { asked.notified().await; pause(GRACE).await } => Ok(()),
    };
    local.runtime().stop();
    served
}

/// Loopback is no boundary: a web page can reach it by DNS rebinding (a foreign Host) or
/// directly (a foreign Origin). Neither is let in.
async fn only_from_here(request: Request, next: Next) -> Response<Body> {
    let authority = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let host = request.headers().get(header::HOST).and_then(authority);
    let origin = request.headers().get(header::ORIGIN).and_then(authority);
    let refuse = |message: &'static str| (StatusCode::FORBIDDEN, message).into_response();
    if !host.is_some_and(|host| is_loopback(without_port(&host))) {
        return refuse("the Host header does not name this machine's loopback address");
    }
    let foreign = |origin: &String| {
        let authority = origin.split_once("://").map_or(origin.as_str(), |(_, authority)| authority);
        !is_loopback(without_port(authority))
    };
    if origin.as_ref().is_some_and(foreign) {
        return refuse("requests from other origins are refused");
    }
    next.run(request).await
}

/// An object may be called as a route of the data plane is; who signed for S3 wants the object.
async fn objects_first(local: Shared<Local>, request: Request, next: Next) -> Response<Body> {
    let signed = Authorization::of(request.headers());
    let service = signed.and_then(|signed| Service::from_scope(&signed.scope.service));
    if service == Some(Service::S3) { control_plane(local, request).await } else { next.run(request).await }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Whether a host, without port, is this machine's loopback interface.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What the caller's own addresses begin with: nothing stores a port.
fn base_url(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    format!("http://{host}")
}

fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Every call of the AWS APIs.
async fn control_plane(Shared(local): Shared<Local>, request: Request) -> Response<Body> {
    let request_id = random::uuid();
    let (parts, body) = request.into_parts();
    let plain = |status, message: String| (status, message).into_response();
    // No signature is checked: the key id is random, and only its owner knows it.
    let Some(Authorization { access_key_id, scope, .. }) = Authorization::of(&parts.headers) else {
        let message = "nothing is served here; AWS calls carry a SigV4 Authorization header";
        return plain(StatusCode::NOT_FOUND, message.to_owned());
    };
    let Some(service) = Service::from_scope(&scope.service) else {
        let error = not_implemented(format!("the local AWS does not offer the service {}", scope.service));
        // Forms are answered with XML; which protocol any other request is of, nobody can tell.
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let form = content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let protocol = if form { Protocol::Query { xml_namespace: "" } } else { Protocol::RestJson };
        return protocol.encode_error(&error, &request_id);
    };
    let protocol = service.protocol();
    if access_key_id != local.0.access_key.access_key_id {
        let code = match service {
            Service::Iam | Service::Sts => "InvalidClientTokenId",
            Service::S3 => "InvalidAccessKeyId",
            _ => "UnrecognizedClientException",
        };
        let message = "The security token included in the request is invalid.";
        return protocol.encode_error(&WireError::new(StatusCode::FORBIDDEN, code, message), &request_id);
    }
    let body = match axum::body::to_bytes(body, REQUEST_LIMIT).await {
        Ok(body) => body,
        Err(error) => {
            let error = WireError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", error.to_string());
            return protocol.encode_error(&error, &request_id);
        }
    };
    let received = Received {
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method,
        headers: parts.headers,
        body,
    };
    let routes = service.operations().iter().filter_map(|operation| Some((operation.name, operation.route.as_ref()?)));
    let decoded = match protocol.decode(&received, routes) {
        Ok(decoded) => decoded,
        Err(DecodeError::NoSuchRoute(route)) => {
            let error = not_implemented(format!("the local AWS does not offer {}: {route}", scope.service));
            return protocol.encode_error(&error, &request_id);
        }
        Err(DecodeError::Malformed(problem)) => {
            let error = WireError::new(StatusCode::BAD_REQUEST, "SerializationException", problem);
            return protocol.encode_error(&error, &request_id);
        }
    };
    tracing::debug!(service = scope.service, operation = decoded.operation, "call");
    let answer = local.call(service, &scope, &received, &decoded, &request_id).await;
    answer.unwrap_or_else(|error| {
        tracing::debug!(service = scope.service, operation = decoded.operation, code = error.code, "{}", error.message);
        protocol.encode_error(&error, &request_id)
    })
}

impl Local {
    async fn call(
        &self,
        service: Service,
        scope: &Scope,
        received: &Received,
        decoded: &Decoded,
        request_id: &str,
    ) -> Result<Response<Body>, WireError> {
        if !self.0.faults.latency.is_zero() {
            pause(self.0.faults.latency).await;
        }
        if let Some(error) = self.0.faults.strike(&scope.service, &decoded.operation) {
            return Err(error);
        }
        let call =
            Call { operation: decoded.operation.clone(), ..self.call_in(&scope.region, &base_url(&received.headers)) };
        let mut input = decoded.input.clone();
        if service == Service::Lambda && decoded.operation == "Invoke" {
            lambda::add_header_members(&mut input, |name| received.headers.get(name)?.to_str().ok());
        }
        let (operation, input) = service.admit(&decoded.operation, input)?;
        if service == Service::Lambda && operation.name == "Invoke" {
            return self.invoke(&call, received, input, request_id).await;
        }
        if operation.name.contains("CredentialProvider") {
            self.0.tokens.clear();
        }
        let output = self.operate(operation, &call, input)?;
        Ok(service.protocol().encode(decoded, operation.route.as_ref(), &output, request_id))
    }

    /// The account's own view of a region, at this moment.
    fn call_in(&self, region: &str, base_url: &str) -> Call {
        Call {
            operation: String::new(),
            region: region.to_owned(),
            account: ACCOUNT.to_owned(),
            base_url: base_url.to_owned(),
            now: self.now(),
            new_key: self.0.new_key.clone(),
            blobs: self.0.blobs.clone(),
            journal: self.0.journal.clone(),
            lag: self.0.faults.consistency_lag,
        }
    }

    /// Lambda's `Invoke`, which takes as long as the function does and answers its bytes.
    async fn invoke(
        &self,
        call: &Call,
        received: &Received,
        input: Value,
        request_id: &str,
    ) -> Result<Response<Body>, WireError> {
        let lambda::Invoked { function, kind, client_context } = self.lock().lambda.invoked(call, input)?;
        lambda::check_payload(&received.body)?;
        let event = if received.body.is_empty() { Bytes::from_static(b"{}") } else { received.body.clone() };
        let invocation = Invocation { event, client_context };
        let (status, body, failed) = match kind.as_deref() {
            Some("DryRun") => (StatusCode::NO_CONTENT, Bytes::new(), false),
            Some("Event") => {
                let local = self.clone();
                tokio::spawn(async move { local.runtime().invoke(function, invocation).await });
                (StatusCode::ACCEPTED, Bytes::new(), false)
            }
            _ => match self.runtime().invoke(function, invocation).await {
                Outcome::Returned(body) => (StatusCode::OK, body, false),
                Outcome::Failed(error) => (StatusCode::OK, serde_json::to_vec(&error).unwrap_or_default().into(), true),
            },
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert("x-amzn-requestid", id);
        }
        if failed {
            headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
        }
        Ok(response)
    }

    /// The server's own routes are for whoever can prove to know the secret key; the nonce of
    /// the proof is returned.
    fn proven(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<String, StatusCode> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(StatusCode::FORBIDDEN);
        let (nonce, proof) = (text(daemon::NONCE_HEADER)?, text(daemon::PROOF_HEADER)?);
        let expected = daemon::proof(&self.0.access_key, &format!("{method} {path}"), nonce);
        let equal = aws_lc_rs::constant_time::verify_slices_are_equal(proof.as_bytes(), expected.as_bytes());
        equal.map(|()| nonce.to_owned()).map_err(|_| StatusCode::FORBIDDEN)
    }
}

#[expect(clippy::disallowed_methods, reason = "a latency, or a grace, is a pause, not a wait for something")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Answers the caller's proof with one of its own: whoever listens here may be anybody.
async fn own_status(Shared(local): Shared<Local>, headers: HeaderMap) -> Result<String, StatusCode> {
    let nonce = local.proven(&Method::GET, daemon::STATUS_PATH, &headers)?;
    Ok(daemon::proof(&local.0.access_key, daemon::ANSWER, &nonce))
}

async fn own_stop(Shared(local): Shared<Local>, headers: HeaderMap) -> Result<(), StatusCode> {
    local.proven(&Method::POST, daemon::STOP_PATH, &headers)?;
    local.0.stop.notify_one();
    Ok(())
}

async fn own_reset(Shared(local): Shared<Local>, headers: HeaderMap) -> Result<(), StatusCode> {
    local.proven(&Method::POST, daemon::RESET_PATH, &headers)?;
    let mut state = local.lock();
    *state = State::default();
    let reset = local.0.store.as_ref().map_or(Ok(()), Store::reset);
    let reset = reset.and_then(|()| local.0.blobs.sweep(&HashSet::new()));
    let reset = reset.and_then(|()| local.0.journal.keep_only(std::iter::empty()));
    reset.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_loopback() {
        for host in ["127.0.0.1:7755", "localhost:1", "[::1]:7755", "127.8.8.8", "LOCALHOST"] {
            assert!(is_loopback(without_port(host)), "{host}");
        }
        for host in ["example.com", "127.0.0.1.evil.com:7755", "10.0.0.1", "localhost.evil.com", ""] {
            assert!(!is_loopback(without_port(host)), "{host}");
        }
    }
}
