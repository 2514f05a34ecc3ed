//! The report of `create`: what it created or, with `--dry-run`, would create.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;
use serde_json::Value;

use crate::{
    aws::{Aws, Caller, agentcore::ApiDocument},
    commands::{
        input::some,
        shown::{ClientInfo, GatewayInfo, SecretFlags, TargetInfo, few},
        sign_in::callable,
    },
    error::Error,
    model::{adapt::Change, naming::DeliveryNames},
    ops::{self, converge::Converged},
    ui::{
        report::{Page, Report},
        style,
    },
};

/// What `create` created or found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    #[serde(flatten)]
    caller: Caller,
    gateway: GatewayInfo,
    client_info: Option<ClientInfo>,
    targets: Vec<TargetInfo>,
    console_url: Option<String>,
    log_group: Option<String>,
    /// Targets that were removed, because a file for `apply` does not name them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    removed: Vec<String>,
    /// How documents were changed for the gateway, by target.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    adapted: BTreeMap<String, Vec<Change>>,
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
    /// Whether a token was issued to the client.
    #[serde(skip)]
    token_issued: bool,
    /// The number of warnings that were already shown during creation.
    #[serde(skip)]
    reported: usize,
}

impl Created {
    /// `warnings` were shown already.
    ///
    /// # Errors
    /// If the gateway exists and is broken, so that it cannot be used.
    pub fn new(
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
            removed: Vec::new(),
            adapted: BTreeMap::new(),
            callable: callable(&document, client),
            serves_mcp: document.serves_mcp(),
            token_issued: made.token_issued,
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

    /// Adds the targets that were removed, and how documents were changed, by target.
    #[must_use]
    pub fn with_targets(mut self, removed: Vec<String>, adapted: BTreeMap<String, Vec<Change>>) -> Self {
        self.targets.retain(|target| !removed.contains(&target.name));
        self.unchanged &= removed.is_empty();
        Self { removed, adapted, ..self }
    }

    /// The warnings that were not shown yet.
    pub fn own_warnings(&self) -> impl Iterator<Item = &str> {
        self.warnings[self.reported..].iter().map(String::as_str)
    }

    /// What was seen to work.
    fn checked(&self) -> Vec<String> {
        let ready = self.targets.iter().filter(|target| target.status == "READY").count();
        let issued = self.token_issued.then(|| "a token was issued".to_owned());
        let targets = (ready > 0).then(|| format!("{} READY", some(ready, "target")));
        issued.into_iter().chain(targets).collect()
    }

    /// Writes the file of credentials, if there is to be one, and leaves the secret out, if it is not to be shown.
    pub fn save(&mut self, secrets: &SecretFlags) -> Result<(), Error> {
        let saved = secrets.apply(&self.gateway, self.client_info.as_mut(), "the gateway is ready");
        saved.map_err(|error| error.with_hint(format!("run `agentcore-gw credentials {}`", self.gateway.name)))
    }
}

/// Most tools that are named in text output.
const MOST_NAMED: usize = 20;

impl Report for Created {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let gateway = &self.gateway;
        w.outcome(&format!("Gateway {} is {}", gateway.name, gateway.status), self.unchanged)?;
        writeln!(w)?;
        let tools = self.targets.iter().filter_map(|target| target.tools.clone()).flatten().collect::<Vec<_>>();
        let tool_list = few(&tools, MOST_NAMED, ", ");
        let mut shown = vec![("Gateway URL", gateway.gateway_url.as_str())];
        shown.extend(self.client_info.iter().flat_map(ClientInfo::fields));
        let checked = self.checked().join(", ");
        shown.push(("Checked", checked.as_str()));
        shown.extend([("Tools", tool_list.as_str()), ("Logs", self.log_group.as_deref().unwrap_or_default())]);
        w.fields(&shown)?;
        for (target, changes) in &self.adapted {
            let count = some(changes.len(), "change");
            writeln!(
                w,
                "  The document of `{target}` was adapted: {count}, which `validate` and `--output json` show"
            )?;
        }
        self.removed.iter().try_for_each(|target| writeln!(w, "  Removed the target `{target}`"))?;
        if let Some(policy) = &self.required_policy {
            let (heading, reset) = (style::HEADING.render(), style::HEADING.render_reset());
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
