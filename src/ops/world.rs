//! How each step of a plan is done in AWS.

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};

use super::{
    Error, Kind, Resource,
    apply::{Fact, Made, World},
    event::{Change, Event, Observer},
    plan::{self, Plan, Step},
    stack::{DOMAIN_ATTEMPTS, Stack},
    token::{self, TokenRequest},
};
use crate::{
    aws::{
        Aws,
        agentcore::{self, Document},
        cognito,
        iam::{self, RoleSpec as IamRole},
        lambda::{self, FunctionSpec},
        logs::{self, Carries},
        propagation,
        wait::{self, Deadline, Look, Stop},
    },
    model::{
        naming::{BASE_POLICY, DeliveryNames, FUNCTION_POLICY, LAMBDA_POLICY, SCOPE_NAME, StackNames},
        policy, sample,
        spec::{AuthorizerSpec, GatewaySpec, RoleSpec, TargetKind, TargetSpec},
    },
};

/// Why something is tried again that needs a new role.
const TOO_FRESH: &str = "IAM has not spread the new role yet";
/// How often a create whose answer was lost is tried again, after a look.
const DOUBTFUL_ATTEMPTS: u32 = 3;
/// How long lists may hide what was just made.
pub const SETTLE: Duration = Duration::from_secs(15);

/// AWS, as the steps of one plan see it.
pub struct AwsWorld<'a> {
    pub aws: &'a Aws,
    pub spec: &'a GatewaySpec,
    pub stack: &'a Stack,
    pub plan: &'a Plan,
    pub observer: &'a dyn Observer,
    pub deadline: Deadline,
    pub stop: &'a Stop,
    pub wait: bool,
    /// When the stack was first looked at.
    pub begun: tokio::time::Instant,
}

impl World for AwsWorld<'_> {
    async fn ensure(&self, step: &Step, made: Made) -> Result<(Change, Fact), Error> {
        match step.resource.kind {
            // Its check is that it works, whoever made it.
            Kind::TokenEndpoint => self.token_endpoint(step, &made).await,
            Kind::Surplus => self.surplus(step, &made).await,
            _ if step.change == plan::Change::Keep => Ok((Change::Unchanged, Fact::Nothing)),
            Kind::Role => self.role(step).await,
            Kind::BasePolicy => self.base_policy(step).await,
            Kind::LambdaPolicy => {
                let document = policy::invoke_functions(&step.functions);
                self.put_policy(step, &self.names().role, LAMBDA_POLICY, &document).await
            }
            Kind::UserPool => self.user_pool().await,
            Kind::Domain => self.domain(&made).await,
            Kind::ResourceServer => self.resource_server(&made).await,
            Kind::AppClient => self.app_client(&made).await,
            Kind::FunctionRole => self.function_role(step).await,
            Kind::FunctionPolicy => self.function_policy(step).await,
            Kind::LogGroup => self.log_group().await,
            Kind::Function => self.function(step, &made).await,
            Kind::Gateway => self.gateway(step, &made).await,
            Kind::Target => self.target(step, &made).await,
            Kind::AccessLogs => Ok(self.access_logs(&made).await),
            Kind::Traces => Ok(self.traces(&made).await),
        }
    }
}

impl AwsWorld<'_> {
    fn names(&self) -> &StackNames {
        &self.stack.names
    }

    fn tags(&self) -> std::collections::BTreeMap<String, String> {
        self.names().tags(&self.spec.tags)
    }

    fn told<'b>(&'b self, step: &'b Step) -> impl Fn(&str) + 'b {
        |reason| self.observer.hear(Event::Waiting(step.resource.clone(), reason.to_owned()))
    }

    /// Roles may be too fresh if this run changed one, or another run may just have. A role that
    /// was brought is neither's: what it lacks, no waiting brings.
    fn role_may_be_fresh(&self, step: &Step) -> bool {
        if self.plan.brought_role.is_some() && matches!(step.resource.kind, Kind::Gateway | Kind::Target) {
            return false;
        }
        let changed = |step: &Step| {
            use Kind::{BasePolicy, FunctionPolicy, FunctionRole, LambdaPolicy, Role};
            let kind = step.resource.kind;
            matches!(kind, Role | BasePolicy | LambdaPolicy | FunctionRole | FunctionPolicy)
                && step.change != plan::Change::Keep
        };
        self.plan.interrupted || self.plan.steps.iter().any(changed)
    }

    /// Does something that needs IAM to have heard of a role; where it may not have, again.
    async fn once_propagated<T>(
        &self,
        step: &Step,
        mut call: impl AsyncFnMut() -> Result<T, crate::aws::Error>,
    ) -> Result<T, Error> {
        let fresh = self.role_may_be_fresh(step);
        wait::until(&self.deadline, self.told(step), async || match call().await {
            Err(error) if fresh && propagation::is_pending(&error) => Ok(Look::NotYet(TOO_FRESH.to_owned())),
            done => Ok(Look::Ready(done?)),
        })
        .await
    }

    // Roles

    async fn role(&self, step: &Step) -> Result<(Change, Fact), Error> {
        let permissions_boundary = match &self.spec.role {
            RoleSpec::Managed { permissions_boundary } => permissions_boundary.as_ref().map(ToString::to_string),
            RoleSpec::Brought(_) => None,
        };
        let role = IamRole {
            name: self.names().role.clone(),
            path: self.names().iam_path.clone(),
            description: format!("Execution role of the AgentCore gateway {}", self.names().gateway),
            trust: policy::gateway_trust(self.names(), &self.stack.account),
            permissions_boundary,
            tags: self.tags(),
        };
        let (change, arn) = self.ensure_role(step, role, self.stack.role.as_ref()).await?;
        Ok((change, Fact::Role(arn)))
    }

    async fn function_role(&self, step: &Step) -> Result<(Change, Fact), Error> {
        let role = IamRole {
            name: self.names().function_role.clone(),
            path: self.names().iam_path.clone(),
            description: format!("Role of the sample function of the AgentCore gateway {}", self.names().gateway),
            trust: policy::function_trust(self.names(), &self.stack.account),
            permissions_boundary: None,
            tags: self.tags(),
        };
        let (change, arn) = self.ensure_role(step, role, self.stack.sample.role.as_ref()).await?;
        Ok((change, Fact::FunctionRole(arn)))
    }

    /// Create first: of a unique name, "already exists" is the strongest read there is.
    async fn ensure_role(
        &self,
        step: &Step,
        wanted: IamRole,
        known: Option<&iam::Role>,
    ) -> Result<(Change, String), Error> {
        let existing = match known {
            Some(known) => known.clone(),
            None => match iam::create_role(self.aws, &wanted).await {
                Ok(role) => return Ok((Change::Created, role.arn)),
                Err(error) if error.exists() => self.owned_role(step, &wanted.name).await?,
                Err(error) => return Err(error.into()),
            },
        };
        if existing.trust == wanted.trust {
            return Ok((Change::Unchanged, existing.arn));
        }
        iam::update_trust(self.aws, &wanted.name, &wanted.trust).await?;
        Ok((Change::Updated, existing.arn))
    }

    /// A role that exists though we did not see it: ours (another run's, or our own lost answer),
    /// or a stranger's.
    async fn owned_role(&self, step: &Step, name: &str) -> Result<iam::Role, Error> {
        let found = wait::until(&self.deadline, self.told(step), async || {
            let found = iam::find_role(self.aws, name).await?;
            Ok::<_, Error>(found.map_or_else(|| Look::NotYet("IAM does not show the role yet".to_owned()), Look::Ready))
        });
        let role = found.await?;
        let ours = self.names().owns(&role.tags);
        if ours { Ok(role) } else { Err(Error::Foreign(step.resource.clone())) }
    }

    async fn base_policy(&self, step: &Step) -> Result<(Change, Fact), Error> {
        let document = policy::gateway_base(self.names(), &self.stack.account);
        self.put_policy(step, &self.names().role, BASE_POLICY, &document).await
    }

    async fn function_policy(&self, step: &Step) -> Result<(Change, Fact), Error> {
        let document = policy::function_logs(self.names(), &self.stack.account);
        self.put_policy(step, &self.names().function_role, FUNCTION_POLICY, &document).await
    }

    async fn put_policy(&self, step: &Step, role: &str, name: &str, document: &Value) -> Result<(Change, Fact), Error> {
        self.once_propagated(step, async || iam::put_policy(self.aws, role, name, document).await).await?;
        Ok((written(step), Fact::Nothing))
    }

    // Authorizer

    /// Names are not unique, so after a doubtful failure: look, then create.
    async fn user_pool(&self) -> Result<(Change, Fact), Error> {
        let name = &self.names().user_pool;
        let mut doubtful = false;
        for _ in 0..DOUBTFUL_ATTEMPTS {
            match cognito::create_pool(self.aws, name, &self.tags()).await {
                Ok(pool) => return Ok((Change::Created, Fact::Pool { id: pool.id, doubtful })),
                Err(error) if !error.doubtful => return Err(error.into()),
                Err(_) => doubtful = true,
            }
            let pools = cognito::pools_named(self.aws, name).await?;
            let mut ours = pools.into_iter().filter(|pool| self.names().owns(&pool.tags));
            if let Some(pool) = ours.next() {
                return Ok((Change::Created, Fact::Pool { id: pool.id, doubtful }));
            }
        }
        let pool = cognito::create_pool(self.aws, name, &self.tags()).await?;
        Ok((Change::Created, Fact::Pool { id: pool.id, doubtful }))
    }

    /// The domain is the mutex of runs that race: who gets it has the pool; the loser deletes its
    /// own and goes on with the winner's.
    async fn domain(&self, made: &Made) -> Result<(Change, Fact), Error> {
        let pool_id = made.pool_id()?;
        let mut refused = None;
        for attempt in 0..DOMAIN_ATTEMPTS {
            let domain = self.names().domain(&self.stack.account, attempt);
            match cognito::create_domain(self.aws, &domain, pool_id).await {
                Ok(()) => return Ok((Change::Created, Fact::Domain(domain))),
                Err(error) if error.is_not_found() => return Err(Error::Raced),
                Err(error) if error.code.as_deref() == Some("InvalidParameterException") => refused = Some(error),
                Err(error) => return Err(error.into()),
            }
            let Some(owner) = cognito::find_domain(self.aws, &domain).await? else { continue };
            if owner.pool_id == pool_id {
                return Ok((Change::Created, Fact::Domain(domain)));
            }
            // A stranger's pool cannot be looked at: the next name then.
            let pool = cognito::find_pool(self.aws, &owner.pool_id).await.ok().flatten();
            let ours = pool.is_some_and(|pool| self.names().owns(&pool.tags));
            if ours {
                cognito::delete_pool(self.aws, pool_id).await?;
                return Err(Error::Raced);
            }
        }
        Err(refused.map_or(Error::Raced, Error::from))
    }

    async fn resource_server(&self, made: &Made) -> Result<(Change, Fact), Error> {
        let (pool_id, identifier) = (made.pool_id()?, &self.names().resource_server);
        match cognito::create_resource_server(self.aws, pool_id, identifier, SCOPE_NAME).await {
            Ok(()) => Ok((Change::Created, Fact::Nothing)),
            Err(error) if error.is_not_found() => Err(Error::Raced),
            // "Already exists" has no error type of its own here.
            Err(error) if cognito::has_resource_server(self.aws, pool_id, identifier).await? => {
                tracing::debug!("{error}");
                Ok((Change::Unchanged, Fact::Nothing))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// As with pools: after a doubtful failure, look, then create.
    async fn app_client(&self, made: &Made) -> Result<(Change, Fact), Error> {
        let (pool_id, names) = (made.pool_id()?, self.names());
        let mut doubtful = false;
        for _ in 0..DOUBTFUL_ATTEMPTS {
            match cognito::create_client(self.aws, pool_id, &names.app_client, &names.scope).await {
                Ok(client) => return Ok((Change::Created, Fact::Client { client, doubtful })),
                Err(error) if error.is_not_found() => return Err(Error::Raced),
                Err(error) if !error.doubtful => return Err(error.into()),
                Err(_) => doubtful = true,
            }
            let existing = cognito::clients_named(self.aws, pool_id, &names.app_client).await?;
            if let Some(client) = existing.into_iter().next() {
                return Ok((Change::Created, Fact::Client { client, doubtful }));
            }
        }
        let client = cognito::create_client(self.aws, pool_id, &names.app_client, &names.scope).await?;
        Ok((Change::Created, Fact::Client { client, doubtful }))
    }

    /// Ready means that a token was issued: the domain is ACTIVE, and its name resolves.
    async fn token_endpoint(&self, step: &Step, made: &Made) -> Result<(Change, Fact), Error> {
        if !self.wait {
            return Ok((Change::Unchanged, Fact::Nothing));
        }
        let domain = made.domain()?;
        let request = token_request(self.aws, domain, made.client()?, &self.names().scope);
        let refused = wait::until(&self.deadline, self.told(step), async || {
            let found = cognito::find_domain(self.aws, domain).await?;
            if !found.is_some_and(|domain| domain.active) {
                return Ok(Look::NotYet("the user pool domain is not ACTIVE yet".to_owned()));
            }
            match token::fetch(&self.aws.http, &request).await {
                Ok(_) => Ok(Look::Ready(None)),
                Err(error @ Error::NotOAuth { .. }) if cognito::is_imitation(self.aws) => {
                    Ok(Look::Ready(Some(format!("this endpoint issues no tokens: {error}"))))
                }
                Err(error @ (Error::NoAnswer(_) | Error::Token { .. } | Error::NotOAuth { .. })) => {
                    Ok(Look::NotYet(error.to_string()))
                }
                Err(error) => Err(error),
            }
        });
        Ok((Change::Unchanged, refused.await?.map_or(Fact::Nothing, Fact::Warning)))
    }

    /// Pools and clients of ours that nobody uses. After interrupted or doubtful work a list may
    /// still hide some, so the last look is made when it no longer can.
    async fn surplus(&self, step: &Step, made: &Made) -> Result<(Change, Fact), Error> {
        if step.change == plan::Change::Keep && !made.doubtful {
            return Ok((Change::Unchanged, Fact::Nothing));
        }
        let (pool_id, client_id) = (made.pool_id()?, &made.client()?.id);
        if self.wait {
            self.told(step)("lists may hide what an interrupted run made");
            wait::until_moment(self.begun + SETTLE, self.stop).await?;
        }
        let mut change = Change::Unchanged;
        for pool in cognito::pools_named(self.aws, &self.names().user_pool).await? {
            let ours = self.names().owns(&pool.tags);
            if ours && pool.id != pool_id {
                cognito::delete_pool(self.aws, &pool.id).await?;
                change = Change::Deleted;
            }
        }
        for client in cognito::clients_named(self.aws, pool_id, &self.names().app_client).await? {
            if client.id != *client_id {
                cognito::delete_client(self.aws, pool_id, &client.id).await?;
                change = Change::Deleted;
            }
        }
        Ok((change, Fact::Nothing))
    }

    // Sample function

    async fn log_group(&self) -> Result<(Change, Fact), Error> {
        let name = &self.names().function_log_group;
        let created = match logs::create_group(self.aws, name, &self.tags()).await {
            Err(error) if error.exists() => Change::Updated,
            created => created.map(|()| Change::Created)?,
        };
        logs::set_retention(self.aws, name, sample::LOG_RETENTION_DAYS).await?;
        Ok((created, Fact::Nothing))
    }

    async fn function(&self, step: &Step, made: &Made) -> Result<(Change, Fact), Error> {
        let spec = FunctionSpec {
            name: self.names().function.clone(),
            description: format!("Sample tools of the AgentCore gateway {}", self.names().gateway),
            role_arn: made.function_role_arn()?.to_owned(),
            runtime: sample::RUNTIME,
            handler: sample::HANDLER,
            code: sample::code(),
            tags: self.tags(),
        };
        let change = match &step.change {
            plan::Change::Update(what) if what == &["state"] => Change::Unchanged,
            plan::Change::Update(_) => {
                lambda::update_code(self.aws, &spec).await?;
                Change::Updated
            }
            _ => {
                let create =
                    self.once_propagated(step, async || match lambda::create_function(self.aws, &spec).await {
                        Err(error) if error.exists() => Ok(Change::Unchanged),
                        created => created.map(|_| Change::Created),
                    });
                create.await?
            }
        };
        let function = wait::until(&self.deadline, self.told(step), async || {
            Ok(match lambda::find_function(self.aws, &spec.name).await? {
                Some(function) if function.active => Look::Ready(function),
                Some(lambda::Function { failure: Some(reasons), .. }) => {
                    return Err(Error::Failed {
                        resource: step.resource.clone(),
                        status: "Failed".to_owned(),
                        reasons,
                    });
                }
                _ => Look::NotYet("the function is not Active yet".to_owned()),
            })
        })
        .await?;
        Ok((change, Fact::Function(function.arn)))
    }

    // Gateway and targets

    async fn gateway(&self, step: &Step, made: &Made) -> Result<(Change, Fact), Error> {
        match (&step.change, &self.stack.gateway) {
            (plan::Change::Update(what), Some(gateway)) => {
                let document = self.updated_gateway(step, gateway.id(), what, made).await?;
                return Ok((Change::Updated, Fact::Gateway { document, log_group: false }));
            }
            (plan::Change::Replace, Some(gateway)) => self.delete_gateway(step, gateway.id()).await?,
            _ => {}
        }
        let (document, log_group) = self.created_gateway(step, made).await?;
        Ok((Change::Created, Fact::Gateway { document, log_group }))
    }

    fn gateway_request(&self, made: &Made) -> Result<Value, Error> {
        let mut request = self.spec.request();
        request["roleArn"] = json!(made.role_arn()?);
        request["tags"] = json!(self.tags());
        self.set_authorizer(&mut request, made)?;
        Ok(request)
    }

    fn set_authorizer(&self, request: &mut Value, made: &Made) -> Result<(), Error> {
        let authorizer = &self.plan.authorizer;
        request["authorizerType"] = json!(authorizer.api_type());
        let configuration = match authorizer {
            AuthorizerSpec::Cognito => json!({ "customJWTAuthorizer": {
                "discoveryUrl": cognito::discovery_url(self.aws, made.pool_id()?),
                // Cognito's access tokens have a client_id and no aud.
                "allowedClients": [made.client()?.id],
            } }),
            AuthorizerSpec::Jwt(configuration) => configuration.clone(),
            AuthorizerSpec::Iam | AuthorizerSpec::None => Value::Null,
        };
        match request {
            Value::Object(members) if configuration.is_null() => {
                members.shift_remove("authorizerConfiguration");
            }
            request => request["authorizerConfiguration"] = configuration,
        }
        Ok(())
    }

    /// Creates the gateway. One that FAILED, made by this run, is deleted; where a role that is
    /// too fresh is the cause, it is made again.
    ///
    /// While AWS is at work on it, the log group that bears its id is made: a link less in the
    /// chain of calls. Whether it was is the second half of the answer.
    async fn created_gateway(&self, step: &Step, made: &Made) -> Result<(Document, bool), Error> {
        let request = self.gateway_request(made)?;
        let fresh = self.role_may_be_fresh(step);
        let attempt = async || {
            let create = async || agentcore::create_gateway(self.aws, &request).await;
            let created = match self.once_propagated(step, create).await {
                // It is there and we did not see it: whose it is is found out by looking anew.
                Err(Error::Aws(error)) if error.exists() => return Err(Error::Raced),
                created => created?,
            };
            if !self.wait && self.spec.targets.is_empty() {
                return Ok(Look::Ready((created, false)));
            }
            let id = created.gateway_id();
            let (document, log_group) = join(self.settled_gateway(step, id), self.gateway_log_group(id)).await;
            let document = document?;
            if document.is_ready() {
                return Ok(Look::Ready((document, log_group.is_ok_and(|made| made))));
            }
            self.delete_gateway(step, document.gateway_id()).await?;
            if fresh && propagation::is_pending_status(document.status_reasons()) {
                return Ok(Look::NotYet(TOO_FRESH.to_owned()));
            }
            Err(failed(step, &document))
        };
        wait::until(&self.deadline, self.told(step), attempt).await
    }

    async fn updated_gateway(&self, step: &Step, id: &str, what: &[&str], made: &Made) -> Result<Document, Error> {
        // Another run may be at work on it; what it leaves is what is changed.
        let mut request = self.settled_gateway(step, id).await?.0;
        if what != ["state"] {
            self.spec.merge_named(&mut request);
            if let Some(role) = &self.plan.brought_role {
                request["roleArn"] = json!(role);
            }
            if what.contains(&"authorizer") {
                self.set_authorizer(&mut request, made)?;
            }
            agentcore::update_gateway(self.aws, id, &request).await?;
        }
        let document = self.settled_gateway(step, id).await?;
        if document.is_ready() { Ok(document) } else { Err(failed(step, &document)) }
    }

    /// The gateway when AWS is no longer at work on it.
    async fn settled_gateway(&self, step: &Step, id: &str) -> Result<Document, Error> {
        wait::until(&self.deadline, self.told(step), async || match agentcore::find_gateway(self.aws, id).await? {
            Some(document) if document.is_moving() => Ok(Look::NotYet(format!("the gateway is {}", document.status()))),
            Some(document) => Ok(Look::Ready(document)),
            None => Err(Error::Raced),
        })
        .await
    }

    async fn delete_gateway(&self, step: &Step, id: &str) -> Result<(), Error> {
        // Found by the gateway's id, so it goes before it.
        logs::delete_group(self.aws, &DeliveryNames::new(id).log_group).await?;
        agentcore::delete_gateway(self.aws, id).await?;
        wait::until(&self.deadline, self.told(step), async || match agentcore::find_gateway(self.aws, id).await? {
            Some(_) => Ok(Look::NotYet("the FAILED gateway is being deleted".to_owned())),
            None => Ok::<_, Error>(Look::Ready(())),
        })
        .await
    }

    async fn target(&self, step: &Step, made: &Made) -> Result<(Change, Fact), Error> {
        let spec = step.target.as_ref().ok_or(Error::PlanForgot("target"))?;
        let gateway_id = made.gateway()?.gateway_id();
        let request = target_request(spec, made)?;
        let existing = self.stack.gateway.as_ref().and_then(|gateway| gateway.target(spec.name.as_str()));
        let (change, document) = match (&step.change, existing) {
            (plan::Change::Update(what), Some(existing)) => {
                let id = existing.target_id();
                self.settled_target(step, gateway_id, id).await?;
                if what != &["state"] {
                    let update = async || agentcore::update_target(self.aws, gateway_id, id, &request).await;
                    self.once_propagated(step, update).await?;
                }
                (Change::Updated, self.settled_target(step, gateway_id, id).await?)
            }
            (plan::Change::Replace, Some(existing)) => {
                self.delete_target(step, gateway_id, existing.target_id()).await?;
                (Change::Created, self.created_target(step, gateway_id, &request).await?)
            }
            _ => (Change::Created, self.created_target(step, gateway_id, &request).await?),
        };
        if document.is_ready() || !self.wait {
            Ok((change, Fact::Target(document)))
        } else {
            Err(failed(step, &document))
        }
    }

    /// As [`Self::created_gateway`].
    async fn created_target(&self, step: &Step, gateway_id: &str, request: &Value) -> Result<Document, Error> {
        let fresh = self.role_may_be_fresh(step);
        let attempt = async || {
            let create = async || agentcore::create_target(self.aws, gateway_id, request).await;
            let created = match self.once_propagated(step, create).await {
                Err(Error::Aws(error)) if error.exists() => return Err(Error::Raced),
                created => created?,
            };
            if !self.wait {
                return Ok(Look::Ready(created));
            }
            let document = self.settled_target(step, gateway_id, created.target_id()).await?;
            if document.is_ready() {
                return Ok(Look::Ready(document));
            }
            self.delete_target(step, gateway_id, document.target_id()).await?;
            if fresh && propagation::is_pending_status(document.status_reasons()) {
                return Ok(Look::NotYet(TOO_FRESH.to_owned()));
            }
            Err(failed(step, &document))
        };
        wait::until(&self.deadline, self.told(step), attempt).await
    }

    async fn settled_target(&self, step: &Step, gateway_id: &str, id: &str) -> Result<Document, Error> {
        let look = async || match agentcore::find_target(self.aws, gateway_id, id).await? {
            Some(document) if document.is_moving() => Ok(Look::NotYet(format!("the target is {}", document.status()))),
            Some(document) => Ok(Look::Ready(document)),
            None => Err(Error::Raced),
        };
        wait::until(&self.deadline, self.told(step), look).await
    }

    async fn delete_target(&self, step: &Step, gateway_id: &str, id: &str) -> Result<(), Error> {
        agentcore::delete_target(self.aws, gateway_id, id).await?;
        wait::until(&self.deadline, self.told(step), async || {
            match agentcore::find_target(self.aws, gateway_id, id).await? {
                Some(_) => Ok(Look::NotYet("the FAILED target is being deleted".to_owned())),
                None => Ok::<_, Error>(Look::Ready(())),
            }
        })
        .await
    }

    // Observability: without it the gateway works all the same, so its failure is a warning.

    /// The log group of a gateway's own logs; false where none is wanted.
    async fn gateway_log_group(&self, gateway_id: &str) -> Result<bool, crate::aws::Error> {
        if !self.spec.observability {
            return Ok(false);
        }
        match logs::create_group(self.aws, &DeliveryNames::new(gateway_id).log_group, &self.tags()).await {
            Err(error) if error.exists() => Ok(true),
            created => created.map(|()| true),
        }
    }

    async fn access_logs(&self, made: &Made) -> (Change, Fact) {
        let delivered = async {
            let gateway = made.gateway()?;
            let names = DeliveryNames::new(gateway.gateway_id());
            if !made.gateway_log_group {
                self.gateway_log_group(gateway.gateway_id()).await?;
            }
            let partition = self.names().region.partition();
            let (region, account) = (&self.names().region, &self.stack.account);
            let group_arn = format!("arn:{partition}:logs:{region}:{account}:log-group:{}", names.log_group);
            let carries = Carries::Logs { group_arn: &group_arn };
            logs::ensure_delivery(self.aws, &names.logs, gateway.gateway_arn(), carries, &self.tags()).await?;
            Ok::<_, Error>(())
        };
        warn_if_failed(delivered.await, "logs", Fact::DeliversLogs)
    }

    async fn traces(&self, made: &Made) -> (Change, Fact) {
        let delivered = async {
            let gateway = made.gateway()?;
            let names = DeliveryNames::new(gateway.gateway_id());
            let tags = self.tags();
            logs::ensure_delivery(self.aws, &names.traces, gateway.gateway_arn(), Carries::Traces, &tags).await?;
            Ok::<_, Error>(())
        };
        warn_if_failed(delivered.await, "traces", Fact::Nothing)
    }
}

fn target_request(target: &TargetSpec, made: &Made) -> Result<Value, Error> {
    let sample = match target.kind {
        TargetKind::Sample => made.function_arn()?,
        TargetKind::Lambda { .. } => "",
    };
    Ok(target.request(sample))
}

fn warn_if_failed(delivered: Result<(), Error>, what: &'static str, fact: Fact) -> (Change, Fact) {
    match delivered {
        Ok(()) => (Change::Created, fact),
        Err(error) => (Change::Unchanged, Fact::Undelivered(what, error.to_string())),
    }
}

/// How a token is asked for.
pub fn token_request(aws: &Aws, domain: &str, client: &cognito::AppClient, scope: &str) -> TokenRequest {
    TokenRequest {
        endpoint: cognito::token_endpoint(aws, domain),
        client_id: client.id.clone(),
        client_secret: client.secret.clone(),
        scope: client.scopes.first().cloned().unwrap_or_else(|| scope.to_owned()),
    }
}

fn written(step: &Step) -> Change {
    if step.change == plan::Change::Create { Change::Created } else { Change::Updated }
}

fn failed(step: &Step, document: &Document) -> Error {
    let reasons: Vec<&str> = document.status_reasons().collect();
    Error::Failed {
        resource: Resource::new(step.resource.kind, document.name()),
        status: document.status().to_owned(),
        reasons: if reasons.is_empty() { "AWS gives no reason".to_owned() } else { reasons.join("; ") },
    }
}
