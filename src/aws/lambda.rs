//! Lambda functions.

use std::collections::BTreeMap;

use aws_sdk_lambda::{
    primitives::Blob,
    types::{FunctionCode, FunctionConfiguration, LastUpdateStatus, Runtime, State},
};

use super::{
    Aws, Error,
    error::{absent, deleted, of},
};

const SERVICE: &str = "Lambda";

/// A function's desired state.
#[derive(Debug, Clone)]
pub struct FunctionSpec {
    pub name: String,
    pub description: String,
    pub role_arn: String,
    pub runtime: &'static str,
    pub handler: &'static str,
    /// The deployment package.
    pub code: Vec<u8>,
    pub tags: BTreeMap<String, String>,
}

/// A function's actual state.
#[derive(Debug, Clone)]
pub struct Function {
    pub arn: String,
    pub code_sha256: String,
    pub tags: BTreeMap<String, String>,
    /// Whether it can be invoked, and no update is in progress.
    pub active: bool,
    /// A state that the function does not leave by itself, and its reason; or those of a failed last update, which
    /// leaves the function as it was before.
    pub failure: Option<(String, String)>,
}

/// Creates a function; an error of class `Exists` if the name is taken.
pub async fn create_function(aws: &Aws, spec: &FunctionSpec) -> Result<String, Error> {
    let code = FunctionCode::builder().zip_file(Blob::new(spec.code.clone())).build();
    let call = aws
        .lambda
        .create_function()
        .function_name(&spec.name)
        .description(&spec.description)
        .role(&spec.role_arn)
        .runtime(Runtime::from(spec.runtime))
        .handler(spec.handler)
        .timeout(10)
        .code(code)
        .set_tags(Some(spec.tags.clone().into_iter().collect()));
    let answer = call.send().await.map_err(of(SERVICE, "CreateFunction"))?;
    answer.function_arn.ok_or_else(|| Error::unexpected(SERVICE, "CreateFunction", "the answer has no ARN"))
}

pub async fn update_code(aws: &Aws, spec: &FunctionSpec) -> Result<(), Error> {
    let call = aws.lambda.update_function_code().function_name(&spec.name).zip_file(Blob::new(spec.code.clone()));
    call.send().await.map(drop).map_err(of(SERVICE, "UpdateFunctionCode"))
}

pub async fn find_function(aws: &Aws, name: &str) -> Result<Option<Function>, Error> {
    let answer = aws.lambda.get_function().function_name(name).send().await.map_err(of(SERVICE, "GetFunction"));
    let Some(answer) = absent(answer)? else { return Ok(None) };
    // Without permission to list tags, GetFunction returns the function without them (Lambda API reference,
    // GetFunction, TagsError): its owner is unknown.
    if let Some(error) = &answer.tags_error {
        return Err(Error::of_code(SERVICE, "ListTags", error.error_code(), error.message()));
    }
    let tags = answer.tags.unwrap_or_default().into_iter().collect();
    Ok(answer.configuration.and_then(|configuration| {
        let failure = failure(&configuration);
        // An endpoint that returns no state needs no wait.
        Some(Function {
            arn: configuration.function_arn?,
            code_sha256: configuration.code_sha256.unwrap_or_default(),
            tags,
            active: configuration.state.is_none_or(|state| matches!(state, State::Active | State::Inactive))
                && configuration.last_update_status != Some(LastUpdateStatus::InProgress),
            failure,
        })
    }))
}

/// A state, or a last update, that does not recover by itself. Pending becomes Active by itself, and Inactive
/// does when it is invoked (Lambda developer guide, "Lambda function states"); the model also has Failed,
/// Deactivating, Deactivated, ActiveNonInvocable and Deleting.
fn failure(configuration: &FunctionConfiguration) -> Option<(String, String)> {
    let reason = |reason: &Option<String>| reason.clone().unwrap_or_else(|| "Lambda gives no reason".to_owned());
    match (&configuration.state, &configuration.last_update_status) {
        (Some(state), _) if !matches!(state, State::Active | State::Inactive | State::Pending) => {
            Some((state.as_str().to_owned(), reason(&configuration.state_reason)))
        }
        (_, Some(LastUpdateStatus::Failed)) => {
            Some(("Active, but its last update Failed".to_owned(), reason(&configuration.last_update_status_reason)))
        }
        _ => None,
    }
}

/// The name of the log group that a function writes to; `None` if there is no such function.
pub async fn log_group(aws: &Aws, arn: &str) -> Result<Option<String>, Error> {
    let answer = aws.lambda.get_function().function_name(arn).send().await.map_err(of(SERVICE, "GetFunction"));
    let Some(configuration) = absent(answer)?.and_then(|answer| answer.configuration) else { return Ok(None) };
    let configured = configuration.logging_config.and_then(|logging| logging.log_group);
    let name = configuration.function_name.unwrap_or_default();
    Ok(Some(configured.unwrap_or_else(|| default_log_group(&name))))
}

/// The log group of a function that names none.
pub fn default_log_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

pub async fn delete_function(aws: &Aws, name: &str) -> Result<bool, Error> {
    deleted(aws.lambda.delete_function().function_name(name).send().await.map_err(of(SERVICE, "DeleteFunction")))
}
