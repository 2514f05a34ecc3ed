//! Reads a stack from AWS, each kind of resource by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use futures_util::future::{join3, try_join, try_join_all, try_join4};
use serde_json::Value;
use tokio::try_join;

use super::{DOMAIN_ATTEMPTS, Error, Gateway, Resource, ResourceKind, Sample, Stack};
use crate::{
    aws,
    aws::{
        Aws, Caller, agentcore,
        agentcore::{ApiDocument, ListedTarget},
        cognito,
        cognito::{AppClient, Domain, Pool},
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

/// Three levels of calls: what has a name that is known beforehand; what belongs to the gateway; what these name.
async fn read(aws: &Aws, names: &StackNames, depth: Depth) -> Result<Stack, Error> {
    let discovery = Discovery { aws, names, depth, not_offered: Mutex::default(), unseen: Mutex::default() };
    let first = async {
        let first = try_join!(
            caller(aws),
            iam::find_role(aws, &names.role),
            agentcore::find_gateway_id(aws, names.gateway.as_str()),
        );
        Ok::<_, Error>(first.map_err(|error| aws.of_region(error))?)
    };
    // An anchor that is missing has no policies, which costs these calls and no time.
    let policies = Box::pin(async {
        try_join(
            discovery.tolerating(iam::find_policy(aws, &names.role, BASE_POLICY)),
            discovery.tolerating(iam::policy_names(aws, &names.role)),
        )
        .await
    });
    let sources = discovery.tolerating(logs::delivery_sources(aws));
    let ((caller, role, gateway_id), (base_policy, policy_names), sample, sources) =
        try_join4(first, policies, discovery.sample(), sources).await?;
    // Without an answer from STS, trust the anchor's account over an environment variable's.
    let caller = match (caller, &role) {
        (Err(_) | Ok(Caller { arn: None, .. }), Some(role)) => Caller { account: role.account().to_owned(), arn: None },
        (caller, _) => caller?,
    };
    let role = role.map(|role| discovery.owned_role(ResourceKind::Role, role)).transpose()?;
    let mut stack = Stack::new(names.clone(), caller, role);
    stack.base_policy = base_policy.filter(|_| stack.role.is_some());
    // No anchor and no gateway: nothing was created. Only a stack with a user-supplied role has no anchor, and if
    // it has no gateway either, only cleanup needs to find it.
    if stack.role.is_none() && gateway_id.is_none() && depth == Depth::Usual {
        return Ok(stack);
    }
    let policy_names = if stack.role.is_some() { policy_names } else { Vec::new() };
    let account = stack.caller.account.clone();
    let (grants, providers, (gateway, lost_gateways), domain) = try_join4(
        discovery.grants(&policy_names),
        discovery.providers(stack.role.as_ref()),
        try_join(
            Box::pin(discovery.gateway(&account, gateway_id.as_deref())),
            Box::pin(discovery.lost_gateways(gateway_id.as_deref())),
        ),
        discovery.tolerating(cognito::find_domain(aws, &names.domain(&account, 0))),
    )
    .await?;
    stack.grants = grants;
    stack.providers = providers;
    stack.lost_gateways = lost_gateways;
    stack.sample = sample;
    let listed = gateway.as_ref().map(|(_, _, listed)| listed.as_slice()).unwrap_or_default();
    let document = gateway.as_ref().map(|(document, ..)| document);
    let (targets, authorizer) = try_join(
        discovery.targets(gateway_id.as_deref().unwrap_or_default(), listed),
        Box::pin(discovery.authorizer(document, domain, &account)),
    )
    .await?;
    authorizer.put_into(&mut stack);
    stack.gateway = gateway.map(|(document, tags, _)| discovery.assembled(document, tags, targets, &sources));
    let targets = stack.gateway.iter().flat_map(|gateway| &gateway.targets);
    let used = targets.filter_map(|target| providers::of_target(&target.0)).filter_map(providers::of_arn);
    let own: Vec<(ProviderKind, String)> =
        used.filter(|(_, name)| names.owns_provider(name)).map(|(kind, name)| (kind, name.to_owned())).collect();
    stack.providers.extend(own);
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

    /// The gateway, its tags, and its targets as they are listed.
    async fn gateway(&self, account: &str, id: Option<&str>) -> Result<Option<Found>, Error> {
        let Some(id) = id else { return Ok(None) };
        // Service model, `GatewayArn`.
        let (partition, region) = (self.names.region.partition().name, &self.names.region);
        let arn = format!("arn:{partition}:bedrock-agentcore:{region}:{account}:gateway/{id}");
        let (document, tags, listed) = try_join!(
            async { Ok::<_, Error>(agentcore::find_gateway(self.aws, id).await?) },
            self.tolerated(agentcore::tags(self.aws, &arn)),
            async { Ok::<_, Error>(agentcore::list_targets(self.aws, id).await?) },
        )?;
        Ok(document.map(|document| (document, tags, listed)))
    }

    fn assembled(
        &self,
        document: ApiDocument,
        tags: Result<BTreeMap<String, String>, aws::Error>,
        targets: Vec<ApiDocument>,
        delivery_sources: &BTreeSet<String>,
    ) -> Gateway {
        let delivery = DeliveryNames::new(document.gateway_id());
        Gateway {
            ours: tags.as_ref().is_ok_and(|tags| self.names.owns(tags)),
            tags,
            document,
            targets,
            delivers_logs: delivery_sources.contains(&delivery.logs),
            delivers_traces: delivery_sources.contains(&delivery.traces),
        }
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

    async fn targets(&self, gateway_id: &str, listed: &[ListedTarget]) -> Result<Vec<ApiDocument>, Error> {
        let looks = listed.iter().map(|target| agentcore::find_target(self.aws, gateway_id, &target.id));
        Ok(try_join_all(looks).await?.into_iter().flatten().collect())
    }

    /// The role's policies for the user's targets, of those that it has.
    async fn grants(&self, listed: &[String]) -> Result<BTreeMap<&'static str, Value>, Error> {
        let known = GRANTS.into_iter().filter(|name| listed.iter().any(|listed| listed == name));
        let looks = known.map(async |name| {
            let policy = self.tolerating(iam::find_policy(self.aws, &self.names.role, name)).await?;
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
        let (role, policy, log_group, function) = try_join!(
            self.tolerating(iam::find_role(self.aws, &names.function_role)),
            self.tolerating(iam::find_policy(self.aws, &names.function_role, FUNCTION_POLICY)),
            self.tolerating(logs::find_group(self.aws, &names.function_log_group)),
            self.tolerated(lambda::find_function(self.aws, &names.function)),
        )?;
        let role = role.map(|role| self.owned_role(ResourceKind::FunctionRole, role)).transpose()?;
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

    /// The stack's pool that has the stack's domain, whose first choice was looked up; none if that is `known`.
    async fn pool_of_domain(
        &self,
        account: &str,
        domain: Option<Domain>,
        known: Option<&str>,
    ) -> Result<Option<Pool>, Error> {
        let mut domain = domain;
        for attempt in 1..=DOMAIN_ATTEMPTS {
            let Some(found) = domain.filter(|domain| Some(domain.pool_id.as_str()) != known) else { return Ok(None) };
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
    async fn authorizer(
        &self,
        gateway: Option<&ApiDocument>,
        domain: Option<Domain>,
        account: &str,
    ) -> Result<Authorizer, Error> {
        let jwt = gateway.map(|gateway| gateway.jwt_authorizer().clone()).unwrap_or_default();
        let named = jwt["discoveryUrl"].as_str().and_then(|url| cognito::pool_of_discovery_url(self.aws, url));
        let allowed: Vec<&str> =
            jwt["allowedClients"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let of_named = async {
            let Some(id) = &named else { return Ok((Ok(None), Ok(false), Ok(None))) };
            let (pool, server, client) = join3(
                self.tolerated(cognito::find_pool(self.aws, id)),
                self.tolerating(cognito::has_resource_server(self.aws, id, &self.names.resource_server)),
                self.client_of(id, &allowed),
            )
            .await;
            Ok::<_, Error>((pool?, server, client))
        };
        let ((pool, server, client), domain_pool) =
            try_join(of_named, self.pool_of_domain(account, domain, named.as_deref())).await?;
        let mut found = Authorizer::default();
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
        let Some(pool) = pool else { return Ok(found) };
        let surplus: BTreeSet<String> = ours.into_iter().map(|other| other.id).filter(|id| *id != pool.id).collect();
        found.orphaned_pools = surplus.into_iter().collect();
        (found.resource_server, found.client) = if is_named {
            (server?, client?)
        } else {
            let server = cognito::has_resource_server(self.aws, &pool.id, &self.names.resource_server);
            (self.tolerating(server).await?, None)
        };
        if found.client.is_none() {
            let mut clients =
                self.tolerating(cognito::clients_named(self.aws, &pool.id, &self.names.app_client)).await?.into_iter();
            found.client = clients.next();
            found.orphaned_clients = clients.map(|client| client.id).collect();
        }
        if self.depth == Depth::Thorough {
            let listed = self.tolerating(cognito::listed_clients(self.aws, &pool.id)).await?;
            let others = listed.into_iter().filter(|(_, name)| *name != self.names.app_client);
            found.consumers = others.map(|(_, name)| consumer_of(&name).map_or(name.clone(), str::to_owned)).collect();
        }
        found.pool = Some(pool);
        Ok(found)
    }

    /// The stack's own client among those that the gateway allows; the user may have added others.
    async fn client_of(&self, pool_id: &str, allowed: &[&str]) -> Result<Option<AppClient>, Error> {
        let looks = allowed.iter().map(|id| self.tolerating(cognito::find_client(self.aws, pool_id, id)));
        let found = try_join_all(looks).await?.into_iter().flatten();
        Ok(found.into_iter().find(|client| client.name == self.names.app_client))
    }
}

/// A gateway, its tags, and its targets as they are listed.
type Found = (ApiDocument, Result<BTreeMap<String, String>, aws::Error>, Vec<ListedTarget>);

/// What the stack has for tokens.
#[derive(Default)]
struct Authorizer {
    pool: Option<Pool>,
    lost_pool: Option<String>,
    resource_server: bool,
    client: Option<AppClient>,
    orphaned_pools: Vec<String>,
    orphaned_clients: Vec<String>,
    consumers: Vec<String>,
}

impl Authorizer {
    fn put_into(self, stack: &mut Stack) {
        stack.pool = self.pool;
        stack.lost_pool = self.lost_pool;
        stack.resource_server = self.resource_server;
        stack.client = self.client;
        stack.orphaned_pools = self.orphaned_pools;
        stack.orphaned_clients = self.orphaned_clients;
        stack.consumers = self.consumers;
    }
}
