//! A database with a latency of 100 ms, as the plan expects, and a dashboard without open connections. Opening a connection takes
//! longer than the budget of a question.
//!
//! Retries within seconds get a whole answer, and so do all later requests. Concurrent requests open no more connections than
//! the pool's maximum. After an outage of the database a whole answer comes within two seconds.

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{figures, platform, proxied_stores};

use std::time::{Duration, Instant};

use axon_examples::{fault_proxy::Fault, generator::Config, stores::Layout};
use axon_metrics::{
    Bound, Budgets, Dashboard, DashboardAnswer, DashboardRequest, Lifetimes, Period, QuestionKind, Widget,
    answer::WidgetStatus,
};
use futures_util::future::join_all;
use platform::Platform;
use proxied_stores::{ProxiedStores, is_drill};
use tokio::time::sleep;

/// The latencies of Elasticsearch, the database and Redis, in milliseconds.
const LATENCIES: [u64; 3] = [0, 100, 0];

/// More concurrent requests than a dashboard has permits for.
const CROWD: u64 = 50;

const WIDGETS: [Widget; 4] = [Widget::Overview, Widget::Funnel, Widget::Comparison, Widget::Realtime];

/// The budgets and bounds of a run. A drill measures with the default budgets. The gate checks on a busy machine that an answer
/// comes at all.
struct Profile {
    budgets: Budgets,
    /// The bound on the time until the first whole answer.
    first: Duration,
    /// The bound on the time until a whole answer after an outage of the database.
    healed: Duration,
}

fn profile() -> Profile {
    let (ms, budgets) = (Duration::from_millis, Budgets::default());
    if is_drill() {
        Profile { budgets, first: ms(5_000), healed: ms(2_000) }
    } else {
        // The catalog's budget is still shorter than the opening of a connection.
        let budgets = budgets
            .with_answer(ms(1_500))
            .with(QuestionKind::Catalog, ms(400))
            .with(QuestionKind::Behavior, ms(1_500))
            .with(QuestionKind::Realtime, ms(1_500));
        Profile { budgets, first: ms(10_000), healed: ms(5_000) }
    }
}

struct ColdStart {
    platform: Platform,
    stores: ProxiedStores,
    pool: sqlx::MySqlPool,
    dashboard: Dashboard,
}

impl ColdStart {
    async fn start(sql: &str, budgets: Budgets) -> Option<Self> {
        let config = Config { events: 2_000, campaigns: 2, ..Config::default() };
        let platform = Platform::load(Layout::Aug2026, config, sql, None).await?;
        let stores = ProxiedStores::of(&platform, LATENCIES).await;
        let pool = platform.pool_at(&stores.addresses(), budgets);
        let default = Lifetimes::default();
        let lifetimes = Lifetimes::none().with_history(default.history).with_history_stale(default.history_stale);
        let builder = platform.builder_over(&stores.addresses(), budgets, pool.clone());
        Some(Self { dashboard: builder.lifetimes(lifetimes).build(), platform, stores, pool })
    }

    fn request(&self) -> DashboardRequest {
        DashboardRequest::campaign(u64::from(self.platform.catalog.campaigns[0].id)).widgets(WIDGETS)
    }

    /// Requests with a different range each, so that no two share a cache key.
    fn crowd(&self) -> Vec<DashboardRequest> {
        let first = self.platform.expected.as_of.date_naive();
        let day = |ago: u64| Bound::Date(first - chrono::Days::new(ago));
        (1..=CROWD).map(|ago| self.request().period(Period::Custom { start: day(ago + 3), end: day(ago) })).collect()
    }

    async fn is_whole(&self, request: &DashboardRequest) -> bool {
        let answer = self.dashboard.answer(request, self.platform.expected.as_of).await;
        let whole = |answer: DashboardAnswer| {
            answer
                .widgets
                .values()
                .all(|state| state.status == WidgetStatus::Fresh && !figures::is_history_loading(state))
        };
        answer.is_ok_and(whole)
    }

    /// Repeats the request until its answer is whole. Returns the number of requests and the time.
    async fn whole(&self, within: Duration) -> (u32, Duration) {
        let (began, request) = (Instant::now(), self.request());
        for attempts in 1.. {
            if self.is_whole(&request).await {
                return (attempts, began.elapsed());
            }
            assert!(began.elapsed() < within, "no whole answer after {attempts} requests, {:?}", began.elapsed());
            sleep(Duration::from_millis(50)).await;
        }
        unreachable!("the loop ends by a return or a panic");
    }

    /// Connections opened since the start, or since the counts were reset.
    fn connections(&self) -> u64 {
        self.stores.proxies[1].counts().connections
    }
}

async fn cold_dashboard_becomes_whole_and_stays_whole(sql: &str) {
    let Profile { budgets, first, healed } = profile();
    let Some(cold) = ColdStart::start(sql, budgets).await else { return };
    let (attempts, took) = cold.whole(first).await;
    println!(
        "{sql}: the first whole answer after {attempts} requests, {took:?}, {} connections opened",
        cold.connections()
    );
    assert!(took < first, "{took:?}");

    // Connections that were started for the first answers are open now.
    sleep(Duration::from_secs(1)).await;
    let (before, request) = (cold.connections(), cold.request());
    let mut whole = 0;
    for _ in 0..20 {
        whole += u32::from(cold.is_whole(&request).await);
    }
    println!("{sql}: then {whole} of 20, {} more connections opened", cold.connections() - before);
    assert!(if is_drill() { whole == 20 } else { whole >= 15 }, "{whole} of 20 answers are whole");

    cold.stores.proxies[1].set(Fault::Refuse);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert!(!cold.is_whole(&request).await, "a whole answer without the database");
        sleep(Duration::from_millis(100)).await;
    }
    cold.stores.set(LATENCIES);
    let (attempts, took) = cold.whole(healed).await;
    println!("{sql}: after an outage of three seconds whole again after {attempts} requests, {took:?}");
    assert!(took < healed, "{took:?}");
    cold.platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_dashboard_over_a_distant_mysql_becomes_whole() {
    let _turn = crate::turn();
    cold_dashboard_becomes_whole_and_stays_whole("AXON_TEST_MYSQL_URL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_dashboard_over_a_distant_mariadb_becomes_whole() {
    let _turn = crate::turn();
    cold_dashboard_becomes_whole_and_stays_whole("AXON_TEST_MARIADB_URL").await;
}

async fn concurrent_requests_stay_within_the_pool(sql: &str) {
    let Profile { budgets, first, .. } = profile();
    let Some(cold) = ColdStart::start(sql, budgets).await else { return };
    let most = u64::from(cold.pool.options().get_max_connections());
    let (crowd, began) = (cold.crowd(), Instant::now());
    let requests = async {
        loop {
            let all = join_all(crowd.iter().map(|request| cold.is_whole(request))).await;
            let whole = all.into_iter().filter(|whole| *whole).count();
            if whole > 0 {
                return whole;
            }
            assert!(began.elapsed() < 2 * first, "none of {CROWD} is whole after {:?}", began.elapsed());
            sleep(Duration::from_millis(200)).await;
        }
    };
    let mut open = 0;
    let monitoring = async {
        loop {
            open = open.max(cold.stores.proxies[1].counts().open);
            sleep(Duration::from_millis(5)).await;
        }
    };
    let whole = tokio::select! {
        whole = requests => whole,
        () = monitoring => unreachable!("the monitor runs until the requests end"),
    };
    println!("{sql}: {whole} of {CROWD} whole after {:?}, at most {open} connections at once", began.elapsed());
    assert!(open <= most, "{open} connections at once");
    cold.platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_over_a_distant_mysql_stay_within_the_pool() {
    let _turn = crate::turn();
    concurrent_requests_stay_within_the_pool("AXON_TEST_MYSQL_URL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_over_a_distant_mariadb_stay_in_the_pool() {
    let _turn = crate::turn();
    concurrent_requests_stay_within_the_pool("AXON_TEST_MARIADB_URL").await;
}
