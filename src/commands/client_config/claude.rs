//! The commands by which Claude Code changes its user's configuration.

use serde_json::Value;

use crate::model::{mcp_client::Entry, shell::shell_word};

/// The command by which Claude Code removes a server from its user's configuration.
pub(super) fn remove(name: &str) -> String {
    format!("claude mcp remove --scope user {}", shell_word(name))
}

/// The command by which Claude Code adds a server to its user's configuration.
pub(super) fn add(name: &str, entry: &Entry) -> String {
    let name = shell_word(name);
    let text = |value: &Value| shell_word(value.as_str().unwrap_or_default());
    if !entry.server.contains_key("command") {
        let json = shell_word(&Value::from(entry.server.clone()).to_string());
        return format!("claude mcp add-json --scope user {name} {json}");
    }
    let variables = entry.server.get("env").and_then(Value::as_object).into_iter().flatten();
    let variables: String = variables.map(|(key, value)| format!(" -e {key}={}", text(value))).collect();
    let args = entry.server.get("args").and_then(Value::as_array).into_iter().flatten();
    let args: String = args.map(|arg| format!(" {}", text(arg))).collect();
    let command = entry.server.get("command").map(text).unwrap_or_default();
    // `-e` takes all words up to the next option, so it comes after the name.
    format!("claude mcp add --scope user {name}{variables} -- {command}{args}")
}
