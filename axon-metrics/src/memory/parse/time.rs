//! Parses the times of the platform, epoch seconds or milliseconds as a number or ISO 8601 text, into microseconds
//! since 1970. Those of records may have every form that Elasticsearch takes by default: `strict_date_optional_time`,
//! and epoch times as text.

use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

use super::scalar::Scalar;
use crate::{memory::load_report::Fault, vocabulary::calendar};

/// Numbers from this one on are milliseconds. As seconds it is the year 5138, as milliseconds 1973.
const MILLIS_FROM: f64 = 1e11;
/// Microseconds.
const SECOND: i64 = 1_000_000;
/// The first microsecond of the year 10000: times must be before it.
const END: i64 = 253_402_300_800 * SECOND;

/// The fewest digits of a text that is an epoch time: seconds since the year 2001. Fewer may be a date of another form.
const EPOCH_DIGITS: usize = 10;

/// Whether a part of a time may be absent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Precision {
    /// Hours and minutes are there.
    Minutes,
    /// All but the year may be absent. What is absent is the first month, day, hour and so on.
    Years,
}

/// The time of a record. Text without an offset is the wall clock of `zone`.
pub(in crate::memory) fn record_time(value: &Scalar<'_>, field: &'static str, zone: Tz) -> Result<i64, Fault> {
    parse(value, field, zone, Precision::Years)
}

/// The time of a document, in which a date alone could mean its beginning or its end, and is wrong. Text without an
/// offset is the wall clock of `zone`.
pub(in crate::memory) fn time(value: &Scalar<'_>, field: &'static str, zone: Tz) -> Result<i64, Fault> {
    parse(value, field, zone, Precision::Minutes)
}

fn parse(value: &Scalar<'_>, field: &'static str, zone: Tz, least: Precision) -> Result<i64, Fault> {
    let micros = match value {
        Scalar::Null => return Err(Fault::Missing(field)),
        Scalar::Text(text) if text.is_empty() => return Err(Fault::Missing(field)),
        Scalar::Text(text) => {
            let time = iso(text.as_bytes(), zone, least);
            time.or_else(|| epoch_text(text).filter(|_| least == Precision::Years)).ok_or(Fault::Wrong(field))?
        }
        // A float has every whole number below 2^53; larger ones are out of range in any case.
        #[expect(clippy::cast_precision_loss, reason = "exact where it matters")]
        Scalar::Whole(number) => epoch(*number as f64),
        Scalar::Float(number) => epoch(*number),
        Scalar::Negative(_) => return Err(Fault::OutOfRange(field)),
        Scalar::Other => return Err(Fault::Wrong(field)),
    };
    if (0..END).contains(&micros) { Ok(micros) } else { Err(Fault::OutOfRange(field)) }
}

fn epoch(number: f64) -> i64 {
    let unit = if number < MILLIS_FROM { 1e6 } else { 1e3 };
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and is then out of range")]
    let micros = (number * unit).round() as i64;
    micros
}

/// Parses the digits of an epoch time, with or without a fraction. `None` for any other text.
fn epoch_text(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() < EPOCH_DIGITS || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    text.parse().ok().map(epoch)
}

/// Parses `2026-03-05T03:34:56.789Z`, also with an offset or a zone (`+09:00`, `Asia/Seoul`) instead of `Z` or without
/// one, without seconds, or with a blank instead of `T`. `None` for any other text.
fn iso(text: &[u8], zone: Tz, least: Precision) -> Option<i64> {
    let may_end = least == Precision::Years;
    let mut text = Text(text);
    let date = text.date(may_end)?;
    let (mut clock, mut fraction) = (0, 0);
    if may_end && text.0.is_empty() {
        return local(date, clock, fraction, zone);
    }
    text.one_of(b"Tt ")?;
    if !may_end || text.0.first().is_some_and(u8::is_ascii_digit) {
        clock = text.digits(2).filter(|hour| *hour < 24)? * 3600;
        if text.one_of(b":").is_some() {
            clock += text.digits(2).filter(|minute| *minute < 60)? * 60;
            if text.one_of(b":").is_some() {
                // A leap second counts as the second after it.
                clock += text.digits(2).filter(|second| *second <= 60)?;
                if text.one_of(b".,").is_some() {
                    fraction = text.micros()?;
                }
            }
        } else if !may_end {
            return None;
        }
    }
    if text.0.first().is_some_and(u8::is_ascii_alphabetic) && text.0.len() > 1 {
        return local(date, clock, fraction, std::str::from_utf8(text.0).ok()?.parse().ok()?);
    }
    match text.offset()? {
        Some(offset) => Some(wall_clock(date, clock, fraction).and_utc().timestamp_micros() - offset * SECOND),
        None => local(date, clock, fraction, zone),
    }
}

/// A wall clock in a zone, in microseconds since 1970. `clock`: seconds of the day. `fraction`: microseconds.
fn local(date: NaiveDate, clock: u32, fraction: i64, zone: Tz) -> Option<i64> {
    calendar::instant(wall_clock(date, clock, fraction), zone).map(|instant| instant.timestamp_micros())
}

fn wall_clock(date: NaiveDate, clock: u32, fraction: i64) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN) + Duration::microseconds(i64::from(clock) * SECOND + fraction)
}

/// A cursor over the rest of a text.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn one_of(&mut self, accepted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first().filter(|(first, _)| accepted.contains(first))?;
        self.0 = rest;
        Some(*first)
    }

    fn digit(&mut self) -> Option<u32> {
        self.one_of(b"0123456789").map(|digit| u32::from(digit - b'0'))
    }

    fn digits(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |number, _| Some(number * 10 + self.digit()?))
    }

    /// `2026-03-05`. `may_end`: the text may end after the year or the month, which then is the first day of it.
    fn date(&mut self, may_end: bool) -> Option<NaiveDate> {
        let year = i32::try_from(self.digits(4)?).ok()?;
        let mut month_and_day = [1, 1];
        for part in &mut month_and_day {
            if may_end && self.0.is_empty() {
                break;
            }
            self.one_of(b"-")?;
            *part = self.digits(2)?;
        }
        let [month, day] = month_and_day;
        NaiveDate::from_ymd_opt(year, month, day)
    }

    /// The microseconds of a fraction of a second with at least one digit. Digits after the sixth are ignored.
    fn micros(&mut self) -> Option<i64> {
        let mut micros = i64::from(self.digit()?) * 100_000;
        let mut unit = 10_000;
        while let Some(digit) = self.digit() {
            micros += i64::from(digit) * unit;
            unit /= 10;
        }
        Some(micros)
    }

    /// The rest of the text as an offset in seconds: `Z`, `+09:00`, `+0900`, `+09`. The inner `None` is a local time,
    /// without an offset; the outer one is an invalid offset.
    fn offset(&mut self) -> Option<Option<i64>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let offset = match self.one_of(b"Zz+-")? {
            b'Z' | b'z' => 0,
            sign => {
                let hours = self.digits(2).filter(|hours| *hours < 24)?;
                let colon = self.one_of(b":").is_some();
                let minutes =
                    if self.0.is_empty() && !colon { 0 } else { self.digits(2).filter(|minutes| *minutes < 60)? };
                let offset = i64::from(hours * 3600 + minutes * 60);
                if sign == b'-' { -offset } else { offset }
            }
        };
        self.0.is_empty().then_some(Some(offset))
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::{America::New_York, Asia::Seoul};
    use proptest::prelude::*;

    use super::*;
    use crate::Timestamp;

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("an instant").timestamp_micros()
    }

    fn read(text: &str) -> Result<i64, Fault> {
        record_time(&Scalar::Text(text.into()), "at", Seoul)
    }

    #[test]
    fn all_formats_of_a_time_give_the_same_time() {
        let expected = Ok(micros("2026-03-05T03:34:56.789Z"));
        for text in [
            "2026-03-05T03:34:56.789Z",
            "2026-03-05T03:34:56.789000000Z",
            "2026-03-05T12:34:56.789+09:00",
            "2026-03-05T12:34:56.789+0900",
            "2026-03-05T12:34:56.789+09",
            "2026-03-04T22:34:56.789-05:00",
            "2026-03-05T12:34:56.789",
            "2026-03-05 12:34:56.789",
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for number in [1.772681696789E9, 1772681696789.0, 1772681696.789] {
            assert_eq!(time(&Scalar::Float(number), "at", Seoul), expected, "{number}");
        }
        assert_eq!(time(&Scalar::Whole(1_772_681_696_789), "at", Seoul), expected);
        assert_eq!(time(&Scalar::Whole(1_772_681_696), "at", Seoul), Ok(micros("2026-03-05T03:34:56Z")));
    }

    #[test]
    fn a_local_time_that_does_not_exist_is_the_first_that_does() {
        let at = |text: &str| time(&Scalar::Text(text.into()), "at", New_York);
        assert_eq!(at("2024-03-10T02:30:59.5"), Ok(micros("2024-03-10T07:00:00Z")));
        assert_eq!(at("2024-11-03T01:30:00"), Ok(micros("2024-11-03T05:30:00Z")));
    }

    #[test]
    fn a_record_may_have_each_time_that_elasticsearch_takes() {
        for (text, expected) in [
            ("2026", "2025-12-31T15:00:00Z"),
            ("2026-03", "2026-02-28T15:00:00Z"),
            ("2026-03-05", "2026-03-04T15:00:00Z"),
            ("2026-03-05T", "2026-03-04T15:00:00Z"),
            ("2026-03-05TZ", "2026-03-05T00:00:00Z"),
            ("2026-03-05T12", "2026-03-05T03:00:00Z"),
            ("2026-03-05T12Z", "2026-03-05T12:00:00Z"),
            ("2026-03-05T12:34", "2026-03-05T03:34:00Z"),
            ("2026-03-05T12:34+09:00", "2026-03-05T03:34:00Z"),
            ("2026-03-05T12:34:56,7", "2026-03-05T03:34:56.7Z"),
            ("2026-03-05T12:34:56.123456789Z", "2026-03-05T12:34:56.123456Z"),
            ("2026-03-05T12:34:56UTC", "2026-03-05T12:34:56Z"),
            ("2026-03-05T12:34:56America/New_York", "2026-03-05T17:34:56Z"),
            ("1772681696", "2026-03-05T03:34:56Z"),
            ("1772681696.789", "2026-03-05T03:34:56.789Z"),
            ("1772681696789", "2026-03-05T03:34:56.789Z"),
            ("1772681696789.5", "2026-03-05T03:34:56.789500Z"),
        ] {
            assert_eq!(read(text), Ok(micros(expected)), "{text}");
        }
    }

    #[test]
    fn a_time_of_a_document_has_hours_and_minutes() {
        let at = |text: &str| time(&Scalar::Text(text.into()), "at", Seoul);
        assert_eq!(at("2026-03-05T12:34"), Ok(micros("2026-03-05T03:34:00Z")));
        for text in ["2026", "2026-03", "2026-03-05", "2026-03-05T", "2026-03-05T12", "1772681696"] {
            assert_eq!(at(text), Err(Fault::Wrong("at")), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_time_is_wrong() {
        for text in [
            "2026-3-5",
            "2026-",
            "2026-03-",
            "2026-13",
            "2026T10:00:00",
            "2026-03T10:00:00",
            "2026-03-05Z",
            "2026-03-05T10:",
            "2026-W10-4",
            "2026-064",
            "20260305",
            "177268169",
            "-1772681696",
            "1772681696.",
            "1.772681696789E9",
            "2026-03-05T10:00:00Mars/Olympus",
            "2026-02-30T00:00:00Z",
            "2026-03-05T24:00:00Z",
            "2026-03-05T00:00:00 Z",
            "2026-03-05T00:00:00.Z",
            "2026-03-05T00:00:00+9",
            "2026-03-05T00:00:00+09:",
            "2026-03-05T00:00:00Zx",
            "12/11/2024 18:00",
            "now",
        ] {
            assert_eq!(read(text), Err(Fault::Wrong("at")), "{text}");
        }
        assert_eq!(read(""), Err(Fault::Missing("at")));
    }

    #[test]
    fn times_are_within_the_years_1970_to_9999() {
        assert_eq!(read("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(read("9999-12-31T23:59:59.999999999Z"), Ok(END - 1));
        for text in ["1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:60Z", "0000-01-01T00:00:00+23:59"] {
            assert_eq!(read(text), Err(Fault::OutOfRange("at")), "{text}");
        }
        for number in [-1.0, f64::MAX, 253_402_300_800_000.0] {
            assert_eq!(time(&Scalar::Float(number), "at", Seoul), Err(Fault::OutOfRange("at")), "{number}");
        }
        assert_eq!(time(&Scalar::Whole(u64::MAX), "at", Seoul), Err(Fault::OutOfRange("at")));
    }

    proptest! {
        #[test]
        fn texts_are_read_as_the_calendar_library_reads_them(micros in 0..END, minutes in -1439_i32..1440) {
            let zone = chrono::FixedOffset::east_opt(minutes * 60).expect("an offset");
            let at = Timestamp::from_timestamp_micros(micros).expect("an instant");
            let text = at.with_timezone(&zone).to_rfc3339();
            prop_assume!(!text.starts_with('+'));
            prop_assert_eq!(read(&text), Ok(micros));
        }

        #[test]
        fn no_text_causes_a_panic(text in "[0-9TZtz:+., UC-]{0,40}") {
            let _ = read(&text);
        }
    }
}
