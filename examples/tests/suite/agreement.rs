//! The library's answers equal the totals that the generator counts independently, for every campaign and activity, period and
//! mode, and in every format of its lines.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::cast_possible_truncation, reason = "generated ids are small")]

use crate::common;

use std::io::{Cursor, Write as _};

use axon_examples::generator::{Config, Figures, PeriodFigures, Sales, TimeFormat};
use axon_metrics::{
    Dashboard, DashboardRequest, Files, MemoryStore, Mode, Money, Period, Widget,
    answer::DashboardAnswer,
    widget::{BaselineMethod, SalesFigures},
};

fn load(files: &common::Files, gzip: bool) -> MemoryStore {
    let packed = |bytes: &[u8]| {
        if !gzip {
            return bytes.to_vec();
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let json = |value: &serde_json::Value| packed(&serde_json::to_vec(value).unwrap());
    let zone = files.expected.setting.zone.parse().unwrap();
    MemoryStore::load(
        Files::new()
            .events_from("events", Cursor::new(packed(&files.events)))
            .catalog_from("catalog", Cursor::new(json(&files.catalog)))
            .ledger_from("ledger", Cursor::new(packed(&files.ledger)))
            .realtime_from("realtime", Cursor::new(json(&files.realtime)))
            .zone(zone),
    )
    .unwrap()
}

/// The number of comparisons.
#[derive(Default)]
struct ComparisonCounts {
    answers: usize,
    baselines: usize,
}

/// Compares all totals of the generator.
fn agree(config: Config, gzip: bool) -> ComparisonCounts {
    let zone = config.zone;
    let files = common::generate(config);
    let expected = &files.expected;
    let store = load(&files, gzip);

    let report = store.report(expected.as_of);
    assert_eq!(report.rejected.total, 0, "{:?}", report.rejected.first);
    let (actual, wanted) = (&report.events, &expected.load);
    assert_eq!((actual.lines, actual.duplicates), (wanted.lines, wanted.duplicates));
    assert_eq!((actual.disbelieved, actual.without_activity), (wanted.forged_purchases, wanted.without_activity));
    assert_eq!(actual.kept + actual.without_activity, wanted.events);
    assert_eq!(actual.triggers, wanted.events_by_trigger);
    assert_eq!((report.ledger.entries, report.ledger.purchases), (wanted.entries, wanted.purchases));

    let dashboard = Dashboard::builder().memory(store).lifetimes(axon_metrics::Lifetimes::none()).zone(zone).build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut compared = ComparisonCounts::default();
    let ask = |request: DashboardRequest, period: Period, mode: Mode| -> DashboardAnswer {
        let widgets = [Widget::Overview, Widget::Funnel, Widget::Comparison, Widget::Realtime];
        let request = request.widgets(widgets).period(period).mode(mode).compare_previous();
        runtime.block_on(dashboard.answer(&request, expected.as_of)).unwrap()
    };
    for campaign in &expected.campaigns {
        let scopes = [(DashboardRequest::campaign(u64::from(campaign.campaign_id)), &campaign.figures)];
        let activities = campaign.activities.iter();
        let activities = activities.map(|one| (DashboardRequest::activity(u64::from(one.activity_id)), &one.figures));
        for (request, figures) in scopes.into_iter().chain(activities) {
            let periods = &figures.periods;
            let periods = [
                (Period::Today, &periods.day),
                (Period::Last7Days, &periods.week),
                (Period::Last30Days, &periods.month),
            ];
            for (period, of_period) in periods {
                for mode in [Mode::Count, Mode::Unique] {
                    let answer = ask(request.clone(), period, mode);
                    let what = format!("{:?} {} {}", request.scope(), period.code(), mode.code());
                    same_steps(&answer, figures.funnel, of_period, mode, &what);
                    compared.answers += 1;
                    compared.baselines += usize::from(same_sales(&answer, of_period, &what));
                    same_realtime(&answer, figures, &what);
                }
            }
        }
    }
    compared
}

fn same_steps(answer: &DashboardAnswer, funnel: bool, expected: &PeriodFigures, mode: Mode, what: &str) {
    assert_eq!((answer.range.from, answer.range.to), (expected.range.from, expected.range.to), "{what}");
    let previous = answer.range.previous.unwrap();
    assert_eq!((previous.from, previous.to), (expected.previous_range.from, expected.previous_range.to), "{what}");
    let steps = &answer.data.funnel.as_ref().unwrap().steps;
    let now: Vec<Option<u64>> = steps.iter().map(|step| step.value).collect();
    let before: Vec<Option<u64>> = steps.iter().map(|step| step.previous.as_ref().unwrap().value).collect();
    let (counts, earlier) = match mode {
        Mode::Count => (expected.counts, expected.previous_counts),
        _ => (expected.uniques, expected.previous_uniques),
    };
    let wanted = |counts: [u64; 4]| counts.map(|count| funnel.then_some(count)).to_vec();
    assert_eq!((now, before), (wanted(counts), wanted(earlier)), "{what}");
}

/// Compares the sales. Returns whether they had a baseline.
fn same_sales(answer: &DashboardAnswer, expected: &PeriodFigures, what: &str) -> bool {
    let comparison = answer.data.comparison.as_ref().unwrap();
    same_sums(&comparison.promotion, &expected.sales.promotion, what);
    if comparison.products.is_empty() {
        assert_eq!(comparison.regular.orders, None, "{what}");
        return false;
    }
    same_sums(&comparison.regular, &expected.sales.regular, what);
    let others = comparison.other_promotions.as_ref().unwrap().iter();
    let others: Vec<_> =
        others.map(|one| (one.campaign_id.unwrap().0 as u32, one.activity_id.0 as u32, one.orders)).collect();
    let wanted = expected.sales.other_promotions.iter();
    let wanted: Vec<_> = wanted.map(|one| (one.campaign_id, one.activity_id, one.orders)).collect();
    assert_eq!(others, wanted, "{what}");
    // The generator expects a baseline only if the history has four full weeks without a change of clocks.
    let Some(expected) = &expected.sales.baseline else { return false };
    let baseline = &comparison.baseline;
    assert_eq!((baseline.method, baseline.weeks), (Some(BaselineMethod::HourOfWeek), Some(4)), "{what}");
    let actual = [baseline.orders.unwrap().value(), baseline.quantity.unwrap().value(), baseline.revenue.unwrap().0];
    let wanted = [&expected.orders, &expected.quantity, &expected.revenue].map(|sum| sum.parse::<Money>().unwrap());
    assert_eq!(actual, wanted, "{what}");
    true
}

fn same_sums(actual: &SalesFigures, expected: &Sales, what: &str) {
    let sums = (actual.orders, actual.quantity, actual.buyers, actual.cancelled);
    let wanted = (expected.orders, expected.quantity, expected.buyers, expected.cancelled);
    assert_eq!(sums, (Some(wanted.0), Some(wanted.1), Some(wanted.2), Some(wanted.3)), "{what}");
    assert_eq!(actual.revenue.unwrap().0, expected.revenue.parse().unwrap(), "{what}");
}

fn same_realtime(answer: &DashboardAnswer, expected: &Figures, what: &str) {
    let realtime = answer.data.realtime.as_ref().unwrap();
    assert_eq!(realtime.remaining_stock, expected.stock.remaining_stock, "{what}");
    assert_eq!(realtime.initial_stock, expected.stock.initial_stock, "{what}");
    assert_eq!(realtime.participants_total, Some(expected.stock.participants_total), "{what}");
    assert_eq!(realtime.active_users, Some(expected.active_users), "{what}");
    let inflow: Vec<_> = realtime.hourly_inflow.as_ref().unwrap().iter().map(|hour| (hour.from, hour.visits)).collect();
    let wanted: Vec<_> = expected.inflow.iter().map(|hour| (hour.from, hour.visits)).collect();
    assert_eq!(inflow, wanted, "{what}");
}

fn config(events: u64) -> Config {
    Config { events, ..Config::default() }
}

#[test]
fn two_hundred_thousand_events_agree() {
    let compared = agree(config(200_000), false);
    assert!(
        compared.answers > 50 && compared.baselines > 0,
        "{} answers, {} baselines",
        compared.answers,
        compared.baselines
    );
}

#[test]
fn an_export_agrees_without_duplicates_and_forged_purchases() {
    agree(Config { export: true, ..config(50_000) }, false);
}

#[test]
fn every_form_of_time_agrees_plain_and_compressed() {
    for time_format in [
        TimeFormat::Seconds,
        TimeFormat::Millis,
        TimeFormat::Iso,
        TimeFormat::IsoOffset,
        TimeFormat::Local,
        TimeFormat::Mixed,
    ] {
        agree(Config { time_format, ..config(20_000) }, time_format == TimeFormat::Iso);
    }
}

#[test]
fn other_zones_and_seeds_agree() {
    for (seed, zone) in [(2, chrono_tz::UTC), (3, chrono_tz::Asia::Kathmandu), (4, chrono_tz::America::Los_Angeles)] {
        agree(Config { seed, zone, ..config(20_000) }, false);
    }
}
