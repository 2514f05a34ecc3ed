//! Lambda: functions, their code and their resource policies. `local::runtime` runs them.

mod invoke;
mod operations;
mod policy;
mod rules;
mod tags;
mod update;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::invoke::check_payload;
use self::rules::{Environment, check_role, check_runtime, read_package};
use super::{Answer, Call, ErrorCodes, Service, State, bad_request, iam, iso8601, not_implemented, page};
use crate::local::{
    random,
    storage::blobs::BlobId,
    wire::{Protocol, WireError},
};

/// Milliseconds after which a creation or update is complete even without a GetFunction.
const IN_PROGRESS_FOR: i64 = 1000;

pub(crate) const SERVICE: Service = Service {
    scope: "lambda",
    protocol: Protocol::RestJson,
    operations: operations::OPERATIONS,
    errors: ErrorCodes::plain("UnrecognizedClientException", "SerializationException", "ValidationException"),
};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Lambda {
    /// By ARN.
    functions: BTreeMap<String, Function>,
}

/// A function, with everything needed to run it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Function {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) runtime: String,
    pub(crate) handler: String,
    pub(crate) role: String,
    description: String,
    architecture: String,
    /// Seconds.
    pub(crate) timeout: u64,
    /// Megabytes.
    pub(crate) memory: u64,
    pub(crate) environment: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    /// The deployment package.
    pub(crate) code: BlobId,
    /// SHA-256 of the package, base64, as AWS shows it.
    pub(crate) code_sha256: String,
    code_size: usize,
    /// Changes with every update, so that an environment started for an older one is not used.
    pub(crate) revision: String,
    /// A creation or update in progress, until the next GetFunction or GetFunctionConfiguration.
    #[serde(rename = "under_way")]
    in_progress: Option<InProgress>,
    /// The statements of its resource policy, by id.
    policy: BTreeMap<String, Value>,
    modified: i64,
}

impl Lambda {
    /// Whether a function's current revision is this one.
    pub(crate) fn has_revision(&self, revision: &str) -> bool {
        self.functions.values().any(|function| function.revision == revision)
    }
}

fn get(lambda: &mut Lambda, call: &Call, input: FunctionName) -> Answer {
    let function = lambda.observed(call, &input)?;
    let mut configuration = configuration(function);
    // Show no hash for a lost or damaged package, so that a client that compares hashes uploads it again.
    if let Err(error) = call.blobs.get(&function.code) {
        tracing::error!("the package of {}: {error}", function.name);
        configuration["CodeSha256"] = json!("");
    }
    Ok(json!({
        "Configuration": configuration,
        "Code": { "RepositoryType": "S3", "Location": "" },
        "Tags": function.tags,
    }))
}

fn get_configuration(lambda: &mut Lambda, call: &Call, input: FunctionName) -> Answer {
    Ok(configuration(lambda.observed(call, &input)?))
}

fn delete(lambda: &mut Lambda, call: &Call, input: FunctionName) -> Answer {
    let arn = lambda.find_mut(call, &input)?.arn.clone();
    lambda.functions.remove(&arn);
    Ok(Value::Null)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum InProgress {
    Creation,
    Update,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    function_name: String,
    runtime: Option<String>,
    role: String,
    handler: Option<String>,
    code: Code,
    architectures: Option<Vec<String>>,
    description: Option<String>,
    timeout: Option<u64>,
    memory_size: Option<u64>,
    package_type: Option<String>,
    environment: Option<Environment>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Code {
    zip_file: Option<String>,
}

fn create(state: &mut State, call: &Call, input: Create) -> Answer {
    let State { lambda, iam, .. } = state;
    let name = input.function_name.clone();
    let arn = function_arn(call, &name)?;
    if lambda.functions.contains_key(&arn) {
        return Err(conflict(format!("Function already exist: {name}")));
    }
    if input.package_type.as_deref().is_some_and(|kind| kind != "Zip") {
        return Err(not_implemented("the local AWS runs functions from zip packages only, not from images"));
    }
    let (Some(runtime), Some(handler)) = (input.runtime, input.handler) else {
        return Err(invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    };
    check_runtime(&runtime)?;
    check_role(iam, call, &input.role, &arn)?;
    let (code, code_sha256, code_size) = read_package(call, input.code.zip_file)?;
    let function = Function {
        arn: arn.clone(),
        name,
        region: call.region.clone(),
        runtime,
        handler,
        role: input.role,
        description: input.description.unwrap_or_default(),
        architecture: input.architectures.into_iter().flatten().next().unwrap_or_else(|| "x86_64".to_owned()),
        timeout: input.timeout.unwrap_or(3),
        memory: input.memory_size.unwrap_or(128),
        environment: input.environment.map(Environment::checked).transpose()?.unwrap_or_default(),
        tags: input.tags,
        code,
        code_sha256,
        code_size,
        revision: random::uuid(),
        in_progress: Some(InProgress::Creation),
        policy: BTreeMap::new(),
        modified: call.now,
    };
    let answer = configuration(&function);
    lambda.functions.insert(arn, function);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionName {
    function_name: String,
    qualifier: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListFunctions {
    marker: Option<String>,
    max_items: Option<usize>,
}

fn list(lambda: &mut Lambda, call: &Call, input: ListFunctions) -> Answer {
    let in_region = lambda.functions.iter().filter(|(_, function)| function.region == call.region);
    let shown = in_region.filter(|(_, function)| call.propagated(function.modified));
    let shown = shown.map(|(arn, function)| (arn, configuration(function)));
    // A page has at most 50 functions, even if more are requested.
    let (functions, next) = page(shown, Some(input.max_items.unwrap_or(50).min(50)), input.marker.as_deref())
        .map_err(|_| invalid("Invalid Marker."))?;
    Ok(json!({ "Functions": functions, "NextMarker": next }))
}

impl Function {
    fn updated(&mut self, call: &Call) {
        self.revision = random::uuid();
        self.modified = call.now;
        self.in_progress = Some(InProgress::Update);
    }

    /// Checks that `revision`, if given, is the function's current one.
    fn check_revision(&self, revision: Option<&str>) -> Result<(), WireError> {
        if revision.is_none_or(|revision| revision == self.revision) {
            return Ok(());
        }
        Err(WireError::new(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to \
             retrieve the latest RevisionId",
        ))
    }

    /// The resource policy as a document, if there is one.
    pub(crate) fn resource_policy(&self) -> Option<String> {
        (!self.policy.is_empty()).then(|| policy::document(self))
    }
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
        "State": if function.in_progress == Some(InProgress::Creation) { "Pending" } else { "Active" },
        "LastUpdateStatus": if function.in_progress == Some(InProgress::Update) { "InProgress" } else { "Successful" },
        "PackageType": "Zip",
        "Architectures": [function.architecture],
    })
}

/// The ARN of a function named by its name, partial ARN or full ARN.
fn function_arn(call: &Call, name: &str) -> Result<String, WireError> {
    let (before, bare) = name.rsplit_once("function:").unwrap_or(("", name));
    let bare = bare.split(':').next().unwrap_or(bare);
    let here = format!("arn:aws:lambda:{}:{}:", call.region, call.account);
    if !before.is_empty() && !here.ends_with(before) {
        return Err(not_found(name));
    }
    if bare.len() > 64 {
        return Err(invalid(format!("Function name {bare} is longer than 64 characters.")));
    }
    Ok(format!("{here}function:{bare}"))
}

fn invalid(message: impl Into<String>) -> WireError {
    bad_request("InvalidParameterValueException", message)
}

fn conflict(message: impl Into<String>) -> WireError {
    WireError::new(StatusCode::CONFLICT, "ResourceConflictException", message)
}

fn not_found(arn: &str) -> WireError {
    WireError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", format!("Function not found: {arn}"))
}

/// The ARN of the function that a request names.
fn find_arn(call: &Call, name: &FunctionName) -> Result<String, WireError> {
    if name.qualifier.as_deref().is_some_and(|qualifier| qualifier != "$LATEST") {
        return Err(not_implemented("the local AWS keeps no versions and aliases of functions"));
    }
    function_arn(call, &name.function_name)
}

impl Lambda {
    /// Returns the function, and completes a creation or update in progress.
    fn observed(&mut self, call: &Call, name: &FunctionName) -> Result<&Function, WireError> {
        let function = self.find_mut(call, name)?;
        function.in_progress = None;
        Ok(function)
    }

    /// Returns the function for an update, unless another operation is in progress or the revision differs.
    fn updatable(
        &mut self,
        call: &Call,
        name: &FunctionName,
        revision: Option<&str>,
    ) -> Result<&mut Function, WireError> {
        let function = self.find_mut(call, name)?;
        function.check_revision(revision)?;
        let why = match function.in_progress.filter(|_| call.now - function.modified < IN_PROGRESS_FOR) {
            None => return Ok(function),
            Some(InProgress::Creation) => {
                "The operation cannot be performed at this time. The function is currently in the following state: \
                 Pending"
                    .to_owned()
            }
            Some(InProgress::Update) => {
                format!(
                    "The operation cannot be performed at this time. An update is in progress for resource: {}",
                    function.arn
                )
            }
        };
        Err(conflict(why))
    }

    fn find(&self, call: &Call, name: &FunctionName) -> Result<&Function, WireError> {
        let arn = find_arn(call, name)?;
        self.functions.get(&arn).ok_or_else(|| not_found(&arn))
    }

    fn find_mut(&mut self, call: &Call, name: &FunctionName) -> Result<&mut Function, WireError> {
        let arn = find_arn(call, name)?;
        self.functions.get_mut(&arn).ok_or_else(|| not_found(&arn))
    }

    pub(crate) fn blobs(&self) -> impl Iterator<Item = &BlobId> {
        self.functions.values().map(|function| &function.code)
    }

    /// The function with this ARN. A qualifier is ignored.
    pub(crate) fn by_arn(&self, arn: &str) -> Option<&Function> {
        let unqualified = arn.split(':').take(7).collect::<Vec<_>>().join(":");
        self.functions.get(&unqualified)
    }
}
