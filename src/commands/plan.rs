//! What `--dry-run` shows: the steps that a command would take.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use crate::{
    ops::{
        Resource, ResourceKind,
        plan::{Action, Plan, Step},
        stack::Stack,
    },
    ui::report::Report,
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
    /// The settings of the gateway that change, as dotted paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    settings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PlannedChange {
    action: &'static str,
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differs: Vec<&'static str>,
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
        let (kind, name) = (step.resource.kind.label(), step.resource.name.clone());
        // Show only what is granted for targets, not the base policy.
        let policy = step.policy.clone().filter(|_| step.resource.kind == ResourceKind::Grant);
        Some(Self { action, kind, name, differs, policy })
    }

    fn line(&self) -> String {
        let differs = if self.differs.is_empty() { String::new() } else { format!(" ({})", self.differs.join(", ")) };
        format!("{} {} `{}`{differs}", self.action, self.kind, self.name)
    }
}

impl PlanReport {
    pub fn new(stack: &Stack, plan: &Plan, warnings: Vec<String>) -> Self {
        let changes = plan.steps.iter().filter_map(PlannedChange::of).collect();
        Self { gateway: stack.names.gateway.to_string(), changes, settings: Vec::new(), warnings }
    }

    /// Names the settings that change.
    #[must_use]
    pub fn with_settings(self, settings: Vec<String>) -> Self {
        Self { settings, ..self }
    }
}

impl Report for PlanReport {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        if self.changes.is_empty() {
            return writeln!(w, "Nothing to do: {} is as it should be.", self.gateway);
        }
        writeln!(w, "Would do for {}:", self.gateway)?;
        for change in &self.changes {
            writeln!(w, "  {}", change.line())?;
            if let Some(policy) = &change.policy {
                format!("{policy:#}").lines().try_for_each(|line| writeln!(w, "      {line}"))?;
            }
        }
        if !self.settings.is_empty() {
            writeln!(w, "Settings that change: {}", self.settings.join(", "))?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(w, "Warning: {warning}"))
    }
}
