//! User pools.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Call, Cognito, Pool, PoolId, arn, check_tags, epoch_seconds, invalid, list_answer};
use crate::local::random;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreatePool {
    pool_name: String,
    admin_create_user_config: Option<AdminCreateUser>,
    deletion_protection: Option<String>,
    #[serde(default)]
    user_pool_tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AdminCreateUser {
    #[serde(default)]
    allow_admin_create_user_only: bool,
}

pub(super) fn create(cognito: &mut Cognito, call: &Call, input: CreatePool) -> Answer {
    check_tags(&input.user_pool_tags)?;
    let pool = Pool {
        id: format!("{}_{}", call.region, random::lower_alphanumeric(9)),
        name: input.pool_name,
        admin_only: input.admin_create_user_config.is_some_and(|config| config.allow_admin_create_user_only),
        deletion_protection: input.deletion_protection.as_deref() == Some("ACTIVE"),
        tags: input.user_pool_tags,
        key: (call.new_key)(),
        domain: None,
        domain_made: 0,
        managed_login_version: 1,
        resource_servers: BTreeMap::new(),
        clients: BTreeMap::new(),
        created: call.now,
        modified: call.now,
    };
    let answer = json!({ "UserPool": describe_pool(&pool, call) });
    cognito.pools.insert(pool.id.clone(), pool);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdatePool {
    user_pool_id: String,
    pool_name: Option<String>,
    admin_create_user_config: Option<AdminCreateUser>,
    deletion_protection: Option<String>,
    user_pool_tags: Option<BTreeMap<String, String>>,
}

/// Omitted members are reset to their defaults, as on AWS, except name and tags.
pub(super) fn update(cognito: &mut Cognito, call: &Call, input: UpdatePool) -> Answer {
    let pool = cognito.pool_mut(call, &input.user_pool_id)?;
    if let Some(tags) = input.user_pool_tags {
        check_tags(&tags)?;
        pool.tags = tags;
    }
    pool.name = input.pool_name.unwrap_or_else(|| pool.name.clone());
    pool.admin_only = input.admin_create_user_config.is_some_and(|config| config.allow_admin_create_user_only);
    pool.deletion_protection = input.deletion_protection.as_deref() == Some("ACTIVE");
    pool.modified = call.now;
    Ok(json!({}))
}

pub(super) fn describe_pool(pool: &Pool, call: &Call) -> Value {
    json!({
        "Id": pool.id,
        "Name": pool.name,
        "Arn": arn(call, &pool.id),
        "Domain": pool.domain,
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": pool.admin_only },
        "DeletionProtection": if pool.deletion_protection { "ACTIVE" } else { "INACTIVE" },
        "UserPoolTags": pool.tags,
        "CreationDate": epoch_seconds(pool.created),
        "LastModifiedDate": epoch_seconds(pool.modified),
        "EstimatedNumberOfUsers": 0,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListPools {
    next_token: Option<String>,
    max_results: Option<usize>,
}

pub(super) fn list(cognito: &mut Cognito, call: &Call, input: ListPools) -> Answer {
    let prefix = format!("{}_", call.region);
    let pools = cognito.pools.iter().filter(|(id, pool)| id.starts_with(&prefix) && call.propagated(pool.created));
    let shown = pools.map(|(id, pool)| {
        let document = json!({
            "Id": pool.id,
            "Name": pool.name,
            "LambdaConfig": {},
            "CreationDate": epoch_seconds(pool.created),
            "LastModifiedDate": epoch_seconds(pool.modified),
        });
        (id, document)
    });
    list_answer("UserPools", shown, input.max_results, input.next_token.as_deref())
}

pub(super) fn describe(cognito: &mut Cognito, call: &Call, input: PoolId) -> Answer {
    Ok(json!({ "UserPool": describe_pool(cognito.pool(call, &input.user_pool_id)?, call) }))
}

pub(super) fn delete(cognito: &mut Cognito, call: &Call, input: PoolId) -> Answer {
    let pool = cognito.pool(call, &input.user_pool_id)?;
    if pool.domain.is_some() {
        return Err(invalid("User pool cannot be deleted. It has a domain configured that should be deleted first."));
    }
    if pool.deletion_protection {
        return Err(invalid("The user pool cannot be deleted because deletion protection is activated."));
    }
    cognito.pools.remove(&input.user_pool_id);
    Ok(Value::Null)
}
