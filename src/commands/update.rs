//! `update`: changes settings of a gateway; what is not named stays as it is.

mod flags;

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use self::flags::{ClearFlags, TokenFlags};
use super::{
    Outcome, cli_input::CliInput, plan::PlanReport, settings::SettingFlags, shown::GatewayInfo, stack_with_gateway,
};
use crate::{
    aws::{Aws, cognito::AppClient},
    context::Context,
    error::{Error, ErrorKind},
    model::{
        gateway,
        name::RoleArn,
        patch::Patch,
        policy,
        spec::{GatewaySpec, RoleSpec},
    },
    ops::{
        self, converge, plan,
        run::Run,
        stack::{Gateway, Stack},
    },
    ui::report::{Page, Report},
};

/// Change settings of a gateway; the others stay as they are
///
/// It works for every gateway that is named, also one that agentcore-gw did not make. The role that
/// agentcore-gw made is allowed what the new settings need. Type of authorizer and search tool are
/// chosen when a gateway is made.
#[derive(Debug, Args)]
pub struct Update {
    /// Name, id or ARN of the gateway
    pub name: String,

    #[command(flatten)]
    pub settings: SettingFlags,

    #[command(flatten)]
    pub clear: ClearFlags,

    #[command(flatten)]
    pub tokens: TokenFlags,

    /// Use this execution role of yours from now on
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<RoleArn>,

    /// Members of UpdateGateway, as `aws … --cli-input-json` takes them, those that are to change; null removes one;
    /// flags win over them: a file, or `-`
    #[arg(long, value_name = "FILE")]
    pub cli_input: Option<String>,

    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "no_wait")]
    pub dry_run: bool,

    /// Do not wait until the gateway is READY
    #[arg(long)]
    pub no_wait: bool,
}

impl Update {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let input = CliInput::read(ctx, self.cli_input.as_deref()).await?;
        let flags = self.flags()?;
        if flags.is_empty() && self.cli_input.is_none() && self.role_arn.is_none() {
            let error = Error::new(ErrorKind::Usage, "there is nothing to change");
            return Err(error.with_hint("name a setting; `agentcore-gw update --help` lists them"));
        }
        let aws = ctx.aws().await?;
        let stack = stack_with_gateway(ctx, &aws, &self.name).await?;
        let gateway = stack.gateway.as_ref().ok_or_else(|| ops::Error::NotFound(self.name.clone()))?;
        let spec = self.spec(ctx, &aws, gateway, (input, flags))?;
        let wanted = spec.wanted(Some(&gateway.document.0));
        check(&aws, &stack, &gateway.document.0, &wanted)?;
        let warnings = warnings(&aws, &stack, gateway, &wanted, &spec.role);
        let warnings: Vec<String> = warnings.iter().map(|warning| ctx.invocation.in_commands(warning)).collect();
        if self.dry_run {
            let plan = plan::create(&aws, &spec, &stack)?;
            return Ok(Box::new(PlanReport::new(&stack, &plan, warnings)));
        }
        let wait = !self.no_wait;
        let made = ctx.observed(&aws, async |run: Run<'_>| converge::change(run, &spec, wait, &stack).await).await;
        let made = made.map_err(|error| ctx.ended(error, None))?;
        let document = made.gateway.ok_or_else(|| ops::Error::NotFound(self.name.clone()))?;
        Ok(Box::new(Updated {
            changed: changed_paths(&gateway.document.0, &document.0),
            warnings: warnings.into_iter().chain(made.warnings).collect(),
            gateway: GatewayInfo::new(&document, &aws.region),
        }))
    }

    fn flags(&self) -> Result<Patch, Error> {
        let mut patch = Patch::default();
        self.settings.add_to(&mut patch)?;
        self.clear.add_to(&mut patch);
        self.tokens.add_to(&mut patch);
        Ok(patch)
    }

    /// The changes of file and flags, for this gateway.
    fn spec(
        &self,
        ctx: &Context,
        aws: &Aws,
        gateway: &Gateway,
        (mut input, flags): (CliInput, Patch),
    ) -> Result<GatewaySpec, Error> {
        let document = &gateway.document;
        let name = document.name();
        input.check_same("name", &[name])?;
        input.check_same("gatewayId", &[document.gateway_id()])?;
        input.check_same("gatewayIdentifier", &[document.gateway_id(), document.gateway_arn(), &self.name])?;
        input.check_same("authorizerType", &[document.0["authorizerType"].as_str().unwrap_or_default()])?;
        let role = input.take_text("roleArn")?;
        let role = role.map(|arn| arn.parse().map_err(|error| input.invalid(&format!("`roleArn`: {error}"))));
        let role = self.role_arn.clone().or(role.transpose()?);
        // The one that it has is no other one.
        let role = role.filter(|arn: &RoleArn| arn.as_str() != document.role_arn());
        input.note_unknown(ctx, [&gateway::KNOWN, &gateway::READ_ONLY]);
        let mut patch = Patch::default();
        patch.merge(input.rest(&gateway::READ_ONLY));
        patch.append(flags);
        let unchanged = GatewaySpec::unchanged(
            name.parse().map_err(|_| ops::Error::NotFound(name.to_owned()))?,
            aws.region.clone(),
        );
        let role = role.map_or(RoleSpec::Managed { permissions_boundary: None }, RoleSpec::Existing);
        Ok(GatewaySpec { role, patch, adopt: true, settings_only: true, ..unchanged })
    }
}

/// Refuses what would lock the stack's own client out, and what AWS would refuse.
fn check(aws: &Aws, stack: &Stack, before: &Value, wanted: &Value) -> Result<(), Error> {
    let jwt = |document: &Value| document["authorizerConfiguration"]["customJWTAuthorizer"].clone();
    let (before, after) = (jwt(before), jwt(wanted));
    let own = stack.client.as_ref().filter(|_| stack.issuer(aws).is_some());
    let is_listed = |jwt: &Value, id: &str| list(&jwt["allowedClients"]).contains(&id);
    // Without a list, any scope will do.
    let has_scope = |jwt: &Value, client: &AppClient| {
        let taken = list(&jwt["allowedScopes"]);
        taken.is_empty() || client.scopes.iter().any(|scope| taken.contains(&scope.as_str()))
    };
    if let Some(client) = own.filter(|client| has_scope(&before, client) && !has_scope(&after, client)) {
        let message =
            format!("the gateway's own client, with which agentcore-gw signs in, has the scope {}", stack.names.scope);
        return Err(Error::new(ErrorKind::Usage, message)
            .with_hint(format!("let that in, too: `--add-allowed-scope {}`", client.scopes.join(" "))));
    }
    let is_added = |list: &str| after[list].is_array() && before[list] != after[list];
    if own.is_some() && is_added("allowedAudience") {
        return Err(Error::new(ErrorKind::Usage, "access tokens of Cognito have no audience: nobody would be let in")
            .with_hint("allow clients (`--add-allowed-client`) or scopes (`--add-allowed-scope`)"));
    }
    if own.is_some() && before["discoveryUrl"] != after["discoveryUrl"] {
        let name = &stack.names.gateway;
        let message = "the gateway takes the tokens of the user pool that was made for it, also from its other clients";
        return Err(Error::new(ErrorKind::Usage, message).with_hint(format!(
            "`agentcore-gw create {name} --authorizer jwt --discovery-url URL` lets it trust another provider"
        )));
    }
    if let Some(client) = own.filter(|client| is_listed(&before, &client.id) && !is_listed(&after, &client.id)) {
        let message = format!("`{}` is the gateway's own client, with which agentcore-gw signs in", client.id);
        return Err(Error::new(ErrorKind::Usage, message).with_hint(format!(
            "keep it; `agentcore-gw client add {} NAME` gives another consumer one",
            stack.names.gateway
        )));
    }
    match gateway::problem(wanted) {
        None => Ok(()),
        Some((problem, remedy)) => Err(Error::new(ErrorKind::Usage, problem).with_hint(remedy)),
    }
}

/// The texts of a list; none, if it is no list.
fn list(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What will not work, and is not this program's to change.
fn warnings(aws: &Aws, stack: &Stack, gateway: &Gateway, wanted: &Value, role: &RoleSpec) -> Vec<String> {
    let mut warnings = Vec::new();
    let before = &gateway.document.0;
    let jwt = |document: &Value| document["authorizerConfiguration"]["customJWTAuthorizer"].clone();
    if before["protocolType"].is_string() && wanted["protocolType"].is_null() {
        warnings.push("without a `protocolType` the gateway serves no MCP, and has another address".to_owned());
    }
    let claims = &jwt(wanted)["customClaims"];
    if stack.issuer(aws).is_some() && claims.is_array() && *claims != jwt(before)["customClaims"] {
        let doctor = format!("`agentcore-gw doctor {}` says whether they are let in", stack.names.gateway);
        warnings
            .push(format!("tokens of Cognito's clients have no claims of yours, unless a trigger adds them: {doctor}"));
    }
    let grants =
        |document: &Value| policy::gateway_grants(&stack.names, &stack.caller.account, std::iter::once(document));
    let (mut had, needs) = (grants(before), grants(wanted));
    let is_ours = stack.role.is_some() && gateway.has_role(&stack.names);
    let role = match role {
        RoleSpec::Existing(role) if stack.names.is_role_arn(role.as_str()) => return warnings,
        RoleSpec::Existing(role) => {
            had.clear();
            let doctor = format!("agentcore-gw doctor {}", stack.names.gateway);
            warnings
                .push(format!("{role} is yours to change: `{doctor}` says whether it may do what the targets need"));
            role.as_str()
        }
        RoleSpec::Managed { .. } if is_ours => return warnings,
        RoleSpec::Managed { .. } => gateway.document.role_arn(),
    };
    let lacking = needs.iter().filter(|(name, policy)| had.get(*name) != Some(*policy));
    warnings.extend(lacking.map(|(_, policy)| format!("the role {role} is yours to change: it needs {policy}")));
    warnings
}

/// The members that differ, as dotted paths; lists are compared as a whole.
fn changed_paths(before: &Value, after: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    collect(before, after, "", &mut paths);
    paths
}

fn collect(before: &Value, after: &Value, at: &str, paths: &mut Vec<String>) {
    let (Value::Object(one), Value::Object(other)) = (before, after) else {
        if before != after {
            paths.push(at.to_owned());
        }
        return;
    };
    let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
    for name in names.filter(|name| !at.is_empty() || !gateway::READ_ONLY.contains(&name.as_str())) {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let part = |members: &serde_json::Map<String, Value>| members.get(name).cloned().unwrap_or_default();
        collect(&part(one), &part(other), &path, paths);
    }
}

/// A gateway with its new settings.
#[derive(Debug, Serialize)]
struct Updated {
    gateway: GatewayInfo,
    /// Members of the API's document, as dotted paths.
    changed: Vec<String>,
    warnings: Vec<String>,
}

impl Report for Updated {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let GatewayInfo { name, status, .. } = &self.gateway;
        w.outcome(&format!("Gateway {name} is {status}"), self.changed.is_empty())?;
        if !self.changed.is_empty() {
            writeln!(w)?;
            w.fields(&[("Changed", self.changed.join(", ").as_str())])?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(w, "Warning: {warning}"))
    }

    fn next(&self) -> Vec<String> {
        vec![format!("get {}", self.gateway.name)]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_named_by_its_path() {
        let before = json!({ "status": "READY", "a": { "b": 1, "c": [1] }, "d": 1 });
        let after = json!({ "status": "UPDATING", "a": { "b": 1, "c": [2] }, "e": { "f": 1 } });
        assert_eq!(changed_paths(&before, &after), ["a.c", "d", "e"]);
    }
}
