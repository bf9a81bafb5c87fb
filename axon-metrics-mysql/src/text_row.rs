//! A row of a reply as text cells, read in order and strictly: a cell of another kind is an error that names the
//! column, never 0.
//!
//! The text protocol sends every column as text, so no width, sign or scale of a column type has to be known.

use axon_metrics::{Money, Timestamp};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use sqlx::{Column as _, Row as _, mysql::MySqlRow};

/// A cell that is not of its kind. Its value is left out, since it may be personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("column {column} is not a {kind}")]
pub(crate) struct CellError {
    pub(crate) column: &'static str,
    pub(crate) kind: &'static str,
}

impl CellError {
    /// The kind of a cell that the reply does not have.
    pub(crate) const NO_CELL: &'static str = "column of the reply";
}

/// A row.
#[derive(Clone, Default)]
pub(crate) struct TextRow(Vec<Cell>);

#[derive(Clone)]
enum Cell {
    Null,
    Text(String),
    /// Bytes that are no text. They cost this cell only.
    NoText,
}

/// Shows only the number of cells, since their values may be personal data.
impl std::fmt::Debug for TextRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextRow({} cells)", self.0.len())
    }
}

impl TextRow {
    pub(crate) fn read(row: &MySqlRow) -> Result<Self, sqlx::Error> {
        let cell = |index: usize| -> Result<Cell, sqlx::Error> {
            let bytes = row.try_get_unchecked::<Option<&[u8]>, _>(index)?;
            Ok(bytes.map_or(Cell::Null, |bytes| match std::str::from_utf8(bytes) {
                Ok(text) => Cell::Text(text.to_owned()),
                Err(_) => Cell::NoText,
            }))
        };
        (0..row.len()).map(cell).collect::<Result<_, _>>().map(Self)
    }

    /// The same with two cells for each column: its name and its value. For replies whose columns differ between servers.
    pub(crate) fn read_named(row: &MySqlRow) -> Result<Self, sqlx::Error> {
        let values = Self::read(row)?;
        let names = row.columns().iter().map(|column| Cell::Text(column.name().to_owned()));
        Ok(Self(names.zip(values.0).flat_map(|(name, value)| [name, value]).collect()))
    }

    /// The cells of a row of [`read_named`](Self::read_named), as pairs of name and text.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.chunks_exact(2).filter_map(|pair| Some((pair[0].as_text()?, pair[1].as_text())))
    }

    /// The cells, from the first one on.
    pub(crate) fn cells(&self) -> Cells<'_> {
        Cells(self.0.iter())
    }

    /// A row of these texts, where `NULL` is NULL, and `\0` is no text.
    #[cfg(test)]
    pub(crate) fn of(cells: &[&str]) -> Self {
        let cell = |cell: &&str| match *cell {
            "NULL" => Cell::Null,
            "\0" => Cell::NoText,
            text => Cell::Text(text.to_owned()),
        };
        Self(cells.iter().map(cell).collect())
    }
}

impl Cell {
    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::NoText => None,
        }
    }
}

/// The remaining cells of a row. Each method reads the next one; `column` and `kind` name it in errors.
pub(crate) struct Cells<'a>(std::slice::Iter<'a, Cell>);

type CellResult<T> = Result<T, CellError>;

impl<'a> Cells<'a> {
    /// A text, or NULL.
    pub(crate) fn text(&mut self, column: &'static str) -> CellResult<Option<&'a str>> {
        match self.0.next() {
            None => Err(CellError { column, kind: CellError::NO_CELL }),
            Some(Cell::NoText) => Err(CellError { column, kind: "text" }),
            Some(cell) => Ok(cell.as_text()),
        }
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

    /// A whole number, or NULL. Decimals without a fraction are whole.
    pub(crate) fn whole(&mut self, column: &'static str) -> CellResult<Option<i64>> {
        self.parse_cell(column, "whole number", |text| whole_part(text).parse().ok())
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

    /// A date and time, or NULL. Of a date that is none (`2025-00-15`, `2025-02-31`) the nearest day of the calendar.
    pub(crate) fn rough_time(&mut self, column: &'static str) -> CellResult<Option<NaiveDateTime>> {
        let mut same = Cells(self.0.clone());
        let time = self.time(column);
        if time.is_ok() {
            return time;
        }
        same.parse_cell(column, "date and time", |text| {
            let mut parts = text.get(..10)?.splitn(3, '-');
            let mut number = || parts.next()?.parse::<u32>().ok();
            let (year, month, day) = (i32::try_from(number()?).ok()?, number()?.clamp(1, 12), number()?.clamp(1, 31));
            let date = (1..=day).rev().find_map(|day| NaiveDate::from_ymd_opt(year, month, day))?;
            Some(date.and_time(NaiveTime::MIN))
        })
    }

    /// A time in one of the forms that columns of dates and of texts have, or NULL. The zero date is read as NULL.
    pub(crate) fn moment(&mut self, column: &'static str) -> CellResult<Option<Moment>> {
        let time = self.parse_cell(column, "date", |text| match text.trim() {
            zero if zero.starts_with("0000-00-00") => Some(None),
            text => Moment::parse(text).map(Some),
        })?;
        Ok(time.flatten())
    }
}

/// The digits before a fraction of zeros: `77` of `77.00`. Other texts stay as they are.
pub(crate) fn whole_part(text: &str) -> &str {
    match text.trim().split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
        _ => text.trim(),
    }
}

/// A time as columns hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A wall clock without a zone.
    Wall(NaiveDateTime),
    /// A day without a time.
    Day(NaiveDate),
    Instant(Timestamp),
}

impl Moment {
    fn parse(text: &str) -> Option<Self> {
        let wall = |form| NaiveDateTime::parse_from_str(text, form).ok().map(Self::Wall);
        let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Self::Day);
        let instant = || DateTime::parse_from_rfc3339(text).ok().map(|time| Self::Instant(time.to_utc()));
        wall("%Y-%m-%d %H:%M:%S%.f").or_else(|| wall("%Y-%m-%dT%H:%M:%S%.f")).or_else(day).or_else(instant)
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
    fn bytes_that_are_no_text_cost_their_cell() {
        let row = TextRow::of(&["\0", "7"]);
        let mut cells = row.cells();
        assert_eq!(cells.text("name"), Err(CellError { column: "name", kind: "text" }));
        assert_eq!(cells.count("limit"), Ok(7));
    }

    #[test]
    fn a_whole_number_may_have_a_fraction_of_zeros() {
        let row = TextRow::of(&["100.00", "100.5", "-5", " 7 "]);
        let mut cells = row.cells();
        assert_eq!(cells.whole("limit"), Ok(Some(100)));
        assert!(cells.whole("limit").is_err());
        assert_eq!((cells.whole("limit"), cells.whole("limit")), (Ok(Some(-5)), Ok(Some(7))));
    }

    #[test]
    fn a_date_that_is_none_is_about_then() {
        let row =
            TextRow::of(&["2025-00-15 00:00:00", "2025-02-31", "2025-03-00 10:00:00.000000", "soon", "0000-00-00"]);
        let mut cells = row.cells();
        let mut next = || cells.rough_time("oldest").map(|time| time.map(|time| time.date().to_string()));
        assert_eq!(next(), Ok(Some("2025-01-15".to_owned())));
        assert_eq!(next(), Ok(Some("2025-02-28".to_owned())));
        assert_eq!(next(), Ok(Some("2025-03-01".to_owned())));
        assert!(next().is_err());
        assert_eq!(next(), Ok(None));
    }

    #[test]
    fn dates_of_text_columns_are_read() {
        let row = TextRow::of(&[
            "2024-11-06 09:00:00.5",
            "2024-11-06T09:00:00",
            "2024-11-06",
            "2024-11-06T09:00:00+09:00",
            "0000-00-00",
            "2025-00-15 00:00:00",
            "2025-02-31",
            "soon",
        ]);
        let mut cells = row.cells();
        let mut next = || cells.moment("start");
        assert!(matches!(next(), Ok(Some(Moment::Wall(_)))));
        assert!(matches!(next(), Ok(Some(Moment::Wall(_)))));
        assert!(matches!(next(), Ok(Some(Moment::Day(_)))));
        assert!(matches!(next(), Ok(Some(Moment::Instant(_)))));
        assert_eq!(next(), Ok(None));
        assert!(next().is_err() && next().is_err() && next().is_err());
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
