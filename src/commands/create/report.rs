//! The report of `create`: what it created or, with `--dry-run`, would create.

use std::{
    io::{self, Write},
    path::Path,
};

use serde::Serialize;
use serde_json::Value;

use crate::{
    aws::{Aws, Caller, agentcore::ApiDocument},
    commands::{
        shown::{ClientInfo, GatewayInfo, TargetInfo, save_config},
        sign_in::callable,
    },
    error::{Error, ErrorKind},
    model::naming::DeliveryNames,
    ops::{self, converge::Converged},
    ui::{
        report::{Report, fields},
        style,
    },
};

/// What `create` created or found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Created {
    #[serde(flatten)]
    caller: Caller,
    gateway: GatewayInfo,
    client_info: Option<ClientInfo>,
    targets: Vec<TargetInfo>,
    console_url: Option<String>,
    log_group: Option<String>,
    warnings: Vec<String>,
    /// The permissions that a user-supplied role must have; it is not changed for the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    required_policy: Option<Value>,
    #[serde(skip)]
    unchanged: bool,
    /// Whether `tools` can call the gateway: it needs no token, or a token of its own client.
    #[serde(skip)]
    callable: bool,
    #[serde(skip)]
    serves_mcp: bool,
    /// The number of warnings that were already shown during creation.
    #[serde(skip)]
    reported: usize,
}

impl Created {
    /// `warnings` were shown already.
    ///
    /// # Errors
    /// If the gateway exists and is broken, so that it cannot be used.
    pub(super) fn new(
        aws: &Aws,
        converged: Converged,
        mut warnings: Vec<String>,
        required_policy: Option<Value>,
    ) -> Result<Self, Error> {
        let Converged { stack, made } = converged;
        let unchanged = !made.changed;
        warnings.extend(made.warnings());
        let reported = warnings.len();
        let document = made.gateway.unwrap_or_else(|| ApiDocument(Value::Null));
        if document.is_broken() {
            return Err(ops::Error::of_state(ops::ResourceKind::Gateway, &document).into());
        }
        let open = document.0["authorizerType"] == "NONE";
        let checked = document.0["authorizerType"] == "CUSTOM_JWT";
        let client = made.client.as_ref().filter(|_| checked);
        let issuer = made.pool_id.as_deref().zip(made.domain.as_deref()).zip(made.tokens.as_ref());
        warnings.extend(made.targets.values().filter(|target| target.is_broken()).map(|target| {
            let reasons = target.status_reasons().collect::<Vec<_>>().join("; ");
            format!("the target `{}` is {}: {reasons}", target.name(), target.status())
        }));
        if open {
            warnings.push("the gateway checks nobody: whoever reaches it may call its tools".to_owned());
        }
        let log_group = made.delivers_logs.then(|| DeliveryNames::new(document.gateway_id()).log_group);
        Ok(Self {
            reported,
            callable: callable(&document, client),
            serves_mcp: document.serves_mcp(),
            client_info: issuer
                .filter(|_| client.is_some())
                .map(|((pool_id, domain), tokens)| ClientInfo::new(aws, pool_id, domain, tokens)),
            targets: made.targets.values().map(TargetInfo::new).collect(),
            console_url: aws.console_url(),
            log_group,
            warnings,
            required_policy,
            gateway: GatewayInfo::new(&document, &aws.region),
            caller: stack.caller,
            unchanged,
        })
    }

    /// The warnings that were not shown yet.
    pub(super) fn own_warnings(&self) -> impl Iterator<Item = &str> {
        self.warnings[self.reported..].iter().map(String::as_str)
    }

    /// Writes the toolkit's `gateway_config.json`, readable by its owner only.
    pub(super) fn save(&self, file: &Path) -> Result<(), Error> {
        let failed = |error: io::Error| {
            Error::new(
                ErrorKind::Failed,
                format!("the gateway is ready, but {} cannot be written: {error}", file.display()),
            )
            .with_hint(format!("run `agentcore-gw credentials {}`", self.gateway.name))
        };
        save_config(file, &self.gateway, self.client_info.as_ref()).map_err(failed)
    }
}

impl Report for Created {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        let (heading, reset) = (style::HEADING.render(), style::HEADING.render_reset());
        let gateway = &self.gateway;
        let unchanged = if self.unchanged { " (nothing had to be changed)" } else { "" };
        writeln!(w, "{heading}Gateway {} is {}{reset}{unchanged}\n", gateway.name, gateway.status)?;
        let tools = self.targets.iter().filter_map(|target| target.tools.clone()).flatten().collect::<Vec<_>>();
        let tool_list = tools.join(", ");
        let mut shown = vec![("Gateway URL", gateway.gateway_url.as_str())];
        shown.extend(self.client_info.iter().flat_map(ClientInfo::fields));
        shown.extend([("Tools", tool_list.as_str()), ("Logs", self.log_group.as_deref().unwrap_or_default())]);
        fields(w, &shown)?;
        if let Some(policy) = &self.required_policy {
            writeln!(w, "\n{heading}Your role needs this policy{reset}\n{policy:#}")?;
        }
        Ok(())
    }

    fn next(&self) -> Vec<String> {
        let name = &self.gateway.name;
        let tools = self.targets.iter().filter_map(|target| target.tools.as_ref()).flatten().collect::<Vec<_>>();
        let first = match tools.iter().find(|tool| tool.ends_with("get_weather")) {
            Some(tool) if self.callable => format!("tools call {name} {tool} '{{\"location\":\"Seattle\"}}'"),
            None if tools.is_empty() && self.serves_mcp => format!("create {name} --sample"),
            _ if self.callable => format!("tools list {name}"),
            _ => format!("get {name}"),
        };
        vec![first, format!("cleanup {name}")]
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![("AGENTCORE_GATEWAY_URL", self.gateway.gateway_url.clone())];
        variables.extend(self.client_info.iter().flat_map(ClientInfo::env));
        variables
    }
}
