//! Terraform's `import` blocks: `terraform plan -generate-config-out=FILE` writes the configuration for them. Types and ids
//! are those of the AWS provider's documentation (hashicorp/aws 6.61 and later, section "Import" of each resource).

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::{Value, json};

use super::{Document, Exported, own_provider};
use crate::model::{
    naming::{BASE_POLICY, FUNCTION_POLICY},
    provider::ProviderKind,
};

pub(super) fn of(exported: &Exported) -> Document {
    let blocks = blocks(exported);
    let name = &exported.names().gateway;
    let mut text = format!(
        "# `agentcore-gw export {name} --format terraform-import` wrote this, for Terraform 1.5 or later.\n\
         # terraform plan -generate-config-out=generated.tf\n\n\
         terraform {{\n  required_providers {{\n    aws = {{\n      source  = \"hashicorp/aws\"\n      version = \">= 6.61\"\n    }}\n  }}\n}}\n\n\
         provider \"aws\" {{\n  region = \"{}\"\n}}\n",
        exported.names().region
    );
    for (to, id) in &blocks {
        let _ = write!(text, "\nimport {{\n  to = {to}\n  id = {}\n}}\n", quoted(id));
    }
    let blocks: Vec<Value> = blocks.iter().map(|(to, id)| json!({ "to": to, "id": id })).collect();
    let warnings = vec![
        "AWS does not show secrets: Terraform asks for those of credential providers, and plans to send them again"
            .to_owned(),
        format!("once Terraform manages it, do not run `agentcore-gw cleanup {name}`: it would delete the same things"),
    ];
    let region = json!({ "aws": { "region": exported.names().region } });
    let required = json!({ "required_providers": { "aws": { "source": "hashicorp/aws", "version": ">= 6.61" } } });
    Document { value: json!({ "terraform": required, "provider": region, "import": blocks }), text, warnings }
}

/// A text in HCL.
fn quoted(text: &str) -> String {
    json!(text).to_string().replace("${", "$${").replace("%{", "%%{")
}

/// A name as an identifier of HCL.
fn identifier(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut identifier = name.replace('-', "_");
    if !identifier.starts_with(|c: char| c.is_ascii_alphabetic()) {
        identifier.insert_str(0, "target_");
    }
    while !taken.insert(identifier.clone()) {
        identifier.push('_');
    }
    identifier
}

/// Addresses, and the ids of what is there.
fn blocks(exported: &Exported) -> Vec<(String, String)> {
    let (stack, gateway, names) = (&exported.stack, &exported.gateway, exported.names());
    let mut blocks = Vec::new();
    let mut add = |to: String, id: String| blocks.push((to, id));
    if let Some(pool) = stack.pool.as_ref().filter(|_| exported.has_pool) {
        add("aws_cognito_user_pool.gateway".to_owned(), pool.id.clone());
        if let Some(domain) = &pool.domain {
            add("aws_cognito_user_pool_domain.gateway".to_owned(), domain.clone());
        }
        if stack.resource_server {
            add("aws_cognito_resource_server.gateway".to_owned(), format!("{}|{}", pool.id, names.resource_server));
        }
        let mut taken = BTreeSet::new();
        for (id, name) in &exported.clients {
            let short = if *name == names.app_client { "gateway" } else { name.as_str() };
            let short: String = short.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            let to = format!("aws_cognito_user_pool_client.{}", identifier(&short, &mut taken));
            add(to, format!("{}/{id}", pool.id));
        }
    }
    if let Some(role) = stack.role.as_ref().filter(|_| exported.has_own_role()) {
        add("aws_iam_role.gateway".to_owned(), role.name.clone());
        if stack.base_policy.is_some() {
            let policy = BASE_POLICY;
            add("aws_iam_role_policy.gateway_base".to_owned(), format!("{}:{policy}", role.name));
        }
        for policy in stack.grants.keys() {
            let to = format!("aws_iam_role_policy.gateway_{}", policy.replace('-', "_"));
            add(to, format!("{}:{policy}", role.name));
        }
    }
    if let Some(role) = &stack.sample.role {
        add("aws_iam_role.sample".to_owned(), role.name.clone());
        if stack.sample.policy.is_some() {
            let policy = FUNCTION_POLICY;
            add("aws_iam_role_policy.sample".to_owned(), format!("{}:{policy}", role.name));
        }
    }
    if stack.sample.log_group.is_some() {
        add("aws_cloudwatch_log_group.sample".to_owned(), names.function_log_group.clone());
    }
    if stack.sample.function.is_some() {
        add("aws_lambda_function.sample".to_owned(), names.function.clone());
    }
    add("aws_bedrockagentcore_gateway.gateway".to_owned(), gateway.id().to_owned());
    let mut taken = BTreeSet::new();
    for (name, document) in &exported.targets {
        let short = identifier(name.as_str(), &mut taken);
        if let Some((kind, provider)) = own_provider(names, document) {
            let kind = match kind {
                ProviderKind::ApiKey => "api_key",
                ProviderKind::Oauth2 => "oauth2",
            };
            add(format!("aws_bedrockagentcore_{kind}_credential_provider.{short}"), provider.to_owned());
        }
        let id = document["targetId"].as_str().unwrap_or_default();
        add(format!("aws_bedrockagentcore_gateway_target.{short}"), format!("{},{id}", gateway.id()));
    }
    let delivery = gateway.delivery_names();
    if gateway.delivers_logs {
        add("aws_cloudwatch_log_group.gateway".to_owned(), delivery.log_group.clone());
    }
    for (kind, name) in [("logs", &delivery.logs), ("traces", &delivery.traces)] {
        if let Some(id) = exported.deliveries.get(name) {
            add(format!("aws_cloudwatch_log_delivery_source.{kind}"), name.clone());
            add(format!("aws_cloudwatch_log_delivery_destination.{kind}"), name.clone());
            add(format!("aws_cloudwatch_log_delivery.{kind}"), id.clone());
        }
    }
    blocks
}
