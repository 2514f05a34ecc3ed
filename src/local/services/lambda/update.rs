//! Updates of a function's code and configuration.

use serde::Deserialize;

use super::{
    Answer, Call, FunctionName, Lambda, State, configuration,
    rules::{Environment, check_role, check_runtime, read_package},
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateCode {
    #[serde(flatten)]
    function: FunctionName,
    zip_file: Option<String>,
    revision_id: Option<String>,
}

pub(super) fn update_code(lambda: &mut Lambda, call: &Call, input: UpdateCode) -> Answer {
    let function = lambda.updatable(call, &input.function, input.revision_id.as_deref())?;
    (function.code, function.code_sha256, function.code_size) = read_package(call, input.zip_file)?;
    function.updated(call);
    Ok(configuration(function))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateConfiguration {
    #[serde(flatten)]
    function: FunctionName,
    runtime: Option<String>,
    role: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    timeout: Option<u64>,
    memory_size: Option<u64>,
    environment: Option<Environment>,
    revision_id: Option<String>,
}

/// Omitted members stay unchanged.
pub(super) fn update_configuration(state: &mut State, call: &Call, input: UpdateConfiguration) -> Answer {
    let State { lambda, iam, .. } = state;
    let function = lambda.updatable(call, &input.function, input.revision_id.as_deref())?;
    if let Some(runtime) = &input.runtime {
        check_runtime(runtime)?;
    }
    if let Some(role) = &input.role {
        check_role(iam, call, role, &function.arn)?;
    }
    let variables = input.environment.map(Environment::checked).transpose()?;
    let put = |member: &mut String, given: Option<String>| given.into_iter().for_each(|given| *member = given);
    put(&mut function.runtime, input.runtime);
    put(&mut function.role, input.role);
    put(&mut function.handler, input.handler);
    put(&mut function.description, input.description);
    function.timeout = input.timeout.unwrap_or(function.timeout);
    function.memory = input.memory_size.unwrap_or(function.memory);
    if let Some(variables) = variables {
        function.environment = variables;
    }
    function.updated(call);
    Ok(configuration(function))
}
