//! Changes of an API document, as data. AWS's updates replace a document as a whole, so the changes are made in the
//! document as it is when the update is sent; nothing else of it changes, members that this program does not know included.

use serde_json::{Map, Value};

/// The names of members, from the document's root.
pub type Path = &'static [&'static str];

/// Members that are taken whole where a document is merged: of a union, only one member may be set.
const WHOLE: [&str; 5] =
    ["targetConfiguration", "credentialProviderConfigurations", "privateEndpoint", "managedVpcResource", "interceptor"];

/// Changes, in this order.
#[derive(Debug, Clone, Default)]
pub struct Patch(Vec<Edit>);

#[derive(Debug, Clone)]
enum Edit {
    Set(Path, Value),
    /// Sets it where nothing is.
    Default(Path, Value),
    Remove(Path),
    /// Adds to a list what it lacks.
    Include(Path, Vec<Value>),
    /// Removes from a list; a list that has nothing left is removed, as AWS takes no empty ones.
    Exclude(Path, Vec<Value>),
    /// As JSON Merge Patch (RFC 7396): objects are merged, null removes, anything else replaces; but for [`WHOLE`].
    Merge(Value),
    /// A change that only the document's own rules describe, and its argument.
    Other(fn(&mut Value, &Value), Value),
}

impl Patch {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the changes of another patch, after these.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn set(&mut self, path: Path, value: impl Into<Value>) {
        self.0.push(Edit::Set(path, value.into()));
    }

    /// Sets a member that is not set.
    pub fn set_default(&mut self, path: Path, value: impl Into<Value>) {
        self.0.push(Edit::Default(path, value.into()));
    }

    pub fn remove(&mut self, path: Path) {
        self.0.push(Edit::Remove(path));
    }

    /// Adds items to a list, if there are any.
    pub fn include(&mut self, path: Path, items: &[String]) {
        if !items.is_empty() {
            self.0.push(Edit::Include(path, items.iter().cloned().map(Value::from).collect()));
        }
    }

    /// Removes items from a list, if there are any.
    pub fn exclude(&mut self, path: Path, items: &[String]) {
        if !items.is_empty() {
            self.0.push(Edit::Exclude(path, items.iter().cloned().map(Value::from).collect()));
        }
    }

    /// Merges a document, if it has any members.
    pub fn merge(&mut self, document: Value) {
        if document.as_object().is_some_and(|members| !members.is_empty()) {
            self.0.push(Edit::Merge(document));
        }
    }

    /// A change that a function makes, with its argument.
    pub fn apply_with(&mut self, change: fn(&mut Value, &Value), argument: Value) {
        self.0.push(Edit::Other(change, argument));
    }

    /// Makes the changes in a document, an object.
    pub fn apply_to(&self, document: &mut Value) {
        for edit in &self.0 {
            match edit {
                Edit::Set(path, value) => *member(document, path) = value.clone(),
                Edit::Default(path, value) => {
                    let place = member(document, path);
                    if place.is_null() {
                        *place = value.clone();
                    }
                }
                Edit::Remove(path) => remove(document, path),
                Edit::Include(path, items) => {
                    let place = member(document, path);
                    let mut all = place.as_array().cloned().unwrap_or_default();
                    for item in items {
                        if !all.contains(item) {
                            all.push(item.clone());
                        }
                    }
                    *place = Value::Array(all);
                }
                Edit::Exclude(path, items) => exclude(document, path, |item| items.contains(item)),
                Edit::Merge(changes) => merge(document, changes),
                Edit::Other(change, argument) => change(document, argument),
            }
        }
    }

    /// A document with these changes.
    pub fn applied(&self, document: &Value) -> Value {
        let mut changed = document.clone();
        self.apply_to(&mut changed);
        changed
    }
}

/// The place of a member, made where it is not there.
pub fn member<'a>(document: &'a mut Value, path: &[&str]) -> &'a mut Value {
    let mut place = document;
    for name in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[*name];
    }
    place
}

/// The place of a member that is there.
fn existing(document: &mut Value, path: Path) -> Option<&mut Value> {
    path.iter().try_fold(document, |place, name| place.get_mut(name))
}

fn remove(document: &mut Value, path: Path) {
    let Some((name, parents)) = path.split_last() else { return };
    if let Some(Value::Object(members)) = existing(document, parents) {
        members.shift_remove(*name);
    }
}

/// Removes items from a list, and a list that has none left.
pub fn exclude(document: &mut Value, path: Path, is_excluded: impl Fn(&Value) -> bool) {
    if let Some(Value::Array(items)) = existing(document, path) {
        items.retain(|item| !is_excluded(item));
        if items.is_empty() {
            remove(document, path);
        }
    }
}

/// Merges changes into a document, as [`Patch::merge`].
pub fn merge(document: &mut Value, changes: &Value) {
    let (Value::Object(members), Value::Object(changes)) = (&mut *document, changes) else {
        *document = changes.clone();
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.shift_remove(name);
            continue;
        }
        let place = members.entry(name.clone()).or_insert(Value::Null);
        if place.is_object() && change.is_object() && !WHOLE.contains(&name.as_str()) {
            merge(place, change);
        } else {
            *place = change.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Change = fn(&mut Patch);

    #[test]
    fn each_change_leaves_the_rest_as_it_is() {
        let document = json!({ "a": 1, "of": { "the": { "future": [1] }, "list": ["x", "y"] } });
        let with = |change: Change| {
            let mut patch = Patch::default();
            change(&mut patch);
            patch.applied(&document)
        };
        let cases: [(Change, Value); 9] = [
            (|patch| patch.set(&["new", "deep"], 2), json!({ "a": 1, "of": document["of"], "new": { "deep": 2 } })),
            (|patch| patch.set_default(&["a"], 2), document.clone()),
            (|patch| patch.remove(&["of", "the"]), json!({ "a": 1, "of": { "list": ["x", "y"] } })),
            (|patch| patch.remove(&["not", "there"]), document.clone()),
            (
                |patch| patch.include(&["of", "list"], &["y".to_owned(), "z".to_owned()]),
                json!({ "a": 1, "of": { "the": { "future": [1] }, "list": ["x", "y", "z"] } }),
            ),
            (
                |patch| patch.exclude(&["of", "list"], &["x".to_owned(), "y".to_owned()]),
                json!({ "a": 1, "of": { "the": { "future": [1] } } }),
            ),
            (|patch| patch.exclude(&["not"], &["x".to_owned()]), document.clone()),
            (
                |patch| patch.merge(json!({ "a": null, "of": { "the": { "past": 0 } } })),
                json!({ "of": { "the": { "future": [1], "past": 0 }, "list": ["x", "y"] } }),
            ),
            (|patch| patch.merge(json!({})), document.clone()),
        ];
        for (change, expected) in cases {
            assert_eq!(with(change), expected);
        }
    }

    #[test]
    fn unions_are_taken_whole() {
        let mut document = json!({ "targetConfiguration": { "mcp": { "lambda": {} } } });
        merge(&mut document, &json!({ "targetConfiguration": { "http": {} } }));
        assert_eq!(document, json!({ "targetConfiguration": { "http": {} } }));
    }
}
