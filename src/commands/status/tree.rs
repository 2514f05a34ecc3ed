//! A stack as a tree: what belongs to what.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Part, StackReport, Target};
use crate::{commands::shown::few, model::tool::SEPARATOR, ops::ResourceKind, ui::page::Branch};

impl StackReport {
    /// The branches of the gateway. What there is nothing of has none.
    pub(super) fn branches(&self) -> Vec<Branch> {
        let mut branches = Vec::new();
        let mut field = |label: &str, text: &str| {
            if !text.is_empty() {
                branches.push(Branch::new(label, text));
            }
        };
        field("reasons", &self.status_reasons.join("; "));
        field("URL", self.gateway_url.as_deref().unwrap_or_default());
        let account = &self.caller.account;
        field("region", &format!("{} of account {account}", self.region));
        field("caller", self.caller.arn.as_deref().unwrap_or_default());
        field("console", self.console_url.as_deref().unwrap_or_default());
        let authorizer = Branch::new("authorizer", self.authorizer.as_deref().unwrap_or_default());
        branches.extend(some(authorizer.with(self.of(Part::Authorizer))));
        branches.extend(some(Branch::new("unused", "").with(self.of(Part::Unused))));
        let role = self.role_arn.as_deref().or_else(|| self.role_name());
        branches.extend(
            role.map(|role| Branch::new("role", role.rsplit('/').next().unwrap_or(role)).with(self.permissions())),
        );
        branches.extend(some(Branch::new("targets", "").with(self.targets())));
        branches.extend(some(Branch::new("deliveries", "").with(self.of(Part::Delivery))));
        branches
    }

    fn of(&self, part: Part) -> impl Iterator<Item = Branch> {
        self.resources.iter().filter(move |entry| entry.part == part).map(branch)
    }

    /// The execution role of a stack without a gateway.
    fn role_name(&self) -> Option<&str> {
        let role = self.resources.iter().find(|entry| entry.kind == ResourceKind::Role.label());
        role.map(|role| role.name.as_str())
    }

    /// What the role may do, by service.
    fn permissions(&self) -> impl Iterator<Item = Branch> {
        let mut services: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for action in self.permissions.iter().flat_map(|permission| &permission.actions) {
            let (service, action) = action.split_once(':').unwrap_or((action, "*"));
            services.entry(service).or_default().insert(action);
        }
        services.into_iter().map(|(service, actions)| {
            let actions: Vec<&str> = actions.into_iter().collect();
            Branch::new(&format!("may {service}"), &few(&actions, MOST_NAMED, " "))
        })
    }

    /// The targets, each with what was made for it; then what no target uses.
    fn targets(&self) -> Vec<Branch> {
        let uses = |target: &Target, entry: &Entry| match entry.part {
            Part::Sample => target.is_sample,
            Part::Provider => target.provider.as_ref() == Some(&entry.name),
            _ => false,
        };
        let of_target = |target: &Target| {
            let below = self.resources.iter().filter(|entry| uses(target, entry)).map(branch);
            Branch::new(&target.name, &described(target)).with(below)
        };
        let is_free = |entry: &&Entry| {
            let is_of_targets = [Part::Sample, Part::Provider].contains(&entry.part);
            is_of_targets && !self.targets.iter().any(|target| uses(target, entry))
        };
        let free = self.resources.iter().filter(is_free).map(branch);
        self.targets.iter().map(of_target).chain(free).collect()
    }
}

/// Most actions or tools that are named.
const MOST_NAMED: usize = 5;

/// Status, kind, credential and tools of a target.
fn described(target: &Target) -> String {
    let mut parts = vec![target.status.clone()];
    parts.extend(target.kind.map(str::to_owned));
    parts.extend(target.credential.clone());
    if let Some(tools) = &target.tools {
        let names: Vec<&str> =
            tools.iter().map(|tool| tool.split_once(SEPARATOR).map_or(tool.as_str(), |it| it.1)).collect();
        parts.push(if names.is_empty() {
            "no tools".to_owned()
        } else {
            format!("tools {}", few(&names, MOST_NAMED, " "))
        });
    }
    parts.join(", ")
}

fn branch(entry: &Entry) -> Branch {
    let status = entry.status.as_ref().map(|status| format!(", {status}")).unwrap_or_default();
    Branch::new(entry.kind, &format!("{}{status}", entry.name))
}

/// A branch that says something.
fn some(branch: Branch) -> Option<Branch> {
    (!branch.is_empty()).then_some(branch)
}
