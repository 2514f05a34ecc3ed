//! Plain HTTP calls (token endpoints, MCP, OpenID providers), through the same client as the AWS calls.

pub mod sigv4;

use std::{convert::Infallible, error::Error as StdError, time::Duration};

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use aws_smithy_async::{rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::SharedHttpClient,
        interceptors::{Intercept, context::BeforeDeserializationInterceptorContextMut, dyn_dispatch_hint},
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        result::SdkError,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag, error::display::DisplayErrorContext};
use http_body_util::Limited;

/// Bytes of an answer; nothing that is asked for here is longer.
const LARGEST: usize = 16 * 1024 * 1024;

/// An HTTP client.
#[derive(Debug, Clone)]
pub struct Http {
    client: Option<SharedHttpClient>,
}

/// A request to be sent by [`Http::send`].
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value; names have no case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// No answer came.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {problem}")]
pub struct NoAnswer {
    url: String,
    problem: String,
}

impl NoAnswer {
    /// What happened, without the address: that may carry a key.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl Http {
    /// Sends through this client, or else through one of its own.
    pub fn new(client: Option<SharedHttpClient>) -> Self {
        Self { client }
    }

    /// Sends a request once, whatever the answer's status; redirects are not followed.
    pub async fn send(&self, request: Request, timeout: Duration) -> Result<Response, NoAnswer> {
        let url = request.url.clone();
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
            .no_retry()
            .timeout_config(TimeoutConfig::builder().operation_timeout(timeout).build())
            .sleep_impl(TokioSleep::new())
            .time_source(SystemTimeSource::new())
            .interceptor(Bounded)
            .serializer(move |request: Request| serialize(&request, &path))
            .deserializer(|response: &HttpResponse| Ok::<_, OrchestratorError<Infallible>>(read(response)));
        if let Some(client) = &self.client {
            operation = operation.http_client(client.clone());
        }
        let answered = operation.build().invoke(request).await;
        answered.map_err(|error| {
            let problem = match &error {
                SdkError::TimeoutError(_) => format!("no answer within {} s", timeout.as_secs()),
                error => innermost(error),
            };
            NoAnswer { url, problem }
        })
    }
}

/// Ends answers that are longer than [`LARGEST`].
#[derive(Debug)]
struct Bounded;

#[dyn_dispatch_hint]
impl Intercept for Bounded {
    fn name(&self) -> &'static str {
        "bounded answers"
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

/// The words at the bottom of an error's chain, where the SDK keeps what really happened.
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
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
    sent.headers_mut().try_insert("content-length", request.body.len().to_string())?;
    Ok(sent)
}

fn read(response: &HttpResponse) -> Response {
    Response {
        status: response.status().as_u16(),
        headers: response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: response.body().bytes().unwrap_or_default().to_vec(),
    }
}
