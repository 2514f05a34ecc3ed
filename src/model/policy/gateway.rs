//! What the gateway's role is allowed for the gateway's own settings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{allow, policy};
use crate::model::{gateway::functions_of, naming::StackNames};

/// The names of the policies for a gateway's settings.
pub const GATEWAY_GRANTS: [&str; 2] = ["interceptor", "policy-engine"];

/// The execution role's permissions for the interceptors, the transform and the policy engine of these documents of one gateway, one
/// policy per kind, by its name: of two while the one replaces the other.
pub fn gateway_grants<'a>(
    names: &StackNames,
    account: &str,
    documents: impl Iterator<Item = &'a Value>,
) -> BTreeMap<&'static str, Value> {
    let (mut functions, mut engines) = (BTreeSet::new(), BTreeSet::new());
    for document in documents {
        functions.extend(functions_of(document).map(str::to_owned));
        engines.extend(document["policyEngineConfiguration"]["arn"].as_str().map(str::to_owned));
    }
    let mut grants = BTreeMap::new();
    if !functions.is_empty() {
        // AgentCore developer guide, "Permissions for interceptors"; that a transform needs the same is a guess.
        let statement = allow("InvokeInterceptors", "lambda:InvokeFunction", functions.into_iter().collect());
        grants.insert("interceptor", policy(vec![statement]));
    }
    if !engines.is_empty() {
        // AgentCore developer guide, "AgentCore Gateway and Policy in AgentCore IAM Permissions": these three, without which
        // an update of the gateway fails. The latter two are checked on the gateway as well as on the engine (comments in
        // three CDK constructs, one of them from AWS's own checks).
        let (partition, region) = (names.region.partition().name, &names.region);
        let gateway = format!(
            "arn:{partition}:bedrock-agentcore:{region}:{account}:gateway/{}-??????????",
            names.lower_gateway()
        );
        let both: Vec<String> = engines.iter().cloned().chain([gateway]).collect();
        let mut evaluate = allow("EvaluatePolicies", "", both);
        evaluate["Action"] =
            ["bedrock-agentcore:AuthorizeAction", "bedrock-agentcore:PartiallyAuthorizeActions"].into_iter().collect();
        let read = allow("ReadPolicyEngine", "bedrock-agentcore:GetPolicyEngine", engines.into_iter().collect());
        grants.insert("policy-engine", policy(vec![read, evaluate]));
    }
    grants
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_role_may_use_what_the_gateway_names_and_nothing_else() {
        let names = StackNames::new(&"us-west-2".parse().unwrap(), &"My-Gateway".parse().unwrap());
        let of = |arn: &str| json!({ "interceptorConfigurations": [{ "interceptor": { "lambda": { "arn": arn } } }] });
        assert_eq!(gateway_grants(&names, "1", [json!({ "name": "g" })].iter()), BTreeMap::new());
        let grants = gateway_grants(&names, "1", [of("b"), of("a")].iter());
        assert_eq!(grants["interceptor"]["Statement"][0]["Resource"], json!(["a", "b"]));
        let engine = json!({ "policyEngineConfiguration": { "arn": "e", "mode": "ENFORCE" } });
        let grants = gateway_grants(&names, "1", [engine].iter());
        let gateway = "arn:aws:bedrock-agentcore:us-west-2:1:gateway/my-gateway-??????????";
        assert_eq!(grants["policy-engine"]["Statement"][1]["Resource"], json!(["e", gateway]));
    }
}
