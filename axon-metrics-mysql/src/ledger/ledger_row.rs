//! A row of a ledger statement, read strictly, and the part of the statement that it comes from.

use chrono::NaiveDateTime;

use super::expressions::RowClass;
use crate::text_row::{Amount, CellError, TextRow};

/// The `SELECT` of a `UNION ALL` that a row comes from. `Now`: the current window; `Before`: the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatementPart {
    EntriesNow,
    EntriesBefore,
    PurchasesNow,
    PurchasesBefore,
    Promotion,
    Sales,
    History,
    Oldest,
    /// The last row of every reply.
    End,
}

impl StatementPart {
    const ALL: [Self; 9] = [
        Self::EntriesNow,
        Self::EntriesBefore,
        Self::PurchasesNow,
        Self::PurchasesBefore,
        Self::Promotion,
        Self::Sales,
        Self::History,
        Self::Oldest,
        Self::End,
    ];

    /// Its number in the first column of the rows. From 1 on.
    pub(super) fn number(self) -> usize {
        Self::ALL.iter().position(|part| *part == self).unwrap_or_default() + 1
    }

    fn of(number: u64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|number| Self::ALL.get(number.checked_sub(1)?)).copied()
    }
}

/// A row: counts and sums, and the group that they are of. A part that has no such column gives `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LedgerRow {
    pub(super) part: StatementPart,
    /// The class of the rows of the table; `None` for a sum over all classes.
    pub(super) class: Option<RowClass>,
    /// `None` for a total; -1 for no activity.
    pub(super) activity: Option<i64>,
    /// The index of a bucket of history.
    pub(super) slot: Option<u64>,
    pub(super) campaign: Option<i64>,
    /// The number of rows of the table.
    pub(super) records: u64,
    /// Their distinct users.
    pub(super) users: Option<u64>,
    /// The number of rows with a price.
    pub(super) priced: Option<u64>,
    pub(super) quantity: Option<Amount>,
    pub(super) revenue: Option<Amount>,
    pub(super) oldest: Option<NaiveDateTime>,
    /// The number of rows whose time comes twice.
    pub(super) ambiguous: Option<u64>,
}

impl LedgerRow {
    pub(super) fn read(row: &TextRow) -> Result<Self, CellError> {
        let mut cells = row.cells();
        let part = StatementPart::of(cells.count("part")?)
            .ok_or(CellError { column: "part", kind: "part of the question" })?;
        let class = cells
            .maybe_count("class")?
            .map(|number| RowClass::of(number).ok_or(CellError { column: "class", kind: "class of a row" }));
        Ok(Self {
            part,
            class: class.transpose()?,
            activity: cells.whole("activity")?,
            slot: cells.maybe_count("slot")?,
            campaign: cells.whole("campaign")?,
            records: cells.count("records")?,
            users: cells.maybe_count("users")?,
            priced: cells.maybe_count("priced")?,
            quantity: cells.amount("quantity")?,
            revenue: cells.amount("revenue")?,
            oldest: cells.rough_time("oldest")?,
            ambiguous: cells.maybe_count("ambiguous")?,
        })
    }
}
