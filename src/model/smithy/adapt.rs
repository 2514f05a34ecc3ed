//! Adapts a Smithy model: picks operations, and leaves out those that cannot become tools, and shapes that none of them
//! uses any more.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use super::{LIFECYCLE, LISTS, Model, shape::local_name};
use crate::model::{
    adapt::{Adaptation, Adapted, Adapting, Candidate, Change, Kept, MARK, Places, Reach, mark, texts},
    document::{Document, segment},
    finding::{Reading, Severity},
};

/// Traits for tests and documentation, of which nothing reaches a tool.
const UNUSED_TRAITS: [&str; 5] = [
    "smithy.rules#endpointTests",
    "smithy.api#examples",
    "smithy.test#httpRequestTests",
    "smithy.test#httpResponseTests",
    "smithy.test#smokeTests",
];

impl Model {
    /// Adapts a model.
    ///
    /// # Errors
    ///
    /// If a name or a pattern picks no operation.
    pub fn adapt(document: &Document, adapting: &Adapting, reading: Reading<'_>) -> Result<Adapted, String> {
        Self::adapt_value(document, (*document.value).clone(), adapting, reading)
    }

    /// Adapts a model that is not needed any more, without a copy of it. The changes have no lines.
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
        Self::adapt_value(&document, value, adapting, reading)
    }

    fn adapt_value(
        document: &Document,
        value: Value,
        adapting: &Adapting,
        reading: Reading<'_>,
    ) -> Result<Adapted, String> {
        let mut adapter = Adapter { document, adapting, changes: Vec::new(), value };
        let all = adapter.operations();
        adapter.pick(&all)?;
        adapter.skip(reading);
        adapter.drop_unused_traits();
        adapter.drop_unused_shapes();
        let Adapter { value, mut changes, .. } = adapter;
        let document = Document::of(value);
        let kept = Model::outline(&document, reading).operations.len();
        let mut value = document.into_value();
        if !changes.is_empty()
            && let Some(members) = value.as_object_mut()
            && let Value::Object(metadata) = members.entry("metadata").or_insert_with(|| json!({}))
        {
            metadata.insert(MARK.to_owned(), mark(adapting));
        }
        changes.sort_by(|a, b| (a.line, &a.pointer).cmp(&(b.line, &b.pointer)));
        Ok(Adapted { value, changes, operations: Kept { kept, of: all.len() }, places: Places::default() })
    }
}

struct Adapter<'a> {
    document: &'a Document,
    adapting: &'a Adapting,
    changes: Vec<Change>,
    value: Value,
}

impl Adapter<'_> {
    fn note(&mut self, flag: &'static str, pointer: String, change: String, reason: impl Into<String>) {
        let line = self.document.line_of(&pointer);
        self.changes.push(Change { pointer, line, adaptation: flag, change, reason: reason.into() });
    }

    /// The ids of all operations.
    fn operations(&self) -> Vec<String> {
        operations_of(&self.value)
    }

    fn pick(&mut self, all: &[String]) -> Result<(), String> {
        let pick = &self.adapting.pick;
        if pick.is_everything() {
            return Ok(());
        }
        let candidates: Vec<Candidate<'_>> =
            all.iter().map(|id| Candidate::new([local_name(id), id], "", "")).collect();
        let picked = pick.of(&candidates)?;
        let dropped: HashSet<String> =
            all.iter().zip(picked).filter(|(_, picked)| !picked).map(|(id, _)| id.clone()).collect();
        if !dropped.is_empty() {
            remove(&mut self.value, &dropped);
            let change = format!("{} of {} operations are left out", dropped.len(), all.len());
            let reason = "`--include`, `--exclude` and `--operations` do not pick them";
            self.note("include", "/shapes".to_owned(), change, reason);
        }
        Ok(())
    }

    /// Leaves out operations that have errors, or use shapes that have.
    fn skip(&mut self, reading: Reading<'_>) {
        if !self.adapting.has(Adaptation::SkipUnsupported) {
            return;
        }
        let document = Document::of(std::mem::take(&mut self.value));
        let errors = Model::outline(&document, reading).findings;
        self.value = document.into_value();
        let errors = errors.into_iter().filter(|finding| finding.severity == Severity::Error);
        let problems: BTreeMap<String, String> = errors.map(|finding| (finding.pointer, finding.problem)).collect();
        if problems.is_empty() {
            return;
        }
        let mut of_shape: BTreeMap<String, &String> = BTreeMap::new();
        for (pointer, problem) in &problems {
            of_shape.entry(shape_of(pointer)).or_insert(problem);
        }
        let ends = reach(&self.value).to(of_shape.keys().cloned());
        let mut dropped = HashSet::new();
        for id in self.operations() {
            let problem = match ends.get(&id).and_then(|end| of_shape.get(end)) {
                Some(problem) => (*problem).clone(),
                None if self.value["shapes"].get(&id).is_none() => "it is not defined".to_owned(),
                None => continue,
            };
            let (flag, pointer) = (Adaptation::SkipUnsupported.flag(), place(&id));
            self.note(flag, pointer, format!("{} is left out", local_name(&id)), problem);
            dropped.insert(id);
        }
        remove(&mut self.value, &dropped);
    }

    fn drop_unused_traits(&mut self) {
        if !self.adapting.has(Adaptation::DropUnsupportedContent) {
            return;
        }
        let mut dropped = 0;
        for (_, shape) in self.value.get_mut("shapes").and_then(Value::as_object_mut).into_iter().flatten() {
            let Some(Value::Object(traits)) = shape.get_mut("traits") else { continue };
            let before = traits.len();
            traits.retain(|name, _| !UNUSED_TRAITS.contains(&name.as_str()));
            dropped += before - traits.len();
        }
        if dropped > 0 {
            let change = format!("{dropped} traits with tests and examples are left out");
            self.note("adapt", "/shapes".to_owned(), change, "nothing of them reaches a tool");
        }
    }

    fn drop_unused_shapes(&mut self) {
        let reach = reach(&self.value);
        let Some(shapes) = self.value.get_mut("shapes").and_then(Value::as_object_mut) else { return };
        let services = shapes.iter().filter(|(_, shape)| shape["type"] == "service").map(|(id, _)| id.clone());
        let used = reach.from(services.collect::<Vec<_>>());
        let before = shapes.len();
        // `apply` statements are named by the shape that they apply traits to, or by a member of it.
        shapes.retain(|id, _| used.contains(id.split_once('$').map_or(id.as_str(), |(shape, _)| shape)));
        let dropped = before - shapes.len();
        if dropped > 0 {
            let change = format!("{dropped} shapes are left out");
            self.note("adapt", "/shapes".to_owned(), change, "no operation uses what is left out");
        }
    }
}

fn place(id: &str) -> String {
    format!("/shapes/{}", segment(id))
}

/// The id of the shape that a pointer leads into.
fn shape_of(pointer: &str) -> String {
    pointer.split('/').nth(2).unwrap_or_default().replace("~1", "/").replace("~0", "~")
}

fn shapes_of(model: &Value) -> impl Iterator<Item = (&String, &Value)> {
    model.get("shapes").and_then(Value::as_object).into_iter().flatten()
}

/// What each shape refers to: shapes, and the traits that the model defines itself.
fn reach(model: &Value) -> Reach {
    let mut reach = Reach::default();
    for (id, shape) in shapes_of(model) {
        let mut refers_to: Vec<String> = texts(shape, "target").into_iter().map(str::to_owned).collect();
        let members = shape.get("members").and_then(Value::as_object).into_iter().flat_map(Map::values);
        let inner = ["member", "key", "value"].into_iter().filter_map(|part| shape.get(part));
        let with_traits = members.chain(inner).chain([shape]);
        refers_to.extend(with_traits.filter_map(|one| one.get("traits")?.as_object()).flat_map(Map::keys).cloned());
        reach.add(id.split_once('$').map_or(id.as_str(), |(shape, _)| shape).to_owned(), refers_to);
    }
    reach
}

/// The ids of the operations that services and resources name, each once.
fn operations_of(model: &Value) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (_, shape) in shapes_of(model).filter(|(_, shape)| shape["type"] == "service" || shape["type"] == "resource") {
        let many = LISTS.iter().filter_map(|member| shape.get(*member)?.as_array()).flatten();
        let one = LIFECYCLE.iter().filter_map(|member| shape.get(*member));
        for id in one.chain(many).filter_map(|named| named["target"].as_str()) {
            if seen.insert(id) {
                found.push(id.to_owned());
            }
        }
    }
    found
}

/// Removes operations from the services and resources that name them.
fn remove(model: &mut Value, dropped: &HashSet<String>) {
    let is_dropped = |named: &Value| named["target"].as_str().is_some_and(|id| dropped.contains(id));
    for (_, shape) in model.get_mut("shapes").and_then(Value::as_object_mut).into_iter().flatten() {
        let Value::Object(members) = shape else { continue };
        if !members.get("type").is_some_and(|kind| kind == "service" || kind == "resource") {
            continue;
        }
        members.retain(|member, named| !LIFECYCLE.contains(&member.as_str()) || !is_dropped(named));
        for member in LISTS {
            if let Some(Value::Array(all)) = members.get_mut(member) {
                all.retain(|named| !is_dropped(named));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::adapt::Pick;

    const READING: Reading<'static> = Reading::of("t", false);

    fn model() -> Value {
        let operation = |input: &str| {
            json!({
                "type": "operation", "input": { "target": input }, "output": { "target": "smithy.api#Unit" },
                "traits": { "smithy.api#documentation": "d", "smithy.api#examples": [{ "title": "x" }] },
            })
        };
        let structure = |target: &str| json!({ "type": "structure", "members": { "a": { "target": target } } });
        json!({ "smithy": "2.0", "shapes": {
            "a#Svc": {
                "type": "service", "version": "1", "operations": [{ "target": "a#Good" }, { "target": "a#Bad" }, { "target": "a#None" }],
                "resources": [{ "target": "a#Res" }],
                "traits": {
                    "aws.auth#sigv4": { "name": "s" }, "aws.protocols#awsJson1_0": {}, "a#mine": {},
                    "smithy.rules#endpointRuleSet": { "version": "1.0", "parameters": {}, "rules": [] },
                    "smithy.rules#endpointTests": { "version": "1.0", "testCases": [] },
                },
            },
            "a#Res": { "type": "resource", "read": { "target": "a#GetRes" }, "operations": [{ "target": "a#AlsoBad" }] },
            "a#Good": operation("a#GoodIn"), "a#Bad": operation("a#BadIn"), "a#GetRes": operation("a#GoodIn"),
            "a#AlsoBad": operation("a#AroundBad"),
            "a#GoodIn": structure("smithy.api#String"), "a#BadIn": structure("a#Nowhere"), "a#AroundBad": structure("a#BadIn"),
            "a#Unused": { "type": "string" },
            "a#mine": { "type": "structure", "members": {}, "traits": { "smithy.api#trait": {} } },
            "a#GoodIn$a": { "type": "apply", "traits": { "smithy.api#documentation": "of a" } },
            "a#BadIn$a": { "type": "apply", "traits": { "smithy.api#documentation": "of a" } },
        } })
    }

    fn adapted(value: &Value, adapting: &Adapting) -> Adapted {
        Model::adapt(&Document::of(value.clone()), adapting, READING).unwrap()
    }

    fn names(value: &Value) -> Vec<String> {
        let read = Model::read(&Document::of(value.clone()), READING);
        assert!(read.error().is_none(), "{:?}", read.findings);
        read.operations.into_iter().map(|operation| operation.name).collect()
    }

    #[test]
    fn operations_that_cannot_be_tools_go_with_the_shapes_that_only_they_use() {
        let Adapted { value, changes, operations, .. } = adapted(&model(), &Adapting::all());
        assert_eq!(
            (names(&value), operations),
            (vec!["Good".to_owned(), "GetRes".to_owned()], Kept { kept: 2, of: 5 })
        );
        let shapes: Vec<&String> = value["shapes"].as_object().unwrap().keys().collect();
        assert_eq!(shapes, ["a#Svc", "a#Res", "a#Good", "a#GetRes", "a#GoodIn", "a#mine", "a#GoodIn$a"]);
        for (name, reason) in
            [("Bad", "there is no shape `a#Nowhere`"), ("AlsoBad", "there is no shape"), ("None", "it is not defined")]
        {
            let said =
                |change: &&Change| change.change == format!("{name} is left out") && change.reason.contains(reason);
            assert!(changes.iter().any(|change| said(&change)), "{name}: {changes:?}");
        }
        let text = value.to_string();
        assert!(!text.contains("endpointTests") && !text.contains("smithy.api#examples"));
        assert!(adapted(&value, &Adapting::all()).changes.is_empty(), "an adapted model stays as it is");
        let one = Adapting { adaptations: [Adaptation::SkipUnsupported].into(), ..Adapting::default() };
        assert_eq!(names(&adapted(&model(), &one).value), ["Good", "GetRes"]);
    }

    #[test]
    fn picked_operations_stay() {
        let pick = |include: &[&str], operations: &[&str]| Adapting {
            pick: Pick {
                include: include.iter().map(|one| one.parse().unwrap()).collect(),
                operations: operations.iter().map(|name| (*name).to_owned()).collect(),
                ..Pick::default()
            },
            ..Adapting::default()
        };
        for adapting in [pick(&["Good"], &[]), pick(&["Goo*"], &[]), pick(&[], &["Good"]), pick(&[], &["a#Good"])] {
            assert_eq!(names(&adapted(&model(), &adapting).value), ["Good"]);
        }
        let none = pick(&[], &["Other"]);
        assert!(Model::adapt(&Document::of(model()), &none, READING).unwrap_err().contains("`Other`"));
    }
}
