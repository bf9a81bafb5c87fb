//! The verdict on a configured offset, by the newest row of its column. Pure. It only reports, and never changes the
//! offset.
//!
//! A time without a zone does not show its offset. But no row was written in the future, and the newest row of an
//! active shop is rarely hours old. Compared with the server's clock, that usually decides between the possible
//! offsets.

use chrono::{NaiveDateTime, TimeDelta};

use crate::sql_literals::Clock;

/// The wall clocks that the platform's rows may have: that of Seoul, UTC, and that of Seoul shifted twice.
const CANDIDATES: [Clock; 3] = [Clock::SEOUL, Clock::UTC, Clock::ahead(TimeDelta::hours(18))];
/// The largest difference between the clocks of servers and clients.
const MAX_CLOCK_SKEW: TimeDelta = TimeDelta::minutes(2);
/// How long a row counts as new.
const NEW_FOR: TimeDelta = TimeDelta::minutes(30);

/// The verdict on the configured clock, as a text for a health report. `newest` is the newest time of the column, `now`
/// the server's clock in UTC; `None` if there is no row.
pub(crate) fn verdict(configured: Clock, newest: Option<NaiveDateTime>, now: Option<NaiveDateTime>) -> String {
    let (Some(newest), Some(now)) = (newest, now) else {
        return format!("{configured} configured; not verified: no rows");
    };
    let age = |clock: Clock| clock.timestamp(newest).map(|timestamp| now - timestamp.naive_utc());
    let Some(own) = age(configured) else {
        return format!("{configured} configured; not verified: the newest time is outside the calendar");
    };
    let fresh = |clock: &&Clock| age(**clock).is_some_and(|age| -MAX_CLOCK_SKEW <= age && age <= NEW_FOR);
    let better = CANDIDATES.iter().filter(|clock| **clock != configured).find(fresh);
    let past = CANDIDATES
        .iter()
        .filter(|clock| age(**clock).is_some_and(|age| -MAX_CLOCK_SKEW <= age))
        .min_by_key(|clock| age(**clock));
    if own < -MAX_CLOCK_SKEW {
        let fits = past.map_or("no known offset fits".to_owned(), |clock| format!("{clock} would fit"));
        return format!(
            "{configured} configured, WRONG: the newest row would lie {} in the future; {fits}",
            length(-own)
        );
    }
    match better {
        _ if own <= NEW_FOR => format!("{configured} configured; the newest row is {} old: it fits", length(own)),
        Some(clock) => {
            let fresh = age(*clock).unwrap_or_default();
            format!(
                "{configured} configured, IN DOUBT: the newest row is {} old, and would be {} old under {clock}",
                length(own),
                length(fresh)
            )
        }
        None => format!("{configured} configured; the newest row is {} old: too old to verify it", length(own)),
    }
}

/// `9 h 00 min`.
fn length(time: TimeDelta) -> String {
    let minutes = time.num_minutes().max(0);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict on a row that was written some minutes ago by a clock `written` hours ahead of UTC.
    fn of(configured: i64, written: i64, minutes: i64) -> String {
        let now: NaiveDateTime = "2024-11-12T10:30:00".parse().expect("a time");
        let newest = now + TimeDelta::hours(written) - TimeDelta::minutes(minutes);
        verdict(Clock::ahead(TimeDelta::hours(configured)), Some(newest), Some(now))
    }

    #[test]
    fn a_new_row_fits_its_offset() {
        assert_eq!(of(9, 9, 3), "+09:00 configured; the newest row is 3 min old: it fits");
    }

    #[test]
    fn a_row_in_the_future_proves_the_offset_wrong() {
        let text = "+00:00 configured, WRONG: the newest row would lie 8 h 57 min in the future; +09:00 would fit";
        assert_eq!(of(0, 9, 3), text);
        assert_eq!(of(9, 18, 3), text.replace("+09:00", "+18:00").replace("+00:00", "+09:00"));
    }

    #[test]
    fn a_row_that_is_new_by_another_offset_casts_doubt() {
        let text = "+09:00 configured, IN DOUBT: the newest row is 9 h 03 min old, and would be 3 min old under +00:00";
        assert_eq!(of(9, 0, 3), text);
    }

    #[test]
    fn old_rows_verify_nothing() {
        assert_eq!(of(9, 9, 3_000), "+09:00 configured; the newest row is 50 h 00 min old: too old to verify it");
        assert_eq!(verdict(Clock::SEOUL, None, None), "+09:00 configured; not verified: no rows");
    }
}
