//! Live visitors of generated campaigns: each second some visit, click, take a slot, return one, and buy.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use axon_examples::generator::{ActivityType, Catalog};
use axon_metrics::{
    ActivityId, MemoryStore, Money, ProductId, Timestamp,
    memory::{Entry, Event, Purchase, Slot, SlotChange},
};
use tokio::time::MissedTickBehavior;

use crate::cli::Clock;

/// The first ids of live users and rows, above the generated ones.
const FIRST_USER: u64 = 900_000_000;
const FIRST_ROW: u64 = 900_000_000_000;
const VISITORS_PER_SECOND: u64 = 6;
/// Seconds between taking a slot and paying for it.
const PAY_DELAY: usize = 8;

/// An activity with live visitors.
struct Live {
    id: ActivityId,
    product: Option<ProductId>,
    price: Money,
    start: Timestamp,
    end: Timestamp,
    /// The remaining slots; `None` without a limit.
    free: Option<u64>,
}

/// Generates visitors for ever.
pub(crate) async fn run(store: MemoryStore, catalog: Catalog, stock: BTreeMap<u32, Option<u64>>, clock: Clock) {
    let mut activities: Vec<Live> = catalog
        .activities()
        .filter(|activity| activity.kind == ActivityType::FirstComeFirstServe)
        .map(|activity| Live {
            id: ActivityId(activity.id.into()),
            product: activity.product_id.map(|id| ProductId(id.into())),
            price: activity.price.parse().unwrap_or_default(),
            start: activity.start_at,
            end: activity.end_at,
            free: activity.limit_count.and(stock.get(&activity.id).copied().flatten()),
        })
        .collect();
    let mut visitors = Visitors { random: fastrand::Rng::with_seed(1), next_user: FIRST_USER, next_row: FIRST_ROW };
    let mut paying: VecDeque<Vec<(usize, u64)>> = VecDeque::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    // After a pause of the machine, the visitors of missed seconds are skipped instead of coming at once.
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let now = clock();
        let open: Vec<usize> =
            (0..activities.len()).filter(|&at| (activities[at].start..activities[at].end).contains(&now)).collect();
        if open.is_empty() {
            continue;
        }
        paying.push_back(visitors.come(&store, &mut activities, &open, now));
        if paying.len() > PAY_DELAY {
            for (at, user) in paying.pop_front().unwrap_or_default() {
                visitors.pay_or_lapse(&store, &mut activities[at], user, now);
            }
        }
    }
}

struct Visitors {
    random: fastrand::Rng,
    next_user: u64,
    next_row: u64,
}

impl Visitors {
    /// Generates the visitors of one second. Returns those who took a slot, with their activity.
    fn come(
        &mut self,
        store: &MemoryStore,
        activities: &mut [Live],
        open: &[usize],
        now: Timestamp,
    ) -> Vec<(usize, u64)> {
        let (mut events, mut slots, mut took) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.random.u64(1..=VISITORS_PER_SECOND) {
            let at = open[self.random.usize(..open.len())];
            let activity = &mut activities[at];
            self.next_user += 1;
            let user = self.next_user;
            events.push(event("PAGE_VIEW", activity, user, now));
            if self.random.u8(..100) < 46 {
                events.push(event("CLICK", activity, user, now));
                if activity.free != Some(0) && self.random.u8(..100) < 22 {
                    activity.free = activity.free.map(|free| free - 1);
                    events.push(event("APPROVED", activity, user, now));
                    slots.push(Slot { activity: activity.id, user, change: SlotChange::Taken });
                    took.push((at, user));
                }
            }
        }
        store.append_events(events);
        store.append_slots(slots);
        took
    }

    /// One in five users lets the reservation lapse, which frees the slot; the others pay.
    fn pay_or_lapse(&mut self, store: &MemoryStore, activity: &mut Live, user: u64, now: Timestamp) {
        if self.random.u8(..5) == 0 {
            activity.free = activity.free.map(|free| free + 1);
            store.append_slots([Slot { activity: activity.id, user, change: SlotChange::Released }]);
            return;
        }
        self.next_row += 1;
        store.append_events([event("PURCHASE", activity, user, now)]);
        store.append_entries([Entry {
            id: self.next_row,
            activity: activity.id,
            user,
            status: "APPROVED".into(),
            created_at: now,
        }]);
        store.append_purchases([Purchase {
            id: self.next_row,
            user,
            product: activity.product,
            activity: Some(activity.id),
            price: activity.price,
            quantity: 1,
            status: "CONFIRMED".into(),
            at: now,
        }]);
    }
}

fn event(trigger: &str, activity: &Live, user: u64, now: Timestamp) -> Event {
    let definition = (trigger == "PAGE_VIEW").then_some(1);
    Event { trigger: trigger.into(), definition, at: now, activity: activity.id, user: Some(user), session: None }
}
