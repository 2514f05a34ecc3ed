//! A stack's actual state, read from AWS by name, path and tag. There is no local state file: every machine
//! sees the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use futures_util::future::{try_join, try_join_all, try_join4};
use serde_json::Value;
use tokio::try_join;

use super::{Error, Kind, Resource};
use crate::{
    aws::{
        self, Aws, Caller,
        agentcore::{self, Document},
        cognito::{self, AppClient, Pool},
        iam::{self, Role},
        lambda::{self, Function},
        logs, providers,
    },
    model::{
        naming::{BASE_POLICY, DeliveryNames, FUNCTION_POLICY, GRANTS, StackNames, TAG_PROVIDER, TAG_TRACES},
        policy,
        provider::ProviderKind,
    },
};

/// Domains that are tried before giving up: the first choice, then `-2`, `-3` and so on.
pub const DOMAIN_ATTEMPTS: u32 = 5;

/// The actual state of a stack.
#[derive(Debug)]
pub struct Stack {
    pub names: StackNames,
    /// The caller that discovered the stack, and its account.
    pub caller: Caller,
    /// The anchor: created first, deleted last.
    pub role: Option<Role>,
    pub base_policy: Option<Value>,
    /// The role's policies for the user's targets, by name.
    pub grants: BTreeMap<&'static str, Value>,
    /// Credential providers that the stack created.
    pub providers: BTreeSet<(ProviderKind, String)>,
    pub gateway: Option<Gateway>,
    pub pool: Option<Pool>,
    /// The user pool that the gateway refers to, if it does not exist.
    pub lost_pool: Option<String>,
    pub resource_server: bool,
    pub client: Option<AppClient>,
    /// Pools of this stack that it does not use: left over from interrupted or racing runs.
    pub surplus_pools: Vec<String>,
    /// Clients of this stack, in its pool, that the gateway does not use.
    pub surplus_clients: Vec<String>,
    pub sample: Sample,
    /// Ids of deleted gateways of this stack whose log group, log or trace deliveries remain.
    pub lost_gateways: BTreeSet<String>,
    /// Operations that the endpoint, an emulator, does not support; no resources of that kind can exist.
    pub not_offered: BTreeSet<String>,
    /// Errors of failed lookups, where they are tolerated.
    pub unseen: Vec<aws::Error>,
}

/// The gateway and its dependents.
#[derive(Debug)]
pub struct Gateway {
    pub document: Document,
    /// Whether the stack created it; otherwise it is never deleted.
    pub ours: bool,
    /// The gateway's tags, or why they cannot be read, where that is tolerated.
    pub tags: Result<BTreeMap<String, String>, aws::Error>,
    pub targets: Vec<Document>,
    pub delivers_logs: bool,
    pub delivers_traces: bool,
}

impl Gateway {
    pub fn id(&self) -> &str {
        self.document.gateway_id()
    }

    /// Whether its role is the one that the stack creates.
    pub fn has_role(&self, names: &StackNames) -> bool {
        names.is_role_arn(self.document.role_arn())
    }

    /// The user pool of this region whose tokens it accepts.
    pub fn named_pool(&self, aws: &Aws) -> Option<String> {
        cognito::pool_of_discovery_url(aws, self.document.jwt_authorizer()["discoveryUrl"].as_str()?)
    }

    pub fn delivery_names(&self) -> DeliveryNames {
        DeliveryNames::new(self.id())
    }

    pub fn target(&self, name: &str) -> Option<&Document> {
        self.targets.iter().find(|target| target.name() == name)
    }
}

/// The resources that the sample target needs.
#[derive(Debug)]
pub struct Sample {
    pub role: Option<Role>,
    pub policy: Option<Value>,
    pub log_group: Option<logs::Group>,
    pub function: Option<Function>,
    /// The error of the function's lookup, where that is tolerated.
    pub function_seen: Result<(), aws::Error>,
}

impl Default for Sample {
    fn default() -> Self {
        Self { role: None, policy: None, log_group: None, function: None, function_seen: Ok(()) }
    }
}

impl Stack {
    /// Whether nothing of the stack exists.
    pub fn is_empty(&self) -> bool {
        self.role.is_none()
            && self.gateway.is_none()
            && self.pool.is_none()
            && self.surplus_pools.is_empty()
            && self.providers.is_empty()
            && self.lost_gateways.is_empty()
            && self.sample.role.is_none()
            && self.sample.function.is_none()
            && self.sample.log_group.is_none()
    }

    /// Whether a run completed: nothing is half created, so nothing that a list may still hide.
    pub fn is_whole(&self) -> bool {
        let Some(gateway) = &self.gateway else { return false };
        let pool_whole = self.pool.as_ref().is_none_or(|pool| pool.domain.is_some() && self.client.is_some());
        let role_is_anchor = self.role.is_some();
        role_is_anchor
            && pool_whole
            && gateway.document.is_ready()
            && !gateway.targets.iter().any(Document::is_moving)
            && self.surplus_pools.is_empty()
            && self.surplus_clients.is_empty()
    }

    /// The stack's pool, if the gateway accepts its tokens. It may accept another issuer's by now, or not exist
    /// yet.
    pub fn issuer(&self, aws: &Aws) -> Option<&Pool> {
        let named = self.gateway.as_ref()?.named_pool(aws)?;
        self.pool.as_ref().filter(|pool| pool.id == named)
    }

    /// Whether AWS has refused the gateway's traces before.
    pub fn refuses_traces(&self) -> bool {
        self.role.as_ref().is_some_and(|role| role.tags.contains_key(TAG_TRACES.0))
    }

    /// The resources that the user named for a target and that the role may use.
    pub fn granted(&self, target: &str) -> Option<Vec<String>> {
        policy::granted(&self.names, &self.grants, target)
    }

    /// All resources of the stack, in order of creation.
    pub fn resources(&self) -> Vec<Resource> {
        let names = &self.names;
        let mut found = Vec::new();
        let mut add = |there: bool, kind: Kind, name: &str| {
            if there {
                found.push(Resource::new(kind, name));
            }
        };
        add(self.role.is_some(), Kind::Role, &names.role);
        if let Some(pool) = &self.pool {
            add(true, Kind::UserPool, &pool.id);
            add(pool.domain.is_some(), Kind::Domain, pool.domain.as_deref().unwrap_or_default());
            add(self.resource_server, Kind::ResourceServer, &names.resource_server);
            add(self.client.is_some(), Kind::AppClient, self.client.as_ref().map_or("", |client| &client.id));
        }
        self.surplus_pools.iter().for_each(|pool| add(true, Kind::UserPool, pool));
        self.surplus_clients.iter().for_each(|client| add(true, Kind::AppClient, client));
        add(self.sample.role.is_some(), Kind::FunctionRole, &names.function_role);
        add(self.sample.log_group.is_some(), Kind::LogGroup, &names.function_log_group);
        add(self.sample.function.is_some(), Kind::Function, &names.function);
        self.providers.iter().for_each(|(_, name)| add(true, Kind::Provider, name));
        for id in &self.lost_gateways {
            let delivery = DeliveryNames::new(id);
            add(true, Kind::LogGroup, &delivery.log_group);
            add(true, Kind::AccessLogs, &delivery.logs);
            add(true, Kind::Traces, &delivery.traces);
        }
        if let Some(gateway) = &self.gateway {
            let delivery = gateway.delivery_names();
            add(gateway.ours, Kind::Gateway, gateway.id());
            add(gateway.delivers_logs, Kind::LogGroup, &delivery.log_group);
            add(gateway.delivers_logs, Kind::AccessLogs, &delivery.logs);
            add(gateway.delivers_traces, Kind::Traces, &delivery.traces);
            let targets = gateway.targets.iter().filter(|_| gateway.ours);
            targets.for_each(|target| add(true, Kind::Target, target.name()));
        }
        found
    }
}

/// How thoroughly to discover a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// To show, repair or complete: lists are read only after interrupted work, and a failed lookup is an error.
    Usual,
    /// The same for a stack without an anchor: everything is looked for.
    Anchorless,
    /// To delete: everything is looked for, and failed lookups are recorded.
    Thorough,
}

/// Discovers the actual state of a stack.
pub async fn discover(aws: &Aws, names: &StackNames, depth: Depth) -> Result<Stack, Error> {
    // Boxed: the SDK's futures are large, and many run concurrently.
    Box::pin(read(aws, names, depth)).await
}

async fn read(aws: &Aws, names: &StackNames, depth: Depth) -> Result<Stack, Error> {
    let look = Looker { aws, names, depth, not_offered: Mutex::default(), unseen: Mutex::default() };
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
    let role = role.map(|role| look.owned_role(Kind::Role, role)).transpose()?;
    let mut stack = Stack {
        names: names.clone(),
        caller,
        role,
        base_policy: None,
        grants: BTreeMap::new(),
        providers: BTreeSet::new(),
        gateway: None,
        pool: None,
        lost_pool: None,
        resource_server: false,
        client: None,
        surplus_pools: Vec::new(),
        surplus_clients: Vec::new(),
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
        try_join(look.see(iam::find_policy(aws, &role.name, BASE_POLICY)), look.grants(&role.name)).await
    });
    let (((base_policy, grants), providers), (gateway, lost_gateways), sample, domain_pool) = try_join4(
        try_join(policies, look.providers(stack.role.as_ref())),
        try_join(Box::pin(look.gateway(gateway_id.clone())), Box::pin(look.lost_gateways(gateway_id.as_deref()))),
        look.sample(),
        look.pool_of_domain(&stack.caller.account),
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
    look.authorizer(&mut stack, domain_pool).await?;
    stack.not_offered = look.not_offered.into_inner().unwrap_or_default();
    stack.unseen = look.unseen.into_inner().unwrap_or_default();
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
struct Looker<'a> {
    aws: &'a Aws,
    names: &'a StackNames,
    depth: Depth,
    not_offered: Mutex<BTreeSet<String>>,
    unseen: Mutex<Vec<aws::Error>>,
}

impl Looker<'_> {
    /// The result of a lookup; the default value if the endpoint does not support it or its error is tolerated.
    async fn see<T: Default>(&self, look: impl Future<Output = Result<T, aws::Error>>) -> Result<T, Error> {
        Ok(self.seen(look).await?.unwrap_or_default())
    }

    /// The same, but returns the tolerated error.
    async fn seen<T: Default>(
        &self,
        look: impl Future<Output = Result<T, aws::Error>>,
    ) -> Result<Result<T, aws::Error>, Error> {
        match look.await {
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

    fn owned_role(&self, kind: Kind, role: Role) -> Result<Role, Error> {
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
            self.seen(agentcore::tags(self.aws, document.gateway_arn())),
            self.targets(&id),
            self.see(logs::delivery_sources(self.aws)),
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
            self.see(logs::delivery_ends(self.aws, |name| names.gateway_of_delivery(name).is_some())),
            self.see(logs::groups_below(self.aws, &prefix, |name| names.gateway_of_log_group(name).is_some())),
        )
        .await?;
        let ours = |found: &&logs::Tagged| names.owns(&found.tags);
        let of_ends = ends.iter().filter(ours).filter_map(|end| names.gateway_of_delivery(&end.name));
        let of_groups = groups.iter().filter(ours).filter_map(|group| names.gateway_of_log_group(&group.name));
        Ok(of_ends.chain(of_groups).filter(|id| Some(id.as_str()) != current).collect())
    }

    async fn targets(&self, gateway_id: &str) -> Result<Vec<Document>, Error> {
        let listed = agentcore::list_targets(self.aws, gateway_id).await?;
        let looks = listed.iter().map(|target| agentcore::find_target(self.aws, gateway_id, &target.id));
        Ok(try_join_all(looks).await?.into_iter().flatten().collect())
    }

    /// The role's policies for the user's targets. Most roles have none, which one request shows.
    async fn grants(&self, role: &str) -> Result<BTreeMap<&'static str, Value>, Error> {
        let listed = self.see(iam::policy_names(self.aws, role)).await?;
        let known = GRANTS.into_iter().filter(|name| listed.iter().any(|listed| listed == name));
        let looks = known.map(async |name| {
            let policy = self.see(iam::find_policy(self.aws, role, name)).await?;
            Ok::<_, Error>(policy.map(|policy| (name, policy)))
        });
        Ok(try_join_all(looks).await?.into_iter().flatten().collect())
    }

    /// Credential providers whose names contain this stack's hash. The anchor's tags name them; without an anchor,
    /// cleanup lists all providers.
    async fn providers(&self, anchor: Option<&Role>) -> Result<BTreeSet<(ProviderKind, String)>, Error> {
        if let Some(role) = anchor {
            let tagged = role.tags.iter().filter_map(|(key, kind)| Some((key.strip_prefix(TAG_PROVIDER)?, kind)));
            return Ok(tagged.filter_map(|(name, kind)| Some((ProviderKind::of(kind)?, name.to_owned()))).collect());
        }
        if self.depth != Depth::Thorough {
            return Ok(BTreeSet::new());
        }
        let of = async |kind| {
            let listed = self.see(providers::names(self.aws, kind)).await?;
            Ok::<_, Error>(listed.into_iter().map(move |name| (kind, name)))
        };
        let (keys, clients) = try_join(of(ProviderKind::ApiKey), of(ProviderKind::Oauth2)).await?;
        Ok(keys.chain(clients).filter(|(_, name)| self.names.owns_provider(name)).collect())
    }

    async fn sample(&self) -> Result<Sample, Error> {
        let names = self.names;
        let role = async {
            let role = self.see(iam::find_role(self.aws, &names.function_role)).await?;
            let role = role.map(|role| self.owned_role(Kind::FunctionRole, role)).transpose()?;
            let policy = match &role {
                Some(role) => self.see(iam::find_policy(self.aws, &role.name, FUNCTION_POLICY)).await?,
                None => None,
            };
            Ok::<_, Error>((role, policy))
        };
        let ((role, policy), log_group, function) = try_join!(
            role,
            self.see(logs::find_group(self.aws, &names.function_log_group)),
            self.seen(lambda::find_function(self.aws, &names.function)),
        )?;
        let (function, function_seen) = match function {
            Ok(function) => (function, Ok(())),
            Err(error) => (None, Err(error)),
        };
        // Names contain the stack's hash, so a resource with other tags is no coincidence: do not touch it.
        if function.as_ref().is_some_and(|function| !names.owns(&function.tags)) {
            return Err(Error::Foreign(Resource::new(Kind::Function, &names.function)));
        }
        if log_group.as_ref().is_some_and(|group| !names.owns(&group.tags)) {
            return Err(Error::Foreign(Resource::new(Kind::LogGroup, &names.function_log_group)));
        }
        Ok(Sample { role, policy, log_group, function, function_seen })
    }

    /// The stack's pool that has the stack's domain.
    async fn pool_of_domain(&self, account: &str) -> Result<Option<Pool>, Error> {
        for attempt in 0..DOMAIN_ATTEMPTS {
            let domain = self.names.domain(account, attempt);
            let Some(domain) = self.see(cognito::find_domain(self.aws, &domain)).await? else { return Ok(None) };
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
            match self.seen(cognito::find_pool(self.aws, &id)).await? {
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
            self.see(cognito::pools_named(self.aws, &self.names.user_pool)).await?
        };
        let ours: Vec<Pool> =
            domain_pool.into_iter().chain(listed.into_iter().filter(|pool| self.owns_pool(pool))).collect();
        if pool.is_none() {
            pool = ours.first().cloned();
        }
        let Some(pool) = pool else { return Ok(()) };
        let surplus: BTreeSet<String> = ours.into_iter().map(|other| other.id).filter(|id| *id != pool.id).collect();
        stack.surplus_pools = surplus.into_iter().collect();

        let allowed = jwt["allowedClients"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let (server, client) = try_join(
            self.see(cognito::has_resource_server(self.aws, &pool.id, &self.names.resource_server)),
            self.client_of(&pool, allowed.filter(|_| is_named)),
        )
        .await?;
        stack.resource_server = server;
        stack.client = client;
        if stack.client.is_none() {
            let mut clients =
                self.see(cognito::clients_named(self.aws, &pool.id, &self.names.app_client)).await?.into_iter();
            stack.client = clients.next();
            stack.surplus_clients = clients.map(|client| client.id).collect();
        }
        stack.pool = Some(pool);
        Ok(())
    }

    /// The stack's own client among those that the gateway allows; the user may have added others.
    async fn client_of(&self, pool: &Pool, allowed: impl Iterator<Item = &str>) -> Result<Option<AppClient>, Error> {
        for id in allowed {
            let client = self.see(cognito::find_client(self.aws, &pool.id, id)).await?;
            if let Some(client) = client.filter(|client| client.name == self.names.app_client) {
                return Ok(Some(client));
            }
        }
        Ok(None)
    }
}
