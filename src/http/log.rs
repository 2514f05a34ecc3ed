//! Logs one line per call: service, operation, duration and outcome. Never logs contents.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
                FinalizerInterceptorContextRef,
            },
            dyn_dispatch_hint,
        },
        orchestrator::{HttpResponse, Metadata},
        retries::RequestAttempts,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use tokio::time::Instant;

use super::Request;

/// Logs each call at INFO, and each attempt with its sizes at DEBUG.
#[derive(Debug, Clone)]
pub struct CallLog {
    region: String,
}

impl CallLog {
    /// A log of calls to a region's AWS services.
    pub fn of_region(region: &str) -> Self {
        Self { region: region.to_owned() }
    }
}

/// The start time of a call.
#[derive(Debug)]
struct Begun(Instant);

impl Storable for Begun {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for CallLog {
    fn name(&self) -> &'static str {
        "call log"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        cfg.interceptor_state().store_put(Begun(Instant::now()));
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let address = without_query(request.uri());
        let bytes = request.body().content_length().unwrap_or_default();
        let (service, operation) = names(cfg);
        tracing::debug!("{service} {operation}: sending {bytes} bytes to {address}");
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(response) = context.response() {
            let bytes =
                response.body().bytes().map_or_else(|| "a stream".to_owned(), |body| format!("{} bytes", body.len()));
            let (service, operation) = names(cfg);
            tracing::debug!("{service} {operation}: got {bytes}, HTTP {}", response.status().as_u16());
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let took = cfg.load::<Begun>().map_or(0, |begun| begun.0.elapsed().as_millis());
        let retries = cfg.load::<RequestAttempts>().map_or(0, |attempts| attempts.attempts().saturating_sub(1));
        let status =
            context.response().map_or_else(|| "no answer".to_owned(), |answer| answer.status().as_u16().to_string());
        let request_id = context.response().and_then(request_id).unwrap_or("-");
        let region = &self.region;
        let (service, operation) = names(cfg);
        tracing::info!("{service} {operation} {region} {took} ms {status} retries={retries} request-id={request_id}");
        Ok(())
    }
}

fn names(cfg: &ConfigBag) -> (&str, &str) {
    cfg.load::<Metadata>().map_or(("-", "-"), |metadata| (metadata.service(), metadata.name()))
}

/// The AWS request id of a response. The header's name depends on the service.
pub fn request_id(response: &HttpResponse) -> Option<&str> {
    ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| response.headers().get(*name))
}

/// A plain HTTP call, which is logged when this is dropped: when the response's head has arrived, or will not.
#[derive(Debug)]
pub(super) struct HttpCall {
    /// Method and URL, without the query, which may contain an API key.
    address: String,
    begun: Instant,
    status: Option<u16>,
    request_id: Option<String>,
}

impl HttpCall {
    pub(super) fn begin(request: &Request) -> Self {
        let address = format!("{} {}", request.method, without_query(&request.url));
        tracing::debug!("HTTP {address}: sending {} bytes", request.body.len());
        Self { address, begun: Instant::now(), status: None, request_id: None }
    }

    pub(super) fn answered(&mut self, response: &HttpResponse) {
        self.status = Some(response.status().as_u16());
        self.request_id = request_id(response).map(str::to_owned);
    }
}

impl Drop for HttpCall {
    fn drop(&mut self) {
        let took = self.begun.elapsed().as_millis();
        let status = self.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let request_id = self.request_id.as_deref().unwrap_or("-");
        tracing::info!("HTTP {} - {took} ms {status} retries=0 request-id={request_id}", self.address);
    }
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}
