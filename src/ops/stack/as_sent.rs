//! What AWS does not show again: whether it still is what was sent.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Stack;
use crate::{
    aws::{Aws, agentcore::ApiDocument, providers, s3},
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
}

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
        let (secrets, objects) = join(join_all(known.iter().map(secret)), join_all(known.iter().map(object))).await;
        let all = |names: Vec<Option<String>>| names.into_iter().flatten().collect();
        self.as_sent = AsSent { secrets: all(secrets), objects: all(objects) };
    }

    /// Whether the credential provider of a target has what its spec says: by the fingerprint in the role's tag, if
    /// nobody has changed the provider since.
    async fn has_secret(&self, aws: &Aws, target: &TargetSpec, existing: &ApiDocument) -> bool {
        let Some(spec) = target.provider() else { return false };
        let used = providers::of_target(&existing.0).and_then(providers::of_arn);
        let Some((kind, name)) = used.filter(|(kind, _)| *kind == spec.kind()) else { return false };
        let tag = self.role.as_ref().and_then(|role| role.tags.get(&format!("{TAG_PROVIDER}{name}")));
        let Some(Sent { fingerprint, updated }) = tag.and_then(|value| Sent::of(value)) else { return false };
        let moments = providers::moments(aws, kind, name).await.ok().flatten();
        let is_unchanged = moments.is_some_and(|moments| moments.last_updated == updated.unwrap_or(moments.created));
        is_unchanged && fingerprint::is_of(fingerprint, &spec.request(name).to_string())
    }
}

/// A tag's value: kind, fingerprint, and when the provider was last updated, if it was.
struct Sent<'a> {
    fingerprint: &'a str,
    updated: Option<i64>,
}

impl<'a> Sent<'a> {
    fn of(tag: &'a str) -> Option<Self> {
        let mut parts = tag.split(' ').skip(1);
        let fingerprint = parts.next()?;
        let updated = parts.next().map(str::parse).transpose().ok()?;
        Some(Self { fingerprint, updated })
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
        smithy::SAMPLE_BUCKETS.iter().any(|(_, bucket)| uri.contains(bucket))
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
