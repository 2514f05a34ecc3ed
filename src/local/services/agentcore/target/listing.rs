//! The stored listing of an MCP server.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::tool;

/// The capabilities that a server listed, unchanged.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing {
    pub(crate) tools: Vec<Value>,
    pub(crate) prompts: Vec<Value>,
    pub(crate) resources: Vec<Value>,
    pub(crate) resource_templates: Vec<Value>,
    /// What of it is not listed, and why. Kept with the target.
    #[serde(skip)]
    pub(crate) notes: Vec<String>,
}

impl Listing {
    /// The tool with this name, which has no target prefix.
    pub(crate) fn tool(&self, name: &str) -> Option<&Value> {
        self.tools.iter().find(|tool| tool["name"] == name)
    }

    /// Tools or prompts with qualified names.
    pub(crate) fn qualified<'a>(items: &'a [Value], target: &'a str) -> impl Iterator<Item = Value> + 'a {
        let named = |item: &Value| {
            let mut item = item.clone();
            item["name"] = json!(tool::qualified(target, item["name"].as_str()?));
            Some(item)
        };
        items.iter().filter_map(named)
    }

    /// Whether a resource has this URI, or a template matches it.
    pub(crate) fn has_resource(&self, uri: &str) -> bool {
        self.resources.iter().any(|resource| resource["uri"] == uri)
            || self.resource_templates.iter().any(|one| one["uriTemplate"].as_str().is_some_and(|it| fits(it, uri)))
    }
}

/// Whether a URI template (RFC 6570) may expand to this URI. An expression matches any text.
fn fits(template: &str, uri: &str) -> bool {
    let mut parts = template.split('{').enumerate().map(|(index, part)| match index {
        0 => part,
        _ => part.split_once('}').map_or("", |(_, literal)| literal),
    });
    let Some(mut rest) = parts.next().and_then(|first| uri.strip_prefix(first)) else { return false };
    let literals: Vec<&str> = parts.collect();
    let Some((last, between)) = literals.split_last() else { return rest.is_empty() };
    for literal in between {
        match rest.find(literal) {
            Some(at) => rest = &rest[at + literal.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_fits_what_it_expands_to() {
        let cases = [
            ("file:///{path}", "file:///a/b", true),
            ("file:///{path}", "http://a", false),
            ("demo://r/{id}/text", "demo://r/1/text", true),
            ("demo://r/{id}/text", "demo://r/1/blob", false),
            ("a{b}c{d}e", "a1c2e", true),
            ("a{b}c{d}e", "a1e", false),
            ("a", "a", true),
            ("a", "ab", false),
            ("{+all}", "anything", true),
            ("a{open", "a1", true),
        ];
        for (template, uri, expected) in cases {
            assert_eq!(fits(template, uri), expected, "{template} {uri}");
        }
    }
}
