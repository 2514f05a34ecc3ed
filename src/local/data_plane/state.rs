//! The state that the gateways' routes share.

use std::{sync::Arc, time::Duration};

use super::{
    aws_service::Endpoints,
    credentials::Upstream,
    mcp::{serving::Gateways, sessions::Sessions},
    mcp_server::Listings,
    providers::Providers,
};
use crate::{
    http::{Http, client},
    local::{functions::Functions, server::Server},
};

/// The account and its functions, with the data plane's sessions, caches and clients.
#[derive(Debug)]
pub(crate) struct DataPlane {
    pub(crate) server: Server,
    pub(crate) functions: Functions,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) providers: Providers,
    pub(crate) gateways: Gateways,
    pub(crate) sessions: Sessions,
    pub(crate) listings: Listings,
    pub(crate) endpoints: Endpoints,
}

impl DataPlane {
    /// `timeout` is how long the APIs behind gateways may take.
    pub(crate) fn new(server: Server, functions: Functions, timeout: Duration, endpoints: Endpoints) -> Self {
        let http = Http::new(client::usual());
        let upstream = Arc::new(Upstream::new(server.clone(), http.clone(), timeout));
        Self {
            listings: Listings::new(server.clone(), upstream.clone()),
            providers: Providers::new(http),
            gateways: Gateways::default(),
            sessions: Sessions::default(),
            server,
            functions,
            upstream,
            endpoints,
        }
    }
}
