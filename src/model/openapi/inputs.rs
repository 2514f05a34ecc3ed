//! A tool's arguments, in one flat object.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{expand::Expander, keyword::Patterns};

/// Limit on the levels of a tool's schema.
const DEEPEST: usize = 24;
/// Maximum number of characters of a description in a schema that had to be cut at its first level.
const SHORT_TEXT: usize = 200;

/// A tool's arguments: parameters and the body's properties in one flat object (AgentCore developer guide,
/// gateway-schema-openapi). AWS does not document how it resolves equal names; we chose that the first argument
/// stays.
#[derive(Default)]
pub(super) struct Inputs<'a> {
    arguments: Vec<Argument<'a>>,
    places: HashMap<String, usize>,
}

struct Argument<'a> {
    name: String,
    source: Source<'a>,
    /// The parameter's own description, for a schema without one.
    description: Option<&'a str>,
    required: bool,
}

/// Where an argument's schema comes from.
enum Source<'a> {
    Document(&'a Value),
    Given(Value),
}

impl<'a> Inputs<'a> {
    /// Adds an argument with a schema of the document; false if there is one of that name already, which stays.
    pub(super) fn add(&mut self, name: &str, schema: &'a Value, description: Option<&'a str>, required: bool) -> bool {
        self.insert(Argument { name: name.to_owned(), source: Source::Document(schema), description, required })
    }

    /// Adds an argument whose schema the document does not have.
    pub(super) fn add_given(&mut self, name: &str, schema: Value, required: bool) -> bool {
        self.insert(Argument { name: name.to_owned(), source: Source::Given(schema), description: None, required })
    }

    fn insert(&mut self, argument: Argument<'a>) -> bool {
        if let Some(known) = self.places.get(&argument.name).and_then(|place| self.arguments.get_mut(*place)) {
            known.required |= argument.required;
            return false;
        }
        self.places.insert(argument.name.clone(), self.arguments.len());
        self.arguments.push(argument);
        true
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
        let mut deepest = None;
        for levels in 0..DEEPEST {
            match self.written(&mut Expander::new(document, patterns, levels, bytes)) {
                Some(written) => deepest = Some(written),
                None => break,
            }
        }
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
            properties.insert(argument.name.clone(), schema);
        }
        Some(self.around(properties))
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
            let Source::Document(schema) = &argument.source else { continue };
            properties.insert(argument.name.clone(), expander.argument(schema).unwrap_or_else(|| json!({})));
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
