//! What belongs to the whole document: its version, its information, and security schemes.

use serde_json::Value;

use super::{At, NO_VERSION, Reader};

impl<'a> Reader<'a> {
    pub(super) fn is_openapi(&mut self, root: &At<'a>) -> bool {
        if !root.value.is_object() {
            self.notes.error(
                "",
                "openapi",
                "this is no OpenAPI document",
                "it begins with `openapi: 3.0.3` or `3.1.0`",
            );
            return false;
        }
        if root.value.get("swagger").is_some() {
            let remedy = "convert it to OpenAPI 3, for example with `npx swagger2openapi`";
            self.notes.error("/swagger", "openapi", NO_VERSION, remedy);
            return false;
        }
        let version = root.text("openapi").unwrap_or_default();
        if version.starts_with("3.0.") || version.starts_with("3.1.") {
            return true;
        }
        let problem = match root.value.get("openapi") {
            None => NO_VERSION.to_owned(),
            Some(version) => format!("version {version} is not supported"),
        };
        self.notes.error("/openapi", "openapi", problem, "the gateway reads OpenAPI 3.0 and 3.1, such as \"3.0.3\"");
        false
    }

    /// The service's parser requires these (swagger-parser has AWS's words for what else is missing).
    pub(super) fn info(&mut self, root: &At<'a>) {
        let remedy = "say what the document is: `info: {title: …, version: \"1\"}`";
        let Some(info) = root.member("info").filter(|info| info.value.is_object()) else {
            self.notes.error("/info", "info", "attribute info is missing", remedy);
            return;
        };
        for member in ["title", "version"] {
            if info.value.get(member).is_none_or(Value::is_null) {
                self.notes.error(&info.pointer, "info", format!("attribute info.{member} is missing"), remedy);
            }
        }
    }

    /// Checks security schemes like the service's parser, although nothing else uses them
    /// (awslabs/agentcore-samples#1141).
    pub(super) fn security_schemes(&mut self, at: &At<'a>) {
        for (name, scheme) in at.members() {
            let Some(scheme) = self.resolve(scheme) else { continue };
            if scheme.text("type").is_none() {
                let problem = format!("attribute components.securitySchemes.{name}.type is missing");
                let remedy = "give it a type, such as `http`, or take it out";
                self.notes.error(&scheme.pointer, "security scheme", problem, remedy);
            }
        }
    }

    /// Checks that the schemes are defined which a `security` member names.
    pub(super) fn security(&mut self, around: &At<'a>) {
        let Some(all) = around.member("security") else { return };
        for requirement in all.items() {
            for (name, at) in requirement.members() {
                let schemes = &self.document.value["components"]["securitySchemes"];
                if schemes.get(name).is_none() {
                    let problem = format!("attribute components.securitySchemes.{name}.type is missing");
                    let remedy = "define the scheme below `components`, or take it out here";
                    self.notes.error(&at.pointer, "security scheme", problem, remedy);
                }
            }
        }
    }

    pub(super) fn ignored(&mut self, pointer: &str, member: &str) {
        let (problem, remedy) = match member {
            "security" | "securitySchemes" => (
                "the document's own security is ignored".to_owned(),
                "the credential comes from the target: see `target add openapi --help`",
            ),
            _ => (format!("`{member}` are ignored"), "nothing of them reaches the tools; leave them or take them out"),
        };
        self.notes.warn(pointer, "ignored member", problem, remedy);
    }
}
