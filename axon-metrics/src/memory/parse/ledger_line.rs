//! Ledger lines: entries and purchases.

use std::borrow::Cow;

use chrono_tz::Tz;
use serde::Deserialize;

use super::{decimal::Decimal, fields::fields, scalar::Scalar, time::record_time};
use crate::{
    ActivityId, Money, ProductId,
    memory::{
        coverage::{Contents, LostRecord, Owner, reason},
        events::Owners,
        ledger::{Amount, NewEntry, NewPurchase, Outcome, RowUser},
        load_report::Fault,
        record_rules::RecordRules,
    },
    vocabulary::{AnonymousUsers, StatusKind},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    #[serde(borrow, default)]
    kind: Scalar<'a>,
    #[serde(borrow, default)]
    id: Scalar<'a>,
    #[serde(borrow, default)]
    activity_id: Scalar<'a>,
    #[serde(borrow, default)]
    user_id: Scalar<'a>,
    #[serde(borrow, default)]
    product_id: Scalar<'a>,
    #[serde(borrow, default)]
    price: Decimal<'a>,
    #[serde(borrow, default)]
    quantity: Decimal<'a>,
    #[serde(borrow, default)]
    status: Scalar<'a>,
    #[serde(borrow, default)]
    created_at: Scalar<'a>,
    #[serde(borrow, default)]
    purchase_at: Scalar<'a>,
}

/// An entry or a purchase of a line.
pub(in crate::memory) enum LedgerLine {
    Entry(NewEntry),
    Purchase(NewPurchase),
}

/// A line that is no valid row.
pub(in crate::memory) struct InvalidRow {
    pub(in crate::memory) fault: Fault,
    pub(in crate::memory) row: LostRow,
}

/// What can be read of an invalid row.
pub(in crate::memory) enum LostRow {
    /// All but its status or its amount. It is stored, so that it is known to be left out, and can be replaced.
    Stored(LedgerLine),
    Entry(LostRecord),
    Purchase(LostRecord),
    /// It may be either.
    Unknown(LostRecord),
}

impl From<Fault> for Box<InvalidRow> {
    fn from(fault: Fault) -> Self {
        Self::new(InvalidRow { fault, row: LostRow::Unknown(LostRecord::unknown(reason(fault))) })
    }
}

type RowResult = Result<LedgerLine, Box<InvalidRow>>;

/// The row of a line. Local times are in `zone`.
pub(in crate::memory) fn read(line: &[u8], zone: Tz, rules: &RecordRules) -> RowResult {
    let line: Line<'_> = fields(line)?;
    match line.kind.text("kind").and_then(|kind| kind.ok_or(Fault::Missing("kind"))) {
        Ok("entry") => line.entry(zone, rules),
        Ok("purchase") => line.purchase(zone, rules),
        other => {
            let fault = other.err().unwrap_or(Fault::Wrong("kind"));
            let owner = line.activity().ok().flatten().map_or(Owner::Unknown, of_activity);
            let record = LostRecord { owner, ..LostRecord::unknown(reason(fault)) };
            Err(Box::new(InvalidRow { fault, row: LostRow::Unknown(record) }))
        }
    }
}

fn of_activity(activity: ActivityId) -> Owner {
    Owner::Activities(Owners::One(activity))
}

impl Line<'_> {
    fn entry(&self, zone: Tz, rules: &RecordRules) -> RowResult {
        let id = self.id();
        let activity = self.activity().and_then(|activity| activity.ok_or(Fault::Missing("activityId")));
        let status = self.status().and_then(|status| status.ok_or(Fault::Missing("status")));
        let status = status.map(|status| rules.entries.kind(&status));
        let at = record_time(&self.created_at, "createdAt", zone);
        match (id, activity, at) {
            (Ok(id), Ok(activity), Ok(at)) => {
                let (user, stored) = (self.user(&rules.anonymous), status.unwrap_or(StatusKind::Unknown));
                stored_or_invalid(LedgerLine::Entry(NewEntry { id, activity, user, status: stored, at }), status.err())
            }
            (id, activity, at) => {
                let fault = id.err().or(activity.err()).or(at.err()).unwrap_or(Fault::NotAnObject);
                let owner = match (status, activity) {
                    (Ok(StatusKind::Ignored | StatusKind::Reversed), _) => Owner::None,
                    (_, activity) => activity.map_or(Owner::Unknown, of_activity),
                };
                let record = LostRecord { reason: reason(fault), owner, contents: Contents::Unknown, at: at.ok() };
                Err(Box::new(InvalidRow { fault, row: LostRow::Entry(record) }))
            }
        }
    }

    fn purchase(&self, zone: Tz, rules: &RecordRules) -> RowResult {
        let (id, activity) = (self.id(), self.activity());
        let product = self.product_id.id("productId").map(|product| product.map(ProductId));
        let status = self.status();
        let status = status.map(|status| status.map_or(StatusKind::Counted, |status| rules.purchases.kind(&status)));
        let at = record_time(&self.purchase_at, "purchaseAt", zone);
        match (id, activity, product, at) {
            (Ok(id), Ok(activity), Ok(product), Ok(at)) => {
                let amount = self.amount();
                let stored = status.unwrap_or(StatusKind::Unknown);
                let amount_or_unreadable = amount.unwrap_or(Amount::Unreadable);
                let user = self.user(&rules.anonymous);
                let purchase =
                    NewPurchase { id, user, product, activity, amount: amount_or_unreadable, status: stored, at };
                let bad_amount = amount.err().filter(|_| purchase.outcome() == Outcome::BadAmount);
                stored_or_invalid(LedgerLine::Purchase(purchase), status.err().or(bad_amount))
            }
            (id, activity, product, at) => {
                let first = id.err().or(activity.err()).or(product.err()).or(at.err());
                let fault = first.unwrap_or(Fault::NotAnObject);
                let owner = match activity {
                    Ok(activity) => activity.map_or(Owner::Shop, of_activity),
                    Err(_) => Owner::Unknown,
                };
                let contents = product.map_or(Contents::Unknown, Contents::Product);
                let record = LostRecord { reason: reason(fault), owner, contents, at: at.ok() };
                Err(Box::new(InvalidRow { fault, row: LostRow::Purchase(record) }))
            }
        }
    }

    fn id(&self) -> Result<u64, Fault> {
        self.id.whole("id")?.ok_or(Fault::Missing("id"))
    }

    fn activity(&self) -> Result<Option<ActivityId>, Fault> {
        Ok(self.activity_id.id("activityId")?.map(ActivityId))
    }

    /// The name of the status; `None` if absent or empty. Whole numbers have names, too: `"1"`.
    fn status(&self) -> Result<Option<Cow<'_, str>>, Fault> {
        match &self.status {
            Scalar::Whole(number) => Ok(Some(number.to_string().into())),
            Scalar::Negative(number) => Ok(Some(number.to_string().into())),
            status => Ok(status.text("status")?.map(Cow::Borrowed)),
        }
    }

    fn user(&self, anonymous: &AnonymousUsers) -> RowUser {
        match &self.user_id {
            Scalar::Null | Scalar::Negative(_) => RowUser::NOBODY,
            Scalar::Float(number) if *number <= 0.0 => RowUser::NOBODY,
            Scalar::Text(text) if anonymous.has_user(text) => RowUser::NOBODY,
            user => user.whole("userId").ok().flatten().map_or(RowUser::DROPPED, RowUser::of),
        }
    }

    fn amount(&self) -> Result<Amount, Fault> {
        let price = self.price.money("price")?;
        let quantity = self.quantity.whole("quantity")?.ok_or(Fault::Missing("quantity"))?;
        match Amount::of(price, quantity) {
            Amount::Unreadable => Err(Fault::Wrong("price")),
            amount => Ok(amount),
        }
    }
}

fn stored_or_invalid(row: LedgerLine, fault: Option<Fault>) -> RowResult {
    match fault {
        None => Ok(row),
        Some(fault) => Err(Box::new(InvalidRow { fault, row: LostRow::Stored(row) })),
    }
}

/// An amount of money, not negative; `None` if absent or empty.
pub(in crate::memory) fn money(value: &Decimal<'_>, field: &'static str) -> Result<Option<Money>, Fault> {
    let money = value.money(field)?;
    if money.is_some_and(|money| money < Money::ZERO) { Err(Fault::Wrong(field)) } else { Ok(money) }
}
