//! Executes each step of a plan in AWS.

mod authorizer;
mod gateway;
mod observability;
mod roles;
mod sample;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tokio::time::Instant;

pub use self::authorizer::{create_client, token_request};
use super::{
    Error, ResourceKind,
    apply::{Output, Outputs, World},
    event::{Change, Event},
    plan::{self, Plan, Step},
    run::Run,
    stack::Stack,
};
use crate::{
    aws::{
        agentcore::ApiDocument,
        iam, propagation,
        wait::{self, Deadline, Poll},
    },
    model::{naming::StackNames, policy, spec::GatewaySpec},
};

/// The reason shown when a step that needs a new role is retried.
const TOO_FRESH: &str = "IAM has not spread the new role yet";
/// How long IAM may take to propagate a write. AWS documents no bound: one grant was measured to take 32
/// seconds, with alternating answers in the meantime; users' scripts retry for 30 to 120 seconds.
const SPREADS: Duration = Duration::from_mins(3);
/// How long lists may hide newly created resources.
pub const SETTLE: Duration = Duration::from_secs(15);

/// Executes the steps of one plan in AWS.
pub struct AwsWorld<'a> {
    pub run: Run<'a>,
    pub deadline: Deadline,
    pub spec: &'a GatewaySpec,
    pub stack: &'a Stack,
    pub plan: &'a Plan,
    /// Whether to wait until everything is READY.
    pub wait: bool,
    /// When the stack was first discovered.
    pub begun: Instant,
    /// When this run last wrote a role or a policy.
    pub iam_written: &'a Mutex<Option<Instant>>,
}

impl World for AwsWorld<'_> {
    async fn ensure(&self, step: &Step, made: Outputs) -> Result<(Change, Output), Error> {
        let done = self.carry_out(step, made).await;
        if step.writes_iam() {
            *self.iam_written.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        done
    }
}

impl AwsWorld<'_> {
    async fn carry_out(&self, step: &Step, made: Outputs) -> Result<(Change, Output), Error> {
        match step.resource.kind {
            // Runs even if its resources are kept: the check is that a token is issued.
            ResourceKind::TokenEndpoint => self.token_endpoint(step, &made).await,
            ResourceKind::Orphans => self.orphans(step, &made).await,
            _ if step.action == plan::Action::Keep => Ok((Change::Unchanged, Output::Nothing)),
            _ if step.narrows && self.is_under_way(&made) => Ok((Change::Unchanged, Output::Nothing)),
            ResourceKind::Role => self.role(step).await,
            ResourceKind::BasePolicy => self.base_policy(step).await,
            ResourceKind::Grant => {
                let (role, name) = (&self.names().role, &step.resource.name);
                match self.grant(step, &made)?.as_ref() {
                    Some(document) => self.put_policy(step, role, name, document).await,
                    None => {
                        iam::delete_policy(self.run.aws, role, name).await?;
                        Ok((Change::Deleted, Output::Nothing))
                    }
                }
            }
            ResourceKind::Provider => self.provider(step).await,
            ResourceKind::Fingerprint => self.fingerprint(step, &made).await,
            ResourceKind::UserPool => self.user_pool().await,
            ResourceKind::Domain => self.domain(&made).await,
            ResourceKind::ResourceServer => self.resource_server(&made).await,
            ResourceKind::AppClient => self.app_client(&made).await,
            ResourceKind::FunctionRole => self.function_role(step).await,
            ResourceKind::FunctionPolicy => self.function_policy(step).await,
            ResourceKind::LogGroup => self.log_group().await,
            ResourceKind::Function => self.function(step, &made).await,
            ResourceKind::Gateway => self.gateway(step, &made).await,
            ResourceKind::Target => self.target(step, &made).await,
            ResourceKind::AccessLogs => Ok(self.access_logs(step, &made).await),
            ResourceKind::Traces => Ok(self.traces(step, &made).await),
            // Plans have none: `client` makes and deletes them.
            ResourceKind::Consumer => Ok((Change::Unchanged, Output::Nothing)),
        }
    }

    /// Whether AWS has not changed the gateway and the targets yet: what they were goes on being used.
    fn is_under_way(&self, made: &Outputs) -> bool {
        let targets = self.spec.targets.iter().filter_map(|target| made.targets.get(target.name.as_str()));
        made.gateway().is_ok_and(ApiDocument::is_moving) || targets.into_iter().any(|target| !target.is_ready())
    }

    /// The policy that a step of kind `Grant` leaves. One for settings that are no longer needed is told by the gateway
    /// as it came to be: another run may have changed it, too.
    fn grant(&self, step: &Step, made: &Outputs) -> Result<Option<Value>, Error> {
        let name = step.resource.name.as_str();
        if !step.narrows || !policy::GATEWAY_GRANTS.contains(&name) {
            return Ok(step.policy.clone());
        }
        let gateway = std::iter::once(&made.gateway()?.0);
        Ok(policy::gateway_grants(self.names(), &self.stack.caller.account, gateway).remove(name))
    }

    fn names(&self) -> &StackNames {
        &self.stack.names
    }

    fn tags(&self) -> BTreeMap<String, String> {
        self.names().tags(&self.spec.tags)
    }

    fn on_wait<'b>(&'b self, step: &'b Step) -> impl Fn(&str) + 'b {
        |reason| self.run.observer.on_event(Event::Waiting(step.resource.clone(), reason.to_owned()))
    }

    /// Whether IAM may not have propagated what a step needs: this run, or an interrupted one, has just written a
    /// role or a policy, or the role was created recently. Waiting does not help if a user-supplied role lacks
    /// permissions.
    async fn may_be_too_fresh(&self, step: &Step) -> bool {
        let existing_role = self.plan.existing_role.as_ref().filter(|_| step.resource.kind != ResourceKind::Function);
        let written = *self.iam_written.lock().unwrap_or_else(PoisonError::into_inner);
        let written = written.or(self.plan.interrupted.then_some(self.begun)).filter(|_| existing_role.is_none());
        if written.is_some_and(|at| at.elapsed() < SPREADS) {
            return true;
        }
        let created = match (existing_role, step.resource.kind) {
            // A role that the caller may not read is not taken for new.
            (Some(arn), _) => iam::find_role(self.run.aws, arn.name()).await.ok().flatten().map(|role| role.created),
            (None, ResourceKind::Function) => self.stack.sample.role.as_ref().map(|role| role.created),
            (None, _) => self.stack.role.as_ref().map(|role| role.created),
        };
        // The two clocks may differ, so this run's own time is a bound, too.
        let is_fresh = |created: SystemTime| created.elapsed().unwrap_or_default() < SPREADS;
        self.begun.elapsed() < SPREADS && created.is_some_and(is_fresh)
    }

    /// Whether a gateway FAILED because a user pool that this run created does not serve its OpenID document yet.
    fn pool_may_be_too_fresh(&self, gateway: &ApiDocument) -> bool {
        self.pool_is_new() && self.begun.elapsed() < SPREADS && propagation::misses_discovery(gateway.status_reasons())
    }

    /// Whether this run, or an interrupted one, created the pool.
    fn pool_is_new(&self) -> bool {
        let makes_pool =
            |step: &Step| step.resource.kind == ResourceKind::UserPool && step.action != plan::Action::Keep;
        self.plan.interrupted || self.plan.steps.iter().any(makes_pool)
    }

    /// Calls AWS, and retries while IAM may not have propagated the role or the refusal is transient.
    async fn once_propagated<T, E: Into<Error>>(
        &self,
        step: &Step,
        mut call: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, Error> {
        wait::until(&self.deadline, self.on_wait(step), async || match call().await.map_err(Into::into) {
            Err(Error::Aws(error)) if propagation::is_pending(&error) && self.may_be_too_fresh(step).await => {
                Ok(Poll::Pending(TOO_FRESH.to_owned()))
            }
            // A concurrent change comes first: another target, another policy of the same role, or another run.
            Err(Error::Aws(error)) if error.is_transient() => Ok(Poll::Pending(error.message)),
            done => Ok(Poll::Ready(done?)),
        })
        .await
    }
}
