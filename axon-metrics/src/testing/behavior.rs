//! The suite of [`BehaviorSource`]: one test per sentence of its documentation.

use std::{fmt::Debug, time::Duration};

use super::{
    records::EventRecord,
    server,
    stores::{AbsentStore, BehaviorStore, FaultyStore},
    world::{
        self, BUDGET, DAY, HOUR, assert_provenance, assert_valid_name, at, event, ids, measured, scope, shared, values,
        window,
    },
};
use crate::{
    Missing, Reason,
    source::BehaviorFacts,
    source::{
        BehaviorQuestion, BehaviorSource, Cells, Counting, Grid, QueryScope, Series, SeriesActivities, SourceError,
    },
    vocabulary::EventRule,
};

pub(super) fn steps(scope: QueryScope, triggers: &[&str]) -> BehaviorQuestion {
    let steps = triggers.iter().map(|trigger| EventRule::trigger(*trigger)).collect();
    BehaviorQuestion { scope: shared(scope), budget: BUDGET, steps, series: Vec::new(), active: None }
}

pub(super) async fn ask(source: &impl BehaviorSource, question: &BehaviorQuestion) -> BehaviorFacts {
    source.behavior(question).await.expect("an answer")
}

/// The counts of the current window.
async fn counts<S: BehaviorStore>(events: &[EventRecord], question: &BehaviorQuestion) -> Option<Vec<u64>> {
    let source = S::holding(events).await?;
    Some(values(&ask(&source, question).await.steps.current))
}

/// How many seconds an event must be away from a bound to be on one side of it for certain.
fn margin<S: BehaviorStore>() -> i64 {
    2 * i64::try_from(S::TIME_STEP.as_secs()).expect("a short time step")
}

/// The name of the source is lower case, without blanks.
pub async fn the_name_is_lower_case_without_blanks<S: BehaviorStore>() {
    let Some(source) = S::holding(&[]).await else { return };
    assert_valid_name(source.name());
}

/// Unit: events.
pub async fn events_are_counted_in_events<S: BehaviorStore>() {
    let events = [event("CLICK", -HOUR, 1), event("CLICK", -2 * HOUR, 1), event("CLICK", -3 * HOUR, 2)];
    let question = steps(scope(&[7], window(-DAY, 0), Counting::Events), &["CLICK"]);
    let Some(counts) = counts::<S>(&events, &question).await else { return };
    assert_eq!(counts, [3]);
}

/// Unit: distinct recorded subjects, which are the user, else the session. An event with neither has no subject.
pub async fn distinct_recorded_subjects_are_counted_in_subjects<S: BehaviorStore>() {
    let events = [
        event("CLICK", -HOUR, 1),
        event("CLICK", -2 * HOUR, 1),
        event("CLICK", -3 * HOUR, 2),
        event("CLICK", -HOUR, 0).anonymous(Some("a")),
        event("CLICK", -2 * HOUR, 0).anonymous(Some("a")),
        event("CLICK", -3 * HOUR, 0).anonymous(Some("b")),
        event("CLICK", -4 * HOUR, 0).anonymous(None),
        EventRecord { session: Some("a"), ..event("CLICK", -5 * HOUR, 3) },
    ];
    let question = steps(scope(&[7], window(-DAY, 0), Counting::Subjects), &["CLICK"]);
    let Some(counts) = counts::<S>(&events, &question).await else { return };
    assert_eq!(counts, [5], "users 1, 2, 3 and sessions a, b");
}

/// An event belongs to the activity it names.
pub async fn an_event_belongs_to_the_activity_it_names<S: BehaviorStore>() {
    let without_activity = EventRecord { activity: None, ..event("CLICK", -HOUR, 3) };
    let events = [event("CLICK", -HOUR, 1), event("CLICK", -HOUR, 2).of(8), without_activity];
    let question = steps(scope(&[7], window(-DAY, 0), Counting::Events), &["CLICK"]);
    let Some(counts) = counts::<S>(&events, &question).await else { return };
    assert_eq!(counts, [1]);
}

/// A step is counted over the union of the funnel activities: distinct subjects of several activities are counted once.
pub async fn a_step_counts_over_the_union_of_the_funnel_activities<S: BehaviorStore>() {
    let events = [
        event("CLICK", -HOUR, 1),
        event("CLICK", -HOUR, 1).of(8),
        event("CLICK", -HOUR, 2).of(8),
        event("CLICK", -HOUR, 3).of(9),
    ];
    let union = |counting| {
        let scope = QueryScope { funnel_activities: ids(&[7, 8]), ..scope(&[7, 8, 9], window(-DAY, 0), counting) };
        steps(scope, &["CLICK"])
    };
    let Some(source) = S::holding(&events).await else { return };
    assert_eq!(values(&ask(&source, &union(Counting::Events)).await.steps.current), [3]);
    assert_eq!(values(&ask(&source, &union(Counting::Subjects)).await.steps.current), [2]);
}

/// Window: `[from, to)` on the time the event occurred.
pub async fn a_window_holds_its_first_instant_and_not_its_last<S: BehaviorStore>() {
    let (from, to, margin) = (-2 * DAY, -DAY, margin::<S>());
    let events = [
        event("CLICK", from - 1 - margin, 1),
        event("CLICK", from + margin, 2),
        event("CLICK", to - 1 - margin, 3),
        event("CLICK", to + margin, 4),
    ];
    let Some(source) = S::holding(&events).await else { return };
    for counting in [Counting::Events, Counting::Subjects] {
        let question = steps(scope(&[7], window(from, to), counting), &["CLICK"]);
        assert_eq!(values(&ask(&source, &question).await.steps.current), [2], "{counting:?}");
    }
}

/// Events at or after the scope's `as_of` are not used.
pub async fn events_at_or_after_as_of_are_not_used<S: BehaviorStore>() {
    let margin = margin::<S>();
    let events = [event("CLICK", -1 - margin, 1), event("CLICK", margin, 2), event("CLICK", HOUR, 3)];
    let Some(source) = S::holding(&events).await else { return };
    let question = steps(scope(&[7], window(-DAY, 0), Counting::Events), &["CLICK"]);
    assert_eq!(values(&ask(&source, &question).await.steps.current), [1]);
}

/// One count per step and window, in the order of the question.
pub async fn one_count_per_step_and_window_in_the_order_asked<S: BehaviorStore>() {
    let mut events = vec![event("CLICK", -HOUR, 1), event("PURCHASE", -HOUR, 1), event("APPROVED", -3 * DAY, 1)];
    events.extend((0..3).map(|n| event("PAGE_VIEW", -HOUR - n, 1)));
    events.extend((0..2).map(|n| event("CLICK", -3 * DAY - n, 1)));
    let scope =
        QueryScope { previous: Some(window(-4 * DAY, -2 * DAY)), ..scope(&[7], window(-DAY, 0), Counting::Events) };
    let question = steps(scope, &["PURCHASE", "PAGE_VIEW", "APPROVED", "CLICK"]);
    let Some(source) = S::holding(&events).await else { return };
    let facts = ask(&source, &question).await;
    assert_eq!(values(&facts.steps.current), [1, 3, 0, 1]);
    assert_eq!(values(&facts.steps.previous), [0, 0, 1, 2]);
    assert!(facts.steps.by_activity.is_empty() && facts.series.is_empty() && facts.active.is_none());
}

/// The counts per funnel activity are events of the current window, whatever the counting.
pub async fn each_activity_apart_is_counted_in_events<S: BehaviorStore>() {
    let events = [
        event("CLICK", -HOUR, 1),
        event("CLICK", -2 * HOUR, 1),
        event("CLICK", -3 * DAY, 1),
        event("CLICK", -HOUR, 1).of(8),
        event("PURCHASE", -HOUR, 1).of(8),
        event("CLICK", -HOUR, 1).of(9),
    ];
    let Some(source) = S::holding(&events).await else { return };
    for counting in [Counting::Events, Counting::Subjects] {
        let scope = QueryScope {
            funnel_activities: ids(&[8, 7]),
            by_activity: true,
            ..scope(&[7, 8, 9], window(-DAY, 0), counting)
        };
        let facts = ask(&source, &steps(scope, &["CLICK", "PURCHASE"])).await;
        let per_activity: Vec<_> = facts.steps.by_activity.iter().map(|(id, counts)| (id.0, values(counts))).collect();
        assert_eq!(per_activity, [(8, vec![1, 1]), (7, vec![2, 0])], "{counting:?}");
    }
}

/// A rule can name several triggers, and be limited to tracker definitions.
pub async fn a_rule_may_name_triggers_and_definitions<S: BehaviorStore>() {
    let other = EventRecord { definition: Some(2), ..event("PAGE_VIEW", -HOUR, 1) };
    let none = EventRecord { definition: None, ..event("PAGE_VIEW", -HOUR, 1) };
    let events = [event("PAGE_VIEW", -HOUR, 1), other, none, event("SCROLL", -HOUR, 1), event("STAY", -HOUR, 1)];
    let mut question = steps(scope(&[7], window(-DAY, 0), Counting::Events), &["PAGE_VIEW"]);
    question.steps.push(EventRule::trigger("PAGE_VIEW").of_definitions([2]));
    question.steps.push(EventRule::any_of(["SCROLL", "STAY"]));
    let Some(counts) = counts::<S>(&events, &question).await else { return };
    assert_eq!(counts, [3, 1, 2]);
}

/// A purchase counts only if it is stored where the store accepts purchases. Elsewhere it makes no user active either.
pub async fn a_purchase_from_elsewhere_is_not_believed<S: BehaviorStore>() {
    let forged = EventRecord { forged: true, ..event("PURCHASE", -60, 2) };
    let events = [event("PURCHASE", -60 - margin::<S>(), 1), forged, event("CLICK", -DAY, 3)];
    let mut question = steps(scope(&[7], window(-2 * DAY, 0), Counting::Events), &["PURCHASE"]);
    question.active = Some(window(-300, 0));
    let Some(source) = S::holding(&events).await else { return };
    let facts = ask(&source, &question).await;
    assert_eq!(values(&facts.steps.current), [1]);
    if S::TELLS_ACTIVE {
        assert_eq!(measured(&facts.active.expect("asked for")), 1);
    }
}

/// No events: a measured 0.
pub async fn no_events_are_a_measured_zero<S: BehaviorStore>() {
    let scope = QueryScope { by_activity: true, ..scope(&[8], window(-DAY, 0), Counting::Subjects) };
    let mut question = steps(scope, &["CLICK", "PURCHASE"]);
    question.series = vec![all("CLICK", Cells::Windows(vec![window(-HOUR, -HOUR / 2)]))];
    let other = [event("CLICK", -HOUR, 1), event("PURCHASE", -HOUR, 1)];
    let Some(source) = S::holding(&other).await else { return };
    let facts = ask(&source, &question).await;
    assert_eq!(values(&facts.steps.current), [0, 0]);
    assert_eq!(values(&facts.steps.by_activity[0].1), [0, 0]);
    assert_eq!(measured(&facts.series[0]), [0]);
}

/// No activities: a measured 0.
pub async fn no_activities_are_a_measured_zero<S: BehaviorStore>() {
    let Some(source) = S::holding(&[event("CLICK", -HOUR, 1), event("PURCHASE", -HOUR, 1)]).await else { return };
    for counting in [Counting::Events, Counting::Subjects] {
        let question = steps(scope(&[], window(-DAY, 0), counting), &["CLICK", "PURCHASE"]);
        assert_eq!(values(&ask(&source, &question).await.steps.current), [0, 0]);
    }
}

/// An empty window: a measured 0.
pub async fn an_empty_window_is_a_measured_zero<S: BehaviorStore>() {
    let events = [event("CLICK", -HOUR, 1), event("PURCHASE", -HOUR, 1)];
    let mut question = steps(scope(&[7], window(-HOUR, -HOUR), Counting::Events), &["CLICK"]);
    let hours = vec![window(-HOUR - 1800, -1800), window(-1800, -1800)];
    question.series = vec![all("CLICK", Cells::Windows(hours))];
    let Some(source) = S::holding(&events).await else { return };
    let facts = ask(&source, &question).await;
    assert_eq!(values(&facts.steps.current), [0]);
    assert_eq!(measured(&facts.series[0]), [1, 0]);
}

/// Series: events of all activities per cell of a grid, oldest first. A cell without events is a measured 0, and events
/// at or after `as_of` are not counted.
pub async fn a_series_counts_events_of_all_activities_per_cell<S: BehaviorStore>() {
    // The cells are clock hours from 07:00, 08:00, 09:00 and 10:00. The last one is in progress: it is 10:30.
    let hours = grid(-12_600, HOUR, 4);
    let events = [
        event("PAGE_VIEW", -14_400, 1),
        event("PAGE_VIEW", -11_000, 1),
        event("PAGE_VIEW", -11_000, 1),
        event("PAGE_VIEW", -4_000, 1).of(9),
        event("CLICK", -4_000, 1),
        event("PAGE_VIEW", -900, 1),
        event("PAGE_VIEW", 900, 1),
    ];
    let long = scope(&[7, 9], window(-DAY, 0), Counting::Events);
    let short = scope(&[7, 9], window(-2 * HOUR, 0), Counting::Subjects);
    let Some(source) = S::holding(&events).await else { return };
    for mut scope in [long, short] {
        scope.funnel_activities = ids(&[7]);
        let mut question = steps(scope, &["PAGE_VIEW"]);
        question.series = vec![all("PAGE_VIEW", hours.clone())];
        let facts = ask(&source, &question).await;
        assert_eq!(measured(&facts.series[0]), [2, 0, 1, 1]);
    }
}

/// Cells may start at any minute and have any length: cells of an hour from :45, and cells of half an hour.
pub async fn a_series_follows_the_cells_asked_for<S: BehaviorStore>() {
    // Events on both sides of bounds: a cell contains its first instant, and not its end.
    let margin = margin::<S>();
    let events = [-5_400 + margin, -3_601 - margin, -3_600 + margin, -2_701 - margin, -2_700 + margin];
    let events = events.map(|second| event("PAGE_VIEW", second, 1));
    let mut question = steps(scope(&[7], window(-DAY, 0), Counting::Events), &[]);
    // Cells from 08:45 and 09:45, the last one in progress; and cells from 09:00, 09:30 and 10:00.
    question.series = vec![all("PAGE_VIEW", grid(-6_300, HOUR, 2)), all("PAGE_VIEW", grid(-5_400, HOUR / 2, 3))];
    let Some(source) = S::holding(&events).await else { return };
    let facts = ask(&source, &question).await;
    assert_eq!(measured(&facts.series[0]), [4, 1]);
    assert_eq!(measured(&facts.series[1]), [2, 3, 0]);
}

/// Cells at or after `as_of` are a measured 0: a series may extend into the future.
pub async fn cells_of_a_series_that_are_yet_to_come_are_a_measured_zero<S: BehaviorStore>() {
    let events = [event("PAGE_VIEW", -900, 1), event("PAGE_VIEW", 900, 1), event("PAGE_VIEW", DAY, 1)];
    let mut question = steps(scope(&[7], window(-DAY, DAY), Counting::Events), &["PAGE_VIEW"]);
    question.series = vec![all("PAGE_VIEW", grid(-DAY - HOUR, DAY, 3))];
    let Some(source) = S::holding(&events).await else { return };
    assert_eq!(measured(&ask(&source, &question).await.series[0]), [0, 1, 0]);
}

/// Cells that are short beside the steps of a store's times are missing; longer cells of the same question are measured.
pub async fn cells_too_short_for_the_stored_times_are_missing<S: BehaviorStore>() {
    let mut question = steps(scope(&[7], window(-DAY, 0), Counting::Events), &[]);
    question.series = vec![all("PAGE_VIEW", grid(-300, 60, 5)), all("PAGE_VIEW", grid(-2 * HOUR, HOUR, 2))];
    let Some(source) = S::holding(&[event("PAGE_VIEW", -HOUR / 2, 1)]).await else { return };
    let facts = ask(&source, &question).await;
    if S::TELLS_ACTIVE {
        assert_eq!(measured(&facts.series[0]), [0; 5]);
    } else {
        assert!(matches!(facts.series[0], Err(Missing::NotMeasured(Reason::TimeResolution))), "{:?}", facts.series[0]);
    }
    assert_eq!(measured(&facts.series[1]), [0, 1]);
}

/// The series of one question are independent of each other and of the steps, whatever activities they count.
pub async fn several_series_are_independent<S: BehaviorStore>() {
    let events = [
        event("PAGE_VIEW", -3 * DAY + HOUR, 1),
        event("PAGE_VIEW", -HOUR / 2, 1),
        event("PAGE_VIEW", -HOUR / 2, 1).of(9),
        event("CLICK", -HOUR / 2, 1),
    ];
    let mut scope = scope(&[7, 9], window(-2 * DAY, 0), Counting::Events);
    scope.funnel_activities = ids(&[7]);
    let mut question = steps(scope, &["PAGE_VIEW"]);
    let with_funnel = |trigger, cells| Series { activities: SeriesActivities::WithFunnel, ..all(trigger, cells) };
    question.series = vec![
        all("PAGE_VIEW", grid(-2 * HOUR, HOUR, 2)),
        with_funnel("PAGE_VIEW", grid(-2 * DAY, DAY, 2)),
        with_funnel("PAGE_VIEW", grid(-4 * DAY, DAY, 4)),
        all("CLICK", grid(-DAY, DAY, 1)),
    ];
    let Some(source) = S::holding(&events).await else { return };
    let facts = ask(&source, &question).await;
    let counts: Vec<Vec<u64>> = facts.series.iter().map(measured).collect();
    assert_eq!(counts, [vec![0, 2], vec![0, 1], vec![0, 1, 0, 1], vec![1]]);
    assert_eq!(values(&facts.steps.current), [1]);
}

fn all(trigger: &str, cells: Cells) -> Series {
    Series { rule: EventRule::trigger(trigger), activities: SeriesActivities::All, cells }
}

/// A grid of cells of `step` seconds, the first `from` seconds after `AS_OF`.
fn grid(from: i64, step: i64, cells: usize) -> Cells {
    Cells::Grid(Grid { from: window(from, from).from, step: chrono::TimeDelta::seconds(step), cells })
}

/// Active: distinct subjects of all activities with any event in the window.
pub async fn active_subjects_are_distinct_over_all_activities<S: BehaviorStore>() {
    let events = [
        event("PAGE_VIEW", -200, 1),
        event("STAY", -100, 1).of(9),
        event("PURCHASE", -100, 2).of(9),
        event("CLICK", -1, 0).anonymous(Some("a")),
        event("CLICK", -1, 0).anonymous(None),
        event("CLICK", -301, 3),
        event("CLICK", 0, 4),
        event("CLICK", -1, 5).of(10),
    ];
    let mut question = steps(scope(&[7, 9], window(-DAY, 0), Counting::Events), &[]);
    question.active = Some(window(-300, 0));
    let Some(source) = S::holding(&events).await else { return };
    let active = ask(&source, &question).await.active.expect("asked for");
    if S::TELLS_ACTIVE {
        assert_eq!(measured(&active), 3, "users 1 and 2, and session a");
    } else {
        assert!(matches!(active, Err(Missing::NotMeasured(Reason::TimeResolution))), "{active:?}");
    }
}

/// Freshness: each fact has the instant up to which it is complete.
pub async fn each_fact_says_how_far_it_is_complete<S: BehaviorStore>() {
    let scope = QueryScope {
        previous: Some(window(-4 * DAY, -2 * DAY)),
        by_activity: true,
        ..scope(&[7], window(-DAY, 0), Counting::Subjects)
    };
    let mut question = steps(scope, &["CLICK"]);
    question.series = vec![all("CLICK", Cells::Windows(vec![window(-1_800, 0)]))];
    question.active = Some(window(-300, 0));
    let events = [event("CLICK", -HOUR, 1), event("PURCHASE", -HOUR, 1)];
    let Some(source) = S::holding(&events).await else { return };
    let facts = ask(&source, &question).await;
    let name = source.name();
    facts.steps.all().for_each(|fact| assert_provenance(fact, name));
    assert_provenance(&facts.series[0], name);
    if S::TELLS_ACTIVE {
        assert_provenance(&facts.active.expect("asked for"), name);
    }
}

/// A thousand activities can be in one question.
pub async fn a_thousand_activities_are_one_question<S: BehaviorStore>() {
    let activities: Vec<u64> = (1..=1_000).collect();
    let events = [event("CLICK", -HOUR, 1), event("CLICK", -HOUR, 1).of(1_000), event("CLICK", -HOUR, 2).of(1_001)];
    let scope = QueryScope { by_activity: true, ..scope(&activities, window(-DAY, 0), Counting::Subjects) };
    let Some(source) = S::holding(&events).await else { return };
    let facts = ask(&source, &steps(scope, &["CLICK"])).await;
    assert_eq!(values(&facts.steps.current), [1]);
    let per_activity = facts.steps.by_activity.iter().filter(|(_, counts)| values(counts) != [0]);
    assert_eq!(
        per_activity.map(|(id, counts)| (id.0, values(counts))).collect::<Vec<_>>(),
        [(7, vec![1]), (1_000, vec![1])]
    );
}

/// The newest record of a probe is before its `as_of`.
pub async fn the_newest_record_of_a_probe_is_before_its_instant<S: BehaviorStore>() {
    let margin = margin::<S>();
    let newest = -300 - margin;
    let events = [event("CLICK", -DAY, 1), event("CLICK", newest, 1), event("CLICK", margin, 2)];
    let Some(source) = S::holding(&events).await else { return };
    let actual = source.probe(at(0), BUDGET).await.expect("a probe").newest.expect("a newest record");
    let difference = (actual - at(newest)).num_seconds().abs();
    assert!(difference <= margin, "the newest record occurred at {}, not at {actual}", at(newest));
}

/// No index or table to read from: not measured, never 0.
pub async fn nothing_to_read_from_is_not_measured<S: AbsentStore>()
where
    S::Source: BehaviorSource,
{
    let Some(source) = S::absent().await else { return };
    let scope = QueryScope { by_activity: true, ..scope(&[7], window(-DAY, 0), Counting::Events) };
    let mut question = steps(scope, &["CLICK", "PURCHASE"]);
    question.series = vec![all("CLICK", Cells::Windows(vec![window(-1_800, 0)]))];
    question.active = Some(window(-300, 0));
    let facts = ask(&source, &question).await;
    let missing = |fact: &dyn Debug, why: Option<&Missing>| {
        assert!(matches!(why, Some(Missing::NotMeasured(_))), "{fact:?}");
    };
    facts.steps.all().for_each(|fact| missing(fact, fact.as_ref().err()));
    let (series, active) = (facts.series[0].clone(), facts.active.expect("asked for"));
    missing(&series, series.as_ref().err());
    missing(&active, active.as_ref().err());
}

/// The budget of questions to faulty servers.
const SHORT: Duration = Duration::from_millis(400);

/// Unavailable: no answer came within the budget.
pub async fn silence_is_unavailable_within_the_budget<S: FaultyStore>()
where
    S::Source: BehaviorSource,
{
    let source = S::at(server::silent().await);
    let mut question = steps(scope(&[7], window(-DAY, 0), Counting::Events), &["CLICK"]);
    question.budget = SHORT;
    let answer = world::within(SHORT, source.behavior(&question)).await;
    assert!(matches!(answer, Err(SourceError::Unavailable { .. })), "{answer:?}");
    let probe = world::within(SHORT, source.probe(at(0), SHORT)).await;
    assert!(matches!(probe, Err(SourceError::Unavailable { .. })), "{probe:?}");
}

/// A broken connection is lost.
pub async fn a_lost_connection_is_lost<S: FaultyStore>()
where
    S::Source: BehaviorSource,
{
    let source = S::at(server::cut().await);
    let mut question = steps(scope(&[7], window(-DAY, 0), Counting::Events), &["CLICK"]);
    question.budget = SHORT;
    world::assert_lost(world::within(SHORT, source.behavior(&question)).await.map(|_| ()));
    let source = S::at(server::cut().await);
    world::assert_lost(world::within(SHORT, source.probe(at(0), SHORT)).await.map(|_| ()));
}

/// A refused connection is lost; after a retry of the source itself it is unavailable.
pub async fn a_refused_connection_is_lost_or_unavailable<S: FaultyStore>()
where
    S::Source: BehaviorSource,
{
    let source = S::at(server::refused().await);
    let mut question = steps(scope(&[7], window(-DAY, 0), Counting::Events), &["CLICK"]);
    question.budget = SHORT;
    world::assert_lost_or_unavailable(world::within(SHORT, source.behavior(&question)).await.map(|_| ()));
    world::assert_lost_or_unavailable(world::within(SHORT, source.probe(at(0), SHORT)).await.map(|_| ()));
}

/// A garbled reply is an error of the answer or of the connection, never a number.
pub async fn nonsense_is_an_error_and_no_number<S: FaultyStore>()
where
    S::Source: BehaviorSource,
{
    let source = S::at(server::garbled(S::GARBAGE).await);
    let mut question = steps(scope(&[7], window(-DAY, 0), Counting::Events), &["CLICK"]);
    question.budget = SHORT;
    let answer = world::within(SHORT, source.behavior(&question)).await;
    world::assert_garbled(answer.map(|_| ()));
}

/// Generates a test of every sentence of [`BehaviorSource`](crate::source::BehaviorSource), for a
/// [`BehaviorStore`](crate::testing::BehaviorStore). Needs tokio with `macros` and `rt`.
#[macro_export]
macro_rules! behavior_source_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(behavior, $store:
            the_name_is_lower_case_without_blanks
            events_are_counted_in_events
            distinct_recorded_subjects_are_counted_in_subjects
            an_event_belongs_to_the_activity_it_names
            a_step_counts_over_the_union_of_the_funnel_activities
            a_window_holds_its_first_instant_and_not_its_last
            events_at_or_after_as_of_are_not_used
            one_count_per_step_and_window_in_the_order_asked
            each_activity_apart_is_counted_in_events
            a_rule_may_name_triggers_and_definitions
            a_purchase_from_elsewhere_is_not_believed
            no_events_are_a_measured_zero
            no_activities_are_a_measured_zero
            an_empty_window_is_a_measured_zero
            a_series_counts_events_of_all_activities_per_cell
            a_series_follows_the_cells_asked_for
            cells_of_a_series_that_are_yet_to_come_are_a_measured_zero
            cells_too_short_for_the_stored_times_are_missing
            several_series_are_independent
            active_subjects_are_distinct_over_all_activities
            each_fact_says_how_far_it_is_complete
            a_thousand_activities_are_one_question
            the_newest_record_of_a_probe_is_before_its_instant
        );
    };
}

/// Generates tests of a [`BehaviorSource`](crate::source::BehaviorSource) over a server that has no index or table of
/// events ([`AbsentStore`](crate::testing::AbsentStore)), or misbehaves ([`FaultyStore`](crate::testing::FaultyStore)).
#[macro_export]
macro_rules! behavior_server_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(behavior, $store:
            nothing_to_read_from_is_not_measured
            silence_is_unavailable_within_the_budget
            a_lost_connection_is_lost
            a_refused_connection_is_lost_or_unavailable
            nonsense_is_an_error_and_no_number
        );
    };
}
