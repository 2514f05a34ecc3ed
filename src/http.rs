//! Plain HTTP calls (token endpoints, MCP, OpenID providers), through the same client as the AWS calls.

pub mod client;
mod decode;
pub mod log;
pub mod mcp;
pub mod sigv4;

use std::{convert::Infallible, error::Error as StdError, time::Duration};

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use aws_smithy_async::{rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::SharedHttpClient,
        interceptors::{
            Intercept,
            context::{BeforeDeserializationInterceptorContextMut, Error, Output},
            dyn_dispatch_hint,
        },
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        result::SdkError,
        runtime_components::RuntimeComponents,
        ser_de::DeserializeResponse,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag, error::display::DisplayErrorContext};
use bytes::Bytes;
use http_body_util::{LengthLimitError, Limited};
use tokio::time::timeout;

use self::{decode::Decode, log::CallLog};

/// The largest response, in bytes. No expected response is larger.
const LARGEST: usize = 16 * 1024 * 1024;

/// The `User-Agent` of requests that have none of their own: GitHub, the Norwegian and the US weather service, and many
/// firewalls refuse those without one.
const USER_AGENT: &str = concat!("agentcore-gw/", env!("CARGO_PKG_VERSION"));

/// An HTTP client.
#[derive(Debug, Clone)]
pub struct Http {
    client: SharedHttpClient,
    is_logged: bool,
}

/// A request to be sent by [`Http::send`]. If it has no `accept-encoding` of its own, the response may be compressed, and
/// is decoded.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A complete response.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// Whether the response is decoded.
    fn is_decoded(&self) -> bool {
        header(&self.headers, "accept-encoding").is_none()
    }
}

impl Response {
    /// A header's value. Names are case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// A header's value. Names are case-insensitive.
fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// No response was received.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {problem}")]
pub struct TransportError {
    url: String,
    problem: String,
    kind: TransportErrorKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TransportErrorKind {
    /// The request was not sent: there was no connection.
    Unsent,
    Timeout,
    /// The connection ended in the middle of a response.
    CutOff,
    Other,
}

impl TransportError {
    /// The cause, without the URL, which may contain an API key.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Whether the connection ended in the middle of a response, which was good as far as it came.
    pub fn is_cut_off(&self) -> bool {
        self.kind == TransportErrorKind::CutOff
    }

    /// Whether there was no connection, so that the server did not see the request.
    pub fn is_unsent(&self) -> bool {
        self.kind == TransportErrorKind::Unsent
    }

    pub fn is_timeout(&self) -> bool {
        self.kind == TransportErrorKind::Timeout
    }
}

impl Http {
    pub fn new(client: SharedHttpClient) -> Self {
        Self { client, is_logged: false }
    }

    /// Logs each request.
    #[must_use]
    pub fn logged(self) -> Self {
        Self { is_logged: true, ..self }
    }

    /// Sends a request once, and returns the response whatever its status. Redirects are not followed.
    pub async fn send(&self, request: Request, time_limit: Duration) -> Result<Response, TransportError> {
        let url = request.url.clone();
        let read = |response: &HttpResponse| Ok::<_, OrchestratorError<Infallible>>(read(response));
        let answered = self.operation(&request, time_limit).deserializer(read).build().invoke(request).await;
        answered.map_err(|error| no_answer(url, &error, time_limit))
    }

    /// Sends a request once, and returns when the response's head has arrived. Read the body with [`StreamingResponse::next`].
    pub async fn open(&self, request: Request, time_limit: Duration) -> Result<StreamingResponse, TransportError> {
        let url = request.url.clone();
        let deserializer = HeadDeserializer { url: url.clone() };
        let operation =
            self.operation(&request, time_limit).deserializer_impl::<StreamingResponse, Infallible>(deserializer);
        operation.build().invoke(request).await.map_err(|error| no_answer(url, &error, time_limit))
    }

    fn operation(&self, request: &Request, time_limit: Duration) -> OperationBuilder<Request, (), ()> {
        let url = &request.url;
        let after_scheme = url.find("://").map_or(0, |at| at + 3);
        let path_at = url[after_scheme..].find('/').map_or(url.len(), |at| after_scheme + at);
        let (origin, path) = url.split_at(path_at);
        let path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        let mut operation = Operation::builder()
            .service_name("http")
            .operation_name("send")
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(origin)
            .no_auth()
            .http_client(self.client.clone())
            .no_retry()
            .timeout_config(TimeoutConfig::builder().operation_timeout(time_limit).build())
            .sleep_impl(TokioSleep::new())
            .time_source(SystemTimeSource::new())
            .serializer(move |request: Request| serialize(&request, &path));
        if request.is_decoded() {
            operation = operation.interceptor(Decode);
        }
        // After it, to count decoded bytes.
        operation = operation.interceptor(BodyLimit);
        if self.is_logged {
            operation = operation.interceptor(CallLog::of_http());
        }
        operation
    }
}

fn no_answer(url: String, error: &SdkError<Infallible, HttpResponse>, time_limit: Duration) -> TransportError {
    let (problem, kind) = match error {
        SdkError::TimeoutError(_) => (timed_out(time_limit), TransportErrorKind::Timeout),
        error if is_of_connecting(error) => (root_cause(error), TransportErrorKind::Unsent),
        error => (root_cause(error), TransportErrorKind::Other),
    };
    TransportError { url, problem, kind }
}

fn timed_out(time_limit: Duration) -> String {
    format!("no answer within {} s", time_limit.as_secs())
}

/// A response whose body is still being received.
#[derive(Debug)]
pub struct StreamingResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    url: String,
    body: SdkBody,
}

impl StreamingResponse {
    /// A header's value. Names are case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The next bytes of the body; `None` at its end.
    pub async fn next(&mut self, time_limit: Duration) -> Result<Option<Bytes>, TransportError> {
        use http_body_util::BodyExt as _;

        loop {
            let frame = timeout(time_limit, self.body.frame()).await;
            let problem = |problem: String, kind| TransportError { url: self.url.clone(), problem, kind };
            let frame = frame.map_err(|_| problem(timed_out(time_limit), TransportErrorKind::Timeout))?;
            let broken = |error: BoxError| {
                let is_of_connection = find_cause(error.as_ref(), |_: &hyper::Error| true);
                let kind = if is_of_connection { TransportErrorKind::CutOff } else { TransportErrorKind::Other };
                problem(root_cause(error.as_ref()), kind)
            };
            match frame.transpose().map_err(broken)? {
                None => return Ok(None),
                // Ignore trailers.
                Some(frame) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

/// Deserializes a response without waiting for its body.
#[derive(Debug)]
struct HeadDeserializer {
    url: String,
}

impl HeadDeserializer {
    fn opened(&self, response: &HttpResponse, body: SdkBody) -> Output {
        let Response { status, headers, .. } = read(response);
        Output::erase(StreamingResponse { status, headers, url: self.url.clone(), body })
    }
}

impl DeserializeResponse for HeadDeserializer {
    fn deserialize_streaming_with_config(
        &self,
        response: &mut HttpResponse,
        _: &ConfigBag,
    ) -> Option<Result<Output, OrchestratorError<Error>>> {
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        Some(Ok(self.opened(response, body)))
    }

    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        Ok(self.opened(response, SdkBody::from(read(response).body)))
    }
}

/// Limits response bodies to 16 MB.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit;

#[dyn_dispatch_hint]
impl Intercept for BodyLimit {
    fn name(&self) -> &'static str {
        "body limit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        *body = SdkBody::from_body_1_x(Limited::new(std::mem::replace(body, SdkBody::taken()), LARGEST));
        Ok(())
    }
}

/// Whether an error chain says that there was no connection.
fn is_of_connecting(error: &(dyn StdError + 'static)) -> bool {
    find_cause(error, hyper_util::client::legacy::Error::is_connect)
}

/// Whether an error chain has an error of this type for which this holds.
fn find_cause<E: StdError + 'static>(error: &(dyn StdError + 'static), holds: impl Fn(&E) -> bool) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref().is_some_and(&holds) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The message of an error chain's root cause, where the SDK keeps the actual problem.
pub(crate) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    if last.is::<LengthLimitError>() {
        return format!("the answer is longer than {} MB", LARGEST / 1024 / 1024);
    }
    let words = last.to_string();
    if words.is_empty() { DisplayErrorContext(error).to_string() } else { words }
}

fn serialize(request: &Request, path: &str) -> Result<HttpRequest, BoxError> {
    let mut sent = HttpRequest::new(SdkBody::from(request.body.clone()));
    sent.set_method(&request.method)?;
    sent.set_uri(path)?;
    for (name, value) in &request.headers {
        sent.headers_mut().try_append(name.clone(), value.clone())?;
    }
    let headers = sent.headers_mut();
    if headers.get("user-agent").is_none() {
        headers.try_insert("user-agent", USER_AGENT)?;
    }
    if request.is_decoded() {
        headers.try_insert("accept-encoding", decode::ACCEPTED)?;
    }
    // Requests without content have no length, unless their method expects content (RFC 9110 §8.6).
    if !request.body.is_empty() || ["POST", "PUT", "PATCH"].contains(&request.method.as_str()) {
        headers.try_insert("content-length", request.body.len().to_string())?;
    }
    Ok(sent)
}

fn read(response: &HttpResponse) -> Response {
    Response {
        status: response.status().as_u16(),
        headers: response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: response.body().bytes().unwrap_or_default().to_vec(),
    }
}
