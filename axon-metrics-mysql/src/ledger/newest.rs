//! The newest purchases and entries, by their ids and by their times: how old the data are, and whether the configured
//! clocks fit.
//! Lives here: the statements and their replies. Lives elsewhere: when they are sent (`store_check`), the verdict
//! (`offsets`).

use axon_metrics::Timestamp;
use chrono::NaiveDateTime;

use crate::{
    error::Cause,
    offsets::MAX_ERROR,
    options::MySqlOptions,
    store::schema::{ENTRIES, PURCHASES, Schema, TimeColumn},
    text_row::TextRow,
};

/// How many rows with the highest ids are read. No index begins with a time, but ids rise with time.
const NEWEST_ROWS: u32 = 500;
/// How many rows are searched for the newest one before an instant.
const ROWS_BEFORE: u32 = 1_000;
/// How many rows are read by their times.
const BY_TIME: u32 = 100;

/// The statement for the server's clock, for the times of the purchases and entries with the highest ids, and for the newest
/// of them before `as_of`. It reads `PRIMARY` from its end.
///
/// Workaround: MySQL scans another index as a whole if it sees the bound, so `COALESCE` hides it from the optimiser. No
/// public number known. Shown by `ledger::plans`. Can go once the plans there stay the same without it.
pub(super) fn by_id(schema: &Schema, options: &MySqlOptions, as_of: Timestamp) -> String {
    let mut statement = "SELECT 'now' AS what, UTC_TIMESTAMP(6) AS t".to_owned();
    let mut add = |what: &str, table: &str, column: &str, bound| {
        statement.push_str(&format!(
            " UNION ALL SELECT '{what}', t FROM (SELECT {column} AS t FROM {table} ORDER BY id DESC LIMIT {NEWEST_ROWS}) AS a \
             UNION ALL SELECT '{what} before', MAX(t) FROM (SELECT {column} AS t FROM {table} \
             WHERE COALESCE({column}) < {bound} ORDER BY id DESC LIMIT {ROWS_BEFORE}) AS b"
        ));
    };
    if schema.can_read_purchases() {
        let clock = schema.clock(TimeColumn::Purchase, options.purchase);
        add("purchase", PURCHASES, "purchase_at", clock.bound(as_of));
    }
    if schema.can_read_entries() {
        let clock = schema.clock(TimeColumn::EntryCreated, options.created);
        add("entry", ENTRIES, "created_at", clock.bound(as_of));
    }
    statement
}

/// The statement for the newest purchases by their times: the newest of each activity and type, by jumps in
/// `idx_purchase_activity_lookup`. `now` is the server's clock; later times than an offset can explain are left out.
pub(super) fn purchases_by_time(schema: &Schema, options: &MySqlOptions, now: NaiveDateTime) -> Option<String> {
    let clock = schema.clock(TimeColumn::Purchase, options.purchase);
    let kind = if schema.has_purchase_type { ", purchase_type" } else { "" };
    let bound = clock.bound(now.and_utc() + MAX_ERROR);
    schema.can_read_purchases().then(|| {
        format!(
            "SELECT 'purchase' AS what, MAX(purchase_at) AS t FROM purchases WHERE purchase_at < {bound} \
             GROUP BY campaign_activity_id{kind} ORDER BY t DESC LIMIT {BY_TIME}"
        )
    })
}

/// The same for entries. No index of the platform has their times, so it reads the table.
pub(super) fn entries_by_time(schema: &Schema, options: &MySqlOptions, now: NaiveDateTime) -> Option<String> {
    let clock = schema.clock(TimeColumn::EntryCreated, options.created);
    let bound = clock.bound(now.and_utc() + MAX_ERROR);
    schema.can_read_entries().then(|| {
        format!(
            "SELECT 'entry' AS what, created_at AS t FROM campaign_activity_entries WHERE created_at < {bound} \
             ORDER BY created_at DESC LIMIT {BY_TIME}"
        )
    })
}

/// The replies: wall times as the columns hold them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewestTimes {
    /// The server's clock, in UTC.
    pub(crate) now: Option<NaiveDateTime>,
    pub(crate) purchases: ColumnTimes,
    pub(crate) entries: ColumnTimes,
}

/// The newest times of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ColumnTimes {
    pub(crate) times: Vec<NaiveDateTime>,
    /// The newest of the rows with the highest ids that is before the instant of the check.
    pub(crate) before: Option<NaiveDateTime>,
}

impl NewestTimes {
    /// Adds the rows of a reply. A time that cannot be read is left out.
    pub(super) fn add(&mut self, rows: &[TextRow]) -> Result<(), Cause> {
        for row in rows {
            let mut cells = row.cells();
            let what = cells.some_text("what")?;
            let time = cells.time("t").ok().flatten();
            match what {
                "now" => self.now = time,
                "purchase" => self.purchases.times.extend(time),
                "entry" => self.entries.times.extend(time),
                "purchase before" => self.purchases.before = time,
                "entry before" => self.entries.before = time,
                _ => return Err(Cause::Wrong("the reply has newest rows of an unknown table")),
            }
        }
        Ok(())
    }
}

impl ColumnTimes {
    /// The newest instant before `as_of`, by this clock.
    pub(crate) fn newest(&self, clock: crate::clock::Clock, as_of: Timestamp) -> Option<Timestamp> {
        let instants = self.times.iter().chain(&self.before).filter_map(|wall| clock.timestamp(*wall));
        instants.filter(|instant| *instant < as_of).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_together() {
        let mut newest = NewestTimes::default();
        let rows = |rows: &[[&str; 2]]| rows.iter().map(|row| TextRow::of(row)).collect::<Vec<_>>();
        let (ten, nine) = ("2024-11-12 10:00:00.000000", "2024-11-12 09:00:00");
        newest
            .add(&rows(&[["now", ten], ["purchase", nine], ["purchase before", "NULL"], ["entry", "x"]]))
            .expect("read");
        newest.add(&rows(&[["purchase", ten]])).expect("read");
        assert_eq!((newest.purchases.times.len(), newest.entries.times.len()), (2, 0));
        let as_of = "2024-11-12T01:00:00Z".parse().expect("an instant");
        let newest_at = newest.purchases.newest(crate::clock::Clock::SEOUL, as_of);
        assert_eq!(
            newest_at,
            Some("2024-11-12T00:00:00Z".parse().expect("an instant")),
            "ten o'clock is not before as_of"
        );
        assert!(newest.add(&rows(&[["other", ten]])).is_err());
    }
}
