//! What a command may need, built once; AWS clients only when they are asked for.

use std::{fs, path::PathBuf};

use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::{
    aws::{self, Aws, Connection, wait::Stop},
    config::Settings,
    error::{Error, Kind},
    local::{
        self,
        daemon::{self, Launch, Started},
        store::Store,
    },
    model::{name::Region, secret::Secret},
    ui::Ui,
};

/// A command's surroundings.
#[derive(Debug)]
pub struct Context {
    pub ui: Ui,
    pub settings: Settings,
    /// Requested by the first Ctrl-C.
    pub stop: Stop,
    /// Carries AWS and MCP requests; none: the SDK's own client.
    pub http_client: Option<SharedHttpClient>,
    /// Access key id and secret; none: the usual chain.
    pub credentials: Option<(String, Secret)>,
}

impl Context {
    /// Clients for the account that the settings name, or for the local AWS.
    pub async fn aws(&self) -> Result<Aws, Error> {
        let connection = if self.settings.local { self.local_connection().await? } else { self.connection().await? };
        Aws::connect(connection).await.map_err(|error| {
            let error = Error::from(error);
            match &self.settings.profile {
                Some(profile) if error.kind == Kind::NoCredentials && !self.settings.local => error.with_hint(format!(
                    "check that the profile `{profile}` is in ~/.aws/config or ~/.aws/credentials; `aws sso login` or \
                     `aws configure` set it up"
                )),
                _ => error,
            }
        })
    }

    /// Asks for a yes.
    ///
    /// # Errors
    /// If nobody can be asked, or the answer was Ctrl-C.
    pub async fn confirm(&self, question: &str) -> Result<bool, Error> {
        tokio::select! {
            answer = self.ui.confirm(question) => answer,
            () = self.stop.requested() => Err(Error::new(Kind::Interrupted, "interrupted; nothing was changed")),
        }
    }

    async fn connection(&self) -> Result<Connection, Error> {
        Ok(Connection {
            region: self.region().await?,
            profile: self.settings.profile.clone(),
            endpoint_url: self.settings.endpoint_url.clone(),
            credentials: self.credentials.clone(),
            http_client: self.http_client.clone(),
            ca_bundle: self.ca_bundle()?,
        })
    }

    fn ca_bundle(&self) -> Result<Option<Vec<u8>>, Error> {
        let Some(path) = &self.settings.ca_bundle else { return Ok(None) };
        let read = fs::read(path).map_err(|error| error.to_string());
        match read {
            Ok(pem) if String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") => Ok(Some(pem)),
            Ok(_) => Err("it holds no PEM certificate".to_owned()),
            Err(error) => Err(error),
        }
        .map_err(|problem| Error::new(Kind::InvalidInput, format!("AWS_CA_BUNDLE is {}: {problem}", path.display())))
    }

    async fn region(&self) -> Result<Region, Error> {
        if let Some(region) = &self.settings.region {
            return Ok(region.clone());
        }
        match aws::profile_region(self.settings.profile.as_deref()).await {
            Some(text) => text.parse().map_err(|error| {
                Error::new(Kind::InvalidInput, format!("the profile's region `{text}` cannot be used: {error}"))
            }),
            None => Err(Error::new(Kind::NoRegion, "no AWS region is given anywhere")
                .with_hint("add `--region us-west-2`, set AWS_REGION, or add `--local`")),
        }
    }

    async fn local_connection(&self) -> Result<Connection, Error> {
        let (store, running) = self.running_local().await?;
        let key = store.access_key().map_err(|error| local_error(&error))?;
        Ok(Connection {
            region: self.local_region()?,
            profile: None,
            endpoint_url: Some(running.endpoint()),
            credentials: Some((key.access_key_id, Secret::new(key.secret_access_key))),
            http_client: self.http_client.clone(),
            ca_bundle: None,
        })
    }

    /// The region of the local AWS.
    pub fn local_region(&self) -> Result<Region, Error> {
        let default = || local::DEFAULT_REGION.parse().map_err(|error| Error::new(Kind::Bug, format!("{error}")));
        self.settings.region.clone().map_or_else(default, Ok)
    }

    /// The local AWS, started if it did not run.
    pub async fn running_local(&self) -> Result<(Store, daemon::Running), Error> {
        let store = self.local_store()?;
        let launch = Launch {
            store: store.clone(),
            executable: executable()?,
            port: self.settings.local_port,
            path: self.settings.path.clone(),
            endpoints: self.settings.service_endpoints.clone(),
        };
        let (running, started) = daemon::ensure(&launch).await.map_err(|error| local_error(&error))?;
        if started == Started::Now {
            self.ui.note(&format!(
                "started the local AWS at {} in the background; `agentcore-gw local stop` ends it",
                running.endpoint()
            ));
        }
        Ok((store, running))
    }

    /// The state folder of the local AWS.
    pub fn local_store(&self) -> Result<Store, Error> {
        let Some(dir) = &self.settings.local_dir else {
            return Err(Error::new(Kind::InvalidInput, "there is no place to keep the local AWS's state")
                .with_hint("set HOME or AGENTCORE_GW_LOCAL_DIR"));
        };
        Store::open(dir).map_err(|error| {
            Error::new(Kind::Failed, format!("the folder {} cannot be used: {error}", dir.display()))
                .with_hint("set AGENTCORE_GW_LOCAL_DIR to a folder of your own")
        })
    }
}

/// An error of the local AWS's own files or process.
pub fn local_error(error: &std::io::Error) -> Error {
    Error::new(Kind::Failed, format!("the local AWS: {error}"))
        .with_hint("`agentcore-gw local serve` shows it start in the foreground; `local reset` begins with nothing")
}

fn executable() -> Result<PathBuf, Error> {
    std::env::current_exe()
        .map_err(|error| Error::new(Kind::Failed, format!("cannot tell where this program is: {error}")))
}
