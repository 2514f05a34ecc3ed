//! The HTTP client for a server on this machine. It reads the system's certificate authorities only when something is
//! asked for over HTTPS: that takes longer than most local calls.

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};

/// A client that uses `plain` for `http` addresses, and `tls` for all others.
pub fn client(plain: SharedHttpClient, tls: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(ByScheme { plain, tls })
}

#[derive(Debug, Clone)]
struct ByScheme {
    plain: SharedHttpClient,
    tls: SharedHttpClient,
}

impl HttpClient for ByScheme {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let (settings, components) = (settings.clone(), components.clone());
        SharedHttpConnector::new(Chosen { clients: self.clone(), settings, components })
    }
}

/// Both clients with the settings of an operation. They keep their connectors themselves.
#[derive(Debug)]
struct Chosen {
    clients: ByScheme,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for Chosen {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = if request.uri().starts_with("http://") { &self.clients.plain } else { &self.clients.tls };
        client.http_connector(&self.settings, &self.components).call(request)
    }
}
