//! The ledger's columns: approved entries by activity, and purchases by activity, product and outcome. A row replaces
//! the row with the same id.
//! Lives here: rows, partitions, adding. Lives elsewhere: the questions (`sales`), logs (`time_log`).

use std::{collections::BTreeMap, sync::Arc};

use ahash::HashMap;

use super::{
    records::{Entry, Purchase},
    subjects::table_bytes,
    time_log::{Pending, Span, TimeLog, record_micros},
};
use crate::{ActivityId, Money, ProductId};

/// An approved entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryRow {
    id: u64,
    pub(super) user: u64,
}

/// A purchase. Activity, product and outcome are in its partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct PurchaseRow {
    id: u64,
    pub(super) user: u64,
    pub(super) price: Money,
    pub(super) quantity: u64,
}

/// The outcome of a purchase, from its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Outcome {
    Confirmed,
    /// Cancelled or refunded.
    Reversed,
    /// Any other status, such as pending: not counted.
    Other,
}

impl Outcome {
    fn of(status: &str) -> Self {
        match status {
            "CONFIRMED" => Self::Confirmed,
            "CANCELLED" | "REFUNDED" => Self::Reversed,
            _ => Self::Other,
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

/// All entries and purchases. Cloning is cheap, and a clone does not change.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    entries: Arc<BTreeMap<ActivityId, TimeLog<EntryRow>>>,
    purchases: Arc<BTreeMap<Partition, TimeLog<PurchaseRow>>>,
}

impl Ledger {
    /// The approved entries of these activities.
    pub(super) fn approved<'a>(&'a self, activities: &'a [ActivityId]) -> impl Iterator<Item = &'a TimeLog<EntryRow>> {
        activities.iter().filter_map(|activity| self.entries.get(activity))
    }

    /// The purchases attributed to these activities, of all products.
    pub(super) fn attributed<'a>(
        &'a self,
        activities: &'a [ActivityId],
        outcome: Outcome,
    ) -> impl Iterator<Item = &'a TimeLog<PurchaseRow>> {
        let partitions = activities.iter().flat_map(|&activity| {
            let bound = |product, outcome| Partition { activity: Some(activity), product, outcome };
            self.purchases.range(bound(None, Outcome::Confirmed)..=bound(Some(ProductId(u64::MAX)), Outcome::Other))
        });
        partitions.filter(move |(partition, _)| partition.outcome == outcome).map(|(_, log)| log)
    }

    /// The purchases of these products that are attributed to no activity.
    pub(super) fn of_shop<'a>(
        &'a self,
        products: &'a [ProductId],
        outcome: Outcome,
    ) -> impl Iterator<Item = &'a TimeLog<PurchaseRow>> {
        let partition = move |&product: &ProductId| Partition { activity: None, product: Some(product), outcome };
        products.iter().filter_map(move |product| self.purchases.get(&partition(product)))
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = (&Partition, &TimeLog<PurchaseRow>)> {
        self.purchases.iter()
    }

    /// The time of the oldest purchase, of any product and outcome.
    pub(super) fn since(&self) -> Option<i64> {
        self.purchases.values().filter_map(TimeLog::oldest).min()
    }

    /// The time of the newest entry or purchase in a span.
    pub(super) fn newest(&self, span: Span) -> Option<i64> {
        let purchases = self.purchases.values().filter_map(|log| log.newest(span));
        self.entries.values().filter_map(|log| log.newest(span)).chain(purchases).max()
    }

    /// The number of approved entries and of all purchases in a span.
    pub(super) fn rows(&self, span: Span) -> u64 {
        let entries = self.entries.values().map(|log| log.count(span));
        entries.chain(self.purchases.values().map(|log| log.count(span))).map(|rows| rows as u64).sum()
    }

    /// The approximate memory of the columns and their containers, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let logs = self.entries.len() * size_of::<(ActivityId, TimeLog<EntryRow>)>()
            + self.purchases.len() * size_of::<(Partition, TimeLog<PurchaseRow>)>();
        let entries = self.entries.values().map(TimeLog::bytes);
        logs + entries.chain(self.purchases.values().map(TimeLog::bytes)).sum::<usize>()
    }
}

/// Rows of one batch, before they are added to the ledger: only the last of each id.
#[derive(Default)]
pub(super) struct PendingRows {
    entries: HashMap<u64, Entry>,
    purchases: HashMap<u64, Purchase>,
    replaced: u64,
}

impl PendingRows {
    pub(super) fn push_entry(&mut self, entry: Entry) {
        self.replaced += u64::from(self.entries.insert(entry.id, entry).is_some());
    }

    pub(super) fn push_purchase(&mut self, purchase: Purchase) {
        self.replaced += u64::from(self.purchases.insert(purchase.id, purchase).is_some());
    }
}

/// The partition and time of the row of each id; only writers use it.
#[derive(Default)]
pub(super) struct RowIndex {
    /// `None` for an entry that is not approved: it is not stored.
    entries: HashMap<u64, Option<(ActivityId, i64)>>,
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
                let to = (entry.status == "APPROVED").then(|| (entry.activity, record_micros(entry.created_at)));
                let from = self.entries.insert(id, to);
                replaced += u64::from(from.is_some());
                moves.add(id, from.flatten(), to, EntryRow { id, user: entry.user });
            }
            moves.apply(Arc::make_mut(&mut ledger.entries), |row| row.id);
        }
        if !rows.purchases.is_empty() {
            let mut moves = Moves::default();
            for (id, purchase) in rows.purchases {
                let partition = Partition {
                    activity: purchase.activity,
                    product: purchase.product,
                    outcome: Outcome::of(&purchase.status),
                };
                let to = (partition, record_micros(purchase.at));
                let from = self.purchases.insert(id, to);
                replaced += u64::from(from.is_some());
                let Purchase { user, price, quantity, .. } = purchase;
                moves.add(id, from, Some(to), PurchaseRow { id, user, price, quantity });
            }
            moves.apply(Arc::make_mut(&mut ledger.purchases), |row| row.id);
        }
        replaced
    }

    pub(super) fn bytes(&self) -> usize {
        table_bytes(self.entries.capacity(), size_of::<(u64, Option<(ActivityId, i64)>)>())
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
