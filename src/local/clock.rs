//! The machine's clock, a monotonic one, and pauses.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Returns the current time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Unix milliseconds of a clock.
pub(crate) fn unix_millis(clock: &Clock) -> i64 {
    let since = clock().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A monotonic time. When the clock is set back, it continues from where it was.
#[derive(Debug)]
pub(crate) struct Timeline {
    last: i64,
    ahead: i64,
}

impl Timeline {
    /// Begins at `last` (Unix milliseconds) or later.
    pub(crate) fn since(last: i64) -> Self {
        Self { last, ahead: 0 }
    }

    /// The monotonic time in Unix milliseconds, for this reading of the clock.
    pub(crate) fn at(&mut self, clock: i64) -> i64 {
        self.ahead += (self.last - clock - self.ahead).max(0);
        self.last = clock + self.ahead;
        self.last
    }
}

#[expect(clippy::disallowed_methods, reason = "a latency, or a grace, is a pause, not a wait for something")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_when_the_clock_is_set_back() {
        let mut time = Timeline::since(0);
        let seen = [10, 20, 25, 5, 6, 8, 30, 31, 2, 3].map(|clock| time.at(clock));
        assert_eq!(seen, [10, 20, 25, 25, 26, 28, 50, 51, 51, 52]);
    }
}
