//! Tags of functions.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Call, Function, Lambda, invalid, not_found};
use crate::local::wire::WireError;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tagging {
    resource: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default, rename = "tagKeys")]
    tag_keys: Vec<String>,
}

impl Tagging {
    fn function<'a>(&self, lambda: &'a mut Lambda, call: &Call) -> Result<&'a mut Function, WireError> {
        if self.resource.split(':').count() > 7 {
            return Err(invalid(
                "Tags on function aliases and versions are not supported. Please specify a function ARN.",
            ));
        }
        let here = |function: &&mut Function| function.region == call.region;
        lambda.functions.get_mut(&self.resource).filter(here).ok_or_else(|| not_found(&self.resource))
    }
}

pub(super) fn list_tags(lambda: &mut Lambda, call: &Call, input: Tagging) -> Answer {
    Ok(json!({ "Tags": input.function(lambda, call)?.tags }))
}

pub(super) fn tag(lambda: &mut Lambda, call: &Call, input: Tagging) -> Answer {
    let function = input.function(lambda, call)?;
    let mut tags = function.tags.clone();
    tags.extend(input.tags);
    if tags.len() > 50 {
        return Err(invalid("The number of tags exceeds the limit of 50."));
    }
    function.tags = tags;
    Ok(Value::Null)
}

pub(super) fn untag(lambda: &mut Lambda, call: &Call, input: Tagging) -> Answer {
    input.function(lambda, call)?.tags.retain(|key, _| !input.tag_keys.contains(key));
    Ok(Value::Null)
}
