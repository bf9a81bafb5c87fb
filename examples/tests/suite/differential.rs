//! Answers over real stores equal those over the embedded store with the same data, in every layout.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "differential/compare.rs"]
mod compare;
use crate::{figures, platform};

use std::{io, io::Cursor, sync::Arc, time::Duration};

use axon_examples::{
    generator::{
        Catalog, Config, Entry, Event, NdjsonSink, Outputs, Plan, Purchase, PurchaseStatus, Sink, Slot, Topic,
    },
    stores::{Layout, load::Keep},
};
use axon_metrics::{
    Bound, Dashboard, DashboardRequest, Files, MemoryStore, Mode, Period, Timestamp, Widget,
    answer::DashboardAnswer,
    widget::{MissingDetail, MissingReason},
};
use chrono::{NaiveDate, TimeDelta, TimeZone as _};
use compare::Unsupported;
use figures::is_history_loading;
use platform::Platform;

const ZONE: chrono_tz::Tz = chrono_tz::Asia::Seoul;
/// Twice the precision of a float of seconds of this century.
const MARGIN: TimeDelta = TimeDelta::seconds(256);

fn config() -> Config {
    Config { events: 250_000, export: true, zone: ZONE, ..Config::default() }
}

fn periods() -> Vec<(&'static str, Period)> {
    let day = |text: &str| Bound::Date(text.parse().unwrap());
    let instant = |text: &str| Bound::At(text.parse().unwrap());
    let days = Period::Custom { start: day("2024-10-20"), end: day("2024-11-02") };
    let instants = Period::Custom { start: instant("2024-11-08T03:00:00Z"), end: instant("2024-11-12T00:00:00Z") };
    vec![
        ("1d", Period::Today),
        ("7d", Period::Last7Days),
        ("30d", Period::Last30Days),
        ("days", days),
        ("instants", instants),
    ]
}

/// The start and end of each window of the questions.
fn bounds(as_of: Timestamp) -> Vec<Timestamp> {
    let mut bounds: Vec<Timestamp> = (-1..25).map(|hours| as_of.trunc(hours)).collect();
    for (_, period) in periods() {
        let range = period.resolve(as_of, ZONE).unwrap();
        let windows = [Some(range.window), range.previous()];
        bounds.extend(windows.into_iter().flatten().flat_map(|window| [window.from, window.to]));
    }
    bounds.push(as_of);
    bounds.sort_unstable();
    bounds
}

trait Clock {
    fn trunc(self, hours: i64) -> Timestamp;
}
impl Clock for Timestamp {
    /// The full hour `hours` before.
    fn trunc(self, hours: i64) -> Timestamp {
        let hour = self.timestamp().div_euclid(3_600) - hours;
        Timestamp::from_timestamp(hour * 3_600, 0).unwrap()
    }
}

/// A filter of events that all indices of the layout represent exactly enough: times in a float must not be close to a bound.
fn keep(layout: Layout) -> Keep {
    let one_index = layout == Layout::Plan;
    let exact = move |event: &Event| layout == Layout::Aug2026 && event.document.topic == Topic::Behavior;
    let bounds = bounds(config().now);
    Arc::new(move |event: &Event| {
        let at = event.occurred();
        let next = bounds.partition_point(|bound| *bound < at);
        let near = |index: usize| bounds.get(index).is_some_and(|bound| (*bound - at).abs() <= MARGIN);
        let close = !exact(event) && (near(next) || next.checked_sub(1).is_some_and(near));
        !(close || one_index && event.is_forged())
    })
}

/// Writes the events and rows of the real stores to the files of the embedded store.
struct FilteredSink<'a> {
    inner: NdjsonSink<'a>,
    keep: Keep,
    has_status: bool,
}

impl Sink for FilteredSink<'_> {
    fn catalog(&mut self, catalog: &Catalog) -> io::Result<()> {
        self.inner.catalog(catalog)
    }
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if (self.keep)(event) { self.inner.event(event) } else { Ok(()) }
    }
    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        self.inner.entry(entry)
    }
    fn purchase(&mut self, purchase: &Purchase) -> io::Result<()> {
        let counts = self.has_status || purchase.status == PurchaseStatus::Confirmed;
        if counts { self.inner.purchase(purchase) } else { Ok(()) }
    }
    fn realtime(&mut self, slots: &[Slot]) -> io::Result<()> {
        self.inner.realtime(slots)
    }
}

fn embedded(layout: Layout, keep: Keep, has_status: bool) -> Dashboard {
    let plan = Plan::new(config()).unwrap();
    let (mut events, mut catalog, mut ledger, mut realtime) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let outputs = Outputs { events: &mut events, catalog: &mut catalog, ledger: &mut ledger, realtime: &mut realtime };
    let mut sink = FilteredSink { inner: NdjsonSink::new(&config(), outputs), keep, has_status };
    plan.generate(&mut sink, |_| {}).unwrap();
    let files = Files::new()
        .events_from("events", Cursor::new(events))
        .catalog_from("catalog", Cursor::new(catalog))
        .ledger_from("ledger", Cursor::new(ledger))
        .realtime_from("realtime", Cursor::new(realtime));
    let store = MemoryStore::load(files.zone(ZONE)).unwrap();
    Dashboard::builder()
        .memory(store)
        .lifetimes(axon_metrics::Lifetimes::none())
        .zone(ZONE)
        .step_rules(platform::rules(layout))
        .build()
}

/// All scopes of the data.
fn scopes(platform: &Platform) -> Vec<(String, bool, DashboardRequest)> {
    let mut scopes = Vec::new();
    for campaign in &platform.catalog.campaigns {
        let id = u64::from(campaign.id);
        scopes.push((format!("campaign {id}"), true, DashboardRequest::campaign(id)));
        for activity in &campaign.activities {
            let id = u64::from(activity.id);
            scopes.push((format!("activity {id}"), false, DashboardRequest::activity(id)));
        }
    }
    scopes
}

/// An answer with the weeks before a promotion, which are loaded in the background after the first request.
async fn whole(dashboard: &Dashboard, request: &DashboardRequest, as_of: Timestamp) -> DashboardAnswer {
    for _ in 0..100 {
        let answer = dashboard.answer(request, as_of).await.unwrap();
        if !answer.widgets.values().any(is_history_loading) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the weeks before a promotion are not loaded after ten seconds");
}

async fn assert_same_answers(layout: Layout, sql: &str, unsupported: Unsupported) {
    let Some(platform) = Platform::load(layout, config(), sql, Some(keep(layout))).await else { return };
    assert!(platform.documents >= 200_000, "{} documents", platform.documents);
    let exact = embedded(layout, keep(layout), !unsupported.status);
    let real = platform.patient_dashboard();
    let as_of = platform.expected.as_of;
    let mut answers = 0;
    for (scope, has_activities, request) in scopes(&platform) {
        for (period_name, period) in periods() {
            for mode in [Mode::Count, Mode::Unique] {
                let mut widgets =
                    vec![Widget::Overview, Widget::Funnel, Widget::Comparison, Widget::Realtime, Widget::Trend];
                widgets.extend(has_activities.then_some(Widget::Activities));
                let request = request.clone().widgets(widgets).period(period).mode(mode).compare_previous();
                let what = format!("{layout}: {scope}, {period_name}, {}", mode.code());
                let (real, exact) = tokio::join!(whole(&real, &request, as_of), exact.answer(&request, as_of));
                compare::same(real, exact.unwrap(), unsupported, &what);
                answers += 1;
            }
        }
    }
    assert_eq!(answers, scopes(&platform).len() * periods().len() * 2);
    assert!(answers >= 150, "only {answers} answers were compared");
    platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_of_december_answers_as_the_embedded_store() {
    assert_same_answers(Layout::Dec2025, "AXON_TEST_MARIADB_URL", Unsupported { active: true, status: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_of_august_answers_as_the_embedded_store() {
    assert_same_answers(Layout::Aug2026, "AXON_TEST_MYSQL_URL", Unsupported { active: true, status: false }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plans_layout_answers_as_the_embedded_store() {
    assert_same_answers(Layout::Plan, "AXON_TEST_MARIADB_URL", Unsupported { active: true, status: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn visits_of_rejected_documents_are_not_measured_and_not_zero() {
    let config = Config { events: 20_000, ..config() };
    let Some(platform) = Platform::load(Layout::Rejected, config, "AXON_TEST_MARIADB_URL", None).await else { return };
    let real = platform.patient_dashboard();
    let campaigns = scopes(&platform).into_iter().filter(|(_, is_campaign, _)| *is_campaign);
    for (index, (scope, _, request)) in campaigns.enumerate() {
        for mode in [Mode::Count, Mode::Unique] {
            let widgets = [Widget::Overview, Widget::Realtime, Widget::Comparison];
            let request = request.clone().widgets(widgets).mode(mode);
            let answer = real.answer(&request, platform.expected.as_of).await.unwrap();
            let totals = answer.data.overview.unwrap().totals;
            let realtime = answer.data.realtime.unwrap();
            let figures = &platform.expected.campaigns[index].figures;
            assert_eq!(
                totals.purchase_count.is_some(),
                figures.funnel,
                "{scope}: purchases, which have an index of their own"
            );
            let sold = answer.data.comparison.unwrap().promotion.orders;
            assert_eq!(sold, Some(figures.periods.week.sales.promotion.orders), "{scope}");
            assert_eq!(realtime.participants_total, Some(figures.stock.participants_total), "{scope}");
            assert_eq!((totals.total_visits, totals.total_participants, totals.approved_count), (None, None, None));
            assert_eq!((realtime.active_users, realtime.hourly_inflow.is_none()), (None, true));
            let no_records = MissingDetail::NoRecords;
            for (widget, field) in [
                (Widget::Overview, "totalVisits"),
                (Widget::Overview, "approvedCount"),
                (Widget::Realtime, "activeUsers"),
                (Widget::Realtime, "hourlyInflow"),
            ] {
                let missing = &answer.widgets[&widget].missing;
                let actual = missing.iter().find(|missing| missing.field == field).unwrap_or_else(|| panic!("{field}"));
                if actual.reason != MissingReason::NotSupported {
                    let reason = (actual.reason, actual.detail.as_ref());
                    assert_eq!(reason, (MissingReason::NotMeasured, Some(&no_records)), "{scope} {field}");
                }
            }
        }
    }
    platform.remove().await;
}

#[test]
fn the_bounds_have_midnights_and_the_hours_of_the_last_day() {
    let midnight = ZONE.from_local_datetime(&NaiveDate::from_ymd_opt(2024, 11, 6).unwrap().into()).unwrap();
    let bounds = bounds(config().now);
    assert!(bounds.contains(&midnight.to_utc()) && bounds.len() > 40, "{bounds:?}");
}
