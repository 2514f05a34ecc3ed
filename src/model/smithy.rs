//! Reads Smithy models as AgentCore Gateway does (AgentCore developer guide, gateway-building-smithy-targets):
//! which operations become tools, what the gateway rejects, and the requests and responses of each protocol.
//! The linter, `target add` and the local data plane share this reader.

mod action;
mod adapt;
mod endpoint;
mod header;
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
    request::{RequestOptions, ServiceRequest},
    response::{HttpResponse, error as service_error},
};
use super::{
    finding::{Finding, Severity},
    tool::Tool,
};

/// The DynamoDB model for targets that specify no model; the local S3 serves it in place of AWS's own.
pub const DYNAMODB: &str = include_str!("../../templates/smithy/dynamodb.json");
/// The object's key in each of [`SAMPLE_BUCKETS`].
pub const SAMPLE_KEY: &str = "dynamodb-smithy.json";
/// AWS's own buckets with a model of DynamoDB (aws/bedrock-agentcore-starter-toolkit, `constants.py`).
pub const SAMPLE_BUCKETS: [(&str, &str); 4] = [
    ("us-east-1", "amazonbedrockagentcore-built-sampleschemas455e0815-oj7jujcd8xiu"),
    ("us-west-2", "amazonbedrockagentcore-built-sampleschemas455e0815-omxvr7ybq9g8"),
    ("eu-central-1", "amazonbedrockagentcore-built-sampleschemas455e0815-egpctdjskcrf"),
    ("ap-southeast-2", "amazonbedrockagentcore-built-sampleschemas455e0815-yigvs4je21kx"),
];
/// Whether an object in S3 is in one of AWS's buckets.
pub fn is_sample(uri: &str) -> bool {
    let bucket = uri.strip_prefix("s3://").and_then(|rest| rest.split('/').next());
    SAMPLE_BUCKETS.iter().any(|(_, sample)| Some(*sample) == bucket)
}

/// Where AWS publishes its models.
pub const AWS_MODELS: &str = "https://github.com/aws/api-models-aws";
/// The members of a resource that name one operation, and those of services and resources that name many.
const LIFECYCLE: [&str; 6] = ["create", "put", "read", "update", "delete", "list"];
const LISTS: [&str; 2] = ["operations", "collectionOperations"];
const RULES: &str = "smithy.rules#endpointRuleSet";

/// How requests and responses are serialized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    RestJson1,
    AwsJson1_0,
    AwsJson1_1,
    RestXml,
    AwsQuery,
}

/// The protocol traits, beginning with the one that AWS documents.
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

/// A parsed model.
#[derive(Debug)]
pub struct Model {
    pub service: Service,
    /// The operations that become tools.
    pub operations: Vec<Operation>,
    /// In document order.
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
    /// The service name that requests are signed for.
    pub signing_name: String,
    /// The key that its IAM actions are looked up by; `None` if its requests are not signed.
    iam_key: Option<String>,
    /// Its part of the variable `AWS_ENDPOINT_URL_…`: upper case with underscores.
    pub variable: String,
    xml_namespace: Option<String>,
    /// Whether its rule set puts a bucket into the host, so that the path omits the bucket.
    places_buckets: bool,
    /// Null if there is no rule set.
    rules: Value,
    /// The first part of its host, for a model without a rule set.
    endpoint_prefix: String,
}

/// An operation that becomes a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub name: String,
    pub description: String,
    pub input_schema: Value,
    /// The IAM actions that it needs, as `service:Action`.
    pub actions: Vec<String>,
    /// The id of its shape.
    id: String,
}

impl Operation {
    /// The operation as a tool.
    pub fn tool(&self) -> Tool {
        self.clone().into_tool()
    }

    pub fn into_tool(self) -> Tool {
        let Self { name, description, input_schema, .. } = self;
        Tool { name, description, input_schema, output_schema: None }
    }
}

impl Model {
    /// The first finding for which the gateway rejects the model.
    pub fn error(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.severity == Severity::Error)
    }

    /// The IAM actions that its operations need.
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
#[cfg(test)]
mod wire_tests;
