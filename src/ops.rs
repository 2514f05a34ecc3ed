//! What the commands do: discover a stack, plan the way from what is to what should be, and go it.
//!
//! Nothing here prints, prompts, reads the environment, or knows whether AWS is Amazon's or local.

pub mod apply;
pub mod cleanup;
pub mod converge;
pub mod event;
pub mod health;
pub mod mcp;
pub mod plan;
pub mod stack;
pub mod sync;
pub mod token;
pub mod world;

use std::fmt;

use crate::aws::{self, agentcore::Document};

/// What a stack consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Role,
    BasePolicy,
    Grant,
    Provider,
    UserPool,
    Domain,
    ResourceServer,
    AppClient,
    TokenEndpoint,
    FunctionRole,
    FunctionPolicy,
    LogGroup,
    Function,
    Gateway,
    Target,
    AccessLogs,
    Traces,
    Surplus,
}

impl Kind {
    /// The kind in words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Role => "execution role",
            Self::BasePolicy => "role policy",
            Self::Grant => "role policy for targets",
            Self::Provider => "credential provider",
            Self::UserPool => "user pool",
            Self::Domain => "user pool domain",
            Self::ResourceServer => "resource server",
            Self::AppClient => "app client",
            Self::TokenEndpoint => "token endpoint",
            Self::FunctionRole => "function role",
            Self::FunctionPolicy => "function policy",
            Self::LogGroup => "log group",
            Self::Function => "sample function",
            Self::Gateway => "gateway",
            Self::Target => "target",
            Self::AccessLogs => "log delivery",
            Self::Traces => "trace delivery",
            Self::Surplus => "leftovers",
        }
    }
}

/// One thing of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub kind: Kind,
    pub name: String,
}

impl Resource {
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind.label(), self.name)
    }
}

impl Error {
    /// AWS gave up, in its own words.
    pub(crate) fn of_state(kind: Kind, document: &Document) -> Self {
        let reasons: Vec<&str> = document.status_reasons().collect();
        Self::Failed {
            resource: Resource::new(kind, document.name()),
            status: document.status().to_owned(),
            reasons: if reasons.is_empty() { "AWS gives no reason".to_owned() } else { reasons.join("; ") },
        }
    }
}

/// Why an operation did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// A gateway of this name is somebody else's.
    #[error("a gateway named `{0}` exists and is not managed by agentcore-gw")]
    ForeignGateway(String),
    /// A name of ours is somebody else's.
    #[error("{0} exists and does not belong to this stack")]
    Foreign(Resource),
    /// AWS tried and gave up.
    #[error("{resource} is {status}: {reasons}")]
    Failed { resource: Resource, status: String, reasons: String },
    #[error("no gateway named `{0}` was found")]
    NotFound(String),
    /// Allowed clients were named, and it is not a user pool that gives them out.
    #[error("the gateway `{0}` does not take its clients from a user pool of agentcore-gw")]
    NotOfCognito(String),
    /// A target of this name is of another kind: the member of the API's `targetConfiguration.mcp`.
    #[error("a target `{name}` is there, and of another kind ({kind})")]
    OtherKind { name: String, kind: String },
    /// The role signs for an address, and what is there, so what it is to be allowed, is not known.
    #[error("the address of `{target}` does not tell which {} the gateway's role is to call", if service == "lambda" { "function" } else { "API" })]
    UnknownResource { target: String, service: String },
    /// The role's own policies may have 10,240 characters together (IAM quotas).
    #[error(
        "the policies of the gateway's role would come to {size} characters, most of them for {largest}, and IAM takes 10,240"
    )]
    PolicyTooLong { size: usize, largest: &'static str },
    /// AWS: "Authorizer type cannot be updated for an existing gateway" (cloudformation-coverage-roadmap#2578,
    /// terraform-provider-aws#44812), though the service model speaks of an updated one.
    #[error("the gateway `{name}` has the authorizer {existing}; AWS changes no gateway's to {wanted}")]
    OtherAuthorizer { name: String, existing: String, wanted: &'static str },
    /// The app client of ours that the gateway allows was deleted.
    #[error("the client `{client}` of the gateway `{gateway}` is gone")]
    ClientGone { gateway: String, client: String },
    /// The gateway has no app client of ours, so there are no credentials to hand out.
    #[error("the gateway `{0}` has no Cognito client of agentcore-gw")]
    NoClient(String),
    #[error("the token endpoint {endpoint} refused: {answer}")]
    Token { endpoint: String, answer: String },
    #[error("{endpoint} did not answer as a token endpoint: HTTP {status}")]
    NotOAuth { endpoint: String, status: u16 },
    /// A JSON-RPC error, in the gateway's words.
    #[error("the gateway refused {method}: {message}")]
    McpRefused { method: String, message: String },
    /// The gateway does not let the caller in.
    #[error("{url} refused the caller: HTTP {status}, {said}")]
    Refused { url: String, status: u16, said: String },
    #[error("{url} did not answer as an MCP server: {problem}")]
    Mcp { url: String, problem: String },
    #[error(transparent)]
    NoAnswer(#[from] crate::http::NoAnswer),
    /// Another run makes the same stack at this moment; what it made is to be looked at anew.
    #[error("another run is making the same stack")]
    Raced,
    #[error("interrupted")]
    Interrupted,
    /// The time for the command was over before it was done.
    #[error("timed out")]
    OutOfTime,
    /// A step ran before something that it needs: a mistake in the plan.
    #[error("internal error: a step needs the {0}, and the plan did not make it first")]
    PlanForgot(&'static str),
}

impl Error {
    /// Whether it says no more than that it was asked to stop.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Interrupted) || matches!(self, Self::Aws(error) if error.class == aws::Class::Stopped)
    }

    /// Nothing failed but that it was to stop.
    pub fn of_stop(cause: aws::wait::Cause) -> Self {
        match cause {
            aws::wait::Cause::Request => Self::Interrupted,
            aws::wait::Cause::Timeout => Self::OutOfTime,
        }
    }
}
