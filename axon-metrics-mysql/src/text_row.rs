//! A row of a reply as text cells, read one after the other and strictly: what is not of its kind is an error that names
//! the column, never a zero.
//!
//! Replies of text statements are text, whatever the type of a column: no width, sign or scale can be guessed wrong.

use axon_metrics::Money;
use chrono::NaiveDateTime;
use sqlx::{Row as _, mysql::MySqlRow};

/// A cell that is not what was asked for. Says no value: it may be anyone's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{column} is no {kind}")]
pub(crate) struct CellError {
    pub(crate) column: &'static str,
    pub(crate) kind: &'static str,
}

/// A row.
#[derive(Clone, Default)]
pub(crate) struct TextRow(Vec<Option<String>>);

/// Names may be anyone's, so a row shows its width alone.
impl std::fmt::Debug for TextRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextRow({} cells)", self.0.len())
    }
}

impl TextRow {
    pub(crate) fn read(row: &MySqlRow) -> Result<Self, sqlx::Error> {
        (0..row.len())
            .map(|index| row.try_get_unchecked::<Option<String>, _>(index))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Its cells, from the first on.
    pub(crate) fn cells(&self) -> Cells<'_> {
        Cells(self.0.iter())
    }

    #[cfg(test)]
    pub(crate) fn of(cells: &[&str]) -> Self {
        Self(cells.iter().map(|cell| (*cell != "NULL").then(|| (*cell).to_owned())).collect())
    }
}

/// The cells that were not read yet.
#[derive(Debug)]
pub(crate) struct Cells<'a>(std::slice::Iter<'a, Option<String>>);

type CellResult<T> = Result<T, CellError>;

impl<'a> Cells<'a> {
    /// A text, or NULL.
    pub(crate) fn text(&mut self, column: &'static str) -> CellResult<Option<&'a str>> {
        self.0.next().map(Option::as_deref).ok_or(CellError { column, kind: "column of the reply" })
    }

    fn parsed<T>(
        &mut self,
        column: &'static str,
        kind: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> CellResult<Option<T>> {
        let text = self.text(column)?;
        text.map(|text| parse(text).ok_or(CellError { column, kind })).transpose()
    }

    /// A text that must be there.
    pub(crate) fn some_text(&mut self, column: &'static str) -> CellResult<&'a str> {
        self.text(column)?.ok_or(CellError { column, kind: "text" })
    }

    /// A count that must be there.
    pub(crate) fn count(&mut self, column: &'static str) -> CellResult<u64> {
        self.maybe_count(column)?.ok_or(CellError { column, kind: "count" })
    }

    /// A count, or NULL.
    pub(crate) fn maybe_count(&mut self, column: &'static str) -> CellResult<Option<u64>> {
        self.parsed(column, "count", |text| text.parse().ok())
    }

    /// A whole number, or NULL.
    pub(crate) fn whole(&mut self, column: &'static str) -> CellResult<Option<i64>> {
        self.parsed(column, "whole number", |text| text.parse().ok())
    }

    /// A decimal, or NULL. One that is too long for an exact decimal of ours is [`Amount::TooLarge`].
    pub(crate) fn amount(&mut self, column: &'static str) -> CellResult<Option<Amount>> {
        self.parsed(column, "decimal", Amount::parse)
    }

    /// A date and time, or NULL. `0000-00-00 00:00:00`, by which some servers mean none, is `None`.
    pub(crate) fn time(&mut self, column: &'static str) -> CellResult<Option<NaiveDateTime>> {
        let time = self.parsed(column, "date and time", |text| match text {
            zero if zero.starts_with("0000-00-00") => Some(None),
            text => NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(Some),
        })?;
        Ok(time.flatten())
    }
}

/// An exact decimal as a server sums it: up to 65 digits, of which we hold 28.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    Exact(Money),
    TooLarge,
}

impl Amount {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let decimal = plain && !digits.is_empty() && digits.bytes().filter(|byte| *byte == b'.').count() <= 1;
        decimal.then(|| Money::from_str_exact(text).map_or(Self::TooLarge, Self::Exact))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_is_not_of_its_kind_is_named_and_never_zero() {
        let row = TextRow::of(&["NULL", "-1", "1.5", "x", "1e3", "12900.00"]);
        let mut cells = row.cells();
        assert_eq!(cells.count("orders"), Err(CellError { column: "orders", kind: "count" }));
        assert_eq!(cells.count("orders"), Err(CellError { column: "orders", kind: "count" }));
        assert_eq!(cells.whole("slot"), Err(CellError { column: "slot", kind: "whole number" }));
        assert_eq!(cells.time("at"), Err(CellError { column: "at", kind: "date and time" }));
        assert_eq!(cells.amount("revenue"), Err(CellError { column: "revenue", kind: "decimal" }));
        assert_eq!(cells.amount("revenue"), Ok(Some(Amount::Exact(Money::new(1_290_000, 2)))));
        assert!(cells.text("more").is_err());
    }

    #[test]
    fn money_beyond_our_decimals_is_too_large_and_not_rounded() {
        let row = TextRow::of(&["99999999999999999999999999999999.99", "79228162514264337593543950335"]);
        let mut cells = row.cells();
        assert_eq!(cells.amount("revenue"), Ok(Some(Amount::TooLarge)));
        assert_eq!(cells.amount("revenue"), Ok(Some(Amount::Exact(Money::MAX))));
    }

    #[test]
    fn a_zero_date_is_no_date() {
        let row =
            TextRow::of(&["0000-00-00 00:00:00.000000", "2024-11-06 00:00:00", "2024-11-06 00:00:00.000001", "NULL"]);
        let mut cells = row.cells();
        assert_eq!(cells.time("start"), Ok(None));
        assert_eq!(
            cells.time("start").map(|time| time.map(|time| time.to_string())),
            Ok(Some("2024-11-06 00:00:00".into()))
        );
        assert!(cells.time("start").expect("read").is_some());
        assert_eq!(cells.time("start"), Ok(None));
    }
}
