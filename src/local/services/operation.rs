//! Operations, and the functions with which the services' tables declare them.

use serde_json::Value;

use super::{State, answer::Answer, call::Call, shape::Member};
use crate::local::{storage::journal::Event, wire::Route};

/// An operation: where it is found, what input it accepts, and its handler.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Method and path, for REST protocols.
    pub(crate) route: Option<Route>,
    /// The accepted members. Members that AWS accepts but this server does not support are left out on purpose, so
    /// that using one is an error.
    pub(crate) input: &'static [Member],
    pub(crate) run: Run,
    /// Whether it completes what is in progress at AgentCore, as Get and List do (`agentcore::advance`).
    pub(crate) observes: bool,
    /// The kind of resource, if more than the state depends on it.
    pub(crate) resource: Resource,
    /// The code of an input that breaks a constraint, where it is not the service's usual one.
    pub(crate) violation: Option<&'static str>,
    /// Runs on the state before the handler.
    pub(crate) before: fn(&mut State, &Call),
}

/// From the state and an accepted input to the output's members.
pub(crate) type Handler = fn(&mut State, &Call, Value) -> Answer;

/// From the events of the log group that the input names, oldest first, and the input to the output's members.
pub(crate) type EventsHandler = fn(Vec<Event>, Value) -> Answer;

/// How an operation is run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run {
    /// On the state.
    State(Handler),
    /// On events, which are read from disk without holding the state.
    Events(EventsHandler),
    /// By running a Lambda function, which may take minutes.
    Function,
}

/// The kind of resource that an operation is about, if more than the state depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Other,
    /// Outdated execution environments are ended afterwards.
    Functions,
    /// Targets that wait for their MCP server start to be listed afterwards.
    Gateways,
    /// Cached tokens are dropped afterwards.
    CredentialProviders,
}

/// A handler as an operation's [`Run`]: `fn(&mut S, &Call, I) -> Answer` for the state `S` that it needs, and its input.
macro_rules! handler {
    ($handler:expr) => {
        $crate::local::services::operation::Run::State(|state, call, input| {
            $handler(state.as_mut(), call, $crate::local::services::answer::read(input)?)
        })
    };
}
pub(crate) use handler;

/// A handler of events as an operation's [`Run`]: `fn(Vec<Event>, I) -> Answer` for its input.
macro_rules! of_events {
    ($handler:expr) => {
        $crate::local::services::operation::Run::Events(|events, input| {
            $handler(events, $crate::local::services::answer::read(input)?)
        })
    };
}
pub(crate) use of_events;

/// An operation that is routed by its name alone (JSON 1.1, query).
pub(crate) const fn operation(name: &'static str, input: &'static [Member], run: Run) -> Operation {
    Operation {
        name,
        route: None,
        input,
        run,
        observes: false,
        resource: Resource::Other,
        violation: None,
        before: |_, _| {},
    }
}

/// An operation that is routed by method and path, with its success status (restJson1).
pub(crate) const fn rest_operation(
    name: &'static str,
    (method, path, success): (&'static str, &'static str, u16),
    input: &'static [Member],
    run: Run,
) -> Operation {
    operation(name, input, run).at(Route { method, path, query: "", success, payload: false, headers: &[] })
}

impl Operation {
    pub(crate) const fn at(self, route: Route) -> Self {
        Self { route: Some(route), ..self }
    }

    pub(crate) const fn observes(self) -> Self {
        Self { observes: true, ..self }
    }

    pub(crate) const fn on(self, resource: Resource) -> Self {
        Self { resource, ..self }
    }

    pub(crate) const fn before(self, before: fn(&mut State, &Call)) -> Self {
        Self { before, ..self }
    }

    pub(crate) const fn violation(self, code: &'static str) -> Self {
        Self { violation: Some(code), ..self }
    }
}
