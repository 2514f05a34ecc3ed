//! The bodies of an operation: its request's and its responses'.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{At, Body, Inputs, MediaType, Reader, Side, tool};

impl<'a> Reader<'a> {
    pub(super) fn body(&mut self, method: &str, operation: &At<'a>, inputs: &mut Inputs) -> Option<Body> {
        let at = self.resolve(operation.member("requestBody")?)?;
        if ["get", "head", "delete"].contains(&method) {
            let problem = format!("{} requests have a body here, which many servers ignore", method.to_uppercase());
            self.notes.warn(&at.pointer, "request body", problem, "use parameters, or POST");
        }
        let required = at.value.get("required") == Some(&Value::Bool(true));
        let content: Vec<(&str, At<'a>)> = at.member("content").iter().flat_map(At::members).collect();
        let supported = content.iter().filter_map(|(name, media)| Some((MediaType::of(name)?, media)));
        let best = supported.min_by_key(|(kind, _)| match kind {
            MediaType::Json => 0,
            MediaType::Form => 1,
            MediaType::Multipart => 2,
            MediaType::Xml => 3,
        });
        let Some((media_type, media)) = best else {
            let names: Vec<&str> = content.iter().map(|(name, _)| *name).collect();
            let problem = match names.as_slice() {
                [] => "requestBody.content is missing".to_owned(),
                names => format!("a body of {} is not supported", names.join(" or ")),
            };
            self.notes.error(&at.pointer, "media type", problem, "offer `application/json`");
            return None;
        };
        let media = media.clone();
        let Some(schema) = media.member("schema") else {
            inputs.add("body", json!({}), required);
            return Some(Body { media_type, required, properties: None });
        };
        self.check_schema(schema.clone(), Side::Request);
        let written = self.write_out(&schema);
        let is_object =
            written["properties"].is_object() && !matches!(&written["type"], Value::String(kind) if kind != "object");
        if !is_object {
            if !inputs.add("body", written, required) {
                let problem = "a parameter is named `body`, as the body that is no object: it fills both";
                self.notes.warn(&media.pointer, "name collision", problem, "rename the parameter");
            }
            return Some(Body { media_type, required, properties: None });
        }
        let needed: Vec<&str> =
            written["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut properties = BTreeSet::new();
        for (name, property) in written["properties"].as_object().into_iter().flatten() {
            if inputs.add(name, property.clone(), required && needed.contains(&name.as_str())) {
                properties.insert(name.clone());
            } else {
                let problem = format!("`{name}` is a parameter and a property of the body: the parameter gets it");
                self.notes.warn(&media.pointer, "name collision", problem, "rename one of them");
            }
        }
        Some(Body { media_type, required, properties: Some(properties) })
    }

    pub(super) fn responses(&mut self, operation: &At<'a>) {
        let Some(responses) = operation.member("responses") else { return };
        for (status, response) in responses.members().filter(|(status, _)| !status.starts_with("x-")) {
            let Some(response) = self.resolve(response) else { continue };
            if response.value.is_object() && response.text("description").is_none() {
                // AWS's message was seen only for a response below `components`; others are named likewise.
                let name = response.pointer.strip_prefix("/components/").map(|pointer| pointer.replace('/', "."));
                let place = name.map_or_else(|| format!("responses.{status}"), |name| format!("components.{name}"));
                let problem = format!("attribute {place}.description is missing");
                self.notes.error(&response.pointer, "response", problem, "say in a word what it is");
            }
            let Some(content) = response.member("content") else { continue };
            for (kind, media) in content.members() {
                if !is_response_type(kind) {
                    let problem = format!("MediaType {kind} is not supported in response");
                    let remedy = "describe the response as `application/json`, or leave its content out";
                    self.notes.error(&media.pointer, "media type", problem, remedy);
                }
                if let Some(schema) = media.member("schema") {
                    self.check_schema(schema, Side::Response);
                }
            }
        }
    }

    pub(super) fn check_property_names(&mut self, operation: &At<'a>, inputs: &Inputs) {
        let bad = |name: &&String| !tool::is_plain_property(name);
        let names: Vec<String> = inputs.properties.keys().filter(bad).map(|name| format!("`{name}`")).collect();
        if !names.is_empty() {
            let problem = format!("{}: names that some models' clients refuse", names.join(", "));
            let remedy = "use 1 to 64 letters, digits, `_`, `.` and `-`";
            self.notes.warn(&operation.pointer, "property name", problem, remedy);
        }
    }
}

/// Whether the gateway accepts a response of this media type: GitHub's own document was accepted once the
/// others were removed from it (one project).
fn is_response_type(name: &str) -> bool {
    let taken = ["application/json", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded"];
    taken.contains(&name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str())
}
