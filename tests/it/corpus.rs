//! Third-party documents from packages of the registries: each has a verdict, with its reason, in the snapshot.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use agentcore_gw::model::{
    document::Document,
    finding::{Reading, Severity},
    openapi::Api,
};

use crate::support::env::{node_peers, vendor_documents};

/// All documents below a folder, by their relative paths.
fn documents(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|kind| kind == "json" || kind == "yaml" || kind == "yml") {
                found.push((name, path));
            }
        }
    }
    found.sort();
    found
}

/// One line about a document: the verdict, and why.
fn verdict(text: &str) -> String {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => return format!("unreadable: {error}"),
    };
    let api = Api::read(&document, Reading { target: "target", local: false });
    let mut counts: BTreeMap<(Severity, &str), usize> = BTreeMap::new();
    for finding in &api.findings {
        assert!(finding.line >= 1 && !finding.remedy.is_empty(), "{finding:?}");
        let there = document.value.pointer(&finding.pointer).is_some();
        // Something missing is reported at the place where it should be.
        assert!(there || ["/servers", "/paths", "/openapi"].contains(&finding.pointer.as_str()), "{finding:?}");
        *counts.entry((finding.severity, finding.construct)).or_default() += 1;
    }
    let list = |severity| {
        let of = counts.iter().filter(|((one, _), _)| *one == severity);
        of.map(|((_, construct), count)| format!("{construct} ×{count}")).collect::<Vec<_>>().join(", ")
    };
    let (errors, warnings) = (list(Severity::Error), list(Severity::Warning));
    let mut line = match api.errors().next() {
        None => format!("{} tools", api.operations.len()),
        Some(first) => format!("refused: {errors}; first {}", first.problem),
    };
    if !warnings.is_empty() {
        write!(line, " | warns: {warnings}").unwrap();
    }
    line
}

#[test]
fn every_document_of_the_corpus_has_its_verdict() {
    let (_, node) = node_peers();
    let examples = node.join("node_modules/@readme/oas-examples");
    let mut found: Vec<(String, String)> = Vec::new();
    for folder in ["2.0", "3.0", "3.1"] {
        for (name, path) in documents(&examples.join(folder)) {
            found.push((format!("oas-examples {folder}/{name}"), fs::read_to_string(path).unwrap()));
        }
    }
    for (name, path) in vendor_documents() {
        found.push((name, fs::read_to_string(path).unwrap()));
    }
    assert!(found.len() >= 100, "{} documents", found.len());
    let verdicts: BTreeMap<&str, String> = found.iter().map(|(name, text)| (name.as_str(), verdict(text))).collect();
    // Most examples exist as JSON and as YAML, with the same verdict.
    for (name, verdict) in verdicts.iter().filter(|(name, _)| name.contains("/json/")) {
        let other = name.replace("/json/", "/yaml/").replace(".json", ".yaml");
        if let Some(as_yaml) = verdicts.get(other.as_str()) {
            assert_eq!(verdict, as_yaml, "{name}");
        }
    }
    let shown = verdicts.iter().fold(String::new(), |text, (name, verdict)| text + &format!("{name}\n    {verdict}\n"));
    insta::assert_snapshot!("corpus", shown);
}
