//! The targets, and the credential providers that the stack made for them.

use serde_json::{Value, json};

use super::{
    Template, own_provider,
    words::{attribute, camel, capitals},
};
use crate::{
    model::{
        provider::{self, CUSTOM, INCLUDED, ProviderKind},
        target,
    },
    ops::apply::TARGETS_AT_ONCE,
};

impl Template<'_> {
    pub(super) fn targets(&mut self) {
        let mut ids: Vec<String> = Vec::new();
        for (name, document) in &self.exported.targets {
            let mut id = camel(name.as_str());
            while !self.ids.insert(id.clone()) {
                id.push('X');
            }
            let mut rest = document.clone();
            if let Some(members) = rest.as_object_mut() {
                members.retain(|name, _| !target::READ_ONLY.contains(&name.as_str()) && name != "gatewayIdentifier");
                if members.get("credentialProviderConfigurations") == Some(&json!([])) {
                    members.shift_remove("credentialProviderConfigurations");
                }
            }
            let rest = self.known(&format!("the target {name}"), &rest);
            let mut properties = self.placed(&capitals(&rest));
            properties["GatewayIdentifier"] = attribute("Gateway", "GatewayIdentifier");
            if self.exported.calls_sample(document) {
                properties["TargetConfiguration"]["Mcp"]["Lambda"]["LambdaArn"] = attribute("SampleFunction", "Arn");
            }
            if let Some(arn) = self.provider(&id, name.as_str(), document) {
                let credential = &mut properties["CredentialProviderConfigurations"][0]["CredentialProvider"];
                for (_, provider) in credential.as_object_mut().into_iter().flatten() {
                    provider["ProviderArn"] = arn.clone();
                }
            }
            let id = format!("{id}Target");
            self.add(&id, "AWS::BedrockAgentCore::GatewayTarget", properties);
            // A gateway has a few target operations at once (AgentCore developer guide, "Quotas").
            if let Some(before) = ids.len().checked_sub(TARGETS_AT_ONCE).and_then(|index| ids.get(index)) {
                let before = before.clone();
                self.needs(&id, &before);
            }
            ids.push(id);
        }
    }

    /// Adds the credential provider that the stack made for a target; returns its ARN.
    fn provider(&mut self, id: &str, target: &str, document: &Value) -> Option<Value> {
        let (kind, name) = own_provider(self.exported.names(), document)?;
        let id = format!("{id}Provider");
        match kind {
            ProviderKind::ApiKey => {
                let key = self.secret(target, "API_KEY", "API key");
                let properties = json!({ "Name": name, "ApiKey": key });
                self.add(&id, "AWS::BedrockAgentCore::ApiKeyCredentialProvider", properties);
            }
            ProviderKind::Oauth2 => {
                let secret = self.secret(target, "CLIENT_SECRET", "OAuth client secret");
                let known = self.exported.oauth.get(name).cloned().unwrap_or_default();
                let vendor = known["credentialProviderVendor"].as_str().unwrap_or(CUSTOM).to_owned();
                let mut config = capitals(&known["oauth2ProviderConfigOutput"]);
                for (_, client) in config.as_object_mut().into_iter().flatten() {
                    client["ClientSecret"] = secret.clone();
                    let discovery = client.as_object_mut().filter(|_| vendor != CUSTOM);
                    let discovery =
                        discovery.and_then(|client| client.shift_remove("OauthDiscovery")).unwrap_or_default();
                    if provider::member(&vendor) == INCLUDED {
                        for name in ["Issuer", "AuthorizationEndpoint", "TokenEndpoint"] {
                            let value = &discovery["AuthorizationServerMetadata"][name];
                            if !value.is_null() {
                                client[name] = value.clone();
                            }
                        }
                    }
                    if let Some(tenant) = discovery["DiscoveryUrl"].as_str().and_then(provider::tenant) {
                        client["TenantId"] = json!(tenant);
                    }
                }
                let properties =
                    json!({ "Name": name, "CredentialProviderVendor": vendor, "Oauth2ProviderConfigInput": config });
                self.add(&id, "AWS::BedrockAgentCore::OAuth2CredentialProvider", properties);
            }
        }
        self.tag(&id);
        Some(attribute(&id, "CredentialProviderArn"))
    }
}
