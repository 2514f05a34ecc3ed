//! What a gateway and its functions logged, in one order.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use futures_util::{StreamExt as _, stream};

use super::{Error, stack::Gateway};
use crate::{
    aws::{
        self, Aws, Caller, Class,
        agentcore::ApiDocument,
        lambda,
        logs::{self, LogEvent, LogEvents},
    },
    model::gateway_log::{Request, Requests},
};

/// Most events of one log group that are read at once: the newest.
const MOST_EVENTS: usize = 10_000;
/// How far each look goes back beyond the one before, in milliseconds: events arrive late, and not in order. AWS
/// documents no bound.
const OVERLAP: i64 = 120_000;
/// How long nothing is read of a request that is then told as open, in milliseconds: longer than a function may run (15
/// minutes; Lambda developer guide, "Lambda quotas").
const QUIET: i64 = 960_000;
/// How long after a request's last record its function may write why it failed, in milliseconds.
const AFTERWARDS: i64 = 1000;
/// Log groups that are read at once: an account may make a few such calls a second (CloudWatch Logs quotas).
const AT_ONCE: usize = 4;
/// Most errors of functions that are remembered.
const MOST_ERRORS: usize = 1000;

/// Who writes to a log group.
#[derive(Debug, Clone)]
enum Writer {
    Gateway,
    /// A function, of these targets.
    Function {
        name: String,
        targets: Vec<String>,
    },
}

/// A line of output.
#[derive(Debug)]
pub enum Entry {
    Request(Request),
    /// A line that a function wrote, or one of the gateway's that is no record.
    Line {
        /// Unix milliseconds.
        time: i64,
        function: Option<String>,
        /// The targets whose function it is.
        targets: Vec<String>,
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

/// An error that a function wrote.
#[derive(Debug)]
struct FunctionError {
    time: i64,
    targets: Vec<String>,
    text: String,
}

/// The log groups of a gateway and its functions, read from a moment on.
#[derive(Debug)]
pub struct Reader<'a> {
    aws: &'a Aws,
    /// By the group's name or ARN.
    sources: BTreeMap<String, Writer>,
    target: Option<String>,
    /// Unix milliseconds.
    begin: i64,
    requests: Requests,
    errors: VecDeque<FunctionError>,
    /// Ids of the events that were read, with their times.
    seen: HashSet<String>,
    by_time: VecDeque<(i64, String)>,
    warnings: Vec<String>,
    warned: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    /// Finds the log groups: those of the whole gateway, or of one target.
    ///
    /// # Errors
    /// If AWS does not say where the gateway's records are delivered.
    pub async fn new(
        aws: &'a Aws,
        caller: &Caller,
        gateway: &Gateway,
        target: Option<&str>,
        begin: i64,
    ) -> Result<Self, Error> {
        let mut reader = Self {
            aws,
            sources: BTreeMap::new(),
            target: target.map(str::to_owned),
            begin,
            requests: Requests::default(),
            errors: VecDeque::new(),
            seen: HashSet::new(),
            by_time: VecDeque::new(),
            warnings: Vec::new(),
            warned: BTreeSet::new(),
        };
        let group = if gateway.delivers_logs {
            Some(gateway.delivery_names().log_group)
        } else {
            logs::log_group_of(aws, gateway.document.gateway_arn()).await?
        };
        match group {
            Some(group) => drop(reader.sources.insert(group, Writer::Gateway)),
            None => reader.warn(format!(
                "the gateway's own records go to no log group; `agentcore-gw create {}` has them delivered{}",
                gateway.document.name(),
                if gateway.ours { "" } else { ", with `--adopt`, as it did not make the gateway" }
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
            self.warn(format!("the function of `{target}` is in the account {account}: its lines are there"));
            return;
        }
        let group = match lambda::log_group(self.aws, arn).await {
            Ok(Some(group)) => group,
            Ok(None) => {
                self.warn(format!("the function of `{target}` is gone; what it logged may be there still"));
                lambda::default_log_group(&name)
            }
            // The usual group is read without the permission to look at the function.
            Err(_) => lambda::default_log_group(&name),
        };
        let writer = self.sources.entry(group).or_insert(Writer::Function { name, targets: Vec::new() });
        if let Writer::Function { targets, .. } = writer {
            targets.push(target);
        }
    }

    /// How many log groups each look reads.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    fn warn(&mut self, warning: String) {
        if self.warned.insert(warning.clone()) {
            self.warnings.push(warning);
        }
    }

    /// What could not be read, each told once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Everything until now (Unix milliseconds), in order; of more than 10,000 events in a group, the newest.
    pub async fn read_all(&mut self, now: i64) -> Result<Vec<Entry>, Error> {
        let aws = self.aws;
        let begin = self.begin;
        let look = async |group: String| {
            let found = logs::newest_events(aws, &group, begin, now, MOST_EVENTS).await;
            (group, found)
        };
        let lines = self.read(look, now).await?;
        Ok(self.entries(lines, i64::MAX))
    }

    /// What is new since the last look, in order. `now` is in Unix milliseconds. Requests under way are left for the
    /// next look, for a while.
    pub async fn read_news(&mut self, now: i64) -> Result<Vec<Entry>, Error> {
        let aws = self.aws;
        let begin = self.begin;
        let look = async |group: String| {
            let found = logs::events(aws, &group, (begin, None), MOST_EVENTS).await;
            (group, found)
        };
        let lines = self.read(look, now).await?;
        let entries = self.entries(lines, now.saturating_sub(QUIET));
        self.forget_before(now.saturating_sub(OVERLAP));
        Ok(entries)
    }

    /// The new lines of all groups; records are kept.
    async fn read(
        &mut self,
        look: impl AsyncFn(String) -> (String, Result<Option<LogEvents>, aws::Error>),
        now: i64,
    ) -> Result<Vec<Entry>, Error> {
        // Boxed: the SDK's futures are large.
        let looks: Vec<_> = self.sources.keys().cloned().map(|group| Box::pin(look(group))).collect();
        let found: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
        let mut lines = Vec::new();
        for (group, events) in found {
            let Some(writer) = self.sources.get(&group).cloned() else { continue };
            for event in self.readable(&group, &writer, events)? {
                if event.time >= self.begin && self.is_new(&event) {
                    lines.extend(self.line(&writer, event, now));
                }
            }
        }
        Ok(lines)
    }

    /// The events of a group. A function's that cannot be read are a warning.
    fn readable(
        &mut self,
        group: &str,
        writer: &Writer,
        events: Result<Option<LogEvents>, aws::Error>,
    ) -> Result<VecDeque<LogEvent>, Error> {
        let found = match (events, writer) {
            (Ok(None), Writer::Gateway) => {
                self.warn(format!(
                    "the log group {group}, to which the gateway's records are delivered, is gone; `aws logs \
                     create-log-group --log-group-name {group}` makes it again"
                ));
                LogEvents::default()
            }
            (Ok(found), _) => found.unwrap_or_default(),
            (Err(error), Writer::Function { name, .. }) if error.class == Class::Denied => {
                self.warn(format!("the lines of the function `{name}` cannot be read: {error}"));
                LogEvents::default()
            }
            (Err(error), _) => return Err(error.into()),
        };
        if found.is_cut {
            self.warn(format!(
                "{group} has more: only the last {MOST_EVENTS} events are shown; `--since` begins later"
            ));
        }
        Ok(found.events)
    }

    fn line(&mut self, writer: &Writer, event: LogEvent, now: i64) -> Option<Entry> {
        let message = event.message.trim_end().to_owned();
        match writer {
            Writer::Gateway if self.requests.add(&event.message, now) => None,
            // Of a form that is not known; with a target, it cannot be told whether it is about that.
            Writer::Gateway => self.target.is_none().then_some(Entry::Line {
                time: event.time,
                function: None,
                targets: Vec::new(),
                message,
            }),
            Writer::Function { name, targets } => {
                if let Some(text) = error_in(&message) {
                    let error = FunctionError { time: event.time, targets: targets.clone(), text };
                    self.errors.push_back(error);
                    let surplus = self.errors.len().saturating_sub(MOST_ERRORS);
                    self.errors.drain(..surplus);
                }
                let (function, targets) = (Some(name.clone()), targets.clone());
                Some(Entry::Line { time: event.time, function, targets, message })
            }
        }
    }

    /// Requests and lines, in order.
    fn entries(&mut self, lines: Vec<Entry>, quiet: i64) -> Vec<Entry> {
        let is_wanted = |request: &Request| self.target.is_none() || request.target() == self.target.as_deref();
        let news = self.requests.news(quiet).into_iter().filter(is_wanted);
        let requests = news.map(|request| Entry::Request(explained(request, &self.errors)));
        let mut entries: Vec<Entry> = requests.chain(lines).collect();
        entries.sort_by_key(Entry::time);
        entries
    }

    fn is_new(&mut self, event: &LogEvent) -> bool {
        // AWS gives each event an id.
        let id = if event.id.is_empty() { format!("{} {}", event.time, event.message) } else { event.id.clone() };
        let is_new = self.seen.insert(id.clone());
        if is_new {
            self.by_time.push_back((event.time, id));
        }
        is_new
    }

    /// Later looks begin at this time, so older events need not be remembered.
    fn forget_before(&mut self, time: i64) {
        self.begin = self.begin.max(time);
        let begin = self.begin;
        let (seen, by_time) = (&mut self.seen, &mut self.by_time);
        by_time.retain(|(time, id)| *time >= begin || !seen.remove(id));
        self.errors.retain(|error| error.time >= begin);
        self.requests.forget(begin);
    }
}

/// A failed request, with the error that its function wrote at that time, if the gateway's reason does not say the same.
fn explained(mut request: Request, errors: &VecDeque<FunctionError>) -> Request {
    let (Some(target), true) = (request.target(), request.has_failed) else { return request };
    let times = request.begin..=request.end.saturating_add(AFTERWARDS);
    let is_its = |error: &&FunctionError| times.contains(&error.time) && error.targets.iter().any(|it| it == target);
    let said = errors.iter().find(is_its).map(|error| error.text.clone());
    let is_known = |said: &String| request.reason.as_ref().is_some_and(|reason| reason.contains(said));
    if let Some(said) = said.filter(|said| !is_known(said)) {
        request.reason = Some(match request.reason {
            Some(reason) => format!("{reason}; its function logged about then: {said}"),
            None => format!("its function logged about then: {said}"),
        });
    }
    request
}

/// The error that a line of a function tells, on one line. Python's runtime writes `[ERROR] TYPE: MESSAGE` for an
/// exception and `[ERROR]\tTIME\tREQUEST\tMESSAGE` for its logging module (awslambdaric), Node's `…\tERROR\tMESSAGE`, and
/// Lambda itself `… Task timed out after … seconds` (Lambda developer guide, on the logging of each runtime).
fn error_in(message: &str) -> Option<String> {
    let line = message.split(['\n', '\r']).next()?.trim();
    if let Some(error) = line.strip_prefix("[ERROR]") {
        let logged = error.strip_prefix('\t').and_then(|rest| rest.splitn(3, '\t').nth(2));
        return Some(logged.unwrap_or(error).trim().to_owned());
    }
    if let Some((_, error)) = line.split_once("\tERROR\t") {
        return Some(error.to_owned());
    }
    line.contains("Task timed out after").then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_runtimes_are_found() {
        for (line, error) in [
            ("[ERROR] ValueError: no such city\rTraceback (most recent call last):", Some("ValueError: no such city")),
            ("[ERROR]\t2026-01-01T00:00:00.000Z\tid\tit\tbroke", Some("it\tbroke")),
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
            assert_eq!(error_in(line).as_deref(), error, "{line}");
        }
    }

    #[test]
    fn a_failure_is_explained_by_its_own_function() {
        let error = |time, target: &str, text: &str| FunctionError {
            time,
            targets: vec!["other".to_owned(), target.to_owned()],
            text: text.to_owned(),
        };
        let errors = VecDeque::from([error(1, "t", "early"), error(20, "u", "another's"), error(25, "t", "it broke")]);
        let request = |has_failed, reason: Option<&str>| Request {
            begin: 10,
            end: 30,
            tool: Some("t___x".to_owned()),
            has_failed,
            reason: reason.map(str::to_owned),
            ..Request::default()
        };
        let reason = |has_failed, reason| explained(request(has_failed, reason), &errors).reason;
        assert_eq!(reason(true, None).as_deref(), Some("its function logged about then: it broke"));
        assert_eq!(reason(true, Some("no")).as_deref(), Some("no; its function logged about then: it broke"));
        assert_eq!(reason(true, Some("E: it broke")).as_deref(), Some("E: it broke"));
        assert_eq!(reason(false, None), None);
        let late = Request { end: i64::MAX, ..request(true, None) };
        assert!(explained(late, &errors).reason.is_some());
    }
}
