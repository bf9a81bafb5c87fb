//! A database as far away as the plan expects it, 100 ms for every reply, before a dashboard that has no connection yet. Making
//! one takes longer than any question waits for it.
//!
//! Whoever comes again within seconds has a whole answer, and so have all after that; a crowd makes no more connections than the
//! pool may have; and when the database was gone, a whole answer comes within two seconds after it is back.

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{far, figures, platform};

use std::time::{Duration, Instant};

use axon_examples::{fault_proxy::Fault, generator::Config, stores::Layout};
use axon_metrics::{
    Bound, Budgets, Dashboard, DashboardAnswer, DashboardRequest, Lifetimes, Period, QuestionKind, Widget,
    answer::WidgetStatus,
};
use far::{Far, is_drill};
use futures_util::future::join_all;
use platform::Platform;
use tokio::time::sleep;

/// How far away Elasticsearch, the database and Redis are.
const DISTANCES: [u64; 3] = [0, 100, 0];

/// More requests at once than a dashboard lets through.
const CROWD: u64 = 50;

const WIDGETS: [Widget; 4] = [Widget::Overview, Widget::Funnel, Widget::Comparison, Widget::Realtime];

/// A drill measures with the budgets a dashboard has by default. The gate looks on a busy machine whether an answer comes at all.
struct Manner {
    budgets: Budgets,
    /// By when the first whole answer is there,
    first: Duration,
    /// and by when another one, after the database was away.
    healed: Duration,
}

fn manner() -> Manner {
    let (ms, budgets) = (Duration::from_millis, Budgets::default());
    if is_drill() {
        Manner { budgets, first: ms(5_000), healed: ms(2_000) }
    } else {
        // Still less than a connection takes, for the catalog.
        let budgets = budgets
            .with_answer(ms(1_500))
            .with(QuestionKind::Catalog, ms(400))
            .with(QuestionKind::Behavior, ms(1_500))
            .with(QuestionKind::Realtime, ms(1_500));
        Manner { budgets, first: ms(10_000), healed: ms(5_000) }
    }
}

struct ColdStart {
    platform: Platform,
    far: Far,
    pool: sqlx::MySqlPool,
    dashboard: Dashboard,
}

impl ColdStart {
    async fn start(sql: &str, budgets: Budgets) -> Option<Self> {
        let config = Config { events: 2_000, campaigns: 2, ..Config::default() };
        let platform = Platform::load(Layout::Aug2026, config, sql, None).await?;
        let far = Far::of(&platform, DISTANCES).await;
        let pool = platform.pool_at(&far.addresses(), budgets);
        let default = Lifetimes::default();
        let lifetimes =
            Lifetimes { history: default.history, history_stale: default.history_stale, ..Lifetimes::none() };
        let builder = platform.builder_over(&far.addresses(), budgets, pool.clone());
        Some(Self { dashboard: builder.lifetimes(lifetimes).build(), platform, far, pool })
    }

    fn request(&self) -> DashboardRequest {
        DashboardRequest::campaign(u64::from(self.platform.catalog.campaigns[0].id)).widgets(WIDGETS)
    }

    /// Another range for each, so that no two are one question.
    fn crowd(&self) -> Vec<DashboardRequest> {
        let first = self.platform.expected.as_of.date_naive();
        let day = |ago: u64| Bound::Date(first - chrono::Days::new(ago));
        (1..=CROWD).map(|ago| self.request().period(Period::Custom { start: day(ago + 3), end: day(ago) })).collect()
    }

    async fn is_whole(&self, request: &DashboardRequest) -> bool {
        let answer = self.dashboard.answer(request, self.platform.expected.as_of).await;
        let whole = |answer: DashboardAnswer| {
            answer.widgets.values().all(|state| state.status == WidgetStatus::Fresh && !figures::is_reading(state))
        };
        answer.is_ok_and(whole)
    }

    /// Asks as a viewer does who comes again; says how often it took, and how long.
    async fn whole(&self, within: Duration) -> (u32, Duration) {
        let (began, request) = (Instant::now(), self.request());
        for asks in 1.. {
            if self.is_whole(&request).await {
                return (asks, began.elapsed());
            }
            assert!(began.elapsed() < within, "no whole answer after {asks} asks, {:?}", began.elapsed());
            sleep(Duration::from_millis(50)).await;
        }
        unreachable!("there is no end of asking");
    }

    /// Connections made since the start, or since counts were reset.
    fn made(&self) -> u64 {
        self.far.proxies[1].counts().connections
    }
}

async fn answers_and_goes_on_answering(sql: &str) {
    let Manner { budgets, first, healed } = manner();
    let Some(cold) = ColdStart::start(sql, budgets).await else { return };
    let (asks, took) = cold.whole(first).await;
    println!("{sql}: the first whole answer after {asks} asks, {took:?}, {} connections made", cold.made());
    assert!(took < first, "{took:?}");

    // What the first answers had made for them is done.
    sleep(Duration::from_secs(1)).await;
    let (made, request) = (cold.made(), cold.request());
    let mut whole = 0;
    for _ in 0..20 {
        whole += u32::from(cold.is_whole(&request).await);
    }
    println!("{sql}: then {whole} of 20, {} more connections made", cold.made() - made);
    assert!(if is_drill() { whole == 20 } else { whole >= 15 }, "{whole} of 20 answers are whole");

    cold.far.proxies[1].set(Fault::Refuse);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert!(!cold.is_whole(&request).await, "the database is away");
        sleep(Duration::from_millis(100)).await;
    }
    cold.far.set(DISTANCES);
    let (asks, took) = cold.whole(healed).await;
    println!("{sql}: away for three seconds, and whole again after {asks} asks, {took:?}");
    assert!(took < healed, "{took:?}");
    cold.platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_dashboard_before_a_far_mysql_answers_and_goes_on_answering() {
    let _turn = crate::turn();
    answers_and_goes_on_answering("AXON_TEST_MYSQL_URL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_dashboard_before_a_far_mariadb_answers_and_goes_on_answering() {
    let _turn = crate::turn();
    answers_and_goes_on_answering("AXON_TEST_MARIADB_URL").await;
}

async fn a_crowd_makes_no_more_connections_than_the_pool_may_have(sql: &str) {
    let Manner { budgets, first, .. } = manner();
    let Some(cold) = ColdStart::start(sql, budgets).await else { return };
    let most = u64::from(cold.pool.options().get_max_connections());
    let (crowd, began) = (cold.crowd(), Instant::now());
    let asking = async {
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
    let looking = async {
        loop {
            open = open.max(cold.far.proxies[1].counts().open);
            sleep(Duration::from_millis(5)).await;
        }
    };
    let whole = tokio::select! {
        whole = asking => whole,
        () = looking => unreachable!("it is looked at until the end"),
    };
    println!("{sql}: {whole} of {CROWD} whole after {:?}, at most {open} connections at once", began.elapsed());
    assert!(open <= most, "{open} connections at once");
    cold.platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_before_a_far_mysql_makes_no_more_connections_than_the_pool_may_have() {
    let _turn = crate::turn();
    a_crowd_makes_no_more_connections_than_the_pool_may_have("AXON_TEST_MYSQL_URL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_before_a_far_mariadb_makes_no_more_connections_than_the_pool_may_have() {
    let _turn = crate::turn();
    a_crowd_makes_no_more_connections_than_the_pool_may_have("AXON_TEST_MARIADB_URL").await;
}
