//! Checks of a document's schemas: what the gateway rejects, and what tools cannot keep.

use serde_json::Value;

use super::{
    At, Reader, Side,
    keyword::{self, Kind, Mended, has_type},
};

/// Keywords that the gateway does not support (AgentCore developer guide, gateway-schema-openapi).
pub(super) const UNSUPPORTED: [&str; 3] = ["oneOf", "anyOf", "allOf"];

impl<'a> Reader<'a> {
    /// Checks a schema and everything that it refers to, each once.
    pub(super) fn check_schema(&mut self, at: At<'a>, side: Side) {
        let mut waiting = vec![at];
        while let Some(at) = waiting.pop() {
            if !self.seen.insert((std::ptr::from_ref(at.value).addr(), side)) {
                continue;
            }
            if at.value.get("$ref").is_some() {
                waiting.extend(self.resolve(at));
                continue;
            }
            if !at.value.is_object() {
                if !at.value.is_boolean() {
                    self.notes.error(&at.pointer, "schema", "a schema is an object", "write it as `{type: …}`");
                }
                continue;
            }
            for keyword in UNSUPPORTED {
                if let Some(found) = at.member(keyword) {
                    self.combined(&found, keyword, side);
                }
            }
            if side == Side::Request {
                self.check_keywords(&at);
            }
            for (keyword, member) in at.members() {
                match keyword::kind(keyword) {
                    Some(Kind::One) => waiting.push(member),
                    Some(Kind::Many) => waiting.extend(member.items()),
                    Some(Kind::Named) => waiting.extend(member.members().map(|(_, schema)| schema)),
                    _ => {}
                }
            }
        }
    }

    /// Warns of values that JSON Schema does not allow, and so the APIs of models refuse.
    fn check_keywords(&mut self, at: &At<'a>) {
        let Some(around) = at.value.as_object() else { return };
        for (keyword, member) in at.members() {
            let Some(kind) = keyword::kind(keyword) else { continue };
            let (becomes, problem) = match keyword::mend(kind, keyword, member.value, around, &mut self.patterns) {
                Mended::AsItIs | Mended::Moved | Mended::Changed(_, None) => continue,
                Mended::Changed(value, Some(problem)) => (format!("the tool has `{value}`"), problem),
                Mended::Dropped(problem) => ("the tool is without it".to_owned(), problem),
            };
            let remedy = "write it as JSON Schema has it, or let `--adapt` do it";
            self.notes.warn(&member.pointer, "schema value", format!("`{keyword}` {problem}: {becomes}"), remedy);
        }
        if has_type(at.value, "array") && !around.contains_key("items") {
            let problem = "the list does not say what its items are: some models' clients refuse it";
            self.notes.warn(&at.pointer, "schema value", problem, "give it `items`, such as `{type: string}`");
        }
    }

    /// The guide lists all three as unsupported. `oneOf` was seen both ways: refused in a document of GitHub's (one
    /// project), and accepted 20 times in AWS's own sample (Zendesk-support-apis.yaml), as are the other two.
    fn combined(&mut self, at: &At<'a>, keyword: &'static str, side: Side) {
        let seen = match keyword {
            "oneOf" => "one project saw AWS refuse it, another accept it",
            _ => "nobody has seen AWS refuse it",
        };
        let problem = format!("AWS's documentation says that `{keyword}` is not supported, and {seen}");
        let is_null = |schema: &Value| schema["type"] == "null";
        let has_null = at.value.as_array().is_some_and(|all| all.len() == 2 && all.iter().any(is_null));
        let remedy = match (keyword, side) {
            ("allOf", _) => "write the schemas out as one object, or let `--adapt` merge them",
            (_, _) if has_null => "write `type: [string, \"null\"]`, or take the null out; `--adapt` does it",
            (_, Side::Request) => {
                "describe one object that has the properties of all, or let `--adapt` describe the alternatives"
            }
            (_, Side::Response) => "nothing of a response's schema reaches the tool: leave it out",
        };
        self.notes.warn(&at.pointer, "schema keyword", problem, remedy);
    }
}
