//! Ledger lines: entries and purchases.

use chrono_tz::Tz;
use serde::Deserialize;

use super::{decimal::Decimal, fields::fields, scalar::Scalar, time::record_time};
use crate::{
    ActivityId, Money, ProductId,
    memory::{
        load_report::Fault,
        records::{Entry, Purchase},
        time_log::instant,
    },
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
    Entry(Entry),
    Purchase(Purchase),
}

/// The row of a line. Local times are in `zone`.
pub(in crate::memory) fn read(line: &[u8], zone: Tz) -> Result<LedgerLine, Fault> {
    let line: Line<'_> = fields(line)?;
    let kind = line.kind.text("kind")?.ok_or(Fault::Missing("kind"))?;
    let id = line.id.whole("id")?.ok_or(Fault::Missing("id"))?;
    let user = line.user_id.whole("userId")?.ok_or(Fault::Missing("userId"))?;
    let activity = line.activity_id.id("activityId")?.map(ActivityId);
    let status = line.status.text("status")?;
    match kind {
        "entry" => Ok(LedgerLine::Entry(Entry {
            id,
            activity: activity.ok_or(Fault::Missing("activityId"))?,
            user,
            status: status.ok_or(Fault::Missing("status"))?.to_owned(),
            created_at: instant(record_time(&line.created_at, "createdAt", zone)?),
        })),
        "purchase" => Ok(LedgerLine::Purchase(Purchase {
            id,
            user,
            product: line.product_id.id("productId")?.map(ProductId),
            activity,
            price: money(&line.price, "price")?.ok_or(Fault::Missing("price"))?,
            quantity: quantity(&line.quantity)?,
            status: status.unwrap_or("CONFIRMED").to_owned(),
            at: instant(record_time(&line.purchase_at, "purchaseAt", zone)?),
        })),
        _ => Err(Fault::Wrong("kind")),
    }
}

/// An amount of money, not negative; `None` if absent.
pub(in crate::memory) fn money(value: &Decimal<'_>, field: &'static str) -> Result<Option<Money>, Fault> {
    let money = value.money(field)?;
    if money.is_some_and(|money| money < Money::ZERO) { Err(Fault::Wrong(field)) } else { Ok(money) }
}

fn quantity(value: &Decimal<'_>) -> Result<u64, Fault> {
    const FIELD: &str = "quantity";
    let quantity = value.whole(FIELD)?.ok_or(Fault::Missing(FIELD))?;
    u64::try_from(quantity).map_err(|_| Fault::Wrong(FIELD))
}
