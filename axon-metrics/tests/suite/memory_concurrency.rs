//! Concurrent readers and writers of the embedded store: readers are never blocked, never see a part of a batch, and
//! never see fewer records than before.

#![cfg(all(feature = "memory", feature = "testing"))]

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axon_metrics::{
    ActivityId, Catalog, EventRule, LedgerStep, MemoryStore, Money, ProductId, Timestamp, Window,
    facts::{Fact, Slots, Stock},
    memory::{Entry, Event, Purchase, Slot, SlotChange},
    source::{
        BehaviorQuestion, BehaviorSource, CatalogSource, Counting, HistoryQuestion, LedgerQuestion, LedgerSource,
        QueryScope, RealtimeQuestion, RealtimeSource, SalesQuestion,
    },
};

const BUDGET: Duration = Duration::from_secs(1);
const ACTIVITY: ActivityId = ActivityId(77);
const PRODUCT: ProductId = ProductId(301);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_731_000_000 + seconds, 0).expect("an instant")
}

fn all() -> Window {
    Window { from: Timestamp::UNIX_EPOCH, to: at(1_000_000) }
}

fn scope(counting: Counting) -> QueryScope {
    QueryScope::new(at(1_000_000), [ACTIVITY], all()).with_counting(counting)
}

fn value(fact: &Fact<u64>) -> u64 {
    fact.as_ref().expect("measured").value
}

fn event(trigger: &str, user: u64, second: i64) -> Event {
    Event {
        trigger: trigger.into(),
        definition: None,
        at: at(second),
        activity: ACTIVITY,
        user: Some(user),
        session: None,
    }
}

async fn events(store: &MemoryStore, counting: Counting) -> [u64; 3] {
    let steps = ["PAGE_VIEW", "CLICK"].map(EventRule::trigger);
    let question = BehaviorQuestion::new(scope(counting), BUDGET).with_steps(steps).with_active(all());
    let facts = store.behavior(&question).await.expect("an answer");
    let [views, clicks] = &facts.steps.current[..] else { panic!("two counts") };
    [value(views), value(clicks), value(facts.active.as_ref().expect("requested facts"))]
}

async fn ledger(store: &MemoryStore) -> LedgerFigures {
    let question = LedgerQuestion::new(scope(Counting::Events), BUDGET)
        .with_steps([LedgerStep::ApprovedEntry, LedgerStep::Purchase])
        .with_sales(SalesQuestion::new([PRODUCT], all()))
        .with_history(HistoryQuestion::new([PRODUCT], all(), Duration::from_secs(3600)));
    let facts = store.ledger(&question).await.expect("an answer");
    let [entries, purchases] = &facts.steps.current[..] else { panic!("two counts") };
    let sales = facts.sales.expect("requested facts");
    let promotion = sales.promotion.expect("measured").value;
    let history = facts.history.expect("requested facts").expect("measured").value;
    LedgerFigures {
        entries: value(entries),
        purchases: value(purchases),
        orders: promotion.orders,
        revenue: promotion.revenue,
        cancelled: promotion.cancelled.expect("a status"),
        shop: sales.regular.expect("measured").value.orders,
        history: history.buckets.iter().map(|(_, hour)| hour.orders).sum(),
    }
}

#[derive(Debug, PartialEq)]
struct LedgerFigures {
    entries: u64,
    purchases: u64,
    orders: u64,
    revenue: Money,
    cancelled: u64,
    shop: u64,
    history: u64,
}

async fn slots(store: &MemoryStore) -> Slots {
    let question = RealtimeQuestion::new(at(1_000_000), BUDGET, [ACTIVITY]);
    store.realtime(&question).await.expect("an answer").slots.remove(0).1
}

fn purchase(id: u64, activity: Option<ActivityId>, status: &str) -> Purchase {
    let (user, product) = (id, Some(PRODUCT));
    let second = i64::try_from(id).expect("small");
    Purchase { id, user, product, activity, price: Money::TEN, quantity: 2, status: status.into(), at: at(second) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn readers_see_only_whole_batches_and_counts_only_grow() {
    const BATCHES: u64 = 2_000;
    let store = MemoryStore::new(Catalog::default());
    let done = Arc::new(AtomicBool::new(false));
    let start = Arc::new(Barrier::new(3));
    let reader = |counting| {
        let (store, done, start) = (store.clone(), Arc::clone(&done), Arc::clone(&start));
        tokio::spawn(async move {
            start.wait();
            let (mut last, mut answers) = ([0; 3], 0_u64);
            loop {
                let last_round = done.load(Ordering::SeqCst);
                let counts = events(&store, counting).await;
                // Every batch has one view and three clicks of one new user.
                let clicks = if counting == Counting::Events { 3 } else { 1 };
                assert_eq!(counts, [counts[0], counts[0] * clicks, counts[0]]);
                assert!(counts[0] >= last[0], "{counts:?} after {last:?}");
                (last, answers) = (counts, answers + 1);
                if last_round {
                    return (last, answers);
                }
            }
        })
    };
    let readers = [reader(Counting::Events), reader(Counting::Subjects)];
    let writer = {
        let (store, done) = (store.clone(), Arc::clone(&done));
        std::thread::spawn(move || {
            start.wait();
            for user in 0..BATCHES {
                // Out of order: every third batch is older than the one before it.
                let second = i64::try_from(if user % 3 == 2 { user - 2 } else { user }).expect("small");
                let click = || event("CLICK", user + 1, second);
                store.append_events([event("PAGE_VIEW", user + 1, second), click(), click(), click()]);
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    for reader in readers {
        let (last, answers) = reader.await.expect("no panic");
        assert_eq!(last[0], BATCHES);
        assert!(answers > 1);
    }
    writer.join().expect("no panic");
    assert_eq!(store.report(at(1000)).events.added, BATCHES * 4);
}

#[tokio::test]
async fn a_writer_does_not_block_readers() {
    let store = MemoryStore::new(Catalog::default());
    store.append_events([event("CLICK", 1, 0)]);
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    // The writer stays in the middle of a batch until it receives a message.
    let writer = {
        let store = store.clone();
        std::thread::spawn(move || {
            store.append_events([0, 1].into_iter().map(|part| {
                if part == 1 {
                    receiver.recv().expect("a message");
                }
                event("CLICK", 2, 0)
            }));
        })
    };
    assert_eq!(events(&store, Counting::Events).await, [0, 1, 1]);
    store.append_events([event("PAGE_VIEW", 1, 0)]);
    assert_eq!(events(&store, Counting::Events).await, [1, 1, 1]);
    sender.send(()).expect("a waiting writer");
    writer.join().expect("no panic");
    assert_eq!(events(&store, Counting::Events).await, [1, 3, 2]);
}

#[tokio::test]
async fn a_row_replaces_the_one_with_the_same_id() {
    let store = MemoryStore::new(Catalog::default());
    let shop = || (100..110).map(|id| purchase(id, None, "CONFIRMED"));
    store.append_purchases((0..10).map(|id| purchase(id, Some(ACTIVITY), "PENDING")).chain(shop()));
    let entry = |id, status: &str| Entry {
        id,
        activity: ACTIVITY,
        user: id,
        status: status.into(),
        created_at: at(i64::try_from(id).expect("small")),
    };
    store.append_entries((0..10).map(|id| entry(id, "PENDING")));
    let expected = |entries, purchases: u64, cancelled, shop| LedgerFigures {
        entries,
        purchases,
        orders: purchases,
        revenue: Money::from(20 * purchases),
        cancelled,
        shop,
        history: shop,
    };
    assert_eq!(ledger(&store).await, expected(0, 0, 0, 10));
    // Within a batch, too, the last row of an id wins.
    store.append_entries([entry(3, "REJECTED"), entry(3, "APPROVED"), entry(4, "APPROVED"), entry(11, "APPROVED")]);
    store.append_purchases((0..10).map(|id| purchase(id, Some(ACTIVITY), "CONFIRMED")));
    assert_eq!(ledger(&store).await, expected(3, 10, 0, 10));
    store.append_entries([entry(4, "REJECTED")]);
    store.append_purchases([
        purchase(2, Some(ACTIVITY), "REFUNDED"),
        purchase(5, Some(ACTIVITY), "CANCELLED"),
        purchase(7, None, "CONFIRMED"),
        Purchase { price: -Money::ONE, quantity: -1, ..purchase(200, Some(ACTIVITY), "CONFIRMED") },
    ]);
    assert_eq!(ledger(&store).await, expected(2, 7, 2, 11));
    let report = store.report(at(0));
    assert_eq!((report.ledger.entries, report.ledger.purchases, report.ledger.replaced), (15, 33, 4 + 10 + 3));
    assert_eq!(report.rejected.total, 1);
}

#[tokio::test]
async fn replacing_all_rows_of_a_large_ledger_in_batches_is_fast() {
    let store = MemoryStore::new(Catalog::default());
    let started = std::time::Instant::now();
    for status in ["PENDING", "CONFIRMED"] {
        for batch in 0..100 {
            store.append_purchases((batch * 1000..(batch + 1) * 1000).map(|id| purchase(id, Some(ACTIVITY), status)));
        }
    }
    assert_eq!(ledger(&store).await.orders, 100_000);
    assert!(started.elapsed() < Duration::from_secs(20), "replacing the rows took {:?}", started.elapsed());
}

#[tokio::test]
async fn a_sum_beyond_the_range_of_money_is_too_large() {
    let store = MemoryStore::new(Catalog::default());
    let expensive = |id| Purchase { price: Money::MAX, quantity: 1, ..purchase(id, Some(ACTIVITY), "CONFIRMED") };
    store.append_purchases([expensive(1), expensive(2), purchase(3, None, "CONFIRMED")]);
    let sales = SalesQuestion::new([PRODUCT], all());
    let question = LedgerQuestion::new(scope(Counting::Events), BUDGET).with_sales(sales);
    let sales = store.ledger(&question).await.expect("an answer").sales.expect("requested facts");
    assert!(matches!(sales.promotion, Err(axon_metrics::Missing::TooLarge)));
    assert_eq!(sales.regular.expect("measured").value.orders, 1);
}

#[tokio::test]
async fn slots_are_derived_until_one_is_taken_and_then_counted() {
    let store = MemoryStore::new(Catalog::default());
    store.append_events([1, 1, 2].map(|user| event("APPROVED", user, 0)));
    store.append_events([Event { user: None, session: Some("s".into()), ..event("APPROVED", 0, 0) }]);
    let figures = |slots: &Slots| {
        let stock = slots.stock.as_ref().expect("measured").value;
        (stock, value(&slots.members), slots.derived)
    };
    assert_eq!(figures(&slots(&store).await), (Stock::Held(2), 2, true));
    let slot = |user, change| Slot { activity: ACTIVITY, user, change };
    let (taken, released) = (SlotChange::Taken, SlotChange::Released);
    store.append_slots([]);
    assert!(slots(&store).await.derived);
    store.append_slots([slot(1, taken), slot(1, taken), slot(2, taken), slot(3, taken), slot(3, released)]);
    assert_eq!(figures(&slots(&store).await), (Stock::Held(2), 2, false));
    store.append_slots([slot(9, released), slot(1, released), slot(2, released)]);
    assert_eq!(figures(&slots(&store).await), (Stock::Held(0), 0, false));
}

#[tokio::test]
async fn a_catalog_can_be_replaced() {
    let store = MemoryStore::new(Catalog::default());
    store.set_catalog(Catalog::new("KRW", vec![]).expect("a catalog"));
    assert_eq!(store.catalog(BUDGET).await.expect("a catalog").currency(), "KRW");
}
