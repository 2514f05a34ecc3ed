//! `local`: the local AWS, in the foreground or in the background.

mod serve;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use serde::Serialize;

pub use self::serve::Serve;
use super::Outcome;
use crate::{
    context::{Context, local_error},
    error::{Error, ErrorKind},
    local::{daemon, storage::store::AccessKey},
    ui::report::{Page, Report},
};

/// Run and inspect the local AWS that `--local` uses
#[derive(Debug, Args)]
pub struct Local {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    Serve(Serve),
    /// Start it in the background
    Start,
    /// Stop it; its state is kept
    Stop,
    /// Show whether it runs, and where
    Status,
    /// Print shell lines that point boto3, the AWS CLI, Terraform and SDKs at it
    ///
    /// Use it as `eval "$(agentcore-gw local env)"`. Starts the local AWS if it does not run.
    Env,
    /// Forget all its resources
    Reset,
}

impl Local {
    pub fn has_env_form(&self) -> bool {
        matches!(self.verb, Verb::Env)
    }

    pub async fn run(self, ctx: &Context) -> Outcome {
        Ok(match self.verb {
            Verb::Serve(args) => Box::new(args.run(ctx).await?),
            Verb::Start => Box::new(start(ctx).await?),
            Verb::Stop => Box::new(stop(ctx).await?),
            Verb::Status => Box::new(status(ctx).await?),
            Verb::Env => Box::new(env(ctx).await?),
            Verb::Reset => Box::new(reset(ctx).await?),
        })
    }
}

async fn start(ctx: &Context) -> Result<State, Error> {
    let (_, running) = ctx.running_local().await?;
    Ok(State::running(&running))
}

async fn stop(ctx: &Context) -> Result<State, Error> {
    let store = ctx.served_store().await?;
    let running = daemon::find(&store).await.map_err(|error| local_error(&error))?;
    let ran = daemon::stop(&store).await.map_err(|error| local_error(&error))?;
    let said = match (ran, running.is_some_and(|running| running.ephemeral)) {
        (false, _) => "The local AWS did not run.",
        (true, false) => "The local AWS is stopped; its state is kept.",
        (true, true) => "The local AWS is stopped, and what it had is gone.",
    };
    Ok(State { said: Some(said), ..State::stopped() })
}

async fn status(ctx: &Context) -> Result<State, Error> {
    let store = ctx.served_store().await?;
    let found = daemon::find_or_stuck(&store).await.map_err(|error| local_error(&error))?;
    let state = found.map_or_else(State::stopped, |running| State::running(&running));
    Ok(State { folder: Some(store.dir().to_owned()), ..state })
}

async fn reset(ctx: &Context) -> Result<State, Error> {
    let store = ctx.served_store().await?;
    if !ctx.settings.yes && !ctx.confirm("Forget everything in the local AWS?").await? {
        return Err(Error::new(ErrorKind::Interrupted, "nothing was forgotten"));
    }
    daemon::reset(&store).await.map_err(|error| local_error(&error))?;
    Ok(State { said: Some("The local AWS has forgotten everything; its access key stays."), ..status(ctx).await? })
}

async fn env(ctx: &Context) -> Result<Variables, Error> {
    let (store, running) = ctx.running_local().await?;
    let key = store.access_key().map_err(|error| local_error(&error))?;
    Ok(Variables(variables(&running.endpoint(), &key, ctx.local_region()?.as_str()).into_iter().collect()))
}

fn variables(endpoint: &str, key: &AccessKey, region: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_ACCESS_KEY_ID", key.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", key.secret_access_key.clone()),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
    ]
}

/// Whether the local AWS runs.
#[derive(Debug, Serialize)]
pub struct State {
    running: bool,
    endpoint: Option<String>,
    pid: Option<u32>,
    version: Option<String>,
    /// Whether it keeps no state.
    ephemeral: bool,
    /// Where its state and its `server.log` lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
    /// What was done, if that is the result.
    #[serde(skip)]
    said: Option<&'static str>,
}

impl State {
    fn running(running: &daemon::Running) -> Self {
        Self {
            running: true,
            endpoint: Some(running.endpoint()),
            pid: Some(running.pid),
            version: Some(running.version.clone()),
            ephemeral: running.ephemeral,
            folder: None,
            said: None,
        }
    }

    fn stopped() -> Self {
        Self { running: false, endpoint: None, pid: None, version: None, ephemeral: false, folder: None, said: None }
    }
}

impl Report for State {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        if let Some(said) = self.said {
            return writeln!(w, "{said}");
        }
        let runs = match (self.running, self.ephemeral) {
            (false, _) => "does not run",
            (true, false) => "runs",
            (true, true) => "runs, and keeps nothing",
        };
        writeln!(w, "The local AWS {runs}.\n")?;
        let pid = self.pid.map(|pid| pid.to_string()).unwrap_or_default();
        let folder = self.folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default();
        let [endpoint, version] = [&self.endpoint, &self.version].map(|text| text.as_deref().unwrap_or_default());
        w.fields(&[("Endpoint", endpoint), ("Process", &pid), ("Version", version), ("State, log", &folder)])
    }
}

/// How other programs reach the local AWS. It contains the key in plain text, because the command exists to
/// show it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Variables(BTreeMap<&'static str, String>);

impl Report for Variables {
    fn human(&self, w: &mut Page<'_>) -> io::Result<()> {
        let mut lines = Vec::new();
        lines.extend(crate::ui::env_lines(&self.env()));
        w.write_all(&lines)
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        self.0.iter().map(|(name, value)| (*name, value.clone())).collect()
    }
}
