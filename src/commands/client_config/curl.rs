//! The command line for curl.

use serde_json::json;

use super::{Callers, ClientConfig, Gateway, program, usage};
use crate::{
    aws::signer::GATEWAYS,
    commands::connect::no_tokens,
    context::Context,
    error::Error,
    model::{mcp_client::GATEWAY_TOKEN, shell::shell_word},
};

impl ClientConfig {
    /// A shell command that lists the tools with curl. Secrets go through pipes, not through arguments.
    pub(super) async fn curl(&self, ctx: &Context) -> Result<String, Error> {
        if self.write || self.remove || self.user || self.force || self.server_name.is_some() {
            let flags = "leave `--write`, `--remove`, `--user`, `--force` and `--server-name` out";
            return Err(usage("curl has no configuration file", flags));
        }
        let (gateway, program) = (Gateway::find(ctx, &self.name).await?, program(ctx)?);
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} }).to_string();
        let call = format!(
            "curl -sS {} -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' --data {}",
            shell_word(&gateway.url),
            shell_word(&request)
        );
        let bearer = |token: &str| format!("printf 'Authorization: Bearer %s\\n' {token} | {call} -H @-");
        let line = match (&gateway.callers, &self.token_command) {
            (Callers::Ours | Callers::Theirs, Some(command)) => {
                bearer(&format!("\"$(sh -c {})\"", shell_word(command)))
            }
            (Callers::Signed | Callers::Anyone, Some(_)) => return Err(no_tokens()),
            (Callers::Anyone, None) => call,
            (Callers::Ours, None) => bearer(&format!("\"$({})\"", self.token_line(ctx, &program)?)),
            (Callers::Theirs, None) => bearer(&format!("\"${GATEWAY_TOKEN}\"")),
            (Callers::Signed, None) => {
                ctx.ui.hint(if ctx.settings.local {
                    "it signs with the keys in the environment: `eval \"$(agentcore-gw local env)\"` sets them"
                } else {
                    "it signs with the keys in the environment: `eval \"$(aws configure export-credentials --format env)\"` \
                     sets those of a profile"
                });
                let signature = shell_word(&format!("aws:amz:{}:{GATEWAYS}", gateway.region));
                // curl signs, and does not send, a header without contents.
                format!(
                    "printf 'user = \"%s:%s\"\\n%s\\n' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \
                     \"${{AWS_SESSION_TOKEN:+header = \\\"x-amz-security-token: $AWS_SESSION_TOKEN\\\"}}\" | \
                     {call} --aws-sigv4 {signature} --config -"
                )
            }
        };
        Ok(line)
    }
}
