//! The suite of [`LedgerSource`]: one test per sentence of its documentation.

use std::time::{Duration, Instant};

use super::{
    records::{EntryRecord, PurchaseRecord},
    server,
    stores::{AbsentStore, FaultyStore, LedgerStore, LimitedLedgerStore},
    world::{
        self, BUDGET, DAY, HOUR, assert_provenance, assert_valid_name, at, ids, measured, scope, shared, values, window,
    },
};
use crate::{
    ActivityId, CampaignId, Missing, Money, ProductId, Reason,
    source::{BucketSales, Fact, History, LedgerFacts, OtherSales, Sales, SalesFacts},
    source::{Counting, HistoryQuestion, LedgerQuestion, LedgerSource, QueryScope, SalesQuestion, SourceError},
    vocabulary::LedgerStep,
    vocabulary::Window,
    vocabulary::{Activity, ActivityKind, Campaign},
};

const STEPS: [LedgerStep; 2] = [LedgerStep::ApprovedEntry, LedgerStep::Purchase];

fn activity(id: u64) -> Activity {
    Activity {
        id: ActivityId(id),
        name: format!("activity {id}"),
        kind: ActivityKind::FirstComeFirstServe,
        start: Some(at(-DAY)),
        end: Some(at(DAY)),
        limit: Some(100),
        product: Some(ProductId(5)),
    }
}

/// Campaign 1 has the activities 7 and 8, campaign 2 has 9.
pub(super) fn campaigns() -> Vec<Campaign> {
    let campaign = |id, activities: Vec<Activity>| Campaign {
        id: CampaignId(id),
        name: format!("campaign {id}"),
        start: Some(at(-DAY)),
        end: Some(at(DAY)),
        budget: None,
        activities,
    };
    vec![campaign(1, vec![activity(7), activity(8)]), campaign(2, vec![activity(9)])]
}

/// An approved entry of activity 7.
pub(super) fn entry(id: u64, seconds: i64, user: u64) -> EntryRecord {
    EntryRecord { id, activity: ActivityId(7), user, status: "APPROVED", created_at: at(seconds) }
}

/// A confirmed purchase of one unit of product 5 for 12,900, attributed to activity 7.
pub(super) fn purchase(id: u64, seconds: i64, user: u64) -> PurchaseRecord {
    PurchaseRecord {
        id,
        user,
        product: ProductId(5),
        activity: Some(ActivityId(7)),
        price: Money::from(12_900),
        quantity: 1,
        status: "CONFIRMED",
        at: at(seconds),
    }
}

/// The same purchase in the shop.
pub(super) fn shop(id: u64, seconds: i64, user: u64) -> PurchaseRecord {
    PurchaseRecord { activity: None, ..purchase(id, seconds, user) }
}

pub(super) fn steps(scope: QueryScope) -> LedgerQuestion {
    LedgerQuestion { scope: shared(scope), budget: BUDGET, steps: STEPS.to_vec(), sales: None, history: None }
}

pub(super) fn sales(activities: &[u64], window: Window) -> LedgerQuestion {
    let sales = SalesQuestion { products: vec![ProductId(5), ProductId(6)], window };
    let scope = shared(scope(activities, window, Counting::Events));
    LedgerQuestion { scope, budget: BUDGET, steps: Vec::new(), sales: Some(sales), history: None }
}

/// A question for only the history of products 5 and 6.
fn history(window: Window, bucket: u64) -> LedgerQuestion {
    let products = vec![ProductId(5), ProductId(6)];
    let history = HistoryQuestion { products, window, bucket: Duration::from_secs(bucket) };
    let scope = shared(scope(&[], Window { from: at(0), to: at(0) }, Counting::Events));
    LedgerQuestion { scope, budget: BUDGET, steps: Vec::new(), sales: None, history: Some(history) }
}

pub(super) async fn ask(source: &impl LedgerSource, question: &LedgerQuestion) -> LedgerFacts {
    source.ledger(question).await.expect("an answer")
}

async fn ask_sales<S: LedgerStore>(purchases: &[PurchaseRecord], question: &LedgerQuestion) -> Option<SalesFacts> {
    let source = S::holding(&campaigns(), &[], purchases).await?;
    Some(ask(&source, question).await.sales.expect("asked for"))
}

async fn ask_history(source: &impl LedgerSource, question: &LedgerQuestion) -> Fact<History> {
    ask(source, question).await.history.expect("asked for")
}

/// The name of the source is lower case, without blanks.
pub async fn the_name_is_lower_case_without_blanks<S: LedgerStore>() {
    let Some(source) = S::holding(&[], &[], &[]).await else { return };
    assert_valid_name(source.name());
}

/// Unit: rows, or distinct users.
pub async fn rows_are_counted_or_distinct_users<S: LedgerStore>() {
    let of = |mut entry: EntryRecord, activity| {
        entry.activity = ActivityId(activity);
        entry
    };
    let entries = [entry(1, -HOUR, 1), of(entry(2, -HOUR, 1), 8), entry(3, -HOUR, 2), of(entry(4, -HOUR, 3), 9)];
    let other =
        |purchase: PurchaseRecord, activity| PurchaseRecord { activity: Some(ActivityId(activity)), ..purchase };
    let purchases = [purchase(1, -HOUR, 1), other(purchase(2, -HOUR, 1), 8), other(purchase(3, -HOUR, 2), 9)];
    let Some(source) = S::holding(&campaigns(), &entries, &purchases).await else { return };
    for (counting, expected) in [(Counting::Events, [3, 2]), (Counting::Subjects, [2, 1])] {
        let question = steps(scope(&[7, 8], window(-DAY, 0), counting));
        assert_eq!(values(&ask(&source, &question).await.steps.current), expected, "{counting:?}");
    }
}

/// One count per step and window, in the order of the question. Counts per activity are rows, whatever the counting.
pub async fn one_count_per_step_window_and_activity<S: LedgerStore>() {
    let entries = [entry(1, -HOUR, 1), entry(2, -2 * HOUR, 2), entry(3, -3 * DAY, 3)];
    let other = PurchaseRecord { activity: Some(ActivityId(8)), ..purchase(2, -HOUR, 1) };
    let purchases = [purchase(1, -HOUR, 1), other, purchase(3, -3 * DAY, 3), purchase(4, -3 * DAY, 4)];
    let scope = QueryScope {
        previous: Some(window(-4 * DAY, -2 * DAY)),
        by_activity: true,
        funnel_activities: ids(&[8, 7]),
        ..scope(&[7, 8, 9], window(-DAY, 0), Counting::Subjects)
    };
    let Some(source) = S::holding(&campaigns(), &entries, &purchases).await else { return };
    let facts = ask(&source, &LedgerQuestion { steps: vec![STEPS[1], STEPS[0]], ..steps(scope) }).await;
    assert_eq!(values(&facts.steps.current), [1, 2]);
    assert_eq!(values(&facts.steps.previous), [2, 1]);
    let per_activity: Vec<_> = facts.steps.by_activity.iter().map(|(id, counts)| (id.0, values(counts))).collect();
    assert_eq!(per_activity, [(8, vec![1, 0]), (7, vec![1, 2])]);
    assert!(facts.sales.is_none() && facts.history.is_none());
}

/// Step counts, sales and history are each given only if asked for. History can be asked for alone. Asked together they
/// are the same.
pub async fn history_is_told_alone_or_with_the_rest<S: LedgerStore>() {
    let purchases = [purchase(1, -HOUR, 1), shop(2, -HOUR, 2), shop(3, -3 * DAY, 3)];
    let Some(source) = S::holding(&campaigns(), &[entry(1, -HOUR, 1)], &purchases).await else { return };
    let alone = history(window(-4 * DAY, -2 * DAY), 3_600);
    let facts = ask(&source, &alone).await;
    assert!(facts.steps.all().next().is_none() && facts.sales.is_none(), "{facts:?}");
    let history = measured(&facts.history.expect("asked for"));
    assert_eq!((history.buckets.len(), history.since), (1, Some(at(-3 * DAY))));
    let all = LedgerQuestion { steps: STEPS.to_vec(), history: alone.history, ..sales(&[7], window(-DAY, 0)) };
    let facts = ask(&source, &all).await;
    assert_eq!(values(&facts.steps.current), [1, 1]);
    let sales = facts.sales.expect("asked for");
    assert_eq!((measured(&sales.promotion).orders, measured(&sales.regular).orders), (1, 1));
    assert_eq!(measured(&facts.history.expect("asked for")), history);
    let without = ask(&source, &LedgerQuestion { history: None, ..all }).await;
    assert!(without.history.is_none());
}

/// Money is exact to the last digit: unit price times quantity.
pub async fn money_is_exact<S: LedgerStore>() {
    let price = |text: &str| text.parse::<Money>().expect("money");
    let purchases = [
        PurchaseRecord { price: price("99999999.99"), quantity: 2_147_483, ..purchase(1, -HOUR, 1) },
        PurchaseRecord { price: price("0.01"), quantity: 3, ..purchase(2, -HOUR, 2) },
        PurchaseRecord { price: price("0.10"), ..purchase(3, -HOUR, 3) },
    ];
    let Some(sales) = ask_sales::<S>(&purchases, &sales(&[7], window(-DAY, 0))).await else { return };
    let total = measured(&sales.promotion);
    let expected = Sales {
        orders: 3,
        quantity: 2_147_487,
        revenue: price("214748299978525.30"),
        buyers: 3,
        cancelled: S::HAS_STATUS.then_some(0),
        ..Sales::default()
    };
    assert_eq!(total, expected);
}

/// Window: `[from, to)`; entries by their time of creation, purchases by their time of purchase.
pub async fn a_window_holds_its_first_instant_and_not_its_last<S: LedgerStore>() {
    let (from, to) = (-2 * DAY, -DAY);
    let times = [from - 1, from, to - 1, to];
    let entries: Vec<_> = times.iter().zip(1..).map(|(at, id)| entry(id, *at, id)).collect();
    let regular = times.iter().zip(11..).map(|(at, id)| shop(id, *at, id));
    let purchases: Vec<_> = times.iter().zip(1..).map(|(at, id)| purchase(id, *at, id)).chain(regular).collect();
    let Some(source) = S::holding(&campaigns(), &entries, &purchases).await else { return };
    let question = steps(scope(&[7], window(from, to), Counting::Events));
    assert_eq!(values(&ask(&source, &question).await.steps.current), [2, 2]);
    let sales = ask(&source, &sales(&[7], window(from, to))).await.sales.expect("asked for");
    assert_eq!((measured(&sales.promotion).orders, measured(&sales.regular).orders), (2, 2));
}

/// Bounds between two seconds are exact.
pub async fn bounds_within_a_second_count_as_they_are<S: LedgerStore>() {
    let milli = |millis: i64| at(-HOUR) + chrono::Duration::milliseconds(millis);
    let purchases: Vec<_> = [0, 250, 500, 750]
        .iter()
        .zip(1..)
        .map(|(ms, id)| PurchaseRecord { at: milli(*ms), ..purchase(id, 0, id) })
        .collect();
    let window = Window { from: milli(250), to: milli(750) };
    let Some(sales) = ask_sales::<S>(&purchases, &sales(&[7], window)).await else { return };
    assert_eq!(measured(&sales.promotion).orders, 2);
}

/// Status: approved entries; confirmed purchases.
pub async fn approved_entries_and_confirmed_purchases_count<S: LedgerStore>() {
    let entries = ["PENDING", "REJECTED", "DUPLICATED", "APPROVED"];
    let entries: Vec<_> =
        entries.iter().zip(1..).map(|(status, id)| EntryRecord { status, ..entry(id, -HOUR, id) }).collect();
    let statuses: &[&'static str] =
        if S::HAS_STATUS { &["CONFIRMED", "CANCELLED", "REFUNDED", "PENDING"] } else { &["CONFIRMED"] };
    let rows = |first: u64, row: fn(u64, i64, u64) -> PurchaseRecord| {
        let rows =
            statuses.iter().zip(first..).map(move |(status, id)| PurchaseRecord { status, ..row(id, -HOUR, id) });
        rows.collect::<Vec<_>>()
    };
    let purchases = [rows(1, purchase), rows(11, shop)].concat();
    let Some(source) = S::holding(&campaigns(), &entries, &purchases).await else { return };
    let question = steps(scope(&[7], window(-DAY, 0), Counting::Events));
    assert_eq!(values(&ask(&source, &question).await.steps.current), [1, 1]);
    let sales = ask(&source, &sales(&[7], window(-DAY, 0))).await.sales.expect("asked for");
    for fact in [&sales.promotion, &sales.regular] {
        let sum = measured(fact);
        assert_eq!((sum.orders, sum.quantity, sum.buyers, sum.revenue), (1, 1, 1, Money::from(12_900)));
        assert_eq!(
            sum.cancelled,
            S::HAS_STATUS.then_some(2),
            "cancelled and refunded purchases are counted separately, if known"
        );
    }
}

/// Promotion: purchases attributed to the scope's activities, of any product.
pub async fn the_promotion_is_what_the_activities_sold<S: LedgerStore>() {
    let other = PurchaseRecord { product: ProductId(99), quantity: 4, ..purchase(2, -HOUR, 2) };
    let elsewhere = PurchaseRecord { activity: Some(ActivityId(9)), ..purchase(3, -HOUR, 3) };
    let again = PurchaseRecord { activity: Some(ActivityId(8)), ..purchase(4, -HOUR, 1) };
    let purchases = [purchase(1, -HOUR, 1), other, elsewhere, again, shop(5, -HOUR, 5)];
    let Some(sales) = ask_sales::<S>(&purchases, &sales(&[7, 8], window(-DAY, 0))).await else { return };
    let total = measured(&sales.promotion);
    assert_eq!((total.orders, total.quantity, total.buyers), (3, 6, 2));
    assert_eq!(total.revenue, Money::from(12_900 * 6));
}

/// Regular: purchases of the question's products attributed to no activity.
pub async fn regular_is_what_the_shop_sold_of_the_products<S: LedgerStore>() {
    let sixth = PurchaseRecord { product: ProductId(6), quantity: 2, ..shop(2, -HOUR, 1) };
    let foreign = PurchaseRecord { product: ProductId(99), ..shop(3, -HOUR, 3) };
    let purchases = [shop(1, -HOUR, 1), sixth, foreign, purchase(4, -HOUR, 4), shop(5, -2 * DAY, 5)];
    let Some(sales) = ask_sales::<S>(&purchases, &sales(&[7], window(-DAY, 0))).await else { return };
    let total = measured(&sales.regular);
    assert_eq!((total.orders, total.quantity, total.buyers), (2, 3, 1));
    assert_eq!(total.revenue, Money::from(12_900 * 3));
}

/// Others: purchases of those products attributed to other activities, with the campaign if the store knows it.
pub async fn others_are_purchases_of_the_products_by_other_activities<S: LedgerStore>() {
    let of = |id, activity| PurchaseRecord { activity: Some(ActivityId(activity)), ..purchase(id, -HOUR, id) };
    let foreign = PurchaseRecord { product: ProductId(99), ..of(6, 10) };
    let earlier = PurchaseRecord { at: at(-2 * DAY), ..of(7, 9) };
    let purchases = [of(1, 7), of(2, 9), of(3, 9), of(4, 8), of(5, 77), foreign, earlier];
    let Some(sales) = ask_sales::<S>(&purchases, &sales(&[7], window(-DAY, 0))).await else { return };
    let other = |campaign: Option<u64>, id, orders| OtherSales {
        campaign: campaign.map(CampaignId),
        activity: ActivityId(id),
        orders,
    };
    assert_eq!(measured(&sales.others), [other(Some(1), 8, 1), other(Some(2), 9, 2), other(None, 77, 1)]);
}

/// No rows: a measured 0.
pub async fn no_rows_are_a_measured_zero<S: LedgerStore>() {
    let Some(source) = S::holding(&campaigns(), &[], &[]).await else { return };
    for counting in [Counting::Events, Counting::Subjects] {
        let scope = QueryScope { by_activity: true, ..scope(&[7], window(-DAY, 0), counting) };
        let facts = ask(&source, &steps(scope)).await;
        assert_eq!(values(&facts.steps.current), [0, 0]);
        assert_eq!(values(&facts.steps.by_activity[0].1), [0, 0]);
    }
    let sales = ask(&source, &sales(&[7], window(-DAY, 0))).await.sales.expect("asked for");
    let nothing = Sales { cancelled: S::HAS_STATUS.then_some(0), ..Sales::default() };
    assert_eq!((measured(&sales.promotion), measured(&sales.regular)), (nothing.clone(), nothing));
    assert_eq!(measured(&sales.others), []);
    let history = measured(&ask_history(&source, &history(window(-2 * DAY, -DAY), 3_600)).await);
    assert_eq!((history.since, history.buckets), (None, Vec::new()));
}

/// An empty window, or no activities: a measured 0.
pub async fn an_empty_window_is_a_measured_zero<S: LedgerStore>() {
    let Some(source) = S::holding(&campaigns(), &[entry(1, -HOUR, 1)], &[purchase(1, -HOUR, 1)]).await else { return };
    let empty = window(-HOUR, -HOUR);
    assert_eq!(values(&ask(&source, &steps(scope(&[7], empty, Counting::Events))).await.steps.current), [0, 0]);
    let none = steps(scope(&[], window(-DAY, 0), Counting::Subjects));
    assert_eq!(values(&ask(&source, &none).await.steps.current), [0, 0]);
    let sales = ask(&source, &sales(&[7], empty)).await.sales.expect("asked for");
    assert_eq!((measured(&sales.promotion).orders, measured(&sales.regular).orders), (0, 0));
}

/// No products: regular and others, or the history, are not measured, with `no_products`.
pub async fn without_products_only_the_promotion_is_measured<S: LedgerStore>() {
    let mut question = sales(&[7], window(-DAY, 0));
    question.sales.as_mut().expect("asked for").products.clear();
    let purchases = [purchase(1, -HOUR, 1), shop(2, -HOUR, 1)];
    let Some(source) = S::holding(&campaigns(), &[], &purchases).await else { return };
    let sales = ask(&source, &question).await.sales.expect("asked for");
    assert_eq!(measured(&sales.promotion).orders, 1);
    let no_products = |missing: Option<Missing>| {
        assert!(matches!(missing, Some(Missing::NotMeasured(Reason::NoProducts))), "{missing:?}");
    };
    no_products(sales.regular.err());
    no_products(sales.others.err());
    let mut question = history(window(-2 * DAY, -DAY), 3_600);
    question.history.as_mut().expect("asked for").products.clear();
    no_products(ask_history(&source, &question).await.err());
}

/// History: confirmed regular purchases per bucket, without the empty buckets.
pub async fn history_comes_in_the_buckets_asked_for<S: LedgerStore>() {
    let from = -7 * DAY;
    let cancelled = S::HAS_STATUS.then(|| PurchaseRecord { status: "CANCELLED", ..shop(20, from + 10, 9) });
    let mut purchases = vec![
        shop(1, from - 1, 1),
        shop(2, from, 1),
        PurchaseRecord { quantity: 2, ..shop(3, from + 1_799, 2) },
        PurchaseRecord { product: ProductId(6), ..shop(4, from + 1_800, 3) },
        PurchaseRecord { product: ProductId(99), ..shop(5, from + 4_000, 3) },
        purchase(6, from + 4_000, 3),
        shop(7, from + DAY - 1, 4),
        shop(8, from + DAY, 5),
    ];
    purchases.extend(cancelled);
    let Some(source) = S::holding(&campaigns(), &[], &purchases).await else { return };
    let bucket = |seconds, orders, quantity: i64| {
        let quantity_sold = u64::try_from(quantity).expect("a quantity");
        (at(seconds), BucketSales { orders, quantity: quantity_sold, revenue: Money::from(12_900 * quantity) })
    };
    for (length, expected) in [
        (3_600, vec![bucket(from, 3, 4), bucket(from + DAY - HOUR, 1, 1)]),
        (1_800, vec![bucket(from, 2, 3), bucket(from + 1_800, 1, 1), bucket(from + DAY - 1_800, 1, 1)]),
    ] {
        let answer = ask_history(&source, &history(window(from, from + DAY), length)).await;
        assert_eq!(measured(&answer).buckets, expected, "buckets of {length} s");
    }
}

/// History reaches back to the ledger's oldest purchase, of any product.
pub async fn history_reaches_back_to_the_oldest_purchase<S: LedgerStore>() {
    let oldest = PurchaseRecord { product: ProductId(99), ..purchase(1, -30 * DAY, 1) };
    let Some(source) = S::holding(&campaigns(), &[], &[shop(2, -HOUR, 2), oldest]).await else { return };
    let answer = ask_history(&source, &history(window(-7 * DAY, -6 * DAY), 3_600)).await;
    assert_eq!(measured(&answer).since, Some(at(-30 * DAY)));
}

/// Freshness: complete up to the time of the read.
pub async fn facts_are_complete_up_to_the_read<S: LedgerStore>() {
    let history = history(window(-2 * DAY, -DAY), 3_600).history;
    let question = LedgerQuestion { steps: STEPS.to_vec(), history, ..sales(&[7], window(-DAY, 0)) };
    let Some(source) = S::holding(&campaigns(), &[entry(1, -HOUR, 1)], &[purchase(1, -HOUR, 1)]).await else { return };
    let (name, facts) = (source.name(), ask(&source, &question).await);
    facts.steps.all().for_each(|fact| assert_provenance(fact, name));
    let sales = facts.sales.expect("asked for");
    assert_provenance(&sales.promotion, name);
    assert_provenance(&sales.regular, name);
    assert_provenance(&sales.others, name);
    assert_provenance(&facts.history.expect("asked for"), name);
}

/// The newest record of a probe is before its `as_of`.
pub async fn the_newest_record_of_a_probe_is_before_its_instant<S: LedgerStore>() {
    let purchases = [purchase(1, -DAY, 1), shop(2, -90, 2), purchase(3, 10, 3)];
    let Some(source) = S::holding(&campaigns(), &[], &purchases).await else { return };
    assert_eq!(source.probe(at(0), BUDGET).await.expect("a probe").newest, Some(at(-90)));
}

/// No index or table to read from: not measured, never 0.
pub async fn nothing_to_read_from_is_not_measured<S: AbsentStore>()
where
    S::Source: LedgerSource,
{
    let Some(source) = S::absent().await else { return };
    let history = history(window(-2 * DAY, -DAY), 3_600).history;
    let question = LedgerQuestion { steps: STEPS.to_vec(), history, ..sales(&[7], window(-DAY, 0)) };
    let facts = ask(&source, &question).await;
    for fact in facts.steps.all() {
        assert!(matches!(fact, Err(Missing::NotMeasured(_))), "{fact:?}");
    }
    let sales = facts.sales.expect("asked for");
    assert!(matches!(sales.promotion, Err(Missing::NotMeasured(_))), "{:?}", sales.promotion);
    assert!(matches!(sales.regular, Err(Missing::NotMeasured(_))), "{:?}", sales.regular);
    assert!(matches!(sales.others, Err(Missing::NotMeasured(_))), "{:?}", sales.others);
    assert!(matches!(facts.history, Some(Err(Missing::NotMeasured(_)))), "{:?}", facts.history);
}

/// The budget of questions to faulty servers.
const SHORT: Duration = Duration::from_millis(400);

/// Unavailable: no answer came within the budget.
pub async fn silence_is_unavailable_within_the_budget<S: FaultyStore>()
where
    S::Source: LedgerSource,
{
    let source = S::at(server::silent().await);
    let question = LedgerQuestion { budget: SHORT, ..steps(scope(&[7], window(-DAY, 0), Counting::Events)) };
    let answer = world::within(SHORT, source.ledger(&question)).await;
    assert!(matches!(answer, Err(SourceError::Unavailable { .. })), "{answer:?}");
    let probe = world::within(SHORT, source.probe(at(0), SHORT)).await;
    assert!(matches!(probe, Err(SourceError::Unavailable { .. })), "{probe:?}");
}

/// A broken connection is lost.
pub async fn a_lost_connection_is_lost<S: FaultyStore>()
where
    S::Source: LedgerSource,
{
    let source = S::at(server::cut().await);
    let question = LedgerQuestion { budget: SHORT, ..steps(scope(&[7], window(-DAY, 0), Counting::Events)) };
    world::assert_lost(world::within(SHORT, source.ledger(&question)).await.map(|_| ()));
    let source = S::at(server::cut().await);
    world::assert_lost(world::within(SHORT, source.probe(at(0), SHORT)).await.map(|_| ()));
}

/// A refused connection is lost; after a retry of the source itself it is unavailable.
pub async fn a_refused_connection_is_lost_or_unavailable<S: FaultyStore>()
where
    S::Source: LedgerSource,
{
    let source = S::at(server::refused().await);
    let question = LedgerQuestion { budget: SHORT, ..steps(scope(&[7], window(-DAY, 0), Counting::Events)) };
    world::assert_lost_or_unavailable(world::within(SHORT, source.ledger(&question)).await.map(|_| ()));
    world::assert_lost_or_unavailable(world::within(SHORT, source.probe(at(0), SHORT)).await.map(|_| ()));
}

/// A time limit of the store that is shorter than the question's budget must not end a history.
pub async fn a_limit_of_the_stores_own_does_not_end_a_history<S: LimitedLedgerStore>() {
    let limit = Duration::from_millis(700);
    let Some(source) = S::slower_than(limit, &campaigns(), &[shop(1, -2 * DAY, 1)]).await else { return };
    let started = Instant::now();
    let facts = ask_history(&source, &history(window(-7 * DAY, 0), 3_600)).await;
    assert_eq!(measured(&facts).buckets.len(), 1);
    assert!(started.elapsed() > limit, "the store was not slow: {:?}", started.elapsed());
}

/// A garbled reply is an error of the answer or of the connection, never a number.
pub async fn nonsense_is_an_error_and_no_number<S: FaultyStore>()
where
    S::Source: LedgerSource,
{
    let source = S::at(server::garbled(S::GARBAGE).await);
    let question = LedgerQuestion { budget: SHORT, ..steps(scope(&[7], window(-DAY, 0), Counting::Events)) };
    world::assert_garbled(world::within(SHORT, source.ledger(&question)).await.map(|_| ()));
}

/// Generates a test of every sentence of [`LedgerSource`](crate::source::LedgerSource), for a
/// [`LedgerStore`](crate::testing::LedgerStore). Needs tokio with `macros` and `rt`.
#[macro_export]
macro_rules! ledger_source_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(ledger, $store:
            the_name_is_lower_case_without_blanks
            rows_are_counted_or_distinct_users
            one_count_per_step_window_and_activity
            history_is_told_alone_or_with_the_rest
            money_is_exact
            a_window_holds_its_first_instant_and_not_its_last
            bounds_within_a_second_count_as_they_are
            approved_entries_and_confirmed_purchases_count
            the_promotion_is_what_the_activities_sold
            regular_is_what_the_shop_sold_of_the_products
            others_are_purchases_of_the_products_by_other_activities
            no_rows_are_a_measured_zero
            an_empty_window_is_a_measured_zero
            without_products_only_the_promotion_is_measured
            history_comes_in_the_buckets_asked_for
            history_reaches_back_to_the_oldest_purchase
            facts_are_complete_up_to_the_read
            the_newest_record_of_a_probe_is_before_its_instant
        );
    };
}

/// Generates tests of a [`LedgerSource`](crate::source::LedgerSource) over a server that has no table of rows
/// ([`AbsentStore`](crate::testing::AbsentStore)), misbehaves ([`FaultyStore`](crate::testing::FaultyStore)), or has a
/// time limit ([`LimitedLedgerStore`](crate::testing::LimitedLedgerStore)).
#[macro_export]
macro_rules! ledger_server_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(ledger, $store:
            nothing_to_read_from_is_not_measured
            silence_is_unavailable_within_the_budget
            a_lost_connection_is_lost
            a_refused_connection_is_lost_or_unavailable
            a_limit_of_the_stores_own_does_not_end_a_history
            nonsense_is_an_error_and_no_number
        );
    };
}
