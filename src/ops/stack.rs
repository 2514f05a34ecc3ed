//! A stack's actual state, read from AWS by name, path and tag. There is no local state file: every machine
//! sees the same.

mod as_sent;
mod discover;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use self::{
    as_sent::AsSent,
    discover::{Depth, discover},
};
use super::{Error, Resource, ResourceKind};
use crate::{
    aws::{
        self, Aws, Caller,
        agentcore::ApiDocument,
        cognito::{self, AppClient, Pool},
        iam::Role,
        lambda::Function,
        logs,
    },
    model::{
        naming::{DeliveryNames, StackNames, TAG_TRACES},
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
    /// The names of all of the role's inline policies.
    pub policy_names: Vec<String>,
    /// The role's policies for the user's targets, by name.
    pub grants: BTreeMap<&'static str, Value>,
    /// Credential providers that the stack created.
    pub providers: BTreeSet<(ProviderKind, String)>,
    pub gateway: Option<Gateway>,
    pub pool: Option<Pool>,
    /// The user pool that the gateway refers to, if it does not exist.
    pub lost_pool: Option<String>,
    /// The pool's domain, if it was seen to be ACTIVE.
    pub active_domain: Option<String>,
    pub resource_server: bool,
    pub client: Option<AppClient>,
    /// The other clients of the pool that the gateway allows.
    pub allowed_clients: Vec<AppClient>,
    /// Pools of this stack that it does not use: left over from interrupted or racing runs.
    pub orphaned_pools: Vec<Pool>,
    /// Clients of this stack, in its pool, that the gateway does not use.
    pub orphaned_clients: Vec<String>,
    /// The names of the other clients of the pool whose tokens the gateway takes, if everything was looked for.
    pub consumers: Vec<String>,
    pub sample: Sample,
    /// Source and id of each delivery of gateways of this stack's name.
    pub deliveries: Vec<(String, String)>,
    /// Ids of deleted gateways of this stack whose log group, log or trace deliveries remain.
    pub lost_gateways: BTreeSet<String>,
    /// Operations that the endpoint, an emulator, does not support; no resources of that kind can exist.
    pub not_offered: BTreeSet<String>,
    /// What need not be sent again, if it was looked at for a spec.
    pub as_sent: AsSent,
    /// Errors of failed lookups, where they are tolerated.
    pub unseen: Vec<aws::Error>,
}

/// The gateway and its dependents.
#[derive(Debug)]
pub struct Gateway {
    pub document: ApiDocument,
    /// Whether the stack created it; otherwise it is never deleted.
    pub ours: bool,
    /// The gateway's tags, or why they cannot be read, where that is tolerated.
    pub tags: Result<BTreeMap<String, String>, aws::Error>,
    pub targets: Vec<ApiDocument>,
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

    pub fn target(&self, name: &str) -> Option<&ApiDocument> {
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
    fn new(names: StackNames, caller: Caller, role: Option<Role>) -> Self {
        Self {
            names,
            caller,
            role,
            base_policy: None,
            policy_names: Vec::new(),
            grants: BTreeMap::new(),
            providers: BTreeSet::new(),
            as_sent: AsSent::default(),
            gateway: None,
            pool: None,
            lost_pool: None,
            active_domain: None,
            resource_server: false,
            client: None,
            allowed_clients: Vec::new(),
            orphaned_pools: Vec::new(),
            orphaned_clients: Vec::new(),
            consumers: Vec::new(),
            sample: Sample::default(),
            deliveries: Vec::new(),
            lost_gateways: BTreeSet::new(),
            not_offered: BTreeSet::new(),
            unseen: Vec::new(),
        }
    }

    /// Whether nothing of the stack exists.
    pub fn is_empty(&self) -> bool {
        self.role.is_none()
            && self.gateway.is_none()
            && self.pool.is_none()
            && self.orphaned_pools.is_empty()
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
            && !gateway.targets.iter().any(ApiDocument::is_moving)
            && self.orphaned_pools.is_empty()
            && self.orphaned_clients.is_empty()
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
        let mut add = |there: bool, kind: ResourceKind, name: &str| {
            if there {
                found.push(Resource::new(kind, name));
            }
        };
        add(self.role.is_some(), ResourceKind::Role, &names.role);
        if let Some(pool) = &self.pool {
            add(true, ResourceKind::UserPool, &pool.id);
            add(pool.domain.is_some(), ResourceKind::Domain, pool.domain.as_deref().unwrap_or_default());
            add(self.resource_server, ResourceKind::ResourceServer, &names.resource_server);
            add(self.client.is_some(), ResourceKind::AppClient, self.client.as_ref().map_or("", |client| &client.id));
            self.consumers.iter().for_each(|client| add(true, ResourceKind::Consumer, client));
        }
        self.orphaned_pools.iter().for_each(|pool| add(true, ResourceKind::UserPool, &pool.id));
        self.orphaned_clients.iter().for_each(|client| add(true, ResourceKind::AppClient, client));
        add(self.sample.role.is_some(), ResourceKind::FunctionRole, &names.function_role);
        add(self.sample.log_group.is_some(), ResourceKind::LogGroup, &names.function_log_group);
        add(self.sample.function.is_some(), ResourceKind::Function, &names.function);
        self.providers.iter().for_each(|(_, name)| add(true, ResourceKind::Provider, name));
        for id in &self.lost_gateways {
            let delivery = DeliveryNames::new(id);
            add(true, ResourceKind::LogGroup, &delivery.log_group);
            add(true, ResourceKind::AccessLogs, &delivery.logs);
            add(true, ResourceKind::Traces, &delivery.traces);
        }
        if let Some(gateway) = &self.gateway {
            let delivery = gateway.delivery_names();
            add(gateway.ours, ResourceKind::Gateway, gateway.id());
            add(gateway.delivers_logs, ResourceKind::LogGroup, &delivery.log_group);
            add(gateway.delivers_logs, ResourceKind::AccessLogs, &delivery.logs);
            add(gateway.delivers_traces, ResourceKind::Traces, &delivery.traces);
            let targets = gateway.targets.iter().filter(|_| gateway.ours);
            targets.for_each(|target| add(true, ResourceKind::Target, target.name()));
        }
        found
    }
}
