//! Answers while sources fail, hang, panic or send invalid facts: only their facts are missing, and none becomes a 0. Sources
//! are mocks and time is paused, so that budgets pass at once.

use std::{sync::Arc, time::Duration};

use rust_decimal::Decimal;

use super::{settings::definition_hash, *};
use crate::{
    ActivityId, CampaignId, Catalog, Fact, Lifetimes, Measured, Missing, Mode, ProductId, Reason, StepRules, Widget,
    source::{
        BehaviorFacts, BucketSales, History, LedgerFacts, RealtimeFacts, Sales, SalesFacts, Slots, StepCounts, Stock,
    },
    source::{
        BehaviorQuestion, BehaviorSource, CatalogSource, LedgerQuestion, LedgerSource, PerSource, RealtimeQuestion,
        RealtimeSource, SourceError, SourceKind, SourceStatus,
    },
    testing::{MockBehaviorSource, MockCatalogSource, MockLedgerSource, MockRealtimeSource},
    vocabulary::{Activity, ActivityKind, Campaign, FunnelDefinition},
    widget::{MissingDetail, MissingReason, WarningCode},
    wire::WidgetStatus,
};

fn now() -> Timestamp {
    "2024-11-12T10:30:00.700Z".parse().unwrap()
}
fn as_of() -> Timestamp {
    "2024-11-12T10:30:00Z".parse().unwrap()
}
fn measured<T>(value: T) -> Fact<T> {
    Ok(Measured::exact(value, "store", as_of()))
}

fn activity(id: u64, kind: &str) -> Activity {
    let date = |text: &str| text.parse::<Timestamp>().unwrap();
    Activity::new(id, format!("activity {id}"), ActivityKind::from(kind.to_owned()))
        .with_start(date("2024-11-06T00:00:00Z"))
        .with_end(date("2024-11-20T00:00:00Z"))
        .with_limit(100)
        .with_product(ProductId(456))
}
fn catalog_of(activities: Vec<Activity>) -> Catalog {
    let (start, end) = (activities.first().and_then(|one| one.start), activities.first().and_then(|one| one.end));
    let campaign = Campaign::new(123, "Spring", activities).with_start(start).with_end(end);
    Catalog::new("KRW", vec![campaign]).unwrap()
}
fn fcfs() -> Catalog {
    catalog_of(vec![activity(789, "FIRST_COME_FIRST_SERVE")])
}

fn catalog_source(catalog: Catalog) -> MockCatalogSource {
    let mut source = MockCatalogSource::new();
    source.expect_name().return_const("mysql");
    source.expect_definition().return_const(String::new());
    source.expect_catalog().returning(move |_| Ok(catalog.clone()));
    source
}

fn behavior_facts(question: &BehaviorQuestion) -> BehaviorFacts {
    let counts = |numbers: [u64; 4]| question.steps.iter().zip(numbers).map(|(_, count)| measured(count)).collect();
    let apart = question.scope.by_activity && !question.steps.is_empty();
    let activities = if apart { question.scope.funnel_activities.clone() } else { Vec::new() };
    let steps = StepCounts::new(counts([1234, 567, 123, 45]))
        .with_previous(if question.scope.previous.is_some() { counts([1100, 500, 110, 40]) } else { Vec::new() })
        .with_by_activity(activities.into_iter().map(|id| (id, counts([1234, 567, 123, 45]))).collect());
    BehaviorFacts::new(steps)
        .with_series(question.series.iter().map(|series| measured(vec![31; series.cells.count()])).collect())
        .with_active(question.active.map(|_| measured(12)))
}
fn behavior_source(
    answer: impl Fn(&BehaviorQuestion) -> Result<BehaviorFacts, SourceError> + Send + Sync + 'static,
) -> MockBehaviorSource {
    let mut source = MockBehaviorSource::new();
    source.expect_name().return_const("elasticsearch");
    source.expect_definition().return_const(String::new());
    source.expect_behavior().returning(move |question| answer(question));
    source
}

fn sold(orders: u64) -> Sales {
    let sums = BucketSales::new(orders, orders, Decimal::from(orders * 29_900));
    Sales::new(sums, orders).with_cancelled(3)
}
fn sales(promotion: u64, regular: u64) -> SalesFacts {
    SalesFacts::new(measured(sold(promotion)), measured(sold(regular)), measured(Vec::new()))
}
fn ledger_facts(question: &LedgerQuestion) -> LedgerFacts {
    let since = as_of() - chrono::Duration::days(90);
    let history = question.history.as_ref().map(|_| measured(History::new(Some(since), Vec::new())));
    LedgerFacts::new(StepCounts::new(question.steps.iter().map(|_| measured(45)).collect()))
        .with_sales(question.sales.as_ref().map(|_| sales(45, 30)))
        .with_history(history)
}
fn ledger_source(
    answer: impl Fn(&LedgerQuestion) -> Result<LedgerFacts, SourceError> + Send + Sync + 'static,
) -> MockLedgerSource {
    let mut source = MockLedgerSource::new();
    source.expect_name().return_const("mysql");
    source.expect_definition().return_const(String::new());
    source.expect_ledger().returning(move |question| answer(question));
    source
}

fn slots(stock: i64, members: u64) -> Slots {
    Slots::new(measured(Stock::Held(stock)), measured(members))
}
fn realtime_facts(question: &RealtimeQuestion) -> RealtimeFacts {
    RealtimeFacts::new(question.activities.iter().map(|id| (*id, slots(45, 45))).collect())
}
fn realtime_source(
    answer: impl Fn(&RealtimeQuestion) -> Result<RealtimeFacts, SourceError> + Send + Sync + 'static,
) -> MockRealtimeSource {
    let mut source = MockRealtimeSource::new();
    source.expect_name().return_const("redis");
    source.expect_definition().return_const(String::new());
    source.expect_realtime().returning(move |question| answer(question));
    source
}

/// A dashboard with healthy sources and without caching.
fn healthy() -> DashboardBuilder<Arc<dyn CatalogSource>> {
    Dashboard::builder()
        .catalog(catalog_source(fcfs()))
        .behavior(behavior_source(|question| Ok(behavior_facts(question))))
        .ledger(ledger_source(|question| Ok(ledger_facts(question))))
        .realtime(realtime_source(|question| Ok(realtime_facts(question))))
        .lifetimes(Lifetimes::none())
}
fn everything() -> DashboardRequest {
    DashboardRequest::campaign(123).widgets(Widget::ALL).compare_previous()
}
async fn answered(builder: DashboardBuilder<Arc<dyn CatalogSource>>) -> DashboardAnswer {
    builder.build().answer(&everything(), now()).await.unwrap()
}
fn refused() -> SourceError {
    SourceError::Unavailable { source_name: "store".into(), source: "connection refused by 10.0.0.1".into() }
}

/// The statuses of the widgets, in their order.
fn statuses(answer: &DashboardAnswer) -> Vec<WidgetStatus> {
    answer.widgets.values().map(|state| state.status).collect()
}
use WidgetStatus::{Fresh, Partial, Unavailable};

#[tokio::test]
async fn the_plans_campaign_has_the_plans_figures() {
    let answer = answered(healthy()).await;
    assert_eq!(statuses(&answer), [Fresh; 6]);
    assert_eq!(answer.timestamp, as_of());
    let steps = answer.data.funnel.unwrap().steps;
    let rates: Vec<String> = steps.iter().map(|step| step.rate.unwrap().to_string()).collect();
    assert_eq!(rates, ["100", "45.9", "21.7", "36.6"]);
    assert_eq!(
        steps.iter().map(|step| step.rate_from_first.unwrap().to_string()).collect::<Vec<_>>(),
        ["100", "45.9", "10", "3.6"]
    );
    let overview = answer.data.overview.unwrap();
    assert_eq!(overview.totals.conversion_rate.unwrap().to_string(), "3.65");
    assert_eq!(overview.change.unwrap().total_visits.unwrap().to_string(), "12.2");
    let realtime = answer.data.realtime.unwrap();
    assert_eq!(
        (realtime.remaining_stock, realtime.initial_stock, realtime.active_users),
        (Some(55), Some(100), Some(12))
    );
    assert_eq!((realtime.participants_total, realtime.last_updated), (Some(45), Some(as_of())));
}

#[tokio::test]
async fn an_answer_is_read_back_as_it_was_written() {
    let answer = answered(healthy()).await;
    let json = serde_json::to_string(&answer).unwrap();
    assert_eq!(serde_json::from_str::<DashboardAnswer>(&json).unwrap(), answer);
}

#[tokio::test]
async fn each_source_is_asked_once_and_the_ledger_once_more_for_history() {
    let mut behavior = MockBehaviorSource::new();
    behavior.expect_name().return_const("elasticsearch");
    behavior.expect_definition().return_const(String::new());
    behavior.expect_behavior().times(1).returning(|question| Ok(behavior_facts(question)));
    let mut ledger = MockLedgerSource::new();
    ledger.expect_name().return_const("mysql");
    ledger.expect_definition().return_const(String::new());
    let history = |question: &LedgerQuestion| question.history.is_some();
    ledger.expect_ledger().times(1).withf(history).returning(|question| Ok(ledger_facts(question)));
    ledger.expect_ledger().times(1).withf(move |asked| !history(asked)).returning(|asked| Ok(ledger_facts(asked)));
    answered(healthy().behavior(behavior).ledger(ledger)).await;
}

#[tokio::test]
async fn a_source_that_no_widget_needs_is_not_asked() {
    let mut ledger = MockLedgerSource::new();
    ledger.expect_name().return_const("mysql");
    ledger.expect_definition().return_const(String::new());
    let mut realtime = MockRealtimeSource::new();
    realtime.expect_name().return_const("redis");
    realtime.expect_definition().return_const(String::new());
    let dashboard = healthy().ledger(ledger).realtime(realtime).build();
    let answer = dashboard.answer(&DashboardRequest::campaign(123).widgets([Widget::Funnel]), now()).await.unwrap();
    assert_eq!(statuses(&answer), [Fresh]);
    assert_eq!(answer.data.overview, None);
}

#[tokio::test]
async fn dead_behavior_costs_visits_and_rates_and_nothing_else() {
    let answer = answered(healthy().behavior(behavior_source(|_| Err(refused())))).await;
    assert_eq!(statuses(&answer), [Unavailable, Unavailable, Fresh, Partial, Partial, Unavailable]);
    let overview = answer.data.overview.unwrap();
    assert_eq!((overview.totals.total_visits, overview.totals.conversion_rate), (None, None));
    assert!(answer.data.funnel.unwrap().steps.iter().all(|step| step.value.is_none() && step.rate.is_none()));
    let realtime = answer.data.realtime.unwrap();
    assert_eq!((realtime.active_users, realtime.hourly_inflow, realtime.remaining_stock), (None, None, Some(55)));
    let missing = &answer.widgets[&Widget::Overview].missing[0];
    assert_eq!((missing.field.as_str(), missing.reason), ("totalVisits", MissingReason::Unavailable));
    assert_eq!((missing.source.as_deref(), missing.message.as_str()), (Some("store"), "store did not answer"));
}

#[tokio::test]
async fn a_dead_ledger_costs_only_sales() {
    let answer = answered(healthy().ledger(ledger_source(|_| Err(refused())))).await;
    assert_eq!(statuses(&answer), [Fresh, Fresh, Unavailable, Fresh, Fresh, Fresh]);
    let comparison = answer.data.comparison.unwrap();
    assert_eq!(
        (comparison.promotion.orders, comparison.regular.revenue, comparison.baseline.orders),
        (None, None, None)
    );
    assert_eq!(comparison.other_promotions, None);
}

#[tokio::test]
async fn a_dead_redis_costs_only_stock() {
    let answer = answered(healthy().realtime(realtime_source(|_| Err(refused())))).await;
    assert_eq!(statuses(&answer), [Fresh, Fresh, Fresh, Partial, Partial, Fresh]);
    let realtime = answer.data.realtime.unwrap();
    assert_eq!((realtime.remaining_stock, realtime.participants_total, realtime.last_updated), (None, None, None));
    assert_eq!((realtime.active_users, realtime.initial_stock), (Some(12), Some(100)));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_costs_only_its_facts_and_no_more_than_its_budget() {
    struct Hangs;
    #[async_trait::async_trait]
    impl RealtimeSource for Hangs {
        fn name(&self) -> &'static str {
            "redis"
        }
        async fn realtime(&self, _: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
            std::future::pending().await
        }
        async fn probe(&self, _: Timestamp, _: Duration) -> Result<crate::source::Probe, SourceError> {
            std::future::pending().await
        }
    }
    let dashboard = healthy().realtime(Hangs).build();
    let began = Instant::now();
    let answer = dashboard.answer(&everything(), now()).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(150));
    assert_eq!(statuses(&answer), [Fresh, Fresh, Fresh, Partial, Partial, Fresh]);
    let source = answer.sources.iter().find(|source| source.name == "redis").unwrap();
    assert_eq!((source.status, source.latency_ms, source.as_of), (SourceStatus::Unavailable, 150.0, None));
}

#[tokio::test]
async fn sources_are_asked_at_the_same_time() {
    // Each call waits for all four; the history is a call of its own to the ledger.
    let barrier = Arc::new(tokio::sync::Barrier::new(4));
    struct Waits(Arc<tokio::sync::Barrier>);
    #[async_trait::async_trait]
    impl BehaviorSource for Waits {
        fn name(&self) -> &'static str {
            "elasticsearch"
        }
        async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
            self.0.wait().await;
            Ok(behavior_facts(question))
        }
        async fn probe(&self, _: Timestamp, _: Duration) -> Result<crate::source::Probe, SourceError> {
            Ok(Default::default())
        }
    }
    #[async_trait::async_trait]
    impl LedgerSource for Waits {
        fn name(&self) -> &'static str {
            "mysql"
        }
        async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
            self.0.wait().await;
            Ok(ledger_facts(question))
        }
        async fn probe(&self, _: Timestamp, _: Duration) -> Result<crate::source::Probe, SourceError> {
            Ok(Default::default())
        }
    }
    #[async_trait::async_trait]
    impl RealtimeSource for Waits {
        fn name(&self) -> &'static str {
            "redis"
        }
        async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
            self.0.wait().await;
            Ok(realtime_facts(question))
        }
        async fn probe(&self, _: Timestamp, _: Duration) -> Result<crate::source::Probe, SourceError> {
            Ok(Default::default())
        }
    }
    let waits = || Waits(Arc::clone(&barrier));
    let answer = answered(healthy().behavior(waits()).ledger(waits()).realtime(waits())).await;
    assert_eq!(statuses(&answer), [Fresh; 6]);
}

#[tokio::test]
async fn a_source_that_panics_costs_only_its_facts() {
    let answer = answered(healthy().ledger(ledger_source(|_| panic!("a bug in an adapter")))).await;
    assert_eq!(statuses(&answer), [Fresh, Fresh, Unavailable, Fresh, Fresh, Fresh]);
}

#[tokio::test]
async fn an_invalid_reply_is_malformed_and_not_used() {
    type Corrupt<T> = fn(&mut T);
    let behavior: [(&str, Corrupt<BehaviorFacts>); 8] = [
        ("a count too few", |facts| drop(facts.steps.current.pop())),
        ("a count too many", |facts| facts.steps.current.push(measured(1))),
        ("no previous counts", |facts| facts.steps.previous.clear()),
        ("no activities", |facts| facts.steps.by_activity.clear()),
        ("another activity", |facts| facts.steps.by_activity[0].0 = ActivityId(1)),
        ("too few hours", |facts| facts.series[0] = measured(vec![1; 23])),
        ("no series", |facts| facts.series.clear()),
        ("no active subjects", |facts| facts.active = None),
    ];
    for (fault, corrupt) in behavior {
        let source = behavior_source(move |question| {
            let mut facts = behavior_facts(question);
            corrupt(&mut facts);
            Ok(facts)
        });
        let answer = answered(healthy().behavior(source)).await;
        assert_eq!(statuses(&answer), [Unavailable, Unavailable, Fresh, Partial, Partial, Unavailable], "{fault}");
        assert_eq!(answer.widgets[&Widget::Funnel].missing[0].detail, Some(MissingDetail::Malformed), "{fault}");
    }
    let ledger: [(&str, Corrupt<LedgerFacts>, WidgetStatus); 4] = [
        ("sales there or not", |facts| facts.sales = facts.sales.take().xor(Some(sales(0, 0))), Unavailable),
        ("no history", |facts| facts.history = None, Partial),
        (
            "more buyers than orders",
            |facts| {
                let sales = facts.sales.iter_mut();
                sales.for_each(|sales| sales.promotion = measured(Sales { buyers: 2, ..sold(1) }));
            },
            Partial,
        ),
        (
            "an hour outside the history",
            |facts| {
                let outside = || vec![(as_of(), BucketSales::default())];
                let history = facts.history.iter_mut();
                history.for_each(|history| *history = measured(History::new(None, outside())));
            },
            Partial,
        ),
    ];
    for (fault, corrupt, comparison) in ledger {
        let source = ledger_source(move |question| {
            let mut facts = ledger_facts(question);
            corrupt(&mut facts);
            Ok(facts)
        });
        let answer = answered(healthy().ledger(source)).await;
        assert_eq!(statuses(&answer), [Fresh, Fresh, comparison, Fresh, Fresh, Fresh], "{fault}");
        let missing = &answer.widgets[&Widget::Comparison].missing;
        assert!(missing.iter().any(|gap| gap.detail == Some(MissingDetail::Malformed)), "{fault} {missing:?}");
    }
    let realtime: [(&str, Corrupt<RealtimeFacts>); 2] = [
        ("an activity too few", |facts| facts.slots.clear()),
        ("another activity", |facts| facts.slots[0].0 = ActivityId(1)),
    ];
    for (fault, corrupt) in realtime {
        let source = realtime_source(move |question| {
            let mut facts = realtime_facts(question);
            corrupt(&mut facts);
            Ok(facts)
        });
        let answer = answered(healthy().realtime(source)).await;
        assert_eq!(statuses(&answer), [Fresh, Fresh, Fresh, Partial, Partial, Fresh], "{fault}");
    }
}

#[tokio::test]
async fn completeness_is_clamped_to_the_instant_of_the_answer() {
    let source = behavior_source(|question| {
        let mut facts = behavior_facts(question);
        for fact in &mut facts.steps.current {
            fact.as_mut().unwrap().complete_to = as_of() + chrono::Duration::hours(1);
        }
        Ok(facts)
    });
    let answer = answered(healthy().behavior(source)).await;
    assert_eq!(
        (answer.widgets[&Widget::Funnel].as_of, answer.widgets[&Widget::Funnel].age_ms),
        (Some(as_of()), Some(0))
    );
}

#[tokio::test]
async fn an_incomplete_reply_is_partial_with_its_numbers() {
    let source = behavior_source(|question| {
        let mut facts = behavior_facts(question);
        facts.steps.current[0].as_mut().unwrap().partial = true;
        Ok(facts)
    });
    let answer = answered(healthy().behavior(source)).await;
    assert_eq!(statuses(&answer), [Partial, Partial, Fresh, Fresh, Fresh, Fresh]);
    assert_eq!(answer.data.overview.unwrap().totals.total_visits, Some(1234));
}

#[tokio::test]
async fn a_coarse_time_and_an_assumed_lag_are_warnings_of_their_widgets() {
    let source = behavior_source(|question| {
        let mut facts = behavior_facts(question);
        for fact in facts.steps.current.iter_mut().flatten() {
            (fact.lag_assumed, fact.time_step) = (true, Some(Duration::from_secs(128)));
        }
        Ok(facts)
    });
    let answer = answered(healthy().behavior(source)).await;
    let warnings = |widget| {
        let warnings = answer.widgets[&widget].warnings.iter();
        warnings.map(|warning| (warning.code, warning.number("seconds"))).collect::<Vec<_>>()
    };
    let both = [(WarningCode::TimeResolution, Some(128)), (WarningCode::AssumedLag, None)];
    assert_eq!((warnings(Widget::Overview), warnings(Widget::Funnel)), (both.to_vec(), both.to_vec()));
    assert_eq!((warnings(Widget::Comparison), warnings(Widget::Realtime)), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn the_hour_that_comes_twice_is_a_warning_of_the_figures_that_hold_it() {
    let behavior = behavior_source(|question| {
        let mut facts = behavior_facts(question);
        facts.steps.current.iter_mut().skip(3).flatten().for_each(|fact| fact.ambiguous = 2);
        facts.series.iter_mut().flatten().for_each(|fact| fact.ambiguous = 1);
        Ok(facts)
    });
    let ledger = ledger_source(|question| {
        let mut facts = ledger_facts(question);
        facts.sales.iter_mut().flat_map(|sales| &mut sales.promotion).for_each(|fact| fact.ambiguous = 3);
        facts.history.iter_mut().flatten().for_each(|fact| fact.ambiguous = 4);
        Ok(facts)
    });
    let answer = answered(healthy().behavior(behavior).ledger(ledger)).await;
    assert_eq!(statuses(&answer), [Fresh; 6], "the figures are whole");
    let warnings = |widget| {
        let warnings = answer.widgets[&widget].warnings.iter();
        let warnings = warnings.filter(|warning| warning.code == WarningCode::AmbiguousHour);
        let warnings =
            warnings.map(|warning| (warning.field.as_deref().unwrap_or_default(), warning.number("records")));
        warnings.collect::<Vec<_>>()
    };
    assert_eq!(warnings(Widget::Funnel), [("steps[3].value", Some(2))]);
    assert_eq!(warnings(Widget::Overview), [("purchaseCount", Some(2))]);
    assert_eq!(warnings(Widget::Comparison), [("promotion", Some(3)), ("baseline", Some(4))]);
    assert_eq!(warnings(Widget::Realtime).len(), 1, "of the first bucket, for all of them");
}

#[tokio::test]
async fn one_lost_count_costs_itself_and_the_rates_that_need_it() {
    let source = behavior_source(|question| {
        let mut facts = behavior_facts(question);
        facts.steps.current[2] =
            Err(Missing::Unavailable(Arc::new(SourceError::Overloaded { source_name: "store".into() })));
        Ok(facts)
    });
    let answer = answered(healthy().behavior(source)).await;
    assert_eq!(statuses(&answer), [Partial, Partial, Fresh, Fresh, Fresh, Fresh]);
    let steps = answer.data.funnel.unwrap().steps;
    assert_eq!(steps.iter().map(|step| step.value).collect::<Vec<_>>(), [Some(1234), Some(567), None, Some(45)]);
    assert_eq!(steps.iter().map(|step| step.rate.is_some()).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(answer.data.overview.unwrap().totals.conversion_rate.unwrap().to_string(), "3.65");
}

#[tokio::test]
async fn figures_without_a_connected_source_are_not_measured() {
    let answer = answered(Dashboard::builder().catalog(catalog_source(fcfs()))).await;
    assert_eq!(statuses(&answer), [Fresh; 6]);
    for widget in Widget::ALL {
        let missing = &answer.widgets[&widget].missing;
        let none = missing.iter().filter(|gap| gap.detail == Some(MissingDetail::NoSource)).count();
        assert!(none > 0, "{widget:?} misses {missing:?}");
    }
    assert_eq!(answer.data.realtime.unwrap().remaining_stock, None);
}

#[tokio::test]
async fn no_answer_at_all_is_unavailable_with_the_states_of_the_sources() {
    let dashboard = healthy().behavior(behavior_source(|_| Err(refused()))).build();
    let request = DashboardRequest::campaign(123).widgets([Widget::Overview, Widget::Funnel]);
    let Err(AnswerError::Unavailable { sources }) = dashboard.answer(&request, now()).await else {
        panic!("an answer")
    };
    let states: Vec<_> = sources.iter().map(|source| (source.name.as_str(), source.status)).collect();
    assert_eq!(states, [("mysql", SourceStatus::Ok), ("elasticsearch", SourceStatus::Unavailable)]);
}

#[tokio::test]
async fn an_unknown_or_too_large_scope_is_refused_before_sources_are_asked() {
    let mut behavior = MockBehaviorSource::new();
    behavior.expect_name().return_const("elasticsearch");
    behavior.expect_definition().return_const(String::new());
    let many = (1..=1001).map(|id| activity(id, "FIRST_COME_FIRST_SERVE")).collect();
    let dashboard = Dashboard::builder().catalog(catalog_source(catalog_of(many))).behavior(behavior).build();
    let not_found = dashboard.answer(&DashboardRequest::campaign(5), now()).await;
    assert!(matches!(not_found, Err(AnswerError::NotFound(Scope::Campaign(CampaignId(5))))));
    let too_many = dashboard.answer(&DashboardRequest::campaign(123), now()).await;
    assert!(matches!(too_many, Err(AnswerError::TooManyActivities { found: 1001 })));
}

#[tokio::test]
async fn a_kind_without_a_funnel_has_stock_and_sales_but_no_counts() {
    let giveaway = catalog_of(vec![activity(789, "GIVEAWAY")]);
    let answer = answered(healthy().catalog(catalog_source(giveaway))).await;
    assert_eq!(statuses(&answer), [Fresh; 6]);
    let missing = &answer.widgets[&Widget::Overview].missing;
    assert!(missing.iter().all(|gap| gap.reason == MissingReason::NotSupported));
    assert_eq!(answer.data.overview.unwrap().totals.total_visits, None);
    let realtime = answer.data.realtime.unwrap();
    assert_eq!((realtime.remaining_stock, realtime.active_users), (Some(55), Some(12)));
    assert_eq!(answer.data.comparison.unwrap().promotion.orders, Some(45));
}

#[tokio::test]
async fn a_campaign_without_activities_has_nothing_to_measure() {
    let answer = answered(healthy().catalog(catalog_source(catalog_of(vec![])))).await;
    assert_eq!(statuses(&answer), [Fresh; 6]);
    assert_eq!(answer.sources.len(), 1);
    let missing = &answer.widgets[&Widget::Realtime].missing;
    assert!(missing.iter().all(|gap| gap.detail == Some(MissingDetail::NoActivities)), "{missing:?}");
}

#[tokio::test]
async fn steps_go_to_the_source_of_their_kind_of_record_and_come_back_in_order() {
    let approve = Record::Ledger(crate::LedgerStep::ApprovedEntry);
    let rules = StepRules::default().with("approve", approve).unwrap();
    let behavior = behavior_source(|question| {
        assert_eq!(question.steps.len(), 3);
        Ok(behavior_facts(question))
    });
    let ledger = ledger_source(|question| {
        assert_eq!(question.steps, [crate::LedgerStep::ApprovedEntry]);
        Ok(ledger_facts(question))
    });
    let dashboard = healthy().behavior(behavior).ledger(ledger).step_rules(rules).build();
    let request = DashboardRequest::campaign(123).widgets([Widget::Funnel]);
    let funnel = dashboard.answer(&request, now()).await.unwrap().data.funnel.unwrap();
    assert_eq!(
        funnel.steps.iter().map(|step| step.value).collect::<Vec<_>>(),
        [Some(1234), Some(567), Some(45), Some(123)]
    );
}

mod stock;

mod catalog;

mod guard;

mod history;

#[test]
fn the_hash_differs_by_what_decides_the_numbers_alone() {
    let settings = Dashboard::builder().settings;
    let names = PerSource::from_fn(|kind| match kind {
        SourceKind::Catalog | SourceKind::Ledger => Some("mysql"),
        SourceKind::Behavior => Some("elasticsearch"),
        SourceKind::Realtime => Some("redis"),
    });
    let hash = |settings: &Settings, mode| {
        definition_hash(settings, &settings.funnels[0], mode, &names, &PerSource::default())
    };
    let usual = hash(&settings, Mode::Count);
    assert_eq!(usual, hash(&settings.clone(), Mode::Count));
    let mut narrowed = settings.clone();
    let visit = Record::Event(crate::EventRule::trigger("PAGE_VIEW").of_definitions([1]));
    narrowed.funnels[0] = FunnelDefinition::fcfs(StepRules::default().with("visit", visit).unwrap());
    let elsewhere = Settings { zone: chrono_tz::UTC, ..settings.clone() };
    let hashes = [usual, hash(&settings, Mode::Unique), hash(&narrowed, Mode::Count), hash(&elsewhere, Mode::Count)];
    assert_eq!(hashes.iter().collect::<std::collections::HashSet<_>>().len(), 4);
}

#[tokio::test]
async fn a_dropped_answer_cancels_its_questions() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    /// Sends when it is asked and when it is dropped, and hangs the first time.
    struct Once(tokio::sync::mpsc::UnboundedSender<&'static str>, std::sync::atomic::AtomicBool);
    struct Dropped(tokio::sync::mpsc::UnboundedSender<&'static str>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    #[async_trait::async_trait]
    impl LedgerSource for Once {
        fn name(&self) -> &'static str {
            "mysql"
        }
        async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
            // The history is read in a task of its own, which a dropped answer does not cancel.
            if question.history.is_none() && !self.1.swap(true, std::sync::atomic::Ordering::SeqCst) {
                let _dropped = Dropped(self.0.clone());
                let _ = self.0.send("asked");
                std::future::pending::<()>().await;
            }
            Ok(ledger_facts(question))
        }
        async fn probe(&self, _: Timestamp, _: Duration) -> Result<crate::source::Probe, SourceError> {
            Ok(Default::default())
        }
    }
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    let dashboard = healthy().ledger(Once(sender, false.into())).build();
    shared(&dashboard);
    let request = everything();
    let mut answer = Box::pin(dashboard.answer(&request, now()));
    tokio::select! {
        _ = &mut answer => panic!("the ledger hangs"),
        asked = events.recv() => assert_eq!(asked, Some("asked")),
    }
    drop(answer);
    assert_eq!(events.recv().await, Some("dropped"));
    assert_eq!(statuses(&dashboard.answer(&request, now()).await.unwrap()), [Fresh; 6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_source_that_blocks_its_thread_is_not_waited_for() {
    struct Blocks;
    #[async_trait::async_trait]
    impl RealtimeSource for Blocks {
        fn name(&self) -> &'static str {
            "redis"
        }
        async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
            std::thread::sleep(Duration::from_secs(2));
            Ok(realtime_facts(question))
        }
        async fn probe(&self, _: Timestamp, _: Duration) -> Result<crate::source::Probe, SourceError> {
            Ok(Default::default())
        }
    }
    let dashboard = healthy().realtime(Blocks).build();
    let began = Instant::now();
    let answer = tokio::spawn(async move { dashboard.answer(&everything(), now()).await }).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    assert_eq!(statuses(&answer), [Fresh, Fresh, Fresh, Partial, Partial, Fresh]);
}

#[tokio::test]
async fn definitions_name_the_store_behind_each_figure() {
    let definitions = healthy().build().definitions().definitions;
    let source = |key: &str| definitions.iter().find(|definition| definition.key == key).unwrap().source.clone();
    assert_eq!(
        [source("overview.totalVisits"), source("comparison.promotion.orders"), source("realtime.remainingStock")],
        ["elasticsearch", "mysql", "redis"]
    );
    assert!(
        definitions
            .iter()
            .all(|definition| !definition.ko.is_empty() && definition.formula_ko != definition.formula_en)
    );
}

#[tokio::test]
async fn definitions_name_no_store_behind_a_total_whose_step_the_funnel_lacks() {
    let steps = StepRules::default().steps().to_vec();
    let rules = StepRules::new(steps.into_iter().filter(|step| &*step.key != "approve")).unwrap();
    let definitions = healthy().step_rules(rules).build().definitions().definitions;
    let source = |key: &str| definitions.iter().find(|definition| definition.key == key).unwrap().source.clone();
    assert_eq!([source("overview.totalVisits"), source("overview.approvedCount")], ["elasticsearch", "none"]);
}

#[tokio::test]
async fn every_figure_of_an_answer_is_defined_once() {
    /// Paths of all leaves: `[]` for an item of a list, without the parts that repeat a figure.
    fn leaves(path: &str, value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Object(members) => {
                for (name, value) in members {
                    let inner = match name.as_str() {
                        "previous" => path.to_owned(),
                        _ if path.is_empty() => name.clone(),
                        _ => format!("{path}.{name}"),
                    };
                    leaves(&inner, value, found);
                }
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| leaves(&format!("{path}[]"), item, found)),
            _ => drop(found.insert(path.to_owned())),
        }
    }
    let others = vec![crate::source::OtherSales::new(ActivityId(5), 2)];
    let ledger = ledger_source(move |question| {
        let mut facts = ledger_facts(question);
        facts.sales.iter_mut().for_each(|sales| sales.others = measured(others.clone()));
        Ok(facts)
    });
    let dashboard = healthy().ledger(ledger).build();
    let answer = dashboard.answer(&everything(), now()).await.unwrap();
    let mut found = std::collections::BTreeSet::new();
    leaves("", &serde_json::to_value(&answer.data).unwrap(), &mut found);

    let keys: Vec<String> = dashboard.definitions().definitions.into_iter().map(|definition| definition.key).collect();
    let unique: std::collections::HashSet<&String> = keys.iter().collect();
    assert_eq!(unique.len(), keys.len());
    let name = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    // Labels are no figures.
    let labels = [
        "name",
        "nameEn",
        "key",
        "activityId",
        "activityKey",
        "campaignId",
        "campaignKey",
        "type",
        "phase",
        "currency",
        "products[]",
        "productKeys[]",
        "method",
        "from",
        "to",
        "state",
        "date",
        "interval",
    ];
    let undefined: Vec<&String> = found
        .iter()
        .filter(|path| !labels.contains(&name(path).as_str()))
        .filter(|path| {
            !keys.contains(path) && !path.starts_with("overview.change.") && !path.starts_with("realtime.activities[].")
        })
        .collect();
    assert!(undefined.is_empty(), "without a definition: {undefined:?}");
    let unused: Vec<&String> =
        keys.iter().filter(|key| !found.contains(*key) && key.as_str() != "overview.change").collect();
    assert!(unused.is_empty(), "defined, and in no answer: {unused:?}");
}
