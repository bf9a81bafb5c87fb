//! The ledger's columns: approved entries by activity; purchases by what they are attributed to, what they sell and what
//! became of them. Rows have an identity: one of the same id replaces what was there.
//! Lives here: rows, partitions, adding. Lives elsewhere: the questions (`sales`), logs (`time_log`).

use std::{collections::BTreeMap, sync::Arc};

use ahash::HashMap;

use super::{
    records::{Entry, Purchase},
    subjects::table,
    time_log::{Pending, Span, TimeLog, record_micros},
};
use crate::{ActivityId, Money, ProductId};

/// An approved entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryRow {
    id: u64,
    pub(super) user: u64,
}

/// A purchase. What it sells and is attributed to is its partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct PurchaseRow {
    id: u64,
    pub(super) user: u64,
    pub(super) price: Money,
    pub(super) quantity: u64,
}

/// What became of a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Outcome {
    Confirmed,
    /// Cancelled or refunded.
    Reversed,
    /// Anything else, such as pending: not counted.
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

/// Purchases that lie together. `activity` first: all of one activity are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shelf {
    /// `None` is the shop.
    pub(super) activity: Option<ActivityId>,
    pub(super) product: Option<ProductId>,
    pub(super) outcome: Outcome,
}

/// All entries and purchases. Cloning is cheap and keeps what was there.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    entries: Arc<BTreeMap<ActivityId, TimeLog<EntryRow>>>,
    purchases: Arc<BTreeMap<Shelf, TimeLog<PurchaseRow>>>,
}

impl Ledger {
    /// The approved entries of some activities.
    pub(super) fn approved<'a>(&'a self, activities: &'a [ActivityId]) -> impl Iterator<Item = &'a TimeLog<EntryRow>> {
        activities.iter().filter_map(|activity| self.entries.get(activity))
    }

    /// The purchases attributed to some activities, whatever they sell.
    pub(super) fn attributed<'a>(
        &'a self,
        activities: &'a [ActivityId],
        outcome: Outcome,
    ) -> impl Iterator<Item = &'a TimeLog<PurchaseRow>> {
        let shelves = activities.iter().flat_map(|&activity| {
            let end = |product, outcome| Shelf { activity: Some(activity), product, outcome };
            self.purchases.range(end(None, Outcome::Confirmed)..=end(Some(ProductId(u64::MAX)), Outcome::Other))
        });
        shelves.filter(move |(shelf, _)| shelf.outcome == outcome).map(|(_, log)| log)
    }

    /// The purchases of some products attributed to no activity.
    pub(super) fn of_shop<'a>(
        &'a self,
        products: &'a [ProductId],
        outcome: Outcome,
    ) -> impl Iterator<Item = &'a TimeLog<PurchaseRow>> {
        let shelf = move |&product: &ProductId| Shelf { activity: None, product: Some(product), outcome };
        products.iter().filter_map(move |product| self.purchases.get(&shelf(product)))
    }

    pub(super) fn shelves(&self) -> impl Iterator<Item = (&Shelf, &TimeLog<PurchaseRow>)> {
        self.purchases.iter()
    }

    /// The time of the oldest purchase of any product, whatever became of it.
    pub(super) fn since(&self) -> Option<i64> {
        self.purchases.values().filter_map(TimeLog::oldest).min()
    }

    /// The time of the newest entry or purchase of a span.
    pub(super) fn newest(&self, span: Span) -> Option<i64> {
        let purchases = self.purchases.values().filter_map(|log| log.newest(span));
        self.entries.values().filter_map(|log| log.newest(span)).chain(purchases).max()
    }

    /// Approved entries and all purchases.
    pub(super) fn rows(&self, span: Span) -> u64 {
        let entries = self.entries.values().map(|log| log.count(span));
        entries.chain(self.purchases.values().map(|log| log.count(span))).map(|rows| rows as u64).sum()
    }

    /// Bytes the columns take, with what holds them, about.
    pub(super) fn bytes(&self) -> usize {
        let logs = self.entries.len() * size_of::<(ActivityId, TimeLog<EntryRow>)>()
            + self.purchases.len() * size_of::<(Shelf, TimeLog<PurchaseRow>)>();
        let entries = self.entries.values().map(TimeLog::bytes);
        logs + entries.chain(self.purchases.values().map(TimeLog::bytes)).sum::<usize>()
    }
}

/// Rows on their way into the ledger: the last of each id.
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

/// Where the row of each id lies; for writers alone.
#[derive(Default)]
pub(super) struct RowIndex {
    /// `None` for an entry that is not approved: the ledger does not hold it.
    entries: HashMap<u64, Option<(ActivityId, i64)>>,
    purchases: HashMap<u64, (Shelf, i64)>,
}

impl RowIndex {
    /// Adds rows to a ledger, each instead of the one that had its id. Returns how many were replaced, in the ledger
    /// or among the rows.
    pub(super) fn add(&mut self, ledger: &mut Ledger, rows: PendingRows) -> u64 {
        let mut replaced = rows.replaced;
        if !rows.entries.is_empty() {
            let mut moves = Moves::default();
            for (id, entry) in rows.entries {
                let place = (entry.status == "APPROVED").then(|| (entry.activity, record_micros(entry.created_at)));
                let before = self.entries.insert(id, place);
                replaced += u64::from(before.is_some());
                moves.add(id, before.flatten(), place, EntryRow { id, user: entry.user });
            }
            moves.make(Arc::make_mut(&mut ledger.entries), |row| row.id);
        }
        if !rows.purchases.is_empty() {
            let mut moves = Moves::default();
            for (id, purchase) in rows.purchases {
                let shelf = Shelf {
                    activity: purchase.activity,
                    product: purchase.product,
                    outcome: Outcome::of(&purchase.status),
                };
                let place = (shelf, record_micros(purchase.at));
                let before = self.purchases.insert(id, place);
                replaced += u64::from(before.is_some());
                let Purchase { user, price, quantity, .. } = purchase;
                moves.add(id, before, Some(place), PurchaseRow { id, user, price, quantity });
            }
            moves.make(Arc::make_mut(&mut ledger.purchases), |row| row.id);
        }
        replaced
    }

    pub(super) fn bytes(&self) -> usize {
        table(self.entries.capacity(), size_of::<(u64, Option<(ActivityId, i64)>)>())
            + table(self.purchases.capacity(), size_of::<(u64, (Shelf, i64))>())
    }
}

/// What a batch takes out of each log and puts in: each log is gone through once.
struct Moves<K, T> {
    out: HashMap<K, HashMap<u64, i64>>,
    into: HashMap<K, Pending<T>>,
}

impl<K, T> Default for Moves<K, T> {
    fn default() -> Self {
        Self { out: HashMap::default(), into: HashMap::default() }
    }
}

impl<K: std::hash::Hash + Ord, T: Copy> Moves<K, T> {
    fn add(&mut self, id: u64, from: Option<(K, i64)>, to: Option<(K, i64)>, row: T) {
        if let Some((key, at)) = from {
            self.out.entry(key).or_default().insert(id, at);
        }
        if let Some((key, at)) = to {
            self.into.entry(key).or_default().push(at, row);
        }
    }

    fn make(self, logs: &mut BTreeMap<K, TimeLog<T>>, id: impl Fn(&T) -> u64) {
        for (key, ids) in self.out {
            if let Some(log) = logs.get_mut(&key) {
                let times: Vec<i64> = ids.values().copied().collect();
                log.remove(&times, |row| ids.contains_key(&id(row)));
            }
        }
        for (key, rows) in self.into {
            logs.entry(key).or_default().append(rows);
        }
    }
}
