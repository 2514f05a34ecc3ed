//! The one polling loop: look at once, then at growing intervals, until the condition holds, the deadline
//! passes, or a stop is requested.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{Class, Error};

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A pause is this part of what was waited already: a long wait is not noticeably longer for it.
const PART: u32 = 10;

/// Asks running work to start nothing new and to stop waiting. Clones share the same request.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    own: Arc<Signal>,
    /// An outer request, which stops this part, too.
    outer: Option<Arc<Signal>>,
}

/// Why work is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A stop was requested.
    Request,
    /// The timeout of the whole command elapsed.
    Timeout,
}

#[derive(Debug, Default)]
struct Signal {
    given: OnceLock<Cause>,
    changed: Notify,
}

impl Signal {
    /// Only the first cause is kept.
    fn give(&self, cause: Cause) {
        self.given.get_or_init(|| cause);
        self.changed.notify_waiters();
    }

    async fn given(&self) -> Cause {
        loop {
            // Listen before looking, so that no signal is missed in between.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.given.get() {
                Some(cause) => return *cause,
                None => changed.await,
            }
        }
    }
}

impl Stop {
    /// A stop request for a part of the work; this one stops that part, too.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { own: Arc::default(), outer: Some(self.own.clone()) }
    }

    pub fn request(&self) {
        self.own.give(Cause::Request);
    }

    /// Requests a stop because the time is over.
    pub fn expire(&self) {
        self.own.give(Cause::Timeout);
    }

    pub fn is_requested(&self) -> bool {
        self.cause().is_some()
    }

    /// Why a stop was requested, if it was. A stop of the whole takes precedence over that of a part.
    pub fn cause(&self) -> Option<Cause> {
        let outer = self.outer.as_ref().and_then(|outer| outer.given.get());
        outer.or(self.own.given.get()).copied()
    }

    /// Completes when a stop is requested.
    pub async fn requested(&self) -> Cause {
        let outer = async {
            match &self.outer {
                Some(outer) => outer.given().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            cause = outer => cause,
            cause = self.own.given() => cause,
        }
    }
}

/// When to give up.
#[derive(Debug, Clone)]
pub struct Deadline {
    /// `None`: only when a stop is requested.
    at: Option<Instant>,
    stop: Stop,
}

impl Deadline {
    /// Passes only when a stop is requested.
    pub fn of(stop: &Stop) -> Self {
        Self { at: None, stop: stop.clone() }
    }

    /// Passes after `time`, or when a stop is requested.
    pub fn after(time: Duration, stop: &Stop) -> Self {
        Self { at: Some(Instant::now() + time), stop: stop.clone() }
    }

    pub fn has_passed(&self) -> bool {
        self.at.is_some_and(|at| Instant::now() >= at)
    }
}

/// The result of one look.
#[derive(Debug)]
pub enum Poll<T> {
    Ready(T),
    /// Not yet, and why; for the observer, and for the error if time runs out.
    Pending(String),
}

/// Polls until a look is `Ready`: at once, and then at pauses that grow with what was waited, none of them shorter than a
/// look takes.
///
/// `on_wait` is called with the reason whenever it changes. An error of the look ends the wait.
pub async fn until<T, E: From<Error>>(
    deadline: &Deadline,
    on_wait: impl Fn(&str),
    mut look: impl AsyncFnMut() -> Result<Poll<T>, E>,
) -> Result<T, E> {
    let begin = Instant::now();
    let mut last_reason = String::new();
    loop {
        let look_began = Instant::now();
        match look().await? {
            Poll::Ready(found) => return Ok(found),
            Poll::Pending(reason) if deadline.has_passed() => return Err(timed_out(&reason).into()),
            Poll::Pending(reason) => {
                if reason != last_reason {
                    on_wait(&reason);
                    last_reason = reason;
                }
            }
        }
        let pause = (begin.elapsed() / PART).max(look_began.elapsed()).max(SHORTEST_PAUSE).min(LONGEST_PAUSE);
        tracing::debug!(?pause, "waiting: {last_reason}");
        let until_then = deadline.at.map_or(pause, |at| at.saturating_duration_since(Instant::now()).min(pause));
        tokio::select! {
            biased;
            cause = deadline.stop.requested() => return Err(stopped(cause, &last_reason).into()),
            () = sleep(until_then) => {}
        }
    }
}

/// Calls AWS, and retries while it refuses for a transient reason, but no longer than `limit`.
pub async fn while_refused<T, E: From<Error>>(
    deadline: &Deadline,
    limit: Duration,
    on_wait: impl Fn(&str),
    mut call: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, E> {
    let begin = Instant::now();
    let attempt = async || match call().await {
        Err(error) if error.is_transient() && begin.elapsed() < limit => Ok(Poll::Pending(error.message)),
        done => Ok(Poll::Ready(done?)),
    };
    until(deadline, on_wait, attempt).await
}

/// Waits until a moment.
///
/// # Errors
/// If a stop is requested before.
pub async fn until_moment(moment: Instant, stop: &Stop) -> Result<(), Error> {
    tokio::select! {
        biased;
        cause = stop.requested() => Err(stopped(cause, "a moment to come")),
        () = sleep_until(moment) => Ok(()),
    }
}

/// Waits until a moment, whatever is requested meanwhile.
pub(super) async fn sleep_until(moment: Instant) {
    sleep(moment.saturating_duration_since(Instant::now())).await;
}

#[expect(clippy::disallowed_methods, reason = "this is the place that waits")]
async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

fn timed_out(reason: &str) -> Error {
    Error { class: Class::TimedOut, ..Error::unexpected("waiting for", "AWS", &format!("timed out: {reason}")) }
}

fn stopped(cause: Cause, reason: &str) -> Error {
    match cause {
        Cause::Timeout => timed_out(reason),
        Cause::Request => {
            let message = format!("stopped: {reason}");
            Error { class: Class::Stopped, ..Error::unexpected("waiting for", "AWS", &message) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_look_is_at_once_and_reasons_are_told_once() {
        let reasons = RefCell::new(Vec::new());
        let begin = Instant::now();
        let mut looks = 0;
        let found: Result<u32, Error> = until(
            &Deadline::after(Duration::from_mins(1), &Stop::default()),
            |reason| reasons.borrow_mut().push(reason.to_owned()),
            async || {
                looks += 1;
                Ok(if looks == 4 { Poll::Ready(7) } else { Poll::Pending("CREATING".into()) })
            },
        )
        .await;
        assert_eq!(found.unwrap(), 7);
        assert_eq!(*reasons.borrow(), ["CREATING"]);
        assert_eq!(begin.elapsed(), Duration::from_millis(3 * 100));
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_seen_within_a_tenth_of_what_was_waited_and_looks_are_few() {
        for (ends, most_looks) in [(50, 2), (150, 3), (950, 11), (1_400, 15), (10_000, 36), (30_000, 48)] {
            let ends = Duration::from_millis(ends);
            let begin = Instant::now();
            let mut looks = 0;
            let look = async || {
                looks += 1;
                let is_over = begin.elapsed() >= ends;
                Ok::<_, Error>(if is_over { Poll::Ready(()) } else { Poll::Pending("CREATING".into()) })
            };
            until(&Deadline::of(&Stop::default()), |_| {}, look).await.unwrap();
            let late = begin.elapsed().saturating_sub(ends);
            assert!(late <= SHORTEST_PAUSE.max(ends / 10), "{late:?} late after {ends:?}");
            assert!(looks <= most_looks, "{looks} looks in {ends:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_time_is_up_the_last_reason_is_the_error() {
        let deadline = Deadline::after(Duration::from_secs(3), &Stop::default());
        let waited: Result<(), Error> =
            until(&deadline, |_| {}, async || Ok(Poll::Pending("still CREATING".into()))).await;
        let error = waited.unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (Class::TimedOut, "timed out: still CREATING"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_to_stop_ends_waits_at_once_of_the_whole_and_of_its_parts() {
        let whole = Stop::default();
        let (one, other) = (whole.part(), whole.part());
        let begin = Instant::now();
        let wait = async |stop: &Stop| {
            let deadline = Deadline::after(Duration::from_mins(1), stop);
            let ended: Result<(), Error> = until(&deadline, |_| {}, async || Ok(Poll::Pending("x".into()))).await;
            (ended.unwrap_err().class, begin.elapsed())
        };
        let requests = async {
            sleep(Duration::from_secs(1)).await;
            one.request();
            sleep(Duration::from_secs(1)).await;
            whole.request();
        };
        let (first, second, ()) = tokio::join!(wait(&one), wait(&other), requests);
        assert_eq!(first, (Class::Stopped, Duration::from_secs(1)));
        assert_eq!(second, (Class::Stopped, Duration::from_secs(2)));
        let later = Instant::now() + Duration::from_secs(9);
        assert_eq!(until_moment(later, &whole).await.unwrap_err().class, Class::Stopped);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_when_the_time_is_over_and_says_so() {
        let stop = Stop::default();
        let part = stop.part();
        let begin = Instant::now();
        let over = async {
            sleep(Duration::from_millis(1_234)).await;
            stop.expire();
        };
        let deadline = Deadline::of(&part);
        let wait = until(&deadline, |_| {}, async || Ok::<_, Error>(Poll::<()>::Pending("still CREATING".into())));
        let (ended, ()) = tokio::join!(wait, over);
        let error = ended.unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (Class::TimedOut, "timed out: still CREATING"));
        assert_eq!(begin.elapsed(), Duration::from_millis(1_234));
        // A concurrent step that fails because of it does not change the cause.
        part.request();
        stop.request();
        assert_eq!(part.cause(), Some(Cause::Timeout));
    }
}
