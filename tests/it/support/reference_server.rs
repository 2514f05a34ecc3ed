//! The MCP reference server, "everything", under Node.js.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    thread,
};

use super::env::{node_peers, path};

/// The MCP reference server, stopped on drop.
pub struct ReferenceServer(Child, pub u16);

impl ReferenceServer {
    pub fn start() -> Self {
        let (node, packages) = node_peers();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let program = packages.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
        let mut process = Command::new(node)
            .arg(program)
            .arg("streamableHttp")
            .env_clear()
            .env("PATH", path())
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Its launcher is a script, which starts Node.js as a child.
            .process_group(0)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap().contains("listening")).expect("the server starts").unwrap();
        thread::spawn(move || lines.for_each(drop));
        Self(process, port)
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.1)
    }
}

impl Drop for ReferenceServer {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        drop(Command::new("kill").args(["-9", "--", &group]).status());
        drop(self.0.wait());
    }
}
