//! Finds the stack of a gateway that is given by name, id or ARN.

use super::{
    Error,
    stack::{self, Depth, Stack},
    world::SETTLE,
};
use crate::{
    aws::{
        Aws, Class, agentcore,
        wait::{self, Deadline, Look, Stop},
    },
    model::{name::GatewayName, naming::StackNames},
};

/// The stack of a gateway that is given by name, id or ARN, tried in this order.
///
/// # Errors
/// If there is no gateway of this name or id.
pub async fn stack(aws: &Aws, given: &str) -> Result<Stack, Error> {
    if let Ok(name) = given.parse::<GatewayName>() {
        let stack = stack::discover(aws, &StackNames::new(&aws.region, &name), Depth::Usual).await?;
        if !stack.is_empty() {
            return Ok(stack);
        }
    }
    let id = given.rsplit_once(":gateway/").map_or(given, |(_, id)| id);
    let gateways = agentcore::list_gateways(aws).await?;
    let name = gateways.into_iter().find(|(listed, _)| listed == id).and_then(|(_, name)| name.parse().ok());
    let name: GatewayName = name.ok_or_else(|| Error::NotFound(given.to_owned()))?;
    stack::discover(aws, &StackNames::new(&aws.region, &name), Depth::Usual).await
}

/// The stack of a gateway that must exist. If its anchor exists, but the list of gateways does not show the
/// gateway yet, waits for lists to become consistent; `on_wait` is told for how many seconds at most.
///
/// # Errors
/// If there is no such gateway.
pub async fn stack_with_gateway(aws: &Aws, given: &str, stop: &Stop, on_wait: impl Fn(u64)) -> Result<Stack, Error> {
    let look = async || {
        let stack = stack(aws, given).await?;
        if stack.gateway.is_some() {
            return Ok(Look::Ready(stack));
        }
        let missing = Error::NotFound(given.to_owned());
        if stack.role.is_none() { Err(missing) } else { Ok(Look::NotYet(missing.to_string())) }
    };
    let found = wait::until(&Deadline::after(SETTLE, stop), |_| on_wait(SETTLE.as_secs()), look).await;
    found.map_err(|error| match error {
        Error::Aws(error) if error.class == Class::TimedOut && !stop.is_requested() => {
            Error::NotFound(given.to_owned())
        }
        error => error,
    })
}
