//! Fills real stores with generated campaigns in the platform's layout, to try the product on your own servers.
//!
//! Run, with any of the three servers (`scripts/services up` starts some, `scripts/services env` names them):
//! ```sh
//! cargo run --release -p axon-examples --example load_stores -- --layout aug-2026 \
//!     --elasticsearch http://127.0.0.1:9200 --mysql mysql://root@127.0.0.1:3306/ --redis redis://127.0.0.1:6379/ \
//!     --events 1M > dashboard.toml
//! cargo run --release -p axon-examples --example dashboard_server -- --config dashboard.toml --check-config
//! ```
//!
//! You should see a progress bar for each store, one line with what was loaded, and then the server's report. Standard output
//! contains only the settings of a server that reads these stores. Existing data is not touched without `--replace`. The same
//! seed, `--now` and layout load the same records.

#[path = "load_stores/settings.rs"]
mod settings;

use std::collections::HashMap;
use std::fs;
use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail};
use axon_examples::arguments::{instant, number};
use axon_examples::generator::{Config, Plan};
use axon_examples::stores::contents::StoreContents;
use axon_examples::stores::load::{LoadSummary, SqlTarget, Store, Targets};
use axon_examples::stores::{Layout, elasticsearch, redis::Keys, sql::Clocks};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Fills real stores with generated campaigns, and writes the settings of a server that reads them.
#[derive(Debug, Parser)]
struct Arguments {
    /// Layout of the stores: that of the platform in December 2025 or August 2026, that of its plan, or that of August 2026 with an
    /// index that rejects the documents of events.
    #[arg(long, value_parser = PossibleValuesParser::new(Layout::ALL.map(Layout::as_str)).try_map(|name| name.parse::<Layout>()))]
    layout: Layout,
    /// Elasticsearch to fill, optionally with a user and a password: http://127.0.0.1:9200.
    #[arg(long, value_name = "URL", hide_env_values = true, env = "AXON_LOAD_ELASTICSEARCH_URL")]
    elasticsearch: Option<String>,
    /// MySQL or MariaDB to fill: mysql://root@127.0.0.1:3306/. The user must be allowed to create databases.
    #[arg(long, value_name = "URL", hide_env_values = true, env = "AXON_LOAD_MYSQL_URL")]
    mysql: Option<String>,
    /// Redis to fill: redis://127.0.0.1:6379/0.
    #[arg(long, value_name = "URL", hide_env_values = true, env = "AXON_LOAD_REDIS_URL")]
    redis: Option<String>,
    /// Deliveries of events; 1k and 50M are understood.
    #[arg(long, value_name = "N", default_value = "200000", value_parser = number)]
    events: u64,
    /// Start of the random stream.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Instant at which the data ends, RFC 3339 [default: the current time].
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    now: Option<DateTime<Utc>>,
    /// Whole days of history before the day of --now.
    #[arg(long, value_name = "D", default_value_t = 42)]
    days: u32,
    /// Number of campaigns; six are one of each kind.
    #[arg(long, value_name = "C", default_value_t = 6)]
    campaigns: u32,
    /// IANA zone of calendar days and hours. Times in MySQL are always in the time zone of Seoul.
    #[arg(long, value_name = "ZONE", default_value = "Asia/Seoul")]
    zone: Tz,
    /// Prefix of the names of all indices.
    #[arg(long, value_name = "TEXT", default_value = "")]
    index_prefix: String,
    /// Database to create.
    #[arg(long, value_name = "NAME", default_value = "axon_db")]
    database: String,
    /// Prefix of the names of all keys.
    #[arg(long, value_name = "TEXT", default_value = "")]
    key_prefix: String,
    /// Drop indices, database and keys of these names first.
    #[arg(long)]
    replace: bool,
    /// Write the totals that a dashboard must show, as of --now, to this file.
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
    /// No progress and no closing line; the settings are written nevertheless.
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(&arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let started = Instant::now();
    let plan = Plan::new(Config {
        seed: arguments.seed,
        events: arguments.events,
        now: arguments.now.unwrap_or_else(|| SystemTime::now().into()),
        days: arguments.days,
        campaigns: arguments.campaigns,
        zone: arguments.zone,
        // Documents need ids; the layout decides the format of times.
        export: true,
        ..Config::default()
    })?;
    let targets = targets(arguments)?;
    refuse(&targets.contents(plan.catalog()).await?, arguments.replace)?;
    let bars = Bars::new(arguments);
    let loaded = targets.load(plan, arguments.layout, Arc::new(move |store, count| bars.set(store, count))).await?;
    if let Some(path) = &arguments.expected {
        let mut totals = serde_json::to_vec_pretty(&loaded.expected)?;
        totals.push(b'\n');
        fs::write(path, totals).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if !arguments.quiet {
        eprintln!("{}", summary(arguments, &loaded, started.elapsed()));
    }
    let settings = settings::toml(&settings::Target {
        layout: arguments.layout,
        as_of: loaded.expected.as_of,
        zone: arguments.zone,
        elasticsearch: arguments.elasticsearch.as_deref(),
        index_prefix: &arguments.index_prefix,
        mysql: arguments.mysql.as_deref(),
        database: &arguments.database,
        redis: arguments.redis.as_deref(),
        key_prefix: &arguments.key_prefix,
    })?;
    io::stdout().write_all(settings.as_bytes()).context("cannot write the settings to standard output")
}

fn targets(arguments: &Arguments) -> anyhow::Result<Targets> {
    let mut targets = Targets::default();
    if let Some(url) = &arguments.elasticsearch {
        let indices = elasticsearch::Indices::new(arguments.layout).prefixed(&arguments.index_prefix);
        let client =
            elasticsearch::client(url).context("--elasticsearch is no address such as http://127.0.0.1:9200")?;
        targets.elasticsearch = Some((client, indices));
    }
    if let Some(url) = arguments.mysql.clone() {
        targets.sql = Some(SqlTarget { url, database: arguments.database.clone(), clocks: Clocks::default() });
    }
    if let Some(url) = &arguments.redis {
        let client =
            redis::Client::open(url.as_str()).context("--redis is no address such as redis://127.0.0.1:6379/0")?;
        targets.redis = Some((client, Keys::of(arguments.layout).with_prefix(&arguments.key_prefix)));
    }
    if targets.elasticsearch.is_none() && targets.sql.is_none() && targets.redis.is_none() {
        bail!("there is nothing to fill: name --elasticsearch, --mysql or --redis");
    }
    Ok(targets)
}

/// Refuses to load over existing data without `--replace`, and over a database of another origin in any case.
fn refuse(contents: &StoreContents, replace: bool) -> anyhow::Result<()> {
    if !contents.foreign.is_empty() {
        let (first, count) = (contents.foreign[0].as_str(), contents.foreign.len());
        bail!(
            "{first} was not created by this program ({count} such tables), so the database is not replaced: name another one"
        );
    }
    if !contents.replaced.is_empty() && !replace {
        bail!("{} there already: --replace drops what is there", with_verb(&contents.replaced));
    }
    Ok(())
}

fn with_verb(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

fn summary(arguments: &Arguments, loaded: &LoadSummary, took: Duration) -> String {
    let mut parts = Vec::new();
    if let Some(documents) = loaded.documents {
        let rejected = match documents.rejected {
            0 => String::new(),
            rejected => format!(" ({rejected} refused by the index, as this layout has it)"),
        };
        parts.push(format!("{} documents{rejected}", documents.taken));
    }
    if let Some(rows) = loaded.rows {
        parts.push(format!("{} entries and purchases", rows.rows));
    }
    if let Some(activities) = loaded.activities {
        parts.push(format!("stock of {activities} activities"));
    }
    let as_of = loaded.expected.as_of.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let seconds = took.as_secs_f64();
    format!("loaded {} in the layout {}, as of {as_of}, in {seconds:.1} s", parts.join(", "), arguments.layout)
}

/// A progress bar for each store; a spinner where the total is not known beforehand.
struct Bars {
    bars: HashMap<Store, ProgressBar>,
    _all: MultiProgress,
}

impl Bars {
    fn new(arguments: &Arguments) -> Self {
        let all = MultiProgress::new();
        let mut bars = HashMap::new();
        let visible = !arguments.quiet && io::stderr().is_terminal();
        let stores = [
            (Store::Elasticsearch, arguments.elasticsearch.is_some(), Some(arguments.events), "documents"),
            (Store::Sql, arguments.mysql.is_some(), None, "rows"),
            (Store::Redis, arguments.redis.is_some(), None, "activities"),
        ];
        for (store, _, length, unit) in stores.into_iter().filter(|(_, filled, ..)| visible && *filled) {
            let template = match length {
                Some(_) => {
                    format!("{store:13} {{bar:30}} {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} left")
                }
                None => format!("{store:13} {{spinner}} {{human_pos}} {unit}"),
            };
            let bar = all.add(length.map_or_else(ProgressBar::no_length, ProgressBar::new));
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bars.insert(store, bar);
        }
        Self { bars, _all: all }
    }

    fn set(&self, store: Store, count: u64) {
        if let Some(bar) = self.bars.get(&store) {
            bar.set_position(count);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.bars.values().for_each(ProgressBar::finish_and_clear);
    }
}

/// An error with its causes on one line. A cause that the text contains already is left out.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
