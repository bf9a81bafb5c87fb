//! How the examples read what is typed.

use chrono::{DateTime, Utc};

/// A whole number, perhaps in thousands (`k`) or millions (`M`).
/// # Errors
/// What it must be.
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

/// An instant as RFC 3339 writes it.
/// # Errors
/// What it must be.
pub fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|instant| instant.to_utc())
        .map_err(|_| "must be an instant such as 2024-11-12T10:30:00Z".to_owned())
}
