//! The sample function and its log group.

use super::{AwsWorld, Error};
use crate::{
    aws::{
        lambda::{self, FunctionSpec},
        logs,
        wait::{self, Poll},
    },
    model::sample,
    ops::{
        apply::{Output, Outputs},
        event::{Change, Event},
        plan::{self, Step},
    },
};

impl AwsWorld<'_> {
    pub(super) async fn log_group(&self) -> Result<(Change, Output), Error> {
        let name = &self.names().function_log_group;
        let created = match logs::create_group(self.run.aws, name, &self.tags()).await {
            Err(error) if error.exists() => Change::Updated,
            created => created.map(|()| Change::Created)?,
        };
        logs::set_retention(self.run.aws, name, sample::LOG_RETENTION_DAYS).await?;
        Ok((created, Output::Nothing))
    }

    pub(super) async fn function(&self, step: &Step, made: &Outputs) -> Result<(Change, Output), Error> {
        let spec = FunctionSpec {
            name: self.names().function.clone(),
            description: format!("Sample tools of the AgentCore gateway {}", self.names().gateway),
            role_arn: made.function_role_arn()?.to_owned(),
            runtime: sample::RUNTIME,
            handler: sample::HANDLER,
            code: sample::code(),
            tags: self.tags(),
        };
        let change = match &step.action {
            plan::Action::Update(what) if what == &["state"] => Change::Unchanged,
            plan::Action::Update(_) => {
                lambda::update_code(self.run.aws, &spec).await?;
                Change::Updated
            }
            _ => {
                let create =
                    self.once_propagated(step, async || match lambda::create_function(self.run.aws, &spec).await {
                        Err(error) if error.exists() => Ok(Change::Unchanged),
                        created => created.map(|_| Change::Created),
                    });
                create.await?
            }
        };
        if change == Change::Created {
            self.run.observer.on_event(Event::Accepted(step.resource.clone()));
        }
        let function = wait::until(&self.deadline, self.on_wait(step), async || {
            Ok(match lambda::find_function(self.run.aws, &spec.name).await? {
                // A failed update by another run leaves a working function.
                Some(lambda::Function { failure: Some((status, reasons)), active, .. })
                    if !active || change == Change::Updated =>
                {
                    return Err(Error::Failed { resource: step.resource.clone(), status, reasons });
                }
                Some(function) if function.active => Poll::Ready(function),
                _ => Poll::Pending("the function is not Active yet".to_owned()),
            })
        })
        .await?;
        Ok((change, Output::Function(function.arn)))
    }
}
