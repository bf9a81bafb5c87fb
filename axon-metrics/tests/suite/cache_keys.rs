//! Two questions share a cache key if and only if they have the same meaning, and tenants of one cache never get
//! figures of each other. Checks 10,000 pairs of questions, 100,000 with `AXON_DRILL=1`, and 10,000 requests at once.

#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "the test prints its figures")]

use std::collections::{BTreeSet, HashMap, HashSet};

use axon_metrics::{
    ActivityId, Bound, Budgets, CampaignId, Dashboard, DashboardRequest, MemoryCache, Mode, Period, QuestionKind,
    Scope, StepRules, Timestamp, Widget, Window, catalog::Catalog, definitions::FunnelDefinition, source::Counting,
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use crate::scripted_sources;
use scripted_sources::{NOW, Of, ScriptedSources, activity, at, catalog, mark, ms};

/// The settings that distinguish dashboards.
#[derive(Debug, Clone, Copy)]
struct Setting {
    tenant: &'static str,
    zone: chrono_tz::Tz,
    weeks: u32,
    /// Whether the catalog has other data for each scope.
    renamed: bool,
}

fn settings() -> Vec<Setting> {
    let mut all = Vec::new();
    // Names that would collide if keys were concatenated without separators or escapes.
    for tenant in ["", "a", "a|b", "b", "a\u{0}b", "가"] {
        for zone in [chrono_tz::Asia::Seoul, chrono_tz::UTC] {
            for (weeks, renamed) in [(4, false), (8, false), (4, true)] {
                all.push(Setting { tenant, zone, weeks, renamed });
            }
        }
    }
    all
}

fn dashboard(setting: Setting) -> Dashboard {
    let sources = ScriptedSources::new(0);
    if setting.renamed {
        let mut campaigns = catalog().campaigns().to_vec();
        campaigns.iter_mut().flat_map(|campaign| &mut campaign.activities).for_each(|one| one.name.push('!'));
        sources.list(Catalog::new("KRW", campaigns).unwrap());
    }
    let builder = sources.builder().tenant(setting.tenant).zone(setting.zone).baseline_weeks(setting.weeks);
    // The same steps under another key are another funnel.
    let funnel = FunnelDefinition::new(OWN, "다른 퍼널", "Other funnel", StepRules::default()).unwrap();
    builder.funnel(funnel).build()
}

/// The key of the funnel that is not the plan's.
const OWN: &str = "own";

#[derive(Debug, Clone)]
struct Question {
    setting: usize,
    scope: Scope,
    widgets: Vec<Widget>,
    period: Period,
    mode: Mode,
    /// Used only together with the widget `funnel`.
    funnel: Option<&'static str>,
    compare: bool,
    now: Timestamp,
}

fn question(settings: usize) -> impl Strategy<Value = Question> {
    let scope = prop_oneof![
        (1..=3_u64).prop_map(|id| Scope::Campaign(CampaignId(id))),
        (1..=3_u64, 0..2_u64).prop_map(|(id, nth)| Scope::Activity(ActivityId(10 * id + nth))),
    ];
    let instant = |hours: i64| at(NOW) + ms(hours * 3_600_000);
    let period = prop_oneof![
        Just(Period::Today),
        Just(Period::Last7Days),
        Just(Period::Last30Days),
        (-400..300_i64, 1..200_i64, 0..2_i64).prop_map(move |(from, hours, extra_ms)| Period::Custom {
            start: Bound::At(instant(from) + ms(extra_ms)),
            end: Bound::At(instant(from + hours)),
        }),
    ];
    let widgets = proptest::sample::subsequence(Widget::ALL.to_vec(), 1..=Widget::ALL.len()).prop_shuffle();
    let funnel = proptest::sample::select(vec![None, Some(FunnelDefinition::FCFS), Some(OWN)]);
    let mode = prop_oneof![Just(Mode::Count), Just(Mode::Unique)];
    let all = (0..settings, scope, widgets, period, mode, funnel, any::<bool>(), 0..3_i64);
    all.prop_map(move |(setting, scope, widgets, period, mode, funnel, compare, hours)| Question {
        setting,
        scope,
        widgets,
        period,
        mode,
        funnel,
        compare,
        now: instant(9 * hours),
    })
}

impl Question {
    /// The widgets that can be requested for its scope; at least one.
    fn widgets(&self) -> BTreeSet<Widget> {
        let mut widgets: BTreeSet<Widget> = self.widgets.iter().copied().collect();
        if matches!(self.scope, Scope::Activity(_)) && widgets.remove(&Widget::Activities) && widgets.is_empty() {
            widgets.insert(Widget::Overview);
        }
        widgets
    }

    /// The funnel, if it can be requested.
    fn funnel(&self) -> Option<&'static str> {
        self.funnel.filter(|_| self.widgets().contains(&Widget::Funnel))
    }
}

/// A pair of questions that differ in one field, in no field, or in all.
fn pair(settings: usize) -> impl Strategy<Value = (Question, Question)> {
    (question(settings), question(settings), 0..10_u32).prop_map(|(one, other, what)| {
        let mut two = one.clone();
        match what {
            0 => two.setting = other.setting,
            1 => two.scope = other.scope,
            2 => two.widgets.reverse(),
            3 => two.period = other.period,
            4 => two.mode = other.mode,
            5 => two.compare = other.compare,
            6 => two.now = other.now,
            7 => two.funnel = other.funnel,
            8 => {}
            _ => two = other,
        }
        (one, two)
    })
}

/// The meaning of a widget's figures, built without the key of the library.
fn meaning(question: &Question, setting: Setting, widget: Widget) -> String {
    let Question { scope, period, mode, compare, now, .. } = question;
    let funnel = question.funnel().unwrap_or(FunnelDefinition::FCFS);
    let common = format!("{setting:?} {scope:?} {mode:?} {funnel} {widget:?}");
    if widget == Widget::Realtime {
        return common;
    }
    let range = period.resolve(*now, setting.zone).unwrap();
    let open = range.in_progress();
    if widget == Widget::Trend {
        // Its buckets are those of the whole range; nothing of it is compared.
        return format!("{common} {} {} {open}", range.whole.from, range.whole.to);
    }
    let end = if open && !compare { "open".to_owned() } else { format!("{} {open}", range.whole.to) };
    format!("{common} {} {end} {compare}", range.whole.from)
}

#[tokio::test]
async fn two_questions_share_a_key_exactly_if_they_mean_the_same() {
    let pairs = if std::env::var_os("AXON_DRILL").is_some() { 100_000 } else { 10_000 };
    let settings = settings();
    let dashboards: Vec<Dashboard> = settings.iter().map(|setting| dashboard(*setting)).collect();
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let strategy = pair(settings.len());
    let (mut shared, mut by_key, mut by_meaning) = (0, HashMap::new(), HashMap::new());
    for _ in 0..pairs {
        let (one, two) = strategy.new_tree(&mut runner).unwrap().current();
        let mut sets = Vec::new();
        for question in [&one, &two] {
            let setting = settings[question.setting];
            let widgets = question.widgets();
            let request = DashboardRequest::of(question.scope).widgets(widgets.clone()).mode(question.mode);
            let request = request.period(question.period);
            let request = question.funnel().into_iter().fold(request, DashboardRequest::funnel);
            let request = if question.compare { request.compare_previous() } else { request };
            let keys = dashboards[question.setting].cache_keys(&request, question.now).await.unwrap();
            assert_eq!(keys.len(), widgets.len());
            for key in &keys {
                let widget = widgets.iter().find(|widget| key.split(':').nth(2) == Some(widget.name())).unwrap();
                let meaning = meaning(question, setting, *widget);
                let known = by_key.entry(key.clone()).or_insert_with(|| meaning.clone());
                assert_eq!(*known, meaning, "two meanings under {key}");
                let known = by_meaning.entry(meaning.clone()).or_insert_with(|| key.clone());
                assert_eq!(known, key, "two keys of {meaning}");
            }
            sets.push(keys.into_iter().collect::<HashSet<String>>());
        }
        shared += usize::from(sets[0] == sets[1]);
    }
    println!(
        "{pairs} pairs, {shared} of them with the same keys: {} keys of {} meanings",
        by_key.len(),
        by_meaning.len()
    );
    assert!(shared > pairs / 20 && shared < pairs * 2 / 3, "{shared} of {pairs} pairs have the same keys");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_at_once_of_many_tenants_get_their_own_figures() {
    const TENANTS: u64 = 8;
    // All requests start at once, so the last ones wait for the first ones.
    let long = std::time::Duration::from_secs(60);
    let budgets = Budgets::default()
        .with_answer(long)
        .with(QuestionKind::Catalog, long)
        .with(QuestionKind::Behavior, long)
        .with(QuestionKind::Ledger, long)
        .with(QuestionKind::Realtime, long)
        .with_cache(long);
    let cache = MemoryCache::default();
    let dashboard_of = |tenant: u64| {
        let mut campaigns = catalog().campaigns().to_vec();
        campaigns[0].activities.push(activity(12));
        let sources = ScriptedSources::new(tenant);
        sources.list(Catalog::new("KRW", campaigns).unwrap());
        let builder = sources.builder().tenant(format!("tenant {tenant}")).shared_cache(cache.clone());
        (tenant, builder.max_loads(10_000).budgets(budgets).build(), sources)
    };
    // Two dashboards per tenant, as in two processes.
    let dashboards: Vec<(u64, Dashboard, ScriptedSources)> = (0..TENANTS).chain(0..TENANTS).map(dashboard_of).collect();
    let mut dice = fastrand::Rng::with_seed(2);
    let mut tasks = Vec::new();
    for number in 0..10_000_i64 {
        let (tenant, dashboard, _) = &dashboards[dice.usize(0..dashboards.len())];
        let (tenant, dashboard) = (*tenant, dashboard.clone());
        let id = 10 * dice.u64(1..=3) + dice.u64(0..2);
        let now = at(NOW) + ms(number / 4);
        tasks.push(tokio::spawn(async move {
            let request = DashboardRequest::activity(id).widgets([Widget::Realtime, Widget::Overview]);
            let answer = dashboard.answer(&request, now).await.unwrap();
            let members = answer.data.realtime.as_ref().and_then(|realtime| realtime.participants_total);
            let visits = answer.data.overview.as_ref().and_then(|overview| overview.totals.total_visits);
            let range = Window { from: answer.range.from, to: answer.range.to };
            let expected_visits = mark(tenant, &[ActivityId(id)], range, Counting::Events);
            (tenant, id, members, answer.activity_id, visits, expected_visits)
        }));
    }
    let (mut own, mut lost) = (0, 0);
    for task in tasks {
        let (tenant, id, members, activity, visits, expected_visits) = task.await.unwrap();
        assert_eq!(activity, Some(ActivityId(id)));
        assert_eq!(visits, Some(expected_visits), "the visits of another question");
        match members {
            Some(members) => {
                assert_eq!(members, id + tenant * 1_000, "the members of another tenant");
                own += 1;
            }
            None => lost += 1,
        }
    }
    let loads: usize = dashboards.iter().map(|(_, _, sources)| sources.calls(Of::Behavior)).sum();
    println!("{own} requests got their own figures, {lost} got none; {loads} loads");
    assert_eq!(own, 10_000);
    // At most one load per tenant, activity, second of three, and dashboard of two. All other requests hit a cache.
    assert!(loads <= 8 * 6 * 3 * 2, "{loads} loads");
}
