//! Nothing points up, nothing points sideways: each module names only those in its row.

use std::{collections::BTreeSet, fs, path::Path};

/// A module, and what it may name with `crate::`.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("model", &["model"]),
    ("http", &["http"]),
    ("aws", &["aws", "http", "model"]),
    ("ops", &["ops", "aws", "http", "model"]),
    ("local", &["local", "http", "model"]),
    ("config", &["config", "model"]),
    ("error", &["error", "config", "ops", "aws", "model"]),
    ("ui", &["ui", "ops", "error"]),
    ("commands", &["commands", "context", "config", "error", "ui", "ops", "aws", "local", "model"]),
    ("cli", &["cli", "commands", "config", "ui", "model"]),
];

fn rust_files(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every `NAME` after `crate::`, also in `use crate::{a, b::c}`.
fn named(source: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut names = BTreeSet::new();
    for (at, _) in source.match_indices("crate::") {
        let rest = &source[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (index, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && depth == 0 && !c.is_whitespace() => {
                    names.insert(word(&group[index..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    names
}

#[test]
fn modules_name_only_what_lies_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let mut checked = BTreeSet::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        let module = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
            assert!(["lib", "main", "context"].contains(&module.as_str()), "{module} has no row in the table");
            continue;
        };
        let source = fs::read_to_string(&file).unwrap();
        // A test beside the code may build what it needs.
        let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        for name in named(code) {
            assert!(allowed.contains(&name.as_str()), "{} names crate::{name}", relative.display());
        }
        checked.insert(module);
    }
    assert_eq!(checked.len(), MAY_NAME.len(), "a row of the table has no module: {checked:?}");
}

#[test]
fn there_is_no_branch_for_local_mode_below_the_commands() {
    for layer in ["ops", "aws"] {
        let mut files = Vec::new();
        rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(layer), &mut files);
        for file in files {
            let source = fs::read_to_string(&file).unwrap();
            assert!(!source.contains("if local") && !source.contains("println!"), "{}", file.display());
        }
    }
}

#[test]
fn the_reader_of_names_sees_groups() {
    let source = "use crate::{\n    aws::{Aws, iam},\n    model,\n};\nlet x = crate::ops::Error;";
    assert_eq!(named(source), BTreeSet::from(["aws", "model", "ops"].map(str::to_owned)));
}

#[test]
fn every_file_of_the_tests_is_part_of_them() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = fs::read_to_string(dir.join("main.rs")).unwrap();
    let mut files = Vec::new();
    rust_files(&dir, &mut files);
    for file in files {
        let module = file.file_stem().unwrap().to_str().unwrap();
        assert!(module == "main" || main.contains(&format!("mod {module};")), "{module} is not in main.rs");
    }
}
