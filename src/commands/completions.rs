//! `completions`: what a shell sources to complete commands, flags and the names of gateways.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};
use serde::Serialize;

use super::Outcome;
use crate::{
    error::{Error, ErrorKind},
    ui::report::{Page, Report},
};

/// The variable by which a shell asks this program for completions, instead of running a command.
pub const VARIABLE: &str = "AGENTCORE_GW_COMPLETE";
const PROGRAM: &str = "agentcore-gw";

/// Print what a shell sources to complete commands and names
///
/// Names of gateways are asked for where you point at with `--region`, `--profile` or `--local`, by one call of AWS that is
/// given up after a second. No local AWS is started for it.
#[derive(Debug, Args)]
pub struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Shell {
    fn completer(self) -> &'static dyn EnvCompleter {
        match self {
            Self::Bash => &Bash,
            Self::Elvish => &Elvish,
            Self::Fish => &Fish,
            Self::Powershell => &Powershell,
            Self::Zsh => &Zsh,
        }
    }
}

#[derive(Debug, Serialize)]
struct Script {
    shell: Shell,
    script: String,
}

impl Report for Script {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        w.write_all(self.script.as_bytes())
    }
}

impl Completions {
    pub fn run(self) -> Outcome {
        let mut script = Vec::new();
        self.shell
            .completer()
            .write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)
            .map_err(|error| Error::new(ErrorKind::Failed, format!("the script cannot be written: {error}")))?;
        Ok(Box::new(Script { shell: self.shell, script: String::from_utf8_lossy(&script).into_owned() }))
    }
}
