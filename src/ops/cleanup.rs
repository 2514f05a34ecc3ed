//! `cleanup`: deletes a stack's resources in dependency order, continues past failures, and reports what
//! remains. The anchor is deleted last, and only when nothing else is left.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{
    future::{join, join_all, join3},
    stream::{self, StreamExt as _},
};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    Error, Resource, ResourceKind,
    apply::TARGETS_AT_ONCE,
    event::{Change, Event},
    run::Run,
    stack::{self, Depth, Gateway, Stack},
    sync::gone,
};
use crate::{
    aws::{
        self, Aws,
        agentcore::{self, ApiDocument},
        cognito::{self, Pool},
        iam, lambda, logs, providers,
        wait::{self, Cause, Deadline, Poll},
    },
    model::{
        naming::{BASE_POLICY, DeliveryNames, FUNCTION_POLICY, StackNames, TAG_PROVIDER},
        policy,
    },
};

/// How long to retry a transient refusal: IAM says "a few minutes" for its own (service model,
/// `ConcurrentModificationException`).
const PASSES: Duration = Duration::from_mins(3);
/// Pause between a discovery that found more to delete and the next one.
const PAUSE: Duration = Duration::from_secs(1);

/// The outcome of a cleanup.
#[derive(Debug, Default)]
pub struct Cleaned {
    pub deleted: Vec<Resource>,
    /// What is still there, and why.
    pub remaining: Vec<(Resource, aws::Error)>,
    /// Errors of lookups that failed.
    pub unseen: Vec<aws::Error>,
    /// The gateway that the stack used but does not own; it is kept.
    pub kept_gateway: Option<String>,
    pub not_offered: BTreeSet<String>,
    /// Why the cleanup ended early, if it did.
    pub stopped: Option<Cause>,
}

impl Cleaned {
    pub fn is_complete(&self) -> bool {
        self.remaining.is_empty() && self.unseen.is_empty() && self.stopped.is_none()
    }
}

/// Deletes a stack. `settle` is the time between the first discovery and the last one, because lists may not
/// show yet what an interrupted run created.
pub async fn cleanup(run: Run<'_>, names: &StackNames, settle: Duration) -> Result<Cleaned, Error> {
    let Run { aws, observer, stop } = run;
    let first_look = Instant::now();
    let mut stack = stack::discover(aws, names, Depth::Thorough).await?;
    observer.on_event(Event::Acting(stack.caller.clone(), aws.region.clone()));
    let settled = first_look + settle;
    let deletion = Deletion { run, names, settled, deadline: run.deadline() };
    let mut cleaned = Cleaned::default();
    if stack.is_empty() && stack.unseen.is_empty() {
        return Ok(cleaned);
    }
    let anchored = stack.role.is_some();
    let is_whole = stack.is_whole();
    for round in 0.. {
        let deleted_before = cleaned.deleted.len();
        Box::pin(deletion.delete_all_but_the_anchor(&stack, &mut cleaned)).await;
        cleaned.unseen = std::mem::take(&mut stack.unseen);
        cleaned.not_offered.append(&mut stack.not_offered);
        cleaned.stopped = cleaned.stopped.or(stop.cause());
        if is_whole || !cleaned.is_complete() {
            break;
        }
        // Two consecutive discoveries must agree, the second after lists have become consistent: stop when a round
        // deletes nothing new. A second deletion of the same resource does not count: AWS reports success for deleting
        // a credential provider that does not exist.
        if round > 0 && cleaned.deleted.len() == deleted_before {
            break;
        }
        let next_look = if round == 0 { settled } else { Instant::now() + PAUSE };
        let until_then = next_look.saturating_duration_since(Instant::now()).as_secs();
        let reason = format!("looking again in {until_then} s, when lists show what an interrupted run made");
        observer.on_event(Event::Waiting(Resource::new(ResourceKind::Gateway, names.gateway.as_str()), reason));
        if wait::until_moment(next_look, stop).await.is_err() {
            cleaned.stopped = stop.cause();
            break;
        }
        stack = stack::discover(aws, names, Depth::Thorough).await?;
    }
    let role = Resource::new(ResourceKind::Role, &names.role);
    let reason = cleaned.remaining.first().map(|(_, error)| error).or(cleaned.unseen.first()).cloned();
    if let Some(reason) = reason.filter(|_| anchored) {
        // Keep the anchor while anything else may remain.
        cleaned.remaining.push((role, reason));
    } else if anchored && cleaned.is_complete() {
        let mut first = true;
        let delete = async || delete_role(aws, &names.role, std::mem::take(&mut first)).await;
        deletion.delete(&mut cleaned, role, delete).await;
    }
    Ok(cleaned)
}

/// Deletes a stack's gateway with its targets, and nothing else of the stack. Its deliveries stay, too.
pub async fn delete_gateway(run: Run<'_>, stack: &Stack) -> Cleaned {
    run.observer.on_event(Event::Acting(stack.caller.clone(), run.aws.region.clone()));
    let deletion = Deletion { run, names: &stack.names, settled: Instant::now(), deadline: run.deadline() };
    let mut cleaned = Cleaned::default();
    if let Some(gateway) = &stack.gateway {
        let all: Vec<&ApiDocument> = gateway.targets.iter().collect();
        let targets = Box::pin(deletion.delete_targets(gateway.id(), &all)).await;
        deletion.delete_emptied(gateway, targets, &mut cleaned).await;
    }
    cleaned.stopped = cleaned.stopped.or(run.stop.cause());
    cleaned
}

/// Deletes targets and what only they used: the sample function, its credential providers, and the role's
/// permissions that no other target needs. The stack is as these targets left it, and nothing has changed since.
pub async fn remove_targets(run: Run<'_>, stack: &Stack, names: &[&str]) -> Result<Cleaned, Error> {
    run.observer.on_event(Event::Acting(stack.caller.clone(), run.aws.region.clone()));
    let deletion = Deletion { run, names: &stack.names, settled: Instant::now(), deadline: run.deadline() };
    let mut cleaned = Box::pin(deletion.remove_targets(stack, names)).await?;
    cleaned.stopped = cleaned.stopped.or(run.stop.cause());
    Ok(cleaned)
}

/// Deletes a role whose own policies are deleted already. Others keep it, and so may those for a moment: the next
/// attempt looks.
async fn delete_role(aws: &Aws, name: &str, is_first: bool) -> Result<bool, aws::Error> {
    if is_first { iam::delete_role_with(aws, name, &[]).await } else { iam::delete_role(aws, name).await }
}

/// State shared by all deletions of one run.
struct Deletion<'a> {
    run: Run<'a>,
    names: &'a StackNames,
    /// When lists no longer hide what an interrupted run created.
    settled: Instant,
    deadline: Deadline,
}

/// The outcome of a deletion, recorded after the concurrent ones have ended.
type Outcome = (Resource, Result<bool, aws::Error>);

impl Deletion<'_> {
    async fn remove_targets(&self, stack: &Stack, names: &[&str]) -> Result<Cleaned, Error> {
        let mut cleaned = Cleaned::default();
        let Some(gateway) = &stack.gateway else { return Ok(cleaned) };
        let (removed, left): (Vec<&ApiDocument>, Vec<&ApiDocument>) =
            gateway.targets.iter().partition(|target| names.contains(&target.name()));
        for outcome in self.delete_targets(gateway.id(), &removed).await {
            self.note(&mut cleaned, outcome);
        }
        if !cleaned.is_complete() || self.run.stop.is_requested() {
            return Ok(cleaned);
        }
        let left = || left.iter().copied();
        let sample = stack.sample.function.as_ref();
        let calls_sample =
            |target: &ApiDocument| sample.is_some_and(|sample| target.lambda_arn() == Some(sample.arn.as_str()));
        if removed.iter().copied().any(calls_sample) && !left().any(calls_sample) {
            Box::pin(self.delete_sample(stack)).await.into_iter().for_each(|outcome| self.note(&mut cleaned, outcome));
        }
        // Providers that a failed run created for these targets are deleted, too.
        let used: Vec<&str> = left().filter_map(|other| providers::of_target(&other.0)).collect();
        let own = removed.iter().filter_map(|target| providers::of_target(&target.0)).filter(|arn| !used.contains(arn));
        let own = own.filter_map(providers::of_arn).filter(|(_, provider)| stack.names.owns_provider(provider));
        let known = stack.providers.iter().map(|(kind, provider)| (*kind, provider.as_str()));
        let known = known.filter(|(_, provider)| names.iter().any(|name| stack.names.owns_provider_of(name, provider)));
        let unused = |(_, provider): &(_, &str)| !used.iter().any(|arn| arn.ends_with(&format!("/{provider}")));
        let unused: BTreeSet<_> = own.into_iter().chain(known).filter(unused).collect();
        let providers = join_all(unused.into_iter().map(async |(kind, provider)| {
            let deletion = async || providers::delete(self.run.aws, kind, provider).await;
            self.timed(Resource::new(ResourceKind::Provider, provider), deletion).await
        }));
        let left: Vec<&Value> = left().map(|other| &other.0).collect();
        let (providers, narrowed) = join(providers, self.narrow_grants(stack, &left)).await;
        for outcome in providers {
            let provider = outcome.0.name.clone();
            self.note(&mut cleaned, outcome);
            if stack.role.is_some() && cleaned.is_complete() {
                iam::untag_role(self.run.aws, &stack.names.role, &format!("{TAG_PROVIDER}{provider}")).await?;
            }
        }
        narrowed?;
        Ok(cleaned)
    }

    /// Takes from the role what none of the targets that are left needs.
    async fn narrow_grants(&self, stack: &Stack, left: &[&Value]) -> Result<(), Error> {
        let (role, account) = (&stack.names.role, &stack.caller.account);
        let left = left.iter().copied();
        let wanted = policy::grants(&stack.names, account, left, |target| stack.granted(target));
        for (grant, document) in stack.grants.iter().filter(|(grant, _)| !policy::GATEWAY_GRANTS.contains(grant)) {
            match wanted.get(grant) {
                None => drop(iam::delete_policy(self.run.aws, role, grant).await?),
                Some(wanted) if wanted != document => iam::put_policy(self.run.aws, role, grant, wanted).await?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    async fn delete_all_but_the_anchor(&self, stack: &Stack, cleaned: &mut Cleaned) {
        if let Some(gateway) = &stack.gateway {
            match &gateway.tags {
                // Without its tags, ownership is unknown.
                Err(error) => {
                    self.note(cleaned, (Resource::new(ResourceKind::Gateway, gateway.id()), Err(error.clone())));
                }
                Ok(_) if gateway.ours => {
                    Box::pin(self.delete_gateway(gateway, &stack.deliveries, cleaned)).await;
                }
                Ok(_) => cleaned.kept_gateway = Some(gateway.document.name().to_owned()),
            }
        }
        // A remaining gateway still uses the other resources.
        if self.run.stop.is_requested()
            || cleaned.remaining.iter().any(|(resource, _)| resource.kind == ResourceKind::Gateway)
        {
            return;
        }
        let lost: Vec<DeliveryNames> = stack.lost_gateways.iter().map(|id| DeliveryNames::new(id)).collect();
        let lost = join_all(lost.iter().map(async |names| {
            let mut outcomes = self.delete_deliveries(names, &stack.deliveries).await;
            outcomes.push(self.delete_log_group(names).await);
            outcomes
        }));
        let pools = join_all(stack.pool.iter().chain(&stack.orphaned_pools).map(|pool| self.delete_pool(pool)));
        let own = stack.providers.iter().map(async |(kind, name)| {
            let deletion = async || providers::delete(self.run.aws, *kind, name).await;
            self.timed(Resource::new(ResourceKind::Provider, name), deletion).await
        });
        let (pools, sample, (own, lost, ())) =
            join3(pools, Box::pin(self.delete_sample(stack)), join3(join_all(own), lost, self.empty_anchor(stack)))
                .await;
        let all = pools.into_iter().chain(sample).chain(own).chain(lost.into_iter().flatten());
        all.for_each(|outcome| self.note(cleaned, outcome));
    }

    /// Deletes the anchor's own policies, which nothing uses any more. What fails is looked for again with the anchor.
    async fn empty_anchor(&self, stack: &Stack) {
        let base = stack.base_policy.as_ref().map(|_| BASE_POLICY);
        let own: Vec<String> = base.into_iter().chain(stack.grants.keys().copied()).map(str::to_owned).collect();
        if let Err(error) = iam::delete_policies(self.run.aws, &self.names.role, &own).await {
            tracing::debug!("{error}");
        }
    }

    async fn delete_pool(&self, pool: &Pool) -> Outcome {
        let (aws, mut seen) = (self.run.aws, Some(pool.domain.as_deref()));
        let deletion = async || match seen.take() {
            Some(domain) => cognito::delete_pool(aws, &pool.id, domain).await,
            None => cognito::find_and_delete_pool(aws, &pool.id).await,
        };
        self.timed(Resource::new(ResourceKind::UserPool, &pool.id), deletion).await
    }

    async fn delete_gateway(&self, gateway: &Gateway, deliveries: &[(String, String)], cleaned: &mut Cleaned) {
        let names = gateway.delivery_names();
        let all: Vec<&ApiDocument> = gateway.targets.iter().collect();
        let (targets, deliveries) =
            join(self.delete_targets(gateway.id(), &all), self.delete_deliveries(&names, deliveries)).await;
        // Until the deliveries are gone, they are found by the gateway's id; the log group has tags of its own.
        let delivers = deliveries.iter().any(|(_, outcome)| outcome.is_err());
        let group = async { if delivers { None } else { Some(self.delete_log_group(&names).await) } };
        let emptied = self.delete_emptied(gateway, targets.into_iter().chain(deliveries).collect(), cleaned);
        let ((), group) = join(emptied, group).await;
        if let Some(outcome) = group {
            self.note(cleaned, outcome);
        }
    }

    async fn delete_targets(&self, gateway_id: &str, targets: &[&ApiDocument]) -> Vec<Outcome> {
        let targets = stream::iter(targets).map(async |target| {
            let resource = Resource::new(ResourceKind::Target, target.name());
            let mut seen = Some(*target);
            let deletion = async || self.delete_target(gateway_id, target.target_id(), seen.take()).await;
            self.timed(resource, deletion).await
        });
        targets.buffer_unordered(TARGETS_AT_ONCE).collect().await
    }

    /// Deletes a gateway if these deletions of what it has succeeded.
    async fn delete_emptied(&self, gateway: &Gateway, outcomes: Vec<Outcome>, cleaned: &mut Cleaned) {
        for outcome in outcomes {
            self.note(cleaned, outcome);
        }
        if self.run.stop.is_requested() {
            return;
        }
        let resource = Resource::new(ResourceKind::Gateway, gateway.id());
        // Deliveries are found by the gateway's id, so keep the gateway while one remains.
        match cleaned.remaining.first().map(|(_, error)| error.clone()) {
            Some(error) => cleaned.remaining.push((resource, error)),
            None => {
                let mut seen = Some(&gateway.document);
                let deletion = async || self.delete_gateway_itself(gateway.id(), seen.take()).await;
                self.delete(cleaned, resource, deletion).await;
            }
        }
    }

    /// Deletes a gateway's deliveries, of those that are `known`.
    async fn delete_deliveries(&self, names: &DeliveryNames, known: &[(String, String)]) -> Vec<Outcome> {
        let delivery = async |kind: ResourceKind, name: &str| {
            let mut seen = Some(known);
            let mut deletion = async || match seen.take() {
                Some(known) => logs::delete_delivery(self.run.aws, name, known).await,
                None => logs::delete_delivery(self.run.aws, name, &logs::deliveries(self.run.aws).await?).await,
            };
            self.timed(Resource::new(kind, name), async || self.once_nothing_is_hidden(&mut deletion).await).await
        };
        let logs = delivery(ResourceKind::AccessLogs, &names.logs);
        let (logs, traces) = join(logs, delivery(ResourceKind::Traces, &names.traces)).await;
        vec![logs, traces]
    }

    /// Deletes the log group of a gateway's own logs.
    async fn delete_log_group(&self, names: &DeliveryNames) -> Outcome {
        let group = Resource::new(ResourceKind::LogGroup, &names.log_group);
        self.timed(group, async || logs::delete_group(self.run.aws, &names.log_group).await).await
    }

    /// Retries a deletion that AWS refuses because of dependents that lists may hide after an interrupted run,
    /// until lists are consistent.
    async fn once_nothing_is_hidden(
        &self,
        mut deletion: impl AsyncFnMut() -> Result<bool, aws::Error>,
    ) -> Result<bool, aws::Error> {
        let attempt = async || match deletion().await {
            Err(error) if error.refuses_for_now() && Instant::now() < self.settled => {
                Ok(Poll::Pending(error.to_string()))
            }
            deleted => Ok::<_, aws::Error>(Poll::Ready(deleted?)),
        };
        wait::until(&self.deadline, |_| {}, attempt).await
    }

    async fn delete_target(
        &self,
        gateway_id: &str,
        target_id: &str,
        seen: Option<&ApiDocument>,
    ) -> Result<bool, aws::Error> {
        let find = async || agentcore::find_target(self.run.aws, gateway_id, target_id).await;
        let before = self.settled(seen, find).await?;
        let deleted = agentcore::delete_target(self.run.aws, gateway_id, target_id).await?;
        gone(before.as_ref(), &self.deadline, |_| {}, find).await?;
        Ok(deleted)
    }

    async fn delete_gateway_itself(&self, id: &str, seen: Option<&ApiDocument>) -> Result<bool, aws::Error> {
        let find = async || agentcore::find_gateway(self.run.aws, id).await;
        let before = self.settled(seen, find).await?;
        let deletion = async || {
            let deleted = agentcore::delete_gateway(self.run.aws, id).await;
            if deleted.as_ref().is_err_and(aws::Error::refuses_for_now) {
                for target in agentcore::list_targets(self.run.aws, id).await? {
                    self.delete_target(id, &target.id, None).await?;
                }
            }
            deleted
        };
        let deleted = self.once_nothing_is_hidden(deletion).await?;
        gone(before.as_ref(), &self.deadline, |_| {}, find).await?;
        Ok(deleted)
    }

    /// Waits until AWS is no longer working on a gateway or target, except to delete it, and no user may sign in to it:
    /// AWS refuses to delete it before. One that was seen READY needs no look: if it has changed since, AWS refuses, and
    /// the next attempt looks.
    async fn settled(
        &self,
        seen: Option<&ApiDocument>,
        mut find: impl AsyncFnMut() -> Result<Option<ApiDocument>, aws::Error>,
    ) -> Result<Option<ApiDocument>, aws::Error> {
        if let Some(seen) = seen.filter(|seen| seen.is_ready()) {
            return Ok(Some(seen.clone()));
        }
        let mut is_said = false;
        let look = async || {
            Ok::<_, aws::Error>(match find().await? {
                Some(found) if found.is_moving() && found.status() != "DELETING" => {
                    Poll::Pending(format!("it is {}", found.status()))
                }
                // "Wait for the authorization to complete or fail before deleting the target" (API reference,
                // DeleteGatewayTarget): it fails after ten minutes.
                Some(found) if found.awaits_user() => {
                    let target = Resource::new(ResourceKind::Target, found.name());
                    let reason =
                        format!("it is {} for ten minutes at most; until then AWS does not delete it", found.status());
                    if !std::mem::replace(&mut is_said, true) {
                        self.run.observer.on_event(Event::Waiting(target, reason.clone()));
                    }
                    Poll::Pending(reason)
                }
                found => Poll::Ready(found),
            })
        };
        wait::until(&self.deadline, |_| {}, look).await
    }

    /// Deletes role and log group after the function, so that nothing recreates them.
    async fn delete_sample(&self, stack: &Stack) -> Vec<Outcome> {
        let (names, sample) = (self.names, &stack.sample);
        let mut outcomes = Vec::new();
        // A function whose lookup failed may exist and still needs them.
        if let Err(error) = &sample.function_seen {
            let role = sample.role.iter().map(|_| Resource::new(ResourceKind::FunctionRole, &names.function_role));
            let group =
                sample.log_group.iter().map(|_| Resource::new(ResourceKind::LogGroup, &names.function_log_group));
            return role.chain(group).map(|resource| (resource, Err(error.clone()))).collect();
        }
        let function = async {
            sample.function.as_ref()?;
            let deletion = async || lambda::delete_function(self.run.aws, &names.function).await;
            Some(self.timed(Resource::new(ResourceKind::Function, &names.function), deletion).await)
        };
        let policy = async {
            sample.role.as_ref().and(sample.policy.as_ref())?;
            iam::delete_policy(self.run.aws, &names.function_role, FUNCTION_POLICY).await.err()
        };
        let (function, policy) = join(function, policy).await;
        outcomes.extend(function);
        let mut first = policy.is_none();
        let role = async {
            sample.role.as_ref()?;
            let deletion = async || delete_role(self.run.aws, &names.function_role, std::mem::take(&mut first)).await;
            Some(self.timed(Resource::new(ResourceKind::FunctionRole, &names.function_role), deletion).await)
        };
        let log_group = async {
            sample.log_group.as_ref()?;
            let deletion = async || logs::delete_group(self.run.aws, &names.function_log_group).await;
            Some(self.timed(Resource::new(ResourceKind::LogGroup, &names.function_log_group), deletion).await)
        };
        let (role, log_group) = join(role, log_group).await;
        outcomes.into_iter().chain(role).chain(log_group).collect()
    }

    async fn delete(
        &self,
        cleaned: &mut Cleaned,
        resource: Resource,
        deletion: impl AsyncFnMut() -> Result<bool, aws::Error>,
    ) {
        self.note(cleaned, self.timed(resource, deletion).await);
    }

    fn note(&self, cleaned: &mut Cleaned, (resource, outcome): Outcome) {
        match outcome {
            Ok(true) if cleaned.deleted.contains(&resource) => {}
            Ok(true) => cleaned.deleted.push(resource),
            Ok(false) => {}
            // What an endpoint does not support cannot exist there.
            Err(error) if self.run.aws.does_not_offer(&error) => {
                cleaned.not_offered.insert(format!("{} {}", error.service, error.operation));
            }
            // After a stop request, do not report the error of the interrupted wait.
            Err(error) if error.class == aws::Class::Stopped => cleaned.stopped = self.run.stop.cause(),
            Err(error) => cleaned.remaining.push((resource, error)),
        }
    }

    /// Deletes a resource and reports its progress; retries while AWS refuses for a transient reason.
    async fn timed(&self, resource: Resource, deletion: impl AsyncFnMut() -> Result<bool, aws::Error>) -> Outcome {
        let begin = Instant::now();
        self.run.observer.on_event(Event::Started(resource.clone()));
        let on_wait = |reason: &str| self.run.observer.on_event(Event::Waiting(resource.clone(), reason.to_owned()));
        let outcome = wait::while_refused(&self.deadline, PASSES, on_wait, deletion).await;
        self.run.observer.on_event(match &outcome {
            Ok(true) => Event::Finished(resource.clone(), Change::Deleted, begin.elapsed()),
            Ok(false) => Event::Finished(resource.clone(), Change::Absent, begin.elapsed()),
            Err(_) => Event::Failed(resource.clone()),
        });
        (resource, outcome)
    }
}
