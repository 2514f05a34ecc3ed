//! Keeps the calls for gateways and targets within the rates that AgentCore allows an account, so that many targets at
//! once are not refused for that.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::wait;

/// Ten calls a second of each operation that reads, and five of each that writes (AgentCore developer guide, "Quotas
/// for Amazon Bedrock AgentCore").
const BETWEEN_READS: Duration = Duration::from_millis(100);
const BETWEEN_WRITES: Duration = Duration::from_millis(200);
/// As many as a second allows may be made at once.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What was called of each operation.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When an operation's calls would end if they were spread evenly.
    ends: Mutex<BTreeMap<&'static str, Instant>>,
}

impl Pace {
    /// Waits until an operation may be called.
    pub(super) async fn turn(&self, operation: &'static str) {
        wait::sleep_until(self.take(operation, Instant::now())).await;
    }

    /// When the next call of an operation may begin.
    fn take(&self, operation: &'static str, now: Instant) -> Instant {
        let between = if operation.starts_with("Get") { BETWEEN_READS } else { BETWEEN_WRITES };
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let end = ends.entry(operation).or_insert(now);
        *end = (*end).max(now) + between;
        now + end.saturating_duration_since(now + AT_ONCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_calls_of_each_operation() {
        let (pace, now) = (Pace::default(), Instant::now());
        let begins = |operation, calls: usize| {
            let begins = (0..calls).map(|_| pace.take(operation, now) - now);
            begins.map(|begin| begin.as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(begins("CreateGatewayTarget", 8), [0, 0, 0, 0, 0, 200, 400, 600]);
        assert_eq!(begins("GetGatewayTarget", 12), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 200]);
        let later = now + Duration::from_mins(1);
        assert_eq!(pace.take("CreateGatewayTarget", later), later);
    }
}
