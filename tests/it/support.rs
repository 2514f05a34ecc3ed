//! What the tests share: the program in a HOME of its own, an account in process, fake servers, and fixtures.

pub mod damage;
pub mod difference;
pub mod env;
pub mod fake_api;
pub mod fake_mcp_server;
pub mod fake_server;
pub mod local_gateway;
pub mod reference_server;
pub mod world;
