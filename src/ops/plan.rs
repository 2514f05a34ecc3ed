//! Computes the steps from a stack's actual state to its spec. Pure: `--dry-run` prints the plan that would be
//! executed.

mod grants;
mod targets;

use std::collections::BTreeSet;

use serde_json::{Value, json};

pub use self::grants::check_total;
use self::{
    grants::{SettingsGrants, check_resources, check_size, dropped_grant_steps, grant_steps, wanted_grants},
    targets::{target_action, target_steps},
};
use super::{
    Error, Resource, ResourceKind,
    stack::{Gateway, Stack},
};
use crate::{
    aws::{Aws, agentcore::ApiDocument, cognito, propagation},
    model::{
        difference::{self, Difference},
        name::RoleArn,
        policy, sample,
        shell::shell_word,
        spec::{AuthorizerSpec, GatewaySpec, RoleSpec, TargetSpec},
    },
};

/// What a step will do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It exists and is as desired.
    Keep,
    Create,
    /// It exists and differs in the named parts.
    Update(Vec<&'static str>),
    /// Creation FAILED because IAM had not propagated the role; delete and recreate.
    Replace,
}

/// One step of a plan.
#[derive(Debug, Clone)]
pub struct Step {
    pub resource: Resource,
    pub action: Action,
    /// Indices of the steps that must be done first.
    pub needs: Vec<usize>,
    /// The target that a step of kind `Target` or `Provider` is for.
    pub target: Option<TargetSpec>,
    /// The policy that a step of kind `BasePolicy` or `Grant` writes, or the trust policy of one of kind `Role`; a
    /// `Grant` step without one deletes the policy.
    pub policy: Option<Value>,
    /// Whether it takes away what the gateway or the targets that it needs no longer need: not before AWS has changed
    /// them.
    pub narrows: bool,
    /// The members of a gateway or target that it sets or changes, and those that it removes.
    pub members: Vec<Difference>,
}

impl Step {
    /// Whether it writes a role or a policy, which IAM takes a while to propagate.
    pub fn writes_iam(&self) -> bool {
        use ResourceKind::{BasePolicy, FunctionPolicy, FunctionRole, Grant, Role};
        let is_iam = matches!(self.resource.kind, Role | BasePolicy | Grant | FunctionRole | FunctionPolicy);
        is_iam && self.action != Action::Keep
    }
}

/// The steps from a stack's actual state to a spec.
#[derive(Debug)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// The gateway's role, if the stack does not create it.
    pub existing_role: Option<RoleArn>,
    pub authorizer: AuthorizerSpec,
    /// An interrupted run's work was found: lists may still hide some of it.
    pub interrupted: bool,
    /// Warnings, one sentence each; for example about settings that can only be chosen at creation.
    pub warnings: Vec<String>,
}

impl Plan {
    pub(super) fn add(&mut self, kind: ResourceKind, name: &str, action: Action, needs: &[Option<usize>]) -> usize {
        let needs = needs.iter().copied().flatten().collect();
        let resource = Resource::new(kind, name);
        self.steps.push(Step {
            resource,
            action,
            needs,
            target: None,
            policy: None,
            narrows: false,
            members: Vec::new(),
        });
        self.steps.len() - 1
    }

    /// Adds a step that leaves a policy with this, or deletes it, once what it needs is as desired.
    fn narrow(&mut self, kind: ResourceKind, name: &str, policy: Option<Value>, needs: &[Option<usize>]) {
        let step = self.add(kind, name, Action::Update(vec!["what it allows"]), needs);
        self.steps[step].policy = policy;
        self.steps[step].narrows = true;
    }

    /// Drops the other steps; what they would do counts as done.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&Step) -> bool) {
        let mut places = Vec::new();
        let mut kept = Vec::new();
        for step in std::mem::take(&mut self.steps) {
            places.push(is_kept(&step).then_some(kept.len()));
            kept.extend(is_kept(&step).then_some(step));
        }
        for step in &mut kept {
            step.needs = step.needs.iter().filter_map(|need| places[*need]).collect();
        }
        self.steps = kept;
    }
}

/// Plans `create`.
pub fn create(aws: &Aws, spec: &GatewaySpec, stack: &Stack) -> Result<Plan, Error> {
    if let Some(gateway) = &stack.gateway
        && !gateway.ours
        && !spec.adopt
    {
        return Err(Error::ForeignGateway(spec.name.to_string()));
    }
    let names = &stack.names;
    let existing_role = existing_role(spec, stack);
    let mut plan = Plan {
        steps: Vec::new(),
        authorizer: authorizer(aws, spec, stack)?,
        interrupted: !stack.is_empty() && !stack.is_whole(),
        existing_role,
        warnings: stack.gateway.as_ref().map(|gateway| chosen_at_creation(spec, stack, gateway)).unwrap_or_default(),
    };
    let (role, base) = if plan.existing_role.is_some() { (None, None) } else { role_steps(&mut plan, spec, stack) };
    let (domain, client) = authorizer_steps(&mut plan, stack, role);
    let function = spec.wants_sample().then(|| sample_steps(&mut plan, stack, role));
    let action = gateway_action(aws, spec, stack, &mut plan)?;
    // The permissions of a user-supplied role are the user's to manage.
    let wanted = role.map(|_| wanted_grants(spec, stack)).unwrap_or_default();
    let settings = role.map(|_| SettingsGrants::new(spec, stack));
    if let Some(settings) = &settings {
        check_resources(spec, stack)?;
        check_size(&plan, stack, &wanted, settings)?;
    }
    let (key, old_key) = kms_keys(spec, stack);
    let (key, old_key) = (key.as_deref(), old_key.as_deref());
    // AgentCore uses the user's KMS key as the gateway's role when it creates the gateway, so the role needs its
    // policy first.
    let base_before = base.filter(|_| key.is_some());
    let mut needs = vec![role, domain, client, base_before];
    needs
        .extend(settings.iter().flat_map(|settings| settings.steps_before(&mut plan, stack, role)).collect::<Vec<_>>());
    let members = gateway_members(spec, stack, &plan.authorizer, &action);
    let gateway = plan.add(ResourceKind::Gateway, names.gateway.as_str(), action, &needs);
    plan.steps[gateway].members = members;
    if let Some(settings) = &settings {
        settings.steps_after(&mut plan, gateway);
    }
    // During a key change the role may use both keys; afterwards, only the new one.
    if base.is_some() && old_key.is_some() && key != old_key {
        let policy = policy::gateway_base(names, &stack.caller.account, key.as_slice());
        plan.narrow(ResourceKind::BasePolicy, &names.role, Some(policy), &[Some(gateway)]);
    }
    if client.is_some() && spec.prove_tokens {
        plan.add(ResourceKind::TokenEndpoint, &names.scope, Action::Keep, &[domain, client]);
    }
    let mut last = vec![Some(gateway)];
    let grants = grant_steps(&mut plan, stack, &wanted, role);
    let mut needs = vec![Some(gateway), base, function];
    needs.extend(grants.into_iter().map(Some));
    last.extend(target_steps(&mut plan, spec, stack, role, &needs)?);
    if role.is_some() {
        dropped_grant_steps(&mut plan, spec, stack, &wanted, &last);
    }
    if spec.observability {
        observability_steps(&mut plan, spec, stack, gateway);
    }
    if plan.authorizer == AuthorizerSpec::Cognito {
        let surplus = !stack.orphaned_pools.is_empty() || !stack.orphaned_clients.is_empty();
        let action = if surplus || plan.interrupted { Action::Update(vec!["leftovers"]) } else { Action::Keep };
        plan.add(ResourceKind::Orphans, &names.user_pool, action, &last);
    }
    if spec.settings_only {
        keep_to_settings(&mut plan, stack, key != old_key)?;
    }
    Ok(plan)
}

/// Drops the steps that neither change the gateway's settings nor let its role use what they name.
fn keep_to_settings(plan: &mut Plan, stack: &Stack, is_new_key: bool) -> Result<(), Error> {
    let gateway = plan.steps.iter().find(|step| step.resource.kind == ResourceKind::Gateway);
    // One that FAILED is not changed, but made again, with all that belongs to it.
    if let (Some(Step { action: Action::Create | Action::Replace, .. }), Some(gateway)) = (gateway, &stack.gateway) {
        return Err(Error::of_state(ResourceKind::Gateway, &gateway.document));
    }
    plan.retain(|step| match step.resource.kind {
        ResourceKind::Gateway | ResourceKind::Grant => true,
        ResourceKind::BasePolicy => is_new_key,
        _ => false,
    });
    Ok(())
}

/// The gateway's desired and current KMS keys.
fn kms_keys(spec: &GatewaySpec, stack: &Stack) -> (Option<String>, Option<String>) {
    let existing = stack.gateway.as_ref().map(|gateway| &gateway.document.0);
    let key = |document: &Value| document["kmsKeyArn"].as_str().map(str::to_owned);
    (key(&spec.wanted(existing)), existing.and_then(key))
}

/// Whether a target of the stack is as it is to be.
pub fn is_as_wanted(stack: &Stack, target: &TargetSpec, document: &ApiDocument) -> Result<bool, Error> {
    Ok(target_action(&stack.names, stack, target, Some(document))? == Action::Keep)
}

/// Warnings about settings that the user specified and that an existing gateway does not take.
fn chosen_at_creation(spec: &GatewaySpec, stack: &Stack, gateway: &Gateway) -> Vec<String> {
    let document = &gateway.document.0;
    let mut warnings = Vec::new();
    let tags = gateway.tags.as_ref();
    let lacking = |(key, value): &(&String, &String)| tags.is_ok_and(|tags| tags.get(*key) != Some(*value));
    let lacking: Vec<(&String, &String)> = spec.tags.iter().filter(lacking).collect();
    if !lacking.is_empty() {
        let arn = gateway.document.gateway_arn();
        let keys: Vec<String> = lacking.iter().map(|(key, _)| format!("`{key}`")).collect();
        let pairs: Vec<String> = lacking.iter().map(|(key, value)| shell_word(&format!("{key}={value}"))).collect();
        warnings.push(format!(
            "tags are given when things are made: the gateway is there and does not get {}; `aws \
             bedrock-agentcore-control tag-resource --resource-arn {arn} --tags {}` gives them",
            keys.join(", "),
            pairs.join(",")
        ));
    }
    let boundary = stack.role.as_ref().and_then(|role| role.boundary.as_deref());
    if let RoleSpec::Managed { permissions_boundary: Some(wanted) } = &spec.role
        && boundary != Some(wanted.as_str())
    {
        warnings.push("a permissions boundary is given when the role is made: this one keeps what it has".to_owned());
    }
    let wants_traces = spec.observability && spec.traces != Some(false);
    let unwanted =
        [("logs", gateway.delivers_logs && !spec.observability), ("traces", gateway.delivers_traces && !wants_traces)];
    // Target commands specify neither logs nor traces.
    for (what, _) in unwanted.into_iter().filter(|(_, is_unwanted)| *is_unwanted && spec.prove_tokens) {
        warnings.push(format!("the gateway's {what} are delivered already, and go on being delivered"));
    }
    if !spec.semantic_search && document["protocolConfiguration"]["mcp"]["searchType"] == "SEMANTIC" {
        warnings.push("the search tool is chosen when a gateway is made: this one keeps it".to_owned());
    }
    warnings
}

/// The role that the stack does not create: the one specified, else the one that its gateway has. A missing
/// role of the stack's own name is created again.
fn existing_role(spec: &GatewaySpec, stack: &Stack) -> Option<RoleArn> {
    match (&spec.role, &stack.gateway) {
        // The stack's own again.
        (RoleSpec::Existing(arn), _) if stack.role.is_some() && stack.names.is_role_arn(arn.as_str()) => None,
        (RoleSpec::Existing(arn), _) => Some(arn.clone()),
        (RoleSpec::Managed { .. }, Some(gateway)) => {
            let is_own = gateway.has_role(&stack.names) && (stack.role.is_some() || gateway.ours);
            gateway.document.role_arn().parse().ok().filter(|_| !is_own)
        }
        (RoleSpec::Managed { .. }, None) => None,
    }
}

/// The specified authorizer, else the existing one, else Cognito.
fn authorizer(aws: &Aws, spec: &GatewaySpec, stack: &Stack) -> Result<AuthorizerSpec, Error> {
    // A gateway that accepts another issuer's tokens keeps that issuer, even if a pool of this stack still exists.
    // A deleted pool of this stack is created again.
    let is_ours = |gateway: &Gateway| stack.issuer(aws).is_some() || (gateway.ours && stack.lost_pool.is_some());
    let existing = |gateway: &Gateway| match gateway.document.0["authorizerType"].as_str() {
        // Target commands leave the authorizer unchanged.
        Some("CUSTOM_JWT") if spec.prove_tokens && is_ours(gateway) => AuthorizerSpec::Cognito,
        Some("CUSTOM_JWT") => AuthorizerSpec::Jwt(gateway.document.0["authorizerConfiguration"].clone()),
        Some("AWS_IAM") => AuthorizerSpec::Iam,
        Some("AUTHENTICATE_ONLY") => AuthorizerSpec::AuthenticateOnly,
        Some("NONE") | None => AuthorizerSpec::None,
        Some(other) => AuthorizerSpec::Other(other.to_owned()),
    };
    if let (Some(wanted), Some(gateway)) = (&spec.authorizer, &stack.gateway)
        && let Some(existing) = gateway.document.0["authorizerType"].as_str()
        && existing != wanted.api_type()
    {
        let (name, existing) = (spec.name.to_string(), existing.to_owned());
        return Err(Error::OtherAuthorizer { name, existing, wanted: wanted.api_type().to_owned() });
    }
    // What `get` prints names the pool that the stack made: its clients are not the file's to choose.
    let is_own = |named: &AuthorizerSpec| match (named, &stack.pool) {
        _ if !spec.keeps_own_pool => false,
        (AuthorizerSpec::Jwt(configuration), Some(pool)) => configuration["customJWTAuthorizer"]["discoveryUrl"]
            .as_str()
            .is_some_and(|url| cognito::is_discovery_url(aws, &pool.id, url)),
        _ => false,
    };
    let authorizer = spec.authorizer.clone();
    let authorizer = if authorizer.as_ref().is_some_and(is_own) { Some(AuthorizerSpec::Cognito) } else { authorizer };
    let authorizer = authorizer.or_else(|| stack.gateway.as_ref().map(existing)).unwrap_or(AuthorizerSpec::Cognito);
    if authorizer != AuthorizerSpec::Cognito && !spec.allowed_clients.is_empty() {
        return Err(Error::NotOfCognito(spec.name.to_string()));
    }
    Ok(authorizer)
}

fn kept_if(there: bool) -> Action {
    if there { Action::Keep } else { Action::Create }
}

/// Keeps a document that equals the wanted one, otherwise updates or creates it.
fn document(existing: Option<&Value>, wanted: &Value, what: &'static str) -> Action {
    match existing {
        Some(existing) if existing == wanted => Action::Keep,
        Some(_) => Action::Update(vec![what]),
        None => Action::Create,
    }
}

/// Adds the steps for the anchor and its base policy.
fn role_steps(plan: &mut Plan, spec: &GatewaySpec, stack: &Stack) -> (Option<usize>, Option<usize>) {
    let names = &stack.names;
    let trust = policy::gateway_trust(names, &stack.caller.account);
    let action = document(stack.role.as_ref().map(|role| &role.trust), &trust, "trust policy");
    let role = plan.add(ResourceKind::Role, &names.role, action, &[]);
    plan.steps[role].policy = Some(trust);
    let (key, old_key) = kms_keys(spec, stack);
    let keys: BTreeSet<String> = key.into_iter().chain(old_key).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let wanted = policy::gateway_base(names, &stack.caller.account, &keys);
    let action = document(stack.base_policy.as_ref(), &wanted, "document");
    let base = plan.add(ResourceKind::BasePolicy, &names.role, action, &[Some(role)]);
    plan.steps[base].policy = Some(wanted);
    (Some(role), Some(base))
}

/// Adds the steps for pool, domain, resource server and client; returns those of domain and client, which
/// others need.
fn authorizer_steps(plan: &mut Plan, stack: &Stack, anchor: Option<usize>) -> (Option<usize>, Option<usize>) {
    if plan.authorizer != AuthorizerSpec::Cognito {
        return (None, None);
    }
    let names = &stack.names;
    let pool = plan.add(ResourceKind::UserPool, &names.user_pool, kept_if(stack.pool.is_some()), &[anchor]);
    let domain = stack.pool.as_ref().and_then(|pool| pool.domain.clone());
    let shown = domain.clone().unwrap_or_else(|| names.domain(&stack.caller.account, 0));
    let domain = plan.add(ResourceKind::Domain, &shown, kept_if(domain.is_some()), &[Some(pool)]);
    let server =
        plan.add(ResourceKind::ResourceServer, &names.resource_server, kept_if(stack.resource_server), &[Some(pool)]);
    let client = plan.add(ResourceKind::AppClient, &names.app_client, kept_if(stack.client.is_some()), &[Some(server)]);
    (Some(domain), Some(client))
}

/// Adds the steps for the sample function. Its log group comes first, so that Lambda never creates an untagged
/// one.
fn sample_steps(plan: &mut Plan, stack: &Stack, anchor: Option<usize>) -> usize {
    let (names, sample) = (&stack.names, &stack.sample);
    let trust = policy::function_trust(names, &stack.caller.account);
    let action = document(sample.role.as_ref().map(|role| &role.trust), &trust, "trust policy");
    let role = plan.add(ResourceKind::FunctionRole, &names.function_role, action, &[anchor]);
    let wanted = policy::function_logs(names, &stack.caller.account);
    let action = document(sample.policy.as_ref(), &wanted, "document");
    plan.add(ResourceKind::FunctionPolicy, &names.function_role, action, &[Some(role)]);
    let action = match &sample.log_group {
        Some(group) if group.retention_days == Some(sample::LOG_RETENTION_DAYS) => Action::Keep,
        Some(_) => Action::Update(vec!["retention"]),
        None => Action::Create,
    };
    let log_group = plan.add(ResourceKind::LogGroup, &names.function_log_group, action, &[anchor]);
    let action = match &sample.function {
        Some(function) if function.code_sha256 != sample::code_sha256() => Action::Update(vec!["code"]),
        Some(function) if !function.active => Action::Update(vec!["state"]),
        Some(_) => Action::Keep,
        None => Action::Create,
    };
    plan.add(ResourceKind::Function, &names.function, action, &[Some(role), Some(log_group)])
}

fn gateway_action(aws: &Aws, spec: &GatewaySpec, stack: &Stack, plan: &mut Plan) -> Result<Action, Error> {
    let Some(gateway) = &stack.gateway else { return Ok(Action::Create) };
    if let Some(action) = unfinished(&gateway.document, ResourceKind::Gateway, gateway.ours)? {
        return Ok(action);
    }
    let mut differs = differences(aws, spec, stack, &plan.authorizer, &gateway.document);
    if differs.contains(&"authorizer") {
        plan.warnings.extend(kept_clients(aws, gateway, stack));
    }
    // Have AWS retry a failed update of our own gateway; leave another owner's alone.
    if differs.is_empty() && gateway.ours && gateway.document.is_broken() {
        differs.push("failed update");
    }
    Ok(if differs.is_empty() { Action::Keep } else { Action::Update(differs) })
}

/// The members of a gateway that a step sets or changes. Of the authorizer that the stack makes, ids are known only
/// when it is made.
fn gateway_members(spec: &GatewaySpec, stack: &Stack, authorizer: &AuthorizerSpec, action: &Action) -> Vec<Difference> {
    let existing = stack.gateway.as_ref().map(|gateway| &gateway.document.0);
    let (before, mut after) = match action {
        Action::Keep => return Vec::new(),
        Action::Create | Action::Replace => (Value::Null, spec.request()),
        Action::Update(_) => (existing.cloned().unwrap_or_default(), spec.wanted(existing)),
    };
    if before.is_null() {
        after["authorizerType"] = json!(authorizer.api_type());
        if !spec.tags.is_empty() {
            after["tags"] = json!(spec.tags);
        }
    }
    // An update without a named authorizer keeps the one that there is, with the settings that were named for it.
    let is_named = match action {
        Action::Update(differs) => differs.contains(&"authorizer"),
        _ => true,
    };
    if let AuthorizerSpec::Jwt(configuration) = authorizer
        && is_named
    {
        after["authorizerConfiguration"] = configuration.clone();
    }
    if let RoleSpec::Existing(role) = &spec.role {
        after["roleArn"] = json!(role);
    }
    difference::between(&before, &after)
}

/// The parts in which a gateway is not as it is to be.
pub fn differences(
    aws: &Aws,
    spec: &GatewaySpec,
    stack: &Stack,
    authorizer: &AuthorizerSpec,
    gateway: &ApiDocument,
) -> Vec<&'static str> {
    let current = &gateway.0;
    let mut differs = Vec::new();
    if spec.wanted(Some(current)) != *current {
        differs.push("settings");
    }
    if matches!(&spec.role, RoleSpec::Existing(role) if role.as_str() != gateway.role_arn()) {
        differs.push("role");
    }
    let same_authorizer = match authorizer {
        AuthorizerSpec::Cognito => stack.pool.as_ref().zip(stack.client.as_ref()).is_some_and(|(pool, client)| {
            let jwt = gateway.jwt_authorizer();
            let allowed = |id: &str| jwt["allowedClients"].as_array().is_some_and(|ids| ids.contains(&json!(id)));
            jwt["discoveryUrl"].as_str().is_some_and(|url| cognito::is_discovery_url(aws, &pool.id, url))
                && allowed(&client.id)
                && spec.allowed_clients.iter().all(|id| allowed(id))
        }),
        AuthorizerSpec::Jwt(configuration) => current["authorizerConfiguration"] == *configuration,
        other => current["authorizerType"] == other.api_type(),
    };
    if !same_authorizer {
        differs.push("authorizer");
    }
    differs
}

/// Warns that other clients of the pool which the gateway allows stay allowed when its authorizer is repaired.
fn kept_clients(aws: &Aws, gateway: &Gateway, stack: &Stack) -> Option<String> {
    let jwt = gateway.document.jwt_authorizer();
    stack.issuer(aws)?;
    let own = stack.client.as_ref().map(|client| client.id.as_str());
    let all = jwt["allowedClients"].as_array()?.iter().filter_map(Value::as_str);
    let others: Vec<String> = all.filter(|id| Some(*id) != own).map(|id| format!("`{id}`")).collect();
    let what = if others.len() == 1 { "client" } else { "clients" };
    let said = || format!("the gateway goes on allowing the {what} {} beside its own", others.join(", "));
    (!others.is_empty()).then(said)
}

/// What to do with a gateway or target that is not READY.
fn unfinished(document: &ApiDocument, kind: ResourceKind, ours: bool) -> Result<Option<Action>, Error> {
    match document.status() {
        "FAILED" if ours && propagation::may_pass(document) => Ok(Some(Action::Replace)),
        // A failed target recovers by an update (once), so compare it as usual.
        "FAILED" if kind == ResourceKind::Target => Ok(None),
        "FAILED" => Err(Error::of_state(kind, document)),
        "DELETING" => Ok(Some(Action::Create)),
        "CREATING" | "UPDATING" | "SYNCHRONIZING" => Ok(Some(Action::Update(vec!["state"]))),
        _ => Ok(None),
    }
}

/// Adds the steps for log and trace delivery, which need the gateway.
fn observability_steps(plan: &mut Plan, spec: &GatewaySpec, stack: &Stack, gateway: usize) {
    let existing = stack.gateway.as_ref().filter(|_| plan.steps[gateway].action != Action::Replace);
    let logs = match existing {
        Some(gateway) if gateway.delivers_logs && spec.log_retention.is_some() && !stack.as_sent.log_retention => {
            Action::Update(vec!["retention"])
        }
        existing => kept_if(existing.is_some_and(|gateway| gateway.delivers_logs)),
    };
    let name = stack.names.gateway.as_str();
    plan.add(ResourceKind::AccessLogs, name, logs, &[Some(gateway)]);
    // Traces that AWS refused before are tried again only on request.
    if spec.traces.unwrap_or(!stack.refuses_traces()) {
        let traces = existing.is_some_and(|gateway| gateway.delivers_traces);
        plan.add(ResourceKind::Traces, name, kept_if(traces), &[Some(gateway)]);
    }
}
