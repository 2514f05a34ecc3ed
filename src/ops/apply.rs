//! The executor: a step starts as soon as the steps that it needs are done; independent steps run concurrently.
//! After an error no new step starts and waits end (except after a race), requests that were sent finish, and
//! the first error is returned.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::Instant;

use super::{
    Error, ResourceKind,
    event::{Change, Event, Observer},
    plan::{Action, Plan, Step},
    token::TokenRequest,
};
use crate::aws::{
    agentcore::ApiDocument,
    cognito::AppClient,
    wait::{self, Cause, Stop},
};

/// Outputs of finished steps, found or created, for the steps that depend on them.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    pub role_arn: Option<String>,
    pub function_role_arn: Option<String>,
    pub pool_id: Option<String>,
    pub domain: Option<String>,
    pub client: Option<AppClient>,
    /// How to request tokens for that client.
    pub tokens: Option<TokenRequest>,
    /// Whether one was issued.
    pub token_issued: bool,
    pub function_arn: Option<String>,
    pub gateway: Option<ApiDocument>,
    /// The log group of the gateway's own logs, if it was created together with the gateway.
    pub gateway_log_group: Option<LogGroup>,
    /// By name.
    pub targets: BTreeMap<String, ApiDocument>,
    /// ARNs of the credential providers that were created or updated, by target name.
    pub providers: BTreeMap<String, String>,
    /// When those that were updated were, in Unix milliseconds, by target name.
    pub providers_updated: BTreeMap<String, i64>,
    /// Duplicates may exist: the response to a create request was lost, or another run raced this one.
    pub outcome_unknown: bool,
    pub delivers_logs: bool,
    /// Whether any step changed anything.
    pub changed: bool,
    /// What is not delivered to CloudWatch, by reason.
    pub undelivered: BTreeMap<String, Vec<&'static str>>,
    pub warnings: Vec<String>,
}

impl Outputs {
    pub fn role_arn(&self) -> Result<&str, Error> {
        self.role_arn.as_deref().ok_or(Error::PlanForgot("execution role"))
    }

    pub fn function_role_arn(&self) -> Result<&str, Error> {
        self.function_role_arn.as_deref().ok_or(Error::PlanForgot("function role"))
    }

    pub fn pool_id(&self) -> Result<&str, Error> {
        self.pool_id.as_deref().ok_or(Error::PlanForgot("user pool"))
    }

    pub fn domain(&self) -> Result<&str, Error> {
        self.domain.as_deref().ok_or(Error::PlanForgot("domain"))
    }

    pub fn client(&self) -> Result<&AppClient, Error> {
        self.client.as_ref().ok_or(Error::PlanForgot("app client"))
    }

    pub fn function_arn(&self) -> Result<&str, Error> {
        self.function_arn.as_deref().ok_or(Error::PlanForgot("function"))
    }

    pub fn gateway(&self) -> Result<&ApiDocument, Error> {
        self.gateway.as_ref().ok_or(Error::PlanForgot("gateway"))
    }
}

impl Outputs {
    /// Warnings about optional work that was not done, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let undelivered = self.undelivered.iter().map(|(why, what)| {
            let mut what = what.clone();
            what.sort_unstable();
            format!("the gateway's {} are not delivered: {why}", what.join(" and "))
        });
        self.warnings.iter().cloned().chain(undelivered).collect()
    }
}

/// The result of creating a log group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogGroup {
    New,
    /// It already existed.
    Old,
}

/// The output of one step.
#[derive(Debug)]
pub enum Output {
    Role(String),
    FunctionRole(String),
    Pool {
        id: String,
        outcome_unknown: bool,
    },
    Domain(String),
    Client {
        client: AppClient,
        outcome_unknown: bool,
    },
    Function(String),
    Gateway {
        document: ApiDocument,
        log_group: Option<LogGroup>,
    },
    Target(ApiDocument),
    Provider {
        target: String,
        arn: String,
        updated: Option<i64>,
    },
    /// How to request tokens, and what came of it.
    Tokens(TokenRequest, Issued),
    DeliversLogs,
    /// What was not done, in one sentence.
    Warning(String),
    /// Logs or traces are not delivered, and why.
    Undelivered(&'static str, String),
    Nothing,
}

/// Whether a token was issued.
#[derive(Debug, PartialEq, Eq)]
pub enum Issued {
    Yes,
    /// Why this endpoint issues none.
    No(String),
    NotAsked,
}

impl Outputs {
    fn record(&mut self, output: Output) {
        match output {
            Output::Role(arn) => self.role_arn = Some(arn),
            Output::FunctionRole(arn) => self.function_role_arn = Some(arn),
            Output::Pool { id, outcome_unknown } => {
                self.pool_id = Some(id);
                self.outcome_unknown |= outcome_unknown;
            }
            Output::Domain(domain) => self.domain = Some(domain),
            Output::Client { client, outcome_unknown } => {
                self.client = Some(client);
                self.outcome_unknown |= outcome_unknown;
            }
            Output::Function(arn) => self.function_arn = Some(arn),
            Output::Gateway { document, log_group } => {
                self.gateway = Some(document);
                self.gateway_log_group = log_group;
            }
            Output::Target(document) => drop(self.targets.insert(document.name().to_owned(), document)),
            Output::Provider { target, arn, updated } => {
                self.providers_updated.extend(updated.map(|updated| (target.clone(), updated)));
                self.providers.insert(target, arn);
            }
            Output::Tokens(request, issued) => {
                self.tokens = Some(request);
                self.token_issued = issued == Issued::Yes;
                if let Issued::No(warning) = issued {
                    self.warnings.push(warning);
                }
            }
            Output::DeliversLogs => self.delivers_logs = true,
            Output::Warning(warning) => self.warnings.push(warning),
            Output::Undelivered(what, why) => self.undelivered.entry(why).or_default().push(what),
            Output::Nothing => {}
        }
    }
}

/// Concurrent target operations per gateway (AgentCore developer guide, "Quotas for Amazon Bedrock AgentCore").
pub const TARGETS_AT_ONCE: usize = 5;

/// Creations and updates of targets that start in a second (AgentCore developer guide, "Quotas": 5 each).
const TARGETS_A_SECOND: usize = 5;

/// When target operations may start: at once, and not more than [`TARGETS_A_SECOND`] in any second.
#[derive(Debug, Default)]
struct Pace(VecDeque<Instant>);

impl Pace {
    /// When the next one may start.
    fn next(&mut self) -> Instant {
        let full = if self.0.len() < TARGETS_A_SECOND { None } else { self.0.pop_front() };
        let start = full.map_or_else(Instant::now, |first| Instant::now().max(first + Duration::from_secs(1)));
        self.0.push_back(start);
        start
    }
}

/// Executes steps: against AWS, or against a fake in tests.
pub trait World {
    /// On `Ok`, the step's resource is in its desired state.
    fn ensure(&self, step: &Step, made: Outputs) -> impl Future<Output = Result<(Change, Output), Error>>;
}

/// Executes a plan, starting from the outputs in `made`. The first error ends the waits of concurrent steps,
/// through `stop`.
pub async fn apply(
    plan: &Plan,
    world: &impl World,
    observer: &dyn Observer,
    stop: &Stop,
    mut made: Outputs,
) -> Result<Outputs, Error> {
    let mut waiting: Vec<usize> = (0..plan.steps.len()).collect();
    let mut done = vec![false; plan.steps.len()];
    let mut running = FuturesUnordered::new();
    let mut targets_running = 0;
    let mut pace = Pace::default();
    let mut failed: Option<Error> = None;
    loop {
        if let Some(cause) = stop.cause().filter(|_| failed.is_none()) {
            failed = Some(Error::of_stop(cause));
        }
        if failed.is_none() {
            let is_target = |index: usize| plan.steps[index].resource.kind == ResourceKind::Target;
            let (ready, later): (Vec<usize>, Vec<usize>) = waiting.into_iter().partition(|index| {
                let is_ready = plan.steps[*index].needs.iter().all(|need| done[*need]);
                let has_room = !is_target(*index) || targets_running < TARGETS_AT_ONCE;
                targets_running += usize::from(is_ready && has_room && is_target(*index));
                is_ready && has_room
            });
            waiting = later;
            for index in ready {
                let is_paced = is_target(index) && plan.steps[index].action != Action::Keep;
                let start = is_paced.then(|| pace.next());
                let begun = carry_out(world, observer, index, &plan.steps[index], made.clone());
                // Boxed: the SDK's futures are large.
                running.push(Box::pin(async move {
                    match start {
                        None => begun.await,
                        Some(start) => match wait::until_moment(start, stop).await {
                            Ok(()) => begun.await,
                            Err(error) => (index, Err(error.into())),
                        },
                    }
                }));
            }
        }
        let Some((index, outcome)) = running.next().await else { break };
        let resource = plan.steps[index].resource.clone();
        targets_running -= usize::from(resource.kind == ResourceKind::Target);
        match outcome {
            Ok((change, output, took)) => {
                done[index] = true;
                made.changed |= !matches!(change, Change::Unchanged);
                made.record(output);
                observer.on_event(Event::Finished(resource, change, took));
            }
            Err(error) => {
                if error.is_stop() {
                    failed.get_or_insert(Error::of_stop(stop.cause().unwrap_or(Cause::Request)));
                } else {
                    // A race is not a failure: the caller discovers the stack again.
                    observer.on_event(if matches!(error, Error::Raced) {
                        Event::Finished(resource, Change::Unchanged, Duration::ZERO)
                    } else {
                        Event::Failed(resource)
                    });
                    failed.get_or_insert(error);
                }
                // After a race, let the running steps finish: the next discovery then sees more.
                if !matches!(failed, Some(Error::Raced)) {
                    stop.request();
                }
            }
        }
    }
    made.warnings().into_iter().for_each(|warning| observer.on_event(Event::Warning(warning)));
    match failed {
        None => Ok(made),
        Some(error) => Err(error),
    }
}

async fn carry_out(
    world: &impl World,
    observer: &dyn Observer,
    index: usize,
    step: &Step,
    made: Outputs,
) -> (usize, Result<(Change, Output, Duration), Error>) {
    let begin = Instant::now();
    observer.on_event(Event::Started(step.resource.clone()));
    tracing::debug!(resource = %step.resource, change = ?step.action, "step");
    let outcome = world.ensure(step, made).await;
    (index, outcome.map(|(change, output)| (change, output, begin.elapsed())))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::{model::spec::AuthorizerSpec, ops::Resource};

    /// Counts the steps that were done.
    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Observer for Counter {
        fn on_event(&self, event: Event) {
            if matches!(event, Event::Finished(..)) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// Every step takes a second; one may fail.
    struct FakeWorld {
        fails: Option<usize>,
        order: Mutex<Vec<String>>,
    }

    impl World for FakeWorld {
        async fn ensure(&self, step: &Step, _: Outputs) -> Result<(Change, Output), Error> {
            wait::until_moment(Instant::now() + Duration::from_secs(1), &Stop::default()).await.unwrap();
            self.order.lock().unwrap().push(step.resource.name.clone());
            if self.fails.is_some_and(|index| step.resource.name == index.to_string()) {
                return Err(Error::NotFound("fake".to_owned()));
            }
            Ok((Change::Created, Output::Nothing))
        }
    }

    /// 0 and 1 first, 2 after 0, 3 after both 1 and 2.
    fn diamond() -> Plan {
        let needs: [&[usize]; 4] = [&[], &[], &[0], &[1, 2]];
        let step = |(index, needs): (usize, &&[usize])| Step {
            resource: Resource::new(ResourceKind::Role, index.to_string()),
            action: Action::Create,
            needs: needs.to_vec(),
            target: None,
            policy: None,
            narrows: false,
            members: Vec::new(),
        };
        Plan {
            steps: needs.iter().enumerate().map(step).collect(),
            existing_role: None,
            authorizer: AuthorizerSpec::None,
            interrupted: false,
            warnings: Vec::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn five_targets_of_a_gateway_are_made_at_once_and_five_in_a_second() {
        let mut plan = diamond();
        let one = plan.steps.remove(0);
        plan.steps = (0..12)
            .map(|index| Step { resource: Resource::new(ResourceKind::Target, index.to_string()), ..one.clone() })
            .collect();
        let world = FakeWorld { fails: None, order: Mutex::default() };
        let begin = Instant::now();
        apply(&plan, &world, &Counter::default(), &Stop::default(), Outputs::default()).await.unwrap();
        assert_eq!(begin.elapsed(), Duration::from_secs(3), "five, five and two");
        let mut pace = Pace::default();
        let starts: Vec<u64> = (0..12).map(|_| (pace.next() - begin).as_secs()).collect();
        assert_eq!(starts, [3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_run_at_once_does() {
        let world = FakeWorld { fails: None, order: Mutex::default() };
        let begin = Instant::now();
        apply(&diamond(), &world, &Counter::default(), &Stop::default(), Outputs::default()).await.unwrap();
        assert_eq!(begin.elapsed(), Duration::from_secs(3));
        assert_eq!(world.order.into_inner().unwrap(), ["0", "1", "2", "3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_error_nothing_new_starts_and_what_runs_finishes() {
        // Step 0 ends before step 1 does, so step 2 runs already when step 1 fails.
        for (fails, ran) in
            [(0, vec!["0", "1"]), (1, vec!["0", "1", "2"]), (2, vec!["0", "1", "2"]), (3, vec!["0", "1", "2", "3"])]
        {
            let world = FakeWorld { fails: Some(fails), order: Mutex::default() };
            let counter = Counter::default();
            apply(&diamond(), &world, &counter, &Stop::default(), Outputs::default()).await.unwrap_err();
            assert_eq!(world.order.into_inner().unwrap(), ran, "step {fails} fails");
            assert_eq!(counter.0.into_inner(), ran.len() - 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_request_lets_running_steps_finish() {
        let world = FakeWorld { fails: None, order: Mutex::default() };
        let stop = Stop::default();
        let (plan, stopping) = (diamond(), stop.clone());
        let counter = Counter::default();
        let applied = apply(&plan, &world, &counter, &stop, Outputs::default());
        let ((), outcome) = tokio::join!(
            async move {
                let later = Instant::now() + Duration::from_millis(500);
                wait::until_moment(later, &Stop::default()).await.unwrap();
                stopping.request();
            },
            applied
        );
        assert!(matches!(outcome.unwrap_err(), Error::Interrupted));
        assert_eq!(counter.0.into_inner(), 2);
    }
}
