//! Roles and their policies.

use serde_json::Value;

use super::{AwsWorld, Error};
use crate::{
    aws::{
        iam::{self, RoleSpec as IamRole},
        wait::{self, Poll},
    },
    model::{
        naming::{BASE_POLICY, FUNCTION_POLICY},
        policy,
        spec::RoleSpec,
    },
    ops::{
        apply::Output,
        event::Change,
        plan::{self, Step},
    },
};

impl AwsWorld<'_> {
    pub(super) async fn role(&self, step: &Step) -> Result<(Change, Output), Error> {
        let permissions_boundary = match &self.spec.role {
            RoleSpec::Managed { permissions_boundary } => permissions_boundary.as_ref().map(ToString::to_string),
            RoleSpec::Existing(_) => None,
        };
        let role = IamRole {
            name: self.names().role.clone(),
            path: self.names().iam_path.clone(),
            description: format!("Execution role of the AgentCore gateway {}", self.names().gateway),
            trust: step.policy.clone().ok_or(Error::PlanForgot("trust policy"))?,
            permissions_boundary,
            tags: self.tags(),
        };
        let (change, arn) = self.ensure_role(step, role, self.stack.role.as_ref()).await?;
        Ok((change, Output::Role(arn)))
    }

    pub(super) async fn function_role(&self, step: &Step) -> Result<(Change, Output), Error> {
        let role = IamRole {
            name: self.names().function_role.clone(),
            path: self.names().iam_path.clone(),
            description: format!("Role of the sample function of the AgentCore gateway {}", self.names().gateway),
            trust: policy::function_trust(self.names(), &self.stack.caller.account),
            permissions_boundary: None,
            tags: self.tags(),
        };
        let (change, arn) = self.ensure_role(step, role, self.stack.sample.role.as_ref()).await?;
        Ok((change, Output::FunctionRole(arn)))
    }

    /// Creates first: for a unique name, "already exists" is the most consistent read.
    async fn ensure_role(
        &self,
        step: &Step,
        wanted: IamRole,
        known: Option<&iam::Role>,
    ) -> Result<(Change, String), Error> {
        let existing = match known {
            Some(known) => known.clone(),
            None => match iam::create_role(self.run.aws, &wanted).await {
                Ok(role) => return Ok((Change::Created, role.arn)),
                Err(error) if error.exists() => self.owned_role(step, &wanted.name).await?,
                Err(error) => return Err(error.into()),
            },
        };
        if existing.trust == wanted.trust {
            return Ok((Change::Unchanged, existing.arn));
        }
        iam::update_trust(self.run.aws, &wanted.name, &wanted.trust).await?;
        Ok((Change::Updated, existing.arn))
    }

    /// A role that exists although it was not discovered: the stack's own (from another run, or from this one if
    /// the response was lost), or another owner's.
    async fn owned_role(&self, step: &Step, name: &str) -> Result<iam::Role, Error> {
        let found = wait::until(&self.deadline, self.on_wait(step), async || {
            let found = iam::find_role(self.run.aws, name).await?;
            Ok::<_, Error>(
                found.map_or_else(|| Poll::Pending("IAM does not show the role yet".to_owned()), Poll::Ready),
            )
        });
        let role = found.await?;
        let ours = self.names().owns(&role.tags);
        if ours { Ok(role) } else { Err(Error::Foreign(step.resource.clone())) }
    }

    pub(super) async fn base_policy(&self, step: &Step) -> Result<(Change, Output), Error> {
        let document = step.policy.as_ref().ok_or(Error::PlanForgot("base policy"))?;
        self.put_policy(step, &self.names().role, BASE_POLICY, document).await
    }

    pub(super) async fn function_policy(&self, step: &Step) -> Result<(Change, Output), Error> {
        let document = policy::function_logs(self.names(), &self.stack.caller.account);
        self.put_policy(step, &self.names().function_role, FUNCTION_POLICY, &document).await
    }

    pub(super) async fn put_policy(
        &self,
        step: &Step,
        role: &str,
        name: &str,
        document: &Value,
    ) -> Result<(Change, Output), Error> {
        self.once_propagated(step, async || iam::put_policy(self.run.aws, role, name, document).await).await?;
        Ok((written(step), Output::Nothing))
    }
}

fn written(step: &Step) -> Change {
    if step.action == plan::Action::Create { Change::Created } else { Change::Updated }
}
