//! A tool's arguments, in one flat object.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::{
    MOST_HOPS,
    expand::Expander,
    keyword::{Patterns, is_file},
    referred_to, tool,
};

/// Limit on the levels of a tool's schema.
const DEEPEST: usize = 24;
/// Maximum number of characters of a description in a schema that had to be cut at its first level.
const SHORT_TEXT: usize = 200;
/// What is said of a file that the document does not describe.
const IN_BASE64: &str = "A file, in base64";
/// Keywords that do not say which values a schema lets in.
const ANNOTATIONS: [&str; 12] = [
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "externalDocs",
    "format",
    "readOnly",
    "writeOnly",
    "xml",
    "$comment",
];

/// A tool's arguments: parameters and the body's properties in one flat object (AgentCore developer guide,
/// gateway-schema-openapi).
pub(super) struct Inputs<'a> {
    document: &'a Value,
    arguments: Vec<Argument<'a>>,
    places: HashMap<String, usize>,
    /// The schema of a body whose properties are arguments.
    body: Option<(&'a Map<String, Value>, Vec<&'static str>)>,
}

/// An input of an operation.
pub(super) struct Argument<'a> {
    pub(super) name: String,
    pub(super) source: Source<'a>,
    /// The parameter's own description, for a schema without one.
    pub(super) description: Option<&'a str>,
    pub(super) required: bool,
    /// Whether it is a file, which is given in base64.
    pub(super) is_file: bool,
}

impl<'a> Argument<'a> {
    /// An argument that is optional and no file.
    pub(super) fn new(name: &str, source: Source<'a>) -> Self {
        Self { name: name.to_owned(), source, description: None, required: false, is_file: false }
    }
}

/// The name that an argument got.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Its own.
    Own,
    /// Its own, which another input has too: the values of both are the same.
    Shared,
    /// Another one, since an input with another schema has its own.
    Other(String),
}

impl Named {
    /// The name of the argument for an input with this name.
    pub(super) fn or(&self, own: &str) -> String {
        match self {
            Self::Own | Self::Shared => own.to_owned(),
            Self::Other(other) => other.clone(),
        }
    }
}

/// Where an argument's schema comes from.
pub(super) enum Source<'a> {
    Document(&'a Value),
    Given(Value),
}

impl<'a> Inputs<'a> {
    pub(super) fn new(document: &'a Value) -> Self {
        Self { document, arguments: Vec::new(), places: HashMap::new(), body: None }
    }

    /// Whether there are no arguments yet.
    pub(super) fn is_empty(&self) -> bool {
        self.arguments.is_empty()
    }

    /// Adds an argument. AWS does not document what becomes of inputs of one name; we chose that one argument fills all
    /// whose schemas are the same, and that another input gets its place as a suffix, `id__body`, as FastMCP does it.
    pub(super) fn add(&mut self, place: &str, argument: Argument<'a>) -> Named {
        let Some(known) = self.place_of(&argument.name) else {
            self.push(argument);
            return Named::Own;
        };
        if self.is_same(known, &argument) {
            self.arguments[known].required |= argument.required;
            return Named::Shared;
        }
        let mut name = format!("{}__{place}", argument.name);
        while self.places.contains_key(&name) {
            name.push('_');
        }
        self.push(Argument { name: name.clone(), ..argument });
        Named::Other(name)
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    fn is_same(&self, known: usize, other: &Argument<'a>) -> bool {
        let known = &self.arguments[known];
        known.is_file == other.is_file && self.values(known) == self.values(other)
    }

    /// What an argument's schema says about its values.
    fn values<'s>(&'s self, argument: &'s Argument<'a>) -> BTreeMap<&'s str, &'s Value> {
        let mut schema = match &argument.source {
            Source::Document(schema) => *schema,
            Source::Given(schema) => schema,
        };
        for _ in 0..MOST_HOPS {
            let target = schema.get("$ref").and_then(Value::as_str);
            let Some(target) = target.and_then(|reference| referred_to(self.document, reference)) else { break };
            schema = target;
        }
        let members = schema.as_object().into_iter().flatten();
        let says = |name: &str| !ANNOTATIONS.contains(&name) && !name.starts_with("x-");
        members.map(|(name, value)| (name.as_str(), value)).filter(|(name, _)| says(name)).collect()
    }

    fn push(&mut self, argument: Argument<'a>) {
        self.places.insert(argument.name.clone(), self.arguments.len());
        self.arguments.push(argument);
    }

    /// Lets the tool's schema say what the body's says of the object as a whole, as far as it holds for the other
    /// arguments too. `is_alone` is whether there are none, `required` whether the body is always there. AWS does not
    /// document which of these keywords its gateway keeps.
    pub(super) fn set_body(&mut self, schema: &'a Map<String, Value>, is_alone: bool, required: bool) {
        let mut keywords = Vec::new();
        if is_alone {
            keywords.extend(["propertyNames", "maxProperties", "dependentRequired"]);
        }
        if is_alone && required {
            keywords.push("minProperties");
        }
        let patterns = || schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
        let matches_another =
            |argument: &Argument<'_>| patterns().any(|(pattern, _)| tool::matches(pattern, &argument.name));
        if is_alone || !self.arguments.iter().any(matches_another) {
            keywords.extend(["patternProperties", "additionalProperties", "unevaluatedProperties"]);
        }
        self.body = Some((schema, keywords));
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.arguments.iter().map(|argument| argument.name.as_str())
    }

    /// The tool's schema, of at most this many bytes, and whether it is complete. If it is not, all schemas have the same
    /// number of levels; or if not even the arguments fit, as many of them as do.
    pub(super) fn schema(&self, document: &'a Value, patterns: &mut Patterns, bytes: usize) -> (Value, bool) {
        let mut expander = Expander::new(document, patterns, DEEPEST, bytes);
        if let Some(whole) = self.written(&mut expander) {
            return (whole, !expander.is_cut());
        }
        let deepest =
            tool::deepest(DEEPEST, |levels| self.written(&mut Expander::new(document, patterns, levels, bytes)));
        (deepest.unwrap_or_else(|| self.names_only(document, patterns, bytes)), false)
    }

    /// `None` if it has more bytes than the expander may write.
    fn written(&self, expander: &mut Expander<'a, '_>) -> Option<Value> {
        let mut properties = Map::new();
        for argument in &self.arguments {
            // Once as a property, and once as a required one.
            expander.spend_on(&argument.name, &argument.name)?;
            let mut schema = match &argument.source {
                Source::Document(schema) => expander.argument(schema)?,
                Source::Given(schema) => {
                    expander.spend(schema.to_string().len())?;
                    schema.clone()
                }
            };
            if let (Value::Object(members), Some(description)) = (&mut schema, argument.description)
                && !members.contains_key("description")
            {
                expander.spend_on("description", description)?;
                members.insert("description".to_owned(), json!(description));
            }
            if argument.is_file {
                expander.spend(IN_BASE64.len() + 64)?;
                say_base64(&mut schema);
            }
            properties.insert(argument.name.clone(), schema);
        }
        let mut schema = self.around(properties);
        if let Some((body, keywords)) = &self.body {
            for (keyword, value) in expander.keywords(body, keywords)? {
                // The same, since no other keyword of such a body evaluates properties.
                let keyword =
                    if keyword == "unevaluatedProperties" { "additionalProperties" } else { keyword.as_str() };
                schema[keyword] = value;
            }
        }
        Some(schema)
    }

    /// The arguments with their types, as many as fit, those that are required first.
    fn names_only(&self, document: &'a Value, patterns: &mut Patterns, bytes: usize) -> Value {
        let mut expander = Expander::new(document, patterns, 0, bytes).with_short_texts(SHORT_TEXT);
        let mut properties = Map::new();
        let (required, optional): (Vec<_>, Vec<_>) = self.arguments.iter().partition(|argument| argument.required);
        for argument in required.into_iter().chain(optional) {
            if expander.spend_on(&argument.name, &argument.name).and_then(|()| expander.spend(64)).is_none() {
                break;
            }
            let mut schema = match &argument.source {
                Source::Document(schema) => expander.argument(schema).unwrap_or_else(|| json!({})),
                Source::Given(schema) => schema.clone(),
            };
            if argument.is_file {
                say_base64(&mut schema);
            }
            properties.insert(argument.name.clone(), schema);
        }
        self.around(properties)
    }

    fn around(&self, properties: Map<String, Value>) -> Value {
        let required = self.arguments.iter().filter(|argument| argument.required);
        let required: Vec<&str> =
            required.map(|argument| argument.name.as_str()).filter(|name| properties.contains_key(*name)).collect();
        let mut schema = json!({ "type": "object" });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema["properties"] = Value::Object(properties);
        schema
    }
}

/// Says in each schema of a file that files are given in base64.
fn say_base64(schema: &mut Value) {
    let is_file = is_file(schema);
    match schema {
        Value::Array(items) => items.iter_mut().for_each(say_base64),
        Value::Object(members) => {
            members.values_mut().for_each(say_base64);
            if !is_file {
                return;
            }
            members.shift_remove("format");
            members.insert("type".to_owned(), json!("string"));
            members.insert("contentEncoding".to_owned(), json!("base64"));
            let said = members.get("description").and_then(Value::as_str).map(|text| text.trim_end_matches('.'));
            let description = said.map_or_else(|| IN_BASE64.to_owned(), |said| format!("{said}. {IN_BASE64}."));
            members.insert("description".to_owned(), json!(description));
        }
        _ => {}
    }
}
