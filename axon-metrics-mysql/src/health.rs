//! The health report of a server: its kind, its tables, the limits of its sessions, the verdict on the configured
//! offsets.
//! Lives here: the statement for the newest rows, and the text of each finding. Lives elsewhere: the schema probe
//! (`store::schema`), the verdict on an offset (`offsets`).

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

/// How many rows with the highest ids are read. No index begins with a time, but ids rise with time.
const NEWEST_ROWS: u32 = 1_000;

/// The statement for the server's clock, and for purchases and entries the newest time of all and the newest before
/// `as_of`. It reads `PRIMARY` from its end.
///
/// Workaround: MySQL scans another index as a whole if it sees the bound, so `COALESCE` hides it from the optimiser. No
/// public number known. Shown by `ledger::plans`. Can go once the plans there stay the same without it.
pub(crate) fn newest_statement(schema: &Schema, options: &MySqlOptions, as_of: Timestamp) -> String {
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

/// The reply to [`newest_statement`]: wall clocks as the columns hold them. Of each table the newest time of all, and
/// the newest before `as_of`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NewestTimes {
    now: Option<NaiveDateTime>,
    purchase: [Option<NaiveDateTime>; 2],
    entry: [Option<NaiveDateTime>; 2],
}

impl NewestTimes {
    pub(crate) fn read(rows: &[TextRow]) -> Result<Self, Cause> {
        let mut newest = Self::default();
        for row in rows {
            let mut cells = row.cells();
            let what = cells.some_text("what")?;
            let times = [cells.time("newest")?, cells.time("before_it")?];
            match what {
                "now" => newest.now = times[0],
                "purchase" => newest.purchase = times,
                "entry" => newest.entry = times,
                _ => return Err(Cause::Wrong("the reply has newest rows of an unknown table")),
            }
        }
        Ok(newest)
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
        Presence::Present => "present: CONFIRMED purchases count",
        Presence::Absent if schema.purchases.is_present() => {
            "absent: every purchase counts, cancelled ones are not measured"
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
    Probe::default().with_newest(purchase.max(entry)).with_findings(findings)
}

pub(crate) fn of_catalog(schema: &Schema, options: &MySqlOptions, catalog: &Catalog, skipped: usize) -> Probe {
    let activities: usize = catalog.campaigns().iter().map(|campaign| campaign.activities.len()).sum();
    let mut findings = of_server(schema);
    const DATES: [TimeColumn; 4] =
        [TimeColumn::CampaignStart, TimeColumn::CampaignEnd, TimeColumn::ActivityStart, TimeColumn::ActivityEnd];
    let configured = format!("{} configured; not verified, since dates may lie in the future", options.schedule);
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
        findings.push(("skipped".to_owned(), format!("{skipped} rows with an invalid id")));
    }
    Probe::default().with_findings(findings)
}

/// The finding for columns whose offset is not used.
const OFFSET_UNUSED: &str = "TIMESTAMP, read as UTC whatever is configured";

fn of_server(schema: &Schema) -> Vec<(String, String)> {
    let limit = match schema.limit {
        Some(limit) => format!("{} ms", limit.as_millis()),
        None => "MISSING: an abandoned query keeps running; use pool_options()".to_owned(),
    };
    let session =
        if schema.read_only { "read-only" } else { "may write, within the rights of the user; use pool_options()" };
    vec![
        ("server".to_owned(), format!("{} {}", schema.flavor.name(), schema.version)),
        ("statementLimit".to_owned(), limit),
        ("session".to_owned(), session.to_owned()),
    ]
}

fn describe(presence: &Presence) -> String {
    match presence {
        Presence::Present => "present".to_owned(),
        Presence::Absent => "no such table".to_owned(),
        Presence::Refused(fault) => format!("not readable: {fault}"),
    }
}
