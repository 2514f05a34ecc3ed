//! Example agent projects, one for each framework.

/// A framework that an agent is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framework {
    Strands,
    McpPython,
    McpTypescript,
}

/// A file of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path in the project.
    pub name: &'static str,
    pub text: String,
}

/// The file of a project's template, with the path that it has in the project.
macro_rules! template {
    ($folder:literal, $file:literal) => {
        template!($folder, $file, $file)
    };
    ($folder:literal, $file:literal, $name:literal) => {
        ($name, include_str!(concat!("../../templates/agents/", $folder, "/", $file)))
    };
}

impl Framework {
    /// The framework's name, as its makers write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Strands => "Strands",
            Self::McpPython => "the MCP Python SDK",
            Self::McpTypescript => "the MCP TypeScript SDK",
        }
    }

    /// The files of a project, for this gateway. `program` is agentcore-gw with the flags that say where the gateway is.
    pub fn project(self, gateway: &str, program: &str) -> Vec<File> {
        let filled = |text: &str| text.replace("{{gateway}}", gateway).replace("{{program}}", program);
        self.templates().into_iter().map(|(name, text)| File { name, text: filled(text) }).collect()
    }

    fn templates(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Strands => vec![
                template!("strands", "README.md"),
                template!("strands", "agent.py"),
                template!("strands", "requirements.in"),
                template!("strands", "requirements.txt"),
                template!("strands", "gitignore", ".gitignore"),
            ],
            Self::McpPython => vec![
                template!("mcp-python", "README.md"),
                template!("mcp-python", "agent.py"),
                template!("mcp-python", "requirements.in"),
                template!("mcp-python", "requirements.txt"),
                template!("mcp-python", "gitignore", ".gitignore"),
            ],
            Self::McpTypescript => vec![
                template!("mcp-typescript", "README.md"),
                template!("mcp-typescript", "agent.ts"),
                template!("mcp-typescript", "package.json"),
                template!("mcp-typescript", "package-lock.json"),
                template!("mcp-typescript", "tsconfig.json"),
                template!("mcp-typescript", "gitignore", ".gitignore"),
            ],
        }
    }

    /// The shell commands that install what a project needs.
    pub fn install(self) -> &'static str {
        match self {
            Self::Strands | Self::McpPython => {
                "python3 -m venv .venv && .venv/bin/pip install --require-hashes -r requirements.txt"
            }
            Self::McpTypescript => "npm ci",
        }
    }

    /// The shell command that runs a project's agent.
    pub fn run(self) -> &'static str {
        match self {
            Self::Strands | Self::McpPython => ".venv/bin/python agent.py",
            Self::McpTypescript => "node agent.ts",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_filled_in_and_says_how_it_is_run() {
        for framework in [Framework::Strands, Framework::McpPython, Framework::McpTypescript] {
            let files = framework.project("g", "agentcore-gw --local");
            assert!(files.iter().all(|file| !file.text.contains("{{")), "{framework:?}");
            let readme = &files[0].text;
            assert!(readme.contains("$(agentcore-gw --local credentials g -o env)"), "{readme}");
            assert!(framework.install().split(" && ").all(|line| readme.contains(&format!("$ {line}\n"))), "{readme}");
            assert!(readme.contains(&format!("$ {} tools\n", framework.run())), "{readme}");
        }
    }
}
