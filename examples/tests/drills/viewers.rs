//! P6: a hundred viewers of one page for a minute. Compares their cost for the stores with that of the platform's own dashboard,
//! which loads the whole page for each viewer every five seconds (code of December 2025) or every two (August 2026).
//!
//! The platform's cost is that of one of its pages, measured on the same warm servers, times the pages that its viewers load:
//! two processors could not load all of them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{peer, platform, proxied_stores, replay};

use std::time::Duration;

use axon_examples::{
    generator::Config,
    load::{Plan, Target},
    process::Process,
    stores::Layout,
};
use peer::Generation;
use platform::{Addresses, Platform};
use proxied_stores::{is_drill, serve, settings};
use replay::Peer;
use tokio::time::sleep;

const VIEWERS: usize = 100;

/// The distance of the ends of two pages in seconds. It exceeds the precision of a float of seconds, so that no page is answered
/// from a server's cache.
const PAGE_STEP: i64 = 131;

/// Warm-up pages, which are not measured: they open connections and warm the servers.
const WARM_UP_PAGES: i64 = 10;

/// Processor time of the stores, in seconds.
fn spent(stores: &[Process]) -> f64 {
    stores.iter().map(|store| Duration::from_nanos(store.cpu_nanos()).as_secs_f64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_viewers_cost_a_hundredth_of_the_platform_s_load() {
    let _turn = crate::turn();
    let (events, seconds, pages) = if is_drill() { (1_000_000, 60, 50) } else { (5_000, 5, 5) };
    let now = chrono::DateTime::from(std::time::SystemTime::now());
    let config = Config { events, now, ..Config::default() };
    // The platform's queries have hits only with the mapping that Elasticsearch derives by itself.
    let loaded = Platform::load_as(Layout::Dec2025, Layout::Aug2026, config, "AXON_TEST_MYSQL_URL", None).await;
    let Some(platform) = loaded else { return };
    let Addresses { elasticsearch, sql, redis } = platform.addresses;
    let stores = [elasticsearch, sql, redis].map(|server| Process::listening_on(server.port()));
    let stores: Vec<Process> = stores.into_iter().flatten().collect();
    assert_eq!(
        stores.len(),
        3,
        "the processes of the stores were not found: they must run on this machine and as this user"
    );
    let activities = platform.expected.campaigns.iter().flat_map(|campaign| &campaign.activities);
    let with_funnel = activities.filter(|activity| activity.figures.funnel);
    let busiest = with_funnel.max_by_key(|activity| activity.figures.periods.week.counts[0]).unwrap();
    let activity = u64::from(busiest.activity_id);

    // The idle load of the servers is subtracted from both.
    let duration = Duration::from_secs(seconds);
    sleep(Duration::from_secs(2)).await;
    let before = spent(&stores);
    sleep(duration / 3).await;
    let idle = (spent(&stores) - before) / (duration / 3).as_secs_f64();

    let mut platform_costs = Vec::new();
    for (generation, every) in [(Generation::First, 5.0), (Generation::Second, 2.0)] {
        let peer = Peer::connect(&platform, &platform.addresses).await.unwrap();
        let mut before = (spent(&stores), std::time::Instant::now());
        for page in 0..WARM_UP_PAGES + pages {
            if page == WARM_UP_PAGES {
                before = (spent(&stores), std::time::Instant::now());
            }
            let end = platform.expected.as_of.timestamp() - PAGE_STEP * page;
            peer.load(peer::page(generation, activity, end, false)).await.unwrap();
        }
        let own = spent(&stores) - before.0 - idle * before.1.elapsed().as_secs_f64();
        let each = own / f64::from(u32::try_from(pages).unwrap());
        let loads = f64::from(u32::try_from(VIEWERS).unwrap()) * duration.as_secs_f64() / every;
        println!("{}: {:.2} ms of the stores' processors for a page, {loads:.0} pages", generation.name(), each * 1e3);
        platform_costs.push((generation, each * loads));
    }

    let server = serve(&[], &settings(&platform, &platform.addresses, &[]));
    let url = format!(
        "http://{}/api/v1/dashboard/activity/{activity}/stream?widgets=overview,funnel,realtime&compare=previous",
        server.address
    );
    let plan = Plan::new([url.parse::<Target>().unwrap()]).with_streams(VIEWERS, Duration::from_secs(1));
    let before = (spent(&stores), std::time::Instant::now());
    let report = plan.with_duration(duration).run(|_| {}).await.unwrap();
    let ours = spent(&stores) - before.0 - idle * before.1.elapsed().as_secs_f64();
    assert_eq!(report.failures(), 0, "{report}");
    println!(
        "ours: {:.1} ms of the stores' processors for {VIEWERS} viewers, {duration:?} ({:.1} ms/s when idle)",
        ours * 1e3,
        idle * 1e3
    );
    for (generation, cost) in platform_costs {
        let times = cost / ours.max(f64::EPSILON);
        println!("{}: {cost:.1} s, {times:.0} times ours", generation.name());
        if is_drill() {
            assert!(times >= 100.0, "{times:.0} times");
        }
    }
    drop(server);
    platform.remove().await;
}
