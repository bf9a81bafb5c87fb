//! The verdict on a configured clock, by the newest rows of its column. Pure. It only reports, and never changes the
//! clock.
//!
//! A time without a zone does not show its offset. But no row was written in the future, and the newest row of an
//! active shop is rarely hours old. Compared with the server's clock, that usually decides between the possible
//! offsets. An offset that is too large makes every new row hours old: where new rows keep coming with the same age, the
//! offset is wrong.

use chrono::{NaiveDateTime, TimeDelta};

use crate::clock::Clock;

/// The wall clocks that the platform's rows may have: that of Seoul, UTC, and that of Seoul shifted twice.
const CANDIDATES: [Clock; 3] = [Clock::SEOUL, Clock::UTC, Clock::ahead(TimeDelta::hours(18))];
/// The largest difference between the clocks of servers and clients.
const MAX_CLOCK_SKEW: TimeDelta = TimeDelta::minutes(2);
/// How long a row counts as new.
const NEW_FOR: TimeDelta = TimeDelta::minutes(30);
/// The largest error of an offset: from -12:00 to +14:00, and some more. A row further away says nothing about the offset.
pub(crate) const MAX_ERROR: TimeDelta = TimeDelta::hours(27);
/// So many rows in the future prove an offset wrong; fewer do if they are a third of the rows of the last day.
const ENOUGH_ROWS: usize = 3;
/// By so much the ages of rows differ that come with the same delay, with the time between two checks.
const SAME_AGE: TimeDelta = TimeDelta::minutes(10);
/// So many new rows of the same age prove an offset wrong.
const ENOUGH_NEWS: u32 = 2;

/// A verdict, as text for a health report, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) text: String,
    /// What is wrong with the clock, and which one would fit; `None` if nothing is known to be wrong.
    pub(crate) wrong: Option<String>,
    /// Whether another clock would make the newest row new.
    pub(crate) is_in_doubt: bool,
}

/// The newest rows of a column, and the server's clock in UTC, at one check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation<'a> {
    pub(crate) now: NaiveDateTime,
    /// Wall times of the newest rows, by their ids and by their times.
    pub(crate) times: &'a [NaiveDateTime],
    /// How far a replica lags behind its source.
    pub(crate) lag: TimeDelta,
}

/// What the checks so far have seen: whether new rows keep coming with the same age.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    newest: Option<(NaiveDateTime, TimeDelta)>,
    same_age: u32,
}

impl Progress {
    /// Adds the newest row of a check, and its age.
    fn add(&mut self, newest: NaiveDateTime, age: TimeDelta) {
        let Some((before, age_before)) = self.newest else {
            self.newest = Some((newest, age));
            return;
        };
        if newest <= before {
            return;
        }
        let is_old = NEW_FOR < age && age <= MAX_ERROR;
        // Offsets differ by half hours.
        let is_offset = age - half_hours(age) <= SAME_AGE;
        let is_same = (age - age_before).abs() <= SAME_AGE;
        self.same_age = if is_old && is_offset && is_same { self.same_age + 1 } else { 0 };
        self.newest = Some((newest, age));
    }
}

/// The verdict on the configured clock; `seen`: without any rows `None`.
pub(crate) fn verdict(configured: Clock, seen: Option<Observation<'_>>, progress: &mut Progress) -> Verdict {
    let fine = |text: String| Verdict { text, wrong: None, is_in_doubt: false };
    let Some(Observation { now, times, lag }) = seen.filter(|seen| !seen.times.is_empty()) else {
        return fine(format!("{configured} configured; not verified: no rows"));
    };
    let age = |clock: Clock, wall: NaiveDateTime| clock.timestamp(wall).map(|timestamp| now - timestamp.naive_utc());
    let own = |wall: &NaiveDateTime| age(configured, *wall).map(|age| (*wall, age));
    let known: Vec<(NaiveDateTime, TimeDelta)> =
        times.iter().filter_map(own).filter(|(_, age)| *age >= -MAX_ERROR).collect();
    let is_future = |age: TimeDelta| age < -MAX_CLOCK_SKEW;
    let future = known.iter().filter(|(_, age)| is_future(*age)).count();
    let recent = known.iter().filter(|(_, age)| !is_future(*age) && *age <= MAX_ERROR).count();
    if future >= ENOUGH_ROWS || (future > 0 && future * ENOUGH_ROWS >= future + recent) {
        let (newest, own) = newest(known.iter()).unwrap_or_default();
        let past = |clock: &&Clock| age(**clock, newest).is_some_and(|age| !is_future(age));
        let past = CANDIDATES.iter().filter(past).min_by_key(|clock| age(**clock, newest));
        let fits = past.map_or("no known offset fits".to_owned(), |clock| format!("{clock} would fit"));
        let why = format!("the newest row would lie {} in the future; {fits}", length(-own));
        return wrong(configured, why);
    }
    let Some((newest, own)) = newest(known.iter().filter(|(_, age)| !is_future(*age))) else {
        return fine(format!("{configured} configured; not verified: the newest time is outside the calendar"));
    };
    progress.add(newest, own - lag);
    if progress.same_age >= ENOUGH_NEWS && own - lag > NEW_FOR {
        let at = clock_ahead(configured, now, half_hours(own - lag));
        return wrong(configured, format!("new rows keep coming {} old; {at} would fit", length(own)));
    }
    let fresh = |clock: &&Clock| age(**clock, newest).is_some_and(|age| !is_future(age) && age <= NEW_FOR);
    match CANDIDATES.iter().filter(|clock| **clock != configured).find(fresh) {
        _ if own <= NEW_FOR => fine(format!("{configured} configured; the newest row is {} old: it fits", length(own))),
        Some(clock) => {
            let fresh = length(age(*clock, newest).unwrap_or_default());
            let own = length(own);
            let text = format!(
                "{configured} configured, IN DOUBT: the newest row is {own} old, and would be {fresh} old under {clock}"
            );
            Verdict { text, wrong: None, is_in_doubt: true }
        }
        None => fine(format!("{configured} configured; the newest row is {} old: too old to verify it", length(own))),
    }
}

fn wrong(configured: Clock, why: String) -> Verdict {
    Verdict { text: format!("{configured} configured, WRONG: {why}"), wrong: Some(why), is_in_doubt: false }
}

/// The newest of some rows, with its age.
fn newest<'a>(rows: impl Iterator<Item = &'a (NaiveDateTime, TimeDelta)>) -> Option<(NaiveDateTime, TimeDelta)> {
    rows.copied().min_by_key(|(_, age)| *age)
}

/// The configured offset of now, less this much.
fn clock_ahead(configured: Clock, now: NaiveDateTime, less: TimeDelta) -> Clock {
    Clock::ahead(configured.offset_at(now.and_utc()) - less)
}

/// A length in whole half hours, rounded down.
fn half_hours(length: TimeDelta) -> TimeDelta {
    TimeDelta::minutes(length.num_minutes() / 30 * 30)
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

    fn now() -> NaiveDateTime {
        "2024-11-12T10:30:00".parse().expect("a time")
    }

    /// The wall time of a row that was written some minutes ago by a clock `written` hours ahead of UTC.
    fn row(written: i64, minutes: i64) -> NaiveDateTime {
        now() + TimeDelta::hours(written) - TimeDelta::minutes(minutes)
    }

    fn of_rows(configured: i64, times: &[NaiveDateTime]) -> Verdict {
        let seen = Observation { now: now(), times, lag: TimeDelta::zero() };
        verdict(Clock::ahead(TimeDelta::hours(configured)), Some(seen), &mut Progress::default())
    }

    fn of(configured: i64, written: i64, minutes: i64) -> String {
        of_rows(configured, &[row(written, minutes)]).text
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
        assert!(of_rows(0, &[row(9, 3)]).wrong.is_some());
    }

    #[test]
    fn a_row_that_is_new_by_another_offset_casts_doubt() {
        let text = "+09:00 configured, IN DOUBT: the newest row is 9 h 03 min old, and would be 3 min old under +00:00";
        assert_eq!(of(9, 0, 3), text);
        assert!(of_rows(9, &[row(0, 3)]).is_in_doubt);
    }

    #[test]
    fn old_rows_verify_nothing() {
        assert_eq!(of(9, 9, 3_000), "+09:00 configured; the newest row is 50 h 00 min old: too old to verify it");
        let none = verdict(Clock::SEOUL, None, &mut Progress::default());
        assert_eq!(none.text, "+09:00 configured; not verified: no rows");
    }

    /// One order for tomorrow, or one for the year 9999, is no wrong clock.
    #[test]
    fn one_row_in_the_future_among_many_is_no_proof() {
        let mut times: Vec<NaiveDateTime> = (1..=9).map(|minutes| row(9, minutes)).collect();
        times.push(row(9, -600));
        times.push("9999-12-31T00:00:00".parse().expect("a time"));
        assert_eq!(of_rows(9, &times).text, "+09:00 configured; the newest row is 1 min old: it fits");
        times.extend([row(9, -500), row(9, -400)]);
        assert!(of_rows(9, &times).wrong.is_some());
    }

    /// The newest row by time counts, whatever was imported since.
    #[test]
    fn an_import_of_older_rows_does_not_hide_the_newest() {
        let imported = (0..500).map(|minutes| row(9, 500_000 + minutes));
        let times: Vec<NaiveDateTime> = imported.chain([row(9, 3)]).collect();
        assert!(of_rows(0, &times).text.contains("WRONG: the newest row would lie 8 h 57 min"));
        assert!(of_rows(9, &times).text.ends_with("it fits"));
    }

    /// A row a minute, of the clock of Seoul, read by others.
    #[test]
    fn new_rows_of_the_same_age_prove_an_offset_too_large() {
        let checks = |configured: i64, written: i64, lag: i64| {
            let mut progress = Progress::default();
            let verdicts = (0..4).map(|minute| {
                let (now, times) = (now() + TimeDelta::minutes(minute), [row(written, 3 - minute)]);
                let seen = Observation { now, times: &times, lag: TimeDelta::minutes(lag) };
                verdict(Clock::ahead(TimeDelta::hours(configured)), Some(seen), &mut progress)
            });
            verdicts.collect::<Vec<_>>()
        };
        let verdicts = checks(14, 9, 0);
        assert!(verdicts[..2].iter().all(|verdict| verdict.wrong.is_none()), "{verdicts:#?}");
        let text = "+14:00 configured, WRONG: new rows keep coming 5 h 03 min old; +09:00 would fit";
        assert!(verdicts[2..].iter().all(|verdict| verdict.text == text), "{verdicts:#?}");
        // A replica that is as far behind, on purpose.
        assert!(checks(14, 9, 300).iter().all(|verdict| verdict.wrong.is_none()));
        assert!(checks(9, 9, 0).iter().all(|verdict| verdict.text.ends_with("it fits")));
    }

    /// A shop without new rows proves nothing, whatever the age of its newest row.
    #[test]
    fn a_shop_that_sells_nothing_is_no_proof() {
        let mut progress = Progress::default();
        for minute in 0..600 {
            let (now, times) = (now() + TimeDelta::minutes(minute), [row(9, 3)]);
            let seen = Observation { now, times: &times, lag: TimeDelta::zero() };
            assert_eq!(verdict(Clock::SEOUL, Some(seen), &mut progress).wrong, None);
        }
    }
}
