//! `agentcore-gw`: creates a working, OAuth-protected MCP gateway on Amazon Bedrock AgentCore, and deletes it
//! again.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`cli`] | the root of the command line |
//! | [`commands`] | one file per verb: arguments, run, report |
//! | [`context`] | what a command may need, built once |
//! | [`config`] | flags over environment over defaults |
//! | [`error`], [`ui`] | errors and output for users |
//! | [`ops`] | discover a stack, plan and apply changes; clean up |
//! | [`aws`] | one file per AWS service |
//! | [`local`] | the local AWS, an emulator inside this binary |
//! | [`model`] | AgentCore's rules as plain data |

pub mod aws;
pub mod cli;
pub mod commands;
pub mod config;
pub mod context;
pub mod error;
pub mod http;
pub mod local;
pub mod model;
pub mod ops;
pub mod ui;

use std::{
    ffi::OsString,
    panic::AssertUnwindSafe,
    pin::pin,
    process::ExitCode,
    sync::{Mutex, OnceLock},
    time::Duration,
};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use clap::error::ErrorKind as ClapError;
use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    prelude::*,
};

use crate::{
    aws::wait::{Cause, Stop},
    cli::App,
    config::{Env, Settings},
    context::Context,
    error::{Error, ErrorKind, exit},
    model::secret::Secret,
    ui::{Color, Format, Loudness, Streams, Ui, invocation::Invocation, log::EventLines},
};

/// The environment of a run: the process's own, or a test's.
#[derive(Debug)]
pub struct Platform {
    pub env: Env,
    pub streams: Streams,
    /// The HTTP client for AWS and MCP requests; `None`: the SDK's own.
    pub http_client: Option<SharedHttpClient>,
    /// Access key id and secret; `None`: the default chain.
    pub credentials: Option<(String, String)>,
    pub stop: Stop,
}

/// Time after a timeout, or the first Ctrl-C, for requests that were sent to be answered.
const GRACE: Duration = Duration::from_millis(700);

/// The program's entry point.
pub fn main() -> ExitCode {
    // The supervisor of the local AWS's functions is internal: it takes no user input and no settings.
    if let Some(ended) = local::supervise(std::env::args_os()) {
        return ended.map_or_else(|error| ui::log::last_words(&error), ExitCode::from);
    }
    match cli::answer_shell(std::env::args_os()) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => return ui::log::last_words(&std::io::Error::other(error.to_string())),
    }
    let env = Env::of_process();
    let streams = Streams::of_process(env.is_plain());
    // A second worker would be woken for nothing on most requests to the local AWS, which takes a fifth more CPU time.
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let ui = Ui::new(Format::Text, Loudness::Usual, Color::Auto, streams);
            return ui.fail(&Error::new(ErrorKind::Failed, format!("cannot start: {error}"))).into();
        }
    };
    let stop = Stop::default();
    let platform = Platform { env, streams, http_client: None, credentials: None, stop: stop.clone() };
    let code = runtime.block_on(async {
        tokio::select! {
            // Signals first: a command may switch off the terminal's echo in its first step.
            biased;
            () = interrupted_twice(&stop) => exit::INTERRUPTED,
            code = run(std::env::args_os().collect(), platform) => code,
        }
    });
    // Do not wait for work that is still running, such as a blocking read of a confirmation.
    runtime.shutdown_background();
    code.into()
}

/// One run of the program; returns the exit code.
pub async fn run(args: Vec<OsString>, platform: Platform) -> u8 {
    let begun = Instant::now();
    let Platform { env, streams, http_client, credentials, stop } = platform;
    let app = match App::parse_args(&args) {
        Ok(app) => app,
        Err(error) => return usage(&cli::with_tip(error, &args), format_of(&args), streams),
    };
    let globals = &app.globals;
    let mut ui = Ui::new(globals.output, globals.loudness(), globals.color, streams.clone());
    log(globals.verbose);
    let settings = match Settings::resolve(globals.flags(), &env) {
        Ok(settings) => settings,
        Err(error) => return ui.fail(&error.into()),
    };
    let (format, loudness, color) = (globals.output, globals.loudness(), globals.color);
    let credentials = credentials.map(|(id, secret)| (id, Secret::new(secret)));
    let invocation = Invocation::new(&args, &settings.place());
    ui.set_invocation(&invocation);
    let ctx = Context {
        ui,
        settings,
        stop,
        http_client,
        credentials,
        invocation,
        made: Mutex::default(),
        caller: OnceLock::new(),
    };
    let (serves, changes) = (app.command.serves(), app.command.changes());
    let time = ctx.settings.timeout;
    let command = async {
        let mut run = pin!(async { ctx.ui.finish(app.command.run(&ctx).await) });
        if serves {
            return Some(run.await);
        }
        tokio::select! {
            biased;
            code = &mut run => return Some(code),
            // Waits end now, and report what they waited for; no new step starts, and requests that were sent may be
            // answered.
            () = sleep_until(begun + time) => ctx.stop.expire(),
            _ = ctx.stop.requested() => {
                if !changes {
                    return timeout(GRACE, run).await.ok();
                }
                if let Ok(code) = timeout(GRACE, &mut run).await {
                    return Some(code);
                }
                ctx.ui.warn("interrupted: what was sent to AWS is finished; Ctrl-C again ends it at once");
                if let Ok(code) = timeout_at(begun + time, &mut run).await {
                    return Some(code);
                }
            }
        }
        timeout(GRACE, run).await.ok()
    };
    // A panic is reported as a bug.
    match AssertUnwindSafe(command).catch_unwind().await {
        Ok(Some(code)) => code,
        Ok(None) => {
            let cause = ctx.stop.cause().unwrap_or(Cause::Timeout);
            let error = Error::from(ops::Error::of_stop(cause)).with_cause("AWS had not answered yet");
            let error = if changes { ctx.ended(error, None) } else { error };
            ctx.ui.fail(&error)
        }
        Err(_) => {
            let error = Error::new(ErrorKind::Bug, "agentcore-gw made a mistake of its own")
                .with_hint("run it again with `-vv` and report what it prints");
            Ui::new(format, loudness, color, streams).fail(&error)
        }
    }
}

/// Prints an error of clap, or the help or version that was asked for.
fn usage(error: &clap::Error, format: Format, streams: Streams) -> u8 {
    let rendered = error.render();
    let asked_for = matches!(error.kind(), ClapError::DisplayHelp | ClapError::DisplayVersion);
    let ui = Ui::new(if asked_for { Format::Text } else { format }, Loudness::Usual, Color::Auto, streams);
    if asked_for {
        // Ignore a closed stdout.
        drop(ui.write_out(rendered.ansi().to_string().as_bytes()));
        return exit::DONE;
    }
    if format == Format::Json {
        let text = rendered.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let more = text
            .lines()
            .skip(1)
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("For more information"));
        let mut error = Error::new(ErrorKind::Usage, message).with_hint("run `agentcore-gw --help`");
        error.causes = more.map(str::to_owned).collect();
        return ui.fail(&error);
    }
    ui.write_err(rendered.ansi().to_string().trim_end());
    exit::USAGE
}

/// The output format in arguments that do not parse as a whole.
fn format_of(args: &[OsString]) -> Format {
    let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let separate = args.windows(2).any(|pair| matches!(pair[0].as_ref(), "-o" | "--output") && pair[1] == "json");
    let joined = args.iter().any(|arg| matches!(arg.as_ref(), "-ojson" | "-o=json" | "--output=json"));
    if separate || joined { Format::Json } else { Format::Text }
}

/// Logs of this crate only: the SDK's may contain secrets.
fn log(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = fmt::layer().with_writer(|| EventLines(std::io::stderr())).with_target(false);
    // A second run in one process, in tests, keeps the first one's subscriber.
    drop(tracing_subscriber::registry().with(lines).with(filter).try_init());
}

/// Completes at the first Ctrl-C or SIGTERM.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// The first Ctrl-C starts no new step, ends waits, and lets requests that were sent finish; the second stops
/// at once.
async fn interrupted_twice(stop: &Stop) {
    interrupted().await;
    stop.request();
    interrupted().await;
}
