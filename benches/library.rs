//! The library's own cost per answer: the sources return constant facts, so that only the request, the gather round, the widgets
//! and the response are measured.
//! Opponents, in the same run: encoding the same answer as JSON, and three spawned tasks that do nothing.

use std::{hint::black_box, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    ActivityId, CampaignId, Dashboard, DashboardRequest, Fact, Measured, MemoryStore, ProductId, SourceError,
    Timestamp, Widget,
    catalog::{Activity, ActivityKind, Campaign, Catalog},
    facts::{
        BehaviorFacts, BucketSales, History, LedgerFacts, RealtimeFacts, Sales, SalesFacts, Slots, StepCounts, Stock,
    },
    source::{
        BehaviorQuestion, BehaviorSource, HistoryQuestion, LedgerQuestion, LedgerSource, Probe, RealtimeQuestion,
        RealtimeSource,
    },
};
use criterion::{Criterion, criterion_group, criterion_main};

/// A source of fixed figures: those of the plan's campaign.
struct FixedSource;

fn exact<T>(value: T, as_of: Timestamp) -> Fact<T> {
    Ok(Measured::exact(value, "fixed", as_of))
}

#[async_trait]
impl BehaviorSource for FixedSource {
    fn name(&self) -> &'static str {
        "fixed"
    }
    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
        let scope = &question.scope;
        let counts = || [1234, 567, 123, 45].map(|count| exact(count, scope.as_of)).to_vec();
        let per_activity = scope.funnel_activities.iter().filter(|_| scope.by_activity);
        Ok(BehaviorFacts {
            steps: StepCounts {
                current: counts(),
                previous: if scope.previous.is_some() { counts() } else { Vec::new() },
                by_activity: per_activity.map(|id| (*id, counts())).collect(),
            },
            series: question.series.iter().map(|series| exact(vec![31; series.cells.count()], scope.as_of)).collect(),
            active: question.active.map(|_| exact(12, scope.as_of)),
        })
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

#[async_trait]
impl LedgerSource for FixedSource {
    fn name(&self) -> &'static str {
        "fixed"
    }
    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
        let as_of = question.scope.as_of;
        let sales = Sales { orders: 45, quantity: 45, revenue: 1_345_500.into(), buyers: 45, cancelled: Some(3) };
        let history = |question: &HistoryQuestion| {
            let window = question.window;
            let sales = BucketSales { orders: 2, quantity: 2, revenue: 59_800.into() };
            let buckets = (0..4 * 168).map(|hour| (window.from + question.bucket * hour, sales));
            History { since: Some(window.from), buckets: buckets.filter(|(at, _)| *at < window.to).collect() }
        };
        Ok(LedgerFacts {
            steps: StepCounts::default(),
            sales: question.sales.as_ref().map(|_| SalesFacts {
                promotion: exact(sales.clone(), as_of),
                regular: exact(sales, as_of),
                others: exact(Vec::new(), as_of),
            }),
            history: question.history.as_ref().map(|question| exact(history(question), as_of)),
        })
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

#[async_trait]
impl RealtimeSource for FixedSource {
    fn name(&self) -> &'static str {
        "fixed"
    }
    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
        let slots = || Slots {
            stock: exact(Stock::Held(45), question.as_of),
            members: exact(45, question.as_of),
            derived: false,
        };
        Ok(RealtimeFacts { slots: question.activities.iter().map(|id| (*id, slots())).collect() })
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

fn library(criterion: &mut Criterion) {
    let now: Timestamp = "2024-11-12T10:30:00Z".parse().expect("an instant");
    let activity = Activity {
        id: ActivityId(789),
        name: "A".into(),
        kind: ActivityKind::FirstComeFirstServe,
        start: Some("2024-11-06T00:00:00Z".parse().expect("an instant")),
        end: None,
        limit: Some(100),
        product: Some(ProductId(456)),
    };
    let campaign = Campaign {
        id: CampaignId(123),
        name: "Spring".into(),
        start: None,
        end: None,
        budget: None,
        activities: vec![activity],
    };
    let catalog = MemoryStore::new(Catalog::new("KRW", vec![campaign]).expect("a catalog"));
    let dashboard =
        Dashboard::builder().catalog(catalog).behavior(FixedSource).ledger(FixedSource).realtime(FixedSource);
    let dashboard = dashboard.lifetimes(axon_metrics::Lifetimes::none()).build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let requests = [
        (
            "overview, funnel, realtime",
            DashboardRequest::campaign(123).widgets([Widget::Overview, Widget::Funnel, Widget::Realtime]),
        ),
        ("all widgets, compared", DashboardRequest::campaign(123).widgets(Widget::ALL).compare_previous()),
    ];
    let mut group = criterion.benchmark_group("library");
    for (name, request) in requests {
        group.bench_function(format!("answer: {name}"), |bencher| {
            bencher.iter(|| runtime.block_on(dashboard.answer(black_box(&request), now)).expect("an answer"));
        });
        let answer = runtime.block_on(dashboard.answer(&request, now)).expect("an answer");
        group.bench_function(format!("opponent: write that answer as JSON: {name}"), |bencher| {
            bencher.iter(|| serde_json::to_vec(black_box(&answer)).expect("json"));
        });
    }
    group.bench_function("opponent: three spawned tasks that do nothing", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let tasks = [(); 3].map(|()| tokio::spawn(async {}));
                for task in tasks {
                    task.await.expect("a task");
                }
            });
        });
    });
    group.finish();
}

criterion_group!(benches, library);
criterion_main!(benches);
