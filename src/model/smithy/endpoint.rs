//! Evaluates the endpoint rule set of a Smithy model (Smithy 2.0, "Rules engine").

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::{Map, Value, json};

use crate::model::http_request::encode;

/// The endpoint of a service, and how requests to it are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub url: String,
    /// If it differs from the service's own.
    pub signing_name: Option<String>,
    pub signing_region: Option<String>,
}

/// Partitions: the prefix of their regions, their name, DNS suffix and dual-stack DNS suffix, if any.
const PARTITIONS: [(&str, &str, &str, &str); 8] = [
    ("cn-", "aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com", "api.aws"),
    ("us-iso-", "aws-iso", "c2s.ic.gov", ""),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov", ""),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("eusc-", "aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("", "aws", "amazonaws.com", "api.aws"),
];

/// Finds the endpoint for these parameters.
///
/// # Errors
///
/// The rule set's own message if it has no endpoint for them; or why it cannot be evaluated.
pub(super) fn resolve(rules: &Value, given: &BTreeMap<String, Value>) -> Result<Endpoint, String> {
    let mut scope = Map::new();
    for (name, parameter) in rules["parameters"].as_object().into_iter().flatten() {
        let value = given.get(name).or(parameter.get("default"));
        scope.extend(value.map(|value| (name.clone(), value.clone())));
    }
    match first_of(&rules["rules"], &scope)? {
        Some(endpoint) => Ok(endpoint),
        None => Err("no rule of its endpoint rule set fits".to_owned()),
    }
}

/// The endpoint of a service without a rule set: the default of botocore's `endpoints.json`,
/// `{service}.{region}.{dnsSuffix}`.
pub(super) fn usual(prefix: &str, region: &str) -> Endpoint {
    let partition = partition(region);
    let suffix = partition["dnsSuffix"].as_str().unwrap_or("amazonaws.com");
    Endpoint { url: format!("https://{prefix}.{region}.{suffix}"), signing_name: None, signing_region: None }
}

/// The endpoint of the first rule whose conditions hold.
fn first_of(rules: &Value, scope: &Map<String, Value>) -> Result<Option<Endpoint>, String> {
    for rule in rules.as_array().into_iter().flatten() {
        let mut scope = scope.clone();
        if !all_hold(&rule["conditions"], &mut scope)? {
            continue;
        }
        return match rule["type"].as_str() {
            Some("endpoint") => endpoint(&rule["endpoint"], &scope).map(Some),
            Some("error") => Err(text(&evaluate(&rule["error"], &scope)?).to_owned()),
            Some("tree") => match first_of(&rule["rules"], &scope)? {
                Some(endpoint) => Ok(Some(endpoint)),
                None => Err("no rule of its endpoint rule set fits".to_owned()),
            },
            _ => Err("its endpoint rule set has a rule of an unknown type".to_owned()),
        };
    }
    Ok(None)
}

fn all_hold(conditions: &Value, scope: &mut Map<String, Value>) -> Result<bool, String> {
    for condition in conditions.as_array().into_iter().flatten() {
        let value = evaluate(condition, scope)?;
        if matches!(value, Value::Null | Value::Bool(false)) {
            return Ok(false);
        }
        if let Some(name) = condition["assign"].as_str() {
            scope.insert(name.to_owned(), value);
        }
    }
    Ok(true)
}

fn endpoint(rule: &Value, scope: &Map<String, Value>) -> Result<Endpoint, String> {
    let url = evaluate(&rule["url"], scope)?;
    let scheme = &rule["properties"]["authSchemes"][0];
    let named = |member: &str| -> Result<Option<String>, String> {
        match scheme.get(member) {
            None => Ok(None),
            Some(value) => Ok(Some(text(&evaluate(value, scope)?).to_owned())),
        }
    };
    let signing_region = match named("signingRegion")? {
        None => scheme["signingRegionSet"][0].as_str().map(str::to_owned),
        named => named,
    };
    match text(&url) {
        "" => Err("its endpoint rule set gives no address".to_owned()),
        url => Ok(Endpoint { url: url.to_owned(), signing_name: named("signingName")?, signing_region }),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Evaluates a literal, a template, a reference or a function; null if it has no value.
fn evaluate(expression: &Value, scope: &Map<String, Value>) -> Result<Value, String> {
    match expression {
        Value::String(template) => filled(template, scope).map(Value::String),
        Value::Object(members) if members.contains_key("ref") => {
            Ok(scope.get(text(&expression["ref"])).cloned().unwrap_or_default())
        }
        Value::Object(members) if members.contains_key("fn") => {
            let arguments = expression["argv"].as_array().into_iter().flatten();
            let arguments = arguments.map(|argument| evaluate(argument, scope)).collect::<Result<Vec<_>, _>>()?;
            call(text(&expression["fn"]), &arguments)
        }
        other => Ok(other.clone()),
    }
}

/// A template with `{name}` and `{name#path}` filled in.
fn filled(template: &str, scope: &Map<String, Value>) -> Result<String, String> {
    let mut whole = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        whole.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            whole.push_str(brace);
            rest = after;
            continue;
        }
        let (inside, after) = rest.split_once('}').ok_or("its endpoint rule set has an open brace")?;
        let (name, path) = inside.split_once('#').map_or((inside, None), |(name, path)| (name, Some(path)));
        let value = scope.get(name).cloned().unwrap_or_default();
        let value = path.map_or(value.clone(), |path| attribute(&value, path));
        whole.push_str(text(&value));
        rest = after;
    }
    whole.push_str(rest);
    Ok(whole)
}

/// The value at a path such as `resourceId[0]`.
fn attribute(value: &Value, path: &str) -> Value {
    let mut value = value;
    for part in path.split('.') {
        let (name, index) = part.split_once('[').map_or((part, None), |(name, index)| (name, Some(index)));
        if !name.is_empty() {
            value = &value[name];
        }
        if let Some(index) = index {
            let index: usize = index.trim_end_matches(']').parse().unwrap_or(usize::MAX);
            value = value.get(index).unwrap_or(&Value::Null);
        }
    }
    value.clone()
}

fn call(function: &str, arguments: &[Value]) -> Result<Value, String> {
    let argument = |index: usize| arguments.get(index).unwrap_or(&Value::Null);
    let (first, second) = (argument(0), argument(1));
    let is_true = |value: &Value| *value == Value::Bool(true);
    Ok(match function {
        "isSet" => json!(!first.is_null()),
        "not" => json!(!is_true(first)),
        "getAttr" => attribute(first, text(second)),
        "stringEquals" | "booleanEquals" => json!(!first.is_null() && first == second),
        "coalesce" => arguments.iter().find(|value| !value.is_null()).cloned().unwrap_or_default(),
        "ite" => argument(if is_true(first) { 1 } else { 2 }).clone(),
        "split" => split(text(first), text(second), argument(2).as_u64().unwrap_or_default()),
        "uriEncode" => json!(encode(text(first))),
        "substring" => substring(first, second.as_u64(), argument(2).as_u64(), is_true(argument(3))),
        "parseURL" => parse_url(text(first)),
        "isValidHostLabel" => json!(is_host_label(text(first), is_true(second))),
        "aws.partition" => partition(text(first)),
        "aws.parseArn" => parse_arn(text(first)),
        "aws.isVirtualHostableS3Bucket" => json!(is_bucket_host(text(first), is_true(second))),
        other => return Err(format!("its endpoint rule set calls the function `{other}`, which is not known here")),
    })
}

fn split(text: &str, delimiter: &str, limit: u64) -> Value {
    if delimiter.is_empty() {
        return Value::Null;
    }
    match usize::try_from(limit) {
        Ok(limit) if limit > 0 => text.splitn(limit, delimiter).collect(),
        _ => text.split(delimiter).collect(),
    }
}

/// A part of an ASCII text; null if the text is not ASCII, or too short.
fn substring(input: &Value, start: Option<u64>, stop: Option<u64>, reverse: bool) -> Value {
    let (Some(text), Some(start), Some(stop)) = (input.as_str(), start, stop) else { return Value::Null };
    let (Ok(start), Ok(stop)) = (usize::try_from(start), usize::try_from(stop)) else { return Value::Null };
    if !text.is_ascii() || start >= stop || stop > text.len() {
        return Value::Null;
    }
    let range = if reverse { text.len() - stop..text.len() - start } else { start..stop };
    json!(text[range])
}

fn parse_url(url: &str) -> Value {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme)) else {
        return Value::Null;
    };
    if rest.contains(['?', '#']) {
        return Value::Null;
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once(':').filter(|(host, _)| !host.ends_with(':')).map_or(authority, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let trimmed = path.trim_end_matches('/');
    json!({
        "scheme": scheme,
        "authority": authority,
        "path": trimmed,
        "normalizedPath": format!("{trimmed}/"),
        "isIp": bare.parse::<IpAddr>().is_ok(),
    })
}

pub(super) fn is_host_label(text: &str, may_have_dots: bool) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.starts_with(|first: char| first.is_ascii_alphanumeric())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if may_have_dots { text.split('.').all(is_label) } else { is_label(text) }
}

/// Whether a bucket's name can be a part of S3's host.
fn is_bucket_host(name: &str, may_have_dots: bool) -> bool {
    let is_label = |label: &str| {
        let is_edge = |edge: Option<u8>| edge.is_some_and(|edge| edge.is_ascii_lowercase() || edge.is_ascii_digit());
        label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && is_edge(label.bytes().next())
            && is_edge(label.bytes().last())
    };
    (3..=63).contains(&name.len())
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && if may_have_dots { name.split('.').all(is_label) } else { is_label(name) }
}

fn partition(region: &str) -> Value {
    let found = PARTITIONS.iter().find(|(begin, ..)| region.starts_with(begin));
    let Some((_, name, suffix, dual_stack)) = found.filter(|_| !region.is_empty()) else { return Value::Null };
    json!({
        "name": name,
        "dnsSuffix": suffix,
        "dualStackDnsSuffix": if dual_stack.is_empty() { suffix } else { dual_stack },
        "supportsFIPS": true,
        "supportsDualStack": !dual_stack.is_empty(),
    })
}

fn parse_arn(arn: &str) -> Value {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, resource] = parts[..] else { return Value::Null };
    if partition.is_empty() || service.is_empty() || resource.is_empty() {
        return Value::Null;
    }
    let ids: Vec<&str> = resource.split([':', '/']).collect();
    json!({ "partition": partition, "service": service, "region": region, "accountId": account, "resourceId": ids })
}
