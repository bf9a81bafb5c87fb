//! A row of any of the statements, read strictly.

use chrono::NaiveDateTime;

use crate::row::{Amount, Row, Unreadable};

/// Which part of a statement a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    EntriesNow,
    EntriesBefore,
    PurchasesNow,
    PurchasesBefore,
    Promotion,
    Sales,
    History,
    Oldest,
}

impl Part {
    const ALL: [Self; 8] = [
        Self::EntriesNow,
        Self::EntriesBefore,
        Self::PurchasesNow,
        Self::PurchasesBefore,
        Self::Promotion,
        Self::Sales,
        Self::History,
        Self::Oldest,
    ];

    /// Its number in the first column.
    pub(super) fn number(self) -> usize {
        Self::ALL.iter().position(|part| *part == self).unwrap_or_default() + 1
    }

    fn of(number: u64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|number| Self::ALL.get(number.checked_sub(1)?)).copied()
    }
}

/// A row: a count or sum, and what it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) part: Part,
    /// `None` for a total; -1 for no activity.
    pub(super) activity: Option<i64>,
    /// The bucket of history.
    pub(super) slot: Option<u64>,
    pub(super) campaign: Option<i64>,
    /// Rows that count.
    pub(super) orders: u64,
    /// Their distinct users, where asked.
    pub(super) users: Option<u64>,
    /// Cancelled and refunded ones.
    pub(super) reversed: Option<u64>,
    /// Those of the rows that count whose price or quantity is negative or missing.
    pub(super) odd: Option<u64>,
    pub(super) quantity: Option<Amount>,
    pub(super) revenue: Option<Amount>,
    pub(super) oldest: Option<NaiveDateTime>,
}

impl Line {
    pub(super) fn read(row: &Row) -> Result<Self, Unreadable> {
        let mut cells = row.cells();
        let part = Part::of(cells.count("part")?).ok_or(Unreadable { column: "part", kind: "part of the question" })?;
        Ok(Self {
            part,
            activity: cells.whole("activity")?,
            slot: cells.maybe_count("slot")?,
            campaign: cells.whole("campaign")?,
            orders: cells.count("orders")?,
            users: cells.maybe_count("users")?,
            reversed: cells.maybe_count("reversed")?,
            odd: cells.maybe_count("odd")?,
            quantity: cells.amount("quantity")?,
            revenue: cells.amount("revenue")?,
            oldest: cells.time("oldest")?,
        })
    }
}
