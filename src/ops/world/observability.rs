//! Log and trace delivery. Without it the gateway works all the same, so its failure is a warning.

use std::time::Duration;

use futures_util::future::join;
use tokio::time::Instant;

use super::AwsWorld;
use crate::{
    aws::{
        self, iam,
        logs::{self, Carries},
        wait::{self, Look},
    },
    model::naming::{DeliveryNames, TAG_TRACES},
    ops::{
        Error,
        apply::{Fact, LogGroup, Made},
        event::{Change, Event},
        plan::{self, Step},
    },
};

/// How long the records of a gateway are kept, which hold what was asked and answered; in days.
const LOG_RETENTION_DAYS: i32 = 30;
/// How long a refusal that passes by itself is borne, for something that the gateway does not need.
const PASSES: Duration = Duration::from_mins(1);

impl AwsWorld<'_> {
    /// The log group of a gateway's own logs; none where it is not wanted.
    pub(super) async fn gateway_log_group(&self, gateway_id: &str) -> Result<Option<LogGroup>, aws::Error> {
        if !self.spec.observability {
            return Ok(None);
        }
        let name = DeliveryNames::new(gateway_id).log_group;
        match logs::create_group(self.aws, &name, &self.tags()).await {
            Err(error) if error.exists() => Ok(Some(LogGroup::Old)),
            created => created.map(|()| Some(LogGroup::New)),
        }
    }

    pub(super) async fn access_logs(&self, step: &Step, made: &Made) -> (Change, Fact) {
        let delivered = async {
            let gateway = made.gateway()?;
            let names = DeliveryNames::new(gateway.gateway_id());
            if let plan::Change::Update(_) = step.change {
                return self.retention(&names.log_group).await;
            }
            let partition = self.names().region.partition().name;
            let (region, account) = (&self.names().region, &self.stack.caller.account);
            let group_arn = format!("arn:{partition}:logs:{region}:{account}:log-group:{}", names.log_group);
            let carries = Carries::Logs { group_arn: &group_arn };
            if self.is_delivered_by_another(step, &names.logs, gateway.gateway_arn(), carries).await? {
                return Ok((Change::Unchanged, Fact::Nothing));
            }
            let group = match made.gateway_log_group {
                Some(group) => Some(group),
                None => self.gateway_log_group(gateway.gateway_id()).await?,
            };
            let default = (group == Some(LogGroup::New)).then_some(LOG_RETENTION_DAYS);
            let retention = async {
                match self.spec.log_retention.or(default) {
                    Some(days) => logs::set_retention(self.aws, &names.log_group, days).await,
                    None => Ok(()),
                }
            };
            let delivered = self.deliver(step, &names.logs, gateway.gateway_arn(), carries, Fact::DeliversLogs);
            let (retention, delivered) = join(retention, delivered).await;
            retention?;
            delivered
        };
        delivered.await.unwrap_or_else(|error: Error| undelivered("logs", error.to_string()))
    }

    pub(super) async fn traces(&self, step: &Step, made: &Made) -> (Change, Fact) {
        let delivered = async {
            let gateway = made.gateway()?;
            let names = DeliveryNames::new(gateway.gateway_id());
            if self.is_delivered_by_another(step, &names.traces, gateway.gateway_arn(), Carries::Traces).await? {
                return Ok((Change::Unchanged, Fact::Nothing));
            }
            match self.deliver(step, &names.traces, gateway.gateway_arn(), Carries::Traces, Fact::Nothing).await {
                Err(Error::Aws(error)) if logs::needs_transaction_search(&error) => {
                    self.note_refused_traces(&names.traces).await?;
                    Ok(undelivered("traces", self.remedy_of_traces()))
                }
                delivered => {
                    self.forget_refused_traces().await?;
                    delivered
                }
            }
        };
        delivered.await.unwrap_or_else(|error: Error| undelivered("traces", error.to_string()))
    }

    /// One that is there keeps its records as long as the user says now.
    async fn retention(&self, log_group: &str) -> Result<(Change, Fact), Error> {
        let found = logs::find_group(self.aws, log_group).await?;
        match (found, self.spec.log_retention) {
            (Some(group), Some(days)) if group.retention_days != Some(days) => {
                logs::set_retention(self.aws, log_group, days).await?;
                Ok((Change::Updated, Fact::Nothing))
            }
            _ => Ok((Change::Unchanged, Fact::Nothing)),
        }
    }

    /// Whether somebody else's source takes the same from a gateway that was there before this run; it is left.
    async fn is_delivered_by_another(
        &self,
        step: &Step,
        own: &str,
        gateway_arn: &str,
        carries: Carries<'_>,
    ) -> Result<bool, Error> {
        let existed = self.stack.gateway.as_ref().is_some_and(|gateway| gateway.document.gateway_arn() == gateway_arn);
        if !existed {
            return Ok(false);
        }
        let other = logs::other_source(self.aws, own, gateway_arn, carries).await?;
        if let Some(other) = &other {
            let kind = step.resource.kind.label();
            self.observer.hear(Event::Note(format!("{kind}: the source `{other}` is there already, and is left")));
        }
        Ok(other.is_some())
    }

    async fn deliver(
        &self,
        step: &Step,
        name: &str,
        gateway_arn: &str,
        carries: Carries<'_>,
        fact: Fact,
    ) -> Result<(Change, Fact), Error> {
        let begin = Instant::now();
        wait::until(&self.deadline, self.told(step), async || {
            match logs::ensure_delivery(self.aws, name, gateway_arn, carries, &self.tags()).await {
                Err(error) if error.passes() && begin.elapsed() < PASSES => Ok(Look::NotYet(error.message)),
                delivered => delivered.map(Look::Ready),
            }
        })
        .await?;
        Ok((Change::Created, fact))
    }

    fn remedy_of_traces(&self) -> String {
        format!(
            "this account does not send traces to CloudWatch Logs; switch on Transaction Search in the CloudWatch \
             console, once for the account, and run `agentcore-gw create {} --traces`",
            self.names().gateway
        )
    }

    /// Takes back what the refusal left, and remembers it on the anchor: a later run does not try again by itself.
    async fn note_refused_traces(&self, name: &str) -> Result<(), Error> {
        logs::delete_delivery(self.aws, name).await?;
        if self.plan.brought_role.is_none() {
            iam::tag_role(self.aws, &self.names().role, TAG_TRACES.0, TAG_TRACES.1).await?;
        }
        Ok(())
    }

    async fn forget_refused_traces(&self) -> Result<(), Error> {
        if self.stack.refuses_traces() {
            iam::untag_role(self.aws, &self.names().role, TAG_TRACES.0).await?;
        }
        Ok(())
    }
}

fn undelivered(what: &'static str, why: String) -> (Change, Fact) {
    (Change::Unchanged, Fact::Undelivered(what, why))
}
