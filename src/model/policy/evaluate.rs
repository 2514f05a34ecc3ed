//! Policy evaluation: the part of IAM's logic that gateways, functions, roles and callers need.

use serde_json::Value;

/// An authorization request.
#[derive(Debug)]
pub struct Request<'a> {
    pub action: &'a str,
    /// Empty for a trust policy, which has no resource; `None` if the resource is not known.
    pub resource: Option<&'a str>,
    /// The principal, for policies with principals: its kind (`Service`, `AWS`) and name.
    pub principal: Option<(&'a str, &'a str)>,
    /// Condition keys in lower case, with their values.
    pub context: &'a [(&'a str, &'a str)],
}

/// The result of evaluating policies for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    /// Overrides any allow.
    ExplicitDeny,
    /// No statement applies.
    ImplicitDeny,
}

/// Evaluates a set of policy documents for a request.
pub fn evaluate<'a>(documents: impl IntoIterator<Item = &'a str>, request: &Request<'_>) -> Verdict {
    let statements: Vec<Value> = documents.into_iter().flat_map(statements).collect();
    let applies = |effect: &str| {
        statements.iter().any(|statement| statement["Effect"] == effect && statement_matches(statement, request))
    };
    if applies("Deny") {
        Verdict::ExplicitDeny
    } else if applies("Allow") {
        Verdict::Allow
    } else {
        Verdict::ImplicitDeny
    }
}

/// Whether a document's statements can be evaluated with the values of these condition keys (lower case): no other key,
/// policy variable or operator is in them. Where one is, the verdict may be wrong either way.
pub fn is_certain(document: &str, context: &[(&str, &str)]) -> bool {
    let is_known = |key: &str| context.iter().any(|(name, _)| *name == key.to_lowercase());
    let knows_conditions = |statement: &Value| {
        let operators = statement["Condition"].as_object().into_iter().flatten();
        operators.into_iter().all(|(operator, keys)| {
            is_evaluated(operator) && keys.as_object().into_iter().flatten().all(|(key, _)| is_known(key))
        })
    };
    let knows_variables =
        |text: &str| text.split("${").skip(1).all(|rest| rest.split_once('}').is_some_and(|(key, _)| is_known(key)));
    statements(document).iter().all(|statement| knows_conditions(statement) && knows_variables(&statement.to_string()))
}

/// What keeps a trust policy's statements from allowing a request: of each that applies but for its conditions, those
/// that do not hold, as `KEY is VALUE, and OPERATOR wants WANTED`. Empty if no statement is about this principal and action.
pub fn failing_conditions(document: &str, request: &Request<'_>) -> Vec<String> {
    let mut failing = Vec::new();
    for statement in statements(document) {
        let mut without = statement.clone();
        without["Condition"] = Value::Null;
        if statement["Effect"] != "Allow" || !statement_matches(&without, request) {
            continue;
        }
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            for (key, wanted) in keys.as_object().into_iter().flatten() {
                let found = value_of(key, request);
                if !holds(operator, wanted, found, request) {
                    let wanted = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
                    failing.push(format!("{key} is {}, and {operator} wants {wanted}", found.unwrap_or("nothing")));
                }
            }
        }
    }
    failing
}

fn statements(document: &str) -> Vec<Value> {
    match serde_json::from_str::<Value>(document).map(|mut document| document["Statement"].take()) {
        Ok(Value::Array(statements)) => statements,
        Ok(statement @ Value::Object(_)) => vec![statement],
        _ => Vec::new(),
    }
}

fn statement_matches(statement: &Value, request: &Request<'_>) -> bool {
    let action = request.action.to_lowercase();
    let is_action = |pattern: &str| glob(&pattern.to_lowercase(), &action);
    let is_resource = |pattern: &str| match request.resource {
        Some(resource) => glob(&expand_policy_variables(pattern, request), resource),
        // The resource is unknown: an Allow may match it, but a Deny certainly does only if it covers all resources.
        None => statement["Effect"] == "Allow" || pattern == "*",
    };
    let action = match &statement["NotAction"] {
        Value::Null => listed(&statement["Action"], is_action),
        not => !listed(not, is_action),
    };
    let resource = match (&statement["Resource"], &statement["NotResource"]) {
        (Value::Null, Value::Null) => true,
        // An Allow may match an unknown resource, too; that a Deny does is not certain.
        (Value::Null, not) if request.resource.is_none() => statement["Effect"] == "Allow" && !not.is_null(),
        (Value::Null, not) => !listed(not, is_resource),
        (resource, _) => listed(resource, is_resource),
    };
    action
        && resource
        && principal_matches(&statement["Principal"], request)
        && conditions_hold(&statement["Condition"], request)
}

/// Whether a statement's principal matches the request. Identity policies have none, and neither have requests
/// to evaluate against them.
fn principal_matches(principals: &Value, request: &Request<'_>) -> bool {
    match (principals, request.principal) {
        (Value::Null, None) => true,
        (Value::String(all), Some(_)) => all == "*",
        (Value::Object(_), Some((kind, who))) => listed(&principals[kind], |named| named == who || named == "*"),
        _ => false,
    }
}

/// A policy element is one string or a list of them.
fn listed(element: &Value, matches: impl Fn(&str) -> bool) -> bool {
    match element {
        Value::String(text) => matches(text),
        Value::Array(items) => items.iter().filter_map(Value::as_str).any(matches),
        _ => false,
    }
}

/// Whether a condition operator, which may have a prefix and suffix, is supported.
pub fn is_evaluated(operator: &str) -> bool {
    let bare = operator.strip_prefix("ForAnyValue:").or(operator.strip_prefix("ForAllValues:")).unwrap_or(operator);
    bare == "Null" || Test::of(bare.strip_suffix("IfExists").unwrap_or(bare)).is_some()
}

/// The comparison of a condition operator.
#[derive(Clone, Copy)]
struct Test {
    matches: fn(wanted: &str, found: &str) -> bool,
    negated: bool,
}

impl Test {
    fn of(operator: &str) -> Option<Self> {
        let (positive, negated) = match operator.replacen("Not", "", 1) {
            positive if positive == operator => (positive, false),
            positive => (positive, true),
        };
        let matches: fn(&str, &str) -> bool = match positive.as_str() {
            "StringEquals" => |wanted, found| wanted == found,
            "Bool" if !negated => str::eq_ignore_ascii_case,
            "StringEqualsIgnoreCase" => str::eq_ignore_ascii_case,
            // ArnEquals supports wildcards, as ArnLike does.
            "StringLike" | "ArnLike" | "ArnEquals" => glob,
            _ => return None,
        };
        Some(Self { matches, negated })
    }
}

/// Whether all conditions hold. Documents with unsupported operators are refused when they are written.
fn conditions_hold(conditions: &Value, request: &Request<'_>) -> bool {
    let Value::Object(operators) = conditions else { return true };
    operators.iter().all(|(operator, keys)| {
        keys.as_object()
            .into_iter()
            .flatten()
            .all(|(key, wanted)| holds(operator, wanted, value_of(key, request), request))
    })
}

fn holds(operator: &str, wanted: &Value, found: Option<&str>, request: &Request<'_>) -> bool {
    let (for_any, for_all) = (operator.strip_prefix("ForAnyValue:"), operator.strip_prefix("ForAllValues:"));
    let bare = for_any.or(for_all).unwrap_or(operator);
    let values: Vec<String> = match wanted {
        Value::Array(items) => items.iter().map(as_text).collect(),
        one => vec![as_text(one)],
    };
    if bare == "Null" {
        return values.iter().any(|value| value.eq_ignore_ascii_case("true") == found.is_none());
    }
    let Some(test) = Test::of(bare.strip_suffix("IfExists").unwrap_or(bare)) else { return false };
    match found {
        Some(found) => {
            values.iter().any(|value| (test.matches)(&expand_policy_variables(value, request), found)) != test.negated
        }
        // A missing key fails positive operators and satisfies negated ones.
        None => for_all.is_some() || bare.ends_with("IfExists") || (test.negated && for_any.is_none()),
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn value_of<'a>(key: &str, request: &Request<'a>) -> Option<&'a str> {
    let key = key.to_lowercase();
    request.context.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
}

/// Expands policy variables such as `${aws:PrincipalAccount}`.
fn expand_policy_variables(pattern: &str, request: &Request<'_>) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        match after.split_once('}') {
            Some((key, behind)) if value_of(key, request).is_some() => {
                text.push_str(value_of(key, request).unwrap_or_default());
                rest = behind;
            }
            _ => {
                text.push_str("${");
                rest = after;
            }
        }
    }
    text + rest
}

/// IAM's wildcards: `*` for any run of characters, `?` for one.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wildcards_match_as_in_iam() {
        for (pattern, text, matches) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("agw-*-h-*", "agw-weather-gateway-h-sample", true),
            ("gateway/g-??????????", "gateway/g-0123456789", true),
            ("gateway/g-??????????", "gateway/g-012345678", false),
            ("gateway/g-??????????", "gateway/g-x-0123456789", false),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn statements_are_evaluated_as_iam_does() {
        let invoke = |statement: Value| {
            let document = json!({ "Statement": statement }).to_string();
            let context = [("aws:principalaccount", "1"), ("aws:resourceaccount", "1")];
            let request = Request {
                action: "lambda:InvokeFunction",
                resource: Some("arn:f"),
                principal: None,
                context: &context,
            };
            evaluate([document.as_str()], &request)
        };
        let allow = |more: Value| {
            let mut statement = json!({ "Effect": "Allow", "Action": "lambda:*", "Resource": "*" });
            statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            statement
        };
        for (more, expected) in [
            (json!({}), true),
            (json!({ "Action": ["s3:*", "LAMBDA:invoke*"] }), true),
            (json!({ "Resource": "arn:g" }), false),
            (json!({ "Condition": { "StringEquals": { "aws:ResourceAccount": "${aws:PrincipalAccount}" } } }), true),
            (json!({ "Condition": { "StringNotEquals": { "aws:ResourceAccount": ["1", "2"] } } }), false),
            (json!({ "Condition": { "StringEquals": { "aws:Nothing": "1" } } }), false),
            (json!({ "Condition": { "StringEqualsIfExists": { "aws:Nothing": "1" } } }), true),
            (json!({ "Condition": { "StringNotEquals": { "aws:Nothing": "1" } } }), true),
            (json!({ "Condition": { "ForAnyValue:StringNotEquals": { "aws:Nothing": "1" } } }), false),
            (json!({ "Condition": { "ForAllValues:StringEquals": { "aws:Nothing": "1" } } }), true),
            (json!({ "Condition": { "ForAnyValue:StringEquals": { "aws:PrincipalAccount": ["1"] } } }), true),
            (json!({ "Condition": { "StringNotEqualsIgnoreCase": { "aws:PrincipalAccount": "1" } } }), false),
            (json!({ "Condition": { "Null": { "aws:Nothing": true } } }), true),
            (json!({ "Condition": { "Null": { "aws:PrincipalAccount": "true" } } }), false),
            (json!({ "Principal": { "AWS": "*" } }), false),
        ] {
            let verdict = if expected { Verdict::Allow } else { Verdict::ImplicitDeny };
            assert_eq!(invoke(allow(more.clone())), verdict, "{more}");
        }
        let other = json!({ "Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:g" });
        assert_eq!(invoke(other), Verdict::Allow);
        assert_eq!(
            invoke(json!({ "Effect": "Allow", "NotAction": "lambda:*", "Resource": "*" })),
            Verdict::ImplicitDeny
        );
        let unknown = |effect: &str| {
            let statement = json!({ "Effect": effect, "Action": "*", "NotResource": "arn:g" });
            let allow = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
            let document = json!({ "Statement": if effect == "Deny" { json!([allow, statement]) } else { statement } });
            let request = Request { action: "a:B", resource: None, principal: None, context: &[] };
            evaluate([document.to_string().as_str()], &request)
        };
        assert_eq!((unknown("Allow"), unknown("Deny")), (Verdict::Allow, Verdict::Allow));
        let deny = json!({ "Effect": "Deny", "Action": "*", "Resource": "arn:f" });
        assert_eq!(invoke(json!([allow(json!({})), deny])), Verdict::ExplicitDeny);
    }

    #[test]
    fn the_condition_that_fails_is_told() {
        let document = json!({ "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "a.amazonaws.com" },
            "Condition": { "StringEquals": { "aws:SourceAccount": "1" }, "ArnLike": { "aws:SourceArn": "arn:x*" } },
        } });
        let told = |service: &str, arn: &str| {
            let context = [("aws:sourceaccount", "1"), ("aws:sourcearn", arn)];
            let principal = Some(("Service", service));
            let request = Request { action: "sts:AssumeRole", resource: Some(""), principal, context: &context };
            failing_conditions(&document.to_string(), &request)
        };
        assert_eq!(told("a.amazonaws.com", "arn:x1"), [""; 0]);
        assert_eq!(told("a.amazonaws.com", "arn:y"), ["aws:SourceArn is arn:y, and ArnLike wants arn:x*"]);
        assert_eq!(told("b.amazonaws.com", "arn:y"), [""; 0]);
        let known = [("aws:sourceaccount", "1"), ("aws:sourcearn", "arn:x1")];
        assert!(is_certain(&document.to_string(), &known));
        for odd in [
            json!([{ "Condition": { "IpAddress": { "aws:SourceArn": "10.0.0.0/8" } } }]),
            json!([{ "Condition": { "StringEquals": { "aws:PrincipalTag/a": "b" } } }]),
            json!({ "Resource": "arn:${aws:username}" }),
        ] {
            assert!(!is_certain(&json!({ "Statement": odd }).to_string(), &known), "{odd}");
        }
    }

    #[test]
    fn a_trust_policy_names_who_may_act() {
        let trust = json!({ "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": ["a.amazonaws.com"] },
            "Condition": { "StringEquals": { "aws:SourceAccount": ["2", "1"] }, "ArnLike": { "aws:SourceArn": "arn:x*" } },
        } })
        .to_string();
        let assume = |service: &str, arn: &str| {
            let context = [("aws:sourceaccount", "1"), ("aws:sourcearn", arn)];
            let principal = Some(("Service", service));
            let request = Request { action: "sts:AssumeRole", resource: Some(""), principal, context: &context };
            evaluate([trust.as_str()], &request) == Verdict::Allow
        };
        assert!(assume("a.amazonaws.com", "arn:x1"));
        assert!(!assume("a.amazonaws.com", "arn:y1"));
        assert!(!assume("b.amazonaws.com", "arn:x1"));
    }
}
