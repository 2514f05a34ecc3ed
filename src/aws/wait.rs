//! The one polling loop: look at once, then ever less often, until it is true, time is up, or
//! nobody wants to know any more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
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

#[derive(Debug, Default)]
struct Signal {
    given: AtomicBool,
    told: Notify,
}

impl Signal {
    fn is_given(&self) -> bool {
        self.given.load(Ordering::SeqCst)
    }

    async fn given(&self) {
        // Listening begins before the look, so that no signal falls between the two.
        let mut told = std::pin::pin!(self.told.notified());
        told.as_mut().enable();
        if !self.is_given() {
            told.await;
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
        self.own.given.store(true, Ordering::SeqCst);
        self.own.told.notify_waiters();
    }

    pub fn is_requested(&self) -> bool {
        self.own.is_given() || self.outer.as_ref().is_some_and(|outer| outer.is_given())
    }

    /// Returns when it is requested.
    pub async fn requested(&self) {
        let outer = async {
            match &self.outer {
                Some(outer) => outer.given().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.own.given() => {}
            () = outer => {}
        }
    }
}

/// When to give up.
#[derive(Debug, Clone)]
pub struct Deadline {
    at: Instant,
    stop: Stop,
}

impl Deadline {
    /// So much later, or when it is asked to stop.
    pub fn after(time: Duration, stop: &Stop) -> Self {
        Self { at: Instant::now() + time, stop: stop.clone() }
    }

    /// The same moment, for a part of the work that may be asked to stop alone.
    #[must_use]
    pub fn of_part(&self, stop: &Stop) -> Self {
        Self { at: self.at, stop: stop.clone() }
    }

    pub fn has_passed(&self) -> bool {
        Instant::now() >= self.at
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
        tokio::select! {
            biased;
            () = deadline.stop.requested() => return Err(stopped(&last_reason).into()),
            () = sleep(pause) => {}
        }
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// Waits until a moment has come.
///
/// # Errors
/// If it was asked to stop before.
pub async fn until_moment(moment: Instant, stop: &Stop) -> Result<(), Error> {
    tokio::select! {
        biased;
        () = stop.requested() => Err(stopped("a moment to come")),
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

fn stopped(reason: &str) -> Error {
    Error { class: Class::Stopped, ..Error::unexpected("waiting for", "AWS", &format!("stopped: {reason}")) }
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
}
