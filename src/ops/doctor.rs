//! Checks the links between a caller and a gateway's tools, one by one, and names the one that is broken.

mod authorizer;
mod role;
mod targets;
mod tools;

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join3;
use serde_json::Value;

pub use self::tools::Call;
use super::{
    Error,
    bridge::Tokens,
    mcp::{Client, SignIn, versions_of},
    openid,
    stack::{Gateway, Stack},
};
use crate::{
    aws::{self, Aws, Caller, Class, agentcore, denied::Denied},
    model::{name::GatewayName, secret::Secret},
};

/// One link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// A stable name; of a link that there may be several of, with the one that is meant: `target:NAME`.
    pub name: String,
    pub is_ok: bool,
    /// What was found.
    pub detail: String,
    /// What mends it, with the command in backticks.
    pub fix: Option<String>,
    /// What `--fix` can do about it.
    pub mend: Option<Mend>,
}

/// What is missing of a stack's own, and can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mend {
    Role,
    /// The statement of the role's trust policy.
    Trust,
    /// Statements of the role's policies.
    Permissions,
    Domain,
    ResourceServer,
    /// In the place of a deleted one.
    AppClient,
    /// The sample's function with its role and log group.
    Sample,
}

impl Check {
    fn good(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), is_ok: true, detail: detail.into(), fix: None, mend: None }
    }

    fn bad(name: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name: name.into(), is_ok: false, detail: detail.into(), fix: Some(fix.into()), mend: None }
    }

    /// A link of this stack's own that can be mended.
    fn mendable(name: impl Into<String>, detail: impl Into<String>, stack: &Stack, mend: Mend) -> Self {
        let fix = format!("`agentcore-gw doctor {} --fix`", stack.names.gateway);
        Self { mend: Some(mend), ..Self::bad(name, detail, fix) }
    }

    fn of(name: impl Into<String>, problem: Option<(String, String)>, good: impl Into<String>) -> Self {
        match problem {
            None => Self::good(name, good),
            Some((detail, fix)) => Self::bad(name, detail, fix),
        }
    }
}

/// What an examination found.
#[derive(Debug, Default)]
pub struct Findings {
    pub checks: Vec<Check>,
    /// What could not be looked at, and why.
    pub warnings: Vec<String>,
}

impl Findings {
    /// What `--fix` can do.
    pub fn mends(&self) -> BTreeSet<Mend> {
        self.checks.iter().filter_map(|check| check.mend).collect()
    }

    pub fn is_ok(&self) -> bool {
        self.checks.iter().all(|check| check.is_ok)
    }

    /// One check alone.
    pub fn of(check: Check) -> Self {
        Self { checks: vec![check], warnings: Vec::new() }
    }

    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.merge(other);
        self
    }

    #[must_use]
    pub fn with_warning(mut self, warning: &str) -> Self {
        self.warnings.push(warning.to_owned());
        self
    }

    fn merge(&mut self, other: Self) {
        self.checks.extend(other.checks);
        self.warnings.extend(other.warnings);
    }

    /// Notes that something could not be looked at.
    fn not_seen(&mut self, what: &str, error: &aws::Error) {
        self.warnings.push(format!("{what} cannot be looked at: {error}"));
    }
}

/// The caller's identity, and whether the service answers in the region.
pub async fn reach(aws: &Aws) -> Findings {
    let mut findings = Findings::default();
    match aws.caller().await {
        Ok(caller) => findings.checks.push(of_caller(&caller)),
        Err(error) => {
            findings.checks.push(unreachable("caller", aws, error));
            return findings;
        }
    }
    findings.checks.push(match agentcore::list_gateways(aws).await {
        Ok(_) => of_service(aws),
        Err(error) => unreachable("service", aws, error),
    });
    findings
}

/// The same, as a discovery has shown it; `None` if that did not ask for the caller.
pub fn reached(aws: &Aws, stack: &Stack) -> Option<Findings> {
    stack.caller.arn.as_ref()?;
    Some(Findings { checks: vec![of_caller(&stack.caller), of_service(aws)], warnings: Vec::new() })
}

fn of_caller(caller: &Caller) -> Check {
    let arn = caller.arn.as_ref().map(|arn| format!("{arn}, ")).unwrap_or_default();
    Check::good("caller", format!("{arn}account {}", caller.account))
}

fn of_service(aws: &Aws) -> Check {
    Check::good("service", format!("AgentCore answers in {}", aws.region))
}

/// A check of something that could not be reached, or may not be used.
pub fn unreachable(name: &str, aws: &Aws, error: aws::Error) -> Check {
    let error = aws.of_region(error);
    let fix = match error.class {
        Class::Credentials => "get new credentials, for example by `aws sso login`, or choose others with `--profile`",
        Class::Denied => {
            return Check::bad(
                name,
                error.to_string(),
                match Denied::read(&error.message) {
                    Some(denied) => denied.remedy(),
                    None => "ask for what `agentcore-gw policy --for show` prints".to_owned(),
                },
            );
        }
        Class::Unreachable => "check the network, `--region` and `--endpoint-url`",
        _ => "run it again with `-v`, which logs each call",
    };
    Check::bad(name, error.to_string(), fix)
}

/// Examines a stack's gateway, from its role to a call of a tool.
///
/// `tokens` are those of a caller of a gateway with a JWT authorizer, or why there are none. A request to the gateway may
/// take as long as `timeout`.
pub async fn examine(
    aws: &Aws,
    stack: &Stack,
    tokens: Result<Tokens, String>,
    call: Option<Call<'_>>,
    timeout: Duration,
) -> Findings {
    let mut findings = Findings::default();
    let Some(gateway) = &stack.gateway else {
        findings.checks.push(no_gateway(stack));
        return findings;
    };
    let subject = Subject { aws, stack, gateway };
    // Boxed: the SDK's futures are large.
    let (role, (authorizer, token), targets) = join3(
        Box::pin(role::examine(subject)),
        Box::pin(authorizer::examine(subject, tokens)),
        Box::pin(targets::examine(subject)),
    )
    .await;
    findings.merge(role);
    findings.merge(authorizer);
    findings.merge(targets);
    findings.merge(tools::examine(subject, token, call, timeout).await);
    leave_mends_to_others(subject, &mut findings.checks);
    findings
}

/// Nothing of another owner's gateway is mended, and AWS changes nothing of a gateway that has FAILED.
fn leave_mends_to_others(subject: Subject<'_>, checks: &mut [Check]) {
    let name = subject.name();
    let fix = match (subject.gateway.ours, subject.gateway.document.status()) {
        (false, _) => "its owner has to see to it: agentcore-gw did not make this gateway".to_owned(),
        (true, "FAILED") => {
            format!("make the FAILED gateway anew: `agentcore-gw cleanup {name}`, then `agentcore-gw create {name}`")
        }
        _ => return,
    };
    for check in checks.iter_mut().filter(|check| check.mend.is_some()) {
        check.mend = None;
        check.fix = Some(fix.clone());
    }
}

/// A gateway, and what it belongs to.
#[derive(Clone, Copy)]
struct Subject<'a> {
    aws: &'a Aws,
    stack: &'a Stack,
    gateway: &'a Gateway,
}

impl Subject<'_> {
    fn name(&self) -> &str {
        self.stack.names.gateway.as_str()
    }

    fn jwt(&self) -> &Value {
        self.gateway.document.jwt_authorizer()
    }
}

/// A token of a caller.
type Token = Option<Secret>;

fn no_gateway(stack: &Stack) -> Check {
    let name = &stack.names.gateway;
    let detail = format!(
        "there is no gateway `{name}` yet, but parts of its stack: a `create` or `cleanup` is under way, or was interrupted"
    );
    let fix = format!(
        "if nobody is at work, `agentcore-gw create {name}` goes on, and `agentcore-gw cleanup {name}` removes them"
    );
    Check::bad("gateway", detail, fix)
}

/// The check for a stack that cannot be discovered.
pub fn undiscovered(given: &str, error: &Error) -> Check {
    if let Error::NotFoundNear { near, .. } = error {
        return Check::bad("gateway", error.to_string(), format!("did you mean `{near}`?"));
    }
    if !matches!(error, Error::NotFound(_)) {
        return Check::bad("gateway", error.to_string(), "choose another gateway name, or see to what has that name");
    }
    let fix = match given.parse::<GatewayName>() {
        Ok(name) => format!("check the name, `--region` and `--profile`; `agentcore-gw create {name}` makes it"),
        Err(_) => "`agentcore-gw list` shows the gateways that there are".to_owned(),
    };
    Check::bad("gateway", error.to_string(), fix)
}
