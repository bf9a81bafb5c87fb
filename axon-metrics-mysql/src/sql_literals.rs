//! Times, ids and names of statuses as literals of a statement.
//! Lives here: the only values that enter the text of a statement, each with a type that formats it. Lives elsewhere:
//! the statements (`ledger::statement`, `catalog`), the wall time of an instant (`clock`).
//!
//! Statements use the text protocol. With prepared statements each length of a list of ids would be another statement
//! on every connection, and its first use would cost a second round trip. Only whole numbers, times and names of
//! statuses enter a text. All are formatted here, so nothing needs escaping elsewhere.

use std::fmt;

use chrono::NaiveDateTime;

/// The earliest time of a `DATETIME`.
const FIRST: NaiveDateTime = wall(1000, 1, 1, (0, 0, 0));
/// The latest one.
const LAST: NaiveDateTime = wall(9999, 12, 31, (23, 59, 59));

const fn wall(year: i32, month: u32, day: u32, (hour, minute, second): (u32, u32, u32)) -> NaiveDateTime {
    let date = chrono::NaiveDate::from_ymd_opt(year, month, day).expect("a date of the calendar");
    date.and_hms_opt(hour, minute, second).expect("a time of the day")
}

/// A time in a statement: `TIMESTAMP'2024-11-06 00:00:00.000000'`. The literal is typed, so the server parses it once
/// and not per row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bound(NaiveDateTime);

impl Bound {
    /// A wall time, clamped to the range of a `DATETIME`.
    pub(crate) fn clamped(wall: NaiveDateTime) -> Self {
        Self(wall.clamp(FIRST, LAST))
    }

    #[cfg(test)]
    pub(crate) fn wall(self) -> NaiveDateTime {
        self.0
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TIMESTAMP'{}'", self.0.format("%Y-%m-%d %H:%M:%S%.6f"))
    }
}

/// The condition that a column is one of these ids: `(c IN (1,2) OR c IN (3))`. Without ids it is `FALSE`.
///
/// Workaround: MariaDB turns a long list into a subquery and then reads the whole table
/// (`in_predicate_conversion_threshold`, 1,000 by default; MDEV-12176), so lists are split. Shown by `ledger::plans`.
/// Can go once MariaDB uses the index of a subquery's column.
///
/// Where the column holds text, the ids are texts, too: a comparison of a text with a number uses no index, and takes
/// `77abc` for 77.
#[derive(Debug, Clone)]
pub(crate) struct IdList {
    column: String,
    ids: Vec<u64>,
    as_text: bool,
}

/// The longest list of one `IN`. Below the threshold of MariaDB.
const MAX_IDS_PER_IN: usize = 500;

impl IdList {
    pub(crate) fn new(column: impl Into<String>, ids: impl IntoIterator<Item = u64>) -> Self {
        let mut ids: Vec<u64> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self { column: column.into(), ids, as_text: false }
    }

    /// Sets whether the column holds text. Defaults to numbers.
    pub(crate) fn with_texts(self, as_text: bool) -> Self {
        Self { as_text, ..self }
    }
}

impl fmt::Display for IdList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ids.is_empty() {
            return f.write_str("FALSE");
        }
        for (index, part) in self.ids.chunks(MAX_IDS_PER_IN).enumerate() {
            write!(f, "{}{} IN (", if index == 0 { "(" } else { " OR " }, self.column)?;
            let quote = if self.as_text { "'" } else { "" };
            for (index, id) in part.iter().enumerate() {
                write!(f, "{}{quote}{id}{quote}", if index == 0 { "" } else { "," })?;
            }
            f.write_str(")")?;
        }
        f.write_str(")")
    }
}

/// The name of a status in a statement. Plain names stand as they are, others as their bytes: `_utf8mb4 X'C3A4'`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameLiteral<'a>(pub(crate) &'a str);

impl fmt::Display for NameLiteral<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_- ".contains(&byte);
        if self.0.bytes().all(is_plain) {
            return write!(f, "'{}'", self.0);
        }
        f.write_str("_utf8mb4 X'")?;
        self.0.bytes().try_for_each(|byte| write!(f, "{byte:02X}"))?;
        f.write_str("'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_listed_once_and_in_short_lists() {
        let list = |ids: &[u64]| IdList::new("c", ids.iter().copied()).to_string();
        assert_eq!(list(&[]), "FALSE");
        assert_eq!(list(&[3, 1, 3]), "(c IN (1,3))");
        let many = IdList::new("c", 1..=1_001).to_string();
        assert_eq!(many.matches(" IN (").count(), 3);
        assert!(many.contains("500) OR c IN (501,") && many.ends_with("1001))"), "{many}");
    }

    #[test]
    fn ids_of_a_text_column_are_texts() {
        assert_eq!(IdList::new("c", [7, 77]).with_texts(true).to_string(), "(c IN ('7','77'))");
    }

    #[test]
    fn a_name_cannot_leave_its_literal() {
        let text = |name: &str| NameLiteral(name).to_string();
        assert_eq!(text("NOT PAID-2"), "'NOT PAID-2'");
        assert_eq!(text("A' OR 1=1"), "_utf8mb4 X'4127204F5220313D31'");
        assert_eq!(text("\\"), "_utf8mb4 X'5C'");
        assert_eq!(text("결제"), "_utf8mb4 X'EAB2B0ECA09C'");
    }
}
