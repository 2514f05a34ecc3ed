//! The AWS layer: all clients from one configuration, and functions that create, find and delete one kind of
//! resource each.
//!
//! Retries and endpoints are configured only here. Throttling and network errors are left to the SDK's standard
//! retries; polling is [`wait`].

pub mod agentcore;
pub mod cognito;
pub mod denied;
pub mod error;
pub mod iam;
pub mod lambda;
pub mod logs;
mod pace;
pub mod propagation;
pub mod providers;
mod raw;
pub mod s3;
pub mod signer;
pub mod wait;

use std::{
    marker::PhantomData,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::{
    AppName, BehaviorVersion,
    meta::region::ProvideRegion as _,
    profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider, ProfileSet},
    provider_config::ProviderConfig,
    retry::RetryConfig,
    timeout::{TimeoutConfig, TimeoutConfigBuilder},
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials as _, SharedCredentialsProvider},
};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_http_client::{
    proxy::ProxyConfig,
    tls::{TlsContext, TrustStore},
};
use aws_smithy_runtime_api::client::{
    http::SharedHttpClient,
    interceptors::context::InterceptorContext,
    result::CreateUnhandledError,
    retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::{SdkConfig, service_config::ServiceConfigKey};
use serde::Serialize;

pub use self::error::{Class, Error};
use self::pace::Pace;
use crate::{
    http::{BodyLimit, CONNECT_TIMEOUT, Http, client, log::CallLog},
    model::{name::Region, secret::Secret},
};

/// The endpoint, region and credentials to connect with.
#[derive(Debug, Clone)]
pub struct Connection {
    pub region: Region,
    pub profile: Option<String>,
    /// Whether the profile's credentials take precedence over the environment's, which the SDK's default chain
    /// tries first. A profile that is given as a flag selects the identity, as in every AWS tool (botocore's
    /// `create_credential_resolver` then removes the environment from the chain).
    pub profile_is_explicit: bool,
    /// One endpoint for every service.
    pub endpoint_url: Option<String>,
    /// Access key id and secret; `None`: the default chain of environment, profile, SSO and so on.
    pub credentials: Option<(String, Secret)>,
    /// The HTTP client for every request; `None`: the SDK's default client over HTTPS.
    pub http_client: Option<SharedHttpClient>,
    /// The only certificate authorities to trust, in PEM; `None`: the system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// Whether the endpoint is on this machine, so that no proxy is used.
    pub is_loopback: bool,
}

/// The identity of the AWS caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    pub account: String,
    /// The ARN of a user, or of a session of a role; `None` if STS cannot be reached.
    #[serde(rename = "caller")]
    pub arn: Option<String>,
}

/// All clients, made from one configuration.
#[derive(Debug, Clone)]
pub struct Aws {
    pub region: Region,
    pub http: Http,
    credentials: Option<SharedCredentialsProvider>,
    agentcore: aws_sdk_bedrockagentcorecontrol::Client,
    cognito: aws_sdk_cognitoidentityprovider::Client,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    sts: aws_sdk_sts::Client,
    /// S3's endpoint, if it is not the default one.
    s3_endpoint: Option<String>,
    /// Cognito's endpoint, if it is not the default one.
    cognito_endpoint: Option<String>,
    /// Whether requests go to an endpoint that is not Amazon's.
    custom_endpoint: bool,
    /// Amazon's rates; `None` for other endpoints, which have none.
    pace: Option<Arc<Pace>>,
}

impl Aws {
    /// Builds the clients, and checks that there are credentials before any other call.
    pub async fn connect(connection: Connection) -> Result<Self, Error> {
        let config = load(&connection).await?;
        if let Some(provider) = config.credentials_provider() {
            provider.provide_credentials().await.map_err(|error| Error::no_credentials(&error))?;
        }
        let endpoint = |service_id: &str| service_endpoint(&config, connection.endpoint_url.as_ref(), service_id);
        let cognito_endpoint = endpoint("Cognito Identity Provider");
        let custom_endpoint = ["Bedrock AgentCore Control", "CloudWatch Logs", "IAM"]
            .into_iter()
            .filter_map(endpoint)
            .chain(cognito_endpoint.clone())
            .any(|url| !is_amazons(&url));
        let log = CallLog::of_region(connection.region.as_str());
        macro_rules! client {
            ($sdk:ident) => {
                $sdk::Client::from_conf(
                    $sdk::config::Builder::from(&config).interceptor(log.clone()).interceptor(BodyLimit).build(),
                )
            };
        }
        Ok(Self {
            http: Http::new(config.http_client().unwrap_or_else(client::usual)).logged(),
            credentials: config.credentials_provider(),
            agentcore: client!(aws_sdk_bedrockagentcorecontrol),
            cognito: client!(aws_sdk_cognitoidentityprovider),
            iam: client!(aws_sdk_iam),
            lambda: client!(aws_sdk_lambda),
            logs: client!(aws_sdk_cloudwatchlogs),
            sts: client!(aws_sdk_sts),
            region: connection.region,
            s3_endpoint: endpoint("S3"),
            cognito_endpoint,
            custom_endpoint,
            pace: (!custom_endpoint).then(Arc::default),
        })
    }

    /// The caller's identity. If STS cannot be reached (a network may allow some services only), the account alone,
    /// if the credentials contain it: those of SSO do, a profile's `aws_account_id`, and `AWS_ACCOUNT_ID`.
    pub async fn caller(&self) -> Result<Caller, Error> {
        let twice = RetryConfig::standard().with_max_attempts(2);
        let call = self.sts.get_caller_identity().customize();
        let call = call.config_override(aws_sdk_sts::config::Builder::new().retry_config(twice));
        match call.send().await.map_err(error::of("STS", "GetCallerIdentity")) {
            Ok(answer) => {
                let missing = || Error::unexpected("STS", "GetCallerIdentity", "the answer has no account");
                Ok(Caller { account: answer.account.ok_or_else(missing)?, arn: answer.arn })
            }
            Err(error) if error.class == Class::Unreachable => {
                let account = self.account_of_credentials().await;
                account.map(|account| Caller { account, arn: None }).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn account_of_credentials(&self) -> Option<String> {
        let credentials = self.credentials.as_ref()?.provide_credentials().await.ok()?;
        credentials.account_id().map(|account| account.as_str().to_owned())
    }

    /// Waits until an operation for gateways or targets may be called.
    async fn turn(&self, operation: &'static str) {
        if let Some(pace) = &self.pace {
            pace.turn(operation).await;
        }
    }

    /// Adds a possible cause in this region to an error: a region that the account has not enabled does not know
    /// the account's keys.
    pub fn of_region(&self, error: Error) -> Error {
        let unknown = ["InvalidClientTokenId", "UnrecognizedClientException"];
        let is_unknown = error.code.as_deref().is_some_and(|code| unknown.contains(&code));
        if !is_unknown || self.custom_endpoint || !self.region.is_opt_in() {
            return error;
        }
        let region = &self.region;
        let message = format!(
            "{}: the region {region} may not be enabled for this account (`aws account get-region-opt-status \
             --region-name {region}` tells), or the keys are not valid",
            error.message
        );
        Error { message, ..error }
    }

    /// The current time of the clock that requests are signed with.
    pub fn now(&self) -> SystemTime {
        self.agentcore.config().time_source().map_or(SystemTime::UNIX_EPOCH, |clock| clock.now())
    }

    /// The same in Unix milliseconds.
    pub fn unix_millis(&self) -> i64 {
        let since = self.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// The URL of the gateways in the console; `None` if the endpoint is not Amazon's.
    pub fn console_url(&self) -> Option<String> {
        let (region, host) = (&self.region, self.region.partition().console);
        (!self.custom_endpoint).then(|| format!("https://{region}.{host}/bedrock-agentcore/"))
    }

    /// Whether an error means that this endpoint, which is not Amazon's, does not support the operation: then no
    /// such resource can exist there.
    pub fn does_not_offer(&self, error: &Error) -> bool {
        self.custom_endpoint && error.class == Class::NotOffered
    }
}

/// The region of a profile in the shared configuration files.
pub async fn profile_region(profile: Option<&str>) -> Option<String> {
    let mut provider = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        provider = provider.profile_name(profile);
    }
    provider.build().region().await.map(|region| region.to_string())
}

/// The names of the profiles in the shared configuration files.
pub async fn profiles() -> Vec<String> {
    let Some(loaded) = profile_files(None).await else { return Vec::new() };
    let mut names: Vec<String> = loaded.profiles().map(str::to_owned).collect();
    names.sort_unstable();
    names
}

/// The CA bundle of a profile in the shared configuration files.
pub async fn profile_ca_bundle(profile: Option<&str>) -> Option<PathBuf> {
    let loaded = profile_files(profile).await?;
    loaded.get("ca_bundle").filter(|path| !path.is_empty()).map(PathBuf::from)
}

async fn profile_files(profile: Option<&str>) -> Option<ProfileSet> {
    let (fs, env) = (aws_types::os_shim_internal::Fs::real(), aws_types::os_shim_internal::Env::real());
    let usual_files = EnvConfigFiles::default();
    let profile = profile.map(|profile| profile.to_owned().into());
    aws_config::profile::load(&fs, &env, &usual_files, profile).await.ok()
}

/// The credentials provider of a profile, after checking that it returns credentials now.
pub async fn profile_credentials(profile: &str, region: &Region) -> Result<SharedCredentialsProvider, Error> {
    let provider = of_profile(profile, region, None);
    match provider.provide_credentials().await {
        Ok(_) => Ok(provider),
        Err(error) => Err(Error::no_credentials_of(profile, &error)),
    }
}

fn of_profile(profile: &str, region: &Region, http_client: Option<&SharedHttpClient>) -> SharedCredentialsProvider {
    let region = aws_config::Region::new(region.to_string());
    let mut config = ProviderConfig::default().with_region(Some(region));
    if let Some(client) = http_client {
        config = config.with_http_client(client.clone());
    }
    let provider = ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build();
    SharedCredentialsProvider::new(provider)
}

/// How calls of AWS tell who makes them, in the SDK's `User-Agent`.
const APP_NAME: &str = "agentcore-gw";

async fn load(connection: &Connection) -> Result<SdkConfig, Error> {
    let region = aws_config::Region::new(connection.region.to_string());
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .retry_config(RetryConfig::standard().with_max_attempts(5))
        .timeout_config(timeouts());
    if let Some(profile) = &connection.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &connection.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let http_client = match (&connection.http_client, &connection.ca_bundle) {
        (Some(client), _) => Some(client.clone()),
        (None, _) if connection.is_loopback => Some(client::loopback()),
        (None, Some(pem)) => Some(client::https(trusting(pem)?, ProxyConfig::from_env())),
        (None, None) => None,
    };
    if let Some((id, secret)) = &connection.credentials {
        loader = loader.credentials_provider(Credentials::new(id, secret.reveal(), None, None, "agentcore-gw"));
    } else if let Some(profile) = connection.profile.as_ref().filter(|_| connection.profile_is_explicit) {
        loader = loader.credentials_provider(of_profile(profile, &connection.region, http_client.as_ref()));
    }
    if let Some(client) = http_client {
        loader = loader.http_client(client);
    }
    let config = loader.load().await;
    // The user's own name (`AWS_SDK_UA_APP_ID`) goes first.
    match AppName::new(APP_NAME) {
        Ok(name) if config.app_name().is_none() => Ok(config.into_builder().app_name(name).build()),
        _ => Ok(config),
    }
}

/// A TLS context that trusts only these certificate authorities. The SDK does not read `AWS_CA_BUNDLE` itself.
fn trusting(pem: &[u8]) -> Result<TlsContext, Error> {
    let store = TrustStore::empty().with_pem_certificate(pem);
    let context = TlsContext::builder().with_trust_store(store).build();
    context.map_err(|error| Error::unexpected("AWS", "AWS_CA_BUNDLE", &error.to_string()))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfigBuilder::new()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(Duration::from_mins(1))
        .build()
}

/// A service's endpoint, in the SDK's order of precedence: the flag, the service's variable, the variable for
/// all services, the profile. `None` is Amazon's default.
fn service_endpoint(config: &SdkConfig, flag: Option<&String>, service_id: &str) -> Option<String> {
    if let Some(url) = flag {
        return Some(url.trim_end_matches('/').to_owned());
    }
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let configured = config.service_config().and_then(|service| service.load_config(key));
    let url = configured.or_else(|| config.endpoint_url().map(str::to_owned))?;
    Some(url.trim_end_matches('/').to_owned())
}

/// So many random bytes, in hex digits.
pub fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("the operating system's random source does not fail once a process runs");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_amazons(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = authority.split(['/', ':']).next().unwrap_or_default();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| host.ends_with(domain))
}

/// Restricts the SDK's retries of a call to throttling. For creates without an idempotency token or a unique
/// name: after any other failure with an unknown outcome the resource may exist, so the caller must look before
/// trying again.
#[derive(Debug)]
struct ThrottlingOnly<E>(PhantomData<fn() -> E>);

impl<E> ThrottlingOnly<E> {
    fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> ClassifyRetry for ThrottlingOnly<E>
where
    E: std::error::Error + ProvideErrorMetadata + CreateUnhandledError + Send + Sync + 'static,
{
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(failure)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let modelled = failure.as_operation_error().and_then(|error| error.downcast_ref::<E>());
        let throttled = modelled.is_some_and(|error| error::class_of(error.code()) == Class::Throttled);
        if throttled { RetryAction::NoActionIndicated } else { RetryAction::RetryForbidden }
    }

    fn name(&self) -> &'static str {
        "throttling only"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazons_addresses_are_told_from_others() {
        for url in [
            "https://iam.amazonaws.com",
            "https://cognito-idp-fips.us-west-2.amazonaws.com/",
            "https://vpce-1.cognito-idp.us-west-2.vpce.amazonaws.com:443",
            "https://logs.us-west-2.api.aws",
        ] {
            assert!(is_amazons(url), "{url}");
        }
        for url in ["http://127.0.0.1:7755", "https://amazonaws.com.evil.example", "http://x/.amazonaws.com"] {
            assert!(!is_amazons(url), "{url}");
        }
    }
}
