//! Domains of user pools.

use serde::Deserialize;
use serde_json::json;

use super::{Answer, Call, Cognito, invalid};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DomainOfPool {
    domain: String,
    user_pool_id: String,
    managed_login_version: Option<u8>,
}

pub(super) fn create(cognito: &mut Cognito, call: &Call, input: DomainOfPool) -> Answer {
    let domain = &input.domain;
    if ["aws", "amazon", "cognito"].iter().any(|word| domain.contains(word)) {
        return Err(invalid("Domain cannot contain reserved word."));
    }
    cognito.pool(call, &input.user_pool_id)?;
    // A domain is unique per region, across all accounts.
    let prefix = format!("{}_", call.region);
    let mut in_region = cognito.pools.values().filter(|pool| pool.id.starts_with(&prefix));
    if in_region.any(|pool| pool.domain.as_ref() == Some(domain)) {
        return Err(invalid("Domain already associated with another user pool."));
    }
    let pool = cognito.pool_mut(call, &input.user_pool_id)?;
    if pool.domain.is_some() {
        return Err(invalid("User pool already has a domain configured."));
    }
    pool.domain = Some(input.domain);
    pool.domain_made = call.now;
    pool.managed_login_version = input.managed_login_version.unwrap_or(1);
    Ok(json!({ "ManagedLoginVersion": pool.managed_login_version }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DomainName {
    domain: String,
}

/// For an unknown domain, the description is empty; it is not an error.
pub(super) fn describe(cognito: &mut Cognito, call: &Call, input: DomainName) -> Answer {
    let prefix = format!("{}_", call.region);
    let owner =
        cognito.pools.values().find(|pool| pool.id.starts_with(&prefix) && pool.domain.as_ref() == Some(&input.domain));
    let description = owner.map_or_else(
        || json!({}),
        |pool| {
            json!({
                "UserPoolId": pool.id,
                "AWSAccountId": call.account,
                "Domain": input.domain,
                "Status": if call.propagated(pool.domain_made) { "ACTIVE" } else { "CREATING" },
                "Version": pool.created.to_string(),
                "ManagedLoginVersion": pool.managed_login_version,
            })
        },
    );
    Ok(json!({ "DomainDescription": description }))
}

pub(super) fn delete(cognito: &mut Cognito, call: &Call, input: DomainOfPool) -> Answer {
    let pool = cognito.pool_mut(call, &input.user_pool_id)?;
    if pool.domain.as_ref() != Some(&input.domain) {
        return Err(invalid("No such domain or user pool exists."));
    }
    pool.domain = None;
    Ok(json!({}))
}
