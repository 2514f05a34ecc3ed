//! The emulated account: its state, clock and faults, and the control-plane calls that need nothing else.

use std::{
    fmt, io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_credential_types::Credentials;
use axum::http::StatusCode;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{
    DEFAULT_REGION,
    clock::{Clock, Timeline, pause, unix_millis},
    faults::Faults,
    services::{
        ACCOUNT, Answer, Call, NewKey, Service, State,
        authorization::CallerPolicies,
        internal,
        operation::{Handler, Operation},
    },
    storage::{
        blobs::Blobs,
        journal::{Event, Journal},
        store::{AccessKey, Store},
    },
    wire::WireError,
};

/// The parts of a server.
pub(crate) struct Setup<'a> {
    /// Where state is stored; `None` keeps it in memory.
    pub(crate) store: Option<Store>,
    pub(crate) access_key: AccessKey,
    pub(crate) faults: Faults,
    pub(crate) clock: Clock,
    pub(crate) new_key: NewKey,
    /// Where packages, objects and logs are kept.
    pub(crate) dir: &'a Path,
    /// The policies of all callers; without any, everything is allowed.
    pub(crate) caller_policies: Vec<String>,
}

/// The account. Clones share the same account.
#[derive(Clone)]
pub(crate) struct Server(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// How often the state may have changed.
    revision: AtomicU64,
    /// Where it listens, once it does.
    address: OnceLock<SocketAddr>,
    store: Option<Store>,
    access_key: AccessKey,
    faults: Faults,
    clock: Clock,
    time: Mutex<Timeline>,
    new_key: NewKey,
    blobs: Blobs,
    journal: Journal,
    caller_policies: Option<CallerPolicies>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// Creates a server with the state in its store.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub(crate) fn new(setup: Setup<'_>) -> io::Result<Self> {
        let Setup { store, access_key, faults, clock, new_key, dir, caller_policies } = setup;
        let caller_policies = (!caller_policies.is_empty()).then(|| CallerPolicies::new(caller_policies));
        if let Some(store) = &store {
            store.sweep()?;
        }
        let state = store.as_ref().map_or_else(|| Ok(State::default()), Store::load_state)?;
        let blobs = Blobs::new(dir.join("blobs"));
        if store.is_some() {
            blobs.sweep(&state.blobs().collect())?;
        }
        let journal = Journal::new(dir.join("logs"), clock.clone());
        journal.keep_only(state.logs.groups())?;
        // The state was not written in the future.
        let time = Mutex::new(Timeline::since(store.as_ref().map_or(0, Store::written)));
        let state = Mutex::new(state);
        Ok(Self(Arc::new(Inner {
            state,
            revision: AtomicU64::new(1),
            address: OnceLock::new(),
            store,
            access_key,
            faults,
            clock,
            time,
            new_key,
            blobs,
            journal,
            caller_policies,
        })))
    }

    /// The state as JSON, for tests that check for an empty account.
    pub(crate) fn snapshot(&self) -> Value {
        self.read(|state| serde_json::to_value(state).unwrap_or_default())
    }

    /// Edits the state as JSON, for tests that need a particular past.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut snapshot = self.snapshot();
        change(&mut snapshot);
        if let Ok(state) = serde_json::from_value(snapshot) {
            *self.lock_to_change() = state;
        }
    }

    /// The machine's Unix time in milliseconds, to create or check times that are shared with others.
    pub(crate) fn clock(&self) -> i64 {
        unix_millis(&self.0.clock)
    }

    /// Monotonic Unix time in milliseconds, for stored times and for tokens of own pools.
    pub(crate) fn now(&self) -> i64 {
        self.0.time.lock().unwrap_or_else(PoisonError::into_inner).at(unix_millis(&self.0.clock))
    }

    /// The only access key that is accepted.
    pub(crate) fn access_key(&self) -> &AccessKey {
        &self.0.access_key
    }

    /// The same key, for calls that stay on this machine.
    pub(crate) fn credentials(&self) -> Credentials {
        let key = &self.0.access_key;
        Credentials::new(&key.access_key_id, &key.secret_access_key, None, None, "local")
    }

    /// Tells where it listens.
    pub(crate) fn serves_at(&self, address: SocketAddr) {
        let _ = self.0.address.set(address);
    }

    /// The URL to which its own requests to itself are sent. They carry credentials: a caller's Host may name another
    /// port. A server that does not listen, in tests, has only that.
    pub(crate) fn own_url(&self, base_url: &str) -> String {
        self.0.address.get().map_or_else(|| base_url.to_owned(), |address| format!("http://{address}"))
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every change begins with this.
    fn lock_to_change(&self) -> MutexGuard<'_, State> {
        let state = self.lock();
        self.0.revision.fetch_add(1, Ordering::Release);
        state
    }

    /// A number that is another one after every change of the state. While the state is read, it stays the same.
    pub(crate) fn revision(&self) -> u64 {
        self.0.revision.load(Ordering::Acquire)
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state, and writes it to disk before anyone can see the change. Rolls it back if that fails.
    ///
    /// # Errors
    /// If it cannot be written; then nothing has changed.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T, WireError> {
        let mut state = self.lock_to_change();
        let answer = change(&mut state);
        if let Some(store) = &self.0.store
            && let Err(error) = store.save_state(&*state)
        {
            *state = store.saved_state();
            let message = format!("the local AWS cannot write its state: {error}");
            return Err(WireError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", message));
        }
        Ok(answer)
    }

    /// Removes everything but the access key.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub(crate) fn reset(&self) -> io::Result<()> {
        let mut state = self.lock_to_change();
        *state = State::default();
        self.0.store.as_ref().map_or(Ok(()), Store::reset)?;
        self.0.blobs.sweep(&std::collections::HashSet::new())?;
        self.0.journal.keep_only(std::iter::empty())
    }

    /// How long an access token is valid, in seconds, whose client says this.
    pub(crate) fn token_seconds(&self, named: i64) -> i64 {
        let shorter = self.0.faults.token_validity.map(|time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        shorter.unwrap_or(named)
    }

    /// Prepares a call: injects latency and faults, and validates the input.
    ///
    /// # Errors
    /// The fault; else the service's own error for whatever is wrong with the call.
    pub(crate) async fn prepare(
        &self,
        service: &'static Service,
        (region, base_url): (&str, &str),
        (operation, input): (&str, Value),
    ) -> Result<(&'static Operation, Call, Value), WireError> {
        let faults = &self.0.faults;
        if !faults.latency.is_zero() {
            pause(faults.latency).await;
        }
        if let Some(error) = faults.next_error(service.scope, operation) {
            return Err(error);
        }
        let lacks = faults.lacking(service.scope, operation);
        let (operation, input) = service.validate(operation, input)?;
        let lacks = match &self.0.caller_policies {
            None => lacks,
            Some(policies) => {
                let asked = (operation.name, &input, region);
                self.read(|state| policies.check(state, service, asked))?.or(lacks)
            }
        };
        let call =
            Call { operation: operation.name, observes: operation.observes, lacks, ..self.call_in(region, base_url) };
        Ok((operation, call, input))
    }

    /// The events of the log group that an input names, oldest first.
    ///
    /// # Errors
    /// If there is no such group.
    pub(crate) async fn events(&self, call: &Call, input: &Value) -> Result<Vec<Event>, WireError> {
        let group = self.read(|state| state.logs.group_of(call, input))?;
        let journal = self.0.journal.clone();
        let read = spawn_blocking(move || {
            let mut events = journal.read(&group);
            events.sort_by_key(|event| event.time);
            events
        });
        read.await.map_err(|error| internal(format!("the local AWS cannot read its logs: {error}")))
    }

    /// Why a caller who signs may not call a gateway, if that is so.
    pub(crate) fn refuses_invoking(&self, gateway_arn: &str, region: &str) -> Option<String> {
        self.0.caller_policies.as_ref()?.refuses_invoking(gateway_arn, region)
    }

    /// Runs an operation's handler on the state.
    ///
    /// # Errors
    /// If the state cannot be written; the handler's own error is the inner result.
    pub(crate) fn run(
        &self,
        operation: &Operation,
        handler: Handler,
        call: &Call,
        input: Value,
    ) -> Result<Answer, WireError> {
        self.change(|state| {
            (operation.before)(state, call);
            handler(state, call, input)
        })
    }

    /// The context of a call in a region at the present time.
    pub(crate) fn call_in(&self, region: &str, base_url: &str) -> Call {
        let faults = &self.0.faults;
        Call {
            operation: "",
            observes: false,
            region: region.to_owned(),
            account: ACCOUNT.to_owned(),
            base_url: base_url.to_owned(),
            now: self.now(),
            new_key: self.0.new_key.clone(),
            blobs: self.0.blobs.clone(),
            journal: self.0.journal.clone(),
            lag: faults.consistency_lag,
            iam_lag: faults.consistency_lag.max(faults.iam_lag),
            transaction_search: faults.transaction_search,
            lacks: None,
        }
    }

    /// Whether a write at this time (Unix milliseconds) is visible to every reader.
    pub(crate) fn has_reached_all(&self, made: i64) -> bool {
        self.call_in(DEFAULT_REGION, "").propagated(made)
    }
}
