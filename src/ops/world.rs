//! How each step of a plan is done in AWS.

mod authorizer;
mod gateway;
mod observability;
mod roles;
mod sample;

use std::{collections::BTreeMap, time::Duration};

pub use self::authorizer::token_request;
use super::{
    Error, Kind,
    apply::{Fact, Made, World},
    event::{Change, Event, Observer},
    plan::{self, Plan, Step},
    stack::Stack,
};
use crate::{
    aws::{
        Aws, iam, propagation,
        wait::{self, Deadline, Look, Stop},
    },
    model::{naming::StackNames, spec::GatewaySpec},
};

/// Why something is tried again that needs a new role.
const TOO_FRESH: &str = "IAM has not spread the new role yet";
/// How long lists may hide what was just made.
pub const SETTLE: Duration = Duration::from_secs(15);

/// AWS, as the steps of one plan see it.
pub struct AwsWorld<'a> {
    pub aws: &'a Aws,
    pub spec: &'a GatewaySpec,
    pub stack: &'a Stack,
    pub plan: &'a Plan,
    pub observer: &'a dyn Observer,
    pub deadline: Deadline,
    pub stop: &'a Stop,
    pub wait: bool,
    /// When the stack was first looked at.
    pub begun: tokio::time::Instant,
}

impl World for AwsWorld<'_> {
    async fn ensure(&self, step: &Step, made: Made) -> Result<(Change, Fact), Error> {
        match step.resource.kind {
            // Its check is that it works, whoever made it.
            Kind::TokenEndpoint => self.token_endpoint(step, &made).await,
            Kind::Surplus => self.surplus(step, &made).await,
            _ if step.change == plan::Change::Keep => Ok((Change::Unchanged, Fact::Nothing)),
            Kind::Role => self.role(step).await,
            Kind::BasePolicy => self.base_policy(step).await,
            Kind::Grant => {
                let (role, name) = (&self.names().role, &step.resource.name);
                match &step.grant {
                    Some(document) => self.put_policy(step, role, name, document).await,
                    None => {
                        iam::delete_policy(self.aws, role, name).await?;
                        Ok((Change::Deleted, Fact::Nothing))
                    }
                }
            }
            Kind::Provider => self.provider(step).await,
            Kind::UserPool => self.user_pool().await,
            Kind::Domain => self.domain(&made).await,
            Kind::ResourceServer => self.resource_server(&made).await,
            Kind::AppClient => self.app_client(&made).await,
            Kind::FunctionRole => self.function_role(step).await,
            Kind::FunctionPolicy => self.function_policy(step).await,
            Kind::LogGroup => self.log_group().await,
            Kind::Function => self.function(step, &made).await,
            Kind::Gateway => self.gateway(step, &made).await,
            Kind::Target => self.target(step, &made).await,
            Kind::AccessLogs => Ok(self.access_logs(&made).await),
            Kind::Traces => Ok(self.traces(&made).await),
        }
    }
}

impl AwsWorld<'_> {
    fn names(&self) -> &StackNames {
        &self.stack.names
    }

    fn tags(&self) -> BTreeMap<String, String> {
        self.names().tags(&self.spec.tags)
    }

    fn told<'b>(&'b self, step: &'b Step) -> impl Fn(&str) + 'b {
        |reason| self.observer.hear(Event::Waiting(step.resource.clone(), reason.to_owned()))
    }

    /// Roles may be too fresh if this run changed one, or another run may just have. A role that
    /// was brought is neither's: what it lacks, no waiting brings.
    fn role_may_be_fresh(&self, step: &Step) -> bool {
        if self.plan.brought_role.is_some() && matches!(step.resource.kind, Kind::Gateway | Kind::Target) {
            return false;
        }
        let changed = |step: &Step| {
            use Kind::{BasePolicy, FunctionPolicy, FunctionRole, Grant, Role};
            let kind = step.resource.kind;
            matches!(kind, Role | BasePolicy | Grant | FunctionRole | FunctionPolicy)
                && step.change != plan::Change::Keep
        };
        self.plan.interrupted || self.plan.steps.iter().any(changed)
    }

    /// Does something that needs IAM to have heard of a role; where it may not have, again.
    async fn once_propagated<T>(
        &self,
        step: &Step,
        mut call: impl AsyncFnMut() -> Result<T, crate::aws::Error>,
    ) -> Result<T, Error> {
        let fresh = self.role_may_be_fresh(step);
        wait::until(&self.deadline, self.told(step), async || match call().await {
            Err(error) if fresh && propagation::is_pending(&error) => Ok(Look::NotYet(TOO_FRESH.to_owned())),
            done => Ok(Look::Ready(done?)),
        })
        .await
    }
}
