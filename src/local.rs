//! A local AWS: a loopback server that speaks the AWS wire protocols for every call that the
//! command line makes, and serves the gateways for real.
//!
//! It happens to live in this binary and knows nothing of the rest of it but `model`.

mod blobs;
pub mod daemon;
mod data_plane;
mod faults;
mod front;
mod journal;
mod listen;
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
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Response, StatusCode},
};
use serde_json::Value;
use tokio::sync::Notify;

use self::{
    blobs::Blobs,
    data_plane::{mcp::sessions::Sessions, outbound::Tokens, providers::Providers},
    front::{base_url, is_loopback, is_of_type, json_response},
    journal::Journal,
    runtime::{Invocation, Outcome, Places, Runtime},
    services::{Call, Service, State, agentcore::Awaiting, lambda},
    store::{AccessKey, Store},
    wire::{Decoded, Received, WireError},
};
use crate::http::{Http, sigv4::Scope};

pub use self::{
    data_plane::{
        aws_service::Endpoints,
        keys::{DamagedKey, SigningKey},
    },
    faults::{Faults, Rule as FaultRule},
    front::{router, serve},
    runtime::{own_program, supervise},
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

/// Time that never runs backwards, whatever the clock does: when the clock is set back, it goes on from where it was.
#[derive(Debug, Default)]
struct Timeline {
    last: i64,
    ahead: i64,
}

impl Timeline {
    /// Unix milliseconds, from what the clock says.
    fn at(&mut self, clock: i64) -> i64 {
        self.ahead += (self.last - clock - self.ahead).max(0);
        self.last = clock + self.ahead;
        self.last
    }
}

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
    /// The program that supervises functions: `agentcore-gw` itself.
    pub program: PathBuf,
    /// How long an execution environment is kept that nobody calls.
    pub function_idle: Duration,
    /// How long the APIs behind gateways may take.
    pub upstream_timeout: Duration,
    /// Where the services behind Smithy targets are.
    pub endpoints: Endpoints,
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
    time: Mutex<Timeline>,
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
    endpoints: Endpoints,
    /// MCP servers that are being listed.
    listing: Mutex<HashSet<Awaiting>>,
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
        let written = config.store.as_ref().map_or(0, Store::written);
        let blobs = Blobs::new(config.dir.join("blobs"));
        if config.store.is_some() {
            let kept = state.blobs().collect();
            blobs.sweep(&kept)?;
        }
        let journal = Journal::new(config.dir.join("logs"), config.clock.clone());
        journal.keep_only(state.logs.groups())?;
        let places = Places {
            blobs: blobs.clone(),
            journal: journal.clone(),
            code_dir: config.dir.join("code"),
            path: config.path,
            program: config.program,
            idle: config.function_idle,
        };
        Ok(Self(Arc::new(Inner {
            state: Mutex::new(state),
            store: config.store,
            access_key: config.access_key,
            faults: config.faults,
            clock: config.clock,
            // What was written last was not written in the future.
            time: Mutex::new(Timeline { last: written, ahead: 0 }),
            new_key: config.new_key,
            blobs,
            journal,
            runtime: Runtime::new(places),
            providers: Providers::new(Http::new(None)),
            sessions: Sessions::default(),
            tokens: Tokens::default(),
            upstream: Http::new(None),
            upstream_timeout: config.upstream_timeout,
            endpoints: config.endpoints,
            listing: Mutex::default(),
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

    /// Unix time in milliseconds, as the machine has it: for what others gave a time, or are to check one by.
    fn clock(&self) -> i64 {
        unix_millis(&self.0.clock)
    }

    /// Unix time in milliseconds, which never goes back: for what is kept, and for tokens of own pools.
    fn now(&self) -> i64 {
        self.0.time.lock().unwrap_or_else(PoisonError::into_inner).at(unix_millis(&self.0.clock))
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

    fn listing_under_way(&self) -> MutexGuard<'_, HashSet<Awaiting>> {
        self.0.listing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is there, and has it on disk before anybody hears of it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T, WireError> {
        let mut state = self.lock();
        let answer = change(&mut state);
        if let Some(store) = &self.0.store
            && let Err(error) = store.save_state(&state)
        {
            *state = store.saved_state();
            let message = format!("the local AWS cannot write its state: {error}");
            return Err(WireError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", message));
        }
        Ok(answer)
    }
}

/// Every operation of the control plane: the service's name in the credential scope, and the
/// operation's.
pub fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of = |service: Service| service.operations().iter().map(move |operation| (service.scope(), operation.name));
    Service::ALL.into_iter().flat_map(of)
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
        let call = Call {
            operation: decoded.operation.clone(),
            lacks: self.0.faults.lacking(&scope.service, &decoded.operation),
            ..self.call_in(&scope.region, &base_url(&received.headers))
        };
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
        let output = self.change(|state| (operation.run)(state, &call, input))?;
        match service {
            Service::AgentCore => self.list_servers(&call.base_url),
            Service::Lambda => self.end_outdated(),
            _ => {}
        }
        let output = output?;
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
            iam_lag: self.0.faults.consistency_lag.max(self.0.faults.iam_lag),
            transaction_search: self.0.faults.transaction_search,
            lacks: None,
        }
    }

    /// Whether what was made at this time (Unix milliseconds) has reached every reader.
    fn has_reached_all(&self, made: i64) -> bool {
        self.call_in(DEFAULT_REGION, "").propagated(made)
    }

    /// Runs a function, and keeps its environment for as long as the function stays as it is.
    async fn run(&self, function: lambda::Function, invocation: Invocation) -> Outcome {
        let outcome = self.runtime().invoke(function, invocation).await;
        self.end_outdated();
        outcome
    }

    /// Ends environments of functions that are changed or deleted.
    fn end_outdated(&self) {
        self.read(|state| self.runtime().keep(|revision| state.lambda.has_revision(revision)));
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
                tokio::spawn(async move { local.run(function, invocation).await });
                (StatusCode::ACCEPTED, Bytes::new(), false)
            }
            _ => match self.run(function, invocation).await {
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
}

#[expect(clippy::disallowed_methods, reason = "a latency, or a grace, is a pause, not a wait for something")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_when_the_clock_is_set_back() {
        let mut time = Timeline::default();
        let seen = [10, 20, 25, 5, 6, 8, 30, 31, 2, 3].map(|clock| time.at(clock));
        assert_eq!(seen, [10, 20, 25, 25, 26, 28, 50, 51, 51, 52]);
    }
}
