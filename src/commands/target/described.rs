//! Targets as the API describes them: what `--cli-input` says of a target's source and credential.

use serde_json::{Value, json};

use super::{change::Common, credential::CredentialFlags};
use crate::{
    commands::cli_input::CliInput,
    context::Context,
    error::{Error, ErrorKind},
    model::{
        patch::{Patch, merge},
        spec::{Credential, Other, TargetSource},
        target::{KNOWN, READ_ONLY, TargetKind, listed_type},
    },
};

const CONFIGURATION: &str = "targetConfiguration";
const CREDENTIALS: &str = "credentialProviderConfigurations";

/// Takes the members that say which target they are for.
pub(super) fn check_names(input: &mut CliInput, common: &Common) -> Result<(), Error> {
    input.check_same("name", &[common.name.as_str()])?;
    // Name and ARN of the gateway are not in the API's request.
    input.take("gatewayIdentifier");
    input.take("targetId");
    Ok(())
}

/// The settings that file and flags name, besides source and credential.
pub(super) fn patch(ctx: &Context, common: &Common, input: CliInput) -> Patch {
    input.note_unknown(ctx, [&KNOWN, &READ_ONLY]);
    let mut patch = Patch::default();
    patch.merge(input.rest(&READ_ONLY));
    common.settings.add_to(&mut patch);
    patch
}

/// The credential that the flags name, else the one of the file.
async fn credential_of(
    ctx: &Context,
    input: &mut CliInput,
    flags: &CredentialFlags,
    kind: Option<TargetKind>,
) -> Result<Credential, Error> {
    let given = input.take(CREDENTIALS).filter(|given| *given != json!([]));
    match given.filter(|_| !flags.is_given()) {
        Some(given) => Ok(Credential::Given(Some(given))),
        None => flags.resolve(ctx, kind).await,
    }
}

/// The source of a target that the file alone describes, of this kind or of any.
pub(super) async fn source(
    ctx: &Context,
    input: &mut CliInput,
    expected: Option<TargetKind>,
    flags: &CredentialFlags,
    allowed: Vec<String>,
) -> Result<TargetSource, Error> {
    let Some(configuration) = input.take(CONFIGURATION) else {
        let error = Error::new(ErrorKind::Usage, "there is no description of the target");
        return Err(error.with_hint("name it with flags, or give its `targetConfiguration` in `--cli-input`"));
    };
    let kind = TargetKind::of(&configuration["mcp"]);
    if expected.is_some() && expected != kind {
        let what = listed_type(&configuration).unwrap_or("another kind of target");
        return Err(input.invalid(&format!("`{CONFIGURATION}` describes {what}, and the command is for another kind")));
    }
    let credential = credential_of(ctx, input, flags, kind).await?;
    let Some(kind) = kind else {
        return Ok(TargetSource::Other(Box::new(Other { configuration, credential, allowed })));
    };
    let own = configuration["mcp"][kind.member()].clone();
    match kind {
        TargetKind::Lambda if !own["lambdaArn"].is_string() => {
            Err(input.invalid("a Lambda target has a `lambdaArn` and a `toolSchema`"))
        }
        TargetKind::Smithy if allowed.is_empty() && own["inlinePayload"].is_null() => Err(unread_model()),
        kind => Ok(TargetSource::configured(kind, own, credential, allowed)),
    }
}

/// The refusal of a model in S3 that only the file names.
pub(super) fn unread_model() -> Error {
    let error = Error::new(ErrorKind::Usage, "nobody has read this model, so nobody knows what its calls need");
    error.with_hint("name it with `--model s3://…`, or the IAM actions with `--allow-action`")
}

/// A source that flags describe, with what only the file says.
pub(super) async fn completed(
    ctx: &Context,
    input: &mut CliInput,
    source: TargetSource,
    flags: &CredentialFlags,
) -> Result<TargetSource, Error> {
    let configuration = input.take(CONFIGURATION);
    let kind = source.kind();
    let is_of_kind = |it: &Value| TargetKind::of(&it["mcp"]) == kind;
    if let Some(other) = configuration.as_ref().filter(|it| !is_of_kind(it)) {
        let what = listed_type(other).unwrap_or("another kind of target");
        return Err(input.invalid(&format!("`{CONFIGURATION}` describes {what}, and the flags another kind")));
    }
    let TargetSource::Configured(mut target) = source else {
        // The sample's function and credential are its own.
        input.take(CREDENTIALS);
        return Ok(source);
    };
    if let Some(mut configuration) = configuration {
        let mut whole = configuration["mcp"][target.kind.member()].take();
        merge(&mut whole, &target.configuration);
        target.configuration = whole;
    }
    if !flags.is_given() {
        target.credential = credential_of(ctx, input, flags, kind).await?;
    }
    input.take(CREDENTIALS);
    Ok(TargetSource::Configured(target))
}
