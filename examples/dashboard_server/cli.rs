//! What the server can be told on its command line, and the clock it runs on.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axon_metrics::{Instant, Mode};
use chrono::Utc;
use chrono_tz::Tz;
use clap::{Parser, ValueEnum};

/// Serves the campaign dashboard's API from the embedded store. Without files it generates campaigns and lets them live.
#[derive(Debug, Parser)]
#[command(name = "dashboard_server", version)]
pub(crate) struct Cli {
    /// Event messages, one JSON object per line, plain or gzip; may repeat
    #[arg(long, value_name = "FILE", requires = "catalog")]
    pub(crate) events: Vec<PathBuf>,
    /// Campaigns, activities and products, JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
    /// Entries and purchases, one JSON object per line, plain or gzip; may repeat
    #[arg(long, value_name = "FILE", requires = "catalog")]
    pub(crate) ledger: Vec<PathBuf>,
    /// Counters and members per activity, JSON; without it both are derived from approval events
    #[arg(long, value_name = "FILE", requires = "catalog")]
    pub(crate) realtime: Option<PathBuf>,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Business zone: where days and hours begin, and what local times in files mean
    #[arg(long, value_name = "ZONE", default_value = "Asia/Seoul")]
    pub(crate) zone: Tz,
    /// How the funnel counts where a request does not say
    #[arg(long, value_name = "MODE", value_enum, default_value_t = CountingMode::Count)]
    pub(crate) default_mode: CountingMode,
    /// Instant to start the clock at, RFC 3339; it runs on from there [default: the current time]
    #[arg(long, value_name = "INSTANT")]
    pub(crate) now: Option<Instant>,
    /// Number of events to generate when no files are given, 1000 to 5000000
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = generated, conflicts_with = "catalog")]
    pub(crate) generate: u64,
    /// Serve generated campaigns as they are, without new visitors
    #[arg(long, conflicts_with = "catalog")]
    pub(crate) still: bool,
    /// How log lines are written, to standard error; RUST_LOG sets what is logged
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// Load everything, ask every source, print what was found, and stop
    #[arg(long)]
    pub(crate) check_config: bool,
}

/// The modes that can be a default today.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CountingMode {
    /// Number of events
    Count,
    /// Distinct people
    Unique,
}

/// Forms of log lines.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

impl From<CountingMode> for Mode {
    fn from(mode: CountingMode) -> Self {
        match mode {
            CountingMode::Count => Self::Count,
            CountingMode::Unique => Self::Unique,
        }
    }
}

/// The server's clock: the machine's, or one that was started elsewhere and runs on.
pub(crate) type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

impl Cli {
    /// The clock, started now.
    pub(crate) fn clock(&self) -> Clock {
        let ahead = self.now.map_or(chrono::Duration::zero(), |now| now - Utc::now());
        Arc::new(move || Utc::now() + ahead)
    }
}

/// So many events as campaigns can live on and as memory holds twice, as lines and as a store.
fn generated(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (1_000..=5_000_000).contains(number));
    number.ok_or_else(|| {
        "not a number from 1000 to 5000000; for more events write files with the `generate` example and serve them with \
         --catalog, --events, --ledger and --realtime"
            .into()
    })
}

/// The parser's complaint without its usage text.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    format!("{} (--help says more)", first.join(" ").trim_start_matches("error: "))
}
