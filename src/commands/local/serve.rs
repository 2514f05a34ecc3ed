//! `local serve`: the local AWS in the foreground.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use tokio::net::TcpListener;

use super::variables;
use crate::{
    aws,
    config::SERVICE_ENDPOINT,
    context::{Context, local_error},
    error::{Error, ErrorKind},
    local,
    local::{
        Config, DEFAULT_PORT, Endpoints, FaultRule, Faults, SigningKey, daemon,
        daemon::{Claim, Mode},
        storage::store::{AccessKey, Store},
    },
    ui::report::Silent,
};

/// Run the local AWS in the foreground
#[derive(Debug, Args)]
pub struct Serve {
    /// Port on 127.0.0.1, 0 for any [default: AGENTCORE_GW_LOCAL_PORT, else 7755]
    #[arg(long)]
    pub port: Option<u16>,

    /// Keep state in memory, and forget it at the end
    #[arg(long)]
    pub ephemeral: bool,

    /// Folder of the state [default: AGENTCORE_GW_LOCAL_DIR, else in the XDG state directory]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    pub state_dir: Option<PathBuf>,

    /// Answer every AWS call this much later, for example 80ms
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s")]
    pub latency: Duration,

    /// End the process of a function that nobody has called for so long
    // Not documented by AWS; users have seen five to seven minutes (Mikhail Shilkov, "Cold Starts in AWS Lambda").
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "300s")]
    pub function_idle: Duration,

    /// Let lists, roles, policies, pools' OpenID documents and domains show changes this much later, for example 15s
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s")]
    pub consistency_lag: Duration,

    /// Let roles and policies be in force this much later, if that is longer
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s")]
    pub iam_lag: Duration,

    /// Be an account that does not send traces to CloudWatch Logs
    #[arg(long)]
    pub no_transaction_search: bool,

    /// Let access tokens be valid for so long, for example 2s, instead of what their client says
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub token_validity: Option<Duration>,

    /// Fail a call, for example iam:CreateRole=ThrottlingException*2 (can be repeated)
    #[arg(long = "fault", value_name = "SERVICE:OPERATION=ERROR[*TIMES][:MESSAGE]")]
    pub faults: Vec<FaultRule>,

    /// Let calls of the control plane do only what the IAM policies in these files allow (can be repeated)
    ///
    /// `agentcore-gw policy` prints such policies.
    #[arg(long = "enforce-caller-policies", value_name = "FILE")]
    pub caller_policies: Vec<PathBuf>,

    /// Its log is in its folder, not on a terminal
    #[arg(long, hide = true)]
    pub in_background: bool,

    /// Let Smithy targets call the real AWS, as this profile
    ///
    /// Without it they call this local AWS, or what `AWS_ENDPOINT_URL_<SERVICE>` names.
    #[arg(long, value_name = "PROFILE")]
    pub real_aws: Option<String>,
}

/// The policy document in a file.
fn policy(file: &Path) -> Result<String, Error> {
    let bad = |problem: String| {
        Error::new(ErrorKind::InvalidInput, format!("the policy in {} is not accepted: {problem}", file.display()))
    };
    let text = fs::read_to_string(file).map_err(|error| bad(error.to_string()))?;
    match local::check_caller_policy(&text) {
        Ok(()) => Ok(text),
        Err(problem) => Err(bad(problem).with_hint("`agentcore-gw policy` prints policies that it takes")),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let form = |_| "expected a time with its unit, such as 80ms or 15s".to_owned();
    let parsed = text.parse::<jiff::SignedDuration>().map_err(form)?;
    Duration::try_from(parsed).map_err(|_| "cannot be negative".to_owned())
}

impl Serve {
    pub(super) async fn run(self, ctx: &Context) -> Result<Silent, Error> {
        let failed = |error: io::Error| local_error(&error);
        let caller_policies = self.caller_policies.iter().map(|file| policy(file)).collect::<Result<_, _>>()?;
        let mode = Mode { in_background: self.in_background, ephemeral: self.ephemeral };
        let (store, claim, listener) = tokio::select! {
            begun = self.begin(ctx) => begun.map_err(failed)?,
            _ = ctx.stop.requested() => return Err(Error::new(ErrorKind::Interrupted, "interrupted before it served")),
        };
        let address = listener.local_addr().map_err(failed)?;
        let dir = store.dir().to_owned();
        let ephemeral_dir = self.ephemeral.then(|| RemovedAtEnd(store.clone()));
        let endpoints = self.endpoints(ctx).await?;
        let server = local::Local::new(Config {
            access_key: store.access_key().map_err(|error| local_error(&error))?,
            store: (!self.ephemeral).then(|| store.clone()),
            faults: Faults::new(self.latency, self.consistency_lag, self.faults)
                .with_iam_lag(self.iam_lag)
                .with_token_validity(self.token_validity)
                .without_transaction_search(self.no_transaction_search),
            clock: Arc::new(now),
            new_key: Arc::new(SigningKey::in_advance()),
            dir,
            path: ctx.settings.path.clone(),
            program: local::own_program().map_err(failed)?,
            function_idle: self.function_idle,
            upstream_timeout: local::UPSTREAM_TIMEOUT,
            endpoints,
            caller_policies,
        })
        .map_err(|error| local_error(&error))?;
        let registration = claim.register(address.port(), mode).map_err(|error| local_error(&error))?;
        // Dropped before the lock on its folder is released: after that, the folder may be another server's.
        let ephemeral_dir = ephemeral_dir;
        let key = store.access_key().map_err(|error| local_error(&error))?;
        let endpoint = format!("http://{address}");
        let variables = variables(&endpoint, &key, ctx.local_region()?.as_str());
        Announcement { endpoint, variables, ephemeral: self.ephemeral }.print(ctx)?;
        let (stopped, stop) = (server.clone(), ctx.stop.clone());
        let shutdown = async move {
            tokio::select! {
                () = stopped.stop_requested() => {}
                _ = stop.requested() => {}
            }
        };
        let ended = tokio::select! {
            ended = local::serve(listener, server, shutdown) => ended,
            () = daemon::keep_log_bounded(&store), if self.in_background => Ok(()),
        };
        ended.map_err(|error| local_error(&error))?;
        drop(ephemeral_dir);
        drop(registration);
        Ok(Silent)
    }

    /// Takes the state and the port: the state first, so that whoever finds the port taken sees whose it is; except
    /// for ephemeral state, which is named after the port.
    async fn begin(&self, ctx: &Context) -> io::Result<(Store, Claim, TcpListener)> {
        let port = self.port.or(ctx.settings.local_port).unwrap_or(DEFAULT_PORT);
        if self.ephemeral {
            let listener = ctx.listen(port).await?;
            let (store, claim) = ephemeral_store(ctx, &listener).await?;
            return Ok((store, claim, listener));
        }
        let store = match &self.state_dir {
            Some(dir) => Store::open(dir)?,
            None => ctx.local_store_io()?,
        };
        let claim = Claim::new(&store).await?;
        let listener = ctx.listen(port).await?;
        Ok((store, claim, listener))
    }

    /// The endpoints of the services behind Smithy targets.
    async fn endpoints(&self, ctx: &Context) -> Result<Endpoints, Error> {
        let named = ctx.settings.service_endpoints.iter();
        let by_service = named.map(|(variable, url)| {
            let service = variable.strip_prefix(SERVICE_ENDPOINT).unwrap_or(variable);
            (service.to_owned(), url.clone())
        });
        let real_aws = match self.real_aws.as_deref() {
            None => None,
            Some(profile) => {
                let provider = aws::profile_credentials(profile, &ctx.local_region()?).await;
                Some(provider.map_err(|error| {
                    let hint = format!("configure the profile `{profile}`, or name another one with `--real-aws`");
                    Error::from(error).with_hint(hint)
                })?)
            }
        };
        Ok(Endpoints { by_service: by_service.collect(), real_aws })
    }
}

/// Ephemeral state still needs a folder for the key and for functions' code. The holder of the port owns the
/// folder: its content is from a server that was killed, or from one that is about to remove it.
async fn ephemeral_store(ctx: &Context, listener: &TcpListener) -> io::Result<(Store, Claim)> {
    let port = listener.local_addr()?.port();
    let elsewhere = || std::env::temp_dir().join(format!("agentcore-gw-{}", AccessKey::generate().access_key_id));
    let dir = ctx.settings.ephemeral_dir(port).unwrap_or_else(elsewhere);
    if dir.exists() {
        // A folder of another owner is an error.
        let last = Store::open(&dir)?;
        let _last = Claim::new(&last).await?;
        daemon::remove(&last).await?;
    }
    let store = Store::open(&dir)?;
    let claim = Claim::new(&store).await?;
    Ok((store, claim))
}

/// The folder of an ephemeral server, removed on drop.
struct RemovedAtEnd(Store);

impl Drop for RemovedAtEnd {
    fn drop(&mut self) {
        // The next server at this port removes what remains.
        drop(self.0.remove_all());
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the clock is passed in")]
fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// What a server in the foreground prints when it is up: its address, and how to point tools at it.
struct Announcement {
    endpoint: String,
    ephemeral: bool,
    variables: Vec<(&'static str, String)>,
}

impl Announcement {
    fn print(&self, ctx: &Context) -> Result<(), Error> {
        let line = match ctx.ui.format() {
            crate::ui::Format::Json => {
                let object: BTreeMap<_, _> = self.variables.iter().cloned().collect();
                serde_json::json!({ "endpoint": self.endpoint, "env": object }).to_string()
            }
            // Print the key as well: an ephemeral server's key is removed with its folder.
            _ if self.ephemeral => {
                let lines = String::from_utf8_lossy(&crate::ui::env_lines(&self.variables)).into_owned();
                format!("# The local AWS is at {}. To reach it:\n{}", self.endpoint, lines.trim_end())
            }
            _ => format!("The local AWS is at {}; `agentcore-gw local env` shows how to reach it.", self.endpoint),
        };
        let written = ctx.ui.write_out(format!("{line}\n").as_bytes());
        written.map_err(|error| Error::new(ErrorKind::Failed, format!("the address cannot be printed: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_their_unit() {
        assert_eq!(duration("80ms").unwrap(), Duration::from_millis(80));
        assert_eq!(duration("15s").unwrap(), Duration::from_secs(15));
        assert!(duration("15").is_err() && duration("-1s").is_err() && duration("").is_err());
    }
}
