//! The bodies of an operation: its request's and its responses'.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    Argument, At, Body, BodyArguments, Bytes, Inputs, MediaType, Others, Reader, Side, Source, schema::UNSUPPORTED,
    tool,
};

impl<'a> Reader<'a> {
    /// An operation's request body. `is_alone` is whether it has no other inputs.
    pub(super) fn body(
        &mut self,
        method: &str,
        operation: &At<'a>,
        inputs: &mut Inputs<'a>,
        is_alone: bool,
    ) -> Option<Body> {
        let at = self.resolve(operation.member("requestBody")?)?;
        if ["get", "head", "delete"].contains(&method) {
            let problem = format!("{} requests have a body here, which many servers ignore", method.to_uppercase());
            self.notes.warn(&at.pointer, "request body", problem, "use parameters, or POST");
        }
        let required = at.value.get("required") == Some(&Value::Bool(true));
        let (media_type, media, content_type) = self.media(&at)?;
        let whole = |argument: String| Body {
            content_type: content_type.clone(),
            media_type,
            required,
            arguments: BodyArguments::Whole(argument),
            fields: BTreeMap::new(),
        };
        let Some(schema) = media.member("schema") else {
            let named = inputs.add("body", Argument { required, ..Argument::new("body", Source::Given(json!({}))) });
            self.check_name(&named, "body", &media.pointer);
            return Some(whole(named.or("body")));
        };
        self.check_schema(schema.clone(), Side::Request);
        if media_type == MediaType::Xml {
            let problem = "an XML body is one argument, a text: AWS does not document how its gateway writes XML";
            self.notes.warn(&media.pointer, "media type", problem, "offer `application/json`");
            let text = json!({ "type": "string", "description": "The body, an XML document" });
            let named = inputs.add("body", Argument { required, ..Argument::new("body", Source::Given(text)) });
            self.check_name(&named, "body", &media.pointer);
            return Some(whole(named.or("body")));
        }
        let resolved = self.resolve(schema.clone()).unwrap_or_else(|| schema.clone());
        let fields = self.fields(media_type, &media, &resolved);
        let members = resolved.value.get("properties").and_then(Value::as_object);
        // Arguments for the properties alone would lose what a combined schema says besides.
        let is_combined = UNSUPPORTED.iter().any(|keyword| resolved.value.get(keyword).is_some());
        let is_object = !is_combined && resolved.text("type").is_none_or(|kind| kind == "object");
        let members = members.filter(|_| is_object);
        let Some(members) = members else {
            let is_file = fields.values().any(|field| field.bytes == Some(Bytes::File));
            let argument = Argument { required, is_file, ..Argument::new("body", Source::Document(schema.value)) };
            let named = inputs.add("body", argument);
            self.check_name(&named, "body", &media.pointer);
            return Some(Body { fields, ..whole(named.or("body")) });
        };
        let needed: Vec<&str> =
            resolved.value["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (mut named, mut hidden) = (Vec::new(), BTreeSet::new());
        for (name, property) in members {
            if property["readOnly"] == true {
                hidden.insert(name.clone());
                continue;
            }
            let is_file = fields.get(name).is_some_and(|field| field.bytes == Some(Bytes::File));
            let required = required && needed.contains(&name.as_str());
            let argument = Argument { required, is_file, ..Argument::new(name, Source::Document(property)) };
            let given = inputs.add("body", argument);
            self.check_name(&given, name, &media.pointer);
            named.push((name.clone(), given.or(name)));
        }
        if let Some(schema) = resolved.value.as_object() {
            inputs.set_body(schema, is_alone, required);
        }
        let is_closed = |keyword: &str| resolved.value.get(keyword) == Some(&Value::Bool(false));
        let others = if is_closed("additionalProperties") || is_closed("unevaluatedProperties") {
            let patterns = resolved.value.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
            Others::Matching(patterns.map(|(pattern, _)| pattern.clone()).collect())
        } else {
            Others::All
        };
        let arguments = BodyArguments::Properties { named, hidden, others };
        Some(Body { content_type, media_type, required, arguments, fields })
    }

    /// The media type of a body that tools send, the most suitable of those that the document offers.
    fn media(&mut self, at: &At<'a>) -> Option<(MediaType, At<'a>, String)> {
        let content: Vec<(&str, At<'a>)> = at.member("content").iter().flat_map(At::members).collect();
        let supported = content.iter().filter_map(|(name, media)| Some((MediaType::of(name)?, media, *name)));
        let best = supported.min_by_key(|(kind, ..)| match kind {
            MediaType::Json => 0,
            MediaType::Form => 1,
            MediaType::Multipart => 2,
            MediaType::Xml => 3,
        });
        let Some((media_type, media, content_type)) = best else {
            let names: Vec<&str> = content.iter().map(|(name, _)| *name).collect();
            let problem = match names.as_slice() {
                [] => format!("attribute {}.content is missing", location(&at.pointer)),
                names => format!("a body of {} is not supported", names.join(" or ")),
            };
            self.notes.error(&at.pointer, "media type", problem, "offer `application/json`");
            return None;
        };
        Some((media_type, media.clone(), content_type.trim().to_owned()))
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
