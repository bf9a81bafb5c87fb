//! The command line of the server, and its clock.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::ensure;
use axon_metrics::Timestamp;
use chrono::Utc;
use chrono_tz::Tz;
use clap::Parser;

use crate::config::{Config, CountingMode, LogFormat};

/// Serves the campaign dashboard's API: from Elasticsearch, MySQL and Redis if a configuration names them, else from the
/// embedded store. Without files, the embedded store has generated campaigns with live visitors.
#[derive(Debug, Parser)]
#[command(name = "dashboard_server", version)]
pub(crate) struct Cli {
    /// Settings, TOML; every key can also be given in the environment (mysql.url as AXON_DASHBOARD__MYSQL__URL), which wins
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print every setting with its value, as a file for --config, and stop
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Event messages, JSON objects one per line or in an array, plain, gzip or zstd; may repeat
    #[arg(long, value_name = "FILE", requires = "catalog")]
    pub(crate) events: Vec<PathBuf>,
    /// Campaigns, activities and products, JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
    /// Entries and purchases, JSON objects one per line or in an array, plain, gzip or zstd; may repeat
    #[arg(long, value_name = "FILE", requires = "catalog")]
    pub(crate) ledger: Vec<PathBuf>,
    /// Counters and members per activity, JSON; without it both are derived from approval events
    #[arg(long, value_name = "FILE", requires = "catalog")]
    pub(crate) realtime: Option<PathBuf>,
    /// Load files of events and of the ledger also if more than half of their records are rejected
    #[arg(long, requires = "catalog")]
    pub(crate) accept_rejected: bool,
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Business zone: where days and hours begin, and what local times in files mean [default: Asia/Seoul]
    #[arg(long, value_name = "ZONE")]
    zone: Option<Tz>,
    /// How the funnel counts if a request does not say so [default: count]
    #[arg(long, value_name = "MODE", value_enum)]
    default_mode: Option<CountingMode>,
    /// Timestamp to start the clock at, RFC 3339; it runs on from there [default: the current time]
    #[arg(long, value_name = "INSTANT")]
    pub(crate) now: Option<Timestamp>,
    /// Number of events to generate when no files are given, 1000 to 5000000 [default: 200000]
    #[arg(long, value_name = "N", value_parser = number_to_generate, conflicts_with = "catalog")]
    generate: Option<u64>,
    /// Serve generated campaigns as they are, without new visitors
    #[arg(long, conflicts_with = "catalog")]
    pub(crate) still: bool,
    /// How log lines are written, to standard error; RUST_LOG sets what is logged [default: text]
    #[arg(long, value_name = "FORMAT", value_enum)]
    log_format: Option<LogFormat>,
    /// Load everything, connect to every store, print what was found, and stop; fails if one does not answer, or if something
    /// makes figures missing or wrong, which `=warn` only lists
    #[arg(long, value_name = "WHAT", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "fail")]
    pub(crate) check_config: Option<OnProblem>,
}

/// What `--check-config` does about something that makes figures missing or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnProblem {
    /// Lists it, and fails.
    Fail,
    /// Lists it.
    Warn,
}

/// The server's clock: the machine's, or one that was started at another instant.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

impl Cli {
    /// The settings of the file and the environment; the command line overrides both.
    /// # Errors
    /// A setting is wrong, or contradicts the command line.
    pub(crate) fn settings(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        set(&mut config.listen, self.listen);
        set(&mut config.zone, self.zone);
        set(&mut config.default_mode, self.default_mode);
        set(&mut config.log_format, self.log_format);
        let embedded = self.catalog.is_some() || self.generate.is_some() || self.still;
        ensure!(
            !(config.has_stores() && embedded),
            "stores are configured, so files and generated campaigns cannot be served: remove the stores' urls, or --catalog, \
             --generate and --still"
        );
        Ok(config)
    }

    /// Number of events to generate.
    pub(crate) fn generate(&self) -> u64 {
        self.generate.unwrap_or(200_000)
    }

    /// The clock, started now.
    pub(crate) fn clock(&self) -> Clock {
        let ahead = self.now.map_or(chrono::Duration::zero(), |now| now - Utc::now());
        Arc::new(move || Utc::now() + ahead)
    }
}

fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

/// A number of events that is enough for the campaigns, and that fits into memory twice: as lines and as a store.
fn number_to_generate(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (1_000..=5_000_000).contains(number));
    number.ok_or_else(|| {
        "not a number from 1000 to 5000000; for more events write files with the `generate` example and serve them with \
         --catalog, --events, --ledger and --realtime"
            .into()
    })
}

/// The parser's error on one line, without the usage text.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    format!("{} (--help says more)", first.join(" ").trim_start_matches("error: "))
}
