//! What AWS does not show again: whether it still is what was sent.

use std::collections::BTreeSet;

use futures_util::{
    future::{join_all, join3},
    stream::{self, StreamExt as _},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Stack;
use crate::{
    aws::{Aws, agentcore::ApiDocument, logs, providers, s3},
    model::{
        fingerprint,
        naming::TAG_PROVIDER,
        smithy,
        spec::{GatewaySpec, TargetSpec},
    },
};

/// Targets, by name, for which nothing has to be sent again.
#[derive(Debug, Default)]
pub struct AsSent {
    /// Their secret is the one that AWS has.
    pub secrets: BTreeSet<String>,
    /// Their objects in S3 are older than the target.
    pub objects: BTreeSet<String>,
    /// Whether the gateway's log group has the retention that is named, if one is.
    pub log_retention: bool,
}

/// Most targets that are looked at at once.
const MOST_AT_ONCE: usize = 10;
/// How much older than the target an object in S3 must be: AWS reads it some time before it says that it has.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);

impl Stack {
    /// Looks which secrets and objects of a spec are as they were sent. What cannot be looked at is sent again.
    pub async fn look_as_sent(&mut self, aws: &Aws, spec: &GatewaySpec) {
        let existing = |target: &TargetSpec| self.gateway.as_ref()?.target(target.name.as_str());
        let known: Vec<(&TargetSpec, &ApiDocument)> =
            spec.targets.iter().filter_map(|target| Some((target, existing(target)?))).collect();
        let secret = async |(target, existing): &(&TargetSpec, &ApiDocument)| {
            self.has_secret(aws, target, existing).await.then(|| target.name.to_string())
        };
        let object = async |(target, existing): &(&TargetSpec, &ApiDocument)| {
            are_older(aws, existing).await.then(|| target.name.to_string())
        };
        let secrets = stream::iter(&known).map(secret).buffered(MOST_AT_ONCE).collect();
        let objects = stream::iter(&known).map(object).buffered(MOST_AT_ONCE).collect();
        let retention = async {
            let gateway = self.gateway.as_ref().filter(|gateway| gateway.delivers_logs && spec.log_retention.is_some());
            let Some(gateway) = gateway else { return false };
            let group = logs::find_group(aws, &gateway.delivery_names().log_group).await.ok().flatten();
            group.is_some_and(|group| group.retention_days == spec.log_retention)
        };
        let (secrets, objects, log_retention) = join3(secrets, objects, retention).await;
        let all = |names: Vec<Option<String>>| names.into_iter().flatten().collect();
        self.as_sent = AsSent { secrets: all(secrets), objects: all(objects), log_retention };
    }

    /// Whether the credential provider of a target has what its spec says: by the fingerprint in the role's tag, if
    /// nobody has changed the provider since.
    async fn has_secret(&self, aws: &Aws, target: &TargetSpec, existing: &ApiDocument) -> bool {
        let Some(spec) = target.provider() else { return false };
        let used = providers::of_target(&existing.0).and_then(providers::of_arn);
        let Some((kind, name)) = used.filter(|(kind, _)| *kind == spec.kind()) else { return false };
        let tag = self.role.as_ref().and_then(|role| role.tags.get(&format!("{TAG_PROVIDER}{name}")));
        let Some(Sent { fingerprint, at }) = tag.and_then(|value| Sent::of(value)) else { return false };
        let moments = providers::moments(aws, kind, name).await.ok().flatten();
        moments.is_some_and(|moments| moments.is_of(at))
            && fingerprint::is_of(fingerprint, &spec.request(name).to_string())
    }
}

/// What follows the kind in a tag's value: the fingerprint, and when the provider got that secret.
struct Sent<'a> {
    fingerprint: &'a str,
    at: i64,
}

impl<'a> Sent<'a> {
    fn of(tag: &'a str) -> Option<Self> {
        let mut parts = tag.split(' ').skip(1);
        let fingerprint = parts.next()?;
        Some(Self { fingerprint, at: parts.next()?.parse().ok()? })
    }
}

/// Whether all objects in S3 that a target refers to have not changed since AWS read them.
async fn are_older(aws: &Aws, target: &ApiDocument) -> bool {
    let mut uris = Vec::new();
    objects(&target.0["targetConfiguration"], &mut uris);
    let updated = target.0["updatedAt"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let Some(updated) = updated.filter(|_| !uris.is_empty()) else { return false };
    let is_older = async |uri: &&str| {
        // The model that AWS offers as a sample does not change, and may be readable by gateways only.
        smithy::is_sample(uri)
            || s3::last_modified(aws, uri).await.is_ok_and(|at| at.saturating_add(MARGIN).is_ok_and(|at| at < updated))
    };
    join_all(uris.iter().map(is_older)).await.into_iter().all(|is_older| is_older)
}

fn objects<'a>(configuration: &'a Value, found: &mut Vec<&'a str>) {
    for (name, value) in configuration.as_object().into_iter().flatten() {
        match value["uri"].as_str().filter(|_| name == "s3") {
            Some(uri) => found.push(uri),
            None => objects(value, found),
        }
    }
}
