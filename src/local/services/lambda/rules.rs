//! What a function may be made of: its runtime, role, environment and package.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;

use super::{Call, iam, invalid, not_implemented};
use crate::local::{package, storage::blobs::BlobId, wire::WireError};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

pub(super) fn check_runtime(runtime: &str) -> Result<(), WireError> {
    let python = runtime.strip_prefix("python3.").is_some_and(|minor| minor.parse::<u8>().is_ok());
    let node = runtime.strip_prefix("nodejs").and_then(|version| version.strip_suffix(".x"));
    let node = node.is_some_and(|major| major.parse::<u8>().is_ok());
    if python || node || ["provided", "provided.al2", "provided.al2023"].contains(&runtime) {
        return Ok(());
    }
    Err(not_implemented(format!("the local AWS does not run functions of runtime {runtime}")))
}

/// Variables that Lambda sets itself (Lambda developer guide, "Defined runtime environment variables").
const RESERVED_VARIABLES: [&str; 15] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// The largest size of all environment variables together, in bytes (Lambda developer guide, "Lambda quotas").
const ENVIRONMENT_LIMIT: usize = 4096;

impl Environment {
    /// The variables, if they are valid.
    pub(super) fn checked(self) -> Result<BTreeMap<String, String>, WireError> {
        const UNABLE: &str =
            "Lambda was unable to configure your environment variables because the environment variables you";
        if let Some(key) = self.variables.keys().find(|key| RESERVED_VARIABLES.contains(&key.as_str())) {
            return Err(invalid(format!(
                "{UNABLE} have provided contains reserved keys that are currently not supported for modification. \
                 Reserved keys used in this request: {key}"
            )));
        }
        let size: usize = self.variables.iter().map(|(key, value)| key.len() + value.len()).sum();
        if size > ENVIRONMENT_LIMIT {
            return Err(invalid(format!("{UNABLE} provided exceeded the 4KB limit.")));
        }
        if self.variables.values().any(|value| value.contains('\0')) {
            return Err(invalid(format!("{UNABLE} provided contain a null character.")));
        }
        Ok(self.variables)
    }
}

pub(super) fn check_role(iam: &iam::Iam, call: &Call, role: &str, function_arn: &str) -> Result<(), WireError> {
    let by =
        iam::Principal { service: "lambda.amazonaws.com", source_account: &call.account, source_arn: function_arn };
    if iam.can_be_assumed(role, &by, call) {
        return Ok(());
    }
    Err(invalid("The role defined for the function cannot be assumed by Lambda."))
}

/// Validates and stores a package. Returns its blob, SHA-256 (base64) and size.
pub(super) fn read_package(call: &Call, zip_file: Option<String>) -> Result<(BlobId, String, usize), WireError> {
    let Some(code) = zip_file else {
        return Err(invalid("Please provide a source for function code."));
    };
    let bytes = BASE64.decode(&code).map_err(|_| invalid("Could not unzip uploaded file: it is not base64."))?;
    package::check(&bytes).map_err(|problem| {
        invalid(format!("Could not unzip uploaded file. Please check your file, then try to upload again: {problem}"))
    })?;
    let hash = BASE64.encode(digest::digest(&digest::SHA256, &bytes));
    Ok((call.keep(&bytes)?, hash, bytes.len()))
}
