//! Timestamps: RFC 3339 in a tool's arguments and results, and the formats of the protocols.

use jiff::{Timestamp, fmt::rfc2822};
use serde_json::{Value, json};

/// How a protocol writes a timestamp, unless a trait says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    EpochSeconds,
    DateTime,
    HttpDate,
}

impl Format {
    /// The format that a `timestampFormat` trait names.
    pub(super) fn of(named: Option<&Value>, usual: Self) -> Self {
        match named.and_then(Value::as_str) {
            Some("epoch-seconds") => Self::EpochSeconds,
            Some("date-time") => Self::DateTime,
            Some("http-date") => Self::HttpDate,
            _ => usual,
        }
    }

    /// Converts a tool's argument, a text or a number of seconds, to the protocol's format.
    pub(super) fn write(self, value: &Value) -> Result<Value, String> {
        let time = match value {
            Value::Number(seconds) => of_seconds(seconds.as_f64().unwrap_or(f64::NAN)),
            value => value.as_str().and_then(|text| text.parse().ok()),
        };
        let time: Timestamp = time.ok_or_else(|| format!("{value} is no time such as 2026-11-22T10:00:00Z"))?;
        Ok(match self {
            Self::EpochSeconds if time.subsec_nanosecond() == 0 => json!(time.as_second()),
            Self::EpochSeconds => json!(time.as_duration().as_secs_f64()),
            Self::DateTime => json!(time.to_string()),
            Self::HttpDate => json!(time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        })
    }
}

/// Converts a service's timestamp, in any format, to RFC 3339; anything else is returned unchanged.
pub(super) fn read(value: &Value) -> Value {
    let time = match value {
        Value::Number(seconds) => seconds.as_f64().and_then(of_seconds),
        Value::String(text) => {
            let http_date = || rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
            let seconds = || text.parse::<f64>().ok().and_then(of_seconds);
            text.parse().ok().or_else(http_date).or_else(seconds)
        }
        _ => None,
    };
    time.map_or_else(|| value.clone(), |time| json!(time.to_string()))
}

fn of_seconds(seconds: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds are as exact as services are; `as` saturates")]
    let millis = (seconds * 1000.0).round() as i64;
    if seconds.is_finite() { Timestamp::from_millisecond(millis).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_written_and_read() {
        let written = |format: Format, value: Value| format.write(&value).unwrap();
        assert_eq!(written(Format::EpochSeconds, json!("1970-01-01T00:01:00Z")), 60);
        assert_eq!(written(Format::EpochSeconds, json!("1970-01-01T00:00:00.5Z")), 0.5);
        assert_eq!(written(Format::DateTime, json!(60)), "1970-01-01T00:01:00Z");
        assert_eq!(written(Format::DateTime, json!("2026-11-22T12:00:00+02:00")), "2026-11-22T10:00:00Z");
        assert_eq!(written(Format::HttpDate, json!(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(Format::DateTime.write(&json!("tomorrow")).is_err() && Format::DateTime.write(&json!(1e300)).is_err());
        for value in [json!(60), json!("60"), json!("1970-01-01T00:01:00Z"), json!("Thu, 01 Jan 1970 00:01:00 GMT")] {
            assert_eq!(read(&value), "1970-01-01T00:01:00Z", "{value}");
        }
        assert_eq!((read(&json!("soon")), read(&json!([1]))), (json!("soon"), json!([1])));
    }
}
