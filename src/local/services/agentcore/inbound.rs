//! Inbound authorization: JWT authorizers and their custom claims.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::invalid;
use crate::local::wire::WireError;

#[derive(Serialize, Deserialize)]
pub(super) struct AuthorizerConfiguration {
    #[serde(rename = "customJWTAuthorizer")]
    pub(super) jwt: JwtAuthorizer,
}

/// The JWT authorizer of a gateway (AgentCore developer guide, "Configure inbound JWT authorizer").
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JwtAuthorizer {
    pub(crate) discovery_url: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_audience: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_clients: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) custom_claims: Vec<CustomClaim>,
}

/// A required claim of a token, with the values to match.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CustomClaim {
    #[serde(rename = "inboundTokenClaimName")]
    pub(crate) name: String,
    #[serde(rename = "inboundTokenClaimValueType")]
    pub(super) value_type: String,
    #[serde(rename = "authorizingClaimMatchValue")]
    pub(super) wanted: ClaimMatch,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ClaimMatch {
    #[serde(rename = "claimMatchValue")]
    pub(super) value: ClaimValue,
    #[serde(rename = "claimMatchOperator")]
    pub(super) operator: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ClaimValue {
    #[serde(rename = "matchValueString")]
    One(String),
    #[serde(rename = "matchValueStringList")]
    Some(Vec<String>),
}

impl CustomClaim {
    /// Checks that claim type, operator and value fit together (AgentCore developer guide, "Configure inbound JWT
    /// authorizer").
    fn check(&self) -> Result<(), WireError> {
        let fits = matches!(
            (self.value_type.as_str(), self.wanted.operator.as_str(), &self.wanted.value),
            ("STRING", "EQUALS", ClaimValue::One(_))
                | ("STRING_ARRAY", "CONTAINS", ClaimValue::One(_))
                | ("STRING_ARRAY", "CONTAINS_ANY", ClaimValue::Some(_))
        );
        if fits {
            return Ok(());
        }
        Err(invalid(
            "authorizerConfiguration.customJWTAuthorizer.customClaims",
            "A STRING claim EQUALS a string; a STRING_ARRAY claim CONTAINS a string, or CONTAINS_ANY of a list",
        ))
    }

    /// Whether a token's claims satisfy it.
    pub(crate) fn holds(&self, claims: &Value) -> bool {
        let found = &claims[&self.name];
        let has = |wanted: &String| found.as_array().is_some_and(|items| items.contains(&json!(wanted)));
        match &self.wanted.value {
            ClaimValue::One(wanted) if self.value_type == "STRING" => found.as_str() == Some(wanted),
            ClaimValue::One(wanted) => has(wanted),
            ClaimValue::Some(wanted) => wanted.iter().any(has),
        }
    }
}

pub(super) fn check_jwt(jwt: &JwtAuthorizer) -> Result<(), WireError> {
    let lists = [&jwt.allowed_audience, &jwt.allowed_clients, &jwt.allowed_scopes];
    if lists.into_iter().all(Vec::is_empty) && jwt.custom_claims.is_empty() {
        return Err(invalid(
            "authorizerConfiguration.customJWTAuthorizer",
            "At least one of allowedAudience, allowedClients, allowedScopes, customClaims is required",
        ));
    }
    jwt.custom_claims.iter().try_for_each(CustomClaim::check)
}
