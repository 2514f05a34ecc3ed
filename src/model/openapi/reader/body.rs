//! The bodies of an operation: its request's and its responses'.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{At, Body, Inputs, MediaType, Reader, Side, schema::UNSUPPORTED, tool};

impl<'a> Reader<'a> {
    pub(super) fn body(&mut self, method: &str, operation: &At<'a>, inputs: &mut Inputs<'a>) -> Option<Body> {
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
                [] => format!("attribute {}.content is missing", location(&at.pointer)),
                names => format!("a body of {} is not supported", names.join(" or ")),
            };
            self.notes.error(&at.pointer, "media type", problem, "offer `application/json`");
            return None;
        };
        let media = media.clone();
        let Some(schema) = media.member("schema") else {
            inputs.add_given("body", json!({}), required);
            return Some(Body { media_type, required, properties: None });
        };
        self.check_schema(schema.clone(), Side::Request);
        let resolved = self.resolve(schema.clone()).unwrap_or_else(|| schema.clone());
        let members = resolved.value.get("properties").and_then(Value::as_object);
        // Arguments for the properties alone would lose what a combined schema says besides.
        let is_combined = UNSUPPORTED.iter().any(|keyword| resolved.value.get(keyword).is_some());
        let is_object = !is_combined && resolved.text("type").is_none_or(|kind| kind == "object");
        let members = members.filter(|_| is_object);
        let Some(members) = members else {
            if !inputs.add("body", schema.value, None, required) {
                let problem = "a parameter is named `body`, as the body that is no object: it fills both";
                self.notes.warn(&media.pointer, "name collision", problem, "rename the parameter");
            }
            return Some(Body { media_type, required, properties: None });
        };
        let needed: Vec<&str> =
            resolved.value["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut properties = BTreeSet::new();
        for (name, property) in members.iter().filter(|(_, property)| property["readOnly"] != true) {
            if inputs.add(name, property, None, required && needed.contains(&name.as_str())) {
                properties.insert(name.clone());
            } else {
                let problem = format!("`{name}` is a parameter and a property of the body: the parameter gets it");
                self.notes.warn(&media.pointer, "name collision", problem, "rename one of them");
            }
        }
        Some(Body { media_type, required, properties: Some(properties) })
    }

    pub(super) fn responses(&mut self, path: &str, method: &str, operation: &At<'a>) {
        let Some(responses) = operation.member("responses").filter(|responses| responses.value.is_object()) else {
            // Two teams' reports of API Gateway targets: "Failed to parse OpenAPI specification: attribute
            // paths.'/cart'(get).responses is missing".
            let problem = format!("attribute paths.'{path}'({method}).responses is missing");
            let remedy = "say what comes back, such as `responses: {default: {description: ok}}`";
            self.notes.error(&operation.pointer, "response", problem, remedy);
            return;
        };
        for (_, response) in responses.members().filter(|(status, _)| !status.starts_with("x-")) {
            let Some(response) = self.resolve(response) else { continue };
            if !response.value.is_object() {
                // The words of swagger-parser (public checks of its messages); not seen from AWS.
                let problem = format!("attribute {} is not of type `object`", location(&response.pointer));
                self.notes.error(&response.pointer, "response", problem, "describe it: `{description: …}`");
            } else if response.text("description").is_none() {
                // AWS's message was seen for a response below `components`.
                let problem = format!("attribute {}.description is missing", location(&response.pointer));
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

    pub(super) fn check_property_names(&mut self, operation: &At<'a>, inputs: &Inputs<'a>) {
        let bad = |name: &&str| !tool::is_plain_property(name);
        let names: Vec<String> = inputs.names().filter(bad).map(|name| format!("`{name}`")).collect();
        if !names.is_empty() {
            let problem = format!("{}: names that some models' clients refuse", names.join(", "));
            let remedy = "use 1 to 64 letters, digits, `_`, `.` and `-`";
            self.notes.warn(&operation.pointer, "property name", problem, remedy);
        }
    }
}

/// Whether the gateway accepts a response of this media type: GitHub's own document was accepted once the
/// others were removed from it (one project).
pub(crate) fn is_response_type(name: &str) -> bool {
    let taken = ["application/json", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded"];
    taken.contains(&name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str())
}

/// A place as swagger-parser names it: `paths.'/pets'(get).responses.200`, `components.responses.Error`.
fn location(pointer: &str) -> String {
    let parts: Vec<String> =
        pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    match parts.as_slice() {
        [paths, path, method, rest @ ..] if paths == "paths" => {
            let rest: String = rest.iter().map(|part| format!(".{part}")).collect();
            format!("paths.'{path}'({method}){rest}")
        }
        parts => parts.join("."),
    }
}
