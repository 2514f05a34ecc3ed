//! A local AWS emulator: a loopback server that implements the AWS wire protocols for every call that the
//! command line makes, and serves the gateways.
//!
//! It shares only `http` and `model` with the rest of the binary. Its modules, each of which uses only those
//! before it:
//!
//! | module | contents |
//! | --- | --- |
//! | `random`, `clock`, `keys`, `http_message`, `listen`, `package` | helpers |
//! | [`storage`] | private files, packages, logs, the state on disk |
//! | `wire`, `sigv4` | the AWS protocols, and SigV4 |
//! | `services` | each AWS service: its state, operations and errors |
//! | `faults` | injected latency, propagation delay and errors |
//! | `server` | the account: state, time and faults |
//! | `runtime`, `functions` | processes that run Lambda functions |
//! | `data_plane` | token endpoint and gateways |
//! | `admin`, `daemon` | the background server, as the command line starts and stops it |
//! | `front` | the routes, and the server as a whole |

mod admin;
mod clock;
pub mod daemon;
mod data_plane;
mod faults;
mod front;
mod functions;
mod http_message;
mod keys;
mod listen;
mod package;
mod random;
mod runtime;
mod server;
mod services;
mod sigv4;
pub mod storage;
mod wire;

use std::time::Duration;

pub use self::{
    clock::Clock,
    data_plane::Endpoints,
    faults::{Faults, Rule as FaultRule},
    front::{Config, Local, router, serve},
    keys::{DamagedKey, SigningKey},
    runtime::{own_program, supervise},
    services::{NewKey, operations, tables},
};

/// Checks a policy of callers ([`Config::caller_policies`]).
///
/// # Errors
/// What is wrong with it, in IAM's words.
pub fn check_caller_policy(text: &str) -> Result<(), String> {
    services::iam::check_policy(text).map_err(|error| error.message)
}

/// The default port.
pub const DEFAULT_PORT: u16 = 7755;
/// The default region of `--local`.
pub const DEFAULT_REGION: &str = "us-west-2";
/// Default timeout of requests to the APIs behind gateways.
pub const UPSTREAM_TIMEOUT: Duration = Duration::from_mins(1);
