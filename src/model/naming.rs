//! The names of a stack's resources, derived from region and gateway name (and, for the pool domain, whose
//! prefix is global, from the account). So a second run finds what the first one created.

use std::collections::BTreeMap;

use aws_lc_rs::digest;

use super::name::{GatewayName, Region};

/// Tag that names the stack a resource belongs to.
pub const TAG_STACK: &str = "agentcore-gw:stack";
/// Tag that says who manages the resource.
pub const TAG_MANAGED_BY: &str = "agentcore-gw:managed-by";
/// Prefix of the keys of the anchor's tags that name credential providers: cleanup finds providers by them even
/// if no list shows them yet.
pub const TAG_PROVIDER: &str = "agentcore-gw:provider:";
/// Prefix of the names of all stacks' user pools.
pub const USER_POOL_PREFIX: &str = "agentcore-gw-";
/// Value of [`TAG_MANAGED_BY`].
pub const MANAGED_BY: &str = "agentcore-gw";
/// Root of the IAM paths of all stacks. AWS's managed policy BedrockAgentCoreFullAccess allows passing roles of
/// `arn:aws:iam::*:role/*BedrockAgentCore*` to the service, and no others.
pub const IAM_PATH_ROOT: &str = "/BedrockAgentCore/agentcore-gw/";
/// The former root; existing roles stay there.
pub const OLD_IAM_PATH_ROOT: &str = "/agentcore-gw/";
/// Tag of the anchor, and its value, that records that AWS refused traces.
pub const TAG_TRACES: (&str, &str) = ("agentcore-gw:traces", "refused");
/// Name of the inline policy for everything that the stack creates itself.
pub const BASE_POLICY: &str = "base";
/// Names of the inline policies for what the user supplies: functions, schemas in S3, API keys, OAuth clients,
/// AWS services, REST APIs, MCP servers, addresses that the role signs requests for, and the gateway's interceptors and
/// policy engine.
pub const GRANTS: [&str; 10] = [
    "lambda",
    "s3",
    "api-key",
    "oauth",
    "smithy",
    "api-gateway",
    "mcp-server",
    "iam-service",
    "interceptor",
    "policy-engine",
];
/// Name of the inline policy of the sample function's role.
pub const FUNCTION_POLICY: &str = "logs";
/// Prefix of the names of the app clients of further consumers, in the stack's own pool.
pub const CONSUMER_PREFIX: &str = "consumer.";
/// The scope that a stack's resource server offers.
pub const SCOPE_NAME: &str = "invoke";

/// Prefix of the names of the log groups of gateways' own logs.
const GATEWAY_LOGS: &str = "/aws/vendedlogs/bedrock-agentcore/gateway/APPLICATION_LOGS/";

/// Maximum length of IAM role names and Lambda function names.
const ROLE_LIMIT: usize = 64;
/// Maximum length of Cognito domain prefixes.
const DOMAIN_LIMIT: usize = 63;
/// Maximum length of credential provider names, so that they fit into a tag's key (128).
const PROVIDER_LIMIT: usize = 100;
/// Maximum length of the names of CloudWatch Logs delivery sources and destinations.
const DELIVERY_LIMIT: usize = 60;

/// The names of all resources of a stack.
#[derive(Debug, Clone)]
pub struct StackNames {
    pub region: Region,
    pub gateway: GatewayName,
    /// The execution role: the stack's anchor.
    pub role: String,
    /// IAM path of the stack's new roles, with slashes at both ends.
    pub iam_path: String,
    /// IAM path where older roles may be.
    old_iam_path: String,
    pub function: String,
    pub function_role: String,
    pub function_log_group: String,
    pub user_pool: String,
    pub app_client: String,
    /// Identifier and name of the resource server.
    pub resource_server: String,
    /// The full OAuth scope, `{resource server}/{scope}`.
    pub scope: String,
    hash: String,
}

impl StackNames {
    pub fn new(region: &Region, gateway: &GatewayName) -> Self {
        let hash = short_hash(&[region.as_str(), gateway.as_str()]);
        let function = fit("agw-", gateway.as_str(), &format!("-{hash}-sample"), ROLE_LIMIT);
        Self {
            role: fit("agw-", gateway.as_str(), &format!("-{hash}"), ROLE_LIMIT),
            iam_path: format!("{IAM_PATH_ROOT}{region}/{gateway}/"),
            old_iam_path: format!("{OLD_IAM_PATH_ROOT}{region}/{gateway}/"),
            function_role: function.clone(),
            function_log_group: format!("/aws/lambda/{function}"),
            function,
            user_pool: format!("{USER_POOL_PREFIX}{gateway}"),
            app_client: format!("agentcore-gw-{gateway}"),
            resource_server: gateway.to_string(),
            scope: format!("{gateway}/{SCOPE_NAME}"),
            region: region.clone(),
            gateway: gateway.clone(),
            hash,
        }
    }

    /// Whether a role at this IAM path may be the stack's.
    pub fn has_iam_path(&self, path: &str) -> bool {
        path == self.iam_path || path == self.old_iam_path
    }

    /// The ARN of the execution role that the stack creates in an account.
    pub fn role_arn(&self, account: &str) -> String {
        format!("arn:{}:iam::{account}:role{}{}", self.region.partition().name, self.iam_path, self.role)
    }

    /// Whether this is the ARN of the execution role that the stack creates.
    pub fn is_role_arn(&self, arn: &str) -> bool {
        let path = arn.strip_suffix(&self.role).and_then(|rest| rest.split_once(":role"));
        path.is_some_and(|(_, path)| self.has_iam_path(path))
    }

    /// Whether this is the ARN of the sample function that the stack creates.
    pub fn is_function_arn(&self, arn: &str) -> bool {
        arn.ends_with(&format!(":function:{}", self.function))
    }

    /// IAM pattern for the functions that this stack creates.
    pub fn function_pattern(&self) -> String {
        format!("agw-*-{}-*", self.hash)
    }

    /// IAM pattern for the credential providers that this stack creates.
    pub fn provider_pattern(&self) -> String {
        format!("agw-*-{}*", self.hash)
    }

    /// The name of a target's credential provider; `attempt` 0 is the first choice, 1 is `…-2`, for a name that is
    /// still reserved after a deletion.
    pub fn provider(&self, target: &str, attempt: u32) -> String {
        let suffix = if attempt == 0 { self.hash.clone() } else { format!("{}-{}", self.hash, attempt + 1) };
        fit("agw-", target, &format!("-{suffix}"), PROVIDER_LIMIT)
    }

    /// Whether a credential provider of this name was created by this stack.
    pub fn owns_provider(&self, name: &str) -> bool {
        let unnumbered = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
        let hash = format!("-{}", self.hash);
        name.starts_with("agw-") && (name.ends_with(&hash) || unnumbered.ends_with(&hash))
    }

    /// Whether a credential provider of this name was created by this stack for the target.
    pub fn owns_provider_of(&self, target: &str, name: &str) -> bool {
        self.owns_provider(name) && name.starts_with(&self.provider(target, 0))
    }

    /// The id of the gateway of this stack's name that a log or trace delivery of this name belongs to.
    pub fn gateway_of_delivery(&self, delivery: &str) -> Option<String> {
        let named = delivery.strip_suffix("-logs").or_else(|| delivery.strip_suffix("-traces"))?;
        let (_, unique) = named.rsplit_once('-')?;
        self.gateway_with_id(unique).filter(|id| DeliveryNames::new(id).has(delivery))
    }

    /// The id of the gateway of this stack's name whose own logs are in this log group.
    pub fn gateway_of_log_group(&self, group: &str) -> Option<String> {
        let (_, unique) = group.strip_prefix(GATEWAY_LOGS)?.rsplit_once('-')?;
        self.gateway_with_id(unique).filter(|id| DeliveryNames::new(id).log_group == group)
    }

    /// Gateway ids end in exactly ten characters.
    fn gateway_with_id(&self, unique: &str) -> Option<String> {
        (unique.len() == 10).then(|| format!("{}-{unique}", self.lower_gateway()))
    }

    /// Prefix of the names of the log groups of this stack's gateways.
    pub fn log_group_prefix(&self) -> String {
        format!("{GATEWAY_LOGS}{}-", self.lower_gateway())
    }

    /// The `Sid` of the statement that is for one target alone.
    pub fn statement_of(&self, target: &str) -> String {
        format!("Target{}", short_hash(&[target]))
    }

    /// The gateway's name as it appears in its id, its ARN and its workload identity.
    pub fn lower_gateway(&self) -> String {
        self.gateway.as_str().to_ascii_lowercase()
    }

    /// The pool domain's prefix; `attempt` 0 is the first choice, 1 is `…-2`, and so on.
    pub fn domain(&self, account: &str, attempt: u32) -> String {
        let hash = short_hash(&[account, self.region.as_str(), self.gateway.as_str()]);
        let suffix = if attempt == 0 { hash } else { format!("{hash}-{}", attempt + 1) };
        match domain_slug(self.gateway.as_str()) {
            slug if slug.is_empty() => format!("agw-{suffix}"),
            slug => fit("agw-", &slug, &format!("-{suffix}"), DOMAIN_LIMIT),
        }
    }

    /// The tags of every resource that the stack owns, including the user's own tags.
    pub fn tags(&self, user: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut tags = user.clone();
        tags.insert(TAG_STACK.to_owned(), self.gateway.to_string());
        tags.insert(TAG_MANAGED_BY.to_owned(), MANAGED_BY.to_owned());
        tags
    }

    /// Whether a resource with these tags belongs to this stack.
    pub fn owns(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(TAG_STACK).is_some_and(|gateway| gateway == self.gateway.as_str())
    }
}

/// The names of a gateway's log group, log delivery and trace delivery, derived from the gateway's id.
#[derive(Debug, Clone)]
pub struct DeliveryNames {
    pub log_group: String,
    pub logs: String,
    pub traces: String,
}

impl DeliveryNames {
    pub fn new(gateway_id: &str) -> Self {
        // The last ten characters make a gateway id unique, so only the part before them is shortened.
        let (name, unique) = gateway_id.rsplit_once('-').unwrap_or(("agw", gateway_id));
        Self {
            log_group: format!("{GATEWAY_LOGS}{gateway_id}"),
            logs: fit("", name, &format!("-{unique}-logs"), DELIVERY_LIMIT),
            traces: fit("", name, &format!("-{unique}-traces"), DELIVERY_LIMIT),
        }
    }

    /// Whether one of the two deliveries has this name.
    fn has(&self, delivery: &str) -> bool {
        self.logs == delivery || self.traces == delivery
    }
}

/// The consumer whose app client has this name.
pub fn consumer_of(client_name: &str) -> Option<&str> {
    client_name.strip_prefix(CONSUMER_PREFIX).filter(|name| !name.is_empty())
}

/// `prefix + middle + suffix`, the middle cut so that the whole has at most `limit` characters.
fn fit(prefix: &str, middle: &str, suffix: &str, limit: usize) -> String {
    let room = limit.saturating_sub(prefix.len() + suffix.len());
    let cut: String = middle.chars().take(room).collect();
    format!("{prefix}{}{suffix}", cut.trim_end_matches('-'))
}

/// Lower case, without the words that Cognito rejects in a domain.
fn domain_slug(name: &str) -> String {
    let mut slug = name.to_ascii_lowercase();
    while let Some(word) = ["aws", "amazon", "cognito"].into_iter().find(|word| slug.contains(word)) {
        slug = slug.replace(word, "");
    }
    slug.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Eight hex digits of a SHA-256 over `parts`.
pub(super) fn short_hash(parts: &[&str]) -> String {
    let digest = digest::digest(&digest::SHA256, parts.join("\n").as_bytes());
    digest.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(region: &str, gateway: &str) -> StackNames {
        StackNames::new(&region.parse().unwrap(), &gateway.parse().unwrap())
    }

    #[test]
    fn names_are_stable() {
        let names = names("us-west-2", "weather-gateway");
        assert_eq!(names.role, "agw-weather-gateway-3b16a739");
        assert_eq!(names.function, "agw-weather-gateway-3b16a739-sample");
        assert_eq!(names.iam_path, "/BedrockAgentCore/agentcore-gw/us-west-2/weather-gateway/");
        for root in [IAM_PATH_ROOT, OLD_IAM_PATH_ROOT] {
            let arn = format!("arn:aws:iam::1:role{root}us-west-2/weather-gateway/{}", names.role);
            assert!(names.is_role_arn(&arn) && !names.is_role_arn(&format!("{arn}x")), "{arn}");
        }
        assert_eq!(names.scope, "weather-gateway/invoke");
    }

    #[test]
    fn long_names_fit_and_keep_their_hash() {
        let long = "x-".repeat(48);
        let names = names("us-west-2", &long);
        for name in [&names.role, &names.function] {
            assert!(name.len() <= ROLE_LIMIT && name.contains(&names.hash), "{name}");
        }
        let domain = names.domain("000000000000", 1);
        assert!(domain.len() <= DOMAIN_LIMIT && domain.ends_with("-2"), "{domain}");
        let delivery = DeliveryNames::new(&format!("{long}-abcdefghij"));
        assert!(delivery.traces.len() <= DELIVERY_LIMIT && delivery.traces.contains("abcdefghij"));
    }

    #[test]
    fn providers_of_a_stack_are_known_by_their_names() {
        let names = names("us-west-2", "g");
        let [first, second] = [names.provider("api", 0), names.provider("api", 1)];
        assert!(names.owns_provider_of("api", &first) && names.owns_provider_of("api", &second), "{second}");
        assert!(!names.owns_provider_of("api-2", &first) && names.owns_provider(&names.provider(&"x".repeat(100), 0)));
        let other = StackNames::new(&"us-west-2".parse().unwrap(), &"h".parse().unwrap());
        assert!(!other.owns_provider(&first) && !other.owns_provider(&second));
        assert!(!names.owns_provider("mine") && !names.owns_provider("agw-mine"));
    }

    #[test]
    fn a_delivery_tells_its_gateway() {
        let long = format!("{}-Gateway", "x".repeat(40));
        for name in ["g", "Weather-Gateway", &long] {
            let stack = names("us-west-2", name);
            let id = format!("{}-abcdefghij", name.to_lowercase());
            let delivery = DeliveryNames::new(&id);
            for found in [&delivery.logs, &delivery.traces] {
                assert_eq!(stack.gateway_of_delivery(found).as_deref(), Some(id.as_str()), "{found}");
                assert_eq!(names("us-west-2", "other").gateway_of_delivery(found), None);
            }
            assert_eq!(stack.gateway_of_log_group(&delivery.log_group), Some(id));
            assert!(delivery.log_group.starts_with(&stack.log_group_prefix()));
        }
        let stack = names("us-west-2", "g");
        for other in ["g-logs", "g-abcdefghij", "g-abcdefghij-logs-source", "g-2-abcdefghij-logs", "g-short-logs"] {
            assert_eq!(stack.gateway_of_delivery(other), None, "{other}");
        }
    }

    #[test]
    fn region_and_case_make_other_names() {
        assert_ne!(names("us-west-2", "g").role, names("us-east-1", "g").role);
        assert_ne!(names("us-west-2", "G").role.to_lowercase(), names("us-west-2", "g").role);
    }

    #[test]
    fn a_domain_holds_no_reserved_word() {
        for name in ["aws", "My-AWS-Gateway", "aamazonws", "cognito-amazon", "acognaitowsb"] {
            let domain = names("us-west-2", name).domain("123456789012", 0);
            let reserved = ["aws", "amazon", "cognito"].iter().any(|word| domain.contains(word));
            assert!(!reserved && !domain.contains("--"), "{domain}");
        }
    }
}
