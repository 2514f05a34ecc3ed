//! `validate`: finds what the gateway would reject, before it is called.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use clap::{Args, Subcommand};

use super::{
    Outcome,
    input::{self, Validated, some},
};
use crate::{
    context::Context,
    error::{Error, exit},
    model::{
        finding::{Reading, Severity},
        name::TargetName,
        tool,
    },
    ui::{
        report::{self, Report, escape_control},
        style,
    },
};

/// Maximum number of findings of one kind in text output.
const SHOWN: usize = 5;

/// Check a file against the gateway's rules, without asking AWS
///
/// Errors are what the gateway refuses, warnings what it takes and a model's client stumbles over.
/// Exits with 2 if there are errors.
#[derive(Debug, Args)]
pub struct Validate {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Check an OpenAPI document
    Openapi(File),
    /// Check a Smithy model of an AWS service, as JSON AST
    Smithy(File),
    /// Check the tool definitions of a Lambda function
    Tools(File),
}

/// A file to check.
#[derive(Debug, Args)]
pub struct File {
    /// The file, JSON or YAML; `-` is standard input
    pub file: String,

    /// The target that it is for, whose name becomes part of each tool's
    #[arg(long, value_name = "NAME", default_value = "target")]
    pub target: TargetName,
}

impl Validate {
    pub fn run(self, ctx: &Context) -> Outcome {
        self.check(ctx).map(|validated| Box::new(validated) as _)
    }

    fn check(self, ctx: &Context) -> Result<Validated, Error> {
        let (What::Openapi(file) | What::Smithy(file) | What::Tools(file)) = &self.what;
        let File { file, target } = file;
        let (text, reading) = (input::read(file)?, Reading { target: target.as_str(), local: ctx.settings.local });
        match self.what {
            What::Openapi(_) => input::openapi(file, &text, reading).map(|(_, validated)| validated),
            What::Smithy(_) => input::smithy(file, &text, reading).map(|(_, _, validated)| validated),
            What::Tools(_) => {
                let (tools, findings) = tool::lint(&input::parse(file, &text)?, reading);
                Ok(Validated::new(file, reading, &tools, findings))
            }
        }
    }
}

impl Report for Validated {
    fn human(&self, w: &mut dyn Write) -> io::Result<()> {
        let mut shown: BTreeMap<(Severity, &str, &str), usize> = BTreeMap::new();
        for finding in &self.findings {
            let count = shown.entry((finding.severity, finding.construct, &finding.remedy)).or_default();
            *count += 1;
            if *count <= SHOWN {
                let (style, word) = match finding.severity {
                    Severity::Error => (style::ERROR, "error"),
                    Severity::Warning => (style::WARN, "warning"),
                };
                let (begin, end) = (style.render(), style.render_reset());
                let (file, problem) = (escape_control(&self.file), escape_control(&finding.problem));
                writeln!(w, "{file}:{}: {begin}{word}{end}: {problem}", finding.line)?;
                let pointer = if finding.pointer.is_empty() { "the whole" } else { &finding.pointer };
                writeln!(w, "    at {}", escape_control(pointer))?;
                writeln!(w, "    {}", finding.remedy)?;
            }
        }
        for ((_, construct, remedy), count) in shown.iter().filter(|(_, count)| **count > SHOWN) {
            writeln!(w, "… and {} more like this ({construct}): {remedy}. `-o json` shows all.", *count - SHOWN)?;
        }
        let of = |severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
        if !self.findings.is_empty() {
            writeln!(w)?;
        }
        if !self.valid {
            return writeln!(
                w,
                "{}: the gateway refuses it: {}, {}",
                self.file,
                some(errors, "error"),
                some(warnings, "warning")
            );
        }
        writeln!(w, "{}: {}, {}", self.file, some(self.tools.len(), "tool"), some(warnings, "warning"))?;
        let tools = self.tools.iter().map(|tool| (tool.name.as_str(), tool.description.as_str()));
        report::tools(w, "  ", tools)
    }

    fn exit_code(&self) -> u8 {
        if self.valid { exit::DONE } else { exit::USAGE }
    }
}
