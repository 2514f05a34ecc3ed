//! The `agentcore-gw` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    agentcore_gw::main()
}
