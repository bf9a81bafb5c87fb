//! The ledger's columns: entries by activity, and purchases by activity and product, both by what they count as. A row
//! replaces the row with the same id. Rows whose status or amount is not known are stored, too: they are known to be
//! left out.
//! Lives here: rows, partitions, adding. Lives elsewhere: the questions (`sales`), logs (`time_log`).

use std::{collections::BTreeMap, sync::Arc};

use ahash::HashMap;

use super::{
    records::{Entry, Purchase},
    subjects::table_bytes,
    time_log::{Pending, Span, TimeLog, record_micros},
};
use crate::{
    ActivityId, Money, ProductId,
    source::LeftOutReason,
    vocabulary::{StatusKind, StatusNames},
};

/// Who entered or bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowUser(u64);

impl RowUser {
    /// The row names nobody. It is a row, and no person.
    pub(super) const NOBODY: Self = Self(0);
    /// The row names a user that cannot be stored.
    pub(super) const DROPPED: Self = Self(u64::MAX);

    /// The user of an id. 0 names nobody, and the greatest number cannot be stored.
    pub(super) fn of(id: u64) -> Self {
        Self(id)
    }

    pub(super) fn is_known(self) -> bool {
        self != Self::NOBODY && self != Self::DROPPED
    }
}

/// What price and quantity of a purchase mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Order {
        price: Money,
        quantity: u64,
    },
    /// An order without a price.
    Unpriced {
        quantity: u64,
    },
    /// Exactly one of both is negative. Here both are not.
    Refund {
        price: Money,
        quantity: u64,
    },
    /// Both are negative, or one is missing or no number.
    Unreadable,
}

impl Amount {
    pub(super) fn of(price: Option<Money>, quantity: i64) -> Self {
        let units = quantity.unsigned_abs();
        match price {
            None if quantity < 0 => Self::Unreadable,
            None => Self::Unpriced { quantity: units },
            Some(price) => match (price < Money::ZERO, quantity < 0) {
                (false, false) => Self::Order { price, quantity: units },
                (true, true) => Self::Unreadable,
                _ => Self::Refund { price: price.abs(), quantity: units },
            },
        }
    }
}

/// An entry before it is added.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewEntry {
    pub(super) id: u64,
    pub(super) activity: ActivityId,
    pub(super) user: RowUser,
    pub(super) status: StatusKind,
    /// Microseconds since 1970.
    pub(super) at: i64,
}

impl NewEntry {
    /// An entry, by the names of statuses.
    pub(super) fn of(entry: Entry, names: &StatusNames) -> Self {
        let Entry { id, activity, user, status, created_at } = entry;
        let (user, status) = (RowUser::of(user), names.kind(&status));
        Self { id, activity, user, status, at: record_micros(created_at) }
    }
}

/// A purchase before it is added.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewPurchase {
    pub(super) id: u64,
    pub(super) user: RowUser,
    pub(super) product: Option<ProductId>,
    pub(super) activity: Option<ActivityId>,
    pub(super) amount: Amount,
    pub(super) status: StatusKind,
    /// Microseconds since 1970.
    pub(super) at: i64,
}

impl NewPurchase {
    pub(super) fn outcome(&self) -> Outcome {
        match (self.status, self.amount) {
            (StatusKind::Reversed, _) => Outcome::Reversed,
            (_, Amount::Refund { .. }) => Outcome::Refund,
            (StatusKind::Unknown, _) => Outcome::UnknownStatus,
            (StatusKind::Ignored, _) => Outcome::Ignored,
            (StatusKind::Counted, Amount::Order { .. }) => Outcome::Confirmed,
            (StatusKind::Counted, Amount::Unpriced { .. }) => Outcome::Unpriced,
            (StatusKind::Counted, Amount::Unreadable) => Outcome::BadAmount,
        }
    }

    /// A purchase, by the names of statuses.
    pub(super) fn of(purchase: Purchase, names: &StatusNames) -> Self {
        let Purchase { id, user, product, activity, price, quantity, status, at } = purchase;
        let (user, status) = (RowUser::of(user), names.kind(&status));
        let amount = Amount::of(Some(price), quantity);
        Self { id, user, product, activity, amount, status, at: record_micros(at) }
    }
}

/// An entry. Activity and outcome are in its partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryRow {
    id: u64,
    pub(super) user: RowUser,
}

/// A purchase. Activity, product and outcome are in its partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct PurchaseRow {
    id: u64,
    pub(super) user: RowUser,
    /// Not negative; 0 if unknown.
    pub(super) price: Money,
    pub(super) quantity: u64,
}

/// What an entry counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum EntryOutcome {
    Approved,
    /// Left out: it is not known whether it is approved.
    UnknownStatus,
}

/// The key of a partition of entries.
type EntryPart = (ActivityId, EntryOutcome);

/// What a purchase counts as, from its status and its amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Outcome {
    Confirmed,
    /// Confirmed, without a price.
    Unpriced,
    /// It gives money back, and is no order.
    Refund,
    /// Cancelled or refunded.
    Reversed,
    /// Left out: it is not known whether it is confirmed.
    UnknownStatus,
    /// Left out: it is not known what it amounts to.
    BadAmount,
    /// Its status is known not to count.
    Ignored,
}

impl Outcome {
    /// The first and the last in order.
    const BOUNDS: [Self; 2] = [Self::Confirmed, Self::Ignored];

    /// Why its rows are left out, if they are.
    pub(super) fn left_out(self) -> Option<LeftOutReason> {
        match self {
            Self::UnknownStatus => Some(LeftOutReason::UnknownStatus),
            Self::BadAmount => Some(LeftOutReason::BadAmount),
            _ => None,
        }
    }
}

/// The key of a partition of purchases. `activity` is the first field, so partitions of one activity are adjacent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Partition {
    /// `None` for the shop.
    pub(super) activity: Option<ActivityId>,
    pub(super) product: Option<ProductId>,
    pub(super) outcome: Outcome,
}

/// The log of the purchases of one partition, and what they count as.
pub(super) type PurchaseLog<'a> = (Outcome, &'a TimeLog<PurchaseRow>);

/// All entries and purchases. Cloning is cheap, and a clone does not change.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    entries: Arc<BTreeMap<EntryPart, TimeLog<EntryRow>>>,
    purchases: Arc<BTreeMap<Partition, TimeLog<PurchaseRow>>>,
    /// The entries of any status, each id once.
    pub(super) entry_rows: u64,
    /// The purchases of any outcome, each id once.
    pub(super) purchase_rows: u64,
    /// Whether any row has, or had, a user that cannot be stored.
    pub(super) has_dropped_users: bool,
    /// The time of the newest row that is, or was, in the ledger; `None` if there is none.
    latest: Option<i64>,
}

impl Ledger {
    /// The approved entries of these activities.
    pub(super) fn approved<'a>(&'a self, activities: &'a [ActivityId]) -> impl Iterator<Item = &'a TimeLog<EntryRow>> {
        activities.iter().filter_map(|activity| self.entries.get(&(*activity, EntryOutcome::Approved)))
    }

    /// The entries of these activities whose status is not known.
    pub(super) fn of_unknown_status<'a>(
        &'a self,
        activities: &'a [ActivityId],
    ) -> impl Iterator<Item = &'a TimeLog<EntryRow>> {
        activities.iter().filter_map(|activity| self.entries.get(&(*activity, EntryOutcome::UnknownStatus)))
    }

    /// The purchases attributed to these activities, of all products.
    pub(super) fn attributed<'a>(&'a self, activities: &'a [ActivityId]) -> impl Iterator<Item = PurchaseLog<'a>> {
        let [first, last] = Outcome::BOUNDS;
        let partitions = activities.iter().flat_map(move |&activity| {
            let bound = |product, outcome| Partition { activity: Some(activity), product, outcome };
            self.purchases.range(bound(None, first)..=bound(Some(ProductId(u64::MAX)), last))
        });
        partitions.map(|(partition, log)| (partition.outcome, log))
    }

    /// The purchases of these products that are attributed to no activity.
    pub(super) fn of_shop<'a>(&'a self, products: &'a [ProductId]) -> impl Iterator<Item = PurchaseLog<'a>> {
        let [first, last] = Outcome::BOUNDS;
        let partitions = products.iter().flat_map(move |&product| {
            let bound = |outcome| Partition { activity: None, product: Some(product), outcome };
            self.purchases.range(bound(first)..=bound(last))
        });
        partitions.map(|(partition, log)| (partition.outcome, log))
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = (&Partition, &TimeLog<PurchaseRow>)> {
        self.purchases.iter()
    }

    /// The time of the oldest purchase, of any product and outcome.
    pub(super) fn since(&self) -> Option<i64> {
        self.purchases.values().filter_map(TimeLog::oldest).min()
    }

    /// The entries of all activities whose status is not known.
    pub(super) fn entries_of_unknown_status(&self) -> impl Iterator<Item = &TimeLog<EntryRow>> {
        self.entries.iter().filter(|((_, outcome), _)| *outcome == EntryOutcome::UnknownStatus).map(|(_, log)| log)
    }

    /// The entries of all activities that are approved.
    pub(super) fn approved_entries(&self) -> impl Iterator<Item = &TimeLog<EntryRow>> {
        self.entries.iter().filter(|((_, outcome), _)| *outcome == EntryOutcome::Approved).map(|(_, log)| log)
    }

    /// Whether any row is, or was, at or after this time.
    pub(super) fn reaches(&self, time: i64) -> bool {
        self.latest.is_some_and(|latest| latest >= time)
    }

    /// The time of the newest entry or purchase in a span.
    pub(super) fn newest(&self, span: Span) -> Option<i64> {
        let purchases = self.purchases.values().filter_map(|log| log.newest(span));
        self.entries.values().filter_map(|log| log.newest(span)).chain(purchases).max()
    }

    /// The number of all purchases, and of the entries that are approved or may be, in a span.
    pub(super) fn rows(&self, span: Span) -> u64 {
        let entries = self.entries.values().map(|log| log.count(span));
        entries.chain(self.purchases.values().map(|log| log.count(span))).map(|rows| rows as u64).sum()
    }

    /// The approximate memory of the columns and their containers, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let logs = self.entries.len() * size_of::<(EntryPart, TimeLog<EntryRow>)>()
            + self.purchases.len() * size_of::<(Partition, TimeLog<PurchaseRow>)>();
        let entries = self.entries.values().map(TimeLog::bytes);
        logs + entries.chain(self.purchases.values().map(TimeLog::bytes)).sum::<usize>()
    }
}

/// Rows of one batch, before they are added to the ledger: only the last of each id.
#[derive(Default)]
pub(super) struct PendingRows {
    entries: HashMap<u64, NewEntry>,
    purchases: HashMap<u64, NewPurchase>,
    replaced: u64,
}

impl PendingRows {
    pub(super) fn push_entry(&mut self, entry: NewEntry) {
        self.replaced += u64::from(self.entries.insert(entry.id, entry).is_some());
    }

    pub(super) fn push_purchase(&mut self, purchase: NewPurchase) {
        self.replaced += u64::from(self.purchases.insert(purchase.id, purchase).is_some());
    }
}

/// The partition and time of the row of each id; only writers use it.
#[derive(Default)]
pub(super) struct RowIndex {
    /// `None` for an entry that is known not to be approved: it is not stored.
    entries: HashMap<u64, Option<(EntryPart, i64)>>,
    purchases: HashMap<u64, (Partition, i64)>,
}

impl RowIndex {
    /// Adds rows to a ledger; each replaces the row with the same id. Returns how many rows were replaced, in the
    /// ledger or within the batch.
    pub(super) fn add(&mut self, ledger: &mut Ledger, rows: PendingRows) -> u64 {
        let mut replaced = rows.replaced;
        if !rows.entries.is_empty() {
            let mut moves = Moves::default();
            for (id, entry) in rows.entries {
                let to = match entry.status {
                    StatusKind::Counted => Some(EntryOutcome::Approved),
                    StatusKind::Reversed | StatusKind::Ignored => None,
                    StatusKind::Unknown => Some(EntryOutcome::UnknownStatus),
                };
                let to = to.map(|outcome| ((entry.activity, outcome), entry.at));
                let from = self.entries.insert(id, to);
                replaced += u64::from(from.is_some());
                ledger.has_dropped_users |= entry.user == RowUser::DROPPED;
                ledger.latest = ledger.latest.max(to.map(|(_, at)| at));
                moves.add(id, from.flatten(), to, EntryRow { id, user: entry.user });
            }
            ledger.entry_rows = self.entries.len() as u64;
            moves.apply(Arc::make_mut(&mut ledger.entries), |row| row.id);
        }
        if !rows.purchases.is_empty() {
            let mut moves = Moves::default();
            for (id, purchase) in rows.purchases {
                let outcome = purchase.outcome();
                let NewPurchase { user, product, activity, amount, at, .. } = purchase;
                let to = (Partition { activity, product, outcome }, at);
                let from = self.purchases.insert(id, to);
                replaced += u64::from(from.is_some());
                ledger.has_dropped_users |= user == RowUser::DROPPED;
                ledger.latest = ledger.latest.max(Some(at));
                let (price, quantity) = match amount {
                    Amount::Order { price, quantity } | Amount::Refund { price, quantity } => (price, quantity),
                    Amount::Unpriced { quantity } => (Money::ZERO, quantity),
                    Amount::Unreadable => (Money::ZERO, 0),
                };
                moves.add(id, from, Some(to), PurchaseRow { id, user, price, quantity });
            }
            ledger.purchase_rows = self.purchases.len() as u64;
            moves.apply(Arc::make_mut(&mut ledger.purchases), |row| row.id);
        }
        replaced
    }

    pub(super) fn bytes(&self) -> usize {
        table_bytes(self.entries.capacity(), size_of::<(u64, Option<(EntryPart, i64)>)>())
            + table_bytes(self.purchases.capacity(), size_of::<(u64, (Partition, i64))>())
    }
}

/// The removals and additions of a batch, by log: each log is changed once.
struct Moves<K, T> {
    /// The id and time of each row to remove.
    removals: HashMap<K, HashMap<u64, i64>>,
    additions: HashMap<K, Pending<T>>,
}

impl<K, T> Default for Moves<K, T> {
    fn default() -> Self {
        Self { removals: HashMap::default(), additions: HashMap::default() }
    }
}

impl<K: std::hash::Hash + Ord, T: Copy> Moves<K, T> {
    fn add(&mut self, id: u64, from: Option<(K, i64)>, to: Option<(K, i64)>, row: T) {
        if let Some((key, at)) = from {
            self.removals.entry(key).or_default().insert(id, at);
        }
        if let Some((key, at)) = to {
            self.additions.entry(key).or_default().push(at, row);
        }
    }

    fn apply(self, logs: &mut BTreeMap<K, TimeLog<T>>, id: impl Fn(&T) -> u64) {
        for (key, ids) in self.removals {
            if let Some(log) = logs.get_mut(&key) {
                let times: Vec<i64> = ids.values().copied().collect();
                log.remove(&times, |row| ids.contains_key(&id(row)));
            }
        }
        for (key, rows) in self.additions {
            logs.entry(key).or_default().append(rows);
        }
    }
}
