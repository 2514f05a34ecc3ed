//! The one polling loop: look at once, then ever less often, until it is true, time is up, or
//! nobody wants to know any more.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{Class, Error};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Asks whatever runs to begin nothing new and to wait for nothing more. Clones are the same
/// request.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    own: Arc<Signal>,
    /// A request that is one to this, too.
    outer: Option<Arc<Signal>>,
}

/// Why something is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody asked for it.
    Request,
    /// The time for the whole command is over.
    Timeout,
}

#[derive(Debug, Default)]
struct Signal {
    given: OnceLock<Cause>,
    told: Notify,
}

impl Signal {
    /// The first cause stays the cause.
    fn give(&self, cause: Cause) {
        self.given.get_or_init(|| cause);
        self.told.notify_waiters();
    }

    async fn given(&self) -> Cause {
        loop {
            // Listening begins before the look, so that no signal falls between the two.
            let mut told = std::pin::pin!(self.told.notified());
            told.as_mut().enable();
            match self.given.get() {
                Some(cause) => return *cause,
                None => told.await,
            }
        }
    }
}

impl Stop {
    /// A request for a part of what this one stops; this one stops that part, too.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { own: Arc::default(), outer: Some(self.own.clone()) }
    }

    pub fn request(&self) {
        self.own.give(Cause::Request);
    }

    /// Says that the time is over.
    pub fn expire(&self) {
        self.own.give(Cause::Timeout);
    }

    pub fn is_requested(&self) -> bool {
        self.cause().is_some()
    }

    /// Why it is requested, if it is. What stops the whole comes before what stops a part.
    pub fn cause(&self) -> Option<Cause> {
        let outer = self.outer.as_ref().and_then(|outer| outer.given.get());
        outer.or(self.own.given.get()).copied()
    }

    /// Returns when it is requested.
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
    /// None: when it is asked to stop, and not before.
    at: Option<Instant>,
    stop: Stop,
}

impl Deadline {
    /// When it is asked to stop.
    pub fn of(stop: &Stop) -> Self {
        Self { at: None, stop: stop.clone() }
    }

    /// So much later, or when it is asked to stop.
    pub fn after(time: Duration, stop: &Stop) -> Self {
        Self { at: Some(Instant::now() + time), stop: stop.clone() }
    }

    pub fn has_passed(&self) -> bool {
        self.at.is_some_and(|at| Instant::now() >= at)
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
    deadline: &Deadline,
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
        tracing::debug!(?pause, "waiting: {last_reason}");
        let until_then = deadline.at.map_or(pause, |at| at.saturating_duration_since(Instant::now()).min(pause));
        tokio::select! {
            biased;
            cause = deadline.stop.requested() => return Err(stopped(cause, &last_reason).into()),
            () = sleep(until_then) => {}
        }
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// Does something, and again while AWS refuses it for what passes by itself, but no longer than `patience`.
pub async fn while_refused<T, E: From<Error>>(
    deadline: &Deadline,
    patience: Duration,
    told: impl Fn(&str),
    mut call: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, E> {
    let begin = Instant::now();
    let attempt = async || match call().await {
        Err(error) if error.passes() && begin.elapsed() < patience => Ok(Look::NotYet(error.message)),
        done => Ok(Look::Ready(done?)),
    };
    until(deadline, told, attempt).await
}

/// Waits until a moment has come.
///
/// # Errors
/// If it was asked to stop before.
pub async fn until_moment(moment: Instant, stop: &Stop) -> Result<(), Error> {
    tokio::select! {
        biased;
        cause = stop.requested() => Err(stopped(cause, "a moment to come")),
        () = sleep(moment.saturating_duration_since(Instant::now())) => Ok(()),
    }
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
        let told = RefCell::new(Vec::new());
        let begin = Instant::now();
        let mut looks = 0;
        let found: Result<u32, Error> = until(
            &Deadline::after(Duration::from_mins(1), &Stop::default()),
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
        let deadline = Deadline::after(Duration::from_secs(3), &Stop::default());
        let waited: Result<(), Error> =
            until(&deadline, |_| {}, async || Ok(Look::NotYet("still CREATING".into()))).await;
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
            let ended: Result<(), Error> = until(&deadline, |_| {}, async || Ok(Look::NotYet("x".into()))).await;
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
        let wait = until(&deadline, |_| {}, async || Ok::<_, Error>(Look::<()>::NotYet("still CREATING".into())));
        let (ended, ()) = tokio::join!(wait, over);
        let error = ended.unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (Class::TimedOut, "timed out: still CREATING"));
        assert_eq!(begin.elapsed(), Duration::from_millis(1_234));
        // The step beside it that failed for it does not change why.
        part.request();
        stop.request();
        assert_eq!(part.cause(), Some(Cause::Timeout));
    }
}
