//! Decides which environment serves which invocation, and when another environment is started.
//!
//! An invocation is served by whichever environment of its function is free first: an idle one, one that finishes
//! another invocation, or a new one. New ones are started side by side on as many cores as there are, since
//! interpreters that share a core are all late.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Notify, oneshot};

use super::FunctionError;

/// What serves the invocations of one function, one at a time.
pub(super) trait Serves {
    type Function: Clone + std::fmt::Debug;

    fn function(&self) -> &Self::Function;
    /// A name of the function as it is now: another one after every change.
    fn revision(function: &Self::Function) -> &str;
    /// Whether it can serve another invocation.
    fn is_alive(&self) -> bool;
}

/// The environments of all functions together.
#[derive(Debug)]
pub(super) struct Pool<E: Serves>(Arc<Shared<E>>);

#[derive(Debug)]
struct Shared<E: Serves> {
    state: Mutex<State<E>>,
    /// Told when an environment may have to be started.
    changed: Notify,
    /// Most environments, to bound the number of processes.
    most: usize,
    /// Most environments that start at the same time.
    cores: usize,
}

#[derive(Debug)]
struct State<E: Serves> {
    /// Ordered by idle time, longest first.
    idle: VecDeque<Idle<E>>,
    /// In the order of their arrival.
    waiting: VecDeque<Waiting<E>>,
    starting: Vec<Starting>,
    /// How many environments serve an invocation.
    busy: usize,
    is_stopped: bool,
}

#[derive(Debug)]
struct Idle<E> {
    since: Instant,
    environment: E,
}

#[derive(Debug)]
struct Waiting<E: Serves> {
    function: E::Function,
    reply: oneshot::Sender<Result<Lease<E>, FunctionError>>,
}

#[derive(Debug)]
struct Starting {
    revision: String,
    needs_core: bool,
}

/// An environment that serves an invocation. Dropping it ends the environment.
#[derive(Debug)]
pub(super) struct Lease<E: Serves> {
    pub(super) environment: E,
    place: Place<E>,
}

/// The place of a busy environment among all.
#[derive(Debug)]
struct Place<E: Serves>(Arc<Shared<E>>);

impl<E: Serves> Drop for Place<E> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy -= 1;
        if !state.waiting.is_empty() {
            self.0.changed.notify_one();
        }
    }
}

impl<E: Serves> Lease<E> {
    /// Keeps the environment for the next invocation.
    pub(super) fn give_back(self) {
        let Self { environment, place } = self;
        let pool = place.0.clone();
        drop(place);
        pool.offer(environment);
    }
}

impl<E: Serves> Pool<E> {
    pub(super) fn new(most: usize, cores: usize) -> Self {
        let state =
            State { idle: VecDeque::new(), waiting: VecDeque::new(), starting: Vec::new(), busy: 0, is_stopped: false };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Notify::new(), most, cores }))
    }

    /// Waits for an environment of this function.
    ///
    /// # Errors
    /// If the environment that was started for it could not be.
    pub(super) async fn lease(&self, function: &E::Function) -> Result<Lease<E>, FunctionError> {
        let stopped = || FunctionError::new("Runtime.ExitError", "The server is being stopped");
        let environment = {
            let mut state = self.0.lock();
            if state.is_stopped {
                return Err(stopped());
            }
            if let Some(environment) = state.take_idle(E::revision(function)) {
                return Ok(Lease { environment, place: Place(self.0.clone()) });
            }
            let (reply, environment) = oneshot::channel();
            state.waiting.push_back(Waiting { function: function.clone(), reply });
            environment
        };
        self.0.changed.notify_one();
        environment.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Returns when the answer of [`Self::begin_starts`] may have changed.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// The functions of which an environment is to be started now; [`Self::started`] must be called for each. Ends
    /// environments that have been idle longest if there would be too many.
    pub(super) fn begin_starts(&self) -> Vec<E::Function> {
        let mut state = self.0.lock();
        let (functions, ended) = state.begin_starts(self.0.most, self.0.cores);
        drop(state);
        drop(ended);
        functions
    }

    /// An environment that is being started waits for something else than a core, so that others may start.
    pub(super) fn needs_no_core(&self, revision: &str) {
        let mut state = self.0.lock();
        if let Some(start) = state.starting.iter_mut().find(|start| start.revision == revision && start.needs_core) {
            start.needs_core = false;
        }
        drop(state);
        self.0.changed.notify_one();
    }

    /// An environment has been started, or could not be, which is told to one of those who wait for it. `has_core`:
    /// [`Self::needs_no_core`] was not called for it.
    pub(super) fn started(&self, revision: &str, has_core: bool, started: Result<E, FunctionError>) {
        let is_it = |start: &Starting| start.revision == revision && start.needs_core == has_core;
        let waiting = {
            let mut state = self.0.lock();
            if let Some(at) = state.starting.iter().position(is_it) {
                state.starting.swap_remove(at);
            }
            if started.is_err() { state.next_waiting(revision) } else { None }
        };
        match (started, waiting) {
            (Ok(environment), _) => self.0.offer(environment),
            (Err(error), Some(waiting)) => drop(waiting.reply.send(Err(error))),
            (Err(_), None) => {}
        }
        self.0.changed.notify_one();
    }

    /// Ends idle environments, except those for which `is_kept` holds; it is given how long they have been idle.
    pub(super) fn retain(&self, is_kept: impl Fn(&E, Duration) -> bool) {
        self.0.lock().idle.retain(|idle| is_kept(&idle.environment, idle.since.elapsed()));
    }

    /// Ends idle environments, and those in use when they are given back. Nobody is served any more.
    pub(super) fn stop(&self) {
        let mut state = self.0.lock();
        state.is_stopped = true;
        let (waiting, idle) = (std::mem::take(&mut state.waiting), std::mem::take(&mut state.idle));
        drop(state);
        drop((waiting, idle));
    }
}

impl<E: Serves> Shared<E> {
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an environment to the first who waits for one of its function, or keeps it.
    fn offer(self: &Arc<Self>, environment: E) {
        let mut offered = Some(environment);
        while let Some(environment) = offered.take() {
            let mut state = self.lock();
            if state.is_stopped {
                return;
            }
            let Some(waiting) = state.next_waiting(E::revision(environment.function())) else {
                state.idle.push_back(Idle { since: Instant::now(), environment });
                // Its place may be needed for another function.
                if !state.waiting.is_empty() {
                    self.changed.notify_one();
                }
                return;
            };
            state.busy += 1;
            drop(state);
            let lease = Lease { environment, place: Place(self.clone()) };
            // Who waited may have gone.
            if let Err(Ok(Lease { environment, .. })) = waiting.reply.send(Ok(lease)) {
                offered = Some(environment);
            }
        }
    }
}

impl<E: Serves> State<E> {
    /// Takes the most recently used environment, which is likely the fastest.
    fn take_idle(&mut self, revision: &str) -> Option<E> {
        self.idle.retain(|idle| idle.environment.is_alive());
        let at = self.idle.iter().rposition(|idle| E::revision(idle.environment.function()) == revision)?;
        self.busy += 1;
        self.idle.remove(at).map(|idle| idle.environment)
    }

    fn next_waiting(&mut self, revision: &str) -> Option<Waiting<E>> {
        self.waiting.retain(|waiting| !waiting.reply.is_closed());
        let at = self.waiting.iter().position(|waiting| E::revision(&waiting.function) == revision)?;
        self.waiting.remove(at)
    }

    /// Marks as starting an environment for everyone who waits and for whom none is starting yet, as far as there are
    /// cores and places. Returns their functions, and the idle environments to be ended for them.
    fn begin_starts(&mut self, most: usize, cores: usize) -> (Vec<E::Function>, Vec<Idle<E>>) {
        self.waiting.retain(|waiting| !waiting.reply.is_closed());
        let (mut functions, mut ended) = (Vec::new(), Vec::new());
        let mut free_cores = cores.saturating_sub(self.starting.iter().filter(|start| start.needs_core).count());
        let mut known: Vec<_> = self.starting.iter().map(|start| start.revision.clone()).collect();
        for waiting in &self.waiting {
            let revision = E::revision(&waiting.function);
            if let Some(at) = known.iter().position(|known| known == revision) {
                known.swap_remove(at);
                continue;
            }
            if free_cores == 0 {
                break;
            }
            if self.idle.len() + self.starting.len() + self.busy >= most {
                let Some(longest) = self.idle.pop_front() else { break };
                ended.push(longest);
            }
            free_cores -= 1;
            self.starting.push(Starting { revision: revision.to_owned(), needs_core: true });
            functions.push(waiting.function.clone());
        }
        (functions, ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An environment of a function whose revision is its name.
    #[derive(Debug)]
    struct Fake(&'static str);

    impl Serves for Fake {
        type Function = &'static str;

        fn function(&self) -> &&'static str {
            &self.0
        }

        fn revision<'a>(function: &'a &'static str) -> &'a str {
            function
        }

        fn is_alive(&self) -> bool {
            self.0 != "dead"
        }
    }

    type Waiter = tokio::task::JoinHandle<Result<Lease<Fake>, FunctionError>>;

    /// Someone who waits for an environment of this function.
    async fn waiter(pool: &Arc<Pool<Fake>>, function: &'static str) -> Waiter {
        let shared = pool.clone();
        let waiter = tokio::spawn(async move { shared.lease(&function).await });
        tokio::task::yield_now().await;
        waiter
    }

    #[tokio::test]
    async fn as_many_start_as_there_are_cores_and_the_first_that_is_free_serves_whoever_waits() {
        let pool = Arc::new(Pool::new(50, 2));
        let mut waiters = Vec::new();
        for _ in 0..5 {
            waiters.push(waiter(&pool, "f").await);
        }
        assert_eq!(pool.begin_starts(), ["f", "f"]);
        assert!(pool.begin_starts().is_empty(), "both cores are busy");
        pool.started("f", true, Ok(Fake("f")));
        for waiter in waiters.drain(..4) {
            waiter.await.unwrap().unwrap().give_back();
        }
        assert!(pool.begin_starts().is_empty(), "one is starting, and one waits");
        drop(waiter(&pool, "f").await);
        pool.started("f", true, Ok(Fake("f")));
        drop(waiters.remove(0).await.unwrap().unwrap());
    }

    #[tokio::test]
    async fn one_that_does_not_need_its_core_lets_another_start() {
        let pool = Arc::new(Pool::new(50, 1));
        let (_slow, _quick) = (waiter(&pool, "slow").await, waiter(&pool, "quick").await);
        assert_eq!(pool.begin_starts(), ["slow"]);
        assert!(pool.begin_starts().is_empty());
        pool.needs_no_core("slow");
        assert_eq!(pool.begin_starts(), ["quick"]);
    }

    #[tokio::test]
    async fn of_two_starts_of_a_function_the_one_that_ends_gives_back_its_own_core() {
        let pool = Arc::new(Pool::new(50, 1));
        let _waiters = (waiter(&pool, "f").await, waiter(&pool, "f").await, waiter(&pool, "g").await);
        assert_eq!(pool.begin_starts(), ["f"]);
        pool.needs_no_core("f");
        assert_eq!(pool.begin_starts(), ["f"]);
        pool.started("f", true, Ok(Fake("f")));
        assert_eq!(pool.begin_starts(), ["g"]);
    }

    #[tokio::test]
    async fn one_that_cannot_start_fails_one_of_those_who_wait_for_it() {
        let pool = Arc::new(Pool::new(50, 4));
        let (first, second) = (waiter(&pool, "f").await, waiter(&pool, "f").await);
        assert_eq!(pool.begin_starts(), ["f", "f"]);
        pool.started("f", true, Err(FunctionError::new("Runtime.InvalidRuntime", "no")));
        assert_eq!(first.await.unwrap().unwrap_err().error_type, "Runtime.InvalidRuntime");
        pool.started("f", true, Ok(Fake("f")));
        second.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn the_longest_idle_makes_room_and_those_in_use_do_not() {
        let pool = Arc::new(Pool::new(2, 4));
        let (a, b) = (waiter(&pool, "a").await, waiter(&pool, "b").await);
        assert_eq!(pool.begin_starts(), ["a", "b"]);
        pool.started("a", true, Ok(Fake("a")));
        pool.started("b", true, Ok(Fake("b")));
        let (a, b) = (a.await.unwrap().unwrap(), b.await.unwrap().unwrap());
        let c = waiter(&pool, "c").await;
        assert!(pool.begin_starts().is_empty(), "there is no room");
        a.give_back();
        pool.changed().await;
        assert_eq!(pool.begin_starts(), ["c"], "in the place of the idle one");
        pool.started("c", true, Ok(Fake("c")));
        drop(c.await.unwrap().unwrap());
        let d = waiter(&pool, "d").await;
        assert_eq!(pool.begin_starts(), ["d"], "in the place of the one that has ended");
        drop((b, d));
    }

    #[tokio::test]
    async fn nobody_is_given_what_has_ended_and_what_is_given_to_nobody_is_kept() {
        let pool = Arc::new(Pool::new(50, 4));
        let gone = waiter(&pool, "f").await;
        assert_eq!(pool.begin_starts(), ["f"]);
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        pool.started("f", true, Ok(Fake("f")));
        pool.lease(&"f").await.unwrap().give_back();
        pool.0.lock().idle.push_back(Idle { since: Instant::now(), environment: Fake("dead") });
        let _waiter = waiter(&pool, "dead").await;
        assert_eq!(pool.begin_starts(), ["dead"]);
        pool.stop();
        pool.started("dead", true, Ok(Fake("dead")));
        assert!(pool.lease(&"f").await.is_err());
    }
}
