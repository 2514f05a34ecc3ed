//! The one error type that users see: what failed, why, what exists now, and what to do next.

use std::fmt::Write as _;

use crate::{
    aws::{
        self, Class,
        denied::{Denied, Whose},
    },
    ops::{self, Resource},
};

/// The hint for a command that changes nothing and timed out.
const MORE_TIME: &str = "a longer `--timeout` gives it more time";

/// Exit codes; README has the table.
pub mod exit {
    pub const DONE: u8 = 0;
    pub const FAILED: u8 = 1;
    pub const USAGE: u8 = 2;
    pub const INCOMPLETE: u8 = 3;
    pub const DENIED: u8 = 4;
    pub const NOT_FOUND: u8 = 5;
    pub const TIMED_OUT: u8 = 6;
    /// A dry run found something to do, and was asked to say so.
    pub const DIFFERENT: u8 = 10;
    pub const BUG: u8 = 70;
    pub const INTERRUPTED: u8 = 130;
}

/// The kind of an error, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line does not parse, or contradicts itself.
    Usage,
    /// A value or a file that was given is not valid.
    InvalidInput,
    NoRegion,
    NoCredentials,
    AccessDenied,
    Unreachable,
    NotFound,
    /// A name is taken by another owner's resource.
    Conflict,
    TimedOut,
    Incomplete,
    Interrupted,
    Failed,
    Bug,
}

impl ErrorKind {
    /// The stable string in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::InvalidInput => "invalid_input",
            Self::NoRegion => "no_region",
            Self::NoCredentials => "no_credentials",
            Self::AccessDenied => "access_denied",
            Self::Unreachable => "unreachable",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::TimedOut => "timed_out",
            Self::Incomplete => "incomplete",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Bug => "internal",
        }
    }

    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage | Self::InvalidInput | Self::NoRegion => exit::USAGE,
            Self::NoCredentials | Self::AccessDenied => exit::DENIED,
            Self::Unreachable | Self::Conflict | Self::Failed => exit::FAILED,
            Self::NotFound => exit::NOT_FOUND,
            Self::TimedOut => exit::TIMED_OUT,
            Self::Incomplete => exit::INCOMPLETE,
            Self::Interrupted => exit::INTERRUPTED,
            Self::Bug => exit::BUG,
        }
    }
}

/// An error to show to the user.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: ErrorKind,
    /// A lower-case fragment that fits after `error: `.
    pub message: String,
    /// Details, one line each.
    pub causes: Vec<String>,
    /// The next command to run, or the flag to use.
    pub hint: Option<String>,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hint: None }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// An error of a change, with what the run created, and how to continue or undo. `again` is the command that
    /// continues, `undo` the one that removes what was created, if there is one.
    #[must_use]
    pub fn of_change(mut self, made: &[Resource], again: &str, undo: Option<&str>) -> Self {
        self.causes.extend(made.iter().map(|resource| format!("exists now: {resource}")));
        let of_the_matter = self.hint.take().filter(|_| self.kind != ErrorKind::TimedOut);
        let mut hint = match of_the_matter {
            // Nothing was created: the hint about the cause is sufficient.
            Some(hint) if made.is_empty() => hint,
            // The hint says how to run it again.
            Some(hint) if hint.contains(&format!("`{again} ")) => hint,
            Some(hint) => format!("{hint}; then run `{again}` again to go on"),
            None => format!("run `{again}` again to go on"),
        };
        if let Some(undo) = undo.filter(|_| !made.is_empty()) {
            let _ = write!(hint, ", or `{undo}` to remove what this run made");
        }
        self.hint = Some(hint);
        self
    }
}

impl From<aws::Error> for Error {
    fn from(error: aws::Error) -> Self {
        let (kind, hint) = match error.class {
            Class::Credentials => (
                ErrorKind::NoCredentials,
                Some(
                    "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or add `--local` to work without an account",
                ),
            ),
            Class::Denied => {
                (ErrorKind::AccessDenied, Some("ask for the permission, or choose another identity with `--profile`"))
            }
            Class::Unreachable if error.service == "STS" => (
                ErrorKind::Unreachable,
                Some(
                    "check the network; or name the account: AWS_ACCOUNT_ID with keys in the environment, aws_account_id in a profile",
                ),
            ),
            Class::Unreachable => (
                ErrorKind::Unreachable,
                Some("check the network, `--region` and `--endpoint-url`; with `--local`, run the same command again"),
            ),
            Class::TimedOut => (ErrorKind::TimedOut, Some(MORE_TIME)),
            Class::Stopped => (ErrorKind::Interrupted, None),
            Class::NotFound => (ErrorKind::NotFound, None),
            Class::Exists => (ErrorKind::Conflict, None),
            Class::NotOffered => (ErrorKind::Failed, Some("this endpoint does not offer that; AWS itself may")),
            Class::Throttled | Class::Other => (ErrorKind::Failed, None),
        };
        let mut shown = Self::new(kind, error.to_string());
        if let Some(code) = &error.code {
            shown.causes.push(format!("error type: {code}"));
        }
        if let Some(id) = &error.request_id {
            shown.causes.push(format!("request id: {id}"));
        }
        shown.hint = hint.map(str::to_owned);
        if error.class == Class::Other && error.code.as_deref() == Some("ValidationException") {
            shown.hint = Some("correct what AWS does not take".to_owned());
        }
        if let Some(denied) = Denied::read(&error.message) {
            shown.hint = Some(denied.remedy());
        }
        // IAM quotas: 50 tags per role. The stack's own two count, and one for each credential provider.
        if error.code.as_deref() == Some("LimitExceeded") && error.operation == "TagRole" {
            let hint = "the execution role has as many tags as a role may have (50), one for each credential provider: \
                        bring the providers of further targets with `--credential-provider`";
            shown.hint = Some(hint.to_owned());
        }
        // A role's inline policies may total 10,240 characters (IAM quotas).
        if error.code.as_deref() == Some("LimitExceeded") && shown.message.contains("policy size") {
            shown.hint = Some("let the role do less: name what is needed with `--allow-action`".to_owned());
        }
        shown
    }
}

impl From<ops::Error> for Error {
    fn from(error: ops::Error) -> Self {
        let message = error.to_string();
        match error {
            ops::Error::Aws(error) => error.into(),
            ops::Error::ForeignGateway(_) => Self::new(ErrorKind::Conflict, message)
                .with_hint("choose another name, or add `--adopt` to use it (it will never be deleted)"),
            ops::Error::Foreign(_) => Self::new(ErrorKind::Conflict, message).with_hint("choose another gateway name"),
            ops::Error::NotFound(_) => Self::new(ErrorKind::NotFound, message)
                .with_hint("check the name, `--region`, `--profile` and `--local`"),
            ops::Error::NotFoundNear { ref near, .. } => {
                Self::new(ErrorKind::NotFound, message).with_hint(format!("did you mean `{near}`?"))
            }
            ops::Error::NoClient(_) => Self::new(ErrorKind::NotFound, message)
                .with_hint("get a token from the provider that the gateway trusts; `get` shows its authorizer"),
            ops::Error::Transport(ref error) if error.is_timeout() => {
                Self::new(ErrorKind::TimedOut, message).with_hint(MORE_TIME)
            }
            ops::Error::Transport(_) => Self::new(ErrorKind::Unreachable, message),
            ops::Error::Interrupted => Self::new(ErrorKind::Interrupted, message),
            ops::Error::OutOfTime => Self::new(ErrorKind::TimedOut, message).with_hint(MORE_TIME),
            ops::Error::NotOfCognito(_) => {
                Self::new(ErrorKind::Conflict, message).with_hint("add `--authorizer jwt` and `--discovery-url`")
            }
            ops::Error::OtherAuthorizer { ref name, .. } => {
                let hint = format!("choose another name, or make it anew: first `agentcore-gw cleanup {name}`");
                Self::new(ErrorKind::Conflict, message).with_hint(hint)
            }
            ops::Error::UnknownResource { ref service, .. } => {
                let arn = if service == "lambda" {
                    "arn:aws:lambda:REGION:ACCOUNT:function:NAME"
                } else {
                    "arn:aws:execute-api:REGION:ACCOUNT:API/*"
                };
                Self::new(ErrorKind::Usage, message).with_hint(format!("add `--iam-resource {arn}`"))
            }
            ops::Error::PolicyTooLong { largest, .. } => {
                let hint = if largest == "smithy" {
                    "let the role do less: name what is needed with `--allow-action`, which takes wildcards, such as \
                     `--allow-action 'ec2:Describe*'`"
                } else {
                    "remove targets that are not needed, or make another gateway for some of them"
                };
                Self::new(ErrorKind::InvalidInput, message).with_hint(hint)
            }
            ops::Error::OtherKind { ref name, ref gateway, .. } => {
                let remove = format!("agentcore-gw target remove {name} --gateway {gateway}");
                Self::new(ErrorKind::Conflict, message)
                    .with_hint(format!("choose another name, or remove that target first: `{remove}`"))
            }
            ops::Error::ClientGone { ref gateway, .. } => {
                let hint = format!("`agentcore-gw create {gateway}` makes a new one");
                Self::new(ErrorKind::NotFound, message).with_hint(hint)
            }
            ops::Error::OtherScopes { ref client, ref gateway, .. } => {
                let hint = format!("`agentcore-gw client remove {gateway} {client}` removes it; then add it anew");
                Self::new(ErrorKind::Conflict, message).with_hint(hint)
            }
            ops::Error::NoConsumer { ref gateway, .. } => {
                let hint = format!("`agentcore-gw client list {gateway}` shows those that there are");
                Self::new(ErrorKind::NotFound, message).with_hint(hint)
            }
            ops::Error::RotationOpen { ref client, ref gateway } => {
                let rotate = format!("agentcore-gw client rotate {gateway} {client}");
                Self::new(ErrorKind::Conflict, message).with_hint(format!(
                    "once everybody has the newer one, `{rotate} --finish` deletes the older; `{rotate} --replace` makes \
                     another newer one, if nobody has it"
                ))
            }
            ops::Error::SecretGone { ref gateway, ref consumer, .. } => {
                let hint = match consumer {
                    Some(name) => format!("`agentcore-gw client rotate {gateway} {name}` gives it another one"),
                    None => {
                        format!("`agentcore-gw client add {gateway} NAME` makes another client, with its own secret")
                    }
                };
                Self::new(ErrorKind::Conflict, message).with_hint(hint)
            }
            ops::Error::PlanForgot(_) => Self::new(ErrorKind::Bug, message),
            ops::Error::Refused { .. } => Self::new(ErrorKind::AccessDenied, message),
            ops::Error::Failed { ref reasons, .. } => {
                // A server that announces resources must have both lists.
                let lacking = ["resources/templates/list", "resources/list"];
                let lacking = lacking.iter().find(|method| {
                    [format!("Method not found: {method}"), format!("{method}: ")]
                        .iter()
                        .any(|said| reasons.contains(said))
                });
                let hint = lacking.map(|method| {
                    format!(
                        "let the server answer {method}, with an empty list where it has none, or announce no resources"
                    )
                });
                let denied = Denied::read(reasons);
                let is_callers = denied.as_ref().is_some_and(|denied| denied.whose == Whose::Caller);
                let kind = if is_callers { ErrorKind::AccessDenied } else { ErrorKind::Failed };
                Self { hint: hint.or_else(|| denied.map(|denied| denied.remedy())), ..Self::new(kind, message) }
            }
            ops::Error::Token { .. }
            | ops::Error::TokenCommand { .. }
            | ops::Error::NotOAuth { .. }
            | ops::Error::Mcp { .. }
            | ops::Error::McpRefused { .. }
            | ops::Error::Raced => Self::new(ErrorKind::Failed, message),
        }
    }
}

impl From<crate::config::Error> for Error {
    fn from(error: crate::config::Error) -> Self {
        let kind = match error {
            crate::config::Error::TwoPlaces => ErrorKind::Usage,
            crate::config::Error::Variable { .. } | crate::config::Error::UserInAddress(_) => ErrorKind::InvalidInput,
        };
        Self::new(kind, error.to_string())
    }
}
