//! Outbound authorization: obtains the API key, token or signature for a gateway's calls to its targets.

mod request_auth;
mod tokens;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_credential_types::Credentials;
use futures_util::{FutureExt as _, future::BoxFuture};

pub(crate) use self::request_auth::RequestAuth;
use self::tokens::TokenCache;
use crate::{
    http::{Http, Request, Response, StreamingResponse, TransportError, sigv4::Scope},
    local::{
        server::Server,
        services::{
            State,
            agentcore::{self, Credential, CredentialProvider, Provider},
            call::Call,
        },
    },
    model::{http_request::encode, provider},
};

/// A failure's message, which is shown to callers of a gateway with exceptionLevel DEBUG.
#[derive(Debug, Clone)]
pub(crate) struct Failure(pub(crate) String);

/// The identity that calls targets: the gateway's role.
#[derive(Debug, Clone)]
pub(crate) struct CallerIdentity {
    pub(crate) role: String,
    pub(crate) region: String,
    /// Prefix of the URLs that this server hands out, as the caller reaches it.
    pub(crate) base_url: String,
}

impl CallerIdentity {
    pub(crate) fn of(gateway: &agentcore::Gateway, base_url: &str) -> Self {
        let role = gateway.text("roleArn").unwrap_or_default().to_owned();
        Self { role, region: gateway.region.clone(), base_url: base_url.to_owned() }
    }
}

/// The client for the APIs behind gateways, and the tokens for them.
#[derive(Debug)]
pub(crate) struct Upstream {
    server: Server,
    http: Http,
    timeout: Duration,
    tokens: TokenCache,
}

impl Upstream {
    /// `timeout` is how long an API may take to answer.
    pub(crate) fn new(server: Server, http: Http, timeout: Duration) -> Self {
        Self { server, http, timeout, tokens: TokenCache::default() }
    }

    /// Drops all cached tokens: what a credential provider holds may have changed.
    pub(crate) fn forget_tokens(&self) {
        self.tokens.clear();
    }
}

/// Names and values of headers, or of query parameters.
pub(crate) type Pairs = Vec<(String, String)>;

/// Headers of targets' responses that the caller is to get.
pub(crate) type PassedBack = Arc<Mutex<Pairs>>;

/// What of a caller's request goes on to a target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passing {
    pub(crate) headers: Pairs,
    pub(crate) query: Pairs,
}

/// What of a target's response goes back to the caller of this request.
#[derive(Debug, Clone, Default)]
pub(crate) struct PassingBack {
    /// The names of the headers.
    pub(crate) allowed: Vec<String>,
    pub(crate) to: PassedBack,
}

impl Passing {
    /// Adds what is passed on. What the request has already, as an argument of a tool, stays.
    fn apply_to(&self, request: &mut Request) {
        for (name, value) in &self.headers {
            if !request.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                request.headers.push((name.clone(), value.clone()));
            }
        }
        for (name, value) in &self.query {
            let (_, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
            let name = encode(name);
            if !query.split('&').any(|pair| pair.split('=').next() == Some(&name)) {
                let sign = if request.url.contains('?') { '&' } else { '?' };
                request.url = format!("{}{sign}{name}={}", request.url, encode(value));
            }
        }
    }
}

impl PassingBack {
    /// Keeps those headers of a response that carries a result.
    pub(crate) fn keep(&self, headers: &[(String, String)]) {
        let is_allowed = |name: &str| self.allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
        let allowed = headers.iter().filter(|(name, _)| is_allowed(name)).cloned();
        self.to.lock().unwrap_or_else(PoisonError::into_inner).extend(allowed);
    }
}

/// How the calls of one target are authorized.
#[derive(Clone)]
pub(crate) struct OutboundAuth {
    upstream: Arc<Upstream>,
    pub(crate) caller: CallerIdentity,
    credential: Option<Credential>,
    passing: Passing,
    back: PassingBack,
}

impl fmt::Debug for OutboundAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundAuth").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl OutboundAuth {
    pub(crate) fn new(upstream: &Arc<Upstream>, caller: CallerIdentity, credential: Option<Credential>) -> Self {
        let (passing, back) = (Passing::default(), PassingBack::default());
        Self { upstream: upstream.clone(), caller, credential, passing, back }
    }

    /// Passes this on with each request, and back from each response of [`Self::send`].
    pub(crate) fn passing(self, passing: Passing, back: PassingBack) -> Self {
        Self { passing, back, ..self }
    }

    /// The headers and query parameters that go with each request.
    pub(crate) fn passed_on(&self) -> (&Pairs, &Pairs) {
        (&self.passing.headers, &self.passing.query)
    }

    /// The timeout of a call.
    pub(crate) fn timeout(&self) -> Duration {
        self.upstream.timeout
    }

    /// Whether the gateway's role authorizes the calls, without a provider.
    pub(crate) fn is_by_role(&self) -> bool {
        self.credential.as_ref().is_none_or(|credential| credential.provider.is_none())
    }

    pub(crate) fn server(&self) -> &Server {
        &self.upstream.server
    }

    /// Sends a request, and returns the response with the credential that was used. Redirects are not followed, so that
    /// the credential is sent only to the target's own host.
    ///
    /// # Errors
    /// If there is no credential, or no response; the message then begins with `no_answer`.
    pub(crate) async fn send(&self, request: Request, no_answer: &str) -> Result<(Response, RequestAuth), Failure> {
        let Upstream { http, timeout, .. } = &*self.upstream;
        let send = |request| http.send(request, *timeout).boxed();
        let (answer, auth) = self.authorized(request, no_answer, send, |it| it.status).await?;
        self.back.keep(&answer.headers);
        Ok((answer, auth))
    }

    /// Like [`Self::send`], for a response whose body is read as it arrives, and of which nothing is passed back.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) async fn open(
        &self,
        request: Request,
        no_answer: &str,
    ) -> Result<(StreamingResponse, RequestAuth), Failure> {
        let Upstream { http, timeout, .. } = &*self.upstream;
        let send = |request| http.open(request, *timeout).boxed();
        self.authorized(request, no_answer, send, |it| it.status).await
    }

    /// Like [`Self::send`], signed with these credentials.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) async fn send_signed(
        &self,
        mut request: Request,
        (scope, credentials): (Scope, Credentials),
        no_answer: &str,
    ) -> Result<(Response, RequestAuth), Failure> {
        let auth = RequestAuth::Signature { scope, credentials };
        auth.apply_to(&mut request, self.server().clock())?;
        let answer = self.upstream.http.send(request, self.upstream.timeout).await;
        answer.map(|answer| (answer, auth)).map_err(|error| Failure(format!("{no_answer}: {}", error.problem())))
    }

    /// Sends the request with the credential. Retries once with a fresh token if a cached one was refused: it may have been
    /// revoked before it expired. `status` returns that of a response.
    async fn authorized<'a, T>(
        &'a self,
        request: Request,
        no_answer: &str,
        send: impl Fn(Request) -> BoxFuture<'a, Result<T, TransportError>>,
        status: fn(&T) -> u16,
    ) -> Result<(T, RequestAuth), Failure> {
        let mut again = self.uses_token().then(|| request.clone());
        let (mut request, mut force_refresh) = (request, false);
        loop {
            let auth = self.resolve(force_refresh).await?;
            self.passing.apply_to(&mut request);
            auth.apply_to(&mut request, self.server().clock())?;
            let answer = send(request).await;
            let answer = answer.map_err(|error| Failure(auth.redact(&format!("{no_answer}: {}", error.problem()))))?;
            match again.take().filter(|_| status(&answer) == 401) {
                Some(same) => (request, force_refresh) = (same, true),
                None => return Ok((answer, auth)),
            }
        }
    }

    fn uses_token(&self) -> bool {
        let provider = self.credential.as_ref().and_then(|credential| credential.provider.as_ref());
        matches!(provider, Some(CredentialProvider::Oauth { .. }))
    }

    /// The credential for the next request; `force_refresh` if a cached token was refused.
    async fn resolve(&self, force_refresh: bool) -> Result<RequestAuth, Failure> {
        let Some(provider) = self.credential.as_ref().and_then(|credential| credential.provider.as_ref()) else {
            return Ok(RequestAuth::Nothing);
        };
        let Self { upstream, caller, .. } = self;
        let server = &upstream.server;
        match provider {
            CredentialProvider::Iam { service, region } => Ok(RequestAuth::Signature {
                scope: Scope {
                    region: region.clone().unwrap_or_else(|| caller.region.clone()),
                    service: service.clone(),
                },
                credentials: server.credentials(),
            }),
            CredentialProvider::ApiKey {
                provider_arn,
                credential_parameter_name,
                credential_prefix,
                credential_location,
            } => {
                let (_, key) = secret_of(server, caller, provider_arn, "GetResourceApiKey")?;
                let in_query = credential_location.as_deref() == Some("QUERY_PARAMETER");
                let default = provider::default_parameter(in_query);
                let name = credential_parameter_name.clone().unwrap_or_else(|| default.to_owned());
                // AWS joins prefix and key with one space: "Bearer" gives "Bearer KEY", and "Bearer " gives two spaces (a
                // public end-to-end script and a runbook, August 2026). No default prefix has been observed.
                let value = match credential_prefix {
                    Some(prefix) => format!("{prefix} {key}"),
                    None => key.clone(),
                };
                Ok(if in_query {
                    RequestAuth::Query { name, value, secret: key }
                } else {
                    RequestAuth::Header { name, value, secret: key }
                })
            }
            CredentialProvider::Oauth { provider_arn, scopes, custom_parameters, .. } => {
                let cleared = upstream.tokens.cleared();
                let (provider, secret) = secret_of(server, caller, provider_arn, "GetResourceOauth2Token")?;
                let key = format!("{provider_arn}\n{scopes:?}\n{custom_parameters:?}");
                let token = match upstream.tokens.get(&key, server.now()).filter(|_| !force_refresh) {
                    Some(token) => token,
                    None => {
                        let client = (&provider, secret.as_str());
                        let (token, ttl) = tokens::fetch(upstream, caller, client, scopes, custom_parameters).await?;
                        upstream.tokens.insert(key, token.clone(), (server.now(), ttl), cleared);
                        token
                    }
                };
                let value = format!("Bearer {token}");
                Ok(RequestAuth::Header { name: "Authorization".to_owned(), value, secret: token })
            }
        }
    }
}

/// Returns a provider and its secret (AgentCore developer guide, "Set up permissions for AgentCore Gateway").
///
/// # Errors
///
/// If the provider or the secret does not exist, or if the gateway's role may not read them.
fn secret_of(server: &Server, caller: &CallerIdentity, arn: &str, action: &str) -> Result<(Provider, String), Failure> {
    let call = server.call_in(&caller.region, &caller.base_url);
    server.read(|state| {
        let provider = state.agentcore.provider(arn);
        let provider = provider.ok_or_else(|| Failure(format!("Credential provider {arn} does not exist")))?;
        check_allowed(state, &call, caller, arn, action, &provider.secret.arn)?;
        let secret = state.secrets.member(&provider.secret.arn, &provider.secret.json_key);
        let missing = || {
            let (secret, key) = (&provider.secret.arn, &provider.secret.json_key);
            Failure(format!("The secret {secret} has no text under the key {key}"))
        };
        Ok((provider.clone(), secret.ok_or_else(missing)?))
    })
}

fn check_allowed(
    state: &State,
    call: &Call,
    caller: &CallerIdentity,
    provider: &str,
    action: &str,
    secret: &str,
) -> Result<(), Failure> {
    // GetWorkloadAccessToken on the gateway's workload identity is not checked: the developer guide asks for it
    // ("Set up permissions for AgentCore Gateway"), the policy of AWS's starter toolkit does not have it. The roles
    // that this program creates allow it.
    let action = format!("bedrock-agentcore:{action}");
    for (action, resource) in [(action.as_str(), provider), ("secretsmanager:GetSecretValue", secret)] {
        if !state.iam.allows(&caller.role, action, Some(resource), None, call) {
            return Err(Failure(format!(
                "Access denied: the gateway execution role {} is not authorized to perform {action} on {resource}",
                caller.role
            )));
        }
    }
    Ok(())
}
