//! Reads a model's JSON AST into operations and findings.

mod shapes;

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::{
    AWS_MODELS, LIFECYCLE, LISTS, Model, Operation, PROTOCOLS, Protocol, RULES, Service, action, request, schema,
    shape::{Shape, ShapeKind, Shapes, Unmixed, local_name},
};
use crate::model::{
    document::{Document, segment},
    finding::{Notes, Reading},
    tool::{self, MOST_TOOLS},
};

impl Model {
    /// Reads a model's JSON AST.
    pub fn read(document: &Document, reading: Reading<'_>) -> Self {
        Self::read_as(document, reading, true)
    }

    /// Reads a model's JSON AST, but does not write the input schemas, which take most of the time: they are null, and
    /// there are no warnings of them.
    pub fn outline(document: &Document, reading: Reading<'_>) -> Self {
        Self::read_as(document, reading, false)
    }

    fn read_as(document: &Document, reading: Reading<'_>, with_schemas: bool) -> Self {
        let (shapes, unmixed) = Shapes::new(document.value.clone());
        let mut reader = Reader {
            shapes: &shapes,
            reading,
            notes: Notes::new(document),
            operations: Vec::new(),
            seen: HashSet::new(),
            names: BTreeMap::new(),
        };
        reader.notes.duplicate_keys();
        for Unmixed { id, why } in unmixed {
            reader.notes.error(&format!("{}/mixins", place(&id)), "mixin", why, "write its members out");
        }
        let service = reader.read(&document.value);
        if with_schemas && service.is_some() {
            reader.write_schemas();
        }
        let service = service.unwrap_or_else(Service::unknown);
        let Reader { operations, notes, .. } = reader;
        Self { service, operations, findings: notes.finish(), shapes }
    }
}

impl Service {
    fn unknown() -> Self {
        Self {
            name: String::new(),
            protocol: Protocol::RestJson1,
            version: String::new(),
            signing_name: String::new(),
            iam_key: None,
            variable: String::new(),
            xml_namespace: None,
            places_buckets: false,
            rules: Value::Null,
            endpoint_prefix: String::new(),
        }
    }
}

struct Reader<'a> {
    shapes: &'a Shapes,
    reading: Reading<'a>,
    notes: Notes<'a>,
    operations: Vec<Operation>,
    /// Shapes that were checked.
    seen: HashSet<&'a str>,
    /// The id of the last operation with each name.
    names: BTreeMap<&'a str, String>,
}

/// The JSON pointer of a shape.
fn place(id: &str) -> String {
    format!("/shapes/{}", segment(id))
}

impl<'a> Reader<'a> {
    fn read(&mut self, root: &Value) -> Option<Service> {
        if !self.is_smithy(root) {
            return None;
        }
        let services: Vec<(&'a String, &'a Value)> =
            self.shapes.iter().filter(|(_, shape)| shape["type"] == "service").collect();
        let (id, shape) = match services[..] {
            [service] => service,
            [] => {
                let remedy = "a model describes one service and its operations";
                self.notes.error("/shapes", "service", "there is no service", remedy);
                return None;
            }
            [_, (second, _), ..] => {
                let problem = format!("there are {} services: the gateway takes one", services.len());
                self.notes.error(&place(second), "service", problem, "split the model, one target each");
                return None;
            }
        };
        let service = self.service(id, shape);
        for (id, from) in self.operations_of(id, shape) {
            self.operation(&service, id, &from);
        }
        if self.operations.is_empty() {
            self.notes.error(&place(id), "service", "no operation becomes a tool", "list operations in the service");
        }
        if self.operations.len() > MOST_TOOLS {
            let problem = format!("{} tools are too many: at most {MOST_TOOLS} per target", self.operations.len());
            self.notes.error(
                &place(id),
                "service",
                problem,
                "pick operations with `--include` and `--exclude`, or split the model, one target each",
            );
        }
        Some(service)
    }

    fn is_smithy(&mut self, root: &Value) -> bool {
        let remedy = "write it as JSON AST, for example with `smithy ast`; AWS's own are at ";
        let remedy = format!("{remedy}{AWS_MODELS}");
        let problem = match &root["smithy"] {
            Value::String(version) if version.starts_with("2.") || version == "2" => return self.has_shapes(root),
            Value::Null => "this is no Smithy model: the member `smithy` is missing".to_owned(),
            version => format!("Smithy version {version} is not supported"),
        };
        let at = if root.get("smithy").is_some() { "/smithy" } else { "" };
        self.notes.error(at, "smithy", problem, &remedy);
        false
    }

    fn has_shapes(&mut self, root: &Value) -> bool {
        let there = root["shapes"].is_object();
        if !there {
            self.notes.error("/shapes", "smithy", "there are no shapes", "the JSON AST has them in `shapes`");
        }
        there
    }

    fn service(&mut self, id: &'a str, shape: &'a Value) -> Service {
        let traits = self.shapes.traits_of(id);
        let at = place(id);
        let api = traits.get("aws.api#service").unwrap_or(&Value::Null);
        let named = |member: &str| api[member].as_str().map(str::to_owned);
        let signing_name = traits.get("aws.auth#sigv4").and_then(|sigv4| sigv4["name"].as_str());
        if signing_name.is_none() {
            let problem = "the service is not signed for with SigV4: the gateway's role cannot call it";
            let remedy = "models of AWS services are supported only; describe others with OpenAPI";
            self.notes.warn(&at, "signature", problem, remedy);
        }
        let lower = local_name(id).to_ascii_lowercase();
        let sdk_id = named("sdkId").unwrap_or_else(|| local_name(id).to_owned());
        let iam_key = action::key(signing_name, &sdk_id);
        let signing_name = signing_name.map_or_else(|| lower.clone(), str::to_owned);
        let protocol = self.protocol(id, shape);
        let rules = traits.get(RULES).cloned().unwrap_or_default();
        let endpoint_prefix = named("endpointPrefix").unwrap_or_else(|| signing_name.clone());
        if !rules.is_object() {
            let problem = format!(
                "there is no endpoint rule set: the local AWS calls {endpoint_prefix}.REGION.amazonaws.com; what AWS calls is \
                 not documented"
            );
            let remedy = format!(
                "AWS's own samples have none either: try it; the models at {AWS_MODELS} have the trait {RULES}"
            );
            self.notes.warn(&at, "endpoint", problem, &remedy);
        }
        Service {
            name: local_name(id).to_owned(),
            protocol,
            iam_key,
            version: shape["version"].as_str().unwrap_or_default().to_owned(),
            signing_name,
            variable: sdk_id.to_ascii_uppercase().replace([' ', '-'], "_"),
            xml_namespace: traits.get("xmlNamespace").and_then(|space| space["uri"].as_str()).map(str::to_owned),
            places_buckets: sdk_id == "S3" && rules["parameters"].get("Bucket").is_some(),
            rules,
            endpoint_prefix,
        }
    }

    fn protocol(&mut self, id: &str, shape: &Value) -> Protocol {
        let at = place(id);
        let traits = shape["traits"].as_object();
        let named = |name: &str| traits.is_some_and(|traits| traits.contains_key(name));
        if let Some((name, protocol)) = PROTOCOLS.into_iter().find(|(name, _)| named(name)) {
            if protocol != Protocol::RestJson1 {
                let problem = format!("AWS documents restJson1 only, and this is {}", local_name(name));
                let remedy = "AWS's own samples have it too: try it, on a gateway made with `--debug-errors`";
                self.notes.warn(&at, "protocol", problem, remedy);
            }
            return protocol;
        }
        let is_protocol = |name: &&String| {
            let others = ["aws.protocols#ec2Query", "smithy.protocols#rpcv2Cbor"];
            others.contains(&name.as_str()) || name.starts_with("smithy.protocols#")
        };
        let other = traits.into_iter().flatten().map(|(name, _)| name).find(is_protocol);
        let problem = match other {
            Some(other) => format!("the protocol {} is not supported", local_name(other)),
            None => "the service names no protocol".to_owned(),
        };
        let remedy = "the gateway speaks restJson1, and as it seems awsJson, restXml and awsQuery";
        self.notes.error(&at, "protocol", problem, remedy);
        Protocol::RestJson1
    }

    /// The ids of all operations of a service and of the resources below it, each with the pointer of the reference
    /// to it.
    fn operations_of(&mut self, id: &'a str, shape: &'a Value) -> Vec<(&'a str, String)> {
        let mut operations = Vec::new();
        let mut resources: Vec<(&'a str, &'a Value)> = vec![(id, shape)];
        let mut seen: HashSet<&'a str> = HashSet::new();
        let mut next = 0;
        while let Some((id, shape)) = resources.get(next).copied() {
            next += 1;
            let one = |part: &'static str| Some((shape.get(part)?, format!("{}/{part}", place(id))));
            let lifecycle = LIFECYCLE.into_iter().filter_map(one);
            let many = |part: &'static str| {
                let all = shape[part].as_array().into_iter().flatten().enumerate();
                all.map(move |(index, one)| (one, format!("{}/{part}/{index}", place(id))))
            };
            let listed = LISTS.into_iter().flat_map(many);
            for (named, at) in lifecycle.chain(listed) {
                let Some(target) = named["target"].as_str() else { continue };
                if seen.insert(target) {
                    operations.push((target, at));
                }
            }
            for (named, at) in many("resources") {
                let Some(target) = named["target"].as_str() else { continue };
                match self.shapes.raw(target).filter(|shape| shape["type"] == "resource") {
                    Some(resource) if seen.insert(target) => resources.push((target, resource)),
                    Some(_) => {}
                    None => {
                        let problem = format!("there is no resource `{target}`");
                        self.notes.error(&at, "target", problem, "define it, or take it out");
                    }
                }
            }
        }
        operations
    }

    fn operation(&mut self, service: &Service, id: &'a str, from: &str) {
        let Some(shape) = self.shapes.raw(id).filter(|shape| shape["type"] == "operation") else {
            let problem = format!("there is no operation `{id}`");
            self.notes.error(from, "target", problem, "define it, or take it out");
            return;
        };
        let (at, name) = (place(id), local_name(id));
        if let Some(first) = self.names.insert(name, id.to_owned()) {
            let problem = format!("the tool `{name}` would stand for two operations: this one and {first}");
            self.notes.error(&at, "tool name", problem, "rename one of them");
        }
        for (problem, remedy) in tool::name_problems(self.reading.target, name) {
            self.notes.warn(&at, "tool name", problem, remedy);
        }
        let mut streams = false;
        for side in ["input", "output"] {
            let Some(target) = shape[side]["target"].as_str() else { continue };
            self.check_shape(target, format!("{at}/{side}/target"));
            if let Some(structure) = self.shapes.get(target) {
                streams |= self.streams(name, structure, &at);
            }
        }
        if streams {
            return;
        }
        let input = shape["input"]["target"].as_str().and_then(|target| self.shapes.get(target));
        if service.protocol.is_rest() {
            self.check_http(id, input, &at);
        }
        self.check_property_names(input, &at);
        let traits = self.shapes.traits_of(id);
        let documentation = traits.text("documentation").map(|text| schema::plain(text, schema::TOOL_TEXT));
        let documentation = documentation.filter(|text| !text.is_empty());
        if documentation.is_none() {
            let problem = format!("`{name}` has no documentation: a model chooses tools by it");
            let remedy = "say in the trait smithy.api#documentation what it does and when it is of use";
            self.notes.warn(&at, "documentation", problem, remedy);
        }
        self.operations.push(Operation {
            name: name.to_owned(),
            description: documentation.unwrap_or_else(|| name.to_owned()),
            input_schema: Value::Null,
            actions: action::of_operation(service.iam_key.as_deref(), name, traits),
            id: id.to_owned(),
        });
    }

    /// Writes the arguments of all tools, each with its share of the bytes.
    fn write_schemas(&mut self) {
        let bytes = if self.operations.len() > MOST_TOOLS { 0 } else { tool::schema_share(self.operations.len()) };
        for operation in &mut self.operations {
            let input = self.shapes.raw(&operation.id).and_then(|shape| shape["input"]["target"].as_str());
            let input = input.and_then(|target| self.shapes.get(target));
            let (schema, is_whole) = schema::of_input(self.shapes, input, bytes);
            operation.input_schema = schema;
            if !is_whole && bytes > 0 {
                let problem = format!("the arguments of `{}` are described in part: they are too many", operation.name);
                self.notes.warn(&place(&operation.id), "schema", problem, "leave out what no agent needs");
            }
        }
    }

    /// Whether an operation sends or receives event streams. A streaming blob only gets a warning.
    fn streams(&mut self, name: &str, structure: Shape<'a>, at: &str) -> bool {
        let mut events = false;
        for member in self.shapes.members(structure).filter(|member| member.shape.traits().has("streaming")) {
            if member.shape.kind == ShapeKind::Union {
                let problem = format!("`{name}` becomes no tool: it streams events");
                self.notes.warn(
                    at,
                    "streaming",
                    problem,
                    "nothing is to be done: the other operations are not touched",
                );
                events = true;
            } else {
                let problem = format!("`{name}` streams `{}`, which AWS says it does not support", member.name);
                let remedy = "the local gateway carries it whole, as base64, up to 16 MB";
                self.notes.warn(at, "streaming", problem, remedy);
            }
        }
        events
    }
}
