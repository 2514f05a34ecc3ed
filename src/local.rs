//! A local AWS: a loopback server that speaks the AWS wire protocols for every call that the
//! command line makes, and serves the gateways for real.
//!
//! It happens to live in this binary and knows nothing of the rest of it but `http` and `model`.
//! Its rooms, each of which names only those before it:
//!
//! | room | what it is |
//! | --- | --- |
//! | `random`, `clock`, `keys`, `http_message`, `listen`, `package` | small tools |
//! | [`storage`] | private files, packages, logs, the state on disk |
//! | `wire`, `sigv4` | the AWS protocols, and what a signature says |
//! | `services` | each AWS service: its state, operations and errors |
//! | `faults` | latency, lag and errors on demand |
//! | `server` | the account: state, time and faults together |
//! | `runtime`, `functions` | processes that run Lambda functions |
//! | `data_plane` | what agents talk to: tokens and gateways |
//! | `admin`, `daemon` | the server in the background, started and stopped by the command line |
//! | `front` | all routes, and the server as a whole |

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

/// The default port.
pub const DEFAULT_PORT: u16 = 7755;
/// The default region of `--local`.
pub const DEFAULT_REGION: &str = "us-west-2";
/// Default timeout of requests to the APIs behind gateways.
pub const UPSTREAM_TIMEOUT: Duration = Duration::from_mins(1);
