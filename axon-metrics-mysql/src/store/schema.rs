//! The schema of a server: its kind and version, the limits of a session, and which of our tables and columns exist.
//! Lives here: the schema, and its probe. Lives elsewhere: when a probe runs (`schema_cache`), the types of columns
//! (`columns`), the use of the schema (`ledger`, `catalog`).
//!
//! A server lists only the tables that the user may read, so a table that is not listed may exist without a grant. The
//! probe therefore selects from each missing table once: the error says whether the table does not exist or the right
//! is missing.

use std::time::Duration;

pub(crate) use super::tables::{ACTIVITIES, CAMPAIGNS, ENTRIES, PURCHASES};
use super::{
    columns::{ColumnType, Columns},
    connections::Connections,
    flavor::{self, Flavor},
    probe_deadlines::ProbeDeadlines,
};
use crate::{
    clock::Clock,
    error::{Cause, ServerFault},
    text_row::TextRow,
};

/// The schema of a server, as of its probe.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) flavor: Flavor,
    pub(crate) version: String,
    /// The statement limit of the session; `None`: there is none.
    pub(crate) limit: Option<Duration>,
    pub(crate) read_only: bool,
    /// Whether the session has the settings of `pool_options`, and not those of the server.
    pub(crate) has_own_settings: bool,
    pub(crate) purchases: Presence,
    /// The column `purchases.status`.
    pub(crate) status: Presence,
    /// Whether the column `purchases.purchase_type` exists.
    pub(crate) has_purchase_type: bool,
    pub(crate) entries: Presence,
    pub(crate) campaigns: Presence,
    pub(crate) activities: Presence,
    /// The columns that are listed, with their types.
    pub(crate) columns: Columns,
}

/// A column of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeColumn {
    Purchase,
    EntryCreated,
    CampaignStart,
    CampaignEnd,
    ActivityStart,
    ActivityEnd,
}

impl TimeColumn {
    const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Purchase, PURCHASES, "purchase_at"),
        (Self::EntryCreated, ENTRIES, "created_at"),
        (Self::CampaignStart, CAMPAIGNS, "start_at"),
        (Self::CampaignEnd, CAMPAIGNS, "end_at"),
        (Self::ActivityStart, ACTIVITIES, "start_date"),
        (Self::ActivityEnd, ACTIVITIES, "end_date"),
    ];
}

/// Whether a table or a column can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presence {
    Present,
    /// It does not exist.
    Absent,
    /// The user may not read it, so it may exist or not.
    Refused(ServerFault),
}

impl Presence {
    pub(crate) fn is_present(&self) -> bool {
        *self == Self::Present
    }

    /// The error that says which right is missing.
    pub(crate) fn refusal(&self) -> Option<&ServerFault> {
        match self {
            Self::Refused(fault) => Some(fault),
            Self::Present | Self::Absent => None,
        }
    }
}

impl Schema {
    /// Whether all tables can be read and it is known whether purchases have a status. An incomplete schema may change
    /// soon.
    pub(crate) fn is_complete(&self) -> bool {
        [&self.purchases, &self.entries, &self.campaigns, &self.activities].into_iter().all(Presence::is_present)
            && !matches!(self.status, Presence::Refused(_))
    }

    /// The clock of a column. That of a `DATETIME` is configured. A `TIMESTAMP` is shown in the time zone of the
    /// session, which is UTC.
    pub(crate) fn clock(&self, column: TimeColumn, configured: Clock) -> Clock {
        if self.holds_instants(column) { Clock::UTC } else { configured }
    }

    /// Whether the column is a `TIMESTAMP`, which holds instants. The others are `DATETIME`, wall clocks.
    pub(crate) fn holds_instants(&self, column: TimeColumn) -> bool {
        let named = TimeColumn::ALL.into_iter().find(|(time, ..)| *time == column);
        named.is_some_and(|(_, table, name)| self.columns.type_of(table, name) == Some(ColumnType::Timestamp))
    }

    /// What keeps figures from being measured, as sentences: tables that are not there, rights that are missing, types that
    /// are not read.
    pub(crate) fn problems(&self, tables: &[&'static str]) -> Vec<String> {
        let of = |table: &'static str| match table {
            PURCHASES => &self.purchases,
            ENTRIES => &self.entries,
            CAMPAIGNS => &self.campaigns,
            _ => &self.activities,
        };
        let absent = tables.iter().filter_map(|table| match of(table) {
            Presence::Present => None,
            Presence::Absent => Some(format!("there is no table {table} in the database: check the address")),
            Presence::Refused(fault) => {
                let right = fault.missing_right().unwrap_or_else(|| format!("SELECT on {table}"));
                Some(format!("a right is missing: {right}; grant it as in docs/operate/rights.md"))
            }
        });
        let types =
            self.columns.problems().filter(|text| tables.iter().any(|table| text.starts_with(&format!("{table}."))));
        absent.chain(types).collect()
    }
}

/// The statement for the version, the session's limits and the columns. Columns are aliased, since MySQL names those of
/// its information schema in upper case. It lists the connection's own database only.
fn listing_statement() -> String {
    let [limit, read_only, own] = flavor::session();
    format!(
        "SELECT 'session' AS what, CAST({limit} AS CHAR) AS one, \
         CONCAT(IF({read_only}, 'yes', 'no'), ' ', IF({own}, 'yes', 'no')) AS two, VERSION() AS kind \
         UNION ALL SELECT 'column', c.table_name, c.column_name, c.data_type FROM information_schema.columns AS c \
         WHERE c.table_schema = DATABASE() \
         AND c.table_name IN ('{PURCHASES}', '{ENTRIES}', '{CAMPAIGNS}', '{ACTIVITIES}')"
    )
}

/// Probes the server by one statement, and one more for each table or column that is not listed.
pub(super) async fn probe(connections: &Connections, deadlines: ProbeDeadlines) -> Result<Schema, Cause> {
    let ProbeDeadlines { connect_by, finish_by } = deadlines;
    let listing =
        ColumnListing::read(&connections.ask_with_connect_deadline(listing_statement(), connect_by, finish_by).await?)?;
    let presence = async |table: &'static str, column: Option<&'static str>| -> Result<Presence, Cause> {
        if listing.columns.has(table, column) {
            return Ok(Presence::Present);
        }
        let statement = format!("SELECT {} FROM {table} LIMIT 0", column.unwrap_or("1"));
        match connections.ask(statement, finish_by).await {
            Ok(_) => Ok(Presence::Present),
            Err(Cause::Server(fault)) if fault.is_absence() => Ok(Presence::Absent),
            Err(Cause::Server(fault)) if fault.missing_right().is_some() => Ok(Presence::Refused(fault)),
            Err(cause) => Err(cause),
        }
    };
    let purchases = presence(PURCHASES, None).await?;
    let status = if purchases.is_present() { presence(PURCHASES, Some("status")).await? } else { purchases.clone() };
    Ok(Schema {
        status,
        has_purchase_type: listing.columns.has(PURCHASES, Some("purchase_type")),
        purchases,
        entries: presence(ENTRIES, None).await?,
        campaigns: presence(CAMPAIGNS, None).await?,
        activities: presence(ACTIVITIES, None).await?,
        columns: listing.columns,
        limit: listing.limit,
        read_only: listing.read_only,
        has_own_settings: listing.has_own_settings,
        flavor: Flavor::of(&listing.version),
        version: listing.version,
    })
}

/// The reply to [`listing_statement`].
#[derive(Debug, Default)]
struct ColumnListing {
    version: String,
    limit: Option<Duration>,
    read_only: bool,
    has_own_settings: bool,
    columns: Columns,
}

impl ColumnListing {
    fn read(rows: &[TextRow]) -> Result<Self, Cause> {
        let mut listing = Self::default();
        for row in rows {
            let mut cells = row.cells();
            let (what, one, two) = (cells.some_text("what")?, cells.some_text("one")?, cells.some_text("two")?);
            let kind = cells.some_text("kind")?;
            match what {
                "session" => {
                    let seconds: f64 =
                        one.parse().map_err(|_| Cause::Wrong("the statement limit of the session is not a number"))?;
                    listing.limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
                    let (read_only, own_settings) = two.split_once(' ').unwrap_or((two, "no"));
                    (listing.read_only, listing.has_own_settings) = (read_only == "yes", own_settings == "yes");
                    listing.version = kind.to_owned();
                }
                _ => listing.columns.add(one, two, kind),
            }
        }
        if listing.version.is_empty() {
            Err(Cause::Wrong("the reply lacks the version of the server"))
        } else {
            Ok(listing)
        }
    }
}

#[cfg(test)]
impl Schema {
    /// A MySQL with all tables of August 2026.
    pub(crate) fn of_mysql() -> Self {
        Self {
            flavor: Flavor::MySql,
            version: "9.7.4".to_owned(),
            limit: None,
            read_only: true,
            has_own_settings: true,
            purchases: Presence::Present,
            status: Presence::Present,
            has_purchase_type: true,
            entries: Presence::Present,
            campaigns: Presence::Present,
            activities: Presence::Present,
            columns: Columns::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_are_read_in_any_case() {
        let rows = [
            TextRow::of(&["session", "0.8000", "yes no", "9.7.4"]),
            TextRow::of(&["column", "purchases", "ID", "bigint"]),
            TextRow::of(&["column", "purchases", "STATUS", "varchar"]),
            TextRow::of(&["column", "purchases", "PURCHASE_AT", "TIMESTAMP"]),
            TextRow::of(&["column", "campaign_activity_entries", "created_at", "datetime"]),
        ];
        let listing = ColumnListing::read(&rows).expect("a listing");
        assert_eq!((listing.limit, listing.read_only), (Some(Duration::from_millis(800)), true));
        assert!(!listing.has_own_settings);
        assert_eq!(listing.version, "9.7.4");
        assert!(listing.columns.has("purchases", Some("status")) && !listing.columns.has("campaigns", None));
        let schema = Schema { columns: listing.columns, ..Schema::of_mysql() };
        assert!(schema.holds_instants(TimeColumn::Purchase) && !schema.holds_instants(TimeColumn::EntryCreated));
    }

    #[test]
    fn a_limit_of_zero_is_no_limit() {
        let listing = ColumnListing::read(&[TextRow::of(&["session", "0.0000", "no yes", "10.11.18-MariaDB"])])
            .expect("a listing");
        assert_eq!((listing.limit, listing.read_only), (None, false));
    }
}
