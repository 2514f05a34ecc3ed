//! Third-party documents from packages of the registries: each has a verdict, with its reason, in the snapshot.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use agentcore_gw::model::{
    adapt::{Adapted, Adapting, Kept},
    document::Document,
    finding::{Reading, Severity},
    openapi::Api,
    smithy::Model,
};
use serde_json::{Value, json};

use crate::support::env::{Run, node_peers, vendor_documents};

const READING: Reading<'static> = Reading::of("target", false);

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
    let api = Api::read(&document, READING);
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

/// One line about the adapted document, and the input schemas of its tools.
fn adapted(text: &str) -> (String, Vec<Value>) {
    let Ok(document) = Document::parse(text) else { return ("unreadable".to_owned(), Vec::new()) };
    let adapting = Adapting { server: Some("https://api.example.com".to_owned()), ..Adapting::all() };
    let Adapted { value, changes, operations: Kept { kept, of }, .. } =
        Api::adapt(&document, &adapting, READING).unwrap();
    // What is sent is JSON.
    let sent = Document::parse(&value.to_string()).unwrap();
    let api = Api::read(&sent, READING);
    let schemas = api.operations.iter().map(|operation| operation.input_schema.clone()).collect();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for change in &changes {
        *kinds.entry(change.adaptation).or_default() += 1;
    }
    let kinds = kinds.iter().map(|(kind, count)| format!("{kind} ×{count}")).collect::<Vec<_>>().join(", ");
    let line = match api.errors().next() {
        None => format!("adapted: {kept} of {of} operations; {kinds}"),
        Some(first) => format!("adapted, refused: {}", first.problem),
    };
    (line, schemas)
}

/// The project's own models.
fn smithy_models() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.join("tests/models"), root.join("templates/smithy")];
    folders.iter().flat_map(|folder| documents(folder)).map(|(_, path)| path).collect()
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
    let mut verdicts: BTreeMap<&str, String> = BTreeMap::new();
    let mut lines = String::new();
    for (name, text) in &found {
        let (line, schemas) = adapted(text);
        verdicts.insert(name, format!("{}\n    {line}", verdict(text)));
        writeln!(lines, "{}", json!([name, schemas])).unwrap();
    }
    // Most examples exist as JSON and as YAML, with the same verdict.
    for (name, verdict) in verdicts.iter().filter(|(name, _)| name.contains("/json/")) {
        let other = name.replace("/json/", "/yaml/").replace(".json", ".yaml");
        if let Some(as_yaml) = verdicts.get(other.as_str()) {
            assert_eq!(verdict, as_yaml, "{name}");
        }
    }
    for model in smithy_models() {
        let document = Document::parse(&fs::read_to_string(&model).unwrap()).unwrap();
        let schemas: Vec<Value> =
            Model::read(&document, READING).operations.into_iter().map(|operation| operation.input_schema).collect();
        assert!(!schemas.is_empty(), "{}", model.display());
        writeln!(lines, "{}", json!([model.to_str().unwrap(), schemas])).unwrap();
    }
    let shown = verdicts.iter().fold(String::new(), |text, (name, verdict)| text + &format!("{name}\n    {verdict}\n"));
    insta::assert_snapshot!("corpus", shown);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tools.jsonl");
    fs::write(&file, lines).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/tool_schemas.py");
    let mut python = Command::new(crate::support::env::python("jsonschema"));
    let checked = Run::of(python.arg("-B").arg(script).arg(file).stdin(Stdio::null()).output().unwrap());
    assert_eq!(checked.code, 0, "{checked:?}");
    let count: usize = checked.stdout.split(' ').next().unwrap().parse().unwrap();
    assert!(count > 2000, "{count} tools");
}
