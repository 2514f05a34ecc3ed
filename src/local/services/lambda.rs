//! Lambda: functions and their code. Running them is `local::runtime`'s job.

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::digest;
use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Call, Service, bad_request, iam, iso8601, number_or_text, page, parse, unknown_operation};
use crate::local::{package, random, wire::WireError, wire::rest_json::Route};

pub(crate) const ROUTES: &[Route] = &[
    Route { method: "POST", path: "/2015-03-31/functions", operation: "CreateFunction", success: 201 },
    Route { method: "GET", path: "/2015-03-31/functions", operation: "ListFunctions", success: 200 },
    Route { method: "GET", path: "/2015-03-31/functions/{FunctionName}", operation: "GetFunction", success: 200 },
    Route { method: "DELETE", path: "/2015-03-31/functions/{FunctionName}", operation: "DeleteFunction", success: 204 },
    Route {
        method: "GET",
        path: "/2015-03-31/functions/{FunctionName}/configuration",
        operation: "GetFunctionConfiguration",
        success: 200,
    },
    Route {
        method: "PUT",
        path: "/2015-03-31/functions/{FunctionName}/code",
        operation: "UpdateFunctionCode",
        success: 200,
    },
    Route {
        method: "POST",
        path: "/2015-03-31/functions/{FunctionName}/invocations",
        operation: "Invoke",
        success: 200,
    },
    Route { method: "GET", path: "/2017-03-31/tags/{Resource}", operation: "ListTags", success: 200 },
];

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Lambda {
    /// By ARN.
    functions: BTreeMap<String, Function>,
}

/// A function as it stands; all that is needed to run it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Function {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) runtime: String,
    pub(crate) handler: String,
    role: String,
    description: String,
    /// Seconds.
    pub(crate) timeout: u64,
    /// Megabytes.
    pub(crate) memory: u64,
    pub(crate) environment: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    /// The deployment package, base64.
    pub(crate) code: Arc<str>,
    /// SHA-256 of the package, base64, as AWS shows it.
    pub(crate) code_sha256: String,
    code_size: usize,
    /// Changes with every update, so that an environment started for an older one is not used.
    pub(crate) revision: String,
    /// Pending until the first Get after the answer.
    active: bool,
    modified: i64,
}

pub(crate) fn handle(lambda: &mut Lambda, iam: &iam::Iam, call: &Call, input: Value) -> Answer {
    match call.operation.as_str() {
        "CreateFunction" => create(lambda, iam, call, parse(Service::Lambda, call, input)?),
        "GetFunction" => {
            let function = lambda.get(call, &parse(Service::Lambda, call, input)?)?;
            Ok(json!({
                "Configuration": configuration(function),
                "Code": { "RepositoryType": "S3", "Location": "" },
                "Tags": function.tags,
            }))
        }
        "GetFunctionConfiguration" => Ok(configuration(lambda.get(call, &parse(Service::Lambda, call, input)?)?)),
        "ListFunctions" => list(lambda, call, &parse(Service::Lambda, call, input)?),
        "UpdateFunctionCode" => update_code(lambda, call, parse(Service::Lambda, call, input)?),
        "DeleteFunction" => {
            let arn = lambda.find_mut(call, &parse(Service::Lambda, call, input)?)?.arn.clone();
            lambda.functions.remove(&arn);
            Ok(Value::Null)
        }
        "ListTags" => {
            let input: TaggedArn = parse(Service::Lambda, call, input)?;
            let function = lambda.functions.get(&input.resource).ok_or_else(|| not_found(&input.resource))?;
            Ok(json!({ "Tags": function.tags }))
        }
        _ => Err(unknown_operation("lambda", call)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    function_name: String,
    runtime: Option<String>,
    role: String,
    handler: Option<String>,
    code: Code,
    description: Option<String>,
    timeout: Option<u64>,
    memory_size: Option<u64>,
    package_type: Option<String>,
    environment: Option<Environment>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Code {
    zip_file: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

fn create(lambda: &mut Lambda, iam: &iam::Iam, call: &Call, input: Create) -> Answer {
    let name = input.function_name.clone();
    let arn = function_arn(call, &name)?;
    if lambda.functions.contains_key(&arn) {
        return Err(WireError::new(
            StatusCode::CONFLICT,
            "ResourceConflictException",
            format!("Function already exist: {name}"),
        ));
    }
    if input.package_type.as_deref().is_some_and(|kind| kind != "Zip") {
        return Err(super::not_implemented("the local AWS runs functions from zip packages only, not from images"));
    }
    let (Some(runtime), Some(handler)) = (input.runtime, input.handler) else {
        return Err(invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    };
    if !["python", "nodejs", "provided"].iter().any(|family| runtime.starts_with(family)) {
        return Err(super::not_implemented(format!("the local AWS does not run functions of runtime {runtime}")));
    }
    let by = iam::Principal { service: "lambda.amazonaws.com", source_account: &call.account, source_arn: &arn };
    if !iam.can_be_assumed(&input.role, &by, call) {
        return Err(invalid("The role defined for the function cannot be assumed by Lambda."));
    }
    let (code, code_sha256, code_size) = read_package(input.code.zip_file)?;
    let function = Function {
        arn: arn.clone(),
        name,
        region: call.region.clone(),
        runtime,
        handler,
        role: input.role,
        description: input.description.unwrap_or_default(),
        timeout: in_range(input.timeout.unwrap_or(3), 1..=900, "timeout")?,
        memory: in_range(input.memory_size.unwrap_or(128), 128..=10_240, "memorySize")?,
        environment: input.environment.map(|environment| environment.variables).unwrap_or_default(),
        tags: input.tags,
        code,
        code_sha256,
        code_size,
        revision: random::uuid(),
        active: false,
        modified: call.now,
    };
    let answer = configuration(&function);
    lambda.functions.insert(arn, function);
    Ok(answer)
}

fn in_range(value: u64, range: std::ops::RangeInclusive<u64>, member: &str) -> Result<u64, WireError> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (least, most) = range.into_inner();
    Err(bad_request(
        "ValidationException",
        format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must \
             have value between {least} and {most}"
        ),
    ))
}

/// The package as kept, its SHA-256 and its size.
fn read_package(zip_file: Option<String>) -> Result<(Arc<str>, String, usize), WireError> {
    let Some(code) = zip_file else {
        return Err(invalid("Please provide a source for function code."));
    };
    let bytes = BASE64.decode(&code).map_err(|_| invalid("Could not unzip uploaded file: it is not base64."))?;
    package::check(&bytes).map_err(|problem| {
        invalid(format!("Could not unzip uploaded file. Please check your file, then try to upload again: {problem}"))
    })?;
    let hash = BASE64.encode(digest::digest(&digest::SHA256, &bytes));
    Ok((code.into(), hash, bytes.len()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FunctionName {
    function_name: String,
    qualifier: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TaggedArn {
    resource: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListFunctions {
    marker: Option<String>,
    #[serde(default, deserialize_with = "number_or_text")]
    max_items: Option<usize>,
}

fn list(lambda: &Lambda, call: &Call, input: &ListFunctions) -> Answer {
    let in_region = lambda.functions.values().filter(|function| function.region == call.region);
    let shown = in_region.filter(|function| call.propagated(function.modified)).map(configuration);
    let (functions, next) = page(shown.collect(), input.max_items.or(Some(50)), input.marker.as_deref());
    Ok(json!({ "Functions": functions, "NextMarker": next }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UpdateCode {
    function_name: String,
    zip_file: Option<String>,
}

fn update_code(lambda: &mut Lambda, call: &Call, input: UpdateCode) -> Answer {
    let name = FunctionName { function_name: input.function_name, qualifier: None };
    let function = lambda.find_mut(call, &name)?;
    (function.code, function.code_sha256, function.code_size) = read_package(input.zip_file)?;
    function.revision = random::uuid();
    function.modified = call.now;
    Ok(configuration(function))
}

fn configuration(function: &Function) -> Value {
    json!({
        "FunctionName": function.name,
        "FunctionArn": function.arn,
        "Runtime": function.runtime,
        "Role": function.role,
        "Handler": function.handler,
        "CodeSize": function.code_size,
        "Description": function.description,
        "Timeout": function.timeout,
        "MemorySize": function.memory,
        "LastModified": iso8601(function.modified).replace('Z', "+0000"),
        "CodeSha256": function.code_sha256,
        "Version": "$LATEST",
        "Environment": { "Variables": function.environment },
        "RevisionId": function.revision,
        "State": if function.active { "Active" } else { "Pending" },
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
    })
}

/// The ARN of a function that is given by name, partial or full ARN.
fn function_arn(call: &Call, name: &str) -> Result<String, WireError> {
    let bare = name.rsplit_once(":function:").map_or(name, |(_, rest)| rest);
    let bare = bare.split(':').next().unwrap_or(bare);
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if bare.is_empty() || bare.len() > 64 || !bare.chars().all(allowed) {
        return Err(bad_request(
            "ValidationException",
            format!("1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint"),
        ));
    }
    Ok(format!("arn:aws:lambda:{}:{}:function:{bare}", call.region, call.account))
}

fn invalid(message: impl Into<String>) -> WireError {
    bad_request("InvalidParameterValueException", message)
}

fn not_found(arn: &str) -> WireError {
    WireError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", format!("Function not found: {arn}"))
}

impl Lambda {
    /// A Get: a function that was Pending is Active from here on.
    fn get(&mut self, call: &Call, name: &FunctionName) -> Result<&Function, WireError> {
        let function = self.find_mut(call, name)?;
        function.active = true;
        Ok(function)
    }

    fn find_mut(&mut self, call: &Call, name: &FunctionName) -> Result<&mut Function, WireError> {
        if name.qualifier.as_deref().is_some_and(|qualifier| qualifier != "$LATEST") {
            return Err(super::not_implemented("the local AWS keeps no versions and aliases of functions"));
        }
        let arn = function_arn(call, &name.function_name)?;
        self.functions.get_mut(&arn).ok_or_else(|| not_found(&arn))
    }

    /// The function that `Invoke` is to run.
    pub(crate) fn to_invoke(&self, call: &Call, input: &Value) -> Result<Function, WireError> {
        let arn = function_arn(call, input["FunctionName"].as_str().unwrap_or_default())?;
        self.functions.get(&arn).cloned().ok_or_else(|| not_found(&arn))
    }

    /// The function of this ARN; a qualifier makes no difference.
    pub(crate) fn by_arn(&self, arn: &str) -> Option<&Function> {
        let unqualified = arn.split(':').take(7).collect::<Vec<_>>().join(":");
        self.functions.get(&unqualified)
    }
}
