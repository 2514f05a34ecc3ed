//! Completes the names of gateways.

use std::{
    ffi::OsStr,
    io::Read as _,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use clap::Arg;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use serde_json::Value;

/// How long a shell waits for names.
const PATIENCE: Duration = Duration::from_secs(1);
/// The flags that say where gateways are, with their values.
const PLACES: [&str; 3] = ["--region", "--profile", "--endpoint-url"];

/// An argument that takes the name of a gateway, with its completion.
pub(super) fn completed(arg: Arg) -> Arg {
    arg.add(ArgValueCompleter::new(|current: &OsStr| {
        let words: Vec<String> = std::env::args().skip_while(|word| word != "--").skip(1).collect();
        let begun = current.to_string_lossy();
        let names = names(&words).into_iter().filter(|name| name.starts_with(&*begun));
        names.map(CompletionCandidate::new).collect()
    }))
}

/// The names of the gateways where these words of a command line point at; none if that takes too long.
fn names(words: &[String]) -> Vec<String> {
    let place = place(words);
    // `list --local` would start it.
    let is_local = place.iter().any(|flag| flag == "--local");
    let until = Instant::now() + PATIENCE;
    if is_local && asked(&["local", "status"], &[], until).is_none_or(|status| status["running"] != true) {
        return Vec::new();
    }
    let listed = asked(&["list", "--no-maker", "--quiet", "--timeout", "1"], &place, until).unwrap_or_default();
    let items = listed["items"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> = items.iter().filter_map(|item| item["name"].as_str().map(str::to_owned)).collect();
    // AWS lists them in no order.
    names.sort();
    names
}

/// The flags among these words that say where gateways are.
fn place(words: &[String]) -> Vec<String> {
    let mut flags = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--local"
            || PLACES.iter().any(|flag| word.strip_prefix(flag).is_some_and(|rest| rest.starts_with('=')))
        {
            flags.push(word.clone());
        } else if PLACES.contains(&word.as_str()) {
            flags.extend([Some(word), words.next()].into_iter().flatten().cloned());
        }
    }
    flags
}

/// What this program answers to a command, if it does so in time.
fn asked(command: &[&str], flags: &[String], until: Instant) -> Option<Value> {
    let program = std::env::current_exe().ok()?;
    let mut ask = Command::new(program);
    ask.args(flags).args(command).args(["--output", "json"]);
    let mut child = ask.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let text = text_of(&mut child, until);
    if text.is_none() {
        drop(child.kill());
    }
    drop(child.wait());
    serde_json::from_str(&text?).ok()
}

fn text_of(child: &mut Child, until: Instant) -> Option<String> {
    let mut output = child.stdout.take()?;
    let (sender, text) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        if output.read_to_string(&mut text).is_ok() {
            drop(sender.send(text));
        }
    });
    text.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_for_where_the_command_looks() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(place(&words("agentcore-gw --local get")), ["--local"]);
        let line = "agentcore-gw get --region eu-west-1 --profile=dev -o json wea";
        assert_eq!(place(&words(line)), ["--region", "eu-west-1", "--profile=dev"]);
        assert!(place(&words("agentcore-gw get --region")).len() == 1);
    }
}
