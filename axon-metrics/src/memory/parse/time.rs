//! Parses the times of the platform, epoch seconds or milliseconds as a number or ISO 8601 text, into microseconds
//! since 1970.

use chrono::{Duration, NaiveDate, NaiveTime};
use chrono_tz::Tz;

use super::scalar::Scalar;
use crate::{memory::load_report::Fault, vocabulary::calendar};

/// Numbers from this one on are milliseconds. As seconds it is the year 5138, as milliseconds 1973.
const MILLIS_FROM: f64 = 1e11;
/// Microseconds.
const SECOND: i64 = 1_000_000;
/// The first microsecond of the year 10000: times must be before it.
const END: i64 = 253_402_300_800 * SECOND;

/// The time of a value. Text without an offset is the wall clock of `zone`.
pub(in crate::memory) fn time(value: &Scalar<'_>, field: &'static str, zone: Tz) -> Result<i64, Fault> {
    let micros = match value {
        Scalar::Null => return Err(Fault::Missing(field)),
        Scalar::Text(text) if text.is_empty() => return Err(Fault::Missing(field)),
        Scalar::Text(text) => iso(text.as_bytes(), zone).ok_or(Fault::Wrong(field))?,
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

/// Parses `2026-03-05T03:34:56.789Z`, also with an offset instead of `Z` or without one, without seconds, or with a
/// blank instead of `T`. `None` for any other text.
fn iso(text: &[u8], zone: Tz) -> Option<i64> {
    let mut text = Text(text);
    let year = text.digits(4)?;
    text.one_of(b"-")?;
    let month = text.digits(2)?;
    text.one_of(b"-")?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, text.digits(2)?)?;
    text.one_of(b"Tt ")?;
    let hour = text.digits(2).filter(|hour| *hour < 24)?;
    text.one_of(b":")?;
    let minute = text.digits(2).filter(|minute| *minute < 60)?;
    let mut second = 0;
    let mut fraction = 0;
    if text.one_of(b":").is_some() {
        // A leap second counts as the second after it.
        second = text.digits(2).filter(|second| *second <= 60)?;
        if text.one_of(b".,").is_some() {
            fraction = text.micros()?;
        }
    }
    let clock = i64::from(hour * 3600 + minute * 60 + second);
    let local = date.and_time(NaiveTime::MIN) + Duration::microseconds(clock * SECOND + fraction);
    match text.offset()? {
        Some(offset) => Some(local.and_utc().timestamp_micros() - offset * SECOND),
        None => calendar::instant(local, zone).map(|instant| instant.timestamp_micros()),
    }
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
        time(&Scalar::Text(text.into()), "at", Seoul)
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
    fn a_text_that_is_not_a_time_is_wrong() {
        for text in [
            "2026-03-05",
            "2026-02-30T00:00:00Z",
            "2026-03-05T24:00:00Z",
            "2026-03-05T00:00:00 Z",
            "2026-03-05T00:00:00.Z",
            "2026-03-05T00:00:00+9",
            "2026-03-05T00:00:00+09:",
            "2026-03-05T00:00:00Zx",
            "1772681696",
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
        fn no_text_causes_a_panic(text in "[0-9TZtz:+., -]{0,40}") {
            let _ = read(&text);
        }
    }
}
