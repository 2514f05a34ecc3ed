//! Flags of a target's settings, besides its source and its credential, which `target add` and `target update` share.

use clap::Args;

use crate::{
    commands::settings::limited,
    model::{
        patch::{Patch, Path},
        propagation::{check_header, check_parameter},
    },
};

const DESCRIPTION: Path = &["description"];
const METADATA: Path = &["metadataConfiguration"];
const REQUEST_HEADERS: Path = &["metadataConfiguration", "allowedRequestHeaders"];
const RESPONSE_HEADERS: Path = &["metadataConfiguration", "allowedResponseHeaders"];
const QUERY_PARAMETERS: Path = &["metadataConfiguration", "allowedQueryParameters"];

/// Further settings of a target.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub struct TargetFlags {
    /// What the target is for, at most 200 characters
    #[arg(long, value_name = "TEXT", value_parser = |text: &str| limited(text, 200))]
    pub description: Option<String>,

    /// Header of callers that is passed on to the target (can be repeated)
    #[arg(long, value_name = "NAME", value_parser = header)]
    pub allow_request_header: Vec<String>,

    /// Header of the target that is passed back to callers (can be repeated)
    #[arg(long, value_name = "NAME", value_parser = header)]
    pub allow_response_header: Vec<String>,

    /// Query parameter of the gateway's address that is passed on to the target (can be repeated)
    #[arg(long, value_name = "NAME", value_parser = parameter)]
    pub allow_query: Vec<String>,

    /// Members of the API's request, as `aws … --cli-input-json` takes them; flags win over them: a file, or `-`
    #[arg(long, value_name = "FILE")]
    pub cli_input: Option<String>,
}

/// Settings that `target update` takes away.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings to clear")]
pub struct ClearFlags {
    /// Leave it without a description
    #[arg(long, conflicts_with = "description")]
    pub clear_description: bool,

    /// Pass on no headers and query parameters
    #[arg(long, conflicts_with_all = ["allow_request_header", "allow_response_header", "allow_query"])]
    pub clear_allowed: bool,
}

impl TargetFlags {
    pub fn is_given(&self) -> bool {
        let lists = [&self.allow_request_header, &self.allow_response_header, &self.allow_query];
        self.description.is_some() || self.cli_input.is_some() || lists.into_iter().any(|list| !list.is_empty())
    }

    /// Adds what the flags name to a patch.
    pub fn add_to(&self, patch: &mut Patch) {
        if let Some(text) = &self.description {
            patch.set(DESCRIPTION, text.clone());
        }
        patch.include(REQUEST_HEADERS, &self.allow_request_header);
        patch.include(RESPONSE_HEADERS, &self.allow_response_header);
        patch.include(QUERY_PARAMETERS, &self.allow_query);
    }
}

impl ClearFlags {
    pub fn is_given(&self) -> bool {
        self.clear_description || self.clear_allowed
    }

    pub fn add_to(&self, patch: &mut Patch) {
        if self.clear_description {
            patch.remove(DESCRIPTION);
        }
        if self.clear_allowed {
            patch.remove(METADATA);
        }
    }
}

fn header(text: &str) -> Result<String, String> {
    check_header(text).map(|()| text.to_owned())
}

fn parameter(text: &str) -> Result<String, String> {
    check_parameter(text).map(|()| text.to_owned())
}
