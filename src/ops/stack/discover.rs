//! Reads a stack from AWS, each kind of resource by itself.

mod authorizer;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use futures_util::future::{try_join, try_join_all, try_join4};
use serde_json::Value;
use tokio::try_join;

use super::{DOMAIN_ATTEMPTS, Error, Gateway, Resource, ResourceKind, Sample, Stack};
use crate::{
    aws,
    aws::{
        Aws, Caller, agentcore,
        agentcore::{ApiDocument, ListedTarget},
        cognito,
        cognito::{Domain, Pool},
        iam,
        iam::Role,
        lambda, logs, providers,
    },
    model::{
        naming::{BASE_POLICY, DeliveryNames, FUNCTION_POLICY, GRANTS, StackNames, TAG_PROVIDER},
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
    // None of these takes more than two calls after one another.
    let beside = try_join4(
        discovery.sample(),
        discovery.tolerating(logs::deliveries(aws)),
        discovery.gateways_with_remains(),
        discovery.listed_pools(),
    );
    let (levels, (sample, deliveries, remains, listed_pools)) =
        try_join(Box::pin(discovery.two_levels()), Box::pin(beside)).await?;
    let TwoLevels { mut stack, gateway, domain } = levels;
    // No anchor and no gateway: nothing was created. Only a stack with a user-supplied role has no anchor, and if
    // it has no gateway either, only cleanup needs to find it.
    if stack.role.is_none() && gateway.is_none() && depth == Depth::Usual {
        return Ok(stack);
    }
    let account = stack.caller.account.clone();
    let document = gateway.as_ref().map(|gateway| &gateway.document);
    let (targets, authorizer) = try_join(
        discovery.targets(gateway.as_ref()),
        Box::pin(discovery.authorizer(document, (domain.clone(), listed_pools), &account)),
    )
    .await?;
    authorizer.put_into(&mut stack);
    // The first choice of a name is the one that was looked up.
    let own_domain =
        domain.filter(|domain| domain.active && stack.pool.as_ref().is_some_and(|pool| pool.id == domain.pool_id));
    stack.active_domain = own_domain.map(|_| names.domain(&account, 0));
    let current = gateway.as_ref().map(|gateway| gateway.document.gateway_id().to_owned());
    stack.lost_gateways = remains.into_iter().filter(|id| Some(id) != current.as_ref()).collect();
    stack.deliveries = deliveries;
    stack.deliveries.retain(|(source, _)| names.gateway_of_delivery(source).is_some());
    stack.gateway = gateway.map(|gateway| discovery.assembled(gateway, targets, &stack.deliveries));
    stack.sample = sample;
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

    /// What has a name that is known beforehand, and what belongs to the gateway: nothing of the second level where the
    /// first one shows that nothing was created.
    async fn two_levels(&self) -> Result<TwoLevels, Error> {
        let (aws, names) = (self.aws, self.names);
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
                self.tolerating(iam::find_policy(aws, &names.role, BASE_POLICY)),
                self.tolerating(iam::policy_names(aws, &names.role)),
            )
            .await
        });
        let ((caller, role, gateway_id), (base_policy, policy_names)) = try_join(first, policies).await?;
        // Without an answer from STS, trust the anchor's account over an environment variable's.
        let caller = match (caller, &role) {
            (Err(_) | Ok(Caller { arn: None, .. }), Some(role)) => {
                Caller { account: role.account().to_owned(), arn: None }
            }
            (caller, _) => caller?,
        };
        let role = role.map(|role| self.owned_role(ResourceKind::Role, role)).transpose()?;
        let mut stack = Stack::new(names.clone(), caller, role);
        if stack.role.is_none() && gateway_id.is_none() && self.depth == Depth::Usual {
            return Ok(TwoLevels { stack, gateway: None, domain: None });
        }
        stack.base_policy = base_policy.filter(|_| stack.role.is_some());
        stack.policy_names = if stack.role.is_some() { policy_names } else { Vec::new() };
        let account = stack.caller.account.clone();
        let (grants, providers, gateway, domain) = try_join4(
            self.grants(&stack.policy_names),
            self.providers(stack.role.as_ref()),
            Box::pin(self.gateway(&account, gateway_id.as_deref())),
            self.tolerating(cognito::find_domain(aws, &names.domain(&account, 0))),
        )
        .await?;
        stack.grants = grants;
        stack.providers = providers;
        Ok(TwoLevels { stack, gateway, domain })
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
    async fn gateway(&self, account: &str, id: Option<&str>) -> Result<Option<FoundGateway>, Error> {
        let Some(id) = id else { return Ok(None) };
        let arn = agentcore::arn(&self.names.region, account, id);
        let (document, tags, listed) = try_join!(
            async { Ok::<_, Error>(agentcore::find_gateway(self.aws, id).await?) },
            self.tolerated(agentcore::tags(self.aws, &arn)),
            async { Ok::<_, Error>(agentcore::list_targets(self.aws, id).await?) },
        )?;
        Ok(document.map(|document| FoundGateway { document, tags, listed }))
    }

    fn assembled(&self, found: FoundGateway, targets: Vec<ApiDocument>, deliveries: &[(String, String)]) -> Gateway {
        let FoundGateway { document, tags, .. } = found;
        let names = DeliveryNames::new(document.gateway_id());
        let delivers = |name: &String| deliveries.iter().any(|(source, _)| source == name);
        Gateway {
            ours: tags.as_ref().is_ok_and(|tags| self.names.owns(tags)),
            tags,
            document,
            targets,
            delivers_logs: delivers(&names.logs),
            delivers_traces: delivers(&names.traces),
        }
    }

    /// The ids of gateways of this stack that have or had deliveries or a log group. Only cleanup needs them, for
    /// gateways that were deleted by other means.
    async fn gateways_with_remains(&self) -> Result<BTreeSet<String>, Error> {
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
        Ok(of_ends.chain(of_groups).collect())
    }

    async fn targets(&self, gateway: Option<&FoundGateway>) -> Result<Vec<ApiDocument>, Error> {
        let ids = gateway.into_iter().flat_map(|gateway| {
            gateway.listed.iter().map(|target| (gateway.document.gateway_id(), target.id.as_str()))
        });
        let looks = ids.map(|(gateway, target)| agentcore::find_target(self.aws, gateway, target));
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
}

/// What the first two levels of calls found.
struct TwoLevels {
    stack: Stack,
    gateway: Option<FoundGateway>,
    /// The stack's domain, if it has the first choice of its names.
    domain: Option<Domain>,
}

/// A gateway, its tags, and its targets as they are listed.
struct FoundGateway {
    document: ApiDocument,
    tags: Result<BTreeMap<String, String>, aws::Error>,
    listed: Vec<ListedTarget>,
}
