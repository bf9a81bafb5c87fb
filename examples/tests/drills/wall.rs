//! P5: an answer without cached widgets takes as long as the slowest of its stores, plus a small overhead.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{platform, proxied_stores};

use std::time::{Duration, Instant};

use axon_examples::{generator::Config, stores::Layout};
use axon_metrics::{Budgets, DashboardRequest, QuestionKind, Widget, answer::WidgetStatus};
use platform::Platform;
use proxied_stores::{ProxiedStores, is_drill};

/// The latencies of Elasticsearch, the database and Redis, in milliseconds.
const LATENCIES: [[u64; 3]; 3] = [[20, 5, 1], [100, 50, 10], [20, 50, 1]];

const WIDGETS: [Widget; 4] = [Widget::Overview, Widget::Funnel, Widget::Comparison, Widget::Realtime];

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_takes_as_long_as_its_slowest_store() {
    let _turn = crate::turn();
    let config = Config { events: 20_000, ..Config::default() };
    let loaded = Platform::load(Layout::Aug2026, config, "AXON_TEST_MARIADB_URL", None).await;
    let Some(platform) = loaded else { return };
    let (rounds, share, overhead) = if is_drill() { (100, 1.1, 2.0) } else { (20, 1.5, 15.0) };
    let stores = ProxiedStores::of(&platform, [0; 3]).await;
    let long = Duration::from_secs(10);
    let budgets = Budgets::default()
        .with_answer(long)
        .with(QuestionKind::Catalog, long)
        .with(QuestionKind::Behavior, long)
        .with(QuestionKind::Ledger, long)
        .with(QuestionKind::Realtime, long);
    let dashboard = platform.dashboard(&stores.addresses(), budgets);
    let campaign = platform.expected.campaigns.iter().find(|campaign| campaign.figures.funnel).unwrap();
    let as_of = platform.expected.as_of;
    // Sales are two concurrent statements. The weeks before them are cached by the first answers.
    let request = DashboardRequest::campaign(u64::from(campaign.campaign_id)).widgets(WIDGETS);
    for _ in 0..5 {
        dashboard.answer(&request, as_of).await.unwrap();
    }
    // The time of the slowest store without latency, with concurrent queries.
    let mut baseline = 0.0;
    for latencies in [[0; 3]].into_iter().chain(LATENCIES) {
        stores.set(latencies);
        let (mut walls, mut legs, mut beyond) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let began = Instant::now();
            let answer = dashboard.answer(&request, as_of).await.unwrap();
            let wall = began.elapsed().as_secs_f64() * 1e3;
            assert!(answer.widgets.values().all(|state| state.status == WidgetStatus::Fresh), "{:?}", answer.sources);
            let leg = answer.sources.iter().map(|source| source.latency_ms).fold(0.0, f64::max);
            walls.push(wall);
            legs.push(leg);
            beyond.push(wall - leg);
        }
        let (wall, leg, beyond) = (median(walls), median(legs), median(beyond));
        println!(
            "stores with latencies of {latencies:?} ms: an answer {wall:.2} ms, the slowest store {leg:.2} ms, {beyond:.2} ms beyond it (medians of {rounds})"
        );
        let slowest = f64::from(u32::try_from(latencies.into_iter().max().unwrap()).unwrap());
        assert!(leg >= slowest, "the slowest store took {leg} ms");
        if slowest == 0.0 {
            baseline = leg;
        }
        assert!(
            !is_drill() || leg <= slowest * 1.1 + baseline * 1.5 + 2.0,
            "{leg} ms with a latency of {slowest} ms, {baseline} ms without"
        );
        assert!(wall <= leg * share + overhead, "{wall} ms, the slowest store {leg} ms");
    }
    platform.remove().await;
}
