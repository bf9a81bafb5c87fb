//! The dashboard server: the HTTP API over the embedded store, in one binary.
//!
//! Run: `cargo run --release -p axon-examples --example dashboard_server`, or `scripts/demo`.
//! You should see: the address and a curl line. Without files it serves generated campaigns with a live trickle of
//! visitors, so that realtime figures move; with `--catalog`, `--events`, `--ledger`, `--realtime` it serves yours.

mod cli;
mod data;
mod serve;
mod trickle;

use std::{io::IsTerminal as _, process::ExitCode};

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => return failed(cli::one_line(&error), 2),
    };
    log_to_stderr(cli.log_format);
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(format!("{error:#}"), 1),
    }
}

#[tokio::main]
async fn run(cli: &cli::Cli) -> anyhow::Result<()> {
    let clock = cli.clock();
    let data = data::Data::of(cli, &clock)?;
    let dashboard = data.dashboard(cli);
    if cli.check_config {
        return serve::check(&data, &dashboard, &clock).await;
    }
    serve::serve(cli, data, dashboard, clock).await
}

/// One clear line, and a code that says that something is wrong.
fn failed(message: String, code: u8) -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(code)
}

fn log_to_stderr(format: cli::LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    match format {
        cli::LogFormat::Text => log.init(),
        cli::LogFormat::Json => log.json().init(),
    }
}
