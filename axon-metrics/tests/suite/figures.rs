//! Figures by their keys: each is the value at its path in the JSON of the answer, or missing with a reason.

#![cfg(feature = "memory")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::small;

use axon_metrics::{
    ActivityId, Dashboard, DashboardAnswer, DashboardRequest, Lifetimes, MemoryStore, Widget,
    answer::{At, Figure, FigureValue, MissingDetail, MissingReason, NoFigure},
    definitions::{FigureKey, Unit},
    memory::{Purchase, Slot, SlotChange},
};
use serde_json::Value;
use small::{ACTIVITY, activity, answer, ask, at, campaign, catalog, event, sale, shop};

const OTHER: u64 = 5;

/// A store with records for every figure that can be measured.
fn full_store() -> MemoryStore {
    let store = MemoryStore::new(catalog([activity(ACTIVITY)]));
    for (day, users) in [("2024-11-11", 20), ("2024-11-04", 10)] {
        let on = |trigger: &str, users: u64| {
            (1..=users).map(|user| event(trigger, user, &format!("{day}T10:00:00Z"))).collect::<Vec<_>>()
        };
        store.append_events(on("PAGE_VIEW", users).into_iter().chain(on("CLICK", users / 2)));
        store.append_events(on("APPROVED", users / 3).into_iter().chain(on("PURCHASE", users / 4)));
    }
    store.append_events([event("PAGE_VIEW", 1, "2024-11-12T10:27:00Z")]);
    store.append_slots((1..=7).map(|user| Slot { activity: ActivityId(ACTIVITY), user, change: SlotChange::Taken }));
    let history = (1..=28).map(|day| shop(day, &format!("2024-10-{day:02}T08:00:00Z")));
    let elsewhere = Purchase { activity: Some(ActivityId(OTHER)), ..shop(60, "2024-11-10T08:00:00Z") };
    store.append_purchases(history.chain([
        sale(50, "2024-11-10T08:00:00Z"),
        shop(51, "2024-11-10T09:00:00Z"),
        elsewhere,
    ]));
    store
}

fn everything() -> DashboardRequest {
    campaign().widgets(Widget::ALL).compare_previous()
}

/// The value at a path of `data`. An activity is given by its id.
fn at_path<'a>(data: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(data, |value, part| match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
        None => &value[part],
        Some((list, index)) => {
            let (items, index) = (value[list].as_array().unwrap(), index.parse::<u64>().unwrap());
            let by_id = items.iter().find(|item| item["activityId"] == index);
            by_id.unwrap_or_else(|| &items[usize::try_from(index).unwrap()])
        }
    })
}

/// Whether the variant of a value fits the unit of its key.
fn variant_fits(value: FigureValue, key: FigureKey) -> bool {
    let is_expectation = matches!(key, FigureKey::BaselineOrders | FigureKey::BaselineQuantity);
    match value {
        FigureValue::Percent(_) => key.unit() == Unit::Percent,
        FigureValue::Money(_) => key.unit() == Unit::Money,
        FigureValue::Instant(_) => key.unit() == Unit::Instant,
        FigureValue::Number(_) => is_expectation,
        FigureValue::Count(_) => !is_expectation && !matches!(key.unit(), Unit::Percent | Unit::Money | Unit::Instant),
        _ => false,
    }
}

fn missing<'a>(figure: &Figure<'a>) -> (MissingReason, Option<&'a MissingDetail>) {
    match figure.value {
        Err(NoFigure::Missing(missing)) => (missing.reason, missing.detail.as_ref()),
        ref other => panic!("{}: {other:?}", figure.path),
    }
}

#[tokio::test]
async fn every_figure_is_what_the_json_has_at_its_path() {
    let answer = answer(&full_store(), everything()).await;
    let data = serde_json::to_value(&answer.data).unwrap();
    for key in FigureKey::ALL {
        let figures = answer.figures_of(key).unwrap_or_else(|why| panic!("{key}: {why}"));
        assert!(!figures.is_empty(), "{key}");
        for figure in figures {
            assert_eq!(answer.figure_of(key, figure.at), figure);
            let json = at_path(&data, &figure.path);
            if key == FigureKey::BaselineBuyers {
                assert_eq!((missing(&figure), json), ((MissingReason::NotSupported, None), &Value::Null));
                continue;
            }
            let value = figure.value.unwrap_or_else(|why| panic!("{}: {why}", figure.path));
            assert_eq!(&serde_json::to_value(value).unwrap(), json, "{}", figure.path);
            assert!(variant_fits(value, key), "{key}: {value:?}");
        }
    }
    let paths = |key| answer.figures_of(key).unwrap().into_iter().map(|figure| figure.path).collect::<Vec<_>>();
    assert_eq!(paths(FigureKey::ConversionRate), ["overview.conversionRate"]);
    assert_eq!(paths(FigureKey::Change)[4], "overview.change.conversionRate");
    assert_eq!(paths(FigureKey::StepValue)[3], "funnel.steps[3].value");
    assert_eq!(paths(FigureKey::OtherPromotionOrders), ["comparison.otherPromotions[5].orders"]);
    assert_eq!(paths(FigureKey::HourlyVisits)[23], "realtime.hourlyInflow[23].visits");
    assert_eq!(paths(FigureKey::ActivityTotalVisits), ["activities[789].totalVisits"]);
}

#[tokio::test]
async fn a_figure_of_a_list_is_found_by_what_it_is_about() {
    let answer = answer(&full_store(), everything()).await;
    let count = |key, at| answer.figure_of(key, at).value.unwrap().count();
    assert_eq!(count(FigureKey::StepValue, At::Step("purchase")), Some(5));
    assert_eq!(count(FigureKey::ActivityTotalVisits, At::Activity(ActivityId(ACTIVITY))), Some(21));
    assert_eq!(count(FigureKey::OtherPromotionOrders, At::Activity(ActivityId(OTHER))), Some(1));
    assert_eq!(count(FigureKey::HourlyVisits, At::Hour(at("2024-11-12T10:00:00Z"))), Some(1));
    let change = answer.figure_of(FigureKey::Change, At::Total(FigureKey::TotalVisits)).value.unwrap();
    assert_eq!(change.decimal().unwrap().to_string(), "110");
    let funnel = answer.data.funnel.as_ref().unwrap();
    assert_eq!(funnel.step("purchase").and_then(|step| step.value), Some(5));
    assert_eq!(funnel.step("share"), None);
    for (key, at) in [
        (FigureKey::StepValue, At::Step("share")),
        (FigureKey::StepValue, At::Whole),
        (FigureKey::ConversionRate, At::Step("purchase")),
        (FigureKey::HourlyVisits, At::Hour(at("2024-11-12T10:00:01Z"))),
        (FigureKey::OtherPromotionOrders, At::Activity(ActivityId(ACTIVITY))),
    ] {
        assert_eq!(answer.figure_of(key, at).value, Err(NoFigure::NotListed), "{key} {at:?}");
    }
}

/// The answer of a dashboard with only the catalog connected.
async fn without_sources() -> DashboardAnswer {
    let dashboard = Dashboard::builder().catalog(full_store()).lifetimes(Lifetimes::none()).build();
    ask(dashboard, everything()).await
}

#[tokio::test]
async fn without_sources_every_figure_is_missing_with_its_reason() {
    let answer = without_sources().await;
    let no_source = (MissingReason::NotMeasured, Some(&MissingDetail::NoSource));
    for key in FigureKey::ALL {
        match answer.figures_of(key) {
            // The whole list is null.
            Err(NoFigure::Missing(list)) => {
                assert!(matches!(key, FigureKey::HourlyVisits | FigureKey::OtherPromotionOrders), "{key}");
                assert_eq!((list.reason, list.detail.as_ref()), no_source, "{key}");
                let one = answer.figure_of(key, At::Activity(ActivityId(OTHER)));
                assert_eq!(missing(&one), no_source, "{key}");
            }
            Err(why) => panic!("{key}: {why}"),
            Ok(figures) => {
                assert!(!figures.is_empty(), "{key}");
                for figure in figures {
                    match key {
                        // The limit comes from the catalog.
                        FigureKey::InitialStock => assert_eq!(figure.value, Ok(FigureValue::Count(100))),
                        FigureKey::BaselineBuyers => assert_eq!(missing(&figure), (MissingReason::NotSupported, None)),
                        _ => assert_eq!(missing(&figure), no_source, "{}", figure.path),
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_figure_that_was_not_asked_for_is_not_missing() {
    let answer = answer(&full_store(), campaign().widgets([Widget::Overview])).await;
    for key in FigureKey::ALL {
        let asked = key.widget() == Widget::Overview && key != FigureKey::Change;
        assert_eq!(answer.figure(key).value == Err(NoFigure::NotAsked), !asked, "{key}");
        assert_eq!(answer.figures_of(key) == Err(NoFigure::NotAsked), !asked, "{key}");
    }
}

#[tokio::test]
async fn a_null_without_a_reason_is_unexplained() {
    let mut answer = without_sources().await;
    answer.widgets.values_mut().for_each(|state| state.missing.clear());
    for key in [FigureKey::TotalVisits, FigureKey::RemainingStock] {
        assert_eq!(answer.figure(key).value, Err(NoFigure::Unexplained), "{key}");
    }
    assert_eq!(answer.figures_of(FigureKey::HourlyVisits), Err(NoFigure::Unexplained));
}

#[test]
fn every_key_has_a_path_of_its_own_in_its_widget() {
    let mut paths: Vec<&str> = FigureKey::ALL.into_iter().map(FigureKey::path).collect();
    for key in FigureKey::ALL {
        let first = key.path().split(['.', '[']).next();
        assert_eq!(first, Some(key.widget().name()), "{key}");
    }
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), FigureKey::ALL.len());
}
