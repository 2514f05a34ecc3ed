//! The documentation's examples work: every command parses, and every link has a target.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use agentcore_gw::cli::App;
use insta::assert_snapshot;

pub fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The lines of `console` blocks that begin with `$ `, without that prompt.
pub fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect()
}

/// Splits a line into words like a shell, and removes quotes.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            (' ', None) => words.push(std::mem::take(&mut word)),
            (c, _) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_in_the_readme_parses() {
    let mut parsed = 0;
    for line in commands(&readme()) {
        let line = line.trim_start_matches("eval ").trim_matches('"').trim_start_matches("$(").trim_end_matches(')');
        let line = line.replace("cargo run --release --", "agentcore-gw");
        let line = line.split(" | ").last().unwrap();
        if !line.starts_with("agentcore-gw") {
            continue;
        }
        if let Err(error) = App::parse_args(words(line)) {
            let shown =
                matches!(error.kind(), clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion);
            assert!(shown, "{line}\n{error}");
        }
        parsed += 1;
    }
    assert!(parsed >= 8, "only {parsed} commands were found in the README");
}

/// All source files of the program.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

/// A command in the source, with a name in place of each `{…}`.
fn named(line: &str) -> String {
    let mut parts = line.split('{');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + "name" + part.split_once('}').map_or("", |(_, rest)| rest))
}

/// Hints name commands and flags that exist.
#[test]
fn every_command_in_a_hint_parses() {
    let mut parsed = 0;
    for file in sources() {
        let source = fs::read_to_string(&file).unwrap();
        let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        for (at, _) in code.match_indices("`agentcore-gw ") {
            // A string that continues in the next line of the source.
            let line = code[at + 1..].split('`').next().unwrap().replace("\\\n", " ");
            let line = named(&line);
            if let Err(error) = App::parse_args(words(&line)) {
                assert_eq!(error.kind(), clap::error::ErrorKind::DisplayHelp, "{line}\n{error}");
            }
            parsed += 1;
        }
    }
    assert!(parsed >= 12, "only {parsed} commands were found in hints");
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_program() {
    use agentcore_gw::error::exit;
    let readme = readme();
    for (code, word) in [
        (exit::DONE, "done"),
        (exit::FAILED, "failed"),
        (exit::USAGE, "usage"),
        (exit::INCOMPLETE, "incomplete"),
        (exit::DENIED, "credentials"),
        (exit::NOT_FOUND, "not found"),
        (exit::TIMED_OUT, "timed out"),
        (exit::BUG, "bug"),
        (exit::INTERRUPTED, "interrupted"),
    ] {
        let row = readme.lines().find(|line| line.starts_with(&format!("| {code} |")));
        assert!(row.is_some_and(|row| row.to_lowercase().contains(word)), "exit code {code}: {row:?}");
    }
}

/// The help of every command, so that changes of the command line show in review.
#[test]
fn the_help_of_every_command_is_reviewed() {
    fn add(command: &mut clap::Command, path: &str, shown: &mut String) {
        let name = format!("{path}{}", command.get_name());
        shown.push_str(&format!("===== {name}\n{}\n", command.render_long_help()));
        for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
            add(sub, &format!("{name} "), shown);
        }
    }
    let mut shown = String::new();
    let mut command = App::whole();
    command.build();
    add(&mut command, "", &mut shown);
    let too_long: Vec<&str> = shown.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(too_long.is_empty(), "{too_long:#?}");
    assert_snapshot!("help", shown);
}

/// README's table of what the local AWS covers, from its tables of operations: by service, and what each verb is for.
fn coverage() -> String {
    let titles = [
        ("bedrock-agentcore", "Bedrock AgentCore"),
        ("cognito-idp", "Cognito user pools"),
        ("iam", "IAM"),
        ("lambda", "Lambda"),
        ("logs", "CloudWatch Logs"),
        ("s3", "S3"),
        ("secretsmanager", "Secrets Manager"),
        ("sts", "STS"),
    ];
    let mut services: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for (service, operation) in agentcore_gw::local::operations() {
        let end = operation[1..].find(char::is_uppercase).map_or(operation.len(), |end| end + 1);
        let (verb, noun) = operation.split_at(end);
        services.entry(service).or_default().entry(verb).or_default().insert(noun);
    }
    let rows = services.iter().map(|(service, verbs)| {
        let title = titles.iter().find(|(scope, _)| scope == service).unwrap_or_else(|| panic!("{service}")).1;
        let verb = |(verb, nouns): (&&str, &BTreeSet<&str>)| {
            let nouns = nouns.iter().copied().collect::<Vec<_>>().join(", ");
            format!("{verb} {nouns}").trim_end().to_owned()
        };
        let verbs = verbs.iter().map(verb);
        format!("| {title} | {} |\n", verbs.collect::<Vec<_>>().join("; "))
    });
    format!("| it speaks | operations |\n| --- | --- |\n{}", rows.collect::<String>())
}

#[test]
fn the_readme_says_what_the_local_aws_covers() {
    let coverage = coverage();
    assert!(readme().contains(&coverage), "README's table is to be:\n{coverage}");
}
