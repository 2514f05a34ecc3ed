//! The operations behind the commands: discover a stack, plan the changes to its desired state, and apply them.
//!
//! This module does not print, prompt or read the environment. Whether the endpoint is AWS or an emulator
//! matters only to the Cognito steps, and where an emulator does not support an operation.

pub mod apply;
pub mod bridge;
pub mod cleanup;
pub mod consumers;
pub mod converge;
pub mod doctor;
pub mod event;
pub mod find;
pub mod health;
pub mod logs;
pub mod mcp;
pub mod openid;
pub mod plan;
pub mod repair;
pub mod run;
pub mod stack;
pub mod sync;
pub mod token;
pub mod world;

use std::fmt;

use crate::aws::{self, agentcore::ApiDocument};

/// The kinds of resource in a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    Role,
    BasePolicy,
    Grant,
    Provider,
    /// A tag of the role that tells whether a credential provider's secret is the same.
    Fingerprint,
    UserPool,
    Domain,
    ResourceServer,
    AppClient,
    /// An app client of a further consumer.
    Consumer,
    TokenEndpoint,
    FunctionRole,
    FunctionPolicy,
    LogGroup,
    Function,
    Gateway,
    Target,
    AccessLogs,
    Traces,
    Orphans,
}

impl ResourceKind {
    /// Human-readable name of the kind.
    pub fn label(self) -> &'static str {
        match self {
            Self::Role => "execution role",
            Self::BasePolicy => "role policy",
            Self::Grant => "role permissions",
            Self::Provider => "credential provider",
            Self::Fingerprint => "fingerprint",
            Self::UserPool => "user pool",
            Self::Domain => "user pool domain",
            Self::ResourceServer => "resource server",
            Self::AppClient => "app client",
            Self::Consumer => "app client of a consumer",
            Self::TokenEndpoint => "token endpoint",
            Self::FunctionRole => "function role",
            Self::FunctionPolicy => "function policy",
            Self::LogGroup => "log group",
            Self::Function => "sample function",
            Self::Gateway => "gateway",
            Self::Target => "target",
            Self::AccessLogs => "log delivery",
            Self::Traces => "trace delivery",
            Self::Orphans => "leftovers",
        }
    }
}

/// One resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub kind: ResourceKind,
    pub name: String,
}

impl Resource {
    pub fn new(kind: ResourceKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind.label(), self.name)
    }
}

impl Error {
    /// `Failed`, with the status and reasons that AWS reports.
    pub(crate) fn of_state(kind: ResourceKind, document: &ApiDocument) -> Self {
        let reasons: Vec<&str> = document.status_reasons().collect();
        Self::Failed {
            resource: Resource::new(kind, document.name()),
            status: document.status().to_owned(),
            reasons: if reasons.is_empty() { "AWS gives no reason".to_owned() } else { reasons.join("; ") },
        }
    }
}

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// A gateway of this name exists that agentcore-gw does not manage.
    #[error("a gateway named `{0}` exists and is not managed by agentcore-gw")]
    ForeignGateway(String),
    /// A resource with a name of this stack exists and has another owner.
    #[error("{0} exists and does not belong to this stack")]
    Foreign(Resource),
    /// AWS accepted the request, and the resource ended in a failed status.
    #[error("{resource} is {status}: {reasons}")]
    Failed { resource: Resource, status: String, reasons: String },
    #[error("no gateway named `{0}` was found")]
    NotFound(String),
    /// As [`Self::NotFound`], but another one has nearly the same name.
    #[error("no gateway named `{given}` was found")]
    NotFoundNear { given: String, near: String },
    /// Allowed clients were given, but the gateway's authorizer is not a user pool of agentcore-gw.
    #[error("the gateway `{0}` does not take its clients from a user pool of agentcore-gw")]
    NotOfCognito(String),
    /// A target of this name exists with another kind: `kind` is its `targetType` in a list.
    #[error("a target `{name}` is there, and of another kind ({kind})")]
    OtherKind { name: String, kind: String, gateway: String },
    /// The gateway's role signs requests to the target, but the resource at its address, and so the permission to
    /// grant, is unknown.
    #[error("the address of `{target}` does not tell which {} the gateway's role is to call", if service == "lambda" { "function" } else { "API" })]
    UnknownResource { target: String, service: String },
    /// A role's inline policies may total 10,240 characters (IAM quotas).
    #[error(
        "the policies of the gateway's role would come to {size} characters, most of them for {largest}, and IAM takes 10,240"
    )]
    PolicyTooLong { size: usize, largest: &'static str },
    /// AWS: "Authorizer type cannot be updated for an existing gateway" (cloudformation-coverage-roadmap#2578,
    /// terraform-provider-aws#44812), although the service model documents an updated type.
    #[error("the gateway `{name}` has the authorizer {existing}; AWS changes no gateway's to {wanted}")]
    OtherAuthorizer { name: String, existing: String, wanted: String },
    /// The stack's app client that the gateway allows was deleted.
    #[error("the client `{client}` of the gateway `{gateway}` is gone")]
    ClientGone { gateway: String, client: String },
    /// The gateway has no app client of this stack, so there are no credentials to return.
    #[error("the gateway `{0}` has no Cognito client of agentcore-gw")]
    NoClient(String),
    /// A consumer of this name has other scopes.
    #[error("the client `{client}` is there, with the scopes {has}")]
    OtherScopes { client: String, gateway: String, has: String },
    #[error("the gateway `{gateway}` has no client `{client}`")]
    NoConsumer { client: String, gateway: String },
    /// Two secrets of a consumer are valid, and only its user knows which are in use.
    #[error("the client `{client}` has two secrets already, the most that Cognito keeps")]
    RotationOpen { client: String, gateway: String },
    /// Cognito shows only the secret that a client was made with, and that one was deleted.
    #[error(
        "nobody can read the secret of the client `{client}` of the gateway `{gateway}`: Cognito shows only the one that it was made with, and that is deleted"
    )]
    SecretGone { gateway: String, client: String, consumer: Option<String> },
    /// The user's command that prints a token failed. It may contain a secret.
    #[error("the token command gives no token: {problem}")]
    TokenCommand { problem: String },
    #[error("the token endpoint {endpoint} refused: {answer}")]
    Token { endpoint: String, answer: String },
    #[error("{endpoint} did not answer as a token endpoint: HTTP {status}")]
    NotOAuth { endpoint: String, status: u16 },
    /// The gateway returned a JSON-RPC error with this message.
    #[error("the gateway refused {method}: {message}")]
    McpRefused { method: String, message: String },
    /// The gateway rejected the caller (HTTP 401 or 403).
    #[error("{url} refused the caller: HTTP {status}, {said}")]
    Refused { url: String, status: u16, said: String },
    #[error("{url} did not answer as an MCP server: {problem}")]
    Mcp { url: String, problem: String },
    #[error(transparent)]
    Transport(#[from] crate::http::TransportError),
    /// Another run is creating the same stack: discover the stack again and replan.
    #[error("another run is making the same stack")]
    Raced,
    #[error("interrupted")]
    Interrupted,
    /// The command's timeout elapsed.
    #[error("timed out")]
    OutOfTime,
    /// A step ran before its prerequisite: a bug in the plan.
    #[error("internal error: a step needs the {0}, and the plan did not make it first")]
    PlanForgot(&'static str),
}

impl Error {
    /// Whether the error only reports that the operation was interrupted.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Interrupted) || matches!(self, Self::Aws(error) if error.class == aws::Class::Stopped)
    }

    /// The error for a run that was stopped by `cause`.
    pub fn of_stop(cause: aws::wait::Cause) -> Self {
        match cause {
            aws::wait::Cause::Request => Self::Interrupted,
            aws::wait::Cause::Timeout => Self::OutOfTime,
        }
    }
}
