//! Caching, and stale figures while a source fails: semantics.md 4.8, sentence by sentence.

#![allow(clippy::print_stdout, reason = "a named run prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axon_metrics::{
    AnswerError, Bound, Budgets, Concurrency, Dashboard, DashboardAnswer, DashboardRequest, Freshness, Lifetimes,
    MAX_ACTIVITIES, MemoryCache, Period, Phase, QuestionKind, TimedAnswer, Timestamp, Widget, Window,
    answer::{SourceStatus, WidgetStatus},
    cache::{CacheEntry, CacheError, DashboardCache},
    catalog::Catalog,
    source::Counting,
};
use tokio::time::Instant;

use crate::scripted_sources;
use scripted_sources::{Mood, NOW, Of, ScriptedSources, activity, at, catalog, mark, ms, second};

fn now() -> Timestamp {
    at(NOW)
}
fn overview() -> DashboardRequest {
    DashboardRequest::campaign(1).widgets([Widget::Overview, Widget::Funnel])
}
fn day(text: &str) -> Bound {
    Bound::Date(text.parse().unwrap())
}
/// A range that is over, but not for long.
fn over() -> DashboardRequest {
    overview().period(Period::Custom { start: day("2024-11-08"), end: day("2024-11-11") })
}
/// A range that no event can change.
fn settled() -> DashboardRequest {
    overview().period(Period::Custom { start: day("2024-11-01"), end: day("2024-11-02") })
}
async fn ask(dashboard: &Dashboard, request: &DashboardRequest, at: Timestamp) -> TimedAnswer {
    dashboard.timed(request, at, Freshness::AllowStale).await.unwrap()
}
/// Waits until background loads and writes have ended.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}
/// The second the overview was loaded for.
fn loaded_for(answer: &DashboardAnswer) -> u64 {
    answer.data.overview.as_ref().unwrap().totals.total_participants.unwrap()
}
fn status(answer: &DashboardAnswer, widget: Widget) -> WidgetStatus {
    answer.widgets[&widget].status
}
fn source(answer: &DashboardAnswer, name: &str) -> SourceStatus {
    answer.sources.iter().find(|source| source.name == name).unwrap().status
}

/// The time a request's figures are fresh, in milliseconds.
async fn fresh_for(request: &DashboardRequest) -> i64 {
    let sources = ScriptedSources::new(0);
    let answer = ask(&sources.builder().build(), request, now()).await;
    (answer.fresh_until - now()).num_milliseconds()
}

/// Whether a request asks its sources again after `to`, and not yet after `from`.
async fn asked_again_after(request: &DashboardRequest, from: Duration, to: Duration) -> bool {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    ask(&dashboard, request, now()).await;
    ask(&dashboard, request, now() + from).await;
    let not_yet = sources.calls(Of::Behavior) == 1;
    settle().await;
    ask(&dashboard, request, now() + to).await;
    settle().await;
    not_yet && sources.calls(Of::Behavior) == 2
}

#[tokio::test(start_paused = true)]
async fn times_to_live_are_1_s_open_5_min_ended_and_a_day_settled() {
    let (ms, seconds) = (Duration::from_millis, Duration::from_secs);
    assert!(asked_again_after(&overview(), ms(999), ms(1_101)).await);
    assert!(asked_again_after(&over(), seconds(269), seconds(331)).await);
    assert!(asked_again_after(&settled(), seconds(77_759), seconds(95_041)).await);
    // The catalog copy is fresh for 30 s, whatever the time to live of the figures.
    assert_eq!(fresh_for(&settled()).await, 30_000);
}

#[tokio::test(start_paused = true)]
async fn realtime_has_a_time_to_live_of_1_s_in_any_range() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    let request = settled().widgets([Widget::Overview, Widget::Realtime]);
    ask(&dashboard, &request, now()).await;
    assert_eq!((sources.calls(Of::Behavior), sources.calls(Of::Realtime)), (1, 1));
    let answer = ask(&dashboard, &request, now() + ms(3_000)).await.answer;
    assert_eq!((sources.calls(Of::Behavior), sources.calls(Of::Realtime)), (2, 2));
    assert_eq!(loaded_for(&answer), second(now()), "the range was not loaded again");
    assert_eq!(answer.data.realtime.unwrap().last_updated, Some(now() + ms(3_000)));
}

#[tokio::test(start_paused = true)]
async fn the_jitter_is_within_a_tenth_and_differs_by_scope() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    let mut after = Vec::new();
    for id in [10, 11, 20, 21, 30, 31] {
        let request = DashboardRequest::activity(id).widgets([Widget::Overview]);
        let request = request.period(Period::Custom { start: day("2024-11-08"), end: day("2024-11-11") });
        ask(&dashboard, &request, now()).await;
        let calls = sources.calls(Of::Behavior);
        let mut later = 269;
        while sources.calls(Of::Behavior) == calls {
            later += 1;
            ask(&dashboard, &request, now() + Duration::from_secs(later)).await;
            settle().await;
        }
        after.push(later);
    }
    assert!(after.iter().all(|after| (270..=331).contains(after)), "{after:?}");
    after.sort_unstable();
    after.dedup();
    assert!(after.len() > 1, "all expired together: {after:?}");
}

#[tokio::test(start_paused = true)]
async fn seven_days_do_not_survive_midnight() {
    let sources = ScriptedSources::new(0);
    let long = Lifetimes::default().with_live(Duration::from_secs(3_600));
    let dashboard = sources.builder().lifetimes(long).build();
    let (before, midnight) = (at("2024-11-12T14:59:50Z"), at("2024-11-12T15:00:00Z"));
    let answer = ask(&dashboard, &overview(), before).await;
    assert_eq!((answer.fresh_until, answer.usable_until), (midnight, midnight));
    let same_day = ask(&dashboard, &overview(), midnight - ms(1)).await.answer;
    assert_eq!((sources.calls(Of::Behavior), loaded_for(&same_day)), (1, second(before)));
    let next_day = ask(&dashboard, &overview(), midnight).await.answer;
    assert_eq!((sources.calls(Of::Behavior), loaded_for(&next_day)), (2, second(midnight)));
    assert_eq!(next_day.range.from, answer.answer.range.from + chrono::Duration::days(1));
}

#[tokio::test(start_paused = true)]
async fn a_stale_widget_is_used_for_a_second_while_one_load_runs() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    let first = ask(&dashboard, &overview(), now()).await;
    assert!(first.fresh_until >= now() + ms(1_000) && first.fresh_until <= now() + ms(1_100));
    assert_eq!(first.usable_until - first.fresh_until, ms(1_000));
    sources.be(|_| Mood::Slow(100));
    let began = Instant::now();
    for _ in 0..50 {
        let answer = ask(&dashboard, &overview(), now() + ms(1_200)).await.answer;
        assert_eq!((loaded_for(&answer), status(&answer, Widget::Overview)), (second(now()), WidgetStatus::Fresh));
        assert_eq!(answer.widgets[&Widget::Overview].age_ms, Some(1_000));
        assert_eq!(answer.timestamp, now() + ms(1_000));
    }
    assert_eq!(began.elapsed(), Duration::ZERO, "no caller waited");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(sources.calls(Of::Behavior), 2);
    let refreshed = ask(&dashboard, &overview(), now() + ms(1_500)).await.answer;
    assert_eq!((loaded_for(&refreshed), sources.calls(Of::Behavior)), (second(now()) + 1, 2));
}

#[tokio::test(start_paused = true)]
async fn must_be_fresh_waits_for_a_load() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    ask(&dashboard, &overview(), now()).await;
    let answer = dashboard.timed(&overview(), now() + ms(1_200), Freshness::MustBeFresh).await.unwrap();
    assert_eq!((loaded_for(&answer.answer), sources.calls(Of::Behavior)), (second(now()) + 1, 2));
}

#[tokio::test(start_paused = true)]
async fn while_a_store_is_down_stale_figures_are_shown_for_15_minutes() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    ask(&dashboard, &overview(), now()).await;
    sources.one_is(Of::Behavior, Mood::Fails);
    for minutes in [1, 7, 14] {
        let answer = ask(&dashboard, &overview(), now() + chrono::Duration::minutes(minutes)).await;
        let state = &answer.answer.widgets[&Widget::Overview];
        assert_eq!((state.status, state.as_of), (WidgetStatus::Stale, Some(now())));
        assert_eq!(state.age_ms, Some(minutes * 60_000));
        assert_eq!(loaded_for(&answer.answer), second(now()));
        assert_eq!(source(&answer.answer, "behavior"), SourceStatus::Unavailable, "it just failed");
        assert!(answer.usable_until <= now() + chrono::Duration::minutes(minutes) + ms(550), "to be asked again soon");
        assert_eq!(answer.answer.range.to, answer.answer.timestamp);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let too_late = dashboard.answer(&overview(), now() + chrono::Duration::minutes(15)).await;
    let Err(AnswerError::Unavailable { sources: states }) = too_late else { panic!("{too_late:?}") };
    assert!(states.iter().any(|state| state.name == "behavior" && state.status == SourceStatus::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn only_widgets_of_the_dead_store_are_stale() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    let request = overview().widgets([Widget::Overview, Widget::Comparison, Widget::Realtime]);
    ask(&dashboard, &request, now()).await;
    sources.one_is(Of::Ledger, Mood::Fails);
    let answer = ask(&dashboard, &request, now() + ms(60_000)).await.answer;
    let statuses = [Widget::Overview, Widget::Comparison, Widget::Realtime].map(|widget| status(&answer, widget));
    assert_eq!(statuses, [WidgetStatus::Fresh, WidgetStatus::Stale, WidgetStatus::Fresh]);
    assert_eq!(loaded_for(&answer), second(now()) + 60);
    assert_eq!(answer.data.comparison.unwrap().promotion.quantity, Some(second(now())));
}

#[tokio::test(start_paused = true)]
async fn a_partial_widget_is_never_cached_as_whole() {
    let sources = ScriptedSources::new(0);
    let shared = MemoryCache::default();
    let dashboard = sources.builder().shared_cache(shared.clone()).build();
    sources.one_is(Of::Behavior, Mood::Partial);
    let answer = ask(&dashboard, &over(), now()).await;
    assert_eq!(status(&answer.answer, Widget::Overview), WidgetStatus::Partial);
    assert!(answer.usable_until <= now() + ms(550));
    settle().await;
    // It is not in the shared cache,
    ask(&sources.builder().shared_cache(shared).build(), &over(), now()).await;
    assert_eq!(sources.calls(Of::Behavior), 2);
    sources.be(|_| Mood::Well);
    // and in this one it is shared for half a second.
    assert_eq!(
        status(&ask(&dashboard, &over(), now() + ms(400)).await.answer, Widget::Overview),
        WidgetStatus::Partial
    );
    assert_eq!(sources.calls(Of::Behavior), 2);
    assert_eq!(status(&ask(&dashboard, &over(), now() + ms(600)).await.answer, Widget::Overview), WidgetStatus::Fresh);
    assert_eq!(sources.calls(Of::Behavior), 3);
}

#[tokio::test(start_paused = true)]
async fn a_partial_answer_shows_its_numbers_and_not_older_ones() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    ask(&dashboard, &overview(), now()).await;
    sources.one_is(Of::Behavior, Mood::Partial);
    let answer = ask(&dashboard, &overview(), now() + ms(10_000)).await.answer;
    assert_eq!((status(&answer, Widget::Overview), loaded_for(&answer)), (WidgetStatus::Partial, second(now()) + 10));
}

#[tokio::test(start_paused = true)]
async fn a_failed_refresh_releases_at_once_and_the_next_one_heals() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    ask(&dashboard, &overview(), now()).await;
    sources.one_is(Of::Behavior, Mood::Fails);
    ask(&dashboard, &overview(), now() + ms(1_200)).await;
    settle().await;
    // Not again within half a second: an outage makes no more loads than that.
    ask(&dashboard, &overview(), now() + ms(1_600)).await;
    settle().await;
    assert_eq!(sources.calls(Of::Behavior), 2);
    sources.be(|_| Mood::Well);
    ask(&dashboard, &overview(), now() + ms(1_800)).await;
    settle().await;
    assert_eq!(sources.calls(Of::Behavior), 3);
    let healed = ask(&dashboard, &overview(), now() + ms(1_900)).await.answer;
    assert_eq!((loaded_for(&healed), status(&healed, Widget::Overview)), (second(now()) + 1, WidgetStatus::Fresh));
}

#[tokio::test(start_paused = true)]
async fn a_failed_load_of_the_largest_campaign_is_shared_too() {
    let sources = ScriptedSources::new(0);
    let mut campaign = catalog().campaigns()[0].clone();
    campaign.activities = (1..=MAX_ACTIVITIES as u64).map(activity).collect();
    sources.list(Catalog::new("KRW", vec![campaign]).unwrap());
    sources.one_is(Of::Behavior, Mood::Fails);
    let dashboard = sources.builder().build();
    let request = DashboardRequest::campaign(1).widgets([Widget::Activities]);
    for milliseconds in [0, 100, 200] {
        let answer = ask(&dashboard, &request, now() + ms(milliseconds)).await.answer;
        assert_eq!(status(&answer, Widget::Activities), WidgetStatus::Partial);
    }
    assert_eq!(sources.calls(Of::Behavior), 1);
}

#[tokio::test(start_paused = true)]
async fn overview_and_funnel_of_an_answer_are_from_one_load() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    let alone = |widget| overview().widgets([widget]);
    ask(&dashboard, &alone(Widget::Overview), now()).await;
    ask(&dashboard, &alone(Widget::Funnel), now() + ms(1_000)).await;
    assert_eq!(sources.calls(Of::Behavior), 2);
    // The load of the second took the first along, since somebody had asked for it.
    let both = ask(&dashboard, &overview(), now() + ms(1_050)).await.answer;
    let funnel = both.data.funnel.as_ref().unwrap().steps[1].value.unwrap();
    assert_eq!((loaded_for(&both), funnel, sources.calls(Of::Behavior)), (second(now()) + 1, second(now()) + 1, 2));
}

#[tokio::test(start_paused = true)]
async fn permuted_widgets_share_their_cache_entries() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    let order = |widgets: [Widget; 3]| DashboardRequest::campaign(1).widgets(widgets);
    ask(&dashboard, &order([Widget::Realtime, Widget::Funnel, Widget::Overview]), now()).await;
    ask(&dashboard, &order([Widget::Overview, Widget::Realtime, Widget::Funnel]), now()).await;
    assert_eq!(sources.calls(Of::Behavior), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_expires_when_a_phase_changes() {
    let sources = ScriptedSources::new(0);
    let starts = now() + ms(400);
    let mut campaign = catalog().campaigns()[0].clone();
    (campaign.start, campaign.activities[0].start) = (Some(starts), Some(starts));
    sources.list(Catalog::new("KRW", vec![campaign]).unwrap());
    let dashboard = sources.builder().build();
    let request = DashboardRequest::campaign(1).widgets([Widget::Overview, Widget::Activities]);
    let before = ask(&dashboard, &request, now()).await;
    assert_eq!((before.answer.phase, before.fresh_until, before.usable_until), (Phase::NotStarted, starts, starts));
    sources.one_is(Of::Behavior, Mood::Fails);
    let after = ask(&dashboard, &request, now() + ms(2_500)).await.answer;
    assert_eq!((after.phase, status(&after, Widget::Activities)), (Phase::Running, WidgetStatus::Stale));
    assert_eq!(after.data.activities.unwrap()[0].phase, Phase::Running);
}

#[tokio::test(start_paused = true)]
async fn a_changed_catalog_is_a_miss() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    let request = settled().widgets([Widget::Overview]);
    ask(&dashboard, &request, now()).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    ask(&dashboard, &request, now() + ms(31_000)).await;
    assert_eq!(sources.calls(Of::Behavior), 1);
    let mut campaign = catalog().campaigns()[0].clone();
    campaign.activities.push(activity(99));
    sources.list(Catalog::new("KRW", vec![campaign]).unwrap());
    tokio::time::sleep(Duration::from_secs(31)).await;
    ask(&dashboard, &request, now() + ms(62_000)).await;
    assert_eq!(sources.calls(Of::Behavior), 2);
}

#[tokio::test(start_paused = true)]
async fn with_no_lifetimes_each_answer_asks_the_sources() {
    let sources = ScriptedSources::new(0);
    let shared = MemoryCache::default();
    let dashboard = sources.builder().lifetimes(Lifetimes::none()).shared_cache(shared).build();
    for _ in 0..3 {
        let answer = ask(&dashboard, &settled(), now()).await;
        assert_eq!((answer.fresh_until, answer.usable_until), (now(), now()));
    }
    assert_eq!(sources.calls(Of::Behavior), 3);
}

#[tokio::test(start_paused = true)]
async fn figures_of_later_than_the_answer_are_not_used() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    ask(&dashboard, &over(), now()).await;
    let earlier = ask(&dashboard, &over(), now() - ms(5_000)).await.answer;
    assert_eq!((loaded_for(&earlier), sources.calls(Of::Behavior)), (second(now()) - 5, 2));
}

/// A shared cache that answers as a test sets it, over a cache that works.
#[derive(Clone)]
struct ScriptedCache {
    memory: MemoryCache,
    way: Arc<Mutex<Way>>,
    asked: Arc<AtomicUsize>,
    keys: Arc<Mutex<Vec<String>>>,
}
#[derive(Clone)]
enum Way {
    Well,
    Fails,
    Hangs,
    Panics,
    TooFew,
    /// Each value, changed.
    Changed(fn(String) -> String),
    /// Each value under another's key.
    Swapped,
}
impl ScriptedCache {
    fn new() -> Self {
        Self {
            memory: MemoryCache::default(),
            way: Arc::new(Mutex::new(Way::Well)),
            asked: Arc::default(),
            keys: Arc::default(),
        }
    }
    fn be(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
#[async_trait]
impl DashboardCache for ScriptedCache {
    fn name(&self) -> &'static str {
        "scripted"
    }
    async fn get(&self, keys: &[String], budget: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        keys.clone_into(&mut self.keys.lock().unwrap());
        let way = self.way.lock().unwrap().clone();
        let mut values = self.memory.get(keys, budget).await?;
        match way {
            Way::Well => {}
            Way::Fails => return Err(CacheError::new("scripted", "down")),
            Way::Hangs => std::future::pending().await,
            Way::Panics => panic!("a cache that panics on purpose"),
            Way::TooFew => drop(values.pop()),
            Way::Changed(change) => {
                for value in values.iter_mut().flatten() {
                    *value = change(String::from_utf8(std::mem::take(value)).unwrap()).into_bytes();
                }
            }
            Way::Swapped => values.rotate_left(1),
        }
        Ok(values)
    }
    async fn put(&self, entries: &[CacheEntry], budget: Duration) -> Result<(), CacheError> {
        let way = self.way.lock().unwrap().clone();
        match way {
            Way::Fails => return Err(CacheError::new("scripted", "down")),
            Way::Panics => panic!("a cache that panics on purpose"),
            Way::Hangs => {}
            _ => return self.memory.put(entries, budget).await,
        }
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn another_process_reads_the_shared_cache_in_one_round_trip() {
    let sources = ScriptedSources::new(0);
    let cache = ScriptedCache::new();
    let dashboard = || sources.builder().shared_cache(cache.clone()).build();
    let request = overview().widgets(Widget::ALL);
    let first = ask(&dashboard(), &request, now()).await;
    settle().await;
    assert_eq!(cache.asked(), 1);
    let second = ask(&dashboard(), &request, now() + ms(300)).await;
    assert_eq!((cache.asked(), cache.keys.lock().unwrap().len()), (2, 6));
    let calls = [Of::Behavior, Of::Ledger, Of::Realtime].map(|of| sources.calls(of));
    assert_eq!((calls, &second.answer.data), ([1, 1, 1], &first.answer.data));
    assert_eq!(second.answer.widgets, first.answer.widgets);
    for key in cache.keys.lock().unwrap().iter() {
        assert!(key.starts_with("dashboard:c1:"), "{key}");
    }
    assert!(cache.keys.lock().unwrap()[0].starts_with("dashboard:c1:overview:20241105T150000Z-open:"));
}

#[tokio::test(start_paused = true)]
async fn shared_entries_are_shown_as_stale_when_a_source_fails() {
    let sources = ScriptedSources::new(0);
    let cache = MemoryCache::default();
    let dashboard = || sources.builder().shared_cache(cache.clone()).build();
    ask(&dashboard(), &overview(), now()).await;
    settle().await;
    sources.one_is(Of::Behavior, Mood::Hangs);
    let answer = ask(&dashboard(), &overview(), now() + ms(120_000)).await.answer;
    assert_eq!((status(&answer, Widget::Overview), loaded_for(&answer)), (WidgetStatus::Stale, second(now())));
}

#[tokio::test(start_paused = true)]
async fn a_failing_slow_or_corrupt_cache_is_a_miss_and_never_an_error() {
    let ways: [(&str, Way); 13] = [
        ("fails", Way::Fails),
        ("hangs", Way::Hangs),
        ("panics", Way::Panics),
        ("too few", Way::TooFew),
        ("swapped", Way::Swapped),
        ("empty", Way::Changed(|_| String::new())),
        ("cut", Way::Changed(|text| text[..text.len() / 2].to_owned())),
        ("another version", Way::Changed(|text| text.replace("\"v\":3", "\"v\":1"))),
        ("of two lines", Way::Changed(|text| text.replace("\"data\":{", "\"data\":{\n"))),
        ("another campaign's", Way::Changed(|text| text.replace("dashboard:c1:", "dashboard:c2:"))),
        ("from the future", Way::Changed(|text| text.replace("\"as_of\":\"2024", "\"as_of\":\"2034"))),
        ("too old", Way::Changed(|text| text.replace("\"as_of\":\"2024", "\"as_of\":\"2014"))),
        ("not whole", Way::Changed(|text| text.replace("\"fresh\"", "\"unavailable\""))),
    ];
    for (name, way) in ways {
        let sources = ScriptedSources::new(0);
        let cache = ScriptedCache::new();
        let dashboard = || sources.builder().shared_cache(cache.clone()).build();
        ask(&dashboard(), &over(), now()).await;
        settle().await;
        cache.be(way);
        let began = Instant::now();
        let answer = ask(&dashboard(), &over(), now() + ms(1_000)).await.answer;
        assert!(began.elapsed() <= Duration::from_millis(70), "{name}: {:?}", began.elapsed());
        assert_eq!((sources.calls(Of::Behavior), loaded_for(&answer)), (2, second(now()) + 1), "{name}");
        assert_eq!(answer.widgets[&Widget::Overview].status, WidgetStatus::Fresh, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_is_down_is_not_asked_for_a_second() {
    let sources = ScriptedSources::new(0);
    let cache = ScriptedCache::new();
    cache.be(Way::Hangs);
    let dashboard = sources.builder().shared_cache(cache.clone()).build();
    for seconds in 0..20 {
        ask(&dashboard, &overview(), now() + ms(seconds * 5_000)).await;
    }
    assert!(cache.asked() < 20, "{}", cache.asked());
    cache.be(Way::Well);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let asked = cache.asked();
    ask(&dashboard, &overview(), now() + ms(200_000)).await;
    assert_eq!(cache.asked(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn writes_to_the_shared_cache_delay_no_answer() {
    let sources = ScriptedSources::new(0);
    let cache = ScriptedCache::new();
    let dashboard = sources.builder().shared_cache(cache.clone()).build();
    let began = Instant::now();
    ask(&dashboard, &overview(), now()).await;
    let well = began.elapsed();
    struct PutHangs;
    #[async_trait]
    impl DashboardCache for PutHangs {
        fn name(&self) -> &'static str {
            "puts-hang"
        }
        async fn get(&self, keys: &[String], _: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError> {
            Ok(vec![None; keys.len()])
        }
        async fn put(&self, _: &[CacheEntry], _: Duration) -> Result<(), CacheError> {
            std::future::pending().await
        }
    }
    let dashboard = sources.builder().shared_cache(PutHangs).build();
    let began = Instant::now();
    ask(&dashboard, &overview(), now()).await;
    assert_eq!(began.elapsed(), well);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_misses_at_once_are_one_load() {
    let sources = ScriptedSources::new(0);
    sources.be(|_| Mood::Slow(50));
    let cache = ScriptedCache::new();
    let dashboard = sources.builder().shared_cache(cache.clone()).build();
    let asked: Vec<_> = (0..1_000)
        .map(|_| {
            let dashboard = dashboard.clone();
            tokio::spawn(async move { dashboard.answer(&overview().widgets(Widget::ALL), now()).await.unwrap() })
        })
        .collect();
    for answer in asked {
        assert_eq!(loaded_for(&answer.await.unwrap()), second(now()));
    }
    let calls = [Of::Catalog, Of::Behavior, Of::Ledger, Of::Realtime].map(|of| sources.calls(of));
    println!("1,000 misses at once: {calls:?} questions about the catalog, behavior, the ledger and what is live");
    assert_eq!((calls, cache.asked()), ([1; 4], 1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_cancels_no_shared_load() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    ask(&dashboard, &DashboardRequest::campaign(2), now()).await;
    sources.be(|_| Mood::Slow(100));
    let ask = |_| {
        let dashboard = dashboard.clone();
        tokio::spawn(async move { dashboard.answer(&overview(), now()).await.unwrap() })
    };
    let calls = sources.calls(Of::Behavior);
    let mut asked: Vec<_> = (0..100).map(ask).collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    asked.drain(..50).for_each(|leader| leader.abort());
    for follower in asked {
        assert_eq!(loaded_for(&follower.await.unwrap()), second(now()));
    }
    let loads = sources.calls(Of::Behavior) - calls;
    println!("of 100 who asked 50 went away, the leader among them: {loads} load, 50 answered");
    assert_eq!(loads, 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_is_cached_although_all_its_callers_left() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    sources.one_is(Of::Behavior, Mood::Slow(100));
    let asked = {
        let dashboard = dashboard.clone();
        tokio::spawn(async move { dashboard.answer(&overview(), now()).await.map(drop) })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    asked.abort();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    ask(&dashboard, &overview(), now()).await;
    assert_eq!((sources.calls(Of::Behavior), began.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn at_expiry_one_load_runs_and_no_caller_waits() {
    let sources = ScriptedSources::new(0);
    sources.one_is(Of::Behavior, Mood::Slow(50));
    let dashboard = sources.builder().build();
    let began = Instant::now();
    let mut asked = Vec::new();
    // A hundred viewers ask for 20 seconds, each every tenth of a second.
    for _ in 0..200 {
        for _ in 0..100 {
            let dashboard = dashboard.clone();
            asked.push(tokio::spawn(async move {
                let asked = Instant::now();
                let now = now() + asked.duration_since(began);
                let answer = dashboard.answer(&overview(), now).await.unwrap();
                (asked.elapsed(), answer.widgets[&Widget::Overview].age_ms.unwrap())
            }));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut waited = 0;
    let all = asked.len();
    for answer in asked {
        let (took, age) = answer.await.unwrap();
        waited += usize::from(took > Duration::ZERO);
        assert!(age <= 2_000, "{age}");
    }
    let loads = sources.calls(Of::Behavior);
    println!("{all} requests in 20 s, a load takes 50 ms: {waited} waited, the first; {loads} loads");
    assert_eq!(waited, 100, "only the first hundred, who found nothing");
    assert!(loads <= 21, "{loads} loads in 20 s");
}

#[tokio::test(start_paused = true)]
async fn a_load_serves_callers_of_a_part_of_its_widgets() {
    let sources = ScriptedSources::new(0);
    sources.be(|_| Mood::Slow(50));
    let dashboard = sources.builder().build();
    let ask = |widgets: Vec<Widget>| {
        let dashboard = dashboard.clone();
        tokio::spawn(async move { dashboard.answer(&overview().widgets(widgets), now()).await.unwrap() })
    };
    let all = ask(vec![Widget::Overview, Widget::Funnel, Widget::Realtime]);
    tokio::time::sleep(Duration::from_millis(60)).await;
    let part = ask(vec![Widget::Realtime]);
    all.await.unwrap();
    part.await.unwrap();
    assert_eq!((sources.calls(Of::Behavior), sources.calls(Of::Realtime)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn excess_loads_show_stale_figures_or_are_refused_at_once() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().max_loads(1).build();
    let activity = |id| DashboardRequest::activity(id).widgets([Widget::Overview]);
    // How long a load takes is known from the first ones.
    sources.one_is(Of::Behavior, Mood::Slow(700));
    ask(&dashboard, &activity(10), now()).await;
    let later = now() + ms(60_000);
    let asked: Vec<_> = [20, 21, 30, 31, 10]
        .map(|id| {
            let dashboard = dashboard.clone();
            tokio::spawn(async move { dashboard.answer(&activity(id), later).await })
        })
        .into_iter()
        .collect();
    let (mut answered, mut stale, mut refused) = (0, 0, 0);
    for answer in asked {
        match answer.await.unwrap() {
            Ok(answer) if status(&answer, Widget::Overview) == WidgetStatus::Stale => stale += 1,
            Ok(_) => answered += 1,
            Err(AnswerError::Overloaded { retry_after }) => {
                assert!(retry_after >= Duration::from_secs(1));
                refused += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((answered, stale, refused), (1, 1, 3));
}

#[tokio::test(start_paused = true)]
async fn figures_of_other_tenants_scopes_and_modes_are_never_shared() {
    let cache = MemoryCache::default();
    let of = |tenant: u64| {
        ScriptedSources::new(tenant).builder().tenant(tenant.to_string()).shared_cache(cache.clone()).build()
    };
    let (one, two) = (of(1), of(2));
    let request = DashboardRequest::activity(10).widgets([Widget::Realtime]);
    for (dashboard, tenant) in [(&one, 1), (&two, 2), (&one, 1)] {
        let realtime = ask(dashboard, &request, now()).await.answer.data.realtime.unwrap();
        assert_eq!(realtime.participants_total, Some(10 + tenant * 1_000));
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn figures_lost_only_to_a_full_bulkhead_are_overloaded() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().concurrency(Concurrency::default().with(QuestionKind::Behavior, 1)).build();
    // The first load sets the average hold time.
    sources.one_is(Of::Behavior, Mood::Slow(600));
    ask(&dashboard, &over(), now()).await;
    sources.one_is(Of::Behavior, Mood::Hangs);
    let (one, other) = (overview(), DashboardRequest::campaign(2).widgets([Widget::Overview, Widget::Funnel]));
    let beside = other.clone().widgets([Widget::Overview, Widget::Realtime]);
    let (hangs, crowded, part) =
        tokio::join!(dashboard.answer(&one, now()), dashboard.answer(&other, now()), dashboard.answer(&beside, now()));
    assert!(matches!(hangs, Err(AnswerError::Unavailable { .. })), "{hangs:?}");
    let Err(AnswerError::Overloaded { retry_after }) = crowded else { panic!("{crowded:?}") };
    assert_eq!(retry_after, Duration::from_secs(1));
    let statuses = [Widget::Overview, Widget::Realtime].map(|widget| status(part.as_ref().unwrap(), widget));
    assert_eq!(statuses, [WidgetStatus::Unavailable, WidgetStatus::Partial], "the other figures are answered");
}

#[tokio::test(start_paused = true)]
async fn the_longest_durations_mean_never() {
    let never = Duration::MAX;
    let lifetimes = Lifetimes::default()
        .with_live(never)
        .with_over(never)
        .with_settled(never)
        .with_lateness(never)
        .with_refresh(never)
        .with_stale(never)
        .with_history(never)
        .with_history_stale(never)
        .with_jitter_percent(u8::MAX);
    let budgets = Budgets::all(never);
    let sources = ScriptedSources::new(0);
    let builder = sources.builder().lifetimes(lifetimes).budgets(budgets).shared_cache(MemoryCache::default());
    let dashboard = builder.build();
    let request = DashboardRequest::campaign(2).widgets(Widget::ALL).compare_previous();
    for request in
        [request.clone(), request.period(Period::Custom { start: day("2024-11-01"), end: day("2024-11-02") })]
    {
        let first = ask(&dashboard, &request, now()).await.answer;
        assert!(first.widgets.values().all(|state| state.status == WidgetStatus::Fresh), "{:?}", first.widgets);
        assert!(dashboard.health(now()).await.ready);
        let later = ask(&dashboard, &request, now() + chrono::Duration::minutes(20)).await.answer;
        assert_eq!(loaded_for(&first), loaded_for(&later));
    }
    // Requests for one widget after another: each looks for the others of its range that were asked for lately.
    let past = Period::Custom { start: day("2024-10-01"), end: day("2024-10-02") };
    for widget in [Widget::Overview, Widget::Funnel] {
        let request = DashboardRequest::campaign(2).widgets([widget]).period(past);
        let answer = ask(&dashboard, &request, now()).await.answer;
        assert_eq!(answer.widgets[&widget].status, WidgetStatus::Fresh);
    }
    sources.one_is(Of::Ledger, Mood::Lost);
    let other = DashboardRequest::campaign(1).widgets([Widget::Comparison, Widget::Overview]);
    assert_eq!(status(&ask(&dashboard, &other, now()).await.answer, Widget::Comparison), WidgetStatus::Unavailable);
}

/// Two pages with overlapping sets of widgets of one range, each asked for in each of 400 steps. What they load is known from
/// how often a widget expires in that time.
async fn two_pages_share(request: DashboardRequest, step: Duration, life: Duration) {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    let sets = [[Widget::Overview, Widget::Funnel], [Widget::Overview, Widget::Comparison]];
    for number in 0..400 {
        for widgets in sets {
            let answer = ask(&dashboard, &request.clone().widgets(widgets), now() + step * number).await.answer;
            if let Some(funnel) = &answer.data.funnel {
                assert_eq!(funnel.steps[1].value, Some(loaded_for(&answer)), "overview and funnel of two loads");
            }
            settle().await;
        }
    }
    let expiries = usize::try_from((step * 400).as_millis() / life.as_millis()).unwrap() + 1;
    // The first loads of the two pages are separate.
    let most = expiries * 11 / 10 + 2;
    for of in [Of::Behavior, Of::Ledger] {
        assert!(sources.calls(of) <= most, "{} questions to {of:?} in {expiries} times to live", sources.calls(of));
    }
}

#[tokio::test(start_paused = true)]
async fn overlapping_sets_of_widgets_share_their_loads() {
    let (ms, seconds) = (Duration::from_millis, Duration::from_secs);
    two_pages_share(overview(), ms(250), ms(1_000)).await;
    two_pages_share(over(), seconds(3), seconds(270)).await;
    two_pages_share(settled(), seconds(600), seconds(24 * 3_600 * 9 / 10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_range_that_just_ended_counts_as_live_for_five_seconds() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    let ended = at("2024-11-11T15:00:00Z");
    let first = ask(&dashboard, &over(), ended).await;
    assert!(first.fresh_until <= ended + ms(1_100), "{}", first.fresh_until);
    let last = ask(&dashboard, &over(), ended + ms(5_000)).await;
    assert_eq!((loaded_for(&last.answer), sources.calls(Of::Behavior)), (second(ended) + 5, 2));
    // By then all is there, and nothing is asked again.
    ask(&dashboard, &over(), ended + ms(60_000)).await;
    assert_eq!(sources.calls(Of::Behavior), 2);
}

#[tokio::test(start_paused = true)]
async fn a_missing_index_is_looked_up_again_soon() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    sources.one_is(Of::Behavior, Mood::NoIndex);
    let without = ask(&dashboard, &settled(), now()).await;
    assert_eq!(without.answer.data.overview.unwrap().totals.total_visits, None);
    assert!(without.fresh_until <= now() + ms(1_100), "{}", without.fresh_until);
    // The index is there again.
    sources.be(|_| Mood::Well);
    let with = ask(&dashboard, &settled(), now() + ms(3_000)).await.answer;
    assert_eq!(loaded_for(&with), second(now()) + 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_a_load_after_midnight_is_of_the_new_day() {
    let sources = ScriptedSources::new(0);
    sources.be(|_| Mood::Slow(50));
    let dashboard = sources.builder().build();
    let midnight = at("2024-11-12T15:00:00Z");
    // With the catalog cached, neither request waits for it, and the one that comes first starts its load first.
    dashboard.campaigns(midnight - ms(1_000)).await.unwrap();
    let ask = |widgets: Vec<Widget>, at: Timestamp| {
        let dashboard = dashboard.clone();
        tokio::spawn(async move { ask(&dashboard, &overview().widgets(widgets), at).await.answer })
    };
    let after = ask(vec![Widget::Realtime], midnight);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let before = ask(vec![Widget::Overview, Widget::Realtime], midnight - ms(1)).await.unwrap();
    after.await.unwrap();
    let window = Window { from: before.range.from, to: before.range.to };
    let visits = mark(0, &[10.into(), 11.into()], window, Counting::Events);
    assert_eq!(before.data.overview.as_ref().unwrap().totals.total_visits, Some(visits), "figures of another range");
    assert_eq!((before.timestamp, loaded_for(&before)), (midnight, second(midnight)));
}

#[tokio::test(start_paused = true)]
async fn a_history_that_is_being_read_delays_no_answer_and_adds_no_load() {
    let sources = ScriptedSources::new(0);
    sources.read_weeks_for(Duration::from_secs(8));
    let dashboard = sources.builder().build();
    let request = overview().widgets(Widget::DEFAULT);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(7) {
        let asked = Instant::now();
        let answer = ask(&dashboard, &request, now() + began.elapsed()).await.answer;
        assert!(asked.elapsed() <= Duration::from_millis(160), "{:?}", asked.elapsed());
        assert_eq!(status(&answer, Widget::Overview), WidgetStatus::Fresh);
        assert_eq!(status(&answer, Widget::Comparison), WidgetStatus::Partial);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The widget realtime has a load of its own, and asks the ledger nothing.
    assert!(sources.calls(Of::Ledger) <= 8, "{} loads in 7 s", sources.calls(Of::Ledger));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let answer = ask(&dashboard, &request, now() + began.elapsed()).await.answer;
    assert_eq!(status(&answer, Widget::Comparison), WidgetStatus::Fresh);
}

#[tokio::test(start_paused = true)]
async fn an_answer_written_from_cached_widgets_is_what_serde_writes() {
    let sources = ScriptedSources::new(0);
    let dashboard = sources.builder().build();
    let request = DashboardRequest::campaign(1).widgets(Widget::ALL).compare_previous();
    for seconds in [0, 1, 3_600] {
        let timed = ask(&dashboard, &request, now() + ms(1_000 * seconds)).await;
        let written = String::from_utf8(timed.to_json().unwrap()).unwrap();
        assert_eq!(written, serde_json::to_string(&timed.answer).unwrap());
        let widgets: Vec<Widget> = timed.content().unwrap().into_iter().map(|(widget, _)| widget).collect();
        assert_eq!(widgets, Widget::ALL);
    }
}
