//! The descriptions of targets, read from a file, standard input or S3, and checked before anything is created.

use serde_json::{Value, json};

use crate::{
    aws::s3,
    commands::input::{self, Adaptable, Origin, Prepared},
    context::Context,
    error::{Error, ErrorKind},
    model::{
        adapt::{Adapting, Change, Kept},
        finding::{Filled, Reading, Severity},
        name::{Region, TargetName},
        shell::shell_word,
        smithy::{self, Model},
        target::INLINE_SCHEMA_LIMIT,
        tool,
    },
};

/// A configuration for the API, the warnings about it, and how the document was changed.
pub(super) struct Source {
    pub configuration: Value,
    pub warnings: Vec<String>,
    pub changes: Vec<Change>,
}

impl Source {
    fn in_s3(uri: &str) -> Self {
        Self { configuration: in_s3(uri), warnings: Vec::new(), changes: Vec::new() }
    }
}

/// A file or an object in S3 that holds a document, and how the document is adapted.
pub(super) struct Given<'a> {
    pub place: &'a str,
    /// The flag that names it.
    pub flag: &'static str,
    pub adapting: Adapting,
    pub origin: Origin<'a>,
}

impl Given<'_> {
    fn is_in_s3(&self) -> bool {
        self.place.starts_with("s3://")
    }

    async fn text(&self, ctx: &Context) -> Result<String, Error> {
        if !self.is_in_s3() {
            return input::read(ctx, self.place).await;
        }
        let error = |problem: String| Error::new(ErrorKind::InvalidInput, problem);
        let bytes = s3::read_object(&ctx.aws().await?, self.place).await.map_err(error)?;
        String::from_utf8(bytes).map_err(|_| error(format!("{}: is no text", self.place)))
    }

    /// A checked document as the API accepts it inline: JSON, up to a size.
    fn inline(&self, target: &TargetName, prepared: Prepared) -> Result<Source, Error> {
        let Prepared { value, validated } = prepared;
        if let Some(error) = validated.refusal(self.origin) {
            return Err(error);
        }
        let text = value.to_string();
        if text.len() > INLINE_SCHEMA_LIMIT {
            let place = self.place;
            let message =
                format!("{place}: as JSON it has {} bytes, and {INLINE_SCHEMA_LIMIT} can be sent", text.len());
            let flag = self.flag;
            let what = if flag == "--model" { "smithy" } else { "openapi" };
            let (file, write) = if self.adapting.is_nothing() {
                (shell_word(place), String::new())
            } else {
                let flags: Vec<String> = self.adapting.flags().iter().map(|flag| shell_word(flag)).collect();
                let from = if self.is_in_s3() { "FILE".to_owned() } else { shell_word(place) };
                let flags = flags.join(" ");
                let command =
                    format!("agentcore-gw validate {what} {from} --target {target} {flags} --adapted adapted.json");
                ("adapted.json".to_owned(), format!("`{command}`, "))
            };
            return Err(Error::new(ErrorKind::InvalidInput, message).with_hint(format!(
                "put it into S3, up to 10 MB: {write}`aws s3 cp {file} s3://BUCKET/KEY`, then `{flag} s3://BUCKET/KEY`"
            )));
        }
        let mut warnings: Vec<String> = validated.warnings().collect();
        if let Some(Kept { kept, of }) = validated.operations.filter(|operations| operations.kept < operations.of) {
            warnings.insert(0, format!("{}: {kept} of {of} operations are tools", validated.file));
        }
        let changes = validated.changes.unwrap_or_default();
        Ok(Source { configuration: json!({ "inlinePayload": text }), warnings, changes })
    }
}

fn in_s3(uri: &str) -> Value {
    json!({ "s3": { "uri": uri } })
}

/// A Lambda target's `toolSchema`.
pub(super) async fn tool_schema(ctx: &Context, target: &TargetName, place: &str) -> Result<Value, Error> {
    if place.starts_with("s3://") {
        return Ok(in_s3(place));
    }
    let document = input::parse(place, &input::read(ctx, place).await?)?;
    let reading = Reading::of(target.as_str(), false);
    let (_, findings) = tool::lint(&document, reading);
    if let Some(found) = findings.iter().find(|found| found.severity == Severity::Error) {
        let message = format!("{place}: line {}, {}: {}", found.line, found.pointer, found.problem);
        return Err(Error::new(ErrorKind::InvalidInput, message).with_hint(found.remedy.as_str()));
    }
    let size = document.value.to_string().len();
    if size > INLINE_SCHEMA_LIMIT {
        let message = format!("{place}: as JSON it has {size} bytes, and {INLINE_SCHEMA_LIMIT} can be sent");
        return Err(Error::new(ErrorKind::InvalidInput, message)
            .with_hint("put it into S3: `aws s3 cp FILE s3://BUCKET/KEY`, then `--tools s3://BUCKET/KEY`"));
    }
    Ok(json!({ "inlinePayload": document.into_value() }))
}

/// An OpenAPI target's `openApiSchema`. A document in S3 stays there, unless it is adapted. `filled` is the parameter that
/// the target's credential fills.
pub(super) async fn api(
    ctx: &Context,
    target: &TargetName,
    given: &Given<'_>,
    filled: Option<Filled<'_>>,
) -> Result<Source, Error> {
    if given.is_in_s3() && given.adapting.is_nothing() {
        return Ok(Source::in_s3(given.place));
    }
    let reading = Reading { filled, ..Reading::of(target.as_str(), ctx.settings.local) };
    given.inline(target, input::openapi(given.place, &given.text(ctx).await?, reading, &given.adapting)?)
}

/// How an OpenAPI document in S3, which the gateway refused, can be adapted: flags, and what they would keep.
pub(super) async fn adaptable_in_s3(ctx: &Context, target: &TargetName, uri: &str) -> Option<String> {
    let bytes = s3::read_object(&ctx.aws().await.ok()?, uri).await.ok()?;
    let reading = Reading::of(target.as_str(), ctx.settings.local);
    let text = String::from_utf8(bytes).ok()?;
    let prepared = input::openapi(uri, &text, reading, &Adapting::default()).ok()?;
    let Adaptable { flags, operations: Kept { kept, of } } = prepared.validated.adaptable?;
    let again = ctx.invocation.again();
    Some(format!("`{again} {flags}` sends a document that AWS accepts, with {kept} of {of} operations"))
}

/// A Smithy target's `smithyModel`.
pub(super) struct SmithySource {
    pub source: Source,
    /// The IAM actions that the model needs; `None` if the model is in S3.
    pub actions: Option<Vec<String>>,
    /// Its address in S3, if it is there.
    uri: Option<String>,
}

/// A Smithy target's model. One in S3 stays there, unless it is adapted.
pub(super) async fn smithy(ctx: &Context, target: &TargetName, given: &Given<'_>) -> Result<SmithySource, Error> {
    if given.is_in_s3() && given.adapting.is_nothing() {
        return Ok(SmithySource {
            source: Source::in_s3(given.place),
            actions: None,
            uri: Some(given.place.to_owned()),
        });
    }
    let reading = Reading::of(target.as_str(), ctx.settings.local);
    let (text, warning) = match given.text(ctx).await {
        // AWS's sample may be readable by gateways only.
        Err(error) if smithy::is_sample(given.place) => {
            let warning = format!("{}: a model of the usual operations of DynamoDB is sent instead", error.message);
            (smithy::DYNAMODB.to_owned(), Some(warning))
        }
        text => (text?, None),
    };
    let (prepared, actions) = input::smithy(given.place, text, reading, &given.adapting)?;
    let mut source = given.inline(target, prepared)?;
    source.warnings.extend(warning);
    Ok(SmithySource { source, actions: Some(actions.into_iter().collect()), uri: None })
}

/// The DynamoDB model that AWS offers in some regions.
pub(super) fn sample_model(region: &Region) -> Result<String, Error> {
    let sample = smithy::SAMPLE_BUCKETS.iter().find(|(known, _)| *known == region.as_str());
    let (_, bucket) = sample.ok_or_else(|| {
        let known: Vec<&str> = smithy::SAMPLE_BUCKETS.iter().map(|(region, _)| *region).collect();
        let message = format!("AWS has no sample model in {region}: only in {}", known.join(", "));
        Error::new(ErrorKind::InvalidInput, message)
            .with_hint(format!("name a model with `--model`; those of all AWS services are at {}", smithy::AWS_MODELS))
    })?;
    Ok(format!("s3://{bucket}/{}", smithy::SAMPLE_KEY))
}

impl SmithySource {
    /// The IAM actions that the model's operations need; a model in S3 is read for that.
    pub(super) async fn needed_actions(
        &mut self,
        ctx: &Context,
        target: &TargetName,
        origin: Origin<'_>,
    ) -> Result<Vec<String>, Error> {
        let uri = match (&self.actions, &self.uri) {
            (Some(actions), _) => return Ok(actions.clone()),
            (None, Some(uri)) => uri,
            (None, None) => return Ok(Vec::new()),
        };
        let reading = Reading::of(target.as_str(), true);
        match s3::read_object(&ctx.aws().await?, uri).await {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let (prepared, actions) = input::smithy(uri, text, reading, &Adapting::default())?;
                prepared.validated.refusal(origin).map_or_else(|| Ok(actions.into_iter().collect()), Err)
            }
            // AWS's sample may be readable by gateways only; its operations are known anyway.
            Err(problem) if smithy::is_sample(uri) => {
                let warning = format!("{problem}: the role is allowed the usual operations of DynamoDB");
                self.source.warnings.push(warning);
                let document = input::parse("the model of DynamoDB", smithy::DYNAMODB)?;
                Ok(Model::outline(&document, reading).actions().into_iter().collect())
            }
            Err(problem) => {
                let message = format!("which permissions the model needs cannot be told: {problem}");
                Err(Error::new(ErrorKind::InvalidInput, message)
                    .with_hint("name them with `--allow-action service:Action` (can be repeated)"))
            }
        }
    }
}
