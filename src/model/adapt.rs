//! Adapting a document so that the gateway accepts it: what is wanted, what was changed, and what OpenAPI documents and
//! Smithy models have in common.

mod pick;
mod reach;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

use serde::Serialize;
use serde_json::{Value, json};

pub use self::pick::{Pattern, Pick};
pub(super) use self::{
    pick::Candidate,
    reach::{Reach, texts},
};

/// One way in which a document is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Adaptation {
    /// Leaves out operations that cannot become tools.
    SkipUnsupported,
    /// Keeps one server, the first with https.
    ChooseServer,
    /// Makes an operationId, from method and path, where there is none.
    MakeOperationIds,
    /// Renames operations whose name model clients refuse.
    CleanNames,
    /// Merges `allOf`, and describes what `oneOf` and `anyOf` offer instead of having it.
    MergeSchemas,
    /// Makes path parameters those that the path has.
    MatchPathParameters,
    /// Takes media types that are JSON for `application/json`.
    JsonMediaTypes,
    /// Leaves out optional parameters and bodies that cannot be sent, and contents of responses.
    DropUnsupportedContent,
    /// Leaves out security schemes without a type or a definition.
    DropBrokenSecurity,
    /// Writes what OpenAPI requires, such as the descriptions of responses.
    FillMissing,
    /// Writes schemas' values as JSON Schema has them.
    MendValues,
}

impl Adaptation {
    pub const ALL: [Self; 11] = [
        Self::SkipUnsupported,
        Self::ChooseServer,
        Self::MakeOperationIds,
        Self::CleanNames,
        Self::MergeSchemas,
        Self::MatchPathParameters,
        Self::JsonMediaTypes,
        Self::DropUnsupportedContent,
        Self::DropBrokenSecurity,
        Self::FillMissing,
        Self::MendValues,
    ];

    /// The name of its flag, without hyphens in front.
    pub const fn flag(self) -> &'static str {
        match self {
            Self::SkipUnsupported => "skip-unsupported",
            Self::ChooseServer => "choose-server",
            Self::MakeOperationIds => "make-operation-ids",
            Self::CleanNames => "clean-names",
            Self::MergeSchemas => "merge-schemas",
            Self::MatchPathParameters => "match-path-parameters",
            Self::JsonMediaTypes => "json-media-types",
            Self::DropUnsupportedContent => "drop-unsupported-content",
            Self::DropBrokenSecurity => "drop-broken-security",
            Self::FillMissing => "fill-missing",
            Self::MendValues => "mend-values",
        }
    }
}

/// How a document is to be adapted.
#[derive(Debug, Clone, Default)]
pub struct Adapting {
    pub adaptations: BTreeSet<Adaptation>,
    /// The API's address, for documents that do not say it.
    pub server: Option<String>,
    pub pick: Pick,
}

impl Adapting {
    /// With every adaptation.
    pub fn all() -> Self {
        Self { adaptations: Adaptation::ALL.into_iter().collect(), ..Self::default() }
    }

    pub fn is_nothing(&self) -> bool {
        self.adaptations.is_empty() && self.server.is_none() && self.pick.is_everything()
    }

    /// The flags that ask for it.
    pub fn flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        if self.adaptations.len() == Adaptation::ALL.len() {
            flags.push("--adapt".to_owned());
        } else {
            flags.extend(self.adaptations.iter().map(|adaptation| format!("--{}", adaptation.flag())));
        }
        if let Some(server) = &self.server {
            flags.extend(["--server".to_owned(), server.clone()]);
        }
        flags.extend(self.pick.flags());
        flags
    }

    pub(super) fn has(&self, adaptation: Adaptation) -> bool {
        self.adaptations.contains(&adaptation)
    }
}

/// The member of an adapted document that holds the flags by which it was adapted: an OpenAPI extension.
pub(super) const MARK: &str = "x-agentcore-gw-adapted";

/// The flags by which a document that a target has was adapted; empty if it was not.
pub fn flags_of(document: &Value) -> Vec<String> {
    let marked = document.get(MARK).or_else(|| document.get("metadata")?.get(MARK));
    let flags = marked.and_then(Value::as_array).into_iter().flatten();
    flags.filter_map(|flag| flag.as_str().map(str::to_owned)).collect()
}

pub(super) fn mark(adapting: &Adapting) -> Value {
    json!(adapting.flags())
}

/// A change of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// JSON pointer into the document as it was.
    pub pointer: String,
    pub line: usize,
    /// The flag that asks for changes of this kind, without hyphens in front.
    pub adaptation: &'static str,
    pub change: String,
    pub reason: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {} ({}; --{})", self.line, self.change, self.reason, self.adaptation)
    }
}

/// How many operations an adapted document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Kept {
    pub kept: usize,
    /// How many the document had.
    pub of: usize,
}

/// An adapted document.
#[derive(Debug)]
pub struct Adapted {
    pub value: Value,
    /// In document order.
    pub changes: Vec<Change>,
    pub operations: Kept,
    pub places: Places,
}

/// Where the parts of an adapted document stood in the document as it was.
#[derive(Debug, Default)]
pub struct Places {
    /// What is in front of the pointers of that document.
    pub(super) root: String,
    /// The former positions of the items that are left of a list, by its pointer.
    pub(super) lists: HashMap<String, Vec<usize>>,
}

impl Places {
    /// The pointer into the document as it was.
    pub fn origin(&self, pointer: &str) -> String {
        let mut origin = self.root.clone();
        let mut now = String::new();
        for part in pointer.split('/').skip(1) {
            let position = part.parse::<usize>().ok();
            let former = position.and_then(|position| self.lists.get(&now)?.get(position));
            now.push('/');
            now.push_str(part);
            origin.push('/');
            origin.push_str(&former.map_or_else(|| part.to_owned(), usize::to_string));
        }
        origin
    }
}

/// Whether a reason for which AWS lets a target fail names something that an adaptation changes.
pub fn is_adaptable(reason: &str) -> bool {
    // AWS's messages; the readers of documents name their sources.
    const MESSAGES: [&str; 8] = [
        "must have an operationId",
        "schema with oneOf is currently not supported",
        "is not supported in response",
        "attribute info",
        "attribute paths",
        "attribute components",
        "must use HTTPS protocol",
        "needs to be defined as a path parameter",
    ];
    MESSAGES.iter().any(|message| reason.contains(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapted_document_says_by_which_flags() {
        let pick = Pick {
            include: vec!["GET /pets*".parse().unwrap()],
            exclude: vec!["/admin*".parse().unwrap()],
            operations: vec!["a".to_owned(), "b".to_owned()],
        };
        let adapting = Adapting { server: Some("https://x".to_owned()), pick, ..Adapting::all() };
        let flags = "--adapt --server https://x --include GET /pets* --exclude /admin* --operations a,b";
        assert_eq!(adapting.flags().join(" "), flags);
        assert_eq!(flags_of(&json!({ MARK: mark(&adapting) })), adapting.flags());
        assert_eq!(flags_of(&json!({ "metadata": { MARK: ["--adapt"] } })), ["--adapt"]);
        assert!(flags_of(&json!({})).is_empty() && Adapting::default().is_nothing());
        let one = Adapting { adaptations: [Adaptation::CleanNames].into(), ..Adapting::default() };
        assert_eq!(one.flags(), ["--clean-names"]);
    }

    #[test]
    fn reasons_of_aws_that_an_adaptation_removes() {
        for reason in [
            "Operation /x -> GET must have an operationId",
            "Found 1 validation error(s) in OpenAPI schema: [Server URL (located at: servers) must use HTTPS protocol.]",
            "schema with oneOf is currently not supported",
            "MediaType text/html is not supported in response",
            "attribute components.responses.NotFound.description is missing",
            "Failed to parse OpenAPI specification: attribute paths.'/cart'(get).responses is missing",
        ] {
            assert!(is_adaptable(reason), "{reason}");
        }
        assert!(!is_adaptable("Invalid OpenAPI schema: attribute openapi is missing"), "that is Swagger 2.0");
        assert!(!is_adaptable("Gateway service is not authorized to perform AssumeRole on Gateway role."));
        assert!(!is_adaptable("Gateway execution role lacks permission to invoke Lambda function"));
    }
}
