//! Reads a stack from AWS, each kind of resource by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use futures_util::future::{try_join, try_join_all, try_join4};
use serde_json::Value;
use tokio::try_join;

use super::{AsSent, DOMAIN_ATTEMPTS, Error, Gateway, Resource, ResourceKind, Sample, Stack};
use crate::{
    aws,
    aws::{
        Aws, Caller, agentcore,
        agentcore::ApiDocument,
        cognito,
        cognito::{AppClient, Pool},
        iam,
        iam::Role,
        lambda, logs, providers,
    },
    model::{
        naming::{BASE_POLICY, DeliveryNames, FUNCTION_POLICY, GRANTS, StackNames, TAG_PROVIDER, consumer_of},
        provider::ProviderKind,
    },
};

/// How thoroughly to discover a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// To show, repair or complete: lists are read only after interrupted work, and a failed lookup is an error.
    Usual,
    /// The same for a stack without an anchor: everything is looked for.
    WithoutRole,
    /// To delete: everything is looked for, and failed lookups are recorded.
    Thorough,
}

/// Discovers the actual state of a stack.
pub async fn discover(aws: &Aws, names: &StackNames, depth: Depth) -> Result<Stack, Error> {
    // Boxed: the SDK's futures are large, and many run concurrently.
    Box::pin(read(aws, names, depth)).await
}

async fn read(aws: &Aws, names: &StackNames, depth: Depth) -> Result<Stack, Error> {
    let discovery = Discovery { aws, names, depth, not_offered: Mutex::default(), unseen: Mutex::default() };
    let (caller, role, gateway_id) = try_join!(
        caller(aws),
        iam::find_role(aws, &names.role),
        agentcore::find_gateway_id(aws, names.gateway.as_str()),
    )
    .map_err(|error| aws.of_region(error))?;
    // Without an answer from STS, trust the anchor's account over an environment variable's.
    let caller = match (caller, &role) {
        (Err(_) | Ok(Caller { arn: None, .. }), Some(role)) => Caller { account: role.account().to_owned(), arn: None },
        (caller, _) => caller?,
    };
    let role = role.map(|role| discovery.owned_role(ResourceKind::Role, role)).transpose()?;
    let mut stack = Stack {
        names: names.clone(),
        caller,
        role,
        base_policy: None,
        grants: BTreeMap::new(),
        providers: BTreeSet::new(),
        as_sent: AsSent::default(),
        gateway: None,
        pool: None,
        lost_pool: None,
        resource_server: false,
        client: None,
        orphaned_pools: Vec::new(),
        orphaned_clients: Vec::new(),
        consumers: Vec::new(),
        sample: Sample::default(),
        lost_gateways: BTreeSet::new(),
        not_offered: BTreeSet::new(),
        unseen: Vec::new(),
    };
    // No anchor and no gateway: nothing was created. Only a stack with a user-supplied role has no anchor, and if
    // it has no gateway either, only cleanup needs to find it.
    if stack.role.is_none() && gateway_id.is_none() && depth == Depth::Usual {
        return Ok(stack);
    }
    let policies = Box::pin(async {
        let Some(role) = &stack.role else { return Ok((None, BTreeMap::new())) };
        try_join(discovery.tolerating(iam::find_policy(aws, &role.name, BASE_POLICY)), discovery.grants(&role.name))
            .await
    });
    let (((base_policy, grants), providers), (gateway, lost_gateways), sample, domain_pool) = try_join4(
        try_join(policies, discovery.providers(stack.role.as_ref())),
        try_join(
            Box::pin(discovery.gateway(gateway_id.clone())),
            Box::pin(discovery.lost_gateways(gateway_id.as_deref())),
        ),
        discovery.sample(),
        discovery.pool_of_domain(&stack.caller.account),
    )
    .await?;
    stack.base_policy = base_policy;
    stack.grants = grants;
    stack.providers = providers;
    let used = gateway.iter().flat_map(|gateway| &gateway.targets).filter_map(|target| providers::of_target(&target.0));
    let own = used.filter_map(providers::of_arn).filter(|(_, name)| names.owns_provider(name));
    stack.providers.extend(own.map(|(kind, name)| (kind, name.to_owned())));
    stack.gateway = gateway;
    stack.lost_gateways = lost_gateways;
    stack.sample = sample;
    discovery.authorizer(&mut stack, domain_pool).await?;
    stack.not_offered = discovery.not_offered.into_inner().unwrap_or_default();
    stack.unseen = discovery.unseen.into_inner().unwrap_or_default();
    Ok(stack)
}

/// The caller. An unreachable STS is the inner error, because the anchor tells the account, too.
async fn caller(aws: &Aws) -> Result<Result<Caller, aws::Error>, aws::Error> {
    match aws.caller().await {
        Err(error) if error.class != aws::Class::Unreachable => Err(error),
        caller => Ok(caller),
    }
}

/// Performs lookups, and decides which errors are tolerated.
struct Discovery<'a> {
    aws: &'a Aws,
    names: &'a StackNames,
    depth: Depth,
    not_offered: Mutex<BTreeSet<String>>,
    unseen: Mutex<Vec<aws::Error>>,
}

impl Discovery<'_> {
    /// The result of a lookup; the default value if the endpoint does not support it or its error is tolerated.
    async fn tolerating<T: Default>(&self, lookup: impl Future<Output = Result<T, aws::Error>>) -> Result<T, Error> {
        Ok(self.tolerated(lookup).await?.unwrap_or_default())
    }

    /// The same, but returns the tolerated error.
    async fn tolerated<T: Default>(
        &self,
        lookup: impl Future<Output = Result<T, aws::Error>>,
    ) -> Result<Result<T, aws::Error>, Error> {
        match lookup.await {
            Err(error) if self.aws.does_not_offer(&error) => {
                if let Ok(mut operations) = self.not_offered.lock() {
                    operations.insert(format!("{} {}", error.service, error.operation));
                }
                Ok(Ok(T::default()))
            }
            Err(error) if self.depth == Depth::Thorough && error.class != aws::Class::Credentials => {
                if let Ok(mut unseen) = self.unseen.lock() {
                    unseen.push(error.clone());
                }
                Ok(Err(error))
            }
            seen => Ok(Ok(seen?)),
        }
    }

    fn owned_role(&self, kind: ResourceKind, role: Role) -> Result<Role, Error> {
        if self.names.has_iam_path(&role.path) && self.names.owns(&role.tags) {
            Ok(role)
        } else {
            Err(Error::Foreign(Resource::new(kind, role.name)))
        }
    }

    fn owns_pool(&self, pool: &Pool) -> bool {
        self.names.owns(&pool.tags)
    }

    async fn gateway(&self, id: Option<String>) -> Result<Option<Gateway>, Error> {
        let Some(id) = id else { return Ok(None) };
        let Some(document) = agentcore::find_gateway(self.aws, &id).await? else { return Ok(None) };
        let delivery = DeliveryNames::new(&id);
        let (tags, targets, sources) = try_join!(
            self.tolerated(agentcore::tags(self.aws, document.gateway_arn())),
            self.targets(&id),
            self.tolerating(logs::delivery_sources(self.aws)),
        )?;
        Ok(Some(Gateway {
            ours: tags.as_ref().is_ok_and(|tags| self.names.owns(tags)),
            tags,
            document,
            targets,
            delivers_logs: sources.contains(&delivery.logs),
            delivers_traces: sources.contains(&delivery.traces),
        }))
    }

    /// Gateways that were deleted by other means, found by their deliveries and log groups. Only cleanup needs
    /// them.
    async fn lost_gateways(&self, current: Option<&str>) -> Result<BTreeSet<String>, Error> {
        if self.depth != Depth::Thorough {
            return Ok(BTreeSet::new());
        }
        let names = self.names;
        let prefix = names.log_group_prefix();
        let (ends, groups) = try_join(
            self.tolerating(logs::delivery_ends(self.aws, |name| names.gateway_of_delivery(name).is_some())),
            self.tolerating(logs::groups_below(self.aws, &prefix, |name| names.gateway_of_log_group(name).is_some())),
        )
        .await?;
        let ours = |found: &&logs::Tagged| names.owns(&found.tags);
        let of_ends = ends.iter().filter(ours).filter_map(|end| names.gateway_of_delivery(&end.name));
        let of_groups = groups.iter().filter(ours).filter_map(|group| names.gateway_of_log_group(&group.name));
        Ok(of_ends.chain(of_groups).filter(|id| Some(id.as_str()) != current).collect())
    }

    async fn targets(&self, gateway_id: &str) -> Result<Vec<ApiDocument>, Error> {
        let listed = agentcore::list_targets(self.aws, gateway_id).await?;
        let looks = listed.iter().map(|target| agentcore::find_target(self.aws, gateway_id, &target.id));
        Ok(try_join_all(looks).await?.into_iter().flatten().collect())
    }

    /// The role's policies for the user's targets. Most roles have none, which one request shows.
    async fn grants(&self, role: &str) -> Result<BTreeMap<&'static str, Value>, Error> {
        let listed = self.tolerating(iam::policy_names(self.aws, role)).await?;
        let known = GRANTS.into_iter().filter(|name| listed.iter().any(|listed| listed == name));
        let looks = known.map(async |name| {
            let policy = self.tolerating(iam::find_policy(self.aws, role, name)).await?;
            Ok::<_, Error>(policy.map(|policy| (name, policy)))
        });
        Ok(try_join_all(looks).await?.into_iter().flatten().collect())
    }

    /// Credential providers whose names contain this stack's hash. The anchor's tags name them; without an anchor,
    /// cleanup lists all providers.
    async fn providers(&self, anchor: Option<&Role>) -> Result<BTreeSet<(ProviderKind, String)>, Error> {
        if let Some(role) = anchor {
            let tagged = role.tags.iter().filter_map(|(key, kind)| Some((key.strip_prefix(TAG_PROVIDER)?, kind)));
            // The fingerprint of the provider's secret may follow.
            let kind = |value: &str| ProviderKind::of(value.split(' ').next()?);
            return Ok(tagged.filter_map(|(name, value)| Some((kind(value)?, name.to_owned()))).collect());
        }
        if self.depth != Depth::Thorough {
            return Ok(BTreeSet::new());
        }
        let of = async |kind| {
            let listed = self.tolerating(providers::names(self.aws, kind)).await?;
            Ok::<_, Error>(listed.into_iter().map(move |name| (kind, name)))
        };
        let (keys, clients) = try_join(of(ProviderKind::ApiKey), of(ProviderKind::Oauth2)).await?;
        Ok(keys.chain(clients).filter(|(_, name)| self.names.owns_provider(name)).collect())
    }

    async fn sample(&self) -> Result<Sample, Error> {
        let names = self.names;
        let role = async {
            let role = self.tolerating(iam::find_role(self.aws, &names.function_role)).await?;
            let role = role.map(|role| self.owned_role(ResourceKind::FunctionRole, role)).transpose()?;
            let policy = match &role {
                Some(role) => self.tolerating(iam::find_policy(self.aws, &role.name, FUNCTION_POLICY)).await?,
                None => None,
            };
            Ok::<_, Error>((role, policy))
        };
        let ((role, policy), log_group, function) = try_join!(
            role,
            self.tolerating(logs::find_group(self.aws, &names.function_log_group)),
            self.tolerated(lambda::find_function(self.aws, &names.function)),
        )?;
        let (function, function_seen) = match function {
            Ok(function) => (function, Ok(())),
            Err(error) => (None, Err(error)),
        };
        // Names contain the stack's hash, so a resource with other tags is no coincidence: do not touch it.
        if function.as_ref().is_some_and(|function| !names.owns(&function.tags)) {
            return Err(Error::Foreign(Resource::new(ResourceKind::Function, &names.function)));
        }
        if log_group.as_ref().is_some_and(|group| !names.owns(&group.tags)) {
            return Err(Error::Foreign(Resource::new(ResourceKind::LogGroup, &names.function_log_group)));
        }
        Ok(Sample { role, policy, log_group, function, function_seen })
    }

    /// The stack's pool that has the stack's domain.
    async fn pool_of_domain(&self, account: &str) -> Result<Option<Pool>, Error> {
        for attempt in 0..DOMAIN_ATTEMPTS {
            let domain = self.names.domain(account, attempt);
            let Some(domain) = self.tolerating(cognito::find_domain(self.aws, &domain)).await? else { return Ok(None) };
            // Another account's pool cannot be read; the stack's domain then has the next name.
            let pool = cognito::find_pool(self.aws, &domain.pool_id).await;
            if let Ok(Some(pool)) = pool
                && self.owns_pool(&pool)
            {
                return Ok(Some(pool));
            }
        }
        Ok(None)
    }

    /// Finds the pool, its resource server and its client: those that the gateway refers to, else those that an
    /// interrupted run left; and the surplus ones.
    async fn authorizer(&self, stack: &mut Stack, domain_pool: Option<Pool>) -> Result<(), Error> {
        let jwt = stack.gateway.as_ref().map(|gateway| gateway.document.jwt_authorizer().clone()).unwrap_or_default();
        let named = stack.gateway.as_ref().and_then(|gateway| gateway.named_pool(self.aws));
        let mut pool = None;
        if let Some(id) = named {
            match self.tolerated(cognito::find_pool(self.aws, &id)).await? {
                Ok(Some(named)) => pool = Some(named).filter(|pool| self.owns_pool(pool)),
                // A pool of another account cannot be read either, but exists.
                Ok(None) if !cognito::is_published(self.aws, &id).await => stack.lost_pool = Some(id),
                Ok(None) | Err(_) => {}
            }
        }
        let is_named = pool.is_some();
        let settled = stack.gateway.as_ref().is_some_and(|gateway| gateway.document.is_ready()) && is_named;
        let listed = if settled && self.depth == Depth::Usual {
            Vec::new()
        } else {
            self.tolerating(cognito::pools_named(self.aws, &self.names.user_pool)).await?
        };
        let ours: Vec<Pool> =
            domain_pool.into_iter().chain(listed.into_iter().filter(|pool| self.owns_pool(pool))).collect();
        if pool.is_none() {
            pool = ours.first().cloned();
        }
        let Some(pool) = pool else { return Ok(()) };
        let surplus: BTreeSet<String> = ours.into_iter().map(|other| other.id).filter(|id| *id != pool.id).collect();
        stack.orphaned_pools = surplus.into_iter().collect();

        let allowed = jwt["allowedClients"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let (server, client) = try_join(
            self.tolerating(cognito::has_resource_server(self.aws, &pool.id, &self.names.resource_server)),
            self.client_of(&pool, allowed.filter(|_| is_named)),
        )
        .await?;
        stack.resource_server = server;
        stack.client = client;
        if stack.client.is_none() {
            let mut clients =
                self.tolerating(cognito::clients_named(self.aws, &pool.id, &self.names.app_client)).await?.into_iter();
            stack.client = clients.next();
            stack.orphaned_clients = clients.map(|client| client.id).collect();
        }
        if self.depth == Depth::Thorough {
            let listed = self.tolerating(cognito::listed_clients(self.aws, &pool.id)).await?;
            let others = listed.into_iter().filter(|(_, name)| *name != self.names.app_client);
            stack.consumers = others.map(|(_, name)| consumer_of(&name).map_or(name.clone(), str::to_owned)).collect();
        }
        stack.pool = Some(pool);
        Ok(())
    }

    /// The stack's own client among those that the gateway allows; the user may have added others.
    async fn client_of(&self, pool: &Pool, allowed: impl Iterator<Item = &str>) -> Result<Option<AppClient>, Error> {
        for id in allowed {
            let client = self.tolerating(cognito::find_client(self.aws, &pool.id, id)).await?;
            if let Some(client) = client.filter(|client| client.name == self.names.app_client) {
                return Ok(Some(client));
            }
        }
        Ok(None)
    }
}
