//! The data of the embedded store, if no other store is configured: files, or generated campaigns.

use std::{
    collections::BTreeMap,
    io::{Cursor, IsTerminal as _},
    path::Path,
};

use anyhow::{Context as _, anyhow};
use axon_examples::generator::{Catalog, Config, Outputs, Plan};
use axon_metrics::{Dashboard, Files, MemoryStore, memory::LoadError};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use crate::{
    cli::{Cli, Clock},
    config,
};

/// The most rejected lines that are logged; `--check-config` lists more.
const MAX_REJECTIONS_LOGGED: usize = 5;

/// A loaded store, and the generated campaigns if it has any.
pub(crate) struct Data {
    pub(crate) store: MemoryStore,
    pub(crate) generated: Option<Generated>,
}

/// Generated campaigns.
pub(crate) struct Generated {
    pub(crate) catalog: Catalog,
    /// The remaining slots of each activity; `None` for one without a limit.
    pub(crate) stock: BTreeMap<u32, Option<u64>>,
}

impl Data {
    pub(crate) fn of(cli: &Cli, settings: &config::Config, clock: &Clock) -> anyhow::Result<Self> {
        let pages = settings.elasticsearch.page_urls.iter().map(|text| text.parse().with_context(|| text.clone()));
        let pages = pages.collect::<Result<Vec<_>, _>>().context("elasticsearch.page_urls")?;
        let (files, bytes, generated) = match &cli.catalog {
            Some(catalog) => {
                let paths = [catalog].into_iter().chain(&cli.events).chain(&cli.ledger).chain(&cli.realtime);
                let bytes = paths.map(|path| size(path)).sum();
                let files = Files::new().catalog(catalog);
                let files = cli.events.iter().fold(files, |files, path| files.events(path));
                let files = cli.ledger.iter().fold(files, |files, path| files.ledger(path));
                (cli.realtime.iter().fold(files, |files, path| files.realtime(path)), bytes, None)
            }
            None => generate(cli, settings, clock)?,
        };
        let mut files = files
            .zone(settings.zone)
            .page_templates(pages)
            .anonymous_users(&settings.anonymous_users)
            .purchase_statuses(settings.purchase_status.names())
            .entry_statuses(settings.entry_status.names());
        if let Some(names) = settings.elasticsearch.purchase_indices_of_files() {
            files = files.purchase_indices(names);
        }
        if cli.accept_rejected {
            files = files.accept_rejected();
        }
        let bar = bar("loading", bytes, "{bytes} {bytes_per_sec}");
        let store = MemoryStore::load(files.on_progress({
            let (bar, mut done, mut file, mut read) = (bar.clone(), 0, String::new(), 0);
            move |progress| {
                // Files are loaded one after the other, and progress starts at 0 for each.
                if progress.file != file || progress.bytes < read {
                    (done, file) = (done + read, progress.file.to_owned());
                }
                read = progress.bytes;
                bar.set_position(done + read);
            }
        }))
        .map_err(with_option)?;
        bar.finish_and_clear();
        let report = store.report(clock());
        let events = &report.events;
        tracing::info!(
            lines = events.lines,
            kept = events.kept,
            duplicates = events.duplicates,
            future = events.future,
            disbelieved = events.disbelieved,
            without_activity = events.without_activity,
            without_subject = events.without_subject,
            ledger_lines = report.ledger.lines,
            rejected = report.rejected.total,
            "files loaded into the embedded store"
        );
        if events.disbelieved > 0 {
            tracing::warn!(
                events = events.disbelieved,
                "PURCHASE events of other indices than elasticsearch.purchase_indices are left out"
            );
        }
        for line in report.rejected.first.iter().take(MAX_REJECTIONS_LOGGED) {
            tracing::warn!(file = %line.file, line = line.line, reason = %line.reason, "line of an input file rejected");
        }
        Ok(Self { store, generated })
    }

    /// A dashboard with this store as all its sources.
    pub(crate) fn dashboard(&self, settings: &config::Config) -> anyhow::Result<Dashboard> {
        let store = &self.store;
        let dashboard = Dashboard::builder().memory(store.clone());
        Ok(settings.apply(dashboard)?.build())
    }
}

/// The error with the option that loads the file all the same.
fn with_option(error: LoadError) -> anyhow::Error {
    match error {
        LoadError::Unreadable { .. } => anyhow!("{error} (--accept-rejected loads what can be read of it)"),
        error => error.into(),
    }
}

fn generate(
    cli: &Cli,
    settings: &config::Config,
    clock: &Clock,
) -> anyhow::Result<(Files, Option<u64>, Option<Generated>)> {
    let config = Config { events: cli.generate(), now: clock(), zone: settings.zone, ..Config::default() };
    let plan = Plan::new(config.clone()).context("the campaigns cannot be generated")?;
    let (mut events, mut catalog, mut ledger, mut realtime) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let bar = bar("generating", Some(config.events), "{human_pos} events");
    let outputs = Outputs { events: &mut events, catalog: &mut catalog, ledger: &mut ledger, realtime: &mut realtime };
    let expected = plan.write(outputs, |progress| bar.set_position(progress.lines))?;
    bar.finish_and_clear();
    let bytes = [&events, &catalog, &ledger, &realtime].map(|file| file.len() as u64).iter().sum();
    let files = Files::new()
        .events_from("generated events", Cursor::new(events))
        .catalog_from("generated catalog", Cursor::new(catalog))
        .ledger_from("generated ledger", Cursor::new(ledger))
        .realtime_from("generated realtime", Cursor::new(realtime));
    let activities = expected.campaigns.iter().flat_map(|campaign| &campaign.activities);
    let stock = activities.map(|activity| (activity.activity_id, activity.figures.stock.remaining_stock)).collect();
    Ok((files, Some(bytes), Some(Generated { catalog: plan.catalog().clone(), stock })))
}

/// The size of a file in bytes; `None` if it is unknown, as of a pipe, or if there is no such file.
fn size(path: &Path) -> Option<u64> {
    path.metadata().ok().filter(std::fs::Metadata::is_file).map(|file| file.len())
}

/// A progress bar on standard error: a spinner without a total, and hidden without a terminal.
fn bar(what: &'static str, total: Option<u64>, figures: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, sign) = match total {
        Some(total) => (ProgressBar::new(total), "[{bar:30}] {percent:>3} %"),
        None => (ProgressBar::new_spinner(), "{spinner}"),
    };
    let style = ProgressStyle::with_template(&format!("{{prefix:<10}} {sign} {figures} {{elapsed}}"));
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_prefix(what).with_finish(ProgressFinish::AndClear)
}
