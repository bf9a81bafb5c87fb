//! What a server is and holds: kind and version, the session's limit, which of our tables and columns are there.
//! Lives here: the probe and what it found. Lives elsewhere: when it is made (`store`), what follows (`ledger`).
//!
//! A server shows a user only what he may read, so a table that is not listed may be one that is not granted. What is
//! missing is therefore asked for once: only a server that says that there is no such table has none.

use std::time::Duration;

use super::{
    connections::Connections,
    flavor::{self, Flavor},
    probe_deadlines::ProbeDeadlines,
};
use crate::{
    error::{Cause, ServerFault},
    row::Row,
    stored::Clock,
};

/// What was found.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) flavor: Flavor,
    pub(crate) version: String,
    /// The limit the session has by itself.
    pub(crate) limit: Option<Duration>,
    pub(crate) read_only: bool,
    pub(crate) purchases: Part,
    /// The column `purchases.status`.
    pub(crate) status: Part,
    /// Whether purchases have a type.
    pub(crate) typed: bool,
    pub(crate) entries: Part,
    pub(crate) campaigns: Part,
    pub(crate) activities: Part,
    /// The columns that are `TIMESTAMP`.
    pub(crate) zoned: Vec<Time>,
}

/// A column of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    Purchase,
    EntryCreated,
    CampaignStart,
    CampaignEnd,
    ActivityStart,
    ActivityEnd,
}

impl Time {
    const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Purchase, PURCHASES, "purchase_at"),
        (Self::EntryCreated, ENTRIES, "created_at"),
        (Self::CampaignStart, CAMPAIGNS, "start_at"),
        (Self::CampaignEnd, CAMPAIGNS, "end_at"),
        (Self::ActivityStart, ACTIVITIES, "start_date"),
        (Self::ActivityEnd, ACTIVITIES, "end_date"),
    ];
}

/// A table or a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    There,
    /// The server says that there is none.
    Absent,
    /// The server does not say, or does not let us read it.
    Refused(ServerFault),
}

impl Part {
    pub(crate) fn is_there(&self) -> bool {
        *self == Self::There
    }
}

impl Shape {
    /// Whether nothing is missing that could still be added.
    pub(crate) fn is_whole(&self) -> bool {
        [&self.purchases, &self.entries, &self.campaigns, &self.activities].into_iter().all(Part::is_there)
            && !matches!(self.status, Part::Refused(_))
    }

    /// The clock of a column: the configured one of a `DATETIME`. A `TIMESTAMP` is an instant, which the server shows by
    /// the clock of the session; sqlx makes that UTC.
    pub(crate) fn clock(&self, column: Time, configured: Clock) -> Clock {
        if self.zoned.contains(&column) { Clock::UTC } else { configured }
    }
}

const PURCHASES: &str = "purchases";
const ENTRIES: &str = "campaign_activity_entries";
const CAMPAIGNS: &str = "campaigns";
const ACTIVITIES: &str = "campaign_activities";

/// Version, session and columns in one reply. Names are aliased: MySQL spells those of its information schema in upper case.
/// The schema is that of the connection: another one of the same server may hold tables of the same names.
fn columns() -> String {
    let [limit, read_only] = flavor::session();
    format!(
        "SELECT 'session' AS what, CAST({limit} AS CHAR) AS one, IF({read_only}, 'yes', 'no') AS two, VERSION() AS kind \
         UNION ALL SELECT 'column', c.table_name, c.column_name, c.data_type FROM information_schema.columns AS c \
         WHERE c.table_schema = DATABASE() \
         AND c.table_name IN ('{PURCHASES}', '{ENTRIES}', '{CAMPAIGNS}', '{ACTIVITIES}')"
    )
}

/// Looks. One statement, and one more for each thing that is missing.
pub(super) async fn probe(connections: &Connections, deadlines: ProbeDeadlines) -> Result<Shape, Cause> {
    let ProbeDeadlines { connect_by, finish_by } = deadlines;
    let seen = Seen::read(&connections.ask_once_connected(columns(), connect_by, finish_by).await?)?;
    let part = async |table: &'static str, column: Option<&'static str>| -> Result<Part, Cause> {
        if seen.has(table, column) {
            return Ok(Part::There);
        }
        let statement = format!("SELECT {} FROM {table} LIMIT 0", column.unwrap_or("1"));
        match connections.ask(statement, finish_by).await {
            Ok(_) => Ok(Part::There),
            Err(Cause::Server(fault)) if fault.is_absence() => Ok(Part::Absent),
            Err(Cause::Server(fault)) if fault.is_denial() => Ok(Part::Refused(fault)),
            Err(cause) => Err(cause),
        }
    };
    let purchases = part(PURCHASES, None).await?;
    let status = if purchases.is_there() { part(PURCHASES, Some("status")).await? } else { purchases.clone() };
    Ok(Shape {
        status,
        typed: seen.has(PURCHASES, Some("purchase_type")),
        purchases,
        entries: part(ENTRIES, None).await?,
        campaigns: part(CAMPAIGNS, None).await?,
        activities: part(ACTIVITIES, None).await?,
        zoned: seen.zoned(),
        limit: seen.limit,
        read_only: seen.read_only,
        flavor: Flavor::of(&seen.version),
        version: seen.version,
    })
}

/// What the server listed.
#[derive(Debug, Default)]
struct Seen {
    version: String,
    limit: Option<Duration>,
    read_only: bool,
    /// Tables, columns, and their types.
    columns: Vec<[String; 3]>,
}

impl Seen {
    fn read(rows: &[Row]) -> Result<Self, Cause> {
        let mut seen = Self::default();
        for row in rows {
            let mut cells = row.cells();
            let (what, one, two) = (cells.some_text("what")?, cells.some_text("one")?, cells.some_text("two")?);
            let kind = cells.some_text("kind")?;
            match what {
                "session" => {
                    let seconds: f64 = one.parse().map_err(|_| Cause::Wrong("a limit that is no number"))?;
                    seen.limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
                    seen.read_only = two == "yes";
                    seen.version = kind.to_owned();
                }
                _ => seen.columns.push([one, two, kind].map(str::to_ascii_lowercase)),
            }
        }
        if seen.version.is_empty() { Err(Cause::Wrong("no version")) } else { Ok(seen) }
    }

    fn has(&self, table: &str, column: Option<&str>) -> bool {
        self.columns.iter().any(|[t, c, _]| t == table && column.is_none_or(|column| c == column))
    }

    fn zoned(&self) -> Vec<Time> {
        let is_zoned = |table: &str, column: &str| {
            self.columns.iter().any(|[t, c, kind]| t == table && c == column && kind == "timestamp")
        };
        Time::ALL.into_iter().filter(|(_, table, column)| is_zoned(table, column)).map(|(time, ..)| time).collect()
    }
}

#[cfg(test)]
impl Shape {
    /// A MySQL with all tables of August 2026.
    pub(crate) fn of_mysql() -> Self {
        Self {
            flavor: Flavor::MySql,
            version: "9.7.4".to_owned(),
            limit: None,
            read_only: true,
            purchases: Part::There,
            status: Part::There,
            typed: true,
            entries: Part::There,
            campaigns: Part::There,
            activities: Part::There,
            zoned: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_found_in_whatever_case() {
        let rows = [
            Row::of(&["session", "0.8000", "yes", "9.7.4"]),
            Row::of(&["column", "purchases", "ID", "bigint"]),
            Row::of(&["column", "purchases", "STATUS", "varchar"]),
            Row::of(&["column", "purchases", "PURCHASE_AT", "TIMESTAMP"]),
            Row::of(&["column", "campaign_activity_entries", "created_at", "datetime"]),
        ];
        let seen = Seen::read(&rows).expect("read");
        assert_eq!((seen.limit, seen.read_only), (Some(Duration::from_millis(800)), true));
        assert_eq!(seen.version, "9.7.4");
        assert!(seen.has("purchases", Some("status")) && !seen.has("campaigns", None));
        assert_eq!(seen.zoned(), [Time::Purchase]);
    }

    #[test]
    fn no_limit_is_none() {
        let seen = Seen::read(&[Row::of(&["session", "0.0000", "no", "10.11.18-MariaDB"])]).expect("read");
        assert_eq!((seen.limit, seen.read_only), (None, false));
    }
}
