//! Further consumers of a gateway: app clients of the stack's user pool, each with its own secret and scopes, which the
//! gateway allows.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, future::join, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Error, Resource, ResourceKind, converge,
    event::{Change, Event},
    run::Run,
    stack::Stack,
    token::{self, TokenRequest},
    world,
};
use crate::{
    aws::{
        self, Aws,
        cognito::{self, AppClient, ClientSecret, LOOKS_AT_ONCE},
        wait::{self, Deadline, Poll},
    },
    model::{
        gateway::{ALLOWED_CLIENTS, ALLOWED_SCOPES},
        naming::{CONSUMER_PREFIX, consumer_of},
        patch::Patch,
        secret::Secret,
        spec::GatewaySpec,
    },
};

/// How long a new client or secret may take until a token is issued for it. AWS gives no bound.
const SPREADS: Duration = Duration::from_mins(2);

/// How long to try a secret that may have been added, or not.
const LOST: Duration = Duration::from_secs(10);

/// An app client of the gateway's pool.
#[derive(Debug)]
pub struct Consumer {
    /// Its name, without our prefix; of a client that was made by other means its whole name.
    pub name: String,
    pub client: AppClient,
    /// Whether the gateway allows it.
    pub allowed: bool,
    /// Whether it is the stack's own client, or was made by `client add`.
    pub origin: Origin,
    /// Its secrets; `None` if the endpoint does not tell.
    pub secrets: Option<Vec<ClientSecret>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Stack,
    Command,
    Other,
}

/// A consumer that was added or got a secret, with what it signs in with.
#[derive(Debug)]
pub struct Ready {
    pub tokens: TokenRequest,
    pub change: Change,
    pub warnings: Vec<String>,
}

/// The pool and the domain of a stack whose gateway takes its tokens.
fn pool_of<'a>(aws: &Aws, stack: &'a Stack) -> Result<(&'a str, &'a str), Error> {
    let parts = stack.issuer(aws).and_then(|pool| Some((pool.id.as_str(), pool.domain.as_deref()?)));
    parts.ok_or_else(|| Error::NoClient(stack.names.gateway.to_string()))
}

fn allowed_by(stack: &Stack) -> Vec<String> {
    let jwt = stack.gateway.as_ref().map(|gateway| gateway.document.jwt_authorizer()["allowedClients"].clone());
    jwt.and_then(|clients| serde_json::from_value(clients).ok()).unwrap_or_default()
}

/// All clients of the gateway's pool, oldest first.
pub async fn list(aws: &Aws, stack: &Stack) -> Result<Vec<Consumer>, Error> {
    let (pool_id, _) = pool_of(aws, stack)?;
    let allowed = allowed_by(stack);
    let looks = stream::iter(cognito::listed_clients(aws, pool_id).await?).map(async |(id, _): (String, String)| {
        let seen = stack.client.iter().chain(&stack.allowed_clients).find(|client| client.id == id).cloned();
        let client = async {
            match seen {
                Some(client) => Ok(Some(client)),
                None => cognito::find_client(aws, pool_id, &id).await,
            }
        };
        let (client, secrets) = join(client, cognito::secrets(aws, pool_id, &id)).await;
        let Some(client) = client? else { return Ok(None) };
        let secrets = match secrets {
            Err(error) if aws.does_not_offer(&error) || client.secret.is_none() => None,
            secrets => Some(secrets?),
        };
        let (name, origin) = match consumer_of(&client.name) {
            Some(name) => (name.to_owned(), Origin::Command),
            None if client.name == stack.names.app_client => (client.name.clone(), Origin::Stack),
            None => (client.name.clone(), Origin::Other),
        };
        Ok::<_, Error>(Some(Consumer { name, allowed: allowed.contains(&client.id), client, origin, secrets }))
    });
    let found: Vec<Option<Consumer>> = looks.buffered(LOOKS_AT_ONCE).try_collect().await?;
    let mut consumers: Vec<Consumer> = found.into_iter().flatten().collect();
    consumers.sort_by_key(|consumer| consumer.client.age());
    Ok(consumers)
}

/// Makes a client, lets the gateway allow it, and proves that a token is issued for it. One that is there is completed.
/// `scopes` are full scopes, `{resource server}/{scope}`; empty for the gateway's own.
///
/// # Errors
/// Also if the client is there with other scopes.
pub async fn add(run: Run<'_>, stack: &Stack, name: &str, scopes: &[String]) -> Result<Ready, Error> {
    let (pool_id, domain) = pool_of(run.aws, stack)?;
    run.observer.on_event(Event::Acting(stack.caller.clone(), run.aws.region.clone()));
    let mut wanted = if scopes.is_empty() { vec![stack.names.scope.clone()] } else { scopes.to_vec() };
    wanted.sort();
    wanted.dedup();
    let full_name = format!("{CONSUMER_PREFIX}{name}");
    let mut existing = cognito::clients_named(run.aws, pool_id, &full_name).await?;
    let resource = Resource::new(ResourceKind::Consumer, name);
    let allowed = allowed_by(stack);
    let kept = current(&existing, &allowed);
    if let Some(client) = kept.as_ref().filter(|client| !scopes.is_empty() && !same(&client.scopes, &wanted)) {
        let has = client.scopes.join(" ");
        return Err(Error::OtherScopes { client: name.to_owned(), gateway: stack.names.gateway.to_string(), has });
    }
    let (client, change) = match kept {
        Some(client) => (client, Change::Unchanged),
        None => {
            let made = finished(run, &resource, make(run, stack, pool_id, (&full_name, &wanted))).await?;
            // Of two runs at once, both take the older one.
            existing = cognito::clients_named(run.aws, pool_id, &full_name).await?;
            (existing.first().cloned().unwrap_or(made), Change::Created)
        }
    };
    let surplus: Vec<String> = existing.into_iter().map(|other| other.id).filter(|other| *other != client.id).collect();
    let mut patch = Patch::default();
    patch.include(ALLOWED_CLIENTS, std::slice::from_ref(&client.id));
    patch.exclude(ALLOWED_CLIENTS, &surplus);
    // Where the gateway asks for scopes, it asks for this client's, too.
    let taken = stack.gateway.as_ref().map(|gateway| gateway.document.jwt_authorizer()["allowedScopes"].clone());
    if let Some(Value::Array(taken)) = taken
        && !client.scopes.iter().any(|scope| taken.contains(&json!(scope)))
    {
        patch.include(ALLOWED_SCOPES, &client.scopes);
    }
    let made = converge::change(run, &settings(run.aws, stack, patch), true, stack).await?;
    for other in &surplus {
        cognito::delete_client(run.aws, pool_id, other).await?;
    }
    let change = if made.changed && change == Change::Unchanged { Change::Updated } else { change };
    let tokens = world::token_request(run.aws, (pool_id, domain), &client, &stack.names).await?;
    let mut warnings: Vec<String> = prove(run, &resource, &tokens).await?.into_iter().collect();
    // An endpoint that has one secret for each client has no rotations.
    let may_have_two = change != Change::Created;
    if may_have_two && cognito::secrets(run.aws, pool_id, &client.id).await.is_ok_and(|secrets| secrets.len() > 1) {
        warnings.push("it has two secrets: this is the older one, which the end of the rotation deletes".to_owned());
    }
    Ok(Ready { tokens, change, warnings })
}

/// Of several clients of one name, oldest first, which a run that was killed may have left: the one that the last whole
/// run printed, which the gateway allows.
fn current(clients: &[AppClient], allowed: &[String]) -> Option<AppClient> {
    let place = |client: &&AppClient| allowed.iter().rposition(|id| *id == client.id);
    clients.iter().max_by_key(place).cloned()
}

fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|scope| other.contains(scope))
}

/// Makes a client, with the scopes of the stack's own resource server that it lacks.
async fn make(
    run: Run<'_>,
    stack: &Stack,
    pool_id: &str,
    (name, scopes): (&str, &[String]),
) -> Result<AppClient, Error> {
    let prefix = format!("{}/", stack.names.resource_server);
    // The stack's own scope came with its resource server.
    let is_there = |scope: &&String| stack.resource_server && **scope == stack.names.scope;
    let lacking = scopes.iter().filter(|scope| !is_there(scope));
    let own: Vec<&str> = lacking.filter_map(|scope| scope.strip_prefix(&prefix)).collect();
    if !own.is_empty() {
        cognito::add_scopes(run.aws, pool_id, &stack.names.resource_server, &own).await?;
    }
    Ok(world::create_client(run.aws, pool_id, name, scopes).await?.0)
}

/// A change of nothing but the gateway's settings.
fn settings(aws: &Aws, stack: &Stack, patch: Patch) -> GatewaySpec {
    let unchanged = GatewaySpec::unchanged(stack.names.gateway.clone(), aws.region.clone());
    GatewaySpec { patch, adopt: true, settings_only: true, ..unchanged }
}

/// Has a token issued, and waits while the client or its secret may not be known everywhere. Returns a warning if the
/// endpoint, an emulator, issues none.
async fn prove(run: Run<'_>, resource: &Resource, tokens: &TokenRequest) -> Result<Option<String>, Error> {
    prove_within(SPREADS, run, resource, tokens).await
}

/// The same, for at most this long.
async fn prove_within(
    limit: Duration,
    run: Run<'_>,
    resource: &Resource,
    tokens: &TokenRequest,
) -> Result<Option<String>, Error> {
    let on_wait = |reason: &str| run.observer.on_event(Event::Waiting(resource.clone(), reason.to_owned()));
    let begin = Instant::now();
    wait::until(&Deadline::of(run.stop), on_wait, async || match token::fetch(&run.aws.http, tokens).await {
        Ok(_) => Ok(Poll::Ready(None)),
        Err(error @ Error::NotOAuth { .. }) if cognito::is_emulated(run.aws) => {
            Ok(Poll::Ready(Some(format!("this endpoint issues no tokens: {error}"))))
        }
        Err(error @ (Error::Transport(_) | Error::Token { .. } | Error::NotOAuth { .. }))
            if begin.elapsed() < limit =>
        {
            Ok(Poll::Pending(error.to_string()))
        }
        Err(error) => Err(error),
    })
    .await
}

/// Reports how a step begins and ends.
async fn finished<T>(
    run: Run<'_>,
    resource: &Resource,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let begin = Instant::now();
    run.observer.on_event(Event::Started(resource.clone()));
    let done = step.await;
    run.observer.on_event(match &done {
        Ok(_) => Event::Finished(resource.clone(), Change::Created, begin.elapsed()),
        Err(_) => Event::Failed(resource.clone()),
    });
    done
}

/// A new secret, of the characters that Cognito takes (service model, `ClientSecretType`: 24 to 64 of them).
pub fn new_secret() -> Secret {
    Secret::new(aws::random_hex(24))
}

/// Takes a consumer from the gateway's clients, and deletes it. False if there was none.
pub async fn remove(run: Run<'_>, stack: &Stack, name: &str) -> Result<bool, Error> {
    let (pool_id, _) = pool_of(run.aws, stack)?;
    run.observer.on_event(Event::Acting(stack.caller.clone(), run.aws.region.clone()));
    let found = cognito::clients_named(run.aws, pool_id, &format!("{CONSUMER_PREFIX}{name}")).await?;
    let ids: Vec<String> = found.into_iter().map(|client| client.id).collect();
    let mut patch = Patch::default();
    patch.exclude(ALLOWED_CLIENTS, &ids);
    if !patch.is_empty() {
        converge::change(run, &settings(run.aws, stack, patch), true, stack).await?;
    }
    for id in &ids {
        let resource = Resource::new(ResourceKind::Consumer, name);
        let begin = Instant::now();
        run.observer.on_event(Event::Started(resource.clone()));
        cognito::delete_client(run.aws, pool_id, id).await?;
        run.observer.on_event(Event::Finished(resource, Change::Deleted, begin.elapsed()));
    }
    Ok(!ids.is_empty())
}

/// A consumer's client, which must exist, with its secrets.
async fn found(run: Run<'_>, stack: &Stack, name: &str) -> Result<(AppClient, Vec<ClientSecret>), Error> {
    let (pool_id, _) = pool_of(run.aws, stack)?;
    let clients = cognito::clients_named(run.aws, pool_id, &format!("{CONSUMER_PREFIX}{name}")).await?;
    let client = current(&clients, &allowed_by(stack));
    let missing = || Error::NoConsumer { client: name.to_owned(), gateway: stack.names.gateway.to_string() };
    let client = client.ok_or_else(missing)?;
    let secrets = cognito::secrets(run.aws, pool_id, &client.id).await?;
    Ok((client, secrets))
}

/// Adds a second secret of this value to a consumer, and proves that a token is issued for it; the other one stays valid.
/// With `replace` the newer one of two goes first.
///
/// # Errors
/// Also if it has two secrets, and `replace` is not set.
pub async fn rotate(
    run: Run<'_>,
    stack: &Stack,
    (name, secret): (&str, Secret),
    replace: bool,
) -> Result<Ready, Error> {
    let (pool_id, domain) = pool_of(run.aws, stack)?;
    run.observer.on_event(Event::Acting(stack.caller.clone(), run.aws.region.clone()));
    let (client, secrets) = found(run, stack, name).await?;
    if let [_, newer] = secrets.as_slice() {
        if !replace {
            let (client, gateway) = (name.to_owned(), stack.names.gateway.to_string());
            return Err(Error::RotationOpen { client, gateway });
        }
        cognito::delete_secret(run.aws, pool_id, &client.id, &newer.id).await?;
    }
    let resource = Resource::new(ResourceKind::Consumer, name);
    let added = cognito::add_secret(run.aws, pool_id, &client.id, &secret).await;
    let mut client = client;
    client.secret = Some(secret);
    let tokens = world::token_request(run.aws, (pool_id, domain), &client, &stack.names).await?;
    let warning = match added {
        Ok(()) => prove(run, &resource, &tokens).await?,
        // Another run was faster; or the response to an earlier try was lost: then the token request works.
        Err(error) if error.code.as_deref() == Some("LimitExceededException") => {
            let (client, gateway) = (name.to_owned(), stack.names.gateway.to_string());
            prove_within(LOST, run, &resource, &tokens).await.map_err(|error| match error {
                Error::Token { .. } | Error::NotOAuth { .. } => Error::RotationOpen { client, gateway },
                error => error,
            })?
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Ready { tokens, change: Change::Updated, warnings: warning.into_iter().collect() })
}

/// Ends a rotation: deletes the older one of a consumer's two secrets. False if it has one only.
pub async fn finish_rotation(run: Run<'_>, stack: &Stack, name: &str) -> Result<bool, Error> {
    let (pool_id, _) = pool_of(run.aws, stack)?;
    run.observer.on_event(Event::Acting(stack.caller.clone(), run.aws.region.clone()));
    let (client, secrets) = found(run, stack, name).await?;
    let [older, _] = secrets.as_slice() else { return Ok(false) };
    Ok(cognito::delete_secret(run.aws, pool_id, &client.id, &older.id).await?)
}
