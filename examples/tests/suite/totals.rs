//! The expected totals, computed again from the written lines by a slow and simple reader.

use crate::common;

use std::collections::{BTreeMap, BTreeSet};

use axon_examples::generator::{Config, Figures, PeriodFigures, Range, Sales};
use common::{Files, activities, counted_documents, generate, id, lines, millis, subject};
use serde_json::Value;

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;
const STEPS: [&str; 4] = ["PAGE_VIEW", "CLICK", "APPROVED", "PURCHASE"];

/// A set of activities whose totals are checked.
struct Scope<'a> {
    ids: Vec<u64>,
    figures: &'a Figures,
    name: String,
    /// Whether the scope is one activity, not a campaign.
    alone: bool,
}

fn scopes(files: &Files) -> Vec<Scope<'_>> {
    let mut scopes = Vec::new();
    for campaign in &files.expected.campaigns {
        let ids = campaign.activities.iter().map(|activity| u64::from(activity.activity_id));
        scopes.push(Scope {
            ids: ids.collect(),
            figures: &campaign.figures,
            name: campaign.name.clone(),
            alone: false,
        });
        scopes.extend(campaign.activities.iter().map(|activity| Scope {
            ids: vec![activity.activity_id.into()],
            figures: &activity.figures,
            name: activity.name.clone(),
            alone: true,
        }));
    }
    scopes
}

fn periods(figures: &Figures) -> [&PeriodFigures; 3] {
    [&figures.periods.day, &figures.periods.week, &figures.periods.month]
}

fn inside(range: Range, at: i64) -> bool {
    range.from.timestamp_millis() <= at && at < range.to.timestamp_millis()
}

fn both() -> [Files; 2] {
    both_of(20_000)
}

/// The files as plain lines and as an export.
fn both_of(events: u64) -> [Files; 2] {
    [false, true].map(|export| {
        generate(Config {
            events,
            now: "2024-11-12T10:30:45.678Z".parse().expect("an instant"),
            export,
            ..Config::default()
        })
    })
}

#[test]
fn ranges_are_calendar_days_of_seoul() {
    let [files, _] = both();
    let as_of = files.expected.as_of.timestamp_millis();
    assert_eq!(files.expected.as_of.to_rfc3339(), "2024-11-12T10:30:45+00:00");
    let today = (as_of + 9 * HOUR) / DAY * DAY - 9 * HOUR;
    for scope in scopes(&files) {
        for (period, (days, shift)) in periods(scope.figures).into_iter().zip([(1, 7), (7, 7), (30, 30)]) {
            let range = |range: Range| (range.from.timestamp_millis(), range.to.timestamp_millis());
            let from = today - (days - 1) * DAY;
            assert_eq!(range(period.range), (from, as_of));
            assert_eq!(range(period.previous_range), (from - shift * DAY, as_of - shift * DAY));
        }
    }
}

#[test]
fn steps_equal_a_naive_count() {
    for files in both() {
        let events = counted_documents(&files.events);
        let funnel = activities(&files.catalog, true);
        for scope in scopes(&files) {
            for period in periods(scope.figures) {
                let count = |range: Range| {
                    let mut counts = [0u64; 4];
                    let mut people: [BTreeSet<String>; 4] = Default::default();
                    for event in &events {
                        let Some(activity) = id(&event["properties"]["activityId"]) else {
                            continue;
                        };
                        let step = STEPS.iter().position(|step| event["triggerType"] == *step);
                        let (true, true, Some(step), true) = (
                            scope.ids.contains(&activity),
                            funnel.contains_key(&activity),
                            step,
                            inside(range, millis(&event["occurredAt"])),
                        ) else {
                            continue;
                        };
                        counts[step] += 1;
                        people[step].extend(subject(event));
                    }
                    (counts, people.map(|people| people.len() as u64))
                };
                let actual = (count(period.range), count(period.previous_range));
                let expected = ((period.counts, period.uniques), (period.previous_counts, period.previous_uniques));
                assert_eq!(actual, expected, "{}", scope.name);
            }
        }
    }
}

#[test]
fn inflow_and_active_users_equal_a_naive_count() {
    for files in both_of(100_000) {
        let as_of = files.expected.as_of.timestamp_millis();
        let events: Vec<Value> = counted_documents(&files.events)
            .into_iter()
            .filter(|event| millis(&event["occurredAt"]) > as_of - 25 * HOUR)
            .collect();
        let mut active_somewhere = 0;
        for scope in scopes(&files) {
            let mine: Vec<&Value> = events
                .iter()
                .filter(|event| id(&event["properties"]["activityId"]).is_some_and(|id| scope.ids.contains(&id)))
                .filter(|event| millis(&event["occurredAt"]) < as_of)
                .collect();
            let inflow = &scope.figures.inflow;
            assert_eq!(inflow.len(), 24);
            assert_eq!(inflow[23].from.timestamp_millis(), as_of / HOUR * HOUR);
            for hour in inflow {
                let range = Range { from: hour.from, to: hour.to };
                let visits = mine
                    .iter()
                    .filter(|event| event["triggerType"] == "PAGE_VIEW")
                    .filter(|event| inside(range, millis(&event["occurredAt"])));
                assert_eq!(visits.count() as u64, hour.visits, "{}", scope.name);
            }
            let active: BTreeSet<String> = mine
                .iter()
                .filter(|event| millis(&event["occurredAt"]) >= as_of - 300_000)
                .filter_map(|event| subject(event))
                .collect();
            assert_eq!(active.len() as u64, scope.figures.active_users, "{}", scope.name);
            active_somewhere += active.len();
        }
        assert!(active_somewhere > 0);
    }
}

#[test]
fn stock_equals_that_of_the_realtime_file() {
    let [files, _] = both();
    let slots: BTreeMap<u64, &Value> = files
        .realtime
        .as_array()
        .expect("slots")
        .iter()
        .map(|slot| (slot["activityId"].as_u64().expect("an id"), slot))
        .collect();
    let mut limits = BTreeMap::new();
    for campaign in files.catalog["campaigns"].as_array().expect("campaigns") {
        for activity in campaign["activities"].as_array().expect("activities") {
            limits.insert(activity["id"].as_u64().expect("an id"), activity["limitCount"].as_u64());
        }
    }
    let (mut drifted, mut absent) = (0, 0);
    for scope in scopes(&files) {
        let (mut initial, mut remaining, mut members) = (Some(0), Some(0), 0);
        for activity in &scope.ids {
            let (counter, held) = slots.get(activity).map_or((0, 0), |slot| {
                let held = slot["members"].as_array().expect("members").len() as u64;
                (slot["counter"].as_u64().expect("a counter"), held)
            });
            absent += u32::from(!slots.contains_key(activity));
            drifted += u32::from(counter != held);
            members += held;
            initial = initial.zip(limits[activity]).map(|(sum, limit)| sum + limit);
            remaining = remaining.zip(limits[activity]).map(|(sum, limit)| sum + limit - counter);
        }
        let stock = &scope.figures.stock;
        assert_eq!(
            (stock.initial_stock, stock.remaining_stock, stock.participants_total),
            (initial, remaining, members),
            "{}",
            scope.name
        );
    }
    // Each activity counts twice: alone and in its campaign.
    assert_eq!((drifted, absent), (2, 2));
}

/// An amount with two decimals in hundredths.
fn hundredths(price: &Value) -> u64 {
    price.as_str().expect("text").replace('.', "").parse().expect("an amount")
}

fn sales<'a>(purchases: impl Iterator<Item = &'a Value>) -> Sales {
    let (mut sales, mut revenue, mut buyers) = (Sales::default(), 0, BTreeSet::new());
    for purchase in purchases {
        if purchase["status"] == "CONFIRMED" {
            let quantity = purchase["quantity"].as_u64().expect("a quantity");
            sales.orders += 1;
            sales.quantity += quantity;
            revenue += hundredths(&purchase["price"]) * quantity;
            buyers.insert(purchase["userId"].as_u64());
        } else {
            sales.cancelled += 1;
        }
    }
    sales.revenue = format!("{}.{:02}", revenue / 100, revenue % 100);
    sales.buyers = buyers.len() as u64;
    sales
}

#[test]
fn sales_and_entries_equal_a_naive_sum() {
    for files in both() {
        let rows: Vec<Value> = lines(&files.ledger).collect();
        let purchases: Vec<&Value> = rows.iter().filter(|row| row["kind"] == "purchase").collect();
        let campaigns = activities(&files.catalog, false);
        let funnel = activities(&files.catalog, true);
        let (mut others_count, mut baselines_count) = (0, 0);
        for scope in scopes(&files) {
            let of_scope: Vec<&Value> = files.catalog["campaigns"]
                .as_array()
                .expect("campaigns")
                .iter()
                .flat_map(|campaign| campaign["activities"].as_array().expect("activities"))
                .filter(|activity| activity["id"].as_u64().is_some_and(|id| scope.ids.contains(&id)))
                .collect();
            let products: BTreeSet<u64> =
                of_scope.iter().filter_map(|activity| activity["productId"].as_u64()).collect();
            let start = of_scope.iter().map(|activity| millis(&activity["startAt"])).min();
            let end = of_scope.iter().map(|activity| millis(&activity["endAt"])).max();
            let (start, end) = (start.expect("a start"), end.expect("an end"));
            let sells = |row: &Value| row["productId"].as_u64().is_some_and(|id| products.contains(&id));
            let shop: Vec<&Value> =
                purchases.iter().copied().filter(|row| row["activityId"].is_null() && sells(row)).collect();
            for period in periods(scope.figures) {
                let from = period.range.from.timestamp_millis().max(start);
                let to = period.range.to.timestamp_millis().min(end);
                let inside_t = |row: &&Value| (from..to).contains(&millis(&row["purchaseAt"]));
                let mine = |row: &Value| row["activityId"].as_u64().is_some_and(|id| scope.ids.contains(&id));
                let expected = &period.sales;
                assert_eq!(expected.range.is_some(), from < to);
                let promotion = purchases.iter().copied().filter(|row| mine(row)).filter(inside_t);
                assert_eq!(sales(promotion), expected.promotion, "{}", scope.name);
                let regular = shop.iter().copied().filter(inside_t);
                assert_eq!(sales(regular), expected.regular, "{}", scope.name);

                let mut others = BTreeMap::new();
                for row in purchases.iter().copied().filter(inside_t) {
                    let other = row["activityId"].as_u64().filter(|_| !mine(row) && sells(row));
                    if let Some(activity) = other.filter(|_| row["status"] == "CONFIRMED") {
                        *others.entry((activity, campaigns[&activity])).or_insert(0u64) += 1;
                    }
                }
                let expected_others: BTreeMap<(u64, u64), u64> = expected
                    .other_promotions
                    .iter()
                    .map(|o| ((o.activity_id.into(), o.campaign_id.into()), o.orders))
                    .collect();
                assert_eq!(others, expected_others, "{}", scope.name);
                others_count += others.len();

                if let Some(baseline) = &expected.baseline {
                    baselines_count += 1;
                    // Each shop order of the four weeks counts with the time that its hour of the week has in the promotion.
                    let orders: f64 = shop
                        .iter()
                        .filter(|row| row["status"] == "CONFIRMED")
                        .map(|row| millis(&row["purchaseAt"]))
                        .filter(|at| (start - 28 * DAY..start).contains(at))
                        .map(|at| hours_in(at, from, to) / 4.0)
                        .sum();
                    let expected: f64 = baseline.orders.parse().expect("a number");
                    assert!((orders - expected).abs() < 0.006, "{orders} {expected} {}", scope.name);
                }

                let entries = |range: Range| {
                    let approved = rows.iter().filter(|row| {
                        let activity = row["activityId"].as_u64().unwrap_or(0);
                        row["kind"] == "entry"
                            && row["status"] == "APPROVED"
                            && scope.ids.contains(&activity)
                            && (scope.alone || funnel.contains_key(&activity))
                            && inside(range, millis(&row["createdAt"]))
                    });
                    approved.count() as u64
                };
                assert_eq!(entries(period.range), period.approved_entries, "{}", scope.name);
                let previous = entries(period.previous_range);
                assert_eq!(previous, period.previous_approved_entries, "{}", scope.name);
            }
        }
        assert!(others_count > 0 && baselines_count > 0);
    }
}

/// The hours of `from..to` that are the same hour of the week as `at`.
fn hours_in(at: i64, from: i64, to: i64) -> f64 {
    let slot = at.div_euclid(HOUR) * HOUR;
    (1..20)
        .map(|week| slot + week * 7 * DAY)
        .map(|slot| (to.min(slot + HOUR) - from.max(slot)).max(0))
        .map(|time| f64::from(i32::try_from(time).expect("an hour at most")) / 3_600_000.0)
        .sum()
}

#[test]
fn the_load_equals_a_naive_count() {
    for files in both() {
        let load = &files.expected.load;
        let as_of = files.expected.as_of.timestamp_millis();
        let events = counted_documents(&files.events);
        let count = |keep: &dyn Fn(&&Value) -> bool| events.iter().filter(keep).count() as u64;
        assert_eq!(events.len() as u64, load.events);
        assert_eq!(load.lines, load.events + load.duplicates + load.forged_purchases);
        let no_activity = |event: &&Value| id(&event["properties"]["activityId"]).is_none();
        assert_eq!(count(&no_activity), load.without_activity);
        assert_eq!(count(&|event| subject(event).is_none()), load.without_subject);
        assert_eq!(count(&|event| millis(&event["occurredAt"]) >= as_of), load.future);
        for (trigger, expected) in &load.events_by_trigger {
            assert_eq!(count(&|event| event["triggerType"] == trigger.as_str()), *expected);
        }
        let entries = lines(&files.ledger).filter(|row| row["kind"] == "entry").count() as u64;
        assert_eq!(entries, load.entries);
        assert!(load.future >= 2);
    }
}
