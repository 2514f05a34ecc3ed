//! The descriptions of targets, read from a file, standard input or S3, and checked before anything is created.

use serde_json::{Value, json};

use crate::{
    aws::{Aws, s3},
    commands::input::{self, Validated},
    context::Context,
    error::{Error, ErrorKind},
    model::{
        document::Document,
        finding::{Reading, Severity},
        name::{Region, TargetName},
        smithy::{self, Model},
        target::INLINE_SCHEMA_LIMIT,
        tool,
    },
};

/// A configuration for the API, and the warnings about it.
pub(super) struct Source {
    pub configuration: Value,
    pub warnings: Vec<String>,
}

fn in_s3(uri: &str) -> Value {
    json!({ "s3": { "uri": uri } })
}

/// A Lambda target's `toolSchema`.
pub(super) fn tool_schema(target: &TargetName, place: &str) -> Result<Value, Error> {
    if place.starts_with("s3://") {
        return Ok(in_s3(place));
    }
    let document = input::parse(place, &input::read(place)?)?;
    let reading = Reading { target: target.as_str(), local: false };
    let (_, findings) = tool::lint(&document, reading);
    if let Some(found) = findings.iter().find(|found| found.severity == Severity::Error) {
        let message = format!("{place}: line {}, {}: {}", found.line, found.pointer, found.problem);
        return Err(Error::new(ErrorKind::InvalidInput, message).with_hint(found.remedy.as_str()));
    }
    Ok(json!({ "inlinePayload": document.value }))
}

/// An OpenAPI target's `openApiSchema`.
pub(super) fn api(ctx: &Context, target: &TargetName, place: &str) -> Result<Source, Error> {
    if place.starts_with("s3://") {
        return Ok(Source { configuration: in_s3(place), warnings: Vec::new() });
    }
    let reading = Reading { target: target.as_str(), local: ctx.settings.local };
    let (document, validated) = input::openapi(place, &input::read(place)?, reading)?;
    inline(place, "--spec", &document, &validated)
}

/// A Smithy target's `smithyModel`.
pub(super) struct SmithySource {
    pub source: Source,
    /// The IAM actions that the model needs; `None` if the model is in S3.
    pub actions: Option<Vec<String>>,
    /// Its address in S3, if it is there.
    uri: Option<String>,
}

/// A Smithy target's model; without a place, the DynamoDB model that AWS offers in some regions.
pub(super) fn smithy(
    ctx: &Context,
    target: &TargetName,
    place: Option<&str>,
    region: &Region,
) -> Result<SmithySource, Error> {
    let uri = match place {
        Some(place) if !place.starts_with("s3://") => {
            let reading = Reading { target: target.as_str(), local: ctx.settings.local };
            let (document, model, validated) = input::smithy(place, &input::read(place)?, reading)?;
            let source = inline(place, "--model", &document, &validated)?;
            return Ok(SmithySource { source, actions: Some(model.actions().into_iter().collect()), uri: None });
        }
        Some(uri) => uri.to_owned(),
        None => {
            let sample = smithy::SAMPLE_BUCKETS.iter().find(|(known, _)| *known == region.as_str());
            let (_, bucket) = sample.ok_or_else(|| {
                let known: Vec<&str> = smithy::SAMPLE_BUCKETS.iter().map(|(region, _)| *region).collect();
                let message = format!("AWS has no sample model in {region}: only in {}", known.join(", "));
                Error::new(ErrorKind::InvalidInput, message).with_hint(format!(
                    "name a model with `--model`; those of all AWS services are at {}",
                    smithy::AWS_MODELS
                ))
            })?;
            format!("s3://{bucket}/{}", smithy::SAMPLE_KEY)
        }
    };
    let source = Source { configuration: in_s3(&uri), warnings: Vec::new() };
    Ok(SmithySource { source, actions: None, uri: Some(uri) })
}

impl SmithySource {
    /// The IAM actions that the model's operations need; a model in S3 is read for that.
    pub(super) async fn needed_actions(&mut self, aws: &Aws, target: &TargetName) -> Result<Vec<String>, Error> {
        let uri = match (&self.actions, &self.uri) {
            (Some(actions), _) => return Ok(actions.clone()),
            (None, Some(uri)) => uri,
            (None, None) => return Ok(Vec::new()),
        };
        let reading = Reading { target: target.as_str(), local: true };
        let actions = |model: Model| model.actions().into_iter().collect();
        match s3::read_object(aws, uri).await {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let (_, model, validated) = input::smithy(uri, &text, reading)?;
                validated.refusal().map_or_else(|| Ok(actions(model)), Err)
            }
            // AWS's sample may be readable by gateways only; its operations are known anyway.
            Err(problem) if smithy::SAMPLE_BUCKETS.iter().any(|(_, bucket)| uri.contains(bucket)) => {
                let warning = format!("{problem}: the role is allowed the usual operations of DynamoDB");
                self.source.warnings.push(warning);
                let document = input::parse("the model of DynamoDB", smithy::DYNAMODB)?;
                Ok(actions(Model::read(&document, reading)))
            }
            Err(problem) => {
                let message = format!("which permissions the model needs cannot be told: {problem}");
                Err(Error::new(ErrorKind::InvalidInput, message)
                    .with_hint("name them with `--allow-action service:Action` (can be repeated)"))
            }
        }
    }
}

/// A checked document as the API accepts it inline: JSON, up to a size.
fn inline(place: &str, flag: &str, document: &Document, validated: &Validated) -> Result<Source, Error> {
    if let Some(error) = validated.refusal() {
        return Err(error);
    }
    let text = document.value.to_string();
    if text.len() > INLINE_SCHEMA_LIMIT {
        let message = format!("{place}: as JSON it has {} bytes, and {INLINE_SCHEMA_LIMIT} can be sent", text.len());
        return Err(Error::new(ErrorKind::InvalidInput, message)
            .with_hint(format!("put it into S3, and give `{flag}` its s3://BUCKET/KEY (up to 10 MB)")));
    }
    Ok(Source { configuration: json!({ "inlinePayload": text }), warnings: validated.warnings().collect() })
}
