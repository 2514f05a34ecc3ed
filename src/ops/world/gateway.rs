//! The gateway and its targets.

use futures_util::future::join;
use serde_json::{Value, json};

use super::{AwsWorld, Error, TOO_FRESH};
use crate::{
    aws::{
        agentcore::{self, ApiDocument},
        cognito, iam, logs, propagation,
        providers::{self, Moments, Put},
        wait::{self, Poll},
    },
    model::{
        fingerprint,
        naming::{DeliveryNames, TAG_PROVIDER},
        spec::{AuthorizerSpec, ProviderSpec, RoleSpec, TargetSource, TargetSpec},
    },
    ops::{
        apply::{LogGroup, Output, Outputs},
        event::{Change, Event},
        plan::{self, Step},
        sync::{Updated, gone, is_stale, settled_target},
    },
};

/// Names that are tried for a credential provider: the first choice, then `-2` and `-3`.
const PROVIDER_ATTEMPTS: u32 = 3;

impl AwsWorld<'_> {
    pub(super) async fn gateway(&self, step: &Step, made: &Outputs) -> Result<(Change, Output), Error> {
        let discovery_url = self.discovery_url(step, made).await?;
        match (&step.action, &self.stack.gateway) {
            (plan::Action::Update(what), Some(gateway)) => {
                let document = self.updated_gateway(step, gateway.id(), what, made, discovery_url.clone()).await?;
                // It was moving when it was looked at: what is to be changed is told only now.
                let is_settled = what == &["state"] && document.is_ready();
                if is_settled
                    && !plan::differences(self.run.aws, self.spec, self.stack, &self.plan.authorizer, &document)
                        .is_empty()
                {
                    return Err(Error::Raced);
                }
                if document.is_ready() || !self.wait && what != &["state"] {
                    return Ok((Change::Updated, Output::Gateway { document, log_group: None }));
                }
                // An interrupted run had begun to create it.
                if what != &["state"] || !gateway.ours || !self.fails_for_now(step, &document).await {
                    return Err(Error::of_state(step.resource.kind, &document));
                }
                self.delete_gateway(step, &document).await?;
            }
            (plan::Action::Replace, Some(gateway)) => self.delete_gateway(step, &gateway.document).await?,
            _ => {}
        }
        let (document, log_group) = self.created_gateway(step, made, discovery_url).await?;
        Ok((Change::Created, Output::Gateway { document, log_group }))
    }

    fn gateway_request(&self, made: &Outputs, discovery_url: Option<String>) -> Result<Value, Error> {
        let mut request = self.spec.request();
        request["roleArn"] = json!(made.role_arn()?);
        request["tags"] = json!(self.tags());
        self.set_authorizer(&mut request, made, discovery_url)?;
        Ok(request)
    }

    /// `discovery_url` is the one that the pool's own OpenID document gives, if known.
    fn set_authorizer(&self, request: &mut Value, made: &Outputs, discovery_url: Option<String>) -> Result<(), Error> {
        let authorizer = &self.plan.authorizer;
        request["authorizerType"] = json!(authorizer.api_type());
        let configuration = match authorizer {
            AuthorizerSpec::Cognito => {
                let mut jwt = request["authorizerConfiguration"]["customJWTAuthorizer"].clone();
                let named =
                    jwt["discoveryUrl"].as_str().and_then(|url| cognito::pool_of_discovery_url(self.run.aws, url));
                // Settings for another issuer's tokens do not apply to this pool's.
                if !jwt.is_object() || !jwt["discoveryUrl"].is_null() && named.as_deref() != Some(made.pool_id()?) {
                    jwt = json!({});
                }
                let usual = cognito::discovery_url(self.run.aws, made.pool_id()?);
                jwt["discoveryUrl"] = json!(discovery_url.unwrap_or(usual));
                // Cognito's access tokens have a client_id and no aud.
                let mut allowed = jwt["allowedClients"].as_array().cloned().unwrap_or_default();
                let own = std::iter::once(&made.client()?.id);
                for id in own.chain(&self.spec.allowed_clients).map(|id| json!(id)) {
                    if !allowed.contains(&id) {
                        allowed.push(id);
                    }
                }
                jwt["allowedClients"] = json!(allowed);
                json!({ "customJWTAuthorizer": jwt })
            }
            AuthorizerSpec::Jwt(configuration) => configuration.clone(),
            AuthorizerSpec::Iam | AuthorizerSpec::None => Value::Null,
            AuthorizerSpec::AuthenticateOnly | AuthorizerSpec::Other(_) => request["authorizerConfiguration"].clone(),
        };
        match request {
            Value::Object(members) if configuration.is_null() => {
                members.shift_remove("authorizerConfiguration");
            }
            request => request["authorizerConfiguration"] = configuration,
        }
        Ok(())
    }

    /// Creates the gateway. A gateway of this run that FAILED is deleted, and created again if the cause is that
    /// the role or the user pool is too new.
    ///
    /// While AWS creates it, the log group that is named after its id is created, which saves a sequential call.
    /// The log group is the second part of the result.
    async fn created_gateway(
        &self,
        step: &Step,
        made: &Outputs,
        discovery_url: Option<String>,
    ) -> Result<(ApiDocument, Option<LogGroup>), Error> {
        let request = self.gateway_request(made, discovery_url)?;
        let attempt = async || {
            let create = async || agentcore::create_gateway(self.run.aws, &request).await;
            let created = match self.once_propagated(step, create).await {
                // It exists, but was not discovered: discover the stack again to find out who owns it.
                Err(Error::Aws(error)) if error.exists() => return Err(Error::Raced),
                created => created?,
            };
            self.run.observer.on_event(Event::Accepted(step.resource.clone()));
            if !self.wait && self.spec.targets.is_empty() {
                return Ok(Poll::Ready((created, None)));
            }
            let id = created.gateway_id();
            let (document, log_group) = join(self.settled_gateway(step, id, None), self.gateway_log_group(id)).await;
            let document = document?;
            if document.is_ready() {
                return Ok(Poll::Ready((document, log_group.ok().flatten())));
            }
            if let Err(error) = self.delete_gateway(step, &document).await {
                return Err(stays(step, &document, error));
            }
            self.run.observer.on_event(Event::Dropped(step.resource.clone()));
            if self.pool_may_be_too_fresh(&document) {
                return Ok(Poll::Pending("the user pool does not serve its OpenID document yet".to_owned()));
            }
            if self.fails_for_now(step, &document).await {
                return Ok(Poll::Pending(TOO_FRESH.to_owned()));
            }
            Err(deleted(step, &document))
        };
        wait::until(&self.deadline, self.on_wait(step), attempt).await
    }

    /// Whether a gateway or target FAILED for a transient reason, so that it can be created again.
    async fn fails_for_now(&self, step: &Step, document: &ApiDocument) -> bool {
        document.status() == "FAILED"
            && (self.pool_may_be_too_fresh(document)
                || propagation::is_pending_state(document) && self.may_be_too_fresh(step).await)
    }

    async fn updated_gateway(
        &self,
        step: &Step,
        id: &str,
        what: &[&str],
        made: &Outputs,
        discovery_url: Option<String>,
    ) -> Result<ApiDocument, Error> {
        if what == ["state"] {
            return self.settled_gateway(step, id, None).await;
        }
        let update = async || {
            // Another run may be changing it: apply the change to the result.
            let before = self.settled_gateway(step, id, None).await?;
            let mut request = self.spec.patch.applied(&before.0);
            if let RoleSpec::Existing(role) = &self.spec.role {
                request["roleArn"] = json!(role);
            }
            if what.contains(&"authorizer") {
                self.set_authorizer(&mut request, made, discovery_url.clone())?;
            }
            let answer = agentcore::update_gateway(self.run.aws, id, &request).await?;
            Ok::<_, Error>((Updated::new(&before, &answer), answer))
        };
        let (updated, answer) = self.once_propagated(step, update).await?;
        if self.wait { self.settled_gateway(step, id, Some(&updated)).await } else { Ok(answer) }
    }

    /// Waits until AWS is no longer working on the gateway.
    async fn settled_gateway(&self, step: &Step, id: &str, updated: Option<&Updated>) -> Result<ApiDocument, Error> {
        wait::until(&self.deadline, self.on_wait(step), async || {
            match agentcore::find_gateway(self.run.aws, id).await? {
                Some(document) if updated.is_some_and(|updated| is_stale(&document, updated)) => {
                    Ok(Poll::Pending("the gateway is shown as it was before".to_owned()))
                }
                Some(document) if document.is_moving() => {
                    Ok(Poll::Pending(format!("the gateway is {}", document.status())))
                }
                Some(document) => Ok(Poll::Ready(document)),
                None => Err(Error::Raced),
            }
        })
        .await
    }

    async fn delete_gateway(&self, step: &Step, gateway: &ApiDocument) -> Result<(), Error> {
        let id = gateway.gateway_id();
        // The log group is found by the gateway's id, so delete it before the gateway.
        logs::delete_group(self.run.aws, &DeliveryNames::new(id).log_group).await?;
        let find = async || agentcore::find_gateway(self.run.aws, id).await;
        agentcore::delete_gateway(self.run.aws, id).await?;
        Ok(gone(Some(gateway), &self.deadline, self.on_wait(step), find).await?)
    }

    pub(super) async fn target(&self, step: &Step, made: &Outputs) -> Result<(Change, Output), Error> {
        let spec = step.target.as_ref().ok_or(Error::PlanForgot("target"))?;
        let gateway_id = made.gateway()?.gateway_id();
        let request = target_request(spec, made)?;
        let existing = self.stack.gateway.as_ref().and_then(|gateway| gateway.target(spec.name.as_str()));
        let creation = spec.patch.applied(&request);
        let (change, document) = match (&step.action, existing) {
            (plan::Action::Update(what), Some(existing)) => {
                let id = existing.target_id();
                let settled = self.settled_target(step, gateway_id, id, None).await?;
                let mut updated = None;
                if what != &["state"] {
                    let request = spec.patch.applied(&agentcore::updated_target(&settled, &request));
                    let update = async || agentcore::update_target(self.run.aws, gateway_id, id, &request).await;
                    let answer = self.once_propagated(step, update).await?;
                    updated = Some(Updated::new(&settled, &answer));
                }
                let document = self.settled_target(step, gateway_id, id, updated.as_ref()).await?;
                let is_settled = what == &["state"] && document.is_ready();
                if is_settled && !plan::is_as_wanted(self.stack, spec, &document)? {
                    return Err(Error::Raced);
                }
                if what == &["state"] && self.fails_for_now(step, &document).await {
                    self.delete_target(step, gateway_id, &document).await?;
                    (Change::Created, self.created_target(step, gateway_id, &creation).await?)
                } else {
                    (Change::Updated, document)
                }
            }
            (plan::Action::Replace, Some(existing)) => {
                self.delete_target(step, gateway_id, existing).await?;
                (Change::Created, self.created_target(step, gateway_id, &creation).await?)
            }
            _ => (Change::Created, self.created_target(step, gateway_id, &creation).await?),
        };
        if document.is_ready() || document.awaits_user() || !self.wait {
            // Until AWS has changed it, it goes on using the one of before.
            if document.is_ready() {
                self.drop_unused_provider(existing, &request).await?;
            }
            Ok((change, Output::Target(document)))
        } else {
            Err(Error::of_state(step.resource.kind, &document))
        }
    }

    /// Deletes the stack's provider that the target used and no longer uses.
    async fn drop_unused_provider(&self, existing: Option<&ApiDocument>, request: &Value) -> Result<(), Error> {
        let used = existing.and_then(|existing| providers::of_target(&existing.0));
        let Some((kind, name)) =
            used.filter(|arn| providers::of_target(request) != Some(arn)).and_then(providers::of_arn)
        else {
            return Ok(());
        };
        if self.names().owns_provider(name) {
            providers::delete(self.run.aws, kind, name).await?;
            if self.stack.role.is_some() {
                iam::untag_role(self.run.aws, &self.names().role, &format!("{TAG_PROVIDER}{name}")).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn provider(&self, step: &Step) -> Result<(Change, Output), Error> {
        let target = step.target.as_ref().ok_or(Error::PlanForgot("target"))?;
        let spec = target.provider().ok_or(Error::PlanForgot("credential provider"))?;
        let mut name = step.resource.name.clone();
        let provider = |attempt| self.names().provider(target.name.as_str(), attempt);
        let mut attempt = (0..PROVIDER_ATTEMPTS).find(|attempt| provider(*attempt) == name).unwrap_or_default() + 1;
        let last = attempt + PROVIDER_ATTEMPTS - 1;
        loop {
            self.note_provider(step, &name, spec).await?;
            match providers::put(self.run.aws, &name, spec, &self.tags()).await {
                // The name is taken, yet there is no such provider: AWS reserves the name of a deleted one.
                Err(error) if error.is_not_found() && attempt < last => {
                    name = provider(attempt);
                    attempt += 1;
                }
                put => return Ok(provider_output(target, put?)),
            }
        }
    }

    /// Adds the fingerprint of what a provider has to its tag, so that another run knows it: after the provider was sent,
    /// as a run that ends before sends it again. Nothing depends on it.
    pub(super) async fn fingerprint(&self, step: &Step, made: &Outputs) -> Result<(Change, Output), Error> {
        let unchanged = Ok((Change::Unchanged, Output::Nothing));
        let Some(target) = &step.target else { return unchanged };
        let arn = made.providers.get(target.name.as_str());
        let Some((kind, name)) = arn.and_then(|arn| providers::of_arn(arn)) else { return unchanged };
        let sent = match made.providers_updated.get(target.name.as_str()) {
            Some(updated) => Some(*updated),
            // The answer to its creation has no time.
            None => providers::moments(self.run.aws, kind, name).await.ok().flatten().and_then(Moments::as_created),
        };
        let spec = target.provider().ok_or(Error::PlanForgot("credential provider"))?;
        let fingerprint = fingerprint::of(&spec.request(name).to_string());
        let Some((sent, fingerprint)) = sent.zip(fingerprint) else { return unchanged };
        let (key, value) = (format!("{TAG_PROVIDER}{name}"), format!("{} {fingerprint} {sent}", kind.path()));
        match self.tag_role(step, &key, &value).await {
            Err(error) if error.is_stop() => Err(error),
            _ => unchanged,
        }
    }

    /// Tags the execution role with the provider's name before the provider is created, so that cleanup always
    /// finds it.
    async fn note_provider(&self, step: &Step, name: &str, spec: &ProviderSpec) -> Result<(), Error> {
        let key = format!("{TAG_PROVIDER}{name}");
        if self.stack.role.as_ref().is_some_and(|role| role.tags.contains_key(&key)) {
            return Ok(());
        }
        self.tag_role(step, &key, spec.kind().path()).await
    }

    /// Tags the execution role, if the stack makes it.
    async fn tag_role(&self, step: &Step, key: &str, value: &str) -> Result<(), Error> {
        // Beside a role of the user's, the stack's own may still be there.
        if self.plan.existing_role.is_some() && self.stack.role.is_none() {
            return Ok(());
        }
        let tag = async || iam::tag_role(self.run.aws, &self.names().role, key, value).await;
        self.once_propagated(step, tag).await
    }

    /// As [`Self::created_gateway`].
    async fn created_target(&self, step: &Step, gateway_id: &str, request: &Value) -> Result<ApiDocument, Error> {
        let attempt = async || {
            let create = async || agentcore::create_target(self.run.aws, gateway_id, request).await;
            let created = match self.once_propagated(step, create).await {
                Err(Error::Aws(error)) if error.exists() => return Err(Error::Raced),
                created => created?,
            };
            self.run.observer.on_event(Event::Accepted(step.resource.clone()));
            if !self.wait {
                return Ok(Poll::Ready(created));
            }
            let document = self.settled_target(step, gateway_id, created.target_id(), None).await?;
            if document.is_ready() || document.awaits_user() {
                return Ok(Poll::Ready(document));
            }
            if let Err(error) = self.delete_target(step, gateway_id, &document).await {
                return Err(stays(step, &document, error));
            }
            self.run.observer.on_event(Event::Dropped(step.resource.clone()));
            if self.fails_for_now(step, &document).await {
                return Ok(Poll::Pending(TOO_FRESH.to_owned()));
            }
            Err(deleted(step, &document))
        };
        wait::until(&self.deadline, self.on_wait(step), attempt).await
    }

    async fn settled_target(
        &self,
        step: &Step,
        gateway_id: &str,
        id: &str,
        updated: Option<&Updated>,
    ) -> Result<ApiDocument, Error> {
        let found = settled_target(self.run.aws, gateway_id, id, updated, &self.deadline, self.on_wait(step)).await?;
        found.ok_or(Error::Raced)
    }

    async fn delete_target(&self, step: &Step, gateway_id: &str, target: &ApiDocument) -> Result<(), Error> {
        let id = target.target_id();
        let find = async || agentcore::find_target(self.run.aws, gateway_id, id).await;
        let deletion = async || agentcore::delete_target(self.run.aws, gateway_id, id).await;
        self.once_propagated(step, deletion).await?;
        Ok(gone(Some(target), &self.deadline, self.on_wait(step), find).await?)
    }
}

/// Reports the failure of a resource that is not there any more.
fn deleted(step: &Step, document: &ApiDocument) -> Error {
    match Error::of_state(step.resource.kind, document) {
        Error::Failed { resource, status, reasons } => {
            Error::Failed { resource, status: format!("{status}, so it was deleted again"), reasons }
        }
        error => error,
    }
}

/// Reports both the failure of a resource and the failure to delete it.
fn stays(step: &Step, document: &ApiDocument, error: Error) -> Error {
    match Error::of_state(step.resource.kind, document) {
        Error::Failed { resource, status, reasons } if !error.is_stop() => {
            Error::Failed { resource, status, reasons: format!("{reasons}; and it stays: {error}") }
        }
        _ => error,
    }
}

fn provider_output(target: &TargetSpec, Put { arn, is_new, updated }: Put) -> (Change, Output) {
    let change = if is_new { Change::Created } else { Change::Updated };
    (change, Output::Provider { target: target.name.to_string(), arn, updated })
}

fn target_request(target: &TargetSpec, made: &Outputs) -> Result<Value, Error> {
    let sample = match target.source {
        TargetSource::Sample => made.function_arn()?,
        TargetSource::Configured(_) | TargetSource::Other(_) => "",
    };
    let provider = match target.provider() {
        None => "",
        Some(_) => made.providers.get(target.name.as_str()).ok_or(Error::PlanForgot("credential provider"))?,
    };
    Ok(target.request(sample, provider))
}
