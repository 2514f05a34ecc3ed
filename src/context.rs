//! What a command may need, built once; AWS clients are created on demand.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::{net::TcpListener, time::Instant};

use crate::{
    aws::{
        self, Aws, Caller, Connection,
        wait::{self, Deadline, Poll, Stop},
    },
    config::Settings,
    error::{Error, ErrorKind},
    local::{
        self,
        daemon::{self, Launch, Started},
        storage::store::Store,
    },
    model::{
        name::{Region, nearest},
        sample,
        secret::Secret,
    },
    ops::{
        self, Resource,
        event::{Change, Event, Observer},
        run::Run,
    },
    ui::{Ui, invocation::Invocation, progress::Progress},
};

/// Most profiles that an error names.
const MOST_PROFILES: usize = 20;

/// The context of a command.
#[derive(Debug)]
pub struct Context {
    pub ui: Ui,
    pub settings: Settings,
    /// Requested by the first Ctrl-C.
    pub stop: Stop,
    /// The HTTP client for AWS and MCP requests; `None`: the SDK's own.
    pub http_client: Option<SharedHttpClient>,
    /// Access key id and secret; `None`: the default chain.
    pub credentials: Option<(String, Secret)>,
    pub invocation: Invocation,
    /// What this run has made.
    pub made: Mutex<Vec<Resource>>,
    /// The caller, once it is known.
    pub caller: OnceLock<Caller>,
}

/// Shows an operation's progress, and records what was created.
#[derive(Debug)]
pub struct Watch<'a> {
    progress: Progress<'a>,
    made: &'a Mutex<Vec<Resource>>,
    caller: &'a OnceLock<Caller>,
    /// Whether it is the local AWS, which has only one caller, so that the caller is not shown.
    local: bool,
}

impl Observer for Watch<'_> {
    fn on_event(&self, event: Event) {
        if let Event::Acting(caller, _) = &event
            && (self.caller.set(caller.clone()).is_err() || self.local)
        {
            return;
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match &event {
            Event::Accepted(resource) | Event::Finished(resource, Change::Created, _) if !made.contains(resource) => {
                made.push(resource.clone());
            }
            Event::Dropped(resource) | Event::Finished(resource, Change::Deleted, _) => {
                made.retain(|other| other != resource);
            }
            _ => {}
        }
        drop(made);
        self.progress.on_event(event);
    }
}

impl Context {
    /// What this run has made.
    pub fn made(&self) -> Vec<Resource> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The program's absolute path.
    pub fn program_path(&self) -> io::Result<PathBuf> {
        self.invocation.path(&self.settings.path)
    }

    /// An observer for an operation.
    pub fn watch(&self) -> Watch<'_> {
        let (made, caller) = (&self.made, &self.caller);
        Watch { progress: self.ui.progress(), made, caller, local: self.settings.local }
    }

    /// An error that ended a change, with what this run created, the command that continues, and the one that
    /// removes what was created.
    pub fn ended(&self, error: impl Into<Error>, undo: Option<&str>) -> Error {
        let made = self.made();
        error.into().of_change(&made, self.invocation.again(), undo)
    }

    /// Runs an operation, shows its progress, and records what it creates.
    pub async fn observed<T>(&self, aws: &Aws, operation: impl AsyncFnOnce(Run<'_>) -> T) -> T {
        let watch = self.watch();
        operation(Run { aws, observer: &watch, stop: &self.stop }).await
    }

    /// Clients for the account that the settings name, or for the local AWS.
    pub async fn aws(&self) -> Result<Aws, Error> {
        let connection = if self.settings.local { self.local_connection().await? } else { self.connection().await? };
        match Aws::connect(connection).await {
            Err(error) if !self.settings.local => Err(self.no_credentials(error.into()).await),
            connected => Ok(connected?),
        }
    }

    /// Explains why there are no credentials, for example because the profile does not exist.
    async fn no_credentials(&self, error: Error) -> Error {
        let Some(profile) = self.settings.profile.as_ref().filter(|_| error.kind == ErrorKind::NoCredentials) else {
            return error;
        };
        self.no_profile(profile).await.unwrap_or_else(|| {
            error.with_hint(format!("`aws sso login --profile {profile}` or `aws configure` sets it up"))
        })
    }

    /// The error that there is no such profile, if that is so.
    async fn no_profile(&self, profile: &str) -> Option<Error> {
        let known = aws::profiles().await;
        if known.iter().any(|known| known == profile) {
            return None;
        }
        let missing = format!("there is no profile `{profile}` in ~/.aws/config");
        let error = if known.is_empty() {
            Error::new(ErrorKind::NoCredentials, format!("{missing}, and no other one"))
        } else {
            let error = Error::new(ErrorKind::NoCredentials, format!("{missing}, only these:"));
            let named = known.iter().take(MOST_PROFILES).fold(error, Error::with_cause);
            match known.len().checked_sub(MOST_PROFILES).filter(|more| *more > 0) {
                Some(more) => named.with_cause(format!("and {more} more")),
                None => named,
            }
        };
        Some(error.with_hint(match nearest(profile, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `--profile {near}`?"),
            None => "`--profile` chooses one that there is; `aws configure` makes one".to_owned(),
        }))
    }

    /// Asks for confirmation.
    ///
    /// # Errors
    /// If there is no terminal to ask on, or the answer was Ctrl-C.
    pub async fn confirm(&self, question: &str) -> Result<bool, Error> {
        tokio::select! {
            answer = self.ui.confirm(question) => answer,
            cause = self.stop.requested() => Err(ops::Error::of_stop(cause).into()),
        }
    }

    /// Asks for a secret.
    ///
    /// # Errors
    /// If no answer can be read, or it was Ctrl-C.
    pub async fn ask_secret(&self, what: &str) -> Result<String, Error> {
        tokio::select! {
            answer = self.ui.ask_secret(what) => answer,
            cause = self.stop.requested() => Err(ops::Error::of_stop(cause).into()),
        }
    }

    async fn connection(&self) -> Result<Connection, Error> {
        Ok(Connection {
            region: self.account_region().await?,
            profile: self.settings.profile.clone(),
            profile_is_explicit: self.settings.profile_is_explicit,
            endpoint_url: self.settings.endpoint_url.clone(),
            credentials: self.credentials.clone(),
            http_client: self.http_client.clone(),
            ca_bundle: self.ca_bundle().await?,
            is_loopback: false,
        })
    }

    /// The certificate authorities from the variable, or else from the profile.
    async fn ca_bundle(&self) -> Result<Option<Vec<u8>>, Error> {
        let (by, path) = match &self.settings.ca_bundle {
            Some(path) => ("AWS_CA_BUNDLE", path.clone()),
            None => match aws::profile_ca_bundle(self.settings.profile.as_deref()).await {
                Some(path) => ("the profile's ca_bundle", path),
                None => return Ok(None),
            },
        };
        let read = fs::read(&path).map_err(|error| error.to_string());
        match read {
            Ok(pem) if String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") => Ok(Some(pem)),
            Ok(_) => Err("it holds no PEM certificate".to_owned()),
            Err(error) => Err(error),
        }
        .map_err(|problem| Error::new(ErrorKind::InvalidInput, format!("{by} is {}: {problem}", path.display())))
    }

    /// The region of the command: the local AWS's, or the account's.
    ///
    /// # Errors
    /// If no region is configured.
    pub async fn region(&self) -> Result<Region, Error> {
        if self.settings.local { self.local_region() } else { self.account_region().await }
    }

    async fn account_region(&self) -> Result<Region, Error> {
        if let Some(region) = &self.settings.region {
            return Ok(region.clone());
        }
        match aws::profile_region(self.settings.profile.as_deref()).await {
            Some(text) => text.parse().map_err(|error| {
                Error::new(ErrorKind::InvalidInput, format!("the profile's region `{text}` cannot be used: {error}"))
            }),
            None => {
                if let Some(profile) = &self.settings.profile
                    && let Some(error) = self.no_profile(profile).await
                {
                    return Err(error);
                }
                let error = Error::new(ErrorKind::NoRegion, "no AWS region is given anywhere");
                Err(error.with_hint("add `--region us-west-2`, set AWS_REGION, or add `--local`"))
            }
        }
    }

    async fn local_connection(&self) -> Result<Connection, Error> {
        let (store, running) = self.running_local().await?;
        let key = store.access_key().map_err(|error| local_error(&error))?;
        Ok(Connection {
            region: self.local_region()?,
            profile: None,
            profile_is_explicit: false,
            endpoint_url: Some(running.endpoint()),
            credentials: Some((key.access_key_id, Secret::new(key.secret_access_key))),
            http_client: self.http_client.clone(),
            ca_bundle: None,
            is_loopback: true,
        })
    }

    /// The region of the local AWS.
    pub fn local_region(&self) -> Result<Region, Error> {
        let default = || local::DEFAULT_REGION.parse().map_err(|error| Error::new(ErrorKind::Bug, format!("{error}")));
        self.settings.region.clone().map_or_else(default, Ok)
    }

    /// The local AWS, started if it is not running.
    pub async fn running_local(&self) -> Result<(Store, daemon::Running), Error> {
        // If the port is taken, its server may be about to announce itself.
        let begun = Instant::now();
        let attempt = async || {
            if let Some(found) = self.running_ephemeral().await? {
                return Ok(found);
            }
            let store = self.local_store_io()?;
            self.check_port(&store).await?;
            let (running, started) = daemon::ensure(&self.launch(&store)?).await?;
            if started == Started::Now {
                self.ui.note(&format!(
                    "started the local AWS at {} in the background; `agentcore-gw local stop` ends it",
                    running.endpoint()
                ));
            }
            Ok::<_, io::Error>((store, running))
        };
        let look = async || match attempt().await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < ANNOUNCED => {
                Ok(Poll::Pending(error.to_string()))
            }
            found => found.map(Poll::Ready).map_err(|error| local_error(&error)),
        };
        wait::until(&Deadline::of(&self.stop), |_| {}, look).await
    }

    /// Checks that this machine has the interpreter that the sample function needs; AWS has all of them.
    ///
    /// # Errors
    /// If the function is to run on the local AWS and cannot.
    pub async fn check_sample(&self) -> Result<(), Error> {
        if !self.settings.local {
            return Ok(());
        }
        let (store, running) = self.running_local().await?;
        let problem =
            daemon::cannot_run(&store, &running, sample::RUNTIME).await.map_err(|error| local_error(&error))?;
        let Some(problem) = problem else { return Ok(()) };
        let error = Error::new(ErrorKind::Failed, "the sample's function cannot run here: nothing was made");
        Err(error.with_cause(problem).with_hint(
            "install it, run `agentcore-gw local stop` so that the local AWS begins with your PATH, and run this again",
        ))
    }

    fn launch(&self, store: &Store) -> io::Result<Launch> {
        Ok(Launch {
            store: store.clone(),
            executable: std::env::current_exe()?,
            port: self.settings.local_port,
            path: self.settings.path.clone(),
            endpoints: self.settings.service_endpoints.clone(),
        })
    }

    /// An ephemeral local AWS at the configured port.
    async fn running_ephemeral(&self) -> io::Result<Option<(Store, daemon::Running)>> {
        let port = self.settings.local_port.unwrap_or(local::DEFAULT_PORT);
        let Some(dir) = self.settings.ephemeral_dir(port).filter(|dir| dir.is_dir()) else { return Ok(None) };
        // Ignore a folder that has another owner, or that its server is removing.
        let Ok(store) = Store::open(&dir) else { return Ok(None) };
        Ok(daemon::coming_up(&store, None).await?.map(|running| (store, running)))
    }

    /// The folder of the running local AWS, or of the one that would be started.
    pub async fn served_store(&self) -> Result<Store, Error> {
        match self.running_ephemeral().await.map_err(|error| local_error(&error))? {
            Some((store, _)) => Ok(store),
            None => {
                let store = self.local_store()?;
                self.check_port(&store).await.map_err(|error| local_error(&error))?;
                Ok(store)
            }
        }
    }

    /// A configured port refers to the server at that port, and to no other.
    async fn check_port(&self, store: &Store) -> io::Result<()> {
        let Some(port) = self.settings.local_port.filter(|port| *port != 0) else { return Ok(()) };
        match daemon::find(store).await? {
            Some(running) if running.port != port => {
                let problem = format!("AGENTCORE_GW_LOCAL_PORT is {port}, and it runs at {}", running.endpoint());
                Err(io::Error::new(io::ErrorKind::AddrNotAvailable, problem))
            }
            _ => Ok(()),
        }
    }

    /// Listens on a port of 127.0.0.1.
    ///
    /// # Errors
    /// If the port is taken; the message says whether by the local AWS.
    pub async fn listen(&self, port: u16) -> io::Result<TcpListener> {
        let taken = match daemon::listen(port).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => error,
            listening => return listening,
        };
        let own = async {
            match self.running_ephemeral().await? {
                Some((_, running)) => Ok(Some(running)),
                None => daemon::find(&self.local_store_io()?).await,
            }
        };
        match own.await.ok().flatten().filter(|running| running.port == port) {
            Some(running) => Err(io::Error::other(format!("one already runs at {}", running.endpoint()))),
            None => Err(taken),
        }
    }

    /// The state folder of the local AWS.
    pub fn local_store(&self) -> Result<Store, Error> {
        self.local_store_io().map_err(|error| local_error(&error))
    }

    pub(crate) fn local_store_io(&self) -> io::Result<Store> {
        let Some(dir) = &self.settings.local_dir else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no place to keep its state"));
        };
        let unusable = |error: io::Error| {
            io::Error::new(error.kind(), format!("the folder {} cannot be used: {error}", dir.display()))
        };
        Store::open(dir).map_err(unusable)
    }
}

/// How long a server that has its port may take to announce itself.
const ANNOUNCED: Duration = Duration::from_secs(2);

/// An error of the local AWS's own files or process.
pub fn local_error(error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "choose another port with AGENTCORE_GW_LOCAL_PORT, or end the program that listens there"
        }
        io::ErrorKind::AlreadyExists => {
            "choose another folder with AGENTCORE_GW_LOCAL_DIR or `local serve --state-dir`"
        }
        io::ErrorKind::AddrNotAvailable => "unset the variable, or set it to the port where it runs",
        io::ErrorKind::Unsupported => "use the newer program, or end the server with `agentcore-gw local stop`",
        io::ErrorKind::InvalidInput => "set HOME or AGENTCORE_GW_LOCAL_DIR",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory => {
            "set AGENTCORE_GW_LOCAL_DIR to a folder of your own"
        }
        _ if error.to_string().contains("already runs") => "run `agentcore-gw local stop` first",
        _ if error.to_string().contains("does not stop") => "end that process by hand",
        _ => {
            "`agentcore-gw local serve` shows it start in the foreground; `agentcore-gw local reset` begins with nothing"
        }
    };
    Error::new(ErrorKind::Failed, format!("the local AWS: {error}")).with_hint(hint)
}
