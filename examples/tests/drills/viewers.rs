//! P6, as viewers see it: a hundred people look at one page for a minute. What that costs the stores, against what the
//! platform's own dashboard asks of them: the whole page again for each viewer, every five seconds (its code of December
//! 2025) or every two (August 2026).
//!
//! The platform's cost is that of one of its pages, measured on the same warm servers, times the pages that its viewers load:
//! all of them would be more than two processors can do.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{far, peer, platform, replay};

use std::time::Duration;

use axon_examples::{
    generator::Config,
    load::{Plan, Target},
    process::Process,
    stores::Layout,
};
use far::{is_drill, serve, settings};
use peer::Generation;
use platform::{Addresses, Platform};
use replay::Peer;
use tokio::time::sleep;

const VIEWERS: usize = 100;

/// More than the step of a float that holds seconds, so that no page can be answered from a server's cache.
const APART: i64 = 131;

/// Pages that are left out: they make connections, and let servers compile what they run.
const FIRST: i64 = 10;

/// Processor time of the stores, in seconds.
fn spent(stores: &[Process]) -> f64 {
    stores.iter().map(|store| Duration::from_nanos(store.cpu_nanos()).as_secs_f64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_viewers_cost_the_stores_a_hundredth_of_what_they_did() {
    let _turn = crate::turn();
    let (events, seconds, pages) = if is_drill() { (1_000_000, 60, 50) } else { (5_000, 5, 5) };
    let now = chrono::DateTime::from(std::time::SystemTime::now());
    let config = Config { events, now, ..Config::default() };
    // The platform's requests find something in the mapping only that Elasticsearch makes by itself.
    let loaded = Platform::load_as(Layout::Dec2025, Layout::Aug2026, config, "AXON_TEST_MYSQL_URL", None).await;
    let Some(platform) = loaded else { return };
    let Addresses { elasticsearch, sql, redis } = platform.addresses;
    let stores = [elasticsearch, sql, redis].map(|server| Process::listening_on(server.port()));
    let stores: Vec<Process> = stores.into_iter().flatten().collect();
    assert_eq!(stores.len(), 3, "the servers' processes cannot be seen: they must run on this machine");
    let activities = platform.expected.campaigns.iter().flat_map(|campaign| &campaign.activities);
    let with_funnel = activities.filter(|activity| activity.figures.funnel);
    let busiest = with_funnel.max_by_key(|activity| activity.figures.periods.week.counts[0]).unwrap();
    let activity = u64::from(busiest.activity_id);

    // What the servers do by themselves is put down to nobody.
    let watch = Duration::from_secs(seconds);
    sleep(Duration::from_secs(2)).await;
    let before = spent(&stores);
    sleep(watch / 3).await;
    let idle = (spent(&stores) - before) / (watch / 3).as_secs_f64();

    let mut theirs = Vec::new();
    for (generation, every) in [(Generation::First, 5.0), (Generation::Second, 2.0)] {
        let peer = Peer::connect(&platform, &platform.addresses).await.unwrap();
        let mut before = (spent(&stores), std::time::Instant::now());
        for page in 0..FIRST + pages {
            if page == FIRST {
                before = (spent(&stores), std::time::Instant::now());
            }
            let end = platform.expected.as_of.timestamp() - APART * page;
            peer.load(peer::page(generation, activity, end, false)).await.unwrap();
        }
        let own = spent(&stores) - before.0 - idle * before.1.elapsed().as_secs_f64();
        let each = own / f64::from(u32::try_from(pages).unwrap());
        let loads = f64::from(u32::try_from(VIEWERS).unwrap()) * watch.as_secs_f64() / every;
        println!("{}: {:.2} ms of the stores' processors for a page, {loads:.0} pages", generation.name(), each * 1e3);
        theirs.push((generation, each * loads));
    }

    let server = serve(&[], &settings(&platform, &platform.addresses, &[]));
    let url = format!(
        "http://{}/api/v1/dashboard/activity/{activity}/stream?widgets=overview,funnel,realtime&compare=previous",
        server.address
    );
    let plan = Plan::new([url.parse::<Target>().unwrap()]).with_streams(VIEWERS, Duration::from_secs(1));
    let before = (spent(&stores), std::time::Instant::now());
    let report = plan.with_duration(watch).run(|_| {}).await.unwrap();
    let ours = spent(&stores) - before.0 - idle * before.1.elapsed().as_secs_f64();
    assert_eq!(report.failures(), 0, "{report}");
    println!(
        "ours: {:.1} ms of the stores' processors for {VIEWERS} viewers, {watch:?} ({:.1} ms/s when idle)",
        ours * 1e3,
        idle * 1e3
    );
    for (generation, theirs) in theirs {
        let times = theirs / ours.max(f64::EPSILON);
        println!("{}: {theirs:.1} s, {times:.0} times ours", generation.name());
        if is_drill() {
            assert!(times >= 100.0, "{times:.0} times");
        }
    }
    drop(server);
    platform.remove().await;
}
