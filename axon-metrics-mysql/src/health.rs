//! The health report of a server: its kind and tables, whether its connections are safe, whether the configured offsets fit.
//! Lives here: the statement for the newest rows, and the text of each finding. Lives elsewhere: the probe of tables
//! (`store::schema`), the verdict on offsets (`offsets`).

use axon_metrics::{Catalog, Timestamp, source::Probe};
use chrono::NaiveDateTime;

use crate::{
    error::Cause,
    offsets::verdict,
    options::MySqlOptions,
    sql_literals::Clock,
    store::schema::{Presence, Schema, TimeColumn},
    text_row::TextRow,
};

/// How many rows with the highest ids are read. No index begins with a time, but ids rise with it.
const NEWEST_ROWS: u32 = 1_000;

/// For purchases and entries the newest time of all and the newest before an instant, and the server's clock. Both read
/// `PRIMARY` from its end. `COALESCE` hides the bound from the optimiser: MySQL would else scan another index as a whole.
pub(crate) fn newest(schema: &Schema, options: &MySqlOptions, as_of: Timestamp) -> String {
    let mut statement = "SELECT 'now' AS what, UTC_TIMESTAMP(6) AS newest, NULL AS before_it".to_owned();
    let mut add = |what: &str, table: &str, column: &str, bound| {
        statement.push_str(&format!(
            " UNION ALL SELECT '{what}', (SELECT MAX(t) FROM (SELECT {column} AS t FROM {table} \
             ORDER BY id DESC LIMIT {NEWEST_ROWS}) AS a), (SELECT MAX(t) FROM (SELECT {column} AS t FROM {table} \
             WHERE COALESCE({column}) < {bound} ORDER BY id DESC LIMIT {NEWEST_ROWS}) AS b)"
        ));
    };
    if schema.purchases.is_present() {
        add("purchase", "purchases", "purchase_at", schema.clock(TimeColumn::Purchase, options.purchase).bound(as_of));
    }
    if schema.entries.is_present() {
        add(
            "entry",
            "campaign_activity_entries",
            "created_at",
            schema.clock(TimeColumn::EntryCreated, options.created).bound(as_of),
        );
    }
    statement
}

/// The reply: wall clocks as the columns hold them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NewestTimes {
    now: Option<NaiveDateTime>,
    purchase: [Option<NaiveDateTime>; 2],
    entry: [Option<NaiveDateTime>; 2],
}

impl NewestTimes {
    pub(crate) fn read(rows: &[TextRow]) -> Result<Self, Cause> {
        let mut seen = Self::default();
        for row in rows {
            let mut cells = row.cells();
            let what = cells.some_text("what")?;
            let times = [cells.time("newest")?, cells.time("before_it")?];
            match what {
                "now" => seen.now = times[0],
                "purchase" => seen.purchase = times,
                "entry" => seen.entry = times,
                _ => return Err(Cause::Wrong("newest rows of something else")),
            }
        }
        Ok(seen)
    }
}

pub(crate) fn of_ledger(schema: &Schema, options: &MySqlOptions, newest: &NewestTimes) -> Probe {
    let purchase =
        newest.purchase[1].and_then(|wall| schema.clock(TimeColumn::Purchase, options.purchase).timestamp(wall));
    let entry =
        newest.entry[1].and_then(|wall| schema.clock(TimeColumn::EntryCreated, options.created).timestamp(wall));
    let mut findings = of_server(schema);
    let offset = |column: TimeColumn, configured: Clock, time: Option<NaiveDateTime>| match schema
        .timestamp_columns
        .contains(&column)
    {
        true => OFFSET_UNUSED.to_owned(),
        false => verdict(configured, time, newest.now),
    };
    let status = match &schema.status {
        Presence::Present => "kept: confirmed purchases count",
        Presence::Absent if schema.purchases.is_present() => {
            "not kept: every purchase counts, cancelled ones are not measured"
        }
        Presence::Absent | Presence::Refused(_) => "unknown",
    };
    findings.extend([
        ("purchases".to_owned(), describe(&schema.purchases)),
        ("purchaseStatus".to_owned(), status.to_owned()),
        ("entries".to_owned(), describe(&schema.entries)),
        ("purchaseOffset".to_owned(), offset(TimeColumn::Purchase, options.purchase, newest.purchase[0])),
        ("createdOffset".to_owned(), offset(TimeColumn::EntryCreated, options.created, newest.entry[0])),
    ]);
    Probe { newest: purchase.max(entry), findings }
}

pub(crate) fn of_catalog(schema: &Schema, options: &MySqlOptions, catalog: &Catalog, skipped: usize) -> Probe {
    let activities: usize = catalog.campaigns().iter().map(|campaign| campaign.activities.len()).sum();
    let mut findings = of_server(schema);
    const DATES: [TimeColumn; 4] =
        [TimeColumn::CampaignStart, TimeColumn::CampaignEnd, TimeColumn::ActivityStart, TimeColumn::ActivityEnd];
    let configured = format!("{} configured; dates to come cannot tell", options.schedule);
    let offset = match DATES.iter().filter(|column| schema.timestamp_columns.contains(column)).count() {
        0 => configured,
        all if all == DATES.len() => OFFSET_UNUSED.to_owned(),
        some => format!("{configured}; {some} of the {} columns: {OFFSET_UNUSED}", DATES.len()),
    };
    findings.extend([
        ("campaigns".to_owned(), catalog.campaigns().len().to_string()),
        ("activities".to_owned(), activities.to_string()),
        ("scheduleOffset".to_owned(), offset),
    ]);
    if skipped > 0 {
        findings.push(("skipped".to_owned(), format!("{skipped} rows whose id is no id")));
    }
    Probe { newest: None, findings }
}

/// The finding for columns whose offset is not used.
const OFFSET_UNUSED: &str = "TIMESTAMP, read as UTC whatever is configured";

fn of_server(schema: &Schema) -> Vec<(String, String)> {
    let limit = match schema.limit {
        Some(limit) => format!("{} ms", limit.as_millis()),
        None => "MISSING: a query whose caller has gone runs on; use pool_options()".to_owned(),
    };
    let session = if schema.read_only { "read-only" } else { "may write, as far as the user's rights go" };
    vec![
        ("server".to_owned(), format!("{} {}", schema.flavor.name(), schema.version)),
        ("statementLimit".to_owned(), limit),
        ("session".to_owned(), session.to_owned()),
    ]
}

fn describe(presence: &Presence) -> String {
    match presence {
        Presence::Present => "there".to_owned(),
        Presence::Absent => "no such table".to_owned(),
        Presence::Refused(fault) => format!("not readable: {fault}"),
    }
}
