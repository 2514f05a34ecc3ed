//! `doctor`: what keeps a gateway from working, and what mends it.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::{Outcome, plan::changes, sign_in::token_source, tools::arguments};
use crate::{
    aws::{
        self, Aws,
        wait::{self, Deadline, Poll},
    },
    context::{Context, Watch},
    error::{Error, ErrorKind, exit},
    model::shell::shell_word,
    ops::{
        self, Resource,
        bridge::Tokens,
        converge,
        doctor::{self, Call, Check, Findings, Mend},
        event::{Change, Event, Observer},
        find, repair,
        run::Run,
        stack::Stack,
    },
    ui::{
        report::{Page, Report, escape_control, padded},
        style,
    },
};

/// How long a request to the gateway may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long what was mended may take to show.
const SETTLES: Duration = Duration::from_mins(1);

/// Check a gateway link by link, and say what mends what is broken
///
/// From your credentials to a call of a tool. Without a name it checks your credentials and the service. Exits with 1 if a check fails.
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
        if self.fix && !ctx.settings.yes && !ctx.ui.can_ask() {
            return Err(Error::new(
                ErrorKind::Usage,
                "`--fix` needs a confirmation, and there is no terminal to ask on",
            )
            .with_hint("add `--yes` to confirm"));
        }
        let aws = match ctx.aws().await {
            Ok(aws) => aws,
            Err(error) if error.kind == ErrorKind::NoCredentials => {
                return Ok(Box::new(Examined::new(ctx, no_credentials(error), Vec::new())));
            }
            Err(error) => return Err(error),
        };
        let Some(name) = self.name.as_deref() else {
            return Ok(Box::new(Examined::new(ctx, doctor::reach(&aws).await, Vec::new())));
        };
        let discovered = find::stack(&aws, name).await;
        // A stack that was discovered shows that AWS can be reached.
        let reached = match discovered.as_ref().ok().and_then(|stack| doctor::reached(&aws, stack)) {
            Some(reached) => reached,
            None => doctor::reach(&aws).await,
        };
        if !reached.is_ok() {
            return Ok(Box::new(Examined::new(ctx, reached, Vec::new())));
        }
        let examination = Examination { ctx, aws: &aws, name, call };
        let (found, stack) = examination.examine(discovered).await;
        let (found, mended) = match stack.filter(|_| self.fix) {
            Some(stack) => examination.mend(stack, found).await?,
            None => (found, Vec::new()),
        };
        Ok(Box::new(Examined::new(ctx, reached.and(found), mended)))
    }
}

/// The only finding: there are no credentials.
fn no_credentials(error: Error) -> Findings {
    let fix = error.hint.unwrap_or_else(|| "get credentials, for example by `aws sso login`".to_owned());
    let check = Check { name: "caller".to_owned(), is_ok: false, detail: error.message, fix: Some(fix), mend: None };
    Findings { checks: vec![check], warnings: Vec::new() }
}

/// A gateway that is examined, and how.
struct Examination<'a> {
    ctx: &'a Context,
    aws: &'a Aws,
    name: &'a str,
    call: Option<Call<'a>>,
}

impl Examination<'_> {
    /// What the gateway's links are like, and its stack, if it can be discovered.
    async fn examine(&self, discovered: Result<Stack, ops::Error>) -> (Findings, Option<Stack>) {
        let (ctx, aws) = (self.ctx, self.aws);
        let stack = match discovered {
            Ok(stack) => stack,
            Err(ops::Error::Aws(error)) => return (Findings::of(doctor::unreachable("gateway", aws, error)), None),
            Err(error) => {
                let check = doctor::undiscovered(self.name, &error);
                return (Findings::of(check), None);
            }
        };
        let tokens = token_source(ctx, aws, &stack).await;
        let tokens = tokens.map(Tokens::new).map_err(|error| match error.hint {
            Some(hint) => format!("{}; {hint}", error.message),
            None => error.message,
        });
        // The command's own time is longer, so that the report is printed.
        let timeout = REQUEST_TIMEOUT.min(ctx.settings.timeout / 2);
        let findings = doctor::examine(aws, &stack, tokens, self.call, timeout).await;
        (findings, Some(stack))
    }

    /// Shows what would be added, asks, and adds it. Returns the findings after that, and what was added.
    ///
    /// # Errors
    /// If the command was stopped; any other error is a warning beside the findings.
    async fn mend(&self, stack: Stack, found: Findings) -> Result<(Findings, Vec<String>), Error> {
        let mends = found.mends();
        if mends.is_empty() {
            self.ctx.ui.note("there is nothing that `--fix` can add");
            return Ok((found, Vec::new()));
        }
        let not_done = |error: &Error| format!("`--fix` has not done all: {}", error.message);
        let (spec, plan) = match repair::plan(self.aws, &stack, &mends) {
            Ok(planned) => planned,
            Err(error) => return Ok((found.with_warning(&not_done(&error.into())), Vec::new())),
        };
        let changes = changes(&plan);
        if changes.is_empty() {
            return Ok((found.with_warning("there is nothing that `--fix` can add"), Vec::new()));
        }
        let is_stop = |error: &Error| matches!(error.kind, ErrorKind::Interrupted | ErrorKind::TimedOut);
        match self.confirm(&stack, &found, &mends, &changes).await {
            Ok(true) => {}
            Ok(false) => return Ok((found.with_warning("nothing was changed"), Vec::new())),
            Err(error) if is_stop(&error) => return Err(error),
            Err(error) => return Ok((found.with_warning(&not_done(&error)), Vec::new())),
        }
        let observer = Recorder { shown: self.ctx.watch(), done: Mutex::default() };
        let run = Run { aws: self.aws, observer: &observer, stop: &self.ctx.stop };
        let done = match converge::carry_out(run, &spec, &stack, &plan).await.map_err(Error::from) {
            Err(error) if is_stop(&error) => return Err(self.ctx.ended(error, None)),
            done => done,
        };
        let names: Vec<&str> =
            found.checks.iter().filter(|check| check.mend.is_some()).map(|check| check.name.as_str()).collect();
        let mut again = self.examine_until_settled(&names).await;
        if let Some(cause) = self.ctx.stop.cause() {
            return Err(self.ctx.ended(ops::Error::of_stop(cause), None));
        }
        match done {
            Ok(made) => again.warnings.extend(made.warnings()),
            Err(error) => again = again.with_warning(&not_done(&error)),
        }
        let finished = observer.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mended = changes.into_iter().filter(|(resource, _)| finished.contains(resource));
        Ok((again, mended.map(|(_, line)| line).collect()))
    }

    /// Asks for confirmation, unless it was given.
    ///
    /// # Errors
    /// If there was no answer, or the stack has changed while the user thought about it.
    async fn confirm(
        &self,
        stack: &Stack,
        found: &Findings,
        mends: &BTreeSet<Mend>,
        changes: &[(Resource, String)],
    ) -> Result<bool, Error> {
        if self.ctx.settings.yes {
            return Ok(true);
        }
        let failed = found.checks.iter().filter(|check| !check.is_ok);
        let failed: Vec<String> =
            failed.map(|check| format!("{}: {}", check.name, escape_control(&check.detail))).collect();
        let role = if mends.contains(&Mend::Role) { "\n  (the role gets no permissions boundary)" } else { "" };
        let question = format!(
            "What fails:\n  {}\nTo mend {}:\n  {}{role}\nGo on?",
            failed.join("\n  "),
            stack.names.gateway,
            changes.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n  ")
        );
        if !self.ctx.confirm(&question).await? {
            return Ok(false);
        }
        let now = find::stack(self.aws, self.name).await?;
        let (_, plan) = repair::plan(self.aws, &now, mends)?;
        if super::plan::changes(&plan) == changes {
            return Ok(true);
        }
        Err(Error::new(ErrorKind::Conflict, "the gateway was changed meanwhile").with_hint("run it again"))
    }

    /// The findings once these checks hold, or after a while: IAM spreads a change in half a minute or so, and may answer
    /// either way until then (measured by one project).
    async fn examine_until_settled(&self, names: &[&str]) -> Findings {
        let last = Mutex::new(Findings::default());
        let deadline = Deadline::after(SETTLES, &self.ctx.stop);
        let look = async || {
            let (found, _) = self.examine(find::stack(self.aws, self.name).await).await;
            let fails = |check: &Check| !check.is_ok && names.contains(&check.name.as_str());
            let is_settled = !found.checks.iter().any(fails);
            *last.lock().unwrap_or_else(PoisonError::into_inner) = found;
            Ok::<_, aws::Error>(if is_settled {
                Poll::Ready(())
            } else {
                Poll::Pending("it is not mended yet".to_owned())
            })
        };
        // If they do not hold by then, the findings say so.
        drop(wait::until(&deadline, |reason| self.ctx.ui.note(reason), look).await);
        last.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the progress, and records what was changed.
struct Recorder<'a> {
    shown: Watch<'a>,
    done: Mutex<Vec<Resource>>,
}

impl Observer for Recorder<'_> {
    fn on_event(&self, event: Event) {
        if let Event::Finished(resource, Change::Created | Change::Updated, _) = &event {
            self.done.lock().unwrap_or_else(PoisonError::into_inner).push(resource.clone());
        }
        self.shown.on_event(event);
    }
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
            fix: check.fix.map(|fix| of_endpoint(ctx, &ctx.invocation.in_commands(&fix))),
        };
        let warnings: Vec<String> =
            findings.warnings.iter().map(|warning| ctx.invocation.in_commands(warning)).collect();
        for warning in &warnings {
            ctx.ui.warn(&escape_control(warning));
        }
        Self { checks: findings.checks.into_iter().map(shown).collect(), mended, warnings }
    }
}

/// A text whose commands of AWS's own CLI are for the endpoint of this run.
fn of_endpoint(ctx: &Context, text: &str) -> String {
    const AWS: &str = "`aws ";
    match &ctx.settings.endpoint_url {
        _ if !text.contains(AWS) => text.to_owned(),
        _ if ctx.settings.local => format!("{text}, with the variables that `agentcore-gw local env` prints"),
        Some(url) => text.replace(AWS, &format!("{AWS}--endpoint-url {} ", shell_word(url))),
        None => text.to_owned(),
    }
}

impl Report for Examined {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        for change in &self.mended {
            writeln!(w, "Done: {}", escape_control(change))?;
        }
        if !self.mended.is_empty() {
            writeln!(w)?;
        }
        let width = self.checks.iter().map(|check| check.name.width()).max().unwrap_or(0).min(40);
        for check in &self.checks {
            let (mark, style) = if check.ok { ("ok    ", style::HINT) } else { ("failed", style::ERROR) };
            let (on, off) = (style.render(), style.render_reset());
            let (name, detail) = (escape_control(&check.name), escape_control(&check.detail));
            write!(w, "{on}{mark}{off}")?;
            w.hanging(mark.len(), &format!("  {}  ", padded(&name, width)), &detail)?;
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
