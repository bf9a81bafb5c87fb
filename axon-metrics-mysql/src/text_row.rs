//! A row of a reply as text cells, read in order and strictly: a cell of another kind is an error that names the
//! column, never 0.
//!
//! The text protocol sends every column as text, so no width, sign or scale of a column type has to be known.

use axon_metrics::Money;
use chrono::NaiveDateTime;
use sqlx::{Row as _, mysql::MySqlRow};

/// A cell that is not of its kind. Its value is left out, since it may be personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("column {column} is not a {kind}")]
pub(crate) struct CellError {
    pub(crate) column: &'static str,
    pub(crate) kind: &'static str,
}

/// A row.
#[derive(Clone, Default)]
pub(crate) struct TextRow(Vec<Option<String>>);

/// Shows only the number of cells, since their values may be personal data.
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

    /// The cells, from the first one on.
    pub(crate) fn cells(&self) -> Cells<'_> {
        Cells(self.0.iter())
    }

    #[cfg(test)]
    pub(crate) fn of(cells: &[&str]) -> Self {
        Self(cells.iter().map(|cell| (*cell != "NULL").then(|| (*cell).to_owned())).collect())
    }
}

/// The remaining cells of a row. Each method reads the next one; `column` and `kind` name it in errors.
#[derive(Debug)]
pub(crate) struct Cells<'a>(std::slice::Iter<'a, Option<String>>);

type CellResult<T> = Result<T, CellError>;

impl<'a> Cells<'a> {
    /// A text, or NULL.
    pub(crate) fn text(&mut self, column: &'static str) -> CellResult<Option<&'a str>> {
        self.0.next().map(Option::as_deref).ok_or(CellError { column, kind: "column of the reply" })
    }

    fn parse_cell<T>(
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
        self.parse_cell(column, "count", |text| text.parse().ok())
    }

    /// A whole number, or NULL.
    pub(crate) fn whole(&mut self, column: &'static str) -> CellResult<Option<i64>> {
        self.parse_cell(column, "whole number", |text| text.parse().ok())
    }

    /// A decimal, or NULL. One that does not fit into [`Money`] is [`Amount::TooLarge`].
    pub(crate) fn amount(&mut self, column: &'static str) -> CellResult<Option<Amount>> {
        self.parse_cell(column, "decimal", Amount::parse)
    }

    /// A date and time, or NULL. The zero date `0000-00-00 00:00:00` is read as NULL.
    pub(crate) fn time(&mut self, column: &'static str) -> CellResult<Option<NaiveDateTime>> {
        let time = self.parse_cell(column, "date and time", |text| match text {
            zero if zero.starts_with("0000-00-00") => Some(None),
            text => NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(Some),
        })?;
        Ok(time.flatten())
    }
}

/// An exact decimal of a server. It can have 65 digits, of which [`Money`] holds 28.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    Exact(Money),
    TooLarge,
}

impl Amount {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let is_decimal = is_plain && !digits.is_empty() && digits.bytes().filter(|byte| *byte == b'.').count() <= 1;
        is_decimal.then(|| Money::from_str_exact(text).map_or(Self::TooLarge, Self::Exact))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_another_kind_is_an_error_and_never_zero() {
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
    fn money_beyond_28_digits_is_too_large_and_not_rounded() {
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
