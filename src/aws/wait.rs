//! The one polling loop: look at once, then ever less often, until it is true or time is up.

use std::time::Duration;

use tokio::time::Instant;

use super::{Class, Error};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// When to give up.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    pub fn has_passed(self) -> bool {
        Instant::now() >= self.0
    }
}

/// One look at what is waited for.
#[derive(Debug)]
pub enum Look<T> {
    Ready(T),
    /// Not yet; what is the matter, for whoever watches and for the error if time runs out.
    NotYet(String),
}

/// Looks until there is something to see.
///
/// `told` hears the reason whenever it changes. An error of the look ends the wait.
pub async fn until<T, E: From<Error>>(
    deadline: Deadline,
    told: impl Fn(&str),
    mut look: impl AsyncFnMut() -> Result<Look<T>, E>,
) -> Result<T, E> {
    let mut pause = FIRST_PAUSE;
    let mut last_reason = String::new();
    loop {
        match look().await? {
            Look::Ready(found) => return Ok(found),
            Look::NotYet(reason) if deadline.has_passed() => return Err(timed_out(&reason).into()),
            Look::NotYet(reason) => {
                if reason != last_reason {
                    told(&reason);
                    last_reason = reason;
                }
            }
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// Waits until a moment has come.
pub async fn until_moment(moment: Instant) {
    sleep(moment.saturating_duration_since(Instant::now())).await;
}

#[expect(clippy::disallowed_methods, reason = "this is the place that waits")]
async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

fn timed_out(reason: &str) -> Error {
    Error { class: Class::TimedOut, ..Error::unexpected("AWS", "wait", &format!("timed out: {reason}")) }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_look_is_at_once_and_reasons_are_told_once() {
        let told = RefCell::new(Vec::new());
        let begin = Instant::now();
        let mut looks = 0;
        let found: Result<u32, Error> = until(
            Deadline::after(Duration::from_mins(1)),
            |reason| told.borrow_mut().push(reason.to_owned()),
            async || {
                looks += 1;
                Ok(if looks == 4 { Look::Ready(7) } else { Look::NotYet("CREATING".into()) })
            },
        )
        .await;
        assert_eq!(found.unwrap(), 7);
        assert_eq!(*told.borrow(), ["CREATING"]);
        assert_eq!(begin.elapsed(), Duration::from_millis(200 + 300 + 450));
    }

    #[tokio::test(start_paused = true)]
    async fn when_time_is_up_the_last_reason_is_the_error() {
        let waited: Result<(), Error> =
            until(Deadline::after(Duration::from_secs(3)), |_| {}, async || Ok(Look::NotYet("still CREATING".into())))
                .await;
        let error = waited.unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (Class::TimedOut, "timed out: still CREATING"));
    }
}
