//! `init`: an example agent project.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use serde::{Serialize, Serializer};

use super::{
    Outcome,
    output::{self, Access},
};
use crate::{
    context::Context,
    error::{Error, ErrorKind},
    model::{
        agent::{File, Framework},
        name::GatewayName,
        shell::shell_word,
    },
    ui::{
        report::{Page, Report},
        style,
    },
};

/// Make an example agent project that uses a gateway's tools
///
/// An agent of Strands, or of an MCP SDK and Amazon Bedrock, that requests and renews its tokens, with all that it depends on
/// locked. It lists and calls tools without a model, and answers prompts with one of yours.
#[derive(Debug, Args)]
pub struct Init {
    /// The project's folder, which is made if it is not there
    #[arg(default_value = ".")]
    dir: PathBuf,

    /// What the agent is written with
    #[arg(long, value_enum, default_value_t = FrameworkName::Strands)]
    framework: FrameworkName,

    /// The gateway that the project's README names
    #[arg(long, value_name = "NAME", default_value = "weather-gateway")]
    gateway: GatewayName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FrameworkName {
    Strands,
    McpPython,
    McpTypescript,
}

impl FrameworkName {
    fn framework(self) -> Framework {
        match self {
            Self::Strands => Framework::Strands,
            Self::McpPython => Framework::McpPython,
            Self::McpTypescript => Framework::McpTypescript,
        }
    }
}

impl Serialize for FrameworkName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = self.to_possible_value();
        serializer.serialize_str(name.as_ref().map_or("", |name| name.get_name()))
    }
}

impl Init {
    pub fn run(self, ctx: &Context) -> Outcome {
        let framework = self.framework.framework();
        // The program is named as it is installed: its path is that of this machine.
        let words = ["agentcore-gw".to_owned()].into_iter().chain(ctx.settings.place());
        let program = words.map(|word| shell_word(&word)).collect::<Vec<_>>().join(" ");
        let gateway = self.gateway.to_string();
        let files = framework.project(&gateway, &program);
        let missing = missing(&self.dir, &files)?;
        write(&self.dir, &missing)?;
        Ok(Box::new(Made {
            files: files.iter().map(|file| file.name).collect(),
            created: missing.iter().map(|file| file.name).collect(),
            directory: self.dir,
            framework: self.framework,
            gateway,
            program,
        }))
    }
}

/// The files that are not there yet.
///
/// # Errors
/// If one is there with other contents.
fn missing<'a>(dir: &Path, files: &'a [File]) -> Result<Vec<&'a File>, Error> {
    let (mut missing, mut taken) = (Vec::new(), Vec::new());
    for file in files {
        let path = dir.join(file.name);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(file),
            Err(error) => return Err(unwritable(dir, &error)),
            // Whoever opens a pipe waits for its other end.
            Ok(known) if !known.is_file() => taken.push(file.name),
            Ok(_) => match fs::read(&path) {
                Ok(bytes) if bytes == file.text.as_bytes() => {}
                Ok(_) | Err(_) => taken.push(file.name),
            },
        }
    }
    if taken.is_empty() {
        return Ok(missing);
    }
    let message = format!("nothing was written: {} already has other files of these names:", dir.display());
    let error = taken.into_iter().fold(Error::new(ErrorKind::Conflict, message), Error::with_cause);
    Err(error.with_hint("name another folder"))
}

fn write(dir: &Path, files: &[&File]) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(|error| unwritable(dir, &error))?;
    for file in files {
        let path = dir.join(file.name);
        output::replace(&path, file.text.as_bytes(), &Access::Usual).map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::new(ErrorKind::Failed, format!("{} cannot be written: {error}", path.display()))
}

/// A project.
#[derive(Debug, Serialize)]
struct Made {
    directory: PathBuf,
    framework: FrameworkName,
    gateway: String,
    files: Vec<&'static str>,
    /// Those of the files that were not there before.
    created: Vec<&'static str>,
    #[serde(skip)]
    program: String,
}

impl Report for Made {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let (framework, dir) = (self.framework.framework(), self.directory.display());
        if self.created.is_empty() {
            writeln!(w, "The agent on {} in {dir} is up to date", framework.title())?;
        } else {
            writeln!(w, "Made an agent on {} in {dir}: {}", framework.title(), self.created.join(", "))?;
        }
        writeln!(w, "\n{}Next{}", style::HEADING.render(), style::HEADING.render_reset())?;
        if self.directory != Path::new(".") {
            writeln!(w, "  cd {}", shell_word(&self.directory.to_string_lossy()))?;
        }
        writeln!(w, "  {}", framework.install())?;
        writeln!(w, "  eval \"$({} credentials {} -o env)\"", self.program, self.gateway)?;
        writeln!(w, "  {} tools", framework.run())
    }
}
