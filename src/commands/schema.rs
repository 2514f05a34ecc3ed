//! `schema`: the JSON Schema of files for `apply`, so that editors complete and check them.

use std::io;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Outcome,
    apply::member::{self, AWS, Member, SAMPLE, Shape, TYPE},
};
use crate::ui::report::{Page, Report, ToJson as _};

/// Print the JSON Schema of files for `apply`
///
/// Editors with a YAML language server complete such files when their first line is
/// `# yaml-language-server: $schema=FILE`.
#[derive(Debug, Args)]
pub struct Schema {}

impl Schema {
    pub fn run(self) -> Outcome {
        Ok(Box::new(Printed(schema())))
    }
}

/// The schema, printed alone in every format.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Printed(Value);

impl Report for Printed {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        self.write_json(w)
    }
}

fn schema() -> Value {
    let gateway = member::of_gateway();
    let mut described = object(&gateway, "Members of CreateGateway, as the AWS API has them");
    described["properties"]["name"] = json!({ "type": "string", "description": "Name of the gateway" });
    described["required"] = json!(["name"]);
    let kinds = member::of_targets();
    let names: Vec<&str> = kinds.iter().map(|(kind, _)| kind.as_str()).collect();
    let targets: Vec<Value> = kinds
        .iter()
        .map(|(kind, members)| {
            let mut target = object(members, "Members of CreateGatewayTarget, as the AWS API has them");
            target["properties"][TYPE] = json!({ "const": kind });
            if kind == "lambda" {
                target["properties"][SAMPLE] =
                    json!({ "type": "boolean", "description": "The sample function with get_weather and get_time" });
            }
            json!({ "if": { "properties": { TYPE: { "const": kind } }, "required": [TYPE] }, "then": target })
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A gateway and its targets, for agentcore-gw apply",
        "type": "object",
        "required": ["gateway"],
        "additionalProperties": false,
        "properties": {
            "gateway": described,
            "targets": {
                "type": ["object", "null"],
                "additionalProperties": {
                    "type": "object",
                    "required": [TYPE],
                    "properties": { TYPE: { "enum": names, "description": "What the target is" } },
                    "allOf": targets,
                },
            },
        },
    })
}

/// An object with these members and raw ones.
fn object(members: &[Member], raw: &str) -> Value {
    let mut properties = Map::new();
    for member in members.iter().filter(|member| member.shape != Shape::Raw) {
        let place = match member.object {
            None => &mut properties,
            Some(name) => {
                let inner = properties.entry(name).or_insert_with(|| {
                    let raw = json!({ "type": "object", "description": "As the AWS API has it" });
                    json!({ "type": ["object", "null"], "additionalProperties": false, "properties": { AWS: raw } })
                });
                match inner["properties"].as_object_mut() {
                    Some(properties) => properties,
                    None => continue,
                }
            }
        };
        place.insert(member.name.clone(), value(member));
    }
    properties.insert(AWS.to_owned(), json!({ "type": "object", "description": raw }));
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn value(member: &Member) -> Value {
    let mut schema = match member.shape {
        Shape::Switch => json!({ "type": "boolean" }),
        Shape::Number => json!({ "type": "integer" }),
        Shape::Text | Shape::File => json!({ "type": "string" }),
        Shape::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Pairs => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::Raw => json!({ "type": "object" }),
    };
    if !member.values.is_empty() {
        schema["enum"] = json!(member.values);
    }
    schema["description"] = json!(member.help);
    schema
}
