//! Reads what a stack has for tokens: its pool with domain, resource server and clients.

use std::collections::BTreeMap;

use futures_util::future::{join3, try_join_all, try_join3};
use serde_json::Value;

use super::{DOMAIN_ATTEMPTS, Depth, Discovery, Error, Stack};
use crate::{
    aws::{
        self,
        agentcore::ApiDocument,
        cognito::{self, AppClient, Domain, Pool},
    },
    model::naming::consumer_of,
};

impl Discovery<'_> {
    /// The stack's pools by name, where everything is looked for.
    pub(super) async fn listed_pools(&self) -> Result<Option<Vec<Pool>>, Error> {
        if self.depth == Depth::Usual {
            return Ok(None);
        }
        self.own_pools().await.map(Some)
    }

    async fn own_pools(&self) -> Result<Vec<Pool>, Error> {
        let mut listed = self.tolerating(cognito::pools_named(self.aws, &self.names.user_pool)).await?;
        listed.retain(|pool| self.owns_pool(pool));
        Ok(listed)
    }

    /// The stack's pool that has the stack's domain, whose first choice was looked up; none if that is `known`.
    async fn pool_of_domain(
        &self,
        account: &str,
        domain: Option<Domain>,
        known: impl Fn(&str) -> bool,
    ) -> Result<Option<Pool>, Error> {
        let mut domain = domain;
        for attempt in 1..=DOMAIN_ATTEMPTS {
            let Some(found) = domain.filter(|domain| !known(&domain.pool_id)) else { return Ok(None) };
            // Another account's pool cannot be read; the stack's domain then has the next name.
            let pool = cognito::find_pool(self.aws, &found.pool_id).await;
            if let Ok(Some(pool)) = pool
                && self.owns_pool(&pool)
            {
                return Ok(Some(pool));
            }
            if attempt == DOMAIN_ATTEMPTS {
                break;
            }
            domain = self.tolerating(cognito::find_domain(self.aws, &self.names.domain(account, attempt))).await?;
        }
        Ok(None)
    }

    /// Finds the pool, its resource server and its client: those that the gateway refers to, else those that an
    /// interrupted run left; and the surplus ones.
    pub(super) async fn authorizer(
        &self,
        gateway: Option<&ApiDocument>,
        (domain, listed): (Option<Domain>, Option<Vec<Pool>>),
        account: &str,
    ) -> Result<Authorizer, Error> {
        let jwt = gateway.map(|gateway| gateway.jwt_authorizer().clone()).unwrap_or_default();
        let named = jwt["discoveryUrl"].as_str().and_then(|url| cognito::pool_of_discovery_url(self.aws, url));
        let seen = |id: &str| listed.iter().flatten().find(|pool| pool.id == id).cloned();
        let is_known = |id: &str| named.as_deref() == Some(id) || seen(id).is_some();
        let (of_named, domain_pool, consumers) = try_join3(
            Box::pin(self.named_pool(named.as_deref(), seen, &jwt)),
            self.pool_of_domain(account, domain, is_known),
            self.consumers(named.as_deref()),
        )
        .await?;
        let mut found = Authorizer { consumers, ..Authorizer::default() };
        let NamedPool { pool, server, clients } = of_named;
        let mut pool = match (pool, named) {
            (Ok(Some(pool)), _) => Some(pool).filter(|pool| self.owns_pool(pool)),
            // A pool of another account cannot be read either, but exists.
            (Ok(None), Some(id)) if !cognito::is_published(self.aws, &id).await => {
                found.lost_pool = Some(id);
                None
            }
            _ => None,
        };
        let is_named = pool.is_some();
        let settled = gateway.is_some_and(ApiDocument::is_ready) && is_named;
        let listed = match listed {
            Some(listed) => listed,
            None if settled => Vec::new(),
            None => self.own_pools().await?,
        };
        let ours: Vec<Pool> = domain_pool.into_iter().chain(listed).collect();
        if pool.is_none() {
            pool = ours.first().cloned();
        }
        let Some(pool) = pool else { return Ok(found) };
        let surplus: BTreeMap<String, Pool> = ours.into_iter().map(|other| (other.id.clone(), other)).collect();
        found.orphaned_pools = surplus.into_values().filter(|other| other.id != pool.id).collect();
        if is_named {
            found.resource_server = server?;
            found.allowed_clients = clients?;
            let own = found.allowed_clients.iter().position(|client| client.name == self.names.app_client);
            found.client = own.map(|own| found.allowed_clients.remove(own));
        } else {
            let server = cognito::has_resource_server(self.aws, &pool.id, &self.names.resource_server);
            found.resource_server = self.tolerating(server).await?;
        }
        if found.client.is_none() {
            let mut clients =
                self.tolerating(cognito::clients_named(self.aws, &pool.id, &self.names.app_client)).await?.into_iter();
            found.client = clients.next();
            found.orphaned_clients = clients.map(|client| client.id).collect();
        }
        if !is_named {
            found.consumers = self.consumers(Some(&pool.id)).await?;
        }
        found.pool = Some(pool);
        Ok(found)
    }

    /// The pool that a gateway refers to, unless it was `seen` already, with its resource server and client.
    async fn named_pool(
        &self,
        id: Option<&str>,
        seen: impl Fn(&str) -> Option<Pool>,
        jwt: &Value,
    ) -> Result<NamedPool, Error> {
        let Some(id) = id else { return Ok(NamedPool { pool: Ok(None), server: Ok(false), clients: Ok(Vec::new()) }) };
        let allowed: Vec<&str> =
            jwt["allowedClients"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let pool = async {
            match seen(id) {
                Some(pool) => Ok(Ok(Some(pool))),
                None => self.tolerated(cognito::find_pool(self.aws, id)).await,
            }
        };
        let (pool, server, clients) = join3(
            pool,
            self.tolerating(cognito::has_resource_server(self.aws, id, &self.names.resource_server)),
            self.clients_of(id, &allowed),
        )
        .await;
        Ok(NamedPool { pool: pool?, server, clients })
    }

    /// The names of a pool's clients other than the stack's own. Only cleanup shows them.
    async fn consumers(&self, pool_id: Option<&str>) -> Result<Vec<String>, Error> {
        let Some(pool_id) = pool_id.filter(|_| self.depth == Depth::Thorough) else { return Ok(Vec::new()) };
        let listed = self.tolerating(cognito::listed_clients(self.aws, pool_id)).await?;
        let others = listed.into_iter().filter(|(_, name)| *name != self.names.app_client);
        Ok(others.map(|(_, name)| consumer_of(&name).map_or(name.clone(), str::to_owned)).collect())
    }

    /// The clients of a pool that the gateway allows; the user may have added others than the stack's own.
    async fn clients_of(&self, pool_id: &str, allowed: &[&str]) -> Result<Vec<AppClient>, Error> {
        let looks = allowed.iter().map(|id| self.tolerating(cognito::find_client(self.aws, pool_id, id)));
        Ok(try_join_all(looks).await?.into_iter().flatten().collect())
    }
}

/// What is known of the pool that a gateway refers to. The errors count only if the pool is the stack's.
struct NamedPool {
    pool: Result<Option<Pool>, aws::Error>,
    server: Result<bool, Error>,
    clients: Result<Vec<AppClient>, Error>,
}

/// What the stack has for tokens.
#[derive(Default)]
pub(super) struct Authorizer {
    pool: Option<Pool>,
    lost_pool: Option<String>,
    resource_server: bool,
    client: Option<AppClient>,
    allowed_clients: Vec<AppClient>,
    orphaned_pools: Vec<Pool>,
    orphaned_clients: Vec<String>,
    consumers: Vec<String>,
}

impl Authorizer {
    pub(super) fn put_into(self, stack: &mut Stack) {
        stack.pool = self.pool;
        stack.lost_pool = self.lost_pool;
        stack.resource_server = self.resource_server;
        stack.client = self.client;
        stack.allowed_clients = self.allowed_clients;
        stack.orphaned_pools = self.orphaned_pools;
        stack.orphaned_clients = self.orphaned_clients;
        stack.consumers = self.consumers;
    }
}
