//! The records of the store that cannot be used, for its health check.
//! Lives here: their number by reason, and what to do about them. Lives elsewhere: which of them an answer lacks
//! (`behavior`, `sales`), where the first of them are (`coverage`).

use super::{
    coverage::{Losses, future},
    ledger::{Outcome, RowUser},
    snapshot::Snapshot,
    time_log::{Span, TimeLog},
};
use crate::{
    Timestamp,
    source::{LeftOutReason, StoreLoss},
};

/// What a purchase counts as if it is an order.
const ORDERS: &[Outcome] = &[Outcome::Confirmed, Outcome::Unpriced];

/// The events that cannot be used.
pub(super) fn events(snapshot: &Snapshot, as_of: Timestamp) -> Vec<StoreLoss> {
    let left_out = &snapshot.left_out;
    let count = |reason| match reason {
        LeftOutReason::NoSubject => left_out.dropped_subjects,
        LeftOutReason::Future => snapshot.events.count(future(as_of)),
        reason => left_out.events.count(reason),
    };
    list("events", &left_out.events, snapshot.event_records, count)
}

/// The entries and the purchases that cannot be used.
pub(super) fn ledger(snapshot: &Snapshot, as_of: Timestamp) -> [Vec<StoreLoss>; 2] {
    let (ledger, left_out) = (&snapshot.ledger, &snapshot.left_out);
    let is_dropped = |user: RowUser| user == RowUser::DROPPED;
    let entries = |reason| match reason {
        LeftOutReason::UnknownStatus => rows(ledger.entries_of_unknown_status(), Span::ALL),
        LeftOutReason::Future => rows(ledger.approved_entries(), future(as_of)),
        LeftOutReason::NoSubject if ledger.has_dropped_users => {
            let rows = ledger.approved_entries().flat_map(|log| log.slices(Span::ALL)).flatten();
            rows.filter(|row| is_dropped(row.user)).count() as u64
        }
        reason => left_out.entries.count(reason),
    };
    let of_outcomes = |outcomes: &'static [Outcome]| {
        ledger.partitions().filter(|(of, _)| outcomes.contains(&of.outcome)).map(|(_, log)| log)
    };
    let purchases = |reason| match reason {
        LeftOutReason::UnknownStatus => rows(of_outcomes(&[Outcome::UnknownStatus]), Span::ALL),
        LeftOutReason::BadAmount => rows(of_outcomes(&[Outcome::BadAmount, Outcome::Unpriced]), Span::ALL),
        LeftOutReason::Future => rows(of_outcomes(ORDERS), future(as_of)),
        LeftOutReason::NoSubject if ledger.has_dropped_users => {
            let rows = of_outcomes(ORDERS).flat_map(|log| log.slices(Span::ALL)).flatten();
            rows.filter(|row| is_dropped(row.user)).count() as u64
        }
        reason => left_out.purchases.count(reason),
    };
    [
        list("entries", &left_out.entries, snapshot.entry_records(), entries),
        list("purchases", &left_out.purchases, snapshot.purchase_records(), purchases),
    ]
}

/// What is wrong with the realtime file, as a sentence; `None` if nothing is.
pub(super) fn slots(snapshot: &Snapshot) -> Option<String> {
    let (values, examples) = &snapshot.left_out.slots;
    (*values > 0).then(|| {
        let examples = examples.join(", ");
        format!("{values} values of the realtime file are invalid ({examples}): correct them, and load the file again.")
    })
}

fn rows<'a, T: Copy + 'a>(logs: impl Iterator<Item = &'a TimeLog<T>>, span: Span) -> u64 {
    logs.map(|log| log.count(span) as u64).sum()
}

fn list(what: &str, losses: &Losses, of: u64, count: impl Fn(LeftOutReason) -> u64) -> Vec<StoreLoss> {
    let counted = LeftOutReason::ALL.map(|reason| (reason, count(reason)));
    let loss = |(reason, records)| {
        let loss = StoreLoss::new(reason, what, records, of);
        loss.with_examples(losses.examples(reason)).with_advice(advice(reason))
    };
    counted.into_iter().filter(|(_, records)| *records > 0).map(loss).collect()
}

/// What to do about records that are left out for a reason.
fn advice(reason: LeftOutReason) -> &'static str {
    match reason {
        LeftOutReason::Unreadable => {
            "Write each record as one JSON object with the documented fields, and load the file again."
        }
        LeftOutReason::NoTime => {
            "Write the time as RFC 3339 or as epoch seconds or milliseconds, and load the file again."
        }
        LeftOutReason::TimeOutOfRange => "Check the unit of the time: it is read as a year before 1970 or after 9999.",
        LeftOutReason::Future => {
            "Check the zone and the clock of whoever writes the times: they are more than 5 minutes after now."
        }
        LeftOutReason::NoActivity => "Write the activity as a whole number from 1 to 9223372036854775807.",
        LeftOutReason::NoSubject => {
            "Write the user as an id and the session as a text, each of 256 bytes at most; in a ledger the user is a whole number."
        }
        LeftOutReason::NotBelieved => {
            "Name the index that these purchases are from as a purchase index, if it holds what the backend writes."
        }
        LeftOutReason::UnknownStatus => {
            "Write the status as APPROVED, PENDING, REJECTED or DUPLICATED for an entry, and as CONFIRMED, CANCELLED or \
             REFUNDED for a purchase, or set the names that are written (entry_status, purchase_status)."
        }
        LeftOutReason::BadAmount => "Write price and quantity as numbers, of which a refund has exactly one negative.",
        LeftOutReason::NoRoom => {
            "Load fewer kinds of events, activities or subjects into one store, or shorter trigger types."
        }
        _ => "Read the log.",
    }
}
