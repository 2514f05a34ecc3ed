//! The tools of a gateway as they are listed and searched.

use serde_json::Value;

use super::search::{self, Index};

/// All tools of a gateway, in the order in which they are listed.
pub(super) struct ToolList {
    /// Each as JSON text; the search tool first, where there is one.
    pub(super) texts: Vec<String>,
    /// How many of them are not searched.
    unsearched: usize,
    index: Index,
}

impl ToolList {
    /// `has_search`: whether the search tool is one of them.
    pub(super) fn new(tools: impl Iterator<Item = Value>, has_search: bool) -> Self {
        let text = |tool: &Value, member: &str| tool[member].as_str().unwrap_or_default().to_owned();
        let words = |tool: &Value| [text(tool, "name"), text(tool, "description")];
        // Each tool is a text before the next one is made: a gateway's tools as values are several times as large.
        let mut tools: Vec<([String; 2], String)> = tools.map(|tool| (words(&tool), tool.to_string())).collect();
        // Sorted by name across targets (one public report). AWS does not document where the search tool comes; we
        // chose the first place.
        tools.sort_by(|([one, _], _), ([other, _], _)| one.cmp(other));
        let index = Index::new(tools.iter().map(|(words, _)| words.join(" ")));
        let search = has_search.then(|| search::definition().to_string());
        let texts = search.into_iter().chain(tools.into_iter().map(|(_, text)| text)).collect();
        Self { texts, unsearched: usize::from(has_search), index }
    }

    /// The tools that share words with a query, best first, as JSON texts.
    pub(super) fn search(&self, query: &str) -> Vec<&str> {
        let found = self.index.rank(query).into_iter();
        found.filter_map(|place| self.texts.get(self.unsearched + place)).map(String::as_str).collect()
    }
}
