//! The names of operations: made where there are none, and such as model clients take.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Adaptation, Adapter, METHODS, members_of, operations, segment};
use crate::model::{naming::short_hash, tool};

/// An underscore and a hash.
const SUFFIX: usize = 9;
/// Limit on a name, however long the target's is: a hash.
const SHORTEST: usize = SUFFIX - 1;

impl Adapter<'_> {
    pub(super) fn names(&mut self) {
        if !self.has(Adaptation::MakeOperationIds) && !self.has(Adaptation::CleanNames) {
            return;
        }
        self.with_value(|adapter, value| {
            // An operation keeps a name that it may keep, whatever is made of those before it.
            let limit = limit(adapter.reading.target);
            let cleans = adapter.has(Adaptation::CleanNames);
            let own = operations(value).filter_map(|place| place.operation["operationId"].as_str());
            let stays = own.filter(|own| !own.is_empty() && (!cleans || cleaned(own, limit) == **own));
            let mut names = Names { kept: stays.map(str::to_owned).collect(), taken: HashSet::new() };
            for (path, item) in members_of(value, "paths") {
                for (method, operation) in item.as_object_mut().into_iter().flatten() {
                    if METHODS.contains(&method.as_str()) && operation.is_object() {
                        adapter.name(operation, method, path, &mut names);
                    }
                }
            }
        });
    }

    fn name(&mut self, operation: &mut Value, method: &str, path: &str, names: &mut Names) {
        let at = format!("/paths/{}/{method}", segment(path));
        let own = operation["operationId"].as_str().filter(|id| !id.is_empty()).map(str::to_owned);
        let limit = limit(self.reading.target);
        let is_own = |name: &String| own.as_ref() == Some(name) && !names.taken.contains(name);
        let is_free = |name: &String| is_own(name) || !(names.kept.contains(name) || names.taken.contains(name));
        let unique = |name: String| if is_free(&name) { name } else { with_hash(&name, &[method, path], limit) };
        let name = match &own {
            None if !self.has(Adaptation::MakeOperationIds) => return,
            None => {
                let name = unique(made(method, path, limit));
                let reason = "an operation becomes a tool by its operationId";
                self.note(Adaptation::MakeOperationIds, &at, format!("its operationId is `{name}`"), reason);
                name
            }
            Some(own) if !self.has(Adaptation::CleanNames) => own.clone(),
            Some(own) => {
                let name = unique(cleaned(own, limit));
                if name != *own {
                    let change = format!("its operationId is `{name}`, no longer `{own}`");
                    let reason =
                        "a tool's name is its own, with at most 64 letters, digits, `_` and `-`, the target's included";
                    self.note(Adaptation::CleanNames, format!("{at}/operationId"), change, reason);
                    let said = ["description", "summary"].iter().find_map(|member| operation[*member].as_str());
                    let said = said.map(|said| format!("{} ", said.trim())).unwrap_or_default();
                    operation["description"] = json!(format!("{said}(operationId {own})"));
                }
                name
            }
        };
        operation["operationId"] = json!(name);
        names.taken.insert(name);
    }
}

/// The names of a document's operations.
struct Names {
    /// Those that the document has and that may stay.
    kept: HashSet<String>,
    /// Those of the operations so far.
    taken: HashSet<String>,
}

/// The names that an operation goes by: its own, and that of its tool.
pub(crate) fn spellings(id: Option<&str>, method: &str, path: &str, target: &str) -> (String, String) {
    let limit = limit(target);
    match id.filter(|id| !id.is_empty()) {
        Some(own) => (own.to_owned(), cleaned(own, limit)),
        None => (made(method, path, limit), String::new()),
    }
}

/// The length that a name may have beside the target's.
fn limit(target: &str) -> usize {
    tool::NAME_LIMIT.saturating_sub(target.len() + tool::SEPARATOR.len()).max(SHORTEST)
}

/// A name from method and path: `get_pets_petId`.
fn made(method: &str, path: &str, limit: usize) -> String {
    let name = plain(&format!("{method}{path}"));
    if name.len() <= limit { name } else { with_hash(&name, &[method, path], limit) }
}

fn cleaned(own: &str, limit: usize) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if own.len() <= limit && own.bytes().all(is_plain) {
        return own.to_owned();
    }
    let name = plain(own);
    if name.len() <= limit && !name.is_empty() { name } else { with_hash(&name, &[own], limit) }
}

/// A text's letters, digits and hyphens, with one underscore in place of all between them.
pub(super) fn plain(text: &str) -> String {
    let parts = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

/// The beginning of a name, and a hash of what it stands for.
fn with_hash(name: &str, of: &[&str], limit: usize) -> String {
    let end = name.len().min(limit.saturating_sub(SUFFIX));
    format!("{}_{}", name[..end].trim_end_matches('_'), short_hash(of)).trim_start_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_short_and_the_same_on_every_run() {
        assert_eq!(made("get", "/pets/{petId}/toys", 40), "get_pets_petId_toys");
        assert_eq!(made("get", "/", 40), "get");
        assert_eq!(cleaned("repos/list-for-org", 40), "repos_list-for-org");
        assert_eq!(cleaned("already__fine", 40), "already__fine");
        let long = cleaned(&"x".repeat(80), 40);
        assert_eq!((long.as_str(), long.len()), ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_d929cdee", 40));
        assert_ne!(long, cleaned(&"x".repeat(81), 40));
        assert_eq!(cleaned("ünï", 40), "n");
        assert_eq!(cleaned("日本", 40).len(), 8);
        assert_eq!((limit("target"), limit(&"t".repeat(99))), (55, SHORTEST));
    }
}
