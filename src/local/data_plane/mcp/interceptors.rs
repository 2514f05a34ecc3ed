//! Interceptors: Lambda functions that see a gateway's requests and responses, and may change them (AgentCore
//! developer guide, "Types of interceptors").

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    protocol::{INTERNAL_ERROR, RpcError, TERSE},
    reply::Reply,
    request::{McpRequest, id_of},
};
use crate::local::{
    runtime::{Invocation, Outcome},
    services::{agentcore::Interceptor, call::ACCOUNT},
};

/// The version of interceptor input and output.
const VERSION: &str = "1.0";

/// What an interceptor returns.
#[derive(Default, Deserialize)]
struct Output {
    #[serde(rename = "interceptorOutputVersion", default)]
    version: String,
    mcp: Option<Map<String, Value>>,
}

impl McpRequest {
    /// Calls the REQUEST interceptor, which may change the request, or respond itself.
    pub(super) async fn intercept_request(&mut self) -> Option<Reply> {
        let interceptor = self.gateway.on_request.clone()?;
        let event = json!({ "rawGatewayRequest": self.raw(), "gatewayRequest": self.shown(&interceptor) });
        let output = match Box::pin(self.invoke(&interceptor, event)).await {
            Ok(output) => output,
            Err(problem) => return Some(self.failed(&problem)),
        };
        let named = |member: &str| output.get(member).filter(|value| !value.is_null());
        if let Some(response) = named("transformedGatewayResponse") {
            let mut reply = Reply::accepted();
            reply.status = StatusCode::OK;
            if let Err(problem) = reply.change(response) {
                return Some(self.failed(&problem));
            }
            return Some(reply);
        }
        if let Some(changed) = named("transformedGatewayRequest") {
            // Fail closed on a malformed interceptor response.
            if !changed.is_object() {
                return Some(self.failed("An interceptor's transformedGatewayRequest is no object"));
            }
            if let Some(body) = changed.get("body").filter(|body| !body.is_null()) {
                self.body = Bytes::from(body.to_string());
                self.message = body.clone();
                self.id = id_of(&self.body, &self.message);
            }
            set_headers(&mut self.headers, &changed["headers"]);
        }
        None
    }

    /// Calls the RESPONSE interceptor, which may change the response.
    pub(super) async fn intercept_response(&self, mut reply: Reply) -> Reply {
        let Some(interceptor) = &self.gateway.on_response else { return reply };
        let body: Value = reply.body.as_deref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        let event = json!({
            "rawGatewayRequest": self.raw(),
            "gatewayRequest": self.shown(interceptor),
            "gatewayResponse": {
                "statusCode": reply.status.as_u16(),
                "headers": texts(&reply.headers),
                "body": body,
                "isStreamingResponse": false,
            },
        });
        match Box::pin(self.invoke(interceptor, event)).await {
            Err(problem) => self.failed(&problem),
            Ok(output) => {
                let changed = output.get("transformedGatewayResponse").filter(|changed| !changed.is_null());
                match changed.map_or(Ok(()), |changed| reply.change(changed)) {
                    Ok(()) => reply,
                    Err(problem) => self.failed(&problem),
                }
            }
        }
    }

    fn raw(&self) -> Value {
        json!({ "body": String::from_utf8_lossy(&self.body) })
    }

    fn shown(&self, interceptor: &Interceptor) -> Value {
        let mut request = json!({ "path": "/mcp", "httpMethod": "POST", "body": self.message });
        if interceptor.passes_headers() {
            request["headers"] = texts(&self.headers);
        }
        request
    }

    /// Invokes an interceptor, and returns the `mcp` member of its output, or an error message.
    async fn invoke(&self, interceptor: &Interceptor, mcp: Value) -> Result<Map<String, Value>, String> {
        let arn = interceptor.function_arn();
        let function = self.plane.functions.find(arn);
        let function = function.ok_or_else(|| format!("Interceptor function {arn} does not exist"))?;
        let client_context = json!({ "custom": {
            "GATEWAY_ARN": self.gateway.arn,
            "GATEWAY_ACCOUNT_ID": ACCOUNT,
            "REQUEST_ID": self.request_id,
            "SOURCE_IP": "127.0.0.1",
        } });
        let event = json!({ "interceptorInputVersion": VERSION, "mcp": mcp });
        let invocation =
            Invocation { event: event.to_string().into(), client_context: Some(client_context.to_string()) };
        let payload = match self.plane.functions.run(function, invocation).await {
            Outcome::Returned(payload) => payload,
            Outcome::Failed(error) => return Err(format!("Interceptor function {arn} failed: {error}")),
        };
        let output: Output = serde_json::from_slice(&payload).unwrap_or_default();
        match output.mcp {
            Some(mcp) if output.version == VERSION => Ok(mcp),
            // AWS's message (awslabs/agentcore-samples, 05-entraid-3lo).
            _ => Err(format!(
                "InterceptorException - Received invalid response from interceptor: {arn} returned no object with \
                 interceptorOutputVersion \"{VERSION}\" and mcp"
            )),
        }
    }

    /// The response if an interceptor fails. AWS does not document the status; we chose 500.
    fn failed(&self, problem: &str) -> Reply {
        tracing::warn!(gateway = self.gateway.id, "{problem}");
        let message = if self.gateway.debug { problem } else { TERSE };
        Reply::error(StatusCode::INTERNAL_SERVER_ERROR, &self.id, RpcError::new(INTERNAL_ERROR, message))
    }
}

impl Reply {
    /// Applies a `transformedGatewayResponse`.
    ///
    /// # Errors
    ///
    /// If it is not a valid response.
    fn change(&mut self, response: &Value) -> Result<(), String> {
        if !response.is_object() {
            return Err("An interceptor's transformedGatewayResponse is no object".to_owned());
        }
        if let Some(status) = response.get("statusCode").filter(|status| !status.is_null()) {
            let code = status.as_u64().filter(|status| (200..600).contains(status));
            let code = code.and_then(|status| StatusCode::from_u16(status.try_into().ok()?).ok());
            self.status = code.ok_or_else(|| format!("An interceptor's statusCode {status} is none of 200 to 599"))?;
        }
        set_headers(&mut self.headers, &response["headers"]);
        if let Some(body) = response.get("body").filter(|body| !body.is_null()) {
            self.body = Some(body.to_string());
        }
        if matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            self.body = None;
        }
        Ok(())
    }
}

fn texts(headers: &HeaderMap) -> Value {
    let pairs = headers.iter().filter_map(|(name, value)| Some((name.to_string(), json!(value.to_str().ok()?))));
    Value::Object(pairs.collect())
}

/// Sets headers, except those that describe the transport of the message.
fn set_headers(headers: &mut HeaderMap, named: &Value) {
    for (name, value) in named.as_object().into_iter().flatten() {
        let pair = HeaderName::try_from(name.as_str()).ok().zip(value.as_str());
        let Some((name, value)) = pair.and_then(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?)))
        else {
            continue;
        };
        let of_transport = [
            header::CONNECTION,
            header::CONTENT_ENCODING,
            header::CONTENT_LENGTH,
            header::CONTENT_TYPE,
            header::TE,
            header::TRAILER,
            header::TRANSFER_ENCODING,
            header::UPGRADE,
        ];
        if !of_transport.contains(&name) {
            headers.insert(name, value);
        }
    }
}
