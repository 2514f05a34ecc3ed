//! The sample: a Lambda function with two tools, from `templates/sample`.

use std::io::{Cursor, Write as _};

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// The sample's target.
pub const TARGET: &str = "weather-tool";
pub const RUNTIME: &str = "python3.13";
pub const HANDLER: &str = "lambda_function.lambda_handler";
/// The sample function's file.
pub const SOURCE: &str = include_str!("../../templates/sample/lambda_function.py");
/// Retention of the sample's logs, in days.
pub const LOG_RETENTION_DAYS: i32 = 14;

/// The sample's tool definitions, in the shape of a Lambda target's inline tool schema.
pub fn tools() -> Value {
    serde_json::from_str(include_str!("../../templates/sample/tools.json"))
        .expect("templates/sample/tools.json is JSON (a unit test parses it)")
}

/// The sample's deployment package. It is byte-identical on every run, because its entry has a fixed date; so a
/// changed hash means changed code.
pub fn code() -> Vec<u8> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let written = zip
        .start_file("lambda_function.py", options)
        .map_err(std::io::Error::other)
        .and_then(|()| zip.write_all(SOURCE.as_bytes()))
        .and_then(|()| zip.finish().map_err(std::io::Error::other));
    written.expect("a small archive in memory has no way to fail").into_inner()
}

/// The package's SHA-256 in base64, as Lambda returns it.
pub fn code_sha256() -> String {
    BASE64.encode(digest::digest(&digest::SHA256, &code()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tool;

    #[test]
    fn the_tool_schema_is_valid() {
        let tools = tool::parse_inline(&tools()).unwrap();
        let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["get_weather", "get_time"]);
    }

    #[test]
    fn the_package_is_the_same_on_every_run() {
        assert_eq!(code(), code());
    }
}
