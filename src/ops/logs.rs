//! What a gateway and its functions logged, in one order.

use std::collections::{HashSet, VecDeque};

use futures_util::{StreamExt as _, stream};

use super::{Error, stack::Gateway};
use crate::{
    aws::{self, Aws, Caller, Class, agentcore::ApiDocument, lambda, logs},
    model::gateway_log::{Request, Requests},
};

/// Most events of one log group that are read at once: the newest.
const MOST_EVENTS: usize = 10_000;
/// How far each look goes back beyond the one before: events arrive late, and not in order. AWS documents no bound.
const OVERLAP: i64 = 120_000;
/// How long a request without a last record is taken to be under way, in milliseconds.
const OPEN: i64 = 10_000;
/// How long after a request's last record its function may write why it failed.
const AFTERWARDS: i64 = 1000;
/// Log groups that are read at once: `FilterLogEvents` has a quota of a few calls a second.
const AT_ONCE: usize = 4;

/// A log group, and who writes to it.
#[derive(Debug)]
struct Source {
    group: String,
    writer: Writer,
}

#[derive(Debug, Clone)]
enum Writer {
    Gateway,
    Function { name: String, target: String },
}

/// A line of output.
#[derive(Debug)]
pub enum Entry {
    Request(Request),
    /// A line that a target's function wrote.
    Line {
        /// Unix milliseconds.
        time: i64,
        function: String,
        target: String,
        message: String,
    },
}

impl Entry {
    /// When it began, in Unix milliseconds.
    pub fn time(&self) -> i64 {
        match self {
            Self::Request(request) => request.begin,
            Self::Line { time, .. } => *time,
        }
    }
}

/// The log groups of a gateway and its functions, read from a moment on.
#[derive(Debug)]
pub struct Reader<'a> {
    aws: &'a Aws,
    sources: Vec<Source>,
    target: Option<String>,
    /// Unix milliseconds.
    begin: i64,
    requests: Requests,
    /// Ids of the events that were read, with their times.
    seen: HashSet<String>,
    by_time: VecDeque<(i64, String)>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Finds the log groups: those of the whole gateway, or of one target.
    ///
    /// # Errors
    /// If nothing is logged anywhere, or AWS does not say where.
    pub async fn new(
        aws: &'a Aws,
        caller: &Caller,
        gateway: &Gateway,
        target: Option<&str>,
        begin: i64,
    ) -> Result<Self, Error> {
        let mut reader = Self {
            aws,
            sources: Vec::new(),
            target: target.map(str::to_owned),
            begin,
            requests: Requests::default(),
            seen: HashSet::new(),
            by_time: VecDeque::new(),
            warnings: Vec::new(),
        };
        let group = if gateway.delivers_logs {
            Some(gateway.delivery_names().log_group)
        } else {
            logs::log_group_of(aws, gateway.document.gateway_arn()).await?
        };
        match group {
            Some(group) => reader.sources.push(Source { group, writer: Writer::Gateway }),
            None => reader.warnings.push(format!(
                "the gateway's own records go to no log group; `agentcore-gw create {}` has them delivered",
                gateway.document.name()
            )),
        }
        let targets = gateway.targets.iter().filter(|document| target.is_none_or(|target| document.name() == target));
        for document in targets {
            reader.add_function(caller, document).await;
        }
        Ok(reader)
    }

    /// Adds the log group of a target's function, if it has one.
    async fn add_function(&mut self, caller: &Caller, target: &ApiDocument) {
        let Some(arn) = target.lambda_arn() else { return };
        let parts: Vec<&str> = arn.split(':').collect();
        let [_, _, _, _, account, _, name, ..] = parts[..] else { return };
        let (target, name) = (target.name().to_owned(), name.to_owned());
        if account != caller.account {
            self.warnings.push(format!("the function of `{target}` is in the account {account}: its lines are there"));
            return;
        }
        let group = match lambda::log_group(self.aws, arn).await {
            Ok(Some(group)) => group,
            Ok(None) => {
                self.warnings.push(format!("the function of `{target}` is gone; what it logged may be there still"));
                lambda::default_log_group(&name)
            }
            // The usual group is read without the permission to look at the function.
            Err(_) => lambda::default_log_group(&name),
        };
        self.sources.push(Source { group, writer: Writer::Function { name, target } });
    }

    /// What could not be read so far.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// What is new since the last look, in order. `now` is in Unix milliseconds. Requests under way are left for the
    /// next look, or, in the last one, told as they are.
    pub async fn read(&mut self, now: i64, is_last: bool) -> Result<Vec<Entry>, Error> {
        let (aws, begin) = (self.aws, self.begin);
        let looks = self.sources.iter().map(async |source| {
            let events = logs::events(aws, &source.group, begin, MOST_EVENTS).await;
            (source.group.clone(), source.writer.clone(), events)
        });
        // Boxed: the SDK's futures are large.
        let looks: Vec<_> = looks.map(Box::pin).collect();
        let found: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
        let mut entries = Vec::new();
        for (group, writer, events) in found {
            let events = self.of(&group, &writer, events)?;
            for event in events {
                if event.time >= begin && self.is_new(&event) {
                    entries.extend(self.entry(&writer, event));
                }
            }
        }
        let done = self.requests.take_done(if is_last { i64::MAX } else { now - OPEN });
        let is_wanted = |request: &Request| self.target.is_none() || request.target() == self.target.as_deref();
        let explained = done.into_iter().filter(is_wanted).map(|request| explained(request, &entries));
        let mut entries: Vec<Entry> =
            explained.map(Entry::Request).collect::<Vec<_>>().into_iter().chain(entries).collect();
        entries.sort_by_key(Entry::time);
        self.forget_before(now - OVERLAP);
        Ok(entries)
    }

    /// The events of a source. A function's that cannot be read are a warning.
    fn of(
        &mut self,
        group: &str,
        writer: &Writer,
        events: Result<Option<logs::LogEvents>, aws::Error>,
    ) -> Result<VecDeque<logs::LogEvent>, Error> {
        let found = match (events, writer) {
            (Ok(found), _) => found.unwrap_or_default(),
            (Err(error), Writer::Function { target, .. }) if error.class == Class::Denied => {
                let warning = format!("the lines of the function of `{target}` cannot be read: {error}");
                if !self.warnings.contains(&warning) {
                    self.warnings.push(warning);
                }
                logs::LogEvents::default()
            }
            (Err(error), _) => return Err(error.into()),
        };
        if found.is_cut {
            let warning =
                format!("{group} has more: only the last {MOST_EVENTS} events are read; `--since` narrows it");
            self.warnings.push(warning);
        }
        Ok(found.events)
    }

    fn entry(&mut self, writer: &Writer, event: logs::LogEvent) -> Option<Entry> {
        match writer {
            Writer::Gateway => {
                self.requests.add(&event.message);
                None
            }
            Writer::Function { name, target } => Some(Entry::Line {
                time: event.time,
                function: name.clone(),
                target: target.clone(),
                message: event.message.trim_end().to_owned(),
            }),
        }
    }

    fn is_new(&mut self, event: &logs::LogEvent) -> bool {
        let is_new = self.seen.insert(event.id.clone());
        if is_new {
            self.by_time.push_back((event.time, event.id.clone()));
        }
        is_new
    }

    /// Later looks begin at this time, so older events need not be remembered.
    fn forget_before(&mut self, time: i64) {
        self.begin = self.begin.max(time);
        let begin = self.begin;
        let (seen, by_time) = (&mut self.seen, &mut self.by_time);
        by_time.retain(|(time, id)| *time >= begin || !seen.remove(id));
    }
}

/// A failed request, with what its function said about it, if the gateway's reason does not say the same.
fn explained(mut request: Request, entries: &[Entry]) -> Request {
    if !request.has_failed {
        return request;
    }
    let said = entries.iter().find_map(|entry| match entry {
        Entry::Line { time, target, message, .. }
            if Some(target.as_str()) == request.target()
                && (request.begin..=request.end + AFTERWARDS).contains(time) =>
        {
            error_in(message)
        }
        _ => None,
    });
    let is_known = |said: &&str| request.reason.as_ref().is_some_and(|reason| reason.contains(said));
    if let Some(said) = said.filter(|said| !is_known(said)) {
        request.reason = Some(match request.reason {
            Some(reason) => format!("{reason}; its function logged: {said}"),
            None => format!("its function logged: {said}"),
        });
    }
    request
}

/// The error that a line of a function tells, on one line: Python's runtime writes `[ERROR] …`, Node's
/// `…\tERROR\tInvoke Error\t{…}`, and Lambda itself `… Task timed out after … seconds` (Lambda developer guide, on the
/// logging of each runtime).
fn error_in(message: &str) -> Option<&str> {
    let line = message.lines().next()?.trim();
    if let Some(error) = line.strip_prefix("[ERROR] ") {
        // With a timestamp and the request's id, if it was written by the logging module.
        return Some(error.rsplit('\t').next().unwrap_or(error));
    }
    if let Some((_, error)) = line.split_once("\tERROR\t") {
        return Some(error);
    }
    line.contains("Task timed out after").then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_runtimes_are_found() {
        for (line, error) in [
            ("[ERROR] ValueError: no such city\nTraceback (most recent call last):", Some("ValueError: no such city")),
            ("[ERROR]\t2026-01-01T00:00:00Z\tid\tit broke", None),
            ("[ERROR] 2026-01-01T00:00:00Z\tid\tit broke", Some("it broke")),
            (
                "2026-01-01T00:00:00Z\tid\tERROR\tInvoke Error \t{\"errorType\":\"E\"}",
                Some("Invoke Error \t{\"errorType\":\"E\"}"),
            ),
            (
                "2026-01-01T00:00:00Z id Task timed out after 3.00 seconds",
                Some("2026-01-01T00:00:00Z id Task timed out after 3.00 seconds"),
            ),
            ("all is well", None),
            ("", None),
        ] {
            assert_eq!(error_in(line), error, "{line}");
        }
    }
}
