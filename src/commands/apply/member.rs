//! The members of a file for `apply`: one for each flag of `create` and `target add`, told by the flags themselves.

use std::any::TypeId;

use clap::{Arg, ArgAction, Args as _, Command, builder::PossibleValue};

use crate::commands::{create::Create, target::Add};

/// The member with raw members of the AWS API, which every object may have.
pub const AWS: &str = "aws";
/// The member of a target that says what kind it is.
pub const TYPE: &str = "type";
/// The member of a Lambda target that stands for the sample function.
pub const SAMPLE: &str = "sample";

/// Flags that a file has no member for: they are flags of `apply` itself, members of other names ([`AWS`], [`SAMPLE`]
/// and a target's place in the file), or help.
const NOT_MEMBERS: [&str; 7] = ["save", "dry-run", "no-wait", "cli-input", "sample", "gateway", "help"];

/// Members that are not named as their flags are.
const RENAMED: [(&str, &str); 8] = [
    ("authorizer", TYPE),
    ("authorizer-config", AWS),
    ("api-key-header", "header"),
    ("api-key-prefix", "prefix"),
    ("api-key-query", "query"),
    ("credential-provider", "provider"),
    ("include", "include"),
    ("exclude", "exclude"),
];

/// Flags with `NAME=VALUE`, whose member is an object.
const PAIRS: [&str; 2] = ["tag", "oauth-param"];

/// What a member holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `true`; `false` says nothing.
    Switch,
    Number,
    Text,
    /// The path of a file, relative to the folder of the file for `apply`; or `s3://BUCKET/KEY`.
    File,
    Texts,
    /// An object of texts.
    Pairs,
    /// A document of the AWS API.
    Raw,
}

/// A member, and the flag that it stands for.
#[derive(Debug)]
pub struct Member {
    /// The object that it is in, if it is not the gateway's or target's own.
    pub object: Option<&'static str>,
    pub name: String,
    pub flag: String,
    pub shape: Shape,
    /// The flag's help, one sentence.
    pub help: String,
    /// The values that it may have, if they are known.
    pub values: Vec<String>,
}

impl Member {
    /// The member for a flag; none for those that are no members.
    fn of(arg: &Arg) -> Option<Self> {
        let flag = arg.get_long().filter(|flag| !NOT_MEMBERS.contains(flag))?.to_owned();
        let object = match arg.get_help_heading() {
            Some("Authorizer") => Some("authorizer"),
            Some(heading) if heading.starts_with("Credential") => Some("credential"),
            _ => None,
        };
        let shape = shape(arg, &flag);
        let renamed = RENAMED.iter().find(|(named, _)| *named == flag).map(|(_, name)| (*name).to_owned());
        let name = renamed.unwrap_or_else(|| {
            let name = camel_case(&flag);
            let is_list = matches!(shape, Shape::Texts | Shape::Pairs);
            if is_list { plural(name) } else { name }
        });
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.replace(" (can be repeated)", "").replace("; can be repeated)", ")");
        let values = if shape == Shape::Text || shape == Shape::Number {
            arg.get_possible_values().iter().map(PossibleValue::get_name).map(str::to_owned).collect()
        } else {
            Vec::new()
        };
        Some(Self { object, name, flag, shape, help, values })
    }

    /// The path from the gateway or target, such as `credential.query`.
    pub fn path(&self) -> String {
        self.object.map_or_else(|| self.name.clone(), |object| format!("{object}.{}", self.name))
    }
}

fn shape(arg: &Arg, flag: &str) -> Shape {
    let numbers = [TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<i32>()];
    let takes_file = || arg.get_value_names().is_some_and(|names| names.iter().any(|name| name.as_str() == "FILE"));
    match arg.get_action() {
        ArgAction::SetTrue => Shape::Switch,
        _ if flag == "authorizer-config" => Shape::Raw,
        _ if PAIRS.contains(&flag) => Shape::Pairs,
        ArgAction::Append => Shape::Texts,
        _ if numbers.iter().any(|number| arg.get_value_parser().type_id() == *number) => Shape::Number,
        _ if takes_file() => Shape::File,
        _ => Shape::Text,
    }
}

fn camel_case(flag: &str) -> String {
    let mut words = flag.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &capital.into_iter().chain(letters).collect::<String>()
    })
}

fn plural(name: String) -> String {
    match name.strip_suffix('y') {
        _ if name.ends_with('s') => name,
        Some(stem) => format!("{stem}ies"),
        None => name + "s",
    }
}

fn members(command: &Command) -> Vec<Member> {
    command.get_arguments().filter_map(Member::of).collect()
}

/// `create`, whose flags describe a gateway.
pub fn create() -> Command {
    Create::augment_args(Command::new("create"))
}

/// `target add`, with a subcommand for each kind.
pub fn add() -> Command {
    Add::augment_args(Command::new("add"))
}

/// The members of a gateway besides `name`.
pub fn of_gateway() -> Vec<Member> {
    members(&create())
}

/// The kinds of target, each with its members besides `type`.
pub fn of_targets() -> Vec<(String, Vec<Member>)> {
    let add = add();
    add.get_subcommands().map(|kind| (kind.get_name().to_owned(), members(kind))).collect()
}

/// Objects in the object of a gateway or target that hold some of its members.
pub fn objects(members: &[Member]) -> Vec<&'static str> {
    let mut objects: Vec<&str> = members.iter().filter_map(|member| member.object).collect();
    objects.dedup();
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_has_a_member_of_its_own_and_the_usual_ones_are_named_as_one_would_guess() {
        let kinds = of_targets();
        assert_eq!(kinds.len(), 6);
        for (what, members) in
            kinds.iter().map(|(kind, members)| (kind.as_str(), members)).chain([("gateway", &of_gateway())])
        {
            let mut paths: Vec<String> = members.iter().map(Member::path).collect();
            paths.sort();
            let before = paths.len();
            paths.dedup();
            assert_eq!(paths.len(), before, "{what}: {paths:?}");
        }
        let openapi = &kinds.iter().find(|(kind, _)| kind == "openapi").unwrap().1;
        let member = |flag: &str| openapi.iter().find(|member| member.flag == flag).unwrap();
        assert_eq!((member("spec").path().as_str(), member("spec").shape), ("spec", Shape::File));
        assert_eq!((member("adapt").path().as_str(), member("adapt").shape), ("adapt", Shape::Switch));
        assert_eq!(member("api-key-env").path(), "credential.apiKeyEnv");
        assert_eq!(member("api-key-query").path(), "credential.query");
        assert_eq!(member("allow-query").path(), "allowQueries");
        assert_eq!(member("operations").path(), "operations");
        assert_eq!(
            (member("oauth-param").path().as_str(), member("oauth-param").shape),
            ("credential.oauthParams", Shape::Pairs)
        );
        let gateway = of_gateway();
        let member = |flag: &str| gateway.iter().find(|member| member.flag == flag).unwrap();
        assert_eq!((member("tag").path().as_str(), member("tag").shape), ("tags", Shape::Pairs));
        assert_eq!(member("authorizer").path(), "authorizer.type");
        assert_eq!(member("authorizer").values, ["cognito", "jwt", "iam", "authenticate-only", "none"]);
        assert_eq!(
            (member("log-retention").path().as_str(), member("log-retention").shape),
            ("logRetention", Shape::Number)
        );
        assert_eq!(member("session-timeout").shape, Shape::Number);
        assert_eq!(
            (member("authorizer-config").path().as_str(), member("authorizer-config").shape),
            ("authorizer.aws", Shape::Raw)
        );
    }
}
