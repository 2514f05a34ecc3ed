//! A local AWS in process, as the SDK's HTTP client: no socket is involved, so tokio's paused clock is exact.
//! The account can be captured around any request, as if the program died there; and any request can be
//! refused, or lose its response.

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
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, retry::ErrorKind};
use axum::{Router, body::Body};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::Notify, time::Instant};
use tower::ServiceExt as _;

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
    /// Members of targets that the local AWS does not have, set by another program.
    foreign: Option<Arc<Foreign>>,
    /// Whether each run's first write of a target finds the gateway UPDATING.
    busy: bool,
    /// Whether STS can be reached.
    sts: bool,
    region: &'static str,
}

/// Members of targets that the local AWS does not have.
pub struct Foreign {
    pub members: Value,
    /// The complete bodies of UpdateGatewayTarget.
    pub sent: Mutex<Vec<Value>>,
}

impl Foreign {
    fn is_update(request: &HttpRequest) -> bool {
        request.method() == "PUT" && request.uri().contains("/targets/")
    }

    /// The body of an update without these members.
    fn receive(&self, body: &[u8]) -> Vec<u8> {
        let mut document: Value = serde_json::from_slice(body).unwrap();
        self.sent.lock().unwrap().push(document.clone());
        let members = document.as_object_mut().unwrap();
        members.retain(|name, _| self.members.get(name).is_none());
        serde_json::to_vec(&document).unwrap()
    }

    /// Adds these members to a target's document.
    fn show(&self, document: &mut Value) {
        if document["targetId"].is_string() {
            document.as_object_mut().unwrap().extend(self.members.as_object().unwrap().clone());
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

    /// The same account, after another program set these members of every target.
    pub fn with_foreign(&self, members: Value) -> (Self, Arc<Foreign>) {
        let foreign = Arc::new(Foreign { members, sent: Mutex::default() });
        (Self { foreign: Some(foreign.clone()), ..self.clone() }, foreign)
    }

    /// The same account, where each run's first write of a target finds the gateway UPDATING.
    pub fn busy(&self) -> Self {
        Self { busy: true, ..self.clone() }
    }

    /// The same account, where STS cannot be reached.
    pub fn without_sts(&self) -> Self {
        Self { sts: false, ..self.clone() }
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
        let fork = Self::begun(self.key.clone(), faults, begin);
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
        let outcome = self.run_until(args, Env::default(), None, Stop::default(), Some(kept.clone())).await.unwrap();
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
        let (outcome, ()) = tokio::join!(self.run_until(args, Env::default(), None, stop.clone(), None), request);
        outcome.unwrap()
    }

    /// Runs the program; `None` if it crashed.
    pub async fn run_with(&self, args: &[&str], mishap: Option<Mishap>) -> Option<Outcome> {
        self.run_until(args, Env::default(), mishap, Stop::default(), None).await
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
            code = agentcore_gw::run(words, platform) => {
                let text = |bytes: &Mutex<Vec<u8>>| String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
                Some(Outcome { code, stdout: text(&out), stderr: text(&err), calls: wire.calls.lock().unwrap().clone() })
            }
        }
    }

    /// The number of resources of each kind.
    pub fn census(&self) -> BTreeMap<&'static str, usize> {
        let state = self.local().snapshot();
        let count = |value: &Value| value.as_object().map_or(0, serde_json::Map::len);
        let inner = |pools: &Value, member: &str| -> usize {
            pools.as_object().into_iter().flat_map(|pools| pools.values()).map(|pool| count(&pool[member])).sum()
        };
        BTreeMap::from([
            ("roles", count(&state["iam"]["roles"])),
            ("policies", inner(&state["iam"]["roles"], "inline")),
            ("pools", count(&state["cognito"]["pools"])),
            ("clients", inner(&state["cognito"]["pools"], "clients")),
            ("resource servers", inner(&state["cognito"]["pools"], "resource_servers")),
            ("functions", count(&state["lambda"]["functions"])),
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
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential={}/20261122/us-west-2/bedrock-agentcore/aws4_request, SignedHeaders=host, Signature=0",
                self.key.access_key_id
            );
            let request = http::Request::builder()
                .method(method)
                .uri(path)
                .header("host", "127.0.0.1:7755")
                .header("authorization", authorization)
                .body(Body::from(body))
                .unwrap();
            let status = self.router().oneshot(request).await.unwrap().status();
            assert!(status.is_success(), "{status}");
        }
    }

    /// Changes the state, like another program or AWS itself.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        self.local().edit(change);
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

    /// A router to the account, for requests other than the program's.
    pub fn router(&self) -> Router {
        local::router(self.local())
    }
}

/// A server with a virtual clock, if the runtime's is paused.
fn boot(dir: &Path, store: Option<Store>, access_key: AccessKey, faults: Faults, begin: Instant) -> Local {
    Local::new(Config {
        dir: dir.to_owned(),
        store,
        access_key,
        faults,
        clock: Arc::new(move || SystemTime::UNIX_EPOCH + Duration::from_hours(500_000) + begin.elapsed()),
        new_key: Arc::new(signing_key),
        path: crate::env::path(),
        program: env!("CARGO_BIN_EXE_agentcore-gw").into(),
        function_idle: Duration::from_mins(5),
        upstream_timeout: Duration::from_secs(1),
        endpoints: local::Endpoints::default(),
    })
    .unwrap()
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

struct Wire {
    world: World,
    mishap: Option<Mishap>,
    count: AtomicUsize,
    crash: Notify,
    calls: Mutex<Vec<String>>,
    /// When a request was first made within a second, and how often since.
    recent: Mutex<BTreeMap<String, (Instant, usize)>>,
    /// A request that was made too often.
    hot: Mutex<Option<String>>,
    moments: Option<Arc<Mutex<Vec<Moment>>>>,
    was_busy: AtomicBool,
}

/// More requests of the same kind within a second of virtual time than any waiting program makes: waits pause
/// for 200 ms or longer.
const TOO_OFTEN: usize = 24;

#[derive(Clone)]
struct InProcess(Arc<Wire>);

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.0.clone();
        HttpConnectorFuture::new(async move {
            let number = wire.count.fetch_add(1, Ordering::SeqCst) + 1;
            let call = describe(&request);
            wire.calls.lock().unwrap().push(call.clone());
            if wire.is_too_often(&request) {
                *wire.hot.lock().unwrap() = Some(call);
                return wire.die().await;
            }
            if wire.mishap == Some(Mishap::Deny(number)) {
                return Ok(denied(&request));
            }
            if wire.mishap == Some(Mishap::Close(number)) {
                let closed = "connection closed before message completed".into();
                return Err(ConnectorError::other(closed, Some(ErrorKind::TransientError)));
            }
            if let Some(answer) = wire.too_early(&request, &call) {
                return answer;
            }
            wire.keep_moment(&call);
            let answer = wire.forward(request).await;
            wire.keep_moment(&call);
            match wire.mishap {
                Some(Mishap::LoseAnswer(k)) if k == number => Err(ConnectorError::io("the answer was lost".into())),
                _ => Ok(answer),
            }
        })
    }
}

impl Wire {
    async fn die(&self) -> Result<HttpResponse, ConnectorError> {
        self.crash.notify_one();
        std::future::pending().await
    }

    /// The response at an address that does not exist, or not yet.
    fn too_early(&self, request: &HttpRequest, call: &str) -> Option<Result<HttpResponse, ConnectorError>> {
        if call == "POST GetCallerIdentity" && !self.world.sts {
            return Some(Err(ConnectorError::io("connection refused".into())));
        }
        if call.contains("/targets") && !call.starts_with("GET ") && !self.was_busy.swap(true, Ordering::SeqCst) {
            let body = r#"{"message":"Cannot perform operation when gateway is in UPDATING status"}"#;
            let mut refused = HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from(body));
            refused.headers_mut().append("x-amzn-errortype", "ValidationException");
            return Some(Ok(refused));
        }
        let (now, late) = (Instant::now(), self.world.late);
        let mut moments = self.world.moments_of_cognito.lock().unwrap();
        match call {
            "POST CreateUserPool" => moments.pool = moments.pool.or(Some(now)),
            "POST CreateUserPoolDomain" => moments.domain = moments.domain.or(Some(now)),
            _ => {}
        }
        let before = |made: Option<Instant>, late: Duration| made.is_some_and(|made| now < made + late);
        if call.ends_with("/.well-known/openid-configuration") && before(moments.pool, late.document) {
            let missing = SdkBody::from(r#"{"message":"User pool does not exist."}"#);
            return Some(Ok(HttpResponse::new(StatusCode::try_from(400).unwrap(), missing)));
        }
        if request.uri().contains(".amazoncognito.com/") {
            if before(moments.domain, late.name) {
                moments.no_such_name = Some(now + NO_SUCH_NAME);
            }
            if moments.no_such_name.is_some_and(|until| now < until) {
                return Some(Err(ConnectorError::io("failed to lookup address information: no such name".into())));
            }
        }
        None
    }

    /// Whether the same request is repeated without a pause.
    fn is_too_often(&self, request: &HttpRequest) -> bool {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        // Each new attempt of a create has another token.
        let body = if body.contains("clientToken") { String::new() } else { body };
        let key = format!("{} {}", describe(request), body);
        let now = Instant::now();
        let mut recent = self.recent.lock().unwrap();
        let (since, times) = recent.entry(key).or_insert((now, 0));
        if now.duration_since(*since) >= Duration::from_secs(1) {
            (*since, *times) = (now, 0);
        }
        *times += 1;
        *times > TOO_OFTEN
    }

    fn keep_moment(&self, call: &str) {
        let Some(moments) = &self.moments else { return };
        let times = self.calls.lock().unwrap().iter().filter(|other| *other == call).count();
        let moment = self.world.moment();
        let mut moments = moments.lock().unwrap();
        let is_new = moments.last().is_none_or(|last| last.state != moment.state || last.at != moment.at);
        if times <= 3 && is_new {
            moments.push(moment);
        }
    }

    async fn forward(&self, request: HttpRequest) -> HttpResponse {
        let call = describe(&request);
        let uri: http::Uri = request.uri().parse().unwrap();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let mut forwarded = http::Request::builder().method(request.method()).uri(path);
        for (name, value) in request.headers().iter().filter(|(name, _)| *name != "content-length") {
            forwarded = forwarded.header(name, value);
        }
        let body = request.body().bytes().unwrap_or_default();
        let body = match self.world.foreign.as_ref().filter(|_| Foreign::is_update(&request)) {
            Some(foreign) => foreign.receive(body),
            None => body.to_vec(),
        };
        let forwarded = forwarded
            .header("host", if self.world.amazon { "127.0.0.1:7755" } else { uri.authority().unwrap().as_str() })
            .body(Body::from(body))
            .unwrap();
        let answer = self.world.router().oneshot(forwarded).await.unwrap();
        let (parts, body) = answer.into_parts();
        let mut status = parts.status.as_u16();
        let mut body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        if let Some(foreign) = &self.world.foreign
            && let Ok(mut document) = serde_json::from_slice::<Value>(&body)
        {
            foreign.show(&mut document);
            body = serde_json::to_vec(&document).unwrap();
        }
        if let Some(rewrite) = self.world.rewrite
            && let Ok(mut document) = serde_json::from_slice(&body)
        {
            rewrite(&call, &mut document);
            if let Some(other) = document.as_object_mut().and_then(|members| members.shift_remove(STATUS)) {
                status = u16::try_from(other.as_u64().unwrap()).unwrap();
            }
            body = serde_json::to_vec(&document).unwrap();
        }
        self.world.restart();
        let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
        let is_rewritten = self.world.rewrite.is_some() || self.world.foreign.is_some();
        for (name, value) in parts.headers.iter().filter(|(name, _)| !is_rewritten || *name != "content-length") {
            response.headers_mut().append(name.as_str().to_owned(), value.to_str().unwrap().to_owned());
        }
        response
    }
}

/// An access-denied response, in the service's protocol.
fn denied(request: &HttpRequest) -> HttpResponse {
    let message = "User: arn:aws:iam::000000000000:user/somebody is not authorized to perform this";
    let body = request.body().bytes().unwrap_or_default();
    let is_query = String::from_utf8_lossy(body).contains("Action=");
    let body = if is_query {
        format!("<ErrorResponse><Error><Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>")
    } else {
        format!(r#"{{"__type":"AccessDeniedException","message":"{message}"}}"#)
    };
    let mut response = HttpResponse::new(StatusCode::try_from(403).unwrap(), SdkBody::from(body));
    response.headers_mut().append("x-amzn-requestid", "denied");
    response.headers_mut().append("x-amzn-errortype", "AccessDeniedException");
    response
}

/// A name such as `POST CreateRole`, as far as the request identifies it.
fn describe(request: &HttpRequest) -> String {
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned);
    let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next()).map(str::to_owned);
    let uri: http::Uri = request.uri().parse().unwrap();
    format!("{} {}", request.method(), action.or(target).unwrap_or_else(|| uri.path().to_owned()))
}
