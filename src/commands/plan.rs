//! What `--dry-run` shows: the steps that a command would take.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use crate::{
    error::exit,
    model::difference::Difference,
    ops::{
        Resource, ResourceKind,
        plan::{Action, Plan, Step},
        stack::Stack,
    },
    ui::report::{Page, Report, escape_control},
};

/// The changes of a plan, one line each, with what is changed.
pub fn changes(plan: &Plan) -> Vec<(Resource, String)> {
    let change = |step: &Step| Some((step.resource.clone(), PlannedChange::of(step)?.line()));
    plan.steps.iter().filter_map(change).collect()
}

/// The result of a dry run.
#[derive(Debug, Serialize)]
pub struct PlanReport {
    gateway: String,
    changes: Vec<PlannedChange>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// Whether the exit code tells if there is anything to do.
    #[serde(skip)]
    detailed: bool,
}

#[derive(Debug, Serialize)]
struct PlannedChange {
    action: &'static str,
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differs: Vec<&'static str>,
    /// The members of a gateway or target that are set, changed or removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<Difference>,
    /// What the gateway's role will be allowed, if the step grants something.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Value>,
}

impl PlannedChange {
    /// What a step does, if it does anything.
    fn of(step: &Step) -> Option<Self> {
        let (action, differs) = match &step.action {
            Action::Keep => return None,
            Action::Create => ("create", Vec::new()),
            Action::Replace => ("replace", Vec::new()),
            Action::Update(differs) => ("update", differs.clone()),
        };
        if step.resource.kind == ResourceKind::Fingerprint {
            return None;
        }
        let (kind, name) = (step.resource.kind.label(), step.resource.name.clone());
        // Show only what is granted for targets, not the base policy.
        let policy = step.policy.clone().filter(|_| step.resource.kind == ResourceKind::Grant);
        Some(Self { action, kind, name, differs, members: step.members.clone(), policy })
    }

    fn deletion(resource: &Resource) -> Self {
        let (kind, name) = (resource.kind.label(), resource.name.clone());
        Self { action: "delete", kind, name, differs: Vec::new(), members: Vec::new(), policy: None }
    }

    fn line(&self) -> String {
        let differs = if self.differs.is_empty() { String::new() } else { format!(" ({})", self.differs.join(", ")) };
        format!("{} {} `{}`{differs}", self.action, self.kind, self.name)
    }
}

impl PlanReport {
    pub fn new(stack: &Stack, plan: &Plan, warnings: Vec<String>) -> Self {
        let changes = plan.steps.iter().filter_map(PlannedChange::of).collect();
        Self { gateway: stack.names.gateway.to_string(), changes, warnings, detailed: false }
    }

    /// Adds what would be deleted after the other changes.
    #[must_use]
    pub fn with_deletions(mut self, deleted: &[Resource]) -> Self {
        self.changes.extend(deleted.iter().map(PlannedChange::deletion));
        self
    }

    /// Ends with [`exit::DIFFERENT`] if there is anything to do.
    #[must_use]
    pub fn with_detailed_exit_code(self) -> Self {
        Self { detailed: true, ..self }
    }
}

impl Report for PlanReport {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        if self.changes.is_empty() {
            writeln!(w, "Nothing to do: {} is as it should be.", self.gateway)?;
        } else {
            writeln!(w, "Would do for {}:", self.gateway)?;
        }
        for change in &self.changes {
            writeln!(w, "  {}", change.line())?;
            change.members.iter().try_for_each(|member| writeln!(w, "      {}", shown(member)))?;
            if let Some(policy) = &change.policy {
                format!("{policy:#}").lines().try_for_each(|line| writeln!(w, "      {line}"))?;
            }
        }
        self.warnings.iter().try_for_each(|warning| writeln!(w, "Warning: {warning}"))
    }
    fn exit_code(&self) -> u8 {
        if self.detailed && !self.changes.is_empty() { exit::DIFFERENT } else { exit::DONE }
    }
}

/// Most characters of a value in text output.
const BRIEF: usize = 60;

/// A member that differs, on one line.
fn shown(Difference { path, before, after }: &Difference) -> String {
    let value = |value: &Value| {
        let text = value.to_string();
        match text.char_indices().nth(BRIEF) {
            None => escape_control(&text),
            Some((end, _)) => format!("{} … ({} characters)", escape_control(&text[..end]), text.chars().count()),
        }
    };
    let path = escape_control(path);
    match (before, after) {
        (None, Some(after)) => format!("+ {path}: {}", value(after)),
        (Some(before), None) => format!("- {path}: {}", value(before)),
        (Some(before), Some(after)) => format!("~ {path}: {} -> {}", value(before), value(after)),
        (None, None) => path,
    }
}
