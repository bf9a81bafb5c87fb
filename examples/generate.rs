//! Generates realistic data of first-come-first-served campaigns, and the totals a dashboard must
//! show for it.
//!
//! Run: `cargo run --release -p axon-examples --example generate -- --out /tmp/axon --events 1M --gzip`
//!
//! You should see a progress bar and one line that says what was written: `events.ndjson`,
//! `catalog.json`, `ledger.ndjson`, `realtime.json`, and `expected.json` with the totals as of
//! `--now`. The same seed and `--now` give the same bytes.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use axon_examples::arguments::{instant, number};
use axon_examples::generator::{Config, ExpectedTotals, Outputs, Plan, TimeFormat};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::{Parser, ValueEnum};
use flate2::{Compression, write::GzEncoder};
use indicatif::{ProgressBar, ProgressStyle};

/// Generates campaign data and the totals a dashboard must show for it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder for the files; it is created if necessary, and files in it are overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Lines of events; 1k and 50M are understood.
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
    /// IANA zone of calendar days and hours.
    #[arg(long, value_name = "ZONE", default_value = "Asia/Seoul")]
    zone: Tz,
    /// Format of occurredAt; the platform's index has the scientific one.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Scientific)]
    time_format: Format,
    /// Compress events and ledger.
    #[arg(long)]
    gzip: bool,
    /// Write events as an Elasticsearch export, with the id of each document.
    #[arg(long)]
    export: bool,
    /// No progress and no closing line.
    #[arg(long)]
    quiet: bool,
}

/// The names of [`TimeFormat`] on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Seconds,
    Scientific,
    Millis,
    Iso,
    IsoOffset,
    Local,
    Mixed,
}

impl From<Format> for TimeFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Seconds => Self::Seconds,
            Format::Scientific => Self::Scientific,
            Format::Millis => Self::Millis,
            Format::Iso => Self::Iso,
            Format::IsoOffset => Self::IsoOffset,
            Format::Local => Self::Local,
            Format::Mixed => Self::Mixed,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let started = Instant::now();
    let plan = Plan::new(Config {
        seed: arguments.seed,
        events: arguments.events,
        now: arguments.now.unwrap_or_else(|| SystemTime::now().into()),
        days: arguments.days,
        campaigns: arguments.campaigns,
        zone: arguments.zone,
        time_format: arguments.time_format.into(),
        export: arguments.export,
    })?;
    let expected = write(&plan, arguments)?;
    if !arguments.quiet {
        eprintln!(
            "wrote {} events, {} ledger rows and the totals as of {} to {} in {:.1} s",
            expected.load.lines,
            expected.load.entries + expected.load.purchases,
            expected.as_of.to_rfc3339(),
            arguments.out.display(),
            started.elapsed().as_secs_f64(),
        );
    }
    Ok(())
}

fn write(plan: &Plan, arguments: &Arguments) -> anyhow::Result<ExpectedTotals> {
    let out = &arguments.out;
    fs::create_dir_all(out).with_context(|| format!("cannot create the folder {}", out.display()))?;
    let mut events = Lines::create(out, "events.ndjson", arguments.gzip)?;
    let mut ledger = Lines::create(out, "ledger.ndjson", arguments.gzip)?;
    let mut catalog = create(&out.join("catalog.json"))?;
    let mut realtime = create(&out.join("realtime.json"))?;

    let bar = bar(arguments);
    let outputs = Outputs { events: &mut events, catalog: &mut catalog, ledger: &mut ledger, realtime: &mut realtime };
    let expected = plan
        .write(outputs, |progress| bar.set_position(progress.lines))
        .with_context(|| format!("cannot write to {}", out.display()))?;
    bar.finish_and_clear();
    events.finish()?;
    ledger.finish()?;

    let mut totals = serde_json::to_vec_pretty(&expected)?;
    totals.push(b'\n');
    let path = out.join("expected.json");
    fs::write(&path, totals).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(expected)
}

fn bar(arguments: &Arguments) -> ProgressBar {
    if arguments.quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(arguments.events);
    let style = "{bar:40} {human_pos}/{human_len} events, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot create {}", path.display()))
}

/// A file of lines, compressed or plain. A file of the other form from an earlier run is removed.
enum Lines {
    Plain(File),
    Gzip(GzEncoder<File>),
}

impl Lines {
    fn create(folder: &Path, name: &str, gzip: bool) -> anyhow::Result<Self> {
        let (plain, packed) = (folder.join(name), folder.join(format!("{name}.gz")));
        let (path, other) = if gzip { (packed, plain) } else { (plain, packed) };
        if other.exists() {
            fs::remove_file(&other).with_context(|| format!("cannot remove {}", other.display()))?;
        }
        let file = create(&path)?;
        Ok(if gzip { Self::Gzip(GzEncoder::new(file, Compression::fast())) } else { Self::Plain(file) })
    }

    fn finish(self) -> anyhow::Result<()> {
        if let Self::Gzip(encoder) = self {
            encoder.finish().context("cannot finish a compressed file")?;
        }
        Ok(())
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}
