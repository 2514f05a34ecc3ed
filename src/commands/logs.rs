//! `logs`: what a gateway and its functions logged.

use std::{
    fmt::Write as _,
    io::{self, Write},
    time::Duration,
};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::{Outcome, stack_with_gateway};
use crate::{
    aws::{self, Aws, Class, wait},
    context::Context,
    error::{Error, ErrorKind},
    model::{gateway_log::Request, name::TargetName},
    ops::{
        self,
        logs::{Entry, Reader},
    },
    ui::{
        Format,
        report::{Page, Report, Silent, escape_control},
        style,
    },
};

/// Time between two looks of `--follow`, and the least for each log group: an account may read five pages of events a
/// second (CloudWatch Logs quotas, FilterLogEvents).
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_OF_GROUP: Duration = Duration::from_millis(500);

/// Show what a gateway and its functions logged
///
/// The records that the gateway delivers to CloudWatch Logs and the lines of the functions behind its targets, in one
/// order; as text, without the lines START, END and REPORT of Lambda itself. Records may come late. With `--follow`, a
/// request is shown when it ends, and `--output json` prints one document a line.
#[derive(Debug, Args)]
pub struct Logs {
    /// Name, id or ARN of the gateway
    pub name: String,

    /// Go on with what is logged next, until Ctrl-C, whatever `--timeout` says
    #[arg(short, long)]
    pub follow: bool,

    /// Begin so long ago, such as 90s, 10m, 2h or 3d, or at a time such as 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = since)]
    pub since: Since,

    /// Only the calls of this target's tools, and the lines of its function
    #[arg(long, value_name = "TARGET")]
    pub target: Option<TargetName>,

    /// Show the bodies of requests and answers, too: they hold what users sent
    #[arg(long)]
    pub bodies: bool,
}

/// A begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    Ago(Duration),
    /// Unix milliseconds.
    At(i64),
}

fn since(text: &str) -> Result<Since, String> {
    let ago = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        };
        number.parse::<u32>().ok().map(|number| Since::Ago(Duration::from_secs(u64::from(number) * seconds)))
    };
    let at = || text.parse::<Timestamp>().ok().map(|time| Since::At(time.as_millisecond()));
    ago()
        .or_else(at)
        .ok_or_else(|| "expected a time such as 10m, 2h, 3d or, with its zone, 2026-01-31T08:00:00Z".to_owned())
}

impl Since {
    /// Unix milliseconds, at least 0.
    fn begin(self, now: i64) -> i64 {
        match self {
            Self::Ago(time) => now.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)).max(0),
            Self::At(time) => time.max(0),
        }
    }
}

impl Logs {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let aws = ctx.aws().await?;
        let stack = stack_with_gateway(ctx, &aws, &self.name).await?;
        let gateway = stack.gateway.as_ref().ok_or_else(|| ops::Error::NotFound(self.name.clone()))?;
        let target = self.target.as_ref().map(TargetName::as_str);
        if let Some(target) = target.filter(|target| gateway.target(target).is_none()) {
            let message = format!("the gateway `{}` has no target `{target}`", gateway.document.name());
            return Err(Error::new(ErrorKind::NotFound, message)
                .with_hint(format!("`agentcore-gw target list --gateway {}` lists them", gateway.document.name())));
        }
        let begin = self.since.begin(aws.unix_millis());
        let mut reader = Reader::new(&aws, &stack.caller, gateway, target, begin).await?;
        if self.follow {
            return self.follow(ctx, &aws, reader).await;
        }
        let entries = tokio::select! {
            entries = reader.read_all(aws.unix_millis()) => entries?,
            cause = ctx.stop.requested() => return Err(ops::Error::of_stop(cause).into()),
        };
        let warnings = reader.take_warnings();
        let warnings: Vec<String> = warnings.iter().map(|warning| ctx.invocation.in_commands(warning)).collect();
        for warning in &warnings {
            ctx.ui.warn(warning);
        }
        let is_shown = |entry: &Entry| !matches!(entry, Entry::Line { message, .. } if is_of_platform(message));
        if !entries.iter().any(is_shown) {
            ctx.ui.note("nothing was logged in this time; `--since 1d` looks further back");
        }
        let items = entries.iter().map(|entry| Item::new(entry, self.bodies)).collect();
        Ok(Box::new(Logged { items, warnings }))
    }

    async fn follow(&self, ctx: &Context, aws: &Aws, mut reader: Reader<'_>) -> Outcome {
        loop {
            let entries = tokio::select! {
                entries = reader.read_news(aws.unix_millis()) => entries,
                _ = ctx.stop.requested() => return Ok(Box::new(Silent)),
            };
            let entries = match entries {
                // The next look may be luckier.
                Err(ops::Error::Aws(error)) if is_passing(&error) => {
                    ctx.ui.note(&format!("looking again: {error}"));
                    Vec::new()
                }
                entries => entries?,
            };
            for warning in reader.take_warnings() {
                ctx.ui.warn(&ctx.invocation.in_commands(&warning));
            }
            let mut text = Vec::new();
            let mut page = Page::within(&mut text);
            for item in entries.iter().map(|entry| Item::new(entry, self.bodies)) {
                match ctx.ui.format() {
                    Format::Json => writeln!(page, "{}", serde_json::to_string(&item).unwrap_or_default()),
                    Format::Text | Format::Env => item.human(&mut page),
                }
                .map_err(|error| unwritten(&error))?;
            }
            match ctx.ui.write_out(&text) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Box::new(Silent)),
                written => written.map_err(|error| unwritten(&error))?,
            }
            let pause = PAUSE.max(PAUSE_OF_GROUP * u32::try_from(reader.sources()).unwrap_or(u32::MAX));
            if wait::until_moment(Instant::now() + pause, &ctx.stop).await.is_err() {
                return Ok(Box::new(Silent));
            }
        }
    }
}

/// Whether an error is of the network, or of too many calls.
fn is_passing(error: &aws::Error) -> bool {
    matches!(error.class, Class::Throttled | Class::Unreachable | Class::TimedOut)
}

fn unwritten(error: &io::Error) -> Error {
    Error::new(ErrorKind::Failed, format!("the result cannot be written: {error}"))
}

/// The report of `logs`.
#[derive(Debug, Serialize)]
struct Logged {
    items: Vec<Item>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl Report for Logged {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        self.items.iter().try_for_each(|item| item.human(w))
    }
}

/// A request, or a line of a function.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Item {
    Request {
        /// When it began, in UTC.
        time: String,
        status: Status,
        method: Option<String>,
        /// `{target}___{tool}`
        tool: Option<String>,
        /// Between its first record and its last one.
        duration_ms: i64,
        /// Why it failed.
        reason: Option<String>,
        request_id: String,
        /// The JSON-RPC id.
        message_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_body: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        response_body: Option<String>,
    },
    Line {
        time: String,
        /// The targets whose function it is, with commas between them; null for the gateway's own.
        target: Option<String>,
        function: Option<String>,
        message: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Failed,
    /// No last record yet.
    Open,
}

impl Status {
    fn of(request: &Request) -> Self {
        match (request.has_failed, request.is_done) {
            (true, _) => Self::Failed,
            (false, true) => Self::Ok,
            (false, false) => Self::Open,
        }
    }

    /// Its name in six columns, with its colour.
    fn column(self) -> String {
        let (name, style) = match self {
            Self::Ok => ("ok", style::HINT),
            Self::Failed => ("failed", style::ERROR),
            Self::Open => ("open", style::WARN),
        };
        format!("{}{name:<6}{}", style.render(), style.render_reset())
    }
}

impl Item {
    fn new(entry: &Entry, with_bodies: bool) -> Self {
        let time = Timestamp::from_millisecond(entry.time()).unwrap_or_default();
        let time = time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        match entry {
            Entry::Request(request) => Self::Request {
                time,
                status: Status::of(request),
                method: request.method.clone(),
                tool: request.tool.clone(),
                duration_ms: request.end.saturating_sub(request.begin),
                reason: request.reason.clone(),
                request_id: request.request_id.clone(),
                message_id: request.message_id.clone(),
                request_body: request.request_body.clone().filter(|_| with_bodies),
                response_body: request.response_body.clone().filter(|_| with_bodies),
            },
            Entry::Line { targets, function, message, .. } => Self::Line {
                time,
                target: function.as_ref().map(|_| targets.join(", ")),
                function: function.clone(),
                message: message.clone(),
            },
        }
    }

    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let (dim, reset) = (style::DIM.render(), style::DIM.render_reset());
        match self {
            Self::Request { time, status, method, tool, duration_ms, reason, request_body, response_body, .. } => {
                let what = tool.as_deref().or(method.as_deref()).unwrap_or("request");
                let mut line =
                    format!("{dim}{time}{reset}  {}  {}  {duration_ms} ms", status.column(), escape_control(what));
                if let Some(reason) = reason {
                    // Writing to a string does not fail.
                    let _ = write!(line, "  {}", escape_control(reason));
                }
                writeln!(w, "{line}")?;
                for (name, body) in [("request", request_body), ("answer", response_body)] {
                    if let Some(body) = body {
                        writeln!(w, "    {dim}{name}{reset}  {}", escape_control(body))?;
                    }
                }
                Ok(())
            }
            Self::Line { message, .. } if is_of_platform(message) => Ok(()),
            Self::Line { time, target, message, .. } => {
                let writer = target.as_deref().unwrap_or("gateway");
                // Lambda writes the line breaks of a traceback as carriage returns.
                let lines = message.split(['\n', '\r']).filter(|line| !line.trim().is_empty());
                for line in lines {
                    writeln!(w, "{dim}{time}  {:<6}  {writer}{reset}  {}", "|", escape_control(line))?;
                }
                Ok(())
            }
        }
    }
}

/// Whether Lambda itself wrote the line, about each invocation (Lambda developer guide, "Understanding the Lambda
/// execution environment lifecycle" and "Working with Lambda function logs").
fn is_of_platform(message: &str) -> bool {
    ["START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START "]
        .iter()
        .any(|begin| message.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let seconds = |seconds| Ok(Since::Ago(Duration::from_secs(seconds)));
        for (text, time) in [("90s", 90), ("10m", 600), ("2h", 7200), ("3d", 259_200), ("1w", 604_800), ("0s", 0)] {
            assert_eq!(since(text), seconds(time), "{text}");
        }
        assert_eq!(since("1970-01-01T00:00:01Z"), Ok(Since::At(1000)));
        for bad in ["", "m", "10", "-5m", "1.5h", "10M", "é", "5é", "yesterday", "99999999999d"] {
            assert!(since(bad).is_err(), "{bad}");
        }
        assert_eq!(since("4000000000w").unwrap().begin(5), 0);
    }
}
