//! Media types, responses, security schemes, and what OpenAPI requires of a document.

use serde_json::{Map, Value, json};

use super::{Adaptation, Adapter, MediaType, is_response_type, members_of, segment, walk, walk::Part};

const JSON: &str = "application/json";

impl Adapter<'_> {
    pub(super) fn content(&mut self) {
        self.with_value(|adapter, value| {
            if adapter.has(Adaptation::DropUnsupportedContent)
                && value.as_object_mut().and_then(|members| members.shift_remove("webhooks")).is_some()
            {
                adapter.unused_member("", "webhooks");
            }
            for (path, item) in members_of(value, "paths") {
                adapter.filled(item, &format!("/paths/{}", segment(path)));
            }
            walk::each(value, &mut |part, node, at| match part {
                Part::Operation => {
                    adapter.filled(node, at);
                    adapter.operation(node, at);
                }
                Part::RequestBody => adapter.media(node, at, |name| MediaType::of(name).is_some(), true),
                Part::Response => adapter.response(node, at),
                Part::Parameter => adapter.parameter(node, at),
                Part::Schema => {}
            });
        });
    }

    /// Leaves out the parameter that the target's credential fills.
    fn filled(&mut self, level: &mut Value, at: &str) {
        let Some(filled) = self.reading.filled.filter(|_| self.has(Adaptation::DropUnsupportedContent)) else { return };
        self.retain_parameters(level, at, |adapter, parameter, _, place| {
            let whole = adapter.target(parameter).unwrap_or(parameter);
            let text = |member: &str| whole[member].as_str().unwrap_or_default();
            if !filled.is(text("in"), text("name")) {
                return true;
            }
            let change = format!("the parameter `{}` is left out", text("name"));
            adapter.note(Adaptation::DropUnsupportedContent, place, change, "the target's credential fills it");
            false
        });
    }

    fn unused_member(&mut self, at: &str, member: &str) {
        let change = format!("`{member}` is left out");
        self.note(Adaptation::DropUnsupportedContent, format!("{at}/{member}"), change, "nothing of it reaches a tool");
    }

    fn operation(&mut self, operation: &mut Value, at: &str) {
        let Value::Object(members) = operation else { return };
        if self.has(Adaptation::DropUnsupportedContent) && members.shift_remove("callbacks").is_some() {
            self.unused_member(at, "callbacks");
        }
        if self.has(Adaptation::FillMissing) && !members.get("responses").is_some_and(Value::is_object) {
            members.insert("responses".to_owned(), json!({ "default": { "description": "Any response" } }));
            self.note(Adaptation::FillMissing, at, "it has a response", "OpenAPI requires one of each operation");
        }
    }

    /// A parameter whose `content` is one scalar is written as its schema says.
    fn parameter(&mut self, parameter: &mut Value, at: &str) {
        let Value::Object(members) = parameter else { return };
        let Some(Value::Object(content)) = members.get("content").filter(|_| self.has(Adaptation::JsonMediaTypes))
        else {
            return;
        };
        let Some((name, schema)) = content.iter().next().and_then(|(name, media)| Some((name, media.get("schema")?)))
        else {
            return;
        };
        let whole = self.target(schema).unwrap_or(schema);
        if content.len() > 1 || !["string", "number", "integer", "boolean"].iter().any(|kind| whole["type"] == *kind) {
            return;
        }
        let (name, schema) = (name.clone(), schema.clone());
        members.shift_remove("content");
        members.insert("schema".to_owned(), schema);
        let change = format!("the parameter has the schema of its `{name}`");
        self.note(
            Adaptation::JsonMediaTypes,
            format!("{at}/content"),
            change,
            "parameters with `content` are not supported",
        );
    }

    fn response(&mut self, response: &mut Value, at: &str) {
        if !response.is_object() && self.has(Adaptation::FillMissing) {
            *response = json!({});
        }
        self.media(response, at, is_response_type, false);
        let Value::Object(members) = response else { return };
        if members.contains_key("$ref") {
            return;
        }
        if self.has(Adaptation::DropUnsupportedContent) && members.shift_remove("links").is_some() {
            self.unused_member(at, "links");
        }
        if self.has(Adaptation::FillMissing) && !members.get("description").is_some_and(Value::is_string) {
            let status = at.rsplit('/').next().unwrap_or_default();
            members.insert("description".to_owned(), json!(format!("Response {status}")));
            self.note(Adaptation::FillMissing, at, "it has a description", "OpenAPI requires one of each response");
        }
    }

    /// The media types of a body or a response. A body keeps them if none is supported: it may be left out as a whole.
    fn media(&mut self, holder: &mut Value, at: &str, is_supported: fn(&str) -> bool, is_body: bool) {
        let Some(Value::Object(content)) = holder.get_mut("content") else { return };
        if content.keys().all(|name| is_supported(name)) {
            return;
        }
        if self.has(Adaptation::JsonMediaTypes) {
            self.as_json(content, at, is_supported);
        }
        let rest: Vec<String> = content.keys().filter(|name| !is_supported(name)).cloned().collect();
        if !self.has(Adaptation::DropUnsupportedContent) || (is_body && rest.len() == content.len()) {
            return;
        }
        for name in rest {
            content.shift_remove(&name);
            let pointer = format!("{at}/content/{}", segment(&name));
            let reason = "the gateway supports JSON, XML, forms and multipart";
            self.note(Adaptation::DropUnsupportedContent, pointer, format!("`{name}` is left out"), reason);
        }
        if content.is_empty()
            && let Value::Object(members) = holder
        {
            members.shift_remove("content");
        }
    }

    /// Renames the first media type that is JSON, if there is no `application/json`, and removes the others.
    fn as_json(&mut self, content: &mut Map<String, Value>, at: &str, is_supported: fn(&str) -> bool) {
        let is_known = |name: &str| name.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(JSON);
        let mut has_json = content.keys().any(|name| is_known(name));
        for (name, media) in std::mem::take(content) {
            if is_supported(&name) || !is_json(&name) {
                content.insert(name, media);
                continue;
            }
            let pointer = format!("{at}/content/{}", segment(&name));
            let change = if has_json {
                format!("`{name}` is left out: there is `{JSON}`")
            } else {
                content.insert(JSON.to_owned(), media);
                format!("`{name}` is `{JSON}`")
            };
            has_json = true;
            let reason = "the gateway supports JSON by this name only";
            self.note(Adaptation::JsonMediaTypes, pointer, change, reason);
        }
    }

    pub(super) fn fill_document(&mut self) {
        if !self.has(Adaptation::FillMissing) {
            return;
        }
        self.with_value(|adapter, value| {
            let Some(members) = value.as_object_mut() else { return };
            if !members.get("info").is_some_and(Value::is_object) {
                members.insert("info".to_owned(), json!({}));
            }
            for (member, text) in [("title", "API"), ("version", "1")] {
                if let Some(Value::Object(info)) = members.get_mut("info")
                    && info.get(member).is_none_or(Value::is_null)
                {
                    info.insert(member.to_owned(), json!(text));
                    let change = format!("`{member}` is \"{text}\"");
                    adapter.note(Adaptation::FillMissing, format!("/info/{member}"), change, "OpenAPI requires it");
                }
            }
        });
    }

    /// Removes schemes without a type, and what refers to schemes that are not defined. The gateway uses none of them.
    pub(super) fn security(&mut self) {
        if !self.has(Adaptation::DropBrokenSecurity) {
            return;
        }
        let defined = |adapter: &Self, schemes: &Map<String, Value>| -> Vec<String> {
            let has_type = |scheme: &Value| adapter.target(scheme).unwrap_or(scheme)["type"].is_string();
            schemes.iter().filter(|(_, scheme)| has_type(scheme)).map(|(name, _)| name.clone()).collect()
        };
        self.with_value(|adapter, value| {
            let schemes = value.get_mut("components").and_then(|components| components.get_mut("securitySchemes"));
            let mut known = Vec::new();
            if let Some(Value::Object(schemes)) = schemes {
                known = defined(adapter, schemes);
                for name in schemes.keys().filter(|name| !known.contains(name)).cloned().collect::<Vec<_>>() {
                    schemes.shift_remove(&name);
                    let pointer = format!("/components/securitySchemes/{}", segment(&name));
                    let change = format!("the security scheme `{name}` is left out");
                    adapter.note(Adaptation::DropBrokenSecurity, pointer, change, "it has no type");
                }
            }
            adapter.requirements(value, "", &known);
            walk::each(value, &mut |part, node, at| {
                if part == Part::Operation {
                    adapter.requirements(node, at, &known);
                }
            });
        });
    }

    fn requirements(&mut self, around: &mut Value, at: &str, known: &[String]) {
        let Some(Value::Array(all)) = around.get_mut("security") else { return };
        let is_defined = |one: &Value| one.as_object().is_none_or(|one| one.keys().all(|name| known.contains(name)));
        let before = all.len();
        all.retain(is_defined);
        if all.len() < before {
            let change = "requirements of security schemes are left out";
            self.note(Adaptation::DropBrokenSecurity, format!("{at}/security"), change, "the schemes are not defined");
        }
    }
}

/// Whether a media type is JSON by another name, or any.
fn is_json(name: &str) -> bool {
    let name = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    name.ends_with("+json") || ["*/*", "application/*", "text/json", "application/x-json"].contains(&name.as_str())
}
