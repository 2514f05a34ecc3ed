//! Finds the stack of a gateway that is given by name, id or ARN.

use futures_util::{StreamExt as _, future::try_join_all, stream};

use super::{
    Error,
    stack::{self, Depth, Stack},
    world::SETTLE,
};
use crate::{
    aws::{
        Aws, Class, agentcore, cognito,
        cognito::Pool,
        iam,
        wait::{self, Deadline, Poll, Stop},
    },
    model::{
        name::{GatewayName, Region, nearest},
        naming::{IAM_PATH_ROOT, OLD_IAM_PATH_ROOT, StackNames, TAG_STACK, USER_POOL_PREFIX},
    },
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
    let id = id_in(given);
    let gateways = agentcore::list_gateways(aws).await?;
    let name = gateways.iter().find(|(listed, _)| listed == id).and_then(|(_, name)| name.parse().ok());
    let name: GatewayName = name.ok_or_else(|| not_found(given, &gateways))?;
    stack::discover(aws, &StackNames::new(&aws.region, &name), Depth::Usual).await
}

/// That there is no such gateway among these, which are given by id and name.
fn not_found(given: &str, gateways: &[(String, String)]) -> Error {
    match nearest(given, gateways.iter().map(|(_, name)| name.as_str())) {
        Some(near) if near != given => Error::NotFoundNear { given: given.to_owned(), near: near.to_owned() },
        _ => Error::NotFound(given.to_owned()),
    }
}

/// The id in an ARN; anything else is taken for an id itself.
fn id_in(given: &str) -> &str {
    given.rsplit_once(":gateway/").map_or(given, |(_, id)| id)
}

/// The stack of a gateway that must exist. If its anchor exists, but the list of gateways does not show the
/// gateway yet, waits for lists to become consistent; `on_wait` is called with the longest wait, in seconds.
///
/// # Errors
/// If there is no such gateway.
pub async fn stack_with_gateway(aws: &Aws, given: &str, stop: &Stop, on_wait: impl Fn(u64)) -> Result<Stack, Error> {
    let look = async || {
        let stack = stack(aws, given).await?;
        if stack.gateway.is_some() {
            return Ok(Poll::Ready(stack));
        }
        let missing = Error::NotFound(given.to_owned());
        if stack.role.is_none() { Err(missing) } else { Ok(Poll::Pending(missing.to_string())) }
    };
    let found = wait::until(&Deadline::after(SETTLE, stop), |_| on_wait(SETTLE.as_secs()), look).await;
    found.map_err(|error| match error {
        Error::Aws(error) if error.class == Class::TimedOut && !stop.is_requested() => {
            Error::NotFound(given.to_owned())
        }
        error => error,
    })
}

/// The id of a gateway that must exist, as [`stack_with_gateway`] finds it.
///
/// # Errors
/// If there is no such gateway.
pub async fn gateway_id(aws: &Aws, given: &str, stop: &Stop, on_wait: impl Fn(u64)) -> Result<String, Error> {
    let gateways = agentcore::list_gateways(aws).await.map_err(|error| aws.of_region(error))?;
    let id = id_in(given);
    let by_name = gateways.iter().find(|(_, name)| name == given);
    if let Some((id, _)) = by_name.or_else(|| gateways.iter().find(|(listed, _)| listed == id)) {
        return Ok(id.clone());
    }
    let stack = stack_with_gateway(aws, given, stop, on_wait).await?;
    let gateway = stack.gateway.ok_or_else(|| Error::NotFound(given.to_owned()))?;
    Ok(gateway.id().to_owned())
}

/// Who made a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// This program.
    Us,
    Others,
    /// The caller may not read what would tell, or the account is not known.
    Unknown,
}

/// How many gateways' tags are read at once.
const TAGS_AT_ONCE: usize = 10;

/// Who made each of these gateways, which are given by id and name, as their tags tell, with one call for each.
pub async fn makers(aws: &Aws, account: Option<&str>, gateways: &[(String, String)]) -> Vec<Maker> {
    let maker = async |(id, name): &(String, String)| {
        let Ok(name) = name.parse::<GatewayName>() else { return Maker::Others };
        let Some(account) = account else { return Maker::Unknown };
        match agentcore::tags(aws, &agentcore::arn(&aws.region, account, id)).await {
            Ok(tags) if StackNames::new(&aws.region, &name).owns(&tags) => Maker::Us,
            Ok(_) => Maker::Others,
            Err(_) => Maker::Unknown,
        }
    };
    stream::iter(gateways.iter().map(maker)).buffered(TAGS_AT_ONCE).collect().await
}

/// The gateway names of all stacks in a region: those with an anchor, and those whose gateway or user pool
/// carries our tag (a stack with a user-supplied role has no anchor).
pub async fn all_stacks(aws: &Aws, region: &Region) -> Result<Vec<GatewayName>, Error> {
    let prefixes = [IAM_PATH_ROOT, OLD_IAM_PATH_ROOT].map(|root| format!("{root}{region}/"));
    let paths = try_join_all(prefixes.iter().map(async |prefix: &String| {
        let paths = iam::paths_below(aws, prefix).await?;
        let name = |path: &String| path.strip_prefix(prefix)?.trim_end_matches('/').parse().ok();
        Ok(paths.iter().filter_map(name).collect::<Vec<GatewayName>>())
    }));
    let ours = |name: &str| name.starts_with(USER_POOL_PREFIX);
    let (paths, gateways, pools) = tokio::try_join!(paths, agentcore::list_gateways(aws), cognito::pools(aws, ours))
        .map_err(|error| aws.of_region(error))?;
    let mut found: Vec<GatewayName> = paths.into_iter().flatten().collect();
    let stack_of = |pool: &Pool| pool.tags.get(TAG_STACK).and_then(|name| name.parse::<GatewayName>().ok());
    found.extend(pools.iter().filter_map(stack_of));
    for (id, name) in gateways {
        let Ok(name) = name.parse::<GatewayName>() else { continue };
        if found.contains(&name) {
            continue;
        }
        let Some(document) = agentcore::find_gateway(aws, &id).await? else { continue };
        let tags = agentcore::tags(aws, document.gateway_arn()).await?;
        let names = StackNames::new(region, &name);
        if names.owns(&tags) {
            found.push(name);
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
