//! `status`: a stack, resource by resource.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::find_stack;
use crate::{
    context::Context,
    error::Error,
    ops::{self, Kind, Resource, stack::Stack},
    ui::{
        report::{self, fields},
        style,
    },
};

/// Show what exists of a gateway and everything that belongs to it
#[derive(Debug, Args)]
pub struct Status {
    /// Name, id or ARN of the gateway
    pub name: String,
}

impl Status {
    pub async fn run(self, ctx: &Context) -> Result<Report, Error> {
        let aws = ctx.aws().await?;
        let stack = find_stack(&aws, &self.name).await?;
        if stack.is_empty() {
            return Err(ops::Error::NotFound(self.name).into());
        }
        for operation in &stack.not_offered {
            ctx.ui.warn(&format!("this endpoint does not offer {operation}"));
        }
        Ok(Report::new(&stack))
    }
}

/// The stack.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    name: String,
    region: String,
    account: String,
    /// READY and so on; null where there is no gateway.
    status: Option<String>,
    status_reasons: Vec<String>,
    gateway_url: Option<String>,
    /// CUSTOM_JWT and so on.
    authorizer: Option<String>,
    /// The role under which the gateway calls its targets.
    role_arn: Option<String>,
    /// Whether agentcore-gw made the gateway.
    managed: bool,
    /// Whether nothing is missing or half made.
    complete: bool,
    resources: Vec<Entry>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
}

impl Report {
    fn new(stack: &Stack) -> Self {
        let gateway = stack.gateway.as_ref();
        let document = gateway.map(|gateway| &gateway.document);
        let entry = |resource: Resource| Entry {
            kind: resource.kind.label(),
            status: match resource.kind {
                Kind::Gateway => document.map(|document| document.status().to_owned()),
                Kind::Target => {
                    gateway.and_then(|gateway| gateway.target(&resource.name)).map(|target| target.status().to_owned())
                }
                _ => None,
            },
            name: resource.name,
        };
        let whole = stack.is_whole();
        // A stack's resources are its own; of a gateway that is not, its targets are still shown.
        let foreign = gateway.filter(|gateway| !gateway.ours);
        let foreign_targets = foreign.into_iter().flat_map(|gateway| &gateway.targets);
        let foreign_targets = foreign_targets.map(|target| Resource::new(Kind::Target, target.name()));
        let brought_role =
            stack.role.is_none() && document.is_some_and(super::super::aws::agentcore::Document::is_ready);
        Self {
            name: stack.names.gateway.to_string(),
            region: stack.names.region.to_string(),
            account: stack.account.clone(),
            status: document.map(|document| document.status().to_owned()),
            status_reasons: document
                .into_iter()
                .flat_map(super::super::aws::agentcore::Document::status_reasons)
                .map(str::to_owned)
                .collect(),
            gateway_url: document.map(|document| document.gateway_url().to_owned()),
            authorizer: document.and_then(|document| document.0["authorizerType"].as_str()).map(str::to_owned),
            role_arn: document.map(|document| document.role_arn().to_owned()),
            managed: gateway.is_some_and(|gateway| gateway.ours),
            complete: whole || brought_role,
            resources: stack.resources().into_iter().chain(foreign_targets).map(entry).collect(),
        }
    }
}

impl report::Report for Report {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        let (heading, reset) = (style::HEADING.render(), style::HEADING.render_reset());
        let status = self.status.as_deref().unwrap_or("not there");
        writeln!(w, "{heading}Gateway {} is {status}{reset}\n", self.name)?;
        fields(
            w,
            &[
                ("Gateway URL", self.gateway_url.as_deref().unwrap_or_default()),
                ("Authorizer", self.authorizer.as_deref().unwrap_or_default()),
                ("Role", self.role_arn.as_deref().unwrap_or_default()),
                ("Region", &self.region),
                ("Account", &self.account),
                ("Reasons", &self.status_reasons.join("; ")),
            ],
        )?;
        if !self.managed && self.status.is_some() {
            writeln!(w, "\nagentcore-gw did not make this gateway.")?;
        }
        if !self.resources.is_empty() {
            writeln!(w, "\n{heading}Resources{reset}")?;
        }
        let width = self.resources.iter().map(|entry| entry.kind.len()).max().unwrap_or(0);
        for entry in &self.resources {
            let status = entry.status.as_ref().map(|status| format!("  {status}")).unwrap_or_default();
            writeln!(w, "  {:<width$}  {}{status}", entry.kind, entry.name)?;
        }
        if !self.complete {
            writeln!(w, "\nAn interrupted run left this incomplete; run `create` again to go on, or `cleanup`.")?;
        }
        Ok(())
    }
}
