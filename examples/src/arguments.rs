//! Parsers of the examples' command-line arguments.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// A whole number, optionally in thousands (`k`) or millions (`M`).
/// # Errors
/// The text is invalid; the error describes the expected form.
pub fn number(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => match text.strip_suffix(['m', 'M']) {
            Some(digits) => (digits, 1_000_000),
            None => (text, 1),
        },
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(unit))
        .ok_or_else(|| "must be a whole number such as 20000, 200k or 5M".to_owned())
}

/// An instant in RFC 3339.
/// # Errors
/// The text is invalid; the error describes the expected form.
pub fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|instant| instant.to_utc())
        .map_err(|_| "must be an instant such as 2024-11-12T10:30:00Z".to_owned())
}

/// A time span in whole units: `20ms`, `2s`, `10m`.
/// # Errors
/// The text is invalid; the error describes the expected form.
pub fn time(text: &str) -> Result<Duration, String> {
    // Milliseconds of each unit; the longer name first, since `ms` ends in `s`.
    [("ms", 1), ("s", 1_000), ("m", 60_000)]
        .into_iter()
        .find_map(|(unit, millis)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(millis))
        .map(Duration::from_millis)
        .ok_or_else(|| "must be a time such as 20ms, 2s or 10m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        let times = ["20ms", "2s", "10m"].map(|text| time(text).unwrap());
        assert_eq!(times, [20, 2_000, 600_000].map(Duration::from_millis));
        for text in ["", "2", "ms", "-1s", "1h", "1.5s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
