//! `create`: brings a stack to its desired state, replanning after a race with another run.

use std::{collections::BTreeMap, sync::Mutex};

use tokio::time::Instant;

use super::{
    Error, ResourceKind,
    apply::{self, Outputs},
    event::Event,
    plan::{self, Action, Plan, Step},
    run::Run,
    stack::{self, Depth, Stack},
    world::AwsWorld,
};
use crate::{
    aws::{
        Aws, providers,
        wait::{self, Poll},
    },
    model::{
        naming::{GRANTS, StackNames},
        spec::{AuthorizerSpec, GatewaySpec, RoleSpec},
    },
};

/// The result of `create`: the stack as it was discovered, and the outputs of the run.
#[derive(Debug)]
pub struct Converged {
    pub stack: Stack,
    pub made: Outputs,
}

/// What `create` would do.
pub async fn plan(aws: &Aws, spec: &GatewaySpec) -> Result<(Stack, Plan), Error> {
    plan_after(aws, spec, false).await
}

/// A user-supplied role is not an anchor, and after a race the stack exists in part: discover everything in
/// both cases.
async fn plan_after(aws: &Aws, spec: &GatewaySpec, raced: bool) -> Result<(Stack, Plan), Error> {
    let stack = look_after(aws, spec, raced).await?;
    let plan = plan::create(aws, spec, &stack)?;
    Ok((stack, plan))
}

/// The stack of a gateway, with what need not be sent again.
pub async fn look(aws: &Aws, spec: &GatewaySpec) -> Result<Stack, Error> {
    look_after(aws, spec, false).await
}

async fn look_after(aws: &Aws, spec: &GatewaySpec, raced: bool) -> Result<Stack, Error> {
    let names = StackNames::new(&spec.region, &spec.name);
    let anchorless = raced || matches!(spec.role, RoleSpec::Existing(_));
    let depth = if anchorless { Depth::WithoutRole } else { Depth::Usual };
    let mut stack = stack::discover(aws, &names, depth).await?;
    stack.look_as_sent(aws, spec).await;
    Ok(stack)
}

/// Creates what is missing, repairs what the stack owns and the user specified, and leaves the rest unchanged.
/// `wait`: until everything is READY.
pub async fn create(run: Run<'_>, spec: &GatewaySpec, wait: bool) -> Result<Converged, Error> {
    let attempts = Attempts::new(spec, wait);
    let mut raced = false;
    wait::until(
        &run.deadline(),
        |_| {},
        async || {
            let (stack, plan) = plan_after(run.aws, spec, raced).await?;
            // What this run created before it saw the other run's resources may be a duplicate.
            let known = Outputs { outcome_unknown: raced, ..known(&stack, &plan) };
            match attempts.apply(run, &stack, &plan, known).await {
                // What was made before a race was found is not in the last plan.
                Ok(made) => {
                    let made = Outputs { changed: made.changed || raced, ..made };
                    Ok(Poll::Ready(Converged { stack, made }))
                }
                // Another run is creating the same stack: discover it again.
                Err(Error::Raced) => {
                    raced = true;
                    Ok(Poll::Pending(Error::Raced.to_string()))
                }
                Err(error) => Err(error),
            }
        },
    )
    .await
}

/// Changes a stack that has just been discovered, as [`create`] does.
pub async fn change(run: Run<'_>, spec: &GatewaySpec, wait: bool, stack: &Stack) -> Result<Outputs, Error> {
    let plan = plan::create(run.aws, spec, stack)?;
    match Attempts::new(spec, wait).apply(run, stack, &plan, known(stack, &plan)).await {
        Err(Error::Raced) => Ok(create(run, spec, wait).await?.made),
        made => made,
    }
}

/// Carries out a plan for a stack as it was discovered, and waits until everything is READY.
pub async fn carry_out(run: Run<'_>, spec: &GatewaySpec, stack: &Stack, plan: &Plan) -> Result<Outputs, Error> {
    Attempts::new(spec, true).apply(run, stack, plan, known(stack, plan)).await
}

/// What stays the same if a plan has to be made again.
struct Attempts<'a> {
    spec: &'a GatewaySpec,
    wait: bool,
    begun: Instant,
    iam_written: Mutex<Option<Instant>>,
}

impl<'a> Attempts<'a> {
    fn new(spec: &'a GatewaySpec, wait: bool) -> Self {
        Self { spec, wait, begun: Instant::now(), iam_written: Mutex::default() }
    }

    async fn apply(&self, run: Run<'_>, stack: &Stack, plan: &Plan, known: Outputs) -> Result<Outputs, Error> {
        run.observer.on_event(Event::Acting(stack.caller.clone(), run.aws.region.clone()));
        // One step's error ends the waits of concurrent steps.
        let stop = run.stop.part();
        let run = Run { stop: &stop, ..run };
        let world = AwsWorld {
            run,
            deadline: run.deadline(),
            spec: self.spec,
            stack,
            plan,
            wait: self.wait,
            begun: self.begun,
            iam_written: &self.iam_written,
        };
        Box::pin(apply::apply(plan, &world, run.observer, &stop, known)).await
    }
}

/// The outputs that the discovered stack already provides, for the steps that need them.
fn known(stack: &Stack, plan: &Plan) -> Outputs {
    let existing_role = plan.existing_role.as_ref().map(ToString::to_string);
    let gateway = stack.gateway.as_ref();
    let targets = gateway.into_iter().flat_map(|gateway| &gateway.targets);
    // Ignore a pool whose tokens the gateway is not to accept.
    let pool = stack.pool.as_ref().filter(|_| plan.authorizer == AuthorizerSpec::Cognito);
    Outputs {
        role_arn: existing_role.or_else(|| stack.role.as_ref().map(|role| role.arn.clone())),
        function_role_arn: stack.sample.role.as_ref().map(|role| role.arn.clone()),
        pool_id: pool.map(|pool| pool.id.clone()),
        domain: pool.and_then(|pool| pool.domain.clone()),
        client: stack.client.clone().filter(|_| pool.is_some()),
        tokens: None,
        token_issued: false,
        function_arn: stack.sample.function.as_ref().map(|function| function.arn.clone()),
        gateway: gateway.map(|gateway| gateway.document.clone()),
        gateway_log_group: None,
        targets: targets.map(|target| (target.name().to_owned(), target.clone())).collect(),
        providers: kept_providers(stack, plan),
        providers_updated: BTreeMap::new(),
        outcome_unknown: false,
        delivers_logs: gateway.is_some_and(|gateway| gateway.delivers_logs),
        changed: false,
        undelivered: BTreeMap::new(),
        warnings: plan.warnings.clone(),
    }
}

/// The stack as a plan and its outputs have left it, without another look: IAM and lists may still show what was before.
pub fn after(mut stack: Stack, plan: &Plan, made: &Outputs) -> Stack {
    for step in plan.steps.iter().filter(|step| step.resource.kind == ResourceKind::Grant) {
        let Some(name) = GRANTS.into_iter().find(|name| *name == step.resource.name) else { continue };
        match &step.policy {
            Some(policy) => drop(stack.grants.insert(name, policy.clone())),
            None => drop(stack.grants.remove(name)),
        }
    }
    let arns = made.providers.values().filter_map(|arn| providers::of_arn(arn));
    stack.providers.extend(arns.map(|(kind, name)| (kind, name.to_owned())));
    if let Some(gateway) = &mut stack.gateway {
        gateway.targets = made.targets.values().cloned().collect();
    }
    stack
}

/// The ARNs of the credential providers that are kept, by target.
fn kept_providers(stack: &Stack, plan: &Plan) -> BTreeMap<String, String> {
    let is_kept = |step: &&Step| step.resource.kind == ResourceKind::Provider && step.action == Action::Keep;
    let targets = plan.steps.iter().filter(is_kept).filter_map(|step| step.target.as_ref());
    let provider = |name: &str| providers::of_target(&stack.gateway.as_ref()?.target(name)?.0);
    let arn = |name: String| Some((name.clone(), provider(&name)?.to_owned()));
    targets.filter_map(|target| arn(target.name.to_string())).collect()
}
