//! Which offset the newest row of a column suggests, and what is said of the configured one. Pure; says, and never switches.
//!
//! A zone-less time does not tell its zone. But a row cannot have been written in the future, and the newest row of a shop
//! that sells is seldom hours old: with the server's own clock that tells the wall clocks in question apart, most of the time.

use chrono::{NaiveDateTime, TimeDelta};

use crate::sql_literals::Clock;

/// The wall clocks that the platform's rows were written in: that of Seoul, UTC, and that of Seoul shifted once too often.
const HYPOTHESES: [Clock; 3] = [Clock::SEOUL, Clock::UTC, Clock::ahead(TimeDelta::hours(18))];
/// How far the clocks of servers and clients may differ.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(2);
/// How long a row counts as new.
const NEW_FOR: TimeDelta = TimeDelta::minutes(30);

/// What the newest row of a column says of the configured clock. `newest` is the wall clock it holds, `now` the server's UTC.
pub(crate) fn verdict(configured: Clock, newest: Option<NaiveDateTime>, now: Option<NaiveDateTime>) -> String {
    let (Some(newest), Some(now)) = (newest, now) else {
        return format!("{configured} configured; no row to tell by");
    };
    let age = |clock: Clock| clock.timestamp(newest).map(|timestamp| now - timestamp.naive_utc());
    let Some(own) = age(configured) else { return format!("{configured} configured; a time beyond the calendar") };
    let fresh = |clock: &&Clock| age(**clock).is_some_and(|age| -CLOCK_SKEW <= age && age <= NEW_FOR);
    let better = HYPOTHESES.iter().filter(|clock| **clock != configured).find(fresh);
    let past = HYPOTHESES
        .iter()
        .filter(|clock| age(**clock).is_some_and(|age| -CLOCK_SKEW <= age))
        .min_by_key(|clock| age(**clock));
    if own < -CLOCK_SKEW {
        let fits = past.map_or("no offset known of fits".to_owned(), |clock| format!("{clock} would fit"));
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
        None => format!("{configured} configured; the newest row is {} old: too old to tell", length(own)),
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

    /// The verdict on a row whose wall clock is that many hours ahead of UTC, and that was written some minutes ago.
    fn of(configured: i64, written: i64, minutes: i64) -> String {
        let now: NaiveDateTime = "2024-11-12T10:30:00".parse().expect("a time");
        let newest = now + TimeDelta::hours(written) - TimeDelta::minutes(minutes);
        verdict(Clock::ahead(TimeDelta::hours(configured)), Some(newest), Some(now))
    }

    #[test]
    fn a_row_just_written_fits() {
        assert_eq!(of(9, 9, 3), "+09:00 configured; the newest row is 3 min old: it fits");
    }

    #[test]
    fn a_row_of_the_future_tells_that_the_offset_is_wrong() {
        let told = "+00:00 configured, WRONG: the newest row would lie 8 h 57 min in the future; +09:00 would fit";
        assert_eq!(of(0, 9, 3), told);
        assert_eq!(of(9, 18, 3), told.replace("+09:00", "+18:00").replace("+00:00", "+09:00"));
    }

    #[test]
    fn a_row_that_another_offset_makes_new_leaves_a_doubt() {
        let told = "+09:00 configured, IN DOUBT: the newest row is 9 h 03 min old, and would be 3 min old under +00:00";
        assert_eq!(of(9, 0, 3), told);
    }

    #[test]
    fn old_rows_tell_nothing() {
        assert_eq!(of(9, 9, 3_000), "+09:00 configured; the newest row is 50 h 00 min old: too old to tell");
        assert_eq!(verdict(Clock::SEOUL, None, None), "+09:00 configured; no row to tell by");
    }
}
