//! `doctor`: what keeps a gateway from working, and what mends it.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{Outcome, plan::changes, sign_in::token_source, tools::arguments};
use crate::{
    aws::Aws,
    context::Context,
    error::{Error, ErrorKind, exit},
    ops::{
        self,
        bridge::Tokens,
        converge,
        doctor::{self, Call, Check, Findings, Mend},
        find, repair,
        run::Run,
        stack::Stack,
    },
    ui::{
        report::{Report, escape_control},
        style,
    },
};

/// Check a gateway link by link, from your credentials to a call of a tool, and say what mends what is broken
///
/// Without a name it checks your credentials and the service. Exits with 1 if a check fails.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Name, id or ARN of the gateway
    pub name: Option<String>,

    /// Call this tool, too
    #[arg(long, num_args = 1..=2, value_names = ["TOOL", "JSON"], requires = "name")]
    pub call: Vec<String>,

    /// Add what is missing of the gateway's own, after showing it and asking
    ///
    /// Roles that you brought, and whoever may call the gateway, are left as they are: for those the command is printed.
    #[arg(long, requires = "name")]
    pub fix: bool,
}

impl Doctor {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let arguments = match self.call.get(1).map(|text| arguments(text)).transpose() {
            Ok(arguments) => arguments.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
            Err(problem) => return Err(Error::new(ErrorKind::Usage, format!("`--call`: {problem}"))),
        };
        let call = self.call.first().map(|tool| Call { tool, arguments: &arguments });
        let mut findings = Findings::default();
        let aws = match ctx.aws().await {
            Ok(aws) => aws,
            Err(error) if error.kind == ErrorKind::NoCredentials => {
                return Ok(Box::new(Examined::new(ctx, findings_of(error), Vec::new())));
            }
            Err(error) => return Err(error),
        };
        findings.merge(doctor::reach(&aws).await);
        let Some(name) = self.name.as_deref().filter(|_| findings.is_ok()) else {
            return Ok(Box::new(Examined::new(ctx, findings, Vec::new())));
        };
        let (found, stack) = examine(ctx, &aws, name, call).await;
        let mends = found.mends();
        let mut mended = Vec::new();
        match stack.filter(|_| self.fix) {
            Some(_) if mends.is_empty() => {
                ctx.ui.note("there is nothing that `--fix` can add");
                findings.merge(found);
            }
            Some(stack) => {
                mended = fix(ctx, &aws, &stack, &mends).await?;
                findings.merge(examine(ctx, &aws, name, call).await.0);
            }
            None => findings.merge(found),
        }
        Ok(Box::new(Examined::new(ctx, findings, mended)))
    }
}

/// The only finding: there are no credentials.
fn findings_of(error: Error) -> Findings {
    let fix = error.hint.unwrap_or_else(|| "get credentials, for example by `aws sso login`".to_owned());
    let check = Check { name: "caller".to_owned(), is_ok: false, detail: error.message, fix: Some(fix), mend: None };
    Findings { checks: vec![check], warnings: Vec::new() }
}

/// What a gateway's links are like, and its stack, if it can be discovered.
async fn examine(ctx: &Context, aws: &Aws, name: &str, call: Option<Call<'_>>) -> (Findings, Option<Stack>) {
    let stack = match find::stack(aws, name).await {
        Ok(stack) => stack,
        Err(error) => {
            let check = match error {
                ops::Error::Aws(error) => doctor::unreachable("gateway", aws, error),
                error => doctor::not_found(name, &error),
            };
            return (Findings { checks: vec![check], warnings: Vec::new() }, None);
        }
    };
    // Why there is no token is told by the checks of what issues it.
    let tokens = token_source(ctx, aws, &stack).await.ok().map(Tokens::new);
    let findings = doctor::examine(aws, &stack, tokens, call, ctx.settings.timeout).await;
    (findings, Some(stack))
}

/// Shows what would be added, asks, and adds it. Returns what was added.
async fn fix(ctx: &Context, aws: &Aws, stack: &Stack, mends: &BTreeSet<Mend>) -> Result<Vec<String>, Error> {
    let (spec, plan) = repair::plan(aws, stack, mends)?;
    let changes = changes(&plan);
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let question = format!("To mend {}:\n  {}\nGo on?", stack.names.gateway, changes.join("\n  "));
    if !ctx.settings.yes && !ctx.confirm(&question).await? {
        return Err(Error::new(ErrorKind::Interrupted, "nothing was changed"));
    }
    let mend = async |run: Run<'_>| converge::carry_out(run, &spec, stack, &plan).await;
    ctx.observed(aws, mend).await.map_err(|error| ctx.ended(error, None))?;
    Ok(changes)
}

/// The report of `doctor`.
#[derive(Debug, Serialize)]
struct Examined {
    checks: Vec<Shown>,
    /// What `--fix` did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mended: Vec<String>,
    /// What could not be looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    ok: bool,
    detail: String,
    fix: Option<String>,
}

impl Examined {
    fn new(ctx: &Context, findings: Findings, mended: Vec<String>) -> Self {
        let shown = |check: Check| Shown {
            name: check.name,
            ok: check.is_ok,
            detail: check.detail,
            fix: check.fix.map(|fix| ctx.invocation.in_commands(&fix)),
        };
        for warning in &findings.warnings {
            ctx.ui.warn(warning);
        }
        Self { checks: findings.checks.into_iter().map(shown).collect(), mended, warnings: findings.warnings }
    }
}

impl Report for Examined {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        for change in &self.mended {
            writeln!(w, "Done: {}", escape_control(change))?;
        }
        if !self.mended.is_empty() {
            writeln!(w)?;
        }
        let width = self.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0).min(40);
        for check in &self.checks {
            let (mark, style) = if check.ok { ("ok    ", style::HINT) } else { ("failed", style::ERROR) };
            let (on, off) = (style.render(), style.render_reset());
            let (name, detail) = (escape_control(&check.name), escape_control(&check.detail));
            writeln!(w, "{on}{mark}{off}  {name:<width$}  {detail}")?;
            if let Some(fix) = &check.fix {
                let (on, off) = (style::HINT.render(), style::HINT.render_reset());
                writeln!(w, "        {on}fix:{off} {}", escape_control(fix))?;
            }
        }
        let failed = self.checks.iter().filter(|check| !check.ok).count();
        match failed {
            0 => writeln!(w, "\nAll {} checks hold.", self.checks.len()),
            1 => writeln!(w, "\n1 of {} checks fails.", self.checks.len()),
            failed => writeln!(w, "\n{failed} of {} checks fail.", self.checks.len()),
        }
    }

    fn exit_code(&self) -> u8 {
        if self.checks.iter().all(|check| check.ok) { exit::DONE } else { exit::FAILED }
    }
}
