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
    pub(super) fn new(mut tools: Vec<Value>, has_search: bool) -> Self {
        // Sorted by name across targets (one public report). AWS does not document where the search tool comes; we
        // chose the first place.
        tools.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
        let search = has_search.then(search::definition);
        let texts = search.iter().chain(&tools).map(Value::to_string).collect();
        Self { texts, unsearched: usize::from(has_search), index: Index::new(&tools) }
    }

    /// The tools that share words with a query, best first, as JSON texts.
    pub(super) fn search(&self, query: &str) -> Vec<&str> {
        let found = self.index.rank(query).into_iter();
        found.filter_map(|place| self.texts.get(self.unsearched + place)).map(String::as_str).collect()
    }
}
