//! The MCP reference server, "everything", under Node.js.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Command, Stdio},
    thread,
};

use super::env::{Group, node_peers, path};

/// The MCP reference server, stopped on drop.
pub struct ReferenceServer(#[expect(dead_code, reason = "ends when it is dropped")] Group, pub u16);

impl ReferenceServer {
    pub fn start() -> Self {
        let (node, packages) = node_peers();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let program = packages.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
        let mut command = Command::new(node);
        command
            .arg(program)
            .arg("streamableHttp")
            .env_clear()
            .env("PATH", path())
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Group::spawn(&mut command);
        let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap().contains("listening")).expect("the server starts").unwrap();
        thread::spawn(move || lines.for_each(drop));
        Self(process, port)
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.1)
    }
}
