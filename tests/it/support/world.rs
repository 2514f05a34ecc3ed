//! A local AWS in process, as the SDK's HTTP client: no socket is involved, so tokio's paused clock is exact.
//! The account can be captured around any request, as if the program died there; and any request can be
//! refused, or lose its response.

mod wire;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use agentcore_gw::{
    Platform,
    aws::wait::{self, Stop},
    config::Env,
    local::{
        self, Config, FaultRule, Faults, Local, SigningKey,
        storage::store::{AccessKey, Store},
    },
    ui::Streams,
};
use aws_smithy_runtime_api::client::{http::SharedHttpClient, orchestrator::HttpRequest};
use axum::{Router, body::Body};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::Notify, time::Instant};
use tower::ServiceExt as _;

use self::wire::{InProcess, Wire};

/// Functions of the user's own, see [`World::with_their_functions`].
pub const THEIR_FUNCTION: &str = "arn:aws:lambda:us-west-2:000000000000:function:their-function";
pub const THEIR_OTHER_FUNCTION: &str = "arn:aws:lambda:us-west-2:000000000000:function:their-other-function";

pub const ENDPOINT: &str = "http://127.0.0.1:7755";

/// What happens to the k-th request, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It takes effect, and the response is lost.
    LoseAnswer(usize),
    /// The connection closes before it takes effect.
    Close(usize),
    /// It is refused with access denied.
    Deny(usize),
}

/// An account's state at one moment, from which others can start.
pub struct Moment {
    state: Value,
    at: Instant,
}

/// An account, and how it is reached.
#[derive(Clone)]
pub struct World {
    server: Arc<Mutex<Local>>,
    key: AccessKey,
    /// Restarts the server from its state on disk.
    restart: Option<Arc<dyn Fn() -> Local + Send + Sync>>,
    /// The folder of packages and logs, if it is to be deleted with the account.
    dir: Option<Arc<TempDir>>,
    /// When its clock began.
    begin: Instant,
    lag: Duration,
    /// Changes the document of a response, depending on the request.
    rewrite: Option<Rewrite>,
    /// Whether it is reached at Amazon's own addresses.
    amazon: bool,
    /// How late Cognito's public addresses appear.
    late: Late,
    moments_of_cognito: Arc<Mutex<MomentsOfCognito>>,
    /// Members that the local AWS does not have, set by another program.
    foreign: Option<Arc<Foreign>>,
    /// Whether each run's first write of a target finds the gateway UPDATING.
    busy: bool,
    /// Whether STS can be reached.
    sts: bool,
    region: &'static str,
    /// The environment of the program.
    env: Env,
}

/// What documents of the control plane are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Gateway,
    Target,
}

/// Members that the local AWS does not have.
pub struct Foreign {
    of: Subject,
    members: Value,
    /// The complete bodies of UpdateGateway or UpdateGatewayTarget.
    pub sent: Mutex<Vec<Value>>,
}

impl Foreign {
    fn is_update(&self, request: &HttpRequest) -> bool {
        let of = if request.uri().contains("/targets/") { Subject::Target } else { Subject::Gateway };
        request.method() == "PUT" && request.uri().contains("/gateways/") && of == self.of
    }

    /// The body of an update without these members.
    fn receive(&self, body: &[u8]) -> Vec<u8> {
        let mut document: Value = serde_json::from_slice(body).unwrap();
        self.sent.lock().unwrap().push(document.clone());
        subtract(&mut document, &self.members);
        serde_json::to_vec(&document).unwrap()
    }

    /// Adds these members to a gateway's or target's document.
    fn show(&self, document: &mut Value) {
        let marker = match self.of {
            Subject::Gateway => "gatewayUrl",
            Subject::Target => "targetId",
        };
        if document[marker].is_string() {
            add(document, &self.members);
        }
    }
}

/// Adds members to a document, at any depth.
fn add(document: &mut Value, members: &Value) {
    match (document, members) {
        (Value::Object(document), Value::Object(members)) => {
            members.iter().for_each(|(name, value)| add(document.entry(name).or_insert(Value::Null), value));
        }
        (document, members) => *document = members.clone(),
    }
}

/// Removes such members again, and objects that have nothing left.
fn subtract(document: &mut Value, members: &Value) {
    let (Value::Object(document), Value::Object(members)) = (document, members) else { return };
    for (name, value) in members {
        let is_gone = document.get_mut(name).is_some_and(|part| {
            subtract(part, value);
            !value.is_object() || part.as_object().is_none_or(serde_json::Map::is_empty)
        });
        if is_gone {
            document.shift_remove(name);
        }
    }
}

/// How long after a pool's creation its OpenID document is served, and after a domain's creation its name
/// resolves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Late {
    pub document: Duration,
    pub name: Duration,
}

#[derive(Debug, Default)]
struct MomentsOfCognito {
    pool: Option<Instant>,
    domain: Option<Instant>,
    /// Until when a resolver that was asked too early answers that there is no such name.
    no_such_name: Option<Instant>,
}

/// The zone's negative TTL.
const NO_SUCH_NAME: Duration = Duration::from_mins(15);

/// The member of a rewritten document that also sets the response's HTTP status.
pub const STATUS: &str = "__status";

type Rewrite = fn(&str, &mut Value);

impl World {
    /// An empty account whose lists, roles and policies show changes `lag` later.
    pub fn new(lag: Duration) -> Self {
        Self::with_faults(Faults::new(Duration::ZERO, lag, Vec::new()))
    }

    pub fn with_rules(rules: &[&str]) -> Self {
        let rules = rules.iter().map(|rule| rule.parse::<FaultRule>().unwrap()).collect();
        Self::with_faults(Faults::new(Duration::ZERO, Duration::ZERO, rules))
    }

    pub fn with_faults(faults: Faults) -> Self {
        Self::begun(AccessKey::generate(), faults, Instant::now())
    }

    fn begun(key: AccessKey, faults: Faults, begin: Instant) -> Self {
        let lag = faults.consistency_lag;
        let dir = Arc::new(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        let local = boot(dir.path(), None, key.clone(), faults, begin);
        Self {
            server: Arc::new(Mutex::new(local)),
            key,
            restart: None,
            dir: Some(dir),
            begin,
            lag,
            rewrite: None,
            amazon: false,
            late: Late::default(),
            moments_of_cognito: Arc::default(),
            foreign: None,
            busy: false,
            sts: true,
            region: "us-west-2",
            env: Env::default(),
        }
    }

    /// The account's current state.
    pub fn moment(&self) -> Moment {
        Moment { state: self.snapshot(), at: Instant::now() }
    }

    /// A new account that continues from a moment of this one, with its clock as it was then.
    pub fn at(&self, moment: &Moment) -> Self {
        self.under(moment, &[])
    }

    /// Like `at`, with calls failing according to these rules.
    pub fn under(&self, moment: &Moment, rules: &[&str]) -> Self {
        let rules = rules.iter().map(|rule| rule.parse::<FaultRule>().unwrap()).collect();
        self.fork(moment, Faults::new(Duration::ZERO, self.lag, rules))
    }

    /// Like `at`, with calls taking this long.
    pub fn slow(&self, moment: &Moment, latency: Duration) -> Self {
        self.fork(moment, Faults::new(latency, self.lag, Vec::new()))
    }

    /// The same account at Amazon's addresses.
    pub fn at_amazon(&self) -> Self {
        Self { amazon: true, ..self.clone() }
    }

    /// The same account, after another program set these members of every gateway or target.
    pub fn with_foreign(&self, of: Subject, members: Value) -> (Self, Arc<Foreign>) {
        let foreign = Arc::new(Foreign { of, members, sent: Mutex::default() });
        (Self { foreign: Some(foreign.clone()), ..self.clone() }, foreign)
    }

    /// The same account, with these members of another account's.
    pub fn sharing(&self, foreign: &Arc<Foreign>) -> Self {
        Self { foreign: Some(foreign.clone()), ..self.clone() }
    }

    /// The same account, where each run's first write of a target finds the gateway UPDATING.
    pub fn busy(&self) -> Self {
        Self { busy: true, ..self.clone() }
    }

    /// The same account, where STS cannot be reached.
    pub fn without_sts(&self) -> Self {
        Self { sts: false, ..self.clone() }
    }

    /// The same account, with these variables in the program's environment.
    pub fn with_env(&self, env: Env) -> Self {
        Self { env, ..self.clone() }
    }

    pub fn in_region(&self, region: &'static str) -> Self {
        Self { region, ..self.clone() }
    }

    /// The same account, with Cognito's public addresses appearing later.
    pub fn with_late_names(&self, late: Late) -> Self {
        Self { late, ..self.at_amazon() }
    }

    /// The same account, with its responses rewritten.
    pub fn rewriting(&self, rewrite: Rewrite) -> Self {
        Self { rewrite: Some(rewrite), ..self.clone() }
    }

    fn fork(&self, moment: &Moment, faults: Faults) -> Self {
        let begin = self.begin + (Instant::now() - moment.at);
        let fork = Self { env: self.env.clone(), ..Self::begun(self.key.clone(), faults, begin) };
        let blobs = |world: &Self| world.dir.as_ref().unwrap().path().join("blobs");
        if let Ok(entries) = std::fs::read_dir(blobs(self)) {
            std::fs::create_dir_all(blobs(&fork)).unwrap();
            for entry in entries.map(Result::unwrap) {
                std::fs::copy(entry.path(), blobs(&fork).join(entry.file_name())).unwrap();
            }
        }
        fork.local().edit(|state| *state = moment.state.clone());
        assert_eq!(fork.snapshot(), moment.state);
        fork
    }

    /// Runs the program to its end, and captures the account around each request that changes it: each moment is
    /// the account's state if the program dies then. After the third repetition of the same request, another one
    /// adds nothing.
    pub async fn moments_of(&self, args: &[&str]) -> Vec<Moment> {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let outcome = self.run_until(args, self.env.clone(), None, Stop::default(), Some(kept.clone())).await.unwrap();
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        std::mem::take(&mut *kept.lock().unwrap())
    }

    /// An account whose server is restarted for each request, with all of its state on disk.
    pub fn restarting(dir: &Path) -> Self {
        let store = Store::open(dir).unwrap();
        let (key, begin) = (store.access_key().unwrap(), Instant::now());
        let its_key = key.clone();
        let restart = move || boot(store.dir(), Some(store.clone()), its_key.clone(), Faults::default(), begin);
        let server = Arc::new(Mutex::new(restart()));
        let restart: Option<Arc<dyn Fn() -> Local + Send + Sync>> = Some(Arc::new(restart));
        Self { server, restart, dir: None, ..Self::begun(key, Faults::default(), begin) }
    }

    fn local(&self) -> Local {
        self.server.lock().unwrap().clone()
    }

    /// A restart between this request and the next, which must lose nothing.
    fn restart(&self) {
        if let Some(restart) = &self.restart {
            let mut server = self.server.lock().unwrap();
            let before = server.snapshot();
            *server = restart();
            assert_eq!(server.snapshot(), before, "a restart loses nothing");
        }
    }

    /// Runs the program to its end.
    pub async fn run(&self, args: &[&str]) -> Outcome {
        self.run_with(args, None).await.unwrap()
    }

    /// Runs the program with these variables in its environment.
    pub async fn run_in(&self, env: Env, args: &[&str]) -> Outcome {
        self.run_until(args, env, None, Stop::default(), None).await.unwrap()
    }

    /// Runs the program, and requests a stop after a while, like Ctrl-C.
    pub async fn run_and_stop(&self, args: &[&str], after: Duration) -> Outcome {
        let stop = Stop::default();
        let request = async {
            wait::until_moment(Instant::now() + after, &Stop::default()).await.unwrap();
            stop.request();
        };
        let (outcome, ()) = tokio::join!(self.run_until(args, self.env.clone(), None, stop.clone(), None), request);
        outcome.unwrap()
    }

    /// Runs the program; `None` if it crashed.
    pub async fn run_with(&self, args: &[&str], mishap: Option<Mishap>) -> Option<Outcome> {
        self.run_until(args, self.env.clone(), mishap, Stop::default(), None).await
    }

    async fn run_until(
        &self,
        args: &[&str],
        env: Env,
        mishap: Option<Mishap>,
        stop: Stop,
        moments: Option<Arc<Mutex<Vec<Moment>>>>,
    ) -> Option<Outcome> {
        let wire = Arc::new(Wire {
            world: self.clone(),
            mishap,
            count: AtomicUsize::new(0),
            crash: Notify::new(),
            calls: Mutex::default(),
            traces: Mutex::default(),
            recent: Mutex::default(),
            hot: Mutex::default(),
            moments,
            was_busy: AtomicBool::new(!self.busy),
        });
        let (out, err) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let mut all = vec!["agentcore-gw", "--region", self.region];
        if !self.amazon {
            all.extend(["--endpoint-url", ENDPOINT]);
        }
        all.extend(args);
        let platform = Platform {
            env,
            streams: Streams::captured(out.clone(), err.clone()),
            http_client: Some(SharedHttpClient::new(InProcess(wire.clone()))),
            credentials: Some((self.key.access_key_id.clone(), self.key.secret_access_key.clone())),
            stop,
        };
        let words = all.into_iter().map(Into::into).collect();
        tokio::select! {
            biased;
            () = wire.crash.notified() => {
                let hot = wire.hot.lock().unwrap().take();
                assert_eq!(hot, None, "{args:?} asks without a pause");
                None
            }
            // Boxed, as a test's thread has a small stack, and a debug build's futures are large.
            code = Box::pin(agentcore_gw::run(words, platform)) => {
                let text = |bytes: &Mutex<Vec<u8>>| String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
                let (calls, traces) = (wire.calls.lock().unwrap().clone(), wire.traces.lock().unwrap().clone());
                Some(Outcome { code, stdout: text(&out), stderr: text(&err), calls, traces })
            }
        }
    }

    /// The number of resources of each kind, without the user's own functions.
    pub fn census(&self) -> BTreeMap<&'static str, usize> {
        let state = self.local().snapshot();
        let count = |value: &Value| value.as_object().map_or(0, serde_json::Map::len);
        let inner = |pools: &Value, member: &str| -> usize {
            pools.as_object().into_iter().flat_map(|pools| pools.values()).map(|pool| count(&pool[member])).sum()
        };
        let arns = state["lambda"]["functions"].as_object().into_iter().flat_map(serde_json::Map::keys);
        let functions = arns.filter(|arn| ![THEIR_FUNCTION, THEIR_OTHER_FUNCTION].contains(&arn.as_str())).count();
        BTreeMap::from([
            ("roles", count(&state["iam"]["roles"])),
            ("policies", inner(&state["iam"]["roles"], "inline")),
            ("pools", count(&state["cognito"]["pools"])),
            ("clients", inner(&state["cognito"]["pools"], "clients")),
            ("resource servers", inner(&state["cognito"]["pools"], "resource_servers")),
            ("functions", functions),
            ("log groups", count(&state["logs"]["groups"])),
            ("sources", count(&state["logs"]["sources"])),
            ("destinations", count(&state["logs"]["destinations"])),
            ("deliveries", count(&state["logs"]["deliveries"])),
            ("gateways", count(&state["agentcore"]["gateways"])),
            ("targets", inner(&state["agentcore"]["gateways"], "targets")),
            ("providers", count(&state["agentcore"]["providers"])),
            ("secrets", count(&state["secrets"]["secrets"])),
        ])
    }

    pub fn is_empty(&self) -> bool {
        self.census().values().all(|count| *count == 0)
    }

    pub fn snapshot(&self) -> Value {
        self.local().snapshot()
    }

    /// Creates a target through the API, bypassing the program's own checks.
    pub async fn create_target(&self, gateway: &str, request: &Value) {
        let gateways = self.snapshot()["agentcore"]["gateways"].clone();
        let mut ids = gateways.as_object().unwrap().keys();
        let id = ids.find(|id| id.starts_with(&format!("{gateway}-"))).unwrap();
        for (method, path, body) in [
            ("POST", format!("/gateways/{id}/targets/"), request.to_string()),
            ("GET", format!("/gateways/{id}/targets/"), String::new()),
        ] {
            let request = self.to_service("bedrock-agentcore", method, &path);
            let answer = self.send(request.body(Body::from(body)).unwrap()).await;
            assert!((200..300).contains(&answer.status), "{}", answer.text());
        }
    }

    /// Changes the state, like another program or AWS itself.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        self.local().edit(change);
    }

    /// The same account, with two functions that the user made.
    pub fn with_their_functions(self) -> Self {
        let function = |arn: &str| {
            serde_json::json!({
                "arn": arn, "name": arn.rsplit(':').next(), "region": "us-west-2", "runtime": "python3.13",
                "handler": "f.handler", "role": "arn:aws:iam::000000000000:role/theirs", "description": "",
                "architecture": "x86_64", "timeout": 3, "memory": 128, "environment": {}, "tags": {}, "code": "0",
                "code_sha256": "0", "code_size": 1, "revision": "1", "under_way": null, "policy": {}, "modified": 0,
            })
        };
        self.edit(|state| {
            for arn in [THEIR_FUNCTION, THEIR_OTHER_FUNCTION] {
                state["lambda"]["functions"][arn] = function(arn);
            }
        });
        self
    }

    /// Changes the members of the only gateway, like an update by another program.
    pub fn edit_gateway(&self, change: impl Fn(&mut Value)) {
        self.local().edit(|state| {
            let gateways = state["agentcore"]["gateways"].as_object_mut().unwrap();
            gateways.values_mut().for_each(|gateway| change(&mut gateway["config"]));
        });
    }

    /// Removes the tags of the only gateway, as if it had another owner.
    pub fn forget_owner_of_gateway(&self) {
        self.local().edit(|state| {
            let gateways = state["agentcore"]["gateways"].as_object_mut().unwrap();
            gateways.values_mut().for_each(|gateway| gateway["tags"] = serde_json::json!({}));
        });
    }

    pub fn access_key_id(&self) -> &str {
        &self.key.access_key_id
    }

    /// Sends a request other than the program's to the account, and reads the response whole. Its Host is added.
    pub async fn send(&self, mut request: http::Request<Body>) -> Answer {
        request.headers_mut().entry("host").or_insert(http::HeaderValue::from_static("127.0.0.1:7755"));
        let (parts, body) = self.router().oneshot(request).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body: bytes.to_vec() }
    }

    /// A request to a service, signed as far as the control plane looks at it.
    pub fn to_service(&self, service: &str, method: &str, path: &str) -> http::request::Builder {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/20261122/us-west-2/{service}/aws4_request, SignedHeaders=host, Signature=0",
            self.key.access_key_id
        );
        http::Request::builder().method(method).uri(path).header("authorization", authorization)
    }

    /// Creates a gateway `g`, and returns its path.
    pub async fn create_gateway(&self, flags: &[&str]) -> String {
        let created = self.run(&[&["create", "g", "-o", "json"], flags].concat()).await.expect(0).json();
        let url: http::Uri = created["gateway"]["gatewayUrl"].as_str().unwrap().parse().unwrap();
        url.path().to_owned()
    }

    /// A router to the account, for requests other than the program's.
    pub fn router(&self) -> Router {
        local::router(self.local())
    }
}

/// A response, read whole.
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        std::str::from_utf8(&self.body).unwrap().to_owned()
    }

    /// The body; null if it is empty.
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// A server with a virtual clock, if the runtime's is paused.
fn boot(dir: &Path, store: Option<Store>, access_key: AccessKey, faults: Faults, begin: Instant) -> Local {
    let local = Local::new(Config {
        dir: dir.to_owned(),
        store,
        access_key,
        faults,
        clock: Arc::new(move || SystemTime::UNIX_EPOCH + Duration::from_hours(500_000) + begin.elapsed()),
        new_key: Arc::new(signing_key),
        path: crate::support::env::path(),
        program: env!("CARGO_BIN_EXE_agentcore-gw").into(),
        function_idle: Duration::from_mins(5),
        upstream_timeout: Duration::from_secs(1),
        endpoints: local::Endpoints::default(),
        caller_policies: Vec::new(),
    })
    .unwrap();
    let started = local.clone();
    tokio::spawn(async move { started.start_functions().await });
    local
}

/// One of a few keys, in turn: generating them takes most of a test's time.
fn signing_key() -> SigningKey {
    static KEYS: OnceLock<Vec<SigningKey>> = OnceLock::new();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let keys = KEYS.get_or_init(|| (0..8).map(|_| SigningKey::generate()).collect());
    keys[NEXT.fetch_add(1, Ordering::Relaxed) % keys.len()].clone()
}

/// The outcome of a run.
#[derive(Debug)]
pub struct Outcome {
    pub code: u8,
    pub stdout: String,
    pub stderr: String,
    /// Method and operation or path of each request.
    pub calls: Vec<String>,
    pub traces: Vec<Trace>,
}

/// A request, and when it was under way.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Method, address and body.
    pub request: String,
    pub begin: Instant,
    pub end: Instant,
}

impl Outcome {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, code: u8) -> Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }
}
