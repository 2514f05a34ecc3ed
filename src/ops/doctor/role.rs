//! The gateway's role: whether AgentCore may assume it, and whether it may call each target.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join;
use serde_json::{Value, json};

use super::{Check, Findings, Mend, Subject};
use crate::{
    aws::{
        self,
        agentcore::ApiDocument,
        iam::{self, Role},
    },
    model::{
        name::RoleArn,
        naming::BASE_POLICY,
        policy::{
            self, Need,
            evaluate::{Request, Verdict, evaluate, failing_conditions, is_certain},
        },
        shell::shell_word,
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
    let owned = Owned { subject, role: &role, is_ours };
    findings.checks.push(owned.trust());
    match Allowed::of(subject, &role).await {
        Ok(allowed) => {
            let targets = subject.gateway.targets.iter().filter_map(|target| owned.permissions(&allowed, target));
            findings.checks.extend(owned.permissions_of_settings(&allowed).into_iter().chain(targets));
            if !allowed.is_certain {
                findings.warnings.push(format!(
                    "the policies of {arn} have conditions that are not evaluated here: what they seem not to allow is not \
                     reported"
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

/// The gateway's role, and whose it is.
#[derive(Clone, Copy)]
struct Owned<'a> {
    subject: Subject<'a>,
    role: &'a Role,
    is_ours: bool,
}

impl Owned<'_> {
    /// Whether AgentCore may assume the role for this gateway.
    fn trust(&self) -> Check {
        let (subject, trust) = (self.subject, self.role.trust.to_string());
        let account = subject.stack.caller.account.as_str();
        let context = [("aws:sourceaccount", account), ("aws:sourcearn", subject.gateway.document.gateway_arn())];
        let request = Request {
            action: "sts:AssumeRole",
            resource: Some(""),
            principal: Some(("Service", AGENTCORE)),
            context: &context,
        };
        let verdict = evaluate([trust.as_str()], &request);
        let detail = match verdict {
            Verdict::Allow => {
                return Check::good("trust-policy", format!("{AGENTCORE} may assume it for this gateway"));
            }
            _ if !is_certain(&trust, &context) => {
                return Check::good("trust-policy", "it has conditions that are not evaluated here");
            }
            Verdict::ExplicitDeny => format!("the role's trust policy denies {AGENTCORE} to assume it"),
            Verdict::ImplicitDeny => match &failing_conditions(&trust, &request)[..] {
                [] => format!("the role's trust policy does not let {AGENTCORE} assume it"),
                failing => format!("the role's trust policy is for another gateway: {}", failing.join("; ")),
            },
        };
        let wanted = policy::gateway_trust(&subject.stack.names, account);
        let completed = policy::completed(&self.role.trust, &wanted).filter(|_| verdict != Verdict::ExplicitDeny);
        match (self.is_ours, completed) {
            (true, Some(_)) => Check::mendable("trust-policy", detail, subject.stack, Mend::Trust),
            // Somebody changed our statement, or denies: `create` writes the whole policy.
            (true, None) => {
                let fix = format!("`agentcore-gw create {}` writes the whole trust policy anew", subject.name());
                Check::bad("trust-policy", detail, fix)
            }
            (false, _) => Check::bad("trust-policy", detail, self.command_of_trust(wanted)),
        }
    }

    /// The command that adds to the trust policy of a role that the stack does not own.
    fn command_of_trust(&self, mut wanted: Value) -> String {
        // The role may be another stack's, whose statement has the same name.
        if let Some(statement) = wanted["Statement"][0].as_object_mut() {
            statement.shift_remove("Sid");
        }
        let document = policy::completed(&self.role.trust, &wanted).unwrap_or(wanted).to_string();
        let name = &self.role.name;
        format!("`aws iam update-assume-role-policy --role-name {name} --policy-document {}`", shell_word(&document))
    }

    /// Whether the role may do what the gateway's settings need; `None` as for a target.
    fn permissions_of_settings(&self, allowed: &Allowed) -> Option<Check> {
        let (stack, document) = (self.subject.stack, &self.subject.gateway.document.0);
        let needs = policy::gateway_needs(&stack.names, &stack.caller.account, self.subject.gateway.id(), document);
        self.compared("permissions", &needs, allowed)
    }

    /// Whether the role may do what a target needs; `None` if it needs nothing, or that cannot be told.
    fn permissions(&self, allowed: &Allowed, target: &ApiDocument) -> Option<Check> {
        let (subject, name) = (self.subject, target.name());
        let (stack, account) = (subject.stack, subject.stack.caller.account.as_str());
        let granted = stack.granted(name);
        let needs = policy::needs(&stack.names, account, subject.gateway.id(), &target.0, granted.clone());
        let lacking = self.lacking(allowed, &needs);
        let check = format!("permissions:{name}");
        if !lacking.is_empty() && !allowed.is_certain {
            return None;
        }
        // What the user allowed for such a target is only in the policy that is gone.
        let is_lost = self.is_ours && granted.is_none() && policy::is_granted_by_name(&target.0);
        if is_lost && (needs.is_empty() || !lacking.is_empty()) {
            let fix = format!(
                "`agentcore-gw target update {name} --gateway {}` with `--allow-action` or `--iam-resource`, as it was added",
                subject.name()
            );
            return Some(Check::bad(check, "the role's policies have no statement for this target", fix));
        }
        self.compared(&check, &needs, allowed)
    }

    /// Whether the role is allowed this.
    fn compared(&self, check: &str, needs: &BTreeSet<Need>, allowed: &Allowed) -> Option<Check> {
        let stack = self.subject.stack;
        let lacking = self.lacking(allowed, needs);
        if needs.is_empty() || !lacking.is_empty() && !allowed.is_certain {
            return None;
        }
        if lacking.is_empty() {
            let actions: BTreeSet<&str> = needs.iter().map(|need| need.action.as_str()).collect();
            let actions = actions.into_iter().collect::<Vec<_>>().join(", ");
            return Some(Check::good(check, format!("the role may {actions}")));
        }
        let mut by_action: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for need in &lacking {
            by_action.entry(&need.action).or_default().push(&need.pattern);
        }
        let each: Vec<String> =
            by_action.iter().map(|(action, resources)| format!("`{action}` on {}", resources.join(", "))).collect();
        let lacks = each.join("; ");
        if let Some((denying, _)) = allowed.policies.iter().find(|(_, document)| {
            lacking.iter().any(|need| allowed.verdict(need, &[document.as_str()]) == Verdict::ExplicitDeny)
        }) {
            let fix = format!("take the Deny out of `{denying}`, or let another role do it");
            return Some(Check::bad(check, format!("the role's policy `{denying}` denies {lacks}"), fix));
        }
        if let Some((arn, document)) = &allowed.boundary
            && lacking.iter().any(|need| allowed.verdict(need, &[document.as_str()]) != Verdict::Allow)
        {
            let fix =
                "let the boundary allow it, or give the role another one with `aws iam put-role-permissions-boundary`";
            return Some(Check::bad(
                check,
                format!("the role's permissions boundary {arn} does not allow {lacks}"),
                fix,
            ));
        }
        let detail = format!("the role lacks {lacks}");
        if self.is_ours && self.can_be_completed() {
            return Some(Check::mendable(check, detail, stack, Mend::Permissions));
        }
        let statement = |(action, resources): (&&str, &Vec<&str>)| json!({ "Effect": "Allow", "Action": action, "Resource": resources });
        let document =
            json!({ "Version": "2012-10-17", "Statement": by_action.iter().map(statement).collect::<Vec<_>>() });
        let document = document.to_string();
        // A name of its own, since a policy is replaced as a whole.
        let policy = format!("agentcore-gw-{}", stack.names.statement_of(&document));
        let fix = format!(
            "`aws iam put-role-policy --role-name {} --policy-name {policy} --policy-document {}`",
            self.role.name,
            shell_word(&document)
        );
        Some(Check::bad(check, detail, fix))
    }

    /// What the role is not allowed. The policies of a role of the user's may be narrower than ours: an action that is
    /// allowed on one of its resources, or one of an AWS service's actions, is enough there.
    fn lacking<'n>(&self, allowed: &Allowed, needs: &'n BTreeSet<Need>) -> BTreeSet<&'n Need> {
        let lacking: BTreeSet<&Need> = needs.iter().filter(|need| !allowed.allows(need)).collect();
        if self.is_ours || lacking.len() == needs.len() {
            return lacking;
        }
        let allowed: BTreeSet<&str> =
            needs.iter().filter(|need| !lacking.contains(need)).map(|need| need.action.as_str()).collect();
        let of_service = needs.iter().all(|need| need.pattern == "*");
        lacking.into_iter().filter(|need| !of_service && !allowed.contains(need.action.as_str())).collect()
    }

    /// Whether the stack's policies can be completed without undoing somebody's change of them.
    fn can_be_completed(&self) -> bool {
        let stack = self.subject.stack;
        let account = &stack.caller.account;
        let key = self.subject.gateway.document.0["kmsKeyArn"].as_str();
        let base = policy::gateway_base(&stack.names, account, key.as_slice());
        let targets = self.subject.gateway.targets.iter().map(|target| &target.0);
        let mut grants = policy::grants(&stack.names, account, targets, |target| stack.granted(target));
        let gateway = &self.subject.gateway.document.0;
        grants.extend(policy::gateway_grants(&stack.names, account, std::iter::once(gateway)));
        let existing = stack.base_policy.as_ref().unwrap_or(&Value::Null);
        policy::completed(existing, &base).is_some()
            && grants.iter().all(|(name, wanted)| {
                policy::completed(stack.grants.get(name).unwrap_or(&Value::Null), wanted).is_some()
            })
    }
}

/// A role's inline policies, by name: of the stack's own role those that are not known yet are looked at.
async fn inline_policies(subject: Subject<'_>, role: &Role) -> Result<Vec<(String, Value)>, aws::Error> {
    let (aws, stack) = (subject.aws, subject.stack);
    if stack.role.as_ref().is_none_or(|own| own.name != role.name) {
        return iam::find_policies(aws, &role.name, &iam::policy_names(aws, &role.name).await?).await;
    }
    let grants = stack.grants.iter().map(|(name, document)| ((*name).to_owned(), document.clone()));
    let base = stack.base_policy.iter().map(|document| (BASE_POLICY.to_owned(), document.clone()));
    let mut known: Vec<(String, Value)> = base.chain(grants).collect();
    let is_new = |name: &&String| !known.iter().any(|(known, _)| known == *name);
    let others: Vec<String> = stack.policy_names.iter().filter(is_new).cloned().collect();
    known.extend(iam::find_policies(aws, &role.name, &others).await?);
    Ok(known)
}

/// What a role is allowed.
struct Allowed {
    /// By name, or by ARN.
    policies: Vec<(String, String)>,
    /// By ARN.
    boundary: Option<(String, String)>,
    /// Whether everything in them can be evaluated.
    is_certain: bool,
    account: String,
    role_arn: String,
    region: String,
}

impl Allowed {
    async fn of(subject: Subject<'_>, role: &Role) -> Result<Self, aws::Error> {
        let (inline, attached) =
            try_join(inline_policies(subject, role), iam::find_attached_policies(subject.aws, &role.name)).await?;
        let policies = inline.into_iter().chain(attached);
        let boundary = match &role.boundary {
            Some(arn) => Some((arn.clone(), iam::managed_policy(subject.aws, arn).await?.to_string())),
            None => None,
        };
        let mut allowed = Self {
            policies: policies.map(|(name, document)| (name, document.to_string())).collect(),
            boundary,
            is_certain: true,
            account: subject.stack.caller.account.clone(),
            role_arn: role.arn.clone(),
            region: subject.stack.names.region.to_string(),
        };
        let context = allowed.context();
        let documents = allowed.policies.iter().chain(&allowed.boundary);
        allowed.is_certain = documents.into_iter().all(|(_, document)| is_certain(document, &context));
        Ok(allowed)
    }

    fn context(&self) -> [(&'static str, &str); 7] {
        [
            ("aws:principalaccount", &self.account),
            ("aws:resourceaccount", &self.account),
            ("aws:principalarn", &self.role_arn),
            ("aws:requestedregion", &self.region),
            ("aws:securetransport", "true"),
            // Of the functions that are called by their addresses.
            ("lambda:functionurlauthtype", "AWS_IAM"),
            ("lambda:invokedviafunctionurl", "true"),
        ]
    }

    fn allows(&self, need: &Need) -> bool {
        let policies: Vec<&str> = self.policies.iter().map(|(_, document)| document.as_str()).collect();
        let by_boundary = self.boundary.as_ref().map(|(_, document)| self.verdict(need, &[document.as_str()]));
        self.verdict(need, &policies) == Verdict::Allow && by_boundary.is_none_or(|verdict| verdict == Verdict::Allow)
    }

    fn verdict(&self, need: &Need, documents: &[&str]) -> Verdict {
        let context = self.context();
        let (action, resource) = (need.action.as_str(), need.resource.as_deref());
        evaluate(documents.iter().copied(), &Request { action, resource, principal: None, context: &context })
    }
}
