//! The plan's campaign 123 at 2024-11-12T10:30:00Z: activity 789 with 100 slots of product 456. Each source can be made to fail.
//! Latencies are those of tokio's paused clock, so that golden files can hold them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use axon_dashboard_http::{HttpOptions, router};
use axon_metrics::{
    Catalog, Dashboard, Fact, Measured, Money, ProductId, SourceError, Timestamp,
    catalog::{Activity, ActivityKind, Campaign},
    facts::{
        BehaviorFacts, BucketSales, History, LedgerFacts, RealtimeFacts, Sales, SalesFacts, Slots, StepCounts, Stock,
    },
    source::{
        BehaviorQuestion, BehaviorSource, CatalogSource, LedgerQuestion, LedgerSource, Probe, RealtimeQuestion,
        RealtimeSource,
    },
};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub(crate) const PLAN: &str =
    "/api/v1/dashboard/campaign/123?widgets=overview,funnel,realtime&period=7d&startDate=2024-01-01&endDate=2024-01-31";
pub(crate) const CAMPAIGN: &str = "/api/v1/dashboard/campaign/123";
pub(crate) const ACTIVITY: &str = "/api/v1/dashboard/activity/789";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) fn now() -> Timestamp {
    at("2024-11-12T10:30:00Z")
}

/// Which sources fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) catalog: bool,
    pub(crate) behavior: Option<Failure>,
    pub(crate) ledger: bool,
    pub(crate) realtime: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Down,
    Panic,
    Hang,
}

/// The cause of every failure in these tests. No client may see it.
pub(crate) const CAUSE: &str = "SECRET-CAUSE at 10.0.0.7";

#[derive(Debug, Clone)]
pub(crate) struct Fixture {
    pub(crate) trouble: Trouble,
    pub(crate) campaigns: Arc<Vec<Campaign>>,
}

impl Fixture {
    pub(crate) fn new(trouble: Trouble) -> Self {
        let start = Some(at("2024-11-05T15:00:00Z"));
        let end = Some(at("2024-11-30T15:00:00Z"));
        let activity = |id: u64| {
            let activity = Activity::new(id, "A", ActivityKind::FirstComeFirstServe).with_limit(100);
            activity.with_start(start).with_end(end).with_product(ProductId(456))
        };
        let of = |id: u64, name: &str, start: Option<Timestamp>, end: Option<Timestamp>, activities: Vec<Activity>| {
            Campaign::new(id, name, activities).with_start(start).with_end(end)
        };
        let many = (1..=1001).map(|id| activity(1_000_000 + id)).collect();
        let campaigns = vec![
            of(123, "11월 선착순", start, end, vec![activity(789)]),
            of(124, "Spring", Some(at("2025-03-01T00:00:00Z")), None, Vec::new()),
            of(125, "Summer", None, Some(at("2024-09-01T00:00:00Z")), many),
        ];
        Self { trouble, campaigns: Arc::new(campaigns) }
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut fixture = Self::new(Trouble::default());
        let campaigns = Arc::make_mut(&mut fixture.campaigns);
        name.clone_into(&mut campaigns[0].name);
        name.clone_into(&mut campaigns[0].activities[0].name);
        fixture
    }

    pub(crate) fn dashboard(self) -> Dashboard {
        Dashboard::builder().catalog(self.clone()).behavior(self.clone()).ledger(self.clone()).realtime(self).build()
    }

    pub(crate) fn router(self) -> Router {
        self.router_with(HttpOptions::default())
    }

    /// The router without the page, whatever was built.
    pub(crate) fn without_page(self) -> Router {
        self.router_with(HttpOptions::default().with_page(false))
    }

    fn router_with(self, options: HttpOptions) -> Router {
        let metrics = || "# TYPE up gauge\nup 1\n".to_owned();
        router(self.dashboard(), options.with_clock(now).with_metrics(metrics))
    }
}

/// The healthy router.
pub(crate) fn app() -> Router {
    Fixture::new(Trouble::default()).router()
}

/// The healthy router without the page.
pub(crate) fn without_page() -> Router {
    Fixture::new(Trouble::default()).without_page()
}

fn down(name: &'static str) -> SourceError {
    SourceError::Unavailable { source_name: name.into(), source: CAUSE.into() }
}

fn probe(name: &'static str, is_down: bool) -> Result<Probe, SourceError> {
    if is_down {
        return Err(down(name));
    }
    Ok(Probe::default().with_newest(at("2024-11-12T10:29:58Z")).with_findings([("version", "8")]))
}

async fn works_for(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

#[async_trait]
impl CatalogSource for Fixture {
    fn name(&self) -> &'static str {
        "mysql"
    }
    async fn catalog(&self, _: Duration) -> Result<Catalog, SourceError> {
        works_for(3).await;
        if self.trouble.catalog {
            return Err(down("mysql"));
        }
        Ok(Catalog::new("KRW", self.campaigns.to_vec()).expect("a catalog"))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        probe("mysql", self.trouble.catalog)
    }
}

#[async_trait]
impl BehaviorSource for Fixture {
    fn name(&self) -> &'static str {
        "elasticsearch"
    }
    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
        works_for(12).await;
        match self.trouble.behavior {
            Some(Failure::Down) => return Err(down("elasticsearch")),
            Some(Failure::Panic) => panic!("{CAUSE}"),
            Some(Failure::Hang) => std::future::pending().await,
            None => {}
        }
        let scope = &question.scope;
        let complete_to = scope.as_of - Duration::from_secs(2);
        let count = |value| Ok(Measured::exact(value, "elasticsearch", complete_to));
        let counts = |values: [u64; 4]| question.steps.iter().zip(values).map(|(_, value)| count(value)).collect();
        let current: Vec<Fact<u64>> = counts([1234, 567, 123, 45]);
        let counts_of = |id: &axon_metrics::ActivityId| (*id, current.clone());
        let series = question.series.iter().map(|series| {
            let hours = series.cells.count();
            let visits = |hour| if hour + 1 == hours { 14 } else { 8 + hour as u64 };
            let mut visits: Vec<u64> = (0..hours).map(visits).collect();
            visits[hours - 2] = 31;
            Ok(Measured::exact(visits, "elasticsearch", complete_to))
        });
        let per_activity = scope.funnel_activities.iter().filter(|_| scope.by_activity).map(counts_of).collect();
        let previous = if scope.previous.is_some() { counts([1100, 500, 110, 40]) } else { Vec::new() };
        let steps = StepCounts::new(current.clone()).with_previous(previous).with_by_activity(per_activity);
        Ok(BehaviorFacts::new(steps).with_series(series.collect()).with_active(question.active.map(|_| count(12))))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        probe("elasticsearch", self.trouble.behavior.is_some())
    }
}

#[async_trait]
impl LedgerSource for Fixture {
    fn name(&self) -> &'static str {
        "mysql"
    }
    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
        works_for(5).await;
        if self.trouble.ledger {
            return Err(down("mysql"));
        }
        let as_of = question.scope.as_of;
        let sales = |orders, quantity, revenue: u32, buyers, cancelled| {
            let sums = BucketSales::new(orders, quantity, revenue.into());
            Ok(Measured::exact(Sales::new(sums, buyers).with_cancelled(cancelled), "mysql", as_of))
        };
        let promotions = question.sales.as_ref().map(|_| {
            let others = Ok(Measured::exact(Vec::new(), "mysql", as_of));
            SalesFacts::new(sales(45, 45, 1_345_500, 45, 3), sales(30, 33, 990_000, 28, 1), others)
        });
        let history = question.history.as_ref().map(|history| {
            let window = history.window;
            // The same hour of four weeks.
            let week = |(week, quantity): (u64, u64)| {
                let hour = window.from + Duration::from_secs(week * 7 * 86_400 + 12 * 3_600);
                (hour, BucketSales::new(24, quantity, Money::from(760_000)))
            };
            let buckets = [25, 26, 25, 26].into_iter().zip(0..).map(|(quantity, at)| week((at, quantity))).collect();
            let since = window.from - Duration::from_secs(86_400);
            Ok(Measured::exact(History::new(Some(since), buckets), "mysql", as_of))
        });
        Ok(LedgerFacts::new(StepCounts::default()).with_sales(promotions).with_history(history))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        probe("mysql", self.trouble.ledger)
    }
}

#[async_trait]
impl RealtimeSource for Fixture {
    fn name(&self) -> &'static str {
        "redis"
    }
    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
        works_for(1).await;
        if self.trouble.realtime {
            return Err(down("redis"));
        }
        let stock = || Ok(Measured::exact(Stock::Held(45), "redis", question.as_of));
        let members = || Ok(Measured::exact(45, "redis", question.as_of));
        let slots = question.activities.iter().map(|id| (*id, Slots::new(stock(), members())));
        Ok(RealtimeFacts::new(slots.collect()))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        probe("redis", self.trouble.realtime)
    }
}

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The fields of a problem's errors.
    pub(crate) fn fields(&self) -> Vec<String> {
        let json = self.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().expect("a field").to_owned()).collect()
    }
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Reply {
    let response = app.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Reply { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).expect("UTF-8") }
}

/// `GET`, with a fixed request id, so that golden files can hold it.
pub(crate) async fn get(app: &Router, path: &str) -> Reply {
    ask(app, "GET", path).await
}

pub(crate) async fn ask(app: &Router, method: &str, path: &str) -> Reply {
    let request = Request::builder().method(method).uri(path).header("X-Request-Id", "test-1");
    send(app, request.body(Body::empty()).expect("a request")).await
}

/// Compares with a file of `tests/golden`. To update the files: `AXON_UPDATE_GOLDEN=1 cargo test -p axon-dashboard-http`.
pub(crate) fn golden(name: &str, text: &str) {
    golden_at(&format!("tests/golden/{name}"), text);
}

pub(crate) fn golden_json(name: &str, value: &Value) {
    golden(name, &pretty(value));
}

pub(crate) fn pretty(value: &Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).expect("JSON"))
}

pub(crate) fn golden_at(path: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("AXON_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "{} differs; to update it: AXON_UPDATE_GOLDEN=1 cargo test -p axon-dashboard-http. The text is now:\n{text}",
        path.display()
    );
}
