//! `validate`: finds what the gateway would reject, before it is called.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    Outcome,
    adapt::{AdaptFlags, SmithyAdaptFlags},
    input::{self, Adaptable, Prepared, ToolInfo, Validated, some},
};
use crate::{
    context::Context,
    error::{Error, ErrorKind, exit},
    model::{
        adapt::{Adaptation, Kept},
        finding::{Finding, Reading, Severity},
        name::{GatewayName, TargetName},
        target::INLINE_SCHEMA_LIMIT,
        tool,
    },
    ui::{
        report::{Page, Report, escape_control},
        style,
    },
};

/// Maximum number of findings of one kind in text output.
const SHOWN: usize = 5;

/// Check a file against the gateway's rules, without asking AWS
///
/// Errors are what the gateway refuses, warnings what it takes and a model's client stumbles over. With
/// `--adapt` it is the document as it would be changed. Exits with 2 if there are errors.
#[derive(Debug, Args)]
pub struct Validate {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Check an OpenAPI document
    Openapi(Box<OpenapiFile>),
    /// Check a Smithy model of an AWS service, as JSON AST
    Smithy(SmithyFile),
    /// Check the tool definitions of a Lambda function
    Tools(ToolsFile),
}

/// A file to check.
#[derive(Debug, Args)]
pub struct File {
    /// The file, JSON or YAML; `-` is standard input
    pub file: String,

    /// The target that it is for, whose name becomes part of each tool's
    #[arg(long, value_name = "NAME", default_value = "target")]
    pub target: TargetName,

    /// The gateway that it is for, whose name clients put before each tool's
    #[arg(long, value_name = "NAME", default_value = "gateway")]
    pub gateway: GatewayName,

    /// Write the adapted document to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub adapted: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct OpenapiFile {
    #[command(flatten)]
    pub file: File,

    #[command(flatten)]
    pub adapt: AdaptFlags,
}

#[derive(Debug, Args)]
pub struct SmithyFile {
    #[command(flatten)]
    pub file: File,

    #[command(flatten)]
    pub adapt: SmithyAdaptFlags,
}

#[derive(Debug, Args)]
pub struct ToolsFile {
    #[command(flatten)]
    pub file: File,

    /// Convert tools of MCP, OpenAI, Anthropic and Bedrock, and say in descriptions what a Lambda tool's schema cannot
    #[arg(long)]
    pub adapt: bool,
}

impl Validate {
    pub async fn run(self, ctx: &Context) -> Outcome {
        let validated = match &self.what {
            What::Openapi(args) => {
                let adapting = args.adapt.adapting();
                let read =
                    |text: String, reading: Reading<'_>| input::openapi(&args.file.file, &text, reading, &adapting);
                args.file.check(ctx, adapting.is_nothing(), read).await
            }
            What::Smithy(args) => {
                let adapting = args.adapt.adapting();
                let read = |text: String, reading: Reading<'_>| {
                    input::smithy(&args.file.file, text, reading, &adapting).map(|(prepared, _)| prepared)
                };
                args.file.check(ctx, adapting.is_nothing(), read).await
            }
            What::Tools(args) => {
                let read =
                    |text: String, reading: Reading<'_>| input::tools(&args.file.file, &text, reading, args.adapt);
                args.file.check(ctx, !args.adapt, read).await
            }
        };
        let mut validated = validated?;
        ctx.invocation.again().clone_into(&mut validated.again);
        Ok(Box::new(validated))
    }
}

impl File {
    async fn check(
        &self,
        ctx: &Context,
        is_as_it_is: bool,
        prepare: impl FnOnce(String, Reading<'_>) -> Result<Prepared, Error>,
    ) -> Result<Validated, Error> {
        if let Some(adapted) = self.adapted.as_deref() {
            self.check_adapted(adapted, is_as_it_is)?;
        }
        let reading = Reading::of(self.target.as_str(), ctx.settings.local);
        let Prepared { value, mut validated } = prepare(input::read(ctx, &self.file).await?, reading)?;
        validated.findings.extend(long_names(&self.gateway, &validated.tools));
        if let Some(adapted) = self.adapted.as_deref().filter(|_| !value.is_null()) {
            write(adapted, &value)?;
        }
        Ok(validated)
    }

    fn check_adapted(&self, adapted: &Path, is_as_it_is: bool) -> Result<(), Error> {
        let usage = |problem: String, remedy: &str| Err(Error::new(ErrorKind::Usage, problem).with_hint(remedy));
        if is_as_it_is {
            return usage(
                "`--adapted` without an adaptation".to_owned(),
                "add `--adapt`, or a flag for one adaptation",
            );
        }
        let is_same =
            fs::canonicalize(&self.file).is_ok_and(|file| fs::canonicalize(adapted).is_ok_and(|to| to == file));
        if is_same || adapted == Path::new("-") {
            let problem = format!("`--adapted {}` is not a file of its own", adapted.display());
            return usage(
                problem,
                "name another file: standard output has the report, and the document stays as it is",
            );
        }
        Ok(())
    }
}

/// A warning of names that are too long in some client.
fn long_names(gateway: &GatewayName, tools: &[ToolInfo]) -> Option<Finding> {
    let names = tools.iter().map(|tool| tool.name.as_str());
    let (problem, remedy) = tool::too_long_in_clients(gateway.as_str(), names)?;
    let (severity, pointer, construct) = (Severity::Warning, String::new(), "tool name");
    Some(Finding { severity, pointer, line: 1, construct, problem, remedy })
}

/// Writes a document: on many lines, unless only one line is small enough to be sent inline.
fn write(file: &Path, value: &Value) -> Result<(), Error> {
    let short = value.to_string();
    let long = serde_json::to_string_pretty(value).unwrap_or_default();
    let text = if long.is_empty() || long.len() > INLINE_SCHEMA_LIMIT { short } else { long };
    fs::write(file, text + "\n").map_err(|error| {
        let problem = format!("{}: cannot be written: {error}", file.display());
        Error::new(ErrorKind::InvalidInput, problem).with_hint("name another file with `--adapted`")
    })
}

impl Validated {
    /// Writes the changes, a few of each kind.
    fn changes(&self, w: &mut dyn Write) -> io::Result<()> {
        let changes = self.changes.as_deref().unwrap_or_default();
        let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
        let (begin, end) = (style::HEADING.render(), style::HEADING.render_reset());
        for change in changes {
            let count = shown.entry(change.adaptation).or_default();
            *count += 1;
            // Each operation that is left out is named.
            if *count > SHOWN && change.adaptation != Adaptation::SkipUnsupported.flag() {
                continue;
            }
            let (file, what) = (escape_control(&self.file), escape_control(&change.change));
            writeln!(w, "{file}:{}: {begin}changed{end}: {what}", change.line)?;
            let place = if change.pointer.is_empty() { "the top" } else { change.pointer.as_str() };
            writeln!(w, "    at {}", escape_control(place))?;
            writeln!(w, "    {} (--{})", escape_control(&change.reason), change.adaptation)?;
        }
        for (flag, count) in
            shown.iter().filter(|(flag, count)| **count > SHOWN && **flag != Adaptation::SkipUnsupported.flag())
        {
            writeln!(w, "… and {} more like this (--{flag}). `-o json` shows all.", *count - SHOWN)?;
        }
        if let Some(Kept { kept, of }) = self.operations {
            if !changes.is_empty() {
                writeln!(w)?;
            }
            let (file, changes) = (escape_control(&self.file), some(changes.len(), "change"));
            writeln!(w, "{file}: adapted: {changes}; {kept} of {of} {} kept", self.unit)?;
        }
        Ok(())
    }
}

impl Report for Validated {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        self.changes(w)?;
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
                writeln!(w, "    at {}", escape_control(finding.place()))?;
                writeln!(w, "    {}", escape_control(&finding.remedy))?;
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
            let (errors, warnings) = (some(errors, "error"), some(warnings, "warning"));
            writeln!(w, "{}: the gateway refuses it: {errors}, {warnings}", self.file)?;
            return match &self.adaptable {
                None => Ok(()),
                Some(Adaptable { flags, operations: Kept { kept, of } }) => {
                    let again = &self.again;
                    writeln!(w, "`{again} {flags}` changes it so that the gateway takes it, {kept} of {of} operations.")
                }
            };
        }
        writeln!(w, "{}: {}, {}", self.file, some(self.tools.len(), "tool"), some(warnings, "warning"))?;
        if self.tools.is_empty() {
            return Ok(());
        }
        let rows = self.tools.iter().map(|tool| (tool.name.as_str(), tool.description.as_str()));
        writeln!(w)?;
        w.described(["TOOL", "DESCRIPTION"], &rows.collect::<Vec<_>>())
    }

    fn exit_code(&self) -> u8 {
        if self.valid { exit::DONE } else { exit::USAGE }
    }
}
