//! Flags over environment over defaults. The only place that reads environment variables.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use etcetera::BaseStrategy as _;

use crate::model::{mcp_client::GATEWAY_TOKEN, name::Region, secret::Secret};

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the environment variable {variable} is `{value}`: {problem}")]
    Variable { variable: &'static str, value: String, problem: String },
    #[error("the environment variable {0} holds a user or password, which would be written down")]
    UserInAddress(String),
    /// clap detects this only if both are at the same place of the command line.
    #[error("`--local` and `--endpoint-url` cannot be used together")]
    TwoPlaces,
}

/// Settings from flags; they take precedence over everything else.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub region: Option<Region>,
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
    pub local: bool,
    pub yes: bool,
    pub timeout: Duration,
}

/// Environment variables, as they were when the program started.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<OsString, OsString>);

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Env(redacted)")
    }
}

impl Env {
    /// The environment of the process.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Exactly these variables, for tests.
    pub fn only<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(variables.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// All variables with this prefix that are not empty and are valid Unicode.
    fn beginning_with(&self, prefix: &str) -> BTreeMap<String, String> {
        let text =
            |(name, value): (&OsString, &OsString)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()));
        let all = self.0.iter().filter_map(text);
        all.filter(|(name, value)| name.starts_with(prefix) && !value.is_empty()).collect()
    }

    /// Whether colour is unwanted: `NO_COLOR` (no-color.org), or a terminal without colour.
    pub fn is_plain(&self) -> bool {
        self.get("NO_COLOR").is_some() || self.get("TERM").is_some_and(|term| term == "dumb")
    }
}

/// The settings of a command, from all sources.
#[derive(Debug, Clone)]
pub struct Settings {
    /// From a flag or a variable; if `None`, a profile may still give one.
    pub region: Option<Region>,
    pub profile: Option<String>,
    /// Whether the profile was given as a flag; it then takes precedence over keys in the environment.
    pub profile_is_explicit: bool,
    pub endpoint_url: Option<String>,
    /// A file with the only certificate authorities to trust, as in every AWS tool.
    pub ca_bundle: Option<PathBuf>,
    pub local: bool,
    pub yes: bool,
    /// Timeout of the whole command.
    pub timeout: Duration,
    /// Where the local AWS keeps its state.
    pub local_dir: Option<PathBuf>,
    pub local_port: Option<u16>,
    /// The user's home folder.
    pub home_dir: Option<PathBuf>,
    /// Where the user's applications keep their settings.
    pub config_dir: Option<PathBuf>,
    /// The `PATH` of the program.
    pub path: OsString,
    /// A token for gateways whose callers come from the user's own provider.
    pub gateway_token: Option<Secret>,
    /// The endpoints of single AWS services, by the variable that sets them.
    pub service_endpoints: BTreeMap<String, String>,
    /// The environment, for variables that flags name.
    pub env: Env,
}

/// The variable that sets the endpoint of every service.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// Prefix of the variables that set a single service's endpoint, as in every AWS tool.
pub const SERVICE_ENDPOINT: &str = "AWS_ENDPOINT_URL_";

impl Settings {
    /// The folder where an ephemeral local AWS keeps its key and its functions' code while it runs. It follows from
    /// the port, so that other processes can find it.
    pub fn ephemeral_dir(&self, port: u16) -> Option<PathBuf> {
        let kept = self.local_dir.as_ref()?;
        Some(kept.with_file_name(format!("{}-ephemeral-{port}", kept.file_name()?.display())))
    }

    /// The flags that choose where the program works.
    pub fn place(&self) -> Vec<String> {
        let mut flags = Vec::new();
        if self.local {
            flags.push("--local".to_owned());
        }
        let region = self.region.as_ref().map(ToString::to_string);
        // A profile from a variable is not repeated as a flag, which would take precedence over keys in the
        // environment.
        let profile = self.profile.clone().filter(|_| self.profile_is_explicit && !self.local);
        let values = [("--region", region), ("--profile", profile), ("--endpoint-url", self.endpoint_url.clone())];
        for (flag, value) in values.into_iter().filter_map(|(flag, value)| Some((flag, value?))) {
            flags.extend([flag.to_owned(), value]);
        }
        flags
    }

    /// The variables that choose where the program works, for programs that have another environment. Paths are absolute.
    ///
    /// # Errors
    /// If one of them holds a secret.
    pub fn place_variables(&self) -> Result<Vec<(String, String)>, Error> {
        let variable = |name: &str| Some((name.to_owned(), self.env.get(name)?.to_str()?.to_owned()));
        let path = |name: &str| {
            let absolute = std::path::absolute(self.env.get(name)?).ok()?;
            Some((name.to_owned(), absolute.to_str()?.to_owned()))
        };
        let mut found = Vec::new();
        if self.local {
            let moved = self.env.get("AGENTCORE_GW_LOCAL_DIR").or_else(|| self.env.get("XDG_STATE_HOME"));
            let dir = self.local_dir.as_ref().filter(|_| moved.is_some());
            let dir = dir.and_then(|dir| std::path::absolute(dir).ok()?.to_str().map(str::to_owned));
            found.extend(dir.map(|dir| ("AGENTCORE_GW_LOCAL_DIR".to_owned(), dir)));
            found.extend(variable("AGENTCORE_GW_LOCAL_PORT"));
        } else {
            found.extend(variable("AWS_PROFILE").filter(|_| !self.profile_is_explicit));
            found.extend(
                ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE"].into_iter().filter_map(path),
            );
            found.extend(variable(ENDPOINT).filter(|_| self.endpoint_url.is_none()));
        }
        found.extend(self.service_endpoints.clone());
        let has_user = |address: &str| {
            let authority = address.split_once("://").map_or(address, |(_, rest)| rest);
            authority.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
        };
        match found.iter().find(|(name, value)| name.starts_with(ENDPOINT) && has_user(value)) {
            Some((name, _)) => Err(Error::UserInAddress(name.clone())),
            None => Ok(found),
        }
    }

    /// Whether the credentials are keys in the environment, which other programs do not have.
    pub fn has_keys_in_environment(&self) -> bool {
        !self.local && !self.profile_is_explicit && self.env.get("AWS_ACCESS_KEY_ID").is_some()
    }

    /// Resolves the settings; flags take precedence over the environment.
    pub fn resolve(flags: Flags, env: &Env) -> Result<Self, Error> {
        if flags.local && flags.endpoint_url.is_some() {
            return Err(Error::TwoPlaces);
        }
        let region = match flags.region {
            Some(region) => Some(region),
            None => match parsed(env, "AWS_REGION")? {
                Some(region) => Some(region),
                None => parsed(env, "AWS_DEFAULT_REGION")?,
            },
        };
        Ok(Self {
            region,
            profile_is_explicit: flags.profile.is_some(),
            profile: flags.profile.or_else(|| text(env, "AWS_PROFILE")),
            endpoint_url: flags.endpoint_url,
            ca_bundle: env.get("AWS_CA_BUNDLE").map(PathBuf::from),
            local: flags.local,
            yes: flags.yes,
            timeout: flags.timeout,
            local_dir: local_dir(env),
            home_dir: home_dir(env),
            config_dir: config_dir(env),
            local_port: parsed::<Port>(env, "AGENTCORE_GW_LOCAL_PORT")?.map(|port| port.0),
            path: env.get("PATH").unwrap_or_default().to_owned(),
            service_endpoints: env.beginning_with(SERVICE_ENDPOINT),
            env: env.clone(),
            gateway_token: env.get(GATEWAY_TOKEN).and_then(OsStr::to_str).map(Secret::new),
        })
    }
}

struct Port(u16);

impl FromStr for Port {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "a port is a number from 0 to 65535")
    }
}

fn text(env: &Env, variable: &str) -> Option<String> {
    env.get(variable).map(|value| value.to_string_lossy().into_owned())
}

/// The parsed value of a variable, if it is set.
fn parsed<T: FromStr>(env: &Env, variable: &'static str) -> Result<Option<T>, Error>
where
    T::Err: std::fmt::Display,
{
    let Some(value) = env.get(variable).map(|value| value.to_string_lossy().into_owned()) else { return Ok(None) };
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(error) => Err(Error::Variable { variable, problem: format!("{error}"), value }),
    }
}

fn home_dir(env: &Env) -> Option<PathBuf> {
    env.get("HOME").map(PathBuf::from).or_else(|| etcetera::home_dir().ok())
}

/// `~/Library/Application Support` on macOS, `%APPDATA%` on Windows, and `$XDG_CONFIG_HOME` or `~/.config` elsewhere.
fn config_dir(env: &Env) -> Option<PathBuf> {
    if cfg!(target_os = "macos") {
        return Some(home_dir(env)?.join("Library/Application Support"));
    }
    if cfg!(windows) {
        return env.get("APPDATA").map(PathBuf::from);
    }
    let xdg = env.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    xdg.or_else(|| Some(home_dir(env)?.join(".config")))
}

/// `$AGENTCORE_GW_LOCAL_DIR`, else a folder in the XDG state directory.
fn local_dir(env: &Env) -> Option<PathBuf> {
    if let Some(dir) = env.get("AGENTCORE_GW_LOCAL_DIR") {
        return Some(dir.into());
    }
    if let Some(state) = env.get("XDG_STATE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute()) {
        return Some(state.join("agentcore-gw/local"));
    }
    if let Some(home) = env.get("HOME") {
        return Some(PathBuf::from(home).join(".local/state/agentcore-gw/local"));
    }
    let base = etcetera::base_strategy::choose_base_strategy().ok()?;
    Some(base.state_dir().unwrap_or_else(|| base.data_dir()).join("agentcore-gw/local"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(flag: Option<&str>, env: &[(&str, &str)]) -> Result<Option<String>, Error> {
        let flags = Flags { region: flag.map(|text| text.parse().unwrap()), ..Flags::default() };
        let settings = Settings::resolve(flags, &Env::only(env.iter().copied()))?;
        Ok(settings.region.map(|region| region.to_string()))
    }

    #[test]
    fn a_flag_beats_the_environment() {
        let env = [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-2")];
        assert_eq!(region(Some("us-east-1"), &env).unwrap().as_deref(), Some("us-east-1"));
        assert_eq!(region(None, &env).unwrap().as_deref(), Some("eu-west-1"));
        assert_eq!(region(None, &[("AWS_REGION", ""), env[1]]).unwrap().as_deref(), Some("eu-west-2"));
        assert_eq!(region(None, &[]).unwrap(), None);
    }

    #[test]
    fn a_bad_variable_is_named() {
        let error = region(None, &[("AWS_REGION", "nowhere")]).unwrap_err().to_string();
        assert!(error.contains("AWS_REGION") && error.contains("nowhere"), "{error}");
    }

    #[test]
    fn state_goes_where_the_environment_says() {
        let dir = |env: &[(&str, &str)]| local_dir(&Env::only(env.iter().copied())).unwrap();
        assert_eq!(dir(&[("AGENTCORE_GW_LOCAL_DIR", "/x"), ("HOME", "/h")]), PathBuf::from("/x"));
        assert_eq!(dir(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), PathBuf::from("/s/agentcore-gw/local"));
        assert_eq!(dir(&[("HOME", "/h")]), PathBuf::from("/h/.local/state/agentcore-gw/local"));
    }
}
