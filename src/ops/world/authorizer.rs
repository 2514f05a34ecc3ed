//! The OAuth authorizer: user pool, domain, resource server, client, and a token request that verifies them.

use std::time::Duration;

use tokio::time::Instant;

use super::{AwsWorld, Error, ResourceKind, SETTLE};
use crate::{
    aws::{
        self, Aws, cognito,
        wait::{self, Poll},
    },
    model::{
        naming::{SCOPE_NAME, StackNames, consumer_of},
        spec::AuthorizerSpec,
    },
    ops::{
        apply::{Issued, Output, Outputs},
        event::Change,
        plan::{self, Step},
        stack::DOMAIN_ATTEMPTS,
        token::{self, TokenRequest},
    },
};

/// How often to repeat a create request whose response was lost, each time after a lookup.
const DOUBTFUL_ATTEMPTS: u32 = 3;

/// How long the name of a new domain may take to resolve. A lookup before that makes the resolver answer "no
/// such name" for 900 seconds, the zone's negative TTL (measured once: 180 look-ups in nine minutes, the name
/// long published).
const RESOLVES: Duration = Duration::from_secs(90);

/// How long to wait for the OpenID document of a new pool (see [`cognito::whole_document`]).
const PUBLISHED: Duration = Duration::from_mins(2);

impl AwsWorld<'_> {
    /// Pool names are not unique, so if the outcome of a create is unknown, look before creating again.
    pub(super) async fn user_pool(&self) -> Result<(Change, Output), Error> {
        let name = &self.names().user_pool;
        let mut outcome_unknown = false;
        for _ in 0..DOUBTFUL_ATTEMPTS {
            match cognito::create_pool(self.run.aws, name, &self.tags()).await {
                Ok(pool) => return Ok((Change::Created, Output::Pool { id: pool.id, outcome_unknown })),
                Err(error) if !error.outcome_unknown => return Err(error.into()),
                Err(_) => outcome_unknown = true,
            }
            let pools = cognito::pools_named(self.run.aws, name).await?;
            let mut ours = pools.into_iter().filter(|pool| self.names().owns(&pool.tags));
            if let Some(pool) = ours.next() {
                return Ok((Change::Created, Output::Pool { id: pool.id, outcome_unknown }));
            }
        }
        let pool = cognito::create_pool(self.run.aws, name, &self.tags()).await?;
        Ok((Change::Created, Output::Pool { id: pool.id, outcome_unknown }))
    }

    /// The domain is the mutex of racing runs: the run that gets it keeps its pool; the other deletes its own pool
    /// and continues with the winner's.
    pub(super) async fn domain(&self, made: &Outputs) -> Result<(Change, Output), Error> {
        let pool_id = made.pool_id()?;
        let mut refused = None;
        for attempt in 0..DOMAIN_ATTEMPTS {
            let domain = self.names().domain(&self.stack.caller.account, attempt);
            match cognito::create_domain(self.run.aws, &domain, pool_id).await {
                Ok(()) => return Ok((Change::Created, Output::Domain(domain))),
                Err(error) if error.is_not_found() => return Err(Error::Raced),
                Err(error) if error.code.as_deref() == Some("InvalidParameterException") => refused = Some(error),
                Err(error) => return Err(error.into()),
            }
            let Some(owner) = cognito::find_domain(self.run.aws, &domain).await? else { continue };
            if owner.pool_id == pool_id {
                return Ok((Change::Created, Output::Domain(domain)));
            }
            // Another account's pool cannot be read: try the next name.
            let pool = cognito::find_pool(self.run.aws, &owner.pool_id).await.ok().flatten();
            let ours = pool.is_some_and(|pool| self.names().owns(&pool.tags));
            if ours {
                cognito::find_and_delete_pool(self.run.aws, pool_id).await?;
                return Err(Error::Raced);
            }
        }
        Err(refused.map_or(Error::Raced, Error::from))
    }

    pub(super) async fn resource_server(&self, made: &Outputs) -> Result<(Change, Output), Error> {
        let (pool_id, identifier) = (made.pool_id()?, &self.names().resource_server);
        match cognito::create_resource_server(self.run.aws, pool_id, identifier, SCOPE_NAME).await {
            Ok(()) => Ok((Change::Created, Output::Nothing)),
            Err(error) if error.is_not_found() => Err(Error::Raced),
            // Cognito has no distinct error type for an existing resource server.
            Err(error) if cognito::has_resource_server(self.run.aws, pool_id, identifier).await? => {
                tracing::debug!("{error}");
                Ok((Change::Unchanged, Output::Nothing))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn app_client(&self, made: &Outputs) -> Result<(Change, Output), Error> {
        let (pool_id, names) = (made.pool_id()?, self.names());
        let scopes = std::slice::from_ref(&names.scope);
        match create_client(self.run.aws, pool_id, &names.app_client, scopes).await {
            Ok((client, outcome_unknown)) => Ok((Change::Created, Output::Client { client, outcome_unknown })),
            Err(error) if error.is_not_found() => Err(Error::Raced),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for the OpenID document of a new pool, for a limited time; the gateway is created in either case, and
    /// AWS decides. Returns the discovery URL, if the document gives one.
    pub(super) async fn discovery_url(&self, step: &Step, made: &Outputs) -> Result<Option<String>, Error> {
        // An emulator may never serve one. If it fails gateways for that, as the local AWS does when configured to be
        // late, they are created again.
        if self.plan.authorizer != AuthorizerSpec::Cognito || !self.pool_is_new() || cognito::is_emulated(self.run.aws)
        {
            return Ok(None);
        }
        let (pool_id, begin) = (made.pool_id()?, Instant::now());
        let document = wait::until(&self.deadline, self.on_wait(step), async || {
            Ok::<_, Error>(match cognito::whole_document(self.run.aws, pool_id).await {
                Err(lack) if begin.elapsed() < PUBLISHED => Poll::Pending(lack),
                document => Poll::Ready(document.ok().flatten()),
            })
        })
        .await?;
        Ok(document.and_then(|document| cognito::configured_discovery_url(self.run.aws, pool_id, &document)))
    }

    /// Verifies as the last step that a token is issued: the domain is ACTIVE, and its name resolves.
    pub(super) async fn token_endpoint(&self, step: &Step, made: &Outputs) -> Result<(Change, Output), Error> {
        let (pool_id, domain) = (made.pool_id()?, made.domain()?);
        let request = token_request(self.run.aws, (pool_id, domain), made.client()?, self.names()).await;
        let request = match request {
            // It works for whoever has the secret.
            Err(error @ Error::SecretGone { .. }) => {
                return Ok((Change::Unchanged, Output::Warning(format!("no token was asked for: {error}"))));
            }
            request => request?,
        };
        if !self.wait {
            return Ok((Change::Unchanged, Output::Tokens(request, Issued::NotAsked)));
        }
        let is_fresh = self.plan.interrupted || self.plan.steps.iter().any(is_new_for_tokens);
        let has_new_name =
            |step: &Step| step.resource.kind == ResourceKind::Domain && step.action != plan::Action::Keep;
        let has_new_name = self.plan.interrupted || self.plan.steps.iter().any(has_new_name);
        if has_new_name && !cognito::is_emulated(self.run.aws) {
            let seconds = RESOLVES.as_secs();
            self.on_wait(step)(&format!(
                "asking for a token in {seconds} s: a resolver that is asked too early remembers for 15 minutes that \
                 there is no such name"
            ));
            wait::until_moment(Instant::now() + RESOLVES, self.run.stop).await?;
        }
        let mut is_active = self.stack.active_domain.as_deref() == Some(domain);
        let issued = wait::until(&self.deadline, self.on_wait(step), async || {
            is_active =
                is_active || cognito::find_domain(self.run.aws, domain).await?.is_some_and(|domain| domain.active);
            if !is_active {
                return Ok(Poll::Pending("the user pool domain is not ACTIVE yet".to_owned()));
            }
            match token::fetch(&self.run.aws.http, &request).await {
                Ok(_) => Ok(Poll::Ready(Issued::Yes)),
                Err(error @ Error::NotOAuth { .. }) if cognito::is_emulated(self.run.aws) => {
                    Ok(Poll::Ready(Issued::No(format!("this endpoint issues no tokens: {error}"))))
                }
                // Resources from before this run are known everywhere: the refusal is final.
                Err(error @ Error::Token { .. }) if !is_fresh => Err(error),
                Err(error @ (Error::Transport(_) | Error::Token { .. } | Error::NotOAuth { .. })) => {
                    Ok(Poll::Pending(error.to_string()))
                }
                Err(error) => Err(error),
            }
        });
        let issued = issued.await?;
        Ok((Change::Unchanged, Output::Tokens(request, issued)))
    }

    /// Deletes pools and clients of the stack that nothing uses. After interrupted work, or if a create's outcome
    /// is unknown, first waits until lists no longer hide any.
    pub(super) async fn orphans(&self, step: &Step, made: &Outputs) -> Result<(Change, Output), Error> {
        if step.action == plan::Action::Keep && !made.outcome_unknown {
            return Ok((Change::Unchanged, Output::Nothing));
        }
        let (pool_id, client_id) = (made.pool_id()?, &made.client()?.id);
        if self.wait {
            let until_then = (self.begun + SETTLE).saturating_duration_since(Instant::now()).as_secs();
            self.on_wait(step)(&format!(
                "looking for second pools and clients in {until_then} s, when lists show everything"
            ));
            wait::until_moment(self.begun + SETTLE, self.run.stop).await?;
        }
        let mut change = Change::Unchanged;
        for pool in cognito::pools_named(self.run.aws, &self.names().user_pool).await? {
            let ours = self.names().owns(&pool.tags);
            if ours && pool.id != pool_id {
                cognito::delete_pool(self.run.aws, &pool.id, pool.domain.as_deref()).await?;
                change = Change::Deleted;
            }
        }
        for client in cognito::clients_named(self.run.aws, pool_id, &self.names().app_client).await? {
            if client.id != *client_id {
                cognito::delete_client(self.run.aws, pool_id, &client.id).await?;
                change = Change::Deleted;
            }
        }
        Ok((change, Output::Nothing))
    }
}

/// Whether a step creates something that issuing tokens depends on.
fn is_new_for_tokens(step: &Step) -> bool {
    let kind = step.resource.kind;
    let is_needed = matches!(
        kind,
        ResourceKind::UserPool | ResourceKind::Domain | ResourceKind::ResourceServer | ResourceKind::AppClient
    );
    is_needed && step.action != plan::Action::Keep
}

/// Creates a client. Names are not unique: if the outcome of a create is unknown, it looks before it creates again. True
/// if it was unknown, so that there may be two of them.
pub async fn create_client(
    aws: &Aws,
    pool_id: &str,
    name: &str,
    scopes: &[String],
) -> Result<(cognito::AppClient, bool), aws::Error> {
    let mut outcome_unknown = false;
    for _ in 0..DOUBTFUL_ATTEMPTS {
        match cognito::create_client(aws, pool_id, name, scopes).await {
            Err(error) if error.outcome_unknown => outcome_unknown = true,
            made => return Ok((made?, outcome_unknown)),
        }
        if let Some(client) = cognito::clients_named(aws, pool_id, name).await?.into_iter().next() {
            return Ok((client, outcome_unknown));
        }
    }
    Ok((cognito::create_client(aws, pool_id, name, scopes).await?, outcome_unknown))
}

/// How a client of a pool with this domain requests a token.
///
/// # Errors
/// If nobody can read the client's secret any more.
pub async fn token_request(
    aws: &Aws,
    (pool_id, domain): (&str, &str),
    client: &cognito::AppClient,
    names: &StackNames,
) -> Result<TokenRequest, Error> {
    let gone = || Error::SecretGone {
        gateway: names.gateway.to_string(),
        client: client.id.clone(),
        consumer: consumer_of(&client.name).map(str::to_owned),
    };
    Ok(TokenRequest {
        client_secret: client.secret.clone().ok_or_else(gone)?,
        endpoint: cognito::token_endpoint(aws, pool_id, domain).await,
        client_id: client.id.clone(),
        scope: if client.scopes.is_empty() { names.scope.clone() } else { client.scopes.join(" ") },
    })
}
