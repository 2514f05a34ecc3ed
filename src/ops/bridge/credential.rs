//! How the requests of a bridge are authorized.

use std::time::{Duration, SystemTime};

use tokio::{process::Command, sync::Mutex, time::timeout};

use super::{Error, TokenRequest, token};
use crate::{
    aws::{Aws, signer::Signer},
    http::Request,
    model::secret::Secret,
};

/// How long a command that prints a token may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// How long before its end a token is replaced, unless a tenth of its life is shorter.
const EARLY: Duration = Duration::from_mins(1);

/// The authorization that a gateway requires.
#[derive(Debug)]
pub enum Credential {
    Nothing,
    Key(Signer),
    Token(Tokens),
}

/// Where tokens come from.
#[derive(Debug)]
pub enum Source {
    /// The client-credentials grant.
    Client(TokenRequest),
    /// One token, which nobody can renew.
    Given(Secret),
    /// A command of the user's that prints a token.
    Command(String),
}

/// Tokens, the last of which is kept until it ends or is refused.
#[derive(Debug)]
pub struct Tokens {
    source: Source,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    token: Secret,
    /// When it is replaced; `None` if only the gateway can tell.
    until: Option<SystemTime>,
}

impl Tokens {
    pub fn new(source: Source) -> Self {
        Self { source, kept: Mutex::default() }
    }

    /// Whether somebody gave the only token.
    pub fn is_given(&self) -> bool {
        matches!(self.source, Source::Given(_))
    }

    /// A token other than the one that was refused.
    ///
    /// # Errors
    /// If there is none.
    pub async fn get(&self, aws: &Aws, refused: Option<&Secret>) -> Result<Secret, Error> {
        let mut kept = self.kept.lock().await;
        let is_good = |kept: &&Kept| {
            kept.until.is_none_or(|until| aws.now() < until)
                && refused.is_none_or(|refused| refused.reveal() != kept.token.reveal())
        };
        if let Some(kept) = kept.as_ref().filter(is_good) {
            return Ok(kept.token.clone());
        }
        let new = match &self.source {
            Source::Given(token) => Kept { token: token.clone(), until: None },
            Source::Client(request) => {
                let issued = token::fetch(&aws.http, request).await?;
                let life = issued.expires_in.map(Duration::from_secs);
                let until = life.map(|life| aws.now() + life.saturating_sub(EARLY.min(life / 10)));
                Kept { token: issued.secret, until }
            }
            Source::Command(command) => Kept { token: printed_by(command).await?, until: None },
        };
        Ok(kept.insert(new).token.clone())
    }
}

impl Credential {
    /// Authorizes a request, with a token other than the one that was refused. Returns the token if there may be others.
    pub(super) async fn add_to(
        &self,
        aws: &Aws,
        request: &mut Request,
        refused: Option<&Secret>,
    ) -> Result<Option<Secret>, Error> {
        match self {
            Self::Nothing => Ok(None),
            Self::Key(signer) => {
                signer.sign(request).await?;
                Ok(None)
            }
            Self::Token(tokens) => {
                let token = tokens.get(aws, refused).await?;
                request.headers.push(("authorization".to_owned(), format!("Bearer {}", token.reveal())));
                Ok(Some(token).filter(|_| !matches!(tokens.source, Source::Given(_))))
            }
        }
    }
}

/// The token that a command prints. What it writes to stderr is the user's to see.
async fn printed_by(command: &str) -> Result<Secret, Error> {
    let failed = |problem: String| Error::TokenCommand { problem };
    let mut shell = if cfg!(windows) { Command::new("cmd") } else { Command::new("sh") };
    shell.args([if cfg!(windows) { "/C" } else { "-c" }, command]);
    shell.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::inherit()).kill_on_drop(true);
    let output = timeout(COMMAND_LIMIT, shell.output()).await;
    let output = output.map_err(|_| failed(format!("it takes more than {} s", COMMAND_LIMIT.as_secs())))?;
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(format!("it ended with {}", output.status)));
    }
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_token { Ok(Secret::new(token)) } else { Err(failed("it prints no token, which is one word".to_owned())) }
}
