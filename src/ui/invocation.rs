//! How the program was called, so that the commands in its messages work when they are pasted.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    path::{self, Path, PathBuf},
};

use crate::model::shell::shell_word;

/// The program's name in message texts.
const NAME: &str = "agentcore-gw";

/// How the program was called.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The program as it was named.
    given: OsString,
    program: String,
    /// The flags that choose where the program works, each with a space before it.
    place: String,
    again: String,
}

impl Default for Invocation {
    fn default() -> Self {
        Self { given: NAME.into(), program: NAME.to_owned(), place: String::new(), again: NAME.to_owned() }
    }
}

impl Invocation {
    /// From these arguments, the program's own name first; `place` are the flags that choose where it works.
    pub fn new(args: &[OsString], place: &[String]) -> Self {
        let words: Vec<String> = args.iter().map(|arg| shell_word(&arg.to_string_lossy())).collect();
        let program = words.first().cloned().unwrap_or_else(|| NAME.to_owned());
        let place = place.iter().map(|arg| format!(" {}", shell_word(arg))).collect();
        Self { given: args.first().cloned().unwrap_or_else(|| NAME.into()), program, place, again: words.join(" ") }
    }

    /// The program's path. One that leads to it by a link stays, because a newer version may be linked there later.
    ///
    /// # Errors
    /// If the system does not know it.
    pub fn path(&self, search: &OsStr) -> io::Result<PathBuf> {
        let executable = env::current_exe()?;
        let given = Path::new(&self.given);
        let named = if given.components().count() > 1 {
            path::absolute(given).ok()
        } else {
            env::split_paths(search).map(|folder| folder.join(given)).find(|path| path.is_file())
        };
        let is_it = |path: &PathBuf| path.is_absolute() && path.canonicalize().ok() == executable.canonicalize().ok();
        Ok(named.filter(is_it).unwrap_or(executable))
    }

    /// The program with the flags that choose where it works.
    pub fn program(&self) -> String {
        format!("{}{}", self.program, self.place)
    }

    /// The whole command line.
    pub fn again(&self) -> &str {
        &self.again
    }

    /// A text in which commands, which are in backticks, are rewritten to this invocation's program and flags. The
    /// whole command line is left as it is, also with further flags.
    pub fn in_commands(&self, text: &str) -> String {
        let again = format!("`{}", self.again);
        let parts: Vec<String> = text.split(&again).map(|part| self.named(part)).collect();
        parts.join(&again)
    }

    fn named(&self, text: &str) -> String {
        let named = format!("`{NAME} ");
        let mut parts = text.split(&named).map(str::to_owned);
        let first = parts.next().unwrap_or_default();
        parts.fold(first, |shown, rest| {
            // Commands about the local AWS itself need no other flags.
            let program = if rest.starts_with("local ") { self.program.clone() } else { self.program() };
            format!("{shown}`{program} {rest}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(args: &[&str], place: &[&str]) -> Invocation {
        let place: Vec<String> = place.iter().map(|arg| (*arg).to_owned()).collect();
        Invocation::new(&args.iter().map(OsString::from).collect::<Vec<_>>(), &place)
    }

    #[test]
    fn a_command_is_repeated_as_a_shell_would_read_it() {
        let args = ["./agentcore-gw", "create", "g", "--description", "it's mine", "--tag", "a=b", "x\u{1b}[2J\n"];
        let again = r"./agentcore-gw create g --description 'it'\''s mine' --tag a=b $'x\u001b[2J\u000a'";
        assert_eq!(invocation(&args, &[]).again(), again);
        assert_eq!(invocation(&["a b", ""], &[]).again(), "'a b' ''");
    }

    #[test]
    fn commands_in_texts_are_those_of_this_call() {
        let invocation = invocation(&["target/release/agentcore-gw", "--local", "list"], &["--local"]);
        let text = "run `agentcore-gw status g`, or `agentcore-gw local stop`; agentcore-gw is what it is";
        let shown = "run `target/release/agentcore-gw --local status g`, or `target/release/agentcore-gw local stop`; \
                     agentcore-gw is what it is";
        assert_eq!(invocation.in_commands(text), shown);
        // Called by its own name, from PATH.
        let invocation = self::invocation(&["agentcore-gw", "--local", "create", "g"], &["--local"]);
        let text = format!(
            "run `{0}` again to go on, or `{0} --yes`, or `agentcore-gw cleanup g`; `agentcore-gw local stop`",
            invocation.again()
        );
        let shown = "run `agentcore-gw --local create g` again to go on, or `agentcore-gw --local create g --yes`, or \
                     `agentcore-gw --local cleanup g`; `agentcore-gw local stop`";
        assert_eq!(invocation.in_commands(&text), shown);
    }
}
