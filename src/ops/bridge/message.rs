//! A JSON-RPC message, which is passed on as it was written, and the request that carries it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IgnoredAny},
};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use crate::{
    http::{Request, mcp},
    model::mcp::STATELESS,
};

/// A JSON-RPC message.
#[derive(Debug, Clone)]
pub struct Message {
    /// On one line, with numbers and strings as they were written: JavaScript writes half of a character pair as an escape,
    /// which Rust's strings cannot hold.
    text: Arc<str>,
    head: Arc<Head>,
    /// Whether the gateway may have it.
    is_sent: Arc<AtomicBool>,
}

/// What is read of a message.
#[derive(Debug, Default, Deserialize)]
struct Head {
    /// `Some(Null)` if it is null.
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    method: Option<String>,
    #[serde(default, deserialize_with = "readable")]
    params: Params,
    #[serde(default, deserialize_with = "result")]
    result: Option<MessageResult>,
    error: Option<IgnoredAny>,
    /// Of an error of AWS that is no JSON-RPC.
    #[serde(default, alias = "Message", deserialize_with = "readable")]
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Params {
    #[serde(rename = "_meta")]
    meta: Meta,
    request_id: Option<Value>,
    name: Option<String>,
    uri: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: String,
}

/// A result of any kind.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MessageResult {
    protocol_version: Option<String>,
    #[serde(skip)]
    is_object: bool,
}

/// A member that is there, even if it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn result<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MessageResult>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    let read: MessageResult = serde_json::from_str(raw.get()).unwrap_or_default();
    Ok(Some(MessageResult { is_object: raw.get().starts_with('{'), ..read }))
}

/// A member that is there, whatever its shape.
fn given<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<Option<T>, D::Error> {
    readable(deserializer).map(Some)
}

/// A member of the expected shape, or else what stands for none.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// If the text is no JSON object.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let raw: &RawValue = serde_json::from_str(text)?;
        if !raw.get().starts_with('{') {
            return Err(serde_json::Error::custom("a message is an object"));
        }
        let head = serde_json::from_str(raw.get())?;
        // Line breaks in JSON are white space: in strings they are escapes.
        Ok(Self::new(raw.get().replace(['\n', '\r'], " "), head))
    }

    /// Reads a line: a message or, as in MCP 2025-03-26, a batch of them, some of which may be none.
    ///
    /// # Errors
    /// If it is neither.
    pub fn in_line(line: &str) -> Result<Vec<Result<Self, serde_json::Error>>, serde_json::Error> {
        if !line.starts_with('[') {
            return Self::parse(line).map(|message| vec![Ok(message)]);
        }
        let batch: Vec<&RawValue> = serde_json::from_str(line)?;
        if batch.is_empty() {
            return Err(serde_json::Error::custom("a batch has a message"));
        }
        Ok(batch.into_iter().map(|message| Self::parse(message.get())).collect())
    }

    /// A notification without params.
    pub(super) fn notification(method: &str) -> Self {
        let text = json!({ "jsonrpc": "2.0", "method": method }).to_string();
        Self::new(text, Head { method: Some(method.to_owned()), ..Head::default() })
    }

    fn new(text: String, head: Head) -> Self {
        Self { text: text.into(), head: Arc::new(head), is_sent: Arc::default() }
    }

    /// The message as a line.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn set_sent(&self, is_sent: bool) {
        self.is_sent.store(is_sent, Ordering::Release);
    }

    /// Whether the gateway may have it.
    pub fn is_sent(&self) -> bool {
        self.is_sent.load(Ordering::Acquire)
    }

    /// Whether later messages must not overtake it: all but requests, and `initialize`.
    pub fn goes_first(&self) -> bool {
        self.id().is_none() || self.method() == "initialize"
    }

    /// The id of the request that this message cancels.
    pub fn cancels(&self) -> Option<&Value> {
        self.head.params.request_id.as_ref().filter(|_| self.method() == "notifications/cancelled")
    }

    fn is_stateless(&self) -> bool {
        self.head.params.meta.version == STATELESS
    }

    /// Whether its request names the session.
    pub(super) fn has_session(&self) -> bool {
        !self.is_stateless() && self.method() != "initialize"
    }

    /// Whether this message is the answer to it. `is_alone`: the response has nothing else.
    pub(super) fn is_answered_by(&self, other: &Self, is_alone: bool) -> bool {
        let is_answer = other.head.method.is_none() && (other.head.result.is_some() || other.head.error.is_some());
        // The error of a request that the gateway could not read has no id.
        let has_no_id = other.head.id == Some(Value::Null);
        is_answer && self.id().is_some_and(|id| is_alone || has_no_id || other.head.id.as_ref() == Some(id))
    }

    /// The message as a line, with this id.
    pub(super) fn with_id(&self, id: &Value) -> String {
        if self.head.id.as_ref() == Some(id) {
            return self.text.to_string();
        }
        let mut members: BTreeMap<Cow<'_, str>, Box<RawValue>> = serde_json::from_str(&self.text).unwrap_or_default();
        members.extend(to_raw_value(id).ok().map(|id| ("id".into(), id)));
        serde_json::to_string(&members).unwrap_or_default()
    }

    /// Empty for a response.
    pub(super) fn method(&self) -> &str {
        self.head.method.as_deref().unwrap_or_default()
    }

    /// The id of a request, which must be answered.
    pub fn id(&self) -> Option<&Value> {
        self.head.id.as_ref().filter(|id| !id.is_null() && self.head.method.is_some())
    }

    /// Whether it has a result, which is an object.
    pub(super) fn has_result(&self) -> bool {
        self.head.result.as_ref().is_some_and(|result| result.is_object)
    }

    /// The version in the answer to `initialize`.
    pub(super) fn protocol_version(&self) -> &str {
        self.head.result.as_ref().and_then(|result| result.protocol_version.as_deref()).unwrap_or_default()
    }

    /// What a document that is no JSON-RPC says.
    pub(super) fn said(&self) -> Option<&str> {
        self.head.message.as_deref()
    }

    /// Whether it changes nothing to receive it twice.
    pub(super) fn is_harmless(&self) -> bool {
        let only = ["ping", "resources/read", "prompts/get", "completion/complete", "notifications/initialized"];
        only.contains(&self.method()) || self.method().ends_with("/list")
    }

    /// The request that carries it. `version` is empty before `initialize` was answered.
    pub(super) fn request(&self, url: &str, version: &str, session: Option<&str>) -> Request {
        let body = self.text.to_string();
        if self.is_stateless() {
            let Params { name, uri, .. } = &self.head.params;
            return mcp::post_stateless(url, self.method(), name.as_deref(), uri.as_deref(), body);
        }
        mcp::post(url, version, session, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_on_as_it_was_written() {
        let odd = r#"{"jsonrpc":"2.0", "id":1,"method":"tools/call","params":{"name":"t\u0065","arguments":{"n":123456789012345678901234567890,"e":1e999,"half":"\ud83d","b":1.0}}}"#;
        let message = Message::parse(odd).unwrap();
        assert_eq!((message.text(), message.method(), message.id()), (odd, "tools/call", Some(&json!(1))));
        assert_eq!(message.request("http://127.0.0.1:1/", "2025-06-18", None).body, odd.as_bytes());
        let answer = Message::parse("{\"id\":1,\n \"result\": {\"half\":\"\\ud83d\"}}\r\n").unwrap();
        assert!(message.is_answered_by(&answer, false));
        assert_eq!(answer.with_id(&json!(1)), "{\"id\":1,  \"result\": {\"half\":\"\\ud83d\"}}");
        let unread = Message::parse(r#"{"id":null,"error":{"code":1e999}}"#).unwrap();
        assert!(message.is_answered_by(&unread, false));
        assert_eq!(unread.with_id(&json!("a")), r#"{"error":{"code":1e999},"id":"a"}"#);
    }

    #[test]
    fn a_stateless_call_names_its_tool_in_a_header_even_with_odd_arguments() {
        let text = r#"{"id":1,"method":"tools/call","params":{"name":"t","arguments":{"half":"\ud83d"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
        let request = Message::parse(text).unwrap().request("http://127.0.0.1:1/", "", None);
        assert!(request.headers.contains(&("mcp-name".to_owned(), "t".to_owned())), "{request:?}");
    }

    #[test]
    fn odd_messages_are_read_as_far_as_they_go() {
        let read = |text: &str| Message::parse(text).unwrap();
        assert_eq!(read(r#"{"id":1,"method":5}"#).id(), Some(&json!(1)), "it must be answered");
        assert_eq!(read(r#"{"id":null,"method":"m"}"#).id(), None);
        assert_eq!(read(r#"{"method":"m","params":[1]}"#).method(), "m");
        assert!(read(r#"{"id":1,"method":"m"}"#).is_answered_by(&read(r#"{"id":1,"result":null}"#), false));
        assert!(read(r#"{"id":1,"result":{}}"#).has_result() && !read(r#"{"id":1,"result":null}"#).has_result());
        assert_eq!(read(r#"{"Message":"no"}"#).said(), Some("no"));
        let cancels = read(r#"{"method":"notifications/cancelled","params":{"requestId":"a"}}"#);
        assert_eq!(cancels.cancels(), Some(&json!("a")));
        for text in ["", "1", "null", "\"a\"", "{", r#"{"id":1,"id":2}"#] {
            assert!(Message::parse(text).is_err(), "{text}");
        }
        let batch = Message::in_line(r#"[{"id":1,"method":"ping"}, {"method":"m"}]"#).unwrap();
        assert_eq!(batch.iter().map(|message| message.as_ref().unwrap().method()).collect::<Vec<_>>(), ["ping", "m"]);
        let mixed = Message::in_line(r#"[1, [1,"ping"], {"id":1,"method":"ping"}]"#).unwrap();
        assert_eq!(mixed.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, false, true]);
        for line in ["[]", "[{}"] {
            assert!(Message::in_line(line).is_err(), "{line}");
        }
    }
}
