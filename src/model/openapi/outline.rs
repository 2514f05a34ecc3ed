//! The operations of a JSON document, found without reading what is in them: the largest public documents have
//! thousands, and of these a target takes 1000.

use std::{borrow::Cow, collections::HashSet, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{METHODS, MOST_TOOLS, adapt};
use crate::model::{
    adapt::{Candidate, Kept, Pick},
    document::{Document, SyntaxError, segment},
};

/// Documents of more bytes are not read if they have too many operations.
const LARGE: usize = 10 * 1024 * 1024;

/// A document that was read as far as needed.
#[derive(Debug)]
pub struct Loaded {
    /// If there are too many operations, without any; else without those that are not picked, as far as it is JSON.
    pub document: Document,
    /// If more operations are picked than a target takes: how many there are, and how many of them are picked.
    pub too_many: Option<Kept>,
}

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A name or a pattern picks no operation.
    #[error("{0}")]
    Pick(String),
}

#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    paths: Members<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, rename = "operationId", default)]
    operation_id: Option<Cow<'a, str>>,
}

/// An operation as it is written.
struct Raw<'a> {
    path: String,
    method: String,
    operation: &'a RawValue,
}

impl<'a> Outline<'a> {
    /// `None` if a path refers to another: which operations it has is not known here. In a large document, it has none.
    fn operations(self, is_large: bool) -> Option<Vec<Raw<'a>>> {
        let mut operations = Vec::new();
        for (path, item) in self.paths.0.into_iter().filter(|(path, _)| !path.starts_with("x-")) {
            let item: Members<&'a RawValue> = serde_json::from_str(item.get()).unwrap_or(Members(Vec::new()));
            if !is_large && item.0.iter().any(|(member, _)| member == "$ref") {
                return None;
            }
            let methods = item.0.into_iter().filter(|(method, _)| METHODS.contains(&method.as_str()));
            operations.extend(methods.map(|(method, operation)| Raw { path: path.clone(), method, operation }));
        }
        Some(operations)
    }
}

impl Raw<'_> {
    /// The names that it goes by.
    fn spellings(&self, target: &str) -> (String, String) {
        let named = serde_json::from_str::<Named<'_>>(self.operation.get()).ok();
        let id = named.and_then(|named| named.operation_id);
        adapt::spellings(id.as_deref(), &self.method, &self.path, target)
    }

    fn pointer(&self) -> String {
        format!("/paths/{}/{}", segment(&self.path), self.method)
    }
}

/// Reads a document, without what is certainly not needed.
///
/// # Errors
///
/// If it is neither JSON nor YAML, or if a name or a pattern picks no operation.
pub(super) fn load(text: &str, pick: &Pick, target: &str) -> Result<Loaded, LoadError> {
    let Ok(outline) = serde_json::from_str::<Outline<'_>>(text) else {
        return Ok(Loaded { document: Document::parse(text)?, too_many: None });
    };
    // References into operations need them, picked or not. In a large document, they lead nowhere.
    let is_large = text.len() > LARGE;
    let operations = if text.contains("#/paths/") && !is_large { None } else { outline.operations(is_large) };
    let Some(operations) = operations else {
        return Ok(Loaded { document: Document::parse(text)?, too_many: None });
    };
    let spelled: Vec<(String, String)> = operations.iter().map(|one| one.spellings(target)).collect();
    let candidates: Vec<Candidate<'_>> = operations
        .iter()
        .zip(&spelled)
        .map(|(one, (own, tool))| Candidate::new([own, tool], &one.method, &one.path))
        .collect();
    let picked = pick.of(&candidates).map_err(LoadError::Pick)?;
    let count = picked.iter().filter(|picked| **picked).count();
    // Of a smaller document, all findings can be reported, and some of the operations may be no tools.
    let too_many = (count > MOST_TOOLS && is_large).then_some(Kept { kept: count, of: operations.len() });
    let is_left_out = |(_, picked): &(&Raw<'_>, &bool)| !**picked || too_many.is_some();
    let left_out = operations.iter().zip(&picked).filter(is_left_out).map(|(one, _)| one.pointer());
    let mut left_out: HashSet<String> = left_out.collect();
    if too_many.is_some() {
        left_out.insert("/components".to_owned());
    }
    let document = Document::parse_without(text, &left_out)?;
    Ok(Loaded { document, too_many })
}

/// The members of a JSON object, in order, those with equal keys included.
struct Members<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Each<T> {
            type Value = Members<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<T>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each(PhantomData))
    }
}
