//! The SDK's HTTP client: each request of the program goes through it to the account.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, retry::ErrorKind};
use axum::body::Body;
use serde_json::Value;
use tokio::{sync::Notify, time::Instant};

use super::{Answer, Mishap, Moment, NO_SUCH_NAME, STATUS, Trace, World};

pub(super) struct Wire {
    pub(super) world: World,
    pub(super) mishap: Option<Mishap>,
    pub(super) count: AtomicUsize,
    pub(super) crash: Notify,
    pub(super) calls: Mutex<Vec<String>>,
    pub(super) traces: Mutex<Vec<Trace>>,
    /// When a request was first made within a second, and how often since.
    pub(super) recent: Mutex<BTreeMap<String, (Instant, usize)>>,
    /// A request that was made too often.
    pub(super) hot: Mutex<Option<String>>,
    pub(super) moments: Option<Arc<Mutex<Vec<Moment>>>>,
    pub(super) was_busy: AtomicBool,
}

/// More requests of the same kind within a second of virtual time than any waiting program makes: waits pause
/// for 100 ms or longer.
const TOO_OFTEN: usize = 24;

#[derive(Clone)]
pub(super) struct InProcess(pub(super) Arc<Wire>);

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
            let begin = Instant::now();
            wire.calls.lock().unwrap().push(call.clone());
            wire.traces.lock().unwrap().push(Trace { request: in_full(&request), begin, end: begin });
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
            wire.traces.lock().unwrap()[number - 1].end = Instant::now();
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
        let key = in_full(request);
        // Each new attempt of a create has another token.
        let key = if key.contains("clientToken") { describe(request) } else { key };
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
        let body = match self.world.foreign.as_ref().filter(|foreign| foreign.is_update(&request)) {
            Some(foreign) => foreign.receive(body),
            None => body.to_vec(),
        };
        let forwarded = forwarded
            .header("host", if self.world.amazon { "127.0.0.1:7755" } else { uri.authority().unwrap().as_str() })
            .body(Body::from(body))
            .unwrap();
        let Answer { mut status, headers, mut body } = self.world.send(forwarded).await;
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
        for (name, value) in headers.iter().filter(|(name, _)| !is_rewritten || *name != "content-length") {
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
/// Method, address and body.
fn in_full(request: &HttpRequest) -> String {
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
    format!("{} {} {body}", describe(request), request.uri())
}

fn describe(request: &HttpRequest) -> String {
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned);
    let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next()).map(str::to_owned);
    let uri: http::Uri = request.uri().parse().unwrap();
    format!("{} {}", request.method(), action.or(target).unwrap_or_else(|| uri.path().to_owned()))
}
