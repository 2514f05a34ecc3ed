//! Picking operations of a document.

use std::str::FromStr;

/// Which operations of a document are wanted: those that are named or match a pattern, without those that match an
/// excluding one.
#[derive(Debug, Clone, Default)]
pub struct Pick {
    /// Empty for all.
    pub include: Vec<Pattern>,
    pub exclude: Vec<Pattern>,
    /// Names; with patterns to include, in addition to what they match.
    pub operations: Vec<String>,
}

/// A pattern for operations: `METHOD PATH`, `PATH`, or an operation's name. `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.split_whitespace().collect::<Vec<_>>().as_slice() {
            [] => Err("a pattern is `METHOD PATH`, a path or an operation's name, such as 'GET /pets*'".to_owned()),
            [_, path] if !path.starts_with(['/', '*']) => Err(format!("the path `{path}` does not begin with a slash")),
            [one] => Ok(Self((*one).to_owned())),
            [method, path] => Ok(Self(format!("{} {path}", method.to_ascii_uppercase()))),
            _ => Err(format!("`{text}`: a pattern has at most a method and a path")),
        }
    }
}

/// An operation to be picked or not.
#[derive(Debug, Clone)]
pub(crate) struct Candidate<'a> {
    names: [&'a str; 2],
    /// In upper case.
    method: String,
    path: &'a str,
}

impl<'a> Candidate<'a> {
    /// An operation by the names that it goes by, with method and path; these are empty in a Smithy model.
    pub(crate) fn new(names: [&'a str; 2], method: &str, path: &'a str) -> Self {
        Self { names, method: method.to_ascii_uppercase(), path }
    }
}

impl Pattern {
    fn matches(&self, candidate: &Candidate<'_>) -> bool {
        match self.0.split_once(' ') {
            Some((method, path)) => glob(method, &candidate.method) && glob(path, candidate.path),
            None if self.0.starts_with('/') => glob(&self.0, candidate.path),
            None => candidate.names.iter().any(|name| !name.is_empty() && glob(&self.0, name)),
        }
    }
}

impl Pick {
    pub fn is_everything(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty() && self.operations.is_empty()
    }

    pub(super) fn flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        for (flag, patterns) in [("--include", &self.include), ("--exclude", &self.exclude)] {
            flags.extend(patterns.iter().flat_map(|pattern| [flag.to_owned(), pattern.0.clone()]));
        }
        if !self.operations.is_empty() {
            flags.extend(["--operations".to_owned(), self.operations.join(",")]);
        }
        flags
    }

    /// Whether each operation is picked.
    ///
    /// # Errors
    ///
    /// If a pattern or a name matches none of them.
    pub(crate) fn of(&self, candidates: &[Candidate<'_>]) -> Result<Vec<bool>, String> {
        let found = |matches: &dyn Fn(&Candidate<'_>) -> bool| candidates.iter().any(matches);
        for (flag, patterns) in [("--include", &self.include), ("--exclude", &self.exclude)] {
            if let Some(other) = patterns.iter().find(|pattern| !found(&|one| pattern.matches(one))) {
                return Err(format!("`{flag} '{}'` matches no operation", other.0));
            }
        }
        let named = |name: &String| found(&|one| one.names.contains(&name.as_str()));
        if let Some(other) = self.operations.iter().find(|name| !named(name)) {
            return Err(format!("no operation is named `{other}`"));
        }
        let all = self.include.is_empty() && self.operations.is_empty();
        let is_picked = |one: &Candidate<'_>| {
            let named = || one.names.iter().any(|name| self.operations.iter().any(|wanted| wanted == name));
            let included = || self.include.iter().any(|pattern| pattern.matches(one));
            (all || named() || included()) && !self.exclude.iter().any(|pattern| pattern.matches(one))
        };
        Ok(candidates.iter().map(is_picked).collect())
    }
}

/// Whether a text matches a pattern in which `*` stands for any characters.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_method_and_path_or_a_name() {
        for (pattern, text, matches) in [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b*c", "a--b--b--c", true),
            ("a*bc", "abc", true),
            ("abc", "abcd", false),
            ("a*ba", "aba", true),
            ("ab*ba", "aba", false),
            ("*", "", true),
            ("", "x", false),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
        let one = |name, method: &str, path| Candidate::new([name, ""], method, path);
        let all = [one("listPets", "GET", "/pets"), one("addPet", "POST", "/pets"), one("getPet", "GET", "/pets/{id}")];
        let picked = |include: &[&str], exclude: &[&str], operations: &[&str]| {
            let patterns = |all: &[&str]| all.iter().map(|one| one.parse().unwrap()).collect();
            let operations = operations.iter().map(|name| (*name).to_owned()).collect();
            Pick { include: patterns(include), exclude: patterns(exclude), operations }.of(&all)
        };
        assert_eq!(picked(&["get /pets*"], &[], &[]), Ok(vec![true, false, true]));
        assert_eq!(picked(&["/pets"], &[], &[]), Ok(vec![true, true, false]));
        assert_eq!(picked(&["*Pet"], &["POST *"], &[]), Ok(vec![false, false, true]));
        assert_eq!(picked(&["/pets/*"], &[], &["addPet"]), Ok(vec![false, true, true]));
        assert_eq!(picked(&[], &["GET *"], &[]), Ok(vec![false, true, false]));
        assert!(picked(&["/cats*"], &[], &[]).unwrap_err().contains("'/cats*'` matches no operation"));
        assert!(picked(&[], &["DELETE *"], &[]).is_err() && picked(&[], &[], &["addCat"]).is_err());
        for bad in ["", "GET pets", "a b c"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }
}
