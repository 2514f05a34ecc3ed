//! Log and trace delivery. Without it the gateway works all the same, so its failure is a warning.

use super::AwsWorld;
use crate::{
    aws::logs::{self, Carries},
    model::naming::DeliveryNames,
    ops::{
        Error,
        apply::{Fact, Made},
        event::Change,
    },
};

impl AwsWorld<'_> {
    /// The log group of a gateway's own logs; false where none is wanted.
    pub(super) async fn gateway_log_group(&self, gateway_id: &str) -> Result<bool, crate::aws::Error> {
        if !self.spec.observability {
            return Ok(false);
        }
        match logs::create_group(self.aws, &DeliveryNames::new(gateway_id).log_group, &self.tags()).await {
            Err(error) if error.exists() => Ok(true),
            created => created.map(|()| true),
        }
    }

    pub(super) async fn access_logs(&self, made: &Made) -> (Change, Fact) {
        let delivered = async {
            let gateway = made.gateway()?;
            let names = DeliveryNames::new(gateway.gateway_id());
            if !made.gateway_log_group {
                self.gateway_log_group(gateway.gateway_id()).await?;
            }
            let partition = self.names().region.partition().name;
            let (region, account) = (&self.names().region, &self.stack.caller.account);
            let group_arn = format!("arn:{partition}:logs:{region}:{account}:log-group:{}", names.log_group);
            let carries = Carries::Logs { group_arn: &group_arn };
            logs::ensure_delivery(self.aws, &names.logs, gateway.gateway_arn(), carries, &self.tags()).await?;
            Ok::<_, Error>(())
        };
        warn_if_failed(delivered.await, "logs", Fact::DeliversLogs)
    }

    pub(super) async fn traces(&self, made: &Made) -> (Change, Fact) {
        let delivered = async {
            let gateway = made.gateway()?;
            let names = DeliveryNames::new(gateway.gateway_id());
            let tags = self.tags();
            logs::ensure_delivery(self.aws, &names.traces, gateway.gateway_arn(), Carries::Traces, &tags).await?;
            Ok::<_, Error>(())
        };
        warn_if_failed(delivered.await, "traces", Fact::Nothing)
    }
}

fn warn_if_failed(delivered: Result<(), Error>, what: &'static str, fact: Fact) -> (Change, Fact) {
    match delivered {
        Ok(()) => (Change::Created, fact),
        Err(error) => (Change::Unchanged, Fact::Undelivered(what, error.to_string())),
    }
}
