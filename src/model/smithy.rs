//! Smithy models, as AgentCore Gateway reads them (reference §8): which operations become tools, what
//! it refuses, and what requests and answers of each protocol look like. The linter, `target add` and
//! the local data plane share this one reader.

mod action;
mod endpoint;
mod reader;
mod request;
mod response;
mod schema;
mod shape;
mod time;
mod xml;

use std::collections::BTreeSet;

use serde_json::Value;

use self::shape::{Shape, Shapes};
pub use self::{
    endpoint::Endpoint,
    request::{Circumstances, Outbound},
    response::{Incoming, error as service_error},
};
use super::{
    finding::{Finding, Severity},
    tool::Tool,
};

/// The model of DynamoDB that targets get which name none; the local S3 has it where AWS has its own.
pub const DYNAMODB: &str = include_str!("../../templates/smithy/dynamodb.json");
/// The object in each of [`SAMPLE_BUCKETS`].
pub const SAMPLE_KEY: &str = "dynamodb-smithy.json";
/// AWS's own buckets with a model of DynamoDB (starter toolkit).
pub const SAMPLE_BUCKETS: [(&str, &str); 4] = [
    ("us-east-1", "amazonbedrockagentcore-built-sampleschemas455e0815-oj7jujcd8xiu"),
    ("us-west-2", "amazonbedrockagentcore-built-sampleschemas455e0815-omxvr7ybq9g8"),
    ("eu-central-1", "amazonbedrockagentcore-built-sampleschemas455e0815-egpctdjskcrf"),
    ("ap-southeast-2", "amazonbedrockagentcore-built-sampleschemas455e0815-yigvs4je21kx"),
];
/// Where AWS publishes its models.
pub const AWS_MODELS: &str = "https://github.com/aws/api-models-aws";
const RULES: &str = "smithy.rules#endpointRuleSet";

/// How requests and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    RestJson1,
    AwsJson1_0,
    AwsJson1_1,
    RestXml,
    AwsQuery,
}

/// The traits that name protocols, the one that AWS documents first.
const PROTOCOLS: [(&str, Protocol); 5] = [
    ("aws.protocols#restJson1", Protocol::RestJson1),
    ("aws.protocols#awsJson1_0", Protocol::AwsJson1_0),
    ("aws.protocols#awsJson1_1", Protocol::AwsJson1_1),
    ("aws.protocols#restXml", Protocol::RestXml),
    ("aws.protocols#awsQuery", Protocol::AwsQuery),
];

impl Protocol {
    /// Whether members are bound to parts of an HTTP message.
    fn is_rest(self) -> bool {
        matches!(self, Self::RestJson1 | Self::RestXml)
    }
}

/// A model that was read.
#[derive(Debug)]
pub struct Model {
    pub service: Service,
    /// Those that become tools.
    pub operations: Vec<Operation>,
    /// In the order of the document.
    pub findings: Vec<Finding>,
    shapes: Shapes,
}

/// The service that a model describes.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The local name of its shape.
    name: String,
    protocol: Protocol,
    version: String,
    /// The name that calls are signed for.
    pub signing_name: String,
    /// What its IAM actions are looked up by, where it is signed for.
    iam_key: Option<String>,
    /// The name that `AWS_ENDPOINT_URL_…` has it under: capitals and underscores.
    pub variable: String,
    xml_namespace: Option<String>,
    /// Whether its rule set puts a bucket into the address, which the path then goes without.
    places_buckets: bool,
    rules: Value,
}

/// An operation that becomes a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub name: String,
    pub description: String,
    pub input_schema: Value,
    /// The IAM actions that it takes, as `service:Action`.
    pub actions: Vec<String>,
    /// The id of its shape.
    id: String,
}

impl Operation {
    /// The operation as a tool.
    pub fn tool(&self) -> Tool {
        Tool {
            name: self.name.clone(),
            description: self.description.clone(),
            input_schema: self.input_schema.clone(),
            output_schema: None,
        }
    }
}

impl Model {
    /// The first finding for which the gateway refuses the model.
    pub fn error(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.severity == Severity::Error)
    }

    /// The IAM actions that its operations take.
    pub fn actions(&self) -> BTreeSet<String> {
        self.operations.iter().flat_map(|operation| operation.actions.iter().cloned()).collect()
    }

    fn structure<'a>(&'a self, operation: &Operation, side: &str) -> Option<Shape<'a>> {
        self.shapes.get(self.shapes.raw(&operation.id)?[side]["target"].as_str()?)
    }

    fn traits<'a>(&'a self, operation: &Operation) -> shape::Traits<'a> {
        self.shapes.traits_of(&operation.id)
    }
}

#[cfg(test)]
mod tests;
