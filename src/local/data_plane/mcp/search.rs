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

/// The listed tools that share words with `query`, best first, at most ten.
pub(crate) fn rank(tools: &[Value], query: &str) -> Vec<Value> {
    let documents: Vec<Vec<String>> = tools
        .iter()
        .map(|tool| {
            words(&format!("{} {}", tool["name"].as_str().unwrap_or(""), tool["description"].as_str().unwrap_or("")))
        })
        .collect();
    let mut containing: HashMap<&str, usize> = HashMap::new();
    for document in &documents {
        let mut seen: Vec<&str> = document.iter().map(String::as_str).collect();
        seen.sort_unstable();
        seen.dedup();
        for word in seen {
            *containing.entry(word).or_default() += 1;
        }
    }
    let total = count(documents.len());
    let average_length = documents.iter().map(|document| count(document.len())).sum::<f64>() / total.max(1.0);
    let query = words(query);
    let score = |document: &[String]| -> f64 {
        let length = LENGTH_WEIGHT.mul_add(count(document.len()) / average_length.max(1.0), 1.0 - LENGTH_WEIGHT);
        let of_word = |word: &String| {
            let frequency = count(document.iter().filter(|other| *other == word).count());
            let found_in = count(containing.get(word.as_str()).copied().unwrap_or(0));
            let rarity = (1.0 + (total - found_in + 0.5) / (found_in + 0.5)).ln();
            rarity * frequency * (SATURATION + 1.0) / SATURATION.mul_add(length, frequency)
        };
        query.iter().map(of_word).sum()
    };
    let mut ranked: Vec<(f64, &Value)> = documents
        .iter()
        .zip(tools)
        .map(|(document, tool)| (score(document), tool))
        .filter(|(score, _)| *score > 0.0)
        .collect();
    ranked.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    ranked.into_iter().take(MOST).map(|(_, tool)| tool.clone()).collect()
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

    fn tool(name: &str, description: &str) -> Value {
        json!({ "name": name, "description": description })
    }

    #[test]
    fn the_tool_that_shares_the_rarer_words_comes_first() {
        let tools = [
            tool("a___getTime", "Get the current time in a zone"),
            tool("a___getWeather", "Get the current weather for a location"),
            tool("b___list_orders", "List all orders"),
        ];
        let names: Vec<_> = rank(&tools, "current weather").iter().map(|tool| tool["name"].clone()).collect();
        assert_eq!(names, ["a___getWeather", "a___getTime"]);
        assert!(rank(&tools, "zebra").is_empty() && rank(&[], "x").is_empty() && rank(&tools, "").is_empty());
    }

    #[test]
    fn at_most_ten_are_returned() {
        let tools: Vec<Value> = (0..50).map(|n| tool(&format!("t___tool{n}"), "does it")).collect();
        assert_eq!(rank(&tools, "does").len(), 10);
    }
}
