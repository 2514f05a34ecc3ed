//! The integration tests: one binary, with one file per topic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(unreachable_pub, reason = "this crate is one binary")]

mod adapt;
mod architecture;
mod aws_cli;
mod boto3;
mod bridge;
mod cli;
mod client_config;
mod connect;
mod consumers;
mod corpus;
mod crash;
mod docs;
mod doctor;
mod environments;
mod functions;
mod iam_actions;
mod inbound;
mod init;
mod kills;
mod limits;
mod local_aws;
mod logs;
mod mcp_clients;
mod mcp_server;
mod mcp_wire;
mod moto;
mod network;
mod openapi;
mod peers;
mod policy;
mod process;
mod providers;
mod readme;
mod ready;
mod real_aws;
mod restart;
mod smithy;
mod support;
mod target;
mod theirs;
mod timeout;
mod toolkit;
mod update;
mod upstream;
