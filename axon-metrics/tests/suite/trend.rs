//! The widget `trend`: visits per day, with clock changes, cut days, future days, and missing counts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use axon_metrics::{
    ActivityId, Bound, Catalog, Dashboard, DashboardRequest, Files, LedgerStep, MemoryStore, Period, Record,
    SourceError, StepRules, Timestamp, Widget,
    answer::WidgetStatus,
    catalog::{Activity, ActivityKind, Campaign},
    facts::BehaviorFacts,
    memory::Event,
    source::{BehaviorQuestion, BehaviorSource, Probe},
    widget::{MissingReason, Trend, TrendInterval, TrendState},
};
use chrono::{NaiveDate, TimeDelta};
use chrono_tz::{
    America::{Los_Angeles, Santiago},
    Asia::{Kathmandu, Seoul},
    Australia::Lord_Howe,
    Tz,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn activity(id: u64, kind: &str) -> Activity {
    Activity::new(id, format!("activity {id}"), ActivityKind::from(kind.to_owned())).with_limit(10)
}

/// Campaign 1 with activity 7, which has a funnel, and 8; campaign 2 without a funnel; campaign 3 without activities.
fn catalog() -> Catalog {
    let campaign = |id: u64, activities: Vec<Activity>| Campaign::new(id, "Spring", activities);
    let first = vec![activity(7, "FIRST_COME_FIRST_SERVE"), activity(8, "COUPON")];
    Catalog::new("KRW", vec![campaign(1, first), campaign(2, vec![activity(9, "COUPON")]), campaign(3, vec![])])
        .unwrap()
}

fn visit(activity: u64, at: Timestamp) -> Event {
    let (trigger, activity) = ("PAGE_VIEW".to_owned(), ActivityId(activity));
    Event { trigger, definition: None, at, activity, user: Some(1), session: None }
}

/// A dashboard over a store with these visits of activity 7.
fn dashboard(zone: Tz, visits: impl IntoIterator<Item = Timestamp>) -> Dashboard {
    let store = MemoryStore::load(Files::new().zone(zone)).unwrap();
    store.set_catalog(catalog());
    store.append_events(visits.into_iter().map(|at| visit(7, at)));
    builder(&store).zone(zone).build()
}

fn builder(
    store: &MemoryStore,
) -> axon_metrics::DashboardBuilder<std::sync::Arc<dyn axon_metrics::source::CatalogSource>> {
    Dashboard::builder().memory(store.clone()).lifetimes(axon_metrics::Lifetimes::none())
}

fn days(from: &str, to: &str) -> DashboardRequest {
    let period = Period::Custom { start: Bound::Date(date(from)), end: Bound::Date(date(to)) };
    DashboardRequest::campaign(1).widgets([Widget::Trend, Widget::Overview]).period(period)
}

async fn trend(dashboard: &Dashboard, request: &DashboardRequest, now: &str) -> Trend {
    let answer = dashboard.answer(request, at(now)).await.unwrap();
    let trend = answer.data.trend.unwrap();
    let visits: Option<u64> = trend.buckets.iter().map(|bucket| bucket.visits).sum();
    assert_eq!(visits, answer.data.overview.unwrap().totals.total_visits, "the days do not sum up to the total");
    trend
}

/// The visits per local day of some days, with a visit every half hour.
async fn visits_per_day(zone: Tz, from: &str, to: &str) -> Vec<(String, u64)> {
    let begin = at(&format!("{from}T00:00:00Z")) - TimeDelta::days(2);
    let visits = (0..10 * 24 * 2).map(|half| begin + TimeDelta::minutes(30 * half));
    let dashboard = dashboard(zone, visits);
    let trend = trend(&dashboard, &days(from, to), "2025-01-01T00:00:00Z").await;
    assert!(trend.buckets.iter().all(|bucket| bucket.state == TrendState::Complete));
    assert!(trend.buckets.windows(2).all(|pair| pair[0].to == pair[1].from));
    trend.buckets.iter().map(|bucket| (bucket.date.to_string(), bucket.visits.unwrap())).collect()
}

#[tokio::test]
async fn days_are_as_long_as_the_calendar_days_of_the_zone() {
    let of = |days: &[(&str, u64)]| days.iter().map(|(day, visits)| ((*day).to_owned(), *visits)).collect::<Vec<_>>();
    let los_angeles = of(&[("2024-11-02", 48), ("2024-11-03", 50), ("2024-11-04", 48)]);
    assert_eq!(visits_per_day(Los_Angeles, "2024-11-02", "2024-11-04").await, los_angeles);
    let lord_howe = of(&[("2024-04-06", 48), ("2024-04-07", 49), ("2024-04-08", 48)]);
    assert_eq!(visits_per_day(Lord_Howe, "2024-04-06", "2024-04-08").await, lord_howe);
    let santiago = of(&[("2024-09-07", 48), ("2024-09-08", 46), ("2024-09-09", 48)]);
    assert_eq!(visits_per_day(Santiago, "2024-09-07", "2024-09-09").await, santiago);
    let kathmandu = of(&[("2024-11-06", 48), ("2024-11-07", 48)]);
    assert_eq!(visits_per_day(Kathmandu, "2024-11-06", "2024-11-07").await, kathmandu);
}

#[tokio::test]
async fn today_is_in_progress_and_a_day_without_visits_is_zero() {
    let visits = ["2024-11-06T03:00:00Z", "2024-11-11T20:00:00Z", "2024-11-12T10:29:59Z", "2024-11-12T10:30:00Z"];
    let dashboard = dashboard(Seoul, visits.map(at));
    let request = DashboardRequest::campaign(1).widgets([Widget::Trend, Widget::Overview]).period(Period::Last7Days);
    let trend = trend(&dashboard, &request, "2024-11-12T10:30:00Z").await;
    assert_eq!(trend.interval, TrendInterval::Day);
    let visits: Vec<u64> = trend.buckets.iter().map(|bucket| bucket.visits.unwrap()).collect();
    assert_eq!(visits, [1, 0, 0, 0, 0, 0, 2]);
    let states: Vec<TrendState> = trend.buckets.iter().map(|bucket| bucket.state).collect();
    assert_eq!(states, [&[TrendState::Complete; 6][..], &[TrendState::InProgress]].concat());
    assert_eq!((trend.buckets[6].date, trend.buckets[6].to), (date("2024-11-12"), at("2024-11-12T15:00:00Z")));
}

#[tokio::test]
async fn a_range_that_starts_and_ends_within_days_has_cut_days() {
    let visits = ["2024-11-05T16:06:59Z", "2024-11-05T16:07:00Z", "2024-11-07T03:00:00Z", "2024-11-07T04:00:00Z"];
    let dashboard = dashboard(Seoul, visits.map(at));
    let bound = |text| Bound::At(at(text));
    let period = Period::Custom { start: bound("2024-11-05T16:07:00Z"), end: bound("2024-11-07T04:00:00Z") };
    let request = days("2024-11-06", "2024-11-07").period(period);
    let trend = trend(&dashboard, &request, "2024-12-01T00:00:00Z").await;
    let days: Vec<_> = trend.buckets.iter().map(|bucket| (bucket.state, bucket.visits.unwrap())).collect();
    assert_eq!(days, [(TrendState::Cut, 1), (TrendState::Cut, 1)]);
}

/// A store with a lag: its facts are complete up to an hour before `as_of`.
struct Lagging(MemoryStore);

#[async_trait::async_trait]
impl BehaviorSource for Lagging {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
        let mut facts = self.0.behavior(question).await?;
        for series in facts.series.iter_mut().flatten() {
            series.complete_to = question.scope.as_of - TimeDelta::hours(1);
        }
        Ok(facts)
    }

    async fn probe(&self, as_of: Timestamp, budget: std::time::Duration) -> Result<Probe, SourceError> {
        BehaviorSource::probe(&self.0, as_of, budget).await
    }
}

#[tokio::test]
async fn a_day_is_in_progress_until_its_source_is_complete_to_its_end() {
    let store = MemoryStore::new(catalog());
    let dashboard = builder(&store).behavior(Lagging(store.clone())).build();
    let states = async |now: &str| -> Vec<TrendState> {
        let trend = trend(&dashboard, &days("2024-11-10", "2024-11-11"), now).await;
        trend.buckets.iter().map(|bucket| bucket.state).collect()
    };
    // The day ends at 15:00 UTC, midnight in Seoul. The store is complete up to that an hour later.
    assert_eq!(states("2024-11-11T15:59:59Z").await, [TrendState::Complete, TrendState::InProgress]);
    assert_eq!(states("2024-11-11T16:00:00Z").await, [TrendState::Complete, TrendState::Complete]);
}

#[tokio::test]
async fn a_cut_day_is_in_progress_while_it_lasts() {
    let dashboard = dashboard(Seoul, []);
    let bound = |text| Bound::At(at(text));
    let period = Period::Custom { start: bound("2024-11-12T03:00:00Z"), end: bound("2024-11-12T12:00:00Z") };
    let request = days("2024-11-12", "2024-11-12").period(period);
    let state = async |now: &str| trend(&dashboard, &request, now).await.buckets[0].state;
    assert_eq!(state("2024-11-12T11:59:59Z").await, TrendState::InProgress);
    assert_eq!(state("2024-11-12T12:00:00Z").await, TrendState::Cut);
}

#[tokio::test]
async fn a_year_that_begins_within_a_day_is_counted_by_day() {
    let visits = ["2023-11-12T03:14:59Z", "2023-11-12T03:15:00Z", "2024-02-01T00:00:00Z", "2024-11-12T10:00:00Z"];
    let dashboard = dashboard(Seoul, visits.map(at));
    let bound = |text| Bound::At(at(text));
    let period = Period::Custom { start: bound("2023-11-12T03:15:00Z"), end: bound("2024-11-12T10:30:00Z") };
    let request = days("2024-11-12", "2024-11-12").period(period);
    let trend = trend(&dashboard, &request, "2024-11-12T10:30:00Z").await;
    assert_eq!((trend.buckets.len(), trend.buckets[0].visits, trend.buckets[366].visits), (367, Some(1), Some(1)));
    assert_eq!(trend.buckets[366].state, TrendState::Cut);
    let whole = trend.buckets[1..366].iter();
    assert!(whole.clone().all(|bucket| bucket.state == TrendState::Complete));
    assert_eq!(whole.filter_map(|bucket| bucket.visits).sum::<u64>(), 1);
}

#[tokio::test]
async fn future_days_are_in_progress_and_zero() {
    let dashboard = dashboard(Seoul, [at("2024-11-12T01:00:00Z")]);
    let trend = trend(&dashboard, &days("2024-11-11", "2024-11-14"), "2024-11-12T10:30:00Z").await;
    let days: Vec<_> = trend.buckets.iter().map(|bucket| (bucket.state, bucket.visits.unwrap())).collect();
    let open = TrendState::InProgress;
    assert_eq!(days, [(TrendState::Complete, 0), (open, 1), (open, 0), (open, 0)]);
}

#[tokio::test]
async fn visits_that_are_rows_of_the_ledger_have_no_trend() {
    let store = MemoryStore::new(catalog());
    let rules = StepRules::default().with("visit", Record::Ledger(LedgerStep::ApprovedEntry)).unwrap();
    let dashboard = builder(&store).step_rules(rules).build();
    let answer = dashboard.answer(&days("2024-11-06", "2024-11-07"), at("2024-11-12T10:30:00Z")).await.unwrap();
    let trend = answer.data.trend.unwrap();
    assert!(trend.buckets.len() == 2 && trend.buckets.iter().all(|bucket| bucket.visits.is_none()));
    let state = &answer.widgets[&Widget::Trend];
    let missing: Vec<_> = state.missing.iter().map(|missing| (&*missing.field, missing.reason)).collect();
    let not_supported = MissingReason::NotSupported;
    assert_eq!(missing, [("buckets[0].visits", not_supported), ("buckets[1].visits", not_supported)]);
    assert_eq!(state.status, WidgetStatus::Fresh);
}

#[tokio::test]
async fn only_activities_with_a_funnel_are_counted() {
    let store = MemoryStore::new(catalog());
    store.append_events([7, 8, 9].map(|activity| visit(activity, at("2024-11-06T03:00:00Z"))));
    let dashboard = builder(&store).build();
    let (request, now) = (days("2024-11-06", "2024-11-06"), "2024-11-12T10:30:00Z");
    assert_eq!(trend(&dashboard, &request, now).await.buckets[0].visits, Some(1));
    for (campaign, reason) in [(2, MissingReason::NotSupported), (3, MissingReason::NotMeasured)] {
        let request = DashboardRequest::campaign(campaign).widgets([Widget::Trend]).period(Period::Today);
        let answer = dashboard.answer(&request, at(now)).await.unwrap();
        assert_eq!(answer.data.trend.unwrap().buckets[0].visits, None);
        assert_eq!(answer.widgets[&Widget::Trend].missing[0].reason, reason, "campaign {campaign}");
    }
}
