//! A tool's arguments, in one flat object.

use serde_json::{Map, Value, json};

/// A tool's arguments: parameters and the body's properties in one flat object (AgentCore developer guide,
/// gateway-schema-openapi). AWS does not document how it resolves equal names; we chose that the first argument
/// stays.
#[derive(Default)]
pub(super) struct Inputs {
    pub(super) properties: Map<String, Value>,
    required: Vec<String>,
}

impl Inputs {
    /// Adds an argument; false if there is one of that name already, which stays.
    pub(super) fn add(&mut self, name: &str, schema: Value, required: bool) -> bool {
        let is_new = !self.properties.contains_key(name);
        if is_new {
            self.properties.insert(name.to_owned(), schema);
        }
        if required && !self.required.iter().any(|known| known == name) {
            self.required.push(name.to_owned());
        }
        is_new
    }

    pub(super) fn schema(self) -> Value {
        let mut schema = json!({ "type": "object", "properties": self.properties });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        schema
    }
}
