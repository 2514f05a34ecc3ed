//! The HTTP clients. Each keeps its connections, and the certificate authorities that it has read: to read them takes
//! longer than most calls, so a client is made once and shared.

use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};

/// The SDK's default client, except for its trust store and its proxy. `build_https` would use no proxy: its
/// connectors do not read the environment, unlike those of the default client.
pub fn https(context: TlsContext, proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(context.clone()).build()
    })
}

/// A client that trusts whom the system trusts, and uses the proxy that the environment names.
pub fn usual() -> SharedHttpClient {
    https(TlsContext::default(), ProxyConfig::from_env())
}

/// A client for a server on this machine. It reads certificate authorities only when something is asked for over HTTPS.
pub fn loopback() -> SharedHttpClient {
    let tls = https(TlsContext::default(), ProxyConfig::disabled());
    SharedHttpClient::new(ByScheme { plain: Builder::new().build_http(), tls })
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
