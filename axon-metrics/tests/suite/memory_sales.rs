//! Sales in answers of the embedded store: of the promotion, of the shop, and of other promotions.

#![cfg(all(feature = "memory", feature = "testing"))]

use std::time::Duration;

use axon_metrics::{
    ActivityId, CampaignId, Catalog, Fact, LedgerStep, MemoryStore, Missing, Money, ProductId, Reason, Timestamp,
    Window,
    catalog::{Activity, ActivityKind, Campaign},
    facts::{History, OtherSales, SalesFacts, StepCounts},
    memory::{Entry, Purchase},
    source::{Counting, HistoryQuestion, LedgerQuestion, LedgerSource, QueryScope, SalesQuestion},
};

const PRODUCT: ProductId = ProductId(301);

/// The instant this many minutes after 2024-11-12T00:00:00Z.
fn at(minute: i64) -> Timestamp {
    "2024-11-12T00:00:00Z".parse::<Timestamp>().expect("an instant") + chrono::Duration::minutes(minute)
}

fn purchase(id: u64, activity: Option<u64>, product: u64, minute: i64) -> Purchase {
    Purchase {
        id,
        user: id % 2 + 1,
        product: Some(ProductId(product)),
        activity: activity.map(ActivityId),
        price: Money::new(1995, 1),
        quantity: 2,
        status: "CONFIRMED".into(),
        at: at(minute),
    }
}

fn store() -> MemoryStore {
    let activity = |id: u64| Activity::new(id, "", ActivityKind::FirstComeFirstServe).with_product(PRODUCT);
    let campaigns = vec![Campaign::new(1, "", [activity(77), activity(78)]), Campaign::new(2, "", [activity(80)])];
    let store = MemoryStore::new(Catalog::new("KRW", campaigns).expect("a catalog"));
    store.append_purchases([
        // Purchases of the promotion, of any product. The window includes its first instant, and not its end.
        purchase(1, Some(77), 301, 60),
        purchase(2, Some(78), 999, 119),
        purchase(3, Some(77), 301, 59),
        purchase(4, Some(77), 301, 120),
        Purchase { status: "REFUNDED".into(), ..purchase(5, Some(77), 301, 70) },
        // Purchases of the shop.
        purchase(6, None, 301, 60),
        purchase(7, None, 999, 60),
        purchase(8, None, 301, 10),
        purchase(9, None, 301, 49),
        purchase(10, None, 301, 50),
        Purchase { product: None, ..purchase(11, None, 301, 60) },
        // Purchases of other promotions: of a known one, and of one that the catalog does not list.
        purchase(12, Some(80), 301, 60),
        purchase(13, Some(79), 301, 61),
        purchase(14, Some(79), 301, 62),
        purchase(15, Some(79), 999, 62),
        Purchase { status: "CANCELLED".into(), ..purchase(16, Some(80), 301, 60) },
        purchase(17, Some(81), 301, 130),
    ]);
    store.append_entries([(1, 77, 60), (2, 78, 61), (1 + 2, 77, 59)].map(|(id, activity, minute)| Entry {
        id,
        activity: ActivityId(activity),
        user: 5,
        status: "APPROVED".into(),
        created_at: at(minute),
    }));
    store
}

async fn ask(
    products: Vec<ProductId>,
    counting: Counting,
    as_of: Timestamp,
) -> (StepCounts, SalesFacts, Fact<History>) {
    let current = Window { from: at(60), to: at(120) };
    let scope = QueryScope::new(as_of, [77, 78].map(ActivityId), current)
        .with_previous(Window { from: at(0), to: at(60) })
        .with_counting(counting)
        .with_by_activity(true);
    let window = Window { from: at(-10), to: at(60) };
    let history = HistoryQuestion::new(products.clone(), window, Duration::from_secs(3600));
    let question = LedgerQuestion::new(scope, Duration::from_secs(1))
        .with_steps([LedgerStep::ApprovedEntry, LedgerStep::Purchase])
        .with_sales(SalesQuestion::new(products, current))
        .with_history(history);
    let facts = store().ledger(&question).await.expect("an answer");
    (facts.steps, facts.sales.expect("requested facts"), facts.history.expect("requested facts"))
}

#[tokio::test]
async fn purchases_are_the_promotions_the_shops_or_another_promotions() {
    let (_, sales, _) = ask(vec![PRODUCT, PRODUCT], Counting::Events, at(1000)).await;
    let promotion = sales.promotion.expect("measured").value;
    assert_eq!((promotion.orders, promotion.quantity, promotion.buyers, promotion.cancelled), (2, 4, 2, Some(1)));
    assert_eq!(promotion.revenue, Money::from(798));
    let regular = sales.regular.expect("measured").value;
    assert_eq!((regular.orders, regular.buyers, regular.cancelled), (1, 1, Some(0)));
    let other = |activity, orders| OtherSales::new(ActivityId(activity), orders);
    let others = [other(79, 2), other(80, 1).with_campaign(CampaignId(2))];
    assert_eq!(sales.others.expect("measured").value, others);
}

#[tokio::test]
async fn history_has_the_purchases_of_the_shop_per_hour_of_its_window() {
    let (.., history) = ask(vec![PRODUCT], Counting::Events, at(1000)).await;
    let history = history.expect("measured").value;
    assert_eq!(history.since, Some(at(10)));
    let hours: Vec<_> = history.buckets.iter().map(|(hour, sales)| (*hour, sales.orders, sales.revenue)).collect();
    assert_eq!(hours, [(at(-10), 2, Money::from(798)), (at(50), 1, Money::from(399))]);
}

#[tokio::test]
async fn without_products_only_the_promotion_is_measured() {
    let (_, sales, history) = ask(vec![], Counting::Events, at(1000)).await;
    assert_eq!(sales.promotion.expect("measured").value.orders, 2);
    let none = |missing: Missing| matches!(missing, Missing::NotMeasured(Reason::NoProducts));
    assert!(sales.regular.is_err_and(none));
    assert!(sales.others.is_err_and(none));
    assert!(history.is_err_and(none));
}

#[tokio::test]
async fn steps_count_rows_or_users_and_per_activity_always_rows() {
    let counts = |facts: &[axon_metrics::Fact<u64>]| -> Vec<u64> {
        facts.iter().map(|fact| fact.as_ref().expect("measured").value).collect()
    };
    for (counting, current) in [(Counting::Events, [2, 2]), (Counting::Subjects, [1, 2])] {
        let (steps, ..) = ask(vec![], counting, at(1000)).await;
        assert_eq!(counts(&steps.current), current);
        assert_eq!(counts(&steps.previous), [1, 1]);
        let per_activity: Vec<_> = steps.by_activity.iter().map(|(id, facts)| (id.0, counts(facts))).collect();
        assert_eq!(per_activity, [(77, vec![1, 1]), (78, vec![1, 1])]);
    }
}

#[tokio::test]
async fn nothing_at_or_after_the_instant_of_the_answer_is_used() {
    let (steps, sales, _) = ask(vec![PRODUCT], Counting::Events, at(60)).await;
    assert_eq!(steps.current.iter().map(|fact| fact.as_ref().expect("measured").value).sum::<u64>(), 0);
    assert_eq!(sales.promotion.expect("measured").value.orders, 0);
    let (.., history) = ask(vec![PRODUCT], Counting::Events, at(10)).await;
    let history = history.expect("measured").value;
    assert_eq!((history.since, history.buckets.len()), (None, 0));
}
