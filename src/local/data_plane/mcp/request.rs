//! A request of an authorized caller.

use std::sync::Arc;

use axum::{body::Bytes, http::HeaderMap};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    records::Records,
    snapshot::{GatewaySnapshot, Metadata, TargetSnapshot},
};
use crate::local::{
    data_plane::{
        caller::Caller,
        credentials::{CallerIdentity, OutboundAuth, Pairs, PassedBack, Passing, PassingBack},
        mcp_server::McpSession,
        state::DataPlane,
    },
    http_message::base_url,
};

/// A caller's request, and everything needed to answer it.
pub(super) struct McpRequest {
    pub(super) plane: Arc<DataPlane>,
    pub(super) gateway: Arc<GatewaySnapshot>,
    pub(super) caller: Caller,
    /// The gateway's own id of the request.
    pub(super) request_id: String,
    pub(super) records: Records,
    pub(super) headers: HeaderMap,
    /// The query parameters of the address.
    pub(super) query: Pairs,
    /// The headers of targets' responses that are passed back.
    pub(super) passed_back: PassedBack,
    /// As received, or as an interceptor changed it.
    pub(super) body: Bytes,
    pub(super) message: Value,
    /// The id of the message, as JSON.
    pub(super) id: String,
    /// The caller's event stream for messages that servers send during the request, if there is one.
    pub(super) events: Option<UnboundedSender<String>>,
    /// The caller's session, once it is found.
    pub(super) session: Option<Arc<McpSession>>,
}

impl McpRequest {
    /// The caller's headers and query parameters that a target is to get, by the names of its configuration.
    pub(super) fn passed_on(&self, target: &TargetSnapshot) -> (Pairs, Pairs) {
        let header = |name: &String| Some((name.clone(), self.headers.get(name)?.to_str().ok()?.to_owned()));
        let parameter = |name: &String| self.query.iter().find(|(given, _)| given == name).cloned();
        let Metadata { request_headers, query_parameters, .. } = &target.metadata;
        let headers = request_headers.iter().filter_map(header);
        (headers.collect(), query_parameters.iter().filter_map(parameter).collect())
    }

    /// How the calls of a target are authorized, and what else of the caller's request goes with them.
    pub(super) fn outbound(&self, target: &TargetSnapshot) -> OutboundAuth {
        let GatewaySnapshot { role, region, .. } = &*self.gateway;
        let caller = CallerIdentity { role: role.clone(), region: region.clone(), base_url: base_url(&self.headers) };
        let (headers, query) = self.passed_on(target);
        let auth = OutboundAuth::new(&self.plane.upstream, caller, target.credential.clone());
        auth.passing(Passing { headers, query }, self.passing_back(target))
    }

    /// What goes back to this caller of a target's response.
    pub(super) fn passing_back(&self, target: &TargetSnapshot) -> PassingBack {
        PassingBack { allowed: target.metadata.response_headers.clone(), to: self.passed_back.clone() }
    }
}

/// A message's id as written: a number may exceed the range of `Value`.
pub(super) fn id_of(text: &[u8], message: &Value) -> String {
    #[derive(Deserialize)]
    struct WithId<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }

    match message.get("id").filter(|id| is_id(id)) {
        None => "null".to_owned(),
        Some(id) if !id.is_f64() => id.to_string(),
        Some(id) => serde_json::from_slice::<WithId<'_>>(text)
            .map_or_else(|_| id.to_string(), |message| message.id.get().to_owned()),
    }
}

/// Whether the message contains a request, so that the response may be a stream.
pub(super) fn has_request(message: &Value) -> bool {
    let is_request = |message: &Value| message.get("method").is_some() && message.get("id").is_some();
    message.as_array().map_or_else(|| is_request(message), |batch| batch.iter().any(is_request))
}

pub(super) fn is_id(id: &Value) -> bool {
    id.is_string() || id.is_number()
}
