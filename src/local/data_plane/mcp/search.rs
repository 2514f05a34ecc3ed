//! The search tool: ranks a gateway's tools by the words of a query (BM25 over names and descriptions). AWS's
//! search is semantic; the README documents the difference.

use std::collections::HashMap;

use serde_json::{Value, json};

/// The tool's fixed name, without a target prefix (AgentCore developer guide, "Search for tools in your
/// AgentCore gateway with a natural language query").
pub(crate) use crate::model::mcp::SEARCH_TOOL as NAME;
/// Most tools in one result.
const MOST: usize = 10;

/// The usual BM25 constants k1 (term frequency saturation) and b (length normalization).
const SATURATION: f64 = 1.2;
const LENGTH_WEIGHT: f64 = 0.75;

/// The tool as `tools/list` shows it.
pub(crate) fn definition() -> Value {
    json!({
        "inputSchema": {
            "type": "object",
            "properties": { "query": { "type": "string", "description": "Words that say what a tool should do" } },
            "required": ["query"],
        },
        "name": NAME,
        "description": "Returns a shortened list of tools that fit a given context; \
                        use it when there are many tools to choose from.",
    })
}

/// The words of a gateway's tools.
pub(super) struct Index {
    /// By word: the tools that have it, by their places, and how often.
    places: HashMap<String, Vec<(usize, usize)>>,
    /// How many words each tool has.
    lengths: Vec<usize>,
}

impl Index {
    /// `tools`: the name and description of each.
    pub(super) fn new(tools: impl IntoIterator<Item = String>) -> Self {
        let mut index = Self { places: HashMap::new(), lengths: Vec::new() };
        for (place, tool) in tools.into_iter().enumerate() {
            let words = words(&tool);
            index.lengths.push(words.len());
            for word in words {
                let places = index.places.entry(word).or_default();
                match places.last_mut() {
                    Some((last, times)) if *last == place => *times += 1,
                    _ => places.push((place, 1)),
                }
            }
        }
        index
    }

    /// The places of the tools that share words with `query`, best first, at most ten.
    pub(super) fn rank(&self, query: &str) -> Vec<usize> {
        let total = count(self.lengths.len());
        let average_length = count(self.lengths.iter().sum()) / total.max(1.0);
        let mut scores = vec![0.0; self.lengths.len()];
        for places in words(query).iter().filter_map(|word| self.places.get(word)) {
            let found_in = count(places.len());
            let rarity = (1.0 + (total - found_in + 0.5) / (found_in + 0.5)).ln();
            for (place, times) in places {
                let (length, frequency) = (count(self.lengths[*place]), count(*times));
                let length = LENGTH_WEIGHT.mul_add(length / average_length.max(1.0), 1.0 - LENGTH_WEIGHT);
                scores[*place] += rarity * frequency * (SATURATION + 1.0) / SATURATION.mul_add(length, frequency);
            }
        }
        let mut ranked: Vec<(usize, f64)> = scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0).collect();
        ranked.sort_by(|(_, left), (_, right)| right.total_cmp(left));
        ranked.into_iter().take(MOST).map(|(place, _)| place).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of words and tools are far below 2^53")]
fn count(number: usize) -> f64 {
    number as f64
}

/// Lower-case words; `getWeather` and `get_weather` are two words each.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase()));
        }
        lower_before = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tool_that_shares_the_rarer_words_comes_first() {
        let tools = [
            "a___getTime Get the current time in a zone",
            "a___getWeather Get the current weather for a location",
            "b___list_orders List all orders",
        ];
        let index = Index::new(tools.map(str::to_owned));
        assert_eq!(index.rank("current weather"), [1, 0]);
        assert!(index.rank("zebra").is_empty() && Index::new([]).rank("x").is_empty() && index.rank("").is_empty());
    }

    #[test]
    fn at_most_ten_are_returned() {
        let tools = (0..50).map(|n| format!("t___tool{n} does it"));
        assert_eq!(Index::new(tools).rank("does"), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}
