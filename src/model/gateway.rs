//! The settings of a gateway, as members of the API's document (service model bedrock-agentcore-control,
//! `UpdateGatewayRequest`).

use serde_json::{Value, json};

use super::{
    name::{FunctionArn, KmsKeyArn},
    patch::{self, Path},
};

pub const DESCRIPTION: Path = &["description"];
pub const KMS_KEY_ARN: Path = &["kmsKeyArn"];
/// Its only value is `DEBUG`.
pub const EXCEPTION_LEVEL: Path = &["exceptionLevel"];
pub const INSTRUCTIONS: Path = &["protocolConfiguration", "mcp", "instructions"];
pub const MCP_VERSIONS: Path = &["protocolConfiguration", "mcp", "supportedVersions"];
/// Sessions are on where it is there (AgentCore developer guide, "Use MCP sessions with your AgentCore gateway").
pub const SESSIONS: Path = &["protocolConfiguration", "mcp", "sessionConfiguration"];
pub const SESSION_TIMEOUT: Path = &["protocolConfiguration", "mcp", "sessionConfiguration", "sessionTimeoutInSeconds"];
pub const STREAMING: Path = &["protocolConfiguration", "mcp", "streamingConfiguration", "enableResponseStreaming"];
pub const UNPAGED_LISTS: Path = &["protocolConfiguration", "mcp", "disableMcpListToolsPagination"];
pub const POLICY_ENGINE: Path = &["policyEngineConfiguration"];
pub const POLICY_ENGINE_ARN: Path = &["policyEngineConfiguration", "arn"];
/// `LOG_ONLY` or `ENFORCE`
pub const POLICY_ENGINE_MODE: Path = &["policyEngineConfiguration", "mode"];
pub const DISCOVERY_URL: Path = &["authorizerConfiguration", "customJWTAuthorizer", "discoveryUrl"];
pub const ALLOWED_CLIENTS: Path = &["authorizerConfiguration", "customJWTAuthorizer", "allowedClients"];
pub const ALLOWED_AUDIENCE: Path = &["authorizerConfiguration", "customJWTAuthorizer", "allowedAudience"];
pub const ALLOWED_SCOPES: Path = &["authorizerConfiguration", "customJWTAuthorizer", "allowedScopes"];
pub const CUSTOM_CLAIMS: Path = &["authorizerConfiguration", "customJWTAuthorizer", "customClaims"];
const INTERCEPTORS: Path = &["interceptorConfigurations"];

/// The members of `GetGateway` that are no settings.
pub const READ_ONLY: [&str; 9] = [
    "gatewayArn",
    "gatewayId",
    "gatewayUrl",
    "status",
    "statusReasons",
    "createdAt",
    "updatedAt",
    "workloadIdentityDetails",
    "webAclArn",
];

/// Retention, in days, of a new gateway's log records, which contain requests and responses.
pub const LOG_RETENTION_DAYS: i32 = 30;

/// The members of `UpdateGatewayRequest` and `CreateGatewayRequest` that this program knows of.
pub const KNOWN: [&str; 16] = [
    "name",
    "description",
    "clientToken",
    "roleArn",
    "protocolType",
    "protocolConfiguration",
    "authorizerType",
    "authorizerConfiguration",
    "kmsKeyArn",
    "customTransformConfiguration",
    "interceptorConfigurations",
    "policyEngineConfiguration",
    "exceptionLevel",
    "wafConfiguration",
    "domainOverride",
    "tags",
];

/// A point where a function sees a gateway's messages (AgentCore developer guide, "Types of interceptors").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterceptionPoint {
    Request,
    Response,
}

impl InterceptionPoint {
    /// The API's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Response => "RESPONSE",
        }
    }
}

/// The argument of [`intercept`]: the point, and its function's ARN, or `None` for no function.
pub fn interception(point: InterceptionPoint, arn: Option<&str>, pass_headers: bool) -> Value {
    json!({ "point": point.name(), "arn": arn, "passHeaders": pass_headers })
}

/// Sets or removes the function of one interception point. Each point has at most one
/// (badmintoncryer/cdk-preflight, `interceptor-point-unique`), and one function may have both.
pub fn intercept(document: &mut Value, change: &Value) {
    let point = &change["point"];
    let mut all = document["interceptorConfigurations"].as_array().cloned().unwrap_or_default();
    let mut own = json!({});
    for one in &mut all {
        let points = one["interceptionPoints"].as_array().cloned().unwrap_or_default();
        if points.contains(point) {
            own = one.clone();
            one["interceptionPoints"] = points.into_iter().filter(|other| other != point).collect();
        }
    }
    all.retain(|one| one["interceptionPoints"].as_array().is_some_and(|points| !points.is_empty()));
    if change["arn"].is_string() {
        own["interceptor"] = json!({ "lambda": { "arn": change["arn"] } });
        own["interceptionPoints"] = json!([point]);
        if change["passHeaders"] == true {
            *patch::member(&mut own, &["inputConfiguration", "passRequestHeaders"]) = json!(true);
        }
        all.push(own);
    }
    document["interceptorConfigurations"] = Value::Array(all);
    patch::exclude(document, INTERCEPTORS, |_| false);
}

/// The ARNs of the functions that a gateway calls itself, not for a target: its interceptors and its transform.
pub fn functions_of(document: &Value) -> impl Iterator<Item = &str> {
    let all = document["interceptorConfigurations"].as_array().into_iter().flatten();
    let interceptors = all.filter_map(|one| one["interceptor"]["lambda"]["arn"].as_str());
    interceptors.chain(document["customTransformConfiguration"]["lambda"]["arn"].as_str())
}

/// A claim that tokens must have, written `NAME=VALUE` (a text), `NAME:contains=VALUE` or `NAME:contains-any=A,B` (a list).
///
/// # Errors
/// If it is written otherwise.
pub fn custom_claim(text: &str) -> Result<Value, String> {
    let form = "expected NAME=VALUE, NAME:contains=VALUE or NAME:contains-any=A,B";
    let (named, value) =
        text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty()).ok_or(form)?;
    let (name, kind, operator) = match named.rsplit_once(':') {
        Some((name, "contains")) => (name, "STRING_ARRAY", "CONTAINS"),
        Some((name, "contains-any")) => (name, "STRING_ARRAY", "CONTAINS_ANY"),
        Some((_, operator)) if operator.starts_with("contain") => return Err(form.to_owned()),
        _ => (named, "STRING", "EQUALS"),
    };
    let matched = if operator == "CONTAINS_ANY" {
        json!({ "matchValueStringList": value.split(',').collect::<Vec<_>>() })
    } else {
        json!({ "matchValueString": value })
    };
    Ok(json!({
        "inboundTokenClaimName": name,
        "inboundTokenClaimValueType": kind,
        "authorizingClaimMatchValue": { "claimMatchValue": matched, "claimMatchOperator": operator },
    }))
}

/// Adds a claim in the place of the one of its name.
pub fn require_claim(document: &mut Value, claim: &Value) {
    drop_claim(document, &claim["inboundTokenClaimName"]);
    match patch::member(document, CUSTOM_CLAIMS) {
        Value::Array(claims) => claims.push(claim.clone()),
        none => *none = json!([claim]),
    }
}

/// Removes the claim of a name.
pub fn drop_claim(document: &mut Value, name: &Value) {
    patch::exclude(document, CUSTOM_CLAIMS, |claim| claim["inboundTokenClaimName"] == *name);
}

/// What AWS would refuse of these settings, and the remedy: only what needs no knowledge of the account.
pub fn problem(document: &Value) -> Option<(String, &'static str)> {
    let jwt = &document["authorizerConfiguration"]["customJWTAuthorizer"];
    let kind = document["authorizerType"].as_str().unwrap_or_default();
    let lists = ["allowedClients", "allowedAudience", "allowedScopes", "customClaims"];
    if kind == "CUSTOM_JWT" && lists.into_iter().all(|list| jwt[list].as_array().is_none_or(Vec::is_empty)) {
        let problem = "the gateway would let in every token of its provider, or none".to_owned();
        return Some((problem, "keep a client, an audience, a scope or a claim that it asks for"));
    }
    if ["NONE", "AWS_IAM", "AUTHENTICATE_ONLY"].contains(&kind) && jwt.is_object() {
        let problem = format!("the gateway's authorizer is {kind}, and does not look at tokens");
        return Some((
            problem,
            "leave out the flags for tokens; an authorizer's type is chosen when a gateway is made",
        ));
    }
    let key = document["kmsKeyArn"].as_str().filter(|arn| arn.parse::<KmsKeyArn>().is_err());
    let function = functions_of(document).find(|arn| arn.parse::<FunctionArn>().is_err());
    let engine = &document["policyEngineConfiguration"];
    let named = engine["arn"].as_str().filter(|arn| !arn.starts_with("arn:"));
    if let Some(text) = key.or(function).or(named) {
        return Some((format!("`{text}` is not the ARN that it should be"), "write it as AWS shows it"));
    }
    if engine.is_object() && !engine["arn"].is_string() {
        return Some(("the gateway has no policy engine".to_owned(), "name one with `--policy-engine ARN`"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::patch::Patch;

    fn intercepted(document: &Value, point: InterceptionPoint, arn: Option<&str>) -> Value {
        let mut patch = Patch::default();
        patch.apply_with(intercept, interception(point, arn, false));
        patch.applied(document)
    }

    #[test]
    fn settings_of_another_shape_are_replaced() {
        let odd = json!({ "interceptorConfigurations": [1, { "interceptionPoints": ["REQUEST"], "inputConfiguration": "x" }],
            "authorizerConfiguration": "x" });
        let mut patch = Patch::default();
        patch.apply_with(intercept, interception(InterceptionPoint::Request, Some("a"), true));
        patch.apply_with(require_claim, custom_claim("team=a").unwrap());
        let changed = patch.applied(&odd);
        assert_eq!(changed["interceptorConfigurations"][0]["inputConfiguration"]["passRequestHeaders"], true);
        assert!(changed["authorizerConfiguration"]["customJWTAuthorizer"]["customClaims"].is_array());
    }

    #[test]
    fn each_interception_point_has_its_own_function() {
        use InterceptionPoint::{Request, Response};

        let of = |arn: &str, points: Value| json!({ "interceptor": { "lambda": { "arn": arn } }, "interceptionPoints": points });
        let one = intercepted(&json!({ "name": "g" }), Request, Some("a"));
        assert_eq!(one["interceptorConfigurations"], json!([of("a", json!(["REQUEST"]))]));
        let both = json!({ "interceptorConfigurations": [of("a", json!(["REQUEST", "RESPONSE"]))] });
        let changed = intercepted(&both, Response, Some("b"));
        let expected = json!([of("a", json!(["REQUEST"])), of("b", json!(["RESPONSE"]))]);
        assert_eq!(changed["interceptorConfigurations"], expected);
        assert_eq!(functions_of(&changed).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(intercepted(&one, Request, None), json!({ "name": "g" }));
        assert_eq!(intercepted(&one, Response, None), one);
        // What the point's function gets stays as it is.
        let mut with_headers = one.clone();
        with_headers["interceptorConfigurations"][0]["inputConfiguration"] = json!({ "passRequestHeaders": true });
        let changed = intercepted(&with_headers, Request, Some("b"));
        assert_eq!(changed["interceptorConfigurations"][0]["inputConfiguration"]["passRequestHeaders"], true);
    }

    #[test]
    fn claims_are_read_and_replaced_by_name() {
        let text = custom_claim("urn:x:dept=sales").unwrap();
        assert_eq!(text["inboundTokenClaimName"], "urn:x:dept");
        let any = custom_claim("groups:contains-any=a,b").unwrap();
        let matched = &any["authorizingClaimMatchValue"];
        assert_eq!(matched["claimMatchValue"], json!({ "matchValueStringList": ["a", "b"] }));
        assert!(custom_claim("x").is_err() && custom_claim("=x").is_err() && custom_claim("x=").is_err());
        let mut document = json!({});
        require_claim(&mut document, &any);
        require_claim(&mut document, &custom_claim("groups=c").unwrap());
        let claims = document["authorizerConfiguration"]["customJWTAuthorizer"]["customClaims"].clone();
        assert_eq!(claims, json!([custom_claim("groups=c").unwrap()]));
        drop_claim(&mut document, &json!("groups"));
        assert_eq!(document, json!({ "authorizerConfiguration": { "customJWTAuthorizer": {} } }));
    }
}
