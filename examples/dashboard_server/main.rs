//! The dashboard server in one binary: the HTTP API over Elasticsearch, MySQL and Redis, or over the embedded store.
//!
//! Run: `cargo run --release -p axon-examples --example dashboard_server`, or `scripts/demo`.
//! You should see: the address and a curl line. Without files it serves generated campaigns with live visitors, so that realtime
//! figures change; with `--catalog`, `--events`, `--ledger` and `--realtime` it serves your files; with `--config` it asks your
//! stores (`docs/operate/`).

mod cli;
mod config;
mod data;
mod exporter;
mod serve;
mod stores;
mod trickle;

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => return failed(cli::one_line(&error), 2),
    };
    match cli.settings().and_then(|settings| run(&cli, &settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(format!("{error:#}"), 1),
    }
}

/// The longest time that the runtime's remaining tasks may take after the server has stopped.
const RUNTIME_SHUTDOWN: Duration = Duration::from_millis(500);

fn run(cli: &cli::Cli, settings: &config::Config) -> anyhow::Result<()> {
    if cli.print_config {
        return Ok(writeln!(std::io::stdout(), "{}", settings.print()?.trim_end())?);
    }
    log_to_stderr(settings.log_format);
    let runtime = tokio::runtime::Runtime::new()?;
    let done = runtime.block_on(work(cli, settings));
    // With a time-out: a blocking call that hangs, such as resolving a name, must not keep the process alive.
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN);
    done
}

async fn work(cli: &cli::Cli, settings: &config::Config) -> anyhow::Result<()> {
    let exporter = exporter::Exporter::install()?;
    let clock = cli.clock();
    if settings.has_stores() {
        let dashboard = stores::dashboard(settings)?;
        return if let Some(on_problem) = cli.check_config {
            serve::check(None, &dashboard, &clock, on_problem).await
        } else {
            serve::serve(settings, dashboard, clock, exporter, async {}).await
        };
    }
    let data = data::Data::of(cli, settings, &clock)?;
    let dashboard = data.dashboard(settings)?;
    if let Some(on_problem) = cli.check_config {
        return serve::check(Some(data.store.report(clock())), &dashboard, &clock, on_problem).await;
    }
    let generated = data.generated.filter(|_| !cli.still);
    let visitors =
        generated.map(|generated| trickle::run(data.store, generated.catalog, generated.stock, Arc::clone(&clock)));
    serve::serve(settings, dashboard, clock, exporter, async {
        if let Some(visitors) = visitors {
            visitors.await;
        }
    })
    .await
}

/// Prints the error on one line, and returns its exit code.
fn failed(message: String, code: u8) -> ExitCode {
    let line: Vec<&str> = message.split_whitespace().collect();
    let _ = writeln!(std::io::stderr(), "error: {}", line.join(" "));
    ExitCode::from(code)
}

fn log_to_stderr(format: config::LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    match format {
        config::LogFormat::Text => log.init(),
        config::LogFormat::Json => log.json().init(),
    }
}
