//! The stack as a CloudFormation template. Names of types and properties are those of the resource schemas that cfn-lint
//! 1.58 has: the API's members with a capital first letter.

mod targets;
mod words;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use self::words::{attribute, camel, capitals, listed, reference, substituted};
use super::{Document, Exported, own_provider, variable};
use crate::{
    error::Error,
    model::{gateway, sample},
};

/// Members of the API that the resource schemas do not have (cfn-lint 1.58 against botocore 1.44.5).
const NOT_THERE: [&str; 12] = [
    "domainOverride",
    "customTransformConfiguration",
    "protocolConfiguration.mcp.disableMcpListToolsPagination",
    "authorizerConfiguration.customJWTAuthorizer.privateEndpointOverrides",
    "authorizerConfiguration.customJWTAuthorizer.certificateConfigurations",
    "authorizerConfiguration.customJWTAuthorizer.allowedWorkloadConfiguration",
    "certificateConfigurations",
    "targetConfiguration.mcp.connector.source.version",
    "targetConfiguration.http.passthrough.staticQueryParameters",
    "targetConfiguration.http.passthrough.staticQueryParameterConflictResolution",
    "targetConfiguration.http.passthrough.stickinessConfiguration.compositeIdentifier",
    "webAclArn",
];

/// The largest template that CloudFormation takes directly; a larger one goes through S3, up to 1 MB (CloudFormation user
/// guide, "Understand CloudFormation quotas").
const LARGEST_DIRECT: usize = 51_200;

pub(super) fn of(exported: &Exported) -> Result<Document, Error> {
    let mut template = Template {
        exported,
        resources: Map::new(),
        parameters: Map::new(),
        warnings: exported.without_consumers().into_iter().collect(),
        ids: BTreeSet::new(),
        variables: Vec::new(),
    };
    template.pool();
    template.role();
    template.gateway();
    template.sample();
    template.targets();
    template.deliveries();
    let Template { resources, mut parameters, mut warnings, .. } = template;
    let name = &exported.names().gateway;
    let mut document = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("AgentCore gateway {name} (agentcore-gw export)"),
    });
    if resources.contains_key("TraceDelivery") {
        parameters.insert(
            "DeliverTraces".to_owned(),
            json!({
                "Type": "String", "Default": "true", "AllowedValues": ["true", "false"],
                "Description": "Needs Transaction Search of CloudWatch in the account",
            }),
        );
        document["Conditions"] = json!({ "WithTraces": { "Fn::Equals": [reference("DeliverTraces"), "true"] } });
    }
    if !parameters.is_empty() {
        document["Parameters"] = Value::Object(parameters);
    }
    let mut outputs = json!({
        "GatewayUrl": { "Value": attribute("Gateway", "GatewayUrl") },
        "GatewayId": { "Value": attribute("Gateway", "GatewayIdentifier") },
    });
    if resources.contains_key("UserPool") {
        outputs["UserPoolId"] = json!({ "Value": reference("UserPool") });
        outputs["ClientId"] = json!({
            "Description": "aws cognito-idp describe-user-pool-client shows its secret", "Value": reference("AppClient"),
        });
        outputs["Scope"] = json!({ "Value": exported.names().scope });
    }
    document["Resources"] = Value::Object(resources);
    document["Outputs"] = outputs;
    if document.to_string().len() > LARGEST_DIRECT {
        warnings.push(
            "the template is larger than 51,200 bytes: deploy it with `aws cloudformation deploy --s3-bucket BUCKET`"
                .to_owned(),
        );
    }
    warnings.push(format!(
        "the template gives role, function and providers the names that they have: deploy it where `{name}` is not, with \
         CAPABILITY_NAMED_IAM"
    ));
    let comments = [
        format!("`agentcore-gw export {name} --format cloudformation` wrote this."),
        "aws cloudformation deploy --template-file FILE --stack-name NAME --capabilities CAPABILITY_NAMED_IAM"
            .to_owned(),
    ];
    Document::yaml(document, &comments, warnings)
}

struct Template<'a> {
    exported: &'a Exported,
    resources: Map<String, Value>,
    parameters: Map<String, Value>,
    warnings: Vec<String>,
    /// Logical ids of targets that are taken.
    ids: BTreeSet<String>,
    /// Names of secrets that are taken.
    variables: Vec<String>,
}

impl Template<'_> {
    fn add(&mut self, id: &str, kind: &str, properties: Value) {
        self.resources.insert(id.to_owned(), json!({ "Type": kind, "Properties": properties }));
    }

    fn needs(&mut self, id: &str, needed: &str) {
        if let Some(resource) = self.resources.get_mut(id) {
            resource["DependsOn"] = json!(needed);
        }
    }

    /// Gives a resource the user's tags, if there are any.
    fn tag(&mut self, id: &str) {
        let tags = self.exported.tags();
        if let Some(resource) = self.resources.get_mut(id).filter(|_| !tags.is_empty()) {
            resource["Properties"]["Tags"] = listed(&tags);
        }
    }

    /// A secret of the user's, that the template does not have.
    fn secret(&mut self, target: &str, what: &str, description: &str) -> Value {
        let id = camel(&variable(target, what, &mut self.variables).to_ascii_lowercase());
        let described = format!("{description} of the target {target}");
        self.parameters
            .insert(id.clone(), json!({ "Type": "String", "NoEcho": true, "MinLength": 1, "Description": described }));
        reference(&id)
    }

    /// A document without the members that CloudFormation does not have.
    fn known(&mut self, what: &str, document: &Value) -> Value {
        let mut document = document.clone();
        for path in NOT_THERE {
            let mut parts: Vec<&str> = path.split('.').collect();
            let last = parts.pop().unwrap_or_default();
            let place = parts.iter().try_fold(&mut document, |place, name| place.get_mut(*name));
            let removed = place.and_then(Value::as_object_mut).and_then(|members| members.shift_remove(last));
            if removed.is_some_and(|removed| !removed.is_null()) {
                self.warnings.push(format!("{what}: CloudFormation has no `{path}`, which is left out"));
            }
        }
        document
    }

    /// A policy with pseudo parameters in the place of this account, region and partition.
    fn policy(&self, policy: &Value) -> Value {
        match policy {
            Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), self.policy(value))).collect(),
            Value::Array(items) => items.iter().map(|item| self.policy(item)).collect(),
            Value::String(text) => self.place(text),
            value => value.clone(),
        }
    }

    /// Properties with ARNs of this account and region as in policies. A text that looks like a reference is no reference.
    fn placed(&self, properties: &Value) -> Value {
        match properties {
            Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), self.placed(value))).collect(),
            Value::Array(items) => items.iter().map(|item| self.placed(item)).collect(),
            Value::String(text) if text.starts_with("arn:") => self.place(text),
            // `Fn::Sub` escapes it, too, but cfn-lint warns of one without variables.
            Value::String(text) if text.contains("${") => {
                let parts: Vec<&str> = text.split_inclusive('$').collect();
                json!({ "Fn::Join": ["", parts] })
            }
            value => value.clone(),
        }
    }

    fn place(&self, text: &str) -> Value {
        let region = &self.exported.names().region;
        let here = format!(":{region}:");
        let begin = format!("arn:{}:", region.partition().name);
        let account = self.exported.stack.caller.account.as_str();
        let escaped = text.replace("${", "${!");
        let placed = escaped.replacen(&begin, "arn:${AWS::Partition}:", 1).replacen(&here, ":${AWS::Region}:", 1);
        let placed = if text == account {
            "${AWS::AccountId}".to_owned()
        } else {
            placed.replacen(&format!(":{account}:"), ":${AWS::AccountId}:", 1)
        };
        if placed == escaped { json!(text) } else { substituted(&placed) }
    }

    fn pool(&mut self) {
        if !self.exported.has_pool {
            return;
        }
        let (names, tags) = (self.exported.names(), self.exported.tags());
        let mut pool = json!({
            "UserPoolName": names.user_pool, "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": true },
        });
        if !tags.is_empty() {
            pool["UserPoolTags"] = json!(tags);
        }
        self.add("UserPool", "AWS::Cognito::UserPool", pool);
        // A domain's prefix is taken in the whole region: the beginning of the UUID in the stack's id makes it unique.
        let uuid = json!({ "Fn::Select": [2, { "Fn::Split": ["/", reference("AWS::StackId")] }] });
        let unique = json!({ "Fn::Select": [0, { "Fn::Split": ["-", uuid] }] });
        let begin = names.domain(&self.exported.stack.caller.account, 0);
        let begin = begin.rsplit_once('-').map_or(begin.as_str(), |(begin, _)| begin).to_owned();
        self.add(
            "UserPoolDomain",
            "AWS::Cognito::UserPoolDomain",
            json!({
                "UserPoolId": reference("UserPool"),
                "Domain": { "Fn::Sub": [format!("{begin}-${{Unique}}"), { "Unique": unique }] },
            }),
        );
        let scope = names.scope.rsplit_once('/').map_or("invoke", |(_, scope)| scope).to_owned();
        self.add(
            "ResourceServer",
            "AWS::Cognito::UserPoolResourceServer",
            json!({
                "UserPoolId": reference("UserPool"), "Identifier": names.resource_server, "Name": names.resource_server,
                "Scopes": [{ "ScopeName": scope, "ScopeDescription": "Call the gateway's tools" }],
            }),
        );
        self.add(
            "AppClient",
            "AWS::Cognito::UserPoolClient",
            json!({
                "UserPoolId": reference("UserPool"), "ClientName": names.app_client, "GenerateSecret": true,
                "AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": [names.scope],
                "AllowedOAuthFlowsUserPoolClient": true,
            }),
        );
        // Cognito refuses scopes that its resource servers do not have.
        self.needs("AppClient", "ResourceServer");
    }

    fn role(&mut self) {
        let stack = &self.exported.stack;
        let Some(role) = stack.role.as_ref().filter(|_| self.exported.has_own_role()) else { return };
        let base = stack.base_policy.iter().map(|policy| ("base", policy));
        let policies = base.chain(stack.grants.iter().map(|(name, policy)| (*name, policy)));
        let policies: Vec<Value> = policies
            .map(|(name, policy)| json!({ "PolicyName": name, "PolicyDocument": self.policy(policy) }))
            .collect();
        let mut properties = json!({
            "RoleName": role.name, "Path": role.path,
            "Description": format!("Execution role of the AgentCore gateway {}", stack.names.gateway),
            "AssumeRolePolicyDocument": self.policy(&role.trust), "Policies": policies,
        });
        if let Some(boundary) = &role.boundary {
            properties["PermissionsBoundary"] = json!(boundary);
        }
        self.add("GatewayRole", "AWS::IAM::Role", properties);
        self.tag("GatewayRole");
    }

    fn gateway(&mut self) {
        let mut document = self.exported.gateway.document.0.clone();
        if let Some(members) = document.as_object_mut() {
            members.retain(|name, _| !gateway::READ_ONLY.contains(&name.as_str()));
        }
        let document = self.known("the gateway", &document);
        let mut properties = self.placed(&capitals(&document));
        if self.exported.has_own_role() {
            properties["RoleArn"] = attribute("GatewayRole", "Arn");
        }
        if self.exported.has_pool {
            let jwt = &mut properties["AuthorizerConfiguration"]["CustomJWTAuthorizer"];
            jwt["DiscoveryUrl"] = substituted(
                "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${UserPool}/.well-known/openid-configuration",
            );
            let of_pool = |id: &Value| self.exported.clients.iter().any(|(own, _)| id == own);
            let others = jwt["AllowedClients"].as_array().into_iter().flatten().filter(|id| !of_pool(id));
            let allowed: Vec<Value> = others.cloned().chain([reference("AppClient")]).collect();
            jwt["AllowedClients"] = json!(allowed);
        }
        let tags = self.exported.tags();
        if !tags.is_empty() {
            properties["Tags"] = json!(tags);
        }
        self.add("Gateway", "AWS::BedrockAgentCore::Gateway", properties);
        if self.exported.has_pool {
            // AgentCore reads the pool's OpenID document when it makes the gateway.
            self.needs("Gateway", "UserPoolDomain");
        }
    }

    fn sample(&mut self) {
        let stack = &self.exported.stack;
        let Some(role) = stack.sample.role.as_ref().filter(|_| stack.sample.function.is_some()) else { return };
        let names = &stack.names;
        self.add(
            "SampleLogGroup",
            "AWS::Logs::LogGroup",
            json!({
                "LogGroupName": names.function_log_group, "RetentionInDays": sample::LOG_RETENTION_DAYS,
            }),
        );
        self.deleted_with_stack("SampleLogGroup");
        let logs = stack.sample.policy.as_ref().map(|policy| self.policy(policy));
        let policies: Vec<Value> =
            logs.into_iter().map(|logs| json!({ "PolicyName": "logs", "PolicyDocument": logs })).collect();
        self.add(
            "SampleRole",
            "AWS::IAM::Role",
            json!({
                "RoleName": names.function_role, "Path": role.path,
                "Description": format!("Role of the sample function of the AgentCore gateway {}", names.gateway),
                "AssumeRolePolicyDocument": self.policy(&role.trust), "Policies": policies,
            }),
        );
        self.add(
            "SampleFunction",
            "AWS::Lambda::Function",
            json!({
                "FunctionName": names.function, "Role": attribute("SampleRole", "Arn"), "Runtime": sample::RUNTIME,
                "Description": format!("Sample tools of the AgentCore gateway {}", names.gateway),
                // CloudFormation calls a file of inline code `index`.
                "Handler": sample::HANDLER.replace("lambda_function.", "index."), "Timeout": 10,
                "Code": { "ZipFile": sample::SOURCE },
            }),
        );
        self.needs("SampleFunction", "SampleLogGroup");
        for id in ["SampleLogGroup", "SampleRole", "SampleFunction"] {
            self.tag(id);
        }
    }

    /// cfn-lint wants it said what becomes of data.
    fn deleted_with_stack(&mut self, id: &str) {
        if let Some(resource) = self.resources.get_mut(id) {
            resource["DeletionPolicy"] = json!("Delete");
            resource["UpdateReplacePolicy"] = json!("Delete");
        }
    }

    fn deliveries(&mut self) {
        let gateway = &self.exported.gateway;
        let names = gateway.delivery_names();
        // Of the gateway's id, only the last part is known no earlier than it is made.
        let parts = self.exported.names().gateway.as_str().split('-').count();
        let unique =
            json!({ "Fn::Select": [parts, { "Fn::Split": ["-", attribute("Gateway", "GatewayIdentifier")] }] });
        let name = |name: &str| {
            let id = gateway.id();
            let own = id.rsplit_once('-').map_or(id, |(_, own)| own);
            json!({ "Fn::Sub": [name.replacen(own, "${Unique}", 1), { "Unique": unique }] })
        };
        let (logs, traces) = (name(&names.logs), name(&names.traces));
        if gateway.delivers_logs {
            let group = names.log_group.trim_end_matches(gateway.id()).to_owned();
            let mut properties =
                json!({ "LogGroupName": substituted(&format!("{group}${{Gateway.GatewayIdentifier}}")) });
            if let Some(days) = self.exported.log_retention {
                properties["RetentionInDays"] = json!(days);
            }
            self.add("GatewayLogGroup", "AWS::Logs::LogGroup", properties);
            self.deleted_with_stack("GatewayLogGroup");
            // The group's own ARN ends in `:*`, which is no destination.
            let arn = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${GatewayLogGroup}";
            let destination = json!({ "Name": logs, "DestinationResourceArn": substituted(arn) });
            self.delivery("Log", "APPLICATION_LOGS", &logs, destination);
        }
        if gateway.delivers_traces {
            let destination = json!({ "Name": traces, "DeliveryDestinationType": "XRAY" });
            self.delivery("Trace", "TRACES", &traces, destination);
            for id in ["TraceDeliverySource", "TraceDeliveryDestination", "TraceDelivery"] {
                if let Some(resource) = self.resources.get_mut(id) {
                    resource["Condition"] = json!("WithTraces");
                }
            }
        }
    }

    fn delivery(&mut self, kind: &str, log_type: &str, name: &Value, destination: Value) {
        let [source_id, destination_id, id] = ["Source", "Destination", ""].map(|part| format!("{kind}Delivery{part}"));
        let source = json!({ "Name": name, "ResourceArn": attribute("Gateway", "GatewayArn"), "LogType": log_type });
        self.add(&source_id, "AWS::Logs::DeliverySource", source);
        self.add(&destination_id, "AWS::Logs::DeliveryDestination", destination);
        let delivery = json!({
            "DeliverySourceName": reference(&source_id), "DeliveryDestinationArn": attribute(&destination_id, "Arn"),
        });
        self.add(&id, "AWS::Logs::Delivery", delivery);
        for id in [source_id, destination_id, id] {
            self.tag(&id);
        }
    }
}
