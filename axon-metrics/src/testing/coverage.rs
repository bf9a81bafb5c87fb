//! The suite "coverage": what a source must say of the records that it used, and of those that it could not use. One test per
//! rule; see [`Coverage`].

use super::{
    behavior,
    ledger::{self, campaigns, entry, purchase, shop},
    records::{EventRecord, PurchaseRecord},
    stores::{BehaviorStore, LedgerStore},
    world::{DAY, HOUR, event, measured, measurement, scope, values, window},
};
use crate::{
    Money,
    facts::{Coverage, LeftOutReason, Refunds},
    source::{Counting, Fact, Sales},
};

/// The records that were left out, by reason.
fn left_out<T: std::fmt::Debug>(fact: &Fact<T>) -> Vec<(LeftOutReason, Option<u64>)> {
    measurement(fact).coverage.left_out().iter().map(|one| (one.reason, one.records)).collect()
}

#[track_caller]
fn assert_used<T: std::fmt::Debug>(fact: &Fact<T>, used: u64) {
    assert_eq!(measurement(fact).coverage, Coverage::of(used));
}

/// Used: the number of events in the window, in either counting. Nothing is left out of a store without faults.
pub async fn the_events_used_are_counted_in_either_counting<S: BehaviorStore>() {
    let events = [event("CLICK", -HOUR, 1), event("CLICK", -2 * HOUR, 1), event("CLICK", -2 * DAY, 2)];
    let Some(source) = S::holding(&events).await else { return };
    for counting in [Counting::Events, Counting::Subjects] {
        let question = behavior::steps(scope(&[7], window(-DAY, 0), counting), &["CLICK", "PAGE_VIEW"]);
        let facts = behavior::ask(&source, &question).await;
        assert_used(&facts.steps.current[0], 2);
        assert_used(&facts.steps.current[1], 0);
    }
}

/// A `PURCHASE` from where purchases are not accepted is left out as `not_believed`. Other steps are not concerned.
pub async fn a_purchase_from_elsewhere_is_left_out<S: BehaviorStore>() {
    let forged = EventRecord { forged: true, ..event("PURCHASE", -HOUR, 2) };
    let events = [event("PURCHASE", -HOUR, 1), forged, event("CLICK", -HOUR, 3)];
    let Some(source) = S::holding(&events).await else { return };
    let question = behavior::steps(scope(&[7], window(-DAY, 0), Counting::Events), &["PURCHASE", "CLICK"]);
    let facts = behavior::ask(&source, &question).await;
    assert_eq!(values(&facts.steps.current), [1, 1]);
    assert_eq!(left_out(&facts.steps.current[0]), [(LeftOutReason::NotBelieved, Some(1))]);
    assert_eq!(left_out(&facts.steps.current[1]), []);
}

/// A user of 0, and texts such as `guest` in any case, name nobody: the session counts, if it names somebody. Such an event is
/// an event, and nothing is left out.
pub async fn who_is_nobody_is_no_person_and_the_session_counts<S: BehaviorStore>() {
    let of = |user, session| EventRecord { user, session, ..event("CLICK", -HOUR, 1) };
    let mut events = vec![of(Some(1), Some("a")), of(Some(0), Some("b")), of(Some(0), Some("b")), of(Some(0), None)];
    let nobody =
        ["", " ", "guest", "GUEST", " Guest ", "null", "Undefined", "NONE", "NaN", "unknown", "Anonymous", "(Not Set)"];
    events.extend(nobody.into_iter().flat_map(|session| [of(None, Some(session)), of(Some(0), Some(session))]));
    // Sessions that only look like these.
    events.extend(["guest7", "nobody", "0", "-1"].map(|session| of(None, Some(session))));
    let Some(source) = S::holding(&events).await else { return };
    for (counting, expected) in [(Counting::Events, 32), (Counting::Subjects, 6)] {
        let question = behavior::steps(scope(&[7], window(-DAY, 0), counting), &["CLICK"]);
        let facts = behavior::ask(&source, &question).await;
        assert_eq!(values(&facts.steps.current), [expected], "user 1, session b, and four others");
        assert_used(&facts.steps.current[0], 32);
    }
}

/// Used: the number of rows. Nothing is left out of a store without faults.
pub async fn the_rows_used_are_counted<S: LedgerStore>() {
    let cancelled = PurchaseRecord { status: "CANCELLED", ..purchase(3, -HOUR, 3) };
    let mut purchases = vec![purchase(1, -HOUR, 1), purchase(2, -HOUR, 2), shop(4, -HOUR, 1)];
    purchases.extend(S::HAS_STATUS.then_some(cancelled));
    let Some(source) = S::holding(&campaigns(), &[entry(1, -HOUR, 1)], &purchases).await else { return };
    let sales = ledger::ask(&source, &ledger::sales(&[7], window(-DAY, 0))).await.sales.expect("asked for");
    assert_used(&sales.promotion, if S::HAS_STATUS { 3 } else { 2 });
    assert_used(&sales.regular, 1);
    for counting in [Counting::Events, Counting::Subjects] {
        let facts = ledger::ask(&source, &ledger::steps(scope(&[7], window(-DAY, 0), counting))).await;
        assert_used(&facts.steps.current[0], 1);
        assert_used(&facts.steps.current[1], 2);
    }
}

/// A purchase whose status is not known is left out as `unknown_status`, of its own window and scope.
pub async fn a_purchase_of_unknown_status_is_left_out<S: LedgerStore>() {
    let unknown = |id, seconds| PurchaseRecord { status: "SETTLED", ..purchase(id, seconds, id) };
    let purchases = [purchase(1, -HOUR, 1), unknown(2, -HOUR), unknown(3, -2 * DAY), shop(4, -HOUR, 3)];
    if !S::HAS_STATUS {
        return;
    }
    let Some(source) = S::holding(&campaigns(), &[], &purchases).await else { return };
    let sales = ledger::ask(&source, &ledger::sales(&[7], window(-DAY, 0))).await.sales.expect("asked for");
    assert_eq!(measured(&sales.promotion).orders, 1);
    assert_eq!(left_out(&sales.promotion), [(LeftOutReason::UnknownStatus, Some(1))]);
    assert_eq!(left_out(&sales.regular), []);
    let facts = ledger::ask(&source, &ledger::steps(scope(&[7], window(-DAY, 0), Counting::Events))).await;
    assert_eq!(values(&facts.steps.current), [0, 1]);
    assert_eq!(left_out(&facts.steps.current[1]), [(LeftOutReason::UnknownStatus, Some(1))]);
}

/// A status is read whatever its case.
pub async fn a_status_is_read_whatever_its_case<S: LedgerStore>() {
    let of = |id, status| PurchaseRecord { status, ..purchase(id, -HOUR, id) };
    let purchases = [of(1, "CONFIRMED"), of(2, "confirmed"), of(3, "Cancelled"), of(4, "refunded")];
    if !S::HAS_STATUS {
        return;
    }
    let Some(source) = S::holding(&campaigns(), &[], &purchases).await else { return };
    let sales = ledger::ask(&source, &ledger::sales(&[7], window(-DAY, 0))).await.sales.expect("asked for");
    let total = measured(&sales.promotion);
    assert_eq!((total.orders, total.buyers, total.cancelled), (2, 2, Some(2)));
    assert_eq!(left_out(&sales.promotion), []);
}

/// A row with a negative price gives money back: it is used, and is no order, no buyer and no step.
pub async fn a_refund_is_no_order<S: LedgerStore>() {
    let refund = PurchaseRecord { price: Money::from(-5_000), quantity: 2, ..purchase(2, -HOUR, 2) };
    let Some(source) = S::holding(&campaigns(), &[], &[purchase(1, -HOUR, 1), refund]).await else { return };
    let sales = ledger::ask(&source, &ledger::sales(&[7], window(-DAY, 0))).await.sales.expect("asked for");
    let Sales { orders, quantity, revenue, buyers, refunds, .. } = measured(&sales.promotion);
    assert_eq!((orders, quantity, revenue, buyers), (1, 1, Money::from(12_900), 1));
    assert_eq!(refunds, Refunds::new(1, Money::from(-10_000)));
    assert_used(&sales.promotion, 2);
    for counting in [Counting::Events, Counting::Subjects] {
        let facts = ledger::ask(&source, &ledger::steps(scope(&[7], window(-DAY, 0), counting))).await;
        assert_eq!(values(&facts.steps.current), [0, 1], "{counting:?}");
    }
}

/// Generates a test of every rule for the coverage of events, for a [`BehaviorStore`].
#[macro_export]
macro_rules! behavior_coverage_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(coverage, $store:
            the_events_used_are_counted_in_either_counting
            a_purchase_from_elsewhere_is_left_out
            who_is_nobody_is_no_person_and_the_session_counts
        );
    };
}

/// Generates a test of every rule for the coverage of entries and purchases, for a [`LedgerStore`].
#[macro_export]
macro_rules! ledger_coverage_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(coverage, $store:
            the_rows_used_are_counted
            a_purchase_of_unknown_status_is_left_out
            a_status_is_read_whatever_its_case
            a_refund_is_no_order
        );
    };
}
