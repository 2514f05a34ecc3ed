//! Plain HTTP calls (token endpoints, MCP, OpenID providers), through the same client as the AWS calls.

pub mod client;
mod decode;
pub mod log;
pub mod mcp;
pub mod sigv4;

use std::{error::Error as StdError, time::Duration};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime::client::{
    auth::no_auth::{NO_AUTH_SCHEME_ID, NoAuthScheme},
    identity::{IdentityCache, no_auth::NoAuthIdentityResolver},
    orchestrator::endpoints::StaticUriEndpointResolver,
    retries::strategy::NeverRetryStrategy,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{SharedAuthScheme, static_resolver::StaticAuthSchemeOptionResolver},
        http::{HttpClient as _, HttpConnector as _, HttpConnectorSettings, SharedHttpClient},
        identity::SharedIdentityResolver,
        interceptors::{Intercept, context::BeforeDeserializationInterceptorContextMut, dyn_dispatch_hint},
        orchestrator::HttpRequest,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag, error::display::DisplayErrorContext};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use self::log::HttpCall;

/// The largest response, in bytes. No expected response is larger.
const LARGEST: usize = 16 * 1024 * 1024;

/// The `User-Agent` of requests that have none of their own: GitHub, the Norwegian and the US weather service, and many
/// firewalls refuse those without one.
const USER_AGENT: &str = concat!("agentcore-gw/", env!("CARGO_PKG_VERSION"));

/// How long a connection may take to be there, for calls of AWS, too: clients with the same settings share their connections
/// and certificate authorities.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An HTTP client. It sends by the SDK's connector alone: what an SDK operation does around it, such as to resolve
/// endpoints, identities and retries, takes longer than the connector, and is not needed here.
#[derive(Debug, Clone)]
pub struct Http {
    client: SharedHttpClient,
    /// What connectors are made with.
    components: RuntimeComponents,
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
        Self { client, components: components(), is_logged: false }
    }

    /// Logs each request.
    #[must_use]
    pub fn logged(self) -> Self {
        Self { is_logged: true, ..self }
    }

    /// Sends a request once, and returns the response whatever its status. Redirects are not followed.
    pub async fn send(&self, request: Request, time_limit: Duration) -> Result<Response, TransportError> {
        let url = request.url.clone();
        let whole = async {
            let StreamingResponse { status, headers, body, .. } = self.exchange(request).await?;
            Ok(Response { status, headers, body: body.collect().await?.to_bytes().into() })
        };
        within(time_limit, url, whole).await
    }

    /// Sends a request once, and returns when the response's head has arrived. Read the body with [`StreamingResponse::next`].
    pub async fn open(&self, request: Request, time_limit: Duration) -> Result<StreamingResponse, TransportError> {
        within(time_limit, request.url.clone(), self.exchange(request)).await
    }

    async fn exchange(&self, request: Request) -> Result<StreamingResponse, BoxError> {
        let mut log = self.is_logged.then(|| HttpCall::begin(&request));
        let (url, is_decoded) = (request.url.clone(), request.is_decoded());
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let connector = self.client.http_connector(&settings, &self.components);
        let mut response = connector.call(serialize(request)?).await?;
        if let Some(log) = &mut log {
            log.answered(&response);
        }
        if is_decoded {
            decode::decode(&mut response)?;
        }
        let headers = response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(StreamingResponse { status: response.status().as_u16(), headers, url, body: limited(response.into_body()) })
    }
}

/// What making a connector asks for. Only how to sleep matters, for [`CONNECT_TIMEOUT`]: the others are those of a call
/// without credentials.
fn components() -> RuntimeComponents {
    let no_auth = StaticAuthSchemeOptionResolver::new(vec![NO_AUTH_SCHEME_ID]);
    RuntimeComponents::builder("http")
        .with_auth_scheme(SharedAuthScheme::new(NoAuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(no_auth))
        .with_endpoint_resolver(Some(StaticUriEndpointResolver::http_localhost(0)))
        .with_identity_cache(Some(IdentityCache::no_cache()))
        .with_identity_resolver(NO_AUTH_SCHEME_ID, SharedIdentityResolver::new(NoAuthIdentityResolver::new()))
        .with_retry_strategy(Some(NeverRetryStrategy::new()))
        .with_sleep_impl(Some(TokioSleep::new()))
        .build()
        .expect("all that is required is there")
}

/// The outcome of an exchange with this URL, which may take so long.
async fn within<T>(
    time_limit: Duration,
    url: String,
    exchange: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, TransportError> {
    let (problem, kind) = match timeout(time_limit, exchange).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) if is_of_connecting(error.as_ref()) => (root_cause(error.as_ref()), TransportErrorKind::Unsent),
        Ok(Err(error)) => (root_cause(error.as_ref()), TransportErrorKind::Other),
        Err(_) => (timed_out(time_limit), TransportErrorKind::Timeout),
    };
    Err(TransportError { url, problem, kind })
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
        *body = limited(std::mem::replace(body, SdkBody::taken()));
        Ok(())
    }
}

fn limited(body: SdkBody) -> SdkBody {
    SdkBody::from_body_1_x(Limited::new(body, LARGEST))
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

fn serialize(request: Request) -> Result<HttpRequest, BoxError> {
    let is_decoded = request.is_decoded();
    let length = request.body.len();
    let mut sent = HttpRequest::new(SdkBody::from(request.body));
    sent.set_method(&request.method)?;
    sent.set_uri(request.url)?;
    let headers = sent.headers_mut();
    for (name, value) in request.headers {
        headers.try_append(name, value)?;
    }
    if headers.get("user-agent").is_none() {
        headers.try_insert("user-agent", USER_AGENT)?;
    }
    if is_decoded {
        headers.try_insert("accept-encoding", decode::ACCEPTED)?;
    }
    // Requests without content have no length, unless their method expects content (RFC 9110 §8.6).
    if length > 0 || ["POST", "PUT", "PATCH"].contains(&request.method.as_str()) {
        headers.try_insert("content-length", length.to_string())?;
    }
    Ok(sent)
}
