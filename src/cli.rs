//! The root of the command line, and the options of every command.

mod help;
mod names;

use std::{ffi::OsString, time::Duration};

use clap::{
    ArgAction, CommandFactory as _, Parser,
    builder::styling,
    error::{ContextKind, ContextValue, ErrorKind},
};
use clap_complete::CompleteEnv;

use crate::{
    commands::{Command, completions},
    config::Flags,
    model::name::Region,
    ui::{Color, Format, Loudness},
};

/// From nothing to a working, OAuth-protected MCP gateway on Amazon Bedrock AgentCore, and back
///
/// `create` makes a gateway with everything it needs, and prints its URL and client credentials.
/// `cleanup` removes all of it again. With `--local` the same commands work on your own machine,
/// against a local AWS inside this program: no account, no network.
#[derive(Debug, Parser)]
#[command(
    name = "agentcore-gw",
    version = env!("AGENTCORE_GW_VERSION"),
    styles = STYLES,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct App {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

/// Answers a shell that asks for completions: whether it did.
///
/// # Errors
///
/// If the shell is not known, or does not listen.
pub fn answer_shell(args: impl Iterator<Item = OsString>) -> Result<bool, clap::Error> {
    CompleteEnv::with_factory(App::whole).var(completions::VARIABLE).try_complete(args, None)
}

impl App {
    /// The command line, with examples and exit codes in its help.
    pub fn whole() -> clap::Command {
        help::complete(Self::command())
    }

    /// Parses arguments, of which the first is the program's name.
    ///
    /// # Errors
    ///
    /// If they do not parse, or ask for help.
    pub fn parse_args<T: Into<OsString>>(args: impl IntoIterator<Item = T>) -> Result<Self, clap::Error> {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        let parsed = Self::try_parse_from(&args);
        // To write the whole help takes a tenth of a command's start, so it is written only for those who ask for it.
        let asks = |error: &clap::Error| {
            matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand)
        };
        parsed.map_err(|error| {
            if asks(&error) { Self::whole().try_get_matches_from(&args).err().unwrap_or(error) } else { error }
        })
    }
}

/// Commands that users try, and the ones that they mean: clap finds only those that are spelled alike.
const MEANT_COMMANDS: [(&str, &str); 24] = [
    ("add", "target add"),
    ("call", "tools call"),
    ("curl", "tools call"),
    ("deploy", "create"),
    ("describe", "get"),
    ("destroy", "cleanup"),
    ("down", "cleanup"),
    ("edit", "update"),
    ("gateways", "list"),
    ("info", "status"),
    ("invoke", "tools call"),
    ("launch", "create"),
    ("login", "token"),
    ("ls", "list"),
    ("new", "create"),
    ("plan", "apply"),
    ("remove", "cleanup"),
    ("rm", "cleanup"),
    ("search", "tools search"),
    ("show", "get"),
    ("start", "local start"),
    ("stop", "local stop"),
    ("targets", "target list"),
    ("up", "create"),
];

const STYLES: styling::Styles = styling::Styles::styled()
    .header(styling::AnsiColor::Green.on_default().bold())
    .usage(styling::AnsiColor::Green.on_default().bold())
    .literal(styling::AnsiColor::Cyan.on_default().bold())
    .placeholder(styling::AnsiColor::Cyan.on_default());

/// Understood by every command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// AWS region [default: AWS_REGION, AWS_DEFAULT_REGION, the profile; us-west-2 with --local]
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<Region>,

    /// Profile of the shared AWS configuration files [default: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,

    /// Address of every AWS service
    ///
    /// Without it, `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL` and the profile are looked at.
    #[arg(long, global = true, value_name = "URL", conflicts_with = "local", value_parser = endpoint_url)]
    pub endpoint_url: Option<String>,

    /// Use the local AWS inside this program; it is started if it does not run
    #[arg(long, global = true)]
    pub local: bool,

    /// How to print the result
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,

    /// Print the result and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Log each call of AWS to stderr; twice: with sizes and waits (can be repeated)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,

    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub yes: bool,

    // A resolver may cache for 900 seconds that a new name does not exist.
    /// Give up after this many seconds, keep what was made, and say what that is
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 1200, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

impl Globals {
    /// How much is printed besides the result.
    pub fn loudness(&self) -> Loudness {
        match (self.quiet, self.verbose) {
            (true, _) => Loudness::Quiet,
            (false, 0) => Loudness::Usual,
            (false, _) => Loudness::Verbose,
        }
    }

    /// The flags that determine where and how to work.
    pub fn flags(&self) -> Flags {
        Flags {
            region: self.region.clone(),
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            local: self.local,
            yes: self.yes,
            timeout: Duration::from_secs(self.timeout),
        }
    }
}

/// Flags that users try, and the ones that they mean: clap does not find these by similarity.
const MEANT: [(&str, &str); 8] = [
    ("--oauth", "--oauth-vendor"),
    ("--api-key", "--api-key-env"),
    ("--oauth-client-secret", "--oauth-client-secret-env"),
    ("--role", "--role-arn"),
    ("--lambda", "--lambda-arn"),
    ("--schema", "--spec"),
    ("--url", "--endpoint"),
    ("--force", "--yes"),
];

/// An error of clap for these arguments, with the command or the flag that was meant, if that is known.
pub fn with_tip(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand)
        && let Some((_, meant)) = MEANT_COMMANDS.iter().find(|(tried, _)| tried == given)
        && is_first(args, given)
    {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![(*meant).to_owned()]));
    }
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidArg)
        && let Some((_, meant)) = MEANT.iter().find(|(tried, _)| tried == given)
        && takes(args, meant)
    {
        error.insert(ContextKind::SuggestedArg, ContextValue::String((*meant).to_owned()));
    }
    error
}

/// Whether a word stands where the command does: after flags only.
fn is_first(args: &[OsString], given: &str) -> bool {
    let command = App::command();
    let words = args.iter().skip(1).filter_map(|arg| arg.to_str());
    let is_command = |word: &&str| *word == given || command.find_subcommand(word).is_some();
    words.into_iter().find(is_command) == Some(given)
}

/// Whether the command in these arguments accepts a flag.
fn takes(args: &[OsString], flag: &str) -> bool {
    let mut command = App::command();
    for word in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
        if let Some(found) = command.find_subcommand(word).cloned() {
            command = found;
        }
    }
    command.get_arguments().filter_map(clap::Arg::get_long).any(|long| flag.strip_prefix("--") == Some(long))
}

fn endpoint_url(text: &str) -> Result<String, String> {
    let expected = || "expected an address such as `http://127.0.0.1:4566`".to_owned();
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).ok_or_else(expected)?;
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || text.parse::<http::Uri>().is_err() {
        return Err(expected());
    }
    if host.contains('@') {
        return Err("an address here holds no user or password: it would be logged with each call".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        App::whole().debug_assert();
    }

    #[test]
    fn commands_of_other_programs_lead_to_ours_and_run_nothing() {
        for (tried, meant) in MEANT_COMMANDS {
            let found = meant.split(' ').try_fold(App::whole(), |above, name| above.find_subcommand(name).cloned());
            assert!(found.is_some(), "{meant}");
            let args: Vec<OsString> = ["agentcore-gw", "--local", tried, "weather"].map(OsString::from).into();
            let error = with_tip(App::parse_args(&args).unwrap_err(), &args);
            assert_eq!((error.kind(), error.exit_code()), (ErrorKind::InvalidSubcommand, 2), "{tried}");
            assert!(error.to_string().contains(&format!("'{meant}'")), "{error}");
        }
        let args: Vec<OsString> = ["agentcore-gw", "target", "describe"].map(OsString::from).into();
        let error = with_tip(App::parse_args(&args).unwrap_err(), &args).to_string();
        assert!(!error.contains("'get'"), "there `get` is another command: {error}");
    }

    #[test]
    fn endpoints_are_addresses() {
        assert_eq!(endpoint_url("http://127.0.0.1:4566/").unwrap(), "http://127.0.0.1:4566");
        for bad in ["", "127.0.0.1", "ftp://x", "http://", "http:// x", "http://user:password@127.0.0.1:4566"] {
            assert!(endpoint_url(bad).is_err(), "{bad}");
        }
    }
}
