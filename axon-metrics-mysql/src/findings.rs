//! What health says of a server: what it is and holds, whether its connections are safe, what its clocks suggest.
//! Lives here: the statement for the newest rows, and the words. Lives elsewhere: the probe of tables (`store::shape`), the
//! verdict on offsets (`offsets`).

use axon_metrics::{Catalog, Timestamp, source::Probe};
use chrono::NaiveDateTime;

use crate::{
    error::Cause,
    offsets::verdict,
    options::MySqlOptions,
    row::Row,
    store::shape::{Part, Shape, Time},
    stored::Clock,
};

/// How many of the newest rows are looked at: no index begins with a time, but ids rise with it.
const LOOKED_AT: u32 = 1_000;

/// For purchases and entries the newest time of all and the newest before an instant, and the server's clock. Both by
/// `PRIMARY`, from its end; with the bound in plain sight, MySQL reads another index as a whole.
pub(crate) fn newest(shape: &Shape, options: &MySqlOptions, as_of: Timestamp) -> String {
    let mut statement = "SELECT 'now' AS what, UTC_TIMESTAMP(6) AS newest, NULL AS before_it".to_owned();
    let mut add = |what: &str, table: &str, column: &str, bound| {
        statement.push_str(&format!(
            " UNION ALL SELECT '{what}', (SELECT MAX(t) FROM (SELECT {column} AS t FROM {table} \
             ORDER BY id DESC LIMIT {LOOKED_AT}) AS a), (SELECT MAX(t) FROM (SELECT {column} AS t FROM {table} \
             WHERE COALESCE({column}) < {bound} ORDER BY id DESC LIMIT {LOOKED_AT}) AS b)"
        ));
    };
    if shape.purchases.is_there() {
        add("purchase", "purchases", "purchase_at", shape.clock(Time::Purchase, options.purchase).bound(as_of));
    }
    if shape.entries.is_there() {
        add(
            "entry",
            "campaign_activity_entries",
            "created_at",
            shape.clock(Time::EntryCreated, options.created).bound(as_of),
        );
    }
    statement
}

/// The reply: wall clocks as the columns hold them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Newest {
    now: Option<NaiveDateTime>,
    purchase: [Option<NaiveDateTime>; 2],
    entry: [Option<NaiveDateTime>; 2],
}

impl Newest {
    pub(crate) fn read(rows: &[Row]) -> Result<Self, Cause> {
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

pub(crate) fn of_ledger(shape: &Shape, options: &MySqlOptions, seen: &Newest) -> Probe {
    let purchase = seen.purchase[1].and_then(|wall| shape.clock(Time::Purchase, options.purchase).instant(wall));
    let entry = seen.entry[1].and_then(|wall| shape.clock(Time::EntryCreated, options.created).instant(wall));
    let mut findings = of_server(shape);
    let offset = |column: Time, configured: Clock, newest: Option<NaiveDateTime>| match shape.zoned.contains(&column) {
        true => ZONED.to_owned(),
        false => verdict(configured, newest, seen.now),
    };
    let status = match &shape.status {
        Part::There => "kept: confirmed purchases count",
        Part::Absent if shape.purchases.is_there() => {
            "not kept: every purchase counts, cancelled ones are not measured"
        }
        Part::Absent | Part::Refused(_) => "unknown",
    };
    findings.extend([
        ("purchases".to_owned(), place(&shape.purchases)),
        ("purchaseStatus".to_owned(), status.to_owned()),
        ("entries".to_owned(), place(&shape.entries)),
        ("purchaseOffset".to_owned(), offset(Time::Purchase, options.purchase, seen.purchase[0])),
        ("createdOffset".to_owned(), offset(Time::EntryCreated, options.created, seen.entry[0])),
    ]);
    Probe { newest: purchase.max(entry), findings }
}

pub(crate) fn of_catalog(shape: &Shape, options: &MySqlOptions, catalog: &Catalog, skipped: usize) -> Probe {
    let activities: usize = catalog.campaigns().iter().map(|campaign| campaign.activities.len()).sum();
    let mut findings = of_server(shape);
    const DATES: [Time; 4] = [Time::CampaignStart, Time::CampaignEnd, Time::ActivityStart, Time::ActivityEnd];
    let configured = format!("{} configured; dates to come cannot tell", options.schedule);
    let offset = match DATES.iter().filter(|column| shape.zoned.contains(column)).count() {
        0 => configured,
        all if all == DATES.len() => ZONED.to_owned(),
        some => format!("{configured}; {some} of the {} columns: {ZONED}", DATES.len()),
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

/// What is said in the place of an offset.
const ZONED: &str = "TIMESTAMP, read as UTC whatever is configured";

fn of_server(shape: &Shape) -> Vec<(String, String)> {
    let limit = match shape.limit {
        Some(limit) => format!("{} ms", limit.as_millis()),
        None => "MISSING: a query whose caller has gone runs on; use pool_options()".to_owned(),
    };
    let session = if shape.read_only { "read-only" } else { "may write, as far as the user's rights go" };
    vec![
        ("server".to_owned(), format!("{} {}", shape.flavor.name(), shape.version)),
        ("statementLimit".to_owned(), limit),
        ("session".to_owned(), session.to_owned()),
    ]
}

fn place(part: &Part) -> String {
    match part {
        Part::There => "there".to_owned(),
        Part::Absent => "no such table".to_owned(),
        Part::Refused(fault) => format!("not readable: {fault}"),
    }
}
