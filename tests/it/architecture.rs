//! Nothing points up, nothing points sideways, nothing goes round: each module names only those in its row, a child names
//! no ancestor but its parent, and no files name each other in a circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::visit::{self, Visit};

/// A module at the top, and what it may name.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("http", &["model"]),
    ("aws", &["http", "model"]),
    ("ops", &["aws", "http", "model"]),
    ("local", &["http", "model"]),
    ("config", &["model"]),
    ("error", &["config", "ops", "aws", "model"]),
    ("ui", &["ops", "error", "model"]),
    ("context", &["config", "error", "ui", "ops", "aws", "local", "http", "model"]),
    ("commands", &["context", "config", "error", "ui", "ops", "aws", "local", "model"]),
    ("cli", &["commands", "config", "ui", "model"]),
];

/// A room of the local AWS, and what it may name of the others.
const ROOMS_OF_LOCAL: &[(&str, &[&str])] = &[
    ("random", &[]),
    ("clock", &[]),
    ("keys", &[]),
    ("http_message", &[]),
    ("package", &[]),
    ("wire", &[]),
    ("listen", &["clock"]),
    ("storage", &["random", "clock"]),
    ("sigv4", &["storage"]),
    ("services", &["random", "keys", "http_message", "package", "wire", "storage"]),
    ("faults", &["wire", "services"]),
    ("server", &["clock", "wire", "storage", "services", "faults"]),
    ("runtime", &["random", "clock", "package", "listen", "storage", "services"]),
    ("functions", &["wire", "services", "server", "runtime"]),
    (
        "data_plane",
        &[
            "random",
            "clock",
            "keys",
            "http_message",
            "wire",
            "storage",
            "sigv4",
            "services",
            "server",
            "runtime",
            "functions",
        ],
    ),
    ("admin", &["storage"]),
    ("daemon", &["random", "storage", "admin"]),
    (
        "front",
        &[
            "random",
            "clock",
            "http_message",
            "listen",
            "wire",
            "storage",
            "sigv4",
            "services",
            "faults",
            "server",
            "runtime",
            "functions",
            "data_plane",
            "admin",
        ],
    ),
];

/// More imports of imports than any name has.
const STEPS: usize = 8;

/// A module by its path below `crate`; the crate's root is empty.
type Module = Vec<String>;

/// The modules of `src`, each with the modules that its code names. Imports of the modules that it names are followed
/// this many times, to where a name comes from.
fn imports(steps: usize) -> BTreeMap<Module, BTreeSet<Module>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let of_file = |file: &PathBuf| -> Module {
        let relative = file.strip_prefix(&root).unwrap().with_extension("");
        relative.iter().map(|part| part.to_str().unwrap().to_owned()).filter(|part| part != "lib").collect()
    };
    // Tests beside the code may build what they need.
    let is_code = |file: &PathBuf| {
        file.file_stem().is_some_and(|name| !name.to_string_lossy().ends_with("tests") && name != "main")
    };
    let sources: BTreeMap<Module, syn::File> = files
        .iter()
        .filter(|file| is_code(file))
        .map(|file| (of_file(file), syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap()))
        .collect();
    let modules = Modules::of(&sources);
    let targets = |(module, source): (&Module, &syn::File)| {
        let named = modules.named_by(source, module, steps).into_iter().filter(|target| target != module).collect();
        (module.clone(), named)
    };
    sources.iter().map(targets).collect()
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that there are, each with the names that it imports and the paths of these.
struct Modules(BTreeMap<Module, BTreeMap<String, Vec<String>>>);

impl Modules {
    fn of(sources: &BTreeMap<Module, syn::File>) -> Self {
        let imported = |source: &syn::File| {
            let mut names = BTreeMap::new();
            for item in &source.items {
                if let syn::Item::Use(item) = item {
                    each_use(&[], &item.tree, &mut |name, path| {
                        names.insert(name.to_owned(), path.to_vec());
                    });
                }
            }
            names
        };
        Self(sources.iter().map(|(module, source)| (module.clone(), imported(source))).collect())
    }

    /// The modules that a module's source names: in `use`, in paths, and within macros.
    fn named_by(&self, source: &syn::File, module: &Module, steps: usize) -> BTreeSet<Module> {
        let mut names = Names { module, modules: self, steps, found: BTreeSet::new() };
        names.visit_file(source);
        names.found
    }

    /// Follows a path from a module: to the module that it leads to, and, where that imports the name that is asked
    /// for, to where the name comes from.
    fn follow(&self, from: &Module, path: &[String], found: &mut BTreeSet<Module>, steps: usize) {
        let (mut at, mut rest) = (from.clone(), path);
        match rest.first().map(String::as_str) {
            Some("crate") => (at, rest) = (Vec::new(), &rest[1..]),
            Some("self") => rest = &rest[1..],
            Some("super") => {
                while rest.first().is_some_and(|part| part == "super") {
                    at.pop().expect("no module is above the crate");
                    rest = &rest[1..];
                }
            }
            _ => {}
        }
        let is_relative = rest.len() == path.len();
        while let Some(child) = rest.first().map(|part| [at.as_slice(), std::slice::from_ref(part)].concat()) {
            if !self.0.contains_key(&child) {
                break;
            }
            (at, rest) = (child, &rest[1..]);
        }
        // A name alone is the module's own, or of another crate.
        if !is_relative || at != *from {
            found.insert(at.clone());
        }
        let imported = rest.first().and_then(|name| self.0.get(&at)?.get(name));
        if let Some(path) = imported.filter(|path| steps > 0 && path.as_slice() != rest) {
            self.follow(&at, &[path, &rest[1..]].concat(), found, steps - 1);
        }
    }
}

/// Calls `take` with each name that a `use` brings, and its path; a glob has the name `*`.
fn each_use(before: &[String], tree: &syn::UseTree, take: &mut impl FnMut(&str, &[String])) {
    let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
    match tree {
        syn::UseTree::Path(path) => each_use(&with(&path.ident), &path.tree, take),
        syn::UseTree::Name(name) if name.ident == "self" => {
            take(before.last().map_or("self", String::as_str), before);
        }
        syn::UseTree::Name(name) => take(&name.ident.to_string(), &with(&name.ident)),
        syn::UseTree::Rename(name) if name.ident == "self" => take(&name.rename.to_string(), before),
        syn::UseTree::Rename(name) => take(&name.rename.to_string(), &with(&name.ident)),
        syn::UseTree::Glob(_) => take("*", before),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| each_use(before, tree, take)),
    }
}

struct Names<'a> {
    module: &'a Module,
    modules: &'a Modules,
    steps: usize,
    found: BTreeSet<Module>,
}

impl Names<'_> {
    fn take(&mut self, path: &[String]) {
        self.modules.follow(self.module, path, &mut self.found, self.steps);
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|of| of.is_ident("test"))
        };
        if !item.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        each_use(&[], &item.tree, &mut |_, path| self.take(path));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.take(&parts);
        }
        visit::visit_path(self, path);
    }

    /// What a macro is given is tokens: every `crate::…` and `super::…` among them.
    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let tokens = item.tokens.to_string().replace(" :: ", "::");
        for word in tokens.split(|c: char| !(c.is_alphanumeric() || "_:".contains(c))) {
            let parts: Vec<String> = word.split("::").map(str::to_owned).collect();
            if parts.len() > 1 && ["crate", "super", "self"].contains(&parts[0].as_str()) {
                self.take(&parts);
            }
        }
        visit::visit_macro(self, item);
    }
}

fn shown(module: &Module) -> String {
    format!("crate::{}", module.join("::"))
}

/// The part of a module's path below `parent`, if it is below.
fn part_below<'a>(module: &'a Module, parent: &[&str]) -> Option<&'a str> {
    let is_below = module.len() > parent.len() && module.iter().zip(parent).all(|(part, other)| part == other);
    is_below.then(|| module[parent.len()].as_str())
}

/// Every import among the children of `parent` that no row of the table allows.
fn not_in_rows(parent: &[&str], rows: &[(&str, &[&str])]) -> Vec<String> {
    let mut refused = Vec::new();
    let mut seen = BTreeSet::new();
    for (module, targets) in imports(STEPS) {
        let Some(from) = part_below(&module, parent) else { continue };
        let Some((_, allowed)) = rows.iter().find(|(name, _)| *name == from) else {
            refused.push(format!("{} has no row in the table", shown(&module)));
            continue;
        };
        seen.insert(from.to_owned());
        for target in targets {
            let Some(to) = part_below(&target, parent) else { continue };
            if to != from && !allowed.contains(&to) {
                refused.push(format!("{} names {}", shown(&module), shown(&target)));
            }
        }
    }
    refused
        .extend(rows.iter().filter(|(name, _)| !seen.contains(*name)).map(|(name, _)| format!("{name} is no module")));
    refused
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn modules_name_only_what_lies_below_them() {
    assert_none(&not_in_rows(&[], LAYERS));
}

#[test]
fn rooms_of_the_local_aws_name_only_what_lies_below_them() {
    assert_none(&not_in_rows(&["local"], ROOMS_OF_LOCAL));
}

#[test]
fn a_child_names_no_ancestor_but_its_parent() {
    let mut refused = Vec::new();
    // What the parent imports, it may use, too.
    for (module, targets) in imports(0) {
        let is_ancestor = |target: &&Module| target.len() + 1 < module.len() && module.starts_with(target);
        refused
            .extend(targets.iter().filter(is_ancestor).map(|target| format!("{}: {}", shown(&module), shown(target))));
    }
    assert_none(&refused);
}

#[test]
fn no_files_name_each_other_in_a_circle() {
    let mut graph = imports(STEPS);
    // A child may use its parent, and through it what that imports.
    for (module, targets) in &mut graph {
        targets.retain(|target| !module.starts_with(target));
    }
    let reachable = |from: &Module| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = open.pop() {
            open.extend(
                graph.get(&module).into_iter().flatten().filter(|target| seen.insert((*target).clone())).cloned(),
            );
        }
        seen
    };
    let circle: Vec<String> = graph.keys().filter(|module| reachable(module).contains(*module)).map(shown).collect();
    assert_none(&circle);
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

/// Words, and the files and folders of `src` that alone may have them in their code.
const ONLY_IN: &[(&[&str], &[&str])] = &[
    (&["aws_sdk_"], &["aws"]),
    (&["println!", "io::stdout", "io::stderr"], &["ui", "lib.rs"]),
    (&["clap"], &["cli", "commands", "config.rs", "context.rs", "lib.rs", "ui.rs"]),
    (
        &["aws_smithy_", "aws_types", "aws_config", "aws_sigv4", "aws_credential"],
        &["aws", "context.rs", "http", "lib.rs", "local"],
    ),
    (&["env::var"], &["config.rs"]),
    (
        &["std::fs", "TcpStream", "TcpListener", "tokio::", "async fn", "async ||", "async move"],
        &["aws", "cli.rs", "commands", "context.rs", "http", "lib.rs", "local", "ops", "ui"],
    ),
];

#[test]
fn sdk_output_environment_and_io_stay_where_they_belong() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let mut found = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        let relative = file.strip_prefix(&root).unwrap();
        for (words, allowed) in ONLY_IN {
            let is_allowed = allowed
                .iter()
                .any(|place| relative.starts_with(place) || relative == Path::new(&format!("{place}.rs")));
            let is_code = |line: &&str| !line.trim_start().starts_with("//");
            let has = |word: &&&str| code.lines().filter(is_code).any(|line| line.contains(**word));
            let words = words.iter().filter(|_| !is_allowed).filter(has);
            found.extend(words.map(|word| format!("{}: {word}", relative.display())));
        }
    }
    assert_none(&found);
}

#[test]
fn the_reader_of_names_sees_groups_macros_and_every_way_up() {
    let source = "
        use crate::{aws::{Aws, iam}, model, ops};
        mod own;
        fn f(x: super::Up) { json!(ops::Error); super::super::ui::log(); own::g(); serde_json::x(); }
        #[cfg(test)]
        mod tests { use crate::cli::App; }
    ";
    let module =
        |path: &str| -> Module { path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect() };
    let with = |source: &str| syn::parse_file(source).unwrap();
    let sources: BTreeMap<Module, syn::File> = [
        ("", with("")),
        ("a", with("pub use self::sibling::Up;")),
        ("a::b", with(source)),
        ("a::b::own", with("")),
        ("a::sibling", with("")),
        ("aws", with("use crate::deep::Aws;")),
        ("aws::iam", with("")),
        ("deep", with("")),
        ("model", with("")),
        ("ops", with("")),
        ("ui", with("")),
        ("cli", with("")),
    ]
    .map(|(path, source)| (module(path), source))
    .into();
    let found = Modules::of(&sources).named_by(&with(source), &module("a::b"), STEPS);
    let expected = ["a", "a::b::own", "a::sibling", "aws", "aws::iam", "deep", "model", "ops", "ui"];
    assert_eq!(found, expected.map(module).into());
}

#[test]
fn every_file_of_the_tests_is_part_of_them() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut files = Vec::new();
    rust_files(&dir, &mut files);
    for file in files.iter().filter(|file| **file != dir.join("main.rs")) {
        let (folder, module) = (file.parent().unwrap(), file.file_stem().unwrap().to_str().unwrap());
        let parent = if folder == dir { dir.join("main.rs") } else { folder.with_extension("rs") };
        let is_declared = |source: String| source.lines().any(|line| line.ends_with(&format!("mod {module};")));
        assert!(fs::read_to_string(parent).is_ok_and(is_declared), "{module} is in no module");
    }
}
