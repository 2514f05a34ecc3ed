//! What help says besides what the arguments say of themselves: groups of commands, examples, and exit codes.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::{STYLES, names};

/// The commands, in the groups of the root's help.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Make and delete", &["create", "target", "client", "update", "delete", "cleanup"]),
    ("Look", &["list", "get", "status", "doctor", "logs"]),
    ("Use", &["credentials", "token", "tools", "connect", "client-config", "init"]),
    ("From a file", &["apply", "export", "schema", "validate"]),
    ("Around it", &["policy", "local", "completions", "help"]),
];

/// Examples of each command that runs something, by its path.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("", &["--local create weather --sample", "--local tools list weather", "--local cleanup weather -y"]),
    ("create", &["create weather --sample", "create internal --authorizer iam", "create weather --sample -o json"]),
    ("apply", &["apply -f gateway.yaml --dry-run", "apply -f gateway.yaml --prune=all"]),
    ("export", &["export weather > gateway.yaml", "export weather --format cloudformation > gateway.json"]),
    ("schema", &["schema > gateway.schema.json"]),
    ("target add lambda", &["target add lambda orders --gateway weather --lambda-arn $ARN --tools tools.json"]),
    (
        "target add openapi",
        &[
            "target add openapi api --gateway weather --spec api.yaml \\\n      --api-key-env KEY --api-key-query appid",
            "target add openapi pets --gateway weather --spec pets.yaml --adapt --include 'GET *'",
        ],
    ),
    (
        "target add smithy",
        &[
            "target add smithy db --gateway weather --allow-action dynamodb:ListTables",
            "target add smithy s3 --gateway weather --model s3.json --operations ListBuckets",
        ],
    ),
    ("target add mcp-server", &["target add mcp-server mine --gateway weather --endpoint https://example.com/mcp"]),
    (
        "target add api-gateway",
        &[
            "target add api-gateway shop --gateway weather --rest-api-id a1b2c3d4e5 \\\n      --stage prod --filter /pets=GET",
        ],
    ),
    ("target add custom", &["target add custom other --gateway weather --cli-input target.json"]),
    (
        "target update",
        &[
            "target update api --gateway weather --spec api.yaml",
            "target update api --gateway weather --dry-run --description 'The API'",
        ],
    ),
    ("target list", &["target list --gateway weather"]),
    ("target get", &["target get api --gateway weather -o json"]),
    ("target remove", &["target remove api --gateway weather"]),
    ("target sync", &["target sync mine --gateway weather"]),
    ("list", &["list", "list --region eu-central-1 -o json"]),
    ("get", &["get weather -o json"]),
    (
        "update",
        &["update weather --description 'Weather for agents'", "update weather --session-timeout 3600 --stream"],
    ),
    ("delete", &["delete weather -y"]),
    ("client add", &["client add weather reports --scope read"]),
    ("client list", &["client list weather"]),
    ("client rotate", &["client rotate weather reports", "client rotate weather reports --finish"]),
    ("client remove", &["client remove weather reports -y"]),
    ("status", &["status weather", "status weather -o json"]),
    ("credentials", &["credentials weather", "credentials weather -o env"]),
    ("token", &["token weather", "token weather --header"]),
    ("tools list", &["tools list weather"]),
    ("tools call", &[r#"tools call weather weather-tool___get_weather '{"location":"Seattle"}'"#]),
    ("tools search", &["tools search weather 'current weather'"]),
    ("connect", &["connect weather"]),
    ("client-config", &["client-config weather --client cursor", "client-config weather --client claude-code --write"]),
    ("init", &["init my-agent --gateway weather"]),
    ("doctor", &["doctor", "doctor weather", "doctor weather --fix"]),
    ("logs", &["logs weather", "logs weather --follow"]),
    ("policy", &["policy"]),
    ("validate openapi", &["validate openapi api.yaml", "validate openapi api.yaml --adapt"]),
    ("validate smithy", &["validate smithy model.json"]),
    ("validate tools", &["validate tools tools.json"]),
    ("cleanup", &["cleanup weather", "cleanup weather -y", "cleanup --all -y"]),
    ("local serve", &["local serve", "local serve --ephemeral"]),
    ("local start", &["local start"]),
    ("local stop", &["local stop"]),
    ("local status", &["local status"]),
    ("local env", &["local env"]),
    ("local reset", &["local reset -y"]),
    ("completions", &["completions bash > ~/.local/share/bash-completion/completions/agentcore-gw"]),
];

/// The commands whose argument `name` is that of a gateway that is there.
const NAMED_BY_GATEWAY: [&str; 15] = [
    "cleanup",
    "client-config",
    "connect",
    "credentials",
    "delete",
    "doctor",
    "export",
    "get",
    "logs",
    "status",
    "token",
    "tools call",
    "tools list",
    "tools search",
    "update",
];

/// What an exit code means for one command, where that is more than for all.
const CODES: &[(&str, &str)] = &[
    ("", "3 something remains or is missing"),
    ("apply", "10 a dry run with --detailed-exitcode found something to do"),
    ("status", "3 something is missing"),
    ("cleanup", "3 something remains"),
];

/// The command line with its help completed.
pub(super) fn complete(command: Command) -> Command {
    let globals: Vec<Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    let groups = groups(&command);
    let (heading, literal) = (STYLES.get_header(), STYLES.get_literal());
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{heading}Options of every command:{heading:#}\n{{options}}{{after-help}}"
    );
    let more = format!("`{literal}agentcore-gw COMMAND --help{literal:#}` shows the options of a command.\n\n");
    let command = command.help_template(template).after_help(more + &after("", "agentcore-gw"));
    each(command, |sub| below(sub, "", &globals))
}

fn each(command: Command, mut change: impl FnMut(Command) -> Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, &mut change))
}

/// A subcommand, whose help points at the root for what every command understands.
fn below(command: Command, above: &str, globals: &[Arg]) -> Command {
    let path = format!("{above}{}", command.get_name());
    let text = format!(
        "{}\n\nOptions of every command, such as --region, --local, --output and --yes: `agentcore-gw --help`\n",
        after(&path, "agentcore-gw")
    );
    let hidden = globals.iter().map(|arg| arg.clone().hide(true));
    let takes_gateway =
        |arg: &Arg| arg.get_id() == "gateway" || arg.get_id() == "name" && NAMED_BY_GATEWAY.contains(&path.as_str());
    let command = command.mut_args(|arg| if takes_gateway(&arg) { names::completed(arg) } else { arg });
    let command = command.args(hidden).after_help(text);
    let inner = format!("{path} ");
    each(command, |sub| below(sub, &inner, globals))
}

/// Examples and exit codes.
fn after(path: &str, program: &str) -> String {
    let mut text = String::new();
    let (heading, literal) = (STYLES.get_header(), STYLES.get_literal());
    let begins = |known: &str| known.strip_prefix(path).is_some_and(|rest| rest.starts_with(' '));
    let own = EXAMPLES.iter().find(|(known, _)| *known == path);
    let lines: Vec<&str> = match own {
        Some((_, examples)) => examples.to_vec(),
        // A command of commands has one example of each.
        None => EXAMPLES
            .iter()
            .filter(|(known, _)| begins(known))
            .filter_map(|(_, examples)| examples.first().copied())
            .collect(),
    };
    if !lines.is_empty() {
        let _ = writeln!(text, "{heading}Examples:{heading:#}");
        for line in lines {
            let _ = writeln!(text, "  {literal}{program} {line}{literal:#}");
        }
        text.push('\n');
    }
    let more = CODES.iter().find(|(known, _)| *known == path).map(|(_, more)| format!(",\n  {more}"));
    let _ = write!(
        text,
        "{heading}Exit codes:{heading:#} 0 done, 1 failed, 2 wrong usage or input, 4 not allowed,\n  5 not found, 6 timed out, \
         130 interrupted{}",
        more.unwrap_or_default()
    );
    text
}

fn groups(command: &Command) -> String {
    let mut text = String::new();
    let (heading, literal) = (STYLES.get_header(), STYLES.get_literal());
    for (title, names) in GROUPS {
        let _ = writeln!(text, "{heading}{title}:{heading:#}");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
            let about = about.unwrap_or_else(|| "Print this message or the help of a command".to_owned());
            let _ = writeln!(text, "  {literal}{name:<15}{literal:#}{about}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::App;

    fn paths(command: &Command, above: &str, found: &mut Vec<String>) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let path = format!("{above}{}", sub.get_name());
            if sub.has_subcommands() { paths(sub, &format!("{path} "), found) } else { found.push(path) }
        }
    }

    #[test]
    fn every_command_has_examples_and_is_in_one_group() {
        let command = App::command();
        let mut found = vec![String::new()];
        paths(&command, "", &mut found);
        found.sort();
        let mut known: Vec<&str> = EXAMPLES.iter().map(|(path, _)| *path).collect();
        known.sort_unstable();
        assert_eq!(found, known);
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut names: Vec<&str> = command.get_subcommands().map(Command::get_name).chain(["help"]).collect();
        grouped.sort_unstable();
        names.sort_unstable();
        assert_eq!(grouped, names);
    }
}
