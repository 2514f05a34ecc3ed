//! The log of an environment: its stream in the function's log group, and the server's own log.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    time::timeout,
};

use crate::local::{
    random,
    services::{call::ACCOUNT, lambda::Function},
    storage::journal::Journal,
};

/// The largest log event, in bytes; a longer line is split (CloudWatch Logs user guide, "CloudWatch Logs
/// quotas").
const LONGEST_LINE: u64 = 256 * 1024;
/// How long a line may stay without its end before it is an event of its own.
const UNENDED: Duration = Duration::from_millis(200);
/// Most characters of a line in the server's own log.
const LOGGED: usize = 2000;

/// The log group of a function of this name.
pub(crate) fn log_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

#[derive(Debug, Clone)]
pub(super) struct Log {
    function: String,
    group_arn: String,
    pub(super) stream: String,
    journal: Journal,
}

impl Log {
    pub(super) fn new(function: &Function, journal: Journal) -> Self {
        // Lambda's format: date, version, and a unique id.
        let day = jiff::Timestamp::now().strftime("%Y/%m/%d").to_string();
        Self {
            function: function.name.clone(),
            group_arn: format!("arn:aws:logs:{}:{ACCOUNT}:log-group:{}", function.region, log_group(&function.name)),
            stream: format!("{day}/[$LATEST]{}", random::lower_alphanumeric(32)),
            journal,
        }
    }

    pub(super) fn write<const N: usize>(&self, lines: [&str; N]) {
        self.journal.write(&self.group_arn, &self.stream, lines);
    }

    pub(super) fn lines_of(&self, output: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let Some(output) = output else { return };
        let log = self.clone();
        tokio::spawn(async move {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            // Always drain the pipe, even if the output is not UTF-8 or does not end in a newline.
            while output.fill_buf().await.is_ok_and(|begun| !begun.is_empty()) {
                let mut part = (&mut output).take(LONGEST_LINE);
                // What a function writes without a line end belongs to this call, not to the next one's output.
                drop(timeout(UNENDED, part.read_until(b'\n', &mut line)).await);
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end_matches(['\r', '\n']);
                let shown: String = text.chars().take(LOGGED).collect();
                tracing::info!(function = log.function, "{shown}");
                log.write([text]);
                line.clear();
            }
        });
    }
}
