//! The records that a gateway delivers to its log group, read back: one request from several records.
//!
//! The developer guide ("AgentCore provided gateway metrics and logs") gives the members and the sentences of a good
//! request. Of a failed one only this is known, from two projects that read such logs: `body.isError`, a record that names the tool and its
//! target, and one with the reason.

use std::collections::VecDeque;

use serde_json::Value;

use super::tool;

const RECEIVED: (&str, &str) = ("Received request for ", " method");
const EXECUTING: (&str, &str) = ("Executing tool ", " from target ");
const FAILED: (&str, &str) = ("An error occurred while executing tool: ", " from target ");
const DONE: &str = "Successfully processed request";
/// Where the result begins in the body of an answer, as Java prints maps, and how one begins that is an error.
const RESULT: &str = ", result={";
const IS_ERROR: &str = "isError=true";
/// Most requests that are known at once; beyond that, the oldest are told and forgotten.
const MOST_KNOWN: usize = 20_000;

/// A message that a gateway handled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The gateway's own id, `x-amzn-requestid` in its answer. The messages of a batch have the same one.
    pub request_id: String,
    /// The JSON-RPC id, as text.
    pub message_id: String,
    /// Unix milliseconds of the first and the last record.
    pub begin: i64,
    pub end: i64,
    /// `tools/call` and so on.
    pub method: Option<String>,
    /// `{target}___{tool}`
    pub tool: Option<String>,
    pub has_failed: bool,
    /// Whether its last record has been seen.
    pub is_done: bool,
    /// Why it failed, if a record says so.
    pub reason: Option<String>,
    /// The message and the answer in the form of the records.
    pub request_body: Option<String>,
    pub response_body: Option<String>,
}

impl Request {
    /// The name of the target whose tool was called.
    pub fn target(&self) -> Option<&str> {
        self.tool.as_deref()?.split_once(tool::SEPARATOR).map(|(target, _)| target)
    }

    fn add(&mut self, time: i64, body: &Value) {
        let text = |member: &str| body[member].as_str();
        self.begin = self.begin.min(time);
        self.end = self.end.max(time);
        let log = text("log").unwrap_or_default();
        if let Some(method) = between(log, RECEIVED) {
            self.method = Some(method.to_owned());
        }
        let tool = between(log, EXECUTING).or_else(|| between(log, FAILED));
        self.tool = tool.map(str::to_owned).or(self.tool.take());
        for (kept, member) in [(&mut self.request_body, "requestBody"), (&mut self.response_body, "responseBody")] {
            *kept = text(member).map(str::to_owned).or(kept.take());
        }
        if body["isError"] == true {
            self.has_failed = true;
            if between(log, FAILED).is_none() && !log.is_empty() {
                self.reason = Some(log.to_owned());
            }
        }
        let result = text("responseBody").and_then(|body| body.split_once(RESULT));
        self.has_failed |= result.is_some_and(|(_, result)| result.starts_with(IS_ERROR));
        self.is_done |= log.starts_with(DONE) || text("responseBody").is_some();
    }
}

/// What is between these two texts, of which the first begins the line.
fn between<'a>(line: &'a str, (before, after): (&str, &str)) -> Option<&'a str> {
    line.strip_prefix(before)?.rsplit_once(after).map(|(found, _)| found)
}

/// Puts requests together, in the order of their first records. Each is told when it is done; before that, once, if its
/// last record is long in coming.
#[derive(Debug, Default)]
pub struct Requests(VecDeque<Known>);

/// A request, and what is known about its being told.
#[derive(Debug)]
struct Known {
    request: Request,
    /// When its newest record was read, in Unix milliseconds.
    read: i64,
    is_told_open: bool,
    is_told_done: bool,
}

impl Requests {
    /// Adds a record that was read at `now` (Unix milliseconds); false if the line is none.
    pub fn add(&mut self, line: &str, now: i64) -> bool {
        let Ok(record) = serde_json::from_str::<Value>(line) else { return false };
        let (Some(request_id), Some(time), body @ Value::Object(_)) =
            (record["request_id"].as_str(), record["event_timestamp"].as_i64(), &record["body"])
        else {
            return false;
        };
        let message_id = body["id"].as_str().unwrap_or_default();
        let is_it = |request: &Request| request.request_id == request_id && request.message_id == message_id;
        match self.0.iter_mut().rev().find(|known| is_it(&known.request)) {
            Some(known) => {
                known.request.add(time, body);
                known.read = now;
            }
            None => {
                let (request_id, message_id) = (request_id.to_owned(), message_id.to_owned());
                let mut request = Request { request_id, message_id, begin: time, end: time, ..Request::default() };
                request.add(time, body);
                self.0.push_back(Known { request, read: now, is_told_open: false, is_told_done: false });
            }
        }
        true
    }

    /// The requests that are done since the last time, and those of which nothing was read since `quiet` (Unix
    /// milliseconds).
    pub fn news(&mut self, quiet: i64) -> Vec<Request> {
        let surplus = self.0.len().saturating_sub(MOST_KNOWN);
        let mut news = Vec::new();
        for (place, known) in self.0.iter_mut().enumerate() {
            let is_open_news = !known.is_told_open && (known.read <= quiet || place < surplus);
            if !known.is_told_done && (known.request.is_done || is_open_news) {
                news.push(known.request.clone());
            }
            known.is_told_done |= known.request.is_done;
            known.is_told_open |= is_open_news;
        }
        self.0.drain(..surplus);
        news
    }

    /// Forgets what was told, and of which nothing was read since this time (Unix milliseconds).
    pub fn forget(&mut self, before: i64) {
        self.0.retain(|known| known.read >= before || !(known.is_told_done || known.is_told_open));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn requests(records: &[Value]) -> Vec<Request> {
        let mut requests = Requests::default();
        for (time, body) in records.iter().enumerate() {
            let record = json!({ "request_id": "r", "event_timestamp": time * 10, "body": body });
            assert!(requests.add(&record.to_string(), 0));
        }
        requests.news(i64::MAX)
    }

    #[test]
    fn a_good_request_is_told_from_its_sentences() {
        let body = "{jsonrpc=2.0, id=1, result={isError=false, content=[{type=text, text=\"good\"}]}}";
        let found = requests(&[
            json!({ "isError": false, "log": "Started processing request with requestId: 1", "requestBody": "{id=1}", "id": "1" }),
            json!({ "isError": false, "log": "Received request for tools/call method", "id": "1" }),
            json!({ "isError": false, "log": "Executing tool Lambda___check from target ME2UI4BINR", "id": "1" }),
            json!({ "isError": false, "log": "Successfully processed request with requestId: 1", "responseBody": body, "id": "1" }),
        ]);
        let expected = Request {
            request_id: "r".to_owned(),
            message_id: "1".to_owned(),
            begin: 0,
            end: 30,
            method: Some("tools/call".to_owned()),
            tool: Some("Lambda___check".to_owned()),
            has_failed: false,
            is_done: true,
            reason: None,
            request_body: Some("{id=1}".to_owned()),
            response_body: Some(body.to_owned()),
        };
        assert_eq!(found, [expected]);
        assert_eq!(found[0].target(), Some("Lambda"));
    }

    #[test]
    fn the_reason_of_a_failure_is_the_record_beside_the_one_with_the_tool() {
        let named = json!({ "isError": true, "log": "An error occurred while executing tool: t___x from target ABC", "id": "1" });
        let reason = json!({ "isError": true, "log": "it broke", "id": "1" });
        for records in [[named.clone(), reason.clone()], [reason, named.clone()]] {
            let found = requests(&records).remove(0);
            assert_eq!((found.has_failed, found.is_done), (true, false));
            assert_eq!((found.reason.as_deref(), found.target()), (Some("it broke"), Some("t")));
        }
        let found = requests(&[named]).remove(0);
        assert_eq!((found.has_failed, found.reason), (true, None));
        for (result, has_failed) in [
            ("{isError=true, content=[]}", true),
            ("{isError=false, content=[{type=text, text=, result={isError=true}]}", false),
        ] {
            let body = format!("{{jsonrpc=2.0, id=1, result={result}}}");
            let answer = json!({ "isError": false, "log": "x", "responseBody": body, "id": "1" });
            assert_eq!(requests(&[answer])[0].has_failed, has_failed, "{result}");
        }
    }

    #[test]
    fn messages_of_a_batch_are_apart_and_each_is_told_once_when_it_is_done() {
        let mut requests = Requests::default();
        let record = |id: &str, time: i64, log: &str| {
            json!({ "request_id": "r", "event_timestamp": time, "body": { "id": id, "log": log } }).to_string()
        };
        let ids =
            |requests: Vec<Request>| requests.into_iter().map(|it| (it.message_id, it.is_done)).collect::<Vec<_>>();
        let told = |id: &str, is_done: bool| vec![(id.to_owned(), is_done)];
        // Records of long ago that are read only now are not quiet.
        for (id, time, log) in [("1", 5, "Started"), ("2", 6, "Started"), ("2", 7, DONE)] {
            assert!(requests.add(&record(id, time, log), 100));
        }
        assert_eq!(ids(requests.news(90)), told("2", true));
        assert_eq!(ids(requests.news(90)), []);
        assert_eq!(ids(requests.news(100)), told("1", false), "it is long in coming");
        assert_eq!(ids(requests.news(200)), []);
        // A late record of one that was told, and the end of the other.
        assert!(requests.add(&record("2", 8, "late"), 210) && requests.add(&record("1", 9, DONE), 210));
        assert_eq!(ids(requests.news(200)), told("1", true));
        requests.forget(211);
        assert!(requests.0.is_empty());
    }

    #[test]
    fn other_lines_are_no_records() {
        let mut requests = Requests::default();
        for line in ["", "x", "[]", "{}", r#"{"request_id":"r","event_timestamp":1,"body":3}"#, r#"{"body":{}}"#] {
            assert!(!requests.add(line, 0), "{line}");
        }
    }
}
