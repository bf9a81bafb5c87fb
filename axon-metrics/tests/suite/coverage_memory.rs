//! What the embedded store left out is in the coverage of exactly the figures that it may belong to.

#![cfg(all(feature = "memory", feature = "testing"))]

use std::{io::Cursor, time::Duration};

use LeftOutReason::{
    BadAmount, Future, NoActivity, NoRoom, NoSubject, NoTime, NotBelieved, TimeOutOfRange, UnknownStatus, Unreadable,
};
use axon_metrics::{
    ActivityId, Catalog, EventRule, Fact, Files, LedgerStep, Measured, MemoryStore, Money, ProductId, Timestamp,
    Window,
    definitions::StatusNames,
    facts::{Coverage, LeftOutReason, Missing, Reason, Refunds, SalesFacts, Stock},
    memory::{Entry, Event, Purchase},
    source::{
        BehaviorQuestion, BehaviorSource, Cells, Counting, HistoryQuestion, LedgerQuestion, LedgerSource, QueryScope,
        RealtimeQuestion, RealtimeSource, SalesQuestion, Series, SeriesActivities, StoreLoss,
    },
};

const BUDGET: Duration = Duration::from_secs(1);
const OURS: ActivityId = ActivityId(77);
const OTHER: ActivityId = ActivityId(78);
const PRODUCT: ProductId = ProductId(456);
/// How many records there are, and how many of them are damaged.
const SHARES: [(u64, u64); 5] = [(2_000, 0), (2_000, 1), (100, 1), (100, 50), (100, 100)];
/// The records of another activity, which nobody damages.
const OTHERS: u64 = 10;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// The instant of the question.
fn now() -> Timestamp {
    at("2024-11-12T10:30:00Z")
}

fn day() -> Window {
    Window { from: at("2024-11-11T15:00:00Z"), to: at("2024-11-12T15:00:00Z") }
}

/// The day before, in which there is no record.
fn day_before() -> Window {
    Window { from: at("2024-11-10T15:00:00Z"), to: day().from }
}

fn load(files: Files) -> MemoryStore {
    MemoryStore::load(files.accept_rejected()).expect("a store")
}

fn text(lines: &[String]) -> Cursor<String> {
    Cursor::new(lines.join("\n"))
}

fn events(lines: &[String]) -> MemoryStore {
    let store = MemoryStore::new(Catalog::default());
    store.append_lines("events", text(lines)).expect("lines");
    store
}

fn ledger(lines: &[String]) -> MemoryStore {
    load(Files::new().ledger_from("ledger", text(lines)))
}

fn value<T>(fact: &Fact<T>) -> &Measured<T> {
    fact.as_ref().expect("measured")
}

/// The value and the coverage of a count.
fn counted(fact: &Fact<u64>) -> (u64, Coverage) {
    (value(fact).value, value(fact).coverage.clone())
}

fn scope(activity: ActivityId, counting: Counting) -> QueryScope {
    QueryScope::new(now(), [activity], day()).with_counting(counting)
}

async fn visits(store: &MemoryStore, activity: ActivityId, counting: Counting) -> (u64, Coverage) {
    step(store, activity, counting, EventRule::trigger("PAGE_VIEW")).await
}

async fn step(store: &MemoryStore, activity: ActivityId, counting: Counting, rule: EventRule) -> (u64, Coverage) {
    let question = BehaviorQuestion::new(scope(activity, counting), BUDGET).with_steps([rule]);
    counted(&store.behavior(&question).await.expect("an answer").steps.current[0])
}

/// A page view of activity 77 by a user of its own, with this in place of a field.
fn view(user: u64, fields: &str) -> String {
    let fallback = |name: &str, value: &str| {
        if fields.contains(&format!("\"{name}\"")) { String::new() } else { format!(",\"{name}\":{value}") }
    };
    let [at, who, of] = [
        fallback("occurredAt", "\"2024-11-12T09:00:00Z\""),
        fallback("userId", &user.to_string()),
        fallback("properties", r#"{"activityId":77}"#),
    ];
    format!(r#"{{"triggerType":"PAGE_VIEW","eventId":1{at}{who}{of}{fields}}}"#)
}

fn views(all: u64, damaged: u64, damage: impl Fn(u64) -> String) -> Vec<String> {
    let line = |user| if user < damaged { damage(user + 1) } else { view(user + 1, "") };
    let others = (1..=OTHERS).map(|user| view(user, r#","properties":{"activityId":78}"#));
    (0..all).map(line).chain(others).collect()
}

#[tokio::test]
async fn damaged_events_are_left_out_of_the_figures_that_they_may_belong_to() {
    // Why, what is damaged, and whether the records may be of any activity.
    let cases = [
        (Unreadable, r#"{"triggerType":"PAGE_VIEW","#, true),
        (NoTime, r#","occurredAt":"12/11/2024 18:00""#, false),
        (NoTime, r#","occurredAt":null"#, false),
        (TimeOutOfRange, r#","occurredAt":-1"#, false),
        (Future, r#","occurredAt":"2024-11-12T18:00:00Z""#, false),
        (NoActivity, r#","properties":{"activityId":"act-77"}"#, true),
        (NoActivity, r#","properties":[77]"#, true),
    ];
    for (reason, damage, any_activity) in cases {
        for (all, damaged) in SHARES {
            let line = |user| if damage.starts_with('{') { damage.to_owned() } else { view(user, damage) };
            let store = events(&views(all, damaged, line));
            let used = all - damaged;
            let of = all + OTHERS;
            for counting in [Counting::Events, Counting::Subjects] {
                let what = format!("{reason:?} {damaged} of {all}, {counting:?}");
                let ours = visits(&store, OURS, counting).await;
                assert_eq!(ours, (used, Coverage::of(used).left_out_in_store(reason, damaged, of)), "{what}");
                let left_out = if any_activity { damaged } else { 0 };
                let other = visits(&store, OTHER, counting).await;
                assert_eq!(other, (OTHERS, Coverage::of(OTHERS).left_out_in_store(reason, left_out, of)), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn an_event_whose_subject_is_dropped_is_an_event_and_no_person() {
    let long = format!(r#","userId":"{}""#, "u".repeat(300));
    let session = format!(r#","userId":null,"sessionId":"{}""#, "s".repeat(300));
    for damage in [&*long, &session, r#","userId":{"id":7}"#, r#","userId":1.5"#, r#","userId":99999999999999999999"#] {
        for (all, damaged) in SHARES {
            let store = events(&views(all, damaged, |user| view(user, damage)));
            assert_eq!(visits(&store, OURS, Counting::Events).await, (all, Coverage::of(all)), "{damage}");
            let people = all - damaged;
            let expected = (people, Coverage::of(people).left_out_in_window(NoSubject, damaged));
            assert_eq!(visits(&store, OURS, Counting::Subjects).await, expected, "{damage}");
            let other = visits(&store, OTHER, Counting::Subjects).await;
            assert_eq!(other, (OTHERS, Coverage::of(OTHERS)), "{damage}");
            assert_eq!(store.report(now()).events.dropped_subjects, damaged);
        }
    }
}

#[tokio::test]
async fn a_session_that_is_not_read_does_not_cost_a_known_user() {
    let store = events(&[view(1, r#","sessionId":["a"]"#)]);
    assert_eq!(visits(&store, OURS, Counting::Subjects).await, (1, Coverage::of(1)));
}

#[tokio::test]
async fn a_purchase_from_another_index_is_left_out_of_its_window_and_of_no_other_step() {
    for (all, damaged) in SHARES {
        let line = |id: u64| {
            let index = if id < damaged { ".ds-axon.event.commerce-2024.11.12-x" } else { "axon.event.commerce" };
            let event = view(id + 1, "").replace("PAGE_VIEW", "PURCHASE");
            format!(r#"{{"_index":"{index}","_id":"{id}","_source":{event}}}"#)
        };
        // Each document twice, as overlapping exports have it.
        let lines: Vec<String> = (0..all).chain(0..all).map(line).collect();
        let store = events(&lines);
        let used = all - damaged;
        for counting in [Counting::Events, Counting::Subjects] {
            let bought = step(&store, OURS, counting, EventRule::trigger("PURCHASE")).await;
            assert_eq!(bought, (used, Coverage::of(used).left_out_in_window(NotBelieved, damaged)));
            assert_eq!(visits(&store, OURS, counting).await, (0, Coverage::of(0)));
        }
        let elsewhere = step(&store, OTHER, Counting::Events, EventRule::trigger("PURCHASE")).await;
        assert_eq!(elsewhere, (0, Coverage::of(0)));
        let scope = QueryScope::new(now(), [OURS], day_before());
        let earlier = BehaviorQuestion::new(scope, BUDGET).with_steps([EventRule::trigger("PURCHASE")]);
        let earlier = store.behavior(&earlier).await.expect("an answer");
        assert_eq!(counted(&earlier.steps.current[0]), (0, Coverage::of(0)));
        assert_eq!(store.report(now()).events.disbelieved, damaged);
    }
}

#[tokio::test]
async fn an_invalid_document_that_is_exported_twice_is_left_out_once() {
    let document = |event: &str| format!(r#"{{"_index":"i","_id":"1","_source":{event}}}"#);
    let invalid = document(&view(1, r#","occurredAt":"soon""#));
    let store = events(&[invalid.clone(), invalid.clone(), view(2, "")]);
    let expected = (1, Coverage::of(1).left_out_in_store(NoTime, 1, 2));
    assert_eq!(visits(&store, OURS, Counting::Events).await, expected);
    assert_eq!(store.report(now()).rejected.total, 2);
}

#[tokio::test]
async fn what_is_beyond_a_limit_of_the_store_has_no_room() {
    let views = |definition: u32| view(1, "").replace("\"eventId\":1", &format!("\"eventId\":{definition}"));
    let lines: Vec<String> = (0..65_537).map(views).collect();
    let store = events(&lines);
    let expected = (65_535, Coverage::of(65_535).left_out_in_window(NoRoom, 2));
    assert_eq!(visits(&store, OURS, Counting::Events).await, expected);
    // Only a rule that counts their definitions lacks them.
    let of = |definition| EventRule::trigger("PAGE_VIEW").of_definitions([definition]);
    assert_eq!(step(&store, OURS, Counting::Events, of(7)).await, (1, Coverage::of(1)));
    let lost = (0, Coverage::of(0).left_out_in_window(NoRoom, 1));
    assert_eq!(step(&store, OURS, Counting::Events, of(65_536)).await, lost);
}

#[tokio::test]
async fn a_line_of_which_only_some_is_read_is_left_out_of_what_it_may_belong_to() {
    // A trigger type that is not read may be any.
    let store = events(&[view(1, "").replace("\"PAGE_VIEW\"", "7"), view(2, "")]);
    let expected = (1, Coverage::of(1).left_out_in_store(Unreadable, 1, 2));
    assert_eq!(visits(&store, OURS, Counting::Events).await, expected);
    assert_eq!(visits(&store, OTHER, Counting::Events).await, (0, Coverage::of(0)));
    // A definition that is not read does not matter to a rule for all of them.
    let store = events(&[view(1, "").replace("\"eventId\":1", "\"eventId\":{}"), view(2, "")]);
    let expected = (1, Coverage::of(1).left_out_in_window(Unreadable, 1));
    assert_eq!(visits(&store, OURS, Counting::Events).await, expected);
    let narrow = step(&store, OURS, Counting::Events, EventRule::trigger("PAGE_VIEW").of_definitions([1])).await;
    assert_eq!(narrow, (1, Coverage::of(1).left_out_in_store(Unreadable, 1, 2)));
    // A line with other names of fields may be anything, and one that names no activity is of none.
    let foreign = r#"{"event":"view","ts":1,"activity":77}"#.to_owned();
    let of_none = view(3, r#","properties":{}"#).replace("2024-11-12T09:00:00Z", "soon");
    let store = events(&[foreign, of_none, view(2, "")]);
    let expected = (1, Coverage::of(1).left_out_in_store(Unreadable, 1, 3));
    assert_eq!(visits(&store, OURS, Counting::Events).await, expected);
}

#[tokio::test]
async fn every_figure_of_behavior_states_its_coverage() {
    let mut lines = vec![view(1, ""), view(1, ""), view(2, r#","occurredAt":"2024-11-11T09:00:00Z""#)];
    lines.push(view(3, r#","userId":[3]"#));
    lines.push(view(4, r#","occurredAt":"soon""#));
    let forged = view(5, "").replace("PAGE_VIEW", "PURCHASE");
    lines.push(format!(r#"{{"_index":"i","_id":"1","_source":{forged}}}"#));
    let store = events(&lines);
    let hour = |hour: i64| {
        let from = at("2024-11-12T08:00:00Z") + chrono::Duration::hours(hour);
        Window { from, to: from + chrono::Duration::hours(1) }
    };
    let cells = || Cells::Windows(vec![hour(0), hour(1), hour(2)]);
    let series = ["PAGE_VIEW", "PURCHASE"]
        .map(|trigger| Series::new(EventRule::trigger(trigger), SeriesActivities::All, cells()));
    let scope = scope(OURS, Counting::Subjects).with_previous(day_before()).with_by_activity(true);
    let question = BehaviorQuestion::new(scope, BUDGET)
        .with_steps(["PAGE_VIEW", "PURCHASE"].map(EventRule::trigger))
        .with_series(series)
        .with_active(hour(1));
    let facts = store.behavior(&question).await.expect("an answer");
    let no_time = |coverage: Coverage| coverage.left_out_in_store(NoTime, 1, 6);
    let steps = |facts: &[Fact<u64>]| facts.iter().map(counted).collect::<Vec<_>>();
    let bought = (0, Coverage::of(0).left_out_in_window(NotBelieved, 1));
    let seen = no_time(Coverage::of(2)).left_out_in_window(NoSubject, 1);
    assert_eq!(steps(&facts.steps.current), [(1, seen.clone()), bought.clone()]);
    assert_eq!(steps(&facts.steps.previous), [(1, no_time(Coverage::of(1))), (0, Coverage::of(0))]);
    assert_eq!(steps(&facts.steps.by_activity[0].1), [(3, no_time(Coverage::of(3))), bought]);
    let series =
        |index: usize| (value(&facts.series[index]).value.clone(), value(&facts.series[index]).coverage.clone());
    assert_eq!(series(0), (vec![0, 3, 0], no_time(Coverage::of(3))));
    assert_eq!(series(1), (vec![0, 0, 0], Coverage::of(0).left_out_in_window(NotBelieved, 1)));
    // Purchases that are not believed make nobody active.
    assert_eq!(counted(&facts.active.expect("asked for")), (1, seen));
}

#[tokio::test]
async fn a_record_that_is_ahead_by_the_tolerated_skew_is_only_not_yet_counted() {
    let ahead = ["2024-11-12T10:30:00Z", "2024-11-12T10:35:00Z"];
    let lines = ahead.map(|at| view(1, &format!(r#","occurredAt":"{at}""#)));
    assert_eq!(visits(&events(&lines), OURS, Counting::Events).await, (0, Coverage::of(0)));
    let later = view(1, r#","occurredAt":"2024-11-12T10:35:00.000001Z""#);
    let expected = (0, Coverage::of(0).left_out_in_store(Future, 1, 1));
    assert_eq!(visits(&events(&[later]), OURS, Counting::Events).await, expected);
}

#[tokio::test]
async fn added_events_and_lines_of_nobody_count_for_their_session() {
    let placeholders = [
        "0",
        "-1",
        "0.0",
        "null",
        r#""""#,
        r#""0""#,
        r#""-5""#,
        r#""NULL""#,
        r#""undefined""#,
        r#""None""#,
        r#""NaN""#,
        r#""unknown""#,
        r#""Anonymous""#,
        r#"" guest ""#,
        r#""(not set)""#,
    ];
    let line = |user: &str, session: &str| view(1, &format!(r#","userId":{user},"sessionId":{session}"#));
    for user in placeholders {
        let lines = [line(user, r#""a""#), line(user, r#""b""#), line(user, r#""0""#), line(user, r#""Undefined""#)];
        let store = events(&lines);
        assert_eq!(visits(&store, OURS, Counting::Events).await, (4, Coverage::of(4)), "{user}");
        assert_eq!(visits(&store, OURS, Counting::Subjects).await, (3, Coverage::of(4)), "{user}");
        assert_eq!(store.report(now()).events.without_subject, 1, "{user}");
    }
    let own = Files::new().anonymous_users(["nobody"]).events_from(
        "events",
        text(&[line(r#""Nobody""#, r#""a""#), line(r#""nobody""#, r#""a""#), line(r#""guest""#, r#""a""#)]),
    );
    assert_eq!(visits(&load(own), OURS, Counting::Subjects).await, (2, Coverage::of(3)));
    let store = MemoryStore::new(Catalog::default());
    store.append_events([(Some(0), Some("a")), (None, Some("a")), (Some(0), Some("null")), (Some(7), None)].map(
        |(user, session): (_, Option<&str>)| Event {
            trigger: "PAGE_VIEW".into(),
            definition: None,
            at: at("2024-11-12T09:00:00Z"),
            activity: OURS,
            user,
            session: session.map(str::to_owned),
        },
    ));
    assert_eq!(visits(&store, OURS, Counting::Subjects).await, (2, Coverage::of(4)));
}

/// A row of activity 77 and product 456 by a user of its own, with this in place of a field.
fn row(kind: &str, id: u64, fields: &str) -> String {
    let fallback = |name: &str, value: &str| {
        if fields.contains(&format!("\"{name}\"")) { String::new() } else { format!(",\"{name}\":{value}") }
    };
    let (time, status) = if kind == "entry" { ("createdAt", "APPROVED") } else { ("purchaseAt", "CONFIRMED") };
    let rest = [
        fallback("id", &id.to_string()),
        fallback("userId", &id.to_string()),
        fallback("activityId", "77"),
        fallback("productId", "456"),
        fallback("price", "10"),
        fallback("quantity", "2"),
        fallback("status", &format!("\"{status}\"")),
        fallback(time, "\"2024-11-12T09:00:00Z\""),
    ];
    format!(r#"{{"kind":"{kind}"{}{fields}}}"#, rest.concat())
}

fn rows(kind: &str, all: u64, damaged: u64, damage: &str) -> Vec<String> {
    let line = |id| if id <= damaged { row(kind, id, damage) } else { row(kind, id, "") };
    let others = (1..=OTHERS).map(|id| row(kind, 10_000 + id, r#","activityId":78"#));
    (1..=all).map(line).chain(others).collect()
}

async fn rows_of(store: &MemoryStore, step: LedgerStep, activity: ActivityId, counting: Counting) -> (u64, Coverage) {
    let question = LedgerQuestion::new(scope(activity, counting), BUDGET).with_steps([step]);
    counted(&store.ledger(&question).await.expect("an answer").steps.current[0])
}

#[tokio::test]
async fn damaged_rows_are_left_out_of_the_steps_that_they_may_belong_to() {
    #[derive(PartialEq)]
    enum Where {
        Window,
        Activity,
        Store,
    }
    use Where::{Activity, Store, Window};
    let entry = ("entry", LedgerStep::ApprovedEntry);
    let purchase = ("purchase", LedgerStep::Purchase);
    let cases = [
        (entry, UnknownStatus, r#","status":"PAID""#, Window),
        (entry, UnknownStatus, r#","status":1"#, Window),
        (entry, UnknownStatus, r#","status":null"#, Window),
        (entry, NoTime, r#","createdAt":"12/11/2024""#, Activity),
        (entry, TimeOutOfRange, r#","createdAt":-5"#, Activity),
        (entry, Future, r#","createdAt":"2024-11-12T18:00:00Z""#, Activity),
        (entry, NoActivity, r#","activityId":"act-77""#, Store),
        (entry, Unreadable, r#","id":"x""#, Window),
        (entry, Unreadable, r#","broken"#, Store),
        (purchase, UnknownStatus, r#","status":"PAID""#, Window),
        (purchase, UnknownStatus, r#","status":1"#, Window),
        (purchase, UnknownStatus, r#","status":"PENDING""#, Window),
        (purchase, BadAmount, r#","price":"ten""#, Window),
        (purchase, BadAmount, r#","price":true"#, Window),
        (purchase, BadAmount, r#","quantity":null"#, Window),
        (purchase, BadAmount, r#","quantity":"2 pieces""#, Window),
        (purchase, BadAmount, r#","price":-10,"quantity":-2"#, Window),
        (purchase, NoTime, r#","purchaseAt":null"#, Activity),
        (purchase, TimeOutOfRange, r#","purchaseAt":1e300"#, Activity),
        (purchase, Future, r#","purchaseAt":"2024-11-12T18:00:00Z""#, Activity),
        (purchase, NoActivity, r#","activityId":-77"#, Store),
        (purchase, Unreadable, r#","id":null"#, Window),
        (purchase, Unreadable, r#","broken"#, Store),
    ];
    for ((kind, step), reason, damage, place) in cases {
        for (all, damaged) in SHARES {
            let store = ledger(&rows(kind, all, damaged, damage));
            let (used, of) = (all - damaged, all + OTHERS);
            let ours = match place {
                Window => Coverage::of(used).left_out_in_window(reason, damaged),
                Activity | Store => Coverage::of(used).left_out_in_store(reason, damaged, of),
            };
            let other = Coverage::of(OTHERS).left_out_in_store(reason, if place == Store { damaged } else { 0 }, of);
            for counting in [Counting::Events, Counting::Subjects] {
                let what = format!("{kind} {damage} {damaged} of {all}, {counting:?}");
                assert_eq!(rows_of(&store, step, OURS, counting).await, (used, ours.clone()), "{what}");
                assert_eq!(rows_of(&store, step, OTHER, counting).await, (OTHERS, other.clone()), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn the_status_of_a_row_counts_in_any_case_and_known_ones_leave_nothing_out() {
    let status = |id: u64, kind: &str, status: &str| row(kind, id, &format!(r#","status":"{status}""#));
    let entries = ["approved", " Approved ", "pending", "Rejected", "DUPLICATED"];
    let purchases = ["confirmed", "Confirmed ", "cancelled", "Refunded"];
    let entries = (1..).zip(entries).map(|(id, text)| status(id, "entry", text));
    let purchases = (1..).zip(purchases).map(|(id, text)| status(id, "purchase", text));
    let store = ledger(&entries.chain(purchases).collect::<Vec<_>>());
    let approved = rows_of(&store, LedgerStep::ApprovedEntry, OURS, Counting::Events).await;
    assert_eq!(approved, (2, Coverage::of(2)));
    assert_eq!(rows_of(&store, LedgerStep::Purchase, OURS, Counting::Events).await, (2, Coverage::of(2)));
    let sales = sales(&store).await;
    assert_eq!(value(&sales.promotion).value.cancelled, Some(2));
    assert_eq!(value(&sales.promotion).coverage, Coverage::of(4));
}

#[tokio::test]
async fn the_names_of_statuses_are_set_for_lines_and_added_rows() {
    let purchase = |id: u64, fields: &str| row("purchase", id, fields);
    let lines = [
        purchase(1, r#","status":" Paid ""#),
        purchase(2, r#","status":2"#),
        purchase(3, r#","status":"pending""#),
        // It gives money back, whatever its status but cancelled and refunded.
        purchase(4, r#","status":"PENDING","price":-10"#),
        purchase(5, r#","status":"PENDING","quantity":null"#),
        purchase(6, r#","status":"PENDING","purchaseAt":"2024-11-12T18:00:00Z""#),
        purchase(7, r#","status":"CONFIRMED""#),
        row("entry", 8, r#","status":"Won""#),
        row("entry", 9, r#","status":"-1""#),
        row("entry", 10, r#","status":-1"#),
        row("entry", 11, r#","status":"APPROVED""#),
    ];
    let purchases = StatusNames::of_purchases().with_counted(["PAID"]).with_refunded(["2"]).with_ignored(["Pending"]);
    let entries = StatusNames::of_entries().with_counted(["won"]).with_ignored(["-1"]);
    let files = Files::new().purchase_statuses(purchases).entry_statuses(entries);
    let store = load(files.ledger_from("ledger", text(&lines)));
    let unknown = |used: u64| Coverage::of(used).left_out_in_window(UnknownStatus, 1);
    assert_eq!(rows_of(&store, LedgerStep::Purchase, OURS, Counting::Events).await, (1, unknown(1)));
    assert_eq!(rows_of(&store, LedgerStep::ApprovedEntry, OURS, Counting::Subjects).await, (1, unknown(1)));
    let promotion = sales(&store).await.promotion.expect("sums");
    let sums = &promotion.value;
    assert_eq!((sums.orders, sums.cancelled, sums.refunds.rows), (1, Some(1), 1));
    assert_eq!(promotion.coverage, unknown(3));
    assert_eq!(store.report(now()).rejected.total, 0);

    let at = at("2024-11-12T09:00:00Z");
    let (activity, product) = (Some(OURS), Some(PRODUCT));
    let added = |id: u64, status: &str| Purchase {
        id,
        user: id,
        product,
        activity,
        price: Money::ONE,
        quantity: 1,
        status: status.into(),
        at,
    };
    store.append_purchases([added(21, "paid"), added(22, "Pending"), added(7, "2")]);
    store.append_entries([Entry { id: 23, activity: OURS, user: 23, status: "WON".into(), created_at: at }]);
    assert_eq!(rows_of(&store, LedgerStep::Purchase, OURS, Counting::Events).await, (2, Coverage::of(2)));
    assert_eq!(rows_of(&store, LedgerStep::ApprovedEntry, OURS, Counting::Events).await, (2, unknown(2)));
}

async fn sales(store: &MemoryStore) -> SalesFacts {
    let question = LedgerQuestion::new(scope(OURS, Counting::Events), BUDGET);
    let question = question.with_sales(SalesQuestion::new([PRODUCT], day()));
    store.ledger(&question).await.expect("an answer").sales.expect("asked for")
}

#[tokio::test]
async fn sales_and_history_lack_the_purchases_that_may_be_theirs() {
    // What is damaged; whether promotion, shop and others lack it in their window or perhaps.
    let cases: [(&str, LeftOutReason, [bool; 3], [bool; 3]); 8] = [
        (r#","status":"PAID""#, UnknownStatus, [true, false, false], [false; 3]),
        (r#","status":"PAID","activityId":null"#, UnknownStatus, [false, true, false], [false; 3]),
        (r#","price":"ten","activityId":78"#, BadAmount, [false, false, true], [false; 3]),
        (r#","price":"ten","activityId":null,"productId":1"#, BadAmount, [false; 3], [false; 3]),
        (r#","purchaseAt":"soon","activityId":null"#, NoTime, [false; 3], [false, true, false]),
        (r#","productId":"P1","activityId":null"#, Unreadable, [false; 3], [false, true, false]),
        (r#","activityId":"act-1""#, NoActivity, [false; 3], [true; 3]),
        (r#","activityId":"act-1","productId":1"#, NoActivity, [false; 3], [true, false, false]),
    ];
    for (damage, reason, in_window, in_store) in cases {
        let mut lines: Vec<String> = (1..=3).map(|id| row("purchase", id, damage)).collect();
        lines.push(row("purchase", 11, ""));
        lines.extend((12..=13).map(|id| row("purchase", id, r#","activityId":null"#)));
        lines.extend((14..=17).map(|id| row("purchase", id, r#","activityId":78"#)));
        let store = ledger(&lines);
        let expected = |used: u64, which: usize| {
            let window = if in_window[which] { 3 } else { 0 };
            let perhaps = if in_store[which] { 3 } else { 0 };
            Coverage::of(used).left_out_in_window(reason, window).left_out_in_store(reason, perhaps, 10)
        };
        let sales = sales(&store).await;
        let (promotion, regular, others) = (value(&sales.promotion), value(&sales.regular), value(&sales.others));
        assert_eq!((promotion.value.orders, &promotion.coverage), (1, &expected(1, 0)), "{damage}");
        assert_eq!((regular.value.orders, &regular.coverage), (2, &expected(2, 1)), "{damage}");
        assert_eq!((others.value[0].orders, &others.coverage), (4, &expected(4, 2)), "{damage}");
        let history = HistoryQuestion::new([PRODUCT], day(), Duration::from_secs(3_600));
        let question = LedgerQuestion::new(scope(OURS, Counting::Events), BUDGET).with_history(history);
        let history = store.ledger(&question).await.expect("an answer").history.expect("asked for");
        assert_eq!(value(&history).coverage, expected(2, 1), "{damage}");
    }
}

#[tokio::test]
async fn rows_that_give_money_back_are_refunds_and_no_orders_buyers_steps_or_history() {
    for attribution in ["", r#","activityId":null"#] {
        let line = |id, fields: &str| row("purchase", id, &format!("{fields}{attribution}"));
        let store = ledger(&[
            line(1, ""),
            line(2, r#","price":"-4.50""#),
            line(3, r#","quantity":-3"#),
            line(4, r#","price":-1,"status":"PAID""#),
            line(5, r#","quantity":"-1","status":"PENDING""#),
            // A reversed row with a negative amount is only cancelled, whatever the amount is.
            line(6, r#","price":-1,"status":"REFUNDED""#),
            line(7, r#","price":"?","status":"CANCELLED""#),
            line(8, r#","quantity":-3,"status":"cancelled""#),
            line(9, r#","price":-1,"purchaseAt":"2024-11-10T09:00:00Z""#),
        ]);
        let sales = sales(&store).await;
        let sums = value(if attribution.is_empty() { &sales.promotion } else { &sales.regular });
        let refunds = Refunds::new(4, "-51".parse().expect("money"));
        assert_eq!((sums.value.orders, sums.value.quantity, sums.value.buyers), (1, 2, 1));
        assert_eq!((sums.value.revenue, sums.value.refunds), (Money::from(20), refunds));
        assert_eq!((sums.value.cancelled, &sums.coverage), (Some(3), &Coverage::of(8)));
        let steps = rows_of(&store, LedgerStep::Purchase, OURS, Counting::Events).await;
        let orders = u64::from(attribution.is_empty());
        assert_eq!(steps, (orders, Coverage::of(orders)));
        let history = HistoryQuestion::new([PRODUCT], day(), Duration::from_secs(3_600));
        let question = LedgerQuestion::new(scope(OURS, Counting::Events), BUDGET).with_history(history);
        let history = store.ledger(&question).await.expect("an answer").history.expect("asked for");
        let orders: u64 = value(&history).value.buckets.iter().map(|(_, sales)| sales.orders).sum();
        assert_eq!(orders, 1 - u64::from(attribution.is_empty()));
        assert_eq!(store.report(now()).ledger.refunds, 5);
    }
}

fn purchase(id: u64) -> Purchase {
    Purchase {
        id,
        user: id,
        product: Some(PRODUCT),
        activity: Some(OURS),
        price: Money::TEN,
        quantity: 2,
        status: "CONFIRMED".into(),
        at: at("2024-11-12T09:00:00Z"),
    }
}

#[tokio::test]
async fn added_refunds_count_as_those_of_lines_and_two_negative_amounts_are_refused() {
    let store = MemoryStore::new(Catalog::default());
    let refused = store.append_purchases([
        purchase(1),
        Purchase { price: -Money::TEN, ..purchase(2) },
        Purchase { quantity: -1, ..purchase(3) },
        Purchase { price: -Money::TEN, quantity: -1, ..purchase(4) },
    ]);
    assert_eq!(refused, 1);
    let promotion = sales(&store).await.promotion;
    assert_eq!(value(&promotion).value.refunds, Refunds::new(2, Money::from(-30)));
    assert_eq!(value(&promotion).coverage, Coverage::of(3).left_out_in_window(BadAmount, 1));
}

#[tokio::test]
async fn an_order_without_a_price_is_an_order_and_the_revenue_is_that_of_the_others() {
    let store = ledger(&[
        row("purchase", 1, ""),
        row("purchase", 2, r#","price":null"#),
        row("purchase", 3, r#","price":"""#),
        row("purchase", 4, r#","price":null,"activityId":null"#),
        row("purchase", 5, r#","price":null,"quantity":-1"#),
    ]);
    let sums = sales(&store).await;
    let promotion = value(&sums.promotion);
    assert_eq!((promotion.value.orders, promotion.value.quantity, promotion.value.buyers), (3, 6, 3));
    assert_eq!((promotion.value.revenue, promotion.value.unpriced), (Money::from(20), 2));
    // A refund of an unknown amount cannot be used.
    assert_eq!(promotion.coverage, Coverage::of(3).left_out_in_window(BadAmount, 1));
    assert_eq!(value(&sums.regular).value.unpriced, 1);
    let steps = rows_of(&store, LedgerStep::Purchase, OURS, Counting::Subjects).await;
    assert_eq!(steps, (3, Coverage::of(3).left_out_in_window(BadAmount, 1)));
    let history = HistoryQuestion::new([PRODUCT], day(), Duration::from_secs(3_600));
    let question = LedgerQuestion::new(scope(OURS, Counting::Events), BUDGET).with_history(history);
    let history = store.ledger(&question).await.expect("an answer").history.expect("asked for");
    assert_eq!(value(&history).coverage, Coverage::of(1).left_out_in_window(BadAmount, 1));
}

#[tokio::test]
async fn the_row_of_nobody_is_a_row_and_that_of_a_dropped_user_is_left_out_of_people() {
    for (user, dropped) in [
        ("0", 0),
        ("-1", 0),
        ("null", 0),
        (r#""guest""#, 0),
        (r#""0""#, 0),
        (r#""""#, 0),
        (r#""u-17""#, 2),
        ("1.5", 2),
        ("99999999999999999999", 2),
        ("18446744073709551615", 2),
        ("[7]", 2),
    ] {
        let damage = format!(r#","userId":{user}"#);
        let lines = [rows("entry", 5, 2, &damage), rows("purchase", 5, 2, &damage)].concat();
        let store = ledger(&lines);
        for step in [LedgerStep::ApprovedEntry, LedgerStep::Purchase] {
            assert_eq!(rows_of(&store, step, OURS, Counting::Events).await, (5, Coverage::of(5)), "{user}");
            let expected = Coverage::of(5 - dropped).left_out_in_window(NoSubject, dropped);
            assert_eq!(rows_of(&store, step, OURS, Counting::Subjects).await, (3, expected), "{user}");
        }
        let promotion = sales(&store).await.promotion;
        assert_eq!((value(&promotion).value.orders, value(&promotion).value.buyers), (5, 3), "{user}");
        // The orders themselves are used.
        assert_eq!(value(&promotion).coverage, Coverage::of(5).left_out_in_window(NoSubject, dropped), "{user}");
    }
}

#[tokio::test]
async fn a_row_that_is_corrected_is_no_longer_left_out() {
    let store = MemoryStore::new(Catalog::default());
    let entry = |status: &str| Entry {
        id: 1,
        activity: OURS,
        user: 1,
        status: status.into(),
        created_at: at("2024-11-12T09:00:00Z"),
    };
    store.append_entries([entry("PAID")]);
    store.append_purchases([Purchase { status: "PAID".into(), ..purchase(1) }]);
    store.append_purchases([Purchase { price: -Money::ONE, quantity: -1, ..purchase(2) }]);
    let steps = [LedgerStep::ApprovedEntry, LedgerStep::Purchase];
    let entries = rows_of(&store, steps[0], OURS, Counting::Events).await;
    assert_eq!(entries, (0, Coverage::of(0).left_out_in_window(UnknownStatus, 1)));
    let purchases = rows_of(&store, steps[1], OURS, Counting::Events).await;
    let lost = Coverage::of(0).left_out_in_window(UnknownStatus, 1).left_out_in_window(BadAmount, 1);
    assert_eq!(purchases, (0, lost));
    store.append_entries([entry("APPROVED")]);
    store.append_purchases([purchase(1), purchase(2)]);
    assert_eq!(rows_of(&store, steps[0], OURS, Counting::Events).await, (1, Coverage::of(1)));
    assert_eq!(rows_of(&store, steps[1], OURS, Counting::Events).await, (2, Coverage::of(2)));
}

#[tokio::test]
async fn slots_derived_from_approvals_state_their_coverage_and_stored_ones_are_one_record() {
    let approved = |user, fields: &str| view(user, fields).replace("PAGE_VIEW", "APPROVED");
    let store = events(&[
        approved(1, ""),
        approved(2, ""),
        approved(2, ""),
        approved(3, r#","userId":[3]"#),
        approved(4, r#","occurredAt":null"#),
    ]);
    let slots = async |store: &MemoryStore| {
        let question = RealtimeQuestion::new(now(), BUDGET, [OURS]);
        store.realtime(&question).await.expect("an answer").slots.remove(0).1
    };
    let derived = slots(&store).await;
    let expected = Coverage::of(3).left_out_in_store(NoTime, 1, 5).left_out_in_window(NoSubject, 1);
    assert_eq!(counted(&derived.members), (2, expected.clone()));
    assert_eq!((value(&derived.stock).value, &value(&derived.stock).coverage), (Stock::Held(2), &expected));

    let file = r#"[{"activityId":77,"counter":"many","members":[1,2]},{"activityId":78,"counter":1}]"#;
    let store = load(Files::new().realtime_from("realtime", Cursor::new(file)));
    let stored = slots(&store).await;
    assert!(matches!(stored.stock, Err(Missing::NotMeasured(Reason::BadValue))));
    assert_eq!(counted(&stored.members), (2, Coverage::of(1)));
    let probe = RealtimeSource::probe(&store, now(), BUDGET).await.expect("a probe");
    let [problem] = &probe.problems[..] else { panic!("{:?}", probe.problems) };
    assert!(problem.contains("realtime:1 counter has an invalid value"), "{problem}");
}

#[tokio::test]
async fn the_health_check_lists_what_cannot_be_used_with_places_and_no_values() {
    let mut lines: Vec<String> = (0..5).map(|user| view(user, r#","occurredAt":"someone-secret""#)).collect();
    lines.push(view(1, r#","userId":["someone-secret"]"#));
    lines.push(view(1, r#","occurredAt":"2024-11-12T18:00:00Z""#));
    lines.push(format!(r#"{{"_index":"i","_id":"1","_source":{}}}"#, view(5, "").replace("PAGE_VIEW", "PURCHASE")));
    let rows = [
        row("entry", 1, r#","status":"someone-secret""#),
        row("purchase", 1, r#","status":"someone-secret""#),
        row("purchase", 2, r#","price":"someone-secret""#),
        row("purchase", 3, r#","price":null"#),
        row("purchase", 4, r#","userId":"someone-secret""#),
        row("purchase", 5, r#","purchaseAt":"2024-11-12T18:00:00Z""#),
        "someone-secret".to_owned(),
    ];
    let store = load(Files::new().events_from("events.ndjson", text(&lines)).ledger_from("ledger.ndjson", text(&rows)));
    let found = |losses: &[StoreLoss]| -> Vec<(String, LeftOutReason, u64, u64, Vec<String>)> {
        assert!(losses.iter().all(|loss| !loss.advice.is_empty()));
        let loss = |loss: &StoreLoss| (loss.what.clone(), loss.reason, loss.records, loss.of, loss.examples.clone());
        losses.iter().map(loss).collect()
    };
    let places = |file: &str, lines: &[u64], what: &str| -> Vec<String> {
        lines.iter().map(|line| format!("{file}.ndjson:{line} {what}")).collect()
    };
    let probe = BehaviorSource::probe(&store, now(), BUDGET).await.expect("a probe");
    let event = |reason, records, examples| ("events".to_owned(), reason, records, 8, examples);
    let forged = "PURCHASE from an index that purchases are not accepted from";
    assert_eq!(
        found(&probe.losses),
        [
            event(NoTime, 5, places("events", &[1, 2, 3], "occurredAt has an invalid value")),
            event(Future, 1, vec![]),
            event(NoSubject, 1, places("events", &[6], "userId has an invalid value")),
            event(NotBelieved, 1, places("events", &[8], forged)),
        ]
    );
    let ledger = LedgerSource::probe(&store, now(), BUDGET).await.expect("a probe");
    let unreadable = || places("ledger", &[7], "not JSON");
    let unknown = |line| places("ledger", &[line], "status is none that is known");
    let entry = |reason, examples| ("entries".to_owned(), reason, 1, 2, examples);
    let purchase = |reason, records, examples| ("purchases".to_owned(), reason, records, 6, examples);
    let amounts =
        ["ledger.ndjson:3 price has an invalid value", "ledger.ndjson:4 price is missing"].map(str::to_owned).to_vec();
    assert_eq!(
        found(&ledger.losses),
        [
            entry(Unreadable, unreadable()),
            entry(UnknownStatus, unknown(1)),
            purchase(Unreadable, 1, unreadable()),
            purchase(Future, 1, vec![]),
            purchase(NoSubject, 1, places("ledger", &[5], "userId is no id")),
            purchase(UnknownStatus, 1, unknown(2)),
            purchase(BadAmount, 2, amounts),
        ]
    );
    assert!(!format!("{probe:?} {ledger:?} {:?}", store.report(now())).contains("someone-secret"));
}
