//! Adapts an OpenAPI document so that the gateway accepts it.
//!
//! Each file changes one kind of part. What no change can mend is left out last, by the reader's own findings: an
//! optional part of an operation, or the operation.

mod alternatives;
mod content;
mod leave_out;
mod lift;
mod names;
mod parameters;
mod pick;
mod schemas;
mod server;
mod walk;

use std::collections::HashMap;

use serde_json::{Map, Value, json};

pub(super) use self::names::spellings;
use super::{
    Api, METHODS, MOST_HOPS, MediaType, keyword,
    keyword::Patterns,
    reader::{address_of, is_response_type},
    referred_to, templates,
};
use crate::model::{
    adapt::{Adaptation, Adapted, Adapting, Change, Kept, MARK, Places, mark},
    document::{Document, segment},
    finding::Reading,
    target::INLINE_SCHEMA_LIMIT,
};

/// How often parts are left out: the reader reports one error of a part at a time.
const ROUNDS: usize = 6;
/// Limit on the nodes that are copied from elsewhere in the document: a path or a schema can be referred to many times.
const MOST_COPIED: usize = 200_000;

impl Api {
    /// Adapts a document.
    ///
    /// # Errors
    ///
    /// If a name or a pattern picks no operation.
    pub fn adapt(document: &Document, adapting: &Adapting, reading: Reading<'_>) -> Result<Adapted, String> {
        Self::adapt_value(document, (*document.value).clone(), adapting, reading)
    }

    /// Adapts a document that is not needed any more, without a copy of it. The changes have no lines.
    ///
    /// # Errors
    ///
    /// As [`Self::adapt`].
    pub fn adapt_in_place(
        mut document: Document,
        adapting: &Adapting,
        reading: Reading<'_>,
    ) -> Result<Adapted, String> {
        let value = document.take();
        // The adapter asks for its version.
        document.value = json!({ "openapi": value["openapi"] }).into();
        Self::adapt_value(&document, value, adapting, reading)
    }

    fn adapt_value(
        document: &Document,
        value: Value,
        adapting: &Adapting,
        reading: Reading<'_>,
    ) -> Result<Adapted, String> {
        let mut adapter = Adapter {
            document,
            adapting,
            reading,
            changes: Vec::new(),
            value,
            copied: 0,
            places: HashMap::new(),
            patterns: Patterns::default(),
            lifted: HashMap::new(),
        };
        if !adapter.value.get("openapi").is_some_and(Value::is_string) {
            let (value, changes) = (adapter.value, adapter.changes);
            return Ok(Adapted { value, changes, operations: Kept { kept: 0, of: 0 }, places: Places::default() });
        }
        adapter.duplicate_keys();
        adapter.write_out_paths();
        adapter.lift();
        let of = operations(&adapter.value).count() + document.left_out;
        adapter.pick()?;
        let mut parts = adapter.drop_unused();
        adapter.server();
        adapter.fill_document();
        adapter.security();
        adapter.content();
        // Before and after: merged schemas are larger.
        parts += adapter.shrink();
        adapter.schemas();
        parts += adapter.shrink();
        adapter.parameters();
        adapter.names();
        for _ in 0..ROUNDS {
            if !adapter.leave_out() {
                break;
            }
        }
        parts += adapter.drop_unused();
        adapter.note_unused(parts);
        Ok(adapter.finish(of))
    }
}

struct Adapter<'a> {
    /// The document as it was.
    document: &'a Document,
    adapting: &'a Adapting,
    reading: Reading<'a>,
    changes: Vec<Change>,
    value: Value,
    /// The number of nodes that were copied from elsewhere in the document.
    copied: usize,
    /// Where the parameters that are left of a list stood in the document as it was, by the list's pointer.
    places: HashMap<String, Vec<usize>>,
    patterns: Patterns,
    /// References to components that were parts of operations, and the references that led to these.
    lifted: HashMap<String, String>,
}

impl<'a> Adapter<'a> {
    fn has(&self, adaptation: Adaptation) -> bool {
        self.adapting.has(adaptation)
    }

    fn note(
        &mut self,
        adaptation: Adaptation,
        pointer: impl Into<String>,
        change: impl Into<String>,
        reason: impl Into<String>,
    ) {
        self.note_of(adaptation.flag(), pointer, change, reason);
    }

    fn note_of(
        &mut self,
        flag: &'static str,
        pointer: impl Into<String>,
        change: impl Into<String>,
        reason: impl Into<String>,
    ) {
        let (pointer, change, reason) = (pointer.into(), change.into(), reason.into());
        let line = self.document.line_of(&pointer);
        self.changes.push(Change { pointer, line, adaptation: flag, change, reason });
    }

    /// The end of a chain of references, in the document as it was.
    fn target(&self, node: &Value) -> Option<&'a Value> {
        let reference = node.get("$ref")?.as_str()?;
        let former = self.lifted.get(reference).map_or(reference, String::as_str);
        let mut target = referred_to(&self.document.value, former)?;
        for _ in 0..MOST_HOPS {
            match target.get("$ref").and_then(Value::as_str) {
                Some(next) => target = referred_to(&self.document.value, next)?,
                None => return Some(target),
            }
        }
        None
    }

    /// Reports keys that stand twice: parsers of YAML and JSON take the last one, or none.
    fn duplicate_keys(&mut self) {
        for (object, key, _) in &self.document.duplicates {
            let change = format!("of two `{key}` the last one holds");
            self.note_of("adapt", format!("{object}/{}", segment(key)), change, "an object has each key once");
        }
    }

    /// Replaces paths that refer to others by what they refer to: the operations of each have names of their own.
    fn write_out_paths(&mut self) {
        self.with_value(|adapter, value| {
            let Some(Value::Object(paths)) = value.get_mut("paths") else { return };
            paths.retain(|path, item| {
                if item.get("$ref").is_none() {
                    return true;
                }
                let at = format!("/paths/{}", segment(path));
                if let Some(target) = adapter.target(item).filter(|target| adapter.may_copy(target)) {
                    let own = std::mem::replace(item, target.clone());
                    // What stands beside the reference goes before what it leads to.
                    if let (Value::Object(item), Value::Object(own)) = (&mut *item, own) {
                        item.extend(own.into_iter().filter(|(member, _)| member != "$ref"));
                    }
                    adapter.note_of(
                        "adapt",
                        at,
                        "the path is written out",
                        "operations are picked and named one by one",
                    );
                    return true;
                }
                let skips = adapter.has(Adaptation::SkipUnsupported);
                if skips {
                    adapter.note(
                        Adaptation::SkipUnsupported,
                        at,
                        format!("{path} is left out"),
                        "its `$ref` leads nowhere",
                    );
                }
                !skips
            });
        });
    }

    /// Whether a node may be copied; counts it if so.
    fn may_copy(&mut self, node: &Value) -> bool {
        let may = self.copied < MOST_COPIED;
        if may {
            self.copied += count(node);
        }
        may
    }

    /// Keeps some of the parameters of a path or an operation. `keep` is given each parameter, its pointer in the
    /// document as it is now, and that in the document as it was.
    fn retain_parameters(
        &mut self,
        level: &mut Value,
        at: &str,
        mut keep: impl FnMut(&mut Self, &Value, &str, String) -> bool,
    ) {
        let Some(parameters) = level.get_mut("parameters").and_then(Value::as_array_mut) else { return };
        let list = format!("{at}/parameters");
        let places = self.places.remove(&list).unwrap_or_else(|| (0..parameters.len()).collect());
        let mut kept = Vec::new();
        let mut index = 0;
        parameters.retain(|parameter| {
            let place = places.get(index).copied().unwrap_or(index);
            let keeps = keep(self, parameter, &format!("{list}/{index}"), format!("{list}/{place}"));
            index += 1;
            if keeps {
                kept.push(place);
            }
            keeps
        });
        self.places.insert(list, kept);
    }

    /// Changes the whole document, with the adapter's own help.
    fn with_value(&mut self, change: impl FnOnce(&mut Self, &mut Value)) {
        let mut value = std::mem::take(&mut self.value);
        change(self, &mut value);
        self.value = value;
    }

    /// Drops the schemas of responses from a document that is too large to be sent, and returns how many components
    /// nothing leads to any more.
    fn shrink(&mut self) -> usize {
        if !self.has(Adaptation::DropUnsupportedContent) || self.value.to_string().len() <= INLINE_SCHEMA_LIMIT {
            return 0;
        }
        let mut dropped = 0;
        walk::each(&mut self.value, &mut |part, node, _| {
            if part == walk::Part::Response {
                let media = members_of(node, "content").filter_map(|(_, media)| media.as_object_mut());
                dropped += media.filter_map(|media| media.shift_remove("schema")).count();
            }
        });
        if dropped > 0 {
            let change = format!("{dropped} schemas of responses are left out");
            let reason = "nothing of them reaches a tool, and the document has more than 1 MB";
            self.note(Adaptation::DropUnsupportedContent, "/paths", change, reason);
        }
        self.drop_unused()
    }

    fn finish(self, of: usize) -> Adapted {
        let Self { mut value, mut changes, adapting, places, .. } = self;
        let kept = operations(&value).count();
        if let Value::Object(members) = &mut value
            && !changes.is_empty()
        {
            members.insert(MARK.to_owned(), mark(adapting));
        }
        changes.sort_by(|a, b| (a.line, &a.pointer).cmp(&(b.line, &b.pointer)));
        Adapted { value, changes, operations: Kept { kept, of }, places: Places { root: String::new(), lists: places } }
    }
}

/// An operation, its method and path, and the pointer of its path.
struct Place<'a> {
    path: &'a str,
    method: &'a str,
    item: &'a Value,
    operation: &'a Value,
}

impl Place<'_> {
    fn pointer(&self) -> String {
        format!("/paths/{}/{}", segment(self.path), self.method)
    }

    /// `GET /pets`.
    fn shown(&self) -> String {
        format!("{} {}", self.method.to_ascii_uppercase(), self.path)
    }
}

/// All operations of a document.
fn operations(document: &Value) -> impl Iterator<Item = Place<'_>> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.filter(|(path, _)| !path.starts_with("x-")).flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        let methods = methods.filter(|(method, _)| METHODS.contains(&method.as_str()));
        methods.map(move |(method, operation)| Place { path, method, item, operation })
    })
}

/// The number of nodes of a value.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

/// The members of an object, without extensions.
fn members_of<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> + use<'a> {
    let members = value.get_mut(key).and_then(Value::as_object_mut).into_iter().flat_map(Map::iter_mut);
    members.filter(|(name, _)| !name.starts_with("x-"))
}

#[cfg(test)]
mod tests;
