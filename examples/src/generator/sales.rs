//! Sums of sales per activity and campaign: promotion, shop, other promotions, and the baseline.

use std::collections::{BTreeMap, HashMap};

use chrono::Offset as _;

use super::calendar::{DAY, HOUR, Ranges, Span, instant};
use super::catalog::money;
use super::expected_totals::{Baseline, OtherPromotion, Range, Sales, SalesFigures};
use super::scenario::{FIRST_ACTIVITY, World, product_id};
use super::{Config, Entry, EntryStatus, Purchase, PurchaseStatus};

/// Slots of a week, one hour each.
const SLOTS: usize = 7 * 24;
/// Weeks before the promotion that the baseline is computed from.
const WEEKS: i64 = 4;

#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    orders: u64,
    quantity: u64,
    revenue: u64,
}

impl Sum {
    fn add(&mut self, purchase: &Purchase) {
        self.orders += 1;
        self.quantity += u64::from(purchase.quantity);
        self.revenue += purchase.price * u64::from(purchase.quantity);
    }
}

/// Purchases of one channel in the three current ranges.
#[derive(Debug, Default)]
struct ChannelSums {
    sums: [Sum; 3],
    cancelled: [u64; 3],
    buyers: HashMap<u32, u8>,
    new_buyers: [u64; 3],
}

impl ChannelSums {
    fn add(&mut self, purchase: &Purchase, mask: u8) {
        if purchase.status != PurchaseStatus::Confirmed {
            for (bit, cancelled) in self.cancelled.iter_mut().enumerate() {
                *cancelled += u64::from(mask >> bit & 1);
            }
            return;
        }
        let ranges = self.buyers.entry(purchase.user_id).or_default();
        let new = mask & !*ranges;
        *ranges |= mask;
        for (bit, sum) in self.sums.iter_mut().enumerate() {
            if mask >> bit & 1 == 1 {
                sum.add(purchase);
            }
            self.new_buyers[bit] += u64::from(new >> bit & 1);
        }
    }

    fn sales(&self, range: usize) -> Sales {
        Sales {
            orders: self.sums[range].orders,
            quantity: self.sums[range].quantity,
            revenue: money(self.sums[range].revenue),
            buyers: self.new_buyers[range],
            cancelled: self.cancelled[range],
        }
    }
}

/// One activity or campaign.
#[derive(Debug)]
struct Scope {
    activities: Vec<u32>,
    products: Vec<u32>,
    /// The intersections of the three current ranges with the promotion.
    spans: [Span; 3],
    /// The weeks of the baseline, if the history is long enough.
    weeks: Option<Span>,
    promotion: ChannelSums,
    regular: ChannelSums,
    others: BTreeMap<u32, [u64; 3]>,
    slots: Vec<Sum>,
}

/// The sums over the ledger.
#[derive(Debug)]
pub(super) struct SalesTally {
    ranges: Ranges,
    scopes: Vec<Scope>,
    /// Approved entries per activity and range.
    entries: Vec<[u64; 6]>,
}

impl SalesTally {
    pub(super) fn new(world: &World, config: &Config, ranges: Ranges, start: i64) -> Self {
        let scope = |stages: &[&super::scenario::Stage]| {
            let promotion = Span {
                from: stages.iter().map(|stage| stage.start).min().unwrap_or(0),
                to: stages.iter().map(|stage| stage.end).max().unwrap_or(0),
            };
            let weeks = Span { from: promotion.from - WEEKS * 7 * DAY, to: promotion.from };
            let offset = |at| instant(at).with_timezone(&config.zone).offset().fix();
            // Only without a clock change are local hours equal to hours since the start.
            let steady = (weeks.from..ranges.current[0].to)
                .step_by(usize::try_from(DAY).unwrap_or(1))
                .all(|at| offset(at) == offset(weeks.from));
            let mut products: Vec<u32> = stages.iter().filter_map(|stage| stage.product).map(product_id).collect();
            products.dedup();
            Scope {
                activities: stages.iter().map(|stage| stage.id).collect(),
                products,
                spans: ranges.current.map(|range| range.intersect(promotion)),
                weeks: (weeks.from >= start + DAY && steady).then_some(weeks),
                promotion: ChannelSums::default(),
                regular: ChannelSums::default(),
                others: BTreeMap::new(),
                slots: vec![Sum::default(); SLOTS],
            }
        };
        let mut scopes: Vec<Scope> = world.stages.iter().map(|stage| scope(&[stage])).collect();
        for campaign in 0..world.catalog.campaigns.len() {
            let of_it = |stage: &&super::scenario::Stage| usize::from(stage.campaign) == campaign;
            scopes.push(scope(&world.stages.iter().filter(of_it).collect::<Vec<_>>()));
        }
        Self { ranges, scopes, entries: vec![[0; 6]; world.stages.len()] }
    }

    pub(super) fn entry(&mut self, entry: &Entry) {
        if entry.status == EntryStatus::Approved {
            let mask = self.ranges.mask(entry.created_at);
            let counts = &mut self.entries[(entry.activity_id - FIRST_ACTIVITY) as usize];
            for (bit, count) in counts.iter_mut().enumerate() {
                *count += u64::from(mask >> bit & 1);
            }
        }
    }

    pub(super) fn purchase(&mut self, purchase: &Purchase) {
        for scope in &mut self.scopes {
            scope.purchase(purchase);
        }
    }

    /// Approved entries of an activity, per range.
    pub(super) fn entries(&self, activity: usize) -> [u64; 6] {
        self.entries[activity]
    }

    /// Sales of a scope in a current range.
    pub(super) fn figures(&self, scope: usize, range: usize, world: &World) -> SalesFigures {
        let scope = &self.scopes[scope];
        let span = scope.spans[range];
        let campaign_of = |id: u32| {
            let stage = &world.stages[(id - FIRST_ACTIVITY) as usize];
            super::scenario::FIRST_CAMPAIGN + u32::from(stage.campaign)
        };
        SalesFigures {
            range: (span.from < span.to).then(|| Range { from: instant(span.from), to: instant(span.to) }),
            promotion: scope.promotion.sales(range),
            regular: scope.regular.sales(range),
            other_promotions: scope
                .others
                .iter()
                .filter(|(_, orders)| orders[range] > 0)
                .map(|(&activity_id, orders)| OtherPromotion {
                    campaign_id: campaign_of(activity_id),
                    activity_id,
                    orders: orders[range],
                })
                .collect(),
            baseline: scope.weeks.filter(|_| span.from < span.to).map(|weeks| scope.baseline(weeks, span)),
        }
    }
}

impl Scope {
    fn purchase(&mut self, purchase: &Purchase) {
        let at = purchase.purchase_at;
        let mut mask = 0;
        for (bit, span) in self.spans.iter().enumerate() {
            mask |= u8::from(span.contains(at)) << bit;
        }
        let is_own = purchase.activity_id.is_some_and(|id| self.activities.contains(&id));
        if is_own {
            self.promotion.add(purchase, mask);
        }
        if is_own || !self.products.contains(&purchase.product_id) {
            return;
        }
        let confirmed = purchase.status == PurchaseStatus::Confirmed;
        match purchase.activity_id {
            None => {
                self.regular.add(purchase, mask);
                if let Some(weeks) = self.weeks.filter(|weeks| confirmed && weeks.contains(at)) {
                    self.slots[slot(weeks, at)].add(purchase);
                }
            }
            Some(id) if confirmed => {
                let orders = self.others.entry(id).or_default();
                for (bit, orders) in orders.iter_mut().enumerate() {
                    *orders += u64::from(mask >> bit & 1);
                }
            }
            Some(_) => {}
        }
    }

    /// For each slot, the mean over the weeks times the part of the slot inside the span.
    fn baseline(&self, weeks: Span, span: Span) -> Baseline {
        let (mut orders, mut quantity, mut revenue) = (0u128, 0u128, 0u128);
        let mut at = span.from;
        while at < span.to {
            let next = (at - (at - weeks.from).rem_euclid(HOUR) + HOUR).min(span.to);
            let sum = self.slots[slot(weeks, at)];
            let time = u128::from((next - at).unsigned_abs());
            orders += u128::from(sum.orders) * 100 * time;
            quantity += u128::from(sum.quantity) * 100 * time;
            revenue += u128::from(sum.revenue) * time;
            at = next;
        }
        let mean = |sum: u128| {
            let whole = u128::from((WEEKS * HOUR).unsigned_abs());
            money(u64::try_from((2 * sum + whole) / (2 * whole)).unwrap_or(u64::MAX))
        };
        Baseline { orders: mean(orders), quantity: mean(quantity), revenue: mean(revenue) }
    }
}

fn slot(weeks: Span, at: i64) -> usize {
    let hours = (at - weeks.from).div_euclid(HOUR);
    usize::try_from(hours).unwrap_or(0) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_returns_after_a_week() {
        let weeks = Span { from: 0, to: 4 * 7 * DAY };
        assert_eq!(slot(weeks, 5 * HOUR), slot(weeks, 7 * DAY + 5 * HOUR + 1));
        assert_ne!(slot(weeks, 5 * HOUR), slot(weeks, 6 * HOUR));
    }
}
