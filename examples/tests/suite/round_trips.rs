//! The round trips of an answer: one per store, for one activity and for a thousand.

#![allow(clippy::print_stdout, reason = "a test prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{platform, proxied_stores};

use std::time::Duration;

use axon_examples::{fault_proxy::FaultProxy, generator::Config, stores::Layout};
use axon_metrics::{
    Dashboard, DashboardRequest, Widget,
    answer::{DashboardAnswer, WidgetStatus},
    widget::MissingReason,
};
use platform::{Platform, patient};
use proxied_stores::ProxiedStores;
use sqlx::Executor as _;

/// The id of a campaign with a thousand activities, in addition to the generated ones.
const CROWD: u64 = 77_000;

struct TripCounter {
    platform: Platform,
    dashboard: Dashboard,
    stores: ProxiedStores,
}

/// Round trips to Elasticsearch, the database and Redis.
type Trips = [u64; 3];

impl TripCounter {
    async fn start(layout: Layout, sql: &str) -> Option<Self> {
        let config = Config { events: 2_000, campaigns: 1, ..Config::default() };
        let platform = Platform::load(layout, config, sql, None).await?;
        crowd(&platform).await;
        let stores = ProxiedStores::of(&platform, [0; 3]).await;
        let dashboard = platform.dashboard(&stores.addresses(), patient());
        Some(Self { platform, dashboard, stores })
    }

    async fn answer(&self, request: &DashboardRequest) -> DashboardAnswer {
        let answer = self.dashboard.answer(request, self.platform.expected.as_of).await.unwrap();
        for (widget, state) in &answer.widgets {
            // Slots that are not there make it partial; nothing may be lost.
            let lost = state.missing.iter().any(|missing| missing.reason == MissingReason::Unavailable);
            assert!(!lost && state.status != WidgetStatus::Stale, "{widget:?} {state:?}");
        }
        answer
    }

    /// The round trips of one answer with open connections, a cached catalog and cached weeks before a promotion.
    async fn trips(&self, request: &DashboardRequest) -> Trips {
        self.answer(request).await;
        // The background load of the weeks before a promotion has finished by then; it opens another connection.
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.stores.proxies.iter().for_each(FaultProxy::reset_counts);
        self.answer(request).await;
        self.stores.trips()
    }
}

/// Inserts a campaign with a thousand activities that sell one product.
async fn crowd(platform: &Platform) {
    let pool = platform.pool().await;
    let campaign = format!("INSERT INTO campaigns (id, name) VALUES ({CROWD}, 'crowd')");
    let activity = |id: u64| {
        format!(
            "({id}, {CROWD}, {}, 'one of many', 10, 'ACTIVE', '2024-11-01', '2024-12-01', 'FIRST_COME_FIRST_SERVE', 1000, 1)",
            platform.catalog.products[0].id
        )
    };
    let rows: Vec<String> = (CROWD + 1..=CROWD + 1_000).map(activity).collect();
    let activities = format!(
        "INSERT INTO campaign_activities (id, campaign_id, product_id, name, limit_count, status, start_date, end_date, \
         activity_type, price, quantity) VALUES {}",
        rows.join(",")
    );
    pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(format!("{campaign}; {activities}")))).await.unwrap();
    pool.close().await;
}

async fn check_trips(layout: Layout, sql: &str, page: Trips, steps_of_the_ledger: u64) {
    let Some(counter) = TripCounter::start(layout, sql).await else { return };
    let one = u64::from(counter.platform.catalog.activities().next().unwrap().id);
    let live = [Widget::Overview, Widget::Funnel, Widget::Realtime];
    let all = [Widget::Overview, Widget::Funnel, Widget::Comparison, Widget::Realtime];
    for scope in [DashboardRequest::activity(one), DashboardRequest::campaign(CROWD)] {
        let what = scope.scope();
        let live = counter.trips(&scope.clone().widgets(live).compare_previous()).await;
        assert_eq!(live, page, "{layout}: {what:?}");
        let all = counter.trips(&scope.widgets(all).compare_previous()).await;
        assert_eq!(all, [1, 2, 1], "{layout} with comparison: {what:?}");
        println!(
            "{layout}, {what:?}: {live:?} trips to Elasticsearch, the database and Redis, {all:?} with comparison"
        );
    }
    let per_activity = DashboardRequest::campaign(CROWD).widgets([Widget::Activities, Widget::Overview]);
    assert_eq!(counter.trips(&per_activity).await, [1, steps_of_the_ledger, 1], "{layout}: per activity");
    counter.platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_page_is_one_trip_to_elasticsearch_and_one_to_redis() {
    check_trips(Layout::Aug2026, "AXON_TEST_MYSQL_URL", [1, 0, 1], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plans_page_is_one_trip_to_each_store() {
    check_trips(Layout::Plan, "AXON_TEST_MARIADB_URL", [1, 1, 1], 1).await;
}

/// The stores are queried concurrently: an answer takes as long as the slowest, not as their sum.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_takes_as_long_as_the_slowest_store() {
    let Some(counter) = TripCounter::start(Layout::Plan, "AXON_TEST_MARIADB_URL").await else { return };
    let one = u64::from(counter.platform.catalog.activities().next().unwrap().id);
    let request = DashboardRequest::activity(one)
        .widgets([Widget::Overview, Widget::Funnel, Widget::Realtime])
        .compare_previous();
    counter.answer(&request).await;
    let (slow, fast) = (Duration::from_millis(400), Duration::from_millis(350));
    counter.stores.set([400, 350, 350]);
    let began = std::time::Instant::now();
    counter.answer(&request).await;
    let took = began.elapsed();
    assert!(
        slow <= took && took < fast * 2 - Duration::from_millis(100),
        "{took:?}: two stores were queried one after the other"
    );
    counter.platform.remove().await;
}
