//! Log and trace delivery. The gateway works without it, so a failure is only a warning.

use std::time::Duration;

use futures_util::future::join;

use super::{AwsWorld, Error};
use crate::{
    aws::{
        self, iam,
        logs::{self, Carries},
        wait,
    },
    model::{
        gateway,
        naming::{DeliveryNames, TAG_TRACES},
    },
    ops::{
        apply::{LogGroup, Output, Outputs},
        event::{Change, Event},
        plan::{self, Step},
    },
};

/// How long to retry a transient refusal of something that the gateway does not need.
const PASSES: Duration = Duration::from_mins(1);

impl AwsWorld<'_> {
    /// Creates the log group of a gateway's own logs; `None` if observability is off.
    pub(super) async fn gateway_log_group(&self, gateway_id: &str) -> Result<Option<LogGroup>, aws::Error> {
        if !self.spec.observability {
            return Ok(None);
        }
        let name = DeliveryNames::new(gateway_id).log_group;
        match logs::create_group(self.run.aws, &name, &self.tags()).await {
            Err(error) if error.exists() => Ok(Some(LogGroup::Old)),
            created => created.map(|()| Some(LogGroup::New)),
        }
    }

    pub(super) async fn access_logs(&self, step: &Step, made: &Outputs) -> (Change, Output) {
        let delivered = async {
            let gateway = made.gateway()?;
            let names = DeliveryNames::new(gateway.gateway_id());
            if let plan::Action::Update(_) = step.action {
                let changed = self.retention(step, &names.log_group, Some(LogGroup::Old)).await;
                let change = if matches!(changed, Ok(true)) { Change::Updated } else { Change::Unchanged };
                self.warn_of_retention(changed);
                return Ok((change, Output::Nothing));
            }
            let partition = self.names().region.partition().name;
            let (region, account) = (&self.names().region, &self.stack.caller.account);
            let group_arn = format!("arn:{partition}:logs:{region}:{account}:log-group:{}", names.log_group);
            let carries = Carries::Logs { group_arn: &group_arn };
            if self.is_delivered_by_another(step, &names.logs, gateway.gateway_arn(), carries).await? {
                return Ok((Change::Unchanged, Output::Nothing));
            }
            let group = match made.gateway_log_group {
                Some(group) => Some(group),
                None => self.gateway_log_group(gateway.gateway_id()).await?,
            };
            let retention = self.retention(step, &names.log_group, group);
            let delivered = self.deliver(step, &names.logs, gateway.gateway_arn(), carries, Output::DeliversLogs);
            let (retention, delivered) = join(retention, delivered).await;
            self.warn_of_retention(retention);
            delivered
        };
        delivered.await.unwrap_or_else(|error: Error| undelivered("logs", error.to_string()))
    }

    pub(super) async fn traces(&self, step: &Step, made: &Outputs) -> (Change, Output) {
        let delivered = async {
            let gateway = made.gateway()?;
            let names = DeliveryNames::new(gateway.gateway_id());
            if self.is_delivered_by_another(step, &names.traces, gateway.gateway_arn(), Carries::Traces).await? {
                return Ok((Change::Unchanged, Output::Nothing));
            }
            match self.deliver(step, &names.traces, gateway.gateway_arn(), Carries::Traces, Output::Nothing).await {
                Err(Error::Aws(error)) if logs::needs_transaction_search(&error) => {
                    // If undoing or recording it fails now, the next run finds it and tries again.
                    if let Err(error) = self.note_refused_traces(step, &names.traces).await {
                        tracing::debug!("{error}");
                    }
                    Ok(undelivered("traces", Self::remedy_of_traces()))
                }
                Ok(delivered) => {
                    if let Err(error) = self.forget_refused_traces(step).await {
                        tracing::debug!("{error}");
                    }
                    Ok(delivered)
                }
                Err(error) => Err(error),
            }
        };
        delivered.await.unwrap_or_else(|error: Error| undelivered("traces", error.to_string()))
    }

    /// Sets the retention that the user specified, or the default if the stack's own log group has none: an
    /// interrupted run may have created it. Returns whether anything changed.
    async fn retention(&self, step: &Step, log_group: &str, group: Option<LogGroup>) -> Result<bool, Error> {
        let existing = match group {
            Some(LogGroup::New) | None => None,
            Some(LogGroup::Old) => logs::find_group(self.run.aws, log_group).await?,
        };
        let is_ours = existing.as_ref().is_none_or(|group| self.names().owns(&group.tags));
        let now = existing.and_then(|group| group.retention_days);
        let usual = (now.is_none() && is_ours).then_some(gateway::LOG_RETENTION_DAYS);
        match self.spec.log_retention.or(usual).filter(|days| Some(*days) != now) {
            None => Ok(false),
            Some(days) => {
                let call = async || logs::set_retention(self.run.aws, log_group, days).await;
                self.while_refused(step, call).await.map(|()| true)
            }
        }
    }

    /// Warns about a failure; logs are delivered anyway.
    fn warn_of_retention(&self, outcome: Result<bool, Error>) {
        if let Err(error) = outcome {
            self.run.observer.on_event(Event::Warning(format!("the gateway's logs are kept without an end: {error}")));
        }
    }

    /// Whether another delivery source already takes the same from a gateway that existed before this run; it is
    /// kept.
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
        let other = logs::other_source(self.run.aws, own, gateway_arn, carries).await?;
        if let Some(other) = &other {
            let kind = step.resource.kind.label();
            self.run
                .observer
                .on_event(Event::Note(format!("{kind}: the source `{other}` is there already, and is left")));
        }
        Ok(other.is_some())
    }

    async fn deliver(
        &self,
        step: &Step,
        name: &str,
        gateway_arn: &str,
        carries: Carries<'_>,
        output: Output,
    ) -> Result<(Change, Output), Error> {
        let tags = self.tags();
        let call = async || logs::ensure_delivery(self.run.aws, name, gateway_arn, carries, &tags).await;
        self.while_refused(step, call).await?;
        Ok((Change::Created, output))
    }

    /// Retries a call while AWS refuses it for a transient reason, but not for long.
    async fn while_refused(&self, step: &Step, call: impl AsyncFnMut() -> Result<(), aws::Error>) -> Result<(), Error> {
        wait::while_refused(&self.deadline, PASSES, self.on_wait(step), call).await
    }

    fn remedy_of_traces() -> String {
        "this account does not send traces to CloudWatch Logs; switch on Transaction Search in the CloudWatch console, \
         once for the account, and run this again with `--traces`"
            .to_owned()
    }

    /// Deletes what the refused delivery left, and tags the anchor so that a later run does not try again unasked.
    async fn note_refused_traces(&self, step: &Step, name: &str) -> Result<(), Error> {
        let deletion = async || {
            let known = logs::deliveries(self.run.aws).await?;
            logs::delete_delivery(self.run.aws, name, &known).await.map(drop)
        };
        self.while_refused(step, deletion).await?;
        if self.plan.existing_role.is_some() {
            return Ok(());
        }
        let (key, value) = TAG_TRACES;
        self.while_refused(step, async || iam::tag_role(self.run.aws, &self.names().role, key, value).await).await
    }

    async fn forget_refused_traces(&self, step: &Step) -> Result<(), Error> {
        if !self.stack.refuses_traces() {
            return Ok(());
        }
        let untag = async || iam::untag_role(self.run.aws, &self.names().role, TAG_TRACES.0).await.map(drop);
        self.while_refused(step, untag).await
    }
}

fn undelivered(what: &'static str, why: String) -> (Change, Output) {
    (Change::Unchanged, Output::Undelivered(what, why))
}
