//! What the rows of one group of a reply say: how many there are of each class, and their sums. Pure.

use axon_metrics::{
    Missing, Money, Reason,
    facts::{BucketSales, Coverage, LeftOutReason, Refunds, Sales},
};

use super::{expressions::RowClass, ledger_row::LedgerRow};
use crate::text_row::Amount;

/// The classes that sums use.
const USED_IN_SUMS: [RowClass; 3] = [RowClass::Counted, RowClass::Reversed, RowClass::Refund];

/// The rows of a group, such as those of a window or of an activity.
#[derive(Debug)]
pub(super) struct RowGroup<'a>(Vec<&'a LedgerRow>);

impl<'a> RowGroup<'a> {
    pub(super) fn of(rows: &'a [LedgerRow], belongs: impl Fn(&LedgerRow) -> bool) -> Self {
        Self(rows.iter().filter(|row| row.class.is_some() && belongs(row)).collect())
    }

    pub(super) fn rows(&self, class: RowClass) -> impl Iterator<Item = &'a LedgerRow> {
        self.0.iter().copied().filter(move |row| row.class == Some(class))
    }

    /// The row of a class; `None` if the table has no such rows.
    pub(super) fn row(&self, class: RowClass) -> Option<&'a LedgerRow> {
        self.rows(class).next()
    }

    /// The number of rows of the table of a class.
    pub(super) fn records(&self, class: RowClass) -> u64 {
        self.rows(class).fold(0, |sum, row| sum.saturating_add(row.records))
    }

    /// The number of rows of these classes whose time comes twice.
    fn ambiguous(&self, classes: &[RowClass]) -> u64 {
        let rows = classes.iter().flat_map(|class| self.rows(*class));
        rows.fold(0, |sum, row| sum.saturating_add(row.ambiguous.unwrap_or(0)))
    }

    /// The number of counted rows whose time comes twice.
    pub(super) fn ambiguous_in_count(&self) -> u64 {
        self.ambiguous(&[RowClass::Counted])
    }

    /// The same of the rows that sums use.
    pub(super) fn ambiguous_in_sums(&self) -> u64 {
        self.ambiguous(&USED_IN_SUMS)
    }

    /// The coverage of sums: orders, reversed rows and refunds are used. Rows of an unknown status and orders without proper
    /// amounts are left out.
    pub(super) fn coverage(&self) -> Coverage {
        self.coverage_without(0)
    }

    /// The coverage of a count, which uses what it counts alone.
    pub(super) fn coverage_of_count(&self) -> Coverage {
        self.left_out(Coverage::of(self.records(RowClass::Counted)), 0)
    }

    /// The same where an order without a price is left out, too, since the value has no other place for it.
    pub(super) fn coverage_of_amounts(&self) -> Coverage {
        self.coverage_without(self.rows(RowClass::Counted).map(unpriced).sum())
    }

    fn coverage_without(&self, unpriced: u64) -> Coverage {
        let used = USED_IN_SUMS.map(|class| self.records(class));
        let used = used.into_iter().fold(0, u64::saturating_add);
        self.left_out(Coverage::of(used.saturating_sub(unpriced)), unpriced)
    }

    fn left_out(&self, coverage: Coverage, unpriced: u64) -> Coverage {
        coverage
            .left_out_in_window(LeftOutReason::UnknownStatus, self.records(RowClass::Unknown))
            .left_out_in_window(LeftOutReason::BadAmount, self.records(RowClass::BadAmount).saturating_add(unpriced))
    }

    /// The sales of the group, without those cancelled. The group has one row for each class.
    pub(super) fn sales(&self) -> Result<Sales, Missing> {
        let sales = match self.row(RowClass::Counted) {
            None => Sales::default(),
            Some(row) => {
                let buyers = row.users.ok_or(Missing::NotMeasured(Reason::BadValue))?;
                Sales::new(sums(row)?, buyers).with_unpriced(unpriced(row))
            }
        };
        let refunds = match self.row(RowClass::Refund) {
            None => Refunds::default(),
            Some(row) => Refunds::new(row.records, exact(row.revenue)?),
        };
        Ok(sales.with_refunds(refunds))
    }
}

/// The number of rows without a price.
fn unpriced(row: &LedgerRow) -> u64 {
    row.records.saturating_sub(row.priced.unwrap_or(row.records))
}

/// The sums of a row of orders.
pub(super) fn sums(row: &LedgerRow) -> Result<BucketSales, Missing> {
    let quantity = exact(row.quantity)?;
    if !quantity.fract().is_zero() {
        return Err(Missing::NotMeasured(Reason::BadValue));
    }
    let quantity = u64::try_from(quantity).map_err(|_| Missing::TooLarge)?;
    Ok(BucketSales::new(row.records, quantity, exact(row.revenue)?))
}

fn exact(amount: Option<Amount>) -> Result<Money, Missing> {
    match amount {
        None => Ok(Money::ZERO),
        Some(Amount::Exact(money)) => Ok(money),
        Some(Amount::TooLarge) => Err(Missing::TooLarge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text_row::TextRow;

    /// Rows of the promotion: class, records, users, priced, quantity, revenue.
    fn rows(rows: &[&str]) -> Vec<LedgerRow> {
        let row = |row: &&str| {
            let (class, sums) = row.split_once(' ').expect("a class");
            let cells = format!("5 {class} NULL NULL NULL {sums} NULL 1");
            LedgerRow::read(&TextRow::of(&cells.split(' ').collect::<Vec<_>>())).expect("a row")
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn each_class_has_its_place() {
        let rows = rows(&[
            "0 2 2 2 2 20.00",
            "1 5 4 3 7 70.50",
            "2 1 1 1 1 10.00",
            "3 9 9 9 9 90.00",
            "4 2 2 2 -3 -30.50",
            "5 1 1 1 NULL NULL",
        ]);
        let group = RowGroup::of(&rows, |_| true);
        let sales = group.sales().expect("sums");
        assert_eq!((sales.orders, sales.quantity, sales.buyers, sales.unpriced), (5, 7, 4, 2));
        assert_eq!((sales.revenue, sales.refunds), (Money::new(7_050, 2), Refunds::new(2, Money::new(-3_050, 2))));
        let left_out = |coverage: Coverage| {
            let reasons = coverage.left_out().iter().map(|left_out| (left_out.reason, left_out.records));
            (coverage.used(), reasons.collect::<Vec<_>>())
        };
        let (unknown, bad) = (LeftOutReason::UnknownStatus, LeftOutReason::BadAmount);
        assert_eq!(left_out(group.coverage()), (Some(8), vec![(unknown, Some(2)), (bad, Some(1))]));
        assert_eq!(left_out(group.coverage_of_count()), (Some(5), vec![(unknown, Some(2)), (bad, Some(1))]));
        assert_eq!(left_out(group.coverage_of_amounts()), (Some(6), vec![(unknown, Some(2)), (bad, Some(3))]));
        assert_eq!((group.ambiguous_in_count(), group.ambiguous_in_sums()), (1, 3), "one row of each class");
    }

    #[test]
    fn money_that_does_not_fit_is_too_large_and_not_rounded() {
        let largest = "9".repeat(40);
        let orders = rows(&[&format!("1 1 1 1 1 {largest}")]);
        assert!(matches!(RowGroup::of(&orders, |_| true).sales(), Err(Missing::TooLarge)));
        let refunds = rows(&[&format!("4 1 1 1 1 -{largest}")]);
        assert!(matches!(RowGroup::of(&refunds, |_| true).sales(), Err(Missing::TooLarge)));
    }
}
