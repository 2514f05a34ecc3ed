//! The gateway's role: whether AgentCore may assume it, and whether it may call each target.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Check, Findings, Mend, Subject, quoted};
use crate::{
    aws::{
        agentcore::ApiDocument,
        iam::{self, Role},
    },
    model::{
        name::RoleArn,
        policy::{
            self, Need,
            evaluate::{Request, Verdict, evaluate, failing_conditions, is_certain},
        },
    },
};

const AGENTCORE: &str = "bedrock-agentcore.amazonaws.com";

pub(super) async fn examine(subject: Subject<'_>) -> Findings {
    let mut findings = Findings::default();
    let arn = subject.gateway.document.role_arn();
    let is_ours = subject.gateway.ours && subject.gateway.has_role(&subject.stack.names);
    let role = match role_of(subject, is_ours).await {
        Ok(Some(role)) => role,
        Ok(None) => {
            let detail = format!("the gateway's role {arn} is gone");
            let fix = format!(
                "`agentcore-gw create {}` gives the gateway another one: name it with `--role-arn`",
                subject.name()
            );
            findings.checks.push(if is_ours {
                Check::mendable("role", detail, subject.stack, Mend::Role)
            } else {
                Check::bad("role", detail, fix)
            });
            return findings;
        }
        Err(problem) => {
            findings.warnings.push(format!("the gateway's role {arn} cannot be looked at: {problem}"));
            return findings;
        }
    };
    findings.checks.push(Check::good("role", arn));
    findings.checks.push(trust(subject, &role, is_ours));
    match Allowed::of(subject, &role).await {
        Ok(allowed) => {
            for target in &subject.gateway.targets {
                findings.checks.extend(allowed.check(subject, &role, target, is_ours));
            }
            if !allowed.is_certain {
                findings.warnings.push(format!(
                    "the policies of {arn} have conditions that are not evaluated here: what they allow is not checked"
                ));
            }
        }
        Err(error) => findings.not_seen(&format!("what {arn} is allowed"), &error),
    }
    findings
}

/// The gateway's role; the error is why it cannot be looked at.
async fn role_of(subject: Subject<'_>, is_ours: bool) -> Result<Option<Role>, String> {
    if is_ours {
        return Ok(subject.stack.role.clone());
    }
    let arn: RoleArn =
        subject.gateway.document.role_arn().parse().map_err(|_| "its ARN is none of a role".to_owned())?;
    if arn.account() != subject.stack.caller.account {
        return Err(format!("it is in the account {}", arn.account()));
    }
    iam::find_role(subject.aws, arn.name()).await.map_err(|error| error.to_string())
}

/// Whether AgentCore may assume the role for this gateway.
fn trust(subject: Subject<'_>, role: &Role, is_ours: bool) -> Check {
    let trust = role.trust.to_string();
    let account = subject.stack.caller.account.as_str();
    let context = [("aws:sourceaccount", account), ("aws:sourcearn", subject.gateway.document.gateway_arn())];
    let request = Request {
        action: "sts:AssumeRole",
        resource: Some(""),
        principal: Some(("Service", AGENTCORE)),
        context: &context,
    };
    let detail = match evaluate([trust.as_str()], &request) {
        Verdict::Allow => return Check::good("trust-policy", format!("{AGENTCORE} may assume it for this gateway")),
        Verdict::ExplicitDeny => format!("the role's trust policy denies {AGENTCORE} to assume it"),
        Verdict::ImplicitDeny if !is_certain(&trust) => {
            return Check::good("trust-policy", "it has conditions that are not evaluated here");
        }
        Verdict::ImplicitDeny => match &failing_conditions(&trust, &request)[..] {
            [] => format!("the role's trust policy does not let {AGENTCORE} assume it"),
            failing => format!("the role's trust policy is for another gateway: {}", failing.join("; ")),
        },
    };
    if is_ours {
        return Check::mendable("trust-policy", detail, subject.stack, Mend::Trust);
    }
    // The role may be another stack's, whose statement has the same name.
    let mut wanted = policy::gateway_trust(&subject.stack.names, account);
    if let Some(statement) = wanted["Statement"][0].as_object_mut() {
        statement.shift_remove("Sid");
    }
    let wanted = policy::merged(&role.trust, &wanted);
    let document = quoted(&wanted.to_string());
    let fix = format!("`aws iam update-assume-role-policy --role-name {} --policy-document {document}`", role.name);
    Check::bad("trust-policy", detail, fix)
}

/// What a role is allowed.
struct Allowed {
    policies: Vec<String>,
    boundary: Option<String>,
    /// Whether all conditions are evaluated.
    is_certain: bool,
}

impl Allowed {
    async fn of(subject: Subject<'_>, role: &Role) -> Result<Self, crate::aws::Error> {
        let policies = iam::policies(subject.aws, &role.name).await?;
        let policies: Vec<String> = policies.iter().map(Value::to_string).collect();
        let boundary = match &role.boundary {
            Some(arn) => Some(iam::managed_policy(subject.aws, arn).await?.to_string()),
            None => None,
        };
        let is_certain = policies.iter().chain(&boundary).all(|document| is_certain(document));
        Ok(Self { policies, boundary, is_certain })
    }

    /// Whether the role may do what a target needs; `None` if it needs nothing, or that cannot be told.
    fn check(&self, subject: Subject<'_>, role: &Role, target: &ApiDocument, is_ours: bool) -> Option<Check> {
        let (stack, name) = (subject.stack, target.name());
        let (names, account) = (&stack.names, stack.caller.account.as_str());
        let needs = policy::needs(names, account, subject.gateway.id(), &target.0, stack.granted(name));
        let lacking: BTreeSet<&Need> = needs.iter().filter(|need| !self.allows(subject, role, need)).collect();
        let check = format!("permissions:{name}");
        if needs.is_empty() || !lacking.is_empty() && !self.is_certain {
            return None;
        }
        if lacking.is_empty() {
            let actions: BTreeSet<&str> = needs.iter().map(|need| need.action.as_str()).collect();
            return Some(Check::good(
                check,
                format!("the role may {}", actions.into_iter().collect::<Vec<_>>().join(", ")),
            ));
        }
        let mut by_action: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for need in &lacking {
            by_action.entry(&need.action).or_default().push(&need.pattern);
        }
        let each: Vec<String> =
            by_action.iter().map(|(action, resources)| format!("`{action}` on {}", resources.join(", "))).collect();
        let lacks =
            if self.boundary.is_some() { "the role, or its permissions boundary, lacks" } else { "the role lacks" };
        let detail = format!("{lacks} {}", each.join("; "));
        // A boundary is not the stack's to change.
        if is_ours && self.is_by_policies(subject, role, &lacking) {
            return Some(Check::mendable(check, detail, stack, Mend::Permissions));
        }
        let statement = |(action, resources): (&&str, &Vec<&str>)| json!({ "Effect": "Allow", "Action": action, "Resource": resources });
        let document =
            json!({ "Version": "2012-10-17", "Statement": by_action.iter().map(statement).collect::<Vec<_>>() });
        let fix = format!(
            "`aws iam put-role-policy --role-name {} --policy-name agentcore-gw-{name} --policy-document {}`",
            role.name,
            quoted(&document.to_string())
        );
        Some(Check::bad(check, detail, fix))
    }

    fn allows(&self, subject: Subject<'_>, role: &Role, need: &Need) -> bool {
        let verdict = |documents: &[String]| verdict(subject, role, need, documents);
        verdict(&self.policies) == Verdict::Allow
            && self.boundary.as_ref().is_none_or(|boundary| verdict(std::slice::from_ref(boundary)) == Verdict::Allow)
    }

    /// Whether more statements in the role's policies would be enough.
    fn is_by_policies(&self, subject: Subject<'_>, role: &Role, lacking: &BTreeSet<&Need>) -> bool {
        lacking.iter().all(|need| {
            let by_policies = verdict(subject, role, need, &self.policies);
            let by_boundary = self.boundary.as_ref().map(|one| verdict(subject, role, need, std::slice::from_ref(one)));
            by_policies == Verdict::ImplicitDeny && by_boundary.is_none_or(|verdict| verdict == Verdict::Allow)
        })
    }
}

fn verdict(subject: Subject<'_>, role: &Role, need: &Need, documents: &[String]) -> Verdict {
    let account = subject.stack.caller.account.as_str();
    let context = [
        ("aws:principalaccount", account),
        ("aws:resourceaccount", account),
        ("aws:principalarn", role.arn.as_str()),
        ("aws:requestedregion", subject.stack.names.region.as_str()),
        ("aws:securetransport", "true"),
        // Of the functions that are called by their addresses.
        ("lambda:functionurlauthtype", "AWS_IAM"),
        ("lambda:invokedviafunctionurl", "true"),
    ];
    let request =
        Request { action: &need.action, resource: need.resource.as_deref(), principal: None, context: &context };
    evaluate(documents.iter().map(String::as_str), &request)
}
