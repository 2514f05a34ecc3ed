//! Where a gateway or target is in a file, and its members in the place of flags in messages.

use std::collections::BTreeMap;

use clap::error::{ContextKind, ContextValue, ErrorKind as ClapError};

use super::member::{AWS, Member, Shape};

/// Where an entry is, and how its members are named.
#[derive(Debug)]
pub(super) struct Place {
    /// JSON pointer of the object.
    pub(super) pointer: String,
    /// What it is, for messages.
    pub(super) what: String,
    pub(super) members: Vec<Member>,
}

/// Why flags were refused.
pub(super) struct Refusal {
    /// The members that it is about.
    pub(super) paths: Vec<String>,
    pub(super) problem: String,
    pub(super) hint: String,
}

impl Place {
    /// The member for a flag as clap writes it, `--flag <VALUE>`.
    fn member(&self, arg: &str) -> Option<&Member> {
        let flag = arg.split([' ', '=']).next()?.strip_prefix("--")?;
        self.members.iter().find(|member| member.flag == flag)
    }

    /// The flag that says the opposite of a member: `--no-stream` of `--stream`.
    pub(super) fn opposite(&self, member: &Member) -> Option<&str> {
        let negated = format!("no-{}", member.flag);
        self.members.iter().map(|other| other.flag.as_str()).find(|flag| *flag == negated)
    }

    /// The path of the member for a flag as clap writes it, or of one of several, `<--flag <VALUE>|--other>`: a secret's,
    /// all of which are named.
    fn path(&self, arg: &str) -> String {
        let paths = arg.trim_start_matches('<').split('|').filter_map(|arg| self.member(arg)).map(Member::path);
        let paths: Vec<String> = paths.collect();
        if paths.is_empty() { arg.to_owned() } else { paths.join("` or `") }
    }

    /// The JSON pointer of a member, by its path.
    pub(super) fn pointer_of(&self, path: &str) -> String {
        format!("{}/{}", self.pointer, path.replace('.', "/"))
    }

    /// The path of the first member whose flag a message mentions.
    pub(super) fn mentioned(&self, message: &str) -> Option<String> {
        let flags = message.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        flags.filter(|word| word.starts_with("--")).find_map(|word| self.member(word)).map(Member::path)
    }

    /// A text with members in the place of flags. Commands, in backticks, stay.
    pub(super) fn in_members(&self, text: &str) -> String {
        let text =
            text.replace("leave the flag out", "leave it out").replace("name it with flags", "name it with members");
        let by_flag: BTreeMap<&str, &Member> =
            self.members.iter().map(|member| (member.flag.as_str(), member)).collect();
        let parts = text.split('`').map(|part| {
            if part.starts_with("agentcore-gw ") || !part.contains("--") {
                return part.to_owned();
            }
            let mut words = part.split(' ').peekable();
            let mut shown = Vec::new();
            while let Some(word) = words.next() {
                let plain = word.trim_end_matches([',', ';', '.', ':', '…']);
                if plain == "--cli-input" {
                    shown.push(word.replace(plain, AWS));
                    continue;
                }
                let member = plain.strip_prefix("--").and_then(|flag| by_flag.get(flag));
                let next_is_value = words.peek().is_some() && plain == word;
                shown.push(match member {
                    None => word.to_owned(),
                    Some(member) if member.shape == Shape::Switch => {
                        format!("{}: true{}", member.path(), &word[plain.len()..])
                    }
                    Some(member) if next_is_value => format!("{}:", member.path()),
                    Some(member) => format!("{}{}", member.path(), &word[plain.len()..]),
                });
            }
            shown.join(" ")
        });
        parts.collect::<Vec<_>>().join("`")
    }

    /// What the command line's parser says of the flags of the entry.
    pub(super) fn refusal(&self, error: &clap::Error) -> Refusal {
        let context = |kind: ContextKind| match error.get(kind) {
            Some(ContextValue::String(text)) => vec![text.clone()],
            Some(ContextValue::Strings(texts)) => texts.clone(),
            _ => Vec::new(),
        };
        let (given, prior) = (context(ContextKind::InvalidArg), context(ContextKind::PriorArg));
        let named = given.first().and_then(|arg| self.member(arg)).map(Member::path);
        let path = named.clone().unwrap_or_else(|| "name".to_owned());
        let value = context(ContextKind::InvalidValue).concat();
        let paths = |args: &[String]| quoted(&args.iter().map(|arg| self.path(arg)).collect::<Vec<_>>());
        let (problem, hint) = match error.kind() {
            ClapError::ValueValidation => {
                let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
                (format!("`{path}: {value}`: {why}"), "correct the value".to_owned())
            }
            ClapError::InvalidValue => {
                let values = context(ContextKind::ValidValue);
                (format!("`{path}` cannot be `{value}`"), format!("the values are {}", quoted(&values)))
            }
            ClapError::MissingRequiredArgument => {
                (format!("missing: {}", paths(&given)), format!("add {}", paths(&given)))
            }
            ClapError::ArgumentConflict => {
                (format!("`{path}` and {} exclude each other", paths(&prior)), "leave one of them out".to_owned())
            }
            _ => {
                let text = error.to_string();
                let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
                (self.in_members(&line), "`agentcore-gw schema` prints all members".to_owned())
            }
        };
        let others = prior.iter().filter_map(|arg| self.member(arg)).map(Member::path);
        Refusal { paths: named.into_iter().chain(others).collect(), problem, hint: self.in_members(&hint) }
    }
}

/// "`a`, `b` and `c`"
pub(super) fn quoted(names: &[impl AsRef<str>]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}
